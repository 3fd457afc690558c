"""What goes over a real connection, and what comes back for it, whatever the server does."""

from __future__ import annotations

import asyncio
import gzip
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
import trustme
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.connector import Connection

from importer import __version__
from importer.errors import InternalError, LedgerError
from importer.model import Answer, NoAnswer, Request
from importer.transport import ANSWER_LIMIT, Transport

BODY = '{"customer_id":"1333","inputs":"{\\"name\\":\\"Nguyễn\\"}"}'.encode()
POST = Request("POST", "/lead/applications", BODY)
HEADERS = {"X-Tiniapp-Signature": "5ca1ab1e", "Content-Type": "application/json"}
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"

Behaviour = Callable[["Visit"], Awaitable[None]]


class Visit:
    """One connection, as a raw server sees it."""

    def __init__(self, number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.number = number
        """1 for the first connection."""

        self.reader = reader
        self.writer = writer
        self.received = b""

    async def request(self) -> bytes:
        """Return the next request, or what came of it before the client closed."""
        begun = len(self.received)
        try:
            head = await self.reader.readuntil(b"\r\n\r\n")
            self.received += head
            lines = head.decode().lower().split("\r\n")
            lengths = [int(line.split(":")[1]) for line in lines if line.startswith("content-length:")]
            self.received += await self.reader.readexactly(sum(lengths))
        except asyncio.IncompleteReadError as error:
            self.received += error.partial
        return self.received[begun:]

    async def answer(self, data: bytes = OK) -> None:
        self.writer.write(data)
        await self.writer.drain()

    def reset(self) -> None:
        """Close with a reset, as a process that dies does."""
        linger = b"\x01\x00\x00\x00\x00\x00\x00\x00"
        self.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.writer.transport.abort()

    async def gone(self) -> None:
        """Return when the client has closed the connection."""
        try:
            while data := await self.reader.read(65536):
                self.received += data
        except ConnectionError:
            pass


class Server:
    """A raw server on loopback that does with each connection what the test says."""

    def __init__(self, behaviour: Behaviour) -> None:
        self._behaviour = behaviour
        self.visits: list[Visit] = []
        self.failures: list[BaseException] = []
        self._under_way: set[asyncio.Task[Any]] = set()
        self.port = 0

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def received(self) -> bytes:
        return b"".join(visit.received for visit in self.visits)

    async def visited(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._under_way.add(task)
        visit = Visit(len(self.visits) + 1, reader, writer)
        self.visits.append(visit)
        try:
            await self._behaviour(visit)
        except (ConnectionError, asyncio.CancelledError):
            pass
        except Exception as error:
            self.failures.append(error)
        finally:
            writer.close()

    async def settle(self) -> None:
        """End what is still under way, and show what went wrong in it."""
        for task in self._under_way:
            task.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)
        assert self.failures == []


@asynccontextmanager
async def serving(behaviour: Behaviour, tls: ssl.SSLContext | None = None) -> AsyncIterator[Server]:
    server = Server(behaviour)
    listening = await asyncio.start_server(server.visited, "127.0.0.1", 0, ssl=tls)
    server.port = listening.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listening.close()
        await server.settle()


@asynccontextmanager
async def application(handler: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", handler)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield site.name
    finally:
        await runner.cleanup()


def transport(base_url: str, **named: Any) -> Transport:
    return Transport(base_url, **{"connections": 4, "answer_seconds": 20.0} | named)


async def nothing() -> None:
    """What is to be true before the first byte, when nothing is."""


class Intent:
    """Stands for the ledger's intent, and counts how often it was asked for."""

    def __init__(self, then: Callable[[], Awaitable[None]] = nothing) -> None:
        self.times = 0
        self._then = then

    async def __call__(self) -> None:
        self.times += 1
        await self._then()


async def exchange(
    behaviour: Behaviour, request: Request = POST, *, intent: Intent | None = None, **named: Any
) -> tuple[Answer | NoAnswer, Server]:
    """Send one request to a server that behaves so, and return what came back, and the server."""
    async with serving(behaviour) as server, transport(server.base_url, **named) as sender:
        return await sender.send(request, HEADERS, intent or Intent()), server


def answering(data: bytes) -> Behaviour:
    async def behave(visit: Visit) -> None:
        await visit.request()
        await visit.answer(data)

    return behave


async def silent(visit: Visit) -> None:
    await visit.request()
    await visit.gone()


async def polite(visit: Visit) -> None:
    while await visit.request():
        await visit.answer()


def unheard_of(answer: Answer | NoAnswer, code: str) -> None:
    assert isinstance(answer, NoAnswer)
    assert (answer.code, answer.handed_over) == (code, False)


def doubtful(answer: Answer | NoAnswer, code: str) -> None:
    assert isinstance(answer, NoAnswer)
    assert (answer.code, answer.handed_over) == (code, True)


# What is sent


async def test_a_request_is_these_bytes_and_no_others() -> None:
    answer, server = await exchange(answering(OK))
    assert answer == Answer(status=200, body=b"{}")
    head, _, body = server.received.partition(b"\r\n\r\n")
    assert body == BODY
    first, *headers = head.decode().split("\r\n")
    assert first == "POST /lead/applications HTTP/1.1"
    assert sorted(headers) == sorted(
        [
            f"Host: 127.0.0.1:{server.port}",
            "X-Tiniapp-Signature: 5ca1ab1e",
            "Content-Type: application/json",
            f"User-Agent: lead-importer/{__version__}",
            "Accept-Encoding: identity",
            "Accept: */*",
            f"Content-Length: {len(BODY)}",
        ]
    )


async def test_a_path_travels_as_it_was_signed() -> None:
    path = "/lead/responses?form_ids=1%2C2&q=H%C3%A0+N%E1%BB%99i,%2f&a=b%20c&a="
    _, server = await exchange(answering(OK), Request("GET", path, b""))
    assert server.received.startswith(f"GET {path} HTTP/1.1\r\n".encode())
    assert server.received.endswith(b"\r\n\r\n")
    assert b"content-length" not in server.received.lower()


async def test_the_path_stands_below_the_base_url() -> None:
    async with serving(polite) as server, transport(f"{server.base_url}/tiniapp-open-api/") as sender:
        for path in ("/lead/applications", "/lead/applications", "/other"):
            await sender.send(Request("POST", path, BODY), HEADERS, nothing)
    assert server.received.count(b"POST /tiniapp-open-api/lead/applications HTTP/1.1\r\n") == 2
    assert server.received.count(b"POST /tiniapp-open-api/other HTTP/1.1\r\n") == 1


async def test_a_redirect_is_not_followed() -> None:
    asked: list[str] = []

    async def handler(request: web.Request) -> web.Response:
        asked.append(request.path)
        return web.Response(status=307, headers={"Location": "/elsewhere"}, body=b"moved")

    async with application(handler) as base_url, transport(base_url) as sender:
        answer = await sender.send(POST, HEADERS, nothing)
    assert isinstance(answer, Answer)
    assert (answer.status, answer.location, answer.body) == (307, "/elsewhere", b"moved")
    assert asked == ["/lead/applications"]


async def test_cookies_are_not_sent_back() -> None:
    cookies: list[str | None] = []

    async def handler(request: web.Request) -> web.Response:
        cookies.append(request.headers.get("Cookie"))
        response = web.Response()
        response.set_cookie("session", "1")
        return response

    async with application(handler) as base_url:
        # Cookies of a bare IP address would be refused anyway.
        base_url = base_url.replace("127.0.0.1", "localhost")
        async with transport(base_url, resolver=Names({"localhost": "127.0.0.1"})) as sender:
            await sender.send(POST, HEADERS, nothing)
            await sender.send(POST, HEADERS, nothing)
    assert cookies == [None, None]


async def test_as_many_requests_go_at_once_as_there_are_connections() -> None:
    together = asyncio.Barrier(8)

    async def handler(request: web.Request) -> web.Response:
        await together.wait()
        return web.Response(body=await request.read())

    async with application(handler) as base_url, transport(base_url, connections=8) as sender:
        requests = [Request("POST", "/", str(number).encode()) for number in range(8)]
        answers = await asyncio.gather(*(sender.send(request, HEADERS, nothing) for request in requests))
    assert answers == [
        Answer(status=200, body=request.content, date=answer.date)
        for request, answer in zip(requests, answers, strict=True)
        if isinstance(answer, Answer)
    ]


async def test_a_transport_is_used_inside_its_context_only() -> None:
    sender = transport("http://127.0.0.1:9")
    with pytest.raises(InternalError, match="outside of its context"):
        await sender.send(POST, HEADERS, nothing)
    await sender.__aexit__()
    async with sender:
        pass
    with pytest.raises(InternalError, match="outside of its context"):
        await sender.send(POST, HEADERS, nothing)


# What comes back


async def test_an_answer_comes_with_the_headers_that_prove_something() -> None:
    answer, _ = await exchange(
        answering(
            b"HTTP/1.1 503 Away\r\nRetry-After: 7\r\nDate: Tue, 14 Nov 2023 22:13:20 GMT\r\n"
            b"Location: /there\r\nContent-Length: 4\r\n\r\nbusy"
        )
    )
    assert answer == Answer(
        status=503, body=b"busy", retry_after="7", date="Tue, 14 Nov 2023 22:13:20 GMT", location="/there"
    )


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/1.1 204 No Content\r\n\r\n",
        b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n",
    ],
)
async def test_an_answer_without_a_body_is_complete(data: bytes) -> None:
    answer, _ = await exchange(answering(data))
    assert answer == Answer(status=204, body=b"")


