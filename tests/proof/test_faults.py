"""Every fault that we know of, staged for real: how rows end, what is said, and that nothing is sent twice.

The whole command runs against a socket. The faults of network and API are the lines of
:mod:`tests.proof.fault_table`; those of the machine are below.
"""

from __future__ import annotations

import csv
import json
from collections import Counter
from pathlib import Path

import pytest

from tests.proof.fault_server import FaultServer, fault_server, honest
from tests.proof.fault_table import ADDRESS, FAULTS, NAME, NEXT, PHONE, Fault
from tests.support import HEADERS, Command, Ended, read_results

KEY = "an-invented-client-key"
SECRET = "an-invented-client-secret"
OUTCOMES = ("created", "existing", "duplicate", "invalid", "rejected", "failed", "in_doubt", "not_attempted")


@pytest.fixture(autouse=True)
def _set_up(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEAD_IMPORTER_CLIENT_KEY", KEY)
    monkeypatch.setenv("LEAD_IMPORTER_CLIENT_SECRET", SECRET)
    # What is random in the pauses between tries; what the API asks for is waited out.
    monkeypatch.setattr("importer.attempts.FIRST_WAIT_SECONDS", 0.001)


def write_input(path: Path, rows: int, *, one_customer: bool = False) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        lines = csv.writer(file)
        lines.writerow(HEADERS)
        for number in range(rows):
            customer = 1000 if one_customer else 1000 + number
            lines.writerow([customer, NAME, f"09051234{57 + number:02}", ADDRESS])


class Imports:
    """Runs of one file, each looked at for what must be true whatever has happened."""

    def __init__(self, command: Command, folder: Path, rows: int = 1, *, one_customer: bool = False) -> None:
        self.command = command
        self.folder = folder
        self.rows = rows
        write_input(folder / "leads.csv", rows, one_customer=one_customer)

    def run(self, base_url: str, *options: str) -> Ended:
        ended = self.command(
            *("run", "leads.csv", "--env", "sandbox", "--base-url", base_url, "--ledger", "ledger.sqlite3"),
            *("--timeout", "0.3", "--attempts", "2", "--concurrency", "1", "--summary", "summary.json"),
            *options,
        )
        self.keeps_secrets(ended)
        return ended

    def keeps_secrets(self, ended: Ended) -> None:
        """Nothing personal is shown or in the ledger, and the secret is nowhere."""
        told = (ended.output + ended.errors).encode()
        ledger = b"".join(path.read_bytes() for path in self.folder.glob("ledger.sqlite3*") if path.is_file())
        for hidden in (NAME, PHONE, PHONE[1:], ADDRESS, SECRET):
            assert hidden.encode() not in told
            assert json.dumps(hidden).strip('"').encode() not in told
            assert hidden.encode() not in ledger
        for path in self.folder.glob("*.csv"):
            assert SECRET.encode() not in path.read_bytes()

    def results(self) -> list[dict[str, str]]:
        return read_results(self.folder / "leads.results.csv")

    def outcomes(self) -> list[str]:
        """Return how the rows ended, which the summary must count likewise."""
        outcomes = [line["outcome"] for line in self.results()]
        summary = json.loads((self.folder / "summary.json").read_text())
        assert summary["read"] == self.rows == sum(summary[outcome] for outcome in OUTCOMES)
        assert {name: summary[name] for name in OUTCOMES if summary[name]} == Counter(outcomes)
        return outcomes

    def agree_with(self, server: FaultServer, *, lied: bool = False) -> None:
        """What the results say of each row must be true of the server."""
        ids = {application_id for _, application_id in server.applications}
        for line in self.results():
            if line["outcome"] in ("created", "existing"):
                assert line["application_id"] in ids
            elif line["outcome"] != "in_doubt":
                assert line["customer_id"] not in server.created


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_fault_of_network_or_api_ends_as_the_table_says(
    fault: Fault, command: Command, tmp_path: Path
) -> None:
    imports = Imports(command, tmp_path, fault.rows, one_customer=fault.one_customer)
    quiet = fault.rows - 1
    with fault_server(*fault.scripts) as server:
        ended = imports.run(server.base_url, *fault.options)
        assert imports.outcomes() == ["created"] * quiet + [fault.ends]
        assert ended.code == fault.code
        told = ended.output + ended.errors
        assert fault.says in told + imports.results()[-1]["error_message"]
        assert NEXT[fault.ends].step in told
        assert len(server.applications) == quiet + fault.exists
        imports.agree_with(server)

        server.be(honest)
        asked = server.requests
        resend = ["--on-doubt", "resend"] if fault.for_good else []
        ended = imports.run(server.base_url, *resend)
        then = NEXT[fault.ends]
        assert imports.outcomes() == ["existing"] * quiet + [then.ends]
        assert ended.code == then.code
        assert server.requests - asked == (then.ends == "created")
        assert len(server.applications) == quiet + (fault.exists or then.ends == "created")
        imports.agree_with(server)
