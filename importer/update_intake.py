"""Sheets of statuses to updates that can be sent, and what is decided of each by what is known already.

The sheets are opened and mapped before anything is sent, as those of leads are (:mod:`importer.intake`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass
from pathlib import Path

from importer.errors import MappingError
from importer.intake import CHUNK_ROWS
from importer.language import _
from importer.ledger import UNKNOWN_STATUS, KnownApplication
from importer.mapping.updates import (
    UpdateMapping,
    back_to_new,
    choose_update_mapping,
    maybe_back_to_new,
    unusual_step,
    update_header_score,
)
from importer.model import InvalidRow, OutcomeName, RowProblem, Update
from importer.operations import STATUSES
from importer.settings import Settings
from importer.sheets import STANDARD_INPUT, Sheet, open_sheets

_NEW = STATUSES[0]


@dataclass(frozen=True, slots=True)
class UpdateInput:
    """One sheet of statuses, and which of its columns is what."""

    sheet: Sheet
    mapping: UpdateMapping

    def updates(self) -> Iterator[list[Update | InvalidRow | None]]:
        """Yield what the rows say, None for those that say nothing, in lists of :data:`CHUNK_ROWS`."""
        for rows in self.sheet.chunks(CHUNK_ROWS):
            yield list(map(self.mapping.update, rows))


def open_updates(
    source: str, settings: Settings, *, spool: Path | None = None
) -> tuple[list[UpdateInput], list[str]]:
    """Open the file named `source`, and return its sheets with statuses and what the person should know.

    `spool` is where the bytes of standard input are. Raises :class:`UsageError` for a file that cannot be
    read, or that has no sheet with the columns.
    """
    sheets = open_sheets(
        source,
        path=spool if source == STANDARD_INPUT else None,
        encoding=settings.encoding,
        sheets=settings.sheet,
        score=update_header_score(settings.map),
    )
    notices = [notice for sheet in sheets for notice in sheet.notices]
    inputs: list[UpdateInput] = []
    refusals: list[MappingError] = []
    for sheet in sheets:
        where = (
            _("{source}, sheet {sheet}").format(source=sheet.source, sheet=sheet.name)
            if sheet.name
            else sheet.source
        )
        try:
            mapping = choose_update_mapping(
                where, sheet.headers, settings.map, sheet.letters, strict=settings.strict
            )
        except MappingError as error:
            # A sheet that was asked for, or that is the only one, must fit.
            if settings.sheet or len(sheets) == 1:
                raise
            refusals.append(error)
        else:
            inputs.append(UpdateInput(sheet, mapping))
    if not inputs:
        raise refusals[0]
    return inputs, [*notices, *(_("left out a sheet: {why}").format(why=refusal) for refusal in refusals)]


def conflicting(inputs: Sequence[UpdateInput]) -> Set[str]:
    """Return the applications to which the sheets give several statuses: nobody knows which is meant."""
    statuses: dict[str, str] = {}
    return {
        update.application_id
        for given in inputs
        for chunk in given.updates()
        for update in chunk
        if isinstance(update, Update)
        and statuses.setdefault(update.application_id, update.status) != update.status
    }


def standing(
    update: Update, known: KnownApplication, column: str, *, strict: bool
) -> Update | InvalidRow | OutcomeName:
    """Return how a row ends whose application is `known` so; the update, with what to note, if it is sent.

    The documentation leads from new to disbursed or rejected and tells of no other step. A row that says new
    is mostly an old copy of the results, and would undo what was set since, so it is refused. What corrects a
    mistake is sent with a warning, which `strict` makes a problem: the API decides.
    """
    if known.status == update.status:
        return OutcomeName.UNCHANGED
    if known.status == UNKNOWN_STATUS:
        problem = maybe_back_to_new(column)
        return _refused(update, known, problem) if update.status == _NEW else update
    if known.status not in STATUSES or known.status == _NEW:
        return update
    if update.status == _NEW:
        return _refused(update, known, back_to_new(column, known.status))
    remark = unusual_step(column, known.status)
    if strict:
        return _refused(update, known, RowProblem(remark.code, remark.message, column))
    return update._replace(notes=(*update.notes, remark))


def status_in_doubt(update: Update) -> str:
    """Return what is known of the status while an update is under way: empty if it may still become new."""
    return "" if update.status == _NEW else UNKNOWN_STATUS


def _refused(update: Update, known: KnownApplication, problem: RowProblem) -> InvalidRow:
    return InvalidRow(update.place, (problem,), known.customer_id, update.notes)
