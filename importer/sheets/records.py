r"""Text to records: where one row of a CSV ends and the next begins. Pure.

The grammar is that of RFC 4180, with any of the line ends ``\r\n``, ``\n`` and ``\r``: a cell in quotation
marks may hold delimiters, line breaks and doubled marks, and no other cell may hold a mark at all. A mark
that breaks this must never merge two rows without a word, so wherever the grammar fails, one line is given up
as stray and reading goes on at the next line. The same goes for a cell across lines that swallowed what looks
like a row: two stray marks in two rows are good grammar, and a lead less.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import islice

from importer.sheets.headers import (
    ROWS_LOOKED_AT,
    Candidate,
    HeaderScore,
    choose_header,
    nothing_known,
    tidy_headers,
)

DELIMITERS = (",", ";", "\t", "|")

# A record is looked for in so many characters before an open mark counts as never closed; one cell of Excel
# holds 32,767 (specification "Total number of characters that a cell can contain").
LOOKAHEAD = 1 << 20

# How many records from the headers on tell whether a delimiter cuts them into as many cells.
_ROWS_COMPARED = 20

_QUOTED = re.compile('"[^"]*"')
_LINE_END = re.compile(r"\r\n|\n|\r")


@dataclass(frozen=True, slots=True)
class Batch:
    """Records that follow each other, without their line ends."""

    records: list[str]
    stray: frozenset[int] = frozenset()
    """The positions of the lines that break the grammar."""

    fits: bool = False
    """Whether it is known that no record has more cells than there are columns."""


@dataclass(frozen=True, slots=True)
class Grammar:
    """How the records of one file are written."""

    delimiter: str
    width: int = 0
    """The number of columns, which tells a swallowed row; 0 while it is not known."""

    trusted: int = 0
    """How many records at the start swallow nothing: those down to the headers, which gave the width."""

    def batches(self, blocks: Iterable[str]) -> Iterator[Batch]:
        """Yield the records in `blocks`, pieces of one text cut anywhere, in order and without a gap."""
        rest = ""
        trusted = self.trusted
        for block in blocks:
            text = rest + block
            lines, taken = _lines(text)
            if '"' not in text:
                batch = Batch(lines.split("\n")[:-1])
            elif self.width and _rows(self.delimiter, self.width).fullmatch(lines):
                batch = Batch(lines.split("\n")[:-1], fits=True)
            elif self._keeps(records := lines.split("\n")[:-1]):
                batch = Batch(records)
            else:
                batch, taken = self._split(text, trusted)
            rest = text[taken:]
            trusted -= len(batch.records)
            if batch.records:
                yield batch
        while rest:
            batch, taken = self._split(rest, trusted, last=True)
            rest = rest[taken:]
            yield batch

    def cells(self, record: str) -> list[str]:
        """Return the cells of a `record` that keeps the grammar, quotation marks resolved."""
        cells = [match[1] for match in _cell(self.delimiter).finditer(record)]
        return [cell[1:-1].replace('""', '"') if cell[:1] == '"' else cell for cell in cells]

    def exceeds(self, record: str, width: int) -> bool:
        """Tell whether a `record` has more cells than `width`, quicker than by cutting them out."""
        return _QUOTED.sub("", record).count(self.delimiter) >= width

    def _keeps(self, lines: Iterable[str]) -> bool:
        """Tell whether each line by itself is a record, as in most files that have quotation marks at all."""
        match = _record(self.delimiter).fullmatch
        return all('"' not in line or match(line) for line in lines)

    def _split(self, text: str, trusted: int, *, last: bool = False) -> tuple[Batch, int]:
        match_record = _record(self.delimiter).match
        records: list[str] = []
        stray: list[int] = []
        start = 0
        while start < len(text):
            match = match_record(text, start)
            # What was read so far may go on in a way that changes how it is to be understood.
            if not last and (len(text) - start < LOOKAHEAD if match is None else match.end() == len(text)):
                break
            sound = match is not None and (len(records) < trusted or not self._swallows(match[0]))
            end, following = _line(text, match.end() if match and sound else start, last=last)
            if not following:
                break
            if not sound:
                stray.append(len(records))
            records.append(text[start:end])
            start = following
        return Batch(records, frozenset(stray)), start

    def _swallows(self, record: str) -> bool:
        """Tell whether a `record` across lines is more likely several rows that stray marks merged.

        It is when cells are missing in it, or when two lines of it look like rows by themselves: the first
        with enough cells, and another that has enough, too, the first of them filled, and at most one empty
        or begun with a blank, as text after a comma would be.
        """
        if self.width < 3 or ("\n" not in record and "\r" not in record):
            return False
        if len(self.cells(record)) < self.width:
            return True
        first, *others = _LINE_END.split(record)
        if first.count(self.delimiter) < self.width - 1:
            return False
        for line in others:
            cells = line.split(self.delimiter)
            filled = sum(cell[:1].strip() != "" for cell in cells)
            if cells[0][:1].strip() and len(cells) >= self.width and filled >= self.width - 1:
                return True
        return False


def _lines(text: str) -> tuple[str, int]:
    """Return the complete lines of a `text`, ended by line feeds alone, and how much of it they take."""
    taken = text.rfind("\n") + 1 or text.rfind("\r", 0, -1) + 1
    lines = text[:taken]
    if "\r" in lines:
        lines = lines.replace("\r\n", "\n").replace("\r", "\n")
    return lines, taken


def _line(text: str, start: int, *, last: bool) -> tuple[int, int]:
    r"""Return where the line ends that holds `start`, and where the next one begins.

    The latter is 0 when that cannot be known yet: the `text` goes on, and a ``\r`` may become a ``\r\n``.
    """
    match = _LINE_END.search(text, start)
    if match is None:
        return len(text), len(text) if last else 0
    if match.end() == len(text) and match[0] == "\r" and not last:
        return match.start(), 0
    return match.start(), match.end()


@cache
def _record(delimiter: str) -> re.Pattern[str]:
    # Possessive throughout, so that no text takes more than one pass to fail.
    mark = re.escape(delimiter)
    cell = rf'(?:"(?:[^"]++|"")*+"|[^"{mark}\r\n]*+)'
    return re.compile(rf"{cell}(?:{mark}{cell})*+(?=[\r\n]|\Z)")


@cache
def _rows(delimiter: str, width: int) -> re.Pattern[str]:
    """Return what matches lines of at most `width` cells, in which no cell goes on in the next line."""
    mark = re.escape(delimiter)
    cell = rf'(?:"(?:[^"\n]++|"")*+"|[^"{mark}\n]*+)'
    return re.compile(rf"(?:{cell}(?:{mark}{cell}){{0,{width - 1}}}+\n)*+")


@cache
def _cell(delimiter: str) -> re.Pattern[str]:
    mark = re.escape(delimiter)
    return re.compile(rf'(?:^|(?<={mark}))("(?:[^"]++|"")*+"|[^"{mark}]*+)(?:{mark}|\Z)')


def find_delimiter(text: str, suffix: str, score: HeaderScore = nothing_known) -> str:
    """Return the delimiter of the records in `text`, the beginning of a file with this `suffix`.

    It is the sign that cuts out the headers that fit best by `score`. If none do, it is one that stands in
    the first record outside of quotation marks: a tab in a file named so, else the one that cuts most of the
    next records into as many cells, then the one that cuts into the most cells. A file without any has one
    column; what is cut at its commas would be so by a spreadsheet, too.
    """
    best, best_score = ",", (0, False, 0.0, 1)
    for delimiter in DELIMITERS:
        rows = _first_rows(text, delimiter)
        choice = choose_header((Candidate(at, tidy_headers(cells)) for at, cells in enumerate(rows)), score)
        fit, start = (choice.score, choice.found.row) if choice and choice.score else (0, 0)
        widths = [len(cells) for cells in rows[start : start + _ROWS_COMPARED]]
        if not widths or widths[0] == 1:
            continue
        named = suffix == ".tsv" and delimiter == "\t"
        found = (fit, named, widths.count(widths[0]) / len(widths), widths[0])
        if found > best_score:
            best, best_score = delimiter, found
    return best


def _first_rows(text: str, delimiter: str) -> list[list[str]]:
    grammar = Grammar(delimiter)
    sound = (
        grammar.cells(record)
        for batch in grammar.batches([text])
        for position, record in enumerate(batch.records)
        if record.strip() and position not in batch.stray
    )
    return list(islice(sound, ROWS_LOOKED_AT + _ROWS_COMPARED))
