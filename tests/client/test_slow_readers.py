"""Readers of updates who are slow, or have stopped: nobody waits for them, and they cost no more than a few updates each."""

import gc
import weakref

import pytest
from client.scripted import ACCEPTED, SUCCEEDED, Script

from azvm_async import VirtualClock
from azvm_async.operation import UPDATES_KEPT
from azvm_async.wire import Response

CHANGES = 1000


def changes() -> list[Response]:
    """Return an operation that tells of another state each time."""
    words = [Response.with_json(200, {"status": f"Step{number}"}) for number in range(CHANGES)]
    return [ACCEPTED, *words, SUCCEEDED]


async def unread(clock: VirtualClock) -> list[float]:
    """Return when such an operation is asked for where nobody reads its updates."""
    script = Script(clock, changes())
    async with script.client() as client:
        await client.start("vm1").result()
    return [sent.at for sent in script.sent]


async def test_reader_that_has_stopped_holds_up_neither_the_polls_nor_the_end():
    clock = VirtualClock()
    script = Script(clock, changes())
    async with script.client() as client:
        operation = await client.start("vm1")
        updates = operation.updates()
        await anext(updates)
        await operation
        assert operation.polls == CHANGES + 1
    assert script.sent[-1].at == pytest.approx((await unread(VirtualClock()))[-1], rel=0.05)


async def test_reader_that_has_stopped_keeps_the_newest_changes_only(clock: VirtualClock):
    async with Script(clock, changes()).client() as client:
        operation = await client.start("vm1")
        updates = operation.updates()
        await anext(updates)
        await operation
        assert len(updates._kept) == UPDATES_KEPT
        left = [update.status async for update in updates]
    assert left == [*(f"Step{number}" for number in range(CHANGES - UPDATES_KEPT + 1, CHANGES)), "Succeeded"]


async def test_slow_reader_does_not_slow_down_a_quick_one(clock: VirtualClock):
    async with Script(clock, changes()).client() as client:
        operation = await client.start("vm1")
        slow, quick = operation.updates(), operation.updates()
        await anext(slow)
        seen = [update.status async for update in quick]
    assert seen == ["InProgress", *(f"Step{number}" for number in range(CHANGES)), "Succeeded"]


async def test_reader_that_was_dropped_is_kept_by_nobody(clock: VirtualClock):
    async with Script(clock, changes()).client() as client:
        operation = await client.start("vm1")
        updates = operation.updates()
        await anext(updates)
        await anext(updates)
        gone = weakref.ref(updates)
        del updates
        gc.collect()
        assert gone() is None
        await operation
