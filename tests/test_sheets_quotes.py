"""Quotation marks: proper ones hold anything, and a stray one never merges two rows without a word."""

from __future__ import annotations

import csv
import io
import tempfile
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from importer.sheets import open_sheets, records, stream
from importer.sheets.cells import tidy
from importer.sheets.records import Batch, Grammar

Read = list[tuple[int, tuple[str, ...], list[str]]]

HEADER = "id,name,phone,address\n"
AN = "1,An,0901,a\n"
EVE = "9,Eve,0909,e\n"


def read(text: str, encoding: str = "utf-8") -> Read:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "leads.csv"
        path.write_bytes(text.encode(encoding))
        (sheet,) = open_sheets(str(path))
        return [
            (row.place.row, row.cells, [problem.code for problem in row.problems])
            for chunk in sheet.chunks()
            for row in chunk
        ]


@pytest.fixture(params=[stream.BLOCK, 50, 7, 1], ids=lambda size: f"blocks of {size}")
def block(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    size: int = request.param
    monkeypatch.setattr(stream, "BLOCK", size)
    return size


def test_a_quoted_cell_holds_delimiters_marks_and_line_breaks_and_is_one_row(block: int) -> None:
    rows = read(HEADER + '1,"An ""Tí""",0901,"123 Nguyen Trai\r\nQ1, HCM"\n\n' + EVE)
    assert rows == [
        (2, ("1", 'An "Tí"', "0901", "123 Nguyen Trai\r\nQ1, HCM"), []),
        (4, ("9", "Eve", "0909", "e"), []),
    ]


@pytest.mark.parametrize(
    "line",
    [
        '2,"Binh,0902,b',
        '2,Binh,0902,"b',
        '2,Bi"nh,0902,b',
        '2,Binh",0902,b',
        '2,"Binh" x,0902,b',
        '2,"Bi"nh",0902,b',
        '2,"Binh" ,0902,b',
        '2, "Binh",0902,b',
        '2,Binh,0902,5"',
        '2,"""Binh,0902,b',
        '"',
    ],
)
@pytest.mark.parametrize("others", [(AN, EVE), ('1,"An",0901,"a, b"\n', '9,"Eve",0909,"e, f"\n')])
def test_a_stray_mark_costs_one_row_and_no_other(line: str, others: tuple[str, str], block: int) -> None:
    rows = read(HEADER + others[0] + line + "\n" + others[1] + others[0])
    assert [(number, codes) for number, _, codes in rows] == [(2, []), (3, ["stray_quote"]), (4, []), (5, [])]
    assert [cells[0] for _, cells, _ in rows][::2] == ["1", "9"]


def test_the_cells_of_a_stray_row_are_shown_as_they_can_best_be_told_apart() -> None:
    rows = read(HEADER + '2 ,"Binh,0902\n3,"C,0903,c,d,e\n')
    assert rows[0][1] == ("2", '"Binh', "0902", "")
    assert rows[1][1] == ("3", '"C', "0903", "c")


@pytest.mark.parametrize(
    ("second", "third"),
    [
        ('2,"Binh,0902,b', '3,Chi",0903,c'),
        ('2,Binh,0902,"b', '3,Chi,0903,c"'),
        ('2,"Binh,0902,b', '3,Chi,0903,c"'),
        ('"2,Binh,0902,b', '3",Chi,0903,c'),
        ('2,"Binh,0902,', '3,Chi",0903,'),
    ],
)
def test_two_stray_marks_that_make_good_grammar_still_merge_no_rows(
    second: str, third: str, block: int
) -> None:
    rows = read(HEADER + f"{AN}{second}\n{third}\n{EVE}")
    assert [(number, codes) for number, _, codes in rows] == [
        (2, []),
        (3, ["stray_quote"]),
        (4, ["stray_quote"]),
        (5, []),
    ]


@pytest.mark.parametrize(
    "cell",
    ["Công ty Mây\n12, Lê Lợi, Quận 1, HCM", "a\n,,,", "a\r\nb,c", "a\n b,c,d,e\n", "\n\n", "a\nb, c, d, e"],
)
def test_a_proper_cell_across_lines_is_not_taken_for_a_swallowed_row(cell: str) -> None:
    assert read(f'{HEADER}1,An,0901,"{cell}"\n{EVE}')[0] == (2, ("1", "An", "0901", tidy(cell)), [])
    assert read(f'address,id,name,phone\n"{cell}",1,An,0901\n')[0][1][0] == tidy(cell)


def test_a_sheet_of_two_columns_may_have_any_text_across_lines() -> None:
    assert read('id,note\n1,"a\n2,b"\n') == [(2, ("1", "a\n2,b"), [])]


def test_headers_across_lines_are_never_taken_for_swallowed_rows() -> None:
    assert read('a,b,"c\nd,e,f",g\n1,2,3,4\n') == [(2, ("1", "2", "3", "4"), [])]


def test_a_mark_that_never_closes_is_given_up_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "BLOCK", 64)
    monkeypatch.setattr(records, "LOOKAHEAD", 200)
    rows = read(HEADER + '2,"Binh,0902,b\n' + AN * 100)
    assert rows[0][2] == ["stray_quote"]
    assert [row[1][0] for row in rows[1:]] == ["1"] * 100