async def test_a_body_in_chunks_or_up_to_the_closing_is_read_whole() -> None:
    answer, _ = await exchange(
        answering(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n1\r\n}\r\n0\r\n\r\n")
    )
    assert answer == Answer(status=200, body=b"{}")
    answer, _ = await exchange(answering(b"HTTP/1.0 200 OK\r\n\r\n{}"))
    assert answer == Answer(status=200, body=b"{}")


async def test_a_body_of_the_limit_is_read_and_one_byte_more_is_not() -> None:
    for size, complete in ((ANSWER_LIMIT, True), (ANSWER_LIMIT + 1, False)):
        body = b"x" * size
        answer, _ = await exchange(answering(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size + body))
        assert answer == Answer(status=200, body=body if complete else b"", complete=complete)


async def test_a_body_without_end_is_left_and_its_connection_closed() -> None:
    closed = asyncio.Event()
    sent = 0

    async def pour(visit: Visit) -> None:
        nonlocal sent
        await visit.request()
        await visit.answer(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        try:
            while True:
                await visit.answer(b"1000\r\n" + b"x" * 0x1000 + b"\r\n")
                sent += 0x1000
        except ConnectionError:
            closed.set()

    async with serving(pour) as server, transport(server.base_url) as sender:
        answer = await sender.send(POST, HEADERS, nothing)
        assert answer == Answer(status=200, body=b"", complete=False)
        await asyncio.wait_for(closed.wait(), 20)
    assert len(server.visits) == 1
    assert sent > ANSWER_LIMIT


async def test_a_body_that_swells_when_unpacked_is_left_too() -> None:
    bomb = gzip.compress(b"x" * 10_000_000)
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(bomb)
    answer, _ = await exchange(answering(head + bomb))
    assert answer == Answer(status=200, body=b"", complete=False)


@pytest.mark.parametrize(
    "data",
    [
        b"Content-Length: 9\r\n\r\n{",
        b"Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n",
        b"Content-Encoding: gzip\r\nContent-Length: 4\r\n\r\nnone",
    ],
    ids=["cut off", "chunks cut off", "broken gzip"],
)
@pytest.mark.parametrize("status", [200, 429, 401])
async def test_the_status_of_an_answer_with_a_broken_body_counts(status: int, data: bytes) -> None:
    answer, _ = await exchange(answering(b"HTTP/1.1 %d X\r\nRetry-After: 3\r\n" % status + data))
    assert answer == Answer(status=status, body=b"", complete=False, retry_after="3")


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch) -> asyncio.Event:
    """Is set when an answer has begun: its status is known, its body is yet to come."""
    event = asyncio.Event()
    read_head = aiohttp.ClientResponse.start

    async def start(self: aiohttp.ClientResponse, connection: Connection) -> aiohttp.ClientResponse:
        response = await read_head(self, connection)
        asyncio.get_running_loop().call_soon(event.set)
        return response

    monkeypatch.setattr(aiohttp.ClientResponse, "start", start)
    return event


