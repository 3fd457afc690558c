"""Text in a workbook that was typed for the fonts of old encodings, such as .VnTime or VNI-Times. Pure.

A workbook is Unicode, but such a cell holds the signs of Windows-1252 at whose codes these fonts draw
Vietnamese: ``NguyÔn`` shows as ``Nguyễn`` in them, and in no other font. Its words tell
(:mod:`importer.sheets.encodings`), for each column by itself, since people paste sheets together. A column
where any word is Vietnamese as it stands, and would not be in the old encoding, is left alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from importer.language import _
from importer.sheets.cells import tidy
from importer.sheets.encodings import find_codec, is_syllable, syllable_in, weigh, words_in
from importer.sheets.headers import ROWS_LOOKED_AT, HeaderScore

FONTS = {"tcvn3": ".VnTime", "vni": "VNI-Times"}
"""The encodings that are recognised, and a font of each."""

# So many rows say whether it is worth while to look at all of them.
_SAMPLE_ROWS = 5_000
_SHARE = 0.85

Rows = Callable[[], Iterable[Sequence[object]]]


@dataclass(frozen=True, slots=True)
class Legacy:
    """What of a sheet is in an old encoding."""

    encoding: str
    columns: frozenset[int]
    """Those that are, counted from the first cell of the rows."""

    mixed: bool
    """Whether other columns seem to be so in a part of their rows."""

    def converted(self, rows: Iterable[Sequence[object]]) -> Iterator[Sequence[object]]:
        """Yield `rows` with the text of these columns in Unicode."""
        for row in rows:
            changed = list(row)
            for column in self.columns:
                if isinstance(value := row[column], str):
                    changed[column] = _converted(value, self.encoding)
            yield changed

    def headers(self, rows: Iterable[list[str]], score: HeaderScore) -> Iterator[list[str]]:
        """Yield these texts of the converted rows, in Unicode as a whole where they then fit headers better.

        A column of phones has no text but its header, which tells too little by itself.
        """
        for row in rows:
            changed = [
                text if column in self.columns else tidy(_converted(text, self.encoding))
                for column, text in enumerate(row)
            ]
            yield changed if score(changed) > score(row) else row

    def notices(self, where: str) -> tuple[str, ...]:
        """Return what the person should know; `where` names the file and sheet."""
        font = FONTS[self.encoding]
        notices = []
        if self.columns:
            notices.append(
                _(
                    "{where}: the text of {columns} columns is typed for fonts such as {font}, and read "
                    "as {encoding}"
                ).format(where=where, columns=len(self.columns), font=font, encoding=self.encoding)
            )
        if self.mixed:
            notices.append(
                _(
                    "{where}: some text seems to be typed for fonts such as {font}, but other text in "
                    "its column is not, so all is read as it stands; convert it to Unicode first"
                ).format(where=where, font=font)
            )
        return tuple(notices)


def find_legacy(rows: Rows) -> Legacy | None:
    """Return what of the sheet with these `rows` is in an old encoding; None if nothing seems to be."""
    if (encoding := _chosen(_columns(islice(rows(), _SAMPLE_ROWS)))) is None:
        return None
    columns = _columns(rows())
    found = {at for at, column in enumerate(columns) if column.is_in(encoding)}
    mixed = any(column.seems_in(encoding) for at, column in enumerate(columns) if at not in found)
    return Legacy(encoding, frozenset(found), mixed) if found or mixed else None


def _chosen(columns: Sequence[_Column]) -> str | None:
    text = b"\n".join(word for column in columns for word in column.words)
    if not text or not any(column.seems_in(name) for column in columns for name in FONTS):
        return None
    chosen = weigh([text]).chosen
    return chosen if chosen in FONTS else None


@dataclass(frozen=True, slots=True)
class _Column:
    words: frozenset[bytes]
    """Those beyond ASCII that Windows-1252 can write."""

    other: bool
    """Whether there is Vietnamese that it cannot write, below the rows where headers may stand."""

    def seems_in(self, encoding: str) -> bool:
        return any(syllable_in(word, encoding) and not _as_it_stands(word) for word in self.words)

    def is_in(self, encoding: str) -> bool:
        rightly = {word for word in self.words if syllable_in(word, encoding)}
        return (
            not self.other
            and len(rightly) >= _SHARE * len(self.words)
            and not any(map(_as_it_stands, self.words - rightly))
            and self.seems_in(encoding)
        )


def _columns(rows: Iterable[Sequence[object]]) -> list[_Column]:
    texts: list[set[bytes]] = []
    others: list[bool] = []
    for number, row in enumerate(rows):
        for column, value in enumerate(row):
            if isinstance(value, str) and not value.isascii():
                while column >= len(texts):
                    texts.append(set())
                    others.append(False)
                if (encoded := _encoded(value)) is not None:
                    texts[column].add(encoded + b"\n")
                elif number >= ROWS_LOOKED_AT:
                    others[column] = True
    return [_Column(frozenset(words_in(text)), other) for text, other in zip(texts, others, strict=True)]


def _encoded(text: str) -> bytes | None:
    try:
        return text.encode("cp1252")
    except UnicodeEncodeError:
        return None


def _as_it_stands(word: bytes) -> bool:
    return is_syllable(word.decode("cp1252", "replace").lower())


def _converted(text: str, encoding: str) -> str:
    encoded = None if text.isascii() else _encoded(text)
    try:
        return find_codec(encoding)[1]().decode(encoded, True) if encoded else text
    except UnicodeDecodeError:
        return text
