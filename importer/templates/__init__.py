"""Input templates as data: which inputs a lead has, in which order they are sent.

The documented templates ship beside this module, one TOML file each; ``fields.toml`` says once what is known
of a field (its title, its kind, the headers that people give it). A template of one's own is a file of the
same form::

    title = "Name and phone"
    fields = ["name", "phone", {name = "city", title = "Thành phố", synonyms = ["tỉnh"], required = false}]
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, Literal, get_args

from importer.errors import TemplateError

Kind = Literal["text", "phone", "identity_number", "email", "customer_id"]
KINDS: tuple[str, ...] = get_args(Kind)

_PROPERTIES = {
    "name": "text",
    "title": "text",
    "kind": "text",
    "synonyms": "a list of texts",
    "example": "text",
    "required": "true or false",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One input of a lead."""

    name: str
    """As the API spells it: the key in ``inputs``."""

    title: str
    """As a person would head the column."""

    kind: Kind = "text"
    """Which checks its values get."""

    synonyms: tuple[str, ...] = ()
    """Other headers that people give to the column."""

    example: str = ""
    required: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """The inputs of a lead, in the order in which they are serialised."""

    name: str
    title: str
    fields: tuple[Field, ...]


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
    return _field("customer_id", "fields.toml")


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
            f"There is no template {name!r}. Give one of {', '.join(shipped)}, or the path of a .toml file "
            "(`lead-importer templates` shows them)."
        )
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        why = (error.strerror if isinstance(error, OSError) else "") or error
        raise TemplateError(f"The template file {name} cannot be read ({why}). Check its path.") from error
    return parse_template(path.stem, text, name)


def parse_template(name: str, text: str, source: str) -> Template:
    """Read a template from the `text` of a TOML file; `source` is what messages call the file.

    Raises :class:`TemplateError` that says which part is wrong.
    """
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise TemplateError(f"{source} is no TOML file: {error}.") from error
    entries = data.get("fields")
    if not isinstance(entries, list) or not entries:
        raise TemplateError(f'{source} needs a list of fields, such as: fields = ["name", "phone"].')
    fields = tuple(_field(entry, source) for entry in entries)
    names = [field.name for field in fields]
    for field_name in names:
        if names.count(field_name) > 1 or field_name == "customer_id":
            raise TemplateError(
                f"{source}: the field {field_name!r} stands there twice, or beside every lead's own "
                "customer_id. Name each input once."
            )
    return Template(name=name, title=str(data.get("title", name)), fields=fields)


@cache
def _known_fields() -> Mapping[str, Mapping[str, Any]]:
    return tomllib.loads(resources.files(__name__).joinpath("fields.toml").read_text(encoding="utf-8"))


def _field(entry: object, source: str) -> Field:
    said = {"name": entry} if isinstance(entry, str) else entry
    if not isinstance(said, dict) or not isinstance(said.get("name"), str) or not said["name"]:
        raise TemplateError(f'{source}: a field is a name, or a table with a name: {{name = "city"}}.')
    name: str = said["name"]
    unknown = said.keys() - _PROPERTIES.keys()
    if unknown:
        raise TemplateError(
            f"{source}, field {name}: {', '.join(sorted(unknown))} is not known. "
            f"A field has {', '.join(sorted(_PROPERTIES))}."
        )
    for key, value in said.items():
        if not _fits(key, value):
            raise TemplateError(f"{source}, field {name}: {key} must be {_PROPERTIES[key]}.")
    merged = {"title": name, "kind": "text", **_known_fields().get(name, {}), **said}
    if merged["kind"] not in KINDS:
        raise TemplateError(f"{source}, field {name}: the kind must be one of {', '.join(KINDS)}.")
    return Field(
        name=name,
        title=merged["title"],
        kind=merged["kind"],
        synonyms=tuple(merged.get("synonyms", ())),
        example=merged.get("example", ""),
        required=merged.get("required", True),
    )


def _fits(key: str, value: object) -> bool:
    match key:
        case "required":
            return isinstance(value, bool)
        case "synonyms":
            return isinstance(value, list) and all(isinstance(synonym, str) for synonym in value)
        case _:
            return isinstance(value, str)
