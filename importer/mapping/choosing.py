"""Headers to fields: which template a sheet fits, and which of its columns is which. Pure; never a guess."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass

from importer.errors import MappingError
from importer.headings import fold, spellings
from importer.language import _, all_of, one_of
from importer.mapping.columns import NOWHERE, Column, names_of
from importer.mapping.leads import SheetMapping
from importer.templates import Field, Template, customer_id_field

# No sheet has a column beyond XFD (Excel, "Worksheet size").
_LETTERS = re.compile("[A-Z]{1,3}")


def choose_mapping(
    where: str,
    headers: Sequence[str],
    templates: Iterable[Template],
    columns: Mapping[str, str] | None = None,
    letters: Sequence[str] = (),
) -> SheetMapping:
    """Find the one of `templates` that `headers` fit, and which column is which of its fields.

    `columns` gives the header of a field outright (the option ``--map``), or, where no header is so, one of
    `letters`: what a spreadsheet calls the columns, and the only way to tell two with the same header apart.
    `where` names the file and sheet in messages. Raises :class:`MappingError` when no template fits, or
    several do, or two columns fit a field.
    """
    columns = columns or {}
    said = {name: _said(column, headers, letters) for name, column in columns.items()}
    candidates = [_match(template, headers, said) for template in templates]
    _refuse_unknown(where, headers, columns, said, [match.template for match in candidates])
    fitting = [match for match in candidates if not match.lacking]
    if not fitting:
        raise _none_fits(where, headers, candidates)
    if len(fitting) > 1:
        names = ", ".join(f"{match.template.name} ({_(match.template.title)})" for match in fitting)
        raise MappingError(
            _(
                "{where}: the columns fit several templates: {names}. Say which one is meant, for "
                "example --template {template}."
            ).format(where=where, names=names, template=fitting[0].template.name)
        )
    match = fitting[0]
    _refuse_two_readings(where, match.columns, columns, letters)
    customer_id, *inputs = (column for field, found in match.columns for column in _of_row(field, found))
    return SheetMapping(match.template, customer_id, tuple(inputs))


def choose_columns(
    where: str,
    headers: Sequence[str],
    fields: Sequence[Field],
    columns: Mapping[str, str],
    letters: Sequence[str] = (),
) -> tuple[Column, ...]:
    """Find the column of each of `fields` where there is but one purpose that a sheet can have.

    The arguments are those of :func:`choose_mapping`. Raises :class:`MappingError` for a field that has no
    column or several.
    """
    said = {name: _said(column, headers, letters) for name, column in columns.items()}
    names = [field.name for field in fields]
    for name, column in columns.items():
        if name not in names:
            raise MappingError(
                _("--map {given}: there is no field {name}. The fields are {fields}.").format(
                    given=_quoted(name, column), name=repr(name), fields=", ".join(names)
                )
            )
        if not said[name]:
            raise MappingError(
                _("--map {given}: {where} has no column {column}. Its columns are {columns}.").format(
                    given=_quoted(name, column), where=where, column=repr(column), columns=_listed(headers)
                )
            )
    matched = _matched(fields, headers, said)
    if lacking := [field for field, found in matched if not found]:
        raise MappingError(
            _(
                "{where}: no column for {fields}. The columns are {columns}. Name the column, for example "
                "--map {name}=COLUMN"
            ).format(
                where=where,
                fields=", ".join(f"{field.name} ({field.title})" for field in lacking),
                columns=_listed(headers),
                name=lacking[0].name,
            )
        )
    _refuse_two_readings(where, matched, columns, letters)
    return tuple(found[0] for _field, found in matched)


def _of_row(field: Field, found: Sequence[Column]) -> Sequence[Column]:
    """Return the column of a field, one that stands nowhere if it has a value without, or none."""
    if found:
        return found[:1]
    if not field.has_value_of_its_own:
        return ()
    return (Column(field, NOWHERE, _("(default)") if field.constant is None else _("(constant)")),)


def _said(column: str, headers: Sequence[str], letters: Sequence[str]) -> tuple[int, ...]:
    """Return the columns that a person may mean: with just this header, else such a one, else this letter."""
    return (
        tuple(index for index, header in enumerate(headers) if header == column)
        or tuple(index for index, header in enumerate(headers) if fold(header) == fold(column))
        or tuple(
            index
            for index, (letter, header) in enumerate(zip(letters, headers, strict=False))
            if letter == column and header
        )
    )


def _refuse_two_readings(
    where: str, matched: _Matched, columns: Mapping[str, str], letters: Sequence[str]
) -> None:
    for field, found in matched:
        if len(found) > 1:
            repeated = len({column.header for column in found}) < len(found) and bool(letters)
            headings = ", ".join(
                f"{column.header!r} ({letters[column.index]})" if repeated else repr(column.header)
                for column in found
            )
            ways = (
                one_of(f"--map {field.name}={letters[column.index]}" for column in found)
                if repeated
                else f"--map {_quoted(field.name, found[0].header)}"
            )
            raise MappingError(
                _("{where}: the columns {headings} all fit {field}. Say which one is meant: {ways}").format(
                    where=where, headings=headings, field=field.name, ways=ways
                )
            )
    guessed = [found[0] for field, found in matched if found and field.name not in columns]
    times = Counter(column.index for column in guessed)
    for column in guessed:
        if times[column.index] > 1:
            names = [other.field.name for other in guessed if other.index == column.index]
            raise MappingError(
                _(
                    "{where}: the column {column!r} fits {fields}. Say for which one it is meant: --map "
                    "{said}"
                ).format(
                    where=where,
                    column=column.header,
                    fields=all_of(names),
                    said=_quoted(names[0], column.header),
                )
            )


# So many digits, with what stands between those of phones and identity numbers, or an e-mail address.
_VALUE = re.compile(r"(?:\d[\s.()-]*){6}|@")

_Matched = tuple[tuple[Field, tuple[Column, ...]], ...]


@dataclass(frozen=True, slots=True)
class _Match:
    template: Template
    columns: _Matched

    @property
    def found(self) -> int:
        """How many fields have a column."""
        return sum(bool(found) for _, found in self.columns)

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


def _match(template: Template, headers: Sequence[str], said: Mapping[str, tuple[int, ...]]) -> _Match:
    return _Match(template, _matched((customer_id_field(), *template.fields), headers, said))


def _matched(
    fields: Sequence[Field], headers: Sequence[str], said: Mapping[str, tuple[int, ...]]
) -> _Matched:
    # Where a header fits several fields and one was said, the others do not have it, too.
    settled = {
        name
        for field in fields
        for index in said.get(field.name, ())
        if (name := fold(headers[index])) in names_of(field)
    }
    return tuple((field, _columns_of(field, headers, said, settled)) for field in fields)


def _columns_of(
    field: Field, headers: Sequence[str], said: Mapping[str, tuple[int, ...]], settled: Set[str]
) -> tuple[Column, ...]:
    if field.constant is not None:
        return ()
    if field.name in said:
        return tuple(Column(field, index, headers[index]) for index in said[field.name])
    return _headed(field, headers, names_of(field) - settled)


def _headed(field: Field, headers: Sequence[str], names: frozenset[str]) -> tuple[Column, ...]:
    return tuple(
        Column(field, index, header)
        for index, header in enumerate(headers)
        if not names.isdisjoint(spellings(header))
    )


def header_score(
    templates: Iterable[Template], columns: Mapping[str, str] | None = None
) -> Callable[[Sequence[str]], int]:
    """Return a function that tells how well the cells of a row fit the headers of `templates`.

    It counts the fields that have a header there, those of `columns` (``--map``) under just that one, unless
    it may be the letter of a column. A row
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
        said = columns.get(field.name, "")
        names = {fold(said)} if said else set()
        for name in names if said and not _LETTERS.fullmatch(said) else names | names_of(field):
            known.setdefault(name, set()).add(field.name)
    known.pop("", None)
    needed = [
        {"customer_id", *(field.name for field in template.fields if field.needs_column)}
        for template in templates
    ]

    def score(cells: Sequence[str]) -> int:
        found = {name for cell in cells for spelt in spellings(cell) for name in known.get(spelt, ())}
        if any(names <= found for names in needed):
            return len(fields) + 1
        return len(found) - ("customer_id" not in found)

    return score


