"""Phones as people in Vietnam write them, to the ten or eleven digits that one dials. Pure.

A repair is made only where a cell has one reading. The prefixes of mobile phones are those since the plan of
the Ministry of Information and Communications of 2018-09-15, which made eleven digits ten; whether a number
can be in use is asked of the library phonenumbers, and only where it is not plain.
"""

from __future__ import annotations

import re
from dataclasses import replace

from importer.remarks import Finding

SCIENTIFIC = re.compile(r"[+-]?\d+(?:[.,]\d+)?[eE][+-]?\d+")
DATE = re.compile(r"[12][0-9]{3}-[01][0-9]-[0-3][0-9](?: [0-9:]{8})?")
"""A date as the reader of workbooks gives it; what was entered is lost."""

WHOLE_FLOAT = re.compile(r"(\d+)[.,]0+")

# Excel keeps 15 significant digits (specification "Number precision"); beyond that a number has lost some.
EXACT_DIGITS = 15

CLEAN_PHONE = re.compile(
    r"0(?:(?:3[0-9]|5[1689]|7[06-9]|8[1-8]|9[0-8])[0-9]{7}"
    r"|2(?:0[3-9]|1[0-689]|2[0-25-9]|[38][2-9]|4[2-8]|5[124-9]|6[0-39]|7[0-7]|9[0-4679])[0-9]{7})"
)
"""Phones that are certainly plausible and need no repair: less than phonenumbers accepts, never more."""

RETIRED_PREFIXES = {
    # Viettel
    **{f"16{digit}": f"3{digit}" for digit in range(2, 10)},
    # MobiFone
    **{"120": "70", "121": "79", "122": "77", "126": "76", "128": "78"},
    # VinaPhone
    **{"123": "83", "124": "84", "125": "85", "127": "81", "129": "82"},
    # Vietnamobile
    **{"186": "56", "188": "58"},
    # Gmobile
    **{"199": "59"},
}
"""Mobile prefixes without their zero, and what they became in 2018."""

DIALLED = re.compile(r"0[35789][0-9]{8}|02[0-9]{9}")
"""Phones as one dials them, in use or not: there is nothing to repair in them."""

_NATIONAL = re.compile(r"0[1-9][0-9]{8,9}")
_LOOSE = re.compile(r"\+?[\s.()/-]*\d[\d\s.()/-]*")
_SEPARATORS = re.compile(r"[\s.,;()（）\[\]/．－\-\u2010-\u2015\u2212]+")
_COMPACT = re.compile(r"\+?\d+")
_COMMON = re.compile(r"\+?[0-9 .()-]+|\(\+84\)[0-9 .-]+")
_NUMBER = re.compile(
    r"(?P<front>(?:\+|00)?840?|0?)"
    rf"(?P<rest>[35789][0-9]{{8}}|2[0-9]{{9}}|(?:{'|'.join(RETIRED_PREFIXES)})[0-9]{{7}})"
)
_AMBIGUOUS = re.compile(r"84[0-9]{7}")

# No float of a phone looks like this, but a phone in groups of digits that ends with zeros does.
_GROUP_OF_ZEROS = re.compile(r"\d{5,8}[.,]0{3,4}")

_LETTER = re.compile(r"[^\W\d_]")
_DIGIT = re.compile(r"\d")
_OR = re.compile(r"\b(?:hoặc|hay|và|or)\b", re.IGNORECASE)
_BETWEEN = re.compile(r"[/,;|&\r\n]|\s[-\u2010-\u2015]\s")
# No more than three, since each has several lengths that are tried with all of the others.
_RUN_TOGETHER = re.compile(r"(?:(?:84|0)\d{8,10}){2,3}")

# A phone without its area code has eight digits, and one with the country code no more than twelve.
_SHORTEST, _LONGEST = 8, 12


def phone_fault(text: str) -> str:
    """Return the code of what keeps `text` from being sent as a phone just as it stands, or nothing."""
    if SCIENTIFIC.fullmatch(text) or WHOLE_FLOAT.fullmatch(text):
        return "lost_digits"
    if DATE.fullmatch(text):
        return "turned_into_date"
    if _LOOSE.fullmatch(text):
        return ""
    return "letters_in_phone" if _LETTER.search(text) else "bad_phone"


