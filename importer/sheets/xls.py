"""The workbooks of Excel 97 to 2003, read by xlrd.

The reader of the other workbooks takes them, too, but it tells no error from an empty cell there, knows no
number formats, and a damaged file, which no checksum tells, can end the whole process.
"""

from __future__ import annotations

import datetime
import io
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from importer.errors import SheetError
from importer.sheets import files
from importer.sheets.formats import number_format
from importer.sheets.grid import Grid
from importer.sheets.markup import Fault


@contextmanager
def open_xls(original: files.Original) -> Iterator[XlsBook]:
    """Open a workbook for as long as its sheets are read.

    Raises :class:`importer.errors.SheetError` if it is damaged or encrypted, from within, too.
    """
    import xlrd  # type: ignore[import-untyped]

    try:
        with original.open() as stream:
            # What it finds odd it would print; that is no part of what the person asked for.
            book = xlrd.open_workbook(
                file_contents=stream.read(), logfile=io.StringIO(), formatting_info=True, on_demand=True
            )
        yield XlsBook(book)
    except (SheetError, MemoryError):
        raise
    except Exception as error:
        # A damaged file makes xlrd stumble anywhere, over whatever it finds.
        if "encrypted" in str(error):
            raise files.encrypted(original.source) from error
        raise files.damaged(original.source) from error


class XlsBook:
    """An opened workbook; each sheet is read when it is asked for."""

    def __init__(self, book: Any) -> None:
        self._book = book
        self.names: list[str] = book.sheet_names()

    def tables(self) -> tuple[list[str], list[str]]:
        """Return the names of the visible and of the hidden sheets that can hold rows."""
        visible: list[str] = []
        hidden: list[str] = []
        for index, name in enumerate(self.names):
            (hidden if self._book.sheet_by_index(index).visibility else visible).append(name)
            self._book.unload_sheet(index)
        return visible, hidden

    def grid(self, name: str) -> Grid:
        """Return the cells of the sheet with this `name`."""
        sheet = self._book.sheet_by_name(name)
        hidden = {row for row, info in sheet.rowinfo_map.items() if info.hidden}
        rows = [[self._value(cell) for cell in cells] for cells in sheet.get_rows()]
        return Grid(
            rows=partial(iter, rows),
            left=0,
            height=sheet.nrows,
            merged=[((top, left), (below - 1, right - 1)) for top, below, left, right in sheet.merged_cells],
            hidden_rows=sum(any(sheet.row_values(row)) for row in hidden if row < sheet.nrows),
        )

    def _value(self, cell: Any) -> object:
        import xlrd

        match cell.ctype:
            case xlrd.XL_CELL_TEXT:
                return cell.value
            case xlrd.XL_CELL_NUMBER:
                form = number_format(self._format(cell))
                whole = form and cell.value >= 0 and cell.value.is_integer()
                return form.text(int(cell.value)) if form and whole else cell.value
            case xlrd.XL_CELL_DATE:
                return self._moment(cell.value, self._format(cell))
            case xlrd.XL_CELL_BOOLEAN:
                return bool(cell.value)
            case xlrd.XL_CELL_ERROR:
                return Fault.ERROR
        return ""

    def _format(self, cell: Any) -> str:
        return str(self._book.format_map[self._book.xf_list[cell.xf_index].format_key].format_str)

    def _moment(self, days: float, form: str) -> object:
        if "[h" in form.lower():
            return datetime.timedelta(days=days)
        if 0 <= days < 1:
            return (datetime.datetime.min + datetime.timedelta(days=days)).time()
        import xlrd

        try:
            return xlrd.xldate.xldate_as_datetime(days, self._book.datemode)
        except OverflowError:
            # A spreadsheet shows no date for it either.
            return days
