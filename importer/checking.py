"""Everything that a run does before it sends, and what it would send: for the command `check`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from importer.intake import Identity, Input, Selection, open_inputs
from importer.model import InvalidRow, Lead, Place, Request, RowProblem
from importer.operations import create_application

_DUPLICATE = RowProblem("duplicate", "the same lead stands above, so this one is not sent")


@dataclass(slots=True)
class Span:
    """Rows of one sheet that follow each other."""

    source: str
    sheet: str
    first: int
    last: int


@dataclass(slots=True)
class ProblemKind:
    """One kind of reason not to send rows, in one column, and where it stands."""

    code: str
    column: str
    message: str
    rows: int = 0
    spans: list[Span] = field(default_factory=list)
    """All of its rows, in the order of the input."""

    def add(self, place: Place) -> None:
        """Count one more row."""
        self.rows += 1
        last = self.spans[-1] if self.spans else None
        if last and (last.source, last.sheet, last.last + 1) == (place.source, place.sheet, place.row):
            last.last = place.row
        else:
            self.spans.append(Span(place.source, place.sheet, place.row, place.row))


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
    header_row: int = 1
    """The number of the row that the headers stand in."""


@dataclass(slots=True)
class CheckReport:
    """What `check` found."""

    inputs: list[CheckedInput] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    problems: list[ProblemKind] = field(default_factory=list)
    """Why rows would not be sent, the most frequent reason first."""

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
                    _sort_in(lead.place, lead.problems, kinds)
                    continue
                key = identity.key_of(lead)
                if key in seen:
                    report.duplicates += 1
                    _sort_in(lead.place, [_DUPLICATE], kinds)
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
        header_row=given.sheet.header_row,
    )


def _sample(checked: CheckedInput, lead: Lead) -> None:
    if all(not column.sample for column in checked.columns):
        values = {**lead.inputs, "customer_id": lead.customer_id}
        checked.columns = [
            MappedColumn(column.field, column.header, str(values.get(column.field, "")))
            for column in checked.columns
        ]


def _sort_in(place: Place, problems: Sequence[RowProblem], kinds: dict[tuple[str, str], ProblemKind]) -> None:
    for problem in problems:
        kind = kinds.setdefault(
            (problem.code, problem.column), ProblemKind(problem.code, problem.column, problem.message)
        )
        kind.add(place)


def _finished(report: CheckReport, kinds: dict[tuple[str, str], ProblemKind]) -> CheckReport:
    report.problems = sorted(kinds.values(), key=lambda kind: -kind.rows)
    return report
