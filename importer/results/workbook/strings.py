"""The shared strings of a workbook, streamed (ECMA-376 part 1, section 18.4).

Most cells hold only the number of their text in this part.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterator

from importer import ooxml
from importer.errors import UnusualWorkbookError
from importer.language import _
from importer.results.workbook import markup
from importer.results.workbook.parts import Readable

_BLOCK = 1 << 18
_STRING = re.compile(rb"<((?:[\w.\-]+:)?)si(?:\s[^<>]*?)?(/?)>")


def texts(stream: Readable, wanted: set[int]) -> dict[int, str]:
    """Return those of the strings that are `wanted`, by their numbers from 0; read no further."""
    found: dict[int, str] = {}
    strings = (piece for is_string, piece in _pieces(stream) if is_string)
    for number, piece in enumerate(strings):
        if len(found) == len(wanted):
            break
        if number in wanted:
            found[number] = text_in(piece)
    return found


def text_in(xml: bytes) -> str:
    """Return the text of a string, of all its runs together, without what tells how it is pronounced."""
    spoken = [(element.start, element.end, b"") for element in markup.elements(xml, b"rPh")]
    plain = markup.patched(xml, spoken)
    return "".join(ooxml.text_of(element.inner(plain)) for element in markup.elements(plain, b"t"))


def keep_only(stream: Readable, used: Container[int]) -> Iterator[bytes]:
    """Yield the part with the strings that are not `used` emptied; so the others keep their numbers.

    What a spreadsheet does not show is in the file all the same, and a file of rows to mend is passed on.
    """
    nothing = b""
    number = 0
    for is_string, piece in _pieces(stream):
        if is_string and number not in used:
            if not nothing:
                p = markup.prefix_of(piece)
                nothing = b"<%bsi><%bt/></%bsi>" % (p, p, p)
            yield nothing
        else:
            yield piece
        number += is_string


def _pieces(stream: Readable) -> Iterator[tuple[bool, bytes]]:
    """Yield all of the part in pieces, and of each whether it is one string, from its tag to its end tag."""
    buffer, at, more = b"", 0, True
    begun = False
    while True:
        match = _STRING.search(buffer, at)
        end = 0
        if match and match[2]:
            end = match.end()
        elif match:
            # Another element's name may begin alike, as `size` does.
            ended = re.compile(rb"</" + re.escape(match[1]) + rb"si\s*>").search(buffer, match.end())
            end = ended.end() if ended else 0
        if match and end:
            between, string = buffer[at : match.start()], buffer[match.start() : end]
            if not begun:
                markup.after_declaration(between)
                begun = True
            else:
                markup.refuse_other_markup(between)
            markup.refuse_other_markup(string)
            yield False, between
            yield True, string
            at = end
        elif more:
            block = stream.read(_BLOCK)
            buffer, at, more = buffer[at:] + block, 0, bool(block)
        elif match:
            raise UnusualWorkbookError(_("its shared strings do not end"))
        else:
            yield False, buffer[at:]
            return
