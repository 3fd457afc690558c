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
from collections.abc import Awaitable, Callable, Iterator, Sequence, Set
from contextlib import ExitStack, contextmanager, suppress
from datetime import date
from functools import partial
from pathlib import Path
from typing import BinaryIO, Protocol

from importer.access import account_held, api_of, credentials_of, ledger_of, transport_of
from importer.adoption import adopted, refuse_unknown
from importer.archiving import archive_files, refuse_bad_archive, strange_results
from importer.disks import stamp_of
from importer.errors import ImporterError, InternalError, UsageError
from importer.failpoints import refuse_unsafe
from importer.gathering import Gathered, gather
from importer.identity import account_id
from importer.intake import Identity, Input, Opened, Selection, open_files, path_of
from importer.interrupts import Interruption
from importer.language import _
from importer.ledger import Policy, RunStart
from importer.ledger.sqlite import SqliteLedger
from importer.ledger.told import Told
from importer.model import OutcomeName
from importer.operations import utc_text
from importer.outputs import write_files
from importer.page import write_page
from importer.passed_over import refusals_of_passed_over
from importer.places import other_results, refuse_bad_places, results_path
from importer.pool import Steering, Time, Watcher
from importer.report import ImportReport, exit_code
from importer.results import write_summary
from importer.runner import Runner, Work
from importer.senders import MAY_BE_SEVERAL, SenderProcesses
from importer.settings import Settings
from importer.sheets import STANDARD_INPUT
from importer.sources import is_of_program
from importer.transport import Transport


class Opening(Protocol):
    """What opens the inputs of a run; :func:`importer.intake.open_files` does."""

    def __call__(
        self,
        sources: Sequence[str],
        selection: Selection,
        *,
        spool: Path | None = None,
        found: Set[str] = frozenset(),
    ) -> Opened:
        """Return the inputs, and what the person should know of them."""


def system_time() -> Time:
    """Return the clocks of this machine, and chance that nobody foresees."""
    return Time(clock=time.time, timer=time.monotonic, chance=random.SystemRandom())


def run_name(now: float) -> str:
    """Return the name of a run that begins at `now`, seconds since the epoch; no other has it."""
    return f"{utc_text(now)[:19]}Z-{secrets.token_hex(3)}"


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
    opening: Opening | None = None,
    name: str | None = None,
) -> ImportReport:
    """Import the files that `sources` name, folders and patterns too, and return what became of them.

    `spool` is where the bytes of standard input are (:func:`spooled`); `interrupts` are heeded if given;
    `opening` opens what is no file, too, if `sources` name such; `name` is what the run is called, if not
    :func:`run_name` is to say. Raises
    :class:`importer.errors.ImporterError` for what keeps the run from beginning; nothing was sent then. What
    stops it later is told in the report, and so is a file of a folder or pattern that cannot be read.
    """
    time = time or system_time()
    refuse_unsafe(settings.env)
    credentials, lacking = credentials_of(settings)
    gathered = await _gathered(sources, time)
    stamps = {source: stamp_of(Path(source)) for source in gathered.files}
    with ExitStack() as stack:
        opened = (opening or open_files)(
            gathered.files, Selection.of(settings), spool=spool, found=gathered.found
        )
        inputs = opened.inputs
        paths = {given.path for given in inputs}
        files = [source for source in gathered.files if path_of(source) in paths]
        refuse_bad_places(
            files, settings.results, settings.summary, settings.ledger_path(), report=settings.report
        )
        if settings.archive is not None and not settings.dry_run:
            refuse_bad_archive(settings.archive)
        now = time.clock()
        report = ImportReport(
            run=name or run_name(now),
            environment=settings.env,
            base_url=settings.api_address() or "",
            files=files,
            started_at=utc_text(now),
            left=gathered.left,
            refused=[*gathered.stuck, *opened.refused],
            notices=[*notices, *lacking, *gathered.notices, *opened.notices],
        )
        if not files:
            report.refused += refusals_of_passed_over(sources, None)
            await _conclude_nothing(report, settings, now)
            return report
        new_ledger = settings.ledger is not None and not settings.ledger.exists()
        account = account_id(credentials.client_key)
        stack.enter_context(account_held(settings, account))
        ledger = stack.enter_context(ledger_of(settings, time.clock))
        told, unknown = _told_by_results(ledger, inputs, files, settings)
        async with api_of(settings, credentials) as base_url:
            report.base_url = base_url
            report.notices += [*unknown, *_told_of(settings, new_ledger=new_ledger)]
            run = await ledger.begin_run(start_of(report))
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
                may_fail={path_of(source) for source in gathered.found},
            )
            runner = Runner(work, run=run, ledger=ledger, watcher=watcher, time=time)
            begun = time.timer()
            rows = sum(given.sheet.height for given in inputs)
            async with transport_of(base_url, settings, rows) as transport:
                if interrupts is not None:
                    interrupts.attach(runner.stop, partial(hurry, runner, transport))
                await runner.run(None if settings.dry_run else transport, credentials)
            # As the ledger keeps it, so that a later report of the run tells the same.
            report.seconds = round(time.timer() - begun, 3)
        take_in(report, runner, time.clock())
        archive = None
        if settings.archive is not None and not settings.dry_run:
            today = date.fromtimestamp(time.clock()).isoformat()
            read = paths - opened.partly - set(runner.unread)
            archive = partial(archive_files, report, run, ledger, settings.archive, stamps, today, read)
        passed_over = partial(refusals_of_passed_over, sources, ledger)
        await _conclude(report, runner, run, ledger, inputs, settings, passed_over, archive)
    return report


