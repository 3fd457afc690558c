"""Workbooks: values as the person saw them, rows under the spreadsheet's numbers, and what is refused."""

from __future__ import annotations

import datetime
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import openpyxl  # type: ignore[import-untyped]
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from importer.errors import SheetError
from importer.model import NumberText, Row
from importer.sheets import Sheet, cells, open_sheets

ODS_CONTENT = """<?xml version="1.0" encoding="UTF-8"?>
<office:document-content office:version="1.2" xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0"
 xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0"
 xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0"><office:body><office:spreadsheet>
<table:table table:name="Khách">
<table:table-row table:number-rows-repeated="2"><table:table-cell/></table:table-row>
<table:table-row><table:table-cell office:value-type="string"><text:p>id</text:p></table:table-cell
></table:table-row>
<table:table-row><table:table-cell office:value-type="float" office:value="1333"><text:p>1333</text:p
></table:table-cell></table:table-row>
</table:table></office:spreadsheet></office:body></office:document-content>"""


def workbook(path: Path, *rows: Sequence[object], change: Callable[[Any], None] | None = None) -> Path:
    book = openpyxl.Workbook()
    book.active.title = "Leads"
    for row in rows:
        book.active.append(row)
    if change:
        change(book)
    book.save(path)
    return path


def opened(path: Path, *names: str) -> Sheet:
    (sheet,) = open_sheets(str(path), sheets=names)
    return sheet


def rows_of(sheet: Sheet) -> list[Row]:
    return [row for chunk in sheet.chunks() for row in chunk]


def refusal(path: Path, *names: str) -> str:
    with pytest.raises(SheetError) as refused:
        open_sheets(str(path), sheets=names)
    return str(refused.value)


def repacked(path: Path, change: Callable[[str, bytes], bytes | None]) -> Path:
    """Write the zip at `path` anew, each part as `change` gives it; None leaves the part out."""
    with zipfile.ZipFile(path) as source:
        parts = [(name, change(name, source.read(name))) for name in source.namelist()]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as target:
        for name, content in parts:
            if content is not None:
                target.writestr(name, content)
    return path


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("1333", "1333"),
        (1333, "1333"),
        (1333.0, "1333"),
        (-5.0, "-5"),
        (999_999_999_999_999, "999999999999999"),
        (1.5, "1.5"),
        (0.1, "0.1"),
        (True, "TRUE"),
        (False, "FALSE"),
        ("NA", "NA"),
        ("  Nguye\u0302\u0303n\u00a0", "Nguyễn"),
        ("a\nb", "a\nb"),
        (datetime.date(2026, 11, 24), "2026-11-24"),
        (datetime.datetime(2026, 11, 24), "2026-11-24"),
        (datetime.datetime(2026, 11, 24, 8, 30), "2026-11-24 08:30:00"),
        (datetime.time(8, 30), "08:30:00"),
        (datetime.timedelta(hours=30, minutes=5), "30:05:00"),
    ],
)
def test_a_value_becomes_the_text_that_the_person_saw(tmp_path: Path, value: object, text: str) -> None:
    (row,) = rows_of(opened(workbook(tmp_path / "a.xlsx", ["id", "x"], [value, "x"])))
    assert row.cells == (text, "x")
    assert row.problems == ()


def test_midnight_is_a_day_and_a_whole_number_has_no_decimals() -> None:
    assert cells.value_text(datetime.datetime(2026, 11, 24)) == "2026-11-24"
    assert cells.value_text(7) == "7"
    assert cells.value_text(7.5) == "7.5"
    assert [type(cells.value_text(value)) for value in (7.5, 7.0, "7.5")] == [NumberText, str, str]
    assert cells.value_text(-0.0) == "0"


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (141_952_217_564_315_671, "lost_digits"),
        (1e15, "lost_digits"),
        (-(10**15), "lost_digits"),
        (1.5e300, "lost_digits"),
        ("#N/A", "error_cell"),
        ("#DIV/0!", "error_cell"),
        ("#REF!", "error_cell"),
    ],
)
def test_a_value_that_cannot_be_trusted_is_a_problem_and_no_text(
    tmp_path: Path, value: object, code: str
) -> None:
    (row,) = rows_of(opened(workbook(tmp_path / "a.xlsx", ["x", "id"], ["x", value])))
    assert row.cells == ("x", "")
    assert [(problem.code, problem.column) for problem in row.problems] == [(code, "id")]


