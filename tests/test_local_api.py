"""The local lead API over real connections: what it checks, answers, remembers, and does wrong on demand."""

from __future__ import annotations

import asyncio
import errno
import io
import json
import logging
import os
import socket
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import pytest

from importer.applications import FormResponse
from importer.errors import InternalError, UsageError
from importer.faults import parse_fault
from importer.local_api import LOCAL_CREDENTIALS, LocalApi
from importer.signing import (
    CLIENT_ID_HEADER,
    SIGNATURE_HEADER,
    TIMESTAMP_HEADER,
    Credentials,
    sign,
    signed_headers,
)

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


@pytest.fixture
async def api() -> AsyncIterator[LocalApi]:
    async with LocalApi(LOCAL_CREDENTIALS, clock=lambda: NOON, responses=RESPONSES) as api:
        yield api


@pytest.fixture
async def client(api: LocalApi) -> AsyncIterator[Client]:
    async with aiohttp.ClientSession() as session:
        client = Client(session)
        client.base_url = api.base_url
        yield client


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


# Creating


async def test_a_lead_becomes_an_application_as_the_documentation_shows_it(
    api: LocalApi, client: Client
) -> None:
    status, answer = await client.create()
    assert status == 200
    (application,) = api.applications
    assert answer == {"data": asdict(application)}
    assert answer["data"] == {
        "id": application.id,
        "app_identifier": "vn.example.local-lead-api",
        "customer_id": "1333",
        "inputs": SORTED_INPUTS,
        "is_sandbox": True,
        "status": "new",
        "created_at": "2023-11-14T22:13:20.000Z",
        "updated_at": "2023-11-14T22:13:20.000Z",
    }
    assert len(application.id) == 18
    assert application.id.isdecimal()


@pytest.mark.parametrize(
    ("mount", "is_sandbox"),
    [("", True), ("/tiniapp-sandbox-open-api", True), ("/tiniapp-open-api", False)],
)
async def test_the_api_stands_at_the_root_and_under_both_environments(
    client: Client, mount: str, is_sandbox: bool
) -> None:
    client.base_url += mount
    _, answer = await client.create()
    assert answer["data"]["is_sandbox"] is is_sandbox
    status, _ = await client.send("GET", "/lead/responses?form_ids=7&size=1")
    assert status == 200


async def test_a_path_under_two_environments_is_not_there(client: Client) -> None:
    client.base_url += "/tiniapp-sandbox-open-api/tiniapp-open-api"
    assert_refused(await client.create(), 404, "there is no such path")


async def test_the_same_lead_sent_twice_is_created_twice(api: LocalApi, client: Client) -> None:
    (_, one), (_, two) = await client.create(), await client.create()
    assert one["data"]["id"] != two["data"]["id"]
    assert len(api.applications) == 2


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "the body must be JSON"),
        (b"{", "the body must be JSON"),
        (b"\xff\xfe", "the body must be JSON in UTF-8"),
        (body_of().decode().encode("utf-16"), "the body must be JSON in UTF-8"),
        (b"[" * 100_000, "not nested too deeply"),
        (b"[1]", "the body must hold a JSON object"),
        (b'{"customer_id":"\\ud800","inputs":"{}"}', "the body must be JSON in UTF-8"),
        (b"{}", "customer_id must be a string, and not empty"),
        (body_of(customer_id=""), "customer_id must be a string, and not empty"),
        (body_of(customer_id=1333), "customer_id must be a string, and not empty"),
        (body_of(inputs=None), "inputs must be a string that holds a JSON object"),
        (body_of(inputs={"name": "John"}), "inputs must be a string that holds a JSON object"),
        (body_of(inputs=""), "inputs must be JSON"),
        (body_of(inputs="{name: John}"), "inputs must be JSON"),
        (body_of(inputs='{"age":NaN}'), "without NaN"),
        (body_of(inputs='{"age":1e999}'), "without NaN"),
        (body_of(inputs='{"name":"\\udcff"}'), "inputs must be JSON in UTF-8"),
        (body_of(inputs='["John"]'), "inputs must hold a JSON object"),
    ],
)
async def test_a_lead_that_is_malformed_is_refused_and_not_created(
    api: LocalApi, client: Client, body: bytes, message: str
) -> None:
    answer = await client.send("POST", "/lead/applications", body)
    assert_refused(answer, 400, "invalid parameters: ")
    assert message in answer[1]["error"]["message"]
    assert api.applications == ()


