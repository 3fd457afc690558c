"""The user's own workbook with outcomes beside its rows: what is added, and that nothing else changes."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import openpyxl  # type: ignore[import-untyped]
import pytest
from hypothesis import given
from hypothesis import strategies as st
from python_calamine import CalamineWorkbook

from importer import ooxml
from importer.errors import SheetError, UnusualWorkbookError
from importer.model import IMPORT_OUTCOMES, OutcomeName, ResultRow
from importer.results import outcome_row
from importer.results.added import OUTCOME_WIDTHS, added_columns
from importer.results.workbook import LeadSheet, markup, write_outcomes
from tests.workbooks import (
    HEADERS,
    LEADS,
    by_openpyxl,
    by_xlsxwriter,
    lead,
    looks,
    parts,
    repacked,
    result,
)

ADDED = tuple(OUTCOME_WIDTHS)
SHEET = "xl/worksheets/sheet1.xml"
Make = Callable[[Path], Path]
BOOKS: dict[str, tuple[Make, int, set[str]]] = {
    # How it is made, where its headers stand, and what besides the sheet changes in it.
    "openpyxl": (by_openpyxl, 3, {"xl/styles.xml", "xl/workbook.xml"}),
    "xlsxwriter": (by_xlsxwriter, 1, {"xl/styles.xml", "xl/workbook.xml"}),
    "inline": (lambda path: by_xlsxwriter(path, inline=True), 1, {"xl/styles.xml", "xl/workbook.xml"}),
    "table": (lambda path: by_xlsxwriter(path, table=True), 1, {"xl/styles.xml", "xl/tables/table1.xml"}),
    "chart": (lambda path: by_xlsxwriter(path, chart=True), 1, {"xl/styles.xml", "xl/workbook.xml"}),
}
every_book = pytest.mark.parametrize("name", BOOKS)


def nothing() -> None:
    """Find that the source is what it was."""


def annotated(
    source: Path, header_row: int, rows: Iterable[ResultRow] | None = None, *, name: str = "out.xlsx"
) -> Path:
    """Write the outcomes of six rows below the headers, a line lower if those take two."""
    path = source.with_name(name)
    first = 5 if header_row > 1 else 2
    outcomes = [*IMPORT_OUTCOMES][:6]
    rows = [result(first + at, outcome) for at, outcome in enumerate(outcomes)] if rows is None else rows
    write_outcomes(path, source, [LeadSheet(LEADS, header_row)], map(outcome_row, rows), nothing)
    return path


def sheet_of(path: Path) -> Any:
    return openpyxl.load_workbook(path)[LEADS]


def as_read(path: Path) -> list[list[Any]]:
    """Return the cells of the leads as the importer's own reader of workbooks has them."""
    return CalamineWorkbook.from_path(str(path)).get_sheet_by_name(LEADS).to_python()


def by_header(sheet: Any, header_row: int, row: int) -> dict[str, Any]:
    return {cell.value: sheet.cell(row, cell.column) for cell in sheet[header_row] if cell.value in ADDED}


@every_book
def test_all_other_parts_are_the_same_byte_for_byte(tmp_path: Path, name: str) -> None:
    make, header_row, changed = BOOKS[name]
    source = make(tmp_path / "leads.xlsx")
    before, after = parts(source), parts(annotated(source, header_row))
    assert before.keys() == after.keys()
    assert {part for part in before if before[part] != after[part]} == {SHEET, *changed}


@every_book
def test_every_cell_that_was_there_keeps_its_value_formula_and_style(tmp_path: Path, name: str) -> None:
    make, header_row, _ = BOOKS[name]
    source = make(tmp_path / "leads.xlsx")
    path = annotated(source, header_row)
    assert set(looks(source)) <= set(looks(path))
    read = [
        CalamineWorkbook.from_path(str(one)).get_sheet_by_name(LEADS).to_python() for one in (source, path)
    ]
    assert [row[: len(HEADERS)] for row in read[1]] == [
        row[: len(HEADERS)] for row in read[0][: len(read[1])]
    ]


