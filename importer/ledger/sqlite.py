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
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from itertools import count
from pathlib import Path
from typing import Self

from filelock import FileLock, Timeout

from importer.errors import InternalError, LedgerBusyError, UsageError
from importer.ledger import (
    SENDABLE,
    Entry,
    LeadState,
    Policy,
    RunStart,
    Standing,
    copy_key,
    standing_outcome,
    state_after,
)
from importer.ledger.rows import (
    outcome_in,
    packed,
    packed_error,
    packed_json,
    page_of_results,
    result_row,
    storable,
)
from importer.ledger.writer import SqliteWriter
from importer.model import (
    Created,
    ErrorInfo,
    OutcomeName,
    Place,
    ResultRow,
    RowEnd,
)

SCHEMA_VERSION = 1

_APPLICATION_ID = int.from_bytes(b"LEAD")
_PAGE = 1000

_SCHEMA = f"""
PRAGMA application_id = {_APPLICATION_ID};
PRAGMA user_version = {SCHEMA_VERSION};
CREATE TABLE run (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    environment TEXT NOT NULL,
    base_url TEXT NOT NULL,
    started_at TEXT NOT NULL,
    summary TEXT                -- JSON; NULL while it goes on, and for good when it was killed
) STRICT;
CREATE TABLE sheet (
    id INTEGER PRIMARY KEY,
    run INTEGER NOT NULL REFERENCES run,
    source TEXT NOT NULL,
    path TEXT NOT NULL,
    name TEXT NOT NULL
) STRICT;
CREATE INDEX sheet_path ON sheet (path);
CREATE TABLE lead (
    id INTEGER PRIMARY KEY,
    key BLOB NOT NULL UNIQUE,
    customer_id NOT NULL,
    state INTEGER NOT NULL,
    sheet INTEGER NOT NULL,     -- with row: where it was read last
    row INTEGER NOT NULL,
    run INTEGER,                -- the last one that sent it
    attempts INTEGER,           -- in that run
    changed_at INTEGER,         -- milliseconds since the epoch
    application_id,
    status TEXT,
    created_at TEXT,
    error TEXT                  -- JSON of ErrorInfo
);
CREATE TABLE entry (
    run INTEGER NOT NULL,
    position INTEGER NOT NULL,
    sheet INTEGER NOT NULL,
    row INTEGER NOT NULL,
    lead INTEGER,               -- NULL for a row that is no lead
    outcome TEXT,               -- NULL where the lead tells it
    customer_id TEXT,
    problem TEXT,               -- JSON of ErrorInfo
    notes TEXT,                 -- JSON, a list
    PRIMARY KEY (run, position)
) STRICT, WITHOUT ROWID;
"""


