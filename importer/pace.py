"""When the next request may go out: the rate that was asked for, and caution while nothing has succeeded.

Until a first application is created, and again when attempts fail one after the other, a single request is
under way at a time: a wrong secret or an API that is down then costs a few requests, not a few thousand. When
the failures go on, the pauses between them grow, and after a minute without any success the API counts as
unavailable.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from importer.model import Created, Ending, Rejected

CAUTIOUS_AFTER = 8
"""Failures in a row after which a single request at a time goes out, with pauses that grow."""

FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 10.0

UNAVAILABLE_SECONDS = 60.0
"""Failures in a row for so long, :data:`UNAVAILABLE_ATTEMPTS` at least, mean that the API is not there."""

UNAVAILABLE_ATTEMPTS = 10


@dataclass(slots=True)
class Health:
    """How the attempts of a run have gone lately. Pure: times, seconds that never go back, are passed in."""

    proven: bool = False
    """Whether an application was created since the start, or since the failures began."""

    failures: int = 0
    """Attempts in a row that brought neither an application nor a refusal of the row."""

    failing_since: float = 0.0

    def note(self, ending: Ending, now: float) -> None:
        """Take in how an attempt ended."""
        if isinstance(ending, Created | Rejected):
            self.failures = 0
            self.proven = self.proven or isinstance(ending, Created)
            return
        if not self.failures:
            self.failing_since = now
        self.failures += 1
        if self.failures >= CAUTIOUS_AFTER:
            self.proven = False

    def pause_seconds(self) -> float:
        """Return how long to wait before the next attempt."""
        if self.failures < CAUTIOUS_AFTER:
            return 0.0
        # The exponent is bounded, since 2.0 to the power of some thousand failures is no number any more.
        doublings = min(self.failures - CAUTIOUS_AFTER, 10)
        return min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2.0**doublings)

    def unavailable(self, now: float) -> bool:
        """Tell whether the API counts as unavailable."""
        return self.failures >= UNAVAILABLE_ATTEMPTS and now - self.failing_since >= UNAVAILABLE_SECONDS


class Pace:
    """Lets attempts go out, in the order in which they asked.

    `rate` is requests a second, at most, evenly spread; None for no limit. `timer` returns seconds that never
    go back, `pause` waits so many seconds or until the run is stopping.
    """

    def __init__(
        self,
        rate: float | None,
        *,
        timer: Callable[[], float],
        pause: Callable[[float], Awaitable[None]],
    ) -> None:
        self.health = Health()
        self._interval = 0.0 if rate is None else 1 / rate
        self._next = timer()
        self._timer = timer
        self._pause = pause
        self._single_file = asyncio.Lock()

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Enter when an attempt may begin, leave when it has ended."""
        if self.health.proven:
            await self._in_time()
            yield
            return
        async with self._single_file:
            # Whoever waited here while it was proved goes on without holding up the others.
            proven = self.health.proven
            if not proven:
                await self._pause(self.health.pause_seconds())
                await self._in_time()
                yield
        if proven:
            await self._in_time()
            yield

    async def _in_time(self) -> None:
        if not self._interval:
            return
        now = self._timer()
        moment = max(self._next, now)
        self._next = moment + self._interval
        if moment > now:
            await self._pause(moment - now)