async def test_half_a_body_and_a_reset_leave_the_status(begun: asyncio.Event) -> None:
    async def behave(visit: Visit) -> None:
        await visit.request()
        await visit.answer(b"HTTP/1.1 429 Slow\r\nContent-Length: 9\r\n\r\n{")
        await asyncio.wait_for(begun.wait(), 20)
        visit.reset()

    answer, _ = await exchange(behave)
    assert answer == Answer(status=429, body=b"", complete=False)


async def test_chunks_that_break_leave_the_status(begun: asyncio.Event) -> None:
    async def behave(visit: Visit) -> None:
        await visit.request()
        await visit.answer(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n")
        await asyncio.wait_for(begun.wait(), 20)
        await visit.answer(b"nonsense\r\n")

    # The client library does not tell of this, so the wait goes on for its whole time.
    answer, _ = await exchange(behave, answer_seconds=0.5)
    assert answer == Answer(status=200, body=b"", complete=False)


async def test_a_body_that_never_ends_in_time_leaves_the_status() -> None:
    async def behave(visit: Visit) -> None:
        await visit.request()
        await visit.answer(b"HTTP/1.1 429 Slow\r\nContent-Length: 9\r\n\r\n{")
        await visit.gone()

    answer, _ = await exchange(behave, answer_seconds=0.2)
    assert answer == Answer(status=429, body=b"", complete=False)


# Before the first byte


async def test_the_intent_is_awaited_once_on_a_connection_that_has_carried_nothing() -> None:
    connected = asyncio.Event()
    asked = asyncio.Event()
    begun = asyncio.Event()
    go_on = asyncio.Event()

    async def behave(visit: Visit) -> None:
        connected.set()
        first = await visit.reader.read(1)
        begun.set()
        visit.received += first
        await visit.request()
        await visit.answer()

    async def wait() -> None:
        # On the server's side the connection is there as soon as it is on ours.
        await asyncio.wait_for(connected.wait(), 20)
        asked.set()
        await go_on.wait()

    intent = Intent(wait)
    async with serving(behave) as server, transport(server.base_url) as sender:
        sending = asyncio.create_task(sender.send(POST, HEADERS, intent))
        await asyncio.wait_for(asked.wait(), 20)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(begun.wait(), 0.1)
        go_on.set()
        assert await sending == Answer(status=200, body=b"{}")
    assert intent.times == 1
    assert server.received.startswith(b"POST /lead/applications HTTP/1.1\r\n")


@pytest.mark.parametrize("error", [LedgerError("full"), OSError(28, "full"), TimeoutError(), ValueError("x")])
async def test_what_the_intent_raises_comes_out_and_nothing_is_sent(error: Exception) -> None:
    async def refuse() -> None:
        raise error

    gone = asyncio.Event()

    async def behave(visit: Visit) -> None:
        await visit.gone()
        gone.set()

    async with serving(behave) as server, transport(server.base_url, connections=1) as sender:
        for _ in range(2):
            with pytest.raises(type(error)) as raised:
                await sender.send(POST, HEADERS, refuse)
            assert raised.value is error
            await asyncio.wait_for(gone.wait(), 20)
    assert server.received == b""


async def test_a_send_that_is_cancelled_before_its_first_byte_sends_nothing() -> None:
    asked = asyncio.Event()
    gone = asyncio.Event()

    async def behave(visit: Visit) -> None:
        await visit.gone()
        gone.set()

    async def wait() -> None:
        asked.set()
        await asyncio.Event().wait()

    async with serving(behave) as server, transport(server.base_url) as sender:
        sending = asyncio.create_task(sender.send(POST, HEADERS, wait))
        await asyncio.wait_for(asked.wait(), 20)
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        await asyncio.wait_for(gone.wait(), 20)
    assert server.received == b""


async def test_waiting_for_the_intent_takes_nothing_from_the_time_for_the_answer() -> None:
    async def behave(visit: Visit) -> None:
        await visit.request()
        await visit.answer()

    async def dawdle() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.Event().wait(), 0.6)

    answer, _ = await exchange(behave, intent=Intent(dawdle), answer_seconds=0.5)
    assert isinstance(answer, Answer)


