"""Rows that are enrolled together: as if each had come by itself, in whatever pieces, and in little space."""

from __future__ import annotations

import asyncio
import sqlite3
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from importer.errors import InternalError, LedgerError
from importer.ledger import Answer, Entry, Known, Policy, Said, Standing
from importer.ledger.sqlite import SqliteLedger
from importer.model import ErrorInfo, OutcomeName, ResultRow
from tests.test_ledger import (
    APPLICATION,
    CREATED,
    DUPLICATES,
    HOLD,
    IN_DOUBT,
    Reading,
    key_of,
    reading,
    writer_of,
)

PROBLEM = ErrorInfo(code="missing", message="phone: nothing in the cell")


class Line(NamedTuple):
    """A row, as far as it matters to the ledger."""

    customer: int | None
    """None for one that is no lead."""

    blank_rows_above: int = 0
    noted: bool = False
    known: bool = False


LINES = st.lists(
    st.builds(
        Line,
        st.one_of(st.none(), st.integers(1, 12)),
        st.sampled_from([0, 0, 0, 1]),
        st.sampled_from([False, False, False, True]),
        st.sampled_from([False, False, False, True]),
    ),
    max_size=25,
)
POLICIES = st.sampled_from([HOLD, DUPLICATES])


def entries_of(sheet: int, lines: Sequence[Line]) -> list[Entry]:
    entries = []
    row = 1
    for line in lines:
        row += 1 + line.blank_rows_above
        lead = line.customer is not None
        entries.append(
            Entry(
                sheet=sheet,
                row=row,
                customer_id=str(line.customer or ""),
                key=key_of(line.customer) if line.customer is not None else None,
                problem=None if lead else PROBLEM,
                notes=("a note",) if line.noted else (),
                known=Known(APPLICATION if line.customer == 1 else None) if line.known and lead else None,
            )
        )
    return entries


async def _runs(
    runs: Sequence[tuple[Sequence[Line], Policy]], size: int
) -> list[tuple[list[Standing], list[ResultRow], dict[OutcomeName, int]]]:
    """Enrol the lines of each run in pieces of `size`, create every third lead, and return what is told."""
    told = []
    with tempfile.TemporaryDirectory() as folder, SqliteLedger(Path(folder) / "ledger.sqlite3") as ledger:
        for lines, policy in runs:
            run = await reading(ledger)
            entries = entries_of(run.sheet, lines)
            standings = []
            for start in range(0, len(entries), size):
                standings += await ledger.enrol(run.run, entries[start : start + size], policy)
            for standing in standings:
                if standing.outcome is None and standing.lead % 3 == 0:
                    await run.send(standing.lead, CREATED)
            told.append((standings, run.results(), ledger.count_outcomes(run.run)))
            await ledger.end_run(run.run, {})
    return told


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(LINES, POLICIES), min_size=1, max_size=3), st.sampled_from([2, 3, 7, 100]))
def test_rows_stand_as_if_each_had_been_enrolled_by_itself(
    runs: list[tuple[list[Line], Policy]], size: int
) -> None:
    alone = asyncio.run(_runs(runs, 1))
    assert asyncio.run(_runs(runs, size)) == alone
    for (lines, _), (standings, results, counts) in zip(runs, alone, strict=True):
        assert len(standings) == len(results) == len(lines) == sum(counts.values())
        assert [row.place.row for row in results] == [entry.row for entry in entries_of(1, lines)]
        assert [row.customer_id for row in results] == [str(line.customer or "") for line in lines]


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[SqliteLedger]:
    with SqliteLedger(tmp_path / "ledger.sqlite3") as opened:
        yield opened


def stored(ledger: SqliteLedger, query: str) -> list[tuple[object, ...]]:
    return writer_of(ledger).call(lambda connection: connection.execute(query).fetchall())


async def test_rows_that_follow_each_other_with_their_leads_are_one_entry_and_again_when_read_again(
    ledger: SqliteLedger,
) -> None:
    first = await reading(ledger)
    await first.enrol(*range(100))
    assert stored(ledger, "SELECT position, row, lead, rows FROM entry") == [(1, 2, 1, 100)]
    changes = stored(ledger, "SELECT sheet, row FROM lead")
    again = await reading(ledger)
    await again.enrol(*range(60))
    await again.enrol(*range(60, 100))
    await ledger.end_run(again.run, {})
    assert stored(ledger, "SELECT position, row, lead, rows FROM entry") == [(1, 2, 1, 60), (61, 62, 61, 40)]
    # Nor is a lead written to that stands where it stood.
    assert stored(ledger, "SELECT sheet, row FROM lead") == changes
    assert [row.place.row for row in again.results()] == list(range(2, 102))


async def test_more_rows_than_a_statement_takes_are_enrolled_at_once(ledger: SqliteLedger) -> None:
    run = await reading(ledger)
    standings = await run.enrol(*range(5000), *range(10))
    assert [standing.lead for standing in standings] == [*range(1, 5001), *range(1, 11)]
    assert run.counts() == {OutcomeName.NOT_ATTEMPTED: 5000, OutcomeName.DUPLICATE: 10}
    assert len(run.results()) == 5010


