"""What a person is told to do when a run has ended."""

from __future__ import annotations

from pathlib import Path

import pytest

from importer.advice import MEANINGS, next_steps, rows
from importer.model import OutcomeName
from importer.report import ImportReport


def report_of(*retry_files: str, **counts: int) -> ImportReport:
    report = ImportReport(run="r", environment="local", base_url="", files=["leads.csv"], started_at="")
    report.retry_files = [Path(name) for name in retry_files]
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


def test_rows_to_mend_are_in_the_results_when_no_file_of_them_was_written() -> None:
    assert next_steps(report_of(invalid=1)) == ["1 row to mend: the results tell which"]


def test_a_dry_run_tells_what_would_be_sent_and_where_to_see_what_would_not() -> None:
    send = "1,000 rows would be sent; leave --dry-run out to send."
    assert next_steps(report_of(not_attempted=1000, in_doubt=4), dry_run=True) == [send]
    assert next_steps(report_of(not_attempted=1000, invalid=1, rejected=1), dry_run=True) == [
        "2 rows to mend: lead-importer check tells which.",
        send,
    ]
