"""From the ledger to files, over a real ledger: the results, and the rows of the inputs to mend."""

from __future__ import annotations

import gzip
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from openpyxl import Workbook, load_workbook  # type: ignore[import-untyped]

from importer.errors import LedgerError, ResultsError, SheetError, UsageError
from importer.intake import Identity, Input, Selection, entries_of, open_inputs
from importer.ledger import Policy, RunStart
from importer.ledger.sqlite import SqliteLedger
from importer.model import Application, Created, ErrorInfo, Failed, InDoubt, Rejected, RowEnd
from importer.outputs import rewrite_results, write_files
from importer.report import ImportReport
from importer.results import workbook
from importer.settings import Settings
from tests.support import HEADERS, outcomes_in, read_results
from tests.test_sheets_workbook import ODS_CONTENT, ods
from tests.workbooks import repacked

HEADER = ",".join(HEADERS) + "\n"
FILE = HEADER + "1,An,0901,x\n2,Bình,0902,y\n,Chi,0903,z\n4,Dung,0904,t\n5,Em,0905,u\n6,Giang,0906,v\n"
IDENTITY = Identity("account", "local")
CREATED = Created(Application(application_id="900", status="pending", created_at="2026-01-02T03:04:05Z"))
ENDS: Mapping[str, RowEnd] = {
    "1": CREATED,
    "2": Rejected(ErrorInfo(code="http_400", reason="bad_phone", message="the phone is wrong")),
    "4": Failed(ErrorInfo(code="http_503", message="the API was busy")),
    "5": InDoubt(ErrorInfo(code="timeout", message="no answer came in time")),
}
TO_MEND = [
    ("2", "rejected", "the phone is wrong"),
    ("", "invalid", "customer_id: the cell is empty; fill it in"),
    ("4", "failed", "the API was busy"),
    ("6", "not_attempted", "the run stopped before this row"),
]


@contextmanager
def opened(folder: Path) -> Iterator[SqliteLedger]:
    with SqliteLedger(folder / "ledger.sqlite3") as ledger:
        yield ledger


async def imported(
    ledger: SqliteLedger,
    inputs: list[Input],
    ends: Mapping[str, RowEnd] = ENDS,
    *,
    limit: int | None = None,
) -> int:
    """Leave in the ledger what a run over `inputs` leaves there, and return the number of the run."""
    run = await ledger.begin_run(RunStart(name="r", environment="local", base_url="", started_at=""))
    left = limit
    for given in inputs:
        sheet = await ledger.add_sheet(run, given.sheet.source, given.path, given.sheet.name)
        rows = [pair for chunk in given.leads() for pair in chunk][:left]
        left = None if left is None else left - len(rows)
        entries = entries_of(sheet, [lead for _, lead in rows], IDENTITY)
        standings = await ledger.enrol(run, entries, Policy())
        for entry, standing in zip(entries, standings, strict=True):
            if standing.outcome is None and (end := ends.get(entry.customer_id)):
                await ledger.intend(run, standing.lead, 1)
                ledger.record(run, standing.lead, end, 1)
    await ledger.flush()
    return run


def inputs_of(*paths: Path, spool: Path | None = None) -> list[Input]:
    inputs, _ = open_inputs([str(path) for path in paths], Selection(), spool=spool)
    return inputs


def report_of(*sources: Path) -> ImportReport:
    files = [str(source) for source in sources]
    return ImportReport(run="r", environment="local", base_url="", files=files, started_at="")


def settings_of(folder: Path, *, results: Path | None = None, sheet: tuple[str, ...] = ()) -> Settings:
    return Settings(ledger=folder / "ledger.sqlite3", results=results, sheet=sheet)


def written(path: Path, content: str = FILE) -> Path:
    path.write_text(content, encoding="utf-8")
    return path


def to_mend(path: Path) -> list[tuple[str, str, str]]:
    return [(line["customer_id"], line["outcome"], line["error"]) for line in read_results(path)]


def workbook_of(path: Path, sheets: Mapping[str, list[list[str]]]) -> Path:
    book = Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in ([*HEADERS], *rows):
            sheet.append(row)
    book.save(path)
    return path


def cells_of(path: Path) -> dict[str, list[list[object]]]:
    book = load_workbook(path)
    return {sheet.title: [[*row] for row in sheet.iter_rows(values_only=True)] for sheet in book}


