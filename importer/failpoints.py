"""Where a test kills the importer, and which safeguard it takes away: so that its promise can be proved.

Two environment variables that only tests set, read when the command starts; without them all of this does
nothing:

``LEAD_IMPORTER_FAILPOINT=NAME[:N]``
    The process kills itself (SIGKILL: nothing is flushed, closed or told) when it comes to the :class:`Point`
    of that name for the N-th time.
``LEAD_IMPORTER_UNSAFE=NAME``
    The :class:`Safeguard` of that name is missing. A proof that could not fail would prove nothing: without
    any one of them, the tests must find leads that were created twice. Only the environment `local` can be
    imported into like this.
"""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from importer.errors import UsageError

FAILPOINT = "LEAD_IMPORTER_FAILPOINT"
UNSAFE = "LEAD_IMPORTER_UNSAFE"

_FAILPOINT = re.compile(r"(?P<name>[a-z-]+)(?::(?P<count>[1-9][0-9]{0,6}))?")


class Point(StrEnum):
    """A place on the straight way at which a kill might lose something, or let it happen twice."""

    LEDGER_LOCKED = "ledger-locked"
    """The ledger is this process's own, and not opened yet."""

    TABLES_READY = "tables-ready"
    """The tables are made, or brought up to date, but not committed."""

    DOUBT_WRITTEN = "doubt-written"
    """What a dead run left `sending` is in doubt, but not committed."""

    ROWS_ENROLLED = "rows-enrolled"
    """A chunk of rows is enrolled, but not committed."""

    INTENT_WRITTEN = "intent-written"
    """An intent is written, but not committed."""

    OUTCOME_WRITTEN = "outcome-written"
    """An outcome is written, but not committed."""

    RUN_END_WRITTEN = "run-end-written"
    """The end of a run is written, but not committed."""

    ANSWERS_WRITTEN = "answers-written"
    """What a person answered of rows in doubt is written, but not committed."""

    COMMIT_BEGINS = "commit-begins"
    """Whatever the transaction holds: it is committed next."""

    COMMITTED = "committed"
    """It is committed, and nobody who waits for that has been told."""

    CONNECTED = "connected"
    """A connection is there, and no intent."""

    INTENT_KNOWN = "intent-known"
    """The intent is committed, and no byte of the request has left."""

    ANSWER_BEGAN = "answer-began"
    """The head of the answer is there."""

    ANSWER_READ = "answer-read"
    """The answer is read, and the ledger does not know."""

    OUTCOME_POSTED = "outcome-posted"
    """The ledger has been told, and has not written it yet."""

    FILE_SYNCED = "file-synced"
    """A results or retry file is whole, and not in its place yet."""

    FILE_IN_PLACE = "file-in-place"
    """It is in its place."""

    LEDGER_CLOSED = "ledger-closed"
    """Everything is written, and the lock is let go next."""


_WITHIN_STEPS = {Point.INTENT_WRITTEN, Point.OUTCOME_WRITTEN, Point.COMMIT_BEGINS}


class Safeguard(StrEnum):
    """What stands between a kill and a lead created twice."""

    INTENT = "intent"
    """The intent, on disk before the first byte. Without it, a lead stays pending until its outcome."""

    SYNC = "sync"
    """The wait for the disk. Without it, what was asked for is answered before it is committed, and committed
    with the next group: a kill loses what was answered last, as a power cut does where nothing is synced. (A
    kill alone cannot take back what the system was given to write.)
    """

    LOCK = "lock"
    """One command at a time on a ledger, and one import into an account. Without it, several go side by side
    and wait for each other's transactions only.
    """


@dataclass(slots=True)
class _Armed:
    point: Point | None = None
    left: int = 0
    unsafe: Safeguard | None = None


_ARMED = _Armed()


def arm(environment: Mapping[str, str]) -> None:
    """Do from now on as the environment variables say. Raises :class:`UsageError` for a name that is none."""
    point, count = _failpoint(environment.get(FAILPOINT, ""))
    unsafe = environment.get(UNSAFE, "")
    if unsafe and unsafe not in set(Safeguard):
        raise _unknown(UNSAFE, unsafe, Safeguard)
    _ARMED.point, _ARMED.left = point, count
    _ARMED.unsafe = Safeguard(unsafe) if unsafe else None


def reached(point: Point) -> None:
    """Kill this process if it is to die at `point`, this time."""
    if point is _ARMED.point:
        _ARMED.left -= 1
        if _ARMED.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


def is_armed_within_steps() -> bool:
    """Tell whether a test kills while steps of leads are written, or has taken a safeguard away."""
    return _ARMED.point in _WITHIN_STEPS or _ARMED.unsafe is not None


def is_missing(safeguard: Safeguard) -> bool:
    """Tell whether a test has taken `safeguard` away."""
    return safeguard is _ARMED.unsafe


def refuse_unsafe(environment: str) -> None:
    """Raise :class:`UsageError` if a safeguard is missing and `environment` is a real one."""
    if _ARMED.unsafe is not None and environment != "local":
        raise UsageError(
            f"{UNSAFE} is set, which lets leads be created twice: it is for tests against --env local, and "
            f"nothing was sent to {environment}. Unset it."
        )


def _failpoint(text: str) -> tuple[Point | None, int]:
    if not text:
        return None, 0
    match = _FAILPOINT.fullmatch(text)
    if match is None or match["name"] not in set(Point):
        raise _unknown(FAILPOINT, text, Point)
    return Point(match["name"]), int(match["count"] or 1)


def _unknown(variable: str, value: str, known: type[StrEnum]) -> UsageError:
    return UsageError(
        f"{variable}={value} names none of {', '.join(known)}. It is for the importer's own tests; unset it."
    )
