"""Form responses to files: every one of them once, however often the export is stopped."""

from __future__ import annotations

import io
import json
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from openpyxl import load_workbook  # type: ignore[import-untyped]
from rich.console import Console

from importer.applications import FormResponse
from importer.console.exporting import ExportDisplay, ExportLog
from importer.errors import LedgerBusyError, ResultsError, UsageError
from importer.exporting import refuse_repeated
from importer.local_api import LOCAL_CREDENTIALS, LocalApi
from importer.local_responses import given_responses, invented_responses, read_responses
from importer.model import Done, ResponsePage, Totals, TryAgain
from importer.model import FormResponse as Response
from importer.response_journal import ResponseJournal
from importer.results import write_responses
from tests.support import Command, Ended, api_beside, read_results, set_faults
from tests.test_processes import finished, started, until

COUNT = 1200


@contextmanager
def listing(count: int = COUNT, *faults: str) -> Iterator[LocalApi]:
    api = LocalApi(LOCAL_CREDENTIALS, responses=invented_responses(count))
    set_faults(api, *faults)
    with api_beside(api):
        yield api


def options(api: LocalApi, *more: str) -> tuple[str, ...]:
    return ("--form", "1", "--env", "local", "--base-url", api.base_url, *more)


def in_words(api: LocalApi, *more: str) -> tuple[str, ...]:
    return options(api, "--log-format", "text", *more)


def said(ended: Ended) -> str:
    """Return what was printed without the ends of its lines."""
    return " ".join(ended.output.split())


def ids_of(count: int) -> list[str]:
    return [response.id for response in reversed(invented_responses(count))]


def part_of(path: Path) -> Path:
    return path.with_name(f".{path.name}.part")


def test_the_responses_to_a_form_are_exported_newest_first_with_a_column_for_each_input(
    command: Command, tmp_path: Path
) -> None:
    out = tmp_path / "r.csv"
    with listing() as api:
        ended = command(
            "responses", *options(api), "-o", "r.csv", "--summary", "s.json", "--log-format", "text"
        )
        assert ended.code == 0
        assert "1,200 responses read" in said(ended)
        # Three pages, and one to learn that there are no more.
        assert api.stats.requests == 4
    rows = read_results(out)
    assert [row["id"] for row in rows] == ids_of(COUNT)
    assert list(rows[0]) == [
        *("id", "form_id", "created_at", "name", "phone", "address.city", "address.street", "products")
    ]
    assert rows[-1] == {
        "id": "100000000000000000",
        "form_id": "1",
        "created_at": "2023-11-14T22:13:20Z",
        "name": "Nguyễn Văn 0",
        "phone": "0900000000",
        "address.city": "Hà Nội",
        "address.street": "0 Lê Lợi",
        "products": '["Vay tiêu dùng"]',
    }
    assert not part_of(out).exists()
    summary = json.loads((tmp_path / "s.json").read_text(encoding="utf-8"))
    assert (summary["responses"], summary["requests"], summary["results"]) == (COUNT, 4, ["r.csv"])
    if os.name == "posix":
        assert out.stat().st_mode & 0o777 == 0o600


