"""Processes that send for a run: what they may do, and what is known when one of them ends."""

from __future__ import annotations

import asyncio
import marshal
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

import importer.senders
import importer.transport
from importer.errors import InternalError, LedgerError
from importer.model import Answer, NoAnswer, Request
from importer.senders import SenderProcesses, fitting_processes
from importer.senders.messages import Asked, Message, Outbox, Told, frames
from importer.senders.process import Sending
from importer.transport import Transport
from tests.test_transport import BODY, HEADERS, OK, POST, Visit, answering, polite, serving

LONGEST = 30


async def nothing() -> None:
    return None


@asynccontextmanager
async def senders(base_url: str, processes: int = 2, **settings: Any) -> AsyncIterator[SenderProcesses]:
    settings = {"connections": 8, "answer_seconds": 20.0} | settings
    async with SenderProcesses(processes, base_url=base_url, **settings) as sending:
        yield sending


async def test_an_answer_comes_through_a_process_as_it_does_without_one() -> None:
    behaviour = answering(
        b"HTTP/1.1 503 Away\r\nRetry-After: 7\r\nDate: Tue, 14 Nov 2023 22:13:20 GMT\r\n"
        b"Location: /there\r\nContent-Length: 4\r\n\r\nbusy"
    )
    async with serving(behaviour) as server, senders(server.base_url, 1) as sending:
        answer = await sending.send(POST, HEADERS, nothing)
    assert answer == Answer(
        status=503, body=b"busy", retry_after="7", date="Tue, 14 Nov 2023 22:13:20 GMT", location="/there"
    )
    assert server.received.startswith(b"POST /lead/applications HTTP/1.1\r\n")
    assert b"X-Tiniapp-Signature: 5ca1ab1e" in server.received
    assert server.received.endswith(BODY)


async def test_a_connection_that_fails_is_told_as_one() -> None:
    async with serving(polite) as server:
        base_url = server.base_url
    async with senders(base_url, 1) as sending:
        answer = await sending.send(POST, HEADERS, nothing)
    assert isinstance(answer, NoAnswer)
    assert (answer.code, answer.handed_over) == ("connect", False)


async def test_processes_share_the_requests_and_use_their_connections_again() -> None:
    async with serving(polite) as server, senders(server.base_url, 2) as sending:
        for _ in range(5):
            answers = await asyncio.gather(*(sending.send(POST, HEADERS, nothing) for _ in range(4)))
            assert all(isinstance(answer, Answer) and answer.status == 200 for answer in answers)
    assert len(server.visits) == 4
    assert server.received.count(b"POST ") == 20


@pytest.mark.parametrize("earlier", [0, 1])
async def test_nothing_is_sent_before_the_intent_is_known(earlier: int) -> None:
    async with serving(polite) as server, senders(server.base_url, 1) as sending:
        for _ in range(earlier):
            await sending.send(POST, HEADERS, nothing)
        begun, known = asyncio.Event(), asyncio.Event()

        async def intend() -> None:
            begun.set()
            await known.wait()

        under_way = asyncio.create_task(sending.send(POST, HEADERS, intend))
        await begun.wait()
        # What is asked for meanwhile comes after it on the same way, so nothing of it is only late.
        await sending.send(Request("POST", "/later", BODY), HEADERS, nothing)
        assert server.received.count(b"POST /lead/applications") == earlier
        known.set()
        assert isinstance(await under_way, Answer)
    assert server.received.count(b"POST /lead/applications") == earlier + 1


@pytest.mark.parametrize("earlier", [0, 1])
async def test_an_intent_that_cannot_be_noted_sends_nothing(earlier: int) -> None:
    async def fail() -> None:
        raise LedgerError("the disk is full")

    async with serving(polite) as server, senders(server.base_url, 1) as sending:
        for _ in range(earlier):
            await sending.send(POST, HEADERS, nothing)
        with pytest.raises(LedgerError, match="the disk is full"):
            await sending.send(POST, HEADERS, fail)
        await sending.send(Request("POST", "/later", BODY), HEADERS, nothing)
    assert server.received.count(b"POST /lead/applications") == earlier
    assert server.received.count(b"POST /later") == 1


def pids(sending: SenderProcesses) -> list[int]:
    return [process.process.pid for process in sending._processes]


