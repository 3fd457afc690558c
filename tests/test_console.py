"""What a person or a log reader sees: lines, the progress bar, and the reports for 80 columns."""

from __future__ import annotations

import io
import json
import os
import re
import sys
import threading
import unicodedata
from contextlib import suppress
from pathlib import Path
from typing import IO

import pytest
from rich.console import Console

from importer.attempts import AttemptEnded, PendingLead
from importer.checking import CheckedInput, CheckReport, MappedColumn, RemarkKind, check_files
from importer.console import (
    SECONDS_BETWEEN_LINES,
    STYLES,
    LineLog,
    ProgressDisplay,
    Silent,
    log_report,
    print_error,
    show_check,
    show_report,
    show_templates,
)
from importer.console.pacing import STEADY_SECONDS, Steady, differs_notably, in_words
from importer.intake import Selection
from importer.model import (
    IMPORT_OUTCOMES,
    Application,
    Created,
    Ending,
    ErrorInfo,
    InDoubt,
    Lead,
    OutcomeName,
    Place,
    Rejected,
    SetUpWrong,
    Totals,
    TryAgain,
)
from importer.pace import HeldBy, Hold
from importer.pool import RowEnded, Watcher
from importer.report import ImportReport
from importer.templates import customer_id_field, parse_template, shipped_templates
from tests.support import write_leads

NOON = 1_700_000_000.0
ERROR = ErrorInfo(code="timeout", message="no answer came in time", request_id="q-1")
HOSTILE = "a[red]x[/]\x1b[31m[/]\r\n\x9b2J\u202e\udcff\x7f\u2028.csv"
PLACE = Place("leads.csv", "", 2)
SEEN = "a[red]x[/]\ufffd[31m[/]"


