"""Latency: a server that answers after 100 ms. What can be had is the concurrency divided by that."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from tests.bench import contestants
from tests.bench.contestants import BARE, RUN
from tests.bench.figures import Figure, Findings, Measurement, Wanted, at_least, in_rounds, only
from tests.bench.servers import own_server
from tests.bench.workshop import Workshop

DELAY_SECONDS = 0.1
CONCURRENCY = 64
IDEAL_PER_SECOND = CONCURRENCY / DELAY_SECONDS


def measure(workshop: Workshop) -> Iterator[Measurement]:
    """Yield the importer and, to see what the server allows, the bare loop in turns."""
    with own_server("--delay", str(DELAY_SECONDS)) as server:
        for round_number in range(1, workshop.plan.rounds + 1):
            for each in (contestants.run(), contestants.bare()[0]):
                before = server.account().late_seconds
                sent = workshop.send(
                    each,
                    server,
                    section="latency",
                    round_number=round_number,
                    rows=workshop.plan.latency_rows,
                    concurrency=CONCURRENCY,
                )
                late = (server.account().late_seconds - before) / sent.rows
                yield replace(sent, values={**sent.values, "late_seconds": late})


def find(measurements: Sequence[Measurement]) -> Findings:
    """Return shares of the ideal rate."""
    ideal = f"{IDEAL_PER_SECOND:.0f} rows/s"
    return Findings(
        (
            _share(measurements, f"latency: run's sending as a share of {ideal}", RUN, at_least(0.97)),
            _share(measurements, "latency: the same of a bare aiohttp loop", BARE),
            _share(measurements, "latency: run from start to end", RUN, whole=True),
            Figure("latency: how late the server answered", in_rounds(measurements, _late_ms), "ms"),
        )
    )


def _late_ms(one: Sequence[Measurement]) -> float | None:
    found = only(one, RUN)
    return found.values["late_seconds"] * 1000 if found and "late_seconds" in found.values else None


def _share(
    measurements: Sequence[Measurement],
    name: str,
    contestant: str,
    wanted: Wanted | None = None,
    *,
    whole: bool = False,
) -> Figure:
    def within(one: Sequence[Measurement]) -> float | None:
        found = only(one, contestant)
        if found is None:
            return None
        rate = found.rows_per_second if whole else found.sending_per_second
        return None if rate is None else rate / IDEAL_PER_SECOND

    return Figure(name, in_rounds(measurements, within), "%", wanted)
