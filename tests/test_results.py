"""Results: each row on its line in three formats, the rows to mend, and files that are whole or not there."""

from __future__ import annotations

import csv
import errno
import io
import json
import os
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import openpyxl  # type: ignore[import-untyped]
import pytest

from importer.errors import InternalError, ResultsError, SheetError, UsageError
from importer.formulas import undefuse
from importer.model import Application, ErrorInfo, NumberText, OutcomeName, Place, ResultRow
from importer.results import (
    COLUMNS,
    RetryRow,
    RetryTable,
    tables,
    write_results,
    write_retry,
    write_summary,
)
from importer.sheets import Sheet, open_sheets

HEADER = (
    "source,sheet,row,customer_id,outcome,application_id,status,created_at,attempts,"
    "http_status,error_code,error_reason,error_message,request_id,notes"
)
CREATED = ResultRow(
    place=Place("khách.xlsx", "Tháng 5", 2),
    customer_id="141952217564315671",
    outcome=OutcomeName.CREATED,
    application=Application(
        application_id="009007199254740993", status="pending", created_at="2024-05-01T03:04:05Z"
    ),
    attempts=1,
    notes=("phone: a zero was put in front", "name: blanks removed"),
)
FAILED = ResultRow(
    place=Place("khách.xlsx", "Tháng 5", 3),
    customer_id="1333",
    outcome=OutcomeName.FAILED,
    attempts=5,
    error=ErrorInfo(
        code="http_429", message="Chậm lại", reason="too_many", http_status=429, request_id="0042"
    ),
)
MENDABLE = RetryRow(("0901234567", "Nguyễn Văn A"), OutcomeName.INVALID, "the address is missing")
TABLE = RetryTable("Tháng 5", ("phone", "name"), (MENDABLE,))

Write = Callable[[Path], object]
WRITERS: dict[str, Write] = {
    "results.csv": lambda path: write_results(path, [CREATED]),
    "results.jsonl": lambda path: write_results(path, [CREATED]),
    "results.xlsx": lambda path: write_results(path, [CREATED]),
    "retry.csv": lambda path: write_retry(path, [TABLE]),
    "retry.xlsx": lambda path: write_retry(path, [TABLE]),
    "summary.json": lambda path: write_summary(path, {"read": 1}),
}
every_writer = pytest.mark.parametrize("name", WRITERS)


