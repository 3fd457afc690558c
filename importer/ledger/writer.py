"""One SQLite connection on a thread of its own, with many pieces of work in each transaction.

What is asked for while a transaction is being written waits and goes into the next one together, so that the
cost of syncing the disk is shared. The order of asking is the order of writing.
"""

from __future__ import annotations

import asyncio
import queue
import sqlite3
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from contextvars import copy_context
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from importer import failpoints
from importer.errors import ImporterError, LedgerBusyError, LedgerError, UsageError
from importer.failpoints import Point, Safeguard
from importer.language import _

_GROUP_LIMIT = 512

_T = TypeVar("_T")

Work = Callable[[sqlite3.Connection], _T]


class Together(NamedTuple):
    """How small pieces of work are done that are cheaper many at once, as if one after the other."""

    take: Callable[[sqlite3.Connection, list[Any]], Sequence[ImporterError | None]]
    """Does them within a transaction; returns for each why it was refused, None where it was not."""

    take_at_once: Callable[[sqlite3.Connection, list[Any]], bool]
    """Does them in a transaction of its own, if it can; returns whether it did, else nothing was done."""


@dataclass(slots=True)
class _Job:
    piece: Any
    """What `together` takes; without that, a :data:`Work`."""

    together: Together | None = None
    asynchronous: asyncio.Future[Any] | None = None
    blocking: Future[Any] | None = None
    mends: bool = False
    """Whether it is worth a second try on a database that has failed: disks are cleared."""

    result: Any = None
    error: Exception | None = None


