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
import socket
import threading
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from concurrent.futures import Future
from contextlib import suppress
from contextvars import copy_context
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any
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

    It raises nothing, and takes no longer than its `patience` says: what does not end by then is left behind
    in a thread that does not keep the process from ending.
    """
    patience = patience or Patience()
    posted: Future[_Failure | None] = Future()
    # From here on nobody can cancel it, so the thread may tell how it ended even if nobody waits any more.
    posted.set_running_or_notify_cancel()
    work = partial(
        _posted, posted, url, body_for(url, report), patience, proxy_from_environment=proxy_from_environment
    )
    threading.Thread(target=copy_context().run, args=(_run, work), name="hook", daemon=True).start()
    failed: _Failure | None = _late()
    with suppress(TimeoutError):
        async with asyncio.timeout(patience.seconds_at_most):
            failed = await asyncio.wrap_future(posted)
    if failed is None:
        return ""
    return _(
        "The address of --notify did not take the summary: {reason}. That changes nothing of the run. Check "
        "the address, and whether it can be reached from here."
    ).format(reason=failed.reason)


class _OwnLoop(asyncio.SelectorEventLoop):
    """Looks names up in its own thread.

    The system may take minutes for that, nothing can break it off, and what waits in a thread of the loop's
    pool keeps the process from ending.
    """

    async def getaddrinfo(  # type: ignore[override]
        self, host: str | None, port: int | None, **how: int
    ) -> list[tuple[Any, ...]]:
        return list(socket.getaddrinfo(host, port, **how))


def _run(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    with asyncio.Runner(loop_factory=_OwnLoop) as runner:
        runner.run(work())


async def _posted(
    posted: Future[_Failure | None],
    url: str,
    body: Mapping[str, object],
    patience: Patience,
    *,
    proxy_from_environment: bool,
) -> None:
    """Post `body` in as many tries as it takes and there may be, and let `posted` tell how that ended."""
    import aiohttp
    from tenacity import AsyncRetrying, retry_if_result, stop_after_attempt, wait_fixed

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
    failed: _Failure | None = _late()
    try:
        async with (
            asyncio.timeout(patience.seconds_at_most),
            aiohttp.ClientSession(timeout=timeout, trust_env=proxy_from_environment) as session,
        ):
            failed = await retrying(attempt)
    except TimeoutError:
        pass
    finally:
        posted.set_result(failed)


@dataclass(frozen=True, slots=True)
class _Failure:
    reason: str
    worth_another_try: bool = True


def _late() -> _Failure:
    return _Failure(_("it did not answer in time"))


async def _post(session: aiohttp.ClientSession, url: str, body: Mapping[str, object]) -> _Failure | None:
    import aiohttp

    try:
        # A redirect could lead elsewhere with what is for one address.
        async with session.post(url, json=body, allow_redirects=False) as answer:
            status = answer.status
    except TimeoutError:
        return _late()
    except aiohttp.ClientConnectorError:
        return _Failure(_("there was no connection to it"))
    except Exception as error:
        # Whatever it is, the run has ended, and this must not change how. Its text may hold the address.
        return _Failure(type(error).__name__)
    if 200 <= status < 300:
        return None
    answered = _("it answered with status {status}").format(status=status)
    return _Failure(answered, status == 429 or status >= 500)
