"""The worker pool: whatever is pending, each to its end, as fast as the API allows, until it must stop.

A pool that stops settles what is under way; what it had not begun is `not_attempted`.
"""

from __future__ import annotations

import asyncio
import random
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

from importer.attempts import (
    LONGEST_OBEYED_SECONDS,
    AttemptEnded,
    Surroundings,
)
from importer.errors import ImporterError, StoppedError, unexpected
from importer.language import _, in_figures
from importer.measuring import Measurement
from importer.model import (
    IMPORT_OUTCOMES,
    Application,
    CallEnd,
    Created,
    Done,
    ErrorInfo,
    Failed,
    InDoubt,
    NotAttempted,
    OutcomeName,
    Place,
    Rejected,
    RowEnd,
    SetUpWrong,
    Totals,
    TryAgain,
)
from importer.pace import Hold, Pace
from importer.report import Reasons

_PendingT = TypeVar("_PendingT")

PoolEnd = RowEnd | CallEnd[Any]
"""How anything that was pending ended."""

# Leads that wait for a worker, at most; their inputs are in memory.
_WAITING = 1000


class RowEnded(NamedTuple):
    """One row, as it is told to whoever watches."""

    place: Place
    outcome: OutcomeName
    error: ErrorInfo | None = None
    customer_id: str = ""
    application: Application | None = None
    """Of a row that this run created; those of earlier runs are in the ledger."""


class Watcher(Protocol):
    """Whoever wants to see a run while it goes; nothing that it does changes the run.

    A class that inherits from this one has just the methods that it has a use for.
    """

    def began(self, totals: Totals, rows: int) -> None:
        """Is told once, before the first row, of the counts that will grow, and of about how many rows."""
        return

    def paced_by(self, holding: Callable[[], Hold | None]) -> None:
        """Is told once, before the first row, whom to ask what holds the run back."""
        return

    def attempt_ended(self, attempt: AttemptEnded) -> None:
        """Is told of every attempt."""
        return

    def row_ended(self, row: RowEnded) -> None:
        """Is told of every row, in the order in which they end."""
        return

    def stopping(self, reason: str) -> None:
        """Is told when the run stops before its end, and why."""
        return


@dataclass(frozen=True, slots=True, kw_only=True)
class Time:
    """Where time and chance come from."""

    clock: Callable[[], float]
    """Seconds since the epoch, UTC."""

    timer: Callable[[], float]
    """Seconds that never go back."""

    chance: random.Random
    pause: Callable[[float], Awaitable[None]] = asyncio.sleep
    """Waits so many seconds."""


class Steering:
    """What the attempts of a run have in common: the pace, what stops them, and what is counted and told.

    :meth:`stop` may be called from anywhere.
    """

    def __init__(
        self,
        concurrency: int,
        rate: float | None,
        *,
        watcher: Watcher,
        time: Time,
        outcomes: Iterable[OutcomeName] = IMPORT_OUTCOMES,
    ) -> None:
        self.totals = Totals(outcomes=dict.fromkeys(outcomes, 0))
        self.reasons = Reasons()
        self.measurement = Measurement()
        self.stops: list[ImporterError] = []
        """Why the run stopped before its end: the first reason, and what came on top of it."""

        self._watcher = watcher
        self._time = time
        self._begun = time.timer()
        self._watched = True
        self._hurried = False
        self._stopping = asyncio.Event()
        self._pace = Pace(
            concurrency,
            rate,
            timer=time.timer,
            pause=self._pause,
            stopping=self._stopping.is_set,
        )

    def stop(self, reason: ImporterError) -> None:
        """Send nothing new; what is under way is settled."""
        self.stops.append(reason)
        if not self._stopping.is_set():
            self._stopping.set()
            self._tell(lambda: self._watcher.stopping(str(reason)))

    def hurry(self) -> None:
        """Once stopped, do not even read the rest of the rows."""
        self._hurried = True

    def _tell(self, tell: Callable[[], None]) -> None:
        """Tell the watcher; one that fails is told nothing more, for it must not change the run."""
        if self._watched:
            try:
                tell()
            except Exception:
                self._watched = False

    def surroundings(self) -> Surroundings:
        """Return what attempts need of the run around them."""
        return Surroundings(
            clock=self._time.clock,
            timer=self._time.timer,
            pause=self._pause,
            turn=lambda: self._pace,
            stopping=self._stopping.is_set,
            failed=self.stop,
            told=self._attempt_ended,
            chance=self._time.chance,
        )

    def _begin(self, rows: int) -> None:
        self._tell(lambda: self._watcher.began(self.totals, rows))
        self._tell(lambda: self._watcher.paced_by(self._pace.hold))

    async def _pause(self, seconds: float) -> None:
        if seconds > 0:
            try:
                async with asyncio.timeout(seconds):
                    await self._stopping.wait()
            except TimeoutError:
                return

    def _attempt_ended(self, attempt: AttemptEnded) -> None:
        self.totals.requests += attempt.requested
        self.totals.retries += attempt.number > 1
        now = self._time.timer()
        self._pace.note(attempt.ending, now, attempt.seconds)
        self.measurement.attempt_ended(
            now - self._begun,
            attempt.seconds,
            requested=attempt.requested,
            again=attempt.number > 1,
            error=attempt.ending.error if isinstance(attempt.ending, TryAgain) else None,
        )
        self._tell(lambda: self._watcher.attempt_ended(attempt))
        match attempt.ending:
            case SetUpWrong(error):
                self.stop(
                    StoppedError(
                        _("The API refuses this set-up ({error}). {message}.").format(
                            error=answered(error), message=error.message
                        )
                    )
                )
            case TryAgain(error, seconds) if seconds > LONGEST_OBEYED_SECONDS:
                self.stop(
                    StoppedError(
                        _(
                            "The API asks to wait {seconds} seconds ({error}). Run the same command again "
                            "after that."
                        ).format(seconds=in_figures(seconds), error=answered(error))
                    )
                )
            case TryAgain(error) | InDoubt(error) if self._pace.health.unavailable(now):
                self.stop(
                    StoppedError(
                        _(
                            "The API is unavailable: {failures} attempts in a row brought no success "
                            "({message}). Run the same command again when it is back."
                        ).format(failures=self._pace.health.failures, message=error.message)
                    )
                )

    def _count(self, row: RowEnded) -> None:
        self.totals.outcomes[row.outcome] += 1
        self.measurement.row_ended(self._time.timer() - self._begun, row.outcome)
        if row.error is not None and row.outcome is not OutcomeName.NOT_ATTEMPTED:
            self.reasons.add(row.outcome, row.error, row.place)
        self._tell(lambda: self._watcher.row_ended(row))


