"""How fast a run was, and when what happened: measured while it goes on, and kept as one document.

What is measured takes a few microseconds for each row, and some hundred kilobytes whatever the run is long:
lengths of time are counted in buckets (:mod:`importer.measuring.histogram`), and moments in stretches that
double in width as the run gets longer (:mod:`importer.measuring.stretches`). Pure: moments are passed in.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Self

from importer.measuring.histogram import Histogram
from importer.measuring.stretches import MOST_STRETCHES, Stretch, Stretches
from importer.model import ErrorInfo, OutcomeName

__all__ = [
    "MOST_STRETCHES",
    "SHARES",
    "Histogram",
    "Latency",
    "Measured",
    "MeasuredStretch",
    "Measurement",
    "Stretch",
    "Stretches",
]

SHARES = (0.5, 0.95, 0.99)

# An API may give a reason of its own to every attempt.
_MOST_CODES = 100
OTHER_CODES = "other"


class Latency(NamedTuple):
    """How long attempts took, each from its intent to its answer: the median, and what few were beyond."""

    p50: float
    """In seconds; half of the attempts took no longer. So are `p95` and `p99`."""

    p95: float
    p99: float

    @classmethod
    def of(cls, histogram: Histogram) -> Self | None:
        """Return what `histogram` tells; None where it has counted nothing."""
        return cls(*histogram.quantiles(SHARES)) if histogram.counts else None


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredStretch:
    """What happened in a stretch of time."""

    outcomes: Mapping[OutcomeName, int]
    """How many rows ended so; only those that any did."""

    requests: int
    retries: int
    latency: Latency | None
    """None where no attempt ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What was measured of a run that has ended."""

    width: float
    """The length of a stretch, in seconds."""

    stretches: tuple[MeasuredStretch, ...] = ()
    """From the beginning of the run on, without a gap."""

    histogram: Histogram = field(default_factory=Histogram)
    """The lengths of all attempts of which any byte was handed to a connection."""

    tried_again: Mapping[str, int] = field(default_factory=dict)
    """How many attempts brought nothing and left no doubt, by the API's reason or the code."""

    @property
    def latency(self) -> Latency | None:
        """How long attempts took; None where there were none."""
        return Latency.of(self.histogram)

    def document(self) -> dict[str, object]:
        """Return all of it as JSON has it."""
        return {
            "width": self.width,
            "stretches": [
                {
                    "outcomes": dict(stretch.outcomes),
                    "requests": stretch.requests,
                    "retries": stretch.retries,
                    "latency": list(stretch.latency or ()),
                }
                for stretch in self.stretches
            ],
            "histogram": sorted(self.histogram.counts.items()),
            "tried_again": dict(self.tried_again),
        }

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> Self:
        """Return what :meth:`document` has made a document of."""
        return cls(
            width=document["width"],
            stretches=tuple(
                MeasuredStretch(
                    outcomes={OutcomeName(name): count for name, count in stretch["outcomes"].items()},
                    requests=stretch["requests"],
                    retries=stretch["retries"],
                    latency=Latency(*stretch["latency"]) if stretch["latency"] else None,
                )
                for stretch in document["stretches"]
            ),
            histogram=Histogram(dict(document["histogram"])),
            tried_again=document["tried_again"],
        )


class Measurement:
    """Measures a run while it goes on. Moments are in seconds since its beginning."""

    def __init__(self) -> None:
        self._stretches = Stretches()
        self._tried_again: Counter[str] = Counter()

    def attempt_ended(
        self, at: float, seconds: float, *, requested: bool, again: bool, error: ErrorInfo | None = None
    ) -> None:
        """Count an attempt that took so many `seconds`.

        `requested` says whether any byte was handed to a connection, `again` that it was not the first of its
        lead, and `error` why it brought nothing, where that is for certain.
        """
        if requested:
            stretch = self._stretches.at(at)
            stretch.requests += 1
            stretch.retries += again
            stretch.latency.add(seconds)
        if error is not None:
            code = error.reason or error.code
            known = code in self._tried_again or len(self._tried_again) < _MOST_CODES
            self._tried_again[code if known else OTHER_CODES] += 1

    def row_ended(self, at: float, outcome: OutcomeName) -> None:
        """Count a row."""
        outcomes = self._stretches.at(at).outcomes
        outcomes[outcome] = outcomes.get(outcome, 0) + 1

    def measured(self) -> Measured:
        """Return what was measured until now."""
        every = Histogram()
        for stretch in self._stretches.all:
            every.merge(stretch.latency)
        return Measured(
            width=self._stretches.width,
            stretches=tuple(
                MeasuredStretch(
                    outcomes=dict(stretch.outcomes),
                    requests=stretch.requests,
                    retries=stretch.retries,
                    latency=Latency.of(stretch.latency),
                )
                for stretch in self._stretches.all
            ),
            histogram=every,
            tried_again=dict(self._tried_again),
        )
