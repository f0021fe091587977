"""The handle: awaited by many, polled once, dropped, timed out, taken up again, and never harmed by any of it."""

import asyncio
import gc
import json
import logging

import pytest
from client.scripted import ACCEPTED, FAILED, FORBIDDEN, RUNNING, SUCCEEDED, Script, lost

from azvm_async import (
    AzureVMClient,
    ClientClosed,
    InvalidRequest,
    OperationFailed,
    OutcomeUnknown,
    StatusUnreadable,
    VirtualClock,
    WaitTimeout,
)
from azvm_async.emulator import Emulator
from azvm_async.pipeline import REQUESTS_IN_FLIGHT
from azvm_async.wire import Response


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
        submissions = [asyncio.create_task(client.start(f"vm{n}")) for n in range(REQUESTS_IN_FLIGHT + 1)]
        await clock.sleep(0.5)
        submissions[-1].cancel()
        await asyncio.gather(*submissions, return_exceptions=True)
        await clock.sleep(5)
    assert [request.url for request in script.requests if f"vm{REQUESTS_IN_FLIGHT}/" in request.url] == []


async def test_submission_whose_answer_is_lost_is_unknown_for_a_reboot(clock: VirtualClock):
    script = Script(clock, [lost()])
    async with script.client() as client:
        with pytest.raises(OutcomeUnknown, match="reboot of vm1"):
            await client.reboot("vm1")
    assert len(script.requests) == 1
