"""Formulas: what a spreadsheet would run is defused, and comes back exactly as it was."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from importer.formulas import defuse, undefuse

SIGNS = "=+-@＝＋－＠\t\r\n\0"

# Mostly the signs that decide, since text at random hardly ever begins with one of them.
tricky = st.text(st.sampled_from(f"'{SIGNS} \u00a0\u200b\ufeff1a")) | st.text()


@pytest.mark.parametrize("sign", SIGNS)
def test_a_text_that_begins_with_a_sign_of_a_formula_gets_an_apostrophe(sign: str) -> None:
    assert defuse(f"{sign}1+1") == f"'{sign}1+1"


@pytest.mark.parametrize("blank", [" ", "   ", "\u00a0", "\u3000", "\u200b", "\ufeff", " \u2060 "])
def test_blanks_do_not_hide_a_formula(blank: str) -> None:
    assert (
        defuse(f'{blank}=HYPERLINK("https://example.com")') == f'\'{blank}=HYPERLINK("https://example.com")'
    )


@pytest.mark.parametrize(
    "text", ["", " ", "Nguyễn", "141952217564315671", "0901234567", "a=b", "1-2", "'", "'a"]
)
def test_other_text_stays_as_it_is(text: str) -> None:
    assert defuse(text) == text
    assert undefuse(text) == text


def test_a_formula_behind_an_apostrophe_gets_a_second_one() -> None:
    assert defuse("'=1") == "''=1"
    assert undefuse("''=1") == "'=1"
    assert undefuse("'=1") == "=1"


def test_a_formula_that_was_never_defused_is_left_alone() -> None:
    assert undefuse("=1") == "=1"
    assert undefuse("+84901234567") == "+84901234567"


@given(tricky)
@example("'")
@example("' '=1")
@example("'\n")
def test_what_was_defused_comes_back_exactly(text: str) -> None:
    assert undefuse(defuse(text)) == text


@given(tricky)
def test_nothing_that_was_defused_begins_like_a_formula(text: str) -> None:
    shown = defuse(text).lstrip(" \u00a0\u200b\ufeff")
    assert shown == "-" or not shown.startswith(tuple(SIGNS))


def test_a_dash_alone_is_no_formula() -> None:
    assert defuse("-") == undefuse("-") == "-"
    assert undefuse("'-") == "'-"
