"""Wire: rows a second against a server that is no bottleneck, the importer beside all others.

Within a round, the importer and the bare loops alternate at each concurrency, then come the others. Before
the first round, each sends twenty rows to the importer's local API, which verifies signatures: who signs, and
whose values arrive as they stand in the sheet, is seen and not believed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tests.bench import contestants
from tests.bench.contestants import BARE, BARE_UVLOOP, RUN, Contestant, Job
from tests.bench.figures import (
    Detail,
    Figure,
    Findings,
    Measurement,
    Wanted,
    at_least,
    in_rounds,
    only,
    spread,
)
from tests.bench.processes import measure as measure_process
from tests.bench.servers import LocalApi, local_api
from tests.bench.tables import between, number
from tests.bench.workshop import Workshop

REHEARSAL = "rehearsal"
REHEARSAL_ROWS = 20
ABSENT = "absent"


def measure(workshop: Workshop) -> Iterator[Measurement]:
    """Yield the rehearsals, and then the measurements of each round."""
    plan = workshop.plan
    run, bare = contestants.run(), contestants.bare()
    peers = contestants.peers(newman_at=workshop.newman, drt_at=workshop.drt)
    with local_api() as api:
        for each in (run, *bare, *peers):
            yield _rehearse(workshop, api, each)
    with workshop.fast_server() as server:
        for round_number in range(1, plan.rounds + 1):
            turns = [
                (each, plan.rows, concurrency) for concurrency in plan.concurrencies for each in (run, *bare)
            ]
            turns += [
                (each, plan.slow_peer_rows if each.slow else plan.peer_rows, each.concurrency)
                for each in peers
            ]
            for each, rows, concurrency in turns:
                if not each.missing:
                    yield workshop.send(
                        each,
                        server,
                        section="wire",
                        round_number=round_number,
                        rows=rows,
                        concurrency=concurrency,
                    )


def _rehearse(workshop: Workshop, api: LocalApi, contestant: Contestant) -> Measurement:
    concurrency = contestant.concurrency or 16
    seconds, right = 0.0, 0
    if not contestant.missing:
        workshop.say(f"wire, rehearsal: {contestant.name}")
        before = len(api.applications())
        with workshop.place(REHEARSAL_ROWS, quoted=contestant.quoted) as (folder, sheet):
            job = Job(
                folder=folder,
                sheet=sheet,
                base_url=api.base_url,
                concurrency=concurrency,
                rows=REHEARSAL_ROWS,
            )
            variables = contestants.variables(folder)
            seconds = measure_process(contestant.command(job), folder=folder, variables=variables).seconds
        right = contestants.as_they_stand(api.applications()[before:])
    return Measurement(
        section="wire",
        contestant=contestant.name,
        round=0,
        rows=REHEARSAL_ROWS,
        concurrency=concurrency,
        case=ABSENT if contestant.missing else REHEARSAL,
        server="local API",
        seconds=seconds,
        values={"right": right},
    )


def find(measurements: Sequence[Measurement]) -> Findings:
    """Return how the importer stands beside the others."""
    rounds = [each for each in measurements if each.round]
    sizes = sorted({each.concurrency for each in rounds if each.contestant == RUN})
    others = {each.contestant for each in rounds} - {RUN, BARE, BARE_UVLOOP}
    able = others & {each.contestant for each in measurements if _is_right(each)}
    unsigned = ", ".join(sorted(others - able))
    figures = []
    for size in sizes:
        at = f", {size} at once"
        figures += [
            _ratio(f"wire: run ÷ {BARE}{at}", rounds, BARE, size, wanted=at_least(0.85)),
            _ratio(f"wire: run ÷ {BARE_UVLOOP}{at}", rounds, BARE_UVLOOP, size),
            _ratio(f"wire: sending ÷ {BARE}{at}", rounds, BARE, size, sending=True),
        ]
    for size in sizes:
        at = f", {size} at once"
        figures += [
            _beside_best(f"wire: run ÷ best other that signs{at}", rounds, able, size, at_least(3)),
            _beside_best(f"wire: run ÷ {unsigned}, unsigned{at}", rounds, others - able, size),
        ]
    servers = sorted({each.server for each in rounds})
    title = f"Wire: rows a second against {', '.join(servers)}"
    if servers != ["nginx"]:
        title += ", which can be the bottleneck; nginx is not installed"
    headers = ("contestant", "at once", "rows", "rows/s", "min–max", "sending", "signs")
    return Findings(tuple(figures), (Detail(title, headers, tuple(_lines(measurements))),))


def _is_right(measurement: Measurement) -> bool:
    return measurement.case == REHEARSAL and measurement.values["right"] == measurement.rows


def _ratio(
    name: str,
    rounds: Sequence[Measurement],
    other: str,
    concurrency: int,
    *,
    sending: bool = False,
    wanted: Wanted | None = None,
) -> Figure:
    def within(one: Sequence[Measurement]) -> float | None:
        run, beside = only(one, RUN, concurrency=concurrency), only(one, other, concurrency=concurrency)
        if run is None or beside is None:
            return None
        if not sending:
            return run.rows_per_second / beside.rows_per_second
        if run.sending_per_second is None or beside.sending_per_second is None:
            return None
        return run.sending_per_second / beside.sending_per_second

    return Figure(name, in_rounds(rounds, within), "", wanted)


def _beside_best(
    name: str,
    rounds: Sequence[Measurement],
    others: set[str],
    concurrency: int,
    wanted: Wanted | None = None,
) -> Figure:
    def within(one: Sequence[Measurement]) -> float | None:
        run = only(one, RUN, concurrency=concurrency)
        best = max((each.rows_per_second for each in one if each.contestant in others), default=None)
        return run.rows_per_second / best if run and best else None

    return Figure(name, in_rounds(rounds, within), "", wanted)


def _lines(measurements: Sequence[Measurement]) -> Iterator[tuple[str, ...]]:
    rehearsals = {each.contestant: each for each in measurements if not each.round}
    seen: dict[tuple[str, int, int], list[Measurement]] = {}
    for each in measurements:
        if each.round:
            seen.setdefault((each.contestant, each.concurrency, each.rows), []).append(each)
    for (name, concurrency, rows), found in seen.items():
        among = spread(each.rows_per_second for each in found)
        sending = [each.sending_per_second for each in found if each.sending_per_second is not None]
        yield (
            name,
            str(concurrency),
            f"{rows:,}",
            number(among.median),
            between(among, ""),
            number(spread(sending).median) if sending else "",
            "yes" if name in rehearsals and _is_right(rehearsals[name]) else "no",
        )
    for name, rehearsal in rehearsals.items():
        if rehearsal.case == ABSENT:
            yield name, "", "", "not installed", "", "", ""
