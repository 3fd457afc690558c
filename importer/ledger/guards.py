"""What a ledger must be before it is trusted: of a version that is known, whole, and each lead as written.

SQLite's own check finds what is wrong with the structure of the file, but a byte that flipped within a value
is a value to it. So each lead carries a checksum of all that decides whether it is sent. Nor does it miss a
log that somebody has tidied away after a crash, with the newest outcomes in it. So a mark stands beside the
file for as long as the log may hold what the file does not.
"""

from __future__ import annotations

import os
import sqlite3
import zlib
from contextlib import suppress
from pathlib import Path

from importer.errors import LedgerError, UsageError
from importer.language import _, marked
from importer.ledger import checksums, statements

# Made of constants alone.
_FROM_1 = f"""
ALTER TABLE lead RENAME TO older;
{statements.LEAD_TABLE.strip()};
INSERT INTO lead SELECT *, NULL FROM older;
DROP TABLE older;
{statements.ANSWER_TABLE.strip()};
{statements.WRITTEN_TABLE.strip()};
PRAGMA user_version = 2
"""  # noqa: S608 - see above

_FROM_2 = f"""
ALTER TABLE entry ADD COLUMN rows INTEGER NOT NULL DEFAULT 1;
UPDATE lead SET checksum = {checksums.checksum()};
PRAGMA user_version = 3
"""  # noqa: S608 - see above

_FROM_3 = f"""
{statements.REPORT_TABLE.strip()};
{statements.STATUS_TABLE.strip()};
ALTER TABLE run ADD COLUMN command TEXT NOT NULL DEFAULT 'run';
PRAGMA user_version = 4
"""

_CHECKSUM_OF_2 = "lead_checksum(key, customer_id, state, run, attempts, application_id)"

_UNCERTAIN = marked("it no longer tells for certain what was sent already")
_START_ANEW = marked(
    "start a new one with --ledger NEW and --adopt RESULTS for each results file that you have"
)

_MIGRATIONS = {1: _FROM_1, 2: _FROM_2, 3: _FROM_3}
"""What brings a ledger of this version to the next one; statements end with a line."""


def prepare(connection: sqlite3.Connection) -> None:
    """Give `connection` the functions that the statements need."""
    checksums.prepare(connection)
    connection.create_function("lead_checksum", -1, _checksum_of_2, deterministic=True)


def _checksum_of_2(*values: object) -> int:
    return zlib.crc32(repr(values).encode())


def refuse_foreign(connection: sqlite3.Connection, path: Path) -> None:
    """Raise :class:`UsageError` for what is no ledger, or one of a version that is not known here."""
    if not statements.has_tables(connection):
        return
    (application_id,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if application_id != statements.APPLICATION_ID:
        raise UsageError(
            _(
                "{path} is a database of something else, not a ledger. Give another file with --ledger."
            ).format(path=path)
        )
    if version != statements.SCHEMA_VERSION and version not in _MIGRATIONS:
        raise UsageError(
            _(
                "The ledger {path} is of version {version}, and this lead-importer knows version "
                "{known}. Use the lead-importer that made it, or a newer one."
            ).format(path=path, version=version, known=statements.SCHEMA_VERSION)
        )


def bring_up_to_date(connection: sqlite3.Connection, path: Path) -> None:
    """Make the tables, or bring those of an older version to the newest, in the transaction of the caller.

    Raises :class:`LedgerError` if a lead is not what the older version wrote.
    """
    if not statements.has_tables(connection):
        _execute(connection, statements.SCHEMA)
        return
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version == 2:
        _refuse_altered(connection, path, _CHECKSUM_OF_2)
    while version in _MIGRATIONS:
        _execute(connection, _MIGRATIONS[version])
        (version,) = connection.execute("PRAGMA user_version").fetchone()


def refuse_damaged(connection: sqlite3.Connection, path: Path) -> None:
    """Raise :class:`LedgerError` if the file is damaged, or a lead is not what was written."""
    (found,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
    if found != "ok":
        raise damaged(path, found)
    _refuse_altered(connection, path, checksums.checksum())


def _refuse_altered(connection: sqlite3.Connection, path: Path, checksum: str) -> None:
    altered = connection.execute(
        f"SELECT id FROM lead WHERE checksum IS NOT {checksum} LIMIT 1"  # noqa: S608 - made of constants
    ).fetchone()
    if altered is not None:
        raise damaged(path, _("lead {lead} is not as it was written").format(lead=altered[0]))


def refuse_without_log(path: Path) -> None:
    """Raise :class:`LedgerError` if the log that must be beside the ledger is not."""
    if _mark(path).exists() and not _log(path).exists():
        raise LedgerError(
            _(
                "The ledger {path} lacks its log {log}, which has what was noted last, so nothing "
                "is sent: {uncertain}. Put the log back; if it is gone, {start_anew}."
            ).format(path=path, log=_log(path).name, uncertain=_(_UNCERTAIN), start_anew=_(_START_ANEW))
        )


def mark_open(path: Path) -> None:
    """Note that from now on the log may hold what the file does not."""
    with suppress(OSError):
        os.close(os.open(_mark(path), os.O_WRONLY | os.O_CREAT, 0o600))


def settle(connection: sqlite3.Connection, path: Path) -> None:
    """Bring everything into the file before `connection` is closed, so that the log may go."""
    (busy, *_) = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    if not busy:
        _mark(path).unlink(missing_ok=True)


def note_closed(path: Path) -> None:
    """Note that the ledger is closed; SQLite has removed its log if that holds nothing any more."""
    if not _log(path).exists():
        with suppress(OSError):
            _mark(path).unlink(missing_ok=True)


def _mark(path: Path) -> Path:
    return path.with_name(f"{path.name}.open")


def _log(path: Path) -> Path:
    return path.with_name(f"{path.name}-wal")


def damaged(path: Path, why: str) -> LedgerError:
    """Return the error for a ledger that cannot be trusted."""
    return LedgerError(
        _(
            "The ledger {path} is damaged ({why}), so nothing is sent: {uncertain}. Put a copy "
            "of it from before in its place, or {start_anew}."
        ).format(path=path, why=why, uncertain=_(_UNCERTAIN), start_anew=_(_START_ANEW))
    )


def _execute(connection: sqlite3.Connection, script: str) -> None:
    # Not `executescript`, which would end the transaction.
    for statement in script.split(";\n"):
        connection.execute(statement)
