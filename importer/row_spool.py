"""Result rows that come in any order and are written in that of the input, whatever their number.

They wait in a temporary file without a name; eight bytes for each stay in memory.
"""

from __future__ import annotations

import json
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from io import BufferedReader
from tempfile import TemporaryFile, gettempdir
from types import TracebackType
from typing import Any, Self

from importer.errors import ResultsError
from importer.language import _
from importer.model import Application, ErrorInfo, OutcomeName, Place, ResultRow

_NONE_YET = -1


class RowSpool:
    """Keeps result rows by their positions in the input, from 0; a context manager.

    Whatever uses the temporary file raises :class:`ResultsError` where the disk refuses; what was kept before
    can still be read.
    """

    def __init__(self) -> None:
        self._starts = array("q")
        self._end = 0

    def __enter__(self) -> Self:
        with _translating():
            # Without a buffer, since one that a full disk refused could neither be read nor closed.
            self._file = TemporaryFile(buffering=0)
        self._reader = BufferedReader(self._file)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._reader.close()

    def keep(self, position: int, row: ResultRow) -> None:
        """Keep the row of a position, which may come before those of smaller ones."""
        missing = position + 1 - len(self._starts)
        self._starts.extend([_NONE_YET] * missing)
        error = None if row.error is None else asdict(row.error)
        line = [row.place, row.customer_id, row.outcome, row.application, row.attempts, error, row.notes]
        content = f"{json.dumps(line)}\n".encode()
        written = 0
        with _translating():
            self._file.seek(self._end)
            while written < len(content):
                written += self._file.write(content[written:])
        self._starts[position] = self._end
        self._end += written

    def rows(self) -> Iterator[ResultRow]:
        """Yield what was kept, in the order of the positions; nothing can be kept any more."""
        for start in self._starts:
            if start != _NONE_YET:
                with _translating():
                    self._reader.seek(start)
                    line = self._reader.readline()
                yield _row(json.loads(line))


@contextmanager
def _translating() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ResultsError(
            _(
                "{folder}: the temporary file with the results of this run cannot be used ({reason}), so "
                "nothing more is sent. Free some space there, or name another folder in TMPDIR, and run the "
                "same command again: what is in the ledger is not sent twice."
            ).format(folder=_folder(), reason=error.strerror or type(error).__name__)
        ) from error


def _folder() -> str:
    """Return where temporary files are; in words if there is no folder that could hold one."""
    try:
        return gettempdir()
    except OSError:
        return "TMPDIR"


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
