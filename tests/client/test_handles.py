"""The handle: awaited by many, polled once, dropped, timed out, taken up again, and never harmed by any of it."""

import asyncio
import gc
import json
import logging
import pickle

import pytest
from client.scripted import ACCEPTED, FAILED, FORBIDDEN, RUNNING, STATUS_URL, SUBSCRIPTION, SUCCEEDED, Script, lost

from azvm_async import (
    AzureVMClient,
    ClientClosed,
    InvalidRequest,
    NotFound,
    OperationFailed,
    OutcomeUnknown,
    StatusUnreadable,
    TransportError,
    VirtualClock,
    WaitTimeout,
)
from azvm_async.emulator import Emulator
from azvm_async.pacer import Lane
from azvm_async.pipeline import IN_FLIGHT
from azvm_async.wire import Response

PLACES = IN_FLIGHT[Lane.SUBMISSIONS]


def polls(arm: Emulator) -> int:
    return sum(call.method == "GET" for call in arm.requests)


async def test_properties_of_a_fresh_handle_tell_that_it_runs(client: AzureVMClient):
    operation = await client.start("vm1")
    assert (operation.done, operation.status, operation.percent_complete) == (False, "InProgress", None)


async def test_properties_do_no_io(client: AzureVMClient, arm: Emulator):
    operation = await client.start("vm1")
    before = len(arm.requests)
    _ = operation.done, operation.status, operation.token, operation.async_results_url, operation.percent_complete
    assert len(arm.requests) == before


async def test_async_results_url_is_azures_tracking_url(clock: VirtualClock):
    async with Script(clock, [ACCEPTED, SUCCEEDED]).client() as client:
        operation = await client.start("vm1")
        assert operation.async_results_url == ACCEPTED.headers["azure-asyncoperation"]
        await operation


async def test_awaiting_again_polls_no_more(client: AzureVMClient, arm: Emulator):
    operation = await client.start("vm1")
    await operation
    before = polls(arm)
    await operation
    assert polls(arm) == before


async def test_many_waiters_poll_as_often_as_one(clock: VirtualClock):
    counts = []
    for waiters in (1, 50):
        script = Script(clock, [ACCEPTED, RUNNING, RUNNING, SUCCEEDED])
        async with script.client() as client:
            operation = await client.start("vm1")
            await asyncio.gather(*(operation.result() for _ in range(waiters)))
        counts.append(len(script.requests))
    assert counts == [4, 4]


async def test_each_waiter_gets_an_error_of_its_own(clock: VirtualClock):
    async with Script(clock, [ACCEPTED, FAILED]).client() as client:
        operation = await client.start("vm1")
        errors = await asyncio.gather(operation.result(), operation.result(), return_exceptions=True)
    assert [error.code for error in errors] == ["AllocationFailed"] * 2
    assert errors[0] is not errors[1]


async def test_cancelled_wait_harms_no_other(client: AzureVMClient):
    operation = await client.start("vm1")
    cancelled, other = asyncio.create_task(operation.result()), asyncio.create_task(operation.result())
    await asyncio.sleep(0)
    cancelled.cancel()
    assert await other is None


async def test_time_out_leaves_the_operation_running(client: AzureVMClient, clock: VirtualClock):
    operation = await client.deallocate("vm1")
    with pytest.raises(WaitTimeout) as raised:
        await operation.result(timeout=5)
    assert raised.value.operation is operation
    assert (clock.monotonic(), operation.done) == (pytest.approx(5, abs=0.01), False)
    await operation


async def test_wait_timeout_is_a_timeout_error(client: AzureVMClient):
    operation = await client.deallocate("vm1")
    with pytest.raises(TimeoutError, match="deallocate of vm1 did not end within 1 s"):
        await operation.result(timeout=1)


