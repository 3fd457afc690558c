"""The command line. It only reads options and shows what comes back; the work is done elsewhere.

What a command needs is imported inside it, so that `--help` and `--version` answer at once.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from importer import __version__
from importer.errors import ImporterError, unexpected

if TYPE_CHECKING:
    from importer.console import LineLog
    from importer.local_api import LocalApi
    from importer.settings import Loaded

_FILES = "Files"
_SENDING = "Sending"
_OUTPUT = "What is written"
_SETTINGS = "Settings"

Files = Annotated[
    list[str],
    typer.Argument(
        metavar="FILE...",
        help="CSV (.csv .tsv .txt, also .gz; - for standard input), workbook (.xlsx .xlsm .xls .xlsb .ods).",
        show_default=False,
    ),
]
TemplateName = Annotated[
    str | None,
    typer.Option(
        "--template",
        metavar="NAME|FILE",
        help="Which inputs a lead has. [default: the one that the headers fit]",
        rich_help_panel=_FILES,
    ),
]
Columns = Annotated[
    list[str] | None,
    typer.Option(
        "--map",
        metavar="FIELD=COLUMN",
        help="The column of a field, where its header does not tell. Repeatable.",
        rich_help_panel=_FILES,
    ),
]
Sheets = Annotated[
    list[str] | None,
    typer.Option(
        "--sheet",
        metavar="NAME",
        help="A sheet to read. Repeatable. [default: every visible one with the columns]",
        rich_help_panel=_FILES,
    ),
]
Encoding = Annotated[
    str | None,
    typer.Option(
        "--encoding", metavar="NAME", help="Of a text file. [default: found]", rich_help_panel=_FILES
    ),
]
Limit = Annotated[
    int | None,
    typer.Option(
        "--limit",
        metavar="N",
        help="Only the first N rows that would be sent.",
        rich_help_panel=_FILES,
    ),
]
Environment = Annotated[
    str | None,
    typer.Option(
        "--env",
        metavar="local|sandbox|production",
        help="Where to send. local starts a local lead API for this run and needs no credentials. "
        "[default: sandbox]",
        rich_help_panel=_SENDING,
    ),
]
BaseUrl = Annotated[
    str | None,
    typer.Option(
        "--base-url",
        metavar="URL",
        help="Another address of the API; http:// only on this machine. [default: from --env]",
        rich_help_panel=_SENDING,
    ),
]
Concurrency = Annotated[
    int | None,
    typer.Option(
        "--concurrency",
        metavar="N",
        help="Requests under way at once, at most. [default: 16]",
        rich_help_panel=_SENDING,
    ),
]
Rate = Annotated[
    float | None,
    typer.Option(
        "--rate",
        metavar="N",
        help="Requests a second, at most. [default: no limit]",
        rich_help_panel=_SENDING,
    ),
]
Attempts = Annotated[
    int | None,
    typer.Option(
        "--attempts", metavar="N", help="Tries for one row, at most. [default: 5]", rich_help_panel=_SENDING
    ),
]
TimeoutSeconds = Annotated[
    float | None,
    typer.Option(
        "--timeout",
        metavar="S",
        help="Seconds to wait for an answer once a request was sent. [default: 60]",
        rich_help_panel=_SENDING,
    ),
]
OnDoubt = Annotated[
    str | None,
    typer.Option(
        "--on-doubt",
        metavar="hold|resend",
        help="Whether a request that may have been processed is sent again. [default: hold]",
        rich_help_panel=_SENDING,
    ),
]
Duplicates = Annotated[
    str | None,
    typer.Option(
        "--duplicates",
        metavar="skip|send",
        help="What happens to a lead that the ledger or the same file has already. [default: skip]",
        rich_help_panel=_SENDING,
    ),
]
RetryRejected = Annotated[
    bool | None,
    typer.Option(
        "--retry-rejected",
        help="Send rows again that the API refused, unchanged.",
        rich_help_panel=_SENDING,
        show_default=False,
    ),
]
DryRun = Annotated[
    bool | None,
    typer.Option("--dry-run", help="Stop before sending.", rich_help_panel=_SENDING, show_default=False),
]
Proxy = Annotated[
    bool | None,
    typer.Option(
        "--proxy-from-environment",
        help="Heed HTTPS_PROXY and its like.",
        rich_help_panel=_SENDING,
        show_default=False,
    ),
]
Results = Annotated[
    Path | None,
    typer.Option(
        "--results",
        metavar="FILE",
        help="Results, as .csv, .jsonl or .xlsx. [default: NAME.results.csv beside the input]",
        rich_help_panel=_OUTPUT,
    ),
]
LedgerFile = Annotated[
    Path | None,
    typer.Option(
        "--ledger",
        metavar="FILE",
        help="What was sent already. [default: in the user's state directory]",
        rich_help_panel=_OUTPUT,
    ),
]
Summary = Annotated[
    Path | None,
    typer.Option("--summary", metavar="FILE", help="The totals as JSON.", rich_help_panel=_OUTPUT),
]
LogFormat = Annotated[
    str | None,
    typer.Option(
        "--log-format",
        metavar="text|json",
        help="[default: text on a terminal, json otherwise]",
        rich_help_panel=_OUTPUT,
    ),
]
Quiet = Annotated[
    bool | None,
    typer.Option(
        "--quiet", help="Say nothing when all went well.", rich_help_panel=_OUTPUT, show_default=False
    ),
]
Verbose = Annotated[
    bool | None,
    typer.Option(
        "--verbose", help="Tell of every row that went wrong.", rich_help_panel=_OUTPUT, show_default=False
    ),
]
Config = Annotated[
    Path | None,
    typer.Option(
        "--config",
        metavar="FILE",
        help="A TOML file with any of these options, and the credentials.",
        rich_help_panel=_SETTINGS,
    ),
]

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
    "    one column named by hand, the first ten leads only"
)
def run(
    context: typer.Context,
    files: Files,
    template: TemplateName = None,
    columns: Columns = None,
    sheet: Sheets = None,
    encoding: Encoding = None,
    limit: Limit = None,
    env: Environment = None,
    base_url: BaseUrl = None,
    concurrency: Concurrency = None,
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
    summary: Summary = None,
    log_format: LogFormat = None,
    quiet: Quiet = None,
    verbose: Verbose = None,
    config: Config = None,
) -> None:
    """Import: read, map, check, send, record, write the results."""
    loaded = _settings(context)
    raise typer.Exit(asyncio.run(_import(files, loaded)))


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
    limit: Limit = None,
    env: Environment = None,
    base_url: BaseUrl = None,
    config: Config = None,
) -> None:
    """Do everything that run does before sending, and show it. Needs no credentials."""
    from rich.console import Console

    from importer.checking import check_files
    from importer.console import show_check
    from importer.importing import spooled
    from importer.intake import Selection

    loaded = _settings(context)
    with spooled(files, sys.stdin.buffer) as spool:
        report = check_files(files, Selection.of(loaded.settings), spool=spool, limit=loaded.settings.limit)
    report.notices[:0] = loaded.notices
    show_check(
        Console(highlight=False), report, loaded.settings.api_address() or "http://127.0.0.1:(any free port)"
    )
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
    config: Config = None,
) -> None:
    """Write the results of a file again from the ledger."""
    from importer.outputs import rewrite_results

    loaded = _settings(context)
    written, notices = rewrite_results(file, loaded.settings)
    for notice in (*loaded.notices, *notices):
        typer.echo(f"Note: {notice}", err=True)
    for path in written:
        typer.echo(f"Written: {path}")


@app.command()
def templates() -> None:
    """List the input templates: the fields of a lead, and the headers that fit them."""
    from rich.console import Console
    from rich.table import Table

    from importer.templates import customer_id_field, shipped_templates

    console = Console(highlight=False)
    for template in shipped_templates().values():
        table = Table(box=None, pad_edge=False, title_justify="left", header_style="bold")
        table.title = f"[bold]Template {template.name}[/]: {template.title}"
        table.add_column("Field", no_wrap=True)
        table.add_column("Headers that fit it, in any case, with or without accents")
        for field in (customer_id_field(), *template.fields):
            table.add_row(field.name, ", ".join((field.title, *field.synonyms)))
        console.print(table)
        console.print()
    console.print("A template of your own is a TOML file: --template FILE. Its form is", style="bright_black")
    console.print(
        'title = "Name and phone"\nfields = ["name", "phone", {name = "city", synonyms = ["tỉnh"]}]',
        markup=False,
    )


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
        typer.Option(metavar="FILE", help="Keep the applications in a file. [default: in memory]"),
    ] = None,
    fault: Annotated[
        list[str] | None,
        typer.Option(
            metavar="SPEC",
            help="Misbehave: a status such as 503, or delay, drop-before, drop-after, garbage, bad-json, "
            "no-id, other-customer, redirect; then :rate= first= every= times= each= customer= "
            "retry-after= format= reason= created= delay=. Repeatable.",
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the faults at random.")] = 0,
    config: Config = None,
) -> None:
    """Run the local lead API: to rehearse on, with faults on demand."""
    from importer.faults import parse_fault
    from importer.local_api import LOCAL_CREDENTIALS, LocalApi

    rules = [parse_fault(spec) for spec in fault or ()]
    given = _load({"config": config, "env": "local"}).settings.credentials()
    api = LocalApi(given or LOCAL_CREDENTIALS, faults=rules, store=store, seed=seed)
    asyncio.run(_serve(api, port))


async def _serve(api: LocalApi, port: int) -> None:
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


async def _import(files: list[str], loaded: Loaded) -> int:
    from rich.console import Console

    from importer.console import LineLog, ProgressDisplay, Silent, log_report, show_report
    from importer.importing import import_files

    settings = loaded.settings
    terminal = sys.stderr.isatty()
    as_json = settings.log_format == "json" or (settings.log_format is None and not terminal)
    log = LineLog(sys.stderr, as_json=as_json, verbose=settings.verbose)
    with ExitStack() as stack:
        watcher: LineLog | Silent = log
        if settings.quiet:
            watcher = Silent()
        elif terminal and not as_json and not settings.verbose:
            watcher = stack.enter_context(ProgressDisplay(Console(stderr=True, highlight=False)))
        ticking = asyncio.create_task(_tick(watcher)) if isinstance(watcher, LineLog) else None
        try:
            report = await import_files(
                files, settings, watcher=watcher, notices=loaded.notices, handle_signals=True
            )
        finally:
            if ticking is not None:
                ticking.cancel()
                with suppress(asyncio.CancelledError):
                    await ticking
    if settings.quiet and report.exit_code == 0:
        return 0
    if as_json:
        log_report(log, report, dry_run=settings.dry_run)
    else:
        show_report(Console(stderr=settings.quiet, highlight=False), report, dry_run=settings.dry_run)
    return report.exit_code


async def _tick(log: LineLog) -> None:
    while True:
        await asyncio.sleep(1)
        log.tick()


def _settings(context: typer.Context) -> Loaded:
    options = {name: value for name, value in context.params.items() if name not in ("files", "file")}
    options["map"] = options.pop("columns", None)
    return _load(options)


def _load(options: dict[str, object]) -> Loaded:
    from importer.settings import load_settings

    return load_settings(options)


def main() -> None:
    """Run the command line; whatever happens, a person reads one clear message and no traceback."""
    try:
        app()
    except ImporterError as error:
        _end(error)
    except KeyboardInterrupt:
        typer.echo("Interrupted before anything was sent.", err=True)
        sys.exit(128 + signal.SIGINT)
    except BrokenPipeError:
        # Whoever read the output has gone; nothing is left to be said to them.
        with suppress(OSError):
            sys.stdout.close()
        sys.exit(128 + signal.SIGPIPE)
    except Exception as error:
        _end(unexpected(error))


def _end(error: ImporterError) -> None:
    from importer.console import print_error

    print_error(str(error))
    sys.exit(error.exit_code)
