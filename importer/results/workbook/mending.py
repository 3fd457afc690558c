"""The user's own workbook with just the rows to mend, and what is wrong with each."""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

from importer import ooxml
from importer.ooxml import Area, Relationship, column_letters
from importer.results.added import TO_MEND_WIDTHS
from importer.results.workbook import adding, markup, strings
from importer.results.workbook.filling import Filling, Pending, more_styles, rewritten
from importer.results.workbook.package import Package
from importer.results.workbook.rows import RowPart, SheetXml
from importer.results.workbook.styles import Styles
from importer.results.workbook.survey import LeadSheet, Survey, merged, survey
from importer.results.workbook.traces import refuse_traces, remove_traces

# What after the rows of a sheet stays right when most of them are gone, in the order of ECMA-376 part 1,
# section 18.3.1.99. All else names cells, or draws over them.
_KEPT = {
    b"sheetProtection",
    b"mergeCells",
    b"dataValidations",
    b"printOptions",
    b"pageMargins",
    b"pageSetup",
    b"headerFooter",
}

# Names that Excel keeps for a sheet whose cells have moved.
_STALE_NAMES = ("_xlnm._FilterDatabase", "_xlnm.Print_Area")

# The number of a shared string in a cell, which may have a formula, too (section 18.3.1.4).
_USED_STRING = re.compile(
    rb"""\st\s*=\s*["']s["'][^<>]*>\s*(?:<(?:[\w.\-]+:)?f(?:\s[^<>]*)?(?:/>|>[^<]*</[^<>]*>)\s*)?"""
    rb"<(?:[\w.\-]+:)?v(?:\s[^<>]*)?>\s*(\d{1,9})"
)


_TYPE = re.compile(rb"""\st\s*=\s*["'][^"']*["']""")


@dataclass(frozen=True, slots=True)
class _Plan:
    filling: Filling
    formula: re.Pattern[bytes]
    without_value: re.Pattern[bytes]
    """A cell with a formula of which the file does not hold the value."""

    metadata: re.Pattern[bytes]
    """What a cell says of its formula alone: how it spills, and rich values (section 18.3.1.4)."""

    reference: re.Pattern[bytes]
    """Where a cell says that it stands, up to the number of its row."""

    @property
    def known(self) -> Survey:
        return self.filling.known


def keep_rows_to_mend(
    package: Package, sheets: Sequence[LeadSheet], pending: Pending, *, hide_others: bool
) -> None:
    """Change `package` so that its `sheets` have only `pending` rows below their headers, numbered anew.

    Formulas become the values that they had. `hide_others` hides the other sheets, which holds them back
    from a run that reads all visible ones; else they stay as they are.
    """
    refuse_traces(package)
    with more_styles(package) as styles:
        plans = [_plan(survey(package, sheet), styles) for sheet in sheets]
    own = {plan.known.sheet.index for plan in plans}
    package.changes[package.workbook] = _workbook(
        package.read(package.workbook), own, hide_others=hide_others
    )
    used: set[int] = set()
    worksheets = package.targets(package.workbook, "/worksheet")
    for sheet in package.sheets:
        if sheet.index not in own and sheet.part in worksheets:
            used |= _strings_of(package, sheet.part)
    for plan in plans:
        part = plan.known.sheet.part
        tail = _tail(plan.known)
        package.drop_relationships(part, partial(_unused, markup.references(tail)))
        write = partial(_rows, plan, pending, used, tail)
        package.changes[part] = partial(rewritten, package, plan.known, _head(plan), write)
    for shared in package.targets(package.workbook, "/sharedStrings"):
        # Written after the sheets, when it is known which are used.
        package.changes[shared] = partial(_strings, package, shared, used)
    remove_traces(package)


