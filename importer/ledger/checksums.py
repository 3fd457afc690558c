"""The checksum of a lead: of all that decides whether it is sent, so that a byte that flipped is found.

It is a sum modulo a prime, which no change of a single byte leaves as it was, and SQLite reckons it by
itself. A function of Python's for each lead that is written would have to win the interpreter from the thread
that sends. Keys, and ids that are no numbers, go in by their CRC-32, the function ``checksum_of`` in SQL.
"""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Iterable

_PRIME = 2**31 - 1

# Each below 2**29, so that no sum of products leaves the 64 bits of SQLite, after which it would be a float.
_FACTORS = {
    "key": 472_882_027,
    "customer_id": 479_001_599,
    "state": 451_990_223,
    "run": 387_420_489,
    "attempts": 268_435_399,
    "application_id": 314_606_869,
}


def prepare(connection: sqlite3.Connection) -> None:
    """Give `connection` the function that the SQL needs."""
    connection.create_function("checksum_of", 1, _crc, deterministic=True)


def checksum() -> str:
    """Return the SQL of the checksum that a lead must have."""
    return _in_range(_sum_of(f"lead.{column}", column) for column in _FACTORS)


def checksum_after(**values: str) -> str:
    """Return the SQL of the checksum of a lead once the columns in `values` have become that.

    It goes on from the checksum that is there, so a lead that was altered is not made good.
    """
    changes = (
        f"{_sum_of(value, column)} - {_sum_of(f'lead.{column}', column)}" for column, value in values.items()
    )
    return _in_range(["lead.checksum", *changes])


def new_checksum(key: bytes, customer_id: int | str, state: int) -> int:
    """Return the checksum of a lead that was never sent."""
    values = {"key": key, "customer_id": customer_id, "state": state}
    never = sum(-_FACTORS[column] for column in ("run", "attempts", "application_id"))
    return (never + sum(_number(value) * _FACTORS[column] for column, value in values.items())) % _PRIME


def _number(value: int | str | bytes) -> int:
    return value if isinstance(value, int) else _crc(value)


def _crc(value: str | bytes) -> int:
    return zlib.crc32(value.encode() if isinstance(value, str) else value)


def _sum_of(value: str, column: str) -> str:
    if column == "key" or column.endswith("_id"):
        value = f"iif(typeof({value}) IN ('text', 'blob'), checksum_of({value}), {value})"
    return f"coalesce({value}, -1) % {_PRIME} * {_FACTORS[column]}"


def _in_range(terms: Iterable[str]) -> str:
    return f"(({' + '.join(terms)}) % {_PRIME} + {_PRIME}) % {_PRIME}"
