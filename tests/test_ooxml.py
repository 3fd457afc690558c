"""What the parts of a workbook have in common: attributes, names of columns, relationships."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl.utils import get_column_letter  # type: ignore[import-untyped]

from importer import ooxml
from importer.sheets import open_sheets
from tests.workbooks import HEADERS, by_xlsxwriter, lead, repacked


@given(st.integers(min_value=1, max_value=ooxml.MOST_COLUMNS))
def test_a_column_has_one_name(column: int) -> None:
    assert ooxml.column_letters(column) == get_column_letter(column)
    assert ooxml.column_number(ooxml.column_letters(column)) == column


@pytest.mark.parametrize(
    ("xml", "text"),
    [
        (b"a &amp;lt; b", "a &lt; b"),
        (b"&#225;&#xE1;&#38;amp;&quot;&apos;", "áá&amp;\"'"),
        (b"&#x110000;&#xD800;", "\ufffd\ufffd"),
        # Those are of HTML.
        (b"&eacute;&nbsp;", "&eacute;&nbsp;"),
    ],
)
def test_references_in_text_are_resolved_once(xml: bytes, text: str) -> None:
    assert ooxml.text_of(xml) == text


@pytest.mark.parametrize(("reference", "read"), [("$B$2:D9", "B2:D9"), ("AA10", "AA10:AA10"), ("x", "None")])
def test_references_of_cells_are_read(reference: str, read: str) -> None:
    assert str(ooxml.Area.of(reference)) == read


@pytest.mark.parametrize(
    "tag",
    [
        b'<x:sheet name="a &gt; b" r:id="1"/>',
        b"<sheet\n name = 'a > b'  r:id='1' >",
        b'<sheet other="name=\'c\'" name="a > b" r:id="1"/>',
    ],
)
def test_attributes_are_read_however_they_are_written(tag: bytes) -> None:
    (found,) = ooxml.tags(b"<sheets>" + tag + b'<sheetView name="d"/></sheets>', "sheet")
    assert found == tag
    assert ooxml.attribute(tag, b"name") == "a > b"
    assert (ooxml.attribute(tag, b":id"), ooxml.number(tag, b"r:id"), ooxml.attribute(tag, b"id")) == (
        "1",
        1,
        None,
    )
    assert ooxml.attributes(tag).keys() >= {"name", "r:id"}


@pytest.mark.parametrize(
    ("value", "number"), [("12", 12), ("", 7), ("-1", 7), ("1.5", 7), ("٣", 7), ("9" * 5_000, 7)]
)
def test_what_is_no_whole_number_counts_as_none(value: str, number: int) -> None:
    assert ooxml.number(f'<a b="{value}"/>'.encode(), b"b", 7) == number


@pytest.mark.parametrize(
    ("target", "part"),
    [
        ("worksheets/sheet1.xml", "xl/worksheets/sheet1.xml"),
        ("/xl/worksheets/sheet1.xml", "xl/worksheets/sheet1.xml"),
        ("../xl/./worksheets/sheet1.xml", "xl/worksheets/sheet1.xml"),
        ("worksheets\\sheet1.xml", "xl/worksheets/sheet1.xml"),
        ("../docProps/app.xml#part", "docProps/app.xml"),
        ("../../../a.xml", "a.xml"),
        ("#Sheet1!A1", ""),
        ("", ""),
    ],
)
def test_a_target_is_seen_from_the_part_that_leads_to_it(target: str, part: str) -> None:
    xml = f'<Relationships><Relationship Id="a" Type="b/c" Target="{target}"/></Relationships>'.encode()
    assert ooxml.relationships_in(xml, "xl/workbook.xml") == [ooxml.Relationship("a", "b/c", part)]


def test_what_is_outside_of_the_package_is_no_part() -> None:
    xml = b'<Relationship TargetMode="External" Target="https://example.com/" Type="b" Id="a"/>'
    assert ooxml.relationships_in(xml, "") == [ooxml.Relationship("a", "b", "")]


@pytest.mark.parametrize(
    ("part", "told_in"),
    [("", "_rels/.rels"), ("xl/workbook.xml", "xl/_rels/workbook.xml.rels"), ("a", "_rels/a.rels")],
)
def test_the_relationships_of_a_part_stand_beside_it(part: str, told_in: str) -> None:
    assert ooxml.relationships_part(part) == told_in


# The reading of leads, which stands on these.

ERROR = b'<c r="C3" t="e"><v>#N/A</v></c>'


@pytest.mark.parametrize(
    ("cell", "named", "target"),
    [
        (ERROR, "xl/worksheets/sheet1.xml", "worksheets/sheet1.xml"),
        (b"<c  r = 'C3' t = 'e' ><v>#N/A</v></c>", "xl/worksheets/sheet1.xml", "worksheets/sheet1.xml"),
        (ERROR, "xl/WorkSheets/Sheet1.XML", "worksheets/sheet1.xml"),
        (ERROR, "xl/leads.xml", "leads.xml"),
    ],
)
def test_an_error_is_flagged_wherever_the_sheet_stands_and_however_it_is_written(
    tmp_path: Path, cell: bytes, named: str, target: str
) -> None:
    source = by_xlsxwriter(tmp_path / "leads.xlsx", inline=True)

    def with_error(xml: bytes) -> bytes:
        start = xml.index(b'<c r="C3"')
        return xml[:start] + cell + xml[xml.index(b"</c>", start) + 4 :]

    sheet = "xl/worksheets/sheet1.xml"
    repacked(
        source,
        {
            sheet: with_error,
            "xl/_rels/workbook.xml.rels": lambda xml: xml.replace(b"worksheets/sheet1.xml", target.encode()),
        },
        named=lambda name: named if name == sheet else name,
    )
    read = next(iter(open_sheets(str(source))))
    rows = [row for rows in read.chunks() for row in rows]
    assert [problem.code for problem in rows[1].problems] == ["error_cell"]
    assert rows[0].cells == ("1", *lead(1))
    assert tuple(read.headers) == HEADERS
