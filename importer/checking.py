"""Everything that a run does before it sends, and what it would send: for the command `check`.

It also tells of phones that stand under several customers. A run does not: it sends while it reads, and such
a lead is a lead all the same.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from importer.inputs import shown
from importer.intake import Identity, Input, Selection, open_inputs
from importer.mapping import SheetMapping
from importer.model import InvalidRow, Lead, Place, Remark, Request, RowProblem
from importer.operations import create_application

_DUPLICATE = RowProblem("duplicate", "the same lead stands above, so this one is not sent")

EXAMPLES = 10
"""Spans that are kept of a kind of repair or warning, of which a file may have one in every row."""


@dataclass(slots=True)
class Span:
    """Rows of one sheet that follow each other."""

    source: str
    sheet: str
    first: int
    last: int


@dataclass(slots=True)
class RemarkKind:
    """One kind of thing to say of rows, in one column, and where it stands."""

    code: str
    column: str
    message: str
    limit: int | None = None
    """How many spans are kept; without it, all."""

    rows: int = 0
    spans: list[Span] = field(default_factory=list)
    """Its rows, in the order of the input."""

    @property
    def rows_left_out(self) -> int:
        """How many rows are in none of the spans."""
        return self.rows - sum(span.last - span.first + 1 for span in self.spans)

    def add(self, place: Place) -> None:
        """Count one more row."""
        self.rows += 1
        last = self.spans[-1] if self.spans else None
        if last and (last.source, last.sheet, last.last + 1) == (place.source, place.sheet, place.row):
            last.last = place.row
        elif self.limit is None or len(self.spans) < self.limit:
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
    problems: list[RemarkKind] = field(default_factory=list)
    """Why rows would not be sent, the most frequent reason first; so are the warnings and repairs."""

    warnings: list[RemarkKind] = field(default_factory=list)
    repairs: list[RemarkKind] = field(default_factory=list)

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
    kinds = _Kinds()
    seen: set[bytes] = set()
    identity = Identity("", "")
    customer_of: dict[bytes, bytes] = {}
    for given in inputs:
        checked = _described(given)
        report.inputs.append(checked)
        for rows in given.leads():
            for _, lead in rows:
                if limit is not None and report.to_send >= limit:
                    return kinds.finish(report)
                report.read += 1
                checked.rows += 1
                kinds.note(lead.place, lead.notes)
                if isinstance(lead, InvalidRow):
                    report.invalid += 1
                    kinds.refuse(lead.place, lead.problems)
                    continue
                key = identity.key_of(lead)
                if key in seen:
                    report.duplicates += 1
                    kinds.refuse(lead.place, [_DUPLICATE])
                seen.add(key)
                if report.first is None:
                    report.first = lead
                _sample(checked, lead)
                kinds.note(lead.place, _shared_phones(given.mapping, lead, customer_of))
    return kinds.finish(report)


class _Kinds:
    """What was said of rows so far, by code and column."""

    def __init__(self) -> None:
        self._problems: dict[tuple[str, str], RemarkKind] = {}
        self._notes: dict[str, dict[tuple[str, str], RemarkKind]] = {"warning": {}, "repair": {}}

    def refuse(self, place: Place, problems: Sequence[RowProblem]) -> None:
        for problem in problems:
            kind = self._problems.setdefault(
                (problem.code, problem.column), RemarkKind(problem.code, problem.column, problem.message)
            )
            kind.add(place)

    def note(self, place: Place, remarks: Sequence[Remark]) -> None:
        for remark in remarks:
            kind = self._notes[remark.kind].setdefault(
                (remark.code, remark.column), RemarkKind(remark.code, remark.column, remark.message, EXAMPLES)
            )
            kind.add(place)

    def finish(self, report: CheckReport) -> CheckReport:
        report.problems = _by_frequency(self._problems)
        report.warnings = _by_frequency(self._notes["warning"])
        report.repairs = _by_frequency(self._notes["repair"])
        return report


def _by_frequency(kinds: dict[tuple[str, str], RemarkKind]) -> list[RemarkKind]:
    return sorted(kinds.values(), key=lambda kind: -kind.rows)


def _shared_phones(mapping: SheetMapping, lead: Lead, customer_of: dict[bytes, bytes]) -> list[Remark]:
    """Return a warning for each phone of `lead` that stood under another customer first.

    `customer_of` has that customer by phone, both as hashes of eight bytes: among a million phones, the
    chance that any two have the same is 3e-8, and all that comes of it is a warning.
    """
    return [
        Remark(
            "warning", "shared_phone", column.header, "the same phone stands above, under another customer"
        )
        for column in mapping.inputs
        if column.field.kind == "phone"
        and (phone := shown(lead.inputs, column.field.name))
        and customer_of.setdefault(_hashed(phone), customer := _hashed(lead.customer_id)) != customer
    ]


def _hashed(value: object) -> bytes:
    return hashlib.blake2b(str(value).encode(), digest_size=8).digest()


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
            MappedColumn(column.field, column.header, shown(values, column.field))
            for column in checked.columns
        ]
