"""Zipped workbooks before a reader unpacks them: no bomb, not damaged, of the kind that the name says.

While every part is unpacked to check it, the sheets are looked through for what the reader of workbooks does
not tell: cells that show an error, formulas without a value, numbers whose format shows zeros in front.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import IO

from importer import ooxml
from importer.errors import SheetError
from importer.language import _, in_figures
from importer.sheets import files, opendocument, xlsb, xlsx
from importer.sheets.markup import Markup

# Beyond these a file was made to fill the memory, not to be read; the reader holds a whole sheet in memory.
UNPACKED_LIMIT = 2 << 30
RATIO_LIMIT = 250
RATIO_COUNTS_FROM = 64 << 20
ENTRY_LIMIT = 10_000

# The reader makes room for every cell between the first and the last one, some 32 bytes each.
AREA_LIMIT = 1 << 26

# No sheet of Excel or LibreOffice has more (specification "Worksheet size"); a file may claim it.
ROWS, COLUMNS = 1_048_576, 16_384

_BLOCK = 1 << 20
_LONGEST = 8 * _BLOCK

_FAMILIES = {
    "xl/workbook.xml": (".xlsx", ".xlsm"),
    "xl/workbook.bin": (".xlsb",),
    "content.xml": (".ods",),
    "word/document.xml": (".docx",),
    "ppt/presentation.xml": (".pptx",),
}


@dataclass(frozen=True, slots=True)
class Archive:
    """What is known of the sheets of a zipped workbook."""

    sheets: tuple[Markup, ...]
    """In the order of the workbook."""

    def markup_of(self, index: int) -> Markup:
        """Return what the sheet with this `index` says of itself."""
        return self.sheets[index] if index < len(self.sheets) else Markup()


def inspect(original: files.Original) -> Archive:
    """Look through the zipped workbook `original`.

    Raises :class:`SheetError` if it is damaged, unpacks to more than a workbook does, or is of another kind.
    """
    try:
        with original.open() as stream, zipfile.ZipFile(stream) as archive:
            entries = archive.infolist()
            _refuse_bomb(original, entries)
            return _Inspection(original, archive).result()
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError) as error:
        raise SheetError(
            _(
                "{source} is damaged: it cannot be unpacked ({error}). Get it again, or open it in a "
                "spreadsheet and save it anew."
            ).format(source=original.source, error=error)
        ) from error
    except OSError as error:
        raise files.unreadable(original.source, error) from error


def _refuse_bomb(original: files.Original, entries: list[zipfile.ZipInfo]) -> None:
    total = sum(entry.file_size for entry in entries)
    size, _changed_at = original.stamp
    if (
        len(entries) > ENTRY_LIMIT
        or total > UNPACKED_LIMIT
        or (total > RATIO_COUNTS_FROM and total > RATIO_LIMIT * size)
    ):
        raise SheetError(
            _(
                "{source} unpacks to {count} parts of {total} MiB together, which no workbook of "
                "leads does. Check where it comes from; if it is right, save it as CSV UTF-8."
            ).format(source=original.source, count=in_figures(len(entries)), total=in_figures(total >> 20))
        )


@dataclass(frozen=True)
class _Inspection:
    original: files.Original
    archive: zipfile.ZipFile

    def result(self) -> Archive:
        names = self.names
        suffix = files.suffix_of(self.original.source)
        kinds = [suffixes for name, suffixes in _FAMILIES.items() if name in names]
        if kinds and not any(suffix in suffixes for suffixes in kinds):
            raise files.mislabelled(self.original.source, _("a {ending} file").format(ending=kinds[0][0]))
        if not kinds:
            raise files.mislabelled(self.original.source, _("an archive (zip) without a workbook in it"))
        match suffix:
            case ".ods":
                return Archive(tuple(self._opendocument()))
            case ".xlsb":
                return Archive(tuple(self._xlsb()))
            case _:
                return Archive(tuple(self._ooxml()))

    def _ooxml(self) -> Iterator[Markup]:
        formats = xlsx.formats_of(self._part(xlsx.STYLES))
        relationships = self._part(ooxml.relationships_part(xlsx.WORKBOOK))
        parts = [self._named(part) for part in xlsx.parts_of(self._part(xlsx.WORKBOOK), relationships)]
        scans = {part: xlsx.SheetScan(formats) for part in parts}
        self._read_through({part: scan.take for part, scan in scans.items()}, xlsx.CELL)
        for part, scan in scans.items():
            if scan.unusual:
                with self.archive.open(part) as stream:
                    self._refuse_area(*xlsx.extent(_pieces(stream, xlsx.CELL)))
        for part in parts:
            yield scans[part].markup

    def _xlsb(self) -> Iterator[Markup]:
        self._read_through({})
        formats = xlsb.formats_of(self._part("xl/styles.bin"))
        targets = xlsx.targets_of(xlsb.WORKBOOK, self._part(ooxml.relationships_part(xlsb.WORKBOOK)))
        for identifier in xlsb.identifiers_of(self._part(xlsb.WORKBOOK)):
            markup, extent = xlsb.scan(self._part(targets.get(identifier, "")), formats)
            self._refuse_area(*extent)
            yield markup

    def _opendocument(self) -> list[Markup]:
        scan = opendocument.ContentScan()
        self._read_through({opendocument.CONTENT: scan.take}, opendocument.ROW)
        for extent in scan.extents:
            self._refuse_area(*extent)
        return scan.sheets

    @cached_property
    def names(self) -> Mapping[str, str]:
        """The name of each part by itself without case, which tells none apart (ECMA-376 part 2, 9.1.1)."""
        return {name.casefold(): name for name in self.archive.namelist()}

    def _named(self, part: str) -> str:
        return self.names.get(part.casefold(), part)

    def _part(self, name: str) -> bytes:
        try:
            return self.archive.read(self._named(name))
        except KeyError:
            return b""

    def _read_through(
        self, takers: Mapping[str, Callable[[bytes], None]], beginnings: Sequence[bytes] = ()
    ) -> None:
        # Reading to the end lets zipfile compare each size and checksum with what the directory claims.
        for entry in self.archive.infolist():
            take = takers.get(entry.filename)
            with self.archive.open(entry) as part:
                for data in _pieces(part, beginnings if take else ()):
                    if take:
                        take(data)

    def _refuse_area(self, rows: int, columns: int) -> None:
        if rows > ROWS or columns > COLUMNS or rows * columns > AREA_LIMIT:
            raise SheetError(
                _(
                    "{source} has a cell as far out as {cell}, and the empty ones up to it take "
                    "too much memory. Delete what stands far from the leads, or save it as CSV UTF-8."
                ).format(source=self.original.source, cell=f"{ooxml.column_letters(columns)}{rows}")
            )


def _pieces(part: IO[bytes], beginnings: Sequence[bytes]) -> Iterator[bytes]:
    """Yield the content of a `part` in pieces that end where one of `beginnings` begins, if there are any."""
    rest = b""
    while data := part.read(_BLOCK):
        data = rest + data
        cut = max((data.rfind(beginning) for beginning in beginnings), default=len(data))
        # Where nothing begins for so long, there are no cells.
        cut = len(data) if cut <= 0 and len(data) > _LONGEST else max(cut, 0)
        rest = data[cut:]
        yield data[:cut]
    yield rest
