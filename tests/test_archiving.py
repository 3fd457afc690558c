"""What is moved to the archive, when, under which names, and that a kill on the way loses nothing."""

from __future__ import annotations

import errno
import os
import signal
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

import importer
from importer.archiving import free_names
from importer.ledger import RunStart
from importer.ledger.sqlite import SqliteLedger
from importer.local_api import LOCAL_CREDENTIALS, LocalApi
from tests.support import (
    HEADERS,
    Command,
    aged,
    api_beside,
    customers,
    local,
    outcomes_in,
    read_results,
    set_faults,
    write_leads,
)
from tests.test_processes import finished, started

TODAY = "2026-11-25"


@pytest.fixture
def api() -> Iterator[LocalApi]:
    with api_beside() as running:
        yield running


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    folder = tmp_path / "inbox"
    folder.mkdir()
    return folder


def leads(path: Path, count: int = 2, *, first: int = 1000) -> Path:
    return aged(write_leads(path, count, first=first))


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


@pytest.mark.parametrize(
    ("stem", "given", "taken", "free"),
    [
        ("a", ["a.csv"], set(), ["a.csv"]),
        ("a", ["a.csv"], {"b.csv"}, ["a.csv"]),
        ("a", ["a.csv"], {"a.csv"}, [f"a-{TODAY}.csv"]),
        ("a", ["a.csv"], {"a.csv", f"a-{TODAY}.csv"}, [f"a-{TODAY}-2.csv"]),
        ("a", ["a.csv"], {"a.csv", f"a-{TODAY}.csv", f"a-{TODAY}-2.csv"}, [f"a-{TODAY}-3.csv"]),
        (
            "a",
            ["a.csv.results.csv", "a.retry.csv", "a.csv.gz"],
            {"a.retry.csv"},
            [f"a-{TODAY}.csv.results.csv", f"a-{TODAY}.retry.csv", f"a-{TODAY}.csv.gz"],
        ),
    ],
)
def test_files_that_belong_together_keep_their_names_together(
    stem: str, given: list[str], taken: set[str], free: list[str]
) -> None:
    assert free_names(stem, given, taken.__contains__, TODAY) == free


def test_finished_files_are_moved_with_their_results_and_found_there(
    command: Command, api: LocalApi, tmp_path: Path, inbox: Path
) -> None:
    leads(inbox / "a.csv")
    (inbox / "b.csv").write_text(
        f"{','.join(HEADERS)}\n5,An,0901234567,x\n6,,0901234568,y\n", encoding="utf-8"
    )
    aged(inbox / "b.csv")
    ended = command("run", "inbox", *local(api, tmp_path, "--archive", "done", "--log-format", "text"))
    assert ended.code == 1
    assert names(inbox) == set()
    done = tmp_path / "done"
    assert names(done) == {"a.csv", "a.results.csv", "b.csv", "b.results.csv", "b.retry.csv"}
    assert "1 row to mend: done/b.retry.csv" in ended.output
    assert "Results: done/a.results.csv" in ended.output
    assert "Archived: done/a.csv" in ended.output
    # The ledger knows where they are now, and that nobody has changed them.
    written = (done / "b.results.csv").read_bytes()
    ended = command("results", "done/b.csv", "--ledger", "ledger.sqlite3")
    assert ended.code == 0
    assert (done / "b.results.csv").read_bytes() == written
    assert command("resolve", "done/b.csv", "--ledger", "ledger.sqlite3").code == 0
    assert not list(done.glob("*kept*"))
    assert command("run", "done/a.csv", *local(api, tmp_path)).code == 0
    assert outcomes_in(done / "a.results.csv") == ["existing"] * 2


def test_rows_to_mend_are_mended_in_the_archive(
    command: Command, api: LocalApi, tmp_path: Path, inbox: Path
) -> None:
    (inbox / "a.csv").write_text(f"{','.join(HEADERS)}\n6,,0901234568,y\n", encoding="utf-8")
    aged(inbox / "a.csv")
    command("run", "inbox", *local(api, tmp_path, "--archive", "done"))
    retry = tmp_path / "done" / "a.retry.csv"
    retry.write_text(retry.read_text(encoding="utf-8-sig").replace("6,,", "6,Bo,"), encoding="utf-8")
    assert command("run", "done/a.retry.csv", *local(api, tmp_path, "--archive", "done")).code == 0
    assert customers(api) == ["6"]
    assert names(tmp_path / "done") == {
        *("a.csv", "a.results.csv", "a.retry.csv", "a.retry.results.csv"),
    }


