"""The user's own workbook with the outcome of each row beside it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain

from importer import ooxml
from importer.errors import UnusualWorkbookError
from importer.ooxml import Area
from importer.results.added import OUTCOME_WIDTHS, AddedRow, header_beside
from importer.results.workbook import adding, markup
from importer.results.workbook.adding import CellWriter, Columns, Look
from importer.results.workbook.package import Package
from importer.results.workbook.rows import SheetXml
from importer.results.workbook.styles import Styles
from importer.results.workbook.survey import LeadSheet, Survey, Table, drawn, merged, survey, tables_of


class Pending:
    """The rows to add, in the order of the sheets and of the rows in each: the next one can be looked at."""

    def __init__(self, rows: Iterator[AddedRow]) -> None:
        """Take the rows; each is read once."""
        self._rows = rows
        self._next = next(rows, None)

    def take(self, sheet: str, row: int) -> AddedRow | None:
        """Return what is to be added to a row, if that is what comes next."""
        found = self._next
        if found is None or (found.sheet, found.row) != (sheet, row):
            return None
        self._next = next(self._rows, None)
        return found

    def refuse_rest(self, sheet: str | None = None) -> None:
        """Raise :class:`UnusualWorkbookError` if something of `sheet`, or at all, found no row."""
        if self._next is not None and sheet in (None, self._next.sheet):
            raise UnusualWorkbookError(f"row {self._next.row} of a sheet is not found in it")


def add_outcomes(package: Package, sheets: Sequence[LeadSheet], rows: Iterator[AddedRow]) -> None:
    """Change `package` so that its `sheets` have the columns of the outcome, filled with `rows`."""
    pending = Pending(rows)
    styles_part = package.only_part("/styles")
    if styles_part is None:
        raise UnusualWorkbookError("it has no styles")
    styles = Styles(package.read(styles_part))
    plans = [_plan(package, survey(package, sheet), styles) for sheet in sheets]
    package.changes[styles_part] = styles.content()
    filters = {plan.known.sheet.index: (plan.known.sheet.name, plan.filter) for plan in plans if plan.filter}
    if filters:
        workbook = package.workbook
        package.changes[workbook] = adding.filtered_names(package.read(workbook), filters)
    for plan in plans:
        last = plan is plans[-1]
        package.changes[plan.known.sheet.part] = partial(_pieces, package, plan, pending, last=last)


@dataclass(frozen=True, slots=True)
class _Plan:
    known: Survey
    columns: Columns
    look: Look
    names: Sequence[str]
    filter: Area | None
    """What the filter of the sheet covers, if it has one now."""

    tail: bytes


def _plan(package: Package, known: Survey, styles: Styles) -> _Plan:
    part = known.sheet.part
    tables = tables_of(package, part)
    occupied = chain(merged(known.tail), (table.area for table in tables), drawn(package, part))
    columns = Columns.beside(known, occupied, OUTCOME_WIDTHS)
    own_table = _table_of_leads(tables, known)
    if own_table is None:
        names: Sequence[str] = tuple(OUTCOME_WIDTHS)
        tail, area = _filtered(known, columns, tables)
    else:
        names = _grow(package, own_table, known, columns)
        tail, area = known.tail, None
    return _Plan(known, columns, Look.of(known, styles), names, area, tail)


def _table_of_leads(tables: Sequence[Table], known: Survey) -> Table | None:
    """Return the table of Excel that the headers are those of."""
    own = known.headers.keys() - set(known.earlier())
    return next(
        (
            table
            for table in tables
            if table.area.top == known.header_row
            and table.area.left <= max(own, default=0)
            and min(own, default=0) <= table.area.right
        ),
        None,
    )


def _grow(package: Package, table: Table, known: Survey, columns: Columns) -> Sequence[str]:
    """Make the table of the leads reach over the added columns, so that what sorts it moves them along.

    Returns their names. Columns of an earlier run are in it already. Where it cannot grow, nothing of it is
    changed, and no filter of the sheet may overlap it.
    """
    xml = package.read(table.part)
    if columns.cleared and table.area.right >= columns.last:
        return [known.headers.get(column, "") for column in columns.cleared][: len(columns.widths)]
    taken = adding.table_names(xml)
    names = [header_beside(name, taken) for name in columns.widths]
    if table.extensible and table.area.right == columns.first - 1:
        package.changes[table.part] = adding.wider_table(xml, columns.last, names)
    return names


def _filtered(known: Survey, columns: Columns, tables: Sequence[Table]) -> tuple[bytes, Area | None]:
    """Return what stands after the rows with a filter that reaches over the added columns, and its area."""
    left = min(known.headers, default=columns.first)
    area = Area(known.header_row, left, max(known.last_row, known.header_row), columns.last)
    # One of a custom view of somebody's stands deeper.
    old = next((child for child in markup.elements(known.tail) if child.name == b"autoFilter"), None)
    if old is not None:
        tag = old.tag(known.tail)
        covered = Area.of(ooxml.attribute(tag, b"ref"))
        if covered is None or covered.top != known.header_row:
            return known.tail, None
        # Its criteria count their columns from its left.
        area = Area(
            covered.top, covered.left, max(covered.bottom, area.bottom), max(covered.right, area.right)
        )
        change = (old.start, old.opened, markup.with_attribute(tag, b"ref", str(area)))
        return markup.patched(known.tail, [change]), area
    if any(area.overlaps(table.area) for table in tables):
        return known.tail, None
    return adding.with_filter(known.tail, known.grammar.prefix, area), area


def _pieces(package: Package, plan: _Plan, pending: Pending, *, last: bool) -> Iterator[bytes]:
    known, columns = plan.known, plan.columns
    cells = CellWriter(known.grammar.prefix, columns, plan.look)
    used = columns.area(known.header_row, max(known.last_row, known.header_row))
    yield adding.wider_head(known, columns, used)
    name = known.grammar.prefix + b"sheetData>"
    yield b"<" + name
    with package.open(known.sheet.part) as stream:
        for row in SheetXml(stream).rows():
            if row.number == known.header_row:
                inner = columns.put_in(row, cells.headers(row.number, plan.names))
            elif row.number > known.header_row and (
                (added := pending.take(known.sheet.name, row.number)) or columns.cleared
            ):
                inner = columns.put_in(row, cells.row(row.number, added))
            else:
                yield row.tag + row.inner + b"</" + known.grammar.prefix + b"row>"
                continue
            yield adding.open_row(row, inner)
    pending.refuse_rest(None if last else known.sheet.name)
    yield b"</" + name + plan.tail
