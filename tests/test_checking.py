"""What `check` finds: the mapping, every row that would not be sent and why, and the first request."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from openpyxl import Workbook  # type: ignore[import-untyped]

from importer.checking import CheckReport, RemarkKind, Span, check_files
from importer.errors import UsageError
from importer.intake import Selection
from importer.model import Place
from tests.support import write_leads

HEADER = "customer_id,name,phone,address\n"
GOOD = "1,An,0901,x\n"


def checked(folder: Path, content: str, *, limit: int | None = None) -> CheckReport:
    path = folder / "leads.csv"
    path.write_text(content, encoding="utf-8")
    return check_files([str(path)], Selection(), limit=limit)


def kinds_of(report: CheckReport) -> list[tuple[str, str, int, list[tuple[int, int]]]]:
    return [
        (kind.code, kind.column, kind.rows, [(span.first, span.last) for span in kind.spans])
        for kind in report.problems
    ]


def test_the_mapping_is_told_with_a_sample_and_what_is_not_sent(tmp_path: Path) -> None:
    report = checked(
        tmp_path, "Ghi chú,SĐT,,Mã KH,Họ tên,Địa chỉ\nhi,,,9,Bad,y\nhi,0901,,7,An,x\nho,0902,,8,B,z\n"
    )
    (sheet,) = report.inputs
    assert (sheet.source, sheet.sheet, sheet.rows) == (str(tmp_path / "leads.csv"), "", 3)
    assert sheet.template == "1 (Name, phone, address)"
    assert [(column.field, column.header, column.sample) for column in sheet.columns] == [
        ("customer_id", "Mã KH", "7"),
        ("name", "Họ tên", "An"),
        ("phone", "SĐT", "0901"),
        ("address", "Địa chỉ", "x"),
    ]
    assert sheet.ignored == ["Ghi chú"]


def test_the_first_request_is_that_of_the_first_lead(tmp_path: Path) -> None:
    request = checked(tmp_path, HEADER + ",An,0901,x\n" + "7,Bình,0902,y\n" + GOOD).request()
    assert request is not None
    assert (request.method, request.path) == ("POST", "/lead/applications")
    body = json.loads(request.content)
    assert body["customer_id"] == "7"
    assert json.loads(body["inputs"]) == {"name": "Bình", "phone": "0902", "address": "y"}


def test_every_row_that_would_not_be_sent_is_named_with_the_reason_the_frequent_first(tmp_path: Path) -> None:
    report = checked(tmp_path, HEADER + "2,,0901,x\n" + GOOD * 3 + "3,,0901,x\n4,,0901,x\n5,An,many,\n")
    assert kinds_of(report) == [
        ("missing", "name", 3, [(2, 2), (6, 7)]),
        ("duplicate", "", 2, [(4, 5)]),
        ("letters_in_phone", "phone", 1, [(8, 8)]),
        ("missing", "address", 1, [(8, 8)]),
    ]
    assert (report.read, report.invalid, report.duplicates, report.to_send) == (7, 4, 2, 1)
    assert report.exit_code == 1


def test_rows_of_different_sheets_are_not_taken_for_neighbours() -> None:
    kind = RemarkKind("missing", "name", "fill it in")
    for place in (Place("a", "", 2), Place("b", "", 3), Place("b", "S", 4), Place("b", "S", 5)):
        kind.add(place)
    assert kind.rows == 4
    assert kind.spans == [Span("a", "", 2, 2), Span("b", "", 3, 3), Span("b", "S", 4, 5)]


def test_duplicates_alone_are_no_reason_for_an_exit_code(tmp_path: Path) -> None:
    report = checked(tmp_path, HEADER + GOOD * 2)
    assert (report.duplicates, report.exit_code) == (1, 0)


def test_the_same_lead_is_found_in_another_file(tmp_path: Path) -> None:
    paths = [str(write_leads(tmp_path / name, 2)) for name in ("a.csv", "b.csv")]
    report = check_files(paths, Selection())
    assert [sheet.rows for sheet in report.inputs] == [2, 2]
    (kind,) = report.problems
    assert kind.spans == [Span(paths[1], "", 2, 3)]


def test_sheets_of_a_workbook_are_told_apart_and_those_left_out_are_noticed(tmp_path: Path) -> None:
    book = Workbook()
    book.active.title = "Một"
    book.active.append(["customer_id", "name", "phone", "address"])
    book.active.append(["1", "An", "0901", "x"])
    two = book.create_sheet("Hai")
    two.append(["customer_id", "email", "phone"])
    two.append(["2", "an@example.com", "0902"])
    book.create_sheet("Ghi chú").append(["no leads here"])
    book.save(tmp_path / "leads.xlsx")
    report = check_files([str(tmp_path / "leads.xlsx")], Selection())
    assert [(sheet.sheet, sheet.template[:1]) for sheet in report.inputs] == [("Một", "1"), ("Hai", "3")]
    (notice,) = report.notices
    assert "Ghi chú" in notice


def test_repairs_are_counted_by_what_was_repaired(tmp_path: Path) -> None:
    report = checked(tmp_path, HEADER + "1.0,An,0901,x\n2.0,An,0902,x\n")
    assert [(kind.code, kind.column, kind.rows) for kind in report.repairs] == [
        ("decimals", "customer_id", 2)
    ]


def test_a_limit_ends_the_check_after_so_many_leads_as_it_ends_a_run(tmp_path: Path) -> None:
    report = checked(tmp_path, HEADER + ",An,1,x\n" + GOOD * 2 + "2,An,1,x\n3,An,1,x\n,,,\n4,,,\n", limit=2)
    assert (report.to_send, report.invalid, report.duplicates, report.read) == (2, 1, 1, 4)
    assert [kind.code for kind in report.problems] == ["missing", "duplicate"]


def test_a_limit_beyond_the_last_row_changes_nothing(tmp_path: Path) -> None:
    assert checked(tmp_path, HEADER + GOOD, limit=9).read == 1


def test_a_file_without_rows_has_no_request(tmp_path: Path) -> None:
    report = checked(tmp_path, HEADER)
    assert (report.read, report.to_send, report.exit_code) == (0, 0, 0)
    assert report.request() is None


def test_standard_input_is_read_from_where_it_was_kept(tmp_path: Path) -> None:
    report = check_files(["-"], Selection(), spool=write_leads(tmp_path / "kept", 3))
    assert (report.read, report.inputs[0].source) == (3, "-")


def test_a_file_that_is_not_there_is_wrong_use() -> None:
    with pytest.raises(UsageError, match=r"nowhere\.csv is not there"):
        check_files(["nowhere.csv"], Selection())
