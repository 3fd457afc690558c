"""What is told of leads elsewhere than in the ledger, to be found while they are read. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Set
from dataclasses import dataclass
from pathlib import PurePath

from importer.ledger import Known
from importer.model import Place


@dataclass(frozen=True, slots=True)
class ToldRow:
    """A lead that a results file tells to be created, or in doubt."""

    place: Place
    """Where it stood. The name of the file counts, not its folder, which may be another one now; it is empty
    where the results do not tell it."""

    customer_id: str
    known: Known


class Told:
    """What results files tell, to be found by the place of a row, or by its customer where rows moved.

    Each row of the results stands for one lead. Where the results have another customer in the place of a
    lead, and that customer stands nowhere in the files now (`stands` tells), an id may have been changed on
    the way, as by a spreadsheet; then the lead is in doubt rather than sent.
    """

    def __init__(
        self, rows: Iterable[ToldRow], stands: Callable[[str], bool] = lambda customer_id: True
    ) -> None:
        self._rows = list(rows)
        self._stands = stands
        self._taken: set[int] = set()
        self._by_place: defaultdict[Place, list[int]] = defaultdict(list)
        self._by_customer: defaultdict[str, list[int]] = defaultdict(list)
        for number, told in enumerate(self._rows):
            self._by_place[_place(told.place)].append(number)
            self._by_customer[told.customer_id].append(number)

    @property
    def left(self) -> int:
        """How many rows of the results were asked for by no lead."""
        return len(self._rows) - len(self._taken)

    @property
    def applications(self) -> Set[str]:
        """The ids of the applications that are told of."""
        known = (told.known.application for told in self._rows)
        return {application.application_id for application in known if application}

    def of_customer(self, customer_id: str) -> int:
        """Return how many leads of a customer are told of."""
        return len(self._by_customer.get(customer_id, ()))

    def take(self, place: Place, customer_id: str) -> Known | None:
        """Return what is told of the lead in this place, None if nothing is."""
        named = _place(place)
        places = (named, named._replace(source=""))
        here = [number for at in places for number in self._by_place.get(at, ()) if number not in self._taken]
        same = [number for number in here if self._rows[number].customer_id == customer_id]
        moved = (number for number in self._by_customer.get(customer_id, ()) if number not in self._taken)
        found = same[0] if same else next(moved, None)
        if found is not None:
            self._taken.add(found)
            return self._rows[found].known
        strange = [number for number in here if not self._stands(self._rows[number].customer_id)]
        if strange:
            self._taken.add(strange[0])
            return Known(None)
        return None


def _place(place: Place) -> Place:
    return Place(PurePath(place.source).name, place.sheet, place.row)
