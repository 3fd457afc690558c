"""Workbooks to rows, under the row numbers that the spreadsheet shows.

The reader of workbooks (calamine, the engine of pandas) holds one sheet in memory. It gives a date, a number
or a truth value as such; :mod:`importer.sheets.cells` makes the text of it that the person saw.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from importer.errors import SheetError
from importer.model import Place, Row, RowProblem
from importer.sheets import archive, cells, files
from importer.sheets.headers import Choice, HeaderScore, choose_header, with_lines_joined
from importer.sheets.sheet import Sheet

if TYPE_CHECKING:
    from python_calamine import CalamineSheet, CalamineWorkbook

_CHUNK = 2000

# What an encrypted workbook is called in its container ([MS-OFFCRYPTO] section 2.3.4.4), whose directory
# may be anywhere in it; so many bytes are looked through.
_CONTAINER = 1 << 26
_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")


def open_workbook(original: files.Original, names: Sequence[str], score: HeaderScore) -> list[Sheet]:
    """Return the sheets of a workbook that have text: those with these `names`, else the visible ones.

    Raises :class:`SheetError` if it is damaged, encrypted or no workbook, lacks a name, or is all empty.
    """
    errors = _looked_through(original)
    with _reading(original) as book:
        visible, hidden = _tables(book)
        wanted = _named(original.source, names, [*visible, *hidden]) if names else set(visible)
        found: list[Sheet] = []
        for index, name in enumerate(book.sheet_names):
            if name in wanted:
                table = _Table(original, name, errors.errors_of(index))
                sheet = book.get_sheet_by_name(name)
                if choice := table.choose_header(sheet, score):
                    headers, row = choice.found.headers, choice.found.row
                    read = partial(table.rows, headers, row)
                    height = max(sheet.total_height - row, 0)
                    told = choice.notices(f"{original.source}, sheet {name}")
                    beginning = tuple(next(table.rows_of(sheet, headers, row))[:2])
                    found.append(Sheet(original.source, name, headers, row, height, told, read, beginning))
    empty = sorted(wanted - {sheet.name for sheet in found}) if names else []
    notices = _notices(original.source, empty, [] if names else hidden)
    if not found:
        raise SheetError(" ".join((f"{original.source} has no text in the sheets to read.", *notices)))
    first, *others = found
    return [replace(first, notices=(*notices, *first.notices)), *others]


@dataclass(frozen=True, slots=True)
class _Table:
    original: files.Original
    name: str
    errors: archive.Errors

    def choose_header(self, sheet: CalamineSheet, score: HeaderScore) -> Choice | None:
        """Return which row holds the headers; None if the sheet is empty."""
        _, left = sheet.start or (0, 0)
        rows = ([cells.value_text(value) for value in values] for values in sheet.iter_rows())
        return choose_header(with_lines_joined(rows, sheet.merged_cell_ranges or (), left, score), score)

    def rows(self, headers: tuple[str, ...], header_row: int) -> Iterator[list[Row]]:
        """Yield the rows below the headers that are not blank."""
        with _reading(self.original) as book:
            sheet = book.get_sheet_by_name(self.name)
        yield from self.rows_of(sheet, headers, header_row)

    def rows_of(self, sheet: CalamineSheet, headers: tuple[str, ...], header_row: int) -> Iterator[list[Row]]:
        """Yield the rows of the `sheet` in memory below the headers that are not blank; at least one list."""
        # The rows come from the first of the sheet on, but the cells only from the first column in use.
        _, left = sheet.start or (0, 0)
        rows: list[Row] = []
        for number, values in enumerate(sheet.iter_rows(), 1):
            if number > header_row and (row := self._row(number, left, values, headers)):
                rows.append(row)
                if len(rows) == _CHUNK:
                    yield rows
                    rows = []
        yield rows

    def _row(self, number: int, left: int, values: Sequence[object], headers: tuple[str, ...]) -> Row | None:
        texts: list[str] = []
        problems: list[RowProblem] = []
        for column, value in enumerate(values):
            header = headers[column] if column < len(headers) else ""
            problem = (
                cells.error_cell(header)
                if (number - 1, left + column) in self.errors
                else cells.problem_of(value, header)
            )
            if problem and column < len(headers):
                problems.append(problem)
            texts.append("" if problem else cells.value_text(value))
        if any(texts[len(headers) :]):
            problems.append(cells.too_many_cells(len(headers)))
        if not problems and not any(texts):
            return None
        return Row(
            Place(self.original.source, self.name, number), tuple(texts[: len(headers)]), tuple(problems)
        )


@contextmanager
def _reading(original: files.Original) -> Iterator[CalamineWorkbook]:
    from python_calamine import CalamineError, CalamineWorkbook, PasswordError

    try:
        with original.open() as stream:
            # By a path with the right ending it knows the format; from a stream it tries one after the other.
            known = original.path.suffix.lower() == files.suffix_of(original.source)
            with CalamineWorkbook.from_object(original.path if known else stream) as book:
                yield book
    except PasswordError as error:
        raise _encrypted(original.source) from error
    except (CalamineError, OSError, ValueError) as error:
        raise SheetError(
            f"{original.source} cannot be read as a workbook ({error}). Open it in a spreadsheet and save it "
            "as .xlsx or CSV UTF-8."
        ) from error


def _looked_through(original: files.Original) -> archive.Archive:
    """Return what is known of a zipped workbook, nothing of an old one; refuse anything else."""
    source = original.source
    head = original.head()
    if head.startswith(files.ZIP) and files.suffix_of(source) != ".xls":
        return archive.inspect(original)
    if head.startswith(files.OLE):
        if _ENCRYPTED in original.head(_CONTAINER):
            raise _encrypted(source)
        if files.suffix_of(source) == ".xls":
            return archive.Archive({})
    raise files.mislabelled(source, files.content_of(head) or "no workbook but perhaps text")


def _encrypted(source: str) -> SheetError:
    return SheetError(f"{source} is protected with a password. Open it in a spreadsheet and save it without.")


def _tables(book: CalamineWorkbook) -> tuple[list[str], list[str]]:
    """Return the names of the visible and of the hidden sheets that can hold rows."""
    from python_calamine import SheetTypeEnum, SheetVisibleEnum

    visible: list[str] = []
    hidden: list[str] = []
    for sheet in book.sheets_metadata:
        if sheet.typ == SheetTypeEnum.WorkSheet:
            (visible if sheet.visible == SheetVisibleEnum.Visible else hidden).append(sheet.name)
    return visible, hidden


def _named(source: str, names: Sequence[str], known: Sequence[str]) -> set[str]:
    wanted = set()
    for name in names:
        same = [sheet for sheet in known if cells.tidy(sheet) == cells.tidy(name)]
        if not same:
            raise SheetError(f"{source} has no sheet {name!r}. Its sheets are {_listed(known)}.")
        wanted.add(name if name in same else same[0])
    return wanted


def _notices(source: str, empty: Collection[str], hidden: Collection[str]) -> tuple[str, ...]:
    notices = []
    if empty:
        notices.append(f"{source}: nothing is in {_listed(empty)}.")
    if hidden:
        notices.append(f"{source}: left out what is hidden, {_listed(hidden)}; --sheet NAME reads it.")
    return tuple(notices)


def _listed(names: Collection[str]) -> str:
    return ", ".join(map(repr, names))
