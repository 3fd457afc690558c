"""What the README says: each command of the command line stands there, and each that stands there works."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import typer
from openpyxl import Workbook  # type: ignore[import-untyped]
from typer.core import TyperGroup

from importer import cli
from importer.faults import parse_fault
from importer.local_api import LOCAL_CREDENTIALS, LocalApi
from tests.support import HEADERS, api_beside, write_leads

COMMAND = (sys.executable, "-m", "importer")
README = Path(__file__).parent.parent / "README.md"

# What a command may end with that did what it should: some rows are no leads, and some are in doubt.
FINE = {"run": {0, 1}, "check": {0, 1}, "resolve": {0, 3}}

ONLY_NAMED = {"lead-importer run"}
"""What the README calls so without meaning a whole command."""

RUN_ELSEWHERE = {
    "Try it": "continuous integration runs it, in a virtual environment that it makes",
    "Run the tests": "this is one of them",
    "Tiếng Việt": "tests/test_language.py takes its steps, and fills the workbook in between",
    "How fast it goes": "tests/test_bench.py runs the benchmark, with less to measure",
    "How that is proved": "tests/proof are run as they stand",
}
"""Sections whose commands nothing here runs, and why."""


@dataclass(frozen=True, slots=True)
class Step:
    """One command of the README."""

    section: str
    words: tuple[str, ...]

    @property
    def name(self) -> str:
        return next((word for word in self.words[1:] if not word.startswith("-")), "")


def steps() -> list[Step]:
    """Return the commands of the README that begin with lead-importer, in their order."""
    found = []
    section, shell = "", False
    for line in README.read_text(encoding="utf-8").splitlines():
        if heading := re.match(r"#{2,3} (.+)", line):
            section = heading[1]
        if fence := re.match(r" *```(\w*)", line):
            shell = fence[1] == "sh"
            continue
        written = [line.strip()] if shell else re.findall(r"`(lead-importer [^`]+)`", line)
        found += [
            Step(section, tuple(shlex.split(text, comments=True)))
            for text in written
            if text.startswith("lead-importer ") and text not in ONLY_NAMED
        ]
    return found


def sections() -> dict[str, list[Step]]:
    found: dict[str, list[Step]] = {}
    for step in steps():
        if step.section not in RUN_ELSEWHERE:
            found.setdefault(step.section, []).append(step)
    return found


def write_workbook(path: Path) -> None:
    """Write a workbook of leads, one of which lacks its phone."""
    book = Workbook()
    sheet = book.active
    sheet.append([*HEADERS[:2], "Di động", HEADERS[3]])
    for number in range(1, 16):
        phone = "" if number == 7 else f"09{number:08}"
        sheet.append([str(2000 + number), f"Trần Thị {number}", phone, f"{number} Hai Bà Trưng, Huế"])
    book.save(path)


def write_files_of_readme(folder: Path) -> None:
    """Write the files that the README shows, each of which says in its first line how it is called."""
    for block in re.findall(r"^```toml\n# (\S+\.toml).*\n((?:.*\n)*?)```", README.read_text("utf-8"), re.M):
        (folder / block[0]).write_text(block[1], encoding="utf-8")


@dataclass(frozen=True, slots=True)
class Place:
    """Where the commands of a section are run: a folder with leads.csv and leads.xlsx, and an API."""

    folder: Path
    api: LocalApi

    @property
    def variables(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(README.parent),
            "HOME": str(self.folder.parent),
            "LEAD_IMPORTER_BASE_URL": self.api.base_url,
            "LEAD_IMPORTER_CLIENT_KEY": LOCAL_CREDENTIALS.client_key,
            "LEAD_IMPORTER_CLIENT_SECRET": LOCAL_CREDENTIALS.client_secret.decode(),
        }

    def run(self, *arguments: str) -> int:
        """Run a command to its end, and return its exit code."""
        ended = subprocess.run(
            [*COMMAND, *arguments],
            cwd=self.folder,
            env=self.variables,
            capture_output=True,
            text=True,
            check=False,
        )
        assert "Traceback" not in ended.stderr, ended.stderr
        return ended.returncode

    @contextmanager
    def serving(self, *arguments: str) -> Iterator[str]:
        """Run a local API by its command meanwhile; yield its address."""
        with subprocess.Popen(
            [*COMMAND, *arguments, "--port", "0"],
            cwd=self.folder,
            env=self.variables,
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            try:
                assert process.stdout is not None
                found = re.search(r"http://[\d.:]+", process.stdout.readline())
                assert found
                yield found[0]
            finally:
                process.send_signal(signal.SIGINT)
                assert process.wait(30) == 0


def leave_no_workbook(place: Place) -> None:
    (place.folder / "leads.xlsx").unlink()


def import_everything(place: Place) -> None:
    assert place.run("run", "leads.xlsx") == 1
    assert place.run("run", "leads.csv") == 0


def decide_of_everything(place: Place) -> None:
    """Import, and write into the results what a bank has decided."""
    assert place.run("run", "leads.csv", "--env", "production") == 0
    results = place.folder / "leads.results.csv"
    results.write_text(results.read_text("utf-8").replace(",new,", ",disbursed,"), encoding="utf-8")


def leave_in_doubt(place: Place) -> None:
    """Leave the rows in doubt that the README settles."""
    rows = [17, 18, *range(20, 26), 27]
    # Row 2 is the first lead.
    lost = "|".join(str(1000 + row - 2) for row in rows)
    place.api.faults = [parse_fault(f"drop-after:customer={lost}")]
    assert place.run("run", "leads.csv") == 3
    place.api.faults = []


def fill_the_inbox(place: Place) -> None:
    """Put a file into the inbox that was written hours before."""
    (place.folder / "inbox").mkdir()
    copied = Path(shutil.copy(place.folder / "leads.xlsx", place.folder / "inbox"))
    os.utime(copied, (copied.stat().st_mtime - 3600,) * 2)


def import_from_python(place: Place) -> None:
    """Import leads as a program does, one of which is in doubt then."""
    place.api.faults = [parse_fault("drop-after:customer=1001")]
    program = (
        "import importer; given = importer.load_settings(env='sandbox'); "
        "leads = [{'customer_id': str(n), 'email': f'lan{n}@example.com', 'phone': f'09{n:08}'} for n in "
        "range(1000, 1005)]; "
        "importer.run(importer.import_leads(leads, source='crm', settings=given))"
    )
    subprocess.run([sys.executable, "-c", program], cwd=place.folder, env=place.variables, check=True)
    place.api.faults = []


BEFORE: Mapping[str, Callable[[Place], None]] = {
    "Start from an empty workbook": leave_no_workbook,
    "What becomes of each row": import_everything,
    "Set statuses in bulk": decide_of_everything,
    "Every night": fill_the_inbox,
    "From Python": import_from_python,
    "Settle what is in doubt": leave_in_doubt,
}
"""What must have happened before the commands of a section."""


@pytest.mark.parametrize("section", sections())
def test_each_command_of_the_readme_works_as_it_stands(tmp_path: Path, section: str) -> None:
    folder = tmp_path / "work"
    folder.mkdir()
    write_files_of_readme(folder)
    write_leads(folder / "leads.csv", 30)
    write_workbook(folder / "leads.xlsx")
    with api_beside() as api, ExitStack() as stack:
        place = Place(folder, api)
        served = ""
        if prepare := BEFORE.get(section):
            prepare(place)
        for step in sections()[section]:
            words = [word.replace("http://127.0.0.1:8700", served) for word in step.words[1:]]
            if step.name == "local-api" and "--help" not in words:
                served = stack.enter_context(place.serving(*words))
            else:
                code = place.run(*words)
                assert code in FINE.get(step.name, {0}), (step.words, code)


def test_each_command_of_the_command_line_stands_in_the_readme() -> None:
    app = typer.main.get_command(cli.app)
    assert isinstance(app, TyperGroup)
    assert {step.name for step in steps()} - {""} == app.commands.keys()
