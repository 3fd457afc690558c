"""A command in a process of its own, on a terminal, as a person runs it: its time, its end and its memory."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import termios
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

SAMPLE_SECONDS = 0.2
LONGEST_SECONDS = 3600.0
_KEPT_OUTPUT = 65536
_PSS = re.compile(r"^Pss:\s+(\d+) kB$", re.MULTILINE)
_LINES, _COLUMNS = 24, 80

REPOSITORY = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a command ended."""

    exit_code: int
    started_at: float
    """Seconds since the epoch."""

    seconds: float
    """From before the process was started until it was gone."""

    output: str
    """The end of what it wrote to the terminal."""

    peak_pss_bytes: int
    """The most memory that it and its children had at once; shared pages count in parts. 0: not asked for."""

    peak_rss_bytes: int
    """The most resident memory of the largest process of them."""


def environment(variables: Mapping[str, str]) -> dict[str, str]:
    """Return this process's environment with `variables`, without what would change how a command behaves."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("LEAD_IMPORTER_")
        and name not in ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES", "PYTHONPATH", "CI")
        and not name.lower().endswith("_proxy")
    }
    return {**kept, "TERM": "xterm-256color", "PYTHONPATH": str(REPOSITORY), **variables}


def measure(
    arguments: Sequence[str | Path],
    *,
    folder: Path,
    variables: Mapping[str, str] | None = None,
    memory: bool = False,
) -> Ended:
    """Run a command in `folder` and return how it ended; `memory` tells whether its memory is looked at.

    A command that goes on for an hour is killed.
    """
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", _LINES, _COLUMNS, 0, 0))
    output = bytearray()
    started_at, begun = time.time(), time.perf_counter()
    process = subprocess.Popen(
        list(map(str, arguments)),
        cwd=folder,
        env=environment(variables or {}),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    reader = threading.Thread(target=_read, args=(ours, output))
    reader.start()
    watchdog = threading.Timer(LONGEST_SECONDS, _kill_group, [process.pid])
    watchdog.start()
    with _sampler(process.pid, asked=memory) as peak:
        try:
            # wait4 tells the memory of just this process and its children; Popen does not.
            _, status, usage = os.wait4(process.pid, 0)
            seconds = time.perf_counter() - begun
            process.returncode = os.waitstatus_to_exitcode(status)
        finally:
            watchdog.cancel()
            _kill_group(process.pid)
    reader.join()
    os.close(ours)
    return Ended(
        exit_code=process.returncode,
        started_at=started_at,
        seconds=seconds,
        output=output.decode(errors="replace"),
        peak_pss_bytes=max(peak, default=0),
        peak_rss_bytes=usage.ru_maxrss * 1024,
    )


def pss_bytes(smaps_rollup: str) -> int:
    """Return the proportional set size that ``/proc/PID/smaps_rollup`` tells (proc(5)), in bytes."""
    found = _PSS.search(smaps_rollup)
    return int(found[1]) * 1024 if found else 0


def _read(terminal: int, output: bytearray) -> None:
    # A terminal that nobody holds any more answers EIO, which is its end of file.
    with suppress(OSError):
        while chunk := os.read(terminal, 65536):
            output += chunk
            del output[:-_KEPT_OUTPUT]


def _kill_group(group: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)


@contextmanager
def _sampler(pid: int, *, asked: bool) -> Iterator[list[int]]:
    samples: list[int] = []
    if not asked:
        yield samples
        return
    ended = threading.Event()

    def sample() -> None:
        while not ended.wait(SAMPLE_SECONDS):
            samples.append(sum(_pss_of(each) for each in _family(pid)))

    thread = threading.Thread(target=sample)
    thread.start()
    try:
        yield samples
    finally:
        ended.set()
        thread.join()


def _pss_of(pid: int) -> int:
    # A process may end while it is looked at.
    with suppress(OSError):
        return pss_bytes(Path(f"/proc/{pid}/smaps_rollup").read_text())
    return 0


def _family(pid: int) -> Iterable[int]:
    yield pid
    for listed in Path(f"/proc/{pid}/task").glob("*/children"):
        children: list[str] = []
        with suppress(OSError):
            children = listed.read_text().split()
        for child in children:
            yield from _family(int(child))
