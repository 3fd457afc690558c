"""Rows that were read into the tables of the ledger in SQLite, in the transaction of the caller.

At each step of a statement SQLite's module lets go of the interpreter, and a thread that is busy gives it
back late. So a statement takes as many rows as it can. And what follows on is kept as one entry: rows of a
sheet whose leads follow each other, too, as in a file of new leads, and whenever the same file is read again.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, count, repeat
from typing import Any, NamedTuple

from importer import failpoints
from importer.errors import InternalError
from importer.failpoints import Point
from importer.language import _, marked
from importer.ledger import (
    Entry,
    Known,
    LeadState,
    Policy,
    Standing,
    copy_key,
    is_doubtful,
    standing_outcome,
    state_adopted,
)
from importer.ledger.checksums import checksum_after, new_checksum
from importer.ledger.rows import packed, packed_application, packed_error, packed_json, storable
from importer.model import ErrorInfo, OutcomeName, Place

# The most rows in one statement, of at most ten values each: SQLite takes 32,766 (https://sqlite.org/limits.html,
# "Maximum Number Of Host Parameters In A Single SQL Statement").
_ROWS_AT_ONCE = 1 << 11

# The cross join makes SQLite look each key up in the index, whatever it takes to be best.
_FIND = """
WITH given (number, key) AS (VALUES {rows})
SELECT json_group_array(given.number), json_group_array(lead.id), json_group_array(lead.state),
       json_group_array(lead.sheet), json_group_array(lead.row)
FROM given CROSS JOIN lead ON lead.key = given.key
"""

_UNMOVED = """
SELECT group_concat(hex(key), ''), min(state), max(state), min(sheet), max(sheet), min(row - id),
       max(row - id)
FROM lead WHERE id BETWEEN ?1 AND ?1 + ?2 - 1
"""

_FOLLOWING = """
SELECT json_group_array(hex(key)), json_group_array(id), json_group_array(state), json_group_array(sheet),
       json_group_array(row)
