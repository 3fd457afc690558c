"""One request out; one answer, or one translated failure, back, and whether a byte was handed over.

Before the first byte of a request leaves, and only once there is a connection to leave on, the transport
awaits what the caller wants to be true by then (the ledger's intent). So a failed connection leaves no doubt,
and an intent that cannot be written sends nothing. This is done where the connector hands out a connection,
after which aiohttp awaits nothing but its own writing. A kept connection that the server has closed meanwhile
is noticed there, too, and replaced by another one, since nothing was written to it yet; so is one on which
the server has spoken unasked, since that would be taken for the answer.

Redirects are not followed, certificates are always verified, proxies of the environment are used only when
asked for, and of an answer only so much is read as one may have.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Self
from weakref import WeakSet

import aiohttp
from aiohttp.abc import AbstractResolver
from aiohttp.client_proto import ResponseHandler
from aiohttp.client_reqrep import ClientRequest
from aiohttp.connector import Connection
from aiohttp.tracing import Trace
from yarl import URL

from importer import __version__, failpoints
from importer.errors import InternalError
from importer.failpoints import Point
from importer.language import _
from importer.model import Answer, NoAnswer, Request

ANSWER_LIMIT = 64 * 1024
"""Bytes of an answer that are read if nothing else is said; an application is a few hundred."""

CONNECT_SECONDS = 15.0
"""How long connecting may take, with the name look-up and TLS."""

# A server that closes an idle connection does so after a few seconds; nginx, 75. What is not reused for this
# long is not reused at all, so that the race against the server's closing is rare to begin with.
_KEEPALIVE_SECONDS = 4.0


@dataclass(slots=True, eq=False)
class _Handover:
    """What is to happen before the first byte of one request, and whether it has happened."""

    before_first_byte: Callable[[], Awaitable[None]]
    deadline: asyncio.Timeout
    seconds: float
    done: bool = False
    response: aiohttp.ClientResponse | None = None
    """The answer as soon as it began: its status may be proof by itself."""

    refusal: Exception | None = None
    """What `before_first_byte` raised."""

    abandoned: bool = False

    async def prepare(self) -> None:
        try:
            await self.before_first_byte()
        except Exception as error:
            self.refusal = error
            raise
        if self.abandoned:
            raise TimeoutError
        self.deadline.reschedule(asyncio.get_running_loop().time() + self.seconds)

    def abandon(self) -> None:
        # A deadline that has passed already cannot be moved any more.
        if not self.deadline.expired():
            self.abandoned = True
            self.deadline.reschedule(0)


_HANDOVER: ContextVar[_Handover] = ContextVar("handover")


class _Connector(aiohttp.TCPConnector):
    def __init__(self, *, limit: int, resolver: AbstractResolver | None) -> None:
        super().__init__(
            limit=limit,
            keepalive_timeout=_KEEPALIVE_SECONDS,
            resolver=resolver,
            use_dns_cache=resolver is None,
        )
        self._used: WeakSet[ResponseHandler] = WeakSet()

    async def connect(
        self,
        req: ClientRequest,
        traces: list[Trace],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - the signature is aiohttp's
    ) -> Connection:
        handover = _HANDOVER.get()
        if handover.done:
            # After a lost connection aiohttp would send a PUT again by itself.
            raise aiohttp.ServerDisconnectedError
        prepared = False
        while True:
            connection = await super().connect(req, traces, timeout)
            if not prepared:
                failpoints.reached(Point.CONNECTED)
                try:
                    await handover.prepare()
                except BaseException:
                    connection.close()
                    raise
                prepared = True
            if self._is_fit(connection):
                handover.done = True
                failpoints.reached(Point.INTENT_KNOWN)
                return connection
            connection.close()

    def _is_fit(self, connection: Connection) -> bool:
        protocol = connection.protocol
        if protocol is None or not protocol.is_connected():
            return False
        # On a new connection there is no earlier request whose late answer could be taken for this one's.
        fit = protocol not in self._used or not protocol.should_close
        self._used.add(protocol)
        return fit


class Transport:
    """Sends requests to one API through a pool of connections; an asynchronous context manager.

    `connections` is how many requests may be under way at once: with as many callers none ever waits for a
    connection. `answer_seconds` counts from the first byte of a request to the last one of its answer.
    `resolver` replaces the system's look-up of names, and is asked for every connection. `answer_limit` is
    how many bytes of an answer are read.
    """

    def __init__(
        self,
        base_url: str,
        *,
        connections: int,
        answer_seconds: float,
        connect_seconds: float = CONNECT_SECONDS,
        proxy_from_environment: bool = False,
        resolver: AbstractResolver | None = None,
        answer_limit: int = ANSWER_LIMIT,
    ) -> None:
        self._base_url = base_url.rstrip("/")
        self._connections = connections
        self._answer_seconds = answer_seconds
        self._connect_seconds = connect_seconds
        self._proxy_from_environment = proxy_from_environment
        self._resolver = resolver
        self._answer_limit = answer_limit
        self._session: aiohttp.ClientSession | None = None
        self._under_way: set[_Handover] = set()
        self._urls: dict[str, URL] = {}

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            connector=_Connector(limit=self._connections, resolver=self._resolver),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"User-Agent": f"lead-importer/{__version__}", "Accept-Encoding": "identity"},
            timeout=aiohttp.ClientTimeout(total=None, connect=self._connect_seconds),
            trust_env=self._proxy_from_environment,
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    def abandon(self) -> None:
        """Stop waiting for every answer that is under way; each of these calls returns with what it has."""
        for handover in self._under_way:
            handover.abandon()

    async def send(
        self,
        request: Request,
        headers: Mapping[str, str],
        before_first_byte: Callable[[], Awaitable[None]],
    ) -> Answer | NoAnswer:
        """Send `request` once and return what came back.

        `before_first_byte` is awaited on a connection that is ready, and what it raises comes out of here
        with nothing sent. No failure of the network is raised.
        """
        if self._session is None:
            raise InternalError(_("The transport is used outside of its context; please report it."))
        deadline = asyncio.timeout(None)
        handover = _Handover(before_first_byte, deadline, self._answer_seconds)
        token = _HANDOVER.set(handover)
        self._under_way.add(handover)
        try:
            async with deadline:
                return await self._exchange(self._session, request, headers, handover)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            if handover.refusal is not None:
                raise handover.refusal from None
            if handover.response is not None:
                return _answer(handover.response, None)
            return _translated(error, handed_over=handover.done)
        finally:
            self._under_way.discard(handover)
            _HANDOVER.reset(token)

    async def _exchange(
        self,
        session: aiohttp.ClientSession,
        request: Request,
        headers: Mapping[str, str],
        handover: _Handover,
    ) -> Answer:
        async with session.request(
            request.method,
            self._url(request.path),
            data=request.content or None,
            headers=headers,
            allow_redirects=False,
        ) as response:
            handover.response = response
            failpoints.reached(Point.ANSWER_BEGAN)
            return _answer(response, await _read(response, self._answer_limit))

    def _url(self, path: str) -> URL:
        if path not in self._urls:
            # The path is signed as it stands, so it must travel as it stands.
            self._urls = {path: URL(self._base_url + path, encoded=True)}
        return self._urls[path]


def _answer(response: aiohttp.ClientResponse, body: bytes | None) -> Answer:
    """Return an answer with what was read of its body; None if that is not all."""
    return Answer(
        status=response.status,
        body=body or b"",
        complete=body is not None,
        retry_after=response.headers.get("Retry-After", ""),
        date=response.headers.get("Date", ""),
        location=response.headers.get("Location", ""),
    )


async def _read(response: aiohttp.ClientResponse, limit: int) -> bytes | None:
    """Return the body, or None if it goes on beyond `limit`."""
    content, body = response.content, b""
    while not content.at_eof():
        body += await content.readany()
        if len(body) > limit:
            response.close()
            return None
    return body


def _translated(error: Exception, *, handed_over: bool) -> NoAnswer:
    code, message = _cause(error, handed_over=handed_over)
    return NoAnswer(code=code, message=message, handed_over=handed_over)


def _cause(error: Exception, *, handed_over: bool) -> tuple[str, str]:
    match error:
        case aiohttp.ClientConnectorCertificateError() | aiohttp.ClientSSLError():
            return "tls", (
                _("the server proved no identity over TLS; check --base-url and the clock of this machine")
            )
        case aiohttp.ClientConnectorDNSError():
            return "dns", _("the name of the server cannot be found; check --base-url and the network")
        case aiohttp.ClientProxyConnectionError() | aiohttp.ClientHttpProxyError():
            return "proxy", _("the proxy did not let the connection through; check the proxy")
        case aiohttp.ClientConnectorError():
            reason = error.os_error.strerror or _("no connection")
            return "connect", _(
                "the server could not be reached ({reason}); check the network and --base-url"
            ).format(reason=reason)
        case TimeoutError() if handed_over:
            return "timeout", _("the request was sent, and no answer came in time")
        case TimeoutError():
            return "connect_timeout", _("the server could not be reached in time; check the network")
        case aiohttp.ServerDisconnectedError() | aiohttp.ClientOSError():
            return "disconnected", _("the connection was lost before an answer came")
        case aiohttp.ClientResponseError():
            return "garbage", _("what came back is not HTTP")
        case _:
            return "connection", _("the connection failed ({name})").format(name=type(error).__name__)
