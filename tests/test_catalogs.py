"""The catalogs are whole, and nothing that a person reads is said past them."""

from __future__ import annotations

import ast
import re
import string
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.mofile import read_mo

from tests.catalogs import PACKAGE, TRANSLATED, catalog_of, path_of, said_in_the_code, untranslated

BRING_UP_TO_DATE = "run python -m tests.catalogs, and translate what it names"


@cache
def said() -> Catalog:
    return said_in_the_code()


def texts(message: Message) -> list[tuple[str, str]]:
    """Return each English text of a message with its translation; of a plural, the last form of both."""
    if isinstance(message.id, tuple | list):
        return [(message.id[-1], form) for form in message.string or ()]
    return [(str(message.id), str(message.string))]


def pairs(language: str) -> Iterator[tuple[str, str]]:
    for message in catalog_of(language):
        if message.id:
            yield from texts(message)


def placeholders(text: str) -> set[tuple[str, str | None]]:
    try:
        return {(name, conversion) for _, name, _, conversion in string.Formatter().parse(text) if name}
    except ValueError:
        # It is not filled in, and has braces of its own.
        return set()


# The catalogs


@pytest.mark.parametrize("language", TRANSLATED)
def test_every_message_in_the_code_has_its_translation(language: str) -> None:
    catalog = catalog_of(language)
    lacking = [message.id for message in said() if message.id and message.id not in catalog]
    assert lacking == [], BRING_UP_TO_DATE
    assert list(untranslated(catalog)) == [], BRING_UP_TO_DATE


@pytest.mark.parametrize("language", TRANSLATED)
def test_no_translation_is_of_a_message_that_is_gone(language: str) -> None:
    catalog = catalog_of(language)
    assert [message.id for message in catalog if message.id and message.id not in said()] == []
    assert list(catalog.obsolete) == [], BRING_UP_TO_DATE


@pytest.mark.parametrize("language", TRANSLATED)
def test_no_translation_is_a_guess(language: str) -> None:
    assert [message.id for message in catalog_of(language) if message.id and message.fuzzy] == []


@pytest.mark.parametrize("language", TRANSLATED)
def test_what_is_filled_in_is_the_same_in_both_languages(language: str) -> None:
    assert [
        english for english, other in pairs(language) if placeholders(english) != placeholders(other)
    ] == []


@pytest.mark.parametrize("language", TRANSLATED)
def test_options_commands_and_endings_of_files_are_named_as_they_are(language: str) -> None:
    names = re.compile(
        r"--[a-z][a-z-]*|lead-importer(?: (?:check|resolve|results|templates)\b)?|(?<!\w)\.[a-z]{3,5}\b"
        r"|`[^`]*`|chmod 600"
    )
    differing = {
        english: set(names.findall(english)) ^ set(names.findall(other)) for english, other in pairs(language)
    }
    assert {english: names for english, names in differing.items() if names} == {}


@pytest.mark.parametrize("language", TRANSLATED)
def test_a_sentence_ends_as_it_does_in_english(language: str) -> None:
    ends = re.compile(r"[.:?]?\Z")
    assert [
        (english, other) for english, other in pairs(language) if ends.findall(english) != ends.findall(other)
    ] == []


@pytest.mark.parametrize("language", TRANSLATED)
def test_what_is_read_is_what_was_translated(language: str) -> None:
    with path_of(language, ".mo").open("rb") as file:
        read = read_mo(file)
    assert sorted(pair for message in read if message.id for pair in texts(message)) == sorted(
        pairs(language)
    ), BRING_UP_TO_DATE


# The code