# No connection


class Names(AbstractResolver):
    """Knows these names and no others, and counts how often it is asked."""

    def __init__(self, known: dict[str, str] | None = None) -> None:
        self._known = known or {}
        self.asked: list[str] = []

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        self.asked.append(host)
        if host not in self._known:
            raise OSError(None, "no such name")
        return [
            ResolveResult(
                hostname=host, host=self._known[host], port=port, family=socket.AF_INET, proto=0, flags=0
            )
        ]

    async def close(self) -> None:
        """Nothing to close."""


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
        return port


async def failed(base_url: str, **named: Any) -> NoAnswer:
    """Send to where nobody can be reached, and return what is told of it."""
    intent = Intent()
    async with transport(base_url, **named) as sender:
        answer = await sender.send(POST, HEADERS, intent)
    assert intent.times == 0
    assert isinstance(answer, NoAnswer)
    assert not answer.handed_over
    return answer


async def test_a_refused_connection_leaves_no_doubt() -> None:
    answer = await failed(f"http://127.0.0.1:{closed_port()}")
    assert answer.code == "connect"
    assert answer.message.endswith("check the network and --base-url")


async def test_a_name_that_nobody_knows_leaves_no_doubt() -> None:
    names = Names()
    answer = await failed("http://api.test", resolver=names)
    assert (answer.code, names.asked) == ("dns", ["api.test"])


