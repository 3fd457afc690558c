"""What a person is told to do when a run has ended."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from importer.advice import MEANINGS, next_steps, rows
from importer.model import ErrorInfo, OutcomeName, Place
from importer.report import ImportReport


def report_of(*retry_files: str, **counts: int) -> ImportReport:
    report = ImportReport(run="r", environment="local", base_url="", files=["leads.csv"], started_at="")
    report.retry_files = [Path(name) for name in retry_files]
    report.files_to_mend = list(report.retry_files)
    for name, count in counts.items():
        report.totals.outcomes[OutcomeName(name)] = count
        report.totals.read += count
    return report


def test_every_outcome_is_explained_in_words_that_fit_80_columns_beside_its_count() -> None:
    assert MEANINGS.keys() == set(OutcomeName)
    assert max(map(len, MEANINGS.values())) <= 46


@pytest.mark.parametrize(
    ("count", "words"), [(0, "0 rows"), (1, "1 row"), (2, "2 rows"), (1234, "1,234 rows")]
)
def test_a_number_of_rows_is_told_as_people_say_it(count: int, words: str) -> None:
    assert rows(count) == words


def test_nothing_is_to_be_done_when_every_row_is_created_existing_or_a_duplicate() -> None:
    assert next_steps(report_of(created=3, existing=2, duplicate=1)) == []


def test_doubt_comes_first_then_what_is_to_be_mended_then_what_is_to_be_sent() -> None:
    report = report_of(
        "a.retry.csv", "b.retry.xlsx", in_doubt=1, invalid=2, rejected=3, failed=4, not_attempted=5
    )
    doubt, mend, send = next_steps(report)
    assert doubt.startswith("1 row in doubt: look for these customers")
    assert "--on-doubt resend" in doubt
    assert mend == "5 rows to mend: a.retry.csv, b.retry.xlsx"
    assert send == "9 rows to send: run the same command again."


def doubtful(*files: str) -> ImportReport:
    """Return the report of a run of 7 files, of which these have one row in doubt each."""
    report = report_of(in_doubt=len(files))
    report.files = [f"{name}.csv" for name in "abcdefg"]
    for row, file in enumerate(files):
        error = ErrorInfo(code="no_answer", message="no answer")
        report.reasons.add(OutcomeName.IN_DOUBT, error, Place(file, "", row))
    return report


def test_of_several_files_those_with_rows_in_doubt_are_named() -> None:
    (step,) = next_steps(doubtful("b.csv"))
    assert "lead-importer resolve b.csv" in step
    assert next_steps(doubtful("b.csv", "c.csv"))[1:] == [
        "1 row in doubt: lead-importer resolve b.csv",
        "1 row in doubt: lead-importer resolve c.csv",
    ]
    all_of_them = next_steps(doubtful(*(f"{name}.csv" for name in "abcdefg")))
    assert len(all_of_them) == 7
    assert all_of_them[-1] == "2 more files have rows in doubt; their results tell which."


def test_the_files_with_rows_in_doubt_or_to_mend_are_known_when_the_report_is_read_again() -> None:
    report = doubtful("b.csv", "c.csv")
    report.finished_at = "2026-11-25T00:00:00"
    read = ImportReport.read(report.summary(), json.loads(json.dumps(report.details())))
    assert next_steps(read) == next_steps(report)


def test_a_file_that_holds_only_rows_to_send_is_not_named_as_one_to_mend() -> None:
    report = report_of("a.retry.csv", "b.retry.csv", invalid=1, not_attempted=1)
    report.files_to_mend = [Path("a.retry.csv")]
    assert "1 row to mend: a.retry.csv" in next_steps(report)


def test_rows_to_mend_are_in_the_results_when_no_file_of_them_was_written() -> None:
    assert next_steps(report_of(invalid=1)) == ["1 row to mend: the results tell which"]


def test_a_dry_run_tells_what_would_be_sent_and_where_to_see_what_would_not() -> None:
    send = "1,000 rows would be sent; leave --dry-run out to send."
    assert next_steps(report_of(not_attempted=1000, in_doubt=4), dry_run=True) == [send]
    assert next_steps(report_of(not_attempted=1000, invalid=1, rejected=1), dry_run=True) == [
        "2 rows to mend: lead-importer check tells which.",
        send,
    ]
