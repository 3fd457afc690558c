"""The whole straight way: files in, applications created, ledger, results, summary and exit code out.

This is where the parts are put together; each of them knows only its neighbours.
"""

from __future__ import annotations

import asyncio
import random
import secrets
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import ExitStack, asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path
from typing import BinaryIO

from importer.errors import ImporterError, InternalError, UsageError
from importer.failpoints import refuse_unsafe
from importer.identity import account_id
from importer.intake import Identity, Input, Selection, open_inputs, path_of
from importer.interrupts import Interrupts
from importer.ledger import Policy, RunStart
from importer.ledger.locks import ProcessLock, account_lock
from importer.ledger.sqlite import SqliteLedger
from importer.model import OutcomeName
from importer.operations import utc_text
from importer.outputs import write_files
from importer.places import refuse_bad_places
from importer.report import ImportReport, exit_code
from importer.results import write_summary
from importer.runner import Runner, Time, Watcher, Work
from importer.settings import Settings, default_ledger_path
from importer.sheets import STANDARD_INPUT
from importer.signing import Credentials
from importer.transport import Transport


def system_time() -> Time:
    """Return the clocks of this machine, and chance that nobody foresees."""
    return Time(clock=time.time, timer=time.monotonic, chance=random.SystemRandom())


@contextmanager
def spooled(sources: Sequence[str], stream: BinaryIO) -> Iterator[Path | None]:
    """Copy standard input to a file for as long as it is needed, if it is among `sources`."""
    if STANDARD_INPUT not in sources:
        yield None
        return
    with tempfile.NamedTemporaryFile(prefix="lead-importer-", suffix=".csv") as file:
        shutil.copyfileobj(stream, file)
        file.flush()
        yield Path(file.name)


async def import_files(
    sources: Sequence[str],
    settings: Settings,
    *,
    watcher: Watcher,
    notices: Sequence[str] = (),
    time: Time | None = None,
    spool: Path | None = None,
    interrupts: Interrupts | None = None,
) -> ImportReport:
    """Import the files named `sources`, and return what became of them.

    `spool` is where the bytes of standard input are (:func:`spooled`); `interrupts` are heeded if given.
    Raises :class:`importer.errors.ImporterError` for what keeps the run from beginning; nothing was sent
    then. What stops it later is told in the report.
    """
    time = time or system_time()
    refuse_unsafe(settings.env)
    credentials, lacking = _credentials(settings)
    with ExitStack() as stack:
        inputs, found = open_inputs(sources, Selection.of(settings), spool=spool)
        paths = {given.path for given in inputs}
        files = [source for source in sources if path_of(source) in paths]
        refuse_bad_places(files, settings.results, settings.summary, settings.ledger_path())
        new_ledger = settings.ledger is not None and not settings.ledger.exists()
        account = account_id(credentials.client_key)
        if not settings.dry_run and (lock := _account_lock(settings, account)):
            lock.acquire()
            stack.callback(lock.release)
        ledger = stack.enter_context(_ledger(settings, time.clock))
        async with _api(settings, credentials) as base_url:
            report = ImportReport(
                run=f"{utc_text(time.clock())[:19]}Z-{secrets.token_hex(3)}",
                environment=settings.env,
                base_url=base_url,
                files=files,
                started_at=utc_text(time.clock()),
                notices=[*notices, *lacking, *found, *_told_of(settings, new_ledger=new_ledger)],
            )
            run = await ledger.begin_run(
                RunStart(
                    name=report.run,
                    environment=report.environment,
                    base_url=report.base_url,
                    started_at=report.started_at,
                )
            )
            work = Work(
                inputs=inputs,
                identity=Identity(account, settings.env),
                policy=Policy(
                    resend_doubtful=settings.on_doubt == "resend",
                    send_duplicates=settings.duplicates == "send",
                    retry_rejected=settings.retry_rejected,
                ),
                concurrency=settings.concurrency,
                attempts=settings.attempts,
                rate=settings.rate,
                limit=settings.limit,
            )
            runner = Runner(work, run=run, ledger=ledger, watcher=watcher, time=time)
            begun = time.timer()
            transport = Transport(
                base_url,
                connections=settings.concurrency,
                answer_seconds=settings.timeout,
                proxy_from_environment=settings.proxy_from_environment,
            )
            if interrupts is not None:
                interrupts.attach(runner.stop, partial(_hurry, runner, transport))
            async with transport:
                await runner.run(None if settings.dry_run else transport, credentials)
            report.seconds = time.timer() - begun
        report.totals, report.reasons = runner.totals, runner.reasons
        report.finished_at = utc_text(time.clock())
        await _conclude(report, runner, run, ledger, inputs, settings)
    return report


