"""Calls that may be repeated: what is tried again, how often, and what their answers mean."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, nullcontext
from decimal import Decimal

import pytest

from importer.attempts import AttemptEnded, Surroundings
from importer.calls import Caller
from importer.errors import ImporterError
from importer.model import (
    Answer,
    CallEnd,
    Done,
    ErrorInfo,
    Failed,
    FormResponse,
    NoAnswer,
    NotAttempted,
    Place,
    Rejected,
    Request,
    SetUpWrong,
    TryAgain,
    Update,
)
from importer.operations import list_responses, read_responses, read_update, update_status
from importer.pace.health import Health
from importer.signing import SIGNATURE_HEADER, TIMESTAMP_HEADER, Credentials, verify
from tests.vectors import CLIENT_KEY, CLIENT_SECRET

CREDENTIALS = Credentials(CLIENT_KEY, CLIENT_SECRET.encode())
UPDATE = Update(Place("statuses.csv", "", 2), "141952217564315671", "disbursed")
ERROR = b'{"data":null,"error":{"code":%d,"reason":"%b","message":"no","metadata":{"request_id":"r1"}}}'
NOW = 1_700_000_000.0


def error(status: int, reason: bytes = b"", **more: str) -> Answer:
    return Answer(status, ERROR % (status, reason), **more)  # type: ignore[arg-type]


DONE = Answer(204, b"")
LOST = NoAnswer("disconnected", "lost", handed_over=True)
UNSENT = NoAnswer("connect", "no connection", handed_over=False)


@pytest.mark.parametrize(
    ("answer", "ending", "code"),
    [
        (DONE, Done, ""),
        (Answer(200, b""), Done, ""),
        (Answer(200, b'{"data":{}}'), Done, ""),
        (Answer(200, b"<html>welcome</html>"), TryAgain, "unreadable_success"),
        (Answer(200, b'{"data":', complete=False), TryAgain, "unreadable_success"),
        (Answer(200, ERROR % (500, b"")), Rejected, "http_200"),
        (LOST, TryAgain, "disconnected"),
        (UNSENT, TryAgain, "connect"),
        (error(500), TryAgain, "http_500"),
        (Answer(502, b"<html>"), TryAgain, "http_502"),
        (error(503), TryAgain, "http_503"),
        (error(408), TryAgain, "http_408"),
        (error(429, retry_after="7"), TryAgain, "http_429"),
        (Answer(400, b"<html>"), TryAgain, "http_400"),
        (error(404), Rejected, "http_404"),
        (error(400), Rejected, "http_400"),
        (error(409), Rejected, "http_409"),
        (Answer(404, b"<html>"), SetUpWrong, "http_404"),
        (error(405), SetUpWrong, "http_405"),
        (error(401), SetUpWrong, "http_401"),
        (error(403), SetUpWrong, "http_403"),
        (error(400, b"invalid_signature"), SetUpWrong, "invalid_signature"),
        (error(400, b"invalid_token"), SetUpWrong, "http_400"),
        (Answer(307, b"", location="https://elsewhere.test"), SetUpWrong, "http_307"),
    ],
)
def test_what_proves_no_success_is_tried_again_and_never_in_doubt(
    answer: Answer | NoAnswer, ending: type, code: str
) -> None:
    found = read_update(answer, NOW)
    assert isinstance(found, ending)
    assert code == ("" if isinstance(found, Done) else found.error.code)


def test_the_api_is_obeyed_that_asks_to_wait() -> None:
    for status in (429, 503):
        assert read_update(error(status, retry_after="7"), NOW) == TryAgain(
            ErrorInfo(code=f"http_{status}", message="no", http_status=status, request_id="r1"), 7.0
        )


def test_an_update_is_a_put_of_the_status_alone() -> None:
    request = update_status(UPDATE)
    assert request == ("PUT", "/lead/applications/141952217564315671", b'{"status":"disbursed"}')
    assert request.signed == request.content


def test_a_page_is_asked_for_by_its_path_which_is_signed_as_it_travels() -> None:
    request = list_responses(("7", "8"), below=12, since=1, until=2)
    path = "/lead/responses?form_ids=7,8&size=500&lt_id=12&from_time=1&to_time=2"
    assert request == ("GET", path, b"")
    assert request.signed == path.encode()
    assert list_responses(("7",)).path == "/lead/responses?form_ids=7&size=500"


def page(responses: str, total: str = "3") -> Answer:
    return Answer(200, f'{{"data":{{"total":{total},"responses":{responses}}}}}'.encode())


def test_a_page_is_read_with_all_digits_and_its_inputs_as_they_are() -> None:
    found = read_responses(
        page(
            '[{"id":"100000000000000003","created_at":"2021-12-16T17:43:51Z","form_id":7,'
            '"inputs":{"income":12345678901234567890.5,"address":{"city":"Huế"}}},'
            '{"id":2,"created_at":null,"form_id":"7","inputs":["a"]}]'
        ),
        NOW,
    )
    assert isinstance(found, Done)
    assert found.answer.total == 3
    assert found.answer.responses == (
        FormResponse(
            "100000000000000003",
            "2021-12-16T17:43:51Z",
            "7",
            {"income": Decimal("12345678901234567890.5"), "address": {"city": "Huế"}},
        ),
        FormResponse("2", "", "7", {"inputs": ["a"]}),
    )


@pytest.mark.parametrize(
    "answer",
    [
        Answer(204, b""),
        Answer(200, b'{"data":{}}'),
        Answer(200, b'{"data":[]}'),
        page('[{"created_at":"x"}]'),
        page('[{"id":"x1"}]'),
        page("[5]"),
        page('[{"id":"1","inputs":{"n":NaN}}]'),
        page("[]")._replace(complete=False),
    ],
)
def test_a_page_that_cannot_be_read_whole_is_asked_for_again(answer: Answer) -> None:
    assert isinstance(read_responses(answer, NOW), TryAgain)


def test_a_page_without_a_total_is_a_page() -> None:
    found = read_responses(page("[]", "null"), NOW)
    assert isinstance(found, Done)
    assert found.answer == (0, ())


class Bench:
    """A caller with everything around it in the test's hands."""

    def __init__(self, *answers: Answer | NoAnswer) -> None:
        self.answers = list(answers)
        self.sent: list[tuple[Request, Mapping[str, str]]] = []
        self.pauses: list[float] = []
        self.told: list[AttemptEnded] = []
        self.now = NOW
        self.stop_at_pause = 0

    async def send(
        self,
        request: Request,
        headers: Mapping[str, str],
        before_first_byte: Callable[[], Awaitable[None]],
    ) -> Answer | NoAnswer:
        await before_first_byte()
        self.sent.append((request, headers))
        return self.answers[len(self.sent) - 1]

    async def call(self, attempts: int = 3) -> tuple[CallEnd[bool], int]:
        async def pause(seconds: float) -> None:
            self.pauses.append(seconds)
            self.now += seconds

        def turn() -> AbstractAsyncContextManager[None]:
            return nullcontext()

        def failed(error: ImporterError) -> None:
            raise AssertionError(error)

        caller = Caller(
            sender=self,
            credentials=CREDENTIALS,
            attempts=attempts,
            surroundings=Surroundings(
                clock=lambda: self.now,
                timer=lambda: self.now,
                pause=pause,
                turn=turn,
                stopping=lambda: len(self.pauses) >= (self.stop_at_pause or 1000),
                failed=failed,
                told=self.told.append,
                chance=random.Random(1),  # noqa: S311 - no secret
            ),
        )
        return await caller.call(PENDING, update_status(UPDATE), read_update)


