"""What results files tell of leads that the ledger may not know: the ledger is lost, or another one.

A ledger that is new to a file of leads would send everything again. So before anything is sent, the results
beside the leads are asked whether they tell of leads that the ledger has never heard of; ``--adopt`` takes
over what they tell, row by row, while the leads are read. Whatever is not plain is refused: to send on a
guess might create a lead twice.
"""

from __future__ import annotations

import json
import re
import shlex
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from importer.disks import stamp_of
from importer.errors import SheetError, UsageError
from importer.file_stamps import is_as_written
from importer.formulas import undefuse
from importer.intake import Identity, Input, Selection, open_inputs
from importer.language import _, in_figures
from importer.ledger import Known, Ledger
from importer.ledger.told import Standing, Told, ToldRow
from importer.model import Application, Lead, OutcomeName, Place
from importer.results import COLUMNS, added_fields
from importer.sheets import Sheet, open_sheets

_WITH_APPLICATION = frozenset({OutcomeName.CREATED, OutcomeName.EXISTING})
_NOBODY = Identity("", "")
_DIGITS = re.compile(r"[0-9]{1,19}")


class NoResultsError(UsageError):
    """A file holds no results of a run."""


def adopted(paths: Sequence[Path], inputs: Sequence[Input], selection: Selection) -> Told:
    """Return what the results files at `paths` tell, to be found by the leads of `inputs`.

    Raises :class:`UsageError` for a file that holds no results, or of which a row cannot be told for certain.
    """
    rows = [told for path in paths for told in told_rows(path, selection)]
    customers: defaultdict[str, Standing] = defaultdict(Standing)
    for given in inputs:
        for chunk in given.leads():
            leads = [lead for _, lead in chunk if isinstance(lead, Lead)]
            for lead, key in zip(leads, _NOBODY.keys_of(leads), strict=True):
                standing = customers[lead.customer_id]
                standing.places.add(lead.place)
                standing.keys.add(key)
    told = Told(rows, dict(customers))
    if astray := told.astray():
        names = ", ".join(map(str, paths))
        raise UsageError(
            _(
                "{names} tells of leads that stand in none of the files ({count}, the first in "
                "{place}). They would be forgotten, so nothing is sent. Give all the files that it "
                "tells of, with their rows mended; or take those rows out of it if they are not "
                "meant to exist."
            ).format(names=names, count=in_figures(len(astray)), place=astray[0].place)
        )
    return told


def refuse_unknown(
    ledger: Ledger,
    paths: Sequence[Path],
    selection: Selection,
    told: Told | None = None,
    *,
    environment: str,
    to_be_replaced: bool = False,
) -> None:
    """Raise :class:`UsageError` if results at `paths` tell of leads that neither the ledger nor `told` knows.

    What was written with this ledger, unchanged since, is not read. What cannot be read is refused, and what
    is no results if it is `to_be_replaced`. All that are to be adopted are named at once.
    """
    telling: list[tuple[Path, int, int]] = []
    for results in paths:
        unknown = _Unknown(ledger, told, environment)
        _note(unknown, ledger, results, selection, to_be_replaced=to_be_replaced)
        if count := unknown.count():
            telling.append((results, count, unknown.first))
    if not telling:
        return
    results, count, first = telling[0]
    raise UsageError(
        _(
            "{results} tells of leads that were sent ({count}, the first in row {first}) and "
            "that the ledger does not know: it is new, an older copy, or not the one that was "
            "used. Nothing is sent, since they could be created twice. Name the ledger that was "
            "used with --ledger; or, if it is lost, take them over with --adopt {quoted}; or, "
            "if they are of another account or of a rehearsal, move them away."
        ).format(
            results=results,
            count=in_figures(count),
            first=first,
            quoted=" --adopt ".join(shlex.quote(str(path)) for path, *_rest in telling),
        )
    )


def _note(
    unknown: _Unknown, ledger: Ledger, results: Path, selection: Selection, *, to_be_replaced: bool
) -> None:
    """Let `unknown` note what `results` tell; raise as :func:`refuse_unknown` for what tells nothing."""
    stamp = stamp_of(results)
    if stamp is None or stamp[0] == 0 or is_as_written(ledger, results):
        return
    try:
        for row in told_rows(results, selection):
            unknown.note(row)
    except NoResultsError as error:
        if not to_be_replaced:
            return
        raise UsageError(
            _(
                "{results} is there and holds no results of a run, or such as somebody has changed; "
                "it would be replaced. Move it away, or name another file with --results."
            ).format(results=results)
        ) from error
    except UsageError as error:
        raise UsageError(
            _(
                "{results} may tell of leads that were sent, and cannot be understood: {error} "
                "Nothing is sent. Mend it, or move it away if it is none of an earlier run."
            ).format(results=results, error=error)
        ) from error


