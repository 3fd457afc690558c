"""Past runs: what is told of them, however they ended, and that to tell it changes nothing."""

from __future__ import annotations

import io
import json
import shlex
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from rich.console import Console

from importer.console import show_history, show_past_run
from importer.errors import LedgerBusyError, LedgerError, UsageError
from importer.history import as_json, past_run, past_runs
from importer.ledger import Entry, Policy, RunStart
from importer.ledger.sqlite import SqliteLedger
from importer.local_api import LocalApi
from importer.measuring import Measurement
from importer.model import (
    UPDATE_OUTCOMES,
    Application,
    Created,
    ErrorInfo,
    OutcomeName,
    Place,
    Rejected,
    RowEnd,
)
from importer.page import page
from importer.report import Ended, ImportReport, Reasons
from importer.settings import Settings, load_settings
from tests.support import Command, api_beside, local, set_faults, write_leads

ERROR = ErrorInfo(code="http_400", reason="unknown_customer", message="the API refused it")
NAMES = ("2026-11-24T22:00:00Z-aaaaaa", "2026-11-25T22:00:00Z-bbbbbb", "2026-11-25T23:00:00Z-cccccc")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.sqlite3"


@pytest.fixture
def api() -> Iterator[LocalApi]:
    with api_beside() as api:
        yield api


def settings_of(path: Path) -> Settings:
    return load_settings({"ledger": path}, environment={}, folder=path.parent).settings


async def begun(ledger: SqliteLedger, name: str, source: str = "leads.csv") -> int:
    """Begin a run over three rows: one is created, one rejected, and one under way."""
    run = await ledger.begin_run(
        RunStart(name=name, environment="sandbox", base_url="https://api", started_at=f"{name[:19]}.000Z")
    )
    sheet = await ledger.add_sheet(run, source, f"/data/{source}", "")
    entries = [Entry(sheet, row, str(row), f"{source} {row}".encode()) for row in (2, 3, 4)]
    entries.append(Entry(sheet, 5, "", None, ErrorInfo(code="missing", message="a phone is missing")))
    leads = [standing.lead for standing in await ledger.enrol(run, entries, Policy())]
    created = Created(Application(str(run), "new", "2026-11-25T22:00:01.000Z"))
    ends: tuple[RowEnd, RowEnd] = (created, Rejected(ERROR))
    for lead, end in zip(leads, ends, strict=False):
        await ledger.intend(run, lead, 1)
        ledger.record(run, lead, end, 1)
    await ledger.intend(run, leads[2], 1)
    return run


def ended(name: str, **more: object) -> dict[str, object]:
    """Return the summary of a run."""
    report = ImportReport(
        run=name,
        environment="sandbox",
        base_url="https://api",
        files=["leads.csv"],
        started_at=f"{name[:19]}.000Z",
        finished_at=f"{name[:19]}.500Z",
        seconds=0.5,
    )
    return {**report.summary(), **more}


async def killed(path: Path, name: str = NAMES[0]) -> Path:
    """Leave a ledger at `path` as a run does that is killed: its rows are in the log alone."""
    original = path.with_name("running") / path.name
    original.parent.mkdir()
    with SqliteLedger(original) as ledger:
        await begun(ledger, name)
        for file in original.parent.glob(f"{original.name}*"):
            if file.suffix not in (".lock", ".holder"):
                shutil.copy(file, path.parent)
    return path


async def three_runs(path: Path) -> Path:
    with SqliteLedger(path) as ledger:
        for name, source, stopped in zip(
            NAMES, ("a.csv", "b.csv", "c.csv"), (None, "The API is gone.", None), strict=True
        ):
            run = await begun(ledger, name, source)
            await ledger.end_run(run, ended(name, files=[source], stopped=stopped), complete=False)
    return path


def files_of(path: Path) -> dict[str, bytes]:
    """Return what is in a ledger and the files that belong to it, but for those of its lock."""
    return {
        file.name: file.read_bytes()
        for file in path.parent.glob(f"{path.name}*")
        if file.suffix not in (".lock", ".holder")
    }


def shown_history(reports: list[ImportReport], known: int) -> str:
    stream = io.StringIO()
    show_history(Console(file=stream, width=80, highlight=False), reports, known)
    return stream.getvalue()


def shown_run(report: ImportReport) -> str:
    stream = io.StringIO()
    show_past_run(Console(file=stream, width=80, highlight=False), report)
    return stream.getvalue()


async def test_runs_are_told_the_newest_first(path: Path) -> None:
    await three_runs(path)
    reports, known = past_runs(settings_of(path), 2)
    assert ([report.run for report in reports], known) == ([NAMES[2], NAMES[1]], 3)
    assert [report.ended for report in reports] == [Ended.FINISHED, Ended.STOPPED]
    assert "and 1 earlier run; --limit shows more" in shown_history(reports, known)