def test_stray_marks_in_every_row_leave_every_row_by_itself() -> None:
    rows = read(HEADER + '1,"An,0901,5" tile\n' * 500)
    assert [number for number, _, _ in rows] == list(range(2, 502))
    assert {code for _, _, codes in rows for code in codes} == {"stray_quote"}


SIGNS = st.sampled_from(list('",;\t|\r\n aNễ0\u00a0\u200b\ufeff=')) | st.characters(
    exclude_categories=["Cs"], exclude_characters="\0"
)


@settings(max_examples=300, deadline=None)
@given(
    table=st.integers(1, 5).flatmap(
        lambda width: st.lists(
            st.lists(st.text(SIGNS, max_size=12), min_size=width, max_size=width), min_size=1, max_size=12
        )
    ),
    delimiter=st.sampled_from(records.DELIMITERS),
    # The csv module quotes a line break only where it is a part of its own line end.
    style=st.sampled_from([("\r\n", csv.QUOTE_MINIMAL), ("\n", csv.QUOTE_ALL), ("\r", csv.QUOTE_ALL)]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
)
def test_what_a_csv_writer_writes_is_read_back(
    table: list[list[str]], delimiter: str, style: tuple[str, Literal[0, 1]], encoding: str
) -> None:
    line_end, quoting = style
    headers = [f"h{column}" for column in range(len(table[0]))]
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=delimiter, lineterminator=line_end, quoting=quoting)
    writer.writerows([headers, *table])
    expected: Read = [
        (number, tuple(map(tidy, cells)), [])
        for number, cells in enumerate(table, 2)
        if any(map(tidy, cells))
    ]
    # The line that names the delimiter makes it certain, as a sheet of one column cannot.
    assert read(f"sep={delimiter}\n{text.getvalue()}", encoding) == expected


def batches(text: str, size: int) -> list[tuple[str, bool]]:
    blocks = [text[start : start + size] for start in range(0, len(text), size)]
    found: list[Batch] = list(Grammar(",", 3).batches(blocks))
    return [(record, at in batch.stray) for batch in found for at, record in enumerate(batch.records)]


@settings(max_examples=500)
@given(st.text(st.sampled_from('",\r\na '), max_size=60), st.integers(1, 20))
def test_where_a_text_is_cut_into_blocks_makes_no_difference_and_loses_nothing(text: str, size: int) -> None:
    whole = batches(text, 1000)
    assert batches(text, size) == whole
    ends = "".join(record for record, _ in whole).replace("\r", "").replace("\n", "")
    assert ends == text.replace("\r", "").replace("\n", "")


@settings(max_examples=300)
@given(st.lists(st.text(st.sampled_from('",\na b'), max_size=6), min_size=1, max_size=6))
def test_cells_are_cut_as_the_csv_module_does(cells: list[str]) -> None:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="").writerow(cells)
    assert Grammar(",").cells(text.getvalue()) == cells


@settings(max_examples=200, deadline=None)
@given(
    at=st.integers(0, 200),
    rows=st.lists(st.tuples(st.booleans(), st.booleans()), min_size=2, max_size=8),
)
def test_one_mark_put_anywhere_spoils_at_most_the_row_that_it_is_put_in(
    at: int, rows: list[tuple[bool, bool]]
) -> None:
    lines = [
        ",".join((f"{number}", '"Binh, Le"' if name else "Binh", "0902", '"b, ""c"""' if address else "b"))
        for number, (name, address) in enumerate(rows, 100)
    ]
    text = "\n".join(lines)
    at %= len(text) + 1
    before = read(HEADER + text)
    after = read(HEADER + text[:at] + '"' + text[at:])
    spoilt = text[:at].count("\n")
    assert [row for index, row in enumerate(after) if index != spoilt] == [
        row for index, row in enumerate(before) if index != spoilt
    ]
