"""The results file, one line a row, and the summary of a run."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from itertools import chain
from pathlib import Path

from importer.errors import UsageError
from importer.language import _
from importer.model import Application, ResultRow
from importer.results.replacing import LEDGER_HAS_THEM, replacing
from importer.results.tables import Cell, Table, write_csv, write_json_lines, write_workbook

COLUMN_WIDTHS = {
    "source": 24,
    "sheet": 14,
    "row": 8,
    "customer_id": 22,
    "outcome": 14,
    "application_id": 22,
    "status": 14,
    "created_at": 24,
    "attempts": 10,
    "http_status": 12,
    "error_code": 18,
    "error_reason": 20,
    "error_message": 60,
    "request_id": 38,
    "notes": 60,
}
"""Each column with its width on a sheet, in digits."""

COLUMNS: tuple[str, ...] = tuple(COLUMN_WIDTHS)
"""The columns of a results file, in their order."""

SUFFIXES = (".csv", ".jsonl", ".xlsx")
"""What the name of a results file may end in; it decides the format."""

_NO_APPLICATION = Application(application_id="", status="", created_at="")


def write_results(path: Path, rows: Iterable[ResultRow], *, otherwise: str = LEDGER_HAS_THEM) -> None:
    """Write `rows` to `path` in the order given, in the format of its suffix: .csv, .jsonl or .xlsx.

    CSV and JSON lines take the same memory for any number of rows. Raises :class:`UsageError` for another
    suffix, and :class:`importer.errors.ResultsError` if the file cannot be written or a sheet cannot hold so
    many rows, with `otherwise` at its end; whatever `rows` raises passes through, and the earlier file stays.
    """
    suffix = path.suffix.casefold()
    if suffix not in SUFFIXES:
        raise UsageError(
            _(
                "{path}: results are written as .csv, .jsonl or .xlsx. Let the file's name end in "
                "one of these."
            ).format(path=path)
        )
    with replacing(path, otherwise=otherwise) as file:
        if suffix == ".jsonl":
            objects = (zip(COLUMNS, chain(result_cells(row), [list(row.notes)]), strict=True) for row in rows)
            write_json_lines(file, map(dict, objects))
            return
        lines = ([*result_cells(row), "; ".join(row.notes)] for row in rows)
        if suffix == ".csv":
            write_csv(file, COLUMNS, lines)
        else:
            table = Table("Results", COLUMNS, tuple(COLUMN_WIDTHS.values()), lines, COLUMNS.index("outcome"))
            write_workbook(file, path, [table])


def write_summary(path: Path, summary: Mapping[str, object]) -> None:
    """Write `summary` to `path` as indented JSON in UTF-8.

    Raises :class:`importer.errors.ResultsError` if the file cannot be written.
    """
    text = json.dumps(dict(summary), ensure_ascii=False, indent=2)
    with replacing(path) as file:
        file.write(f"{text}\n".encode(errors="replace"))


def result_cells(row: ResultRow) -> list[Cell]:
    """Return the cells of `row` without its notes, which each format writes in its own way."""
    place, customer_id, outcome, application, attempts, error, _ = row
    told = application or _NO_APPLICATION
    if error is None:
        return [*place, customer_id, str(outcome), *told, attempts, None, "", "", "", ""]
    return [
        *place,
        customer_id,
        str(outcome),
        *told,
        attempts,
        error.http_status,
        error.code,
        error.reason,
        error.message,
        error.request_id,
    ]
