"""The faults of a network and an API: what the server does, and what the importer must make of it.

One line for each fault. The last row of the input meets it; rows before that are created in peace. What
follows for the next run is the same for all faults that end alike, and stands in :data:`NEXT`.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

from tests.proof.fault_server import (
    Script,
    answer,
    answer_bytes,
    application,
    close,
    create,
    endless_body,
    error,
    error_body,
    honest,
    page,
    read,
    read_one_byte,
    reset,
    say,
    stall,
)


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault, and how a row must end that meets it at every try."""

    name: str
    scripts: Sequence[Script]
    """What the server does for the first request, the second one …; the last script goes on for ever."""

    ends: str
    """The outcome of the row."""

    code: int
    """The exit code."""

    says: str
    """A part of what the person is told."""

    exists: int
    """How many applications the row has at the server."""

    rows: int = 1
    one_customer: bool = False
    """Whether the rows are leads of one customer."""

    for_good: bool = False
    """Whether the row is not sent again even with ``--on-doubt resend``."""

    options: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Next:
    """What a person is told to do about an outcome, and how the next run ends with an API that is well."""

    step: str
    ends: str
    code: int


NEXT = {
    "created": Next("", "existing", 0),
    "failed": Next("to send: run the same command again", "created", 0),
    "not_attempted": Next("mend what stopped the run, then run the same command again", "created", 0),
    "rejected": Next("to mend: leads.retry.csv", "rejected", 1),
    "in_doubt": Next("settle them with lead-importer resolve leads.csv", "in_doubt", 3),
}

NAME, PHONE, ADDRESS = "Trần Thị Hạnh", "0905123457", "1 Lê Lợi, Huế"
"""The lead that meets the fault."""

LOST = "the connection was lost before an answer came"
NO_HTTP = "what came back is not HTTP"
LATE = "the request was sent, and no answer came in time"
NOT_WITH_WHAT = "the API answered that it succeeded, but not with what"
NOT_ITS_FORMAT = "not in its own error format"
KEYS = "Check the client key, the client secret"
ELSEWHERE = "check --base-url and --env"

_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
_THE_API_IS_BEHIND = "Sat, 01 Jan 2000 00:00:00 GMT"
_THE_API_IS_AHEAD = "Fri, 31 Dec 9999 23:59:59 GMT"


def _chunk_that_breaks_off(body: bytes) -> bytes:
    return _HEAD + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n" % (len(body) + 9) + body


def _chunked(body: bytes) -> bytes:
    return _HEAD + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n" % len(body) + body + b"\r\n0\r\n\r\n"


def _longer_than_told(body: bytes) -> bytes:
    return answer_bytes(200, body, content_length=len(body) - 20)


def _shorter_than_told(body: bytes) -> bytes:
    return answer_bytes(200, body, content_length=len(body) + 20)


def _zipped(body: bytes) -> bytes:
    return answer_bytes(200, gzip.compress(body), content_encoding="gzip")


def _broken_zip(body: bytes) -> bytes:
    return answer_bytes(200, zlib.compress(body)[:40], content_encoding="gzip")


def _utf_16(body: bytes) -> bytes:
    return answer_bytes(200, body.decode().encode("utf-16"), content_type="application/json; charset=utf-16")


def _latin(body: bytes) -> bytes:
    return answer_bytes(200, b'{"data":{"name":"\xe9",' + body.removeprefix(b'{"data": {'))


