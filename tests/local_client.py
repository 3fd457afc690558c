"""A client of the local lead API that signs what it sends, and raw connections to it."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from importer.applications import FormResponse
from importer.faults import parse_fault
from importer.local_api import LOCAL_CREDENTIALS, LocalApi
from importer.signing import signed_headers

NOON = 1_700_000_000.0
NOON_MS = 1_700_000_000_000
INPUTS = '{"phone":"0901234567","name":"Nguyễn Văn Cừ"}'
SORTED_INPUTS = '{"name":"Nguyễn Văn Cừ","phone":"0901234567"}'
RESPONSES = [
    FormResponse(id=str(number), form_id="7", created_at=f"2021-12-16T17:43:5{number}Z", inputs={"n": number})
    for number in (1, 2, 3)
]


def body_of(customer_id: object = "1333", inputs: object = INPUTS) -> bytes:
    return json.dumps({"customer_id": customer_id, "inputs": inputs}, ensure_ascii=False).encode()


class Client:
    """Signs at noon, which is when the clock of the API under test stands still."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self.session = session
        self.base_url = ""

    async def send(
        self, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None
    ) -> tuple[int, Any]:
        if headers is None:
            headers = signed_headers(LOCAL_CREDENTIALS, path.encode() if method == "GET" else body, NOON_MS)
        async with self.session.request(
            method,
            self.base_url + path,
            data=io.BytesIO(body) if body else None,
            headers=headers,
            allow_redirects=False,
        ) as response:
            content = await response.read()
            if response.content_type == "application/json":
                return response.status, json.loads(content)
            return response.status, content

    async def create(self, customer_id: object = "1333", inputs: object = INPUTS) -> tuple[int, Any]:
        return await self.send("POST", "/lead/applications", body_of(customer_id, inputs))

    async def control(self, method: str, path: str, body: bytes = b"") -> tuple[int, Any]:
        return await self.send(method, f"/_control{path}", body, {})


def stage(api: LocalApi, *specs: str) -> None:
    api.faults = [parse_fault(spec) for spec in specs]


def assert_refused(answer: tuple[int, Any], status: int, message: str, reason: str = "") -> None:
    """The error format of the documentation, to the last key."""
    assert answer[0] == status
    assert set(answer[1]) == {"data", "error"}
    assert answer[1]["data"] is None
    error = answer[1]["error"]
    assert set(error) == {"code", "reason", "message", "metadata"}
    assert (error["code"], error["reason"]) == (status, reason)
    assert message in error["message"]
    assert set(error["metadata"]) == {"service_code", "request_id"}
    assert error["metadata"]["request_id"]


async def raw_answer(api: LocalApi, request: bytes) -> tuple[bytes, bool]:
    """Return what comes back for the bytes of `request`, and whether the connection was reset after it."""
    reader, writer = await asyncio.open_connection("127.0.0.1", urlsplit(api.base_url).port)
    writer.write(request)
    received = b""
    try:
        async with asyncio.timeout(10):
            while chunk := await reader.read(65536):
                received += chunk
    except ConnectionResetError:
        return received, True
    finally:
        writer.close()
    return received, False


def raw_request(customer_id: str = "1333", *more_headers: str) -> bytes:
    body = body_of(customer_id)
    headers = signed_headers(LOCAL_CREDENTIALS, body, NOON_MS)
    lines = [
        "POST /lead/applications HTTP/1.1",
        "Host: localhost",
        f"Content-Length: {len(body)}",
        *(f"{name}: {value}" for name, value in headers.items()),
        *more_headers,
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - what is waited for is a count, and has no event
            await asyncio.sleep(0)
