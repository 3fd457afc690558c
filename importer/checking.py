"""Everything that a run does before it sends, and what it would send: for the command `check`.

It also tells of phones that stand under several customers. A run does not: it sends while it reads, and such
a lead is a lead all the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass, field
from pathlib import Path

from importer.errors import UsageError
from importer.findings import FindingList
from importer.inputs import shown
from importer.intake import Identity, Input, Selection, open_files
from importer.language import _, marked
from importer.model import InvalidRow, Lead, Place, Request, Row, RowFinding, RowProblem
from importer.operations import create_application
from importer.phone_book import PhoneBook

_DUPLICATE = marked("the same lead stands above, so this one is not sent")
_SHARED_PHONE = marked("the same phone stands above, under another customer")

# Within one check, whose ledger it would be makes no difference.
_NOBODY = Identity("", "")
_MARK_BITS = (1 << 60) - 1

EXAMPLES = 10
"""Spans that are kept of a kind of repair or warning, of which a file may have one in every row."""

SPANS_OF_PROBLEMS = 1000
"""The same of a problem: all, in a file that is to be mended by hand."""


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
    limit: int = EXAMPLES
    """How many spans are kept."""

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
        elif len(self.spans) < self.limit:
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

    refused: list[UsageError] = field(default_factory=list)
    """Why files of a folder or pattern cannot be read."""

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
        if self.refused:
            return UsageError.exit_code
        return 1 if self.invalid else 0

    def request(self) -> Request | None:
        """Return the request for the first lead, None if there is none."""
        return create_application(self.first) if self.first else None


def check_files(
    sources: Sequence[str],
    selection: Selection,
    *,
    spool: Path | None = None,
    limit: int | None = None,
    findings: FindingList | None = None,
    found: Set[str] = frozenset(),
) -> CheckReport:
    """Read and map everything; `limit` ends after so many leads, as in a run.

    A file of the `found` ones, which came from a folder or pattern, keeps no other from being checked.

    Every finding, of which the report has the number and some examples, is added to `findings`, too. Raises
    :class:`importer.errors.UsageError` for files that cannot be read or mapped.
    """
    opened = open_files(sources, selection, spool=spool, found=found)
    check = _Check(CheckReport(notices=opened.notices, refused=opened.refused), limit, findings)
    for given in opened.inputs:
        if not check.take(given):
            break
    return check.finish()


class _Check:
    """What was found so far."""

    def __init__(self, report: CheckReport, limit: int | None, findings: FindingList | None) -> None:
        self._report = report
        self._limit = limit
        self._findings = findings
        self._kinds: dict[tuple[str, str, str], RemarkKind] = {}
        self._seen: set[int] = set()
        self._phones = PhoneBook()

    def take(self, given: Input) -> bool:
        """Read all rows of a sheet, and tell whether more may be read: not when the limit is reached."""
        report = self._report
        checked = _described(given)
        report.inputs.append(checked)
        if self._findings:
            self._findings.begin_sheet(checked.source, checked.sheet)
        for chunk in given.leads():
            before = report.read
            leads = self._leads(chunk)
            checked.rows += report.read - before
            if leads:
                report.first = report.first or leads[0]
                _sample(checked, leads[0])
            self._note_phones(given, leads)
            if self._limit is not None and report.to_send >= self._limit:
                return False
        return True

    def finish(self) -> CheckReport:
        """Return what was found in all."""
        self._seen.clear()
        for place, header in self._phones.shared():
            self._found(RowFinding(place, "warning", "shared_phone", header, _(_SHARED_PHONE)))
        self._report.problems = self._by_frequency("problem")
        self._report.warnings = self._by_frequency("warning")
        self._report.repairs = self._by_frequency("repair")
        return self._report

    def _leads(self, chunk: Iterable[tuple[Row, Lead | InvalidRow]]) -> list[Lead]:
        """Count the rows up to the limit, and return those of them that are leads."""
        report, seen = self._report, self._seen
        leads = []
        for _row, lead in chunk:
            if self._limit is not None and report.to_send >= self._limit:
                break
            report.read += 1
            for note in lead.notes:
                self._found(RowFinding(lead.place, note.kind, note.code, note.column, note.message))
            if isinstance(lead, InvalidRow):
                report.invalid += 1
                for problem in lead.problems:
                    self._refused(lead.place, problem)
                continue
            leads.append(lead)
            mark = _mark(lead)
            if mark in seen:
                report.duplicates += 1
                self._refused(lead.place, RowProblem("duplicate", _(_DUPLICATE)))
            else:
                seen.add(mark)
        return leads

    def _note_phones(self, given: Input, leads: Sequence[Lead]) -> None:
        for column in given.mapping.inputs:
            if column.field.kind == "phone":
                phones = [shown(lead.inputs, column.field.name) for lead in leads]
                self._phones.add(
                    given.sheet.source,
                    given.sheet.name,
                    column.header,
                    [lead.place.row for lead, phone in zip(leads, phones, strict=True) if phone],
                    list(filter(None, phones)),
                    [lead.customer_id for lead, phone in zip(leads, phones, strict=True) if phone],
                )

    def _refused(self, place: Place, problem: RowProblem) -> None:
        self._found(RowFinding(place, "problem", problem.code, problem.column, problem.message))

    def _found(self, finding: RowFinding) -> None:
        kind = (finding.kind, finding.code, finding.column)
        if (known := self._kinds.get(kind)) is None:
            limit = SPANS_OF_PROBLEMS if finding.kind == "problem" else EXAMPLES
            known = self._kinds[kind] = RemarkKind(finding.code, finding.column, finding.message, limit)
        known.add(finding.place)
        if self._findings:
            self._findings.add(finding)

    def _by_frequency(self, kind: str) -> list[RemarkKind]:
        found = [counted for (known, *_more), counted in self._kinds.items() if known == kind]
        return sorted(found, key=lambda counted: -counted.rows)


def _mark(lead: Lead) -> int:
    """Return 60 bits that stand for a lead, as many as Python keeps in an object of the smallest size.

    It takes a fraction of the time of the ledger's key. Among a million leads the chance that any two have
    the same is 4e-7; all that comes of it is a row that is called a duplicate here, and is none in a run.
    """
    try:
        content = "\0".join((lead.customer_id, *lead.inputs, *lead.inputs.values()))  # type: ignore[arg-type]
    except TypeError:
        # Not all of its inputs are texts.
        return int.from_bytes(_NOBODY.key_of(lead)) & _MARK_BITS
    return hash(content) & _MARK_BITS


def _described(given: Input) -> CheckedInput:
    mapping = given.mapping
    columns = (mapping.customer_id, *mapping.inputs)
    used = {column.index for column in columns}
    return CheckedInput(
        given.sheet.source,
        given.sheet.name,
        f"{mapping.template.name} ({_(mapping.template.title)})",
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