async def test_callers_own_time_out_stays_his(client: AzureVMClient):
    operation = await client.start("vm1")
    with pytest.raises(TimeoutError) as raised:
        async with asyncio.timeout(0):
            await operation.result(timeout=600)
    assert not isinstance(raised.value, WaitTimeout)


async def test_submission_goes_into_gather_task_group_and_task(client: AzureVMClient):
    async with asyncio.TaskGroup() as group:
        grouped = group.create_task(client.start("vm1"))
    made = asyncio.create_task(client.start("vm2"))
    (gathered,) = await asyncio.gather(client.start("vm3"))
    for operation in (grouped.result(), await made, gathered):
        await operation


@pytest.mark.parametrize("form", ["text", "dict", "url"])
async def test_operation_is_resumed_in_another_client(
    client: AzureVMClient, arm: Emulator, clock: VirtualClock, form: str
):
    operation = await client.deallocate("vm1")
    token = {"text": operation.token, "dict": json.loads(operation.token), "url": operation.async_results_url}[form]
    async with AzureVMClient(
        arm.subscription, arm.resource_group, arm.credential(), arm.endpoint, clock=clock
    ) as another:
        await another.resume(token)
    assert arm.vm("vm1").power_state == "deallocated"
    await operation


async def test_resuming_what_this_client_follows_gives_its_handle(client: AzureVMClient):
    operation = await client.start("vm1")
    assert client.resume(operation.token) is operation


async def test_resume_refuses_a_token_of_another_endpoint(client: AzureVMClient):
    with pytest.raises(InvalidRequest, match="does not belong to the endpoint"):
        client.resume("https://management.azure.com/subscriptions/s/operations/1")


async def test_outstanding_holds_what_has_not_ended(client: AzureVMClient):
    first, second = await client.start("vm1"), await client.start("vm2")
    assert client.outstanding == [first, second]
    await first
    await second
    assert client.outstanding == []


async def test_dropped_handle_is_polled_no_more(client: AzureVMClient, arm: Emulator, clock: VirtualClock):
    await client.start("vm1")
    gc.collect()
    await clock.sleep(600)
    assert polls(arm) == 0


async def test_dropped_handle_is_found_in_outstanding(client: AzureVMClient, arm: Emulator):
    await client.deallocate("vm1")
    gc.collect()
    (found,) = client.outstanding
    await found
    assert arm.vm("vm1").power_state == "deallocated"


async def test_updates_tell_the_changes_and_end_with_the_last(clock: VirtualClock):
    async with Script(clock, [ACCEPTED, RUNNING, RUNNING, SUCCEEDED]).client() as client:
        operation = await client.start("vm1")
        seen = [(update.status, update.done) async for update in operation.updates()]
    assert seen == [("InProgress", False), ("Succeeded", True)]


async def test_updates_of_what_has_ended_bring_its_end(client: AzureVMClient):
    operation = await client.start("vm1")
    await operation
    assert [update.done async for update in operation.updates()] == [True]


async def test_slow_reader_of_updates_gets_the_newest(clock: VirtualClock):
    def progress(percent: int):
        return lambda _: (
            SUCCEEDED if percent == 100 else Response.with_json(200, {"status": "Running", "percentComplete": percent})
        )

    async with Script(clock, [ACCEPTED, *map(progress, range(101))]).client() as client:
        operation = await client.start("vm1")
        updates = operation.updates()
        await operation
        seen = [update.percent_complete async for update in updates]
    assert seen == [*range(85, 100), 100]


async def test_updates_raise_when_the_state_cannot_be_read(clock: VirtualClock):
    async with Script(clock, [ACCEPTED, FORBIDDEN]).client() as client:
        operation = await client.start("vm1")
        with pytest.raises(StatusUnreadable):
            [update async for update in operation.updates()]


async def test_unreadable_state_leaves_the_handle_whole(clock: VirtualClock):
    async with Script(clock, [ACCEPTED, FORBIDDEN, SUCCEEDED]).client() as client:
        operation = await client.start("vm1")
        with pytest.raises(StatusUnreadable, match="AuthorizationFailed"):
            await operation
        assert not operation.done
        assert await operation is None


