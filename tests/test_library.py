"""The importer as a library: what a program sees of an import, which keeps the promise of the command."""

from __future__ import annotations

import ast
import asyncio
import gc
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import closing
from functools import partial
from itertools import count
from pathlib import Path
from typing import Unpack

import pytest

import importer
from importer.language import spoken
from importer.library.beside import Program
from importer.library.options import WITHOUT_MEANING
from importer.local_api import LocalApi
from importer.settings import Settings
from tests.local_client import until
from tests.support import Command, api_beside, customers, outcomes_in, read_results, set_faults, write_leads


def lead(number: int) -> dict[str, object]:
    """Return the lead that `write_leads` writes under this number."""
    return {
        "customer_id": number,
        "name": f"Nguyễn Văn {number}",
        "phone": f"09{number:08}",
        "address": f"{number} Lê Lợi, Đà Nẵng",
    }


def leads(count: int, first: int = 1000) -> list[dict[str, object]]:
    return [lead(number) for number in range(first, first + count)]


class Rows(importer.Watcher):
    """Keeps every row that it is told of, and calls `then` with it."""

    def __init__(self, then: Callable[[importer.RowEnded], object] = lambda row: None) -> None:
        self.rows: list[importer.RowEnded] = []
        self.stops: list[str] = []
        self._then = then

    def row_ended(self, row: importer.RowEnded) -> None:
        self.rows.append(row)
        self._then(row)

    def stopping(self, reason: str) -> None:
        self.stops.append(reason)


@pytest.fixture(autouse=True)
def _empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


@pytest.fixture
def api() -> Iterator[LocalApi]:
    with api_beside() as api:
        yield api


@pytest.fixture
def given(api: LocalApi, tmp_path: Path) -> importer.FileOptions:
    """Return the options that send to the local lead API of the test."""
    return {"env": "local", "base_url": api.base_url, "ledger": tmp_path / "ledger.sqlite3"}


def leads_given(given: importer.FileOptions, **more: Unpack[importer.LeadOptions]) -> importer.LeadOptions:
    return {"env": "local", "base_url": given["base_url"], "ledger": given["ledger"], **more}


# What is imported


async def test_leads_from_memory_become_applications_and_a_second_time_nothing_is_sent(
    api: LocalApi, given: importer.FileOptions
) -> None:
    report = await importer.import_leads(leads(30), source="crm", **leads_given(given))
    assert (report.exit_code, report.stop, report.files) == (0, None, ["leads:crm"])
    assert sorted(customers(api)) == [str(number) for number in range(1000, 1030)]
    again = await importer.import_leads(leads(30), source="another", **leads_given(given))
    assert again.totals.outcomes[importer.OutcomeName.EXISTING] == api.stats.requests == 30


async def test_a_lead_is_the_same_from_a_file_and_from_memory(
    api: LocalApi, given: importer.FileOptions, tmp_path: Path
) -> None:
    await importer.import_files(write_leads(tmp_path / "leads.csv", 20), **given)
    assert outcomes_in(tmp_path / "leads.results.csv") == ["created"] * 20
    await importer.import_leads(leads(25), source="crm", **leads_given(given))
    assert (len(customers(api)), api.stats.requests) == (25, 25)


async def test_several_files_are_imported_at_once(
    api: LocalApi, given: importer.FileOptions, tmp_path: Path
) -> None:
    files = [write_leads(tmp_path / f"{first}.csv", 5, first=first) for first in (1000, 2000)]
    report = await importer.import_files(files, **given)
    assert report.files == [str(file) for file in files]
    assert report.results == [tmp_path / "1000.results.csv", tmp_path / "2000.results.csv"]
    assert len(customers(api)) == 10


async def test_an_asynchronous_iterable_is_read_in_the_loop_of_the_program(
    api: LocalApi, given: importer.FileOptions
) -> None:
    loop = asyncio.get_running_loop()

    async def all_leads() -> AsyncIterator[dict[str, object]]:
        for one in leads(2500):
            assert asyncio.get_running_loop() is loop
            yield one

    report = await importer.import_leads(all_leads(), source="crm", **leads_given(given, limit=10))
    assert report.totals.read == len(customers(api)) == 10


