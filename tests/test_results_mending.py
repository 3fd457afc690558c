"""The user's own workbook with just the rows to mend: what stays, and what goes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import openpyxl  # type: ignore[import-untyped]
import pytest

from importer.errors import UnusualWorkbookError
from importer.model import OutcomeName
from importer.results import row_to_mend
from importer.results.workbook import LeadSheet, write_rows_to_mend
from importer.sheets import open_sheets
from tests.test_results_workbook import SHEET, annotated, nothing, prefixed, sheet_of
from tests.workbooks import HEADERS, LEADS, by_openpyxl, by_xlsxwriter, lead, parts, repacked, result

REJECTED = OutcomeName.REJECTED


def to_mend(
    source: Path,
    header_row: int,
    rows: Iterable[int],
    *,
    sheets: Sequence[str] = (LEADS,),
    hide_others: bool = False,
) -> Path:
    path = source.with_name("retry.xlsx")
    wrong = (row_to_mend(result(row, REJECTED), "sửa lại") for row in rows)
    leads = [LeadSheet(sheet, header_row) for sheet in sheets]
    assert write_rows_to_mend(path, source, leads, wrong, nothing, hide_others=hide_others)
    return path


def to_mend_some(source: Path, header_row: int) -> Path:
    return to_mend(source, header_row, [6, 7])


def values(sheet: Any, first: int) -> list[tuple[Any, ...]]:
    return [row for row in sheet.iter_rows(min_row=first, values_only=True) if any(row)]


def test_the_rows_to_mend_follow_the_headers_with_what_is_wrong(tmp_path: Path) -> None:
    sheet = sheet_of(to_mend(by_xlsxwriter(tmp_path / "leads.xlsx"), 1, [3, 6]))
    assert values(sheet, 1) == [
        (*HEADERS, "outcome", "error"),
        # Formulas are the values that they had.
        (2, *lead(2), "rejected", "sửa lại"),
        (5, *lead(5), "rejected", "sửa lại"),
    ]
    assert (sheet.auto_filter.ref, sheet.dimensions) == ("A1:G3", "A1:G3")
    assert {sheet[f"{column}2"].number_format for column in "BCDEFG"} == {"@"}


def test_rows_keep_their_looks_and_what_stands_above_stays(tmp_path: Path) -> None:
    sheet = sheet_of(to_mend(by_openpyxl(tmp_path / "leads.xlsx"), 3, [6]))
    assert (sheet["A1"].value, sheet["B3"].value) == ("DANH SÁCH", HEADERS[1])
    # openpyxl writes formulas without their values.
    assert values(sheet, 5) == [("#N/A", *lead(2), "rejected", "sửa lại")]
    assert (sheet["C5"].fill.fgColor.rgb, sheet["C5"].font.name) == ("00FFFF00", "Times New Roman")
    assert (sheet["F5"].fill.fill_type, sheet["F5"].border.left.style) == ("solid", "thin")
    assert (sheet.column_dimensions["C"].width, sheet.freeze_panes) == (24, "A5")


def test_what_is_about_rows_that_are_gone_goes_with_its_parts(tmp_path: Path) -> None:
    source = by_openpyxl(tmp_path / "leads.xlsx")
    path = to_mend(source, 3, [7])
    sheet = sheet_of(path)
    assert {str(area) for area in sheet.merged_cells.ranges} == {
        "A1:E1",
        *(f"{column}3:{column}4" for column in "ABCDE"),
    }
    assert [str(rule.sqref) for rule in sheet.data_validations.dataValidation] == ["E5:E500"]
    assert (list(sheet.conditional_formatting), sheet["D5"].hyperlink, sheet["C5"].comment) == (
        [],
        None,
        None,
    )
    gone = parts(source).keys() - parts(path).keys()
    assert gone == {"xl/comments/comment1.xml", "xl/drawings/commentsDrawing1.vml"}
    types = parts(path)["[Content_Types].xml"].decode()
    assert "comments" not in types
    assert sheet.auto_filter.ref == "A4:G5"
    assert sheet.auto_filter.filterColumn == []


def test_a_table_and_pictures_go_and_other_sheets_stay_as_they_are(tmp_path: Path) -> None:
    source = by_xlsxwriter(tmp_path / "leads.xlsx", table=True)
    path = to_mend(source, 1, [3])
    assert parts(source).keys() - parts(path).keys() == {
        "xl/tables/table1.xml",
        "xl/drawings/drawing1.xml",
        "xl/drawings/_rels/drawing1.xml.rels",
        "xl/media/image1.png",
    }
    assert parts(path)["xl/worksheets/sheet2.xml"] == parts(source)["xl/worksheets/sheet2.xml"]
    assert openpyxl.load_workbook(path)["Khác"]["A1"].value == "giữ lại"


@pytest.mark.parametrize("inline", [False, True])
def test_nothing_of_other_leads_is_left_in_the_file(tmp_path: Path, inline: bool) -> None:
    path = to_mend(by_xlsxwriter(tmp_path / "leads.xlsx", inline=inline), 1, [3])
    everything = b"".join(parts(path).values()).decode(errors="replace")
    assert [f"Khách thứ {number}" in everything for number in range(1, 7)] == [
        number == 2 for number in range(1, 7)
    ]
    assert "0900000001" not in everything


def test_cells_that_the_reader_does_not_trust_show_what_they_had_and_are_flagged_again(
    tmp_path: Path,
) -> None:
    book = openpyxl.Workbook()
    book.active.title = LEADS
    for row in (
        HEADERS,
        ["1", 141952217564315671, "An", "0901", "Huế"],
        ["2", "#N/A", "Bình", "0902", "Huế"],
    ):
        book.active.append(row)
    book.save(tmp_path / "leads.xlsx")
    path = to_mend(tmp_path / "leads.xlsx", 1, [2, 3])
    sheet = sheet_of(path)
    assert (sheet["B2"].value, sheet["B3"].value, sheet["B3"].data_type) == (
        sheet_of(tmp_path / "leads.xlsx")["B2"].value,
        "#N/A",
        "e",
    )
    (read,) = open_sheets(str(path))
    problems = [row.problems[0].code for rows in read.chunks() for row in rows]
    assert problems == ["lost_digits", "error_cell"]


def test_a_sheet_without_rows_to_mend_keeps_its_headers(tmp_path: Path) -> None:
    book = openpyxl.load_workbook(by_xlsxwriter(tmp_path / "leads.xlsx"))
    book.copy_worksheet(book[LEADS]).title = "Tháng 6"
    book.save(tmp_path / "leads.xlsx")
    path = to_mend(tmp_path / "leads.xlsx", 1, [2], sheets=(LEADS, "Tháng 6"))
    assert values(openpyxl.load_workbook(path)["Tháng 6"], 1) == [(*HEADERS, "outcome", "error")]


def test_sheets_that_were_not_asked_for_are_hidden_and_one_that_was_is_shown(tmp_path: Path) -> None:
    source = by_openpyxl(tmp_path / "leads.xlsx")
    book = openpyxl.load_workbook(source)
    book[LEADS].sheet_state = "hidden"
    book.active = 1
    book.save(source)
    states = {
        hide: [
            sheet.sheet_state for sheet in openpyxl.load_workbook(to_mend(source, 3, [5], hide_others=hide))
        ]
        for hide in (False, True)
    }
    assert states == {False: ["visible", "visible", "hidden"], True: ["visible", "hidden", "hidden"]}
    assert openpyxl.load_workbook(tmp_path / "retry.xlsx").active.title == LEADS


def test_rows_that_a_filter_hid_are_shown_and_nobody_has_to_scroll_up(tmp_path: Path) -> None:
    source = by_openpyxl(tmp_path / "leads.xlsx")
    book = openpyxl.load_workbook(source)
    book[LEADS].row_dimensions[6].hidden = True
    book[LEADS].sheet_view.pane.topLeftCell = "A9"
    book[LEADS].sheet_properties.filterMode = True
    book.save(source)
    sheet = sheet_of(to_mend(source, 3, [6]))
    assert (sheet.row_dimensions[5].hidden, sheet.sheet_view.pane.topLeftCell) == (False, "A5")
    assert sheet.sheet_properties.filterMode is None


def test_the_chain_of_calculations_and_names_of_cells_that_moved_are_left_out(tmp_path: Path) -> None:
    source = by_openpyxl(tmp_path / "leads.xlsx")
    book = openpyxl.load_workbook(source)
    book[LEADS].print_area = "A1:E10"
    book.defined_names["Huyện"] = openpyxl.workbook.defined_name.DefinedName("Huyện", attr_text="'Ẩn'!$A$1")
    book.save(source)
    relationship = (
        b'<Relationship Id="c" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/'
        b'calcChain" Target="workbook.xml"/></Relationships>'
    )
    rels = "xl/_rels/workbook.xml.rels"
    repacked(source, {rels: lambda xml: xml.replace(b"</Relationships>", relationship)})
    path = to_mend(source, 3, [6])
    assert b"calcChain" not in parts(path)[rels]
    read = openpyxl.load_workbook(path)
    assert (list(read.defined_names), read[LEADS].print_area) == (["Huyện"], "")


def test_rows_to_mend_of_results_have_no_column_of_them(tmp_path: Path) -> None:
    results = annotated(by_xlsxwriter(tmp_path / "leads.xlsx", table=True), 1)
    sheet = sheet_of(to_mend(results, 1, [3]))
    assert values(sheet, 1) == [(*HEADERS, "outcome", "error"), (2, *lead(2), "rejected", "sửa lại")]


def test_results_of_rows_to_mend_take_the_place_of_what_was_wrong(tmp_path: Path) -> None:
    retry = to_mend(by_xlsxwriter(tmp_path / "leads.xlsx"), 1, [3])
    sheet = sheet_of(annotated(retry, 1, [result(2)]))
    assert [cell.value for cell in sheet[1]][4:8] == [HEADERS[4], "outcome", "application_id", "status"]
    assert (sheet["F2"].value, sheet.auto_filter.ref) == ("created", "A1:P2")


def test_a_prefix_of_the_namespace_is_kept(tmp_path: Path) -> None:
    source = repacked(by_xlsxwriter(tmp_path / "leads.xlsx"), {SHEET: prefixed})
    (read, _) = open_sheets(str(to_mend(source, 1, [3])))
    assert [row.cells[:2] for rows in read.chunks() for row in rows] == [("2", lead(2)[0])]


def test_without_rows_to_mend_a_file_of_an_earlier_run_is_removed(tmp_path: Path) -> None:
    source, path = by_xlsxwriter(tmp_path / "leads.xlsx"), tmp_path / "retry.xlsx"
    path.write_text("earlier")
    assert not write_rows_to_mend(path, source, [LeadSheet(LEADS, 1)], [], nothing)
    assert not path.exists()


def test_a_row_to_mend_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnusualWorkbookError, match="row 70"):
        to_mend(by_xlsxwriter(tmp_path / "leads.xlsx"), 1, [3, 70])
    assert not (tmp_path / "retry.xlsx").exists()


# The order in which the schema wants the children of a sheet (ECMA-376 part 1, annex A.2, CT_Worksheet).
ORDER = [
    "sheetPr",
    "dimension",
    "sheetViews",
    "sheetFormatPr",
    "cols",
    "sheetData",
    "sheetCalcPr",
    "sheetProtection",
    "protectedRanges",
    "scenarios",
    "autoFilter",
    "sortState",
    "dataConsolidate",
    "customSheetViews",
    "mergeCells",
    "phoneticPr",
    "conditionalFormatting",
    "dataValidations",
    "hyperlinks",
    "printOptions",
    "pageMargins",
    "pageSetup",
    "headerFooter",
    "rowBreaks",
    "colBreaks",
    "customProperties",
    "cellWatches",
    "ignoredErrors",
    "smartTags",
    "drawing",
    "legacyDrawing",
    "legacyDrawingHF",
    "picture",
    "oleObjects",
    "controls",
    "webPublishItems",
    "tableParts",
    "extLst",
]


@pytest.mark.parametrize("make", [annotated, to_mend_some], ids=["results", "to mend"])
@pytest.mark.parametrize("table", [False, True])
@pytest.mark.parametrize("protected", [False, True])
def test_every_part_is_well_formed_and_counted_and_in_the_order_of_the_schema(
    tmp_path: Path, make: Callable[[Path, int], Path], table: bool, protected: bool
) -> None:
    for source, header_row in (
        (by_xlsxwriter(tmp_path / "a.xlsx", table=table), 1),
        (by_openpyxl(tmp_path / "b.xlsx"), 3),
    ):
        if protected:
            book = openpyxl.load_workbook(source)
            book[LEADS].protection.enable()
            book.save(source)
        for name, content in parts(make(source, header_row)).items():
            if not name.endswith((".xml", ".rels")):
                continue
            root = ElementTree.fromstring(content)  # noqa: S314 - our own file
            if name == SHEET:
                found = [ORDER.index(child.tag.partition("}")[2]) for child in root]
                assert found == sorted(found)
            for element in root.iter():
                if "count" in element.attrib and not name.endswith("sharedStrings.xml"):
                    assert int(element.attrib["count"]) == len(element)
