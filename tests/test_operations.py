"""What is sent for a lead, and what an answer, or none, proves: the table, row by row, and then anything."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from importer.model import (
    Answer,
    Application,
    Created,
    Ending,
    ErrorInfo,
    InDoubt,
    Lead,
    NoAnswer,
    Place,
    Rejected,
    Request,
    SetUpWrong,
    TryAgain,
)
from importer.operations import MESSAGE_LIMIT, create_application, read_creation, utc_text

NOON = 1_700_000_000.0
PLACE = Place("leads.csv", "", 2)
LEAD = Lead(PLACE, "1333", {"name": "John", "phone": "090123443", "address": "101 Nguyen Van Cu"})
APPLICATION = {
    "id": "141952217564315671",
    "app_identifier": "app.test",
    "customer_id": "1333",
    "inputs": '{"address":"101 Nguyen Van Cu","name":"John","phone":"090123443"}',
    "is_sandbox": True,
    "status": "new",
    "created_at": "2021-12-27T15:24:17.586Z",
    "updated_at": "2021-12-27T15:24:17.586Z",
}
HTML = b"<html><h1>Bad Gateway</h1></html>"


def packed(document: object) -> bytes:
    return json.dumps(document, ensure_ascii=False).encode()


def refusal(code: int, message: str = "invalid parameters", reason: str = "", **more: object) -> bytes:
    return packed({"data": None, "error": {"code": code, "reason": reason, "message": message, **more}})


def read(status: int, body: bytes = b"", lead: Lead = LEAD, **named: Any) -> Ending:
    return read_creation(lead, Answer(status=status, body=body, **named), NOON)


def error_of(ending: Ending) -> ErrorInfo:
    assert not isinstance(ending, Created)
    return ending.error


def message_of(message: str, lead: Lead = LEAD) -> str:
    return error_of(read(400, refusal(400, message), lead)).message


def wait_of(retry_after: str) -> float:
    ending = read(429, retry_after=retry_after)
    assert isinstance(ending, TryAgain)
    return ending.wait_seconds


def http_date(seconds: float) -> str:
    return format_datetime(datetime.fromtimestamp(seconds, UTC), usegmt=True)


# The request


def test_the_example_of_the_documentation_is_sent_byte_for_byte() -> None:
    assert create_application(LEAD) == Request(
        "POST",
        "/lead/applications",
        rb'{"customer_id":"1333","inputs":"{\"name\":\"John\",\"phone\":\"090123443\",'
        rb'\"address\":\"101 Nguyen Van Cu\"}"}',
    )


def test_vietnamese_text_is_sent_as_utf8_and_not_as_escapes() -> None:
    lead = Lead(PLACE, "1333", {"name": "Nguyễn Thị Ánh", "phone": "0901234433"})
    assert create_application(lead).content == (
        r'{"customer_id":"1333","inputs":"{\"name\":\"Nguyễn Thị Ánh\",\"phone\":\"0901234433\"}"}'.encode()
    )


def test_the_inputs_keep_the_order_of_the_template() -> None:
    body = json.loads(create_application(Lead(PLACE, "1", {"b": "2", "a": "1"})).content)
    assert body["inputs"] == '{"b":"2","a":"1"}'


WHOLE_TEXT = st.text(st.characters(exclude_categories=["Cs"]))


@given(WHOLE_TEXT, st.dictionaries(WHOLE_TEXT, WHOLE_TEXT))
def test_the_body_of_any_lead_reads_back_as_that_lead(customer_id: str, inputs: dict[str, str]) -> None:
    content = create_application(Lead(PLACE, customer_id, inputs)).content
    body = json.loads(content.decode("utf-8"))
    assert body.keys() == {"customer_id", "inputs"}
    assert body["customer_id"] == customer_id
    assert list(json.loads(body["inputs"]).items()) == list(inputs.items())


# What an ending proves, row by row


def test_what_was_not_handed_over_may_be_tried_again() -> None:
    lost = NoAnswer(code="connect", message="no connection", handed_over=False)
    assert read_creation(LEAD, lost, NOON) == TryAgain(ErrorInfo(code="connect", message="no connection"))


@pytest.mark.parametrize("code", ["timeout", "disconnected", "garbage", "connection"])
def test_what_was_handed_over_and_not_answered_is_in_doubt(code: str) -> None:
    lost = NoAnswer(code=code, message="lost", handed_over=True)
    assert read_creation(LEAD, lost, NOON) == InDoubt(ErrorInfo(code=code, message="lost"))


EVIDENCE: list[tuple[str, int, bytes, dict[str, Any], type[object]]] = [
    ("429 in the format", 429, refusal(429), {}, TryAgain),
    ("429 as a page", 429, HTML, {}, TryAgain),
    ("429 without a body", 429, b"", {}, TryAgain),
    ("429 with half a body", 429, b'{"da', {"complete": False}, TryAgain),
    ("500 in the format", 500, refusal(500), {}, TryAgain),
    ("502 in the format", 502, refusal(502), {}, TryAgain),
    ("503 in the format", 503, refusal(503), {}, TryAgain),
    ("504 in the format", 504, refusal(504), {}, TryAgain),
    ("500 in the older format", 500, packed({"code": 500, "message": "no", "reason": ""}), {}, TryAgain),
    ("503 with Retry-After", 503, HTML, {"retry_after": "1"}, TryAgain),
    ("503 with an odd Retry-After", 503, HTML, {"retry_after": "soon"}, TryAgain),
    ("503 with Retry-After and half a body", 503, b"", {"retry_after": "1", "complete": False}, TryAgain),
    ("invalid_signature", 400, refusal(400, reason="invalid_signature"), {}, SetUpWrong),
    ("invalid_signature in a 200", 200, refusal(400, reason="invalid_signature"), {}, SetUpWrong),
    ("401", 401, HTML, {}, SetUpWrong),
    ("403", 403, b"", {}, SetUpWrong),
    ("403 with half a body", 403, b"", {"complete": False}, SetUpWrong),
    ("404 in the format", 404, refusal(404), {}, SetUpWrong),
    ("405", 405, b"", {}, SetUpWrong),
    ("301", 301, b"", {}, SetUpWrong),
    ("307", 307, b"", {"location": "https://elsewhere.test/"}, SetUpWrong),
    ("399", 399, b"", {}, SetUpWrong),
    ("400 in the format", 400, refusal(400), {}, Rejected),
    ("400 in the format with a code of its own", 400, refusal(1042), {}, Rejected),
    ("400 in the older format", 400, packed({"code": 400, "message": "no"}), {}, Rejected),
    ("422 in the format", 422, refusal(422), {}, Rejected),
    ("409 in the format", 409, refusal(409), {}, Rejected),
    ("200 in the format", 200, refusal(400), {}, Rejected),
    ("200 in the older format", 200, packed({"code": 400, "message": "no"}), {}, Rejected),
    ("200 with our application", 200, packed({"data": APPLICATION}), {}, Created),
    ("201 with our application", 201, packed({"data": APPLICATION}), {}, Created),
    ("299 with our application", 299, packed({"data": APPLICATION}), {}, Created),
    ("200 with our application and an error", 200, packed({"data": APPLICATION, "error": {}}), {}, Created),
    ("400 as a page", 400, HTML, {}, InDoubt),
    ("400 with half a body", 400, refusal(400), {"complete": False}, InDoubt),
    ("400 with an application", 400, packed({"data": APPLICATION}), {}, InDoubt),
    (
        "400 with an application and an error",
        400,
        packed({"data": APPLICATION, "error": {"code": 400, "message": "no"}}),
        {},
        InDoubt,
    ),
    ("407 as a page", 407, HTML, {}, SetUpWrong),
    ("408 in the format", 408, refusal(408), {}, TryAgain),
    ("408 as a page", 408, HTML, {}, InDoubt),
    ("500 as a page", 500, HTML, {}, InDoubt),
    ("500 with half a body", 500, refusal(500), {"complete": False}, InDoubt),
    ("502 without a body", 502, b"", {}, InDoubt),
    ("503 without Retry-After", 503, HTML, {}, InDoubt),
    ("504 as a page", 504, HTML, {}, InDoubt),
    ("504 with Retry-After", 504, HTML, {"retry_after": "1"}, InDoubt),
    ("500 of Spring", 500, packed({"status": 500, "error": "Internal", "message": "no"}), {}, InDoubt),
    ("504 of AWS", 504, packed({"message": "Endpoint request timed out"}), {}, InDoubt),
    ("503 of gRPC", 503, packed({"code": 14, "message": "closing", "details": []}), {}, InDoubt),
    ("500 with a code that is text", 500, packed({"error": {"code": "x", "message": "no"}}), {}, InDoubt),
    ("500 with a code that is true", 500, packed({"error": {"code": True, "message": "no"}}), {}, InDoubt),
    ("500 without a message", 500, packed({"error": {"code": 500}}), {}, InDoubt),
    ("101", 101, refusal(500), {}, InDoubt),
    ("600 in the format", 600, refusal(600), {}, InDoubt),
]


@pytest.mark.parametrize(
    ("status", "body", "named", "ending"),
    [pytest.param(*case, id=name) for name, *case in EVIDENCE],
)
def test_an_answer_proves_what_the_table_says(
    status: int, body: bytes, named: dict[str, Any], ending: type[object]
) -> None:
    found = read(status, body, **named)
    assert type(found) is ending
    if isinstance(found, InDoubt):
        assert found.resendable
    if not isinstance(found, Created):
        assert found.error.http_status == status


def test_an_application_is_read_as_the_api_wrote_it() -> None:
    assert read(200, packed({"data": APPLICATION})) == Created(
        Application(application_id="141952217564315671", status="new", created_at="2021-12-27T15:24:17.586Z")
    )


def test_ids_that_are_numbers_keep_all_their_digits() -> None:
    ending = read(201, packed({"data": {"id": 141952217564315671, "customer_id": 1333}}))
    assert ending == Created(Application(application_id="141952217564315671", status="", created_at=""))


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "unreadable_success"),
        (b"fine!", "unreadable_success"),
        (HTML, "unreadable_success"),
        (b"[]", "unreadable_success"),
        (b"null", "unreadable_success"),
        (b"{}", "unreadable_success"),
        (b'{"data":null}', "unreadable_success"),
        (b'{"data":[]}', "unreadable_success"),
        (b'{"data":{"id":"14195', "unreadable_success"),
        (packed({"code": 200, "message": "OK"}), "unreadable_success"),
        (packed({"code": 0, "message": "success", "data": None}), "unreadable_success"),
        (packed({"data": None, "error": {"code": 0, "message": ""}}), "unreadable_success"),
        (packed({"data": {}}), "no_application_id"),
        (packed({"data": APPLICATION | {"id": ""}}), "no_application_id"),
        (packed({"data": APPLICATION | {"id": " \n"}}), "no_application_id"),
        (packed({"data": APPLICATION | {"id": None}}), "no_application_id"),
        (packed({"data": APPLICATION | {"id": True}}), "no_application_id"),
        (packed({"data": APPLICATION | {"id": 1.5}}), "no_application_id"),
        (packed({"data": {"id": "1"}}), "other_customer"),
        (packed({"data": APPLICATION | {"customer_id": "1334"}}), "other_customer"),
        (packed({"data": APPLICATION | {"customer_id": 1333.0}}), "other_customer"),
        (packed({"data": APPLICATION | {"customer_id": "1333 "}}), "other_customer"),
    ],
)
def test_a_success_that_does_not_show_our_application_is_in_doubt_for_good(body: bytes, code: str) -> None:
    ending = read(200, body)
    assert isinstance(ending, InDoubt)
    assert not ending.resendable
    assert (ending.error.code, ending.error.http_status) == (code, 200)


def test_a_success_that_was_not_read_to_its_end_is_in_doubt_for_good() -> None:
    ending = read(200, packed({"data": APPLICATION}), complete=False)
    assert isinstance(ending, InDoubt)
    assert not ending.resendable


@given(WHOLE_TEXT, st.dictionaries(WHOLE_TEXT, WHOLE_TEXT))
@example("9" * (MESSAGE_LIMIT + 1), {})
@example("13\x0033\u2028", {})
def test_our_application_is_known_by_any_customer_id(customer_id: str, inputs: dict[str, str]) -> None:
    body = packed({"data": {"id": "1", "customer_id": customer_id}})
    assert type(read(200, body, Lead(PLACE, customer_id, inputs))) is Created


# What is told of an error


def test_a_refusal_is_told_with_what_support_asks_for() -> None:
    body = refusal(400, reason="invalid_code", metadata={"service_code": "00002", "request_id": "5cfe825e"})
    assert read(400, body) == Rejected(
        ErrorInfo(
            code="http_400",
            message="invalid parameters",
            reason="invalid_code",
            http_status=400,
            request_id="5cfe825e",
        )
    )


def test_the_older_format_tells_the_same() -> None:
    inner = {"code": 400, "message": "invalid parameters", "reason": "", "metadata": {"request_id": "5cfe"}}
    assert read(400, packed(inner)) == read(400, packed({"data": None, "error": inner}))


@pytest.mark.parametrize("metadata", [None, [], "5cfe", {"request_id": 5}, {}])
def test_metadata_of_another_form_are_left_out(metadata: object) -> None:
    assert error_of(read(400, refusal(400, metadata=metadata))).request_id == ""


def test_an_answer_that_is_not_in_the_format_is_told_by_its_status() -> None:
    assert error_of(read(502, HTML)) == ErrorInfo(
        code="http_502", message="the API answered 502, not in its own error format", http_status=502
    )


@pytest.mark.parametrize("message", ["", " \n\t ", "\x00\u2028\ud800"])
def test_a_refusal_without_a_message_says_so(message: str) -> None:
    body = json.dumps({"error": {"code": 400, "message": message}}).encode()
    assert error_of(read(400, body)).message == "the API gave no message"


def test_a_message_is_one_line_of_bounded_length_without_control_characters() -> None:
    assert message_of("a\x1b[31m b\r\nc\u2028d\x85e\tf") == "a [31m b c d e f"
    assert message_of("a " * MESSAGE_LIMIT) == "a " * (MESSAGE_LIMIT // 2)


PERSON = Lead(
    PLACE,
    "1333",
    {"name": "Lê An", "phone": "0901", "address": "12  Lê Lợi\nĐà Nẵng", "floor": "3", "age": 5},
)


@pytest.mark.parametrize(
    ("message", "told"),
    [
        ("bad phone 0901", "bad phone <phone>"),
        ("bad address 12 Lê Lợi Đà Nẵng", "bad address <address>"),
        ("bad address 12  Lê Lợi\nĐà Nẵng", "bad address <address>"),
        ("Lê An is known", "<name> is known"),
        ("LE AN is known, le  an", "<name> is known, <name>"),
        ("Le\u0302 An!", "<name>!"),
        ("le anh, ale an", "le anh, ale an"),
        ("12 le loi, DA NANG", "12 le loi, DA NANG"),
        ("bad address: 12 LE LOI DA NANG", "bad address: <address>"),
        ("customer 1333 is known", "customer <customer_id> is known"),
        ("floor 3, age 5", "floor 3, age 5"),
        ("call +84 (90) 123-44.33 now", "call <…> now"),
        ("CCCD 079190001234", "CCCD <…>"),
        ("code 1234567", "code 1234567"),
        ("write to minh.anh@example.com or x@y", "write to <…> or <…>"),
        ("twice 0123456789abc@example.com", "twice <…>"),
    ],
)
def test_personal_data_in_a_message_are_masked(message: str, told: str) -> None:
    assert message_of(message, PERSON) == told


def test_personal_data_in_numbers_and_objects_are_masked_but_not_what_says_what_is_wrong() -> None:
    inputs = {"home": {"city": "Huế"}, "income": 12500, "rooms": 3, "agrees": True}
    told = message_of("Huế, 12500: at most 3, must be true", Lead(PLACE, "1333", inputs))
    assert told == "<home.city>, <income>: at most 3, must be true"


def test_personal_data_are_masked_before_a_message_is_cut() -> None:
    lead = Lead(PLACE, "1333", {"name": "Nguyễn Thị Minh Anh"})
    told = message_of("x" * (MESSAGE_LIMIT - 8) + " Nguyễn Thị Minh Anh", lead)
    assert told == ("x" * (MESSAGE_LIMIT - 8) + " <name>")


def test_a_long_word_is_masked_in_no_time() -> None:
    # Quadratic, each of these would take minutes.
    assert message_of("x" * 1_000_000) == "x" * MESSAGE_LIMIT
    assert message_of("1" * 1_000_000) == "<…>"
    assert message_of("+" * 1_000_000) == "+" * MESSAGE_LIMIT


# Waiting


@pytest.mark.parametrize(
    ("retry_after", "seconds"),
    [
        ("", 0),
        ("0", 0),
        ("2", 2),
        (" 2 ", 2),
        ("1.5", 1.5),
        ("3600", 3600),
        ("-5", 0),
        ("soon", 0),
        (".", 0),
        ("1.2.3", 0),
        ("٣", 0),
        ("²", 0),
        ("1e3", 0),
        ("nan", 0),
        (http_date(NOON + 90), 90),
        (http_date(NOON - 90), 0),
        ("Tue, 14 Nov 2023 22:14:50 -0000", 90),
        ("Tue, 14 Nov 99999 22:14:50 GMT", 0),
        ("Tue, 14 Nov 2023 99:99:99 GMT", 0),
        ("Tue, 14 Nov 2023 22:14:50 +99999999999999999999", 0),
    ],
)
def test_retry_after_is_seconds_or_a_date(retry_after: str, seconds: float) -> None:
    assert wait_of(retry_after) == seconds


def test_an_absurd_retry_after_is_longer_than_any_patience() -> None:
    assert wait_of("9" * 400) > 10**9


@given(st.text())
@example("0 0 0 0")
def test_no_retry_after_or_date_raises(header: str) -> None:
    assert wait_of(header) >= 0
    read(401, date=header)


def test_a_503_waits_for_as_long_as_it_asked() -> None:
    for body in (HTML, refusal(503)):
        ending = read(503, body, retry_after="7")
        assert isinstance(ending, TryAgain)
        assert ending.wait_seconds == 7


# Advice


def advice(status: int = 401, **named: Any) -> str:
    ending = read(status, **named)
    assert isinstance(ending, SetUpWrong)
    return ending.error.message


def test_a_wrong_signature_is_told_by_its_reason_and_with_what_to_check() -> None:
    body = refusal(400, "wrong", "invalid_signature", metadata={"request_id": "5cfe"})
    assert error_of(read(400, body)) == ErrorInfo(
        code="invalid_signature",
        message="wrong. Check the client key, the client secret and that both are those of --env",
        reason="invalid_signature",
        http_status=400,
        request_id="5cfe",
    )


@pytest.mark.parametrize(
    ("skew", "told"),
    [
        (0, None),
        (29, None),
        (-29, None),
        (30, "30 seconds ahead of"),
        (3600, "3,600 seconds ahead of"),
        (-45, "45 seconds behind"),
    ],
)
def test_a_clock_that_is_off_is_told_from_the_date_of_the_answer(skew: float, told: str | None) -> None:
    message = advice(date=http_date(NOON - skew))
    if told is None:
        assert "clock" not in message
    else:
        assert f"The clock of this machine is {told} the API's; set the clock" in message


@pytest.mark.parametrize("date", ["", "yesterday"])
def test_without_a_date_nothing_is_said_of_the_clock(date: str) -> None:
    assert "clock" not in advice(date=date)


@pytest.mark.parametrize("status", [404, 405])
def test_an_operation_that_is_not_there_is_a_matter_of_the_address(status: int) -> None:
    assert "no such operation at this address; check --base-url and --env" in advice(status)
    assert "clock" not in advice(status, date=http_date(NOON - 3600))


def test_a_redirect_says_where_to() -> None:
    assert "It redirects to https://elsewhere.test/ x; check" in advice(
        307, location="https://elsewhere.test/\x1bx"
    )
    assert "It redirects to elsewhere; check" in advice(302)


# Anything at all

DEEP = 200_000


@pytest.mark.parametrize(
    "body",
    [
        b"[" * DEEP,
        b'{"data":' * DEEP + b"1" + b"}" * DEEP,
        b'{"data":{"id":%b,"customer_id":"1333"}}' % (b"9" * 5_000),
        b"\xff\xfe\x00",
        b"\xc3\x28",
        b'{"data":{"id":"\xff"}}',
        b'{"error":{"code":1e999,"message":""}}',
    ],
    ids=["deep list", "deep object", "long number", "half UTF-16", "no UTF-8", "no UTF-8 inside", "infinity"],
)
@pytest.mark.parametrize(("status", "resendable"), [(200, False), (500, True)])
def test_a_body_that_cannot_be_read_is_no_error_of_ours(status: int, resendable: bool, body: bytes) -> None:
    ending = read(status, body)
    assert isinstance(ending, InDoubt)
    assert ending.resendable is resendable


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just("1333")
KEYS = st.sampled_from(
    ["data", "error", "code", "message", "reason", "metadata", "request_id", "id", "customer_id"]
)
DOCUMENTS = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner), max_leaves=12
)
BODIES = st.binary() | DOCUMENTS.map(lambda document: json.dumps(document).encode())
STATUSES = st.integers(100, 999) | st.sampled_from([200, 201, 204, 400, 429, 500, 503])


@given(STATUSES, BODIES, st.booleans(), st.text(), st.text())
def test_no_answer_raises_and_what_it_proves_is_never_more_than_the_table_allows(
    status: int, body: bytes, complete: bool, retry_after: str, date: str
) -> None:
    ending = read(status, body, complete=complete, retry_after=retry_after, date=date, location=date)
    if isinstance(ending, TryAgain):
        assert status == 429 or 500 <= status <= 599
    if isinstance(ending, Created):
        assert complete
        assert 200 <= status <= 299
    if isinstance(ending, Rejected):
        assert complete
        assert 200 <= status <= 499
    if isinstance(ending, InDoubt):
        assert ending.resendable is not (200 <= status <= 299)


def test_a_moment_is_written_as_the_api_writes_it() -> None:
    assert utc_text(1640618657.586) == "2021-12-27T15:24:17.586Z"
    assert utc_text(NOON) == "2023-11-14T22:13:20.000Z"


@pytest.mark.parametrize(
    "body", [b'{"code":1000,"message":"success"}', b'{"data":null,"error":{"code":1000,"message":"ok"}}']
)
def test_a_success_with_a_code_that_is_no_error_is_in_doubt_for_good(body: bytes) -> None:
    ending = read_creation(LEAD, Answer(status=200, body=body), 0.0)
    assert isinstance(ending, InDoubt)
    assert not ending.resendable
