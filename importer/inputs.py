"""The inputs of a lead: as JSON, and one by one. Pure.

Inputs are texts, whole numbers (``int``), other numbers (:class:`decimal.Decimal`), truth values, and objects
of these. A float never is among them: ``0.1`` has no exact one, and 20 digits do not fit into it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

_in_order = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode
_by_key = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"), sort_keys=True).encode
_text: Callable[[Any], str] = json.encoder.encode_basestring


def serialised(value: object, *, sort_keys: bool = False) -> str:
    """Return `value` as JSON (RFC 8259) without blanks, text as UTF-8, numbers with all their digits.

    Keys stand in their order, or sorted in objects of any depth. Numbers of equal value are equal: there are
    no exponents, and no zeros behind the last decimal. Raises :class:`ValueError` for NaN and infinity.
    """
    plain = _by_key if sort_keys else _in_order
    try:
        return plain(value)
    except TypeError:
        # The json module knows no Decimal. Few leads have one, so the others are not looked through first.
        return _with_decimals(value, plain, sort_keys=sort_keys)


def serialised_by_key(values: Sequence[Mapping[str, object]]) -> list[str]:
    """Return what :func:`serialised` does of each of `values`, with sorted keys.

    Where all have the same keys and texts alone, as inputs of one sheet mostly do, it takes half as long.
    """
    names = sorted(values[0]) if values else []
    pattern = ",".join([f"{_text(name).replace('%', '%%')}:%s" for name in names])
    try:
        if any(len(value) != len(names) for value in values):
            raise KeyError
        columns = [[_text(value[name]) for value in values] for name in names]
    except (KeyError, TypeError):
        return [serialised(value, sort_keys=True) for value in values]
    rows = zip(*columns, strict=True) if columns else [()] * len(values)
    return list(map(f"{{{pattern}}}".__mod__, rows))


def _with_decimals(value: object, plain: Callable[[object], str], *, sort_keys: bool) -> str:
    match value:
        case Decimal():
            return _number(value)
        case Mapping():
            items = sorted(value.items()) if sort_keys else value.items()
            texts = [f"{plain(key)}:{_with_decimals(of, plain, sort_keys=sort_keys)}" for key, of in items]
            return f"{{{','.join(texts)}}}"
        case list():
            return f"[{','.join([_with_decimals(of, plain, sort_keys=sort_keys) for of in value])}]"
        case _:
            return plain(value)


def _number(value: Decimal) -> str:
    if not value.is_finite():
        raise ValueError("JSON has no NaN and no infinity")
    text = format(value, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def leaves(inputs: Mapping[str, object], within: str = "") -> Iterator[tuple[str, object]]:
    """Yield each value that is no object under its dotted name, such as ``address.city``."""
    for key, value in inputs.items():
        if isinstance(value, Mapping):
            yield from leaves(value, f"{within}{key}.")
        else:
            yield f"{within}{key}", value


def put(inputs: dict[str, Any], name: str, value: object) -> None:
    """Set the input with this dotted `name`, making the objects that lead to it."""
    *path, key = name.split(".")
    for part in path:
        inputs = inputs.setdefault(part, {})
    inputs[key] = value


def shown(inputs: Mapping[str, object], name: str) -> str:
    """Return the input with this dotted `name` as a person reads it; empty if the lead has none."""
    if isinstance(text := inputs.get(name), str):
        # As nearly all are.
        return text
    value: object = inputs
    for key in name.split("."):
        value = value.get(key) if isinstance(value, Mapping) else None
    if value is None or isinstance(value, str):
        return value or ""
    return serialised(value)
