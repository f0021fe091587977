"""What is sent again, how often, and what is raised in the end: the table of ``protocol/repeat.py``, over the pipeline."""

import asyncio
from collections.abc import Callable

import pytest

from azvm_async.clock import VirtualClock
from azvm_async.errors import (
    CertificateError,
    ClientClosed,
    Conflict,
    OutcomeUnknown,
    RequestRefused,
    Throttled,
    TransportError,
)
from azvm_async.pipeline import REFUSALS
from azvm_async.protocol.repeat import Repeat
from azvm_async.wire import Response
from pipeline.support import DELETE, GET, OK, POST, VM, Line, lost, refused, unsent

ATTEMPTS = 3
HAPPENED: dict[str, Callable[[], Response | Exception]] = {
    "never sent": unsent,
    "429": lambda: refused(429),
    "408": lambda: refused(408),
    "500": lambda: refused(500),
    "503": lambda: refused(503),
    "lost": lost,
    "409": lambda: refused(409),
    "untrusted": lambda: CertificateError("Not trusted", maybe_applied=False),
}
AGAIN, ONCE = ATTEMPTS, 1
ANSWERED = ("408", "500", "503")
ALWAYS, AFTER_ANSWERS, AFTER_REFUSALS, NEVER = Repeat.ALWAYS, Repeat.ANSWERED, Repeat.REFUSED, Repeat.NEVER

WRITES = [
    *[("never sent", policy, AGAIN, TransportError) for policy in Repeat],
    *[("429", policy, AGAIN, Throttled) for policy in (ALWAYS, AFTER_ANSWERS, AFTER_REFUSALS)],
    ("429", NEVER, ONCE, Throttled),
    *[(status, policy, AGAIN, OutcomeUnknown) for status in ANSWERED for policy in (ALWAYS, AFTER_ANSWERS)],
    *[(status, policy, ONCE, OutcomeUnknown) for status in ANSWERED for policy in (AFTER_REFUSALS, NEVER)],
    ("lost", ALWAYS, AGAIN, OutcomeUnknown),
    *[("lost", policy, ONCE, OutcomeUnknown) for policy in (AFTER_ANSWERS, AFTER_REFUSALS, NEVER)],
    *[("409", policy, ONCE, Conflict) for policy in Repeat],
    *[("untrusted", policy, ONCE, CertificateError) for policy in Repeat],
]
READS = [
    ("lost", ALWAYS, AGAIN, TransportError),
    *[("lost", policy, ONCE, TransportError) for policy in (AFTER_ANSWERS, AFTER_REFUSALS, NEVER)],
    *[(status, AFTER_REFUSALS, ONCE, RequestRefused) for status in ANSWERED],
    ("503", ALWAYS, AGAIN, RequestRefused),
]

Build = Callable[..., Line]


def name(value: object) -> str:
    """Name a parameter in a test's id."""
    return value.__name__ if isinstance(value, type) else str(getattr(value, "value", value))


def test_the_table_of_writes_has_a_row_for_each_policy_and_happening():
    assert {row[:2] for row in WRITES} == {(happened, policy) for happened in HAPPENED for policy in Repeat}


@pytest.mark.parametrize(("happened", "policy", "sendings", "kind"), WRITES, ids=name)
async def test_a_write_that_never_succeeds(line: Build, happened: str, policy: Repeat, sendings: int, kind: type):
    sending = line(HAPPENED[happened](), attempts=ATTEMPTS)
    error = await sending.failure(policy)
    assert (len(sending.sent), type(error)) == (sendings, kind)


@pytest.mark.parametrize(("happened", "policy", "sendings", "kind"), READS, ids=name)
async def test_a_read_that_never_succeeds(line: Build, happened: str, policy: Repeat, sendings: int, kind: type):
    sending = line(HAPPENED[happened](), attempts=ATTEMPTS)
    error = await sending.failure(policy, GET)
    assert (len(sending.sent), type(error)) == (sendings, kind)


@pytest.mark.parametrize(("happened", "policy"), [row[:2] for row in WRITES if row[2] == AGAIN], ids=name)
async def test_a_write_that_succeeds_the_second_time(line: Build, happened: str, policy: Repeat):
    sending = line(HAPPENED[happened](), OK)
    assert await sending.send(policy) is OK
    assert len(sending.sent) == 2


