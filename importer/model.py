"""The values that travel through the importer: frozen, with no behaviour beyond reading themselves.

::

    file -> Row -> Lead | RowProblem -> Attempt … -> RowEnd -> ledger -> results

What is made for each line of a file, of which there may be millions, is a tuple with names: a frozen
dataclass takes several times as long to make.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Generic, Literal, NamedTuple, TypeVar

from importer.language import _

_T = TypeVar("_T")


class Place(NamedTuple):
    """Where a row stands, in the words of the person who keeps the file."""

    source: str
    """The file, as it was named to the importer; ``-`` for standard input."""

    sheet: str
    """The sheet of a workbook; empty for a text file."""

    row: int
    """The row number that the spreadsheet shows; in a plain file the header is row 1."""

    def __str__(self) -> str:
        if self.sheet:
            return _("{source}, sheet {sheet}, row {row}").format(
                source=self.source, sheet=self.sheet, row=self.row
            )
        return _("{source}, row {row}").format(source=self.source, row=self.row)


class NumberText(str):
    """The text of a workbook's cell that holds a number with decimals, not text.

    A point stands before its decimals, whatever signs the person who sees it is used to.
    """

    __slots__ = ()


class Row(NamedTuple):
    """One line of a sheet: every cell as the text that the person saw, blanks trimmed, Unicode NFC."""

    place: Place
    cells: tuple[str, ...]
    """As many as the header has; missing ones are empty."""

    problems: tuple[RowProblem, ...] = ()
    """What the reader already knows to be wrong with this row."""

    rest: tuple[str, ...] = ()
    """What stands right of the last header; of a row whose cells cannot be told apart, all of its text."""


@dataclass(frozen=True, slots=True)
class RowProblem:
    """Why a row, or one cell of it, is no lead. The message holds no personal data."""

    code: str
    """Stable and made for scripts, such as ``missing`` or ``bad_phone``."""

    message: str
    """What is wrong and what to do, for the person who keeps the sheet."""

    column: str = ""
    """The header of the column, as the sheet spells it; empty when the whole row is meant."""


@dataclass(frozen=True, slots=True)
class Remark:
    """What was repaired in a cell, or what is doubtful about it. The message holds no personal data."""

    kind: Literal["repair", "warning"]
    code: str
    """Stable and made for scripts, such as ``country_code`` or ``implausible_phone``."""

    column: str
    """The header of the column, as the sheet spells it."""

    message: str

    def __str__(self) -> str:
        return f"{self.column}: {self.message}"


@dataclass(frozen=True, slots=True)
class RowFinding:
    """One thing that was found about one row before any was sent. It holds no personal data."""

    place: Place
    kind: Literal["problem", "warning", "repair"]
    """Only a row with a problem is not sent."""

    code: str
    """That of a :class:`RowProblem` or a :class:`Remark`."""

    column: str
    """The header of the column, as the sheet spells it; empty when the whole row is meant."""

    message: str


class Lead(NamedTuple):
    """A row that can be sent."""

    place: Place
    customer_id: str
    """The Tiki user; text, since an 18-digit id survives no float."""

    inputs: Mapping[str, object]
    """The inputs in the order of the template; they are serialised in this order."""

    notes: tuple[Remark, ...] = ()
    """Repairs and warnings, for the results file."""


class Update(NamedTuple):
    """A row that tells the status of an application."""

    place: Place
    application_id: str
    """Text, since an 18-digit id survives no float."""

    status: str
    """As the API spells it."""

    notes: tuple[Remark, ...] = ()


@dataclass(frozen=True, slots=True)
class InvalidRow:
    """A row that is no lead, with every reason that was found."""

    place: Place
    problems: tuple[RowProblem, ...]
    customer_id: str = ""
    notes: tuple[Remark, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorInfo:
    """What is known of an attempt that did not create an application; free of personal data."""

    code: str
    """Stable and made for scripts: ``connect``, ``timeout``, ``http_429``, ``rejected`` …"""

    message: str
    reason: str = ""
    """The API's own ``reason``, such as ``invalid_signature``."""

    http_status: int | None = None
    request_id: str = ""
    """What the API owner's support asks for."""


class OutcomeName(StrEnum):
    """How a row ends; every row read ends as exactly one of those of its command."""

    CREATED = "created"
    EXISTING = "existing"
    DUPLICATE = "duplicate"
    INVALID = "invalid"
    REJECTED = "rejected"
    FAILED = "failed"
    IN_DOUBT = "in_doubt"
    NOT_ATTEMPTED = "not_attempted"
    UPDATED = "updated"
    UNCHANGED = "unchanged"


IMPORT_OUTCOMES = (
    OutcomeName.CREATED,
    OutcomeName.EXISTING,
    OutcomeName.DUPLICATE,
    OutcomeName.INVALID,
    OutcomeName.REJECTED,
    OutcomeName.FAILED,
    OutcomeName.IN_DOUBT,
    OutcomeName.NOT_ATTEMPTED,
)
"""How a row of leads can end."""

