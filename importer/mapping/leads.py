"""Rows to leads, once it is known which column is which. Pure: the same row always becomes the same lead."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as computed
from itertools import repeat

from importer.examples import example_row, is_marked, is_untouched
from importer.formulas import undefuse
from importer.headings import fold
from importer.inputs import put
from importer.language import _
from importer.mapping.columns import NOWHERE, Column, names_of
from importer.model import InvalidRow, Lead, Remark, Row, RowProblem
from importer.templates import Template, Value
from importer.templates.reading import read_input
from importer.values import IS_CLEAN, clean_cells

_LETTER = re.compile(r"[^\W\d_]")
_DIGIT = re.compile(r"\d")

# What a row of sums begins with, folded.
_TOTALS = {"tongcong", "tong", "tongso", "cong", "total", "grandtotal", "subtotal", "sum"}

# A sum in a column of leads counts them; what has as many digits is a phone number.
_PHONE_DIGITS = 8


@dataclass(frozen=True, slots=True)
class SheetMapping:
    """The mapping that was chosen for one sheet."""

    template: Template
    customer_id: Column
    inputs: tuple[Column, ...]
    """In the order of the template, with those that stand :data:`NOWHERE` but are sent."""

    repair: bool = True
    """Whether values are repaired; if not, what would be is a warning."""

    strict: bool = False
    """Whether a warning is a problem."""

    flat: bool = computed(init=False, repr=False, compare=False)
    """Whether no input is an object."""

    plain: bool = computed(init=False, repr=False, compare=False)
    """Whether a clean cell of each column is an input as it stands, with nothing else to be asked."""

    sent: frozenset[str] = computed(init=False, repr=False, compare=False)
    """The headers of the columns that are sent; the empty one stands for a row as a whole."""

    def __post_init__(self) -> None:
        flat = all("." not in column.field.name for column in self.inputs)
        plain = flat and all(
            column.index != NOWHERE and column.is_clean is IS_CLEAN.get(column.field.kind)
            for column in self.inputs
        )
        sent = frozenset({"", *(column.header for column in (self.customer_id, *self.inputs))})
        for name, value in (("flat", flat), ("plain", plain), ("sent", sent)):
            object.__setattr__(self, name, value)

    def leads(self, rows: Sequence[Row]) -> list[Lead | InvalidRow]:
        """Turn each row into what :meth:`lead` does, and faster where most cells are clean."""
        if not self.plain:
            return list(map(self.lead, rows))
        columns = (self.customer_id, *self.inputs)
        cells = [[row.cells[column.index] for row in rows] for column in columns]
        customer_ids, *inputs = cells
        if self.customer_id.header in customer_ids:
            return list(map(self.lead, rows))
        names = [column.field.name for column in self.inputs]
        places = [row.place for row in rows]
        found = map(dict, map(zip, repeat(names), zip(*inputs, strict=True)))
        plain = list(map(Lead, places, customer_ids, found))
        leads: list[Lead | InvalidRow] = list(plain)
        clean = [
            list(clean_cells(column.field.kind, known)) for column, known in zip(columns, cells, strict=True)
        ]
        known_id, *known_inputs = clean
        known_id = [known and not row.problems for known, row in zip(known_id, rows, strict=True)]
        for position, sound in enumerate(map(all, zip(known_id, *known_inputs, strict=True))):
            if not sound:
                row, lead = rows[position], plain[position]
                others = [
                    column
                    for column, known in zip(self.inputs, known_inputs, strict=True)
                    if not known[position]
                ]
                mended = self._mended(row, lead, others) if known_id[position] else None
                leads[position] = mended or self.lead(row)
        return leads

    def _mended(self, row: Row, lead: Lead, columns: Iterable[Column]) -> Lead | None:
        """Return `lead` with the inputs of these columns read closely; None if anything is wrong."""
        problems: list[RowProblem] = []
        notes: list[Remark] = []
        inputs = dict(lead.inputs)
        for column in columns:
            value = self._value(column, row, problems, notes)
            if value is None or problems:
                return None
            inputs[column.field.name] = value
        return Lead(row.place, lead.customer_id, inputs, tuple(notes))

    def lead(self, row: Row) -> Lead | InvalidRow:
        """Turn a row into a lead, or say everything that keeps it from being one."""
        found = [problem for problem in row.problems if problem.column in self.sent]
        problems = list(found)
        notes: list[Remark] = []
        customer_id = str(self._value(self.customer_id, row, problems, notes) or "")
        inputs: Mapping[str, object] = {
            column.field.name: value
            for column in self.inputs
            if (value := self._value(column, row, problems, notes)) is not None
        }
        if not self.flat:
            inputs = self._with_objects(inputs, row, problems)
        # A word that heads or sums up a column has no digit at its end, and nearly every id has.
        if (not customer_id[-1:].isdigit() or customer_id == self.customer_id.header) and (
            line := _misplaced_line(row, self.customer_id, self.inputs)
        ):
            return InvalidRow(row.place, (line, *found))
        if problems:
            if is_marked(self._shown(self.customer_id, row)):
                return InvalidRow(row.place, (example_row(self.customer_id.header), *found))
            # A malformed id may be a name or an address that slipped into the column; it goes no further.
            known = any(problem.column == self.customer_id.header for problem in problems)
            return InvalidRow(row.place, tuple(problems), "" if known else customer_id, tuple(notes))
        return Lead(row.place, customer_id, inputs, tuple(notes))

    def is_example(self, row: Row) -> bool:
        """Tell whether `row` is the example row of an empty workbook, and nothing of a person's is in it."""
        return (
            not row.problems
            and is_marked(self._shown(self.customer_id, row))
            and all(
                is_untouched(column.field, undefuse(self._shown(column, row)))
                for column in (self.customer_id, *self.inputs)
            )
        )

    def _shown(self, column: Column, row: Row) -> str:
        return row.cells[column.index] if column.index < len(row.cells) else ""

    def _value(
        self, column: Column, row: Row, problems: list[RowProblem], notes: list[Remark]
    ) -> Value | None:
        text = row.cells[column.index] if column.index < len(row.cells) else ""
        if text:
            if column.is_clean(text):
                return text
            reading = read_input(column.field, undefuse(text), column.header, repair=self.repair)
            for remark in reading.remarks:
                if self.strict and remark.kind == "warning":
                    problems.append(RowProblem(remark.code, remark.message, remark.column))
                else:
                    notes.append(remark)
            if reading.problem:
                problems.append(reading.problem)
            if reading.value is not None:
                return reading.value
        return _value_of_its_own(column, row, problems)

    def _with_objects(
        self, inputs: Mapping[str, object], row: Row, problems: list[RowProblem]
    ) -> Mapping[str, object]:
        """Return `inputs`, by their dotted names, with the objects that a cell of the row gives a value to.

        Those that the template says nothing of are always there.
        """
        there = {
            name
            for column in self.inputs
            if column.field.name in inputs and column.index < len(row.cells) and row.cells[column.index]
            for name in column.field.within
        }
        nested: dict[str, object] = {}
        for column in self.inputs:
            within = column.field.within
            if within and within[-1] not in there:
                continue
            if column.field.name in inputs:
                put(nested, column.field.name, inputs[column.field.name])
            elif within and column.field.required:
                problems.extend(_missing(column, row))
        return nested