async def test_what_the_body_has_beside_the_lead_is_ignored(client: Client) -> None:
    status, _ = await client.send("POST", "/lead/applications", body_of()[:-1] + b', "more": 1}')
    assert status == 200


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded"])
async def test_a_body_must_call_itself_json(client: Client, content_type: str) -> None:
    headers = signed_headers(LOCAL_CREDENTIALS, body_of(), NOON_MS) | {"Content-Type": content_type}
    answer = await client.send("POST", "/lead/applications", body_of(), headers)
    assert_refused(answer, 400, "invalid parameters: the header Content-Type must be application/json")


async def test_a_charset_beside_the_content_type_is_fine(client: Client) -> None:
    headers = signed_headers(LOCAL_CREDENTIALS, body_of(), NOON_MS)
    headers["Content-Type"] = "application/json; charset=utf-8"
    assert (await client.send("POST", "/lead/applications", body_of(), headers))[0] == 200


async def test_a_body_of_more_than_a_mebibyte_is_refused(client: Client) -> None:
    lead = {"customer_id": "1333", "inputs": json.dumps({"name": "x" * 1024 * 1024})}
    answer = await client.send("POST", "/lead/applications", json.dumps(lead).encode())
    assert_refused(answer, 413, "larger than 1 MiB")


async def test_a_body_that_is_not_framed_as_http_asks_is_refused(api: LocalApi) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", urlsplit(api.base_url).port)
    writer.write(
        b"POST /lead/applications HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n"
    )
    await until(lambda: api.stats.requests == 1)
    writer.write(b"no length\r\n")
    assert await reader.readline() == b"HTTP/1.1 400 Bad Request\r\n"
    assert b"the body breaks off" in await reader.readuntil(b"}}")
    writer.close()
    assert api.applications == ()


async def test_a_client_that_leaves_in_the_middle_of_its_body_creates_nothing(
    api: LocalApi, caplog: pytest.LogCaptureFixture
) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", urlsplit(api.base_url).port)
    writer.write(raw_request()[:-1])
    await until(lambda: api.stats.requests == 1)
    writer.close()
    await until(lambda: api.stats.by_status == {"400": 1})
    assert api.applications == ()
    assert caplog.records == []


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - what is waited for is a count, and has no event
            await asyncio.sleep(0)


# Signatures


def without(name: str) -> dict[str, str]:
    return {
        key: value
        for key, value in signed_headers(LOCAL_CREDENTIALS, body_of(), NOON_MS).items()
        if key != name
    }


def signed_at(timestamp: str) -> dict[str, str]:
    signature = sign(LOCAL_CREDENTIALS, body_of(), int(timestamp))
    return without("") | {TIMESTAMP_HEADER: timestamp, SIGNATURE_HEADER: signature}