@pytest.fixture
def two_sheets(tmp_path: Path) -> Path:
    """Make a workbook whose second sheet has the same rows to mend, by their numbers, as the first."""
    return workbook_of(
        tmp_path / "leads.xlsx",
        {
            "Một": [["1", "An", "0901", "x"], ["2", "Bình", "0902", "y"]],
            "Hai": [["", "Chi", "0903", "z"], ["4", "'=Dung", "0904", "t"]],
        },
    )


async def test_results_and_rows_to_mend_are_written_beside_the_input(tmp_path: Path) -> None:
    path = written(tmp_path / "leads.csv")
    report = report_of(path)
    with opened(tmp_path) as ledger:
        inputs = inputs_of(path)
        write_files(report, await imported(ledger, inputs), ledger, inputs, settings_of(tmp_path))
    assert report.results == [tmp_path / "leads.results.csv"]
    assert report.retry_files == [tmp_path / "leads.retry.csv"]
    assert report.notices == []
    outcomes = ["created", "rejected", "invalid", "failed", "in_doubt", "not_attempted"]
    assert outcomes_in(report.results[0]) == outcomes
    assert to_mend(report.retry_files[0]) == TO_MEND
    assert list(read_results(report.retry_files[0])[0]) == [*HEADERS, "outcome", "error"]


async def test_nothing_to_mend_leaves_no_file_of_rows_to_mend(tmp_path: Path) -> None:
    path = written(tmp_path / "leads.csv", HEADER + "1,An,0901,x\n")
    stale = written(tmp_path / "leads.retry.csv", "of an earlier run")
    report = report_of(path)
    with opened(tmp_path) as ledger:
        inputs = inputs_of(path)
        write_files(report, await imported(ledger, inputs), ledger, inputs, settings_of(tmp_path))
    assert (report.retry_files, stale.exists()) == ([], False)
    assert outcomes_in(report.results[0]) == ["created"]


async def test_where_no_row_is_to_mend_the_leads_are_not_read_again(tmp_path: Path) -> None:
    path = written(tmp_path / "leads.csv", HEADER + "1,An,0901,x\n")
    report = report_of(path)
    with opened(tmp_path) as ledger:
        inputs = inputs_of(path)
        run = await imported(ledger, inputs)
        path.unlink()
        write_files(report, run, ledger, inputs, settings_of(tmp_path))
    assert report.notices == []
    assert outcomes_in(report.results[0]) == ["created"]


async def test_several_files_have_results_each_or_all_in_the_one_that_was_named(tmp_path: Path) -> None:
    one = written(tmp_path / "one.csv")
    two = tmp_path / "two.csv.gz"
    two.write_bytes(gzip.compress((HEADER + "7,Hoa,0907,x\n").encode()))
    each, together = report_of(one, two), report_of(one, two)
    with opened(tmp_path) as ledger:
        inputs = inputs_of(one, two)
        run = await imported(ledger, inputs)
        write_files(each, run, ledger, inputs, settings_of(tmp_path))
        (tmp_path / "out").mkdir()
        settings = settings_of(tmp_path, results=tmp_path / "out" / "all.csv")
        write_files(together, run, ledger, inputs, settings)
    assert [path.name for path in each.results] == ["one.results.csv", "two.results.csv"]
    assert outcomes_in(each.results[1]) == ["not_attempted"]
    assert together.results == [tmp_path / "out" / "all.csv"]
    assert [line["customer_id"] for line in read_results(together.results[0])][-2:] == ["6", "7"]
    assert [path.relative_to(tmp_path) for path in together.retry_files] == [
        Path("out/one.retry.csv"),
        Path("out/two.retry.csv"),
    ]
    assert to_mend(together.retry_files[0]) == TO_MEND
    assert to_mend(together.retry_files[1]) == [("7", "not_attempted", "the run stopped before this row")]


