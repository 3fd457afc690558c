"""Where the files that a run writes go, decided before anything is sent.

A results file that could not be written in the end, or that would replace a file of leads, must not be found
out after an hour of sending.
"""

from __future__ import annotations

import glob
import os
import shlex
from collections import Counter
from collections.abc import Sequence, Set
from pathlib import Path

from importer.errors import UsageError
from importer.language import _
from importer.results import SUFFIXES, holds_responses
from importer.results.pages import holds_report
from importer.sheets import STANDARD_INPUT, is_packed, is_workbook
from importer.sources import is_of_program

_PAGE_SUFFIXES = (".html", ".htm")


def stem_of(source: str, sources: Sequence[str]) -> str:
    """Return the part of a file's name that its results are named after, ``stdin`` for standard input.

    Of several files in one folder that would share it, each keeps its ending.
    """
    shared = Counter((folder_of(other).resolve(), _short(other)) for other in sources)
    return Path(source).name if shared[folder_of(source).resolve(), _short(source)] > 1 else _short(source)


def _short(source: str) -> str:
    if source == STANDARD_INPUT:
        return "stdin"
    if is_of_program(source):
        # Not every system has files with a colon in their names.
        return source.replace(":", "-")
    path = Path(source)
    return Path(path.stem).stem if is_packed(source) else path.stem


def folder_of(source: str) -> Path:
    """Return the folder that the results of a file go to when nothing else is said."""
    return Path() if source == STANDARD_INPUT or is_of_program(source) else Path(source).parent


def results_path(source: str, sources: Sequence[str], given: Path | None) -> Path:
    """Return where the results of `source`, one of `sources`, go: to `given`, or beside the input."""
    return given or folder_of(source) / f"{stem_of(source, sources)}.results.csv"


def go_beside_the_leads(sources: Sequence[str], given: Path | None) -> bool:
    """Tell whether the results go into a copy of the user's own workbook: one workbook, and one asked for."""
    return (
        given is not None
        and given.suffix.casefold() == ".xlsx"
        and len(sources) == 1
        and sources[0] != STANDARD_INPUT
        and not is_of_program(sources[0])
        and is_workbook(sources[0])
    )


def other_results(source: str) -> list[Path]:
    """Return the files beside `source` that may hold results of it under another name.

    So are those that were written while a spreadsheet held the others, or together with other files.
    """
    if source == STANDARD_INPUT or is_of_program(source):
        return []
    names = {f"{glob.escape(name)}.results*" for name in (Path(source).name, _short(source))}
    found = {path for name in names for path in folder_of(source).glob(name)}
    return sorted(filter(_may_be_results, found))


def all_results(folder: Path) -> list[Path]:
    """Return the files in `folder` that may hold results, of whatever leads."""
    return sorted(filter(_may_be_results, folder.glob("*.results*")))


def _may_be_results(path: Path) -> bool:
    # A spreadsheet that has results open puts a file of its own beside them, and `*` takes that, too.
    own = not path.name.startswith((".", "~$"))
    return own and path.suffix.casefold() in SUFFIXES and path.is_file()


def retry_path(source: str, sources: Sequence[str], given: Path | None) -> Path:
    """Return where the rows of `source` that are to be mended go: beside its results."""
    folder = folder_of(source) if given is None else given.parent
    return folder / f"{stem_of(source, sources)}.retry.{'xlsx' if is_workbook(source) else 'csv'}"


def updated_path(source: str, given: Path | None) -> Path:
    """Return where the results of an update by `source` go: to `given`, or beside the input."""
    return given or folder_of(source) / f"{_short(source)}.updated.csv"


def refuse_bad_update_places(source: str, results: Path | None, summary: Path | None, ledger: Path) -> None:
    """Raise :class:`UsageError` if a file that an update is to write cannot be, or would replace another."""
    _refuse_other_suffix(results)
    outputs = [updated_path(source, results), *([summary] if summary else [])]
    _refuse_bad_outputs(outputs, [source], ledger)


def refuse_bad_export(output: Path, summary: Path | None, *, replace: bool = False) -> None:
    """Raise :class:`UsageError` if a file that an export is to write cannot be, or would replace another.

    `replace` lets `output` replace whatever is there.
    """
    if output.suffix.casefold() not in SUFFIXES:
        raise UsageError(
            _(
                "--output {path}: responses are written as {endings}. Let the file's name end in one of "
                "these."
            ).format(path=output, endings=", ".join(SUFFIXES))
        )
    if summary is not None and summary.resolve() == output.resolve():
        raise UsageError(
            _("The responses and the summary would both be {output}. Give another --summary.").format(
                output=output
            )
        )
    for path in (output, *([summary] if summary else [])):
        _refuse_bad_place(path, set())
    if not replace and _is_filled(output) and not holds_responses(output):
        raise UsageError(
            _(
                "{output} is there and holds no export of responses; it would be replaced. Name another file "
                "with -o, or replace it with --force."
            ).format(output=output)
        )


