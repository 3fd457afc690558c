"""The list of everything that was found about rows before any was sent, for the command `check`."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from importer.language import marked
from importer.model import RowFinding
from importer.results.replacing import replacing
from importer.results.tables import Cell, Table, write_csv, write_json_lines, write_workbook

# Each column with its width on a sheet.
_WIDTHS = {"source": 24, "sheet": 14, "row": 8, "kind": 10, "code": 20, "column": 20, "message": 90}

FINDING_COLUMNS: tuple[str, ...] = tuple(_WIDTHS)
"""The columns of the list, in their order."""


def write_findings(path: Path, findings: Iterable[RowFinding]) -> None:
    """Write `findings` to `path`, a line each in the order given, in the format of its suffix.

    It is .csv, .jsonl or .xlsx. Raises :class:`importer.errors.ResultsError` if the file cannot be written
    or a sheet cannot hold so many.
    """
    lines = map(_cells, findings)
    with replacing(path, otherwise=marked("Nothing was sent.")) as file:
        match path.suffix.casefold():
            case ".jsonl":
                write_json_lines(file, (dict(zip(FINDING_COLUMNS, line, strict=True)) for line in lines))
            case ".xlsx":
                widths = tuple(_WIDTHS.values())
                write_workbook(file, path, [Table("Problems", FINDING_COLUMNS, widths, lines)])
            case _:
                write_csv(file, FINDING_COLUMNS, lines)


def _cells(finding: RowFinding) -> list[Cell]:
    place = finding.place
    return [
        place.source,
        place.sheet,
        place.row,
        finding.kind,
        finding.code,
        finding.column,
        finding.message,
    ]
