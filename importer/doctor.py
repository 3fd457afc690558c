"""Whether everything is set up for a run: one check after the other, each with what to do about it.

Nothing is created: the API is asked once, for a list of form responses, whose content is not looked at.
"""

from __future__ import annotations

import os
import platform
import sqlite3
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from enum import StrEnum
from importlib.metadata import version
from pathlib import Path

from importer import __version__
from importer.disks import free_bytes, nearest, network_file_system
from importer.errors import ImporterError, LedgerBusyError, UsageError
from importer.language import _, in_figures
from importer.ledger.sqlite import SqliteLedger
from importer.model import Answer, NoAnswer
from importer.operations import QUESTION, refuses_client
from importer.settings import Settings
from importer.signing import Credentials, signed_headers
from importer.transport import Transport

_SKEW_SECONDS = 60
_ROOM_BYTES = 100 << 20

# From here on the write-ahead log is right with several connections; the ledger has but one anyway.
_SQLITE = (3, 51, 3)


class Verdict(StrEnum):
    """What a check came to."""

    GOOD = "good"
    NOTE = "note"
    """Worth knowing; a run works."""

    BAD = "bad"
    """A run will fail, or must not be made."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One check."""

    subject: str
    verdict: Verdict
    said: str
    """What was found, and what to do about it."""


async def examine(settings: Settings, clock: Callable[[], float]) -> list[Finding]:
    """Check everything that a run with these `settings` needs; `clock` returns seconds since the epoch."""
    findings = [*_versions(), *_files(settings), *_ledger(settings)]
    credentials, finding = _credentials(settings)
    findings.append(finding)
    return [*findings, *await _api(settings, credentials, clock)]


def exit_code(findings: list[Finding]) -> int:
    """Return what the process answers with: 2 when something is to be mended."""
    return 2 if any(finding.verdict is Verdict.BAD for finding in findings) else 0


def _versions() -> Iterator[Finding]:
    python = platform.python_version()
    yield Finding(
        _("versions"),
        Verdict.GOOD,
        _(
            "lead-importer {version}, Python {python}, aiohttp {aiohttp}, pandas {pandas} on {platform}"
        ).format(
            version=__version__,
            python=python,
            aiohttp=version("aiohttp"),
            pandas=version("pandas"),
            platform=sys.platform,
        ),
    )
    said = f"SQLite {sqlite3.sqlite_version}"
    if sqlite3.sqlite_version_info < _SQLITE:
        said += _(
            ", whose log has a fault with several connections; the ledger uses one, so it is not touched"
        )
    yield Finding("sqlite", Verdict.GOOD, said)


def _files(settings: Settings) -> Iterator[Finding]:
    for subject, path in ((".env", Path(".env")), (_("settings file"), settings.config)):
        if path is None or not path.exists() or os.name != "posix":
            continue
        mode = stat.S_IMODE(path.stat().st_mode)
        if mode & (stat.S_IRWXG | stat.S_IRWXO):
            yield Finding(
                subject,
                Verdict.NOTE,
                _("others can read it (mode {mode}); run: chmod 600 {path}").format(
                    mode=f"{mode:o}", path=path
                ),
            )
        else:
            yield Finding(subject, Verdict.GOOD, _("only its owner can read it"))
    folder = Path().resolve()
    yield _room(_("working directory"), folder)


def _ledger(settings: Settings) -> Iterator[Finding]:
    path = settings.ledger_path()
    yield _room(_("ledger's disk"), path)
    if kind := network_file_system(path):
        yield Finding(
            _("ledger's disk"),
            Verdict.NOTE,
            _(
                "{path} is on a network file system ({kind}), whose locks and writes may not hold; "
                "name a file on a disk of this computer with --ledger"
            ).format(path=path, kind=kind),
        )
    if not path.exists():
        if os.access(nearest(path), os.W_OK):
            yield Finding(
                _("ledger"), Verdict.GOOD, _("there is none yet; a run makes {path}").format(path=path)
            )
        else:
            yield Finding(
                _("ledger"),
                Verdict.BAD,
                _("{path} cannot be made; name another with --ledger").format(path=path),
            )
        return
    try:
        with SqliteLedger(path):
            yield Finding(_("ledger"), Verdict.GOOD, _("{path} is whole").format(path=path))
    except LedgerBusyError as error:
        yield Finding(_("ledger"), Verdict.NOTE, str(error))
    except ImporterError as error:
        yield Finding(_("ledger"), Verdict.BAD, str(error))