async def test_rows_to_mend_of_a_workbook_keep_their_sheets(tmp_path: Path, two_sheets: Path) -> None:
    report = report_of(two_sheets)
    with opened(tmp_path) as ledger:
        inputs = inputs_of(two_sheets)
        write_files(report, await imported(ledger, inputs), ledger, inputs, settings_of(tmp_path))
    assert report.notices == []
    assert report.retry_files == [tmp_path / "leads.retry.xlsx"]
    header = [*HEADERS, "outcome", "error"]
    assert cells_of(report.retry_files[0]) == {
        "Một": [header, ["2", "Bình", "0902", "y", "rejected", "the phone is wrong"]],
        "Hai": [
            header,
            # A cell that the results of an earlier run defused is defused once, not twice.
            [None, "Chi", "0903", "z", "invalid", "customer_id: the cell is empty; fill it in"],
            ["4", "'=Dung", "0904", "t", "failed", "the API was busy"],
        ],
    }


async def test_rows_beyond_a_limit_are_not_among_those_to_mend(tmp_path: Path) -> None:
    path = written(tmp_path / "leads.csv")
    report = report_of(path)
    with opened(tmp_path) as ledger:
        inputs = inputs_of(path)
        run = await imported(ledger, inputs, limit=2)
        write_files(report, run, ledger, inputs, settings_of(tmp_path))
    assert to_mend(report.retry_files[0]) == TO_MEND[:1]
    assert report.notices == []


async def test_standard_input_is_mended_from_where_it_was_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    report = report_of(Path("-"))
    with opened(tmp_path) as ledger:
        inputs = inputs_of(Path("-"), spool=written(tmp_path / "kept"))
        write_files(report, await imported(ledger, inputs), ledger, inputs, settings_of(tmp_path))
    assert (report.results, report.retry_files) == ([Path("stdin.results.csv")], [Path("stdin.retry.csv")])
    assert to_mend(Path("stdin.retry.csv")) == TO_MEND


async def test_a_file_that_was_changed_meanwhile_is_noticed_and_its_results_are_written(
    tmp_path: Path,
) -> None:
    path, other = written(tmp_path / "leads.csv"), written(tmp_path / "other.csv", HEADER + ",Hoa,0907,x\n")
    report = report_of(path, other)
    with opened(tmp_path) as ledger:
        inputs = inputs_of(path, other)
        run = await imported(ledger, inputs)
        written(path, FILE + "7,Hoa,0907,x\n")
        write_files(report, run, ledger, inputs, settings_of(tmp_path))
    assert len(report.results) == 2
    assert report.retry_files == [tmp_path / "other.retry.csv"]
    (notice,) = report.notices
    assert notice.startswith("The rows to mend were not written; the results tell them.")
    assert f"{path} was changed" in notice


async def test_rows_to_mend_that_cannot_be_written_are_noticed(tmp_path: Path) -> None:
    path = written(tmp_path / "leads.csv")
    (tmp_path / "leads.retry.csv").mkdir()
    report = report_of(path)
    with opened(tmp_path) as ledger:
        inputs = inputs_of(path)
        write_files(report, await imported(ledger, inputs), ledger, inputs, settings_of(tmp_path))
    assert report.retry_files == []
    assert "leads.retry.csv: the file cannot be written" in report.notices[0]


async def test_results_that_cannot_be_written_are_an_error(tmp_path: Path) -> None:
    path = written(tmp_path / "leads.csv")
    (tmp_path / "leads.results.csv").mkdir()
    with opened(tmp_path) as ledger:
        inputs = inputs_of(path)
        run = await imported(ledger, inputs)
        with pytest.raises(ResultsError):
            write_files(report_of(path), run, ledger, inputs, settings_of(tmp_path))


async def test_results_are_written_again_as_the_ledger_has_them_now(tmp_path: Path, two_sheets: Path) -> None:
    path = written(tmp_path / "leads.csv")
    with opened(tmp_path) as ledger:
        await imported(ledger, inputs_of(path, two_sheets))
    assert rewrite_results(str(path), settings_of(tmp_path)) == (
        [tmp_path / "leads.results.csv", tmp_path / "leads.retry.csv"],
        [],
    )
    assert to_mend(tmp_path / "leads.retry.csv") == TO_MEND
    files, notices = rewrite_results(str(two_sheets), settings_of(tmp_path, results=tmp_path / "r.jsonl"))
    assert (files, notices) == ([tmp_path / "r.jsonl", tmp_path / "leads.retry.xlsx"], [])
    assert len((tmp_path / "r.jsonl").read_text(encoding="utf-8").splitlines()) == 4


