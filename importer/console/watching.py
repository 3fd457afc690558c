"""Watchers of a run: a progress bar on a terminal, lines elsewhere, or not a word."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TextIO

from rich.columns import Columns
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TimeRemainingColumn
from rich.text import Text

from importer.attempts import AttemptEnded
from importer.console.pacing import Steady, differs_notably, in_words
from importer.console.screen import STYLES, text
from importer.language import _, in_figures, speaking, spoken
from importer.model import InDoubt, OutcomeName, Place, SetUpWrong, Totals, TryAgain
from importer.operations import utc_text
from importer.pace import Hold
from importer.pool import RowEnded, Watcher
from importer.printable import UNPRINTABLE, plain

SECONDS_BETWEEN_LINES = 5.0
_UNREMARKABLE = {
    OutcomeName.CREATED,
    OutcomeName.EXISTING,
    OutcomeName.DUPLICATE,
    OutcomeName.NOT_ATTEMPTED,
    OutcomeName.UPDATED,
    OutcomeName.UNCHANGED,
}


class Silent(Watcher):
    """Watches without a word."""


class LineLog:
    """Writes lines to `stream`: text, or JSON objects with ``time``, ``level``, ``event`` and more.

    With `verbose`, every attempt that brought nothing and every row that did not end well has its own; in
    JSON every row, with the attempt that settled it. `run` is the name of the run, which each object has.
    """

    def __init__(
        self,
        stream: TextIO,
        *,
        as_json: bool,
        verbose: bool = False,
        run: str | None = None,
        clock: Callable[[], float] = time.time,
        timer: Callable[[], float] = time.monotonic,
    ) -> None:
        self._stream = stream
        self._as_json = as_json
        self._verbose = verbose
        self._run = {} if run is None else {"run": run}
        self._last_attempts: dict[Place, AttemptEnded] = {}
        self._clock = clock
        self._timer = timer
        self._totals = Totals()
        self._rows = 0
        self._said = timer()
        self._trouble = ""
        self._holding: Callable[[], Hold | None] = _nothing
        self._told: Hold | None = None

    def write(self, level: str, event: str, message: str, **more: object) -> None:
        """Write one line; JSON has what is in `more` besides the message, text the message alone."""
        moment = utc_text(self._clock())
        if self._as_json:
            line = json.dumps(
                {"time": moment, "level": level, "event": event, "message": message, **self._run, **more},
                ensure_ascii=False,
                default=str,
            )
            line = UNPRINTABLE.sub(lambda sign: f"\\u{ord(sign[0]):04x}", line)
        else:
            line = plain(f"{moment[11:19]} {level:7} {' '.join(message.splitlines())}")
        # Whoever read the lines may have gone; that is no reason to stop the import.
        with suppress(OSError, ValueError):
            self._stream.write(f"{line}\n")
            self._stream.flush()

    def began(self, totals: Totals, rows: int) -> None:
        """See :class:`importer.pool.Watcher`."""
        self._totals, self._rows, self._said = totals, rows, self._timer()

    def paced_by(self, holding: Callable[[], Hold | None]) -> None:
        """See :class:`importer.pool.Watcher`."""
        self._holding = holding

    def attempt_ended(self, attempt: AttemptEnded) -> None:
        """See :class:`importer.pool.Watcher`."""
        self._trouble = trouble_of(attempt)
        self.tick()
        if self._verbose and self._as_json:
            self._last_attempts[attempt.pending.place] = attempt
        if self._verbose and isinstance(attempt.ending, TryAgain | InDoubt | SetUpWrong):
            error = attempt.ending.error
            self.write(
                "info",
                "attempt",
                _("{place}: attempt {number} brought nothing ({code})").format(
                    place=attempt.pending.place, number=attempt.number, code=error.code
                ),
                row=attempt.pending.place.row,
                source=attempt.pending.place.source,
                sheet=attempt.pending.place.sheet,
                attempt=attempt.number,
                milliseconds=round(attempt.seconds * 1000),
                code=error.code,
                request_id=error.request_id,
            )

    def row_ended(self, row: RowEnded) -> None:
        """See :class:`importer.pool.Watcher`."""
        self.tick()
        remarkable = row.outcome not in _UNREMARKABLE
        if self._verbose and (self._as_json or remarkable):
            last = self._last_attempts.pop(row.place, None)
            why = f": {row.error.code}, {row.error.message}" if row.error else ""
            self.write(
                "warning" if remarkable else "info",
                "row",
                f"{row.place}: {row.outcome}{why}",
                row=row.place.row,
                source=row.place.source,
                sheet=row.place.sheet,
                outcome=str(row.outcome),
                attempt=last.number if last else 0,
                milliseconds=round(last.seconds * 1000) if last else 0,
                code=row.error.code if row.error else "",
                request_id=row.error.request_id if row.error else "",
            )

    def stopping(self, reason: str) -> None:
        """See :class:`importer.pool.Watcher`."""
        self.write("warning", "stopping", reason)

    def tick(self) -> None:
        """Tell how far the run is, if nothing was said of it for some seconds."""
        now = self._timer()
        if now - self._said < SECONDS_BETWEEN_LINES:
            return
        self._said = now
        self._tell_pace()
        message, counts = self._progress()
        self.write("info", "progress", message, **counts)

    def _progress(self) -> tuple[str, dict[str, int]]:
        """Return how far the run is, for a person and in numbers."""
        counts = {str(outcome): count for outcome, count in self._totals.outcomes.items() if count}
        told = ", ".join(f"{in_figures(count)} {name.replace('_', ' ')}" for name, count in counts.items())
        done = sum(counts.values())
        message = _("{done} of about {rows} rows: {counts}").format(
            done=in_figures(done), rows=in_figures(self._rows), counts=told or _("none ended yet")
        )
        message += f"; {self._trouble}" if self._trouble else ""
        return message, {"rows": self._rows, "read": self._totals.read, **counts}

    def _tell_pace(self) -> None:
        hold = self._holding()
        if not differs_notably(hold, self._told):
            return
        self._told = hold
        self.write(
            "info",
            "pace",
            in_words(hold) or _("nothing holds the run back any more"),
            held_by=None if hold is None else str(hold.by),
            amount=None if hold is None else round(hold.amount, 1),
        )


def _nothing() -> None:
    """Tell that nothing holds the run back, as long as nobody can be asked."""


def trouble_of(attempt: AttemptEnded) -> str:
    """Return why the last attempt brought nothing; empty if it did."""
    if isinstance(attempt.ending, TryAgain | InDoubt | SetUpWrong):
        return _("the last attempt failed: {message}").format(message=attempt.ending.error.message)
    return ""


class _RateColumn(ProgressColumn):
    def __init__(self, language: str) -> None:
        super().__init__()
        self._language = language

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        # It is asked for only while it is drawn, by a thread that has heard of no language.
        with speaking(self._language):
            told = _("{speed} rows/s").format(speed=in_figures(speed)) if speed else ""
        return Text(told, style="progress.data.speed")


class ProgressDisplay(Silent):
    """A progress bar on a terminal, with the rate, the time left, live counts and what holds the run back."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._language = spoken()
        self._totals = Totals()
        self._trouble = ""
        self._holding: Callable[[], Hold | None] = _nothing
        self._held = Steady()
        self._progress = Progress(
            BarColumn(bar_width=None),
            MofNCompleteColumn(),
            _RateColumn(self._language),
            TimeRemainingColumn(compact=True),
            console=console,
            expand=True,
        )
        self._task = self._progress.add_task("leads", total=None)
        self._live = Live(
            console=console, get_renderable=self._rendered, transient=True, refresh_per_second=8
        )

    def __enter__(self) -> ProgressDisplay:
        """Show it."""
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Take it off the screen."""
        self._live.stop()

    def began(self, totals: Totals, rows: int) -> None:
        """See :class:`importer.pool.Watcher`."""
        self._totals = totals
        self._progress.update(self._task, total=max(rows, 1))

    def paced_by(self, holding: Callable[[], Hold | None]) -> None:
        """See :class:`importer.pool.Watcher`."""
        self._holding = holding

    def attempt_ended(self, attempt: AttemptEnded) -> None:
        """See :class:`importer.pool.Watcher`."""
        self._trouble = trouble_of(attempt)

    def stopping(self, reason: str) -> None:
        """See :class:`importer.pool.Watcher`."""
        # The report tells the reason, once the run has ended.
        self._console.print(Text(_("Stopping; what is under way is settled first."), style="yellow"))

    def _rendered(self) -> RenderableType:
        # The thread that draws has heard of no language.
        with speaking(self._language):
            return self._render()

    def _render(self) -> RenderableType:
        self._progress.update(self._task, completed=self._done())
        counts = [
            Text(f"{outcome.replace('_', ' ')} {in_figures(count)}", style=STYLES[outcome])
            for outcome, count in self._totals.outcomes.items()
            if count
        ]
        held = in_words(self._held.shown(self._holding(), self._console.get_time()))
        lines = [text(held, "yellow")] if held else []
        return Group(
            self._progress, Columns(counts, padding=(0, 2)), *lines, text(self._trouble, "bright_black")
        )

    def _done(self) -> int:
        return sum(self._totals.outcomes.values())
