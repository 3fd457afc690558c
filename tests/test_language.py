"""Which language is spoken, where, and how numbers and lists are written in it; the README in Vietnamese."""

from __future__ import annotations

import asyncio
import io
import re
import threading
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from openpyxl import load_workbook  # type: ignore[import-untyped]
from rich.console import Console

from importer.console import ProgressDisplay
from importer.console.pacing import in_words
from importer.errors import UsageError
from importer.language import (
    _,
    all_of,
    in_figures,
    language_of,
    marked,
    ngettext,
    one_of,
    speak,
    speaking,
    spoken,
)
from importer.ledger.sqlite import SqliteLedger
from importer.model import NoAnswer, Place, Request
from importer.pace import HeldBy, Hold
from importer.senders import SenderProcesses
from tests.support import Command, api_beside, customers, local, read_results, set_faults, write_leads

NOT_THERE = "leads.csv is not there. Check the spelling of its name and folder."
NOT_THERE_VI = "Không có leads.csv. Kiểm tra lại tên tệp và thư mục."


@pytest.mark.parametrize(
    ("environment", "language"),
    [
        ({"LANG": "vi_VN.UTF-8"}, "vi"),
        ({"LANG": "en_US.UTF-8"}, "en"),
        ({"LANG": "C"}, "en"),
        ({"LANG": "fr_FR.UTF-8"}, "en"),
        ({"LC_MESSAGES": "vi_VN", "LANG": "en_US.UTF-8"}, "vi"),
        ({"LC_ALL": "C", "LC_MESSAGES": "vi_VN", "LANG": "vi_VN"}, "en"),
        ({"LC_ALL": "", "LANG": "vi"}, "vi"),
        ({"LANGUAGE": "vi:en", "LC_ALL": "en_US.UTF-8"}, "vi"),
        ({"LANGUAGE": "en_US:en", "LANG": "vi_VN.UTF-8"}, "en"),
    ],
)
def test_the_language_is_that_of_the_environment(environment: dict[str, str], language: str) -> None:
    assert language_of(environment) == language


@pytest.mark.parametrize(
    ("name", "language"),
    [
        (("Vietnamese_Vietnam", "1258"), "vi"),
        (("vi_VN", "UTF-8"), "vi"),
        (("English_United States", "1252"), "en"),
        ((None, None), "en"),
        (ValueError("unknown locale: UTF-8"), "en"),
    ],
)
def test_where_no_variable_tells_the_locale_of_the_system_does(
    monkeypatch: pytest.MonkeyPatch, name: tuple[str | None, str | None] | ValueError, language: str
) -> None:
    def getlocale() -> tuple[str | None, str | None]:
        if isinstance(name, ValueError):
            raise name
        return name

    monkeypatch.setattr("importer.language.locale.getlocale", getlocale)
    assert language_of({}) == language


def test_english_is_spoken_unless_another_language_is_and_only_as_long_as_it_is() -> None:
    assert _("Nothing was sent.") == "Nothing was sent."
    with speaking("vi"):
        assert _("Nothing was sent.") == "Chưa gửi gì."
        speak("en")
        assert spoken() == "en"
    with speaking("vi"), speaking("en"):
        assert _("Nothing was sent.") == "Nothing was sent."
    assert spoken() == "en"


def test_what_no_catalog_has_is_told_in_english() -> None:
    with speaking("vi"):
        assert _("the customer is on the moon") == "the customer is on the moon"
        assert ngettext("{count} moon", "{count} moons", 2) == "{count} moons"
    with speaking("fr"):
        assert _("Nothing was sent.") == "Nothing was sent."


def test_a_marked_message_is_what_it_was() -> None:
    with speaking("vi"):
        assert marked("Nothing was sent.") == "Nothing was sent."


def test_a_plural_is_that_of_the_language() -> None:
    assert [ngettext("{count} row", "{count} rows", count) for count in (1, 2)] == [
        "{count} row",
        "{count} rows",
    ]
    with speaking("vi"):
        assert {ngettext("{count} row", "{count} rows", count) for count in (1, 2)} == {"{count} dòng"}


@pytest.mark.parametrize(
    ("value", "decimals", "english", "vietnamese"),
    [
        (0, 0, "0", "0"),
        (999, 0, "999", "999"),
        (1234, 0, "1,234", "1.234"),
        (1234567.891, 1, "1,234,567.9", "1.234.567,9"),
        (0.25, 2, "0.25", "0,25"),
    ],
)
def test_a_number_is_written_as_in_the_language(
    value: float, decimals: int, english: str, vietnamese: str
) -> None:
    assert in_figures(value, decimals) == english
    with speaking("vi"):
        assert in_figures(value, decimals) == vietnamese


