"""What the parts of a workbook have in common, whoever reads them (ECMA-376, Office Open XML). Pure.

How attributes are read, what columns and areas of cells are called, how parts lead to each other. What reads
leads and what writes results each have their own way through the rows of a sheet.
"""

from importer.ooxml.attributes import (
    ATTRIBUTES,
    attribute,
    attributes,
    find_attribute,
    number,
    tags,
    text_of,
)
from importer.ooxml.cells import MOST_COLUMNS, Area, column_letters, column_number, letters_of
from importer.ooxml.relationships import (
    Relationship,
    SheetEntry,
    relationships_in,
    relationships_part,
    sheets_in,
)

__all__ = [
    "ATTRIBUTES",
    "MOST_COLUMNS",
    "Area",
    "Relationship",
    "SheetEntry",
    "attribute",
    "attributes",
    "column_letters",
    "column_number",
    "find_attribute",
    "letters_of",
    "number",
    "relationships_in",
    "relationships_part",
    "sheets_in",
    "tags",
    "text_of",
]