@pytest.mark.parametrize("attempts", [1, 2, 6])
async def test_attempts_are_counted_from_the_first(line: Build, attempts: int):
    sending = line(refused(503), attempts=attempts)
    await sending.failure()
    assert len(sending.sent) == attempts


async def test_the_last_error_is_the_one_that_is_raised(line: Build):
    error = await line(refused(503, "First"), refused(500, "Second"), refused(429, "Third")).failure()
    assert error.code == "Third"


async def test_what_was_lost_and_then_never_sent_is_unknown(line: Build):
    sending = line(lost(), unsent())
    error = await sending.failure()
    assert (type(error), len(sending.sent)) == (OutcomeUnknown, ATTEMPTS)


async def test_what_was_lost_and_then_throttled_to_the_end_is_unknown(line: Build):
    assert type(await line(lost(), refused(429)).failure()) is OutcomeUnknown


async def test_what_was_lost_and_then_answered_in_vain_is_unknown(line: Build):
    assert type(await line(lost(), refused(503)).failure()) is OutcomeUnknown


async def test_what_was_throttled_and_then_lost_is_unknown(line: Build):
    sending = line(refused(429), lost())
    error = await sending.failure(Repeat.REFUSED)
    assert (type(error), len(sending.sent)) == (OutcomeUnknown, 2)


async def test_what_was_never_sent_and_then_answered_in_vain_is_unknown_where_it_must_happen_once(line: Build):
    sending = line(unsent(), refused(503))
    error = await sending.failure(Repeat.REFUSED)
    assert (type(error), len(sending.sent)) == (OutcomeUnknown, 2)


@pytest.mark.parametrize("first", [lost, lambda: refused(503)], ids=["lost", "503"])
@pytest.mark.parametrize("status", [400, 403, 404, 410, 412, 423])
async def test_a_refusal_after_a_doubtful_sending_settles_nothing(line: Build, first, status: int):
    """Replicas differ, and what is not there now may have been there then."""
    sending = line(first(), refused(status, "Why"))
    error = await sending.failure()
    assert (type(error), error.code, len(sending.sent)) == (OutcomeUnknown, "Why", 2)


@pytest.mark.parametrize("first", [lost, lambda: refused(503)], ids=["lost", "503"])
async def test_what_is_in_the_way_of_a_later_sending_may_be_the_first(line: Build, first):
    """What names a state to reach is sent again until that has made way."""
    sending = line(first(), refused(409), OK)
    assert await sending.send() is OK
    assert len(sending.sent) == 3


@pytest.mark.parametrize("first", [lost, lambda: refused(503)], ids=["lost", "503"])
async def test_what_stays_in_the_way_settles_nothing(line: Build, first):
    error = await line(first(), refused(409, "Busy")).failure()
    assert (type(error), error.code) == (OutcomeUnknown, "Busy")


async def test_what_is_in_the_way_at_first_is_told_at_once(line: Build):
    sending = line(refused(409), OK)
    assert (type(await sending.failure()), len(sending.sent)) == (Conflict, 1)


async def test_what_was_in_vain_and_then_in_the_way_is_not_sent_again_where_it_may_not(line: Build):
    sending = line(refused(503), refused(409), OK)
    assert (type(await sending.failure(AFTER_ANSWERS)), len(sending.sent)) == (OutcomeUnknown, 2)


async def test_what_is_gone_after_an_answer_in_vain_was_deleted(line: Build):
    assert (await line(refused(500), refused(404)).send(request=DELETE)).status == 204


async def test_a_read_that_was_lost_and_then_never_sent_is_no_unknown_outcome(line: Build):
    assert type(await line(lost(), unsent()).failure(Repeat.ALWAYS, GET)) is TransportError


@pytest.mark.parametrize(("request_", "maybe"), [(GET, False), (POST, True)], ids=["GET", "POST"])
async def test_a_read_that_was_lost_has_applied_nothing(line: Build, request_, maybe: bool):
    error = await line(lost()).failure(Repeat.ALWAYS, request_)
    assert (error.maybe_applied if isinstance(error, TransportError) else True) is maybe


