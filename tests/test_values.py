"""One cell to a value: what is repaired, what is told, what is refused, and what is left alone."""

from __future__ import annotations

import subprocess
import sys

import pytest
from email_validator import validate_email
from hypothesis import example, given
from hypothesis import strategies as st

from importer.formulas import undefuse
from importer.remarks import PROBLEMS, REPAIRS, WARNINGS
from importer.templates import KINDS, Kind
from importer.values import (
    CLEAN_EMAIL,
    IS_CLEAN,
    PROVINCE_CODES,
    clean_cells,
    fault_of,
    plausible_email,
    read_value,
)


def said(kind: Kind, text: str, *, repair: bool = True) -> tuple[str, list[str], str]:
    """Return the value, the codes of what is noted, and the code of the problem."""
    reading = read_value(kind, text, "Cột", repair=repair)
    problem = reading.problem.code if reading.problem else ""
    return reading.value, [remark.code for remark in reading.remarks], problem


# Repairs


@pytest.mark.parametrize(
    ("kind", "text", "value", "repairs"),
    [
        ("identity_number", "12345678", "012345678", ["lost_zeros"]),
        ("identity_number", "12345678.0", "012345678", ["decimals", "lost_zeros"]),
        ("identity_number", "79190001234", "079190001234", ["lost_zeros"]),
        ("identity_number", "1190001234", "001190001234", ["lost_zeros"]),
        ("identity_number", "8190001234", "008190001234", ["lost_zeros"]),
        ("identity_number", "'79190001234", "079190001234", ["apostrophe", "lost_zeros"]),
        ("identity_number", "０79190001234", "079190001234", ["wide_digits"]),
        ("identity_number", "\u202a079190001234\u202c", "079190001234", ["invisible_signs"]),
        ("identity_number", "079190001234.0", "079190001234", ["decimals"]),
        ("identity_number", "0011 9001 2362", "001190012362", ["separators"]),
        ("identity_number", "079.190.012.349", "079190012349", ["separators"]),
        ("identity_number", "001\xa0190012345", "001190012345", ["invisible_signs", "separators"]),
        ("identity_number", "123-456-789", "123456789", ["separators"]),
        ("customer_id", '="0012"', "0012", ["text_formula"]),
        ("phone", '="0901234567"', "0901234567", ["text_formula"]),
        ("phone", '="901234567"', "0901234567", ["text_formula", "lost_zero"]),
        ("text", '="Nguyễn An"', "Nguyễn An", ["text_formula"]),
        ("customer_id", "1333.0", "1333", ["decimals"]),
        ("customer_id", "１３３３", "1333", ["wide_digits"]),
        ("customer_id", "'1333", "1333", ["apostrophe"]),
        ("customer_id", "\ufeff1333\u00a0", "1333", ["invisible_signs"]),
        ("email", "\u200bminh.anh@example.com", "minh.anh@example.com", ["invisible_signs"]),
        ("email", "minh.anh@exam\u00adple.com\u00a0", "minh.anh@example.com", ["invisible_signs"]),
        ("email", "'minh.anh@example.com", "minh.anh@example.com", ["apostrophe"]),
        ("text", "Lê\u00a0Lợi", "Lê Lợi", ["invisible_signs"]),
        ("text", "Lê\u200b Lợi", "Lê Lợi", ["invisible_signs"]),
        ("text", "Le\u00ad\u0302", "Lê", ["invisible_signs"]),
        ("text", "Minh\u200dAnh", "MinhAnh", ["invisible_signs"]),
        ("text", "'12 Lê Lợi", "12 Lê Lợi", ["apostrophe"]),
        ("text", "' 12 Lê Lợi", "12 Lê Lợi", ["apostrophe"]),
    ],
)
def test_a_value_with_one_reading_is_repaired_and_it_is_noted(
    kind: Kind, text: str, value: str, repairs: list[str]
) -> None:
    assert said(kind, text) == (value, repairs, "")
    assert {remark.kind for remark in read_value(kind, text, "Cột").remarks} == {"repair"}


