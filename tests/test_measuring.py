"""What is measured of a run while it goes on: quantiles within their error, and time in stretches."""

from __future__ import annotations

import json
from math import floor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from importer.measuring import MOST_STRETCHES, Histogram, Latency, Measured, Measurement, Stretches
from importer.measuring.histogram import LONGEST_SECONDS, RELATIVE_ERROR, SHORTEST_SECONDS
from importer.model import ErrorInfo, OutcomeName

lengths = st.lists(st.floats(SHORTEST_SECONDS, LONGEST_SECONDS), min_size=1, max_size=60)
events = st.lists(st.tuples(st.floats(0, 1e5), st.sampled_from(OutcomeName)), max_size=60)


def counted(*seconds: float) -> Histogram:
    histogram = Histogram()
    for one in seconds:
        histogram.add(one)
    return histogram


@given(lengths, st.lists(st.floats(0, 1), min_size=1, max_size=5).map(sorted))
def test_a_quantile_is_told_within_the_relative_error(seconds: list[float], shares: list[float]) -> None:
    ordered = sorted(seconds)
    found = counted(*seconds).quantiles(shares)
    for share, told in zip(shares, found, strict=True):
        exact = ordered[floor(share * (len(ordered) - 1))]
        assert told == pytest.approx(exact, rel=RELATIVE_ERROR * 1.0001)


@given(lengths, lengths)
def test_two_histograms_that_are_merged_have_counted_what_one_would_have(
    first: list[float], second: list[float]
) -> None:
    merged = counted(*first)
    merged.merge(counted(*second))
    assert merged.counts == counted(*first, *second).counts
    assert merged.count == len(first) + len(second)


@pytest.mark.parametrize("seconds", [0.0, -1.0, 1e-9])
def test_what_is_shorter_than_can_be_measured_counts_as_the_shortest(seconds: float) -> None:
    assert counted(seconds).counts == counted(SHORTEST_SECONDS).counts


def test_what_takes_longer_than_anything_counts_as_the_longest_so_that_buckets_are_few() -> None:
    histogram = counted(1e30, LONGEST_SECONDS, SHORTEST_SECONDS)
    assert max(histogram.counts) - min(histogram.counts) < 1383
    assert len(histogram.counts) == 2


def test_of_nothing_no_quantile_is_told() -> None:
    assert Latency.of(Histogram()) is None
    with pytest.raises(ValueError, match="nothing was counted"):
        Histogram().quantiles([0.5])


@given(events)
def test_stretches_lose_nothing_and_are_never_more_than_their_limit(
    ended: list[tuple[float, OutcomeName]],
) -> None:
    stretches = Stretches()
    for at, outcome in ended:
        outcomes = stretches.at(at).outcomes
        outcomes[outcome] = outcomes.get(outcome, 0) + 1
    assert len(stretches.all) <= MOST_STRETCHES
    for index, stretch in enumerate(stretches.all):
        within = [outcome for at, outcome in ended if int(at / stretches.width) == index]
        assert stretch.outcomes == {outcome: within.count(outcome) for outcome in within}


def test_stretches_double_in_width_as_the_run_gets_longer() -> None:
    stretches = Stretches()
    widths = []
    for seconds in (0, 3.7, 3.75, 7.5, 3600, 86_400):
        stretches.at(seconds)
        widths.append(stretches.width)
    assert widths == [0.0625, 0.0625, 0.125, 0.25, 64, 2048]
    # Two adjacent ones were merged, not two that happened to be left.
    assert len(stretches.all) == 86_400 // 2048 + 1


def test_a_clock_that_goes_back_counts_in_the_first_stretch() -> None:
    stretches = Stretches()
    assert stretches.at(0) is stretches.at(-5)


def measured_run() -> Measured:
    measurement = Measurement()
    measurement.row_ended(0.0, OutcomeName.EXISTING)
    measurement.attempt_ended(0.2, 0.1, requested=True, again=False)
    measurement.row_ended(0.2, OutcomeName.CREATED)
    refused = ErrorInfo(code="http_429", message="too many")
    measurement.attempt_ended(0.3, 0.2, requested=True, again=False, error=refused)
    measurement.attempt_ended(
        0.4, 5.0, requested=False, again=True, error=ErrorInfo(code="connect", reason="", message="no")
    )
    measurement.attempt_ended(0.4, 0.3, requested=True, again=True, error=None)
    return measurement.measured()


def test_a_run_is_measured_by_what_ended_when() -> None:
    measured = measured_run()
    assert [(stretch.requests, stretch.retries) for stretch in measured.stretches] == [
        *((0, 0), (0, 0), (0, 0), (1, 0)),
        *((1, 0), (0, 0), (1, 1)),
    ]
    assert [dict(stretch.outcomes) for stretch in measured.stretches if stretch.outcomes] == [
        {OutcomeName.EXISTING: 1},
        {OutcomeName.CREATED: 1},
    ]
    assert measured.stretches[0].latency is None
    assert measured.stretches[3].latency == pytest.approx((0.1, 0.1, 0.1), rel=RELATIVE_ERROR)
    assert measured.tried_again == {"http_429": 1, "connect": 1}


def test_an_attempt_that_was_never_handed_over_has_no_latency() -> None:
    measured = measured_run()
    assert measured.histogram.count == 3
    assert measured.latency is not None
    assert measured.latency.p99 < 5


def test_what_was_measured_comes_back_from_json_as_it_was() -> None:
    measured = measured_run()
    read = Measured.read(json.loads(json.dumps(measured.document())))
    assert read.document() == measured.document()
    assert read.latency == measured.latency
    assert read.stretches[0] == measured.stretches[0]


def test_a_run_of_a_day_takes_no_more_room_than_a_long_one() -> None:
    measurement = Measurement()
    for number in range(20_000):
        measurement.attempt_ended(number * 4.3, 0.001 * (1 + number % 977), requested=True, again=False)
        measurement.row_ended(number * 4.3, OutcomeName.CREATED)
    assert len(json.dumps(measurement.measured().document())) < 20_000


def test_an_api_with_a_reason_for_every_attempt_does_not_fill_the_memory() -> None:
    measurement = Measurement()
    for number in range(1000):
        error = ErrorInfo(code="http_500", reason=f"reason {number}", message="no")
        measurement.attempt_ended(1, 1, requested=False, again=False, error=error)
    tried_again = measurement.measured().tried_again
    assert len(tried_again) == 101
    assert tried_again["other"] == 900
