"""The user's own workbook with the outcome of each row beside it."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain

from importer import ooxml
from importer.ooxml import Area
from importer.results.added import OUTCOME_WIDTHS, header_beside
from importer.results.workbook import adding, markup
from importer.results.workbook.adding import Columns
from importer.results.workbook.filling import Filling, Pending, more_styles, rewritten
from importer.results.workbook.package import Package
from importer.results.workbook.rows import RowPart
from importer.results.workbook.styles import Styles
from importer.results.workbook.survey import LeadSheet, Survey, Table, drawn, merged, survey, tables_of


def add_outcomes(package: Package, sheets: Sequence[LeadSheet], pending: Pending) -> None:
    """Change `package` so that its `sheets` have the columns of the outcome, filled by `pending`."""
    with more_styles(package) as styles:
        plans = [_plan(package, survey(package, sheet), styles) for sheet in sheets]
    filters = {plan.known.sheet.index: (plan.known.sheet.name, plan.filter) for plan in plans if plan.filter}
    if filters:
        workbook = package.workbook
        package.changes[workbook] = adding.filtered_names(package.read(workbook), filters)
    for plan in plans:
        write = partial(_rows, plan, pending)
        package.changes[plan.known.sheet.part] = partial(rewritten, package, plan.known, _head(plan), write)


@dataclass(frozen=True, slots=True)
class _Plan:
    filling: Filling
    names: Sequence[str]
    filter: Area | None
    """What the filter of the sheet covers, if it has one now."""

    tail: bytes

    @property
    def known(self) -> Survey:
        return self.filling.known


def _plan(package: Package, known: Survey, styles: Styles) -> _Plan:
    part = known.sheet.part
    tables = tables_of(package, part)
    occupied = chain(merged(known.tail), (table.area for table in tables), drawn(package, part))
    filling = Filling.beside(known, occupied, OUTCOME_WIDTHS, styles)
    own_table = _table_of_leads(tables, known)
    if own_table is None:
        tail, area = _filtered(known, filling.columns, tables)
        return _Plan(filling, tuple(OUTCOME_WIDTHS), area, tail)
    return _Plan(filling, _grow(package, own_table, known, filling.columns), None, known.tail)


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


def _head(plan: _Plan) -> bytes:
    known, columns = plan.known, plan.filling.columns
    used = columns.area(known.header_row, max(known.last_row, known.header_row))
    return adding.wider_head(known, columns, used)


def _rows(plan: _Plan, pending: Pending, rows: Iterator[RowPart]) -> Generator[bytes, None, bytes]:
    known, columns, cells = plan.known, plan.filling.columns, plan.filling.cells()
    for row in rows:
        if row.number == known.header_row:
            yield adding.open_row(row, columns.put_in(row, cells.headers(row.number, plan.names)))
        elif row.number > known.header_row and (
            (added := pending.take(known.sheet.name, row.number)) or columns.cleared
        ):
            yield adding.open_row(row, columns.put_in(row, cells.row(row.number, added)))
        else:
            yield row.tag + row.inner + b"</" + known.grammar.prefix + b"row>"
    return plan.tail
