"""The lead API on this machine: to rehearse an import on, and to prove the importer against.

It checks signatures, timestamps and bodies as the documentation words them, answers in the API's own formats
and remembers what it created; with a file, an application is on disk before its answer goes out. On demand it
misbehaves (:mod:`importer.faults`), whatever the operation, and always at requests that it would otherwise
have granted, so that a fault alone decides whether an application exists.

The API stands at the root and below ``/tiniapp-sandbox-open-api``, as the sandbox, and below
``/tiniapp-open-api``, as production. Beside it, unsigned, for tests and for the person who rehearses:

=======================================  ===================================================================
``GET /_control/applications``           all applications that were created, a JSON list in that order
``DELETE /_control/applications``        forget them
``GET /_control/stats``                  what :class:`Stats` counts, a JSON object
``POST /_control/faults``                stage these faults instead: a JSON list of fault specs
=======================================  ===================================================================

Where the documentation is silent, this API decides: a timestamp may be 300 seconds off, a body has at most
1 MiB, a status may change to any other, and what is malformed is answered with 400, an empty reason and
"invalid parameters". Nothing that it logs holds a secret or personal data.
"""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import struct
import time
import traceback
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from http.client import responses as standard_phrases
from pathlib import Path
from typing import Any, Self, assert_never

from aiohttp import web

from importer.applications import ApplicationStore, FormResponse, StoredApplication, select_responses
from importer.errors import InternalError, UsageError
from importer.faults import FaultKind, FaultPlan, FaultRule, Operation
from importer.local_requests import (
    APPLICATIONS,
    Refusal,
    check_content_type,
    check_signature,
    read_body,
    read_faults,
    read_lead,
    read_query,
    read_status,
    read_target,
)
from importer.signing import Credentials

LOCAL_CREDENTIALS = Credentials("local-client-key", b"local-client-secret")
"""What the local API takes when it is started without credentials of its own; no secret."""

_LOG = logging.getLogger(__name__)
_CONTROL = "/_control"
_SERVICE_CODE = "local-lead-api"
_PAGE_OF_HTML = "<!DOCTYPE html><html><head><title>{0}</title></head><body><h1>{0}</h1></body></html>"


@dataclass(slots=True)
class Stats:
    """What the local API counts of the requests to it, those below ``/_control`` aside."""

    requests: int = 0
    created: int = 0
    updated: int = 0
    """Statuses that were set, each time."""

    by_status: Counter[str] = field(default_factory=Counter)
    """Answers by their status code; a dropped connection and garbage have none."""

    by_fault: Counter[str] = field(default_factory=Counter)
    """Faults by the name of their kind, such as ``429`` or ``drop-after``."""

    max_in_flight: int = 0
    """The most requests that were under way at once."""


