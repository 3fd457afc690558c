"""Headers of several lines: a group becomes part of the headers below it, unless it is the lead's own. Pure.

Merged cells show how far a group reaches. Without any, as in a text file, a line above the headers is taken
for one of groups only if a heading in it is known to be about leads or about others
(:mod:`importer.headings`), or if it holds some of the headers; a heading then reaches up to the next one. A
title is no group.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise, zip_longest

from importer.headings import is_about_others, is_about_the_lead

# A date, or what ends with a colon, heads a sheet and no columns.
_OF_THE_SHEET = re.compile(r":$|\d\s*[/.-]\s*\d|^(?:ngày|tháng|quý|năm|kỳ)\b", re.IGNORECASE)

# The first column that results add to a sheet. It stands below no group.
_ADDED = ("outcome", "outcome_2")


@dataclass(frozen=True, slots=True)
class Line:
    """A row that may be a line of the headers."""

    row: int
    """Its number."""

    texts: Sequence[str]
    """Its cells, with the text that cells merged or left empty have from the line above."""

    spans: Mapping[int, int] = field(default_factory=dict)
    """The position of the first and of the last cell of each range that is merged across columns."""

    taken: frozenset[int] = frozenset()
    """The positions of the cells whose text is that of the line above."""

    def text(self, at: int) -> str:
        """Return the text of the cell at this position; nothing right of the last one."""
        return self.texts[at] if at < len(self.texts) else ""


@dataclass(frozen=True, slots=True)
class _Group:
    heading: str
    columns: range
    merged: bool


def with_groups(lines: Sequence[Line]) -> tuple[tuple[str, ...], int]:
    """Return the headers in the last of the `lines`, with their groups, and which line they begin in.

    A group that the header repeats is not named twice: below "Người thân", "Tên người thân" stays.
    """
    at = len(lines) - 1
    headers = tuple(lines[at].texts)
    while at and (groups := _groups(lines[at - 1], lines[at], headers)) is not None:
        at -= 1
        for group in groups:
            if not is_about_the_lead(group.heading):
                headers = tuple(
                    _qualified(header, group.heading) if position in group.columns else header
                    for position, header in enumerate(headers)
                )
    return headers, at


def lines_joined(upper: Line, lower: Line) -> Line | None:
    """Return two lines of headers as one, of which the `lower` one only divides some; None if it does not.

    Every text of it then stands below a heading that has several, and none is a value. Where no cells are
    merged, one also stands below an empty cell.
    """
    if lower.row != upper.row + 1:
        return None
    own = {at for at, text in enumerate(lower.texts) if text and at not in lower.taken}
    divided = [
        group
        for group in _reaching(upper, lower, len(lower.texts))
        if len(own.intersection(group.columns)) > 1
    ]
    if not own or not own <= {at for group in divided for at in group.columns}:
        return None
    merged = all(group.merged for group in divided)
    if any(len(re.findall(r"\d", lower.text(at))) > (2 if merged else 0) for at in own):
        return None
    covered = {at for group in divided if group.merged for at in group.columns}
    taken = {at for at, above in enumerate(upper.texts) if above and not lower.text(at) and at not in covered}
    texts = tuple(
        above if at in taken else below
        for at, (above, below) in enumerate(zip_longest(upper.texts, lower.texts, fillvalue=""))
    )
    return replace(lower, texts=texts, taken=lower.taken | taken)


def _groups(upper: Line, lower: Line, headers: Sequence[str]) -> list[_Group] | None:
    """Return the groups in the line above another one; None if it is not about the columns."""
    if lower.row != upper.row + 1:
        return None
    found = [
        group for group in _reaching(upper, lower, len(headers)) if not _OF_THE_SHEET.search(group.heading)
    ]
    if not found:
        return None
    if lower.taken:
        return found
    if any(is_about_others(group.heading) or is_about_the_lead(group.heading) for group in found):
        return found
    if not any(group.merged for group in found) or _is_title(found, headers):
        return None
    return found


def _reaching(upper: Line, lower: Line, width: int) -> Iterator[_Group]:
    """Yield each heading of the line above with the columns that it reaches over, of so many."""
    starts = [at for at in range(width) if upper.text(at) or at in upper.spans or lower.text(at) in _ADDED]
    for start, following in pairwise((*starts, width)):
        merged = start in upper.spans
        end = upper.spans[start] + 1 if merged else following
        if upper.text(start) and start not in lower.taken:
            yield _Group(upper.text(start), range(start, end), merged)


def _is_title(groups: Sequence[_Group], headers: Sequence[str]) -> bool:
    """Tell whether there is but one heading, from the first header on or over more than half of them."""
    if len(groups) > 1:
        return False
    used = [at for at, header in enumerate(headers) if header]
    below = [at for at in used if at in groups[0].columns]
    return used[0] >= groups[0].columns.start or 2 * len(below) > len(used)


def _qualified(header: str, heading: str) -> str:
    repeated = f" {heading.casefold()} " in f" {header.casefold()} "
    return header if not header or repeated else f"{heading} {header}"
