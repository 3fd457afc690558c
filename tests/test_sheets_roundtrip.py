"""Whatever is written is read back, cell by cell, or refused: no row fewer, no digit changed."""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import re
import unicodedata
from pathlib import Path

import openpyxl  # type: ignore[import-untyped]
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from importer.errors import SheetError
from importer.intake import Selection, open_inputs
from importer.mapping import header_score
from importer.model import InvalidRow, Lead, Row
from importer.sheets import open_sheets
from importer.sheets.cells import tidy
from importer.templates import shipped_templates

HEADERS = ["Mã KH", "Họ tên", "SĐT", "Địa chỉ"]
SCORE = header_score(list(shipped_templates().values()))

PIECES = st.sampled_from(
    [
        *("Nguyễn", "Thị", "Nguye\u0302\u0303n", "Đ", "ư", "Lê Lợi", "😀", "👨‍👩‍👧", "ﬁ", "Å", "e\u0301"),
        *(",", ";", "\t", "|", '"', '""', "'", "=", "sep=;", "#N/A", "\\", "<", "&"),
        *("\n", "\r\n", " ", "\u00a0", "\u200b", "\ufeff", "\u2028", "\x0b", "\x1f", "\x85"),
        *("0901234567", "141952217564315671", "00", "1.0", "1e5", "１２", "NA", "null", "TRUE", "-"),
    ]
)
TEXTS = st.lists(PIECES, max_size=4).map("".join) | st.text(max_size=6).filter(
    lambda text: "\r" not in text and text.isprintable()
)
TABLES = st.lists(st.lists(TEXTS, min_size=4, max_size=4), max_size=6)

ENCODINGS = {
    "utf-8": b"",
    "utf-8-sig": b"",
    "utf-16-le": codecs.BOM_UTF16_LE,
    "utf-16-be": codecs.BOM_UTF16_BE,
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("roundtrip")


def rows_in(path: Path) -> list[Row]:
    (sheet,) = open_sheets(str(path), score=SCORE)
    return [row for chunk in sheet.chunks() for row in chunk]


@settings(max_examples=150, deadline=None)
@given(
    table=TABLES,
    delimiter=st.sampled_from(",;\t|"),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    end=st.sampled_from(["\n", "\r\n", "\r"]),
    encoding=st.sampled_from(sorted(ENCODINGS)),
    packed=st.booleans(),
)
def test_a_text_file_is_read_as_it_was_written_or_its_row_is_a_problem(
    folder: Path,
    table: list[list[str]],
    delimiter: str,
    quoting: int,
    end: str,
    encoding: str,
    packed: bool,
) -> None:
    # The csv module puts a line end in quotation marks only if it is the file's own.
    others = {"\n": "\r", "\r": "\n", "\r\n": ""}[end]
    assume(quoting == csv.QUOTE_ALL or not others or not any(others in cell for row in table for cell in row))
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=delimiter, quoting=quoting, lineterminator=end)  # type: ignore[arg-type]
    writer.writerows([HEADERS, *table])
    content = ENCODINGS[encoding] + text.getvalue().encode(encoding)
    path = folder / ("a.csv.gz" if packed else "a.csv")
    path.write_bytes(gzip.compress(content) if packed else content)
    expected = [(number, tuple(map(tidy, row))) for number, row in enumerate(table, 2)]
    found = rows_in(path)
    if any(row.problems for row in found):
        # Where a cell looks like rows that were merged, these are shown as rows, and the whole is a problem.
        assert len(found) >= sum(any(row) for _, row in expected)
        return
    assert [(row.place.row, row.cells) for row in found] == [
        (number, row) for number, row in expected if any(row)
    ]


@settings(max_examples=50, deadline=None)
@given(TABLES, st.integers(0, 5), st.integers(0, 3))
def test_a_text_file_with_a_nul_is_refused(
    folder: Path, table: list[list[str]], row: int, column: int
) -> None:
    assume(table)
    table[row % len(table)][column] += "\0"
    path = folder / "nul.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([HEADERS, *table])
    with pytest.raises(SheetError, match="NUL"):
        rows_in(path)


