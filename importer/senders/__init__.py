"""Several processes that send for one run, so that more than one core is at work.

All that decides stays with the run: the ledger, the pace, what an answer proves. A process that sends does
what costs most, the HTTP, and waits before the first byte until the run has the intent on disk. It knows no
secret, since requests reach it signed, and should it end, what it was told to send is in doubt, and nothing
else is.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import sys
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Self

from importer.errors import InternalError
from importer.language import _, spoken
from importer.model import Answer, NoAnswer, Request
from importer.senders.messages import Asked, Message, Outbox, Told, frames
from importer.transport import Transport

_MANY_ROWS = 20_000
_MANY_REQUESTS = 8

# Of one run, which by itself has something to do for each row, too: more of them would wait for it.
_MOST_PROCESSES = 4

MAY_BE_SEVERAL = os.name == "posix"
"""Whether several processes can send on this system; Windows hands no socket on to one that it starts."""

_SECRETS = {"LEAD_IMPORTER_CLIENT_KEY", "LEAD_IMPORTER_CLIENT_SECRET", "LEAD_IMPORTER_NOTIFY"}

# Less than the transport keeps a connection for.
_IDLE_SECONDS = 2.0

# For a process that does not end by itself once nobody asks anything of it.
_ENDING_SECONDS = 5.0


@dataclass(slots=True, eq=False)
class _Exchange:
    """One request on its way through a process."""

    handed_over: bool = False
    """Whether the process was told to go: any byte may be sent from then on."""

    told: Message | None = None
    """What was told last, until it is heard: the run may be busy with its intent meanwhile."""

    listening: asyncio.Future[None] | None = None

    @property
    def ended(self) -> bool:
        """Whether an end was told that is not heard yet."""
        return self.told is not None and self.told[0] != Told.CONNECTED

    def tell(self, message: Message) -> None:
        """Keep `message` until it is heard; nothing comes after an end."""
        if not self.ended:
            self.told = message
            if self.listening is not None and not self.listening.done():
                self.listening.set_result(None)

    async def hear(self) -> Message:
        """Return what is told next."""
        while self.told is None:
            self.listening = asyncio.get_running_loop().create_future()
            await self.listening
        told, self.told = self.told, None
        return told

    def result(self, end: Message) -> Answer | NoAnswer:
        """Return what an end that was heard means."""
        told, *values = end
        if told == Told.FAILED:
            message = _("the process that was to send it failed ({name}); please report it")
            return NoAnswer("sender_failed", message.format(name=values[0]), self.handed_over)
        if told == Told.NO_ANSWER:
            return NoAnswer(*values)
        return Answer(*values)

    def lose(self) -> None:
        """Tell that the process is gone."""
        message = _("the process that was to send it has ended unexpectedly")
        self.tell((Told.NO_ANSWER, "sender_ended", message, self.handed_over))

    def abandon(self) -> None:
        """Tell the end of what the process was not told to send; that of the rest the process tells."""
        if not self.handed_over:
            message = _("it was not sent, since the run was told to wait no longer")
            self.tell((Told.NO_ANSWER, "abandoned", message, False))


@dataclass(eq=False)
class _Process:
    process: asyncio.subprocess.Process
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    under_way: dict[int, _Exchange] = field(default_factory=dict)
    ended: bool = False

    def __post_init__(self) -> None:
        self._outbox = Outbox(self.writer.transport.write)
        self._idle_since: list[float] = []
        self._listening = asyncio.create_task(self._listen())

    async def _listen(self) -> None:
        try:
            async for messages in frames(self.reader):
                now = asyncio.get_running_loop().time()
                for told, number, *values in messages:
                    if told == Told.ANSWER:
                        self._idle_since.append(now)
                    if exchange := self.under_way.get(number):
                        exchange.tell((told, *values))
        except Exception:
            # What cannot be understood tells nothing of what is under way, and must not send any more.
            self._kill()
        finally:
            self.ended = True
            for exchange in self.under_way.values():
                exchange.lose()

    def _kill(self) -> None:
        with suppress(ProcessLookupError):
            self.process.kill()

    def ask(self, asked: Asked, number: int = 0, *values: object) -> None:
        if not self.ended:
            self._outbox.put((int(asked), number, *values))

    def takes_idle_connection(self) -> bool:
        """Take one of the connections that answers have left idle lately; tell whether there is one.

        If it is gone all the same, the transport replaces it, as it does for an intent of its own.
        """
        now = asyncio.get_running_loop().time()
        return bool(self._idle_since) and now - self._idle_since.pop() < _IDLE_SECONDS

    async def end(self) -> None:
        self.writer.close()
        try:
            async with asyncio.timeout(_ENDING_SECONDS):
                await self.process.wait()
        except TimeoutError:
            self._kill()
            await self.process.wait()
        await self._listening


def fitting_processes(rows: int, concurrency: int, rate: float | None) -> int:
    """Return how many processes should send; 1 where this one may as well do it by itself.

    A process costs half a second and 40 MB. That pays where thousands of requests a second can be under way.
    """
    if rows < _MANY_ROWS or concurrency < _MANY_REQUESTS or rate is not None or not MAY_BE_SEVERAL:
        return 1
    # Only Linux tells how many cores are for this process.
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(cores, _MOST_PROCESSES, concurrency // 4))


class SenderProcesses:
    """Sends requests to one API as :class:`importer.transport.Transport` does, by `processes` processes.

    An asynchronous context manager; `settings` are what each transport is made with. The processes are
    started for the first request, since a run may have nothing to send. A system that has no room for another
    process may have some for the import: if one cannot be started, none is left, and this one sends.
    """

    def __init__(self, processes: int, **settings: Any) -> None:
        self._count = processes
        self._settings = settings
        self._processes: list[_Process] = []
        self._instead: Transport | None = None
        self._begun = False
        self._beginning = asyncio.Lock()
        self._under_way: set[_Exchange] = set()
        self._numbers = count()

    async def __aenter__(self) -> Self:
        return self

    async def _begin(self) -> None:
        async with self._beginning:
            if self._begun:
                return
            try:
                for _process in range(self._count):
                    self._processes.append(await self._started())
            except OSError:
                await self._end_all()
                self._instead = await Transport(**self._settings).__aenter__()
            self._begun = True

    async def _started(self) -> _Process:
        # Not the module by its name, which may be another one in the folder that the person is in.
        program = f"import sys; sys.path[:] = {sys.path!r}; from importer.senders.process import main; main()"
        ours, theirs = socket.socketpair()
        with theirs:
            reader, writer = await asyncio.open_unix_connection(sock=ours)
            try:
                process = await asyncio.create_subprocess_exec(
                    sys.executable,
                    "-P",
                    "-c",
                    program,
                    json.dumps([os.getpid(), theirs.fileno(), spoken(), self._settings]),
                    pass_fds=[theirs.fileno()],
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=asyncio.subprocess.DEVNULL,
                    env={name: value for name, value in os.environ.items() if name not in _SECRETS},
                    # Signals of the terminal are for the run alone.
                    start_new_session=True,
                )
            except BaseException:
                writer.close()
                raise
        return _Process(process, reader, writer)

    async def __aexit__(self, *_: object) -> None:
        await self._end_all()
        if self._instead is not None:
            await self._instead.__aexit__()

    async def _end_all(self) -> None:
        await asyncio.gather(*(process.end() for process in self._processes))
        self._processes.clear()

    def abandon(self) -> None:
        """Stop waiting for every answer that is under way; each of these calls returns with what it has."""
        for exchange in self._under_way:
            exchange.abandon()
        for process in self._processes:
            process.ask(Asked.ABANDON)
        if self._instead is not None:
            self._instead.abandon()

    async def send(
        self,
        request: Request,
        headers: Mapping[str, str],
        before_first_byte: Callable[[], Awaitable[None]],
    ) -> Answer | NoAnswer:
        """See :meth:`importer.transport.Transport.send`.

        Raises :class:`InternalError` when all processes have ended.
        """
        exchange = _Exchange()
        self._under_way.add(exchange)
        try:
            if not self._begun:
                await self._begin()
            if exchange.ended:
                return exchange.result(await exchange.hear())
            if self._instead is not None:
                return await self._instead.send(request, headers, before_first_byte)
            return exchange.result(await self._heard(exchange, request, headers, before_first_byte))
        finally:
            self._under_way.discard(exchange)

    async def _heard(
        self,
        exchange: _Exchange,
        request: Request,
        headers: Mapping[str, str],
        before_first_byte: Callable[[], Awaitable[None]],
    ) -> Message:
        """Have a process send `request`, and return the end that it tells."""
        process = min(
            (process for process in self._processes if not process.ended),
            key=lambda process: len(process.under_way),
            default=None,
        )
        if process is None:
            raise InternalError(
                _(
                    "The processes that send have ended unexpectedly, as if the system was short of "
                    "memory. What was sent is in the ledger: run the same command again, or with "
                    "--processes 1."
                )
            )
        number = next(self._numbers)
        process.under_way[number] = exchange
        try:
            intended = process.takes_idle_connection()
            if intended:
                await before_first_byte()
            if not exchange.ended:
                exchange.handed_over = intended
                process.ask(
                    Asked.SEND, number, intended, request.method, request.path, request.content, dict(headers)
                )
            message = await exchange.hear()
            if message[0] == Told.CONNECTED:
                try:
                    await before_first_byte()
                except BaseException:
                    process.ask(Asked.REFUSE, number)
                    raise
                if not exchange.ended:
                    process.ask(Asked.GO, number)
                    exchange.handed_over = True
                message = await exchange.hear()
            return message
        finally:
            del process.under_way[number]