async def test_what_a_process_was_told_to_send_is_in_doubt_when_it_ends_and_the_others_go_on() -> None:
    arrived = asyncio.Event()

    async def behave(visit: Visit) -> None:
        request = await visit.request()
        if request.startswith(b"POST /lead/applications"):
            arrived.set()
            await visit.gone()
        await visit.answer(OK)

    async with serving(behave) as server, senders(server.base_url, 2) as sending:
        under_way = asyncio.create_task(sending.send(POST, HEADERS, nothing))
        await arrived.wait()
        os.kill(pids(sending)[0], signal.SIGKILL)
        answer = await under_way
        assert isinstance(answer, NoAnswer)
        assert (answer.code, answer.handed_over) == ("sender_ended", True)
        later = await sending.send(Request("POST", "/later", BODY), HEADERS, nothing)
        assert isinstance(later, Answer)


@pytest.mark.parametrize("earlier", [0, 1])
async def test_what_a_process_was_not_told_to_send_yet_is_not_in_doubt_when_it_ends(earlier: int) -> None:
    async with serving(polite) as server, senders(server.base_url, 1) as sending:
        for _ in range(earlier):
            await sending.send(POST, HEADERS, nothing)

        async def intend() -> None:
            (process,) = sending._processes
            os.kill(process.process.pid, signal.SIGKILL)
            await process._listening

        answer = await sending.send(POST, HEADERS, intend)
        assert isinstance(answer, NoAnswer)
        assert (answer.code, answer.handed_over) == ("sender_ended", False)
        with pytest.raises(InternalError, match="have ended unexpectedly"):
            await sending.send(POST, HEADERS, nothing)
    assert server.received.count(b"POST ") == earlier


async def test_answers_that_nobody_waits_for_any_longer_are_in_doubt() -> None:
    arrived = asyncio.Event()

    async def behave(visit: Visit) -> None:
        await visit.request()
        arrived.set()
        await visit.gone()

    async with serving(behave) as server, senders(server.base_url, 2) as sending:
        under_way = asyncio.create_task(sending.send(POST, HEADERS, nothing))
        await arrived.wait()
        sending.abandon()
        answer = await under_way
    assert isinstance(answer, NoAnswer)
    assert (answer.code, answer.handed_over) == ("timeout", True)


@pytest.mark.parametrize("earlier", [0, 1])
async def test_a_request_that_is_abandoned_while_its_intent_is_noted_is_not_sent(earlier: int) -> None:
    async with serving(polite) as server, senders(server.base_url, 1) as sending:
        for _ in range(earlier):
            await sending.send(POST, HEADERS, nothing)
        begun, known = asyncio.Event(), asyncio.Event()

        async def intend() -> None:
            begun.set()
            await known.wait()

        under_way = asyncio.create_task(sending.send(POST, HEADERS, intend))
        await begun.wait()
        sending.abandon()
        # What is asked for meanwhile comes after it on the same way, so the process has given up by then.
        assert isinstance(await sending.send(Request("POST", "/later", BODY), HEADERS, nothing), Answer)
        known.set()
        async with asyncio.timeout(LONGEST):
            answer = await under_way
    assert isinstance(answer, NoAnswer)
    assert (answer.code, answer.handed_over) == ("abandoned", False)
    assert server.received.count(b"POST /lead/applications") == earlier


@pytest.mark.parametrize(("earlier", "handed_over"), [(0, False), (1, True)])
async def test_what_a_process_failed_at_is_in_doubt_if_it_may_have_been_sent(
    earlier: int, handed_over: bool
) -> None:
    async with serving(polite) as server, senders(server.base_url, 1) as sending:
        for _ in range(earlier):
            await sending.send(POST, HEADERS, nothing)
        no_path: Any = 5
        async with asyncio.timeout(LONGEST):
            answer = await sending.send(Request("POST", no_path, BODY), HEADERS, nothing)
        assert isinstance(answer, NoAnswer)
        assert (answer.code, answer.handed_over) == ("sender_failed", handed_over)
        assert isinstance(await sending.send(POST, HEADERS, nothing), Answer)


def told_by_system(pid: int) -> str:
    return "".join(Path(f"/proc/{pid}/{name}").read_text(errors="replace") for name in ("environ", "cmdline"))


async def test_a_process_knows_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEAD_IMPORTER_CLIENT_SECRET", "invented-and-hidden")
    async with serving(polite) as server, senders(server.base_url, 1) as sending:
        await sending.send(POST, HEADERS, nothing)
        if sys.platform == "linux":
            (pid,) = pids(sending)
            assert "invented-and-hidden" not in told_by_system(pid)


