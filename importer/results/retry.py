"""The retry file: the input's own columns of just the rows to mend, and why."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, compress
from pathlib import Path

from importer.errors import InternalError, UsageError
from importer.language import _
from importer.model import OutcomeName
from importer.results.added import TO_MEND_WIDTHS
from importer.results.replacing import replacing, translating
from importer.results.tables import Table, width_of, write_csv, write_workbook


@dataclass(frozen=True, slots=True)
class RetryRow:
    """A row to mend."""

    cells: tuple[str, ...]
    """As the input has them, one for each header."""

    outcome: OutcomeName
    error: str
    """What is wrong and what to do, for the person who keeps the sheet."""

    rest: tuple[str, ...] = ()
    """What stands right of all columns. With it the row is not sent when it is given back as it is."""


@dataclass(frozen=True, slots=True)
class RetryTable:
    """The rows to mend of one sheet."""

    sheet: str
    """The name of the sheet; empty for a text file."""

    headers: tuple[str, ...]
    rows: Iterable[RetryRow]
    """Read once, before the next table is asked for."""


def write_retry(path: Path, tables: Iterable[RetryTable]) -> bool:
    """Write the rows to mend to `path`, in the format of its suffix: .csv or .xlsx, a sheet for each table.

    The columns ``outcome`` and ``error`` come last; such columns of the input, left from an earlier retry
    file, give way to them. Tables without rows are left out. If none has any, nothing is written, a file of
    an earlier run is removed, since its advice is stale, and False is returned; else True.

    Raises :class:`UsageError` for another suffix, :class:`importer.errors.ResultsError` if the file cannot be
    written or removed, and :class:`InternalError` for several tables in one CSV; whatever `tables` raise
    passes through, and the earlier file stays.
    """
    suffix = path.suffix.casefold()
    if suffix not in (".csv", ".xlsx"):
        raise UsageError(
            _(
                "{path}: the rows to mend are written as .csv or .xlsx. Let the file's name end in "
                "one of these."
            ).format(path=path)
        )
    filled = (_laid_out(table, rows) for table, rows in _filled(tables))
    first = next(filled, None)
    if first is None:
        with translating(path):
            path.unlink(missing_ok=True)
        return False
    with replacing(path) as file:
        if suffix == ".xlsx":
            write_workbook(file, path, chain([first], filled))
            return True
        write_csv(file, first.headers, first.rows)
        if next(filled, None) is not None:
            raise InternalError(
                _("{path}: several sheets were to go into one CSV file; please report it.").format(path=path)
            )
    return True


def _filled(tables: Iterable[RetryTable]) -> Iterator[tuple[RetryTable, Iterator[RetryRow]]]:
    for table in tables:
        rows = iter(table.rows)
        first = next(rows, None)
        if first is not None:
            yield table, chain([first], rows)


def _laid_out(table: RetryTable, rows: Iterable[RetryRow]) -> Table:
    kept = [header.strip().casefold() not in TO_MEND_WIDTHS for header in table.headers]
    own = list(compress(table.headers, kept))
    return Table(
        table.sheet,
        [*own, *TO_MEND_WIDTHS],
        [*map(width_of, own), *TO_MEND_WIDTHS.values()],
        ([*compress(row.cells, kept), row.outcome.value, row.error, *row.rest] for row in rows),
        len(own),
    )
