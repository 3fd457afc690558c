"""An import on a thread and an event loop of its own, beside the program that asked for it.

So a program that is busy holds up no request until it is in doubt, and an import holds up no program. What is
the program's own, its leads and its watcher, is still called in its own event loop and in order: the watcher
has been told all that happened before more rows are read, so what waits to be told stays bounded.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import CancelledError as Unanswered
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from contextvars import copy_context
from functools import partial
from signal import SIGINT
from typing import Any, TypeVar

from importer.errors import ImporterError, InterruptedRunError, StoppedError, unexpected
from importer.event_loops import run_loop

_T = TypeVar("_T")

# Between two looks at whether the program is still there, while it is asked for something.
_LOOK_SECONDS = 1.0

Stop = Callable[[InterruptedRunError], None]


class Program:
    """The program that asked for an import, as the import sees it; made in the event loop of the program.

    It is an :class:`importer.interrupts.Interruption`, too: the import stops when its task is cancelled, or
    when what it calls of the program fails.
    """

    def __init__(self) -> None:
        self.failure: BaseException | None = None
        """What the program's own leads or watcher raised; nothing more of it is called then."""

        self._loop = asyncio.get_running_loop()
        self._lock = threading.Lock()
        self._import: tuple[asyncio.AbstractEventLoop, Stop, Callable[[], None]] | None = None
        self._interruptions: list[str] = []
        self._asked: Future[Any] | None = None
        self._gives = True
        self._untold: deque[Callable[[], object]] = deque()
        self._waking = False

    def tell(self, tell: Callable[[], object]) -> None:
        """Have `tell` called in the program's loop, and return at once."""
        self._untold.append(tell)
        # To wake the program's loop costs more than to tell it of one row.
        if not self._waking:
            self._waking = True
            self._loop.call_soon_threadsafe(self._tell_all)

    def ask(self, give: Callable[[], Coroutine[Any, Any, _T]]) -> _T:
        """Return what `give` returns in the program's loop, after all that was told before.

        Raises :class:`StoppedError` if nothing more is to be asked for, or `give` fails.
        """
        with self._lock:
            if not self._gives:
                raise _not_read()
            asked = self._asked = asyncio.run_coroutine_threadsafe(give(), self._loop)
        try:
            # A loop that nobody runs any more never answers, and the process would never end.
            while not wait([asked], _LOOK_SECONDS).done and threading.main_thread().is_alive():
                continue
            answer: _T = asked.result(0)
        except Unanswered:
            raise _not_read() from None
        # Whatever it is, it is for the program: here it would end a thread that others wait for.
        except BaseException as error:
            self._fail(error)
            raise _not_read() from None
        return answer

    def in_step(self, read: Callable[[], Iterator[_T]]) -> Callable[[], Iterator[_T]]:
        """Return what reads as `read` does, but no further than the program has been told of."""

        def reading() -> Iterator[_T]:
            for rows in read():
                yield rows
                # A program that has gone keeps nobody from reading.
                with suppress(StoppedError):
                    self.ask(_nothing)

        return reading

    def give_no_more(self) -> None:
        """Ask the program for nothing more, and wait no longer for what it was asked for."""
        with self._lock:
            self._gives = False
            asked = self._asked
        if asked is not None:
            asked.cancel()

    def attach(self, stop: Stop, hurry: Callable[[], None]) -> None:
        """See :class:`importer.interrupts.Interruption`."""
        with self._lock:
            self._import = (asyncio.get_running_loop(), stop, hurry)
            reasons = self._interruptions[:1]
        for reason in reasons:
            stop(InterruptedRunError(reason, SIGINT))

    def interrupt(self, reason: str) -> None:
        """Have the import settle what is under way; asked again, wait no longer for that."""
        with self._lock:
            self._interruptions.append(reason)
            running, first = self._import, len(self._interruptions) == 1
        if running is None:
            self.give_no_more()
            return
        loop, stop, hurry = running
        # Its loop is closed when it has ended meanwhile.
        if not loop.is_closed():
            loop.call_soon_threadsafe(partial(stop, InterruptedRunError(reason, SIGINT)) if first else hurry)

    def _tell_all(self) -> None:
        # Before the first is told, so that what comes while the last is told wakes the loop again.
        self._waking = False
        while self._untold:
            tell = self._untold.popleft()
            if self.failure is None:
                try:
                    tell()
                except Exception as error:
                    self._fail(error)

    def _fail(self, error: BaseException) -> None:
        if self.failure is None:
            self.failure = error
            self.interrupt(
                f"The program's own leads or watcher failed ({type(error).__name__}), and what was under way "
                "was settled."
            )


async def run_beside(program: Program, work: Callable[[], Coroutine[Any, Any, _T]]) -> _T:
    """Return what the coroutine of `work` returns on a thread and a loop of its own.

    Cancelling this settles what is under way before it ends; cancelling it again waits no longer for that.
    Raises what the program itself has raised, else :class:`ImporterError`.
    """
    ended: Future[_T] = Future()

    def run() -> None:
        try:
            ended.set_result(run_loop(work()))
        except BaseException as error:
            ended.set_exception(error)

    threading.Thread(target=copy_context().run, args=(run,), name="import").start()
    waiting = asyncio.wrap_future(ended)
    cancelled: asyncio.CancelledError | None = None
    try:
        while not waiting.done():
            try:
                await asyncio.wait([waiting])
            except asyncio.CancelledError as error:
                cancelled = error
                program.interrupt("The import was cancelled, and what was under way was settled.")
    finally:
        # However this is left, the import never goes on for a program that has gone, nor waits for it.
        if not ended.done():
            program.interrupt("The program has gone, and what was under way was settled.")
        program.give_no_more()
    failure = waiting.exception()
    if cancelled is not None:
        raise cancelled
    if program.failure is not None:
        raise program.failure
    if failure is None or isinstance(failure, ImporterError) or not isinstance(failure, Exception):
        return waiting.result()
    raise unexpected(failure) from None


def run_in_thread(work: Coroutine[Any, Any, _T]) -> _T:
    """Return what `work` returns in an event loop on another thread, for a thread whose own one runs already.

    An interrupt (Ctrl-C) cancels `work`, and is raised when that has ended.
    """
    started: Future[Callable[[], object]] = Future()

    async def cancellable() -> _T:
        task = asyncio.current_task()
        if task is not None:
            started.set_result(partial(asyncio.get_running_loop().call_soon_threadsafe, task.cancel))
        return await work

    interrupt: KeyboardInterrupt | None = None
    with ThreadPoolExecutor(1, "program") as pool:
        ended = pool.submit(copy_context().run, asyncio.run, cancellable())
        while True:
            try:
                return ended.result()
            except KeyboardInterrupt as error:
                interrupt = error
                # When it has ended meanwhile there is nothing left to cancel.
                with suppress(RuntimeError):
                    started.result()()
            except asyncio.CancelledError:
                if interrupt is None:
                    raise
                raise interrupt from None


async def _nothing() -> None:
    pass


def _not_read() -> StoppedError:
    return StoppedError("The rest of the leads was not read, since the import was stopping.")
