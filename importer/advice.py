"""What a person is told when a run has ended: what to do next. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from itertools import groupby

from importer.errors import StoppedError
from importer.language import _, in_figures, marked, ngettext
from importer.model import OutcomeName, Place
from importer.report import ImportReport

# So many files are named; a person finds the others in the results.
_MOST_FILES = 5

MEANINGS = {
    OutcomeName.CREATED: marked("sent, and the API gave an application id"),
    OutcomeName.EXISTING: marked("created by an earlier run; nothing was sent"),
    OutcomeName.DUPLICATE: marked("the same lead stands above; nothing was sent"),
    OutcomeName.INVALID: marked("no lead yet: mend the row"),
    OutcomeName.REJECTED: marked("refused by the API: mend the row"),
    OutcomeName.FAILED: marked("not created, for certain: send it again"),
    OutcomeName.IN_DOUBT: marked("sent without an answer to trust: it may exist"),
    OutcomeName.NOT_ATTEMPTED: marked("not sent: the run stopped before it"),
    OutcomeName.UPDATED: marked("sent, and the API has set the status"),
    OutcomeName.UNCHANGED: marked("known to be so already; nothing was sent"),
}
"""What each outcome means, in a few words; for the catalogs."""

_MEANINGS_IN_UPDATES = {
    OutcomeName.DUPLICATE: marked("the same application stands above; nothing was sent"),
    OutcomeName.INVALID: marked("nothing that can be set: mend the row"),
    OutcomeName.FAILED: marked("perhaps not set: send it again, which does no harm"),
}


def meaning(outcome: OutcomeName, report: ImportReport) -> str:
    """Return what an outcome means in the report of this command."""
    known = _MEANINGS_IN_UPDATES if report.command == "update" else MEANINGS
    return _(known.get(outcome, MEANINGS[outcome]))


def rows(count: int) -> str:
    """Return a number of rows in words."""
    return ngettext("{count} row", "{count} rows", count).format(count=in_figures(count))


def rows_by_sheet(places: Sequence[Place]) -> list[str]:
    """Return the rows of each sheet that has any of `places`, those of one sheet together."""
    told = []
    for (source, sheet), group in groupby(places, key=lambda place: (place.source, place.sheet)):
        numbers = ", ".join(str(place.row) for place in group)
        where = _("{source}, sheet {sheet}").format(source=source, sheet=sheet) if sheet else source
        told.append(_("{where}: row {rows}").format(where=where, rows=numbers))
    return told


def more_reasons(count: int) -> str:
    """Return that there are so many reasons besides those that are shown."""
    return ngettext(
        "and {count} more reason; the results have them all",
        "and {count} more reasons; the results have them all",
        count,
    ).format(count=in_figures(count))


def next_steps(report: ImportReport, *, dry_run: bool = False) -> list[str]:
    """Return what to do next, most urgent first; nothing when all is done."""
    outcomes = report.totals.outcomes
    if report.command == "update":
        return _next_steps_of_update(report, dry_run=dry_run)
    to_mend = outcomes[OutcomeName.INVALID] + outcomes[OutcomeName.REJECTED]
    steps: list[str] = []
    if dry_run:
        if to_mend:
            steps.append(_("{rows} to mend: lead-importer check tells which.").format(rows=rows(to_mend)))
        to_send = outcomes[OutcomeName.NOT_ATTEMPTED]
        steps.append(_("{rows} would be sent; leave --dry-run out to send.").format(rows=rows(to_send)))
        return steps
    if doubtful := outcomes[OutcomeName.IN_DOUBT]:
        having = [file for file in report.files if report.reasons.files[OutcomeName.IN_DOUBT, file]]
        only = having if len(report.files) > 1 else report.files
        named = shlex.quote(only[0]) if len(only) == 1 else "FILE"
        steps.append(
            _(
                "{rows} in doubt: look for these customers in the Tini console, and settle them with "
                "lead-importer resolve {file}. They are held, so that nothing is created twice; --on-doubt "
                "resend sends them again at your risk."
            ).format(rows=rows(doubtful), file=named)
        )
        if len(only) > 1:
            steps += _doubts(only, report)
    to_send = outcomes[OutcomeName.FAILED] + outcomes[OutcomeName.NOT_ATTEMPTED]
    files = ", ".join(str(path) for path in report.files_to_mend)
    if to_mend:
        where = files or _("the results tell which")
        steps.append(_("{rows} to mend: {where}").format(rows=rows(to_mend), where=where))
    if to_send:
        steps.append(_sending(report, to_send))
    return steps


def _doubts(files: Sequence[str], report: ImportReport) -> list[str]:
    """Return what settles the rows in doubt of each of several files, of the first few by name."""
    steps = [
        _("{rows} in doubt: lead-importer resolve {file}").format(
            rows=rows(report.reasons.files[OutcomeName.IN_DOUBT, file]), file=shlex.quote(file)
        )
        for file in files[:_MOST_FILES]
    ]
    if (more := len(files) - _MOST_FILES) > 0:
        steps.append(
            ngettext(
                "{count} more file has rows in doubt; its results tell which.",
                "{count} more files have rows in doubt; their results tell which.",
                more,
            ).format(count=in_figures(more))
        )
    return steps


def _next_steps_of_update(report: ImportReport, *, dry_run: bool) -> list[str]:
    outcomes = report.totals.outcomes
    to_mend = outcomes[OutcomeName.INVALID] + outcomes[OutcomeName.REJECTED]
    to_send = outcomes[OutcomeName.FAILED] + outcomes[OutcomeName.NOT_ATTEMPTED]
    if dry_run:
        # Without results, a person learns of single rows by --verbose.
        mending = [_("{rows} to mend: --verbose tells which.").format(rows=rows(to_mend))] if to_mend else []
        sending = _("{rows} would be sent; leave --dry-run out to send.").format(rows=rows(to_send))
        return [*mending, sending]
    steps: list[str] = []
    if to_mend:
        steps.append(_("{rows} to mend: the results tell which, and why.").format(rows=rows(to_mend)))
    if any(code == "lost_digits" for _outcome, code in report.reasons.counts):
        steps.append(
            _(
                "A spreadsheet has cut ids that it took for numbers. A workbook keeps them: lead-importer "
                "results LEADS --results statuses.xlsx writes one, in which you set the statuses."
            )
        )
    if to_send:
        steps.append(_sending(report, to_send))
    return steps


def _sending(report: ImportReport, to_send: int) -> str:
    step = (
        _("{rows} to send: mend what stopped the run, then run the same command again.")
        if report.exit_code == StoppedError.exit_code
        else _("{rows} to send: run the same command again.")
    )
    return step.format(rows=rows(to_send))