async def test_a_killed_run_is_counted_from_its_rows_and_its_log_is_left_alone(path: Path) -> None:
    await killed(path)
    before = files_of(path)
    assert before[f"{path.name}-wal"]
    (report,), _ = past_runs(settings_of(path))
    assert report.ended is Ended.KILLED
    assert {name: count for name, count in report.totals.outcomes.items() if count} == {
        OutcomeName.CREATED: 1,
        OutcomeName.REJECTED: 1,
        OutcomeName.IN_DOUBT: 1,
        OutcomeName.INVALID: 1,
    }
    assert report.files == ["leads.csv"]
    full = past_run(settings_of(path), "last")
    assert full.reasons.places == {
        (OutcomeName.REJECTED, "unknown_customer"): [Place("leads.csv", "", 3)],
        (OutcomeName.IN_DOUBT, "interrupted"): [Place("leads.csv", "", 4)],
        (OutcomeName.INVALID, "missing"): [Place("leads.csv", "", 5)],
    }
    assert files_of(path) == before
    # The next run finds what was under way, as if nobody had looked.
    with SqliteLedger(path) as ledger:
        assert len(ledger.open_leads("/data/leads.csv")) == 1


async def test_what_is_not_known_of_a_killed_run_is_null(path: Path) -> None:
    (report,), _ = past_runs(settings_of(await killed(path)))
    told = as_json(report)
    assert {name for name, value in told.items() if value is None} == {
        *("finished_at", "seconds", "requests", "retries", "exit_code"),
        "stopped",
    }
    assert (told["ended"], told["read"], told["created"]) == ("killed", 4, 1)
    assert list(told) == ["run", "command", "ended", *(name for name in ended("x") if name != "run")]


async def test_a_killed_run_whose_rows_were_read_again_is_not_counted(path: Path) -> None:
    with SqliteLedger(path) as ledger:
        await begun(ledger, NAMES[0])
    with SqliteLedger(path) as ledger:
        run = await begun(ledger, NAMES[1], "other.csv")
        await ledger.end_run(run, ended(NAMES[1]))
        run = await ledger.begin_run(
            RunStart(name=NAMES[2], environment="sandbox", base_url="https://api", started_at="2026-11-26")
        )
        await ledger.add_sheet(run, "leads.csv", "/data/leads.csv", "")
        await ledger.end_run(run, ended(NAMES[2]))
    report = past_run(settings_of(path), NAMES[0])
    assert (report.ended, report.counted) == (Ended.KILLED, False)
    assert as_json(report)["read"] is None
    assert "a later run has taken over its rows" in " ".join(shown_history([report], 1).split())
    assert "A later run has taken over its rows" in shown_run(report)


async def test_a_run_that_was_killed_before_it_read_anything_has_read_nothing(path: Path) -> None:
    with SqliteLedger(path) as ledger:
        await ledger.begin_run(
            RunStart(name=NAMES[0], environment="sandbox", base_url="https://api", started_at="2026-11-26")
        )
    report = past_run(settings_of(path), "last")
    assert (report.files, report.counted, report.totals.read) == ([], True, 0)
    assert "none was read" in shown_run(report)
    assert "no file to sandbox: 0 rows read" in shown_history([report], 1)


@pytest.mark.parametrize(
    ("named", "found"),
    [("last", NAMES[2]), (NAMES[0], NAMES[0]), ("2026-11-24", NAMES[0]), ("2026-11-25T22", NAMES[1])],
)
async def test_a_run_is_named_by_a_beginning_that_is_its_alone(path: Path, named: str, found: str) -> None:
    assert past_run(settings_of(await three_runs(path)), named).run == found


@pytest.mark.parametrize(
    ("named", "told"),
    [
        ("2026-11-25", f"begins the names of several runs: {NAMES[2]}, {NAMES[1]}. Give more of one."),
        ("2025", "knows of no run '2025'. `lead-importer history` lists the runs"),
        ("%", "knows of no run '%'"),
    ],
)
async def test_a_name_of_no_run_or_of_several_is_refused(path: Path, named: str, told: str) -> None:
    await three_runs(path)
    with pytest.raises(UsageError) as refused:
        past_run(settings_of(path), named)
    assert told in str(refused.value)


async def test_of_many_runs_that_a_name_may_mean_a_few_are_told(path: Path) -> None:
    with SqliteLedger(path) as ledger:
        for number in range(7):
            await begun(ledger, f"2026-11-25T22:00:0{number}Z-aaaaaa", f"{number}.csv")
    with pytest.raises(UsageError, match="and 2 more"):
        past_run(settings_of(path), "2026")