class SqliteLedger:
    """A :class:`importer.ledger.Ledger` in the file at `path`; a context manager that opens and closes it.

    The file is made when there is none, for its owner alone (mode 0600). Opening it turns every lead that a
    dead run left `sending` into one in doubt. `clock` returns seconds since the epoch. Opening raises
    :class:`LedgerBusyError` while another process has it, :class:`UsageError` if the file is something else
    or cannot be used, and :class:`LedgerError` if it is damaged.
    """

    def __init__(self, path: Path, *, clock: Callable[[], float] = time.time) -> None:
        self.path = path
        self._clock = clock
        self._lock = FileLock(f"{path}.lock", timeout=0, mode=0o600)
        self._writer: SqliteWriter | None = None
        self._positions = count(1)

    def __enter__(self) -> Self:
        """Open the ledger."""
        try:
            # Before the lock, so that nothing is left beside a file that cannot be.
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600))
            self._take_lock()
        except OSError as error:
            self._lock.release()
            raise self._unusable(error) from error
        self._writer = SqliteWriter(self.path, admit=self._admit)
        try:
            self._writer.call(self._open)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """Write what is waiting, and let go of the file."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None
        self._lock.release()

    async def begin_run(self, start: RunStart) -> int:
        """See :meth:`importer.ledger.Ledger.begin_run`."""
        self._positions = count(1)
        return await self._open_writer.ask(
            lambda connection: (
                connection.execute(
                    "INSERT INTO run (name, environment, base_url, started_at) VALUES (?, ?, ?, ?)",
                    (start.name, start.environment, start.base_url, start.started_at),
                ).lastrowid
                or 0
            )
        )

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
        return await self._open_writer.ask(
            lambda connection: self._enrol(connection, run, entries, policy, most)
        )

    async def intend(self, run: int, lead: int, attempts: int) -> None:
        """See :meth:`importer.ledger.Ledger.intend`."""
        now = self._now()
        await self._open_writer.ask(lambda connection: _intend(connection, run, lead, attempts, now))

    def record(self, run: int, lead: int, end: RowEnd, attempts: int) -> None:
        """See :meth:`importer.ledger.Ledger.record`."""
        now = self._now()
        self._open_writer.post(lambda connection: _record(connection, run, lead, end, attempts, now))

    async def flush(self) -> None:
        """See :meth:`importer.ledger.Ledger.flush`."""
        await self._open_writer.mend()

    async def end_run(self, run: int, summary: Mapping[str, object], *, complete: bool = True) -> None:
        """See :meth:`importer.ledger.Ledger.end_run`."""
        await self._open_writer.ask(lambda connection: _end_run(connection, run, summary, complete=complete))

    def count_outcomes(self, run: int) -> dict[OutcomeName, int]:
        """See :meth:`importer.ledger.Ledger.count_outcomes`."""
        return self._open_writer.call(lambda connection: _count_outcomes(connection, run))

    def result_rows(self, run: int, path: str | None = None) -> Iterator[ResultRow]:
        """See :meth:`importer.ledger.Ledger.result_rows`."""
        position = 0
        path = None if path is None else storable(path)
        while page := self._open_writer.call(
            partial(page_of_results, values=(run, position, path, path, _PAGE))
        ):
            yield from (result_row(run, values) for values in page)
            position = page[-1][0]

    def last_run(self, path: str) -> int | None:
        """See :meth:`importer.ledger.Ledger.last_run`."""
        (found,) = self._open_writer.call(
            lambda connection: connection.execute(
                "SELECT max(run) FROM sheet WHERE path = ?", (storable(path),)
            ).fetchone()
        )
        return None if found is None else int(found)

    def close_and_copy(self, path: Path) -> None:
        """Copy everything to `path`; nobody changes it meanwhile, since the lock is held until the end.

        Nothing else can be done with this object then. Raises :class:`UsageError` if that cannot be written.
        """
        writer = self._open_writer
        self._writer = None
        # Once closed, everything is in the one file.
        writer.close()
        try:
            shutil.copyfile(self.path, path)
        except OSError as error:
            raise self._unusable(error) from error

    def _take_lock(self) -> None:
        holder = self.path.with_name(f"{self.path.name}.holder")
        try:
            self._lock.acquire()
        except Timeout as error:
            who = ""
            with suppress(OSError, UnicodeDecodeError):
                who = holder.read_text(encoding="utf-8").strip()
            raise LedgerBusyError(
                f"Another run holds the ledger {self.path}{f' ({who})' if who else ''}. "
                "Wait until it has ended; two runs at once could create a lead twice."
            ) from error
        # Only for the message above: the lock itself is the system's, and ends with the process.
        with suppress(OSError):
            holder.write_text(
                f"process {os.getpid()}, since {time.strftime('%Y-%m-%d %H:%M:%S')}\n", encoding="utf-8"
            )
            holder.chmod(0o600)

    def _now(self) -> int:
        return int(self._clock() * 1000)

    @property
    def _open_writer(self) -> SqliteWriter:
        if self._writer is None:
            raise InternalError("The ledger is used while it is closed; please report it.")
        return self._writer

    def _unusable(self, error: OSError) -> UsageError:
        return UsageError(
            f"The ledger {self.path} cannot be opened ({error.strerror or error}). "
            "Give another place with --ledger."
        )

    def _admit(self, connection: sqlite3.Connection) -> None:
        """Refuse what is no ledger of this version, before anything of the file is changed."""
        (application_id,) = connection.execute("PRAGMA application_id").fetchone()
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if _has_tables(connection) and application_id != _APPLICATION_ID:
            raise UsageError(
                f"{self.path} is a database of something else, not a ledger. Give another file with --ledger."
            )
        if _has_tables(connection) and version != SCHEMA_VERSION:
            raise UsageError(
                f"The ledger {self.path} is of version {version}, and this lead-importer knows version "
                f"{SCHEMA_VERSION}. Use the lead-importer that made it, or a newer one."
            )
        try:
            self.path.chmod(0o600)
            # SQLite's log takes its mode from the file, and was made already if this is a ledger.
            with suppress(FileNotFoundError):
                self.path.with_name(f"{self.path.name}-wal").chmod(0o600)
        except OSError as error:
            raise self._unusable(error) from error

    def _open(self, connection: sqlite3.Connection) -> None:
        if not _has_tables(connection):
            for statement in _SCHEMA.split(";\n"):
                connection.execute(statement)
            return
        lost = ErrorInfo(
            code="interrupted", message="the importer ended after sending, before an answer was noted"
        )
        connection.execute(
            "UPDATE lead SET state = ?, error = ? WHERE state = ?",
            (LeadState.IN_DOUBT, packed_error(lost), LeadState.SENDING),
        )

    def _enrol(
        self,
        connection: sqlite3.Connection,
        run: int,
        entries: Sequence[Entry],
        policy: Policy,
        most: int | None,
    ) -> list[Standing]:
        (first_sheet,) = connection.execute("SELECT min(id) FROM sheet WHERE run = ?", (run,)).fetchone()
        standings: list[Standing] = []
        values: list[tuple[object, ...]] = []
        for entry in entries:
            if most == 0:
                break
            notes = list(entry.notes)
            if entry.key is None:
                standing = Standing(OutcomeName.INVALID)
            else:
                standing, earlier = _stand(connection, entry, entry.key, first_sheet, policy)
                notes += earlier
            standings.append(standing)
            if most is not None and standing.outcome is None:
                most -= 1
            own = standing.outcome in (OutcomeName.INVALID, OutcomeName.DUPLICATE, OutcomeName.REJECTED)
            values.append(
                (
                    run,
                    next(self._positions),
                    entry.sheet,
                    entry.row,
                    standing.lead or None,
                    str(standing.outcome) if own else None,
                    storable(entry.customer_id) if entry.key is None and entry.customer_id else None,
                    packed_error(entry.problem) if entry.problem else None,
                    packed_json(notes) if notes else None,
                )
            )
        connection.executemany("INSERT INTO entry VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", values)
        return standings


def _has_tables(connection: sqlite3.Connection) -> bool:
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    return bool(tables)


def _stand(
    connection: sqlite3.Connection, entry: Entry, key: bytes, first_sheet: int, policy: Policy
) -> tuple[Standing, list[str]]:
    for number in count():
        copy = copy_key(key, number)
        found = connection.execute(
            "SELECT lead.id, state, lead.sheet, row, sheet.source, sheet.name FROM lead "
            "JOIN sheet ON sheet.id = lead.sheet WHERE key = ?",
            (copy,),
        ).fetchone()
        if found is None:
            lead = connection.execute(
                "INSERT INTO lead (key, customer_id, state, sheet, row) VALUES (?, ?, ?, ?, ?)",
                (copy, packed(entry.customer_id), LeadState.PENDING, entry.sheet, entry.row),
            ).lastrowid
            return Standing(None, lead or 0), []
        lead, state, sheet, row, source, name = found
        same_run = sheet >= first_sheet
        if policy.send_duplicates and (same_run or state == LeadState.CREATED):
            continue
        outcome = standing_outcome(LeadState(state), same_run=same_run, policy=policy)
        if same_run:
            return Standing(outcome, lead), [f"the same lead stands in {Place(source, name, row)}"]
        connection.execute("UPDATE lead SET sheet = ?, row = ? WHERE id = ?", (entry.sheet, entry.row, lead))
        return Standing(outcome, lead, doubtful=state == LeadState.IN_DOUBT), []
    raise InternalError("A lead has no end of copies; please report it.")


def _intend(connection: sqlite3.Connection, run: int, lead: int, attempts: int, now: int) -> None:
    found = connection.execute("SELECT state FROM lead WHERE id = ?", (lead,)).fetchone()
    if found is None or found[0] not in SENDABLE:
        state = "not known" if found is None else LeadState(found[0]).name
        raise InternalError(
            f"A lead was to be sent although its state is {state}; nothing was sent. Please report it."
        )
    connection.execute(
        "UPDATE lead SET state = ?, run = ?, attempts = ?, changed_at = ? WHERE id = ?",
        (LeadState.SENDING, run, attempts, now, lead),
    )


def _record(
    connection: sqlite3.Connection, run: int, lead: int, end: RowEnd, attempts: int, now: int
) -> None:
    application = end.application if isinstance(end, Created) else None
    error = None if isinstance(end, Created) else end.error
    # Whatever a caller gets wrong, a created lead stays created: it must never become one that may be sent.
    connection.execute(
        "UPDATE lead SET state = ?, run = ?, attempts = ?, changed_at = ?, application_id = ?, status = ?, "
        "created_at = ?, error = ? WHERE id = ? AND state <> ?",
        (
            state_after(end),
            run,
            attempts,
            now,
            packed(application.application_id) if application else None,
            application.status if application else None,
            application.created_at if application else None,
            packed_error(error) if error else None,
            lead,
            LeadState.CREATED,
        ),
    )


def _end_run(
    connection: sqlite3.Connection, run: int, summary: Mapping[str, object], *, complete: bool
) -> None:
    connection.execute("UPDATE run SET summary = ? WHERE id = ?", (packed_json(summary), run))
    if complete:
        connection.execute(
            "DELETE FROM entry WHERE run < ? AND sheet IN (SELECT older.id FROM sheet AS older "
            "JOIN sheet AS newer ON newer.path = older.path AND newer.name = older.name "
            "WHERE newer.run = ? AND older.run < ?)",
            (run, run, run),
        )


def _count_outcomes(connection: sqlite3.Connection, run: int) -> dict[OutcomeName, int]:
    counts = dict.fromkeys(OutcomeName, 0)
    for outcome, state, same_run, rows in connection.execute(
        "SELECT entry.outcome, lead.state, lead.run = entry.run, count(*) FROM entry "
        "LEFT JOIN lead ON lead.id = entry.lead WHERE entry.run = ? GROUP BY 1, 2, 3",
        (run,),
    ):
        counts[outcome_in(outcome, state, bool(same_run))] += rows
    return counts
