"""What a hook is sent, and that no hook can change, delay or be shown by a run."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from importer.errors import ImporterError, MappingError, StoppedError, UsageError
from importer.model import UPDATE_OUTCOMES, ErrorInfo, OutcomeName, Place, Totals
from importer.notification import LONGEST_SECONDS, TRIES, Patience, body_for, notify, text_of
from importer.report import ImportReport

SECRET = "canary-7f3a"
PATIENCE = Patience(seconds_a_try=0.3, seconds_between=0, seconds_at_most=5)


def report_of(*, stop: ImporterError | None = None, exit_code: int = 0, **counts: int) -> ImportReport:
    report = ImportReport(
        run="r-1",
        environment="production",
        base_url="u",
        files=["leads.csv"],
        started_at="",
        stop=stop,
        stopped=str(stop) if stop else None,
    )
    for name, count in counts.items():
        report.totals.outcomes[OutcomeName(name)] = count
        report.totals.read += count
    report.exit_code = exit_code
    return report


@dataclass
class Hook:
    """A hook that answers with these statuses, the last one for ever; 0 is no answer at all."""

    statuses: list[int]
    url: str = ""
    bodies: list[dict[str, object]] = field(default_factory=list)
    gone: asyncio.Event = field(default_factory=asyncio.Event)

    async def take(self, request: web.Request) -> web.Response:
        self.bodies.append(json.loads(await request.text()))
        assert request.content_type == "application/json"
        status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        if status == 0:
            await self.gone.wait()
        return web.Response(status=status or 200, headers={"Location": "/elsewhere"}, text=SECRET)


@asynccontextmanager
async def hook(*statuses: int) -> AsyncIterator[Hook]:
    taking = Hook(list(statuses))
    app = web.Application()
    app.router.add_post("/services/{secret}", taking.take)
    async with TestServer(app) as server:
        taking.url = str(server.make_url(f"/services/{SECRET}?key={SECRET}"))
        yield taking
        taking.gone.set()


async def test_the_summary_is_posted_with_a_text_to_read() -> None:
    report = report_of(created=1200, invalid=2, exit_code=1)
    async with hook(200) as taking:
        assert await notify(taking.url, report, patience=PATIENCE) == ""
    (body,) = taking.bodies
    assert body.pop("text") == (
        "Lead import to production: 1,202 rows read, 1,200 created, 2 invalid; exit code 1\n"
        "2 rows to mend: the results tell which"
    )
    assert body == report.summary()


def test_an_update_is_told_as_such() -> None:
    report = report_of(exit_code=1)
    report.command = "update"
    report.totals = Totals(read=4, outcomes=dict.fromkeys(UPDATE_OUTCOMES, 0))
    report.totals.outcomes |= {OutcomeName.UPDATED: 3, OutcomeName.INVALID: 1}
    assert text_of(report).splitlines() == [
        "Update of statuses in production: 4 rows read, 3 updated, 1 invalid; exit code 1",
        "1 row to mend: the results tell which, and why.",
    ]


@pytest.mark.parametrize(
    ("url", "alone"),
    [
        ("https://hooks.slack.com/services/T0/B0/x", True),
        ("https://chat.googleapis.com/v1/spaces/A/messages?key=k&token=t", True),
        ("https://mattermost.example.org/hooks/x", False),
        ("http://127.0.0.1:8080/hook", False),
    ],
)
def test_who_refuses_anything_but_a_text_gets_the_text_alone(url: str, alone: bool) -> None:
    body = body_for(url, report_of(created=1))
    assert (body.keys() == {"text"}) == alone
    assert body["text"] == text_of(report_of(created=1))


def test_the_text_tells_what_stopped_a_run_and_which_files_were_not_imported() -> None:
    report = report_of(stop=StoppedError("The API refuses this set-up."), exit_code=4, not_attempted=3)
    report.refused = [UsageError(f"{name}.csv is empty.") for name in "abcdefg"]
    assert text_of(report).splitlines() == [
        "Lead import to production: 3 rows read, 3 not attempted; exit code 4",
        "Stopped early. The API refuses this set-up.",
        *(f"{name}.csv is empty." for name in "abcde"),
        "2 more files could not be read.",
        "3 rows to send: mend what stopped the run, then run the same command again.",
    ]


def test_the_text_calls_nobody_and_is_short_whatever_a_file_is_called() -> None:
    report = report_of()
    report.refused = [UsageError(f"<!channel>{'ễ' * 3000}\udcff is empty.")]
    text = text_of(report)
    assert "<" not in text
    assert len(text.encode()) <= 3500


def test_nothing_of_a_row_is_told() -> None:
    report = report_of(invalid=1)
    report.reasons.add(OutcomeName.INVALID, ErrorInfo(code="bad", message=SECRET), Place("leads.csv", "", 2))
    # A file without headers has its first row quoted as the headers that do not fit.
    report.stop = MappingError(f"leads.csv: no column for phone. The columns are {SECRET!r}.")
    report.stopped = str(report.stop)
    refused = MappingError(f"more.csv: no column for phone. The columns are {SECRET!r}.")
    refused.file = "more.csv"
    report.refused = [refused]
    for url in ("https://example.org", "https://hooks.slack.com/services/T0/B0/x"):
        told = json.dumps(body_for(url, report))
        assert SECRET not in told
        assert "leads.csv: the headers do not tell which column is which field" in told
        assert "more.csv: the headers do not tell which column is which field" in told


@pytest.mark.parametrize(
    ("statuses", "posts", "words"),
    [
        ([204], 1, ""),
        ([500, 429, 200], 3, ""),
        ([0, 200], 2, ""),
        ([500], TRIES, "status 500"),
        ([0], TRIES, "did not answer in time"),
        ([404], 1, "status 404"),
        ([302], 1, "status 302"),
    ],
)
async def test_a_hook_is_tried_again_where_that_may_help_and_its_failure_is_words(
    statuses: list[int], posts: int, words: str
) -> None:
    async with hook(*statuses) as taking:
        said = await notify(taking.url, report_of(created=1), patience=PATIENCE)
    assert len(taking.bodies) == posts
    assert words in said
    assert bool(said) == bool(words)
    assert SECRET not in said


@pytest.mark.parametrize(
    ("url", "words"),
    [
        (f"http://127.0.0.1:1/{SECRET}", "no connection"),
        (f"ftp://127.0.0.1/{SECRET}", "NonHttpUrl"),
    ],
)
async def test_an_address_that_leads_nowhere_is_words_without_the_address(url: str, words: str) -> None:
    said = await notify(url, report_of(), patience=PATIENCE)
    assert words in said
    assert SECRET not in said


async def test_all_tries_together_take_no_longer_than_they_may() -> None:
    async with hook(0) as taking:
        said = await notify(
            taking.url,
            report_of(),
            patience=Patience(seconds_a_try=60, seconds_between=60, seconds_at_most=0.1),
        )
    assert "did not answer in time" in said
    assert len(taking.bodies) == 1


async def test_a_name_that_is_looked_up_for_ever_keeps_neither_the_run_nor_the_process_waiting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = threading.Event()
    looking: list[threading.Thread] = []

    def look_up(*_: object, **__: object) -> list[object]:
        looking.append(threading.current_thread())
        found.wait()
        raise socket.gaierror("no such name")

    monkeypatch.setattr("socket.getaddrinfo", look_up)
    said = await notify("http://hook.example/x", report_of(), patience=Patience(seconds_at_most=0.2))
    assert "did not answer in time" in said
    try:
        (thread,) = looking
        # Python waits for all but such threads, and for those of its pools.
        assert thread.daemon
        assert thread.name == "hook"
    finally:
        found.set()
    thread.join()


def test_three_tries_have_room_in_the_time_that_a_run_waits() -> None:
    patience = Patience()
    needed = TRIES * patience.seconds_a_try + (TRIES - 1) * patience.seconds_between
    assert needed <= patience.seconds_at_most == LONGEST_SECONDS


async def test_a_pause_lies_between_two_tries() -> None:
    pauses: list[float] = []

    async def pause(seconds: float) -> None:
        pauses.append(seconds)

    async with hook(500) as taking:
        await notify(taking.url, report_of(), patience=Patience(seconds_between=0.5, pause=pause))
    assert pauses == [0.5, 0.5]
