"""What the local lead API does wrong on demand, as clients and raw connections see it."""

from __future__ import annotations

import asyncio
import json
from dataclasses import asdict
from urllib.parse import urlsplit

import aiohttp
import pytest

from importer.faults import parse_fault
from importer.local_api import LOCAL_CREDENTIALS, LocalApi
from importer.signing import signed_headers
from tests.local_client import (
    NOON,
    NOON_MS,
    Client,
    assert_refused,
    body_of,
    raw_answer,
    raw_request,
    stage,
    until,
)


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
    assert (await client.send("GET", "/lead/responses?form_ids=7"))[0] == 400
    assert (await client.send("PUT", "/lead/applications/1", b'{"status":"new"}'))[0] == 404
    assert (await client.create())[0] == 503


async def test_a_fault_is_staged_whatever_the_operation_unless_it_names_one(
    api: LocalApi, client: Client
) -> None:
    _, created = await client.create()
    update = ("PUT", f"/lead/applications/{created['data']['id']}", b'{"status":"disbursed"}')
    listing = ("GET", "/lead/responses?form_ids=7&size=1")
    stage(api, "503:times=2")
    assert [(await client.send(*update))[0], (await client.send(*listing))[0]] == [503, 503]
    stage(api, "503:on=update")
    assert [(await client.create())[0], (await client.send(*listing))[0]] == [200, 200]
    assert (await client.send(*update))[0] == 503
    assert api.applications[0].status == "new"
    stage(api, "503:on=update,created=yes")
    assert (await client.send(*update))[0] == 503
    assert api.applications[0].status == "disbursed"
    stage(api, "no-id", "other-customer")
    assert [(await client.send(*update))[0], (await client.send(*listing))[0]] == [204, 200]
    stage(api, "delay:seconds=0")
    assert (await client.send(*update))[0] == 204


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
