"""What is shown when a command has ended, for a screen of 80 columns or as lines."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

from importer.advice import meaning, more_reasons, next_steps, rows
from importer.console.screen import STYLES, lasting, note, text
from importer.console.watching import LineLog
from importer.language import _, in_figures, marked, ngettext
from importer.ledger import Said
from importer.model import OutcomeName
from importer.report import ImportReport
from importer.templates import Field, Template, values_of

if TYPE_CHECKING:
    from importer.checking import CheckReport, RemarkKind
    from importer.doctor import Finding
    from importer.ledger import OpenLead
    from importer.resolving import Resolution
    from importer.settings.listing import Listed

_REASONS = 8

# How many characters are shown of a value, and of what may go on for lines.
_SAMPLE = 120
_LINES = 1000


def show_report(console: Console, report: ImportReport, *, dry_run: bool = False) -> None:
    """Print the totals of a run, why rows did not become applications, and what to do next."""
    for notice in report.notices:
        console.print(note(notice))
    for refused in report.refused:
        console.print(text(_("Not imported: {reason}").format(reason=refused), "bold red"))
    if report.files:
        _show_totals(console, report)
    if report.stopped is not None:
        console.print()
        console.print(text(_("Stopped early. {reason}").format(reason=report.stopped), "bold red"))
    steps = next_steps(report, dry_run=dry_run)
    if steps or report.results:
        console.print()
    for step in steps:
        # A line end within a path would be copied with it.
        names_file = any(str(path) in step for path in report.retry_files)
        console.print(text(f"-> {step}", "bold"), soft_wrap=names_file)
    for path in report.results:
        console.print(text(_("Results: {path}").format(path=path)), soft_wrap=True)
    for path in report.archived.values():
        console.print(text(_("Archived: {file}").format(file=path)), soft_wrap=True)


def _show_totals(console: Console, report: ImportReport) -> None:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column(_("Outcome"))
    table.add_column(_("Rows"), justify="right")
    table.add_column(_("Meaning"), style="bright_black")
    for outcome, count in report.totals.outcomes.items():
        if count:
            name = Text(outcome.replace("_", " "), style=STYLES[outcome])
            table.add_row(name, in_figures(count), meaning(outcome, report))
    requests = report.totals.requests
    table.add_row(
        Text(_("read"), style="bold"),
        Text(in_figures(report.totals.read), style="bold"),
        ngettext(
            "in {time}, with {count} request to {environment}",
            "in {time}, with {count} requests to {environment}",
            requests,
        ).format(time=lasting(report.seconds), count=in_figures(requests), environment=report.environment),
    )
    console.print(table)
    _show_reasons(console, report)


def _show_reasons(console: Console, report: ImportReport) -> None:
    reasons = report.reasons.counts.most_common(_REASONS)
    if not reasons:
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column(_("Why"), overflow="fold")
    table.add_column(_("Rows"), justify="right")
    table.add_column(_("For example"), overflow="fold")
    for (outcome, code), count in reasons:
        message = report.reasons.messages[outcome, code]
        table.add_row(text(code, STYLES[outcome]), in_figures(count), text(message))
    console.print()
    console.print(table)
    if (more := len(report.reasons.counts) - _REASONS) > 0:
        console.print(more_reasons(more))


def log_report(log: LineLog, report: ImportReport, *, dry_run: bool = False) -> None:
    """Write the end of a run as lines."""
    for notice in report.notices:
        log.write("warning", "notice", notice)
    for refused in report.refused:
        log.write("error", "refused", str(refused))
    for (outcome, code), count in report.reasons.counts.most_common(_REASONS):
        places = report.reasons.places[outcome, code]
        log.write(
            "warning",
            "reason",
            _("{rows}: {reason}").format(rows=rows(count), reason=report.reasons.messages[outcome, code]),
            outcome=str(outcome),
            code=code,
            rows=count,
            first=[{"source": place.source, "sheet": place.sheet, "row": place.row} for place in places],
        )
    for step in next_steps(report, dry_run=dry_run):
        log.write("warning", "next_step", step)
    for source, place in report.archived.items():
        log.write("info", "archived", _("{file} was moved to {place}").format(file=source, place=place))
    counts = ", ".join(
        f"{in_figures(count)} {outcome.replace('_', ' ')}"
        for outcome, count in report.totals.outcomes.items()
        if count
    )
    log.write(
        "info" if report.exit_code == 0 else "error",
        "ended",
        _("{rows} read: {counts}; exit code {code}").format(
            rows=rows(report.totals.read), counts=counts or _("none"), code=report.exit_code
        ),
        **report.summary(),
    )


def show_check(console: Console, report: CheckReport, base_url: str, listed: Path | None = None) -> None:
    """Print what `check` found, for 80 columns; `listed` is the file that has all of it."""
    for notice in report.notices:
        console.print(note(notice))
    for refused in report.refused:
        console.print(text(_("Not checked: {reason}").format(reason=refused), "bold red"))
    for checked in report.inputs:
        where = _sheet(checked.source, checked.sheet)
        found = (
            _("{where}: {rows}, headers in row {row}, template {template}")
            if checked.header_row > 1
            else _("{where}: {rows}, template {template}")
        ).format(where=where, rows=rows(checked.rows), row=checked.header_row, template=checked.template)
        console.print(text(found, "bold"))
        table = Table(box=None, header_style="bold", padding=(0, 0, 0, 2))
        for heading in (_("Field"), _("Column"), _("Sample")):
            table.add_column(heading, overflow="fold")
        for column in checked.columns:
            table.add_row(text(column.field), text(column.header), text(_cut(column.sample, _SAMPLE)))
        console.print(table)
        if checked.ignored:
            ignored = _cut(", ".join(checked.ignored), _LINES)
            not_sent = _("not sent: {columns}").format(columns=ignored)
            console.print(text(f"  {not_sent}", "bright_black"))
    if (request := report.request()) is not None:
        console.print()
        console.print(text(_("The first request:"), "bold"))
        console.print(text(f"  {request.method} {base_url}{request.path}"), soft_wrap=True)
        console.print(text(f"  {_cut(request.content.decode(), _LINES)}"), soft_wrap=True)
    several = len(report.inputs) > 1
    _show_kinds(console, _("Problem"), _("What to do, and where"), "yellow", report.problems, named=several)
    _show_kinds(
        console, _("Warning"), _("What to look at, and where"), "cyan", report.warnings, named=several
    )
    _show_kinds(console, _("Repair"), _("What was done, and where"), "green", report.repairs, named=several)
    console.print()
    console.print(
        text(
            ngettext(
                "{rows} to send, {invalid} to mend, {count} duplicate, {read} read",
                "{rows} to send, {invalid} to mend, {count} duplicates, {read} read",
                report.duplicates,
            ).format(
                rows=rows(report.to_send),
                invalid=in_figures(report.invalid),
                count=in_figures(report.duplicates),
                read=in_figures(report.read),
            ),
            "bold",
        )
    )
    if listed:
        console.print(
            text(_("All problems, warnings and repairs: {path}").format(path=listed)), soft_wrap=True
        )
    elif any(kind.rows_left_out for kind in (*report.problems, *report.warnings, *report.repairs)):
        console.print(text(_("--problems FILE lists the rows that are left out here")), soft_wrap=True)


def _cut(words: str, length: int) -> str:
    if len(words) <= length:
        return words
    return _("{beginning}… ({count} characters)").format(
        beginning=words[:length], count=in_figures(len(words))
    )


def _show_kinds(
    console: Console, title: str, heading: str, style: str, kinds: Sequence[RemarkKind], *, named: bool
) -> None:
    """Print a table of `kinds`, with the sheets of their rows if these are to be `named`."""
    if not kinds:
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column(title, no_wrap=True)
    table.add_column(_("Rows"), justify="right")
    table.add_column(heading, overflow="fold")
    for kind in kinds:
        column = f"{kind.column}: " if kind.column else ""
        table.add_row(
            text(kind.code, style),
            in_figures(kind.rows),
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
        said = _("row {numbers}") if one else _("rows {numbers}")
        parts.append(where + said.format(numbers=", ".join(numbers)))
    places = "; ".join(parts)
    if not kind.rows_left_out:
        return places
    return _("{places} and {count} more").format(places=places, count=in_figures(kind.rows_left_out))


def _sheet(source: str, sheet: str) -> str:
    return _("{source}, sheet {sheet}").format(source=source, sheet=sheet) if sheet else source


def show_templates(console: Console, customer_id: Field, templates: Iterable[Template]) -> None:
    """Print the fields of each template, and the headers that fit them."""
    for template in templates:
        table = Table(box=None, pad_edge=False, title_justify="left", header_style="bold")
        table.title = Text.assemble(
            (_("Template {name}").format(name=template.name), "bold"), f": {_(template.title)}"
        )
        table.add_column(_("Field"), overflow="fold")
        table.add_column(_("Headers that fit it, in any case, with or without accents"))
        values = [values_of(field) for field in (customer_id, *template.fields)]
        if any(values):
            table.add_column(_("Values"), overflow="fold")
        for field, told in zip((customer_id, *template.fields), values, strict=True):
            headers = _("none") if field.constant is not None else ", ".join((field.title, *field.synonyms))
            table.add_row(text(field.name), text(headers), *([text(told)] if any(values) else []))
        console.print(table)
        console.print()
    console.print(_("An empty workbook to fill in:"), style="bright_black")
    console.print("lead-importer templates new 1 -o leads.xlsx", markup=False)
    console.print()
    console.print(
        _("A template of your own is a TOML file: --template FILE. Its form is"), style="bright_black"
    )
    console.print(
        'title = "Name and phone"\nfields = ["name", "phone", {name = "city", synonyms = ["tỉnh"]}]',
        markup=False,
    )
    console.print(
        _("and the README tells of types, objects, constants, patterns and allowed values."),
        style="bright_black",
    )


def show_resolution(console: Console, source: str, resolution: Resolution) -> None:
    """Print what was recorded, and which rows are open; for 80 columns."""
    for notice in resolution.notices:
        console.print(note(notice))
    if resolution.recorded:
        recorded = ngettext(
            "{count} answer recorded", "{count} answers recorded", resolution.recorded
        ).format(count=in_figures(resolution.recorded))
        console.print(text(recorded, "bold"))
    if resolution.leads:
        table = Table(box=None, pad_edge=False, header_style="bold")
        table.add_column(_("Row"), no_wrap=True)
        table.add_column(_("Customer"), no_wrap=True)
        table.add_column(_("Why it is in doubt, or what was answered"), overflow="fold")
        for lead in resolution.leads:
            row = f"{lead.place.sheet}!{lead.place.row}" if lead.place.sheet else str(lead.place.row)
            table.add_row(text(row), text(lead.customer_id), _standing_of(lead))
        console.print(table)
        console.print()
    waiting = len(resolution.waiting)
    if waiting:
        console.print(text(_("{rows} in doubt").format(rows=rows(waiting)), STYLES[OutcomeName.IN_DOUBT]))
        console.print(
            text(
                "-> "
                + _(
                    "Look for these customers in the Tini console, then answer with --created ROW=ID, "
                    "--not-created ROW or --resend ROW."
                ),
                "bold",
            )
        )
    elif resolution.leads:
        console.print(text(_("No row is in doubt."), "bold"))
        step = _("Run the same import again, or: lead-importer results {source}").format(source=source)
        console.print(text(f"-> {step}", "bold"), soft_wrap=True)
    else:
        console.print(
            text(_("No row of {source} is in doubt.").format(source=source), "bold"), soft_wrap=True
        )


_SAID = {
    Said.CREATED: marked("created"),
    Said.NOT_CREATED: marked("not created"),
    Said.RESEND: marked("to be sent again"),
}


def _standing_of(lead: OpenLead) -> Text:
    if lead.answer is None:
        return text(lead.error.message if lead.error else "")
    said = _(_SAID[lead.answer.said])
    what = f"{said} {lead.answer.application_id}" if lead.answer.application_id else said
    told = _("{what}, as {name} answered at {time}").format(
        what=what, name=lead.answer.answered_by, time=lead.answer.answered_at
    )
    return text(told, "green")


def show_findings(console: Console, findings: Sequence[Finding], notices: Sequence[str]) -> None:
    """Print what `doctor` found; for 80 columns."""
    for notice in notices:
        console.print(note(notice))
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for finding in findings:
        word, style = _VERDICTS[finding.verdict]
        table.add_row(text(_(word), style), text(finding.subject), text(finding.said))
    console.print(table)


def show_settings(console: Console, settings: Iterable[Listed]) -> None:
    """Print each setting with where it comes from; for 80 columns."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column(_("Setting"), no_wrap=True)
    table.add_column(_("Value"), overflow="fold")
    table.add_column(_("From"), overflow="fold", style="bright_black")
    for setting in settings:
        table.add_row(text(setting.option), text(setting.value), text(setting.origin))
    console.print(table)
    console.print()


_VERDICTS = {
    "good": (marked("good"), "green"),
    "note": (marked("note"), "yellow"),
    "bad": (marked("bad"), "bold red"),
}
