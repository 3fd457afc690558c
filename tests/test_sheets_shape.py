"""Sheets as people shape them: titles above the headers, headers of two lines, repeated headers, totals."""

from __future__ import annotations

import csv
import io
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from importer.checking import check_files
from importer.errors import MappingError, SheetError
from importer.headings import is_about_others, is_about_the_lead
from importer.intake import Input, Selection, open_inputs
from importer.mapping import fold, header_score
from importer.model import InvalidRow, Lead
from importer.sheets import headers, open_sheets
from importer.sheets.records import find_delimiter
from importer.templates import Template, customer_id_field, parse_template, shipped_templates
from tests.test_sheets_workbook import ODS_CONTENT, ods, workbook

HEADERS = ("Mã KH", "Họ tên", "SĐT", "Địa chỉ")
AN = ("1001", "Nguyễn Văn An", "0901234567", "12 Lê Lợi, Quận 1")
BINH = ("1002", "Trần Thị Bình", "0912345678", "5 Hai Bà Trưng")
TITLES = (
    ("CÔNG TY TNHH MÂY XANH",),
    ("Địa chỉ: 1 Trần Hưng Đạo, Quận 1, TP. Hồ Chí Minh",),
    (),
    ("DANH SÁCH KHÁCH HÀNG", None, "Ngày 05/11/2026"),
)


def text_of(rows: Sequence[Sequence[str | None]], delimiter: str = ",") -> str:
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=delimiter, lineterminator="\n").writerows(rows)
    return text.getvalue()


def written(folder: Path, content: str, name: str = "leads.csv", encoding: str = "utf-8") -> Path:
    path = folder / name
    path.write_bytes(content.encode(encoding))
    return path


def opened(path: Path, **said: Any) -> tuple[Input, list[str]]:
    (found,), notices = open_inputs([str(path)], Selection(**said))
    return found, notices


def ends_of(found: Input) -> dict[int, str]:
    """Return the customer id of each lead, and the first problem of each other row, by the row's number."""
    return {
        row.place.row: lead.problems[0].code if isinstance(lead, InvalidRow) else lead.customer_id
        for chunk in found.leads()
        for row, lead in chunk
    }


# Headers below titles


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_headers_of_a_text_file_are_found_below_its_titles(tmp_path: Path, delimiter: str) -> None:
    path = written(tmp_path, text_of((*TITLES, HEADERS, AN, (), BINH), delimiter))
    found, notices = opened(path)
    assert (found.sheet.headers, found.sheet.header_row) == (HEADERS, 5)
    assert notices == [f"{path}: the headers are in row 5; the rows above are left out"]
    assert ends_of(found) == {6: "1001", 8: "1002"}


def test_the_headers_of_a_workbook_are_found_below_its_titles(tmp_path: Path) -> None:
    def shape(book: Any) -> None:
        book.active.title = "Tháng 11"
        book.active.merge_cells("A1:D1")
        book.active.row_dimensions[7].hidden = True

    path = workbook(tmp_path / "leads.xlsx", *TITLES, HEADERS, AN, BINH, (), BINH, change=shape)
    found, notices = opened(path)
    assert (found.sheet.headers, found.sheet.header_row) == (HEADERS, 5)
    assert notices == [
        f"{path}, sheet Tháng 11: the headers are in row 5; the rows above are left out",
        f"{path}, sheet Tháng 11: rows that are hidden (1) are read like the others",
    ]
    assert ends_of(found) == {6: "1001", 7: "1002", 9: "1002"}


def test_each_sheet_tells_where_its_headers_are_and_the_hidden_ones_are_told_first(tmp_path: Path) -> None:
    def shape(book: Any) -> None:
        more = book.create_sheet("More")
        for row in (("Tháng 12",), HEADERS, BINH):
            more.append(row)
        book.create_sheet("Old").sheet_state = "hidden"

    path = workbook(tmp_path / "leads.xlsx", *TITLES, HEADERS, AN, change=shape)
    _, notices = open_inputs([str(path)], Selection())
    assert [notice.split(": ")[1][:8] for notice in notices] == ["left out", "the head", "the head"]
    assert "sheet More: the headers are in row 2" in notices[2]


