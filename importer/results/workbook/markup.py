"""XML as bytes: where elements stand, and how to change one and nothing else.

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
from xml.sax.saxutils import escape

from importer import ooxml
from importer.errors import UnusualWorkbookError
from importer.language import _

_TAG = re.compile(rb"<(/?)((?:[\w.\-]+:)?)([\w.\-]+)(" + ooxml.ATTRIBUTES + rb")\s*(/?)>")
_DECLARATION = re.compile(rb"""\A(?:\xef\xbb\xbf)?\s*(?:<\?xml\s([^<>]*)\?>)?""")
_ENCODING = re.compile(rb"""\bencoding\s*=\s*["'](?:utf-8|us-ascii)["']""", re.IGNORECASE)


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
        raise UnusualWorkbookError(_("a part of it is not in UTF-8"))
    return found.end()


def refuse_other_markup(xml: bytes) -> None:
    """Raise :class:`UnusualWorkbookError` for a comment, CDATA, an instruction or a document type."""
    if b"<!" in xml or b"<?" in xml:
        raise UnusualWorkbookError(_("a part of it has comments or definitions in its XML"))


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
        raise UnusualWorkbookError(_("a part of it has no content"))
    return found


def patched(xml: bytes, changes: Iterable[tuple[int, int, bytes]]) -> bytes:
    """Return `xml` with other bytes between each two positions; the changes do not overlap."""
    pieces: list[bytes] = []
    at = 0
    for start, end, new in sorted(changes):
        pieces += (xml[at:start], new)
        at = end
    return b"".join((*pieces, xml[at:]))


def with_attribute(tag: bytes, name: bytes, value: str | int) -> bytes:
    """Return a start tag with this value of an attribute."""
    new = escape(str(value), {'"': "&quot;"}).encode()
    found = ooxml.find_attribute(tag, name)
    if found:
        value_at = found.start(2 if found[2] is not None else 3) - 1
        return tag[:value_at] + b'"' + new + b'"' + tag[found.end() :]
    end = len(tag) - (2 if tag.endswith(b"/>") else 1)
    return tag[:end].rstrip() + b" " + name + b'="' + new + b'"' + tag[end:]


def without_attributes(tag: bytes, *names: bytes) -> bytes:
    """Return a start tag without the attributes called so."""
    for name in names:
        if found := ooxml.find_attribute(tag, name):
            tag = tag[: found.start()] + tag[found.end() :]
    return tag


def references(xml: bytes) -> set[str]:
    """Return the identifiers of all relationships that the elements of a part name."""
    return {
        value
        for tag in _TAG.finditer(xml)
        for name, value in ooxml.attributes(tag[0]).items()
        if name.endswith(":id")
    }


def prefix_of(tag: bytes) -> bytes:
    """Return the prefix of an element's namespace with its colon, empty for the default namespace."""
    found = _TAG.match(tag)
    return found[2] if found else b""