class _Pending:
    place = UPDATE.place


PENDING = _Pending()


async def test_a_call_is_repeated_until_it_has_succeeded_each_time_signed_anew() -> None:
    bench = Bench(LOST, error(500), DONE)
    assert await bench.call() == (Done(True), 3)
    assert [told.number for told in bench.told] == [1, 2, 3]
    assert [told.requested for told in bench.told] == [True, True, True]
    for request, headers in bench.sent:
        assert verify(CREDENTIALS, request.content, int(headers[TIMESTAMP_HEADER]), headers[SIGNATURE_HEADER])
    assert len({headers[TIMESTAMP_HEADER] for _, headers in bench.sent}) == 3
    assert 0 < bench.pauses[0] <= 0.5 < 2 * bench.pauses[0] + bench.pauses[1]


async def test_a_call_whose_tries_are_used_up_has_failed_and_is_not_in_doubt() -> None:
    end, tries = await Bench(LOST, LOST, LOST).call()
    assert isinstance(end, Failed)
    assert (end.error.code, tries) == ("disconnected", 3)


@pytest.mark.parametrize(
    ("answer", "end"), [(error(404), Rejected), (error(401), NotAttempted), (error(400), Rejected)]
)
async def test_what_would_be_answered_again_is_not_asked_again(answer: Answer, end: type) -> None:
    found, tries = await Bench(answer).call()
    assert isinstance(found, end)
    assert tries == 1


async def test_the_api_is_waited_for_as_it_asks_but_not_for_ever() -> None:
    bench = Bench(error(429, retry_after="20"), DONE)
    assert (await bench.call())[1] == 2
    assert 20 <= bench.pauses[0] <= 20.5
    end, tries = await Bench(error(503, retry_after="601")).call()
    assert isinstance(end, NotAttempted)
    assert tries == 1


async def test_a_run_that_stops_tries_nothing_more() -> None:
    bench = Bench(LOST, DONE)
    bench.stop_at_pause = 1
    end, tries = await bench.call()
    assert isinstance(end, NotAttempted)
    assert tries == 1


def test_a_call_that_succeeded_shows_that_the_api_is_well() -> None:
    health = Health()
    for _ in range(8):
        health.note(TryAgain(ErrorInfo(code="http_500", message="no")), 0.0)
    health.note(Rejected(ErrorInfo(code="http_404", message="no")), 1.0)
    assert (health.failures, health.proven) == (0, False)
    health.note(Done(True), 2.0)
    assert health.proven
