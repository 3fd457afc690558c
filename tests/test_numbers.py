"""Numbers as people write them: one reading is taken, exactly, and two are none."""

from __future__ import annotations

import re
from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from importer.model import NumberText
from importer.numbers import DIGITS_LIMIT, DecimalSign, exact, read_number


def said(text: str, decimal: DecimalSign = "") -> str:
    found = read_number(text, decimal)
    return found.problem or found.value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", "0"),
        ("12", "12"),
        ("15000000", "15000000"),
        ("12.000.000", "12000000"),
        ("12,000,000", "12000000"),
        ("12 000 000", "12000000"),
        ("12 000", "12000"),
        ("12,5", "12.5"),
        ("1.5", "1.5"),
        ("1.50", "1.5"),
        ("12,0", "12"),
        ("15000000.0", "15000000"),
        ("12.000.000,5", "12000000.5"),
        ("12,000,000.25", "12000000.25"),
        ("1.234,567", "1234.567"),
        ("12 000,125", "12000.125"),
        ("0,125", "0.125"),
        ("0.1", "0.1"),
        ("1234.567", "1234.567"),
        ("1.2340", "1.234"),
        ("-5", "-5"),
        ("\u22125,5", "-5.5"),
        ("+5", "5"),
        ("-0", "0"),
        ("-0,00", "0"),
        ("12345678901234567890", "12345678901234567890"),
        ("0.12345678901234567890123", "0.12345678901234567890123"),
        ("9" * DIGITS_LIMIT, "9" * DIGITS_LIMIT),
    ],
)
def test_a_text_with_one_reading_is_that_number(text: str, value: str) -> None:
    assert said(text) == value


@pytest.mark.parametrize("text", ["12.000", "1,234", "-12.500", "999.999", "1.000 đ"])
def test_a_text_with_two_readings_is_no_number_until_the_template_settles_it(text: str) -> None:
    assert said(text) == "ambiguous_number"
    assert {said(text, ","), said(text, ".")}.isdisjoint({"ambiguous_number", "bad_number", "other_decimals"})


@pytest.mark.parametrize(
    ("text", "decimal", "value"),
    [
        ("12.000", ",", "12000"),
        ("12.000", ".", "12"),
        ("1,234", ",", "1.234"),
        ("1,234", ".", "1234"),
        ("12,5", ",", "12.5"),
        ("12 000,5", ",", "12000.5"),
        ("1500", ",", "1500"),
        ("12.5", ",", "other_decimals"),
        ("12,5", ".", "other_decimals"),
        ("12.000.000", ".", "other_decimals"),
        ("1.2.3", ".", "bad_number"),
    ],
)
def test_the_sign_that_the_template_names_is_the_only_one_before_decimals(
    text: str, decimal: DecimalSign, value: str
) -> None:
    assert said(text, decimal) == value


@pytest.mark.parametrize(
    ("text", "value", "repairs"),
    [
        ("15000000 đ", "15000000", ("currency",)),
        ("15.000.000đ", "15000000", ("currency",)),
        ("15000000 VNĐ", "15000000", ("currency",)),
        ("15000000 vnd", "15000000", ("currency",)),
        ("₫15000000", "15000000", ("currency",)),
        ("15000000 Đồng", "15000000", ("currency",)),
        ("007", "7", ("leading_zeros",)),
        ("00", "0", ("leading_zeros",)),
        ("010,5 đ", "10.5", ("currency", "leading_zeros")),
    ],
)
def test_what_stands_beside_a_number_or_in_front_of_its_digits_is_removed_with_a_note(
    text: str, value: str, repairs: tuple[str, ...]
) -> None:
    found = read_number(text)
    assert (found.value, found.repairs, found.problem) == (value, repairs, "")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("12%", "percentage"),
        ("12,5 %", "percentage"),
        ("1.5E+10", "lost_digits"),
        ("1e-05", "lost_digits"),
        ("12.05.2024", "bad_number"),
        ("2024-05-12", "bad_number"),
        ("1.000.00", "bad_number"),
        ("0.123.456", "bad_number"),
        ("12.000 000", "bad_number"),
        ("1,23,456", "bad_number"),
        (".5", "bad_number"),
        ("5.", "bad_number"),
        ("(5)", "bad_number"),
        ("- 5", "bad_number"),
        ("--5", "bad_number"),
        ("đ5đ", "bad_number"),
        ("$5", "bad_number"),
        ("15tr", "bad_number"),
        ("1/2", "bad_number"),
        ("NaN", "bad_number"),
        ("inf", "bad_number"),
        ("٣", "bad_number"),
        ("½", "bad_number"),
        ("5\n", "bad_number"),
        ("", "bad_number"),
        ("9" * (DIGITS_LIMIT + 1), "bad_number"),
    ],
)
def test_what_is_no_number_is_a_problem(text: str, problem: str) -> None:
    assert said(text) == problem


