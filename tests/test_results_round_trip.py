"""Results and rows to mend given back as they are: nothing is sent twice, nothing is lost."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import openpyxl  # type: ignore[import-untyped]
import pytest

from importer.console import Silent
from importer.importing import import_files
from importer.intake import Selection, open_inputs
from importer.local_api import LocalApi
from importer.model import InvalidRow
from importer.report import ImportReport
from importer.settings import Settings
from tests.support import api_beside, customers, set_faults
from tests.workbooks import LEADS, by_openpyxl, by_xlsxwriter

Make = Callable[[Path], Path]
every_book = pytest.mark.parametrize(
    ("make", "first"),
    [
        (by_openpyxl, 5),
        (by_xlsxwriter, 2),
        (lambda path: by_xlsxwriter(path, table=True), 2),
        (lambda path: by_xlsxwriter(path, chart=True), 2),
        (lambda path: by_xlsxwriter(path, inline=True), 2),
    ],
    ids=["openpyxl", "xlsxwriter", "table", "chart", "inline"],
)


@pytest.fixture
def api() -> Iterator[LocalApi]:
    with api_beside() as running:
        yield running


async def imported(api: LocalApi, path: Path) -> ImportReport:
    """Run a workbook, with its results as a workbook beside it."""
    settings = Settings(
        env="local",
        base_url=api.base_url,
        ledger=path.parent / "ledger.sqlite3",
        results=path.with_name(f"{path.stem}.results.xlsx"),
    )
    return await import_files([str(path)], settings, watcher=Silent())


def changed(path: Path, cell: str, value: str | None) -> None:
    book = openpyxl.load_workbook(path)
    book[LEADS][cell] = value
    book.save(path)


def outcomes(report: ImportReport) -> dict[str, int]:
    return {str(outcome): count for outcome, count in report.totals.outcomes.items() if count}


@every_book
async def test_results_given_back_send_nothing(api: LocalApi, tmp_path: Path, make: Make, first: int) -> None:
    source = make(tmp_path / "leads.xlsx")
    changed(source, f"C{first + 1}", None)
    set_faults(api, "400:customer=1004", "drop-after:customer=1005")
    before = await imported(api, source)
    assert outcomes(before) == {"created": 3, "invalid": 1, "rejected": 1, "in_doubt": 1}
    sent = len(api.applications)
    set_faults(api)
    for _ in range(2):
        again = await imported(api, before.results[0])
        assert outcomes(again) == {"existing": 3, "invalid": 1, "rejected": 1, "in_doubt": 1}
        assert (again.totals.requests, len(api.applications)) == (0, sent)
        before = again


@every_book
async def test_exactly_the_rows_that_were_mended_are_sent(
    api: LocalApi, tmp_path: Path, make: Make, first: int
) -> None:
    source = make(tmp_path / "leads.xlsx")
    for row in (first + 1, first + 3):
        changed(source, f"C{row}", None)
    report = await imported(api, source)
    assert outcomes(report) == {"created": 4, "invalid": 2}
    (retry,) = report.retry_files
    changed(retry, f"C{first}", "Người đã sửa")
    mended = await imported(api, retry)
    assert outcomes(mended) == {"created": 1, "invalid": 1}
    assert customers(api)[4:] == ["1002"]
    # Mended in the results, the rest is sent, too.
    changed(report.results[0], f"C{first + 3}", "Cũng đã sửa")
    last = await imported(api, report.results[0])
    assert outcomes(last) == {"existing": 4, "created": 1, "invalid": 1}
    assert customers(api)[5:] == ["1004"]


def cells_given_back(tmp_path: Path, headers: list[str], *rows: list[str | None]) -> list[bool]:
    """Return for each row read whether it is a lead."""
    book = openpyxl.Workbook()
    for row in (headers, *rows):
        book.active.append(row)
    book.save(tmp_path / "given.xlsx")
    (given,), _ = open_inputs([str(tmp_path / "given.xlsx")], Selection())
    return [not isinstance(lead, InvalidRow) for leads in given.leads() for _, lead in leads]


OWN = ["customer_id", "name", "phone", "address"]
PERSON: list[str | None] = ["1", "An", "0901234567", "Huế"]
BLANK: list[str | None] = [None] * 4


def test_a_row_with_nothing_but_an_outcome_is_blank(tmp_path: Path) -> None:
    headers = [*OWN, "outcome", "error"]
    rows = [[*PERSON, "invalid", "x"], [*BLANK, "invalid", "x"]]
    assert cells_given_back(tmp_path, headers, *rows) == [True]


def test_text_right_of_the_users_headers_is_still_one_cell_too_many(tmp_path: Path) -> None:
    headers = [*OWN, "", "outcome", "error"]
    rows = [[*PERSON, "lạc", "invalid", "x"], [*PERSON, None, "invalid", "x"]]
    assert cells_given_back(tmp_path, headers, *rows) == [False, True]


def test_what_is_wrong_in_an_added_column_is_not_wrong_with_the_row(tmp_path: Path) -> None:
    assert cells_given_back(tmp_path, [*OWN, "outcome", "error"], [*PERSON, "#N/A", "#REF!"]) == [True]


def test_columns_of_the_user_that_are_called_like_added_ones_still_count(tmp_path: Path) -> None:
    headers = ["error", *OWN]
    assert cells_given_back(tmp_path, headers, ["#N/A", *PERSON], ["x", *BLANK]) == [True, False]