def _half(body: bytes) -> bytes:
    return answer_bytes(200, body[: len(body) // 2])


def _twice(body: bytes) -> bytes:
    return answer_bytes(200, body) * 2


def _old(body: bytes) -> bytes:
    return b"HTTP/1.0 200 OK\r\n\r\n" + body


def _continued(body: bytes) -> bytes:
    return b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\n" + answer_bytes(200, body)


CONNECTIONS = (
    # fault                                   | the server                                    | must end so
    Fault("a reset before the request was read", [(read_one_byte, reset)], "in_doubt", 3, LOST, 0),
    Fault("a reset after the request", [(read, create, reset)], "in_doubt", 3, LOST, 1),
    Fault("a reset after a request that was dropped", [(read, reset)], "in_doubt", 3, LOST, 0),
    Fault("closed without a byte", [(read, create, close)], "in_doubt", 3, LOST, 1),
    Fault("closed within the status line", [(read, create, say(b"HTTP/1."), close)], "in_doubt", 3, LOST, 1),
    Fault("closed within the headers", [(read, create, say(_HEAD), close)], "in_doubt", 3, LOST, 1),
    Fault("reset within the headers", [(read, create, say(_HEAD), reset)], "in_doubt", 3, LOST, 1),
    Fault("no answer in time", [(read, create, stall)], "in_doubt", 3, LATE, 1),
    Fault("no answer in time, nothing created", [(read, stall)], "in_doubt", 3, LATE, 0),
    Fault("headers that stop coming", [(read, create, say(_HEAD), stall)], "in_doubt", 3, LATE, 1),
    Fault(
        "a kept connection that is closed in the quiet",
        [(read, create, application(), close), honest],
        *("created", 0, "", 1),
        rows=2,
    ),
    Fault(
        "a kept connection that is reset under the request",
        [honest, (read_one_byte, reset)],
        *("in_doubt", 3, LOST, 0),
        rows=2,
    ),
    Fault(
        "two answers to one request",
        [(read, create, application(send=_twice)), honest],
        *("created", 0, "", 1),
        rows=2,
    ),
)

BROKEN_ANSWERS = (
    Fault("a garbage status line", [(read, create, say(b"HELLO\r\n\r\n"), close)], "in_doubt", 3, NO_HTTP, 1),
    Fault("a negative length", [(read, create, answer(200, b"{}", content_length=-1), close)],
          "in_doubt", 3, NO_HTTP, 1),
    Fault("two lengths that differ", [(read, create, say(_HEAD + b"Content-Length: 2\r\n"
          b"Content-Length: 3\r\n\r\n{}"), close)], "in_doubt", 3, NO_HTTP, 1),
    Fault("a header without an end", [(read, create, say(_HEAD + b"X: " + b"x" * 20_000), stall)],
          "in_doubt", 3, NO_HTTP, 1),
    Fault("an answer before the request", [(page(503), read, close)], "in_doubt", 3, NOT_ITS_FORMAT, 0),
    Fault("a refusal before the request was read", [(error(503), read)], "failed", 1, "refused", 0),
    Fault("a body longer than its length", [(read, create, application(send=_longer_than_told), close)],
          "in_doubt", 3, NO_HTTP, 1),
    Fault("100 Continue, and then the answer", [(read, create, application(send=_continued))],
          "created", 0, "", 1),
    Fault("100 Continue, and nothing more", [(read, create, say(b"HTTP/1.1 100 Continue\r\n\r\n"), stall)],
          "in_doubt", 3, LATE, 1),
    Fault("101 Switching Protocols", [(read, create, answer(101))], "in_doubt", 3, NOT_ITS_FORMAT, 1),
    Fault("an answer of HTTP/1.0 up to the closing", [(read, create, application(send=_old), close)],
          "created", 0, "", 1),
    Fault("an answer in chunks", [(read, create, application(send=_chunked))], "created", 0, "", 1),
    Fault("an answer zipped unasked", [(read, create, application(send=_zipped))], "created", 0, "", 1),
    Fault("an answer in UTF-16", [(read, create, application(send=_utf_16))], "created", 0, "", 1),
    Fault("an id as a number", [(read, create, application(id=141952217564315671))], "created", 0, "", 1),
)  # fmt: skip

SUCCESSES_WITHOUT_PROOF = tuple(
    Fault(name, [(read, create, *steps)], "in_doubt", 3, says, 1, for_good=True)
    for name, steps, says in (
        ("a body that breaks off", (application(send=_shorter_than_told), close), NOT_WITH_WHAT),
        ("a body that is reset", (application(send=_shorter_than_told), reset), NOT_WITH_WHAT),
        ("a body shorter than its length", (application(send=_shorter_than_told), stall), NOT_WITH_WHAT),
        ("a chunk that breaks off", (application(send=_chunk_that_breaks_off), close), NOT_WITH_WHAT),
        ("a body without an end", (endless_body,), NOT_WITH_WHAT),
        ("a zip that is broken", (application(send=_broken_zip),), NOT_WITH_WHAT),
        ("JSON that breaks off", (application(send=_half),), NOT_WITH_WHAT),
        ("bytes that are no text", (application(send=_latin),), NOT_WITH_WHAT),
        ("JSON without a bottom", (answer(200, b"[" * 50_000),), NOT_WITH_WHAT),
        ("200 without a body", (answer(200),), NOT_WITH_WHAT),
        ("204 without a body", (say(b"HTTP/1.1 204 No Content\r\n\r\n"),), NOT_WITH_WHAT),
        ("202 and a page", (page(202),), NOT_WITH_WHAT),
        ("an application that is not wrapped", (application(wrap=lambda it: it),), NOT_WITH_WHAT),
        ("an application wrapped otherwise", (application(wrap=lambda it: {"result": it}),), NOT_WITH_WHAT),
        ("a list of applications", (application(wrap=lambda it: {"data": [it]}),), NOT_WITH_WHAT),
        ("no id", (application(id=None),), "gave no id"),
        ("an empty id", (application(id=" "),), "gave no id"),
        ("an id with a fraction", (application(id=141952217564315671.0),), "gave no id"),
        ("another customer", (application(customer_id="9"),), "the application of another customer"),
        ("no customer", (application(customer_id=None),), "the application of another customer"),
    )
)

SAME_ID_TWICE = tuple(
    Fault(
        f"the same id twice, {whose}, {what}",
        [honest, (read, *created, application(id="141952217564315671"))],
        *("in_doubt", 3, "an id that another lead has"),
        len(created),
        rows=2,
        one_customer=one_customer,
        for_good=True,
    )
    for whose, one_customer in (("of two customers", False), ("of one customer", True))
    for what, created in (("two created", (create,)), ("one created", ()))
)

REFUSALS = (
    Fault("400 invalid_signature", [(read, error(400, "invalid_signature"))], "not_attempted", 4, KEYS, 0),
    Fault("400 invalid_token", [(read, error(400, "invalid_token"))], "rejected", 1, "refused", 0),
    Fault("400 invalid_code", [(read, error(400, "invalid_code"))], "rejected", 1, "refused", 0),
    Fault("400 with an empty reason", [(read, error(400, "", "invalid parameters"))],
          "rejected", 1, "invalid parameters", 0),
    Fault("400 as a page", [(read, page(400), close)], "in_doubt", 3, NOT_ITS_FORMAT, 0),
    Fault("400 that breaks off", [(read, error(400, content_length=999), close)],
          "in_doubt", 3, NOT_ITS_FORMAT, 0),
    Fault("400 with an application", [(read, create, application(400))], "in_doubt", 3, NOT_ITS_FORMAT, 1),
    Fault("an error with a 200", [(read, answer(200, error_body(400, "", "no such customer")))],
          "rejected", 1, "no such customer", 0),
    Fault("an error that repeats the lead", [(read, error(400, "", f"{NAME}, {PHONE}, {ADDRESS}"))],
          "rejected", 1, "<name>", 0),
    Fault("401", [(read, error(401))], "not_attempted", 4, KEYS, 0),
    Fault("401 as a page", [(read, page(401))], "not_attempted", 4, KEYS, 0),
    Fault("403 as a page", [(read, page(403))], "not_attempted", 4, KEYS, 0),
    Fault("404", [(read, error(404))], "not_attempted", 4, ELSEWHERE, 0),
    Fault("404 as a page", [(read, page(404))], "not_attempted", 4, ELSEWHERE, 0),
    Fault("405 without a body", [(read, answer(405))], "not_attempted", 4, ELSEWHERE, 0),
    Fault("407 of a proxy", [(read, page(407))], "not_attempted", 4, "The proxy wants credentials", 0),
    Fault("408", [(read, error(408))], "failed", 1, "refused", 0),
    Fault("408 as a page", [(read, page(408), close)], "in_doubt", 3, NOT_ITS_FORMAT, 0),
    Fault("409", [(read, error(409))], "rejected", 1, "refused", 0),
    Fault("413", [(read, error(413))], "rejected", 1, "refused", 0),
    Fault("413 as a page", [(read, page(413), close)], "in_doubt", 3, NOT_ITS_FORMAT, 0),
    Fault("a clock that is ahead", [(read, error(400, "invalid_signature", date=_THE_API_IS_BEHIND))],
          "not_attempted", 4, "ahead of the API's; set the clock", 0),
    Fault("a clock that is behind", [(read, error(401, date=_THE_API_IS_AHEAD))],
          "not_attempted", 4, "behind the API's; set the clock", 0),
    Fault("301", [(read, answer(301, location="/there"))], "not_attempted", 4, "redirects to /there", 0),
    Fault("304", [(read, say(b"HTTP/1.1 304 Not Modified\r\n\r\n"))], "not_attempted", 4, ELSEWHERE, 0),
)  # fmt: skip

ASKED_TO_WAIT = tuple(
    Fault(name, [(read, step)], ends, code, says, 0)
    for name, step, ends, code, says in (
        ("429", error(429), "failed", 1, "refused"),
        ("429 as a page", page(429), "failed", 1, NOT_ITS_FORMAT),
        ("429 that breaks off", error(429, content_length=999), "failed", 1, NOT_ITS_FORMAT),
        ("429 for seconds", error(429, retry_after=1), "failed", 1, "refused"),
        ("429 up to a date", error(429, retry_after=_THE_API_IS_BEHIND), "failed", 1, "refused"),
        ("429 for less than nothing", error(429, retry_after=-7), "failed", 1, "refused"),
        ("429 in words", error(429, retry_after="soon"), "failed", 1, "refused"),
        ("429 for a day", error(429, retry_after=86_400), "not_attempted", 4, "to wait 86,400 seconds"),
        ("429 up to the year 9999", error(429, retry_after=_THE_API_IS_AHEAD), "not_attempted", 4, "to wait"),
        ("429 for ever", error(429, retry_after="9" * 400), "not_attempted", 4, "to wait"),
        ("503 for seconds, as a page", page(503, retry_after=0), "failed", 1, NOT_ITS_FORMAT),
        ("503 for a day, as a page", page(503, retry_after=86_400), "not_attempted", 4, "to wait 86,400"),
    )
)

SERVER_ERRORS = tuple(
    fault
    for status in (500, 502, 503, 504)
    for fault in (
        Fault(f"{status}", [(read, error(status))], "failed", 1, "refused", 0),
        Fault(f"{status} as a page", [(read, page(status))], "in_doubt", 3, NOT_ITS_FORMAT, 0),
        Fault(
            f"{status} as a page, and created",
            [(read, create, page(status))],
            *("in_doubt", 3, NOT_ITS_FORMAT, 1),
        ),
    )
)

FAULTS = (
    *CONNECTIONS,
    *BROKEN_ANSWERS,
    *SUCCESSES_WITHOUT_PROOF,
    *SAME_ID_TWICE,
    *REFUSALS,
    *ASKED_TO_WAIT,
    *SERVER_ERRORS,
)
