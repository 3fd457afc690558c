"""The text of a TOML file to a template, or to an error that says which part of it is wrong. Pure."""

from __future__ import annotations

import re
import tomllib
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import partial
from typing import Any, NoReturn, TypeGuard

from importer.errors import TemplateError
from importer.language import _, marked
from importer.numbers import DIGITS_LIMIT
from importer.templates.fields import Field, Template, Type, Value
from importer.templates.reading import compiled, fault_of_value, folded, named, shown_value
from importer.values import KINDS

DEPTH_LIMIT = 20
"""Objects within each other, at most."""

KnownFields = Mapping[str, Mapping[str, Any]]
"""What is known of fields, by their key."""


def _is_text(said: object) -> TypeGuard[str]:
    return isinstance(said, str)


def _is_filled(said: object) -> bool:
    return isinstance(said, list) and bool(said)


PROPERTIES: Mapping[str, tuple[str, Callable[[object], bool]]] = {
    "name": (marked("text"), _is_text),
    "title": (marked("text"), _is_text),
    "type": (marked("text"), _is_text),
    "kind": (marked("text"), _is_text),
    "synonyms": (marked("a list of texts"), lambda said: isinstance(said, list) and all(map(_is_text, said))),
    "example": (marked("text"), _is_text),
    "required": (marked("true or false"), lambda said: isinstance(said, bool)),
    "constant": (marked("a value"), lambda said: True),
    "default": (marked("a value"), lambda said: True),
    "pattern": (marked("text"), _is_text),
    "hint": (marked("text"), _is_text),
    "allowed": (marked("a list of values, at least one"), _is_filled),
    "decimal": (marked('"," or "."'), lambda said: said in (",", ".")),
    "fields": (marked("a list of fields, at least one"), _is_filled),
}
"""What a field can have, and of which form that is: in words, and as a check. A constant, a default and the
allowed values are of the field's type."""

_OF_EVERY_VALUE = PROPERTIES.keys() - {"kind", "pattern", "hint", "decimal", "fields"}
PROPERTIES_OF_TYPE: Mapping[str, frozenset[str]] = {
    "string": frozenset(_OF_EVERY_VALUE | {"kind", "pattern", "hint"}),
    "number": frozenset(_OF_EVERY_VALUE | {"decimal"}),
    "integer": frozenset(_OF_EVERY_VALUE | {"decimal"}),
    "boolean": frozenset(_OF_EVERY_VALUE),
    "object": frozenset({"name", "type", "required", "fields"}),
}
"""Which of its properties a field of each type can have."""

_SENT_WITHOUT_A_COLUMN = ("required", "default", "synonyms", "example")

