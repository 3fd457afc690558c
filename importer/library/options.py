"""The options of an import as a program gives them: those of ``lead-importer run``, with ``_`` for ``-``."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Literal, TypedDict

StrPath = str | os.PathLike[str]


class _Common(TypedDict, total=False):
    env: Literal["local", "sandbox", "production"]
    """``local`` starts the local lead API for this import and needs no credentials; default ``sandbox``."""

    base_url: str
    """Another address of the API; ``http://`` only for this computer."""

    template: StrPath
    """The name of a template or its TOML file; default: the one that the headers or keys fit."""

    map: Mapping[str, str]
    """The header or key of a field, where it does not tell by itself."""

    results: StrPath
    """Where the results are written: ``.csv``, ``.jsonl`` or ``.xlsx``; default: beside a file, and nowhere
    for leads of a program."""

    ledger: StrPath
    """Default: in the user's state directory."""

    concurrency: int
    """Requests under way at once, at most; default 16."""

    processes: int
    """Processes that send; default 1, since a program may be in no state to start others."""

    rate: float
    """Requests a second, at most; default: no limit."""

    attempts: int
    """Tries for one row, at most; default 5."""

    timeout: float
    """Seconds to wait for an answer once a request was sent; default 60."""

    on_doubt: Literal["hold", "resend"]
    """Whether a request that may have been processed is sent again; default ``hold``."""

    duplicates: Literal["skip", "send"]
    """What happens to a lead that the ledger or this import has already; default ``skip``."""

    retry_rejected: bool
    """Whether a lead that the API refused is sent again unchanged."""

    no_repair: bool
    """Whether values are sent as they stand."""

    strict: bool
    """Whether a row with a warning is invalid."""

    limit: int
    """Only the first so many rows that would be sent."""

    dry_run: bool
    """Do everything but send."""

    summary: StrPath
    """Where the totals are written as JSON."""

    report: StrPath
    """Where the report of the run is written as a page of HTML."""

    lang: Literal["en", "vi"]
    """The language of messages; default ``en``."""

    proxy_from_environment: bool
    """Whether HTTPS_PROXY and its like are heeded."""


class _OfFiles(TypedDict, total=False):
    sheet: Sequence[str]
    """Only these sheets of a workbook."""

    encoding: str
    """Of text files; default: found."""

    archive: StrPath
    """The folder to which finished files are moved with their results; default: they stay."""

    adopt: Sequence[StrPath]
    """Results of runs that the ledger does not know, to be taken over."""


class LeadOptions(_Common, total=False):
    """The options of an import of leads from memory; nothing but these is looked at."""

    client_key: str
    client_secret: str


class FileOptions(LeadOptions, _OfFiles, total=False):
    """The options of an import of files; nothing but these is looked at."""


class LoadOptions(_Common, _OfFiles, total=False):
    """The options that go before the environment and files; the credentials come from there."""

    config: StrPath
    """A TOML file that the rest may come from."""

    profile: str
    """The profile of that file whose values go before those at its top."""


WITHOUT_MEANING = frozenset(
    {
        *("log_format", "quiet", "verbose", "problems", "notify", "notify_on", "metrics"),
        *("form", "since", "until", "output"),
    }
)
"""Options that an import by a program has no use for: they are about what is printed or told elsewhere, about
``check``, or about ``responses``."""
