"""One lead, from its intent to its end; what is sent, what is waited for, and what the ledger knows when."""

from __future__ import annotations

import asyncio
import random
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aioresponses import aioresponses
from hypothesis import given, settings
from hypothesis import strategies as st
from yarl import URL

from importer.attempts import (
    FIRST_WAIT_SECONDS,
    LONGEST_OBEYED_SECONDS,
    LONGEST_WAIT_SECONDS,
    AttemptEnded,
    PendingLead,
    Sender,
    Submitter,
    Surroundings,
)
from importer.errors import ImporterError, LedgerError
from importer.ledger import EARLIER_DOUBT, LeadState, state_after
from importer.ledger.sqlite import SqliteLedger
from importer.model import (
    Answer,
    Application,
    Created,
    ErrorInfo,
    Failed,
    InDoubt,
    Lead,
    NoAnswer,
    NotAttempted,
    OutcomeName,
    Place,
    Request,
    RowEnd,
    SetUpWrong,
    TryAgain,
)
from importer.operations import create_application, read_creation
from importer.signing import SIGNATURE_HEADER, TIMESTAMP_HEADER, Credentials, verify
from importer.transport import Transport
from tests.test_ledger import RESEND, reading, state_of, writer_of
from tests.vectors import CLIENT_KEY, CLIENT_SECRET

CREDENTIALS = Credentials(CLIENT_KEY, CLIENT_SECRET.encode())
LEAD = Lead(Place("leads.csv", "", 2), "1333", {"name": "Nguyễn", "phone": "0901234433"})
BASE_URL = "https://api.test/v1"

SUCCESS = b'{"data":{"id":"141952217564315671","customer_id":"1333","status":"created","created_at":"2024"}}'
REFUSAL = b'{"data":null,"error":{"code":%d,"message":"no","reason":"%b"}}'

CREATED = Answer(status=200, body=SUCCESS)
REJECTED = Answer(status=400, body=REFUSAL % (3, b"bad"))
UNREADABLE = Answer(status=200, body=b"fine!")
WRONG_SECRET = Answer(status=401, body=REFUSAL % (16, b"invalid_signature"))
BROKEN = Answer(status=500, body=REFUSAL % (13, b"internal"))
PAGE = Answer(status=502, body=b"<html>")
BUSY = Answer(status=429, body=b"", retry_after="20")
AWAY = Answer(status=503, body=b"", retry_after="601")
EARLIER = ErrorInfo(code="timeout", message="earlier")
LOST = NoAnswer(code="disconnected", message="lost", handed_over=True)
NOT_CONNECTED = NoAnswer(code="connect", message="no connection", handed_over=False)


@dataclass(frozen=True)
class Closed:
    """The connection was closed after the intent and before the first byte."""


Step = Answer | NoAnswer | Closed


class Script:
    """A sender that answers what is written, and notes what it was given when the first byte's turn came."""

    def __init__(self, steps: Sequence[Step]) -> None:
        self.steps = list(steps)
        self.sent: list[tuple[Request, Mapping[str, str]]] = []
        self.calls = 0
        self.at_first_byte: Callable[[], object] = lambda: None
        self.seen: list[object] = []

    async def send(
        self,
        request: Request,
        headers: Mapping[str, str],
        before_first_byte: Callable[[], Awaitable[None]],
    ) -> Answer | NoAnswer:
        step = self.steps[self.calls]
        self.calls += 1
        if step is NOT_CONNECTED:
            return NOT_CONNECTED
        await before_first_byte()
        if isinstance(step, Closed):
            return NOT_CONNECTED
        self.seen.append(self.at_first_byte())
        self.sent.append((request, headers))
        return step