async def test_leads_from_memory_are_no_file_that_an_archive_could_take(
    api: LocalApi, tmp_path: Path
) -> None:
    loaded = importer.load_settings(
        env="local", base_url=api.base_url, ledger=tmp_path / "ledger.sqlite3", archive=tmp_path / "done"
    )
    report = await importer.import_leads(leads(1), source="crm", settings=loaded)
    assert (report.exit_code, report.stop, report.archived) == (0, None, {})


async def test_what_is_told_of_rows_is_in_the_language_that_was_asked_for_and_the_program_keeps_its_own(
    given: importer.FileOptions,
) -> None:
    wrong = [lead(1000) | {"phone": "unknown"}]
    told = {}
    for language in ("en", "vi", None):
        more: importer.LeadOptions = {} if language is None else {"lang": language}
        report = await importer.import_leads(wrong, source="crm", **leads_given(given, **more))
        told[language] = set(report.reasons.messages.values())
        assert spoken() == "en"
    assert told[None] == told["en"] != told["vi"]
    assert not any(message.isascii() for message in told["vi"])


async def test_no_leads_are_a_run_without_rows(given: importer.FileOptions) -> None:
    report = await importer.import_leads([], source="crm", **leads_given(given))
    assert (report.totals.read, report.exit_code, report.files) == (0, 0, ["leads:crm"])
    with importer.read_outcomes("leads:crm", ledger=given["ledger"]) as rows:
        assert list(rows) == []


async def test_a_lead_that_cannot_be_sent_is_an_outcome_and_no_exception(
    api: LocalApi, given: importer.FileOptions
) -> None:
    report = await importer.import_leads(
        [lead(1), {**lead(2), "phone": "none"}, {"customer_id": 3}], source="crm", **leads_given(given)
    )
    assert (report.exit_code, report.stop, customers(api)) == (1, None, ["1"])
    with importer.read_outcomes("leads:crm", ledger=given["ledger"]) as rows:
        created, malformed, lacking = rows
    assert created.application is not None
    assert created.application.application_id == api.applications[0].id
    assert (malformed.outcome, malformed.error and malformed.error.code) == ("invalid", "letters_in_phone")
    assert (lacking.place, lacking.outcome) == (importer.Place("leads:crm", "", 3), "invalid")


@pytest.mark.parametrize("stray", [("1", "An"), "1001", None])
async def test_what_is_no_mapping_is_refused_with_its_row(
    given: importer.FileOptions, api: LocalApi, stray: object
) -> None:
    with pytest.raises(importer.UsageError, match=r"leads:crm, row 1: a value of the type \w+ is no lead\."):
        await importer.import_leads([stray], source="crm", **leads_given(given))  # type: ignore[list-item]
    report = await importer.import_leads(
        [*leads(1000), stray],  # type: ignore[list-item]
        source="crm",
        **leads_given(given),
    )
    assert isinstance(report.stop, importer.UsageError)
    assert "row 1001" in str(report.stop)
    assert report.exit_code == 2


# In which memory, thread and order


async def test_any_number_of_leads_is_read_no_further_than_the_watcher_was_told_of(
    given: importer.FileOptions,
) -> None:
    taken = told = farthest = 0

    def all_leads() -> Iterator[dict[str, object]]:
        nonlocal taken
        for one in leads(12_000):
            taken += 1
            yield one

    def tell(_: importer.RowEnded) -> None:
        nonlocal told, farthest
        told += 1
        farthest = max(farthest, taken - told)

    report = await importer.import_leads(
        all_leads(), source="crm", watcher=Rows(tell), **leads_given(given, dry_run=True)
    )
    assert report.totals.read == told == taken == 12_000
    # A chunk that is read ahead, one that is enrolled, the leads that wait for a worker, the workers.
    assert farthest <= 3 * 1000 + 16