async def test_a_resolver_of_ones_own_is_asked_for_every_connection() -> None:
    names = Names({"api.test": "127.0.0.1"})

    async def once(visit: Visit) -> None:
        await visit.request()
        await visit.answer(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")

    async with (
        serving(once) as server,
        transport(f"http://api.test:{server.port}", resolver=names) as sender,
    ):
        for _ in range(2):
            assert isinstance(await sender.send(POST, HEADERS, nothing), Answer)
    assert names.asked == ["api.test"] * 2


async def test_connecting_for_too_long_leaves_no_doubt() -> None:
    class Slow(Names):
        async def resolve(self, *_: Any, **__: Any) -> list[ResolveResult]:
            await asyncio.Event().wait()
            raise AssertionError

    answer = await failed("http://api.test", resolver=Slow(), connect_seconds=0.1)
    assert answer.code == "connect_timeout"


async def test_a_server_that_speaks_no_tls_leaves_no_doubt() -> None:
    async def behave(visit: Visit) -> None:
        visit.received += await visit.reader.read(65536)
        await visit.answer(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    async with serving(behave) as server:
        answer = await failed(f"https://127.0.0.1:{server.port}")
    assert answer.code == "tls"
    assert b"POST" not in server.received


@pytest.fixture(scope="module")
def strangers_tls() -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    return context


async def test_a_certificate_that_nobody_vouches_for_leaves_no_doubt(
    strangers_tls: ssl.SSLContext,
) -> None:
    async with serving(silent, strangers_tls) as server:
        answer = await failed(f"https://127.0.0.1:{server.port}")
    assert answer.code == "tls"
    assert server.received == b""


@pytest.mark.parametrize("base_url", ["http://", "http://a..b", "http://" + "a" * 70, "ftp://127.0.0.1"])
async def test_an_address_that_is_none_leaves_no_doubt(base_url: str) -> None:
    await failed(base_url, resolver=Names())


# A connection that is lost


async def test_a_connection_that_is_reset_before_the_first_byte_is_replaced() -> None:
    lost = asyncio.Event()

    async def behave(visit: Visit) -> None:
        if visit.number == 1:
            visit.reset()
            lost.set()
        else:
            await visit.request()
            await visit.answer()

    async def wait() -> None:
        await asyncio.wait_for(lost.wait(), 20)
        # The reset has been sent; it is seen when the loop has looked at the socket once more.
        for _ in range(3):
            await asyncio.sleep(0)

    intent = Intent(wait)
    answer, server = await exchange(behave, intent=intent)
    assert answer == Answer(status=200, body=b"{}")
    assert [bool(visit.received) for visit in server.visits] == [False, True]
    assert intent.times == 1


async def test_a_reset_after_the_request_is_a_doubt() -> None:
    async def behave(visit: Visit) -> None:
        await visit.request()
        visit.reset()

    answer, server = await exchange(behave)
    doubtful(answer, "disconnected")
    assert server.received.endswith(BODY)


async def test_a_reset_in_the_middle_of_a_request_is_a_doubt() -> None:
    async def behave(visit: Visit) -> None:
        await visit.reader.readexactly(1)
        visit.reset()

    answer, _ = await exchange(behave, Request("POST", "/", b"x" * 1_000_000))
    assert isinstance(answer, NoAnswer)
    assert answer.handed_over


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "disconnected"),
        (b"HTTP/1.1 200 OK\r\nContent-", "disconnected"),
        (b"\x16\x03\x01 garbage\r\n\r\n", "garbage"),
        (b"SSH-2.0-OpenSSH\r\n", "garbage"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n{}", "garbage"),
    ],
)
async def test_a_closing_or_garbage_instead_of_an_answer_is_a_doubt(data: bytes, code: str) -> None:
    answer, _ = await exchange(answering(data))
    doubtful(answer, code)


