"""Steps of leads are the same whether a transaction writes them one by one or all at once."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from importer.ledger.sqlite import SqliteLedger
from importer.ledger.steps import Step, take, take_at_once
from importer.model import Application, Created, ErrorInfo, Failed, InDoubt, NotAttempted, Rejected
from tests.test_ledger import reading, writer_of

ERROR = ErrorInfo(code="http_503", message="the API is busy", http_status=503)
ENDS = (
    None,
    Created(Application(application_id="a1", status="created", created_at="2024-05-06")),
    Rejected(ERROR),
    Failed(ERROR),
    InDoubt(ERROR),
    NotAttempted(),
    NotAttempted(ERROR),
)
LEADS = 4


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqliteLedger]:
    async def enrol(ledger: SqliteLedger) -> None:
        run = await reading(ledger)
        await run.enrol(*range(LEADS))

    with SqliteLedger(tmp_path_factory.mktemp("steps") / "ledger.sqlite3") as opened:
        asyncio.run(enrol(opened))
        yield opened


steps = st.builds(
    Step,
    # One of them is not known.
    lead=st.integers(1, LEADS + 1),
    run=st.just(1),
    attempts=st.integers(1, 3),
    now=st.integers(0, 2**42),
    end=st.sampled_from(ENDS),
)


def leads_in(connection: sqlite3.Connection) -> list[tuple[object, ...]]:
    return connection.execute("SELECT * FROM lead ORDER BY id").fetchall()


@given(earlier=st.lists(steps, max_size=6), group=st.lists(steps, min_size=1, max_size=6))
def test_steps_leave_the_same_leads_and_are_refused_alike_one_by_one_and_at_once(
    ledger: SqliteLedger, earlier: list[Step], group: list[Step]
) -> None:
    def both(connection: sqlite3.Connection) -> tuple[bool, bool, bool]:
        connection.execute("SAVEPOINT fresh")
        take(connection, earlier)
        before = leads_in(connection)
        connection.execute("SAVEPOINT before")
        refused = any(take(connection, group))
        after = leads_in(connection)
        connection.execute("ROLLBACK TO before")
        done = take_at_once(connection, group)
        left = leads_in(connection)
        connection.execute("ROLLBACK TO fresh")
        return done, refused, left == (after if done else before)

    done, refused, same = writer_of(ledger).call(both)
    repeated = len({step.lead for step in group}) < len(group)
    assert done is not (refused or repeated)
    assert same
