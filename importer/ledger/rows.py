"""Rows of the ledger's tables to values of the importer, and back. Pure but for the reading itself."""

from __future__ import annotations

import json
import re
import sqlite3
from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Sequence, Set
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from functools import cache, lru_cache
from typing import Any

from importer.language import _, marked
from importer.ledger import NEVER_SENT, UNKNOWN_STATUS, LeadState, Said, outcome_of, state_answered
from importer.model import Application, ErrorInfo, OutcomeName, Place, ResultRow

_MOMENT = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})T([01][0-9]|2[0-3]):([0-5][0-9]):([0-5][0-9])\.([0-9]{3})Z"
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)

_ANSWERS = {
    Said.CREATED: marked("it was created, as {name} answered at {time}"),
    Said.NOT_CREATED: marked("it was not created and is to be sent, as {name} answered at {time}"),
    Said.RESEND: marked("it is to be sent again, though it may exist, as {name} answered at {time}"),
}

_TO_BE_SENT = marked("it was looked for and not found; run the same command again")

_RESULTS = """
SELECT sheet.source, sheet.name, entry.row + ifnull(lead.id - entry.lead, 0), entry.outcome,
       ifnull(entry.customer_id, lead.customer_id), entry.problem, entry.notes, lead.state,
       lead.run IS entry.run, lead.attempts, lead.application_id,
       coalesce((SELECT status FROM application_status AS newer
           WHERE newer.application_id = lead.application_id
           AND newer.environment = (SELECT environment FROM run WHERE id = ?1)
           ORDER BY changed_at DESC LIMIT 1), lead.status),
       lead.created_at, lead.error,
       answer.said, answer.answered_at, answer.answered_by
FROM entry JOIN sheet ON sheet.id = entry.sheet
LEFT JOIN lead ON lead.id BETWEEN entry.lead AND entry.lead + entry.rows - 1
LEFT JOIN answer ON answer.id = (SELECT max(id) FROM answer WHERE answer.lead = lead.id)
WHERE entry.run = ?1 AND entry.position BETWEEN ?2 AND ?3 AND (?4 IS NULL OR sheet.path = ?4)
ORDER BY entry.position, lead.id
"""

PAGE = 1000
"""Positions of a run whose results are read together."""


def page_of_results(
    connection: sqlite3.Connection, run: int, first: int, path: str | None
) -> list[Sequence[Any]] | None:
    """Return what the rows of a run are from, those of one file; None if none begin at `first` or later.

    They are of entries that begin at the :data:`PAGE` positions from `first` on.
    """
    (last,) = connection.execute("SELECT max(position) FROM entry WHERE run = ?", (run,)).fetchone()
    if last is None or first > last:
        return None
    return connection.execute(_RESULTS, (run, first, first + PAGE - 1, path)).fetchall()


def application_ids(connection: sqlite3.Connection) -> Callable[[str], bool]:
    """Return what tells whether an application is known, in eight bytes for each that is."""
    numbers, texts = array("q"), set()
    for (found,) in connection.execute("SELECT application_id FROM lead WHERE application_id IS NOT NULL"):
        if isinstance(found, int):
            numbers.append(found)
        else:
            texts.add(found)
    ordered = array("q", sorted(numbers))

    def knows(application_id: str) -> bool:
        found = packed(application_id)
        if isinstance(found, str):
            return found in texts
        at = bisect_left(ordered, found)
        return at < len(ordered) and ordered[at] == found

    return knows


def leads_sent(connection: sqlite3.Connection, customers: Set[str], environment: str) -> Counter[str]:
    """Return how many leads of each of these customers may exist in an environment."""
    found: Counter[str] = Counter()
    if customers:
        # One that was adopted was sent by no run that is known here.
        for customer_id, state in connection.execute(
            "SELECT customer_id, state FROM lead LEFT JOIN run ON run.id = lead.run "
            "WHERE run.environment IS NULL OR run.environment = ?",
            (environment,),
        ):
            if str(customer_id) in customers and state not in NEVER_SENT:
                found[str(customer_id)] += 1
    return found


