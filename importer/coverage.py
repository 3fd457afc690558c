"""Which ids of a list that is paged downwards have been seen, and where to go on. Pure.

New entries come in above at any time, and an export may be stopped and started again, so what was seen are
ranges of ids with gaps between them. Each page closes one from above.
"""

from __future__ import annotations

from bisect import bisect_right


class Coverage:
    """The ranges of ids that were seen whole: every entry with an id in them is known."""

    def __init__(self) -> None:
        self._ranges: list[tuple[int, int]] = []
        """The first id of each and the one after its last, in ascending order, none touching another."""

    def has(self, number: int) -> bool:
        """Tell whether an id lies in what was seen."""
        at = bisect_right(self._ranges, (number + 1,)) - 1
        return at >= 0 and self._ranges[at][0] <= number < self._ranges[at][1]

    def add(self, low: int, above: int) -> None:
        """Note that everything from `low` to below `above` was seen."""
        touching = [known for known in self._ranges if known[0] <= above and known[1] >= low]
        kept = [known for known in self._ranges if known not in touching]
        first = min([low, *(known[0] for known in touching)])
        last = max([above, *(known[1] for known in touching)])
        self._ranges = sorted([*kept, (first, last)])

    def next_below(self, below: int | None) -> int | None:
        """Return below which id to ask next, instead of `below`; None asks for the newest.

        It is 0 when there is nothing left to be asked.
        """
        if below is None or not self.has(below - 1):
            return below
        return self._ranges[bisect_right(self._ranges, (below,)) - 1][0]
