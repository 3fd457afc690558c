"""Whatever a ledger is asked, in whatever order, and wherever it crashes: it holds what a dictionary would.

A longer run: ``HYPOTHESIS_PROFILE=long pytest tests/proof/test_model.py``.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from importer.errors import InternalError, UsageError
from importer.ledger import EARLIER_DOUBT, Answer, Entry, LeadState, Policy, RunStart, Said
from importer.ledger.sqlite import SqliteLedger
from importer.model import (
    Application,
    Created,
    ErrorInfo,
    Failed,
    InDoubt,
    NotAttempted,
    OutcomeName,
    Rejected,
    ResultRow,
    RowEnd,
)
from tests.test_ledger import key_of

T = TypeVar("T")

LONG = settings(max_examples=2000, stateful_step_count=60, deadline=None)
SHORT = settings(
    max_examples=150,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)

# Nothing here loses power, so memory serves for a disk, and allows ten times as many examples.
MEMORY = Path("/dev/shm")  # noqa: S108 - a folder is made in it that has no name to be guessed

ERROR = ErrorInfo(code="http_500", message="it broke", http_status=500)
SAME_DOUBT = ErrorInfo(code=EARLIER_DOUBT, message="an earlier request may have created it")
PATH = "/data/leads.csv"

POLICIES = st.builds(
    Policy, resend_doubtful=st.booleans(), send_duplicates=st.booleans(), retry_rejected=st.booleans()
)
CUSTOMERS = st.integers(1, 3)

ENDS = st.sampled_from(
    [
        None,
        Rejected(ERROR),
        Failed(ERROR),
        InDoubt(ERROR),
        InDoubt(SAME_DOUBT),
        InDoubt(ERROR, resendable=False),
        NotAttempted(ERROR),
        NotAttempted(),
    ]
)
"""How a lead ends; None for created, with an application of its own."""

DOUBTFUL = {LeadState.IN_DOUBT, LeadState.IN_DOUBT_FOR_GOOD}
NEVER_SENT = {LeadState.CREATED, LeadState.SENDING, LeadState.IN_DOUBT_FOR_GOOD}


@dataclass
class ModelLead:
    """What must be true of a lead, in the plainest words."""

    customer: int
    copy: int
    """0 for the lead itself, 1 for its first deliberate copy …"""

    state: LeadState = LeadState.PENDING
    run: int | None = None
    attempts: int | None = None
    application_id: str | None = None
    doubt: LeadState | None = None
    """The doubt that the last answer settled, for as long as it may be taken back."""

    said: Said | None = None


@dataclass
class ModelRow:
    lead: int
    fixed: OutcomeName | None
    """The outcome that was decided when the row was read, if one was."""


@dataclass
class Model:
    leads: dict[int, ModelLead] = field(default_factory=dict)
    rows: list[ModelRow] = field(default_factory=list)
    """Those of the run that goes on."""

    run: int = 0

    def lead_of(self, customer: int, copy: int) -> int | None:
        return next(
            (number for number, lead in self.leads.items() if (lead.customer, lead.copy) == (customer, copy)),
            None,
        )

    def outcome(self, row: ModelRow) -> OutcomeName:
        """Return how a row stands now, from the contract's table."""
        lead = self.leads[row.lead]
        own = lead.run == self.run
        if row.fixed in (OutcomeName.DUPLICATE, OutcomeName.REJECTED):
            return row.fixed
        match lead.state:
            case LeadState.CREATED:
                return OutcomeName.CREATED if own else OutcomeName.EXISTING
            case LeadState.REJECTED if own:
                return OutcomeName.REJECTED
            case LeadState.FAILED | LeadState.NOT_CREATED if own:
                return OutcomeName.FAILED
            case LeadState.PENDING | LeadState.REJECTED | LeadState.FAILED | LeadState.NOT_CREATED:
                return OutcomeName.NOT_ATTEMPTED
            case _:
                return OutcomeName.IN_DOUBT


