"""Which row holds the headers: the one that names the most of what a lead has, else the first with text.

What headers a lead has is not known here: a :data:`HeaderScore` is passed in. Titles, addresses and dates
above the headers score nothing, and neither do the rows of leads below them.

Right above the headers, a line may say whom they are about: "Người thân" over "Tên" and "SĐT". Such a group
becomes part of the headers below it (:mod:`importer.sheets.groups`), so that nobody else's phone is taken for
the lead's. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice, zip_longest

from importer.language import _
from importer.sheets.cells import tidy
from importer.sheets.groups import Line, lines_joined, with_groups

HeaderScore = Callable[[Sequence[str]], int]
"""How well the cells of a row fit the headers of leads: 0 or less for not at all."""

# So many rows with text are looked at; no letterhead is as long.
ROWS_LOOKED_AT = 30

# One known word may stand in any title or row; two in one row are no accident.
CLEAR_SCORE = 2

Merged = Sequence[tuple[tuple[int, int], tuple[int, int]]]
"""The first and the last cell of each merged range, row and column from 0."""


def nothing_known(_: Sequence[str]) -> int:
    """Score no row, so that the first one with text holds the headers."""
    return 0


@dataclass(frozen=True, slots=True)
class Candidate:
    """A row that may hold the headers."""

    row: int
    headers: tuple[str, ...]
    stray: bool = False
    """Whether its quotation marks leave open where a cell ends."""

    continues: bool = False
    """Whether a merged cell reaches into it from the row above, so that both may be one header."""

    spans: Mapping[int, int] = field(default_factory=dict)
    """The position of the first and of the last cell of each range in it that is merged across columns."""

    taken: frozenset[int] = frozenset()
    """The positions of the headers that are those of the row above."""


@dataclass(frozen=True, slots=True)
class Choice:
    """The row of the headers."""

    found: Candidate
    score: int
    """What it scored; 0 if no row was a clear winner and this is just the first one with text."""

    below_others: bool
    """Whether rows with text stand above it that are no part of the headers."""

    def notices(self, where: str) -> tuple[str, ...]:
        """Return what the person should know about the rows above; `where` names the file and sheet."""
        if not self.below_others:
            return ()
        return (
            _("{where}: the headers are in row {row}; the rows above are left out").format(
                where=where, row=self.found.row
            ),
        )


def choose_header(candidates: Iterable[Candidate], score: HeaderScore) -> Choice | None:
    """Return which of the `candidates`, from the top of a sheet on, holds the headers; None if all are blank.

    The higher of two equal rows does, since the other one repeats it, unless a merged cell joins them. A row
    below that only divides some of the headers is joined with them. Those below a group are named with it.
    """
    rows = list(islice((row for row in candidates if any(row.headers)), ROWS_LOOKED_AT))
    if not rows:
        return None
    scores = [score(row.headers) for row in rows]
    best = max(scores)
    if best < CLEAR_SCORE:
        return Choice(rows[0], 0, False)
    at = scores.index(best)
    while at + 1 < len(rows) and rows[at + 1].continues and scores[at + 1] == best:
        at += 1
    lines = [Line(row.row, row.headers, row.spans, row.taken) for row in rows]
    if at + 1 < len(rows) and (joined := lines_joined(lines[at], lines[at + 1])):
        at += 1
        lines[at] = joined
    headers, first = with_groups(lines[: at + 1])
    return Choice(replace(rows[at], headers=headers), best, first > 0)


def tidy_headers(cells: Sequence[str]) -> tuple[str, ...]:
    """Return the headers in `cells`: each trimmed, NFC and on one line, without the empty ones at the end."""
    headers = [" ".join(tidy(cell).split()) for cell in cells]
    while headers and not headers[-1]:
        headers.pop()
    return tuple(headers)


def with_lines_joined(
    rows: Iterable[Sequence[str]], merged: Merged, left: int, score: HeaderScore
) -> Iterator[Candidate]:
    """Yield a candidate for each of the `rows` of a workbook, which may be the lower line of two.

    A cell merged with others below it counts in each of their rows. Where that is not known, or people just
    left the lower cell empty, the text right above it counts if that row has headers of leads, too, and this
    one then fits better. `left` is the column of the first cell of the rows.
    """
    down = [(first, last) for first, last in merged if last[0] > first[0]]
    across: dict[int, dict[int, int]] = {}
    for (top, column), (bottom, last) in merged:
        for row in range(top, min(bottom, top + ROWS_LOOKED_AT) + 1) if last > column >= left else ():
            across.setdefault(row, {})[column - left] = last - left
    above: tuple[str, ...] = ()
    held: dict[tuple[int, int], str] = {}
    for number, texts in enumerate(rows):
        cells = list(texts)
        taken: set[int] = set()
        for (top, column), (bottom, _right) in down if any(cells) else ():
            at = column - left
            if not 0 <= at < len(cells):
                # Merged cells without text may lie outside of the columns in use.
                continue
            if top == number:
                held[top, column] = cells[at]
            elif top < number <= bottom and held.get((top, column)):
                cells[at] = held[top, column]
                taken.add(at)
        continues = bool(taken)
        bare = headers = tidy_headers(cells)
        if bare and score(above) > 0:
            filled = tuple(own or upper for own, upper in zip_longest(bare, above, fillvalue=""))
            if score(filled) > score(bare):
                taken |= {at for at, text in enumerate(filled) if text and bare[at : at + 1] != (text,)}
                headers = filled
        yield Candidate(
            number + 1,
            headers,
            continues=continues,
            spans=across.get(number, {}),
            taken=frozenset(taken),
        )
        above = bare
