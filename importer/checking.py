"""Everything that a run does before it sends, and what it would send: for the command `check`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from importer.intake import Identity, Input, Selection, open_inputs
from importer.model import InvalidRow, Lead, Place, Request
from importer.operations import create_application

EXAMPLES = 3
"""Rows that are named for each kind of problem."""


@dataclass(slots=True)
class ProblemKind:
    """One kind of problem in one column, and how often it stands there."""

    code: str
    column: str
    message: str
    rows: int = 0
    examples: list[Place] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class MappedColumn:
    """A field, its column, and a value of it."""

    field: str
    header: str
    sample: str


@dataclass(slots=True)
class CheckedInput:
    """One sheet that was checked."""

    source: str
    sheet: str
    template: str
    columns: list[MappedColumn]
    ignored: list[str]
    """Headers of columns that are not sent."""

    rows: int = 0


@dataclass(slots=True)
class CheckReport:
    """What `check` found."""

    inputs: list[CheckedInput] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    problems: list[ProblemKind] = field(default_factory=list)
    notes: dict[str, int] = field(default_factory=dict)
    """Repairs and warnings, each with the number of rows."""

    read: int = 0
    invalid: int = 0
    duplicates: int = 0
    first: Lead | None = None
    """The first lead that would be sent."""

    @property
    def to_send(self) -> int:
        """How many leads a first run would send."""
        return self.read - self.invalid - self.duplicates

    @property
    def exit_code(self) -> int:
        """What the process answers with."""
        return 1 if self.invalid else 0

    def request(self) -> Request | None:
        """Return the request for the first lead, None if there is none."""
        return create_application(self.first) if self.first else None


def check_files(
    sources: Sequence[str], selection: Selection, *, spool: Path | None = None, limit: int | None = None
) -> CheckReport:
    """Read and map everything; `limit` ends after so many leads, as in a run.

    Raises :class:`importer.errors.UsageError` for files that cannot be read or mapped.
    """
    inputs, notices = open_inputs(sources, selection, spool=spool)
    report = CheckReport(notices=notices)
    kinds: dict[tuple[str, str], ProblemKind] = {}
    seen: set[bytes] = set()
    identity = Identity("", "")
    for given in inputs:
        checked = _described(given)
        report.inputs.append(checked)
        for rows in given.leads():
            for _, lead in rows:
                if limit is not None and report.to_send >= limit:
                    return _finished(report, kinds)
                report.read += 1
                checked.rows += 1
                for note in lead.notes:
                    report.notes[note] = report.notes.get(note, 0) + 1
                if isinstance(lead, InvalidRow):
                    report.invalid += 1
                    _sort_in(lead, kinds)
                    continue
                key = identity.key_of(lead)
                report.duplicates += key in seen
                seen.add(key)
                if report.first is None:
                    report.first = lead
                _sample(checked, lead)
    return _finished(report, kinds)


def _described(given: Input) -> CheckedInput:
    mapping = given.mapping
    columns = (mapping.customer_id, *mapping.inputs)
    used = {column.index for column in columns}
    return CheckedInput(
        given.sheet.source,
        given.sheet.name,
        f"{mapping.template.name} ({mapping.template.title})",
        [MappedColumn(column.field.name, column.header, "") for column in columns],
        [header for index, header in enumerate(given.sheet.headers) if header and index not in used],
    )


def _sample(checked: CheckedInput, lead: Lead) -> None:
    if all(not column.sample for column in checked.columns):
        values = {**lead.inputs, "customer_id": lead.customer_id}
        checked.columns = [
            MappedColumn(column.field, column.header, str(values.get(column.field, "")))
            for column in checked.columns
        ]


def _sort_in(row: InvalidRow, kinds: dict[tuple[str, str], ProblemKind]) -> None:
    for problem in row.problems:
        kind = kinds.setdefault(
            (problem.code, problem.column), ProblemKind(problem.code, problem.column, problem.message)
        )
        kind.rows += 1
        if len(kind.examples) < EXAMPLES:
            kind.examples.append(row.place)


def _finished(report: CheckReport, kinds: dict[tuple[str, str], ProblemKind]) -> CheckReport:
    report.problems = sorted(kinds.values(), key=lambda kind: -kind.rows)
    return report