class _Unknown:
    """The leads that results tell of and the ledger does not know."""

    def __init__(self, ledger: Ledger, told: Told | None, environment: str) -> None:
        self.first = 0
        self._ledger = ledger
        self._environment = environment
        self._knows = ledger.knows_application()
        self._told = told or Told((), {})
        self._adopted = self._told.applications
        self._applications = 0
        self._sent: Counter[str] = Counter()
        self._doubtful: dict[str, int] = {}

    def note(self, row: ToldRow) -> None:
        application = row.known.application
        self._sent[row.customer_id] += 1
        if application is None:
            self._doubtful.setdefault(row.customer_id, row.place.row)
        elif not self._knows(application.application_id) and application.application_id not in self._adopted:
            self._applications += 1
            self.first = self.first or row.place.row

    def count(self) -> int:
        """Return how many there are, and let `first` be the row of the first."""
        # What is in doubt has no application to know it by, so the leads of its customer are counted.
        known = self._ledger.leads_sent(self._doubtful.keys(), self._environment)
        strange = [
            row
            for customer, row in self._doubtful.items()
            if known[customer] + self._told.of_customer(customer) < self._sent[customer]
        ]
        self.first = min(filter(None, (self.first, *strange)), default=0)
        return self._applications + len(strange)


def told_rows(path: Path, selection: Selection) -> Iterator[ToldRow]:
    """Yield what the results file at `path` tells of leads that are created or in doubt, row by row.

    Raises :class:`NoResultsError` if it is none, and :class:`UsageError` for a row that cannot be told for
    certain, as when a spreadsheet has changed an id.
    """
    if path.suffix.casefold() == ".jsonl":
        yield from _of_json_lines(path)
        return
    sheets = open_sheets(str(path))
    plain = [sheet for sheet in sheets if sheet.headers == COLUMNS]
    own = [
        sheet
        for sheet in sheets
        if sheet.headers != COLUMNS and "application_id" in added_fields(sheet.headers)
    ]
    if not plain and not own:
        raise _no_results(path)
    for sheet in plain:
        for rows in sheet.chunks():
            for row in rows:
                cells = dict(zip(COLUMNS, map(undefuse, row.cells), strict=True))
                yield from _told(path, row.place.row, cells)
    if own:
        yield from _of_own_workbook(path, own, selection)


def _of_own_workbook(path: Path, sheets: Sequence[Sheet], selection: Selection) -> Iterator[ToldRow]:
    """Yield what the user's own workbook tells, whose leads have their customers in a column of their own."""
    inputs, _notices = open_inputs([str(path)], selection)
    mappings = {given.sheet.name: given for given in inputs}
    for sheet in sheets:
        given = mappings.get(sheet.name)
        if given is None:
            raise UsageError(
                _("{path}, sheet {sheet}: the customers of its rows cannot be told.").format(
                    path=path, sheet=sheet.name
                )
            )
        customers = {row.place.row: lead.customer_id for chunk in given.leads() for row, lead in chunk}
        columns = added_fields(sheet.headers)
        for rows in sheet.chunks():
            for row in rows:
                cells = {name: undefuse(row.cells[at]) for name, at in columns.items()}
                place = {"sheet": sheet.name, "row": str(row.place.row)}
                customer = {"customer_id": customers.get(row.place.row, "")}
                yield from _told(path, row.place.row, place | customer | cells)


def _of_json_lines(path: Path) -> Iterator[ToldRow]:
    begun = False
    try:
        with path.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, 1):
                cells = json.loads(line)
                if not isinstance(cells, dict) or "application_id" not in cells:
                    raise ValueError
                begun = True
                yield from _told(
                    path, number, {name: "" if cell is None else str(cell) for name, cell in cells.items()}
                )
    except ValueError as error:
        if not begun:
            raise _no_results(path) from error
        raise UsageError(
            _("{path} is damaged: line {line} is no result.").format(path=path, line=number)
        ) from error
    except OSError as error:
        raise SheetError(
            _("{path} cannot be read ({reason}). Check its path.").format(
                path=path, reason=error.strerror or error
            )
        ) from error


def _told(path: Path, line: int, cells: Mapping[str, str]) -> Iterator[ToldRow]:
    """Yield what one line of results tells of a lead that may exist; nothing if it cannot."""
    where = _("{source}, row {row}").format(source=path, row=line)
    outcome, application_id = cells.get("outcome", ""), cells.get("application_id", "")
    if not outcome and not application_id:
        return
    if outcome not in set(OutcomeName):
        raise UsageError(
            _("{where}: there is no outcome {outcome!r}. Take the results as they were written.").format(
                where=where, outcome=outcome
            )
        )
    if outcome not in _WITH_APPLICATION and outcome != OutcomeName.IN_DOUBT:
        return
    row, customer_id = cells.get("row", ""), cells.get("customer_id", "")
    if not row.isdecimal() or not customer_id:
        raise UsageError(
            _("{where}: it does not tell which row or customer it is about.").format(where=where)
        )
    application = None
    if outcome in _WITH_APPLICATION:
        if not _DIGITS.fullmatch(application_id):
            raise UsageError(
                _(
                    "{where}: the application id is not as it was written, as when a spreadsheet has "
                    "saved the file. Take the results as they were written."
                ).format(where=where)
            )
        application = Application(
            application_id=application_id,
            status=cells.get("status", ""),
            created_at=cells.get("created_at", ""),
        )
    place = Place(cells.get("source", ""), cells.get("sheet", ""), int(row))
    yield ToldRow(place, customer_id, Known(application))


def _no_results(path: Path) -> NoResultsError:
    return NoResultsError(
        _("{path} holds no results of a run. Name the results file of the lost ledger.").format(path=path)
    )
