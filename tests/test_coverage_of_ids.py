"""Which ids were seen, however often an export was stopped and whatever came in meanwhile."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from importer.coverage import Coverage

RANGES = st.lists(st.tuples(st.integers(0, 60), st.integers(1, 15)), max_size=12)


@given(RANGES)
def test_an_id_is_seen_if_one_of_the_ranges_has_it(ranges: list[tuple[int, int]]) -> None:
    coverage = Coverage()
    seen: set[int] = set()
    for low, length in ranges:
        coverage.add(low, low + length)
        seen |= set(range(low, low + length))
    assert {number for number in range(-1, 80) if coverage.has(number)} == seen
    for below in range(1, 80):
        following = coverage.next_below(below)
        assert following is not None
        # What is skipped was seen, and what comes next was not.
        assert set(range(following, below)) <= seen
        assert following - 1 not in seen


def test_the_newest_are_asked_for_whatever_was_seen() -> None:
    coverage = Coverage()
    coverage.add(0, 10)
    assert coverage.next_below(None) is None
    assert coverage.next_below(10) == 0


@given(st.sets(st.integers(1, 200), max_size=60), st.lists(st.integers(0, 6), max_size=6), st.integers(1, 7))
def test_pages_read_by_any_number_of_stopped_exports_hold_each_response_once(
    ids: set[int], stops: list[int], size: int
) -> None:
    coverage = Coverage()
    kept: list[int] = []
    arrived = set(ids)
    newest = 300
    for pages in [*stops, 1000]:
        below: int | None = None
        for _ in range(pages):
            page = sorted((one for one in arrived if below is None or one < below), reverse=True)[:size]
            low = min(page, default=0)
            kept += [one for one in page if not coverage.has(one)]
            coverage.add(low, max(page, default=0) + 1 if below is None else below)
            below = coverage.next_below(low)
            # Another one comes in while the export goes on.
            newest += 1
            arrived.add(newest) if pages < 1000 else None
            if below == 0:
                break
    assert sorted(kept) == sorted(arrived)
