"""What a run finds and does not read because of its name, though it is not as the importer wrote it.

Files called like results and rows to mend are passed over in folders and patterns. What a person put there
under such a name, or has mended in place, must not be passed over without a word.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from pathlib import Path

from importer.disks import stamp_of
from importer.errors import SheetError
from importer.file_stamps import is_as_written
from importer.gathering import are_rows_to_mend, called_like_own
from importer.language import _
from importer.ledger import Ledger
from importer.places import other_results
from importer.results import COLUMNS, added_columns
from importer.sheets import open_sheets

_KEPT = re.compile(r"\.kept-\d+(?=\.[^.]+\Z)")


def refusals_of_passed_over(sources: Sequence[str], ledger: Ledger | None) -> list[SheetError]:
    """Return what to say of files at `sources` that were passed over and may hold leads of a person.

    Without a `ledger` nothing tells whether rows to mend were changed, so there they are left out; the leads
    that they stand beside are told of anyway.
    """
    refusals = []
    for path in called_like_own(sources):
        if ledger is not None and is_as_written(ledger, path):
            continue
        if are_rows_to_mend(path):
            if ledger is not None and not _were_imported(path):
                refusals.append(_changed_rows_to_mend(path))
        elif not _holds_results(path):
            refusals.append(
                SheetError(
                    _(
                        "{file} was not read: it is called like results of a run, and holds none. Rename it "
                        "if it holds leads; else move it away."
                    ).format(file=path)
                )
            )
    return refusals


def _changed_rows_to_mend(path: Path) -> SheetError:
    return SheetError(
        _(
            "{file} holds rows to mend that were changed, and was not read, since it stands beside leads of "
            "its name. Import it by itself: lead-importer run {quoted}; or move it away if nothing in it is "
            "to be sent."
        ).format(file=path, quoted=shlex.quote(str(path)))
    )


def _were_imported(path: Path) -> bool:
    """Tell whether rows to mend have results of their own, written after they were changed."""
    stamp = stamp_of(path)
    # Once imported, they may have been kept under another name.
    names = {str(path), str(path.with_name(_KEPT.sub("", path.name)))}
    results = [stamp_of(found) for name in names for found in other_results(name)]
    return stamp is None or any(found and found[1] >= stamp[1] for found in results)


def _holds_results(path: Path) -> bool:
    """Tell whether the headers are those of the importer's own files; an empty file holds nothing else."""
    stamp = stamp_of(path)
    if stamp is None or stamp[0] == 0:
        return True
    try:
        sheets = open_sheets(str(path))
    except SheetError:
        return False
    return any(sheet.headers == COLUMNS or added_columns(sheet.headers) for sheet in sheets)
