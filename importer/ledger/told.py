"""What is told of leads elsewhere than in the ledger, to be found while they are read. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from importer.ledger import Known


@dataclass(frozen=True, slots=True)
class ToldRow:
    """A lead that a results file tells to be created, or in doubt."""

    sheet: str
    row: int
    customer_id: str
    """Empty where the file does not tell: the user's own workbook has it in a column of its own."""

    known: Known


class Told:
    """What a results file tells, to be found by the place of a row, or by its customer where rows moved."""

    def __init__(self, rows: Sequence[ToldRow]) -> None:
        self._by_place = {(told.sheet, told.row): told for told in rows}
        self._by_customer: defaultdict[str, list[ToldRow]] = defaultdict(list)
        for told in rows:
            if told.customer_id:
                self._by_customer[told.customer_id].append(told)
        self._taken: set[tuple[str, int]] = set()
        self._count = len(rows)

    @property
    def left(self) -> int:
        """How many rows of the results were asked for by no lead."""
        return self._count - len(self._taken)

    def take(self, sheet: str, row: int, customer_id: str) -> Known | None:
        """Return what is told of the lead in this row, None if nothing is."""
        told = self._by_place.get((sheet, row))
        if told is None or (told.customer_id or customer_id) != customer_id or self._is_taken(told):
            others = self._by_customer.get(customer_id, ())
            told = next((other for other in others if not self._is_taken(other)), None)
        if told is None:
            return None
        self._taken.add((told.sheet, told.row))
        return told.known

    def _is_taken(self, told: ToldRow) -> bool:
        return (told.sheet, told.row) in self._taken
