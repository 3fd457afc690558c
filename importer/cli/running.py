"""The commands that go on for a while, and what is seen of them meanwhile."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from importer.console import LineLog, ProgressDisplay, Screen, Silent, log_report, show_report
from importer.console.exporting import ExportDisplay, ExportLog, log_export, show_export
from importer.exporting import export_responses
from importer.importing import import_files
from importer.interrupts import Interrupts

if TYPE_CHECKING:
    from importer.local_api import LocalApi
    from importer.report import ImportReport
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
    """Import `files`, show it as the settings say, and return the exit code."""
    work = partial(import_files, files, loaded.settings, notices=loaded.notices, spool=spool)
    return await run_shown(work, loaded.settings)


async def run_shown(work: Callable[..., Awaitable[ImportReport]], settings: Settings) -> int:
    """Do `work`, which is given a watcher and the interrupts, show it, and return the exit code."""
    # What was made until now stays to the end, and rows that come and go make no cycles: nearly all that the
    # collector looks at is there in vain.
    gc.freeze()
    as_json = _as_json(settings)
    log = LineLog(sys.stderr, as_json=as_json, verbose=settings.verbose)
    with Interrupts() as interrupts:
        with _watching(settings, log, ProgressDisplay) as watcher:
            report = await work(watcher=watcher, interrupts=interrupts)
        if settings.quiet and report.exit_code == 0:
            return 0
        with reader_may_leave():
            if as_json:
                log_report(log, report, dry_run=settings.dry_run)
            else:
                show_report(Screen(stderr=settings.quiet), report, dry_run=settings.dry_run)
    return report.exit_code


async def run_export(loaded: Loaded) -> int:
    """Export responses, show it as the settings say, and return the exit code."""
    settings = loaded.settings
    as_json = _as_json(settings)
    log = ExportLog(sys.stderr, as_json=as_json, verbose=settings.verbose)
    with Interrupts() as interrupts:
        with _watching(settings, log, ExportDisplay) as watcher:
            report = await export_responses(
                settings, watcher=watcher, notices=loaded.notices, interrupts=interrupts
            )
        if settings.quiet and report.exit_code == 0:
            return 0
        with reader_may_leave():
            if as_json:
                log_export(log, report)
            else:
                show_export(Screen(stderr=settings.quiet), report)
    return report.exit_code


def _as_json(settings: Settings) -> bool:
    return settings.log_format == "json" or (settings.log_format is None and not sys.stderr.isatty())


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
