from importer.attempts import AttemptEnded
from importer.errors import (
    ImporterError,
    InternalError,
    InterruptedRunError,
    LedgerBusyError,
    LedgerError,
    MappingError,
    ResultsError,
    SheetError,
    StoppedError,
    TemplateError,
    UsageError,
)
from importer.library import import_files, import_leads, load_settings, read_outcomes, run
from importer.library.options import FileOptions, LeadOptions, LoadOptions
from importer.model import Application, ErrorInfo, OutcomeName, Place, ResultRow, Totals
from importer.pool import RowEnded, Watcher
from importer.report import ImportReport
from importer.settings import Loaded

__version__: str

__all__ = [
    "Application",
    "AttemptEnded",
    "ErrorInfo",
    "FileOptions",
    "ImportReport",
    "ImporterError",
    "InternalError",
    "InterruptedRunError",
    "LeadOptions",
    "LedgerBusyError",
    "LedgerError",
    "LoadOptions",
    "Loaded",
    "MappingError",
    "OutcomeName",
    "Place",
    "ResultRow",
    "ResultsError",
    "RowEnded",
    "SheetError",
    "StoppedError",
    "TemplateError",
    "Totals",
    "UsageError",
    "Watcher",
    "__version__",
    "import_files",
    "import_leads",
    "load_settings",
    "read_outcomes",
    "run",
]