async def test_no_more_leads_are_enrolled_than_are_to_be_sent(ledger: SqliteLedger) -> None:
    await (await reading(ledger)).sent(3, CREATED)
    run = await reading(ledger)
    entries = [run.entry(customer) for customer in (1, 1, 3, *range(4, 4000))]
    standings = await ledger.enrol(run.run, entries, HOLD, most=2500)
    assert [standing.outcome for standing in standings[:3]] == [
        None,
        OutcomeName.DUPLICATE,
        OutcomeName.EXISTING,
    ]
    assert sum(standing.outcome is None for standing in standings) == 2500
    assert len(standings) == len(run.results()) == 2502
    assert await ledger.enrol(run.run, entries, HOLD, most=0) == []


async def test_a_lead_that_moved_is_told_of_where_it_stands_now(ledger: SqliteLedger) -> None:
    await (await reading(ledger)).enrol(1, 2, 3)
    run = await reading(ledger)
    await run.enrol(3, 1, 2, 1)
    assert run.results()[3].notes == ("the same lead stands in leads.csv, row 3",)
    other = await reading(ledger, "other.csv")
    await other.enrol(1, 1)
    assert other.results()[1].notes == ("the same lead stands in other.csv, row 2",)


async def test_open_leads_are_in_the_order_of_their_rows_also_where_only_some_have_moved(
    ledger: SqliteLedger,
) -> None:
    first = await reading(ledger)
    for customer in (1, 2, 3):
        await first.sent(customer, IN_DOUBT)
    again = await reading(ledger)
    await again.enrol(2, 1, 3)
    assert [(lead.customer_id, lead.place.row) for lead in ledger.open_leads("/data/leads.csv")] == [
        ("2", 2),
        ("1", 3),
        ("3", 4),
    ]


async def test_an_answer_is_told_of_its_own_row_alone(ledger: SqliteLedger) -> None:
    run = await reading(ledger)
    standings = await run.enrol(1, 2, 3)
    for standing in standings:
        await run.send(standing.lead, IN_DOUBT)
    answer = Answer(lead=standings[1].lead, said=Said.CREATED, application_id="900")
    ledger.answer([answer], answered_at="2026-01-02", answered_by="An")
    await (again := await reading(ledger)).enrol(1, 2, 3)
    assert [bool(row.notes) for row in again.results()] == [False, True, False]


async def test_rows_are_enrolled_in_the_newest_run_alone(ledger: SqliteLedger) -> None:
    old = await reading(ledger)
    new = await reading(ledger)
    with pytest.raises(InternalError, match="a run that is over"):
        await old.enrol(1)
    await new.enrol(1)


async def test_nothing_is_enrolled_any_more_in_a_run_whose_transaction_has_failed(
    ledger: SqliteLedger,
) -> None:
    run = await reading(ledger)
    await run.enrol(1)

    def fail(connection: sqlite3.Connection) -> None:
        raise sqlite3.OperationalError("disk I/O error")

    with pytest.raises(LedgerError):
        await asyncio.gather(run.enrol(2), writer_of(ledger).ask(fail))
    await ledger.flush()
    with pytest.raises(InternalError, match="a run that is over"):
        await run.enrol(3)
    later: Reading = await reading(ledger)
    assert [standing.outcome for standing in await later.enrol(1, 2, 3)] == [None] * 3


@pytest.mark.parametrize(
    "change",
    [
        {"row": 6},
        {"sheet": 3},
        {"key": key_of(99)},
        {"key": key_of(1)},
        {"notes": ("a note",)},
        {"known": Known(APPLICATION)},
        {"key": None, "problem": PROBLEM},
    ],
)
async def test_one_row_that_is_not_as_it_was_is_seen_among_those_that_are(
    ledger: SqliteLedger, change: dict[str, Any]
) -> None:
    first = await reading(ledger)
    await first.enrol(*range(10))
    again = await reading(ledger)
    await ledger.add_sheet(again.run, "leads.csv", "/data/leads.csv", "Two")
    await again.enrol(*range(5))
    entries = [again.entry(customer) for customer in range(5, 10)]
    entries[3] = entries[3]._replace(**change)
    standings = await ledger.enrol(again.run, entries, HOLD)
    plain = [Standing(None, number + 1) for number in range(5, 10)]
    assert standings[:3] + standings[4:] == plain[:3] + plain[4:]
    expected = {
        "known": Standing(OutcomeName.EXISTING, 9),
        "problem": Standing(OutcomeName.INVALID),
        "key": Standing(None, 11) if change.get("key") == key_of(99) else Standing(OutcomeName.DUPLICATE, 2),
    }
    assert standings[3] == next(
        (expected[name] for name in ("problem", "known", "key") if name in change), plain[3]
    )
    found = again.results()
    assert [row.place.row for row in found] == [2, 3, 4, 5, 6, 7, 8, 9, change.get("row", 10), 11]
    assert found[8].place.sheet == ("Two" if "sheet" in change else "")


async def test_rows_whose_leads_ended_in_different_ways_stand_each_in_its_own(ledger: SqliteLedger) -> None:
    first = await reading(ledger)
    standings = await first.enrol(*range(6))
    await first.send(standings[4].lead, CREATED)
    again = await reading(ledger)
    await again.enrol(0, 1, 2)
    assert [standing.outcome for standing in await again.enrol(3, 4, 5)] == [None, OutcomeName.EXISTING, None]
