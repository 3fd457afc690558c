"""The pages of an export that is under way, in a file beside what it will write.

So an export that was stopped, even killed, goes on where it was, and memory holds no more than a page. The
file has JSON lines: what is exported, then each page with the ids that it reaches over; a last line that a
kill tore is cut off. It holds personal data, is its owner's alone (mode 0600), and is removed at the end.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from types import TracebackType
from typing import IO, Any, NamedTuple, Self

from importer.coverage import Coverage
from importer.errors import LedgerBusyError, ResultsError
from importer.inputs import serialised
from importer.language import _
from importer.model import FormResponse

if sys.platform != "win32":
    import fcntl

_VERSION = 1


class _Kept(NamedTuple):
    above: int
    start: int


class ResponseJournal:
    """The journal of the export to `output`; a context manager. `subject` says what is exported.

    What is there of another subject is thrown away. Opening raises :class:`LedgerBusyError` while another
    process has it, and, as writing does, :class:`ResultsError` if the file cannot be used.
    """

    def __init__(self, output: Path, subject: Mapping[str, object]) -> None:
        self.path = output.with_name(f".{output.name}.part")
        self.coverage = Coverage()
        self.count = 0
        """How many responses it holds."""

        self.discarded = False
        """Whether there was an export of another subject."""

        self._output = output
        self._subject: dict[str, object] = {"version": _VERSION, **subject}
        self._pages: list[_Kept] = []
        self._file: IO[bytes] | None = None

    def __enter__(self) -> Self:
        try:
            file = os.fdopen(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600), "r+b")
        except OSError as error:
            raise self._unusable(error) from error
        try:
            self._lock(file)
            self._load(file)
        except OSError as error:
            file.close()
            raise self._unusable(error) from error
        except BaseException:
            file.close()
            raise
        self._file = file
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            if not self._pages:
                self.remove()
            # A disk that is full may refuse even this.
            with suppress(OSError):
                self._file.close()

    def keep(self, low: int, above: int, responses: Sequence[FormResponse]) -> None:
        """Keep a page that reaches from the id `low` to below `above`, with those of it that are new."""
        file = self._open_file
        start = file.seek(0, os.SEEK_END)
        line = {"low": low, "above": above, "responses": [list(response) for response in responses]}
        try:
            file.write(_line(line))
            file.flush()
            os.fsync(file.fileno())
        except OSError as error:
            with suppress(OSError):
                file.truncate(start)
            raise self._unusable(error) from error
        self._note(low, above, start, len(responses))

    def responses(self) -> Iterator[FormResponse]:
        """Yield what was kept, newest first."""
        file = self._open_file
        for page in sorted(self._pages, reverse=True):
            file.seek(page.start)
            for values in json.loads(file.readline().decode(errors="surrogatepass"), parse_float=Decimal)[
                "responses"
            ]:
                yield FormResponse(*values)

    def remove(self) -> None:
        """Remove the file, once what it holds is written, or it holds nothing."""
        with suppress(OSError):
            self.path.unlink(missing_ok=True)

    @property
    def _open_file(self) -> IO[bytes]:
        if self._file is None:
            raise ResultsError(
                _("{path} is used while it is closed; please report it.").format(path=self.path)
            )
        return self._file

    def _lock(self, file: IO[bytes]) -> None:
        if sys.platform == "win32":
            return
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise LedgerBusyError(
                _("Another export writes {output}. Wait until it has ended, or name another file.").format(
                    output=self._output
                )
            ) from error

    def _load(self, file: IO[bytes]) -> None:
        header = _line(self._subject)
        if file.readline() != header:
            self.discarded = os.fstat(file.fileno()).st_size > 0
            file.seek(0)
            file.truncate()
            file.write(header)
            file.flush()
            return
        end = file.tell()
        for line in file:
            page = _page(line)
            if page is None:
                break
            self._note(page["low"], page["above"], end, len(page["responses"]))
            end += len(line)
        file.truncate(end)

    def _note(self, low: int, above: int, start: int, count: int) -> None:
        self.coverage.add(low, above)
        self.count += count
        self._pages.append(_Kept(above, start))

    def _unusable(self, error: OSError) -> ResultsError:
        return ResultsError(
            _(
                "{path} cannot be written ({reason}), and keeps the responses until all are there. Free some "
                "space, or name a file in a folder that you may write to."
            ).format(path=self.path, reason=error.strerror or type(error).__name__)
        )


def _line(value: Mapping[str, object]) -> bytes:
    # Half a character, which UTF-8 cannot hold, comes back as it was.
    return f"{serialised(value)}\n".encode(errors="surrogatepass")


def _page(line: bytes) -> dict[str, Any] | None:
    """Return a page of the file, None for a line that was torn."""
    with suppress(ValueError):
        found = json.loads(line.decode(errors="surrogatepass"), parse_float=Decimal)
        if line.endswith(b"\n") and isinstance(found, dict) and found.keys() >= {"low", "above", "responses"}:
            return found
    return None