def test_without_a_ledger_no_run_is_known_unless_it_was_named(path: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="There is no ledger"):
        past_runs(settings_of(path))
    with SqliteLedger(path):
        pass
    assert past_runs(settings_of(path)) == ([], 0)
    with pytest.raises(UsageError, match="knows of no run yet"):
        past_run(settings_of(path), "last")
    assert shown_history([], 0) == "No run is known yet.\n"


async def test_while_a_run_has_the_ledger_history_does_not_wait(path: Path) -> None:
    with SqliteLedger(path), pytest.raises(LedgerBusyError, match="Another run holds the ledger"):
        past_runs(settings_of(path))
    assert past_runs(settings_of(path)) == ([], 0)


async def test_the_ledger_of_an_older_version_is_read_and_stays_what_it_is(path: Path) -> None:
    await three_runs(path)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DROP TABLE report")
        connection.execute("DROP TABLE application_status")
        connection.execute("ALTER TABLE run DROP COLUMN command")
        connection.execute("PRAGMA user_version = 3")
        connection.commit()
    before = files_of(path)
    report = past_run(settings_of(path), "last")
    assert report.measured is None
    assert {code: count for (_, code), count in report.reasons.counts.items()} == {
        "unknown_customer": 1,
        "missing": 1,
        "interrupted": 1,
    }
    assert files_of(path) == before


async def updated(path: Path, *, killed: bool = False) -> None:
    """Leave a run of `update` in the ledger: one status is set, and one row is invalid."""
    with SqliteLedger(path) as ledger:
        run = await ledger.begin_run(
            RunStart(
                name=NAMES[0],
                environment="sandbox",
                base_url="https://api",
                started_at="2026-11-24T22:00:00.000Z",
                command="update",
            )
        )
        report = ImportReport.read(ended(NAMES[0]), command="update")
        report.files, report.exit_code = ["statuses.csv"], 1
        report.totals.read = 2
        report.totals.outcomes |= {OutcomeName.UPDATED: 1, OutcomeName.INVALID: 1}
        report.reasons.add(OutcomeName.INVALID, ERROR, Place("statuses.csv", "", 3))
        report.measured = Measurement().measured()
        if not killed:
            await ledger.end_run(run, report.summary(), report.details(), complete=False)


async def test_an_update_is_told_with_its_own_outcomes(path: Path) -> None:
    await updated(path)
    (listed,), _ = past_runs(settings_of(path))
    report = past_run(settings_of(path), "last")
    for told in (listed, report):
        assert (told.command, tuple(told.totals.outcomes)) == ("update", UPDATE_OUTCOMES)
        assert told.totals.add_up()
    assert as_json(listed) == {"command": "update", "ended": "finished", **report.summary()}
    assert "update of statuses.csv to sandbox: 2 rows read, 1 updated, 1 invalid" in shown_history(
        [listed], 1
    )
    assert "nothing that can be set: mend the row" in " ".join(shown_run(report).split())
    html = page(report)
    assert "Update of statuses" in html
    assert "Finished, with rows whose status is not known to be set." in html
    assert "Mend them, and run the update again." in html


async def test_an_update_that_was_killed_is_told_without_counts(path: Path) -> None:
    await updated(path, killed=True)
    report = past_run(settings_of(path), "last")
    assert (report.ended, report.command, report.counted) == (Ended.KILLED, "update", False)
    told = as_json(report)
    assert {told[name] for name in ("read", *UPDATE_OUTCOMES)} == {None}
    assert "not counted; an update that is killed leaves no counts" in " ".join(
        shown_history([report], 1).split()
    )
    assert "What it has set is in the ledger" in " ".join(shown_run(report).split())
    assert "An update that is killed leaves no measurements" in page(report)


def test_what_is_no_ledger_is_refused(path: Path) -> None:
    path.write_text("customer_id,phone\n" * 100)
    with pytest.raises(UsageError, match="is no ledger"):
        past_runs(settings_of(path))
    path.unlink()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE recipe (name TEXT)")
        connection.commit()
    with pytest.raises(UsageError, match="a database of something else"):
        past_runs(settings_of(path))


async def test_a_ledger_that_lacks_its_log_or_is_damaged_is_refused(path: Path) -> None:
    await killed(path)
    path.with_name(f"{path.name}-wal").unlink()
    with pytest.raises(LedgerError, match="lacks its log"):
        past_runs(settings_of(path))
    path.with_name(f"{path.name}.open").unlink()
    damaged = path.with_name("damaged.sqlite3")
    await three_runs(damaged)
    content = bytearray(damaged.read_bytes())
    content[4096:] = b"\xff" * (len(content) - 4096)
    damaged.write_bytes(content)
    with pytest.raises(LedgerError, match="is damaged"):
        past_runs(settings_of(damaged))


