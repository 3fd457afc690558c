"""Inputs as JSON: exact, in order, and unmistakable; and the keys of leads, which ledgers hold for good."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from hashlib import blake2b
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from importer.identity import KEY_BYTES, lead_key, lead_keys
from importer.inputs import leaves, serialised, serialised_by_key, shown
from importer.model import Lead, Place
from importer.operations import create_application

NESTED = {"name": "An", "home": {"city": "Huế", "rooms": 3}, "income": Decimal("12.50"), "agrees": True}


def key(inputs: Mapping[str, object]) -> bytes:
    return lead_key("account", "sandbox", "1333", inputs)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"name": "Ánh 😀", "b": 'a"\\\n\u2028'}, '{"name":"Ánh 😀","b":"a\\"\\\\\\n\u2028"}'),
        (12345678901234567890, "12345678901234567890"),
        (Decimal("0.1"), "0.1"),
        (Decimal("12.50"), "12.5"),
        (Decimal("15E+6"), "15000000"),
        (Decimal("1.0"), "1"),
        (Decimal("-0.0"), "0"),
        (Decimal("100"), "100"),
        (Decimal("1E-7"), "0.0000001"),
        (Decimal("12345678901234567890.12345678901234567890"), "12345678901234567890.1234567890123456789"),
        (True, "true"),
        (NESTED, '{"name":"An","home":{"city":"Huế","rooms":3},"income":12.5,"agrees":true}'),
        ([Decimal("0.5"), "x", {}], '[0.5,"x",{}]'),
        (MappingProxyType({"b": 1}), '{"b":1}'),
    ],
)
def test_a_value_is_json_without_blanks_with_all_its_digits(value: object, text: str) -> None:
    assert serialised(value) == text


@pytest.mark.parametrize("value", [Decimal("NaN"), Decimal("-Infinity"), float("nan"), float("inf")])
def test_what_json_has_no_number_for_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match=r"JSON"):
        serialised({"a": value})


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
NUMBERS = st.decimals(allow_nan=False, allow_infinity=False, places=12) | st.integers()
VALUES = st.recursive(
    TEXT | NUMBERS | st.booleans(), lambda inner: st.dictionaries(TEXT, inner, max_size=3), max_leaves=5
)
INPUTS = st.dictionaries(TEXT, VALUES, max_size=3)


@given(inputs=INPUTS, sort_keys=st.booleans())
def test_what_is_read_again_is_what_was_written(inputs: dict[str, Any], sort_keys: bool) -> None:
    assert json.loads(serialised(inputs, sort_keys=sort_keys), parse_float=Decimal) == inputs


@given(inputs=INPUTS)
def test_without_decimals_it_is_what_the_standard_library_writes(inputs: dict[str, Any]) -> None:
    plain = json.loads(serialised(inputs), parse_float=str)
    assert serialised(plain) == json.dumps(plain, ensure_ascii=False, separators=(",", ":"))


@given(values=st.lists(INPUTS, max_size=4) | st.lists(st.fixed_dictionaries({"a%s": TEXT, '"': TEXT})))
def test_many_inputs_are_each_what_they_are_alone(values: list[dict[str, Any]]) -> None:
    alone = [serialised(value, sort_keys=True) for value in values]
    assert serialised_by_key(values) == alone
    keys = [blake2b(f'["a","local","1",{text}]'.encode(), digest_size=KEY_BYTES).digest() for text in alone]
    assert lead_keys("a", "local", [("1", value) for value in values]) == keys


def test_the_request_has_the_inputs_in_their_order_with_exact_numbers() -> None:
    body = create_application(Lead(Place("x", "", 2), "1333", NESTED)).content.decode()
    inputs = r"{\"name\":\"An\",\"home\":{\"city\":\"Huế\",\"rooms\":3},\"income\":12.5,\"agrees\":true}"
    assert body == f'{{"customer_id":"1333","inputs":"{inputs}"}}'


def test_the_key_of_a_lead_in_a_ledger_of_the_field_is_still_its_key() -> None:
    inputs = {"name": "Nguyễn Thị Minh Anh", "phone": "0901234567", "address": '101 "Nguyễn Văn Cừ"\\'}
    assert key(inputs).hex() == "1cfc8fcf847c0b2de00df4e40b62f5a7"


def test_the_key_of_a_lead_with_every_type_is_fixed_too() -> None:
    assert key(NESTED).hex() == "7b012917ba6672ab39ced37db5017855"


def test_equal_inputs_have_one_key_whatever_their_order_and_their_zeros() -> None:
    turned = {"agrees": True, "income": Decimal("12.5"), "home": {"rooms": Decimal("3.0"), "city": "Huế"}}
    assert key(NESTED) == key({**turned, "name": "An"})


def test_values_of_different_types_make_different_leads() -> None:
    values: list[object] = [1, "1", True, "true", {"b": 1}, '{"b":1}', {"b": "1"}, Decimal("1.5"), "1.5", ""]
    assert len({key({"a": value}) for value in values} | {key({}), key({"a.b": 1})}) == len(values) + 2


def test_each_value_of_an_object_has_a_dotted_name() -> None:
    assert list(leaves({"a": "1", "b": {"c": {"d": 2}, "e": True}})) == [
        ("a", "1"),
        ("b.c.d", 2),
        ("b.e", True),
    ]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("name", "An"),
        ("home.city", "Huế"),
        ("home.rooms", "3"),
        ("home", '{"city":"Huế","rooms":3}'),
        ("income", "12.5"),
        ("agrees", "true"),
        ("name.first", ""),
        ("home.street", ""),
        ("phone", ""),
    ],
)
def test_a_value_is_shown_as_it_is_sent(name: str, text: str) -> None:
    assert shown(NESTED, name) == text
