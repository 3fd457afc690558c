"""How many requests may be under way: slow start, growth by one, and retreat where the API is in trouble.

It is the window of TCP (RFC 5681) with the first window of RFC 6928: it doubles with each window's worth of
answers until the first trouble, and grows by one from then on. Trouble is an attempt that failed though not
for the rate, and answers that come much more slowly than they used to.
"""

from __future__ import annotations

from enum import StrEnum
from statistics import median

FIRST = 10
"""How many may be under way at first (RFC 6928, section 2)."""

RETREAT = 0.7
"""What is left of the window after trouble (RFC 9438, section 4.6)."""

SLOW_SECONDS = 1.0
"""Answers that come sooner are never slow: on loopback they wait for our own processor."""

SLOW_FACTOR = 4.0
"""Answers are slow that take so many times as long as the fastest did."""

HELPED = 0.85
"""A retreat has helped if answers then take at most this share of the time that they took."""

# One that did not help may have come while answers were still getting slower.
_IN_VAIN = 2


class Trouble(StrEnum):
    """Why fewer requests are under way than may be."""

    SLOW = "slow"
    FAILING = "failing"


class Window:
    """How many requests may be under way. Pure: times, seconds that never go back, are passed in."""

    def __init__(self, concurrency: int) -> None:
        self.trouble: Trouble | None = None
        """Why the window is smaller than it could be; None while it has not had to retreat."""

        self._most = float(concurrency)
        self._size = min(self._most, float(FIRST))
        self._slow_start = True
        self._retreated = float("-inf")
        self._seconds: list[float] = []
        self._round = FIRST
        self._fastest = float("inf")
        self._slow_before = float("inf")
        self._in_vain = 0

    @property
    def size(self) -> int:
        """How many requests may be under way, 1 at least and the concurrency at most."""
        return int(self._size)

    def answered(self, now: float, seconds: float) -> None:
        """Take in that an attempt brought an answer about its row, `seconds` after it began."""
        if self._size < self._most:
            self._grow()
        if now - seconds < self._retreated:
            return
        self._seconds.append(seconds)
        if len(self._seconds) >= self._round:
            self._judge(now)

    def failed(self, now: float, seconds: float) -> None:
        """Take in that an attempt failed, `seconds` after it began, though not for the rate.

        Of attempts that were under way together, one makes the window retreat.
        """
        if now - seconds >= self._retreated:
            self._retreat(now, Trouble.FAILING)

    def _grow(self) -> None:
        self._size = min(self._most, self._size + (1 if self._slow_start else 1 / self._size))
        if self._size >= self._most:
            self.trouble = None

    def _judge(self, now: float) -> None:
        usual = median(self._seconds)
        self._begin_round()
        self._fastest = min(self._fastest, usual)
        if usual <= max(SLOW_SECONDS, SLOW_FACTOR * self._fastest):
            self._slow_before = float("inf")
            self._in_vain = 0
            return
        self._in_vain = self._in_vain + 1 if usual > HELPED * self._slow_before else 0
        if self._in_vain < _IN_VAIN:
            self._slow_before = usual
            self._retreat(now, Trouble.SLOW)
        else:
            # What fewer requests do not make faster is how long the API takes by now.
            self._fastest = usual

    def _begin_round(self) -> None:
        self._seconds.clear()
        self._round = max(FIRST, self.size)

    def _retreat(self, now: float, trouble: Trouble) -> None:
        self._size = max(1.0, self._size * RETREAT)
        self._slow_start = False
        self._retreated = now
        self._begin_round()
        self.trouble = trouble if self._size < self._most else None