async def test_what_prints_when_python_starts_is_not_taken_for_an_answer(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "sitecustomize.py").write_text("print('welcome')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    async with serving(polite) as server, senders(server.base_url, 1) as sending, asyncio.timeout(LONGEST):
        assert isinstance(await sending.send(POST, HEADERS, nothing), Answer)


@pytest.mark.parametrize(
    "nonsense", [b"welcome\n", b"\0\0\0\1?", b"\0\0\0\0", b"\0\0\0\1N", b"\0\0\0\5i\1\0\0\0"]
)
async def test_a_process_that_cannot_be_understood_is_ended(nonsense: bytes) -> None:
    arrived = asyncio.Event()

    async def silent(visit: Visit) -> None:
        await visit.request()
        arrived.set()
        await visit.gone()

    async with serving(silent) as server, senders(server.base_url, 1) as sending:
        under_way = asyncio.create_task(sending.send(POST, HEADERS, nothing))
        await arrived.wait()
        (process,) = sending._processes
        process.reader.feed_data(nonsense)
        async with asyncio.timeout(LONGEST):
            answer = await under_way
            assert await process.process.wait() == -signal.SIGKILL
    assert isinstance(answer, NoAnswer)
    assert (answer.code, answer.handed_over) == ("sender_ended", True)


async def test_no_process_is_left_when_it_is_over() -> None:
    async with serving(polite) as server, senders(server.base_url, 2) as sending:
        await sending.send(POST, HEADERS, nothing)
        started = pids(sending)
    for pid in started:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


async def test_without_anything_to_send_no_process_is_started() -> None:
    async with senders("http://127.0.0.1:9") as sending:
        assert pids(sending) == []


async def test_where_a_process_cannot_be_started_this_one_sends_and_no_other_is_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    start = asyncio.create_subprocess_exec
    started: list[asyncio.subprocess.Process] = []

    async def only_one(*arguments: Any, **options: Any) -> asyncio.subprocess.Process:
        if started:
            raise BlockingIOError
        started.append(await start(*arguments, **options))
        return started[0]

    monkeypatch.setattr(asyncio, "create_subprocess_exec", only_one)
    arrived = asyncio.Event()

    async def behave(visit: Visit) -> None:
        await visit.request()
        await visit.answer()
        await visit.request()
        arrived.set()
        await visit.gone()

    async with serving(behave) as server, senders(server.base_url) as sending, asyncio.timeout(LONGEST):
        assert isinstance(await sending.send(POST, HEADERS, nothing), Answer)
        assert started[0].returncode is not None
        assert pids(sending) == []
        under_way = asyncio.create_task(sending.send(POST, HEADERS, nothing))
        await arrived.wait()
        sending.abandon()
        answer = await under_way
    assert isinstance(answer, NoAnswer)
    assert (answer.code, answer.handed_over) == ("timeout", True)


@pytest.mark.parametrize("possible", [True, False])
async def test_a_request_that_is_abandoned_while_processes_are_started_is_not_sent(
    monkeypatch: pytest.MonkeyPatch, possible: bool
) -> None:
    start = asyncio.create_subprocess_exec

    async def interrupted(*arguments: Any, **options: Any) -> asyncio.subprocess.Process:
        sending.abandon()
        if not possible:
            raise BlockingIOError
        return await start(*arguments, **options)

    monkeypatch.setattr(asyncio, "create_subprocess_exec", interrupted)
    async with serving(polite) as server, senders(server.base_url, 1) as sending:
        answer = await sending.send(POST, HEADERS, nothing)
    assert isinstance(answer, NoAnswer)
    assert (answer.code, answer.handed_over) == ("abandoned", False)
    assert server.received == b""


@pytest.mark.parametrize(
    ("rows", "concurrency", "rate", "several"),
    [
        (19_999, 64, None, False),
        (20_000, 64, None, True),
        (1_000_000, 7, None, False),
        (1_000_000, 64, 50.0, False),
    ],
)
def test_several_processes_are_for_many_rows_that_nothing_holds_back(
    monkeypatch: pytest.MonkeyPatch, rows: int, concurrency: int, rate: float | None, several: bool
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2, 3}, raising=False)
    monkeypatch.setattr(importer.senders, "MAY_BE_SEVERAL", True)
    assert (fitting_processes(rows, concurrency, rate) > 1) == several


def test_there_are_no_more_processes_than_cores_and_never_many(monkeypatch: pytest.MonkeyPatch) -> None:
    for cores, wanted in ((1, 1), (2, 2), (3, 3), (64, 4)):
        monkeypatch.setattr(os, "sched_getaffinity", lambda _, cores=cores: set(range(cores)), raising=False)
        assert fitting_processes(1_000_000, 64, None) == wanted