def test_a_period_and_several_forms_are_asked_for(command: Command, tmp_path: Path) -> None:
    first = invented_responses(10)
    second = [replace(one, id=f"{int(one.id) + 50}", form_id="2") for one in first]
    with api_beside(LocalApi(LOCAL_CREDENTIALS, responses=[*first, *second])) as api:
        period = ("--since", "2023-11-14T22:15:00Z", "--until", "2023-11-14T22:18:00Z")
        ended = command("responses", *options(api, *period), "--form", "2", "-o", "r.jsonl")
        assert ended.code == 0
    lines = [json.loads(line) for line in (tmp_path / "r.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [(line["form_id"], line["created_at"][11:16]) for line in lines] == [
        *(("2", "22:17"), ("2", "22:16"), ("2", "22:15"), ("1", "22:17"), ("1", "22:16"), ("1", "22:15"))
    ]
    assert lines[0]["inputs"]["address"] == {"city": "Hà Nội", "street": "4 Lê Lợi"}
    # It can be listed by the local API again.
    assert [one.id for one in read_responses(tmp_path / "r.jsonl")] == [line["id"] for line in lines]


def test_ten_thousand_responses_come_through_faults_each_once(command: Command, tmp_path: Path) -> None:
    faults = (
        *("503:every=3,times=1", "429:retry-after=0.01,every=6,times=1", "drop-before:every=9,times=1"),
        *("drop-after:every=12,times=1", "bad-json:every=15,times=1", "500:format=html,every=18,times=1"),
        "delay:seconds=0.05,every=4",
    )
    with listing(10_000, *faults) as api:
        assert command("responses", *options(api), "-o", "r.csv").code == 0
        assert len(api.stats.by_fault) == len(faults)
    assert [row["id"] for row in read_results(tmp_path / "r.csv")] == ids_of(10_000)


def test_an_export_that_the_api_stops_goes_on_where_it_was_and_finds_what_is_newer(
    command: Command, tmp_path: Path
) -> None:
    out = tmp_path / "r.csv"
    out.write_text("id,form_id,created_at\n", encoding="utf-8")
    with listing(2200, "503:every=3") as api:
        stopped = command("responses", *in_words(api, "--attempts", "1"), "-o", "r.csv")
        assert stopped.code == 4
        assert "1,000 responses are kept" in said(stopped)
        assert out.read_text(encoding="utf-8") == "id,form_id,created_at\n"
        assert part_of(out).stat().st_mode & 0o777 == 0o600 or os.name != "posix"
        api.faults = []
        api.responses = invented_responses(2900)
        before = api.stats.requests
        ended = command("responses", *in_words(api), "-o", "r.csv")
        assert ended.code == 0
        assert "goes on where it was stopped, with 1,000 responses" in said(ended)
        # Two for the new ones, and not for those that were read before.
        assert api.stats.requests - before == 2 + 3 + 1
    assert [row["id"] for row in read_results(out)] == ids_of(2900)
    assert not part_of(out).exists()


def test_an_unfinished_export_of_something_else_is_thrown_away(command: Command, tmp_path: Path) -> None:
    with listing(1200, "503:every=2,times=1") as api:
        arguments = in_words(api, "--attempts", "1")
        assert command("responses", *arguments, "-o", "r.csv").code == 4
        ended = command("responses", *arguments, "--form", "2", "-o", "r.csv")
        assert ended.code == 0
        assert "was thrown away" in said(ended)
    assert len(read_results(tmp_path / "r.csv")) == COUNT


def test_a_page_that_comes_again_and_again_ends_the_export(command: Command, tmp_path: Path) -> None:
    class Repeating(LocalApi):
        async def _list_responses(self, request, query):  # type: ignore[no-untyped-def]
            return await super()._list_responses(request, query.split("&lt_id")[0])

    api = Repeating(LOCAL_CREDENTIALS, responses=invented_responses(900))
    with api_beside(api):
        ended = command("responses", *in_words(api, "--attempts", "2"), "-o", "r.csv")
    assert ended.code == 4
    assert "the API repeats a page" in said(ended)
    assert not (tmp_path / "r.csv").exists()


def test_a_repeated_page_is_told_from_the_last_one_and_from_one_that_overlaps() -> None:
    page = Done(ResponsePage(2, (Response("7", "", "1", {}), Response("5", "", "1", {}))))
    assert isinstance(refuse_repeated(page, 5), TryAgain)
    for sound, below in ((page, None), (page, 6), (page, 8), (Done(ResponsePage(0, ())), 5)):
        assert refuse_repeated(sound, below) is sound


@pytest.mark.parametrize(
    ("fault", "code", "message"),
    [
        ("401:on=list", 4, "refuses this set-up"),
        ("400:on=list", 4, "Check --form"),
        ("404", 4, "Check --form"),
    ],
)
def test_what_the_api_refuses_stops_the_export_at_once(
    command: Command, tmp_path: Path, fault: str, code: int, message: str
) -> None:
    with listing(5, fault) as api:
        ended = command("responses", *in_words(api), "-o", "r.csv")
        assert (ended.code, api.stats.requests) == (code, 1)
    assert message in said(ended)
    assert list(tmp_path.glob(".r.csv*")) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("-o", "r.csv"), "Name those whose responses are wanted"),
        (("--form", "1"), "No file is named"),
        (("--form", "x", "-o", "r.csv"), "give the id of a form"),
        (("--form", "1", "-o", "r.txt"), "responses are written as"),
        (("--form", "1", "-o", "nowhere/r.csv"), "there is no folder"),
        (("--form", "1", "-o", "r.csv", "--summary", "r.csv"), "would both be r.csv"),
    ],
)
def test_wrong_use_is_told_before_anything_is_asked_for(
    command: Command, arguments: tuple[str, ...], message: str
) -> None:
    ended = command("responses", "--env", "local", *arguments)
    assert ended.code == 2
    assert message in ended.errors