async def test_a_file_too_is_read_no_further_than_the_watcher_was_told_of(
    given: importer.FileOptions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting = most = 0

    class Slow(Rows):
        def row_ended(self, row: importer.RowEnded) -> None:
            nonlocal waiting
            waiting -= 1

    tell = Program.tell

    def counted(program: Program, what: Callable[[], object]) -> None:
        nonlocal waiting, most
        waiting += 1
        most = max(most, waiting)
        tell(program, what)

    monkeypatch.setattr(Program, "tell", counted)
    given["dry_run"] = True
    await importer.import_files(write_leads(tmp_path / "leads.csv", 12_000), watcher=Slow(), **given)
    assert 0 < most <= 6 * 1000


async def test_the_watcher_is_told_everything_in_the_thread_of_the_program_and_before_the_end(
    api: LocalApi, given: importer.FileOptions
) -> None:
    threads = set()
    began: list[tuple[int, int]] = []
    attempts: list[importer.AttemptEnded] = []

    class Everything(Rows):
        def began(self, totals: importer.Totals, rows: int) -> None:
            began.append((totals.read, rows))

        def attempt_ended(self, attempt: importer.AttemptEnded) -> None:
            attempts.append(attempt)

    watcher = Everything(lambda _: threads.add(threading.current_thread()))
    set_faults(api, "503:retry-after=0,first=1")
    await importer.import_leads(leads(5), source="crm", watcher=watcher, **leads_given(given))
    assert threads == {threading.current_thread()}
    assert [rows for _, rows in began] == [5]
    assert len(attempts) == 6
    ids = {row.customer_id: row.application and row.application.application_id for row in watcher.rows}
    assert ids == {application.customer_id: application.id for application in api.applications}


async def test_a_program_that_is_busy_holds_up_no_request(api: LocalApi, given: importer.FileOptions) -> None:
    def be_busy(_: importer.RowEnded) -> None:
        deadline = time.monotonic() + 30
        while len(api.applications) < 30 and time.monotonic() < deadline:
            time.sleep(0)

    watcher = Rows(be_busy)
    await importer.import_leads(leads(30), source="crm", watcher=watcher, **leads_given(given))
    assert len(watcher.rows) == len(api.applications) == 30


# What ends an import


async def test_what_the_leads_of_a_program_raise_is_raised_once_what_is_under_way_is_settled(
    api: LocalApi, given: importer.FileOptions
) -> None:
    def failing() -> Iterator[dict[str, object]]:
        yield from leads(3500)
        raise ZeroDivisionError("Nguyễn Văn A")

    with pytest.raises(ZeroDivisionError):
        await importer.import_leads(failing(), source="crm", **leads_given(given))
    await assert_settled(api, given, read=3000)


async def test_leads_that_fail_at_once_begin_no_run(given: importer.FileOptions) -> None:
    def failing() -> Iterator[dict[str, object]]:
        yield [][0]

    with pytest.raises(IndexError):
        await importer.import_leads(failing(), source="crm", **leads_given(given))
    with (
        pytest.raises(importer.SheetError, match="knows of no import of leads:crm"),
        importer.read_outcomes("leads:crm", ledger=given["ledger"]),
    ):
        pass


async def test_what_a_watcher_raises_is_raised_once_what_is_under_way_is_settled(
    api: LocalApi, given: importer.FileOptions
) -> None:
    def fail(row: importer.RowEnded) -> None:
        raise ZeroDivisionError(row)

    watcher = Rows(fail)
    with pytest.raises(ZeroDivisionError):
        await importer.import_leads(leads(5000), source="crm", watcher=watcher, **leads_given(given))
    assert len(watcher.rows) == 1
    await assert_settled(api, given)


async def test_a_task_that_is_cancelled_settles_what_is_under_way_and_reads_no_more(
    api: LocalApi, given: importer.FileOptions
) -> None:
    def endless() -> Iterator[dict[str, object]]:
        return map(lead, count(1000))

    def cancel(_: importer.RowEnded) -> None:
        if len(watcher.rows) == 500:
            task.cancel()

    watcher = Rows(cancel)
    task = asyncio.create_task(
        importer.import_leads(endless(), source="crm", watcher=watcher, **leads_given(given))
    )
    with pytest.raises(asyncio.CancelledError):
        await task
    assert watcher.stops == ["The import was cancelled, and what was under way was settled."]
    await assert_settled(api, given)
    # A lock that stayed would turn this one away.
    report = await importer.import_leads(leads(5), source="crm", **leads_given(given))
    assert report.totals.outcomes[importer.OutcomeName.EXISTING] == 5


async def test_a_timeout_around_an_import_ends_it_as_a_cancelled_task_does(
    api: LocalApi, given: importer.FileOptions
) -> None:
    async def waiting_for_ever() -> AsyncIterator[dict[str, object]]:
        for one in leads(1000):
            yield one
        await asyncio.Event().wait()

    async def limited() -> None:
        async with asyncio.timeout(None) as limit:
            watcher = Rows(lambda _: limit.reschedule(0) if len(watcher.rows) == 900 else None)
            await importer.import_leads(
                waiting_for_ever(), source="crm", watcher=watcher, **leads_given(given)
            )

    with pytest.raises(TimeoutError):
        await limited()
    await assert_settled(api, given, read=1000)


async def test_a_task_that_is_cancelled_before_a_lead_has_come_ends_at_once(
    given: importer.FileOptions,
) -> None:
    asked = asyncio.Event()

    async def never() -> AsyncIterator[dict[str, object]]:
        asked.set()
        await asyncio.Event().wait()
        yield {}

    task = asyncio.create_task(importer.import_leads(never(), source="crm", **leads_given(given)))
    await asked.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_task_that_is_cancelled_twice_leaves_in_doubt_what_has_no_answer_yet(
    api: LocalApi, given: importer.FileOptions
) -> None:
    set_faults(api, "delay:seconds=600")
    stopping = asyncio.Event()

    class Stopping(Rows):
        def stopping(self, reason: str) -> None:
            stopping.set()

    task = asyncio.create_task(
        importer.import_leads(leads(5), source="crm", watcher=Stopping(), **leads_given(given))
    )
    await until(lambda: api.stats.requests == 1)
    task.cancel()
    await stopping.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    with importer.read_outcomes("leads:crm", ledger=given["ledger"]) as rows:
        assert [row.outcome for row in rows] == ["in_doubt", *["not_attempted"] * 4]


async def test_an_api_that_refuses_the_program_ends_endless_leads_with_the_error_in_the_report(
    api: LocalApi, given: importer.FileOptions
) -> None:
    set_faults(api, "401")
    report = await importer.import_leads(map(lead, count(1000)), source="crm", **leads_given(given))
    assert isinstance(report.stop, importer.StoppedError)
    assert (report.stopped, report.exit_code) == (str(report.stop), 4)
    assert report.totals.add_up()
    assert 0 < report.totals.read <= 3000


async def test_two_imports_at_once_never_share_a_ledger(api: LocalApi, given: importer.FileOptions) -> None:
    async def meanwhile(options: importer.LeadOptions) -> AsyncIterator[dict[str, object]]:
        for one in leads(1000):
            yield one
        with pytest.raises(importer.LedgerBusyError, match="Another run holds"):
            await importer.import_leads(leads(5), source="other", **options)

    report = await importer.import_leads(meanwhile(leads_given(given)), source="crm", **leads_given(given))
    assert report.totals.outcomes[importer.OutcomeName.CREATED] == 1000


async def assert_settled(api: LocalApi, given: importer.FileOptions, read: int | None = None) -> None:
    """Hold what the ledger knows against the API: nothing in doubt, nothing twice, nothing unknown."""
    with importer.read_outcomes("leads:crm", ledger=given["ledger"]) as rows:
        outcomes = list(rows)
    assert read is None or len(outcomes) == read
    created = {row.customer_id for row in outcomes if row.outcome == "created"}
    assert {row.outcome for row in outcomes} <= {"created", "not_attempted"}
    assert created == set(customers(api))
    assert len(created) == len(api.applications) > 0


def test_a_program_that_leaves_its_event_loop_for_good_ends_all_the_same(
    given: importer.FileOptions,
) -> None:
    program = """
import asyncio, importer, sys

async def never():
    loop.stop()
    await asyncio.Event().wait()
    yield {}

loop = asyncio.new_event_loop()
task = loop.create_task(importer.import_leads(never(), source="crm", env="local"))
loop.run_forever()
print("left")
"""
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False
    )
    assert (ended.returncode, ended.stdout) == (0, "left\n")


