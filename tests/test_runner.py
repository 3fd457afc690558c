"""A run as a whole against a real server: what leaves, and that every row is created exactly once."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import random
import socket
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult

from importer.attempts import AttemptEnded
from importer.console import Silent
from importer.errors import InternalError, LedgerError, StoppedError
from importer.faults import parse_fault
from importer.identity import account_id
from importer.importing import import_files
from importer.intake import Identity, Selection, entries_of, open_inputs
from importer.ledger import Entry, Policy, RunStart
from importer.ledger.sqlite import SqliteLedger
from importer.local_api import LOCAL_CREDENTIALS, LocalApi
from importer.model import InDoubt, Lead, OutcomeName, TryAgain
from importer.pool import RowEnded, Time
from importer.runner import Runner, Work
from importer.settings import Settings, load_settings
from importer.transport import Transport
from tests.support import customers, outcomes_in, write_leads

KEY = "invented-key"
SECRET = "invented-secret"


def clocks() -> Time:
    return Time(clock=time.time, timer=time.monotonic, chance=random.Random(7))  # noqa: S311 - no secret


class Refusing(AbstractResolver):
    """Sends a share of the new connections to a port where nobody listens."""

    def __init__(self, share: float) -> None:
        self._share = share
        self._chance = random.Random(1)  # noqa: S311 - no secret
        self.refused = 0
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._dead_port: int = free.getsockname()[1]

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        refuse = self._chance.random() < self._share
        self.refused += refuse
        return [
            ResolveResult(
                hostname=host,
                host="127.0.0.1",
                port=self._dead_port if refuse else port,
                family=socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
        ]

    async def close(self) -> None:
        """Have nothing to close."""


class Counting(Silent):
    def __init__(self) -> None:
        self.codes: list[str] = []

    def attempt_ended(self, attempt: AttemptEnded) -> None:
        if isinstance(attempt.ending, TryAgain | InDoubt):
            self.codes.append(attempt.ending.error.code)


async def run_over(
    path: Path,
    base_url: str,
    *,
    watcher: Silent | None = None,
    resolver: AbstractResolver | None = None,
    concurrency: int = 16,
    attempts: int = 5,
    rate: float | None = None,
    limit: int | None = None,
) -> Runner:
    """Run over one file with the parts that the command puts together; the ledger is beside the file."""
    inputs, _ = open_inputs([str(path)], Selection())
    work = Work(
        inputs=inputs,
        identity=Identity(account_id(LOCAL_CREDENTIALS.client_key), "local"),
        policy=Policy(),
        concurrency=concurrency,
        attempts=attempts,
        rate=rate,
        limit=limit,
    )
    with SqliteLedger(path.with_suffix(".sqlite3")) as ledger:
        run = await ledger.begin_run(
            RunStart(name="run", environment="local", base_url=base_url, started_at="")
        )
        runner = Runner(work, run=run, ledger=ledger, watcher=watcher or Silent(), time=clocks())
        async with Transport(
            base_url, connections=concurrency, answer_seconds=20, resolver=resolver
        ) as transport:
            await runner.run(transport, LOCAL_CREDENTIALS)
        assert ledger.count_outcomes(run) == runner.totals.outcomes
        assert runner.totals.add_up()
    return runner


async def test_20000_rows_are_created_once_each_though_one_in_seven_tries_fails(tmp_path: Path) -> None:
    faults = ["429:retry-after=0.005,rate=0.05", "503:retry-after=0.005,format=html,rate=0.05"]
    api = LocalApi(LOCAL_CREDENTIALS, faults=list(map(parse_fault, faults)), close_connections=True)
    refusing, watcher = Refusing(0.05), Counting()
    async with api:
        runner = await run_over(
            write_leads(tmp_path / "leads.csv", 20_000),
            api.base_url.replace("127.0.0.1", "leads.test"),
            watcher=watcher,
            resolver=refusing,
            concurrency=32,
            attempts=10,
        )
    assert runner.totals.outcomes[OutcomeName.CREATED] == 20_000
    assert len(customers(api)) == len(set(customers(api))) == 20_000
    assert watcher.codes.count("connect") == refusing.refused > 800
    assert watcher.codes.count("http_429") == api.stats.by_status["429"] > 800
    assert watcher.codes.count("http_503") == api.stats.by_status["503"] > 800
    assert runner.totals.requests == api.stats.requests
    assert api.stats.max_in_flight <= 32


async def test_the_request_for_the_example_of_the_documentation_is_the_documented_one(
    tmp_path: Path,
) -> None:
    received: list[tuple[str, dict[str, str], bytes]] = []

    async def answer(request: web.Request) -> web.Response:
        received.append((request.path_qs, dict(request.headers), await request.read()))
        return web.json_response(
            {
                "data": {
                    "id": "141952217564315671",
                    "app_identifier": "app.test",
                    "customer_id": "1333",
                    "inputs": '{"address":"101 Nguyen Van Cu","name":"John","phone":"090123443"}',
                    "is_sandbox": True,
                    "status": "new",
                    "created_at": "2021-12-27T15:24:17.586Z",
                    "updated_at": "2021-12-27T15:24:17.586Z",
                }
            }
        )

    application = web.Application()
    application.router.add_post("/tiniapp-sandbox-open-api/lead/applications", answer)
    server = web.AppRunner(application)
    await server.setup()
    site = web.TCPSite(server, "127.0.0.1", 0)
    await site.start()
    leads = tmp_path / "leads.csv"
    leads.write_text(
        "customer_id,name,phone,address\n1333,John,090123443,101 Nguyen Van Cu\n", encoding="utf-8"
    )
    settings = load_settings(
        {
            "base_url": f"http://127.0.0.1:{site.port}/tiniapp-sandbox-open-api",
            "ledger": tmp_path / "ledger.sqlite3",
        },
        environment={"LEAD_IMPORTER_CLIENT_KEY": KEY, "LEAD_IMPORTER_CLIENT_SECRET": SECRET},
        folder=tmp_path,
    ).settings
    try:
        report = await import_files([str(leads)], settings, watcher=Silent())
    finally:
        await server.cleanup()
    assert report.exit_code == 0
    ((path, headers, body),) = received
    assert path == "/tiniapp-sandbox-open-api/lead/applications"
    assert body == (
        rb'{"customer_id":"1333","inputs":"{\"name\":\"John\",\"phone\":\"090123443\",'
        rb'\"address\":\"101 Nguyen Van Cu\"}"}'
    )
    assert headers["Content-Type"] == "application/json"
    assert headers["X-Tiniapp-Client-Id"] == KEY
    timestamp = headers["X-Tiniapp-Timestamp"]
    assert abs(int(timestamp) / 1000 - time.time()) < 60
    payload = base64.urlsafe_b64encode(f"{timestamp}.{KEY}.{body.decode()}".encode()).decode().rstrip("=")
    expected = hmac.new(SECRET.encode(), payload.encode(), hashlib.sha256).hexdigest()
    assert headers["X-Tiniapp-Signature"] == expected


async def test_one_request_at_a_time_is_under_way_until_a_row_is_created_or_some_are_refused(
    tmp_path: Path,
) -> None:
    refused = "|".join(str(number) for number in range(1000, 1100))
    faults = [parse_fault(f"422:customer={refused},delay=0.01"), parse_fault("delay:seconds=0.01")]
    api = LocalApi(LOCAL_CREDENTIALS, faults=faults)
    async with api:
        runner = await run_over(write_leads(tmp_path / "leads.csv", 8), api.base_url)
        assert runner.totals.outcomes[OutcomeName.REJECTED] == 8
        assert api.stats.max_in_flight == 1
        runner = await run_over(write_leads(tmp_path / "refused.csv", 92, first=1008), api.base_url)
        assert runner.totals.outcomes[OutcomeName.REJECTED] == 92
        assert api.stats.max_in_flight > 1
        await run_over(write_leads(tmp_path / "more.csv", 200, first=5000), api.base_url)
        assert api.stats.max_in_flight == 16


async def test_a_rate_spreads_the_requests(tmp_path: Path) -> None:
    async with LocalApi(LOCAL_CREDENTIALS) as api:
        begun = time.monotonic()
        await run_over(write_leads(tmp_path / "leads.csv", 41), api.base_url, rate=100)
        assert time.monotonic() - begun >= 40 / 100


async def test_an_api_that_is_not_there_stops_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importer.pace.health.UNAVAILABLE_SECONDS", 0.2)
    monkeypatch.setattr("importer.attempts.FIRST_WAIT_SECONDS", 0.001)
    monkeypatch.setattr("importer.pace.health.FIRST_PAUSE_SECONDS", 0.05)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    runner = await run_over(write_leads(tmp_path / "leads.csv", 100), f"http://127.0.0.1:{port}")
    assert isinstance(runner.stops[0], StoppedError)
    assert "unavailable" in str(runner.stops[0])
    outcomes = runner.totals.outcomes
    assert outcomes[OutcomeName.NOT_ATTEMPTED] > 80
    assert outcomes[OutcomeName.NOT_ATTEMPTED] + outcomes[OutcomeName.FAILED] == 100


async def test_a_ledger_that_fails_sends_nothing_more_and_settles_what_is_under_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    intended = 0
    intend = SqliteLedger.intend

    async def fail_later(ledger: SqliteLedger, run: int, lead: int, attempts: int) -> None:
        nonlocal intended
        intended += 1
        if intended > 50:
            raise LedgerError("The disk is full.")
        await intend(ledger, run, lead, attempts)

    monkeypatch.setattr(SqliteLedger, "intend", fail_later)
    async with LocalApi(LOCAL_CREDENTIALS) as api:
        runner = await run_over(write_leads(tmp_path / "leads.csv", 300), api.base_url)
        assert isinstance(runner.stops[0], LedgerError)
        assert runner.totals.outcomes[OutcomeName.CREATED] == len(customers(api)) == 50


async def test_an_error_of_the_importer_stops_the_run_and_every_row_is_still_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    everyone = asyncio.Barrier(16)

    async def fail(*_: object) -> None:
        await everyone.wait()
        raise ZeroDivisionError("Nguyễn Văn A")

    monkeypatch.setattr("importer.attempts.Submitter.submit", fail)
    leads = write_leads(tmp_path / "leads.csv", 2500)
    settings = load_settings(
        {"env": "local", "ledger": tmp_path / "ledger.sqlite3"}, environment={}, folder=tmp_path
    ).settings
    report = await import_files([str(leads)], settings, watcher=Silent())
    assert report.exit_code == 70
    assert "ZeroDivisionError at test_runner.py" in str(report.stopped)
    assert "Nguyễn" not in str(report.stopped)
    assert report.totals.add_up()
    assert report.totals.outcomes[OutcomeName.IN_DOUBT] == 16


async def test_a_watcher_that_fails_does_not_change_the_run(tmp_path: Path) -> None:
    class Failing(Silent):
        def row_ended(self, row: RowEnded) -> None:
            raise BrokenPipeError

        def stopping(self, reason: str) -> None:
            raise BrokenPipeError

    async with LocalApi(LOCAL_CREDENTIALS) as api:
        runner = await run_over(write_leads(tmp_path / "leads.csv", 1500), api.base_url, watcher=Failing())
        assert runner.stops == []
        assert runner.totals.outcomes[OutcomeName.CREATED] == len(customers(api)) == 1500


async def test_a_mistake_while_reading_stops_the_sending_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(sheet: int, leads: Sequence[Lead], *more: Any) -> list[Entry]:
        if leads and leads[-1].place.row > 1001:
            raise KeyError("Nguyễn Văn A")
        return entries_of(sheet, leads, *more)

    monkeypatch.setattr("importer.runner.entries_of", fail)
    slow = parse_fault("delay:seconds=0.2")
    async with LocalApi(LOCAL_CREDENTIALS, faults=[slow]) as api:
        runner = await run_over(write_leads(tmp_path / "leads.csv", 2000), api.base_url)
        assert [type(stop) for stop in runner.stops] == [InternalError]
        assert not runner.read_everything
        assert len(customers(api)) <= 16
        assert runner.totals.outcomes[OutcomeName.NOT_ATTEMPTED] >= 1000 - 16


async def test_no_more_rows_are_noted_than_are_sent_though_more_are_read_ahead(tmp_path: Path) -> None:
    leads = write_leads(tmp_path / "leads.csv", 5000)
    async with LocalApi(LOCAL_CREDENTIALS) as api:
        runner = await run_over(leads, api.base_url, limit=1500)
        assert (runner.totals.read, len(customers(api))) == (1500, 1500)
        assert not runner.read_everything


async def test_a_run_in_a_hurry_reads_no_further(tmp_path: Path) -> None:
    class Hurrying(Silent):
        def row_ended(self, row: RowEnded) -> None:
            runner.stop(StoppedError("enough"))
            runner.hurry()

    leads = write_leads(tmp_path / "leads.csv", 20_000)
    inputs, _ = open_inputs([str(leads)], Selection())
    work = Work(inputs=inputs, identity=Identity("", "local"), policy=Policy(), concurrency=1, attempts=1)
    with SqliteLedger(tmp_path / "ledger.sqlite3") as ledger:
        run = await ledger.begin_run(RunStart(name="run", environment="local", base_url="", started_at=""))
        runner = Runner(work, run=run, ledger=ledger, watcher=Hurrying(), time=clocks())
        await runner.run(None, LOCAL_CREDENTIALS)
        assert 0 < runner.totals.read < 20_000
        assert runner.totals.add_up()


async def test_a_file_that_changes_while_it_is_read_stops_the_run_with_the_rows_read_so_far(
    tmp_path: Path,
) -> None:
    leads = write_leads(tmp_path / "leads.csv", 30_000)
    settings = load_settings(
        {"env": "local", "ledger": tmp_path / "ledger.sqlite3"}, environment={}, folder=tmp_path
    ).settings

    class Changing(Silent):
        def began(self, totals: object, rows: int) -> None:
            leads.write_text("customer_id,name\n", encoding="utf-8")

    report = await import_files([str(leads)], settings, watcher=Changing())
    assert report.exit_code == 2
    assert "was changed while it was being read" in str(report.stopped)
    assert outcomes_in(tmp_path / "leads.results.csv") == []
    assert "is no longer" in " ".join(report.notices) or report.retry_files == []


async def test_workers_never_wait_for_one_another_once_rows_are_created(tmp_path: Path) -> None:
    slow = parse_fault("delay:seconds=0.3,customer=1001")
    async with LocalApi(LOCAL_CREDENTIALS, faults=[slow]) as api:
        await run_over(write_leads(tmp_path / "leads.csv", 100), api.base_url)
        assert customers(api)[-1] == "1001"


async def test_as_many_processes_send_as_fit_the_rows_that_are_to_be_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted: list[int] = []

    def fitting(rows: int, *_: object) -> int:
        counted.append(rows)
        return 1

    monkeypatch.setattr("importer.access.fitting_processes", fitting)
    limits: list[dict[str, Any]] = [{}, {"limit": 2}, {"limit": 9}]
    for limit in limits:
        settings = Settings(env="local", ledger=tmp_path / "ledger.sqlite3", **limit)
        await import_files([str(write_leads(tmp_path / "leads.csv", 3))], settings, watcher=Silent())
    assert counted == [3, 2, 3]


async def test_where_one_process_alone_can_send_a_wish_for_more_is_told_not_to_be_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("access", "importing"):
        monkeypatch.setattr(f"importer.{module}.MAY_BE_SEVERAL", False)
    monkeypatch.delattr("importer.access.SenderProcesses")
    settings = Settings(env="local", ledger=tmp_path / "ledger.sqlite3", processes=2)
    report = await import_files([str(write_leads(tmp_path / "leads.csv", 3))], settings, watcher=Silent())
    assert report.totals.outcomes[OutcomeName.CREATED] == 3
    assert "On Windows one process sends, so --processes is not used." in report.notices


@pytest.mark.parametrize("rows", [100, 3000])
async def test_a_run_that_is_cancelled_settles_what_is_under_way_and_sends_nothing_more(
    tmp_path: Path, rows: int
) -> None:
    ended: list[OutcomeName] = []

    class Cancelling(Silent):
        def row_ended(self, row: RowEnded) -> None:
            ended.append(row.outcome)
            # Once: a second time would say not to wait for what is under way.
            if row.outcome is OutcomeName.CREATED and ended.count(OutcomeName.CREATED) == 20:
                run.cancel()

    async with LocalApi(LOCAL_CREDENTIALS) as api:
        path = write_leads(tmp_path / "leads.csv", rows)
        run = asyncio.create_task(run_over(path, api.base_url, watcher=Cancelling()))
        with pytest.raises(asyncio.CancelledError):
            await run
        created = len(api.applications)
    assert 20 <= created <= 20 + 2 * 16
    assert ended.count(OutcomeName.CREATED) == created
    assert set(ended) == {OutcomeName.CREATED, OutcomeName.NOT_ATTEMPTED}
