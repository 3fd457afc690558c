"""Lines of groups above the headers: nobody else's phone or address is taken for the lead's."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from importer.errors import MappingError
from importer.headings import is_about_others, is_about_the_lead
from tests.test_sheets_shape import AN, BINH, HEADERS, TITLES, ends_of, merging, opened, text_of, written
from tests.test_sheets_workbook import workbook

AN_AND_HOA = (*AN, "Lê Hoa", "0987654321")


def over(*groups: tuple[str, int]) -> tuple[str | None, ...]:
    """Return a row in which each heading is followed by empty cells up to its width."""
    return tuple(cell for heading, width in groups for cell in (heading, *[None] * (width - 1)))


def headers_of(path: Path, **said: object) -> tuple[str, ...]:
    return opened(path, **said)[0].sheet.headers


@pytest.mark.parametrize("titles", [(), TITLES, TITLES[:2]])
@pytest.mark.parametrize(
    "group",
    [
        "Người thân",
        "Vợ/chồng",
        "Người bảo lãnh",
        "Người tham chiếu 1",
        "CTV",
        "Công ty",
        "Đối tác",
        "Khách hàng 2",
    ],
)
def test_a_header_below_the_group_of_somebody_else_is_named_with_it(
    tmp_path: Path, group: str, titles: Sequence[Sequence[str | None]]
) -> None:
    at = len(titles) + 1
    path = workbook(
        tmp_path / "a.xlsx",
        *titles,
        over(("Khách hàng", 4), (group, 2)),
        (*HEADERS, "Tên", "SĐT"),
        AN_AND_HOA,
        change=merging(f"A{at}:D{at}", f"E{at}:F{at}"),
    )
    found, notices = opened(path)
    assert found.sheet.headers == (*HEADERS, f"{group} Tên", f"{group} SĐT")
    assert ends_of(found) == {at + 2: "1001"}
    assert [column.header for column in found.mapping.inputs] == list(HEADERS[1:])
    assert bool(notices) == bool(titles)


@pytest.mark.parametrize("merged", [True, False])
def test_the_phone_of_a_relative_is_never_sent_as_that_of_the_lead(tmp_path: Path, merged: bool) -> None:
    rows = (
        over(("Khách hàng", 4), ("Người thân", 2)),
        ("Mã KH", "Họ tên", "Máy", "Địa chỉ", "Tên người thân", "SĐT"),
        AN_AND_HOA,
    )
    path = (
        workbook(tmp_path / "a.xlsx", *rows, change=merging("A1:D1", "E1:F1"))
        if merged
        else written(tmp_path, text_of(rows))
    )
    with pytest.raises(MappingError, match=r"no column for phone .*'Tên người thân', 'Người thân SĐT'"):
        opened(path)
    assert opened(path, columns={"phone": "Người thân SĐT"})[0].mapping.inputs[1].index == 5
    assert opened(path, columns={"phone": "Máy"})[0].mapping.inputs[1].index == 2


@pytest.mark.parametrize(
    "groups",
    [
        over(("Khách hàng", 2), ("Thông tin liên hệ", 2)),
        over(("THÔNG TIN KHÁCH HÀNG", 4)),
        over(("Customer information", 2), ("Thông tin chung", 2)),
        over(("DANH SÁCH THÁNG", 3), ("Ngày 05/11/2026", 1)),
        over(("Chi nhánh Quận 1", 4)),
        over(("Chi nhánh Quận 1", 3)),
        ("Người thân:", None, None, None),
    ],
)
@pytest.mark.parametrize("merged", [True, False])
def test_a_group_of_the_lead_itself_and_a_title_add_nothing(
    tmp_path: Path, groups: Sequence[str | None], merged: bool
) -> None:
    rows = (groups, HEADERS, AN)
    starts = [at for at, heading in enumerate(groups) if heading]
    ranges = [
        f"{'ABCD'[start]}1:{'ABCD'[end - 1]}1"
        for start, end in zip(starts, [*starts[1:], 4], strict=True)
        if end - start > 1
    ]
    path = (
        workbook(tmp_path / "a.xlsx", *rows, change=merging(*ranges))
        if merged
        else written(tmp_path, text_of(rows))
    )
    assert headers_of(path) == HEADERS


@pytest.mark.parametrize("merged", [True, False])
def test_groups_in_groups_are_all_named(tmp_path: Path, merged: bool) -> None:
    rows = (
        over(("Khách hàng", 4), ("Người thân", 2)),
        over(("Cá nhân", 2), ("Thông tin liên hệ", 2), ("Thông tin liên hệ", 2)),
        (*HEADERS, "SĐT", "Địa chỉ"),
        (*AN, "0987654321", "x"),
    )
    path = (
        workbook(tmp_path / "a.xlsx", *rows, change=merging("A1:D1", "E1:F1", "A2:B2", "C2:D2", "E2:F2"))
        if merged
        else written(tmp_path, text_of(rows))
    )
    assert headers_of(path) == (*HEADERS, "Người thân SĐT", "Người thân Địa chỉ")


@pytest.mark.parametrize("name", ["Người thân", ""])
def test_a_group_reaches_on_from_a_header_of_the_same_name_or_none(tmp_path: Path, name: str) -> None:
    rows = (over(("Khách hàng", 4), ("Người thân", 2)), (*HEADERS, name, "SĐT"), AN_AND_HOA)
    for path in (
        workbook(tmp_path / "a.xlsx", *rows, change=merging("A1:D1", "E1:F1")),
        written(tmp_path, text_of(rows)),
    ):
        assert headers_of(path) == (*HEADERS, name, "Người thân SĐT")


def test_a_group_over_one_column_needs_no_merged_cells(tmp_path: Path) -> None:
    rows = (over(("Khách hàng", 4), ("Người thân", 1)), (*HEADERS, "SĐT"), (*AN, "0987654321"))
    path = workbook(tmp_path / "a.xlsx", *rows, change=merging("A1:D1"))
    assert headers_of(path) == (*HEADERS, "Người thân SĐT")


def test_columns_that_results_added_stand_below_no_group(tmp_path: Path) -> None:
    rows = (
        over(("Khách hàng", 4), ("Người thân", 3)),
        (*HEADERS, "SĐT", "outcome", "error"),
        (*AN, "0987654321", "invalid", "…"),
    )
    assert headers_of(written(tmp_path, text_of(rows))) == (*HEADERS, "Người thân SĐT")


def test_a_blank_row_parts_a_title_from_the_headers(tmp_path: Path) -> None:
    rows = (over(("Đối tác", 2), ("Khu vực", 2)), (), HEADERS, AN)
    assert headers_of(workbook(tmp_path / "a.xlsx", *rows, change=merging("A1:B1", "C1:D1"))) == HEADERS


@pytest.mark.parametrize(
    ("upper", "lower", "ranges"),
    [
        (
            (*HEADERS[:2], "SĐT", None, "Địa chỉ"),
            (None, None, "Khách", "Vợ", None),
            ("A1:A2", "B1:B2", "C1:D1", "E1:E2"),
        ),
        ((*HEADERS[:2], "SĐT", None, "Địa chỉ"), (None, None, "Khách", "Vợ", None), ("C1:D1",)),
        ((*HEADERS[:2], "SĐT", None, "Địa chỉ"), (None, None, "Khách", "Vợ", None), ()),
    ],
)
def test_a_line_that_divides_a_header_is_no_lead_but_part_of_the_headers(
    tmp_path: Path,
    upper: Sequence[str | None],
    lower: Sequence[str | None],
    ranges: Sequence[str],
) -> None:
    lead = (*AN[:3], "0987654321", AN[3])
    path = workbook(tmp_path / "a.xlsx", upper, lower, lead, change=merging(*ranges))
    with pytest.raises(MappingError, match=r"no column for phone .*'SĐT Khách', 'SĐT Vợ', 'Địa chỉ'"):
        opened(path)
    found, notices = opened(path, columns={"phone": "SĐT Khách"})
    assert (found.sheet.header_row, notices, ends_of(found)) == (2, [], {3: "1001"})


@pytest.mark.parametrize("ranges", [(), ("C1:D1",), ("A1:B1", "C1:D1", "E1:F1")])
def test_a_lead_below_wide_headers_is_a_lead(tmp_path: Path, ranges: Sequence[str]) -> None:
    upper = ("Mã KH", None, "Họ tên", None, "SĐT", None, "Địa chỉ")
    leads = ((AN[0], None, "Nguyễn", "An", AN[2], None, AN[3]), (None, None, BINH[1], None, None, None, None))
    found, _ = opened(workbook(tmp_path / "a.xlsx", upper, *leads, change=merging(*ranges)))
    assert found.sheet.header_row == 1
    assert list(ends_of(found)) == [2, 3]


@pytest.mark.parametrize(
    ("heading", "lead", "others"),
    [
        ("Thông tin KH", True, False),
        ("Người vay", True, False),
        ("Client details", True, False),
        ("Thông tin người thân", False, True),
        ("NGUOI GIOI THIEU", False, True),
        ("Người liên hệ", False, True),
        ("Liên hệ", False, False),
        ("Đối tác", False, False),
        ("", False, False),
    ],
)
def test_whom_a_heading_is_about(heading: str, lead: bool, others: bool) -> None:
    assert (is_about_the_lead(heading), is_about_others(heading)) == (lead, others)
