"""What a person says of leads in doubt, in the transaction of the caller."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence, Set

from importer import failpoints
from importer.errors import UsageError
from importer.failpoints import Point
from importer.language import _
from importer.ledger import Answer, GivenAnswer, LeadState, OpenLead, Said, state_answered
from importer.ledger.checksums import checksum_after
from importer.ledger.rows import packed
from importer.model import ErrorInfo, Place

_DOUBTFUL = frozenset({LeadState.IN_DOUBT, LeadState.IN_DOUBT_FOR_GOOD})

_OPEN = """
SELECT lead.id, sheet.source, sheet.name, lead.row, lead.customer_id, lead.state, lead.error,
       lead.application_id
FROM lead JOIN sheet ON sheet.id = lead.sheet
WHERE sheet.path = ? AND (lead.state IN (4, 5, 7, 8) OR lead.id IN (SELECT lead FROM answer))
ORDER BY (SELECT max(id) FROM sheet AS same WHERE same.path = sheet.path AND same.name = sheet.name), lead.row
"""

_LAST = """
SELECT said, application_id, answered_at, answered_by, earlier_state FROM answer
WHERE lead = ? ORDER BY id DESC LIMIT 1
"""


def open_leads(connection: sqlite3.Connection, path: str) -> list[OpenLead]:
    """Return the leads last read from the file at `path` that may be answered."""
    found = []
    for lead, source, sheet, row, customer_id, state, error, application_id in connection.execute(
        _OPEN, (path,)
    ).fetchall():
        answer, _ = _holding(connection, lead, LeadState(state), application_id)
        if answer or state in _DOUBTFUL:
            found.append(
                OpenLead(
                    lead=lead,
                    place=Place(source, sheet, row),
                    customer_id=str(customer_id),
                    state=LeadState(state),
                    error=ErrorInfo(**{"code": "", "message": ""} | json.loads(error)) if error else None,
                    answer=answer,
                )
            )
    return found


def record_answers(
    connection: sqlite3.Connection, answers: Sequence[Answer], answered_at: str, answered_by: str, now: int
) -> None:
    """Record all of these answers; raise :class:`UsageError`, with nothing written, if one cannot be."""
    answered = {answer.lead for answer in answers}
    earlier = [_refuse(connection, answer, answered) for answer in answers]
    for answer, state in zip(answers, earlier, strict=True):
        application_id = packed(answer.application_id) if answer.application_id else None
        connection.execute(
            "INSERT INTO answer (lead, said, application_id, answered_at, answered_by, earlier_state) "
            "VALUES (?, ?, ?, ?, ?, ?)",
            (answer.lead, answer.said, answer.application_id or None, answered_at, answered_by, state),
        )
        connection.execute(
            "UPDATE lead SET state = ?1, application_id = ?2, status = NULL, created_at = NULL, "  # noqa: S608 - made of constants
            f"changed_at = ?3, checksum = {checksum_after(state='?1', application_id='?2')} WHERE id = ?4",
            (state_answered(answer.said), application_id, now, answer.lead),
        )
    failpoints.reached(Point.ANSWERS_WRITTEN)


def _refuse(connection: sqlite3.Connection, answer: Answer, answered: Set[int]) -> LeadState:
    """Return the state in doubt that an answer is about; raise :class:`UsageError` if there is none."""
    found = connection.execute(
        "SELECT lead.state, lead.application_id, sheet.source, sheet.name, lead.row FROM lead "
        "JOIN sheet ON sheet.id = lead.sheet WHERE lead.id = ?",
        (answer.lead,),
    ).fetchone()
    if found is None:
        raise UsageError(_("The ledger has no such lead. Name the rows that `resolve FILE` lists."))
    state, application_id, *where = found
    place = Place(*where)
    last, earlier = _holding(connection, answer.lead, LeadState(state), application_id)
    doubtful = earlier if last else LeadState(state)
    if doubtful not in _DOUBTFUL:
        raise UsageError(
            _("{place} is not in doubt, so there is nothing to settle. See its results.").format(place=place)
        )
    if answer.said is Said.RESEND and doubtful is LeadState.IN_DOUBT_FOR_GOOD:
        raise UsageError(
            _(
                "{place}: the API said that it created this lead, but not under which id, so it is "
                "not sent again. Look for the customer in the Tini console, and answer --created or "
                "--not-created."
            ).format(place=place)
        )
    if answer.said is Said.CREATED:
        _refuse_known(connection, answer, place, answered)
    return doubtful


def _refuse_known(connection: sqlite3.Connection, answer: Answer, place: Place, answered: Set[int]) -> None:
    """Refuse the application of another lead, unless that is `answered` anew: ids may have been mixed up."""
    others = connection.execute(
        "SELECT lead.id, sheet.source, sheet.name, lead.row FROM lead JOIN sheet ON sheet.id = lead.sheet "
        "WHERE lead.application_id = ?",
        (packed(answer.application_id),),
    ).fetchall()
    other = next((where for lead, *where in others if lead not in answered), None)
    if other is not None:
        raise UsageError(
            _("{place}: the application {application_id} belongs to {other}. Check the id.").format(
                place=place, application_id=answer.application_id, other=Place(*other)
            )
        )


def _holding(
    connection: sqlite3.Connection, lead: int, state: LeadState, application_id: object
) -> tuple[GivenAnswer | None, LeadState]:
    """Return the last answer if nothing was sent since, and the state that it was about."""
    last = connection.execute(_LAST, (lead,)).fetchone()
    if last is None:
        return None, state
    said, answered_id, answered_at, answered_by, earlier = last
    same_id = said != Said.CREATED or packed(answered_id) == application_id
    if state is not state_answered(Said(said)) or not same_id:
        return None, state
    given = GivenAnswer(
        said=Said(said), application_id=answered_id or "", answered_at=answered_at, answered_by=answered_by
    )
    return given, LeadState(earlier)
