"""Styles that are added to a workbook's own, which stay as they are (ECMA-376 part 1, section 18.8). Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from importer import ooxml
from importer.errors import UnusualWorkbookError
from importer.language import _
from importer.results.workbook import markup

# The built-in number format that makes a cell text (section 18.8.30), and the one for what has none.
_TEXT = 49
_GENERAL = 0

_BOLD = b"b"


class Styles:
    """The part of the styles, while some are added."""

    def __init__(self, xml: bytes) -> None:
        """Take the part apart. Raises :class:`UnusualWorkbookError` if it lacks what every workbook has."""
        self._xml = xml
        self._prefix = markup.prefix_of(markup.root(xml).tag(xml))
        self._lists: dict[bytes, list[bytes]] = {}
        self._lengths: dict[bytes, int] = {}
        for name, item in ((b"fonts", b"font"), (b"fills", b"fill"), (b"cellXfs", b"xf")):
            found = markup.first(xml, name)
            inner = found.inner(xml) if found else b""
            self._lists[name] = [element.whole(inner) for element in markup.elements(inner, item)]
            self._lengths[name] = len(self._lists[name])
            if not self._lists[name]:
                raise UnusualWorkbookError(_("it has no styles to go by"))

    def bold_like(self, style: int) -> int:
        """Return a style like `style` that is bold; itself, if it is."""
        xf = self._format(style)
        font = self._fonts(xf)
        bold = markup.first(font, _BOLD)
        if bold and ooxml.attribute(bold.tag(font), b"val") not in ("0", "false"):
            return style
        new = self._bold(font, bold)
        return self._add_format(
            markup.with_attribute(_start(xf), b"fontId", self._add(b"fonts", new)), xf, b"applyFont"
        )

    def like(self, styles: Iterable[int], *, text: bool, fill: str | None = None) -> int:
        """Return a style for cells beside others that have these `styles`, with their font and borders.

        `text` makes the cell text, whose digits no spreadsheet touches; `fill` is a colour, as RRGGBB.
        """
        formats = [self._format(style) for style in styles] or [self._format(0)]
        font, border, base = (
            Counter(ooxml.number(_start(xf), name) for xf in formats).most_common(1)[0][0]
            for name in (b"fontId", b"borderId", b"xfId")
        )
        painted = self._add(b"fills", self._solid(fill)) if fill else 0
        tag = b"<" + self._prefix + b"xf/>"
        for name, value in (
            (b"numFmtId", _TEXT if text else _GENERAL),
            (b"fontId", font),
            (b"fillId", painted),
            (b"borderId", border),
            (b"xfId", base),
            (b"applyNumberFormat", 1),
            (b"applyFont", 1),
            (b"applyFill", 1),
            (b"applyBorder", 1),
        ):
            tag = markup.with_attribute(tag, name, value)
        return self._add(b"cellXfs", tag)

    def has_border(self, style: int) -> bool:
        """Tell whether a style draws lines around its cells, as far as it names another border than none."""
        return ooxml.number(_start(self._format(style)), b"borderId") > 0

    def content(self) -> bytes:
        """Return the part with what was added."""
        changes: list[tuple[int, int, bytes]] = []
        for name, items in self._lists.items():
            if len(items) > self._lengths[name] and (found := markup.first(self._xml, name)):
                counted = markup.with_attribute(found.tag(self._xml), b"count", len(items))
                changes.append((found.start, found.opened, counted))
                changes.append((found.closed, found.closed, b"".join(items[self._lengths[name] :])))
        return markup.patched(self._xml, changes)

    def _format(self, style: int) -> bytes:
        formats = self._lists[b"cellXfs"]
        return formats[style if style < len(formats) else 0]

    def _fonts(self, xf: bytes) -> bytes:
        fonts = self._lists[b"fonts"]
        number = ooxml.number(_start(xf), b"fontId")
        return fonts[number if number < len(fonts) else 0]

    def _bold(self, font: bytes, old: markup.Element | None) -> bytes:
        sign = b"<" + self._prefix + b"b/>"
        if old:
            return markup.patched(font, [(old.start, old.end, sign)])
        opened = markup.root(font)
        if opened.opened == opened.end:
            name = self._prefix + b"font"
            return b"<" + name + b">" + sign + b"</" + name + b">"
        return markup.patched(font, [(opened.opened, opened.opened, sign)])

    def _solid(self, colour: str) -> bytes:
        p = self._prefix.decode()
        return (
            f'<{p}fill><{p}patternFill patternType="solid"><{p}fgColor rgb="FF{colour}"/>'
            f'<{p}bgColor indexed="64"/></{p}patternFill></{p}fill>'
        ).encode()

    def _add_format(self, tag: bytes, xf: bytes, applied: bytes) -> int:
        """Add a format with another start tag, and what is in `xf`."""
        old = markup.root(xf)
        return self._add(b"cellXfs", markup.with_attribute(tag, applied, 1) + xf[old.opened :])

    def _add(self, name: bytes, item: bytes) -> int:
        """Return the number of an item in a list, which is added to it unless it was before."""
        items = self._lists[name]
        added = items[self._lengths[name] :]
        if item in added:
            return self._lengths[name] + added.index(item)
        items.append(item)
        return len(items) - 1


def _start(xf: bytes) -> bytes:
    return markup.root(xf).tag(xf)
