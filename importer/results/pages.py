"""Pages of HTML that tell of a run, and how one is known from another page."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

PAGE_SIGN = b'<meta name="generator" content="lead-importer">'
"""What the report of a run has in its head."""

_HEAD_BYTES = 2000


def holds_report(path: Path) -> bool:
    """Tell whether the file at `path` is the report of a run as a page."""
    with suppress(OSError), path.open("rb") as file:
        return PAGE_SIGN in file.read(_HEAD_BYTES)
    return False
