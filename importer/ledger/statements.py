"""The tables of the ledger in SQLite, and what is done with them, in the transaction of the caller."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from itertools import count

from importer import failpoints
from importer.errors import InternalError
from importer.failpoints import Point
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
from importer.ledger.rows import outcome_in, packed, packed_error, packed_json, packed_moment
from importer.model import ErrorInfo, OutcomeName, Place

SCHEMA_VERSION = 3

APPLICATION_ID = int.from_bytes(b"LEAD")

_PRIME = 2**31 - 1

# Each below 2**29, so that no sum of products leaves the 64 bits of SQLite, after which it would be a float.
_FACTORS = {
    "key": 472_882_027,
    "customer_id": 479_001_599,
    "state": 451_990_223,
    "run": 387_420_489,
    "attempts": 268_435_399,
    "application_id": 314_606_869,
}


def checksum(**values: str) -> str:
    """Return the SQL of the checksum that a lead must have (:mod:`importer.ledger.guards`).

    `values` are the SQL of columns that are something else than in the table. It is a sum modulo a prime,
    which no change of a single byte leaves as it was. Keys and ids that are no numbers go through the
    function ``checksum_of``.
    """
    return _in_range(_sum_of(values.get(column, f"lead.{column}"), column) for column in _FACTORS)


def checksum_after(**values: str) -> str:
    """Return the SQL of the checksum of a lead once the columns in `values` have become that.

    It goes on from the checksum that is there. So SQLite needs no function of Python's for it, which would
    have to win the interpreter from the thread that sends; and a lead that was altered is not made good.
    """
    changes = (
        f"{_sum_of(value, column)} - {_sum_of(f'lead.{column}', column)}" for column, value in values.items()
    )
    return _in_range(["lead.checksum", *changes])


def _sum_of(value: str, column: str) -> str:
    if column == "key" or column.endswith("_id"):
        value = f"iif(typeof({value}) IN ('text', 'blob'), checksum_of({value}), {value})"
    return f"coalesce({value}, -1) % {_PRIME} * {_FACTORS[column]}"


def _in_range(terms: Iterable[str]) -> str:
    return f"(({' + '.join(terms)}) % {_PRIME} + {_PRIME}) % {_PRIME}"


LEAD_TABLE = """
CREATE TABLE lead (
    id INTEGER PRIMARY KEY,
    key BLOB NOT NULL UNIQUE,
    customer_id NOT NULL,
    state INTEGER NOT NULL,
    sheet INTEGER NOT NULL,     -- with row: where it was read last
    row INTEGER NOT NULL,
    run INTEGER,                -- the last one that sent it
    attempts INTEGER,           -- in that run
    changed_at INTEGER,         -- milliseconds since the epoch
    application_id,
    status TEXT,
    created_at,                 -- milliseconds since the epoch, or as the API wrote it
    error TEXT,                 -- JSON of ErrorInfo
    checksum INTEGER
)
"""

ANSWER_TABLE = """
CREATE TABLE answer (
    id INTEGER PRIMARY KEY,
    lead INTEGER NOT NULL REFERENCES lead,
    said TEXT NOT NULL,
    application_id TEXT,
    answered_at TEXT NOT NULL,
    answered_by TEXT NOT NULL,
    earlier_state INTEGER NOT NULL  -- before the first of the answers that follow each other
) STRICT;
CREATE INDEX answer_lead ON answer (lead)
"""

WRITTEN_TABLE = """
CREATE TABLE written (
    path TEXT PRIMARY KEY,
    size INTEGER NOT NULL,
    changed_at INTEGER NOT NULL     -- nanoseconds since the epoch
) STRICT, WITHOUT ROWID
"""

SCHEMA = f"""
PRAGMA application_id = {APPLICATION_ID};
PRAGMA user_version = {SCHEMA_VERSION};
CREATE TABLE run (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    environment TEXT NOT NULL,
    base_url TEXT NOT NULL,
    started_at TEXT NOT NULL,
    summary TEXT                -- JSON; NULL while it goes on, and for good when it was killed
) STRICT;
CREATE TABLE sheet (
    id INTEGER PRIMARY KEY,
    run INTEGER NOT NULL REFERENCES run,
    source TEXT NOT NULL,
    path TEXT NOT NULL,
    name TEXT NOT NULL
) STRICT;
CREATE INDEX sheet_path ON sheet (path);
{LEAD_TABLE.strip()};
CREATE TABLE entry (
    run INTEGER NOT NULL,
    position INTEGER NOT NULL,
    sheet INTEGER NOT NULL,
    row INTEGER NOT NULL,
    lead INTEGER,               -- NULL for a row that is no lead
    outcome TEXT,               -- NULL where the lead tells it
    customer_id TEXT,
    problem TEXT,               -- JSON of ErrorInfo
    notes TEXT,                 -- JSON, a list
    PRIMARY KEY (run, position)
) STRICT, WITHOUT ROWID;
{ANSWER_TABLE.strip()};
{WRITTEN_TABLE.strip()}
"""


_INSERT_LEAD = f"""
INSERT INTO lead (key, customer_id, state, sheet, row, checksum)
VALUES (?1, ?2, ?3, ?4, ?5, {
    checksum(key="?1", customer_id="?2", state="?3", run="NULL", attempts="NULL", application_id="NULL")
})
"""  # noqa: S608 - made of constants

_ADOPTED_DOUBT = ErrorInfo(
    code="adopted_doubt", message="a results file that was adopted tells that it may exist"
)


def has_tables(connection: sqlite3.Connection) -> bool:
    """Tell whether the database holds anything yet."""
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    return bool(tables)


def doubt_interrupted(connection: sqlite3.Connection) -> None:
    """Let every lead that a dead run left `sending` be in doubt."""
    lost = ErrorInfo(
        code="interrupted", message="the importer ended after sending, before an answer was noted"
    )
    connection.execute(
        f"UPDATE lead SET state = ?1, error = ?2, checksum = {checksum_after(state='?1')} WHERE state = ?3",  # noqa: S608 - made of constants
        (LeadState.IN_DOUBT, packed_error(lost), LeadState.SENDING),
    )


def stand(
    connection: sqlite3.Connection, entry: Entry, key: bytes, first_sheet: int, policy: Policy
) -> tuple[Standing, list[str]]:
    """Return how an entry stands, its lead enrolled, and what is to be noted of it."""
    for number in count():
        copy = copy_key(key, number)
        found = connection.execute(
            "SELECT lead.id, state, lead.sheet, row, sheet.source, sheet.name FROM lead "
            "JOIN sheet ON sheet.id = lead.sheet WHERE key = ?",
            (copy,),
        ).fetchone()
        if found is None:
            lead = (
                connection.execute(
                    _INSERT_LEAD,
                    (copy, packed(entry.customer_id), LeadState.PENDING, entry.sheet, entry.row),
                ).lastrowid
                or 0
            )
            state = adopt(connection, lead, LeadState.PENDING, None if number else entry.known)
            return _standing(lead, state, policy), []
        lead, state, sheet, row, source, name = found
        same_run = sheet >= first_sheet
        if policy.send_duplicates and (same_run or state == LeadState.CREATED):
            continue
        if same_run:
            outcome = standing_outcome(LeadState(state), same_run=True, policy=policy)
            return Standing(outcome, lead), [f"the same lead stands in {Place(source, name, row)}"]
        connection.execute("UPDATE lead SET sheet = ?, row = ? WHERE id = ?", (entry.sheet, entry.row, lead))
        known = None if number else entry.known
        return _standing(lead, adopt(connection, lead, LeadState(state), known), policy), []
    raise InternalError("A lead has no end of copies; please report it.")


def _standing(lead: int, state: LeadState, policy: Policy) -> Standing:
    outcome = standing_outcome(state, same_run=False, policy=policy)
    return Standing(outcome, lead, doubtful=is_doubtful(state))


def adopt(connection: sqlite3.Connection, lead: int, state: LeadState, known: Known | None) -> LeadState:
    """Take over what is known of a lead from elsewhere, unless it is created; return its state then."""
    if known is None or state is LeadState.CREATED or (adopted := state_adopted(state, known)) is state:
        return state
    application = known.application
    told = None if application else packed_error(_ADOPTED_DOUBT)
    connection.execute(
        "UPDATE lead SET state = ?1, application_id = ?2, status = ?3, created_at = ?4, error = ?5, "  # noqa: S608 - made of constants
        f"checksum = {checksum_after(state='?1', application_id='?2')} WHERE id = ?6",
        (
            adopted,
            packed(application.application_id) if application else None,
            application.status if application else None,
            packed_moment(application.created_at) if application else None,
            told,
            lead,
        ),
    )
    return adopted


def end_run(
    connection: sqlite3.Connection, run: int, summary: Mapping[str, object], *, complete: bool
) -> None:
    """Note how a run ended; a `complete` one takes the place of older runs of the same sheets."""
    connection.execute("UPDATE run SET summary = ? WHERE id = ?", (packed_json(summary), run))
    if complete:
        connection.execute(
            "DELETE FROM entry WHERE run < ? AND sheet IN (SELECT older.id FROM sheet AS older "
            "JOIN sheet AS newer ON newer.path = older.path AND newer.name = older.name "
            "WHERE newer.run = ? AND older.run < ?)",
            (run, run, run),
        )
    failpoints.reached(Point.RUN_END_WRITTEN)


def last_run(connection: sqlite3.Connection, path: str) -> int | None:
    """Return the newest run that read the file at `path`, but for a killed one that read less of it."""
    last: int | None = None
    most = -1
    for run, ended, rows in connection.execute(
        "SELECT sheet.run, run.summary IS NOT NULL, count(entry.position) FROM sheet "
        "JOIN run ON run.id = sheet.run LEFT JOIN entry ON entry.run = sheet.run AND entry.sheet = sheet.id "
        "WHERE sheet.path = ? GROUP BY sheet.run ORDER BY sheet.run DESC",
        (path,),
    ):
        if rows > most:
            last, most = run, rows
        if ended:
            break
    return last


def count_outcomes(connection: sqlite3.Connection, run: int) -> dict[OutcomeName, int]:
    """Return how many rows of a run stand at each outcome."""
    counts = dict.fromkeys(OutcomeName, 0)
    for outcome, state, same_run, rows in connection.execute(
        "SELECT entry.outcome, lead.state, lead.run = entry.run, count(*) FROM entry "
        "LEFT JOIN lead ON lead.id = entry.lead WHERE entry.run = ? GROUP BY 1, 2, 3",
        (run,),
    ):
        counts[outcome_in(outcome, state, bool(same_run))] += rows
    return counts
