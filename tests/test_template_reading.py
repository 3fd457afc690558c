"""One cell to one input: by type, kind, pattern and allowed values."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from importer.inputs import serialised
from importer.model import NumberText
from importer.remarks import PROBLEMS
from importer.templates import Field, Type, Value, values_of
from importer.templates.reading import MATCHED_LIMIT, cleanness, folded, read_input

TEXT = Field(name="x", title="X")
NUMBER = Field(name="x", title="X", type="number")
INTEGER = Field(name="x", title="X", type="integer")
BOOLEAN = Field(name="x", title="X", type="boolean")
PRODUCT = replace(TEXT, allowed=("Vay tiêu dùng", "Vay mua nhà", "C++", "C"))
CODE = replace(TEXT, pattern="CTV-[0-9]{4}", hint="CTV- and four digits")


def said(field: Field, text: str, *, repair: bool = True) -> tuple[Value | None, list[str], str]:
    """Return the value, the codes of what is noted, and the code of the problem."""
    reading = read_input(field, text, "Cột", repair=repair)
    problem = reading.problem.code if reading.problem else ""
    return reading.value, [remark.code for remark in reading.remarks], problem


def message(field: Field, text: str) -> str:
    problem = read_input(field, text, "Cột").problem
    assert problem is not None
    assert problem.column == "Cột"
    return problem.message


@pytest.mark.parametrize(
    ("field", "text", "value", "notes"),
    [
        (NUMBER, "12.000.000", 12000000, []),
        (NUMBER, "12,5", Decimal("12.5"), []),
        (NUMBER, "1.0", 1, []),
        (NUMBER, "15000000\u00a0đ", 15000000, ["invisible_signs", "currency"]),
        (NUMBER, "'12", 12, ["apostrophe"]),
        (NUMBER, "１２", 12, ["wide_digits"]),
        (NUMBER, "1234567890123456", 1234567890123456, ["many_digits"]),
        (NUMBER, NumberText("1.125"), Decimal("1.125"), []),
        (replace(NUMBER, decimal=","), NumberText("1.125"), Decimal("1.125"), []),
        (replace(NUMBER, decimal=","), "1.125", 1125, []),
        (replace(NUMBER, allowed=(6, Decimal("1.5"))), "1,50", Decimal("1.5"), []),
        (INTEGER, "12,0", 12, []),
        (INTEGER, "0", 0, []),
        (replace(BOOLEAN, allowed=(True,)), "có", True, []),
        (PRODUCT, "Vay tiêu dùng", "Vay tiêu dùng", []),
        (PRODUCT, "VAY  tieu dùng", "Vay tiêu dùng", ["spelling"]),
        (PRODUCT, "vay\u00a0mua nhà", "Vay mua nhà", ["invisible_signs", "spelling"]),
        (PRODUCT, "c", "C", ["spelling"]),
        (PRODUCT, "c++", "C++", ["spelling"]),
        (CODE, "CTV-0001", "CTV-0001", []),
        (CODE, "'CTV-0001", "CTV-0001", ["apostrophe"]),
        (
            replace(TEXT, kind="phone", pattern="09.*"),
            "+84 901 234 433",
            "0901234433",
            ["separators", "country_code"],
        ),
    ],
)
def test_a_cell_is_a_value_of_the_type_of_its_field(
    field: Field, text: str, value: Value, notes: list[str]
) -> None:
    found, noted, problem = said(field, text)
    assert (found, type(found), noted, problem) == (value, type(value), notes, "")


@pytest.mark.parametrize(
    "text", ["TRUE", "true", "yes", "Có", "CO", "đúng", "Đúng", "1", "x", "X", "✓", "☑", "'1", "１"]
)
def test_what_means_true_is_true(text: str) -> None:
    assert said(BOOLEAN, text)[0] is True


@pytest.mark.parametrize("text", ["FALSE", "false", "No", "không", "KHÔNG", "khong", "sai", "0"])
def test_what_means_false_is_false(text: str) -> None:
    assert said(BOOLEAN, text)[0] is False


@pytest.mark.parametrize(
    ("field", "text", "problem"),
    [
        (NUMBER, "12.000", "ambiguous_number"),
        (NUMBER, "mười", "bad_number"),
        (INTEGER, "12,5", "not_whole"),
        (INTEGER, "12.000", "ambiguous_number"),
        (BOOLEAN, "maybe", "bad_boolean"),
        (BOOLEAN, "2", "bad_boolean"),
        (BOOLEAN, "k", "bad_boolean"),
        (BOOLEAN, "-", "bad_boolean"),
        (replace(BOOLEAN, allowed=(True,)), "không", "not_allowed"),
        (replace(INTEGER, allowed=(6, 12)), "7", "not_allowed"),
        (PRODUCT, "Vay khác", "not_allowed"),
        (CODE, "CTV-00012", "bad_form"),
        (CODE, "a CTV-0001", "bad_form"),
        (replace(TEXT, pattern="a*"), "a" * (MATCHED_LIMIT + 1), "too_long"),
        (replace(TEXT, kind="email", allowed=("a@example.com",)), "a.example.com", "bad_email"),
        (NUMBER, "\ud800", "bad_number"),
        (TEXT, "\ud800", "broken_text"),
    ],
)
def test_a_cell_that_is_no_value_of_its_field_is_a_problem(field: Field, text: str, problem: str) -> None:
    assert said(field, text)[2] == problem


@pytest.mark.parametrize("field", [TEXT, NUMBER, BOOLEAN, CODE, PRODUCT])
def test_a_cell_of_which_a_repair_leaves_nothing_is_empty(field: Field) -> None:
    assert said(field, "\u00ad") == (None, ["invisible_signs"], "")


def test_a_problem_says_what_would_be_right() -> None:
    assert message(PRODUCT, "x") == (
        "the value is none of those that the template allows: Vay tiêu dùng, Vay mua nhà, C++, C"
    )
    assert message(CODE, "x").endswith("asks for: CTV- and four digits")
    assert message(replace(CODE, hint=""), "x").endswith("asks for: CTV-[0-9]{4}")
    assert message(replace(NUMBER, decimal=","), "1.5").endswith("the template names: the comma")
    assert "có or không" in message(BOOLEAN, "x y")


def test_of_many_allowed_values_the_first_are_named() -> None:
    many = replace(INTEGER, allowed=tuple(range(20)))
    assert message(many, "99").endswith(": 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 and 8 more")


@pytest.mark.parametrize(
    ("field", "text", "value", "notes", "problem"),
    [
        (NUMBER, "12.000.000", 12000000, [], ""),
        (BOOLEAN, "có", True, [], ""),
        (NUMBER, "5 đ", None, [], "bad_number"),
        (BOOLEAN, "'1", None, [], "bad_boolean"),
        (PRODUCT, "vay mua nhà", None, [], "not_allowed"),
        (TEXT, "a\u00a0b", "a\u00a0b", ["invisible_signs"], ""),
    ],
)
def test_without_repairs_what_needs_one_is_a_problem_where_it_cannot_be_sent_as_it_stands(
    field: Field, text: str, value: Value | None, notes: list[str], problem: str
) -> None:
    found, noted, code = said(field, text, repair=False)
    assert (noted, code) == (notes, problem)
    assert problem or found == value


def test_case_accents_and_blanks_do_not_count_but_signs_do() -> None:
    assert folded(" ĐÀ  Nẵng") == folded("da nang") != folded("da-nang")


FIELDS = st.sampled_from(
    [TEXT, NUMBER, INTEGER, BOOLEAN, PRODUCT, CODE, replace(NUMBER, decimal=","), replace(TEXT, kind="phone")]
)
CELLS = st.text(min_size=1, max_size=20) | st.text("0123456789.,- đxXvV", min_size=1, max_size=12)
TYPES_OF: dict[Type, tuple[Any, ...]] = {
    "string": (str,),
    "number": (int, Decimal),
    "integer": (int,),
    "boolean": (bool,),
}


@given(field=FIELDS, text=CELLS, repair=st.booleans())
def test_whatever_a_cell_holds_it_is_a_value_of_the_type_nothing_or_a_problem(
    field: Field, text: str, repair: bool
) -> None:
    reading = read_input(field, text, "Cột", repair=repair)
    if reading.problem:
        assert reading.problem.message.startswith(PROBLEMS[reading.problem.code])
    elif reading.value is not None:
        assert type(reading.value) in TYPES_OF[field.type]
        assert serialised(reading.value)
        assert not field.allowed or reading.value in field.allowed


@given(field=FIELDS, text=CELLS)
def test_what_is_clean_at_first_sight_is_read_as_it_stands(field: Field, text: str) -> None:
    if cleanness(field)(text):
        assert said(field, text) == (text, [], "")


@pytest.mark.parametrize(
    ("field", "told"),
    [
        (TEXT, ""),
        (replace(TEXT, required=False), "may be empty"),
        (replace(TEXT, default=""), "else empty"),
        (replace(TEXT, within=("home",)), "may be empty together with all of home"),
        (replace(NUMBER, default=Decimal("0.5")), "number; else 0.5"),
        (replace(BOOLEAN, constant=True), "always true"),
        (PRODUCT, "one of: Vay tiêu dùng, Vay mua nhà, C++, C"),
        (CODE, "CTV- and four digits"),
        (replace(CODE, hint=""), "matches CTV-[0-9]{4}"),
    ],
)
def test_the_values_of_a_field_are_told_in_a_few_words(field: Field, told: str) -> None:
    assert values_of(field) == told
