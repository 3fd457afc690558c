"""Tables to files: CSV, JSON lines, and workbooks in which every text is a text cell."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import chain, count
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any
from zipfile import ZIP_DEFLATED, ZipFile

from importer.errors import ResultsError
from importer.formulas import defuse
from importer.language import _, in_figures
from importer.model import NumberText
from importer.ooxml import column_letters
from importer.results.colours import COLOURS

if TYPE_CHECKING:
    from openpyxl.cell import Cell as BookCell  # type: ignore[import-untyped]

Cell = str | int | None

# What a sheet of Excel holds (specification "Worksheet size"), and the length of a sheet's name.
ROW_LIMIT = 1_048_576
_TITLE_LIMIT = 31

# What a cell of Excel holds (specification "Total number of characters that a cell can contain").
TEXT_LIMIT = 32_767

# What XML 1.0 has no way to write (section 2.2, "Char").
_NO_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")

# A reader of XML turns these into a line feed anyway (section 2.11), but a single one would be lost on some.
_LINE_BREAK = re.compile(r"\r\n?")

# Spreadsheets take this spelling for the character of that number (ISO/IEC 29500-1, 22.9.2.19, "ST_Xstring").
_ESCAPE = re.compile(r"_(?=x[0-9A-Fa-f]{4}_)")

# JSON may hold them as they are, yet some readers (`str.splitlines`, JavaScript) take them for line ends.
_LINE_END = re.compile("[\x85\u2028\u2029]")

# What Excel allows in no sheet's name; nor may an apostrophe begin or end one.
_NO_TITLE = re.compile("[\\[\\]:*?/\\\\\x00-\x1f\ud800-\udfff\ufffe\uffff]")


@dataclass(frozen=True, slots=True)
class Table:
    """What goes on one sheet."""

    title: str
    """The name of the sheet; changed as far as a workbook needs it to be."""

    headers: Sequence[str]
    widths: Sequence[int]
    """Of each column, in digits."""

    rows: Iterable[Sequence[Cell]]
    """Each with a cell for every header; more of them stand right of the last one."""
    coloured: int | None = None
    """Which of the columns, from 0, has outcomes, which are coloured; None if none has."""


_as_json = json.JSONEncoder(ensure_ascii=False).encode


def width_of(header: str) -> int:
    """Return the width of a column of somebody else's, of which only the header is known."""
    return min(max(len(header) + 2, 14), 40)


def write_csv(file: IO[bytes], headers: Sequence[str], rows: Iterable[Sequence[Cell]]) -> None:
    """Write a table as CSV in UTF-8 with BOM. A lone surrogate, which UTF-8 cannot hold, becomes ``?``.

    Lines end in CR LF: so it is in RFC 4180, and only so does every supported Python put a cell in quotation
    marks for a single carriage return in it.
    """
    text = io.TextIOWrapper(file, encoding="utf-8-sig", errors="replace", newline="")
    lines = csv.writer(text, lineterminator="\r\n")
    lines.writerow(map(defuse, headers))
    lines.writerows(
        [defuse(cell) if cell and isinstance(cell, str) else cell for cell in row] for row in rows
    )
    text.flush()
    # Else the end of the wrapper would close a file that is not its own.
    text.detach()


def write_json_lines(
    file: IO[bytes],
    rows: Iterable[Mapping[str, object]],
    *,
    encode: Callable[[object], str] = _as_json,
) -> None:
    """Write each of `rows` as one object on a line of its own, in UTF-8."""
    for row in rows:
        line = _LINE_END.sub(lambda end: f"\\u{ord(end[0]):04x}", encode(row))
        file.write(f"{line}\n".encode(errors="replace"))


def write_workbook(file: IO[bytes], path: Path, tables: Iterable[Table]) -> None:
    """Write each of `tables` on a sheet of its own, row by row; `path` is what `file` is called.

    Raises :class:`ResultsError` if a table has more rows than a sheet holds.
    """
    taken: set[str] = {"history"}  # Excel keeps this name for itself.
    with _book(file) as book:
        for table in tables:
            sheet = book.create_sheet(_title(table.title, taken))
            _write_sheet(sheet, path, table)


