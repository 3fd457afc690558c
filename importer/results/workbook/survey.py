"""What has to be known of a sheet before anything is added to it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from importer import ooxml
from importer.errors import UnusualWorkbookError
from importer.language import _
from importer.ooxml import Area
from importer.results.added import added_columns
from importer.results.workbook import markup, strings
from importer.results.workbook.package import Package, SheetPart
from importer.results.workbook.rows import Cell, Grammar, RowPart, SheetXml

# A picture or chart may say how large it is instead of where it ends: in units of 914,400 an inch, against
# columns and rows of the usual size (64 by 20 pixels, of 96 an inch).
_COLUMN_UNITS = 609_600
_ROW_UNITS = 190_500

# No row or column has a number as long.
_DIGITS = 9

# How far merged cells may carry headers up and down.
_LINES_OF_HEADERS = 5

_SHARED = re.compile(rb"<(?:[\w.\-]+:)?v(?:\s[^<>]*)?>\s*(\d{1,9})")


@dataclass(frozen=True, slots=True)
class LeadSheet:
    """A sheet that leads were read from."""

    name: str
    header_row: int
    """The number of the row that the headers stand in, or some of them if they take several lines."""


@dataclass(frozen=True, slots=True)
class Table:
    """A table of Excel (ECMA-376 part 1, section 18.5.1.2)."""

    part: str
    area: Area
    extensible: bool
    """Whether columns can be added: it has headers, and no query or map that defines its columns."""


@dataclass(frozen=True, slots=True)
class Survey:
    """What is known of one sheet; all columns count from 1."""

    sheet: SheetPart
    header_row: int
    """The last row that the headers reach into."""

    head: bytes
    tail: bytes
    grammar: Grammar
    headers: Mapping[int, str]
    """The text of each header, by its column."""

    header_style: int
    """The style of the last header that is the user's own."""

    styles: Sequence[int]
    """The styles of the cells in the first row of leads."""

    last_used: int
    """The last column with something in it, from the header row on."""

    last_row: int
    """The last row with something in it."""

    def earlier(self) -> range:
        """Return the columns that an earlier run has added; an empty range if none."""
        return _earlier(self.headers)


def survey(package: Package, lead_sheet: LeadSheet) -> Survey:
    """Read a sheet through. Raises :class:`UnusualWorkbookError` if it is not there or not as usual."""
    sheet = next((known for known in package.sheets if known.name == lead_sheet.name), None)
    if sheet is None:
        raise UnusualWorkbookError(_("the sheet with the leads is not found in it"))
    near: dict[int, RowPart] = {}
    styles: list[int] = []
    last_used = last_row = first_row = 0
    with package.open(sheet.part) as stream:
        xml = SheetXml(stream)
        for row in xml.rows():
            if abs(row.number - lead_sheet.header_row) <= _LINES_OF_HEADERS:
                near[row.number] = row
            if row.number < lead_sheet.header_row:
                continue
            used = row.last_used()
            last_used = max(last_used, used)
            last_row = row.number if used else last_row
            if used and row.number > lead_sheet.header_row and not first_row:
                first_row = row.number
                styles = [ooxml.number(_tag(row, cell), b"s") for cell in row.cells()]
    if lead_sheet.header_row not in near or not last_used:
        raise UnusualWorkbookError(_("the row of the headers is not found in it"))
    joined = [area for area in merged(xml.tail) if area.top <= lead_sheet.header_row <= area.bottom]
    bottoms = (area.bottom for area in joined if not first_row or area.bottom < first_row)
    lowest = max((bottom for bottom in bottoms if bottom in near), default=lead_sheet.header_row)
    headers = {
        column: text
        for number in range(lead_sheet.header_row, lowest + 1)
        for column, text in _texts(package, near.get(number)).items()
    }
    for area in joined:
        if area.left not in headers and (upper := _texts(package, near.get(area.top)).get(area.left)):
            headers[area.left] = upper
    earlier = _earlier(headers)
    own = max((column for column in headers if column not in earlier), default=0)
    # What a merged cell looks like, its first one tells.
    corner = next((area for area in joined if area.left <= own <= area.right), Area(lowest, own, 0, 0))
    beside = near.get(corner.top, near[lowest])
    looks = [_tag(beside, cell) for cell in beside.cells() if cell.column == corner.left]
    return Survey(
        sheet=sheet,
        header_row=lowest,
        head=xml.head,
        tail=xml.tail,
        grammar=xml.grammar,
        headers=headers,
        header_style=ooxml.number(looks[0], b"s") if looks else 0,
        styles=styles[:own] if own else styles,
        last_used=last_used,
        last_row=last_row,
    )


