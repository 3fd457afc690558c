"""The command line as a person or a script meets it: messages, exit codes, files."""

from __future__ import annotations

import errno
import io
import json
import os
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import openpyxl  # type: ignore[import-untyped]
import pytest

from importer import __version__, cli
from importer.identity import account_id
from importer.ledger.locks import account_lock
from importer.local_api import LOCAL_CREDENTIALS, LocalApi
from tests.support import (
    HEADERS,
    Command,
    Ended,
    api_beside,
    customers,
    local,
    outcomes_in,
    read_results,
    set_faults,
    write_leads,
)


@pytest.fixture
def api() -> Iterator[LocalApi]:
    with api_beside() as running:
        yield running


def test_the_version_is_that_of_the_package(command: Command) -> None:
    assert command("--version").output == f"lead-importer {__version__}\n"


@pytest.mark.parametrize(
    "name", ["run", "check", "results", "init", "doctor", "templates", "templates new", "local-api"]
)
def test_help_teaches_each_command(command: Command, name: str) -> None:
    *above, last = name.split()
    assert last in command(*above, "--help").output
    ended = command(*above, last, "--help")
    assert ended.code == 0
    assert max(map(len, ended.output.splitlines())) <= 80


def test_help_says_what_stands_in_the_contract_of_run(command: Command) -> None:
    shown = command("run", "--help").output
    for option in (
        *("--env", "--base-url", "--template", "--map", "--sheet", "--results", "--ledger", "--concurrency"),
        *(
            "--rate",
            "--attempts",
            "--timeout",
            "--on-doubt",
            "--duplicates",
            "--retry-rejected",
            "--encoding",
        ),
        *(
            "--limit",
            "--dry-run",
            "--summary",
            "--report",
            "--log-format",
            "--quiet",
            "--verbose",
            "--config",
            "--profile",
        ),
    ):
        assert option in shown


def test_a_file_is_imported_and_its_results_stand_beside_it(
    command: Command, api: LocalApi, tmp_path: Path
) -> None:
    write_leads(tmp_path / "leads.csv", 30)
    ended = command("run", "leads.csv", *local(api, tmp_path, "--summary", "totals.json"))
    assert ended.code == 0
    results = read_results(tmp_path / "leads.results.csv")
    assert [line["row"] for line in results] == [str(row) for row in range(2, 32)]
    assert {line["outcome"] for line in results} == {"created"}
    created = {application.customer_id: application.id for application in api.applications}
    assert {line["customer_id"]: line["application_id"] for line in results} == created
    assert not (tmp_path / "leads.retry.csv").exists()
    totals = json.loads((tmp_path / "totals.json").read_text(encoding="utf-8"))
    assert (totals["read"], totals["created"], totals["requests"], totals["exit_code"]) == (30, 30, 30, 0)
    assert totals["results"] == ["leads.results.csv"]


def test_a_second_run_sends_nothing(command: Command, api: LocalApi, tmp_path: Path) -> None:
    write_leads(tmp_path / "leads.csv", 20)
    command("run", "leads.csv", *local(api, tmp_path))
    first = read_results(tmp_path / "leads.results.csv")
    assert command("run", "leads.csv", *local(api, tmp_path)).code == 0
    second = read_results(tmp_path / "leads.results.csv")
    assert api.stats.requests == 20
    assert {line["outcome"] for line in second} == {"existing"}
    assert [line["application_id"] for line in second] == [line["application_id"] for line in first]
    assert {line["attempts"] for line in second} == {"0"}


def test_results_are_written_again_from_the_ledger_alone(
    command: Command, api: LocalApi, tmp_path: Path
) -> None:
    leads = write_leads(tmp_path / "leads.csv", 5)
    leads.write_text(leads.read_text(encoding="utf-8") + "9999,,,\n", encoding="utf-8")
    command("run", "leads.csv", *local(api, tmp_path))
    before = {name: (tmp_path / name).read_bytes() for name in ("leads.results.csv", "leads.retry.csv")}
    for name in before:
        (tmp_path / name).unlink()
    ended = command("results", "leads.csv", "--ledger", "ledger.sqlite3")
    assert (ended.code, ended.output) == (0, "Written: leads.results.csv\nWritten: leads.retry.csv\n")
    assert {name: (tmp_path / name).read_bytes() for name in before} == before
    leads.unlink()
    (tmp_path / "leads.results.csv").unlink()
    assert "Note: The rows to mend" in command("results", "leads.csv", "--ledger", "ledger.sqlite3").errors
    assert (tmp_path / "leads.results.csv").read_bytes() == before["leads.results.csv"]


