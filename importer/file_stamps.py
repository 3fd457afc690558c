"""Whether a file that was written for the person is still as it was: the ledger keeps its size and time."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from importer.disks import stamp_of
from importer.ledger import Ledger


def note_written(ledger: Ledger, paths: Iterable[Path]) -> None:
    """Let the ledger know these files, just written."""
    for path in paths:
        if stamp := stamp_of(path):
            ledger.note_written(str(path.resolve()), stamp)


def is_as_written(ledger: Ledger, path: Path) -> bool:
    """Tell whether nobody has changed the file at `path` since it was written for them."""
    stamp = stamp_of(path)
    return stamp is not None and stamp == ledger.stamp_written(str(path.resolve()))
