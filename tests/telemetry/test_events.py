"""The events: which come when, and what they tell."""

import asyncio
from datetime import timedelta

import pytest
from doubles import ScriptedTransport, turns
from fleet.support import Wire

from azvm_async import (
    AzureVMClient,
    Conflict,
    InvalidRequest,
    OperationFailed,
    OutcomeUnknown,
    RequestRefused,
    StatusUnreadable,
    TransportError,
    VirtualClock,
)
from azvm_async.emulator import Emulator, faults
from azvm_async.telemetry import Accepted, Finished, Polled, Retried, Submitted, Throttled
from azvm_async.wire import Response
from telemetry.support import Events, opened

START = "*/vm1/start"


async def test_operation_is_told_from_its_first_byte_to_its_end(client: AzureVMClient, events: Events):
    await client.start("vm1").result()
    assert events.names == ["Submitted", "Accepted", "Polled", "Finished"]


async def test_events_tell_what_is_done_to_what(client: AzureVMClient, events: Events):
    operation = await client.start("vm1")
    await operation
    assert {(each.verb, each.vm) for each in events} == {("start", operation.about.resource)}


async def test_events_of_an_operation_have_its_number_and_no_other(
    client: AzureVMClient, arm: Emulator, events: Events
):
    arm.add_vm("vm2")
    await asyncio.gather(client.start("vm1").result(), client.start("vm2").result())
    numbers = {
        each.vm.rpartition("/")[2]: {other.operation for other in events if other.vm == each.vm} for each in events
    }
    assert sorted(map(len, numbers.values())) == [1, 1]
    assert numbers["vm1"].isdisjoint(numbers["vm2"] | {0})


async def test_submitted_comes_before_the_first_byte(arm: Emulator, clock: VirtualClock, events: Events):
    wire, heard = Wire(arm.transport()), []
    wire.before = lambda request: heard.append((request.method, events.names))
    async with opened(arm, clock, events, transport=wire) as client:
        await client.start("vm1")
    assert heard == [("POST", ["Submitted"])]


async def test_request_ids_are_those_on_the_wire(arm: Emulator, clock: VirtualClock, events: Events):
    wire = Wire(arm.transport())
    async with opened(arm, clock, events, transport=wire) as client:
        await client.start("vm1").result()
    submitted, accepted = events.one(Submitted), events.one(Accepted)
    sent = wire.sent[0].headers["x-ms-client-request-id"]
    assert submitted.client_request_id == accepted.client_request_id == sent


async def test_each_answers_request_id_is_its_own(client: AzureVMClient, arm: Emulator, events: Events):
    await client.start("vm1").result()
    numbers = {events.one(Accepted).request_id, *(each.request_id for each in events.of(Polled))}
    assert len(numbers - {None}) == len(arm.requests)


async def test_there_is_a_polled_for_each_poll(client: AzureVMClient, events: Events):
    operation = await client.start("vm1")
    await operation
    polls = events.of(Polled)
    assert [each.polls for each in polls] == list(range(1, operation.polls + 1))
    assert [each.status for each in polls[-2:]] == ["InProgress", "Succeeded"]


async def test_times_are_the_clients(client: AzureVMClient, events: Events, clock: VirtualClock):
    await clock.sleep(100)
    began = clock.utcnow()
    await client.start("vm1").result()
    assert events[0].at == began
    assert timedelta(seconds=events.one(Finished).seconds) == clock.utcnow() - began == events[-1].at - began


async def test_wait_for_azures_limits_is_told(client: AzureVMClient, events: Events):
    for _ in range(12):  # a VM's own bucket lets eleven through at once
        await client.reapply("vm1")
    waits = [each.waited for each in events.of(Submitted)]
    assert waits[:11] == [0.0] * 11
    assert waits[11] >= 14


