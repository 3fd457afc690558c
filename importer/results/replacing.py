"""A file that is there as a whole or not at all, and what to say when it cannot be."""

from __future__ import annotations

import errno
import os
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from importer import failpoints
from importer.errors import ResultsError
from importer.failpoints import Point
from importer.language import _, marked

_ADVICE = {
    errno.EACCES: marked(
        "Close it if a spreadsheet has it open, or name a file in a folder that you may write to."
    ),
    errno.ENOENT: marked("Create the folder first, or name a file in one that is there."),
    errno.ENOSPC: marked("Free some space, or name a file on another disk."),
    errno.EISDIR: marked("Name a file; this is a folder."),
}
_ANOTHER = marked("Name another file.")
_ADVICE[errno.EPERM] = _ADVICE[errno.EROFS] = _ADVICE[errno.EACCES]

# No file takes so long to be written.
_LEFT_SECONDS = 3600

LEDGER_HAS_THEM = marked("The ledger has the results: `lead-importer results FILE` writes them again.")
"""What to do about results of leads that cannot be written; for the catalogs."""


@contextmanager
def replacing(path: Path, *, otherwise: str = LEDGER_HAS_THEM) -> Iterator[IO[bytes]]:
    """Open a file that takes the place of `path` as :func:`in_place_of` does.

    Raises :class:`ResultsError` for an :class:`OSError`, the body's own too, with `otherwise`, which is
    translated, at its end.
    """
    with translating(path, otherwise=otherwise), in_place_of(path) as file:
        yield file


@contextmanager
def in_place_of(path: Path, *, mode: int = 0o600) -> Iterator[IO[bytes]]:
    """Open a temporary file in the folder of `path`, and put it in the place of `path` when the body is done.

    A new file has the `mode`: only its owner can read it, since most hold personal data; a file that was
    there keeps its own. A symbolic link stays one, and what it points to is replaced. If the body raises,
    `path` is as it was and the temporary file is gone. Raises :class:`OSError`.
    """
    target = Path(os.path.realpath(path))
    _sweep(target.parent)
    descriptor, name = tempfile.mkstemp(
        prefix=f".lead-importer-{os.getpid()}-", suffix=".tmp", dir=target.parent
    )
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileNotFoundError):
            mode = stat.S_IMODE(target.stat().st_mode)
        temporary.chmod(mode)
        failpoints.reached(Point.FILE_SYNCED)
        temporary.replace(target)
        failpoints.reached(Point.FILE_IN_PLACE)
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def _sweep(folder: Path) -> None:
    """Remove what a process left behind that was killed while it wrote here: it may hold personal data."""
    for left in folder.glob(".lead-importer-*-*.tmp"):
        process = left.name.split("-")[2]
        with suppress(OSError):
            # On a shared folder it may be a process of another computer.
            old = time.time() - left.stat().st_mtime > _LEFT_SECONDS
            if old and process.isdecimal() and not _is_alive(int(process)):
                left.unlink()


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True


@contextmanager
def translating(path: Path, *, otherwise: str = LEDGER_HAS_THEM) -> Iterator[None]:
    """Raise :class:`ResultsError` for an :class:`OSError` of the body, which writes `path`."""
    try:
        yield
    except OSError as error:
        raise ResultsError(f"{refusal(path, error)} {_(otherwise)}") from error


def refusal(path: Path, error: OSError) -> str:
    """Return why `path` cannot be written, and what to do about it."""
    reason = error.strerror or type(error).__name__
    advice = _(_ADVICE.get(error.errno or 0, _ANOTHER))
    return _("{path}: the file cannot be written ({reason}). {advice}").format(
        path=path, reason=reason, advice=advice
    )
