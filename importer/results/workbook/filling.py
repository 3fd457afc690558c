"""Sheets whose rows get more columns: what results and rows to mend have in common."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from importer.errors import UnusualWorkbookError
from importer.language import _
from importer.ooxml import Area
from importer.results.added import AddedRow
from importer.results.workbook.adding import CellWriter, Columns, Look
from importer.results.workbook.package import Package
from importer.results.workbook.rows import RowPart, SheetXml
from importer.results.workbook.styles import Styles
from importer.results.workbook.survey import Survey


class Pending:
    """The rows to add, in the order of the sheets and of the rows in each: the next one can be looked at."""

    def __init__(self, rows: Iterable[AddedRow]) -> None:
        """Take the rows; each is read once."""
        self._rows = iter(rows)
        self._next = next(self._rows, None)

    def __bool__(self) -> bool:
        """Tell whether there are more."""
        return self._next is not None

    def take(self, sheet: str, row: int) -> AddedRow | None:
        """Return what is to be added to a row, if that is what comes next."""
        found = self._next
        if found is None or (found.sheet, found.row) != (sheet, row):
            return None
        self._next = next(self._rows, None)
        return found

    def refuse_rest(self) -> None:
        """Raise :class:`UnusualWorkbookError` if something found no row."""
        if self._next is not None:
            raise UnusualWorkbookError(
                _("row {row} of a sheet is not found in it").format(row=self._next.row)
            )


@dataclass(frozen=True, slots=True)
class Filling:
    """What is added to one sheet, but for the rows."""

    known: Survey
    columns: Columns
    look: Look

    @classmethod
    def beside(
        cls, known: Survey, occupied: Iterable[Area], widths: Mapping[str, int], styles: Styles
    ) -> Filling:
        """Return columns as :meth:`Columns.beside` has them, with styles that are added to `styles`."""
        return cls(known, Columns.beside(known, occupied, widths), Look.of(known, styles))

    def cells(self) -> CellWriter:
        """Return what writes the added cells."""
        return CellWriter(self.known.grammar.prefix, self.columns, self.look)


@contextmanager
def more_styles(package: Package) -> Iterator[Styles]:
    """Give the styles of `package`, and take over what the body adds to them."""
    part = package.only_part("/styles")
    if part is None:
        raise UnusualWorkbookError(_("it has no styles"))
    styles = Styles(package.read(part))
    yield styles
    package.changes[part] = styles.content()


WriteRows = Callable[[Iterator[RowPart]], Generator[bytes, None, bytes]]
"""Takes the rows of a sheet and yields those to be written; returns what is to stand after them."""


def rewritten(package: Package, known: Survey, head: bytes, write: WriteRows) -> Iterator[bytes]:
    """Yield a sheet with another `head` and other rows, as `write` has them."""
    name = known.grammar.prefix + b"sheetData>"
    yield head
    yield b"<" + name
    with package.open(known.sheet.part) as stream:
        tail = yield from write(SheetXml(stream).rows())
    yield b"</" + name
    yield tail
