"""What everything that is shown has in common: the console, its colours, and text that moves nothing."""

from __future__ import annotations

import sys
from datetime import timedelta
from typing import TextIO

from rich.console import Console
from rich.text import Text

from importer.language import _, in_figures
from importer.model import OutcomeName
from importer.printable import plain

STYLES = {
    OutcomeName.CREATED: "green",
    OutcomeName.EXISTING: "cyan",
    OutcomeName.DUPLICATE: "cyan",
    OutcomeName.INVALID: "yellow",
    OutcomeName.REJECTED: "red",
    OutcomeName.FAILED: "red",
    OutcomeName.IN_DOUBT: "bold magenta",
    OutcomeName.NOT_ATTEMPTED: "bright_black",
    OutcomeName.UPDATED: "green",
    OutcomeName.UNCHANGED: "cyan",
}


class Screen(Console):
    """A console that leaves it to its user what happens when the reader of a pipe has gone."""

    def __init__(self, *, stderr: bool = False) -> None:
        super().__init__(stderr=stderr, highlight=False)

    def on_broken_pipe(self) -> None:
        """Raise :class:`BrokenPipeError`, where rich would end the process."""
        raise BrokenPipeError


def print_error(message: str, stream: TextIO | None = None) -> None:
    """Print what stopped the work, for a person to read."""
    console = Console(file=stream or sys.stderr, highlight=False)
    lines = "\n".join(map(plain, message.splitlines()))
    # Only a terminal has a width: in a log, a message stays on one line.
    console.print(Text.assemble((_("Error:"), "bold red"), f" {lines}"), soft_wrap=not console.is_terminal)


def text(words: str, style: str = "") -> Text:
    """Return `words` for the screen: whatever they hold is shown, and neither styles nor moves anything."""
    return Text(plain(words), style=style)


def note(notice: str) -> Text:
    """Return what the person should know, for the screen."""
    return text(_("Note: {notice}").format(notice=notice), "yellow")


def lasting(seconds: float) -> str:
    if seconds < 100:
        return _("{seconds} s").format(seconds=in_figures(seconds, 1))
    return str(timedelta(seconds=round(seconds)))
