"""One cell of a kind to the value that is sent, with what was repaired and what is wrong. Pure.

Most cells are clean: :data:`IS_CLEAN` tells so with one look, and :func:`read_value` is for the others.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from importer.language import _
from importer.model import Remark, RowProblem
from importer.mojibake import looks_decoded_wrongly, may_be_decoded_wrongly
from importer.phones import (
    CLEAN_PHONE,
    DATE,
    DIALLED,
    EXACT_DIGITS,
    SCIENTIFIC,
    WHOLE_FLOAT,
    phone_fault,
    read_phone,
)
from importer.remarks import PROBLEMS, REPAIRS, WARNINGS, Finding

Kind = Literal["text", "phone", "identity_number", "email", "customer_id"]
"""What a text can be, which decides how it is checked and repaired."""

KINDS: tuple[Kind, ...] = get_args(Kind)

PROVINCE_CODES = frozenset(
    f"{code:03}"
    for code in (
        *(1, 2, 4, 6, 8, 10, 11, 12, 14, 15, 17, 19, 20, 22, 24, 25, 26, 27, 30, 31, 33),
        *(34, 35, 36, 37, 38, 40, 42, 44, 45, 46, 48, 49, 51, 52, 54, 56, 58, 60, 62, 64, 66),
        *(67, 68, 70, 72, 74, 75, 77, 79, 80, 82, 83, 84, 86, 87, 89, 91, 92, 93, 94, 95, 96),
    )
)
"""What the first three digits of a CCCD can be (Circular 07/2016/TT-BCA): the province of birth."""

_SURROGATE = re.compile("[\ud800-\udfff]")
_BLANK = re.compile(r"\s")

# With three zeros it may as well be a thousand in figures: 12.000 is twelve thousand in Vietnam.
_FEW_ZEROS = re.compile(r"(\d+)[.,]0{1,2}")
_DECIMALS = re.compile(r"\d+[.,]\d+")
_IDENTITY_NUMBER = re.compile(r"[0-9]{9}|[0-9]{12}")
_SEPARATED = re.compile(r"[0-9]+(?:[ .-]+[0-9]+)+")
_SEPARATORS = re.compile(r"[ .-]+")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s.]+")

CLEAN_EMAIL = re.compile(
    r"(?=[^@]{1,64}@.{1,180}\Z)[A-Za-z0-9_%+-]+(?:\.[A-Za-z0-9_%+-]+)*"
    r"@(?:[A-Za-z0-9]{1,30}(?:-[A-Za-z0-9]{1,30})?\.)+"
    r"(?!(?i:arpa|invalid|local|localhost|onion|test)\Z)[A-Za-z]{2,30}"
)
"""Addresses that are certainly plausible: less than email-validator accepts, never more."""

_NON_BREAKING = re.compile("[\u00a0\u2007\u202f]")
_WITHOUT_WIDTH = re.compile("[\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]+")

# Emoji and some scripts need joiners, and writing from the right its marks; after Latin letters they are
# left from pasting.
_WITHOUT_USE = re.compile(
    "(?<=[\x00-\u024f\u0300-\u036f\u1e00-\u1eff])[\u00ad\u200b-\u200d\u2060\ufeff]+|[\u00ad\u200b\u2060\ufeff]+"
)
_APOSTROPHES = re.compile("['’]+")
_WIDE = {0xFF10 + digit: str(digit) for digit in range(10)} | {ord("＋"): "+"}

# How people keep the zeros of a value in a CSV that a spreadsheet opens: ="0901234567".
_TEXT_FORMULA = '="'
_AS_TEXT = re.compile(r'="([^"]*)"')


@dataclass(frozen=True, slots=True)
class Reading:
    """What a cell is for a lead."""

    value: str
    """Empty when nothing is left of the cell."""

    remarks: tuple[Remark, ...] = ()
    problem: RowProblem | None = None


def _is_clean_text(text: str) -> bool:
    # Blanks other than the plain one, signs without width and halves of characters are not printable.
    return (
        text.isprintable() and not text.startswith(("'", _TEXT_FORMULA)) and not looks_decoded_wrongly(text)
    )


IS_CLEAN: Mapping[Kind, Callable[[str], object]] = {
    "text": _is_clean_text,
    "customer_id": re.compile("[0-9]+").fullmatch,
    "identity_number": _IDENTITY_NUMBER.fullmatch,
    "phone": CLEAN_PHONE.fullmatch,
    "email": CLEAN_EMAIL.fullmatch,
}
"""For each kind, what tells that a cell is sent as it stands and without a remark."""


def clean_cells(kind: Kind, cells: Sequence[str]) -> Iterable[object]:
    """Yield for each of the `cells` something true if it is not empty and :data:`IS_CLEAN`.

    A column of text is mostly clean as a whole, and one look at all of it tells.
    """
    if kind == "text":
        text = "".join(cells)
        marked = "'" in text or _TEXT_FORMULA in text
        if text.isprintable() and not marked and not may_be_decoded_wrongly("\n".join(cells)):
            return cells
        return (cell and _is_clean_text(cell) for cell in cells)
    return map(IS_CLEAN[kind], cells)


def read_value(kind: Kind, text: str, column: str, *, repair: bool = True) -> Reading:
    """Return what `text`, which is not empty, is for a field of this `kind` under the header `column`.

    Without `repair`, the text is sent as it stands if it can be, with a warning for each repair it lacks.
    """
    if IS_CLEAN[kind](text):
        return Reading(text)
    found = _find(kind, text)
    if not repair and found.repairs and not found.problem:
        return _as_it_stands(kind, text, column, found)
    if found.problem:
        return Reading(found.value, (), problem_of(found.problem, column))
    remarks = [Remark("repair", code, column, _(REPAIRS[code].made)) for code in found.repairs]
    if found.warning:
        remarks.append(Remark("warning", found.warning, column, _(WARNINGS[found.warning])))
    return Reading(found.value, tuple(remarks))


def _as_it_stands(kind: Kind, text: str, column: str, found: Finding) -> Reading:
    if fault := fault_of(kind, text):
        return Reading(text, (), problem_of(fault, column))
    return Reading(
        text,
        tuple(
            Remark("warning", code, column, _("not repaired: {what}").format(what=_(REPAIRS[code].left)))
            for code in found.repairs
        ),
    )


def problem_of(code: str, column: str, more: str = "") -> RowProblem:
    """Return the problem with this `code`; `more` is what else to tell the person."""
    return RowProblem(code, f"{_(PROBLEMS[code])}{more}", column)


def fault_of(kind: Kind, value: str) -> str:
    """Return the code of what keeps `value`, whole text, from being sent as it stands, or nothing."""
    match kind:
        case "text":
            return ""
        case "email":
            return "" if _EMAIL.fullmatch(value) else "bad_email"
        case "phone":
            return phone_fault(value)
    if SCIENTIFIC.fullmatch(value) or WHOLE_FLOAT.fullmatch(value):
        return "lost_digits"
    if DATE.fullmatch(value):
        return "turned_into_date"
    if kind == "customer_id":
        return "bad_customer_id" if _BLANK.search(value) or _DECIMALS.fullmatch(value) else ""
    return "" if _IDENTITY_NUMBER.fullmatch(value) else "bad_identity_number"


def plausible_email(value: str) -> bool:
    """Tell whether mail can be sent to an address of this form; nothing is looked up on the network."""
    if CLEAN_EMAIL.fullmatch(value):
        return True
    # It takes time to load, and clean files have no use for it.
    from email_validator import EmailNotValidError, validate_email

    try:
        validate_email(value, check_deliverability=False)
    except EmailNotValidError:
        return False
    return True


def _find(kind: Kind, text: str) -> Finding:
    if kind == "phone" and DIALLED.fullmatch(text):
        return read_phone(text)
    if _SURROGATE.search(text):
        return Finding(value=text, problem="broken_text")
    value, repairs = tidied(text, words=kind == "text", digits=kind not in ("text", "email"))
    if not value or kind == "text":
        warning = "decoded_wrongly" if looks_decoded_wrongly(value) else ""
        return Finding(value=value, repairs=repairs, warning=warning)
    found = read_phone(value) if kind == "phone" else _find_other(kind, value)
    return Finding(
        value=found.value,
        repairs=repairs + found.repairs,
        warning=found.warning,
        problem=found.problem,
    )


def tidied(text: str, *, words: bool = False, digits: bool = False) -> tuple[str, tuple[str, ...]]:
    """Return `text` without what a person does not see, and the codes of what was changed.

    In `words`, signs without width may have a use; only among `digits` is an apostrophe never a quotation
    mark, and are full-width digits plain ones.
    """
    repairs: list[str] = []
    if formula := _AS_TEXT.fullmatch(text):
        repairs.append("text_formula")
        text = formula[1].strip()
    invisible = _WITHOUT_USE if words else _WITHOUT_WIDTH
    seen = invisible.sub("", _NON_BREAKING.sub(" ", text))
    if seen != text:
        repairs.append("invisible_signs")
        seen = unicodedata.normalize("NFC", seen.strip())
    # In words, with a second one, it is a quotation mark or belongs to the word.
    if _APOSTROPHES.match(seen) if digits else seen.startswith("'") and seen.count("'") == 1:
        repairs.append("apostrophe")
        seen = seen.lstrip("'’").strip()
    if digits and (plain := seen.translate(_WIDE)) != seen:
        repairs.append("wide_digits")
        seen = plain
    return seen, tuple(repairs)


def _find_other(kind: Kind, value: str) -> Finding:
    repairs: tuple[str, ...] = ()
    if kind == "email":
        problem = fault_of(kind, value)
        warning = "" if problem or plausible_email(value) else "implausible_email"
        return Finding(value=value, problem=problem, warning=warning)
    if (whole := _FEW_ZEROS.fullmatch(value)) and len(whole[1]) <= EXACT_DIGITS:
        value, repairs = whole[1], ("decimals",)
    if kind == "identity_number" and _SEPARATED.fullmatch(value):
        compact = _SEPARATORS.sub("", value)
        if _IDENTITY_NUMBER.fullmatch(compact):
            value, repairs = compact, (*repairs, "separators")
    if kind == "identity_number" and (padded := _with_zeros(value)):
        value, repairs = padded, (*repairs, "lost_zeros")
    return Finding(value=value, repairs=repairs, problem=fault_of(kind, value))


def _with_zeros(value: str) -> str:
    """Return the CMND or CCCD that `value` is without its leading zeros; nothing if it is none.

    A CMND begins with at most one zero. A CCCD begins with the code of a province, so what is no such code
    tells that other digits are missing.
    """
    if not (value.isascii() and value.isdecimal()):
        return ""
    if len(value) == 8:
        return f"0{value}"
    padded = value.zfill(12)
    return padded if len(value) in (10, 11) and padded[:3] in PROVINCE_CODES else ""
