"""What the file of a workbook tells of a sheet that the values of its cells do not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from importer.sheets.formats import NumberFormat


class Fault(Enum):
    """Why a cell has no value."""

    ERROR = "error_cell"
    NO_VALUE = "formula_without_value"


Mark = Fault | NumberFormat | str
"""What a cell is beyond its value: a fault, the format of its number, or the text that it shows instead."""


@dataclass(slots=True)
class Markup:
    """What one sheet says of itself; collected while its part of the file is looked through."""

    marks: dict[int, Mapping[int, Mark]] = field(default_factory=dict)
    """The marked cells of each row by their column, both from 0."""

    hidden_rows: int = 0
    """How many rows that hold cells are hidden, by a filter or by hand."""

    shapes: dict[tuple[tuple[int, Mark], ...], Mapping[int, Mark]] = field(default_factory=dict, repr=False)
    """Rows are mostly marked alike, and then share one mapping, so that a million take little memory."""

    def mark(self, row: int, marks: Mapping[int, Mark]) -> None:
        """Note these `marks` of a row, beside those that are known."""
        if known := self.marks.get(row):
            marks = {**known, **marks}
        self.marks[row] = self.shapes.setdefault(
            tuple(sorted(marks.items(), key=lambda item: item[0])), marks
        )