class Hand:
    """A timer that goes on when it is told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def log_into(
    stream: io.StringIO, *, as_json: bool, verbose: bool = False, timer: Hand | None = None
) -> LineLog:
    return LineLog(stream, as_json=as_json, verbose=verbose, clock=lambda: NOON, timer=timer or Hand())


def lines_of(stream: io.StringIO) -> list[str]:
    text = stream.getvalue()
    assert text == "" or text.endswith("\n")
    lines = text.split("\n")[:-1]
    for line in lines:
        assert not [sign for sign in line if unicodedata.category(sign) in ("Cc", "Cs", "Zl", "Zp")], line
    return lines


def attempt(ending: Ending, *, source: str = "leads.csv", sheet: str = "") -> AttemptEnded:
    inputs = {"name": "Nguyễn Văn Cừ", "phone": "0901234567", "address": "101 Lê Lợi"}
    lead = Lead(Place(source, sheet, 7), "1333", inputs)
    return AttemptEnded(PendingLead(lead, 1), 2, ending, requested=True, seconds=0.0126)


def report_of(**counts: int) -> ImportReport:
    report = ImportReport(run="r-1", environment="sandbox", base_url="u", files=["leads.csv"], started_at="")
    for name, count in counts.items():
        report.totals.outcomes[OutcomeName(name)] = count
        report.totals.read += count
    return report


def shown(report: ImportReport | CheckReport, *, dry_run: bool = False, colour: bool = False) -> str:
    """Return what 80 columns show of it."""
    stream = io.StringIO()
    console = Console(
        file=stream,
        width=80,
        highlight=False,
        force_terminal=colour,
        color_system="standard" if colour else None,
    )
    if isinstance(report, CheckReport):
        show_check(console, report, "https://api.example.org")
    else:
        show_report(console, report, dry_run=dry_run)
    text = stream.getvalue()
    text.encode()
    return "\n".join(line.rstrip() for line in text.split("\n"))


def test_every_watcher_keeps_to_the_protocol_and_silence_says_nothing(
    capsys: pytest.CaptureFixture[str],
) -> None:
    watchers: list[Watcher] = [Silent(), log_into(io.StringIO(), as_json=True), ProgressDisplay(Console())]
    silent = watchers[0]
    silent.began(Totals(), 1)
    silent.paced_by(lambda: None)
    silent.attempt_ended(attempt(TryAgain(ERROR)))
    silent.row_ended(RowEnded(Place("a", "", 2), OutcomeName.FAILED, ERROR))
    silent.stopping("why")
    assert capsys.readouterr() == ("", "")


def test_every_outcome_has_a_style() -> None:
    assert STYLES.keys() == set(OutcomeName)


def test_a_line_of_text_tells_the_time_the_level_and_the_message() -> None:
    stream = io.StringIO()
    log_into(stream, as_json=False).write("info", "event", "Xin chào", more=1)
    assert lines_of(stream) == ["22:13:20 info    Xin chào"]


def test_a_line_of_json_has_all_there_is_and_stays_readable() -> None:
    stream = io.StringIO()
    log_into(stream, as_json=True).write("info", "event", "Xin chào", path=Path("a.csv"), number=1)
    (line,) = lines_of(stream)
    assert "Xin chào" in line
    assert json.loads(line) == {
        "time": "2023-11-14T22:13:20.000Z",
        "level": "info",
        "event": "event",
        "message": "Xin chào",
        "path": "a.csv",
        "number": 1,
    }


@pytest.mark.parametrize("as_json", [True, False])
def test_a_line_stays_one_line_without_control_characters_whatever_a_file_is_called(as_json: bool) -> None:
    stream = io.StringIO()
    log = log_into(stream, as_json=as_json, verbose=True)
    log.attempt_ended(attempt(TryAgain(ERROR), source=HOSTILE, sheet=HOSTILE))
    log.row_ended(RowEnded(Place(HOSTILE, HOSTILE, 7), OutcomeName.FAILED, ERROR))
    log.stopping(HOSTILE)
    report = report_of(created=1)
    report.files = report.notices = [HOSTILE]
    log_report(log, report)
    lines = lines_of(stream)
    assert len(lines) == 5
    if as_json:
        events = [json.loads(line) for line in lines]
        assert [event["event"] for event in events] == ["attempt", "row", "stopping", "notice", "ended"]
        assert (events[0]["source"], events[1]["sheet"], events[4]["files"]) == (HOSTILE, HOSTILE, [HOSTILE])
    else:
        assert all("a[red]x[/]" in line for line in lines[:-1])


def test_nothing_but_progress_is_told_of_attempts_and_rows_unless_it_is_asked_for() -> None:
    stream, timer = io.StringIO(), Hand()
    log = log_into(stream, as_json=False, timer=timer)
    totals = Totals()
    log.began(totals, 2000)
    log.attempt_ended(attempt(TryAgain(ERROR)))
    log.row_ended(RowEnded(Place("a", "", 2), OutcomeName.FAILED, ERROR))
    assert lines_of(stream) == []


@pytest.mark.parametrize("ending", [TryAgain(ERROR), InDoubt(ERROR), SetUpWrong(ERROR)])
def test_an_attempt_that_brought_nothing_has_a_line_with_its_row_and_no_personal_data(ending: Ending) -> None:
    stream = io.StringIO()
    log_into(stream, as_json=True, verbose=True).attempt_ended(attempt(ending, sheet="Một"))
    (line,) = lines_of(stream)
    assert not [secret for secret in ("Nguyễn", "0901234567", "Lê Lợi") if secret in line]
    assert json.loads(line) | {"time": ""} == {
        "time": "",
        "level": "info",
        "event": "attempt",
        "message": "leads.csv, sheet Một, row 7: attempt 2 brought nothing (timeout)",
        "row": 7,
        "source": "leads.csv",
        "sheet": "Một",
        "attempt": 2,
        "milliseconds": 13,
        "code": "timeout",
        "request_id": "q-1",
    }


def test_an_attempt_that_settled_its_row_has_no_line_of_its_own() -> None:
    stream = io.StringIO()
    log = log_into(stream, as_json=True, verbose=True)
    log.attempt_ended(attempt(Created(Application(application_id="1", status="", created_at=""))))
    log.attempt_ended(attempt(Rejected(ERROR)))
    assert lines_of(stream) == []


def test_rows_that_did_not_end_well_have_a_line_each_when_it_is_asked_for() -> None:
    stream = io.StringIO()
    log = log_into(stream, as_json=False, verbose=True)
    for outcome in OutcomeName:
        log.row_ended(RowEnded(Place("a.csv", "", 2), outcome, ERROR))
    log.row_ended(RowEnded(Place("a.csv", "S", 3), OutcomeName.IN_DOUBT))
    assert lines_of(stream) == [
        *(
            f"22:13:20 warning a.csv, row 2: {name}: timeout, no answer came in time"
            for name in ("invalid", "rejected", "failed", "in_doubt")
        ),
        "22:13:20 warning a.csv, sheet S, row 3: in_doubt",
    ]


def test_in_json_every_row_has_a_line_with_the_attempt_that_settled_it_when_it_is_asked_for() -> None:
    stream = io.StringIO()
    log = LineLog(stream, as_json=True, verbose=True, run="r-1", clock=lambda: NOON, timer=Hand())
    log.attempt_ended(attempt(Created(Application(application_id="1", status="", created_at=""))))
    log.row_ended(RowEnded(Place("leads.csv", "", 7), OutcomeName.CREATED))
    log.row_ended(RowEnded(Place("leads.csv", "", 8), OutcomeName.EXISTING))
    log.row_ended(RowEnded(Place("leads.csv", "", 9), OutcomeName.REJECTED, ERROR))
    lines = [json.loads(line) for line in lines_of(stream)]
    assert lines[0] == {
        "time": "2023-11-14T22:13:20.000Z",
        "level": "info",
        "event": "row",
        "message": "leads.csv, row 7: created",
        "run": "r-1",
        "row": 7,
        "source": "leads.csv",
        "sheet": "",
        "outcome": "created",
        "attempt": 2,
        "milliseconds": 13,
        "code": "",
        "request_id": "",
    }
    assert (lines[1]["outcome"], lines[1]["attempt"], lines[1]["milliseconds"]) == ("existing", 0, 0)
    assert (lines[2]["level"], lines[2]["code"], lines[2]["request_id"]) == ("warning", "timeout", "q-1")


def test_progress_is_told_after_some_seconds_and_not_more_often() -> None:
    stream, timer = io.StringIO(), Hand()
    log = log_into(stream, as_json=False, timer=timer)
    totals = Totals()
    timer.now += 60
    log.began(totals, 2500)
    timer.now += SECONDS_BETWEEN_LINES - 0.1
    log.tick()
    assert lines_of(stream) == []
    timer.now += 0.1
    log.tick()
    log.tick()
    totals.outcomes[OutcomeName.CREATED] = 1200
    totals.outcomes[OutcomeName.IN_DOUBT] = 1
    timer.now += SECONDS_BETWEEN_LINES
    log.row_ended(RowEnded(Place("a", "", 2), OutcomeName.CREATED))
    timer.now += SECONDS_BETWEEN_LINES
    log.attempt_ended(attempt(TryAgain(ERROR)))
    assert lines_of(stream) == [
        "22:13:20 info    0 of about 2,500 rows: none ended yet",
        "22:13:20 info    1,201 of about 2,500 rows: 1,200 created, 1 in doubt",
        "22:13:20 info    1,201 of about 2,500 rows: 1,200 created, 1 in doubt; "
        "the last attempt failed: no answer came in time",
    ]


def test_progress_in_json_has_the_counts_as_numbers() -> None:
    stream, timer = io.StringIO(), Hand()
    log = log_into(stream, as_json=True, timer=timer)
    totals = Totals(read=5)
    totals.outcomes[OutcomeName.NOT_ATTEMPTED] = 3
    log.began(totals, 9)
    timer.now += SECONDS_BETWEEN_LINES
    log.tick()
    told = json.loads(lines_of(stream)[0])
    assert (told["event"], told["rows"], told["read"], told["not_attempted"]) == ("progress", 9, 5, 3)
    assert "created" not in told


HELD = {
    Hold(HeldBy.NOTHING_CREATED): "nothing has succeeded yet; one request at a time",
    Hold(HeldBy.FAILURES): "attempts fail one after the other; one request at a time",
    Hold(HeldBy.WAIT, 11.2): "the API asked to wait 12 s more",
    Hold(HeldBy.SEARCH): "the API limits the rate; finding out how much it allows",
    Hold(HeldBy.LIMIT, 301.7): "the API allows about 300 a second",
    Hold(HeldBy.LIMIT, 1987.0): "the API allows about 2,000 a second",
    Hold(HeldBy.LIMIT, 19.64): "the API allows about 20 a second",
    Hold(HeldBy.LIMIT, 1.96): "the API allows about 2.0 a second",
    Hold(HeldBy.LIMIT, 0.52): "the API allows about 31 a minute",
    Hold(HeldBy.RATE, 50.0): "--rate holds it at 50 a second",
    Hold(HeldBy.RATE, 0.5): "--rate holds it at 0.5 a second",
    Hold(HeldBy.SLOW, 16.0): "the API answers slowly; 16 under way",
    Hold(HeldBy.FAILING, 16.0): "some attempts fail; 16 under way",
}


@pytest.mark.parametrize(("hold", "words"), HELD.items())
def test_what_holds_a_run_back_is_told_in_a_few_words(hold: Hold, words: str) -> None:
    assert in_words(hold) == words
    assert len(words) <= 60


def test_everything_that_can_hold_a_run_back_has_its_words() -> None:
    assert {hold.by for hold in HELD} == set(HeldBy)
    assert in_words(None) == ""


@pytest.mark.parametrize(
    ("hold", "told", "differs"),
    [
        (None, None, False),
        (Hold(HeldBy.SEARCH), None, True),
        (None, Hold(HeldBy.SEARCH), True),
        (Hold(HeldBy.LIMIT, 300), Hold(HeldBy.SEARCH), True),
        (Hold(HeldBy.LIMIT, 300), Hold(HeldBy.LIMIT, 310), False),
        (Hold(HeldBy.LIMIT, 300), Hold(HeldBy.LIMIT, 100), True),
        (Hold(HeldBy.WAIT, 8), Hold(HeldBy.WAIT, 12), False),
        (Hold(HeldBy.WAIT, 12), Hold(HeldBy.LIMIT, 300), True),
        (Hold(HeldBy.WAIT, 1), Hold(HeldBy.LIMIT, 300), False),
    ],
)
def test_only_what_differs_notably_is_told_again(hold: Hold | None, told: Hold | None, differs: bool) -> None:
    assert differs_notably(hold, told) is differs


def test_the_log_tells_what_holds_the_run_back_when_that_changes() -> None:
    stream, timer = io.StringIO(), Hand()
    log = log_into(stream, as_json=True, timer=timer)
    log.began(Totals(), 9)
    holds = [
        None,
        Hold(HeldBy.LIMIT, 301.72),
        Hold(HeldBy.LIMIT, 299.0),
        Hold(HeldBy.LIMIT, 100.0),
        None,
    ]
    log.paced_by(lambda: holds.pop(0))
    for _ in range(5):
        timer.now += SECONDS_BETWEEN_LINES
        log.tick()
        log.tick()
    told = [json.loads(line) for line in lines_of(stream)]
    assert [
        (line["message"], line["held_by"], line["amount"]) for line in told if line["event"] == "pace"
    ] == [
        ("the API allows about 300 a second", "limit", 301.7),
        ("the API allows about 100 a second", "limit", 100.0),
        ("nothing holds the run back any more", None, None),
    ]


def test_what_comes_and_goes_within_a_second_is_not_shown() -> None:
    steady = Steady()
    limit, less, wait = Hold(HeldBy.LIMIT, 300), Hold(HeldBy.LIMIT, 290), Hold(HeldBy.WAIT, 1)
    assert steady.shown(limit, 0.0) is None
    assert steady.shown(limit, STEADY_SECONDS) is limit
    assert steady.shown(wait, 2.0) is limit
    assert steady.shown(less, 2.5) is less
    assert steady.shown(None, 3.0) is less
    assert steady.shown(None, 3.0 + STEADY_SECONDS) is None


def test_the_progress_bar_tells_what_holds_the_run_back() -> None:
    stream, timer = io.StringIO(), Hand()
    console = Console(
        file=stream, width=80, force_terminal=True, color_system=None, highlight=False, get_time=timer
    )
    display = ProgressDisplay(console)
    display.began(Totals(), 10)
    display.paced_by(lambda: Hold(HeldBy.LIMIT, 300))
    console.print(display._render())
    assert "allows" not in stream.getvalue()
    timer.now += STEADY_SECONDS
    console.print(display._render())
    assert "the API allows about 300 a second\n" in stream.getvalue()


def test_the_end_of_a_run_is_told_in_lines_with_the_whole_summary() -> None:
    stream = io.StringIO()
    report = report_of(created=2, in_doubt=1)
    report.notices, report.exit_code = ["a notice"], 3
    log_report(log_into(stream, as_json=True), report)
    notice, step, ended = (json.loads(line) for line in lines_of(stream))
    assert (notice["level"], notice["event"], notice["message"]) == ("warning", "notice", "a notice")
    assert step["event"] == "next_step"
    assert step["message"].startswith("1 row in doubt")
    assert (ended["level"], ended["event"]) == ("error", "ended")
    assert ended["message"] == "3 rows read: 2 created, 1 in doubt; exit code 3"
    assert ended.items() >= report.summary().items()


def test_a_run_that_ended_well_is_no_error_even_without_rows() -> None:
    stream = io.StringIO()
    log_report(log_into(stream, as_json=False), report_of())
    assert lines_of(stream) == ["22:13:20 info    0 rows read: none; exit code 0"]


def test_a_dry_run_ends_with_what_would_be_sent() -> None:
    stream = io.StringIO()
    log_report(log_into(stream, as_json=False), report_of(not_attempted=2), dry_run=True)
    assert "2 rows would be sent" in lines_of(stream)[0]


def test_the_report_of_a_run_fits_80_columns() -> None:
    report = report_of(**dict.fromkeys(IMPORT_OUTCOMES, 1234567))
    report.totals.requests, report.seconds, report.environment = 120_000, 3726.4, "production"
    report.stopped = "The API is unavailable: 20 attempts in a row brought no application (it answered 503)."
    report.notices = ["left out a sheet: " + "x, " * 40]
    for number in range(10):
        message = "Mã khách hàng không hợp lệ, vui lòng kiểm tra lại thông tin của khách hàng"
        report.reasons.add(
            OutcomeName.REJECTED, ErrorInfo(code="", reason=f"{number}" * 200, message=message), PLACE
        )
    text = shown(report)
    assert max(map(len, text.split("\n"))) <= 80
    assert "read           9,876,536  in 1:02:06, with 120,000 requests to production" in text
    assert "and 2 more reasons; the results have them all" in text
    assert "Mã khách hàng không hợp lệ, vui lòng" in text
    assert "Stopped early. The API is unavailable" in text


def test_the_report_of_a_good_run_is_short() -> None:
    report = report_of(created=1)
    report.totals.requests, report.seconds, report.results = 1, 0.16, [Path("leads.results.csv")]
    assert shown(report) == (
        "Outcome  Rows  Meaning\n"
        "created     1  sent, and the API gave an application id\n"
        "read        1  in 0.2 s, with 1 request to sandbox\n"
        "\n"
        "Results: leads.results.csv\n"
    )


def test_a_report_without_results_or_steps_ends_with_its_totals() -> None:
    assert shown(report_of(existing=2)).endswith("in 0.0 s, with 0 requests to sandbox\n")


def test_reasons_are_told_with_one_message_each_the_frequent_first() -> None:
    report = report_of(rejected=3)
    for code in ("rare", "often", "often"):
        report.reasons.add(OutcomeName.REJECTED, ErrorInfo(code=code, message=f"why {code}"), PLACE)
    text = shown(report)
    assert "often     2  why often\nrare      1  why rare\n" in text
    assert "more reason" not in text


def test_one_reason_more_than_are_shown_is_told_as_one() -> None:
    report = report_of(rejected=9)
    for number in range(9):
        report.reasons.add(OutcomeName.REJECTED, ErrorInfo(code=f"code-{number}", message="m"), PLACE)
    text = shown(report)
    assert "code-7" in text
    assert "code-8" not in text
    assert "and 1 more reason; the results have them all" in text


def test_the_path_of_a_file_is_never_broken_into_lines_so_that_it_can_be_copied() -> None:
    folder = Path("/a folder/that is long", "and goes on", "x" * 70)
    report = report_of(invalid=1, in_doubt=1)
    report.results, report.retry_files = [folder / "a b.results.csv"], [folder / "a b.retry.csv"]
    report.files_to_mend = report.retry_files
    lines = shown(report).split("\n")
    assert f"-> 1 row to mend: {folder / 'a b.retry.csv'}" in lines
    assert f"Results: {folder / 'a b.results.csv'}" in lines
    doubt = next(number for number, line in enumerate(lines) if line.startswith("-> 1 row in doubt"))
    assert lines[doubt + 1].startswith("with lead-importer resolve leads.csv.")


def test_a_dry_run_is_shown_with_what_would_be_sent() -> None:
    assert "-> 5 rows would be sent" in shown(report_of(not_attempted=5), dry_run=True)


def test_the_report_shows_names_and_messages_as_they_are_and_lets_none_style_or_move() -> None:
    report = report_of(rejected=1, in_doubt=1)
    report.notices, report.stopped = [HOSTILE], HOSTILE
    report.results = report.retry_files = report.files_to_mend = [Path(HOSTILE)]
    report.reasons.add(OutcomeName.REJECTED, ErrorInfo(code="", reason=HOSTILE, message=HOSTILE), PLACE)
    text = shown(report)
    assert text.count("a[red]x[/]") == 6
    assert SEEN in text
    assert "\x1b[31m[/]" not in shown(report, colour=True)
    assert not {"\x9b", "\u202e", "\udcff", "\r", "\x1b"} & set(text)


def test_check_shows_the_mapping_the_first_request_and_why_rows_would_not_be_sent(tmp_path: Path) -> None:
    path = tmp_path / "leads.csv"
    path.write_text(
        "Mã KH,Họ tên,SĐT,Địa chỉ,Ghi chú\n1.0,An,0901,x,\n,B,0902,y,\n,C,0903,z,\n4,D,0904,t,\n,E,0905,u,\n"
        "1,An,0901,x,\n6,F,many,v,\n",
        encoding="utf-8",
    )
    report = check_files([str(path)], Selection())
    report.inputs[0].source = "leads.csv"
    report.notices = ["something to know"]
    assert shown(report) == (
        "Note: something to know\n"
        "leads.csv: 7 rows, template 1 (Name, phone, address)\n"
        "  Field        Column   Sample\n"
        "  customer_id  Mã KH    1\n"
        "  name         Họ tên   An\n"
        "  phone        SĐT      0901\n"
        "  address      Địa chỉ  x\n"
        "  not sent: Ghi chú\n"
        "\n"
        "The first request:\n"
        "  POST https://api.example.org/lead/applications\n"
        r'  {"customer_id":"1","inputs":"{\"name\":\"An\",\"phone\":\"0901\",\"address\":\"x\"}"}'
        "\n\n"
        "Problem           Rows  What to do, and where\n"
        "missing              3  Mã KH: the cell is empty; fill it in\n"
        "                        rows 3-4, 6\n"
        "duplicate            1  the same lead stands above, so this one is not sent\n"
        "                        row 7\n"
        "letters_in_phone     1  SĐT: there are letters in the phone number; one number\n"
        "                        in a cell\n"
        "                        row 8\n"
        "\n"
        "Warning            Rows  What to look at, and where\n"
        "implausible_phone     6  SĐT: no phone in use has this form; check the number\n"
        "                         rows 2-7\n"
        "\n"
        "Repair    Rows  What was done, and where\n"
        "decimals     1  Mã KH: a whole number written with decimals was read as digits\n"
        "                row 2\n"
        "\n"
        "2 rows to send, 4 to mend, 1 duplicate, 7 read\n"
    )


def test_check_of_good_rows_lists_no_problems(tmp_path: Path) -> None:
    text = shown(check_files([str(write_leads(tmp_path / "leads.csv", 3))], Selection()))
    assert "Problem" not in text
    assert text.endswith("}\n\n3 rows to send, 0 to mend, 0 duplicates, 3 read\n")


def test_check_of_several_sheets_names_the_sheet_of_every_row() -> None:
    kind = RemarkKind("missing", "name", "fill it in")
    for place in (Place("a.xlsx", "Một", 2), Place("b.csv", "", 2), Place("b.csv", "", 3)):
        kind.add(place)
    report = CheckReport(problems=[kind], read=3, invalid=3)
    report.inputs = [
        CheckedInput("a.xlsx", "Một", "1", [], [], rows=1),
        CheckedInput("b.csv", "", "1", [], [], rows=2),
    ]
    text = shown(report)
    assert "a.xlsx, sheet Một: 1 row, template 1" in text
    assert "fill it in a.xlsx, sheet Một: row 2; b.csv: rows 2-3" in " ".join(text.split())
    assert "The first request" not in text
    assert "0 rows to send, 3 to mend, 0 duplicates, 3 read" in text


def test_check_shows_names_and_cells_as_they_are_and_lets_none_style_or_move() -> None:
    kind = RemarkKind(HOSTILE, HOSTILE, HOSTILE)
    kind.add(Place(HOSTILE, HOSTILE, 2))
    report = CheckReport(notices=[HOSTILE], problems=[kind], repairs=[kind])
    report.inputs = [
        CheckedInput(HOSTILE, "S", HOSTILE, [MappedColumn(HOSTILE, HOSTILE, HOSTILE)], [HOSTILE]),
        CheckedInput(HOSTILE, "", "1", [], []),
    ]
    report.first = Lead(Place(HOSTILE, "", 2), "1\x7f\x9b", {"name": "[red]x[/]\u202e"})
    text = shown(report)
    assert "[red]x[/]" in text
    assert not {"\x9b", "\x7f", "\u202e", "\udcff", "\r", "\x1b"} & set(text)
    assert "\x1b[31m[/]" not in shown(report, colour=True)


def test_an_error_is_printed_on_as_many_lines_as_it_has_and_as_it_is() -> None:
    stream = io.StringIO()
    long = "x" * 100
    print_error(f"[red]one[/] \\[/] {long}\ntwo\x1b[2J", stream)
    assert stream.getvalue() == f"Error: [red]one[/] \\[/] {long}\ntwo\ufffd[2J\n"


def test_an_error_goes_to_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    print_error("wrong")
    assert capsys.readouterr() == ("", "Error: wrong\n")


def test_the_progress_bar_shows_live_counts_by_outcome_and_is_taken_off_the_screen() -> None:
    stream = io.StringIO()
    console = Console(file=stream, width=80, force_terminal=True, color_system=None, highlight=False)
    totals = Totals()
    with ProgressDisplay(console) as display:
        display.began(totals, 2000)
        totals.outcomes[OutcomeName.CREATED] = 1234
        totals.outcomes[OutcomeName.IN_DOUBT] = 2
        display.row_ended(RowEnded(Place("a", "", 2), OutcomeName.CREATED))
        display.stopping(HOSTILE)
    text = stream.getvalue()
    assert "1236/2000" in text
    assert "created 1,234  in doubt 2" in text
    assert "failed" not in text
    assert "Stopping; what is under way is settled first." in text
    assert not {"\x9b", "\u202e", "\udcff"} & set(text)
    assert text.endswith("\x1b[2K")
    assert "\x1b[?25h" in text


def test_the_progress_bar_of_no_rows_and_of_all_outcomes_can_be_drawn() -> None:
    stream = io.StringIO()
    console = Console(file=stream, width=80, force_terminal=True, color_system=None, highlight=False)
    totals = Totals()
    with ProgressDisplay(console) as display:
        display.began(totals, 0)
        display.stopping("one")
        for outcome in IMPORT_OUTCOMES:
            totals.outcomes[outcome] = 123_456
        display.stopping("two")
    text = stream.getvalue()
    assert "0/1" in text
    for outcome in IMPORT_OUTCOMES:
        # A count that is cut in two at the end of a line cannot be read.
        assert f"{outcome.replace('_', ' ')} 123,456" in text


def test_the_rate_is_told_once_it_is_known() -> None:
    stream, timer = io.StringIO(), Hand()
    console = Console(
        file=stream, width=80, force_terminal=True, color_system=None, highlight=False, get_time=timer
    )
    totals = Totals()
    display = ProgressDisplay(console)
    display.began(totals, 10_000)
    for _ in range(3):
        timer.now += 1
        totals.outcomes[OutcomeName.CREATED] += 2000
        console.print(display._render())
    assert "2,000 rows/s" in stream.getvalue()


@pytest.mark.skipif(sys.platform == "win32", reason="there is no pseudo-terminal")
def test_on_a_terminal_of_80_columns_no_line_is_too_long_and_the_cursor_comes_back() -> None:
    import fcntl
    import struct
    import termios

    leader, follower = os.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    received: list[bytes] = []
    with os.fdopen(leader, "rb", buffering=0) as screen:
        # A terminal that nobody reads from takes no more after a while.
        reader = threading.Thread(target=read_all, args=(screen, received))
        reader.start()
        with os.fdopen(follower, "w", encoding="utf-8") as file:
            console = Console(file=file, highlight=False, color_system=None, _environ={"TERM": "xterm"})
            assert console.is_terminal
            assert console.width == 80
            totals = Totals()
            with ProgressDisplay(console) as display:
                display.began(totals, 2_000_000)
                for outcome in IMPORT_OUTCOMES:
                    totals.outcomes[outcome] = 123_456
                display.stopping("The API is unavailable: 20 attempts in a row brought no application " * 2)
        reader.join(30)
    text = b"".join(received).decode()
    drawn = re.split(r"[\r\n]+", re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "\r", text))
    assert max(map(len, drawn)) <= 80
    assert any("987648/2000000" in line for line in drawn)
    assert any("in doubt 123,456" in line for line in drawn)
    assert text.index("\x1b[?25l") < text.index("\x1b[?25h")


def read_all(screen: IO[bytes], received: list[bytes]) -> None:
    # Linux tells the end of a pseudo-terminal by an error.
    with suppress(OSError):
        while chunk := screen.read(65536):
            received.append(chunk)


def shown_templates(*texts: str) -> str:
    stream = io.StringIO()
    templates = [parse_template("own", text, "own.toml") for text in texts]
    console = Console(file=stream, width=80)
    show_templates(console, customer_id_field(), templates or shipped_templates().values())
    return stream.getvalue()


def test_of_a_template_of_ones_own_it_is_told_what_its_values_are() -> None:
    told = shown_templates(
        'title = "[red]Vay[/]"\nfields = ['
        '{name = "months", title = "Kỳ hạn", type = "integer", allowed = [6, 12]},'
        '{name = "home", type = "object", fields = [{name = "city", required = false}]},'
        '{name = "source", constant = "[b]web"}]'
    )
    assert "Template own: [red]Vay[/]" in told
    lines = [re.split(r"  +", line.strip()) for line in told.splitlines()]
    assert ["months", "Kỳ hạn", "integer; one of: 6, 12"] in lines
    assert ["home.city", "city", "may be empty"] in lines
    assert ["source", "none", "always [b]web"] in lines


def test_of_the_documented_templates_all_of_whose_inputs_are_required_text_nothing_is_told_of_values() -> (
    None
):
    assert "Values" not in shown_templates()


def test_the_log_tells_why_rows_did_not_become_applications_and_where_the_first_ones_are() -> None:
    report = report_of(invalid=2)
    for row in (3, 7):
        error = ErrorInfo(code="missing", message="SĐT: the cell is empty; fill it in")
        report.reasons.add(OutcomeName.INVALID, error, Place("leads.csv", "", row))
    stream = io.StringIO()
    log_report(log_into(stream, as_json=True), report)
    (told,) = [line for line in map(json.loads, stream.getvalue().splitlines()) if line["event"] == "reason"]
    assert (told["outcome"], told["code"], told["rows"]) == ("invalid", "missing", 2)
    assert told["message"] == "2 rows: SĐT: the cell is empty; fill it in"
    assert [place["row"] for place in told["first"]] == [3, 7]
