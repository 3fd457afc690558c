"""Added columns in the XML of a sheet: their cells, their widths, and where they go. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

from importer import ooxml
from importer.errors import UnusualWorkbookError
from importer.language import _
from importer.model import OutcomeName
from importer.ooxml import Area, column_letters
from importer.results.added import AddedRow
from importer.results.colours import COLOURS
from importer.results.tables import Cell, cell_text
from importer.results.workbook import markup
from importer.results.workbook.rows import RowPart
from importer.results.workbook.styles import Styles
from importer.results.workbook.survey import Survey

# What a sheet has before its filter (ECMA-376 part 1, section 18.3.1.99).
_BEFORE_FILTER = {b"sheetCalcPr", b"sheetProtection", b"protectedRanges", b"scenarios"}

_EDGE = re.compile(r"\A\s|\s\Z|\n|  ")


@dataclass(frozen=True, slots=True)
class Columns:
    """Where the added columns go."""

    widths: Mapping[str, int]
    """Each of them with its width."""

    first: int
    """The first of them, from 1 on."""

    cleared: range
    """The columns that an earlier run has added, which these take the place of."""

    @property
    def last(self) -> int:
        """The last of them."""
        return self.first + len(self.widths) - 1

    @classmethod
    def beside(cls, known: Survey, occupied: Iterable[Area], widths: Mapping[str, int]) -> Columns:
        """Return the columns right of all that is used beside or below the headers.

        Those of an earlier run are taken again, unless others of the user's would be overwritten. `occupied`
        is what else must stay free: merged cells, tables, pictures.
        """
        reaching = (area.right for area in occupied if area.bottom >= known.header_row)
        used = max(known.last_used, *reaching, 0)
        earlier = known.earlier()
        if earlier and (len(earlier) >= len(widths) or used < earlier.stop):
            columns = cls(widths, earlier.start, earlier)
        else:
            columns = cls(widths, used + 1, range(0))
        if columns.last > ooxml.MOST_COLUMNS:
            raise UnusualWorkbookError(_("no column is free right of the leads"))
        return columns

    def area(self, top: int, bottom: int) -> Area:
        """Return what they cover between two rows."""
        return Area(top, self.first, bottom, self.last)

    def put_in(self, row: RowPart, cells: bytes) -> bytes:
        """Return what is in a row, with `cells` in these columns."""
        if b"extLst>" in row.inner:
            raise UnusualWorkbookError(_("a row has extensions"))
        if row.last_column() < self.first:
            return row.inner + cells
        taken = {*range(self.first, self.last + 1), *self.cleared}
        before: list[bytes] = []
        after: list[bytes] = []
        for cell in row.cells():
            if cell.column not in taken:
                xml = row.inner[cell.start : cell.end]
                if cell.column > self.first and not cell.has_reference:
                    opened = cell.opened - cell.start
                    reference = f"{column_letters(cell.column)}{row.number}"
                    xml = markup.with_attribute(xml[:opened], b"r", reference) + xml[opened:]
                (before if cell.column < self.first else after).append(xml)
        return b"".join((*before, cells, *after))


@dataclass(frozen=True, slots=True)
class Look:
    """The styles of the added cells, by their numbers among the styles of the workbook."""

    header: int
    text: int
    number: int
    outcomes: Mapping[OutcomeName, int]
    lined: bool
    """Whether cells without a value have lines around them, too."""

    @classmethod
    def of(cls, known: Survey, styles: Styles) -> Look:
        """Return styles that go with what stands beside, added to `styles`."""
        text = styles.like(known.styles, text=True)
        return cls(
            header=styles.bold_like(known.header_style),
            text=text,
            number=styles.like(known.styles, text=False),
            outcomes={
                outcome: styles.like(known.styles, text=True, fill=colour)
                for outcome, colour in COLOURS.items()
            },
            lined=styles.has_border(text),
        )


class CellWriter:
    """Writes the added cells of a sheet."""

    def __init__(self, prefix: bytes, columns: Columns, look: Look) -> None:
        """Take the `prefix` of the sheet's namespace, empty or with its colon."""
        self._look = look
        self._p = prefix.decode()
        self._letters = [column_letters(column) for column in range(columns.first, columns.last + 1)]

    def headers(self, row: int, names: Iterable[str]) -> bytes:
        """Return the header cells."""
        cells = zip(self._letters, names, strict=True)
        return "".join(self._cell(f"{at}{row}", name, self._look.header) for at, name in cells).encode()

    def row(self, row: int, added: AddedRow | None) -> bytes:
        """Return what is added to a row under the number it has now; blank cells for None."""
        look = self._look
        if added is None:
            return b""
        pieces: list[str] = []
        style = look.outcomes[added.outcome]
        for at, value in zip(self._letters, added.cells, strict=True):
            if value or value == 0:
                pieces.append(self._cell(f"{at}{row}", value, style))
            elif look.lined:
                pieces.append(f'<{self._p}c r="{at}{row}" s="{look.text}"/>')
            # Only the outcome, which comes first, is coloured.
            style = look.text
        return "".join(pieces).encode()

    def _cell(self, reference: str, value: Cell, style: int) -> str:
        p = self._p
        if isinstance(value, str):
            text = cell_text(value)
            space = ' xml:space="preserve"' if _EDGE.search(text) else ""
            return (
                f'<{p}c r="{reference}" s="{style}" t="inlineStr"><{p}is><{p}t{space}>{escape(text)}'
                f"</{p}t></{p}is></{p}c>"
            )
        return f'<{p}c r="{reference}" s="{self._look.number}"><{p}v>{value}</{p}v></{p}c>'