def test_the_same_name_every_night_replaces_nothing_in_the_archive(
    command: Command, api: LocalApi, tmp_path: Path, inbox: Path
) -> None:
    options = local(api, tmp_path, "--archive", "done")
    for first in (1000, 2000, 3000):
        leads(inbox / "a.csv", first=first)
        assert command("run", "inbox", *options).code == 0
    today = date.today().isoformat()
    for mark, customer in (("", "1000"), (f"-{today}", "2000"), (f"-{today}-2", "3000")):
        assert read_results(tmp_path / "done" / f"a{mark}.csv")[0]["customer_id"] == customer
        assert read_results(tmp_path / "done" / f"a{mark}.results.csv")[0]["customer_id"] == customer
    assert names(inbox) == set()
    assert len(customers(api)) == len(set(customers(api))) == 6


@pytest.mark.parametrize(
    ("fault", "code", "outcome"),
    [("drop-after:customer=1001", 3, "in_doubt"), ("503:format=api,customer=1001", 1, "failed")],
)
def test_a_file_with_a_row_that_another_run_or_a_person_may_settle_stays(
    command: Command, api: LocalApi, tmp_path: Path, inbox: Path, fault: str, code: int, outcome: str
) -> None:
    leads(inbox / "a.csv")
    leads(inbox / "b.csv", first=2000)
    set_faults(api, fault)
    options = local(api, tmp_path, "--archive", "done", "--attempts", "1")
    assert command("run", "inbox", *options).code == code
    assert outcome in outcomes_in(inbox / "a.results.csv")
    assert names(tmp_path / "done") == {"b.csv", "b.results.csv"}
    set_faults(api)
    if outcome == "in_doubt":
        ended = command("resolve", "inbox/a.csv", "--not-created", "3", "--ledger", "ledger.sqlite3")
        assert ended.code == 0
    assert command("run", "inbox", *options).code == 0
    assert names(inbox) == set()


def test_results_in_the_archive_tell_that_the_ledger_is_lost(
    command: Command, api: LocalApi, tmp_path: Path, inbox: Path
) -> None:
    leads(inbox / "monday.csv")
    options = local(api, tmp_path, "--archive", "done")
    command("run", "inbox", *options)
    kept = (tmp_path / "ledger.sqlite3").read_bytes()
    # A spreadsheet that saves them with other ids takes nothing away from what this ledger knows.
    results = tmp_path / "done" / "monday.results.csv"
    content = results.read_bytes()
    results.write_bytes(content.replace(api.applications[0].id.encode(), b"1.4E+17"))
    leads(inbox / "tuesday.csv", first=2000)
    assert command("run", "inbox", *options).code == 0
    results.write_bytes(content)
    (tmp_path / "ledger.sqlite3").unlink()
    leads(inbox / "wednesday.csv", first=3000)
    ended = command("run", "inbox", *options)
    assert ended.code == 2
    assert "that the ledger does not know" in ended.errors
    assert len(customers(api)) == 4
    # An older copy, from before Tuesday, is no better.
    (tmp_path / "ledger.sqlite3").write_bytes(kept)
    aged(results)
    assert command("run", "inbox", *options).code == 2
    assert len(customers(api)) == 4


def test_every_results_file_of_the_archive_tells_that_the_ledger_is_lost_not_only_the_newest(
    command: Command, api: LocalApi, tmp_path: Path, inbox: Path
) -> None:
    options = local(api, tmp_path, "--archive", "done")
    leads(inbox / "monday.csv")
    command("run", "inbox", *options)
    leads(inbox / "tuesday.csv", first=2000)
    command("run", "inbox", *options)
    (inbox / "wednesday.csv").write_text(f"{','.join(HEADERS)}\n6,,0901234568,y\n", encoding="utf-8")
    aged(inbox / "wednesday.csv")
    assert command("run", "inbox", *options).code == 1
    (tmp_path / "ledger.sqlite3").unlink()
    leads(inbox / "monday-again.csv")
    ended = command("run", "inbox", *options)
    assert ended.code == 2
    assert "--adopt done/monday.results.csv --adopt done/tuesday.results.csv;" in ended.errors
    assert len(customers(api)) == 4
    done = ["done/monday.csv", "done/tuesday.csv"]
    taken_over = ["--adopt", "done/monday.results.csv", "--adopt", "done/tuesday.results.csv"]
    assert command("run", *done, *local(api, tmp_path, *taken_over)).code == 0
    assert command("run", "inbox", *options).code == 0
    assert len(customers(api)) == 4


