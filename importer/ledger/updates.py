"""What is known of applications, and what statuses were set, in the transaction of the caller."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence

from importer.ledger import KnownApplication, StatusSet
from importer.ledger.rows import moment, packed

# No index of the ledger has the applications of leads: each lead that is created would pay for it, and they
# are looked for in this command alone.
_INDEX = """
CREATE TEMP TABLE IF NOT EXISTS lead_of_application (
    application_id PRIMARY KEY,
    lead INTEGER NOT NULL
) WITHOUT ROWID
"""
_FILL = """
INSERT OR IGNORE INTO lead_of_application
SELECT application_id, id FROM lead WHERE application_id IS NOT NULL ORDER BY application_id
"""

_FIND = """
SELECT given.key, coalesce(application_status.status, lead.status), lead.customer_id, lead.created_at
FROM json_each(?1) AS given
LEFT JOIN application_status ON application_status.application_id = given.value
    AND application_status.environment = ?2 AND application_status.account = ?3
LEFT JOIN lead_of_application AS found ON found.application_id = given.value
LEFT JOIN lead ON lead.id = found.lead
    AND ?2 = coalesce((SELECT environment FROM run WHERE run.id = lead.run), ?2)
ORDER BY given.key
"""

_RECORD = "INSERT OR REPLACE INTO application_status VALUES (?, ?, ?, ?, ?, ?)"


def prepare(connection: sqlite3.Connection) -> None:
    """Let :func:`find` find the leads of applications that are there now."""
    connection.execute(_INDEX)
    connection.execute(_FILL)


def find(
    connection: sqlite3.Connection, account: str, environment: str, application_ids: Sequence[str]
) -> list[KnownApplication]:
    """Return what is known of each application."""
    ids = json.dumps([packed(application_id) for application_id in application_ids])
    return [
        KnownApplication(
            status=status or "",
            customer_id="" if customer_id is None else str(customer_id),
            created_at=moment(created_at),
        )
        for _, status, customer_id, created_at in connection.execute(_FIND, (ids, environment, account))
    ]


def record(connection: sqlite3.Connection, given: StatusSet, now: int) -> None:
    """Note what is known of a status, `now` in milliseconds since the epoch."""
    connection.execute(
        _RECORD,
        (packed(given.application_id), given.environment, given.account, given.status, given.run, now),
    )
