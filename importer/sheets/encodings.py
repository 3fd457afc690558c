"""The legacy encodings of Vietnamese: their codecs, and how strong the evidence for one is. Pure.

Before Unicode, Vietnamese was written with fonts that draw its letters at codes of Windows-1252. Two of these
schemes live on in old files, and Python knows neither: TCVN3 (also "ABC", fonts such as .VnTime) has a byte
for each letter, VNI (fonts such as VNI-Times) mostly a vowel and a byte for its marks. Windows-1258, which
Python knows, writes most tones as combining marks.

Which of them a file is in can be told by its words: read rightly, nearly all with marks are syllables of
Vietnamese, and read wrongly, nearly none. No other language comes close, since a syllable has few forms.
"""

from __future__ import annotations

import codecs
import re
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

VIETNAMESE = ("windows-1258", "tcvn3", "vni")
"""The encodings that are recognised, under the names by which ``--encoding`` takes them."""

# What the fonts leave as Windows-1252 has it, from 0x80 on; a question mark is a code without a sign.
_TYPOGRAPHIC = "?????…???????????‘’“”•–—????????\u00a0"

# TCVN 5712:1993, character set VN3, from 0xA1 on. It has the capitals without a tone only: a font of capitals
# such as .VnTimeH shows the small letters as capitals, and what was a capital cannot be told from the bytes.
_VN3 = "ĂÂÊÔƠƯĐăâêôơưđ??????àảãáạ?ằẳẵắ???????ặầẩẫấậè?ẻẽéẹềểễếệìỉ???ĩíịò?ỏõóọồổỗốộờởỡớợù?ủũúụừửữứựỳỷỹýỵ?"
_TCVN3 = "".join(map(chr, range(0x80))) + (_TYPOGRAPHIC + _VN3).replace("?", "\ufffe")

_TONES = "\u0301\u0300\u0309\u0303\u0323"


def _vni_signs() -> dict[str, str]:
    """Return the signs of VNI for Windows (VNI Software, "VNI character set"), keyed by Windows-1252's.

    The marks are a set apart from the letters, so that their case need not be that of the vowel.
    """
    vowels = {"a": "a", "e": "e", "o": "o", "ô": "ơ", "u": "u", "ö": "ư", "y": "y"}
    letters = dict(zip("ñôöíìæóòî", "đơưíìỉĩịỵ", strict=True))
    for vowel, meant in vowels.items():
        marks = dict(zip("ùøûõï", _TONES, strict=True))
        if vowel in "aeo":
            marks |= zip("âáàåãä", ("\u0302" + tone for tone in ("", *_TONES)), strict=True)
        if vowel == "a":
            marks |= zip("êéèúüë", ("\u0306" + tone for tone in ("", *_TONES)), strict=True)
        for mark, combining in marks.items():
            letters[vowel + mark] = unicodedata.normalize("NFC", meant + combining)
    signs = {chr(0x80 + at): sign for at, sign in enumerate(_TYPOGRAPHIC) if sign != "?"}
    for code, letter in letters.items():
        for mark in (code[1:], code[1:].upper()):
            signs[code[0] + mark] = letter
            signs[code[0].upper() + mark] = letter.upper()
    return signs


_VNI = _vni_signs()
_VNI_VOWELS = "aeouyôöAEOUYÔÖ"
_VNI_MARKS = "".join({code[1] for code in _VNI if len(code) == 2})
_VNI_CODE = re.compile(f"[{_VNI_VOWELS}][{_VNI_MARKS}]|[\x80-\xff]")


class _Tcvn3Decoder(codecs.IncrementalDecoder):
    def decode(self, data: ReadableBuffer, final: bool = False) -> str:
        return codecs.charmap_decode(data, "strict", _TCVN3)[0]


class _VniDecoder(codecs.BufferedIncrementalDecoder):
    def _buffer_decode(self, data: ReadableBuffer, errors: str, final: bool) -> tuple[str, int]:
        encoded = bytes(data)
        text = encoded.decode("latin-1")
        if not final and text.endswith(tuple(_VNI_VOWELS)):
            text = text[:-1]

        def sign(code: re.Match[str]) -> str:
            if found := _VNI.get(code[0]):
                return found
            raise UnicodeDecodeError("vni", encoded, code.end() - 1, code.end(), "no sign has this code here")

        return _VNI_CODE.sub(sign, text), len(text)


_OWN: dict[str, tuple[str, Callable[[], codecs.IncrementalDecoder]]] = {
    **dict.fromkeys(("tcvn3", "abc", "tcvn3abc", "tcvn"), ("tcvn3", _Tcvn3Decoder)),
    **dict.fromkeys(("vni", "vniwin", "vniwindows"), ("vni", _VniDecoder)),
}


def find_codec(encoding: str) -> tuple[str, Callable[[], codecs.IncrementalDecoder]]:
    """Return the usual name of an `encoding`, and what makes a strict decoder of it.

    Blanks, case and punctuation do not matter. Raises :class:`LookupError` or :class:`ValueError` if there is
    no such encoding of text.
    """
    if own := _OWN.get(re.sub(r"[\W_]", "", encoding.lower())):
        return own
    # Encoding nothing tells an encoding of text from the other codecs, such as base64.
    "".encode(encoding)
    return codecs.lookup(encoding).name, codecs.getincrementaldecoder(encoding)


