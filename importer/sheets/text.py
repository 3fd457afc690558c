"""Text files to rows: where each record ends is certain before pandas cuts it into cells.

The whole file is checked when it is opened, so that a fault in its last row is told before the first row is
sent. No more than a few blocks of it are in memory at any time.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, count, islice, repeat

from importer.errors import InternalError, SheetError
from importer.language import _, in_figures
from importer.model import Place, Row, RowProblem
from importer.ooxml import letters_of
from importer.sheets import cells, files
from importer.sheets.headers import CLEAR_SCORE, Candidate, Choice, HeaderScore, choose_header, tidy_headers
from importer.sheets.records import Batch, Grammar, find_delimiter
from importer.sheets.sheet import Sheet
from importer.sheets.stream import TextStream, open_stream

# A sheet of Excel has no more columns (specification "Worksheet size").
COLUMN_LIMIT = 16_384

_SEPARATOR = re.compile(r'"?sep=([,;|:^~\t])"?(?:\r\n|\n|\r|\Z)', re.IGNORECASE)


def open_text(
    original: files.Original, encoding: str | None, sheets: Sequence[str], score: HeaderScore
) -> Sheet:
    """Return the one sheet of a text file; `sheets` is what the person asked for.

    Raises :class:`SheetError` if any byte of it cannot be decoded, or it has no header row.
    """
    source = original.source
    stream, lines, notices = open_stream(original, encoding)
    if sheets:
        notices.append(_("{source} is text and has no sheets, so --sheet was not used").format(source=source))
    beginning = next(stream.blocks(), "")
    separator = _SEPARATOR.match(beginning)
    skipped = separator.end() if separator else 0
    delimiter = separator[1] if separator else find_delimiter(beginning, files.suffix_of(source), score)
    text = _Text(stream, skipped, Grammar(delimiter))
    choice = text.choose_header(score)
    headers, header_row = choice.found.headers, choice.found.row
    notices += choice.notices(source)
    read = _Table(text, headers, header_row).rows
    sheet = Sheet(source, "", headers, header_row, max(lines - header_row, 0), tuple(notices), read)
    return replace(sheet, beginning=tuple(next(sheet.chunks(2), ())), letters=letters_of(0, len(headers)))


@dataclass(frozen=True, slots=True)
class _Text:
    stream: TextStream
    skipped: int
    """The length of Excel's line ``sep=``, which a spreadsheet hides and does not count."""

    grammar: Grammar

    def batches(self, width: int = 0, header_row: int = 0) -> Iterator[Batch]:
        blocks = self.stream.blocks()
        first = next(blocks, "")[self.skipped :]
        return Grammar(self.grammar.delimiter, width, header_row).batches(chain((first,), blocks))

    def choose_header(self, score: HeaderScore) -> Choice:
        """Return which row holds the headers."""
        source = self.stream.original.source
        choice = choose_header(self._candidates(), score)
        if choice is None:
            raise SheetError(
                _("{source} has no text in it. Check that the right file was saved.").format(source=source)
            )
        found = choice.found
        if found.stray:
            raise SheetError(
                _(
                    "{source}, row {row}: a quotation mark stands where none may, so the headers cannot "
                    "be told apart. Remove it."
                ).format(source=source, row=found.row)
            )
        if len(found.headers) > COLUMN_LIMIT:
            raise SheetError(
                _(
                    "{source}, row {row}: there are {headers} headers, and a sheet has at most "
                    "{most} columns. Check what was exported."
                ).format(
                    source=source,
                    row=found.row,
                    headers=in_figures(len(found.headers)),
                    most=in_figures(COLUMN_LIMIT),
                )
            )
        self._refuse_swallowed(found.row, score)
        return choice

    def _refuse_swallowed(self, header_row: int, score: HeaderScore) -> None:
        # Nothing is known yet of the width of the rows up there, so two stray marks may have merged some.
        records = chain.from_iterable(batch.records for batch in self.batches())
        for row, record in enumerate(islice(records, header_row - 1), 1):
            lines = record.splitlines()
            if len(lines) > 1 and self._best(lines, score) > max(
                self._best([record], score), CLEAR_SCORE - 1
            ):
                raise SheetError(
                    _(
                        "{source}, row {row}: a quotation mark opens here and closes only below a row of "
                        "headers. Remove it."
                    ).format(source=self.stream.original.source, row=row)
                )

    def _best(self, lines: Iterable[str], score: HeaderScore) -> int:
        return max(score(tidy_headers(self.grammar.cells(line))) for line in lines)

    def _candidates(self) -> Iterator[Candidate]:
        row = 0
        for batch in self.batches():
            for position, record in enumerate(batch.records):
                row += 1
                headers = tidy_headers(self.grammar.cells(record))
                yield Candidate(row, headers, stray=position in batch.stray)


