"""What a setting's value may be before pydantic gives it its type, and how a message shows it.

A validator here raises `ValueError` with what is wrong, or without a word where the description of the field
says enough.
"""

from __future__ import annotations

import datetime
import ipaddress
import math
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

from importer.language import _

_SHOWN_LENGTH = 80


def check_number(value: object) -> object:
    """Refuse true and false, which Python takes for 1 and 0: nobody who writes them means a number."""
    if isinstance(value, bool):
        raise ValueError
    return value


def check_text(value: object) -> object:
    """Refuse text without a sign to see in it."""
    if isinstance(value, str) and not value.strip():
        raise ValueError
    return value


def expand_path(value: object) -> object:
    """Put the home directory in for ``~``, as a shell does on the command line and nobody does in a file."""
    check_text(value)
    if not isinstance(value, str):
        return value
    try:
        return Path(value).expanduser()
    except RuntimeError as error:
        raise ValueError(
            _("{value} names the home of nobody on this computer").format(value=shown(value))
        ) from error


def split_entries(value: object) -> object:
    """Split the text of a variable: by lines if there are several, else by semicolons."""
    if not isinstance(value, str):
        return value
    lines = value.strip().splitlines()
    return [part.strip() for part in (lines if len(lines) > 1 else value.split(";")) if part.strip()]


def parse_columns(value: object) -> object:
    """Return FIELD=COLUMN entries, or the text of a variable with them, as columns by field."""
    entries = split_entries(value)
    if not isinstance(entries, list | tuple):
        return entries
    columns: dict[str, str] = {}
    for entry in entries:
        field, equals, column = (part.strip() for part in str(entry).partition("="))
        if not (field and equals and column):
            raise ValueError(
                _("{entry} is not FIELD=COLUMN, such as phone=Mobile").format(entry=shown(entry))
            )
        if field in columns:
            raise ValueError(
                _("{field} is given twice, as {first!r} and {second!r}; give it once").format(
                    field=field, first=columns[field], second=column
                )
            )
        columns[field] = column
    return columns


def parse_since(value: object) -> int:
    """Return the moment that a period begins at, in seconds since the epoch, UTC: of a date, its midnight.

    Without an offset the time is that of this computer.
    """
    return math.ceil(_moment(value, datetime.time.min))


def parse_until(value: object) -> int:
    """Return the last second of a period, of a date that before midnight, as :func:`parse_since` does."""
    return math.floor(_moment(value, datetime.time.max))


def _moment(value: object, of_date: datetime.time) -> float:
    """Return a moment that TOML has as such, and everybody else in ISO 8601."""
    if isinstance(value, str):
        text = value.strip()
        is_date = len(text) == len("2026-11-24")
        # What is wrong with it is told by the description of the field.
        with suppress(ValueError):
            value = (datetime.date if is_date else datetime.datetime).fromisoformat(text)
    if isinstance(value, datetime.date) and not isinstance(value, datetime.datetime):
        value = datetime.datetime.combine(value, of_date)
    with suppress(OverflowError, OSError):
        if isinstance(value, datetime.datetime):
            return value.timestamp()
    raise ValueError


def shown(value: object) -> str:
    """Return a value as a message shows it: no longer than a line."""
    if isinstance(value, bool):
        return str(value).lower()
    text = repr(str(value)) if isinstance(value, str | Path) else str(value)
    return text if len(text) <= _SHOWN_LENGTH else f"{text[:_SHOWN_LENGTH]}…"


def shown_address(address: object) -> str:
    """Return an address as a message shows it: before an ``@`` stands a password."""
    return _("the address (not shown)") if "@" in str(address) else shown(address)


def address_fault(address: str, *, with_query: bool = False) -> str:
    """Return what keeps `address` from being a base URL, to be said after it; empty when nothing does.

    `with_query` says that it may have a query, as the address of a hook does.
    """
    if "\\" in address or " " in address or not address.isprintable():
        return _("has a blank, a backslash or an invisible sign in it")
    try:
        parts = urlsplit(address)
        host, port = parts.hostname, parts.port
    except ValueError:
        return _("is no address such as https://example.org/path")
    if parts.scheme not in ("https", "http") or not host or port == 0:
        return _("is no address such as https://example.org/path")
    if "@" in parts.netloc:
        if with_query:
            return _("has a user name in it; remove it")
        return _("has a user name in it; remove it, the API is called with a client key")
    if not with_query and ("?" in address or "#" in address):
        return _("has a query or a fragment in it; end it before the ? or #")
    if parts.scheme == "http" and not _is_loopback(host):
        return _("is not encrypted, which only an address of this computer may be; give an https:// address")
    return ""


def same_address(one: str, other: str) -> bool:
    """Tell whether two base URLs lead to the same place."""
    first, second = urlsplit(one), urlsplit(other)
    return (first.hostname, first.path.rstrip("/")) == (second.hostname, second.path.rstrip("/"))


def leads_off(address: str) -> bool:
    """Tell whether requests to a base URL leave this computer."""
    return not _is_loopback(urlsplit(address).hostname or "")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
