"""What is measured. Each section measures, yielding what it has, and finds figures in measurements; pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from tests.bench.figures import Findings, Measurement
from tests.bench.sections import latency, limit, scale, start, wire
from tests.bench.workshop import Workshop


@dataclass(frozen=True, slots=True)
class Section:
    """A section of the benchmark."""

    measure: Callable[[Workshop], Iterator[Measurement]]
    find: Callable[[Sequence[Measurement]], Findings]


class Name(StrEnum):
    """The name of a section."""

    WIRE = "wire"
    LATENCY = "latency"
    LIMIT = "limit"
    SCALE = "scale"
    START = "start"


SECTIONS: Mapping[Name, Section] = {
    Name.WIRE: Section(wire.measure, wire.find),
    Name.LATENCY: Section(latency.measure, latency.find),
    Name.LIMIT: Section(limit.measure, limit.find),
    Name.SCALE: Section(scale.measure, scale.find),
    Name.START: Section(start.measure, start.find),
}


def find(measurements: Sequence[Measurement]) -> Findings:
    """Return the figures and details of all sections that were measured."""
    found = [
        section.find([each for each in measurements if each.section == name])
        for name, section in SECTIONS.items()
        if any(each.section == name for each in measurements)
    ]
    return Findings(
        tuple(figure for each in found for figure in each.figures),
        tuple(detail for each in found for detail in each.details),
    )
