"""From the ledger to files: the results of a run, and the rows of its inputs that are to be mended."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import count
from pathlib import Path

from importer.disks import stamp_of
from importer.errors import ResultsError, SheetError, UnusualWorkbookError, UsageError
from importer.file_stamps import is_as_written, note_written
from importer.formulas import undefuse
from importer.intake import Input, Selection, open_inputs, path_of
from importer.language import _
from importer.ledger import Ledger
from importer.ledger.sqlite import SqliteLedger
from importer.model import ResultRow, Row
from importer.places import go_beside_the_leads, refuse_bad_places, refuse_moved, results_path, retry_path
from importer.report import NEED_A_PERSON, TO_MEND, ImportReport
from importer.results import (
    AddedRow,
    LeadTable,
    RetryRow,
    RetryTable,
    outcome_row,
    row_to_mend,
    workbook,
    write_beside,
    write_results,
    write_retry,
)
from importer.results.replacing import translating
from importer.settings import Settings
from importer.sheets import STANDARD_INPUT
from importer.sources import is_of_program

CLEAR_THIS = "← xoá ô này khi đã sửa dòng / clear this cell once the row is mended"
"""What stands right of a row to mend whose cells do not show what was wrong with them."""


def write_files(
    report: ImportReport,
    run: int,
    ledger: Ledger,
    inputs: Sequence[Input],
    settings: Settings,
    *,
    complete: bool = True,
) -> None:
    """Write the results of all files of a run, and the rows to mend; the report is told where they are.

    Where a run is not `complete`, results of more rows than it has read are kept beside the new ones: should
    the ledger be lost, they tell what was sent. Raises :class:`ResultsError` if the results cannot be
    written. Rows to mend that cannot be are a notice: the results tell them, too.
    """
    # What a program gave cannot be read again, so it has no file beside it.
    sources = [source for source in report.files if not is_of_program(source)]
    for source in sources:
        report.notices += _keep_what_was_mended(source, sources, settings, ledger)
    # One --results has the rows of all files.
    together = settings.results is not None and not go_beside_the_leads(sources, settings.results)
    if settings.results is not None and together:
        with _fuller_kept(settings.results, report, ledger, complete=complete):
            path, notices = or_beside(
                settings.results, lambda path: write_results(path, ledger.result_rows(run))
            )
        report.results.append(path)
        report.notices += notices
    for source in sources:
        output = _Output(source, sources, settings, ledger, run, inputs)
        if not together:
            with _fuller_kept(output.results_path, report, ledger, complete=complete):
                path, notices = _write_results(output)
            report.results.append(path)
            report.notices += notices
            if settings.results is None:
                report.written_for[source] = [path]
        try:
            retry_files, notices = _write_retry(output)
        except (SheetError, ResultsError) as error:
            report.notices.append(
                _("The rows to mend were not written; the results tell them. {error}").format(error=error)
            )
        else:
            report.retry_files += retry_files
            if any(report.reasons.files[outcome, source] for outcome in NEED_A_PERSON):
                report.files_to_mend += retry_files
            report.notices += notices
            if settings.results is None:
                report.written_for[source] += retry_files
    note_written(ledger, [*report.results, *report.retry_files])


@dataclass(frozen=True)
class _Output:
    """One file of leads, and what became of it in one run."""

    source: str
    sources: Sequence[str]
    settings: Settings
    ledger: Ledger
    run: int
    inputs: Sequence[Input]
    """The sheets of all files."""

    @property
    def results_path(self) -> Path:
        return results_path(self.source, self.sources, self.settings.results)

    @property
    def retry_path(self) -> Path:
        return retry_path(self.source, self.sources, self.settings.results)

    @property
    def can_be_added_to(self) -> bool:
        return Path(self.source).suffix.casefold() in workbook.SUFFIXES

    @cached_property
    def own(self) -> Sequence[Input]:
        """The sheets of this file."""
        return [given for given in self.inputs if given.path == path_of(self.source)]

    @property
    def sheets(self) -> list[workbook.LeadSheet]:
        return [workbook.LeadSheet(given.sheet.name, given.sheet.header_row) for given in self.own]

    def results(self) -> Iterator[ResultRow]:
        return self.ledger.result_rows(self.run, path_of(self.source))

    @property
    def may_have_rows_to_mend(self) -> bool:
        """Whether there are rows to mend in the run; it counts those of its other files, too."""
        counts = self.ledger.count_outcomes(self.run)
        return any(counts[outcome] for outcome in TO_MEND)

    def added_to_mend(self) -> Iterator[AddedRow]:
        return (
            row_to_mend(result, _what_is_wrong(result))
            for result in self.results()
            if result.outcome in TO_MEND
        )

    def beside(self) -> Iterator[tuple[Input, Iterator[tuple[Row, ResultRow | None]]]]:
        """Yield each sheet with its rows and what became of them, None for rows that the run did not read.

        The rows of a sheet are read once, before the next sheet is asked for. Raises :class:`SheetError` if
        the rows are not those of the run.
        """
        results = self.results()
        for given in self.own:
            yield given, _with_results(given, results)
        if next(results, None) is not None:
            raise _changed(self.source)

    @cached_property
    def stamp(self) -> tuple[int, int]:
        """The size of the file and when it was changed, all its rows being those of the run."""
        stamp = _stamp(self.source)
        for _given, rows in self.beside():
            for _row in rows:
                pass
        return stamp

    def check_unchanged(self) -> None:
        """Raise :class:`SheetError` if the file is not the one whose rows were compared."""
        if _stamp(self.source) != self.stamp:
            raise _changed(self.source)


def _free_name(path: Path, ending: str, first: int) -> Path:
    """Return `path` with `ending` and the lowest number, from `first` on, under which there is no file."""
    names = (path.with_stem(f"{path.stem}{ending}{number}") for number in count(first))
    return next(name for name in names if not name.exists())


@contextmanager
def _fuller_kept(path: Path, report: ImportReport, ledger: Ledger, *, complete: bool) -> Iterator[None]:
    """Keep what is at `path` under another name if the body, of a run not `complete`, makes less of it."""
    before = stamp_of(path)
    if complete or before is None:
        yield
        return
    kept = _free_name(path, ".kept-", 1)
    with translating(kept):
        shutil.copy2(path, kept)
    yield
    after = stamp_of(path)
    if after is not None and after[0] >= before[0]:
        with suppress(OSError):
            kept.unlink()
        return
    note_written(ledger, [kept])
    report.notices.append(
        _("{path} has only the rows of this run; {kept} has those of before.").format(path=path, kept=kept)
    )


def or_beside(path: Path, write: Callable[[Path], list[str] | None]) -> tuple[Path, list[str]]:
    """Let `write` write `path`, or, if what is there cannot be replaced, a file of another name beside it.

    Return which it was, and what to know.
    """
    try:
        return path, write(path) or []
    except ResultsError as error:
        if not isinstance(error.__cause__, PermissionError):
            raise
        other = _free_name(path, "-", 2)
        try:
            notices = write(other) or []
        except ResultsError:
            # Then it is the folder that cannot be written.
            raise error from error.__cause__
    return other, [
        *notices,
        _(
            "{path} cannot be replaced, as if a spreadsheet had it open; {other} has the results instead."
        ).format(path=path, other=other),
    ]


def _write_results(output: _Output) -> tuple[Path, list[str]]:
    """Write the results of one file, beside the leads if so asked; return where, and what to know."""
    return or_beside(output.results_path, partial(_write_results_at, output))


def _write_results_at(output: _Output, path: Path) -> list[str]:
    source = output.source
    if not (output.own and go_beside_the_leads(output.sources, output.settings.results)):
        write_results(path, output.results())
        return []
    try:
        why = _why_not_in_own_workbook(output, path)
        if not why:
            return []
        tables = (
            LeadTable(
                given.sheet.name,
                given.sheet.headers,
                ((row.cells, outcome_row(result) if result else None) for row, result in rows),
            )
            for given, rows in output.beside()
        )
        write_beside(path, tables)
    except SheetError as error:
        write_results(path, output.results())
        return [_("{path} has the results without the leads. {error}").format(path=path, error=error)]
    return [
        _("{path} has the leads of {source} as text and without their formatting: {why}.").format(
            path=path, source=source, why=why
        )
    ]


def _why_not_in_own_workbook(output: _Output, path: Path) -> str:
    """Write the results into a copy of the workbook; return why that cannot be, empty if it was done."""
    if not output.can_be_added_to:
        return _("only that of .xlsx and .xlsm can be kept, so save it as .xlsx before the next run")
    # Before anything is written, so that no outcome stands beside another row.
    _compared = output.stamp
    try:
        workbook.write_outcomes(
            path,
            Path(output.source),
            output.sheets,
            map(outcome_row, output.results()),
            output.check_unchanged,
        )
    except UnusualWorkbookError as error:
        return _("nothing can be added to it, since {error}").format(error=error)
    return ""


def _write_retry(output: _Output) -> tuple[list[Path], list[str]]:
    """Write the rows of one file to mend; return where they are, and what to know."""
    path = output.retry_path
    written, notices = False, []
    try:
        if not output.may_have_rows_to_mend:
            # The leads need not be read again to find none.
            written = write_retry(path, ())
        elif output.can_be_added_to:
            written = _write_own_rows_to_mend(output)
        else:
            written = write_retry(path, _tables(output))
    except UnusualWorkbookError as error:
        written = write_retry(path, _tables(output))
        notices = [
            _("{path} is a plain workbook: nothing can be added to {source}, since {error}.").format(
                path=path, source=output.source, error=error
            )
        ]
    if not written:
        return [], notices
    return [path], notices


def _write_own_rows_to_mend(output: _Output) -> bool:
    if next(output.added_to_mend(), None) is not None:
        _compared = output.stamp
    return workbook.write_rows_to_mend(
        output.retry_path,
        Path(output.source),
        output.sheets,
        output.added_to_mend(),
        output.check_unchanged,
        # A sheet that was not asked for may hold leads, too, and the file is to be given back as it is.
        hide_others=bool(output.settings.sheet),
    )


def _keep_what_was_mended(
    source: str, sources: Sequence[str], settings: Settings, ledger: Ledger
) -> list[str]:
    """Move rows that somebody has mended out of the way of new ones; return what the person should know."""
    return keep_what_was_changed(retry_path(source, sources, settings.results), ledger)


def keep_what_was_changed(path: Path, ledger: Ledger) -> list[str]:
    """Move a file that is not as it was written out of the way; return what the person should know."""
    if not path.is_file() or is_as_written(ledger, path):
        return []
    kept = _free_name(path, ".kept-", 1)
    try:
        path.rename(kept)
    except OSError:
        return []
    return [
        _("{path} was changed since it was written, so it was kept as {kept}.").format(path=path, kept=kept)
    ]


def _tables(output: _Output) -> Iterator[RetryTable]:
    for given, rows in output.beside():
        yield RetryTable(
            given.sheet.name,
            tuple(undefuse(header) for header in given.sheet.headers),
            _rows_to_mend(rows),
        )


def _rows_to_mend(rows: Iterable[tuple[Row, ResultRow | None]]) -> Iterator[RetryRow]:
    for row, result in rows:
        if result and result.outcome in TO_MEND:
            yield RetryRow(
                tuple(undefuse(cell) for cell in row.cells),
                result.outcome,
                _what_is_wrong(result),
                _rest_of(row),
            )


def _rest_of(row: Row) -> tuple[str, ...]:
    """Return what keeps a row from being sent as it is where its cells alone no longer show what is wrong.

    A cell that showed an error is empty in a copy, and what was cut at a wrong place looks sound.
    """
    if not row.problems:
        return ()
    return tuple(undefuse(cell) for cell in row.rest) if any(row.rest) else (CLEAR_THIS,)


def _what_is_wrong(result: ResultRow) -> str:
    return result.error.message if result.error else _("the run stopped before this row")


def _with_results(given: Input, results: Iterator[ResultRow]) -> Iterator[tuple[Row, ResultRow | None]]:
    """Yield the rows of a sheet, walking through its results beside it."""
    for rows in given.sheet.chunks():
        for row in rows:
            result = next(results, None)
            if result and not _is_of(given, row, result):
                raise _changed(given.sheet.source)
            yield row, result


def _is_of(given: Input, row: Row, result: ResultRow) -> bool:
    """Tell whether a result is that of a row."""
    if (result.place.sheet, result.place.row) != (given.sheet.name, row.place.row):
        return False
    # Of a file that was sorted or mended meanwhile, the numbers of the rows are still the same.
    shown = row.cells[given.mapping.customer_id.index]
    return shown == result.customer_id or given.mapping.lead(row).customer_id == result.customer_id


def _stamp(source: str) -> tuple[int, int]:
    stamp = stamp_of(Path(source))
    if stamp is None:
        raise _changed(source)
    return stamp


def _changed(source: str) -> SheetError:
    return SheetError(
        _(
            "{source} is no longer what was imported, or other sheets or columns of it are "
            "chosen. Import it again."
        ).format(source=source)
    )


def rewrite_results(source: str, settings: Settings) -> tuple[list[Path], list[str]]:
    """Write the results of a file again, as the ledger has them now; return the files and what to know.

    Raises :class:`UsageError` if the ledger knows of no run with this file, or it was moved to the archive.
    """
    path = settings.ledger_path()
    refuse_bad_places([source], settings.results, None, path)
    if not path.exists():
        # To open it would make an empty one, and a misspelt --ledger would leave it behind.
        raise _unknown(source, path)
    with SqliteLedger(path) as ledger:
        refuse_moved(source, ledger.moved_to(path_of(source)), "results")
        run = ledger.last_run(path_of(source))
        if run is None:
            raise _unknown(source, path)
        kept = [] if is_of_program(source) else _keep_what_was_mended(source, [source], settings, ledger)
        inputs: Sequence[Input] = []
        notices: list[str] = []
        refused: UsageError | None = None
        readable = source != STANDARD_INPUT and not is_of_program(source)
        if readable:
            try:
                inputs, notices = open_inputs([source], Selection.of(settings))
            except UsageError as error:
                refused = error
        output = _Output(source, [source], settings, ledger, run, inputs)
        results, told = _write_results(output)
        note_written(ledger, [results])
        notices += told
        if not readable:
            return [results], [*kept, *told]
        try:
            if refused:
                raise refused
            retry, more = _write_retry(output)
            note_written(ledger, retry)
        except UsageError as error:
            return [results], [
                *kept,
                *told,
                _("The rows to mend were not written again. {error}").format(error=error),
            ]
        return [results, *retry], [*kept, *notices, *more]


def _unknown(source: str, ledger: Path) -> SheetError:
    return SheetError(
        _(
            "The ledger {ledger} knows of no run with {source}. Import it first, or name the "
            "ledger that was used with --ledger."
        ).format(ledger=ledger, source=source)
    )
