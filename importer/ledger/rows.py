"""Rows of the ledger's tables to values of the importer, and back. Pure but for the reading itself."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from importer.ledger import LeadState, outcome_of
from importer.model import Application, ErrorInfo, OutcomeName, Place, ResultRow

_RESULTS = """
SELECT entry.position, sheet.source, sheet.name, entry.row, entry.outcome, entry.customer_id, entry.problem,
       entry.notes, lead.customer_id, lead.state, lead.run, lead.attempts, lead.application_id, lead.status,
       lead.created_at, lead.error
FROM entry JOIN sheet ON sheet.id = entry.sheet LEFT JOIN lead ON lead.id = entry.lead
WHERE entry.run = ? AND entry.position > ? AND (? IS NULL OR sheet.path = ?)
ORDER BY entry.position LIMIT ?
"""


def page_of_results(connection: sqlite3.Connection, values: Sequence[object]) -> list[Sequence[Any]]:
    return connection.execute(_RESULTS, values).fetchall()


def outcome_in(outcome: str | None, state: int | None, same_run: bool) -> OutcomeName:
    if state is None or outcome is not None:
        return OutcomeName(outcome or OutcomeName.INVALID)
    return outcome_of(LeadState(state), same_run=same_run)


def result_row(run: int, values: Sequence[Any]) -> ResultRow:
    (
        _,
        source,
        sheet,
        row,
        fixed,
        invalid_customer_id,
        problem,
        notes,
        customer_id,
        state,
        lead_run,
        attempts,
        application_id,
        status,
        created_at,
        error,
    ) = values
    outcome = outcome_in(fixed, state, lead_run == run)
    sent = lead_run == run and outcome is not OutcomeName.DUPLICATE
    # What an earlier run met is told only of a row that is held for it.
    held = outcome in (OutcomeName.REJECTED, OutcomeName.IN_DOUBT)
    told = problem or (error if held or (sent and outcome is not OutcomeName.EXISTING) else None)
    return ResultRow(
        place=Place(source, sheet, row),
        customer_id=str(_first_known(invalid_customer_id, customer_id, "")),
        outcome=outcome,
        application=None
        if application_id is None
        else Application(
            application_id=str(application_id), status=status or "", created_at=created_at or ""
        ),
        attempts=attempts or 0 if sent else 0,
        error=ErrorInfo(**{"code": "", "message": ""} | json.loads(told)) if told else None,
        notes=tuple(json.loads(notes)) if notes else (),
    )


def _first_known(*values: object) -> object:
    return next(value for value in values if value is not None)


def storable(text: str) -> str:
    """Return `text` as UTF-8 can hold it: half a character, as of an odd file name, becomes an escape."""
    return text.encode(errors="backslashreplace").decode()


def packed(text: str) -> int | str:
    """Return an id as SQLite keeps it in the fewest bytes: a number where it reads back the same."""
    if text.isascii() and text.isdigit() and len(text) <= 18 and str(int(text)) == text:
        return int(text)
    return storable(text)


def packed_error(error: ErrorInfo) -> str:
    known = {name: value for name, value in asdict(error).items() if value not in ("", None)}
    return packed_json(known)


def packed_json(value: object) -> str:
    return storable(json.dumps(value, ensure_ascii=False, separators=(",", ":")))
