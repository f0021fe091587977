"""Azure's limits as a client meets them: known beforehand, shared, and obeyed when it comes to a 429."""

import asyncio
import logging
from itertools import count
from typing import Any

import pytest
from client.crowd import begun, crowd, ended
from client.scripted import ACCEPTED, ENDPOINT, SUBSCRIPTION, SUCCEEDED, Script, lost
from doubles import Credential, ScriptedTransport

from azvm_async import AzureVMClient, Budget, ClientClosed, InvalidRequest, VirtualClock
from azvm_async.budget import SPARE
from azvm_async.emulator.faults import Status
from azvm_async.pacer import Lane
from azvm_async.pipeline import IN_FLIGHT
from azvm_async.protocol.patience import BLIND_SECONDS
from azvm_async.wire import Request, Response

OTHER = "00000000-0000-0000-0000-000000000002"
LONG = 1200
STARTS = "*/start"
POLLS = "*/operations/*"


def waited(seconds: float) -> Any:
    """Return what a time is to be, but for a second."""
    return pytest.approx(seconds, abs=1)


def throttled(seconds: int = LONG) -> Response:
    return Response.with_json(429, {"error": {"code": "TooManyRequests"}}, {"retry-after": str(seconds)})


# Before the first request.


async def test_three_hundred_starts_meet_no_429_and_take_as_long_as_the_limits_say(clock: VirtualClock):
    async with crowd(clock, 300) as azure, azure.client() as client:
        operations = await begun(client.start(name) for name in azure.names)
        assert clock.monotonic() == waited((300 - 200) / 10)
        assert await ended(operations) == [None] * 300
        assert 429 not in azure.statuses


async def test_two_hundred_starts_take_no_time(clock: VirtualClock):
    async with crowd(clock, 199) as azure, azure.client() as client:
        await begun(client.start(name) for name in azure.names)
        assert clock.monotonic() == 0


async def test_a_crowd_of_polls_meets_no_429(clock: VirtualClock):
    async with crowd(clock, 190, power="running") as azure, azure.client() as client:
        assert await ended(await begun(client.redeploy(name) for name in azure.names)) == [None] * 190
        assert len(azure.polls) > 1500
        assert 429 not in azure.statuses


async def test_the_twelfth_change_of_one_vm_waits_and_other_vms_do_not(clock: VirtualClock):
    async with crowd(clock, 20, power="running") as azure, azure.client() as client:
        busy = [asyncio.create_task(client.redeploy("vm0")) for _ in range(13)]
        await begun(client.redeploy(name) for name in azure.names[1:])
        assert (clock.monotonic(), len(azure.writes)) == (0, 11 + 19)
        await asyncio.gather(*busy)
        assert azure.writes[-2:] == [waited(15), waited(30)]
        assert 429 not in azure.statuses


async def test_submissions_go_on_among_many_polls(clock: VirtualClock):
    async with crowd(clock, 190, power="running") as azure, azure.client() as client:
        operations = await begun(client.redeploy(name) for name in azure.names)
        await clock.sleep(30)
        before = clock.monotonic()
        await asyncio.gather(*(client.get(name) for name in azure.names[:20]))
        assert clock.monotonic() - before < 5
        await ended(operations)


# Who shares.


async def test_two_clients_with_one_credential_share_the_limits(clock: VirtualClock):
    async with crowd(clock, 300) as azure:
        credential = azure.arm.credential()
        async with azure.client(credential) as one, azure.client(credential) as other:
            starts = [(one if number % 2 else other).start(name) for number, name in enumerate(azure.names)]
            await begun(starts)
        assert clock.monotonic() == waited(10)
        assert 429 not in azure.statuses


async def test_two_credentials_of_one_principal_share_the_limits(clock: VirtualClock):
    async with crowd(clock, 300) as azure:
        async with azure.client(azure.arm.credential()) as one, azure.client(azure.arm.credential()) as other:
            await begun((one if number % 2 else other).start(name) for number, name in enumerate(azure.names))
        assert 429 not in azure.statuses


async def test_each_principal_has_limits_of_its_own(clock: VirtualClock):
    async with crowd(clock, 300) as azure:
        mine, yours = (azure.arm.credential(principal=name) for name in ("me", "you"))
        async with azure.client(mine) as one, azure.client(yours) as other:
            await begun((one if number % 2 else other).start(name) for number, name in enumerate(azure.names))
        assert clock.monotonic() == 0


async def test_each_subscription_has_limits_of_its_own(clock: VirtualClock):
    async with crowd(clock, 150) as azure, azure.client() as client:
        others = [azure.arm.add_vm(name, subscription=OTHER) for name in azure.names]
        await begun(client.start(name) for name in [*azure.names, *others])
        assert clock.monotonic() == 0


