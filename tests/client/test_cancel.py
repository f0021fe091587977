"""Canceling: what Azure can cancel ends as Canceled, once; what it can't is refused; the handle stays whole."""

import asyncio
from itertools import pairwise

import pytest
from client.scripted import ACCEPTED, FORBIDDEN, RUNNING, SUBSCRIPTION, SUCCEEDED, Script, lost

from azvm_async import (
    AuthenticationError,
    ClientClosed,
    Conflict,
    InvalidRequest,
    NotFound,
    OperationCanceled,
    OutcomeUnknown,
    VirtualClock,
)
from azvm_async.wire import Response

PATH = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/group/providers/Microsoft.Resources"
URL = f"https://management.azure.com{PATH}/deployments/vm1-deployment?api-version=2024-03-01"
SCRIPT_URL = (
    f"https://management.azure.com/subscriptions/{SUBSCRIPTION}/resourceGroups/group/providers/Microsoft.Compute"
    f"/virtualMachines/vm1/runCommands/azvm-{'0' * 32}?api-version=2024-07-01"
)
STACK_URL = URL.replace("/deployments/", "/deploymentStacks/")
NO_CONTENT, GONE, BUSY = Response(204), Response(404), Response(409)
LISTED = Response.with_json(200, {"value": []})
PUT = Response.with_json(201, {"properties": {"provisioningState": "Creating"}})


def deployment(word: str, wait: str = "") -> Response:
    return Response.with_json(200, {"properties": {"provisioningState": word}}, {"retry-after": wait})


PATIENT = deployment("Running", "3000")


def answers(post: Response | Exception, *records: Response):
    """Answer cancellations with ``post``, and reads of the deployment with ``records``, the last of them for ever."""
    left = list(records)

    def answer(request):
        if request.method == "POST" and isinstance(post, Exception):
            raise post
        if request.method == "POST":
            return post
        if "/operations" in request.url:
            return LISTED
        return left.pop(0) if len(left) > 1 else left[0]

    return answer


def told(script: Script) -> list[str]:
    """Return what was asked, as method and last part of the path."""
    return [f"{each.method} {each.url.partition('?')[0].rpartition('/')[2]}" for each in script.requests]


async def test_canceled_deployment_ends_as_canceled(clock: VirtualClock):
    script = Script(clock, [answers(NO_CONTENT, PATIENT, deployment("Canceled"))])
    async with script.client() as client:
        operation = client.resume(URL)
        await operation.cancel()
        with pytest.raises(OperationCanceled, match="vm1-deployment was canceled"):
            await operation
    assert told(script).count("POST cancel") == 1


async def test_canceled_deployment_is_read_at_once_and_then_at_its_pace(clock: VirtualClock):
    """Azure takes its time to cancel what has been begun."""
    script = Script(clock, [answers(NO_CONTENT, *[deployment("Running")] * 3, deployment("Canceled"))])
    async with script.client() as client:
        operation = client.resume(URL)
        await clock.sleep(0.3)
        asked = len(script.sent)
        await operation.cancel()
        with pytest.raises(OperationCanceled):
            await operation
    reads = [sent.at for sent in script.sent[asked + 1 :] if "/operations" not in sent.request.url]
    assert reads[0] == pytest.approx(script.sent[asked].at, abs=0.01)
    assert all(later - earlier > 0.4 for earlier, later in pairwise(reads))


async def test_deployment_that_ended_before_it_was_canceled_keeps_its_end(clock: VirtualClock):
    async with Script(clock, [answers(NO_CONTENT, deployment("Succeeded"))]).client() as client:
        operation = client.resume(URL)
        await operation.cancel()
        assert (await operation).name == "vm1-deployment"


async def test_canceling_wakes_who_waits(clock: VirtualClock):
    async with Script(clock, [answers(NO_CONTENT, PATIENT, deployment("Canceled"))]).client() as client:
        operation = client.resume(URL)
        waiting = asyncio.create_task(operation.result())
        await clock.sleep(10)
        await operation.cancel()
        with pytest.raises(OperationCanceled):
            await waiting
    assert clock.monotonic() == pytest.approx(10, abs=1)


async def test_read_that_ends_with_the_cancellation_does_not_put_off_the_next(clock: VirtualClock):
    """Its answer was true before the cancellation, and asks for a long wait."""
    script = Script(clock, [answers(NO_CONTENT, PATIENT, deployment("Canceled"))], delay=2.0)
    async with script.client() as client:
        operation = client.resume(URL)
        canceling = asyncio.create_task(operation.cancel())
        waiting = asyncio.create_task(operation.result())
        await canceling
        with pytest.raises(OperationCanceled):
            await waiting
    assert told(script)[:2] == ["POST cancel", "GET vm1-deployment"]
    assert clock.monotonic() < 60


async def test_read_that_is_under_way_does_not_undo_the_end(clock: VirtualClock):
    running = Response.with_json(200, {"properties": {"instanceView": {"executionState": "Running"}}})
    script = Script(clock, [Response.with_json(200, {"location": "l", "properties": {}}), PUT, running, Response(200)])
    async with script.client() as client:
        operation = await client.run_command("vm1", "sleep 1000")
        script._delay = 10.0
        await clock.sleep(5)
        script._delay = 0.0
        await operation.cancel()
        await clock.sleep(60)
        assert (operation.status, len(script.requests)) == ("Canceled", 4)
        with pytest.raises(OperationCanceled):
            await operation


