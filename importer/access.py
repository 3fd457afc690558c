"""What a command needs before it sends: credentials, the lock of the account, the ledger, the API, a sender.

Each is made as the settings say, and given back when it is not needed any more.
"""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

from importer.errors import UsageError
from importer.identity import account_id
from importer.language import _
from importer.ledger.locks import ProcessLock, account_lock
from importer.ledger.sqlite import SqliteLedger
from importer.senders import MAY_BE_SEVERAL, SenderProcesses, fitting_processes
from importer.settings import Settings, default_ledger_path
from importer.signing import Credentials
from importer.transport import Transport


def transport_of(base_url: str, settings: Settings, rows: int) -> Transport | SenderProcesses:
    """Return what sends so many `rows`: this process, or where they are many, others that it starts."""
    given: dict[str, Any] = {
        "base_url": base_url,
        "connections": settings.concurrency,
        "answer_seconds": settings.timeout,
        "proxy_from_environment": settings.proxy_from_environment,
    }
    if settings.limit is not None:
        rows = min(rows, settings.limit)
    processes = settings.processes or fitting_processes(rows, settings.concurrency, settings.rate)
    if processes == 1 or settings.dry_run or not MAY_BE_SEVERAL:
        return Transport(**given)
    return SenderProcesses(processes, **given)


def credentials_of(settings: Settings) -> tuple[Credentials, list[str]]:
    """Return what requests are signed with, and what to know; a dry run does without.

    Raises :class:`UsageError` where one is missing.
    """
    try:
        credentials = settings.credentials()
    except UsageError:
        if not settings.dry_run:
            raise
        return Credentials("", b""), [_("Without credentials, leads of earlier runs are not recognised.")]
    if credentials is None:
        from importer.local_api import LOCAL_CREDENTIALS

        credentials = LOCAL_CREDENTIALS
    return credentials, []


@contextmanager
def account_held(settings: Settings, account: str) -> Iterator[None]:
    """Keep two ledgers from sending to one account side by side; a dry run sends nothing.

    Raises :class:`importer.errors.LedgerBusyError` while another process has it.
    """
    lock = None if settings.dry_run else _account_lock(settings, account)
    if lock is not None:
        _acquire(lock)
    try:
        yield
    finally:
        if lock is not None:
            lock.release()


def _account_lock(settings: Settings, account: str) -> ProcessLock | None:
    """Return the lock of the account, None where there is none.

    A local API is an account of its own, and the one that a run starts for itself needs no lock.
    """
    state = default_ledger_path().parent
    if settings.env != "local":
        return account_lock(state, account, settings.env)
    if settings.base_url is None:
        return None
    return account_lock(state, account_id(settings.base_url), settings.env)


def _acquire(lock: ProcessLock) -> None:
    try:
        lock.acquire()
    except OSError as error:
        raise UsageError(
            _(
                "The lock of the account cannot be taken ({reason}: {filename}). Remove that file if "
                "it is not yours, or let the environment variable XDG_STATE_HOME name a folder of "
                "yours."
            ).format(reason=error.strerror or error, filename=error.filename)
        ) from error


@contextmanager
def ledger_of(settings: Settings, clock: Callable[[], float]) -> Iterator[SqliteLedger]:
    """Open the ledger; for a dry run, a copy of it that is thrown away."""
    path = settings.ledger_path()
    if settings.ledger is None:
        # A folder that was named and is not there is a slip of the pen: a new ledger would know of nothing.
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise UsageError(
                _(
                    "The folder {folder} for the ledger cannot be made ({reason}). Give another place "
                    "with --ledger."
                ).format(folder=path.parent, reason=error.strerror)
            ) from error
    if not settings.dry_run:
        with SqliteLedger(path, clock=clock) as ledger:
            yield ledger
        return
    with tempfile.TemporaryDirectory(prefix="lead-importer-") as folder:
        copy = Path(folder) / "ledger.sqlite3"
        if path.exists():
            with SqliteLedger(path, clock=clock) as original:
                original.close_and_copy(copy)
        with SqliteLedger(copy, clock=clock) as ledger:
            yield ledger


@asynccontextmanager
async def api_of(settings: Settings, credentials: Credentials) -> AsyncIterator[str]:
    """Yield the base URL; for the environment `local`, that of a local API started for this run."""
    address = settings.api_address()
    if address is not None:
        yield address
        return
    from importer.local_api import LocalApi

    async with LocalApi(credentials) as api:
        yield api.base_url
