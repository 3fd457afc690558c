"""The command that writes a first settings file."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Annotated

import typer

from importer.cli.options import Language
from importer.language import _


def init(
    user: Annotated[
        bool,
        typer.Option(
            "--user",
            metavar="",
            help="Into your config directory, for any working directory without a file of its own.",
            show_default=False,
        ),
    ] = False,
    no_input: Annotated[
        bool,
        typer.Option(
            "--no-input",
            metavar="",
            help="Ask nothing; leave placeholders for the credentials.",
            show_default=False,
        ),
    ] = False,
    lang: Language = None,
) -> None:
    """Write a first settings file, lead-importer.toml, that only you can read.

    It has profiles for the sandbox and for production. On a terminal it asks for the pair of the sandbox.
    """
    from importer.settings.files import FILE_NAME, user_file
    from importer.settings.first import already_there, first_file, write_first_file

    path = user_file() if user else Path(FILE_NAME)
    if os.path.lexists(path):
        raise already_there(path)
    key = secret = ""
    if sys.stdin.isatty() and not no_input:
        typer.echo(
            _("The pair of your app in the sandbox, from the Tini console. Enter leaves it for later.")
        )
        try:
            key = _asked(_("Client key"), hidden=False)
            secret = _asked(_("Client secret (not shown)"), hidden=True) if key else ""
        except typer.Abort:
            typer.echo(_("Interrupted; nothing was written."), err=True)
            raise typer.Exit(128 + signal.SIGINT) from None
    write_first_file(path, first_file(key, secret))
    typer.echo(_("Written: {path}").format(path=path))
    if not secret:
        step = _("Fill in client_key and client_secret in {path}").format(path=path)
        typer.echo(f"-> {step}")
    for command, does in (
        ("lead-importer doctor", _("is everything set up?")),
        ("lead-importer run leads.csv --env local", _("rehearse; nothing leaves this machine")),
    ):
        typer.echo(f"-> {command:<44}{does}")


def _asked(question: str, *, hidden: bool) -> str:
    from importer.settings.pairs import fits_header

    while True:
        answer: str = typer.prompt(question, default="", show_default=False, hide_input=hidden).strip()
        if not answer or fits_header(answer):
            return answer
        typer.echo(_("It has a blank or a sign outside ASCII in it. Copy it again."), err=True)
