"""Where and when to kill: at every place one after the other, or anywhere, as a seed has it."""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import count, cycle
from pathlib import Path

from importer.failpoints import Point, Safeguard
from tests.proof.campaign import AfterSeconds, AtPlace, Campaign, Figures, Plan, campaign
from tests.proof.oracle import Promise
from tests.proof.witness import Moment

PLACES: tuple[Point | Moment, ...] = (*Point, *Moment)

ONCE_A_COMMAND = frozenset(
    {
        Point.LEDGER_LOCKED,
        Point.TABLES_READY,
        Point.DOUBT_WRITTEN,
        Point.RUN_END_WRITTEN,
        Point.LEDGER_CLOSED,
    }
)
ONCE_A_FILE = frozenset({Point.ROWS_ENROLLED, Point.FILE_SYNCED, Point.FILE_IN_PLACE})
OF_RESOLVE = (Point.ANSWERS_WRITTEN, Point.COMMIT_BEGINS, Point.COMMITTED)

# Many requests are under way when a kill comes, and some have no ending that tells anything.
MISBEHAVIOUR = (
    "drop-after:rate=0.02",
    "500:format=html,created=yes,rate=0.02",
    "429:rate=0.01",
    "delay:seconds=0.03,rate=0.5",
)


def sweep(folder: Path, place: Point | Moment, *, resolving: bool = False) -> Figures:
    """Kill a small import at each time that it comes to `place`, and settle what each kill has left.

    With `resolving`, it is the answering of its doubts that is killed.
    """
    figures = Figures()
    for number in count(1):
        with campaign(folder / f"{place}-{number}", concurrency=2) as small:
            name = small.add_input(3)
            if resolving:
                small.run([name], AtPlace(Moment.APPLICATION_CREATED))
                small.run([name], AtPlace(Moment.REQUEST_ARRIVED))
                killed = small.resolve(name, AtPlace(place, number))
            else:
                killed = small.run([name], AtPlace(place, number))
            if killed:
                small.settle()
            figures.add(small.figures)
        if not killed:
            return figures
    raise AssertionError("counting has no end")


def attack(
    folder: Path, seed: str, kills: int, *, without: Safeguard | None = None, processes: int = 1
) -> Figures:
    """Kill commands so often, at places and moments that `seed` decides, and settle what is left.

    Without a safeguard it is given up at the first lead that was created twice.
    """
    chance = random.Random(seed)  # noqa: S311 - reproducible on purpose, and no secret
    with campaign(folder, *MISBEHAVIOUR, without=without, processes=processes) as large:
        for place in _places(chance):
            if large.figures.kills >= kills or (without and large.figures.broken(Promise.ONCE)):
                break
            _strike(large, place, chance)
        if without is None:
            large.settle()
        return large.figures


def _places(chance: random.Random) -> Iterator[Point | Moment | None]:
    """Yield places, each as often as the others, and None for any moment at all; without end."""
    mixed: list[Point | Moment | None] = [*PLACES, *[None] * (len(PLACES) // 2)]
    chance.shuffle(mixed)
    return cycle(mixed)


def _strike(large: Campaign, place: Point | Moment | None, chance: random.Random) -> None:
    doubtful = large.doubtful_inputs()
    if doubtful and (place is Point.ANSWERS_WRITTEN or (place in OF_RESOLVE and chance.random() < 0.2)):
        large.resolve(chance.choice(doubtful), _plan(place, 3, chance))
        return
    imported = large.imported_inputs()
    if imported and place in (Point.FILE_SYNCED, Point.FILE_IN_PLACE) and chance.random() < 0.3:
        large.rewrite(chance.choice(imported), _plan(place, 1, chance))
        return
    files = list(large.inputs)[-1:]
    if not files or large.left_to_send(files[0]) < 10:
        files = [large.add_input(chance.randint(20, 60))]
    if chance.random() < 0.3:
        files = list(dict.fromkeys([chance.choice(list(large.inputs)), *files]))
    if place is None:
        large.run(files, AfterSeconds(chance.uniform(0, 1.1 * large.seconds_of_a_run)))
    else:
        large.run(files, _plan(place, len(files), chance))


def _plan(place: Point | Moment, files: int, chance: random.Random) -> Plan:
    most = 1 if place in ONCE_A_COMMAND else files if place in ONCE_A_FILE else 20
    return AtPlace(place, chance.randint(1, most))