async def test_no_answer_in_time_is_a_doubt() -> None:
    answer, server = await exchange(silent, answer_seconds=0.2)
    doubtful(answer, "timeout")
    assert server.received.endswith(BODY)


@pytest.mark.parametrize("method", ["POST", "PUT", "GET"])
async def test_no_request_is_sent_again_after_a_connection_was_lost(method: str) -> None:
    intent = Intent()
    answer, server = await exchange(answering(b""), Request(method, "/", b""), intent=intent)
    doubtful(answer, "disconnected")
    assert len(server.visits) == 1
    assert intent.times == 1


# A connection that was kept


async def test_a_connection_is_used_again() -> None:
    async with serving(polite) as server, transport(server.base_url) as sender:
        for _ in range(3):
            assert await sender.send(POST, HEADERS, nothing) == Answer(status=200, body=b"{}")
    assert len(server.visits) == 1


async def test_a_kept_connection_that_was_closed_while_idle_is_replaced() -> None:
    closed = asyncio.Event()

    async def once(visit: Visit) -> None:
        await visit.request()
        await visit.answer()
        visit.writer.close()
        await visit.writer.wait_closed()
        closed.set()

    async with serving(once) as server, transport(server.base_url) as sender:
        for _ in range(3):
            closed.clear()
            assert await sender.send(POST, HEADERS, nothing) == Answer(status=200, body=b"{}")
            await asyncio.wait_for(closed.wait(), 20)
    assert [visit.received.count(BODY) for visit in server.visits] == [1, 1, 1]


async def test_a_kept_connection_that_closes_while_the_intent_is_noted_is_replaced() -> None:
    close = asyncio.Event()
    closed = asyncio.Event()

    async def behave(visit: Visit) -> None:
        await visit.request()
        await visit.answer()
        if visit.number == 1:
            await close.wait()
            visit.writer.close()
            await visit.gone()
            closed.set()

    async def wait() -> None:
        close.set()
        # The server's side is closed for good only when ours has answered its closing.
        await asyncio.wait_for(closed.wait(), 20)

    intent = Intent(wait)
    async with serving(behave) as server, transport(server.base_url, connections=1) as sender:
        assert isinstance(await sender.send(POST, HEADERS, nothing), Answer)
        assert await sender.send(POST, HEADERS, intent) == Answer(status=200, body=b"{}")
    assert [visit.received.count(BODY) for visit in server.visits] == [1, 1]
    assert intent.times == 1


async def test_what_a_server_says_unasked_is_not_taken_for_the_next_answer() -> None:
    blurt = asyncio.Event()

    async def behave(visit: Visit) -> None:
        await visit.request()
        await visit.answer()
        if visit.number == 1:
            await blurt.wait()
            await visit.answer(b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 4\r\n\r\nlate")
            await visit.gone()

    async def wait() -> None:
        blurt.set()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.Event().wait(), 0.1)

    async with serving(behave) as server, transport(server.base_url, connections=1) as sender:
        assert isinstance(await sender.send(POST, HEADERS, nothing), Answer)
        assert await sender.send(POST, HEADERS, wait) == Answer(status=200, body=b"{}")
    assert [visit.received.count(BODY) for visit in server.visits] == [1, 1]


async def test_a_server_that_speaks_first_is_heard_and_not_visited_again_and_again() -> None:
    async def behave(visit: Visit) -> None:
        await visit.answer(b"HTTP/1.1 429 Slow\r\nContent-Length: 0\r\n\r\n")
        await visit.gone()

    async def wait() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.Event().wait(), 0.1)

    answer, server = await exchange(behave, intent=Intent(wait))
    assert answer == Answer(status=429, body=b"")
    assert len(server.visits) == 1


# Giving up


async def test_abandoning_ends_every_wait_with_a_doubt() -> None:
    arrived = asyncio.Semaphore(0)

    async def behave(visit: Visit) -> None:
        await visit.request()
        arrived.release()
        await visit.gone()

    async with serving(behave) as server, transport(server.base_url) as sender:
        sending = [asyncio.create_task(sender.send(POST, HEADERS, nothing)) for _ in range(3)]
        for _ in sending:
            await asyncio.wait_for(arrived.acquire(), 20)
        sender.abandon()
        sender.abandon()
        for answer in await asyncio.wait_for(asyncio.gather(*sending), 20):
            doubtful(answer, "timeout")
        sender.abandon()


