"""A fortnight of nights: whatever happens, nothing twice, nothing lost, and mail only when there is need."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from importer.local_api import LOCAL_CREDENTIALS, LocalApi
from tests.support import (
    HEADERS,
    Command,
    aged,
    api_beside,
    customers,
    local,
    read_results,
    set_faults,
    write_leads,
)
from tests.test_processes import finished, started


@pytest.fixture
def api() -> Iterator[LocalApi]:
    with api_beside(LocalApi(LOCAL_CREDENTIALS)) as running:
        yield running


class Job:
    """The job that cron starts, and whoever fills its inbox."""

    def __init__(self, folder: Path, command: Command, api: LocalApi) -> None:
        self.folder = folder
        self.inbox = folder / "inbox"
        self.done = folder / "done"
        self.inbox.mkdir()
        self.delivered: set[str] = set()
        self._command = command
        self.options = local(api, folder, "--archive", "done", "--quiet", "--attempts", "1")

    def deliver(self, name: str, count: int, *, first: int) -> None:
        """Put a file of so many leads into the inbox."""
        aged(write_leads(self.inbox / name, count, first=first))
        self.delivered |= {str(number) for number in range(first, first + count)}

    def night(self) -> tuple[int, bool]:
        """Return the exit code, and whether cron has something to mail."""
        ended = self._command("run", "inbox", *self.options)
        return ended.code, bool(ended.output + ended.errors)

    def waiting(self) -> set[str]:
        return {path.name for path in self.inbox.iterdir() if not path.name.startswith(".")}


async def killed_on_the_way(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEAD_IMPORTER_FAILPOINT", "answer-read:3")
    run = await finished(await started(job.folder, "run", "inbox", *job.options))
    assert run.code == -signal.SIGKILL
    monkeypatch.delenv("LEAD_IMPORTER_FAILPOINT")


def doubtful(job: Job) -> dict[str, str]:
    """Return the row of each customer in doubt."""
    return {
        line["customer_id"]: line["row"]
        for line in read_results(job.inbox / "killed.results.csv")
        if line["outcome"] == "in_doubt"
    }


GOOD, EMPTY = (0, False), set[str]()


def test_a_fortnight_of_nights(
    command: Command, api: LocalApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = Job(tmp_path, command, api)
    # 1: two files. 2: nothing new.
    job.deliver("leads.csv", 5, first=1000)
    job.deliver("branch.csv", 5, first=1100)
    assert (job.night(), job.waiting()) == (GOOD, EMPTY)
    assert (job.night(), job.waiting()) == (GOOD, EMPTY)
    # 3: the same name with leads that overlap. 4: an upload that goes on, which the next night reads.
    job.deliver("leads.csv", 10, first=1003)
    assert (job.night(), job.waiting()) == (GOOD, EMPTY)
    job.deliver("slow.csv", 4, first=1200)
    (job.inbox / "slow.csv.filepart").touch()
    assert job.night() == GOOD
    (job.inbox / "slow.csv.filepart").unlink()
    assert (job.night(), job.waiting()) == (GOOD, EMPTY)
    # 6: a row to mend is mailed once. 7: it is mended in the archive, and the night has nothing new.
    (job.inbox / "bad.csv").write_text(f"{','.join(HEADERS)}\n1300,An,0901234567,x\n1301,,0901234568,y\n")
    aged(job.inbox / "bad.csv")
    job.delivered |= {"1300", "1301"}
    assert (job.night(), job.waiting()) == ((1, True), EMPTY)
    retry = job.done / "bad.retry.csv"
    retry.write_text(retry.read_text(encoding="utf-8-sig").replace("1301,,", "1301,Bo,"), encoding="utf-8")
    assert command("run", "done/bad.retry.csv", *job.options).code == 0
    assert (job.night(), job.waiting()) == (GOOD, EMPTY)
    # 8: the API is down for one file, and mailed. 9: it is back.
    job.deliver("outage.csv", 3, first=1400)
    set_faults(api, "503:format=api")
    assert job.night() == (1, True)
    assert "outage.csv" in job.waiting()
    set_faults(api)
    assert (job.night(), job.waiting()) == (GOOD, EMPTY)
    # 10: the key is refused. 11: it is mended.
    job.deliver("key.csv", 3, first=1500)
    set_faults(api, "401:reason=invalid_signature")
    assert job.night() == (4, True)
    set_faults(api)
    assert (job.night(), job.waiting()) == (GOOD, EMPTY)
    # 12: the night is killed. 13: what was under way is in doubt, and mailed; a person settles it.
    job.deliver("killed.csv", 30, first=1600)
    asyncio.run(killed_on_the_way(job, monkeypatch))
    assert job.night() == (3, True)
    assert "killed.csv" in job.waiting()
    for customer, row in doubtful(job).items():
        said = next((one.id for one in api.applications if one.customer_id == customer), None)
        answer = ("--created", f"{row}={said}") if said else ("--not-created", row)
        command("resolve", "inbox/killed.csv", *answer, "--ledger", "ledger.sqlite3")
    # 14: all is done, but for a damaged file, which stays and is mailed.
    (job.inbox / "broken.xlsx").write_bytes(b"PK\x03\x04")
    aged(job.inbox / "broken.xlsx")
    job.deliver("last.csv", 2, first=1700)
    assert (job.night(), job.waiting()) == ((2, True), {"broken.xlsx"})
    assert sorted(customers(api)) == sorted(job.delivered)
