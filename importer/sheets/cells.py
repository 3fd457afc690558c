"""Cells to text, as the person saw it: trimmed, NFC, and never guessed. Pure."""

from __future__ import annotations

import datetime
import re
import unicodedata
from collections.abc import Iterable

from importer.model import NumberText, RowProblem

# Signs without width that are pasted along with text, at whose ends nobody sees them.
_INVISIBLE = "\u200b\u200c\u200d\u2060\ufeff"

# The last blank of Unicode is U+3000; `str.strip` alone would not take the invisible ones.
_BLANKS = "".join(sign for sign in map(chr, range(0x3001)) if sign.isspace()) + _INVISIBLE

# Excel keeps 15 significant digits (specification "Number precision"), so from here on some may be lost.
_INEXACT = 10**15

# The error values of Excel (function ERROR.TYPE) and those of LibreOffice.
_ERRORS = re.compile(
    r"#(?:N/A|DIV/0!|NAME\?|NULL!|NUM!|REF!|VALUE!|SPILL!|CALC!|FIELD!|BLOCKED!|CONNECT!|UNKNOWN!|BUSY!"
    r"|GETTING_DATA)|Err:\d{3}"
)


def tidy(text: str) -> str:
    """Return `text` in NFC without blanks and invisible signs at its ends."""
    return unicodedata.normalize("NFC", text.strip(_BLANKS))


def tidy_columns(text: str, columns: Iterable[list[str]]) -> list[list[str]]:
    """Return `columns` with each cell tidied; `text` is where they were cut from, and decides how fast.

    Parts of a text in NFC are in NFC (UAX #15, section 1.3), so mostly one look at the whole will do.
    """
    plain = text.isascii() or (
        not any(sign in text for sign in _INVISIBLE) and unicodedata.is_normalized("NFC", text)
    )
    work = str.strip if plain else tidy
    return [list(map(work, column)) for column in columns]


def value_text(value: object) -> str:
    """Return the text of a workbook's cell; empty for an empty cell.

    Whole numbers have no decimals, other numbers the fewest digits that tell them apart; dates are ISO 8601.
    """
    match value:
        case str():
            return tidy(value)
        case bool():
            return "TRUE" if value else "FALSE"
        case float():
            return str(int(value)) if value.is_integer() else NumberText(repr(value))
        case datetime.datetime():
            return value.isoformat(" ", "seconds") if value.time() != datetime.time() else _day(value)
        case datetime.time():
            return value.isoformat("seconds")
        case datetime.timedelta():
            seconds = round(value.total_seconds())
            return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
        case _:
            return str(value)


def _day(moment: datetime.datetime) -> str:
    return moment.date().isoformat()


def problem_of(value: object, column: str) -> RowProblem | None:
    """Return what is wrong with a workbook's cell under the header `column`, or None."""
    if isinstance(value, str):
        return error_cell(column) if value[:1] in "#E" and _ERRORS.fullmatch(value.strip()) else None
    if isinstance(value, int | float) and abs(value) >= _INEXACT:
        return RowProblem(
            "lost_digits",
            "a spreadsheet keeps 15 digits of a number, and this one has more, so digits may be lost; "
            "format the column as text and enter the number again",
            column,
        )
    return None


def error_cell(column: str) -> RowProblem:
    """Return the problem of a cell that shows an error."""
    return RowProblem(
        "error_cell",
        "the cell shows an error of the spreadsheet, such as #N/A; mend the formula or enter the value",
        column,
    )


def too_many_cells(headers: int) -> RowProblem:
    """Return the problem of a row with text right of the last of so many `headers`."""
    return RowProblem(
        "too_many_cells",
        f"there is text right of the last of the {headers} columns that have a header; "
        "give its column a header, put a cell with a delimiter in quotation marks, or clear it",
    )


def stray_quote() -> RowProblem:
    """Return the problem of a row whose quotation marks leave open where a cell ends."""
    return RowProblem(
        "stray_quote",
        "a quotation mark stands where none may, so the cells cannot be told apart; remove it, "
        'or put the whole cell in quotation marks and write each one inside twice ("")',
    )