UPDATE_OUTCOMES = (
    OutcomeName.UPDATED,
    OutcomeName.UNCHANGED,
    OutcomeName.DUPLICATE,
    OutcomeName.INVALID,
    OutcomeName.REJECTED,
    OutcomeName.FAILED,
    OutcomeName.NOT_ATTEMPTED,
)
"""How a row of statuses can end; in doubt it never is, since an update may be sent again."""

Command = Literal["run", "update"]
"""What a run is of: leads are imported, or statuses set."""

OUTCOMES_OF: Mapping[Command, Sequence[OutcomeName]] = {"run": IMPORT_OUTCOMES, "update": UPDATE_OUTCOMES}
"""How the rows of a command can end."""


class Application(NamedTuple):
    """What the API says that it created."""

    application_id: str
    status: str
    created_at: str
    """ISO 8601, UTC, as the API wrote it."""


class Request(NamedTuple):
    """One call of the API, not signed yet: what is sent is decided once, each attempt signs it anew."""

    method: str
    path: str
    """Below the base URL, with a slash in front."""

    content: bytes
    """The body, byte for byte as sent."""

    @property
    def signed(self) -> bytes:
        """What the signature is over: the body, or for GET the path with its encoded query."""
        return self.path.encode() if self.method == "GET" else self.content


class Answer(NamedTuple):
    """What came back for a request, as far as it was read."""

    status: int
    body: bytes
    complete: bool = True
    """False when the body went on beyond what the importer reads."""

    retry_after: str = ""
    """The header Retry-After as it came; so are `date` and `location`."""

    date: str = ""
    location: str = ""


class FormResponse(NamedTuple):
    """What a customer answered to a form."""

    response_id: str
    """Digits; the greater, the newer."""

    created_at: str
    """As the API wrote it."""

    form_id: str
    inputs: Mapping[str, object]
    """JSON values; numbers with decimals as :class:`decimal.Decimal`."""


class ResponsePage(NamedTuple):
    """A page of responses to forms, newest first."""

    total: int
    """How many there are in all, by the API's count; 0 if it does not tell."""

    responses: tuple[FormResponse, ...]


class NoAnswer(NamedTuple):
    """Why nothing that can be read came back."""

    code: str
    """Stable and made for scripts: ``connect``, ``tls``, ``timeout``, ``disconnected`` …"""

    message: str
    handed_over: bool
    """Whether any byte of the request was given to a connection: if not, nothing was processed."""


class Created(NamedTuple):
    """The API answered with an application."""

    application: Application


class Done(NamedTuple, Generic[_T]):
    """The API did what it was asked to by a call that may be repeated, and answered with this."""

    answer: _T


@dataclass(frozen=True, slots=True)
class Rejected:
    """The API refused the row in its own error format; the row must be mended."""

    error: ErrorInfo


@dataclass(frozen=True, slots=True)
class InDoubt:
    """The request was sent, and no answer came that can be trusted: an application may exist."""

    error: ErrorInfo
    resendable: bool = True
    """False when the API said that it succeeded: to send again would be to create twice."""


@dataclass(frozen=True, slots=True)
class TryAgain:
    """There is proof that the request was not processed."""

    error: ErrorInfo
    wait_seconds: float = 0.0
    """How long the API asked to wait, at least."""


@dataclass(frozen=True, slots=True)
class SetUpWrong:
    """The API refuses this client, whatever the row; nothing was processed."""

    error: ErrorInfo


Ending = Created | Rejected | InDoubt | TryAgain | SetUpWrong
"""How one attempt to create ended; closed, so that every reader of it is complete."""

CallEnding = Done[_T] | Rejected | TryAgain | SetUpWrong
"""How one attempt ended of a call that may be repeated: what is no proof is no harm either; closed."""

AttemptEnding = Ending | Done[Any]
"""How an attempt of any kind ended; closed."""


@dataclass(frozen=True, slots=True)
class Failed:
    """Not created, for certain, and the tries are used up."""

    error: ErrorInfo


@dataclass(frozen=True, slots=True)
class NotAttempted:
    """The run stopped before the row was settled, with proof that nothing was processed."""

    error: ErrorInfo | None = None
    """How the last attempt ended, if there was one."""


RowEnd = Created | Rejected | InDoubt | Failed | NotAttempted
"""How a lead that was to be sent ended in this run; closed."""

CallEnd = Done[_T] | Rejected | Failed | NotAttempted
"""How a call that may be repeated ended, after all its attempts; closed."""


class ResultRow(NamedTuple):
    """One line of a results file."""

    place: Place
    customer_id: str
    outcome: OutcomeName
    application: Application | None = None
    attempts: int = 0
    """Tries in this run; 0 where nothing was sent."""

    error: ErrorInfo | None = None
    notes: tuple[str, ...] = ()


@dataclass(slots=True)
class Totals:
    """The counts of a run; mutable, since the runner counts on it while it goes."""

    read: int = 0
    requests: int = 0
    retries: int = 0
    outcomes: dict[OutcomeName, int] = field(default_factory=lambda: dict.fromkeys(IMPORT_OUTCOMES, 0))

    def add_up(self) -> bool:
        """Tell whether every row read ended as exactly one outcome."""
        return self.read == sum(self.outcomes.values())
