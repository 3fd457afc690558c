"""What was measured, what is wanted, and what counts: ratios in a round, medians over rounds. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from statistics import median


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """One process that ran once, from its start to its end."""

    section: str
    contestant: str
    round: int
    rows: int = 0
    concurrency: int = 0
    case: str = ""
    """What else tells it from others of its section and contestant."""

    server: str = ""
    seconds: float
    values: Mapping[str, float] = field(default_factory=dict)
    """What else was seen; a name ends with the unit where there is one."""

    series: Mapping[str, Sequence[float]] = field(default_factory=dict)
    """What was seen in each second."""

    wrong: tuple[str, ...] = ()
    """Why the outcome is not the right one; empty where it is."""

    @property
    def rows_per_second(self) -> float:
        """How many rows a second, the start and the end of the process included."""
        return self.rows / self.seconds

    @property
    def sending_per_second(self) -> float | None:
        """How many rows a second by the contestant's own clock, without the start of its process."""
        seconds = self.values.get("sending_seconds")
        return self.rows / seconds if seconds else None


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a figure is to reach: at least, or at most, so much."""

    limit: float
    at_least: bool

    def reached_by(self, seen: float) -> bool:
        """Tell whether `seen` reaches it."""
        return seen >= self.limit if self.at_least else seen <= self.limit


def at_least(limit: float) -> Wanted:
    """Return what is reached from `limit` upward."""
    return Wanted(limit, at_least=True)


def at_most(limit: float) -> Wanted:
    """Return what is reached up to `limit`."""
    return Wanted(limit, at_least=False)


@dataclass(frozen=True, slots=True)
class Spread:
    """The median of several rounds, and the least and the most of them."""

    median: float
    least: float
    most: float


def spread(values: Iterable[float]) -> Spread:
    """Return the spread of `values`, one at least."""
    known = list(values)
    # Exactly, since the sum of two floats can be greater than any float.
    return Spread(float(median(map(Fraction, known))), min(known), max(known))


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure of the table: its value in each round, its unit, and what is wanted if anything is."""

    name: str
    values: tuple[float, ...]
    unit: str = ""
    wanted: Wanted | None = None

    @property
    def spread(self) -> Spread:
        """Median, least and most of the rounds."""
        return spread(self.values)

    @property
    def reached(self) -> bool | None:
        """Whether the median is what is wanted; None where nothing is."""
        return None if self.wanted is None else self.wanted.reached_by(self.spread.median)


@dataclass(frozen=True, slots=True)
class Detail:
    """A table of what stands behind the figures; the first column is text, the others are numbers."""

    title: str
    headers: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Findings:
    """What a section found: its figures, and the details behind them."""

    figures: tuple[Figure, ...]
    details: tuple[Detail, ...] = ()


def in_rounds(
    measurements: Iterable[Measurement], value: Callable[[Sequence[Measurement]], float | None]
) -> tuple[float, ...]:
    """Return `value` of the measurements of each round, without the rounds that have none."""
    rounds: dict[int, list[Measurement]] = {}
    for measurement in measurements:
        rounds.setdefault(measurement.round, []).append(measurement)
    found = (value(rounds[number]) for number in sorted(rounds))
    return tuple(each for each in found if each is not None)


def only(
    measurements: Iterable[Measurement],
    contestant: str,
    *,
    concurrency: int | None = None,
    rows: int | None = None,
    case: str | None = None,
) -> Measurement | None:
    """Return the first measurement of `contestant` that fits, or None."""
    for each in measurements:
        if each.contestant == contestant and all(
            asked is None or asked == had
            for asked, had in ((concurrency, each.concurrency), (rows, each.rows), (case, each.case))
        ):
            return each
    return None
