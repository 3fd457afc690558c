"""What a template says of a lead: its fields, and the values that they may have."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from importer.numbers import DecimalSign
from importer.values import Kind

Type = Literal["string", "number", "integer", "boolean"]

Value = str | int | Decimal | bool
"""One input of a lead, of the type that its field has; no float, which would change digits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One input of a lead that is no object.

    What a template does not say is what is known of a field of this name, or the default here.
    """

    name: str
    """The key in ``inputs``, as the API spells it. In an object, the keys that lead to it with points between
    them: ``address.city``."""

    title: str
    """As a person would head the column."""

    type: Type = "string"
    """What its values are in JSON."""

    kind: Kind = "text"
    """Which checks and repairs its values get, if they are strings."""

    synonyms: tuple[str, ...] = ()
    """Other headers that people give to the column."""

    example: str = ""
    """A value as a person would enter it."""

    required: bool = True
    """Whether a lead must have it. In an object that may be left out, a lead that has the object must."""

    constant: Value | None = None
    """What every lead has. No column is looked for, and one that would fit is not sent."""

    default: Value | None = None
    """What a lead has whose cell is empty, or for which there is no column."""

    pattern: str = ""
    """A regular expression of Python that a whole string matches once it is repaired."""

    hint: str = ""
    """What a person is told of a value that does not match the pattern."""

    allowed: tuple[Value, ...] = ()
    """The only values it may have, if there are any here. A string that differs in case, accents or blanks is
    sent as it is spelt here."""

    decimal: DecimalSign = ""
    """The sign before the decimals of a number in text. If empty, a text with two readings is a problem."""

    within: tuple[str, ...] = ()
    """The dotted names of the objects around it that may be left out, the outermost first."""

    @property
    def has_value_of_its_own(self) -> bool:
        """Whether it has a value where the row gives none."""
        return self.constant is not None or self.default is not None

    @property
    def needs_column(self) -> bool:
        """Whether no sheet without a column for it fits the template."""
        return self.required and not self.within and not self.has_value_of_its_own


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """The inputs of a lead, in the order in which they are serialised."""

    name: str
    title: str
    fields: tuple[Field, ...]
    """Those in objects, too: an object stands where the first of its fields stands."""
