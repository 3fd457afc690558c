"""How the parts of a workbook lead to each other (ECMA-376 part 2, section 9.3; part 1, 18.2.19). Pure."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass

from importer.ooxml.attributes import attribute, tags


@dataclass(frozen=True, slots=True)
class Relationship:
    """From one part to another, or to somewhere outside."""

    identifier: str
    kind: str
    """Its type, a URI; its last words tell what the target is, in the transitional and the strict form."""

    target: str
    """The name of the part; empty if it is outside of the package."""


@dataclass(frozen=True, slots=True)
class SheetEntry:
    """A sheet as the list of sheets has it."""

    name: str
    relationship: str
    """The identifier of the relationship that leads to its part."""

    state: str
    """``hidden`` or ``veryHidden``; empty if it is visible."""


def relationships_part(part: str) -> str:
    """Return the name of the part that holds the relationships of `part`; of the package, if it is empty."""
    folder, name = posixpath.split(part)
    return posixpath.join(folder, "_rels", f"{name}.rels")


def relationships_in(xml: bytes, part: str) -> list[Relationship]:
    """Return where `part` leads to, by the part `xml` that tells."""
    return [
        Relationship(
            attribute(tag, b"Id") or "",
            attribute(tag, b"Type") or "",
            "" if attribute(tag, b"TargetMode") == "External" else _resolved(part, attribute(tag, b"Target")),
        )
        for tag in tags(xml, "Relationship")
    ]


def _resolved(part: str, target: str | None) -> str:
    path = (target or "").partition("#")[0].replace("\\", "/")
    return posixpath.normpath(posixpath.join("/", posixpath.dirname(part), path)).lstrip("/") if path else ""


def sheets_in(xml: bytes) -> list[SheetEntry]:
    """Return the sheets that the main part of a workbook lists, in the order of their tabs."""
    return [
        SheetEntry(
            attribute(tag, b"name") or "",
            attribute(tag, b":id") or "",
            (attribute(tag, b"state") or "").removeprefix("visible"),
        )
        for tag in tags(xml, "sheet")
    ]