FROM lead WHERE id BETWEEN ?1 AND ?1 + ?2 - 1
"""

_INSERT_LEADS = "INSERT INTO lead (id, key, customer_id, state, sheet, row, checksum) VALUES {rows}"

_INSERT_ENTRIES = "INSERT INTO entry VALUES {rows}"

_MOVE = "UPDATE lead SET sheet = ?1, row = ?2 + id - ?3 WHERE id BETWEEN ?3 AND ?3 + ?4 - 1"

_ADOPT = f"""
UPDATE lead SET state = ?1, application_id = ?2, status = ?3, created_at = ?4, error = ?5,
checksum = {checksum_after(state="?1", application_id="?2")} WHERE id = ?6
"""  # noqa: S608 - made of constants

_ADOPTED_DOUBT = marked("a results file that was adopted tells that it may exist")

_INVALID = Standing(OutcomeName.INVALID)

# What a row keeps itself, since its lead does not tell it.
_OWN_OUTCOMES = frozenset({OutcomeName.INVALID, OutcomeName.DUPLICATE, OutcomeName.REJECTED})


class _Lead(NamedTuple):
    """A lead of the ledger, and where it was read last."""

    number: int
    state: int
    sheet: int
    row: int


@dataclass(slots=True)
class _Stretch:
    """Rows of a sheet that follow each other, and so do the numbers of their leads."""

    sheet: int
    row: int
    lead: int
    rows: int = 1

    def takes(self, sheet: int, row: int, lead: int) -> bool:
        """Take in a row if it is the next one."""
        if lead != self.lead + self.rows or row != self.row + self.rows or sheet != self.sheet:
            return False
        self.rows += 1
        return True


class Enrolment:
    """The rows of one run, as far as they are enrolled."""

    def __init__(self, run: int) -> None:
        self.run = run
        self.failed = False
        """Whether a transaction has failed: then what is known here was not kept, and no more is enrolled."""

        self.rows = 0
        self.expected = 0
        """The lead of the next row, if its leads go on to follow each other; 0 if they do not."""

        self.taken = bytearray()
        """For each lead, by its number, whether a row has it. A set of the numbers would take far more."""

        self.sheets: dict[int, tuple[str, str, str]] = {}
        """The source, the path and the name of each sheet by its number; equal ones are one object."""

    def enrol(
        self,
        connection: sqlite3.Connection,
        run: int,
        entries: Sequence[Entry],
        policy: Policy,
        most: int | None,
    ) -> list[Standing]:
        """Note rows as :meth:`importer.ledger.Ledger.enrol` has it."""
        if self.failed or run != self.run:
            raise InternalError(_("Rows were to be enrolled in a run that is over; please report it."))
        standings: list[Standing] = []
        for start in range(0, len(entries), _ROWS_AT_ONCE):
            left = None if most is None else most - sum(standing.outcome is None for standing in standings)
            chunk = _Chunk(self, connection, policy)
            standings += chunk.enrol(entries[start : start + _ROWS_AT_ONCE], left)
        failpoints.reached(Point.ROWS_ENROLLED)
        return standings


class _Chunk:
    """Rows that are enrolled together: first all is decided, then all is written."""

    def __init__(self, enrolment: Enrolment, connection: sqlite3.Connection, policy: Policy) -> None:
        self._enrolment = enrolment
        self._connection = connection
        self._policy = policy
        self._taken = enrolment.taken
        self._known: dict[bytes, _Lead] = {}
        self._ends: dict[int, tuple[OutcomeName | None, bool]] = {}
        self._next_lead = 1
        self._leads: list[tuple[object, ...]] = []
        self._entries: list[tuple[object, ...]] = []
        self._moves: list[_Stretch] = []
        self._adoptions: list[tuple[object, ...]] = []

    def enrol(self, entries: Sequence[Entry], most: int | None) -> list[Standing]:
        """Note rows, no more than `most` with leads that are to be sent, and return how they stand."""
        (last,) = self._connection.execute("SELECT max(id) FROM lead").fetchone()
        self._next_lead = (last or 0) + 1
        self._taken.extend(bytes(max(self._next_lead + len(entries) - len(self._taken), 0)))
        if most is None and (unmoved := self._unmoved(entries)):
            return unmoved
        self._find([entry.key for entry in entries if entry.key is not None])
        standings: list[Standing] = []
        plain: _Stretch | None = None
        for entry in entries:
            if most == 0:
                break
            notes = entry.notes
            if entry.key is None:
                standing = _INVALID
            else:
                standing, earlier = self._stand(entry, entry.key)
                notes += earlier
            standings.append(standing)
            if most is not None and standing.outcome is None:
                most -= 1
            if notes or entry.problem or standing.outcome in _OWN_OUTCOMES:
                self._note(plain)
                plain = None
                self._note_apart(entry, standing, notes)
            elif plain is None or not plain.takes(entry.sheet, entry.row, standing.lead):
                self._note(plain)
                plain = _Stretch(entry.sheet, entry.row, standing.lead)
        self._note(plain)
        self._enrolment.expected = plain.lead + plain.rows if plain and plain.rows > 1 else 0
        self._write()
        return standings

    def _unmoved(self, entries: Sequence[Entry]) -> list[Standing] | None:
        """Note rows that are all as they were when they were read last, and return how they stand.

        None if they are not, or their leads not all in one state: then each is to be looked at.
        """
        first, rows = self._enrolment.expected, len(entries)
        keys = [entry.key for entry in entries if not (entry.notes or entry.problem or entry.known)]
        if not first or len(keys) < rows or self._policy.send_duplicates:
            return None
        found = self._connection.execute(_UNMOVED, (first, rows)).fetchone()
        written, state, other_state, sheet, other_sheet, offset, other_offset = found
        if written is None or (state, sheet, offset) != (other_state, other_sheet, other_offset):
            return None
        start = entries[0]
        same = (
            written == b"".join(filter(None, keys)).hex().upper()
            and all(entry.sheet == start.sheet for entry in entries)
            and [entry.row for entry in entries] == list(range(start.row, start.row + rows))
            and offset == start.row - first
            and self._sheet(sheet) is self._sheet(start.sheet)
            and not any(self._taken[first : first + rows])
        )
        outcome, doubtful = self._end(state)
        if not same or outcome in _OWN_OUTCOMES:
            return None
        self._taken[first : first + rows] = b"\1" * rows
        self._note(_Stretch(start.sheet, start.row, first, rows))
        self._enrolment.expected = first + rows
        self._write()
        return list(map(Standing, repeat(outcome), range(first, first + rows), repeat(doubtful)))

    def _find(self, keys: Sequence[bytes]) -> None:
        """Let the leads with these keys be known, as far as the ledger has them."""
        if self._enrolment.expected:
            # In the order in which they are stored: keys are anywhere in their index, which takes six times
            # as long.
            asked = (self._enrolment.expected, len(keys))
            (found, *leads) = map(json.loads, self._connection.execute(_FOLLOWING, asked).fetchone())
            self._known.update(zip(map(bytes.fromhex, found), map(_Lead, *leads), strict=True))
            keys = [key for key in keys if key not in self._known]
        for columns in _in_bulk(self._connection, _FIND, list(enumerate(keys))):
            numbers, *leads = map(json.loads, columns)
            self._known.update(zip((keys[number] for number in numbers), map(_Lead, *leads), strict=True))

    def _stand(self, entry: Entry, key: bytes) -> tuple[Standing, tuple[str, ...]]:
        """Return how the lead of an entry stands, and what is to be noted of the row."""
        lead = self._known.get(key)
        known = entry.known
        if lead is not None and self._policy.send_duplicates:
            key, lead = self._copy(key)
            if key != entry.key:
                known = None
        if lead is None:
            lead = self._new_lead(entry, key)
        elif self._taken[lead.number]:
            return self._duplicate(lead)
        elif lead.row != entry.row or self._sheet(lead.sheet) is not self._sheet(entry.sheet):
            self._known[key] = lead._replace(sheet=entry.sheet, row=entry.row)
            if not self._moves or not self._moves[-1].takes(entry.sheet, entry.row, lead.number):
                self._moves.append(_Stretch(entry.sheet, entry.row, lead.number))
        self._taken[lead.number] = True
        state = lead.state if known is None else self._adopt(lead, known)
        outcome, doubtful = self._end(state)
        return Standing(outcome, lead.number, doubtful), ()

    def _end(self, state: int) -> tuple[OutcomeName | None, bool]:
        if state not in self._ends:
            end = standing_outcome(LeadState(state), same_run=False, policy=self._policy)
            self._ends[state] = (end, is_doubtful(LeadState(state)))
        return self._ends[state]

    def _copy(self, key: bytes) -> tuple[bytes, _Lead | None]:
        """Return the key of the first copy of a lead that may be sent, and the copy if there is one."""
        for number in count():
            copy = copy_key(key, number)
            if copy not in self._known:
                self._find([copy])
            lead = self._known.get(copy)
            if lead is None or not (self._taken[lead.number] or lead.state == LeadState.CREATED):
                return copy, lead
        raise InternalError(_("A lead has no end of copies; please report it."))

    def _new_lead(self, entry: Entry, key: bytes) -> _Lead:
        lead = _Lead(self._next_lead, LeadState.PENDING, entry.sheet, entry.row)
        self._next_lead += 1
        self._known[key] = lead
        customer_id, state = packed(entry.customer_id), int(LeadState.PENDING)
        checksum = new_checksum(key, customer_id, state)
        self._leads.append((lead.number, key, customer_id, state, lead.sheet, lead.row, checksum))
        return lead

    def _duplicate(self, lead: _Lead) -> tuple[Standing, tuple[str, ...]]:
        source, _path, name = self._sheet(lead.sheet)
        outcome = standing_outcome(LeadState(lead.state), same_run=True, policy=self._policy)
        return Standing(outcome, lead.number), (
            _("the same lead stands in {place}").format(place=Place(source, name, lead.row)),
        )

    def _adopt(self, lead: _Lead, known: Known) -> int:
        """Take over what is known of a lead from elsewhere, unless it is created; return its state then."""
        state = LeadState(lead.state)
        if state is LeadState.CREATED or (adopted := state_adopted(state, known)) is state:
            return state
        application = known.application
        self._adoptions.append(
            (
                adopted,
                *packed_application(application),
                None
                if application
                else packed_error(ErrorInfo(code="adopted_doubt", message=_(_ADOPTED_DOUBT))),
                lead.number,
            )
        )
        return adopted

    def _sheet(self, number: int) -> tuple[str, str, str]:
        sheets = self._enrolment.sheets
        if number not in sheets:
            told = self._connection.execute(
                "SELECT source, path, name FROM sheet WHERE id = ?", (number,)
            ).fetchone()
            sheets[number] = next((known for known in sheets.values() if known == told), told)
        return sheets[number]

    def _note(self, stretch: _Stretch | None) -> None:
        if stretch is not None:
            where = (stretch.sheet, stretch.row, stretch.lead)
            self._add_entry(*where, None, None, None, None, rows=stretch.rows)

    def _note_apart(self, entry: Entry, standing: Standing, notes: Sequence[str]) -> None:
        self._add_entry(
            entry.sheet,
            entry.row,
            standing.lead or None,
            str(standing.outcome) if standing.outcome in _OWN_OUTCOMES else None,
            storable(entry.customer_id) if entry.key is None and entry.customer_id else None,
            packed_error(entry.problem) if entry.problem else None,
            packed_json(notes) if notes else None,
            rows=1,
        )

    def _add_entry(self, *values: object, rows: int) -> None:
        self._entries.append((self._enrolment.run, self._enrolment.rows + 1, *values, rows))
        self._enrolment.rows += rows

    def _write(self) -> None:
        for statement, rows in ((_INSERT_LEADS, self._leads), (_INSERT_ENTRIES, self._entries)):
            for _written in _in_bulk(self._connection, statement, rows):
                pass
        moves = [(move.sheet, move.row, move.lead, move.rows) for move in self._moves]
        self._connection.executemany(_MOVE, moves)
        self._connection.executemany(_ADOPT, self._adoptions)


def _in_bulk(
    connection: sqlite3.Connection, statement: str, rows: Sequence[tuple[object, ...]]
) -> Iterator[Any]:
    """Execute a statement for all rows, in few steps; yield what it returns.

    The numbers of rows are powers of two, so that there are few statements to prepare and keep.
    """
    start = 0
    while left := len(rows) - start:
        size = min(1 << left.bit_length() - 1, _ROWS_AT_ONCE)
        piece = rows[start : start + size]
        marks = f"({', '.join('?' * len(piece[0]))})"
        text = statement.format(rows=", ".join([marks] * size))
        yield from connection.execute(text, tuple(chain.from_iterable(piece)))
        start += size
