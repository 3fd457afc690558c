"""What is shown of past runs, for 80 columns."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from itertools import groupby

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from importer.advice import meaning, rows
from importer.console.screen import STYLES, counted, lasting, text
from importer.language import _
from importer.model import Place
from importer.report import Ended, ImportReport

_ENDED = {Ended.FINISHED: "green", Ended.STOPPED: "bold red", Ended.KILLED: "bold magenta"}

_REASONS = 20


def show_history(console: Console, reports: Sequence[ImportReport], known: int) -> None:
    """Print runs, two lines or more each; `known` is how many the ledger has."""
    if not reports:
        console.print("No run is known yet.")
        return
    widths = (max(len(report.run) for report in reports), 16, 9)
    titles = ("Run", "Started", "Length")
    headings = [heading.ljust(width) for heading, width in zip(titles, widths, strict=True)]
    console.print(text("  ".join([*headings, "Ended"]), "bold"), soft_wrap=True)
    for report in reports:
        line = [report.run.ljust(widths[0]), _local(report.started_at)[:16], _length(report).ljust(widths[2])]
        console.print(
            Text.assemble(text("  ".join([*line, ""])), text(report.ended, _ENDED[report.ended])),
            soft_wrap=True,
        )
        read = ", ".join(report.files) or "no file"
        what = _("update of {files}").format(files=read) if report.command == "update" else read
        told = text(f"{what} to {report.environment}: ", "bright_black")
        console.print(Padding(Text.assemble(told, _counts(report)), (0, 0, 0, 4), expand=False))
    if (earlier := known - len(reports)) > 0:
        console.print(f"and {counted(earlier, 'earlier run')}; --limit shows more")


def show_past_run(console: Console, report: ImportReport) -> None:
    """Print all that is known of a run."""
    console.print(text(f"Run {report.run}", "bold"), soft_wrap=True)
    facts = Table(box=None, pad_edge=False, show_header=False)
    facts.add_column(style="bright_black", no_wrap=True)
    facts.add_column(overflow="fold")
    for called, value in _facts(report):
        facts.add_row(called, value)
    console.print(facts)
    console.print()
    if report.counted:
        console.print(_outcomes(report))
    else:
        console.print(text(_uncounted(report)))
    if report.reasons.counts:
        console.print()
        _show_reasons(console, report)
    console.print()
    command = f"lead-importer report {report.run} -o report.html"
    console.print(text(f"As a page: {command}"), soft_wrap=True)


def _facts(report: ImportReport) -> list[tuple[str, Text]]:
    killed = report.ended is Ended.KILLED
    found = [
        (_("Command"), text(report.command)),
        ("Files", text(", ".join(report.files) or "none was read")),
        ("Sent to", text(f"{report.environment}, {report.base_url}")),
        ("Started", text(_local(report.started_at))),
        ("Ended", text(report.ended if killed else f"{_local(report.finished_at)}, {report.ended}")),
    ]
    found[-1][1].stylize(_ENDED[report.ended], len(found[-1][1]) - len(report.ended))
    if report.stopped is not None:
        found.append(("Stopped", text(report.stopped)))
    if killed:
        if report.command == "run":
            found.append(("", text("what it had noted is told as the ledger has it now")))
        return found
    found.append(("Length", text(lasting(report.seconds))))
    again = f", {report.totals.retries:,} of them tries again" if report.totals.retries else ""
    found.append(("Requests", text(f"{report.totals.requests:,}{again}")))
    if report.measured and (latency := report.measured.latency):
        told = ", ".join(f"{name} {_brief(seconds)}" for name, seconds in latency._asdict().items())
        found.append(("Latency", text(told)))
    found.append(("Exit code", text(str(report.exit_code))))
    found += [("Results", text(str(path))) for path in report.results]
    found += [("To mend", text(str(path))) for path in report.retry_files]
    return found


def _uncounted(report: ImportReport) -> str:
    if report.command == "update":
        return _(
            "An update that is killed leaves no counts. What it has set is in the ledger: run it again, and "
            "nothing is sent twice."
        )
    return "A later run has taken over its rows, so they are no longer counted here."


def _outcomes(report: ImportReport) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("Outcome")
    table.add_column("Rows", justify="right")
    table.add_column("Meaning", style="bright_black")
    for outcome, count in report.totals.outcomes.items():
        if count:
            table.add_row(
                Text(outcome.replace("_", " "), STYLES[outcome]), f"{count:,}", meaning(outcome, report)
            )
    table.add_row(text("read", "bold"), text(f"{report.totals.read:,}", "bold"), "")
    return table


def _show_reasons(console: Console, report: ImportReport) -> None:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("Why", overflow="fold")
    table.add_column("Rows", justify="right")
    table.add_column("For example, and the first rows", overflow="fold")
    for (outcome, code), count in report.reasons.counts.most_common(_REASONS):
        places = report.reasons.places[outcome, code]
        told = Text("\n").join(
            [text(report.reasons.messages[outcome, code]), text(_first(places, count), "bright_black")]
        )
        table.add_row(text(code, STYLES[outcome]), f"{count:,}", told)
    console.print(table)
    if (more := len(report.reasons.counts) - _REASONS) > 0:
        console.print(f"and {counted(more, 'more reason')}; the results have them all")


def _first(places: Sequence[Place], count: int) -> str:
    """Return the first rows of a reason, those of each sheet together."""
    told = []
    for (source, sheet), group in groupby(places, key=lambda place: (place.source, place.sheet)):
        where = f"{source}, sheet {sheet}" if sheet else source
        told.append(f"{where}: row {', '.join(str(place.row) for place in group)}")
    more = f" and {count - len(places):,} more" if count > len(places) else ""
    return "; ".join(told) + more


def _counts(report: ImportReport) -> Text:
    if not report.counted:
        if report.command == "update":
            return text(_("not counted"))
        return text("not counted; a later run has taken over its rows")
    parts = [text(f"{rows(report.totals.read)} read")]
    parts += [
        text(f"{count:,} {outcome.replace('_', ' ')}", STYLES[outcome])
        for outcome, count in report.totals.outcomes.items()
        if count
    ]
    return text(", ").join(parts)


def _length(report: ImportReport) -> str:
    return "" if report.ended is Ended.KILLED else lasting(report.seconds)


def _brief(seconds: float) -> str:
    return f"{seconds * 1000:,.0f} ms" if seconds < 1 else f"{seconds:.1f} s"


def _local(moment: str) -> str:
    """Return a moment in ISO 8601 as the clock on the wall shows it."""
    return f"{datetime.fromisoformat(moment).astimezone():%Y-%m-%d %H:%M:%S}"
