"""When attempts may go out, over a time that only the tests move."""

from __future__ import annotations

import asyncio
import heapq
from collections import Counter
from collections.abc import Callable, Coroutine
from itertools import count, pairwise
from typing import Any

import pytest

from importer.model import Application, Created, Ending, ErrorInfo, InDoubt, Rejected, SetUpWrong, TryAgain
from importer.pace import Hold, Pace
from importer.pace.health import (
    CAUTIOUS_AFTER,
    FIRST_PAUSE_SECONDS,
    LONGEST_PAUSE_SECONDS,
    REFUSALS_THAT_PROVE,
    UNAVAILABLE_ATTEMPTS,
    UNAVAILABLE_SECONDS,
    Health,
    refused_for_rate,
)
from importer.pace.rules import HeldBy

ERROR = ErrorInfo(code="x", message="x")
CREATED = Created(Application(application_id="1", status="created", created_at=""))
REJECTED = Rejected(ERROR)
TRY_AGAIN = TryAgain(ERROR)
REFUSED = TryAgain(ErrorInfo(code="http_429", message="x", http_status=429))


def asked(seconds: float, status: int = 429) -> TryAgain:
    return TryAgain(ErrorInfo(code=f"http_{status}", message="x", http_status=status), seconds)


class Clock:
    """Time that stands still until everybody waits for it."""

    def __init__(self) -> None:
        self.now = 100.0
        self.pauses: list[float] = []
        self._waiting: list[tuple[float, int, asyncio.Future[None]]] = []
        self._order = count()

    def timer(self) -> float:
        return self.now

    async def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        if seconds > 0:
            future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            heapq.heappush(self._waiting, (self.now + seconds, next(self._order), future))
            await future

    async def run(self, *work: Coroutine[Any, Any, None], stopped_at: float | None = None) -> None:
        """Let the time pass until all `work` is done; a run that stops ends every pause at that moment."""
        everything = asyncio.gather(*work)
        if stopped_at is not None:
            self._waiting = [(stopped_at, number, future) for _, number, future in self._waiting]
        while not everything.done():
            await settle()
            if not everything.done():
                assert self._waiting, "everybody waits, and for no moment: a deadlock"
                self.now, _, future = heapq.heappop(self._waiting)
                if not future.done():
                    future.set_result(None)
        await everything


async def settle() -> None:
    for _ in range(50):
        await asyncio.sleep(0)


class Road:
    """Attempts at a pace: who is under way, and when each began."""

    def __init__(self, rate: float | None = None, concurrency: int = 100) -> None:
        self.clock = Clock()
        self.stopping = False
        self.pace = Pace(
            concurrency,
            rate,
            timer=self.clock.timer,
            pause=self.clock.pause,
            stopping=lambda: self.stopping,
        )
        self.begun: list[float] = []
        self.under_way = 0
        self.most = 0

    async def attempt(self, ending: Ending = CREATED, seconds: float = 1.0) -> None:
        async with self.pace:
            begun = self.clock.now
            self.begun.append(begun)
            self.under_way += 1
            self.most = max(self.most, self.under_way)
            try:
                await self.clock.pause(seconds)
            finally:
                self.under_way -= 1
            self.pace.note(ending, self.clock.now, self.clock.now - begun)

    def prove(self, answers: int = 1) -> None:
        for _ in range(answers):
            self.pace.note(CREATED, self.clock.now, 0.001)


def health_after(*endings: Ending, step: float = 1.0) -> Health:
    health = Health()
    for number, ending in enumerate(endings):
        health.note(ending, number * step)
    return health


async def test_a_rate_is_spread_evenly_and_never_a_burst() -> None:
    road = Road(rate=4)
    road.prove()
    road.clock.now += 60
    await road.clock.run(*(road.attempt(seconds=0.01) for _ in range(9)))
    assert [later - earlier for earlier, later in pairwise(road.begun)] == [0.25] * 8


async def test_a_rate_holds_while_nothing_is_proven_too() -> None:
    road = Road(rate=4)
    await road.clock.run(*(road.attempt(TRY_AGAIN, seconds=0.01) for _ in range(5)))
    assert [later - earlier for earlier, later in pairwise(road.begun)] == pytest.approx([0.25] * 4)


async def test_without_a_rate_what_is_proven_goes_out_at_once() -> None:
    road = Road()
    road.prove(11)
    await road.clock.run(*(road.attempt() for _ in range(20)))
    assert road.most == 20
    assert set(road.begun) == {100.0}


@pytest.mark.parametrize("ending", [REJECTED, TRY_AGAIN, InDoubt(ERROR), SetUpWrong(ERROR)])
async def test_attempts_go_in_single_file_until_an_application_is_created(ending: Ending) -> None:
    road = Road()
    await road.clock.run(*(road.attempt(ending) for _ in range(5)))
    assert road.most == 1
    assert road.begun == [100.0, 101.0, 102.0, 103.0, 104.0]


