"""XML as bytes: where elements stand, what their attributes are, and how to change one and nothing else.

Only the markup that workbooks are made of is understood: UTF-8, elements, attributes and text. In such a
document a ``<`` begins a tag and nothing else, and a tag ends at the first ``>`` outside of quotation marks
(XML 1.0, sections 2.3 and 2.4), so tags can be found without reading what is between them. What would break
that (comments, CDATA sections, processing instructions, a document type with its entities) is refused; no
spreadsheet writes it into these parts. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from xml.sax.saxutils import escape, unescape

from importer.errors import UnusualWorkbookError

_ATTRIBUTES = rb"""(?:\s+[\w:.\-]+\s*=\s*(?:"[^"<]*"|'[^'<]*'))*"""
_ATTRIBUTE = re.compile(rb"""\s+([\w:.\-]+)\s*=\s*(?:"([^"<]*)"|'([^'<]*)')""")
_TAG = re.compile(rb"<(/?)((?:[\w.\-]+:)?)([\w.\-]+)(" + _ATTRIBUTES + rb")\s*(/?)>")
_DECLARATION = re.compile(rb"""\A(?:\xef\xbb\xbf)?\s*(?:<\?xml\s([^<>]*)\?>)?""")
_ENCODING = re.compile(rb"""\bencoding\s*=\s*["'](?:utf-8|us-ascii)["']""", re.IGNORECASE)
_CHARACTER = re.compile(r"&#(?:x([0-9a-fA-F]{1,6})|([0-9]{1,7}));")

# Nothing in a workbook counts further.
_WHOLE_NUMBER = re.compile("[0-9]{1,18}")

# What attributes of a workbook's parts hold besides what `unescape` knows by itself.
_QUOTES = {"&quot;": '"', "&apos;": "'"}

MOST_COLUMNS = 16_384
"""The columns of a sheet (Excel specification "Worksheet size")."""


@dataclass(frozen=True, slots=True)
class Element:
    """An element of a document, by positions in its bytes."""

    name: bytes
    """Without the prefix of its namespace."""

    start: int
    opened: int
    """Where its start tag ends."""

    closed: int
    """Where its end tag starts; `opened` if it has none."""

    end: int

    def tag(self, xml: bytes) -> bytes:
        """Return its start tag."""
        return xml[self.start : self.opened]

    def inner(self, xml: bytes) -> bytes:
        """Return what is between its tags."""
        return xml[self.opened : self.closed]

    def whole(self, xml: bytes) -> bytes:
        """Return all of it."""
        return xml[self.start : self.end]


def after_declaration(xml: bytes) -> int:
    """Return where the markup of a document starts. Raises :class:`UnusualWorkbookError` if not in UTF-8."""
    found = _DECLARATION.match(xml)
    declared = found[1] if found else None
    if found is None or (declared and b"encoding" in declared and not _ENCODING.search(declared)):
        raise UnusualWorkbookError("a part of it is not in UTF-8")
    return found.end()


def refuse_other_markup(xml: bytes) -> None:
    """Raise :class:`UnusualWorkbookError` for a comment, CDATA, an instruction or a document type."""
    if b"<!" in xml or b"<?" in xml:
        raise UnusualWorkbookError("a part of it has comments or definitions in its XML")


def elements(xml: bytes, name: bytes = b"") -> Iterator[Element]:
    """Yield each element called `name`, from the start of `xml` on; without a name, the outermost ones.

    An element in another of the same name is not yielded by itself. End tags without a start are passed over,
    so `xml` may begin and end anywhere between tags.
    """
    start = after_declaration(xml)
    refuse_other_markup(xml[start:])
    depth, begun = 0, None
    for tag in _TAG.finditer(xml, start):
        closing, _, found, _, empty = tag.groups()
        if name and found != name:
            continue
        if closing:
            depth = max(depth - 1, 0)
            if depth == 0 and begun is not None:
                yield Element(begun[3], begun.start(), begun.end(), tag.start(), tag.end())
                begun = None
        elif empty:
            if depth == 0:
                yield Element(found, tag.start(), tag.end(), tag.end(), tag.end())
        else:
            if depth == 0:
                begun = tag
            depth += 1


def first(xml: bytes, name: bytes) -> Element | None:
    """Return the first element called `name`, or None."""
    return next(elements(xml, name), None)


def root(xml: bytes) -> Element:
    """Return the outermost element. Raises :class:`UnusualWorkbookError` if there is none."""
    found = next(elements(xml), None)
    if found is None:
        raise UnusualWorkbookError("a part of it has no content")
    return found


def patched(xml: bytes, changes: Iterable[tuple[int, int, bytes]]) -> bytes:
    """Return `xml` with other bytes between each two positions; the changes do not overlap."""
    pieces: list[bytes] = []
    at = 0
    for start, end, new in sorted(changes):
        pieces += (xml[at:start], new)
        at = end
    return b"".join((*pieces, xml[at:]))


def _attribute(tag: bytes, name: bytes) -> re.Match[bytes] | None:
    # One after the other, since the value of one may look like another one.
    for found in _ATTRIBUTE.finditer(tag):
        if found[1] == name or (name[:1] == b":" and found[1].endswith(name)):
            return found
    return None


def attribute(tag: bytes, name: bytes) -> str | None:
    """Return the value of an attribute in a start tag; None if it has none of this name.

    A `name` that begins with a colon stands for one with any prefix.
    """
    found = _attribute(tag, name)
    return None if found is None else text_of(found[2] if found[2] is not None else found[3])


def number(tag: bytes, name: bytes, default: int = 0) -> int:
    """Return the whole number in an attribute, `default` if there is none."""
    value = attribute(tag, name)
    return int(value) if value is not None and _WHOLE_NUMBER.fullmatch(value) else default


def with_attribute(tag: bytes, name: bytes, value: str | int) -> bytes:
    """Return a start tag with this value of an attribute."""
    new = escape(str(value), {'"': "&quot;"}).encode()
    found = _attribute(tag, name)
    if found:
        value_at = found.start(2 if found[2] is not None else 3) - 1
        return tag[:value_at] + b'"' + new + b'"' + tag[found.end() :]
    end = len(tag) - (2 if tag.endswith(b"/>") else 1)
    return tag[:end].rstrip() + b" " + name + b'="' + new + b'"' + tag[end:]


def without_attributes(tag: bytes, *names: bytes) -> bytes:
    """Return a start tag without the attributes called so."""
    for name in names:
        if found := _attribute(tag, name):
            tag = tag[: found.start()] + tag[found.end() :]
    return tag


def references(xml: bytes) -> set[str]:
    """Return the identifiers of all relationships that the elements of a part name."""
    return {
        text_of(double or single)
        for tag in _TAG.finditer(xml)
        for name, double, single in _ATTRIBUTE.findall(tag[4])
        if name.endswith(b":id")
    }


def prefix_of(tag: bytes) -> bytes:
    """Return the prefix of an element's namespace with its colon, empty for the default namespace."""
    found = _TAG.match(tag)
    return found[2] if found else b""


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


def letters(column: int) -> str:
    """Return what the spreadsheet calls a column, from 1 on.

    >>> letters(28)
    'AB'
    """
    name = ""
    while column:
        column, digit = divmod(column - 1, 26)
        name = chr(ord("A") + digit) + name
    return name


@lru_cache(maxsize=MOST_COLUMNS)
def column_of(name: str | bytes) -> int:
    """Return the number of a column, from 1 on, by what the spreadsheet calls it."""
    column = 0
    for letter in name.encode() if isinstance(name, str) else name:
        column = column * 26 + letter - ord("A") + 1
    return column


_AREA = re.compile(r"\$?([A-Z]{1,3})\$?(\d{1,7})(?::\$?([A-Z]{1,3})\$?(\d{1,7}))?")


@dataclass(frozen=True, slots=True)
class Area:
    """A rectangle of cells, rows and columns from 1 on, the last ones included."""

    top: int
    left: int
    bottom: int
    right: int

    @classmethod
    def of(cls, reference: str | None) -> Area | None:
        """Return the area that a reference such as ``A1:C9`` names; None if it is none."""
        found = _AREA.fullmatch(reference or "")
        if found is None:
            return None
        top, left = int(found[2]), column_of(found[1])
        return cls(top, left, int(found[4]) if found[4] else top, column_of(found[3]) if found[3] else left)

    def __str__(self) -> str:
        return f"{letters(self.left)}{self.top}:{letters(self.right)}{self.bottom}"

    def absolute(self) -> str:
        """Return the reference as defined names have it."""
        return f"${letters(self.left)}${self.top}:${letters(self.right)}${self.bottom}"

    def overlaps(self, other: Area) -> bool:
        """Tell whether they share a cell."""
        return (
            self.top <= other.bottom
            and other.top <= self.bottom
            and self.left <= other.right
            and other.left <= self.right
        )

    def around(self, other: Area) -> Area:
        """Return the smallest area that holds both."""
        return Area(
            min(self.top, other.top),
            min(self.left, other.left),
            max(self.bottom, other.bottom),
            max(self.right, other.right),
        )
