"""Every example of the library, in its docstrings and in README.md, does what it says."""

from __future__ import annotations

import ast
import asyncio
import doctest
import inspect
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

import pytest

import importer
from importer import library
from importer.library import leads as leads_module
from importer.library import options
from tests.support import outcomes_in

PROJECT = Path(importer.__file__).parents[1]
BLOCKS = re.findall(r"```python\n(.*?)```", (PROJECT / "README.md").read_text(encoding="utf-8"), re.DOTALL)


def block(beginning: str) -> str:
    """Return the example of README.md that begins with this comment."""
    (found,) = [text for text in BLOCKS if text.startswith(f"# {beginning}\n")]
    return str(found)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Be in a folder with the sample data, with no settings and no ledger of the machine."""
    # Without what whoever tried the README's first command has beside it.
    written = shutil.ignore_patterns("*.results.*", "*.retry.*")
    shutil.copytree(PROJECT / "sample_data", tmp_path / "sample_data", ignore=written)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path


def test_every_example_of_the_readme_is_run_here() -> None:
    beginnings = [text.splitlines()[0] for text in BLOCKS]
    assert beginnings == ["# example.py", "# cell 1", "# dags/leads.py", "# flow.py"]


def test_the_examples_of_the_docstrings_tell_the_truth() -> None:
    finder = doctest.DocTestFinder()
    tests = [test for module in (library, leads_module, options) for test in finder.find(module)]
    results = [doctest.DocTestRunner().run(test) for test in tests]
    assert sum(result.failed for result in results) == 0
    assert sum(result.attempted for result in results) >= 11


def test_the_example_of_the_package_is_a_program(folder: Path) -> None:
    example = (importer.__doc__ or "").split("::\n")[1].split("\n\n:func:")[0]
    names: dict[str, Any] = {}
    exec(inspect.cleandoc(example), names)  # noqa: S102 - it is our own
    assert names["report"].totals.outcomes[importer.OutcomeName.CREATED] == 1


def test_the_program_of_the_readme_prints_each_row_and_what_is_wrong(
    capsys: pytest.CaptureFixture[str],
) -> None:
    exec(block("example.py"), {})  # noqa: S102 - it is our own
    printed = capsys.readouterr().out.splitlines()
    assert sorted(re.sub(r"\d{18}", "ID", line) for line in printed[:3]) == [
        "leads:crm, row 1 created ID",
        "leads:crm, row 2 created ID",
        "leads:crm, row 3 invalid None",
    ]
    assert printed[3] == "3 leads, exit code 1"
    (wrong,) = printed[4:]
    assert wrong.startswith("leads:crm, row 3 invalid phone: there are letters")


async def test_the_cells_of_the_notebook_may_await(folder: Path) -> None:
    names: dict[str, Any] = {}
    # A notebook shows the value of the last expression of a cell.
    for cell in re.split(r"^# cell \d\n", block("cell 1"), flags=re.MULTILINE)[1:]:
        *_, last = ast.parse(cell).body
        assert isinstance(last, ast.Expr)
        code = compile(cell, "cell", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        await _run_cell(code, names)
    assert names["report"].summary()["created"] == 40
    assert outcomes_in(folder / "outcomes.csv") == ["created"] * 40


async def _run_cell(code: CodeType, names: dict[str, Any]) -> None:
    awaited = eval(code, names)  # noqa: S307 - it is our own
    if inspect.isawaitable(awaited):
        await awaited


def passed_through(*given: Any, **_: Any) -> Any:
    """Decorate as `task` and `flow` do, and change nothing: with arguments and without."""
    if given and callable(given[0]):
        return given[0]

    def decorated(work: Callable[..., Any]) -> Callable[..., Any]:
        return work

    return decorated


@pytest.fixture
def stubs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stand-ins for Airflow and Prefect, which take minutes to install; the real ones were tried by hand."""
    for name in ("airflow", "airflow.sdk", "prefect"):
        module = ModuleType(name)
        vars(module).update(dag=passed_through, task=passed_through, flow=passed_through)
        monkeypatch.setitem(sys.modules, name, module)