class Bench:
    """A submitter with everything around it in the test's hands."""

    def __init__(self, ledger: SqliteLedger) -> None:
        self.ledger = ledger
        self.now = 1_700_000_000.0
        self.pauses: list[float] = []
        self.told: list[AttemptEnded] = []
        self.failures: list[ImporterError] = []
        self.stopping = False
        self.stop_at_pause = 0
        self.in_turn: set[object] = set()
        self.run = 0
        self.lead = 0

    async def enrolled(self, *, doubtful: bool = False, customer: int = 1333) -> PendingLead:
        run = await reading(self.ledger)
        if doubtful:
            await run.sent(customer, InDoubt(EARLIER))
            run = await reading(self.ledger)
        (standing,) = await run.enrol(customer, policy=RESEND)
        self.run, self.lead = run.run, standing.lead
        assert standing.doubtful is doubtful
        return PendingLead(LEAD, standing.lead, standing.doubtful)

    def submitter(self, sender: Sender, attempts: int = 5, *, resend: bool = False) -> Submitter:
        return Submitter(
            run=self.run,
            ledger=self.ledger,
            sender=sender,
            credentials=CREDENTIALS,
            attempts=attempts,
            resend_doubtful=resend,
            surroundings=Surroundings(
                clock=self.clock,
                timer=lambda: self.now,
                pause=self.pause,
                turn=self.turn,
                stopping=lambda: self.stopping,
                failed=self.failures.append,
                told=self.told.append,
                chance=random.Random(7),  # noqa: S311 - no secret is made here
            ),
        )

    def clock(self) -> float:
        self.now += 0.25
        return self.now

    async def pause(self, seconds: float) -> None:
        assert asyncio.current_task() not in self.in_turn, "a pause holds no turn"
        self.pauses.append(seconds)
        self.now += seconds
        self.stopping = self.stopping or len(self.pauses) == self.stop_at_pause

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        self.in_turn.add(asyncio.current_task())
        yield
        self.in_turn.remove(asyncio.current_task())

    @property
    def state(self) -> LeadState:
        return state_of(self.ledger, self.lead)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with SqliteLedger(tmp_path / "ledger.sqlite3") as ledger:
        yield Bench(ledger)


async def submitted(
    bench: Bench, *steps: Step, attempts: int = 5, resend: bool = False, doubtful: bool = False
) -> tuple[RowEnd, Script]:
    pending = await bench.enrolled(doubtful=doubtful)
    script = Script(steps)
    script.at_first_byte = lambda: bench.state
    end = await bench.submitter(script, attempts, resend=resend).submit(pending)
    assert script.calls == len(steps), "every step of the script was needed"
    assert bench.state is state_after(end)
    assert all(state is LeadState.SENDING for state in script.seen)
    assert [attempt.number for attempt in bench.told] == list(range(1, script.calls + 1))
    assert sum(attempt.requested for attempt in bench.told) == len(script.sent)
    return end, script


def ending_of(step: Answer | NoAnswer) -> Any:
    return read_creation(LEAD, step, 0)


def error_of(step: Answer | NoAnswer) -> ErrorInfo:
    error: ErrorInfo = ending_of(step).error
    return error


@pytest.mark.parametrize("step", [CREATED, REJECTED, PAGE, LOST, UNREADABLE])
async def test_what_needs_no_other_try_ends_with_the_first(bench: Bench, step: Answer | NoAnswer) -> None:
    end, _ = await submitted(bench, step)
    assert end == ending_of(step)
    assert bench.pauses == []
    (told,) = bench.told
    assert (told.ending, told.requested, told.seconds) == (ending_of(step), True, 0.5)


async def test_a_set_up_that_is_wrong_leaves_the_lead_pending(bench: Bench) -> None:
    end, _ = await submitted(bench, WRONG_SECRET)
    (told,) = bench.told
    assert isinstance(told.ending, SetUpWrong)
    assert end == NotAttempted(told.ending.error)
    assert bench.state is LeadState.PENDING


@pytest.mark.parametrize("step", [BROKEN, BUSY, NOT_CONNECTED, Closed()])
@pytest.mark.parametrize("attempts", [1, 2, 5])
async def test_tries_are_used_up_and_then_it_failed(bench: Bench, step: Step, attempts: int) -> None:
    end, _ = await submitted(bench, *[step] * attempts, attempts=attempts)
    assert end == Failed(error_of(NOT_CONNECTED if isinstance(step, Closed) else step))
    assert len(bench.pauses) == attempts - 1
    (row,) = bench.ledger.result_rows(bench.run)
    assert (row.outcome, row.attempts) == (OutcomeName.FAILED, attempts)