def open_row(row: RowPart, inner: bytes) -> bytes:
    """Return a row with other cells.

    How far its cells span was told to be read faster (section 18.3.1.73); it would be wrong now.
    """
    opened = markup.without_attributes(row.tag, b"spans")
    return opened + inner + b"</" + row.grammar.prefix + b"row>"


def wider_head(known: Survey, columns: Columns, used: Area, *, whole: bool = False) -> bytes:
    """Return what stands before the rows, with the widths of the added columns, and `used` in the dimension.

    `whole` says that `used` is all there is; else what the dimension told stays in it.
    """
    head, p = known.head, known.grammar.prefix
    changes: list[tuple[int, int, bytes]] = []
    if dimension := markup.first(head, b"dimension"):
        old = None if whole else Area.of(ooxml.attribute(dimension.tag(head), b"ref"))
        tag = markup.with_attribute(dimension.tag(head), b"ref", str(old.around(used) if old else used))
        changes.append((dimension.start, dimension.opened, tag))
    own = [
        b'<%bcol min="%d" max="%d" width="%d.7109375" customWidth="1"/>' % (p, column, column, width)
        for column, width in enumerate(columns.widths.values(), columns.first)
    ]
    every = list(markup.elements(head, b"cols"))
    for cols in every:
        inner = cols.inner(head)
        parts = [
            (ooxml.number(part, b"min"), part)
            for element in markup.elements(inner, b"col")
            for part in _outside(element.whole(inner), columns)
        ]
        if cols is every[-1]:
            parts += [(columns.first, col) for col in own]
        parts.sort(key=lambda part: part[0])
        changes.append((cols.opened, cols.closed, b"".join(col for _, col in parts)))
    if not every:
        changes.append((len(head), len(head), b"<%bcols>%b</%bcols>" % (p, b"".join(own), p)))
    return markup.patched(head, changes)


def _outside(col: bytes, columns: Columns) -> Iterable[bytes]:
    """Yield what of the width of some columns is not of the added ones."""
    first, last = ooxml.number(col, b"min"), ooxml.number(col, b"max")
    for start, end in ((first, min(last, columns.first - 1)), (max(first, columns.last + 1), last)):
        if start <= end:
            yield markup.with_attribute(markup.with_attribute(col, b"min", start), b"max", end)


