"""Locks that end with the process that holds them, however it ends, and tell others who it is.

The lock itself is the system's (`flock` where there is one), on a file that stays when it is free: so a stale
one never blocks. Who holds it stands in a file beside it, which is for the message alone.
"""

from __future__ import annotations

import os
import stat
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from filelock import FileLock, Timeout

from importer import failpoints
from importer.errors import LedgerBusyError, UsageError
from importer.failpoints import Safeguard
from importer.language import _


class ProcessLock:
    """The lock of the thing at `path`; `what` is what a message calls it.

    Only one process of this computer has it at a time.
    """

    def __init__(self, path: Path, what: str) -> None:
        self._what = what
        self._lock = FileLock(f"{path}.lock", timeout=0, mode=0o600)
        self._holder = path.with_name(f"{path.name}.holder")

    def acquire(self) -> None:
        """Take the lock. Raises :class:`LedgerBusyError` that says who has it, or :class:`OSError`."""
        if failpoints.is_missing(Safeguard.LOCK):
            return
        try:
            self._lock.acquire()
        except Timeout as error:
            raise LedgerBusyError(
                _(
                    "Another run holds {what}. Wait until it has ended; two runs at once could create a lead "
                    "twice."
                ).format(what=f"{self._what}{self._who()}")
            ) from error
        with suppress(OSError):
            moment = time.strftime("%Y-%m-%d %H:%M:%S")
            self._holder.write_text(f"{os.getpid()} {moment}\n", encoding="utf-8")
            self._holder.chmod(0o600)

    def _who(self) -> str:
        """Return which process holds the lock, in brackets; empty if that is not known."""
        try:
            process, since = self._holder.read_text(encoding="utf-8").split(maxsplit=1)
        except (OSError, ValueError):
            return ""
        told = _("process {process}, since {time}").format(process=process, time=since.strip())
        return f" ({told})"

    def release(self) -> None:
        """Let go of it, if it is held."""
        self._lock.release()


def account_lock(state: Path, account: str, environment: str) -> ProcessLock:
    """Return the lock of an account in an environment, whichever ledger a run uses.

    It is in the user's folder `state`, or, where that cannot be written, in a folder of the user's among the
    system's temporary files. Raises :class:`UsageError` if somebody else has made that one.
    """
    folder = state / "accounts"
    try:
        # The mode is that of the last folder alone.
        state.mkdir(parents=True, exist_ok=True, mode=0o700)
        folder.mkdir(exist_ok=True, mode=0o700)
        writable = os.access(folder, os.W_OK)
    except OSError:
        writable = False
    if not writable:
        folder = _temporary_folder(state)
    return ProcessLock(
        folder / f"lead-importer-{account}-{environment}",
        _("this account in the environment {environment}").format(environment=environment),
    )


def _temporary_folder(state: Path) -> Path:
    user = os.getuid() if hasattr(os, "getuid") else None
    folder = Path(tempfile.gettempdir()) / f"lead-importer-{user}"
    try:
        folder.mkdir(exist_ok=True, mode=0o700)
        # Anybody can make a link of that name there, to a file that must not be written.
        found = folder.lstat()
        if stat.S_ISDIR(found.st_mode) and user in (None, found.st_uid) and os.access(folder, os.W_OK):
            return folder
    except OSError:
        pass
    raise UsageError(
        _(
            "Neither {state} nor {folder} can be written by this user, and one of them is needed "
            "for the lock of the account. Let the environment variable XDG_STATE_HOME name a "
            "folder of yours."
        ).format(state=state, folder=folder)
    )
