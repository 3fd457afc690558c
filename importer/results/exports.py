"""Form responses to files: a column for each input, but in JSON lines the inputs as they are."""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from decimal import Decimal
from itertools import count
from pathlib import Path

from importer.errors import ResultsError
from importer.inputs import leaves, serialised
from importer.language import _, in_figures, marked, ngettext
from importer.model import FormResponse, NumberText
from importer.results.replacing import replacing
from importer.results.tables import (
    TEXT_LIMIT,
    Cell,
    Table,
    width_of,
    write_csv,
    write_json_lines,
    write_workbook,
)

OWN_COLUMNS = ("id", "form_id", "created_at")
"""The columns that every response has; those of inputs are right of them, in the order of their coming."""

# What a sheet of Excel holds (specification "Worksheet size").
_COLUMN_LIMIT = 16_384

# What a number in a spreadsheet keeps (specification "Number precision").
_EXACT = 10**15

_OTHERWISE = marked("What was read is kept: run the same command again.")


_Input = tuple[str, int]
"""The dotted name of an input, and which of the inputs of that name in its response it is, from 1."""


def write_responses(path: Path, read: Callable[[], Iterable[FormResponse]]) -> list[str]:
    """Write responses to `path` in the format of its suffix, .csv, .xlsx or .jsonl; return what to know.

    `read` yields them, and is called twice where columns are needed: only the last response tells the last of
    them. Memory holds the columns and one response. Raises :class:`importer.errors.ResultsError` if the file
    cannot be written or a sheet cannot hold so much; the earlier file stays.
    """
    suffix = path.suffix.casefold()
    if suffix == ".jsonl":
        with replacing(path, otherwise=_OTHERWISE) as file:
            write_json_lines(file, map(_as_object, read()), encode=serialised)
        return []
    found: dict[_Input, None] = {}
    long = 0
    for response in read():
        for key, value in _inputs(response):
            found[key] = None
            long += len(str(_cell(value))) > TEXT_LIMIT
    headers = _headers(found)
    columns = {key: at for at, key in enumerate(headers, len(OWN_COLUMNS))}
    titles = [*OWN_COLUMNS, *headers.values()]
    if suffix == ".xlsx" and len(titles) > _COLUMN_LIMIT:
        raise ResultsError(
            _(
                "{path}: a sheet of a workbook holds {limit} columns, and the responses have {columns}. Name "
                "a .csv or .jsonl file instead."
            ).format(path=path, limit=in_figures(_COLUMN_LIMIT), columns=in_figures(len(titles)))
        )
    lines = (_cells(response, columns) for response in read())
    with replacing(path, otherwise=_OTHERWISE) as file:
        if suffix == ".csv":
            write_csv(file, titles, lines)
            return []
        widths = [22, 12, 22, *map(width_of, headers.values())]
        write_workbook(file, path, [Table("Responses", titles, widths, lines)])
    return [_shortened(path, long)] if long else []


def _shortened(path: Path, cells: int) -> str:
    return ngettext(
        "{path}: {count} text is longer than the {limit} signs of a cell, and was cut. A .csv or .jsonl file "
        "keeps it whole.",
        "{path}: {count} texts are longer than the {limit} signs of a cell, and were cut. A .csv or .jsonl "
        "file keeps them whole.",
        cells,
    ).format(path=path, count=in_figures(cells), limit=in_figures(TEXT_LIMIT))


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


def _inputs(response: FormResponse) -> Iterator[tuple[_Input, object]]:
    """Yield the inputs of a response: ``address.city`` for one within an object, and a list is one value."""
    times: Counter[str] = Counter()
    for name, value in leaves(response.inputs):
        times[name] += 1
        yield (name, times[name]), value


def _headers(inputs: Collection[_Input]) -> dict[_Input, str]:
    """Return the header of each input: its name, where that is taken with the next number that is free."""
    taken = {*OWN_COLUMNS, *(name for name, _number in inputs)}
    headers: dict[_Input, str] = {}
    for name, number in inputs:
        header = name
        if number > 1 or name in OWN_COLUMNS:
            header = next(free for suffix in count(2) if (free := f"{name}_{suffix}") not in taken)
        taken.add(header)
        headers[name, number] = header
    return headers


def _cells(response: FormResponse, columns: Mapping[_Input, int]) -> list[Cell]:
    cells: list[Cell] = [""] * (len(OWN_COLUMNS) + len(columns))
    cells[: len(OWN_COLUMNS)] = (response.response_id, response.form_id, response.created_at)
    for key, value in _inputs(response):
        cells[columns[key]] = _cell(value)
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