@dataclass(frozen=True, slots=True)
class _Table:
    text: _Text
    headers: tuple[str, ...]
    header_row: int

    def rows(self) -> Iterator[list[Row]]:
        following = 1
        for batch in self.text.batches(len(self.headers), self.header_row):
            first = following
            following += len(batch.records)
            above = max(self.header_row + 1 - first, 0)
            if above < len(batch.records):
                yield self._rows(_below(batch, above), first + above)

    def _rows(self, batch: Batch, first: int) -> list[Row]:
        problems, rests = self._problems(batch)
        columns = self._columns(batch)
        source = self.text.stream.original.source
        numbers = range(first, first + len(batch.records))
        places = map(Place._make, zip(repeat(source), repeat(""), numbers, strict=False))
        faults = (problems.get(position, ()) for position in count()) if problems else repeat(())
        rest = (rests.get(position, ()) for position in count()) if rests else repeat(())
        rows = list(map(Row._make, zip(places, zip(*columns, strict=True), faults, rest, strict=False)))
        if any(map(all, columns)):
            # A column without an empty cell leaves no row that is blank.
            return rows
        return [row for row in rows if row.problems or any(row.cells)]

    def _problems(self, batch: Batch) -> tuple[dict[int, tuple[RowProblem, ...]], dict[int, tuple[str, ...]]]:
        """Return what is wrong with rows, and what of them is in none of the columns, by position."""
        grammar, width = self.text.grammar, len(self.headers)
        problems: dict[int, tuple[RowProblem, ...]] = {
            position: (cells.stray_quote(),) for position in batch.stray
        }
        rests: dict[int, tuple[str, ...]] = {position: (batch.records[position],) for position in batch.stray}
        if batch.fits:
            return problems, rests
        # Quick to count, and rarely as many: only then the cells themselves are looked at.
        counts = map(str.count, batch.records, repeat(grammar.delimiter))
        for position in [position for position, delimiters in enumerate(counts) if delimiters >= width]:
            if position in batch.stray or not grammar.exceeds(batch.records[position], width):
                continue
            rest = tuple(map(cells.tidy, grammar.cells(batch.records[position])[width:]))
            if any(rest):
                problems[position] = (cells.too_many_cells(width),)
                rests[position] = rest
        return problems, rests

    def _columns(self, batch: Batch) -> list[list[str]]:
        from pandas import read_csv

        width = range(len(self.headers))
        records = list(batch.records)
        for position in batch.stray:
            records[position] = ""
        # A last line of full width, since pandas refuses a text whose every line is short.
        records.append(self.text.grammar.delimiter * (len(width) - 1) + "-")
        text = "\n".join(records) + "\n"
        frame = read_csv(
            io.StringIO(text, newline=""),
            sep=self.text.grammar.delimiter,
            header=None,
            names=width,
            usecols=width,
            index_col=False,
            dtype=object,
            keep_default_na=False,
            na_filter=False,
            skip_blank_lines=False,
            engine="c",
            low_memory=False,
            encoding_errors="surrogatepass",
        )
        if len(frame) != len(records):
            raise InternalError(
                _("pandas made {rows} rows of {lines} lines; please report it.").format(
                    rows=len(frame), lines=len(records)
                )
            )
        columns = cells.tidy_columns(text, (frame[index].tolist() for index in width))
        for position in batch.stray:
            line = batch.records[position].split(self.text.grammar.delimiter)
            for column, cell in zip(columns, chain(line, repeat("")), strict=False):
                column[position] = cells.tidy(cell)
        for column in columns:
            del column[-1]
        return columns


def _below(batch: Batch, above: int) -> Batch:
    stray = frozenset(position - above for position in batch.stray if position >= above)
    return Batch(batch.records[above:], stray) if above else batch
