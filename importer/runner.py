"""One run over files of leads: leads in, each submitted to its end by the pool of workers.

A run that stops settles what is under way; what it had not begun is `not_attempted`, but still read, so that
the results tell of every row.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence, Set
from dataclasses import dataclass
from functools import partial

from importer.attempts import (
    PendingLead,
    Sender,
    Submitter,
)
from importer.errors import SheetError, UsageError
from importer.intake import Identity, Input, entries_of
from importer.ledger import Entry, Ledger, Policy
from importer.ledger.told import Told
from importer.model import (
    Created,
    InvalidRow,
    Lead,
    Row,
)
from importer.pool import Pool, PoolEnd, RowEnded, Time, Watcher, outcome_of
from importer.signing import Credentials


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What a run is to do."""

    inputs: Sequence[Input]
    identity: Identity
    policy: Policy
    concurrency: int
    attempts: int
    rate: float | None = None
    limit: int | None = None
    """The most leads that are sent; what comes after them is not read."""

    told: Told | None = None
    """What results that are adopted tell of the leads."""

    may_fail: Set[str] = frozenset()
    """Paths of files that keep no others from being imported when they cannot be read to their ends."""


class Runner(Pool[PendingLead]):
    """One run over its inputs. It is used once: :meth:`run`, and meanwhile :meth:`stop` from anywhere."""

    def __init__(self, work: Work, *, run: int, ledger: Ledger, watcher: Watcher, time: Time) -> None:
        super().__init__(work.concurrency, work.rate, watcher=watcher, time=time)
        self.refused: list[UsageError] = []
        """Why files that may fail were not read to their ends."""

        self.unread = [given.path for given in work.inputs]
        """Paths of files that were not read to their ends, each once for every such sheet."""

        self._work = work
        self._run = run
        self._ledger = ledger

    @property
    def read_everything(self) -> bool:
        """Whether every row of the inputs was read."""
        return not self.unread

    async def run(self, sender: Sender | None, credentials: Credentials) -> None:
        """Read, enrol and submit everything; without a `sender` nothing is sent (a dry run).

        Returns when every row that was read has an outcome; `stops` then tells whether the run was stopped.
        Whatever goes wrong while it reads or writes the ledger stops the run in the same way.
        """
        rows = sum(given.sheet.height for given in self._work.inputs)
        submitter = None if sender is None else self._submitter(sender, credentials)
        await self._settle_all(rows, self._leads(), submitter.submit if submitter else None)

    async def _leads(self) -> AsyncIterator[PendingLead]:
        """Read and enrol all rows; yield the leads that are to be sent."""
        sent = 0
        for given in self._work.inputs:
            sheet = await self._ledger.add_sheet(self._run, given.sheet.source, given.path, given.sheet.name)
            read = partial(self._read, given.leads(), sheet)
            # Reading is work for the processor, so a thread does it while answers are awaited; and one chunk
            # ahead, since the ledger needs no interpreter for much of what it does with the last one.
            ahead = asyncio.ensure_future(asyncio.to_thread(read))
            try:
                while chunk := await ahead:
                    ahead = asyncio.ensure_future(asyncio.to_thread(read))
                    left = None if self._work.limit is None else self._work.limit - sent
                    for pending in await self._enrol(chunk, left):
                        sent += 1
                        yield pending
                    if self._hurried or (self._work.limit is not None and sent >= self._work.limit):
                        return
            except SheetError as error:
                if given.path not in self._work.may_fail:
                    raise
                self.refused.append(error)
            else:
                self.unread.remove(given.path)
            finally:
                # A thread cannot be called back, and what it met is no longer of interest.
                await asyncio.gather(ahead, return_exceptions=True)

    def _read(
        self, chunks: Iterator[list[tuple[Row, Lead | InvalidRow]]], sheet: int
    ) -> list[tuple[Lead | InvalidRow, Entry]]:
        """Return the next chunk of a sheet, with what the ledger keeps of each row; empty at the end."""
        leads = [lead for _, lead in next(chunks, ())]
        entries = entries_of(sheet, leads, self._work.identity, self._work.told)
        return list(zip(leads, entries, strict=True))

    async def _enrol(
        self, chunk: Sequence[tuple[Lead | InvalidRow, Entry]], left: int | None
    ) -> list[PendingLead]:
        entries = [entry for _, entry in chunk]
        standings = await self._ledger.enrol(self._run, entries, self._work.policy, most=left)
        pending: list[PendingLead] = []
        for (lead, entry), standing in zip(chunk, standings, strict=left is None):
            self.totals.read += 1
            if standing.outcome is not None:
                self._count(RowEnded(lead.place, standing.outcome, entry.problem, lead.customer_id))
            elif isinstance(lead, Lead):
                pending.append(PendingLead(lead, standing.lead, standing.doubtful))
        return pending

    def _ended(self, pending: PendingLead, end: PoolEnd) -> None:
        outcome, error = outcome_of(end, doubtful=pending.doubtful)
        application = end.application if isinstance(end, Created) else None
        self._count(RowEnded(pending.place, outcome, error, pending.lead.customer_id, application))

    def _submitter(self, sender: Sender, credentials: Credentials) -> Submitter:
        return Submitter(
            run=self._run,
            ledger=self._ledger,
            sender=sender,
            credentials=credentials,
            attempts=self._work.attempts,
            resend_doubtful=self._work.policy.resend_doubtful,
            surroundings=self.surroundings(),
        )
