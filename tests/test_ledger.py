"""The ledger: the contract of its port, which any store must keep, and what is SQLite's own."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from importer.errors import ImporterError, InternalError, LedgerBusyError, LedgerError, UsageError
from importer.identity import KEY_BYTES, account_id, lead_key
from importer.ledger import Entry, LeadState, Ledger, Policy, RunStart, Standing, copy_key
from importer.ledger.sqlite import SqliteLedger
from importer.ledger.writer import SqliteWriter
from importer.model import (
    Application,
    Created,
    ErrorInfo,
    Failed,
    InDoubt,
    NotAttempted,
    OutcomeName,
    Place,
    Rejected,
    ResultRow,
    RowEnd,
)

Store = Callable[[Path], AbstractContextManager[Ledger]]

ERROR = ErrorInfo(code="http_500", message="it broke", reason="why", http_status=500, request_id="r-1")
APPLICATION = Application(
    application_id="141952217564315671", status="created", created_at="2024-05-06T07:08:09.123Z"
)
CREATED = Created(APPLICATION)
IN_DOUBT = InDoubt(ERROR)
FOR_GOOD = InDoubt(ERROR, resendable=False)

HOLD = Policy()
RESEND = Policy(resend_doubtful=True)
DUPLICATES = Policy(send_duplicates=True)
RETRY = Policy(retry_rejected=True)

ENDS: dict[OutcomeName, RowEnd] = {
    OutcomeName.CREATED: CREATED,
    OutcomeName.REJECTED: Rejected(ERROR),
    OutcomeName.IN_DOUBT: IN_DOUBT,
    OutcomeName.FAILED: Failed(ERROR),
    OutcomeName.NOT_ATTEMPTED: NotAttempted(ERROR),
}


def same_file(path: Path) -> AbstractContextManager[Ledger]:
    return SqliteLedger(path, clock=lambda: 1_700_000_000.0)


@pytest.fixture(params=[pytest.param(same_file, id="sqlite")])
def store(request: pytest.FixtureRequest) -> Store:
    """What opens a ledger, and opens it again: one for each store that keeps the contract."""
    chosen: Store = request.param
    return chosen


@pytest.fixture
def path(tmp_path: Path) -> Path:
    folder = tmp_path / "state"
    folder.mkdir()
    return folder / "ledger.sqlite3"


@pytest.fixture
def ledger(store: Store, path: Path) -> Iterator[Ledger]:
    with store(path) as opened:
        yield opened


def key_of(customer: int) -> bytes:
    return lead_key("account", "sandbox", str(customer), {"name": "John"})


class Reading:
    """A run that reads one sheet, row after row."""

    def __init__(self, ledger: Ledger, run: int, sheet: int) -> None:
        self.ledger = ledger
        self.run = run
        self.sheet = sheet
        self.row = 1

    def entry(self, customer: int, **more: Any) -> Entry:
        self.row += 1
        return Entry(sheet=self.sheet, row=self.row, customer_id=str(customer), key=key_of(customer), **more)

    async def enrol(self, *customers: int, policy: Policy = HOLD) -> list[Standing]:
        return await self.ledger.enrol(self.run, [self.entry(customer) for customer in customers], policy)

    async def send(self, lead: int, end: RowEnd, attempts: int = 1) -> None:
        await self.ledger.intend(self.run, lead, attempts)
        self.ledger.record(self.run, lead, end, attempts)

    async def sent(self, customer: int, end: RowEnd, policy: Policy = HOLD) -> int:
        (standing,) = await self.enrol(customer, policy=policy)
        assert standing.outcome is None
        await self.send(standing.lead, end)
        return standing.lead

    def results(self, path: str | None = None) -> list[ResultRow]:
        return list(self.ledger.result_rows(self.run, path))

    def outcomes(self) -> list[OutcomeName]:
        return [row.outcome for row in self.results()]

    def counts(self) -> dict[OutcomeName, int]:
        return {name: count for name, count in self.ledger.count_outcomes(self.run).items() if count}


async def reading(ledger: Ledger, source: str = "leads.csv") -> Reading:
    run = await ledger.begin_run(
        RunStart(name="a run", environment="sandbox", base_url="https://api", started_at="2024-05-06")
    )
    return Reading(ledger, run, await ledger.add_sheet(run, source, f"/data/{source}", ""))


async def test_a_lead_that_nobody_knows_is_to_be_sent(ledger: Ledger) -> None:
    run = await reading(ledger)
    first, second = await run.enrol(1, 2)
    assert (first.outcome, first.doubtful, second.outcome) == (None, False, None)
    assert 0 < first.lead < second.lead
    assert run.counts() == {OutcomeName.NOT_ATTEMPTED: 2}


@pytest.mark.parametrize(("outcome", "end"), ENDS.items())
async def test_how_a_lead_ended_is_told_with_all_that_is_known(
    ledger: Ledger, outcome: OutcomeName, end: RowEnd
) -> None:
    run = await reading(ledger)
    (standing,) = await run.enrol(1333)
    await run.send(standing.lead, end, attempts=3)
    await ledger.flush()
    assert run.results() == [
        ResultRow(
            place=Place("leads.csv", "", 2),
            customer_id="1333",
            outcome=outcome,
            application=APPLICATION if end is CREATED else None,
            attempts=3,
            error=None if end is CREATED else ERROR,
        )
    ]
    assert run.counts() == {outcome: 1}


async def test_a_row_that_is_no_lead_keeps_its_reason_and_its_notes(ledger: Ledger) -> None:
    run = await reading(ledger)
    problem = ErrorInfo(code="missing", message="phone: nothing in the cell")
    entries = [
        Entry(sheet=run.sheet, row=2, customer_id="", key=None, problem=problem, notes=("Một", "two")),
        Entry(sheet=run.sheet, row=3, customer_id="0", key=None, problem=problem),
    ]
    standings = await ledger.enrol(run.run, entries, HOLD)
    assert standings == [Standing(OutcomeName.INVALID)] * 2
    first, second = run.results()
    assert (first.outcome, first.error, first.notes) == (OutcomeName.INVALID, problem, ("Một", "two"))
    assert (first.customer_id, second.customer_id) == ("", "0")
    assert run.counts() == {OutcomeName.INVALID: 2}


@pytest.mark.parametrize("customer_id", ["0", "0901", "1" * 18, "9" * 30, "kh-1", "١٢", "-1"])
async def test_ids_come_back_as_the_text_that_they_were(ledger: Ledger, customer_id: str) -> None:
    run = await reading(ledger)
    entry = Entry(sheet=run.sheet, row=2, customer_id=customer_id, key=key_of(1))
    (standing,) = await ledger.enrol(run.run, [entry], HOLD)
    application = Application(application_id=customer_id, status="", created_at="")
    await run.send(standing.lead, Created(application))
    (row,) = run.results()
    assert (row.customer_id, row.application) == (customer_id, application)


async def test_text_that_is_half_a_character_is_kept_and_found_again(ledger: Ledger) -> None:
    odd = "l\udcffeads.csv"
    run = await reading(ledger, odd)
    problem = ErrorInfo(code="broken_text", message="half: \ud800")
    entry = Entry(sheet=run.sheet, row=2, customer_id="\ud800", key=None, problem=problem, notes=("\ud800",))
    await ledger.enrol(run.run, [entry], HOLD)
    assert ledger.last_run(f"/data/{odd}") == run.run
    (row,) = run.results(f"/data/{odd}")
    assert (row.error, row.notes) == (problem, ("\ud800",))
    await ledger.end_run(run.run, {"files": [odd]})


async def test_an_error_without_a_message_comes_back(ledger: Ledger) -> None:
    run = await reading(ledger)
    await run.sent(1, Failed(ErrorInfo(code="x", message="")))
    assert run.results()[0].error == ErrorInfo(code="x", message="")


async def test_a_created_lead_exists_in_the_next_run_and_nothing_was_sent(ledger: Ledger) -> None:
    await (await reading(ledger)).sent(1, CREATED)
    run = await reading(ledger, "other name.csv")
    (standing,) = await run.enrol(1)
    assert standing.outcome is OutcomeName.EXISTING
    assert run.results() == [
        ResultRow(
            place=Place("other name.csv", "", 2),
            customer_id="1",
            outcome=OutcomeName.EXISTING,
            application=APPLICATION,
            attempts=0,
        )
    ]


@pytest.mark.parametrize(
    ("end", "policy", "outcome", "doubtful"),
    [
        (Rejected(ERROR), HOLD, OutcomeName.REJECTED, False),
        (Rejected(ERROR), RETRY, None, False),
        (IN_DOUBT, HOLD, OutcomeName.IN_DOUBT, None),
        (IN_DOUBT, RESEND, None, True),
        (IN_DOUBT, DUPLICATES, OutcomeName.IN_DOUBT, None),
        (FOR_GOOD, HOLD, OutcomeName.IN_DOUBT, None),
        (FOR_GOOD, RESEND, OutcomeName.IN_DOUBT, None),
        (FOR_GOOD, DUPLICATES, OutcomeName.IN_DOUBT, None),
        (Failed(ERROR), HOLD, None, False),
        (NotAttempted(ERROR), HOLD, None, False),
        (NotAttempted(), HOLD, None, False),
        (CREATED, RESEND, OutcomeName.EXISTING, None),
        (CREATED, RETRY, OutcomeName.EXISTING, None),
        (CREATED, DUPLICATES, None, False),
    ],
)
async def test_what_an_earlier_run_left_decides_what_the_next_one_does(
    ledger: Ledger, end: RowEnd, policy: Policy, outcome: OutcomeName | None, doubtful: bool | None
) -> None:
    await (await reading(ledger)).sent(1, end)
    run = await reading(ledger)
    (standing,) = await run.enrol(1, policy=policy)
    assert standing.outcome is outcome
    if doubtful is not None:
        assert standing.doubtful is doubtful
    (row,) = run.results()
    waiting = OutcomeName.IN_DOUBT if standing.doubtful else OutcomeName.NOT_ATTEMPTED
    assert row.outcome is (outcome or waiting)
    assert row.attempts == 0
    assert run.counts() == {row.outcome: 1}


async def test_a_held_row_tells_why(ledger: Ledger) -> None:
    first = await reading(ledger)
    await first.sent(1, Rejected(ERROR))
    await first.sent(2, IN_DOUBT)
    run = await reading(ledger)
    await run.enrol(1, 2)
    assert [row.error for row in run.results()] == [ERROR, ERROR]


async def test_the_same_lead_twice_in_a_run_is_a_duplicate_that_has_the_id(ledger: Ledger) -> None:
    run = await reading(ledger)
    first, second = await run.enrol(1, 1)
    assert (first.outcome, second.outcome, second.lead) == (None, OutcomeName.DUPLICATE, first.lead)
    assert [row.application for row in run.results()] == [None, None]
    await run.send(first.lead, CREATED)
    other_sheet = Reading(ledger, run.run, await ledger.add_sheet(run.run, "b.xlsx", "/data/b.xlsx", "Two"))
    (third,) = await other_sheet.enrol(1)
    assert third.outcome is OutcomeName.DUPLICATE
    rows = run.results()
    assert [row.outcome for row in rows] == [OutcomeName.CREATED] + [OutcomeName.DUPLICATE] * 2
    assert [row.application for row in rows] == [APPLICATION] * 3
    assert [row.attempts for row in rows] == [1, 0, 0]
    assert rows[2].place == Place("b.xlsx", "Two", 2)
    assert rows[2].notes == ("the same lead stands in leads.csv, row 2",)


@pytest.mark.parametrize("end", [CREATED, Rejected(ERROR), IN_DOUBT, FOR_GOOD, Failed(ERROR), NotAttempted()])
@pytest.mark.parametrize("policy", [HOLD, RESEND, RETRY])
async def test_a_duplicate_is_not_sent_whatever_became_of_the_first(
    ledger: Ledger, end: RowEnd, policy: Policy
) -> None:
    run = await reading(ledger)
    lead = await run.sent(1, end)
    assert await run.enrol(1, policy=policy) == [Standing(OutcomeName.DUPLICATE, lead)]
    assert run.results()[1].error is None


async def test_a_duplicate_of_a_held_row_is_a_duplicate_in_the_next_run_too(ledger: Ledger) -> None:
    first = await reading(ledger)
    await first.enrol(1, 1)
    run = await reading(ledger)
    assert [standing.outcome for standing in await run.enrol(1, 1)] == [None, OutcomeName.DUPLICATE]


async def test_duplicates_that_are_to_be_sent_are_leads_of_their_own(ledger: Ledger) -> None:
    run = await reading(ledger)
    standings = await run.enrol(1, 1, 1, policy=DUPLICATES)
    assert [standing.outcome for standing in standings] == [None] * 3
    assert len({standing.lead for standing in standings}) == 3
    ends: list[RowEnd] = [CREATED, IN_DOUBT, Failed(ERROR)]
    for standing, end in zip(standings, ends, strict=True):
        await run.send(standing.lead, end)
    assert run.outcomes() == [OutcomeName.CREATED, OutcomeName.IN_DOUBT, OutcomeName.FAILED]
    again = await reading(ledger)
    later = await again.enrol(1, policy=DUPLICATES)
    # The copy in doubt comes before a new one, and is held.
    assert later[0].outcome is OutcomeName.IN_DOUBT


async def test_a_run_that_skips_duplicates_knows_the_copies_of_one_that_did_not(ledger: Ledger) -> None:
    first = await reading(ledger)
    for standing in await first.enrol(1, 1, policy=DUPLICATES):
        await first.send(standing.lead, CREATED)
    run = await reading(ledger)
    assert [standing.outcome for standing in await run.enrol(1, 1)] == [
        OutcomeName.EXISTING,
        OutcomeName.DUPLICATE,
    ]


@pytest.mark.parametrize("state", [CREATED, FOR_GOOD, None])
async def test_what_was_created_or_is_being_sent_is_never_sent_again(
    ledger: Ledger, state: RowEnd | None
) -> None:
    run = await reading(ledger)
    (standing,) = await run.enrol(1)
    await ledger.intend(run.run, standing.lead, 1)
    if state is not None:
        ledger.record(run.run, standing.lead, state, 1)
    before = run.results()
    with pytest.raises(InternalError, match="nothing was sent"):
        await ledger.intend(run.run, standing.lead, 2)
    assert run.results() == before
    assert before[0].attempts == 1


@pytest.mark.parametrize("end", [Rejected(ERROR), IN_DOUBT, Failed(ERROR), NotAttempted(ERROR)])
async def test_what_may_be_sent_again_can_be(ledger: Ledger, end: RowEnd) -> None:
    run = await reading(ledger)
    lead = await run.sent(1, end)
    await run.send(lead, CREATED, attempts=2)
    assert run.results()[0].application == APPLICATION
    assert run.results()[0].attempts == 2


async def test_a_lead_that_does_not_exist_is_not_sent(ledger: Ledger) -> None:
    run = await reading(ledger)
    with pytest.raises(InternalError, match="not known"):
        await ledger.intend(run.run, 77, 1)
    await run.enrol(1)


@pytest.mark.parametrize("end", [NotAttempted(), Failed(ERROR), IN_DOUBT, Rejected(ERROR)])
async def test_a_created_lead_stays_created_whatever_is_recorded_later(ledger: Ledger, end: RowEnd) -> None:
    run = await reading(ledger)
    lead = await run.sent(1, CREATED)
    ledger.record(run.run, lead, end, 2)
    assert run.results()[0].application == APPLICATION
    with pytest.raises(InternalError):
        await ledger.intend(run.run, lead, 2)


async def test_what_a_dead_run_was_sending_is_in_doubt(store: Store, path: Path) -> None:
    with store(path) as ledger:
        run = await reading(ledger)
        sending, pending, created = await run.enrol(1, 2, 3)
        await ledger.intend(run.run, sending.lead, 1)
        await run.send(created.lead, CREATED)
        assert run.outcomes()[0] is OutcomeName.IN_DOUBT
    with store(path) as ledger:
        again = await reading(ledger)
        standings = await again.enrol(1, 2, 3)
        assert [standing.outcome for standing in standings] == [
            OutcomeName.IN_DOUBT,
            None,
            OutcomeName.EXISTING,
        ]
        assert standings[1].lead == pending.lead
        error = again.results()[0].error
        assert error is not None
        assert error.code == "interrupted"
    with store(path) as ledger:
        (standing,) = await (await reading(ledger)).enrol(1, policy=RESEND)
        assert standing == Standing(None, sending.lead, doubtful=True)


async def test_what_is_recorded_is_on_disk_after_what_is_asked_for_next(store: Store, path: Path) -> None:
    with store(path) as ledger:
        run = await reading(ledger)
        (standing,) = await run.enrol(1)
        ledger.record(run.run, standing.lead, Rejected(ERROR), 1)
        ledger.record(run.run, standing.lead, CREATED, 2)
    with store(path) as ledger:
        (row,) = ledger.result_rows(run.run)
        assert (row.outcome, row.attempts) == (OutcomeName.CREATED, 2)


async def test_many_at_once_are_each_told_their_own(ledger: Ledger) -> None:
    run = await reading(ledger)
    standings = await run.enrol(*range(1300))

    async def send(number: int, lead: int) -> None:
        with pytest.raises(InternalError):
            await ledger.intend(run.run, 1_000_000 + number, 1)
        await ledger.intend(run.run, lead, 1)
        application = Application(application_id=f"a{number}", status="", created_at="")
        ledger.record(run.run, lead, Created(application), 1)

    await asyncio.gather(*(send(number, standing.lead) for number, standing in enumerate(standings)))
    assert run.counts() == {OutcomeName.CREATED: 1300}
    assert [row.application.application_id for row in run.results() if row.application] == [
        f"a{number}" for number in range(1300)
    ]


async def test_results_of_more_than_a_page_are_in_the_order_of_the_input(ledger: Ledger) -> None:
    run = await reading(ledger)
    other = Reading(ledger, run.run, await ledger.add_sheet(run.run, "b.csv", "/data/b.csv", ""))
    for first in range(0, 2500, 500):
        await run.enrol(*range(first, first + 500))
        await other.enrol(*range(10_000 + first, 10_000 + first + 250))
    rows = run.results()
    assert len(rows) == 3750
    assert [row.customer_id for row in rows[499:501]] == ["499", "10000"]
    assert [row.place.row for row in run.results("/data/leads.csv")] == list(range(2, 2502))
    assert len(run.results("/data/b.csv")) == 1250
    assert run.results("/data/none.csv") == []


async def test_the_newest_run_of_a_file_is_found_by_its_path(ledger: Ledger) -> None:
    first = await reading(ledger)
    second = await reading(ledger, "b.csv")
    assert first.run < second.run
    assert ledger.last_run("/data/leads.csv") == first.run
    assert ledger.last_run("/data/b.csv") == second.run
    assert ledger.last_run("leads.csv") is None
    third = await reading(ledger)
    assert ledger.last_run("/data/leads.csv") == third.run > second.run


async def test_a_killed_run_that_read_less_of_a_file_than_the_one_before_is_not_its_last(
    ledger: Ledger,
) -> None:
    ended = await reading(ledger)
    await ended.enrol(1, 2)
    await ledger.end_run(ended.run, {})
    killed = await reading(ledger)
    assert ledger.last_run("/data/leads.csv") == ended.run
    await killed.enrol(1)
    assert ledger.last_run("/data/leads.csv") == ended.run
    await killed.enrol(2)
    assert ledger.last_run("/data/leads.csv") == killed.run


async def test_a_run_that_ended_is_the_last_however_little_it_read(ledger: Ledger) -> None:
    whole = await reading(ledger)
    await whole.enrol(1, 2)
    await ledger.end_run(whole.run, {})
    limited = await reading(ledger)
    await limited.enrol(1)
    await ledger.end_run(limited.run, {}, complete=False)
    assert ledger.last_run("/data/leads.csv") == limited.run


async def test_the_end_of_a_run_forgets_older_rows_of_its_files_but_no_lead(ledger: Ledger) -> None:
    old = await reading(ledger)
    await old.sent(1, CREATED)
    await old.enrol(2)
    kept = await reading(ledger, "b.csv")
    await kept.enrol(3)
    new = await reading(ledger)
    assert [standing.outcome for standing in await new.enrol(1)] == [OutcomeName.EXISTING]
    assert len(old.results()) == 2
    await ledger.end_run(new.run, {"read": 1})
    assert old.results() == []
    assert len(kept.results()) == len(new.results()) == 1
    later = await reading(ledger)
    first, second = await later.enrol(1, 2)
    assert (first.outcome, second.outcome) == (OutcomeName.EXISTING, None)


async def test_a_run_of_another_file_leaves_the_rows_of_both_in_older_runs(ledger: Ledger) -> None:
    old = await reading(ledger)
    both = Reading(ledger, old.run, await ledger.add_sheet(old.run, "b.csv", "/data/b.csv", ""))
    await old.enrol(1)
    await both.enrol(2)
    new = await reading(ledger, "b.csv")
    await ledger.end_run(new.run, {})
    assert [row.place.source for row in old.results()] == ["leads.csv"]


def test_equal_leads_and_only_those_have_equal_keys() -> None:
    inputs = {"name": "Nguyễn", "phone": "0901"}
    known = lead_key("a", "sandbox", "1333", inputs)
    assert len(known) == KEY_BYTES
    assert known == lead_key("a", "sandbox", "1333", dict(reversed(inputs.items())))
    others = [
        lead_key("b", "sandbox", "1333", inputs),
        lead_key("a", "production", "1333", inputs),
        lead_key("a", "sandbox", "1334", inputs),
        lead_key("a", "sandbox", "1333", inputs | {"phone": "0902"}),
        lead_key("a", "sandbox", "1333", {"phone": "Nguyễn", "name": "0901"}),
        lead_key("a", "sandbox", "1333", {}),
        *(copy_key(known, number) for number in range(1, 4)),
    ]
    assert len({known, *others}) == len(others) + 1
    assert copy_key(known, 0) == known


def test_the_name_of_an_account_does_not_tell_its_key() -> None:
    assert account_id("key-1") != account_id("key-2")
    assert "key" not in account_id("key-1")
    assert len(account_id("key-1")) == 2 * KEY_BYTES


# What is SQLite's own.


def modes(folder: Path) -> dict[str, str]:
    return {path.name: oct(path.stat().st_mode & 0o777) for path in folder.iterdir()}


def refusal(path: Path, kind: type[ImporterError] = UsageError) -> str:
    with pytest.raises(kind) as refused, SqliteLedger(path):
        pass
    return str(refused.value)


def test_a_ledger_under_several_names_is_refused_since_its_log_is_beside_one(path: Path) -> None:
    with SqliteLedger(path):
        pass
    other = path.with_name("other.sqlite3")
    other.hardlink_to(path)
    assert "one file under several names" in refusal(other)
    other.unlink()
    with SqliteLedger(path):
        pass


def test_a_link_to_a_ledger_leads_to_what_is_beside_the_ledger(path: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.sqlite3"
    link.symlink_to(path)
    with SqliteLedger(link) as ledger:
        assert ledger.path == path.resolve()
        assert f"(process {os.getpid()}, since " in refusal(path, LedgerBusyError)
        assert {other.name for other in tmp_path.iterdir()} == {"link.sqlite3", "state"}


async def test_only_its_owner_may_read_the_ledger_and_what_is_beside_it(path: Path) -> None:
    mask = os.umask(0)
    try:
        with SqliteLedger(path) as ledger:
            await (await reading(ledger)).enrol(1)
            names = ("", "-wal", ".lock", ".holder", ".open")
            assert modes(path.parent) == {f"{path.name}{name}": "0o600" for name in names}
    finally:
        os.umask(mask)


def test_a_ledger_that_others_could_read_is_closed_to_them(path: Path) -> None:
    with SqliteLedger(path):
        pass
    path.chmod(0o644)
    with SqliteLedger(path):
        assert set(modes(path.parent).values()) == {"0o600"}


def test_no_personal_data_is_in_the_files(path: Path) -> None:
    inputs = {"name": "Nguyễn Văn Cừ", "phone": "0901234433", "address": "Số 1 Quận 5"}

    async def fill(ledger: Ledger) -> None:
        run = await reading(ledger)
        key = lead_key(account_id("the client key"), "sandbox", "778899", inputs)
        entry = Entry(sheet=run.sheet, row=2, customer_id="778899 ", key=key)
        (standing,) = await ledger.enrol(run.run, [entry], HOLD)
        await run.send(standing.lead, CREATED)
        await ledger.flush()

    with SqliteLedger(path) as ledger:
        asyncio.run(fill(ledger))
        log = path.with_name(f"{path.name}-wal").read_bytes()
        assert b"778899 " in log
    for content in (log, path.read_bytes()):
        assert b"leads.csv" in content
        for secret in (*inputs.values(), "the client key"):
            assert secret.encode() not in content


async def test_a_created_lead_with_its_row_takes_few_bytes(path: Path) -> None:
    count = 20_000
    with SqliteLedger(path) as ledger:
        run = await reading(ledger)
        for first in range(0, count, 2000):
            standings = await run.enrol(*range(10_000_000 + first, 10_000_000 + first + 2000))
            await asyncio.gather(
                *(
                    run.send(
                        standing.lead,
                        Created(
                            Application(
                                application_id=str(141952217564315671 + first + number),
                                status="created",
                                created_at="2024-05-06T07:08:09.123Z",
                            )
                        ),
                    )
                    for number, standing in enumerate(standings)
                )
            )
        await ledger.end_run(run.run, {})
        assert run.counts() == {OutcomeName.CREATED: count}
    size = sum(file.stat().st_size for file in path.parent.iterdir())
    assert size / count < 165


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"customer_id,name\n1,John\n" * 50, "is no ledger"), (b"xy", "is no ledger")],
)
def test_a_file_that_is_no_database_is_refused_and_left_as_it_is(
    tmp_path: Path, content: bytes, words: str
) -> None:
    path = tmp_path / "leads.csv"
    path.write_bytes(content)
    path.chmod(0o644)
    assert words in refusal(path)
    assert path.read_bytes() == content
    assert modes(tmp_path)["leads.csv"] == "0o644"


def test_a_database_of_something_else_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "photos.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE photo (name TEXT)")
    connection.close()
    path.chmod(0o644)
    content = path.read_bytes()
    assert "a database of something else" in refusal(path)
    assert path.read_bytes() == content
    assert modes(tmp_path)["photos.db"] == "0o644"
    assert not path.with_name("photos.db-wal").exists()


def test_a_ledger_of_a_newer_version_is_refused_and_left_as_it_is(path: Path) -> None:
    with SqliteLedger(path):
        pass
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    content = path.read_bytes()
    message = refusal(path)
    assert "version 99" in message
    assert "knows version 4" in message
    assert path.read_bytes() == content


def test_a_damaged_ledger_is_told_from_one_that_is_none(path: Path) -> None:
    with SqliteLedger(path):
        pass
    path.write_bytes(path.read_bytes()[:100] + b"\xff" * 5000)
    assert "cannot be read or written" in refusal(path, LedgerError)


def test_a_place_where_no_file_can_be_is_refused(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    assert "--ledger" in refusal(tmp_path / "folder")
    (tmp_path / "file").write_text("")
    assert "--ledger" in refusal(tmp_path / "file" / "ledger")
    # Nothing holds the lock after a refusal.
    (tmp_path / "folder").rmdir()
    with SqliteLedger(tmp_path / "folder"):
        pass


def test_a_file_whose_mode_cannot_be_changed_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    with SqliteLedger(path):
        pass
    path.with_name(f"{path.name}.holder").unlink()
    monkeypatch.setattr(Path, "chmod", refuse)
    assert "Operation not permitted" in refusal(path)


def test_a_second_ledger_in_the_same_process_is_turned_away(path: Path) -> None:
    with SqliteLedger(path):
        message = refusal(path, LedgerBusyError)
        assert f"process {os.getpid()}, since 20" in message
        path.with_name(f"{path.name}.holder").write_bytes(b"\xff\xfe")
        assert f"holds the ledger {path}. Wait" in refusal(path, LedgerBusyError)
    with SqliteLedger(path):
        pass


def test_another_program_that_has_the_file_open_is_respected(path: Path) -> None:
    with SqliteLedger(path):
        pass
    other = sqlite3.connect(path)
    other.execute("BEGIN EXCLUSIVE")
    assert "Another program holds the ledger" in refusal(path, LedgerBusyError)
    other.close()
    with SqliteLedger(path):
        pass


def test_a_link_to_the_ledger_leads_to_the_same_lock_of_the_database(path: Path) -> None:
    with SqliteLedger(path):
        link = path.with_name("link")
        link.symlink_to(path)
        holder = subprocess.run(
            [sys.executable, "-c", _OPEN, str(link)], capture_output=True, text=True, check=False
        )
    assert holder.stderr.strip().splitlines()[-1].startswith("importer.errors.LedgerBusyError")


_OPEN = """
import sys
from pathlib import Path
from importer.ledger.sqlite import SqliteLedger
with SqliteLedger(Path(sys.argv[1])):
    pass
