"""The XML of a sheet, streamed: what stands before its rows, the rows one by one, what stands after them.

ECMA-376 part 1, section 18.3.1: ``worksheet`` holds ``sheetData``, that holds ``row``, and that ``c``. A row
or cell without a number (``r``) stands after the one before it. Pure but for the stream that is passed in.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from importer import ooxml
from importer.errors import UnusualWorkbookError
from importer.language import _
from importer.results.workbook import markup
from importer.results.workbook.parts import Readable

_BLOCK = 1 << 18

# What stands before the rows is short; what stands after them may list a rule or a link for many rows.
_HEAD_LIMIT = 1 << 24
_TAIL_LIMIT = 1 << 26

_SHEET_DATA = re.compile(rb"<((?:[\w.\-]+:)?)sheetData(?:\s[^<>]*?)?(/?)>")
_REFERENCE = re.compile(rb"""\sr\s*=\s*["']([A-Z]{1,3})\d{1,7}["']""")


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell of a row."""

    column: int
    """From 1 on."""

    start: int
    """Where it starts in its row; so are the others."""

    opened: int
    closed: int
    end: int
    has_reference: bool
    """Whether it says where it stands."""

    @property
    def is_blank(self) -> bool:
        """Whether there is nothing in it but a style."""
        return self.opened == self.closed


@dataclass(frozen=True, slots=True)
class RowPart:
    """A row of a sheet."""

    number: int
    """As the spreadsheet shows it."""

    tag: bytes
    """Its start tag, never one that ends the row, too."""

    inner: bytes
    """The cells."""

    grammar: Grammar

    def cells(self) -> list[Cell]:
        """Return the cells of the row."""
        found: list[Cell] = []
        column, at, inner = 0, 0, self.inner
        while match := self.grammar.cell.search(inner, at):
            reference = _REFERENCE.search(inner, match.start(), match.end())
            column = ooxml.column_number(reference[1]) if reference else column + 1
            opened = closed = at = match.end()
            if not match[1]:
                ended = self.grammar.cell_end.search(inner, opened)
                if ended is None:
                    raise UnusualWorkbookError(
                        _("row {number} is not written as usual").format(number=self.number)
                    )
                closed, at = ended.span()
            if found and column <= found[-1].column:
                raise UnusualWorkbookError(
                    _("the cells of row {number} are not in order").format(number=self.number)
                )
            found.append(Cell(column, match.start(), opened, closed, at, reference is not None))
        return found

    def last_used(self) -> int:
        """Return the column of the last cell with something in it, 0 if there is none."""
        known = self._last()
        if known and not known[1]:
            return known[0]
        return max((cell.column for cell in self.cells() if not cell.is_blank), default=0)

    def last_column(self) -> int:
        """Return the column of the last cell, blank or not, 0 if there is none."""
        known = self._last()
        return known[0] if known else max((cell.column for cell in self.cells()), default=0)

    def _last(self) -> tuple[int, bool] | None:
        """Return the column of the last cell and whether it is blank, if a look at that cell tells."""
        at = self.inner.rfind(self.grammar.cell_start)
        match = self.grammar.cell.match(self.inner, at) if at >= 0 else None
        reference = _REFERENCE.search(match[0]) if match else None
        if match is None or reference is None or self.grammar.bare_cell.search(self.inner, at):
            return None
        blank = bool(match[1]) or self.grammar.cell_end.match(self.inner, match.end()) is not None
        return ooxml.column_number(reference[1]), blank


@dataclass(frozen=True, slots=True)
class Grammar:
    """How the tags of one sheet are written, which the prefix of its namespace decides."""

    prefix: bytes
    row: re.Pattern[bytes]
    row_end: re.Pattern[bytes]
    cell: re.Pattern[bytes]
    cell_start: bytes
    cell_end: re.Pattern[bytes]
    """Only its own: rich text has elements whose names begin alike, as ``color``."""

    bare_cell: re.Pattern[bytes]
    """A cell without attributes."""

    @classmethod
    def of(cls, prefix: bytes) -> Grammar:
        """Return the grammar for a prefix, which is empty or ends in a colon."""
        name = re.escape(prefix)
        return cls(
            prefix,
            re.compile(rb"\s*<" + name + rb"row(?:\s[^<>]*?)?(/?)>"),
            re.compile(rb"</" + name + rb"row\s*>"),
            re.compile(rb"<" + name + rb"c(?:\s[^<>]*?)?(/?)>"),
            b"<" + prefix + b"c ",
            re.compile(rb"</" + name + rb"c\s*>"),
            re.compile(rb"<" + name + rb"c(?!\w| )"),
        )


class SheetXml:
    """A sheet while it is read: `head` at once, then :meth:`rows`, and after the last one `tail`."""

    def __init__(self, stream: Readable) -> None:
        """Read what stands before the rows. Raises :class:`UnusualWorkbookError` if that is not as usual."""
        self._stream = stream
        self._buffer = b""
        self._at = 0
        while (found := _SHEET_DATA.search(self._buffer)) is None:
            if not self._more() or len(self._buffer) > _HEAD_LIMIT:
                raise UnusualWorkbookError(_("a sheet has no rows"))
        self.head = self._buffer[: found.start()]
        """All before the element of the rows."""

        markup.refuse_other_markup(self.head[markup.after_declaration(self.head) :])
        self.grammar = Grammar.of(found[1])
        self.tail = b""
        """All after the element of the rows; there once the rows were read."""

        self._at = found.end()
        self._empty = bool(found[2])

    def rows(self) -> Iterator[RowPart]:
        """Yield the rows in their order."""
        number = 0
        while not self._empty and (row := self._next(number)) is not None:
            yield row
            number = row.number
        self.tail = self._buffer[self._at :] + self._stream.read(_TAIL_LIMIT)
        if self._stream.read(1):
            raise UnusualWorkbookError(_("a sheet has too much after its rows"))
        markup.refuse_other_markup(self.tail)

    def _next(self, before: int) -> RowPart | None:
        """Return the next row after the row number `before`; None after the last one."""
        grammar = self.grammar
        end_of_rows = b"</" + grammar.prefix + b"sheetData"
        while True:
            match = grammar.row.match(self._buffer, self._at)
            if match:
                if match[1]:
                    tag = match[0].lstrip()[:-2].rstrip() + b">"
                    return self._row(before, tag, b"", match.end())
                ended = grammar.row_end.search(self._buffer, match.end())
                if ended:
                    inner = self._buffer[match.end() : ended.start()]
                    return self._row(before, match[0].lstrip(), inner, ended.end())
            else:
                rest = self._buffer[self._at : self._at + 4096].lstrip()
                if rest.startswith(end_of_rows) and b">" in rest:
                    self._at = self._buffer.index(b">", self._at) + 1
                    return None
                if b">" in rest:
                    raise UnusualWorkbookError(_("something else stands among the rows of a sheet"))
            if not self._more():
                raise UnusualWorkbookError(_("the rows of a sheet do not end"))

    def _row(self, before: int, tag: bytes, inner: bytes, end: int) -> RowPart:
        self._at = end
        number = ooxml.number(tag, b"r", before + 1)
        if number <= before:
            raise UnusualWorkbookError(_("the rows of a sheet are not in order"))
        markup.refuse_other_markup(inner)
        return RowPart(number, tag, inner, self.grammar)

    def _more(self) -> bool:
        """Read on; tell whether there was more."""
        block = self._stream.read(_BLOCK)
        self._buffer = self._buffer[self._at :] + block
        self._at = 0
        return bool(block)
