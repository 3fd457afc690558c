"""The ledger in one SQLite file.

The connection locks the file (``locking_mode=EXCLUSIVE``): SQLite before 3.51.3 has a fault in its
write-ahead log with two connections. A second process is turned away by a lock beside the file before it
comes so far.
A lead's outcome and the next lead's intent often travel in one transaction (:mod:`importer.ledger.writer`).
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from contextlib import suppress
from functools import partial
from itertools import count
from pathlib import Path
from typing import Self

from importer import failpoints
from importer.errors import InternalError, LedgerError, UsageError
from importer.failpoints import Point
from importer.language import _
from importer.ledger import (
    Answer,
    Entry,
    KnownApplication,
    OpenLead,
    Policy,
    RunStart,
    Standing,
    StatusSet,
    answers,
    guards,
    statements,
    steps,
    updates,
)
from importer.ledger.enrolling import Enrolment
from importer.ledger.locks import ProcessLock
from importer.ledger.rows import (
    PAGE,
    application_ids,
    leads_sent,
    page_of_results,
    result_row,
    storable,
)
from importer.ledger.steps import Step
from importer.ledger.writer import SqliteWriter, Together
from importer.model import OutcomeName, ResultRow, RowEnd

_STEPS = Together(steps.take, steps.take_at_once)


class SqliteLedger:
    """A :class:`importer.ledger.Ledger` in the file at `path`; a context manager that opens and closes it.

    The file is made when there is none, for its owner alone (mode 0600). Opening it turns every lead that a
    dead run left `sending` into one in doubt. `clock` returns seconds since the epoch. Opening raises
    :class:`LedgerBusyError` while another process has it, :class:`UsageError` if the file is something else
    or cannot be used, and :class:`LedgerError` if it is damaged.
    """

    def __init__(self, path: Path, *, clock: Callable[[], float] = time.time) -> None:
        # What stands beside it, its log above all, is beside the file itself and not beside a link to it.
        self.path = path.resolve()
        self._clock = clock
        self._lock = ProcessLock(self.path, _("the ledger {path}").format(path=self.path))
        self._writer: SqliteWriter | None = None
        self._enrolment = Enrolment(0)

    def __enter__(self) -> Self:
        """Open the ledger."""
        try:
            # Before the lock, so that nothing is left beside a file that cannot be.
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600))
            if self.path.stat().st_nlink > 1:
                raise UsageError(
                    _(
                        "The ledger {path} is one file under several names (hard links), and its log is "
                        "beside only one of them. Remove the others, or name a copy with --ledger."
                    ).format(path=self.path)
                )
            self._lock.acquire()
            failpoints.reached(Point.LEDGER_LOCKED)
        except OSError as error:
            self._lock.release()
            raise self._unusable(error) from error
        try:
            guards.refuse_without_log(self.path)
            self._writer = SqliteWriter(
                self.path, admit=self._admit, dismiss=partial(guards.settle, path=self.path)
            )
            self._writer.call(self._open)
            guards.mark_open(self.path)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """Write what is waiting, and let go of the file."""
        if self._writer is not None:
            self._close(self._writer)
            failpoints.reached(Point.LEDGER_CLOSED)
        self._lock.release()

    async def begin_run(self, start: RunStart) -> int:
        """See :meth:`importer.ledger.Ledger.begin_run`."""
        run = await self._open_writer.ask(
            lambda connection: (
                connection.execute(
                    "INSERT INTO run (name, environment, base_url, started_at, command) "
                    "VALUES (?, ?, ?, ?, ?)",
                    (start.name, start.environment, start.base_url, start.started_at, start.command),
                ).lastrowid
                or 0
            )
        )
        self._enrolment = Enrolment(run)
        return run

    async def add_sheet(self, run: int, source: str, path: str, name: str) -> int:
        """See :meth:`importer.ledger.Ledger.add_sheet`."""
        return await self._open_writer.ask(
            lambda connection: (
                connection.execute(
                    "INSERT INTO sheet (run, source, path, name) VALUES (?, ?, ?, ?)",
                    (run, storable(source), storable(path), storable(name)),
                ).lastrowid
                or 0
            )
        )

    async def enrol(
        self, run: int, entries: Sequence[Entry], policy: Policy, *, most: int | None = None
    ) -> list[Standing]:
        """See :meth:`importer.ledger.Ledger.enrol`."""
        enrolment = self._enrolment
        try:
            return await self._open_writer.ask(
                lambda connection: enrolment.enrol(connection, run, entries, policy, most)
            )
        except LedgerError:
            enrolment.failed = True
            raise

    async def intend(self, run: int, lead: int, attempts: int) -> None:
        """See :meth:`importer.ledger.Ledger.intend`."""
        await self._open_writer.ask_piece(_STEPS, Step(lead, run, attempts, self._now()))

    def record(self, run: int, lead: int, end: RowEnd, attempts: int) -> None:
        """See :meth:`importer.ledger.Ledger.record`."""
        self._open_writer.post_piece(_STEPS, Step(lead, run, attempts, self._now(), end))

    async def flush(self) -> None:
        """See :meth:`importer.ledger.Ledger.flush`."""
        await self._open_writer.mend()

    async def end_run(
        self,
        run: int,
        summary: Mapping[str, object],
        details: Mapping[str, object] | None = None,
        *,
        complete: bool = True,
    ) -> None:
        """See :meth:`importer.ledger.Ledger.end_run`."""
        await self._open_writer.ask(
            lambda connection: statements.end_run(connection, run, summary, details, complete=complete)
        )

    async def move_file(self, run: int, path: str, to: str) -> None:
        """See :meth:`importer.ledger.Ledger.move_file`."""
        await self._open_writer.ask(
            lambda connection: connection.execute(
                "UPDATE sheet SET path = ? WHERE run = ? AND path = ?", (storable(to), run, storable(path))
            )
        )

    def count_outcomes(self, run: int) -> dict[OutcomeName, int]:
        """See :meth:`importer.ledger.Ledger.count_outcomes`."""
        return self._open_writer.call(lambda connection: statements.count_outcomes(connection, run))

    def result_rows(self, run: int, path: str | None = None) -> Iterator[ResultRow]:
        """See :meth:`importer.ledger.Ledger.result_rows`."""
        path = None if path is None else storable(path)
        for first in count(1, PAGE):
            page = self._open_writer.call(partial(page_of_results, run=run, first=first, path=path))
            if page is None:
                return
            yield from map(result_row, page)

    def knows_application(self) -> Callable[[str], bool]:
        """See :meth:`importer.ledger.Ledger.knows_application`."""
        return self._open_writer.call(application_ids)

    def leads_sent(self, customers: Set[str], environment: str) -> Counter[str]:
        """See :meth:`importer.ledger.Ledger.leads_sent`."""
        return self._open_writer.call(lambda connection: leads_sent(connection, customers, environment))

    async def begin_updates(self) -> None:
        """See :meth:`importer.ledger.Ledger.begin_updates`."""
        await self._open_writer.ask(updates.prepare)

    async def find_applications(
        self, account: str, environment: str, application_ids: Sequence[str]
    ) -> list[KnownApplication]:
        """See :meth:`importer.ledger.Ledger.find_applications`."""
        return await self._open_writer.ask(
            lambda connection: updates.find(connection, account, environment, application_ids)
        )

    async def intend_status(self, given: StatusSet) -> None:
        """See :meth:`importer.ledger.Ledger.intend_status`."""
        now = self._now()
        await self._open_writer.ask(lambda connection: updates.record(connection, given, now))

    def record_status(self, given: StatusSet) -> None:
        """See :meth:`importer.ledger.Ledger.record_status`."""
        now = self._now()
        self._open_writer.post(lambda connection: updates.record(connection, given, now))

    def note_written(self, path: str, stamp: tuple[int, int]) -> None:
        """See :meth:`importer.ledger.Ledger.note_written`."""
        self._open_writer.call(
            lambda connection: connection.execute(
                "INSERT OR REPLACE INTO written VALUES (?, ?, ?)", (storable(path), *stamp)
            )
        )

    def stamp_written(self, path: str) -> tuple[int, int] | None:
        """See :meth:`importer.ledger.Ledger.stamp_written`."""
        found: tuple[int, int] | None = self._open_writer.call(
            lambda connection: connection.execute(
                "SELECT size, changed_at FROM written WHERE path = ?", (storable(path),)
            ).fetchone()
        )
        return found

    def last_run(self, path: str) -> int | None:
        """See :meth:`importer.ledger.Ledger.last_run`."""
        return self._open_writer.call(lambda connection: statements.last_run(connection, storable(path)))

    def moved_to(self, path: str) -> str | None:
        """See :meth:`importer.ledger.Ledger.moved_to`."""
        return self._open_writer.call(lambda connection: statements.moved_to(connection, path))

    def open_leads(self, path: str) -> list[OpenLead]:
        """See :meth:`importer.ledger.Ledger.open_leads`."""
        return self._open_writer.call(lambda connection: answers.open_leads(connection, storable(path)))

    def answer(self, given: Sequence[Answer], *, answered_at: str, answered_by: str) -> None:
        """See :meth:`importer.ledger.Ledger.answer`."""
        now = self._now()
        self._open_writer.call(
            lambda connection: answers.record_answers(
                connection, given, answered_at, storable(answered_by), now
            )
        )

    def close_and_copy(self, path: Path) -> None:
        """Copy everything to `path`; nobody changes it meanwhile, since the lock is held until the end.

        Nothing else can be done with this object then. Raises :class:`UsageError` if that cannot be written.
        """
        # Once closed, everything is in the one file.
        self._close(self._open_writer)
        try:
            shutil.copyfile(self.path, path)
        except OSError as error:
            raise self._unusable(error) from error

    def _close(self, writer: SqliteWriter) -> None:
        self._writer = None
        writer.close()
        guards.note_closed(self.path)

    def _now(self) -> int:
        return int(self._clock() * 1000)

    @property
    def _open_writer(self) -> SqliteWriter:
        if self._writer is None:
            raise InternalError(_("The ledger is used while it is closed; please report it."))
        return self._writer

    def _unusable(self, error: OSError) -> UsageError:
        return UsageError(
            _("The ledger {path} cannot be opened ({reason}). Give another place with --ledger.").format(
                path=self.path, reason=error.strerror or error
            )
        )

    def _admit(self, connection: sqlite3.Connection) -> None:
        """Refuse what is no ledger that is known here, before anything of the file is changed."""
        guards.refuse_foreign(connection, self.path)
        try:
            self.path.chmod(0o600)
            # SQLite's log takes its mode from the file, and was made already if this is a ledger.
            with suppress(FileNotFoundError):
                self.path.with_name(f"{self.path.name}-wal").chmod(0o600)
        except OSError as error:
            raise self._unusable(error) from error

    def _open(self, connection: sqlite3.Connection) -> None:
        guards.prepare(connection)
        guards.bring_up_to_date(connection, self.path)
        failpoints.reached(Point.TABLES_READY)
        guards.refuse_damaged(connection, self.path)
        steps.prepare(connection)
        statements.doubt_interrupted(connection)
        failpoints.reached(Point.DOUBT_WRITTEN)
