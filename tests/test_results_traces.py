"""What a workbook keeps of its rows elsewhere: of rows that are left out, nothing is passed on."""

from __future__ import annotations

from pathlib import Path

import openpyxl  # type: ignore[import-untyped]
import pytest
import xlsxwriter  # type: ignore[import-untyped]

from importer.errors import UnusualWorkbookError
from importer.sheets import open_sheets
from tests.test_results_mending import to_mend
from tests.workbooks import (
    HEADERS,
    LEADS,
    by_xlsxwriter,
    lead,
    led_to,
    parts,
    relationships,
    repacked,
)

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
R = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
OTHER_SHEET = "xl/worksheets/sheet2.xml"
OTHER_RELS = "xl/worksheets/_rels/sheet2.xml.rels"
WORKBOOK, WORKBOOK_RELS = "xl/workbook.xml", "xl/_rels/workbook.xml.rels"
PIVOT_PARTS = {
    "xl/pivotTables/pivotTable1.xml",
    "xl/pivotTables/_rels/pivotTable1.xml.rels",
    "xl/pivotCache/pivotCacheDefinition1.xml",
    "xl/pivotCache/_rels/pivotCacheDefinition1.xml.rels",
    "xl/pivotCache/pivotCacheRecords1.xml",
}


def with_pivot_table(path: Path, *, count: int = 6) -> Path:
    """Write leads, and a pivot table of them on the other sheet: how many there are of each name."""
    names = [lead(number)[1] for number in range(1, count + 1)]
    fields = "".join(f'<cacheField name="{header}"><sharedItems/></cacheField>' for header in HEADERS[:2])
    shared = "".join(f'<s v="{name}"/>' for name in names)
    records = "".join(f'<r><n v="{at}"/><s v="{1001 + at}"/><x v="{at}"/></r>' for at in range(count))
    items = "".join(f'<item x="{at}"/>' for at in range(count))
    rows = "".join(f'<i><x v="{at}"/></i>' for at in range(count))
    added = {
        "xl/pivotTables/pivotTable1.xml": (
            f'<pivotTableDefinition xmlns="{MAIN}" name="Pivot" cacheId="7" dataCaption="Values">'
            f'<location ref="A3:B{4 + count}" firstHeaderRow="1" firstDataRow="1" firstDataCol="1"/>'
            '<pivotFields count="3"><pivotField showAll="0"/><pivotField dataField="1" showAll="0"/>'
            f'<pivotField axis="axisRow" showAll="0"><items count="{count}">{items}</items></pivotField>'
            '</pivotFields><rowFields count="1"><field x="2"/></rowFields>'
            f'<rowItems count="{count}">{rows}</rowItems><colItems count="1"><i/></colItems>'
            '<dataFields count="1"><dataField name="Count" fld="1" subtotal="count"/></dataFields>'
            "</pivotTableDefinition>"
        ),
        "xl/pivotCache/pivotCacheDefinition1.xml": (
            f'<pivotCacheDefinition xmlns="{MAIN}" xmlns:r="{R}" r:id="rIdNew" recordCount="{count}">'
            f'<cacheSource type="worksheet"><worksheetSource ref="A1:C{count + 1}" sheet="{LEADS}"/>'
            f'</cacheSource><cacheFields count="3">{fields}<cacheField name="{HEADERS[2]}">'
            f'<sharedItems count="{count}">{shared}</sharedItems></cacheField></cacheFields>'
            "</pivotCacheDefinition>"
        ),
        "xl/pivotCache/pivotCacheRecords1.xml": (
            f'<pivotCacheRecords xmlns="{MAIN}" count="{count}">{records}</pivotCacheRecords>'
        ),
    }
    definition = "pivotCache/pivotCacheDefinition1.xml"
    spreadsheetml = "application/vnd.openxmlformats-officedocument.spreadsheetml"
    types = "".join(
        f'<Override PartName="/{part}" ContentType="{spreadsheetml}.{kind}+xml"/>'
        for part, kind in zip(added, ("pivotTable", "pivotCacheDefinition", "pivotCacheRecords"), strict=True)
    )
    return repacked(
        by_xlsxwriter(path, count=count),
        {
            "[Content_Types].xml": lambda xml: xml.replace(b"</Types>", types.encode() + b"</Types>"),
            WORKBOOK: lambda xml: xml.replace(
                b"</workbook>",
                b'<pivotCaches><pivotCache cacheId="7" r:id="rIdNew"/></pivotCaches></workbook>',
            ),
            WORKBOOK_RELS: led_to("pivotCacheDefinition", definition),
        },
        added={
            **{name: content.encode() for name, content in added.items()},
            OTHER_RELS: relationships("pivotTable", "../pivotTables/pivotTable1.xml"),
            "xl/pivotTables/_rels/pivotTable1.xml.rels": relationships(
                "pivotCacheDefinition", f"../{definition}"
            ),
            "xl/pivotCache/_rels/pivotCacheDefinition1.xml.rels": relationships(
                "pivotCacheRecords", "pivotCacheRecords1.xml"
            ),
        },
    )


