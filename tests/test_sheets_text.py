"""Text files: encodings, delimiters, row numbers, and files that are not what they should be."""

from __future__ import annotations

import gzip
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from importer.errors import InternalError, SheetError
from importer.model import Row
from importer.sheets import Sheet, open_sheets, stream

HEADER = "customer_id,name,phone,address\n"
LEAD = "1333,John,090123443,101 Nguyen Van Cu\n"


def written(folder: Path, content: str | bytes, name: str = "leads.csv") -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def opened(path: Path, encoding: str | None = None) -> Sheet:
    (sheet,) = open_sheets(str(path), encoding=encoding)
    return sheet


def rows_of(sheet: Sheet) -> list[Row]:
    return [row for chunk in sheet.chunks() for row in chunk]


def table_of(sheet: Sheet) -> dict[int, tuple[str, ...]]:
    return {row.place.row: row.cells for row in rows_of(sheet)}


def refusal(path: Path, encoding: str | None = None) -> str:
    with pytest.raises(SheetError) as refused:
        open_sheets(str(path), encoding=encoding)
    return str(refused.value)


def test_a_csv_becomes_rows_under_the_numbers_that_a_person_sees(tmp_path: Path) -> None:
    path = written(tmp_path, HEADER + LEAD + "\n" + ",,,\n" + LEAD)
    sheet = opened(path)
    assert (sheet.source, sheet.name, sheet.header_row, sheet.notices) == (str(path), "", 1, ())
    assert sheet.headers == ("customer_id", "name", "phone", "address")
    assert list(table_of(sheet)) == [2, 5]
    assert str(rows_of(sheet)[0].place) == f"{path}, row 2"


def test_cells_stay_the_text_that_they_are(tmp_path: Path) -> None:
    cells = [
        "0901234567",
        "NA",
        "null",
        "None",
        "TRUE",
        "nan",
        "1.0",
        "1e5",
        "141952217564315671",
        "#N/A",
        "-",
    ]
    headers = ",".join(f"h{number}" for number in range(len(cells)))
    sheet = opened(written(tmp_path, f"{headers}\n{','.join(cells)}\n"))
    assert rows_of(sheet)[0].cells == tuple(cells)
    assert rows_of(sheet)[0].problems == ()


def test_blanks_and_invisible_signs_at_the_ends_are_trimmed_and_text_is_nfc(tmp_path: Path) -> None:
    sheet = opened(
        written(
            tmp_path,
            "\u00a0a\u200b, b\u0309 \n"
            "\ufeff1\u2060\t,\u3000Nguye\u0302\u0303n Va\u0306n\u00a0\n"
            " \u200b ,\u00a0\n",
        )
    )
    assert sheet.headers == ("a", "b\u0309")
    assert table_of(sheet) == {2: ("1", "Nguyễn Văn")}


def test_only_blanks_need_trimming_in_plain_text(tmp_path: Path) -> None:
    assert table_of(opened(written(tmp_path, "a,b\n 1 ,\t2 3 \n"))) == {2: ("1", "2 3")}


def test_headers_are_put_on_one_line_and_may_repeat_or_be_empty(tmp_path: Path) -> None:
    sheet = opened(written(tmp_path, '"Số\nđiện  thoại",,name,name,,\n1,2,3,4,,\n'))
    assert sheet.headers == ("Số điện thoại", "", "name", "name")
    assert table_of(sheet) == {2: ("1", "2", "3", "4")}


def test_blank_rows_above_the_headers_count(tmp_path: Path) -> None:
    sheet = opened(written(tmp_path, "\n ,\n" + HEADER + LEAD))
    assert sheet.header_row == 3
    assert list(table_of(sheet)) == [4]


def test_a_file_with_nothing_but_headers_has_no_rows(tmp_path: Path) -> None:
    assert list(opened(written(tmp_path, HEADER.strip())).chunks()) == []


def test_missing_cells_at_the_end_are_empty_and_text_beyond_the_headers_is_a_problem(tmp_path: Path) -> None:
    sheet = opened(written(tmp_path, 'a,b,c\n1,2\n1,2,3,,  \n1,2,3,,4\n1,2,"3,3,3,3"\n'))
    rows = rows_of(sheet)
    assert [row.cells for row in rows] == [("1", "2", ""), *[("1", "2", "3")] * 2, ("1", "2", "3,3,3,3")]
    assert [[problem.code for problem in row.problems] for row in rows] == [[], [], ["too_many_cells"], []]


