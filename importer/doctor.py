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
        "versions",
        Verdict.GOOD,
        f"lead-importer {__version__}, Python {python}, aiohttp {version('aiohttp')}, "
        f"pandas {version('pandas')} on {sys.platform}",
    )
    said = f"SQLite {sqlite3.sqlite_version}"
    if sqlite3.sqlite_version_info < _SQLITE:
        said += ", whose log has a fault with several connections; the ledger uses one, so it is not touched"
    yield Finding("sqlite", Verdict.GOOD, said)


def _files(settings: Settings) -> Iterator[Finding]:
    for subject, path in ((".env", Path(".env")), ("settings file", settings.config)):
        if path is None or not path.exists() or os.name != "posix":
            continue
        mode = stat.S_IMODE(path.stat().st_mode)
        if mode & (stat.S_IRWXG | stat.S_IRWXO):
            said = f"others can read it (mode {mode:o}); run: chmod 600 {path}"
            yield Finding(subject, Verdict.NOTE, said)
        else:
            yield Finding(subject, Verdict.GOOD, "only its owner can read it")
    folder = Path().resolve()
    yield _room("working directory", folder)


def _ledger(settings: Settings) -> Iterator[Finding]:
    path = settings.ledger_path()
    yield _room("ledger's disk", path)
    if kind := network_file_system(path):
        yield Finding(
            "ledger's disk",
            Verdict.NOTE,
            f"{path} is on a network file system ({kind}), whose locks and writes may not hold; "
            "name a file on a disk of this computer with --ledger",
        )
    if not path.exists():
        if os.access(nearest(path), os.W_OK):
            yield Finding("ledger", Verdict.GOOD, f"there is none yet; a run makes {path}")
        else:
            yield Finding("ledger", Verdict.BAD, f"{path} cannot be made; name another with --ledger")
        return
    try:
        with SqliteLedger(path):
            yield Finding("ledger", Verdict.GOOD, f"{path} is whole")
    except LedgerBusyError as error:
        yield Finding("ledger", Verdict.NOTE, str(error))
    except ImporterError as error:
        yield Finding("ledger", Verdict.BAD, str(error))


def _room(subject: str, path: Path) -> Finding:
    free = free_bytes(path)
    said = f"{free >> 20:,} MiB are free"
    if free < _ROOM_BYTES:
        return Finding(subject, Verdict.BAD, f"only {said} on the disk of {path}; make room")
    return Finding(subject, Verdict.GOOD, said)


def _credentials(settings: Settings) -> tuple[Credentials | None, Finding]:
    try:
        credentials = settings.credentials()
    except UsageError as error:
        return None, Finding("credentials", Verdict.BAD, str(error))
    if credentials is None:
        return None, Finding("credentials", Verdict.GOOD, "the local lead API has a pair of its own")
    whose = f" (profile {settings.profile})" if settings.profile else ""
    return credentials, Finding("credentials", Verdict.GOOD, f"there is a pair for {settings.env}{whose}")


async def _api(
    settings: Settings, credentials: Credentials | None, clock: Callable[[], float]
) -> list[Finding]:
    address = settings.api_address()
    if address is None:
        return [Finding("API", Verdict.GOOD, "a run with --env local starts one of its own")]
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
        said = f"{address} does not answer: {answer.message}; check the address, the network and the proxy"
        return [Finding("API", Verdict.BAD, said)]
    findings = [_answered(address, answer)]
    with suppress(ValueError, TypeError):
        skew = asked - parsedate_to_datetime(answer.date).timestamp()
        findings.append(_clock(skew))
    return findings


def _answered(address: str, answer: Answer) -> Finding:
    if refuses_client(answer):
        said = (
            f"{address} refuses the credentials ({answer.status}); check that the key and the secret are "
            "those of this environment, and the clock"
        )
        return Finding("API", Verdict.BAD, said)
    if 200 <= answer.status < 300:
        return Finding("API", Verdict.GOOD, f"{address} answers, and takes the credentials")
    if answer.status == 400:
        return Finding("API", Verdict.GOOD, f"{address} answers, and does not refuse the credentials")
    return Finding(
        "API", Verdict.BAD, f"{address} answers {answer.status} to a signed question; check the address"
    )


def _clock(skew: float) -> Finding:
    if abs(skew) < _SKEW_SECONDS:
        return Finding("clock", Verdict.GOOD, "it agrees with the server's to the minute")
    direction = "ahead of" if skew > 0 else "behind"
    return Finding(
        "clock",
        Verdict.BAD,
        f"it is {abs(skew):,.0f} seconds {direction} the server's, and signatures carry the time; set it",
    )
