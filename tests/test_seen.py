"""Ids that have come already."""

from __future__ import annotations

import tracemalloc

from hypothesis import given
from hypothesis import strategies as st

from importer.seen import SeenIds

ids = st.one_of(st.text(), st.from_regex(r"[0-9]{1,20}", fullmatch=True), st.integers(0, 20).map(str))


@given(st.lists(ids))
def test_an_id_has_come_before_exactly_if_it_has(texts: list[str]) -> None:
    seen = SeenIds()
    before: set[str] = set()
    for text in texts:
        assert seen.note(text) == (text in before)
        before.add(text)


def test_ids_that_are_the_same_number_in_other_digits_are_told_apart() -> None:
    seen = SeenIds()
    assert not any(seen.note(text) for text in ("7", "07", "007", "٧", "1" * 18, "1" * 19, "1" * 30))
    assert all(seen.note(text) for text in ("7", "07", "007", "٧", "1" * 18, "1" * 19, "1" * 30))


def test_a_hundred_thousand_ids_take_little_memory() -> None:
    tracemalloc.start()
    try:
        seen = SeenIds()
        for number in range(141_952_217_564_000_000, 141_952_217_564_100_000):
            seen.note(str(number))
        size, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert size < 4_000_000
