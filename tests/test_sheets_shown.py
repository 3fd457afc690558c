"""A cell is what the person saw: formats, errors, formulas and hidden rows, in each kind of workbook."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from importer.errors import SheetError
from importer.sheets import cells, open_sheets, opendocument, xls, xlsb
from importer.sheets.formats import number_format
from importer.sheets.markup import Fault
from tests.test_corpus import FOLDER
from tests.test_sheets_workbook import ods, opened, repacked, rows_of, workbook


@pytest.mark.parametrize(
    ("code", "number", "text"),
    [
        ("000000000000", 1_199_012_345, "001199012345"),
        ("000", 12_345, "12345"),
        ("0000 000 000", 901_234_567, "0901234567"),
        (r"0000\.000\.000;@", 901_234_567, "0901234567"),
        ('"0"#########', 901_234_567, "0901234567"),
        (r"\0#########", 901_234_567, "0901234567"),
        ("0#########", 901_234_567, "0901234567"),
        ("[$-42A]0000000000", 901_234_567, "0901234567"),
        ("[Red]0000000000_-", 901_234_567, "0901234567"),
        ("+0", 84_901_234_567, "+84901234567"),
        ('"KH"00000', 12, "KH00012"),
        ('"KH-"0', 12, "KH12"),
        ('"KH"#', 0, "KH0"),
        ('00"A"00', 1, "00A01"),
        ('00"A"00', 12_345, "123A45"),
    ],
)
def test_zeros_and_letters_that_a_format_puts_around_a_number_are_shown(
    code: str, number: int, text: str
) -> None:
    form = number_format(code)
    assert form is not None
    assert form.text(number) == text


@pytest.mark.parametrize(
    "code",
    [
        "General", "0", "#,##0", "0.00", "0%", "0.00E+00", "dd/mm/yyyy", "@", '0" tuổi"',
        "", ";;;", '#,##0 "₫"',
        "[<=9999999]###-####;(###) ###-####", '[$VND] 0', "###0", '"', "# ?/?", '"only text"',
    ],
)  # fmt: skip
def test_other_formats_leave_a_number_what_it_is(code: str) -> None:
    assert number_format(code) is None


@given(st.text('0#?"\\;,.-+ _*[]AK1'), st.integers(0, 10**15))
def test_a_format_never_loses_a_digit(code: str, number: int) -> None:
    if form := number_format(code):
        shown = iter(form.text(number))
        assert all(digit in shown for digit in str(number))


def formatted(value: object, code: str) -> Callable[[Any], None]:
    def fill(book: Any) -> None:
        book.active.append(["id", "x"])
        book.active.append([value, "x"])
        book.active["A2"].number_format = code

    return fill


@pytest.mark.parametrize(
    ("value", "code", "text"),
    [
        (1_199_012_345, "000000000000", "001199012345"),
        (1_199_012_345.0, "000000000000", "001199012345"),
        ("1333", "000000", "1333"),
        (-5, "000", "-5"),
        (1.5, "000", "1.5"),
        (True, "000", "TRUE"),
        (0.5, "0%", "0.5"),
        (1_333, "#,##0", "1333"),
        (1_333, '#,##0.00 "₫"', "1333"),
        (datetime.date(2026, 11, 24), "dd/mm/yyyy", "2026-11-24"),
        (datetime.date(1900, 1, 15), "dd/mm/yyyy", "1900-01-15"),
    ],
)
def test_a_format_with_zeros_is_read_as_it_shows(tmp_path: Path, value: object, code: str, text: str) -> None:
    (row,) = rows_of(opened(workbook(tmp_path / "a.xlsx", change=formatted(value, code))))
    assert (row.cells, row.problems) == ((text, "x"), ())


def test_the_digits_of_a_long_number_are_lost_whatever_its_format(tmp_path: Path) -> None:
    path = workbook(tmp_path / "a.xlsx", change=formatted(141_952_217_564_315_671, "0" * 18))
    (row,) = rows_of(opened(path))
    assert [problem.code for problem in row.problems] == ["lost_digits"]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.1 + 0.2, "0.3"),
        (1333.0000000000002, "1333"),
        (1e-7, "1e-07"),
        (-0.0, "0"),
        (999_999_999_999_999.0, "999999999999999"),
        (datetime.datetime(2026, 11, 24, 8, 29, 59, 999_500), "2026-11-24 08:30:00"),
        (datetime.datetime(2026, 11, 24, 23, 59, 59, 600_000), "2026-11-25"),
        (datetime.datetime.max, "9999-12-31 23:59:59"),
        (datetime.time(8, 29, 59, 999_999), "08:30:00"),
        (Fault.ERROR, ""),
    ],
)
def test_what_floats_leave_is_no_part_of_what_was_seen(value: object, text: str) -> None:
    assert cells.value_text(value) == text


def test_a_number_that_is_shown_with_sixteen_digits_has_lost_some() -> None:
    problem = cells.problem_of(999_999_999_999_999.9, "id")
    assert problem is not None
    assert problem.code == "lost_digits"


@pytest.mark.parametrize(
    ("cell", "codes"),
    [
        ("<f>1+1</f><v></v>", ["formula_without_value"]),
        ("<f>1+1</f><v />", ["formula_without_value"]),
        ("<f>1+1</f>", ["formula_without_value"]),
        ('<f t="shared" si="0"/>', ["formula_without_value"]),
        ("<f>1+1</f><v>2</v>", []),
        ('<f t="shared" si="0"/><v>2</v>', []),
    ],
)
def test_a_formula_without_a_value_is_a_problem(tmp_path: Path, cell: str, codes: list[str]) -> None:
    path = workbook(tmp_path / "a.xlsx", ["id", "x"], ["=0", "x"])
    repacked(path, lambda _, content: content.replace(b"<f>0</f><v />", cell.encode()))
    (row,) = rows_of(opened(path))
    assert [problem.code for problem in row.problems] == codes


def test_a_formula_whose_value_is_the_empty_text_has_one(tmp_path: Path) -> None:
    path = workbook(tmp_path / "a.xlsx", ["id", "x"], ["=0", "x"])
    repacked(
        path,
        lambda _, content: content.replace(b'r="A2"><f>0</f><v />', b'r="A2" t="str"><f>0</f><v></v>'),
    )
    (row,) = rows_of(opened(path))
    assert (row.cells, row.problems) == (("", "x"), ())


def test_marks_are_found_wherever_a_piece_is_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [[number, "=1", "#N/A"] for number in range(20)]

    def pad(book: Any) -> None:
        for row in range(2, 22):
            book.active.cell(row, 1).number_format = "000"

    path = workbook(tmp_path / "a.xlsx", ["id", "f", "e"], *rows, change=pad)
    for size in (7, 64, 333):
        monkeypatch.setattr("importer.sheets.archive._BLOCK", size)
        found = rows_of(opened(path))
        assert [row.cells[0] for row in found] == [f"{number:03}" for number in range(20)]
        assert {tuple(problem.code for problem in row.problems) for row in found} == {
            ("formula_without_value", "error_cell")
        }


def test_hidden_rows_are_read_and_told(tmp_path: Path) -> None:
    def hide(book: Any) -> None:
        for row in (3, 4, 9):
            book.active.row_dimensions[row].hidden = True

    sheet = opened(workbook(tmp_path / "a.xlsx", ["id"], ["1"], ["2"], ["3"], change=hide))
    assert [row.cells for row in rows_of(sheet)] == [("1",), ("2",), ("3",)]
    assert "rows that are hidden (2) are read" in sheet.notices[0]


def content(cell: str, row: str = "") -> str:
    text = '<table:table-cell office:value-type="string"><text:p>{}</text:p></table:table-cell>'
    return (
        '<office:document-content xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" '
        'xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0" xmlns:calcext="urn:c" '
        'xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0"><office:body><office:spreadsheet>'
        f'<table:table table:name="A"><table:table-row>{text.format("id")}{text.format("x")}'
        f"</table:table-row><table:table-row{row}>{cell}{text.format('x')}</table:table-row></table:table>"
        "</office:spreadsheet></office:body></office:document-content>"
    )


FLOAT = '<table:table-cell office:value-type="float" office:value="{}"><text:p>{}</text:p></table:table-cell>'


@pytest.mark.parametrize(
    ("cell", "text", "codes"),
    [
        (FLOAT.format("901234567", "0901 234 567"), "0901234567", []),
        (FLOAT.format("12", "KH00012"), "KH00012", []),
        (FLOAT.format("1333", "1.333"), "1333", []),
        (FLOAT.format("1333", "1.333 ₫"), "1333", []),
        (FLOAT.format("1", "TRUE"), "TRUE", []),
        (FLOAT.format("0.5", "0.5"), "0.5", []),
        (
            '<table:table-cell office:value-type="float" office:value="7"><office:annotation>'
            "<text:p>007</text:p></office:annotation><text:p>7</text:p></table:table-cell>",
            "7",
            [],
        ),
        (
            '<table:table-cell office:value-type="string" office:string-value="" calcext:value-type="error">'
            "<text:p>#N/A</text:p></table:table-cell>",
            "",
            ["error_cell"],
        ),
        ('<table:table-cell table:formula="of:=1+1"/>', "", ["formula_without_value"]),
        ('<table:table-cell table:formula="of:=&quot;&quot;"><text:p/></table:table-cell>', "", []),
        (
            '<table:table-cell office:value-type="time" office:time-value="PT30H05M00S">'
            "<text:p>30:05:00</text:p></table:table-cell>",
            "30:05:00",
            [],
        ),
    ],
)
def test_an_ods_is_read_as_it_shows(tmp_path: Path, cell: str, text: str, codes: list[str]) -> None:
    (row,) = rows_of(opened(ods(tmp_path / "a.ods", content(cell))))
    assert (row.cells, [problem.code for problem in row.problems]) == ((text, "x"), codes)


def test_the_marks_of_an_ods_count_what_is_repeated() -> None:
    scan = opendocument.ContentScan()
    error = (
        '<table:table-cell table:number-columns-repeated="2" calcext:value-type="error"><text:p/>'
        "</table:table-cell>"
    )
    row = ' table:number-rows-repeated="3" table:visibility="filter"'
    scan.take(content(f"<table:table-cell/>{error}", row).encode())
    assert scan.extents == [(4, 4)]
    assert scan.sheets[0].hidden_rows == 3
    assert scan.sheets[0].marks == {number: {1: Fault.ERROR, 2: Fault.ERROR} for number in (1, 2, 3)}


def record(kind: int, data: bytes) -> bytes:
    first = bytes([kind & 0x7F | 0x80, kind >> 7]) if kind > 0x7F else bytes([kind])
    return first + bytes([len(data)]) + data


def test_the_records_of_an_xlsb_tell_errors_formats_and_hidden_rows() -> None:
    code = "000".encode("utf-16-le")
    styles = (
        record(44, (164).to_bytes(2, "little") + (3).to_bytes(4, "little") + code)
        + record(617, b"")
        + record(47, bytes(16))
        + record(47, bytes(2) + (164).to_bytes(2, "little") + bytes(12))
        + record(618, b"")
    )
    formats = xlsb.formats_of(styles)
    assert [(style, form.text(5)) for style, form in formats.items()] == [(1, "005")]
    row = (4).to_bytes(4, "little") + bytes(7) + b"\x10" + bytes(5)
    error = (2).to_bytes(4, "little") + bytes(4) + b"\x2a"
    number = (3).to_bytes(4, "little") + (1).to_bytes(3, "little") + b"\0" + bytes(8)
    markup, extent = xlsb.scan(record(0, row) + record(3, error) + record(5, number), formats)
    assert (markup.marks, markup.hidden_rows) == ({4: {2: Fault.ERROR, 3: formats[1]}}, 1)
    assert extent == (5, 4)


@given(st.binary(max_size=200))
def test_no_bytes_stop_the_look_through_an_xlsb(data: bytes) -> None:
    xlsb.scan(data, xlsb.formats_of(data))
    xlsb.identifiers_of(data)


@pytest.mark.parametrize(
    ("days", "form", "datemode", "text"),
    [
        (46350.0, "dd/mm/yyyy", 0, "2026-11-24"),
        (46350.0 - 1462, "dd/mm/yyyy", 1, "2026-11-24"),
        (46350.354166666664, "dd/mm/yyyy hh:mm", 0, "2026-11-24 08:30:00"),
        (15.0, "dd/mm/yyyy", 0, "1900-01-15"),
        (0.354166666666, "hh:mm", 0, "08:30:00"),
        (1.270833333, "[h]:mm:ss", 0, "30:30:00"),
        (1e9, "dd/mm/yyyy", 0, "1000000000"),
    ],
)
def test_the_dates_of_an_old_workbook_are_those_of_the_others(
    days: float, form: str, datemode: int, text: str
) -> None:
    assert cells.value_text(xls.moment(days, form, datemode)) == text


def test_an_old_workbook_with_a_password_is_refused(tmp_path: Path) -> None:
    content = (FOLDER / "libreoffice.xls").read_bytes()
    # The record behind the first one (BOF) becomes the one that says so (FilePass, [MS-XLS] section 2.4.117).
    behind = content.index(b"\x09\x08\x10\x00") + 20
    path = tmp_path / "a.xls"
    path.write_bytes(content[:behind] + b"\x2f\x00" + content[behind + 2 :])
    with pytest.raises(SheetError, match="protected with a password"):
        open_sheets(str(path))
