"""Where settings come from: the environment and a ``.env`` file, each read by pydantic-settings.

Every value keeps the place it was found at, so that a message can say which line to mend. Nothing here
validates a value, and no message shows one: it might be a secret. The TOML file has a module of its own,
:mod:`importer.settings.files`.

A file that is found rather than named may have been put there by somebody else, and could send the leads to
them. So it is used only if it and a link to it belong to the user or the superuser, and if nobody else may
write it, as ssh does with its files. The user's own primary group may: where each user has a group to
themselves (umask 002, as on Ubuntu), every file that a person writes is like that.
"""

from __future__ import annotations

import difflib
import os
import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from pathlib import Path

from pydantic_settings import BaseSettings, DotEnvSettingsSource, EnvSettingsSource

from importer.errors import UsageError
from importer.language import _

PREFIX = "LEAD_IMPORTER_"
CREDENTIALS = frozenset({"client_key", "client_secret"})

SECRETS = CREDENTIALS | {"notify"}
"""What stands in no file that others may read. (Whoever has the address of a hook can post there.)"""

# A variable as unlike as this to any option belongs to somebody else.
_LIKENESS = 0.8

_SUPERUSER = 0
_OTHERS = stat.S_IRWXG | stat.S_IRWXO
# Elsewhere the mode says nothing about who may read a file.
_KEEPS_MODES = os.name == "posix"


@dataclass(frozen=True, slots=True)
class Given:
    """One value as it was given."""

    value: object = field(repr=False)
    """Not validated yet, and out of every representation, since it may be the secret."""

    place: str
    """What messages call the place: ``environment variable LEAD_IMPORTER_RATE``."""

    origin: str
    """What a list of settings calls it, where the setting's name stands already: ``LEAD_IMPORTER_RATE``."""


class Kind(Enum):
    """The kinds of sources, highest first."""

    OPTIONS = auto()
    ENVIRONMENT = auto()
    ENV_FILE = auto()
    PROFILE = auto()
    FILE = auto()


@dataclass(frozen=True, slots=True)
class Source:
    """One source, and the options that it gives."""

    kind: Kind
    name: str
    """What messages call it, after a preposition: ``the environment``."""

    given: Mapping[str, Given]


def variable(option: str) -> str:
    """Return the environment variable of an option."""
    return PREFIX + option.upper()


def from_environment(settings: type[BaseSettings], variables: Mapping[str, str]) -> Source:
    """Return the options that `variables` of the environment give."""
    given = {
        option: Given(value, _("environment variable {name}").format(name=variable(option)), variable(option))
        for option, value in _interpret(settings, variables).items()
    }
    return Source(Kind.ENVIRONMENT, _("the environment"), given)


def from_env_file(
    settings: type[BaseSettings], path: Path
) -> tuple[Source, Mapping[str, str | None], tuple[str, ...]]:
    """Return the options that a ``.env`` file gives, all of its variables, and notices.

    A file with credentials that others may read is tightened; :class:`UsageError` is raised when that, or
    reading it, fails, and when it gives options and others may have written it. Without a file there are no
    options.
    """
    try:
        variables = DotEnvSettingsSource(settings, env_file=path, env_file_encoding="utf-8-sig").env_vars
    except (OSError, UnicodeDecodeError) as error:
        raise unreadable(path, error) from None
    given = {
        option: Given(value, _("{name} in {where}").format(name=variable(option), where=path), str(path))
        for option, value in _interpret(settings, variables).items()
    }
    if given:
        refuse_foreign(path, path.stat(), _("give its variables in the environment instead"))
    notices = _tighten(path) if SECRETS & given.keys() and is_open(path.stat()) else ()
    return Source(Kind.ENV_FILE, str(path), given), variables, notices


def misspelt(settings: type[BaseSettings], variables: Iterable[str], where: str) -> tuple[str, ...]:
    """Return a notice for each of `variables` that is nearly, and so not, the name of an option."""
    options = sorted(settings.model_fields)
    notices: list[str] = []
    for name in variables:
        option = name.upper().removeprefix(PREFIX).lower()
        if name.upper().startswith(PREFIX) and option not in options:
            notices.extend(
                _("{name} in {where} is no setting and was not used. Did you mean {close}?").format(
                    name=name.upper(), where=where, close=variable(close)
                )
                for close in difflib.get_close_matches(option, options, n=1, cutoff=_LIKENESS)
            )
    return tuple(notices)


def _interpret(settings: type[BaseSettings], variables: Mapping[str, str | None]) -> dict[str, object]:
    source = EnvSettingsSource(settings)
    source.env_vars = {name.lower(): value for name, value in variables.items() if value and value.strip()}
    return source()


def closest(option: str, known: Iterable[str], also: Iterable[str] = ()) -> str:
    """Return a sentence with which of the `known` settings may have been meant, or with all of them.

    What is no setting and may have been meant, too, is `also`.
    """
    close = difflib.get_close_matches(option.lower(), sorted({*known, *also}), n=1)
    if close:
        return _("Did you mean {close}?").format(close=close[0])
    return _("The settings are {names}.").format(names=", ".join(sorted(known)))


def unreadable(path: Path, error: OSError | UnicodeDecodeError) -> UsageError:
    """Return what to raise for a file that cannot be read as text."""
    if isinstance(error, UnicodeDecodeError):
        return UsageError(_("{path} is not UTF-8 text. Save it again as UTF-8.").format(path=path))
    return UsageError(
        _("{path} cannot be read ({reason}). Check who may read it.").format(path=path, reason=error.strerror)
    )


def is_open(status: os.stat_result) -> bool:
    """Tell whether others than the owner may do anything with a file of this status."""
    return _KEEPS_MODES and bool(status.st_mode & _OTHERS)


def refuse_foreign(path: Path, status: os.stat_result, instead: str) -> None:
    """Raise :class:`UsageError` if others may have written the file that was found at `path`.

    `status` is that of the file itself, of a link's target; `instead` says what else a person can do.
    """
    if not _KEEPS_MODES:
        return
    if not {status.st_uid, path.lstat().st_uid} <= {os.geteuid(), _SUPERUSER}:
        raise UsageError(
            _(
                "{path} belongs to another user of this computer, who could send your leads elsewhere with "
                "it, so it is not used just because it is there. Move it away, or {instead}."
            ).format(path=path, instead=instead)
        )
    others = stat.S_IWOTH if status.st_gid == os.getegid() else stat.S_IWGRP | stat.S_IWOTH
    if status.st_mode & others:
        raise UsageError(
            _(
                "{path} may be written by others on this computer, who could send your leads elsewhere with "
                "it, so it is not used just because it is there. Run: chmod go-w {path}; or {instead}."
            ).format(path=path, instead=instead)
        )


def _tighten(path: Path) -> tuple[str, ...]:
    try:
        path.chmod(stat.S_IRUSR | stat.S_IWUSR)
        reason = _("its file system keeps no permissions")
    except OSError as error:
        reason = str(error.strerror)
    if is_open(path.stat()):
        raise UsageError(
            _(
                "{path} holds credentials, others on this computer may read it, and that cannot be "
                "changed ({reason}). Move it to a place of yours and run: chmod 600 {path}"
            ).format(path=path, reason=reason)
        )
    return (
        _("{path} holds credentials and others could read it: it is now readable by its owner only.").format(
            path=path
        ),
    )
