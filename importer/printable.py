"""What may stand in a text that is shown. Pure."""

from __future__ import annotations

import re

# Names of files, headers and cells may hold them: what moves the cursor, ends a line or turns the direction
# of writing, and halves of characters, which no stream can encode.
UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def plain(text: str) -> str:
    """Return `text` with a sign in the place of all that nobody can see."""
    return UNPRINTABLE.sub("\ufffd", text)