@pytest.mark.parametrize("code", sorted(PROVINCE_CODES))
def test_a_cccd_of_every_province_that_begins_with_zero_gets_its_zeros_back(code: str) -> None:
    whole = f"{code}190001234"
    assert said("identity_number", whole.lstrip("0")) == (whole, ["lost_zeros"], "")


def test_there_are_63_provinces() -> None:
    assert len(PROVINCE_CODES) == 63
    assert {min(PROVINCE_CODES), max(PROVINCE_CODES)} == {"001", "096"}


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("text", "1333.0"),
        ("text", "101 Nguyễn Văn Cừ\nQuận 5"),
        ("text", "１０１ Nguyễn Văn Cừ"),
        ("text", "'Tí' Uyên"),
        ("text", "nhà 👨\u200d👩\u200d👧"),
        ("text", "می\u200cخواهم"),
        ("customer_id", "kh-1333"),
        ("customer_id", "0001333"),
        ("customer_id", "-1"),
        ("email", "d'arc@example.com"),
        ("email", "tên@example.com"),
        ("identity_number", "000000000"),
        ("identity_number", "999190001234"),
    ],
)
def test_a_value_that_needs_no_repair_is_sent_as_it_stands_without_a_note(kind: Kind, text: str) -> None:
    for repair in (True, False):
        assert said(kind, text, repair=repair) == (text, [], "")


# Problems and warnings


@pytest.mark.parametrize(
    ("kind", "text", "problem"),
    [
        ("text", "\ud800", "broken_text"),
        ("phone", "\udfff", "broken_text"),
        ("customer_id", "1.41952E+17", "lost_digits"),
        ("customer_id", "1E17", "lost_digits"),
        ("customer_id", "1234567890123456.0", "lost_digits"),
        ("customer_id", "12\u00a034", "bad_customer_id"),
        ("customer_id", "12 34", "bad_customer_id"),
        ("identity_number", "7.9E+10", "lost_digits"),
        ("identity_number", "1234567", "bad_identity_number"),
        ("identity_number", "3190001234", "bad_identity_number"),
        ("identity_number", "97190001234", "bad_identity_number"),
        ("identity_number", "00119000123", "bad_identity_number"),
        ("identity_number", "0791900012345", "bad_identity_number"),
        ("identity_number", "079 190 001 23", "bad_identity_number"),
        ("identity_number", "B1234567", "bad_identity_number"),
        ("identity_number", "١٢٣٤٥٦٧٨", "bad_identity_number"),
        ("email", "a.example.com", "bad_email"),
        ("email", "a b@example.com", "bad_email"),
        ("email", "a@example.com; b@example.com", "bad_email"),
    ],
)
def test_what_is_no_value_of_its_kind_is_a_problem(kind: Kind, text: str, problem: str) -> None:
    for repair in (True, False):
        assert said(kind, text, repair=repair)[1:] == ([], problem)


@pytest.mark.parametrize(
    "text",
    [
        *("a..b@example.com", ".a@example.com", "a@foo.test", "a@foo.localhost", "a@-b.com", "a@b--.com"),
        *("a@b.c1", "a@example.com.", "a@xn--a.vn", "a,b@example.com"),
    ],
)
def test_an_address_that_the_library_finds_implausible_is_sent_with_a_warning(text: str) -> None:
    value, notes, problem = said("email", text)
    if fault_of("email", text):
        assert problem == "bad_email"
    else:
        assert (value, notes, problem) == (text, ["implausible_email"], "")
    assert not plausible_email(text)


# Without repairs


@pytest.mark.parametrize(
    ("kind", "text", "notes"),
    [
        ("text", "Lê\u00a0Lợi", ["invisible_signs"]),
        ("text", "'", ["apostrophe"]),
        ("customer_id", "'1333", ["apostrophe"]),
        ("email", "'a@example.com", ["apostrophe"]),
        ("phone", "+84 901 234 433", ["separators", "country_code"]),
        ("phone", "901234433", ["lost_zero"]),
        ("phone", "01691234433", ["retired_prefix"]),
    ],
)
def test_without_repairs_a_value_is_sent_as_it_stands_with_a_warning_for_each_it_lacks(
    kind: Kind, text: str, notes: list[str]
) -> None:
    assert said(kind, text, repair=False) == (text, notes, "")
    for remark in read_value(kind, text, "Cột", repair=False).remarks:
        assert remark.kind == "warning"
        assert str(remark) == f"Cột: not repaired: {REPAIRS[remark.code].left}"


