"""What several tests need: sheets of invented leads, and a local lead API beside the test."""

from __future__ import annotations

import asyncio
import csv
import io
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from importer.faults import parse_fault
from importer.local_api import LOCAL_CREDENTIALS, LocalApi

HEADERS = ("customer_id", "name", "phone", "address")


@dataclass(frozen=True, slots=True)
class Ended:
    code: int
    output: str
    errors: str


Command = Callable[..., Ended]


def write_leads(path: Path, count: int, *, first: int = 1000) -> Path:
    """Write a CSV of so many different leads of template 1."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(HEADERS)
        for number in range(first, first + count):
            writer.writerow([number, f"Nguyễn Văn {number}", f"09{number:08}", f"{number} Lê Lợi, Đà Nẵng"])
    return path


def read_results(path: Path) -> list[dict[str, str]]:
    """Return the lines of a results or retry file in CSV."""
    return list(csv.DictReader(io.StringIO(path.read_bytes().decode("utf-8-sig"), newline="")))


def outcomes_in(path: Path) -> list[str]:
    """Return the outcome of each row in a results file."""
    return [line["outcome"] for line in read_results(path)]


def set_faults(api: LocalApi, *specs: str) -> None:
    """Stage these faults."""
    api.faults = [parse_fault(spec) for spec in specs]


@contextmanager
def api_beside(api: LocalApi | None = None) -> Iterator[LocalApi]:
    """Run a local API on a thread of its own, for code that blocks or runs in another process."""
    api = api or LocalApi(LOCAL_CREDENTIALS)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="api beside")
    thread.start()
    try:
        asyncio.run_coroutine_threadsafe(api.start(), loop).result(30)
        yield api
    finally:
        asyncio.run_coroutine_threadsafe(api.stop(), loop).result(30)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def customers(api: LocalApi) -> list[str]:
    """Return the customer ids of the applications that exist, in order of their creation."""
    return [application.customer_id for application in api.applications]


def local(api: LocalApi, folder: Path, *more: str) -> Sequence[str]:
    """Return the options that send a run to `api`, with the ledger in `folder`."""
    return ["--env", "local", "--base-url", api.base_url, "--ledger", str(folder / "ledger.sqlite3"), *more]


def aged(path: Path, seconds: float = 3600) -> Path:
    """Let `path` look as if it was changed so long ago, so that nobody waits to see whether it still is."""
    moment = time.time() - seconds
    os.utime(path, (moment, moment))
    return path
