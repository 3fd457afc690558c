"""What `doctor` finds, and what it says to do about it."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace

import pytest

from importer import doctor
from importer.disks import free_bytes, network_file_system
from importer.doctor import Finding, Verdict, examine, exit_code
from importer.ledger.sqlite import SqliteLedger
from importer.local_api import LOCAL_CREDENTIALS, LocalApi
from importer.model import Answer
from importer.operations import refuses_client
from importer.settings import load_settings
from tests.support import Command, api_beside


@pytest.fixture
def api() -> Iterator[LocalApi]:
    with api_beside() as running:
        yield running


def found(
    folder: Path,
    clock: Callable[[], float] = time.time,
    environment: dict[str, str] | None = None,
    **options: object,
) -> list[Finding]:
    given = {"env": "local", "ledger": folder / "ledger.sqlite3", **options}
    settings = load_settings(given, environment=environment or {}, folder=folder).settings
    return asyncio.run(examine(settings, clock))


def about(findings: Sequence[Finding], subject: str) -> Finding:
    return next(finding for finding in findings if finding.subject == subject)


def test_all_is_good_where_a_rehearsal_can_be_made(tmp_path: Path, api: LocalApi) -> None:
    findings = found(tmp_path, base_url=api.base_url)
    assert {finding.verdict for finding in findings} == {Verdict.GOOD}
    assert [finding.subject for finding in findings] == [
        "versions",
        "sqlite",
        "working directory",
        "ledger's disk",
        "ledger",
        "credentials",
        "API",
        "clock",
    ]
    assert exit_code(findings) == 0
    assert not api.applications
    assert not (tmp_path / "ledger.sqlite3").exists()


def test_missing_credentials_are_bad_and_nothing_is_asked_without_them(tmp_path: Path) -> None:
    findings = found(tmp_path, env="production")
    assert about(findings, "credentials").verdict is Verdict.BAD
    assert findings[-1].subject == "credentials"
    assert exit_code(findings) == 2


def test_a_wrong_secret_is_found_out_and_not_shown(tmp_path: Path, api: LocalApi) -> None:
    pair = {
        "LEAD_IMPORTER_CLIENT_KEY": LOCAL_CREDENTIALS.client_key,
        "LEAD_IMPORTER_CLIENT_SECRET": "not-the-secret",
    }
    findings = found(tmp_path, environment=pair, env="sandbox", base_url=api.base_url)
    refused = about(findings, "API")
    assert refused.verdict is Verdict.BAD
    assert "refuses the credentials (400)" in refused.said
    assert "not-the-secret" not in repr(findings)


@pytest.mark.parametrize(("ahead", "words"), [(6000, "seconds ahead of"), (-6000, "seconds behind")])
def test_a_clock_that_is_off_is_told_with_its_direction(
    tmp_path: Path, api: LocalApi, ahead: float, words: str
) -> None:
    clock = about(found(tmp_path, lambda: time.time() + ahead, base_url=api.base_url), "clock")
    assert clock.verdict is Verdict.BAD
    assert words in clock.said


def test_an_api_that_is_not_there_is_told_with_what_to_check(tmp_path: Path) -> None:
    silent = about(found(tmp_path, base_url="http://127.0.0.1:9"), "API")
    assert silent.verdict is Verdict.BAD
    assert "check the address, the network and the proxy" in silent.said


def test_an_answer_that_is_no_list_is_told_with_its_status(tmp_path: Path, api: LocalApi) -> None:
    assert "answers 404" in about(found(tmp_path, base_url=f"{api.base_url}/elsewhere"), "API").said


@pytest.mark.parametrize(
    ("status", "body", "refused"),
    [
        (200, b'{"data": {}}', False),
        (401, b"", True),
        (403, b"<html>", True),
        (400, b'{"data": null, "error": {"code": 400, "reason": "invalid_signature", "message": "x"}}', True),
        (400, b'{"code": 400, "reason": "invalid_token", "message": "x"}', True),
        (
            400,
            b'{"data": null, "error": {"code": 400, "reason": "", "message": "invalid parameters"}}',
            False,
        ),
        (400, b"[]", False),
    ],
)
def test_only_words_about_the_client_are_a_refusal_of_it(status: int, body: bytes, refused: bool) -> None:
    answer = Answer(status=status, body=body)
    assert refuses_client(answer) is refused


def test_a_ledger_is_opened_and_looked_at(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite3"
    with SqliteLedger(path):
        assert about(found(tmp_path), "ledger").verdict is Verdict.NOTE
    assert "is whole" in about(found(tmp_path), "ledger").said
    path.write_bytes(b"no ledger at all, and long enough to be looked at" * 9)
    assert about(found(tmp_path), "ledger").verdict is Verdict.BAD
    path.unlink()
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE other (id)")
    connection.close()
    assert "database of something else" in about(found(tmp_path), "ledger").said


def test_a_ledger_that_cannot_be_made_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importer.doctor.os.access", lambda *_: False)
    assert about(found(tmp_path), "ledger").verdict is Verdict.BAD


def test_a_full_disk_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=1 << 20))
    full = about(found(tmp_path), "ledger's disk")
    assert full.verdict is Verdict.BAD
    assert "only 1 MiB" in full.said


def test_a_file_with_credentials_that_others_can_read_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    env_file = tmp_path / ".env"
    env_file.write_text("X=1\n")
    env_file.chmod(0o644)
    assert about(found(tmp_path), ".env").verdict is Verdict.NOTE
    env_file.chmod(0o600)
    assert about(found(tmp_path), ".env").verdict is Verdict.GOOD


def test_an_old_sqlite_is_told_not_to_matter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sqlite3.sqlite_version_info", (3, 40, 0))
    assert "so it is not touched" in about(found(tmp_path), "sqlite").said


def test_a_network_file_system_is_known_by_the_nearest_mount(tmp_path: Path) -> None:
    mounts = tmp_path / "mounts"
    shared = tmp_path / "a share"
    shared.mkdir()
    spelled = str(shared).replace(" ", "\\040")
    mounts.write_text(f"/dev/sda / ext4 rw 0 0\nserver:/x {spelled} nfs4 rw 0 0\nshort\n")
    assert network_file_system(shared / "ledger.sqlite3", mounts) == "nfs4"
    assert network_file_system(tmp_path / "ledger.sqlite3", mounts) == ""
    assert network_file_system(shared, tmp_path / "no such file") == ""


def test_a_ledger_on_a_network_file_system_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "network_file_system", lambda _: "cifs")
    assert any("network file system (cifs)" in finding.said for finding in found(tmp_path))


def test_room_is_that_of_the_folder_that_is_there(tmp_path: Path) -> None:
    assert free_bytes(tmp_path / "not" / "yet" / "there") > 0


def test_the_command_shows_each_check_and_ends_with_2_when_something_is_to_be_mended(
    command: Command, api: LocalApi
) -> None:
    good = command("doctor", "--env", "local", "--base-url", api.base_url)
    assert (good.code, good.errors) == (0, "")
    assert "takes the credentials" in " ".join(good.output.split())
    assert all(len(line) <= 80 for line in good.output.splitlines())
    assert command("doctor", "--env", "production").code == 2


def shown(command: Command, *arguments: str) -> dict[str, tuple[str, str]]:
    """Return the settings that doctor shows, as values and origins by option."""
    output = command("doctor", *arguments).output
    assert all(len(line) <= 80 for line in output.splitlines())
    (heading, *lines), _ = (block.splitlines() for block in output.split("\n\n", 1))
    columns = [heading.index(name) for name in ("Value", "From")]
    settings: dict[str, tuple[str, str]] = {}
    option = ""
    for line in lines:
        value, origin = (part.strip() for part in (line[columns[0] : columns[1]], line[columns[1] :]))
        option = line[: columns[0]].strip() or option
        before = settings.get(option, ("", ""))
        settings[option] = (before[0] + value, f"{before[1]} {origin}".strip())
    return settings


def test_each_setting_is_shown_with_where_it_comes_from(
    command: Command, api: LocalApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings_file = tmp_path / "lead-importer.toml"
    settings_file.write_text(
        'rate = 50\nmap = { phone = "Di động", name = "Tên" }\nsheet = ["A", "B"]\n'
        f'[profiles.x]\nclient_key = "{LOCAL_CREDENTIALS.client_key}"\nclient_secret = "canary-secret"\n'
        "strict = true\n",
        encoding="utf-8",
    )
    settings_file.chmod(0o600)
    (tmp_path / ".env").write_text("LEAD_IMPORTER_TIMEOUT=2.5\n")
    monkeypatch.setenv("LEAD_IMPORTER_CONCURRENCY", "32")
    assert shown(command, "--profile", "x", "--base-url", api.base_url) == {
        "config": ("lead-importer.toml", "found"),
        "profile": ("x", "--profile"),
        "env": ("sandbox", "default"),
        "base_url": (api.base_url, "--base-url"),
        "map": ("phone=Di động, name=Tên", "settings file"),
        "sheet": ("A, B", "settings file"),
        "ledger": (str(tmp_path / "state" / "lead-importer" / "ledger.sqlite3"), "default"),
        "concurrency": ("32", "LEAD_IMPORTER_CONCURRENCY"),
        "rate": ("50", "settings file"),
        "timeout": ("2.5", ".env"),
        "strict": ("true", "profile x"),
        "client_key": (f"…{LOCAL_CREDENTIALS.client_key[-4:]}", "profile x"),
        "client_secret": ("given, not shown", "profile x"),
    }


@pytest.mark.parametrize(
    ("arguments", "address", "pair"),
    [
        (["--env", "local"], "of the local lead API that a run starts", "of the local lead API"),
        ([], "https://api.tiki.vn/tiniapp-sandbox-open-api", "missing"),
    ],
)
def test_what_matters_always_is_shown_where_nothing_was_given(
    command: Command, arguments: list[str], address: str, pair: str
) -> None:
    told = shown(command, *arguments)
    assert list(told) == ["env", "base_url", "ledger", "client_key", "client_secret"]
    assert told["base_url"] == (address, "by env")
    assert told["client_key"] == told["client_secret"] == (pair, "")


@pytest.mark.parametrize(
    ("key", "secret", "told"),
    [
        ("canary-0123456789", "canary", ("…6789", "given, not shown")),
        ("canary-key", "canary", ("given, not shown", "given, not shown")),
        ("<canary>", "", ("not filled in", "missing")),
    ],
)
def test_of_a_secret_nothing_is_shown_and_of_a_key_no_more_than_its_end(
    command: Command, monkeypatch: pytest.MonkeyPatch, key: str, secret: str, told: tuple[str, str]
) -> None:
    monkeypatch.setenv("LEAD_IMPORTER_CLIENT_KEY", key)
    monkeypatch.setenv("LEAD_IMPORTER_CLIENT_SECRET", secret)
    arguments = ("doctor", "--base-url", "http://127.0.0.1:9")
    assert "canary" not in command(*arguments).output
    settings = shown(command, *arguments[1:])
    assert (settings["client_key"][0], settings["client_secret"][0]) == told


def test_credentials_from_two_places_are_bad_and_nothing_is_asked_with_them(
    tmp_path: Path, api: LocalApi
) -> None:
    env_file = tmp_path / ".env"
    env_file.write_text("LEAD_IMPORTER_CLIENT_SECRET=canary\n")
    env_file.chmod(0o600)
    environment = {"LEAD_IMPORTER_CLIENT_KEY": LOCAL_CREDENTIALS.client_key}
    findings = found(tmp_path, environment=environment, env="sandbox", base_url=api.base_url)
    assert about(findings, "credentials").verdict is Verdict.BAD
    assert "Give both in one place" in about(findings, "credentials").said
    assert api.stats.requests == 0


def test_the_address_of_a_hook_is_not_shown(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEAD_IMPORTER_NOTIFY", "https://hooks.example.org/services/T0/B0/hook-secret")
    shown = command("doctor", "--env", "local").output
    assert "given, not shown" in shown
    assert "hook-secret" not in shown
