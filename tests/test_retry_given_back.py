"""Rows to mend that are given back as they are: nothing that was wrong looks right in its copy."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import pytest
from openpyxl import Workbook, load_workbook  # type: ignore[import-untyped]

from importer.local_api import LocalApi
from tests.support import Command, api_beside, customers, local, outcomes_in, read_results
from tests.test_corpus import FILES

HEADER = "customer_id,name,phone,address\n"


@pytest.fixture
def api() -> Iterator[LocalApi]:
    with api_beside() as running:
        yield running


ROWS = {
    "an unquoted delimiter": "1,An,0901234567,12 Lý Thường Kiệt, Hà Nội\n",
    "an open quotation mark": '1,"An,0901234567,12 Lý Thường Kiệt\n',
    "a quotation mark within": '1,An,0901234567,Số 5 "A", HN\n',
    "both": '1,"An" Bình,0901234567,x,y\n',
}


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_a_row_that_cannot_be_told_apart_stays_invalid_until_it_is_mended(
    command: Command, api: LocalApi, tmp_path: Path, row: str
) -> None:
    (tmp_path / "leads.csv").write_text(HEADER + row + "2,Bình,0901234568,y\n", encoding="utf-8")
    assert command("run", "leads.csv", *local(api, tmp_path)).code == 1
    name = "leads.retry.csv"
    for _ in range(3):
        assert command("run", name, *local(api, tmp_path)).code == 1
        assert outcomes_in(tmp_path / name.replace(".csv", ".results.csv")) == ["invalid"]
        name = name.replace(".csv", ".retry.csv")
    assert customers(api) == ["2"]
    headers, cells = csv.reader((tmp_path / name).read_text(encoding="utf-8-sig").splitlines())
    assert len(cells) > len(headers) == 6
    with (tmp_path / name).open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([headers, ["1", "An", "0901234567", "12 Lý Thường Kiệt, Hà Nội"]])
    assert command("run", name, *local(api, tmp_path)).code == 0
    assert customers(api) == ["2", "1"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_of_no_file_a_is_sent_that_was_not_before(
    command: Command, api: LocalApi, tmp_path: Path, path: Path
) -> None:
    (tmp_path / path.name).write_bytes(path.read_bytes())
    command("run", path.name, *local(api, tmp_path))
    sent = customers(api)
    for retry in tmp_path.glob("*.retry.*"):
        command("run", retry.name, *local(api, tmp_path))
        assert customers(api) == sent
        found = {line["outcome"] for line in read_results(tmp_path / f"{retry.stem}.results.csv")}
        assert found <= {"invalid"}


def test_a_formula_without_a_value_is_missed_in_the_copy_as_well(
    command: Command, api: LocalApi, tmp_path: Path
) -> None:
    (tmp_path / "mine.toml").write_text(
        'title = "x"\nfields = ["name", {name = "city", required = false}]\n', encoding="utf-8"
    )
    book = Workbook()
    for row in (["customer_id", "name", "city"], ["1", "An", '="Đà"&" Nẵng"'], ["2", "Bình", "Huế"]):
        book.active.append(row)
    book.save(tmp_path / "leads.xlsx")
    options = ("--template", "mine.toml", *local(api, tmp_path))
    assert command("run", "leads.xlsx", *options).code == 1
    assert command("run", "leads.retry.xlsx", *options).code == 1
    assert customers(api) == ["2"]
    retry = load_workbook(tmp_path / "leads.retry.xlsx")
    assert retry.active["C2"].value == "#N/A"
    retry.active["C2"] = "Đà Nẵng"
    retry.save(tmp_path / "leads.retry.xlsx")
    assert command("run", "leads.retry.xlsx", *options).code == 0
    assert customers(api) == ["2", "1"]
