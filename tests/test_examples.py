"""The example row: known again however it comes back, and never mistaken for a lead."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from importer.examples import MARK, example_cell, is_marked, is_untouched
from importer.templates import Field, customer_id_field, shipped_templates
from importer.values import read_value

FIELDS = {field.name: field for template in shipped_templates().values() for field in template.fields}
CUSTOMER_ID = customer_id_field()


@pytest.mark.parametrize(
    "cell", ["VÍ DỤ 1333", "Ví dụ: 1333", "ví dụ", "VI DU 1333", "vi  du 7", "VÍ\u00a0DỤ 1333", "Ví dụ-1"]
)
def test_a_marked_customer_id_is_known_however_it_is_spelt(cell: str) -> None:
    assert is_marked(cell)


@pytest.mark.parametrize("cell", ["", "1333", "VÍDỤ1333", "Ví dụng", "một ví dụ", "Vi Duong", "example 1333"])
def test_other_customer_ids_are_not_marked(cell: str) -> None:
    assert not is_marked(cell)


@given(st.sampled_from([MARK, "ví dụ", "VI\u00a0DU"]), st.text(max_size=20))
def test_no_marked_customer_id_can_be_sent(mark: str, more: str) -> None:
    cell = mark + more
    assert read_value("customer_id", cell, "Mã KH").problem or not is_marked(cell)


def test_the_example_shows_the_mark_in_front_of_the_customer_id_alone() -> None:
    assert example_cell(CUSTOMER_ID) == "VÍ DỤ 1333"
    assert example_cell(FIELDS["phone"]) == "0901234567"
    referrer = Field(name="referrer", title="Người giới thiệu", kind="customer_id", example="1334")
    assert example_cell(referrer) == "1334"


@pytest.mark.parametrize("field", [CUSTOMER_ID, *FIELDS.values()], ids=lambda field: field.name)
def test_a_cell_as_it_was_written_or_cleared_is_untouched(field: Field) -> None:
    assert is_untouched(field, example_cell(field))
    assert is_untouched(field, "")


@pytest.mark.parametrize(
    ("name", "cell", "untouched"),
    [
        ("phone", "901234567", True),
        ("phone", "0901 234 567", True),
        ("phone", "0901234568", False),
        ("identity_number", "79190001234", True),
        ("identity_number", "079190001235", False),
        ("name", "Nguyễn Thị Minh Ánh", False),
        ("customer_id", "Ví dụ: 1333", True),
        ("customer_id", "VÍ DỤ", True),
        ("customer_id", "VÍ DỤ 91333", False),
        ("customer_id", "VÍ DỤ 1334", False),
    ],
)
def test_a_cell_is_touched_once_another_value_is_read_in_it(name: str, cell: str, untouched: bool) -> None:
    assert is_untouched({"customer_id": CUSTOMER_ID, **FIELDS}[name], cell) is untouched


def test_whatever_stands_under_a_field_without_an_example_is_a_persons_own() -> None:
    city = Field(name="city", title="Thành phố")
    assert is_untouched(city, "")
    assert not is_untouched(city, "Huế")
