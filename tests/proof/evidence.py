"""What a run leaves on the disk, read for the oracle without touching it."""

from __future__ import annotations

import json
import shutil
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

from importer.identity import account_id, lead_key
from importer.ledger import LeadState
from importer.local_api import LOCAL_CREDENTIALS
from tests.proof.oracle import Created, KnownLead, ResultLine
from tests.support import read_results

ACCOUNT = account_id(LOCAL_CREDENTIALS.client_key)
ENVIRONMENT = "local"


def known_leads(ledger: Path) -> list[KnownLead]:
    """Return every lead of a ledger, as a process would find it that opened it now.

    A copy is read: to open the file itself would already mend what a kill has left.
    """
    if not ledger.exists():
        return []
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(shutil.copy(ledger, folder))
        log = ledger.with_name(f"{ledger.name}-wal")
        if log.exists():
            shutil.copy(log, folder)
        with closing(sqlite3.connect(copy)) as connection:
            if not connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'lead'").fetchone():
                return []
            return [
                KnownLead(key, LeadState(state), str(application_id or ""))
                for key, state, application_id in connection.execute(
                    "SELECT key, state, application_id FROM lead"
                )
            ]


def created_applications(store: Path) -> list[Created]:
    """Return every application in the file of a local API. What a crash tore was never answered for."""
    content = store.read_bytes()
    whole = content[: content.rindex(b"\n") + 1]
    entries = {entry["id"]: entry for entry in map(json.loads, whole.splitlines()) if "id" in entry}
    return [
        Created(lead_key(ACCOUNT, ENVIRONMENT, entry["customer_id"], json.loads(entry["inputs"])), given)
        for given, entry in entries.items()
    ]


def result_lines(results: Path) -> list[ResultLine]:
    """Return the lines of a results file."""
    return [
        ResultLine(line["source"], int(line["row"]), line["outcome"], line["application_id"])
        for line in read_results(results)
    ]
