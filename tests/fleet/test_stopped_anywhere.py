"""A run of a fleet that is stopped, anywhere and in any way: its report tells the truth, and its journal leads to the end."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from client.stopping import SETTLED, Way, World, quick_collection, stopped

from azvm_async import Fleet, Report, Run
from fleet.support import done, states

NAMES = ["on", "vm1", "vm2"]


@dataclass(frozen=True)
class Job:
    """A verb of a fleet, its effect, how VMs may end, and how often it may be done: what only names a state may be repeated."""

    begin: Callable[[Fleet], Run]
    effect: str
    ends: frozenset[str] = frozenset({"Succeeded"})
    most: int = 1


JOBS = {
    "script": Job(lambda fleet: fleet.run_command("echo", keep=True), "create"),
    "reboot": Job(lambda fleet: fleet.reboot(), "restart", frozenset({"Succeeded", "Unknown"})),
    "bulk": Job(lambda fleet: fleet.deallocate(engine="bulk"), "deallocate", most=2),
}


@pytest.mark.parametrize("way", [Way.CANCEL, Way.CTRL_C, Way.LOOP], ids=lambda way: way.name.lower())
@pytest.mark.parametrize("name", JOBS)
def test_run_that_is_stopped_tells_the_truth_and_is_taken_up(name: str, way: Way, tmp_path: Path):
    at, reached = 0, True
    with quick_collection():
        while reached:
            at += 1
            try:
                reached = check(JOBS[name], way, at, tmp_path / f"journal-{at}")
            except BaseException as error:
                error.add_note(f"It was stopped at suspension {at}")
                raise
    assert at > len(NAMES)


def check(job: Job, way: Way, at: int, journal: Path) -> bool:
    """Stop a run at a suspension; compare its report with what Azure has done; take it up; tell whether it came so far."""
    world, runs = World(), []
    for name in NAMES[1:]:
        world.arm.add_vm(name, power="running")

    async def act(world: World) -> None:
        async with Fleet(world.client, NAMES, journal=journal, max_concurrency=2) as fleet:
            runs.append(job.begin(fleet))
            await runs[0]

    async def again() -> Report:
        await world.clock.sleep(SETTLED)
        for run in runs:
            check_report(run, job, world)
        async with world.opened() as client, Fleet(client, NAMES, journal=journal) as fleet:
            return await job.begin(fleet)

    with world.listening():
        reached = stopped(world, act, way, at)
        report = world.run(again())
    assert (world.noise, world.errors) == ([], [])
    assert set(states(report).values()) <= job.ends
    assert reached or set(states(report).values()) == {"Succeeded"}
    times = done(world.arm, job.effect)
    assert all(
        1 <= times[name] <= job.most or (states(report)[name] == "Unknown" and not times[name]) for name in NAMES
    ), times
    return reached


def check_report(run: Run, job: Job, world: World) -> None:
    """See that what was begun is told, with its token where it goes on, and that nothing is told that is not."""
    assert run.done
    begun = done(world.arm, job.effect)
    for outcome in run.report:
        if outcome.state.value == "NotBegun":
            assert not begun[outcome.name], f"{outcome.name} has begun"
        if outcome.state.value in {"Succeeded", "Running"}:
            assert begun[outcome.name], f"{outcome.name} has not begun"
        assert (outcome.token is not None) == (outcome.state.value == "Running")