@settings(max_examples=100, deadline=None)
@given(TABLES)
def test_the_texts_of_a_workbook_are_read_as_they_were_written(folder: Path, table: list[list[str]]) -> None:
    def allowed(cell: str) -> bool:
        return not openpyxl.cell.cell.ILLEGAL_CHARACTERS_RE.search(cell) and cell[:1] != "="

    # XML has one line end (section 2.11), and openpyxl takes the text of an error for one.
    table = [[cell.replace("\r\n", "\n") if allowed(cell) else "" for cell in row] for row in table]
    assume(not any(cell.startswith("#") for row in table for cell in row))
    book = openpyxl.Workbook()
    for cells in (HEADERS, *table):
        book.active.append(cells)
    path = folder / "a.xlsx"
    book.save(path)
    expected = [(number, tuple(map(tidy, row))) for number, row in enumerate(table, 2)]
    assert [(row.place.row, row.cells, row.problems) for row in rows_in(path)] == [
        (number, row, ()) for number, row in expected if any(row)
    ]


def ends_in(path: Path) -> list[Lead | InvalidRow]:
    (found,), _ = open_inputs([str(path)], Selection())
    return [end for chunk in found.leads() for _, end in chunk]


def digits_of(text: str) -> str:
    return "".join(sign for sign in unicodedata.normalize("NFKC", text) if sign.isdecimal())


# Repairs that leave each digit where it is.
LEAVE_DIGITS = {"separators", "invisible_signs", "apostrophe", "wide_digits"}

PHONE_PIECES = [*"0123456789", "０", "９", "0", "09", "84", "+", " ", ".", "-", "\u200b", "'", ".0", "/", "e"]
PHONES = st.lists(st.sampled_from(PHONE_PIECES), min_size=1, max_size=16).map("".join)
ID_PIECES = [*"0123456789", ".", ".0", "K", "-", "e+"]
IDS = st.integers(0, 10**19).map(str) | st.lists(st.sampled_from(ID_PIECES)).map("".join)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(IDS, PHONES), min_size=1, max_size=5))
def test_no_lead_of_a_text_file_has_other_digits_than_its_row(
    folder: Path, pairs: list[tuple[str, str]]
) -> None:
    path = folder / "digits.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([HEADERS, *((number, "An", phone, "x") for number, phone in pairs)])
    ends = ends_in(path)
    assert len(ends) == len(pairs)
    for (number, phone), end in zip(pairs, ends, strict=True):
        if isinstance(end, Lead):
            repairs = {remark.code for remark in end.notes if remark.column == "SĐT"}
            assert re.fullmatch(re.escape(end.customer_id) + r"(?:\.0+)?", number)
            assert_same_phone(str(end.inputs["phone"]), phone, repairs)


def assert_same_phone(sent: str, written: str, repairs: set[str]) -> None:
    digits = digits_of(written)
    if repairs - {"implausible_phone"} <= LEAVE_DIGITS:
        assert digits_of(sent) == digits
    elif "decimals" in repairs:
        assert sent[-7:] in digits
    else:
        assert sent[-7:] == digits[-7:]


NUMBERS = st.integers(0, 10**19) | st.floats(0, 1e17, allow_nan=False) | st.integers(10**14, 10**16)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(NUMBERS, st.sampled_from(["General", "0", "000000000000", "#,##0"])), max_size=6))
def test_no_lead_of_a_workbook_has_other_digits_than_its_number(
    folder: Path, numbers: list[tuple[float, str]]
) -> None:
    book = openpyxl.Workbook()
    book.active.append(HEADERS)
    for row, (number, code) in enumerate(numbers, 2):
        book.active.append([number, "An", "0901234567", "x"])
        book.active.cell(row, 1).number_format = code
    path = folder / "digits.xlsx"
    book.save(path)
    ends = ends_in(path)
    assert len(ends) == len(numbers)
    for (number, code), end in zip(numbers, ends, strict=True):
        if isinstance(end, Lead):
            assert number < 10**15
            shown = f"{number:012.0f}" if code.startswith("00") else f"{number:.0f}"
            assert end.customer_id == shown or (float(end.customer_id) != int(float(end.customer_id)))
