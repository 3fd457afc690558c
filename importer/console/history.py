"""What is shown of past runs, for 80 columns."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from importer.advice import meaning, more_reasons, rows, rows_by_sheet
from importer.console.screen import STYLES, lasting, text
from importer.language import _, in_figures, marked, ngettext
from importer.model import Place
from importer.report import Ended, ImportReport

_ENDED = {
    Ended.FINISHED: (marked("finished"), "green"),
    Ended.STOPPED: (marked("stopped"), "bold red"),
    Ended.KILLED: (marked("killed"), "bold magenta"),
}

_REASONS = 20


def show_history(console: Console, reports: Sequence[ImportReport], known: int) -> None:
    """Print runs, two lines or more each; `known` is how many the ledger has."""
    if not reports:
        console.print(_("No run is known yet."))
        return
    titles = (_("Run"), _("Started"), _("Length"))
    lines = [(report.run, _local(report.started_at)[:16], _length(report)) for report in reports]
    widths = [max(map(len, column)) for column in zip(titles, *lines, strict=True)]
    console.print(text("  ".join([*_padded(titles, widths), _("Ended")]), "bold"), soft_wrap=True)
    for report, line in zip(reports, lines, strict=True):
        ended = _ended(report)
        console.print(Text.assemble(text("  ".join([*_padded(line, widths), ""])), ended), soft_wrap=True)
        files = ", ".join(report.files) or _("no file")
        told = (
            _("update of {files} to {environment}:")
            if report.command == "update"
            else _("{files} to {environment}:")
        ).format(files=files, environment=report.environment)
        counts = Text.assemble(text(f"{told} ", "bright_black"), _counts(report))
        console.print(Padding(counts, (0, 0, 0, 4), expand=False))
    if (earlier := known - len(reports)) > 0:
        console.print(
            ngettext(
                "and {count} earlier run; --limit shows more",
                "and {count} earlier runs; --limit shows more",
                earlier,
            ).format(count=in_figures(earlier))
        )


def _padded(line: Sequence[str], widths: Sequence[int]) -> list[str]:
    return [value.ljust(width) for value, width in zip(line, widths, strict=True)]


def _ended(report: ImportReport) -> Text:
    word, style = _ENDED[report.ended]
    return text(_(word), style)


def show_past_run(console: Console, report: ImportReport) -> None:
    """Print all that is known of a run."""
    console.print(text(_("Run {name}").format(name=report.run), "bold"), soft_wrap=True)
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
    console.print(text(_("As a page: {command}").format(command=command)), soft_wrap=True)


def _facts(report: ImportReport) -> list[tuple[str, Text]]:
    killed = report.ended is Ended.KILLED
    found = [
        (_("Command"), text(report.command)),
        (_("Files"), text(", ".join(report.files) or _("none was read"))),
        (_("Sent to"), text(f"{report.environment}, {report.base_url}")),
        (_("Started"), text(_local(report.started_at))),
        (
            _("Ended"),
            Text.assemble(text("" if killed else f"{_local(report.finished_at)}, "), _ended(report)),
        ),
    ]
    if report.stopped is not None:
        found.append((_("Stopped"), text(report.stopped)))
    if killed:
        if report.command == "run":
            found.append(("", text(_("what it had noted is told as the ledger has it now"))))
        return found
    found.append((_("Length"), text(lasting(report.seconds))))
    requests = in_figures(report.totals.requests)
    if report.totals.retries:
        requests = _("{requests}, {retries} of them tries again").format(
            requests=requests, retries=in_figures(report.totals.retries)
        )
    found.append((_("Requests"), text(requests)))
    if report.measured and (latency := report.measured.latency):
        told = ", ".join(f"{name} {_brief(seconds)}" for name, seconds in latency._asdict().items())
        found.append((_("Latency"), text(told)))
    found.append((_("Exit code"), text(str(report.exit_code))))
    found += [(_("Results"), text(str(path))) for path in report.results]
    found += [(_("To mend"), text(str(path))) for path in report.retry_files]
    return found


def _uncounted(report: ImportReport) -> str:
    if report.command == "update":
        return _(
            "An update that is killed leaves no counts. What it has set is in the ledger: run it again, and "
            "nothing is sent twice."
        )
    return _("A later run has taken over its rows, so they are no longer counted here.")


def _outcomes(report: ImportReport) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column(_("Outcome"))
    table.add_column(_("Rows"), justify="right")
    table.add_column(_("Meaning"), style="bright_black")
    for outcome, count in report.totals.outcomes.items():
        if count:
            name = Text(outcome.replace("_", " "), STYLES[outcome])
            table.add_row(name, in_figures(count), meaning(outcome, report))
    table.add_row(text(_("read"), "bold"), text(in_figures(report.totals.read), "bold"), "")
    return table


def _show_reasons(console: Console, report: ImportReport) -> None:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column(_("Why"), overflow="fold")
    table.add_column(_("Rows"), justify="right")
    table.add_column(_("For example, and the first rows"), overflow="fold")
    for (outcome, code), count in report.reasons.counts.most_common(_REASONS):
        places = report.reasons.places[outcome, code]
        told = Text("\n").join(
            [text(report.reasons.messages[outcome, code]), text(_first(places, count), "bright_black")]
        )
        table.add_row(text(code, STYLES[outcome]), in_figures(count), told)
    console.print(table)
    if (more := len(report.reasons.counts) - _REASONS) > 0:
        console.print(more_reasons(more))


def _first(places: Sequence[Place], count: int) -> str:
    """Return the first rows of a reason, those of each sheet together."""
    first = "; ".join(rows_by_sheet(places))
    if count <= len(places):
        return first
    return _("{places} and {count} more").format(places=first, count=in_figures(count - len(places)))


def _counts(report: ImportReport) -> Text:
    if not report.counted:
        if report.command == "update":
            return text(_("not counted; an update that is killed leaves no counts"))
        return text(_("not counted; a later run has taken over its rows"))
    parts = [text(_("{rows} read").format(rows=rows(report.totals.read)))]
    parts += [
        text(f"{in_figures(count)} {outcome.replace('_', ' ')}", STYLES[outcome])
        for outcome, count in report.totals.outcomes.items()
        if count
    ]
    return text(", ").join(parts)


def _length(report: ImportReport) -> str:
    return "" if report.ended is Ended.KILLED else lasting(report.seconds)


def _brief(seconds: float) -> str:
    if seconds < 1:
        return _("{number} ms").format(number=in_figures(seconds * 1000))
    return lasting(seconds)


def _local(moment: str) -> str:
    """Return a moment in ISO 8601 as the clock on the wall shows it."""
    return f"{datetime.fromisoformat(moment).astimezone():%Y-%m-%d %H:%M:%S}"