def test_what_is_no_results_file_in_the_archive_stops_no_night(
    command: Command, api: LocalApi, tmp_path: Path, inbox: Path
) -> None:
    leads(inbox / "a.csv")
    done = tmp_path / "done"
    (done / "b.results.csv").mkdir(parents=True)
    for name in ("~$a.results.xlsx", ".~lock.a.results.csv#", ".a.results.csv", "a.results.pdf"):
        (done / name).write_bytes(b"PK\x03\x04,")
    assert command("run", "inbox", *local(api, tmp_path, "--archive", "done")).code == 0
    assert (done / "a.csv").exists()


@pytest.mark.parametrize("option", [["--limit", "1"], ["--dry-run"]])
def test_what_was_not_read_to_its_end_or_only_tried_stays(
    command: Command, api: LocalApi, tmp_path: Path, inbox: Path, option: list[str]
) -> None:
    leads(inbox / "a.csv", 3)
    assert command("run", "inbox", *local(api, tmp_path, "--archive", "done", *option)).code == 0
    assert (inbox / "a.csv").exists()


def test_results_that_were_to_be_elsewhere_stay_there(
    command: Command, api: LocalApi, tmp_path: Path, inbox: Path
) -> None:
    leads(inbox / "a.csv")
    assert command("run", "inbox", *local(api, tmp_path, "--archive", "done", "--results", "r.csv")).code == 0
    assert names(tmp_path / "done") == {"a.csv"}
    assert outcomes_in(tmp_path / "r.csv") == ["created"] * 2


@pytest.mark.parametrize(
    ("archive", "words"),
    [
        ("file", "is no folder"),
        ("no/such", "is no folder"),
    ],
)
def test_an_archive_that_cannot_be_one_is_refused_before_anything_is_sent(
    command: Command, api: LocalApi, tmp_path: Path, inbox: Path, archive: str, words: str
) -> None:
    leads(inbox / "a.csv")
    (tmp_path / "file").touch()
    ended = command("run", "inbox", *local(api, tmp_path, "--archive", archive))
    assert ended.code == 2
    assert words in ended.errors
    assert customers(api) == []