def test_text_only_beyond_the_headers_is_a_row_with_a_problem(tmp_path: Path) -> None:
    (row,) = rows_of(opened(written(tmp_path, "a,b\n,,x\n")))
    assert row.cells == ("", "")
    assert row.problems[0].code == "too_many_cells"


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("end", ["", "end"])
def test_every_line_end_is_one(tmp_path: Path, line_end: str, end: str) -> None:
    text = line_end.join(["a,b", "1,2", "", '3,"4"', "5,6"]) + (line_end if end else "")
    assert table_of(opened(written(tmp_path, text))) == {2: ("1", "2"), 4: ("3", "4"), 5: ("5", "6")}


def test_signs_that_some_call_line_ends_are_not(tmp_path: Path) -> None:
    sheet = opened(written(tmp_path, "a,b\n1\u2028x,2\x0by\x85z\n"))
    assert table_of(sheet) == {2: ("1\u2028x", "2\x0by\x85z")}


@pytest.mark.parametrize(
    ("text", "headers"),
    [
        ("a,b\n1,2\n", ("a", "b")),
        ("a;b\n1;2\n", ("a", "b")),
        ("a\tb\n1\t2\n", ("a", "b")),
        ("a|b\n1|2\n", ("a", "b")),
        ("customer_id\n1\n", ("customer_id",)),
        ("a;b;c, d\n1;2;3\n4;5;6, 7\n", ("a", "b", "c, d")),
        ('"a;x",b\n1,2\n', ("a;x", "b")),
        ('a,"b\n;c;"\n1,2\n', ("a", "b ;c;")),
        ("a,b,c;d\n1,2,3\n", ("a", "b", "c;d")),
        ("\n\na;b\n", ("a", "b")),
        ("a,b;c\n", ("a", "b;c")),
        ("a;b\n" + "1;2\n" * 30, ("a", "b")),
        ("sep=;\na;b,c,d\n", ("a", "b,c,d")),
        ("SEP=|\r\na|b\r\n", ("a", "b")),
        ('"sep=\t"\na\tb,c\n', ("a", "b,c")),
        ("sep=^\na^b,c\n", ("a", "b,c")),
        ("sep=x,b\n", ("sep=x", "b")),
    ],
)
def test_the_delimiter_is_found(tmp_path: Path, text: str, headers: tuple[str, ...]) -> None:
    assert opened(written(tmp_path, text)).headers == headers


def test_a_tsv_is_cut_at_tabs_if_it_has_any(tmp_path: Path) -> None:
    assert opened(written(tmp_path, "a,b,c\td\n", "a.tsv")).headers == ("a,b,c", "d")
    assert opened(written(tmp_path, "a,b,c\n", "b.tsv")).headers == ("a", "b", "c")


def test_the_line_that_names_the_delimiter_does_not_count_as_a_spreadsheet_hides_it(tmp_path: Path) -> None:
    sheet = opened(written(tmp_path, "sep=;\r\na;b\r\n1;2\r\n"))
    assert sheet.header_row == 1
    assert table_of(sheet) == {2: ("1", "2")}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_byte_order_mark_tells_the_encoding(tmp_path: Path, encoding: str) -> None:
    sheet = opened(written(tmp_path, "tên,x\nNguyễn,1\n".encode(encoding)))
    assert sheet.headers == ("tên", "x")
    assert table_of(sheet) == {2: ("Nguyễn", "1")}


def test_a_byte_order_mark_of_the_other_order_is_understood(tmp_path: Path) -> None:
    assert opened(written(tmp_path, "\ufefftên\n".encode("utf-16-be"))).headers == ("tên",)


def test_a_named_encoding_is_used_and_its_text_becomes_nfc(tmp_path: Path) -> None:
    # Windows-1258 writes a tone as a sign of its own: "ê" and a tilde, not one "ễ".
    path = written(
        tmp_path, "tên,x\nNguyê\u0303n Va\u0306n,1\n".replace("a\u0306", "ă").encode("windows-1258")
    )
    assert table_of(opened(path, "windows-1258")) == {2: ("Nguyễn Văn", "1")}


def test_a_byte_order_mark_beats_a_named_encoding_and_says_so(tmp_path: Path) -> None:
    path = written(tmp_path, "tên\n".encode("utf-8-sig"))
    sheet = opened(path, "windows-1258")
    assert sheet.headers == ("tên",)
    assert "--encoding windows-1258 was not used" in sheet.notices[0]
    assert opened(path, "UTF8").notices == ()


