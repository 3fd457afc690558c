"""Statuses in bulk: what is sent, what a row ends as, and that a second run sends nothing."""

from __future__ import annotations

import asyncio
import csv
import errno
import io
import json
import signal
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from openpyxl import Workbook  # type: ignore[import-untyped]

from importer.applications import ApplicationStore
from importer.errors import LedgerError, ResultsError
from importer.ledger import UNKNOWN_STATUS, KnownApplication, StatusSet
from importer.ledger.sqlite import SqliteLedger
from importer.local_api import LOCAL_CREDENTIALS, LocalApi
from importer.model import InvalidRow, OutcomeName, Place, Update
from importer.results import COLUMNS
from importer.update_intake import standing
from tests.support import Command, api_beside, local, outcomes_in, read_results, set_faults, write_leads
from tests.test_processes import finished, started, until

UNKNOWN = "999999999999999999"


async def _filled(path: Path, count: int) -> list[str]:
    store = ApplicationStore(path)
    store.open()
    made = await asyncio.gather(*(store.create(str(1000 + n), "{}", is_sandbox=True) for n in range(count)))
    await store.close()
    return [application.id for application in made]


def with_applications(folder: Path, count: int) -> tuple[LocalApi, list[str]]:
    """Return a local API in which there are so many applications, and their ids."""
    ids = asyncio.run(_filled(folder / "applications.jsonl", count))
    return LocalApi(LOCAL_CREDENTIALS, store=folder / "applications.jsonl"), ids


def write_statuses(path: Path, rows: Sequence[tuple[str, str]]) -> str:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("application_id", "status"), *rows])
    return str(path)


def statuses(api: LocalApi) -> list[str]:
    return [application.status for application in api.applications]


def puts(api: LocalApi) -> int:
    return api.stats.requests


def test_the_results_of_a_run_with_other_statuses_written_in_work_as_they_are(
    command: Command, tmp_path: Path
) -> None:
    leads = write_leads(tmp_path / "leads.csv", 6)
    with leads.open("a", encoding="utf-8") as file:
        file.write("1999,Nguyễn Văn Sai,không có,Huế\n")
    with api_beside() as api:
        options = local(api, tmp_path)
        assert command("run", "leads.csv", *options).code == 1
        results = (tmp_path / "leads.results.csv").read_text(encoding="utf-8-sig")
        rows = list(csv.reader(results.splitlines()))
        at = COLUMNS.index("status")
        rows[1][at], rows[2][at] = "Disbursed", "từ chối"
        with (tmp_path / "edited.csv").open("w", encoding="utf-8-sig", newline="") as file:
            csv.writer(file).writerows(rows)
        sent = puts(api)
        ended = command("update", "edited.csv", *options, "--log-format", "text")
        assert ended.code == 0, ended.output
        assert "rows left out since they have no status: 1" in " ".join(ended.output.split())
        assert puts(api) == sent + 2
        assert statuses(api) == ["disbursed", "rejected", "new", "new", "new", "new"]
        updated = tmp_path / "edited.updated.csv"
        assert outcomes_in(updated) == ["updated", "updated", *["unchanged"] * 4]
        told = read_results(updated)[0]
        assert (told["customer_id"], told["status"], told["attempts"]) == ("1000", "disbursed", "1")
        assert told["created_at"] == api.applications[0].created_at

        # What was set is what the results tell from now on, and is not sent again.
        assert command("results", "leads.csv", "--ledger", str(tmp_path / "ledger.sqlite3")).code == 0
        told_again = read_results(tmp_path / "leads.results.csv")
        assert [row["status"] for row in told_again][:3] == ["disbursed", "rejected", "new"]
        assert command("update", "edited.csv", *options).code == 0
        assert command("update", "edited.updated.csv", *options).code == 0
        assert puts(api) == sent + 2
        assert set(outcomes_in(updated)) == {"unchanged"}
        # An old copy of the results does not undo what was set since.
        rows[1][at] = "new"
        with (tmp_path / "old.csv").open("w", encoding="utf-8-sig", newline="") as file:
            csv.writer(file).writerows(rows)
        assert command("update", "old.csv", *options).code == 1
        assert statuses(api)[0] == "disbursed"
        assert read_results(tmp_path / "old.updated.csv")[0]["error_code"] == "back_to_new"


