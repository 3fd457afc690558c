"""Text that a spreadsheet would run as a formula, made harmless and made whole again. Pure.

A formula in a file that somebody else fills in can fetch addresses and start programs on the computer of
whoever opens the file (OWASP, "CSV Injection"). An apostrophe in front makes a spreadsheet take it as text.
"""

from __future__ import annotations

import re

# What OWASP lists (signs in both widths, tab and line breaks) and the NUL of ASVS 1.2.10, with every other
# control character. Blanks and signs without width in front hide such a sign and may be trimmed by whoever
# reads the file next. The apostrophes are part of it so that no value can be mistaken for a defused one. A
# dash alone, as for standard input or an empty cell, is no formula.
_FORMULA = re.compile(r"'*[\s\u200b\u200c\u200d\u2060\ufeff]*(?!-\Z)[=+\-@＝＋－＠\x00-\x1f]")


def defuse(text: str) -> str:
    """Return `text` with an apostrophe in front if a spreadsheet would run it as a formula.

    So does a text that is a formula behind apostrophes: one more makes sure that :func:`undefuse` gives back
    exactly what was passed in, whatever it was.
    """
    # Nearly all cells begin with a letter or a digit, or are empty, and no formula does.
    if not text or text[0].isalnum():
        return text
    return f"'{text}" if _FORMULA.match(text) else text


def undefuse(text: str) -> str:
    """Return what :func:`defuse` made `text` of; other text is returned as it is."""
    return text[1:] if text.startswith("'") and _FORMULA.match(text) else text
