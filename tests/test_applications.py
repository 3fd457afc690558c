"""What the local lead API remembers: in memory and in a file, across crashes, clearings and restarts."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from importer.applications import (
    ApplicationStore,
    FormResponse,
    ResponseQuery,
    StoredApplication,
    select_responses,
)
from importer.errors import InternalError, UsageError

DAWN = 1_640_000_000.25


async def created(store: ApplicationStore, *customers: str) -> list[StoredApplication]:
    return [await store.create(customer, '{"name":"Cừ"}', is_sandbox=True) for customer in customers]


async def file_with(path: Path, *customers: str) -> tuple[StoredApplication, ...]:
    store = ApplicationStore(path, clock=lambda: DAWN)
    store.open()
    await created(store, *customers)
    await store.close()
    return store.applications


async def content_of(path: Path) -> tuple[StoredApplication, ...]:
    store = ApplicationStore(path)
    store.open()
    await store.close()
    return store.applications


def refusal(path: Path) -> str:
    with pytest.raises(UsageError) as refused:
        ApplicationStore(path).open()
    return str(refused.value)


class Disk:
    """Stands in for `os.fsync`: counts the calls, and fails from then on when told to."""

    def __init__(self) -> None:
        self.syncs = 0
        self.full = False

    def __call__(self, _: int) -> None:
        self.syncs += 1
        if self.full:
            raise OSError(errno.ENOSPC, "No space left on device")


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    disk = Disk()
    monkeypatch.setattr(os, "fsync", disk)
    return disk


async def test_an_application_is_new_and_dated_and_has_an_id_of_18_digits() -> None:
    store = ApplicationStore(clock=lambda: DAWN)
    (application,) = await created(store, "1333")
    assert application.id.isdecimal()
    assert len(application.id) == 18
    assert application == StoredApplication(
        id=application.id,
        app_identifier="vn.example.local-lead-api",
        customer_id="1333",
        inputs='{"name":"Cừ"}',
        is_sandbox=True,
        status="new",
        created_at="2021-12-20T11:33:20.250Z",
        updated_at="2021-12-20T11:33:20.250Z",
    )


@pytest.mark.parametrize("path", [None, Path("store.jsonl")])
async def test_ids_grow_and_applications_stay_in_order(tmp_path: Path, path: Path | None) -> None:
    store = ApplicationStore(path and tmp_path / path)
    store.open()
    applications = await created(store, *"abcdefgh")
    await store.close()
    ids = [int(application.id) for application in applications]
    assert ids == sorted(set(ids))
    assert store.applications == tuple(applications)


async def test_ids_grow_even_when_the_clock_stands_still(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importer.applications.time.time_ns", lambda: 0)
    first, second = await created(ApplicationStore(), "a", "b")
    assert int(second.id) == int(first.id) + 1
    assert len(first.id) == 18


async def test_an_update_changes_the_status_and_its_date_only(tmp_path: Path) -> None:
    moments = iter([DAWN, DAWN + 60])
    store = ApplicationStore(tmp_path / "store", clock=lambda: next(moments))
    store.open()
    (before,) = await created(store, "1333")
    assert await store.update(before.id, "disbursed")
    await store.close()
    (after,) = await content_of(tmp_path / "store")
    assert (after.status, after.updated_at) == ("disbursed", "2021-12-20T11:34:20.250Z")
    assert (after.id, after.created_at, after.inputs) == (before.id, before.created_at, before.inputs)


async def test_an_application_that_is_not_there_cannot_be_updated() -> None:
    assert not await ApplicationStore().update("141952217564315671", "rejected")


async def test_a_file_brings_everything_back(tmp_path: Path) -> None:
    written = await file_with(tmp_path / "store", "1", "2", "3")
    assert [application.customer_id for application in written] == ["1", "2", "3"]
    assert await content_of(tmp_path / "store") == written


async def test_a_store_can_be_closed_and_opened_again(tmp_path: Path) -> None:
    store = ApplicationStore(tmp_path / "store")
    store.open()
    await created(store, "1")
    await store.close()
    await store.close()
    store.open()
    await created(store, "2")
    await store.close()
    assert [application.customer_id for application in store.applications] == ["1", "2"]


async def test_a_store_that_is_not_open_refuses_to_write_instead_of_waiting_forever(tmp_path: Path) -> None:
    with pytest.raises(InternalError, match="not open"):
        await created(ApplicationStore(tmp_path / "store"), "1")


async def test_the_file_is_its_owners_alone_even_when_it_was_copied_there(tmp_path: Path) -> None:
    path = tmp_path / "store"
    await file_with(path, "1")
    assert path.stat().st_mode & 0o777 == 0o600
    path.chmod(0o644)
    await content_of(path)
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("torn", [1, 40, None])
async def test_a_last_line_that_a_crash_tore_is_cut_off(tmp_path: Path, torn: int | None) -> None:
    path = tmp_path / "store"
    first, second = await file_with(path, "1", "2")
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:-1]) + lines[-1][:-1][:torn])
    assert await content_of(path) == (first,)
    assert path.read_bytes() == b"".join(lines[:-1])
    (third,) = await file_with_one_more(path)
    assert int(third.id) > int(second.id)
    assert await content_of(path) == (first, third)


async def file_with_one_more(path: Path) -> list[StoredApplication]:
    store = ApplicationStore(path)
    store.open()
    more = await created(store, "more")
    await store.close()
    return more


@pytest.mark.parametrize("left", [0, 1, 60, -1])
async def test_a_file_that_was_torn_while_it_was_new_is_begun_again(tmp_path: Path, left: int) -> None:
    path = tmp_path / "store"
    await file_with(path)
    header = path.read_bytes()
    path.write_bytes(header[:left])
    assert await content_of(path) == ()
    assert path.read_bytes() == header


async def test_cleared_means_cleared_in_the_file_and_no_id_is_given_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "store"
    store = ApplicationStore(path)
    store.open()
    *_, last = await created(store, "1333", "1334")
    await store.clear()
    assert store.applications == ()
    assert b"1333" not in path.read_bytes().replace(last.id.encode(), b"")
    await store.close()
    # Without the clock, only the file can know the last id.
    monkeypatch.setattr("importer.applications.time.time_ns", lambda: 0)
    (next_one,) = await file_with_one_more(path)
    assert int(next_one.id) == int(last.id) + 1
    assert await content_of(path) == (next_one,)


async def test_a_cleared_memory_gives_no_id_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importer.applications.time.time_ns", lambda: 0)
    store = ApplicationStore()
    (before,) = await created(store, "1")
    await store.clear()
    assert store.applications == ()
    (after,) = await created(store, "1")
    assert int(after.id) == int(before.id) + 1


async def test_what_is_created_while_a_clearing_waits_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "store"
    store = ApplicationStore(path)
    store.open()
    await asyncio.gather(created(store, "before"), store.clear(), created(store, "after"))
    await store.close()
    assert [application.customer_id for application in store.applications] == ["after"]
    assert await content_of(path) == store.applications


async def test_creations_that_come_together_share_one_sync(tmp_path: Path, disk: Disk) -> None:
    store = ApplicationStore(tmp_path / "store")
    store.open()
    before = disk.syncs
    await asyncio.gather(*(created(store, str(number)) for number in range(50)))
    await store.close()
    assert disk.syncs == before + 1
    assert len(await content_of(tmp_path / "store")) == 50


async def test_an_application_is_synced_before_it_is_answered_for(tmp_path: Path, disk: Disk) -> None:
    store = ApplicationStore(tmp_path / "store")
    store.open()
    for number in range(3):
        before = disk.syncs
        await created(store, str(number))
        assert disk.syncs == before + 1
    await store.close()


async def test_what_cannot_be_synced_is_not_created_and_leaves_no_trace(tmp_path: Path, disk: Disk) -> None:
    path = tmp_path / "store"
    store = ApplicationStore(path)
    store.open()
    (kept,) = await created(store, "1")
    content = path.read_bytes()
    disk.full = True
    with pytest.raises(OSError, match="No space left"):
        await created(store, "2")
    with pytest.raises(OSError, match="No space left"):
        await store.update(kept.id, "rejected")
    assert store.applications == (kept,)
    assert path.read_bytes() == content
    disk.full = False
    (more,) = await created(store, "3")
    await store.close()
    assert await content_of(path) == (kept, more)


async def test_a_caller_that_was_cancelled_leaves_file_and_memory_alike(tmp_path: Path) -> None:
    path = tmp_path / "store"
    store = ApplicationStore(path)
    store.open()
    waiting = asyncio.create_task(created(store, "cancelled"))
    also_waiting = asyncio.create_task(created(store, "2"))
    await asyncio.sleep(0)
    waiting.cancel()
    await also_waiting
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await store.close()
    assert [application.customer_id for application in store.applications] == ["cancelled", "2"]
    assert await content_of(path) == store.applications


async def test_a_second_process_is_refused_the_file_until_the_first_is_gone(tmp_path: Path) -> None:
    path = tmp_path / "store"
    held = "\n".join(
        [
            "import sys",
            "from pathlib import Path",
            "from importer.applications import ApplicationStore",
            "store = ApplicationStore(Path(sys.argv[1]))",
            "store.open()",
            "print('open', flush=True)",
            "sys.stdin.read()",
        ]
    )
    with subprocess.Popen(  # noqa: ASYNC220 - nothing else runs on this loop that it could hold up
        [sys.executable, "-c", held, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"open\n"
        assert "in use by another local lead API" in refusal(path)
        other.kill()
    assert await content_of(path) == ()


async def test_a_second_store_in_the_same_process_is_refused_too(tmp_path: Path) -> None:
    path = tmp_path / "store"
    store = ApplicationStore(path)
    store.open()
    assert "in use" in refusal(path)
    await store.close()


def test_a_file_of_something_else_is_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "leads.csv"
    path.write_bytes(b"customer_id,name\n1333,John\n")
    assert "holds something else" in refusal(path)
    assert path.read_bytes() == b"customer_id,name\n1333,John\n"


@pytest.mark.parametrize(
    "damage",
    [
        lambda _: b"{not json",
        lambda _: b"\xff",
        lambda _: b"[1]",
        lambda _: b"{}",
        lambda _: b'{"last_id":"17"}',
        lambda entry: json.dumps({**entry, "id": 17}).encode(),
        lambda entry: json.dumps({**entry, "id": ""}).encode(),
        lambda entry: json.dumps({**entry, "is_sandbox": "yes"}).encode(),
        lambda entry: json.dumps({**entry, "more": "1"}).encode(),
    ],
)
async def test_a_damaged_line_is_named_and_nothing_is_guessed(
    tmp_path: Path, damage: Callable[[dict[str, object]], bytes]
) -> None:
    path = tmp_path / "store"
    await file_with(path, "1", "2")
    lines = path.read_bytes().splitlines()
    lines[1] = damage(json.loads(lines[1]))
    content = b"\n".join(lines) + b"\n"
    path.write_bytes(content)
    assert "damaged in line 2" in refusal(path)
    assert path.read_bytes() == content


def test_a_path_that_cannot_be_a_file_is_refused(tmp_path: Path) -> None:
    assert "cannot hold the applications" in refusal(tmp_path)
    assert "No such file" in refusal(tmp_path / "nowhere" / "store")


async def test_a_disk_that_is_full_at_the_start_is_told_and_the_file_is_let_go_of(
    tmp_path: Path, disk: Disk
) -> None:
    disk.full = True
    assert "No space left" in refusal(tmp_path / "store")
    disk.full = False
    assert await content_of(tmp_path / "store") == ()


RESPONSES = [
    FormResponse(
        id=str(number), form_id=form, created_at=f"2021-12-16T00:00:0{number % 10}Z", inputs={"n": number}
    )
    for number, form in [(9, "1"), (10, "1"), (8, "2"), (11, "3")]
]
MIDNIGHT = 1_639_612_800


@pytest.mark.parametrize(
    ("query", "total", "ids"),
    [
        (ResponseQuery(form_ids=frozenset("12"), size=500), 3, ["10", "9", "8"]),
        (ResponseQuery(form_ids=frozenset("12"), size=2), 3, ["10", "9"]),
        (ResponseQuery(form_ids=frozenset("12"), size=2, lt_id=9), 3, ["8"]),
        (ResponseQuery(form_ids=frozenset("12"), size=2, lt_id=8), 3, []),
        (ResponseQuery(form_ids=frozenset("123"), size=9, from_time=MIDNIGHT + 8), 2, ["9", "8"]),
        (ResponseQuery(form_ids=frozenset("123"), size=9, to_time=MIDNIGHT + 1), 2, ["11", "10"]),
        (
            ResponseQuery(form_ids=frozenset("123"), size=9, from_time=MIDNIGHT + 1, to_time=MIDNIGHT + 8),
            2,
            ["11", "8"],
        ),
        (ResponseQuery(form_ids=frozenset("4"), size=9), 0, []),
    ],
)
def test_form_responses_are_selected_newest_first(query: ResponseQuery, total: int, ids: list[str]) -> None:
    count, page = select_responses(RESPONSES, query)
    assert (count, [response.id for response in page]) == (total, ids)
