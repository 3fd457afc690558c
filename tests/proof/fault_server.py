"""A raw server on loopback that plays a script for each request, and counts what it created.

A script is a row of steps, in the order in which a server does them: ``(read, create, reset)`` reads a
request, creates the application and resets the connection. It is bytes on a socket, not a mock of a client.
"""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import struct
import threading
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

_FIRST_ID = 141952217564315671


class Visit:
    """One connection, and the request on it that is under way."""

    def __init__(
        self, server: FaultServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.server = server
        self.reader = reader
        self.writer = writer
        self.customer_id = ""
        self.inputs = ""
        self.application_id = ""

    async def say(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    def application(self, **changes: object) -> dict[str, object]:
        """Return the application that was created last, as the API shows one, with these `changes`."""
        return {
            "id": self.application_id,
            "app_identifier": "vn.example.app",
            "customer_id": self.customer_id,
            "inputs": self.inputs,
            "is_sandbox": True,
            "status": "new",
            "created_at": "2024-05-06T07:08:09.123Z",
            "updated_at": "2024-05-06T07:08:09.123Z",
        } | changes


Step = Callable[[Visit], Awaitable[None]]
Script = Sequence[Step]


class _ClosedError(Exception):
    """The script closes the connection, or the client has."""


class FaultServer:
    """What is asked of the server, and what it has: `applications` are pairs of customer and application id.

    The n-th request is answered with the n-th script, and those after the last one with the last.
    """

    def __init__(self, scripts: Sequence[Script]) -> None:
        self.base_url = ""
        self.requests = 0
        self.applications: list[tuple[str, str]] = []
        self._scripts = list(scripts)
        self._under_way: set[asyncio.Task[Any]] = set()

    @property
    def created(self) -> Counter[str]:
        """How many applications each customer has."""
        return Counter(customer for customer, _ in self.applications)

    def be(self, *scripts: Script) -> None:
        """Answer the requests from now on with these scripts."""
        self._scripts = list(scripts)

    async def visited(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._under_way.add(task)
        visit = Visit(self, reader, writer)
        try:
            while True:
                script = self._scripts.pop(0) if len(self._scripts) > 1 else self._scripts[0]
                for step in script:
                    await step(visit)
        except (_ClosedError, ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self._under_way.discard(task)
            writer.close()

    async def settle(self) -> None:
        """End what is still under way."""
        for task in self._under_way:
            task.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)


@contextmanager
def fault_server(*scripts: Script, tls: ssl.SSLContext | None = None) -> Iterator[FaultServer]:
    """Run a server on a thread of its own, beside the command in this one."""
    server = FaultServer(scripts)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="fault server")
    thread.start()

    async def start() -> asyncio.Server:
        return await asyncio.start_server(server.visited, "127.0.0.1", 0, ssl=tls)

    listening = asyncio.run_coroutine_threadsafe(start(), loop).result(30)
    server.base_url = f"http{'s' if tls else ''}://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    try:
        yield server
    finally:
        listening.close()
        asyncio.run_coroutine_threadsafe(server.settle(), loop).result(30)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


# Steps: what is read and what becomes of it.


async def read(visit: Visit) -> None:
    """Read one request, head and body."""
    head = await visit.reader.readuntil(b"\r\n\r\n")
    visit.server.requests += 1
    lines = head.decode().lower().split("\r\n")
    length = sum(int(line.split(":")[1]) for line in lines if line.startswith("content-length:"))
    body = json.loads(await visit.reader.readexactly(length))
    visit.customer_id, visit.inputs = body["customer_id"], body["inputs"]


async def read_one_byte(visit: Visit) -> None:
    """Read so little of a request that nothing can have come of it."""
    await visit.reader.readexactly(1)
    visit.server.requests += 1


async def create(visit: Visit) -> None:
    """Create an application for the request that was read."""
    visit.application_id = str(_FIRST_ID + len(visit.server.applications))
    visit.server.applications.append((visit.customer_id, visit.application_id))


async def reset(visit: Visit) -> None:
    """Close with a reset (RST), as a process that dies does."""
    visit.writer.get_extra_info("socket").setsockopt(
        socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
    )
    visit.writer.transport.abort()
    raise _ClosedError


async def close(visit: Visit) -> None:
    """Close in the usual way (FIN)."""
    raise _ClosedError


async def stall(visit: Visit) -> None:
    """Do nothing until the client has given up."""
    while await visit.reader.read(65536):
        pass
    raise _ClosedError


# Steps: what is answered.


def say(data: bytes) -> Step:
    """Write these bytes."""

    async def step(visit: Visit) -> None:
        await visit.say(data)

    return step


def answer(status: int, body: bytes = b"", **headers: object) -> Step:
    """Answer with this status and body; ``retry_after=1`` is the header Retry-After."""
    return say(answer_bytes(status, body, **headers))


def answer_bytes(status: int, body: bytes = b"", **headers: object) -> bytes:
    fields = {"content_length": len(body)} | headers
    lines = [f"{name.replace('_', '-')}: {value}" for name, value in fields.items()]
    return "\r\n".join([f"HTTP/1.1 {status} Said", *lines, "", ""]).encode() + body


def error(status: int, reason: str = "", message: str = "it was refused", **headers: object) -> Step:
    """Answer with an error in the API's own format."""
    return answer(status, error_body(status, reason, message), **headers)


def error_body(code: int, reason: str = "", message: str = "it was refused") -> bytes:
    inner = {
        "code": code,
        "reason": reason,
        "message": message,
        "metadata": {"service_code": "LEAD", "request_id": "r-17"},
    }
    return json.dumps({"data": None, "error": inner}).encode()


def page(status: int, **headers: object) -> Step:
    """Answer with a page of HTML, as what stands before an API does."""
    return answer(status, b"<html><body><h1>Sorry</h1></body></html>", **headers)


def application(
    status: int = 200,
    *,
    wrap: Callable[[dict[str, object]], object] = lambda found: {"data": found},
    send: Callable[[bytes], bytes] = lambda body: answer_bytes(200, body),
    **changes: object,
) -> Step:
    """Answer with the application that was created, `wrap` around it; `send` puts the body into an answer."""

    async def step(visit: Visit) -> None:
        document = wrap(visit.application(**changes))
        body = json.dumps(document, ensure_ascii=False).encode()
        await visit.say(send(body).replace(b"HTTP/1.1 200", b"HTTP/1.1 %d" % status, 1))

    return step


async def endless_body(visit: Visit) -> None:
    """Answer 200 with a body that never ends, until the client has closed."""
    await visit.say(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        await visit.say(b"1000\r\n" + b" " * 4096 + b"\r\n")


honest: Script = (read, create, application(201))