def test_a_row_that_a_person_has_settled_is_left_out_until_somebody_writes_a_status(
    command: Command, tmp_path: Path
) -> None:
    write_leads(tmp_path / "leads.csv", 2)
    with api_beside() as api:
        set_faults(api, "drop-after:customer=1001")
        options = local(api, tmp_path)
        assert command("run", "leads.csv", *options).code == 3
        ledger = ("--ledger", str(tmp_path / "ledger.sqlite3"))
        created = api.applications[1].id
        assert command("resolve", "leads.csv", "--created", f"3={created}", *ledger).code == 0
        assert command("results", "leads.csv", *ledger).code == 0
        assert read_results(tmp_path / "leads.results.csv")[1]["application_id"] == created
        ended = command("update", "leads.results.csv", *options, "--log-format", "text")
        assert ended.code == 0, ended.output
        assert "rows left out since they have no status: 1" in " ".join(ended.output.split())
        assert outcomes_in(tmp_path / "leads.results.updated.csv") == ["unchanged"]


def test_each_row_ends_as_one_outcome_and_the_summary_adds_up(command: Command, tmp_path: Path) -> None:
    api, ids = with_applications(tmp_path, 4)
    rows = [
        (ids[0], "disbursed"),
        (ids[0], "DISBURSED"),
        (ids[1], "disbursed"),
        (ids[1], "rejected"),
        (UNKNOWN, "rejected"),
        ("1.41952E+17", "rejected"),
        (ids[2], "paid"),
        (ids[3], "rejected"),
        ("", ""),
    ]
    file = write_statuses(tmp_path / "statuses.csv", rows)
    with api_beside(api):
        ended = command("update", file, *local(api, tmp_path, "--summary", "s.json", "--log-format", "text"))
        assert ended.code == 1
        assert "4 rows to mend" not in ended.output
        assert "5 rows to mend: the results tell which, and why." in ended.output
        results = read_results(tmp_path / "statuses.updated.csv")
        assert [row["outcome"] for row in results] == [
            *("updated", "duplicate", "invalid", "invalid", "rejected", "invalid", "invalid", "updated")
        ]
        assert [row["error_code"] for row in results][2:7] == [
            *("two_statuses", "two_statuses", "http_404", "lost_digits", "bad_status")
        ]
        assert results[4]["error_message"] == "there is no application with this id"
        assert results[4]["request_id"]
        assert statuses(api) == ["disbursed", "new", "new", "rejected"]
    summary = json.loads((tmp_path / "s.json").read_text(encoding="utf-8"))
    ends = ("updated", "unchanged", "duplicate", "invalid", "rejected", "failed", "not_attempted")
    assert [summary[name] for name in ends] == [2, 0, 1, 4, 1, 0, 0]
    assert (summary["read"], summary["requests"], summary["exit_code"]) == (8, 3, 1)
    assert summary["results"] == [str(tmp_path / "statuses.updated.csv")]


def test_a_workbook_with_vietnamese_headers_below_a_title_and_other_sheets_is_read(
    command: Command, tmp_path: Path
) -> None:
    api, ids = with_applications(tmp_path, 2)
    book = Workbook()
    sheet = book.active
    sheet.append(["Kết quả tháng 11"])
    sheet.append(["STT", "Mã hồ sơ", "Trạng thái"])
    sheet.append([1, ids[0], "Đã giải ngân"])
    sheet.append([2, int(ids[1]), "Từ chối"])
    book.create_sheet("Ghi chú").append(["gì đó"])
    book.save(tmp_path / "statuses.xlsx")
    with api_beside(api):
        ended = command("update", "statuses.xlsx", *local(api, tmp_path, "--log-format", "text"))
    assert ended.code == 1
    assert "left out a sheet" in ended.output
    results = read_results(tmp_path / "statuses.updated.csv")
    # The number has lost digits already, so nobody guesses them.
    assert [row["error_code"] for row in results] == ["", "lost_digits"]
    assert statuses(api) == ["disbursed", "new"]


