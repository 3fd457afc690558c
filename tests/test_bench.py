"""The benchmark: what it makes of measurements, and that it measures at all."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import typer
from hypothesis import example, given
from hypothesis import strategies as st
from rich.console import Console

from tests.bench import contestants, processes, records, servers, tables
from tests.bench.__main__ import sizes_of
from tests.bench.figures import (
    Detail,
    Figure,
    Measurement,
    Spread,
    Wanted,
    at_least,
    at_most,
    in_rounds,
    only,
    spread,
)
from tests.bench.own_server import Account, Bucket
from tests.bench.sections import SECTIONS, Name, find, latency, limit, scale, start, wire
from tests.bench.sheets import lead
from tests.bench.workshop import Plan, Workshop

TINY = Plan(
    rounds=1,
    rows=40,
    peer_rows=10,
    concurrencies=(4,),
    latency_rows=20,
    limit_seconds=0,
    limit_concurrencies=(4,),
    bursts=(10,),
    sizes=(20, 40),
    start_pairs=1,
)
FINITE = st.floats(allow_nan=False, allow_infinity=False)


def measured(contestant: str, seconds: float, number: int = 1, **more: Any) -> Measurement:
    known = Measurement(
        section="wire",
        contestant=contestant,
        round=number,
        rows=100,
        concurrency=16,
        server="nginx",
        seconds=seconds,
    )
    return replace(known, **more)


def rehearsed(contestant: str, right: int) -> Measurement:
    return measured(contestant, 1, 0, rows=20, case=wire.REHEARSAL, values={"right": right})


def named(figures: Sequence[Figure], beginning: str) -> Figure:
    return next(figure for figure in figures if figure.name.startswith(beginning))


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    """A workshop for little, with neither nginx nor newman nor drt."""
    return Workshop(folder=tmp_path, plan=TINY, nginx=None)


# Medians and ratios.


@given(st.lists(FINITE, min_size=1))
@example([8.988465674311579e307, 8.98846567431158e307])
def test_the_median_lies_between_the_least_and_the_most(values: list[float]) -> None:
    found = spread(values)
    assert found.least <= found.median <= found.most


@pytest.mark.parametrize(
    ("values", "expected"),
    [((3.0,), Spread(3, 3, 3)), ((5.0, 1.0, 2.0), Spread(2, 1, 5)), ((1.0, 2.0, 4.0, 9.0), Spread(3, 1, 9))],
)
def test_a_spread_has_the_median_of_its_rounds(values: tuple[float, ...], expected: Spread) -> None:
    assert spread(values) == expected


@pytest.mark.parametrize(
    ("wanted", "seen", "reached"),
    [
        (at_least(0.85), 0.85, True),
        (at_least(0.85), 0.84, False),
        (at_most(15), 15, True),
        (at_most(15), 15.1, False),
        (None, 1, None),
    ],
)
def test_a_figure_reaches_what_is_wanted_from_the_limit_itself(
    wanted: Wanted | None, seen: float, reached: bool | None
) -> None:
    assert Figure("a", (seen,), "", wanted).reached is reached


def test_a_ratio_is_made_within_its_round_and_a_round_that_lacks_one_side_has_none() -> None:
    def ratio(one: Sequence[Measurement]) -> float | None:
        a, b = only(one, "a"), only(one, "b")
        return a.seconds / b.seconds if a and b else None

    seen = [measured("a", 2), measured("b", 9, 2), measured("b", 1), measured("a", 3, 2), measured("a", 1, 3)]
    assert in_rounds(seen, ratio) == (2, 3 / 9)


# What sections find.


def test_on_the_wire_run_is_held_against_the_bare_loop_and_the_best_other_that_signs() -> None:
    seen = [
        rehearsed(contestants.RUN, 20),
        rehearsed("httpx", 20),
        rehearsed("requests", 20),
        rehearsed("drt", 0),
        measured(contestants.RUN, 2, values={"sending_seconds": 1}),
        measured(contestants.BARE, 1, values={"sending_seconds": 0.9}),
        measured("httpx", 8),
        measured("requests", 10),
        measured("drt", 4),
    ]
    found = wire.find(seen)
    assert named(found.figures, "wire: run ÷ bare aiohttp loop, 16").values == (0.5,)
    assert named(found.figures, "wire: run ÷ bare aiohttp loop on uvloop").values == ()
    assert list(named(found.figures, "wire: sending ÷").values) == pytest.approx([0.9])
    assert named(found.figures, "wire: run ÷ best other that signs").values == (4,)
    assert named(found.figures, "wire: run ÷ drt, unsigned").values == (2,)
    assert {row[0]: row[-1] for row in found.details[0].rows} == {
        contestants.RUN: "yes",
        contestants.BARE: "no",
        "httpx": "yes",
        "requests": "yes",
        "drt": "no",
    }


@pytest.mark.parametrize(("server", "told"), [("nginx", False), ("own server", True)])
def test_the_table_says_when_the_server_can_be_the_bottleneck(server: str, told: bool) -> None:
    title = wire.find([measured(contestants.RUN, 1, server=server)]).details[0].title
    assert ("bottleneck" in title) is told


def test_a_peer_that_is_missing_is_told() -> None:
    absent = measured("newman", 0, 0, case=wire.ABSENT, values={"right": 0})
    assert ("newman", "", "", "not installed", "", "", "") in wire.find([absent]).details[0].rows


def test_latency_is_a_share_of_concurrency_divided_by_the_delay() -> None:
    run = measured(contestants.RUN, 2, rows=640, values={"sending_seconds": 1.25})
    figures = latency.find([run]).figures
    assert named(figures, "latency: run's sending").values == (0.8,)
    assert named(figures, "latency: run from start to end").values == (0.5,)


def account(
    accepted: Sequence[int], refused: Sequence[int], tokens: Sequence[float], *, last: float
) -> Account:
    return Account(
        rate=300, first=1.0, last=1.0 + last, accepted=[*accepted], refused=[*refused], tokens=[*tokens]
    )


@pytest.mark.parametrize(
    ("seen", "since", "used", "refused"),
    [
        (Account(rate=300), 0, 0, 0),
        # All that the full bucket had, and all that came in since.
        (account([60, 30], [0, 0], [30, 0], last=0.2), 0, 1, 0),
        (account([60, 30], [0, 10], [30, 0], last=0.2), 0, 1, 0.1),
        # From the second slot on, what the first one left in the bucket could have been had, too.
        (account([30, 15], [0, 45], [30, 30], last=0.1 + 0.1), 0.1, 0.25, 0.75),
        (account([30], [0], [30], last=0.1), 5, 0, 0),
    ],
)
def test_what_is_used_of_the_limit_is_a_share_of_the_tokens_there_were(
    seen: Account, since: float, used: float, refused: float
) -> None:
    assert limit.used(seen, since=since) == pytest.approx(used)
    assert limit.refused(seen, since=since) == pytest.approx(refused)


def test_the_worst_case_of_each_round_counts() -> None:
    def case(name: str, number: int, used: float, refused: float) -> Measurement:
        values = {
            "used": used,
            "used_when_settled": used,
            "refused": refused,
            "refused_when_settled": refused,
        }
        return measured(contestants.RUN, 30, number, section="limit", case=name, values=values)

    seen = [case("a", 1, 0.9, 0.0), case("b", 1, 0.97, 0.3), case("a", 2, 0.98, 0.1), case("b", 2, 0.99, 0)]
    figures = limit.find(seen).figures
    assert figures[0].values == (0.9, 0.98)
    assert figures[-1].values == (0.3, 0.1)


def test_seconds_are_sums_of_their_slots() -> None:
    assert limit.per_second([1] * 25) == [10, 10, 5]


def test_scale_holds_the_largest_size_against_the_one_before() -> None:
    def sized(name: str, rows: int, seconds: float, peak: float) -> Measurement:
        values = {"peak_pss_bytes": peak, "ledger_bytes": rows * 135, "requests": 0}
        return measured(name, seconds, section="scale", rows=rows, values=values)

    seen = [
        sized(name, rows, seconds, peak)
        for rows, peak in ((100, 1e8), (1000, 1.2e8))
        for name, seconds in ((scale.FIRST, 9), (scale.SECOND, 6), (scale.READ, 2))
    ]
    figures = scale.find(seen).figures
    assert named(figures, "scale: peak memory at 1,000 rows").values == (120,)
    assert named(figures, "scale: the same ÷ that at 100 rows").values == (1.2,)
    assert named(figures, "scale: second run ÷ read_csv").values == (3,)
    assert named(figures, "scale: requests of the second run").values == (0,)
    assert named(figures, "scale: ledger").values == (135,)


def test_start_is_told_as_what_is_more_than_nothing() -> None:
    seen = [measured(start.NOTHING, 1.0), measured(start.HELP, 1.5), measured(start.VERSION, 1.25)]
    assert [figure.values for figure in start.find(seen).figures] == [(0.5,), (0.25,)]


# Tables and the JSON file.


@pytest.mark.parametrize(
    ("value", "unit", "shown"),
    [
        (0, "", "0"),
        (0.8512, "", "0.85"),
        (14.96, "s", "15.0 s"),
        (123456.7, "", "123,457"),
        (0.0213, "%", "2.1 %"),
        (1, "%", "100.0 %"),
    ],
)
def test_a_number_has_as_many_digits_as_tell_something(value: float, unit: str, shown: str) -> None:
    assert tables.number(value, unit) == shown


FIGURES = (
    Figure("wire: a", (0.9, 0.8, 0.95), "", at_least(0.85)),
    Figure("limit: b", (0.05,), "%", at_most(0.02)),
    Figure("scale: c", (120.0, 140.0), "MB"),
    Figure("scale: never measured", (), "MB", at_most(200)),
)


def test_a_line_has_what_is_wanted_and_seen_and_whether_that_reaches() -> None:
    assert tables.lines(FIGURES) == [
        ("wire: a", "≥ 0.85", "0.90", "0.80–0.95", "yes"),
        ("limit: b", "≤ 2 %", "5.0 %", "", "no"),
        ("scale: c", "", "130 MB", "120–140", ""),
    ]


def test_markdown_has_a_line_for_each_row_and_the_numbers_to_the_right() -> None:
    detail = Detail("Wire", ("contestant", "rows/s"), (("a | b", "1,000"),))
    assert tables.in_markdown(FIGURES[:1], [detail]).splitlines() == [
        "| figure | wanted | seen | min–max | reaches |",
        "| --- | ---: | ---: | ---: | ---: |",
        "| wire: a | ≥ 0.85 | 0.90 | 0.80–0.95 | yes |",
        "",
        "Wire",
        "",
        "| contestant | rows/s |",
        "| --- | ---: |",
        "| a \\| b | 1,000 |",
    ]


def test_a_terminal_of_80_columns_shows_all_of_each_figure() -> None:
    written = StringIO()
    console = Console(file=written, width=80)
    for table in tables.on_terminal(FIGURES, []):
        console.print(table)
    lines = written.getvalue().splitlines()
    assert any(line.split() == ["wire:", "a", "≥", "0.85", "0.90", "0.80–0.95", "yes"] for line in lines)
    assert max(map(len, lines)) <= 80


def test_what_went_wrong_is_told_with_its_place() -> None:
    wrong = measured("run", 1, case="bucket of 30", wrong=("exit code 1", "99 created"))
    assert tables.notes([measured("run", 1), wrong]) == [
        "wire, run, round 1, 100 rows, 16 at once, bucket of 30: exit code 1; 99 created"
    ]


def test_the_file_gives_back_every_measurement(tmp_path: Path) -> None:
    seen = [
        measured("run", 1.5, values={"requests": 100}, series={"accepted_per_second": [1.0, 2.0]}),
        measured("bare", 1.25, 2, wrong=("exit code 1",)),
    ]
    path = tmp_path / "new" / "measurements.json"
    records.write(path, records.document(seen, FIGURES, {"machine": {"cores": 2}}))
    assert records.read(path) == seen
    written = json.loads(path.read_text(encoding="utf-8"))
    assert written["machine"] == {"cores": 2}
    assert written["figures"][0] == {
        "name": "wire: a",
        "unit": "",
        "wanted": {"limit": 0.85, "at_least": True},
        "values": [0.9, 0.8, 0.95],
        "median": 0.9,
        "least": 0.8,
        "most": 0.95,
        "reached": True,
    }


def test_the_filesystem_is_that_of_the_nearest_mount() -> None:
    mounts = "/dev/vda / ext4 rw 0 0\ntmpfs /tmp tmpfs rw 0 0\n"
    assert records.filesystem(Path("/tmp/bench"), mounts) == "tmpfs"  # noqa: S108 - never opened
    assert records.filesystem(Path("/home/bench"), mounts) == "ext4"


def test_the_surroundings_tell_machine_versions_and_plan(workshop: Workshop) -> None:
    told = records.surroundings(workshop)
    assert told["machine"]["cores"] >= 1
    assert "aiohttp" in told["versions"]
    assert told["plan"]["rows"] == TINY.rows


# Servers, processes and contestants.


def test_sizes_are_numbers_with_commas_the_smallest_first() -> None:
    assert sizes_of("100000, 10000") == (10_000, 100_000)


@pytest.mark.parametrize("text", ["", "many", "10,", "0", "-5", "1.5"])
def test_other_sizes_are_refused(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="is not a list"):
        sizes_of(text)


def test_a_bucket_lets_its_burst_through_and_then_the_rate() -> None:
    bucket = Bucket(rate=10, burst=3)
    assert [bucket.take(0) for _ in range(4)] == [True, True, True, False]
    assert [bucket.take(0.05), bucket.take(0.1), bucket.take(0.11)] == [False, True, False]
    assert [bucket.take(100) for _ in range(4)] == [True, True, True, False]


def test_an_account_has_the_tokens_of_the_beginning_of_each_slot_idle_ones_too() -> None:
    account, bucket = Account(rate=10), Bucket(rate=10, burst=2)
    assert [account.note(now, bucket) for now in (5.0, 5.0, 5.0, 5.35)] == [True, True, False, True]
    assert account.accepted == [2, 0, 0, 1]
    assert account.refused == [1, 0, 0, 0]
    assert account.tokens == pytest.approx([2, 1, 2, 2])


def test_the_configuration_of_nginx_pads_both_numbers_of_an_id(tmp_path: Path) -> None:
    written = servers.nginx_configuration(tmp_path, 8123)
    assert "listen 127.0.0.1:8123;" in written
    assert " ~^.$ 0000000$connection_requests;" in written
    assert " ~^......$ 0$connection;" in written
    assert '"id":"1$connection_number$request_number"' in written


def test_the_memory_of_a_process_is_its_proportional_share() -> None:
    told = "56-7f rw-p 00000000 00:00 0  [rollup]\nRss:      9000 kB\nPss:      1234 kB\nPss_Dirty:   99 kB\n"
    assert processes.pss_bytes(told) == 1234 * 1024
    assert processes.pss_bytes("") == 0


def test_a_command_sees_a_terminal_of_80_columns_and_tells_its_end(tmp_path: Path) -> None:
    script = "import os, sys; print(os.get_terminal_size().columns, sys.stderr.isatty()); sys.exit(3)"
    ended = processes.measure([sys.executable, "-c", script], folder=tmp_path)
    assert ended.exit_code == 3
    assert ended.output.split() == ["80", "True"]
    assert ended.peak_rss_bytes > 0


def test_a_contestant_does_not_see_settings_of_who_runs_the_benchmark(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LEAD_IMPORTER_RATE", "1")
    monkeypatch.setenv("HTTPS_PROXY", "http://192.0.2.1:3128")
    told = processes.environment({"HOME": "/nowhere"})
    assert told["HOME"] == "/nowhere"
    assert not {"LEAD_IMPORTER_RATE", "HTTPS_PROXY"} & told.keys()


@given(st.sets(st.integers(0, 9_999_999), max_size=50))
def test_leads_of_the_sheet_differ(indices: set[int]) -> None:
    assert len({tuple(lead(index).values()) for index in indices}) == len(indices)


def test_only_leads_that_arrive_as_they_stand_count_as_right() -> None:
    def application(**values: str) -> dict[str, str]:
        customer_id = values.pop("customer_id")
        return {"customer_id": customer_id, "inputs": json.dumps(dict(sorted(values.items())))}

    whole = [application(**lead(index)) for index in (1, 0)]
    assert contestants.as_they_stand(whole) == 2
    lost_zero = application(**{**lead(0), "phone": lead(0)["phone"].lstrip("0")})
    assert contestants.as_they_stand([whole[0], lost_zero]) == 1


# The whole of it, small.


@pytest.mark.parametrize("name", Name)
def test_a_section_measures_and_finds_its_figures(workshop: Workshop, name: Name) -> None:
    seen = list(SECTIONS[name].measure(workshop))
    assert [each.wrong for each in seen if each.wrong] == []
    assert {each.section for each in seen} == {name}
    figures = find(seen).figures
    assert any(figure.values for figure in figures if figure.wanted is not None)
    assert not list((workshop.folder / "places").glob("*")), "ledgers and results are gone"