@pytest.mark.parametrize("name", ["leads.csv", "leads.tsv", "leads.txt"])
@pytest.mark.parametrize(
    "title",
    [
        "Công ty Mây Xanh, 1 Trần Hưng Đạo, Quận 1, Hồ Chí Minh, Việt Nam",
        "a;b;c;d;e;f;g",
        "a\tb\tc\td\te",
        'Danh sách "VIP" tháng 11',
        '"Danh sách tháng 11',
        '"Công ty Mây Xanh\n1 Trần Hưng Đạo, Quận 1"',
    ],
)
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_that_of_the_headers_whatever_stands_in_the_title(
    tmp_path: Path, title: str, delimiter: str, name: str
) -> None:
    found, _ = opened(written(tmp_path, f"{title}\n{text_of((HEADERS, AN, BINH), delimiter)}", name))
    assert (found.sheet.headers, found.sheet.header_row) == (HEADERS, 2)
    assert ends_of(found) == {3: "1001", 4: "1002"}


def test_row_numbers_count_quoted_lines_once_and_not_the_line_that_names_the_delimiter(
    tmp_path: Path,
) -> None:
    content = 'sep=;\n"Công ty\nMây Xanh";\n\n' + text_of((HEADERS, AN, (), BINH), ";")
    for encoding in ("utf-8-sig", "utf-16"):
        found, _ = opened(written(tmp_path, content, encoding=encoding))
        assert found.sheet.header_row == 3
        assert ends_of(found) == {4: "1001", 6: "1002"}


def test_blank_rows_above_the_headers_are_no_news(tmp_path: Path) -> None:
    found, notices = opened(written(tmp_path, "\n,,,\n" + text_of((HEADERS, AN))))
    assert (found.sheet.header_row, notices) == (3, [])


def test_a_company_with_an_address_and_a_phone_in_cells_of_their_own_is_no_header(tmp_path: Path) -> None:
    letterhead = [("Tên", "Mây Xanh"), ("Địa chỉ", "1 Lê Lợi", "SĐT", "0281234567", "Email", "a@example.com")]
    found, _ = opened(
        workbook(tmp_path / "a.xlsx", *letterhead, ("Mã KH", "Email", "SĐT"), ("7", "b@example.com", "0909"))
    )
    assert found.mapping.template.name == "3"
    assert ends_of(found) == {4: "7"}


def test_another_table_further_down_does_not_take_the_place_of_the_first(tmp_path: Path) -> None:
    first = (("Mã KH", "Email", "SĐT"), ("7", "b@example.com", "0909"))
    found, notices = opened(workbook(tmp_path / "a.xlsx", *first, (), HEADERS, AN), template="3")
    assert (found.sheet.header_row, notices) == (1, [])
    assert ends_of(found) == {2: "7", 4: "too_many_cells", 5: "too_many_cells"}
    found, _ = opened(workbook(tmp_path / "b.xlsx", *first, (*HEADERS, "Email"), (*AN, "a@example.com")))
    assert (found.mapping.template.name, found.sheet.header_row) == ("3", 1)


def test_headers_named_by_the_person_are_found_too(tmp_path: Path) -> None:
    path = written(tmp_path, text_of((("Báo cáo",), ("Số", "Ai", "Máy", "Ở đâu"), AN)))
    columns = {"customer_id": "Số", "name": "Ai", "phone": "Máy", "address": "o dau"}
    found, _ = opened(path, template="1", columns=columns)
    assert found.sheet.header_row == 2
    assert ends_of(found) == {3: "1001"}


def test_headers_far_below_or_too_few_to_be_sure_are_not_looked_for(tmp_path: Path) -> None:
    far = [("Báo cáo",)] * headers.ROWS_LOOKED_AT
    with pytest.raises(MappingError, match="The columns are 'Báo cáo'"):
        opened(written(tmp_path, text_of((*far, HEADERS, AN))))
    opened(written(tmp_path, text_of((*far[1:], HEADERS, AN))))
    with pytest.raises(MappingError, match="The columns are 'Báo cáo'"):
        opened(written(tmp_path, text_of((("Báo cáo",), ("Mã KH", "Máy"), AN))))


