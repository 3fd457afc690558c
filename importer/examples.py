"""The example row that an empty workbook shows, and how to know it again. Pure.

A person may write over it, delete it or leave it. Its customer id stands behind a mark with a blank in it,
and no customer id has one, so the row is never taken for a lead.
"""

from __future__ import annotations

import re

from importer.language import _
from importer.model import RowProblem
from importer.templates import Field, Value, customer_id_field
from importer.templates.reading import read_input

MARK = "VÍ DỤ"
"""Vietnamese for "example"; stands before the customer id of the example row."""

# As it may come back: retyped, in lower case, without accents, with a colon.
_MARKED = re.compile(r"v[ií]\s+d[uụ](?!\w)", re.IGNORECASE)


def example_cell(field: Field) -> str:
    """Return what the example row shows for `field`; nothing if the template has no example of it."""
    return f"{MARK} {field.example}" if field == customer_id_field() else field.example


def is_marked(customer_id: str) -> bool:
    """Tell whether the cell of a customer id marks its row as the example row.

    >>> is_marked("Ví dụ: 1333"), is_marked("1333")
    (True, False)
    """
    return _MARKED.match(customer_id) is not None


def is_untouched(field: Field, cell: str) -> bool:
    """Tell whether `cell` holds nothing but the example of `field`: as it was written, or cleared.

    A spreadsheet that saves CSV may have dropped zeros in front of it, so what counts is the value read.
    """
    if field == customer_id_field() and (mark := _MARKED.match(cell)):
        cell = cell[mark.end() :].strip(" :")
    return not cell or (bool(field.example) and _value(field, cell) == _value(field, field.example))


def _value(field: Field, text: str) -> Value | None:
    return read_input(field, text, field.title).value


def example_row(column: str) -> RowProblem:
    """Return the problem of a row that is marked as the example under the header `column`, but is not it."""
    return RowProblem(
        "example_row",
        _(
            "the customer id says {mark!r}, so the row counts as an example and is not sent; "
            "write the customer id alone if this is a lead, else delete the row"
        ).format(mark=MARK),
        column,
    )
