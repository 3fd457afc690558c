"""The commands that go on for a while, and what is seen of them meanwhile."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from importer.console import LineLog, ProgressDisplay, Screen, Silent, log_report, show_report
from importer.console.exporting import ExportDisplay, ExportLog, log_export, show_export
from importer.errors import ImporterError, unexpected
from importer.exporting import export_responses
from importer.importing import import_files, run_name
from importer.interrupts import Interrupts
from importer.metrics import write_metrics
from importer.model import OUTCOMES_OF, Command, Totals
from importer.notification import notify
from importer.operations import utc_text
from importer.report import ImportReport

if TYPE_CHECKING:
    from importer.local_api import LocalApi
    from importer.settings import Loaded, Settings


@contextmanager
def reader_may_leave() -> Iterator[None]:
    """Print to where nobody may read it, such as a pipe that was closed or a disk that is full.

    The exit code tells of the work, not of the reader.
    """
    try:
        yield
        sys.stdout.flush()
    except OSError:
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except OSError:
                # So that nothing tries to write what is left when the process ends.
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


async def serve(api: LocalApi, port: int) -> None:
    """Let `api` serve on `port` until SIGINT or SIGTERM."""
    base_url = await api.start(port=port)
    typer.echo(f"The local lead API listens on {base_url}; Ctrl-C ends it.")
    typer.echo(f"  import:  lead-importer run FILE --env local --base-url {base_url}")
    typer.echo(f"  created: {base_url}/_control/applications")
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ended.set)
    await ended.wait()
    await api.stop()
    typer.echo(f"It created {api.stats.created:,} applications for {api.stats.requests:,} requests.")


async def run_import(files: list[str], loaded: Loaded, spool: Path | None) -> int:
    """Import `files`, show it as the settings say, tell it elsewhere, and return the exit code."""
    work = partial(import_files, files, loaded.settings, notices=loaded.notices, spool=spool)
    return await run_shown(work, files, loaded.settings)


async def run_shown(
    work: Callable[..., Awaitable[ImportReport]],
    files: list[str],
    settings: Settings,
    *,
    command: Command = "run",
) -> int:
    """Do `work` on `files`, show it as the settings say, tell it elsewhere, and return the exit code.

    The work is given a watcher, the interrupts and the name of the run.
    """
    # What was made until now stays to the end, and rows that come and go make no cycles: nearly all that the
    # collector looks at is there in vain.
    gc.freeze()
    as_json = _as_json(settings)
    name = run_name(time.time())
    log = LineLog(sys.stderr, as_json=as_json, verbose=settings.verbose, run=name)
    with Interrupts() as interrupts:
        begun = utc_text(time.time())
        try:
            with _watching(settings, log, ProgressDisplay) as watcher:
                report = await work(watcher=watcher, interrupts=interrupts, name=name)
        except Exception as error:
            failure = error if isinstance(error, ImporterError) else unexpected(error)
            report = _not_begun(command, files, settings, name, begun, failure)
            for notice in await _tell_elsewhere(report, settings):
                log.write("warning", "notice", notice)
            if not as_json:
                raise failure from error
            log.write("error", "failed", str(failure), exit_code=failure.exit_code)
            return failure.exit_code
        report.notices += await _tell_elsewhere(report, settings)
        if settings.quiet and report.exit_code == 0:
            return 0
        with reader_may_leave():
            if as_json:
                log_report(log, report, dry_run=settings.dry_run)
            else:
                show_report(Screen(stderr=settings.quiet), report, dry_run=settings.dry_run)
    return report.exit_code


async def run_export(loaded: Loaded, *, replace: bool = False) -> int:
    """Export responses, show it as the settings say, and return the exit code.

    `replace` lets the output replace a file that holds something else.
    """
    settings = loaded.settings
    as_json = _as_json(settings)
    name = run_name(time.time())
    log = ExportLog(sys.stderr, as_json=as_json, verbose=settings.verbose, run=name)
    with Interrupts() as interrupts:
        try:
            with _watching(settings, log, ExportDisplay) as watcher:
                report = await export_responses(
                    settings,
                    watcher=watcher,
                    notices=loaded.notices,
                    interrupts=interrupts,
                    name=name,
                    replace=replace,
                )
        except Exception as error:
            failure = error if isinstance(error, ImporterError) else unexpected(error)
            if not as_json:
                raise failure from error
            log.write("error", "failed", str(failure), exit_code=failure.exit_code)
            return failure.exit_code
        if settings.quiet and report.exit_code == 0:
            return 0
        with reader_may_leave():
            if as_json:
                log_export(log, report)
            else:
                show_export(Screen(stderr=settings.quiet), report)
    return report.exit_code


def _not_begun(
    command: Command, files: list[str], settings: Settings, name: str, begun: str, failure: ImporterError
) -> ImportReport:
    """Return what is told elsewhere of a run that could not begin."""
    return ImportReport(
        run=name,
        command=command,
        environment=settings.env,
        base_url=settings.api_address() or "",
        files=files,
        started_at=begun,
        finished_at=utc_text(time.time()),
        totals=Totals(outcomes=dict.fromkeys(OUTCOMES_OF[command], 0)),
        stopped=str(failure),
        stop=failure,
        exit_code=failure.exit_code,
    )


async def _tell_elsewhere(report: ImportReport, settings: Settings) -> list[str]:
    """Write the metrics and post the summary, as the settings say; return what could not be done.

    A dry run is nobody else's business.
    """
    if settings.dry_run:
        return []
    failures = []
    if settings.metrics is not None:
        failures.append(write_metrics(settings.metrics, report, time.time()))
    if settings.notify is not None and (settings.notify_on == "always" or report.exit_code != 0):
        failures.append(
            await notify(
                settings.notify.get_secret_value(),
                report,
                proxy_from_environment=settings.proxy_from_environment,
            )
        )
    return list(filter(None, failures))


def _as_json(settings: Settings) -> bool:
    # What a quiet run says is for a person: cron mails it.
    return settings.log_format == "json" or (
        settings.log_format is None and not settings.quiet and not sys.stderr.isatty()
    )


@contextmanager
def _watching(settings: Settings, log: LineLog, display: type[ProgressDisplay]) -> Iterator[LineLog | Silent]:
    """Yield who watches, as the settings say."""
    if settings.quiet:
        yield Silent()
    elif sys.stderr.isatty() and not _as_json(settings) and not settings.verbose:
        with display(Screen(stderr=True)) as shown:
            yield shown
    else:
        ticking = asyncio.create_task(_tick(log))
        try:
            yield log
        finally:
            ticking.cancel()


async def _tick(log: LineLog) -> None:
    while True:
        await asyncio.sleep(1)
        log.tick()
