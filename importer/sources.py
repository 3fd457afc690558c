"""What a run reads, by its name: a file, standard input (``-``), a program's leads (``leads:NAME``). Pure."""

from __future__ import annotations

import re

from importer.errors import UsageError

_PREFIX = "leads:"

# It stands in commands, in results and in the names of files.
_NAME = re.compile(r"\w[\w .:@+-]{0,99}")


def program_source(name: str) -> str:
    """Return how the ledger, results and commands know the leads that a program gives under `name`.

    The name may have the prefix already. Raises :class:`UsageError` for one that could not stand in a command
    or in the name of a file.

    >>> program_source("crm"), program_source("leads:crm")
    ('leads:crm', 'leads:crm')
    """
    bare = name.removeprefix(_PREFIX)
    if not _NAME.fullmatch(bare) or bare != bare.strip():
        raise UsageError(
            f"source={name!r} is no name for leads. Give one of up to 100 letters, digits and signs of "
            '" .:@+-_", such as "crm" or "crm 2026-11".'
        )
    return f"{_PREFIX}{bare}"


def is_of_program(source: str) -> bool:
    """Tell whether `source` names leads that a program gave: there is no file to read them from again."""
    return source.startswith(_PREFIX)
