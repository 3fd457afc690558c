"""Rows in doubt, settled by what a person says: on the command line, and what follows from it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from openpyxl import Workbook  # type: ignore[import-untyped]

from importer.cli.resolve import user_name
from importer.local_api import LocalApi
from tests.support import (
    HEADERS,
    Command,
    api_beside,
    customers,
    local,
    read_results,
    set_faults,
    write_leads,
)

ID = "141952217564315671"
OTHER_ID = "141952217564315672"


class Doubts:
    """A file with six rows: 2 to 5 are in doubt, 6 is for good, and 7 was created."""

    def __init__(self, command: Command, api: LocalApi, folder: Path) -> None:
        self.command = command
        self.api = api
        self.folder = folder
        write_leads(folder / "leads.csv", 6, first=1002)
        set_faults(api, "drop-before:customer=1002|1003|1004|1005,each=1", "no-id:customer=1006,each=1")
        assert self.run() == 3

    def run(self, *options: str) -> int:
        return self.command("run", "leads.csv", *local(self.api, self.folder), *options).code

    def resolve(self, *answers: str) -> tuple[int, str]:
        """Answer, and return the exit code and all that was said, with one blank between words."""
        ended = self.command("resolve", "leads.csv", "--ledger", "ledger.sqlite3", *answers)
        return ended.code, " ".join((ended.output + ended.errors).split())

    def refused(self, *answers: str) -> str:
        """Return why answers are refused, which must then leave everything as it was."""
        before = self.resolve()
        code, said = self.resolve(*answers)
        assert code == 2
        assert self.resolve() == before
        return said

    def results(self) -> dict[int, dict[str, str]]:
        """Return the lines of the results by their rows, written anew."""
        assert self.command("results", "leads.csv", "--ledger", "ledger.sqlite3").code == 0
        return {int(line["row"]): line for line in read_results(self.folder / "leads.results.csv")}

    def outcomes(self) -> list[str]:
        return [line["outcome"] for line in self.results().values()]


@pytest.fixture
def api() -> Iterator[LocalApi]:
    with api_beside() as api:
        yield api


@pytest.fixture
def doubts(command: Command, api: LocalApi, tmp_path: Path) -> Doubts:
    return Doubts(command, api, tmp_path)


def test_without_an_answer_the_rows_in_doubt_are_listed(doubts: Doubts) -> None:
    code, said = doubts.resolve()
    assert code == 3
    assert "5 rows in doubt" in said
    for row in range(2, 7):
        assert f"{row} {1000 + row} " in said
    assert "1007" not in said
    assert "Look for these customers in the Tini console" in said


@pytest.mark.parametrize(
    ("answers", "recorded"),
    [
        (["--not-created", "2", "3"], 2),
        (["--not-created", "2", "--not-created", "3"], 2),
        (["--not-created", "2,3, 5"], 3),
        (["--not-created", "2-4"], 3),
        (["--not-created", "2-4", "6"], 4),
        (["--not-created=2", "--resend", "3", "4"], 3),
        (["--resend", "2-5"], 4),
        (["--not-created", "all"], 5),
        (["--created", f"2={ID}", f"3={OTHER_ID}"], 2),
        (["--created", f"6={ID}", "--not-created", "all"], 5),
        (["--resend", "2", "--not-created", "all"], 5),
    ],
)
def test_an_option_takes_any_number_of_rows(doubts: Doubts, answers: list[str], recorded: int) -> None:
    code, said = doubts.resolve(*answers)
    assert f"{recorded} answer{'s' if recorded > 1 else ''} recorded" in said
    assert code == (0 if recorded == 5 else 3)
    assert ("No row is in doubt." in said) == (recorded == 5)


def test_the_rows_of_an_option_may_stand_before_the_file(command: Command, doubts: Doubts) -> None:
    ended = command("resolve", "--not-created", "2", "3", "leads.csv", "--ledger", "ledger.sqlite3")
    assert "2 answers recorded" in ended.output


def test_what_was_answered_is_told_with_who_and_when(doubts: Doubts) -> None:
    _, said = doubts.resolve("--created", f"2={ID}", "--not-created", "3", "--resend", "4")
    who = rf"as {re.escape(user_name())} answered at 20\d\d-\d\d-\d\dT[0-9:.]+Z"
    assert re.search(rf"created {ID}, {who}", said)
    assert re.search(rf"not created, {who}", said)
    results = doubts.results()
    assert re.fullmatch(f"it was created, {who}", results[2]["notes"])
    assert re.fullmatch(f"it was not created and is to be sent, {who}", results[3]["notes"])
    assert re.fullmatch(f"it is to be sent again, though it may exist, {who}", results[4]["notes"])
    assert results[5]["notes"] == ""


def test_results_and_the_next_run_follow_the_answers(doubts: Doubts, api: LocalApi) -> None:
    doubts.resolve("--created", f"2={ID}", "--not-created", "3", "--resend", "4")
    results = doubts.results()
    assert doubts.outcomes() == ["created", "failed", "in_doubt", "in_doubt", "in_doubt", "created"]
    assert (results[2]["application_id"], results[2]["error_code"]) == (ID, "")
    assert "run the same command again" in results[3]["error_message"]
    retry = read_results(doubts.folder / "leads.retry.csv")
    assert [line["customer_id"] for line in retry] == ["1003"]
    assert doubts.run() == 3
    assert doubts.outcomes() == ["existing", "created", "created", "in_doubt", "in_doubt", "existing"]
    assert sorted(customers(api)) == ["1003", "1004", "1006", "1007"]
    assert doubts.resolve("--created", f"6={OTHER_ID}", "--not-created", "5")[0] == 0
    assert doubts.run() == 0
    assert doubts.outcomes() == ["existing"] * 3 + ["created"] + ["existing"] * 2


def test_a_row_that_is_sent_again_without_success_is_open_again_with_its_first_reason(
    doubts: Doubts, api: LocalApi
) -> None:
    reason = doubts.results()[4]["error_message"]
    doubts.resolve("--resend", "4", "--not-created", "5")
    set_faults(api, "503:customer=1004|1005")
    assert doubts.run("--attempts", "1") == 3
    assert doubts.outcomes()[2:4] == ["in_doubt", "failed"]
    assert doubts.results()[4]["error_message"] == reason
    assert "5 answered" not in doubts.resolve()[1]
    assert doubts.resolve("--not-created", "4")[1].startswith("1 answer recorded")


def test_an_answer_is_taken_back_by_another_one_until_the_row_is_sent(doubts: Doubts) -> None:
    doubts.resolve("--created", f"2={ID}", "--not-created", "3")
    code, said = doubts.resolve("--not-created", "2", "--created", f"3={ID}")
    assert code == 3
    assert "2 answers recorded" in said
    assert doubts.outcomes()[:2] == ["failed", "created"]
    assert doubts.run() == 3
    # What was sent has an application of its own now; what a person said is theirs to take back.
    assert "row 2 is not in doubt" in doubts.refused("--not-created", "2")
    doubts.resolve("--not-created", "3")
    assert doubts.run() == 3
    assert doubts.outcomes()[:2] == ["existing", "created"]
    assert "row 3 is not in doubt" in doubts.refused("--created", f"3={ID}")


def test_all_are_those_without_an_answer(doubts: Doubts) -> None:
    doubts.resolve("--created", f"2={ID}")
    code, said = doubts.resolve("--not-created", "all")
    assert (code, "4 answers recorded" in said) == (0, True)
    assert doubts.outcomes() == ["created"] + ["failed"] * 4 + ["created"]
    assert "0 answers" not in doubts.resolve("--not-created", "all")[1]


def test_a_range_takes_no_answer_back_and_a_row_by_itself_does(doubts: Doubts) -> None:
    doubts.resolve("--created", f"3={ID}")
    doubts.resolve("--not-created", "2-4")
    assert (doubts.results()[3]["outcome"], doubts.results()[3]["application_id"]) == ("created", ID)
    doubts.resolve("--not-created", "3")
    assert doubts.results()[3]["outcome"] == "failed"


def test_leads_of_several_runs_in_one_row_are_told_apart_by_their_customers(
    command: Command, api: LocalApi, tmp_path: Path
) -> None:
    write_leads(tmp_path / "leads.csv", 1, first=1001)
    set_faults(api, "drop-after:customer=1001", "drop-before:customer=1000")
    run = ("run", "leads.csv", *local(api, tmp_path))
    assert command(*run).code == 3
    write_leads(tmp_path / "leads.csv", 2)
    assert command(*run, "--limit", "1").code == 3
    set_faults(api)
    resolve = ("resolve", "leads.csv", "--ledger", "ledger.sqlite3")
    refused = command(*resolve, "--not-created", "2")
    assert refused.code == 2
    assert "Say which one: 2@1001 or 2@1000." in " ".join(refused.errors.split())
    assert command(*resolve, "--created", f"2@1001={ID}", "--not-created", "2@1000").code == 0
    assert command(*run).code == 0
    assert sorted(customers(api)) == ["1000", "1001"]


def test_what_the_api_said_to_have_created_is_not_sent_again_on_request(doubts: Doubts) -> None:
    code, said = doubts.resolve("--resend", "all")
    assert (code, "4 answers recorded" in said) == (3, True)
    assert "row 6 is not sent again: the API said that it created this lead" in said
    assert "row 6: the API said that it created this lead" in doubts.refused("--resend", "6")
    assert "row 6: the API said" in doubts.refused("--not-created", "2", "--resend", "3-6")


@pytest.mark.parametrize(
    ("answers", "why"),
    [
        (["--created", "2"], "is not ROW=ID"),
        (["--created", "2="], "is not ROW=ID"),
        (["--created", "=141952217564315671"], "names no row"),
        (["--created", "2=Nguyễn"], "is not ROW=ID"),
        (["--created", f"all={ID}"], "names no row"),
        (["--created", f"2-3={ID}"], "each row has an application of its own"),
        (["--created", f"2={ID}", f"3={ID}"], "each row has an application of its own"),
        (["--created", f"2={ID}", "--not-created", "2"], "is answered twice"),
        (["--not-created", "2-4", "3"], "is answered twice"),
        (["--not-created", "7"], "row 7 is not in doubt"),
        (["--not-created", "2", "7"], "row 7 is not in doubt"),
        (["--not-created", "99"], "row 99 is not in doubt"),
        (["--not-created", "5-2"], "row 5-2 is not in doubt"),
        (["--not-created", "Sheet!2"], "row Sheet!2 is not in doubt"),
        (["--not-created", "two"], "names no row"),
        (["--resend", "2;3"], "names no row"),
    ],
)
def test_one_answer_that_makes_no_sense_and_none_is_recorded(
    doubts: Doubts, answers: list[str], why: str
) -> None:
    assert why in doubts.refused(*answers)
    assert why in doubts.refused("--resend", "4", *answers)


def test_an_application_belongs_to_one_lead(doubts: Doubts) -> None:
    taken = doubts.results()[7]["application_id"]
    said = doubts.refused("--not-created", "3", "--created", f"2={taken}")
    assert f"the application {taken} belongs to leads.csv, row 7" in said
    doubts.resolve("--created", f"2={ID}")
    assert "belongs to leads.csv, row 2" in doubts.refused("--created", f"3={ID}")


def test_the_sheets_of_a_workbook_are_told_apart(command: Command, api: LocalApi, tmp_path: Path) -> None:
    book = Workbook()
    for title in ("Hà Nội", "Huế"):
        sheet = book.create_sheet(title)
        sheet.append(HEADERS)
        for number in range(2):
            place = f"{number + 1} Lê Lợi"
            sheet.append([f"{title[-1]}{number}", f"Nguyễn Văn {number}", f"090123456{number}", place])
    del book["Sheet"]
    book.save(tmp_path / "leads.xlsx")
    set_faults(api, "drop-before")
    run = ["run", "leads.xlsx", *local(api, tmp_path)]
    assert command(*run).code == 3
    resolve = ["resolve", "leads.xlsx", "--ledger", "ledger.sqlite3"]
    ended = command(*resolve, "--not-created", "2")
    assert ended.code == 2
    assert "in doubt in several sheets. Say which one: Huế!2, Hà Nội!2" in " ".join(ended.errors.split())
    ended = command(*resolve, "--not-created", "Huế!2", "'Hà Nội'!2-3")
    assert (ended.code, "3 answers recorded" in ended.output) == (3, True)
    set_faults(api)
    assert command(*run).code == 3
    assert sorted(customers(api)) == ["i0", "i1", "ế0"]
    assert command(*resolve, "--not-created", "3").code == 0


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["other.csv", "--ledger", "ledger.sqlite3"], "knows of no run with it"),
        (["leads.csv", "--ledger", "typo.sqlite3"], "there is no ledger typo.sqlite3"),
        (["leads.csv"], "there is no ledger"),
    ],
)
def test_what_was_never_imported_cannot_be_resolved(
    doubts: Doubts, command: Command, arguments: list[str], why: str
) -> None:
    for answers in ([], ["--not-created", "2"]):
        ended = command("resolve", *arguments, *answers)
        assert ended.code == 2
        assert why in " ".join(ended.errors.split())
    assert not (doubts.folder / "typo.sqlite3").exists()


def test_a_file_without_doubt_has_nothing_to_settle(command: Command, api: LocalApi, tmp_path: Path) -> None:
    write_leads(tmp_path / "leads.csv", 2)
    assert command("run", "leads.csv", *local(api, tmp_path)).code == 0
    ended = command("resolve", "leads.csv", "--ledger", "ledger.sqlite3")
    assert (ended.code, ended.output) == (0, "No row of leads.csv is in doubt.\n")