@pytest.fixture(autouse=True)
def own_temporary_folder(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where openpyxl puts its own files, so that a test sees whether one is left."""
    folder = tmp_path_factory.mktemp("temporary")
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def noted(text: str) -> ResultRow:
    return ResultRow(
        place=Place("leads.csv", "", 2), customer_id=text, outcome=OutcomeName.EXISTING, notes=(text,)
    )


def csv_table(path: Path) -> list[list[str]]:
    return list(csv.reader(io.StringIO(path.read_bytes().decode("utf-8-sig"), newline=""), strict=True))


def book(path: Path) -> Any:
    return openpyxl.load_workbook(path)


def values(sheet: Any) -> list[list[object]]:
    return [[cell.value for cell in row] for row in sheet]


def table_of(sheet: Sheet) -> list[tuple[str, ...]]:
    rows = [row.cells for chunk in sheet.chunks() for row in chunk]
    return [tuple(map(undefuse, cells)) for cells in (sheet.headers, *rows)]


def failing(*rows: Any) -> Iterator[Any]:
    yield from rows
    raise SheetError("the input was changed")


def refusal(write: Write, path: Path) -> str:
    with pytest.raises(ResultsError) as refused:
        write(path)
    assert refused.value.exit_code == 2
    return str(refused.value)


# The results file.


def test_csv_is_what_the_contract_says_byte_for_byte(tmp_path: Path) -> None:
    path = tmp_path / "leads.results.csv"
    write_results(path, [CREATED, FAILED])
    assert path.read_bytes() == (
        b"\xef\xbb\xbf"
        + f"{HEADER}\r\n"
        "khách.xlsx,Tháng 5,2,141952217564315671,created,009007199254740993,pending,2024-05-01T03:04:05Z,1,"
        ",,,,,phone: a zero was put in front; name: blanks removed\r\n"
        "khách.xlsx,Tháng 5,3,1333,failed,,,,5,429,http_429,too_many,Chậm lại,0042,\r\n".encode()
    )


def test_the_columns_are_those_of_the_contract() -> None:
    assert ",".join(COLUMNS) == HEADER


def test_json_lines_have_the_same_keys_and_real_types(tmp_path: Path) -> None:
    path = tmp_path / "leads.results.JSONL"
    write_results(path, [CREATED, FAILED])
    text = path.read_bytes().decode("utf-8")
    assert text.startswith('{"source": "khách.xlsx"')
    first, second = map(json.loads, text.removesuffix("\n").split("\n"))
    assert list(first) == list(second) == HEADER.split(",")
    assert (first["row"], first["attempts"], first["http_status"]) == (2, 1, None)
    assert (first["customer_id"], first["application_id"]) == ("141952217564315671", "009007199254740993")
    assert first["notes"] == ["phone: a zero was put in front", "name: blanks removed"]
    assert (second["http_status"], second["outcome"], second["notes"]) == (429, "failed", [])
    assert second["application_id"] == ""


def test_a_workbook_keeps_every_text_as_a_text_cell_and_counts_as_numbers(tmp_path: Path) -> None:
    path = tmp_path / "leads.results.xlsx"
    write_results(path, [CREATED, FAILED])
    sheet = book(path).active
    assert values(sheet)[0] == HEADER.split(",")
    for number, row in enumerate((CREATED, FAILED), 2):
        cells = dict(zip(COLUMNS, sheet[number], strict=True))
        assert (cells["customer_id"].value, cells["row"].value) == (row.customer_id, row.place.row)
        assert {cells[name].data_type for name in ("source", "customer_id", "outcome")} == {"s"}
        assert {cells[name].number_format for name in ("customer_id", "application_id", "request_id")} == {
            "@"
        }
        assert cells["attempts"].value == row.attempts
        assert cells["attempts"].data_type == "n"
    assert sheet["F2"].value == "009007199254740993"
    assert (sheet["J2"].value, sheet["J3"].value, sheet["N3"].value) == (None, 429, "0042")


def test_the_header_of_a_workbook_is_bold_frozen_filtered_and_wide_enough(tmp_path: Path) -> None:
    path = tmp_path / "leads.results.xlsx"
    write_results(path, [CREATED, FAILED])
    sheet = book(path).active
    assert all(cell.font.bold for cell in sheet[1])
    assert not any(cell.font.bold for cell in sheet[2])
    assert (sheet.freeze_panes, sheet.auto_filter.ref) == ("A2", "A1:O3")
    widths = {cell.value: sheet.column_dimensions[cell.column_letter].width for cell in sheet[1]}
    assert all(width >= len(name) for name, width in widths.items())
    assert widths["customer_id"] > 18


@pytest.mark.parametrize("name", ["results.csv", "results.jsonl", "results.xlsx"])
def test_rows_come_in_the_order_given_and_without_any_there_is_still_a_header(
    tmp_path: Path, name: str
) -> None:
    path = tmp_path / name
    rows = [noted(str(number)) for number in (3, 1, 2)]
    for given in (rows, []):
        write_results(path, iter(given))
        if name.endswith("csv"):
            header, *read = csv_table(path)
        elif name.endswith("xlsx"):
            header, *read = values(book(path).active)  # type: ignore[assignment]
        else:
            read = [list(json.loads(line).values()) for line in path.read_text("utf-8").splitlines()]
            header = HEADER.split(",")
        assert header == HEADER.split(",")
        assert [row[3] for row in read] == [row.customer_id for row in given]


@pytest.mark.parametrize("name", ["results", "results.txt", "results.csv.gz", "results.xls"])
def test_another_suffix_is_refused_and_the_three_are_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match=r"results.*\.csv, \.jsonl or \.xlsx"):
        write_results(tmp_path / name, [CREATED])
    assert not list(tmp_path.iterdir())


def test_more_rows_than_a_sheet_holds_are_refused_with_the_way_out(
    tmp_path: Path, own_temporary_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "ROW_LIMIT", 3)
    path = tmp_path / "results.xlsx"
    write_results(path, [CREATED, FAILED])
    assert len(values(book(path).active)) == 3
    before = path.read_bytes()
    message = refusal(lambda path: write_results(path, [CREATED, FAILED, FAILED]), path)
    assert message == (
        f"{path}: a sheet of a workbook holds 3 rows with the header, and there are more. "
        "Name a .csv file instead."
    )
    assert path.read_bytes() == before
    assert [*tmp_path.iterdir(), *own_temporary_folder.iterdir()] == [path]


def test_a_sheet_of_excel_holds_so_many_rows() -> None:
    assert tables.ROW_LIMIT == 2**20


# Text that a spreadsheet or a format would not leave alone.


@pytest.mark.parametrize(
    "text", ["=1+1", "+84901234567", "-1", "@SUM(1)", " =1", "＝1", "'=1", '=HYPERLINK("https://a.example")']
)
def test_formulas_are_defused_in_csv_and_workbooks_but_not_in_json(tmp_path: Path, text: str) -> None:
    for name in ("x.csv", "x.xlsx", "x.jsonl"):
        write_results(tmp_path / name, [noted(text)])
    row = csv_table(tmp_path / "x.csv")[1]
    assert (row[3], row[-1]) == (f"'{text}", f"'{text}")
    cells = book(tmp_path / "x.xlsx").active[2]
    assert (cells[3].value, cells[3].data_type, cells[-1].value) == (f"'{text}", "s", f"'{text}")
    assert json.loads((tmp_path / "x.jsonl").read_text("utf-8"))["customer_id"] == text


def test_a_text_that_looks_like_an_error_of_excel_stays_text(tmp_path: Path) -> None:
    write_results(tmp_path / "x.xlsx", [noted("#N/A")])
    cell = book(tmp_path / "x.xlsx").active["D2"]
    assert (cell.value, cell.data_type) == ("#N/A", "s")


def test_line_breaks_commas_and_quotes_stay_inside_their_cell(tmp_path: Path) -> None:
    text = 'Số 1,\n"Lê Lợi"\rQuận 1\r\nHuế'
    for name in ("x.csv", "x.xlsx", "x.jsonl"):
        write_results(tmp_path / name, [noted(text), noted("b")])
    assert [row[3] for row in csv_table(tmp_path / "x.csv")] == ["customer_id", text, "b"]
    assert book(tmp_path / "x.xlsx").active["D2"].value == 'Số 1,\n"Lê Lợi"\nQuận 1\nHuế'
    assert json.loads((tmp_path / "x.jsonl").read_text("utf-8").splitlines()[0])["customer_id"] == text


def test_each_json_object_stays_on_one_line_for_readers_with_other_line_ends(tmp_path: Path) -> None:
    text = "a\x0bb\x1ec\x85d\u2028e\u2029f"
    write_results(tmp_path / "x.jsonl", [noted(text), noted(text)])
    lines = (tmp_path / "x.jsonl").read_text("utf-8").splitlines()
    assert [json.loads(line)["notes"] for line in lines] == [[text], [text]]


def test_what_xml_cannot_hold_is_marked_in_a_workbook_and_cannot_hide_a_formula(tmp_path: Path) -> None:
    write_results(
        tmp_path / "x.xlsx", [noted("a\x00b\x1f\x0bc\ufffe\uffff\ud800d\t."), noted("\r=1"), noted("_x0041_")]
    )
    read = [row[3] for row in values(book(tmp_path / "x.xlsx").active)]
    assert read == ["customer_id", "a\ufffdb\ufffd\ufffdc\ufffd\ufffd\ufffdd\t.", "'\n=1", "_x005F_x0041_"]
    (sheet,) = open_sheets(str(tmp_path / "x.xlsx"))
    assert [cells[3] for cells in table_of(sheet)][-1] == "_x0041_"


@pytest.mark.parametrize("name", ["x.csv", "x.jsonl", "x.xlsx"])
def test_a_lone_surrogate_as_in_an_odd_file_name_breaks_no_format(tmp_path: Path, name: str) -> None:
    write_results(tmp_path / name, [noted("kh\udce1ch")])
    path = tmp_path / name
    text = path.read_bytes().decode() if name != "x.xlsx" else book(path).active["D2"].value
    assert ("kh\ufffdch" if name == "x.xlsx" else "kh?ch") in text


# Whole files, or none.


@every_writer
def test_only_its_owner_can_read_a_new_file(tmp_path: Path, name: str) -> None:
    WRITERS[name](tmp_path / name)
    assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600


@every_writer
def test_a_file_that_was_there_is_replaced_and_keeps_its_mode(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_text("earlier")
    path.chmod(0o640)
    WRITERS[name](path)
    assert b"earlier" not in path.read_bytes()
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert list(tmp_path.iterdir()) == [path]


@every_writer
def test_the_file_is_on_the_disk_before_it_takes_its_place(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[str] = []
    synchronise, replace = os.fsync, os.replace

    def fsync(descriptor: int) -> None:
        synchronise(descriptor)
        steps.append("fsync")

    def replacing(source: Path, target: Path) -> None:
        replace(source, target)
        steps.append("replace")

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(os, "replace", replacing)
    WRITERS[name](tmp_path / name)
    assert steps == ["fsync", "replace"]


def test_the_temporary_file_is_private_from_the_start(tmp_path: Path) -> None:
    modes: list[int] = []

    def rows() -> Iterator[ResultRow]:
        modes.extend(stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir())
        yield CREATED

    write_results(tmp_path / "x.csv", rows())
    assert modes == [0o600]


def test_a_symbolic_link_stays_and_its_target_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "shared").mkdir()
    target = tmp_path / "shared" / "x.csv"
    target.write_text("earlier")
    link = tmp_path / "x.csv"
    link.symlink_to(target)
    write_results(link, [CREATED])
    assert link.is_symlink()
    assert csv_table(target)[1][3] == CREATED.customer_id


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("x.csv", lambda path: write_results(path, failing(CREATED))),
        ("x.jsonl", lambda path: write_results(path, failing(CREATED))),
        ("x.xlsx", lambda path: write_results(path, failing(CREATED))),
        ("y.xlsx", lambda path: write_results(path, failing())),
        ("y.csv", lambda path: write_retry(path, [RetryTable("", TABLE.headers, failing(MENDABLE))])),
        ("z.xlsx", lambda path: write_retry(path, failing(TABLE))),
        ("z.csv", lambda path: write_retry(path, failing())),
    ],
)
def test_rows_that_fail_leave_the_earlier_file_and_no_other(
    tmp_path: Path, own_temporary_folder: Path, name: str, write: Write
) -> None:
    path = tmp_path / name
    path.write_text("earlier")
    with pytest.raises(SheetError, match="the input was changed"):
        write(path)
    assert path.read_text() == "earlier"
    assert [*tmp_path.iterdir(), *own_temporary_folder.iterdir()] == [path]


@every_writer
@pytest.mark.parametrize(
    ("number", "advice"),
    [
        (errno.EACCES, "Close it if a spreadsheet has it open"),
        (errno.EPERM, "Close it if a spreadsheet has it open"),
        (errno.ENOSPC, "Free some space"),
        (errno.EIO, "Name another file."),
    ],
)
def test_a_file_that_cannot_take_its_place_is_told_with_the_next_step(
    tmp_path: Path, name: str, number: int, advice: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / name
    path.write_text("earlier")

    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "replace", refuse)
    message = refusal(WRITERS[name], path)
    assert message.startswith(f"{path}: the file cannot be written ({os.strerror(number)}). {advice}")
    assert message.endswith("The ledger has the results: `lead-importer results FILE` writes them again.")
    assert path.read_text() == "earlier"
    assert list(tmp_path.iterdir()) == [path]


@every_writer
def test_a_disk_that_fills_up_leaves_no_file(
    tmp_path: Path, own_temporary_folder: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    class FullDisk(io.FileIO):
        def write(self, _: object) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fdopen", lambda descriptor, _: FullDisk(descriptor, "w"))
    assert "Free some space" in refusal(WRITERS[name], tmp_path / name)
    assert [*tmp_path.iterdir(), *own_temporary_folder.iterdir()] == []


@every_writer
def test_a_missing_folder_is_told(tmp_path: Path, name: str) -> None:
    assert "Create the folder first" in refusal(WRITERS[name], tmp_path / "missing" / name)


@every_writer
def test_a_folder_in_the_place_of_the_file_is_told(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    assert "this is a folder" in refusal(WRITERS[name], tmp_path / name)
    assert list(tmp_path.iterdir()) == [tmp_path / name]


def test_an_error_without_words_of_the_system_is_told_by_its_name(tmp_path: Path) -> None:
    def rows() -> Iterator[ResultRow]:
        yield CREATED
        raise TimeoutError

    message = refusal(lambda path: write_results(path, rows()), tmp_path / "x.csv")
    assert "cannot be written (TimeoutError). Name another file." in message


def test_csv_and_json_lines_keep_no_row_in_memory_that_is_written(tmp_path: Path) -> None:
    alive: list[int] = []

    class Counted(str):
        __slots__ = ()

        def __del__(self) -> None:
            alive[-1] -= 1

    def rows() -> Iterator[ResultRow]:
        for number in range(200):
            alive.append((alive[-1] if alive else 0) + 1)
            yield noted(Counted(number))

    for name in ("x.csv", "x.jsonl"):
        alive.clear()
        write_results(tmp_path / name, rows())
        assert max(alive) <= 3


def test_a_process_that_writes_csv_does_not_load_openpyxl() -> None:
    code = "import importer.results, sys; sys.exit('openpyxl' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# The rows to mend.


def test_a_retry_csv_has_the_columns_of_the_input_and_why(tmp_path: Path) -> None:
    path = tmp_path / "leads.retry.csv"
    assert write_retry(path, [TABLE]) is True
    assert path.read_bytes() == (
        b"\xef\xbb\xbfphone,name,outcome,error\r\n"
        + "0901234567,Nguyễn Văn A,invalid,the address is missing\r\n".encode()
    )


@pytest.mark.parametrize("name", ["leads.retry.csv", "leads.retry.xlsx"])
def test_a_retry_file_reads_as_the_rows_that_it_was_made_of(tmp_path: Path, name: str) -> None:
    headers = ("customer_id", "=name", "phone", "", "address", "note")
    rows = [
        ("141952217564315671", "=1+1", "+84901234567", "", "1 Lê Lợi, Huế", "#N/A?"),
        ("009007199254740993", "'=1", "0901234567", "-", 'a "b"\nc', "'quoted'"),
        ("1333", "@a", "", "x", "＝1", "2024-05-01"),
    ]
    retry = [RetryRow(cells, OutcomeName.REJECTED, "-phone is wrong") for cells in rows]
    write_retry(tmp_path / name, [RetryTable("Tháng 5", headers, iter(retry))])
    (sheet,) = open_sheets(str(tmp_path / name))
    assert table_of(sheet) == [
        (*headers, "outcome", "error"),
        *((*cells, "rejected", "-phone is wrong") for cells in rows),
    ]


def test_a_retry_workbook_has_a_sheet_for_each_table_with_text_cells_only(tmp_path: Path) -> None:
    path = tmp_path / "leads.retry.xlsx"
    other = RetryTable("Tháng 6", ("phone",), (RetryRow(("",), OutcomeName.NOT_ATTEMPTED, ""),))
    empty = RetryTable("Tháng 7", ("phone",), ())
    assert write_retry(path, iter([empty, TABLE, empty, other])) is True
    read = book(path)
    assert read.sheetnames == ["Tháng 5", "Tháng 6"]
    assert values(read["Tháng 5"])[1] == ["0901234567", "Nguyễn Văn A", "invalid", "the address is missing"]
    assert values(read["Tháng 6"]) == [["phone", "outcome", "error"], [None, "not_attempted", None]]
    for sheet in read:
        assert {cell.number_format for cell in sheet[2]} == {"@"}
        assert {cell.data_type for cell in sheet[2] if cell.value is not None} == {"s"}
        assert sheet.column_dimensions["A"].number_format == "@"
        assert sheet.freeze_panes == "A2"


def test_a_numeric_cell_is_one_in_a_retry_workbook_too_so_that_its_point_keeps_its_meaning(
    tmp_path: Path,
) -> None:
    path = tmp_path / "retry.xlsx"
    rows = [RetryRow((NumberText("1.125"), "1.125"), OutcomeName.INVALID, "a phone is missing")]
    write_retry(path, [RetryTable("Tháng 5", ("income", "note"), rows)])
    (sheet,) = open_sheets(str(path))
    ((row,),) = sheet.chunks(10)
    assert row.cells[:2] == ("1.125", "1.125")
    assert [type(cell) for cell in row.cells[:2]] == [NumberText, str]


@pytest.mark.parametrize("name", ["leads.retry.csv", "leads.retry.xlsx"])
def test_a_retry_file_of_a_retry_file_has_no_column_twice(tmp_path: Path, name: str) -> None:
    row = RetryRow(("rejected", "0901", " old", "Nam"), OutcomeName.FAILED, "new")
    table = RetryTable("Leads", ("Outcome", "phone", " ERROR ", "name"), (row,))
    write_retry(tmp_path / name, [table])
    (sheet,) = open_sheets(str(tmp_path / name))
    assert table_of(sheet) == [("phone", "name", "outcome", "error"), ("0901", "Nam", "failed", "new")]


def test_sheets_get_names_that_a_workbook_may_have(tmp_path: Path) -> None:
    names = [
        "a/b:c",
        "",
        "leads",
        "Ắ" * 40,
        "ắ" * 40,
        "'khách'",
        "History",
        "x" * 30 + "' y",
        "a\x00\ud800\u3000b",
    ]
    made = [RetryTable(name, TABLE.headers, TABLE.rows) for name in names]
    write_retry(tmp_path / "x.xlsx", made)
    assert book(tmp_path / "x.xlsx").sheetnames == [
        "a_b_c",
        "Leads",
        "leads (2)",
        "Ắ" * 31,
        "ắ" * 27 + " (2)",
        "khách",
        "History (2)",
        "x" * 30,
        "a__\u3000b",
    ]


@pytest.mark.parametrize("name", ["leads.retry.csv", "leads.retry.xlsx"])
def test_with_nothing_to_mend_the_file_of_an_earlier_run_is_removed(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    nothing = [RetryTable("", TABLE.headers, ()), RetryTable("", TABLE.headers, iter(()))]
    assert write_retry(path, nothing) is False
    path.write_text("earlier")
    assert write_retry(path, nothing) is False
    assert not list(tmp_path.iterdir())


def test_a_stale_file_that_cannot_be_removed_is_told(tmp_path: Path) -> None:
    path = tmp_path / "leads.retry.csv"
    path.mkdir()
    assert refusal(lambda path: write_retry(path, []), path).startswith(f"{path}: ")


def test_several_sheets_in_one_csv_are_a_fault_of_the_importer(tmp_path: Path) -> None:
    path = tmp_path / "leads.retry.csv"
    path.write_text("earlier")
    with pytest.raises(InternalError, match="several sheets"):
        write_retry(path, [TABLE, TABLE])
    assert path.read_text() == "earlier"
    assert list(tmp_path.iterdir()) == [path]


def test_another_suffix_of_a_retry_file_is_refused_even_with_nothing_to_mend(tmp_path: Path) -> None:
    path = tmp_path / "leads.retry.ods"
    path.write_text("somebody's")
    with pytest.raises(UsageError, match=r"leads\.retry\.ods.*\.csv or \.xlsx"):
        write_retry(path, [])
    assert path.read_text() == "somebody's"


# The summary.


def test_a_summary_is_indented_json_in_utf_8(tmp_path: Path) -> None:
    path = tmp_path / "summary.json"
    write_summary(path, {"files": ["khách.csv", "\udce1"], "read": 2, "seconds": 0.5, "stopped": None})
    assert path.read_bytes() == (
        '{\n  "files": [\n    "khách.csv",\n    "?"\n  ],\n'
        '  "read": 2,\n  "seconds": 0.5,\n  "stopped": null\n}\n'.encode()
    )


def test_what_a_killed_process_left_is_removed_and_nothing_else(tmp_path: Path) -> None:
    def left(process: int, *, old: bool) -> Path:
        path = tmp_path / f".lead-importer-{process}-{'old' if old else 'new'}.tmp"
        path.write_text("An,0901234567")
        os.utime(path, (1, 1) if old else None)
        return path

    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    gone = left(dead.pid, old=True)
    others = [left(dead.pid, old=False), left(os.getpid(), old=True), tmp_path / ".lead-importer-x-1.tmp"]
    others[-1].write_text("no process")
    write_summary(tmp_path / "summary.json", {})
    assert not gone.exists()
    assert all(path.exists() for path in others)