async def test_abandoning_leaves_the_status_of_an_answer_that_has_begun(begun: asyncio.Event) -> None:
    async def behave(visit: Visit) -> None:
        await visit.request()
        await visit.answer(b"HTTP/1.1 429 Slow\r\nContent-Length: 9\r\n\r\n{")
        await visit.gone()

    async with serving(behave) as server, transport(server.base_url) as sender:
        sending = asyncio.create_task(sender.send(POST, HEADERS, nothing))
        await asyncio.wait_for(begun.wait(), 20)
        sender.abandon()
        assert await sending == Answer(status=429, body=b"", complete=False)


async def test_abandoning_twice_as_a_wait_ends_is_no_error() -> None:
    async with serving(silent) as server, transport(server.base_url) as sender:
        asked = asyncio.Event()
        again = asyncio.Event()

        async def stubborn() -> None:
            asked.set()
            try:
                await asyncio.Event().wait()
            finally:
                # Here the deadline has passed, and the call has not yet returned.
                sender.abandon()
                again.set()

        sending = asyncio.create_task(sender.send(POST, HEADERS, stubborn))
        await asyncio.wait_for(asked.wait(), 20)
        sender.abandon()
        unheard_of(await asyncio.wait_for(sending, 20), "connect_timeout")
        assert again.is_set()


async def test_abandoning_as_the_intent_is_noted_sends_nothing() -> None:
    gone = asyncio.Event()

    async def behave(visit: Visit) -> None:
        await visit.gone()
        gone.set()

    async with serving(behave) as server, transport(server.base_url) as sender:

        async def noted() -> None:
            sender.abandon()

        unheard_of(await asyncio.wait_for(sender.send(POST, HEADERS, noted), 20), "connect_timeout")
        await asyncio.wait_for(gone.wait(), 20)
    assert server.received == b""


async def test_a_send_that_is_cancelled_while_it_waits_for_the_answer_frees_its_connection() -> None:
    arrived = asyncio.Event()

    async def behave(visit: Visit) -> None:
        await visit.request()
        if visit.number == 1:
            arrived.set()
            await visit.gone()
        else:
            await visit.answer()

    async with serving(behave) as server, transport(server.base_url, connections=1) as sender:
        sending = asyncio.create_task(sender.send(POST, HEADERS, nothing))
        await asyncio.wait_for(arrived.wait(), 20)
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        assert await sender.send(POST, HEADERS, nothing) == Answer(status=200, body=b"{}")


# Proxies


@pytest.fixture
def dead_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{closed_port()}")


@pytest.mark.usefixtures("dead_proxy")
async def test_a_proxy_of_the_environment_is_left_alone() -> None:
    answer, server = await exchange(answering(OK))
    assert answer == Answer(status=200, body=b"{}")
    assert len(server.visits) == 1


@pytest.mark.usefixtures("dead_proxy")
async def test_a_dead_proxy_that_was_asked_for_leaves_no_doubt() -> None:
    for scheme in ("http", "https"):
        answer = await failed(f"{scheme}://api.test", proxy_from_environment=True)
        assert answer.code == "proxy"


async def test_a_proxy_that_refuses_leaves_no_doubt(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(answering(b"HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n")) as server:
        for name in ("no_proxy", "NO_PROXY"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("https_proxy", server.base_url)
        answer = await failed("https://api.test", proxy_from_environment=True)
    assert answer.code == "proxy"
    assert server.received.startswith(b"CONNECT api.test:443 HTTP/1.1\r\n")
    assert b"5ca1ab1e" not in server.received


async def test_a_proxy_that_was_asked_for_gets_the_whole_address(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(answering(OK)) as server:
        for name in ("no_proxy", "NO_PROXY"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("http_proxy", server.base_url)
        intent = Intent()
        async with transport("http://api.test", proxy_from_environment=True) as sender:
            answer = await sender.send(POST, HEADERS, intent)
    assert answer == Answer(status=200, body=b"{}")
    assert server.received.startswith(b"POST http://api.test/lead/applications HTTP/1.1\r\n")
    assert intent.times == 1
