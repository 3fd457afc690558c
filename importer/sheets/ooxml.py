"""The parts of an ``.xlsx`` or ``.xlsm`` that tell more than the reader of workbooks does. Pure.

That reader gives an empty cell for one that shows an error (type ``e``, ECMA-376 part 1, section 18.18.11)
and for a formula whose value was not stored (section 18.3.1.40), and a bare number whatever its format shows.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping
from html import unescape

from importer.sheets.formats import NumberFormat, number_format
from importer.sheets.markup import Fault, Mark, Markup

SHEETS = "xl/worksheets/"

CELL = (b"<c ", b"<x:c ")
"""How a cell begins, as a rule."""

_FORMAT = re.compile(r"<(?:\w+:)?numFmt\s([^<>]*)>")
_STYLES = re.compile(r"<(?:\w+:)?cellXfs\b.*?</(?:\w+:)?cellXfs>", re.DOTALL)
_STYLE = re.compile(r"<(?:\w+:)?xf\s([^<>]*)>")
_ATTRIBUTE = re.compile(r"""([\w:]+)\s*=\s*(?:"([^"]*)"|'([^']*)')""")

_REFERENCE = re.compile(rb"""\sr=["']([A-Z]{1,3})(\d{1,7})["']""")
_FORMULA = re.compile(
    rb"<(?:\w+:)?c(\s[^<>]*)>\s*<(?:\w+:)?f\b(?:[^<>]*/>|[^<>]*>[^<]*</(?:\w+:)?f>)\s*"
    rb"(<(?:\w+:)?v\b[^<>]*(?:/>|>\s*</(?:\w+:)?v>)\s*)?</(?:\w+:)?c>"
)
_STYLED = re.compile(rb"""\ss=["'](\d+)["']""")
_ERROR = re.compile(rb"""\st=["']e["']""")
_TEXT_CELL = re.compile(rb"""\st=["']str["']""")
_HIDDEN = re.compile(rb"""<(?:\w+:)?row\b(?=[^<>]*\shidden=["'](?:1|true)["'])[^<>]*[^<>/]>(?!\s*</)""")


# A cell that is not put as nearly all writers do: its place first, in one of the columns up to Z.
_UNUSUAL = re.compile(rb'<c(?=[\s/>])(?! r="[A-Z](?:\d{1,6}|10\d{5})")|<\w+:c[\s/>]')
_BEGINS = re.compile(rb"<(?:\w+:)?(c|row)(?=[\s/>])([^<>]*)>")
_NUMBER = re.compile(rb"""\sr=["'](\d{1,9})["']""")


def formats_of(styles: bytes) -> dict[int, NumberFormat]:
    """Return the formats in ``xl/styles.xml`` that show more than a number, by the style of a cell."""
    text = styles.decode("utf-8", "replace")
    codes = {
        attributes.get("numFmtId", ""): number_format(attributes.get("formatCode", ""))
        for attributes in map(_attributes, _FORMAT.findall(text))
    }
    found = _STYLES.search(text)
    used = [_attributes(style).get("numFmtId", "") for style in _STYLE.findall(found[0])] if found else []
    return {style: form for style, key in enumerate(used) if (form := codes.get(key))}


def _attributes(tag: str) -> dict[str, str]:
    return {name: unescape(double or single) for name, double, single in _ATTRIBUTE.findall(tag)}


def parts_of(workbook: bytes, relationships: bytes) -> tuple[str, ...]:
    """Return the names of the parts that hold the sheets, in the order of the workbook."""
    targets = targets_of(relationships)
    tags = re.findall(r"<(?:\w+:)?sheet\s([^<>]*)>", workbook.decode("utf-8", "replace"))
    identifiers = (
        next((value for name, value in _attributes(tag).items() if name.endswith(":id")), "") for tag in tags
    )
    return tuple(targets.get(identifier, "") for identifier in identifiers)


def targets_of(relationships: bytes) -> dict[str, str]:
    """Return which part each relationship of the workbook names (ECMA-376 part 2, section 9.3)."""
    tags = re.findall(r"<(?:\w+:)?Relationship\s([^<>]*)>", relationships.decode("utf-8", "replace"))
    return {
        attributes.get("Id", ""): posixpath.join("/xl", attributes.get("Target", "")).removeprefix("/")
        for attributes in map(_attributes, tags)
    }


class SheetScan:
    """Looks through one sheet, given in pieces that end between its cells."""

    def __init__(self, formats: Mapping[int, NumberFormat]) -> None:
        self.markup = Markup()
        self.unusual = False
        """Whether a cell may lie so far out that :func:`extent` must tell; else none is right of column Z."""

        self._formats = formats
        styles = "|".join(map(str, formats))
        styled = rf"""|\ss=["'](?:{styles})["']""" if styles else ""
        self._marked = re.compile(rf"""<(?:\w+:)?c(?=[^<>]*(?:\st=["']e["']{styled}))(\s[^<>]*)>""".encode())

    def take(self, data: bytes) -> None:
        """Look through the next piece."""
        self.unusual = self.unusual or _UNUSUAL.search(data) is not None
        rows: dict[int, dict[int, Mark]] = {}
        for row, column, mark in self._marks(data):
            rows.setdefault(row, {})[column] = mark
        for row, marks in rows.items():
            self.markup.mark(row, marks)
        if b"hidden=" in data:
            self.markup.hidden_rows += len(_HIDDEN.findall(data))

    def _marks(self, data: bytes) -> Iterator[tuple[int, int, Mark]]:
        if self._formats or b't="e"' in data or b"t='e'" in data:
            for cell in self._marked.finditer(data):
                if place := _place(cell[1]):
                    style = None if _ERROR.search(cell[1]) else _STYLED.search(cell[1])
                    yield *place, self._formats[int(style[1])] if style else Fault.ERROR
        if b"<f" in data or b":f" in data:
            for cell in _FORMULA.finditer(data):
                # A formula whose value is the empty text has a value that is empty.
                if not (cell[2] and _TEXT_CELL.search(cell[1])) and (place := _place(cell[1])):
                    yield *place, Fault.NO_VALUE


def _place(tag: bytes) -> tuple[int, int] | None:
    reference = _REFERENCE.search(tag)
    return (int(reference[2]) - 1, column_number(reference[1])) if reference else None


def column_number(letters: bytes) -> int:
    """Return the number, from 0, of the column with these `letters`."""
    number = 0
    for letter in letters:
        number = number * 26 + letter - ord("A") + 1
    return number - 1


def column_letters(number: int) -> str:
    """Return the letters of the column with this `number`, from 0."""
    letters = ""
    number += 1
    while number:
        number, letter = divmod(number - 1, 26)
        letters = chr(ord("A") + letter) + letters
    return letters


def letters_of(left: int, width: int) -> tuple[str, ...]:
    """Return the letters of so many columns from the one with the number `left`, from 0, on."""
    return tuple(map(column_letters, range(left, left + width)))


def extent(pieces: Iterable[bytes]) -> tuple[int, int]:
    """Return how many rows and columns the cells of a sheet reach over.

    A cell without a reference stands right of the one before it (ECMA-376 part 1, section 18.3.1.4).
    """
    rows = columns = 0
    row = column = 0
    for data in pieces:
        for name, tag in _BEGINS.findall(data):
            if name == b"row":
                number = _NUMBER.search(tag)
                row, column = int(number[1]) if number else row + 1, 0
                continue
            place = _place(tag)
            at, column = (place[0] + 1, place[1] + 1) if place else (row, column + 1)
            rows, columns = max(rows, at), max(columns, column)
    return rows, columns