async def test_a_lead_that_was_settled_since_is_settled_in_results_that_are_written_again(
    tmp_path: Path,
) -> None:
    path, fewer = written(tmp_path / "leads.csv"), written(tmp_path / "fewer.csv", HEADER + "4,Dung,0904,t\n")
    with opened(tmp_path) as ledger:
        await imported(ledger, inputs_of(path))
        await imported(ledger, inputs_of(fewer), {"4": CREATED})
    rewrite_results(str(path), settings_of(tmp_path))
    assert outcomes_in(tmp_path / "leads.results.csv")[3] == "existing"
    assert to_mend(tmp_path / "leads.retry.csv") == [line for line in TO_MEND if line[0] != "4"]


@pytest.mark.parametrize(
    "content",
    [
        # One of the rows above was taken out, or put in; the last ones were; the file was sorted, or mended.
        FILE.replace("2,Bình,0902,y\n", "\n2,Bình,0902,y\n"),
        FILE.replace("6,Giang,0906,v\n", ""),
        FILE.replace("2,Bình,0902,y\n,Chi,0903,z\n", ",Chi,0903,z\n2,Bình,0902,y\n"),
        FILE.replace(",Chi", "3,Chi"),
    ],
)
async def test_rows_to_mend_are_never_paired_with_the_errors_of_other_rows(
    content: str, tmp_path: Path
) -> None:
    path = written(tmp_path / "leads.csv")
    with opened(tmp_path) as ledger:
        await imported(ledger, inputs_of(path))
    written(tmp_path / "leads.retry.csv", "of a person")
    files, (kept, notice) = rewrite_results(str(written(path, content)), settings_of(tmp_path))
    assert files == [tmp_path / "leads.results.csv"]
    assert notice.startswith("The rows to mend were not written again.")
    assert f"{path} is no longer what was imported" in notice
    assert "was changed since it was written" in kept
    assert (tmp_path / "leads.retry.kept-1.csv").read_text(encoding="utf-8") == "of a person"
    assert not (tmp_path / "leads.retry.csv").exists()


async def test_rows_of_one_sheet_are_never_paired_with_the_errors_of_another(
    tmp_path: Path, two_sheets: Path
) -> None:
    with opened(tmp_path) as ledger:
        await imported(ledger, inputs_of(two_sheets))
    for sheet in ("Một", "Hai"):
        files, (notice,) = rewrite_results(str(two_sheets), settings_of(tmp_path, sheet=(sheet,)))
        assert files == [tmp_path / "leads.results.csv"]
        assert "other sheets or columns of it are chosen" in notice


async def test_sheets_that_changed_places_are_noticed_though_their_rows_look_alike(tmp_path: Path) -> None:
    one, two = ([["2", "Bình", "0902", street]] for street in "xy")
    path = workbook_of(tmp_path / "leads.xlsx", {"Một": one, "Hai": two})
    with opened(tmp_path) as ledger:
        await imported(ledger, inputs_of(path))
    workbook_of(path, {"Hai": two, "Một": one})
    _, (notice,) = rewrite_results(str(path), settings_of(tmp_path))
    assert f"{path} is no longer what was imported" in notice


async def test_results_of_a_file_that_is_gone_or_of_standard_input_are_written_without_rows_to_mend(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = written(tmp_path / "leads.csv")
    with opened(tmp_path) as ledger:
        await imported(ledger, inputs_of(path, Path("-"), spool=written(tmp_path / "kept")))
    path.unlink()
    files, (notice,) = rewrite_results(str(path), settings_of(tmp_path))
    assert files == [tmp_path / "leads.results.csv"]
    assert "is not there" in notice
    assert rewrite_results("-", settings_of(tmp_path)) == ([Path("stdin.results.csv")], [])
    assert len(outcomes_in(Path("stdin.results.csv"))) == 6


async def test_a_ledger_that_cannot_be_read_is_no_mere_notice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(tmp_path / "leads.csv")
    with opened(tmp_path) as ledger:
        await imported(ledger, inputs_of(path))
    monkeypatch.setattr("importer.outputs._write_retry", failing)
    with pytest.raises(LedgerError):
        rewrite_results(str(path), settings_of(tmp_path))


def failing(*_: object) -> list[Path]:
    raise LedgerError("the disk is broken")


async def test_a_file_that_was_never_imported_is_told_with_the_ledger_that_was_asked(tmp_path: Path) -> None:
    path = written(tmp_path / "leads.csv")
    with opened(tmp_path) as ledger:
        await imported(ledger, inputs_of(written(tmp_path / "other.csv")))
    with pytest.raises(SheetError, match=r"ledger\.sqlite3 knows of no run with .*leads\.csv"):
        rewrite_results(str(path), settings_of(tmp_path))


def test_a_ledger_that_is_not_there_is_not_made_by_asking_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "importer.settings.default_ledger_path", lambda: tmp_path / "state" / "ledger.sqlite3"
    )
    with pytest.raises(SheetError, match="--ledger"):
        rewrite_results("leads.csv", Settings())
    assert not (tmp_path / "state").exists()


