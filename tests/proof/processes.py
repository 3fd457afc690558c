"""The real command in processes of its own, at a price that hundreds of them can be paid.

A server that has imported everything forks a process for each command (:mod:`multiprocessing`, start method
``forkserver``): a process with its own connections, files and locks, without the second that Python and
pandas take to start.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from multiprocessing.connection import wait
from multiprocessing.context import ForkServerProcess
from pathlib import Path

LONGEST_SECONDS = 120.0
LOG = "log"

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(
    [
        "aiohttp",
        "pandas",
        "importer.cli.running",
        "importer.console",
        "importer.local_api",
        "importer.outputs",
        "importer.resolving",
        "tests.proof.processes",
    ]
)

# Starting a process and reading how one ended both look at all of them; two threads that did so at once could
# take each other's answer.
_ONE_AT_A_TIME = threading.Lock()


def _be_the_command(folder: Path, variables: Mapping[str, str], arguments: tuple[str, ...]) -> None:
    """Become the command: with its own folder, environment and output, as a shell would start it."""
    from importer import cli

    os.chdir(folder)
    log = os.open(LOG, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(log, sys.stdout.fileno())
    os.dup2(log, sys.stderr.fileno())
    for name in [name for name in os.environ if name.startswith("LEAD_IMPORTER_")]:
        del os.environ[name]
    os.environ.update(variables, XDG_STATE_HOME=str(folder / "state"))
    sys.argv = ["lead-importer", *arguments]
    cli.main()


@dataclass(slots=True)
class Command:
    """One command, started in `folder` with these environment variables."""

    folder: Path
    arguments: tuple[str, ...]
    variables: Mapping[str, str]
    _process: ForkServerProcess | None = None

    def start(self) -> None:
        """Start it."""
        with _ONE_AT_A_TIME:
            self._process = _CONTEXT.Process(
                target=_be_the_command, args=(self.folder, self.variables, self.arguments)
            )
            self._process.start()

    def kill(self) -> None:
        """Kill it, if it has begun and not ended."""
        if self._process is not None and self._process.pid is not None and not self.has_ended(within=0):
            os.kill(self._process.pid, signal.SIGKILL)

    def has_ended(self, *, within: float) -> bool:
        """Wait so many seconds for its end, and tell whether it came."""
        assert self._process is not None
        return bool(wait([self._process.sentinel], within))

    def ended(self) -> int:
        """Wait for its end, and return its exit code; that of a killed one is ``-SIGKILL``."""
        if not self.has_ended(within=LONGEST_SECONDS):
            self.kill()
            raise AssertionError(f"{self.arguments} did not end in {LONGEST_SECONDS:.0f} seconds")
        assert self._process is not None
        with _ONE_AT_A_TIME:
            self._process.join()
        assert self._process.exitcode is not None
        return self._process.exitcode
