"""What the importer remembers of every lead, whatever happens to it: the port, and the rules behind it.

A lead's life::

    pending -> sending -> created | rejected | in doubt
       ^          |                               |
       +----------+                               +-> created | not created | resend
       only with proof that nothing               as a person answers, who may
       was processed; failed when                 take it back by another answer
       the tries are used up

The intent (`sending`) is on disk before the first byte of a request leaves, the outcome after its answer. A
lead that a dead run left `sending` is in doubt from then on. The ledger holds no names, phones or addresses:
a key (hash), the customer id, the place of the row and how it ended. It also remembers which statuses of
applications were set.

The rules are pure functions here; :mod:`importer.ledger.sqlite` keeps them in a file, and any other store
that keeps the contracts of :class:`Ledger` may take its place.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from hashlib import blake2b
from typing import NamedTuple, Protocol, assert_never

from importer.model import (
    Application,
    Command,
    Created,
    ErrorInfo,
    Failed,
    InDoubt,
    NotAttempted,
    OutcomeName,
    Place,
    Rejected,
    ResultRow,
    RowEnd,
)

EARLIER_DOUBT = "earlier_doubt"
"""The code of an error that says no more than that a lead was in doubt before: the reason of that is kept."""


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
    NOT_CREATED = 7
    """A person has looked, and there is no application: it is sent again."""

    RESEND = 8
    """It may exist, and a person wants it sent again all the same."""


SENDABLE = frozenset(
    {
        LeadState.PENDING,
        LeadState.REJECTED,
        LeadState.IN_DOUBT,
        LeadState.FAILED,
        LeadState.NOT_CREATED,
        LeadState.RESEND,
    }
)
"""The states from which a lead may become `sending` at all."""


NEVER_SENT = frozenset({LeadState.PENDING, LeadState.REJECTED, LeadState.FAILED})
"""The states in which no application can exist. What was ever in doubt is in none of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What a run does with leads that the ledger knows."""

    resend_doubtful: bool = False
    send_duplicates: bool = False
    retry_rejected: bool = False


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a lead from elsewhere than the ledger."""

    application: Application | None
    """None for a lead in doubt."""


class Entry(NamedTuple):
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

    known: Known | None = None
    """What a results file tells of the lead, to be taken over where the ledger knows less."""


class Standing(NamedTuple):
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

    command: Command = "run"


class Said(StrEnum):
    """What a person can say of a lead in doubt."""

    CREATED = "created"
    NOT_CREATED = "not_created"
    RESEND = "resend"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a person says of one lead in doubt."""

    lead: int
    """Its number in the ledger."""

    said: Said
    application_id: str = ""
    """With `CREATED`: what the console shows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenAnswer:
    """An answer as it was recorded."""

    said: Said
    application_id: str
    answered_at: str
    """ISO 8601, UTC."""

    answered_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenLead:
    """A lead that waits for an answer, or has one that may still be taken back."""

    lead: int
    place: Place
    """Where it was read last."""

    customer_id: str
    state: LeadState
    error: ErrorInfo | None
    """Why it is, or was, in doubt."""

    answer: GivenAnswer | None = None
    """The last one, if it still holds."""


UNKNOWN_STATUS = "unknown"
"""The status of an application while nobody knows whether the one that was asked for, not new, is set."""