async def test_a_try_after_failures_can_create(bench: Bench) -> None:
    end, script = await submitted(bench, NOT_CONNECTED, BROKEN, Closed(), BUSY, CREATED)
    assert isinstance(end, Created)
    assert len(script.sent) == 3
    (row,) = bench.ledger.result_rows(bench.run)
    assert (row.attempts, row.error) == (5, None)


async def test_each_attempt_sends_the_same_bytes_signed_anew(bench: Bench) -> None:
    _, script = await submitted(bench, BROKEN, BUSY, CREATED)
    assert {request for request, _ in script.sent} == {create_application(LEAD)}
    content = create_application(LEAD).content
    stamps = [int(headers[TIMESTAMP_HEADER]) for _, headers in script.sent]
    assert stamps[0] == 1_700_000_000_250
    assert stamps[0] < stamps[1] < stamps[2]
    signatures = [headers[SIGNATURE_HEADER] for _, headers in script.sent]
    assert len(set(signatures)) == 3
    assert all(
        verify(CREDENTIALS, content, stamp, signature)
        for stamp, signature in zip(stamps, signatures, strict=True)
    )


async def test_pauses_grow_and_are_never_the_same_for_all(bench: Bench) -> None:
    await submitted(bench, *[BROKEN] * 12, attempts=12)
    for number, pause in enumerate(bench.pauses):
        ceiling = min(LONGEST_WAIT_SECONDS, FIRST_WAIT_SECONDS * 2**number)
        assert ceiling / 10 <= pause <= ceiling
    assert len(set(bench.pauses)) == 11


async def test_the_pause_that_the_api_asks_for_is_the_least_that_is_waited(bench: Bench) -> None:
    await submitted(bench, BUSY, CREATED)
    (pause,) = bench.pauses
    assert 20 < pause <= 20 + FIRST_WAIT_SECONDS


@pytest.mark.parametrize(
    ("seconds", "tries"), [(LONGEST_OBEYED_SECONDS, 2), (LONGEST_OBEYED_SECONDS + 1, 1), (float("1e400"), 1)]
)
async def test_a_pause_that_is_too_long_is_not_waited_for(bench: Bench, seconds: float, tries: int) -> None:
    text = f"{seconds:.0f}" if seconds < 1e9 else "9" * 400
    step = Answer(status=429, body=b"", retry_after=text)
    end, _ = await submitted(bench, *[step] * tries, attempts=2)
    expected: RowEnd = Failed(error_of(step)) if tries == 2 else NotAttempted(error_of(step))
    assert end == expected


async def test_a_pause_that_is_too_long_after_the_last_try_does_not_make_it_failed(bench: Bench) -> None:
    end, _ = await submitted(bench, BROKEN, AWAY, attempts=2)
    assert end == NotAttempted(error_of(AWAY))


@pytest.mark.parametrize("step", [BUSY, NOT_CONNECTED, Closed()])
async def test_a_run_that_stops_during_the_pause_leaves_the_lead_pending(bench: Bench, step: Step) -> None:
    bench.stop_at_pause = 1
    end, _ = await submitted(bench, step)
    assert end == NotAttempted(error_of(NOT_CONNECTED if isinstance(step, Closed) else step))
    (row,) = bench.ledger.result_rows(bench.run)
    assert (row.outcome, row.attempts) == (OutcomeName.NOT_ATTEMPTED, 1)
    assert len(bench.pauses) == 1


async def test_a_run_that_stops_before_the_first_try_sends_nothing(bench: Bench) -> None:
    bench.stopping = True
    assert (await submitted(bench))[0] == NotAttempted()
    (row,) = bench.ledger.result_rows(bench.run)
    assert (row.outcome, row.attempts) == (OutcomeName.NOT_ATTEMPTED, 0)