async def test_a_client_with_a_budget_of_its_own_keeps_to_its_share(clock: VirtualClock):
    async with crowd(clock, 40) as azure, azure.client(budget=Budget(share=0.1)) as client:
        await begun(client.start(name) for name in azure.names)
        assert clock.monotonic() == waited((40 - 20 + SPARE) / 1)


def speechless(transport: ScriptedTransport, clock: VirtualClock, credential: Credential, **options: Any):
    """Return a client of a transport whose answers say nothing of limits."""
    return AzureVMClient(SUBSCRIPTION, "group", credential, ENDPOINT, clock=clock, transport=transport, **options)


@pytest.mark.parametrize(("options", "seconds"), [({}, 2.0), ({"budget": Budget()}, 0)], ids=["shared", "its own"])
async def test_a_client_with_a_budget_of_its_own_does_not_share_it(
    clock: VirtualClock, options: dict[str, Any], seconds: float
):
    transport, credential = ScriptedTransport(clock, Response(200)), Credential(clock)
    one = speechless(transport, clock, credential)
    async with one, speechless(transport, clock, credential, **options) as other:
        await begun(one.start(f"vm{number}") for number in range(199))
        await begun(other.start(f"vm{number}") for number in range(19))
    assert clock.monotonic() == pytest.approx(seconds, abs=0.01)


async def test_a_budget_may_be_given_to_several_clients(clock: VirtualClock):
    budget = Budget(share=0.1)
    async with crowd(clock, 40) as azure, azure.client(budget=budget) as one, azure.client(budget=budget) as other:
        await begun((one if number % 2 else other).start(name) for number, name in enumerate(azure.names))
        assert clock.monotonic() == waited((40 - 20 + SPARE) / 1)


@pytest.mark.parametrize("budget", [0.5, "all", Budget])
def test_what_is_no_budget_is_refused(budget: Any):
    with pytest.raises(InvalidRequest, match="Budget"):
        AzureVMClient(SUBSCRIPTION, "group", budget=budget)


async def test_what_other_processes_use_is_seen_in_the_answers(clock: VirtualClock):
    async with crowd(clock, 300) as azure, azure.client() as client, azure.client(budget=Budget(10)) as elsewhere:
        await begun(elsewhere.start(name) for name in azure.names[:150])
        await client.start("vm299")
        await begun(client.start(name) for name in azure.names[150:250])
        assert clock.monotonic() == waited(5)
        assert 429 not in azure.statuses


# A 429 to a submission.


async def test_a_429_to_one_holds_all_writes_of_its_subscription(clock: VirtualClock):
    async with crowd(clock, 30) as azure, azure.client() as client:
        azure.arm.inject(Status(429, retry_after=LONG), path=STARTS)
        operations = await begun(client.start(name) for name in azure.names)
        assert min(azure.writes) >= LONG
        assert await ended(operations) == [None] * 30
        assert azure.statuses[429] == 1


async def test_other_subscriptions_and_reads_go_on_meanwhile(clock: VirtualClock):
    async with crowd(clock, 10) as azure, azure.client() as client:
        elsewhere = azure.arm.add_vm("vm1", subscription=OTHER)
        azure.arm.inject(Status(429, retry_after=LONG), path=STARTS)
        held = [asyncio.create_task(client.start(name)) for name in azure.names]
        await asyncio.sleep(0)
        await client.start(elsewhere)
        await client.get("vm0")
        assert clock.monotonic() == 0
        await asyncio.gather(*held)


async def test_those_who_wait_for_a_place_are_held_too(clock: VirtualClock):
    refused = count()

    def answer(request: Request) -> Response:
        if request.method == "GET":
            return SUCCEEDED
        return throttled() if next(refused) == 0 else ACCEPTED

    transport = ScriptedTransport(clock, answer, delay=1.0)
    async with speechless(transport, clock, Credential(clock, 1e9)) as client:
        await begun(client.start(f"vm{number}") for number in range(150))
    early = [sent for sent in transport.sent if sent.request.method == "POST" and sent.at < LONG]
    assert len(early) == IN_FLIGHT[Lane.SUBMISSIONS]


async def test_a_long_hold_is_told_once_and_is_no_error(clock: VirtualClock, caplog: pytest.LogCaptureFixture):
    async with crowd(clock, 30) as azure, azure.client() as client:
        azure.arm.inject(Status(429, retry_after=LONG), path=STARTS)
        with caplog.at_level(logging.WARNING):
            assert await ended(await begun(client.start(name) for name in azure.names)) == [None] * 30
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert f"{LONG} s: writes of {SUBSCRIPTION}" in caplog.text


async def test_a_429_after_a_429_is_obeyed_too(clock: VirtualClock):
    async with crowd(clock, 1) as azure, azure.client() as client:
        azure.arm.inject(Status(429, retry_after=LONG), path=STARTS, times=10)
        await client.start("vm0")
        assert clock.monotonic() == pytest.approx(10 * LONG, abs=10)


