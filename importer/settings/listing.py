"""Each setting with its value and where it comes from, to be shown; of a secret nothing is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from importer.language import _
from importer.settings import Loaded, Settings
from importer.settings.pairs import is_filled_in

# Where the leads go, who signs for them, and what was sent already: told even where nothing was given.
_ALWAYS = ("env", "base_url", "ledger", "client_key", "client_secret")

# Of a client key so many last signs tell one from another; a shorter one is hidden whole.
_TAIL = 4
_KEY_LENGTH = 12


@dataclass(frozen=True, slots=True)
class Listed:
    """One setting as it is shown."""

    option: str
    value: str
    origin: str
    """``--env``, ``LEAD_IMPORTER_ENV``, ``.env``, ``profile sandbox``, ``settings file`` (told by the option
    `config`), or ``default``.
    """


def listed(loaded: Loaded) -> Iterator[Listed]:
    """Yield each setting that was given, and those that matter always, in the order of the options."""
    for option in Settings.model_fields:
        if option in loaded.origins or option in _ALWAYS:
            yield Listed(option, _shown(loaded.settings, option), loaded.origins.get(option, _origin(option)))


def _origin(option: str) -> str:
    return {"base_url": _("by env"), "client_key": "", "client_secret": ""}.get(option, _("default"))


def _shown(settings: Settings, option: str) -> str:
    value = getattr(settings, option)
    if option == "client_secret":
        return _credential(value.get_secret_value() if value else "", settings, tail=False)
    if option == "client_key":
        return _credential(value or "", settings, tail=True)
    if option == "notify":
        return _("given, not shown")
    if option == "base_url":
        return settings.api_address() or _("of the local lead API that a run starts")
    if option == "ledger":
        return str(settings.ledger_path())
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, Mapping):
        return ", ".join(f"{field}={column}" for field, column in value.items())
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    return str(value)


def _credential(text: str, settings: Settings, *, tail: bool) -> str:
    text = text.strip()
    if not text:
        return _("of the local lead API") if settings.env == "local" else _("missing")
    if not is_filled_in(text):
        return _("not filled in")
    return f"…{text[-_TAIL:]}" if tail and len(text) >= _KEY_LENGTH else _("given, not shown")
