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
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain, count
from pathlib import Path

from importer.disks import stamp_of
from importer.errors import ResultsError, UsageError
from importer.file_stamps import note_written
from importer.intake import path_of
from importer.language import _
from importer.ledger import Ledger
from importer.model import OutcomeName
from importer.places import stem_of
from importer.report import ImportReport
from importer.results.replacing import in_place_of
from importer.sheets import STANDARD_INPUT

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


def strange_results(archive: Path, ledger: Ledger) -> Path | None:
    """Return the newest results in `archive` if the ledger has not written any under that name, else None.

    Beside files that come with a new name every night, no results tell that a ledger is lost; these do.
    """
    stamps = {path: stamp for path in archive.glob("*.results*") if (stamp := stamp_of(path))}
    newest = max(stamps, key=lambda path: stamps[path][1], default=None)
    if newest is None or ledger.stamp_written(str(newest.resolve())) is not None:
        return None
    return newest


def archive_files(
    report: ImportReport,
    run: int,
    ledger: Ledger,
    archive: Path,
    stamps: Mapping[str, tuple[int, int] | None],
    today: str,
) -> None:
    """Move what is finished to `archive`, and let the report tell where it is.

    `stamps` are the sizes and times of the files when they were opened: one that was replaced meanwhile is
    for the next run. `today` marks the names of files whose own name is taken there. Raises
    :class:`ResultsError` in the end if a file could not be moved.
    """
    failures = []
    for source in _finished(report, run, ledger, archive):
        if stamp_of(Path(source)) != stamps[source]:
            report.notices.append(
                _(
                    "{file} was changed after it was read, so it was not archived; the next run reads it."
                ).format(file=source)
            )
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
                _move(path, archive / name)
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


def free_names(stem: str, names: Sequence[str], is_taken: Callable[[str], bool], today: str) -> list[str]:
    """Return `names`, which all begin with `stem`, or the first marked ones of which none is taken.

    >>> free_names("a", ["a.results.csv", "a.csv"], {"a.csv"}.__contains__, "2026-11-25")
    ['a-2026-11-25.results.csv', 'a-2026-11-25.csv']
    """
    marks: Iterator[str] = chain(["", f"-{today}"], (f"-{today}-{number}" for number in count(2)))
    marked = ([f"{stem}{mark}{name.removeprefix(stem)}" for name in names] for mark in marks)
    return next(free for free in marked if not any(map(is_taken, free)))


def _finished(report: ImportReport, run: int, ledger: Ledger, archive: Path) -> list[str]:
    files = [
        source
        for source in report.files
        # Rows to mend that were mended in the archive stay there.
        if source != STANDARD_INPUT and Path(source).parent.resolve() != archive.resolve()
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


def _move(path: Path, place: Path) -> None:
    """Move a file; what may be at `place` is never replaced. Raises :class:`OSError`."""
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
        shutil.copystat(path, place)
    try:
        path.unlink()
    except OSError:
        place.unlink()
        raise