def test_a_rate_has_the_decimals_that_it_has_as_in_the_language() -> None:
    holds = (Hold(HeldBy.RATE, 0.5), Hold(HeldBy.RATE, 12), Hold(HeldBy.LIMIT, 0.09), Hold(HeldBy.LIMIT, 3))
    assert [in_words(hold).split()[-3] for hold in holds] == ["0.5", "12", "5.4", "3.0"]
    with speaking("vi"):
        assert [in_words(hold).split()[-3] for hold in holds] == ["0,5", "12", "5,4", "3,0"]


def test_names_are_joined_in_the_language() -> None:
    assert (all_of(["a"]), all_of("abc"), one_of("ab")) == ("a", "a and b and c", "a or b")
    with speaking("vi"):
        assert (all_of("ab"), one_of("ab")) == ("a và b", "a hoặc b")


def test_a_place_is_told_in_the_language() -> None:
    with speaking("vi"):
        assert str(Place("leads.xlsx", "Tháng 5", 7)) == "leads.xlsx, sheet Tháng 5, dòng 7"
        assert str(Place("leads.csv", "", 7)) == "leads.csv, dòng 7"


# Who else speaks


async def test_what_is_done_on_another_thread_for_a_task_is_told_in_its_language() -> None:
    with speaking("vi"):
        assert await asyncio.to_thread(spoken) == "vi"
        assert await asyncio.create_task(_spoken_later()) == "vi"
    assert await asyncio.to_thread(spoken) == "en"


async def _spoken_later() -> str:
    return spoken()


def test_the_thread_of_the_ledger_speaks_the_language_of_who_opened_it(tmp_path: Path) -> None:
    path = tmp_path / "leads.csv"
    path.write_text("no ledger at all, but text that is long enough to be looked at" * 20)
    with speaking("vi"), pytest.raises(UsageError, match="không phải sổ cái"), SqliteLedger(path):
        pass


async def test_a_process_that_sends_speaks_the_language_of_the_run() -> None:
    async def nothing() -> None:
        """No intent is noted."""

    with speaking("vi"):
        # Nobody listens on the port for "discard".
        given = {"base_url": "http://127.0.0.1:9", "connections": 1, "answer_seconds": 5}
        async with SenderProcesses(1, **given, proxy_from_environment=False) as processes:
            answer = await processes.send(Request("POST", "/lead/applications", b"{}"), {}, nothing)
    assert isinstance(answer, NoAnswer)
    assert answer.message.startswith("không kết nối được tới máy chủ")


def test_the_thread_that_draws_the_progress_speaks_the_language_of_the_run() -> None:
    stream = io.StringIO()
    moments = count(step=10)
    console = Console(file=stream, width=80, get_time=lambda: float(next(moments)))
    with speaking("vi"):
        display = ProgressDisplay(console)
    display.paced_by(lambda: Hold(HeldBy.SEARCH))

    def draw() -> None:
        # What holds a run back is shown from the second look on.
        for _time in range(2):
            console.print(display._rendered())

    thread = threading.Thread(target=draw)
    thread.start()
    thread.join()
    assert "đang dò mức cho phép" in stream.getvalue()


# The command


@pytest.fixture
def said(command: Command, monkeypatch: pytest.MonkeyPatch) -> Iterator[Command]:
    monkeypatch.delenv("LANGUAGE", raising=False)
    monkeypatch.setenv("LC_ALL", "C")
    yield command
    assert spoken() == "en"


def test_the_option_says_which_language_is_spoken(said: Command) -> None:
    assert NOT_THERE in said("check", "leads.csv").errors
    assert NOT_THERE_VI in said("check", "leads.csv", "--lang", "vi").errors


def test_without_the_option_it_is_that_of_the_locale(said: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "vi_VN.UTF-8")
    assert NOT_THERE_VI in said("check", "leads.csv").errors
    assert NOT_THERE in said("check", "leads.csv", "--lang", "en").errors


def test_the_variable_and_the_file_of_settings_say_it_as_well(
    said: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "settings.toml").write_text('lang = "vi"\n')
    assert NOT_THERE_VI in said("check", "leads.csv", "--config", "settings.toml").errors
    monkeypatch.setenv("LEAD_IMPORTER_LANG", "en")
    assert NOT_THERE in said("check", "leads.csv", "--config", "settings.toml").errors
    monkeypatch.setenv("LEAD_IMPORTER_LANG", "vi")
    assert NOT_THERE_VI in said("check", "leads.csv").errors


def test_what_is_wrong_with_settings_is_told_in_the_language_of_the_option(said: Command) -> None:
    errors = said("run", "leads.csv", "--env", "moon", "--lang", "vi").errors
    assert "tuỳ chọn --env: không chấp nhận 'moon'; cần local, sandbox hoặc production." in errors


