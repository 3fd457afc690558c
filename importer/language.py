"""The language that a person reads: English, or a translation of it by gettext.

The catalogs are in ``importer/locale``, and ``python -m tests.catalogs`` brings them up to date; what they
lack is told in English. Codes, names of outcomes and options, and what scripts read are never translated.
What the ledger keeps of a row it keeps as it was told, in the language of the run that told it.

It is spoken by a task and what that starts (:func:`asyncio.to_thread` included). A thread or a process that
is started otherwise speaks English until it is told :func:`spoken` of who started it.
"""

from __future__ import annotations

import gettext
import locale
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from functools import cache, reduce
from pathlib import Path

LANGUAGES = ("en", "vi")
"""What can be spoken."""

DOMAIN = "lead-importer"
CATALOGS = Path(__file__).parent / "locale"

# Our own, and then where gettext itself looks, in this order (GNU gettext manual, "Locale Environment
# Variables").
_VARIABLES = ("LEAD_IMPORTER_LANG", "LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG")

_language: ContextVar[str] = ContextVar("language", default="en")


def language_of(environment: Mapping[str, str]) -> str:
    """Return the language that the user of this `environment` reads; English where it is none of ours.

    Where no variable tells, as on Windows, the locale of the system does.
    """
    told = next((value for name in _VARIABLES if (value := environment.get(name))), "")
    if not told:
        # It does not know all locales that a system may have.
        with suppress(ValueError):
            told = locale.getlocale()[0] or ""
    return "vi" if told.casefold().startswith("vi") else "en"


@contextmanager
def speaking(language: str) -> Iterator[None]:
    """Translate into `language` (``en`` or ``vi``) meanwhile, in this task and in what it starts."""
    token = _language.set(language)
    try:
        yield
    finally:
        _language.reset(token)


def speak(language: str) -> None:
    """Translate into `language` from now on, until the :func:`speaking` around this ends."""
    _language.set(language)


def spoken() -> str:
    """Return the language that is spoken now: ``en`` or ``vi``."""
    return _language.get()


def _(message: str) -> str:
    """Return `message`, an English text of this program, in the language that is spoken now.

    What a message tells of is filled in afterwards: ``_("{column} is empty").format(column=header)``.
    """
    return _catalog(_language.get()).gettext(message)


def ngettext(one: str, many: str, count: int) -> str:
    """Return what :func:`_` does of `one`, or of `many` where `count` asks for it in that language."""
    return _catalog(_language.get()).ngettext(one, many, count)


def marked(message: str) -> str:
    """Return `message` as it is: this marks it for the catalogs where a table keeps it for :func:`_`."""
    return message


def in_figures(value: float, decimals: int = 0) -> str:
    """Return a number as one writes it in the language that is spoken: ``1,234.5``, or ``1.234,5``."""
    text = f"{value:,.{decimals}f}"
    return text.translate(_SIGNS) if _language.get() == "vi" else text


_SIGNS = str.maketrans(",.", ".,")


def all_of(names: Iterable[str]) -> str:
    """Return `names`, at least one, joined with "and"."""
    return reduce(lambda one, other: _("{one} and {other}").format(one=one, other=other), names)


def one_of(names: Iterable[str]) -> str:
    """Return `names`, at least one, joined with "or"."""
    return reduce(lambda one, other: _("{one} or {other}").format(one=one, other=other), names)


@cache
def _catalog(language: str) -> gettext.NullTranslations:
    return gettext.translation(DOMAIN, CATALOGS, languages=[language], fallback=True)
