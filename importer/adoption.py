"""What a results file tells of leads that the ledger may not know: the ledger is lost, or another one.

A ledger that is new to a file of leads would send everything again. So before anything is sent, the results
beside the leads are asked whether they tell of applications that the ledger has never heard of; ``--adopt``
takes over what they tell, row by row, while the leads are read.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from importer.errors import SheetError, UsageError
from importer.formulas import undefuse
from importer.ledger import Known, Ledger
from importer.ledger.told import ToldRow
from importer.model import Application, OutcomeName
from importer.results import COLUMNS, added_columns
from importer.sheets import open_sheets

_WITH_APPLICATION = frozenset({OutcomeName.CREATED, OutcomeName.EXISTING})


STAMPS = "results_stamps"
"""What the ledger calls :func:`stamps` in the summary of a run."""


def refuse_unknown(ledger: Ledger, path: str, results: Path) -> None:
    """Raise :class:`UsageError` if `results` tell of leads that the ledger does not know.

    They are of the file of leads at `path`. What the ledger's last run with that file has written itself,
    unchanged since, is not read.
    """
    run = ledger.last_run(path)
    if not results.exists() or (
        run is not None and stamp_of(results) == _stamps(ledger.summary_of(run)).get(str(results.resolve()))
    ):
        return
    knows = ledger.knows_application()
    unknown, first = 0, 0
    try:
        for told in told_rows(results):
            application = told.known.application
            if (run is None) if application is None else not knows(application.application_id):
                unknown, first = unknown + 1, first or told.row
    except UsageError:
        # Something else is called so; it will be replaced, as before.
        return
    if unknown:
        raise UsageError(
            f"{results} tells of leads that were sent ({unknown:,}, the first in row {first}) and that the "
            "ledger does not know: it is new, an older copy, or not the one that was used. Nothing is sent, "
            "since they could be created twice. Name the ledger that was used with --ledger; or, if it is "
            f"lost, take them over with --adopt {shlex.quote(str(results))}; or, if they are of another "
            "account or of a rehearsal, move them away."
        )


def stamps(paths: Iterable[Path]) -> dict[str, list[int]]:
    """Return what tells later whether these results files are still as they were written."""
    return {str(path.resolve()): stamp for path in paths if (stamp := stamp_of(path))}


def stamp_of(path: Path) -> list[int]:
    """Return the size of a file and when it was changed, in nanoseconds; nothing if it is not there."""
    try:
        status = path.stat()
    except OSError:
        return []
    return [status.st_size, status.st_mtime_ns]


def _stamps(summary: Mapping[str, object]) -> Mapping[str, object]:
    found = summary.get(STAMPS)
    return found if isinstance(found, dict) else {}


def told_rows(path: Path) -> Iterator[ToldRow]:
    """Yield what the results file at `path` tells of leads that are created or in doubt, row by row.

    Raises :class:`UsageError` if it is no results file.
    """
    if path.suffix.casefold() == ".jsonl":
        yield from _of_json_lines(path)
        return
    any_results = False
    for sheet in open_sheets(str(path)):
        plain = sheet.headers == COLUMNS
        added = range(len(sheet.headers)) if plain else added_columns(sheet.headers)
        names = [sheet.headers[index].removesuffix("_2") for index in added]
        if "application_id" not in names:
            continue
        any_results = True
        for rows in sheet.chunks():
            for row in rows:
                cells = {name: undefuse(row.cells[index]) for name, index in zip(names, added, strict=True)}
                own = {"sheet": sheet.name, "row": str(row.place.row), "customer_id": ""}
                if told := _told(own | cells):
                    yield told
    if not any_results:
        raise _no_results(path)


def _of_json_lines(path: Path) -> Iterator[ToldRow]:
    try:
        with path.open(encoding="utf-8") as lines:
            for line in lines:
                cells = json.loads(line)
                if not isinstance(cells, dict) or "application_id" not in cells:
                    raise _no_results(path)
                if told := _told({name: "" if cell is None else str(cell) for name, cell in cells.items()}):
                    yield told
    except ValueError as error:
        raise _no_results(path) from error
    except OSError as error:
        raise SheetError(f"{path} cannot be read ({error.strerror or error}). Check its path.") from error


def _told(cells: dict[str, str]) -> ToldRow | None:
    outcome, application_id, row = cells.get("outcome", ""), cells["application_id"], cells.get("row", "")
    if not row.isdecimal():
        return None
    if application_id and outcome in _WITH_APPLICATION:
        application = Application(
            application_id=application_id,
            status=cells.get("status", ""),
            created_at=cells.get("created_at", ""),
        )
    elif outcome == OutcomeName.IN_DOUBT:
        application = None
    else:
        return None
    return ToldRow(cells.get("sheet", ""), int(row), cells.get("customer_id", ""), Known(application))


def _no_results(path: Path) -> UsageError:
    return UsageError(f"{path} holds no results of a run. Name the results file of the lost ledger.")
