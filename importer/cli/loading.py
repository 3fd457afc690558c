"""The settings of a command; from then on, the language that they say is spoken."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from importer.language import speak

if TYPE_CHECKING:
    from importer.settings import Loaded


def load(options: Mapping[str, object]) -> Loaded:
    """Return the settings that these `options` of the command line and all other places make together.

    Raises :class:`importer.errors.UsageError` that names every fault and its place.
    """
    from importer.settings import load_settings

    loaded = load_settings(options)
    if loaded.settings.lang is not None:
        speak(loaded.settings.lang)
    return loaded