class LocalApi:
    """The local lead API; an asynchronous context manager that starts and stops it.

    `credentials` are those that requests must be signed with. `store` is the file that keeps the
    applications; without one they live in memory, and survive a stop and a start of the same object.
    `seed` makes the faults at random reproducible. `clock` returns seconds since the epoch; a request's
    timestamp may be `skew_seconds` off it. `responses` are what ``GET /lead/responses`` lists. With
    `close_connections`, every answer closes its connection.
    """

    def __init__(
        self,
        credentials: Credentials,
        *,
        faults: Sequence[FaultRule] = (),
        store: Path | None = None,
        seed: int = 0,
        clock: Callable[[], float] = time.time,
        skew_seconds: float = 300,
        responses: Sequence[FormResponse] = (),
        close_connections: bool = False,
    ) -> None:
        self.stats = Stats()
        self._credentials = credentials
        self._store = ApplicationStore(store, clock=clock)
        self._seed = seed
        self._plan = FaultPlan(faults, seed=seed)
        self._clock = clock
        self._skew_seconds = skew_seconds
        self._responses = tuple(responses)
        self._close_connections = close_connections
        self._runner: web.ServerRunner | None = None
        self._base_url = ""
        self._handling: set[asyncio.Task[Any]] = set()

    @property
    def base_url(self) -> str:
        """The address of the API, without a slash at its end; empty before the first start."""
        return self._base_url

    @property
    def applications(self) -> tuple[StoredApplication, ...]:
        """All applications, in order of their creation."""
        return self._store.applications

    @property
    def faults(self) -> tuple[FaultRule, ...]:
        """The rules of the faults, in order of precedence; to set them starts their counts anew."""
        return self._plan.rules

    @faults.setter
    def faults(self, rules: Sequence[FaultRule]) -> None:
        self._plan = FaultPlan(rules, seed=self._seed)

    @property
    def responses(self) -> tuple[FormResponse, ...]:
        """The form responses that it lists."""
        return self._responses

    @responses.setter
    def responses(self, responses: Sequence[FormResponse]) -> None:
        self._responses = tuple(responses)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> str:
        """Listen, and return the base URL; port 0 takes any that is free.

        Raises :class:`UsageError` if the store cannot be used or the address is taken.
        """
        if self._runner is not None:
            raise InternalError("The local lead API is running already; stop it before starting it again.")
        self._store.open()
        # Compressed bodies stay as they are: the signature is over the bytes that travelled. aiohttp would
        # log the malformed line of a request, personal data and all, so its log is switched off.
        server = web.Server(
            self._handle,
            access_log=None,
            logger=logging.Logger("silent", level=logging.CRITICAL + 1),
            auto_decompress=False,
            max_line_size=64 * 1024,
        )
        runner = web.ServerRunner(server, shutdown_timeout=0.05)
        await runner.setup()
        site = web.TCPSite(runner, host, port, backlog=1024)
        try:
            await site.start()
        except OSError as error:
            await runner.cleanup()
            await self._store.close()
            raise UsageError(
                f"The local lead API cannot listen on {host} port {port} ({error.strerror or error}). "
                "Choose another port, or stop what uses this one; port 0 takes any that is free."
            ) from error
        self._runner = runner
        self._base_url = f"http://{f'[{host}]' if ':' in host else host}:{site.port}"
        return self._base_url

    async def stop(self) -> None:
        """Close every connection and the store; requests under way are left unanswered."""
        if self._runner is None:
            return
        runner, self._runner = self._runner, None
        for site in runner.sites:
            await site.stop()
        for task in self._handling:
            task.cancel()
        await runner.cleanup()
        await self._store.close()

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.raw_path.startswith(_CONTROL):
            response = await self._guard(self._control(request))
        else:
            response = await self._count(self._guard(self._answer(request)))
        if response is None:
            # The connection is closed, so nobody receives this; aiohttp only wants some answer.
            return web.Response()
        if self._close_connections:
            response.force_close()
        return response

    async def _count(self, answering: Awaitable[web.Response | None]) -> web.Response | None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - aiohttp runs a handler in a task
        self._handling.add(task)
        self.stats.requests += 1
        self.stats.max_in_flight = max(self.stats.max_in_flight, len(self._handling))
        try:
            response = await answering
        finally:
            self._handling.discard(task)
        if response is not None:
            self.stats.by_status[str(response.status)] += 1
        return response

    async def _guard(self, answering: Awaitable[web.Response | None]) -> web.Response | None:
        try:
            return await answering
        except Refusal as refusal:
            return _error(refusal.status, refusal.message, refusal.reason, refusal.headers)
        except Exception as error:
            # Lines of code only: the message of an exception may hold what somebody sent.
            _LOG.error(
                "The local lead API failed (%s):\n%s",
                type(error).__name__,
                "".join(traceback.format_tb(error.__traceback__)),
            )
            return _error(500, f"the local lead API failed ({type(error).__name__}); nothing was created")

    async def _control(self, request: web.BaseRequest) -> web.Response:
        match request.method, request.path.removeprefix(_CONTROL):
            case "GET", "/applications":
                return _json(200, [asdict(application) for application in self.applications])
            case "DELETE", "/applications":
                await self._store.clear()
            case "GET", "/stats":
                return _json(200, {field.name: getattr(self.stats, field.name) for field in fields(Stats)})
            case "POST", "/faults":
                self.faults = read_faults(await read_body(request))
            case _:
                raise Refusal(404, "there is no such control; the docstring of importer.local_api lists them")
        return web.Response(status=204)

    async def _answer(self, request: web.BaseRequest) -> web.Response | None:
        target = read_target(request)
        body = await read_body(request)
        check_signature(
            request,
            target.path.encode(errors="surrogateescape") if target.method == "GET" else body,
            self._credentials,
            now=self._clock(),
            skew_seconds=self._skew_seconds,
        )
        if target.method == "GET":
            return await self._list_responses(request, target.query)
        check_content_type(request)
        if target.method == "PUT":
            return await self._update(request, target.resource.removeprefix(f"{APPLICATIONS}/"), body)
        return await self._create(request, body, is_sandbox=target.is_sandbox)

    async def _create(
        self, request: web.BaseRequest, body: bytes, *, is_sandbox: bool
    ) -> web.Response | None:
        customer_id, inputs = read_lead(body)

        async def create() -> dict[str, object]:
            application = await self._store.create(customer_id, inputs, is_sandbox=is_sandbox)
            self.stats.created += 1
            return asdict(application)

        return await self._grant(request, "create", customer_id, create)

    async def _update(
        self, request: web.BaseRequest, application_id: str, body: bytes
    ) -> web.Response | None:
        status = read_status(body)
        application = self._store.find(application_id)
        if application is None:
            raise Refusal(404, "there is no application with this id")

        async def update() -> None:
            await self._store.update(application_id, status)
            self.stats.updated += 1

        return await self._grant(request, "update", application.customer_id, update)

    async def _list_responses(self, request: web.BaseRequest, query: str) -> web.Response | None:
        wanted = read_query(query)

        async def select() -> dict[str, object]:
            total, page = select_responses(self._responses, wanted)
            return {"total": total, "responses": [asdict(response) for response in page]}

        return await self._grant(request, "list", "", select)

    async def _grant(
        self,
        request: web.BaseRequest,
        operation: Operation,
        customer_id: str,
        do: Callable[[], Awaitable[dict[str, object] | None]],
    ) -> web.Response | None:
        """Do what was asked for and answer with its data, unless there is a fault to stage."""
        rule = self._plan.choose(customer_id, operation)
        if rule is None:
            return _granted(await do())
        self.stats.by_fault[rule.name] += 1
        await asyncio.sleep(rule.delay)
        return self._misbehave(rule, request, await do() if rule.creates else {})

    def _misbehave(
        self, rule: FaultRule, request: web.BaseRequest, data: dict[str, object] | None
    ) -> web.Response | None:
        match rule.kind:
            case FaultKind.STATUS:
                return _status_fault(rule)
            case FaultKind.DELAY:
                return _granted(data)
            case FaultKind.DROP_BEFORE | FaultKind.DROP_AFTER | FaultKind.GARBAGE:
                _break_connection(rule.kind, request.transport)
                return None
            case FaultKind.BAD_JSON:
                whole = json.dumps({"data": data})
                return web.Response(text=whole[: len(whole) // 2], content_type="application/json")
            case FaultKind.NO_ID:
                return _granted({name: value for name, value in (data or {}).items() if name != "id"})
            case FaultKind.OTHER_CUSTOMER:
                return _granted({**(data or {}), "customer_id": f"{(data or {}).get('customer_id')}0"})
            case FaultKind.REDIRECT:
                # Another origin that leads here, so that a client that follows it shows in the statistics.
                address = f"{self._base_url.replace('127.0.0.1', 'localhost')}/elsewhere{APPLICATIONS}"
                return web.Response(status=307, headers={"Location": address})
        assert_never(rule.kind)


def _granted(data: dict[str, object] | None) -> web.Response:
    """Return the answer to what was done: with its data, or without a body if there are none."""
    return web.Response(status=204) if data is None else _json(200, {"data": data})


def _json(status: int, value: object, headers: Mapping[str, str] | None = None) -> web.Response:
    body = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    return web.Response(status=status, body=body, headers=headers, content_type="application/json")


def _error(
    status: int, message: str, reason: str = "", headers: Mapping[str, str] | None = None
) -> web.Response:
    metadata = {"service_code": _SERVICE_CODE, "request_id": uuid.uuid4().hex}
    error = {"code": status, "reason": reason, "message": message, "metadata": metadata}
    return _json(status, {"data": None, "error": error}, headers)


def _status_fault(rule: FaultRule) -> web.Response:
    headers = {} if rule.retry_after is None else {"Retry-After": f"{rule.retry_after:g}"}
    phrase = standard_phrases.get(rule.status, f"Status {rule.status}")
    if rule.format == "api":
        return _error(rule.status, phrase, rule.reason, headers)
    text = _PAGE_OF_HTML.format(phrase) if rule.format == "html" else None
    return web.Response(
        status=rule.status, text=text, headers=headers, content_type="text/html" if text else None
    )


def _break_connection(kind: FaultKind, transport: asyncio.Transport | None) -> None:
    if transport is None:
        return
    if kind is FaultKind.DROP_BEFORE:
        # Closing with zero to linger for is what makes the system send a reset.
        transport.get_extra_info("socket").setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
        )
        transport.abort()
        return
    if kind is FaultKind.GARBAGE:
        transport.write(b"\x00\x01this is not HTTP\r\n\r\n")
    transport.close()
