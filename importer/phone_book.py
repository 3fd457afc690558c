"""Which phones stand under more than one customer, found in a few bytes a phone.

A file may have a million of them: Python's own tables of their texts, or of hashes, would take some hundred
bytes each.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence

from importer.model import Place


class PhoneBook:
    """Phones with their customers, as hashes of 64 bits, and where they stand.

    Among a million phones the chance that any two have the same hash is 3e-8; all that comes of it is a
    warning without a reason.
    """

    def __init__(self) -> None:
        self._phones = array("q")
        self._customers = array("q")
        self._rows = array("I")
        self._columns: list[tuple[int, str, str, str]] = []

    def add(
        self,
        source: str,
        sheet: str,
        header: str,
        rows: Sequence[int],
        phones: Sequence[str],
        customers: Sequence[str],
    ) -> None:
        """Add phones of a column in their order, with the numbers of their rows and their customer ids."""
        self._phones.extend(map(hash, phones))
        self._customers.extend(map(hash, customers))
        self._rows.extend(rows)
        if self._columns and self._columns[-1][1:] == (source, sheet, header):
            self._columns.pop()
        self._columns.append((len(self._phones), source, sheet, header))

    def shared(self) -> Iterator[tuple[Place, str]]:
        """Yield the place and the header of each phone that stood under another customer first.

        They come in the order in which they were added.
        """
        # It takes time to load, and comes with pandas.
        import numpy

        phones = numpy.frombuffer(self._phones, dtype=numpy.int64)
        customers = numpy.frombuffer(self._customers, dtype=numpy.int64)
        order = numpy.argsort(phones, kind="stable")
        ordered = phones[order]
        begins = numpy.ones(len(ordered), dtype=bool)
        begins[1:] = ordered[1:] != ordered[:-1]
        firsts = order[begins][numpy.cumsum(begins) - 1]
        found = numpy.sort(order[customers[order] != customers[firsts]])
        columns = iter(self._columns)
        end, source, sheet, header = 0, "", "", ""
        for position in found.tolist():
            while position >= end:
                end, source, sheet, header = next(columns)
            yield Place(source, sheet, self._rows[position]), header
