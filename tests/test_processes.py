"""The real command in a process of its own: interrupted, killed, started twice, and started again."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from importer.faults import parse_fault
from importer.local_api import LOCAL_CREDENTIALS, LocalApi
from tests.support import customers, local, outcomes_in, read_results, set_faults, write_leads

ROWS = 3000
LONGEST = 60


@dataclass(frozen=True, slots=True)
class Finished:
    code: int | None
    errors: str


async def started(folder: Path, *arguments: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "importer", *arguments),
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def finished(process: asyncio.subprocess.Process) -> Finished:
    async with asyncio.timeout(LONGEST):
        output, errors = await process.communicate()
    said = (output + errors).decode()
    assert "Traceback" not in said
    return Finished(process.returncode, said)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(LONGEST):
        # What is waited for happens in another process, which sets no event here.
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.005)


@pytest.mark.parametrize(
    ("number", "code", "processes"),
    [(signal.SIGINT, 130, "1"), (signal.SIGTERM, 143, "1"), (signal.SIGINT, 130, "2")],
)
async def test_an_interrupted_run_that_is_started_again_ends_with_every_row_created_once(
    tmp_path: Path, number: signal.Signals, code: int, processes: str
) -> None:
    write_leads(tmp_path / "leads.csv", ROWS)
    async with LocalApi(LOCAL_CREDENTIALS) as api:
        options = [*local(api, tmp_path), "--processes", processes]
        first = await started(tmp_path, "run", "leads.csv", *options)
        await until(lambda: len(api.applications) >= 200)
        first.send_signal(number)
        ended = await finished(first)
        assert ended.code == code
        assert "run the same command again" in ended.errors
        created = len(api.applications)
        assert 200 <= created < ROWS
        outcomes = outcomes_in(tmp_path / "leads.results.csv")
        assert (outcomes.count("created"), outcomes.count("not_attempted")) == (created, ROWS - created)
        assert len(read_results(tmp_path / "leads.retry.csv")) == ROWS - created
        second = await finished(await started(tmp_path, "run", "leads.csv", *options))
        assert second.code == 0
        assert len(customers(api)) == len(set(customers(api))) == ROWS
        outcomes = outcomes_in(tmp_path / "leads.results.csv")
        assert (outcomes.count("existing"), outcomes.count("created")) == (created, ROWS - created)


@pytest.mark.parametrize("command", ["check", "run"])
async def test_leads_from_standard_input_do_not_stay_behind_when_reading_is_ended(
    tmp_path: Path, command: str
) -> None:
    options = ["--env", "local"] if command == "run" else []
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "importer", command, "-", *options),
        cwd=tmp_path,
        env={
            **os.environ,
            "PYTHONPATH": str(Path(__file__).parent.parent),
            "TMPDIR": str(tmp_path),
            "XDG_STATE_HOME": str(tmp_path / "state"),
        },
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdin is not None
    process.stdin.write(b"customer_id,name,phone,address\n" + b"1,An,0901234567,x\n" * 20_000)
    await process.stdin.drain()

    def copies() -> list[Path]:
        return list(tmp_path.glob("lead-importer-*.csv"))

    await until(lambda: bool(copies()))
    process.terminate()
    process.stdin.close()
    assert (await finished(process)).code == 143
    assert copies() == []


@pytest.mark.parametrize("processes", ["1", "2"])
async def test_a_second_signal_stops_waiting_for_answers(tmp_path: Path, processes: str) -> None:
    write_leads(tmp_path / "leads.csv", 40)
    async with LocalApi(LOCAL_CREDENTIALS, faults=[parse_fault("delay:seconds=50,customer=1010")]) as api:
        process = await started(tmp_path, "run", "leads.csv", *local(api, tmp_path), "--processes", processes)
        await until(lambda: len(api.applications) == 39)
        process.send_signal(signal.SIGINT)
        assert process.stderr is not None
        said = await process.stderr.readline()
        assert b"SIGINT was received" in said
        process.send_signal(signal.SIGINT)
        assert (await finished(process)).code == 130
        assert outcomes_in(tmp_path / "leads.results.csv")[10] == "in_doubt"


@pytest.mark.parametrize("processes", ["1", "2"])
async def test_a_killed_run_leaves_in_doubt_no_more_than_was_under_way_and_nothing_twice(
    tmp_path: Path, processes: str
) -> None:
    write_leads(tmp_path / "leads.csv", ROWS)
    async with LocalApi(LOCAL_CREDENTIALS) as api:
        kills = 0
        options = [*local(api, tmp_path), "--processes", processes]
        for created in (200, 900, 1600):
            process = await started(tmp_path, "run", "leads.csv", *options)
            await until(lambda enough=created: len(api.applications) >= enough)  # type: ignore[misc]
            process.kill()
            kills += 1
            assert (await finished(process)).code == -signal.SIGKILL
        ended = await finished(await started(tmp_path, "run", "leads.csv", *options))
        outcomes = outcomes_in(tmp_path / "leads.results.csv")
        doubtful = outcomes.count("in_doubt")
        assert doubtful <= kills * 16
        assert ended.code == (3 if doubtful else 0)
        assert len(customers(api)) == len(set(customers(api)))
        told = {line["customer_id"]: line for line in read_results(tmp_path / "leads.results.csv")}
        for application in api.applications:
            line = told[application.customer_id]
            assert line["outcome"] in ("created", "existing", "in_doubt")
            assert line["application_id"] in (application.id, "")
        settled = {name for name, line in told.items() if line["outcome"] != "in_doubt"}
        assert settled <= set(customers(api))


async def test_a_second_run_on_the_same_ledger_is_turned_away_at_once(tmp_path: Path) -> None:
    write_leads(tmp_path / "leads.csv", 3)
    async with LocalApi(LOCAL_CREDENTIALS, faults=[parse_fault("delay:seconds=50")]) as api:
        first = await started(tmp_path, "run", "leads.csv", *local(api, tmp_path))
        await until(lambda: api.stats.requests == 1)
        second = await finished(await started(tmp_path, "run", "leads.csv", *local(api, tmp_path)))
        assert second.code == 5
        assert f"process {first.pid}" in second.errors
        assert api.stats.requests == 1
        first.kill()
        await finished(first)
        set_faults(api)
        third = await finished(await started(tmp_path, "run", "leads.csv", *local(api, tmp_path)))
        assert third.code == 3
        assert sorted(outcomes_in(tmp_path / "leads.results.csv")) == ["created", "created", "in_doubt"]


async def test_the_local_api_of_the_command_line_serves_until_it_is_interrupted(tmp_path: Path) -> None:
    write_leads(tmp_path / "leads.csv", 5)
    api = await started(tmp_path, "local-api", "--port", "0", "--store", "store", "--fault", "429:first=1")
    assert api.stdout is not None
    address = (await api.stdout.readline()).decode().split()[6].rstrip(";")
    assert address.startswith("http://127.0.0.1:")
    run = await finished(
        await started(
            tmp_path,
            *("run", "leads.csv", "--env", "local", "--base-url", address, "--ledger", "ledger.sqlite3"),
        )
    )
    assert run.code == 0
    api.send_signal(signal.SIGINT)
    ended = await finished(api)
    assert ended.code == 0
    assert "It created 5 applications for 6 requests." in ended.errors
    assert (tmp_path / "store").read_bytes().count(b"customer_id") == 5


async def test_nothing_heavy_is_imported_before_it_is_needed(tmp_path: Path) -> None:
    code = (
        "import sys; import importer.cli; heavy = {'pandas', 'numpy', 'aiohttp', 'pydantic', 'tenacity'}; "
        "print(sorted(heavy & sys.modules.keys()))"
    )
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", code), stdout=asyncio.subprocess.PIPE
    )
    output, _ = await process.communicate()
    assert output == b"[]\n"


async def test_output_that_nobody_reads_ends_without_a_traceback(tmp_path: Path) -> None:
    process = await started(tmp_path, "templates")
    assert process.stdout is not None
    process.stdout._transport.close()  # type: ignore[attr-defined]
    assert process.stderr is not None
    said = await process.stderr.read()
    await process.wait()
    assert b"Traceback" not in said