@pytest.mark.parametrize(
    ("kind", "text", "problem"),
    [
        ("customer_id", "1333.0", "lost_digits"),
        ("customer_id", "1333\u00a0", "bad_customer_id"),
        ("identity_number", "79190001234", "bad_identity_number"),
        ("phone", "901234433.0", "lost_digits"),
        ("phone", "0901–234–433", "bad_phone"),
    ],
)
def test_without_repairs_a_value_that_cannot_be_sent_as_it_stands_is_a_problem(
    kind: Kind, text: str, problem: str
) -> None:
    assert said(kind, text)[2] == ""
    assert said(kind, text, repair=False)[1:] == ([], problem)


# Whatever comes

SIGNS = st.characters() | st.sampled_from(
    "0123456789084.,+-/'()’ \u00a0\u200b\u200d\u00ad\u0302０９@aE\ud800"
)
CELLS = st.text(SIGNS, min_size=1, max_size=25) | st.from_regex(
    r"['(+]?[0-9 ]{0,4}(84|0|1[26])?[0-9]{5,11}[.,]?[0-9 /-]{0,8}", fullmatch=True
)
KIND = st.sampled_from(KINDS)


@given(kind=KIND, text=CELLS, repair=st.booleans())
def test_no_cell_raises_and_all_that_is_said_of_it_is_in_the_catalogue(
    kind: Kind, text: str, repair: bool
) -> None:
    reading = read_value(kind, text, "Cột", repair=repair)
    if reading.problem:
        assert reading.problem.message == PROBLEMS[reading.problem.code]
    for remark in reading.remarks:
        assert remark.code in REPAIRS or remark.code in WARNINGS
        assert remark.kind == "repair" or not repair or remark.code in WARNINGS
        assert remark.column == "Cột"


@given(kind=KIND, text=CELLS)
@example(kind="text", text="'\u00ad\u0302'")
@example(kind="text", text="a\u200b\u200d\u200b")
def test_what_was_repaired_needs_no_repair(kind: Kind, text: str) -> None:
    reading = read_value(kind, text, "")
    if reading.value and not reading.problem:
        again = read_value(kind, reading.value, "")
        assert (again.value, again.problem) == (reading.value, None)
        assert {remark.kind for remark in again.remarks} <= {"warning"}
        assert fault_of(kind, reading.value) == ""


@given(kind=KIND, text=CELLS)
def test_a_value_is_changed_exactly_when_a_repair_is_noted(kind: Kind, text: str) -> None:
    reading = read_value(kind, text, "")
    if not reading.problem:
        repaired = any(remark.kind == "repair" for remark in reading.remarks)
        assert repaired == (reading.value != text)


@given(kind=KIND, text=CELLS)
def test_without_repairs_nothing_is_changed(kind: Kind, text: str) -> None:
    assert said(kind, text, repair=False)[0] == text or said(kind, text, repair=False)[2]


@given(kind=st.sampled_from(["text", "customer_id", "identity_number", "email"]), text=CELLS)
def test_digits_are_changed_by_nothing_but_the_rules(kind: Kind, text: str) -> None:
    value, notes, problem = said(kind, text)
    if problem:
        return
    if kind not in ("text", "email"):
        text = text.translate({0xFF10 + digit: str(digit) for digit in range(10)})
    if "decimals" in notes:
        text = text.replace(",", ".").rpartition(".")[0]
    before = "".join(sign for sign in text if sign.isdigit())
    after = "".join(sign for sign in value if sign.isdigit())
    assert after == (before.zfill(len(after)) if "lost_zeros" in notes else before)