def test_results_of_a_file_that_was_never_imported_are_refused(command: Command, tmp_path: Path) -> None:
    write_leads(tmp_path / "leads.csv", 1)
    ended = command("results", "leads.csv")
    assert ended.code == 2
    assert "knows of no run with leads.csv" in ended.errors


def test_rows_to_mend_are_sent_once_they_are_mended_and_no_others(
    command: Command, api: LocalApi, tmp_path: Path
) -> None:
    rows = ["1,An,0901,x", "2,,0902,=1+1", "3,Cúc,+84903,y", ",Dung,0904,z"]
    (tmp_path / "leads.csv").write_text("\n".join([",".join(HEADERS), *rows]), encoding="utf-8")
    assert command("run", "leads.csv", *local(api, tmp_path)).code == 1
    assert outcomes_in(tmp_path / "leads.results.csv") == ["created", "invalid", "created", "invalid"]
    retry = tmp_path / "leads.retry.csv"
    mended = retry.read_text(encoding="utf-8-sig").replace("2,,0902", "2,Bình,0902")
    retry.write_text(mended, encoding="utf-8")
    assert command("run", "leads.retry.csv", *local(api, tmp_path)).code == 1
    assert outcomes_in(tmp_path / "leads.retry.results.csv") == ["created", "invalid"]
    assert customers(api) == ["1", "3", "2"]
    assert json.loads(api.applications[2].inputs)["address"] == "=1+1"
    assert [line["name"] for line in read_results(tmp_path / "leads.retry.retry.csv")] == ["Dung"]


def test_rows_that_somebody_has_mended_are_never_overwritten(
    command: Command, api: LocalApi, tmp_path: Path
) -> None:
    (tmp_path / "leads.csv").write_text(f"{','.join(HEADERS)}\n2,,0902,x\n", encoding="utf-8")
    retry = tmp_path / "leads.retry.csv"
    for _ in range(2):
        command("run", "leads.csv", *local(api, tmp_path))
        command("results", "leads.csv", "--ledger", "ledger.sqlite3")
    assert not list(tmp_path.glob("*.kept-*"))
    for number in (1, 2):
        mended = retry.read_text(encoding="utf-8-sig").replace("2,,0902", f"2,Bình {number},0902")
        retry.write_text(mended, encoding="utf-8")
        ended = command("run", "leads.csv", *local(api, tmp_path, "--log-format", "text"))
        assert "was changed since it was written" in " ".join(ended.output.split())
        kept = tmp_path / f"leads.retry.kept-{number}.csv"
        assert f"Bình {number}" in kept.read_text(encoding="utf-8")
        assert "Bình" not in retry.read_text(encoding="utf-8")


def test_rows_to_mend_that_nobody_touched_are_not_kept_when_the_results_were(
    command: Command, api: LocalApi, tmp_path: Path
) -> None:
    (tmp_path / "leads.csv").write_text(",".join(HEADERS) + "\n1,,0901234567,x\n", encoding="utf-8")
    for _ in range(2):
        assert command("run", "leads.csv", *local(api, tmp_path)).code == 1
        os.utime(tmp_path / "leads.results.csv", (1, 1))
    assert not list(tmp_path.glob("*kept*"))
    (tmp_path / "leads.retry.csv").write_text("mended")
    assert command("run", "leads.csv", *local(api, tmp_path)).code == 1
    assert [path.read_text() for path in tmp_path.glob("*kept*")] == ["mended"]


