"""The values that travel through the importer: frozen, with no behaviour beyond reading themselves.

::

    file -> Row -> Lead | RowProblem -> Attempt … -> RowEnd -> ledger -> results
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where a row stands, in the words of the person who keeps the file."""

    source: str
    """The file, as it was named to the importer; ``-`` for standard input."""

    sheet: str
    """The sheet of a workbook; empty for a text file."""

    row: int
    """The row number that the spreadsheet shows; in a plain file the header is row 1."""

    def __str__(self) -> str:
        sheet = f", sheet {self.sheet}" if self.sheet else ""
        return f"{self.source}{sheet}, row {self.row}"


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a sheet: every cell as the text that the person saw, blanks trimmed, Unicode NFC."""

    place: Place
    cells: tuple[str, ...]
    """As many as the header has; missing ones are empty."""

    problems: tuple[RowProblem, ...] = ()
    """What the reader already knows to be wrong with this row."""


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
class Lead:
    """A row that can be sent."""

    place: Place
    customer_id: str
    """The Tiki user; text, since an 18-digit id survives no float."""

    inputs: Mapping[str, object]
    """The inputs in the order of the template; they are serialised in this order."""

    notes: tuple[str, ...] = ()
    """Repairs and warnings, for the results file."""


@dataclass(frozen=True, slots=True)
class InvalidRow:
    """A row that is no lead, with every reason that was found."""

    place: Place
    problems: tuple[RowProblem, ...]
    customer_id: str = ""
    notes: tuple[str, ...] = ()


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
    """How a row ends; every row read ends as exactly one of these."""

    CREATED = "created"
    EXISTING = "existing"
    DUPLICATE = "duplicate"
    INVALID = "invalid"
    REJECTED = "rejected"
    FAILED = "failed"
    IN_DOUBT = "in_doubt"
    NOT_ATTEMPTED = "not_attempted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """What the API says that it created."""

    application_id: str
    status: str
    created_at: str
    """ISO 8601, UTC, as the API wrote it."""


@dataclass(slots=True)
class Totals:
    """The counts of a run; mutable, since the runner counts on it while it goes."""

    read: int = 0
    requests: int = 0
    retries: int = 0
    outcomes: dict[OutcomeName, int] = field(default_factory=lambda: dict.fromkeys(OutcomeName, 0))

    def add_up(self) -> bool:
        """Tell whether every row read ended as exactly one outcome."""
        return self.read == sum(self.outcomes.values())
