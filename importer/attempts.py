"""One lead, from its intent to its end: sign, send, judge, and try again where nothing was processed.

The ledger knows of every step before it matters: the intent before the first byte, and how an attempt left
the lead (pending again, when it was proved not to be processed) before anyone is told of it or tries again.
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple, Protocol, assert_never

from tenacity import AsyncRetrying, RetryCallState, retry_if_result

from importer import failpoints
from importer.errors import ImporterError
from importer.failpoints import Point, Safeguard
from importer.language import _
from importer.ledger import EARLIER_DOUBT, Ledger
from importer.model import (
    Answer,
    AttemptEnding,
    Created,
    Ending,
    ErrorInfo,
    Failed,
    InDoubt,
    Lead,
    NoAnswer,
    NotAttempted,
    Place,
    Rejected,
    Request,
    RowEnd,
    SetUpWrong,
    TryAgain,
)
from importer.operations import create_application, read_creation
from importer.seen import SeenIds
from importer.signing import Credentials, signed_headers

FIRST_WAIT_SECONDS = 0.5
LONGEST_WAIT_SECONDS = 30.0

LONGEST_OBEYED_SECONDS = 600.0
"""An API that asks for a longer pause than this is not available; the run stops rather than waits."""


class Pending(Protocol):
    """What is to be sent, for as much as whoever watches is told of it."""

    @property
    def place(self) -> Place:
        """Where it stands."""


class PendingLead(NamedTuple):
    """A lead that is to be sent."""

    lead: Lead
    number: int
    """Its number in the ledger."""

    doubtful: bool = False
    """Whether an earlier request may have created it: then nothing but an application settles it."""

    @property
    def place(self) -> Place:
        """Where its row stands."""
        return self.lead.place


class AttemptEnded(NamedTuple):
    """One attempt, as it is told to whoever watches."""

    pending: Pending
    number: int
    """1 for the first try of the lead in this run."""

    ending: AttemptEnding
    requested: bool
    """Whether a request was handed to a connection."""

    seconds: float


class Sender(Protocol):
    """What sends one request; :class:`importer.transport.Transport` does."""

    async def send(
        self,
        request: Request,
        headers: Mapping[str, str],
        before_first_byte: Callable[[], Awaitable[None]],
    ) -> Answer | NoAnswer:
        """Await `before_first_byte`, then send `request` once, and return what came back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What an attempt needs of the run around it; time and chance come from here alone."""

    clock: Callable[[], float]
    """Seconds since the epoch, UTC."""

    timer: Callable[[], float]
    """Seconds that never go back, for lengths of time."""

    pause: Callable[[float], Awaitable[None]]
    """Waits so many seconds, or until the run is stopping."""

    turn: Callable[[], AbstractAsyncContextManager[None]]
    """Is entered when the next attempt may begin, and left when it has ended."""

    stopping: Callable[[], bool]
    """Whether the run is stopping, so that nothing new may be sent."""

    failed: Callable[[ImporterError], None]
    """Is told what keeps the run from going on."""

    told: Callable[[AttemptEnded], None]
    """Is told of every attempt when it has ended."""

    chance: random.Random


async def try_again(
    first: AttemptEnding,
    attempt: Callable[[], Awaitable[AttemptEnding | None]],
    *,
    attempts: int,
    may: Callable[[AttemptEnding | None], bool],
    around: Surroundings,
) -> None:
    """Wait and `attempt` again, after a `first` try that ended so, for as long as that `may` be.

    There are no more than `attempts` with the first. The pauses are exponential with jitter, after what the
    API asked for.
    """
    earlier: list[AttemptEnding | None] = [first]

    async def one() -> AttemptEnding | None:
        # The first try counts as the first here, too, so that one rule tells when to stop and to wait.
        return earlier.pop() if earlier else await attempt()

    def seconds(state: RetryCallState) -> float:
        ending = state.outcome.result() if state.outcome else None
        asked = ending.wait_seconds if isinstance(ending, TryAgain) else 0.0
        ceiling = min(LONGEST_WAIT_SECONDS, FIRST_WAIT_SECONDS * 2 ** (state.attempt_number - 1))
        return asked + around.chance.uniform(ceiling / 10, ceiling)

    # State of tenacity lives in the object, so each lead has its own.
    retrying = AsyncRetrying(
        retry=retry_if_result(may),
        stop=lambda state: around.stopping() or state.attempt_number >= attempts,
        wait=seconds,
        sleep=around.pause,
        retry_error_callback=lambda _: None,
    )
    await retrying(one)


class Submitter:
    """Submits leads, each to its end; any number of them at once."""

    def __init__(
        self,
        *,
        run: int,
        ledger: Ledger,
        sender: Sender,
        credentials: Credentials,
        attempts: int,
        resend_doubtful: bool,
        surroundings: Surroundings,
    ) -> None:
        self._run = run
        self._ledger = ledger
        self._sender = sender
        self._credentials = credentials
        self._attempts = attempts
        self._resend_doubtful = resend_doubtful
        self._around = surroundings
        self._given_ids = SeenIds()

    async def submit(self, pending: PendingLead) -> RowEnd:
        """Submit a lead, and return how it ended; the ledger has been told by then."""
        course = _Course(create_application(pending.lead), _known_doubt() if pending.doubtful else None)
        try:
            # Nearly every lead needs one try alone, and to set up retries costs as much as a third of that.
            first = await self._attempt(pending, course)
            if first is not None and self._may_try_again(first):
                await try_again(
                    first,
                    partial(self._attempt, pending, course),
                    attempts=self._attempts,
                    may=self._may_try_again,
                    around=self._around,
                )
        except ImporterError as error:
            # The ledger refused, so nothing was sent; what an earlier try left in doubt stays so.
            self._around.failed(error)
        return self._conclude(course)

    async def _attempt(self, pending: PendingLead, course: _Course) -> Ending | None:
        """Try once, unless the run is stopping; return how the last try ended, None if there was none."""
        async with self._around.turn():
            if not self._around.stopping():
                await self._try(pending, course)
        return course.ending

    async def _try(self, pending: PendingLead, course: _Course) -> None:
        course.tries += 1

        async def intend() -> None:
            if not failpoints.is_missing(Safeguard.INTENT):
                await self._ledger.intend(self._run, pending.number, course.tries)

        begun = self._around.timer()
        now = self._around.clock()
        headers = signed_headers(self._credentials, course.request.content, int(now * 1000))
        answer = await self._sender.send(course.request, headers, intend)
        failpoints.reached(Point.ANSWER_READ)
        ending = self._unless_given_before(read_creation(pending.lead, answer, self._around.clock()))
        course.ending = ending
        if isinstance(ending, InDoubt):
            course.doubt = ending.error
        # At once, since whatever goes wrong after this must not take the outcome with it; and even where no
        # intent was seen to be noted, since it may have been noted after the connection was given up.
        self._ledger.record(self._run, pending.number, self._conclude(course), course.tries)
        failpoints.reached(Point.OUTCOME_POSTED)
        requested = not isinstance(answer, NoAnswer) or answer.handed_over
        seconds = self._around.timer() - begun
        self._around.told(AttemptEnded(pending, course.tries, ending, requested, seconds))

    def _unless_given_before(self, ending: Ending) -> Ending:
        """Return `ending`, or a doubt for good if it names the application of another lead of this run."""
        if not isinstance(ending, Created) or not self._given_ids.note(ending.application.application_id):
            return ending
        return InDoubt(
            ErrorInfo(
                code="repeated_application_id",
                message=_("the API answered that it succeeded, but with an id that another lead has"),
            ),
            resendable=False,
        )

    def _may_try_again(self, ending: AttemptEnding | None) -> bool:
        match ending:
            case TryAgain(wait_seconds=seconds):
                return seconds <= LONGEST_OBEYED_SECONDS
            case InDoubt(resendable=resendable):
                return resendable and self._resend_doubtful
            case _:
                return False

    def _conclude(self, course: _Course) -> RowEnd:
        """Return how the lead ends if nothing more is tried."""
        match course.ending:
            case Created() | InDoubt():
                return course.ending
            case _ if course.doubt:
                return InDoubt(course.doubt)
            case Rejected():
                return course.ending
            case TryAgain(error, seconds) if (
                course.tries >= self._attempts and seconds <= LONGEST_OBEYED_SECONDS
            ):
                return Failed(error)
            case TryAgain(error) | SetUpWrong(error):
                return NotAttempted(error)
            case None:
                return NotAttempted()
        assert_never(course.ending)


@dataclass(slots=True)
class _Course:
    request: Request
    doubt: ErrorInfo | None
    """Why an application may exist already; whatever comes later does not take that back."""

    tries: int = 0
    ending: Ending | None = None


def _known_doubt() -> ErrorInfo:
    return ErrorInfo(
        code=EARLIER_DOUBT, message=_("an earlier request may have created it, and no later one settled that")
    )
