"""The parts of a zipped workbook while it is read, and what is told when they cannot be."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Protocol, Self

from importer.errors import SheetError, UnusualWorkbookError
from importer.language import _

# What `zipfile` raises for what is no archive, damaged, encrypted or packed in a way that it does not know.
_DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError)


class Readable(Protocol):
    """Bytes that are read one after the other."""

    def read(self, size: int = -1, /) -> bytes:
        """Return the next bytes, all that are left if `size` is negative; none at the end."""


class PartStream:
    """A part that is open for reading, whose errors are those of the workbook and of nobody else."""

    def __init__(self, path: Path, stream: IO[bytes]) -> None:
        """Take a part of the workbook at `path`."""
        self._path = path
        self._stream = stream

    def read(self, size: int = -1, /) -> bytes:
        """Return the next bytes. Raises as :func:`open_parts` does."""
        with _translating(self._path):
            return self._stream.read(size)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()


class Parts:
    """The parts of a workbook by their names, which are the same whatever their case.

    That is so in ECMA-376 part 2, section 9.1.1 ("Part Names").
    """

    def __init__(self, path: Path, archive: zipfile.ZipFile) -> None:
        """Take the directory. Raises :class:`UnusualWorkbookError` if two parts have the same name."""
        self._path = path
        self._archive = archive
        entries = archive.infolist()
        self.entries: Mapping[str, zipfile.ZipInfo] = {entry.filename: entry for entry in entries}
        """What the directory tells of each part, in its order."""

        self._names = {name.casefold(): name for name in self.entries}
        if len(self._names) < len(entries):
            raise UnusualWorkbookError(_("two of its parts have the same name"))

    def has(self, name: str) -> bool:
        """Tell whether there is a part of this name."""
        return name.casefold() in self._names

    def named(self, name: str) -> str:
        """Return the name of a part as the directory has it, if it is there."""
        return self._names.get(name.casefold(), name)

    def open(self, name: str) -> PartStream:
        """Open a part. Raises as :func:`open_parts` does, also if there is none of this name."""
        if not self.has(name):
            raise UnusualWorkbookError(_("it has no part {part}").format(part=name))
        with _translating(self._path):
            return PartStream(self._path, self._archive.open(self.named(name)))


@contextmanager
def open_parts(path: Path) -> Iterator[Parts]:
    """Open the workbook at `path`.

    Raises :class:`UnusualWorkbookError` if it cannot be unpacked, and :class:`importer.errors.SheetError` if
    the system does not let us read it; what the body raises passes through.
    """
    with ExitStack() as stack:
        with _translating(path):
            archive = stack.enter_context(zipfile.ZipFile(path))
        yield Parts(path, archive)


@contextmanager
def _translating(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise SheetError(
            _(
                "{path} cannot be read once more ({reason}). Check that it is still there, and "
                "import it again."
            ).format(path=path, reason=reason)
        ) from error
    except _DAMAGED as error:
        raise UnusualWorkbookError(_("it cannot be unpacked")) from error
