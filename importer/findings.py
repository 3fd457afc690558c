"""Everything that `check` finds about single rows, in the order of the rows, whatever their number.

Some of it is known only after the last row, such as a phone that stands under two customers, so what is found
waits in a temporary file, without personal data, until it can be put in order.
"""

from __future__ import annotations

import heapq
import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryFile
from types import TracebackType
from typing import IO, Any, Self

from importer.model import Place, RowFinding
from importer.results import write_findings


class FindingList:
    """Keeps findings as they come: in the order of the rows, and then, in the same order, later ones."""

    def __init__(self) -> None:
        self._files = ExitStack()
        self._sheets: dict[tuple[str, str], int] = {}
        self._last = (0, 0)

    def __enter__(self) -> Self:
        with ExitStack() as opened:
            self._first, self._later = (opened.enter_context(TemporaryFile()) for _ in range(2))
            self._files = opened.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._files.close()

    def begin_sheet(self, source: str, sheet: str) -> None:
        """Be told that the rows of this sheet of a file come next."""
        self._sheets[source, sheet] = len(self._sheets)

    def add(self, finding: RowFinding) -> None:
        """Keep one more."""
        source, sheet, row = finding.place
        position = (self._sheets[source, sheet], row)
        if position < self._last or self._later.tell():
            file = self._later
        else:
            file = self._first
            self._last = position
        line = (*position, finding.kind, finding.code, finding.column, finding.message)
        file.write(f"{json.dumps(line)}\n".encode())

    def write(self, path: Path) -> None:
        """Write all of them to `path`. Raises :class:`importer.errors.ResultsError`."""
        sheets = list(self._sheets)
        lines = heapq.merge(_lines(self._first), _lines(self._later), key=_position)
        found = ((*sheets[sheet], row, *said) for sheet, row, *said in lines)
        write_findings(
            path, (RowFinding(Place(source, sheet, row), *said) for source, sheet, row, *said in found)
        )


def _lines(file: IO[bytes]) -> Iterator[Any]:
    file.seek(0)
    return map(json.loads, file)


def _position(line: Sequence[Any]) -> tuple[int, int]:
    return line[0], line[1]
