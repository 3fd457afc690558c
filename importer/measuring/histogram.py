"""How often which length of time was met, in a memory that does not grow with how often. Pure.

The limits of the buckets grow by a constant factor, so that a quantile is told with a relative error of at
most :data:`RELATIVE_ERROR`, whatever the lengths are (Masson, Rim and Lee, "DDSketch", VLDB 2019).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import ceil, log

RELATIVE_ERROR = 0.01

SHORTEST_SECONDS = 1e-6
"""What is shorter counts as this: nothing shorter than that is of interest, or measured well."""

LONGEST_SECONDS = 1e6

_GROWTH = (1 + RELATIVE_ERROR) / (1 - RELATIVE_ERROR)
_SCALE = 1 / log(_GROWTH)


class Histogram:
    """Counts lengths of time, in seconds; `counts` has the number of them in each bucket that has any.

    Bucket ``i`` is for what is longer than ``growth ** (i - 1)`` and no longer than ``growth ** i`` seconds.
    There are at most 1,383 buckets.
    """

    __slots__ = ("counts",)

    def __init__(self, counts: Mapping[int, int] | None = None) -> None:
        self.counts = dict(counts or {})

    def add(self, seconds: float) -> None:
        """Count one length of time."""
        if not SHORTEST_SECONDS <= seconds <= LONGEST_SECONDS:
            seconds = min(max(seconds, SHORTEST_SECONDS), LONGEST_SECONDS)
        bucket = ceil(log(seconds) * _SCALE)
        self.counts[bucket] = self.counts.get(bucket, 0) + 1

    def merge(self, other: Histogram) -> None:
        """Count what `other` has counted, too."""
        for bucket, count in other.counts.items():
            self.counts[bucket] = self.counts.get(bucket, 0) + count

    @property
    def count(self) -> int:
        """How many lengths of time were counted."""
        return sum(self.counts.values())

    def quantiles(self, shares: Iterable[float]) -> list[float]:
        """Return for each of `shares`, from 0 to 1 and rising, the length that this share is no longer than.

        It is in seconds. Raises :class:`ValueError` where nothing was counted.
        """
        total = self.count
        if not total:
            raise ValueError("nothing was counted")
        ordered = iter(sorted(self.counts.items()))
        bucket, below = next(ordered)
        found = []
        for share in shares:
            while below <= share * (total - 1):
                bucket, count = next(ordered)
                below += count
            found.append(_middle(bucket))
        return found

    def spans(self) -> list[tuple[float, int]]:
        """Return the middle of each bucket that has any, in seconds, and its count, the shortest first."""
        return [(_middle(bucket), count) for bucket, count in sorted(self.counts.items())]


def _middle(bucket: int) -> float:
    """Return the length that differs by the same share from all that a bucket is for, at most."""
    return float(2 * _GROWTH**bucket / (_GROWTH + 1))
