"""What a ledger must be before it is trusted: whole, of a known version, and each lead as it was written."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
import zlib
from contextlib import closing
from pathlib import Path

import pytest

from importer.errors import LedgerError
from importer.ledger import LeadState
from importer.ledger.sqlite import SqliteLedger
from importer.model import ErrorInfo, Failed, InDoubt, OutcomeName, RowEnd
from tests.test_ledger import APPLICATION, CREATED, ERROR, FOR_GOOD, IN_DOUBT, RESEND, key_of, reading

# The tables of version 1, as the first lead-importer made them.
VERSION_1 = """
PRAGMA application_id = 1279607108;
PRAGMA user_version = 1;
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
    created_at TEXT,
    error TEXT                  -- JSON of ErrorInfo
);
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
INSERT INTO run VALUES (1, 'a run', 'sandbox', 'https://api', '2024-05-06', NULL);
INSERT INTO sheet VALUES (1, 1, 'leads.csv', '/data/leads.csv', '');
"""


def filled_in_version_1(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(VERSION_1)
        connection.execute("PRAGMA journal_mode = WAL")
        error = '{"code":"http_500","message":"it broke"}'
        for number, state, told, application in (
            (1, LeadState.CREATED, None, (141952217564315671, "created", "2024-05-06T07:08:09.123Z")),
            (2, LeadState.IN_DOUBT, error, (None, None, None)),
            (3, LeadState.SENDING, None, (None, None, None)),
            (4, LeadState.FAILED, error, (None, None, None)),
            (5, LeadState.PENDING, None, (None, None, None)),
        ):
            sent = (1, 2, 1_700_000_000_000) if state is not LeadState.PENDING else (None, None, None)
            values = (number, key_of(number), number, state, 1, number + 1, *sent, *application, told)
            connection.execute("INSERT INTO lead VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", values)
            connection.execute(
                "INSERT INTO entry (run, position, sheet, row, lead) VALUES (1, ?, 1, ?, ?)",
                (number, number + 1, number),
            )
        connection.commit()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.sqlite3"


def refusal(path: Path) -> str:
    with pytest.raises(LedgerError) as refused, SqliteLedger(path):
        pass
    return str(refused.value)


async def test_a_ledger_of_version_1_knows_as_much_in_the_newest(path: Path) -> None:
    filled_in_version_1(path)
    for _ in range(2):
        with SqliteLedger(path) as ledger:
            rows = list(ledger.result_rows(1))
            assert [row.outcome for row in rows] == [
                "created",
                "in_doubt",
                "in_doubt",
                "failed",
                "not_attempted",
            ]
            assert rows[0].application == APPLICATION
            assert rows[1].error == ErrorInfo(code="http_500", message="it broke")
            assert [row.attempts for row in rows] == [2, 2, 2, 2, 0]
    with SqliteLedger(path) as ledger:
        standings = await (await reading(ledger)).enrol(1, 2, 3, 4, 5)
        assert [standing.outcome for standing in standings] == [
            "existing",
            "in_doubt",
            "in_doubt",
            None,
            None,
        ]
        assert [lead.lead for lead in ledger.open_leads("/data/leads.csv")] == [2, 3]


def test_a_ledger_that_was_brought_up_to_date_has_the_tables_of_a_new_one(path: Path) -> None:
    filled_in_version_1(path)
    other = path.with_name("new.sqlite3")
    tables = []
    for ledger in (path, other):
        with SqliteLedger(ledger):
            pass
        with closing(sqlite3.connect(ledger)) as connection:
            version = connection.execute("PRAGMA user_version").fetchone()
            columns = {
                table: [tuple(column[1:]) for column in connection.execute(f"PRAGMA table_info({table})")]
                for (table,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")
            }
            indexes = sorted(
                name
                for (name,) in connection.execute(
                    "SELECT name FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL"
                )
            )
            tables.append((version, columns, indexes))
    assert tables[0] == tables[1]


def as_version_3(connection: sqlite3.Connection) -> None:
    """Take away what version 4 has more."""
    connection.execute("DROP TABLE report")
    connection.execute("DROP TABLE application_status")
    connection.execute("ALTER TABLE run DROP COLUMN command")


def as_version_2(path: Path) -> None:
    """Make a ledger, of entries of a row each, what it was in version 2, with the checksums of then."""

    def checksum(*values: object) -> int:
        return zlib.crc32(repr(values).encode())

    with closing(sqlite3.connect(path)) as connection:
        connection.create_function("lead_checksum", -1, checksum)
        connection.execute(
            "UPDATE lead SET checksum = lead_checksum(key, customer_id, state, run, attempts, application_id)"
        )
        connection.execute("ALTER TABLE entry DROP COLUMN rows")
        as_version_3(connection)
        connection.execute("PRAGMA user_version = 2")
        connection.commit()


async def test_a_ledger_of_version_2_has_an_entry_for_each_row_and_reads_as_before(path: Path) -> None:
    filled_in_version_1(path)
    with SqliteLedger(path):
        pass
    as_version_2(path)
    with SqliteLedger(path) as ledger:
        assert [row.place.row for row in ledger.result_rows(1)] == [2, 3, 4, 5, 6]
        assert sum(ledger.count_outcomes(1).values()) == 5
        run = await reading(ledger)
        await run.enrol(1, 2, 3, 4, 5)
        assert [row.place.row for row in run.results()] == [2, 3, 4, 5, 6]
        await ledger.end_run(run.run, {})
        assert list(ledger.result_rows(1)) == []


def test_a_migration_that_fails_leaves_the_ledger_as_it_was(path: Path) -> None:
    filled_in_version_1(path)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE answer (stands_in_the_way TEXT)")
        connection.commit()
    assert "cannot be read or written" in refusal(path)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (1,)
        assert connection.execute("SELECT count(*) FROM lead").fetchone() == (5,)
        assert len(connection.execute("PRAGMA table_info(lead)").fetchall()) == 13


def test_a_ledger_of_version_2_is_brought_up_to_date(sound: Path, path: Path) -> None:
    shutil.copy(sound, path)
    with SqliteLedger(path) as ledger:
        known = list(ledger.result_rows(1))
    as_version_2(path)
    for _ in range(2):
        with SqliteLedger(path) as ledger:
            assert list(ledger.result_rows(1)) == known


async def test_a_ledger_of_version_3_reads_as_before_and_can_keep_statuses(sound: Path, path: Path) -> None:
    shutil.copy(sound, path)
    with SqliteLedger(path) as ledger:
        known = list(ledger.result_rows(1))
    with closing(sqlite3.connect(path)) as connection:
        as_version_3(connection)
        connection.execute("PRAGMA user_version = 3")
        connection.commit()
    for _ in range(2):
        with SqliteLedger(path) as ledger:
            assert list(ledger.result_rows(1)) == known
            await ledger.end_run(1, {}, {"version": 1}, complete=False)
            await ledger.begin_updates()
            assert [found.status for found in await ledger.find_applications("a", "local", ["1"])] == [""]


def test_what_was_altered_in_a_ledger_of_version_2_is_found(sound: Path, path: Path) -> None:
    shutil.copy(sound, path)
    as_version_2(path)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE lead SET state = 0 WHERE id = 1")
        connection.commit()
    assert "lead 1 is not as it was written" in refusal(path)
    assert "lead 1 is not as it was written" in refusal(path)


def filled(path: Path) -> None:
    """Make a ledger with a lead in each of many states."""

    async def fill(ledger: SqliteLedger) -> None:
        run = await reading(ledger)
        ends: list[RowEnd] = [CREATED, IN_DOUBT, FOR_GOOD, Failed(ERROR)]
        for customer, end in enumerate(ends, 1001):
            await run.sent(customer, end)
        await run.enrol(1005)
        await ledger.end_run(run.run, {})

    with SqliteLedger(path) as ledger:
        asyncio.run(fill(ledger))


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sound") / "ledger.sqlite3"
    filled(path)
    return path


@pytest.mark.parametrize("lead", [1, 2, 3, 4, 5])
@pytest.mark.parametrize(
    "change",
    [
        "key = zeroblob(16)",
        "customer_id = customer_id + 1",
        "customer_id = CAST(customer_id AS TEXT)",
        "state = 0",
        "state = state + 1",
        "run = coalesce(run, 0) + 1",
        "attempts = coalesce(attempts, 0) + 1",
        "application_id = coalesce(application_id, 0) + 1",
        "checksum = checksum + 1",
        "checksum = NULL",
    ],
)
def test_a_lead_that_is_not_as_it_was_written_is_found(
    sound: Path, path: Path, lead: int, change: str
) -> None:
    shutil.copy(sound, path)
    with closing(sqlite3.connect(path)) as connection:
        unchanged = connection.execute("SELECT * FROM lead WHERE id = ?", (lead,)).fetchone()
        connection.execute(f"UPDATE lead SET {change} WHERE id = ?", (lead,))  # noqa: S608 - of this table
        connection.commit()
        changed = connection.execute("SELECT * FROM lead WHERE id = ?", (lead,)).fetchone()
    if changed == unchanged:
        with SqliteLedger(path):
            return
    message = refusal(path)
    assert f"lead {lead} is not as it was written" in message
    assert "nothing is sent" in message
    assert "--adopt RESULTS" in message


def test_each_bit_of_a_lead_that_decides_is_guarded(sound: Path, path: Path) -> None:
    content = sound.read_bytes()
    # The key, and the customer id behind it.
    at = content.index(key_of(1001))
    for place in range(at, at + len(key_of(1001)) + 3):
        for bit in range(8):
            flipped = bytearray(content)
            flipped[place] ^= 1 << bit
            path.write_bytes(flipped)
            assert "is damaged" in refusal(path), (place - at, bit)


def test_what_was_refused_as_damaged_is_refused_again(sound: Path, path: Path) -> None:
    content = sound.read_bytes()
    at = content.index(key_of(1001))
    path.write_bytes(content[:at] + b"\x00" + content[at + 1 :])
    assert refusal(path) == refusal(path)


def test_a_page_that_is_damaged_is_found(sound: Path, path: Path) -> None:
    content = bytearray(sound.read_bytes())
    size = int.from_bytes(content[16:18])
    # Each page but the first, whose damage makes it no database at all.
    for page in range(1, len(content) // size):
        damaged = content.copy()
        damaged[page * size : page * size + 8] = b"\xff" * 8
        path.write_bytes(damaged)
        message = refusal(path)
        assert str(path) in message
        assert "nothing" in message


def test_a_ledger_whose_log_was_tidied_away_after_a_crash_is_refused(path: Path, tmp_path: Path) -> None:
    crashed = tmp_path / "crashed" / path.name
    crashed.parent.mkdir()
    with SqliteLedger(path) as ledger:
        asyncio.run(_send_one(ledger))
        for ending in ("", "-wal", ".open"):
            shutil.copy(f"{path}{ending}", f"{crashed}{ending}")
    log = crashed.with_name(f"{path.name}-wal")
    content = log.read_bytes()
    log.unlink()
    assert "lacks its log ledger.sqlite3-wal" in refusal(crashed)
    assert not log.exists()
    log.write_bytes(content)
    with SqliteLedger(crashed) as ledger:
        assert [row.outcome for row in ledger.result_rows(1)] == [OutcomeName.CREATED]
    # Now that it was closed in peace, there is no log to miss.
    assert not log.exists()
    with SqliteLedger(crashed):
        pass


async def _send_one(ledger: SqliteLedger) -> None:
    await (await reading(ledger)).sent(1, CREATED)
    await ledger.flush()


async def test_a_doubt_that_is_sent_again_in_vain_keeps_its_first_reason(path: Path) -> None:
    first = ErrorInfo(code="timeout", message="no answer came in time")
    with SqliteLedger(path) as ledger:
        await (await reading(ledger)).sent(1, InDoubt(first))
        run = await reading(ledger)
        (standing,) = await run.enrol(1, policy=RESEND)
        vain = ErrorInfo(code="earlier_doubt", message="an earlier request may have created it")
        await run.send(standing.lead, InDoubt(vain))
        assert run.results()[0].error == first
        await run.send(standing.lead, InDoubt(ERROR))
        assert run.results()[0].error == ERROR