def test_what_a_run_told_of_itself_is_told_again(command: Command, api: LocalApi, tmp_path: Path) -> None:
    leads = write_leads(tmp_path / "leads.csv", 40)
    leads.write_text(leads.read_text(encoding="utf-8") + "9999,,,\n", encoding="utf-8")
    set_faults(api, "400:reason=unknown_customer,every=10", "429:customer=1003,each=1")
    assert command("run", "leads.csv", *local(api, tmp_path), "--summary", "totals.json").code == 1
    totals = json.loads((tmp_path / "totals.json").read_text(encoding="utf-8"))
    ledger = ("--ledger", "ledger.sqlite3")
    (told,) = json.loads(command("history", "--json", *ledger).output)
    assert told == {**totals, "command": "run", "ended": "finished"}
    (full,) = json.loads(command("history", "last", "--json", *ledger).output)
    assert {**told, "details": full["details"]} == full
    assert full["details"]["measured"]["tried_again"]["http_429"] == totals["retries"]
    shown = command("history", totals["run"][:12], *ledger).output
    assert max(map(len, shown.splitlines())) <= 80
    assert "unknown_customer" in shown
    assert "tries again" in shown
    assert f"As a page: lead-importer report {totals['run']} -o report.html" in shown
    assert "To mend    leads.retry.csv" in shown
    listed = command("history", "--limit", "1", *ledger).output
    assert totals["run"] in listed
    assert "leads.csv to local: 41 rows read" in " ".join(listed.split())


def test_no_run_at_all_is_an_empty_array(command: Command) -> None:
    assert json.loads(command("history", "--json").output) == []
    assert command("history").output == "No run is known yet.\n"
    assert command("history", "--limit", "0").code == 2


def test_a_report_comes_back_from_its_summary_and_details() -> None:
    reasons = Reasons()
    for row in range(12):
        reasons.add(OutcomeName.REJECTED, ERROR, Place("a.xlsx", "Một", row))
    report = ImportReport.read(ended(NAMES[0]))
    report.reasons, report.notices, report.retry_files = reasons, ["left out"], [Path("a.retry.xlsx")]
    documents = json.loads(json.dumps([report.summary(), report.details()]))
    read = ImportReport.read(*documents)
    assert read == report
    assert len(read.reasons.places[OutcomeName.REJECTED, "unknown_customer"]) == 10
    documents[1]["version"] = 99
    assert ImportReport.read(*documents).reasons == Reasons()


def test_a_hundred_reasons_are_kept_and_no_more() -> None:
    reasons = Reasons()
    for number in range(150):
        reasons.add(OutcomeName.FAILED, ErrorInfo(code=str(number), message="no"), Place("a", "", 2))
    assert len(reasons.document()) == 100
    report = ImportReport.read(ended(NAMES[0]))
    report.reasons = reasons
    assert "and 130 more reasons; the results have them all" in shown_run(report)


async def test_history_fits_80_columns_and_shows_names_as_they_are(path: Path) -> None:
    hostile = "a[red]x[/]\x1b[31m\r\n\u202e.csv"
    report = ImportReport.read(ended(NAMES[0], files=[hostile] * 5, stopped=hostile, seconds=99_999.0))
    report.reasons.add(OutcomeName.FAILED, ErrorInfo(code=hostile, message=hostile), Place(hostile, "S", 2))
    report.totals.outcomes = dict.fromkeys(OutcomeName, 1_234_567)
    for shown in (shown_history([report], 1), shown_run(report)):
        lines = shown.split("\n")
        assert max(map(len, lines)) <= 80
        assert "[red]x[/]" in shown
        assert not {"\x1b", "\r", "\u202e"} & set(shown)
    assert "1 day, 3:46:39" in shown_run(report)


def test_what_the_readme_says_of_past_runs_works_as_written(command: Command, tmp_path: Path) -> None:
    readme = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
    section = readme.split("## See what past runs did")[1].split("```")[1].removeprefix("sh\n")
    commands = [shlex.split(line)[1:] for line in section.splitlines()]
    assert [words[0] for words in commands] == ["run", "history", "history", "report"]
    write_leads(tmp_path / "leads.csv", 3)
    assert [command(*words).code for words in commands] == [0, 0, 0, 0]
    assert "created" in (tmp_path / "report.html").read_text(encoding="utf-8")
