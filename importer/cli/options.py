"""The options of the commands, each defined once.

None of them has a default here: what was not given may stand in the environment or in a file, and
:mod:`importer.settings` has the defaults that the help texts tell. Numbers are text here: the settings check
them, and say in the same words what is allowed wherever they come from.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from importer.errors import UsageError
from importer.language import LANGUAGES, _, speak


def _speak(language: str | None) -> str | None:
    """Have all that is told from here on in `language`, what is wrong with other options included.

    Raises :class:`UsageError` for a language that is not spoken.
    """
    if language in LANGUAGES:
        speak(language)
    elif language is not None:
        raise UsageError(
            _("{place}: {value} is not allowed; give {allowed}.").format(
                place=_("option --{name}").format(name="lang"), value=repr(language), allowed=_("en or vi")
            )
        )
    return language


_FILES = "Files"
_SENDING = "Sending"
_OUTPUT = "What is written"
_SETTINGS = "Settings"

Files = Annotated[
    list[str],
    typer.Argument(
        metavar="FILE...",
        help="CSV (.csv .tsv .txt, also .gz; - for standard input), workbook (.xlsx .xlsm .xls .xlsb .ods), "
        "a folder of them, or a pattern such as 'inbox/*.xlsx'.",
        show_default=False,
    ),
]
TemplateName = Annotated[
    str | None,
    typer.Option(
        "--template",
        metavar="NAME|FILE",
        help="Which inputs a lead has. Default: the one that the headers fit.",
        rich_help_panel=_FILES,
    ),
]
Columns = Annotated[
    list[str] | None,
    typer.Option(
        "--map",
        metavar="FIELD=COLUMN",
        help="The column of a field, by header or letter, where the header does not tell. Repeatable.",
        rich_help_panel=_FILES,
    ),
]
Sheets = Annotated[
    list[str] | None,
    typer.Option(
        "--sheet",
        metavar="NAME",
        help="A sheet to read. Repeatable. Default: every visible one with the columns.",
        rich_help_panel=_FILES,
    ),
]
Encoding = Annotated[
    str | None,
    typer.Option(
        "--encoding", metavar="NAME", help="Of a text file. Default: found.", rich_help_panel=_FILES
    ),
]
Limit = Annotated[
    str | None,
    typer.Option(
        "--limit",
        metavar="N",
        help="Only the first N rows that would be sent.",
        rich_help_panel=_FILES,
    ),
]
NoRepair = Annotated[
    bool | None,
    typer.Option(
        "--no-repair",
        metavar="",
        help="Send values as they stand; what would be repaired is a warning.",
        rich_help_panel=_FILES,
        show_default=False,
    ),
]
Strict = Annotated[
    bool | None,
    typer.Option(
        "--strict",
        metavar="",
        help="Send no row that has a warning.",
        rich_help_panel=_FILES,
        show_default=False,
    ),
]
Environment = Annotated[
    str | None,
    typer.Option(
        "--env",
        metavar="NAME",
        help="Where to send: local, sandbox or production. local starts a local lead API for this run "
        "and needs no credentials. Default: sandbox.",
        rich_help_panel=_SENDING,
    ),
]
BaseUrl = Annotated[
    str | None,
    typer.Option(
        "--base-url",
        metavar="URL",
        help="Another address of the API; http:// only on this machine. Default: from --env.",
        rich_help_panel=_SENDING,
    ),
]
Concurrency = Annotated[
    str | None,
    typer.Option(
        "--concurrency",
        metavar="N",
        help="Requests under way at once, at most. Default: 16.",
        rich_help_panel=_SENDING,
    ),
]
Processes = Annotated[
    str | None,
    typer.Option(
        "--processes",
        metavar="N",
        help="Processes that send. Default: by the rows and the machine.",
        rich_help_panel=_SENDING,
    ),
]
Rate = Annotated[
    str | None,
    typer.Option(
        "--rate",
        metavar="N",
        help="Requests a second, at most. Default: no limit.",
        rich_help_panel=_SENDING,
    ),
]
Attempts = Annotated[
    str | None,
    typer.Option(
        "--attempts", metavar="N", help="Tries for one row, at most. Default: 5.", rich_help_panel=_SENDING
    ),
]
TimeoutSeconds = Annotated[
    str | None,
    typer.Option(
        "--timeout",
        metavar="S",
        help="Seconds to wait for an answer once a request was sent. Default: 60.",
        rich_help_panel=_SENDING,
    ),
]
OnDoubt = Annotated[
    str | None,
    typer.Option(
        "--on-doubt",
        metavar="hold|resend",
        help="Whether a request that may have been processed is sent again. Default: hold.",
        rich_help_panel=_SENDING,
    ),
]
Duplicates = Annotated[
    str | None,
    typer.Option(
        "--duplicates",
        metavar="skip|send",
        help="What happens to a lead that the ledger or the same file has already. Default: skip.",
        rich_help_panel=_SENDING,
    ),
]
RetryRejected = Annotated[
    bool | None,
    typer.Option(
        "--retry-rejected",
        metavar="",
        help="Send rows again that the API refused, unchanged.",
        rich_help_panel=_SENDING,
        show_default=False,
    ),
]
DryRun = Annotated[
    bool | None,
    typer.Option(
        "--dry-run", metavar="", help="Stop before sending.", rich_help_panel=_SENDING, show_default=False
    ),
]
Proxy = Annotated[
    bool | None,
    typer.Option(
        "--proxy-from-environment",
        metavar="",
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
        help="Results, as .csv, .jsonl or .xlsx. Default: NAME.results.csv beside the input.",
        rich_help_panel=_OUTPUT,
    ),
]
UpdateResults = Annotated[
    Path | None,
    typer.Option(
        "--results",
        metavar="FILE",
        help="Results, as .csv, .jsonl or .xlsx. Default: NAME.updated.csv beside the input.",
        rich_help_panel=_OUTPUT,
    ),
]
LedgerFile = Annotated[
    Path | None,
    typer.Option(
        "--ledger",
        metavar="FILE",
        help="What was sent already. Default: in the user's state directory.",
        rich_help_panel=_OUTPUT,
    ),
]
Adopt = Annotated[
    list[Path] | None,
    typer.Option(
        "--adopt",
        metavar="FILE",
        help="Results of a lost ledger: what they tell as created or in doubt is taken over, not sent. "
        "Repeatable.",
        rich_help_panel=_OUTPUT,
    ),
]
Archive = Annotated[
    Path | None,
    typer.Option(
        "--archive",
        metavar="DIR",
        help="Move files there that are done, with their results. Default: they stay.",
        rich_help_panel=_OUTPUT,
    ),
]
Notify = Annotated[
    str | None,
    typer.Option(
        "--notify",
        metavar="URL",
        help="Post the totals there when the run has ended, to Slack, Mattermost and Google Chat, too. It is "
        "a secret: better LEAD_IMPORTER_NOTIFY.",
        rich_help_panel=_OUTPUT,
    ),
]
NotifyOn = Annotated[
    str | None,
    typer.Option(
        "--notify-on",
        metavar="always|trouble",
        help="Whether also a run is told of that went well. Default: always.",
        rich_help_panel=_OUTPUT,
    ),
]
Metrics = Annotated[
    Path | None,
    typer.Option(
        "--metrics",
        metavar="FILE",
        help="Figures of the run for Prometheus, as .prom for the node exporter's textfile collector.",
        rich_help_panel=_OUTPUT,
    ),
]
Forms = Annotated[
    list[str] | None,
    typer.Option(
        "--form", metavar="ID", help="A form whose responses are wanted. Repeatable.", rich_help_panel=_FILES
    ),
]
Since = Annotated[
    str | None,
    typer.Option(
        "--since",
        metavar="DATE",
        help="Only responses from then on: 2026-11-24, or 2026-11-24T08:30 with or without an offset.",
        rich_help_panel=_FILES,
    ),
]
Until = Annotated[
    str | None,
    typer.Option(
        "--until",
        metavar="DATE",
        help="Only responses up to then; a date is meant with its whole day.",
        rich_help_panel=_FILES,
    ),
]
Output = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        metavar="FILE",
        help="Where they go, as .csv, .xlsx or .jsonl.",
        rich_help_panel=_OUTPUT,
    ),
]
Force = Annotated[
    bool, typer.Option("--force", metavar="", help="Replace a file that is there.", show_default=False)
]
Problems = Annotated[
    Path | None,
    typer.Option(
        "--problems",
        metavar="FILE",
        help="All problems, warnings and repairs, a line each, as .csv, .jsonl or .xlsx.",
        rich_help_panel=_OUTPUT,
    ),
]
Summary = Annotated[
    Path | None,
    typer.Option("--summary", metavar="FILE", help="The totals as JSON.", rich_help_panel=_OUTPUT),
]
Report = Annotated[
    Path | None,
    typer.Option(
        "--report",
        metavar="FILE",
        help="The report of the run as a page of .html, to open or to mail.",
        rich_help_panel=_OUTPUT,
    ),
]
LogFormat = Annotated[
    str | None,
    typer.Option(
        "--log-format",
        metavar="text|json",
        help="Default: text on a terminal, json otherwise.",
        rich_help_panel=_OUTPUT,
    ),
]
Quiet = Annotated[
    bool | None,
    typer.Option(
        "--quiet",
        metavar="",
        help="Say nothing when all went well, and all of it on standard error when not.",
        rich_help_panel=_OUTPUT,
        show_default=False,
    ),
]
Verbose = Annotated[
    bool | None,
    typer.Option(
        "--verbose",
        metavar="",
        help="Tell of every row that went wrong; in JSON of every row.",
        rich_help_panel=_OUTPUT,
        show_default=False,
    ),
]
Language = Annotated[
    str | None,
    typer.Option(
        "--lang",
        metavar="en|vi",
        help="The language of messages, English or Vietnamese. Default: that of the locale.",
        rich_help_panel=_SETTINGS,
        is_eager=True,
        callback=_speak,
    ),
]
Config = Annotated[
    Path | None,
    typer.Option(
        "--config",
        metavar="FILE",
        help="A TOML file with any of these options, and the credentials. Default: lead-importer.toml "
        "here, else config.toml in your config directory.",
        rich_help_panel=_SETTINGS,
    ),
]
Profile = Annotated[
    str | None,
    typer.Option(
        "--profile",
        metavar="NAME",
        help="The \\[profiles.NAME] of that file, for one app or environment. Default: the file's profile.",
        rich_help_panel=_SETTINGS,
    ),
]
