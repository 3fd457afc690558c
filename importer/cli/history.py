"""The command that tells of past runs."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from importer.cli.loading import load
from importer.cli.options import Config, Language, LedgerFile, Profile

_SHOWN = 20


def history(
    run: Annotated[
        str | None,
        typer.Argument(
            metavar="[RUN]",
            help="One run in full: its name, the beginning of it, or last.",
            show_default=False,
        ),
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=1,
            help=f"Only the newest N. Default: {_SHOWN}; with --json, all.",
            show_default=False,
        ),
    ] = None,
    as_json: Annotated[
        bool,
        typer.Option(
            "--json", metavar="", help="An array of runs, each with the same keys.", show_default=False
        ),
    ] = False,
    ledger: LedgerFile = None,
    lang: Language = None,
    config: Config = None,
    profile: Profile = None,
) -> None:
    """List past runs, the newest first, or tell of one in full. Changes nothing.

    It does not wait for a run that is going on, whose ledger cannot be read meanwhile: exit code 5.
    """
    from importer import history
    from importer.cli.running import reader_may_leave
    from importer.console import Screen, show_history, show_past_run

    loaded = load({"ledger": ledger, "lang": lang, "config": config, "profile": profile})
    if run is not None:
        reports, known = [history.past_run(loaded.settings, run)], 1
    else:
        shown = limit if limit or as_json else _SHOWN
        reports, known = history.past_runs(loaded.settings, shown)
    with reader_may_leave():
        if as_json:
            full = run is not None
            runs = [history.as_json(report, full=full) for report in reports]
            typer.echo(json.dumps(runs, ensure_ascii=False, indent=2))
        elif run is not None:
            show_past_run(Screen(), reports[0])
        else:
            show_history(Screen(), reports, known)