@pytest.mark.parametrize(
    ("details", "left", "policy", "owner"),
    [
        ([{"target": "UpdateVM"}], "100", "UpdateVMResource", "virtualmachines/vm1"),
        ([], "0", "writes", "000000000001"),
        ([], "100", None, ""),
    ],
    ids=["Compute's", "Resource Manager's", "none of ours"],
)
async def test_throttled_tells_the_bucket_and_for_how_long(
    arm: Emulator, clock: VirtualClock, events: Events, details, left: str, policy: str | None, owner: str
):
    headers = {
        "retry-after": "7",
        "x-ms-request-id": "number-7",
        "x-ms-ratelimit-remaining-subscription-writes": left,
        "x-ms-ratelimit-remaining-resource": "Microsoft.Compute/UpdateVMSubscriptionMaximum;900",
    }
    refusal = Response.with_json(429, {"error": {"code": "OperationNotAllowed", "details": details}}, headers)
    wire = ScriptedTransport(clock, refusal, Response(200))
    async with opened(arm, clock, events, transport=wire) as client:
        await client.start("vm1").result()
    throttled = events.one(Throttled)
    assert (throttled.policy, throttled.seconds, throttled.request_id) == (policy, 7.0, "number-7")
    assert (throttled.owner or "").endswith(owner)
    assert events.names == ["Submitted", "Throttled", "Retried", "Submitted", "Accepted", "Finished"]


async def test_refused_poll_is_told_as_its_operations(client: AzureVMClient, arm: Emulator, events: Events):
    arm.inject(faults.Status(429, retry_after=3), method="GET", path="*/operations/*")
    await client.start("vm1").result()
    assert events.one(Throttled).operation == events.one(Accepted).operation
    assert not events.of(Retried)


async def test_retried_tells_why_and_when_and_the_next_attempt_follows(
    client: AzureVMClient, arm: Emulator, events: Events
):
    arm.inject(faults.Status(503, retry_after=9), path=START)
    await client.start("vm1")
    assert events.names == ["Submitted", "Retried", "Submitted", "Accepted"]
    assert [each.attempt for each in events.of(Submitted)] == [1, 2]
    retried = events.one(Retried)
    assert (retried.error.status, retried.seconds) == (503, pytest.approx(9, abs=0.5))
    assert events.of(Submitted)[1].waited >= 9


async def test_answer_that_was_looked_for_in_vain_is_a_retry(client: AzureVMClient, arm: Emulator, events: Events):
    arm.add_vm("vm2", power="running")
    arm.inject(faults.ResetBefore(), method="PUT", path="*/runCommands/*", times=1)
    await client.run_command("vm2", "true")
    assert [each.attempt for each in events.of(Submitted)][-1] == len(events.of(Retried)) + 1


async def test_refusal_is_the_end(client: AzureVMClient, arm: Emulator, events: Events):
    arm.inject(faults.Conflict(), path=START)
    with pytest.raises(Conflict):
        await client.start("vm1")
    assert events.names == ["Submitted", "Finished"]
    assert (events.one(Finished).outcome, type(events.one(Finished).error)) == ("NotAccepted", Conflict)


async def test_lost_answer_of_what_is_sent_once_ends_as_unknown(client: AzureVMClient, arm: Emulator, events: Events):
    arm.inject(faults.ResetAfter(), path="*/vm1/restart")
    with pytest.raises(OutcomeUnknown):
        await client.reboot("vm1")
    assert (events.one(Finished).outcome, type(events.one(Finished).error)) == ("Unknown", OutcomeUnknown)


async def test_failed_operation_ends_with_its_error(client: AzureVMClient, arm: Emulator, events: Events):
    arm.inject(faults.AllocationFailed(), path=START)
    with pytest.raises(OperationFailed) as raised:
        await client.start("vm1").result()
    finished = events.one(Finished)
    assert (finished.outcome, str(finished.error)) == ("Failed", str(raised.value))


async def test_trouble_of_a_poll_is_told_and_is_no_end(client: AzureVMClient, arm: Emulator, events: Events):
    arm.inject(faults.Status(503), method="GET", path="*/operations/*")
    await client.start("vm1").result()
    troubles = [type(each.error) for each in events.of(Polled) if each.error]
    assert troubles == [RequestRefused]
    assert events.one(Finished).outcome == "Succeeded"


