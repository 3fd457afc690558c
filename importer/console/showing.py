"""What is shown when a command has ended, for a screen of 80 columns or as lines."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

from importer.advice import meaning, next_steps, rows
from importer.console.screen import STYLES, counted, lasting, text
from importer.console.watching import LineLog
from importer.model import OutcomeName
from importer.report import ImportReport
from importer.templates import Field, Template, values_of

if TYPE_CHECKING:
    from importer.checking import CheckReport, RemarkKind
    from importer.doctor import Finding
    from importer.ledger import OpenLead
    from importer.resolving import Resolution

_REASONS = 8

# How many characters are shown of a value, and of what may go on for lines.
_SAMPLE = 120
_LINES = 1000


def show_report(console: Console, report: ImportReport, *, dry_run: bool = False) -> None:
    """Print the totals of a run, why rows did not become applications, and what to do next."""
    for notice in report.notices:
        console.print(text(f"Note: {notice}", "yellow"))
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("Outcome")
    table.add_column("Rows", justify="right")
    table.add_column("Meaning", style="bright_black")
    for outcome, count in report.totals.outcomes.items():
        if count:
            name = Text(outcome.replace("_", " "), style=STYLES[outcome])
            table.add_row(name, f"{count:,}", meaning(outcome, report))
    table.add_row(
        Text("read", style="bold"),
        Text(f"{report.totals.read:,}", style="bold"),
        f"in {lasting(report.seconds)}, with {counted(report.totals.requests, 'request')} "
        f"to {report.environment}",
    )
    console.print(table)
    _show_reasons(console, report)
    if report.stopped is not None:
        console.print()
        console.print(text(f"Stopped early. {report.stopped}", "bold red"))
    steps = next_steps(report, dry_run=dry_run)
    if steps or report.results:
        console.print()
    for step in steps:
        # A line end within a path would be copied with it.
        names_file = any(str(path) in step for path in report.retry_files)
        console.print(text(f"-> {step}", "bold"), soft_wrap=names_file)
    for path in report.results:
        console.print(text(f"Results: {path}"), soft_wrap=True)


def _show_reasons(console: Console, report: ImportReport) -> None:
    reasons = report.reasons.counts.most_common(_REASONS)
    if not reasons:
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("Why", overflow="fold")
    table.add_column("Rows", justify="right")
    table.add_column("For example", overflow="fold")
    for (outcome, code), count in reasons:
        message = report.reasons.messages[outcome, code]
        table.add_row(text(code, STYLES[outcome]), f"{count:,}", text(message))
    console.print()
    console.print(table)
    if (more := len(report.reasons.counts) - _REASONS) > 0:
        console.print(f"and {counted(more, 'more reason')}; the results have them all")


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


def show_check(console: Console, report: CheckReport, base_url: str, listed: Path | None = None) -> None:
    """Print what `check` found, for 80 columns; `listed` is the file that has all of it."""
    for notice in report.notices:
        console.print(text(f"Note: {notice}", "yellow"))
    for checked in report.inputs:
        where = _sheet(checked.source, checked.sheet)
        headers = f", headers in row {checked.header_row}" if checked.header_row > 1 else ""
        console.print(text(f"{where}: {rows(checked.rows)}{headers}, template {checked.template}", "bold"))
        table = Table(box=None, header_style="bold", padding=(0, 0, 0, 2))
        for heading in ("Field", "Column", "Sample"):
            table.add_column(heading, overflow="fold")
        for column in checked.columns:
            table.add_row(text(column.field), text(column.header), text(_cut(column.sample, _SAMPLE)))
        console.print(table)
        if checked.ignored:
            console.print(text(f"  not sent: {_cut(', '.join(checked.ignored), _LINES)}", "bright_black"))
    if (request := report.request()) is not None:
        console.print()
        console.print(text("The first request:", "bold"))
        console.print(text(f"  {request.method} {base_url}{request.path}"), soft_wrap=True)
        console.print(text(f"  {_cut(request.content.decode(), _LINES)}"), soft_wrap=True)
    several = len(report.inputs) > 1
    _show_kinds(console, "Problem", "What to do, and where", "yellow", report.problems, named=several)
    _show_kinds(console, "Warning", "What to look at, and where", "cyan", report.warnings, named=several)
    _show_kinds(console, "Repair", "What was done, and where", "green", report.repairs, named=several)
    console.print()
    console.print(
        text(
            f"{rows(report.to_send)} to send, {report.invalid:,} to mend, "
            f"{counted(report.duplicates, 'duplicate')}, {report.read:,} read",
            "bold",
        )
    )
    if listed:
        console.print(text(f"All problems, warnings and repairs: {listed}"), soft_wrap=True)
    elif any(kind.rows_left_out for kind in (*report.problems, *report.warnings, *report.repairs)):
        console.print(text("--problems FILE lists the rows that are left out here"), soft_wrap=True)


def _cut(words: str, length: int) -> str:
    return words if len(words) <= length else f"{words[:length]}… ({len(words):,} characters)"


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
            text(kind.code, style),
            f"{kind.rows:,}",
            Text("\n").join([text(f"{column}{kind.message}"), text(_places(kind, named=named))]),
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


def show_templates(console: Console, customer_id: Field, templates: Iterable[Template]) -> None:
    """Print the fields of each template, and the headers that fit them."""
    for template in templates:
        table = Table(box=None, pad_edge=False, title_justify="left", header_style="bold")
        table.title = Text.assemble((f"Template {template.name}", "bold"), f": {template.title}")
        table.add_column("Field", overflow="fold")
        table.add_column("Headers that fit it, in any case, with or without accents")
        values = [values_of(field) for field in (customer_id, *template.fields)]
        if any(values):
            table.add_column("Values", overflow="fold")
        for field, told in zip((customer_id, *template.fields), values, strict=True):
            headers = "none" if field.constant is not None else ", ".join((field.title, *field.synonyms))
            table.add_row(text(field.name), text(headers), *([text(told)] if any(values) else []))
        console.print(table)
        console.print()
    console.print("An empty workbook to fill in:", style="bright_black")
    console.print("lead-importer templates new 1 -o leads.xlsx", markup=False)
    console.print()
    console.print("A template of your own is a TOML file: --template FILE. Its form is", style="bright_black")
    console.print(
        'title = "Name and phone"\nfields = ["name", "phone", {name = "city", synonyms = ["tỉnh"]}]',
        markup=False,
    )
    console.print(
        "and the README tells of types, objects, constants, patterns and allowed values.",
        style="bright_black",
    )


def show_resolution(console: Console, source: str, resolution: Resolution) -> None:
    """Print what was recorded, and which rows are open; for 80 columns."""
    for notice in resolution.notices:
        console.print(text(f"Note: {notice}", "yellow"))
    if resolution.recorded:
        console.print(text(f"{counted(resolution.recorded, 'answer')} recorded", "bold"))
    if resolution.leads:
        table = Table(box=None, pad_edge=False, header_style="bold")
        table.add_column("Row", no_wrap=True)
        table.add_column("Customer", no_wrap=True)
        table.add_column("Why it is in doubt, or what was answered", overflow="fold")
        for lead in resolution.leads:
            row = f"{lead.place.sheet}!{lead.place.row}" if lead.place.sheet else str(lead.place.row)
            table.add_row(text(row), text(lead.customer_id), _standing_of(lead))
        console.print(table)
        console.print()
    waiting = len(resolution.waiting)
    if waiting:
        console.print(text(f"{rows(waiting)} in doubt", STYLES[OutcomeName.IN_DOUBT]))
        console.print(
            text(
                "-> Look for these customers in the Tini console, then answer with --created ROW=ID, "
                "--not-created ROW or --resend ROW.",
                "bold",
            )
        )
    elif resolution.leads:
        console.print(text("No row is in doubt.", "bold"))
        console.print(
            text(f"-> Run the same import again, or: lead-importer results {source}", "bold"), soft_wrap=True
        )
    else:
        console.print(text(f"No row of {source} is in doubt.", "bold"), soft_wrap=True)


def _standing_of(lead: OpenLead) -> Text:
    if lead.answer is None:
        return text(lead.error.message if lead.error else "")
    said = lead.answer.said.replace("_", " ")
    what = f"{said} {lead.answer.application_id}" if lead.answer.application_id else said
    return text(f"{what}, as {lead.answer.answered_by} answered at {lead.answer.answered_at}", "green")


def show_findings(console: Console, findings: Sequence[Finding], notices: Sequence[str]) -> None:
    """Print what `doctor` found; for 80 columns."""
    for notice in notices:
        console.print(text(f"Note: {notice}", "yellow"))
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for finding in findings:
        table.add_row(
            text(finding.verdict, _VERDICTS[finding.verdict]), text(finding.subject), text(finding.said)
        )
    console.print(table)


_VERDICTS = {"good": "green", "note": "yellow", "bad": "bold red"}
