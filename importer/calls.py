"""One call that may be repeated, to its end: sign, send, judge, and try again where nothing proves success.

A lead must never be created twice, so :mod:`importer.attempts` notes its intent first and holds what is in
doubt. To set a status twice, or to ask for a page twice, changes nothing, so a doubtful answer is only one
more reason to try again.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Generic, TypeVar

from importer.attempts import (
    LONGEST_OBEYED_SECONDS,
    AttemptEnded,
    Pending,
    Sender,
    Surroundings,
    try_again,
)
from importer.errors import ImporterError
from importer.model import (
    Answer,
    AttemptEnding,
    CallEnd,
    CallEnding,
    Done,
    Failed,
    NoAnswer,
    NotAttempted,
    Rejected,
    Request,
    SetUpWrong,
    TryAgain,
)
from importer.signing import Credentials, signed_headers

_T = TypeVar("_T")


@dataclass(slots=True)
class _Course(Generic[_T]):
    tries: int = 0
    ending: CallEnding[_T] | None = None


async def _nothing_to_note() -> None:
    """Note no intent before the first byte."""


class Caller:
    """Makes calls that may be repeated, each to its end; any number of them at once."""

    def __init__(
        self, *, sender: Sender, credentials: Credentials, attempts: int, surroundings: Surroundings
    ) -> None:
        self._sender = sender
        self._credentials = credentials
        self._attempts = attempts
        self._around = surroundings

    async def call(
        self,
        pending: Pending,
        request: Request,
        read: Callable[[Answer | NoAnswer, float], CallEnding[_T]],
        before_first_byte: Callable[[], Awaitable[None]] = _nothing_to_note,
    ) -> tuple[CallEnd[_T], int]:
        """Make a call, and return how it ended and after how many tries.

        `read` says what an answer means at a moment, in seconds since the epoch (UTC). `before_first_byte`
        notes what must be known before each try; where it raises an :class:`ImporterError`, nothing is sent.
        """
        course: _Course[_T] = _Course()
        attempt = partial(self._attempt, pending, request, read, before_first_byte, course)
        try:
            first = await attempt()
            if first is not None and _may_try_again(first):
                await try_again(
                    first, attempt, attempts=self._attempts, may=_may_try_again, around=self._around
                )
        except ImporterError as error:
            self._around.failed(error)
        return self._conclude(course), course.tries

    async def _attempt(
        self,
        pending: Pending,
        request: Request,
        read: Callable[[Answer | NoAnswer, float], CallEnding[_T]],
        before_first_byte: Callable[[], Awaitable[None]],
        course: _Course[_T],
    ) -> CallEnding[_T] | None:
        """Try once, unless the run is stopping; return how the last try ended, None if there was none."""
        async with self._around.turn():
            if self._around.stopping():
                return course.ending
            course.tries += 1
            begun = self._around.timer()
            headers = signed_headers(self._credentials, request.signed, int(self._around.clock() * 1000))
            answer = await self._sender.send(request, headers, before_first_byte)
            ending = course.ending = read(answer, self._around.clock())
            requested = not isinstance(answer, NoAnswer) or answer.handed_over
            seconds = self._around.timer() - begun
            self._around.told(AttemptEnded(pending, course.tries, ending, requested, seconds))
        return ending

    def _conclude(self, course: _Course[_T]) -> CallEnd[_T]:
        match course.ending:
            case Done() | Rejected():
                return course.ending
            case TryAgain(error) if course.tries >= self._attempts and _may_try_again(course.ending):
                return Failed(error)
            case TryAgain(error) | SetUpWrong(error):
                return NotAttempted(error)
            case None:
                return NotAttempted()


def _may_try_again(ending: AttemptEnding | None) -> bool:
    return isinstance(ending, TryAgain) and ending.wait_seconds <= LONGEST_OBEYED_SECONDS
