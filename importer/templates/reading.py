"""One cell to one input of a lead: of the type, the pattern and the values that its field allows. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache

from importer.inputs import serialised
from importer.language import _, in_figures, marked
from importer.model import Remark, RowProblem
from importer.numbers import DecimalSign, exact, read_number
from importer.remarks import REPAIRS, WARNINGS, Finding
from importer.templates.fields import Field, Value
from importer.values import IS_CLEAN, fault_of, problem_of, read_value, tidied

MATCHED_LIMIT = 500
"""Signs of a value that a pattern is tried on. A pattern with repetitions within repetitions can take
exponential time even so; who writes a template answers for it, as for any program."""

# Of many allowed values, so many are named.
_NAMED = 12

# Folded; the signs are what forms and people tick a box with.
_TRUE = frozenset(("true", "yes", "co", "dung", "1", "x", "✓", "✔", "☑"))
_FALSE = frozenset(("false", "no", "khong", "sai", "0"))


_SIGNS: Mapping[DecimalSign, str] = {"": "", ",": marked(": the comma"), ".": marked(": the point")}


@dataclass(frozen=True, slots=True)
class InputReading:
    """What a cell is for a lead."""

    value: Value | None
    """None when nothing is left of the cell; of no use when there is a problem."""

    remarks: tuple[Remark, ...] = ()
    problem: RowProblem | None = None


def cleanness(field: Field) -> Callable[[str], object]:
    """Return what tells of a cell that it is sent as it stands and without a remark."""
    if field.type != "string":
        return lambda text: False
    is_clean = frozenset(field.allowed).__contains__ if field.allowed else IS_CLEAN[field.kind]
    if not field.pattern:
        return is_clean
    matches = compiled(field.pattern).fullmatch
    return lambda text: len(text) <= MATCHED_LIMIT and is_clean(text) and matches(text)


def read_input(field: Field, text: str, column: str, *, repair: bool = True) -> InputReading:
    """Return what `text`, which is not empty, is for `field` under the header `column`.

    Without `repair`, the text is sent as it stands if it can be, with a warning for each repair it lacks.
    That a number or a truth value is written in another way than JSON has it needs no repair.
    """
    if field.type != "string":
        return _typed(field, text, column, repair=repair)
    reading = read_value(field.kind, text, column, repair=repair)
    if reading.problem or not reading.value:
        return InputReading(reading.value or None, reading.remarks, reading.problem)
    value, remarks = reading.value, reading.remarks
    if field.allowed and value not in field.allowed:
        spelt = _spellings(field.allowed).get(folded(value))
        if spelt is None or not repair:
            return InputReading(value, remarks, problem_of("not_allowed", column, named(field)))
        value, remarks = spelt, (*remarks, *_repairs_made(("spelling",), column))
    return InputReading(value, remarks, _misfit(field, value, column))


def _typed(field: Field, text: str, column: str, *, repair: bool) -> InputReading:
    seen: str = text
    repairs: tuple[str, ...] = ()
    # Nothing else can be invisible or wide, and the text of a numeric cell keeps its type.
    if not text.isascii() or text.startswith("'"):
        seen, repairs = tidied(text, digits=True)
    if not seen:
        return InputReading(None, _repairs_made(repairs, column))
    found = _truth(seen) if field.type == "boolean" else read_number(seen, field.decimal)
    repairs += found.repairs
    code = found.problem
    if not code and repairs and not repair:
        code = "bad_boolean" if field.type == "boolean" else "bad_number"
    if not code and field.type == "integer" and "." in found.value:
        code = "not_whole"
    if code:
        more = _(_SIGNS[field.decimal]) if code == "other_decimals" else ""
        return InputReading(text, (), problem_of(code, column, more))
    value: Value = found.value == "true" if field.type == "boolean" else exact(found.value)
    if field.allowed and value not in field.allowed:
        return InputReading(value, (), problem_of("not_allowed", column, named(field)))
    remarks = _repairs_made(repairs, column)
    if found.warning:
        remarks += (Remark("warning", found.warning, column, _(WARNINGS[found.warning])),)
    return InputReading(value, remarks)


@lru_cache
def _truth(text: str) -> Finding:
    word = folded(text)
    if word in _TRUE or word in _FALSE:
        return Finding(value="true" if word in _TRUE else "false")
    return Finding(value=text, problem="bad_boolean")


def _repairs_made(codes: tuple[str, ...], column: str) -> tuple[Remark, ...]:
    return tuple(Remark("repair", code, column, _(REPAIRS[code].made)) for code in codes)


def _misfit(field: Field, value: str, column: str) -> RowProblem | None:
    if not field.pattern:
        return None
    if len(value) > MATCHED_LIMIT:
        return problem_of("too_long", column)
    if compiled(field.pattern).fullmatch(value):
        return None
    return problem_of("bad_form", column, f": {field.hint or field.pattern}")


@cache
def compiled(pattern: str) -> re.Pattern[str]:
    """Return `pattern` ready for use. Raises :class:`re.error` if it is no regular expression."""
    return re.compile(pattern)


def named(field: Field) -> str:
    """Return the allowed values as the end of a sentence; of many, the first."""
    names = [shown_value(value) for value in field.allowed]
    more = len(names) - _NAMED
    shown = ", ".join(names[:_NAMED])
    if more > 0:
        shown = _("{names} and {count} more").format(names=shown, count=in_figures(more))
    return f": {shown}"


def shown_value(value: Value) -> str:
    """Return a value of a template as a person would write it."""
    return value if isinstance(value, str) else serialised(value)


def values_of(field: Field) -> str:
    """Return what the values of `field` are, in a few words; nothing of a string that a lead must have."""
    if field.constant is not None:
        return _("always {constant}").format(constant=shown_value(field.constant))
    parts: list[str] = [] if field.type == "string" else [field.type]
    if field.allowed:
        parts.append(_("one of{values}").format(values=named(field)))
    if field.pattern:
        parts.append(field.hint or _("matches {pattern}").format(pattern=field.pattern))
    if field.default is not None:
        parts.append(_("else {default}").format(default=shown_value(field.default) or _("empty")))
    elif not field.required:
        parts.append(_("may be empty"))
    elif field.within:
        parts.append(_("may be empty together with all of {object}").format(object=field.within[-1]))
    return "; ".join(parts)


@lru_cache
def _spellings(allowed: tuple[str, ...]) -> Mapping[str, str]:
    return {folded(value): value for value in allowed}


def folded(text: str) -> str:
    """Return `text` without case, accents and blanks, by which people spell a value differently.

    >>> folded("Đà Nẵng")
    'danang'
    """
    plain = unicodedata.normalize("NFKD", text).casefold().replace("đ", "d")
    signs = unicodedata.normalize("NFKD", plain)
    return "".join(sign for sign in signs if not unicodedata.combining(sign) and not sign.isspace())


def fault_of_value(field: Field, value: Value) -> str:
    """Return why `value`, of the type of `field`, has not the form that it needs; nothing if it has."""
    if isinstance(value, str):
        if field.kind != "text" and fault_of(field.kind, value):
            return _("is no {kind}").format(kind=field.kind.replace("_", " "))
        if field.pattern and (len(value) > MATCHED_LIMIT or not compiled(field.pattern).fullmatch(value)):
            return _("does not match the pattern {pattern}").format(pattern=field.pattern)
    return ""