def _plan(known: Survey, styles: Styles) -> _Plan:
    occupied = (area for area in merged(known.tail) if area.bottom <= known.header_row)
    name = re.escape(known.grammar.prefix)
    formula = rb"<%bf(?:\s[^<>]*)?(?:/>|>[^<]*</%bf\s*>)" % (name, name)
    nothing = rb"(?:\s*<%bv\s*/>|\s*<%bv\s*></%bv\s*>)?\s*</%bc\s*>" % (name, name, name, name)
    return _Plan(
        Filling.beside(known, occupied, TO_MEND_WIDTHS, styles),
        formula=re.compile(formula),
        without_value=re.compile(rb"<%bc((?:\s[^<>]*)?)(?<!/)>\s*%b%b" % (name, formula, nothing)),
        metadata=re.compile(rb"""(<%bc\s[^<>]*?)\s[cv]m\s*=\s*["']\d+["']""" % name),
        reference=re.compile(rb"""(<%bc\s(?:[^<>]*?\s)?r\s*=\s*["'][A-Z]{1,3})\d+""" % name),
    )


def _unused(references: set[str], known: Relationship) -> bool:
    return known.identifier not in references


def _workbook(xml: bytes, own: set[int], *, hide_others: bool) -> bytes:
    changes: list[tuple[int, int, bytes]] = []
    for element in markup.elements(xml, b"definedName"):
        tag = element.tag(xml)
        if ooxml.attribute(tag, b"name") in _STALE_NAMES and ooxml.number(tag, b"localSheetId", -1) in own:
            changes.append((element.start, element.end, b""))
    names = markup.first(xml, b"definedNames")
    if names and len(changes) == len(list(markup.elements(names.inner(xml), b"definedName"))):
        changes = [(names.start, names.end, b"")]
    for index, element in enumerate(markup.elements(xml, b"sheet")):
        tag = element.tag(xml)
        if index in own:
            changes.append((element.start, element.opened, markup.without_attributes(tag, b"state")))
        elif hide_others and not (ooxml.attribute(tag, b"state") or "").endswith("idden"):
            changes.append((element.start, element.opened, markup.with_attribute(tag, b"state", "hidden")))
    for element in markup.elements(xml, b"workbookView"):
        # The sheet on top may be hidden now, which no workbook may have.
        tag = markup.without_attributes(element.tag(xml), b"firstSheet")
        active = ooxml.number(tag, b"activeTab")
        if hide_others and active not in own:
            tag = markup.with_attribute(tag, b"activeTab", min(own))
        changes.append((element.start, element.opened, tag))
    return markup.patched(xml, changes)


def _strings_of(package: Package, part: str) -> set[int]:
    """Return the numbers of the shared strings that the cells of a sheet hold."""
    with package.open(part) as stream:
        return {int(number) for row in SheetXml(stream).rows() for number in _USED_STRING.findall(row.inner)}


def _strings(package: Package, part: str, used: set[int]) -> Iterator[bytes]:
    with package.open(part) as stream:
        yield from strings.keep_only(stream, used)


def _rows(
    plan: _Plan, pending: Pending, used: set[int], tail: bytes, rows: Iterator[RowPart]
) -> Generator[bytes, None, bytes]:
    known, columns, cells = plan.known, plan.filling.columns, plan.filling.cells()
    last = known.header_row
    for row in rows:
        if row.number <= known.header_row:
            kept = replace(row, inner=_settled(row, plan, row.number))
            added = cells.headers(row.number, columns.widths) if row.number == known.header_row else None
        elif added_row := pending.take(known.sheet.name, row.number):
            last += 1
            tag = markup.without_attributes(row.tag, b"hidden", b"collapsed", b"outlineLevel")
            tag = markup.with_attribute(tag, b"r", last)
            kept = replace(row, number=last, tag=tag, inner=_settled(row, plan, last))
            added = cells.row(last, added_row)
        else:
            continue
        inner = kept.inner if added is None else columns.put_in(kept, added)
        used.update(map(int, _USED_STRING.findall(inner)))
        yield adding.open_row(kept, inner)
    area = Area(known.header_row, min(known.headers, default=1), last, columns.last)
    return adding.with_filter(tail, known.grammar.prefix, area)


