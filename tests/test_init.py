"""The first settings file: for its owner alone, without a fault, and the way from there to a run."""

from __future__ import annotations

import errno
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import typer

from importer.errors import UsageError
from importer.settings import load_settings
from importer.settings.files import FILE_NAME
from importer.settings.first import first_file, write_first_file
from importer.signing import Credentials
from tests.support import Command, outcomes_in, write_leads

posix = pytest.mark.skipif(os.name != "posix", reason="the mode of a file says who may read it on POSIX only")


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


# --- what it says ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("profile", ["sandbox", "production"])
def test_a_first_file_loads_with_either_profile(tmp_path: Path, profile: str) -> None:
    write_first_file(tmp_path / FILE_NAME, first_file())
    loaded = load_settings({"profile": profile}, environment={}, folder=tmp_path)
    assert (loaded.settings.env, loaded.notices) == (profile, ())


def test_a_first_file_chooses_the_sandbox_by_itself(tmp_path: Path) -> None:
    write_first_file(tmp_path / FILE_NAME, first_file("key", "secret"))
    settings = load_settings({}, environment={}, folder=tmp_path).settings
    assert settings.credentials() == Credentials("key", b"secret")


@pytest.mark.parametrize(("options"), [{}, {"profile": "production"}])
def test_placeholders_are_told_to_be_filled_in_and_sign_nothing(
    tmp_path: Path, options: dict[str, object]
) -> None:
    write_first_file(tmp_path / FILE_NAME, first_file())
    settings = load_settings(options, environment={}, folder=tmp_path).settings
    with pytest.raises(UsageError) as refused:
        settings.credentials()
    assert f"[profiles.{settings.profile}] of {tmp_path / FILE_NAME} are not filled in" in str(refused.value)


def test_a_rehearsal_needs_nothing_filled_in(tmp_path: Path) -> None:
    write_first_file(tmp_path / FILE_NAME, first_file())
    assert load_settings({"env": "local"}, environment={}, folder=tmp_path).settings.credentials() is None


def test_every_line_that_a_first_file_offers_loads_once_its_mark_is_removed(tmp_path: Path) -> None:
    offered = re.compile(r"^# (?=\w+ = )", re.MULTILINE)
    assert len(offered.findall(first_file())) == 8
    write_first_file(tmp_path / FILE_NAME, offered.sub("", first_file()))
    named = {"profile": "production", "config": tmp_path / FILE_NAME}
    settings = load_settings(named, environment={}, folder=tmp_path).settings
    assert (settings.map, settings.rate) == ({"phone": "Di động"}, 20)


@pytest.mark.parametrize("secret", ['"quoted"', "back\\slash", "{braces}", "'#=[]"])
def test_any_sign_of_a_secret_comes_back_as_it_was(secret: str) -> None:
    read = tomllib.loads(first_file("key", secret))
    assert read["profiles"]["sandbox"]["client_secret"] == secret


@pytest.mark.parametrize(("profile", "environment"), [(None, "sandbox"), ("production", "production")])
def test_the_settings_file_of_the_readme_loads_and_has_nothing_filled_in(
    tmp_path: Path, profile: str | None, environment: str
) -> None:
    readme = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")
    (shown,) = re.findall(rf"```toml\n(# In {FILE_NAME}:\n.+?)```", readme, re.DOTALL)
    write_first_file(tmp_path / FILE_NAME, shown)
    settings = load_settings({"profile": profile}, environment={}, folder=tmp_path).settings
    assert (settings.env, settings.concurrency) == (environment, 32)
    with pytest.raises(UsageError, match="are not filled in"):
        settings.credentials()


# --- how it is written -----------------------------------------------------------------------------------


@posix
def test_the_file_is_its_owners_from_the_first_moment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    modes: list[int] = []
    created = os.open

    def watch(path: Path, flags: int, wanted: int) -> int:
        assert flags & os.O_CREAT
        assert flags & os.O_EXCL
        opened = created(path, flags, wanted)
        modes.append(mode(path))
        return opened

    monkeypatch.setattr("os.open", watch)
    path = tmp_path / "config" / FILE_NAME
    before = os.umask(0)
    try:
        write_first_file(path, "x = 1\n")
    finally:
        os.umask(before)
    assert [*modes, mode(path)] == [0o600, 0o600]
    assert mode(path.parent) == 0o700


@pytest.mark.parametrize("kind", ["file", "folder", "dangling link"])
def test_nothing_that_is_there_is_replaced(tmp_path: Path, kind: str) -> None:
    path = tmp_path / FILE_NAME
    if kind == "file":
        path.write_text("mine")
    elif kind == "folder":
        path.mkdir()
    else:
        path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UsageError, match="is there already, and is not replaced"):
        write_first_file(path, "x = 1\n")
    assert kind != "file" or path.read_text() == "mine"
    assert not (tmp_path / "elsewhere").exists()


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "config").write_text("a file")
    with pytest.raises(UsageError, match=r"cannot be written \(.+\)\. Check the folder\."):
        write_first_file(tmp_path / "config" / "deeper" / FILE_NAME, "x = 1\n")


@posix
def test_a_file_that_others_could_read_all_the_same_is_not_left_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importer.settings.first.is_open", lambda _: True)
    with pytest.raises(UsageError, match="its file system keeps no permissions"):
        write_first_file(tmp_path / FILE_NAME, "x = 1\n")
    assert list(tmp_path.iterdir()) == []


