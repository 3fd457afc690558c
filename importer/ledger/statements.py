"""The tables of the ledger in SQLite, and what is done with them, in the transaction of the caller."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping

from importer import failpoints
from importer.failpoints import Point
from importer.language import _
from importer.ledger import LeadState
from importer.ledger.checksums import checksum_after
from importer.ledger.rows import outcome_in, packed_error, packed_json, storable
from importer.model import IMPORT_OUTCOMES, ErrorInfo, OutcomeName

SCHEMA_VERSION = 4

APPLICATION_ID = int.from_bytes(b"LEAD")

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

REPORT_TABLE = """
CREATE TABLE report (
    run INTEGER PRIMARY KEY REFERENCES run,
    details TEXT NOT NULL           -- JSON: what a run tells of itself besides its summary
) STRICT
"""

STATUS_TABLE = """
CREATE TABLE application_status (   -- what updates have set
    application_id ANY NOT NULL,
    environment TEXT NOT NULL,
    account TEXT NOT NULL,
    status TEXT NOT NULL,
    run TEXT NOT NULL,          -- the name of the one that set it
    changed_at INTEGER NOT NULL,        -- milliseconds since the epoch
    PRIMARY KEY (application_id, environment, account)
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
    -- JSON; NULL while it goes on, and for good when it was killed
    summary TEXT,
    command TEXT NOT NULL DEFAULT 'run'
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
    rows INTEGER NOT NULL DEFAULT 1,    -- that follow each other from this one on, as their leads do
    PRIMARY KEY (run, position)
) STRICT, WITHOUT ROWID;
{ANSWER_TABLE.strip()};
{WRITTEN_TABLE.strip()};
{REPORT_TABLE.strip()};
{STATUS_TABLE.strip()}
"""

# How a lead ended, in one number: its state, and whether the run of the entry brought it there.
_END = "lead.state * 2 + (lead.run IS entry.run)"

_OF_ENTRIES = """
FROM entry LEFT JOIN lead ON lead.id BETWEEN entry.lead AND entry.lead + entry.rows - 1
WHERE entry.run = ?
"""

_ENTRIES = f"SELECT position, outcome, min({_END}), max({_END}), count(*) {_OF_ENTRIES}"

_ENDS = f"SELECT {_END}, count(*) {_OF_ENTRIES} AND position = ?"


def has_tables(connection: sqlite3.Connection) -> bool:
    """Tell whether the database holds anything yet."""
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    return bool(tables)


def is_up_to_date(connection: sqlite3.Connection) -> bool:
    """Tell whether the tables are those of today."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    return bool(version == SCHEMA_VERSION)


def doubt_interrupted(connection: sqlite3.Connection) -> None:
    """Let every lead that a dead run left `sending` be in doubt."""
    lost = ErrorInfo(
        code="interrupted", message=_("the importer ended after sending, before an answer was noted")
    )
    connection.execute(
        f"UPDATE lead SET state = ?1, error = ?2, checksum = {checksum_after(state='?1')} WHERE state = ?3",  # noqa: S608 - made of constants
        (LeadState.IN_DOUBT, packed_error(lost), LeadState.SENDING),
    )


def end_run(
    connection: sqlite3.Connection,
    run: int,
    summary: Mapping[str, object],
    details: Mapping[str, object] | None,
    *,
    complete: bool,
) -> None:
    """Note how a run ended; a `complete` one takes the place of older runs of the same sheets."""
    connection.execute("UPDATE run SET summary = ? WHERE id = ?", (packed_json(summary), run))
    if details is not None:
        connection.execute("INSERT OR REPLACE INTO report VALUES (?, ?)", (run, packed_json(details)))
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
    most = -1.0
    for run, ended, rows in connection.execute(
        "SELECT sheet.run, run.summary IS NOT NULL, total(entry.rows) FROM sheet "
        "JOIN run ON run.id = sheet.run LEFT JOIN entry ON entry.run = sheet.run AND entry.sheet = sheet.id "
        "WHERE sheet.path = ? GROUP BY sheet.run ORDER BY sheet.run DESC",
        (path,),
    ):
        if rows > most:
            last, most = run, rows
        if ended:
            break
    return last


def moved_to(connection: sqlite3.Connection, path: str) -> str | None:
    """Return where the file at `path` was moved by the last run that read it there, or None."""
    for (details,) in connection.execute(
        "SELECT details FROM report WHERE run > coalesce((SELECT max(run) FROM sheet WHERE path = ?), 0) "
        "ORDER BY run DESC",
        (storable(path),),
    ):
        place: str | None = json.loads(details).get("archived", {}).get(path)
        if place is not None:
            return place
    return None


def count_outcomes(connection: sqlite3.Connection, run: int) -> dict[OutcomeName, int]:
    """Return how many rows of a run stand at each outcome."""
    counts = dict.fromkeys(IMPORT_OUTCOMES, 0)
    # Entry by entry, since to group all leads SQLite would sort them first, in memory and on disk.
    for position, outcome, least, most, rows in connection.execute(f"{_ENTRIES} GROUP BY position", (run,)):
        ends = [(least, rows)]
        if least != most:
            ends = connection.execute(f"{_ENDS} GROUP BY 1", (run, position)).fetchall()
        for end, number in ends:
            state, same_run = (None, 0) if end is None else divmod(end, 2)
            counts[outcome_in(outcome, state, same_run)] += number
    return counts