async def test_poll_that_parks_an_operation_is_told(client: AzureVMClient, arm: Emulator, events: Events):
    arm.inject(faults.Status(403), method="GET", path="*/operations/*")
    operation = await client.start("vm1")
    with pytest.raises(StatusUnreadable):
        await operation
    assert isinstance(events.one(Polled).error, StatusUnreadable)
    assert not events.of(Finished)


async def test_poll_without_an_answer_has_no_request_id(client: AzureVMClient, arm: Emulator, events: Events):
    arm.inject(faults.ResetBefore(), method="GET", path="*/operations/*")
    await client.start("vm1").result()
    (lost,) = [each for each in events.of(Polled) if isinstance(each.error, TransportError)]
    assert lost.request_id is None


async def test_what_ends_with_its_first_answer_is_accepted_and_finished(client: AzureVMClient, events: Events):
    await client.delete("nobody").result()
    assert events.names == ["Submitted", "Accepted", "Finished"]


async def test_operation_of_a_client_that_is_closed_ends_as_running(arm: Emulator, clock: VirtualClock, events: Events):
    async with opened(arm, clock, events) as client:
        await client.start("vm1")
    assert events.one(Finished).outcome == "Running"


async def test_submission_that_was_never_sent_ends_as_not_accepted(arm: Emulator, clock: VirtualClock, events: Events):
    async with opened(arm, clock, events) as client:
        for _ in range(11):
            await client.reapply("vm1")
        waiting = asyncio.create_task(client.reapply("vm1").result())
        await turns()
        waiting.cancel()
        await turns()
        assert [each.outcome for each in events.of(Finished)] == ["NotAccepted"]


async def test_operation_that_is_resumed_is_accepted_without_being_submitted(
    client: AzureVMClient, arm: Emulator, clock: VirtualClock, events: Events
):
    async with opened(arm, clock, None) as other:
        token = (await other.start("vm1")).token
    await client.resume(token)
    assert events.names == ["Accepted", "Polled", "Finished"]
    assert events.one(Accepted).request_id is None


async def test_removal_is_accepted_without_being_submitted(client: AzureVMClient, events: Events):
    await client.deprovision("nobody").result()
    assert events.names == ["Accepted", "Finished"]


async def test_plain_read_is_no_operation(client: AzureVMClient, arm: Emulator, events: Events):
    arm.inject(faults.Status(503), method="GET", path="*/vm1")
    arm.inject(faults.Status(429, retry_after=1), method="GET", path="*/vm1")
    await client.get("vm1")
    assert events.names == ["Retried", "Throttled", "Retried"]
    assert {each.operation for each in events} == {0}


async def test_observer_of_a_submission_hears_of_it_alone_to_its_end(client: AzureVMClient):
    heard = Events()
    submission = client.start("vm1")
    submission.observe(heard)
    await asyncio.gather(submission.result(), client.deallocate("vm1").result(), return_exceptions=True)
    assert heard.names == ["Submitted", "Accepted", "Polled", "Finished"]
    assert {each.verb for each in heard} == {"start"}


async def test_observer_of_an_operation_hears_from_then_on(client: AzureVMClient, events: Events):
    heard = Events()
    operation = await client.start("vm1")
    operation.observe(heard)
    operation.observe(heard.__call__)
    await operation
    assert heard.names == ["Polled", "Finished"]
    assert events.names == ["Submitted", "Accepted", "Polled", "Finished"]


async def test_operation_can_be_observed_without_an_observer_of_the_client(arm: Emulator, clock: VirtualClock):
    heard = Events()
    async with opened(arm, clock, None) as client:
        operation = await client.start("vm1")
        operation.observe(heard)
        await operation
    assert heard.names == ["Polled", "Finished"]


def test_what_cannot_be_called_is_no_observer(arm: Emulator, clock: VirtualClock):
    with pytest.raises(InvalidRequest, match="a str can't be called"):
        opened(arm, clock, "print")  # type: ignore[arg-type]
