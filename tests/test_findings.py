"""The list of everything that `check` finds about single rows."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from openpyxl import load_workbook  # type: ignore[import-untyped]

from importer.findings import FindingList
from importer.model import Place, RowFinding
from tests.support import Command, read_results

HEADER = "customer_id,name,phone,address\n"


def found(source: str, row: int, code: str = "missing", sheet: str = "") -> RowFinding:
    return RowFinding(Place(source, sheet, row), "problem", code, "name", "the cell is empty; fill it in")


def test_what_is_found_late_is_put_where_its_row_stands(tmp_path: Path) -> None:
    with FindingList() as findings:
        for sheet in ("one", "two"):
            findings.begin_sheet("leads.xlsx", sheet)
            findings.add(found("leads.xlsx", 5, sheet=sheet))
            findings.add(found("leads.xlsx", 9, sheet=sheet))
        findings.begin_sheet("more.csv", "")
        findings.add(found("leads.xlsx", 5, "late", "one"))
        findings.add(found("leads.xlsx", 3, "late", "two"))
        findings.add(found("more.csv", 2, "late"))
        findings.write(tmp_path / "all.csv")
    assert [(line["sheet"], line["row"], line["code"]) for line in read_results(tmp_path / "all.csv")] == [
        ("one", "5", "missing"),
        ("one", "5", "late"),
        ("one", "9", "missing"),
        ("two", "3", "late"),
        ("two", "5", "missing"),
        ("two", "9", "missing"),
        ("", "2", "late"),
    ]


def test_all_rows_in_turn_keep_their_order(tmp_path: Path) -> None:
    with FindingList() as findings:
        findings.begin_sheet("leads.csv", "")
        for row in (*range(2, 10_000, 2), *range(3, 10_000, 2)):
            findings.add(found("leads.csv", row))
        findings.write(tmp_path / "all.csv")
    assert [int(line["row"]) for line in read_results(tmp_path / "all.csv")] == list(range(2, 10_000))


@pytest.fixture
def leads(tmp_path: Path) -> Path:
    path = tmp_path / "leads.csv"
    path.write_text(
        HEADER + "1,An,0901234567,=x\n2,Bình,0901234567,y\n,,,\n3,,+84 901 234 568,z\n2,Bình,0901234567,y\n",
        encoding="utf-8",
    )
    return path


EXPECTED = [
    (3, "warning", "shared_phone", "phone"),
    (5, "problem", "missing", "name"),
    (5, "repair", "separators", "phone"),
    (5, "repair", "country_code", "phone"),
    (6, "problem", "duplicate", ""),
    (6, "warning", "shared_phone", "phone"),
]


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".xlsx"])
def test_check_lists_all_that_it_finds_row_by_row(
    command: Command, tmp_path: Path, leads: Path, suffix: str
) -> None:
    path = tmp_path / f"problems{suffix}"
    ended = command("check", str(leads), "--problems", str(path))
    assert (ended.code, ended.errors) == (1, "")
    assert ended.output.endswith(f"All problems, warnings and repairs: {path}\n")
    lines: list[dict[str, object]]
    match suffix:
        case ".csv":
            lines = [dict(line) for line in read_results(path)]
        case ".jsonl":
            lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        case _:
            headers, *rows = load_workbook(path).active.iter_rows(values_only=True)
            lines = [{key: value or "" for key, value in zip(headers, row, strict=True)} for row in rows]
    assert [line.keys() for line in lines] == [
        {"source", "sheet", "row", "kind", "code", "column", "message"}
    ] * len(EXPECTED)
    assert {line["source"] for line in lines} == {str(leads)}
    found = [(int(str(line["row"])), line["kind"], line["code"], line["column"]) for line in lines]
    assert sorted(found) == sorted(EXPECTED)
    assert [row for row, *_ in found] == [row for row, *_ in EXPECTED]


def test_a_list_without_findings_has_its_headers_alone(command: Command, tmp_path: Path) -> None:
    leads = tmp_path / "leads.csv"
    leads.write_text(HEADER + "1,An,0901234567,x\n", encoding="utf-8")
    path = tmp_path / "problems.csv"
    assert command("check", str(leads), "--problems", str(path)).code == 0
    assert path.read_bytes() == b"\xef\xbb\xbfsource,sheet,row,kind,code,column,message\r\n"


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("problems.txt", "the list is written as .csv, .jsonl, .xlsx"),
        ("leads.csv", "is one of the files to read"),
        ("nowhere/problems.csv", "there is no folder"),
        (".", "the list is written as"),
    ],
)
def test_a_list_that_cannot_be_there_is_refused_before_anything_is_read(
    command: Command, tmp_path: Path, leads: Path, name: str, fault: str
) -> None:
    before = leads.read_bytes()
    ended = command("check", str(leads), "--problems", str(tmp_path / name))
    assert ended.code == 2
    assert fault in " ".join(ended.errors.split())
    assert ended.output == ""
    assert leads.read_bytes() == before