async def test_once_it_is_proven_a_first_window_goes_out_which_doubles_with_its_answers() -> None:
    road = Road()
    await road.clock.run(*(road.attempt() for _ in range(120)))
    assert Counter(road.begun) == {100.0: 1, 101.0: 11, 102.0: 22, 103.0: 44, 104.0: 42}


async def test_never_more_than_the_concurrency_is_under_way() -> None:
    road = Road(concurrency=16)
    await road.clock.run(*(road.attempt() for _ in range(200)))
    assert road.most == 16


async def test_nothing_goes_out_until_the_pause_that_the_api_asked_for_is_over() -> None:
    road = Road()
    road.prove(30)
    await road.clock.run(road.attempt(asked(12)), *(road.attempt() for _ in range(20)))
    road.begun.clear()
    await road.clock.run(*(road.attempt() for _ in range(5)))
    assert road.begun[0] == 113.0


async def test_who_waits_when_the_run_stops_goes_on_at_once_and_has_to_ask() -> None:
    road = Road()
    road.prove()
    road.pace.note(asked(600), road.clock.now, 0.001)
    waiting = [asyncio.create_task(road.attempt()) for _ in range(3)]
    await settle()
    assert road.begun == []
    road.stopping = True
    await road.clock.run(*map(as_work, waiting), stopped_at=101.0)
    assert len(road.begun) == 3
    assert set(road.begun) == {101.0}


async def test_a_run_that_stops_lets_those_in_who_wait_for_one_that_is_under_way() -> None:
    road = Road()
    under_way = asyncio.create_task(road.attempt())
    waiting = [asyncio.create_task(road.attempt()) for _ in range(3)]
    await settle()
    road.stopping = True
    await road.clock.run(*map(as_work, (under_way, *waiting)))
    assert road.begun == [100.0, 101.0, 101.0, 101.0]


async def as_work(task: asyncio.Task[None]) -> None:
    await task


async def test_who_waits_is_not_overtaken_by_who_comes_later() -> None:
    road = Road(concurrency=1)
    order: list[int] = []

    async def worker(number: int) -> None:
        for _ in range(3):
            await road.attempt()
            order.append(number)

    await road.clock.run(*(worker(number) for number in range(3)))
    assert order == [0, 1, 2] * 3


async def test_who_waited_while_it_was_proven_keeps_to_the_rate() -> None:
    road = Road(rate=2)
    await road.clock.run(*(road.attempt(seconds=0.1) for _ in range(4)))
    assert [later - earlier for earlier, later in pairwise(road.begun)] == pytest.approx([0.5] * 3)


async def test_attempts_go_in_single_file_again_after_failures_in_a_row() -> None:
    road = Road()
    road.prove()
    await road.clock.run(*(road.attempt(TRY_AGAIN) for _ in range(CAUTIOUS_AFTER)))
    assert road.most == CAUTIOUS_AFTER
    road.most = 0
    await road.clock.run(*(road.attempt(TRY_AGAIN) for _ in range(3)))
    assert road.most == 1
    first, second, third = road.begun[-3:]
    assert (first, second, third) == (101.5, 103.5, 106.5)


def test_one_failure_less_changes_nothing() -> None:
    health = health_after(CREATED, *[TRY_AGAIN] * (CAUTIOUS_AFTER - 1))
    assert health.proven
    assert health.pause_seconds() == 0
    health.note(TRY_AGAIN, 99)
    assert not health.proven
    assert health.pause_seconds() == FIRST_PAUSE_SECONDS


@pytest.mark.parametrize("ending", [CREATED, REJECTED])
def test_an_answer_about_the_row_ends_a_row_of_failures(ending: Ending) -> None:
    health = health_after(CREATED, *[TRY_AGAIN] * (CAUTIOUS_AFTER - 1), ending, *[TRY_AGAIN] * 7)
    assert health.proven
    assert health.failures == 7


@pytest.mark.parametrize("earlier", [[], [CREATED, *[TRY_AGAIN] * 20], [*[REJECTED] * 9, *[TRY_AGAIN] * 20]])
def test_an_application_or_some_refused_rows_prove_that_the_api_is_there(earlier: list[Ending]) -> None:
    assert health_after(*earlier, CREATED).proven
    assert not health_after(*earlier, *[REJECTED] * (REFUSALS_THAT_PROVE - 1)).proven
    assert health_after(*earlier, *[REJECTED] * REFUSALS_THAT_PROVE).proven


def test_refused_rows_count_whatever_else_came_between_them() -> None:
    either: list[Ending] = [REJECTED, TRY_AGAIN]
    assert health_after(*either * REFUSALS_THAT_PROVE).proven
    assert health_after(CREATED, *[REJECTED] * 5).proven


def test_pauses_double_up_to_a_limit_however_many_failures() -> None:
    pauses = []
    health = Health()
    for number in range(CAUTIOUS_AFTER + 7):
        health.note(TRY_AGAIN, number)
        pauses.append(health.pause_seconds())
    assert pauses == [0.0] * (CAUTIOUS_AFTER - 1) + [0.5, 1.0, 2.0, 4.0, 8.0] + [LONGEST_PAUSE_SECONDS] * 3
    health.failures = 1_000_000
    assert health.pause_seconds() == LONGEST_PAUSE_SECONDS