class LedgerMachine(RuleBasedStateMachine):
    """The ledger on one side, a dictionary on the other."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.folder = Path(tempfile.mkdtemp(dir=MEMORY if MEMORY.is_dir() else None))
        self.number = 0
        self.ids = 0
        self.model = Model()
        self.ledger = self.opened()

    # Helpers.

    def opened(self) -> SqliteLedger:
        return SqliteLedger(self.folder / f"{self.number}.sqlite3", clock=lambda: 1.7e9).__enter__()

    def wait(self, work: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(work)

    def teardown(self) -> None:
        self.ledger.__exit__()
        self.loop.close()
        shutil.rmtree(self.folder)

    def results(self) -> list[ResultRow]:
        return list(self.ledger.result_rows(self.model.run))

    def sending(self) -> list[int]:
        return [number for number, lead in self.model.leads.items() if lead.state is LeadState.SENDING]

    def sendable(self) -> list[int]:
        return [number for number, lead in self.model.leads.items() if lead.state not in NEVER_SENT]

    def known(self) -> list[int]:
        return sorted(self.model.leads)

    # What a run does.

    @initialize()
    def first_run(self) -> None:
        self.begin_run()

    @rule()
    def begin_run(self) -> None:
        """Begin a run; what the one before was sending it was answered for, or it is still being sent."""
        start = RunStart(name="a run", environment="sandbox", base_url="https://api", started_at="2024")
        self.model.run = self.wait(self.ledger.begin_run(start))
        self.sheet = self.wait(self.ledger.add_sheet(self.model.run, "leads.csv", PATH, ""))
        self.model.rows = []
        self.enrolled: set[int] = set()

    @rule(customers=st.lists(CUSTOMERS, min_size=1, max_size=4), policy=POLICIES)
    def enrol(self, customers: list[int], policy: Policy) -> None:
        first = len(self.model.rows) + 2
        entries = [
            Entry(sheet=self.sheet, row=first + at, customer_id=str(customer), key=key_of(customer))
            for at, customer in enumerate(customers)
        ]
        standings = self.wait(self.ledger.enrol(self.model.run, entries, policy))
        for customer, standing in zip(customers, standings, strict=True):
            copy = 0
            number = self.model.lead_of(customer, copy)
            while (
                policy.send_duplicates
                and number is not None
                and (number in self.enrolled or self.model.leads[number].state is LeadState.CREATED)
            ):
                copy += 1
                number = self.model.lead_of(customer, copy)
            if number is None:
                assert standing.lead not in self.model.leads
                self.model.leads[standing.lead] = ModelLead(customer, copy)
                assert standing.outcome is None
                assert not standing.doubtful
            else:
                assert standing.lead == number
                assert standing.outcome is self.expected(number, policy)
            self.model.rows.append(ModelRow(standing.lead, standing.outcome))
            self.enrolled.add(standing.lead)

    def expected(self, number: int, policy: Policy) -> OutcomeName | None:
        """Return how a row of a known lead ends by the contract, None if it is to be sent."""
        state = self.model.leads[number].state
        if number in self.enrolled:
            return OutcomeName.DUPLICATE
        if state is LeadState.CREATED:
            return OutcomeName.EXISTING
        if state is LeadState.REJECTED and not policy.retry_rejected:
            return OutcomeName.REJECTED
        held = state is LeadState.IN_DOUBT and not policy.resend_doubtful
        if held or state in (LeadState.SENDING, LeadState.IN_DOUBT_FOR_GOOD):
            return OutcomeName.IN_DOUBT
        return None

    @precondition(lambda self: self.model.leads)
    @rule(data=st.data(), attempts=st.integers(1, 5))
    def intend(self, data: st.DataObject, attempts: int) -> None:
        number = data.draw(st.sampled_from(self.known()))
        lead = self.model.leads[number]
        if lead.state in NEVER_SENT:
            with pytest.raises(InternalError, match="nothing was sent"):
                self.wait(self.ledger.intend(self.model.run, number, attempts))
            return
        self.begins(number, attempts)

    @precondition(lambda self: self.sending())
    @rule(data=st.data(), end=ENDS)
    def record(self, data: st.DataObject, end: RowEnd | None) -> None:
        self.ends(data.draw(st.sampled_from(self.sending())), end)

    @precondition(lambda self: self.sendable())
    @rule(data=st.data(), end=ENDS)
    def send(self, data: st.DataObject, end: RowEnd | None) -> None:
        """Send a lead that may be sent, to its end."""
        number = data.draw(st.sampled_from(self.sendable()))
        self.begins(number, 1)
        self.ends(number, end)

    def begins(self, number: int, attempts: int) -> None:
        self.wait(self.ledger.intend(self.model.run, number, attempts))
        lead = self.model.leads[number]
        lead.state, lead.run, lead.attempts, lead.said = LeadState.SENDING, self.model.run, attempts, None

    def ends(self, number: int, end: RowEnd | None) -> None:
        lead = self.model.leads[number]
        lead.application_id = None
        if end is None:
            self.ids += 1
            lead.application_id = str(141952217564315671 + self.ids)
            end = Created(Application(application_id=lead.application_id, status="new", created_at="2024"))
        lead.run = self.model.run
        lead.state = {
            Created: LeadState.CREATED,
            Rejected: LeadState.REJECTED,
            InDoubt: LeadState.IN_DOUBT,
            Failed: LeadState.FAILED,
            NotAttempted: LeadState.PENDING,
        }[type(end)]
        if isinstance(end, InDoubt) and not end.resendable:
            lead.state = LeadState.IN_DOUBT_FOR_GOOD
        assert lead.attempts
        self.ledger.record(self.model.run, number, end, lead.attempts)

    @rule()
    def end_run(self) -> None:
        self.wait(self.ledger.end_run(self.model.run, {"read": len(self.model.rows)}))

    # What goes wrong, and what a person says.

    @rule()
    def crash(self) -> None:
        """Go on with the files as they are on disk; what has asked for them was told that they are."""
        earlier = self.folder / f"{self.number}.sqlite3"
        self.number += 1
        for ending in ("", "-wal", ".open"):
            shutil.copy(f"{earlier}{ending}", self.folder / f"{self.number}.sqlite3{ending}")
        self.ledger.__exit__()
        self.reopened()

    @rule()
    def close(self) -> None:
        self.ledger.__exit__()
        assert not list(self.folder.glob(f"{self.number}.sqlite3-wal"))
        self.reopened()

    def reopened(self) -> None:
        self.ledger = self.opened()
        for number in self.sending():
            self.model.leads[number].state = LeadState.IN_DOUBT
        # Positions of rows begin anew with a run, so a run never goes on in another process.
        self.begin_run()

    @precondition(lambda self: self.model.leads)
    @rule(data=st.data(), said=st.sampled_from(Said), known_id=st.booleans())
    def answer(self, data: st.DataObject, said: Said, known_id: bool) -> None:
        number = data.draw(st.sampled_from(self.known()))
        lead = self.model.leads[number]
        others = sorted(
            other.application_id
            for at, other in self.model.leads.items()
            if other.application_id and at != number
        )
        application_id = ""
        if said is Said.CREATED:
            self.ids += 1
            fresh = str(141952217564315671 + self.ids)
            application_id = data.draw(st.sampled_from(others)) if others and known_id else fresh
        doubt = lead.state if lead.state in DOUBTFUL else lead.doubt if lead.said else None
        refused = (
            doubt is None
            or (said is Said.RESEND and doubt is LeadState.IN_DOUBT_FOR_GOOD)
            or application_id in others
        )
        given = [Answer(lead=number, said=said, application_id=application_id)]
        if refused:
            with pytest.raises(UsageError):
                self.ledger.answer(given, answered_at="2024-05-06", answered_by="an")
            return
        self.ledger.answer(given, answered_at="2024-05-06", answered_by="an")
        lead.doubt, lead.said = doubt, said
        lead.application_id = application_id or None
        lead.state = {
            Said.CREATED: LeadState.CREATED,
            Said.NOT_CREATED: LeadState.NOT_CREATED,
            Said.RESEND: LeadState.RESEND,
        }[said]

    # What must be true at any time.

    @invariant()
    def every_row_stands_as_it_must(self) -> None:
        results = self.results()
        assert [row.outcome for row in results] == [self.model.outcome(row) for row in self.model.rows]
        for row, expected in zip(results, self.model.rows, strict=True):
            lead = self.model.leads[expected.lead]
            assert (row.application.application_id if row.application else None) == lead.application_id
            sent = lead.run == self.model.run and row.outcome is not OutcomeName.DUPLICATE
            assert row.attempts == (lead.attempts if sent else 0)
            assert row.customer_id == str(lead.customer)

    @invariant()
    def the_counts_are_those_of_the_rows(self) -> None:
        counts = self.ledger.count_outcomes(self.model.run)
        assert +Counter(counts) == Counter(row.outcome for row in self.results())

    @invariant()
    def what_may_be_answered_is_what_is_in_doubt_or_was(self) -> None:
        found = {lead.lead: lead.answer is not None for lead in self.ledger.open_leads(PATH)}
        assert found == {
            number: lead.said is not None
            for number, lead in self.model.leads.items()
            if lead.state in DOUBTFUL or lead.said is not None
        }


def test_a_ledger_holds_what_a_dictionary_would() -> None:
    run_state_machine_as_test(
        LedgerMachine, settings=LONG if os.environ.get("HYPOTHESIS_PROFILE") == "long" else SHORT
    )
