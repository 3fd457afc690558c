"""The job of a night, as cron starts it: many files at once, silence when all went well, and who is told."""

from __future__ import annotations

import json
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from importer.faults import parse_fault
from importer.intake import Opened, open_files
from importer.local_api import LOCAL_CREDENTIALS, LocalApi
from importer.metrics import last_success_in
from importer.report import ImportReport
from tests.support import (
    Command,
    Ended,
    aged,
    api_beside,
    customers,
    local,
    outcomes_in,
    set_faults,
    write_leads,
)
from tests.test_intake import book
from tests.test_notification import SECRET, hook
from tests.test_processes import Finished, finished, started, until

BROKEN = b"PK\x03\x04broken"


@pytest.fixture
def api() -> Iterator[LocalApi]:
    with api_beside() as running:
        yield running


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    """Make a folder with two files of two leads each."""
    folder = tmp_path / "inbox"
    folder.mkdir()
    aged(write_leads(folder / "a.csv", 2))
    aged(write_leads(folder / "b.csv", 2, first=2000))
    return folder


def damaged(inbox: Path) -> None:
    for name, content in (("broken.xlsx", BROKEN), ("columns.csv", b"x,y\n1,2\n"), ("empty.csv", b"")):
        (inbox / name).write_bytes(content)
        aged(inbox / name)


@pytest.mark.parametrize("source", ["inbox", "inbox/", "inbox/*", "inbox/[ab]*.csv"])
def test_each_file_of_a_folder_or_pattern_has_its_own_results_and_one_summary_is_over_all(
    command: Command, api: LocalApi, tmp_path: Path, inbox: Path, source: str
) -> None:
    ended = command("run", source, *local(api, tmp_path, "--summary", "s.json"))
    assert ended.code == 0
    totals = json.loads((tmp_path / "s.json").read_text(encoding="utf-8"))
    assert (totals["files"], totals["read"], totals["created"]) == (["inbox/a.csv", "inbox/b.csv"], 4, 4)
    assert totals["results"] == ["inbox/a.results.csv", "inbox/b.results.csv"]
    assert outcomes_in(inbox / "a.results.csv") == outcomes_in(inbox / "b.results.csv") == ["created"] * 2
    assert command("run", source, *local(api, tmp_path)).code == 0
    assert api.stats.requests == 4


def test_a_file_of_a_folder_that_cannot_be_read_is_told_and_keeps_no_other_from_being_imported(
    command: Command, api: LocalApi, tmp_path: Path, inbox: Path
) -> None:
    damaged(inbox)
    ended = command("run", "inbox", *local(api, tmp_path, "--log-format", "text", "--summary", "s.json"))
    assert ended.code == 2
    shown = " ".join(ended.output.split())
    for name in ("broken.xlsx", "columns.csv", "empty.csv"):
        assert f"Not imported: inbox/{name}" in shown
    assert len(customers(api)) == 4
    assert json.loads((tmp_path / "s.json").read_text(encoding="utf-8"))["exit_code"] == 2
    events = [json.loads(line) for line in command("run", "inbox", *local(api, tmp_path)).errors.splitlines()]
    assert [event["event"] for event in events] == ["refused", "refused", "refused", "ended"]
    assert events[-1]["exit_code"] == 2


def test_a_file_that_was_named_and_cannot_be_read_keeps_everything_from_being_sent(
    command: Command, api: LocalApi, tmp_path: Path, inbox: Path
) -> None:
    damaged(inbox)
    assert command("run", "inbox/a.csv", "inbox/broken.xlsx", *local(api, tmp_path)).code == 2
    assert command("run", "inbox/a.csv", "inbox/missing.csv", *local(api, tmp_path)).code == 2
    assert customers(api) == []