# Without an event loop


def test_code_without_an_event_loop_runs_an_import() -> None:
    report = importer.run(importer.import_leads(leads(3), source="crm", env="local"))
    assert report.totals.outcomes[importer.OutcomeName.CREATED] == 3


async def test_code_below_a_running_event_loop_as_in_a_notebook_runs_an_import() -> None:
    report = importer.run(importer.import_leads(leads(3), source="crm", env="local"))
    assert report.totals.outcomes[importer.OutcomeName.CREATED] == 3


@pytest.mark.parametrize("within_a_loop", [False, True])
def test_ctrl_c_settles_what_is_under_way(
    api: LocalApi, given: importer.FileOptions, within_a_loop: bool
) -> None:
    interrupt = partial(os.kill, os.getpid(), signal.SIGINT)
    watcher = Rows(lambda _: interrupt() if len(watcher.rows) == 100 else None)

    def run() -> None:
        endless = map(lead, count(1000))
        importer.run(importer.import_leads(endless, source="crm", watcher=watcher, **leads_given(given)))

    async def run_within() -> None:
        run()

    # As a notebook runs its cells: asyncio.run would take the first interrupt for itself.
    with closing(asyncio.new_event_loop()) as loop, pytest.raises(KeyboardInterrupt):
        loop.run_until_complete(run_within()) if within_a_loop else run()
    asyncio.run(assert_settled(api, given))