def with_filter(tail: bytes, prefix: bytes, area: Area) -> bytes:
    """Return what stands after the rows, with a filter over `area` where there is none yet."""
    at = 0
    for element in markup.elements(tail):
        if element.name not in _BEFORE_FILTER:
            break
        at = element.end
    return markup.patched(tail, [(at, at, b'<%bautoFilter ref="%b"/>' % (prefix, str(area).encode()))])


def filtered_names(xml: bytes, filters: Mapping[int, tuple[str, Area]]) -> bytes:
    """Return the list of sheets with the hidden name of each filter, which Excel keeps here a second time.

    `filters` has the name and the area by the index of the sheet (``_xlnm._FilterDatabase``, section 18.2.5).
    """
    outer = markup.root(xml)
    p = markup.prefix_of(outer.tag(xml))
    content = {
        index: escape(f"'{name.replace(chr(39), chr(39) * 2)}'!{area.absolute()}").encode()
        for index, (name, area) in filters.items()
    }
    changes: list[tuple[int, int, bytes]] = []
    for element in markup.elements(xml, b"definedName"):
        tag = element.tag(xml)
        if ooxml.attribute(tag, b"name") == "_xlnm._FilterDatabase":
            new = content.pop(ooxml.number(tag, b"localSheetId", -1), None)
            if new:
                changes.append((element.opened, element.closed, new))
    added = b"".join(
        b'<%bdefinedName name="_xlnm._FilterDatabase" localSheetId="%d" hidden="1">%b</%bdefinedName>'
        % (p, index, reference, p)
        for index, reference in content.items()
    )
    if names := markup.first(xml, b"definedNames"):
        changes.append((names.closed, names.closed, added))
    elif added:
        inner = outer.inner(xml)
        before = (b"sheets", b"functionGroups", b"externalReferences")
        ends = (element.end for element in markup.elements(inner) if element.name in before)
        at = outer.opened + max(ends, default=0)
        changes.append((at, at, b"<%bdefinedNames>%b</%bdefinedNames>" % (p, added, p)))
    return markup.patched(xml, changes)


def wider_table(xml: bytes, right: int, names: Sequence[str]) -> bytes:
    """Return a table of Excel that reaches to the column `right`, with columns called `names` at its end."""
    outer = markup.root(xml)
    p = markup.prefix_of(outer.tag(xml))
    changes = [(outer.start, outer.opened, _reaching(outer.tag(xml), right))]
    inner = outer.inner(xml)
    for element in markup.elements(inner):
        start = outer.opened + element.start
        if element.name == b"autoFilter":
            tag = _reaching(element.tag(inner), right)
            changes.append((start, outer.opened + element.opened, tag))
        elif element.name == b"tableColumns":
            columns = list(markup.elements(element.inner(inner), b"tableColumn"))
            tags = [column.tag(element.inner(inner)) for column in columns]
            highest = max((ooxml.number(tag, b"id") for tag in tags), default=0)
            tag = markup.with_attribute(element.tag(inner), b"count", len(tags) + len(names))
            changes.append((start, outer.opened + element.opened, tag))
            new = b"".join(
                markup.with_attribute(b'<%btableColumn id="%d"/>' % (p, number), b"name", name)
                for number, name in enumerate(names, highest + 1)
            )
            end = outer.opened + element.closed
            changes.append((end, end, new))
    return markup.patched(xml, changes)


def _reaching(tag: bytes, right: int) -> bytes:
    area = Area.of(ooxml.attribute(tag, b"ref"))
    if area is None:
        raise UnusualWorkbookError(_("a table does not say what it covers"))
    return markup.with_attribute(tag, b"ref", str(Area(area.top, area.left, area.bottom, right)))


def table_names(xml: bytes) -> list[str]:
    """Return the names of the columns of a table of Excel."""
    return [
        ooxml.attribute(element.tag(xml), b"name") or "" for element in markup.elements(xml, b"tableColumn")
    ]