class SqliteWriter:
    """Does work on the database at `path`, which one connection locks for as long as it is open.

    A piece of work that raises :class:`ImporterError` must not have written anything; only its own caller is
    told. Once the database itself fails, that and everything later raises :class:`LedgerError`
    (:class:`LedgerBusyError` if another program has it, :class:`UsageError` if it is no database). What was
    posted is kept, and written when :meth:`mend` or :meth:`close` finds that the database works again: an
    outcome that is known must not be lost to a disk that was full for a moment. `admit` looks at a database
    before anything of it is changed; what it raises is raised by all work. `dismiss` is called before the
    database is closed; what it raises is not told.
    """

    def __init__(
        self,
        path: Path,
        *,
        admit: Work[object] = lambda connection: None,
        dismiss: Work[object] = lambda connection: None,
    ) -> None:
        self._path = path
        self._admit = admit
        self._dismiss = dismiss
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._broken: ImporterError | None = None
        self._kept: list[_Job] = []
        self._thread = threading.Thread(
            target=copy_context().run, args=(self._serve,), name="ledger", daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        """Do the work that is waiting, and close the database."""
        self._jobs.put(None)
        self._thread.join()

    def post(self, work: Work[object]) -> None:
        """Have `work` done, no later than anything that is asked for after it."""
        self._jobs.put(_Job(work))

    def post_piece(self, together: Together, piece: object) -> None:
        """Have a `piece` of work done, with others of its kind, in the order of all that is asked for."""
        self._jobs.put(_Job(piece, together))

    async def ask_piece(self, together: Together, piece: object) -> None:
        """Return when a `piece` of work is on disk; raise why it was refused."""
        await self._asked(_Job(piece, together))

    async def ask(self, work: Work[_T]) -> _T:
        """Return what `work` returns, once it is on disk."""
        result: _T = await self._asked(_Job(work))
        return result

    async def mend(self) -> None:
        """Return when everything asked for before is on disk; try again if the database has failed."""
        await self._asked(_Job(lambda connection: None, mends=True))

    def call(self, work: Work[_T]) -> _T:
        """Return what `work` returns, once it is on disk, and let nothing else happen meanwhile."""
        future: Future[_T] = Future()
        self._jobs.put(_Job(work, blocking=future))
        return future.result()

    async def _asked(self, job: _Job) -> Any:
        job.asynchronous = asyncio.get_running_loop().create_future()
        self._jobs.put(job)
        return await job.asynchronous

    def _serve(self) -> None:
        connection: sqlite3.Connection | None = None
        more = True
        while more:
            jobs: list[_Job] = []
            job = self._jobs.get()
            with suppress(queue.Empty):
                while job is not None:
                    jobs.append(job)
                    if len(jobs) == _GROUP_LIMIT:
                        break
                    job = self._jobs.get_nowait()
            more = job is not None
            try:
                again = connection is not None and (not more or any(job.mends for job in jobs))
                if self._broken is None or again:
                    connection = connection or self._connect()
                    self._write(connection, [*self._kept, *jobs])
                    self._broken = None
                    self._kept.clear()
            except ImporterError as error:
                self._broken = error
            # Any other mistake, too, must reach the callers: without this thread they would wait for ever.
            except Exception as error:
                self._broken = self._reading(error)
            if self._broken is not None:
                self._kept += [job for job in jobs if job.blocking is None and job.asynchronous is None]
            for unfinished in jobs:
                unfinished.error = unfinished.error or self._broken
            _deliver(jobs)
        if connection is not None:
            with suppress(sqlite3.Error, OSError):
                self._dismiss(connection)
            with suppress(sqlite3.Error):
                connection.close()

    def _connect(self) -> sqlite3.Connection:
        alone = not failpoints.is_missing(Safeguard.LOCK)
        connection = sqlite3.connect(
            self._path, isolation_level=None, timeout=0 if alone else 60, cached_statements=64
        )
        try:
            if alone:
                connection.execute("PRAGMA locking_mode = EXCLUSIVE")
            self._admit(connection)
            for pragma in ("journal_mode = WAL", "synchronous = FULL", "cache_size = -6144"):
                connection.execute(f"PRAGMA {pragma}")
        except BaseException:
            connection.close()
            raise
        return connection

    def _write(self, connection: sqlite3.Connection, jobs: Sequence[_Job]) -> None:
        synced = not failpoints.is_missing(Safeguard.SYNC)
        # Some faults roll the transaction back by themselves, others leave it open. (Where a test takes the
        # sync away, what is open is the last group, which was answered for already.)
        if connection.in_transaction:
            connection.execute("ROLLBACK" if synced else "COMMIT")
        # Between the beginning and the end of a transaction of its own no test can kill anything.
        if not failpoints.is_armed_within_steps() and _done_at_once(connection, jobs):
            failpoints.reached(Point.COMMITTED)
            return
        connection.execute("BEGIN IMMEDIATE")
        _do(connection, jobs)
        if synced:
            failpoints.reached(Point.COMMIT_BEGINS)
            connection.execute("COMMIT")
            failpoints.reached(Point.COMMITTED)

    def _reading(self, error: Exception) -> ImporterError:
        name = getattr(error, "sqlite_errorname", "")
        if name.startswith("SQLITE_BUSY"):
            return LedgerBusyError(
                _("Another program holds the ledger {path}. Close it, and start again.").format(
                    path=self._path
                )
            )
        if name == "SQLITE_NOTADB":
            return UsageError(
                _("{path} is no ledger, and was left as it is. Give another file with --ledger.").format(
                    path=self._path
                )
            )
        if name == "SQLITE_FULL":
            return LedgerError(
                _(
                    "The disk of the ledger {path} is full, so nothing more is sent. Free some space, "
                    "and run the same command again: what was written before is kept, and a row whose "
                    "outcome was not is in doubt then."
                ).format(path=self._path)
            )
        if isinstance(error, sqlite3.Error):
            return LedgerError(
                _(
                    "The ledger {path} cannot be read or written ({error}), so nothing more is sent. "
                    "Check the disk, its free space and the file's owner; what was written before is "
                    "kept."
                ).format(path=self._path, error=error)
            )
        return LedgerError(
            _(
                "The ledger {path} failed ({name}), so nothing more is sent; what was written before "
                "is kept. Please report it."
            ).format(path=self._path, name=type(error).__name__)
        )


def _done_at_once(connection: sqlite3.Connection, jobs: Sequence[_Job]) -> bool:
    together = jobs[0].together if jobs else None
    if together is None or any(job.together is not together for job in jobs):
        return False
    return together.take_at_once(connection, [job.piece for job in jobs])


def _do(connection: sqlite3.Connection, jobs: Sequence[_Job]) -> None:
    for together, group in groupby(jobs, key=lambda job: job.together):
        like = list(group)
        if together is not None:
            for job, refusal in zip(
                like, together.take(connection, [job.piece for job in like]), strict=True
            ):
                job.error = refusal
            continue
        for job in like:
            # What a job refuses it refuses before it writes, so the others of its group are not touched.
            try:
                job.result = job.piece(connection)
            except ImporterError as error:
                job.error = error


def _deliver(jobs: Sequence[_Job]) -> None:
    waiting: dict[asyncio.AbstractEventLoop, list[_Job]] = {}
    for job in jobs:
        if job.blocking is not None:
            if job.error is None:
                job.blocking.set_result(job.result)
            else:
                job.blocking.set_exception(job.error)
        elif job.asynchronous is not None:
            waiting.setdefault(job.asynchronous.get_loop(), []).append(job)
    for loop, asked in waiting.items():
        # The loop is gone when its run was given up; then nobody waits any more.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(_resolve, asked)


def _resolve(jobs: Sequence[_Job]) -> None:
    for job in jobs:
        future = job.asynchronous
        if future is None or future.done():
            continue
        if job.error is None:
            future.set_result(job.result)
        else:
            future.set_exception(job.error)