def test_a_reader_that_leaves_does_not_change_the_exit_code(
    command: Command, api: LocalApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Left(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

        def fileno(self) -> int:
            return devnull.fileno()

    write_leads(tmp_path / "leads.csv", 2)
    with (tmp_path / "null").open("w") as devnull:
        monkeypatch.setattr(sys, "stdout", Left())
        for arguments in (["check", "leads.csv"], ["run", "leads.csv", *local(api, tmp_path)]):
            assert command(*arguments, *(["--log-format", "text"] if arguments[0] == "run" else [])).code == 0
    assert len(customers(api)) == 2


def test_a_new_ledger_is_told_and_a_folder_that_is_not_there_is_a_slip_of_the_pen(
    command: Command, api: LocalApi, tmp_path: Path
) -> None:
    write_leads(tmp_path / "leads.csv", 1)
    assert "is new" in command("run", "leads.csv", *local(api, tmp_path)).errors
    assert "is new" not in command("run", "leads.csv", *local(api, tmp_path)).errors
    ended = command("run", "leads.csv", *local(api, tmp_path / "typo"))
    assert ended.code == 2
    assert "typo" in ended.errors
    assert not (tmp_path / "typo").exists()
    assert len(customers(api)) == 1


def test_the_ledger_of_a_user_is_in_a_folder_of_their_own(
    command: Command, api: LocalApi, tmp_path: Path
) -> None:
    write_leads(tmp_path / "leads.csv", 1)
    assert command("run", "leads.csv", "--env", "local", "--base-url", api.base_url).code == 0
    folder = tmp_path / "state" / "lead-importer"
    assert folder.stat().st_mode & 0o777 == 0o700
    assert (folder / "ledger.sqlite3").stat().st_mode & 0o777 == 0o600


WRONG_USE = [
    (["run", "leads.csv"], "LEAD_IMPORTER_CLIENT_KEY"),
    (["run", "nowhere.csv", "--env", "local"], "nowhere.csv is not there"),
    (["run", "empty.csv", "--env", "local"], "empty.csv is empty"),
    (["run", "broken.xlsx", "--env", "local"], "broken.xlsx"),
    (["run", "leads.csv", "--env", "local", "--map", "phone=Nowhere"], "no column 'Nowhere'"),
    (["run", "columns.csv", "--env", "local"], "no column for"),
    (["run", "leads.csv", "leads.csv", "--env", "local"], "given twice"),
    (["run", "leads.csv", "--env", "elsewhere"], "--env"),
    (["run", "leads.csv", "--env", "local", "--template", "9"], "no template '9'"),
    (["run", "leads.csv", "--env", "local", "--results", "r.txt"], ".jsonl"),
    (["run", "leads.csv", "--env", "local", "--results", "leads.csv"], "would be replaced"),
    (["run", "leads.csv", "--env", "local", "--results", "no/r.csv"], "there is no folder /"),
    (["run", "leads.csv", "--env", "local", "--concurrency", "0"], "--concurrency"),
    (["run", "leads.csv", "--base-url", "http://example.org"], "http"),
    (["run", "leads.csv", "--env", "local", "--ledger", "columns.csv"], "is no ledger"),
    (["check", "nowhere.csv"], "nowhere.csv is not there"),
    (["templates", "new"], "NAME"),
    (["templates", "new", "9"], "no template '9'"),
    (["templates", "new", "own.toml"], "own.toml cannot be read"),
    (["templates", "new", "1", "-o", "blank.csv"], "-o blank.xlsx"),
    (["templates", "new", "1", "-o", "."], "-o leads.xlsx"),
    (["templates", "new", "1", "-o", "broken.xlsx"], "broken.xlsx is there already"),
    (["templates", "new", "1", "-o", "no/blank.xlsx"], "Create the folder first"),
    (["local-api", "--fault", "nonsense"], "nonsense"),
    (["run", "--nonsense"], "--nonsense"),
]


@pytest.mark.parametrize(("arguments", "words"), WRONG_USE, ids=lambda value: str(value)[:60])
def test_wrong_use_is_one_clear_message_and_exit_code_2(
    command: Command, tmp_path: Path, arguments: list[str], words: str
) -> None:
    write_leads(tmp_path / "leads.csv", 2)
    (tmp_path / "empty.csv").touch()
    (tmp_path / "broken.xlsx").write_bytes(b"PK\x03\x04broken")
    (tmp_path / "columns.csv").write_text("Thành phố,Ghi chú\nHuế,x\n" * 400, encoding="utf-8")
    before = {path.name for path in tmp_path.iterdir()}
    ended = command(*arguments)
    assert ended.code == 2
    assert words in " ".join(ended.errors.split())
    assert not [name for name in {path.name for path in tmp_path.iterdir()} - before if ".results" in name]


def test_check_shows_what_would_be_sent_and_sends_nothing(command: Command, tmp_path: Path) -> None:
    (tmp_path / "leads.csv").write_text(
        "Mã KH,Họ tên,SĐT,Địa chỉ,Ghi chú\n1333,John,090123443,101 Nguyen Van Cu,x\n,An,0901,x,\n",
        encoding="utf-8",
    )
    ended = command("check", "leads.csv")
    assert ended.code == 1
    assert '{"customer_id":"1333","inputs":"{\\"name\\":\\"John\\",' in ended.output
    assert "not sent: Ghi chú" in ended.output
    assert "1 row to send, 1 to mend" in ended.output
    assert list(tmp_path.iterdir()) == [tmp_path / "leads.csv"]


DOUBTFUL = (
    "customer_id,name,phone,address\n1,An,+84901234433,x\n2,Bo,0901 234 433,x\n3,Ca,0907654321,y\n"
    "4,Du,090123443,y\n5,Em,84901234434,y\n"
)


def test_check_tells_repairs_and_warnings_apart_with_their_rows(command: Command, tmp_path: Path) -> None:
    (tmp_path / "leads.csv").write_text(DOUBTFUL, encoding="utf-8")
    ended = command("check", "leads.csv")
    assert ended.code == 0
    shown = " ".join(ended.output.split())
    warnings, repairs = shown.partition(" Repair ")[::2]
    assert "Warning" in warnings
    assert "implausible_phone 1 phone: no phone in use has this form; check the number row 5" in warnings
    assert "shared_phone 1 phone: the same phone stands above, under another customer row 3" in warnings
    assert "country_code 2 phone: the country code 84 became the zero that it stands for rows 2, 6" in repairs
    assert "separators 1 phone: blanks, dots, dashes and brackets were removed row 3" in repairs
    assert "5 rows to send, 0 to mend" in shown


def test_what_is_repaired_is_sent_repaired_and_noted(command: Command, api: LocalApi, tmp_path: Path) -> None:
    (tmp_path / "leads.csv").write_text(DOUBTFUL, encoding="utf-8")
    assert command("run", "leads.csv", *local(api, tmp_path)).code == 0
    assert json.loads(api.applications[0].inputs)["phone"] == "0901234433"
    notes = [line["notes"] for line in read_results(tmp_path / "leads.results.csv")]
    assert notes == [
        "phone: the country code 84 became the zero that it stands for",
        "phone: blanks, dots, dashes and brackets were removed",
        "",
        "phone: no phone in use has this form; check the number",
        "phone: the country code 84 became the zero that it stands for",
    ]


def test_repairs_can_be_turned_off(command: Command, api: LocalApi, tmp_path: Path) -> None:
    (tmp_path / "leads.csv").write_text(DOUBTFUL, encoding="utf-8")
    assert command("run", "leads.csv", "--no-repair", *local(api, tmp_path)).code == 0
    assert json.loads(api.applications[0].inputs)["phone"] == "+84901234433"
    first, *_ = read_results(tmp_path / "leads.results.csv")
    assert first["notes"] == "phone: not repaired: it is written with the country code 84"


def test_repairs_can_be_turned_off_by_the_environment(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "leads.csv").write_text(DOUBTFUL, encoding="utf-8")
    monkeypatch.setenv("LEAD_IMPORTER_NO_REPAIR", "true")
    shown = command("check", "leads.csv").output
    assert "not repaired" in shown
    assert "Repair" not in shown


def test_strict_sends_no_row_that_has_a_warning(command: Command, api: LocalApi, tmp_path: Path) -> None:
    (tmp_path / "leads.csv").write_text(DOUBTFUL, encoding="utf-8")
    assert "4 rows to send, 1 to mend" in command("check", "leads.csv", "--strict").output
    assert command("run", "leads.csv", "--strict", *local(api, tmp_path)).code == 1
    assert customers(api) == ["1", "2", "3", "5"]
    fourth = read_results(tmp_path / "leads.results.csv")[3]
    assert (fourth["outcome"], fourth["error_code"]) == ("invalid", "implausible_phone")
    assert command("results", "leads.csv", "--strict", *local(api, tmp_path)[-2:]).code == 0


def test_check_shows_the_first_rows_of_a_repair_and_counts_the_rest(command: Command, tmp_path: Path) -> None:
    rows = [f"{number},An,{'+84' if number % 2 else '0'}90{number:07},x" for number in range(60)]
    (tmp_path / "leads.csv").write_text("\n".join([",".join(HEADERS), *rows]), encoding="utf-8")
    shown = " ".join(command("check", "leads.csv").output.split())
    assert "rows 3, 5, 7, 9, 11, 13, 15, 17, 19, 21 and 20 more" in shown


def test_check_reads_standard_input(
    command: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    content = write_leads(tmp_path / "leads.csv", 3).read_bytes()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
    assert "3 rows to send" in command("check", "-").output


def test_templates_are_listed_with_their_fields(command: Command) -> None:
    shown = command("templates").output
    assert "Template 1: Name, phone, address" in shown
    assert "identity_number" in shown
    assert "đtdđ" in shown


def test_a_wrong_secret_stops_the_run_after_the_first_refusal(
    command: Command, api: LocalApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = "canary-4f1c09d2a7"
    monkeypatch.setenv("LEAD_IMPORTER_CLIENT_KEY", "local-client-key")
    monkeypatch.setenv("LEAD_IMPORTER_CLIENT_SECRET", secret)
    write_leads(tmp_path / "leads.csv", 50)
    ended = command("run", "leads.csv", *local(api, tmp_path, "--verbose", "--summary", "totals.json"))
    assert ended.code == 4
    assert api.stats.requests == 1
    assert outcomes_in(tmp_path / "leads.results.csv") == ["not_attempted"] * 50
    first = read_results(tmp_path / "leads.results.csv")[0]
    assert (first["attempts"], first["http_status"], first["error_reason"]) == (
        "1",
        "400",
        "invalid_signature",
    )
    assert "client secret" in ended.errors
    assert len(read_results(tmp_path / "leads.retry.csv")) == 50
    everything = ended.output + ended.errors
    everything += "".join(
        path.read_bytes().decode("latin-1") for path in tmp_path.rglob("*") if path.is_file()
    )
    assert secret not in everything
    monkeypatch.setenv("LEAD_IMPORTER_CLIENT_SECRET", "local-client-secret")
    assert command("run", "leads.csv", *local(api, tmp_path)).code == 0
    assert len(set(customers(api))) == len(customers(api)) == 50


@pytest.mark.parametrize(
    ("fault", "outcome", "error", "code", "exists"),
    [
        ("400:reason=invalid_token", "rejected", "invalid_token", 1, False),
        ("422", "rejected", "", 1, False),
        ("500", "failed", "", 1, False),
        ("503:retry-after=0,format=html", "failed", "", 1, False),
        ("429:format=empty", "failed", "", 1, False),
        ("500:format=html", "in_doubt", "", 3, False),
        ("500:format=html,created=yes", "in_doubt", "", 3, True),
        ("drop-before", "in_doubt", "", 3, False),
        ("drop-after", "in_doubt", "", 3, True),
        ("garbage", "in_doubt", "", 3, True),
        ("bad-json", "in_doubt", "", 3, True),
        ("no-id", "in_doubt", "", 3, True),
        ("other-customer", "in_doubt", "", 3, True),
        ("delay:seconds=30", "in_doubt", "", 3, False),
        ("redirect", "not_attempted", "", 4, False),
        ("401:format=html", "not_attempted", "", 4, False),
        ("403", "not_attempted", "", 4, False),
        ("429:retry-after=3600", "not_attempted", "", 4, False),
    ],
)
def test_each_ending_of_a_row_is_told_in_the_results_and_by_the_exit_code(
    command: Command,
    api: LocalApi,
    tmp_path: Path,
    fault: str,
    outcome: str,
    error: str,
    code: int,
    exists: bool,
) -> None:
    write_leads(tmp_path / "leads.csv", 4)
    set_faults(api, f"{fault}{',' if ':' in fault else ':'}customer=1002")
    ended = command("run", "leads.csv", *local(api, tmp_path, "--timeout", "0.5", "--attempts", "2"))
    line = read_results(tmp_path / "leads.results.csv")[2]
    assert (ended.code, line["outcome"], line["error_reason"]) == (code, outcome, error)
    assert line["error_message"]
    assert ("1002" in customers(api)) is exists
    assert len(customers(api)) == len(set(customers(api)))
    before = customers(api).count("1002")
    set_faults(api)
    command("run", "leads.csv", *local(api, tmp_path))
    held = outcome in ("in_doubt", "rejected")
    assert outcomes_in(tmp_path / "leads.results.csv")[2] == (outcome if held else "created")
    assert customers(api).count("1002") == (before if held else 1)


def test_a_lead_in_doubt_is_sent_again_only_when_asked_and_never_after_a_success(
    command: Command, api: LocalApi, tmp_path: Path
) -> None:
    write_leads(tmp_path / "leads.csv", 3)
    set_faults(api, "drop-before:customer=1000,times=1", "no-id:customer=1001,times=1")
    assert command("run", "leads.csv", *local(api, tmp_path)).code == 3
    assert command("run", "leads.csv", *local(api, tmp_path, "--on-doubt", "resend")).code == 3
    assert outcomes_in(tmp_path / "leads.results.csv") == ["created", "in_doubt", "existing"]
    assert sorted(customers(api)) == ["1000", "1001", "1002"]


def test_two_ledgers_never_import_into_one_account_side_by_side(
    command: Command, api: LocalApi, tmp_path: Path
) -> None:
    write_leads(tmp_path / "leads.csv", 1)
    state = tmp_path / "state" / "lead-importer"
    address = ("--base-url", api.base_url)
    sandbox = ("run", "leads.csv", "--env", "sandbox", *address, "--ledger", str(tmp_path / "other.sqlite3"))
    (tmp_path / ".env").write_text(
        f"LEAD_IMPORTER_CLIENT_KEY={LOCAL_CREDENTIALS.client_key}\n"
        f"LEAD_IMPORTER_CLIENT_SECRET={LOCAL_CREDENTIALS.client_secret.decode()}\n"
    )
    lock = account_lock(state, account_id(LOCAL_CREDENTIALS.client_key), "sandbox")
    lock.acquire()
    try:
        ended = command(*sandbox)
        assert ended.code == 5
        assert f"in the environment sandbox (process {os.getpid()}, since " in " ".join(ended.errors.split())
        assert customers(api) == []
        assert command(*sandbox, "--dry-run").code == 0
        write_leads(tmp_path / "rehearsal.csv", 1)
        assert command("run", "rehearsal.csv", *local(api, tmp_path)).code == 0
    finally:
        lock.release()
    assert customers(api) == ["1000"]
    assert command(*sandbox).code == 0
    assert customers(api) == ["1000", "1000"]


@pytest.mark.parametrize("together", [False, True])
def test_results_that_cannot_be_replaced_are_written_under_another_name(
    command: Command, api: LocalApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, together: bool
) -> None:
    write_leads(tmp_path / "leads.csv", 2)
    results = tmp_path / ("all.csv" if together else "leads.results.csv")
    assert (
        command(
            "run", "leads.csv", *local(api, tmp_path, *(("--results", str(results)) if together else ()))
        ).code
        == 0
    )
    before = results.read_bytes()
    other = results.with_stem(f"{results.stem}-2")
    put = Path.replace

    def refuse(path: Path, target: Path) -> Path:
        if Path(target) == results:
            raise PermissionError(errno.EACCES, "Permission denied")
        return put(path, target)

    monkeypatch.setattr(Path, "replace", refuse)
    named = ("--results", str(results)) if together else ()
    ended = command("run", "leads.csv", *local(api, tmp_path, *named, "--summary", "s.json"))
    assert ended.code == 0
    assert outcomes_in(other) == ["existing", "existing"]
    assert results.read_bytes() == before
    assert f"{other.name} has the results instead" in ended.errors
    assert [Path(path).name for path in json.loads((tmp_path / "s.json").read_text())["results"]] == [
        other.name
    ]


def test_a_rejected_row_is_sent_again_unchanged_only_when_asked(
    command: Command, api: LocalApi, tmp_path: Path
) -> None:
    write_leads(tmp_path / "leads.csv", 1)
    set_faults(api, "422:times=1")
    assert command("run", "leads.csv", *local(api, tmp_path)).code == 1
    assert command("run", "leads.csv", *local(api, tmp_path)).code == 1
    assert api.stats.requests == 1
    assert command("run", "leads.csv", *local(api, tmp_path, "--retry-rejected")).code == 0


def test_a_rejected_row_whose_retry_was_stopped_stays_rejected(
    command: Command, api: LocalApi, tmp_path: Path
) -> None:
    write_leads(tmp_path / "leads.csv", 3)
    set_faults(api, "422")
    command("run", "leads.csv", *local(api, tmp_path))
    set_faults(api, "401:customer=1000")
    assert command("run", "leads.csv", *local(api, tmp_path, "--retry-rejected")).code == 4
    assert outcomes_in(tmp_path / "leads.results.csv") == ["not_attempted"] * 3
    set_faults(api)
    command("run", "leads.csv", *local(api, tmp_path))
    assert outcomes_in(tmp_path / "leads.results.csv")[1:] == ["rejected"] * 2
    assert {"1001", "1002"}.isdisjoint(customers(api))


def test_a_limited_run_does_not_make_the_ledger_forget_the_rows_of_a_whole_one(
    command: Command, api: LocalApi, tmp_path: Path
) -> None:
    write_leads(tmp_path / "leads.csv", 5)
    command("run", "leads.csv", *local(api, tmp_path))
    write_leads(tmp_path / "leads.csv", 6, first=999)
    assert command("run", "leads.csv", *local(api, tmp_path, "--limit", "1")).code == 0
    with closing(sqlite3.connect(tmp_path / "ledger.sqlite3")) as connection:
        assert connection.execute("SELECT sum(rows) FROM entry").fetchone() == (6,)


def test_duplicates_are_skipped_unless_they_are_to_be_sent(
    command: Command, api: LocalApi, tmp_path: Path
) -> None:
    row = "1,An,0901,x\n"
    (tmp_path / "leads.csv").write_text(",".join(HEADERS) + "\n" + row * 3, encoding="utf-8")
    assert command("run", "leads.csv", *local(api, tmp_path)).code == 0
    lines = read_results(tmp_path / "leads.results.csv")
    assert [line["outcome"] for line in lines] == ["created", "duplicate", "duplicate"]
    assert len({line["application_id"] for line in lines}) == 1
    assert "row 2" in lines[1]["notes"]
    assert command("run", "leads.csv", *local(api, tmp_path, "--duplicates", "send")).code == 0
    assert outcomes_in(tmp_path / "leads.results.csv") == ["created"] * 3
    assert customers(api) == ["1"] * 4


def test_a_dry_run_sends_nothing_writes_nothing_and_knows_what_was_created(
    command: Command, api: LocalApi, tmp_path: Path
) -> None:
    write_leads(tmp_path / "some.csv", 3)
    write_leads(tmp_path / "leads.csv", 5)
    command("run", "some.csv", *local(api, tmp_path))
    before = sorted(path.name for path in tmp_path.iterdir())
    ended = command("run", "leads.csv", *local(api, tmp_path, "--dry-run", "--log-format", "text"))
    assert ended.code == 0
    assert "existing" in ended.output
    assert "2 rows would be sent" in ended.output
    assert api.stats.requests == 3
    assert sorted(path.name for path in tmp_path.iterdir()) == before
    assert command("run", "leads.csv", *local(api, tmp_path, "--summary", "t.json")).code == 0
    totals = json.loads((tmp_path / "t.json").read_text(encoding="utf-8"))
    assert (totals["existing"], totals["created"]) == (3, 2)


def test_a_dry_run_needs_no_credentials(command: Command, tmp_path: Path) -> None:
    write_leads(tmp_path / "leads.csv", 2)
    ended = command("run", "leads.csv", "--dry-run")
    assert ended.code == 0
    assert "Without credentials" in ended.errors


def test_a_limit_is_of_rows_that_are_sent(command: Command, api: LocalApi, tmp_path: Path) -> None:
    write_leads(tmp_path / "leads.csv", 1200)
    for expected in (3, 6):
        assert command("run", "leads.csv", *local(api, tmp_path, "--limit", "3")).code == 0
        assert len(customers(api)) == expected
    assert outcomes_in(tmp_path / "leads.results.csv") == ["existing"] * 3 + ["created"] * 3


def test_a_run_without_a_terminal_writes_json_lines_without_control_characters(
    command: Command, api: LocalApi, tmp_path: Path
) -> None:
    write_leads(tmp_path / "leads.csv", 3)
    set_faults(api, "422:customer=1001")
    ended = command("run", "leads.csv", *local(api, tmp_path, "--verbose"))
    assert ended.output == ""
    lines = [json.loads(line) for line in ended.errors.splitlines()]
    told = ["row", "row", "row", "notice", "reason", "next_step", "ended"]
    assert [line["event"] for line in lines] == told
    assert {line["row"]: line["outcome"] for line in lines[:3]} == {2: "created", 3: "rejected", 4: "created"}
    assert len({line["run"] for line in lines}) == 1
    assert all(line["time"].endswith("Z") for line in lines)
    assert not {sign for sign in ended.errors if sign < " "} - {"\n"}
    assert "Nguyễn" not in ended.errors
    assert "0900001001" not in ended.errors


def test_quiet_says_nothing_when_all_went_well_and_everything_when_not(
    command: Command, api: LocalApi, tmp_path: Path
) -> None:
    write_leads(tmp_path / "leads.csv", 3)
    quiet = local(api, tmp_path, "--quiet", "--log-format", "text")
    assert command("run", "leads.csv", *quiet) == Ended(0, "", "")
    write_leads(tmp_path / "more.csv", 2, first=2000)
    set_faults(api, "422:customer=2001")
    ended = command("run", "more.csv", *quiet)
    assert (ended.code, ended.output) == (1, "")
    assert "1 row to mend: more.retry.csv" in ended.errors


def test_an_empty_workbook_is_filled_in_and_imported_without_its_example(
    command: Command, api: LocalApi, tmp_path: Path
) -> None:
    ended = command("templates", "new", "1")
    assert ended == Ended(0, "Written: leads.xlsx\nFill it in, then: lead-importer check leads.xlsx\n", "")
    ended = command("run", "leads.xlsx", *local(api, tmp_path))
    assert ended.code == 0
    assert "nothing is filled in below it yet" in ended.errors
    workbook = openpyxl.load_workbook(tmp_path / "leads.xlsx")
    workbook.active.append(["0007", "An", "0912345678", "1 Lê Lợi"])
    workbook.active.append(["8", "", "0912345679", "2 Lê Lợi"])
    workbook.save(tmp_path / "leads.xlsx")
    assert "row 2: the example row was left out" in " ".join(command("check", "leads.xlsx").output.split())
    assert command("run", "leads.xlsx", *local(api, tmp_path, "--summary", "totals.json")).code == 1
    assert json.loads((tmp_path / "totals.json").read_text(encoding="utf-8"))["read"] == 2
    results = read_results(tmp_path / "leads.results.csv")
    assert [(line["row"], line["outcome"]) for line in results] == [("3", "created"), ("4", "invalid")]
    assert customers(api) == ["0007"]
    retry = tmp_path / "leads.retry.xlsx"
    assert [row[0] for row in openpyxl.load_workbook(retry).active.values] == ["Mã KH *", "8"]
    retry.unlink()
    ended = command("results", "leads.xlsx", "--ledger", "ledger.sqlite3")
    assert "Note: leads.xlsx, sheet Leads, row 2: the example row was left out" in ended.errors
    assert retry.exists()


def test_a_lead_under_the_mark_of_the_example_goes_to_the_rows_to_mend(
    command: Command, api: LocalApi, tmp_path: Path
) -> None:
    (tmp_path / "leads.csv").write_text(f"{','.join(HEADERS)}\nVÍ DỤ 7,An,0901,x\n", encoding="utf-8")
    assert command("run", "leads.csv", *local(api, tmp_path)).code == 1
    (line,) = read_results(tmp_path / "leads.results.csv")
    assert (line["outcome"], line["error_code"]) == ("invalid", "example_row")
    assert "write the customer id alone if this is a lead, else delete the row" in line["error_message"]
    retry = tmp_path / "leads.retry.csv"
    assert command("run", "leads.retry.csv", *local(api, tmp_path)).code == 1
    assert customers(api) == []
    retry.write_text(retry.read_text(encoding="utf-8-sig").replace("VÍ DỤ ", ""), encoding="utf-8")
    assert command("run", "leads.retry.csv", *local(api, tmp_path)).code == 0
    assert customers(api) == ["7"]


def test_an_empty_workbook_of_ones_own_template_names_it_in_the_next_step(
    command: Command, tmp_path: Path
) -> None:
    (tmp_path / "my own.toml").write_text('fields = ["name"]', encoding="utf-8")
    (tmp_path / "blank.xlsx").touch()
    assert command("templates", "new", "my own.toml", "-o", "blank.xlsx").code == 2
    ended = command("templates", "new", "my own.toml", "-o", "blank.xlsx", "--force")
    step = "lead-importer check blank.xlsx --template 'my own.toml'"
    assert ended.output.splitlines()[1] == f"Fill it in, then: {step}"
    assert command("check", "blank.xlsx", "--template", "my own.toml").code == 0


def test_templates_alone_are_listed_and_say_how_to_get_a_workbook(command: Command) -> None:
    ended = command("templates")
    assert ended.code == 0
    assert [f"Template {name}:" in ended.output for name in ("1", "2", "3")] == [True] * 3
    assert "lead-importer templates new 1 -o leads.xlsx" in ended.output


def test_several_files_have_results_each_or_one_together(
    command: Command, api: LocalApi, tmp_path: Path
) -> None:
    for name, first in (("a.csv", 1000), ("a.tsv", 2000)):
        content = write_leads(tmp_path / name, 2, first=first).read_text(encoding="utf-8")
        if name.endswith("tsv"):
            (tmp_path / name).write_text(content.replace(",", "\t").replace('"', ""), encoding="utf-8")
    assert command("run", "a.csv", "a.tsv", *local(api, tmp_path)).code in (0, 1)
    assert (tmp_path / "a.csv.results.csv").exists()
    assert (tmp_path / "a.tsv.results.csv").exists()
    assert command("run", "a.csv", "a.tsv", *local(api, tmp_path, "--results", "all.csv")).code in (0, 1)
    assert [line["source"] for line in read_results(tmp_path / "all.csv")] == ["a.csv"] * 2 + ["a.tsv"] * 2


def test_results_of_an_earlier_run_are_no_leads_and_are_left_out(
    command: Command, api: LocalApi, tmp_path: Path
) -> None:
    write_leads(tmp_path / "leads.csv", 2)
    command("run", "leads.csv", *local(api, tmp_path))
    before = {path.name for path in tmp_path.iterdir()}
    ended = command("run", "leads.csv", "leads.results.csv", *local(api, tmp_path, "--log-format", "text"))
    assert ended.code == 0
    assert "leads.results.csv was left out" in " ".join(ended.output.split())
    assert {path.name for path in tmp_path.iterdir()} == before
    ended = command("run", "leads.results.csv", *local(api, tmp_path))
    assert ended.code == 2
    assert "Name a file of leads" in ended.errors


def test_an_error_of_the_importer_itself_is_no_traceback_and_tells_no_value(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(options: object) -> None:
        raise RuntimeError("Nguyễn Văn A")

    monkeypatch.setattr(cli, "load", fail)
    ended = command("run", "leads.csv")
    assert ended.code == 70
    assert "RuntimeError at test_command_line.py" in ended.errors
    assert "Nguyễn" not in ended.errors


def test_an_interrupt_before_anything_was_sent_is_130(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "load", interrupt)
    assert command("run", "leads.csv").code == 130