async def test_late_answer_to_an_old_read_does_not_undo_the_end(clock: VirtualClock):
    script = Script(clock, [PATIENT, NO_CONTENT, deployment("Canceled"), LISTED], delay=10.0)
    async with script.client() as client:
        operation = client.resume(URL)
        await clock.sleep(5)
        script._delay = 0.0
        await operation.cancel()
        await clock.sleep(60)
        assert operation.status == "Canceled"
        with pytest.raises(OperationCanceled):
            await operation


async def test_canceled_script_ends_as_canceled_when_its_command_is_deleted(clock: VirtualClock):
    script = Script(clock, [Response.with_json(200, {"location": "l", "properties": {}}), PUT, Response(202)])
    async with script.client() as client:
        operation = await client.run_command("vm1", "sleep 1000")
        await operation.cancel()
        assert (operation.done, operation.status) == (True, "Canceled")
        with pytest.raises(OperationCanceled, match="run_command of vm1 was canceled"):
            await operation
    assert script.requests[-1].method == "DELETE"


async def test_script_whose_command_is_gone_was_canceled(clock: VirtualClock):
    script = Script(clock, [Response.with_json(200, {"location": "l", "properties": {}}), PUT, GONE])
    async with script.client() as client:
        operation = await client.run_command("vm1", "sleep 1000")
        await operation.cancel()
        assert operation.status == "Canceled"
        with pytest.raises(OperationCanceled):
            await operation


async def test_canceled_script_is_no_longer_outstanding(clock: VirtualClock):
    script = Script(clock, [Response.with_json(200, {"location": "l", "properties": {}}), PUT, Response(200)])
    async with script.client() as client:
        operation = await client.run_command("vm1", "sleep 1000")
        await operation.cancel()
        assert client.outstanding == []
        with pytest.raises(OperationCanceled):
            await operation


async def test_operation_that_azure_cannot_cancel_is_refused_unsent(clock: VirtualClock):
    script = Script(clock, [ACCEPTED, SUCCEEDED])
    async with script.client() as client:
        operation = await client.start("vm1")
        with pytest.raises(InvalidRequest, match="can't cancel the start"):
            await operation.cancel()
        assert len(script.requests) == 1
        await operation


async def test_stack_cannot_be_canceled(clock: VirtualClock):
    script = Script(clock, [deployment("succeeded")])
    async with script.client() as client:
        operation = client.resume(STACK_URL)
        with pytest.raises(InvalidRequest):
            await operation.cancel()
        await operation
    assert "POST cancel" not in told(script)


@pytest.mark.parametrize("first", [ACCEPTED, RUNNING])
async def test_what_has_ended_is_left_alone(clock: VirtualClock, first: Response):
    script = Script(clock, [first, SUCCEEDED])
    async with script.client() as client:
        operation = await client.start("vm1")
        await operation
        asked = len(script.requests)
        await operation.cancel()
    assert len(script.requests) == asked


async def test_cancellation_of_what_has_ended_leaves_it_as_it_ended(clock: VirtualClock):
    async with Script(clock, [answers(BUSY, PATIENT, deployment("Succeeded"))]).client() as client:
        operation = client.resume(URL)
        await operation.cancel()
        assert (await operation).name == "vm1-deployment"


@pytest.mark.parametrize(("answer", "error"), [(GONE, NotFound), (FORBIDDEN, AuthenticationError)])
async def test_cancellation_that_azure_refuses_leaves_the_handle_whole(clock: VirtualClock, answer, error):
    async with Script(clock, [answers(answer, PATIENT, deployment("Succeeded"))]).client() as client:
        operation = client.resume(URL)
        with pytest.raises(error, match="canceling of the provision"):
            await operation.cancel()
        assert not operation.done
        await operation


async def test_cancellation_is_sent_again_where_its_answer_was_lost(clock: VirtualClock):
    script = Script(clock, [PATIENT, lost(), NO_CONTENT, deployment("Canceled"), LISTED])
    async with script.client() as client:
        operation = client.resume(URL)
        await clock.sleep(1)
        await operation.cancel()
        with pytest.raises(OperationCanceled):
            await operation
    assert told(script)[1:3] == ["POST cancel"] * 2


async def test_cancellation_whose_answer_never_comes_is_unknown(clock: VirtualClock):
    async with Script(clock, [answers(lost(), PATIENT, deployment("Succeeded"))]).client() as client:
        operation = client.resume(URL)
        with pytest.raises(OutcomeUnknown, match="canceling of the provision"):
            await operation.cancel()
        assert not operation.done
        await operation


async def test_closed_client_cancels_nothing(clock: VirtualClock):
    script = Script(clock, [deployment("Running")])
    client = script.client()
    operation = client.resume(URL)
    await client.close()
    with pytest.raises(ClientClosed):
        await operation.cancel()
    assert script.requests == []


async def test_canceling_twice_is_as_good_as_once(clock: VirtualClock):
    script = Script(clock, [answers(NO_CONTENT, PATIENT, PATIENT, deployment("Canceled"))])
    async with script.client() as client:
        operation = client.resume(URL)
        await operation.cancel()
        await operation.cancel()
        with pytest.raises(OperationCanceled):
            await operation


async def test_run_command_that_can_not_be_deleted_goes_on(clock: VirtualClock):
    running = Response.with_json(200, {"properties": {"instanceView": {"executionState": "Running"}}})
    script = Script(clock, [lambda request: BUSY if request.method == "DELETE" else running])
    async with script.client() as client:
        operation = client.resume(SCRIPT_URL)
        with pytest.raises(Conflict, match="canceling of the run_command"):
            await operation.cancel()
        assert not operation.done
