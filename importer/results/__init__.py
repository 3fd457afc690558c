"""Results to files: what became of each row, and the rows to mend.

Every file is written beside its place and put there when it is complete, so whoever opens it sees the earlier
file or the whole new one. A file that cannot be written is a :class:`importer.errors.ResultsError`; what the
rows themselves raise on the way passes through, and leaves the earlier file as it was.

==========  ======================================================================================
``.csv``    UTF-8 with BOM, so that Excel shows Vietnamese; lines end as RFC 4180 and Excel have it
``.jsonl``  UTF-8, one object a line, with numbers, nulls and lists as such
``.xlsx``   every text a text cell, so that no digit of an id and no zero of a phone is lost
==========  ======================================================================================

The results of one workbook can also be that workbook itself with the outcomes beside its rows, and the rows
to mend are always in theirs: :mod:`importer.results.workbook`. Where that cannot be,
:mod:`importer.results.beside` writes the leads as text.

In ``.csv`` and ``.xlsx`` each text, headers too, is defused (:mod:`importer.formulas`). What a format cannot
hold at all, such as a control character in a workbook, becomes a sign that says that something stood there.
"""

from __future__ import annotations

from importer.results.added import AddedRow, added_columns, added_fields, outcome_row, row_to_mend
from importer.results.beside import LeadTable, write_beside
from importer.results.exports import holds_responses, write_responses
from importer.results.findings import FINDING_COLUMNS, write_findings
from importer.results.lines import COLUMNS, SUFFIXES, write_results, write_summary
from importer.results.retry import RetryRow, RetryTable, write_retry

__all__ = [
    "COLUMNS",
    "FINDING_COLUMNS",
    "SUFFIXES",
    "AddedRow",
    "LeadTable",
    "RetryRow",
    "RetryTable",
    "added_columns",
    "added_fields",
    "holds_responses",
    "outcome_row",
    "row_to_mend",
    "write_beside",
    "write_findings",
    "write_responses",
    "write_results",
    "write_retry",
    "write_summary",
]