def test_a_file_that_changes_while_it_is_read_keeps_no_other_of_its_folder_from_being_imported(
    command: Command, api: LocalApi, tmp_path: Path, inbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def changed_since(*given: Any, **named: Any) -> Opened:
        opened = open_files(*given, **named)
        write_leads(inbox / "a.csv", 3, first=7000)
        return opened

    monkeypatch.setattr("importer.importing.open_files", changed_since)
    ended = command("run", "inbox", *local(api, tmp_path, "--archive", "done", "--log-format", "text"))
    assert ended.code == 2
    assert "inbox/a.csv was changed while it was being read" in " ".join(ended.output.split())
    assert customers(api) == ["2000", "2001"]
    assert {path.name for path in (tmp_path / "done").iterdir()} == {"b.csv", "b.results.csv"}
    assert (inbox / "a.csv").exists()
    monkeypatch.undo()
    aged(inbox / "a.csv")
    monkeypatch.chdir(tmp_path)
    assert command("run", "inbox", *local(api, tmp_path, "--archive", "done")).code == 0
    assert len(customers(api)) == 5


LEADS: list[tuple[str, ...]] = [
    ("customer_id", "name", "phone", "address"),
    ("7", "An", "0901234567", "x"),
]


@pytest.mark.parametrize(
    ("second", "told"),
    [
        ([LEADS[0][:3], ("8", "Bo", "0901234568")], True),
        ([LEADS[0][:3]], False),
        ([("note",), ("call on Monday",)], False),
    ],
)
def test_a_sheet_of_leads_that_lacks_a_column_is_told_and_its_file_stays(
    command: Command,
    api: LocalApi,
    tmp_path: Path,
    inbox: Path,
    second: list[tuple[str, ...]],
    told: bool,
) -> None:
    aged(book(inbox / "leads.xlsx", {"North": LEADS, "South": second}))
    assert command("check", "inbox").code == (2 if told else 0)
    ended = command("run", "inbox", *local(api, tmp_path, "--quiet", "--archive", "done"))
    assert ended.code == (2 if told else 0)
    assert ("leads.xlsx, sheet South: no column for address" in ended.errors) == told
    assert "7" in customers(api)
    assert (inbox / "leads.xlsx").exists() == told
    assert not (inbox / "a.csv").exists()


def with_a_row_to_mend(path: Path) -> None:
    path.write_text("customer_id,name,phone,address\n6,,0901234568,y\n", encoding="utf-8")
    aged(path)


def mend(path: Path) -> None:
    path.write_text(path.read_text(encoding="utf-8-sig").replace("6,,", "6,Bo,"), encoding="utf-8")
    aged(path)


def test_mended_rows_that_come_together_with_new_leads_of_their_name_are_told(
    command: Command, api: LocalApi, tmp_path: Path, inbox: Path
) -> None:
    quiet = local(api, tmp_path, "--quiet", "--archive", "done")
    with_a_row_to_mend(inbox / "leads.csv")
    assert command("run", "inbox", *quiet).code == 1
    (tmp_path / "done" / "leads.retry.csv").rename(inbox / "leads.retry.csv")
    mend(inbox / "leads.retry.csv")
    aged(write_leads(inbox / "leads.csv", 1, first=3000))
    ended = command("run", "inbox", *quiet)
    assert ended.code == 2
    assert "lead-importer run inbox/leads.retry.kept-1.csv" in ended.errors
    assert "6" not in customers(api)
    # With no other leads of its name beside it, the next night reads it.
    assert command("run", "inbox", *quiet) == Ended(0, "", "")
    assert "6" in customers(api)
    assert list(inbox.iterdir()) == []


def test_rows_to_mend_in_a_folder_are_told_once_changed_and_until_they_are_imported(
    command: Command, api: LocalApi, tmp_path: Path, inbox: Path
) -> None:
    quiet = local(api, tmp_path, "--quiet")
    with_a_row_to_mend(inbox / "leads.csv")
    for source in ("inbox", "inbox", "inbox/*.csv"):
        assert command("run", source, *quiet).code == 1
    mend(inbox / "leads.retry.csv")
    ended = command("run", "inbox", *quiet, "--dry-run")
    assert (ended.code, "inbox/leads.retry.csv holds rows to mend" in ended.errors) == (2, True)
    assert command("run", "inbox/leads.retry.csv", *quiet).code == 0
    assert command("run", "inbox", *quiet).code == 1
    assert command("run", "inbox", *quiet).code == 1


@pytest.mark.parametrize("alone", [True, False])
def test_a_file_that_is_only_called_like_results_is_told(
    command: Command, api: LocalApi, tmp_path: Path, inbox: Path, alone: bool
) -> None:
    if alone:
        for path in inbox.iterdir():
            path.unlink()
    aged(write_leads(inbox / "survey.results.csv", 1, first=3000))
    ended = command("run", "inbox", *local(api, tmp_path, "--quiet"))
    assert ended.code == 2
    assert "inbox/survey.results.csv was not read: it is called like results" in ended.errors
    assert command("check", "inbox").code == 2


def test_results_that_a_person_saved_are_told_to_nobody(
    command: Command, api: LocalApi, tmp_path: Path, inbox: Path
) -> None:
    quiet = local(api, tmp_path, "--quiet")
    assert command("run", "inbox", *quiet).code == 0
    results = inbox / "a.results.csv"
    results.rename(inbox / "a.results-2.csv")
    assert command("run", "inbox", *quiet) == Ended(0, "", "")


def test_only_files_that_cannot_be_read_are_no_night_with_nothing_new(
    command: Command, api: LocalApi, tmp_path: Path
) -> None:
    (tmp_path / "inbox").mkdir()
    damaged(tmp_path / "inbox")
    ended = command("run", "inbox", *local(api, tmp_path, "--quiet"))
    assert (ended.code, ended.output) == (2, "")
    assert ended.errors.count("Not imported") == 3


@pytest.mark.parametrize("source", ["inbox", "inbox/*.xlsx"])
def test_a_night_with_nothing_new_is_a_success_that_is_told_on_the_screen(
    command: Command, api: LocalApi, tmp_path: Path, source: str
) -> None:
    (tmp_path / "inbox").mkdir()
    ended = command("run", source, *local(api, tmp_path, "--log-format", "text", "--summary", "s.json"))
    assert ended == Ended(0, f"Note: {source}: no file of leads is there, so there was nothing to do.\n", "")
    assert json.loads((tmp_path / "s.json").read_text(encoding="utf-8"))["files"] == []
    assert command("run", source, *local(api, tmp_path, "--quiet")) == Ended(0, "", "")
    assert not (tmp_path / "ledger.sqlite3").exists()


def test_what_to_do_next_names_the_files_that_need_it(
    command: Command, api: LocalApi, tmp_path: Path, inbox: Path
) -> None:
    with (inbox / "a.csv").open("a", encoding="utf-8") as file:
        file.write("1999,,không có,Huế\n")
    aged(inbox / "a.csv")
    set_faults(api, "503:format=api,customer=2000", "drop-after:customer=2001", "drop-after:customer=1001")
    options = local(api, tmp_path, "--log-format", "text", "--attempts", "1")
    ended = command("run", "inbox", *options)
    assert ended.code == 3
    assert (inbox / "b.retry.csv").exists()
    assert "-> 1 row in doubt: lead-importer resolve inbox/a.csv\n" in ended.output
    assert "-> 1 row in doubt: lead-importer resolve inbox/b.csv\n" in ended.output
    assert "-> 1 row to mend: inbox/a.retry.csv\n" in ended.output


def test_the_page_of_last_night_is_not_left_as_that_of_a_night_with_nothing_new(
    command: Command, api: LocalApi, tmp_path: Path, inbox: Path
) -> None:
    options = local(api, tmp_path, "--archive", "done", "--report", "r.html")
    assert command("run", "inbox", *options).code == 0
    page = tmp_path / "r.html"
    assert "a.csv" in page.read_text(encoding="utf-8")
    assert command("run", "inbox", *options).code == 0
    told = page.read_text(encoding="utf-8")
    assert "There was nothing to do" in told
    assert "a.csv" not in told
    damaged(inbox)
    assert command("run", "inbox", *options).code == 2
    told = page.read_text(encoding="utf-8")
    assert "No file could be imported" in told
    assert told.count("Not imported: ") == 3


def test_a_quiet_run_says_nothing_of_what_is_left_for_the_next_one(
    command: Command, api: LocalApi, tmp_path: Path, inbox: Path
) -> None:
    aged(write_leads(inbox / "c.csv.part", 1))
    (inbox / "~$b.csv").touch()
    quiet = local(api, tmp_path, "--quiet", "--archive", "done")
    assert command("run", "inbox", *quiet) == Ended(0, "", "")
    assert customers(api) == ["1000", "1001"]
    (inbox / "~$b.csv").unlink()
    assert command("run", "inbox", *quiet) == Ended(0, "", "")
    assert len(customers(api)) == 4
    assert [path.name for path in inbox.iterdir()] == ["c.csv.part"]


def test_a_quiet_run_tells_trouble_once_as_text_for_a_person(
    command: Command, api: LocalApi, tmp_path: Path, inbox: Path
) -> None:
    set_faults(api, "422:customer=2001")
    ended = command("run", "inbox", *local(api, tmp_path, "--quiet"))
    assert (ended.code, ended.output) == (1, "")
    assert ended.errors.count("1 row to mend: inbox/b.retry.csv") == 1
    assert not ended.errors.startswith("{")


def test_every_line_of_the_json_log_parses_and_has_a_time_also_when_a_run_cannot_begin(
    command: Command, api: LocalApi, tmp_path: Path, inbox: Path
) -> None:
    ended = command("run", "inbox", "missing.csv", *local(api, tmp_path, "--log-format", "json"))
    assert (ended.code, ended.output) == (2, "")
    (event,) = map(json.loads, ended.errors.splitlines())
    assert (event["level"], event["event"], event["exit_code"]) == ("error", "failed", 2)
    assert "missing.csv is not there" in event["message"]
    assert event["time"]
    assert event["run"]


def test_check_shows_a_folder_with_what_cannot_be_read(command: Command, inbox: Path) -> None:
    assert "4 rows to send" in command("check", "inbox").output
    damaged(inbox)
    (inbox / "~$b.csv").touch()
    ended = command("check", "inbox")
    assert ended.code == 2
    shown = " ".join(ended.output.split())
    assert "Not checked: inbox/broken.xlsx" in shown
    assert "inbox/b.csv was left for the next run" in shown
    assert "2 rows to send" in shown


# --- whom it is told ---------------------------------------------------------------------------------------


@pytest.fixture
async def running() -> AsyncIterator[LocalApi]:
    async with LocalApi(LOCAL_CREDENTIALS) as api:
        yield api


def holding_the_secret(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and SECRET.encode() in path.read_bytes()]


async def test_how_a_run_ended_is_posted_and_measured_and_the_address_shown_nowhere(
    tmp_path: Path, inbox: Path, running: LocalApi
) -> None:
    set_faults(running, "422:customer=2001")
    options = ["--quiet", "--metrics", "m.prom", "--archive", "done", "--summary", "s.json"]
    async with hook(200) as taking:
        more = local(running, tmp_path, "--notify", taking.url, *options)
        ended = await finished(await started(tmp_path, "run", "inbox", *more))
    assert ended.code == 1
    assert SECRET not in ended.errors
    assert holding_the_secret(tmp_path) == []
    (body,) = taking.bodies
    assert "1 row to mend: done/b.retry.csv" in str(body.pop("text"))
    assert body == json.loads((tmp_path / "s.json").read_text(encoding="utf-8"))
    figures = (tmp_path / "m.prom").read_text()
    assert 'lead_importer_rows{command="run",env="local",outcome="created"} 3.0' in figures
    assert 'lead_importer_exit_code{command="run",env="local"} 1.0' in figures


async def test_a_hook_that_fails_changes_nothing_of_the_run(
    tmp_path: Path, inbox: Path, running: LocalApi
) -> None:
    async with hook(404) as taking:
        options = local(running, tmp_path, "--notify", taking.url)
        ended = await finished(await started(tmp_path, "run", "inbox", "--log-format", "text", *options))
        assert ended.code == 0
        said = " ".join(ended.errors.split())
        assert "--notify did not take the summary: it answered with status 404" in said
        assert SECRET not in ended.errors
        assert await finished(await started(tmp_path, "run", "inbox", "--quiet", *options)) == Finished(0, "")
    assert [body["exit_code"] for body in taking.bodies] == [0, 0]


async def test_a_second_run_beside_another_one_says_so_in_one_line(
    tmp_path: Path, inbox: Path, running: LocalApi
) -> None:
    running.faults = [parse_fault("delay:seconds=50")]
    options = local(running, tmp_path, "--quiet", "--archive", "done", "--metrics", "m.prom")
    async with hook(200) as taking:
        first = await started(tmp_path, "run", "inbox", *options)
        await until(lambda: running.stats.requests == 1)
        second = await finished(await started(tmp_path, "run", "inbox", *options, "--notify", taking.url))
    assert second.code == 5
    assert second.errors.count("\n") == 1
    assert f"(process {first.pid}, since" in second.errors
    assert taking.bodies[0]["exit_code"] == 5
    assert 'lead_importer_exit_code{command="run",env="local"} 5.0' in (tmp_path / "m.prom").read_text()
    first.kill()
    assert (await finished(first)).code == -signal.SIGKILL
    assert list((tmp_path / "done").iterdir()) == []


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[ImportReport]:
    """Return the list of what is posted, instead of posting it."""
    posted: list[ImportReport] = []

    async def note(url: str, report: ImportReport, *, proxy_from_environment: bool) -> str:
        assert url == "https://example.org/hook"
        posted.append(report)
        return ""

    monkeypatch.setattr("importer.cli.running.notify", note)
    monkeypatch.setenv("LEAD_IMPORTER_NOTIFY", "https://example.org/hook")
    return posted


def test_a_run_that_cannot_begin_is_told_and_keeps_the_time_of_the_last_success(
    command: Command, api: LocalApi, tmp_path: Path, inbox: Path, told: list[ImportReport]
) -> None:
    options = local(api, tmp_path, "--metrics", "m.prom")
    assert command("run", "inbox", *options).code == 0
    succeeded = last_success_in((tmp_path / "m.prom").read_text(), "local", "run")
    assert succeeded
    assert command("run", "missing.csv", *options).code == 2
    figures = (tmp_path / "m.prom").read_text()
    assert 'lead_importer_exit_code{command="run",env="local"} 2.0' in figures
    assert last_success_in(figures, "local", "run") == succeeded
    assert [report.exit_code for report in told] == [0, 2]
    assert told[1].stopped is not None
    assert told[1].stopped.startswith("missing.csv is not there")


def test_a_run_that_stops_early_is_told_and_archives_only_what_was_finished(
    command: Command, api: LocalApi, tmp_path: Path, inbox: Path, told: list[ImportReport]
) -> None:
    set_faults(api, "401:customer=2000")
    options = local(api, tmp_path, "--metrics", "m.prom", "--archive", "done")
    assert command("run", "inbox", *options).code == 4
    (report,) = told
    assert "The API refuses this set-up" in str(report.stopped)
    assert 'lead_importer_exit_code{command="run",env="local"} 4.0' in (tmp_path / "m.prom").read_text()
    assert (inbox / "b.csv").exists()
    set_faults(api)
    assert command("run", "inbox", *options).code == 0
    assert list(inbox.iterdir()) == []
    assert sorted(customers(api)) == ["1000", "1001", "2000", "2001"]


def test_a_failure_that_nobody_foresaw_is_told_without_its_text(
    command: Command,
    api: LocalApi,
    tmp_path: Path,
    inbox: Path,
    told: list[ImportReport],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("Nguyễn Văn A")

    monkeypatch.setattr("importer.importing.gather", fail)
    ended = command("run", "inbox", *local(api, tmp_path))
    assert ended.code == told[0].exit_code == 70
    assert "Nguyễn" not in ended.errors + str(told[0].stopped)


def test_only_trouble_is_told_where_that_is_asked_for_and_a_dry_run_never(
    command: Command, api: LocalApi, tmp_path: Path, inbox: Path, told: list[ImportReport]
) -> None:
    dry = local(api, tmp_path, "--dry-run", "--metrics", "m.prom")
    assert command("run", "inbox", *dry).code == 0
    assert command("run", "inbox", *local(api, tmp_path, "--notify-on", "trouble")).code == 0
    assert told == []
    assert not (tmp_path / "m.prom").exists()
    damaged(inbox)
    assert command("run", "inbox", *local(api, tmp_path, "--notify-on", "trouble")).code == 2
    assert [len(report.refused) for report in told] == [3]


def test_metrics_that_cannot_be_written_keep_nothing_from_being_imported(
    command: Command, api: LocalApi, tmp_path: Path, inbox: Path
) -> None:
    ended = command("run", "inbox", *local(api, tmp_path, "--metrics", "nowhere/m.prom"))
    assert (ended.code, len(customers(api))) == (0, 4)
    assert "nowhere/m.prom: the file cannot be written" in ended.errors