def test_the_api_is_unavailable_only_after_a_minute_and_enough_attempts() -> None:
    health = health_after(*[TRY_AGAIN] * (UNAVAILABLE_ATTEMPTS - 1))
    assert not health.unavailable(10_000)
    health.note(TRY_AGAIN, 20)
    assert not health.unavailable(UNAVAILABLE_SECONDS - 0.001)
    assert health.unavailable(UNAVAILABLE_SECONDS)


def test_the_minute_counts_from_the_first_of_the_failures_in_a_row() -> None:
    health = health_after(TRY_AGAIN, REJECTED, *[TRY_AGAIN] * UNAVAILABLE_ATTEMPTS, step=10)
    assert health.failing_since == 20
    assert not health.unavailable(79)
    assert health.unavailable(80)


@pytest.mark.parametrize(
    ("ending", "refused"),
    [
        (REFUSED, True),
        (asked(1), True),
        (asked(1, 503), True),
        (asked(0, 503), False),
        (TRY_AGAIN, False),
        (REJECTED, False),
        (InDoubt(ErrorInfo(code="x", message="x", http_status=429)), False),
    ],
)
def test_what_was_refused_for_the_rate_is_known_by_its_status(ending: Ending, refused: bool) -> None:
    assert refused_for_rate(ending) is refused


def test_of_refusals_for_the_rate_that_were_under_way_together_one_is_a_failure() -> None:
    health = health_after(CREATED)
    for _ in range(64):
        health.note(REFUSED, 10.0, 0.5)
    assert (health.proven, health.failures) == (True, 1)
    health.note(REFUSED, 10.5, 0.5)
    assert health.failures == 2


@pytest.mark.parametrize(
    ("endings", "hold"),
    [
        ([], Hold(HeldBy.NOTHING_CREATED)),
        ([CREATED], None),
        ([REJECTED], Hold(HeldBy.NOTHING_CREATED)),
        ([REJECTED] * REFUSALS_THAT_PROVE, None),
        ([TRY_AGAIN] * CAUTIOUS_AFTER, Hold(HeldBy.FAILURES)),
        ([CREATED, asked(12)], Hold(HeldBy.WAIT, 12.0)),
        ([CREATED, REFUSED], Hold(HeldBy.SEARCH)),
        ([CREATED, TRY_AGAIN], Hold(HeldBy.FAILING, 7)),
        ([CREATED, InDoubt(ERROR)], Hold(HeldBy.FAILING, 7)),
        ([CREATED, InDoubt(ERROR, resendable=False)], None),
        ([CREATED, SetUpWrong(ERROR)], None),
    ],
)
def test_it_is_told_what_holds_the_run_back(endings: list[Ending], hold: Hold | None) -> None:
    road = Road()
    for ending in endings:
        road.pace.note(ending, road.clock.now, 0.001)
    assert road.pace.hold() == hold


async def test_a_rate_is_told_while_somebody_waits_for_it() -> None:
    road = Road(rate=4)
    road.prove()
    await road.clock.run(*(road.attempt(seconds=0.01) for _ in range(9)))
    assert road.pace.hold() == Hold(HeldBy.RATE, 4)
    road.clock.now += 60
    assert road.pace.hold() is None


class OfTheTestError(Exception):
    pass


async def failing(road: Road) -> None:
    with pytest.raises(OfTheTestError):
        async with road.pace:
            raise OfTheTestError


@pytest.mark.parametrize("proven", [True, False])
async def test_an_exception_in_a_turn_goes_out_and_the_next_one_goes_on(proven: bool) -> None:
    road = Road()
    if proven:
        road.prove()
    await road.clock.run(failing(road), road.attempt(), failing(road), road.attempt())
    assert len(road.begun) == 2


async def test_an_exception_of_one_who_waited_while_it_was_proven_goes_out() -> None:
    road = Road()
    await road.clock.run(road.attempt(), failing(road), road.attempt())
    assert len(road.begun) == 2


def in_its_turn(road: Road) -> bool:
    return road.under_way == 1


def in_its_pause(road: Road) -> bool:
    return road.clock.pauses == [FIRST_PAUSE_SECONDS]


@pytest.mark.parametrize(("failures", "reached"), [(0, in_its_turn), (CAUTIOUS_AFTER, in_its_pause)])
async def test_a_cancelled_turn_does_not_hold_up_the_others(
    failures: int, reached: Callable[[Road], bool]
) -> None:
    road = Road()
    for _ in range(failures):
        road.pace.note(TRY_AGAIN, road.clock.now, 0.001)
    first = asyncio.create_task(road.attempt())
    await settle()
    assert reached(road)
    waiting = asyncio.create_task(road.attempt())
    await settle()
    waiting.cancel()
    first.cancel()
    await settle()
    assert first.cancelled()
    assert waiting.cancelled()
    await road.clock.run(road.attempt(), road.attempt())
    assert road.most <= 1
    assert road.under_way == 0
