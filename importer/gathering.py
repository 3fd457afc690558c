"""Which files are meant: those that a person named, and those in a folder or of a pattern that are complete.

A file that was named is taken as it is, and whatever is wrong with it stops the work. A file that was found
in a folder, or because it fits a pattern, is one of many that others put there: it must be of a kind that is
read, none that the importer wrote itself, and complete. One that is still being written is left for the next
run.

It is looked at twice, and whoever calls waits in between (:func:`gather`, :meth:`Gathering.settled`)::

    gathering = gather(["inbox/"])
    pause(gathering.seconds_to_wait(clock()))
    files = gathering.settled(clock()).files
"""

from __future__ import annotations

import glob
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from importer.disks import stamp_of
from importer.errors import SheetError
from importer.language import _
from importer.sheets import STANDARD_INPUT, is_workbook
from importer.sources import is_of_program

LOOK_AGAIN_SECONDS = 3.0
"""How far the two looks are apart: Samba shows a write up to two seconds later than it was made."""

YOUNG_SECONDS = 60.0
"""A file that was not changed for so long is not being written any more; its clock may be another one."""

LONG_SECONDS = 24 * 3600.0
"""What was left for so long will not be complete by itself: a person must be told, as of a damaged file."""

PARTIAL_ENDINGS = (".part", ".tmp", ".crdownload", ".filepart")
"""What browsers and file transfers append to the name of a file until it is complete."""

# `leads.results.csv`, `leads.results-2.csv`, `leads.retry.kept-1.xlsx`, `leads.updated.csv` …
_OWN = re.compile(r"\.(?:results|retry|updated)(?:-\d+|\.kept-\d+)*\.(?:csv|jsonl|xlsx)\Z", re.IGNORECASE)

_RETRY = re.compile(r"(?P<leads>.+)\.retry(?:\.kept-\d+)*\.(?:csv|xlsx)\Z", re.IGNORECASE)

# Brackets alone make no pattern, since browsers put them into names: `leads[1].csv`.
_WILDCARDS = re.compile(r"[*?]")


@dataclass(slots=True)
class Gathered:
    """The files to read."""

    files: list[str] = field(default_factory=list)
    """As named, or the folder's name before that of the file; sorted within a folder or pattern."""

    found: set[str] = field(default_factory=set)
    """Those of `files` that came from a folder or pattern."""

    left: list[str] = field(default_factory=list)
    """What was found, and is left for the next run since it is not complete."""

    stuck: list[SheetError] = field(default_factory=list)
    """What to say of files that have been left for longer than :data:`LONG_SECONDS`."""

    notices: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Candidate:
    path: Path
    stamp: tuple[int, int] | None
    """Its size and when it was changed, at the first look."""


@dataclass(frozen=True, slots=True)
class _Place:
    """One FILE of the command line."""

    source: str
    candidates: Sequence[_Candidate] | None
    """What was found there; None for a file that was named."""


@dataclass(frozen=True, slots=True)
class Gathering:
    """What was there at the first look."""

    _places: Sequence[_Place]

    def seconds_to_wait(self, now: float) -> float:
        """Return how long to wait before the second look: 0 if no file that may be complete is young.

        `now` is in seconds since the epoch.
        """
        changed = [
            candidate.stamp[1] / 1e9
            for candidate in self._candidates()
            if candidate.stamp and _why_incomplete(candidate.path) is None
        ]
        return LOOK_AGAIN_SECONDS if any(now - moment < YOUNG_SECONDS for moment in changed) else 0.0

    def settled(self, now: float) -> Gathered:
        """Look again, and return what is complete; `now` is in seconds since the epoch."""
        gathered = Gathered()
        named = {_path(place.source) for place in self._places if place.candidates is None}
        seen = set(named)
        for place in self._places:
            if place.candidates is None:
                gathered.files.append(place.source)
                continue
            if not place.candidates:
                gathered.notices.append(
                    _("{place}: no file of leads is there, so there was nothing to do.").format(
                        place=place.source
                    )
                )
            for candidate in place.candidates:
                if (path := _path(str(candidate.path))) not in seen:
                    seen.add(path)
                    _take(gathered, candidate, now)
        return gathered

    def _candidates(self) -> Iterator[_Candidate]:
        for place in self._places:
            yield from place.candidates or ()


def gather(sources: Sequence[str]) -> Gathering:
    """Look for the first time at what `sources` name: files, folders, and patterns such as ``inbox/*.xlsx``.

    A pattern is expanded here, too, for a shell that does not, as on Windows; a file that is really called
    so comes first. Raises :class:`SheetError` for a folder that cannot be read, or a pattern in a folder that
    is not there: a drive that was not mounted must not look like a night with nothing new.
    """
    return Gathering([_Place(source, _found(source)) for source in sources])


def called_like_own(sources: Sequence[str]) -> list[Path]:
    """Return the complete files in the folders and patterns of `sources` passed over for their names alone.

    Raises :class:`SheetError` as :func:`gather` does.
    """
    listed = [paths for paths, with_own in filter(None, map(_listed, sources)) if not with_own]
    return sorted(
        path
        for path in {path for paths in listed for path in paths}
        if _may_be_read(path) and _OWN.search(path.name) and not _were_brought_back(path) and path.is_file()
    )


