"""What happens to leads under way, many at once, in the transaction of the caller.

Intents, and how attempts ended: all steps of a transaction are written by two statements, however many they
are. Python's sqlite3 lets go of the interpreter for each statement, and then has to win it back from the
thread that sends: with a statement for each step, that contest costs more than all that SQLite does.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from importer import failpoints
from importer.errors import ImporterError, InternalError
from importer.failpoints import Point
from importer.ledger import EARLIER_DOUBT, SENDABLE, LeadState, state_after
from importer.ledger.rows import packed, packed_error, packed_moment
from importer.ledger.statements import checksum_after
from importer.model import Created, RowEnd


class Step(NamedTuple):
    """One change of a lead that is under way."""

    lead: int
    run: int
    attempts: int
    now: int
    """Milliseconds since the epoch."""

    end: RowEnd | None = None
    """How an attempt left the lead; None for an intent."""


_SENDABLE = ", ".join(str(int(state)) for state in sorted(SENDABLE))

_INTENTS = """
(SELECT json_extract(value, '$[0]') AS lead, json_extract(value, '$[1]') AS run,
        json_extract(value, '$[2]') AS attempts, json_extract(value, '$[3]') AS now FROM json_each(?)) AS new
"""

_REFUSED = f"""
SELECT new.lead, lead.state FROM {_INTENTS} LEFT JOIN lead ON lead.id = new.lead
WHERE lead.state IS NULL OR lead.state NOT IN ({_SENDABLE})
"""  # noqa: S608 - made of constants

_INTEND = f"""
UPDATE lead SET state = {LeadState.SENDING:d}, run = new.run, attempts = new.attempts, changed_at = new.now,
    checksum = {checksum_after(state=str(int(LeadState.SENDING)), run="new.run", attempts="new.attempts")}
FROM {_INTENTS}
WHERE lead.id = new.lead AND lead.state IN ({_SENDABLE})
"""  # noqa: S608 - made of constants

_RECORD = f"""
UPDATE lead SET state = new.state, run = new.run, attempts = new.attempts, changed_at = new.now,
    application_id = new.application_id, status = new.status, created_at = new.created_at,
    error = iif(new.keep, coalesce(lead.error, new.error), new.error),
    checksum = {
    checksum_after(
        state="new.state", run="new.run", attempts="new.attempts", application_id="new.application_id"
    )
}
FROM (SELECT json_extract(value, '$[0]') AS lead, json_extract(value, '$[1]') AS run,
             json_extract(value, '$[2]') AS attempts, json_extract(value, '$[3]') AS now,
             json_extract(value, '$[4]') AS state, json_extract(value, '$[5]') AS application_id,
             json_extract(value, '$[6]') AS status, json_extract(value, '$[7]') AS created_at,
             json_extract(value, '$[8]') AS error, json_extract(value, '$[9]') AS keep
      FROM json_each(?)) AS new
WHERE lead.id = new.lead AND lead.state <> {LeadState.CREATED:d}
"""  # noqa: S608 - made of constants; whatever a caller gets wrong, a created lead stays created


def take(connection: sqlite3.Connection, steps: Sequence[Step]) -> list[ImporterError | None]:
    """Write `steps` as if one after the other; return for each why it was refused, None where it was not.

    An intent is refused with :class:`InternalError` for a lead that must not be sent.
    """
    refusals: dict[int, ImporterError] = {}
    for part in _without_repetition(steps):
        outcomes = [_outcome(steps[index], end) for index in part if (end := steps[index].end) is not None]
        intents = {steps[index].lead: index for index in part if steps[index].end is None}
        if outcomes:
            connection.execute(_RECORD, (_as_json(outcomes),))
            _reached(Point.OUTCOME_WRITTEN, len(outcomes))
        if intents:
            values = (_as_json([steps[index][:4] for index in intents.values()]),)
            for lead, state in connection.execute(_REFUSED, values).fetchall():
                refusals[intents[lead]] = _refusal(state)
            connection.execute(_INTEND, values)
            _reached(Point.INTENT_WRITTEN, len(intents))
    return [refusals.get(index) for index in range(len(steps))]


def _without_repetition(steps: Sequence[Step]) -> Iterator[list[int]]:
    """Yield the places of steps, in lists within which the order does not matter: no lead comes twice."""
    part: list[int] = []
    leads: set[int] = set()
    for index, step in enumerate(steps):
        if step.lead in leads:
            yield part
            part, leads = [], set()
        part.append(index)
        leads.add(step.lead)
    yield part


def _outcome(step: Step, end: RowEnd) -> list[object]:
    application = end.application if isinstance(end, Created) else None
    error = None if isinstance(end, Created) else end.error
    return [
        *step[:4],
        state_after(end),
        packed(application.application_id) if application else None,
        application.status if application else None,
        packed_moment(application.created_at) if application else None,
        packed_error(error) if error else None,
        int(error is not None and error.code == EARLIER_DOUBT),
    ]


def _refusal(state: int | None) -> InternalError:
    told = "not known" if state is None else LeadState(state).name
    return InternalError(
        f"A lead was to be sent although its state is {told}; nothing was sent. Please report it."
    )


_as_json: Callable[[object], str] = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def _reached(point: Point, times: int) -> None:
    for _ in range(times):
        failpoints.reached(point)
