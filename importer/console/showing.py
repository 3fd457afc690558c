"""What is shown when a command has ended, for a screen of 80 columns or as lines."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

from importer.advice import MEANINGS, next_steps, rows
from importer.console.screen import STYLES, counted, lasting, text
from importer.console.watching import LineLog
from importer.report import ImportReport
from importer.templates import Field, Template, values_of

if TYPE_CHECKING:
    from importer.checking import CheckReport, RemarkKind

_REASONS = 8


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
            table.add_row(name, f"{count:,}", MEANINGS[outcome])
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


def show_check(console: Console, report: CheckReport, base_url: str) -> None:
    """Print what `check` found, for 80 columns."""
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
            table.add_row(text(column.field), text(column.header), text(column.sample))
        console.print(table)
        if checked.ignored:
            console.print(text(f"  not sent: {', '.join(checked.ignored)}", "bright_black"))
    if (request := report.request()) is not None:
        console.print()
        console.print(text("The first request:", "bold"))
        console.print(text(f"  {request.method} {base_url}{request.path}"), soft_wrap=True)
        console.print(text(f"  {request.content.decode()}"), soft_wrap=True)
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
    console.print("A template of your own is a TOML file: --template FILE. Its form is", style="bright_black")
    console.print(
        'title = "Name and phone"\nfields = ["name", "phone", {name = "city", synonyms = ["tỉnh"]}]',
        markup=False,
    )
    console.print(
        "and the README tells of types, objects, constants, patterns and allowed values.",
        style="bright_black",
    )