async def test_an_unknown_outcome_names_the_vm_and_what_azure_said(line: Build):
    error = await line(refused(503, "ServerBusy", x_ms_request_id="r-1")).failure(Repeat.REFUSED)
    assert (error.vm, error.status, error.code, error.request_id) == (VM, 503, "ServerBusy", "r-1")


async def test_an_unknown_outcome_tells_how_long_azure_asked_to_wait(line: Build):
    assert (await line(refused(503, retry_after="7")).failure(Repeat.REFUSED)).retry_after == 7


async def test_an_unknown_outcome_names_the_id_that_the_request_went_out_with(line: Build):
    sending = line(lost())
    error = await sending.failure(Repeat.NEVER)
    assert error.client_request_id == sending.sent[0].request.headers["x-ms-client-request-id"]


@pytest.mark.parametrize(("policy", "told"), [(ALWAYS, "twice is doing it once"), (AFTER_REFUSALS, "activity log")])
async def test_an_unknown_outcome_says_how_to_go_on(line: Build, policy: Repeat, told: str):
    assert told in str(await line(lost()).failure(policy))


async def test_an_unknown_outcome_keeps_its_cause(line: Build):
    cause = lost()
    assert (await line(cause).failure(Repeat.NEVER)).__cause__ is cause


async def test_an_error_that_is_no_answer_and_no_network_trouble_is_not_repeated(line: Build):
    sending = line(ZeroDivisionError("a defect"))
    with pytest.raises(ZeroDivisionError):
        await sending.send(Repeat.ALWAYS)
    assert len(sending.sent) == 1


@pytest.mark.parametrize("status", [200, 201, 202, 204, 302, 399])
async def test_below_400_is_an_answer(line: Build, status: int):
    assert (await line(Response(status)).send()).status == status


async def test_where_the_first_sending_succeeds_tenacity_is_not_entered(line: Build, monkeypatch: pytest.MonkeyPatch):
    def entered(**_: object) -> None:
        raise ZeroDivisionError("tenacity was entered")

    monkeypatch.setattr("azvm_async.pipeline.AsyncRetrying", entered)
    assert await line(OK).send() is OK
    with pytest.raises(ZeroDivisionError):  # the control: the trap works
        await line(refused(503)).send()


# A 429 that says when to come again.


def throttled() -> Response:
    return refused(429, retry_after="10")


async def test_throttling_that_says_when_to_come_again_is_no_attempt(line: Build):
    sending = line(*[throttled()] * 20, OK, attempts=2)
    assert await sending.send() is OK


async def test_throttling_that_does_not_say_when_is_an_attempt(line: Build):
    sending = line(*[refused(429)] * 20, OK, attempts=2)
    assert type(await sending.failure()) is Throttled
    assert len(sending.sent) == 2


async def test_failures_among_throttled_sendings_are_counted(line: Build):
    sending = line(*[throttled(), refused(503)] * 10, attempts=3)
    assert (await sending.failure()).status == 503
    assert len(sending.sent) == 6


async def test_who_is_throttled_too_often_in_a_row_is_told(line: Build):
    sending = line(throttled(), attempts=2)
    error = await sending.failure()
    assert (type(error), error.retry_after, len(sending.sent)) == (Throttled, 10, REFUSALS)


async def test_throttled_sendings_are_counted_in_a_row_only(line: Build):
    sending = line(*[throttled()] * (REFUSALS - 1), refused(503), *[throttled()] * (REFUSALS - 1), OK, attempts=2)
    assert await sending.send() is OK


async def test_what_may_never_be_repeated_is_not_repeated_after_throttling_either(line: Build):
    sending = line(throttled(), OK)
    assert type(await sending.failure(Repeat.NEVER)) is Throttled


async def test_closing_sends_away_who_waits_to_send_again(line: Build, clock: VirtualClock):
    sending = line(throttled())
    waiting = asyncio.create_task(sending.send())
    await clock.sleep(5)
    await sending.pipeline.close()
    with pytest.raises(ClientClosed):
        await waiting
    assert clock.monotonic() == 5


async def test_closing_leaves_in_doubt_what_was_lost(line: Build, clock: VirtualClock):
    sending = line(lost(), throttled())
    waiting = asyncio.create_task(sending.send())
    await clock.sleep(5)
    await sending.pipeline.close()
    with pytest.raises(OutcomeUnknown):
        await waiting
