"""What a program can do with the importer; ``from importer import …`` finds it here.

Each import keeps the promise of the command, with the same ledger and the same locks: never twice, never
lost. It runs on a thread of its own, beside the program (:mod:`importer.library.beside`), prints nothing,
takes no signals and ends no process.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import (
    AsyncIterable,
    AsyncIterator,
    Callable,
    Coroutine,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
    Set,
    Sized,
)
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar, Unpack

from importer.attempts import AttemptEnded
from importer.errors import SheetError, UsageError
from importer.importing import Opening
from importer.importing import import_files as import_sources
from importer.intake import CHUNK_ROWS, Opened, Selection, open_files, path_of
from importer.language import speaking
from importer.ledger.sqlite import SqliteLedger
from importer.library.beside import Program, run_beside, run_in_thread
from importer.library.leads import Take, open_leads
from importer.library.options import WITHOUT_MEANING, FileOptions, LeadOptions, LoadOptions, StrPath
from importer.model import ResultRow, Totals
from importer.pace import Hold
from importer.pool import RowEnded, Watcher
from importer.report import ImportReport
from importer.settings import Loaded, default_ledger_path, settings_of
from importer.settings import load_settings as settings_from_everywhere
from importer.sources import program_source

_T = TypeVar("_T")

Leads = Iterable[Mapping[str, object]] | AsyncIterable[Mapping[str, object]]
"""Leads of a program: each has the customer id and the inputs by their names, such as
``{"customer_id": "1001", "name": …, "phone": …}``. Values are text, numbers, dates, booleans or mappings of
these; None and NaN are empty."""


async def import_files(
    files: StrPath | Iterable[StrPath],
    *,
    settings: Loaded | None = None,
    watcher: Watcher | None = None,
    **options: Unpack[FileOptions],
) -> ImportReport:
    """Import files of leads as ``lead-importer run`` does, and return what became of their rows.

    `files` are one or several text files or workbooks. The `options` are those of the command, and nothing
    else is looked at; instead of them, `settings` may be what :func:`load_settings` found. `watcher` is told
    what happens meanwhile, in the event loop of the caller. Results are written beside each file, or where
    ``results`` says. ``report.exit_code`` is 0 when every row is created, existing or a duplicate;
    ``report.stop`` is the error that stopped the import before its end, or None.

    Raises :class:`importer.UsageError` for options, files or headers that are wrong, and
    :class:`importer.LedgerBusyError` while another import has the ledger or the account: nothing was sent
    then. An exception of `watcher` is raised once what was under way is settled. So is
    :class:`asyncio.CancelledError` when the task is cancelled, which may take as long as the option
    ``timeout``, in seconds; when it is cancelled again, what has no answer yet is in doubt.

    >>> import asyncio, importer
    >>> report = asyncio.run(importer.import_files("sample_data/template-1.csv", env="local", dry_run=True))
    >>> report.totals.read, report.exit_code
    (40, 0)
    """
    given = [files] if isinstance(files, str | os.PathLike) else files
    sources = [os.fspath(file) for file in given]
    program = Program()

    def opening(
        sources: Sequence[str],
        selection: Selection,
        *,
        spool: Path | None = None,
        found: Set[str] = frozenset(),
    ) -> Opened:
        opened = open_files(sources, selection, spool=spool, found=found)
        if watcher is not None:
            opened.inputs = [
                replace(given, sheet=replace(given.sheet, read=program.in_step(given.sheet.read)))
                for given in opened.inputs
            ]
        return opened

    return await _import(program, sources, opening, _settings(settings, options), _Relay(program, watcher))


async def import_leads(
    leads: Leads,
    *,
    source: str,
    settings: Loaded | None = None,
    watcher: Watcher | None = None,
    **options: Unpack[LeadOptions],
) -> ImportReport:
    """Import leads from memory, and return what became of them.

    `leads` may be an asynchronous iterable, too. It is read once, a thousand leads at a time, in the event
    loop of the caller, and any number of leads takes the same memory. The keys of the first thousand decide
    which template fits and which key is which field, as the headers of a sheet do; values are checked and
    repaired like cells. The ledger, results and commands know the leads as ``leads:SOURCE``, with rows
    counted from 1: ``lead-importer resolve leads:SOURCE`` settles those in doubt. No results are written
    unless ``results`` says where; :func:`read_outcomes` has them. Once the import is to stop, no more leads
    are read.

    For the rest see :func:`import_files`. An exception of `leads` is raised as one of `watcher` is.

    >>> import asyncio, importer
    >>> lead = {"customer_id": "1001", "email": "lan@example.com", "phone": "0901 234 567"}
    >>> report = asyncio.run(importer.import_leads([lead], source="crm", env="local", dry_run=True))
    >>> report.files, report.totals.read
    (['leads:crm'], 1)
    """
    name = program_source(source)
    found = _settings(settings, options)
    if found.settings.adopt:
        raise UsageError(
            "Results are adopted by files of leads alone. Write the leads to a CSV file once, and import "
            "that with adopt: they are the same leads, whatever they are read from."
        )
    program = Program()
    take = _taking(leads, program)
    height = len(leads) if isinstance(leads, Sized) else 0

    def opening(
        sources: Sequence[str],
        selection: Selection,
        *,
        spool: Path | None = None,
        found: Set[str] = frozenset(),
    ) -> Opened:
        return Opened([open_leads(source, take, selection, height=height) for source in sources])

    relay = _Relay(program, watcher, leads_of_program=True)
    return await _import(program, [name], opening, found, relay)


def run(work: Coroutine[Any, Any, _T]) -> _T:
    """Return what `work`, such as ``import_leads(…)``, returns: for code that is not asynchronous.

    Works in a notebook, too, where an event loop runs already. There, `work` runs in a thread, and so do its
    leads and its watcher. An interrupt (Ctrl-C) cancels `work`, which settles what is under way first.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(work)
    return run_in_thread(work)


