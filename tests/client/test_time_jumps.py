"""Clocks that jump, at any moment: a laptop that slept for an hour, dates that are wrong. Whatever goes on goes on."""

import asyncio
from collections.abc import Callable

import pytest
from client.scripted import ACCEPTED, SUCCEEDED, Script
from client.stopping import HOUR, Shifted, Suspensions, World, end_of, quick_collection
from client.test_stopped_anywhere import SCENARIOS, Scenario

from azvm_async import Fleet, VirtualClock
from azvm_async.emulator import faults
from azvm_async.wire import Response


def slept(world: World) -> None:
    """Let the machine sleep where its monotonic time goes on meanwhile: all time-outs are over."""
    world.clock.jump(HOUR)


def stood_still(world: World) -> None:
    """Let the machine sleep where its monotonic time stands still meanwhile, as on Linux."""
    world.azures.ahead += HOUR
    world.azures.later += HOUR
    world.own.later += HOUR


def set_forward(world: World) -> None:
    """Set the machine's clock wrong, to the future."""
    world.own.later += HOUR


def set_back(world: World) -> None:
    """Set the machine's clock wrong, to the past."""
    world.own.later -= HOUR


JUMPS = [slept, stood_still, set_forward, set_back]
NAMES = ["start", "start-throttled", "script", "provision", "provision-again", "deprovision", "bulk", "updates", "list"]
MORE = 6
"""Requests that a jump may cost: what is due is read at once, and a token that seems to have ended is asked for again."""


def run(scenario: Scenario, jump: Callable[[World], None], at: int) -> tuple[World, bool]:
    """Run a scenario, with a jump at a suspension; return what came of it, and whether it came so far."""
    world = World(token_lifetime=HOUR)
    suspensions = Suspensions(at, lambda: jump(world))

    async def program() -> None:
        async with world.client:
            suspensions.counting = True
            await scenario.act(world)
            suspensions.counting = False
        world.found()

    with world.listening():
        if scenario.before is not None:
            world.run(scenario.before(world))
        world.begin()
        world.run(program(), suspensions)
    return world, suspensions.reached


@pytest.mark.parametrize("jump", JUMPS)
@pytest.mark.parametrize("name", NAMES)
def test_what_goes_on_comes_to_its_end_in_spite_of_a_jump(name: str, jump: Callable[[World], None]):
    scenario = SCENARIOS[name]
    with quick_collection():
        smooth, reached = run(scenario, jump, 0)
        at = 0
        while reached:
            at += 1
            try:
                world, reached = run(scenario, jump, at)
                check(world, smooth, scenario)
            except BaseException as error:
                error.add_note(f"It jumped at suspension {at}")
                raise
    assert at > 3


def check(world: World, smooth: World, scenario: Scenario) -> None:
    """Compare a run in which time jumped with one in which it did not."""
    assert (world.noise, world.told, world.client.outstanding) == ([], [], [])
    assert all(operation.status == "Succeeded" for operation in world.held)
    for verb in scenario.handles:
        assert len(world.effects(verb)) == len(smooth.effects(verb))
    assert len(world.arm.requests) <= len(smooth.arm.requests) + MORE
    assert world.clock.monotonic() <= smooth.clock.monotonic() + HOUR + 60


@pytest.mark.parametrize("jump", [slept, stood_still])
def test_token_that_ended_while_the_machine_slept_is_not_sent(jump: Callable[[World], None]):
    world = World(token_lifetime=HOUR)

    async def program() -> None:
        async with world.client:
            operation = await world.client.start("off")
            jump(world)
            assert await end_of(operation) == "Succeeded"

    world.run(program())
    assert world.credential.asked == 2
    assert {each.status for each in world.arm.requests} == {200, 202}


def test_token_that_a_clock_set_back_takes_for_a_good_one_is_replaced_when_azure_refuses_it():
    world = World(token_lifetime=HOUR)

    async def program() -> None:
        async with world.client:
            operation = await world.client.start("off")
            set_back(world)
            world.clock.jump(HOUR)
            assert await end_of(operation) == "Succeeded"

    world.run(program())
    assert world.credential.asked == 2
    assert [each.status for each in world.arm.requests].count(401) == 1


@pytest.mark.parametrize("jump", JUMPS)
def test_network_that_comes_back_after_the_machine_is_no_reason_to_give_up(jump: Callable[[World], None]):
    """Half an hour without an answer ends patience, but not where nobody asked meanwhile."""
    world = World()

    async def program() -> None:
        async with world.client:
            operation = await world.client.start("off")
            world.arm.inject(faults.Refused(), method="GET", times=4)
            while operation.trouble is None:
                world.hold(operation)
                waiting = asyncio.create_task(operation.result())
                await world.clock.sleep(1)
                waiting.cancel()
            jump(world)
            assert await end_of(operation) == "Succeeded"

    world.run(program())


@pytest.mark.parametrize("wrong", [HOUR, -HOUR])
def test_date_to_come_again_is_measured_by_azures_clock(wrong: float):
    date, later = "Thu, 01 Jan 2026 00:00:00 GMT", "Thu, 01 Jan 2026 00:00:40 GMT"
    clock = VirtualClock()
    accepted = Response(202, {**ACCEPTED.headers, "date": date, "retry-after": later})
    script = Script(clock, [accepted, SUCCEEDED])
    script.clock = Shifted(clock)
    script.clock.later = wrong

    async def program() -> None:
        async with script.client() as client:
            await client.start("vm1").result()

    asyncio.run(program())
    assert script.sent[1].at == pytest.approx(40, abs=0.1)


@pytest.mark.parametrize("jump", JUMPS)
def test_crowd_that_waits_for_azures_limits_keeps_to_them(jump: Callable[[World], None]):
    """A jump fills the bucket, and does not make it larger; and nobody waits longer for it."""
    smooth, jumped = crowd(lambda _: None), crowd(jump)
    assert {each.status for each in jumped.arm.requests} == {200, 202}
    assert jumped.clock.monotonic() <= smooth.clock.monotonic() + HOUR * (jump is slept) + 1


def crowd(jump: Callable[[World], None]) -> World:
    """Reboot more VMs than may be rebooted at once, with a jump while they wait."""
    world, names = World(), [f"vm{number}" for number in range(240)]
    for name in names:
        world.arm.add_vm(name, power="running")

    async def program() -> None:
        async with world.client as client:
            waiting = asyncio.gather(*(client.reboot(name) for name in names))
            await world.clock.sleep(2)
            assert not waiting.done()
            jump(world)
            assert [await end_of(each) for each in await waiting] == ["Succeeded"] * len(names)

    world.run(program())
    return world


@pytest.mark.parametrize("jump", JUMPS)
def test_fleet_comes_to_its_end_in_spite_of_a_jump(jump: Callable[[World], None]):
    world = World(token_lifetime=HOUR)

    async def program() -> None:
        async with world.client as client, Fleet(client, ["on", "off"]) as fleet:
            run = fleet.start()
            await world.clock.sleep(4)
            jump(world)
            assert (await run).totals == {"Succeeded": 2}

    world.run(program())
    assert len(world.effects("start")) == 2
