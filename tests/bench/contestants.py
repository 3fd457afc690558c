"""The importer, and those that do the same job: how each is started, and whether its outcome is right."""

from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess
import sys
import venv
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.bench.peers import drt, newman
from tests.bench.peers.common import KEY, SECRET
from tests.bench.processes import Ended
from tests.bench.sheets import lead

CLIENT_KEY, CLIENT_SECRET = "local-client-key", "local-client-secret"
"""Those that the local API takes without others of its own; no secret."""

RUN = "lead-importer run"
BARE = "bare aiohttp loop"
BARE_UVLOOP = "bare aiohttp loop on uvloop"

DRT_PACKAGE = "drt-core[duckdb]"
NEWMAN_PACKAGE = "newman"


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What a contestant is to do: send the rows of `sheet` to `base_url`, with its files in `folder`."""

    folder: Path
    sheet: Path
    base_url: str
    concurrency: int
    rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Contestant:
    """One that does the job: its `command`, and what it `told` of its end.

    `told` returns what is known of a process that ended, by name, `sending_seconds` and `created` where it
    tells them. `missing` says what it lacks on this machine; nothing where it can start.
    """

    name: str
    command: Callable[[Job], list[str | Path]]
    told: Callable[[Job, Ended], Mapping[str, float]]
    concurrency: int = 0
    quoted: bool = False
    """Whether it reads a sheet right only with every value in quotes."""

    slow: bool = False
    """Whether it takes so long that it is measured with still fewer rows than the others."""

    missing: str = ""


def importer() -> list[str | Path]:
    """Return the command as it was installed with this interpreter."""
    script = Path(sys.executable).with_name("lead-importer")
    return [script] if script.exists() else [sys.executable, "-m", "importer"]


def run_command(job: Job) -> list[str | Path]:
    """Return the command of a run, as a person types it; the summary is what its seconds are read from."""
    options = ["--env", "local", "--base-url", job.base_url, "--concurrency", str(job.concurrency)]
    return [*importer(), "run", job.sheet, *options, "--summary", "summary.json"]


def variables(folder: Path) -> dict[str, str]:
    """Return the environment of every contestant: the credentials, and whatever it keeps goes to `folder`."""
    kept = {"HOME": str(folder), "XDG_STATE_HOME": str(folder / "state")}
    return {KEY: CLIENT_KEY, SECRET: CLIENT_SECRET, **kept}


def summary_of(folder: Path) -> dict[str, float]:
    """Return the totals of a run that ended, its seconds as ``sending_seconds``; empty if it left none."""
    try:
        summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    counts = {name: value for name, value in summary.items() if type(value) is int}
    return counts | {"sending_seconds": summary["seconds"]}


def wrong_with(rows: int, ended: Ended, told: Mapping[str, float], requests: int | None) -> tuple[str, ...]:
    """Return why an outcome is not the right one: ended well, all created, a request for each row."""
    wrong = []
    if ended.exit_code:
        wrong.append(f"exit code {ended.exit_code}")
    if "created" in told and told["created"] != rows:
        wrong.append(f"{told['created']:,} created")
    if requests is not None and requests != rows:
        wrong.append(f"{requests:,} requests")
    return tuple(wrong)


def run() -> Contestant:
    """Return the importer."""
    return Contestant(name=RUN, command=run_command, told=lambda job, _: summary_of(job.folder))


def bare() -> list[Contestant]:
    """Return the bare loops, on asyncio's own loop and on uvloop."""
    return [
        _script(BARE, "aiohttp_loop", "aiohttp"),
        _script(BARE_UVLOOP, "aiohttp_loop", "uvloop", "--uvloop"),
    ]


def peers(*, newman_at: Path | None, drt_at: Path | None) -> list[Contestant]:
    """Return the others; newman and drt are where the arguments say, and None is not installed."""
    return [
        _script("requests, a loop", "requests_threads", "requests", concurrency=1),
        _script("requests, 32 threads", "requests_threads", "requests", concurrency=32),
        _script("httpx, 64 tasks", "httpx_tasks", "httpx", concurrency=64, slow=True),
        Contestant(
            name="newman",
            command=lambda job: newman.command(
                newman_at or Path(), job.folder, job.sheet, job.base_url, CLIENT_KEY, CLIENT_SECRET
            ),
            told=lambda job, ended: {},
            concurrency=1,
            quoted=True,
            slow=True,
            missing="" if newman_at else "not installed",
        ),
        Contestant(
            name="drt",
            command=lambda job: drt.command(
                drt_at or Path(), job.folder, job.sheet, job.base_url, CLIENT_KEY
            ),
            told=lambda job, ended: {},
            concurrency=1,
            missing="" if drt_at else "not installed",
        ),
    ]


def install_peers(folder: Path) -> None:
    """Install newman and drt into `folder`, each by its own registry's client."""
    folder.mkdir(parents=True, exist_ok=True)
    npm = shutil.which("npm")
    if npm is not None:
        subprocess.run([npm, "install", "--silent", "--prefix", str(folder), NEWMAN_PACKAGE], check=True)
    venv.create(folder / "drt", with_pip=True)
    python = folder / "drt" / "bin" / "python"
    subprocess.run([str(python), "-m", "pip", "install", "--quiet", DRT_PACKAGE], check=True)


def find_peers(folder: Path) -> tuple[Path | None, Path | None]:
    """Return where newman and drt are: in `folder`, or on the path."""
    return _found(folder / "node_modules" / ".bin" / "newman"), _found(folder / "drt" / "bin" / "drt")


def as_they_stand(applications: list[dict[str, str]]) -> int:
    """Return how many leads of the sheet, in any order, became applications with exactly their values."""
    wanted = {_values(lead(index)) for index in range(len(applications))}
    found = {
        _values({"customer_id": each["customer_id"], **json.loads(each["inputs"])}) for each in applications
    }
    return len(wanted & found)


def _values(lead: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(lead.items()))


def _found(path: Path) -> Path | None:
    if path.exists():
        return path
    elsewhere = shutil.which(path.name)
    return Path(elsewhere) if elsewhere else None


def _script(
    name: str, module: str, needs: str, *options: str, concurrency: int = 0, slow: bool = False
) -> Contestant:
    def command(job: Job) -> list[str | Path]:
        numbers = [job.base_url, str(job.concurrency), *options]
        return [sys.executable, "-m", f"tests.bench.peers.{module}", job.sheet, *numbers]

    def told(job: Job, ended: Ended) -> Mapping[str, float]:
        line = ended.output.strip().rpartition("\n")[2]
        if ended.exit_code or not line.startswith("{"):
            return {"created": 0}
        report = json.loads(line)
        return {"created": report["created"], "sending_seconds": report["seconds"]}

    return Contestant(
        name=name,
        command=command,
        told=told,
        concurrency=concurrency,
        slow=slow,
        missing="" if importlib.util.find_spec(needs) else "not installed",
    )