def load_settings(**options: Unpack[LoadOptions]) -> Loaded:
    """Return the settings that the command would find, for :func:`import_files` and :func:`import_leads`.

    Highest first: `options`, environment variables ``LEAD_IMPORTER_<OPTION>``, the file ``.env`` in the
    working directory, the TOML file that ``config`` names; without ``config``, ``lead-importer.toml`` in the
    working directory, else ``config.toml`` in the user's config directory. Raises
    :class:`importer.UsageError` that names every fault and its place.
    """
    return settings_from_everywhere(options)


@contextmanager
def read_outcomes(source: StrPath, *, ledger: StrPath | None = None) -> Iterator[Iterator[ResultRow]]:
    """Yield what the ledger knows of each row of the last import of `source`, in their order.

    `source` is a file, or ``leads:SOURCE`` for leads from memory; `ledger` is the one that the import was
    given. It is held meanwhile. Raises :class:`importer.SheetError` if the ledger knows of no such import,
    and :class:`importer.LedgerBusyError` while an import has it.

    >>> import asyncio, importer
    >>> lead = {"customer_id": "1001", "email": "lan@example.com", "phone": "0901234567"}
    >>> report = asyncio.run(importer.import_leads([lead], source="shop", env="local"))
    >>> with importer.read_outcomes("leads:shop") as rows:
    ...     [(row.place.row, row.customer_id, str(row.outcome)) for row in rows]
    [(1, '1001', 'created')]
    """
    name = os.fspath(source)
    path = default_ledger_path() if ledger is None else Path(ledger).expanduser()
    # To open one that is not there would make it.
    if path.exists():
        with SqliteLedger(path) as opened:
            run = opened.last_run(opened.moved_to(path_of(name)) or path_of(name))
            if run is not None:
                yield opened.result_rows(run)
                return
    raise SheetError(
        f"The ledger {path} knows of no import of {name}. Import it first, or name the ledger that was used."
    )


class _Relay:
    """Tells the watcher of a program what happens, in the program's loop."""

    def __init__(self, program: Program, watcher: Watcher | None, *, leads_of_program: bool = False) -> None:
        self._program = program
        self._watcher = watcher
        self._leads_of_program = leads_of_program

    def began(self, totals: Totals, rows: int) -> None:
        """See :class:`importer.pool.Watcher`."""
        self._tell(lambda watcher: watcher.began(totals, rows))

    def paced_by(self, holding: Callable[[], Hold | None]) -> None:
        """See :class:`importer.pool.Watcher`."""
        self._tell(lambda watcher: watcher.paced_by(holding))

    def attempt_ended(self, attempt: AttemptEnded) -> None:
        """See :class:`importer.pool.Watcher`."""
        self._tell(lambda watcher: watcher.attempt_ended(attempt))

    def row_ended(self, row: RowEnded) -> None:
        """See :class:`importer.pool.Watcher`."""
        self._tell(lambda watcher: watcher.row_ended(row))

    def stopping(self, reason: str) -> None:
        """See :class:`importer.pool.Watcher`."""
        if self._leads_of_program:
            # They may have no end.
            self._program.give_no_more()
        self._tell(lambda watcher: watcher.stopping(reason))

    def _tell(self, tell: Callable[[Watcher], None]) -> None:
        if self._watcher is not None:
            self._program.tell(partial(tell, self._watcher))


async def _import(
    program: Program, sources: Sequence[str], opening: Opening, found: Loaded, relay: _Relay
) -> ImportReport:
    settings = found.settings
    # A program may have been forked, or be no Python that can be started again.
    settings = settings.model_copy(update={"processes": settings.processes or 1})
    with speaking(settings.lang or "en"):
        return await run_beside(
            program,
            partial(
                import_sources,
                sources,
                settings,
                watcher=relay,
                notices=found.notices,
                interrupts=program,
                opening=opening,
            ),
        )


def _settings(settings: Loaded | None, options: Mapping[str, object]) -> Loaded:
    if without_meaning := options.keys() & WITHOUT_MEANING:
        raise UsageError(
            f"{', '.join(sorted(without_meaning))}: a program is told everything and nothing is printed. "
            "Leave that out."
        )
    if "config" in options:
        raise UsageError(
            "config is for load_settings alone. Give settings=importer.load_settings(config=…) instead."
        )
    if settings is None:
        return Loaded(settings_of(options), (), {})
    if options:
        raise UsageError(
            f"{', '.join(options)} and settings are given. Give the options to load_settings instead."
        )
    return settings


def _taking(leads: Leads, program: Program) -> Take:
    """Return what takes the next leads, each time in the program's loop."""
    if isinstance(leads, AsyncIterable):
        asynchronous = aiter(leads)

        async def take() -> list[Mapping[str, object]]:
            return await _first(asynchronous, CHUNK_ROWS)
    else:
        plain = iter(leads)

        async def take() -> list[Mapping[str, object]]:
            return list(islice(plain, CHUNK_ROWS))

    return lambda: program.ask(take)


async def _first(items: AsyncIterator[_T], most: int) -> list[_T]:
    found: list[_T] = []
    async for item in items:
        found.append(item)
        if len(found) == most:
            break
    return found