@pytest.mark.parametrize(
    ("text", "code"), [("#N/A", "error_cell"), ("Err:502", "error_cell"), ("#Nam", None)]
)
def test_the_text_of_an_error_is_one_too(text: str, code: str | None) -> None:
    problem = cells.problem_of(text, "id")
    assert (problem.code if problem else None) == code


def test_a_row_of_nothing_but_an_error_is_a_row(tmp_path: Path) -> None:
    def fill(book: Any) -> None:
        book.active["C4"] = "id"
        book.active["D7"] = "#N/A"
        book.active["D4"] = "name"

    (row,) = rows_of(opened(workbook(tmp_path / "a.xlsx", change=fill)))
    assert (row.place.row, row.cells, row.problems[0].column) == (7, ("", ""), "name")


def test_errors_are_found_in_the_sheet_that_shows_them(tmp_path: Path) -> None:
    def fill(book: Any) -> None:
        book.create_chartsheet("Chart", 0)
        other = book.create_sheet("Other", 1)
        for sheet in (other, book["Leads"]):
            sheet.append(["id"])
            sheet.append(["1"])
        book["Leads"]["A3"] = "#VALUE!"

    other, leads = open_sheets(str(workbook(tmp_path / "a.xlsx", change=fill)))
    assert [row.problems for row in rows_of(other)] == [()]
    assert [bool(row.problems) for row in rows_of(leads)] == [False, True]


def test_rows_have_the_numbers_of_the_spreadsheet_wherever_the_table_starts(tmp_path: Path) -> None:
    def fill(book: Any) -> None:
        sheet = book.active
        for at, value in {"C4": "id", "E4": "name", "C6": 5, "E6": "An", "C9": " ", "E12": "Eve"}.items():
            sheet[at] = value

    sheet = opened(workbook(tmp_path / "a.xlsx", change=fill))
    assert (sheet.headers, sheet.header_row) == (("id", "", "name"), 4)
    assert [(row.place.row, row.cells) for row in rows_of(sheet)] == [
        (6, ("5", "", "An")),
        (12, ("", "", "Eve")),
    ]
    assert str(rows_of(sheet)[0].place).endswith("a.xlsx, sheet Leads, row 6")


def test_text_right_of_the_headers_is_a_problem_and_an_error_there_is_not(tmp_path: Path) -> None:
    path = workbook(tmp_path / "a.xlsx", ["id\nof  all", None], ["1"], ["2", "x"], ["3", "#N/A"])
    sheet = opened(path)
    assert sheet.headers == ("id of all",)
    assert [[problem.code for problem in row.problems] for row in rows_of(sheet)] == [
        [],
        ["too_many_cells"],
        [],
    ]


def hide(book: Any) -> None:
    for name, state in (
        ("Old", "hidden"),
        ("Older", "veryHidden"),
        ("Empty", "visible"),
        ("More", "visible"),
    ):
        sheet = book.create_sheet(name)
        sheet.sheet_state = state
        if name != "Empty":
            sheet.append(["id"])
            sheet.append([name])


def test_visible_sheets_are_read_and_hidden_ones_are_told(tmp_path: Path) -> None:
    sheets = open_sheets(str(workbook(tmp_path / "a.xlsx", ["id"], ["1"], change=hide)))
    assert [sheet.name for sheet in sheets] == ["Leads", "More"]
    assert "'Old', 'Older'" in sheets[0].notices[0]
    assert sheets[1].notices == ()


def test_exactly_the_named_sheets_are_read_hidden_ones_too(tmp_path: Path) -> None:
    path = workbook(tmp_path / "a.xlsx", ["id"], ["1"], change=hide)
    sheets = open_sheets(str(path), sheets=["More", " Older", "Empty"])
    assert [sheet.name for sheet in sheets] == ["Older", "More"]
    assert [row.cells for row in rows_of(sheets[0])] == [("Older",)]
    assert sheets[0].notices == (f"{path}: nothing is in 'Empty'.",)