async def test_a_doubtful_lead_that_is_not_tried_stays_in_doubt_as_it_was(bench: Bench) -> None:
    bench.stopping = True
    end, _ = await submitted(bench, doubtful=True, resend=True)
    assert isinstance(end, InDoubt)
    (row,) = bench.ledger.result_rows(bench.run)
    assert row.error == EARLIER


async def test_a_lead_that_is_pending_again_is_so_before_the_pause(bench: Bench) -> None:
    states = []
    pending = await bench.enrolled()
    original = bench.pause

    async def pause(seconds: float) -> None:
        states.append(bench.state)
        await original(seconds)

    bench.pause = pause  # type: ignore[method-assign]
    await bench.submitter(Script([BUSY, Closed(), LOST, BUSY, CREATED]), resend=True).submit(pending)
    assert states == [LeadState.PENDING, LeadState.PENDING, LeadState.IN_DOUBT, LeadState.IN_DOUBT]


@pytest.mark.parametrize("step", [LOST, PAGE])
async def test_a_lead_in_doubt_is_sent_again_only_when_asked_to(
    bench: Bench, step: Answer | NoAnswer
) -> None:
    assert isinstance((await submitted(bench, step, resend=False))[0], InDoubt)


@pytest.mark.parametrize("step", [LOST, PAGE])
async def test_a_lead_in_doubt_is_sent_again_when_asked_to(bench: Bench, step: Answer | NoAnswer) -> None:
    end, _ = await submitted(bench, step, step, CREATED, resend=True)
    assert isinstance(end, Created)


async def test_a_success_that_cannot_be_read_is_never_sent_again(bench: Bench) -> None:
    end, _ = await submitted(bench, LOST, UNREADABLE, resend=True)
    assert end == InDoubt(error_of(UNREADABLE), resendable=False)


@pytest.mark.parametrize("step", [REJECTED, BROKEN, NOT_CONNECTED, Closed(), WRONG_SECRET, AWAY])
async def test_what_comes_after_a_doubt_does_not_take_it_back(bench: Bench, step: Step) -> None:
    end, _ = await submitted(bench, LOST, step, attempts=2, resend=True)
    assert end == InDoubt(error_of(LOST))


@pytest.mark.parametrize("step", [REJECTED, BROKEN, NOT_CONNECTED, Closed(), WRONG_SECRET, AWAY])
async def test_a_doubt_of_an_earlier_run_is_not_taken_back_either(bench: Bench, step: Step) -> None:
    end, _ = await submitted(bench, step, attempts=1, resend=True, doubtful=True)
    assert isinstance(end, InDoubt)
    assert end.resendable
    assert end.error.code == EARLIER_DOUBT
    (row,) = bench.ledger.result_rows(bench.run)
    assert row.error == EARLIER


async def test_an_application_settles_a_doubt_of_an_earlier_run(bench: Bench) -> None:
    end, _ = await submitted(bench, CREATED, resend=True, doubtful=True)
    assert isinstance(end, Created)


async def test_an_intent_that_cannot_be_written_sends_nothing(bench: Bench) -> None:
    pending = await bench.enrolled()
    writer_of(bench.ledger).call(lambda connection: connection.execute("PRAGMA query_only = ON").fetchall())
    script = Script([CREATED])
    assert await bench.submitter(script).submit(pending) == NotAttempted()
    assert [type(failure) for failure in bench.failures] == [LedgerError]
    assert script.sent == []
    assert bench.told == []


async def test_whoever_watches_cannot_take_an_outcome_away(bench: Bench) -> None:
    pending = await bench.enrolled()

    class Watching(list[AttemptEnded]):
        def append(self, attempt: AttemptEnded) -> None:
            raise BrokenPipeError

    bench.told = Watching()
    with pytest.raises(BrokenPipeError):
        await bench.submitter(Script([CREATED])).submit(pending)
    assert bench.state is LeadState.CREATED


