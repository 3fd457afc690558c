"""A small server of its own: it stands in for nginx, answers late, or has a limit, and keeps account of it.

``python -m tests.bench.own_server [--delay S] [--rate N --burst N [--retry-after S]]`` says on its first line
where it listens, and answers every POST with an application of a new id. ``GET /account`` tells what it saw.
One :class:`asyncio.Protocol` without a framework, so that it is no bottleneck where it need not be.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field

from tests.bench.sheets import CUSTOMER_ID, lead

SLOT_SECONDS = 0.1
_FIRST_ID = 141952217564315671
_INPUTS = {name: value for name, value in lead(0).items() if name != "customer_id"}

_APPLICATION = {
    "app_identifier": "vn.example.app",
    "customer_id": CUSTOMER_ID,
    "inputs": json.dumps(_INPUTS, ensure_ascii=False, separators=(",", ":")),
    "is_sandbox": True,
    "status": "new",
    "created_at": "2026-11-25T00:00:00.000Z",
    "updated_at": "2026-11-25T00:00:00.000Z",
}


def application(application_id: str) -> str:
    """Return an answer of the API with an application of this id, valid for every lead of the benchmark."""
    answer = {"data": {"id": application_id, **_APPLICATION}}
    return json.dumps(answer, ensure_ascii=False, separators=(",", ":"))


_PLACE = "<id>"
_BEFORE_ID, _, _AFTER_ID = application(_PLACE).partition(_PLACE)

_TOO_MANY = json.dumps(
    {
        "data": None,
        "error": {
            "code": 429,
            "reason": "",
            "message": "too many requests",
            "metadata": {"service_code": "LEAD", "request_id": "r-17"},
        },
    }
)


@dataclass(slots=True)
class Bucket:
    """A token bucket: full at first, `rate` tokens a second come in, up to `burst`; a request takes one."""

    rate: float
    burst: int
    tokens: float = field(init=False)
    _at: float | None = None

    def __post_init__(self) -> None:
        self.tokens = self.burst

    def fill(self, now: float) -> None:
        """Let in what has come until `now`, seconds that never go back."""
        if self._at is not None:
            self.tokens = min(self.burst, self.tokens + (now - self._at) * self.rate)
        self._at = now

    def take(self, now: float) -> bool:
        """Take a token, if there is one."""
        self.fill(now)
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True


@dataclass(slots=True)
class Account:
    """What the server saw, in slots of 100 ms from the first request to the last."""

    rate: float = 0.0
    """Requests a second that the bucket lets through; 0 for all of them."""

    first: float | None = None
    last: float = 0.0
    """When the first and the last request came, in seconds that never go back."""

    accepted: list[int] = field(default_factory=list)
    refused: list[int] = field(default_factory=list)
    tokens: list[float] = field(default_factory=list)
    """Those in the bucket when the slot began."""

    late_seconds: float = 0.0
    """By how much answers that were to go out later went out later than that, summed up."""

    connections: list[float] = field(default_factory=list)
    """When the first request of each connection came, in seconds since the epoch."""

    def note(self, now: float, bucket: Bucket | None) -> bool:
        """Take in a request that comes `now`, and return whether the bucket, if any, lets it through."""
        if self.first is None:
            self.first = now
        self.last = now
        slot = int((now - self.first) / SLOT_SECONDS)
        while len(self.accepted) <= slot:
            if bucket is not None:
                bucket.fill(self.first + len(self.accepted) * SLOT_SECONDS)
            self.tokens.append(bucket.tokens if bucket else 0.0)
            self.accepted.append(0)
            self.refused.append(0)
        accepted = bucket is None or bucket.take(now)
        (self.accepted if accepted else self.refused)[slot] += 1
        return accepted


class LeadServer:
    """What all connections share."""

    def __init__(self, *, delay_seconds: float, bucket: Bucket | None, retry_after: int | None) -> None:
        self.account = Account(rate=bucket.rate if bucket else 0.0)
        self._delay_seconds = delay_seconds
        self._bucket = bucket
        self._too_many = _response(
            429, _TOO_MANY, "" if retry_after is None else f"Retry-After: {retry_after}\r\n"
        )
        self._next_id = _FIRST_ID

    def answer(self, head: bytes, write: Callable[[bytes], None], *, first: bool) -> None:
        """Answer a request; `first` tells whether it is that of its connection."""
        if head.startswith(b"GET"):
            write(_response(200, json.dumps(asdict(self.account))))
            return
        if first:
            self.account.connections.append(time.time())
        if not self.account.note(time.monotonic(), self._bucket):
            write(self._too_many)
            return
        self._next_id += 1
        answer = _response(200, f"{_BEFORE_ID}{self._next_id}{_AFTER_ID}")
        if not self._delay_seconds:
            write(answer)
            return
        loop = asyncio.get_running_loop()
        due = loop.time() + self._delay_seconds

        def write_late() -> None:
            self.account.late_seconds += loop.time() - due
            write(answer)

        loop.call_at(due, write_late)


def _response(status: int, body: str, headers: str = "") -> bytes:
    content = body.encode()
    head = (
        f"HTTP/1.1 {status} Said\r\nContent-Type: application/json\r\n{headers}Content-Length: {len(content)}"
    )
    return f"{head}\r\n\r\n".encode() + content


class Connection(asyncio.Protocol):
    """One connection: cuts what comes into requests. A client sends the next one when it has its answer."""

    def __init__(self, server: LeadServer) -> None:
        self._server = server
        self._received = bytearray()
        self._requests = 0
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        while (end := self._received.find(b"\r\n\r\n")) >= 0:
            head = bytes(self._received[:end])
            whole = end + 4 + _content_length(head)
            if len(self._received) < whole:
                return
            del self._received[:whole]
            self._requests += 1
            self._server.answer(head, self._write, first=self._requests == 1)

    def _write(self, answer: bytes) -> None:
        assert self._transport is not None
        if not self._transport.is_closing():
            self._transport.write(answer)


def _content_length(head: bytes) -> int:
    found = head.lower().partition(b"\r\ncontent-length:")[2]
    return int(found.partition(b"\r\n")[0] or 0)


async def serve(server: LeadServer) -> None:
    """Serve until the process is ended."""
    loop = asyncio.get_running_loop()
    listening = await loop.create_server(lambda: Connection(server), "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    print(f"listens on http://127.0.0.1:{port}", flush=True)  # noqa: T201 - its parent reads it
    await listening.serve_forever()


def main() -> None:
    """Serve as the arguments say."""
    parser = argparse.ArgumentParser(description="A server for the benchmark.")
    parser.add_argument("--delay", type=float, default=0.0, metavar="SECONDS", help="answer so much later")
    parser.add_argument("--rate", type=float, metavar="N", help="let N requests a second through")
    parser.add_argument("--burst", type=int, default=30, metavar="N", help="tokens that the bucket holds")
    parser.add_argument("--retry-after", type=int, metavar="SECONDS", help="what a refusal asks for")
    given = parser.parse_args()
    bucket = None if given.rate is None else Bucket(given.rate, given.burst)
    asyncio.run(serve(LeadServer(delay_seconds=given.delay, bucket=bucket, retry_after=given.retry_after)))


if __name__ == "__main__":
    main()
