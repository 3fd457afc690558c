"""Every fault that we know of, staged for real: how rows end, what is said, and that nothing is sent twice.

The whole command runs against a socket. The faults of network and API are the lines of
:mod:`tests.proof.fault_table`; those of the machine are below.
"""

from __future__ import annotations

import asyncio
import csv
import gzip
import json
import os
import resource
import shutil
import signal
import socket
import sqlite3
import ssl
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trustme

from importer.ledger.sqlite import SqliteLedger
from importer.transport import Transport
from tests.proof.fault_server import (
    FaultServer,
    Script,
    Visit,
    answer,
    application,
    close,
    create,
    fault_server,
    honest,
    page,
    read,
    read_one_byte,
    say,
    stall,
)
from tests.proof.fault_table import ADDRESS, FAULTS, NAME, NEXT, PHONE, Fault
from tests.support import HEADERS, Command, Ended, outcomes_in, read_results

KEY = "an-invented-client-key"
SECRET = "an-invented-client-secret"
OUTCOMES = ("created", "existing", "duplicate", "invalid", "rejected", "failed", "in_doubt", "not_attempted")


@pytest.fixture(autouse=True)
def _set_up(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEAD_IMPORTER_CLIENT_KEY", KEY)
    monkeypatch.setenv("LEAD_IMPORTER_CLIENT_SECRET", SECRET)
    # What is random in the pauses between tries; what the API asks for is waited out.
    monkeypatch.setattr("importer.attempts.FIRST_WAIT_SECONDS", 0.001)


def write_input(path: Path, rows: int, *, one_customer: bool = False) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        lines = csv.writer(file)
        lines.writerow(HEADERS)
        for number in range(rows):
            customer = 1000 if one_customer else 1000 + number
            lines.writerow([customer, NAME, f"09051234{57 + number:02}", ADDRESS])


def arguments(base_url: str, *options: str) -> list[str]:
    return [
        *("run", "leads.csv", "--env", "sandbox", "--base-url", base_url, "--ledger", "ledger.sqlite3"),
        *("--timeout", "0.3", "--attempts", "2", "--concurrency", "1", "--summary", "summary.json"),
        *options,
    ]


class Imports:
    """Runs of one file, each looked at for what must be true whatever has happened."""

    def __init__(self, command: Command, folder: Path, rows: int = 1, *, one_customer: bool = False) -> None:
        self.command = command
        self.folder = folder
        self.rows = rows
        write_input(folder / "leads.csv", rows, one_customer=one_customer)

    def run(self, base_url: str, *options: str) -> Ended:
        ended = self.command(*arguments(base_url, *options))
        self.keeps_secrets(ended)
        return ended

    def keeps_secrets(self, ended: Ended) -> None:
        """Nothing personal is shown or in the ledger, and the secret is nowhere."""
        told = (ended.output + ended.errors).encode()
        ledger = b"".join(path.read_bytes() for path in self.folder.glob("ledger.sqlite3*") if path.is_file())
        for hidden in (NAME, PHONE, PHONE[1:], ADDRESS, SECRET):
            assert hidden.encode() not in told
            assert json.dumps(hidden).strip('"').encode() not in told
            assert hidden.encode() not in ledger
        for path in filter(Path.is_file, self.folder.glob("*.csv")):
            assert SECRET.encode() not in path.read_bytes()

    def results(self) -> list[dict[str, str]]:
        return read_results(self.folder / "leads.results.csv")

    def outcomes(self) -> list[str]:
        """Return how the rows ended, which the summary must count likewise."""
        outcomes = [line["outcome"] for line in self.results()]
        summary = json.loads((self.folder / "summary.json").read_text())
        assert summary["read"] == self.rows == sum(summary[outcome] for outcome in OUTCOMES)
        assert {name: summary[name] for name in OUTCOMES if summary[name]} == Counter(outcomes)
        return outcomes

    def agree_with(self, server: FaultServer) -> None:
        """What the results say of each row must be true of the server."""
        ids = {application_id for _, application_id in server.applications}
        for line in self.results():
            if line["outcome"] in ("created", "existing"):
                assert line["application_id"] in ids
            elif line["outcome"] != "in_doubt":
                assert line["customer_id"] not in server.created


# The network and the API.


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_fault_of_network_or_api_ends_as_the_table_says(
    fault: Fault, command: Command, tmp_path: Path
) -> None:
    imports = Imports(command, tmp_path, fault.rows, one_customer=fault.one_customer)
    quiet = fault.rows - 1
    then = NEXT[fault.ends]
    with fault_server(*fault.scripts) as server:
        ended = imports.run(server.base_url)
        assert imports.outcomes() == ["created"] * quiet + [fault.ends]
        assert ended.code == fault.code
        told = ended.output + ended.errors
        assert fault.says in told + imports.results()[-1]["error_message"]
        assert then.step in told
        assert len(server.applications) == quiet + fault.exists
        imports.agree_with(server)

        server.be(honest)
        asked = server.requests
        ended = imports.run(server.base_url, *(["--on-doubt", "resend"] if fault.for_good else []))
        assert imports.outcomes() == ["existing"] * quiet + [then.ends]
        assert ended.code == then.code
        assert server.requests - asked == (then.ends == "created")
        assert len(server.applications) == quiet + (fault.exists or then.ends == "created")
        imports.agree_with(server)


@contextmanager
def nobody_listens() -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{free.getsockname()[1]}"


@contextmanager
def a_name_that_is_none() -> Iterator[str]:
    # A name that can never be one (RFC 6761, section 6.4).
    yield "https://lead-api.invalid"


@contextmanager
def a_certificate_of_a_stranger() -> Iterator[str]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    with fault_server(honest, tls=context) as server:
        yield server.base_url


@contextmanager
def no_tls_at_all() -> Iterator[str]:
    with fault_server((say(b"HTTP/1.1 400 Bad Request\r\n\r\n"), close)) as server:
        yield server.base_url.replace("http:", "https:")


@contextmanager
def a_handshake_without_an_end() -> Iterator[str]:
    with fault_server((stall,)) as server:
        yield server.base_url.replace("http:", "https:")


@contextmanager
def a_proxy_that_wants_credentials() -> Iterator[str]:
    with fault_server((read_one_byte, page(407), close)) as proxy, pytest.MonkeyPatch.context() as patch:
        patch.setenv("HTTPS_PROXY", proxy.base_url)
        patch.setenv("LEAD_IMPORTER_PROXY_FROM_ENVIRONMENT", "true")
        yield "https://lead-api.invalid"
        assert proxy.requests == 2


@pytest.mark.parametrize(
    ("unreachable", "says"),
    [
        (nobody_listens, "the server could not be reached"),
        (a_name_that_is_none, "the name of the server cannot be found"),
        (a_certificate_of_a_stranger, "the server proved no identity over TLS"),
        (no_tls_at_all, "the server proved no identity over TLS"),
        (a_handshake_without_an_end, "the server could not be reached in time"),
        (a_proxy_that_wants_credentials, "the proxy did not let the connection through"),
    ],
)
def test_a_server_that_is_not_reached_leaves_no_doubt(
    unreachable: Callable[[], AbstractContextManager[str]],
    says: str,
    command: Command,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    defaults = Transport.__init__.__kwdefaults__
    assert defaults
    monkeypatch.setitem(defaults, "connect_seconds", 0.3)
    imports = Imports(command, tmp_path)
    with unreachable() as base_url:
        ended = imports.run(base_url)
    assert (imports.outcomes(), ended.code) == (["failed"], 1)
    assert says in imports.results()[0]["error_message"]
    assert NEXT["failed"].step in ended.errors
    ends_well(imports)


def ends_well(imports: Imports, outcome: str = "created") -> None:
    """Once the fault is gone the same command brings every row to an end, and none twice."""
    with fault_server(honest) as server:
        assert imports.run(server.base_url).code == 0
        assert imports.outcomes() == [outcome] * imports.rows
        assert server.requests == (imports.rows if outcome == "created" else 0)


def test_nothing_is_sent_to_another_origin(command: Command, tmp_path: Path) -> None:
    imports = Imports(command, tmp_path)
    with fault_server(honest) as other:
        with fault_server((read, answer(307, location=f"{other.base_url}/lead/applications"))) as server:
            ended = imports.run(server.base_url)
        assert other.requests == 0
        assert (imports.outcomes(), ended.code) == (["not_attempted"], 4)
        assert f"redirects to {other.base_url}" in ended.errors
    ends_well(imports)


# The machine, when the run begins: nothing is sent.


@contextmanager
def another_run(folder: Path) -> Iterator[None]:
    with SqliteLedger(folder / "ledger.sqlite3"):
        yield


@contextmanager
def another_program(folder: Path) -> Iterator[None]:
    with SqliteLedger(folder / "ledger.sqlite3"):
        pass
    other = sqlite3.connect(folder / "ledger.sqlite3")
    other.execute("BEGIN EXCLUSIVE")
    yield
    other.close()


@contextmanager
def a_folder_called(name: str, folder: Path) -> Iterator[None]:
    (folder / name).mkdir()
    yield
    (folder / name).rmdir()


@contextmanager
def a_file_called(name: str, folder: Path) -> Iterator[None]:
    (folder / name).write_text("")
    yield
    (folder / name).unlink()


@contextmanager
def may_not_write(folder: Path, name: str = "") -> Iterator[None]:
    """Let this user read `folder` and what is in it, and write to what is called `name` not even that."""
    place = folder / name
    if os.geteuid() == 0:
        for path in (folder, *folder.rglob("*")):
            os.chown(path, _NOBODY, _NOBODY)
        os.setresuid(_NOBODY, _NOBODY, 0)
    mode = place.stat().st_mode
    place.chmod(0o500 if place.is_dir() else 0o400)
    try:
        yield
    finally:
        place.chmod(mode)
        if os.getresuid()[2] == 0:
            os.setresuid(0, 0, 0)


_NOBODY = 65534


def load_what_a_run_needs(imports: Imports) -> None:
    """Import modules now: the one who may not write may not read Python's own folders either."""
    assert imports.run("http://127.0.0.1:9", "--dry-run", "--summary", "rehearsal.json").code == 0


@dataclass(frozen=True, slots=True)
class Obstacle:
    """What keeps a run from beginning."""

    name: str
    stands: Callable[[Path], AbstractContextManager[None]]
    code: int
    says: str
    options: Sequence[str] = ()


OBSTACLES = (
    Obstacle("a ledger of another run", another_run, 5, "Wait until it has ended"),
    Obstacle("a ledger in another program", another_program, 5, "Close it, and start again"),
    Obstacle("a ledger that is a folder", partial(a_folder_called, "ledger.sqlite3"), 2,
             "Give another place with --ledger"),
    Obstacle("a ledger in a folder that is not there", lambda _: nullcontext(), 2,
             "Give another place with --ledger", ("--ledger", "nowhere/ledger.sqlite3")),
    Obstacle("a ledger that may not be written", partial(may_not_write, name="older.sqlite3"), 2,
             "Give another place with --ledger", ("--ledger", "older.sqlite3")),
    Obstacle("a ledger that is something else", lambda _: nullcontext(), 2, "is no ledger",
             ("--ledger", "leads.csv.gz")),
    Obstacle("results that are a folder", partial(a_folder_called, "leads.results.csv"), 2,
             "is a directory, and a file is to be written there"),
    Obstacle("results in a folder that may not be written", partial(may_not_write, name="locked"), 2,
             "Name a file in another folder", ("--results", "locked/results.csv")),
    Obstacle("results in a folder that is not there", lambda _: nullcontext(), 2, "there is no folder",
             ("--results", "nowhere/results.csv")),
    Obstacle("a summary that is a folder", partial(a_folder_called, "summary.json"), 2, "is a directory"),
)  # fmt: skip


@pytest.fixture
def open_folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A working folder that another user can reach, too; those of pytest are closed."""
    with tempfile.TemporaryDirectory() as name:
        monkeypatch.chdir(name)
        monkeypatch.setenv("XDG_STATE_HOME", f"{name}/state")
        yield Path(name)


@pytest.mark.parametrize("obstacle", OBSTACLES, ids=lambda obstacle: obstacle.name)
def test_a_run_that_cannot_begin_sends_nothing_and_says_what_to_do(
    obstacle: Obstacle, command: Command, open_folder: Path
) -> None:
    imports = Imports(command, open_folder, 3)
    (open_folder / "locked").mkdir()
    (open_folder / "leads.csv.gz").write_bytes(gzip.compress((open_folder / "leads.csv").read_bytes()))
    with SqliteLedger(open_folder / "older.sqlite3"):
        pass
    with fault_server(honest) as server:
        load_what_a_run_needs(imports)
        with obstacle.stands(open_folder):
            ended = imports.run(server.base_url, *obstacle.options)
        assert (ended.code, server.requests) == (obstacle.code, 0)
        assert obstacle.says in " ".join(ended.errors.split())
    ends_well(imports)


@pytest.mark.parametrize("broken", [a_file_called, may_not_write])
def test_a_state_folder_that_cannot_be_made_is_told(
    broken: Callable[..., AbstractContextManager[None]], command: Command, open_folder: Path
) -> None:
    load_what_a_run_needs(Imports(command, open_folder))
    (open_folder / "here").mkdir()
    run = [option for option in arguments("") if option not in ("--ledger", "ledger.sqlite3")]
    os.environ["XDG_STATE_HOME"] = str(open_folder / "here" / "state")
    stands = broken("here/state", open_folder) if broken is a_file_called else broken(open_folder, "here")
    with fault_server(honest) as server, stands:
        run[run.index("--base-url") + 1] = server.base_url
        ended = command(*run)
        assert (ended.code, server.requests) == (2, 0)
        assert "Give another place with --ledger" in " ".join(ended.errors.split())


def left_by_a_crash(imports: Imports) -> None:
    """Leave the ledger as a killed process does: one row was created, the next one is being sent."""

    async def copy(visit: Visit) -> None:
        for path in imports.folder.glob("ledger.sqlite3*"):
            shutil.copy(path, imports.folder / f"crashed-{path.name}")

    with fault_server(honest, (read, copy, create, application()), honest) as server:
        imports.run(server.base_url)
    for path in imports.folder.glob("ledger.sqlite3*"):
        path.unlink()
    for path in imports.folder.glob("crashed-*"):
        path.rename(path.with_name(path.name.removeprefix("crashed-")))
    (imports.folder / "leads.results.csv").unlink()


def test_a_ledger_without_its_log_sends_nothing(command: Command, tmp_path: Path) -> None:
    imports = Imports(command, tmp_path, 3)
    left_by_a_crash(imports)
    log = tmp_path / "ledger.sqlite3-wal"
    log.rename(tmp_path / "tidied away")
    with fault_server(honest) as server:
        for _ in range(2):
            ended = imports.run(server.base_url)
            assert (ended.code, server.requests) == (70, 0)
            assert "lacks its log ledger.sqlite3-wal" in " ".join(ended.errors.split())
        (tmp_path / "tidied away").rename(log)
        assert imports.run(server.base_url).code == 3
        assert imports.outcomes() == ["existing", "in_doubt", "created"]
        assert server.requests == 1


def test_a_byte_that_flipped_in_the_ledger_is_found_and_nothing_sent(
    command: Command, tmp_path: Path
) -> None:
    imports = Imports(command, tmp_path, 3)
    with fault_server(honest) as server:
        imports.run(server.base_url)
        path = tmp_path / "ledger.sqlite3"
        sound = path.read_bytes()
        at = sound.index((1001).to_bytes(2)) + 1
        path.write_bytes(sound[:at] + bytes([sound[at] ^ 1]) + sound[at + 1 :])
        altered = path.read_bytes()
        ended = imports.run(server.base_url)
        assert (ended.code, server.requests) == (70, 3)
        assert "is damaged" in ended.errors
        assert "Put a copy of it from before in its place" in " ".join(ended.errors.split())
        path.write_bytes(sound)
        assert altered != sound
    ends_well(imports, "existing")


# The machine, while the run goes on: what was sent is known, whatever cannot be written.


def during(spoil: Callable[[], object]) -> Script:
    async def step(visit: Visit) -> None:
        spoil()

    return (read, create, step, application())


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("leads.results.csv", "`lead-importer results FILE` writes them again"),
        ("summary.json", "Name a file; this is a folder"),
    ],
)
def test_a_file_that_cannot_be_replaced_in_the_end_costs_nothing_else(
    name: str, says: str, command: Command, tmp_path: Path
) -> None:
    imports = Imports(command, tmp_path, 2)
    with fault_server(during((tmp_path / name).mkdir), honest) as server:
        ended = imports.run(server.base_url)
        assert (ended.code, len(server.applications)) == (2, 2)
        assert says in " ".join(ended.errors.split())
    (tmp_path / name).rmdir()
    ended = command("results", "leads.csv", "--ledger", "ledger.sqlite3")
    assert ended.code == 0
    assert [line["outcome"] for line in imports.results()] == ["created", "created"]
    ends_well(imports, "existing")


# A disk that is full at one write or another.


@contextmanager
def files_of_at_most(size: int, _: Path) -> Iterator[None]:
    """Let no file grow beyond `size` bytes: writing fails with EFBIG."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@contextmanager
def disk_with_room_for(size: int, folder: Path) -> Iterator[None]:
    """Leave `size` bytes on the disk that `folder` is: writing fails with ENOSPC."""
    free = os.statvfs(folder)
    ballast = folder / "ballast"
    with ballast.open("wb") as file:
        file.write(b"x" * (free.f_bavail * free.f_frsize - size))
    yield
    ballast.unlink()


@pytest.fixture(scope="module")
def small_disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("disk")
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("a small disk can be mounted by the administrator alone")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)  # noqa: S607 - as mount was


def test_results_on_a_full_disk_cost_nothing_else(command: Command, tmp_path: Path, small_disk: Path) -> None:
    imports = Imports(command, tmp_path, 2)
    full = disk_with_room_for(0, small_disk)
    results = ("--results", str(small_disk / "results.csv"))
    with fault_server(during(full.__enter__), honest) as server:
        ended = imports.run(server.base_url, *results)
        assert (ended.code, len(server.applications)) == (2, 2)
        assert "Free some space" in ended.errors
        assert "`lead-importer results FILE` writes them again" in ended.errors
        assert not (small_disk / "results.csv").exists()
    full.__exit__(None, None, None)
    ended = command("results", "leads.csv", "--ledger", "ledger.sqlite3", *results)
    assert ended.code == 0
    assert outcomes_in(small_disk / "results.csv") == ["created", "created"]
    ends_well(imports, "existing")


def full_at_some_write(imports: Imports, full: AbstractContextManager[None]) -> int:
    """Import while the disk fills up, then again; return the exit code of the first run."""
    with fault_server(honest) as server:
        with full:
            ended = imports.run(server.base_url, "--concurrency", "4")
        assert ended.code in (0, 2, 70)
        assert ended.code == 0 or "Check the disk" in ended.errors or "Free some space" in ended.errors
        known = len(server.applications)
        second = imports.run(server.base_url, "--concurrency", "4")
        outcomes = imports.outcomes()
        assert second.code == (3 if "in_doubt" in outcomes else 0)
        assert set(outcomes) <= {"existing", "created", "in_doubt"}
        assert outcomes.count("existing") + outcomes.count("in_doubt") >= known
        # No more is in doubt than was under way at once.
        assert outcomes.count("in_doubt") <= 4
        assert max(server.created.values()) == 1
        imports.agree_with(server)
    return ended.code


@pytest.mark.parametrize("size", [0, 1, 4096, 9_000, 30_000, 60_000, 100_000, 150_000, 200_000, 300_000])
def test_a_file_that_cannot_grow_any_more_loses_no_lead_and_sends_none_twice(
    size: int, command: Command, tmp_path: Path
) -> None:
    full_at_some_write(Imports(command, tmp_path, 40), files_of_at_most(size, tmp_path))


@pytest.mark.parametrize("size", [0, 4096, 9_000, 30_000, 60_000, 100_000, 150_000, 200_000, 300_000])
def test_a_disk_that_is_full_at_some_write_loses_no_lead_and_sends_none_twice(
    size: int, command: Command, small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for path in small_disk.iterdir():
        path.unlink()
    monkeypatch.chdir(small_disk)
    full_at_some_write(Imports(command, small_disk, 40), disk_with_room_for(size, small_disk))


# A process that is told to end, or that nobody listens to.


class Started:
    """The command in a process of its own, which the server can reach while it answers."""

    def __init__(self, folder: Path, server: FaultServer, *options: str, **named: Any) -> None:
        self._said = ""
        self._heard = threading.Condition()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "importer", *arguments(server.base_url, *options)],
            cwd=folder,
            env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
            text=True,
            **{"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE} | named,
        )
        self._listener = threading.Thread(target=self._listen)
        self._listener.start()

    def _listen(self) -> None:
        if self.process.stderr:
            with self.process.stderr as lines:
                for line in lines:
                    with self._heard:
                        self._said += line
                        self._heard.notify_all()

    def hear(self, words: str) -> None:
        """Wait until it has said this."""
        with self._heard:
            assert self._heard.wait_for(lambda: words in self._said, timeout=30)

    def ended(self) -> Ended:
        if self.process.stdout:
            self.process.stdout.close()
        self.process.wait(60)
        self._listener.join()
        assert "Traceback" not in self._said
        return Ended(self.process.returncode, "", self._said)


@dataclass(frozen=True, slots=True)
class Interruption:
    """Signals that come while the first of three rows is being answered, and how that goes on."""

    name: str
    signals: Sequence[signal.Signals]
    then: Script
    first: str
    code: int


INTERRUPTIONS = (
    Interruption("SIGTERM", [signal.SIGTERM], (create, application()), "created", 143),
    Interruption("SIGINT", [signal.SIGINT], (create, application()), "created", 130),
    Interruption("SIGINT twice", [signal.SIGINT, signal.SIGINT], (stall,), "in_doubt", 130),
    Interruption("SIGINT, and then SIGTERM", [signal.SIGINT, signal.SIGTERM], (stall,), "in_doubt", 130),
    Interruption("SIGHUP, and then SIGINT", [signal.SIGHUP, signal.SIGINT], (stall,), "in_doubt", 143),
)


@pytest.mark.parametrize("interruption", INTERRUPTIONS, ids=lambda interruption: interruption.name)
def test_a_run_that_is_told_to_end_settles_what_is_under_way(
    interruption: Interruption, command: Command, tmp_path: Path
) -> None:
    imports = Imports(command, tmp_path, 3)

    async def interrupt(visit: Visit) -> None:
        first, *more = interruption.signals
        started.process.send_signal(first)
        await asyncio.to_thread(started.hear, "was received")
        for number in more:
            started.process.send_signal(number)

    with fault_server((read, interrupt, *interruption.then), honest) as server:
        started = Started(tmp_path, server, "--timeout", "50")
        ended = started.ended()
        imports.keeps_secrets(ended)
        assert ended.code == interruption.code
        outcomes = imports.outcomes()
        assert outcomes[0] == interruption.first
        assert set(outcomes[1:]) == {"not_attempted"}
        assert NEXT["not_attempted"].step.removeprefix("mend what stopped the run, then ") in ended.errors
        asked = server.requests
        again = imports.run(server.base_url)
        assert (again.code, server.requests) == (0 if interruption.first == "created" else 3, asked + 2)
        imports.agree_with(server)


@pytest.mark.parametrize("format_", ["text", "json"])
@pytest.mark.parametrize("output", ["pipes whose reader has gone", "nothing", "a full disk"])
def test_the_exit_code_tells_of_the_work_whatever_becomes_of_the_output(
    output: str, format_: str, command: Command, tmp_path: Path
) -> None:
    imports = Imports(command, tmp_path, 2)
    with fault_server(honest) as server, open("/dev/full", "w") as full:  # noqa: PTH123 - no path of ours
        named: dict[str, dict[str, Any]] = {
            "pipes whose reader has gone": {"stdout": subprocess.PIPE},
            "nothing": {"stdout": None, "preexec_fn": partial(os.closerange, 1, 3), "stderr": None},
            "a full disk": {"stdout": full, "stderr": full},
        }
        started = Started(tmp_path, server, "--log-format", format_, **named[output])
        ended = started.ended()
        assert (ended.code, imports.outcomes()) == (0, ["created", "created"])
