"""Headers to fields, and rows to leads. Pure: the same row always becomes the same lead.

A column belongs to a field when its header is the field's name, title or one of its synonyms, without regard
to case, accents, blanks and punctuation. Where two columns fit one field, one column fits two fields, or two
templates fit the headers, nothing is guessed: the error says what to type. A row that repeats the headers, or
adds up those above, is no lead: ``repeated_header``, ``total_row``. Nor is one that is marked as the example
of an empty workbook: ``example_row``. What is wrong with a cell counts where the cell is sent.
"""

from __future__ import annotations

from importer.headings import fold
from importer.mapping.choosing import choose_mapping, header_score
from importer.mapping.columns import Column
from importer.mapping.leads import SheetMapping

__all__ = ["Column", "SheetMapping", "choose_mapping", "fold", "header_score"]