def read_phone(text: str) -> Finding:
    """Return the phone that `text` means, with what was repaired, or why it means none.

    What has a form that is not known stays as it is, with a warning: it may be one that came later.
    """
    if DIALLED.fullmatch(text):
        return Finding(value=text, warning="" if plausible_phone(text) else "implausible_phone")
    if (whole := WHOLE_FLOAT.fullmatch(text)) and not _GROUP_OF_ZEROS.fullmatch(text):
        if len(whole[1]) > EXACT_DIGITS:
            return Finding(value=text, problem="lost_digits")
        found = read_phone(whole[1])
        return replace(found, repairs=("decimals", *found.repairs))
    if problem := _unreadable(text):
        return Finding(value=text, problem=problem)
    compact = _SEPARATORS.sub("", text)
    separators = ("separators",) if compact != text else ()
    if number := _NUMBER.fullmatch(compact):
        value, repairs = _dialled(number["front"], number["rest"])
        warning = "" if plausible_phone(value) else "implausible_phone"
        return Finding(value=value, repairs=separators + repairs, warning=warning)
    if plausible_phone(compact):
        return Finding(value=compact, repairs=separators)
    return Finding(value=text, warning="implausible_phone", problem=phone_fault(text))


def plausible_phone(text: str) -> bool:
    """Tell whether `text`, without separators, can be a phone in use, in Vietnam unless it says otherwise."""
    if CLEAN_PHONE.fullmatch(text):
        return True
    if not text.isascii():
        return False
    # It takes time to load, and clean files have no use for it.
    import phonenumbers

    if _NATIONAL.fullmatch(text):
        # What to parse would come to, and several times as fast.
        number = phonenumbers.PhoneNumber(country_code=84, national_number=int(text))
        return phonenumbers.is_valid_number(number)
    try:
        return phonenumbers.is_valid_number(phonenumbers.parse(text, "VN"))
    except phonenumbers.NumberParseException:
        return False


def _dialled(front: str, rest: str) -> tuple[str, tuple[str, ...]]:
    repairs: tuple[str, ...] = ()
    if not front:
        repairs = ("lost_zero",)
    elif front != "0":
        repairs = ("country_code",)
    if today := RETIRED_PREFIXES.get(rest[:3]):
        return f"0{today}{rest[3:]}", (*repairs, "retired_prefix")
    return f"0{rest}", repairs


def _unreadable(text: str) -> str:
    """Return the code of what keeps `text` from meaning one phone, or nothing."""
    compact = _SEPARATORS.sub("", text)
    if _AMBIGUOUS.fullmatch(compact):
        return "ambiguous_phone"
    if _COMMON.fullmatch(text) and " - " not in text and _NUMBER.fullmatch(compact):
        # What follows takes longer, and whole columns are written like this.
        return ""
    if SCIENTIFIC.fullmatch(text):
        return "lost_digits"
    if DATE.fullmatch(text):
        return "turned_into_date"
    if _several(_OR.sub("/", text)):
        return "two_phones"
    if _LETTER.search(text):
        return "letters_in_phone"
    return "" if _COMPACT.fullmatch(compact) else "bad_phone"


def _several(text: str) -> bool:
    """Tell whether there is more than one phone in `text`: 0901234567/68 has two, and 090/123/4567 one."""
    parts = _lengths(_BETWEEN.split(text))
    if sum(length >= _SHORTEST for length in parts) > 1:
        return True
    if _LETTER.search(text):
        return False
    digits = "".join(_DIGIT.findall(text))
    return (
        (len(parts) > 1 and (parts[0] >= _SHORTEST or sum(parts) > _LONGEST))
        or sum(length > _SHORTEST for length in _lengths(text.split())) > 1
        or _RUN_TOGETHER.fullmatch(digits) is not None
    )


def _lengths(parts: list[str]) -> list[int]:
    return [length for part in parts if (length := len(_DIGIT.findall(part)))]
