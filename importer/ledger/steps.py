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
from importer.language import _
from importer.ledger import EARLIER_DOUBT, SENDABLE, LeadState, state_after
from importer.ledger.checksums import checksum_after
from importer.ledger.rows import packed_application, packed_error
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


def _columns(*names: str) -> str:
    """Return the SQL that takes lists of lists in JSON, named `?`, apart into rows of these columns."""
    values = (f"json_extract(value, '$[{index}]') AS {name}" for index, name in enumerate(names))
    return f"(SELECT {', '.join(values)} FROM json_each(?)) AS step"  # noqa: S608 - made of constants


_INTENTS = _columns("lead", "run", "attempts", "now")

_REFUSED = f"""
FROM {_INTENTS} LEFT JOIN lead ON lead.id = step.lead
WHERE lead.state IS NULL OR lead.state NOT IN ({_SENDABLE})
"""

_INTEND = f"""
UPDATE lead SET state = {LeadState.SENDING:d}, run = step.run, attempts = step.attempts,
    changed_at = step.now,
    checksum = {checksum_after(state=f"{LeadState.SENDING:d}", run="step.run", attempts="step.attempts")}
FROM {_INTENTS}
WHERE lead.id = step.lead AND lead.state IN ({_SENDABLE})
"""  # noqa: S608 - made of constants

# Whatever a caller gets wrong, a created lead stays created: it must never become one that may be sent.
_RECORD = f"""
UPDATE lead SET state = step.state, run = step.run, attempts = step.attempts, changed_at = step.now,
    application_id = step.application_id, status = step.status, created_at = step.created_at,
    error = iif(step.keep, coalesce(lead.error, step.error), step.error),
    checksum = {
    checksum_after(
        state="step.state", run="step.run", attempts="step.attempts", application_id="step.application_id"
    )
}
FROM {
    _columns(
        "lead",
        "run",
        "attempts",
        "now",
        "state",
        "application_id",
        "status",
        "created_at",
        "error",
        "keep",
    )
}
WHERE lead.id = step.lead AND lead.state <> {LeadState.CREATED:d}
"""  # noqa: S608 - made of constants

_REFUSAL = "an intent is refused"

# A view of nothing, to which steps are "added" for what its trigger does then.
_VIEW = "CREATE TEMP VIEW steps AS SELECT NULL AS outcomes, NULL AS intents"
_TRIGGER = f"""
CREATE TEMP TRIGGER take_steps INSTEAD OF INSERT ON steps BEGIN
    {_RECORD.replace("?", "NEW.outcomes")};
    SELECT RAISE(ABORT, '{_REFUSAL}') {_REFUSED.replace("?", "NEW.intents")};
    {_INTEND.replace("?", "NEW.intents")};
END
"""


def prepare(connection: sqlite3.Connection) -> None:
    """Give `connection` what :func:`take_at_once` needs."""
    connection.execute(_VIEW)
    connection.execute(_TRIGGER)


def take_at_once(connection: sqlite3.Connection, steps: Sequence[Step]) -> bool:
    """Write `steps` in a transaction of their own; return whether they could be, else nothing was written.

    It is one call of SQLite, syncing included, from which the thread that sends is kept away only twice.
    """
    if len({step.lead for step in steps}) < len(steps):
        return False
    outcomes = [_outcome(step, step.end) for step in steps if step.end is not None]
    intents = [step[:4] for step in steps if step.end is None]
    try:
        connection.execute("INSERT INTO steps VALUES (?, ?)", (_as_json(outcomes), _as_json(intents)))
    except sqlite3.IntegrityError as error:
        if str(error) != _REFUSAL:
            raise
        return False
    return True


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
            refused = connection.execute(f"SELECT step.lead, lead.state {_REFUSED}", values)
            for lead, state in refused.fetchall():
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
        *packed_application(application),
        packed_error(error) if error else None,
        int(error is not None and error.code == EARLIER_DOUBT),
    ]


def _refusal(state: int | None) -> InternalError:
    told = _("not known") if state is None else LeadState(state).name
    return InternalError(
        _("A lead was to be sent although its state is {told}; nothing was sent. Please report it.").format(
            told=told
        )
    )


_as_json: Callable[[object], str] = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def _reached(point: Point, times: int) -> None:
    for _time in range(times):
        failpoints.reached(point)