async def test_unreadable_state_is_not_asked_for_again_unless_awaited(clock: VirtualClock):
    script = Script(clock, [ACCEPTED, FORBIDDEN])
    async with script.client() as client:
        operation = await client.start("vm1")
        with pytest.raises(StatusUnreadable):
            await operation
        await clock.sleep(3600)
        assert len(script.requests) == 2
        assert operation.trouble.status == 403


@pytest.mark.parametrize("miss", [lost(), Response(503)], ids=["lost", "503"])
async def test_trouble_is_told_while_it_lasts(clock: VirtualClock, miss):
    async with Script(clock, [ACCEPTED, miss, RUNNING, SUCCEEDED]).client() as client:
        operation = await client.start("vm1")
        await clock.sleep(0.6)
        assert operation.trouble is not None
        await operation
        assert operation.trouble is None


async def test_time_out_tells_the_trouble_as_its_cause(clock: VirtualClock):
    async with Script(clock, [ACCEPTED, lost()]).client() as client:
        operation = await client.start("vm1")
        with pytest.raises(WaitTimeout) as raised:
            await operation.result(timeout=10)
    assert isinstance(raised.value.__cause__, TransportError)


async def test_each_exchange_has_a_line_for_debugging(clock: VirtualClock, caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.DEBUG, "azvm_async")
    async with Script(clock, [ACCEPTED, SUCCEEDED]).client() as client:
        await client.start("vm1").result()
    assert [record.getMessage().split(" /")[0] for record in caplog.records] == ["POST", "GET"]


async def test_lost_polls_are_read_again(clock: VirtualClock):
    async with Script(clock, [ACCEPTED, lost(), lost(), SUCCEEDED]).client() as client:
        assert await client.start("vm1").result() is None


async def test_failure_that_nobody_awaited_is_logged_once(clock: VirtualClock, caplog: pytest.LogCaptureFixture):
    async with Script(clock, [ACCEPTED, FAILED]).client() as client:
        operation = await client.start("vm1")
        await clock.sleep(10)
        assert operation.done
        del operation
    gc.collect()
    assert [record.getMessage().partition(":")[0] for record in caplog.records] == ["Nobody awaited this"]


async def test_failure_that_somebody_awaited_is_not_logged(clock: VirtualClock, caplog: pytest.LogCaptureFixture):
    async with Script(clock, [ACCEPTED, FAILED]).client() as client:
        operation = await client.start("vm1")
        with pytest.raises(OperationFailed):
            await operation
        del operation
    gc.collect()
    assert caplog.records == []


async def test_leaving_says_how_many_operations_go_on_and_which(
    arm: Emulator, clock: VirtualClock, caplog: pytest.LogCaptureFixture
):
    async with AzureVMClient(
        arm.subscription, arm.resource_group, arm.credential(), arm.endpoint, clock=clock
    ) as client:
        await client.start("vm1")
        await client.stop("vm2")
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert "2 operations" in record.getMessage()
    assert "start of vm1, stop of vm2" in record.getMessage()


async def test_after_leaving_the_tokens_are_good(arm: Emulator, clock: VirtualClock):
    def opened() -> AzureVMClient:
        return AzureVMClient(arm.subscription, arm.resource_group, arm.credential(), arm.endpoint, clock=clock)

    async with opened() as client:
        await client.deallocate("vm1")
    async with opened() as another:
        await asyncio.gather(*(another.resume(left.token) for left in client.outstanding))
    assert arm.vm("vm1").power_state == "deallocated"


async def test_leaving_wakes_who_still_waits(arm: Emulator, clock: VirtualClock):
    async with AzureVMClient(
        arm.subscription, arm.resource_group, arm.credential(), arm.endpoint, clock=clock
    ) as client:
        waiting = asyncio.create_task((await client.start("vm1")).result())
        await asyncio.sleep(0)
    with pytest.raises(ClientClosed, match="start of vm1"):
        await waiting


