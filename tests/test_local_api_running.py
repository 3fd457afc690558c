"""How the local lead API is controlled, started, stopped, and started again."""

from __future__ import annotations

import asyncio
import errno
import json
import logging
import os
from dataclasses import asdict
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import pytest

from importer.errors import InternalError, UsageError
from importer.faults import parse_fault
from importer.local_api import LOCAL_CREDENTIALS, LocalApi
from tests.local_client import (
    NOON,
    Client,
    assert_refused,
    raw_answer,
    raw_request,
    stage,
    until,
)

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
            "updated": 0,
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


async def test_a_line_that_is_no_http_is_answered_and_not_logged(
    api: LocalApi, client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    assert (await client.create())[0] == 200
    answer, _ = await raw_answer(api, b"GET / HTTP/1.1\r\n0901234567\r\n\r\n")
    assert answer.startswith(b"HTTP/1.0 400")
    assert caplog.records == []
    assert (await client.create())[0] == 200
    assert api.stats.requests == 2


def test_the_local_credentials_keep_their_secret_out_of_their_representation() -> None:
    assert "local-client-secret" not in repr(LOCAL_CREDENTIALS)
