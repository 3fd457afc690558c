"""Leads that a program gives as mappings: a sheet whose headers are the keys of the first ones.

So a program's leads are matched, checked and repaired by the same rules as the rows of a file. An object in a
lead may be a mapping in it (``{"address": {"city": …}}``) or have dotted keys (``"address.city"``).
"""

from __future__ import annotations

import datetime
import math
import numbers
import sys
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import chain, count

from importer.errors import UsageError
from importer.inputs import leaves, serialised
from importer.intake import Input, Selection
from importer.language import _
from importer.mapping import choose_mapping
from importer.model import NumberText, Place, Row, RowProblem
from importer.sheets import Sheet
from importer.sheets.cells import problem_of, tidy, value_text
from importer.templates import Template, customer_id_field

Take = Callable[[], Sequence[Mapping[str, object]]]
"""Returns the next leads of a program, some hundreds at a time; none at the end."""


def open_leads(source: str, take: Take, selection: Selection, *, height: int = 0) -> Input:
    """Return what `take` gives as the sheet of an :class:`Input`, which can be read once.

    The first leads that it gives decide together which template fits and which key is which field, as headers
    do; any other field of the template is then known by its name. `height` is about how many leads there are,
    0 if nobody knows. Raises :class:`importer.errors.MappingError` when no template fits the keys, or several
    do, and :class:`UsageError` for what is no mapping; reading does so, too.
    """
    templates = selection.templates()
    lists = _checked(source, take)
    first = next(lists, [])
    # A set would not keep their order.
    keys = list(dict.fromkeys(key for lead in first for key, _ in leaves(lead)))
    columns = selection.columns
    if not first:
        # Any that fit will do.
        keys, columns = names_of(templates[0]), None
    headers = [" ".join(tidy(key).split()) for key in keys]
    mapping = choose_mapping(source, headers, templates, columns)
    found = {column.field.name for column in mapping.inputs if column.index < len(headers)}
    others = [
        field.name
        for field in mapping.template.fields
        if field.constant is None and field.name not in found and field.name not in keys
    ]
    headers += others
    mapping = choose_mapping(source, headers, [mapping.template], columns)
    mapping = replace(mapping, repair=selection.repair, strict=selection.strict)
    rows = _Rows(source, {key: at for at, key in enumerate([*keys, *others])})

    def read() -> Iterator[list[Row]]:
        numbers = count(1)
        for leads in chain([first], lists):
            yield [rows.row(next(numbers), lead) for lead in leads]

    sheet = Sheet(
        source=source, name="", headers=tuple(headers), header_row=0, height=height, notices=(), read=read
    )
    return Input(sheet, mapping, path=source)


@dataclass(frozen=True, slots=True)
class _Rows:
    source: str
    columns: Mapping[str, int]
    """Where the value of each key goes."""

    def row(self, number: int, lead: Mapping[str, object]) -> Row:
        """Return lead number `number`, counted from 1, as a row."""
        cells = [""] * len(self.columns)
        problems: list[RowProblem] = []
        for key, value in leaves(lead):
            if _is_missing(value):
                continue
            at = self.columns.get(key)
            if at is None:
                problems.append(_unknown_key(key))
                continue
            text = text_of(value)
            # A whole number of Python has all its digits; a float lost some, wherever it came from.
            problem = None if isinstance(value, numbers.Integral) else problem_of(value, key)
            if text is None:
                problems.append(_bad_value(value, key))
            elif problem:
                problems.append(problem)
            else:
                cells[at] = text
        return Row(Place(self.source, "", number), tuple(cells), tuple(problems))


def names_of(template: Template) -> list[str]:
    """Return the keys that leads of `template` have, spelt as the API does."""
    return [customer_id_field().name, *(field.name for field in template.fields)]


def text_of(value: object) -> str | None:
    """Return a value as the cell of a sheet would hold it; None if it has no one text.

    Whole numbers have all their digits, dates are ISO 8601.

    >>> text_of(141952217564315671), text_of(Decimal("1.50")), text_of(12.0), text_of(["a"])
    ('141952217564315671', '1.5', '12', None)
    """
    match value:
        case float():
            return value_text(value) if math.isfinite(value) else None
        case str() | bool() | datetime.date() | datetime.time():
            return value_text(value)
        case uuid.UUID():
            return str(value)
        case Decimal():
            text = serialised(value) if value.is_finite() else None
            return NumberText(text) if text and "." in text else text
        case numbers.Integral():
            return str(int(value))
        case numbers.Real():
            return text_of(float(value))
    return None


def _bad_value(value: object, key: str) -> RowProblem:
    return RowProblem(
        "bad_value",
        _("a value of the type {type} cannot be sent; give text, a number or a date").format(
            type=type(value).__name__
        ),
        key,
    )


def _unknown_key(key: str) -> RowProblem:
    return RowProblem(
        "unknown_key",
        _(
            "none of the first leads has {key!r}, and the template has no such field, so it is not known "
            "what it is; give all leads the same keys"
        ).format(key=key),
    )


def _is_missing(value: object) -> bool:
    """Tell whether there is no value: None, and what pandas puts where a cell is empty."""
    if isinstance(value, float):
        return math.isnan(value)
    if value is None or isinstance(value, str):
        return value is None
    pandas = sys.modules.get("pandas")
    return pandas is not None and (value is pandas.NA or value is pandas.NaT)


def _checked(source: str, take: Take) -> Iterator[Sequence[Mapping[str, object]]]:
    """Yield what `take` gives, once it is certain that all of it are mappings."""
    numbers = count(1)
    while leads := take():
        for lead, number in zip(leads, numbers, strict=False):
            if not isinstance(lead, Mapping):
                raise UsageError(
                    f"{source}, row {number}: a value of the type {type(lead).__name__} is no lead. Give a "
                    'mapping, such as {"customer_id": …, "name": …, "phone": …}.'
                )
        yield leads
