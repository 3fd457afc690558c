"""Where settings come from: the environment, a ``.env`` file and a TOML file, each read by pydantic-settings.

Every value keeps the place it was found at, so that a message can say which line to mend. Nothing here
validates a value, and no message shows one: it might be a secret.
"""

from __future__ import annotations

import difflib
import os
import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from tomllib import TOMLDecodeError

from pydantic_settings import BaseSettings, DotEnvSettingsSource, EnvSettingsSource, TomlConfigSettingsSource

from importer.errors import UsageError

PREFIX = "LEAD_IMPORTER_"
CREDENTIALS = frozenset({"client_key", "client_secret"})

SECRETS = CREDENTIALS | {"notify"}
"""What stands in no file that others may read. (Whoever has the address of a hook can post there.)"""

# A variable as unlike as this to any option belongs to somebody else.
_LIKENESS = 0.8

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


def variable(option: str) -> str:
    """Return the environment variable of an option."""
    return PREFIX + option.upper()


def from_environment(settings: type[BaseSettings], variables: Mapping[str, str]) -> dict[str, Given]:
    """Return the options that `variables` of the environment give."""
    return {
        option: Given(value, f"environment variable {variable(option)}")
        for option, value in _interpret(settings, variables).items()
    }


def from_env_file(
    settings: type[BaseSettings], path: Path
) -> tuple[dict[str, Given], Mapping[str, str | None], tuple[str, ...]]:
    """Return the options that a ``.env`` file gives, all of its variables, and notices.

    A file with credentials that others may read is tightened; :class:`UsageError` is raised when that, or
    reading it, fails. Without a file there are no options.
    """
    try:
        variables = DotEnvSettingsSource(settings, env_file=path, env_file_encoding="utf-8-sig").env_vars
    except (OSError, UnicodeDecodeError) as error:
        raise _unreadable(path, error) from None
    given = {
        option: Given(value, f"{variable(option)} in {path}")
        for option, value in _interpret(settings, variables).items()
    }
    notices = _tighten(path) if SECRETS & given.keys() and _is_open(path) else ()
    return given, variables, notices


def from_toml(settings: type[BaseSettings], path: Path, place: str) -> dict[str, Given]:
    """Return the options that the TOML file at `path` gives; its keys may be written with ``-`` or ``_``.

    `place` is where the path itself was given.

    Raises :class:`UsageError` if it cannot be read, has a key that is no option, or holds credentials that
    others may read.
    """
    if not path.is_file():
        raise UsageError(f"{place}: there is no file {path}. Check the path.")
    try:
        entries = TomlConfigSettingsSource(settings, toml_file=path).toml_data
    except TOMLDecodeError as error:
        raise UsageError(f"{path} is no TOML file: {error}. Mend it there.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise _unreadable(path, error) from None
    known = settings.model_fields.keys() - {"config"}
    given: dict[str, Given] = {}
    faults = []
    for key, value in entries.items():
        option = key.replace("-", "_")
        if option not in known:
            faults.append(f"{path}: {key!r} is no setting.{_closest(option, known)}")
        elif option in given:
            faults.append(f"{path}: {option} stands there twice, with - and with _. Remove one.")
        given[option] = Given(value, f"{key} in {path}")
    if faults:
        raise UsageError("\n".join(faults))
    if SECRETS & given.keys() and _is_open(path):
        raise UsageError(
            f"{path} holds credentials, and others on this computer may read it. "
            f"Make it yours alone: chmod 600 {path}"
        )
    return given


def misspelt(settings: type[BaseSettings], variables: Iterable[str], where: str) -> tuple[str, ...]:
    """Return a notice for each of `variables` that is nearly, and so not, the name of an option."""
    options = sorted(settings.model_fields)
    notices: list[str] = []
    for name in variables:
        option = name.upper().removeprefix(PREFIX).lower()
        if name.upper().startswith(PREFIX) and option not in options:
            notices.extend(
                f"{name.upper()} in {where} is no setting and was not used. Did you mean {variable(close)}?"
                for close in difflib.get_close_matches(option, options, n=1, cutoff=_LIKENESS)
            )
    return tuple(notices)


def _interpret(settings: type[BaseSettings], variables: Mapping[str, str | None]) -> dict[str, object]:
    source = EnvSettingsSource(settings)
    source.env_vars = {name.lower(): value for name, value in variables.items() if value and value.strip()}
    return source()


def _closest(option: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(option.lower(), sorted(known), n=1)
    return f" Did you mean {close[0]}?" if close else f" The settings are {', '.join(sorted(known))}."


def _unreadable(path: Path, error: OSError | UnicodeDecodeError) -> UsageError:
    if isinstance(error, UnicodeDecodeError):
        return UsageError(f"{path} is not UTF-8 text. Save it again as UTF-8.")
    return UsageError(f"{path} cannot be read ({error.strerror}). Check who may read it.")


def _is_open(path: Path) -> bool:
    return _KEEPS_MODES and bool(path.stat().st_mode & _OTHERS)


def _tighten(path: Path) -> tuple[str, ...]:
    try:
        path.chmod(stat.S_IRUSR | stat.S_IWUSR)
        reason = "its file system keeps no permissions"
    except OSError as error:
        reason = str(error.strerror)
    if _is_open(path):
        raise UsageError(
            f"{path} holds credentials, others on this computer may read it, and that cannot be changed "
            f"({reason}). Move it to a place of yours and run: chmod 600 {path}"
        )
    return (f"{path} holds credentials and others could read it: it is now readable by its owner only.",)