@pytest.mark.parametrize("encoding", ["klingon", "base64", "a\0b"])
def test_an_unknown_encoding_is_refused(tmp_path: Path, encoding: str) -> None:
    assert "no such encoding" in refusal(written(tmp_path, HEADER), encoding)


@pytest.mark.parametrize("count", [0, 10, 20_000])
def test_a_byte_that_is_no_text_is_told_when_opening_with_its_row_and_place(
    tmp_path: Path, count: int
) -> None:
    before = (HEADER + '1,"two\nlines",3,4\n' * count).encode()
    message = refusal(written(tmp_path, before + "1,Nguyễn".encode() + b",\xff\n" + LEAD.encode()))
    assert f"row {count + 2}: byte {len(before) + 11} is no text" in message
    assert "--encoding" in message


def test_a_sign_cut_off_by_a_block_is_told_at_its_own_byte(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "BLOCK", 7)
    assert table_of(opened(written(tmp_path, "a,b\nễễễ,ễễễ\n"))) == {2: ("ễễễ", "ễễễ")}
    assert "row 2: byte 6 is no text" in refusal(written(tmp_path, b"a,b\n1,\xe1xyz\n"))


def test_a_file_cut_off_in_a_sign_is_refused(tmp_path: Path) -> None:
    assert "row 2: byte 4" in refusal(written(tmp_path, b"a,b\n\xe1\xbb"))


@pytest.mark.parametrize("order", ["le", "be"])
def test_utf_16_without_a_mark_is_recognised(tmp_path: Path, order: str) -> None:
    path = written(tmp_path, "a,b\n1,2\n".encode(f"utf-16-{order}"))
    assert f"--encoding utf-16-{order}" in refusal(path)
    assert table_of(opened(path, f"utf-16-{order}")) == {2: ("1", "2")}
    assert "utf-16-le" in refusal(path, "utf-16")


def test_half_a_character_of_an_odd_encoding_reaches_the_row(tmp_path: Path) -> None:
    path = written(tmp_path, b"a,b\n+2AA-,1\n")
    assert table_of(opened(path, "utf-7")) == {2: ("\ud800", "1")}


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("empty.csv", b"", "is empty"),
        ("blank.csv", b"\n , \n\n", "no text in it"),
        ("mark.csv", b"\xef\xbb\xbf", "no text in it"),
        ("leads.docx", b"x", "no ending"),
        ("leads", b"x", "no ending"),
        ("leads.gz", b"x", "no ending"),
        ("leads.xlsx.gz", b"x", "no ending"),
        ("leads.csv.gz", b"a,b\n", "not packed"),
        ("zip.csv", b"PK\x03\x04", "is a workbook or archive"),
        ("old.csv", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "Excel 97-2003"),
        ("packed.csv", gzip.compress(b"a,b\n"), "packed with gzip"),
        ("page.csv", b"\xef\xbb\xbf \n<!DOCTYPE html>", "a web page"),
        ("paper.txt", b"%PDF-1.7", "a PDF"),
        ("quote.csv", b'a,"b\n1,2\n', "row 1: a quotation mark"),
        ("cut.csv.gz", gzip.compress(b"a,b\n" * 99)[:-9], "damaged"),
        ("bent.csv.gz", gzip.compress(os.urandom(99))[:20] + b"xxxxxxxxxxxxxxxxxxxxxx", "damaged"),
        ("wide.csv", b"a," * 20_000 + b"b", "20,001 headers"),
    ],
)
def test_a_file_that_is_no_table_is_refused(tmp_path: Path, name: str, content: bytes, words: str) -> None:
    path = written(tmp_path, content, name)
    message = refusal(path)
    assert words in message
    assert name in message
    assert message.endswith(".")


def test_a_file_that_is_not_there_or_no_file_is_refused(tmp_path: Path) -> None:
    assert "is not there" in refusal(tmp_path / "none.csv")
    (tmp_path / "folder.csv").mkdir()
    assert "is a directory" in refusal(tmp_path / "folder.csv")
    os.mkfifo(tmp_path / "pipe.csv")
    assert "read twice" in refusal(tmp_path / "pipe.csv")


@pytest.mark.parametrize(
    ("error", "words"),
    [(PermissionError(13, "denied"), "may not be read"), (OSError(5, "broken"), "(broken)")],
)
def test_a_file_that_the_system_keeps_back_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: OSError, words: str
) -> None:
    def keep_back(*_: object) -> None:
        raise error

    path = written(tmp_path, HEADER)
    monkeypatch.setattr(Path, "open", keep_back)
    assert words in refusal(path)


