"""What the API says, as one line without the personal data that it may repeat. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping

from importer.inputs import leaves, serialised

# Signs of a number that tell nothing of a person, and may be a limit that the API names.
_SHORT_NUMBER = 3

# Personal data of nobody that is known. Anchored, so that a long word takes no quadratic time.
_MAIL = re.compile(r"(?<!\S)\S+@\S+")
_LONG_NUMBER = re.compile(r"[+\d][\d\s.()-]{6,}\d")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")


def one_line(text: str) -> str:
    """Return `text` without control characters, halves of characters, and more than one space at once."""
    if text.isprintable() and " " not in text:
        # As ids, statuses and moments are.
        return text
    return " ".join(_CONTROL.sub(" ", text).split())


def masked(text: str, known: Mapping[str, object]) -> str:
    """Return `text` as one line in which the names of `known` values, and of objects' parts, stand for them.

    A value is found anywhere where it stands just as it is, and as whole words in any case and without
    accents. Addresses of mail and long numbers are masked whoever has them.
    """
    line = one_line(text)
    for name, value in leaves(known):
        told = one_line(value) if isinstance(value, str) else serialised(value)
        number = not isinstance(value, str) or told.isdecimal()
        if len(told) > (_SHORT_NUMBER if number else 1) and not isinstance(value, bool):
            line = _without_words(line.replace(told, f"<{name}>"), told, f"<{name}>")
    return _LONG_NUMBER.sub("<…>", _MAIL.sub("<…>", line))


def _without_words(line: str, words: str, mask: str) -> str:
    plain, positions = _folded(line)
    sought, _positions = _folded(words)
    if sought not in plain:
        return line
    parts: list[str] = []
    end = 0
    for found in re.finditer(rf"(?<!\w){re.escape(sought)}(?!\w)", plain):
        parts += [line[end : positions[found.start()]], mask]
        end = positions[found.end()]
    return "".join([*parts, line[end:]])


def _folded(text: str) -> tuple[str, list[int]]:
    """Return `text` without case and accents, and where each of its signs, and the end, stands in `text`."""
    signs: list[str] = []
    positions: list[int] = []
    for position, sign in enumerate(text):
        for plain in unicodedata.normalize("NFKD", sign).casefold().replace("đ", "d"):
            if not unicodedata.combining(plain):
                signs.append(plain)
                positions.append(position)
    return "".join(signs), [*positions, len(text)]
