"""A field and its column, and which headers are the same. Pure."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from dataclasses import field as computed
from functools import lru_cache

from importer.headings import fold
from importer.templates import Field
from importer.templates.reading import cleanness

NOWHERE = sys.maxsize
"""The index of a column that no row has: its field has a constant, or a default."""


@dataclass(frozen=True, slots=True)
class Column:
    """A field and the column that holds it."""

    field: Field
    index: int
    header: str
    is_clean: Callable[[str], object] = computed(init=False, repr=False, compare=False)
    """What tells of a cell that it is sent as it stands and without a remark."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "is_clean", cleanness(self.field))


@lru_cache
def names_of(field: Field) -> frozenset[str]:
    """Return the headers that fit a field, folded."""
    # A name of signs alone would fit every column without a header.
    return frozenset(filter(None, map(fold, (field.name, field.title, *field.synonyms))))
