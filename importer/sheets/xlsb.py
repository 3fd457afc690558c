"""The parts of an ``.xlsb`` that tell more than the reader of workbooks does ([MS-XLSB]). Pure.

Records follow each other, each with its kind and size in front (section 2.1.4).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from importer.sheets.formats import NumberFormat, number_format
from importer.sheets.markup import Fault, Mark, Markup

WORKBOOK = "xl/workbook.bin"

# The kinds of records that are looked at (section 2.3).
_ROW, _LAST_CELL, _FORMAT, _STYLE, _BEGIN_STYLES, _END_STYLES, _SHEET = 0, 11, 44, 47, 617, 618, 156
_NUMBERS = (2, 5, 9)
_ERRORS = (3, 11)
_HIDDEN = 0x10


def _records(data: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at + 1 < len(data):
        kind, at = _number(data, at, 2)
        size, at = _number(data, at, 4)
        yield kind, data[at : at + size]
        at += size


def _number(data: bytes, at: int, most: int) -> tuple[int, int]:
    """Return a number of at most so many bytes of seven bits each, and where it ends."""
    number = 0
    for place, byte in enumerate(data[at : at + most]):
        number |= (byte & 0x7F) << (7 * place)
        at += 1
        if byte < 0x80:
            break
    return number, at


def _text(data: bytes, at: int) -> str:
    if len(data) < at + 4:
        return ""
    (length,) = struct.unpack_from("<I", data, at)
    return data[at + 4 : at + 4 + 2 * length].decode("utf-16-le", "replace")


def formats_of(styles: bytes) -> dict[int, NumberFormat]:
    """Return the formats in ``xl/styles.bin`` that show more than a number, by the style of a cell."""
    codes: dict[int, str] = {}
    used: list[int] = []
    within = False
    for kind, data in _records(styles):
        if kind in (_BEGIN_STYLES, _END_STYLES):
            within = kind == _BEGIN_STYLES
        elif kind == _FORMAT and len(data) > 2:
            codes[int.from_bytes(data[:2], "little")] = _text(data, 2)
        elif kind == _STYLE and within:
            used.append(int.from_bytes(data[2:4], "little"))
    return {style: form for style, key in enumerate(used) if (form := number_format(codes.get(key, "")))}


def identifiers_of(workbook: bytes) -> tuple[str, ...]:
    """Return the relationships that name the parts of the sheets, in the order of the workbook."""
    return tuple(_text(data, 8) for kind, data in _records(workbook) if kind == _SHEET)


def scan(sheet: bytes, formats: dict[int, NumberFormat]) -> tuple[Markup, tuple[int, int]]:
    """Return what a sheet says of itself, and how many rows and columns its cells reach over."""
    markup = Markup()
    rows = columns = row = 0
    hidden = False
    marks: dict[int, Mark] = {}
    for kind, data in _records(sheet):
        if kind == _ROW and len(data) >= 12:
            if marks:
                markup.mark(row, marks)
            row, marks = int.from_bytes(data[:4], "little"), {}
            hidden = data[11] & _HIDDEN != 0
        elif 0 < kind <= _LAST_CELL and len(data) >= 8:
            column = int.from_bytes(data[:4], "little")
            rows, columns = max(rows, row + 1), max(columns, column + 1)
            markup.hidden_rows += hidden
            hidden = False
            if kind in _ERRORS:
                marks[column] = Fault.ERROR
            elif kind in _NUMBERS and (form := formats.get(int.from_bytes(data[4:7], "little"))):
                marks[column] = form
    if marks:
        markup.mark(row, marks)
    return markup, (rows, columns)
