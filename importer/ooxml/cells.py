"""What columns and areas of cells are called, in the style A1 (ECMA-376 part 1, section 18.17.2.3). Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

MOST_COLUMNS = 16_384
"""The columns of a sheet (Excel specification "Worksheet size")."""


def column_letters(column: int) -> str:
    """Return what the spreadsheet calls a column, from 1 on.

    >>> column_letters(28)
    'AB'
    """
    name = ""
    while column:
        column, digit = divmod(column - 1, 26)
        name = chr(ord("A") + digit) + name
    return name


def letters_of(left: int, width: int) -> tuple[str, ...]:
    """Return the letters of `width` columns, of which `left`, counted from 0, is the first."""
    return tuple(map(column_letters, range(left + 1, left + 1 + width)))


@lru_cache(maxsize=MOST_COLUMNS)
def column_number(name: str | bytes) -> int:
    """Return the number of a column, from 1 on, by what the spreadsheet calls it."""
    column = 0
    for letter in name.encode() if isinstance(name, str) else name:
        column = column * 26 + letter - ord("A") + 1
    return column


_AREA = re.compile(r"\$?([A-Z]{1,3})\$?(\d{1,7})(?::\$?([A-Z]{1,3})\$?(\d{1,7}))?")


@dataclass(frozen=True, slots=True)
class Area:
    """A rectangle of cells, rows and columns from 1 on, the last ones included."""

    top: int
    left: int
    bottom: int
    right: int

    @classmethod
    def of(cls, reference: str | None) -> Area | None:
        """Return the area that a reference such as ``A1:C9`` names; None if it is none."""
        found = _AREA.fullmatch(reference or "")
        if found is None:
            return None
        top, left = int(found[2]), column_number(found[1])
        return cls(
            top, left, int(found[4]) if found[4] else top, column_number(found[3]) if found[3] else left
        )

    def __str__(self) -> str:
        return f"{column_letters(self.left)}{self.top}:{column_letters(self.right)}{self.bottom}"

    def absolute(self) -> str:
        """Return the reference as defined names have it."""
        return f"${column_letters(self.left)}${self.top}:${column_letters(self.right)}${self.bottom}"

    def overlaps(self, other: Area) -> bool:
        """Tell whether they share a cell."""
        return (
            self.top <= other.bottom
            and other.top <= self.bottom
            and self.left <= other.right
            and other.left <= self.right
        )

    def around(self, other: Area) -> Area:
        """Return the smallest area that holds both."""
        return Area(
            min(self.top, other.top),
            min(self.left, other.left),
            max(self.bottom, other.bottom),
            max(self.right, other.right),
        )
