"""Form responses to files: a column for each input, but in JSON lines the inputs as they are."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from decimal import Decimal
from itertools import chain, count
from pathlib import Path

from importer.errors import ResultsError
from importer.inputs import leaves, serialised
from importer.language import _, in_figures, marked
from importer.model import FormResponse, NumberText
from importer.results.replacing import replacing
from importer.results.tables import Cell, Table, width_of, write_csv, write_json_lines, write_workbook

OWN_COLUMNS = ("id", "form_id", "created_at")
"""The columns that every response has; those of inputs are right of them, in the order of their coming."""

# What a sheet of Excel holds (specification "Worksheet size").
_COLUMN_LIMIT = 16_384

# What a number in a spreadsheet keeps (specification "Number precision").
_EXACT = 10**15

_OTHERWISE = marked("What was read is kept: run the same command again.")


def write_responses(path: Path, read: Callable[[], Iterable[FormResponse]]) -> None:
    """Write responses to `path` in the format of its suffix: .csv, .xlsx or .jsonl.

    `read` yields them, and is called twice where columns are needed: only the last response tells the last of
    them. Memory holds the columns and one response. Raises :class:`importer.errors.ResultsError` if the file
    cannot be written or a sheet cannot hold so much; the earlier file stays.
    """
    suffix = path.suffix.casefold()
    if suffix == ".jsonl":
        with replacing(path, otherwise=_OTHERWISE) as file:
            write_json_lines(file, map(_as_object, read()), encode=serialised)
        return
    names = dict.fromkeys(chain(OWN_COLUMNS, chain.from_iterable(map(_names, read()))))
    columns = {name: at for at, name in enumerate(names)}
    if suffix == ".xlsx" and len(columns) > _COLUMN_LIMIT:
        raise ResultsError(
            _(
                "{path}: a sheet of a workbook holds {limit} columns, and the responses have {columns}. Name "
                "a .csv or .jsonl file instead."
            ).format(path=path, limit=in_figures(_COLUMN_LIMIT), columns=in_figures(len(columns)))
        )
    lines = (_cells(response, columns) for response in read())
    with replacing(path, otherwise=_OTHERWISE) as file:
        if suffix == ".csv":
            write_csv(file, list(columns), lines)
        else:
            widths = [22, 12, 22, *map(width_of, list(columns)[len(OWN_COLUMNS) :])]
            write_workbook(file, path, [Table("Responses", list(columns), widths, lines)])


def holds_responses(path: Path) -> bool:
    """Tell whether the file at `path` begins as :func:`write_responses` lets one begin, by its suffix."""
    # What cannot be read as its suffix says is something else.
    with suppress(Exception):
        return tuple(_first_names(path)[: len(OWN_COLUMNS)]) == OWN_COLUMNS
    return False


def _first_names(path: Path) -> Sequence[object]:
    suffix = path.suffix.casefold()
    if suffix == ".xlsx":
        import openpyxl  # type: ignore[import-untyped]

        book = openpyxl.load_workbook(path, read_only=True)
        try:
            return list(next(book.worksheets[0].iter_rows(max_row=1, values_only=True)))
        finally:
            book.close()
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(json.loads(file.readline())) if suffix == ".jsonl" else next(csv.reader(file))


def flattened(response: FormResponse) -> Iterator[tuple[str, Cell]]:
    """Yield the columns of a response and its cells: ``address.city`` for an input within an object.

    A list is one cell, in JSON. A name that is taken is numbered.
    """
    yield from zip(OWN_COLUMNS, (response.response_id, response.form_id, response.created_at), strict=True)
    for name, value in _inputs(response):
        yield name, _cell(value)


def _inputs(response: FormResponse) -> Iterator[tuple[str, object]]:
    taken = set(OWN_COLUMNS)
    for name, value in leaves(response.inputs):
        if name in taken:
            name = next(free for number in count(2) if (free := f"{name}_{number}") not in taken)
        taken.add(name)
        yield name, value


def _names(response: FormResponse) -> Iterator[str]:
    return (name for name, _value in _inputs(response))


def _cells(response: FormResponse, columns: Mapping[str, int]) -> list[Cell]:
    cells: list[Cell] = [""] * len(columns)
    for name, cell in flattened(response):
        cells[columns[name]] = cell
    return cells


def _cell(value: object) -> Cell:
    """Return a JSON value as a cell; numbers with more digits than a spreadsheet keeps are text."""
    match value:
        case None:
            return ""
        case str():
            return value
        case bool():
            return json.dumps(value)
        case int() if abs(value) < _EXACT:
            return value
        case Decimal() if len(value.as_tuple().digits) <= 15 and float(value).is_integer() is False:
            return NumberText(serialised(value))
        case _:
            return serialised(value)


def _as_object(response: FormResponse) -> dict[str, object]:
    return {
        "id": response.response_id,
        "form_id": response.form_id,
        "created_at": response.created_at,
        "inputs": response.inputs,
    }