async def test_what_the_work_raises_is_raised_below_a_running_loop() -> None:
    with pytest.raises(importer.UsageError, match="is no name for leads"):
        importer.run(importer.import_leads([], source="a/b", env="local"))


# What is said wrongly


async def test_a_file_of_settings_is_for_those_that_are_loaded() -> None:
    with pytest.raises(importer.UsageError, match="config is for load_settings alone"):
        await importer.import_leads([], source="crm", config="leads.toml")  # type: ignore[call-arg]


async def test_an_option_about_what_a_command_prints_is_refused() -> None:
    with pytest.raises(importer.UsageError, match="quiet: a program is told everything"):
        await importer.import_leads([], source="crm", quiet=True)  # type: ignore[call-arg]


async def test_options_that_are_wrong_are_told_all_at_once_before_a_lead_is_read() -> None:
    with pytest.raises(importer.UsageError) as told:
        await importer.import_leads([], source="crm", env="moon", rate=0)  # type: ignore[arg-type]
    assert str(told.value).splitlines() == [
        "env: 'moon' is not allowed; give local, sandbox or production.",
        "rate: 0 is not allowed; give a number greater than 0.",
    ]


async def test_an_option_that_is_none_is_told_with_the_one_that_was_meant() -> None:
    with pytest.raises(importer.UsageError, match=r"'concurency' is no option\. Did you mean concurrency\?"):
        await importer.import_leads([], source="crm", concurency=3)  # type: ignore[call-arg]


@pytest.mark.parametrize("name", ["", " ", "a/b", "a\\b", "a\nb", "leads:", "x" * 101, "crm "])
async def test_a_name_for_leads_can_stand_in_commands_and_names_of_files(name: str) -> None:
    with pytest.raises(importer.UsageError, match="is no name for leads"):
        await importer.import_leads([], source=name, env="local")