def leads_told(path: Path) -> list[int]:
    """Return which of the first six invented leads a workbook names, wherever in it."""
    everything = b"".join(parts(path).values()).decode(errors="replace")
    return [number for number in range(1, 7) if any(text in everything for text in lead(number)[1:3])]


def test_pivot_tables_become_cells_and_their_caches_are_gone(tmp_path: Path) -> None:
    source = with_pivot_table(tmp_path / "leads.xlsx")
    assert openpyxl.load_workbook(source)["Khác"]._pivots
    path = to_mend(source, 1, [3])
    assert leads_told(path) == [2]
    assert not PIVOT_PARTS & parts(path).keys()
    assert not any(b"pivot" in content for content in parts(path).values())
    book = openpyxl.load_workbook(path)
    assert (book["Khác"]["A1"].value, book["Khác"]._pivots) == ("giữ lại", [])


@pytest.mark.parametrize(
    ("part", "old", "new", "told"),
    [
        # Slicers and data models name the caches in an extension of the list of sheets.
        (
            WORKBOOK,
            b"</workbook>",
            b'<extLst><ext><x14:pivotCaches><x14:pivotCache r:id="rIdNew"/></x14:pivotCaches></ext></extLst>'
            b"</workbook>",
            "a pivot table",
        ),
        (
            OTHER_SHEET,
            b"</sheetView>",
            b'<pivotSelection r:id="rIdNew"/></sheetView>',
            "formatted by a pivot",
        ),
        (
            OTHER_SHEET,
            b"</sheetData>",
            b'</sheetData><conditionalFormatting pivot="1" sqref="A1"/>',
            "formatted by a pivot",
        ),
    ],
)
def test_what_holds_on_to_a_pivot_table_is_refused(
    tmp_path: Path, part: str, old: bytes, new: bytes, told: str
) -> None:
    source = with_pivot_table(tmp_path / "leads.xlsx")
    repacked(
        source,
        {OTHER_SHEET: lambda xml: xml.replace(b'workbookViewId="0"/>', b'workbookViewId="0"></sheetView>')},
    )
    repacked(source, {part: lambda xml: xml.replace(old, new)})
    with pytest.raises(UnusualWorkbookError, match=told):
        to_mend(source, 1, [3])


def with_chart_elsewhere(path: Path) -> Path:
    """Write leads, and on another sheet a chart that has their names along its axis."""
    book = xlsxwriter.Workbook(path)
    sheet, other = book.add_worksheet(LEADS), book.add_worksheet("Biểu đồ")
    for row, cells in enumerate([HEADERS[1:], *map(lead, range(1, 7))]):
        for column, value in enumerate(cells):
            sheet.write_string(row, column, value)
    chart = book.add_chart({"type": "column"})
    chart.add_series({"categories": [LEADS, 1, 1, 6, 1], "values": [LEADS, 1, 2, 6, 2]})
    other.insert_chart("A1", chart)
    book.close()
    return path


def test_a_chart_keeps_its_references_and_not_the_values_that_it_drew(tmp_path: Path) -> None:
    source = with_chart_elsewhere(tmp_path / "leads.xlsx")
    assert b"strCache" in parts(source)["xl/charts/chart1.xml"]
    path = to_mend(source, 1, [3])
    assert leads_told(path) == [2]
    chart = parts(path)["xl/charts/chart1.xml"]
    assert b"Cache" not in chart
    assert f"'{LEADS}'!$B$2:$B$7".encode() in chart


def test_a_chart_of_another_workbook_keeps_what_it_drew(tmp_path: Path) -> None:
    source = with_chart_elsewhere(tmp_path / "leads.xlsx")
    chart = "xl/charts/chart1.xml"
    repacked(source, {chart: lambda xml: xml.replace(f"'{LEADS}'".encode(), b"[1]Sheet1")})
    assert parts(to_mend(source, 1, [3]))[chart] == parts(source)[chart]


