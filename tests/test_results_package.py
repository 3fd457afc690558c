"""The workbook as a package of parts: what is read of it how often, and what it may look like."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from importer.results.workbook import markup
from importer.results.workbook.package import Package
from tests.test_results_workbook import annotated
from tests.workbooks import by_xlsxwriter, repacked

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
