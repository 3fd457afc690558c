"""What the local lead API checks, answers and remembers, over real connections."""

from __future__ import annotations

import asyncio
import gzip
import json
import time
from dataclasses import asdict
from urllib.parse import urlsplit

import aiohttp
import pytest

from importer.local_api import LOCAL_CREDENTIALS, LocalApi
from importer.signing import (
    CLIENT_ID_HEADER,
    SIGNATURE_HEADER,
    TIMESTAMP_HEADER,
    Credentials,
    sign,
    signed_headers,
)
from tests.local_client import (
    NOON_MS,
    RESPONSES,
    SORTED_INPUTS,
    Client,
    assert_refused,
    body_of,
    raw_answer,
    raw_request,
    until,
)

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


async def test_a_compressed_body_is_signed_as_it_travels_and_is_no_json(client: Client) -> None:
    body = gzip.compress(body_of())
    headers = signed_headers(LOCAL_CREDENTIALS, body, NOON_MS) | {"Content-Encoding": "gzip"}
    answer = await client.send("POST", "/lead/applications", body, headers)
    assert_refused(answer, 400, "the body must be JSON in UTF-8")


async def test_a_body_of_more_than_a_mebibyte_is_refused(client: Client) -> None:
    lead = {"customer_id": "1333", "inputs": json.dumps({"name": "x" * 1024 * 1024})}
    answer = await client.send("POST", "/lead/applications", json.dumps(lead).encode())
    assert_refused(answer, 413, "larger than 1 MiB")


async def test_a_body_that_is_not_framed_as_http_asks_creates_nothing(api: LocalApi) -> None:
    head = b"POST /lead/applications HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    answer, _ = await raw_answer(api, head + b"1\r\n{\r\nno length\r\n")
    assert b" 400 Bad Request\r\n" in answer
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


async def test_form_responses_of_a_thousand_forms_can_be_asked_for_at_once(client: Client) -> None:
    form_ids = ",".join(["7", *(str(10**17 + number) for number in range(1000))])
    _, answer = await client.send("GET", f"/lead/responses?form_ids={form_ids}&size=500")
    assert answer["data"]["total"] == 3


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
