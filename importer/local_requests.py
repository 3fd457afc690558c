"""How the local lead API reads a request: what it is aimed at, whether it is signed, what it asks for.

A request that is not as it should be raises :class:`Refusal`, which says how it is to be answered. The
messages name what is wrong and never what was sent, since that is personal data.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn
from urllib.parse import parse_qsl

from aiohttp import web

from importer.applications import STATUSES, ResponseQuery
from importer.errors import UsageError
from importer.faults import FaultRule, parse_fault
from importer.signing import (
    CLIENT_ID_HEADER,
    SIGNATURE_HEADER,
    TIMESTAMP_HEADER,
    Credentials,
    verify,
)

APPLICATIONS = "/lead/applications"
RESPONSES = "/lead/responses"

_MOUNTS = {"/tiniapp-sandbox-open-api": True, "/tiniapp-open-api": False}
_SIGNATURE = re.compile(r"[0-9a-f]{64}")
_WHOLE = re.compile(r"0|[1-9][0-9]{0,17}")
_LARGEST_SIZE = 500


class Refusal(Exception):  # noqa: N818 - an answer on its way out, no error of the program
    """An answer in the API's error format, on its way from the check that decided it."""

    def __init__(
        self, status: int, message: str, reason: str = "", headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.reason = reason
        self.headers = headers


@dataclass(frozen=True, slots=True)
class Target:
    """What a request is aimed at."""

    method: str
    """The one that the resource takes: POST creates, PUT updates, GET lists."""

    path: str
    """Below the base URL and with its encoded query, as a GET signs it."""

    resource: str
    """The path without the query."""

    query: str
    is_sandbox: bool


def read_target(request: web.BaseRequest) -> Target:
    """Return what `request` is aimed at; refuse what is not there, and a method that does not fit it."""
    path, is_sandbox = request.raw_path, True
    for mount, mount_is_sandbox in _MOUNTS.items():
        if path.startswith(mount + "/"):
            path, is_sandbox = path.removeprefix(mount), mount_is_sandbox
            break
    resource, _, query = path.partition("?")
    method = _method_of(resource)
    if request.method != method:
        raise Refusal(405, f"{resource} takes {method} only", headers={"Allow": method})
    return Target(method, path, resource, query, is_sandbox)


def _method_of(resource: str) -> str:
    if resource == APPLICATIONS:
        return "POST"
    if resource == RESPONSES:
        return "GET"
    if re.fullmatch(rf"{APPLICATIONS}/[^/]+", resource):
        return "PUT"
    raise Refusal(404, f"there is no such path; the operations are at {APPLICATIONS} and {RESPONSES}")


async def read_body(request: web.BaseRequest) -> bytes:
    """Return the body, byte for byte as it came; refuse one that is too large or breaks off."""
    try:
        # aiohttp's own limit of a body is 1 MiB.
        return await request.read()
    except web.HTTPRequestEntityTooLarge:
        raise Refusal(413, "the body is larger than 1 MiB") from None
    except (web.RequestPayloadError, ConnectionError):
        raise Refusal(400, "the body breaks off or is not framed as HTTP asks") from None


def check_signature(
    request: web.BaseRequest,
    content: bytes,
    credentials: Credentials,
    *,
    now: float,
    skew_seconds: float,
) -> None:
    """Refuse a request that does not sign `content` with `credentials` at about `now`, in epoch seconds."""
    client_key, timestamp, signature = (
        _signing_header(request, name) for name in (CLIENT_ID_HEADER, TIMESTAMP_HEADER, SIGNATURE_HEADER)
    )
    if client_key != credentials.client_key:
        _refuse_signature(f"{CLIENT_ID_HEADER} is not the client key of this API; check the key")
    if not _WHOLE.fullmatch(timestamp):
        _refuse_signature(f"{TIMESTAMP_HEADER} must be milliseconds since the epoch, in digits")
    ahead = int(timestamp) / 1000 - now
    if abs(ahead) > skew_seconds:
        _refuse_signature(
            f"{TIMESTAMP_HEADER} is {abs(ahead):.0f} seconds {'ahead of' if ahead > 0 else 'behind'} this "
            f"API's clock, and {skew_seconds:g} are allowed; check the clock, and that it is in milliseconds"
        )
    if not _SIGNATURE.fullmatch(signature):
        _refuse_signature(f"{SIGNATURE_HEADER} must be 64 lowercase hexadecimal digits")
    if not verify(credentials, content, int(timestamp), signature):
        _refuse_signature(
            "the signature is not that of these bytes; check the secret, and that what was sent is what was "
            "signed (the body, or for GET the path below the base URL with its encoded query)"
        )


def _signing_header(request: web.BaseRequest, name: str) -> str:
    values = request.headers.getall(name, [])
    if len(values) != 1:
        _refuse_signature(f"{name} must be given, and once")
    return values[0]


def check_content_type(request: web.BaseRequest) -> None:
    """Refuse a body that does not call itself JSON."""
    if request.content_type != "application/json":
        _refuse_parameters("the header Content-Type must be application/json")


def read_lead(body: bytes) -> tuple[str, str]:
    """Return the customer id and the inputs of a lead, the inputs serialised with their keys sorted."""
    lead, _ = _read_object(body, "the body")
    customer_id, inputs = lead.get("customer_id"), lead.get("inputs")
    if not isinstance(customer_id, str) or not customer_id:
        _refuse_parameters("customer_id must be a string, and not empty")
    if not isinstance(inputs, str):
        _refuse_parameters("inputs must be a string that holds a JSON object")
    return customer_id, _read_object(inputs.encode(), "inputs")[1]


def read_status(body: bytes) -> str:
    """Return the status that an update asks for."""
    status = _read_object(body, "the body")[0].get("status")
    if not isinstance(status, str) or status not in STATUSES:
        _refuse_parameters(f"status must be one of {', '.join(STATUSES)}")
    return status


def _read_object(content: bytes, what: str) -> tuple[dict[str, Any], str]:
    try:
        value = json.loads(content.decode())
        serialised = json.dumps(
            value, ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":")
        )
        # An escaped half of a surrogate pair passes as JSON and could not be answered in UTF-8.
        serialised.encode()
    except (ValueError, RecursionError):
        _refuse_parameters(f"{what} must be JSON in UTF-8, without NaN and not nested too deeply")
    if not isinstance(value, dict):
        _refuse_parameters(f"{what} must hold a JSON object")
    return value, serialised