def test_a_dry_run_sends_nothing_and_writes_nothing(command: Command, tmp_path: Path) -> None:
    api, ids = with_applications(tmp_path, 2)
    file = write_statuses(tmp_path / "statuses.csv", [(one, "rejected") for one in ids])
    with api_beside(api):
        ended = command("update", file, *local(api, tmp_path, "--dry-run", "--log-format", "text"))
        assert (ended.code, puts(api)) == (0, 0)
    assert "2 rows would be sent" in ended.output
    assert not (tmp_path / "statuses.updated.csv").exists()
    assert not (tmp_path / "ledger.sqlite3").exists()


def test_a_limit_sends_so_many_and_reads_no_further(command: Command, tmp_path: Path) -> None:
    api, ids = with_applications(tmp_path, 5)
    file = write_statuses(tmp_path / "statuses.csv", [(one, "rejected") for one in ids])
    with api_beside(api):
        assert command("update", file, *local(api, tmp_path, "--limit", "2")).code == 0
        assert statuses(api) == ["rejected", "rejected", "new", "new", "new"]
    assert outcomes_in(tmp_path / "statuses.updated.csv") == ["updated", "updated"]


def test_a_secret_that_is_refused_stops_the_run(command: Command, tmp_path: Path) -> None:
    api, ids = with_applications(tmp_path, 40)
    set_faults(api, "401")
    file = write_statuses(tmp_path / "statuses.csv", [(one, "rejected") for one in ids])
    with api_beside(api):
        ended = command("update", file, *local(api, tmp_path))
        assert ended.code == 4
        assert puts(api) == 1
        assert set(outcomes_in(tmp_path / "statuses.updated.csv")) == {"not_attempted"}
        api.faults = []
        assert command("update", file, *local(api, tmp_path, "--quiet")).errors == ""
    assert set(statuses(api)) == {"rejected"}


def test_what_fails_to_the_last_try_has_failed_and_is_sent_by_the_next_run(
    command: Command, tmp_path: Path
) -> None:
    api, ids = with_applications(tmp_path, 2)
    set_faults(api, "drop-after:customer=1000,times=2")
    file = write_statuses(tmp_path / "statuses.csv", [(one, "rejected") for one in ids])
    with api_beside(api):
        ended = command("update", file, *local(api, tmp_path, "--attempts", "2"))
        assert ended.code == 1
        assert outcomes_in(tmp_path / "statuses.updated.csv") == ["failed", "updated"]
        assert command("update", file, *local(api, tmp_path)).code == 0
        assert outcomes_in(tmp_path / "statuses.updated.csv") == ["updated", "unchanged"]


def test_a_status_that_was_known_is_not_believed_after_another_was_asked_for_without_an_answer(
    command: Command, tmp_path: Path
) -> None:
    api, ids = with_applications(tmp_path, 1)
    files = {
        status: write_statuses(tmp_path / f"{status}.csv", [(ids[0], status)])
        for status in ("new", "disbursed", "rejected")
    }
    with api_beside(api):
        options = local(api, tmp_path, "--attempts", "1")
        assert command("update", files["disbursed"], *options).code == 0
        set_faults(api, "drop-after:customer=1000,times=1")
        assert command("update", files["rejected"], *options).code == 1
        assert statuses(api) == ["rejected"]
        # Nothing leads back to new from either of the two statuses that it may have.
        assert command("update", files["new"], *options).code == 1
        assert read_results(tmp_path / "new.updated.csv")[0]["error_code"] == "back_to_new"
        assert command("update", files["disbursed"], *options).code == 0
        assert statuses(api) == ["disbursed"]
        assert outcomes_in(tmp_path / "disbursed.updated.csv") == ["updated"]