@every_book
def test_outcomes_stand_beside_their_rows_as_text_and_counts_as_numbers(tmp_path: Path, name: str) -> None:
    make, header_row, _ = BOOKS[name]
    sheet = sheet_of(annotated(make(tmp_path / "leads.xlsx"), header_row))
    headers, first = (4, 5) if header_row == 3 else (1, 2)
    assert tuple(cell.value for cell in sheet[headers] if cell.value in ADDED) == ADDED
    assert all(cell.font.b for cell in sheet[headers] if cell.value in ADDED)
    created, rejected = by_header(sheet, headers, first), by_header(sheet, headers, first + 4)
    assert (created["outcome"].value, created["application_id"].value) == ("created", "009007199254740993")
    assert {created[text].data_type for text in ("outcome", "application_id", "created_at")} == {"s"}
    assert {created[text].number_format for text in ("outcome", "application_id", "status")} == {"@"}
    assert (created["attempts"].value, created["http_status"].value, created["notes"].value) == (
        1,
        None,
        None,
    )
    assert rejected["error_message"].value == "'=sai <số> & chữ"
    assert (rejected["http_status"].value, rejected["request_id"].value) == (400, "0042")
    assert rejected["notes"].value == "a; b"


def test_each_kind_of_outcome_has_its_colour_and_the_font_and_lines_of_its_row(tmp_path: Path) -> None:
    source = by_openpyxl(tmp_path / "leads.xlsx", count=8)
    rows = [result(5 + at, outcome) for at, outcome in enumerate(IMPORT_OUTCOMES)]
    sheet = sheet_of(annotated(source, 3, rows))
    cells = [sheet.cell(row.place.row, 6) for row in rows]
    assert [cell.value for cell in cells] == [*IMPORT_OUTCOMES]
    colours = {cell.value: cell.fill.fgColor.rgb for cell in cells}
    groups = {colour: {name for name in colours if colours[name] == colour} for colour in colours.values()}
    assert sorted(map(sorted, groups.values())) == [
        ["created", "existing"],
        ["duplicate", "not_attempted"],
        ["failed", "invalid", "rejected"],
        ["in_doubt"],
    ]
    assert {(cell.font.name, cell.font.sz, cell.border.left.style) for cell in cells} == {
        ("Times New Roman", 13, "thin")
    }
    assert sheet["F4"].fill.fgColor.rgb == sheet["E3"].fill.fgColor.rgb
    assert sheet["G5"].fill.fill_type is None


def test_a_filter_is_widened_and_keeps_what_it_filters_by(tmp_path: Path) -> None:
    path = annotated(by_openpyxl(tmp_path / "leads.xlsx"), 3)
    sheet = sheet_of(path)
    assert sheet.auto_filter.ref == "A4:P10"
    assert [column.colId for column in sheet.auto_filter.filterColumn] == [4]
    names = parts(path)["xl/workbook.xml"].decode()
    assert re.findall(r"_FilterDatabase[^>]*>([^<]*)<", names) == [f"'{LEADS}'!$A$4:$P$10"]
    assert (sheet.freeze_panes, sheet.dimensions) == ("A5", "A1:P20")


def test_a_sheet_without_a_filter_gets_one_over_the_whole_table(tmp_path: Path) -> None:
    path = annotated(by_xlsxwriter(tmp_path / "leads.xlsx"), 1)
    assert sheet_of(path).auto_filter.ref == "A1:P7"
    names = parts(path)["xl/workbook.xml"].decode()
    assert re.findall(r"<definedNames>.*?localSheetId=\"0\".*?>([^<]*)<", names) == [f"'{LEADS}'!$A$1:$P$7"]


def test_a_filter_that_is_elsewhere_on_the_sheet_is_left_alone(tmp_path: Path) -> None:
    source = by_openpyxl(tmp_path / "leads.xlsx")
    repacked(source, {SHEET: lambda xml: xml.replace(b'ref="A4:E10"', b'ref="A2:B2"')})
    assert sheet_of(annotated(source, 3)).auto_filter.ref == "A2:B2"


def test_a_table_of_excel_grows_so_that_sorting_it_moves_the_outcomes_along(tmp_path: Path) -> None:
    headers = ("STT", "Mã khách hàng", "Họ tên", "Status", "outcome")
    path = annotated(by_xlsxwriter(tmp_path / "leads.xlsx", table=True, headers=headers), 1)
    sheet = sheet_of(path)
    (table,) = sheet.tables.values()
    assert (table.ref, table.autoFilter.ref, sheet.auto_filter.ref) == ("A1:P7", "A1:P7", None)
    shown = [cell.value for cell in sheet[1]]
    assert [column.name for column in table.tableColumns] == shown
    assert len({name.casefold() for name in shown}) == len(shown)
    assert [column.id for column in table.tableColumns] == [*range(1, 17)]
    assert shown[5:8] == ["outcome_2", "application_id", "status_2"]


