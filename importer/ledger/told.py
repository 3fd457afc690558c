"""What is told of leads elsewhere than in the ledger, to be found while they are read. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, field
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


@dataclass(frozen=True, slots=True)
class Standing:
    """The leads of one customer in the files now."""

    keys: set[bytes] = field(default_factory=set)
    """One for each that differs from the others."""

    places: set[Place] = field(default_factory=set)


class Told:
    """What results files tell, to be found by the leads that stand in the files now (`customers`).

    Results tell of a lead's place and customer, and not of its inputs. Where a customer has one lead in the
    results and one in the files, it is that one. Where nothing has moved since, the places tell. What else
    may be one of several leads is in doubt rather than sent; so is a lead in whose place the results have a
    customer who stands nowhere now, as when a spreadsheet has changed an id.
    """

    def __init__(self, rows: Iterable[ToldRow], customers: Mapping[str, Standing]) -> None:
        self._customers = customers
        self._standing = {
            at for known in customers.values() for place in known.places for at in _places(place)
        }
        self._by_customer: defaultdict[str, list[ToldRow]] = defaultdict(list)
        applications: set[str] = set()
        for told in rows:
            application = told.known.application
            # Several results files may tell of one lead.
            if application is None or application.application_id not in applications:
                self._by_customer[told.customer_id].append(told)
                applications |= {application.application_id} if application else set()
        self.applications: Set[str] = applications
        told_rows = [told for found in self._by_customer.values() for told in found]
        self._strange = {_place(told.place) for told in told_rows if told.customer_id not in customers}
        self._unmoved = all(self._stands(told) for told in told_rows if told.customer_id in customers)

    def of_customer(self, customer_id: str) -> int:
        """Return how many leads of a customer are told of."""
        return len(self._by_customer.get(customer_id, ()))

    def astray(self) -> list[ToldRow]:
        """Return the rows of the results that no lead of the files can be."""
        return [
            told
            for customer, rows in self._by_customer.items()
            for told in rows
            if customer not in self._customers and _place(told.place) not in self._standing
        ]

    def take(self, place: Place, customer_id: str) -> Known | None:
        """Return what is told of the lead in this place, None if nothing is."""
        rows = self._by_customer.get(customer_id)
        if rows is None:
            return Known(None) if self._strange & _places(place) else None
        if len(rows) == len(self._customers[customer_id].keys) == 1:
            return rows[0].known
        if self._unmoved:
            return next((told.known for told in rows if _place(told.place) in _places(place)), None)
        return Known(None)

    def _stands(self, told: ToldRow) -> bool:
        places = self._customers[told.customer_id].places
        return any(_place(told.place) in _places(place) for place in places)


def _place(place: Place) -> Place:
    return Place(PurePath(place.source).name, place.sheet, place.row)


def _places(place: Place) -> set[Place]:
    """Return what results may call the place of a lead: they may not tell its file."""
    named = _place(place)
    return {named, named._replace(source="")}
