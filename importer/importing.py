"""The whole straight way: files in, applications created, ledger, results, summary and exit code out.

This is where the parts are put together; each of them knows only its neighbours.
"""

from __future__ import annotations

import asyncio
import os
import random
import secrets
import shutil
import signal
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import ExitStack, asynccontextmanager, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from importer.adoption import adopted, refuse_unknown
from importer.errors import ImporterError, InternalError, UsageError
from importer.failpoints import refuse_unsafe
from importer.identity import account_id
from importer.intake import Identity, Input, Selection, open_inputs, path_of
from importer.interrupts import Interruption
from importer.language import _
from importer.ledger import Policy, RunStart
from importer.ledger.locks import ProcessLock, account_lock
from importer.ledger.sqlite import SqliteLedger
from importer.ledger.told import Told
from importer.model import OutcomeName
from importer.operations import utc_text
from importer.outputs import write_files
from importer.page import write_page
from importer.places import other_results, refuse_bad_places, results_path
from importer.report import ImportReport, exit_code
from importer.results import write_summary
from importer.runner import Runner, Time, Watcher, Work
from importer.senders import MAY_BE_SEVERAL, SenderProcesses, fitting_processes
from importer.settings import Settings, default_ledger_path
from importer.sheets import STANDARD_INPUT
from importer.signing import Credentials
from importer.sources import is_of_program
from importer.transport import Transport


class Opening(Protocol):
    """What opens the inputs of a run; :func:`importer.intake.open_inputs` does."""

    def __call__(
        self, sources: Sequence[str], selection: Selection, *, spool: Path | None = None
    ) -> tuple[list[Input], list[str]]:
        """Return the inputs, and what the person should know of them."""


def system_time() -> Time:
    """Return the clocks of this machine, and chance that nobody foresees."""
    return Time(clock=time.time, timer=time.monotonic, chance=random.SystemRandom())


@contextmanager
def spooled(sources: Sequence[str], stream: BinaryIO) -> Iterator[Path | None]:
    """Copy standard input to a file for as long as it is needed, if it is among `sources`."""
    if STANDARD_INPUT not in sources:
        yield None
        return
    path = Path(tempfile.gettempdir()) / f"lead-importer-{secrets.token_hex(8)}.csv"
    with _removed_when_ended(path):
        try:
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                shutil.copyfileobj(stream, file)
            yield path
        finally:
            path.unlink(missing_ok=True)


