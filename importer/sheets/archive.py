"""Zipped workbooks before a reader unpacks them: no bomb, not damaged, of the kind that the name says.

The reader of workbooks gives a cell that shows an error as an empty one; so that such a cell is not taken for
empty, the sheets of ``.xlsx`` and ``.xlsm`` are looked through here for cells of type ``e`` (ECMA-376 part 1,
section 18.18.11). The other kinds of workbook do not tell, so there an error reads as an empty cell.
"""

from __future__ import annotations

import posixpath
import re
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import IO

from importer.errors import SheetError
from importer.sheets import files

# Beyond these a file was made to fill the memory, not to be read; the reader holds a whole sheet in memory.
UNPACKED_LIMIT = 2 << 30
RATIO_LIMIT = 250
RATIO_COUNTS_FROM = 64 << 20
ENTRY_LIMIT = 10_000

# The reader makes room for every cell between the first and the last one, some 32 bytes each.
AREA_LIMIT = 1 << 26

_BLOCK = 1 << 20

_FAMILIES = {
    "xl/workbook.xml": (".xlsx", ".xlsm"),
    "xl/workbook.bin": (".xlsb",),
    "content.xml": (".ods",),
    "word/document.xml": (".docx",),
    "ppt/presentation.xml": (".pptx",),
}

_SHEETS = "xl/worksheets/"
_ERROR_CELL = re.compile(rb"""<(?:\w+:)?c(\s[^<>]*\bt=["']e["'][^<>]*)>""")
_REFERENCE = re.compile(rb"""\sr=["']([A-Z]{1,3})(\d{1,7})["']""")
_SHEET = re.compile(rb"""<(?:\w+:)?sheet\s[^<>]*:id=["']([^"']*)["']""")
_RELATIONSHIP = re.compile(rb"<(?:\w+:)?Relationship\s([^<>]*)>")
_TARGET = re.compile(rb"""\bTarget=["']([^"']*)["']""")
_ID = re.compile(rb"""\bId=["']([^"']*)["']""")

Errors = frozenset[tuple[int, int]]
"""Where the cells are that show an error: row and column, both from 0."""


@dataclass(frozen=True, slots=True)
class Archive:
    """What is known of a zipped workbook."""

    errors: Mapping[str, Errors]
    """By the name of the part that holds the sheet; none without an error."""

    parts: tuple[str, ...] = ()
    """The parts of the sheets, in the order of the workbook."""

    def errors_of(self, index: int) -> Errors:
        """Return where the sheet with this `index` shows errors."""
        return self.errors.get(self.parts[index], Errors()) if index < len(self.parts) else Errors()


def inspect(original: files.Original) -> Archive:
    """Look through the zipped workbook `original`.

    Raises :class:`SheetError` if it is damaged, unpacks to more than a workbook does, or is of another kind.
    """
    try:
        with original.open() as stream, zipfile.ZipFile(stream) as archive:
            entries = archive.infolist()
            _refuse_bomb(original, entries)
            _refuse_other_kind(original, {entry.filename for entry in entries})
            return Archive(_read_through(original, archive, entries), _parts(archive))
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError) as error:
        raise SheetError(
            f"{original.source} is damaged: it cannot be unpacked ({error}). Get it again, or open it in a "
            "spreadsheet and save it anew."
        ) from error
    except OSError as error:
        raise files.unreadable(original.source, error) from error


def _refuse_bomb(original: files.Original, entries: list[zipfile.ZipInfo]) -> None:
    total = sum(entry.file_size for entry in entries)
    size, _ = original.stamp
    if (
        len(entries) > ENTRY_LIMIT
        or total > UNPACKED_LIMIT
        or (total > RATIO_COUNTS_FROM and total > RATIO_LIMIT * size)
    ):
        raise SheetError(
            f"{original.source} unpacks to {len(entries):,} parts of {total >> 20:,} MiB together, which no "
            "workbook of leads does. Check where it comes from; if it is right, save it as CSV UTF-8."
        )


def _refuse_other_kind(original: files.Original, names: set[str]) -> None:
    suffix = files.suffix_of(original.source)
    kinds = [suffixes for name, suffixes in _FAMILIES.items() if name in names]
    if kinds and not any(suffix in suffixes for suffixes in kinds):
        raise files.mislabelled(original.source, f"a {kinds[0][0]} file")
    if not kinds:
        raise files.mislabelled(original.source, "an archive (zip) without a workbook in it")


def _read_through(
    original: files.Original, archive: zipfile.ZipFile, entries: list[zipfile.ZipInfo]
) -> dict[str, Errors]:
    # Reading to the end lets zipfile compare each size and checksum with what the directory claims.
    errors = {}
    for entry in entries:
        with archive.open(entry) as part:
            found: set[tuple[int, int]] = set()
            rows, widest = 0, b""
            for data in _whole_tags(part):
                if entry.filename.startswith(_SHEETS):
                    references = _REFERENCE.findall(data)
                    rows = max(rows, max((int(row) for _, row in references), default=0))
                    widest = max(widest, max((letters.rjust(3) for letters, _ in references), default=b""))
                    found.update(_error_cells(data))
        if rows * (_column_number(widest.strip()) + 1) > AREA_LIMIT:
            raise SheetError(
                f"{original.source} has a cell as far out as {widest.strip().decode()}{rows}, and the "
                "empty ones up to it take too much memory. Delete what stands far "
                "from the leads, or save it as CSV UTF-8."
            )
        if found:
            errors[entry.filename] = Errors(found)
    return errors


def _whole_tags(part: IO[bytes]) -> Iterator[bytes]:
    rest = b""
    while data := part.read(_BLOCK):
        data = rest + data
        opened = data.rfind(b"<")
        rest = data[opened:] if opened >= 0 and b">" not in data[opened:] else b""
        yield data


def _error_cells(data: bytes) -> Iterator[tuple[int, int]]:
    if b't="e"' in data or b"t='e'" in data:
        for cell in _ERROR_CELL.finditer(data):
            if reference := _REFERENCE.search(cell[1]):
                yield int(reference[2]) - 1, _column_number(reference[1])


def _column_number(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - ord("A") + 1
    return number - 1


def _parts(archive: zipfile.ZipFile) -> tuple[str, ...]:
    try:
        sheets = _SHEET.findall(archive.read("xl/workbook.xml"))
        relationships = archive.read("xl/_rels/workbook.xml.rels")
    except KeyError:
        return ()
    targets = {}
    for attributes in _RELATIONSHIP.findall(relationships):
        identifier, target = _ID.search(attributes), _TARGET.search(attributes)
        if identifier and target:
            targets[identifier[1]] = posixpath.join("/xl", target[1].decode()).removeprefix("/")
    return tuple(targets.get(identifier, "") for identifier in sheets)