def test_a_stray_mark_in_the_headers_is_told_and_one_above_them_does_no_harm(tmp_path: Path) -> None:
    with pytest.raises(SheetError, match="row 2: a quotation mark stands where none may"):
        opened(written(tmp_path, 'Báo "cáo\nMã KH,Họ tên,SĐT,Địa "chỉ\n1,An,0901,x\n'))


def test_rows_that_stray_marks_merged_above_repeated_headers_are_never_left_out_in_silence(
    tmp_path: Path,
) -> None:
    lines = text_of((HEADERS, AN[:3]))
    with pytest.raises(SheetError, match="row 1: a quotation mark opens here and closes only below"):
        opened(written(tmp_path, f'"Báo cáo\n{lines}5"\n{text_of((HEADERS, BINH))}'))


def test_a_title_of_lines_that_look_like_headers_a_little_is_a_title(tmp_path: Path) -> None:
    content = 'Mã KH,Họ tên,"Ghi\nchú"\n' + text_of((HEADERS, AN))
    assert ends_of(opened(written(tmp_path, content))[0]) == {4 - 1: "1001"}


def test_without_a_score_the_first_row_with_text_holds_the_headers(tmp_path: Path) -> None:
    path = written(tmp_path, text_of((*TITLES[:1], HEADERS, AN)))
    (sheet,) = open_sheets(str(path))
    assert (sheet.headers, sheet.header_row, sheet.notices) == (TITLES[0], 1, ())
    assert find_delimiter("Báo cáo\na;b\n", ".csv") == ","


def test_check_says_which_row_the_headers_are_in(tmp_path: Path) -> None:
    report = check_files([str(written(tmp_path, text_of((*TITLES, HEADERS, AN))))], Selection())
    assert report.inputs[0].header_row == 5
    assert report.to_send == 1


# Headers of two lines


def merging(*ranges: str) -> Callable[[Any], None]:
    def merge(book: Any) -> None:
        for cells in ranges:
            book.active.merge_cells(cells)

    return merge


UPPER = ("Mã KH", "Khách hàng", None, "Địa chỉ", "Ghi chú")
LOWER = (None, "Họ tên", "SĐT", None, None)
WHOLE = ("Mã KH", "Họ tên", "SĐT", "Địa chỉ", "Ghi chú")


@pytest.mark.parametrize("titles", [(), TITLES, (*TITLES[:3], ("Ngày", "05/11", None, None, None, "SĐT"))])
@pytest.mark.parametrize("merged", [True, False])
def test_headers_of_two_lines_are_those_of_the_lower_one_and_what_is_merged_into_it(
    tmp_path: Path, titles: Sequence[Sequence[str | None]], merged: bool
) -> None:
    at = len(titles) + 1
    ranges = (f"B{at}:C{at}", *(f"{column}{at}:{column}{at + 1}" for column in "ADE")) if merged else ()
    path = workbook(tmp_path / "a.xlsx", *titles, UPPER, LOWER, AN, BINH, change=merging(*ranges))
    found, _ = opened(path)
    assert (found.sheet.headers, found.sheet.header_row) == (WHOLE, at + 1)
    assert ends_of(found) == {at + 2: "1001", at + 3: "1002"}


def test_a_lower_line_that_names_nothing_of_a_lead_belongs_to_the_headers_if_merged(tmp_path: Path) -> None:
    def shape(book: Any) -> None:
        for row, cells in enumerate(((*HEADERS, "Khoản vay"), ("", "", "", "", "Số tiền", "Kỳ hạn"), AN), 3):
            for column, value in enumerate(cells, 2):
                if value:
                    book.active.cell(row, column, value)
        merging("A3:A4", "E3:E4", "B3:B4", "C3:C4", "D3:D4", "F3:G3", "H3:H4")(book)

    found, _ = opened(workbook(tmp_path / "a.xlsx", change=shape))
    assert found.sheet.headers == (*HEADERS, "Số tiền", "Kỳ hạn")
    assert ends_of(found) == {5: "1001"}


