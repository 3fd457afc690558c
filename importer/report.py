"""What a run did, or an export: its totals, why rows did not become applications, and the exit code. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from importer.errors import ImporterError, InternalError
from importer.model import ErrorInfo, OutcomeName, Totals

TO_MEND = frozenset(
    {OutcomeName.INVALID, OutcomeName.REJECTED, OutcomeName.FAILED, OutcomeName.NOT_ATTEMPTED}
)
"""Outcomes of the rows that the retry file holds."""


@dataclass(slots=True)
class Reasons:
    """Why rows did not become applications, counted by outcome and code."""

    counts: Counter[tuple[OutcomeName, str]] = field(default_factory=Counter)
    messages: dict[tuple[OutcomeName, str], str] = field(default_factory=dict)
    """The first message of each."""

    def add(self, outcome: OutcomeName, error: ErrorInfo) -> None:
        """Count one more row."""
        kind = (outcome, error.reason or error.code)
        self.counts[kind] += 1
        self.messages.setdefault(kind, error.message)


@dataclass(slots=True, kw_only=True)
class ImportReport:
    """What a run did."""

    run: str
    command: Literal["run", "update"] = "run"
    """What was done: leads imported, or statuses set."""

    environment: str
    base_url: str
    files: list[str]
    started_at: str
    finished_at: str = ""
    seconds: float = 0.0
    totals: Totals = field(default_factory=Totals)
    reasons: Reasons = field(default_factory=Reasons)
    stopped: str | None = None
    """Why the run ended before its end."""

    results: list[Path] = field(default_factory=list)
    retry_files: list[Path] = field(default_factory=list)
    """The files with rows to mend, in the order of the inputs that have any."""

    notices: list[str] = field(default_factory=list)
    exit_code: int = 0

    def summary(self) -> dict[str, object]:
        """Return the totals as the contract has them in JSON."""
        return {
            "run": self.run,
            "env": self.environment,
            "base_url": self.base_url,
            "files": self.files,
            "started_at": self.started_at,
            "finished_at": self.finished_at,
            "seconds": round(self.seconds, 3),
            "read": self.totals.read,
            **{str(outcome): count for outcome, count in self.totals.outcomes.items()},
            "requests": self.totals.requests,
            "retries": self.totals.retries,
            "stopped": self.stopped,
            "results": [str(path) for path in self.results],
            "exit_code": self.exit_code,
        }


@dataclass(slots=True, kw_only=True)
class ExportReport:
    """What an export did."""

    run: str
    environment: str
    base_url: str
    forms: Sequence[str]
    since: int | None
    until: int | None
    started_at: str
    finished_at: str = ""
    seconds: float = 0.0
    responses: int = 0
    requests: int = 0
    retries: int = 0
    stopped: str | None = None
    results: list[Path] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    exit_code: int = 0

    def summary(self) -> dict[str, object]:
        """Return the totals for JSON, under the names that those of a run have."""
        return {
            "run": self.run,
            "env": self.environment,
            "base_url": self.base_url,
            "forms": list(self.forms),
            "since": self.since,
            "until": self.until,
            "started_at": self.started_at,
            "finished_at": self.finished_at,
            "seconds": round(self.seconds, 3),
            "responses": self.responses,
            "requests": self.requests,
            "retries": self.retries,
            "stopped": self.stopped,
            "results": [str(path) for path in self.results],
            "exit_code": self.exit_code,
        }


_PRECEDENCE = (70, 130, 143, 5, 4, 2, 3, 1)


def exit_code(totals: Totals, stops: Iterable[ImporterError]) -> int:
    """Return what the process answers with; where several codes apply, the first of the contract's order."""
    codes = [stop.exit_code for stop in stops]
    if not totals.add_up():
        codes.append(InternalError.exit_code)
    if totals.outcomes.get(OutcomeName.IN_DOUBT):
        codes.append(3)
    if any(totals.outcomes[outcome] for outcome in (TO_MEND - {OutcomeName.NOT_ATTEMPTED})):
        codes.append(1)
    return first_exit_code(codes)


def first_exit_code(codes: Collection[int]) -> int:
    """Return the one of several exit codes that goes before the others; 0 for none."""
    return next((code for code in _PRECEDENCE if code in codes), 0)