class Pool(Steering, ABC, Generic[_PendingT]):
    """Takes what is pending to its end, much at once, as fast as the API allows, until it must stop.

    It is used once.
    """

    def __init__(
        self,
        concurrency: int,
        rate: float | None,
        *,
        watcher: Watcher,
        time: Time,
        outcomes: Iterable[OutcomeName] = IMPORT_OUTCOMES,
    ) -> None:
        super().__init__(concurrency, rate, watcher=watcher, time=time, outcomes=outcomes)
        self._concurrency = concurrency
        self._queue: asyncio.Queue[_PendingT | None] = asyncio.Queue(max(_WAITING, concurrency))

    @abstractmethod
    def _ended(self, pending: _PendingT, end: PoolEnd) -> None:
        """Take in how what was pending has ended."""

    async def _settle_all(
        self,
        rows: int,
        pending: AsyncIterator[_PendingT],
        settle: Callable[[_PendingT], Awaitable[PoolEnd]] | None,
    ) -> None:
        """Let workers `settle` all that is `pending`, of about so many `rows`; without it nothing is sent.

        Whatever goes wrong while it is read stops the run, and so does cancelling it, which is raised once
        what is under way is settled; cancelled again, it waits no longer.
        """
        self._begin(rows)
        workers = asyncio.gather(*(self._serve(settle) for _ in range(self._concurrency)))
        try:
            await self._fill_queue(pending)
            await asyncio.shield(workers)
        except BaseException:
            # Without a stop, all that waits in the queue would still be sent.
            self.stop(StoppedError(_("The run was cancelled, and what was under way was settled.")))
            await self._end_queue()
            await workers
            raise

    async def _fill_queue(self, pending: AsyncIterator[_PendingT]) -> None:
        try:
            async for one in pending:
                await self._queue.put(one)
        except ImporterError as error:
            self.stop(error)
        except Exception as error:
            self.stop(unexpected(error))
        await self._end_queue()

    async def _end_queue(self) -> None:
        """Have every worker end; end marks that are put once more find room, and are read by nobody."""
        for _worker in range(self._concurrency):
            await self._queue.put(None)

    async def _serve(self, settle: Callable[[_PendingT], Awaitable[PoolEnd]] | None) -> None:
        while (pending := await self._queue.get()) is not None:
            # A worker that died here would leave the others without a reader of the queue.
            end: PoolEnd = NotAttempted()
            try:
                if settle is not None and not self._stopping.is_set():
                    end = await settle(pending)
            except Exception as error:
                failure = self._stop_once(error)
                end = InDoubt(ErrorInfo(code="importer_failed", message=str(failure)))
            try:
                self._ended(pending, end)
            except Exception as error:
                self._stop_once(error)

    def _stop_once(self, error: Exception) -> ImporterError:
        """Stop for an error that every row may meet, as on a full disk; return what a person is told."""
        failure = error if isinstance(error, ImporterError) else unexpected(error)
        if str(failure) not in map(str, self.stops):
            self.stop(failure)
        return failure


def outcome_of(end: PoolEnd, *, doubtful: bool = False) -> tuple[OutcomeName, ErrorInfo | None]:
    """Return the outcome of a row that ended so, and why; `doubtful`: it may have been created before."""
    match end:
        case Created():
            return OutcomeName.CREATED, None
        case Done():
            return OutcomeName.UPDATED, None
        case Rejected(error):
            return OutcomeName.REJECTED, error
        case Failed(error):
            return OutcomeName.FAILED, error
        case InDoubt(error):
            return OutcomeName.IN_DOUBT, error
        case NotAttempted(error_or_none):
            # What an earlier run left in doubt stays so, attempted or not.
            return OutcomeName.IN_DOUBT if doubtful else OutcomeName.NOT_ATTEMPTED, error_or_none


def answered(error: ErrorInfo) -> str:
    """Return what the API answered, in few words, for its owner's support."""
    parts = [str(error.http_status)] if error.http_status else []
    parts += [error.reason] if error.reason else []
    parts += [_("request {request_id}").format(request_id=error.request_id)] if error.request_id else []
    return ", ".join(parts) or error.code
