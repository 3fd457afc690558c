"""The command that settles rows in doubt."""

from __future__ import annotations

import getpass
import os
import re
import time
from collections.abc import Iterator, Sequence
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from importer.cli.loading import load
from importer.cli.options import Config, Language, LedgerFile, Profile

# What may follow another row behind one option: no file is called so.
_ANOTHER = re.compile(r"all|(?:[^-].*!)?\d+(?:-\d+|@\S+)?(?:,.*)?|(?:[^-].*!)?\d+(?:@\S+)?=\S+")
_REPEATABLE = frozenset({"--created", "--not-created", "--resend"})


class ResolveCommand(TyperCommand):
    """Takes several rows behind one option: ``--not-created 17 18 20-25``."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the arguments as if each row had its option before it."""
        return super().parse_args(ctx, list(_spread(args)))


def _spread(arguments: Sequence[str]) -> Iterator[str]:
    option, given = "", False
    for argument in arguments:
        if argument in _REPEATABLE:
            option, given = argument, False
        elif option and given and _ANOTHER.fullmatch(argument):
            yield option
        elif option and given:
            option = ""
        else:
            given = True
        yield argument


def user_name() -> str:
    """Return who is at this computer, as far as the system says."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return f"user {os.getuid()}" if hasattr(os, "getuid") else "unknown"


def resolve(
    context: typer.Context,
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="A file that was imported before.", show_default=False)
    ],
    created: Annotated[
        list[str] | None,
        typer.Option(metavar="ROW=ID...", help="It exists: the id that the Tini console shows."),
    ] = None,
    not_created: Annotated[
        list[str] | None,
        typer.Option(metavar="ROW...", help="It does not exist: the next run sends it."),
    ] = None,
    resend: Annotated[
        list[str] | None,
        typer.Option(metavar="ROW...", help="Send it again, though it may exist, at your risk."),
    ] = None,
    ledger: LedgerFile = None,
    lang: Language = None,
    config: Config = None,
    profile: Profile = None,
) -> None:
    """Settle rows in doubt; without an answer, list them.

    A ROW is a number, a range such as 17-20, SHEET!17, 17@CUSTOMER, or all. An answer is recorded with its
    time and who gave it; another one takes it back, until the row is sent again.
    """
    from importer.cli.running import reader_may_leave
    from importer.console import Screen, show_resolution
    from importer.resolving import Answers, resolve

    loaded = load({"ledger": ledger, "lang": lang, "config": config, "profile": profile})
    answers = Answers(created=created or (), not_created=not_created or (), resend=resend or ())
    resolution = resolve(file, answers, loaded.settings, now=time.time(), user=user_name())
    resolution.notices[:0] = loaded.notices
    with reader_may_leave():
        show_resolution(Screen(), file, resolution)
    raise typer.Exit(resolution.exit_code)
