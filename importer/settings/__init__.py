"""Every option of ``run``: its default, what it takes, and where it may come from.

Highest first: options on the command line, environment variables ``LEAD_IMPORTER_<OPTION>``, the file
``.env`` in the working directory, the chosen profile of the TOML file, the top of that file, the defaults.
An option comes whole from one of them: a ``--map`` on the command line replaces the map of a file. The
credentials come as a pair from one of them (:mod:`importer.settings.pairs`), and never from the command line,
where every user of the computer could read them.

A ``.env`` and a TOML file in the working directory may have come with the sheets, in one archive. So the
addresses of such a file may not lead off this computer, nor its outputs out of the directory, and it names no
ledger, unless a person names the file or the value.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import SecretStr, ValidationError
from pydantic_core import ErrorDetails

from importer.errors import InternalError, UsageError
from importer.language import _
from importer.settings.files import no_profiles, read_file
from importer.settings.merging import Config, choose_config, from_options, merged, overruled, refuse_detours
from importer.settings.options import ADDRESSES, CONCURRENCY_LIMIT, Settings, default_ledger_path
from importer.settings.pairs import choose_pair
from importer.settings.sources import (
    CREDENTIALS,
    Given,
    Source,
    closest,
    from_env_file,
    from_environment,
    misspelt,
)
from importer.settings.values import shown, shown_address

__all__ = [
    "ADDRESSES",
    "CONCURRENCY_LIMIT",
    "Loaded",
    "Settings",
    "default_ledger_path",
    "load_settings",
    "settings_of",
]


@dataclass(frozen=True, slots=True)
class Loaded:
    """Settings, and what the person should be told about how they were found."""

    settings: Settings
    notices: tuple[str, ...]
    origins: Mapping[str, str]
    """Where each option that was given comes from: ``--env``, ``.env``, ``profile sandbox``."""


def settings_of(options: Mapping[str, object]) -> Settings:
    """Return the settings that `options` of a program make; the environment and files are not looked at.

    An option that is None was not given. Raises :class:`UsageError` that names every fault.
    """
    known = Settings.model_fields.keys() - {"config", "profile"}
    for option in sorted(options.keys() - known):
        raise UsageError(
            _("{option!r} is no option. {hint}").format(option=option, hint=closest(option, known))
        )
    return _validated(
        {option: Given(value, option, option) for option, value in options.items() if value is not None}
    )


def load_settings(
    options: Mapping[str, object],
    *,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
) -> Loaded:
    """Return the settings that `options` of the command line, the environment and files make together.

    An option that is None or an empty list was not given, and neither was an empty variable. `environment` is
    that of the process and `folder`, where ``.env``, ``lead-importer.toml`` and a relative ``--config`` are
    looked for, the working directory, unless given. Raises :class:`UsageError` that names every fault and its
    place.
    """
    foreign = options.keys() & CREDENTIALS | options.keys() - Settings.model_fields.keys()
    if foreign:
        raise InternalError(
            _("The command line has no option {names}.").format(names=", ".join(sorted(foreign)))
        )
    variables = os.environ if environment is None else environment
    folder = Path() if folder is None else folder
    env_file, file_variables, notices = from_env_file(Settings, folder / ".env")
    sources = [from_options(options), from_environment(Settings, variables), env_file]
    config = choose_config(sources, folder)
    sources.extend(_from_file(config, sources, folder))
    given = merged(sources)
    if config is not None:
        given["config"] = config.given
    profile, env = given.get("profile"), given.get("env")
    pair = choose_pair(
        sources,
        profile=str(profile.value) if profile else None,
        environment=str(env.value) if env else Settings().env,
    )
    given = {option: found for option, found in given.items() if option not in CREDENTIALS}
    given.update(pair.given)
    settings = _validated(given)
    settings._pair_fault = pair.fault
    refuse_detours(settings, folder, sources, config)
    return Loaded(
        settings,
        (
            *notices,
            *misspelt(Settings, variables, _("the environment")),
            *misspelt(Settings, file_variables, str(folder / ".env")),
            *overruled(given, sources),
            *_read_from(settings),
        ),
        {option: found.origin for option, found in given.items()},
    )


def _from_file(config: Config | None, above: Sequence[Source], folder: Path) -> list[Source]:
    chosen = merged(above).get("profile")
    if config is None:
        if chosen is not None:
            raise no_profiles(str(_validated({"profile": chosen}).profile), chosen.place)
        return []
    path = _validated({"config": config.given}).config or Path()
    file = read_file(Settings, folder / path, named_by=config.named_by)
    chosen = chosen or file.top.get("profile")
    if chosen is None:
        return file.sources(None, "")
    return file.sources(_validated({"profile": chosen}).profile, chosen.place)


def _read_from(settings: Settings) -> Iterator[str]:
    if settings.verbose and settings.config is not None:
        if settings.profile:
            yield _("Settings are read from {path}, profile {profile}.").format(
                path=settings.config, profile=settings.profile
            )
        else:
            yield _("Settings are read from {path}.").format(path=settings.config)


def _validated(given: Mapping[str, Given]) -> Settings:
    values: dict[str, Any] = {option: found.value for option, found in given.items()}
    for option in ("client_secret", "notify"):
        if isinstance(values.get(option), str):
            # From here on others handle it, and pydantic-settings can be told to log what it is given.
            values[option] = SecretStr(values[option])
    try:
        return Settings(**values)
    except ValidationError as error:
        faults = [_fault(given, detail) for detail in error.errors(include_url=False, include_input=False)]
    raise UsageError("\n".join(dict.fromkeys(faults)))


def _fault(given: Mapping[str, Given], detail: ErrorDetails) -> str:
    option = str(detail["loc"][0])
    place = given[option].place
    reason = str(detail.get("ctx", {}).get("error", ""))
    if reason:
        return f"{place}: {reason}."
    shows = {
        "client_key": _hidden,
        "client_secret": _hidden,
        "notify": _hidden,
        "base_url": shown_address,
    }
    value = shows.get(option, shown)(given[option].value)
    allowed = Settings.model_fields[option].description or ""
    return _("{place}: {value} is not allowed; give {allowed}.").format(
        place=place, value=value, allowed=_(allowed)
    )


def _hidden(value: object) -> str:
    return _("the value (not shown)")
