"""The command that sets statuses in bulk."""

from __future__ import annotations

import sys
from functools import partial
from typing import Annotated

import typer

from importer.cli.loading import load
from importer.cli.options import (
    Attempts,
    BaseUrl,
    Columns,
    Concurrency,
    Config,
    DryRun,
    Encoding,
    Environment,
    Language,
    LedgerFile,
    Limit,
    LogFormat,
    Metrics,
    Notify,
    NotifyOn,
    Processes,
    Profile,
    Proxy,
    Quiet,
    Rate,
    Sheets,
    Strict,
    Summary,
    TimeoutSeconds,
    UpdateResults,
    Verbose,
)


def update(
    context: typer.Context,
    file: Annotated[
        str,
        typer.Argument(
            metavar="FILE",
            help="CSV or workbook with the columns application_id and status, such as the results of a run.",
            show_default=False,
        ),
    ],
    columns: Columns = None,
    sheet: Sheets = None,
    encoding: Encoding = None,
    strict: Strict = None,
    limit: Limit = None,
    env: Environment = None,
    base_url: BaseUrl = None,
    concurrency: Concurrency = None,
    processes: Processes = None,
    rate: Rate = None,
    attempts: Attempts = None,
    timeout: TimeoutSeconds = None,
    dry_run: DryRun = None,
    proxy_from_environment: Proxy = None,
    results: UpdateResults = None,
    ledger: LedgerFile = None,
    summary: Summary = None,
    notify: Notify = None,
    notify_on: NotifyOn = None,
    metrics: Metrics = None,
    log_format: LogFormat = None,
    quiet: Quiet = None,
    verbose: Verbose = None,
    lang: Language = None,
    config: Config = None,
    profile: Profile = None,
) -> None:
    """Set the statuses of applications: new, disbursed or rejected.

    The ledger remembers what was set, so a second run sends nothing.
    What is not certain is sent again, which does no harm.
    """
    from importer.cli.running import run_shown
    from importer.event_loops import run_loop
    from importer.importing import spooled
    from importer.updating import update_file

    options = {name: value for name, value in context.params.items() if name != "file"}
    options["map"] = options.pop("columns")
    loaded = load(options)
    with spooled([file], sys.stdin.buffer) as spool:
        work = partial(update_file, file, loaded.settings, notices=loaded.notices, spool=spool)
        code = run_loop(run_shown(work, [file], loaded.settings, command="update"))
    raise typer.Exit(code)