def test_half_a_file_is_not_left_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: object) -> bool:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("importer.settings.first.is_open", full)
    with pytest.raises(UsageError, match=r"\(No space left on device\)\. Make room there\."):
        write_first_file(tmp_path / FILE_NAME, "x = 1\n")
    assert list(tmp_path.iterdir()) == []


# --- the command -----------------------------------------------------------------------------------------


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Answer what `init` asks with these, from the last to the first; without any, Ctrl-C is pressed."""
    answers: list[str] = []

    def ask(question: str, **_: object) -> str:
        if not answers:
            raise typer.Abort
        return answers.pop()

    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("typer.prompt", ask)
    return answers


def test_the_way_from_nothing_to_a_rehearsal(command: Command, tmp_path: Path) -> None:
    written = command("init")
    assert (written.code, written.errors) == (0, "")
    assert written.output.splitlines() == [
        f"Written: {FILE_NAME}",
        f"-> Fill in client_key and client_secret in {FILE_NAME}",
        "-> lead-importer doctor                        is everything set up?",
        "-> lead-importer run leads.csv --env local     rehearse; nothing leaves this machine",
    ]
    told = command("doctor")
    assert told.code == 2
    assert f"[profiles.sandbox] of {FILE_NAME} are not filled in" in " ".join(told.output.split())
    assert command("doctor", "--env", "local").code == 0
    write_leads(tmp_path / "leads.csv", 3)
    assert command("run", "leads.csv", "--env", "local").code == 0
    assert outcomes_in(tmp_path / "leads.results.csv") == ["created"] * 3
    refused = command("run", "leads.csv", "--profile", "production")
    assert refused.code == 2
    assert f"[profiles.production] of {FILE_NAME} are not filled in" in refused.errors


def test_a_second_first_file_is_refused_before_anything_is_asked(
    command: Command, terminal: list[str], tmp_path: Path
) -> None:
    (tmp_path / FILE_NAME).write_text("limit = 3\n")
    ended = command("init")
    assert (ended.code, (tmp_path / FILE_NAME).read_text()) == (2, "limit = 3\n")
    assert ended.errors == (
        f"Error: {FILE_NAME} is there already, and is not replaced. Change it there, or move it away.\n"
    )


def test_the_users_own_file_is_found_in_any_folder(command: Command, user_config: Path) -> None:
    ended = command("init", "--user")
    assert f"Written: {user_config}" in ended.output
    assert command("doctor", "--env", "local").code == 0
    assert load_settings({}, environment={}).settings.config == user_config


def test_on_a_terminal_the_pair_of_the_sandbox_is_asked_for(
    command: Command, terminal: list[str], tmp_path: Path
) -> None:
    terminal[:] = ["canary-secret", "canary secret", "the-key", "the key"]
    ended = command("init")
    assert (ended.code, terminal) == (0, [])
    assert ended.errors.count("Copy it again") == 2
    assert "Fill in" not in ended.output
    assert "canary" not in ended.output + ended.errors
    settings = load_settings({}, environment={}, folder=tmp_path).settings
    assert settings.credentials() == Credentials("the-key", b"canary-secret")


def test_a_pair_may_be_left_for_later(command: Command, terminal: list[str], tmp_path: Path) -> None:
    terminal[:] = [""]
    assert "Fill in" in command("init").output
    assert (tmp_path / FILE_NAME).read_text(encoding="utf-8") == first_file()


def test_no_input_asks_nothing_on_a_terminal(command: Command, terminal: list[str]) -> None:
    assert command("init", "--no-input").code == 0


def test_an_interrupted_question_writes_nothing(
    command: Command, terminal: list[str], tmp_path: Path
) -> None:
    ended = command("init")
    assert (ended.code, ended.errors) == (130, "Interrupted; nothing was written.\n")
    assert not (tmp_path / FILE_NAME).exists()


@posix
def test_from_an_empty_folder_to_a_rehearsal_on_a_real_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent.parent))
    importer = [sys.executable, "-m", "importer"]
    screen, terminal = os.openpty()
    asking = subprocess.Popen(
        [*importer, "init"],
        cwd=tmp_path,
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        start_new_session=True,
    )
    shown = b""
    # The blank after a prompt comes when the echo is off.
    for awaited, typed in ((b"key: ", b"the-key\n"), (b"(not shown): ", b"canary\n"), (b"rehearse", b"")):
        while awaited not in shown:
            shown += os.read(screen, 1024)
        os.write(screen, typed)
    assert asking.wait() == 0
    for opened in (screen, terminal):
        os.close(opened)
    assert b"the-key" in shown
    assert b"canary" not in shown
    write_leads(tmp_path / "leads.csv", 3)
    for arguments in (["doctor"], ["run", "leads.csv"]):
        ended = subprocess.run(
            [*importer, *arguments, "--env", "local"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert ended.returncode == 0, ended.stderr
        assert "canary" not in ended.stdout + ended.stderr
    assert outcomes_in(tmp_path / "leads.results.csv") == ["created"] * 3
    assert (mode(tmp_path / FILE_NAME), b"canary" in (tmp_path / FILE_NAME).read_bytes()) == (0o600, True)
