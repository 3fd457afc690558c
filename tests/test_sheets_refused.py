"""Workbooks that are damaged, encrypted, something else, or made to fill the memory."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import openpyxl  # type: ignore[import-untyped]
import pytest

from importer.errors import SheetError
from importer.sheets import archive, open_sheets
from tests.test_sheets_workbook import ods, opened, refusal, repacked, rows_of, workbook


def test_an_encrypted_workbook_is_told_as_such(tmp_path: Path) -> None:
    assert "password" in refusal(ods(tmp_path / "a.ods", encrypted=True))
    ole = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600) + "EncryptedPackage".encode("utf-16-le")
    (tmp_path / "a.xlsx").write_bytes(ole)
    assert "password" in refusal(tmp_path / "a.xlsx")


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.xlsx", b"id,name\n1,An\n", "no workbook but perhaps text"),
        ("a.xls", b"<html><table>", "a web page"),
        ("a.xlsx", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(99), "Excel 97-2003"),
        ("a.xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(999), "cannot be read as a workbook"),
        ("a.xlsx", b"PK\x03\x04" + bytes(99), "damaged"),
        ("a.xlsx", b"%PDF-1.7", "a PDF"),
        ("a.xlsx", b"", "is empty"),
    ],
)
def test_what_is_no_workbook_is_told_by_its_bytes(
    tmp_path: Path, name: str, content: bytes, words: str
) -> None:
    (tmp_path / name).write_bytes(content)
    assert words in refusal(tmp_path / name)


@pytest.mark.parametrize(
    ("name", "words"),
    [("a.ods", "is a .xlsx file"), ("a.xlsb", "is a .xlsx file"), ("a.xls", "a workbook or archive")],
)
def test_a_workbook_with_the_ending_of_another_is_refused(tmp_path: Path, name: str, words: str) -> None:
    path = workbook(tmp_path / "a.xlsx", ["id"]).rename(tmp_path / name)
    assert words in refusal(path)


def test_a_macro_workbook_is_read(tmp_path: Path) -> None:
    path = workbook(tmp_path / "a.xlsx", ["id"]).rename(tmp_path / "A.XLSM")
    assert opened(path).headers == ("id",)


def test_an_archive_without_a_workbook_is_refused(tmp_path: Path) -> None:
    path = repacked(
        workbook(tmp_path / "a.xlsx", ["id"]), lambda name, content: None if "xl/" in name else content
    )
    assert "without a workbook" in refusal(path)


def test_parts_that_are_missing_or_strange_are_refused(tmp_path: Path) -> None:
    path = workbook(tmp_path / "a.xlsx", ["id"])
    repacked(path, lambda name, content: None if name.endswith(".rels") else content)
    assert "cannot be read as a workbook" in refusal(path)
    path = workbook(tmp_path / "b.xlsx", ["id"])
    repacked(path, lambda name, content: content.replace(b"Id=", b"Di="))
    assert "cannot be read as a workbook" in refusal(path)


def test_a_cell_without_a_reference_is_read_though_an_error_in_it_is_empty(tmp_path: Path) -> None:
    path = workbook(tmp_path / "a.xlsx", ["id", "name"], ["#N/A", "An"])
    repacked(path, lambda name, content: content.replace(b' r="A2"', b"").replace(b' r="B2"', b""))
    assert rows_of(opened(path))[0].cells == ("", "An")


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = workbook(tmp_path / "a.xlsx", ["id"], *(["x" * 5000] for _ in range(300)))
    opened(path)
    for limit, value in (("ENTRY_LIMIT", 3), ("UNPACKED_LIMIT", 1000), ("RATIO_LIMIT", 1)):
        with monkeypatch.context() as patch:
            patch.setattr(archive, "RATIO_COUNTS_FROM", 1000)
            patch.setattr(archive, limit, value)
            assert "no workbook of leads does" in refusal(path)


def test_a_bomb_that_lies_about_its_size_is_damaged(tmp_path: Path) -> None:
    path = workbook(tmp_path / "a.xlsx", ["id"], ["x" * 9999])
    content = path.read_bytes()
    with zipfile.ZipFile(path) as source:
        size = source.getinfo("xl/worksheets/sheet1.xml").file_size
    path.write_bytes(content.replace(size.to_bytes(4, "little"), (size // 2).to_bytes(4, "little")))
    assert "damaged" in refusal(path)


def test_a_cell_far_away_from_the_others_is_refused_instead_of_filling_the_memory(tmp_path: Path) -> None:
    def fill(book: Any) -> None:
        book.active["XFD1048576"] = "x"

    assert "as far out as XFD1048576" in refusal(workbook(tmp_path / "a.xlsx", ["id"], change=fill))


def test_tags_are_found_wherever_a_block_of_bytes_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = workbook(tmp_path / "a.xlsx", ["id", "name"], ["#N/A", "An" * 50], ["2", "#REF!"])
    for size in (1, 10, 33):
        monkeypatch.setattr(archive, "_BLOCK", size)
        assert [len(row.problems) for row in rows_of(opened(path))] == [1, 1]


def test_a_disk_that_fails_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(5, "broken")

    path = workbook(tmp_path / "a.xlsx", ["id"])
    monkeypatch.setattr(zipfile.ZipFile, "infolist", fail)
    assert "(broken)" in refusal(path)


def test_bytes_changed_anywhere_raise_nothing_but_a_sheet_error(tmp_path: Path) -> None:
    path = workbook(tmp_path / "a.xlsx", ["id", "name"], ["1", 2])
    content = path.read_bytes()
    for at in range(0, len(content), 97):
        path.write_bytes(content[:at] + bytes([content[at] ^ 0x55]) + content[at + 1 :])
        try:
            sheets = open_sheets(str(path))
        except SheetError:
            continue
        for sheet in sheets:
            rows_of(sheet)


def test_a_workbook_is_never_read_from_standard_input(tmp_path: Path) -> None:
    stream = io.BytesIO()
    openpyxl.Workbook().save(stream)
    (tmp_path / "spool").write_bytes(stream.getvalue())
    with pytest.raises(SheetError, match="give its name"):
        open_sheets("-", path=tmp_path / "spool")
