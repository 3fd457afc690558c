"""Phones: every way of writing one that is repaired, and every one that is not."""

from __future__ import annotations

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from importer.phones import CLEAN_PHONE, RETIRED_PREFIXES, plausible_phone, read_phone
from tests.test_values import CELLS, said


@pytest.mark.parametrize(
    ("text", "value", "repairs"),
    [
        ("+84901234433", "0901234433", ["country_code"]),
        ("84901234433", "0901234433", ["country_code"]),
        ("0084901234433", "0901234433", ["country_code"]),
        ("+840901234433", "0901234433", ["country_code"]),
        ("840901234433", "0901234433", ["country_code"]),
        ("+84 (0) 901 234 433", "0901234433", ["separators", "country_code"]),
        ("+84 (90) 123-44.33", "0901234433", ["separators", "country_code"]),
        ("(+84) 901 234 433", "0901234433", ["separators", "country_code"]),
        ("[0084] 901.234.433", "0901234433", ["separators", "country_code"]),
        ("＋８４９０１２３４４３３", "0901234433", ["wide_digits", "country_code"]),
        ("８４－９０１２３４４３３", "0901234433", ["wide_digits", "separators", "country_code"]),
        ("0901 234 433", "0901234433", ["separators"]),
        ("0901.234.433", "0901234433", ["separators"]),
        ("0901-234-433", "0901234433", ["separators"]),
        ("0901–234–433", "0901234433", ["separators"]),
        ("090/123/4433", "0901234433", ["separators"]),
        ("(028) 3812 3456", "02838123456", ["separators"]),
        ("028 - 38123456", "02838123456", ["separators"]),
        ("0901234433;", "0901234433", ["separators"]),
        ("0901\u00a0234\u00a0433", "0901234433", ["invisible_signs", "separators"]),
        ("\u202a0901234433\u202c", "0901234433", ["invisible_signs"]),
        ("'0901234433", "0901234433", ["apostrophe"]),
        ("’0901234433", "0901234433", ["apostrophe"]),
        ("０９０１２３４４３３", "0901234433", ["wide_digits"]),
        ("901234433", "0901234433", ["lost_zero"]),
        ("90 123 44 33", "0901234433", ["separators", "lost_zero"]),
        ("321234433", "0321234433", ["lost_zero"]),
        ("561234433", "0561234433", ["lost_zero"]),
        ("771234433", "0771234433", ["lost_zero"]),
        ("851234433", "0851234433", ["lost_zero"]),
        ("901234433.0", "0901234433", ["decimals", "lost_zero"]),
        ("901234433,00", "0901234433", ["decimals", "lost_zero"]),
        ("84901234433.0", "0901234433", ["decimals", "country_code"]),
        ("0901234.000", "0901234000", ["separators"]),
        ("2838123456", "02838123456", ["lost_zero"]),
        ("842838123456", "02838123456", ["country_code"]),
        ("+8402838123456", "02838123456", ["country_code"]),
        ("1691234433", "0391234433", ["lost_zero", "retired_prefix"]),
        ("+841691234433", "0391234433", ["country_code", "retired_prefix"]),
        ("0169 123 4433", "0391234433", ["separators", "retired_prefix"]),
        ("+84 841 234 433", "0841234433", ["separators", "country_code"]),
        ("+1 650 253 0000", "+16502530000", ["separators"]),
        ("1900 54 54 13", "1900545413", ["separators"]),
    ],
)
def test_a_phone_with_one_reading_is_repaired_and_it_is_noted(
    text: str, value: str, repairs: list[str]
) -> None:
    assert said("phone", text) == (value, repairs, "")


RENUMBERED = {
    **{"0162": "032", "0163": "033", "0164": "034", "0165": "035"},
    **{"0166": "036", "0167": "037", "0168": "038", "0169": "039"},
    **{"0120": "070", "0121": "079", "0122": "077", "0126": "076", "0128": "078"},
    **{"0123": "083", "0124": "084", "0125": "085", "0127": "081", "0129": "082"},
    **{"0186": "056", "0188": "058", "0199": "059"},
}


@pytest.mark.parametrize(("retired", "today"), RENUMBERED.items())
def test_every_prefix_that_was_retired_in_2018_becomes_todays(retired: str, today: str) -> None:
    value = f"{today}1234433"
    assert said("phone", f"{retired}1234433") == (value, ["retired_prefix"], "")
    assert said("phone", f"{retired[1:]}1234433") == (value, ["lost_zero", "retired_prefix"], "")
    assert said("phone", f"84{retired[1:]}1234433") == (value, ["country_code", "retired_prefix"], "")
    assert plausible_phone(value)


