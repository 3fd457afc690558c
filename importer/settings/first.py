"""The first settings file: what ``lead-importer init`` writes for a newcomer to fill in."""

from __future__ import annotations

import json
import os
from pathlib import Path

from importer.errors import UsageError
from importer.language import _
from importer.settings.sources import is_open

_FIRST = """\
# Settings of lead-importer. It holds secrets: only you may read it (chmod 600), and it belongs in no
# repository. "lead-importer doctor" shows each value and where it comes from.
#
# Before a profile's values go those of .env, of the environment (LEAD_IMPORTER_CONCURRENCY=32) and of
# options (--concurrency 32). Each option of "lead-importer run --help" may stand here, without its --.

# The profile to use where --profile names no other.
profile = "sandbox"

# For all profiles. The values shown are examples; remove the # before a line to use it.
# template = "1"                  # the inputs of your app: see "lead-importer templates"
# map = {{ phone = "Di động" }}     # the column of a field, where its header does not tell
# concurrency = 16                # requests under way at once, at most
# rate = 50                       # requests a second, at most
# timeout = 60                    # seconds to wait for an answer
# ledger = "~/leads.sqlite3"      # what was sent already; needs --config, or your own file
# log_format = "json"             # how a run without a terminal tells of itself

# The Tini console shows a pair for each app and environment: put it between the quotes.
[profiles.sandbox]
env = "sandbox"
client_key = {key}
client_secret = {secret}

# For: lead-importer run leads.csv --profile production
[profiles.production]
env = "production"
client_key = "<client key of production>"
client_secret = "<client secret of production>"
# rate = 20                       # a profile's own value goes before the one for all
"""


def first_file(client_key: str = "", client_secret: str = "") -> str:
    """Return the text of a first file, with the pair of the sandbox or placeholders for it.

    The placeholders are known again (:func:`importer.settings.pairs.is_filled_in`): nothing is signed with
    them.
    """
    return _FIRST.format(
        key=_quoted(client_key or "<client key of the sandbox>"),
        secret=_quoted(client_secret or "<client secret of the sandbox>"),
    )


def write_first_file(path: Path, text: str) -> None:
    """Write `text` to a new file at `path` that from its first moment only its owner may read.

    Its folder is made, for its owner alone, where there is none. Raises :class:`UsageError` if the file is
    there already, cannot be written, or stands on a file system that lets others read it.
    """
    try:
        if not path.parent.is_dir():
            path.parent.mkdir(mode=0o700, parents=True)
        opened = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        if os.path.lexists(path):
            raise already_there(path) from None
        raise UsageError(
            _("{path} cannot be written ({reason}). Check the folder.").format(
                path=path, reason=error.strerror
            )
        ) from None
    try:
        with open(opened, "w", encoding="utf-8") as file:  # noqa: PTH123 - it is open already
            if is_open(os.stat(opened)):  # noqa: PTH116 - the same
                raise UsageError(
                    _(
                        "{path} cannot be kept from others on this computer: its file system keeps no "
                        "permissions. Write it to your config directory instead: lead-importer init --user"
                    ).format(path=path)
                )
            file.write(text)
    except OSError as error:
        path.unlink()
        raise UsageError(
            _("{path} cannot be written ({reason}). Make room there.").format(
                path=path, reason=error.strerror
            )
        ) from None
    except UsageError:
        path.unlink()
        raise


def already_there(path: Path) -> UsageError:
    """Return what to raise where a first file would replace another."""
    return UsageError(
        _("{path} is there already, and is not replaced. Change it there, or move it away.").format(path=path)
    )


def _quoted(text: str) -> str:
    # A string of JSON is one of TOML, as long as it holds no DEL, which no header takes either.
    return json.dumps(text, ensure_ascii=False)