def _earlier(headers: Mapping[int, str]) -> range:
    last = max(headers, default=0)
    found = added_columns([headers.get(column, "") for column in range(1, last + 1)])
    return range(found.start + 1, found.stop + 1)


def _tag(row: RowPart, cell: Cell) -> bytes:
    return row.inner[cell.start : cell.opened]


def _texts(package: Package, row: RowPart | None) -> dict[int, str]:
    """Return the texts of the cells of a row, trimmed, by their columns."""
    found: dict[int, str] = {}
    shared: dict[int, int] = {}
    if row is None:
        return {}
    for cell in row.cells():
        body = row.inner[cell.opened : cell.closed]
        kind = ooxml.attribute(_tag(row, cell), b"t")
        if kind == "s":
            if number := _SHARED.search(body):
                shared[cell.column] = int(number[1])
        elif kind == "inlineStr":
            found[cell.column] = strings.text_in(body)
        elif value := markup.first(body, b"v"):
            found[cell.column] = ooxml.text_of(value.inner(body))
    part = package.only_part("/sharedStrings")
    if shared and part:
        with package.open(part) as stream:
            texts = strings.texts(stream, set(shared.values()))
        found |= {column: texts.get(number, "") for column, number in shared.items()}
    return {column: text.strip() for column, text in found.items() if text.strip()}


def merged(tail: bytes) -> Iterator[Area]:
    """Yield the areas of merged cells."""
    for element in markup.elements(tail, b"mergeCell"):
        if area := Area.of(ooxml.attribute(element.tag(tail), b"ref")):
            yield area


def tables_of(package: Package, part: str) -> list[Table]:
    """Return the tables of Excel on a sheet."""
    found = []
    for table in package.targets(part, "/table"):
        tag = markup.root(xml := package.read(table)).tag(xml)
        if area := Area.of(ooxml.attribute(tag, b"ref")):
            plain = ooxml.attribute(tag, b"tableType") in (None, "worksheet")
            found.append(Table(table, area, plain and ooxml.number(tag, b"headerRowCount", 1) > 0))
    return found


def drawn(package: Package, part: str) -> Iterator[Area]:
    """Yield the areas that pictures and charts cover, about."""
    for drawing in package.targets(part, "/drawing"):
        xml = package.read(drawing)
        anchors = markup.root(xml).inner(xml)
        for anchor in markup.elements(anchors):
            yield from _covered(anchor.inner(anchors))


def _covered(anchor: bytes) -> Iterator[Area]:
    start = markup.first(anchor, b"from")
    if start is None:
        return
    top, left = _corner(start.inner(anchor))
    end, size = markup.first(anchor, b"to"), markup.first(anchor, b"ext")
    if end:
        bottom, right = _corner(end.inner(anchor))
    else:
        tag = size.tag(anchor) if size else b""
        bottom = top + ooxml.number(tag, b"cy") // _ROW_UNITS
        right = left + ooxml.number(tag, b"cx") // _COLUMN_UNITS
    yield Area(top + 1, left + 1, bottom + 1, right + 1)


def _corner(xml: bytes) -> tuple[int, int]:
    row, column = (_whole_number(xml, name) for name in (b"row", b"col"))
    return row, column


def _whole_number(xml: bytes, name: bytes) -> int:
    """Return the number in an element; 0 if there is none."""
    found = markup.first(xml, name)
    digits = found.inner(xml).strip() if found else b""
    return int(digits) if digits.isdigit() and len(digits) < _DIGITS else 0