def test_no_other_prefix_was_retired() -> None:
    assert len(RETIRED_PREFIXES) == len(RENUMBERED)


@pytest.mark.parametrize(
    "text",
    [
        *("0901234433 / 0912345678", "0901234433, 0912345678", "0901234433;0912345678"),
        *("0901234433\n0912345678", "0901234433 - 0912345678", "0901234433 hoặc 0912345678"),
        *("0901234433 Hoặc 0912345678", "0901234433 0912345678", "0901 234 433 0912 345 678"),
        *("901234433 912345678", "09012344330912345678", "0901234433-0912345678", "0901234433/78"),
        *("(028) 38123456 - 12", "3812345/0901234433", "84901234433 84912345678"),
        *("Lan 0901234433, Mai 0912345678", "0901234433 & 0912345678", "0901234433|0912345678"),
    ],
)
def test_two_phones_in_a_cell_are_a_problem_with_and_without_repairs(text: str) -> None:
    for repair in (True, False):
        assert said("phone", text, repair=repair)[1:] == ([], "two_phones")


@pytest.mark.parametrize("text", ["841234433", "84 123 44 33", "841234433.0", "'841234433", "８41234433"])
def test_nine_digits_that_begin_with_84_are_a_problem_with_and_without_repairs(text: str) -> None:
    for repair in (True, False):
        assert said("phone", text, repair=repair)[1:] == ([], "ambiguous_phone")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("9.01E+08", "lost_digits"),
        ("9,01E+08", "lost_digits"),
        ("1234567890123456.0", "lost_digits"),
        ("09o1234433", "letters_in_phone"),
        ("090 gọi sau 5 giờ", "letters_in_phone"),
        ("0901234433, gọi sau 17h", "letters_in_phone"),
        ("SĐT: 0901234433", "letters_in_phone"),
        ("0901234433 hoặc", "letters_in_phone"),
        ("#0901234433", "bad_phone"),
        ("----", "bad_phone"),
        ("0901+234433", "bad_phone"),
        ("0901–234", "bad_phone"),
        ("0901234433#", "bad_phone"),
    ],
)
def test_what_is_no_phone_is_a_problem(text: str, problem: str) -> None:
    assert said("phone", text)[1:] == ([], problem)


@pytest.mark.parametrize(
    "text",
    ["090123443", "0901", "+84903", "09012344330", "1234567", "01012344330", "+84 (90) 123", "+0901234433"],
)
def test_an_implausible_phone_of_no_known_form_is_sent_as_it_stands_with_a_warning(text: str) -> None:
    for repair in (True, False):
        assert said("phone", text, repair=repair) == (text, ["implausible_phone"], "")


@pytest.mark.parametrize("text", ["١٢٣٤٥٦٧٨٩", "٠٩٠١٢٣٤٤٣٣"])
def test_digits_of_other_scripts_are_left_alone_with_a_warning(text: str) -> None:
    assert said("phone", text) == (text, ["implausible_phone"], "")


def test_a_phone_that_is_still_implausible_when_repaired_has_both_notes() -> None:
    assert said("phone", "711234433") == ("0711234433", ["lost_zero", "implausible_phone"], "")


@pytest.mark.parametrize("text", ["0901234433", "02838123456", "18001234", "+16502530000", "0592345678"])
def test_a_plausible_phone_is_sent_as_it_stands_without_a_note(text: str) -> None:
    for repair in (True, False):
        assert said("phone", text, repair=repair) == (text, [], "")


@given(st.from_regex(CLEAN_PHONE, fullmatch=True))
def test_the_library_accepts_every_phone_that_is_taken_at_first_sight(text: str) -> None:
    assert phonenumbers.is_valid_number(phonenumbers.parse(text, "VN"))


@given(CELLS)
def test_digits_are_changed_by_nothing_but_the_rules(text: str) -> None:
    found = read_phone(text)
    if found.problem or not found.repairs:
        assert found.value == text
        return
    before = "".join(sign for sign in text if sign.isdecimal())
    after = "".join(sign for sign in found.value if sign.isdecimal())
    if "decimals" in found.repairs:
        before = before[: len(before) - len(text.replace(",", ".").rpartition(".")[2])]
    if "country_code" in found.repairs:
        before = before.removeprefix("00").removeprefix("84").removeprefix("0")
    after = after.removeprefix("0") if {"country_code", "lost_zero"} & set(found.repairs) else after
    if "retired_prefix" in found.repairs:
        assert after[-7:] == before[-7:]
        assert RETIRED_PREFIXES[before[-10:-7]] == after[-9:-7]
    else:
        assert after == before
