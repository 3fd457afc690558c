"""Headers to fields, and rows to leads. Pure: the same row always becomes the same lead.

A column belongs to a field when its header is the field's name, title or one of its synonyms, without regard
to case, accents, blanks and punctuation. Where two columns fit one field, or two templates fit the headers,
nothing is guessed: the error says what to type. A row that repeats the headers, or adds up those above, is
no lead: ``repeated_header``, ``total_row``. Nor is one that is marked as the example of an empty workbook:
``example_row``.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from functools import lru_cache
from itertools import repeat

from importer.errors import MappingError
from importer.examples import example_row, is_marked, is_untouched
from importer.formulas import undefuse
from importer.model import InvalidRow, Lead, Remark, Row, RowProblem
from importer.templates import Field, Template, customer_id_field
from importer.values import IS_CLEAN, clean_cells, read_value

_LETTER = re.compile(r"[^\W\d_]")
_DIGIT = re.compile(r"\d")

# What a row of sums begins with, folded.
_TOTALS = {"tongcong", "tong", "tongso", "cong", "total", "grandtotal", "subtotal", "sum"}

# A sum in a column of leads counts them; what has as many digits is a phone number.
_PHONE_DIGITS = 8


@dataclass(frozen=True, slots=True)
class Column:
    """A field and the column that holds it."""

    field: Field
    index: int
    header: str


@dataclass(frozen=True, slots=True)
class SheetMapping:
    """The mapping that was chosen for one sheet."""

    template: Template
    customer_id: Column
    inputs: tuple[Column, ...]
    repair: bool = True
    """Whether values are repaired; if not, what would be is a warning."""

    strict: bool = False
    """Whether a warning is a problem."""

    def leads(self, rows: Sequence[Row]) -> list[Lead | InvalidRow]:
        """Turn each row into what :meth:`lead` does, and faster where most cells are clean."""
        columns = (self.customer_id, *self.inputs)
        cells = [[row.cells[column.index] for row in rows] for column in columns]
        customer_ids, *inputs = cells
        if self.customer_id.header in customer_ids:
            return [self.lead(row) for row in rows]
        names = [column.field.name for column in self.inputs]
        places = [row.place for row in rows]
        found = map(dict, map(zip, repeat(names), zip(*inputs, strict=True)))
        leads: list[Lead | InvalidRow] = list(map(Lead, places, customer_ids, found))
        clean = [clean_cells(column.field.kind, known) for column, known in zip(columns, cells, strict=True)]
        clean.append([not row.problems for row in rows])
        for position, sound in enumerate(map(all, zip(*clean, strict=True))):
            if not sound:
                leads[position] = self.lead(rows[position])
        return leads

    def lead(self, row: Row) -> Lead | InvalidRow:
        """Turn a row into a lead, or say everything that keeps it from being one."""
        problems = list(row.problems)
        notes: list[Remark] = []
        customer_id = self._value(self.customer_id, row, problems, notes)
        inputs = {
            column.field.name: value
            for column in self.inputs
            if (value := self._value(column, row, problems, notes)) or column.field.required
        }
        # A word that heads or sums up a column has no digit at its end, and nearly every id has.
        if (not customer_id[-1:].isdigit() or customer_id == self.customer_id.header) and (
            line := _misplaced_line(row, self.customer_id, self.inputs)
        ):
            return InvalidRow(row.place, (line, *row.problems))
        if problems:
            if is_marked(self._shown(self.customer_id, row)):
                return InvalidRow(row.place, (example_row(self.customer_id.header), *row.problems))
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

    def _value(self, column: Column, row: Row, problems: list[RowProblem], notes: list[Remark]) -> str:
        text = row.cells[column.index] if column.index < len(row.cells) else ""
        if text:
            if IS_CLEAN[column.field.kind](text):
                return text
            reading = read_value(column.field.kind, undefuse(text), column.header, repair=self.repair)
            for remark in reading.remarks:
                if self.strict and remark.kind == "warning":
                    problems.append(RowProblem(remark.code, remark.message, remark.column))
                else:
                    notes.append(remark)
            if reading.problem:
                problems.append(reading.problem)
            text = reading.value
        if text or not column.field.required:
            return text
        if not any(known.column == column.header for known in row.problems):
            problems.append(RowProblem("missing", "the cell is empty; fill it in", column.header))
        return ""


def fold(header: str) -> str:
    r"""Return what of a header counts: letters and digits, without accents and case.

    >>> fold("Số điện\nthoại (*)")
    'sodienthoai'
    """
    plain = unicodedata.normalize("NFKD", header).casefold().replace("đ", "d")
    return "".join(sign for sign in unicodedata.normalize("NFKD", plain) if sign.isalnum())


def choose_mapping(
    where: str,
    headers: Sequence[str],
    templates: Iterable[Template],
    columns: Mapping[str, str] | None = None,
) -> SheetMapping:
    """Find the one of `templates` that `headers` fit, and which column is which of its fields.

    `columns` gives the header of a field outright (the option ``--map``); `where` names the file and sheet in
    messages. Raises :class:`MappingError` when no template fits, or several do, or two columns fit a field.
    """
    columns = columns or {}
    candidates = [_match(template, headers, columns) for template in templates]
    _refuse_unknown(where, headers, columns, [match.template for match in candidates])
    fitting = [match for match in candidates if not match.lacking]
    if not fitting:
        raise _none_fits(where, headers, candidates)
    if len(fitting) > 1:
        names = ", ".join(f"{match.template.name} ({match.template.title})" for match in fitting)
        raise MappingError(
            f"{where}: the columns fit several templates: {names}. "
            f"Say which one is meant, for example --template {fitting[0].template.name}."
        )
    match = fitting[0]
    for field, found in match.columns:
        if len(found) > 1:
            headings = ", ".join(repr(column.header) for column in found)
            raise MappingError(
                f"{where}: the columns {headings} all fit {field.name}. "
                f"Say which one is meant: --map {_quoted(field.name, found[0].header)}"
            )
    customer_id, *inputs = (found[0] for _, found in match.columns if found)
    return SheetMapping(match.template, customer_id, tuple(inputs))


@dataclass(frozen=True, slots=True)
class _Match:
    template: Template
    columns: tuple[tuple[Field, tuple[Column, ...]], ...]

    @property
    def lacking(self) -> list[Field]:
        return [field for field, found in self.columns if field.required and not found]


def _match(template: Template, headers: Sequence[str], columns: Mapping[str, str]) -> _Match:
    fields = (customer_id_field(), *template.fields)
    return _Match(template, tuple((field, _columns_of(field, headers, columns)) for field in fields))


def _columns_of(field: Field, headers: Sequence[str], columns: Mapping[str, str]) -> tuple[Column, ...]:
    if field.name in columns:
        named = columns[field.name]
        exact = [Column(field, index, header) for index, header in enumerate(headers) if header == named]
        return tuple(exact) or _headed(field, headers, {fold(named)})
    return _headed(field, headers, _names_of(field))


@lru_cache
def _names_of(field: Field) -> frozenset[str]:
    return frozenset(fold(name) for name in (field.name, field.title, *field.synonyms))


def _headed(field: Field, headers: Sequence[str], names: Set[str]) -> tuple[Column, ...]:
    return tuple(
        Column(field, index, header) for index, header in enumerate(headers) if fold(header) in names
    )


def header_score(
    templates: Iterable[Template], columns: Mapping[str, str] | None = None
) -> Callable[[Sequence[str]], int]:
    """Return a function that tells how well the cells of a row fit the headers of `templates`.

    It counts the fields that have a header there, those of `columns` (``--map``) under just that one. A row
    without a customer id counts less. All rows that have what a template needs are equal, and better than
    any that has not, so that no table further down takes the place of the first.
    """
    columns = columns or {}
    templates = list(templates)
    fields = {field for template in templates for field in (customer_id_field(), *template.fields)}
    known: dict[str, set[str]] = {}
    for field in fields:
        mapped = field.name in columns
        for name in {fold(columns[field.name])} if mapped else _names_of(field):
            known.setdefault(name, set()).add(field.name)
    known.pop("", None)
    needed = [
        {"customer_id", *(field.name for field in template.fields if field.required)}
        for template in templates
    ]

    def score(cells: Sequence[str]) -> int:
        found = {name for cell in cells for name in known.get(fold(cell), ())}
        if any(names <= found for names in needed):
            return len(fields) + 1
        return len(found) - ("customer_id" not in found)

    return score


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
        return RowProblem("repeated_header", "the row repeats the headers, so it is no lead; delete it")
    first = next(filter(None, row.cells), "")
    label = fold(first)
    if label.rstrip("0123456789") in _TOTALS and all(
        fold(cell) == label or (column is not customer_id and _is_count(cell)) for column, cell in filled
    ):
        return RowProblem(
            "total_row",
            "the row adds up what stands above, so it is no lead; delete it, or fill in the customer id",
        )
    return None


def _is_heading(cell: str, column: Column) -> bool:
    label = fold(cell)
    return label in _names_of(column.field) or label == fold(column.header) != ""


def _is_count(cell: str) -> bool:
    return not _LETTER.search(cell) and sum(map(str.isdigit, cell)) < _PHONE_DIGITS


def _refuse_unknown(
    where: str, headers: Sequence[str], columns: Mapping[str, str], templates: Sequence[Template]
) -> None:
    fields = {"customer_id": None} | {field.name: None for template in templates for field in template.fields}
    for name, header in columns.items():
        if name not in fields:
            raise MappingError(
                f"--map {_quoted(name, header)}: there is no field {name!r}. "
                f"The fields are {', '.join(fields)}."
            )
        if fold(header) not in {fold(known) for known in headers}:
            raise MappingError(
                f"--map {_quoted(name, header)}: {where} has no column {header!r}. "
                f"Its columns are {_listed(headers)}."
            )


def _none_fits(where: str, headers: Sequence[str], candidates: Sequence[_Match]) -> MappingError:
    nearest = min(candidates, key=lambda match: len(match.lacking))
    lacking = ", ".join(f"{field.name} ({field.title})" for field in nearest.lacking)
    return MappingError(
        f"{where}: no column for {lacking}, which template {nearest.template.name} "
        f"({nearest.template.title}) needs. The columns are {_listed(headers)}. Name the column, for example "
        f"--map {nearest.lacking[0].name}=COLUMN, or choose another --template."
    )


def _listed(headers: Sequence[str]) -> str:
    return ", ".join(repr(header) for header in headers if header)


def _quoted(name: str, header: str) -> str:
    return f"{name}={header}" if fold(header) == header else f"'{name}={header}'"
