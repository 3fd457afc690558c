"""A workbook as a package of parts, relationships and content types (ECMA-376 part 2, OPC).

Small parts are read and written as bytes, large ones as streams. What is not changed is copied byte for byte,
and a part that no relationship leads to any more is left out, with its content type.
"""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Callable, Iterator, Sequence, Set
from dataclasses import dataclass, replace
from functools import cached_property
from typing import IO

from importer import ooxml
from importer.errors import UnusualWorkbookError
from importer.language import _
from importer.ooxml import Relationship, relationships_in, relationships_part, sheets_in
from importer.results.workbook import markup
from importer.results.workbook.parts import Parts, PartStream

CONTENT_TYPES = "[Content_Types].xml"
_MAIN_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"
_MAIN_WITH_MACROS = "application/vnd.ms-excel.sheet.macroEnabled.main+xml"
_MACRO_TYPE = "application/vnd.ms-office.vbaProject"
_PRINTER_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.printerSettings"

# The last words of relationship types whose targets are programs, or vouch for bytes that are changed here.
_NOT_KEPT = ("/vbaProject", "/vbaProjectSignature", "/digital-signature/origin")

# Those of sheets that are programs: of Excel 4, in its English form and in the others.
_MACRO_SHEETS = ("/xlMacrosheet", "/xlIntlMacrosheet")

# A part that is read as a whole is refused beyond this; sheets and shared strings are streamed.
PART_LIMIT = 64 << 20

# What is written together: enough to be worth a call of the compressor, little to keep in memory.
_BLOCK = 1 << 18

Pieces = Callable[[], Iterator[bytes]]
"""Makes a part while it is written, piece by piece."""


@dataclass(frozen=True, slots=True)
class SheetPart:
    """One sheet of the workbook."""

    name: str
    index: int
    """Its place among the sheets, from 0, which defined names refer to."""

    part: str
    state: str
    """``hidden`` or ``veryHidden``; empty if it is visible."""


class Package:
    """A zipped workbook, open for reading, and what its parts become."""

    def __init__(self, parts: Parts) -> None:
        """Take the parts; nothing is read before it is asked for."""
        self._parts = parts
        self._relationships: dict[str, Sequence[Relationship]] = {}
        self.changes: dict[str, bytes | Pieces] = {}
        """Parts that are other ones in what is written, in the order in which they are written last."""

        self.forgets_unused = False
        """Whether parts that no relationship ever led to are left out, too. No spreadsheet opens them."""

    def has(self, part: str) -> bool:
        """Tell whether there is a part of this name."""
        return self._parts.has(part)

    def open(self, part: str) -> PartStream:
        """Open a part as it was for reading."""
        return self._parts.open(part)

    def read(self, part: str) -> bytes:
        """Return a part as it is by now, if that is bytes, else as it was."""
        changed = self.changes.get(part)
        if isinstance(changed, bytes):
            return changed
        with self.open(part) as stream:
            xml = stream.read(PART_LIMIT + 1)
        if len(xml) > PART_LIMIT:
            raise UnusualWorkbookError(_("its part {part} is too large").format(part=part))
        return xml

    def relationships(self, part: str) -> Sequence[Relationship]:
        """Return where `part` leads to; the name of the package itself is empty."""
        if part not in self._relationships:
            self._relationships[part] = self._read_relationships(part)
        return self._relationships[part]

    def _read_relationships(self, part: str) -> Sequence[Relationship]:
        rels = self._parts.named(relationships_part(part))
        if not self.has(rels):
            return []
        xml = self.read(rels)
        markup.refuse_other_markup(xml[markup.after_declaration(xml) :])
        return [
            replace(known, target=self._parts.named(known.target)) for known in relationships_in(xml, part)
        ]

    def targets(self, part: str, kind: str) -> list[str]:
        """Return the parts that `part` leads to with relationships whose type ends in `kind`."""
        return [known.target for known in self.relationships(part) if known.kind.endswith(kind)]

    def drop_relationships(self, part: str, unwanted: Callable[[Relationship], bool]) -> None:
        """Take out the relationships of `part` that are `unwanted`."""
        dropped = {known.identifier for known in self.relationships(part) if unwanted(known)}
        if not dropped:
            return
        rels = self._parts.named(relationships_part(part))
        xml = self.read(rels)
        self.changes[rels] = markup.patched(
            xml,
            [
                (element.start, element.end, b"")
                for element in markup.elements(xml, b"Relationship")
                if ooxml.attribute(element.tag(xml), b"Id") in dropped
            ],
        )
        del self._relationships[part]

    @cached_property
    def workbook(self) -> str:
        """The name of the part that lists the sheets."""
        for part in self.targets("", "/officeDocument"):
            if self.has(part):
                return part
        raise UnusualWorkbookError(_("it has no list of sheets"))

    @cached_property
    def sheets(self) -> Sequence[SheetPart]:
        """The sheets, in the order of their tabs; :class:`UnusualWorkbookError` if one is a program."""
        if any(known.kind.endswith(_MACRO_SHEETS) for known in self.relationships(self.workbook)):
            raise UnusualWorkbookError(_("it has sheets of macros, as Excel 4 had them"))
        xml = self.read(self.workbook)
        targets = {known.identifier: known.target for known in self.relationships(self.workbook)}
        found = markup.first(xml, b"sheets")
        return [
            SheetPart(entry.name, index, targets.get(entry.relationship, ""), entry.state)
            for index, entry in enumerate(sheets_in(found.inner(xml) if found else b""))
        ]

    def only_part(self, kind: str) -> str | None:
        """Return the part that the workbook leads to with this `kind` of relationship, or None."""
        return next((part for part in self.targets(self.workbook, kind) if self.has(part)), None)

    def write(self, file: IO[bytes]) -> None:
        """Write the package as an .xlsx file: without macros and signatures, and without unused parts."""
        for part in ("", self.workbook):
            self.drop_relationships(part, lambda known: known.kind.endswith(_NOT_KEPT))
        kept = self.used()
        if not self.forgets_unused:
            kept |= self._parts.entries.keys() - Package(self._parts).used()
        content_types = self._parts.named(CONTENT_TYPES)
        types = _content_types(self.read(content_types), self._parts.entries.keys() - kept, kept)
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as target:
            # First, as spreadsheets have it: some tell a workbook from another archive by that.
            with target.open(_like(self._parts.entries[content_types]), "w") as new:
                new.write(types)
            for entry in self._parts.entries.values():
                if entry.filename in kept - {content_types} and entry.filename not in self.changes:
                    with self.open(entry.filename) as old, target.open(_like(entry), "w") as new:
                        shutil.copyfileobj(old, new, 1 << 20)
            for part, change in self.changes.items():
                if part in kept:
                    with target.open(_like(self._parts.entries[part]), "w") as new:
                        for block in [change] if isinstance(change, bytes) else _blocks(change()):
                            new.write(block)

    def used(self) -> set[str]:
        """Return the parts that relationships lead to by now, from the package itself on."""
        seen: set[str] = {self._parts.named(CONTENT_TYPES)}
        waiting = [""]
        while waiting:
            part = waiting.pop()
            if part not in seen and (not part or self.has(part)):
                seen |= {part, self._parts.named(relationships_part(part))}
                waiting += [known.target for known in self.relationships(part)]
        return seen


