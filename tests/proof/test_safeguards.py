"""The proof can fail: without any one of the safeguards, it finds leads that were created twice."""

from __future__ import annotations

from pathlib import Path

import pytest

from importer.failpoints import Safeguard
from importer.ledger.writer import SqliteWriter
from tests.proof.attacks import attack
from tests.proof.campaign import Figures, campaign
from tests.proof.oracle import Promise
from tests.proof.processes import LONGEST_SECONDS
from tests.support import write_leads


@pytest.mark.parametrize("safeguard", [Safeguard.INTENT, Safeguard.SYNC])
def test_kills_create_leads_twice_without_this_safeguard(
    tmp_path: Path, safeguard: Safeguard, without: dict[Safeguard, Figures]
) -> None:
    found = without[safeguard] = attack(tmp_path / "campaign", "without", 60, without=safeguard)
    assert found.broken(Promise.ONCE), f"{found.kills} kills found nothing"


def test_a_commit_waits_for_the_disk(tmp_path: Path) -> None:
    # No kill of a process can show this: what the system was given to write, it writes. A power cut could.
    writer = SqliteWriter(tmp_path / "ledger.sqlite3")
    try:
        (synchronous,) = writer.call(lambda connection: connection.execute("PRAGMA synchronous").fetchone())
        assert synchronous == 2, "2 is FULL: SQLite syncs its log at every commit"
    finally:
        writer.close()


def test_commands_side_by_side_create_a_lead_twice_without_the_lock(
    tmp_path: Path, without: dict[Safeguard, Figures]
) -> None:
    with campaign(tmp_path / "campaign", concurrency=1, without=Safeguard.LOCK) as crowd:
        api, folder = crowd.api, tmp_path / "campaign"
        write_leads(folder / "both.csv", 2, first=1000)
        write_leads(folder / "last.csv", 1, first=1001)
        api.hold("1000", "1001")
        # It has read both leads, sends the first one, and will come to the second.
        one = crowd.importing("both.csv")
        one.start()
        assert api.arrivals.acquire(timeout=LONGEST_SECONDS)
        other = crowd.importing("last.csv")
        other.start()
        assert api.arrivals.acquire(timeout=LONGEST_SECONDS)
        # To open a ledger is to declare its runs dead: the lead that is under way becomes one in doubt.
        looking = crowd.command("resolve", "last.csv")
        looking.start()
        assert looking.ended() == 3
        api.let_go("1000")
        assert api.arrivals.acquire(timeout=LONGEST_SECONDS)
        api.let_go("1001")
        one.ended()
        other.ended()
        crowd.ask()
        without[Safeguard.LOCK] = crowd.figures
        assert crowd.figures.broken(Promise.ONCE)