def test_results_are_not_written_over_the_input(tmp_path: Path) -> None:
    path = written(tmp_path / "leads.csv")
    with pytest.raises(UsageError, match="would be replaced"):
        rewrite_results(str(path), settings_of(tmp_path, results=path))


# Results beside the leads, in the user's own workbook.


async def beside(folder: Path, path: Path, ends: Mapping[str, RowEnd] = ENDS) -> ImportReport:
    """Import a workbook, with the results asked for as one."""
    report = report_of(path)
    with opened(folder) as ledger:
        inputs = inputs_of(path)
        run = await imported(ledger, inputs, ends)
        write_files(report, run, ledger, inputs, settings_of(folder, results=folder / "r.xlsx"))
    assert report.results == [folder / "r.xlsx"]
    return report


async def test_results_asked_for_as_a_workbook_are_the_users_own_one(
    tmp_path: Path, two_sheets: Path
) -> None:
    report = await beside(tmp_path, two_sheets)
    assert report.notices == []
    assert report.retry_files == [tmp_path / "leads.retry.xlsx"]
    for name, outcomes in {"Một": ["created", "rejected"], "Hai": ["invalid", "failed"]}.items():
        headers, *rows = cells_of(tmp_path / "r.xlsx")[name]
        assert headers[:6] == [*HEADERS, "outcome", "application_id"]
        assert [row[4] for row in rows] == outcomes
    (tmp_path / "r.xlsx").unlink()
    files, notices = rewrite_results(str(two_sheets), settings_of(tmp_path, results=tmp_path / "r.xlsx"))
    assert (files, notices) == ([tmp_path / "r.xlsx", tmp_path / "leads.retry.xlsx"], [])
    assert cells_of(tmp_path / "r.xlsx")["Một"][1][4] == "created"


async def test_several_files_or_a_csv_share_a_plain_workbook_of_results(
    tmp_path: Path, two_sheets: Path
) -> None:
    path = written(tmp_path / "leads.csv")
    settings = settings_of(tmp_path, results=tmp_path / "r.xlsx")
    for sources in ([path], [path, two_sheets]):
        with opened(tmp_path) as ledger:
            inputs = inputs_of(*sources)
            write_files(report_of(*sources), await imported(ledger, inputs), ledger, inputs, settings)
        assert list(cells_of(tmp_path / "r.xlsx")) == ["Results"]


async def test_where_formatting_cannot_be_kept_leads_stand_there_as_text_and_it_is_told(
    tmp_path: Path,
) -> None:
    cells = ""
    for row in (HEADERS, ("0017", "An", "0901", "x"), ("2", "Bình", "0902", "y")):
        texts = (f"<text:p>{cell}</text:p>" for cell in row)
        inner = "".join(
            f'<table:table-cell office:value-type="string">{text}</table:table-cell>' for text in texts
        )
        cells += f"<table:table-row>{inner}</table:table-row>"
    start, end = ODS_CONTENT.index("<table:table-row"), ODS_CONTENT.rindex("</table:table>")
    path = ods(tmp_path / "leads.ods", ODS_CONTENT[:start] + cells + ODS_CONTENT[end:])
    report = await beside(tmp_path, path)
    (notice,) = report.notices
    assert "as text and without their formatting" in notice
    assert ".xlsx" in notice
    ((headers, first, second),) = cells_of(tmp_path / "r.xlsx").values()
    assert headers[:5] == [*HEADERS, "outcome"]
    assert first[:5] == ["0017", "An", "0901", "x", "not_attempted"]
    assert second[:5] == ["2", "Bình", "0902", "y", "rejected"]
    (sheet,) = load_workbook(tmp_path / "r.xlsx")
    assert {cell.number_format for cell in sheet[2] if cell.value is not None} >= {"@"}
    assert sheet["E2"].fill.fgColor.rgb != sheet["E3"].fill.fgColor.rgb
    assert sheet["F3"].fill.fill_type is None
    assert sheet.auto_filter.ref == "A1:O3"
    assert cells_of(report.retry_files[0]).keys() == cells_of(tmp_path / "r.xlsx").keys()


