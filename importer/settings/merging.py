"""Which source wins, and what is said or refused because of the place where a value stands."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from importer.errors import UsageError
from importer.language import _
from importer.settings.files import found_files, user_file
from importer.settings.options import ADDRESSES, OUTPUTS, Settings
from importer.settings.sources import Given, Kind, Source, variable
from importer.settings.values import leads_off, same_address, shown, shown_address

# Given in a higher place, either sets both of a lower place aside: --verbose overrules a file's quiet.
_VOLUME = frozenset({"quiet", "verbose"})


@dataclass(frozen=True, slots=True)
class Config:
    """The TOML file that is read."""

    given: Given
    named_by: str | None
    """The place that named it; None if it was just found."""

    came_along: bool
    """Whether it, or the ``.env`` that names it, only lies in the working directory."""


def choose_config(sources: Sequence[Source], folder: Path) -> Config | None:
    """Return the TOML file that `sources` name, else the one that is found in `folder` or of the user."""
    if source := next((source for source in sources if "config" in source.given), None):
        given = source.given["config"]
        return Config(given, given.place, source.kind is Kind.ENV_FILE)
    found = found_files(folder)
    if not found:
        return None
    path, *unread = found
    origin = _("found; {path} is not read").format(path=unread[0]) if unread else _("found")
    return Config(Given(path, str(path), origin), None, path != user_file())


def from_options(options: Mapping[str, object]) -> Source:
    """Return the options of the command line; one that is None or an empty list was not given."""
    spelt = {option: f"--{option.replace('_', '-')}" for option in options}
    given = {
        option: Given(value, _("option --{name}").format(name=option.replace("_", "-")), spelt[option])
        for option, value in options.items()
        if value is not None and value != [] and value != ()
    }
    return Source(Kind.OPTIONS, _("the command line"), given)


def merged(sources: Sequence[Source]) -> dict[str, Given]:
    """Return each option as the first of `sources` that has it gives it."""
    given: dict[str, Given] = {}
    for source in sources:
        hidden = given.keys() | (_VOLUME if given.keys() & _VOLUME else set())
        given.update({option: found for option, found in source.given.items() if option not in hidden})
    return given


# What leads to another computer.
_ADDRESSED = {"base_url", "notify"}


def refuse_detours(
    settings: Settings, folder: Path, sources: Sequence[Source], config: Config | None
) -> None:
    """Raise :class:`UsageError` if only a file in the working directory, `folder`, leads anything off.

    An archive of sheets may hold such a file. So it names no ledger, no hook and no base URL that is not on
    this computer, but for the API's own, and no file to write outside the folder. A ``.env`` is written for
    one's own programs, so only addresses in it are looked at.
    """
    address, hook = settings.base_url, settings.notify
    if address and leads_off(address) and not any(same_address(address, one) for one in ADDRESSES.values()):
        _refuse_detour(
            "base_url", _("{address} would get the leads").format(address=shown(address)), sources, config
        )
    if hook and leads_off(hook.get_secret_value()):
        _refuse_detour("notify", _("the address (not shown) would get the summary"), sources, config)
    if settings.ledger is not None:
        told = _("{path} would tell what was sent already").format(path=shown(settings.ledger))
        _refuse_detour("ledger", told, sources, config)
    for option in OUTPUTS:
        path = getattr(settings, option)
        if path is not None and not (folder / path).resolve().is_relative_to(folder.resolve()):
            told = _("{path}, which is elsewhere, would be written").format(path=shown(path))
            _refuse_detour(option, told, sources, config)


def _refuse_detour(option: str, told: str, sources: Sequence[Source], config: Config | None) -> None:
    source = next((source for source in sources if option in source.given), None)
    if source is None or (source.kind is Kind.ENV_FILE and option not in _ADDRESSED):
        return
    if source.kind is Kind.ENV_FILE:
        instead = _("set {variable} in the environment").format(variable=variable(option))
    elif source.kind in (Kind.PROFILE, Kind.FILE) and config is not None and config.came_along:
        instead = _("name the file: --config {path}").format(path=config.given.value)
    else:
        return
    raise UsageError(
        _(
            "{place}: {told}, and only a file in the working directory says so, which may have come with the "
            "sheets. If you mean it, give --{option}, or {instead}."
        ).format(
            place=source.given[option].place, told=told, option=option.replace("_", "-"), instead=instead
        )
    )


def overruled(given: Mapping[str, Given], sources: Sequence[Source]) -> Iterator[str]:
    """Yield a notice for what a profile says of where leads go, and a variable says otherwise."""
    profile = next((source for source in sources if source.kind is Kind.PROFILE), None)
    for source in sources:
        if profile is None or source.kind not in (Kind.ENVIRONMENT, Kind.ENV_FILE):
            continue
        for option in ("env", "base_url"):
            found, own = source.given.get(option), profile.given.get(option)
            if found and own and given[option] is found and found.value != own.value:
                yield _("{option} is {value} by {place}, not {own} as {profile} says.").format(
                    option=option,
                    value=shown_address(found.value),
                    place=found.place,
                    own=shown_address(own.value),
                    profile=profile.name,
                )
