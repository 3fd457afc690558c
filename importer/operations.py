"""The calls of the lead API: what is sent for them, and what an answer, or none, proves. Pure.

A lead that the API may have created is never sent again, so what an attempt proves decides everything:

==========================================================  ==================================================
evidence                                                    ending
==========================================================  ==================================================
no byte of the request was handed to a connection           :class:`TryAgain`
429                                                         :class:`TryAgain`, after Retry-After
5xx or 408 in the API's own error format                    :class:`TryAgain`
503 with Retry-After                                        :class:`TryAgain`, after Retry-After
reason ``invalid_signature``, 401, 403, 404, 405, 407, 3xx  :class:`SetUpWrong`
another 4xx, or 2xx, in the API's own error format          :class:`Rejected`
2xx with an application of our customer                     :class:`Created`
any other 2xx                                               :class:`InDoubt`, not to be sent again at all
anything else                                               :class:`InDoubt`
==========================================================  ==================================================

A call that may be repeated (a status that is set, a page that is asked for) leaves no doubt: what proves no
success is tried again, and a 404 in the API's own format says that there is no such application.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar
from urllib.parse import urlencode

from importer.inputs import serialised
from importer.language import _, in_figures
from importer.masking import masked, one_line
from importer.model import (
    Answer,
    Application,
    CallEnding,
    Created,
    Done,
    Ending,
    ErrorInfo,
    FormResponse,
    InDoubt,
    Lead,
    NoAnswer,
    Rejected,
    Request,
    ResponsePage,
    SetUpWrong,
    TryAgain,
    Update,
)

_T = TypeVar("_T")

APPLICATIONS = "/lead/applications"
RESPONSES = "/lead/responses"

STATUSES = ("new", "disbursed", "rejected")
"""The statuses that are documented; an application begins with the first."""

PAGE_SIZE = 500
"""Responses on a page, the most that the API gives."""

MESSAGE_LIMIT = 300
"""Signs of a message of the API that are kept: enough to act on, little for a stranger's page to fill."""

# A clock that is off by less is not worth telling; the API does not say how far it may be.
_NOTABLE_SKEW_SECONDS = 30

_SET_UP_STATUSES = {401, 403, 404, 405, 407}
_SET_UP_REASONS = {"invalid_signature"}
_REASONS_OF_CREDENTIALS = {*_SET_UP_REASONS, "invalid_token"}

_RESPONSE_ID = re.compile(r"[0-9]{1,30}")


QUESTION = Request("GET", f"{RESPONSES}?form_ids=0&size=1", b"")
"""A call that creates nothing, to learn whether the API is there and takes the credentials."""


def refuses_client(answer: Answer) -> bool:
    """Tell whether an answer to :data:`QUESTION` says that the credentials or the signature are wrong."""
    document = _document(answer)
    error = document.get("error", document) if document else None
    reason = error.get("reason") if isinstance(error, dict) else None
    return answer.status in (401, 403) or reason in _REASONS_OF_CREDENTIALS


def create_application(lead: Lead) -> Request:
    """Return the request that creates an application for `lead`.

    The body is what JavaScript's ``JSON.stringify`` would make of it, as in the documentation's samples: no
    blanks, text as UTF-8. `inputs` is a string of JSON inside it.
    """
    body = serialised({"customer_id": lead.customer_id, "inputs": serialised(lead.inputs)})
    return Request("POST", APPLICATIONS, body.encode())


def read_creation(lead: Lead, answer: Answer | NoAnswer, now: float) -> Ending:
    """Return what `answer` proves about the request that :func:`create_application` made of `lead`.

    `now` is seconds since the epoch, UTC; a date in Retry-After and the server's clock are held against it.
    """
    if isinstance(answer, NoAnswer):
        error = ErrorInfo(code=answer.code, message=answer.message)
        return InDoubt(error) if answer.handed_over else TryAgain(error)
    document = _document(answer)
    told = _error({**lead.inputs, "customer_id": lead.customer_id}, answer, document)
    error = told or _strange(answer)
    if answer.status in _SET_UP_STATUSES or 300 <= answer.status < 400 or error.reason in _SET_UP_REASONS:
        return SetUpWrong(_with_set_up_advice(error, answer, now))
    if answer.status == 429 or (answer.status == 503 and answer.retry_after):
        return TryAgain(error, _wait_seconds(answer.retry_after, now))
    # 408 says that the request did not come whole in time (RFC 9110, section 15.5.9): no fault of the row.
    if told and (answer.status == 408 or 500 <= answer.status < 600):
        return TryAgain(error)
    if told and 200 <= answer.status < 500:
        return Rejected(error)
    if 200 <= answer.status < 300:
        return _read_success(lead, answer, document)
    return InDoubt(error)