async def test_an_intent_that_was_written_after_the_connection_was_given_up_is_taken_back(
    bench: Bench,
) -> None:
    pending = await bench.enrolled()

    class Impatient(Script):
        async def send(self, request: Request, headers: Mapping[str, str], before_first_byte: Any) -> Any:
            if self.calls:
                return await super().send(request, headers, before_first_byte)
            self.calls += 1
            intent = asyncio.create_task(before_first_byte())
            await asyncio.sleep(0)
            intent.cancel()
            return NOT_CONNECTED

    end = await bench.submitter(Impatient([NOT_CONNECTED, CREATED])).submit(pending)
    assert isinstance(end, Created)
    assert [attempt.requested for attempt in bench.told] == [False, True]


async def test_a_submission_that_is_cancelled_while_it_is_answered_leaves_a_doubt(bench: Bench) -> None:
    pending = await bench.enrolled()
    begun = asyncio.Event()

    class Silent:
        async def send(self, request: Request, headers: Mapping[str, str], before_first_byte: Any) -> Answer:
            await before_first_byte()
            begun.set()
            await asyncio.Event().wait()
            return CREATED

    task = asyncio.create_task(bench.submitter(Silent()).submit(pending))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert bench.state is LeadState.SENDING
    assert bench.ledger.count_outcomes(bench.run)[OutcomeName.IN_DOUBT] == 1


async def test_leads_that_are_submitted_together_do_not_share_their_tries(bench: Bench) -> None:
    scripts = [Script([BROKEN, BROKEN, BROKEN]), Script([BROKEN, CREATED]), Script([CREATED])]
    run = await reading(bench.ledger)
    standings = await run.enrol(1, 2, 3)
    bench.run = run.run
    ends = await asyncio.gather(
        *(
            bench.submitter(script, attempts=3).submit(PendingLead(LEAD, standing.lead))
            for script, standing in zip(scripts, standings, strict=True)
        )
    )
    assert [type(end) for end in ends] == [Failed, Created, Created]
    assert [script.calls for script in scripts] == [3, 2, 1]


async def test_an_id_that_another_lead_was_given_is_believed_of_the_first_alone(bench: Bench) -> None:
    run = await reading(bench.ledger)
    first, second, third = await run.enrol(1, 2, 3)
    bench.run = run.run
    submitter = bench.submitter(Script([CREATED, CREATED, CREATED]), resend=True)
    ends = [await submitter.submit(PendingLead(LEAD, standing.lead)) for standing in (first, second, third)]
    assert isinstance(ends[0], Created)
    for end in ends[1:]:
        assert isinstance(end, InDoubt)
        assert (end.error.code, end.resendable) == ("repeated_application_id", False)
    assert run.outcomes() == [OutcomeName.CREATED, OutcomeName.IN_DOUBT, OutcomeName.IN_DOUBT]


STEPS: list[Step] = [
    CREATED,
    REJECTED,
    UNREADABLE,
    WRONG_SECRET,
    BROKEN,
    PAGE,
    BUSY,
    AWAY,
    LOST,
    NOT_CONNECTED,
    Closed(),
]


@pytest.fixture(scope="module")
def shared() -> Iterator[tuple[SqliteLedger, Iterator[int]]]:
    with tempfile.TemporaryDirectory() as folder, SqliteLedger(Path(folder) / "ledger") as ledger:
        yield ledger, count(1)