def refuse_bad_places(
    sources: Sequence[str],
    results: Path | None,
    summary: Path | None,
    ledger: Path,
    *,
    report: Path | None = None,
) -> None:
    """Raise :class:`UsageError` if a file that the run is to write cannot be, or would replace another."""
    _refuse_other_suffix(results)
    if report is not None:
        refuse_bad_page(report)
    # What a program gave has no file beside it.
    sources = [source for source in sources if not is_of_program(source)]
    # One --results has the rows of all files.
    outputs = [results] if results else [results_path(source, sources, None) for source in sources]
    outputs += [retry_path(source, sources, results) for source in sources]
    outputs += [given for given in (summary, report) if given]
    _refuse_bad_outputs(outputs, sources, ledger)


def _refuse_other_suffix(results: Path | None) -> None:
    if results is not None and results.suffix.casefold() not in SUFFIXES:
        raise UsageError(
            _(
                "--results {path}: results are written as {endings}. Let the file's name end in one of these."
            ).format(path=results, endings=", ".join(SUFFIXES))
        )


def _refuse_bad_outputs(outputs: Sequence[Path], sources: Sequence[str], ledger: Path) -> None:
    inputs = _paths(sources)
    taken = {ledger.resolve()}
    for output in outputs:
        place = output.resolve()
        if place in taken:
            raise UsageError(
                _(
                    "Two of the files that the run writes would both be {output}. Run the files one at a "
                    "time, or give other names with --results, --summary, --report and --ledger."
                ).format(output=output)
            )
        taken.add(place)
        _refuse_bad_place(output, inputs)


def refuse_bad_page(report: Path, *, replace: bool = False) -> None:
    """Raise :class:`UsageError` if the page of a report cannot be at `report`, or would replace another file.

    `replace` lets it replace whatever is there.
    """
    if report.suffix.casefold() not in _PAGE_SUFFIXES:
        raise UsageError(
            _("{path}: the report is a page of HTML. Let the file's name end in {ending}.").format(
                path=report, ending=_PAGE_SUFFIXES[0]
            )
        )
    _refuse_bad_place(report, set())
    if not replace and _is_filled(report) and not holds_report(report):
        raise UsageError(
            _(
                "{path} is there and is no report of a run; it would be replaced. Move it away, or name "
                "another file. `lead-importer report` replaces it with --force."
            ).format(path=report)
        )


def refuse_moved(source: str, place: str | None, command: str) -> None:
    """Raise :class:`UsageError` if the file named `source` was moved to `place`, for a `command` to name."""
    if place is not None:
        raise UsageError(
            _("{source} was moved to the archive. Name it there: lead-importer {command} {place}").format(
                source=source, command=command, place=shlex.quote(place)
            )
        )


def _is_filled(path: Path) -> bool:
    """Tell whether there is a file with anything in it; to replace another one loses nothing."""
    return path.is_file() and path.stat().st_size > 0


def refuse_bad_list(problems: Path, sources: Sequence[str]) -> None:
    """Raise :class:`UsageError` if the list of problems that a check is to write cannot be at `problems`."""
    if problems.suffix.casefold() not in SUFFIXES:
        raise UsageError(
            _(
                "--problems {path}: the list is written as {endings}. Let the file's name end in "
                "one of these."
            ).format(path=problems, endings=", ".join(SUFFIXES))
        )
    _refuse_bad_place(problems, _paths(sources))


def _paths(sources: Sequence[str]) -> set[Path]:
    return {Path(source).resolve() for source in sources if source != STANDARD_INPUT}


def _refuse_bad_place(output: Path, inputs: Set[Path]) -> None:
    if output.resolve() in inputs:
        raise UsageError(
            _(
                "{output} is one of the files to read, and would be replaced by what is written. "
                "Rename it, run the files one at a time, or say where the results go with --results."
            ).format(output=output)
        )
    if output.is_dir():
        raise UsageError(
            _("{output} is a directory, and a file is to be written there. Rename it.").format(output=output)
        )
    if not output.parent.is_dir():
        raise UsageError(
            _("{output} cannot be written: there is no folder {folder}. Make it.").format(
                output=output, folder=output.parent.resolve()
            )
        )
    if not os.access(output.parent, os.W_OK):
        raise UsageError(
            _(
                "{output} cannot be written: this user may not write to {folder}. Name a file in "
                "another folder."
            ).format(output=output, folder=output.parent.resolve())
        )
