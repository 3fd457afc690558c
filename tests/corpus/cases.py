"""What a file of the corpus is: its bytes, and what is to be read from it, written down by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

FIELDS = ("name", "phone", "address")


@dataclass(frozen=True, slots=True)
class Case:
    """A file and what is expected of it."""

    name: str
    content: bytes
    expected: Mapping[str, Any]


def lead(customer_id: str, *values: str, remarks: str = "", fields: Sequence[str] = FIELDS) -> dict[str, Any]:
    """Return the lead that a row becomes, with the codes of its repairs and warnings, parted by blanks."""
    return {
        "customer_id": customer_id,
        "inputs": dict(zip(fields, values, strict=True)),
        "remarks": remarks.split(),
    }


def bad(*problems: str) -> dict[str, Any]:
    """Return the problems of a row, each as ``code`` or ``code in column``."""
    return {"problems": [[*problem.split(" in ", 1), ""][:2] for problem in problems]}


def sheet(rows: Mapping[int, Mapping[str, Any]], *, name: str = "", header_row: int = 1) -> dict[str, Any]:
    """Return what a sheet holds: by the number of the row, a :func:`lead` or a :func:`bad` one."""
    return {
        "sheet": name,
        "header_row": header_row,
        "rows": {str(number): row for number, row in rows.items()},
    }


def read(*sheets: Mapping[str, Any], notices: Sequence[str] = ()) -> dict[str, Any]:
    """Return that a file is read; each of the `notices` is a part of what is said."""
    return {"notices": list(notices), "sheets": list(sheets)}


def refused(message: str) -> dict[str, Any]:
    """Return that a file is refused; `message` is a part of what is said."""
    return {"refused": message}
