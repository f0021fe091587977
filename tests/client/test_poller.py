"""One poller drives all handles of a client: in time, together, and without a task for each."""

import asyncio

import pytest
from client.scripted import ACCEPTED, RUNNING, SUCCEEDED, Script

from azvm_async import VirtualClock
from azvm_async.poller import POLLS_IN_FLIGHT
from azvm_async.wire import Response

HANDLES = 500


def accepted_then(due: float):
    """Accept with that Retry-After; every poll succeeds."""

    def answer(request):
        return Response(202, {**ACCEPTED.headers, "retry-after": str(due)}) if request.method == "POST" else SUCCEEDED

    return answer


async def test_500_polls_due_at_once_are_all_read_within_two_seconds(clock: VirtualClock):
    script = Script(clock, [accepted_then(10)], delay=0.1)
    async with script.client() as client:
        operations = await asyncio.gather(*(client.start(f"vm{n}") for n in range(HANDLES)))
        due = clock.monotonic() + 10
        await asyncio.gather(*operations)
    assert clock.monotonic() - due < 2


async def test_polls_in_flight_are_bounded(clock: VirtualClock):
    script = Script(clock, [accepted_then(10)], delay=0.1)
    most = 0
    async with script.client() as client:
        operations = await asyncio.gather(*(client.start(f"vm{n}") for n in range(HANDLES)))
        waiting = asyncio.gather(*operations)
        while not waiting.done():
            most = max(most, script.under_way)
            await asyncio.sleep(0)
    assert most == POLLS_IN_FLIGHT


async def test_outstanding_handles_have_no_task_each(clock: VirtualClock):
    async with Script(clock, [accepted_then(3000)]).client() as client:
        before = len(asyncio.all_tasks())
        operations = [await client.start(f"vm{n}") for n in range(HANDLES)]
        assert len(asyncio.all_tasks()) - before <= 1
        await asyncio.gather(*operations)


async def test_earlier_handle_is_not_held_up_by_a_later_one(clock: VirtualClock):
    due = {"late": 1000, "early": 1}

    def answer(request):
        name = request.url.partition("/start")[0].rpartition("/")[2]
        return accepted_then(due.get(name, 0))(request)

    async with Script(clock, [answer]).client() as client:
        late = await client.start("late")
        await client.start("early").result()
        assert clock.monotonic() == pytest.approx(1, abs=0.1)
        assert not late.done


async def test_mistake_in_a_machine_reaches_who_waits(clock: VirtualClock, monkeypatch: pytest.MonkeyPatch, caplog):
    def broken(*_):
        raise ZeroDivisionError

    async with Script(clock, [ACCEPTED, RUNNING]).client() as client:
        operation = await client.start("vm1")
        monkeypatch.setattr("azvm_async.protocol.lro.Lro.receive", broken)
        with pytest.raises(Exception, match="ZeroDivisionError"):
            await operation
    assert "could not be taken in" in caplog.text
