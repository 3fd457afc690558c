"""The columns that results add to the rows of the user's own sheet. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, count

from importer.model import OutcomeName, ResultRow
from importer.results.lines import COLUMN_WIDTHS, COLUMNS, result_cells
from importer.results.tables import Cell

TO_MEND_WIDTHS = {"outcome": 14, "error": 60}
"""The columns added to rows to mend, each with its width on a sheet, in digits."""

OUTCOME_WIDTHS = {name: COLUMN_WIDTHS[name] for name in COLUMNS[COLUMNS.index("outcome") :]}
"""The columns added to the user's own workbook, each with its width on a sheet, in digits.

What stands before the outcome in a results file tells where the row is, which its own sheet shows.
"""


# What :func:`header_beside` ends the name of a column in.
_NUMBERED = re.compile(r"_[0-9]+\Z")


@dataclass(frozen=True, slots=True)
class AddedRow:
    """What is added to one row of a sheet."""

    sheet: str
    row: int
    """The row number that the spreadsheet shows."""

    outcome: OutcomeName
    cells: Sequence[Cell]
    """One for each added column, the outcome first."""


def outcome_row(row: ResultRow) -> AddedRow:
    """Return what the workbook of results adds to a row."""
    cells = [*result_cells(row), "; ".join(row.notes)]
    return AddedRow(row.place.sheet, row.place.row, row.outcome, cells[-len(OUTCOME_WIDTHS) :])


def row_to_mend(row: ResultRow, error: str) -> AddedRow:
    """Return what the workbook of rows to mend adds to a row; `error` says what is wrong."""
    return AddedRow(row.place.sheet, row.place.row, row.outcome, (row.outcome.value, error))


def added_columns(headers: Sequence[str]) -> range:
    """Return which of the `headers` an earlier run has added; an empty range at the end if none.

    They stand together, in their order. A table of Excel wants each name once, so there one may have been
    numbered (:func:`header_beside`).
    """
    for names in (tuple(OUTCOME_WIDTHS), tuple(TO_MEND_WIDTHS)):
        # The last ones, should somebody's own columns be called the same.
        for start in range(len(headers) - len(names), -1, -1):
            shown = headers[start : start + len(names)]
            if all(_NUMBERED.sub("", header) == name for header, name in zip(shown, names, strict=True)):
                return range(start, start + len(names))
    return range(len(headers), len(headers))


def added_fields(headers: Sequence[str]) -> dict[str, int]:
    """Return where the columns of :func:`added_columns` stand, by their names without a number."""
    return {_NUMBERED.sub("", headers[at]): at for at in added_columns(headers)}


def header_beside(name: str, taken: Sequence[str]) -> str:
    """Return `name`, numbered if one of the headers `taken` is the same to a table of Excel."""
    others = {header.casefold() for header in taken}
    numbered = chain([name], (f"{name}_{number}" for number in count(2)))
    return next(header for header in numbered if header.casefold() not in others)
