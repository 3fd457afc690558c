"""The colour of each outcome in a workbook."""

from __future__ import annotations

from collections.abc import Mapping

from importer.model import OutcomeName

_GREEN, _GREY, _YELLOW, _RED = "DDEFD5", "E7E6E6", "FFF0C2", "F9D9D3"

COLOURS: Mapping[OutcomeName, str] = {
    OutcomeName.CREATED: _GREEN,
    OutcomeName.EXISTING: _GREEN,
    OutcomeName.DUPLICATE: _GREY,
    OutcomeName.NOT_ATTEMPTED: _GREY,
    OutcomeName.UPDATED: _GREEN,
    OutcomeName.UNCHANGED: _GREEN,
    OutcomeName.IN_DOUBT: _YELLOW,
    OutcomeName.INVALID: _RED,
    OutcomeName.REJECTED: _RED,
    OutcomeName.FAILED: _RED,
}
"""What is behind the word, as RRGGBB: light, so that it stays readable in print."""
