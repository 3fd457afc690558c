"""All rules of the pace together: when the next attempt may go out, and how many may be under way.

======================================  ======================================================================
what is known                           what follows
======================================  ======================================================================
no request has succeeded yet, and       a single attempt at a time (:mod:`importer.pace.health`)
fewer than 8 rows were refused
8 attempts in a row have failed         the same, with pauses that grow
the API asked to wait (Retry-After)     nothing goes out before that
the API refused for the rate (429)      a rate that it allows (:mod:`importer.pace.limit`)
``--rate``                              that rate at most
failures, slow answers                  fewer under way (:mod:`importer.pace.window`)
======================================  ======================================================================
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from importer.model import AttemptEnding, Created, Done, InDoubt, Rejected, TryAgain
from importer.pace.health import CAUTIOUS_AFTER, Health, refused_for_rate
from importer.pace.limit import Limit, Refusal
from importer.pace.window import Trouble, Window

UNUSED_SECONDS = 5.0
"""A rate that nobody had to wait for in so long holds nothing back; one that the API allowed is forgotten."""

# A timer that rings late, or a processor that was busy, costs no attempts unless it takes longer than this.
_CATCH_UP_SECONDS = 0.05


class HeldBy(StrEnum):
    """What holds a run back; closed."""

    NOTHING_CREATED = "nothing_created"
    """No application was created yet, or whatever else is asked for has not succeeded yet, and few rows
    were refused.
    """

    FAILURES = "failures"
    """Attempts fail one after the other."""

    WAIT = "wait"
    """The API asked to wait; the amount is how many seconds more."""

    SEARCH = "search"
    """The API refused for the rate, and what it allows is being found out."""

    LIMIT = "limit"
    """The API allows only so many requests; the amount is how many a second."""

    RATE = "rate"
    """``--rate``; the amount is how many requests a second."""

    SLOW = "slow"
    """The API answers slowly; the amount is how many requests may be under way."""

    FAILING = "failing"
    """Some attempts fail; the amount is how many requests may be under way."""


@dataclass(frozen=True, slots=True)
class Hold:
    """What holds a run back most, and how much."""

    by: HeldBy
    amount: float = 0.0


class Rules:
    """Decides when attempts may go out. Pure: times, seconds that never go back, are passed in.

    At most `concurrency` are under way, and no more than `rate` go out a second, if it is given.
    """

    def __init__(self, concurrency: int, rate: float | None, now: float) -> None:
        self.health = Health()
        self.size = 1
        """How many attempts may be under way."""

        self.free = 0
        """The same as long as attempts may go out at any moment, else 0: this is asked for each of them."""

        self._rate = float("inf") if rate is None else rate
        self._window = Window(concurrency)
        self._limit = Limit()
        self._not_before = now
        self._asked_until = now
        self._next = now
        self._waited = now
        self._update(now)

    def note(self, ending: AttemptEnding, now: float, seconds: float) -> None:
        """Take in how an attempt ended that began `seconds` ago."""
        self.health.note(ending, now, seconds)
        match ending:
            case Created() | Done() | Rejected():
                self._limit.let_through(now)
                self._window.answered(now, seconds)
            case TryAgain(_, wait) if refused_for_rate(ending):
                self._asked_until = max(self._asked_until, now + wait)
                self._not_before = max(self._not_before, self._asked_until)
                self._note_refusal(now, seconds)
            case TryAgain() | InDoubt(resendable=True):
                self._window.failed(now, seconds)
        pause = self.health.pause_seconds()
        if pause:
            self._not_before = max(self._not_before, now + pause)
        self._update(now)

    def _note_refusal(self, now: float, seconds: float) -> None:
        if not self._limit.known:
            self._waited = self._not_before
        self._limit.refused(Refusal(now=now, begun=now - seconds, resumes=self._not_before))

    def moment(self, arrived: float, now: float) -> float:
        """Return when whoever is the first to wait may go out, who could have since it `arrived`."""
        rate = self._rate_at(now)
        if rate == float("inf"):
            return self._not_before
        moment = max(self._next, arrived, now - _CATCH_UP_SECONDS, self._not_before)
        if moment > now:
            self._waited = now
        elif now - max(self._waited, self._not_before) > UNUSED_SECONDS:
            self._limit.forget()
        return moment

    def gone(self, moment: float, now: float) -> None:
        """Take in that an attempt went out which was allowed to from that moment on."""
        rate = self._rate_at(now)
        if rate < float("inf"):
            self._next = moment + 1 / rate
        self._update(now)

    def hold(self, now: float) -> Hold | None:
        """Return what holds the run back most; None if nothing does but the concurrency and the rows."""
        if self.health.failures >= CAUTIOUS_AFTER:
            return Hold(HeldBy.FAILURES)
        if now < self._asked_until:
            return Hold(HeldBy.WAIT, self._asked_until - now)
        if not self.health.proven:
            return Hold(HeldBy.NOTHING_CREATED)
        if self._limit.known:
            return Hold(HeldBy.SEARCH) if self._limit.searching else Hold(HeldBy.LIMIT, self._limit.allowed)
        if self._window.trouble is not None:
            by = HeldBy.SLOW if self._window.trouble is Trouble.SLOW else HeldBy.FAILING
            return Hold(by, self._window.size)
        if self._rate < float("inf") and now - self._waited <= UNUSED_SECONDS:
            return Hold(HeldBy.RATE, self._rate)
        return None

    def _rate_at(self, now: float) -> float:
        if not self._limit.known:
            return self._rate
        allowed = self._limit.rate(now)
        if allowed >= self._rate:
            self._limit.forget()
        return min(allowed, self._rate)

    def _update(self, now: float) -> None:
        self.size = self._window.size if self.health.proven else 1
        at_any_moment = self._rate == float("inf") and not self._limit.known and now >= self._not_before
        self.free = self.size if at_any_moment else 0