def test_a_disk_that_fails_while_reading_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path, HEADER)
    sheet = opened(path)

    class Broken:
        def __enter__(self) -> Broken:
            return self

        def __exit__(self, *_: object) -> None: ...

        def read(self, size: int) -> bytes:
            raise OSError(5, "broken")

    monkeypatch.setattr(Path, "open", lambda *_: Broken())
    with pytest.raises(SheetError, match="broken"):
        next(sheet.chunks())


def test_gzip_is_read_by_its_name_and_on_standard_input(tmp_path: Path) -> None:
    packed = gzip.compress((HEADER + LEAD).encode("utf-16"))
    assert list(table_of(opened(written(tmp_path, packed, "leads.csv.gz")))) == [2]
    (sheet,) = open_sheets("-", path=written(tmp_path, packed, "spool"))
    assert [row.place.source for row in rows_of(sheet)] == ["-"]


def test_standard_input_that_is_a_workbook_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SheetError, match="Standard input is a workbook"):
        open_sheets("-", path=written(tmp_path, b"PK\x03\x04", "spool"))


def test_a_gzip_bomb_is_refused_before_it_is_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(tmp_path, gzip.compress(b"a,b\n" * 1_000_000), "leads.csv.gz")
    monkeypatch.setattr(stream, "RATIO_COUNTS_FROM", 1 << 20)
    assert "unpacks to more than 1 MiB" in refusal(path)
    monkeypatch.undo()
    monkeypatch.setattr(stream, "UNPACKED_LIMIT", 2 << 20)
    assert "unpacks to more than 2 MiB" in refusal(path)


def test_a_line_without_end_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "BLOCK", 100)
    monkeypatch.setattr(stream, "LINE_LIMIT", 250)
    opened(written(tmp_path, "a,b\n" + "x" * 150 + "\n" + "x" * 150 + "\n"))
    assert "the line has more than 250 signs" in refusal(written(tmp_path, "a,b\n" + "x" * 999))


def test_sheet_names_do_not_concern_a_text_file(tmp_path: Path) -> None:
    (sheet,) = open_sheets(str(written(tmp_path, HEADER)), sheets=["Leads"])
    assert "--sheet was not used" in sheet.notices[0]


def test_rows_can_be_read_again_in_chunks_of_any_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "BLOCK", 100)
    sheet = opened(written(tmp_path, HEADER + "".join(f"{number},a,b,c\n" for number in range(50))))
    expected = rows_of(sheet)
    assert len(expected) == 50
    for size in (1, 7, 50, 2000):
        chunks = list(sheet.chunks(size))
        assert [row for chunk in chunks for row in chunk] == expected
        assert {len(chunk) for chunk in chunks[:-1]} <= {size}
        assert chunks[-1]


def test_a_file_that_changes_after_it_was_opened_is_not_read_on(tmp_path: Path) -> None:
    path = written(tmp_path, HEADER + LEAD)
    sheet = opened(path)
    path.write_text(HEADER + LEAD + LEAD)
    with pytest.raises(SheetError, match="was changed"):
        next(sheet.chunks())


def test_rows_that_pandas_lost_would_be_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import pandas

    sheet = opened(written(tmp_path, HEADER + LEAD + LEAD))
    monkeypatch.setattr(pandas, "read_csv", lambda *_, **__: [HEADER])
    with pytest.raises(InternalError, match="made 1 rows of 3"):
        next(sheet.chunks())


def test_importing_the_reader_does_not_import_pandas() -> None:
    code = (
        "import sys, importer.sheets; sys.exit('pandas' in sys.modules or 'python_calamine' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_random_bytes_never_raise_anything_but_a_sheet_error(tmp_path: Path) -> None:
    chance = random.Random(24)  # noqa: S311  no secret is made here
    signs = [b",", b'"', b"\n", b"\r", b"a", b"1", b" ", b"\xc3\xaa", b"\xff", b"\0", b"\xef\xbb\xbf", b";"]
    weights = [9, 6, 6, 2, 9, 9, 3, 3, 0.02, 0.02, 0.1, 1]
    for _ in range(300):
        path = written(tmp_path, b"".join(chance.choices(signs, weights, k=chance.randrange(1, 80))))
        try:
            sheet = opened(path)
        except SheetError:
            continue
        assert all(len(row.cells) == len(sheet.headers) for row in rows_of(sheet))
