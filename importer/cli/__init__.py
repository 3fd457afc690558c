"""The command line. It only reads options and shows what comes back; the work is done elsewhere.

What a command needs is imported inside it, so that `--help` and `--version` answer at once.
"""

from __future__ import annotations

import gc
import io
import os
import signal
import sys
import time
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

from importer import __version__, failpoints
from importer.cli.history import history
from importer.cli.init import init
from importer.cli.loading import load
from importer.cli.options import (
    Adopt,
    Archive,
    Attempts,
    BaseUrl,
    Columns,
    Concurrency,
    Config,
    DryRun,
    Duplicates,
    Encoding,
    Environment,
    Files,
    Language,
    LedgerFile,
    Limit,
    LogFormat,
    Metrics,
    NoRepair,
    Notify,
    NotifyOn,
    OnDoubt,
    Problems,
    Processes,
    Profile,
    Proxy,
    Quiet,
    Rate,
    Report,
    Results,
    RetryRejected,
    Sheets,
    Strict,
    Summary,
    TemplateName,
    TimeoutSeconds,
    Verbose,
)
from importer.cli.report import report as write_report
from importer.cli.resolve import ResolveCommand, resolve
from importer.cli.responses import responses
from importer.cli.templates import commands as template_commands
from importer.cli.update import update
from importer.errors import ImporterError, unexpected
from importer.language import _, language_of, speaking

if TYPE_CHECKING:
    from importer.settings import Loaded

app = typer.Typer(
    name="lead-importer",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"lead-importer {__version__}")
        raise typer.Exit