def test_a_chart_of_a_pivot_table_is_refused(tmp_path: Path) -> None:
    source = with_chart_elsewhere(tmp_path / "leads.xlsx")
    chart = {"xl/charts/chart1.xml": lambda xml: xml.replace(b"<c:chart>", b"<c:pivotSource/><c:chart>")}
    with pytest.raises(UnusualWorkbookError, match="drawn from a pivot table"):
        to_mend(repacked(source, chart), 1, [3])


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        ("slicerCache", "slicers"),
        ("timelineCache", "timelines"),
        ("powerPivotData", "data model"),
        ("revisionHeaders", "history"),
        ("cellImage", "pictures"),
    ],
)
def test_what_cannot_be_taken_out_of_a_workbook_is_refused(tmp_path: Path, kind: str, told: str) -> None:
    source = repacked(by_xlsxwriter(tmp_path / "leads.xlsx"), {WORKBOOK_RELS: led_to(kind, "more.xml")})
    with pytest.raises(UnusualWorkbookError, match=f"{told}.* may tell of rows that are left out"):
        to_mend(source, 1, [3])


def test_a_picture_of_the_first_page_is_left_out(tmp_path: Path) -> None:
    source = repacked(
        by_xlsxwriter(tmp_path / "leads.xlsx"),
        {"_rels/.rels": led_to("metadata/thumbnail", "docProps/thumbnail.wmf")},
        added={"docProps/thumbnail.wmf": b"a picture"},
    )
    assert "docProps/thumbnail.wmf" not in parts(to_mend(source, 1, [3]))


def test_a_part_that_nothing_leads_to_is_left_out(tmp_path: Path) -> None:
    source = by_xlsxwriter(tmp_path / "leads.xlsx")
    forgotten = {"xl/old.xml": parts(source)["xl/sharedStrings.xml"]}
    assert leads_told(to_mend(repacked(source, {}, added=forgotten), 1, [3])) == [2]


# ECMA-376 part 2, section 9.1.1: names of parts are the same whatever their case.


def test_shared_strings_are_found_in_whatever_case_and_emptied(tmp_path: Path) -> None:
    strings = "xl/sharedStrings.xml"
    source = repacked(
        by_xlsxwriter(tmp_path / "leads.xlsx"),
        {},
        named=lambda name: name.casefold() if name == strings else name,
    )
    path = to_mend(source, 1, [3])
    read = next(iter(open_sheets(str(path))))
    assert [row.cells[1:5] for rows in read.chunks() for row in rows] == [tuple(lead(2))]
    assert leads_told(path) == [2]
    assert "xl/sharedstrings.xml" in parts(path)


def test_shared_strings_that_are_not_there_are_refused(tmp_path: Path) -> None:
    source = by_xlsxwriter(tmp_path / "leads.xlsx", inline=True)
    repacked(source, {WORKBOOK_RELS: led_to("sharedStrings", "sharedStrings.xml")})
    with pytest.raises(UnusualWorkbookError, match="shared strings"):
        to_mend(source, 1, [3])


def test_two_lists_of_shared_strings_are_refused(tmp_path: Path) -> None:
    source = by_xlsxwriter(tmp_path / "leads.xlsx")
    twice = parts(source)["xl/sharedStrings.xml"]
    repacked(source, {WORKBOOK_RELS: led_to("sharedStrings", "more.xml")}, added={"xl/more.xml": twice})
    with pytest.raises(UnusualWorkbookError, match="shared strings"):
        to_mend(source, 1, [3])


@pytest.mark.parametrize(
    "formula", [b'<f>"a"&amp;"b"</f>', b"<f/>", b'<f t="shared" si="0" />', b"<f> </f >\n"]
)
def test_a_text_that_a_formula_shows_on_another_sheet_stays(tmp_path: Path, formula: bytes) -> None:
    source = by_xlsxwriter(tmp_path / "leads.xlsx")
    shown = b'<c r="A1" t="s">'
    repacked(source, {OTHER_SHEET: lambda xml: xml.replace(shown, shown + formula)})
    path = to_mend(source, 1, [3])
    assert formula in parts(path)[OTHER_SHEET]
    assert openpyxl.load_workbook(path, data_only=True)["Khác"]["A1"].value == "giữ lại"
