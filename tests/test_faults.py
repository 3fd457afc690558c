"""Fault specs, read and refused, and which requests a rule is about."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from importer.errors import UsageError
from importer.faults import FaultKind, FaultPlan, FaultRule, Format, parse_fault


def chosen(plan: FaultPlan, customers: Sequence[str]) -> list[str | None]:
    return [rule.name if (rule := plan.choose(customer)) else None for customer in customers]


def plan_of(*specs: str, seed: int = 0) -> FaultPlan:
    return FaultPlan([parse_fault(spec) for spec in specs], seed=seed)


@pytest.mark.parametrize(
    ("spec", "rule"),
    [
        ("503", FaultRule(kind=FaultKind.STATUS, status=503)),
        (
            "429:retry-after=1,rate=0.05",
            FaultRule(kind=FaultKind.STATUS, status=429, retry_after=1.0, rate=0.05),
        ),
        (
            "500:format=html,created=yes,first=2",
            FaultRule(kind=FaultKind.STATUS, status=500, format="html", created=True, first=2),
        ),
        (
            " 400 : reason = invalid_token , delay = 0.5 , created = no ",
            FaultRule(kind=FaultKind.STATUS, status=400, reason="invalid_token", delay=0.5),
        ),
        ("204", FaultRule(kind=FaultKind.STATUS, status=204, format="empty")),
        (
            "drop-after:customer=1001|1002,each=1,customer=1003",
            FaultRule(kind=FaultKind.DROP_AFTER, customers=frozenset({"1001", "1002", "1003"}), each=1),
        ),
        ("delay:seconds=30,every=10", FaultRule(kind=FaultKind.DELAY, delay=30.0, every=10)),
        ("drop-before:times=3", FaultRule(kind=FaultKind.DROP_BEFORE, times=3)),
        *((kind.value, FaultRule(kind=kind)) for kind in list(FaultKind)[2:]),
    ],
)
def test_a_spec_is_read(spec: str, rule: FaultRule) -> None:
    assert parse_fault(spec) == rule


@pytest.mark.parametrize(
    ("spec", "wrong"),
    [
        ("", "there is no kind ''"),
        ("status", "there is no kind 'status'. Give a status code from 200 to 599, or one of delay, drop-be"),
        ("199", "there is no kind '199'"),
        ("600", "there is no kind '600'"),
        ("0503", "there is no kind '0503'"),
        ("５０３", "there is no kind"),
        ("503:", "'' does not belong to it. It takes format, reason"),
        ("503:seconds=1", "'seconds' does not belong to it"),
        ("drop-after:created=yes", "'created' does not belong to it. It takes delay, rate"),
        ("delay:seconds=1,delay=1", "'delay' does not belong to it. It takes seconds, rate"),
        ("delay:rate=1", "a delay needs its length"),
        ("503:rate", "rate has no value. Write rate=VALUE"),
        ("503:rate=", "rate has no value"),
        ("503:rate=1,rate=1", "rate is given twice"),
        ("503:rate=0", "rate=0 is out of range"),
        ("503:rate=1.1", "rate=1.1 is out of range"),
        ("503:rate=nan", "rate=nan is out of range"),
        ("503:rate=often", "rate=often is no number"),
        ("503:retry-after=-1", "retry-after=-1 is out of range"),
        ("503:retry-after=nan", "retry-after=nan is out of range"),
        ("delay:seconds=86401", "seconds=86401 is out of range. Give seconds, from 0 to 86400"),
        ("503:first=0", "first=0 is out of range"),
        ("503:every=1.5", "every=1.5 is out of range"),
        ("503:times=inf", "times=inf is out of range"),
        ("503:each=1000000001", "each=1000000001 is out of range"),
        ("503:customer=1||2", "a customer id is empty"),
        ("503:format=xml", "format=xml is not known. Give format one of api, html, empty"),
        ("503:created=maybe", "created=maybe is not known"),
        ("304:format=html", "an answer 304 has no body"),
        ("500:format=html,reason=x", "a reason stands only in the API's own error format"),
        ("204:reason=x", "a reason stands only in the API's own error format"),
    ],
)
def test_a_spec_that_is_wrong_is_refused_with_what_is_possible(spec: str, wrong: str) -> None:
    with pytest.raises(UsageError, match=re.escape(wrong)) as refused:
        parse_fault(spec)
    assert str(refused.value).startswith(f"The fault {spec!r}: ")
    assert str(refused.value).endswith("An example of a fault is 429:retry-after=1,rate=0.05")


COUNTS = st.none() | st.integers(1, 10**9)
SECONDS = st.floats(0, 86_400)
CUSTOMERS = st.frozensets(st.text("0123456789abcXYZ_", min_size=1, max_size=8), max_size=3)
FORMATS: st.SearchStrategy[Format] = st.sampled_from(("api", "html", "empty"))


@st.composite
def rules(draw: st.DrawFn) -> FaultRule:
    kind = draw(st.sampled_from(FaultKind))
    return FaultRule(
        kind=kind,
        rate=draw(st.floats(0, 1, exclude_min=True)),
        first=draw(COUNTS),
        every=draw(COUNTS),
        customers=draw(CUSTOMERS),
        times=draw(COUNTS),
        each=draw(COUNTS),
        delay=draw(SECONDS),
        status=draw(st.integers(400, 599)) if kind is FaultKind.STATUS else 0,
        format=draw(FORMATS) if kind is FaultKind.STATUS else "api",
        retry_after=draw(st.none() | SECONDS) if kind is FaultKind.STATUS else None,
        created=draw(st.booleans()) if kind is FaultKind.STATUS else False,
    )


def spec_of(rule: FaultRule) -> str:
    settings = [
        *(f"customer={customer}" for customer in sorted(rule.customers)),
        f"rate={rule.rate!r}",
        f"{'seconds' if rule.kind is FaultKind.DELAY else 'delay'}={rule.delay!r}",
    ]
    if rule.kind is FaultKind.STATUS:
        settings += [f"format={rule.format}", f"created={'yes' if rule.created else 'no'}"]
    for key, value in [
        ("first", rule.first),
        ("every", rule.every),
        ("times", rule.times),
        ("each", rule.each),
        ("retry-after", rule.retry_after),
    ]:
        if value is not None:
            settings.append(f"{key}={value!r}")
    return f"{rule.name}:{','.join(settings)}"


@given(rules())
def test_every_rule_can_be_written_as_a_spec_and_read_back(rule: FaultRule) -> None:
    assert parse_fault(spec_of(rule)) == rule


@given(st.text() | st.builds("{}:{}={}".format, st.sampled_from(["503", "delay"]), st.text(), st.text()))
def test_any_text_is_a_rule_within_its_ranges_or_refused(spec: str) -> None:
    try:
        rule = parse_fault(spec)
    except UsageError:
        return
    assert 0 < rule.rate <= 1
    assert 0 <= rule.delay <= 86_400
    assert rule.name == spec.partition(":")[0].strip()


def test_no_rules_mean_no_faults() -> None:
    assert chosen(plan_of(), ["1", "2"]) == [None, None]


def test_the_first_rule_that_fires_wins_and_the_others_count_on() -> None:
    plan = plan_of("503:first=1", "429:first=2", "no-id:every=2")
    assert chosen(plan, "abcd") == ["503", "429", None, "no-id"]


def test_a_rule_that_another_went_before_keeps_its_times() -> None:
    assert chosen(plan_of("503:times=1", "429:times=1"), "abc") == ["503", "429", None]


@pytest.mark.parametrize(
    ("spec", "customers", "faults"),
    [
        ("503:first=2", "abcd", [1, 1, 0, 0]),
        ("503:every=2", "abcd", [0, 1, 0, 1]),
        ("503:times=2,every=2", "abcdefgh", [0, 1, 0, 1, 0, 0, 0, 0]),
        ("503:each=1", "aabab", [1, 0, 1, 0, 0]),
        ("503:customer=a|b", "abca", [1, 1, 0, 1]),
        ("503:customer=b,first=1", "abb", [0, 1, 0]),
    ],
)
def test_limits_say_which_requests_get_the_fault(spec: str, customers: str, faults: list[int]) -> None:
    assert [int(name is not None) for name in chosen(plan_of(spec), customers)] == faults


def test_a_rate_is_random_but_the_same_for_the_same_seed() -> None:
    customers = ["1"] * 2000
    one, same, other = (chosen(plan_of("503:rate=0.25", seed=seed), customers) for seed in (1, 1, 2))
    assert one == same != other
    assert 400 < sum(name is not None for name in one) < 600


def test_a_rate_draws_the_same_numbers_whatever_the_rule_before_it_does() -> None:
    customers = ["1", "2"] * 50
    idle, busy = (
        chosen(plan_of(first, "503:rate=0.5"), customers) for first in ("no-id:customer=3", "no-id:first=20")
    )
    assert busy[:20] == ["no-id"] * 20
    assert busy[20:] == idle[20:]
    assert {*idle} == {None, "503"}


def test_a_rule_knows_whether_the_application_is_created() -> None:
    creating = {kind for kind in list(FaultKind)[1:] if FaultRule(kind=kind).creates}
    assert creating == set(list(FaultKind)[1:]) - {FaultKind.DROP_BEFORE, FaultKind.REDIRECT}
    assert not parse_fault("500").creates
    assert parse_fault("500:created=yes").creates
