"""What a file is, before it is read: there at all, of the kind its name says, unchanged since opened."""

from __future__ import annotations

import stat
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import BinaryIO

from importer.errors import SheetError
from importer.language import _

STANDARD_INPUT = "-"

_TEXT = (".csv", ".tsv", ".txt")
_WORKBOOKS = (".xlsx", ".xlsm", ".xls", ".xlsb", ".ods")

ZIP = b"PK\x03\x04"
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
GZIP = b"\x1f\x8b"
_PDF = b"%PDF-"


@dataclass(frozen=True, slots=True)
class Original:
    """The file that the person named, as it was when it was found."""

    source: str
    path: Path
    stamp: tuple[int, int]
    """Its size in bytes and when it was changed, in nanoseconds."""

    @classmethod
    def find(cls, source: str, path: Path) -> Original:
        """Return the file at `path`. Raises :class:`SheetError` if none is there that can be read twice."""
        try:
            status = path.stat()
        except OSError as error:
            raise unreadable(source, error) from error
        if stat.S_ISDIR(status.st_mode):
            raise SheetError(
                _("{source} is a directory. Name the files in it that are to be read.").format(source=source)
            )
        if not stat.S_ISREG(status.st_mode):
            raise SheetError(
                _("{source} is no file that can be read twice. Save it to a file, or give `-`.").format(
                    source=source
                )
            )
        if status.st_size == 0:
            raise SheetError(
                _("{source} is empty. Check that it was saved, or downloaded to the end.").format(
                    source=source
                )
            )
        return cls(source, path, (status.st_size, status.st_mtime_ns))

    def open(self) -> BinaryIO:
        """Open the file for reading bytes. Raises :class:`SheetError` if it is no longer what it was."""
        self.refuse_changed()
        try:
            return self.path.open("rb")
        except OSError as error:
            raise unreadable(self.source, error) from error

    def refuse_changed(self) -> None:
        """Raise :class:`SheetError` if the file is no longer what it was."""
        try:
            status = self.path.stat()
        except OSError as error:
            raise unreadable(self.source, error) from error
        if (status.st_size, status.st_mtime_ns) != self.stamp:
            raise SheetError(
                _(
                    "{source} was changed while it was being read. Wait until it is complete, close it "
                    "elsewhere, and start again."
                ).format(source=self.source)
            )

    def head(self, size: int = 4096) -> bytes:
        """Return the first `size` bytes."""
        with self.open() as stream:
            return stream.read(size)


def unreadable(source: str, error: OSError) -> SheetError:
    """Return the error for a file that the system does not let us read."""
    if isinstance(error, FileNotFoundError):
        return SheetError(
            _("{source} is not there. Check the spelling of its name and folder.").format(source=source)
        )
    if isinstance(error, PermissionError):
        return SheetError(
            _("{source} may not be read by this user. Ask its owner, or copy it.").format(source=source)
        )
    return SheetError(
        _("{source} cannot be read ({reason}). Check the disk or network drive.").format(
            source=source, reason=error.strerror or error
        )
    )


def suffix_of(source: str) -> str:
    """Return what the name of a file says that it is, ``.gz`` left out; ``.csv`` for standard input."""
    name = PurePath(source.lower())
    return (
        ".csv" if source == STANDARD_INPUT else (name.with_suffix("") if is_packed(source) else name).suffix
    )


def is_packed(source: str) -> bool:
    """Tell whether the name of a file says that gzip packed it."""
    return source.lower().endswith(".gz")


def is_workbook(source: str) -> bool:
    """Tell a workbook from a text file by its name. Raises :class:`SheetError` if it names neither."""
    suffix = suffix_of(source)
    if suffix in _WORKBOOKS and not is_packed(source):
        return True
    if suffix in _TEXT:
        return False
    raise SheetError(
        _(
            "{source} has no ending of a file that is read. The importer reads {text} (also with "
            ".gz) and {workbooks}; rename it, or save it as one of them."
        ).format(source=source, text=" ".join(_TEXT), workbooks=" ".join(_WORKBOOKS))
    )


def content_of(head: bytes) -> str:
    """Return what a file is whose first bytes are `head`, in words; empty if it may be text."""
    for magic, words in (
        (ZIP, _("a workbook or archive (zip)")),
        (OLE, _("an Excel 97-2003 workbook (.xls)")),
    ):
        if head.startswith(magic):
            return words
    if head.startswith(GZIP):
        return _("packed with gzip (.gz)")
    if head.startswith(_PDF):
        return _("a PDF")
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()[:9].lower()
    if start.startswith((b"<!doctype", b"<html", b"<table", b"<?xml", b"<head", b"<meta", b"<style")):
        return _("a web page or XML")
    return ""


def mislabelled(source: str, content: str) -> SheetError:
    """Return the error for a file whose bytes are something else than its name says."""
    if source == STANDARD_INPUT:
        return SheetError(
            _("Standard input is {content}, not CSV. Save it to a file and give its name.").format(
                content=content
            )
        )
    return SheetError(
        _(
            "{source} is {content}, not what its name says. Give it the right ending, or open it "
            "in a spreadsheet and save it as .xlsx or CSV UTF-8."
        ).format(source=source, content=content)
    )


def damaged(source: str) -> SheetError:
    """Return the error for a workbook that no reader makes sense of; theirs may quote what a cell holds."""
    return SheetError(
        _(
            "{source} cannot be read as a workbook, so it is damaged or incomplete. Get it "
            "again, or open it in a spreadsheet and save it as .xlsx or CSV UTF-8."
        ).format(source=source)
    )


def encrypted(source: str) -> SheetError:
    """Return the error for a workbook that asks for a password."""
    return SheetError(
        _("{source} is protected with a password. Open it in a spreadsheet and save it without.").format(
            source=source
        )
    )
