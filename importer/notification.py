"""Telling a team that a run has ended: its summary is posted as JSON to an address of theirs, a hook.

``text`` is a message to read, which is all that Slack, Mattermost and Google Chat need. Google Chat refuses a
body with anything else in it, and Slack documents no more, so those two get the text alone; all others get
the summary beside it.

Nothing about a row is told but its outcome, counted; of headers that do not fit, which may be a row, nothing
but the file. The address itself is a secret, so nothing that is said
of a failure holds it, or what an error of the network says, which may.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from importer.advice import next_steps, rows
from importer.errors import ImporterError, MappingError
from importer.language import _, in_figures, ngettext
from importer.report import ImportReport

if TYPE_CHECKING:
    import aiohttp

LONGEST_SECONDS = 10.0
"""How long a hook may keep the run from ending, with all tries."""

TRIES = 3

_TEXT_ALONE = frozenset({"hooks.slack.com", "hooks.slack-gov.com", "chat.googleapis.com"})

# Google Chat takes 4,096 bytes.
_TEXT_BYTES = 3500
_REFUSED = 5

# Slack and Google Chat call people by what stands in such brackets, and names of files may hold them.
_BRACKETS = str.maketrans("<>", "‹›")


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How a hook is tried, with the time that passes; tests have less of it."""

    seconds_a_try: float = 3.0
    seconds_between: float = 0.5
    seconds_at_most: float = LONGEST_SECONDS
    pause: Callable[[float], Awaitable[None]] = asyncio.sleep


def text_of(report: ImportReport) -> str:
    """Return what became of a run, in a few lines for a person."""
    counts = ", ".join(
        f"{in_figures(count)} {outcome.replace('_', ' ')}"
        for outcome, count in report.totals.outcomes.items()
        if count
    )
    told = (
        _("Update of statuses in {environment}: {rows} read{counts}; exit code {code}")
        if report.command == "update"
        else _("Lead import to {environment}: {rows} read{counts}; exit code {code}")
    )
    lines = [
        told.format(
            environment=report.environment,
            rows=rows(report.totals.read),
            counts=f", {counts}" if counts else "",
            code=report.exit_code,
        )
    ]
    if report.stop:
        lines.append(_("Stopped early. {reason}").format(reason=_told(report.stop, report)))
    lines += [_told(refused, report) for refused in report.refused[:_REFUSED]]
    if (more := len(report.refused) - _REFUSED) > 0:
        lines.append(
            ngettext(
                "{count} more file could not be read.", "{count} more files could not be read.", more
            ).format(count=in_figures(more))
        )
    lines += next_steps(report)
    text = "\n".join(lines).translate(_BRACKETS)
    return text.encode(errors="replace")[:_TEXT_BYTES].decode(errors="ignore")


def body_for(url: str, report: ImportReport) -> dict[str, object]:
    """Return what is posted to the hook at `url`."""
    alone = urlsplit(url).hostname in _TEXT_ALONE
    text: dict[str, object] = {"text": text_of(report)}
    stopped = report.stop and _told(report.stop, report)
    return text if alone else {**text, **report.summary(), "stopped": stopped}


def _told(error: ImporterError, report: ImportReport) -> str:
    """Return what is told elsewhere of an error, whose message may be for whoever has the file."""
    if not isinstance(error, MappingError):
        return str(error)
    return _(
        "{file}: the headers do not tell which column is which field; what the command said on the spot "
        "tells more."
    ).format(file=error.file or ", ".join(report.files))


async def notify(
    url: str, report: ImportReport, *, proxy_from_environment: bool = False, patience: Patience | None = None
) -> str:
    """Post what became of a run; return what to say if nobody took it, empty if it was done.

    It raises nothing, and takes no longer than its `patience` says.
    """
    import aiohttp
    from tenacity import AsyncRetrying, retry_if_result, stop_after_attempt, wait_fixed

    patience = patience or Patience()
    body = body_for(url, report)
    failures: list[_Failure] = []

    async def attempt() -> _Failure | None:
        failure = await _post(session, url, body)
        failures.extend([failure] if failure else [])
        return failure

    retrying = AsyncRetrying(
        retry=retry_if_result(lambda failure: failure is not None and failure.worth_another_try),
        stop=stop_after_attempt(TRIES),
        wait=wait_fixed(patience.seconds_between),
        sleep=patience.pause,
        retry_error_callback=lambda _: failures[-1],
    )
    timeout = aiohttp.ClientTimeout(total=patience.seconds_a_try)
    failed: _Failure | None = _Failure(_("it did not answer in time"))
    with suppress(TimeoutError):
        async with (
            asyncio.timeout(patience.seconds_at_most),
            aiohttp.ClientSession(timeout=timeout, trust_env=proxy_from_environment) as session,
        ):
            failed = await retrying(attempt)
    if failed is None:
        return ""
    return _(
        "The address of --notify did not take the summary: {reason}. That changes nothing of the run. Check "
        "the address, and whether it can be reached from here."
    ).format(reason=failed.reason)


@dataclass(frozen=True, slots=True)
class _Failure:
    reason: str
    worth_another_try: bool = True


async def _post(session: aiohttp.ClientSession, url: str, body: Mapping[str, object]) -> _Failure | None:
    import aiohttp

    try:
        # A redirect could lead elsewhere with what is for one address.
        async with session.post(url, json=body, allow_redirects=False) as answer:
            status = answer.status
    except TimeoutError:
        return _Failure(_("it did not answer in time"))
    except aiohttp.ClientConnectorError:
        return _Failure(_("there was no connection to it"))
    except Exception as error:
        # Whatever it is, the run has ended, and this must not change how. Its text may hold the address.
        return _Failure(type(error).__name__)
    if 200 <= status < 300:
        return None
    answered = _("it answered with status {status}").format(status=status)
    return _Failure(answered, status == 429 or status >= 500)
