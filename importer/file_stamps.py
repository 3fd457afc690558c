"""Whether a file that a run has written is still as it was: the ledger keeps its size and time."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from importer.disks import stamp_of
from importer.ledger import Ledger

STAMPS = "file_stamps"
"""What the ledger calls :func:`stamps` in the summary of a run."""


def stamps(paths: Iterable[Path]) -> dict[str, list[int]]:
    """Return what tells later whether these files are still as they were written."""
    return {str(path.resolve()): list(stamp) for path in paths if (stamp := stamp_of(path))}


def is_as_written(ledger: Ledger, run: int, path: Path) -> bool:
    """Tell whether the file at `path` is still as `run` wrote it."""
    found = ledger.summary_of(run).get(STAMPS)
    stamp = stamp_of(path)
    return isinstance(found, dict) and stamp is not None and found.get(str(path.resolve())) == list(stamp)
