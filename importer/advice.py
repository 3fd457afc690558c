"""What a person is told when a run has ended: what to do next. Pure."""

from __future__ import annotations

from importer.errors import StoppedError
from importer.model import OutcomeName
from importer.report import ImportReport

MEANINGS = {
    OutcomeName.CREATED: "sent, and the API gave an application id",
    OutcomeName.EXISTING: "created by an earlier run; nothing was sent",
    OutcomeName.DUPLICATE: "the same lead stands above; nothing was sent",
    OutcomeName.INVALID: "no lead yet: mend the row",
    OutcomeName.REJECTED: "refused by the API: mend the row",
    OutcomeName.FAILED: "not created, for certain: send it again",
    OutcomeName.IN_DOUBT: "sent without an answer to trust: it may exist",
    OutcomeName.NOT_ATTEMPTED: "not sent: the run stopped before it",
    OutcomeName.UPDATED: "sent, and the API has set the status",
    OutcomeName.UNCHANGED: "known to be so already; nothing was sent",
}
"""What each outcome means, in a few words."""

_MEANINGS_IN_UPDATES = {
    OutcomeName.DUPLICATE: "the same application stands above; nothing was sent",
    OutcomeName.INVALID: "nothing that can be set: mend the row",
    OutcomeName.FAILED: "perhaps not set: send it again, which does no harm",
}


def meaning(outcome: OutcomeName, report: ImportReport) -> str:
    """Return what an outcome means in the report of this command."""
    known = _MEANINGS_IN_UPDATES if report.command == "update" else MEANINGS
    return known.get(outcome, MEANINGS[outcome])


def rows(count: int) -> str:
    """Return a number of rows in words."""
    return f"{count:,} row" if count == 1 else f"{count:,} rows"


def next_steps(report: ImportReport, *, dry_run: bool = False) -> list[str]:
    """Return what to do next, most urgent first; nothing when all is done."""
    outcomes = report.totals.outcomes
    if report.command == "update":
        return _next_steps_of_update(report, dry_run=dry_run)
    to_mend = outcomes[OutcomeName.INVALID] + outcomes[OutcomeName.REJECTED]
    steps: list[str] = []
    if dry_run:
        if to_mend:
            steps.append(f"{rows(to_mend)} to mend: lead-importer check tells which.")
        to_send = outcomes[OutcomeName.NOT_ATTEMPTED]
        steps.append(f"{rows(to_send)} would be sent; leave --dry-run out to send.")
        return steps
    if doubtful := outcomes[OutcomeName.IN_DOUBT]:
        named = report.files[0] if len(report.files) == 1 else "FILE"
        steps.append(
            f"{rows(doubtful)} in doubt: look for these customers in the Tini console, and settle them with "
            f"lead-importer resolve {named}. They are held, so that nothing "
            "is created twice; --on-doubt resend sends them again at your risk."
        )
    to_send = outcomes[OutcomeName.FAILED] + outcomes[OutcomeName.NOT_ATTEMPTED]
    files = ", ".join(str(path) for path in report.retry_files)
    if to_mend:
        steps.append(f"{rows(to_mend)} to mend: {files or 'the results tell which'}")
    if to_send:
        first = "mend what stopped the run, then " if report.exit_code == StoppedError.exit_code else ""
        steps.append(f"{rows(to_send)} to send: {first}run the same command again.")
    return steps


def _next_steps_of_update(report: ImportReport, *, dry_run: bool) -> list[str]:
    outcomes = report.totals.outcomes
    to_mend = outcomes[OutcomeName.INVALID] + outcomes[OutcomeName.REJECTED]
    to_send = outcomes[OutcomeName.FAILED] + outcomes[OutcomeName.NOT_ATTEMPTED]
    if dry_run:
        # Without results, a person learns of single rows by --verbose.
        mending = [f"{rows(to_mend)} to mend: --verbose tells which."] if to_mend else []
        return [*mending, f"{rows(to_send)} would be sent; leave --dry-run out to send."]
    steps: list[str] = []
    if to_mend:
        steps.append(f"{rows(to_mend)} to mend: the results tell which, and why.")
    if to_send:
        first = "mend what stopped the run, then " if report.exit_code == StoppedError.exit_code else ""
        steps.append(f"{rows(to_send)} to send: {first}run the same command again.")
    return steps
