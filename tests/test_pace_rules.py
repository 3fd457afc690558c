"""The rate and the window that a run finds, against simulated servers; no time passes."""

from __future__ import annotations

import random
from functools import partial
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from importer.model import Ending, ErrorInfo, TryAgain
from importer.pace.limit import DEPTH, PLATEAU_SECONDS, Limit, Refusal, rate_of_bucket
from importer.pace.rules import UNUSED_SECONDS, HeldBy, Rules
from importer.pace.window import FIRST, RETREAT, SLOW_SECONDS, Trouble, Window
from tests.pace_simulation import CREATED, Server, refusal, simulate


@pytest.mark.parametrize("concurrency", [16, 64])
@pytest.mark.parametrize("latency", [0.001, 0.02])
@pytest.mark.parametrize("retry_after", [0.0, 1.0])
@pytest.mark.parametrize("bucket", [30, 300])
@pytest.mark.parametrize("seed", [1, 2])
def test_what_goes_through_is_what_the_api_allows_and_little_is_refused(
    bucket: int, retry_after: float, latency: float, concurrency: int, seed: int
) -> None:
    server = Server(300, bucket, retry_after, latency)
    seen = simulate(server, concurrency=concurrency, seconds=66, seed=seed)
    assert seen.goodput(5, 66) >= 0.95 * 300
    assert seen.refused_share(5) <= 0.02
    assert seen.failed == 0


@pytest.mark.parametrize(
    ("rate", "bucket", "retry_after", "latency", "share"),
    [
        (2, 1, 0, 0.001, 0.8),
        (2, 1, 1, 0.1, 0.8),
        (20, 30, 0, 0.1, 0.95),
        (20, 30, 1, 0.001, 0.9),
        (20, 300, 1, 0.1, 0.9),
        (2000, 30, 0, 0.001, 0.95),
        (2000, 300, 0, 0.001, 0.95),
        # Each pause costs 2,000 requests here, and a run begins with two.
        (2000, 300, 1, 0.001, 0.9),
    ],
)
def test_other_limits_are_found_too(
    rate: float, bucket: int, retry_after: float, latency: float, share: float
) -> None:
    seen = simulate(Server(rate, bucket, retry_after, latency), concurrency=64, seconds=40)
    assert seen.goodput(5, 40) >= share * rate
    assert seen.refused_share(5) <= 0.03
    assert seen.failed == 0


@pytest.mark.parametrize("bucket", [30, 300])
@pytest.mark.parametrize("retry_after", [0, 1])
def test_a_limit_that_changes_is_found_again(bucket: int, retry_after: float) -> None:
    server = Server(300, bucket, retry_after, changes=((60, 100), (120, 300)))
    seen = simulate(server, concurrency=64, seconds=260)
    assert seen.goodput(20, 60) >= 0.95 * 300
    assert seen.goodput(70, 120) >= 0.9 * 100
    assert seen.goodput(200 if retry_after else 150, 260) >= 0.9 * 300
    assert seen.failed == 0


def test_where_nothing_is_limited_the_concurrency_is_all_that_counts() -> None:
    seen = simulate(Server(latency=0.1), concurrency=64, rows=20_000, seconds=100)
    assert len(seen.let_through) / seen.let_through[-1] >= 0.97 * 640
    assert seen.most_under_way == 64


@pytest.mark.parametrize("share", [0.01, 0.1])
def test_refusals_that_do_not_depend_on_the_rate_do_not_bring_it_down(share: float) -> None:
    def at_random(chance: random.Random) -> Ending | None:
        return refusal(0.005) if chance.random() < share else None

    seen = simulate(Server(latency=0.01, broken=at_random), concurrency=16, seconds=60, attempts=99)
    assert seen.goodput(40, 60) >= 200


def test_a_server_that_refuses_and_breaks_off_at_random_does_not_make_the_run_crawl() -> None:
    def at_random(chance: random.Random) -> Ending | None:
        drawn = chance.random()
        if drawn < 0.1:
            return refusal(0.005)
        return TryAgain(ErrorInfo(code="connect", message="refused")) if drawn < 0.15 else None

    server = partial(Server, latency=0.004, broken=at_random)
    for seed in range(30):
        seen = simulate(server(), concurrency=32, seconds=40, attempts=99, seed=seed)
        assert seen.goodput(20, 40) >= 200, seed


