"""What happened when, in a memory that does not grow with the length of the run. Pure."""

from __future__ import annotations

from itertools import zip_longest

from importer.measuring.histogram import Histogram
from importer.model import OutcomeName

MOST_STRETCHES = 60
FIRST_WIDTH_SECONDS = 1 / 16


class Stretch:
    """What happened in a stretch of time."""

    __slots__ = ("latency", "outcomes", "requests", "retries")

    def __init__(self) -> None:
        self.outcomes: dict[OutcomeName, int] = {}
        """How many rows ended so."""

        self.requests = 0
        self.retries = 0
        """Those of the requests that were not the first of their lead."""

        self.latency = Histogram()

    def merge(self, later: Stretch) -> None:
        """Take in what happened in the stretch after this one."""
        for outcome, count in later.outcomes.items():
            self.outcomes[outcome] = self.outcomes.get(outcome, 0) + count
        self.requests += later.requests
        self.retries += later.retries
        self.latency.merge(later.latency)


class Stretches:
    """A run in at most :data:`MOST_STRETCHES` stretches, which double in width as it gets longer."""

    def __init__(self) -> None:
        self.width = FIRST_WIDTH_SECONDS
        """In seconds; the same for all."""

        self.all: list[Stretch] = []
        """From the beginning of the run on, without a gap."""

    def at(self, seconds: float) -> Stretch:
        """Return the stretch so many seconds after the beginning of the run."""
        index = int(seconds / self.width)
        if index < len(self.all):
            return self.all[max(index, 0)]
        while index >= MOST_STRETCHES:
            self._double()
            index = int(seconds / self.width)
        while index >= len(self.all):
            self.all.append(Stretch())
        return self.all[index]

    def _double(self) -> None:
        for first, second in zip_longest(self.all[::2], self.all[1::2]):
            if second is not None:
                first.merge(second)
        del self.all[1::2]
        self.width *= 2
