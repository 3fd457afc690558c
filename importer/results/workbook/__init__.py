"""The user's own workbook, with columns added: results, and rows to mend.

The workbook is rewritten at the level of its parts (ECMA-376), and of a sheet only what has to change; all
other bytes are copied. So charts, pictures, rules, hidden sheets and whatever else is in it survive, whether
it is known here or not, and the memory needed does not grow with the rows. A library that reads the whole
workbook and writes what it understood keeps neither promise.

What is not written as spreadsheets write it is refused (:class:`importer.errors.UnusualWorkbookError`)
rather than guessed at. The parts were looked through for bombs when the leads were read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from importer.results.added import AddedRow
from importer.results.replacing import replacing, translating
from importer.results.workbook.filling import Pending
from importer.results.workbook.mending import keep_rows_to_mend
from importer.results.workbook.outcomes import add_outcomes
from importer.results.workbook.package import Package
from importer.results.workbook.parts import open_parts
from importer.results.workbook.survey import LeadSheet

__all__ = ["SUFFIXES", "LeadSheet", "write_outcomes", "write_rows_to_mend"]

SUFFIXES = (".xlsx", ".xlsm")
"""What the name of a workbook ends in that columns can be added to."""


def write_outcomes(
    path: Path,
    source: Path,
    sheets: Sequence[LeadSheet],
    rows: Iterable[AddedRow],
    check: Callable[[], None],
) -> None:
    """Write the workbook `source` to `path`, with the outcome of each row beside it.

    `rows` are those of all `sheets`, in their order. `check` is called when all is written but not in its
    place yet. What it and `rows` raise passes through and leaves the earlier file. Raises
    :class:`importer.errors.UnusualWorkbookError` if nothing can be added to the workbook,
    :class:`importer.errors.SheetError` if it cannot be read, and :class:`importer.errors.ResultsError` if
    `path` cannot be written.
    """
    with open_parts(source) as parts, replacing(path) as file:
        package, pending = Package(parts), Pending(rows)
        add_outcomes(package, sheets, pending)
        package.write(file)
        pending.refuse_rest()
        check()


def write_rows_to_mend(
    path: Path,
    source: Path,
    sheets: Sequence[LeadSheet],
    rows: Iterable[AddedRow],
    check: Callable[[], None],
    *,
    hide_others: bool = False,
) -> bool:
    """Write the workbook `source` to `path` with only `rows` on its `sheets`, and what is wrong with each.

    Sheets without such rows keep their headers; sheets without leads are kept, and hidden if `hide_others`
    says so. If there are no rows, nothing is written, a file of an earlier run is removed, since its advice
    is stale, and False is returned; else True. For `check` and what is raised see :func:`write_outcomes`.
    """
    pending = Pending(rows)
    if not pending:
        with translating(path):
            path.unlink(missing_ok=True)
        return False
    with open_parts(source) as parts, replacing(path) as file:
        package = Package(parts)
        keep_rows_to_mend(package, sheets, pending, hide_others=hide_others)
        package.write(file)
        pending.refuse_rest()
        check()
    return True
