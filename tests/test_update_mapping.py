"""Rows that tell the statuses of applications: which columns, which ids, which words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from importer.errors import MappingError
from importer.mapping.updates import UpdateMapping, choose_update_mapping, update_header_score
from importer.model import InvalidRow, Place, Row, RowProblem, Update
from importer.results import COLUMNS

ID = "141952217564315671"
PLACE = Place("statuses.csv", "", 2)


def mapping(*, strict: bool = False) -> UpdateMapping:
    return choose_update_mapping("statuses.csv", ("application_id", "status"), strict=strict)


def read(application_id: str, status: str, *problems: RowProblem, strict: bool = False) -> object:
    return mapping(strict=strict).update(Row(PLACE, (application_id, status), problems))


def codes(found: object) -> list[str]:
    assert isinstance(found, InvalidRow)
    return [problem.code for problem in found.problems]


@pytest.mark.parametrize(
    ("headers", "application_id", "status"),
    [
        (("application_id", "status"), 0, 1),
        (("Status", "Ghi chú", "Application ID"), 2, 0),
        (("Mã hồ sơ", "Trạng thái mới"), 0, 1),
        (("STT", "TÌNH TRẠNG HỒ SƠ", "Mã đơn (bắt buộc)"), 2, 1),
        (COLUMNS, COLUMNS.index("application_id"), COLUMNS.index("status")),
    ],
)
def test_headers_are_known_in_english_and_vietnamese(
    headers: tuple[str, ...], application_id: int, status: int
) -> None:
    found = choose_update_mapping("statuses.csv", headers)
    assert (found.application_id.index, found.status.index) == (application_id, status)
    assert update_header_score()(headers) == 2


def test_a_column_may_be_named_by_header_or_letter() -> None:
    columns = {"application_id": "Mã", "status": "C"}
    found = choose_update_mapping("s.csv", ("Mã", "status", "Kết quả"), columns, ("A", "B", "C"))
    assert (found.application_id.index, found.status.index) == (0, 2)
    assert update_header_score({"application_id": "Mã"})(("Mã", "Kết quả")) == 1


@pytest.mark.parametrize(
    ("headers", "columns", "message"),
    [
        (("status",), {}, "no column for application_id (Mã hồ sơ)"),
        (("application_id", "status", "Trạng thái"), {}, "'status', 'Trạng thái' all fit status"),
        (("application_id", "status"), {"phone": "status"}, "there is no field 'phone'"),
        (("application_id", "status"), {"status": "Kết quả"}, "has no column 'Kết quả'"),
    ],
)
def test_where_the_columns_are_not_plain_nothing_is_guessed(
    headers: tuple[str, ...], columns: dict[str, str], message: str
) -> None:
    with pytest.raises(MappingError) as refused:
        choose_update_mapping("statuses.csv", headers, columns)
    assert message in str(refused.value)


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ("new", "new"),
        ("Disbursed", "disbursed"),
        (" REJECTED ", "rejected"),
        ("Mới", "new"),
        ("Đã giải ngân", "disbursed"),
        ("giải ngân", "disbursed"),
        ("TỪ CHỐI", "rejected"),
        ("bị từ chối", "rejected"),
    ],
)
def test_a_status_may_be_said_in_either_language_with_any_case(said: str, status: str) -> None:
    assert read(ID, said) == Update(PLACE, ID, status)


@pytest.mark.parametrize("said", ["done", "disbursed?no", "đang xử lý", "1"])
def test_another_status_is_invalid_and_not_guessed(said: str) -> None:
    assert codes(read(ID, said)) == ["bad_status"]


@pytest.mark.parametrize(
    ("application_id", "code"),
    [
        ("1.41952E+17", "lost_digits"),
        ("1,41952E+17", "lost_digits"),
        ("141952217564315671.0", "lost_digits"),
        ("2026-11-24", "turned_into_date"),
        ("14195221756431567", "bad_application_id"),
        ("14195221756431567100", "bad_application_id"),
        ("041952217564315671", "bad_application_id"),
        ("14195221756431567a", "bad_application_id"),
        ("../applications/14195", "bad_application_id"),
        ("141952 217564315671", "bad_application_id"),
        ("", "missing"),
    ],
)
def test_an_id_that_is_none_any_more_is_invalid(application_id: str, code: str) -> None:
    assert codes(read(application_id, "new")) == [code]


def test_an_id_may_be_marked_as_text_as_spreadsheets_do_it() -> None:
    for written in (f"'{ID}", f'="{ID}"'):
        found = read(written, "new")
        assert isinstance(found, Update)
        assert (found.application_id, len(found.notes)) == (ID, 1)


def test_an_id_that_ends_in_zeros_is_doubtful_and_invalid_where_that_is_asked_for() -> None:
    found = read("141952217564315000", "new")
    assert isinstance(found, Update)
    assert [note.code for note in found.notes] == ["maybe_lost_digits"]
    assert codes(read("141952217564315000", "new", strict=True)) == ["maybe_lost_digits"]


def test_what_the_reader_found_wrong_is_told_once() -> None:
    problem = RowProblem("lost_digits", "digits may be lost", "application_id")
    assert codes(read("", "new", problem)) == ["lost_digits"]
    elsewhere = RowProblem("error_cell", "an error", "Ghi chú")
    assert read(ID, "new", elsewhere) == Update(PLACE, ID, "new")
    assert codes(read("", "", problem)) == ["lost_digits", "missing"]


def test_a_row_without_a_status_says_nothing() -> None:
    assert read("", "") is None
    assert mapping().update(Row(PLACE, ())) is None
    assert read(ID, "") is None


@given(st.text(max_size=30), st.text(max_size=30))
def test_any_row_is_an_update_of_digits_or_told_why_not_and_no_message_repeats_it(
    application_id: str, status: str
) -> None:
    found = read(application_id, status)
    if isinstance(found, Update):
        assert found.application_id.isdecimal()
        assert len(found.application_id) in (18, 19)
    elif isinstance(found, InvalidRow):
        told = " ".join(problem.message for problem in found.problems)
        assert len(application_id) < 8 or application_id not in told
