"""The language that a person reads: English, or a translation of it by gettext.

The catalogs are in ``importer/locale``; what they lack is told in English. Codes, names of outcomes and
options, and what scripts read are never translated.
"""

from __future__ import annotations

import gettext
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from pathlib import Path

DOMAIN = "lead-importer"
CATALOGS = Path(__file__).parent / "locale"

_language: ContextVar[str] = ContextVar("language", default="en")


@contextmanager
def speaking(language: str) -> Iterator[None]:
    """Translate into `language` (``en`` or ``vi``) meanwhile, in this task and in threads that it starts."""
    token = _language.set(language)
    try:
        yield
    finally:
        _language.reset(token)


def spoken() -> str:
    """Return the language that is spoken now: ``en`` or ``vi``."""
    return _language.get()


def _(message: str) -> str:
    """Return `message`, an English text of this program, in the language that is spoken now.

    What a message tells of is filled in afterwards: ``_("{column} is empty").format(column=header)``.
    """
    return _catalog(_language.get()).gettext(message)


@cache
def _catalog(language: str) -> gettext.NullTranslations:
    return gettext.translation(DOMAIN, CATALOGS, languages=[language], fallback=True)