async def _gathered(sources: Sequence[str], time: Time) -> Gathered:
    """Return the files to read, once those in folders have been looked at for long enough."""
    gathering = gather(sources)
    await time.pause(gathering.seconds_to_wait(time.clock()))
    return gathering.settled(time.clock())


async def _conclude_nothing(report: ImportReport, settings: Settings, now: float) -> None:
    """Conclude a run that found no file that it could import: the ledger has nothing to know of it.

    Its page takes the place of an earlier one, which would be taken for that of this run.
    """
    report.finished_at = utc_text(now)
    report.exit_code = exit_code(report.totals, report.refused)
    if settings.summary is not None:
        write_summary(settings.summary, report.summary())
    if settings.report is not None:
        await asyncio.to_thread(write_page, settings.report, report, dry_run=settings.dry_run)


def start_of(report: ImportReport) -> RunStart:
    """Return what the ledger keeps of a run when it begins."""
    return RunStart(
        name=report.run,
        environment=report.environment,
        base_url=report.base_url,
        started_at=report.started_at,
        command=report.command,
    )


def take_in(report: ImportReport, steering: Steering, now: float) -> None:
    """Let `report` tell what was counted and measured until the end, `now`, seconds since the epoch."""
    report.totals, report.reasons = steering.totals, steering.reasons
    report.measured = steering.measurement.measured()
    report.finished_at = utc_text(now)


async def _conclude(
    report: ImportReport,
    runner: Runner,
    run: int,
    ledger: SqliteLedger,
    inputs: Sequence[Input],
    settings: Settings,
    passed_over: Callable[[], Sequence[UsageError]],
    archive: Callable[[], None] | None,
) -> None:
    """Write everything that a run leaves behind; what cannot be written keeps nothing else from being.

    Only with its results on disk is a file finished, so that `archive` may move it.
    """
    stops = list(runner.stops)
    report.refused += runner.refused

    async def step(work: Callable[[], Awaitable[None]]) -> bool:
        done = False
        try:
            await work()
            done = True
        except ImporterError as error:
            # A ledger that has failed says so at each step, and to whoever is told why the run stopped.
            if str(error) not in (*report.notices, *map(str, stops[:1])):
                report.notices.append(str(error))
            stops.append(error)
        report.exit_code = exit_code(report.totals, [*stops, *report.refused])
        return done

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

    async def look_again() -> None:
        report.refused += await asyncio.to_thread(passed_over)

    async def end() -> None:
        archived = {path_of(source): path_of(str(place)) for source, place in report.archived.items()}
        details = {**report.details(), "archived": archived}
        await ledger.end_run(run, report.summary(), details, complete=runner.read_everything)
        for path, place in archived.items():
            await ledger.move_file(run, path, place)

    async def summarise() -> None:
        if settings.summary is not None:
            write_summary(settings.summary, report.summary())

    async def draw() -> None:
        if settings.report is not None:
            await asyncio.to_thread(write_page, settings.report, report, dry_run=settings.dry_run)

    await step(ledger.flush)
    await step(compare)
    written = not settings.dry_run and await step(write)
    # Before the leads are moved that keep rows to mend beside them from being read.
    await step(look_again)
    # Where no results were written, those to adopt are still needed with their leads.
    if written and archive is not None and (runner.read_everything or not settings.adopt):
        await step(partial(asyncio.to_thread, archive))
    report.stop = stops[0] if stops else None
    report.stopped = str(report.stop) if report.stop else None
    await step(end)
    await step(summarise)
    await step(draw)


def hurry(steering: Steering, transport: Transport | SenderProcesses) -> None:
    """Wait no longer: neither for answers nor for the rest of the rows."""
    steering.hurry()
    transport.abandon()


def _counted(outcomes: dict[OutcomeName, int]) -> str:
    return ", ".join(f"{count} {outcome}" for outcome, count in outcomes.items() if count) or _("nothing")


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
    notices: list[str] = []

    def check(*paths: Path, to_be_replaced: bool = False) -> None:
        try:
            refuse_unknown(
                ledger,
                [path for path in paths if path.resolve() not in taken],
                selection,
                told,
                environment=settings.env,
                to_be_replaced=to_be_replaced,
            )
        except UsageError as error:
            if not settings.dry_run:
                raise
            notices.append(str(error))

    for source in files:
        targets = {settings.results} if settings.results else set()
        if not is_of_program(source):
            # Those of leads that a program gave are written only where a file is named.
            targets.add(results_path(source, files, None))
        # The leads themselves, where they came back with their outcomes beside them.
        own = {Path(source) for given in inputs if given.path == path_of(source) and given.with_outcomes}
        for results in sorted({*targets, *own, *other_results(source)}):
            check(results, to_be_replaced=results in targets)
    if settings.archive is not None:
        check(*strange_results(settings.archive, ledger))
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
