"""Files to rows: every cell as the text that the person saw, every row under the number that they see.

A text file (CSV) is checked as a whole when it is opened, so that nothing is sent from a file that turns out
to be broken further down; it is then read in chunks, in bounded memory. A workbook is read sheet by sheet.
What is wrong with one row travels with it as a :class:`importer.model.RowProblem`; what is wrong with the
file is a :class:`importer.errors.SheetError`, and no other exception leaves this package.

=========================  =======================================================================
problem of a row           meaning
=========================  =======================================================================
``too_many_cells``         there is text right of the last header
``stray_quote``            a quotation mark stands where none may, so the cells cannot be told apart
``lost_digits``            a numeric cell of more than 15 digits, which a spreadsheet does not keep
``error_cell``             a cell shows an error of the spreadsheet, such as ``#N/A``
``formula_without_value``  a cell holds a formula, and the file does not hold its value
=========================  =======================================================================

Three more, ``repeated_header``, ``total_row`` and ``example_row``, are told by :mod:`importer.mapping`, which
knows what the columns mean: rows below the headers that repeat them, add up what stands above, or are marked
as an example.

The headers need not be in the first row: titles, addresses and dates may stand above them, and in a workbook
they may take two lines, joined by merged cells (:mod:`importer.sheets.headers`). Rows keep their numbers.

The cell of the last three is empty: no value in it could be trusted. Headers may be empty
or repeat each other: `Row.cells` are in the order of `Sheet.headers`, and only a mapping that needs a
repeated one has to ask which is meant.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from importer.sheets.files import STANDARD_INPUT, Original, is_packed, is_workbook
from importer.sheets.headers import HeaderScore, nothing_known
from importer.sheets.sheet import Sheet

__all__ = ["STANDARD_INPUT", "HeaderScore", "Sheet", "is_packed", "is_workbook", "open_sheets"]


def open_sheets(
    source: str,
    *,
    path: Path | None = None,
    encoding: str | None = None,
    sheets: Sequence[str] = (),
    score: HeaderScore = nothing_known,
) -> list[Sheet]:
    """Open a file of leads and return its sheets: one of a text file, the visible ones of a workbook.

    `source` is the file as the person named it, ``-`` for standard input; `path` is where its bytes are, if
    elsewhere. `encoding` is that of a text file; without it a byte order mark decides, else the text is UTF-8
    or, on strong evidence and with a notice, in a legacy encoding of Vietnamese. `sheets` names the sheets of
    a workbook to read, hidden ones too; without it all visible ones that are not empty are returned. `score`
    tells how well the cells of a row fit the headers of leads: among the first rows the one that fits best
    holds the headers, and if none does, the first one with text. Raises
    :class:`importer.errors.SheetError` for a file that cannot be read.
    """
    # Imported here, since either of them pulls in modules that the other kind of file does not need.
    original = Original.find(source, Path(source) if path is None else path)
    if is_workbook(source):
        from importer.sheets.workbook import open_workbook

        return open_workbook(original, sheets, score)
    from importer.sheets.text import open_text

    return [open_text(original, encoding, sheets, score)]
