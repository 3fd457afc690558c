"""Result rows that come in any order and are written in that of the input, whatever their number.

They wait in a temporary file without a name; eight bytes for each stay in memory.
"""

from __future__ import annotations

import json
from array import array
from collections.abc import Iterator
from dataclasses import asdict
from tempfile import TemporaryFile
from types import TracebackType
from typing import Any, Self

from importer.model import Application, ErrorInfo, OutcomeName, Place, ResultRow

_NONE_YET = -1


class RowSpool:
    """Keeps result rows by their positions in the input, from 0; a context manager."""

    def __init__(self) -> None:
        self._starts = array("q")

    def __enter__(self) -> Self:
        self._file = TemporaryFile()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def keep(self, position: int, row: ResultRow) -> None:
        """Keep the row of a position, which may come before those of smaller ones."""
        missing = position + 1 - len(self._starts)
        self._starts.extend([_NONE_YET] * missing)
        self._starts[position] = self._file.tell()
        error = None if row.error is None else asdict(row.error)
        line = [row.place, row.customer_id, row.outcome, row.application, row.attempts, error, row.notes]
        self._file.write(f"{json.dumps(line)}\n".encode())

    def rows(self) -> Iterator[ResultRow]:
        """Yield what was kept, in the order of the positions; nothing can be kept any more."""
        for start in self._starts:
            if start != _NONE_YET:
                self._file.seek(start)
                yield _row(json.loads(self._file.readline()))


def _row(line: list[Any]) -> ResultRow:
    place, customer_id, outcome, application, attempts, error, notes = line
    return ResultRow(
        Place(*place),
        customer_id,
        OutcomeName(outcome),
        None if application is None else Application(*application),
        attempts,
        None if error is None else ErrorInfo(**error),
        tuple(notes),
    )