async def _conclude(
    report: ImportReport,
    runner: Runner,
    run: int,
    ledger: SqliteLedger,
    inputs: Sequence[Input],
    settings: Settings,
) -> None:
    """Write everything that a run leaves behind; what cannot be written keeps nothing else from being."""
    stops = list(runner.stops)

    async def step(work: Callable[[], Awaitable[None]]) -> None:
        try:
            await work()
        except ImporterError as error:
            stops.append(error)
            report.notices.append(str(error))
        report.exit_code = exit_code(report.totals, stops)

    async def compare() -> None:
        if (counted := ledger.count_outcomes(run)) != report.totals.outcomes:
            raise InternalError(
                f"The ledger counts {_counted(counted)}, and the run {_counted(report.totals.outcomes)}. "
                "Trust the ledger, and report it."
            )

    async def write() -> None:
        await asyncio.to_thread(write_files, report, run, ledger, inputs, settings)

    async def end() -> None:
        await ledger.end_run(run, report.summary(), complete=runner.read_everything)

    async def summarise() -> None:
        if settings.summary is not None:
            write_summary(settings.summary, report.summary())

    await step(ledger.flush)
    await step(compare)
    if not settings.dry_run:
        await step(write)
    report.stopped = str(stops[0]) if stops else None
    await step(end)
    await step(summarise)


def _hurry(runner: Runner, transport: Transport) -> None:
    runner.hurry()
    transport.abandon()


def _counted(outcomes: dict[OutcomeName, int]) -> str:
    return ", ".join(f"{count} {outcome}" for outcome, count in outcomes.items() if count) or "nothing"


def _credentials(settings: Settings) -> tuple[Credentials, list[str]]:
    try:
        credentials = settings.credentials()
    except UsageError:
        if not settings.dry_run:
            raise
        return Credentials("", b""), ["Without credentials, leads of earlier runs are not recognised."]
    if credentials is None:
        from importer.local_api import LOCAL_CREDENTIALS

        credentials = LOCAL_CREDENTIALS
    return credentials, []


def _account_lock(settings: Settings, account: str) -> ProcessLock | None:
    """Return the lock that keeps two ledgers from importing into one account side by side.

    A local API is an account of its own, and the one that a run starts for itself needs no lock.
    """
    state = default_ledger_path().parent
    if settings.env != "local":
        return account_lock(state, account, settings.env)
    if settings.base_url is None:
        return None
    return account_lock(state, account_id(settings.base_url), settings.env)


def _told_of(settings: Settings, *, new_ledger: bool) -> list[str]:
    told = []
    if new_ledger:
        told.append(f"The ledger {settings.ledger} is new: it knows of nothing that was sent before.")
    if settings.duplicates == "send":
        told.append("With --duplicates send, every run sends every row, also those that were created before.")
    return told


@contextmanager
def _ledger(settings: Settings, clock: Callable[[], float]) -> Iterator[SqliteLedger]:
    """Open the ledger; for a dry run, a copy of it that is thrown away."""
    path = settings.ledger_path()
    if settings.ledger is None:
        # A folder that was named and is not there is a slip of the pen: a new ledger would know of nothing.
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
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
async def _api(settings: Settings, credentials: Credentials) -> AsyncIterator[str]:
    """Yield the base URL; for the environment `local`, that of a local API started for this run."""
    address = settings.api_address()
    if address is not None:
        yield address
        return
    from importer.local_api import LocalApi

    async with LocalApi(credentials) as api:
        yield api.base_url
