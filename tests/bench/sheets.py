"""Sheets of invented leads for the benchmark."""

from __future__ import annotations

import csv
from pathlib import Path

CUSTOMER_ID = "141952217564315675"
"""That of every lead, since the answer of nginx is fixed but for the application's id."""

_GIVEN = ("An", "Bình", "Chi", "Dũng", "Giang", "Hà", "Khánh", "Lan", "Minh", "Ngọc", "Phúc", "Quỳnh", "Thảo")
_FAMILY = ("Nguyễn Văn", "Trần Thị", "Lê Hoàng", "Phạm Thu", "Huỳnh Anh", "Võ Ngọc", "Đặng Quốc")
_STREETS = ("Lê Lợi", "Hai Bà Trưng", "Trần Hưng Đạo", "Nguyễn Huệ", "Điện Biên Phủ")
_CITIES = ("Quận 1, TP. Hồ Chí Minh", "Hải Châu, Đà Nẵng", "Ba Đình, Hà Nội", "Ninh Kiều, Cần Thơ")


def lead(index: int) -> dict[str, str]:
    """Return an invented lead of template 1; those of different numbers below 10 million differ."""
    return {
        "customer_id": CUSTOMER_ID,
        "name": f"{_FAMILY[index % len(_FAMILY)]} {_GIVEN[index % len(_GIVEN)]}",
        "phone": f"09{index % 9}{index * 7919 % 10_000_000:07}",
        "address": f"{index + 1} {_STREETS[index % len(_STREETS)]}, {_CITIES[index % len(_CITIES)]}",
    }


def write_sheet(path: Path, rows: int, *, quoted: bool = False) -> Path:
    """Write so many leads as CSV; with every value in quotes for a reader that makes numbers of digits."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(
            file, list(lead(0)), quoting=csv.QUOTE_ALL if quoted else csv.QUOTE_MINIMAL, lineterminator="\n"
        )
        writer.writeheader()
        writer.writerows(map(lead, range(rows)))
    return path
