"""What holds a run back, in a few words; what comes and goes within a second is not worth a look."""

from __future__ import annotations

import math

from importer.language import _, in_figures
from importer.pace import HeldBy, Hold

STEADY_SECONDS = 1.0
"""What holds a run back for less is not shown, since it would flicker."""

_NOTABLE_CHANGE = 0.2
_NOTABLE_WAIT_SECONDS = 5.0


def in_words(hold: Hold | None) -> str:
    """Return what holds the run back; empty if nothing does."""
    if hold is None:
        return ""
    match hold.by:
        case HeldBy.NOTHING_CREATED:
            return _("nothing has succeeded yet; one request at a time")
        case HeldBy.FAILURES:
            return _("attempts fail one after the other; one request at a time")
        case HeldBy.WAIT:
            return _("the API asked to wait {seconds} s more").format(
                seconds=in_figures(math.ceil(hold.amount))
            )
        case HeldBy.SEARCH:
            return _("the API limits the rate; finding out how much it allows")
        case HeldBy.LIMIT:
            return _("the API allows about {rate}").format(rate=_about(hold.amount))
        case HeldBy.RATE:
            return _("--rate holds it at {rate} a second").format(rate=_written(hold.amount))
        case HeldBy.SLOW:
            return _("the API answers slowly; {count} under way").format(count=in_figures(hold.amount))
        case HeldBy.FAILING:
            return _("some attempts fail; {count} under way").format(count=in_figures(hold.amount))


def differs_notably(hold: Hold | None, told: Hold | None) -> bool:
    """Tell whether something else holds the run back than what was told, or does so much more or less.

    A short wait is part of how a limit shows, and not worth a line of its own.
    """
    if hold is not None and hold.by is HeldBy.WAIT and hold.amount < _NOTABLE_WAIT_SECONDS:
        return False
    if hold is None or told is None or hold.by is not told.by:
        return hold is not told
    if hold.by is HeldBy.WAIT:
        return False
    return abs(hold.amount - told.amount) > _NOTABLE_CHANGE * told.amount


class Steady:
    """What holds a run back once it has for a second, for whoever looks several times a second."""

    def __init__(self) -> None:
        self._seen: Hold | None = None
        self._since = 0.0
        self._shown: Hold | None = None

    def shown(self, hold: Hold | None, now: float) -> Hold | None:
        """Return what to show at `now`, seconds that never go back, of what holds the run back then."""
        if _kind(hold) is not _kind(self._seen):
            self._since = now
        self._seen = hold
        if _kind(hold) is _kind(self._shown) or now - self._since >= STEADY_SECONDS:
            self._shown = hold
        return self._shown


def _kind(hold: Hold | None) -> HeldBy | None:
    return hold.by if hold else None


def _about(rate: float) -> str:
    """Return a rate with two digits, since no more is known of it."""
    if rate < 1:
        return _("{rate} a minute").format(rate=_written(float(f"{rate * 60:.2g}")))
    digits = max(0, 1 - math.floor(math.log10(rate))) if rate < 10 else 0
    rounded = round(rate, 1 - math.floor(math.log10(rate)))
    return _("{rate} a second").format(rate=in_figures(rounded, digits))


def _written(rate: float) -> str:
    """Return a rate with the decimals that it has."""
    return in_figures(rate, len(f"{rate:g}".partition(".")[2]))
