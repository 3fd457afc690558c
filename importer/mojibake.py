"""Text that was decoded wrongly once before, such as ``Nguyá»…n`` for ``Nguyễn``. Pure.

It comes from UTF-8 that some program took for Windows-1252, Windows-1258 or Mac Roman and saved in what it
read. The bytes are lost then, so that all one can do is to tell the person.
"""

from __future__ import annotations

import re


def _code_page() -> dict[str, int]:
    """Return the byte of each sign above ASCII.

    Programs differ in codes without a sign: some keep them as control characters (WHATWG, "Encoding").
    """
    codes = {chr(code): code for code in range(0x80, 0x100)}
    for encoding in ("cp1258", "cp1252"):
        for code in range(0x80, 0x100):
            if sign := bytes([code]).decode(encoding, "ignore"):
                codes[sign] = code
    return codes


_BYTES = _code_page()
_LEADING = re.escape("".join(sign for sign, code in _BYTES.items() if 0xC2 <= code <= 0xF4))
_FOLLOWING = re.escape("".join(sign for sign, code in _BYTES.items() if code < 0xC0))

# How any sign above ASCII begins in UTF-8 (RFC 3629, section 3).
_BEGINNING = re.compile(rf"[{_LEADING}][{_FOLLOWING}]")

# What the letters of Vietnamese become, wherever it stands: U+1E80 to U+1EFF (the last byte may be lost when
# it has no sign), "đ", "ă", "ơ", "ư", and those of Latin-1. Quotation marks and the no-break space are left
# out after "Ã", which is a word's end in “THỊ XÃ”. Each begins with one sign, for which `re` looks first.
_AFTER = "[¡-ª¬-º¼-¿ƒ€‚ˆ‰Š\x81\x8d]"
_PARTS = re.compile(
    rf"á[º»](?:[{_FOLLOWING}]|(?=[^\W\d_]))|Ä[‘\x90ƒ‚]|Æ[°¡\u00a0¯]|Ã{_AFTER}|Ă{_AFTER}"
    r"|·[ª∫]|ƒ[ëêÉÇ]|∆[∞°]|√[¢£§¶•®©™´¨≠ÆØ±≤≥¥μµ∂∏ªº]|\ufffd"
)


def looks_decoded_wrongly(text: str) -> bool:
    """Tell whether `text`, or a part of it, was decoded wrongly before it came here.

    U+FFFD, which programs put where they could not decode, counts as well.
    """
    return not text.isascii() and (_PARTS.search(text) is not None or _is_utf_8(text))


def may_be_decoded_wrongly(texts: str) -> bool:
    """Tell, quicker than by asking for each, whether any of the `texts` that were joined to one may be."""
    return not texts.isascii() and (_PARTS.search(texts) is not None or _BEGINNING.search(texts) is not None)


def _is_utf_8(text: str) -> bool:
    """Tell whether the signs of `text`, as bytes of a code page, are UTF-8: by chance, no text is."""
    if not _BEGINNING.search(text):
        return False
    codes = [ord(sign) if sign.isascii() else _BYTES.get(sign, -1) for sign in text]
    if -1 in codes:
        return False
    try:
        bytes(codes).decode()
    except UnicodeDecodeError:
        return False
    return True
