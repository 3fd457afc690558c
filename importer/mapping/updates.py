"""Rows that tell the statuses of applications: which columns they stand in, and what each row says. Pure.

Headers are matched as those of leads are. An id that a spreadsheet has made a number of is no id any more: to
guess its digits might set the status of somebody else's application.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from importer.formulas import undefuse
from importer.headings import fold, spellings
from importer.language import _
from importer.mapping.choosing import choose_columns
from importer.mapping.columns import Column, names_of
from importer.mapping.statuses import APPLICATION_ID, STATUS, STATUS_WORDS
from importer.model import InvalidRow, Remark, Row, RowProblem, Update
from importer.operations import STATUSES
from importer.values import read_value

# They are 18 digits today. They grow with time, and will be 19 in 2028, as their first bits are a clock.
_ID = re.compile("[1-9][0-9]{17,18}")

# What a spreadsheet writes for the digits of a number beyond the 15 that it keeps.
_CUT_ID = re.compile("[0-9]{15}0{3,4}")


@dataclass(frozen=True, slots=True)
class UpdateMapping:
    """Which columns of one sheet hold the ids and the statuses."""

    application_id: Column
    status: Column
    strict: bool = False
    """Whether a warning is a problem."""

    def update(self, row: Row) -> Update | InvalidRow | None:
        """Return what a row says, or everything that keeps it from being sent; None if it says nothing.

        The results of a run have such rows: those that became no application, and those that a person said
        to exist, whose status nobody knows.
        """
        sent = {self.application_id.header, self.status.header, ""}
        problems = [problem for problem in row.problems if problem.column in sent]
        notes: list[Remark] = []
        application_id, status = (undefuse(self._cell(row, column)) for column in self._columns)
        if not status and not problems:
            return None
        known = {problem.column for problem in problems}
        if application_id:
            application_id = self._read_id(application_id, problems, notes)
        elif not {self.application_id.header, ""} & known:
            problems.append(_missing(self.application_id))
        if not status and not {self.status.header, ""} & known:
            problems.append(_missing(self.status))
        elif status and fold(status) not in STATUS_WORDS:
            problems.append(_bad_status(self.status))
        if problems:
            return InvalidRow(row.place, tuple(problems), notes=tuple(notes))
        return Update(row.place, application_id, STATUS_WORDS[fold(status)], tuple(notes))

    @property
    def _columns(self) -> tuple[Column, Column]:
        return self.application_id, self.status

    def _cell(self, row: Row, column: Column) -> str:
        return row.cells[column.index] if column.index < len(row.cells) else ""

    def _read_id(self, text: str, problems: list[RowProblem], notes: list[Remark]) -> str:
        header = self.application_id.header
        reading = read_value("customer_id", text, header)
        notes += reading.remarks
        if reading.problem and reading.problem.code != "bad_customer_id":
            problems.append(reading.problem)
        elif not _ID.fullmatch(reading.value):
            problems.append(
                RowProblem(
                    "bad_application_id",
                    _(
                        "an application id has 18 digits and nothing else; take it from the results of the "
                        "import, and format the column as text"
                    ),
                    header,
                )
            )
        elif _CUT_ID.fullmatch(reading.value):
            self._warn(reading.value, problems, notes)
        return reading.value

    def _warn(self, application_id: str, problems: list[RowProblem], notes: list[Remark]) -> None:
        code, header = "maybe_lost_digits", self.application_id.header
        message = _(
            "the id ends in zeros, as a spreadsheet writes a number whose last digits it has lost; compare "
            "it with the results of the import"
        )
        if self.strict:
            problems.append(RowProblem(code, message, header))
        else:
            notes.append(Remark("warning", code, header, message))


def choose_update_mapping(
    where: str,
    headers: Sequence[str],
    columns: Mapping[str, str] | None = None,
    letters: Sequence[str] = (),
    *,
    strict: bool = False,
) -> UpdateMapping:
    """Find the columns of `headers` that hold the ids and the statuses.

    The arguments are those of :func:`importer.mapping.choose_mapping`, which raises the same errors.
    """
    application_id, status = choose_columns(where, headers, (APPLICATION_ID, STATUS), columns or {}, letters)
    return UpdateMapping(application_id, status, strict)


def update_header_score(columns: Mapping[str, str] | None = None) -> Callable[[Sequence[str]], int]:
    """Return a function that tells how well the cells of a row fit the headers of ids and statuses."""
    said = columns or {}
    known = [names_of(field) | {fold(said.get(field.name, ""))} for field in (APPLICATION_ID, STATUS)]

    def score(cells: Sequence[str]) -> int:
        spelt = {spelling for cell in cells for spelling in spellings(cell) if spelling}
        return sum(not names.isdisjoint(spelt) for names in known)

    return score


def conflict(column: str) -> RowProblem:
    """Return the problem of each row of an application to which the file gives several statuses."""
    return RowProblem(
        "two_statuses",
        _("the file gives this application another status, too; leave the row with the right one"),
        column,
    )


def back_to_new(column: str, status: str) -> RowProblem:
    """Return the problem of a row that is to make an application new again, whose `status` is known."""
    return RowProblem(
        "back_to_new",
        _("the application is known to be {status}, and nothing leads back to new; leave the row out").format(
            status=status
        ),
        column,
    )


def maybe_back_to_new(column: str) -> RowProblem:
    """Return the problem of a row that is to make an application new again whose status nobody knows."""
    return RowProblem(
        "back_to_new",
        _(
            "another status was sent before without an answer, so it may be set, and nothing leads back to "
            "new; leave the row out"
        ),
        column,
    )


def unusual_step(column: str, status: str) -> Remark:
    """Return the warning about a step that the API's documentation does not have."""
    return Remark(
        "warning",
        "unusual_step",
        column,
        _("the application was {status} before, and the documentation knows no such step").format(
            status=status
        ),
    )


def _missing(column: Column) -> RowProblem:
    return RowProblem("missing", _("the cell is empty; fill it in"), column.header)


def _bad_status(column: Column) -> RowProblem:
    return RowProblem(
        "bad_status",
        _("there is no such status; write {statuses}").format(statuses=", ".join(STATUSES)),
        column.header,
    )
