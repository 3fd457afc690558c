"""Limit: a server that lets 300 requests a second through a token bucket and answers 429 beyond.

What counts is kept by the server: how much of what it would have let through was used, and how many requests
were answered 429. No ``--rate`` is given: finding the limit is the importer's to do.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

from tests.bench import contestants
from tests.bench.contestants import RUN, Job
from tests.bench.figures import Detail, Figure, Findings, Measurement, at_least, at_most, in_rounds, spread
from tests.bench.own_server import SLOT_SECONDS, Account
from tests.bench.processes import measure as measure_process
from tests.bench.servers import own_server
from tests.bench.tables import number
from tests.bench.workshop import Workshop

RATE = 300
RETRY_AFTER_SECONDS = 1
SETTLED_SECONDS = 5.0
_HEADERS = ("case", "used", f"after {SETTLED_SECONDS:.0f} s", "429", f"after {SETTLED_SECONDS:.0f} s")


def measure(workshop: Workshop) -> Iterator[Measurement]:
    """Yield a run for each size of bucket, with and without Retry-After, at each concurrency."""
    plan = workshop.plan
    cases = list(itertools.product(plan.limit_concurrencies, plan.bursts, (True, False)))
    for round_number in range(1, plan.rounds + 1):
        for concurrency, burst, asks_to_wait in cases:
            yield _one(
                workshop,
                round_number=round_number,
                concurrency=concurrency,
                burst=burst,
                asks_to_wait=asks_to_wait,
            )


def _one(
    workshop: Workshop, *, round_number: int, concurrency: int, burst: int, asks_to_wait: bool
) -> Measurement:
    rows = burst + RATE * workshop.plan.limit_seconds
    case = f"bucket of {burst}, {'with' if asks_to_wait else 'without'} Retry-After"
    workshop.say(f"limit, round {round_number}: {rows:,} rows, {concurrency} under way, {case}")
    options = ["--rate", str(RATE), "--burst", str(burst)]
    if asks_to_wait:
        options += ["--retry-after", str(RETRY_AFTER_SECONDS)]
    with own_server(*options) as server, workshop.place(rows) as (folder, sheet):
        job = Job(folder=folder, sheet=sheet, base_url=server.base_url, concurrency=concurrency, rows=rows)
        ended = measure_process(
            contestants.run_command(job), folder=folder, variables=contestants.variables(folder)
        )
        told, account = contestants.summary_of(folder), server.account()
    return Measurement(
        section="limit",
        contestant=RUN,
        round=round_number,
        rows=rows,
        concurrency=concurrency,
        case=case,
        server=server.name,
        seconds=ended.seconds,
        values={
            **told,
            "used": used(account),
            "used_when_settled": used(account, since=SETTLED_SECONDS),
            "refused": refused(account),
            "refused_when_settled": refused(account, since=SETTLED_SECONDS),
        },
        series={
            "accepted_per_second": per_second(account.accepted),
            "refused_per_second": per_second(account.refused),
        },
        wrong=contestants.wrong_with(rows, ended, told, None),
    )


def used(account: Account, *, since: float = 0.0) -> float:
    """Return what was accepted as a share of what would have been: the tokens at the start and those since.

    From `since` seconds after the first request to the last one. A run that had ended by then used nothing.
    """
    start = round(since / SLOT_SECONDS)
    if account.first is None or start >= len(account.accepted):
        return 0.0
    seconds = account.last - account.first - start * SLOT_SECONDS
    return sum(account.accepted[start:]) / (account.tokens[start] + account.rate * seconds)


def refused(account: Account, *, since: float = 0.0) -> float:
    """Return which share of the requests was answered 429, from `since` seconds after the first one."""
    start = round(since / SLOT_SECONDS)
    answered, refusals = sum(account.accepted[start:]), sum(account.refused[start:])
    return refusals / (answered + refusals) if answered + refusals else 0.0


def per_second(slots: Sequence[int]) -> list[float]:
    """Return the sums of each second's slots."""
    size = round(1 / SLOT_SECONDS)
    return [float(sum(slots[start : start + size])) for start in range(0, len(slots), size)]


def find(measurements: Sequence[Measurement]) -> Findings:
    """Return the worst of the cases in each round, and every case for itself."""

    def worst(name: str, *, of_shares: bool) -> tuple[float, ...]:
        pick = min if of_shares else max
        return in_rounds(measurements, lambda one: pick(each.values[name] for each in one))

    cases: dict[tuple[str, int], list[Measurement]] = {}
    for each in measurements:
        cases.setdefault((each.case, each.concurrency), []).append(each)
    rows = tuple(
        (
            f"{case}, {concurrency} at once",
            *(
                number(spread(each.values[name] for each in found).median, "%")
                for name in ("used", "used_when_settled", "refused", "refused_when_settled")
            ),
        )
        for (case, concurrency), found in cases.items()
    )
    return Findings(
        (
            Figure("limit: share used, worst case", worst("used", of_shares=True), "%", at_least(0.95)),
            Figure("limit: the same after 5 s", worst("used_when_settled", of_shares=True), "%"),
            Figure("limit: requests answered 429, worst case", worst("refused", of_shares=False), "%"),
            Figure(
                "limit: the same after 5 s",
                worst("refused_when_settled", of_shares=False),
                "%",
                at_most(0.02),
            ),
        ),
        (Detail(f"Limit: of {RATE} requests a second, median of the rounds", _HEADERS, rows),),
    )