def test_a_system_that_does_not_tell_the_cores_of_a_process_has_its_cores_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    for cores, wanted in ((None, 1), (2, 2), (64, 4)):
        monkeypatch.setattr(os, "cpu_count", lambda cores=cores: cores)
        assert fitting_processes(1_000_000, 64, None) == wanted


# The inside of a process


class Channel:
    """What a run says to a process, and what it hears of it, without the process."""

    def __init__(self, base_url: str) -> None:
        self._base_url = base_url
        self._input = asyncio.StreamReader()
        self._output = asyncio.StreamReader()
        self._told: list[Message] = []

    def ask(self, *message: Any) -> None:
        content = marshal.dumps([(int(message[0]), *message[1:])])
        self._input.feed_data(len(content).to_bytes(4) + content)

    async def told(self) -> Message:
        if not self._told:
            self._told += await anext(frames(self._output))
        return self._told.pop(0)

    def close(self) -> None:
        self._input.feed_eof()

    async def serve(self) -> None:
        async with Transport(self._base_url, connections=8, answer_seconds=20.0) as transport:
            await Sending(transport, Outbox(self._output.feed_data)).serve(self._input)


@asynccontextmanager
async def channel(behaviour: Callable[[Visit], Awaitable[None]]) -> AsyncIterator[tuple[Channel, Any]]:
    async with serving(behaviour) as server:
        speaking = Channel(server.base_url)
        serve = asyncio.create_task(speaking.serve())
        yield speaking, server
        speaking.close()
        await serve


SEND = ("POST", "/lead/applications", BODY, HEADERS)


async def test_a_process_asks_before_it_sends_unless_it_was_told_that_it_may() -> None:
    async with channel(polite) as (run, server):
        run.ask(Asked.SEND, 7, False, *SEND)
        assert await run.told() == (Told.CONNECTED, 7)
        assert server.received == b""
        run.ask(Asked.GO, 7)
        assert await run.told() == (Told.ANSWER, 7, 200, b"{}", True, "", "", "")
        run.ask(Asked.SEND, 8, True, *SEND)
        assert (await run.told())[:3] == (Told.ANSWER, 8, 200)
        run.ask(Asked.SEND, 9, False, *SEND)
        assert await run.told() == (Told.CONNECTED, 9)
        run.ask(Asked.REFUSE, 9)
        run.ask(Asked.SEND, 10, True, *SEND)
        assert (await run.told())[:3] == (Told.ANSWER, 10, 200)
    assert server.received.count(b"POST ") == 3


async def test_a_process_gives_up_what_it_was_asked_for_in_the_same_breath() -> None:
    async def silent(visit: Visit) -> None:
        await visit.request()
        await visit.gone()

    async with channel(silent) as (run, _):
        run.ask(Asked.SEND, 7, True, *SEND)
        run.ask(Asked.SEND, 8, False, *SEND)
        run.ask(Asked.ABANDON, 0)
        async with asyncio.timeout(LONGEST):
            told = [await run.told(), await run.told()]
        assert {message[1]: message[0] for message in told} == {7: Told.NO_ANSWER, 8: Told.NO_ANSWER}
        # Said too late, since it was on its way already.
        run.ask(Asked.GO, 8)
        run.ask(Asked.REFUSE, 8)


async def test_a_process_tells_of_an_exception_that_nobody_foresaw(monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(*_: object) -> bytes:
        raise MemoryError("An, 0901234567")

    monkeypatch.setattr(importer.transport, "_read", fail)
    async with channel(polite) as (run, _):
        run.ask(Asked.SEND, 7, True, *SEND)
        async with asyncio.timeout(LONGEST):
            assert await run.told() == (Told.FAILED, 7, "MemoryError")


async def test_a_process_that_nobody_asks_any_more_sends_nothing_more_and_ends() -> None:
    async with channel(polite) as (run, server):
        run.ask(Asked.SEND, 7, False, *SEND)
        assert await run.told() == (Told.CONNECTED, 7)
    assert server.received == b""


async def test_messages_of_one_turn_travel_in_one_frame() -> None:
    written: list[bytes] = []
    outbox = Outbox(written.append)
    outbox.put((1, 2))
    outbox.put((3, 4, b"five"))
    assert written == []
    await asyncio.sleep(0)
    assert len(written) == 1
    reader = asyncio.StreamReader()
    reader.feed_data(written[0] + written[0][:6])
    reader.feed_eof()
    assert [messages async for messages in frames(reader)] == [[(1, 2), (3, 4, b"five")]]