@app.callback(
    epilog="[bold]Start here[/]: lead-importer run leads.csv --env local   sends to this machine only, "
    "to see what happens."
)
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Import spreadsheets of leads into the Tini App lead API: never twice, never lost."""


@app.command(
    epilog="[bold]Examples[/]\n\n"
    "lead-importer run leads.xlsx --env local\n\n"
    "    rehearse: a local lead API, no credentials, nothing leaves this machine\n\n"
    "lead-importer run leads.csv --env production --summary totals.json\n\n"
    "    for real; run it again at any time: what was created is not sent again\n\n"
    "lead-importer run leads.csv --map phone='Di động' --limit 10\n\n"
    "    one column named by hand, the first ten leads only\n\n"
    "lead-importer run inbox --env production --archive done --quiet\n\n"
    "    every night: all files of a folder, and not a word unless there is trouble"
)
def run(
    context: typer.Context,
    files: Files,
    template: TemplateName = None,
    columns: Columns = None,
    sheet: Sheets = None,
    encoding: Encoding = None,
    no_repair: NoRepair = None,
    strict: Strict = None,
    limit: Limit = None,
    env: Environment = None,
    base_url: BaseUrl = None,
    concurrency: Concurrency = None,
    processes: Processes = None,
    rate: Rate = None,
    attempts: Attempts = None,
    timeout: TimeoutSeconds = None,
    on_doubt: OnDoubt = None,
    duplicates: Duplicates = None,
    retry_rejected: RetryRejected = None,
    dry_run: DryRun = None,
    proxy_from_environment: Proxy = None,
    results: Results = None,
    ledger: LedgerFile = None,
    adopt: Adopt = None,
    summary: Summary = None,
    report: Report = None,
    archive: Archive = None,
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
    """Import: read, map, check, send, record, write the results."""
    from importer.cli.running import run_import
    from importer.event_loops import run_loop
    from importer.importing import spooled

    loaded = _settings(context)
    with spooled(files, sys.stdin.buffer) as spool:
        code = run_loop(run_import(files, loaded, spool))
    raise typer.Exit(code)


@app.command(
    epilog="[bold]Example[/]\n\nlead-importer check leads.xlsx\n\n"
    "    which column is what, which rows would not be sent and why, and the first request"
)
def check(
    context: typer.Context,
    files: Files,
    template: TemplateName = None,
    columns: Columns = None,
    sheet: Sheets = None,
    encoding: Encoding = None,
    no_repair: NoRepair = None,
    strict: Strict = None,
    limit: Limit = None,
    problems: Problems = None,
    env: Environment = None,
    base_url: BaseUrl = None,
    lang: Language = None,
    config: Config = None,
    profile: Profile = None,
) -> None:
    """Do everything that run does before sending, and show it. Needs no credentials."""
    from importer.checking import check_files
    from importer.cli.running import reader_may_leave
    from importer.console import Screen, show_check
    from importer.findings import FindingList
    from importer.gathering import gather
    from importer.importing import spooled
    from importer.intake import Selection
    from importer.passed_over import refusals_of_passed_over
    from importer.places import refuse_bad_list

    loaded = _settings(context)
    settings = loaded.settings
    # Nothing is sent, so a file that is still being written may be looked at.
    gathered = gather(files).settled(time.time())
    if settings.problems:
        refuse_bad_list(settings.problems, gathered.files)
    listing = FindingList() if settings.problems else nullcontext()
    with spooled(files, sys.stdin.buffer) as spool, listing as findings:
        report = check_files(
            gathered.files,
            Selection.of(settings),
            spool=spool,
            limit=settings.limit,
            findings=findings,
            found=gathered.found,
        )
        if findings and settings.problems:
            findings.write(settings.problems)
    report.notices[:0] = [*loaded.notices, *gathered.notices]
    report.refused[:0] = [*gathered.stuck, *refusals_of_passed_over(files, None)]
    address = settings.api_address() or _("http://127.0.0.1:(any free port)")
    with reader_may_leave():
        show_check(Screen(), report, address, settings.problems)
    raise typer.Exit(report.exit_code)


@app.command(
    epilog="[bold]Example[/]\n\nlead-importer results leads.csv --results leads.results.xlsx\n\n"
    "    from the ledger, as often as you like; nothing is sent"
)
def results(
    context: typer.Context,
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="A file that was imported before.", show_default=False)
    ],
    results: Results = None,
    ledger: LedgerFile = None,
    template: TemplateName = None,
    columns: Columns = None,
    sheet: Sheets = None,
    encoding: Encoding = None,
    no_repair: NoRepair = None,
    strict: Strict = None,
    lang: Language = None,
    config: Config = None,
    profile: Profile = None,
) -> None:
    """Write the results of a file again from the ledger."""
    from importer.outputs import rewrite_results

    loaded = _settings(context)
    written, notices = rewrite_results(file, loaded.settings)
    for notice in (*loaded.notices, *notices):
        typer.echo(_("Note: {notice}").format(notice=notice), err=True)
    for path in written:
        typer.echo(_("Written: {path}").format(path=path))


app.add_typer(template_commands, name="templates")


app.command(
    "resolve",
    cls=ResolveCommand,
    epilog="[bold]Examples[/]\n\n"
    "lead-importer resolve leads.csv\n\n"
    "    the rows in doubt: look for these customers in the Tini console\n\n"
    "lead-importer resolve leads.csv --created 17=141952217564315671 --not-created 18 20-25\n\n"
    "    then run the same import again: what does not exist is sent",
)(resolve)


app.command(
    "update",
    epilog="[bold]Examples[/]\n\n"
    "lead-importer update leads.results.csv --env production\n\n"
    "    the results of a run, in whose column status you wrote disbursed or rejected\n\n"
    "lead-importer update statuses.xlsx --map application_id='Mã' --map status='Kết quả'",
)(update)


app.command(
    "responses",
    epilog="[bold]Examples[/]\n\n"
    "lead-importer responses --form 12 --form 13 -o responses.xlsx --env production\n\n"
    "lead-importer responses --form 12 --since 2026-11-01 --until 2026-11-30 -o november.csv",
)(responses)


app.command(
    "history",
    epilog="[bold]Examples[/]\n\n"
    "lead-importer history --limit 5\n\n"
    "    the last five runs\n\n"
    "lead-importer history last\n\n"
    "    the last run in full; its name, or the beginning of that, names any other",
)(history)


app.command(
    "report",
    epilog="[bold]Example[/]\n\nlead-importer report last -o report.html\n\n"
    "    one page without any script, to open or to mail",
)(write_report)


app.command(
    "init",
    epilog="[bold]Example[/]\n\nlead-importer init\n\n"
    "    then fill in the credentials, and: lead-importer doctor",
)(init)


@app.command(epilog="[bold]Examples[/]\n\nlead-importer doctor\n\nlead-importer doctor --profile production")
def doctor(
    context: typer.Context,
    env: Environment = None,
    base_url: BaseUrl = None,
    ledger: LedgerFile = None,
    proxy_from_environment: Proxy = None,
    lang: Language = None,
    config: Config = None,
    profile: Profile = None,
) -> None:
    """Check that everything is set up: settings, versions, files, disks, ledger, credentials, API, clock.

    It shows each setting and where it comes from. It creates nothing: the API is asked for a list, whose
    content is not looked at.
    """
    from importer.cli.running import reader_may_leave
    from importer.console import Screen, show_findings, show_settings
    from importer.doctor import examine, exit_code
    from importer.event_loops import run_loop
    from importer.settings.listing import listed

    loaded = _settings(context)
    findings = run_loop(examine(loaded.settings, time.time))
    with reader_may_leave():
        show_settings(Screen(), listed(loaded))
        show_findings(Screen(), findings, loaded.notices)
    raise typer.Exit(exit_code(findings))


@app.command(
    "local-api",
    epilog="[bold]Examples[/]\n\n"
    "lead-importer local-api --fault 429:retry-after=1,rate=0.05 --fault drop-after:customer=1001\n\n"
    "lead-importer run leads.csv --env local --base-url http://127.0.0.1:8700\n\n"
    "    rehearse against it, from another terminal",
)
def local_api(
    context: typer.Context,
    port: Annotated[int, typer.Option(help="0 takes any that is free.", min=0, max=65535)] = 8700,
    store: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Keep the applications in a file. Default: in memory."),
    ] = None,
    fault: Annotated[
        list[str] | None,
        typer.Option(
            metavar="SPEC",
            help="Misbehave: KIND or KIND:KEY=VALUE,… with a status such as 503, or delay, drop-before, "
            "drop-after, garbage, bad-json, no-id, other-customer, redirect. Which requests: rate=0.05 "
            "first=3 every=10 times=2 each=1 customer=1001|1002. A status takes retry-after=1, "
            "format=api|html|empty, reason=TEXT, created=yes and delay=0.5; delay takes seconds=2. "
            "on=create|update|list is for one operation only. Repeatable.",
        ),
    ] = None,
    responses: Annotated[
        str | None,
        typer.Option(
            metavar="FILE|N",
            help="The form responses to list: a file of JSON lines, or so many invented ones of form 1.",
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the faults at random.")] = 0,
    config: Config = None,
    profile: Profile = None,
) -> None:
    """Run the local lead API: to rehearse on, with faults on demand."""
    from importer.cli.running import serve
    from importer.event_loops import run_loop
    from importer.faults import parse_fault
    from importer.local_api import LOCAL_CREDENTIALS, LocalApi
    from importer.local_responses import given_responses

    rules = [parse_fault(spec) for spec in fault or ()]
    given = load({"config": config, "profile": profile, "env": "local"}).settings.credentials()
    listed = given_responses(responses) if responses else ()
    api = LocalApi(given or LOCAL_CREDENTIALS, faults=rules, store=store, seed=seed, responses=listed)
    run_loop(serve(api, port))


def _settings(context: typer.Context) -> Loaded:
    options = {name: value for name, value in context.params.items() if name not in ("files", "file")}
    options["map"] = options.pop("columns", None)
    return load(options)


def main() -> None:
    """Run the command line; whatever happens, a person reads one clear message and no traceback."""
    # What is told before the settings are known, and where they say nothing of it.
    with speaking(language_of(os.environ)):
        _run()


def _run() -> None:
    # A process that was started without them has none to print to.
    sys.stdout = sys.stdout or _nowhere()
    sys.stderr = sys.stderr or _nowhere()
    for stream in (sys.stdout, sys.stderr):
        # A terminal or log in an old encoding gets a question mark for a sign that it cannot show.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    # The rows of a chunk are many objects without cycles: looking for some at every few hundred takes a sixth
    # of the time of a check.
    gc.set_threshold(50_000)
    try:
        failpoints.arm(os.environ)
        app()
    except ImporterError as error:
        _end(error)
    except KeyboardInterrupt:
        typer.echo(_("Interrupted before anything was sent."), err=True)
        sys.exit(128 + signal.SIGINT)
    except BrokenPipeError:
        # Whoever read the output has gone; nothing is left to be said to them.
        with suppress(OSError):
            sys.stdout.close()
        sys.exit(128 + signal.SIGPIPE)
    except Exception as error:
        _end(unexpected(error))


def _nowhere() -> TextIO:
    return open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123 - it is open until the process ends


def _end(error: ImporterError) -> None:
    from importer.console import print_error

    print_error(str(error))
    sys.exit(error.exit_code)
