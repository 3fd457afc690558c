"""A process that sends requests for a run: it knows how to send, and decides nothing.

What is asked of it, and what came of that, travels on a socket of its own: on standard output anything that
Python loads when it starts might print. When that socket ends, the run is gone: it sends nothing more and
ends. On Linux the system ends it together with the run, so that nothing goes out that was still on its way.
"""

from __future__ import annotations

import asyncio
import ctypes
import gc
import json
import os
import signal
import socket
import sys
from typing import Any

from importer.event_loops import run_loop
from importer.language import speaking
from importer.model import NoAnswer, Request
from importer.senders.messages import Asked, Outbox, Told, frames
from importer.transport import Transport


class _RefusedError(Exception):
    """The run could not note its intent."""


class Sending:
    """The requests that are under way in this process."""

    def __init__(self, transport: Transport, outbox: Outbox) -> None:
        self._transport = transport
        self._outbox = outbox
        self._permissions: dict[int, asyncio.Future[bool]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def serve(self, reader: asyncio.StreamReader) -> None:
        """Do what is asked, until there is nobody who asks."""
        async for messages in frames(reader):
            for message in messages:
                self._heed(*message)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _heed(self, asked: int, number: int, *more: Any) -> None:
        if asked == Asked.SEND:
            task = asyncio.create_task(self._send(number, *more))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        elif asked == Asked.ABANDON:
            self._transport.abandon()
            # And once more for the requests whose tasks are only about to start.
            asyncio.get_running_loop().call_soon(self._transport.abandon)
        # What was given up meanwhile waits for nothing any more.
        elif (permission := self._permissions.get(number)) is not None and not permission.done():
            permission.set_result(asked == Asked.GO)

    async def _send(
        self, number: int, intended: bool, method: str, path: str, content: bytes, headers: dict[str, str]
    ) -> None:
        async def permitted() -> None:
            if intended:
                return
            permission: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
            self._permissions[number] = permission
            self._outbox.put((int(Told.CONNECTED), number))
            try:
                if not await permission:
                    raise _RefusedError
            finally:
                del self._permissions[number]

        try:
            answer = await self._transport.send(Request(method, path, content), headers, permitted)
        except _RefusedError:
            return
        # Without an end the run would wait for ever. What an exception says might hold personal data.
        except Exception as error:
            self._outbox.put((int(Told.FAILED), number, type(error).__name__))
            return
        told = Told.NO_ANSWER if isinstance(answer, NoAnswer) else Told.ANSWER
        self._outbox.put((int(told), number, *answer))


async def _serve(channel: socket.socket, settings: dict[str, Any]) -> None:
    reader, writer = await asyncio.open_unix_connection(sock=channel)
    async with Transport(**settings) as transport:
        await Sending(transport, Outbox(writer.write)).serve(reader)


def _end_with(run: int) -> None:
    """Have the system kill this process when the process `run`, which has started it, ends."""
    if sys.platform == "linux":
        # `prctl` is in no module of Python's (PR_SET_PDEATHSIG, prctl(2)).
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)
        if os.getppid() != run:
            sys.exit()


def main() -> None:
    """Send for the run that has started this process."""
    # Ctrl-C is for the run, which settles what is under way here first.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    gc.set_threshold(50_000)
    run, channel, language, settings = json.loads(sys.argv[1])
    _end_with(run)
    with speaking(language):
        run_loop(_serve(socket.socket(fileno=channel), settings))
