"""Statuses of applications in bulk: a sheet in, statuses set, ledger, results, summary and exit code out.

To set a status twice changes nothing, so no row is in doubt here: what is not known to be set is sent, and
sent again. The ledger remembers what was set, so that a second run sends nothing, and forgets the status that
was known before another is asked for: without an answer nobody knows which of the two it is.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence, Set
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from importer.access import account_held, api_of, credentials_of, ledger_of, transport_of
from importer.calls import Caller
from importer.errors import ImporterError
from importer.failpoints import refuse_unsafe
from importer.file_stamps import note_written
from importer.identity import account_id
from importer.importing import hurry, run_name, start_of, system_time, take_in
from importer.intake import Identity, problem_text
from importer.interrupts import Interrupts
from importer.language import _, in_figures, marked
from importer.ledger import KnownApplication, Ledger, StatusSet
from importer.mapping.updates import conflict
from importer.model import (
    UPDATE_OUTCOMES,
    Application,
    CallEnd,
    Done,
    ErrorInfo,
    InDoubt,
    InvalidRow,
    OutcomeName,
    Place,
    Rejected,
    ResultRow,
    Update,
)
from importer.operations import read_update, update_status, utc_text
from importer.outputs import keep_what_was_changed, or_beside
from importer.places import refuse_bad_update_places, updated_path
from importer.pool import Pool, PoolEnd, RowEnded, Time, Watcher, outcome_of
from importer.report import ImportReport, exit_code
from importer.results import write_results, write_summary
from importer.row_spool import RowSpool
from importer.seen import SeenIds
from importer.settings import Settings
from importer.update_intake import UpdateInput, conflicting, open_updates, standing, status_in_doubt

_AGAIN = marked("The ledger knows what was set: run the same command again, and nothing is sent twice.")


@dataclass(slots=True)
class PendingUpdate:
    """A status that is to be set."""

    update: Update
    position: int
    """Of its row among those that were read, from 0."""

    known: KnownApplication
    tries: int = 0

    @property
    def place(self) -> Place:
        """Where its row stands."""
        return self.update.place


class Updater(Pool[PendingUpdate]):
    """One run over sheets of statuses. It is used once: :meth:`run`, and meanwhile :meth:`stop`."""

    def __init__(
        self,
        inputs: Sequence[UpdateInput],
        settings: Settings,
        *,
        run: str,
        identity: Identity,
        ledger: Ledger,
        spool: RowSpool,
        watcher: Watcher,
        time: Time,
    ) -> None:
        super().__init__(
            settings.concurrency, settings.rate, watcher=watcher, time=time, outcomes=UPDATE_OUTCOMES
        )
        self.left_out = 0
        """How many rows give no status, and so are none of those that were read."""

        self._inputs = inputs
        self._settings = settings
        self._run = run
        self._identity = identity
        self._ledger = ledger
        self._spool = spool

    async def run(self, caller: Caller | None) -> None:
        """Read everything and set the statuses that are not known to be so; without a `caller` send nothing.

        Returns when every row that was read has an outcome; `stops` then tells whether the run was stopped.
        """
        rows = sum(given.sheet.height for given in self._inputs)
        await self._settle_all(rows, self._updates(), None if caller is None else partial(self._set, caller))

    async def _updates(self) -> AsyncIterator[PendingUpdate]:
        """Read all rows; yield the updates that are to be sent."""
        disputed = await asyncio.to_thread(conflicting, self._inputs)
        await self._ledger.begin_updates()
        seen = SeenIds()
        sent = 0
        for given in self._inputs:
            chunks = given.updates()
            while read := await asyncio.to_thread(next, chunks, None):
                chunk = [update for update in read if update is not None]
                self.left_out += len(read) - len(chunk)
                for update, known in zip(chunk, await self._known(chunk), strict=True):
                    position = self.totals.read
                    self.totals.read += 1
                    end = self._standing(update, known, given, disputed, seen)
                    if isinstance(end, Update):
                        sent += 1
                        yield PendingUpdate(end, position, known)
                    elif isinstance(end, InvalidRow):
                        problem = problem_text(end.problems)
                        self._keep(position, end, known, OutcomeName.INVALID, problem)
                    else:
                        self._keep(position, update, known, end)
                    if sent == self._settings.limit:
                        return
                if self._hurried:
                    return

    async def _known(self, chunk: Sequence[Update | InvalidRow]) -> list[KnownApplication]:
        ids = [update.application_id for update in chunk if isinstance(update, Update)]
        found = iter(
            await self._ledger.find_applications(self._identity.account, self._identity.environment, ids)
        )
        return [next(found) if isinstance(update, Update) else KnownApplication("") for update in chunk]

    def _standing(
        self,
        update: Update | InvalidRow,
        known: KnownApplication,
        given: UpdateInput,
        disputed: Set[str],
        seen: SeenIds,
    ) -> Update | InvalidRow | OutcomeName:
        if isinstance(update, InvalidRow):
            return update
        column = given.mapping.status.header
        if update.application_id in disputed:
            return InvalidRow(update.place, (conflict(column),), known.customer_id, update.notes)
        if seen.note(update.application_id):
            return OutcomeName.DUPLICATE
        return standing(update, known, column, strict=self._settings.strict)

    async def _set(self, caller: Caller, pending: PendingUpdate) -> CallEnd[bool]:
        update = pending.update
        asked = StatusSet(
            account=self._identity.account,
            environment=self._identity.environment,
            application_id=update.application_id,
            status=update.status,
            run=self._run,
        )
        doubt = replace(asked, status=status_in_doubt(update))
        end, pending.tries = await caller.call(
            pending, update_status(update), read_update, partial(self._ledger.intend_status, doubt)
        )
        if isinstance(end, Done):
            self._ledger.record_status(asked)
        elif isinstance(end, Rejected) and pending.tries == 1:
            # Refused at the first try, it is what it was; an earlier try without an answer may have set it.
            self._ledger.record_status(replace(asked, status=pending.known.status))
        return end

    def _ended(self, pending: PendingUpdate, end: PoolEnd) -> None:
        outcome, error = outcome_of(end)
        if isinstance(end, InDoubt):
            # Only an error of the importer itself ends so, and to send it again does no harm.
            outcome = OutcomeName.FAILED
        self._keep(pending.position, pending.update, pending.known, outcome, error, pending.tries)

    def _keep(
        self,
        position: int,
        row: Update | InvalidRow,
        known: KnownApplication,
        outcome: OutcomeName,
        error: ErrorInfo | None = None,
        tries: int = 0,
    ) -> None:
        """Keep for the results how a row has ended, and count it."""
        application = None
        if isinstance(row, Update):
            application = Application(row.application_id, row.status, known.created_at)
        told = ResultRow(
            row.place, known.customer_id, outcome, application, tries, error, tuple(map(str, row.notes))
        )
        # Counted first, since a row that cannot be kept has ended all the same.
        self._count(RowEnded(row.place, outcome, error, known.customer_id))
        self._spool.keep(position, told)


async def update_file(
    source: str,
    settings: Settings,
    *,
    watcher: Watcher,
    notices: Sequence[str] = (),
    time: Time | None = None,
    spool: Path | None = None,
    interrupts: Interrupts | None = None,
    name: str | None = None,
) -> ImportReport:
    """Set the statuses that the file named `source` tells, and return what became of its rows.

    The arguments are those of :func:`importer.importing.import_files`, which raises the same errors.
    """
    time = time or system_time()
    refuse_unsafe(settings.env)
    credentials, lacking = credentials_of(settings)
    with ExitStack() as stack:
        inputs, found = open_updates(source, settings, spool=spool)
        refuse_bad_update_places(source, settings.results, settings.summary, settings.ledger_path())
        identity = Identity(account_id(credentials.client_key), settings.env)
        stack.enter_context(account_held(settings, identity.account))
        ledger = stack.enter_context(ledger_of(settings, time.clock))
        rows = stack.enter_context(RowSpool())
        async with api_of(settings, credentials) as base_url:
            report = ImportReport(
                run=name or run_name(time.clock()),
                command="update",
                environment=settings.env,
                base_url=base_url,
                files=[source],
                started_at=utc_text(time.clock()),
                notices=[*notices, *lacking, *found],
            )
            run = await ledger.begin_run(start_of(report))
            updater = Updater(
                inputs,
                settings,
                run=report.run,
                identity=identity,
                ledger=ledger,
                spool=rows,
                watcher=watcher,
                time=time,
            )
            begun = time.timer()
            height = sum(given.sheet.height for given in inputs)
            async with transport_of(base_url, settings, height) as transport:
                if interrupts is not None:
                    interrupts.attach(updater.stop, partial(hurry, updater, transport))
                caller = Caller(
                    sender=transport,
                    credentials=credentials,
                    attempts=settings.attempts,
                    surroundings=updater.surroundings(),
                )
                await updater.run(None if settings.dry_run else caller)
            # As the ledger keeps it, so that a later report of the run tells the same.
            report.seconds = round(time.timer() - begun, 3)
        if updater.left_out:
            report.notices.append(
                _("{file}: rows left out since they have no status: {count}").format(
                    file=source, count=in_figures(updater.left_out)
                )
            )
        take_in(report, updater, time.clock())
        await _conclude(report, updater.stops, run, ledger, rows, settings)
    return report


async def _conclude(
    report: ImportReport,
    stops: list[ImporterError],
    run: int,
    ledger: Ledger,
    rows: RowSpool,
    settings: Settings,
) -> None:
    """Write everything that an update leaves behind; what cannot be written keeps nothing else from being."""

    async def write() -> None:
        if not settings.dry_run:
            await asyncio.to_thread(_write_results, report, ledger, rows, settings)

    async def end() -> None:
        await ledger.end_run(run, report.summary(), report.details(), complete=False)

    async def summarise() -> None:
        if settings.summary is not None:
            write_summary(settings.summary, report.summary())

    steps: tuple[Callable[[], Awaitable[None]], ...] = (ledger.flush, write, end, summarise)
    for step in steps:
        _note_stop(report, stops)
        try:
            await step()
        except ImporterError as error:
            if str(error) not in (*report.notices, *map(str, stops)):
                report.notices.append(str(error))
            stops.append(error)
    _note_stop(report, stops)


def _note_stop(report: ImportReport, stops: Sequence[ImporterError]) -> None:
    report.stop = stops[0] if stops else None
    report.stopped = str(report.stop) if report.stop else None
    report.exit_code = exit_code(report.totals, stops)


def _write_results(report: ImportReport, ledger: Ledger, rows: RowSpool, settings: Settings) -> None:
    path = updated_path(report.files[0], settings.results)
    report.notices += keep_what_was_changed(path, ledger)
    path, told = or_beside(path, lambda path: write_results(path, rows.rows(), otherwise=_AGAIN))
    report.results.append(path)
    report.notices += told
    note_written(ledger, report.results)
