"""The commands about templates: list them, and write an empty workbook of one."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from importer.cli.options import Force, Language
from importer.language import _

commands = typer.Typer(
    invoke_without_command=True,
    rich_markup_mode="rich",
    epilog="[bold]Examples[/]\n\n"
    "lead-importer templates\n\n"
    "    the templates, their fields, and the headers that fit them\n\n"
    "lead-importer templates new 1 -o leads.xlsx\n\n"
    "    an empty workbook of template 1, to fill in and import",
)


@commands.callback()
def templates(context: typer.Context, lang: Language = None) -> None:
    """List the input templates, or write an empty workbook of one.

    Without a command: the fields of a lead, and the headers that fit them.
    """
    if context.invoked_subcommand is not None:
        return
    from importer.cli.running import reader_may_leave
    from importer.console import Screen, show_templates
    from importer.templates import customer_id_field, shipped_templates

    with reader_may_leave():
        show_templates(Screen(), customer_id_field(), shipped_templates().values())


@commands.command(
    epilog="[bold]Example[/]\n\nlead-importer templates new 1 -o leads.xlsx\n\n"
    "    then fill it in, and: lead-importer check leads.xlsx"
)
def new(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME|FILE", help="A template that is listed, or a TOML file.", show_default=False
        ),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help="The workbook to write, as .xlsx.")
    ] = Path("leads.xlsx"),
    force: Force = False,
    lang: Language = None,
) -> None:
    """Write an empty workbook to fill in: text columns, prompts, and an example row.

    The example row is not sent: write over it, or leave it.
    """
    from importer.blanks import write_blank
    from importer.templates import find_template, shipped_templates

    write_blank(output, find_template(name), replace=force)
    # Headers alone tell which of the shipped templates is meant.
    named = [] if name in shipped_templates() else ["--template", name]
    typer.echo(_("Written: {path}").format(path=output))
    command = shlex.join(["lead-importer", "check", str(output), *named])
    typer.echo(_("Fill it in, then: {command}").format(command=command))