def test_a_server_that_answers_more_slowly_the_more_is_asked_of_it_is_asked_less() -> None:
    seen = simulate(Server(latency=0.1, at_once=10), concurrency=500, seconds=120)
    assert seen.goodput(60, 120) >= 0.97 * 100
    under_way = len([moment for moment in seen.begun if moment < 120]) - len(seen.let_through)
    assert under_way < 200


@given(
    rate=st.floats(0.5, 3000),
    bucket=st.integers(1, 400),
    retry_after=st.sampled_from([0.0, 0.3, 1.0, 7.0]),
    latency=st.floats(0.0005, 2.0),
    concurrency=st.integers(1, 40),
    own=st.none() | st.floats(0.5, 500),
    troubled=st.sampled_from([0.0, 0.05]),
    seed=st.integers(0, 1000),
)
@settings(max_examples=60, deadline=None)
def test_whatever_the_server_does_the_promises_hold(
    rate: float,
    bucket: int,
    retry_after: float,
    latency: float,
    concurrency: int,
    own: float | None,
    troubled: float,
    seed: int,
) -> None:
    def broken(chance: random.Random) -> Ending | None:
        return TryAgain(ErrorInfo(code="connect", message="x")) if chance.random() < troubled else None

    server = Server(rate, bucket, retry_after, latency, broken=broken)
    seen = simulate(server, concurrency=concurrency, rate=own, seconds=8, seed=seed)
    assert seen.most_under_way <= concurrency
    if own is not None:
        assert all(later - earlier >= 1 / own - 1e-6 for earlier, later in pairwise(seen.begun))
    for asked, until in seen.waits:
        assert not [moment for moment in seen.begun if asked < moment < until - 1e-6]


def test_a_rate_is_kept_below_when_the_api_says_so_and_is_the_limit_otherwise() -> None:
    assert simulate(Server(), rate=50, seconds=20).goodput(5, 20) == pytest.approx(50, rel=0.01)
    seen = simulate(Server(300, 30), rate=400, concurrency=64, seconds=40)
    assert 0.95 * 300 <= seen.goodput(5, 40) <= 1.01 * 300


def refused(limit: Limit, now: float, *, begun: float | None = None, resumes: float = 0.0) -> None:
    limit.refused(Refusal(now=now, begun=now if begun is None else begun, resumes=resumes))


def test_what_was_let_through_in_a_first_burst_is_where_the_search_begins() -> None:
    limit = Limit()
    assert limit.rate(0) == float("inf")
    for number in range(30):
        limit.let_through(number / 1000)
    refused(limit, 0.03, resumes=1.03)
    assert (limit.known, limit.searching) == (True, True)
    assert limit.rate(0.5) == limit.rate(1.03) == 30
    assert limit.rate(1.28) == pytest.approx(60)


def test_of_refusals_that_were_under_way_together_one_counts() -> None:
    limit = Limit()
    for number in range(300):
        limit.let_through(number / 1000)
    refused(limit, 0.3)
    allowed = limit.allowed
    for _ in range(64):
        refused(limit, 0.31, begun=0.29)
    assert limit.allowed == allowed


def test_a_rate_hardly_grows_near_the_known_limit_and_soon_after_it() -> None:
    limit = Limit()
    for number in range(6000):
        limit.let_through(number / 1000)
    refused(limit, 6.0)
    assert not limit.searching
    allowed = limit.allowed
    plateau = PLATEAU_SECONDS[0]
    begins = 6.5
    assert limit.rate(begins) == pytest.approx(allowed * (1 - DEPTH))
    assert limit.rate(begins + plateau) == pytest.approx(allowed)
    assert limit.rate(begins + 2 * plateau) == pytest.approx(allowed * (1 + DEPTH))
    assert limit.rate(begins + 2 * plateau + 10) > 3 * allowed
    assert limit.rate(1e9) < float("inf")


