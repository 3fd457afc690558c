"""What a run did, or an export: its totals, why rows did not become applications, and the exit code. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Self

from importer.errors import ImporterError, InternalError, UsageError
from importer.measuring import Measured
from importer.model import OUTCOMES_OF, Command, ErrorInfo, OutcomeName, Place, Totals

TO_MEND = frozenset(
    {OutcomeName.INVALID, OutcomeName.REJECTED, OutcomeName.FAILED, OutcomeName.NOT_ATTEMPTED}
)
"""Outcomes of the rows that the retry file holds."""


NEED_A_PERSON = frozenset({OutcomeName.INVALID, OutcomeName.REJECTED})
"""Those of them that nothing but another content of the row can change."""


FIRST_ROWS = 10
"""How many rows are named of each reason."""

# Only this many are kept in the ledger: an API may give a reason of its own to every row.
_MOST_REASONS = 100

_VERSION = 1
"""Of what :meth:`ImportReport.details` returns; another one is not read."""


class Ended(StrEnum):
    """How a run ended."""

    FINISHED = "finished"
    STOPPED = "stopped"
    """Before its end, as it noted itself; :attr:`ImportReport.stopped` says why."""

    KILLED = "killed"
    """Without a word: the process was killed, or the power went out."""


@dataclass(slots=True)
class Reasons:
    """Why rows did not become applications, counted by outcome and code."""

    counts: Counter[tuple[OutcomeName, str]] = field(default_factory=Counter)
    messages: dict[tuple[OutcomeName, str], str] = field(default_factory=dict)
    """The first message of each."""

    places: dict[tuple[OutcomeName, str], list[Place]] = field(default_factory=dict)
    """The first rows of each, at most :data:`FIRST_ROWS`."""

    files: Counter[tuple[OutcomeName, str]] = field(default_factory=Counter)
    """How many rows of each file, as it was named to the run, ended so."""

    def add(self, outcome: OutcomeName, error: ErrorInfo, place: Place) -> None:
        """Count one more row."""
        kind = (outcome, error.reason or error.code)
        self.counts[kind] += 1
        self.files[outcome, place.source] += 1
        self.messages.setdefault(kind, error.message)
        places = self.places.setdefault(kind, [])
        if len(places) < FIRST_ROWS:
            places.append(place)

    def document(self) -> list[dict[str, object]]:
        """Return the most frequent ones as JSON has them."""
        return [
            {
                "outcome": str(outcome),
                "code": code,
                "rows": count,
                "message": self.messages[outcome, code],
                "first": [list(place) for place in self.places[outcome, code]],
            }
            for (outcome, code), count in self.counts.most_common(_MOST_REASONS)
        ]

    @classmethod
    def read(cls, document: Iterable[Mapping[str, Any]]) -> Self:
        """Return what :meth:`document` has made a document of."""
        reasons = cls()
        for told in document:
            kind = (OutcomeName(told["outcome"]), told["code"])
            reasons.counts[kind] = told["rows"]
            reasons.messages[kind] = told["message"]
            reasons.places[kind] = [Place(*place) for place in told["first"]]
        return reasons


@dataclass(slots=True, kw_only=True)
class ImportReport:
    """What a run did: the one that has just ended, or one that the ledger tells of."""

    run: str
    command: Command = "run"
    """What was done: leads imported, or statuses set."""

    environment: str
    base_url: str
    files: list[str]
    started_at: str
    finished_at: str = ""
    """Empty for a run that was killed."""

    seconds: float = 0.0
    totals: Totals = field(default_factory=Totals)
    counted: bool = True
    """Whether the totals are known. Those of a killed run are not once a later one has read its rows."""

    reasons: Reasons = field(default_factory=Reasons)
    measured: Measured | None = None
    """None for a run that was killed."""

    stopped: str | None = None
    """Why the run ended before its end."""

    stop: ImporterError | None = None
    """The same as an error, for a program to raise."""

    results: list[Path] = field(default_factory=list)
    retry_files: list[Path] = field(default_factory=list)
    """The files with rows to mend, in the order of the inputs that have any."""

    files_to_mend: list[Path] = field(default_factory=list)
    """Those of the retry files that hold rows to mend, and not only rows to be sent as they are."""

    written_for: dict[str, list[Path]] = field(default_factory=dict)
    """Of each file, the results and rows to mend that were written beside it."""

    archived: dict[str, Path] = field(default_factory=dict)
    """Of each file that was moved to the archive, where it is."""

    left: list[str] = field(default_factory=list)
    """Files that were found and are not complete, so that they are left for the next run."""

    refused: list[UsageError] = field(default_factory=list)
    """Why files that were found could not be imported; it kept no other from being."""

    notices: list[str] = field(default_factory=list)
    exit_code: int = 0

    @property
    def ended(self) -> Ended:
        """How the run ended."""
        if not self.finished_at:
            return Ended.KILLED
        return Ended.FINISHED if self.stopped is None else Ended.STOPPED

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

    def details(self) -> dict[str, object]:
        """Return what the summary does not tell, as JSON has it, to be kept in the ledger."""
        return {
            "version": _VERSION,
            "measured": self.measured.document() if self.measured else None,
            "reasons": self.reasons.document(),
            "rows_of_files": [[*kind, rows] for kind, rows in self.reasons.files.items()],
            "retry_files": [str(path) for path in self.retry_files],
            "files_to_mend": [str(path) for path in self.files_to_mend],
            "notices": self.notices,
        }

    @classmethod
    def read(
        cls, summary: Mapping[str, Any], details: Mapping[str, Any] | None = None, *, command: Command = "run"
    ) -> Self:
        """Return the report of a run of which this is the summary, and what else was kept of it.

        Counts that the summary lacks are 0.
        """
        totals = Totals(*(summary.get(count, 0) for count in ("read", "requests", "retries")))
        totals.outcomes = {outcome: summary.get(outcome, 0) for outcome in OUTCOMES_OF[command]}
        report = cls(
            run=summary["run"],
            command=command,
            environment=summary["env"],
            base_url=summary["base_url"],
            files=summary["files"],
            started_at=summary["started_at"],
            finished_at=summary["finished_at"],
            seconds=summary["seconds"],
            totals=totals,
            stopped=summary["stopped"],
            results=[Path(path) for path in summary["results"]],
            exit_code=summary["exit_code"],
        )
        if details is not None and details["version"] == _VERSION:
            report.measured = Measured.read(details["measured"]) if details["measured"] else None
            report.reasons = Reasons.read(details["reasons"])
            # An older lead-importer did not note which file has what.
            for outcome, file, rows in details.get("rows_of_files", ()):
                report.reasons.files[OutcomeName(outcome), file] = rows
            report.retry_files = [Path(path) for path in details["retry_files"]]
            to_mend = details.get("files_to_mend", details["retry_files"])
            report.files_to_mend = [Path(path) for path in to_mend]
            report.notices = details["notices"]
        return report


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