def _refuse_unknown(
    where: str,
    headers: Sequence[str],
    columns: Mapping[str, str],
    said: Mapping[str, tuple[int, ...]],
    templates: Sequence[Template],
) -> None:
    fields = {"customer_id": None} | {field.name: None for template in templates for field in template.fields}
    constants = {
        field.name for template in templates for field in template.fields if field.constant is not None
    }
    for name, header in columns.items():
        if name not in fields:
            raise MappingError(
                _("--map {said}: there is no field {name!r}. The fields are {fields}.").format(
                    said=_quoted(name, header), name=name, fields=", ".join(fields)
                )
            )
        if name in constants:
            raise MappingError(
                _(
                    "--map {said}: {name} has a constant in its template, so no column is sent for it. "
                    "Take the constant out of the template, or let --map out."
                ).format(said=_quoted(name, header), name=name)
            )
        if not said[name]:
            raise MappingError(
                _("--map {said}: {where} has no column {header!r}. Its columns are {columns}.").format(
                    said=_quoted(name, header), where=where, header=header, columns=_listed(headers)
                )
            )


def _none_fits(where: str, headers: Sequence[str], candidates: Sequence[_Match]) -> MappingError:
    # What a sheet has tells better what it is for than what it lacks: a template of few fields lacks few.
    nearest = max(candidates, key=lambda match: (match.found, -len(match.lacking)))
    lacking = ", ".join(f"{field.name} ({field.title})" for field in nearest.lacking)
    return MappingError(
        _(
            "{where}: no column for {lacking}, which template {template} ({title}) needs. The "
            "columns are {columns}. Name the column, for example --map {field}=COLUMN, or choose "
            "another --template."
        ).format(
            where=where,
            lacking=lacking,
            template=nearest.template.name,
            title=_(nearest.template.title),
            columns=_listed(headers),
            field=nearest.lacking[0].name,
        )
    )


def _listed(headers: Sequence[str]) -> str:
    """Return the headers as a message quotes them; none where one is a phone or the like: a row's values."""
    if any(_VALUE.search(header) for header in headers):
        return _("not shown, since the first row seems to hold values, not headers")
    return ", ".join(repr(header) for header in headers if header)


def _quoted(name: str, header: str) -> str:
    return f"{name}={header}" if fold(header) == header else f"'{name}={header}'"