def test_cells_merged_among_the_leads_move_no_header(tmp_path: Path) -> None:
    path = workbook(tmp_path / "a.xlsx", HEADERS, AN, BINH[:3], change=merging("D2:D3", "A1:A1"))
    assert ends_of(opened(path)[0]) == {2: "1001", 3: "missing"}


def test_an_empty_header_takes_nothing_from_a_title_above(tmp_path: Path) -> None:
    titles = ("Họ tên", "Nguyễn Văn An", None, None, None, "SĐT")
    found, _ = opened(workbook(tmp_path / "a.xlsx", titles, (*HEADERS[:3], None, "Địa chỉ"), AN))
    assert found.sheet.headers == (*HEADERS[:3], "", "Địa chỉ")


def test_two_lines_are_joined_where_merged_cells_are_not_known(tmp_path: Path) -> None:
    cell = '<table:table-cell office:value-type="string"><text:p>{}</text:p></table:table-cell>'
    rows = "".join(
        "<table:table-row>"
        + "".join(cell.format(value) if value else "<table:table-cell/>" for value in row)
        + "</table:table-row>"
        for row in (UPPER, LOWER, AN)
    )
    start, end = ODS_CONTENT.index("<table:table-row "), ODS_CONTENT.index("</table:table>")
    found, _ = opened(ods(tmp_path / "a.ods", ODS_CONTENT[:start] + rows + ODS_CONTENT[end:]))
    assert (found.sheet.headers, found.sheet.header_row) == (WHOLE, 2)
    assert ends_of(found) == {3: "1001"}


# Repeated headers and totals


@pytest.mark.parametrize(
    "line",
    [
        HEADERS,
        ("MA KH", "HỌ TÊN", "SĐT", "ĐỊA CHỈ"),
        ("Mã khách hàng", "Tên", "Điện thoại", "Nơi ở"),
        ("Mã KH", "Khách hàng", "", "Địa chỉ"),
        ("", "Họ tên", "SĐT", ""),
    ],
)
def test_headers_that_are_repeated_are_flagged_and_no_lead(tmp_path: Path, line: Sequence[str]) -> None:
    found, _ = opened(written(tmp_path, text_of((HEADERS, AN, line, BINH))))
    assert ends_of(found) == {2: "1001", 3: "repeated_header", 4: "1002"}


def two_texts() -> Template:
    return parse_template("own", 'fields = ["name"]', "own.toml")


def test_headers_of_nothing_but_text_would_be_leads_if_they_were_not_flagged(tmp_path: Path) -> None:
    template = tmp_path / "own.toml"
    template.write_text('fields = ["name"]', encoding="utf-8")
    path = written(tmp_path, "Mã 2,Họ tên\n1,An\nMã 2,Họ tên\nMã 2,An\nTổng,\nB,Bình\n")
    found, _ = opened(path, template=str(template), columns={"customer_id": "Mã 2"})
    assert ends_of(found) == {2: "1", 3: "repeated_header", 4: "bad_customer_id", 5: "total_row", 6: "B"}


@pytest.mark.parametrize(
    "line",
    [
        ("Tổng cộng", "", "2", ""),
        ("TỔNG:", "", "", ""),
        ("tong cong (2)", "", "", "2"),
        ("Total", "Total", "2", "1.500"),
        ("", "Cộng", "2", ""),
        ("", "Grand total", "", ""),
        ("", "Tổng cộng: 150", "", ""),
    ],
)
def test_a_row_of_sums_is_flagged_and_no_lead(tmp_path: Path, line: Sequence[str]) -> None:
    found, _ = opened(written(tmp_path, text_of((HEADERS, AN, line))))
    assert ends_of(found)[3] in ("total_row", "bad_customer_id")
    spare = text_of((("STT", *HEADERS), ("1", *AN), (line[0] or line[1], "", *line[1:])))
    assert ends_of(opened(written(tmp_path, spare))[0]) == {2: "1001", 3: "total_row"}


