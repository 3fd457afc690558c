"""What tests switch on to kill the importer and to take its safeguards away is off for everybody else."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from importer.errors import UsageError
from importer.failpoints import FAILPOINT, UNSAFE, Point, Safeguard, arm, is_missing, reached
from importer.ledger.writer import SqliteWriter, Together
from tests.support import Command, write_leads


@pytest.fixture(autouse=True)
def _disarmed() -> Iterator[None]:
    yield
    arm({})


@pytest.fixture
def killed(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """Return the list of signals that were sent, instead of sending them."""
    sent: list[tuple[int, int]] = []
    monkeypatch.setattr("importer.failpoints.os.kill", lambda *signal: sent.append(signal))
    return sent


def test_without_the_variables_nothing_is_killed_and_nothing_is_missing(
    killed: list[tuple[int, int]],
) -> None:
    arm({})
    for point in Point:
        reached(point)
    assert killed == []
    assert not any(map(is_missing, Safeguard))


def test_the_process_kills_itself_at_the_point_that_is_named(killed: list[tuple[int, int]]) -> None:
    arm({FAILPOINT: "committed"})
    reached(Point.COMMIT_BEGINS)
    assert killed == []
    reached(Point.COMMITTED)
    assert killed == [(os.getpid(), signal.SIGKILL)]


def test_a_count_says_which_time_it_is_that_kills(killed: list[tuple[int, int]]) -> None:
    arm({FAILPOINT: "committed:3"})
    reached(Point.COMMITTED)
    reached(Point.COMMITTED)
    assert killed == []
    reached(Point.COMMITTED)
    assert len(killed) == 1


@pytest.mark.parametrize(
    ("point", "ways", "kills"),
    [
        ("committed", ["at once"], 1),
        ("answer-read", ["at once"], 0),
        ("commit-begins", ["one by one"], 1),
        ("intent-written", ["one by one"], 0),
        ("outcome-written", ["one by one"], 0),
    ],
)
def test_what_is_written_at_once_is_killed_at_its_commit_too(
    tmp_path: Path, killed: list[tuple[int, int]], point: str, ways: list[str], kills: int
) -> None:
    taken: list[str] = []

    def take(_: object, pieces: list[object]) -> list[None]:
        taken.append("one by one")
        return [None for _piece in pieces]

    def take_at_once(_: object, pieces: list[object]) -> bool:
        taken.append("at once")
        return True

    arm({FAILPOINT: point})
    writer = SqliteWriter(tmp_path / "any.db")
    writer.post_piece(Together(take, take_at_once), "a step")
    writer.close()
    assert taken == ways
    assert len(killed) == kills


@pytest.mark.parametrize("safeguard", Safeguard)
def test_only_the_safeguard_that_is_named_is_missing(safeguard: Safeguard) -> None:
    arm({UNSAFE: safeguard})
    assert [name for name in Safeguard if is_missing(name)] == [safeguard]


@pytest.mark.parametrize(
    "variables",
    [
        {FAILPOINT: "comitted"},
        {FAILPOINT: "committed:0"},
        {FAILPOINT: "committed:-1"},
        {FAILPOINT: "committed:"},
        {FAILPOINT: "COMMITTED"},
        {UNSAFE: "intents"},
        {UNSAFE: "intent,sync"},
    ],
)
def test_a_name_that_is_none_is_refused_and_changes_nothing(variables: dict[str, str]) -> None:
    arm({UNSAFE: "lock"})
    with pytest.raises(UsageError, match="names none of"):
        arm(variables)
    assert is_missing(Safeguard.LOCK)


def test_a_command_with_a_misspelt_failpoint_ends_before_it_does_anything(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_leads(tmp_path / "leads.csv", 1)
    monkeypatch.setenv(FAILPOINT, "comitted")
    ended = command("run", "leads.csv", "--env", "local")
    assert ended.code == 2
    assert "LEAD_IMPORTER_FAILPOINT=comitted" in ended.errors
    assert not (tmp_path / "leads.results.csv").exists()


@pytest.mark.parametrize("environment", ["sandbox", "production"])
@pytest.mark.parametrize("safeguard", Safeguard)
def test_without_a_safeguard_nothing_is_sent_to_the_real_api(
    command: Command,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    environment: str,
    safeguard: Safeguard,
) -> None:
    write_leads(tmp_path / "leads.csv", 1)
    monkeypatch.setenv(UNSAFE, safeguard)
    ended = command("run", "leads.csv", "--env", environment)
    assert ended.code == 2
    assert "LEAD_IMPORTER_UNSAFE is set" in ended.errors
    assert not (tmp_path / "leads.results.csv").exists()


def test_no_help_tells_of_them(command: Command) -> None:
    for name in ("run", "local-api", "resolve"):
        assert "FAILPOINT" not in command(name, "--help").output
