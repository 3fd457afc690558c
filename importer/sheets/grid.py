"""A sheet of a workbook as its reader gives it: values, not texts yet."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from importer.sheets.headers import Merged


@dataclass(frozen=True, slots=True)
class Grid:
    """The cells of one sheet, in memory."""

    rows: Callable[[], Iterator[Sequence[object]]]
    """Gives each row from the first of the sheet on, all equally long: for each cell a string, number, truth
    value, date, time or :class:`importer.sheets.markup.Fault`; an empty string for an empty one."""

    left: int
    """The column, from 0, of the first cell of each row."""

    height: int
    """How many rows there are."""

    width: int
    """How many cells each row has."""

    merged: Merged = ()
    hidden_rows: int = 0
    """How many rows that hold cells are hidden."""
