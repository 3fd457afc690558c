"""Numbers as people in Vietnam write them, to the digits that JSON has. Pure.

``12.000.000``, ``12,000,000`` and ``12 000 000`` are twelve million, ``12,5`` and ``12.5`` are twelve and a
half. Both signs mark thousands and decimals, so a text is read in both ways: where they give two values, as
for ``12.000``, none is taken, unless the template says which sign its decimals have. The number of a
workbook's cell (:class:`importer.model.NumberText`) has one reading always.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Literal

from importer.model import NumberText
from importer.phones import EXACT_DIGITS, SCIENTIFIC
from importer.remarks import Finding

DecimalSign = Literal["", ",", "."]
"""The sign before the decimals; empty where either may be."""

DIGITS_LIMIT = 100
"""Digits that a number has at most: more than any that counts or measures something."""

# Most cells; what follows would find the same.
_PLAIN = re.compile(rf"0|[1-9][0-9]{{0,{EXACT_DIGITS - 1}}}")

_CURRENCY = "₫|đ|đồng|vnđ|vnd"
_PARTS = re.compile(
    rf"(?P<front>(?:{_CURRENCY}) *)?(?P<sign>[+\-\u2212]?)"
    rf"(?P<digits>[0-9](?:[0-9., ]*[0-9])?)(?P<back> *(?:{_CURRENCY}))?",
    re.IGNORECASE,
)
_PERCENT = re.compile(r"[^%]*[0-9]\s*%")

# What marks thousands is the same throughout, and the group in front of it has no zero at its beginning.
_READINGS = {
    decimal: re.compile(
        rf"(?P<whole>[0-9]+|[1-9][0-9]{{0,2}}(?P<mark>[{thousands} ])[0-9]{{3}}(?:(?P=mark)[0-9]{{3}})*)"
        rf"(?:[{decimal}](?P<decimals>[0-9]+))?"
    )
    for decimal, thousands in ((",", "."), (".", ","))
}


def read_number(text: str, decimal: DecimalSign = "") -> Finding:
    """Return `text` as a number: digits, with a minus in front and a point before the decimals if it has any.

    Equal numbers have equal values: there are no zeros in front or behind the decimals, and no exponent.
    """
    if isinstance(text, NumberText):
        return _of_cell(text)
    if _PLAIN.fullmatch(text):
        return Finding(value=text)
    parts = _PARTS.fullmatch(text)
    if not parts or (parts["front"] and parts["back"]) or sum(map(str.isdigit, text)) > DIGITS_LIMIT:
        return Finding(value=text, problem=_why_not(text))
    digits = parts["digits"]
    found = {sign: reading for sign, form in _READINGS.items() if (reading := form.fullmatch(digits))}
    if decimal:
        if decimal not in found:
            return Finding(value=text, problem="other_decimals" if found else "bad_number")
        found = {decimal: found[decimal]}
    sign = "" if parts["sign"] in ("", "+") else "-"
    values = {_canonical(sign, reading["whole"], reading["decimals"] or "") for reading in found.values()}
    if len(values) != 1:
        return Finding(value=text, problem="ambiguous_number" if values else "bad_number")
    repairs = ["currency"] if parts["front"] or parts["back"] else []
    if digits[:1] == "0" and digits[1:2].isdigit():
        repairs.append("leading_zeros")
    return _finding(values.pop(), tuple(repairs))


def exact(value: str) -> int | Decimal:
    """Return what :func:`read_number` found as a number that has all its digits."""
    return Decimal(value) if "." in value else int(value)


def _of_cell(text: NumberText) -> Finding:
    number = Decimal(text)
    if not number.is_finite() or abs(number.adjusted()) > DIGITS_LIMIT:
        return Finding(value=text, problem="bad_number")
    whole, _, decimals = format(number, "f").lstrip("-").partition(".")
    return _finding(_canonical("-" if number < 0 else "", whole, decimals), ())


def _finding(value: str, repairs: tuple[str, ...]) -> Finding:
    many = sum(map(str.isdigit, value.strip("-0."))) > EXACT_DIGITS
    return Finding(value=value, repairs=repairs, warning="many_digits" if many else "")


def _canonical(sign: str, whole: str, decimals: str) -> str:
    whole = "".join(filter(str.isdigit, whole)).lstrip("0") or "0"
    decimals = decimals.rstrip("0")
    if not decimals:
        return whole if whole == "0" else sign + whole
    return f"{sign}{whole}.{decimals}"


def _why_not(text: str) -> str:
    if SCIENTIFIC.fullmatch(text):
        return "lost_digits"
    return "percentage" if _PERCENT.fullmatch(text) else "bad_number"
