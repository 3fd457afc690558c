"""Workbooks to rows, under the row numbers that the spreadsheet shows.

The reader of workbooks (calamine, an engine of pandas) holds one sheet in memory. It gives a date, a number
or a truth value as such; :mod:`importer.sheets.cells` makes the text of it that the person saw, with what
:mod:`importer.sheets.archive` found beside the values. Old workbooks have a reader of their own.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain, count, islice, repeat
from typing import TYPE_CHECKING, Protocol

from importer.errors import SheetError
from importer.language import _, in_figures
from importer.model import Place, Row, RowProblem
from importer.ooxml import letters_of
from importer.sheets import archive as archives
from importer.sheets import cells, files
from importer.sheets.grid import Grid
from importer.sheets.headers import HeaderScore, choose_header, with_lines_joined
from importer.sheets.legacy import Legacy, find_legacy
from importer.sheets.markup import Mark
from importer.sheets.sheet import Sheet

if TYPE_CHECKING:
    from python_calamine import CalamineSheet, CalamineWorkbook

_CHUNK = 2000

# Some 100 MB of cells with short texts; to get them from the file again would take half of the time.
_KEPT_CELLS = 1_000_000

# What an encrypted workbook is called in its container ([MS-OFFCRYPTO] section 2.3.4.4), whose directory
# may be anywhere in it; so many bytes are looked through.
_CONTAINER = 1 << 26
_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")


class _Book(Protocol):
    """An opened workbook, whatever reads it."""

    names: list[str]

    def tables(self) -> tuple[list[str], list[str]]:
        """Return the names of the visible and of the hidden sheets that can hold rows."""
        ...

    def grid(self, name: str) -> Grid:
        """Read the sheet with this `name`."""
        ...


def open_workbook(original: files.Original, names: Sequence[str], score: HeaderScore) -> list[Sheet]:
    """Return the sheets of a workbook that have text: those with these `names`, else the visible ones.

    Raises :class:`SheetError` if it is damaged, encrypted or no workbook, lacks a name, or is all empty.
    """
    archive = _looked_through(original)
    with _reading(original, archive) as book:
        visible, hidden = book.tables()
        wanted = _named(original.source, names, [*visible, *hidden]) if names else set(visible)
        found = [
            sheet
            for name in book.names
            if name in wanted and (sheet := _Table(original, name, archive).sheet(book.grid(name), score))
        ]
    empty = sorted(wanted - {sheet.name for sheet in found}) if names else []
    notices = _notices(original.source, empty, [] if names else hidden)
    if not found:
        raise SheetError(
            " ".join(
                (_("{source} has no text in the sheets to read.").format(source=original.source), *notices)
            )
        )
    first, *others = found
    return [replace(first, notices=(*notices, *first.notices)), *others]


@dataclass(frozen=True, slots=True)
class _Table:
    original: files.Original
    name: str
    archive: archives.Archive | None

    def sheet(self, grid: Grid, score: HeaderScore) -> Sheet | None:
        """Return the sheet whose cells are in `grid`; None if it is empty."""
        legacy = find_legacy(grid.rows)
        texts = (list(map(cells.value_text, values)) for values in _in_unicode(grid, legacy))
        rows = legacy.headers(texts, score) if legacy else texts
        choice = choose_header(with_lines_joined(rows, grid.merged, grid.left, score), score)
        if choice is None:
            return None
        where = _("{source}, sheet {sheet}").format(source=self.original.source, sheet=self.name)
        notices = choice.notices(where)
        if grid.hidden_rows:
            notices += (
                _("{where}: rows that are hidden ({count}) are read like the others").format(
                    where=where, count=in_figures(grid.hidden_rows)
                ),
            )
        if legacy:
            notices += legacy.notices(where)
        headers, row = choice.found.headers, choice.found.row
        height = max(grid.height - row, 0)
        read = partial(self.rows, headers, row, legacy, _Kept(grid))
        beginning = tuple(islice(chain.from_iterable(self._lists(grid, headers, row, legacy)), 2))
        letters = letters_of(grid.left, len(headers))
        return Sheet(self.original.source, self.name, headers, row, height, notices, read, beginning, letters)

    def rows(
        self, headers: tuple[str, ...], header_row: int, legacy: Legacy | None, kept: _Kept
    ) -> Iterator[list[Row]]:
        """Yield the rows below the headers that are not blank."""
        grid = kept.take()
        if grid is None:
            with _reading(self.original, self.archive) as book:
                grid = book.grid(self.name)
        else:
            self.original.refuse_changed()
        yield from self._lists(grid, headers, header_row, legacy)

    def _lists(
        self, grid: Grid, headers: tuple[str, ...], header_row: int, legacy: Legacy | None
    ) -> Iterator[list[Row]]:
        rows = islice(_in_unicode(grid, legacy), header_row, None)
        for first in count(header_row + 1, _CHUNK):
            values = list(islice(rows, _CHUNK))
            if not values:
                return
            yield self._rows(first, values, headers)

    def _rows(self, first: int, values: Sequence[Sequence[object]], headers: tuple[str, ...]) -> list[Row]:
        width = len(headers)
        columns: list[list[str]] = []
        problems: dict[int, tuple[RowProblem, ...]] = {}
        rests: dict[int, tuple[str, ...]] = {}
        for header, column in zip(headers, zip(*values, strict=True), strict=False):
            texts, found = cells.column_texts(column, header)
            columns.append(texts)
            # No lead has a column without a header.
            for at, problem in found.items() if header else ():
                problems[at] = (*problems.get(at, ()), problem)
        # Below headers that two lines gave, there may be fewer columns than headers.
        columns += [[""] * len(values)] * (width - len(columns))
        for at, row in enumerate(values if len(values[0]) > width else ()):
            if any(rest := tuple(map(cells.value_text, row[width:]))):
                problems[at] = (*problems.get(at, ()), cells.too_many_cells(width))
                rests[at] = rest
        source = self.original.source
        places = map(Place, repeat(source), repeat(self.name), range(first, first + len(values)))
        faults = (problems.get(at, ()) for at in count()) if problems else repeat(())
        rest_of = (rests.get(at, ()) for at in count()) if rests else repeat(())
        return [
            row
            for row in map(Row, places, zip(*columns, strict=True), faults, rest_of)
            if row.problems or any(row.cells)
        ]


class _Kept:
    """The cells of a sheet that is not large, from when it was opened until they are read the first time."""

    def __init__(self, grid: Grid) -> None:
        self._grid = grid if grid.height * grid.width <= _KEPT_CELLS else None

    def take(self) -> Grid | None:
        """Return them once; None from then on."""
        grid, self._grid = self._grid, None
        return grid


def _in_unicode(grid: Grid, legacy: Legacy | None) -> Iterator[Sequence[object]]:
    return legacy.converted(grid.rows()) if legacy else grid.rows()


class _CalamineBook:
    def __init__(self, source: str, book: CalamineWorkbook, archive: archives.Archive) -> None:
        self._source = source
        self._book = book
        self._archive = archive
        self.names: list[str] = book.sheet_names

    def tables(self) -> tuple[list[str], list[str]]:
        from python_calamine import SheetTypeEnum, SheetVisibleEnum

        visible: list[str] = []
        hidden: list[str] = []
        for sheet in self._book.sheets_metadata:
            if sheet.typ == SheetTypeEnum.WorkSheet:
                (visible if sheet.visible == SheetVisibleEnum.Visible else hidden).append(sheet.name)
        return visible, hidden

    def grid(self, name: str) -> Grid:
        markup = self._archive.markup_of(self.names.index(name))
        with _refusing(self._source):
            sheet = self._book.get_sheet_by_name(name)
            # The rows come from the first of the sheet on, but the cells only from the first column in use.
            _, left = sheet.start or (0, 0)
            return Grid(
                rows=partial(self._rows, sheet, left, markup.marks),
                left=left,
                height=sheet.total_height,
                width=sheet.width,
                merged=sheet.merged_cell_ranges or (),
                hidden_rows=markup.hidden_rows,
            )

    def _rows(
        self, sheet: CalamineSheet, left: int, marks: Mapping[int, Mapping[int, Mark]]
    ) -> Iterator[Sequence[object]]:
        with _refusing(self._source):
            if not marks:
                yield from sheet.iter_rows()
                return
            # Below its last value the reader gives no more rows, but a formula without one may stand there.
            blank: Sequence[object] = [""] * sheet.width
            below = repeat(blank, max(max(marks) + 1 - sheet.total_height, 0))
            rows: Iterator[Sequence[object]] = chain(sheet.iter_rows(), below)
            for number, values in enumerate(rows):
                row = list(values)
                for column, mark in marks.get(number, {}).items():
                    if 0 <= column - left < len(row):
                        row[column - left] = cells.shown_value(row[column - left], mark)
                yield row


@contextmanager
def _reading(original: files.Original, archive: archives.Archive | None) -> Iterator[_Book]:
    if archive is None:
        from importer.sheets.xls import XlsBook

        yield XlsBook(original)
        return
    from python_calamine import CalamineWorkbook

    with original.open() as stream:
        # By a path with the right ending it knows the format; from a stream it tries one after the other.
        known = original.path.suffix.lower() == files.suffix_of(original.source)
        with _refusing(original.source):
            book = CalamineWorkbook.from_object(original.path if known else stream)
        with book:
            yield _CalamineBook(original.source, book, archive)


@contextmanager
def _refusing(source: str) -> Iterator[None]:
    """Turn what calamine raises for a damaged file into the error that says so."""
    from python_calamine import CalamineError, PasswordError

    try:
        yield
    except PasswordError as error:
        raise files.encrypted(source) from error
    except (CalamineError, OSError, ValueError, OverflowError) as error:
        raise files.damaged(source) from error
    except BaseException as error:
        # It is written in Rust, and what it did not foresee is no `Exception`.
        if type(error).__name__ != "PanicException":
            raise
        raise files.damaged(source) from error


def _looked_through(original: files.Original) -> archives.Archive | None:
    """Return what is known of a zipped workbook, nothing of an old one; refuse anything else."""
    source = original.source
    head = original.head()
    if head.startswith(files.ZIP) and files.suffix_of(source) != ".xls":
        return archives.inspect(original)
    if head.startswith(files.OLE):
        if _ENCRYPTED in original.head(_CONTAINER):
            raise files.encrypted(source)
        if files.suffix_of(source) == ".xls":
            return None
    raise files.mislabelled(source, files.content_of(head) or _("no workbook but perhaps text"))


def _named(source: str, names: Sequence[str], known: Sequence[str]) -> set[str]:
    wanted = set()
    for name in names:
        same = [sheet for sheet in known if cells.tidy(sheet) == cells.tidy(name)]
        if not same:
            raise SheetError(
                _("{source} has no sheet {sheet!r}. Its sheets are {sheets}.").format(
                    source=source, sheet=name, sheets=_listed(known)
                )
            )
        wanted.add(name if name in same else same[0])
    return wanted


def _notices(source: str, empty: Collection[str], hidden: Collection[str]) -> tuple[str, ...]:
    notices = []
    if empty:
        notices.append(_("{source}: nothing is in {sheets}.").format(source=source, sheets=_listed(empty)))
    if hidden:
        notices.append(
            _("{source}: left out what is hidden, {sheets}; --sheet NAME reads it.").format(
                source=source, sheets=_listed(hidden)
            )
        )
    return tuple(notices)


def _listed(names: Collection[str]) -> str:
    return ", ".join(map(repr, names))
