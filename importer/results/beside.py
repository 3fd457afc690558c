"""Outcomes beside the leads in a workbook of our own, where the user's own one cannot be added to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from importer.formulas import undefuse
from importer.results.added import OUTCOME_WIDTHS, AddedRow
from importer.results.replacing import replacing
from importer.results.tables import Table, width_of, write_workbook


@dataclass(frozen=True, slots=True)
class LeadTable:
    """One sheet of leads, as text."""

    sheet: str
    headers: Sequence[str]
    rows: Iterable[tuple[Sequence[str], AddedRow | None]]
    """The cells of each row, and what is added to it. Read once, before the next table is asked for."""


def write_beside(path: Path, tables: Iterable[LeadTable]) -> None:
    """Write each of `tables` on a sheet of the same name, all cells as text, with the outcomes beside them.

    Raises :class:`importer.errors.ResultsError` if the file cannot be written or a sheet cannot hold so many
    rows; whatever `tables` raise passes through, and the earlier file stays.
    """
    with replacing(path) as file:
        write_workbook(file, path, map(_laid_out, tables))


def _laid_out(table: LeadTable) -> Table:
    headers = [undefuse(header) for header in table.headers]
    nothing = ("",) * len(OUTCOME_WIDTHS)
    return Table(
        table.sheet,
        [*headers, *OUTCOME_WIDTHS],
        [*map(width_of, headers), *OUTCOME_WIDTHS.values()],
        ([*map(undefuse, cells), *(added.cells if added else nothing)] for cells, added in table.rows),
        len(headers),
    )
