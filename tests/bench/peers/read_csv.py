"""A bare reading of a sheet in chunks with pandas: what a second run over a finished file is held against."""

from __future__ import annotations

import sys

import pandas as pd

CHUNK_ROWS = 10_000


def main() -> None:
    """Read the sheet, and print how many rows it has."""
    with pd.read_csv(sys.argv[1], dtype=str, chunksize=CHUNK_ROWS) as chunks:
        print(sum(len(chunk) for chunk in chunks))  # noqa: T201 - the bench reads it


if __name__ == "__main__":
    main()
