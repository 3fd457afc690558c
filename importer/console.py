"""What a person sees of a run: progress on a terminal, lines elsewhere, and the report at its end.

On a terminal there is a progress bar with live counts. Elsewhere there is one line every few seconds, as text
or JSON, without control characters. Lines carry row numbers, never names, phones or addresses.
"""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from itertools import groupby
from typing import TYPE_CHECKING, TextIO

from rich.columns import Columns
from rich.console import Console, Group, RenderableType
from rich.live import Live
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
    from importer.checking import CheckReport, RemarkKind

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
_REASON_WIDTH = 26
_UNREMARKABLE = {OutcomeName.CREATED, OutcomeName.EXISTING, OutcomeName.DUPLICATE, OutcomeName.NOT_ATTEMPTED}

# Names of files, headers and cells may hold them: what moves the cursor, ends a line or turns the direction
# of writing, and halves of characters, which no stream can encode.
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


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
            line = _UNPRINTABLE.sub(lambda sign: f"\\u{ord(sign[0]):04x}", line)
        else:
            line = _plain(f"{moment[11:19]} {level:7} {' '.join(message.splitlines())}")
        self._stream.write(f"{line}\n")
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
        self._console.print(_text(f"Stopping: {reason}", "yellow"))

    def _render(self) -> RenderableType:
        outcomes = self._totals.outcomes
        self._progress.update(self._task, completed=sum(outcomes.values()))
        counts = [
            Text(f"{outcome.replace('_', ' ')} {count:,}", style=STYLES[outcome])
            for outcome, count in outcomes.items()
            if count
        ]
        return Group(self._progress, Columns(counts, padding=(0, 2)))


def show_report(console: Console, report: ImportReport, *, dry_run: bool = False) -> None:
    """Print the totals of a run, why rows did not become applications, and what to do next."""
    for notice in report.notices:
        console.print(_text(f"Note: {notice}", "yellow"))
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
        f"in {_lasting(report.seconds)}, with {_counted(report.totals.requests, 'request')} "
        f"to {report.environment}",
    )
    console.print(table)
    _show_reasons(console, report)
    if report.stopped is not None:
        console.print()
        console.print(_text(f"Stopped early. {report.stopped}", "bold red"))
    steps = next_steps(report, dry_run=dry_run)
    if steps or report.results:
        console.print()
    for step in steps:
        # A line end within a path would be copied with it.
        names_file = any(str(path) in step for path in report.retry_files)
        console.print(_text(f"-> {step}", "bold"), soft_wrap=names_file)
    for path in report.results:
        console.print(_text(f"Results: {path}"), soft_wrap=True)


def _show_reasons(console: Console, report: ImportReport) -> None:
    reasons = report.reasons.counts.most_common(_REASONS)
    if not reasons:
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("Why", overflow="fold", max_width=_REASON_WIDTH)
    table.add_column("Rows", justify="right")
    table.add_column("For example", overflow="fold")
    for (outcome, code), count in reasons:
        message = report.reasons.messages[outcome, code]
        table.add_row(_text(code, STYLES[outcome]), f"{count:,}", _text(message))
    console.print()
    console.print(table)
    if (more := len(report.reasons.counts) - _REASONS) > 0:
        console.print(f"and {_counted(more, 'more reason')}; the results have them all")


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
        console.print(_text(f"Note: {notice}", "yellow"))
    for checked in report.inputs:
        where = _sheet(checked.source, checked.sheet)
        console.print(_text(f"{where}: {rows(checked.rows)}, template {checked.template}", "bold"))
        table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 2))
        for heading in ("Field", "Column", "Sample"):
            table.add_column(heading, overflow="fold")
        for column in checked.columns:
            table.add_row(_text(column.field), _text(column.header), _text(column.sample))
        console.print(table)
        if checked.ignored:
            console.print(_text(f"  not sent: {', '.join(checked.ignored)}", "bright_black"))
    if (request := report.request()) is not None:
        console.print()
        console.print(_text("The first request:", "bold"))
        console.print(_text(f"  {request.method} {base_url}{request.path}"), soft_wrap=True)
        console.print(_text(f"  {request.content.decode()}"), soft_wrap=True)
    several = len(report.inputs) > 1
    _show_kinds(console, "Problem", "What to do, and where", "yellow", report.problems, named=several)
    _show_kinds(console, "Warning", "What to look at, and where", "cyan", report.warnings, named=several)
    _show_kinds(console, "Repair", "What was done, and where", "green", report.repairs, named=several)
    console.print()
    console.print(
        _text(
            f"{rows(report.to_send)} to send, {report.invalid:,} to mend, "
            f"{_counted(report.duplicates, 'duplicate')}, {report.read:,} read",
            "bold",
        )
    )


def _show_kinds(
    console: Console, title: str, heading: str, style: str, kinds: Sequence[RemarkKind], *, named: bool
) -> None:
    """Print a table of `kinds`, with the sheets of their rows if these are to be `named`."""
    if not kinds:
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column(title, no_wrap=True)
    table.add_column("Rows", justify="right")
    table.add_column(heading, overflow="fold")
    for kind in kinds:
        column = f"{kind.column}: " if kind.column else ""
        table.add_row(
            _text(kind.code, style),
            f"{kind.rows:,}",
            Text("\n").join([_text(f"{column}{kind.message}"), _text(_places(kind, named=named))]),
        )
    console.print()
    console.print(table)


def _places(kind: RemarkKind, *, named: bool) -> str:
    """Return the rows of `kind`, with their sheets if these are to be `named`."""
    parts: list[str] = []
    for (source, sheet), spans in groupby(kind.spans, key=lambda span: (span.source, span.sheet)):
        numbers = [
            str(span.first) if span.first == span.last else f"{span.first}-{span.last}" for span in spans
        ]
        where = f"{_sheet(source, sheet)}: " if named else ""
        one = len(numbers) == 1 and numbers[0].isdecimal()
        parts.append(f"{where}{'row' if one else 'rows'} {', '.join(numbers)}")
    more = f" and {kind.rows_left_out:,} more" if kind.rows_left_out else ""
    return "; ".join(parts) + more


def _sheet(source: str, sheet: str) -> str:
    return f"{source}, sheet {sheet}" if sheet else source


def print_error(message: str, stream: TextIO | None = None) -> None:
    """Print what stopped the work, for a person to read."""
    console = Console(file=stream or sys.stderr, highlight=False)
    lines = "\n".join(map(_plain, message.splitlines()))
    console.print(Text.assemble(("Error:", "bold red"), f" {lines}"), soft_wrap=True)


def _text(words: str, style: str = "") -> Text:
    """Return `words` for the screen: whatever they hold is shown, and neither styles nor moves anything."""
    return Text(_plain(words), style=style)


def _plain(text: str) -> str:
    return _UNPRINTABLE.sub("\ufffd", text)


def _counted(count: int, thing: str) -> str:
    return f"{count:,} {thing}" if count == 1 else f"{count:,} {thing}s"


def _lasting(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < 100 else str(timedelta(seconds=round(seconds)))
