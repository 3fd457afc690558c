"""Bytes to text, block by block: unpacking and decoding, strict, with a person's words for what is wrong.

A byte order mark decides the encoding, else the person does, else the text is UTF-8. Only if it is not is its
encoding looked for, and then taken only on strong evidence, and told (:mod:`importer.sheets.encodings`).
"""

from __future__ import annotations

import codecs
import gzip
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import chain
from typing import BinaryIO, cast

from importer.errors import SheetError
from importer.language import _, in_figures, one_of
from importer.sheets import encodings, files
from importer.sheets.records import Grammar, find_delimiter

# Bytes that are decoded at once: enough rows for pandas to be worth its call, little memory.
BLOCK = 1 << 17

# Beyond these a file was made to fill the memory or the disk, not to be read.
UNPACKED_LIMIT = 8 << 30
RATIO_LIMIT = 250
RATIO_COUNTS_FROM = 64 << 20
LINE_LIMIT = 16 << 20

_BYTE_ORDER_MARK = "\ufeff"
_MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))


class FaultError(SheetError):
    """Something in the text keeps all of it from being read."""

    def __init__(self, message: str, before: str = "") -> None:
        super().__init__(message)
        self.before = before
        """The text before it that was not handed out yet."""


class DecodingError(FaultError):
    """A byte is no text in the encoding."""


@dataclass(frozen=True, slots=True)
class TextStream:
    """The text of a file, which can be read any number of times."""

    original: files.Original
    packed: bool
    encoding: str
    found: bool = False
    """Whether the encoding was found by the words of the text, and not given."""

    def blocks(self) -> Iterator[str]:
        """Yield the text without its byte order mark.

        Raises :class:`SheetError` for bytes that cannot be unpacked or decoded.
        """
        decoder = encodings.find_codec(self.encoding)[1]()
        offset = 0
        begun = False
        for data in chain(_unpacked(self.original, packed=self.packed), (b"",)):
            state = decoder.getstate()
            try:
                text = decoder.decode(data, final=not data)
            except UnicodeDecodeError as error:
                decoder.setstate(state)
                sound = error.start - len(state[0])
                found = _(", as the rest of it seems to be") if self.found else ""
                raise DecodingError(
                    _(
                        "byte {offset} is no text in {encoding}{found}; save the file as CSV UTF-8, or say "
                        "which encoding it has: --encoding NAME"
                    ).format(offset=offset + sound, encoding=self.encoding, found=found),
                    decoder.decode(data[: max(sound, 0)]),
                ) from error
            except UnicodeError as error:
                raise FaultError(
                    _("{error}; name the byte order, for example --encoding utf-16-le").format(error=error)
                ) from error
            offset += len(data)
            if text:
                yield text if begun else text.removeprefix(_BYTE_ORDER_MARK)
                begun = True

    def check(self) -> int:
        """Read everything once, and return how many lines there are. Raises :class:`FaultError`."""
        line_feeds = carriage_returns = 0
        last = "\n"
        for block in self._checked():
            line_feeds += block.count("\n")
            carriage_returns += block.count("\r")
            last = block[-1:] or last
        return max(line_feeds, carriage_returns) + (last not in "\r\n")

    def located(self, fault: FaultError) -> SheetError:
        """Return the error that says in which row the `fault` is that :meth:`check` raised."""
        delimiter = find_delimiter(next(self._until_fault()), "")
        batches = Grammar(delimiter).batches(self._until_fault())
        row = sum(len(batch.records) for batch in batches)
        return SheetError(
            _("{source}, row {row}: {fault}.").format(source=self.original.source, row=row, fault=fault)
        )

    def evidence(self) -> encodings.Evidence:
        """Read as much as it takes to say which encoding the text is in."""
        return encodings.weigh(_unpacked(self.original, packed=self.packed))

    def _checked(self) -> Iterator[str]:
        line = 0
        for block in self.blocks():
            nul = block.find("\0")
            if nul >= 0:
                raise FaultError(
                    _(
                        "there are NUL bytes, so this is no text in {encoding} but perhaps UTF-16 without a "
                        "byte order mark; try --encoding {name}, or save the file as CSV UTF-8"
                    ).format(encoding=self.encoding, name=self._utf_16()),
                    block[:nul],
                )
            line_end = max(block.rfind("\n"), block.rfind("\r"))
            line = len(block) - line_end - 1 + (line if line_end < 0 else 0)
            if line > LINE_LIMIT:
                raise FaultError(
                    _(
                        "the line has more than {most} signs, so this is no table; check what was exported"
                    ).format(most=in_figures(LINE_LIMIT))
                )
            yield block

    def _until_fault(self) -> Iterator[str]:
        try:
            yield from self._checked()
        except FaultError as fault:
            # One sign stands for the fault itself, which may be the first of its row.
            yield f"{fault.before}\ufffd"

    def _utf_16(self) -> str:
        return "utf-16-be" if self.original.head(1) == b"\0" else "utf-16-le"


