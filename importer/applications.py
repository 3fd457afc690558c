"""What the local lead API remembers: the applications that it created, and the form responses it was given.

With a file, an application is on disk before :meth:`ApplicationStore.create` returns: the file is synced
once for all the creations that came together, on a thread of its own. Opening the file again brings every
application back, with its status; a last line that a crash tore was never answered for and is cut off. Ids
are never given twice, not even after :meth:`ApplicationStore.clear`. The file is its owner's alone (mode
0600), and one local API uses it at a time.

The file has JSON lines: a header, then applications (a later line of the same id replaces the earlier one)
and, after a clearing, the last id that was given.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import UTC, datetime
from io import FileIO
from pathlib import Path
from typing import Any

from importer.errors import InternalError, UsageError

if sys.platform != "win32":
    import fcntl

STATUSES = ("new", "disbursed", "rejected")
APP_IDENTIFIER = "vn.example.local-lead-api"

_HEADER = b'{"file":"applications of the local lead API of lead-importer","version":1}\n'
_SMALLEST_ID = 10**17
_ID = re.compile(r"[1-9][0-9]{17}")


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredApplication:
    """An application as the API shows it; the names are those of its JSON."""

    id: str
    """18 digits."""

    app_identifier: str
    customer_id: str
    inputs: str
    """A JSON object, serialised with its keys sorted: not always the bytes that were sent."""

    is_sandbox: bool
    status: str
    created_at: str
    """ISO 8601, UTC, milliseconds; `updated_at` likewise."""

    updated_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FormResponse:
    """What a customer answered to a form; the local API is given these, nothing creates them."""

    id: str
    """Digits; the greater, the newer."""

    form_id: str
    created_at: str
    """ISO 8601, UTC, seconds, such as ``2021-12-16T17:43:51Z``."""

    inputs: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponseQuery:
    """Which form responses are wanted."""

    form_ids: frozenset[str]
    size: int
    lt_id: int | None = None
    """Only responses with a smaller id: the smallest one of the page before."""

    from_time: int | None = None
    """Unix seconds, inclusive; so is `to_time`."""

    to_time: int | None = None


def select_responses(
    responses: Sequence[FormResponse], query: ResponseQuery
) -> tuple[int, list[FormResponse]]:
    """Return how many of `responses` the query fits in all, and its page of them, newest first.

    The documentation does not say whether the total goes down from page to page; here `lt_id` does not
    change it.
    """
    fitting = [response for response in responses if _fits(response, query)]
    fitting.sort(key=lambda response: int(response.id), reverse=True)
    below = [response for response in fitting if query.lt_id is None or int(response.id) < query.lt_id]
    return len(fitting), below[: query.size]


def _fits(response: FormResponse, query: ResponseQuery) -> bool:
    if response.form_id not in query.form_ids:
        return False
    if query.from_time is None and query.to_time is None:
        return True
    created = datetime.fromisoformat(response.created_at).timestamp()
    return (query.from_time is None or created >= query.from_time) and (
        query.to_time is None or created <= query.to_time
    )


class ApplicationStore:
    """The applications in order of their creation, in memory and, given a `path`, in that file.

    `clock` returns seconds since the epoch; it dates the applications and nothing else.
    """

    def __init__(self, path: Path | None = None, *, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._journal = None if path is None else _Journal(path)
        self._applications: dict[str, StoredApplication] = {}
        self._last_id = _SMALLEST_ID

    @property
    def applications(self) -> tuple[StoredApplication, ...]:
        """All applications, in order of their creation."""
        return tuple(self._applications.values())

    def open(self) -> None:
        """Open the file, if there is one, and read the applications that it holds.

        Raises :class:`UsageError` if it cannot be used, or holds something else.
        """
        if self._journal is None:
            return
        self._applications.clear()
        for entry in self._journal.open():
            self._last_id = max(self._last_id, int(entry.get("id") or entry["last_id"]))
            if "id" in entry:
                self._applications[entry["id"]] = StoredApplication(**entry)

    async def close(self) -> None:
        """Let go of the file, once the creations under way are on disk; what was read stays readable."""
        if self._journal is not None:
            await self._journal.close()

    async def create(self, customer_id: str, inputs: str, *, is_sandbox: bool) -> StoredApplication:
        """Create an application; it is on disk when this returns.

        Raises :class:`OSError` if it cannot be written; then there is none.
        """
        # Units of 10 ns since the epoch have 18 digits until 2286, and grow even when the file is lost.
        self._last_id = max(self._last_id + 1, time.time_ns() // 10)
        now = self._now()
        application = StoredApplication(
            id=str(self._last_id),
            app_identifier=APP_IDENTIFIER,
            customer_id=customer_id,
            inputs=inputs,
            is_sandbox=is_sandbox,
            status="new",
            created_at=now,
            updated_at=now,
        )
        await self._keep(application)
        return application

    def find(self, application_id: str) -> StoredApplication | None:
        """Return the application with this id, None if there is none."""
        return self._applications.get(application_id)

    async def update(self, application_id: str, status: str) -> bool:
        """Set the status of an application, on disk too; tell whether there is such an application.

        Raises :class:`OSError` if it cannot be written; then it stays as it was.
        """
        application = self._applications.get(application_id)
        if application is None:
            return False
        await self._keep(replace(application, status=status, updated_at=self._now()))
        return True

    async def clear(self) -> None:
        """Forget all applications, in the file too. Raises :class:`OSError` if that cannot be written."""
        if self._journal is None:
            self._applications.clear()
        else:
            line = _line({"last_id": str(self._last_id)})
            await self._journal.write(line, self._applications.clear, replaces=True)

    async def _keep(self, application: StoredApplication) -> None:
        if self._journal is None:
            self._remember(application)
        else:
            await self._journal.write(_line(asdict(application)), lambda: self._remember(application))

    def _remember(self, application: StoredApplication) -> None:
        self._applications[application.id] = application

    def _now(self) -> str:
        moment = datetime.fromtimestamp(self._clock(), UTC)
        return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


_APPLICATION_KEYS = {field.name for field in fields(StoredApplication)}


def _is_sound(entry: dict[str, Any]) -> bool:
    return (
        entry.keys() in (_APPLICATION_KEYS, {"last_id"})
        and all(isinstance(value, bool if key == "is_sandbox" else str) for key, value in entry.items())
        and _ID.fullmatch(entry["id" if "id" in entry else "last_id"]) is not None
    )


def _line(entry: Mapping[str, object]) -> bytes:
    return json.dumps(entry, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


@dataclass(frozen=True, slots=True)
class _Entry:
    line: bytes
    replaces: bool
    """Whether it takes the place of all lines before it."""

    on_disk: Callable[[], None]
    written: asyncio.Future[None]


class _Journal:
    """A file of lines, written by one thread; a line that could not be written leaves no trace."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: FileIO | None = None
        self._size = 0
        self._waiting: list[_Entry] = []
        self._writer: asyncio.Task[None] | None = None
        self._thread: ThreadPoolExecutor | None = None

    def open(self) -> list[dict[str, Any]]:
        try:
            file = FileIO(os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600), "r+")
        except OSError as error:
            raise self._unusable(error) from error
        try:
            self._lock(file)
            entries = self._load(file)
        except OSError as error:
            file.close()
            raise self._unusable(error) from error
        except UsageError:
            file.close()
            raise
        self._file = file
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="local-lead-api-store")
        return entries

    async def write(self, line: bytes, on_disk: Callable[[], None], *, replaces: bool = False) -> None:
        """Write a line; `on_disk` is called once it is there, in the order of the calls.

        It is called even when the caller was cancelled meanwhile, since the line is there then too.
        """
        if self._file is None:
            raise InternalError(
                "The store of the local lead API is not open; open it before it is written to."
            )
        written: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Entry(line, replaces, on_disk, written))
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._write_groups(self._file))
        await written

    async def close(self) -> None:
        if self._writer is not None:
            await self._writer
        if self._file is not None and self._thread is not None:
            self._thread.shutdown()
            self._file.close()
            self._file = None

    async def _write_groups(self, file: FileIO) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting:
            group, self._waiting = self._waiting, []
            failure: OSError | None = None
            try:
                await loop.run_in_executor(self._thread, self._write_group, file, group)
            except OSError as error:
                failure = error
            for entry in group:
                if failure is None:
                    entry.on_disk()
                if entry.written.done():
                    continue
                if failure is None:
                    entry.written.set_result(None)
                else:
                    entry.written.set_exception(failure)

    def _write_group(self, file: FileIO, group: Sequence[_Entry]) -> None:
        start = max((position for position, entry in enumerate(group) if entry.replaces), default=0)
        lines = b"".join(entry.line for entry in group[start:])
        if group[start].replaces:
            self._size = len(_HEADER)
            file.truncate(self._size)
        _write_at(file, self._size, lines)
        self._size += len(lines)

    def _lock(self, file: FileIO) -> None:
        if sys.platform == "win32":
            return
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise UsageError(
                f"The file {self._path} is in use by another local lead API. "
                "Stop that one, or give this one another file."
            ) from error

    def _load(self, file: FileIO) -> list[dict[str, Any]]:
        content = file.readall()
        if _HEADER.startswith(content) and content != _HEADER:
            # New, or torn while it was new.
            _write_at(file, 0, _HEADER)
            content = _HEADER
        if not content.startswith(_HEADER):
            raise UsageError(
                f"The file {self._path} holds something else than the applications of a local lead API; "
                "it was left as it is. Give a path where there is no file yet."
            )
        self._size = content.rindex(b"\n") + 1
        file.truncate(self._size)
        # A copied file may be readable to others. No device comes so far: none can be truncated.
        self._path.chmod(0o600)
        lines = content[len(_HEADER) : self._size].splitlines()
        return [self._entry(number, line) for number, line in enumerate(lines, start=2)]

    def _entry(self, number: int, line: bytes) -> dict[str, Any]:
        with suppress(ValueError):
            entry = json.loads(line)
            if isinstance(entry, dict) and _is_sound(entry):
                return entry
        raise UsageError(
            f"The file {self._path} is damaged in line {number}. "
            "Delete that line if you know what it was, or give another file."
        )

    def _unusable(self, error: OSError) -> UsageError:
        return UsageError(
            f"The file {self._path} cannot hold the applications of the local lead API ({error.strerror}). "
            "Give a path in a folder that exists and that you can write to."
        )


def _write_at(file: FileIO, position: int, content: bytes) -> None:
    rest = memoryview(content)
    try:
        file.seek(position)
        while rest:
            rest = rest[file.write(rest) :]
        os.fsync(file.fileno())
    except OSError:
        with suppress(OSError):
            file.truncate(position)
        raise