NO_MESSAGES = {
    "local_api.py": "who rehearses with it writes scripts",
    "local_requests.py": "the answers of an API",
    "applications.py": "what the local API says",
    "local_responses.py": "what the local API says",
    "mapping/statuses.py": "headers and statuses, in both languages",
    "faults.py": "what the local API says",
    "failpoints.py": "for the importer's own tests",
    "headings.py": "headers, in both languages",
    "blanks.py": "what an empty workbook says, in both languages",
    "cli/options.py": "help, which is in English",
    "__init__.py": "an import that Python refuses to a program",
    "library/__init__.py": "a program's arguments are wrong, and its developers mend them",
    "library/beside.py": "a program's own leads, watcher or task have failed",
    "library/leads.py": "a program gave what is no lead",
    "sources.py": "a program's argument `source` is wrong",
    "metrics.py": "help that Prometheus shows beside names of metrics, which are English, too",
    "measuring/histogram.py": "it was asked for quantiles of nothing, which no person can do",
}
"""Modules whose texts are not translated, and why."""

# Statements, styles, programs, templates, the first settings file, whose keys are English like its comments,
# and what is said in both languages.
_NO_SENTENCE = re.compile(
    r".*\b(?:SELECT|INSERT|UPDATE|CREATE|DELETE|FROM|PRIMARY KEY|NOT NULL)\b|bold |lead-importer |import sys"
    r"|; from importer|title = |patternFill |fgColor |bgColor |← |JSON has |no sign has |an intent is "
    r"|  import:  |The local lead API |; Ctrl-C| applications for "
    r"|# Settings of |<client (?:key|secret) of ",
    re.DOTALL,
)
_SENTENCE = re.compile(r"[a-z]{2,} [a-z]{2,}")
_SAYS = {"_", "marked", "ngettext"}

# What they are given is help, or no text.
_HELPS = {"Option", "Argument", "Typer", "command", "callback", "compile"}


def called(node: ast.Call) -> str:
    return getattr(node.func, "id", "") or getattr(node.func, "attr", "")


def modules() -> list[Path]:
    return sorted(
        path for path in PACKAGE.rglob("*.py") if path.relative_to(PACKAGE).as_posix() not in NO_MESSAGES
    )


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def sentences_past_the_catalogs(path: Path) -> Iterator[str]:
    tree = tree_of(path)
    meant: set[ast.AST] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            meant.add(node.value)
        elif isinstance(node, ast.Call) and called(node) in _SAYS | _HELPS:
            meant.update(ast.walk(node))
    for node in ast.walk(tree):
        if node not in meant and isinstance(node, ast.Constant) and isinstance(node.value, str):
            text = node.value.lstrip("\n")
            if _SENTENCE.search(text) and not _NO_SENTENCE.match(text):
                yield f"{path.relative_to(PACKAGE)}:{node.lineno}: {text[:60]}"


def test_no_sentence_stands_in_the_code_past_the_catalogs() -> None:
    assert [found for path in modules() for found in sentences_past_the_catalogs(path)] == []


def test_every_message_is_a_constant_and_is_filled_in_with_what_it_names() -> None:
    wrong = []
    for path in modules():
        for node in ast.walk(tree_of(path)):
            if not isinstance(node, ast.Call):
                continue
            where = f"{path.relative_to(PACKAGE)}:{node.lineno}"
            if called(node) in _SAYS and any(isinstance(part, ast.JoinedStr) for part in ast.walk(node)):
                wrong.append(f"{where}: filled in before it is translated")
            filled = node.func.value if isinstance(node.func, ast.Attribute) else None
            if called(node) == "format" and isinstance(filled, ast.Call) and called(filled) in _SAYS:
                given = {keyword.arg for keyword in node.keywords}
                named = [part.value for part in filled.args if isinstance(part, ast.Constant)]
                wanted = {name for text in named for name, _ in placeholders(str(text))}
                if named and wanted != given:
                    wrong.append(f"{where}: {wanted ^ given}")
    assert wrong == []


def translated_when_imported(node: ast.AST) -> Iterator[int]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(child, ast.Call) and called(child) in _SAYS - {"marked"}:
            yield child.lineno
        yield from translated_when_imported(child)


def test_no_message_is_translated_before_it_is_known_who_reads_it() -> None:
    assert [
        f"{path.relative_to(PACKAGE)}:{line}"
        for path in modules()
        for line in translated_when_imported(tree_of(path))
    ] == []
