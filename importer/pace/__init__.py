"""When the next request may go out, and how many may be under way.

Until a first request has succeeded, or some rows were refused, a single request is under way. From then on
the pool finds by itself what the API takes: how many requests at once, and how many a second. What is
decided, and why, is in :mod:`importer.pace.rules`; here attempts wait for it, in the order in which they
asked.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from importer.model import AttemptEnding
from importer.pace.health import Health
from importer.pace.rules import HeldBy, Hold, Rules

__all__ = ["HeldBy", "Hold", "Pace"]


# An event loop that rounds a shorter one down would come back at once, over and over.
_SHORTEST_PAUSE_SECONDS = 0.001


class Pace:
    """Lets attempts go out; an asynchronous context manager that each attempt enters, any number at once.

    `rate` is requests a second, at most, evenly spread; None for no limit but the API's own. `timer`
    returns seconds that never go back, `pause` waits so many seconds or until the run is stopping, and
    `stopping` tells whether it is: then nobody waits any more, and whoever enters has to ask.

    It is no generator, and who need not wait asks nothing but two numbers: of the attempts of a fast API each
    microsecond here is half a percent.
    """

    def __init__(
        self,
        concurrency: int,
        rate: float | None,
        *,
        timer: Callable[[], float],
        pause: Callable[[float], Awaitable[None]],
        stopping: Callable[[], bool],
    ) -> None:
        self._rules = Rules(concurrency, rate, timer())
        self._timer = timer
        self._pause = pause
        self._stopping = stopping
        self._under_way = 0
        self._waiting = 0
        self._front = asyncio.Lock()
        self._left: asyncio.Future[None] | None = None

    @property
    def health(self) -> Health:
        """How the attempts have gone lately."""
        return self._rules.health

    def hold(self) -> Hold | None:
        """Return what holds the run back most at this moment; None if nothing does."""
        return self._rules.hold(self._timer())

    def note(self, ending: AttemptEnding, now: float, seconds: float) -> None:
        """Take in how an attempt ended that began `seconds` before `now`, while it still is entered."""
        self._rules.note(ending, now, seconds)

    async def __aenter__(self) -> None:
        """Return when an attempt may begin."""
        if self._waiting or self._under_way >= self._rules.free:
            await self._wait()
        self._under_way += 1

    async def __aexit__(self, *_: object) -> None:
        """Let the next one in."""
        self._under_way -= 1
        if self._left is not None and not self._left.done():
            self._left.set_result(None)

    async def _wait(self) -> None:
        arrived = self._timer()
        self._waiting += 1
        try:
            async with self._front:
                await self._wait_in_front(arrived)
        finally:
            self._waiting -= 1

    async def _wait_in_front(self, arrived: float) -> None:
        while not self._stopping():
            if self._under_way >= self._rules.size:
                # Somebody is under way, whose leaving ends this also when the run is stopping.
                self._left = asyncio.get_running_loop().create_future()
                await self._left
                arrived = self._timer()
                continue
            now = self._timer()
            moment = self._rules.moment(arrived, now)
            if moment <= now:
                self._rules.gone(moment, now)
                return
            await self._pause(max(moment - now, _SHORTEST_PAUSE_SECONDS))