def _room(subject: str, path: Path) -> Finding:
    free = free_bytes(path)
    said = _("{free} MiB are free").format(free=in_figures(free >> 20))
    if free < _ROOM_BYTES:
        return Finding(
            subject,
            Verdict.BAD,
            _("only {said} on the disk of {path}; make room").format(said=said, path=path),
        )
    return Finding(subject, Verdict.GOOD, said)


def _credentials(settings: Settings) -> tuple[Credentials | None, Finding]:
    try:
        credentials = settings.credentials()
    except UsageError as error:
        return None, Finding(_("credentials"), Verdict.BAD, str(error))
    if credentials is None:
        return None, Finding(_("credentials"), Verdict.GOOD, _("the local lead API has a pair of its own"))
    said = _("there is a pair for {env}").format(env=settings.env)
    if settings.profile:
        said = _("there is a pair for {env} (profile {profile})").format(
            env=settings.env, profile=settings.profile
        )
    return credentials, Finding(_("credentials"), Verdict.GOOD, said)


async def _api(
    settings: Settings, credentials: Credentials | None, clock: Callable[[], float]
) -> list[Finding]:
    address = settings.api_address()
    if address is None:
        return [Finding("API", Verdict.GOOD, _("a run with --env local starts one of its own"))]
    if credentials is None:
        if settings.env != "local":
            # An unsigned request would only be refused, and count against the account.
            return []
        from importer.local_api import LOCAL_CREDENTIALS

        credentials = LOCAL_CREDENTIALS

    async def nothing() -> None:
        """Nothing is written down before a question."""

    asked = clock()
    headers = signed_headers(credentials, QUESTION.path.encode(), int(asked * 1000))
    transport = Transport(
        address,
        connections=1,
        answer_seconds=min(settings.timeout, 15),
        proxy_from_environment=settings.proxy_from_environment,
    )
    async with transport:
        answer = await transport.send(QUESTION, headers, nothing)
    if isinstance(answer, NoAnswer):
        said = _("{address} does not answer: {message}; check the address, the network and the proxy").format(
            address=address, message=answer.message
        )
        return [Finding("API", Verdict.BAD, said)]
    findings = [_answered(address, answer)]
    with suppress(ValueError, TypeError):
        skew = asked - parsedate_to_datetime(answer.date).timestamp()
        findings.append(_clock(skew))
    return findings


def _answered(address: str, answer: Answer) -> Finding:
    if refuses_client(answer):
        said = _(
            "{address} refuses the credentials ({status}); check that the key and the secret are "
            "those of this environment, and the clock"
        ).format(address=address, status=answer.status)
        return Finding("API", Verdict.BAD, said)
    if 200 <= answer.status < 300:
        return Finding(
            "API", Verdict.GOOD, _("{address} answers, and takes the credentials").format(address=address)
        )
    if answer.status == 400:
        return Finding(
            "API",
            Verdict.GOOD,
            _("{address} answers, and does not refuse the credentials").format(address=address),
        )
    return Finding(
        "API",
        Verdict.BAD,
        _("{address} answers {status} to a signed question; check the address").format(
            address=address, status=answer.status
        ),
    )


def _clock(skew: float) -> Finding:
    if abs(skew) < _SKEW_SECONDS:
        return Finding(_("clock"), Verdict.GOOD, _("it agrees with the server's to the minute"))
    seconds = in_figures(round(abs(skew)))
    said = (
        _("it is {seconds} seconds ahead of the server's, and signatures carry the time; set it")
        if skew > 0
        else _("it is {seconds} seconds behind the server's, and signatures carry the time; set it")
    )
    return Finding(_("clock"), Verdict.BAD, said.format(seconds=seconds))
