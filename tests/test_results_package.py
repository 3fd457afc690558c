"""The workbook as a package of parts: what is read of it how often, and what it may look like."""

from __future__ import annotations

import re
import shutil
import zipfile
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from importer.errors import ResultsError, SheetError, UnusualWorkbookError
from importer.results import outcome_row
from importer.results.added import AddedRow
from importer.results.workbook import LeadSheet, markup, write_outcomes
from importer.results.workbook.package import Package
from tests.test_results_mending import to_mend
from tests.test_results_workbook import SHEET, annotated, nothing
from tests.workbooks import LEADS, by_xlsxwriter, led_to, parts, repacked, result

SHEET_RELS = "xl/worksheets/_rels/sheet1.xml.rels"
DRAWING = "xl/drawings/drawing1.xml"


def test_relationships_are_read_a_few_times_however_many_there_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    links = b"".join(
        b'<Relationship Id="l%d" TargetMode="External" Target="https://example.com/%d" Type='
        b'"http://schemas.openxmlformats.org/officeDocument/2006/relationships/hyperlink"/>' % (at, at)
        for at in range(20_000)
    )
    source = repacked(
        by_xlsxwriter(tmp_path / "leads.xlsx"),
        {SHEET_RELS: lambda xml: xml.replace(b"</Relationships>", links + b"</Relationships>")},
    )
    reads: Counter[str] = Counter()
    read = Package.read

    def counted(package: Package, part: str) -> bytes:
        reads[part] += 1
        return read(package, part)

    monkeypatch.setattr(Package, "read", counted)
    annotated(source, 1)
    # Once as it was, and once more to find what nothing leads to any more.
    assert reads[SHEET_RELS] == 2


def test_a_drawing_is_read_once_however_many_pictures_it_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def with_pictures(xml: bytes) -> bytes:
        anchor = re.search(rb"<xdr:twoCellAnchor.*?</xdr:twoCellAnchor>", xml, re.DOTALL)
        assert anchor
        return xml.replace(anchor[0], anchor[0] * 2_000)

    source = repacked(by_xlsxwriter(tmp_path / "leads.xlsx"), {DRAWING: with_pictures})
    outermost: Counter[bool] = Counter()
    root = markup.root

    def counted(xml: bytes) -> markup.Element:
        outermost[b"wsDr" in xml[:200]] += 1
        return root(xml)

    monkeypatch.setattr(markup, "root", counted)
    annotated(source, 1)
    assert outermost[True] == 1


@pytest.mark.parametrize("make", [annotated, lambda source, row: to_mend(source, row, [3])])
@pytest.mark.parametrize("kind", ["xlMacrosheet", "xlIntlMacrosheet"])
def test_a_sheet_that_is_a_program_is_refused(tmp_path: Path, kind: str, make: Any) -> None:
    source = by_xlsxwriter(tmp_path / "leads.xlsx")
    repacked(source, {"xl/_rels/workbook.xml.rels": led_to(kind, "macrosheets/sheet1.xml")})
    with pytest.raises(UnusualWorkbookError, match="macros"):
        make(source, 1)


def test_two_parts_of_one_name_are_refused(tmp_path: Path) -> None:
    source = by_xlsxwriter(tmp_path / "leads.xlsx")
    repacked(source, {}, added={SHEET.upper(): parts(source)[SHEET]})
    with pytest.raises(UnusualWorkbookError, match="same name"):
        annotated(source, 1)


def test_parts_are_found_in_whatever_case(tmp_path: Path) -> None:
    source = repacked(by_xlsxwriter(tmp_path / "leads.xlsx", table=True), {}, named=str.upper)
    after = parts(annotated(source, 1))
    assert after.keys() == parts(source).keys()
    assert after["XL/TABLES/TABLE1.XML"].count(b"<tableColumn ") == 16


@pytest.mark.parametrize("error", [ValueError, RuntimeError, NotImplementedError, EOFError])
def test_what_the_rows_raise_passes_through(tmp_path: Path, error: type[Exception]) -> None:
    def failing() -> Iterator[AddedRow]:
        yield outcome_row(result(2))
        raise error("of the ledger")

    source, path = by_xlsxwriter(tmp_path / "leads.xlsx"), tmp_path / "out.xlsx"
    with pytest.raises(error, match="of the ledger"):
        write_outcomes(path, source, [LeadSheet(LEADS, 1)], failing(), nothing)
    assert not path.exists()


def test_a_source_that_is_gone_is_told_as_the_source(tmp_path: Path) -> None:
    source, path = tmp_path / "leads.xlsx", tmp_path / "out.xlsx"
    with pytest.raises(
        SheetError, match=r"leads\.xlsx cannot be read once more \(No such file.*import it again"
    ):
        write_outcomes(path, source, [LeadSheet(LEADS, 1)], [outcome_row(result(2))], nothing)
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_stops_answering_is_told_as_the_source(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*_: object) -> bytes:
        raise OSError(5, "Input/output error")

    source = by_xlsxwriter(tmp_path / "leads.xlsx")
    monkeypatch.setattr(zipfile.ZipExtFile, "read", failing)
    with pytest.raises(SheetError, match=r"leads\.xlsx cannot be read once more \(Input/output error\)"):
        annotated(source, 1)


def test_a_place_that_cannot_be_written_is_told_as_the_place(tmp_path: Path) -> None:
    source = by_xlsxwriter(tmp_path / "leads.xlsx")
    with pytest.raises(ResultsError, match=r"missing/out\.xlsx: the file cannot be written"):
        write_outcomes(tmp_path / "missing/out.xlsx", source, [LeadSheet(LEADS, 1)], [], nothing)


def test_a_part_that_is_damaged_is_told_as_the_source(tmp_path: Path) -> None:
    source = by_xlsxwriter(tmp_path / "leads.xlsx")
    with zipfile.ZipFile(source) as archive:
        at = archive.getinfo(SHEET).header_offset
    content = bytearray(source.read_bytes())
    content[at + 80 : at + 90] = bytes(10)
    source.write_bytes(content)
    with pytest.raises(UnusualWorkbookError, match="unpacked"):
        annotated(source, 1)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return by_xlsxwriter(tmp_path_factory.mktemp("leads") / "original.xlsx", table=True)


@given(st.data())
def test_whatever_a_workbook_holds_it_is_written_or_refused(source: Path, data: st.DataObject) -> None:
    kept = parts(source)
    name = data.draw(st.sampled_from([name for name in kept if name.endswith((".xml", ".rels"))]))
    words = re.split(rb"([\w.:]+|[<>/\"=])", kept[name])
    at = data.draw(st.integers(0, len(words) - 1))
    odd = [b"", b"-1", b"9" * 5_000, b"&#xD800;", b"ZZZ9999999", b"\xff"]
    words[at] = data.draw(st.sampled_from([*odd, *words]))
    changed = source.with_name("leads.xlsx")
    shutil.copyfile(source, changed)
    repacked(changed, {name: lambda _: b"".join(words)})
    for make in (annotated, lambda path, row: to_mend(path, row, [3])):
        with suppress(UnusualWorkbookError):
            make(changed, 1)