"""

_HOLD = """
import asyncio, sys
from pathlib import Path
from importer.ledger.sqlite import SqliteLedger
from tests.test_ledger import CREATED, reading

async def hold(ledger):
    run = await reading(ledger)
    sending, created, pending = await run.enrol(1, 2, 3)
    await run.send(created.lead, CREATED)
    await ledger.intend(run.run, sending.lead, 1)
    print("sending", flush=True)
    sys.stdin.read()

with SqliteLedger(Path(sys.argv[1])) as ledger:
    asyncio.run(hold(ledger))
"""


async def test_a_killed_process_frees_the_ledger_and_leaves_what_it_sent_in_doubt(path: Path) -> None:
    holder = subprocess.Popen(  # noqa: ASYNC220 - nothing else runs meanwhile
        [sys.executable, "-c", _HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "sending\n"
        assert f"(process {holder.pid}, since " in refusal(path, LedgerBusyError)
        holder.send_signal(signal.SIGKILL)
    with SqliteLedger(path) as ledger:
        run = await reading(ledger)
        standings = await run.enrol(1, 2, 3)
        assert [standing.outcome for standing in standings] == [
            OutcomeName.IN_DOUBT,
            OutcomeName.EXISTING,
            None,
        ]
        assert run.results()[1].application == APPLICATION


async def test_a_ledger_that_is_closed_says_so(path: Path) -> None:
    ledger = SqliteLedger(path)
    with pytest.raises(InternalError, match="while it is closed"):
        await ledger.flush()
    with ledger:
        await ledger.flush()
    with pytest.raises(InternalError, match="while it is closed"):
        ledger.record(1, 1, CREATED, 1)


def writer_of(ledger: SqliteLedger) -> SqliteWriter:
    assert ledger._writer is not None
    return ledger._writer


def state_of(ledger: SqliteLedger, lead: int) -> LeadState:
    (state,) = writer_of(ledger).call(
        lambda connection: connection.execute("SELECT state FROM lead WHERE id = ?", (lead,)).fetchone()
    )
    return LeadState(state)


async def test_a_full_disk_stops_all_that_is_new_and_keeps_every_outcome_that_is_known(path: Path) -> None:
    with SqliteLedger(path) as ledger:
        run = await reading(ledger)
        kept, under_way = await run.enrol(1, 2)
        await run.send(kept.lead, CREATED)
        await ledger.intend(run.run, under_way.lead, 1)
        writer_of(ledger).call(lambda connection: connection.execute("PRAGMA max_page_count = 12").fetchall())
        with pytest.raises(LedgerError, match="is full, so nothing more is sent"):
            await run.enrol(*range(100, 3000))
        with pytest.raises(LedgerError, match="so nothing more is sent"):
            await run.enrol(3)
        with pytest.raises(LedgerError, match="so nothing more is sent"):
            await ledger.intend(run.run, kept.lead, 2)
        with pytest.raises(LedgerError):
            ledger.count_outcomes(run.run)
        ledger.record(run.run, under_way.lead, CREATED, 1)
        # There is room for what changes in place.
        await ledger.flush()
        assert state_of(ledger, under_way.lead) is LeadState.CREATED
    with SqliteLedger(path) as ledger:
        assert [row.outcome for row in ledger.result_rows(run.run)] == ["created", "created"]


class Held:
    """A writer that waits until it is told to go on, so that all that is asked meanwhile is one group."""

    def __init__(self, writer: SqliteWriter) -> None:
        self.writer = writer
        self._go = threading.Event()
        self._begun = threading.Event()
        writer.post(self._hold)
        self._begun.wait()

    def _hold(self, connection: sqlite3.Connection) -> None:
        self._begun.set()
        self._go.wait()

    def go(self) -> None:
        self._go.set()


async def told_together(ledger: SqliteLedger, *work: Callable[[], object]) -> list[object]:
    """Have all of this written in one group; return what became of each, None where nothing was asked."""
    held = Held(writer_of(ledger))
    asked: list[asyncio.Future[Any] | None] = []
    for ask in work:
        given = ask()
        asked.append(asyncio.ensure_future(given) if asyncio.iscoroutine(given) else None)
        await asyncio.sleep(0)
    held.go()
    answers = await asyncio.gather(*filter(None, asked), return_exceptions=True)
    return [None if task is None else answers.pop(0) for task in asked]


async def test_an_intent_that_is_refused_changes_nothing_for_those_beside_it(path: Path) -> None:
    with SqliteLedger(path) as ledger:
        run = await reading(ledger)
        first, created, third = await run.enrol(1, 2, 3)
        await run.send(created.lead, CREATED)
        await ledger.flush()
        told = await told_together(
            ledger,
            lambda: ledger.intend(run.run, first.lead, 1),
            lambda: ledger.intend(run.run, created.lead, 1),
            lambda: ledger.intend(run.run, 1_000_000, 1),
            lambda: ledger.intend(run.run, third.lead, 1),
        )
        assert [type(answer) for answer in told] == [type(None), InternalError, InternalError, type(None)]
        assert "its state is CREATED" in str(told[1])
        assert "its state is not known" in str(told[2])
        states = [state_of(ledger, standing.lead) for standing in (first, created, third)]
        assert states == [LeadState.SENDING, LeadState.CREATED, LeadState.SENDING]


@pytest.mark.parametrize("beside", [(), (3, 4)])
async def test_steps_of_one_lead_that_are_written_together_count_in_their_order(
    path: Path, beside: Sequence[int]
) -> None:
    with SqliteLedger(path) as ledger:
        run = await reading(ledger)
        standings = await run.enrol(1, 2, *beside)
        first, second, *others = [standing.lead for standing in standings]
        await ledger.intend(run.run, first, 1)
        again = NotAttempted(ErrorInfo(code="http_429", message="too many"))
        told = await told_together(
            ledger,
            *(partial(ledger.intend, run.run, lead, 1) for lead in others),
            lambda: ledger.record(run.run, first, again, 1),
            lambda: ledger.intend(run.run, first, 2),
            # Where a caller was cancelled, the outcome may come before anyone heard of the intent.
            lambda: ledger.intend(run.run, second, 1),
            lambda: ledger.record(run.run, second, CREATED, 1),
            lambda: ledger.intend(run.run, second, 2),
        )
        assert told[:-1] == [None] * (len(told) - 1)
        assert isinstance(told[-1], InternalError)
        assert [state_of(ledger, lead) for lead in (first, second)] == [LeadState.SENDING, LeadState.CREATED]
        assert {state_of(ledger, lead) for lead in others} <= {LeadState.SENDING}
        assert [row.attempts for row in run.results()][:2] == [2, 1]
    with SqliteLedger(path):
        pass


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[SqliteWriter]:
    opened = SqliteWriter(tmp_path / "any.db", admit=lambda connection: connection.execute(_FOREIGN_KEYS))
    opened.call(lambda connection: connection.execute("CREATE TABLE note (text)"))
    opened.call(lambda connection: connection.execute(_LATE_CHECK))
    yield opened
    opened.close()


_FOREIGN_KEYS = "PRAGMA foreign_keys = ON"
_LATE_CHECK = (
    "CREATE TABLE late (id INTEGER PRIMARY KEY, other INTEGER REFERENCES late DEFERRABLE INITIALLY DEFERRED)"
)


def note(text: str) -> Callable[[sqlite3.Connection], str]:
    def work(connection: sqlite3.Connection) -> str:
        connection.execute("INSERT INTO note VALUES (?)", (text,))
        return text

    return work


def raising(error: Exception) -> Callable[[sqlite3.Connection], None]:
    def work(connection: sqlite3.Connection) -> None:
        raise error

    return work


def failing_at_commit(connection: sqlite3.Connection) -> None:
    connection.execute("INSERT INTO late (other) VALUES (99)")


def notes_in(path: Path) -> list[str]:
    connection = sqlite3.connect(path)
    try:
        return [text for (text,) in connection.execute("SELECT text FROM note ORDER BY rowid")]
    finally:
        connection.close()


async def answers_of(held: Held, *work: Callable[[sqlite3.Connection], Any]) -> Sequence[Any]:
    tasks = [asyncio.create_task(held.writer.ask(piece)) for piece in work]
    await asyncio.sleep(0)
    held.go()
    return await asyncio.gather(*tasks, return_exceptions=True)


@pytest.mark.parametrize(
    "failing",
    [
        raising(sqlite3.OperationalError("disk I/O error")),
        raising(ValueError("a mistake")),
        failing_at_commit,
    ],
)
async def test_nothing_of_a_transaction_that_fails_is_kept_or_told_to_be_written(
    writer: SqliteWriter, tmp_path: Path, failing: Callable[[sqlite3.Connection], None]
) -> None:
    assert await writer.ask(note("before")) == "before"
    told = await answers_of(Held(writer), note("one"), failing, note("two"))
    assert [type(answer) for answer in told] == [LedgerError] * 3
    with pytest.raises(LedgerError):
        await writer.ask(note("later"))
    with pytest.raises(LedgerError):
        writer.call(note("later still"))
    writer.post(note("an outcome that is known"))
    writer.close()
    assert notes_in(tmp_path / "any.db") == ["before", "an outcome that is known"]


async def test_a_refusal_is_told_to_its_own_caller_only(writer: SqliteWriter) -> None:
    refused = InternalError("no")
    assert await answers_of(Held(writer), note("one"), raising(refused), note("two")) == [
        "one",
        refused,
        "two",
    ]
    assert await writer.ask(note("three")) == "three"


async def test_a_mistake_does_not_tell_what_it_was_about(writer: SqliteWriter) -> None:
    with pytest.raises(LedgerError, match="ValueError") as told:
        await writer.ask(raising(ValueError("0901234567")))
    assert "0901" not in str(told.value)


async def test_a_caller_that_is_cancelled_changes_nothing_for_the_others(
    writer: SqliteWriter, tmp_path: Path
) -> None:
    held = Held(writer)
    tasks = [asyncio.create_task(writer.ask(note(text))) for text in ("one", "two", "three")]
    await asyncio.sleep(0)
    tasks[1].cancel()
    held.go()
    assert await tasks[0] == "one"
    assert await tasks[2] == "three"
    assert tasks[1].cancelled()
    assert await writer.ask(note("four")) == "four"
    assert writer.call(lambda connection: connection.execute("SELECT count(*) FROM note").fetchone()) == (4,)


def test_what_a_loop_that_is_gone_asked_for_is_done_and_holds_up_nobody(writer: SqliteWriter) -> None:
    held = Held(writer)

    async def give_up() -> None:
        task = asyncio.create_task(writer.ask(note("of the first loop")))
        await asyncio.sleep(0)
        task.cancel()

    async def ask() -> object:
        async with asyncio.timeout(10):
            return (await answers_of(held, note("of the second loop")))[0]

    asyncio.run(give_up())
    assert asyncio.run(ask()) == "of the second loop"
    assert writer.call(lambda connection: connection.execute("SELECT count(*) FROM note").fetchone()) == (2,)


def test_closing_does_what_is_waiting_first(tmp_path: Path) -> None:
    writer = SqliteWriter(tmp_path / "any.db")
    writer.call(lambda connection: connection.execute("CREATE TABLE note (text)"))
    held = Held(writer)
    texts = [str(number) for number in range(1500)]
    for text in texts:
        writer.post(note(text))
    threading.Timer(0.01, held.go).start()
    writer.close()
    assert notes_in(tmp_path / "any.db") == texts


def test_a_writer_without_work_leaves_no_trouble(tmp_path: Path) -> None:
    SqliteWriter(tmp_path / "any.db").close()
    SqliteWriter(tmp_path / "no" / "such" / "folder.db").close()