def test_an_unknown_name_is_answered_with_those_that_exist(tmp_path: Path) -> None:
    message = refusal(workbook(tmp_path / "a.xlsx", ["id"], change=hide), "Lead")
    assert "no sheet 'Lead'. Its sheets are 'Leads', 'Empty', 'More', 'Old', 'Older'." in message


def test_a_workbook_without_text_in_its_visible_sheets_is_refused(tmp_path: Path) -> None:
    assert "no text" in refusal(workbook(tmp_path / "a.xlsx"))
    assert "no text" in refusal(workbook(tmp_path / "b.xlsx", [" "]))
    path = workbook(tmp_path / "c.xlsx", change=hide)
    repacked(path, lambda name, content: content.replace(b">More<", b"> <").replace(b">id<", b"> <"))
    assert "hidden, 'Old', 'Older'" in refusal(path)


def test_a_workbook_of_headers_only_has_no_rows(tmp_path: Path) -> None:
    assert list(opened(workbook(tmp_path / "a.xlsx", ["id"])).chunks()) == []


def test_rows_can_be_read_again_and_in_chunks(tmp_path: Path) -> None:
    sheet = opened(workbook(tmp_path / "a.xlsx", ["id"], *([number] for number in range(4500))))
    assert [len(chunk) for chunk in sheet.chunks()] == [2000, 2000, 500]
    assert [len(chunk) for chunk in sheet.chunks(3000)] == [3000, 1500]
    assert rows_of(sheet) == rows_of(sheet)


def test_a_workbook_that_changes_after_it_was_opened_is_not_read_on(tmp_path: Path) -> None:
    path = workbook(tmp_path / "a.xlsx", ["id"], ["1"])
    sheet = opened(path)
    workbook(path, ["id"], ["1"], ["2"], ["3"])
    with pytest.raises(SheetError, match="was changed"):
        next(sheet.chunks())


def ods(path: Path, content: str = ODS_CONTENT, encrypted: bool = False) -> Path:
    kind = "application/vnd.oasis.opendocument.spreadsheet"
    inside = "<manifest:encryption-data/>" if encrypted else ""
    manifest = (
        '<manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0">'
        f'<manifest:file-entry manifest:full-path="content.xml" manifest:media-type="text/xml">{inside}'
        "</manifest:file-entry></manifest:manifest>"
    )
    with zipfile.ZipFile(path, "w") as target:
        target.writestr("mimetype", kind)
        target.writestr("content.xml", content)
        target.writestr("META-INF/manifest.xml", manifest)
    return path


def test_an_ods_is_read_like_any_workbook(tmp_path: Path) -> None:
    sheet = opened(ods(tmp_path / "a.ods"))
    assert (sheet.name, sheet.headers, sheet.header_row) == ("Khách", ("id",), 3)
    assert [(row.place.row, row.cells) for row in rows_of(sheet)] == [(4, ("1333",))]


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.lists(
            st.none()
            | st.booleans()
            | st.integers(-(10**15) + 1, 10**15 - 1)
            | st.floats(-1e14, 1e14, allow_subnormal=False)
            | st.text(st.sampled_from("aNễ0 \u00a0\n,\"'<&=+"), max_size=9).filter(
                lambda text: text[:1] != "="
            ),
            min_size=2,
            max_size=2,
        ),
        max_size=9,
    )
)
def test_what_a_workbook_holds_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, table: list[Any]
) -> None:
    path = workbook(tmp_path_factory.mktemp("book") / "a.xlsx", ["id", "name"], *table)
    # openpyxl writes a float with 16 digits, so that is what the workbook holds.
    expected = {
        number: tuple(
            ""
            if value is None
            else cells.value_text(float(f"{value:.16g}") if type(value) is float else value)
            for value in row
        )
        for number, row in enumerate(table, 2)
    }
    found = {row.place.row: row.cells for row in rows_of(opened(path))}
    assert found == {number: row for number, row in expected.items() if any(row)}
