"""Start tags and their attributes, as bytes in UTF-8 (XML 1.0, sections 2.3, 3.1 and 4.1). Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from xml.sax.saxutils import unescape

ATTRIBUTES = rb"""(?:\s+[\w:.\-]+\s*=\s*(?:"[^"<]*"|'[^'<]*'))*"""
"""The pattern of all attributes of a tag; a value may hold a ``>``."""

_ATTRIBUTE = re.compile(rb"""\s+([\w:.\-]+)\s*=\s*(?:"([^"<]*)"|'([^'<]*)')""")
_CHARACTER = re.compile(r"&#(?:x([0-9a-fA-F]{1,6})|([0-9]{1,7}));")

# What attributes of a workbook's parts hold besides what `unescape` knows by itself.
_QUOTES = {"&quot;": '"', "&apos;": "'"}

# Nothing in a workbook counts further.
_WHOLE_NUMBER = re.compile("[0-9]{1,18}")


def tags(xml: bytes, name: str) -> Iterator[bytes]:
    """Yield the start tag of each element called `name`, with whatever prefix, wherever in `xml`."""
    return (found[0] for found in _tag(name).finditer(xml))


@cache
def _tag(name: str) -> re.Pattern[bytes]:
    return re.compile(rb"<(?:[\w.\-]+:)?" + re.escape(name.encode()) + ATTRIBUTES + rb"\s*/?>")


def find_attribute(tag: bytes, name: bytes) -> re.Match[bytes] | None:
    """Return where an attribute stands in a start tag: group 2 or 3 is its value, in quotation marks or not.

    A `name` that begins with a colon stands for one with any prefix. None if there is none of this name.
    """
    # One after the other, since the value of one may look like another one.
    for found in _ATTRIBUTE.finditer(tag):
        if found[1] == name or (name[:1] == b":" and found[1].endswith(name)):
            return found
    return None


def attribute(tag: bytes, name: bytes) -> str | None:
    """Return the value of an attribute in a start tag; None if it has none of this name."""
    found = find_attribute(tag, name)
    return None if found is None else text_of(found[2] if found[2] is not None else found[3])


def attributes(tag: bytes) -> dict[str, str]:
    """Return the values of all attributes in a start tag, by their names with their prefixes."""
    return {name.decode(): text_of(double or single) for name, double, single in _ATTRIBUTE.findall(tag)}


def number(tag: bytes, name: bytes, default: int = 0) -> int:
    """Return the whole number in an attribute, `default` if there is none."""
    value = attribute(tag, name)
    return int(value) if value is not None and _WHOLE_NUMBER.fullmatch(value) else default


def text_of(xml: bytes) -> str:
    """Return text or an attribute's value with its references resolved."""
    text = xml.decode("utf-8", "replace")
    if "&" not in text:
        return text
    # `&amp;` last, and that is what `unescape` does.
    return unescape(_CHARACTER.sub(_character, text), _QUOTES)


def _character(found: re.Match[str]) -> str:
    code = int(found[1], 16) if found[1] else int(found[2])
    sign = chr(code) if code < 0x110000 and not 0xD800 <= code < 0xE000 else "\ufffd"
    return "&amp;" if sign == "&" else sign