async def test_a_secret_is_in_no_message(tmp_path: Path) -> None:
    with pytest.raises(importer.UsageError) as told:
        await importer.import_leads([], source="crm", client_key="key", client_secret="sec ret\n!")
    assert "sec ret" not in str(told.value)
    with pytest.raises(importer.UsageError, match="client key and the client secret are missing"):
        await importer.import_leads([], source="crm", ledger=tmp_path / "ledger.sqlite3")


async def test_results_are_adopted_by_files_alone(tmp_path: Path) -> None:
    with pytest.raises(importer.UsageError, match="Write the leads to a CSV file once"):
        await importer.import_leads(
            [],
            source="crm",
            adopt=[tmp_path],  # type: ignore[call-arg]
        )


async def test_leads_that_fit_no_template_are_refused_before_any_is_sent(api: LocalApi) -> None:
    with pytest.raises(importer.MappingError, match="leads:crm: no column for"):
        await importer.import_leads([{"customer_id": "1", "name": "An"}], source="crm", env="local")


async def test_a_file_that_is_not_there_is_refused() -> None:
    with pytest.raises(importer.SheetError, match=r"none\.csv"):
        await importer.import_files("none.csv", env="local")


# Settings from elsewhere


def test_settings_are_looked_for_nowhere_unless_they_are_loaded(
    api: LocalApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEAD_IMPORTER_ENV", "local")
    monkeypatch.setenv("LEAD_IMPORTER_ATEMPTS", "3")
    Path("leads.toml").write_text(
        f'base_url = "{api.base_url}"\nledger = "{tmp_path / "other.sqlite3"}"\n', encoding="utf-8"
    )
    with pytest.raises(importer.UsageError, match="client key and the client secret are missing"):
        importer.run(importer.import_leads(leads(1), source="crm"))
    loaded = importer.load_settings(config="leads.toml", attempts=2)
    assert (loaded.settings.env, loaded.settings.attempts) == ("local", 2)
    report = importer.run(importer.import_leads(leads(1), source="crm", settings=loaded))
    assert customers(api) == ["1000"]
    assert (tmp_path / "other.sqlite3").exists()
    assert any("LEAD_IMPORTER_ATEMPTS" in notice for notice in report.notices)
    with pytest.raises(importer.UsageError, match="rate and settings are given"):
        importer.run(importer.import_leads(leads(1), source="crm", settings=loaded, rate=3))


def test_every_option_of_the_command_is_one_of_a_program_or_has_no_meaning_there() -> None:
    """A new option is entered in importer/library/options.py, with its type and a sentence."""
    options = importer.FileOptions.__annotations__ | importer.LoadOptions.__annotations__
    assert options.keys() == Settings.model_fields.keys() - WITHOUT_MEANING


# What is left behind


def test_leads_from_memory_leave_no_file_but_the_ledger_unless_one_is_named(
    api: LocalApi, given: importer.FileOptions
) -> None:
    bad = {**lead(7), "phone": "none"}
    importer.run(importer.import_leads([lead(6), bad], source="crm", **leads_given(given)))
    assert list(Path().iterdir()) == []
    options = leads_given(given, results="out.csv", summary="totals.json")
    report = importer.run(importer.import_leads([lead(6), bad], source="crm", **options))
    assert sorted(path.name for path in Path().iterdir()) == ["out.csv", "totals.json"]
    assert report.results == [Path("out.csv")]
    assert [(line["source"], line["sheet"], line["row"]) for line in read_results(Path("out.csv"))] == [
        ("leads:crm", "", "1"),
        ("leads:crm", "", "2"),
    ]


async def test_results_that_a_new_ledger_does_not_know_are_never_sent_again(
    api: LocalApi, given: importer.FileOptions, tmp_path: Path
) -> None:
    options = leads_given(given, results="out.csv")
    await importer.import_leads(leads(2), source="crm", **options)
    (tmp_path / "ledger.sqlite3").unlink()
    with pytest.raises(importer.UsageError, match=r"out\.csv tells of leads that were sent"):
        await importer.import_leads(leads(2), source="crm", **options)
    assert api.stats.requests == 2


def test_the_commands_know_leads_from_memory_by_their_name(
    api: LocalApi, given: importer.FileOptions, tmp_path: Path, command: Command
) -> None:
    set_faults(api, "drop-after:customer=1001")
    importer.run(importer.import_leads(leads(3), source="crm", **leads_given(given)))
    ledger = str(given["ledger"])
    assert command("results", "leads:crm", "--ledger", ledger).code == 0
    refused = command("run", "leads:crm", "--env", "local")
    assert "only that program can import them" in refused.errors
    assert outcomes_in(tmp_path / "leads-crm.results.csv") == ["created", "in_doubt", "created"]
    assert "1001" in command("resolve", "leads:crm", "--ledger", ledger).output
    made = next(one.id for one in api.applications if one.customer_id == "1001")
    assert command("resolve", "leads:crm", "--created", f"2={made}", "--ledger", ledger).code == 0
    set_faults(api)
    report = importer.run(importer.import_leads(leads(3), source="crm", **leads_given(given)))
    assert report.totals.outcomes[importer.OutcomeName.EXISTING] == 3


async def test_an_import_prints_nothing_and_leaves_signals_the_collector_and_processes_alone(
    given: importer.FileOptions, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    def state() -> object:
        return (
            [signal.getsignal(number) for number in signal.valid_signals()],
            (gc.get_threshold(), gc.get_freeze_count()),
            dict(os.environ),
        )

    # What the commands of earlier tests froze would go meanwhile.
    gc.unfreeze()
    before = state()
    seen: list[object] = []
    watcher = Rows(lambda _: seen.append(state()))
    await importer.import_files(write_leads(tmp_path / "leads.csv", 3), watcher=watcher, **given)
    assert [*seen, state()] == [before] * 4
    assert capfd.readouterr() == ("", "")
    assert not [thread for thread in threading.enumerate() if thread.name in ("import", "ledger")]


def test_a_program_starts_other_processes_only_if_it_asks_for_them(
    given: importer.FileOptions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []
    monkeypatch.setattr("importer.access.fitting_processes", lambda *given: asked.append(given))
    importer.run(importer.import_files(write_leads(tmp_path / "leads.csv", 1), env="local"))
    assert asked == []


# The package itself


def test_to_import_the_package_loads_nothing_that_takes_time() -> None:
    program = "import sys; before = set(sys.modules); import importer; print(*(set(sys.modules) - before))"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    modules = set(loaded.stdout.split())
    assert {name for name in modules if name.split(".")[0] not in sys.stdlib_module_names} == {"importer"}
    assert "asyncio" not in modules


def test_the_public_names_are_found_and_each_says_what_it_is_for() -> None:
    for name in importer.__all__:
        found = getattr(importer, name)
        assert name in dir(importer)
        assert name == "__version__" or found.__doc__, name


def test_type_checkers_are_told_of_exactly_the_public_names() -> None:
    stub = ast.parse(Path(importer.__file__).with_suffix(".pyi").read_text(encoding="utf-8"))
    places = {
        alias.name: node.module
        for node in stub.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert ["__version__", *places] == importer.__all__
    assert {name: getattr(importer, name).__module__ for name in places} == places
    told = next(node.value for node in stub.body if isinstance(node, ast.Assign))
    assert sorted(ast.literal_eval(told)) == sorted(importer.__all__)


def test_a_name_that_is_not_public_is_not_there() -> None:
    with pytest.raises(AttributeError, match="module 'importer' has no attribute 'import_lead'"):
        importer.import_lead  # type: ignore[attr-defined] # noqa: B018


def test_the_errors_of_the_house_are_public() -> None:
    from importer import errors

    classes = {name for name, found in vars(errors).items() if isinstance(found, type) and name[0].isupper()}
    classes &= {name for name in classes if issubclass(getattr(errors, name), Exception)}
    assert classes - {"UnusualWorkbookError"} <= set(importer.__all__)