def read_query(query: str) -> ResponseQuery:
    """Return which form responses the encoded `query` asks for; what it does not know, it ignores."""
    pairs = parse_qsl(query, keep_blank_values=True)
    values = dict(pairs)
    if len(values) != len(pairs):
        _refuse_parameters("a parameter is given twice")
    form_ids = values.get("form_ids", "").split(",")
    if not all(_WHOLE.fullmatch(form_id) for form_id in form_ids):
        _refuse_parameters("form_ids must be given: ids of forms, in digits, with commas between them")
    size = _whole(values, "size")
    if size is None or not 1 <= size <= _LARGEST_SIZE:
        _refuse_parameters(f"size must be given: a whole number from 1 to {_LARGEST_SIZE}")
    return ResponseQuery(
        form_ids=frozenset(form_ids),
        size=size,
        lt_id=_whole(values, "lt_id"),
        from_time=_whole(values, "from_time"),
        to_time=_whole(values, "to_time"),
    )


def _whole(values: Mapping[str, str], name: str) -> int | None:
    if name not in values:
        return None
    if not _WHOLE.fullmatch(values[name]):
        _refuse_parameters(f"{name} must be a whole number, in at most 18 digits")
    return int(values[name])


def read_faults(body: bytes) -> tuple[FaultRule, ...]:
    """Return the rules that a JSON list of fault specs stands for."""
    try:
        specs = json.loads(body)
    except (ValueError, RecursionError):
        specs = None
    if not isinstance(specs, list) or not all(isinstance(spec, str) for spec in specs):
        _refuse_parameters('faults are staged as a JSON list of strings, such as ["503:times=1"]')
    try:
        return tuple(parse_fault(spec) for spec in specs)
    except UsageError as error:
        raise Refusal(400, f"invalid parameters: {error}") from error


def _refuse_signature(message: str) -> NoReturn:
    raise Refusal(400, message, "invalid_signature")


def _refuse_parameters(what: str) -> NoReturn:
    raise Refusal(400, f"invalid parameters: {what}")