@contextmanager
def _book(file: IO[bytes]) -> Iterator[Any]:
    # Imported where it is used, since a run that writes CSV does without it.
    from openpyxl import Workbook  # type: ignore[import-untyped]
    from openpyxl.writer.excel import ExcelWriter  # type: ignore[import-untyped]

    book = Workbook(write_only=True)
    try:
        yield book
        # As `book.save` does it, which leaves the archive open, and Python complaining, if the disk is full.
        with ZipFile(file, "w", ZIP_DEFLATED) as archive:
            ExcelWriter(book, archive).save()
    except BaseException:
        # openpyxl would keep each sheet, with personal data in it, in a file until the process ends.
        for sheet in book.worksheets:
            with suppress(Exception):
                sheet.close()
            with suppress(Exception):
                sheet._writer.cleanup()
        raise


def _write_sheet(sheet: Any, path: Path, table: Table) -> None:
    from openpyxl.cell import WriteOnlyCell
    from openpyxl.styles import Font, PatternFill  # type: ignore[import-untyped]

    letters = [column_letters(number) for number in range(1, len(table.headers) + 1)]
    for letter, width in zip(letters, table.widths, strict=True):
        column = sheet.column_dimensions[letter]
        column.width = width
        # For the rows that a person adds: their zeros are to stay as well.
        column.number_format = "@"
    sheet.freeze_panes = "A2"
    bold = Font(bold=True)
    titles: list[BookCell] = []
    for header in table.headers:
        title = WriteOnlyCell(sheet)
        title.font = bold
        titles.append(_filled(title, header))
    sheet.append(titles)
    # A sheet writes a row when it is given, so the same cells serve for every row, styled once.
    texts, numbers = ([WriteOnlyCell(sheet) for _ in letters] for _ in range(2))
    for cell in texts:
        cell.number_format = "@"
    painted: dict[str, BookCell] = {outcome: WriteOnlyCell(sheet) for outcome in COLOURS}
    for outcome, colour in COLOURS.items():
        painted[outcome].number_format = "@"
        painted[outcome].fill = PatternFill("solid", fgColor=colour)
    unpainted = texts[table.coloured or 0]
    last = 1
    for last, row in enumerate(table.rows, 2):
        if last > ROW_LIMIT:
            raise ResultsError(
                _(
                    "{path}: a sheet of a workbook holds {most} rows with the header, and there are "
                    "more. Name a .csv file instead."
                ).format(path=path, most=in_figures(ROW_LIMIT))
            )
        if table.coloured is not None:
            texts[table.coloured] = painted.get(str(row[table.coloured]), unpainted)
        cells = zip(texts, numbers, row, strict=False)
        filled = [
            _filled(number if isinstance(value, int | NumberText) else text, value)
            for text, number, value in cells
        ]
        sheet.append([*filled, *(_filled(WriteOnlyCell(sheet), value) for value in row[len(letters) :])])
    sheet.auto_filter.ref = f"A1:{letters[-1]}{last}"


def _filled(cell: BookCell, value: Cell) -> BookCell:
    if isinstance(value, NumberText):
        # As text, its point might be taken for a mark of thousands when the file is read again.
        cell.value = float(value)
    elif isinstance(value, str):
        cell.value = cell_text(value)
        # Else openpyxl would make an error cell of ``#N/A``, say, and a formula of what begins with ``=``.
        cell.data_type = "s"
    else:
        cell.value = value
    return cell


def cell_text(value: str) -> str:
    """Return `value` as the text of a workbook's cell: harmless, and neither too long nor beyond XML."""
    return _ESCAPE.sub("_x005F_", defuse(_clean(value))[:TEXT_LIMIT])


def _clean(text: str) -> str:
    """Return `text` as XML can hold it; mostly one look will do."""
    return text if text.isprintable() else _LINE_BREAK.sub("\n", _NO_XML.sub("\ufffd", text))


def _title(name: str, taken: set[str]) -> str:
    """Return `name` as Excel allows it, unlike those `taken` in any case, and add it to them."""
    allowed = _NO_TITLE.sub("_", name).strip("' ")
    endings = chain([""], (f" ({number})" for number in count(2)))
    titles = ((allowed[: _TITLE_LIMIT - len(ending)].rstrip("' ") or "Leads") + ending for ending in endings)
    title = next(title for title in titles if title.casefold() not in taken)
    taken.add(title.casefold())
    return title