def test_a_status_that_the_api_refused_to_set_leaves_the_known_one_known(
    command: Command, tmp_path: Path
) -> None:
    api, ids = with_applications(tmp_path, 1)
    disbursed = write_statuses(tmp_path / "disbursed.csv", [(ids[0], "disbursed")])
    rejected = write_statuses(tmp_path / "rejected.csv", [(ids[0], "rejected")])
    with api_beside(api):
        options = local(api, tmp_path)
        assert command("update", disbursed, *options).code == 0
        set_faults(api, "400:customer=1000,times=1")
        assert command("update", rejected, *options).code == 1
        assert outcomes_in(tmp_path / "rejected.updated.csv") == ["rejected"]
        assert command("update", disbursed, *options).code == 0
    assert outcomes_in(tmp_path / "disbursed.updated.csv") == ["unchanged"]


async def test_that_the_status_is_not_known_is_on_disk_before_the_request_is_sent(tmp_path: Path) -> None:
    told: list[KnownApplication] = []

    with SqliteLedger(tmp_path / "ledger.sqlite3") as ledger:
        given = StatusSet(account="a", environment="sandbox", application_id="7", status="disbursed", run="r")
        ledger.record_status(given)
        await ledger.intend_status(replace(given, status=UNKNOWN_STATUS))
        await ledger.begin_updates()
        told += await ledger.find_applications("a", "sandbox", ["7"])
    assert [known.status for known in told] == [UNKNOWN_STATUS]


