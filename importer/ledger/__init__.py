"""What the importer remembers of every lead, whatever happens to it: the port, and the rules behind it.

A lead's life::

    pending -> sending -> created | rejected | in doubt
       ^          |
       +----------+   only with proof that nothing was processed; failed when the tries are used up

The intent (`sending`) is on disk before the first byte of a request leaves, the outcome after its answer. A
lead that a dead run left `sending` is in doubt from then on. The ledger holds no names, phones or addresses:
a key (hash), the customer id, the place of the row and how it ended.

The rules are pure functions here; :mod:`importer.ledger.sqlite` keeps them in a file, and any other store
that keeps the contracts of :class:`Ledger` may take its place.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from hashlib import blake2b
from typing import Protocol, assert_never

from importer.model import (
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


class LeadState(IntEnum):
    """Where a lead is in its life; the numbers are what a store keeps, so they never change."""

    PENDING = 0
    SENDING = 1
    CREATED = 2
    REJECTED = 3
    IN_DOUBT = 4
    IN_DOUBT_FOR_GOOD = 5
    """The API said that it succeeded, but not with what: never sent again, not even when asked to."""

    FAILED = 6


SENDABLE = frozenset({LeadState.PENDING, LeadState.REJECTED, LeadState.IN_DOUBT, LeadState.FAILED})
"""The states from which a lead may become `sending` at all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What a run does with leads that the ledger knows."""

    resend_doubtful: bool = False
    send_duplicates: bool = False
    retry_rejected: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A row that was read, as the ledger keeps it."""

    sheet: int
    """What :meth:`Ledger.add_sheet` returned for its sheet."""

    row: int
    customer_id: str
    key: bytes | None
    """What stands for the lead (:func:`importer.identity.lead_key`); None for a row that is no lead."""

    problem: ErrorInfo | None = None
    """Why it is no lead."""

    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Standing:
    """What the ledger knows of a row that was enrolled."""

    outcome: OutcomeName | None
    """How the row ends without anything being sent; None for a lead that is to be sent."""

    lead: int = 0
    """The number of the lead in the ledger; 0 for a row that is no lead."""

    doubtful: bool = False
    """Whether an earlier request may have created it already."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStart:
    """What is known of a run when it begins."""

    name: str
    environment: str
    base_url: str
    started_at: str
    """ISO 8601, UTC."""


class Ledger(Protocol):
    """The port. Every method raises :class:`importer.errors.LedgerError` when the ledger cannot be trusted.

    The order of calls is kept: what was called before is on disk no later than what is called after.
    """

    async def begin_run(self, start: RunStart) -> int:
        """Note that a run begins, and return its number, greater than that of any run before."""

    async def add_sheet(self, run: int, source: str, path: str, name: str) -> int:
        """Note a sheet that the run reads, and return its number.

        `source` is the file as the person named it, `path` the same file wherever one stands, and `name` the
        sheet, empty for a text file.
        """

    async def enrol(
        self, run: int, entries: Sequence[Entry], policy: Policy, *, most: int | None = None
    ) -> list[Standing]:
        """Note rows that were read, in their order, and return what is known of each.

        After `most` leads that are to be sent, the rest of the rows is neither noted nor returned.
        """

    async def intend(self, run: int, lead: int, attempts: int) -> None:
        """Note that attempt number `attempts` is about to send a lead; on disk when this returns.

        Raises :class:`importer.errors.InternalError` for a lead that must not be sent.
        """

    def record(self, run: int, lead: int, end: RowEnd, attempts: int) -> None:
        """Note how a lead ended, or with :class:`NotAttempted` that it was proved not to be processed.

        Returns at once: it is on disk no later than anything that is called after it, so nothing that the
        caller does meanwhile can keep it from being written.
        """

    async def flush(self) -> None:
        """Return when everything called before is on disk."""

    async def end_run(self, run: int, summary: Mapping[str, object], *, complete: bool = True) -> None:
        """Note how a run ended.

        One that read its sheets to their ends (`complete`) takes the place of older runs of the same sheets:
        their rows, not their leads, are forgotten.
        """

    def count_outcomes(self, run: int) -> dict[OutcomeName, int]:
        """Return how many rows of the run stand at each outcome now."""

    def result_rows(self, run: int, path: str | None = None) -> Iterator[ResultRow]:
        """Yield what is known of the run's rows, in their order: of those of one file, given its `path`."""

    def last_run(self, path: str) -> int | None:
        """Return the newest run that read the file at `path`, or None."""


def standing_outcome(state: LeadState, *, same_run: bool, policy: Policy) -> OutcomeName | None:
    """Return how a row ends whose lead is known already, or None if it is to be sent.

    `same_run` says that the lead stands earlier in this run's input. Where duplicates are sent, a lead that
    stands earlier or was created is not asked for here: its copy is a lead of its own (:func:`copy_key`).
    """
    if same_run:
        return OutcomeName.DUPLICATE
    match state:
        case LeadState.PENDING | LeadState.FAILED:
            return None
        case LeadState.CREATED:
            return OutcomeName.EXISTING
        case LeadState.REJECTED:
            return None if policy.retry_rejected else OutcomeName.REJECTED
        case LeadState.IN_DOUBT:
            return None if policy.resend_doubtful else OutcomeName.IN_DOUBT
        case LeadState.SENDING | LeadState.IN_DOUBT_FOR_GOOD:
            return OutcomeName.IN_DOUBT
    assert_never(state)


def copy_key(key: bytes, number: int) -> bytes:
    """Return the key of the `number`-th deliberate copy of a lead; that of number 0 is the lead's own."""
    return blake2b(key, digest_size=len(key), salt=number.to_bytes(8, "big")).digest() if number else key


def state_after(end: RowEnd) -> LeadState:
    """Return the state of a lead that ended so in a run."""
    match end:
        case Created():
            return LeadState.CREATED
        case InDoubt(resendable=False):
            return LeadState.IN_DOUBT_FOR_GOOD
        case InDoubt():
            return LeadState.IN_DOUBT
        case Rejected():
            return LeadState.REJECTED
        case Failed():
            return LeadState.FAILED
        case NotAttempted():
            return LeadState.PENDING
    assert_never(end)


def outcome_of(state: LeadState, *, same_run: bool) -> OutcomeName:
    """Return the outcome of a row whose lead is in `state`; `same_run`: this run brought it there."""
    match state:
        case LeadState.CREATED:
            return OutcomeName.CREATED if same_run else OutcomeName.EXISTING
        case LeadState.SENDING | LeadState.IN_DOUBT | LeadState.IN_DOUBT_FOR_GOOD:
            return OutcomeName.IN_DOUBT
        case LeadState.REJECTED if same_run:
            return OutcomeName.REJECTED
        case LeadState.REJECTED:
            # It was to be sent again, and was not: a row that is held for its refusal says so itself.
            return OutcomeName.NOT_ATTEMPTED
        case LeadState.FAILED:
            return OutcomeName.FAILED if same_run else OutcomeName.NOT_ATTEMPTED
        case LeadState.PENDING:
            return OutcomeName.NOT_ATTEMPTED
    assert_never(state)
