"""What a person sees of a run: progress on a terminal, lines elsewhere, and the report at its end.

On a terminal there is a progress bar with live counts. Elsewhere there is one line every few seconds, as text
or JSON, without control characters. Lines carry row numbers, never names, phones or addresses.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, TextIO

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from importer.advice import MEANINGS, next_steps, rows
from importer.attempts import AttemptEnded
from importer.model import InDoubt, OutcomeName, SetUpWrong, Totals, TryAgain
from importer.operations import utc_text
from importer.report import ImportReport
from importer.runner import RowEnded

if TYPE_CHECKING:
    from importer.checking import CheckReport

STYLES = {
    OutcomeName.CREATED: "green",
    OutcomeName.EXISTING: "cyan",
    OutcomeName.DUPLICATE: "cyan",
    OutcomeName.INVALID: "yellow",
    OutcomeName.REJECTED: "red",
    OutcomeName.FAILED: "red",
    OutcomeName.IN_DOUBT: "bold magenta",
    OutcomeName.NOT_ATTEMPTED: "bright_black",
}

SECONDS_BETWEEN_LINES = 5.0
_REASONS = 8
_UNREMARKABLE = {OutcomeName.CREATED, OutcomeName.EXISTING, OutcomeName.DUPLICATE, OutcomeName.NOT_ATTEMPTED}


class Silent:
    """Watches without a word."""

    def began(self, totals: Totals, rows: int) -> None:
        """See :class:`importer.runner.Watcher`."""

    def attempt_ended(self, attempt: AttemptEnded) -> None:
        """See :class:`importer.runner.Watcher`."""

    def row_ended(self, row: RowEnded) -> None:
        """See :class:`importer.runner.Watcher`."""

    def stopping(self, reason: str) -> None:
        """See :class:`importer.runner.Watcher`."""


class LineLog:
    """Writes lines to `stream`: text, or JSON objects with ``time``, ``level``, ``event`` and more.

    With `verbose`, every attempt that brought no application and every row that did not end well has its own.
    """

    def __init__(
        self,
        stream: TextIO,
        *,
        as_json: bool,
        verbose: bool = False,
        clock: Callable[[], float] = time.time,
        timer: Callable[[], float] = time.monotonic,
    ) -> None:
        self._stream = stream
        self._as_json = as_json
        self._verbose = verbose
        self._clock = clock
        self._timer = timer
        self._totals = Totals()
        self._rows = 0
        self._said = timer()

    def write(self, level: str, event: str, message: str, **more: object) -> None:
        """Write one line; JSON has what is in `more` besides the message, text the message alone."""
        moment = utc_text(self._clock())
        if self._as_json:
            line = json.dumps(
                {"time": moment, "level": level, "event": event, "message": message, **more},
                ensure_ascii=False,
                default=str,
            )
        else:
            line = f"{moment[11:19]} {level:7} {message}"
        self._stream.write(" ".join(line.splitlines()) + "\n")
        self._stream.flush()

    def began(self, totals: Totals, rows: int) -> None:
        """See :class:`importer.runner.Watcher`."""
        self._totals, self._rows, self._said = totals, rows, self._timer()

    def attempt_ended(self, attempt: AttemptEnded) -> None:
        """See :class:`importer.runner.Watcher`."""
        self.tick()
        if self._verbose and isinstance(attempt.ending, TryAgain | InDoubt | SetUpWrong):
            error = attempt.ending.error
            self.write(
                "info",
                "attempt",
                f"{attempt.pending.lead.place}: attempt {attempt.number} brought nothing ({error.code})",
                row=attempt.pending.lead.place.row,
                source=attempt.pending.lead.place.source,
                sheet=attempt.pending.lead.place.sheet,
                attempt=attempt.number,
                milliseconds=round(attempt.seconds * 1000),
                code=error.code,
                request_id=error.request_id,
            )

    def row_ended(self, row: RowEnded) -> None:
        """See :class:`importer.runner.Watcher`."""
        self.tick()
        if self._verbose and row.outcome not in _UNREMARKABLE:
            why = f": {row.error.code}, {row.error.message}" if row.error else ""
            self.write(
                "warning",
                "row",
                f"{row.place}: {row.outcome}{why}",
                row=row.place.row,
                source=row.place.source,
                sheet=row.place.sheet,
                outcome=str(row.outcome),
                code=row.error.code if row.error else "",
            )

    def stopping(self, reason: str) -> None:
        """See :class:`importer.runner.Watcher`."""
        self.write("warning", "stopping", reason)

    def tick(self) -> None:
        """Tell how far the run is, if nothing was said of it for some seconds."""
        now = self._timer()
        if now - self._said < SECONDS_BETWEEN_LINES:
            return
        self._said = now
        counts = {str(outcome): count for outcome, count in self._totals.outcomes.items() if count}
        told = ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in counts.items())
        done = sum(counts.values())
        self.write(
            "info",
            "progress",
            f"{done:,} of about {self._rows:,} rows: {told or 'none ended yet'}",
            rows=self._rows,
            read=self._totals.read,
            **counts,
        )


class _RateColumn(ProgressColumn):
    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text(f"{speed:,.0f} rows/s" if speed else "", style="progress.data.speed")


class ProgressDisplay(Silent):
    """A progress bar on a terminal, with the rate, the time left, and live counts by outcome."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._totals = Totals()
        self._progress = Progress(
            BarColumn(bar_width=None),
            MofNCompleteColumn(),
            _RateColumn(),
            TimeRemainingColumn(compact=True),
            console=console,
            expand=True,
        )
        self._task = self._progress.add_task("leads", total=None)
        self._live = Live(console=console, get_renderable=self._render, transient=True, refresh_per_second=8)

    def __enter__(self) -> ProgressDisplay:
        """Show it."""
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Take it off the screen."""
        self._live.stop()

    def began(self, totals: Totals, rows: int) -> None:
        """See :class:`importer.runner.Watcher`."""
        self._totals = totals
        self._progress.update(self._task, total=max(rows, 1))

    def stopping(self, reason: str) -> None:
        """See :class:`importer.runner.Watcher`."""
        self._console.print(Text(f"Stopping: {reason}", style="yellow"))

    def _render(self) -> RenderableType:
        outcomes = self._totals.outcomes
        self._progress.update(self._task, completed=sum(outcomes.values()))
        counts = Text("  ").join(
            Text(f"{outcome.replace('_', ' ')} {count:,}", style=STYLES[outcome])
            for outcome, count in outcomes.items()
            if count
        )
        return Group(self._progress, counts)


def show_report(console: Console, report: ImportReport, *, dry_run: bool = False) -> None:
    """Print the totals of a run, why rows did not become applications, and what to do next."""
    for notice in report.notices:
        console.print(Text(f"Note: {notice}", style="yellow"))
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("Outcome")
    table.add_column("Rows", justify="right")
    table.add_column("Meaning", style="bright_black")
    for outcome, count in report.totals.outcomes.items():
        if count:
            name = Text(outcome.replace("_", " "), style=STYLES[outcome])
            table.add_row(name, f"{count:,}", MEANINGS[outcome])
    table.add_row(
        Text("read", style="bold"),
        Text(f"{report.totals.read:,}", style="bold"),
        f"in {report.seconds:.1f} s, with {report.totals.requests:,} requests to {report.environment}",
    )
    console.print(table)
    _show_reasons(console, report)
    if report.stopped is not None:
        console.print(Text(f"\nStopped early. {report.stopped}", style="bold red"))
    steps = next_steps(report, dry_run=dry_run)
    if steps or report.results:
        console.print()
    for step in steps:
        console.print(Text(f"-> {step}", style="bold"), soft_wrap=False)
    for path in report.results:
        console.print(Text(f"Results: {path}"), soft_wrap=True)


def _show_reasons(console: Console, report: ImportReport) -> None:
    reasons = report.reasons.counts.most_common(_REASONS)
    if not reasons:
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("Why", no_wrap=True)
    table.add_column("Rows", justify="right")
    table.add_column("For example", overflow="fold")
    for (outcome, code), count in reasons:
        message = report.reasons.messages[outcome, code]
        table.add_row(Text(code, style=STYLES[outcome]), f"{count:,}", Text(message))
    console.print()
    console.print(table)
    if len(report.reasons.counts) > _REASONS:
        console.print(f"and {len(report.reasons.counts) - _REASONS} more reasons; the results have them all")


def log_report(log: LineLog, report: ImportReport, *, dry_run: bool = False) -> None:
    """Write the end of a run as lines."""
    for notice in report.notices:
        log.write("warning", "notice", notice)
    for step in next_steps(report, dry_run=dry_run):
        log.write("warning", "next_step", step)
    counts = ", ".join(
        f"{count:,} {outcome.replace('_', ' ')}" for outcome, count in report.totals.outcomes.items() if count
    )
    log.write(
        "info" if report.exit_code == 0 else "error",
        "ended",
        f"{rows(report.totals.read)} read: {counts or 'none'}; exit code {report.exit_code}",
        **report.summary(),
    )


def show_check(console: Console, report: CheckReport, base_url: str) -> None:
    """Print what `check` found, for 80 columns."""
    for notice in report.notices:
        console.print(Text(f"Note: {notice}", style="yellow"))
    for checked in report.inputs:
        where = f"{checked.source}, sheet {checked.sheet}" if checked.sheet else checked.source
        console.print(Text(f"{where}: {rows(checked.rows)}, template {checked.template}", style="bold"))
        table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 2))
        for heading in ("Field", "Column", "Sample"):
            table.add_column(heading, overflow="fold")
        for column in checked.columns:
            table.add_row(Text(column.field), Text(column.header), Text(column.sample))
        console.print(table)
        if checked.ignored:
            console.print(Text(f"  not sent: {', '.join(checked.ignored)}", style="bright_black"))
    if (request := report.request()) is not None:
        console.print(Text("\nThe first request:", style="bold"))
        console.print(Text(f"  {request.method} {base_url}{request.path}"), soft_wrap=True)
        console.print(Text(f"  {request.content.decode()}"), soft_wrap=True)
    _show_problems(console, report)
    console.print(
        Text(
            f"\n{rows(report.to_send)} to send, {report.invalid:,} to mend, "
            f"{report.duplicates:,} duplicates, {report.read:,} read",
            style="bold",
        )
    )


def _show_problems(console: Console, report: CheckReport) -> None:
    if report.problems:
        table = Table(box=None, pad_edge=False, header_style="bold")
        table.add_column("Problem", no_wrap=True)
        table.add_column("Rows", justify="right")
        table.add_column("Where and what to do", overflow="fold")
        for kind in report.problems:
            places = ", ".join(str(place.row) for place in kind.examples)
            more = ", …" if kind.rows > len(kind.examples) else ""
            column = f"{kind.column}: " if kind.column else ""
            table.add_row(
                Text(kind.code, style="yellow"),
                f"{kind.rows:,}",
                Text(f"{column}{kind.message} (row {places}{more})"),
            )
        console.print()
        console.print(table)
    for note, count in report.notes.items():
        console.print(Text(f"Note: {note} ({rows(count)})", style="bright_black"))


def print_error(message: str, stream: TextIO | None = None) -> None:
    """Print what stopped the work, for a person to read."""
    console = Console(file=stream or sys.stderr, highlight=False)
    console.print(f"[bold red]Error:[/] {escape(message)}", soft_wrap=True)
