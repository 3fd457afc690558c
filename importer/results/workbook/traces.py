"""What a workbook keeps of its rows besides their cells, so that rows that are left out are gone from it."""

from __future__ import annotations

from importer.errors import UnusualWorkbookError
from importer.language import _, marked
from importer.results.workbook import markup
from importer.results.workbook.package import Package
from importer.results.workbook.rows import SheetXml

# The last words of relationship types of the workbook whose targets may hold rows, and cannot be taken out
# without taking something of the user's apart.
_REFUSED = {
    "/slicerCache": marked("its slicers"),
    "/timelineCache": marked("its timelines"),
    "/powerPivotData": marked("its data model"),
    "/revisionHeaders": marked("the history of its changes"),
    "/cellImage": marked("the pictures in its cells"),
    "/richValueRel": marked("the pictures in its cells"),
    "/rdRichValue": marked("the records in its cells"),
}

_PIVOT_CACHE = "/pivotCacheDefinition"
_PIVOT_TABLE = "/pivotTable"

# What a chart keeps of the cells that it draws, beside the reference to them, which is enough
# (ECMA-376 part 1, section 21.2.2).
_DRAWN = ((b"numRef", b"numCache"), (b"strRef", b"strCache"), (b"multiLvlStrRef", b"multiLvlStrCache"))


def refuse_traces(package: Package) -> None:
    """Raise :class:`UnusualWorkbookError` if rows may stand where they cannot be taken out of `package`."""
    for known in package.relationships(package.workbook):
        for kind, what in _REFUSED.items():
            if known.kind.endswith(kind):
                raise UnusualWorkbookError(
                    _("{what} may tell of rows that are left out").format(what=_(what))
                )
    strings = package.targets(package.workbook, "/sharedStrings")
    if len(strings) > 1 or not all(map(package.has, strings)):
        raise UnusualWorkbookError(_("its shared strings are not where it says"))


def remove_traces(package: Package) -> None:
    """Take out of `package` what tells of rows beside the cells.

    The cells of a pivot table stay, as values; charts keep the references to the cells that they draw. To be
    called when the relationships of the sheets are what they will be. Raises :class:`UnusualWorkbookError`
    if something else holds on to a pivot table.
    """
    package.forgets_unused = True
    # A small picture of the first page.
    package.drop_relationships("", lambda known: known.kind.endswith("/thumbnail"))
    package.drop_relationships(package.workbook, lambda known: known.kind.endswith("/calcChain"))
    _remove_pivots(package)
    for part in package.used():
        if package.targets(part, "/chartEx"):
            raise UnusualWorkbookError(_("a chart of a newer kind may tell of rows that are left out"))
        for chart in package.targets(part, "/chart"):
            package.changes[chart] = _without_caches(package.read(chart))


def _remove_pivots(package: Package) -> None:
    """Take out the pivot tables, whose caches hold each row that they were made of (section 18.10)."""
    caches = {
        known.identifier
        for known in package.relationships(package.workbook)
        if known.kind.endswith(_PIVOT_CACHE)
    }
    if not caches:
        return
    for part in package.used():
        if package.targets(part, _PIVOT_TABLE):
            _refuse_hold(package, part)
            package.drop_relationships(part, lambda known: known.kind.endswith(_PIVOT_TABLE))
    workbook = package.workbook
    xml = package.read(workbook)
    outer = markup.root(xml)
    xml = markup.patched(
        xml,
        [
            (outer.opened + element.start, outer.opened + element.end, b"")
            for element in markup.elements(outer.inner(xml))
            if element.name == b"pivotCaches"
        ],
    )
    if caches & markup.references(xml):
        raise UnusualWorkbookError(_("a pivot table of it may tell of rows that are left out"))
    package.changes[workbook] = xml
    package.drop_relationships(workbook, lambda known: known.identifier in caches)


def _refuse_hold(package: Package, part: str) -> None:
    """Raise :class:`UnusualWorkbookError` if a sheet selects or formats cells by a pivot table on it."""
    with package.open(part) as stream:
        sheet = SheetXml(stream)
        for _row in sheet.rows():
            pass
    if b"pivotSelection" in sheet.head or b" pivot=" in sheet.tail:
        raise UnusualWorkbookError(_("a sheet of it is formatted by a pivot table"))


def _without_caches(xml: bytes) -> bytes:
    """Return a chart without the values of the cells that it draws, unless those are in another workbook."""
    if markup.first(xml, b"pivotSource"):
        raise UnusualWorkbookError(_("a chart of it is drawn from a pivot table"))
    changes: list[tuple[int, int, bytes]] = []
    for name, kept in _DRAWN:
        for element in markup.elements(xml, name):
            inner = element.inner(xml)
            formula, cache = markup.first(inner, b"f"), markup.first(inner, kept)
            if formula and cache and b"[" not in formula.inner(inner):
                changes.append((element.opened + cache.start, element.opened + cache.end, b""))
    return markup.patched(xml, changes)