def update_status(update: Update) -> Request:
    """Return the request that sets the status of an application; to send it twice changes nothing."""
    body = serialised({"status": update.status})
    return Request("PUT", f"{APPLICATIONS}/{update.application_id}", body.encode())


def read_update(answer: Answer | NoAnswer, now: float) -> CallEnding[bool]:
    """Return what `answer` proves about a request of :func:`update_status`; `now` as in `read_creation`.

    The documentation has 204 without a body; another 2xx will do if it is empty or holds an object.
    """

    def read(document: Mapping[str, Any] | None) -> bool | None:
        empty = isinstance(answer, Answer) and not answer.body and answer.complete
        return True if empty or document is not None else None

    return _read_call(answer, now, read)


def list_responses(
    form_ids: Sequence[str], *, below: int | None = None, since: int | None = None, until: int | None = None
) -> Request:
    """Return the request for the newest responses to some forms, :data:`PAGE_SIZE` at most.

    Only those with an id smaller than `below`, and of the time from `since` to `until`, which are seconds
    since the epoch, UTC.
    """
    given = {"lt_id": below, "from_time": since, "to_time": until}
    query = {"form_ids": ",".join(form_ids), "size": PAGE_SIZE}
    query |= {name: value for name, value in given.items() if value is not None}
    return Request("GET", f"{RESPONSES}?{urlencode(query, safe=',')}", b"")


def read_responses(answer: Answer | NoAnswer, now: float) -> CallEnding[ResponsePage]:
    """Return what came of a request of :func:`list_responses`; `now` as in :func:`read_creation`."""
    return _read_call(answer, now, _page)


def _page(document: Mapping[str, Any] | None) -> ResponsePage | None:
    data = document.get("data") if document else None
    found = data.get("responses") if isinstance(data, dict) else None
    if not isinstance(found, list):
        return None
    responses = [_response(one) for one in found]
    if None in responses:
        return None
    total = data.get("total") if isinstance(data, dict) else None
    return ResponsePage(total if type(total) is int else 0, tuple(filter(None, responses)))


def _response(found: object) -> FormResponse | None:
    """Return a response as it is in JSON; None without an id, by which the next page is asked for."""
    if not isinstance(found, dict) or not _RESPONSE_ID.fullmatch(_identifier(found.get("id"))):
        return None
    inputs = found.get("inputs")
    return FormResponse(
        response_id=_identifier(found["id"]),
        created_at=_line(found.get("created_at")),
        form_id=_identifier(found.get("form_id")),
        # Whatever else stands there is not to be lost.
        inputs=inputs if isinstance(inputs, dict) else {"inputs": inputs},
    )


def _read_call(
    answer: Answer | NoAnswer, now: float, read: Callable[[Mapping[str, Any] | None], _T | None]
) -> CallEnding[_T]:
    """Return what `answer` proves about a call that may be repeated.

    `read` takes what a 2xx is to hold from its JSON object, which is None if there is none, and returns None
    if it is not there.
    """
    if isinstance(answer, NoAnswer):
        return TryAgain(ErrorInfo(code=answer.code, message=answer.message))
    document = _document(answer, _exactly)
    told = _error({}, answer, document)
    error = told or _strange(answer)
    refused = told is not None and answer.status == 404
    wrong = answer.status in _SET_UP_STATUSES or 300 <= answer.status < 400
    if error.reason in _REASONS_OF_CREDENTIALS or (wrong and not refused):
        return SetUpWrong(_with_set_up_advice(error, answer, now))
    if answer.status in (429, 503):
        return TryAgain(error, _wait_seconds(answer.retry_after, now))
    if told and answer.status < 500 and answer.status != 408:
        return Rejected(error)
    if not 200 <= answer.status < 300:
        return TryAgain(error)
    success = read(document)
    return TryAgain(_unreadable_success(answer)) if success is None else Done(success)


def _strange(answer: Answer) -> ErrorInfo:
    return ErrorInfo(
        code=f"http_{answer.status}",
        message=_("the API answered {status}, not in its own error format").format(status=answer.status),
        http_status=answer.status,
    )


def _read_success(lead: Lead, answer: Answer, document: Mapping[str, Any] | None) -> Ending:
    data = document.get("data") if document else None
    if not isinstance(data, dict):
        return InDoubt(_unreadable_success(answer), resendable=False)
    application_id = _line(_identifier(data.get("id")))
    if not application_id:
        return _unreadable(
            answer, "no_application_id", _("the API answered that it succeeded, but gave no id")
        )
    if _identifier(data.get("customer_id")) != lead.customer_id:
        return _unreadable(
            answer, "other_customer", _("the API answered with the application of another customer")
        )
    return Created(
        Application(
            application_id=application_id,
            status=_line(data.get("status")),
            created_at=_line(data.get("created_at")),
        )
    )


