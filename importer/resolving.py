"""Rows in doubt to what a person knows of them: which rows an answer names, and what is recorded.

Nobody but a person can look at the Tini console, so nobody else can settle a doubt. Every answer is recorded
with its time and who gave it, and may be taken back by another one until the row is sent again.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from importer.errors import SheetError, UsageError
from importer.intake import path_of
from importer.language import _
from importer.ledger import Answer, LeadState, OpenLead, Said
from importer.ledger.sqlite import SqliteLedger
from importer.operations import utc_text
from importer.places import refuse_moved
from importer.settings import Settings

ALL = "all"

_ROWS = re.compile(r"(?:(?P<sheet>.+)!)?(?P<first>\d{1,7})(?:-(?P<last>\d{1,7})|@(?P<customer>\S+))?")
_APPLICATION_ID = re.compile(r"[0-9]{1,19}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """What the person says, in their words."""

    created: Sequence[str] = ()
    """Each ``ROW=ID``."""

    not_created: Sequence[str] = ()
    """Rows: ``17``, ``17@CUSTOMER``, ``17-20``, ``SHEET!17``, or ``all``; so is `resend`."""

    resend: Sequence[str] = ()

    def __bool__(self) -> bool:
        return bool(self.created or self.not_created or self.resend)


@dataclass(slots=True)
class Resolution:
    """What stands in doubt when the answers are recorded."""

    leads: list[OpenLead]
    """Those that wait for an answer, and those whose answer may be taken back."""

    recorded: int = 0
    notices: list[str] = field(default_factory=list)

    @property
    def waiting(self) -> list[OpenLead]:
        """Those that wait for an answer."""
        return [lead for lead in self.leads if lead.answer is None]

    @property
    def exit_code(self) -> int:
        """What the process answers with."""
        return 3 if self.waiting else 0


def resolve(source: str, answers: Answers, settings: Settings, *, now: float, user: str) -> Resolution:
    """Record `answers` about the rows of the file named `source`, all or none; without any, only look.

    `now` is in seconds since the epoch. Raises :class:`UsageError` for rows that are not in doubt, for an
    answer that makes no sense, and for a file that was moved to the archive.
    """
    path = settings.ledger_path()
    if not path.exists():
        raise _unknown(source, _("there is no ledger {path}").format(path=path))
    with SqliteLedger(path) as ledger:
        known = path_of(source)
        refuse_moved(source, ledger.moved_to(known), "resolve")
        if ledger.last_run(known) is None:
            raise _unknown(source, _("the ledger {path} knows of no run with it").format(path=path))
        resolution = Resolution(ledger.open_leads(known))
        if answers:
            given, resolution.notices = understood(source, answers, resolution.leads)
            ledger.answer(given, answered_at=utc_text(now), answered_by=user)
            resolution.recorded = len(given)
            resolution.leads = ledger.open_leads(known)
    return resolution


def understood(source: str, answers: Answers, leads: Sequence[OpenLead]) -> tuple[list[Answer], list[str]]:
    """Return which of `leads` gets which answer, and what the person should know of it.

    Raises :class:`UsageError` for a row that is none of them, or is named twice.
    """
    said: dict[int, Answer] = {}

    def say(lead: OpenLead, answer: Answer) -> None:
        if lead.lead in said:
            raise UsageError(
                _("{place} is answered twice. Give one answer for a row.").format(place=lead.place)
            )
        said[lead.lead] = answer

    ids: set[str] = set()
    for entry in answers.created:
        rows, equals, application_id = entry.rpartition("=")
        if not equals or not _APPLICATION_ID.fullmatch(application_id):
            raise UsageError(
                _("--created {entry!r} is not ROW=ID, such as 17=141952217564315671.").format(entry=entry)
            )
        if rows.strip() == ALL:
            raise UsageError(
                _("--created {entry!r} names no row. Each row has an application of its own.").format(
                    entry=entry
                )
            )
        named = _named(source, rows, leads)
        if len(named) > 1 or application_id in ids:
            raise UsageError(
                _("--created {entry!r}: each row has an application of its own. Name one row.").format(
                    entry=entry
                )
            )
        ids.add(application_id)
        say(named[0], Answer(lead=named[0].lead, said=Said.CREATED, application_id=application_id))
    kinds = ((Said.NOT_CREATED, answers.not_created), (Said.RESEND, answers.resend))
    for kind, texts in kinds:
        for text in _split(texts):
            if text != ALL:
                for lead in _named(source, text, leads):
                    say(lead, Answer(lead=lead.lead, said=kind))
    notices = []
    for kind, texts in kinds:
        if ALL in _split(texts):
            rest = [lead for lead in leads if lead.answer is None and lead.lead not in said]
            for lead in rest:
                if kind is Said.RESEND and lead.state is LeadState.IN_DOUBT_FOR_GOOD:
                    notices.append(
                        _(
                            "{place} is not sent again: the API said that it created this lead. Look for the "
                            "customer in the Tini console, and answer --created or --not-created."
                        ).format(place=lead.place)
                    )
                else:
                    say(lead, Answer(lead=lead.lead, said=kind))
    return list(said.values()), notices


def _split(texts: Iterable[str]) -> list[str]:
    return [part.strip() for text in texts for part in text.split(",") if part.strip()]


def _named(source: str, text: str, leads: Sequence[OpenLead]) -> list[OpenLead]:
    """Return the leads that `text` names, at least one; a range names only those that wait for an answer."""
    match = _ROWS.fullmatch(text.strip())
    if match is None:
        raise UsageError(_("{text!r} names no row. Write 17, 17-20, SHEET!17 or all.").format(text=text))
    first, last = int(match["first"]), int(match["last"] or match["first"])
    sheet = match["sheet"]
    found = [
        lead
        for lead in leads
        if first <= lead.place.row <= last
        and (sheet is None or lead.place.sheet == sheet.strip("'"))
        and match["customer"] in (None, lead.customer_id)
        and (match["last"] is None or lead.answer is None)
    ]
    if not found:
        raise UsageError(
            _(
                "{source}: row {text} is not in doubt. `lead-importer resolve {source}` lists those that are."
            ).format(source=source, text=text)
        )
    if len({lead.place.sheet for lead in found}) > 1:
        sheets = ", ".join(sorted({f"{lead.place.sheet}!{match['first']}" for lead in found}))
        raise UsageError(
            _("{source}: row {text} is in doubt in several sheets. Say which one: {sheets}.").format(
                source=source, text=text, sheets=sheets
            )
        )
    times = Counter(lead.place for lead in found)
    for lead in found:
        if times[lead.place] > 1:
            # Rows were put in or taken out between two runs, so what stood there first has the same number.
            others = " or ".join(f"{match['first']}@{other.customer_id}" for other in found)
            raise UsageError(
                _("{place}: leads of several runs stand in this row. Say which one: {others}.").format(
                    place=lead.place, others=others
                )
            )
    return found


def _unknown(source: str, why: str) -> SheetError:
    return SheetError(
        _(
            "{source} cannot be resolved: {why}. Import it first, or name the ledger that was "
            "used with --ledger."
        ).format(source=source, why=why)
    )
