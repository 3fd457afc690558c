"""The catalogs of messages, made of what stands in the code.

``python -m tests.catalogs`` brings them up to date: new messages come into
``importer/locale/*/LC_MESSAGES/lead-importer.po`` without a translation, those that are gone leave it, and
the ``.mo`` beside it, which is what the importer reads, is written anew.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

from importer.language import CATALOGS, DOMAIN, LANGUAGES
from importer.templates import shipped_templates

PACKAGE = CATALOGS.parent

TRANSLATED = tuple(language for language in LANGUAGES if language != "en")

# The functions of `importer.language` that name a message; of a plural, the first two arguments do.
_KEYWORDS = {"_": None, "marked": None, "ngettext": (1, 2)}


def said_in_the_code() -> Catalog:
    """Return every message that the importer can say."""
    said = Catalog(domain=DOMAIN)
    found = extract_from_dir(PACKAGE, method_map=[("**.py", "python")], keywords=_KEYWORDS)
    for file, _, message, _, _ in sorted(found, key=lambda one: (one[0], one[1])):
        said.add(message, locations=[(f"importer/{file}", 0)])
    for template in shipped_templates().values():
        said.add(template.title, locations=[(f"importer/templates/{template.name}.toml", 0)])
    return said


def path_of(language: str, ending: str = ".po") -> Path:
    """Return where the catalog of a language is."""
    return CATALOGS / language / "LC_MESSAGES" / f"{DOMAIN}{ending}"


def catalog_of(language: str) -> Catalog:
    """Return the catalog of a language, as it is written in its ``.po``."""
    with path_of(language).open("rb") as file:
        return read_po(file, locale=language, domain=DOMAIN)


def untranslated(catalog: Catalog) -> Iterator[str]:
    """Yield the messages of a catalog that have no translation."""
    for message in catalog:
        texts = message.string if isinstance(message.string, tuple | list) else (message.string,)
        if message.id and not all(texts):
            yield str(message.id)


def bring_up_to_date(language: str) -> list[str]:
    """Write the catalog of a language for what the code says now; return what it lacks."""
    catalog = catalog_of(language)
    written_first = catalog.creation_date
    catalog.update(said_in_the_code(), no_fuzzy_matching=True)
    catalog.creation_date = written_first
    catalog.project, catalog.version = DOMAIN, "1"
    catalog.last_translator = catalog.language_team = catalog.msgid_bugs_address = f"the makers of {DOMAIN}"
    catalog.obsolete.clear()
    with path_of(language).open("wb") as file:
        write_po(file, catalog, width=110, include_lineno=False, sort_by_file=True)
    with path_of(language, ".mo").open("wb") as file:
        write_mo(file, catalog)
    return list(untranslated(catalog))


if __name__ == "__main__":
    lacking = {language: bring_up_to_date(language) for language in TRANSLATED}
    for language, messages in lacking.items():
        for message in messages:
            print(f"{language} lacks: {message}")  # noqa: T201 - it is a command
    sys.exit(any(lacking.values()))