async def test_a_workbook_that_is_not_written_as_usual_costs_its_formatting_and_no_results(
    tmp_path: Path, two_sheets: Path
) -> None:
    comment = "xl/worksheets/sheet1.xml"
    repacked(two_sheets, {comment: lambda xml: xml.replace(b"<sheetData>", b"<!-- a --><sheetData>")})
    report = await beside(tmp_path, two_sheets)
    results, retry = report.notices
    assert "without their formatting: nothing can be added to it, since" in results
    assert "is a plain workbook" in retry
    assert [row[4] for row in cells_of(tmp_path / "r.xlsx")["Hai"]] == ["outcome", "invalid", "failed"]
    assert len(cells_of(report.retry_files[0])["Một"]) == 2


async def test_rows_that_the_run_did_not_read_have_no_outcome(tmp_path: Path, two_sheets: Path) -> None:
    settings = settings_of(tmp_path, results=tmp_path / "r.xlsx")
    with opened(tmp_path) as ledger:
        inputs = inputs_of(two_sheets)
        run = await imported(ledger, inputs, limit=1)
        write_files(report_of(two_sheets), run, ledger, inputs, settings)
    assert [row[4] for row in cells_of(tmp_path / "r.xlsx")["Một"]] == ["outcome", "created", None]
    assert [row[4] for row in cells_of(tmp_path / "r.xlsx")["Hai"]] == ["outcome", None, None]


@pytest.mark.parametrize(
    "rows",
    [
        # Sorted; one mended in its id; one taken out; one put in.
        [["2", "Bình", "0902", "y"], ["1", "An", "0901", "x"]],
        [["1", "An", "0901", "x"], ["3", "Bình", "0902", "y"]],
        [["1", "An", "0901", "x"]],
        [["9", "Mới", "0909", "x"], ["1", "An", "0901", "x"], ["2", "Bình", "0902", "y"]],
    ],
)
async def test_no_outcome_ever_stands_beside_another_row(
    tmp_path: Path, two_sheets: Path, rows: list[list[str]]
) -> None:
    await beside(tmp_path, two_sheets)
    second = [["", "Chi", "0903", "z"], ["4", "'=Dung", "0904", "t"]]
    workbook_of(two_sheets, {"Một": rows, "Hai": second})
    _, notices = rewrite_results(str(two_sheets), settings_of(tmp_path, results=tmp_path / "r.xlsx"))
    assert "is no longer what was imported" in notices[0]
    assert list(cells_of(tmp_path / "r.xlsx")) == ["Results"]
    assert [row[4] for row in cells_of(tmp_path / "r.xlsx")["Results"]][1:3] == ["created", "rejected"]


async def test_a_workbook_that_changes_while_the_results_are_written_gets_no_outcomes(
    tmp_path: Path, two_sheets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_outcomes = workbook.write_outcomes

    def meanwhile(*arguments: Any) -> None:
        os.utime(two_sheets, ns=(1, 1))
        write_outcomes(*arguments)

    monkeypatch.setattr(workbook, "write_outcomes", meanwhile)
    report = await beside(tmp_path, two_sheets)
    assert "has the results without the leads" in report.notices[0]
    assert list(cells_of(tmp_path / "r.xlsx")) == ["Results"]


async def test_sheets_that_were_not_asked_for_are_not_among_the_visible_ones_to_mend(
    tmp_path: Path, two_sheets: Path
) -> None:
    settings = settings_of(tmp_path, sheet=("Hai",))
    report = report_of(two_sheets)
    with opened(tmp_path) as ledger:
        inputs, _ = open_inputs([str(two_sheets)], Selection.of(settings))
        write_files(report, await imported(ledger, inputs), ledger, inputs, settings)
    given, _ = open_inputs([str(report.retry_files[0])], Selection())
    assert [one.sheet.name for one in given] == ["Hai"]