@pytest.mark.parametrize(
    ("headers", "message"),
    [
        ({}, f"{CLIENT_ID_HEADER} must be given, and once"),
        (without(CLIENT_ID_HEADER), f"{CLIENT_ID_HEADER} must be given, and once"),
        (without(TIMESTAMP_HEADER), f"{TIMESTAMP_HEADER} must be given, and once"),
        (without(SIGNATURE_HEADER), f"{SIGNATURE_HEADER} must be given, and once"),
        (without("") | {CLIENT_ID_HEADER: "another"}, "is not the client key of this API"),
        (without("") | {TIMESTAMP_HEADER: "noon"}, "must be milliseconds since the epoch"),
        (without("") | {TIMESTAMP_HEADER: f"{NOON_MS}.0"}, "must be milliseconds since the epoch"),
        (without("") | {TIMESTAMP_HEADER: "9" * 19}, "must be milliseconds since the epoch"),
        (signed_at(str(NOON_MS - 300_001)), "is 300 seconds behind this API's clock, and 300 are allowed"),
        (signed_at(str(NOON_MS + 400_000)), "is 400 seconds ahead of this API's clock"),
        (signed_at(str(NOON_MS // 1000)), "check the clock, and that it is in milliseconds"),
        (without("") | {TIMESTAMP_HEADER: str(NOON_MS + 1)}, "the signature is not that of these bytes"),
        (signed_headers(LOCAL_CREDENTIALS, b"{}", NOON_MS), "the signature is not that of these bytes"),
        (
            signed_headers(Credentials(LOCAL_CREDENTIALS.client_key, b"another"), body_of(), NOON_MS),
            "the signature is not that of these bytes",
        ),
        (
            without("") | {SIGNATURE_HEADER: sign(LOCAL_CREDENTIALS, body_of(), NOON_MS).upper()},
            "must be 64 lowercase hexadecimal digits",
        ),
        (without("") | {SIGNATURE_HEADER: "ÿ" * 64}, "must be 64 lowercase hexadecimal digits"),
    ],
)
async def test_a_request_that_is_not_signed_as_asked_is_refused(
    api: LocalApi, client: Client, headers: dict[str, str], message: str
) -> None:
    answer = await client.send("POST", "/lead/applications", body_of(), headers)
    assert_refused(answer, 400, message, "invalid_signature")
    assert api.applications == ()


@pytest.mark.parametrize("offset", [-300_000, 300_000])
async def test_a_timestamp_may_be_off_by_five_minutes(client: Client, offset: int) -> None:
    status, _ = await client.send("POST", "/lead/applications", body_of(), signed_at(str(NOON_MS + offset)))
    assert status == 200


async def test_a_header_of_the_signature_given_twice_is_refused(api: LocalApi) -> None:
    answer, _ = await raw_answer(
        api, raw_request("1333", f"{TIMESTAMP_HEADER}: {NOON_MS}", "Connection: close")
    )
    assert b'"invalid_signature"' in answer
    assert f"{TIMESTAMP_HEADER} must be given, and once".encode() in answer


async def test_the_signature_comes_before_everything_else_about_the_body(client: Client) -> None:
    answer = await client.send("POST", "/lead/applications", b"{", without(""))
    assert_refused(answer, 400, "the signature", "invalid_signature")


@pytest.mark.parametrize(
    ("signed", "status"),
    [("/lead/responses?form_ids=7%2C8&size=1", 200), ("/lead/responses?form_ids=7,8&size=1", 400)],
)
async def test_a_get_signs_its_path_with_the_query_as_it_was_encoded(
    api: LocalApi, signed: str, status: int
) -> None:
    headers = signed_headers(LOCAL_CREDENTIALS, signed.encode(), NOON_MS)
    lines = [
        "GET /tiniapp-open-api/lead/responses?form_ids=7%2C8&size=1 HTTP/1.1",
        "Host: localhost",
        "Connection: close",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    answer, _ = await raw_answer(api, "\r\n".join(lines).encode() + b"\r\n\r\n")
    assert answer.startswith(f"HTTP/1.1 {status}".encode())


async def test_the_clock_is_the_real_one_unless_another_is_given() -> None:
    async with LocalApi(LOCAL_CREDENTIALS) as api, aiohttp.ClientSession() as session:
        headers = signed_headers(LOCAL_CREDENTIALS, body_of(), time.time_ns() // 1_000_000)
        url = f"{api.base_url}/lead/applications"
        async with session.post(url, data=body_of(), headers=headers) as response:
            assert response.status == 200


# Paths and methods


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/lead/applications", "POST"),
        ("PUT", "/lead/applications", "POST"),
        ("GET", "/lead/applications/1", "PUT"),
        ("POST", "/lead/responses", "GET"),
    ],
)
async def test_another_method_is_refused_with_the_one_that_is_taken(
    client: Client, method: str, path: str, allowed: str
) -> None:
    assert_refused(await client.send(method, path), 405, f"{path} takes {allowed} only")
    async with client.session.request(method, client.base_url + path) as response:
        assert response.headers["Allow"] == allowed


@pytest.mark.parametrize("path", ["/", "/lead", "/lead/applications/", "/lead/applications/1/2", "/leads"])
async def test_a_path_that_is_not_there_is_refused(client: Client, path: str) -> None:
    assert_refused(await client.send("POST", path), 404, "the operations are at /lead/applications and")


# Updating


async def test_a_status_is_set_and_answered_without_a_body(api: LocalApi, client: Client) -> None:
    _, answer = await client.create()
    path = f"/lead/applications/{answer['data']['id']}"
    for status in ("disbursed", "rejected", "new"):
        assert await client.send("PUT", path, json.dumps({"status": status}).encode()) == (204, b"")
        assert api.applications[0].status == status


@pytest.mark.parametrize("body", [b"{}", b'{"status":"paid"}', b'{"status":["new"]}', b'{"status":null}'])
async def test_a_status_that_is_not_known_is_refused(client: Client, body: bytes) -> None:
    _, answer = await client.create()
    path = f"/lead/applications/{answer['data']['id']}"
    assert_refused(
        await client.send("PUT", path, body),
        400,
        "invalid parameters: status must be one of new, disbursed, rejected",
    )


async def test_an_application_that_is_not_there_cannot_be_updated(client: Client) -> None:
    answer = await client.send("PUT", "/lead/applications/141952217564315671", b'{"status":"new"}')
    assert_refused(answer, 404, "there is no application with this id")


async def test_an_update_is_signed_too(client: Client) -> None:
    answer = await client.send("PUT", "/lead/applications/1", b'{"status":"new"}', without(""))
    assert_refused(answer, 400, "the signature", "invalid_signature")


# Form responses


async def test_form_responses_are_listed_newest_first_and_paged_with_lt_id(client: Client) -> None:
    status, answer = await client.send("GET", "/lead/responses?form_ids=6,7&size=2")
    assert status == 200
    assert answer["data"]["total"] == 3
    assert answer["data"]["responses"] == [asdict(RESPONSES[2]), asdict(RESPONSES[1])]
    _, answer = await client.send("GET", "/lead/responses?form_ids=6,7&size=2&lt_id=2")
    assert answer["data"]["responses"] == [
        {"id": "1", "form_id": "7", "created_at": "2021-12-16T17:43:51Z", "inputs": {"n": 1}}
    ]


async def test_form_responses_are_listed_between_two_moments(client: Client) -> None:
    query = "form_ids=7&size=500&from_time=1639676632&to_time=1639676632&more=ignored"
    _, answer = await client.send("GET", f"/lead/responses?{query}")
    assert [response["id"] for response in answer["data"]["responses"]] == ["2"]


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("", "form_ids must be given"),
        ("size=1", "form_ids must be given"),
        ("form_ids=&size=1", "form_ids must be given"),
        ("form_ids=7,&size=1", "form_ids must be given"),
        ("form_ids=seven&size=1", "form_ids must be given"),
        ("form_ids=7", "size must be given: a whole number from 1 to 500"),
        ("form_ids=7&size=0", "size must be given"),
        ("form_ids=7&size=501", "size must be given"),
        ("form_ids=7&size=ten", "size must be a whole number"),
        ("form_ids=7&size=-1", "size must be a whole number"),
        ("form_ids=7&size=1&size=2", "a parameter is given twice"),
        ("form_ids=7&size=1&lt_id=", "lt_id must be a whole number"),
        ("form_ids=7&size=1&from_time=1.5", "from_time must be a whole number"),
        ("form_ids=7&size=1&to_time=now", "to_time must be a whole number"),
    ],
)
async def test_a_query_that_is_malformed_is_refused(client: Client, query: str, message: str) -> None:
    path = f"/lead/responses?{query}" if query else "/lead/responses"
    assert_refused(await client.send("GET", path), 400, f"invalid parameters: {message}")


# Faults


async def test_a_status_is_answered_in_the_apis_error_format_and_creates_nothing(
    api: LocalApi, client: Client
) -> None:
    stage(api, "503", "401:first=1")
    assert_refused(await client.create(), 503, "Service Unavailable")
    stage(api, "400:reason=invalid_token")
    assert_refused(await client.create(), 400, "Bad Request", "invalid_token")
    stage(api, "299")
    assert_refused(await client.create(), 299, "Status 299")
    assert api.applications == ()


async def test_a_status_may_come_as_a_page_of_html_or_empty(api: LocalApi, client: Client) -> None:
    stage(api, "502:format=html")
    status, page = await client.create()
    assert status == 502
    assert b"<h1>Bad Gateway</h1>" in page
    stage(api, "504:format=empty")
    assert await client.create() == (504, b"")
    stage(api, "204")
    assert await client.create() == (204, b"")


async def test_a_status_may_create_the_application_all_the_same(api: LocalApi, client: Client) -> None:
    stage(api, "500:created=yes,first=2")
    assert [(await client.create(customer))[0] for customer in "123"] == [500, 500, 200]
    assert [application.customer_id for application in api.applications] == ["1", "2", "3"]


@pytest.mark.parametrize(("written", "sent"), [("1", "1"), ("0.5", "0.5"), ("86400", "86400"), ("", None)])
async def test_a_status_tells_when_to_come_again(
    api: LocalApi, client: Client, written: str, sent: str | None
) -> None:
    stage(api, f"429:retry-after={written}" if written else "429")
    headers = signed_headers(LOCAL_CREDENTIALS, body_of(), NOON_MS)
    url = f"{api.base_url}/lead/applications"
    async with client.session.post(url, data=body_of(), headers=headers) as response:
        assert response.status == 429
        assert response.headers.get("Retry-After") == sent


async def test_dropping_before_resets_the_connection_and_creates_nothing(api: LocalApi) -> None:
    stage(api, "drop-before")
    assert await raw_answer(api, raw_request()) == (b"", True)
    assert api.applications == ()


async def test_dropping_after_closes_the_connection_once_it_created(api: LocalApi) -> None:
    stage(api, "drop-after")
    assert await raw_answer(api, raw_request()) == (b"", False)
    assert len(api.applications) == 1


async def test_garbage_is_no_http_and_comes_once_it_created(api: LocalApi, client: Client) -> None:
    stage(api, "garbage")
    assert await raw_answer(api, raw_request()) == (b"\x00\x01this is not HTTP\r\n\r\n", False)
    assert len(api.applications) == 1
    with pytest.raises(aiohttp.ClientResponseError):
        await client.create()
    assert len(api.applications) == 2


async def test_dropped_connections_have_no_status_and_are_counted_as_faults(
    api: LocalApi, client: Client
) -> None:
    stage(api, "drop-before:customer=1", "drop-after:customer=2", "garbage:customer=3")
    for customer in "123":
        with pytest.raises(aiohttp.ClientError):
            await client.create(customer)
    assert api.stats.by_status == {}
    assert api.stats.by_fault == {"drop-before": 1, "drop-after": 1, "garbage": 1}
    assert (api.stats.requests, api.stats.created) == (3, 2)


async def test_bad_json_breaks_off_although_the_answer_is_complete(api: LocalApi, client: Client) -> None:
    stage(api, "bad-json")
    headers = signed_headers(LOCAL_CREDENTIALS, body_of(), NOON_MS)
    url = f"{api.base_url}/lead/applications"
    async with client.session.post(url, data=body_of(), headers=headers) as response:
        assert (response.status, response.content_type) == (200, "application/json")
        text = await response.text()
    with pytest.raises(json.JSONDecodeError):
        json.loads(text)
    assert text.startswith('{"data": {"id":')
    assert len(api.applications) == 1


async def test_no_id_answers_an_application_without_its_id(api: LocalApi, client: Client) -> None:
    stage(api, "no-id")
    status, answer = await client.create()
    assert status == 200
    expected = asdict(api.applications[0])
    del expected["id"]
    assert answer == {"data": expected}


async def test_other_customer_answers_an_application_of_somebody_else(api: LocalApi, client: Client) -> None:
    stage(api, "other-customer")
    status, answer = await client.create("1333")
    assert status == 200
    assert answer["data"]["customer_id"] != "1333"
    assert api.applications[0].customer_id == "1333"


async def test_a_redirect_leads_to_another_origin_and_shows_when_it_is_followed(
    api: LocalApi, client: Client
) -> None:
    stage(api, "redirect")
    headers = signed_headers(LOCAL_CREDENTIALS, body_of(), NOON_MS)
    url = f"{api.base_url}/lead/applications"
    async with client.session.post(url, data=body_of(), headers=headers, allow_redirects=False) as answer:
        assert answer.status == 307
        assert urlsplit(answer.headers["Location"]).netloc == f"localhost:{urlsplit(url).port}"
    async with client.session.post(url, data=body_of(), headers=headers) as answer:
        assert answer.status == 404
    assert api.stats.by_status == {"307": 2, "404": 1}
    assert api.applications == ()


async def test_a_delay_holds_the_answer_back_and_creates(
    api: LocalApi, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept, real_sleep = [], asyncio.sleep

    async def sleep(seconds: float, *_: object) -> None:
        slept.append(seconds)
        await real_sleep(0)

    monkeypatch.setattr("importer.local_api.asyncio.sleep", sleep)
    stage(api, "delay:seconds=30,first=1", "503:delay=2.5")
    status, answer = await client.create()
    assert (status, answer["data"]["id"]) == (200, api.applications[0].id)
    assert (await client.create())[0] == 503
    assert [seconds for seconds in slept if seconds] == [30.0, 2.5]


async def test_a_delayed_request_is_created_even_when_its_client_has_gone(api: LocalApi) -> None:
    stage(api, "delay:seconds=0.05")
    _, writer = await asyncio.open_connection("127.0.0.1", urlsplit(api.base_url).port)
    writer.write(raw_request())
    await until(lambda: api.stats.by_fault == {"delay": 1})
    writer.close()
    await until(lambda: api.stats.created == 1)


async def test_a_fault_for_a_client_that_has_gone_still_creates(
    api: LocalApi, caplog: pytest.LogCaptureFixture
) -> None:
    stage(api, "drop-after:delay=0.05")
    _, writer = await asyncio.open_connection("127.0.0.1", urlsplit(api.base_url).port)
    writer.write(raw_request())
    await until(lambda: api.stats.by_fault == {"drop-after": 1})
    writer.close()
    await until(lambda: api.stats.created == 1)
    assert caplog.records == []


async def test_a_request_that_would_be_refused_gets_no_fault(api: LocalApi, client: Client) -> None:
    stage(api, "503:first=1")
    assert (await client.create(""))[0] == 400
    assert (await client.send("GET", "/lead/responses?form_ids=7&size=1"))[0] == 200
    assert (await client.create())[0] == 503


async def test_faults_at_random_are_the_same_for_the_same_seed() -> None:
    seen = []
    for seed in (3, 3, 4):
        rules = [parse_fault("503:rate=0.5")]
        async with (
            LocalApi(LOCAL_CREDENTIALS, faults=rules, seed=seed, clock=lambda: NOON) as api,
            aiohttp.ClientSession() as session,
        ):
            client = Client(session)
            client.base_url = api.base_url
            seen.append([(await client.create())[0] for _ in range(40)])
    assert seen[0] == seen[1] != seen[2]


# The control routes


async def test_the_control_lists_and_forgets_what_was_created(api: LocalApi, client: Client) -> None:
    await client.create("1")
    await client.create("2")
    listed = [asdict(application) for application in api.applications]
    assert await client.control("GET", "/applications") == (200, listed)
    assert [application["customer_id"] for application in listed] == ["1", "2"]
    assert await client.control("DELETE", "/applications") == (204, b"")
    assert await client.control("GET", "/applications") == (200, [])


async def test_the_control_stages_faults_instead_of_those_before(api: LocalApi, client: Client) -> None:
    stage(api, "503")
    assert await client.control("POST", "/faults", b'["429:times=1"]') == (204, b"")
    assert api.faults == (parse_fault("429:times=1"),)
    assert [(await client.create())[0] for _ in range(2)] == [429, 200]
    assert await client.control("POST", "/faults", b"[]") == (204, b"")
    assert not api.faults


@pytest.mark.parametrize("body", [b"", b"{", b"{}", b"[503]", b"[" * 100_000, b"\xff"])
async def test_faults_that_are_no_list_of_specs_are_refused(
    api: LocalApi, client: Client, body: bytes
) -> None:
    stage(api, "503")
    answer = await client.control("POST", "/faults", body)
    assert_refused(answer, 400, "invalid parameters: faults are staged as a JSON list of strings")
    assert api.faults == (parse_fault("503"),)


async def test_a_fault_spec_that_is_wrong_is_refused_in_words(client: Client) -> None:
    answer = await client.control("POST", "/faults", b'["503","sulk"]')
    assert_refused(answer, 400, "invalid parameters: The fault 'sulk': there is no kind")


async def test_the_control_counts_the_requests_and_not_itself(api: LocalApi, client: Client) -> None:
    stage(api, "429:first=1")
    for customer in ("1", "2", ""):
        await client.create(customer)
    await client.control("GET", "/applications")
    status, stats = await client.control("GET", "/stats")
    assert (status, stats) == (
        200,
        {
            "requests": 3,
            "created": 1,
            "by_status": {"429": 1, "200": 1, "400": 1},
            "by_fault": {"429": 1},
            "max_in_flight": 1,
        },
    )


async def test_requests_under_way_at_once_are_counted(api: LocalApi, client: Client) -> None:
    stage(api, "delay:seconds=30")
    sending = [asyncio.create_task(client.create(str(number))) for number in range(5)]
    await until(lambda: api.stats.by_fault["delay"] == 5)
    assert api.stats.max_in_flight == 5
    await api.stop()
    for task in sending:
        with pytest.raises(aiohttp.ClientError):
            await task


@pytest.mark.parametrize(
    ("method", "path"), [("GET", ""), ("GET", "/faults"), ("PUT", "/applications"), ("GET", "lers")]
)
async def test_a_control_that_is_not_there_is_refused(client: Client, method: str, path: str) -> None:
    assert_refused(await client.control(method, path), 404, "there is no such control")


# Starting, stopping and keeping


async def test_the_base_url_is_the_bare_origin_and_empty_before_the_start() -> None:
    api = LocalApi(LOCAL_CREDENTIALS)
    assert api.base_url == ""
    url = await api.start()
    assert url == api.base_url == f"http://127.0.0.1:{urlsplit(url).port}"
    await api.stop()


async def test_an_ipv6_address_stands_in_brackets() -> None:
    api = LocalApi(LOCAL_CREDENTIALS)
    try:
        url = await api.start("::1")
    except UsageError:
        pytest.skip("this machine has no IPv6")
    assert url.startswith("http://[::1]:")
    await api.stop()


async def test_it_cannot_be_started_while_it_runs_and_may_be_stopped_twice(api: LocalApi) -> None:
    with pytest.raises(InternalError, match="running already"):
        await api.start()
    await api.stop()
    await api.stop()


async def test_the_memory_survives_a_stop_and_a_start(api: LocalApi, client: Client) -> None:
    await client.create()
    await api.stop()
    client.base_url = await api.start()
    await client.create()
    assert len(api.applications) == 2


async def test_an_address_that_is_taken_is_refused_and_the_store_is_let_go_of(
    api: LocalApi, tmp_path: Path
) -> None:
    port = urlsplit(api.base_url).port
    assert port is not None
    other = LocalApi(LOCAL_CREDENTIALS, store=tmp_path / "store")
    with pytest.raises(UsageError, match=f"cannot listen on 127.0.0.1 port {port}"):
        await other.start(port=port)
    assert other.base_url == ""
    await other.start()
    await other.stop()


async def test_a_stop_closes_connections_that_wait_for_an_answer(api: LocalApi) -> None:
    stage(api, "delay:seconds=3600")
    waiting = asyncio.create_task(raw_answer(api, raw_request()))
    await until(lambda: api.stats.by_fault == {"delay": 1})
    await api.stop()
    async with asyncio.timeout(10):
        assert (await waiting)[0] == b""
    assert api.applications == ()


async def test_an_application_is_in_the_file_when_its_answer_comes_and_outlives_a_restart(
    tmp_path: Path, client: Client
) -> None:
    path = tmp_path / "store"
    async with LocalApi(LOCAL_CREDENTIALS, store=path, clock=lambda: NOON) as api:
        client.base_url = api.base_url
        _, answer = await client.create()
        assert json.loads(path.read_bytes().splitlines()[-1]) == answer["data"]
        update = f"/lead/applications/{answer['data']['id']}"
        await client.send("PUT", update, b'{"status":"rejected"}')
        with pytest.raises(UsageError, match="in use by another local lead API"):
            await LocalApi(LOCAL_CREDENTIALS, store=path).start()
    async with LocalApi(LOCAL_CREDENTIALS, store=path) as api:
        assert [asdict(application) for application in api.applications] == [
            answer["data"] | {"status": "rejected"}
        ]
        client.base_url = api.base_url
        assert await client.control("DELETE", "/applications") == (204, b"")
    async with LocalApi(LOCAL_CREDENTIALS, store=path) as api:
        assert api.applications == ()


async def test_a_disk_that_fails_is_answered_with_500_and_logged_without_personal_data(
    tmp_path: Path, client: Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    person = "somebody@example.com"

    def fsync(_: int) -> None:
        raise OSError(errno.ENOSPC, f"No space left on device for {person}")

    async with LocalApi(LOCAL_CREDENTIALS, store=tmp_path / "store", clock=lambda: NOON) as api:
        client.base_url = api.base_url
        monkeypatch.setattr(os, "fsync", fsync)
        assert_refused(await client.create(person), 500, "failed (OSError); nothing was created")
        monkeypatch.undo()
        assert api.applications == ()
        assert api.stats.created == 0
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    assert "OSError" in caplog.text
    assert person not in caplog.text


async def test_connections_are_kept_open_unless_they_are_to_be_closed(api: LocalApi) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", urlsplit(api.base_url).port)
    for _ in range(2):
        writer.write(raw_request())
        head = await reader.readuntil(b"\r\n\r\n")
        assert b"Connection: close" not in head
        await reader.readuntil(b"}}")
    writer.close()


@pytest.mark.parametrize("path", ["/_control/stats", "/lead/nowhere"])
async def test_every_answer_can_be_made_to_close_its_connection(path: str) -> None:
    async with LocalApi(LOCAL_CREDENTIALS, close_connections=True, clock=lambda: NOON) as api:
        answer, _ = await raw_answer(api, f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        assert b"Connection: close\r\n" in answer
        answer, _ = await raw_answer(api, raw_request())
        assert answer.startswith(b"HTTP/1.1 200")
        assert b"Connection: close\r\n" in answer


async def test_what_is_not_http_at_all_is_answered_and_not_logged(
    api: LocalApi, caplog: pytest.LogCaptureFixture
) -> None:
    answer, _ = await raw_answer(api, b"0901234567\r\n\r\n")
    assert answer.startswith(b"HTTP/1.0 400")
    assert caplog.records == []
    with socket.create_connection(("127.0.0.1", urlsplit(api.base_url).port or 0)):
        assert api.stats.created == 0


def test_the_local_credentials_keep_their_secret_out_of_their_representation() -> None:
    assert "local-client-secret" not in repr(LOCAL_CREDENTIALS)