def open_stream(original: files.Original, encoding: str | None) -> tuple[TextStream, int, list[str]]:
    """Return the text of `original`, checked to the end, its lines, and what the person should know about it.

    Raises :class:`SheetError` for what is no text, or in another encoding than `encoding`.
    """
    source = original.source
    head = original.head()
    named = files.is_packed(source)
    packed = head.startswith(files.GZIP) and (named or source == files.STANDARD_INPUT)
    if named and not packed:
        raise SheetError(
            _("{source} is not packed with gzip, though its name says so. Rename it without .gz.").format(
                source=source
            )
        )
    if packed:
        head = next(_unpacked(original, packed=True), b"")
    if content := files.content_of(head):
        raise files.mislabelled(source, content)
    asked = _codec(encoding) if encoding is not None else "utf-8"
    marked = next((name for mark, name in _MARKS if head.startswith(mark)), "")
    notices = []
    if marked and encoding is not None and not asked.startswith(marked):
        notices.append(
            _(
                "{source} begins with the byte order mark of {marked}, so --encoding {encoding} was not used"
            ).format(source=source, marked=marked.upper(), encoding=encoding)
        )
    stream = TextStream(original, packed, marked or asked)
    try:
        return stream, stream.check(), notices
    except DecodingError as fault:
        if encoding is not None or marked:
            raise stream.located(fault) from fault
        return _in_another_encoding(stream, fault)
    except FaultError as fault:
        raise stream.located(fault) from fault


def _in_another_encoding(stream: TextStream, fault: DecodingError) -> tuple[TextStream, int, list[str]]:
    """Return what :func:`open_stream` does, for a text that is not in UTF-8, as the `fault` says."""
    evidence = stream.evidence()
    if not evidence.chosen:
        raise stream.located(FaultError(f"{fault}{_hint(evidence)}")) from fault
    found = replace(stream, encoding=evidence.chosen, found=True)
    notice = _(
        "{source} is not in UTF-8 and is read as {chosen}, in which {syllables} of its "
        "{words} words with marks are Vietnamese; --encoding NAME says otherwise"
    ).format(
        source=stream.original.source,
        chosen=evidence.chosen,
        syllables=in_figures(evidence.syllables),
        words=in_figures(evidence.words),
    )
    try:
        return found, found.check(), [notice]
    except FaultError as other:
        raise found.located(other) from other


def _hint(evidence: encodings.Evidence) -> str:
    if evidence.sound:
        return _(", if it has but one: some of its words are UTF-8, so it may be damaged or mixed here")
    if evidence.likely:
        return _(", most likely {options}").format(
            options=one_of(f"--encoding {name}" for name in evidence.likely)
        )
    return _(", for example --encoding windows-1258")


def _codec(encoding: str) -> str:
    try:
        return encodings.find_codec(encoding)[0]
    except (LookupError, ValueError) as error:
        raise SheetError(
            _(
                "--encoding {encoding}: there is no such encoding. Name one such as utf-8, utf-16, "
                "windows-1258, tcvn3 or vni."
            ).format(encoding=encoding)
        ) from error


def _unpacked(original: files.Original, *, packed: bool) -> Iterator[bytes]:
    total = 0
    try:
        with original.open() as stream, gzip.open(stream) if packed else stream as plain:
            content = cast("BinaryIO", plain)
            while data := content.read(BLOCK):
                total += len(data)
                if packed:
                    _refuse_bomb(original, total)
                yield data
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise SheetError(
            _("{source} is damaged: it cannot be unpacked ({error}). Get it again.").format(
                source=original.source, error=error
            )
        ) from error
    except OSError as error:
        raise files.unreadable(original.source, error) from error


def _refuse_bomb(original: files.Original, total: int) -> None:
    size, _changed_at = original.stamp
    if total > UNPACKED_LIMIT or (total > RATIO_COUNTS_FROM and total > RATIO_LIMIT * size):
        raise SheetError(
            _(
                "{source} unpacks to more than {total} MiB, which no sheet of leads does. Check "
                "where it comes from; if it is right, unpack it and give it in parts."
            ).format(source=original.source, total=in_figures(total >> 20))
        )
