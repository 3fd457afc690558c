"""Workbooks with text for old fonts: converted on strong evidence, and real text never."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.test_sheets_encodings import LEADS, in_tcvn3, in_vni, small
from tests.test_sheets_workbook import opened, rows_of, workbook

ENCODERS: dict[str, Callable[[str], bytes]] = {"tcvn3": in_tcvn3, "vni": in_vni}
BY_ENCODING = pytest.mark.parametrize("name", ENCODERS)
UNICODE = [("Huỳnh Thuỳ Quyên", "Hà Nam"), ("Lê Hoàng Hà", "Hoà Bình"), ("Trần Văn Tú", "Trà Vinh")]


def typed(text: str, name: str) -> str:
    return ENCODERS[name](text).decode("windows-1252")


def table(name: str, *, headers: bool = True) -> list[tuple[str, ...]]:
    first, *others = LEADS
    return [
        tuple(typed(cell, name) for cell in first) if headers else first,
        *(tuple(typed(cell, name) for cell in row) for row in others),
    ]


@BY_ENCODING
@pytest.mark.parametrize("headers", [True, False])
def test_text_for_old_fonts_is_read_as_what_they_show(tmp_path: Path, name: str, headers: bool) -> None:
    sheet = opened(workbook(tmp_path / "a.xlsx", *table(name, headers=headers)))
    found = [sheet.headers, *(row.cells for row in rows_of(sheet))]
    assert small(tuple(found)) == small(LEADS)
    (notice,) = sheet.notices
    assert f"read as {name}" in notice


@BY_ENCODING
def test_a_column_in_unicode_beside_one_for_an_old_font_stays_as_it_is(tmp_path: Path, name: str) -> None:
    rows = [(*row, city) for row, (_, city) in zip(table(name), UNICODE * 2, strict=True)]
    sheet = opened(workbook(tmp_path / "a.xlsx", *rows))
    assert [row.cells[3] for row in rows_of(sheet)] == [city for _, city in (UNICODE * 2)[1:]]
    assert next(row.cells[1] for row in rows_of(sheet)).lower() == LEADS[1][1].lower()


@BY_ENCODING
def test_a_column_of_both_is_left_alone_and_told(tmp_path: Path, name: str) -> None:
    names = [*(row[1] for row in table(name)), "Lê Hoà", "Ngô Hoàng Vân"]
    rows = [("id", "tên"), *((str(number), text) for number, text in enumerate(names))]
    sheet = opened(workbook(tmp_path / "a.xlsx", *rows))
    assert [row.cells[1] for row in rows_of(sheet)] == names
    (notice,) = sheet.notices
    assert "as it stands" in notice


@pytest.mark.parametrize(
    "rows",
    [
        UNICODE,
        [("Lê Hà", "Hoà"), ("Vân", "Tú"), ("Ngô Hoàng", "Trà Cú"), ("Đỗ Thuý", "Tân Bình")],
        [("José Núñez", "São Paulo"), ("Müller", "Köln"), ("Zoë", "Besançon"), ("Åse", "Tromsø")],
        [("Nguyá»…n", "Tráº§n"), ("LÃª", "HoÃ ng"), ("Äá»—", "Pháº¡m")],
    ],
)
def test_other_text_is_never_converted(tmp_path: Path, rows: list[tuple[str, str]]) -> None:
    sheet = opened(workbook(tmp_path / "a.xlsx", ("name", "city"), *rows))
    assert [row.cells for row in rows_of(sheet)] == rows
    assert sheet.notices == ()


PEOPLE = "Nguyễn Trần Lê Hà Hoà Tú Vân Ngô Đỗ Trà Bình Tân Thuý Hùng Dũng Ánh Cường Hồ Mỹ Tùng Sơn Phú"
SYLLABLES = st.sampled_from(PEOPLE.split())
TEXTS = st.lists(SYLLABLES, min_size=1, max_size=3).map(" ".join)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(TEXTS, TEXTS), min_size=1, max_size=12))
def test_no_vietnamese_in_unicode_is_converted(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str]]
) -> None:
    path = workbook(tmp_path_factory.mktemp("book") / "a.xlsx", ("name", "city"), *rows)
    assert [row.cells for row in rows_of(opened(path))] == rows