async def test_an_export_that_was_killed_and_interrupted_goes_on(tmp_path: Path) -> None:
    async with LocalApi(LOCAL_CREDENTIALS, responses=invented_responses(6000)) as api:
        set_faults(api, "delay:seconds=0.1")
        arguments = ("responses", *options(api), "-o", "r.csv")
        for number in (signal.SIGKILL, signal.SIGINT):
            process = await started(tmp_path, *arguments)
            seen = api.stats.requests
            await until(lambda seen=seen: api.stats.requests >= seen + 4)  # type: ignore[misc]
            process.send_signal(number)
            assert (await finished(process)).code in (-signal.SIGKILL, 130)
            assert not (tmp_path / "r.csv").exists()
        api.faults = []
        before = api.stats.requests
        assert (await finished(await started(tmp_path, *arguments))).code == 0
        assert api.stats.requests - before < 13
    assert [row["id"] for row in read_results(tmp_path / "r.csv")] == ids_of(6000)
    assert not part_of(tmp_path / "r.csv").exists()


# --- the journal -----------------------------------------------------------------------------------------

SUBJECT = {"forms": ["1"]}
ODD = Response("9", "2021", "1", {"half": "\ud83d", "list": [1, {"a": None}], "yes": True})


def test_a_journal_brings_everything_back_newest_first_but_for_a_torn_line(
    tmp_path: Path,
) -> None:
    out = tmp_path / "r.csv"
    with ResponseJournal(out, SUBJECT) as journal:
        journal.keep(9, 12, [ODD])
        journal.keep(20, 30, [Response("21", "2022", "1", {})])
    whole = part_of(out).read_bytes()
    for torn in (b"", b"\n", b'{"low":1,"above":9,"responses":[]}', b'{"low":1}\n', b"\xff\n", b"[]\n"):
        part_of(out).write_bytes(whole + torn)
        with ResponseJournal(out, SUBJECT) as journal:
            assert (journal.count, journal.discarded) == (2, False)
            assert [response.response_id for response in journal.responses()] == ["21", "9"]
            assert list(journal.responses())[1] == ODD
            assert journal.coverage.has(10)
            assert not journal.coverage.has(12)
        assert part_of(out).read_bytes() == whole


def test_a_journal_is_of_one_process_and_leaves_nothing_where_nothing_was_read(tmp_path: Path) -> None:
    out = tmp_path / "r.csv"
    with ResponseJournal(out, SUBJECT):
        assert part_of(out).exists()
        with pytest.raises(LedgerBusyError, match="Another export"), ResponseJournal(out, SUBJECT):
            pass
    assert not part_of(out).exists()


def test_a_journal_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    part_of(tmp_path / "r.csv").mkdir()
    with (
        pytest.raises(ResultsError, match="name a file in a folder"),
        ResponseJournal(tmp_path / "r.csv", SUBJECT),
    ):
        pass


# --- the files -------------------------------------------------------------------------------------------


def response(number: int, **inputs: object) -> Response:
    return Response(f"14195221756431567{number}", "2021-12-16T17:43:51Z", "7", inputs)


def test_columns_are_those_of_all_responses_and_formulas_are_defused(tmp_path: Path) -> None:
    found = [
        response(2, name="=1+1", id="mine"),
        response(1, **{"a": {"b": {"c": "x"}}, "a.b.c": "y", "@sum": None, "many": [1, 2]}),
    ]
    path = tmp_path / "r.csv"
    write_responses(path, lambda: found)
    rows = read_results(path)
    assert list(rows[0]) == [
        *("id", "form_id", "created_at", "name", "id_2", "a.b.c", "a.b.c_2", "'@sum", "many")
    ]
    assert [rows[0]["name"], rows[0]["id_2"], rows[0]["many"]] == ["'=1+1", "mine", ""]
    assert [rows[1]["a.b.c"], rows[1]["a.b.c_2"], rows[1]["many"]] == ["x", "y", "[1,2]"]


def test_an_input_whose_name_is_taken_shares_its_column_with_no_other_of_any_response(tmp_path: Path) -> None:
    path = tmp_path / "r.csv"
    write_responses(path, lambda: [response(2, id="mine"), response(1, id_2="another")])
    rows = read_results(path)
    assert list(rows[0]) == ["id", "form_id", "created_at", "id_3", "id_2"]
    assert [(row["id_3"], row["id_2"]) for row in rows] == [("mine", ""), ("", "another")]


@pytest.mark.parametrize(("suffix", "cut"), [(".xlsx", True), (".csv", False), (".jsonl", False)])
def test_a_text_that_no_cell_of_a_workbook_holds_is_told_to_be_cut(
    tmp_path: Path, suffix: str, cut: bool
) -> None:
    found = [response(2, note="x" * 32_767), response(1, note="x" * 32_768)]
    notices = write_responses(tmp_path / f"r{suffix}", lambda: found)
    assert len(notices) == cut
    assert all("1 text is longer than the 32,767 signs" in notice for notice in notices)
    assert all(".jsonl" in notice for notice in notices)