async def test_waiting_after_the_client_was_closed_says_so(client: AzureVMClient):
    operation = await client.start("vm1")
    await client.close()
    with pytest.raises(ClientClosed):
        await operation


async def test_submission_cancelled_after_it_left_is_found_in_outstanding(clock: VirtualClock):
    slow = Response(202, {**ACCEPTED.headers, "retry-after": "60"})
    script = Script(clock, [slow, SUCCEEDED], delay=1.0)
    async with script.client() as client:
        submission = asyncio.create_task(client.start("vm1"))
        await clock.sleep(0.5)
        submission.cancel()
        await clock.sleep(5)
        (found,) = client.outstanding
        await found
    assert submission.cancelled()


async def test_submission_cancelled_before_it_left_sends_nothing(clock: VirtualClock):
    script = Script(clock, [ACCEPTED])
    async with script.client() as client:
        submission = asyncio.create_task(client.start("vm1"))
        await asyncio.sleep(0)
        submission.cancel()
        await clock.sleep(5)
    assert script.requests == []


async def test_submission_cancelled_while_it_waits_for_a_place_sends_nothing(clock: VirtualClock):
    script = Script(clock, [ACCEPTED], delay=1.0)
    async with script.client() as client:
        submissions = [asyncio.create_task(client.start(f"vm{n}")) for n in range(PLACES + 1)]
        await clock.sleep(0.5)
        submissions[-1].cancel()
        await asyncio.gather(*submissions, return_exceptions=True)
        await clock.sleep(5)
    assert [request.url for request in script.requests if f"vm{PLACES}/" in request.url] == []


async def test_submission_cancelled_between_two_tries_is_not_tried_again(clock: VirtualClock):
    refused = Response(429, {"retry-after": "1200"})
    script = Script(clock, [refused, ACCEPTED])
    async with script.client() as client:
        submission = asyncio.create_task(client.start("vm1"))
        await clock.sleep(10)
        submission.cancel()
        await clock.sleep(3600)
    assert len(script.requests) == 1


async def test_closing_tells_who_waits_for_an_answer_that_it_is_unknown(clock: VirtualClock):
    async with Script(clock, [ACCEPTED], delay=60.0).client() as client:
        submission = asyncio.create_task(client.reboot("vm1"))
        await clock.sleep(1)
    with pytest.raises(OutcomeUnknown, match="closed before Azure answered"):
        await submission


async def test_closing_says_what_became_unknown_that_nobody_waits_for(clock: VirtualClock, caplog):
    async with Script(clock, [ACCEPTED], delay=60.0).client() as client:
        submission = asyncio.create_task(client.reboot("vm1"))
        await clock.sleep(1)
        submission.cancel()
        await asyncio.wait([submission])
    assert "Whether the reboot of vm1 was done is not known" in caplog.text


async def test_closing_tells_who_was_not_sent_yet(clock: VirtualClock):
    async with Script(clock, [Response(429, {"retry-after": "1200"})]).client() as client:
        submission = asyncio.create_task(client.start("vm1"))
        await clock.sleep(1)
    with pytest.raises(ClientClosed, match="before the start of vm1 was sent"):
        await submission


async def test_closed_client_sends_nothing(clock: VirtualClock):
    script = Script(clock, [ACCEPTED])
    client = script.client()
    await client.close()
    with pytest.raises(ClientClosed):
        await client.start("vm1")
    assert script.requests == []


async def test_closing_twice_says_it_once(clock: VirtualClock, caplog):
    client = Script(clock, [ACCEPTED]).client()
    operation = await client.start("vm1")
    await client.close()
    await client.close()
    assert len(caplog.records) == 1
    assert not operation.done