def test_a_table_that_a_query_fills_does_not_grow_and_no_filter_overlaps_it(tmp_path: Path) -> None:
    source = by_xlsxwriter(tmp_path / "leads.xlsx", table=True)
    query = {
        "xl/tables/table1.xml": lambda xml: xml.replace(
            b'name="Leads"', b'name="Leads" tableType="queryTable"'
        )
    }
    sheet = sheet_of(annotated(repacked(source, query), 1))
    assert sheet.tables["Leads"].ref == "A1:E7"
    assert sheet.auto_filter.ref is None
    assert sheet["F2"].value == "created"


def test_outcomes_are_not_hidden_behind_a_chart(tmp_path: Path) -> None:
    sheet = sheet_of(annotated(by_xlsxwriter(tmp_path / "leads.xlsx", chart=True), 1))
    (first,) = [cell.column for cell in sheet[1] if cell.value == "outcome"]
    assert first > max(drawn.anchor.to.col + 1 for drawn in sheet._charts)


def test_text_right_of_the_headers_and_merged_cells_keep_their_columns(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = LEADS
    for row in (HEADERS, ["1", *lead(1), None, "lạc"], ["2", *lead(2)]):
        sheet.append(row)
    sheet.merge_cells("H3:I3")
    book.save(tmp_path / "leads.xlsx")
    written = sheet_of(annotated(tmp_path / "leads.xlsx", 1, [result(2), result(3)]))
    assert (written["G2"].value, written["J1"].value, written["J3"].value) == ("lạc", "outcome", "created")


def test_widths_of_the_users_columns_stay_where_one_reached_over_the_added_ones(tmp_path: Path) -> None:
    source = by_openpyxl(tmp_path / "leads.xlsx")
    cols = b'<cols><col min="1" max="30" width="7" hidden="1"/></cols>'
    repacked(source, {SHEET: lambda xml: re.sub(rb"<cols>.*</cols>", cols, xml)})
    xml = parts(annotated(source, 3))[SHEET].decode()
    found = re.findall(r'<col min="(\d+)" max="(\d+)" width="([\d.]+)"( hidden="1")?', xml)
    assert (found[0][:2], found[0][3], found[-1][:2]) == (("1", "5"), ' hidden="1"', ("17", "30"))
    assert [tuple(map(int, col[:2])) for col in found[1:-1]] == [(at, at) for at in range(6, 17)]
    assert not any(col[3] for col in found[1:-1])


def test_blank_cells_with_a_style_do_not_push_the_outcomes_away(tmp_path: Path) -> None:
    source = by_openpyxl(tmp_path / "leads.xlsx")
    book = openpyxl.load_workbook(source)
    for row in range(4, 11):
        for column in range(6, 40):
            book[LEADS].cell(row, column).fill = openpyxl.styles.PatternFill("solid", fgColor="EEEEEE")
    book.save(source)
    sheet = sheet_of(annotated(source, 3))
    assert (sheet["F4"].value, sheet["F5"].value) == ("outcome", "created")
    assert sheet["AA5"].fill.fgColor.rgb == "00EEEEEE"


@every_book
def test_results_of_results_take_the_place_of_the_earlier_ones(tmp_path: Path, name: str) -> None:
    make, header_row, _ = BOOKS[name]
    once = annotated(make(tmp_path / "leads.xlsx"), header_row)
    first = 5 if header_row == 3 else 2
    # The reader takes the lower line for the headers now, since there is text in it.
    again = annotated(once, 4 if header_row == 3 else 1, [result(first, OutcomeName.EXISTING)], name="2.xlsx")
    before, after = sheet_of(once), sheet_of(again)
    header = first - 1
    assert [cell.value for cell in after[header]] == [cell.value for cell in before[header]]
    assert (after.auto_filter.ref, after.dimensions) == (before.auto_filter.ref, before.dimensions)
    assert [table.ref for table in after.tables.values()] == [table.ref for table in before.tables.values()]
    assert by_header(after, header, first)["outcome"].value == "existing"
    # A row that this run did not read has no outcome of another run.
    assert {cell.value for cell in by_header(after, header, first + 1).values()} == {None}


# How others may write the same sheet.


def prefixed(xml: bytes) -> bytes:
    return re.sub(rb"<(/?)([a-zA-Z])", rb"<\1x:\2", xml).replace(b"xmlns=", b"xmlns:x=")


VARIANTS: dict[str, Callable[[bytes], bytes]] = {
    "no numbers of rows": lambda xml: re.sub(rb'<row r="\d+"', b"<row", xml),
    "no references of cells": lambda xml: re.sub(rb'<c r="\w+"', b"<c", xml),
    "cells without attributes": lambda xml: re.sub(rb'<c r="\w+" t="inlineStr"', b'<c t="inlineStr"', xml),
    "a prefix": prefixed,
    "no dimension": lambda xml: re.sub(rb"<dimension[^>]*/>", b"", xml),
    "single quotes": lambda xml: re.sub(rb'"([A-Z]+\d+)"', rb"'\1'", xml),
    "blanks": lambda xml: xml.replace(b"<row ", b"\n  <row\n ").replace(b"</row>", b"\n</row >"),
    "blank rows at the end": lambda xml: xml.replace(b"</sheetData>", b'<row r="90"/><row/></sheetData>'),
}


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("inline", [False, True])
def test_a_sheet_may_be_written_in_other_ways(tmp_path: Path, variant: str, inline: bool) -> None:
    source = by_xlsxwriter(tmp_path / "leads.xlsx", inline=inline)
    usual = annotated(source, 1, name="usual.xlsx")
    other = annotated(repacked(source, {SHEET: VARIANTS[variant]}), 1, name="other.xlsx")
    read = [
        CalamineWorkbook.from_path(str(one)).get_sheet_by_name(LEADS).to_python() for one in (usual, other)
    ]
    assert read[0] == read[1]
    assert b"spans=" not in parts(other)[SHEET].partition(b"</row")[0]


@pytest.mark.parametrize(
    ("part", "change", "told"),
    [
        (SHEET, lambda xml: xml.replace(b"<row ", b"<!-- a --><row ", 1), "among the rows"),
        (
            SHEET,
            lambda xml: xml.replace(b"<v>", b"<v><![CDATA[", 1).replace(b"</v>", b"]]></v>", 1),
            "comments",
        ),
        (SHEET, lambda xml: xml.replace(b"<worksheet", b"<!DOCTYPE a><worksheet", 1), "definitions"),
        (SHEET, lambda xml: xml.decode().replace("UTF-8", "UTF-16").encode("utf-16"), "no rows"),
        (SHEET, lambda xml: xml.replace(b"UTF-8", b"latin-1"), "UTF-8"),
        (SHEET, lambda xml: xml.replace(b'<row r="3"', b'<row r="2"'), "not in order"),
        (SHEET, lambda xml: xml[: xml.index(b"</sheetData>")], "do not end"),
        (SHEET, lambda xml: xml.replace(b'<row r="7"', b'<row r="17"'), "row 7 of a sheet is not found"),
        (
            SHEET,
            lambda xml: xml.replace(b'r="A1"', b'r="XFD1"').replace(b'r="A2"', b'r="XFA2"'),
            "in order|free",
        ),
        ("xl/styles.xml", lambda xml: xml.replace(b"cellXfs", b"others"), "no styles"),
        ("xl/styles.xml", None, "no styles"),
        ("xl/workbook.xml", lambda xml: xml.replace(b"<sheet ", b"<other "), "not found"),
        ("_rels/.rels", None, "no list of sheets"),
    ],
)
def test_what_is_not_written_as_usual_is_refused_and_leaves_the_earlier_file(
    tmp_path: Path, part: str, change: Callable[[bytes], bytes] | None, told: str
) -> None:
    source = repacked(by_xlsxwriter(tmp_path / "leads.xlsx"), {part: change})
    (tmp_path / "out.xlsx").write_text("earlier")
    with pytest.raises(UnusualWorkbookError, match=told):
        annotated(source, 1)
    assert (tmp_path / "out.xlsx").read_text() == "earlier"
    assert {path.name for path in tmp_path.iterdir()} == {"leads.xlsx", "out.xlsx"}


def test_a_file_that_is_no_archive_is_refused(tmp_path: Path) -> None:
    (tmp_path / "leads.xlsx").write_text("customer_id")
    with pytest.raises(UnusualWorkbookError, match="unpacked"):
        annotated(tmp_path / "leads.xlsx", 1)


def test_a_source_that_turns_out_to_be_changed_leaves_the_earlier_file(tmp_path: Path) -> None:
    def changed() -> None:
        raise SheetError("changed")

    path = tmp_path / "out.xlsx"
    path.write_text("earlier")
    source = by_xlsxwriter(tmp_path / "leads.xlsx")
    with pytest.raises(SheetError):
        write_outcomes(path, source, [LeadSheet(LEADS, 1)], [outcome_row(result(2))], changed)
    assert path.read_text() == "earlier"


def test_a_workbook_with_macros_becomes_one_without(tmp_path: Path) -> None:
    macro = b"application/vnd.ms-office.vbaProject"
    main = b"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"
    source = by_xlsxwriter(tmp_path / "leads.xlsm")
    with_macros = {
        "[Content_Types].xml": lambda xml: xml.replace(
            main, b"application/vnd.ms-excel.sheet.macroEnabled.main+xml"
        ).replace(b"<Override ", b'<Default Extension="bin" ContentType="%b"/><Override ' % macro, 1),
        "xl/_rels/workbook.xml.rels": lambda xml: xml.replace(
            b"</Relationships>",
            b'<Relationship Id="m" Type="http://schemas.microsoft.com/office/2006/relationships/vbaProject" '
            b'Target="vbaProject.bin"/></Relationships>',
        ),
    }
    repacked(source, with_macros)
    with_program = parts(source) | {"xl/vbaProject.bin": b"a program"}
    with zipfile.ZipFile(source, "w") as archive:
        for name, content in with_program.items():
            archive.writestr(name, content)
    after = parts(annotated(source, 1))
    assert "xl/vbaProject.bin" not in after
    assert main in after["[Content_Types].xml"]
    assert not any(b"vbaProject" in content or b"macroEnabled" in content for content in after.values())
    assert sheet_of(tmp_path / "out.xlsx")["F2"].value == "created"


# Bytes and references.


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"])))
def test_an_attribute_reads_as_it_was_written_and_leaves_the_others(value: str) -> None:
    for tag in (b"<a/>", b'<a name="old" x:name="other">', b"<a  b = '1 name=\"2\"'\nname='>' >"):
        changed = markup.with_attribute(tag, b"name", value)
        assert ooxml.attribute(changed, b"name") == value
        for other in (b"b", b"x:name"):
            assert ooxml.attribute(changed, other) == ooxml.attribute(tag, other)
        assert ooxml.attribute(markup.without_attributes(changed, b"name"), b"name") is None


# Which columns are the importer's own.


@pytest.mark.parametrize(
    ("headers", "added"),
    [
        (("phone", *ADDED), range(1, 12)),
        (("phone", *ADDED, "more"), range(1, 12)),
        (("phone", "outcome_2", "application_id", "status_2", *ADDED[3:]), range(1, 12)),
        (("phone", "outcome_10", "application_id", "status_3", *ADDED[3:]), range(1, 12)),
        (("phone", "outcome_", *ADDED[1:]), range(12, 12)),
        (("phone", "outcome", "error"), range(1, 3)),
        (("outcome", "error", "phone", "outcome", "error"), range(3, 5)),
        (("phone", "error", "outcome"), range(3, 3)),
        (("phone", "status", "notes"), range(3, 3)),
        ((), range(0)),
    ],
)
def test_added_columns_are_known_by_standing_together(headers: tuple[str, ...], added: range) -> None:
    assert added_columns(headers) == added


@pytest.mark.parametrize("referenced", [True, False])
def test_a_column_that_somebody_put_right_of_the_outcomes_stays_there(
    tmp_path: Path, referenced: bool
) -> None:
    once = annotated(by_xlsxwriter(tmp_path / "leads.xlsx"), 1)
    book = openpyxl.load_workbook(once)
    book[LEADS]["Q1"], book[LEADS]["Q3"] = "Người gọi", "Lan"
    book.save(once)
    if not referenced:
        repacked(once, {SHEET: lambda xml: re.sub(rb'<c r="[A-Z]+1"', b"<c", xml)})
    sheet = sheet_of(annotated(once, 1, [result(2)], name="2.xlsx"))
    texts = [cell.value for cell in sheet[1]]
    assert texts[5:] == [*ADDED, "Người gọi"]
    assert (sheet["F2"].value, sheet["F3"].value) == ("created", None)
    assert sheet["Q3"].value == "Lan"


def test_a_picture_of_a_told_size_is_not_covered_either(tmp_path: Path) -> None:
    source = by_xlsxwriter(tmp_path / "leads.xlsx")
    anchor = (
        b"<xdr:oneCellAnchor><xdr:from><xdr:col>6</xdr:col><xdr:colOff>0</xdr:colOff><xdr:row>2</xdr:row>"
        b'<xdr:rowOff>0</xdr:rowOff></xdr:from><xdr:ext cx="1219200" cy="190500"/></xdr:oneCellAnchor>'
    )
    drawing = "xl/drawings/drawing1.xml"
    repacked(source, {drawing: lambda xml: xml.replace(b"</xdr:wsDr>", anchor + b"</xdr:wsDr>")})
    texts = [cell.value for cell in sheet_of(annotated(source, 1))[1]]
    assert texts.index("outcome") == 9