def test_an_archive_that_nobody_may_write_is_refused_before_anything_is_sent(
    command: Command, api: LocalApi, tmp_path: Path, inbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    leads(inbox / "a.csv")
    monkeypatch.setattr("importer.archiving.os.access", lambda path, mode: Path(path).name != "done")
    ended = command("run", "inbox", *local(api, tmp_path, "--archive", "done"))
    assert (ended.code, customers(api)) == (2, [])
    assert "this user may not write there" in ended.errors


def test_a_file_that_was_replaced_while_it_was_imported_is_not_moved(
    command: Command, api: LocalApi, tmp_path: Path, inbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    leads(inbox / "a.csv")
    written = SqliteLedger.note_written

    def replaced(ledger: SqliteLedger, path: str, stamp: tuple[int, int]) -> None:
        write_leads(inbox / "a.csv", 3, first=7000)
        written(ledger, path, stamp)

    monkeypatch.setattr(SqliteLedger, "note_written", replaced)
    ended = command("run", "inbox", *local(api, tmp_path, "--archive", "done", "--log-format", "text"))
    assert ended.code == 0
    assert "was changed after it was read" in " ".join(ended.output.split())
    assert names(tmp_path / "done") == set()
    assert read_results(inbox / "a.csv")[0]["customer_id"] == "7000"


@pytest.mark.parametrize("again", [False, True])
def test_a_file_that_is_replaced_at_the_moment_it_is_moved_is_left_for_the_next_run(
    command: Command, api: LocalApi, tmp_path: Path, inbox: Path, monkeypatch: pytest.MonkeyPatch, again: bool
) -> None:
    leads(inbox / "a.csv")
    rename = Path.rename

    def replaced(path: Path, target: Path) -> Path:
        if path == Path("inbox/a.csv"):
            path.unlink()
            write_leads(path, 3, first=7000)
            rename(path, target)
            if again:
                write_leads(path, 3, first=8000)
            return target
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", replaced)
    ended = command("run", "inbox", *local(api, tmp_path, "--archive", "done", "--log-format", "text"))
    assert ended.code == 0
    assert "was changed after it was read" in " ".join(ended.output.split())
    assert (names(inbox), names(tmp_path / "done")) == ({"a.csv"}, {"a.results.csv"})
    assert read_results(inbox / "a.csv")[0]["customer_id"] == ("8000" if again else "7000")


def test_a_disk_that_takes_no_times_and_rights_gets_the_file_all_the_same(
    command: Command, api: LocalApi, tmp_path: Path, inbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    leads(inbox / "a.csv")
    monkeypatch.setattr(os, "link", refuse)
    monkeypatch.setattr("importer.archiving.shutil.copystat", refuse)
    assert command("run", "inbox", *local(api, tmp_path, "--archive", "done")).code == 0
    assert (names(inbox), names(tmp_path / "done")) == (set(), {"a.csv", "a.results.csv"})


def test_an_archive_on_another_disk_gets_a_copy_and_the_file_goes(
    command: Command, api: LocalApi, tmp_path: Path, inbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def elsewhere(*_: object, **__: object) -> None:
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    before = leads(inbox / "a.csv").stat()
    monkeypatch.setattr(os, "link", elsewhere)
    assert command("run", "inbox", *local(api, tmp_path, "--archive", "done")).code == 0
    assert names(inbox) == set()
    after = (tmp_path / "done" / "a.csv").stat()
    assert (after.st_size, after.st_mtime_ns, after.st_mode) == (
        before.st_size,
        before.st_mtime_ns,
        before.st_mode,
    )
    assert names(tmp_path / "done") == {"a.csv", "a.results.csv"}


def test_what_a_link_leads_to_is_archived_not_the_link(
    command: Command, api: LocalApi, tmp_path: Path, inbox: Path
) -> None:
    (inbox / "link.csv").symlink_to(leads(tmp_path / "away.csv"))
    assert command("run", "inbox", *local(api, tmp_path, "--archive", "done")).code == 0
    assert not (tmp_path / "done" / "link.csv").is_symlink()
    assert (tmp_path / "done" / "link.csv").read_bytes() == (tmp_path / "away.csv").read_bytes()


def test_a_file_that_appears_in_the_archive_at_the_last_moment_is_not_replaced(
    command: Command, api: LocalApi, tmp_path: Path, inbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    leads(inbox / "a.csv")
    (tmp_path / "done").mkdir()
    (tmp_path / "done" / "a.csv").write_text("of another run")
    monkeypatch.setattr("importer.archiving.os.path.lexists", lambda path: False)
    ended = command("run", "inbox", *local(api, tmp_path, "--archive", "done"))
    assert ended.code == 2
    assert "cannot be moved to done (File exists)" in ended.errors
    assert (tmp_path / "done" / "a.csv").read_text() == "of another run"
    assert (inbox / "a.csv").exists()


def test_a_file_that_cannot_be_moved_is_told_and_keeps_no_other(
    command: Command, api: LocalApi, tmp_path: Path, inbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = leads(inbox / "a.csv").read_bytes()
    leads(inbox / "b.csv", first=2000)
    unlink = Path.unlink

    def held(path: Path, missing_ok: bool = False) -> None:
        if path.name.startswith(".archiving-") and path.read_bytes() == content:
            raise PermissionError(errno.EACCES, "Permission denied")
        unlink(path, missing_ok)

    monkeypatch.setattr(Path, "unlink", held)
    ended = command("run", "inbox", *local(api, tmp_path, "--archive", "done", "--log-format", "text"))
    assert ended.code == 2
    assert "cannot be moved to done (Permission denied)" in " ".join(ended.output.split())
    assert "a.csv" not in names(tmp_path / "done")
    assert names(inbox) == {"a.csv"}
    assert names(tmp_path / "done") >= {"b.csv", "b.results.csv"}
    monkeypatch.setattr(Path, "unlink", unlink)
    assert command("run", "inbox", *local(api, tmp_path, "--archive", "done")).code == 0
    assert names(inbox) == set()
    assert len(customers(api)) == 4


@pytest.mark.parametrize("point", ["file-in-place:1", "run-end-written:1", "ledger-closed:1"])
async def test_a_run_that_is_killed_before_or_after_it_archives_loses_nothing_and_sends_nothing_twice(
    tmp_path: Path, inbox: Path, point: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    leads(inbox / "a.csv", 20)
    async with LocalApi(LOCAL_CREDENTIALS) as api:
        options = [*local(api, tmp_path), "--archive", "done"]
        monkeypatch.setenv("LEAD_IMPORTER_FAILPOINT", point)
        assert (await finished(await started(tmp_path, "run", "inbox", *options))).code == -signal.SIGKILL
        monkeypatch.delenv("LEAD_IMPORTER_FAILPOINT")
        assert ((inbox / "a.csv").exists(), (tmp_path / "done" / "a.csv").exists()) in (
            (True, False),
            (False, True),
        )
        assert (await finished(await started(tmp_path, "run", "inbox", *options))).code == 0
        assert len(customers(api)) == len(set(customers(api))) == 20
    assert names(inbox) == set()
    assert {"a.csv", "a.results.csv"} <= names(tmp_path / "done")


def test_a_run_that_was_killed_between_the_results_and_their_file_is_made_up_for_by_the_next(
    command: Command, api: LocalApi, tmp_path: Path, inbox: Path
) -> None:
    leads(inbox / "a.csv")
    command("run", "inbox", *local(api, tmp_path))
    (tmp_path / "done").mkdir()
    (inbox / "a.results.csv").rename(tmp_path / "done" / "a.results.csv")
    assert command("run", "inbox", *local(api, tmp_path, "--archive", "done")).code == 0
    assert names(inbox) == set()
    mark = date.today().isoformat()
    assert names(tmp_path / "done") == {"a.results.csv", f"a-{mark}.csv", f"a-{mark}.results.csv"}
    assert outcomes_in(tmp_path / "done" / "a.results.csv") == ["created"] * 2
    assert outcomes_in(tmp_path / "done" / f"a-{mark}.results.csv") == ["existing"] * 2
    assert len(customers(api)) == 2


async def test_the_ledger_finds_a_file_where_it_was_moved_and_not_where_it_was(tmp_path: Path) -> None:
    with SqliteLedger(tmp_path / "ledger.sqlite3") as ledger:
        start = RunStart(name="r", environment="local", base_url="", started_at="")
        runs = [await ledger.begin_run(start) for _ in range(2)]
        for run in runs:
            await ledger.add_sheet(run, "a.csv", "/in/a.csv", "")
            await ledger.add_sheet(run, "b.csv", "/in/b.csv", "")
            await ledger.end_run(run, {})
        await ledger.move_file(runs[1], "/in/a.csv", "/done/a.csv")
        assert ledger.last_run("/done/a.csv") == runs[1]
        assert ledger.last_run("/in/a.csv") == runs[0]
        assert ledger.last_run("/in/b.csv") == runs[1]


@pytest.mark.parametrize("asked", ["results", "resolve"])
@pytest.mark.parametrize("archived_at_once", [True, False])
def test_who_asks_for_a_file_where_it_was_is_told_where_it_is(
    command: Command, api: LocalApi, tmp_path: Path, inbox: Path, asked: str, archived_at_once: bool
) -> None:
    leads(inbox / "a.csv")
    if not archived_at_once:
        command("run", "inbox", *local(api, tmp_path))
    command("run", "inbox", *local(api, tmp_path, "--archive", "done"))
    ended = command(asked, "inbox/a.csv", "--ledger", "ledger.sqlite3")
    assert ended.code == 2
    place = tmp_path / "done" / "a.csv"
    assert f"Name it there: lead-importer {asked} {place}" in " ".join(ended.errors.split())
    assert names(inbox) == set()
    assert command(asked, str(place), "--ledger", "ledger.sqlite3").code == 0
    with importer.read_outcomes(inbox / "a.csv", ledger=tmp_path / "ledger.sqlite3") as rows:
        assert len(list(rows)) == 2


def test_a_file_of_a_name_that_came_again_is_found_where_it_is(
    command: Command, api: LocalApi, tmp_path: Path, inbox: Path
) -> None:
    leads(inbox / "a.csv")
    command("run", "inbox", *local(api, tmp_path, "--archive", "done"))
    leads(inbox / "a.csv", 3, first=2000)
    command("run", "inbox", *local(api, tmp_path))
    assert command("results", "inbox/a.csv", "--ledger", "ledger.sqlite3").code == 0
    assert outcomes_in(inbox / "a.results.csv") == ["created"] * 3
