"""The runs that a ledger knows of, read without changing anything of it.

A ledger that was closed well is read where it is. One that a killed run left with a log, or that an older
lead-importer wrote, is copied, and the copy is brought up to date: not even the log of the original is
settled. Nobody else can change the ledger meanwhile, since its lock is held.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple, Self

from importer.errors import UsageError
from importer.language import _, in_figures
from importer.ledger import guards, statements
from importer.ledger.locks import ProcessLock
from importer.ledger.rows import PAGE, page_of_results, result_row
from importer.model import Command, OutcomeName, ResultRow

LAST = "last"
"""The name of the newest run, whatever it is called."""

_MOST_NAMED = 5

_RUNS = "SELECT id, name, environment, base_url, started_at, command, summary FROM run"


class RunRecord(NamedTuple):
    """A run as the ledger has it."""

    number: int
    name: str
    environment: str
    base_url: str
    started_at: str
    """ISO 8601, UTC."""

    command: Command
    summary: Mapping[str, Any] | None
    """None for a run that was killed."""


class RunHistory:
    """The runs in the ledger at `path`; a context manager that holds its lock, so be short.

    Opening raises :class:`LedgerBusyError` while a run has the ledger, :class:`UsageError` if the file is
    something else or cannot be read, and :class:`LedgerError` if it is damaged or lacks its log. So do the
    methods.
    """

    def __init__(self, path: Path) -> None:
        self._path = path.resolve()
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        """Lock the ledger, and open it."""
        with ExitStack() as stack:
            lock = ProcessLock(self._path, _("the ledger {path}").format(path=self._path))
            try:
                lock.acquire()
                stack.callback(lock.release)
                guards.refuse_without_log(self._path)
                with self._translating():
                    self._connection = self._opened(stack)
            except OSError as error:
                raise UsageError(
                    _("The ledger {path} cannot be read ({reason}). Give another one with --ledger.").format(
                        path=self._path, reason=error.strerror or error
                    )
                ) from error
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *exception: object) -> None:
        """Let go of the ledger."""
        self._stack.close()

    def count(self) -> int:
        """Return how many runs the ledger knows of."""
        with self._translating():
            (found,) = self._connection.execute("SELECT count(*) FROM run").fetchone()
        return int(found)

    def newest(self, limit: int | None = None) -> list[RunRecord]:
        """Return the newest runs, the very newest first: at most `limit`, if it is given."""
        with self._translating():
            found = self._connection.execute(
                f"{_RUNS} ORDER BY id DESC LIMIT ?", (-1 if limit is None else limit,)
            ).fetchall()
        return list(map(_record, found))

    def find(self, named: str) -> RunRecord:
        """Return the run of this name or with the only name that begins so; the newest for :data:`LAST`.

        Raises :class:`UsageError` if there is none, or several.
        """
        if named == LAST:
            newest = self.newest(1)
            if not newest:
                raise UsageError(_("The ledger {path} knows of no run yet.").format(path=self._path))
            return newest[0]
        with self._translating():
            found = self._connection.execute(
                f"{_RUNS} WHERE substr(name, 1, length(?1)) = ?1 ORDER BY name != ?1, id DESC", (named,)
            ).fetchall()
        records = list(map(_record, found))
        if not records:
            raise UsageError(
                _(
                    "The ledger {path} knows of no run {named!r}. `lead-importer history` lists the runs; "
                    "another ledger is named with --ledger."
                ).format(path=self._path, named=named)
            )
        if len(records) > 1 and records[0].name != named:
            names = ", ".join(record.name for record in records[:_MOST_NAMED])
            if (more := len(records) - _MOST_NAMED) > 0:
                names = _("{names} and {count} more").format(names=names, count=in_figures(more))
            raise UsageError(
                _("{named!r} begins the names of several runs: {names}. Give more of one.").format(
                    named=named, names=names
                )
            )
        return records[0]

    def files(self, run: int) -> list[str]:
        """Return the files that a run has begun to read, as they were named to it."""
        with self._translating():
            found = self._connection.execute(
                "SELECT source FROM sheet WHERE run = ? GROUP BY source ORDER BY min(id)", (run,)
            ).fetchall()
        return [source for (source,) in found]

    def count_outcomes(self, run: int) -> dict[OutcomeName, int] | None:
        """Return how many rows of a run stand at each outcome now; None once a later run has read them."""
        with self._translating():
            outcomes = statements.count_outcomes(self._connection, run)
            if any(outcomes.values()):
                return outcomes
            (taken,) = self._connection.execute(
                "SELECT EXISTS (SELECT 1 FROM sheet AS older JOIN sheet AS newer "
                "ON newer.path = older.path AND newer.name = older.name AND newer.run > older.run "
                "WHERE older.run = ?)",
                (run,),
            ).fetchone()
        return None if taken else outcomes

    def details(self, run: int) -> Mapping[str, Any] | None:
        """Return what was noted with :meth:`importer.ledger.Ledger.end_run` besides the summary."""
        with self._translating():
            found = self._connection.execute("SELECT details FROM report WHERE run = ?", (run,)).fetchone()
        return json.loads(found[0]) if found else None

    def result_rows(self, run: int) -> Iterator[ResultRow]:
        """Yield what is known of the run's rows, in their order."""
        for first in count(1, PAGE):
            with self._translating():
                page = page_of_results(self._connection, run, first, None)
            if page is None:
                return
            yield from map(result_row, page)

    def _opened(self, stack: ExitStack) -> sqlite3.Connection:
        log = self._path.with_name(f"{self._path.name}-wal")
        if not (log.exists() and log.stat().st_size):
            # Where nobody writes, SQLite needs neither locks nor files of its own.
            address = f"{self._path.as_uri()}?mode=ro&immutable=1"
            connection = stack.enter_context(closing(sqlite3.connect(address, uri=True)))
            guards.refuse_foreign(connection, self._path)
            if statements.is_up_to_date(connection):
                return connection
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="lead-importer-")))
        copy = folder / self._path.name
        shutil.copyfile(self._path, copy)
        if log.exists():
            shutil.copyfile(log, folder / log.name)
        connection = stack.enter_context(closing(sqlite3.connect(copy, isolation_level=None)))
        guards.refuse_foreign(connection, self._path)
        guards.prepare(connection)
        connection.execute("BEGIN")
        guards.bring_up_to_date(connection, self._path)
        # As the next run will find them.
        statements.doubt_interrupted(connection)
        connection.execute("COMMIT")
        return connection

    @contextmanager
    def _translating(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            if getattr(error, "sqlite_errorname", "") == "SQLITE_NOTADB":
                raise UsageError(
                    _("{path} is no ledger. Give another file with --ledger.").format(path=self._path)
                ) from error
            raise guards.damaged(self._path, str(error)) from error


def _record(values: tuple[Any, ...]) -> RunRecord:
    record = RunRecord._make(values)
    return record if record.summary is None else record._replace(summary=json.loads(values[-1]))
