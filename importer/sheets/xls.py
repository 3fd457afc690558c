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

from importer.sheets import files
from importer.sheets.formats import number_format
from importer.sheets.grid import Grid
from importer.sheets.markup import Fault

# The types of a cell (xlrd, class Cell); empty and blank ones are others.
_TEXT, _NUMBER, _DATE, _BOOLEAN, _ERROR = 1, 2, 3, 4, 5


class XlsBook:
    """An opened workbook; each sheet is read when it is asked for.

    Everything raises :class:`importer.errors.SheetError` where the file is damaged.
    """

    def __init__(self, original: files.Original) -> None:
        self._original = original
        with self._refusing():
            import xlrd  # type: ignore[import-untyped]

            # What xlrd finds odd it would print; that is no part of what the person asked for.
            self._book: Any = xlrd.open_workbook(
                file_contents=_records(original), logfile=io.StringIO(), formatting_info=True, on_demand=True
            )
            self.names: list[str] = self._book.sheet_names()

    @contextmanager
    def _refusing(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            # Where a file is damaged, xlrd stumbles over whatever it finds, and raises what Python does.
            if "encrypted" in str(error):
                raise files.encrypted(self._original.source) from error
            raise files.damaged(self._original.source) from error

    def tables(self) -> tuple[list[str], list[str]]:
        """Return the names of the visible and of the hidden sheets that can hold rows."""
        visible: list[str] = []
        hidden: list[str] = []
        with self._refusing():
            for index, name in enumerate(self.names):
                (hidden if self._book.sheet_by_index(index).visibility else visible).append(name)
                self._book.unload_sheet(index)
        return visible, hidden

    def grid(self, name: str) -> Grid:
        """Return the cells of the sheet with this `name`."""
        with self._refusing():
            sheet = self._book.sheet_by_name(name)
            rows = [[self._value(cell) for cell in cells] for cells in sheet.get_rows()]
            hidden = {row for row, info in sheet.rowinfo_map.items() if info.hidden}
            return Grid(
                rows=partial(iter, rows),
                left=0,
                height=sheet.nrows,
                width=sheet.ncols,
                merged=[
                    ((top, left), (below - 1, right - 1)) for top, below, left, right in sheet.merged_cells
                ],
                hidden_rows=sum(any(sheet.row_values(row)) for row in hidden if row < sheet.nrows),
            )

    def _value(self, cell: Any) -> object:
        kind, value = cell.ctype, cell.value
        if kind == _TEXT:
            return value
        if kind == _NUMBER:
            form = number_format(self._format(cell))
            return form.text(int(value)) if form and value >= 0 and value.is_integer() else value
        if kind == _DATE:
            return moment(value, self._format(cell), self._book.datemode)
        if kind == _BOOLEAN:
            return bool(value)
        return Fault.ERROR if kind == _ERROR else ""

    def _format(self, cell: Any) -> str:
        return str(self._book.format_map[self._book.xf_list[cell.xf_index].format_key].format_str)


def moment(days: float, form: str, datemode: int) -> object:
    """Return what a cell with a date, time or duration shows.

    `days` are counted from the end of 1899, or from 1904 with the `datemode` 1; `form` is the number format.
    """
    if "[h" in form.lower():
        return datetime.timedelta(days=days)
    if 0 <= days < 1:
        return (datetime.datetime.min + datetime.timedelta(days=days)).time()
    import xlrd

    try:
        return xlrd.xldate.xldate_as_datetime(days, datemode)
    except OverflowError:
        # A spreadsheet shows no date for it either.
        return days


def _records(original: files.Original) -> bytes:
    """Return the records of the workbook out of the file system that the file is ([MS-XLS] section 2.1.2).

    Where that is damaged, xlrd itself would go round in a circle until the memory is full.
    """
    import olefile  # type: ignore[import-untyped]

    with original.open() as stream, olefile.OleFileIO(stream) as container:
        name = next((name for name in ("Workbook", "Book") if container.exists(name)), "")
        return bytes(container.openstream(name).read())
