"""Caution while nothing is known of the API, and again when attempts fail one after the other.

Until a first request has succeeded or some rows were refused, and after some failures in a row, a single
request is under way at a time: a wrong secret or an API that is down then costs a few requests, not a few
thousand. When the failures go on, the pauses between them grow, and after a minute of nothing else the API
counts as unavailable.

A row that is refused in the API's own format was refused by an API that is there and takes the secret. A few
of them have to be, all the same: that a template is all wrong is seen while its rows are refused one by one.
"""

from __future__ import annotations

from dataclasses import dataclass

from importer.model import AttemptEnding, Created, Done, Rejected, TryAgain

CAUTIOUS_AFTER = 8
"""Failures in a row after which a single request at a time goes out, with pauses that grow."""

FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 10.0

REFUSALS_THAT_PROVE = 8
"""Rows refused by the API, with no application among them, after which it counts as there."""

UNAVAILABLE_SECONDS = 60.0
"""Failures in a row for so long, :data:`UNAVAILABLE_ATTEMPTS` at least, mean that the API is not there."""

UNAVAILABLE_ATTEMPTS = 10

# Made once: this is asked for each attempt.
_ANSWERED = (Created, Done, Rejected)


def refused_for_rate(ending: AttemptEnding) -> bool:
    """Tell whether the API refused a request since there were too many, not for what it was.

    That is 429, and 503 with Retry-After (RFC 6585, section 4; RFC 9110, section 15.6.4).
    """
    return isinstance(ending, TryAgain) and (
        ending.error.http_status == 429 or (ending.error.http_status == 503 and ending.wait_seconds > 0)
    )


@dataclass(slots=True)
class Health:
    """How the attempts of a run have gone lately. Pure: times, seconds that never go back, are passed in."""

    proven: bool = False
    """Whether the API is known to be there and to take the secret, since the start or since the failures."""

    failures: int = 0
    """Attempts in a row that brought neither a success nor a refusal of the row."""

    failing_since: float = 0.0
    _refusals: int = 0
    _refused_at: float = float("-inf")

    def note(self, ending: AttemptEnding, now: float, seconds: float = 0.0) -> None:
        """Take in how an attempt ended that began `seconds` ago.

        Of attempts that were under way together and were refused for the rate, one counts as a failure: they
        tell that the API is there, and how fast it is, not that it is down.
        """
        if isinstance(ending, _ANSWERED):
            self.failures = 0
            self._refusals += isinstance(ending, Rejected)
            if not isinstance(ending, Rejected) or self._refusals >= REFUSALS_THAT_PROVE:
                self.proven = True
            return
        if refused_for_rate(ending):
            if now - seconds < self._refused_at:
                return
            self._refused_at = now
        if not self.failures:
            self.failing_since = now
        self.failures += 1
        if self.failures >= CAUTIOUS_AFTER:
            self.proven = False
            self._refusals = 0

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
