"""The XML of rows: where cells, rows and strings end, whatever is in them."""

from __future__ import annotations

import io
import re
from pathlib import Path

import openpyxl  # type: ignore[import-untyped]
import pytest
import xlsxwriter  # type: ignore[import-untyped]

from importer.results.added import header_beside
from importer.results.workbook import strings
from importer.results.workbook.rows import SheetXml
from tests.test_results_mending import to_mend
from tests.test_results_workbook import ADDED, SHEET, annotated, sheet_of
from tests.workbooks import HEADERS, LEADS, lead, parts, repacked, result

# Elements of rich text whose names begin as those of a cell, a row and a string do.
ALIKE = b'<color rgb="FFFF0000"></color><charset val="163"></charset><rows></rows><size></size>'


def in_rich_text(path: Path) -> Path:
    """Write leads whose names are in rich text, within their cells."""
    book = xlsxwriter.Workbook(path, {"constant_memory": True})
    sheet = book.add_worksheet(LEADS)
    red = book.add_format({"font_color": "red", "bold": True})
    for row, cells in enumerate([HEADERS[1:], *map(lead, range(1, 7))]):
        for column, value in enumerate(cells):
            if column == 1 and row:
                sheet.write_rich_string(row, column, red, value, " (mới)")
            else:
                sheet.write_string(row, column, value)
    book.close()
    return repacked(path, {SHEET: lambda xml: re.sub(rb"<color rgb[^>]*/>", ALIKE, xml)})


def test_rich_text_within_cells_is_kept_as_a_whole(tmp_path: Path) -> None:
    source = in_rich_text(tmp_path / "leads.xlsx")
    assert parts(source)[SHEET].count(ALIKE) == 6
    once = annotated(source, 1)
    again = annotated(once, 1, [result(2)], name="again.xlsx")
    shown = [lead(2)[0], f"{lead(2)[1]} (mới)", *lead(2)[2:]]
    for path in (once, again):
        assert parts(path)[SHEET].count(ALIKE) == 6
        assert [cell.value for cell in sheet_of(path)[3]][:4] == shown
    sheet = sheet_of(to_mend(source, 1, [3]))
    assert [cell.value for cell in sheet[2]] == [*shown, "rejected", "sửa lại"]


@pytest.mark.parametrize("end", [b"</c>", b"</c >", b"</c\n>"])
def test_a_cell_ends_at_its_own_tag(end: bytes) -> None:
    row = b'<row r="1"><c r="A1"><is>' + ALIKE + b"<t>a</t></is>" + end + b'<c r="B1" s="1"/></row >'
    (found,) = SheetXml(io.BytesIO(b"<worksheet><sheetData>" + row + b"</sheetData></worksheet>")).rows()
    assert [(cell.column, cell.is_blank) for cell in found.cells()] == [(1, False), (2, True)]
    assert found.inner.endswith(b'<c r="B1" s="1"/>')


@pytest.mark.parametrize("size", [1, 7, 1 << 20])
def test_a_string_ends_at_its_own_tag(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(strings, "_BLOCK", size)
    xml = b"<sst><si><r><rPr>" + ALIKE + b"</rPr><t>An</t></r></si ><si><t>B\xc3\xacnh</t></si></sst>"
    assert strings.texts(io.BytesIO(xml), {0, 1}) == {0: "An", 1: "Bình"}
    assert b"".join(strings.keep_only(io.BytesIO(xml), {1})) == (
        b"<sst><si><t/></si><si><t>B\xc3\xacnh</t></si></sst>"
    )


# Names of columns in a table of Excel, which wants each once.


@pytest.mark.parametrize(
    ("taken", "header"),
    [
        ([], "status"),
        (["phone"], "status"),
        (["Status"], "status_2"),
        (["status", "STATUS_2"], "status_3"),
        (["status", "status_3"], "status_2"),
    ],
)
def test_a_header_is_numbered_until_no_other_is_the_same(taken: list[str], header: str) -> None:
    assert header_beside("status", taken) == header


def test_a_table_with_columns_called_like_added_ones_has_each_name_once(tmp_path: Path) -> None:
    headers = ["phone", "status", "status_2"]
    book = xlsxwriter.Workbook(tmp_path / "leads.xlsx")
    sheet = book.add_worksheet(LEADS)
    sheet.add_table(0, 0, 6, 2, {"columns": [{"header": header} for header in headers]})
    for row in range(1, 7):
        sheet.write_row(row, 0, [f"09{row:08}", "a", "b"])
    book.close()
    for path in (annotated(tmp_path / "leads.xlsx", 1), tmp_path / "again.xlsx"):
        if path.name == "again.xlsx":
            annotated(tmp_path / "out.xlsx", 1, name=path.name)
        leads = openpyxl.load_workbook(path)[LEADS]
        (table,) = leads.tables.values()
        names = [column.name for column in table.tableColumns]
        assert names == [*headers, *ADDED[:2], "status_3", *ADDED[3:]]
        assert [cell.value for cell in leads[1]] == names
