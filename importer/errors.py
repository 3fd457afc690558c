"""Everything that can stop the work, in one tree.

::

    ImporterError                what a person can read; `exit_code` is what the process answers with
    ├── UsageError               options, settings or a file are wrong: nothing was sent            2
    │   ├── SheetError           a file cannot be read as a table of leads
    │   ├── MappingError         the headers do not tell which column is which field
    │   ├── TemplateError        an input template is not what it should be
    │   └── ResultsError         results cannot be written; the ledger has them
    │       └── UnusualWorkbookError  not into the user's own workbook; a plain one can be written
    ├── StoppedError             the API refuses or is not there: the rest was not attempted        4
    ├── InterruptedRunError      a signal asked the run to end                                130, 143
    ├── LedgerBusyError          another run holds the ledger                                       5
    └── InternalError            the importer broke one of its own promises                        70
        └── LedgerError          the ledger cannot be read or written

A row that is no lead is data (:class:`importer.model.RowProblem`), never an exception.
"""

from __future__ import annotations

import traceback
from pathlib import Path

from importer.language import _


class ImporterError(Exception):
    """The base of all: `str()` of it says what, where, and what to do next, for a person to read."""

    exit_code: int = 70


class UsageError(ImporterError):
    """Options, settings or a file are wrong; nothing was sent."""

    exit_code = 2


class SheetError(UsageError):
    """A file cannot be read as a table of leads."""


class MappingError(UsageError):
    """The headers of a sheet do not tell which column is which field.

    The message quotes them, and those of a file without headers are its first row: it is for whoever has the
    file, and for nobody elsewhere.
    """

    file = ""
    """Which file it is, where the run has several."""


class TemplateError(UsageError):
    """An input template is not known, or its file is malformed."""


class ResultsError(UsageError):
    """Results cannot be written; the ledger has them: ``lead-importer results FILE`` writes them again."""


class UnusualWorkbookError(ResultsError):
    """A workbook is written in a way that nothing can be added to it safely; a plain one does instead."""


class StoppedError(ImporterError):
    """The API refuses this client or is not there; going on would only repeat it."""

    exit_code = 4


class InterruptedRunError(ImporterError):
    """A signal asked the run to end; what was under way was settled, the rest was not attempted."""

    def __init__(self, message: str, signal_number: int) -> None:
        super().__init__(message)
        self.exit_code = 128 + signal_number


class LedgerBusyError(ImporterError):
    """Another run holds the ledger."""

    exit_code = 5


class InternalError(ImporterError):
    """The importer broke one of its own promises; what it wrote is still to be trusted less than the API."""


class LedgerError(InternalError):
    """The ledger cannot be read or written, so nothing may be sent."""


def unexpected(error: BaseException) -> InternalError:
    """Return what a person is told of an error that nobody foresaw.

    It names the place in the code, not the error's own message, which may hold what a sheet held.
    """
    frames = traceback.extract_tb(error.__traceback__)
    failed = type(error).__name__
    if frames:
        place = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}"
        failed = _("{error} at {place}").format(error=failed, place=place)
    return InternalError(
        _(
            "The importer failed ({error}). What was sent is in the ledger: run the same command again, and "
            "report this."
        ).format(error=failed)
    )
