"""From the ledger to files: the results of a run, and the rows of its inputs that are to be mended."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import count
from pathlib import Path

from importer.errors import ResultsError, SheetError, UsageError
from importer.formulas import undefuse
from importer.intake import Input, Selection, open_inputs, path_of
from importer.ledger import Ledger
from importer.ledger.sqlite import SqliteLedger
from importer.model import ResultRow
from importer.places import refuse_bad_places, results_path, retry_path
from importer.report import TO_MEND, ImportReport
from importer.results import RetryRow, RetryTable, write_results, write_retry
from importer.settings import Settings
from importer.sheets import STANDARD_INPUT


def write_files(
    report: ImportReport, run: int, ledger: Ledger, inputs: Sequence[Input], settings: Settings
) -> None:
    """Write the results of all files of a run, and the rows to mend; the report is told where they are.

    Raises :class:`ResultsError` if the results cannot be written. Rows to mend that cannot be are a notice:
    the results tell them, too.
    """
    sources = report.files
    for source in sources:
        report.notices += _keep_what_was_mended(source, sources, settings)
    if settings.results is not None:
        write_results(settings.results, ledger.result_rows(run))
        report.results.append(settings.results)
    for source in sources:
        if settings.results is None:
            path = results_path(source, sources, None)
            write_results(path, ledger.result_rows(run, path_of(source)))
            report.results.append(path)
        try:
            report.retry_files += _write_retry(source, sources, settings, ledger, run, inputs)
        except (SheetError, ResultsError) as error:
            report.notices.append(f"The rows to mend were not written; the results tell them. {error}")


def _write_retry(
    source: str,
    sources: Sequence[str],
    settings: Settings,
    ledger: Ledger,
    run: int,
    inputs: Sequence[Input],
) -> list[Path]:
    path = retry_path(source, sources, settings.results)
    results = ledger.result_rows(run, path_of(source))
    own = [given for given in inputs if given.path == path_of(source)]
    if not write_retry(path, _tables(source, own, results)):
        return []
    # The time by which a later run knows that nobody has mended the file since.
    written = results_path(source, sources, settings.results).stat().st_mtime_ns
    with suppress(OSError):
        os.utime(path, ns=(written, written))
    return [path]


def _keep_what_was_mended(source: str, sources: Sequence[str], settings: Settings) -> list[str]:
    """Move rows that somebody has mended out of the way of new ones; return what the person should know."""
    path = retry_path(source, sources, settings.results)
    results = results_path(source, sources, settings.results)
    try:
        if not results.exists() or path.stat().st_mtime_ns == results.stat().st_mtime_ns:
            return []
        kept = next(
            kept for number in count(1) if not (kept := path.with_stem(f"{path.stem}.kept-{number}")).exists()
        )
        path.rename(kept)
    except OSError:
        return []
    return [f"{path} was changed since it was written, so it was kept as {kept}."]


def _tables(source: str, inputs: Sequence[Input], results: Iterator[ResultRow]) -> Iterator[RetryTable]:
    for given in inputs:
        yield RetryTable(
            given.sheet.name,
            tuple(undefuse(header) for header in given.sheet.headers),
            _rows_to_mend(given, results),
        )
    if next(results, None) is not None:
        raise _changed(source)


def _rows_to_mend(given: Input, results: Iterator[ResultRow]) -> Iterator[RetryRow]:
    """Yield the rows of a sheet that are to be mended, walking through its results beside it."""
    for rows in given.sheet.chunks():
        for row in rows:
            result = next(results, None)
            if result is None:
                return
            if (result.place.sheet, result.place.row) != (given.sheet.name, row.place.row):
                raise _changed(given.sheet.source)
            if result.outcome in TO_MEND:
                # Of a file that was sorted or mended meanwhile, the numbers of the rows are still the same.
                if given.mapping.lead(row).customer_id != result.customer_id:
                    raise _changed(given.sheet.source)
                yield RetryRow(
                    tuple(undefuse(cell) for cell in row.cells),
                    result.outcome,
                    result.error.message if result.error else "the run stopped before this row",
                )


def _changed(source: str) -> SheetError:
    return SheetError(
        f"{source} is no longer what was imported, or other sheets or columns of it are chosen. "
        "Import it again."
    )


def rewrite_results(source: str, settings: Settings) -> tuple[list[Path], list[str]]:
    """Write the results of a file again, as the ledger has them now; return the files and what to know.

    Raises :class:`UsageError` if the ledger knows of no run with this file.
    """
    path = settings.ledger_path()
    refuse_bad_places([source], settings.results, None, path)
    if not path.exists():
        # To open it would make an empty one, and a misspelt --ledger would leave it behind.
        raise _unknown(source, path)
    with SqliteLedger(path) as ledger:
        run = ledger.last_run(path_of(source))
        if run is None:
            raise _unknown(source, path)
        results = results_path(source, [source], settings.results)
        kept = _keep_what_was_mended(source, [source], settings)
        write_results(results, ledger.result_rows(run, path_of(source)))
        if source == STANDARD_INPUT:
            return [results], kept
        try:
            inputs, notices = open_inputs([source], Selection.of(settings))
            retry = _write_retry(source, [source], settings, ledger, run, inputs)
        except UsageError as error:
            return [results], [*kept, f"The rows to mend were not written again. {error}"]
        return [results, *retry], [*kept, *notices]


def _unknown(source: str, ledger: Path) -> SheetError:
    return SheetError(
        f"The ledger {ledger} knows of no run with {source}. Import it first, or name the "
        "ledger that was used with --ledger."
    )