@pytest.mark.usefixtures("stubs")
def test_the_task_of_airflow_imports_and_a_second_try_sends_nothing(folder: Path) -> None:
    code = block("dags/leads.py")
    exec(code, {})  # noqa: S102 - it is our own
    assert outcomes_in(folder / "sample_data" / "template-1.results.csv") == ["created"] * 40
    exec(code, {})  # noqa: S102 - it is our own
    assert outcomes_in(folder / "sample_data" / "template-1.results.csv") == ["existing"] * 40


@pytest.mark.usefixtures("stubs")
def test_the_task_of_airflow_fails_where_rows_need_a_person() -> None:
    code = block("dags/leads.py").replace("template-1.csv", "every-kind-of-bad-row.csv")
    with pytest.raises(RuntimeError, match="Some rows need a person"):
        exec(code, {})  # noqa: S102 - it is our own


@pytest.mark.usefixtures("stubs")
def test_the_flow_of_prefect_imports() -> None:
    names: dict[str, Any] = {}
    exec(block("flow.py"), names)  # noqa: S102 - it is our own
    assert asyncio.run(names["nightly"]())["created"] == 1


CONSUMER = """
from collections.abc import AsyncIterator
from pathlib import Path
from typing import assert_type

import importer
from importer import Application, ImportReport, OutcomeName, ResultRow, RowEnded, Watcher


class Show(Watcher):
    def row_ended(self, row: RowEnded) -> None:
        assert_type(row.outcome, OutcomeName)
        assert_type(row.application, Application | None)


async def leads() -> AsyncIterator[dict[str, str]]:
    yield {"customer_id": "1", "email": "lan@example.com", "phone": "0901234567"}


async def program() -> None:
    report = await importer.import_leads(leads(), source="crm", env="local", rate=50, watcher=Show())
    assert_type(report, ImportReport)
    await importer.import_leads([{"customer_id": 1}], source="crm", client_key="key", client_secret="secret")
    await importer.import_files(Path("a.xlsx"), sheet=["A"], map={"phone": "Di động"}, ledger="l.sqlite3")
    await importer.import_files(["a.csv", Path("b")], settings=importer.load_settings(config="leads.toml"))
    await importer.import_leads([], source="crm", env="moon")  # type: ignore[arg-type]
    await importer.import_leads([], source="crm", concurency=3)  # type: ignore[call-arg]
    await importer.import_leads([], source="crm", sheet=["Leads"])  # type: ignore[call-arg]
    await importer.import_leads([])  # type: ignore[call-arg]
    await importer.import_leads(["1001"], source="crm")  # type: ignore[list-item]
    importer.load_settings(client_secret="secret")  # type: ignore[call-arg]
    importer.import_lead  # type: ignore[attr-defined]


assert_type(importer.run(importer.import_files("leads.csv")), ImportReport)
with importer.read_outcomes("leads:crm") as rows:
    assert_type(next(rows), ResultRow)
try:
    importer.run(program())
except importer.UsageError as error:
    print(error.exit_code)
"""


def test_a_program_is_checked_strictly_against_the_types_of_the_package(
    folder: Path, pytestconfig: pytest.Config
) -> None:
    """The examples of README.md are such programs, too, but for the decorators that are not installed."""
    (folder / "consumer.py").write_text(CONSUMER, encoding="utf-8")
    (folder / "example.py").write_text(block("example.py"), encoding="utf-8")
    cache = pytestconfig.cache
    assert cache is not None
    checked = subprocess.run(
        [
            *(sys.executable, "-m", "mypy", "--strict", "--no-error-summary", "--config-file", ""),
            *("--cache-dir", str(cache.mkdir("mypy-of-consumers")), "consumer.py", "example.py"),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.stdout + checked.stderr == ""