def test_a_ledger_that_cannot_note_what_is_asked_for_stops_the_run_before_it_is_sent(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(*_: object) -> None:
        raise LedgerError("The disk of the ledger is full.")

    api, ids = with_applications(tmp_path, 40)
    file = write_statuses(tmp_path / "statuses.csv", [(one, "rejected") for one in ids])
    monkeypatch.setattr(SqliteLedger, "intend_status", refuse)
    with api_beside(api):
        ended = command("update", file, *local(api, tmp_path, "--log-format", "text"))
    assert ended.code == 70
    assert "The disk of the ledger is full." in ended.output
    assert puts(api) == 0
    assert set(outcomes_in(tmp_path / "statuses.updated.csv")) == {"not_attempted"}


class FullDisk(io.FileIO):
    """A file on a disk with room for so many bytes."""

    def __init__(self, path: Path, room: int) -> None:
        super().__init__(path, "w+")
        self.room = room

    def write(self, content: object, /) -> int:
        assert isinstance(content, bytes)
        if not self.room:
            raise OSError(errno.ENOSPC, "No space left on device")
        written = super().write(content[: self.room])
        self.room -= written
        return written


@pytest.mark.parametrize("concurrency", ["1", "8"])
def test_a_disk_without_room_for_the_results_stops_an_update_once_and_what_was_kept_is_written(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, concurrency: str
) -> None:
    monkeypatch.setattr(
        "importer.row_spool.TemporaryFile", lambda **_: FullDisk(tmp_path / "spool", room=2000)
    )
    api, ids = with_applications(tmp_path, 40)
    file = write_statuses(tmp_path / "statuses.csv", [(one, "rejected") for one in ids])
    with api_beside(api):
        options = local(api, tmp_path, "--concurrency", concurrency, "--summary", "s.json")
        ended = command("update", file, *options, "--log-format", "text")
    assert ended.code == 2
    assert " ".join(ended.output.split()).count("cannot be used (No space left on device)") == 1
    kept = outcomes_in(tmp_path / "statuses.updated.csv")
    assert 0 < len(kept) < 40
    assert kept[0] == "updated"
    summary = json.loads((tmp_path / "s.json").read_text(encoding="utf-8"))
    assert summary["updated"] == statuses(api).count("rejected")
    assert summary["updated"] + summary["not_attempted"] == summary["read"] == 40


def test_an_update_without_a_folder_for_temporary_files_sends_nothing_and_says_so(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(**_: object) -> None:
        raise FileNotFoundError(errno.ENOENT, "No usable temporary directory found")

    monkeypatch.setattr("importer.row_spool.TemporaryFile", refuse)
    api, ids = with_applications(tmp_path, 1)
    file = write_statuses(tmp_path / "statuses.csv", [(ids[0], "rejected")])
    with api_beside(api):
        ended = command("update", file, *local(api, tmp_path))
    assert (ended.code, puts(api)) == (2, 0)
    assert "TMPDIR" in ended.errors


def test_results_that_somebody_has_changed_are_kept(command: Command, tmp_path: Path) -> None:
    api, ids = with_applications(tmp_path, 1)
    file = write_statuses(tmp_path / "statuses.csv", [(ids[0], "rejected")])
    (tmp_path / "statuses.updated.csv").write_text("mine", encoding="utf-8")
    with api_beside(api):
        assert command("update", file, *local(api, tmp_path)).code == 0
    assert (tmp_path / "statuses.updated.kept-1.csv").read_text(encoding="utf-8") == "mine"
    assert outcomes_in(tmp_path / "statuses.updated.csv") == ["updated"]


@pytest.mark.parametrize(
    ("content", "arguments", "message"),
    [
        ("application_id,note\n1,x\n", (), "no column for status (Trạng thái)"),
        ("application_id,status\n1,x\n", ("--results", "statuses.csv"), "one of the files to read"),
        ("application_id,status\n1,x\n", ("--results", "r.txt"), "results are written as"),
    ],
)
def test_what_cannot_be_understood_is_refused_before_anything_is_sent(
    command: Command, tmp_path: Path, content: str, arguments: tuple[str, ...], message: str
) -> None:
    (tmp_path / "statuses.csv").write_text(content, encoding="utf-8")
    ended = command("update", "statuses.csv", "--env", "local", *arguments)
    assert ended.code == 2
    assert message in ended.errors


@pytest.mark.parametrize(
    ("known", "wanted", "end"),
    [
        ("", "new", "sent"),
        ("", "rejected", "sent"),
        ("new", "disbursed", "sent"),
        ("created", "disbursed", "sent"),
        ("disbursed", "disbursed", OutcomeName.UNCHANGED),
        ("new", "new", OutcomeName.UNCHANGED),
        ("disbursed", "new", "back_to_new"),
        ("rejected", "new", "back_to_new"),
        ("unknown", "new", "back_to_new"),
        ("unknown", "disbursed", "sent"),
        ("rejected", "disbursed", "unusual_step"),
        ("disbursed", "rejected", "unusual_step"),
    ],
)
def test_steps_that_the_documentation_lacks_are_noted_and_none_leads_back_to_new(
    known: str, wanted: str, end: str
) -> None:
    update = Update(Place("s.csv", "", 2), "141952217564315671", wanted)
    found = standing(update, KnownApplication(known), "status", strict=False)
    if isinstance(found, Update):
        assert [note.code for note in found.notes] == ([] if end == "sent" else [end])
    elif isinstance(found, InvalidRow):
        assert found.problems[0].code == end
    else:
        assert found is end
    if end == "unusual_step":
        assert isinstance(standing(update, KnownApplication(known), "status", strict=True), InvalidRow)


async def test_the_ledger_keeps_statuses_apart_by_account_and_environment(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite3"
    ids = ["141952217564315671", "1419522175643156711", "not a number"]
    with SqliteLedger(path) as ledger:
        for application_id in ids:
            for status in ("rejected", "disbursed"):
                ledger.record_status(
                    StatusSet(
                        account="a",
                        environment="sandbox",
                        application_id=application_id,
                        status=status,
                        run="r",
                    )
                )
        await ledger.flush()
    with SqliteLedger(path) as ledger:
        await ledger.begin_updates()
        for account, environment, status in (
            ("a", "sandbox", "disbursed"),
            ("b", "sandbox", ""),
            ("a", "production", ""),
        ):
            found = await ledger.find_applications(account, environment, [*ids, "5"])
            assert [known.status for known in found] == [status, status, status, ""]


def test_ten_thousand_statuses_are_set_through_faults_and_only_once(command: Command, tmp_path: Path) -> None:
    api, ids = with_applications(tmp_path, 10_000)
    set_faults(
        api,
        "503:every=1511",
        "500:format=html,every=1709",
        "drop-before:every=1901",
        "drop-after:every=2003",
        "429:retry-after=0.01,every=4001",
        "delay:seconds=0.05,every=997",
    )
    wanted = ["disbursed" if number % 2 else "rejected" for number in range(len(ids))]
    file = write_statuses(tmp_path / "statuses.csv", list(zip(ids, wanted, strict=True)))
    with api_beside(api):
        options = local(api, tmp_path, "--concurrency", "32")
        ended = command("update", file, *options)
        assert ended.code == 0, ended.errors[-500:]
        assert statuses(api) == wanted
        assert len(api.stats.by_fault) == 6
        sent = puts(api)
        assert command("update", file, *options).code == 0
        assert puts(api) == sent
    assert Counter(outcomes_in(tmp_path / "statuses.updated.csv")) == {"unchanged": 10_000}


async def test_an_update_that_was_killed_goes_on_where_it_was(tmp_path: Path) -> None:
    ids = await _filled(tmp_path / "applications.jsonl", 2000)
    async with LocalApi(LOCAL_CREDENTIALS, store=tmp_path / "applications.jsonl") as api:
        file = write_statuses(tmp_path / "statuses.csv", [(one, "rejected") for one in ids])
        arguments = ("update", file, *local(api, tmp_path))
        for number in (signal.SIGKILL, signal.SIGINT):
            process = await started(tmp_path, *arguments)
            seen = api.stats.updated
            await until(lambda seen=seen: api.stats.updated > seen + 200)  # type: ignore[misc]
            process.send_signal(number)
            code = (await finished(process)).code
            assert code == (-signal.SIGKILL if number == signal.SIGKILL else 130)
        assert api.stats.updated < 2000
        ended = await finished(await started(tmp_path, *arguments))
        assert ended.code == 0, ended.errors
        assert set(statuses(api)) == {"rejected"}
        # Only what was under way at the kill, or on its way to the disk, was sent twice.
        assert api.stats.updated <= 2000 + 200
    assert set(outcomes_in(tmp_path / "statuses.updated.csv")) == {"updated", "unchanged"}


def test_an_error_that_nobody_foresaw_ends_as_failed_since_to_send_again_does_no_harm(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise KeyError("disbursed")

    monkeypatch.setattr("importer.updating.update_status", broken)
    api, ids = with_applications(tmp_path, 2)
    file = write_statuses(tmp_path / "statuses.csv", [(one, "rejected") for one in ids])
    with api_beside(api):
        ended = command("update", file, *local(api, tmp_path, "--concurrency", "1", "--log-format", "text"))
    assert ended.code == 70
    assert "KeyError" in ended.output
    assert outcomes_in(tmp_path / "statuses.updated.csv") == ["failed", "not_attempted"]


def test_results_and_a_summary_that_cannot_be_written_are_told_and_the_ledger_knows(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise ResultsError("The disk is full.")

    api, ids = with_applications(tmp_path, 2)
    file = write_statuses(tmp_path / "statuses.csv", [(one, "rejected") for one in ids])
    with api_beside(api):
        with monkeypatch.context() as patched:
            patched.setattr("importer.updating.write_results", refuse)
            patched.setattr("importer.updating.write_summary", refuse)
            ended = command(
                "update", file, *local(api, tmp_path, "--summary", "s.json", "--log-format", "text")
            )
        assert ended.code == 2
        assert "The disk is full." in ended.output
        assert command("update", file, *local(api, tmp_path)).code == 0
        assert puts(api) == 2
    assert outcomes_in(tmp_path / "statuses.updated.csv") == ["unchanged", "unchanged"]