def are_rows_to_mend(path: Path) -> bool:
    """Tell whether a file is called like rows to mend."""
    return _RETRY.fullmatch(path.name) is not None


def _found(source: str) -> list[_Candidate] | None:
    listed = _listed(source)
    if listed is None:
        return None
    paths, with_own = listed
    return _candidates(paths, with_own=with_own)


def _listed(source: str) -> tuple[list[Path], bool] | None:
    """Return what is in a folder or fits a pattern, and whether it asks for the importer's own files.

    None for what names one file.
    """
    if source == STANDARD_INPUT or is_of_program(source):
        return None
    path = Path(source)
    try:
        if path.is_dir():
            return list(path.iterdir()), False
    except OSError as error:
        raise SheetError(
            _("The folder {folder} cannot be read ({reason}). Check who may read it.").format(
                folder=source, reason=error.strerror or error
            )
        ) from error
    if not _WILDCARDS.search(source) or path.exists():
        return None
    folder = _fixed_folder(path)
    if not folder.is_dir():
        raise SheetError(
            _(
                "{pattern}: there is no folder {folder}. Check its spelling, and that its drive is there."
            ).format(pattern=source, folder=folder)
        )
    asked_for = [Path(name) for name in glob.glob(source, recursive=True)]  # noqa: PTH207 - takes any path
    return asked_for, _OWN.search(path.name) is not None


def _fixed_folder(pattern: Path) -> Path:
    """Return the folder above the first part of `pattern` that has a wildcard."""
    folder = pattern
    while _WILDCARDS.search(str(folder)):
        folder = folder.parent
    return folder


def _candidates(paths: Iterable[Path], *, with_own: bool) -> list[_Candidate]:
    """Return what may be files of leads, sorted; those that the importer wrote only if asked for."""
    return [
        _Candidate(path, stamp_of(path))
        for path in sorted(paths)
        if _may_be_read(path)
        and (with_own or not _OWN.search(_complete_name(path.name)) or _were_brought_back(path))
        and path.is_file()
    ]


def _were_brought_back(path: Path) -> bool:
    """Tell whether rows to mend were put there by a person: the importer writes them beside their leads."""
    rows = _RETRY.fullmatch(_complete_name(path.name))
    if rows is None:
        return False
    leads = rows["leads"]
    return not any(
        other.name == leads or (other.name.startswith(f"{leads}.") and not _OWN.search(other.name))
        for other in path.parent.iterdir()
        if other.name != path.name
    )


def _complete_name(name: str) -> str:
    """Return what a file will be called once it is complete."""
    ending = next((ending for ending in PARTIAL_ENDINGS if name.lower().endswith(ending)), "")
    return name[: len(name) - len(ending)]


def _may_be_read(path: Path) -> bool:
    """Tell whether a file is of a kind that is read once it is complete, and none that a program hides."""
    if path.name.startswith((".", "~$")):
        return False
    try:
        is_workbook(_complete_name(path.name))
    except SheetError:
        return False
    return True


def _take(gathered: Gathered, candidate: _Candidate, now: float) -> None:
    """Add a file to what is complete, or to what is not; one that is gone by now is neither."""
    source = str(candidate.path)
    stamp = stamp_of(candidate.path)
    if stamp is None:
        return
    if stamp != candidate.stamp:
        _leave(gathered, source, _("it is still being written."))
        return
    incomplete = _why_incomplete(candidate.path)
    if incomplete is None:
        gathered.files.append(source)
        gathered.found.add(source)
        return
    sign, why = incomplete
    changed = max(stamp[1], (stamp_of(sign) or stamp)[1]) / 1e9
    if now - changed <= LONG_SECONDS:
        _leave(gathered, source, why)
        return
    moment = datetime.fromtimestamp(changed, UTC).strftime("%Y-%m-%d %H:%M UTC")
    gathered.stuck.append(
        SheetError(
            _("{file} was left again, and nothing has changed since {moment}: {why}").format(
                file=source, moment=moment, why=why
            )
        )
    )


def _leave(gathered: Gathered, source: str, why: str) -> None:
    gathered.left.append(source)
    gathered.notices.append(_("{file} was left for the next run: {why}").format(file=source, why=why))


def _why_incomplete(path: Path) -> tuple[Path, str] | None:
    """Return the file that shows that the one at `path` is not complete, and what it says; None if it is."""
    if _complete_name(path.name) != path.name:
        return path, _("its transfer has not ended; start that again if it was broken off.")
    for ending in PARTIAL_ENDINGS:
        if (part := path.with_name(path.name + ending)).exists():
            return part, _(
                "{part} shows that its transfer has not ended; start that again if it was broken off."
            ).format(part=part.name)
    # Excel's, and LibreOffice's.
    for name in (f"~${path.name}", f".~lock.{path.name}#"):
        if (lock := path.with_name(name)).exists():
            return lock, _(
                "{lock} shows that a spreadsheet has it open; close it there, or remove that file if it is "
                "left over."
            ).format(lock=lock.name)
    return None


def _path(source: str) -> str:
    return source if source == STANDARD_INPUT else str(Path(source).resolve())
