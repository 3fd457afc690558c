"""Whether the promise was kept: ledger, results and summary held against what the API really created. Pure.

The promise is "never twice, never lost": :class:`Promise` has it in parts, each of which can be found broken.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from importer.ledger import LeadState
from importer.model import IMPORT_OUTCOMES, OutcomeName

MAY_EXIST = frozenset(
    {
        LeadState.CREATED,
        LeadState.SENDING,
        LeadState.IN_DOUBT,
        LeadState.IN_DOUBT_FOR_GOOD,
        LeadState.RESEND,
    }
)
"""The states of a lead that may have an application. `SENDING` is in doubt as soon as its run is dead."""

IN_DOUBT = MAY_EXIST - {LeadState.CREATED}


class Promise(StrEnum):
    """What is promised of every lead, after whatever happened."""

    ONCE = "at most one application for each lead"
    CREATED_EXISTS = "a lead that is created has the application that the ledger names"
    KNOWN = "a lead with an application is created or in doubt in the ledger"
    NOTHING_LOST = "every row is told of, and every lead gets its application in the end"
    RESULTS_AGREE = "the results tell what the ledger and the API know"
    TOTALS_ADD_UP = "the totals add up"
    LITTLE_DOUBT = "a kill leaves in doubt no more than was under way"
    CLEAR_WORDS = "no run ends in a way that was not meant"


@dataclass(frozen=True, slots=True)
class Violation:
    promise: Promise
    what: str

    def __str__(self) -> str:
        return f"{self.promise}: {self.what}"


@dataclass(frozen=True, slots=True)
class KnownLead:
    """A lead as the ledger has it."""

    key: bytes
    state: LeadState
    application_id: str = ""


@dataclass(frozen=True, slots=True)
class Created:
    """An application as the API has it, and the lead that it is of (:func:`importer.identity.lead_key`)."""

    key: bytes
    application_id: str


@dataclass(frozen=True, slots=True)
class InputRow:
    """A row that was there to be read; `key` is None where it is no lead."""

    source: str
    row: int
    key: bytes | None


@dataclass(frozen=True, slots=True)
class ResultLine:
    """A line of a results file."""

    source: str
    row: int
    outcome: str
    application_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What is left behind, read from the disk."""

    leads: Sequence[KnownLead]
    applications: Sequence[Created]
    rows: Sequence[InputRow] = ()
    """Those of the last run's files, in order."""

    results: Sequence[ResultLine] | None = None
    """What the last run wrote of them; None if it was killed, so that they may be older than the ledger."""

    summary: Mapping[str, object] | None = None
    """What the last run counted."""

    settled: bool = False
    """Whether nothing is left to be done: every lead must have been created by now."""


def violations(evidence: Evidence) -> list[Violation]:
    """Return every way in which the promise was broken."""
    found = [*_of_ledger(evidence)]
    if evidence.results is not None:
        found += _of_results(evidence, evidence.results)
    if evidence.summary is not None:
        found += _of_summary(evidence, evidence.summary)
    if evidence.settled:
        found += _unsettled(evidence)
    return found


def assert_kept(evidence: Evidence) -> None:
    """Fail with every violation, in words."""
    found = violations(evidence)
    assert not found, "\n".join(map(str, found))


def _of_ledger(evidence: Evidence) -> Iterator[Violation]:
    ids: dict[bytes, list[str]] = defaultdict(list)
    for application in evidence.applications:
        ids[application.key].append(application.application_id)
    known = {lead.key: lead for lead in evidence.leads}
    for key, given in ids.items():
        if len(given) > 1:
            yield Violation(
                Promise.ONCE, f"lead {_short(key)} has {len(given)} applications: {', '.join(given)}"
            )
        lead = known.get(key)
        if lead is None:
            yield Violation(
                Promise.KNOWN, f"the ledger does not know lead {_short(key)}, which has {given[0]}"
            )
        elif lead.state not in MAY_EXIST:
            yield Violation(Promise.KNOWN, f"lead {_short(key)} has {given[0]}, and is {lead.state.name}")
    for lead in evidence.leads:
        if lead.state is LeadState.CREATED and lead.application_id not in ids[lead.key]:
            yield Violation(
                Promise.CREATED_EXISTS,
                f"lead {_short(lead.key)} is created as {lead.application_id or 'nothing'}, and the API has "
                f"{', '.join(ids[lead.key]) or 'nothing'}",
            )


def _of_results(evidence: Evidence, lines: Sequence[ResultLine]) -> Iterator[Violation]:
    places = [(line.source, line.row) for line in lines]
    expected = [(row.source, row.row) for row in evidence.rows]
    if places != expected:
        yield Violation(
            Promise.NOTHING_LOST, f"{len(expected)} rows were read, and the results tell of others: {places}"
        )
        return
    states = {lead.key: lead.state for lead in evidence.leads}
    ids = {(application.key, application.application_id) for application in evidence.applications}
    existing = {application.key for application in evidence.applications}
    seen: set[bytes] = set()
    for row, line in zip(evidence.rows, lines, strict=True):
        where = f"{row.source}, row {row.row} is {line.outcome}"
        state = None if row.key is None else states.get(row.key)
        match line.outcome:
            case OutcomeName.CREATED | OutcomeName.EXISTING:
                fits = state is LeadState.CREATED and (row.key, line.application_id) in ids
            case OutcomeName.IN_DOUBT:
                fits = state in IN_DOUBT
            case OutcomeName.DUPLICATE:
                fits = row.key in seen and (not line.application_id or (row.key, line.application_id) in ids)
            case OutcomeName.INVALID:
                fits = row.key is None
            case _:
                fits = row.key not in existing and state not in MAY_EXIST
        if not fits:
            yield Violation(
                Promise.RESULTS_AGREE,
                f"{where} {line.application_id}, its lead {state.name if state is not None else 'unknown'}, "
                f"and its application {'there' if row.key in existing else 'not there'}",
            )
        if row.key is not None:
            seen.add(row.key)


def _of_summary(evidence: Evidence, summary: Mapping[str, object]) -> Iterator[Violation]:
    counts = {str(name): summary[str(name)] for name in IMPORT_OUTCOMES}
    if summary["read"] != sum(count for count in counts.values() if isinstance(count, int)):
        yield Violation(Promise.TOTALS_ADD_UP, f"{summary['read']} rows were read, and ended as {counts}")
    if summary["read"] != len(evidence.rows):
        yield Violation(
            Promise.TOTALS_ADD_UP, f"there were {len(evidence.rows)} rows, and {summary['read']} were read"
        )
    if evidence.results is not None:
        told = Counter(line.outcome for line in evidence.results)
        if {name: told[name] for name in counts} != counts:
            yield Violation(Promise.TOTALS_ADD_UP, f"the summary counts {counts}, and the results {told}")


def _unsettled(evidence: Evidence) -> Iterator[Violation]:
    states = {lead.key: lead.state for lead in evidence.leads}
    existing = {application.key for application in evidence.applications}
    for row in evidence.rows:
        if row.key is not None and (row.key not in existing or states.get(row.key) is not LeadState.CREATED):
            state = states.get(row.key)
            yield Violation(
                Promise.NOTHING_LOST,
                f"{row.source}, row {row.row}: its lead is {state.name if state is not None else 'unknown'} "
                f"in the end, and its application {'there' if row.key in existing else 'not there'}",
            )


def _short(key: bytes) -> str:
    return key.hex()[:8]
