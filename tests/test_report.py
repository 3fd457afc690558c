"""The report of a run: its exit code, its summary, and why rows did not become applications."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from importer.errors import (
    ImporterError,
    InternalError,
    InterruptedRunError,
    LedgerBusyError,
    LedgerError,
    ResultsError,
    SheetError,
    StoppedError,
    UsageError,
)
from importer.model import IMPORT_OUTCOMES, ErrorInfo, OutcomeName, Place, Totals
from importer.report import TO_MEND, ImportReport, Reasons, exit_code

SIGINT = InterruptedRunError("Ctrl-C", signal.SIGINT)
SIGTERM = InterruptedRunError("ended", signal.SIGTERM)


def totals_of(**counts: int) -> Totals:
    totals = Totals()
    for name, count in counts.items():
        totals.outcomes[OutcomeName(name)] = count
        totals.read += count
    return totals


@pytest.mark.parametrize(
    ("outcome", "code"),
    [
        (OutcomeName.CREATED, 0),
        (OutcomeName.EXISTING, 0),
        (OutcomeName.DUPLICATE, 0),
        (OutcomeName.INVALID, 1),
        (OutcomeName.REJECTED, 1),
        (OutcomeName.FAILED, 1),
        (OutcomeName.IN_DOUBT, 3),
        # Why they were not attempted decides; a dry run ends well.
        (OutcomeName.NOT_ATTEMPTED, 0),
    ],
)
def test_one_row_decides_the_exit_code_by_its_outcome(outcome: OutcomeName, code: int) -> None:
    assert exit_code(totals_of(**{outcome: 1, OutcomeName.CREATED: 2}), []) == code


@pytest.mark.parametrize(
    ("stopped", "code"),
    [
        (InternalError("broken"), 70),
        (LedgerError("disk full"), 70),
        (SIGINT, 130),
        (SIGTERM, 143),
        (LedgerBusyError("held"), 5),
        (StoppedError("refused"), 4),
        (UsageError("wrong"), 2),
        (SheetError("changed"), 2),
        (ResultsError("full"), 2),
    ],
)
def test_what_stopped_the_run_decides_the_exit_code_where_no_row_does(
    stopped: ImporterError, code: int
) -> None:
    assert exit_code(totals_of(created=1, not_attempted=1), [stopped]) == code


@pytest.mark.parametrize(
    ("stopped", "adds_up", "doubtful", "to_mend", "code"),
    [
        # The order of the contract, each code against all that come after it.
        (SIGINT, False, 1, 1, 70),
        (InternalError("broken"), True, 1, 1, 70),
        (SIGINT, True, 1, 1, 130),
        (SIGTERM, True, 1, 1, 143),
        (LedgerBusyError("held"), True, 1, 1, 5),
        (StoppedError("refused"), True, 1, 1, 4),
        (UsageError("wrong"), True, 1, 1, 2),
        (None, True, 1, 1, 3),
        (None, True, 0, 1, 1),
        (None, True, 0, 0, 0),
        (None, False, 0, 0, 70),
    ],
)
def test_of_several_exit_codes_the_first_in_the_order_of_the_contract_counts(
    stopped: ImporterError | None, adds_up: bool, doubtful: int, to_mend: int, code: int
) -> None:
    totals = totals_of(created=1, in_doubt=doubtful, rejected=to_mend)
    totals.read += not adds_up
    assert exit_code(totals, [stopped] if stopped else []) == code
    assert exit_code(totals, [StoppedError("refused"), *([stopped] if stopped else [])]) == code or code < 5


def test_rows_in_doubt_and_good_ones_are_not_to_be_mended() -> None:
    assert set(IMPORT_OUTCOMES) - TO_MEND == {
        OutcomeName.CREATED,
        OutcomeName.EXISTING,
        OutcomeName.DUPLICATE,
        OutcomeName.IN_DOUBT,
    }


def test_the_summary_has_the_keys_of_the_contract_in_their_order() -> None:
    totals = totals_of(created=1, existing=2, duplicate=3, invalid=4, rejected=5, failed=6, in_doubt=7)
    totals.outcomes[OutcomeName.NOT_ATTEMPTED] = 8
    totals.requests, totals.retries = 20, 2
    report = ImportReport(
        run="r-1",
        environment="sandbox",
        base_url="https://api.example.org",
        files=["a.csv", "-"],
        started_at="2026-01-02T03:04:05.000Z",
        finished_at="2026-01-02T03:04:06.000Z",
        seconds=1.23456,
        totals=totals,
        stopped="it was stopped",
        results=[Path("a.results.csv"), Path("stdin.results.csv")],
        retry_files=[Path("a.retry.csv")],
        notices=["a notice"],
        exit_code=4,
    )
    expected = {
        "run": "r-1",
        "env": "sandbox",
        "base_url": "https://api.example.org",
        "files": ["a.csv", "-"],
        "started_at": "2026-01-02T03:04:05.000Z",
        "finished_at": "2026-01-02T03:04:06.000Z",
        "seconds": 1.235,
        "read": 28,
        "created": 1,
        "existing": 2,
        "duplicate": 3,
        "invalid": 4,
        "rejected": 5,
        "failed": 6,
        "in_doubt": 7,
        "not_attempted": 8,
        "requests": 20,
        "retries": 2,
        "stopped": "it was stopped",
        "results": ["a.results.csv", "stdin.results.csv"],
        "exit_code": 4,
    }
    assert list(report.summary().items()) == list(expected.items())


def test_reasons_are_counted_by_outcome_and_the_apis_reason_with_the_first_message() -> None:
    reasons = Reasons()
    for row, outcome, error in (
        (1, OutcomeName.REJECTED, ErrorInfo(code="http_400", reason="bad_phone", message="first")),
        (2, OutcomeName.REJECTED, ErrorInfo(code="http_422", reason="bad_phone", message="second")),
        (3, OutcomeName.FAILED, ErrorInfo(code="bad_phone", message="third")),
        (4, OutcomeName.FAILED, ErrorInfo(code="timeout", message="fourth")),
    ):
        reasons.add(outcome, error, Place("a.csv", "", row))
    assert reasons.counts == {
        (OutcomeName.REJECTED, "bad_phone"): 2,
        (OutcomeName.FAILED, "bad_phone"): 1,
        (OutcomeName.FAILED, "timeout"): 1,
    }
    assert list(reasons.messages.values()) == ["first", "third", "fourth"]
    assert [[place.row for place in places] for places in reasons.places.values()] == [[1, 2], [3], [4]]
