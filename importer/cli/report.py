"""The command that writes the report of a past run as a page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from importer.cli.loading import load
from importer.cli.options import Config, Force, Language, LedgerFile, Profile
from importer.language import _


def report(
    run: Annotated[
        str,
        typer.Argument(
            metavar="[RUN]",
            help="The name of a run, the beginning of it, or last. Default: last.",
            show_default=False,
        ),
    ] = "last",
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help="The page to write, as .html.")
    ] = Path("report.html"),
    force: Force = False,
    ledger: LedgerFile = None,
    lang: Language = None,
    config: Config = None,
    profile: Profile = None,
) -> None:
    """Write the report of a past run as a page of HTML, to open or to mail. Changes nothing in the ledger."""
    from importer.history import past_run
    from importer.page import write_page
    from importer.places import refuse_bad_page

    refuse_bad_page(output, replace=force)
    loaded = load({"ledger": ledger, "lang": lang, "config": config, "profile": profile})
    write_page(output, past_run(loaded.settings, run))
    typer.echo(_("Written: {path}").format(path=output))
