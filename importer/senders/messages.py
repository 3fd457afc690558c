"""What a run and the processes that send for it say to each other, and how that travels.

Many messages travel in one frame: four bytes of length, then a list in Python's own `marshal`, which both
ends know since they are the same interpreter, and which is several times faster than anything that other
programs could read, too.
"""

from __future__ import annotations

import asyncio
import marshal
from collections.abc import AsyncIterator, Callable
from enum import IntEnum
from typing import Any

# Bytes; more than all answers under way at once. Text, taken for a length, would be a gigabyte at least.
_LARGEST_FRAME = 2**29

Message = tuple[Any, ...]
"""An :class:`Asked` or a :class:`Told`, the number of the request, and what is named there."""


class Asked(IntEnum):
    """What a run asks of a process that sends."""

    SEND = 0
    """Whether the intent is on disk, method, path, content, headers (a dict): get a connection for it."""

    GO = 1
    """The intent is on disk now."""

    REFUSE = 2
    """The intent could not be written: send nothing."""

    ABANDON = 3
    """Wait for no answer any longer, whatever the request."""


class Told(IntEnum):
    """What such a process tells of a request."""

    CONNECTED = 0
    """There is a connection to send it on, and no intent."""

    ANSWER = 1
    """The values of an :class:`importer.model.Answer`."""

    NO_ANSWER = 2
    """The values of a :class:`importer.model.NoAnswer`."""

    FAILED = 3
    """The name of an exception that nobody foresaw; what it means for the request the run knows."""


class Outbox:
    """Writes messages, all of one turn of the event loop in one frame."""

    def __init__(self, write: Callable[[bytes], None]) -> None:
        self._write = write
        self._waiting: list[Message] = []

    def put(self, message: Message) -> None:
        """Have `message` written soon, after all that were put before."""
        if not self._waiting:
            asyncio.get_running_loop().call_soon(self._flush)
        self._waiting.append(message)

    def _flush(self) -> None:
        waiting, self._waiting = self._waiting, []
        content = marshal.dumps(waiting)
        self._write(len(content).to_bytes(4) + content)


async def frames(reader: asyncio.StreamReader) -> AsyncIterator[list[Message]]:
    """Yield lists of messages until the other end is gone.

    Raises :class:`ValueError`, :class:`EOFError` or :class:`TypeError` for what is no frame.
    """
    while True:
        try:
            size = int.from_bytes(await reader.readexactly(4))
            if size > _LARGEST_FRAME:
                raise ValueError(size)
            content = await reader.readexactly(size)
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        # From the process at the other end, which runs this same code, and from nobody else.
        yield marshal.loads(content)  # noqa: S302 - see above
