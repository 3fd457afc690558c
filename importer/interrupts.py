"""Signals that ask a run to end: the first one settles what is under way, the second one waits no longer."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from typing import Protocol, Self

from importer.errors import InterruptedRunError
from importer.language import _

# A terminal that is closed (SIGHUP, which Windows lacks) asks for the same as SIGTERM.
_HANDLED = [
    number
    for name in ("SIGINT", "SIGTERM", "SIGHUP")
    if (number := getattr(signal.Signals, name, None)) is not None
]


class Interruption(Protocol):
    """What may ask a run to end."""

    def attach(self, stop: Callable[[InterruptedRunError], None], hurry: Callable[[], None]) -> None:
        """Call `stop` when the run is to end, and `hurry` when it is to settle nothing any more.

        Both are called in the event loop of the run, which this is called in.
        """


class Interrupts:
    """Receives the signals of the process while it is entered, and passes them on to the attached run.

    It is entered in the main thread, inside the event loop of the run.
    """

    def __init__(self) -> None:
        self._received: list[int] = []
        self._stop: Callable[[InterruptedRunError], None] | None = None
        self._hurry: Callable[[], None] | None = None

    def __enter__(self) -> Self:
        """Take the signals."""
        loop = asyncio.get_running_loop()
        for number in _HANDLED:
            try:
                loop.add_signal_handler(number, self._receive, number)
            except NotImplementedError:
                # The event loop of Windows has no signals of its own.
                signal.signal(number, lambda sent, _: loop.call_soon_threadsafe(self._receive, sent))
        return self

    def __exit__(self, *_: object) -> None:
        """Give them back."""
        loop = asyncio.get_running_loop()
        for number in _HANDLED:
            try:
                loop.remove_signal_handler(number)
            except NotImplementedError:
                signal.signal(number, signal.SIG_DFL)

    def attach(self, stop: Callable[[InterruptedRunError], None], hurry: Callable[[], None]) -> None:
        """Have the first signal call `stop`, and every later one `hurry`; one may have come already."""
        self._stop, self._hurry = stop, hurry
        if self._received:
            stop(_reason(self._received[0]))

    def _receive(self, number: int) -> None:
        self._received.append(number)
        if self._stop is None or self._hurry is None:
            return
        if len(self._received) == 1:
            self._stop(_reason(number))
        else:
            self._hurry()


def _reason(number: int) -> InterruptedRunError:
    name = signal.Signals(number).name
    counted_as = number if number == signal.SIGINT else signal.SIGTERM
    return InterruptedRunError(
        _("{name} was received, and what was under way was settled.").format(name=name), counted_as
    )
