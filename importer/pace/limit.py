"""The rate that the API allows, found from what it let through before it refused.

Nobody tells the limit, so it is searched for. Most limits are token buckets: a burst is let through, and then
as much as trickles in. So a burst tells little, and neither does what goes through right after a pause, in
which the bucket filled up again. But a refusal (429) tells that the bucket is empty at that moment, and so:

- Between two refusals goes through what trickled in, pauses included; less if the bucket ran over.
- From any moment to a refusal goes through, at most, what trickled in and one full bucket; just that much
  from the last moment at which it was full. How much a full bucket is, the first burst tells.

After the first refusal the rate doubles from below until the second one. From then on it follows the curve
that CUBIC (RFC 9438, section 4.2) has for windows: it hardly grows near the known limit, so that refusals are
rare, and faster and faster once it has passed it, so that a limit which was lifted is found. Refusals that
come no less often at whatever rate are none of its business.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

DOUBLING_SECONDS = 0.25
"""In so long the rate doubles while the limit is searched for; in longer where answers are slow."""

PLATEAU_SECONDS = (5.0, 60.0)
"""After how long without a refusal the rate is the one that the API was seen to allow, from and to."""

PAUSES_APART = 30.0
"""The plateau lasts so many times the pause that a refusal costs, so that looking for more costs little."""

REQUESTS_APART = 60.0
"""In a plateau so many requests go out, so that few of them are refused."""

DEPTH = 0.02
"""By this share below what the API was seen to allow the rate begins."""

REGROWTH_SECONDS = 5.0
"""In so long the rate doubles once it has passed the limit that was known."""

SHORTEST_SECONDS = 0.5
"""In less, too little goes through to tell a rate from it."""

LONGEST_SECONDS = 5.0
"""What went through longer ago tells nothing of the limit as it is now."""

WIDE = 0.7
"""Of a rate that was refused, what was seen to be allowed is less than this share: the search begins anew."""

FOUND = 0.97
"""Of what a search finds so much is taken: on a busy machine requests bunch, so it finds too much."""

RETREAT = 0.99
"""Of a rate that was refused no more than this is left, whatever was seen to be allowed."""

EARLY_RETREAT = 0.95
"""The same, of a rate that was refused in its first seconds."""

INDIFFERENT_SECONDS = 60.0
"""For so long the rate is left alone once refusals were seen not to depend on it."""

LOWEST_RATE = 0.5
"""Requests a second, however much is refused."""

# A refusal so soon after the rate was set tells that it was set wrongly.
_EARLY_SECONDS = 2.0

# So many requests, or so many seconds, tell a rate although one request more or less is chance.
_ENOUGH_REQUESTS = 30
_ENOUGH_SECONDS = 1.0

# So few requests tell next to nothing; then the rate is halved at most.
_TOO_FEW_REQUESTS = 10

# With fewer let through before the first refusal, as many a second are tried: it may have been chance.
_LEAST_AT_FIRST = 4

# Where so many are refused, and more than are let through, the rate is far too high.
_MOSTLY_REFUSED = 4

# Where requests are refused by chance, so many, and more than are let through, are refused in no second.
_SURELY_REFUSED = 20

# After so many early refusals in a row, with so many times as many requests let through, the rate is not why.
_REFUSALS_ANYWAY = 5
_MOSTLY_LET_THROUGH = 3

# While it may turn out that the rate is not why, an early refusal leaves so much of it.
_LEFT_IN_DOUBT = 0.7

_MARK_SECONDS = 0.02

Stretches = Sequence[tuple[float, int]]
"""For moments before a refusal: how many seconds before, and how many requests were let through since."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """The API refused a request since there were too many. Times are seconds that never go back."""

    now: float
    begun: float
    """When the request began."""

    resumes: float
    """Nothing goes out before this; in the past where the API asked for no pause."""


class Limit:
    """What is known of the API's limit. Pure: times, seconds that never go back, are passed in."""

    def __init__(self) -> None:
        self.known = False
        self.searching = False
        """Whether the limit is known to be there, but not yet how high it is."""

        self.allowed = 0.0
        """Requests a second that the API was last seen to allow; where the search began while it goes on."""

        # How many were let through, in all, and at moments of the last seconds.
        self._let_through = 0
        self._marks: deque[tuple[float, int]] = deque()
        self._next_mark = float("-inf")
        # When the rate was last set, or the first request came; how many had been let through; and since then
        # were refused.
        self._since = 0.0
        self._before = 0
        self._refused = 0
        # What was let through before a full bucket was empty for the first time.
        self._burst: Stretches = ()
        # The curve on which the rate grows.
        self._goes_on = 0.0
        self._grows_from = 0.0
        self._doubling = DOUBLING_SECONDS
        self._plateau = PLATEAU_SECONDS[0]
        # Early refusals in a row, and how many had been let through before them.
        self._early = 0
        self._before_early = 0
        self._indifferent_until = float("-inf")
        # How many early refusals it takes to believe that; twice as many after each mistake.
        self._convincing = _REFUSALS_ANYWAY

    def rate(self, now: float) -> float:
        """Return how many requests a second may go out; infinite while no limit is known."""
        if not self.known:
            return float("inf")
        seconds = max(0.0, now - self._grows_from)
        if self.searching:
            return _doubled(self.allowed, seconds / self._doubling)
        curve = (seconds - self._plateau) / self._plateau
        if curve <= 1:
            return self.allowed * (1 + DEPTH * curve**3)
        doublings = (seconds - 2 * self._plateau) / REGROWTH_SECONDS
        return _doubled(self.allowed * (1 + DEPTH), doublings)

    def forget(self) -> None:
        """Hold nothing back any more."""
        self.known = False

    def let_through(self, now: float) -> None:
        """Take in that a request was let through, whatever became of it then."""
        if now >= self._next_mark:
            self._mark(now)
        self._let_through += 1

    def refused(self, refusal: Refusal) -> None:
        """Take in that a request was refused; of requests that were under way together, one counts."""
        now = refusal.now
        if not self._marks:
            self._mark(now)
        if self.known and refusal.begun < self._since:
            return
        self._refused += 1
        seconds, count = now - self._since, self._let_through - self._before
        mostly = self._refused >= _MOSTLY_REFUSED and self._refused > count
        if now < self._indifferent_until:
            self._look_on(now, surely=self._refused >= _SURELY_REFUSED and self._refused > count)
        elif not self.known:
            self._set_first(refusal)
        elif seconds >= SHORTEST_SECONDS or refusal.resumes > now:
            self._set_again(refusal, seconds, count)
        elif mostly:
            self._set(self.allowed / 2, refusal, searching=True)

    def _set_first(self, refusal: Refusal) -> None:
        """Set the rate at the first refusal; at the beginning of a run a burst was let through before it."""
        stretches = self._stretches(refusal.now)
        seconds, count = stretches[0]
        burst = seconds < LONGEST_SECONDS - _ENOUGH_SECONDS
        if burst:
            self._burst = stretches
        self._set(max(count, _LEAST_AT_FIRST) / max(seconds, _ENOUGH_SECONDS), refusal, searching=burst)

    def _set_again(self, refusal: Refusal, seconds: float, count: int) -> None:
        """Set the rate at a later refusal, `seconds` and `count` requests let through after the last one."""
        rate = self.rate(refusal.begun)
        paced = refusal.now - self._goes_on
        few = count < _ENOUGH_REQUESTS
        early = few or paced < _EARLY_SECONDS
        if self._refuses_anyway(refusal.now, early=early):
            return
        allowed = count / seconds
        stretches = self._stretches(refusal.now)
        if paced < DOUBLING_SECONDS:
            self._burst = stretches
        else:
            shortest = 0.75 * self._doubling
            telling = [
                # One more, since the bucket is empty only once the next one is refused.
                (length, passed + 1)
                for length, passed in stretches
                if length >= shortest and (passed >= _ENOUGH_REQUESTS or length >= _ENOUGH_SECONDS)
            ]
            allowed = max(allowed, rate_of_bucket(self._burst, telling, rate))
        if count < _TOO_FEW_REQUESTS:
            allowed = max(allowed, self.allowed / 2)
        if self._early > 1 and self._mostly_let_through():
            allowed = max(allowed, _LEFT_IN_DOUBT * self.allowed)
        if self.searching:
            self._set(min(FOUND * allowed, rate), refusal, searching=False)
        else:
            left = EARLY_RETREAT if early else RETREAT
            self._set(min(allowed, left * rate), refusal, searching=few or allowed < WIDE * rate)

    def _refuses_anyway(self, now: float, *, early: bool) -> bool:
        """Tell whether refusals have come early for so long that they cannot depend on the rate."""
        if not early or not self._early:
            self._early = 0
            self._before_early = self._let_through
        self._early += early
        if self._early < self._convincing or not self._mostly_let_through():
            return False
        self._early = 0
        self._indifferent_until = now + INDIFFERENT_SECONDS
        self.known = False
        self._count_anew(now)
        return True

    def _mostly_let_through(self) -> bool:
        return self._let_through - self._before_early >= _MOSTLY_LET_THROUGH * self._early

    def _look_on(self, now: float, *, surely: bool) -> None:
        """Take in a refusal while they seem not to depend on the rate."""
        if surely:
            # They do depend on it, so it takes more to believe that again.
            self._indifferent_until = now
            self._convincing *= 2
        if now - self._since > _ENOUGH_SECONDS:
            self._count_anew(now)

    def _set(self, rate: float, refusal: Refusal, *, searching: bool) -> None:
        now = refusal.now
        self.known = True
        self.searching = searching
        self.allowed = max(rate, LOWEST_RATE)
        self._goes_on = max(now, refusal.resumes)
        # What the API allows is seen best while the rate stays the same.
        self._grows_from = max(now + SHORTEST_SECONDS, refusal.resumes)
        self._doubling = max(DOUBLING_SECONDS, 4 * (now - refusal.begun), 2 / self.allowed)
        shortest, longest = PLATEAU_SECONDS
        wanted = max(PAUSES_APART * (self._goes_on - now), REQUESTS_APART / self.allowed)
        self._plateau = min(longest, max(shortest, wanted))
        self._count_anew(now)

    def _count_anew(self, now: float) -> None:
        self._since, self._before, self._refused = now, self._let_through, 0
        self._mark(now)

    def _mark(self, now: float) -> None:
        if not self._marks:
            self._since = now
        self._marks.append((now, self._let_through))
        self._next_mark = now + _MARK_SECONDS
        while self._marks[0][0] < now - LONGEST_SECONDS:
            self._marks.popleft()

    def _stretches(self, now: float) -> Stretches:
        """Return those since the rate was last set, the longest first; a mark is always there."""
        return [
            (now - moment, self._let_through - before)
            for moment, before in self._marks
            if moment >= self._since and now - moment <= LONGEST_SECONDS
        ] or [(0.0, 0)]


def rate_of_bucket(burst: Stretches, later: Stretches, most: float) -> float:
    """Return the rate, `most` at the highest, at which a bucket fills that both stretches emptied.

    A bucket that fills at some rate held, when it was full, the most by which what was let through up to a
    refusal exceeds what trickled in meanwhile. Two refusals tell of one bucket, so the rate is the one at
    which both tell the same. It is found by halving; the excess of `later` falls faster, since it is longer.
    """
    low, high = 0.0, most
    for _ in range(20):
        rate = (low + high) / 2
        if _excess(later, rate) > _excess(burst, rate):
            low = rate
        else:
            high = rate
    return low


def _excess(stretches: Stretches, rate: float) -> float:
    return max((count - rate * seconds for seconds, count in stretches), default=0.0)


def _doubled(rate: float, times: float) -> float:
    # Bounded, since 2.0 to the power of some thousands is no number any more.
    return rate * math.pow(2.0, min(times, 60.0))