def test_a_workbook_has_ids_as_text_and_numbers_as_numbers_as_far_as_it_keeps_them(tmp_path: Path) -> None:
    numbers = {"age": 41, "big": 12345678901234567890, "part": Decimal("0.5"), "whole": Decimal("2.0")}
    path = tmp_path / "r.xlsx"
    write_responses(path, lambda: [response(1, **numbers, yes=True)])
    cells = [cell.value for cell in list(load_workbook(path).active)[1]]
    assert cells == [
        *("141952217564315671", "7", "2021-12-16T17:43:51Z", 41, "12345678901234567890", 0.5, "2", "true")
    ]


def test_a_workbook_with_more_columns_than_it_holds_is_refused_and_the_earlier_one_stays(
    tmp_path: Path,
) -> None:
    path = tmp_path / "r.xlsx"
    path.write_text("earlier", encoding="utf-8")
    with pytest.raises(ResultsError, match="16,384 columns"):
        write_responses(path, lambda: [response(1, **{f"input {number}": "" for number in range(16_384)})])
    assert path.read_text(encoding="utf-8") == "earlier"


def test_no_responses_make_a_file_with_headers(tmp_path: Path) -> None:
    write_responses(tmp_path / "r.csv", lambda: [])
    assert (tmp_path / "r.csv").read_bytes() == b"\xef\xbb\xbfid,form_id,created_at\r\n"


# --- what the local API lists ----------------------------------------------------------------------------


def test_the_local_api_lists_a_file_of_responses_or_invented_ones(tmp_path: Path) -> None:
    line = '{"id": "12", "form_id": "1", "created_at": "2021-12-16T17:43:51Z", "inputs": {"name": "A"}}'
    (tmp_path / "r.jsonl").write_text(f"{line}\n\n", encoding="utf-8")
    (found,) = given_responses(str(tmp_path / "r.jsonl"))
    assert found == FormResponse(
        id="12", form_id="1", created_at="2021-12-16T17:43:51Z", inputs={"name": "A"}
    )
    assert given_responses("3") == invented_responses(3)


@pytest.mark.parametrize("content", ["{}", "[]", '{"id": 5, "form_id": "1"}', "no json", "\udcff"])
def test_a_file_of_something_else_is_refused_with_an_example(tmp_path: Path, content: str) -> None:
    (tmp_path / "r.jsonl").write_bytes(content.encode(errors="surrogateescape"))
    with pytest.raises(UsageError):
        given_responses(str(tmp_path / "r.jsonl"))
    with pytest.raises(UsageError, match="cannot be read"):
        given_responses(str(tmp_path / "none.jsonl"))


# --- what goes wrong on this computer, and what is seen meanwhile ------------------------------------------


def test_an_output_or_summary_that_cannot_be_written_keeps_what_was_read(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise ResultsError("The disk is full.")

    with listing(5) as api:
        with monkeypatch.context() as patched:
            patched.setattr("importer.exporting.write_responses", refuse)
            patched.setattr("importer.exporting.write_summary", refuse)
            ended = command("responses", *in_words(api), "-o", "r.csv", "--summary", "s.json")
            assert ended.code == 2
            assert said(ended).count("The disk is full.") == 2
            assert part_of(tmp_path / "r.csv").exists()
        assert command("responses", *in_words(api), "-o", "r.csv").code == 0
    assert [row["id"] for row in read_results(tmp_path / "r.csv")] == ids_of(5)


def test_a_disk_that_is_full_stops_the_export_and_leaves_no_half_page(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    with listing(5) as api:
        with monkeypatch.context() as patched:
            patched.setattr("importer.response_journal.os.fsync", full)
            ended = command("responses", *in_words(api), "-o", "r.csv")
            assert ended.code == 2
            assert "No space left on device" in said(ended)
        assert command("responses", *options(api, "--quiet"), "-o", "r.csv").output == ""
    assert len(read_results(tmp_path / "r.csv")) == 5


def test_an_error_that_nobody_foresaw_is_told_without_what_the_api_said(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise KeyError("Nguyễn")

    monkeypatch.setattr("importer.exporting.list_responses", broken)
    with listing(5) as api:
        ended = command("responses", *in_words(api), "-o", "r.csv")
    assert ended.code == 70
    assert "KeyError" in said(ended)
    assert "Nguyễn" not in said(ended)


def test_progress_tells_of_responses_on_a_terminal_and_in_lines() -> None:
    stream = io.StringIO()
    totals = Totals(read=1500)
    log = ExportLog(stream, as_json=False, timer=iter([0.0, 0.0, 10.0]).__next__)
    log.began(totals, 2000)
    log.tick()
    assert stream.getvalue().endswith("1,500 of about 2,000 responses\n")
    console = Console(file=stream, width=80, force_terminal=True, color_system=None)
    with ExportDisplay(console) as display:
        display.began(totals, 2000)
    assert "1500/2000" in stream.getvalue()
