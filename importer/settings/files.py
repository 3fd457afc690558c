"""The TOML file of settings: which one it is, and what its top and its profiles give.

A file that nobody named is looked for in the working directory, then in the user's config directory; the
first that is there is the only one. Its keys may be written with ``-`` or ``_``. A table ``[profiles.NAME]``
holds the settings of one app or environment, which go before those at the file's top.
"""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import platformdirs
from pydantic_settings import BaseSettings

from importer.errors import UsageError
from importer.settings.sources import SECRETS, Given, Kind, Source, is_open, refuse_foreign, unreadable

FILE_NAME = "lead-importer.toml"

# A key of this name holds the tables of the profiles, and is no setting itself.
_PROFILES = "profiles"


@dataclass(frozen=True, slots=True)
class SettingsFile:
    """A settings file as it was read; its values are not validated yet."""

    path: Path
    top: Mapping[str, Given]
    """What stands above the first table."""

    profiles: Mapping[str, Mapping[str, Given]]
    """What each ``[profiles.NAME]`` gives."""

    def sources(self, profile: str | None, place: str) -> list[Source]:
        """Return what `profile` and the top give, the higher first; `place` is where it was chosen.

        Raises :class:`UsageError` if there is no such profile.
        """
        top = Source(Kind.FILE, str(self.path), self.top)
        if profile is None:
            return [top]
        if profile not in self.profiles:
            raise UsageError(f"{place}: there is no profile {profile!r} in {self.path}.{self._hint(profile)}")
        name = f"[{_PROFILES}.{profile}] of {self.path}"
        return [Source(Kind.PROFILE, name, self.profiles[profile]), top]

    def _hint(self, profile: str) -> str:
        if not self.profiles:
            return f" It has none: write a table [{_PROFILES}.{profile}]."
        names = sorted(self.profiles)
        spelt = {name.lower(): name for name in names}
        # So that prod is taken for production.
        close = difflib.get_close_matches(profile.lower(), spelt, n=1, cutoff=0.5)
        there = f"Those there are: {', '.join(names)}."
        return f" Did you mean {spelt[close[0]]}? {there}" if close else f" {there}"


def user_file() -> Path:
    """Return where a user's own settings file is looked for: in the user's config directory."""
    return platformdirs.user_config_path("lead-importer", appauthor=False) / "config.toml"


def found_files(folder: Path) -> list[Path]:
    """Return the settings files that are there unnamed, in `folder` and of the user: the first is used."""
    return [path for path in (folder / FILE_NAME, user_file()) if _is_file(path)]


def no_profiles(profile: str, place: str) -> UsageError:
    """Return what to raise where `profile` was chosen and no file was named or found."""
    return UsageError(
        f"{place}: {profile!r} would be a profile of a settings file, but there is neither {FILE_NAME} in "
        f"the working directory nor {user_file()}. Name a file with --config, or write one: "
        "lead-importer init"
    )


def read_file(settings: type[BaseSettings], path: Path, *, named_by: str | None) -> SettingsFile:
    """Read the TOML file at `path`; `named_by` is the place that named it, None if it was just found.

    Raises :class:`UsageError` if it cannot be read, has a key that is no setting or a profile that is no
    table, holds credentials that others may read, or was found and others may have written it.
    """
    if named_by and not _is_file(path):
        raise UsageError(f"{named_by}: there is no file {path}. Check the path.")
    try:
        # What is asked about the file and what is read is the same file, whoever moves others to its place.
        with path.open("rb") as file:
            status = os.stat(file.fileno())  # noqa: PTH116 - an open file has no path
            if not named_by:
                refuse_foreign(path, status, f"name it, if you trust it: --config {path}")
            entries = tomllib.load(file)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{path} is no TOML file: {error}. Mend it there.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise unreadable(path, error) from None
    read = _parse(settings, path, entries)
    if is_open(status) and any(SECRETS & given.keys() for given in (read.top, *read.profiles.values())):
        raise UsageError(
            f"{path} holds credentials, and others on this computer may read it. "
            f"Make it yours alone: chmod 600 {path}"
        )
    return read


def _parse(settings: type[BaseSettings], path: Path, entries: Mapping[str, object]) -> SettingsFile:
    known = settings.model_fields.keys() - {"config"}
    faults: list[str] = []
    tables = entries.get(_PROFILES, {})
    if not isinstance(tables, dict):
        faults.append(f"{path}: {_PROFILES} is no table. Write each profile as a table [{_PROFILES}.NAME].")
        tables = {}
    profile = entries.get("profile")
    if isinstance(profile, dict):
        faults.append(
            f"{path}: profile is the name of the profile to use. The tables are called [{_PROFILES}.NAME]."
        )
    flat = {
        key: value
        for key, value in entries.items()
        if key != _PROFILES and not (key == "profile" and isinstance(value, dict))
    }
    top, wrong = _settings_in(flat, known, str(path), "settings file", also=(_PROFILES,))
    faults.extend(wrong)
    profiles: dict[str, Mapping[str, Given]] = {}
    for name, table in tables.items():
        where = f"[{_PROFILES}.{name}] of {path}"
        if not isinstance(table, dict):
            faults.append(f"{path}: {_PROFILES}.{name} is no table. Write the profile as a table {where}.")
            continue
        profiles[name], wrong = _settings_in(table, known - {"profile"}, where, f"profile {name}")
        faults.extend(wrong)
    if faults:
        raise UsageError("\n".join(faults))
    return SettingsFile(path, top, profiles)


def _settings_in(
    entries: Mapping[str, object], known: set[str], where: str, origin: str, also: Iterable[str] = ()
) -> tuple[dict[str, Given], list[str]]:
    given: dict[str, Given] = {}
    faults = []
    for key, value in entries.items():
        option = key.replace("-", "_")
        if option not in known:
            faults.append(f"{where}: {key!r} is no setting{_hint(option, known, also)}")
        elif option in given:
            faults.append(f"{where}: {option} stands there twice, with - and with _. Remove one.")
        given[option] = Given(value, f"{key} in {where}", origin)
    return given, faults


def _hint(option: str, known: set[str], also: Iterable[str]) -> str:
    if option == "profile":
        return " of a profile. It belongs at the top of the file."
    close = difflib.get_close_matches(option.lower(), sorted({*known, *also}), n=1)
    return f". Did you mean {close[0]}?" if close else f". The settings are {', '.join(sorted(known))}."


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:
        # A service may have a home that it cannot look into.
        return False