async def test_a_429_holds_the_clients_that_share_the_budget(clock: VirtualClock):
    async with crowd(clock, 2) as azure, azure.client() as one, azure.client() as other:
        azure.arm.inject(Status(429, retry_after=LONG), path=STARTS)
        await asyncio.gather(one.start("vm0"), other.start("vm1"))
        assert min(azure.writes) >= LONG


async def test_a_submission_that_is_cancelled_while_it_is_held_is_not_sent(clock: VirtualClock):
    async with crowd(clock, 3) as azure, azure.client() as client:
        azure.arm.inject(Status(429, retry_after=LONG), path=STARTS)
        first, second, third = (asyncio.create_task(client.start(name)) for name in azure.names)
        await clock.sleep(10)
        second.cancel()
        await asyncio.wait([second])
        await asyncio.gather(first, third)
        assert [each.path.split("/")[-2] for each in azure.arm.requests if each.status == 202] == ["vm2", "vm0"]


async def test_closing_the_client_sends_those_away_who_are_held(clock: VirtualClock):
    async with crowd(clock, 30) as azure:
        client = azure.client()
        azure.arm.inject(Status(429, retry_after=LONG), path=STARTS)
        held = [asyncio.create_task(client.start(name)) for name in azure.names]
        await clock.sleep(10)
        await client.close()
        assert {type(end) for end in await asyncio.gather(*held, return_exceptions=True)} == {ClientClosed}
        assert clock.monotonic() == pytest.approx(10, abs=0.1)
        assert len(azure.arm.requests) == 1


async def test_closing_the_client_sends_a_read_away_that_is_held(clock: VirtualClock):
    async with crowd(clock, 1) as azure:
        client = azure.client()
        azure.arm.inject(Status(429, retry_after=LONG))
        held = [asyncio.create_task(client.get("vm0")) for _ in range(3)]
        await clock.sleep(10)
        await client.close()
        assert {type(end) for end in await asyncio.gather(*held, return_exceptions=True)} == {ClientClosed}
        assert clock.monotonic() == pytest.approx(10, abs=0.1)


async def test_who_was_refused_goes_before_those_who_came_later(clock: VirtualClock):
    async with crowd(clock, 500) as azure, azure.client() as client:
        azure.arm.inject(Status(429, retry_after=1), path="*/vm5/start")
        operations = [asyncio.create_task(client.start(name)) for name in azure.names]
        await operations[5]
        assert clock.monotonic() < 3
        await asyncio.gather(*operations)


# A 429 to a poll.


@pytest.mark.parametrize("seconds", [LONG, 300, 20])
async def test_polls_that_are_throttled_for_longer_than_is_borne_end_well(clock: VirtualClock, seconds: int):
    async with crowd(clock, 1) as azure, azure.client() as client:
        azure.arm.inject(Status(429, retry_after=seconds), path=POLLS, times=2 * int(BLIND_SECONDS) // seconds)
        await client.start("vm0").result()
        assert clock.monotonic() >= 2 * BLIND_SECONDS


async def test_a_429_to_a_poll_holds_all_reads_of_its_subscription(clock: VirtualClock):
    async with crowd(clock, 5) as azure, azure.client() as client:
        operations = await begun(client.start(name) for name in azure.names)
        azure.arm.inject(Status(429, retry_after=LONG), path=POLLS)
        assert await ended(operations) == [None] * 5
        assert (azure.statuses[429], sum(at < LONG for at in azure.polls)) == (1, 1)


async def test_a_poll_that_is_throttled_is_told_once_and_writes_go_on(
    clock: VirtualClock, caplog: pytest.LogCaptureFixture
):
    async with crowd(clock, 5) as azure, azure.client() as client:
        operations = await begun(client.start(name) for name in azure.names[1:])
        azure.arm.inject(Status(429, retry_after=LONG), path=POLLS)
        with caplog.at_level(logging.WARNING):
            await clock.sleep(5)
            operations.append(await client.start("vm0"))
            assert clock.monotonic() == 5
            await ended(operations)
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert f"reads of {SUBSCRIPTION}" in caplog.text


async def test_what_is_asked_of_azure_by_its_own_word_each_second_stays_within_an_operations_limit(
    clock: VirtualClock,
):
    async with crowd(clock, 1, power="running", retry_after=1) as azure, azure.client() as client:
        await client.redeploy("vm0").result()
        assert len(azure.polls) < 45 + 126 / 4
        assert 429 not in azure.statuses


async def test_lost_answers_among_throttled_ones_are_borne_as_before(clock: VirtualClock):
    steps = [ACCEPTED, *[lost(), throttled(600)] * 5, SUCCEEDED]
    async with Script(clock, steps).client() as client:
        await client.start("vm1").result()
        assert clock.monotonic() == pytest.approx(5 * 600, abs=60)
