"""`python -m importer` and the console script `lead-importer`."""

from __future__ import annotations


def main() -> None:
    """Run the command line."""
    raise SystemExit(2)


if __name__ == "__main__":
    main()