def _blocks(pieces: Iterator[bytes]) -> Iterator[bytes]:
    gathered: list[bytes] = []
    size = 0
    for piece in pieces:
        gathered.append(piece)
        size += len(piece)
        if size >= _BLOCK:
            yield b"".join(gathered)
            gathered, size = [], 0
    yield b"".join(gathered)


def _like(entry: zipfile.ZipInfo) -> zipfile.ZipInfo:
    """Return an entry of the same name and time, to be packed anew."""
    new = zipfile.ZipInfo(entry.filename, entry.date_time)
    new.compress_type = zipfile.ZIP_DEFLATED
    new.external_attr = entry.external_attr
    # The size is not known before, and decides about the form of the directory (ZIP64). Outcomes may be
    # longer than the leads that they stand beside.
    new.file_size = 4 * entry.file_size
    return new


def _content_types(xml: bytes, gone: Set[str], kept: Set[str]) -> bytes:
    changes: list[tuple[int, int, bytes]] = []
    gone = {name.casefold() for name in gone}
    for element in markup.elements(xml, b"Override"):
        tag = element.tag(xml)
        part = (ooxml.attribute(tag, b"PartName") or "").lstrip("/")
        if part.casefold() in gone:
            changes.append((element.start, element.end, b""))
        elif ooxml.attribute(tag, b"ContentType") == _MAIN_WITH_MACROS:
            changes.append((element.start, element.opened, _typed(tag, _MAIN_TYPE)))
    for element in markup.elements(xml, b"Default"):
        tag = element.tag(xml)
        if ooxml.attribute(tag, b"ContentType") == _MACRO_TYPE:
            others = any(name.casefold().endswith(".bin") for name in kept)
            new = _typed(tag, _PRINTER_TYPE) if others else b""
            changes.append((element.start, element.end, new))
        elif ooxml.attribute(tag, b"ContentType") == _MAIN_WITH_MACROS:
            changes.append((element.start, element.opened, _typed(tag, _MAIN_TYPE)))
    return markup.patched(xml, changes)


def _typed(tag: bytes, kind: str) -> bytes:
    return markup.with_attribute(tag, b"ContentType", kind)
