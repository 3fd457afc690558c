"""The API that is the oracle's memory: the local API with a store, on a thread of its own.

It is where a kill hurts most: when a request has arrived, and when its application exists and nobody has been
told. So it can kill the command at these moments, and hold requests until a test lets them go.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from urllib.parse import urlsplit

from aiohttp import web

from importer.faults import FaultRule
from importer.local_api import LOCAL_CREDENTIALS, LocalApi


class Moment(StrEnum):
    """A moment in the life of a request that only the API sees."""

    REQUEST_ARRIVED = "request-arrived"
    APPLICATION_CREATED = "application-created"
    """It is on disk, and not answered for."""


class Witness(LocalApi):
    """A local API with its applications in the file `store`, run by :func:`tests.support.api_beside`."""

    def __init__(self, store: Path, *faults: FaultRule) -> None:
        super().__init__(LOCAL_CREDENTIALS, store=store, faults=faults)
        self.store_path = store
        self.arrivals = threading.Semaphore(0)
        """Is released by each request that arrives."""

        self._loop: asyncio.AbstractEventLoop | None = None
        self._awaited: Moment | None = None
        self._left = 0
        self._meet: Callable[[], None] = lambda: None
        self._gates: dict[str, asyncio.Event] = {}

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> str:
        self._loop = asyncio.get_running_loop()
        return await super().start(host, port)

    def at(self, moment: Moment | None, count: int, meet: Callable[[], None]) -> None:
        """Call `meet` when `moment` comes for the `count`-th time from now on."""
        self._awaited, self._left, self._meet = moment, count, meet

    def settle(self) -> None:
        """Give up every request under way, and be there again: what exists after that is all that will."""
        loop, port = self._running(), urlsplit(self.base_url).port or 0
        asyncio.run_coroutine_threadsafe(self.stop(), loop).result(30)
        asyncio.run_coroutine_threadsafe(self.start(port=port), loop).result(30)

    def hold(self, *customers: str) -> None:
        """Let requests for these customers wait."""
        self._gates |= {customer: asyncio.Event() for customer in customers}

    def let_go(self, customer: str) -> None:
        """Let the requests for this customer go on."""
        self._running().call_soon_threadsafe(self._gates[customer].set)

    def _running(self) -> asyncio.AbstractEventLoop:
        assert self._loop is not None, "it is started first"
        return self._loop

    async def _create(
        self, request: web.BaseRequest, body: bytes, *, is_sandbox: bool
    ) -> web.Response | None:
        self._see(Moment.REQUEST_ARRIVED)
        self.arrivals.release()
        if gate := self._gates.get(json.loads(body)["customer_id"]):
            await gate.wait()
        response = await super()._create(request, body, is_sandbox=is_sandbox)
        self._see(Moment.APPLICATION_CREATED)
        return response

    def _see(self, moment: Moment) -> None:
        if moment is self._awaited:
            self._left -= 1
            if self._left == 0:
                self._meet()