@given(kind=KIND, text=CELLS)
def test_what_is_clean_at_first_sight_is_no_defused_formula_and_has_no_fault(kind: Kind, text: str) -> None:
    if IS_CLEAN[kind](text):
        assert undefuse(text) == text
        assert fault_of(kind, text) == ""
        assert said(kind, text) == (text, [], "")


ATOMS = st.lists(st.from_regex("[A-Za-z0-9_%+-]{1,40}", fullmatch=True), min_size=1, max_size=3)
LABELS = st.lists(
    st.from_regex("[A-Za-z0-9]{1,30}(-[A-Za-z0-9]{1,30})?", fullmatch=True), min_size=1, max_size=4
)
LAST = st.from_regex("[A-Za-z]{2,30}", fullmatch=True) | st.sampled_from(
    ["test", "LOCAL", "onion", "vn", "com"]
)


@given(atoms=ATOMS, labels=LABELS, last=LAST)
def test_the_library_accepts_every_address_that_is_taken_at_first_sight(
    atoms: list[str], labels: list[str], last: str
) -> None:
    text = f"{'.'.join(atoms)}@{'.'.join([*labels, last])}"
    special = last.lower() in {"arpa", "invalid", "local", "localhost", "onion", "test"}
    too_long = len(".".join(atoms)) > 64 or len(".".join([*labels, last])) > 180
    assert (CLEAN_EMAIL.fullmatch(text) is None) == (special or too_long)
    if not special and not too_long:
        validate_email(text, check_deliverability=False)


@pytest.mark.parametrize("code", [*PROBLEMS, *REPAIRS, *WARNINGS])
def test_each_code_is_of_one_sort(code: str) -> None:
    assert sum(code in sort for sort in (PROBLEMS, REPAIRS, WARNINGS)) == 1


def test_clean_cells_load_no_library() -> None:
    script = (
        "import sys\n"
        "from importer.values import read_value\n"
        "read_value('phone', '+84 901 234 433', '')\n"
        "read_value('email', 'minh.anh@example.com', '')\n"
        "assert not {'phonenumbers', 'email_validator'} & sys.modules.keys()\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("12.000", "lost_digits"),
        ("1,000", "lost_digits"),
        ("8100.5", "bad_customer_id"),
        ("7,005", "bad_customer_id"),
    ],
)
def test_thousands_in_figures_are_never_taken_for_another_customer(text: str, problem: str) -> None:
    found = read_value("customer_id", text, "Mã KH").problem
    assert found is not None
    assert found.code == problem


def test_text_that_was_decoded_wrongly_is_sent_with_a_warning() -> None:
    reading = read_value("text", "Nguyá»…n Thị Lan", "Họ tên")
    assert reading.value == "Nguyá»…n Thị Lan"
    assert [remark.code for remark in reading.remarks] == ["decoded_wrongly"]
    assert read_value("text", "Nguyễn Thị Lan", "Họ tên").remarks == ()


@pytest.mark.parametrize("kind", ["customer_id", "phone", "identity_number"])
@pytest.mark.parametrize("text", ["2026-11-24", "1900-01-31 08:30:00"])
@pytest.mark.parametrize("repair", [True, False])
def test_what_a_spreadsheet_turned_into_a_date_is_lost(kind: Kind, text: str, repair: bool) -> None:
    assert said(kind, text, repair=repair)[2] == "turned_into_date"


@given(
    st.sampled_from(KINDS),
    st.lists(
        st.text(max_size=8)
        | st.text("NguyễnáôÃ»º…“”'\n\xa0\u200b\ufffd ", max_size=8)
        | st.text("Nguyễn Thị ôê", max_size=8).map(lambda text: text.encode().decode("latin-1"))
        | st.sampled_from(["0901234567", "7", "079190001234", "an@example.com"]),
        max_size=6,
    ),
)
def test_cells_are_found_clean_together_as_each_of_them_is(kind: Kind, cells: list[str]) -> None:
    found = [bool(sign) for sign in clean_cells(kind, cells)]
    assert found == [bool(cell and IS_CLEAN[kind](cell)) for cell in cells]