@pytest.mark.parametrize(
    ("value", "text"),
    [(1.125, "1.125"), (-0.5, "-0.5"), (1e-05, "0.00001"), (1234.5, "1234.5"), (5e-324, "bad_number")],
)
@pytest.mark.parametrize("decimal", ["", ",", "."])
def test_the_number_of_a_workbook_has_one_reading(value: float, text: str, decimal: DecimalSign) -> None:
    assert said(NumberText(repr(value)), decimal) == text


@pytest.mark.parametrize("text", ["nan", "inf", "-inf"])
def test_what_a_float_can_be_besides_a_number_is_none(text: str) -> None:
    assert said(NumberText(text)) == "bad_number"


@pytest.mark.parametrize(
    ("text", "warned"),
    [("123456789012345", False), ("1234567890123456", True), ("0.00000000000000001", False)],
)
def test_more_digits_than_programs_keep_are_doubtful(text: str, warned: bool) -> None:
    assert (read_number(text).warning == "many_digits") == warned


def test_a_number_has_all_its_digits() -> None:
    assert exact("12345678901234567890") == 12345678901234567890
    assert exact("-0.1") == Decimal("-0.1")


def strict_readings(text: str, decimal: str) -> set[Decimal]:
    """Return every number that `text` can be, by taking marks out and putting them in again."""
    found = set()
    sign, body = (-1, text[1:]) if text[:1] in "-\u2212" and text else (1, text.removeprefix("+"))
    for before_decimals in decimal or ",.":
        for mark in {",", ".", " ", ""} - {before_decimals}:
            whole, point, decimals = body.partition(before_decimals)
            digits = whole.replace(mark, "") if mark else whole
            if not (digits.isascii() and digits.isdigit()) or (point and not decimals.isdigit()):
                continue
            if not decimals.isascii() or sum(map(str.isdigit, body)) > DIGITS_LIMIT:
                continue
            if mark and mark in whole and f"{int(digits):,}".replace(",", mark) != whole:
                continue
            if mark and mark in whole and whole.startswith("0"):
                continue
            found.add(sign * Decimal(f"{digits}.{decimals or 0}"))
    return found


WRITTEN = st.text("0123456789., -+", max_size=14) | st.from_regex(
    r"[-+]?[0-9]{1,3}([., ][0-9]{3}){0,3}([.,][0-9]{1,4})?", fullmatch=True
)


@given(text=WRITTEN, decimal=st.sampled_from(["", ",", "."]))
@example(text="12.000", decimal="")
@example(text="1.234,5", decimal="")
@example(text="0.000", decimal="")
@example(text="0 ", decimal="")
def test_a_number_is_taken_exactly_when_there_is_one_reading_and_it_is_that(
    text: str, decimal: DecimalSign
) -> None:
    readings = strict_readings(text, decimal)
    found = read_number(text, decimal)
    if found.problem:
        assert len(readings) != 1
        assert (found.problem == "ambiguous_number") == (len(readings) > 1)
    else:
        assert readings == {Decimal(exact(found.value))}
        assert re.fullmatch(r"-?(0|[1-9]\d*)(\.\d*[1-9])?", found.value)


@given(
    text=st.text(max_size=40) | st.text("0123456789.,eE+-% đ₫VND", max_size=40),
    decimal=st.sampled_from(["", ",", "."]),
)
def test_whatever_a_cell_holds_it_is_a_number_or_a_problem(text: str, decimal: DecimalSign) -> None:
    found = read_number(text, decimal)
    assert bool(found.problem) != isinstance(exact(found.value) if not found.problem else None, int | Decimal)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_the_number_of_a_cell_is_that_of_the_workbook(value: float) -> None:
    found = read_number(NumberText(repr(value)))
    assert found.problem or float(found.value) == value
