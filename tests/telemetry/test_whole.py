"""Whatever happens to operations, their events tell a whole story: it begins, goes on and ends once."""

import asyncio
from collections import defaultdict

import pytest

from azvm_async import VirtualClock
from azvm_async.emulator import Emulator, faults
from azvm_async.telemetry import Accepted, Event, Finished, Polled, Submitted
from telemetry.support import Events, opened

MISHAPS = {
    faults.ResetBefore(): 0.04,
    faults.ResetAfter(): 0.04,
    faults.Status(429, retry_after=3): 0.05,
    faults.Status(500): 0.04,
    faults.Status(503, retry_after=2, applied=True): 0.03,
    faults.Status(403): 0.01,
    faults.AllocationFailed(): 0.03,
    faults.Preempted(): 0.03,
    faults.Conflict(): 0.03,
    faults.WrongBody(): 0.02,
}
VERBS = ("start", "reboot", "deallocate", "reapply", "delete", "redeploy")


def stories(events: Events) -> list[list[Event]]:
    """Return the events of each operation."""
    found: defaultdict[int, list[Event]] = defaultdict(list)
    for event in events:
        found[event.operation].append(event)
    found.pop(0, None)
    return list(found.values())


async def storm(seed: int, arm: Emulator, clock: VirtualClock, events: Events) -> None:
    """Do much at once, and let some of it be cancelled or left."""
    names = [arm.add_vm(f"vm-{number}", power="running") for number in range(60)]
    arm.inject_randomly(MISHAPS, seed=seed)
    async with opened(arm, clock, events) as client:
        doing = [
            asyncio.create_task(getattr(client, VERBS[number % 6])(name).result(timeout=200 if number % 7 else 3))
            for number, name in enumerate(names)
        ]
        await clock.sleep(1)
        for each in doing[::11]:
            each.cancel()
        await asyncio.wait(doing)
        for each in doing:
            each.cancelled() or each.exception()


@pytest.mark.parametrize("seed", range(5))
async def test_each_story_is_whole(seed: int, arm: Emulator, clock: VirtualClock, events: Events):
    await storm(seed, arm, clock, events)
    told = stories(events)
    assert len(told) == 60
    for story in told:
        assert isinstance(story[0], Submitted | Finished)
        assert [isinstance(each, Finished) for each in story] == [False] * (len(story) - 1) + [True]
        assert len([each for each in story if isinstance(each, Accepted)]) <= 1
        attempts = [each.attempt for each in story if isinstance(each, Submitted)]
        assert attempts == list(range(1, len(attempts) + 1))
        polls = [each.polls for each in story if isinstance(each, Polled)]
        assert polls == list(range(1, len(polls) + 1))
        assert [each.at for each in story] == sorted(each.at for each in story)


@pytest.mark.parametrize("seed", range(5))
async def test_who_was_accepted_ends_otherwise_than_not_accepted(
    seed: int, arm: Emulator, clock: VirtualClock, events: Events
):
    await storm(seed, arm, clock, events)
    ends = defaultdict(set)
    for story in stories(events):
        ends[any(isinstance(each, Accepted) for each in story)].add(story[-1].outcome)
    assert ends[False] <= {"NotAccepted", "Unknown"}
    assert {"Succeeded"} < ends[True] <= {"Succeeded", "Failed", "Canceled", "Running"}
