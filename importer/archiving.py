"""Finished files to the archive, with their results, so that a folder shows what is left to be done.

A file is finished when running it again as it is would change nothing: all of its rows are created, existing,
duplicates, or to be mended. What is to be mended is told once, and moves with the file: a file of the same
name that comes the next night would replace it. A file with a row that failed, was not attempted or is in
doubt stays where it is, where the next run and ``resolve`` look for it.

The results are moved first and the file last. So whenever a run is killed, the file is either in the archive
with its results, or is still there for the next run, which sends nothing of it and moves it then.
"""

from __future__ import annotations

import os
import secrets
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from contextlib import ExitStack, suppress
from itertools import chain, count
from pathlib import Path

from importer.disks import stamp_of
from importer.errors import ResultsError, UsageError
from importer.file_stamps import note_written
from importer.intake import path_of
from importer.language import _
from importer.ledger import Ledger
from importer.model import OutcomeName
from importer.places import all_results, stem_of
from importer.report import ImportReport
from importer.results.replacing import in_place_of
from importer.sheets import STANDARD_INPUT
from importer.sources import is_of_program

UNFINISHED = frozenset({OutcomeName.FAILED, OutcomeName.NOT_ATTEMPTED, OutcomeName.IN_DOUBT})
"""Outcomes that another run with the same file, or ``resolve``, may change."""


def refuse_bad_archive(archive: Path) -> None:
    """Make the folder `archive` if need be. Raises :class:`UsageError` if nothing could be moved there."""
    try:
        archive.mkdir(exist_ok=True, mode=0o700)
    except OSError as error:
        raise UsageError(
            _("--archive {folder} is no folder and cannot be made one ({reason}). Name another one.").format(
                folder=archive, reason=error.strerror or error
            )
        ) from error
    if not os.access(archive, os.W_OK):
        raise UsageError(
            _("--archive {folder}: this user may not write there. Name another folder.").format(
                folder=archive
            )
        )


def strange_results(archive: Path, ledger: Ledger) -> list[Path]:
    """Return the results in `archive` under whose names the ledger has not written any.

    Beside files that come with a new name every night, no results tell that a ledger is lost; these do. The
    newest alone would not: they may be of a night on which no lead was sent.
    """
    return [path for path in all_results(archive) if ledger.stamp_written(str(path.resolve())) is None]


def archive_files(
    report: ImportReport,
    run: int,
    ledger: Ledger,
    archive: Path,
    stamps: Mapping[str, tuple[int, int] | None],
    today: str,
    read: Set[str],
) -> None:
    """Move what is finished to `archive`, and let the report tell where it is.

    `read` are the paths of the files whose leads were all read.
    `stamps` are the sizes and times of the files when they were opened: one that was replaced meanwhile is
    for the next run. `today` marks the names of files whose own name is taken there. Raises
    :class:`ResultsError` in the end if a file could not be moved.
    """
    failures = []
    for source in _finished(report, run, ledger, archive, read):
        if stamp_of(Path(source)) != stamps[source]:
            report.notices.append(_changed(source))
            continue
        paths = [*report.written_for.get(source, ()), Path(source)]
        names = free_names(
            stem_of(source, [source]),
            [path.name for path in paths],
            lambda name: os.path.lexists(archive / name),
            today,
        )
        try:
            for path, name in zip(paths, names, strict=True):
                stamp = stamps[source] if path == Path(source) else stamp_of(path)
                if not _move(path, archive / name, stamp):
                    report.notices.append(_changed(source))
                    break
                _tell(report, ledger, source, path, archive / name)
        except OSError as error:
            failures.append(
                ResultsError(
                    _(
                        "{file} was imported and cannot be moved to {folder} ({reason}). Mend that; the next "
                        "run sends nothing of it again, and moves it."
                    ).format(file=source, folder=archive, reason=error.strerror or error)
                )
            )
    if failures:
        raise failures[0]


def _changed(source: str) -> str:
    return _("{file} was changed after it was read, so it was not archived; the next run reads it.").format(
        file=source
    )


def free_names(stem: str, names: Sequence[str], is_taken: Callable[[str], bool], today: str) -> list[str]:
    """Return `names`, which all begin with `stem`, or the first marked ones of which none is taken.

    >>> free_names("a", ["a.results.csv", "a.csv"], {"a.csv"}.__contains__, "2026-11-25")
    ['a-2026-11-25.results.csv', 'a-2026-11-25.csv']
    """
    marks: Iterator[str] = chain(["", f"-{today}"], (f"-{today}-{number}" for number in count(2)))
    marked = ([f"{stem}{mark}{name.removeprefix(stem)}" for name in names] for mark in marks)
    return next(free for free in marked if not any(map(is_taken, free)))


def _finished(report: ImportReport, run: int, ledger: Ledger, archive: Path, read: Set[str]) -> list[str]:
    files = [
        source
        for source in report.files
        # Rows to mend that were mended in the archive stay there.
        if source != STANDARD_INPUT
        and not is_of_program(source)
        and path_of(source) in read
        and Path(source).parent.resolve() != archive.resolve()
    ]
    if not any(report.totals.outcomes[outcome] for outcome in UNFINISHED):
        return files
    return [
        source
        for source in files
        if not UNFINISHED & Counter(row.outcome for row in ledger.result_rows(run, path_of(source))).keys()
    ]


def _tell(report: ImportReport, ledger: Ledger, source: str, path: Path, place: Path) -> None:
    if path == Path(source):
        report.archived[source] = place
        return
    for paths in (report.results, report.retry_files, report.files_to_mend):
        paths[:] = [place if one == path else one for one in paths]
    # So that they are known to be as they were written, there as well.
    note_written(ledger, [place])


def _move(path: Path, place: Path, stamp: tuple[int, int] | None) -> bool:
    """Move a file that has this `stamp`; what may be at `place` is never replaced.

    Return False, with everything as it was, if another file has come to `path` meanwhile. Raises
    :class:`OSError`, then too with everything as it was.
    """
    with ExitStack() as undo:
        _copy(path, place)
        undo.callback(place.unlink)
        # Under a name that nobody else writes, it is certain which file is removed.
        aside = path.with_name(f".archiving-{secrets.token_hex(8)}{path.suffix}")
        path.rename(aside)
        undo.callback(_put_back, aside, path)
        if stamp_of(aside) != stamp:
            return False
        aside.unlink()
        undo.pop_all()
    return True


def _copy(path: Path, place: Path) -> None:
    try:
        if path.is_symlink():
            # Moved, it might lead nowhere.
            raise OSError
        os.link(path, place)
    except FileExistsError:
        raise
    except OSError:
        # Another file system, or one without hard links.
        with path.open("rb") as content, in_place_of(place) as copy:
            shutil.copyfileobj(content, copy)
        # Not every file system takes times and rights.
        with suppress(OSError):
            shutil.copystat(path, place)


def _put_back(aside: Path, path: Path) -> None:
    if os.path.lexists(path):
        # Whoever put one there after it has replaced it.
        aside.unlink()
    else:
        aside.rename(path)