@contextmanager
def _removed_when_ended(path: Path) -> Iterator[None]:
    """Let the process end by SIGTERM without leaving `path` behind, as long as nothing else heeds that."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(number: int, _: object) -> None:
        # An exception might be lost wherever the signal happens to come.
        with suppress(OSError):
            path.unlink()
        os._exit(128 + number)

    previous = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)


async def import_files(
    sources: Sequence[str],
    settings: Settings,
    *,
    watcher: Watcher,
    notices: Sequence[str] = (),
    time: Time | None = None,
    spool: Path | None = None,
    interrupts: Interruption | None = None,
    opening: Opening = open_inputs,
) -> ImportReport:
    """Import the files named `sources`, and return what became of them.

    `spool` is where the bytes of standard input are (:func:`spooled`); `interrupts` are heeded if given.
    `opening` opens what is no file, too, if `sources` name such.
    Raises :class:`importer.errors.ImporterError` for what keeps the run from beginning; nothing was sent
    then. What stops it later is told in the report.
    """
    time = time or system_time()
    refuse_unsafe(settings.env)
    credentials, lacking = _credentials(settings)
    with ExitStack() as stack:
        inputs, found = opening(sources, Selection.of(settings), spool=spool)
        paths = {given.path for given in inputs}
        files = [source for source in sources if path_of(source) in paths]
        refuse_bad_places(
            files, settings.results, settings.summary, settings.ledger_path(), report=settings.report
        )
        new_ledger = settings.ledger is not None and not settings.ledger.exists()
        account = account_id(credentials.client_key)
        if not settings.dry_run and (lock := _account_lock(settings, account)):
            _acquire(lock)
            stack.callback(lock.release)
        ledger = stack.enter_context(_ledger(settings, time.clock))
        told, unknown = _told_by_results(ledger, inputs, files, settings)
        async with _api(settings, credentials) as base_url:
            report = ImportReport(
                run=f"{utc_text(time.clock())[:19]}Z-{secrets.token_hex(3)}",
                environment=settings.env,
                base_url=base_url,
                files=files,
                started_at=utc_text(time.clock()),
                notices=[*notices, *lacking, *found, *unknown, *_told_of(settings, new_ledger=new_ledger)],
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
                told=told,
            )
            runner = Runner(work, run=run, ledger=ledger, watcher=watcher, time=time)
            begun = time.timer()
            async with _transport(base_url, settings, inputs) as transport:
                if interrupts is not None:
                    interrupts.attach(runner.stop, partial(_hurry, runner, transport))
                await runner.run(None if settings.dry_run else transport, credentials)
            # As the ledger keeps it, so that a later report of the run tells the same.
            report.seconds = round(time.timer() - begun, 3)
        report.totals, report.reasons = runner.totals, runner.reasons
        report.measured = runner.measurement.measured()
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
            # A ledger that has failed says so at each step, and to whoever is told why the run stopped.
            if str(error) not in (*report.notices, *map(str, stops[:1])):
                report.notices.append(str(error))
            stops.append(error)
        report.exit_code = exit_code(report.totals, stops)

    async def compare() -> None:
        if (counted := ledger.count_outcomes(run)) != report.totals.outcomes:
            raise InternalError(
                _("The ledger counts {ledger}, and the run {run}. Trust the ledger, and report it.").format(
                    ledger=_counted(counted), run=_counted(report.totals.outcomes)
                )
            )

    async def write() -> None:
        if settings.adopt and not runner.read_everything:
            # They tell of leads that this run did not come to.
            report.notices.append(
                _("No results were written, so that those to adopt stay. Run the same again.")
            )
            return
        complete = runner.read_everything
        await asyncio.to_thread(write_files, report, run, ledger, inputs, settings, complete=complete)

    async def end() -> None:
        await ledger.end_run(run, report.summary(), report.details(), complete=runner.read_everything)

    async def summarise() -> None:
        if settings.summary is not None:
            write_summary(settings.summary, report.summary())

    async def draw() -> None:
        if settings.report is not None:
            await asyncio.to_thread(write_page, settings.report, report, dry_run=settings.dry_run)

    await step(ledger.flush)
    await step(compare)
    if not settings.dry_run:
        await step(write)
    report.stop = stops[0] if stops else None
    report.stopped = str(stops[0]) if stops else None
    await step(end)
    await step(summarise)
    await step(draw)


def _transport(base_url: str, settings: Settings, inputs: Sequence[Input]) -> Transport | SenderProcesses:
    """Return what sends: this process, or where there is much to send, others that it starts."""
    given: dict[str, Any] = {
        "base_url": base_url,
        "connections": settings.concurrency,
        "answer_seconds": settings.timeout,
        "proxy_from_environment": settings.proxy_from_environment,
    }
    rows = sum(one.sheet.height for one in inputs)
    if settings.limit is not None:
        rows = min(rows, settings.limit)
    processes = settings.processes or fitting_processes(rows, settings.concurrency, settings.rate)
    if processes == 1 or settings.dry_run or not MAY_BE_SEVERAL:
        return Transport(**given)
    return SenderProcesses(processes, **given)


def _hurry(runner: Runner, transport: Transport | SenderProcesses) -> None:
    runner.hurry()
    transport.abandon()


def _counted(outcomes: dict[OutcomeName, int]) -> str:
    return ", ".join(f"{count} {outcome}" for outcome, count in outcomes.items() if count) or _("nothing")


def _credentials(settings: Settings) -> tuple[Credentials, list[str]]:
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


def _told_by_results(
    ledger: SqliteLedger, inputs: Sequence[Input], files: Sequence[str], settings: Settings
) -> tuple[Told | None, list[str]]:
    """Return what the results that are adopted tell, and refuse others that tell of unknown leads.

    A dry run sends nothing, so there a person is only told.
    """
    if settings.adopt and settings.limit is not None:
        raise UsageError(_("--adopt takes over whole files of leads. Leave --limit out, once."))
    selection = Selection.of(settings)
    told = adopted(settings.adopt, inputs, selection) if settings.adopt else None
    taken = {path.resolve() for path in settings.adopt}
    notices = []
    for source in files:
        targets = {settings.results} if settings.results else set()
        if not is_of_program(source):
            # Those of leads that a program gave are written only where a file is named.
            targets.add(results_path(source, files, None))
        # The leads themselves, where they came back with their outcomes beside them.
        own = {Path(source) for given in inputs if given.path == path_of(source) and given.with_outcomes}
        for results in sorted({*targets, *own, *other_results(source)}):
            if results.resolve() in taken:
                continue
            try:
                refuse_unknown(
                    ledger,
                    results,
                    selection,
                    told,
                    environment=settings.env,
                    to_be_replaced=results in targets,
                )
            except UsageError as error:
                if not settings.dry_run:
                    raise
                notices.append(str(error))
    return told, notices


def _told_of(settings: Settings, *, new_ledger: bool) -> list[str]:
    told = []
    if new_ledger:
        told.append(
            _("The ledger {ledger} is new: it knows of nothing that was sent before.").format(
                ledger=settings.ledger
            )
        )
    if (settings.processes or 1) > 1 and not MAY_BE_SEVERAL:
        told.append(_("On Windows one process sends, so --processes is not used."))
    if settings.duplicates == "send":
        told.append(
            _("With --duplicates send, every run sends every row, also those that were created before.")
        )
    return told


@contextmanager
def _ledger(settings: Settings, clock: Callable[[], float]) -> Iterator[SqliteLedger]:
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
async def _api(settings: Settings, credentials: Credentials) -> AsyncIterator[str]:
    """Yield the base URL; for the environment `local`, that of a local API started for this run."""
    address = settings.api_address()
    if address is not None:
        yield address
        return
    from importer.local_api import LocalApi

    async with LocalApi(credentials) as api:
        yield api.base_url