@settings(max_examples=300, deadline=None)
@given(
    steps=st.lists(st.sampled_from(STEPS), min_size=6, max_size=6),
    attempts=st.integers(1, 6),
    resend=st.booleans(),
    earlier=st.booleans(),
    stop_at_pause=st.integers(0, 4),
)
def test_whatever_comes_nothing_is_sent_without_proof_and_the_ledger_knows_it(
    shared: tuple[SqliteLedger, Iterator[int]],
    steps: list[Step],
    attempts: int,
    resend: bool,
    earlier: bool,
    stop_at_pause: int,
) -> None:
    ledger, customers = shared
    bench = Bench(ledger)
    bench.stop_at_pause = stop_at_pause
    script = Script(steps)
    script.at_first_byte = lambda: bench.state

    async def submit() -> RowEnd:
        pending = await bench.enrolled(doubtful=earlier and resend, customer=next(customers))
        return await bench.submitter(script, attempts, resend=resend).submit(pending)

    end = asyncio.run(submit())
    endings = [attempt.ending for attempt in bench.told]
    assert 1 <= len(endings) == script.calls <= attempts
    assert set(script.seen) <= {LeadState.SENDING}
    for ending in endings[:-1]:
        assert isinstance(ending, TryAgain | InDoubt)
        assert not isinstance(ending, InDoubt) or (resend and ending.resendable)
        assert not isinstance(ending, TryAgain) or ending.wait_seconds <= LONGEST_OBEYED_SECONDS
    doubtful = (earlier and resend) or any(isinstance(ending, InDoubt) for ending in endings)
    assert isinstance(end, Created) is isinstance(endings[-1], Created)
    if doubtful:
        assert isinstance(end, Created | InDoubt)
    else:
        assert not isinstance(end, InDoubt)
    if isinstance(end, Failed):
        assert len(endings) == attempts
    assert bench.state is state_after(end)
    (row,) = ledger.result_rows(bench.run)
    assert row.attempts == len(endings)
    assert row.application == (end.application if isinstance(end, Created) else None)
    told = None if isinstance(end, Created) else end.error
    # What an earlier run met says more than that it met something.
    assert row.error == (EARLIER if told and told.code == EARLIER_DOUBT else told)


# The same decisions over the real transport; nothing but the connection is missing.

URL_OF_ALL = f"{BASE_URL}/lead/applications"


async def submitted_over_transport(bench: Bench, attempts: int = 2, *, resend: bool = False) -> RowEnd:
    pending = await bench.enrolled()
    async with Transport(BASE_URL, connections=1, answer_seconds=5) as transport:
        return await bench.submitter(transport, attempts, resend=resend).submit(pending)


async def test_the_transport_posts_the_signed_bytes_and_brings_the_application(
    bench: Bench, answers: aioresponses
) -> None:
    answers.post(URL_OF_ALL, body=SUCCESS)
    end = await submitted_over_transport(bench)
    assert end == Created(
        Application(application_id="141952217564315671", status="created", created_at="2024")
    )
    ((key, (call,)),) = answers.requests.items()
    assert key == ("POST", URL(URL_OF_ALL))
    assert call.kwargs["data"] == create_application(LEAD).content
    headers = call.kwargs["headers"]
    stamp = int(headers[TIMESTAMP_HEADER])
    assert verify(CREDENTIALS, call.kwargs["data"], stamp, headers[SIGNATURE_HEADER])
    assert call.kwargs["allow_redirects"] is False


async def test_the_transport_is_asked_again_after_429(bench: Bench, answers: aioresponses) -> None:
    answers.post(URL_OF_ALL, status=429, headers={"Retry-After": "7"})
    answers.post(URL_OF_ALL, body=SUCCESS)
    assert isinstance(await submitted_over_transport(bench), Created)
    assert 7 < bench.pauses[0] < 8


async def test_the_transport_is_not_asked_again_after_a_page(bench: Bench, answers: aioresponses) -> None:
    answers.post(URL_OF_ALL, status=502, body="<html>", content_type="text/html", repeat=True)
    assert isinstance(await submitted_over_transport(bench), InDoubt)
    assert len(bench.told) == 1


async def test_a_connection_that_fails_is_tried_again_and_failed_in_the_end(
    bench: Bench, answers: aioresponses
) -> None:
    answers.post(URL_OF_ALL, exception=aiohttp.ClientConnectionError("no"), repeat=True)
    end = await submitted_over_transport(bench)
    assert isinstance(end, Failed)
    assert [attempt.requested for attempt in bench.told] == [False, False]


async def test_a_redirect_is_not_followed(bench: Bench, answers: aioresponses) -> None:
    answers.post(URL_OF_ALL, status=307, headers={"Location": "https://other.test/"})
    end = await submitted_over_transport(bench)
    assert isinstance(end, NotAttempted)
    assert end.error is not None
    assert "https://other.test/" in end.error.message
    assert len(answers.requests) == 1
