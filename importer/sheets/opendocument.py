"""What the content of an ``.ods`` tells that the reader of workbooks does not. Pure.

The text of a cell stands beside its value (OpenDocument 1.3 part 3, section 9.1.4): of an error that text is
all there is, and of a number it may show digits or letters that the value has not.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from importer.sheets.markup import Fault, Mark, Markup

CONTENT = "content.xml"

ROW = (b"<table:table-row",)
"""How a row begins."""

_TABLE_OR_ROW = re.compile(rb"<table:(table|table-row)(?=[\s/>])([^<>]*)>")
_CELL = re.compile(rb"<table:(?:covered-)?table-cell(?=[\s/>])([^<>]*)>")
_ROWS_REPEATED = re.compile(rb'table:number-rows-repeated="(\d{1,9})"')
_COLUMNS_REPEATED = re.compile(rb'table:number-columns-repeated="(\d{1,9})"')
_HIDDEN = re.compile(rb'table:visibility="(?:collapse|filter)"')
_HOLDS = (b"office:value-type=", b"table:formula=", b"<text:")

# A row in which the text of a cell may matter.
_TELLING = re.compile(
    rb'value-type="(?:error|time)"|table:formula='
    rb'|office:value-type="float"[^<>]*><text:p[^<>]*>(?=0[\d .-]|[^\d<-])'
)
_ERROR = b'calcext:value-type="error"'
_NUMBER = re.compile(rb'office:value-type="float"[^<>]*office:value="(\d+)"')
_DURATION = re.compile(rb'office:time-value="PT(\d+)H(\d+)M(\d+)(?:[.,]\d+)?S"')
_COMMENT = re.compile(rb"<office:annotation\b.*?</office:annotation>", re.DOTALL)
_TEXT = re.compile(rb"<text:p[^<>]*>([^<>]*)</text:p>")
_BETWEEN = re.compile(r"[\s.,()-]+")
_SHOWN = re.compile(r"[^\W\d_]*\+?(\d+)")

# No more can be told of a row that is said to repeat itself; a sheet of Excel ends there, too.
_ROWS = 1_048_576


class ContentScan:
    """Looks through the content, given in pieces that end between rows."""

    def __init__(self) -> None:
        self.sheets: list[Markup] = []
        self.extents: list[tuple[int, int]] = []
        """How many rows and columns the cells of each sheet reach over."""

        self._row = 0

    def take(self, data: bytes) -> None:
        """Look through the next piece."""
        found = list(_TABLE_OR_ROW.finditer(data))
        for at, tag in enumerate(found):
            if tag[1] == b"table":
                self.sheets.append(Markup())
                self.extents.append((0, 0))
                self._row = 0
            elif self.sheets:
                end = found[at + 1].start() if at + 1 < len(found) else len(data)
                self._take_row(tag[2], data[tag.end() : end])

    def _take_row(self, attributes: bytes, cells: bytes) -> None:
        repeated = _repeated(_ROWS_REPEATED, attributes)
        first = self._row
        self._row += repeated
        held = max(map(cells.rfind, _HOLDS))
        if held < 0:
            return
        columns = sum(
            _repeated(_COLUMNS_REPEATED, cell) for cell in _CELL.findall(cells, 0, _past(cells, held))
        )
        height, width = self.extents[-1]
        self.extents[-1] = (max(height, self._row), max(width, columns))
        markup = self.sheets[-1]
        if _HIDDEN.search(attributes):
            markup.hidden_rows += repeated
        if _TELLING.search(cells) and (marks := dict(_marks(cells))):
            for row in range(first, min(self._row, _ROWS)):
                markup.mark(row, marks)


def _past(data: bytes, at: int) -> int:
    """Return where the tag ends that holds this place."""
    return data.find(b">", at) + 1


def _repeated(attribute: re.Pattern[bytes], tag: bytes) -> int:
    found = attribute.search(tag)
    return int(found[1]) if found else 1


def _marks(cells: bytes) -> Iterator[tuple[int, Mark]]:
    column = 0
    found = list(_CELL.finditer(cells))
    for at, cell in enumerate(found):
        end = found[at + 1].start() if at + 1 < len(found) else len(cells)
        content = _COMMENT.sub(b"", cells[cell.end() : end])
        repeated = _repeated(_COLUMNS_REPEATED, cell[1])
        if mark := _mark(cell[1], content):
            for same in range(column, column + min(repeated, _ROWS)):
                yield same, mark
        column += repeated


def _mark(attributes: bytes, content: bytes) -> Mark | None:
    if _ERROR in attributes:
        return Fault.ERROR
    if (
        b"table:formula=" in attributes
        and b"office:value-type=" not in attributes
        and b"<text:p" not in content
    ):
        return Fault.NO_VALUE
    if duration := _DURATION.search(attributes):
        hours, minutes, seconds = map(int, duration.groups())
        return f"{hours:02}:{minutes:02}:{seconds:02}"
    number, text = _NUMBER.search(attributes), _TEXT.search(content)
    if number and text:
        shown = _BETWEEN.sub("", text[1].decode("utf-8", "replace"))
        digits = _SHOWN.fullmatch(shown)
        if shown in ("TRUE", "FALSE"):
            return shown
        if digits and shown != number[1].decode() and int(digits[1]) == int(number[1]):
            return shown
    return None