async def test_time_out_of_the_whole_expression_bounds_the_submission_too(clock: VirtualClock):
    async with Script(clock, [Response(429, {"retry-after": "1200"})]).client() as client:
        with pytest.raises(WaitTimeout, match="not accept the operation within 600 s"):
            await client.start("vm1").result(timeout=600)
    assert clock.monotonic() == pytest.approx(600, abs=1)


@pytest.mark.parametrize("timeout", [-1, float("nan")])
async def test_time_out_that_is_none_is_refused(client: AzureVMClient, timeout: float):
    operation = await client.deallocate("vm1")
    with pytest.raises(InvalidRequest, match="0 seconds or more"):
        await operation.result(timeout=timeout)


async def test_changed_url_leads_back_to_the_same_handle(clock: VirtualClock):
    moved = Response.with_json(200, {"status": "Running"}, {"azure-asyncoperation": f"{STATUS_URL}&moved=1"})
    async with Script(clock, [ACCEPTED, moved, SUCCEEDED]).client() as client:
        operation = await client.start("vm1")
        await clock.sleep(1)
        assert client.resume(operation.token) is operation
        await operation


async def test_two_operations_on_one_resource_are_two_handles(clock: VirtualClock):
    creating = Response.with_json(201, {"properties": {"provisioningState": "Creating"}})
    created = Response.with_json(200, {"properties": {"provisioningState": "Succeeded"}})
    async with Script(clock, [creating, creating, created]).client() as client:
        path = f"/subscriptions/{SUBSCRIPTION}/x"
        put, patch = await client.begin("PUT", path, {}), await client.begin("PATCH", path, {})
        assert client.resume(patch.token) is not put
        await asyncio.gather(put, patch)


async def test_delete_whose_answer_was_lost_and_that_is_gone_succeeded(clock: VirtualClock):
    gone = Response.with_json(404, {"error": {"code": "ResourceNotFound", "message": "Gone."}})
    async with Script(clock, [lost(), gone]).client() as client:
        assert (await client.delete("vm1")).done


async def test_delete_that_azure_knows_nothing_of_is_not_found(clock: VirtualClock):
    gone = Response.with_json(404, {"error": {"code": "ResourceNotFound", "message": "Gone."}})
    async with Script(clock, [gone]).client() as client:
        with pytest.raises(NotFound):
            await client.delete("vm1")


async def test_sign_in_out_of_reach_is_a_lost_poll(clock: VirtualClock):
    script = Script(clock, [ACCEPTED, SUCCEEDED])
    async with script.client() as client:
        operation = await client.start("vm1")
        client._pipeline._tokens._token = None
        script.credential.broken = ConnectionError("no route")
        await clock.sleep(20)
        script.credential.broken = None
        assert await operation is None


async def test_time_out_travels_with_the_token_in_place_of_the_handle(client: AzureVMClient):
    operation = await client.deallocate("vm1")
    with pytest.raises(WaitTimeout) as raised:
        await operation.result(timeout=1)
    travelled = pickle.loads(pickle.dumps(raised.value))
    assert (travelled.operation, travelled.token) == (None, operation.token)
    await operation


async def test_submission_whose_answer_is_lost_is_unknown_for_a_reboot(clock: VirtualClock):
    script = Script(clock, [lost()])
    async with script.client() as client:
        with pytest.raises(OutcomeUnknown, match="reboot of vm1"):
            await client.reboot("vm1")
    assert len(script.requests) == 1


@pytest.mark.parametrize(("headers", "asked"), [({"retry-after": "17"}, 17.0), ({}, None)])
async def test_handle_tells_how_long_azure_asked_to_wait(clock: VirtualClock, headers: dict[str, str], asked):
    accepted = Response(202, {**ACCEPTED.headers, **headers})
    async with Script(clock, [accepted, SUCCEEDED]).client() as client:
        assert (await client.start("vm1")).retry_after == asked
