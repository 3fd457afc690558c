"""Which ids have come already, in a tenth of the memory that a set of them takes. Pure."""

from __future__ import annotations

from array import array
from collections import defaultdict
from functools import partial
from hashlib import blake2b

# Of a million ids each bucket holds some sixty: to look through them takes less than a microsecond.
_BUCKETS = 1 << 14

_IS_HASH = 1 << 63


class SeenIds:
    """Remembers ids: numbers of up to 18 digits for certain, other texts by 63 bits of a hash."""

    def __init__(self) -> None:
        self._buckets: defaultdict[int, array[int]] = defaultdict(partial(array, "Q"))

    def note(self, text: str) -> bool:
        """Remember an id; return whether it had come before."""
        number = _number(text)
        bucket = self._buckets[number % _BUCKETS]
        if number in bucket:
            return True
        bucket.append(number)
        return False


def _number(text: str) -> int:
    if len(text) <= 18 and text.isascii() and text.isdigit() and text[0] != "0":
        return int(text)
    return int.from_bytes(blake2b(text.encode(errors="surrogatepass"), digest_size=8).digest()) | _IS_HASH
