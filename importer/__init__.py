"""Import spreadsheets of leads into the Tini App lead API: never twice, never lost.

::

    import asyncio
    import importer

    leads = [{"customer_id": "1001", "email": "lan@example.com", "phone": "0901234567"}]
    report = asyncio.run(importer.import_leads(leads, source="crm", env="local"))

:func:`import_files` and :func:`import_leads` import, and return an :class:`ImportReport`; :func:`run` lets
code without an event loop call them. Meanwhile a :class:`Watcher` is told of every attempt and row, and
:func:`read_outcomes` tells afterwards what the ledger knows of each row. What keeps an import from beginning
is an :class:`ImporterError`; a lead that cannot be sent is an outcome, never an exception.

What `__all__` names is the public interface. Everything else in this package is private, and may change with
any version. To import this loads nothing of it yet.
"""

from __future__ import annotations

from importlib import import_module

__version__ = "0.1.0"

# Where each name is found when it is first asked for; type checkers read the same in __init__.pyi.
_PLACES = {
    "AttemptEnded": "attempts",
    "ImporterError": "errors",
    "InternalError": "errors",
    "InterruptedRunError": "errors",
    "LedgerBusyError": "errors",
    "LedgerError": "errors",
    "MappingError": "errors",
    "ResultsError": "errors",
    "SheetError": "errors",
    "StoppedError": "errors",
    "TemplateError": "errors",
    "UsageError": "errors",
    "import_files": "library",
    "import_leads": "library",
    "load_settings": "library",
    "read_outcomes": "library",
    "run": "library",
    "FileOptions": "library.options",
    "LeadOptions": "library.options",
    "LoadOptions": "library.options",
    "Application": "model",
    "ErrorInfo": "model",
    "OutcomeName": "model",
    "Place": "model",
    "ResultRow": "model",
    "Totals": "model",
    "RowEnded": "pool",
    "Watcher": "pool",
    "ImportReport": "report",
    "Loaded": "settings",
}

__all__ = ["__version__", *_PLACES]


def __getattr__(name: str) -> object:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found: object = getattr(import_module(f"{__name__}.{_PLACES[name]}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *_PLACES})
