"""Cells to text, as the person saw it: trimmed, NFC, and never guessed. Pure."""

from __future__ import annotations

import datetime
import re
import unicodedata
from collections.abc import Iterable, Sequence
from typing import cast

from importer.language import _
from importer.model import NumberText, RowProblem
from importer.sheets.formats import NumberFormat
from importer.sheets.markup import Fault, Mark

# Signs without width that are pasted along with text, at whose ends nobody sees them.
_INVISIBLE = "\u200b\u200c\u200d\u2060\ufeff"

# The last blank of Unicode is U+3000; `str.strip` alone would not take the invisible ones.
_BLANKS = "".join(sign for sign in map(chr, range(0x3001)) if sign.isspace()) + _INVISIBLE

# Excel keeps so many significant digits (specification "Number precision"); from here on some may be lost.
_DIGITS = 15
_INEXACT = 10**_DIGITS

_SECOND = datetime.timedelta(seconds=1)

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
    """Return the text of a workbook's cell; empty for an empty cell and for one with a fault.

    Whole numbers have no decimals, others the 15 digits that a spreadsheet shows at most. Dates are ISO 8601,
    with the time of day where it is not midnight, to the second.
    """
    match value:
        case str():
            return tidy(value)
        case bool():
            return "TRUE" if value else "FALSE"
        case float():
            return _number(value)
        case datetime.datetime():
            moment = _to_the_second(value)
            return moment.isoformat(" ") if moment.time() != datetime.time() else moment.date().isoformat()
        case datetime.time():
            return _to_the_second(datetime.datetime.combine(datetime.date.min, value)).time().isoformat()
        case datetime.timedelta():
            seconds = round(value.total_seconds())
            return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
        case Fault():
            return ""
        case _:
            return str(value)


def _number(value: float) -> str:
    # A float has up to 17 digits; those beyond what a spreadsheet shows are noise: 0.1 + 0.2 is 0.3.
    return str(int(value)) if value.is_integer() else NumberText(f"{value:.{_DIGITS}g}")


def _to_the_second(moment: datetime.datetime) -> datetime.datetime:
    """Return `moment` without the fraction that the floats of spreadsheets leave, such as 08:29:59.999."""
    if moment.microsecond >= 500_000 and moment < datetime.datetime.max - _SECOND:
        moment += _SECOND
    return moment.replace(microsecond=0)


def shown_value(value: object, mark: Mark) -> object:
    """Return what a cell with this `value` and `mark` shows."""
    if not isinstance(mark, NumberFormat):
        return mark
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _INEXACT:
        return mark.text(value)
    return value


def column_texts(values: Sequence[object], header: str) -> tuple[list[str], dict[int, RowProblem]]:
    """Return the texts of a workbook's cells under one `header`, and what is wrong with them by position.

    A cell with a problem has no text.
    """
    if set(map(type, values)) <= {str}:
        joined = "".join(cast("Sequence[str]", values))
        (texts,) = tidy_columns(joined, [cast("list[str]", values)])
        if "#" not in joined and "Err:" not in joined:
            return texts, {}
    else:
        texts = [value_text(value) for value in values]
    problems = {at: problem for at, value in enumerate(values) if (problem := problem_of(value, header))}
    for at in problems:
        texts[at] = ""
    return texts, problems


def problem_of(value: object, column: str) -> RowProblem | None:
    """Return what is wrong with a workbook's cell under the header `column`, or None."""
    match value:
        case str():
            return error_cell(column) if value[:1] in "#E" and _ERRORS.fullmatch(value.strip()) else None
        case int() | float():
            # Half a digit below, so that what is shown with more digits is among them.
            return _lost_digits(column) if abs(value) >= _INEXACT - 0.5 else None
        case Fault.ERROR:
            return error_cell(column)
        case Fault.NO_VALUE:
            return _formula_without_value(column)
    return None


def _lost_digits(column: str) -> RowProblem:
    return RowProblem(
        "lost_digits",
        _(
            "a spreadsheet keeps 15 digits of a number, and this one has more, so digits may be "
            "lost; format the column as text and enter the number again"
        ),
        column,
    )


def _formula_without_value(column: str) -> RowProblem:
    return RowProblem(
        "formula_without_value",
        _(
            "the cell holds a formula, but the file does not hold its value; open the file in a "
            "spreadsheet and save it there, or enter the value"
        ),
        column,
    )


def error_cell(column: str) -> RowProblem:
    """Return the problem of a cell that shows an error."""
    return RowProblem(
        "error_cell",
        _("the cell shows an error of the spreadsheet, such as #N/A; mend the formula or enter the value"),
        column,
    )


def too_many_cells(headers: int) -> RowProblem:
    """Return the problem of a row with text right of the last of so many `headers`."""
    return RowProblem(
        "too_many_cells",
        _(
            "there is text right of the last of the {headers} columns that have a header; give "
            "its column a header, put a cell with a delimiter in quotation marks, or clear it"
        ).format(headers=headers),
    )


def stray_quote() -> RowProblem:
    """Return the problem of a row whose quotation marks leave open where a cell ends."""
    return RowProblem(
        "stray_quote",
        _(
            "a quotation mark stands where none may, so the cells cannot be told apart; remove "
            'it, or put the whole cell in quotation marks and write each one inside twice ("")'
        ),
    )