_VALUES_OF: Mapping[Type, str] = {
    "string": marked("text"),
    "number": marked("a number of at most {most} digits"),
    "integer": marked("a whole number of at most {most} digits"),
    "boolean": marked("true or false"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Around:
    """The objects that an entry stands in."""

    source: str
    names: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    """The dotted names of those that may be left out."""

    def refuse(self, message: str, name: str = "") -> NoReturn:
        """Raise the error of the field `name` here, or of the object or file that all stand in."""
        dotted = ".".join((*self.names, name) if name else self.names)
        where = (
            _("{source}, field {field}").format(source=self.source, field=dotted) if dotted else self.source
        )
        raise TemplateError(f"{where}: {message}")


def parse_template(name: str, text: str, source: str, known: KnownFields) -> Template:
    """Read a template from the `text` of a TOML file; `source` is what messages call the file.

    Fields take from `known` what they do not say. Raises :class:`TemplateError` that says what is wrong.
    """
    try:
        data = tomllib.loads(text, parse_float=_exact)
    except RecursionError as error:
        raise TemplateError(_("{source} is nested too deeply to be read.").format(source=source)) from error
    except ValueError as error:  # Most are TOMLDecodeError; the digits of a whole number are limited, too.
        raise TemplateError(
            _("{source} is no TOML file: {error}.").format(source=source, error=error)
        ) from error
    entries = data.get("fields")
    if not isinstance(entries, list) or not entries:
        raise TemplateError(
            _('{source} needs a list of fields, such as: fields = ["name", "phone"].').format(source=source)
        )
    if unknown := data.keys() - {"title", "fields"}:
        raise TemplateError(
            _("{source}: {unknown} is not known. A template has fields and title.").format(
                source=source, unknown=", ".join(sorted(unknown))
            )
        )
    title = data.get("title", name)
    if not isinstance(title, str):
        raise TemplateError(_("{source}: title must be text.").format(source=source))
    fields = tuple(_fields(entries, _Around(source=source), known))
    return Template(name=name, title=title, fields=fields)


def parse_field(entry: object, source: str, known: KnownFields) -> Field:
    """Return the one field that `entry` is. Raises :class:`TemplateError`."""
    (field,) = _fields_of(entry, _Around(source=source), known)
    return field


def _exact(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:  # An exponent that no number can have; as a value, it is refused.
        return Decimal("NaN")


def _fields(entries: list[object], around: _Around, known: KnownFields) -> Iterator[Field]:
    counted = Counter(_name_of(entry, around) for entry in entries)
    for name, count in counted.items():
        if count > 1 or (name == "customer_id" and not around.names):
            around.refuse(
                _(
                    "the field {name!r} stands there twice, or beside every lead's own customer_id. Name "
                    "each input once."
                ).format(name=name)
            )
    for entry in entries:
        yield from _fields_of(entry, around, known)


def _name_of(entry: object, around: _Around) -> str:
    name = entry.get("name") if isinstance(entry, dict) else entry
    if not isinstance(name, str) or not name:
        around.refuse(_('a field is a name, or a table with a name: {name = "city"}.'))
    if "." in name:
        around.refuse(
            _(
                "a name has no point in it. What is sent within an object is one of its fields: "
                '{name = "address", type = "object", fields = ["city"]}.'
            ),
            name,
        )
    return name


def _fields_of(entry: object, around: _Around, known: KnownFields) -> Iterator[Field]:
    """Yield the fields that one entry stands for: itself, or those of the object that it is."""
    name = _name_of(entry, around)
    said: Mapping[str, Any] = entry if isinstance(entry, dict) else {"name": name}
    refuse = partial(around.refuse, name=name)
    if unknown := said.keys() - PROPERTIES.keys():
        refuse(
            _("{unknown} is not known. A field has {properties}.").format(
                unknown=", ".join(sorted(unknown)), properties=", ".join(sorted(PROPERTIES))
            )
        )
    for key, value in said.items():
        words, fits = PROPERTIES[key]
        if not fits(value):
            refuse(_("{key} must be {words}.").format(key=key, words=_(words)))
    type_ = said.get("type", "string")
    if type_ not in PROPERTIES_OF_TYPE:
        refuse(_("the type must be one of {types}.").format(types=", ".join(PROPERTIES_OF_TYPE)))
    if misplaced := said.keys() - PROPERTIES_OF_TYPE[type_]:
        refuse(
            _("{misplaced} does not go with the type {type}. Such a field has {properties}.").format(
                misplaced=", ".join(sorted(misplaced)),
                type=type_,
                properties=", ".join(sorted(PROPERTIES_OF_TYPE[type_])),
            )
        )
    if type_ == "object":
        yield from _fields_within(said, name, around, known)
    else:
        yield _field(said, type_, name, around, known)


def _fields_within(
    said: Mapping[str, Any], name: str, around: _Around, known: KnownFields
) -> Iterator[Field]:
    refuse = partial(around.refuse, name=name)
    if len(around.names) >= DEPTH_LIMIT:
        refuse(_("objects stand at most {most} deep in each other.").format(most=DEPTH_LIMIT))
    if "fields" not in said:
        refuse(_('an object needs a list of fields, such as: fields = ["city"].'))
    names = (*around.names, name)
    optional = around.optional if said.get("required", True) else (*around.optional, ".".join(names))
    fields = tuple(
        _fields(said["fields"], _Around(source=around.source, names=names, optional=optional), known)
    )
    if said.get("required", True):
        if "required" in said and not any(
            field.within == optional and (field.required or field.has_value_of_its_own) for field in fields
        ):
            refuse(_("it is required, but none of its fields is. Say which of them a lead must have."))
    elif all(field.constant is not None for field in fields):
        refuse(
            _(
                "it may be left out, but has only constants, so no row tells whether it is. Leave "
                "required out."
            )
        )
    yield from fields


def _field(said: Mapping[str, Any], type_: Type, name: str, around: _Around, known: KnownFields) -> Field:
    refuse = partial(around.refuse, name=name)
    if "constant" in said and (idle := [key for key in _SENT_WITHOUT_A_COLUMN if key in said]):
        refuse(
            _("a constant is always sent, so {idle} means nothing beside it. Leave one out.").format(
                idle=", ".join(idle)
            )
        )
    if "hint" in said and "pattern" not in said:
        refuse(_("a hint explains a pattern, and there is none."))
    for key, value in _values_in(said):
        if not _has_type(value, type_):
            refuse(
                _("{key} must be {words}.").format(
                    key=key, words=_(_VALUES_OF[type_]).format(most=DIGITS_LIMIT)
                )
            )
    merged = {"title": name, **_known_of(name, type_, known), **said}
    if merged.get("kind", "text") not in KINDS:
        refuse(_("the kind must be one of {kinds}.").format(kinds=", ".join(KINDS)))
    _refuse_bad_pattern(merged.get("pattern", ""), refuse)
    field = Field(
        name=".".join((*around.names, name)),
        title=merged["title"],
        type=type_,
        kind=merged.get("kind", "text"),
        synonyms=tuple(merged.get("synonyms", ())),
        example=merged.get("example", ""),
        required=merged.get("required", True),
        constant=merged.get("constant"),
        default=merged.get("default"),
        pattern=merged.get("pattern", ""),
        hint=merged.get("hint", ""),
        allowed=tuple(merged.get("allowed", ())),
        decimal=merged.get("decimal", ""),
        within=around.optional,
    )
    _refuse_like(field.allowed, refuse)
    for key, value in _values_in(said):
        if fault := fault_of_value(field, value):
            refuse(f"{key} {fault}.")
        if key in ("constant", "default") and field.allowed and value not in field.allowed:
            refuse(_("{key} is none of those allowed{values}.").format(key=key, values=named(field)))
    return field


def _known_of(name: str, type_: Type, known: KnownFields) -> Mapping[str, Any]:
    """Return what is known of a field; what is known of texts means nothing for other types."""
    of_name = known.get(name, {})
    if type_ == "string":
        return of_name
    return {key: of_name[key] for key in ("title", "synonyms") if key in of_name}


def _values_in(said: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for key in ("constant", "default"):
        if key in said:
            yield key, said[key]
    for value in said.get("allowed", ()):
        yield _("each value in allowed"), value


def _has_type(value: object, type_: Type) -> TypeGuard[Value]:
    match type_:
        case "string":
            return isinstance(value, str)
        case "boolean":
            return isinstance(value, bool)
        case "integer":
            return type(value) is int and abs(value) < 10**DIGITS_LIMIT
        case "number":
            return _has_type(value, "integer") or (isinstance(value, Decimal) and _is_written_out(value))


def _is_written_out(value: Decimal) -> bool:
    """Tell whether `value` has a reasonable number of digits, without an exponent, too."""
    return (
        value.is_finite()
        and len(value.as_tuple().digits) <= DIGITS_LIMIT
        and abs(value.adjusted()) < DIGITS_LIMIT
    )


def _refuse_bad_pattern(pattern: str, refuse: Callable[[str], NoReturn]) -> None:
    try:
        with warnings.catch_warnings():
            # What Python will read differently one day, or does not mean what it seems to.
            warnings.simplefilter("error")
            compiled(pattern)
    except (re.error, OverflowError, RecursionError, Warning) as error:
        refuse(_("pattern is no regular expression ({error}).").format(error=error))


def _refuse_like(allowed: tuple[Value, ...], refuse: Callable[[str], NoReturn]) -> None:
    """Refuse values of which a cell that is spelt a little differently could be either."""
    seen: dict[str, Value] = {}
    for value in allowed:
        key = folded(shown_value(value))
        if not key:
            refuse(_("each value in allowed must have a sign that is no blank."))
        if key in seen:
            refuse(
                _(
                    "the allowed values {first!r} and {second!r} differ only in case, accents or blanks, "
                    "or not at all. Leave one out."
                ).format(first=shown_value(seen[key]), second=shown_value(value))
            )
        seen[key] = value
