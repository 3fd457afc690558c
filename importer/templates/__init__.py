"""Input templates as data: which inputs a lead has, in which order they are sent.

The documented templates ship beside this module, one TOML file each; ``fields.toml`` says once what is known
of a field (its title, its kind, the headers that people give it). A template of one's own is a file of the
same form::

    title = "Name and phone"
    fields = ["name", "phone", {name = "city", title = "Thành phố", synonyms = ["tỉnh"], required = false}]

What a field can have is told by :class:`Field`, and to users by the README.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib import resources
from pathlib import Path

from importer.errors import TemplateError
from importer.language import _
from importer.templates import parsing
from importer.templates.fields import Field, Template, Type, Value
from importer.templates.reading import values_of
from importer.values import KINDS, Kind

__all__ = [
    "KINDS",
    "Field",
    "Kind",
    "Template",
    "Type",
    "Value",
    "customer_id_field",
    "find_template",
    "parse_template",
    "shipped_templates",
    "values_of",
]

SIZE_LIMIT = 1 << 20
"""Bytes of a template's file, at most: thousands of fields."""


@cache
def shipped_templates() -> Mapping[str, Template]:
    """Return the documented templates by name, in the order of their names."""
    folder = resources.files(__name__)
    files = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".toml"))
    return {
        name.removesuffix(".toml"): parse_template(
            name.removesuffix(".toml"), folder.joinpath(name).read_text(encoding="utf-8"), name
        )
        for name in files
        if name != "fields.toml"
    }


@cache
def customer_id_field() -> Field:
    """Return the field that every lead has beside its inputs."""
    return parsing.parse_field("customer_id", "fields.toml", _known_fields())


def find_template(name: str) -> Template:
    """Return the template that `name` means: a shipped one, or a TOML file.

    Raises :class:`TemplateError` if there is none, or the file is malformed.
    """
    shipped = shipped_templates()
    if name in shipped:
        return shipped[name]
    path = Path(name)
    if path.suffix != ".toml":
        raise TemplateError(
            _(
                "There is no template {name!r}. Give one of {names}, or the path of a .toml file "
                "(`lead-importer templates` shows them)."
            ).format(name=name, names=", ".join(shipped))
        )
    try:
        with path.open("rb") as file:
            content = file.read(SIZE_LIMIT + 1)
        # Cut anywhere, it need not be UTF-8.
        text = content.decode("utf-8-sig") if len(content) <= SIZE_LIMIT else None
    except (OSError, ValueError) as error:
        why = (error.strerror if isinstance(error, OSError) else "") or error
        raise TemplateError(
            _("The template file {name} cannot be read ({why}). Check its path.").format(name=name, why=why)
        ) from error
    if text is None:
        raise TemplateError(
            _("The template file {name} is larger than any template. Check its path.").format(name=name)
        )
    return parse_template(path.stem, text, name)


def parse_template(name: str, text: str, source: str) -> Template:
    """Read a template from the `text` of a TOML file; `source` is what messages call the file.

    Raises :class:`TemplateError` that says which part is wrong.
    """
    return parsing.parse_template(name, text, source, _known_fields())


@cache
def _known_fields() -> parsing.KnownFields:
    return tomllib.loads(resources.files(__name__).joinpath("fields.toml").read_text(encoding="utf-8"))