def test_two_refusals_tell_the_rate_at_which_a_bucket_fills() -> None:
    # A bucket of 30 that 300 a second fill: 33 at once in 0.01 s; and later, once it was full, 230 in 2/3 s.
    burst = [(0.01, 33)]
    assert rate_of_bucket(burst, [(2 / 3, 230), (0.1, 50)], 500) == pytest.approx(300, rel=0.02)
    assert rate_of_bucket(burst, [], 500) == pytest.approx(0, abs=0.01)
    assert rate_of_bucket((), [(1.0, 900)], 500) == pytest.approx(500, rel=0.01)


def test_a_limit_that_nobody_waits_for_is_forgotten() -> None:
    rules = Rules(16, None, 0.0)
    rules.note(CREATED, 0.0, 0.001)
    rules.note(refusal(0.0), 0.1, 0.001)
    assert rules.free == 0
    rules.gone(rules.moment(1.0, 1.0), 1.0)
    hold = rules.hold(1.0)
    assert hold is not None
    assert hold.by is HeldBy.SEARCH
    rules.gone(rules.moment(9.0, 9.0), 9.0)
    rules.gone(rules.moment(9.0 + UNUSED_SECONDS, 9.0 + UNUSED_SECONDS), 9.0 + UNUSED_SECONDS)
    assert rules.hold(15.0) is None
    assert rules.free == rules.size > 1


def window_after(answers: int, *, concurrency: int = 64, seconds: float = 0.01) -> Window:
    window = Window(concurrency)
    for _ in range(answers):
        window.answered(1.0, seconds)
    return window


@pytest.mark.parametrize(
    ("answers", "concurrency", "size"),
    [(0, 64, FIRST), (10, 64, 20), (30, 64, 40), (54, 64, 64), (99, 64, 64), (0, 4, 4), (9, 4, 4), (9, 1, 1)],
)
def test_the_window_doubles_with_each_windows_worth_of_answers(
    answers: int, concurrency: int, size: int
) -> None:
    assert window_after(answers, concurrency=concurrency).size == size


def test_trouble_of_attempts_that_were_under_way_together_makes_the_window_retreat_once() -> None:
    window = window_after(54)
    for _ in range(30):
        window.failed(2.0, 0.5)
    assert window.size == int(64 * RETREAT)
    assert window.trouble is Trouble.FAILING
    window.failed(2.5, 0.5)
    assert window.size == int(64 * RETREAT * RETREAT)


def test_after_trouble_the_window_grows_by_one_with_each_windows_worth_of_answers() -> None:
    window = window_after(54)
    window.failed(2.0, 0.5)
    size = window.size
    for _ in range(size + 1):
        window.answered(3.0, 0.01)
    assert window.size == size + 1
    for _ in range(3000):
        window.answered(4.0, 0.01)
    assert (window.size, window.trouble) == (64, None)


def test_the_window_is_never_smaller_than_one() -> None:
    window = window_after(0)
    for moment in range(100):
        window.failed(float(moment), 0.5)
    assert window.size == 1


def answer_all(window: Window, begun: float, seconds: float) -> None:
    for _ in range(2 * max(FIRST, window.size)):
        window.answered(begun + seconds, seconds)


def test_answers_that_come_much_more_slowly_make_the_window_retreat_until_they_do_not() -> None:
    window = window_after(54, seconds=0.3)
    answer_all(window, 10, 1.1)
    assert window.trouble is None
    answer_all(window, 20, 1.1)
    answer_all(window, 30, 2.0)
    retreated = window.size
    assert retreated < 64
    assert window.trouble is Trouble.SLOW
    answer_all(window, 40, 1.4)
    assert window.size < retreated


def test_a_retreat_that_did_not_help_is_not_repeated() -> None:
    window = window_after(54, seconds=0.3)
    for begun in range(10, 400, 10):
        answer_all(window, begun, 2.0)
    assert window.size == 64


def test_what_our_own_processor_takes_on_loopback_is_no_trouble() -> None:
    window = window_after(54, seconds=0.001)
    for begun in range(10, 60, 10):
        answer_all(window, begun, SLOW_SECONDS)
    assert (window.size, window.trouble) == (64, None)