@cache
def outcome_in(outcome: str | None, state: int | None, same_run: int) -> OutcomeName:
    if state is None or outcome is not None:
        return OutcomeName(outcome or OutcomeName.INVALID)
    return outcome_of(LeadState(state), same_run=bool(same_run))


def result_row(values: Sequence[Any]) -> ResultRow:
    (
        source,
        sheet,
        row,
        fixed,
        customer_id,
        problem,
        notes,
        state,
        same_run,
        attempts,
        application_id,
        status,
        created_at,
        error,
        said,
        answered_at,
        answered_by,
    ) = values
    outcome = outcome_in(fixed, state, same_run)
    sent = same_run and outcome is not OutcomeName.DUPLICATE
    # What an earlier run met is told only of a row that is held for it.
    held = outcome in (OutcomeName.REJECTED, OutcomeName.IN_DOUBT)
    told = problem or (error if held or (sent and outcome is not OutcomeName.EXISTING) else None)
    kept = tuple(json.loads(notes)) if notes else ()
    # An answer that does not hold any more is not told.
    if said and state == state_answered(Said(said)) and outcome is not OutcomeName.DUPLICATE:
        kept += (_(_ANSWERS[Said(said)]).format(name=answered_by, time=answered_at),)
        told = (
            told
            if outcome is OutcomeName.IN_DOUBT
            else packed_error(ErrorInfo(code="not_created", message=_(_TO_BE_SENT)))
            if outcome is OutcomeName.FAILED
            else None
        )
    # By position, which takes half as long as by name.
    return ResultRow(
        Place(source, sheet, row),
        "" if customer_id is None else str(customer_id),
        outcome,
        None
        if application_id is None
        else Application(
            str(application_id), "" if status in (None, UNKNOWN_STATUS) else status, moment(created_at)
        ),
        attempts or 0 if sent else 0,
        ErrorInfo(**{"code": "", "message": ""} | json.loads(told)) if told else None,
        kept,
    )


def storable(text: str) -> str:
    """Return `text` as UTF-8 can hold it: half a character, as of an odd file name, becomes an escape."""
    return text.encode(errors="backslashreplace").decode()


def packed(text: str) -> int | str:
    """Return an id as SQLite keeps it in the fewest bytes: a number where it reads back the same."""
    if text.isascii() and text.isdigit() and len(text) <= 18 and str(int(text)) == text:
        return int(text)
    return storable(text)


def packed_moment(text: str) -> int | str:
    """Return a moment of the API in the fewest bytes: as milliseconds, where they read back the same."""
    if (found := _MOMENT.fullmatch(text)) and (day := _day(found[1])) is not None:
        hours, minutes, seconds, milliseconds = map(int, found.groups()[1:])
        return (((day * 24 + hours) * 60 + minutes) * 60 + seconds) * 1000 + milliseconds
    return storable(text)


@lru_cache(maxsize=64)
def _day(text: str) -> int | None:
    """Return the days from the epoch to a date, or None if there is no such date."""
    try:
        return date.fromisoformat(text).toordinal() - _EPOCH.toordinal()
    except ValueError:
        return None


def moment(packed: int | str | None) -> str:
    """Return a moment that :func:`packed_moment` has packed; empty for none."""
    if isinstance(packed, int):
        seconds, milliseconds = divmod(packed, 1000)
        return f"{_second(seconds)}.{milliseconds:03}Z"
    return packed or ""


@lru_cache
def _second(seconds: int) -> str:
    """Return the moment so many seconds after the epoch; leads of one second mostly follow each other."""
    return (_EPOCH + timedelta(seconds=seconds)).isoformat()[:-6]


def packed_application(
    application: Application | None,
) -> tuple[int | str | None, str | None, int | str | None]:
    """Return the columns application_id, status and created_at of a lead."""
    if application is None:
        return None, None, None
    return packed(application.application_id), application.status, packed_moment(application.created_at)


def packed_error(error: ErrorInfo) -> str:
    known = {name: value for name, value in asdict(error).items() if value not in ("", None)}
    return packed_json(known)


def packed_json(value: object) -> str:
    return storable(json.dumps(value, ensure_ascii=False, separators=(",", ":")))