def _settled(row: RowPart, plan: _Plan, number: int) -> bytes:
    """Return the cells of a row under another number, formulas replaced by the values that they had.

    One of which the file holds no value shows an error instead, so that it is still missed.
    """
    inner = plan.without_value.sub(partial(_missing_value, plan.filling.known.grammar.prefix), row.inner)
    inner = plan.formula.sub(b"", inner)
    while (known := plan.metadata.sub(rb"\1", inner)) != inner:
        inner = known
    return plan.reference.sub(rb"\g<1>%d" % number, inner)


def _missing_value(prefix: bytes, cell: re.Match[bytes]) -> bytes:
    if ooxml.attribute(cell[1], b"t") == "str":
        # So Excel writes that the value is an empty text.
        return cell[0]
    attributes = _TYPE.sub(b"", cell[1])
    return b'<%bc%b t="e"><%bv>#N/A</%bv></%bc>' % (prefix, attributes, prefix, prefix, prefix)


def _head(plan: _Plan) -> bytes:
    known, columns = plan.known, plan.filling.columns
    used = Area(1, min(known.headers, default=1), known.header_row, columns.last)
    head = adding.wider_head(known, columns, used, whole=True)
    changes: list[tuple[int, int, bytes]] = []
    for element in markup.elements(head, b"sheetPr"):
        tag = markup.without_attributes(element.tag(head), b"filterMode")
        changes.append((element.start, element.opened, tag))
    for name in (b"sheetView", b"pane"):
        for element in markup.elements(head, name):
            tag = element.tag(head)
            shown = Area.of(ooxml.attribute(tag, b"topLeftCell"))
            # Whoever had scrolled down would see nothing.
            top = max(known.header_row, ooxml.number(tag, b"ySplit") if name == b"pane" else 0) + 1
            if shown and shown.top > top:
                cell = f"{column_letters(shown.left)}{top}"
                tag = markup.with_attribute(tag, b"topLeftCell", cell)
                changes.append((element.start, element.opened, tag))
    return markup.patched(head, changes)


def _tail(known: Survey) -> bytes:
    """Return what stands after the rows, without what is about rows that are gone or have moved."""
    tail = known.tail
    pieces: list[bytes] = []
    for element in markup.elements(tail):
        if element.name not in _KEPT:
            continue
        if element.name == b"mergeCells":
            pieces.append(_kept_items(element.whole(tail), b"mergeCell", b"ref", partial(_above, known)))
        elif element.name == b"dataValidations":
            keep = partial(_for_all_rows, known)
            pieces.append(_kept_items(element.whole(tail), b"dataValidation", b"sqref", keep))
        else:
            pieces.append(element.whole(tail))
    return b"".join((*pieces, b"</" + known.grammar.prefix + b"worksheet>"))


def _above(known: Survey, area: Area) -> bool:
    return area.bottom <= known.header_row


def _for_all_rows(known: Survey, area: Area) -> bool:
    """Tell whether a rule is for all rows of leads, so that it holds for those that are left."""
    return area.top <= known.header_row + 1 and area.bottom >= known.last_row


def _kept_items(xml: bytes, name: bytes, references: bytes, keep: Callable[[Area], bool]) -> bytes:
    """Return a list of items about cells with those that `keep` keeps; empty if none is left."""
    outer = markup.root(xml)
    inner = outer.inner(xml)
    items: list[bytes] = []
    for element in markup.elements(inner, name):
        areas = (ooxml.attribute(element.tag(inner), references) or "").split()
        kept = [one for one in areas if (area := Area.of(one)) and keep(area)]
        if kept:
            tag = markup.with_attribute(element.tag(inner), references, " ".join(kept))
            items.append(tag + inner[element.opened : element.end])
    if not items:
        return b""
    opened = markup.with_attribute(outer.tag(xml), b"count", len(items))
    return b"".join((opened, *items, xml[outer.closed :]))
