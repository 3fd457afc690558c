"""Headers to fields, and rows to leads. Pure: the same row always becomes the same lead.

A column belongs to a field when its header is the field's name, title or one of its synonyms, without regard
to case, accents, blanks and punctuation. Where two columns fit one field, one column fits two fields, or two
templates fit the headers, nothing is guessed: the error says what to type. A row that repeats the headers, or
adds up those above, is no lead: ``repeated_header``, ``total_row``. Nor is one that is marked as the example
of an empty workbook: ``example_row``. What is wrong with a cell counts where the cell is sent.
"""

from __future__ import annotations

import re
import sys
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from dataclasses import field as computed
from functools import lru_cache
from itertools import repeat

from importer.errors import MappingError
from importer.examples import example_row, is_marked, is_untouched
from importer.formulas import undefuse
from importer.inputs import put
from importer.model import InvalidRow, Lead, Remark, Row, RowProblem
from importer.templates import Field, Template, Value, customer_id_field
from importer.templates.reading import cleanness, read_input
from importer.values import IS_CLEAN, clean_cells

_LETTER = re.compile(r"[^\W\d_]")
_DIGIT = re.compile(r"\d")

# What a row of sums begins with, folded.
_TOTALS = {"tongcong", "tong", "tongso", "cong", "total", "grandtotal", "subtotal", "sum"}

# A sum in a column of leads counts them; what has as many digits is a phone number.
_PHONE_DIGITS = 8


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
        leads: list[Lead | InvalidRow] = list(map(Lead, places, customer_ids, found))
        clean = [clean_cells(column.field.kind, known) for column, known in zip(columns, cells, strict=True)]
        clean.append([not row.problems for row in rows])
        for position, sound in enumerate(map(all, zip(*clean, strict=True))):
            if not sound:
                leads[position] = self.lead(rows[position])
        return leads

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
    return [RowProblem("missing", "the cell is empty; fill it in", column.header)]


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
    _refuse_two_readings(where, match, columns)
    customer_id, *inputs = (column for field, found in match.columns for column in _of_row(field, found))
    return SheetMapping(match.template, customer_id, tuple(inputs))


def _of_row(field: Field, found: Sequence[Column]) -> Sequence[Column]:
    """Return the column of a field, one that stands nowhere if it has a value without, or none."""
    if found:
        return found[:1]
    if not field.has_value_of_its_own:
        return ()
    return (Column(field, NOWHERE, "(default)" if field.constant is None else "(constant)"),)


def _refuse_two_readings(where: str, match: _Match, columns: Mapping[str, str]) -> None:
    for field, found in match.columns:
        if len(found) > 1:
            headings = ", ".join(repr(column.header) for column in found)
            raise MappingError(
                f"{where}: the columns {headings} all fit {field.name}. "
                f"Say which one is meant: --map {_quoted(field.name, found[0].header)}"
            )
    guessed = [found[0] for field, found in match.columns if found and field.name not in columns]
    times = Counter(column.index for column in guessed)
    for column in guessed:
        if times[column.index] > 1:
            names = [other.field.name for other in guessed if other.index == column.index]
            raise MappingError(
                f"{where}: the column {column.header!r} fits {' and '.join(names)}. "
                f"Say for which one it is meant: --map {_quoted(names[0], column.header)}"
            )


@dataclass(frozen=True, slots=True)
class _Match:
    template: Template
    columns: tuple[tuple[Field, tuple[Column, ...]], ...]

    @property
    def lacking(self) -> list[Field]:
        """The fields without the column that they need; in an object that may be left out, if it is there."""
        there = {name for field, found in self.columns if found for name in field.within}
        return [
            field
            for field, found in self.columns
            if not found
            and field.required
            and not field.has_value_of_its_own
            and (not field.within or field.within[-1] in there)
        ]


def _match(template: Template, headers: Sequence[str], columns: Mapping[str, str]) -> _Match:
    fields = (customer_id_field(), *template.fields)
    # Where a header fits several fields and one was said, the others do not have it, too.
    said = [field for field in fields if field.name in columns]
    settled = {name for field in said if (name := fold(columns[field.name])) in _names_of(field)}
    return _Match(template, tuple((field, _columns_of(field, headers, columns, settled)) for field in fields))


def _columns_of(
    field: Field, headers: Sequence[str], columns: Mapping[str, str], settled: Set[str]
) -> tuple[Column, ...]:
    if field.constant is not None:
        return ()
    if field.name in columns:
        named = columns[field.name]
        exact = [Column(field, index, header) for index, header in enumerate(headers) if header == named]
        return tuple(exact) or _headed(field, headers, {fold(named)})
    return _headed(field, headers, _names_of(field) - settled)


@lru_cache
def _names_of(field: Field) -> frozenset[str]:
    # A name of signs alone would fit every column without a header.
    return frozenset(filter(None, map(fold, (field.name, field.title, *field.synonyms))))


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
    fields = {
        field
        for template in templates
        for field in (customer_id_field(), *template.fields)
        if field.constant is None
    }
    known: dict[str, set[str]] = {}
    for field in fields:
        mapped = field.name in columns
        for name in {fold(columns[field.name])} if mapped else _names_of(field):
            known.setdefault(name, set()).add(field.name)
    known.pop("", None)
    needed = [
        {"customer_id", *(field.name for field in template.fields if field.needs_column)}
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
        fold(cell) == label or (column is not customer_id and _is_sum(cell, column))
        for column, cell in filled
    ):
        return RowProblem(
            "total_row",
            "the row adds up what stands above, so it is no lead; delete it, or fill in the customer id",
        )
    return None


def _is_heading(cell: str, column: Column) -> bool:
    label = fold(cell)
    return label in _names_of(column.field) or label == fold(column.header) != ""


def _is_sum(cell: str, column: Column) -> bool:
    if column.field.type in ("number", "integer"):
        return True
    return not _LETTER.search(cell) and sum(map(str.isdigit, cell)) < _PHONE_DIGITS


def _refuse_unknown(
    where: str, headers: Sequence[str], columns: Mapping[str, str], templates: Sequence[Template]
) -> None:
    fields = {"customer_id": None} | {field.name: None for template in templates for field in template.fields}
    constants = {
        field.name for template in templates for field in template.fields if field.constant is not None
    }
    for name, header in columns.items():
        if name not in fields:
            raise MappingError(
                f"--map {_quoted(name, header)}: there is no field {name!r}. "
                f"The fields are {', '.join(fields)}."
            )
        if name in constants:
            raise MappingError(
                f"--map {_quoted(name, header)}: {name} has a constant in its template, so no column is "
                "sent for it. Take the constant out of the template, or let --map out."
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
