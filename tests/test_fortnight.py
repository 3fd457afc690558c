"""A fortnight of nights: the job of a crontab over one inbox, and whoever looks after it by day."""

from __future__ import annotations

import csv
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from importer.local_api import LOCAL_CREDENTIALS, LocalApi
from tests.support import HEADERS, api_beside, customers, read_results, set_faults

CONCURRENCY = 4


def in_the_evening(path: Path) -> Path:
    """Let a file have been written hours before the job begins."""
    os.utime(path, (time.time() - 3600, time.time() - 3600))
    return path


@dataclass(slots=True)
class Job:
    """The nightly job with its folders, and the mail that cron sends of it."""

    folder: Path
    api: LocalApi
    mails: list[str] = field(default_factory=list)

    @property
    def inbox(self) -> Path:
        return self.folder / "inbox"

    @property
    def archive(self) -> Path:
        return self.folder / "archive"

    def start(self, **more: str) -> subprocess.Popen[str]:
        """Start the command as the crontab has it, with more variables."""
        return subprocess.Popen(
            [
                *(sys.executable, "-m", "importer", "run", str(self.inbox)),
                *("--quiet", "--archive", str(self.archive), "--metrics", str(self.folder / "leads.prom")),
                *("--concurrency", str(CONCURRENCY)),
            ],
            cwd=self.folder,
            env=self.variables | more,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    @property
    def variables(self) -> dict[str, str]:
        """The environment of the crontab."""
        return {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(Path(__file__).parent.parent),
            "HOME": str(self.folder),
            "LEAD_IMPORTER_ENV": "production",
            "LEAD_IMPORTER_BASE_URL": self.api.base_url,
            "LEAD_IMPORTER_CLIENT_KEY": LOCAL_CREDENTIALS.client_key,
            "LEAD_IMPORTER_CLIENT_SECRET": LOCAL_CREDENTIALS.client_secret.decode(),
        }

    def night(self, **more: str) -> int:
        """Run the job to its end; return its exit code. What it prints, cron mails."""
        process = self.start(**more)
        return self.ended(process)

    def ended(self, process: subprocess.Popen[str]) -> int:
        """Wait for the end of a job that was started; return its exit code."""
        printed, _ = process.communicate(timeout=120)
        assert "Traceback" not in printed
        if printed:
            self.mails.append(printed)
        return process.returncode

    def mail(self) -> str:
        """Return the one mail that came since the last one was taken."""
        (mail,) = self.mails
        self.mails.clear()
        return mail

    def by_hand(self, *arguments: str) -> int:
        """Run another command, as a person does by day; return its exit code."""
        return subprocess.run(
            [sys.executable, "-m", "importer", *arguments],
            cwd=self.folder,
            env=self.variables,
            capture_output=True,
            check=False,
        ).returncode

    def put(self, name: str, numbers: Iterable[int], *, without_phone: Iterable[int] = ()) -> Path:
        """Put a file of leads into the inbox, some of which lack their phone."""
        path = self.inbox / name
        lacking = set(without_phone)
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(HEADERS)
            for number in numbers:
                phone = "" if number in lacking else f"09{number:08}"
                writer.writerow([number, f"Lê Thị {number}", phone, f"{number} Trần Phú, Hải Phòng"])
        return in_the_evening(path)


def wait_until(condition: Callable[[], bool]) -> None:
    """Return once a condition holds that another process brings about, which sets no event here."""
    ends = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < ends
        time.sleep(0.01)


def test_a_fortnight_of_nights_creates_each_lead_once_and_mails_only_trouble(tmp_path: Path) -> None:
    with api_beside(LocalApi(LOCAL_CREDENTIALS)) as api:
        job = Job(tmp_path, api)
        job.inbox.mkdir()

        # Monday: two files of two agencies.
        job.put("agency-a.csv", range(1000, 1040))
        job.put("agency-b.csv", range(2000, 2030))
        assert job.night() == 0
        assert not job.mails
        assert not list(job.inbox.iterdir())
        assert {path.name for path in job.archive.iterdir()} == {
            *("agency-a.csv", "agency-a.results.csv"),
            *("agency-b.csv", "agency-b.results.csv"),
        }

        # Tuesday: nothing new.
        assert job.night() == 0
        assert not job.mails

        # Wednesday: a file of the same name that overlaps with Monday's.
        job.put("agency-a.csv", range(1020, 1060))
        assert job.night() == 0
        assert not job.mails
        assert len(api.applications) == 40 + 30 + 20

        # Thursday: two rows that are no leads.
        job.put("agency-c.csv", range(3000, 3020), without_phone=[3004, 3011])
        assert job.night() == 1
        assert "2 rows to mend" in job.mail()

        # By day, somebody mends them. Friday: they come back.
        rows = read_results(job.archive / "agency-c.retry.csv")
        assert [row["customer_id"] for row in rows] == ["3004", "3011"]
        job.put("agency-c.retry.csv", [3004, 3011])
        assert job.night() == 0
        assert not job.mails

        # Saturday: the API is down for hours.
        set_faults(api, "503:retry-after=7200,format=html")
        waiting = job.put("agency-d.csv", range(4000, 4030))
        assert job.night() == 4
        assert "7200 seconds" in job.mail().replace(",", "")
        assert waiting.exists()

        # Sunday: it is back.
        set_faults(api)
        assert job.night() == 0
        assert not job.mails
        assert not waiting.exists()

        # Monday: the machine loses its power in the middle of it.
        killed = job.put("agency-e.csv", range(5000, 5040))
        assert job.night(LEAD_IMPORTER_FAILPOINT="answer-read:20") == -signal.SIGKILL
        assert not job.mails
        created = {application.customer_id: application.id for application in api.applications}

        # Tuesday: what was under way then is in doubt, and the rest is sent.
        assert job.night() == 3
        assert "in doubt" in job.mail()
        rows = read_results(job.inbox / "agency-e.results.csv")
        doubtful = [row for row in rows if row["outcome"] == "in_doubt"]
        assert 1 <= len(doubtful) <= CONCURRENCY

        # By day, somebody looks into the console. Wednesday: it goes on from there.
        for row in doubtful:
            found = created.get(row["customer_id"])
            answer = ["--created", f"{row['row']}={found}"] if found else ["--not-created", row["row"]]
            assert job.by_hand("resolve", str(killed), *answer) in (0, 3)
        assert job.night() == 0
        assert not job.mails
        assert not killed.exists()

        # Thursday: a file that is still being written.
        half = job.put("agency-f.csv.part", range(6000, 6010))
        assert job.night() == 0
        assert not job.mails
        assert half.exists()

        # Friday: it is whole; and a second job is started while the first still goes on.
        half.unlink()
        job.put("agency-f.csv", range(6000, 6030))
        set_faults(api, "delay:seconds=0.3")
        first = job.start()
        wait_until(lambda: "6000" in customers(api))
        assert job.night() == 5
        assert len(job.mail().splitlines()) == 1
        assert job.ended(first) == 0
        assert not job.mails
        set_faults(api)

        # Saturday: somebody puts everything back.
        for path in sorted(job.archive.iterdir()):
            if ".results" not in path.name and ".retry" not in path.name:
                in_the_evening(Path(shutil.copy(path, job.inbox / f"again-{path.name}")))
        before = len(api.applications)
        assert job.night() == 1
        assert "2 rows to mend" in job.mail()
        assert len(api.applications) == before

        # Sunday: nothing is left to be done, and each lead was created once.
        assert job.night() == 0
        assert not job.mails
        assert not list(job.inbox.iterdir())
        wanted = (
            *range(1000, 1060),
            *range(2000, 2030),
            *range(3000, 3020),
            *range(4000, 4030),
            *range(5000, 5040),
            *range(6000, 6030),
        )
        assert Counter(customers(api)) == Counter(map(str, wanted))
