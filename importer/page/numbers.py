"""Numbers and moments as a person reads them, in the language that is spoken. Pure."""

from __future__ import annotations

from datetime import datetime

from importer.language import _, in_figures


def about(value: float) -> str:
    """Return a number with two or three digits, or all of those before its decimals."""
    return in_figures(value, 0 if value % 1 == 0 or value >= 100 else 1 if value >= 1 else 2)


def share(part: int, whole: int) -> str:
    """Return how many in a hundred `part` of `whole` is; never all or none of it where it is not."""
    if 0 < part < whole:
        return f"{in_figures(min(max(part / whole * 100, 0.1), 99.9), 1)} %"
    return f"{in_figures(100 if part else 0)} %"


def length(seconds: float) -> str:
    """Return a length of time that a person has an idea of: ``120 ms``, ``3.5 s``, ``1:02:06``."""
    if seconds < 1:
        milliseconds = seconds * 1000
        return _("{number} ms").format(number=in_figures(milliseconds, 1 if milliseconds < 10 else 0))
    if seconds < 100:
        return _("{number} s").format(number=in_figures(seconds, 1))
    return clock(seconds)


def clock(seconds: float) -> str:
    """Return a length of time as minutes and seconds, and hours where there are any."""
    minutes, left = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{left:02}" if hours else f"{minutes}:{left:02}"


def elapsed(seconds: float, width: float) -> str:
    """Return a time since the beginning of a run that is told in steps of `width` seconds."""
    if seconds >= 60:
        return clock(seconds)
    decimals = 0 if width % 1 == 0 or not seconds else 1 if width >= 0.1 else 2
    return _("{number} s").format(number=in_figures(seconds, decimals))


def moment(iso: str) -> str:
    """Return a moment in ISO 8601 as the clock on the wall shows it, with how far that is from UTC."""
    local = datetime.fromisoformat(iso).astimezone()
    offset = local.strftime("%z")
    return f"{local:%Y-%m-%d %H:%M:%S} (UTC{offset[:3]}:{offset[3:5]})"