def _unreadable_success(answer: Answer) -> ErrorInfo:
    return ErrorInfo(
        code="unreadable_success",
        message=_("the API answered that it succeeded, but not with what"),
        http_status=answer.status,
    )


def _unreadable(answer: Answer, code: str, message: str) -> InDoubt:
    return InDoubt(ErrorInfo(code=code, message=message, http_status=answer.status), resendable=False)


def _document(answer: Answer, read: Callable[[bytes], object] = json.loads) -> Mapping[str, Any] | None:
    if not answer.complete:
        return None
    try:
        document = read(answer.body)
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def _exactly(body: bytes) -> object:
    """Return what is in JSON with all digits of its numbers."""
    return json.loads(body, parse_float=Decimal, parse_constant=_refuse_constant)


def _refuse_constant(name: str) -> object:
    raise ValueError(f"JSON has no {name}")


def _error(
    known: Mapping[str, object], answer: Answer, document: Mapping[str, Any] | None
) -> ErrorInfo | None:
    """Return the error in the API's own format, or None if the answer is something else.

    Where its message repeats a value that is `known` of a person, that is masked.
    The format is ``{"data": null, "error": {…}}``; an older page of the documentation shows the inner object
    alone. An answer that has an application, too, contradicts itself and is neither. Of the gateways in front
    of an API many have an object with a code and a message, too, so the documented sense of the code counts:
    the status where the object stands alone, and no success in an answer that says that it succeeded.
    """
    if not document or document.get("data") is not None:
        return None
    error = document.get("error", document)
    if not isinstance(error, dict) or not isinstance(error.get("message"), str):
        return None
    code = error.get("code")
    if type(code) is not int or (answer.status < 300 and not 400 <= code < 600):
        return None
    if error is document and answer.status >= 300 and code != answer.status:
        return None
    metadata = error.get("metadata")
    return ErrorInfo(
        code=f"http_{answer.status}",
        message=masked(error["message"], known)[:MESSAGE_LIMIT] or _("the API gave no message"),
        reason=_line(error.get("reason")),
        http_status=answer.status,
        request_id=_line(metadata.get("request_id")) if isinstance(metadata, dict) else "",
    )


def _line(value: object) -> str:
    """Return a text of the API as one line of bounded length; empty for anything but text."""
    return one_line(value)[:MESSAGE_LIMIT] if isinstance(value, str) else ""


def _identifier(value: object) -> str:
    # The documentation has ids as strings; as a number in JSON one has all its digits here, too.
    if type(value) is int:
        return str(value)
    return value if isinstance(value, str) else ""


def _wait_seconds(retry_after: str, now: float) -> float:
    """Return how long Retry-After asks to wait: seconds or an HTTP date (RFC 9110, section 10.2.3).

    What is neither, or lies in the past, asks for nothing.
    """
    text = retry_after.strip()
    if text.isascii() and text.replace(".", "", 1).isdigit():
        return float(text)
    moment = _moment(text)
    return 0.0 if moment is None else max(0.0, moment - now)


def _moment(text: str) -> float | None:
    try:
        moment = parsedate_to_datetime(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None


def _with_set_up_advice(error: ErrorInfo, answer: Answer, now: float) -> ErrorInfo:
    server = _moment(answer.date)
    skew = 0.0 if server is None else now - server
    if 300 <= answer.status < 400:
        advice = _("it redirects to {location}; check --base-url and --env").format(
            location=_line(answer.location) or _("elsewhere")
        )
    elif answer.status in (404, 405):
        advice = _("there is no such operation at this address; check --base-url and --env")
    elif answer.status == 407:
        advice = _("the proxy wants credentials; give them in HTTPS_PROXY, or go without the proxy")
    elif abs(skew) >= _NOTABLE_SKEW_SECONDS:
        found = (
            _(
                "the clock of this machine is {seconds} seconds ahead of the API's; set the clock, then "
                "check the client key, the client secret and --env"
            )
            if skew > 0
            else _(
                "the clock of this machine is {seconds} seconds behind the API's; set the clock, then "
                "check the client key, the client secret and --env"
            )
        )
        advice = found.format(seconds=in_figures(round(abs(skew))))
    else:
        advice = _("check the client key, the client secret and that both are those of --env")
    return ErrorInfo(
        code="invalid_signature" if error.reason in _SET_UP_REASONS else error.code,
        message=f"{error.message.rstrip('.')}. {advice[0].upper()}{advice[1:]}",
        reason=error.reason,
        http_status=error.http_status,
        request_id=error.request_id,
    )


def utc_text(seconds: float) -> str:
    """Return a moment in `seconds` since the epoch as ISO 8601, UTC, milliseconds, as the API writes it."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