@pytest.mark.parametrize(
    ("line", "end"),
    [
        (("", "Công", "0901234567", "12 Lê Lợi"), "missing"),
        (("", "Tòng", "0901234567", ""), "missing"),
        (("Total", "An", "0901234567", "x"), "Total"),
        (("KH-A", "Tổng", "0901234567", "x"), "KH-A"),
        (("9", "Tổng", "", ""), "missing"),
        (("", "Tổng kết", "", ""), "missing"),
    ],
)
def test_a_lead_that_only_begins_like_a_sum_is_what_it_was(
    tmp_path: Path, line: Sequence[str], end: str
) -> None:
    found, _ = opened(written(tmp_path, text_of((HEADERS, line))))
    assert ends_of(found) == {2: end}


def test_what_the_reader_knows_of_a_flagged_row_is_told_after_the_flag(tmp_path: Path) -> None:
    found, _ = opened(written(tmp_path, text_of((HEADERS, ("Tổng cộng", "", "", "", "9")))))
    ((_, lead),) = next(found.leads())
    assert isinstance(lead, InvalidRow)
    assert [problem.code for problem in lead.problems] == ["total_row", "too_many_cells"]
    assert lead.customer_id == ""


# In general


def test_a_row_that_has_all_that_a_template_needs_outdoes_any_that_has_not() -> None:
    score = header_score(shipped_templates().values())
    assert score(("Mã KH", "Email", "SĐT")) > score(("Họ tên", "Email", "SĐT", "Địa chỉ", "CCCD"))
    assert score(("Mã KH", "Họ tên")) == 2 > score(("Email", "SĐT")) > score(AN) == -1
    assert header_score([two_texts()], {"name": "#"})(("", "#", "Họ tên")) == -1


KNOWN = {
    fold(name)
    for template in shipped_templates().values()
    for field in (customer_id_field(), *template.fields)
    for name in (field.name, field.title, *field.synonyms)
}
TITLE_CELLS = st.text(
    st.sampled_from("aNễ0 ,;|\t\"'\n:.-=") | st.characters(exclude_categories=["Cs", "Cc"]), max_size=12
).filter(
    # What heads a group of columns is no title.
    lambda text: not (fold(text) in KNOWN or is_about_the_lead(text) or is_about_others(text))
)


@settings(max_examples=150, deadline=None)
@given(
    titles=st.lists(st.lists(TITLE_CELLS, max_size=6), max_size=headers.ROWS_LOOKED_AT - 1),
    delimiter=st.sampled_from(",;\t|"),
)
def test_titles_above_the_headers_change_no_lead_and_no_digit(
    titles: list[list[str]], delimiter: str
) -> None:
    leads = (AN, ("0141952217564315671", "Lê Chi", "0909", "0012"), ("", "Tổng cộng", "", ""), HEADERS)
    with tempfile.TemporaryDirectory() as folder:
        # The first title is plain, so that none makes the file a web page or names a delimiter.
        path = written(Path(folder), text_of((("Leads",), *titles[1:], HEADERS, *leads), delimiter))
        found, _ = opened(path)
        ends = list(ends_of(found).values())
        inputs = [lead for chunk in found.leads() for _, lead in chunk if isinstance(lead, Lead)]
    assert ends == ["1001", "0141952217564315671", "total_row", "repeated_header"]
    assert found.sheet.header_row == max(len(titles), 1) + 1
    assert [tuple(lead.inputs.values()) for lead in inputs] == [AN[1:], leads[1][1:]]


@settings(max_examples=100, deadline=None)
@given(
    rows=st.lists(
        st.lists(st.text("aNễ0đ9", min_size=1, max_size=9), min_size=1, max_size=5),
        min_size=1,
        max_size=9,
    )
)
def test_a_sheet_without_any_known_header_is_refused_with_its_first_row(rows: list[list[str]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = written(Path(folder), text_of(rows))
        (plain,) = open_sheets(str(path))
        with pytest.raises(MappingError) as refused:
            opened(path)
    listed = ", ".join(repr(header) for header in plain.headers)
    assert f"The columns are {listed}. Name the column" in str(refused.value)