# A syllable without its tone (Đoàn Thiện Thuật, "Ngữ âm tiếng Việt": onset, glide, nucleus, coda), with the
# "k" and "kr" of names from the Central Highlands, such as Đắk Lắk.
_SYLLABLE = re.compile(
    r"(?:ch|gh|gi|kh|kr|ngh?|nh|ph|qu|th|tr|[bcdđghklmnprstvx])?"
    r"(?:o?a(?:ch?|[ikmoptuy]|n[gh]?)?|o?ă(?:[ckmpt]|ng?)|u?â(?:[cmptuy]|ng?)|o?e(?:[ckmopt]|ng?)?"
    r"|u?ê(?:ch|[kmptu]|n[gh]?)?|i(?:ch|[amptu]|n[gh]?)?|(?:i|u?y)ê(?:[cmptu]|ng?)|o(?:[cimpt]|ng?|oc|ong)?"
    r"|u?ô(?:[cimpt]|ng?)?|u?ơ(?:[impt]|ng?)?|u(?:[acikmpt]|ng?)?|u?y(?:ch|[aptu]|n[gh]?)?"
    r"|ư(?:[acimtu]|ng?)?|ươ(?:[cimptu]|ng?))"
)
_CLOSED = ("c", "ch", "p", "t")


def is_syllable(word: str) -> bool:
    """Tell whether `word`, in small letters and NFC, is formed as a syllable of Vietnamese.

    One that ends in a stop has one of two tones, and none has two.
    """
    parts = unicodedata.normalize("NFD", word)
    tones = [sign for sign in parts if sign in _TONES]
    plain = unicodedata.normalize("NFC", "".join(sign for sign in parts if sign not in _TONES))
    if len(tones) > 1 or not _SYLLABLE.fullmatch(plain):
        return False
    return not plain.endswith(_CLOSED) or tones in (["\u0301"], ["\u0323"])


# So many different words say enough; the memory for them is small.
_SAMPLE = 5_000
_LONGEST = 64

# With these, none of 2,000 invented samples in each of 32 other languages and encodings was mistaken.
_SHARE = 0.85
_MARGIN = 0.4
_FEWEST = 3
_LIKELY = 0.3

_WORD_BYTES = bytes(code for code in range(256) if code >= 0x80 or chr(code).isalpha())
_WORD = re.compile(rb"[A-Za-z]*[\x80-\xff][A-Za-z\x80-\xff]*")
_BETWEEN = re.compile(rb"[\x85\x91-\x97\xa0]+")


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the words of a text say about its encoding."""

    chosen: str
    """The encoding that it is in beyond reasonable doubt; empty if there is too little to go by."""

    likely: tuple[str, ...]
    """The encodings that it may be in, the likeliest first."""

    words: int
    """How many different words with a byte above 127 were looked at."""

    syllables: int
    """How many of them are Vietnamese in the first of `likely`."""

    sound: bool
    """Whether some words are Vietnamese in UTF-8, so that another encoding would spoil them."""


def weigh(blocks: Iterable[bytes]) -> Evidence:
    """Return what the words in `blocks`, pieces of one text cut anywhere, say about its encoding."""
    raw = _words(blocks)
    words = _parts(raw)
    shares: dict[str, float] = {}
    counts: dict[str, int] = {}
    peculiar: dict[str, int] = {}
    for name in VIETNAMESE:
        read = {word: syllable_in(word, name) for word in words}
        counts[name] = sum(map(bool, read.values()))
        shares[name] = counts[name] / max(len(words), 1)
        # What Latin-1 has, too, might be of another language; "là" is French as well.
        peculiar[name] = len({text for text in read.values() if any(sign > "\xff" for sign in text)})
    first, second, _ = ranked = sorted(VIETNAMESE, key=lambda name: -shares[name])
    sound = any(syllable_in(word, "utf-8") for word in raw)
    certain = shares[first] >= max(_SHARE, shares[second] + _MARGIN) and peculiar[first] >= _FEWEST
    likely = [name for name in ranked if shares[name] >= _LIKELY]
    if not likely and words and 2 * sum(map(_is_latin, words)) > len(words):
        likely.append("windows-1252")
    chosen = first if certain and not sound else ""
    return Evidence(chosen, tuple(likely), len(words), counts[first], sound)


def _words(blocks: Iterable[bytes]) -> set[bytes]:
    """Return the words with a byte above 127; none if there is a NUL, as in UTF-16."""
    words: set[bytes] = set()
    rest = b""
    for block in blocks:
        if b"\0" in block:
            return set()
        text = rest + block
        whole = len(text.rstrip(_WORD_BYTES))
        words.update(word[:_LONGEST] for word in _WORD.findall(text, 0, whole))
        rest = text[whole:][:_LONGEST]
        if len(words) >= _SAMPLE:
            return words
    words.update(_WORD.findall(rest))
    return words


def _parts(words: Iterable[bytes]) -> set[bytes]:
    return {part for word in words for part in _BETWEEN.split(word) if not part.isascii()}


def words_in(blocks: Iterable[bytes]) -> set[bytes]:
    """Return the words with a byte above 127 in `blocks`, pieces of one text cut anywhere."""
    return _parts(_words(blocks))


def syllable_in(word: bytes, encoding: str) -> str:
    """Return what a `word` is when read in this encoding; empty if it is no syllable of Vietnamese."""
    try:
        text = find_codec(encoding)[1]().decode(word, True).lower()
    except UnicodeDecodeError:
        return ""
    text = unicodedata.normalize("NFC", text)
    return text if is_syllable(text) else ""


def _is_latin(word: bytes) -> bool:
    """Tell whether a `word` may be of a western language: letters, most of them without a mark."""
    marked = sum(code >= 0x80 for code in word)
    return 2 * marked <= len(word) and word.decode("latin-1").isalpha()
