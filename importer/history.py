"""From the ledger to what is told of past runs, which nothing is changed by.

How a run ended and its totals are those of its summary. A run that was killed has none: its totals are
counted from the rows that it noted, as the ledger has their leads now.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from importer.errors import UsageError
from importer.language import _
from importer.ledger.history import RunHistory, RunRecord
from importer.model import OUTCOMES_OF, OutcomeName
from importer.report import Ended, ImportReport, Reasons
from importer.settings import Settings


def past_runs(settings: Settings, limit: int | None = None) -> tuple[list[ImportReport], int]:
    """Return the newest runs of the ledger, the very newest first, and how many it knows of.

    At most `limit` are returned, if it is given. Without a ledger there are none, unless the settings name
    it. What a report tells besides its summary is left out. Raises :class:`importer.errors.ImporterError` as
    :class:`RunHistory` does.
    """
    path = settings.ledger_path()
    if settings.ledger is None and not path.exists():
        return [], 0
    with _history(path) as history:
        return [_report(history, record) for record in history.newest(limit)], history.count()


def past_run(settings: Settings, named: str) -> ImportReport:
    """Return all that is known of the run `named`: its name, a beginning that is its alone, or ``last``.

    Raises :class:`importer.errors.UsageError` if there is no such run, and
    :class:`importer.errors.ImporterError` as :class:`RunHistory` does.
    """
    with _history(settings.ledger_path()) as history:
        record = history.find(named)
        details = history.details(record.number)
        report = _report(history, record)
        if details is not None and record.summary is not None:
            return ImportReport.read(record.summary, details, command=record.command)
        report.reasons = _reasons(history, record.number)
        return report


def as_json(report: ImportReport, *, full: bool = False) -> dict[str, object]:
    """Return the summary of a past run, ``command`` and ``ended``; what is not known of it is null.

    In `full`, ``details`` has what the report tells besides.
    """
    known = {
        "run": report.run,
        "command": report.command,
        "ended": str(report.ended),
        **report.summary(),
    }
    if report.ended is Ended.KILLED:
        unknown = {"finished_at", "seconds", "requests", "retries", "exit_code"}
        if not report.counted:
            unknown |= {"read", *map(str, report.totals.outcomes)}
        known |= dict.fromkeys(unknown)
    return {**known, "details": report.details()} if full else known


@contextmanager
def _history(path: Path) -> Iterator[RunHistory]:
    if not path.is_file():
        raise UsageError(
            _(
                "There is no ledger {path}, so no run is known. Name the one that was used with --ledger."
            ).format(path=path)
        )
    with RunHistory(path) as history:
        yield history


def _report(history: RunHistory, record: RunRecord) -> ImportReport:
    if record.summary is not None:
        return ImportReport.read(record.summary, command=record.command)
    report = ImportReport(
        run=record.name,
        command=record.command,
        environment=record.environment,
        base_url=record.base_url,
        files=history.files(record.number),
        started_at=record.started_at,
    )
    if record.command == "update":
        # Its rows are not in the ledger, but only what it has set.
        report.totals.outcomes = dict.fromkeys(OUTCOMES_OF["update"], 0)
        report.counted = False
        return report
    outcomes = history.count_outcomes(record.number)
    report.counted = outcomes is not None
    report.totals.outcomes |= outcomes or {}
    report.totals.read = sum(report.totals.outcomes.values())
    return report


def _reasons(history: RunHistory, run: int) -> Reasons:
    reasons = Reasons()
    for row in history.result_rows(run):
        if row.error is not None and row.outcome is not OutcomeName.NOT_ATTEMPTED:
            reasons.add(row.outcome, row.error, row.place)
    return reasons
