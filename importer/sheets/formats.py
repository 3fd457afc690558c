"""Number formats of spreadsheets, as far as they show digits or letters that the number has not. Pure.

A person who formats a column as ``000000000000`` sees ``001199012345`` where the file holds ``1199012345``,
and means what they see. Other formats change no digit that counts: separators, currencies and percent signs
are left out, and the number stays what it is.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

# What may stand in the format of an id or phone (ECMA-376 part 1, section 18.8.31): text, what keeps a
# distance or fills, a colour or locale, the place of a digit, and signs that stand for themselves.
_PART = re.compile(r'"([^"]*)"|\\(.)|[_*].|\[(?:\$-[^\]]*|[A-Za-z]+\d*)\]|([0#?])|([-+ ()1-9])')


@dataclass(frozen=True, slots=True)
class NumberFormat:
    """A format that shows more than the digits of a whole number."""

    parts: tuple[str, ...]
    """Text as it is shown, and an empty string for each place of a digit."""

    digits: int
    """So many are shown at least."""

    def text(self, number: int) -> str:
        """Return how `number`, which is not negative, is shown, without blanks and other separators."""
        digits = list(str(number).zfill(self.digits))
        first = self.parts.index("")
        shown: list[str] = []
        for at in reversed(range(len(self.parts))):
            if part := self.parts[at]:
                shown.append(part)
            elif at == first:
                shown += reversed(digits)
            elif digits:
                shown.append(digits.pop())
        return "".join(reversed(shown))


@cache
def number_format(code: str) -> NumberFormat | None:
    """Return the format of this `code`, or None if it shows no more than the number's own digits.

    >>> number_format('"KH"0000').text(12)
    'KH0012'
    """
    section = _first_section(code)
    parts: list[str] = []
    zeros = at = 0
    while at < len(section):
        match = _PART.match(section, at)
        if match is None:
            return None
        at = match.end()
        quoted, escaped, place, sign = match.groups()
        if place:
            zeros += place == "0" or zeros > 0
            parts.append("")
        elif shown := "".join(filter(_counts, quoted or escaped or sign or "")):
            parts.append(shown)
    if "" not in parts:
        return None
    led = parts[0] != ""
    # Text behind a number is a unit, unless zeros say that the number is none.
    if zeros < 2 and (not led or parts[-1] != ""):
        return None
    return NumberFormat(tuple(parts), zeros)


def _counts(sign: str) -> bool:
    return sign.isalnum() or sign == "+"


def _first_section(code: str) -> str:
    """Return the part of `code` that is for positive numbers."""
    match = re.match(r'(?:"[^"]*"|\\.|[^;"\\])*', code)
    return match[0] if match else ""
