"""Locks: one process at a time, and never in a place that somebody else has prepared."""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path

import pytest

from importer.errors import LedgerBusyError, UsageError
from importer.ledger.locks import account_lock
from tests.support import Command, api_beside, customers, local, write_leads


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A state folder that cannot be made, with the system's temporary files in a folder of the test."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    (tmp_path / "file").write_text("no folder")
    return tmp_path / "file" / "state"


def test_the_lock_of_an_account_is_in_the_state_folder_of_its_user_alone(tmp_path: Path) -> None:
    lock = account_lock(tmp_path / "state", "account", "sandbox")
    lock.acquire()
    with pytest.raises(LedgerBusyError, match=rf"process {os.getpid()}, since "):
        account_lock(tmp_path / "state", "account", "sandbox").acquire()
    account_lock(tmp_path / "state", "account", "production").acquire()
    lock.release()
    account_lock(tmp_path / "state", "account", "sandbox").acquire()
    assert stat.S_IMODE((tmp_path / "state").stat().st_mode) == 0o700


def test_without_a_state_folder_it_is_in_a_temporary_one_of_its_user(state: Path, tmp_path: Path) -> None:
    held = account_lock(state, "account", "sandbox")
    held.acquire()
    folder = tmp_path / f"lead-importer-{os.getuid()}"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    with pytest.raises(LedgerBusyError):
        account_lock(state, "account", "sandbox").acquire()
    held.release()


def test_a_temporary_folder_that_is_a_link_is_refused(state: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (tmp_path / f"lead-importer-{os.getuid()}").symlink_to(elsewhere)
    with pytest.raises(UsageError, match="XDG_STATE_HOME"):
        account_lock(state, "account", "sandbox")
    assert list(elsewhere.iterdir()) == []


def test_a_lock_that_cannot_be_opened_sends_nothing_and_says_what_to_do(
    command: Command, tmp_path: Path
) -> None:
    write_leads(tmp_path / "leads.csv", 1)
    with api_beside() as api:
        assert command("run", "leads.csv", *local(api, tmp_path)).code == 0
        (lock,) = (tmp_path / "state" / "lead-importer" / "accounts").glob("*.lock")
        lock.unlink()
        lock.mkdir()
        write_leads(tmp_path / "more.csv", 1, first=5)
        ended = command("run", "more.csv", *local(api, tmp_path))
        assert ended.code == 2
        assert "XDG_STATE_HOME" in ended.errors
        assert customers(api) == ["1000"]
