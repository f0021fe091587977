"""One poller drives all handles of a client: in time, together, and without a task for each.

Crowds are of reboots here, of which no list tells: test_crowds.py has the others.
"""

import asyncio
from datetime import UTC, datetime
from uuid import UUID

import pytest
from client.scripted import ACCEPTED, ENDPOINT, RUNNING, STATUS_URL, SUBSCRIPTION, SUCCEEDED, Script

from azvm_async import VirtualClock, poller
from azvm_async.agenda import PLACES
from azvm_async.protocol import bulk, bulk_request, tokens
from azvm_async.protocol.machine import About
from azvm_async.protocol.pacing import Moment
from azvm_async.wire import Response

HANDLES = 500


DUE = 60.0
AT_ONCE = "Thu, 01 Jan 2026 00:01:00 GMT"
"""A minute from the virtual clock's beginning: all polls are due then, whenever their operations were accepted."""


def accepted_then(retry_after: str):
    """Accept with that Retry-After; every poll succeeds."""

    def answer(request):
        return (
            Response(202, {**ACCEPTED.headers, "retry-after": retry_after}) if request.method == "POST" else SUCCEEDED
        )

    return answer


async def test_500_polls_due_at_once_are_all_read_within_two_seconds(clock: VirtualClock):
    async with Script(clock, [accepted_then(AT_ONCE)], delay=0.1).client() as client:
        operations = await asyncio.gather(*(client.reboot(f"vm{n}") for n in range(HANDLES)))
        await asyncio.gather(*operations)
    assert DUE < clock.monotonic() < DUE + 2


async def test_polls_in_flight_are_bounded(clock: VirtualClock):
    script = Script(clock, [accepted_then(AT_ONCE)], delay=0.1)
    most = 0
    async with script.client() as client:
        operations = await asyncio.gather(*(client.reboot(f"vm{n}") for n in range(HANDLES)))
        waiting = asyncio.gather(*operations)
        while not waiting.done():
            most = max(most, script.under_way)
            await asyncio.sleep(0)
    assert most == PLACES


async def test_polls_do_not_queue_behind_submissions(clock: VirtualClock):
    script = Script(clock, [accepted_then("5")], delay=0.1)
    async with script.client() as client:
        first = await client.reboot("first")
        crowd = [asyncio.create_task(client.reboot(f"vm{n}")) for n in range(5000)]
        await first
        assert clock.monotonic() < 6
        assert not all(task.done() for task in crowd)
        await asyncio.gather(*await asyncio.gather(*crowd))


async def test_outstanding_handles_have_no_task_each(clock: VirtualClock):
    async with Script(clock, [accepted_then("3000")]).client() as client:
        before = len(asyncio.all_tasks())
        operations = [await client.reboot(f"vm{n}") for n in range(HANDLES)]
        assert len(asyncio.all_tasks()) - before <= 1
        await asyncio.gather(*operations)


async def test_earlier_handle_is_not_held_up_by_a_later_one(clock: VirtualClock):
    due = {"late": "1000", "early": "1"}

    def answer(request):
        name = request.url.partition("/start")[0].rpartition("/")[2]
        return accepted_then(due.get(name, ""))(request)

    async with Script(clock, [answer]).client() as client:
        late = await client.start("late")
        await client.start("early").result()
        assert clock.monotonic() == pytest.approx(1, abs=0.1)
        assert not late.done


@pytest.mark.parametrize("step", ["due", "receive"])
async def test_mistake_in_a_machine_reaches_who_waits(clock: VirtualClock, monkeypatch, caplog, step: str):
    def broken(*_):
        raise ZeroDivisionError

    async with Script(clock, [ACCEPTED, RUNNING]).client() as client:
        operation = await client.start("vm1")
        monkeypatch.setattr(f"azvm_async.protocol.lro.Lro.{step}", broken)
        with pytest.raises(Exception, match="ZeroDivisionError"):
            await operation
    assert "could not be taken in" in caplog.text


async def test_handles_survive_that_all_other_tasks_are_cancelled(clock: VirtualClock):
    async with Script(clock, [ACCEPTED, SUCCEEDED]).client() as client:
        operation = await client.start("vm1")
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.wait(others)
        assert await operation is None


def test_handle_resumed_before_there_is_a_loop_is_awaited_in_one():
    clock = VirtualClock()
    client = Script(clock, [SUCCEEDED]).client()
    operation = client.resume(STATUS_URL)

    async def main():
        async with client:
            return await operation

    assert asyncio.run(main()) == {"status": "Succeeded"}


async def test_cancelled_wait_leaves_nothing_behind(clock: VirtualClock):
    async with Script(clock, [ACCEPTED, SUCCEEDED]).client() as client:
        operation = await client.start("vm1")
        wait = asyncio.create_task(operation.result())
        await asyncio.sleep(0)
        wait.cancel()
        await asyncio.wait([wait])
        assert operation._tracked.waits == set()
        await operation


async def test_a_bare_url_stands_in_the_line_of_its_subscription(clock: VirtualClock):
    async with Script(clock, [SUCCEEDED]).client() as client:
        assert client.resume(STATUS_URL)._tracked.subscription == SUBSCRIPTION


async def test_to_resume_many_of_one_url_looks_at_none_of_the_others(clock: VirtualClock, monkeypatch):
    async with Script(clock, [RUNNING]).client() as client:
        begun = [bulk_token(number) for number in range(300)]
        looks = []
        monkeypatch.setattr(poller, "_same", lambda *machines: looks.append(machines) or True)
        handles = [client.resume(token) for token in begun]
        assert len(set(handles)) == 300
        assert looks == []


async def test_a_token_of_one_url_finds_its_own_handle(clock: VirtualClock):
    async with Script(clock, [RUNNING]).client() as client:
        handles = [client.resume(bulk_token(number)) for number in range(3)]
        assert [client.resume(bulk_token(number)) for number in range(3)] == handles


def bulk_token(number: int) -> str:
    """Return the token of one of many operations that are read at one URL."""
    vm = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/group/providers/Microsoft.Compute/virtualMachines/vm{number}"
    request = bulk_request.request(ENDPOINT, SUBSCRIPTION, "westeurope", "start", [vm], str(UUID(int=number)))
    result = {"resourceId": vm, "operation": {"operationId": f"op{number}", "state": "Executing"}}
    answer = Response.with_json(200, {"results": [result]})
    return tokens.dump(bulk.begin(About("start", vm), request, answer, Moment(0.0, datetime(2026, 1, 1, tzinfo=UTC))))
