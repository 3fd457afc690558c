"""A run against a server, as a sequence of events: the rules of the pace decide, and no time passes."""

from __future__ import annotations

import heapq
import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from itertools import count

from importer.attempts import FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS
from importer.model import Application, Created, Ending, ErrorInfo, TryAgain
from importer.pace.rules import Rules

CREATED = Created(Application(application_id="1", status="new", created_at=""))

# What the importer itself takes for a request; its one processor does one at a time.
_PROCESSOR_SECONDS = 0.00015


@dataclass
class Server:
    """Answers after `latency` seconds, and lets through what a token bucket does."""

    rate: float = float("inf")
    """Requests a second that it lets through."""

    bucket: float = 30.0
    """Requests that it lets through at once."""

    retry_after: float = 0.0
    latency: float = 0.001
    changes: tuple[tuple[float, float], ...] = ()
    """Moments from which it lets another rate through."""

    at_once: float = float("inf")
    """How many requests it works on at once; the others wait for their turn."""

    broken: Callable[[random.Random], Ending | None] = lambda _: None
    """Tells how a request ends that is not answered as it should be."""

    _tokens: float = field(init=False)
    _seen: float = field(default=0.0, init=False)
    _busy: list[float] = field(default_factory=list, init=False)

    def __post_init__(self) -> None:
        self._tokens = self.bucket

    def take(self, now: float) -> bool:
        """Return whether a request that comes now is let through."""
        while self.changes and self.changes[0][0] <= now:
            moment, rate = self.changes[0]
            self._fill(moment)
            self.rate, self.changes = rate, self.changes[1:]
        if self.rate == float("inf"):
            return True
        self._fill(now)
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True

    def answers_at(self, now: float) -> float:
        """Return when a request is answered that comes now."""
        begins = now
        if len(self._busy) >= self.at_once:
            begins = max(now, heapq.heappop(self._busy))
        ends = begins + self.latency
        if self.at_once < float("inf"):
            heapq.heappush(self._busy, ends)
        return ends

    def _fill(self, now: float) -> None:
        if self.rate < float("inf"):
            self._tokens = min(self.bucket, self._tokens + (now - self._seen) * self.rate)
        self._seen = now


@dataclass
class Simulated:
    """What became of a simulated run; moments are seconds since its beginning."""

    begun: list[float] = field(default_factory=list)
    let_through: list[float] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)
    waits: list[tuple[float, float]] = field(default_factory=list)
    """When the API asked to wait, and until when."""

    most_under_way: int = 0
    failed: int = 0
    """Rows whose tries were used up."""

    def goodput(self, first: float, last: float) -> float:
        """Return how many requests a second were let through between two moments."""
        return sum(first <= moment < last for moment in self.let_through) / (last - first)

    def refused_share(self, first: float) -> float:
        """Return which share of the requests was refused from a moment on."""
        refused = sum(moment >= first for moment in self.refused)
        return refused / max(1, refused + sum(moment >= first for moment in self.let_through))


def simulate(
    server: Server,
    *,
    concurrency: int = 16,
    rate: float | None = None,
    seconds: float = 60.0,
    rows: float = float("inf"),
    attempts: int = 5,
    seed: int = 1,
) -> Simulated:
    """Run until `seconds` have passed or `rows` are done; workers never lack rows."""
    chance = random.Random(seed)  # noqa: S311 - no secret
    rules = Rules(concurrency, rate, 0.0)
    seen = Simulated()
    order = count()
    events: list[tuple[float, int, Callable[[float], None]]] = []
    waiting = deque((0.0, 1) for _ in range(concurrency))
    processor = 0.0
    under_way = 0
    full = False
    looks_at = float("inf")

    def at(moment: float, happens: Callable[[float], None]) -> None:
        heapq.heappush(events, (moment, next(order), happens))

    def let_in(now: float) -> None:
        nonlocal processor, under_way, looks_at, full
        if full and under_way < rules.size:
            # Who waits for room could not have gone out sooner, whatever the rate.
            full = False
            for place, (_, attempt) in enumerate(waiting):
                waiting[place] = now, attempt
        while waiting and under_way < rules.size:
            arrived, attempt = waiting[0]
            moment = rules.moment(arrived, now)
            if moment > now:
                if not now < looks_at <= moment:
                    looks_at = moment
                    at(moment, let_in)
                return
            rules.gone(moment, now)
            waiting.popleft()
            under_way += 1
            seen.most_under_way = max(seen.most_under_way, under_way)
            seen.begun.append(now)
            processor = max(processor, now) + _PROCESSOR_SECONDS
            at(processor, partial(arrive, begun=now, attempt=attempt))
        full = under_way >= rules.size

    def arrive(now: float, begun: float, attempt: int) -> None:
        ending = server.broken(chance)
        if ending is None:
            ending = CREATED if server.take(now) else refusal(server.retry_after)
        slow = server.answers_at(now) if ending is CREATED else now + server.latency
        at(slow, partial(answer, begun=begun, attempt=attempt, ending=ending))

    def answer(now: float, begun: float, attempt: int, ending: Ending) -> None:
        nonlocal under_way
        rules.note(ending, now, now - begun)
        under_way -= 1
        if ending is CREATED:
            seen.let_through.append(now)
        elif isinstance(ending, TryAgain):
            seen.refused.append(now)
            seen.waits.append((now, now + ending.wait_seconds))
        if isinstance(ending, TryAgain) and attempt < attempts:
            ceiling = min(LONGEST_WAIT_SECONDS, FIRST_WAIT_SECONDS * 2 ** (attempt - 1))
            pause = ending.wait_seconds + chance.uniform(ceiling / 10, ceiling)
            at(now + pause, partial(come, attempt=attempt + 1))
        else:
            seen.failed += ending is not CREATED
            come(now, 1)
            return
        let_in(now)

    def come(now: float, attempt: int) -> None:
        waiting.append((now, attempt))
        let_in(now)

    let_in(0.0)
    while events and len(seen.let_through) < rows:
        now, _, happens = heapq.heappop(events)
        if now > seconds:
            break
        happens(now)
    return seen


def refusal(retry_after: float) -> TryAgain:
    """Return how a request ends that is refused for the rate."""
    return TryAgain(ErrorInfo(code="http_429", message="too many", http_status=429), retry_after)
