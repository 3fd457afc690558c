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
from importer.language import _
from importer.settings.sources import (
    SECRETS,
    Given,
    Kind,
    Source,
    closest,
    is_open,
    refuse_foreign,
    unreadable,
)

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
            raise UsageError(
                _("{place}: there is no profile {profile!r} in {path}. {hint}").format(
                    place=place, profile=profile, path=self.path, hint=self._hint(profile)
                )
            )
        name = _table_of(profile, self.path)
        return [Source(Kind.PROFILE, name, self.profiles[profile]), top]

    def _hint(self, profile: str) -> str:
        if not self.profiles:
            return _("It has none: write a table {table}.").format(table=f"[{_PROFILES}.{profile}]")
        names = sorted(self.profiles)
        spelt = {name.lower(): name for name in names}
        # So that prod is taken for production.
        close = difflib.get_close_matches(profile.lower(), spelt, n=1, cutoff=0.5)
        there = _("Those there are: {names}.").format(names=", ".join(names))
        return f"{_('Did you mean {close}?').format(close=spelt[close[0]])} {there}" if close else there


def user_file() -> Path:
    """Return where a user's own settings file is looked for: in the user's config directory."""
    return platformdirs.user_config_path("lead-importer", appauthor=False) / "config.toml"


def found_files(folder: Path) -> list[Path]:
    """Return the settings files that are there unnamed, in `folder` and of the user: the first is used."""
    return [path for path in (folder / FILE_NAME, user_file()) if _is_file(path)]


def no_profiles(profile: str, place: str) -> UsageError:
    """Return what to raise where `profile` was chosen and no file was named or found."""
    return UsageError(
        _(
            "{place}: {profile!r} would be a profile of a settings file, but there is neither {name} in the "
            "working directory nor {path}. Name a file with --config, or write one: lead-importer init"
        ).format(place=place, profile=profile, name=FILE_NAME, path=user_file())
    )


def read_file(settings: type[BaseSettings], path: Path, *, named_by: str | None) -> SettingsFile:
    """Read the TOML file at `path`; `named_by` is the place that named it, None if it was just found.

    Raises :class:`UsageError` if it cannot be read, has a key that is no setting or a profile that is no
    table, holds credentials that others may read, or was found and others may have written it.
    """
    if named_by and not _is_file(path):
        raise UsageError(
            _("{place}: there is no file {path}. Check the path.").format(place=named_by, path=path)
        )
    try:
        # What is asked about the file and what is read is the same file, whoever moves others to its place.
        with path.open("rb") as file:
            status = os.stat(file.fileno())  # noqa: PTH116 - an open file has no path
            if not named_by:
                instead = _("name it, if you trust it: --config {path}").format(path=path)
                refuse_foreign(path, status, instead)
            entries = tomllib.load(file)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(
            _("{path} is no TOML file: {error}. Mend it there.").format(path=path, error=error)
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise unreadable(path, error) from None
    read = _parse(settings, path, entries)
    if is_open(status) and any(SECRETS & given.keys() for given in (read.top, *read.profiles.values())):
        raise UsageError(
            _(
                "{path} holds credentials, and others on this computer may read it. Make it yours alone: "
                "chmod 600 {path}"
            ).format(path=path)
        )
    return read


def _parse(settings: type[BaseSettings], path: Path, entries: Mapping[str, object]) -> SettingsFile:
    known = settings.model_fields.keys() - {"config"}
    faults: list[str] = []
    tables = entries.get(_PROFILES, {})
    if not isinstance(tables, dict):
        faults.append(
            _("{path}: profiles is no table. Write each profile as a table [profiles.NAME].").format(
                path=path
            )
        )
        tables = {}
    profile = entries.get("profile")
    if isinstance(profile, dict):
        faults.append(
            _(
                "{path}: profile is the name of the profile to use. The tables are called [profiles.NAME]."
            ).format(path=path)
        )
    flat = {
        key: value
        for key, value in entries.items()
        if key != _PROFILES and not (key == "profile" and isinstance(value, dict))
    }
    top, wrong = _settings_in(flat, known, str(path), _("settings file"), also=(_PROFILES,))
    faults.extend(wrong)
    profiles: dict[str, Mapping[str, Given]] = {}
    for name, table in tables.items():
        where = _table_of(name, path)
        if not isinstance(table, dict):
            faults.append(
                _("{path}: profiles.{name} is no table. Write the profile as a table {where}.").format(
                    path=path, name=name, where=where
                )
            )
            continue
        origin = _("profile {name}").format(name=name)
        profiles[name], wrong = _settings_in(table, known - {"profile"}, where, origin)
        faults.extend(wrong)
    if faults:
        raise UsageError("\n".join(faults))
    return SettingsFile(path, top, profiles)


def _table_of(profile: str, path: Path) -> str:
    return _("{table} of {path}").format(table=f"[{_PROFILES}.{profile}]", path=path)


def _settings_in(
    entries: Mapping[str, object], known: set[str], where: str, origin: str, also: Iterable[str] = ()
) -> tuple[dict[str, Given], list[str]]:
    given: dict[str, Given] = {}
    faults = []
    for key, value in entries.items():
        option = key.replace("-", "_")
        if option not in known:
            faults.append(_no_setting(key, known, where, also))
        elif option in given:
            faults.append(
                _("{where}: {option} stands there twice, with - and with _. Remove one.").format(
                    where=where, option=option
                )
            )
        given[option] = Given(value, _("{name} in {where}").format(name=key, where=where), origin)
    return given, faults


def _no_setting(key: str, known: set[str], where: str, also: Iterable[str]) -> str:
    option = key.replace("-", "_")
    if option == "profile":
        return _("{where}: {key!r} is no setting of a profile. It belongs at the top of the file.").format(
            where=where, key=key
        )
    return _("{where}: {key!r} is no setting. {hint}").format(
        where=where, key=key, hint=closest(option, known, also)
    )


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:
        # A service may have a home that it cannot look into.
        return False