def _value_of_its_own(column: Column, row: Row, problems: list[RowProblem]) -> Value | None:
    """Return what a lead has where its row gives nothing; None if nothing is sent."""
    field = column.field
    if field.constant is not None:
        return field.constant
    if field.default is None and field.required and not field.within:
        problems.extend(_missing(column, row))
    return field.default


def _missing(column: Column, row: Row) -> list[RowProblem]:
    if any(known.column == column.header for known in row.problems):
        return []
    return [RowProblem("missing", _("the cell is empty; fill it in"), column.header)]


def _misplaced_line(row: Row, customer_id: Column, inputs: Sequence[Column]) -> RowProblem | None:
    """Return why a whole row is no lead but belongs to the sheet around the leads, or None."""
    shown = row.cells[customer_id.index] if customer_id.index < len(row.cells) else ""
    if _DIGIT.search(shown) and shown != customer_id.header:
        return None
    filled = [
        (column, row.cells[column.index])
        for column in (customer_id, *inputs)
        if column.index < len(row.cells) and row.cells[column.index]
    ]
    if len(filled) > 1 and all(_is_heading(cell, column) for column, cell in filled):
        return RowProblem("repeated_header", _("the row repeats the headers, so it is no lead; delete it"))
    first = next(filter(None, row.cells), "")
    label = fold(first)
    if label.rstrip("0123456789") in _TOTALS and all(
        fold(cell) == label or (column is not customer_id and _is_sum(cell, column))
        for column, cell in filled
    ):
        return RowProblem(
            "total_row",
            _("the row adds up what stands above, so it is no lead; delete it, or fill in the customer id"),
        )
    return None


def _is_heading(cell: str, column: Column) -> bool:
    label = fold(cell)
    return label in names_of(column.field) or label == fold(column.header) != ""


def _is_sum(cell: str, column: Column) -> bool:
    if column.field.type in ("number", "integer"):
        return True
    return not _LETTER.search(cell) and sum(map(str.isdigit, cell)) < _PHONE_DIGITS
