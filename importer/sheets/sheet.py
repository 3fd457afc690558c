"""A sheet as the rest of the importer sees it: headers, and rows that can be read again from the start."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from importer.model import Row


@dataclass(frozen=True, slots=True)
class Sheet:
    """One table of a file. Reading its rows changes nothing in it."""

    source: str
    """The file, as it was named to the importer."""

    name: str
    """The sheet of a workbook; empty for a text file."""

    headers: tuple[str, ...]
    """Trimmed, NFC, on one line each, in the order of the columns; none at the end is empty."""

    header_row: int
    """The number of the row that the headers stand in, as the person sees it."""

    height: int
    """About how many rows are below the headers: lines of a text file, blank ones too; for a progress bar."""

    notices: tuple[str, ...]
    """What the person should know, such as hidden sheets that were left out."""

    read: Callable[[], Iterator[list[Row]]] = field(repr=False, compare=False)
    """Reads the rows below the headers, in lists of whatever length suits the format."""

    beginning: tuple[Row, ...] = ()
    """The first rows below the headers, two at most: to judge by, without reading the file once more."""

    letters: tuple[str, ...] = ()
    """What a spreadsheet calls the column of each header: ``A``, ``B``, … ``AA``."""

    def chunks(self, size: int = 2000) -> Iterator[list[Row]]:
        """Yield the rows below the headers in lists of `size` (the last one may be shorter), none empty.

        Blank rows are left out but counted. Each call starts again at the first row and gives the same rows.
        Raises :class:`importer.errors.SheetError` if the file was changed since it was opened.
        """
        pending: list[Row] = []
        for rows in self.read():
            pending += rows
            full = len(pending) - len(pending) % size
            for start in range(0, full, size):
                yield pending[start : start + size]
            del pending[:full]
        if pending:
            yield pending