class KnownApplication(NamedTuple):
    """What is known of an application; all of it is empty for one of which nothing is."""

    status: str
    """The one that was set last, or that the API gave it when it was created, or :data:`UNKNOWN_STATUS`."""

    customer_id: str = ""
    """Of the lead that it was created for; so is `created_at`."""

    created_at: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusSet:
    """The status that an application has from now on, as far as is known."""

    account: str
    """The name of the account (:func:`importer.identity.account_id`)."""

    environment: str
    application_id: str
    status: str
    run: str
    """The name of the run that set it, or is about to."""


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
        caller does meanwhile can keep it from being written. Where the error is but :data:`EARLIER_DOUBT`,
        the reason of that doubt stays.
        """

    async def flush(self) -> None:
        """Return when everything called before is on disk."""

    async def end_run(
        self,
        run: int,
        summary: Mapping[str, object],
        details: Mapping[str, object] | None = None,
        *,
        complete: bool = True,
    ) -> None:
        """Note how a run ended, and in `details` what its report tells besides the summary.

        One that read its sheets to their ends (`complete`) takes the place of older runs of the same sheets:
        their rows, not their leads, are forgotten. ``archived`` in `details` has of each path that the run
        read, and whose file it moved, where that is now.
        """

    async def move_file(self, run: int, path: str, to: str) -> None:
        """Note that the file at `path`, which the run read, was moved `to` where it is found from now on."""

    def count_outcomes(self, run: int) -> dict[OutcomeName, int]:
        """Return how many rows of the run stand at each outcome now."""

    def result_rows(self, run: int, path: str | None = None) -> Iterator[ResultRow]:
        """Yield what is known of the run's rows, in their order: of those of one file, given its `path`."""

    def knows_application(self) -> Callable[[str], bool]:
        """Return what tells whether an application belongs to a lead of the ledger, as it is now."""

    def leads_sent(self, customers: Set[str], environment: str) -> Counter[str]:
        """Return how many leads of each of these customers may exist in an environment."""

    async def begin_updates(self) -> None:
        """Make ready for :meth:`find_applications`, which finds the leads that are created by now."""

    async def find_applications(
        self, account: str, environment: str, application_ids: Sequence[str]
    ) -> list[KnownApplication]:
        """Return what is known of each of these applications of an account in an environment."""

    async def intend_status(self, given: StatusSet) -> None:
        """Note what is known of a status once another is asked for; on disk when this returns."""

    def record_status(self, given: StatusSet) -> None:
        """Note that a status was set; it is what :meth:`result_rows` tells from then on.

        Returns at once, as :meth:`record` does.
        """

    def note_written(self, path: str, stamp: tuple[int, int]) -> None:
        """Note the size and the time of a file that was written for the person: the one at `path`."""

    def stamp_written(self, path: str) -> tuple[int, int] | None:
        """Return what :meth:`note_written` noted last of the file at `path`, or None."""

    def last_run(self, path: str) -> int | None:
        """Return the newest run that read the file at `path`, or None.

        One that never ended, since it was killed, counts only if it read no fewer rows of the file than the
        one before: else what is known of the rest would no longer be told.
        """

    def moved_to(self, path: str) -> str | None:
        """Return where the file at `path` was moved by the last run that read it there, or None.

        The details of that run have it under ``archived``; see :meth:`end_run`.
        """

    def open_leads(self, path: str) -> list[OpenLead]:
        """Return the leads of the file at `path` that may be answered, in the order of its rows."""

    def answer(self, given: Sequence[Answer], *, answered_at: str, answered_by: str) -> None:
        """Record all of these answers, or none.

        Raises :class:`importer.errors.UsageError` for a lead that is not open, for one that the API said to
        have created and that is to be resent, and for the id of an application that another lead has.
        """


def standing_outcome(state: LeadState, *, same_run: bool, policy: Policy) -> OutcomeName | None:
    """Return how a row ends whose lead is known already, or None if it is to be sent.

    `same_run` says that the lead stands earlier in this run's input. Where duplicates are sent, a lead that
    stands earlier or was created is not asked for here: its copy is a lead of its own (:func:`copy_key`).
    """
    if same_run:
        return OutcomeName.DUPLICATE
    match state:
        case LeadState.PENDING | LeadState.FAILED | LeadState.NOT_CREATED | LeadState.RESEND:
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


def state_adopted(state: LeadState, known: Known) -> LeadState:
    """Return the state of a lead in `state` once it is taken over what else is known of it."""
    if known.application is not None:
        return LeadState.CREATED
    return LeadState.IN_DOUBT if state in (LeadState.PENDING, LeadState.FAILED) else state


def is_doubtful(state: LeadState) -> bool:
    """Tell whether an earlier request may have created a lead that is to be sent."""
    return state in (LeadState.IN_DOUBT, LeadState.RESEND)


def state_answered(said: Said) -> LeadState:
    """Return the state of a lead of which a person said this."""
    match said:
        case Said.CREATED:
            return LeadState.CREATED
        case Said.NOT_CREATED:
            return LeadState.NOT_CREATED
        case Said.RESEND:
            return LeadState.RESEND
    assert_never(said)


def outcome_of(state: LeadState, *, same_run: bool) -> OutcomeName:
    """Return the outcome of a row whose lead is in `state`; `same_run`: this run brought it there."""
    match state:
        case LeadState.CREATED:
            return OutcomeName.CREATED if same_run else OutcomeName.EXISTING
        case LeadState.SENDING | LeadState.IN_DOUBT | LeadState.IN_DOUBT_FOR_GOOD | LeadState.RESEND:
            return OutcomeName.IN_DOUBT
        case LeadState.REJECTED if same_run:
            return OutcomeName.REJECTED
        case LeadState.REJECTED:
            # It was to be sent again, and was not: a row that is held for its refusal says so itself.
            return OutcomeName.NOT_ATTEMPTED
        case LeadState.FAILED | LeadState.NOT_CREATED:
            return OutcomeName.FAILED if same_run else OutcomeName.NOT_ATTEMPTED
        case LeadState.PENDING:
            return OutcomeName.NOT_ATTEMPTED
    assert_never(state)