def test_what_is_wrong_with_settings_is_told_in_the_language_of_the_variable(
    said: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEAD_IMPORTER_LANG", "vi")
    assert "không chấp nhận 'moon'" in said("run", "leads.csv", "--env", "moon").errors


def test_a_language_that_is_not_spoken_is_refused(said: Command) -> None:
    for command in (("check", "leads.csv"), ("resolve", "leads.csv"), ("templates",)):
        ended = said(*command, "--lang", "fr")
        assert ended.code == 2
        assert "option --lang: 'fr' is not allowed; give en or vi." in ended.errors


@pytest.mark.parametrize("name", ["run", "check", "results", "resolve", "doctor", "templates"])
def test_every_command_that_tells_something_takes_the_language(said: Command, name: str) -> None:
    assert "--lang" in said(name, "--help").output


def test_codes_outcomes_and_names_of_columns_are_those_of_every_language(
    said: Command, tmp_path: Path
) -> None:
    write_leads(tmp_path / "leads.csv", 2)
    with (tmp_path / "leads.csv").open("a", encoding="utf-8") as file:
        file.write("1009,Nguyễn Văn 9,,9 Lê Lợi\n")
    lines = {}
    for language in ("en", "vi"):
        ledger = f"{language}.sqlite3"
        said("run", "leads.csv", "--env", "local", "--ledger", ledger, "--quiet", "--lang", language)
        lines[language] = read_results(tmp_path / "leads.results.csv")
        (tmp_path / "leads.results.csv").unlink()
    told = ("error_message", "notes", "application_id", "created_at")
    same = [[{key: of[key] for key in of if key not in told} for of in each] for each in lines.values()]
    assert same[0] == same[1]
    assert lines["en"][2]["error_message"] == "phone: the cell is empty; fill it in"
    assert lines["vi"][2]["error_message"] == "phone: ô trống; điền vào"


def test_the_ledger_keeps_what_is_told_of_a_row_in_the_language_of_its_run(
    said: Command, tmp_path: Path
) -> None:
    (tmp_path / "leads.csv").write_text("customer_id,name,phone,address\n1009,Nguyễn Văn 9,,9 Lê Lợi\n")
    said("run", "leads.csv", "--env", "local", "--ledger", "ledger.sqlite3", "--quiet", "--lang", "vi")
    ended = said("results", "leads.csv", "--ledger", "ledger.sqlite3", "--lang", "en")
    assert "Written: leads.results.csv" in ended.output
    assert read_results(tmp_path / "leads.results.csv")[0]["error_message"] == "phone: ô trống; điền vào"


def test_the_steps_of_the_readme_in_vietnamese_are_those_that_work(said: Command, tmp_path: Path) -> None:
    readme = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
    section = readme.split("\n## Tiếng Việt\n")[1].split("\n## ")[0]
    new, check, run, again, listed, answered = re.findall(r"^ *lead-importer (.*)$", section, re.MULTILINE)
    assert said(*new.split()).code == 0
    with api_beside() as api:
        here = local(api, tmp_path)

        def send(step: str) -> int:
            return said(*step.replace(" --env production", "").split(), *here).code

        workbook = load_workbook("khach-hang.xlsx")
        sheet = workbook.active
        leads = (
            ("1001", "Nguyễn Văn An", "0901234567", "1 Lê Lợi"),
            ("1002", "Trần Thị Bình", "0901234567 / 0912345678", "2 Lê Lợi"),
            ("1003", "Lê Chi", "0901234569", "3 Lê Lợi"),
        )
        for row, lead in enumerate(leads, 3):
            for column, value in enumerate(lead, 1):
                sheet.cell(row, column, value)
        workbook.save("khach-hang.xlsx")
        checked = said(*check.split())
        assert checked.code == 1
        assert "chỉ để lại một số" in " ".join(checked.output.split())
        assert Path("can-sua.xlsx").exists()
        set_faults(api, "drop-before:customer=1003,times=1")
        assert send(run) == 3
        mended = load_workbook("khach-hang.retry.xlsx")
        [row] = [cells[0].row for cells in mended.active.iter_rows() if cells[0].value == "1002"]
        mended.active.cell(row, 3, "0912345678")
        mended.save("khach-hang.retry.xlsx")
        assert send(again) == 0
        resolve = [*listed.split(), "--ledger", "ledger.sqlite3"]
        assert "1 dòng chưa rõ kết quả" in said(*resolve).output
        assert said(*answered.split(), "--ledger", "ledger.sqlite3").code == 0
        assert send(run) == 1
        assert sorted(customers(api)) == ["1001", "1002", "1003"]
