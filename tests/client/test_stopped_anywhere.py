"""A program that is stopped, anywhere and in any way: nothing is lost, nothing is done twice, and nothing stays behind."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from client.stock import rules, template
from client.stopping import HOUR, SETTLED, Act, Way, World, end_of, quick_collection, stopped
from doubles import turns as turns_of_the_loop

from azvm_async import ClientClosed, OutcomeUnknown
from azvm_async.agenda import PLACES
from azvm_async.emulator import faults

TEMPLATE = template(rules("one"))


async def start(world: World) -> None:
    await world.hold(await world.client.start("off"))


async def start_at_once(world: World) -> None:
    await world.client.start("off").result(timeout=1000)


async def reboot(world: World) -> None:
    await world.hold(await world.client.reboot("on"))


async def script(world: World) -> None:
    await world.hold(await world.client.run_command("on", "echo", keep=True))


async def canceled_script(world: World) -> None:
    operation = world.hold(await world.client.run_command("on", "echo", keep=True))
    await operation.cancel()


async def provision(world: World) -> None:
    await world.hold(await world.client.provision("new", TEMPLATE))


async def canceled_deployment(world: World) -> None:
    operation = world.hold(await world.client.provision("new", TEMPLATE))
    await operation.cancel()


async def deprovision(world: World) -> None:
    await world.hold(await world.client.deprovision("new"))


async def bulk(world: World) -> None:
    await world.hold(await world.client.bulk("start", ["off"], "westeurope"))


async def updates(world: World) -> None:
    operation = world.hold(await world.client.start("off"))
    async for _ in operation.updates():
        await asyncio.sleep(0)


async def resumed(world: World) -> None:
    await world.hold(world.client.resume(world.token))


async def listed(world: World) -> None:
    async for _ in world.client.list():
        await asyncio.sleep(0)


async def waiting_on(world: World) -> None:
    """Wait again for what was begun, whatever happens; the poller has more to do than that."""
    operation = world.hold(await world.client.start("off"))
    world.hold(await world.client.reboot("on"))
    try:
        await operation
    finally:
        await operation.result(timeout=HOUR)


async def reading_on(world: World) -> None:
    """Read on, whatever happens."""
    operation = world.hold(await world.client.start("off"))
    try:
        await operation
    finally:
        async with world.clock.timeout(HOUR):
            assert [update async for update in operation.updates()][-1].done


async def tidying_up(world: World) -> None:
    """Do something last of all, whatever happens."""
    try:
        await (await world.client.reboot("on"))
    finally:
        await world.hold(await world.client.start("off")).result(timeout=HOUR)


async def closing(world: World) -> None:
    """Leave while somebody waits, somebody submits, and somebody has given a submission up."""
    operation = world.hold(await world.client.start("off"))
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(told(world, operation.result))
        tasks.create_task(told(world, lambda: world.client.reboot("on")))
        await asyncio.sleep(0)
        await world.client.close()


async def told(world: World, ask: Callable[[], Awaitable[object]]) -> None:
    try:
        with contextlib.suppress(ClientClosed):
            await ask()
    except OutcomeUnknown as error:
        world.errors.append(error)


async def begun_elsewhere(world: World) -> None:
    async with world.opened() as client:
        world.token = (await client.start("off")).token


async def provisioned(world: World) -> None:
    async with world.opened() as client:
        await client.provision("new", TEMPLATE).result()


async def throttled(world: World) -> None:
    world.arm.inject(faults.Status(429, retry_after=3), method="POST")


async def lost(world: World) -> None:
    world.arm.inject(faults.ResetAfter(), method="P*")


@dataclass(frozen=True)
class Scenario:
    """What a program does, and what is to be said of it.

    Parameters
    ----------
    act : callable
        Does it.
    handles : Mapping[str, str]
        The verb of the handle for each effect in Azure.
    before : callable, optional
        What comes before the program.
    canceled : str, optional
        The effect after which the operation ends as canceled, and not as succeeded.
    raises : type, optional
        What the program ends with when it is not stopped.
    forgotten : bool
        Whether Azure knows nothing any more of what was canceled.
    """

    act: Act
    handles: Mapping[str, str]
    before: Callable[[World], Coroutine[Any, Any, object]] | None = None
    canceled: str | None = None
    raises: type[Exception] | None = None
    forgotten: bool = False

    def end(self, world: World) -> str:
        """Return how its operation is to end."""
        return "OperationCanceled" if self.canceled and world.effects(self.canceled) else "Succeeded"


STARTED, REBOOTED = {"start": "start"}, {"restart": "reboot"}
RUN, DEPLOYED = {"create": "run_command"}, {"deploy": "provision"}

SCENARIOS = {
    "start": Scenario(start, STARTED),
    "start-at-once": Scenario(start_at_once, STARTED),
    "start-throttled": Scenario(start, STARTED, throttled),
    "reboot": Scenario(reboot, REBOOTED),
    "reboot-lost": Scenario(reboot, REBOOTED, lost, raises=OutcomeUnknown),
    "script": Scenario(script, RUN),
    "script-lost": Scenario(script, RUN, lost),
    "script-canceled": Scenario(canceled_script, RUN, canceled="delete", forgotten=True),
    "provision": Scenario(provision, DEPLOYED),
    "provision-again": Scenario(provision, DEPLOYED, provisioned),
    "provision-lost": Scenario(provision, DEPLOYED, lost),
    "provision-canceled": Scenario(canceled_deployment, DEPLOYED, canceled="cancel"),
    "deprovision": Scenario(deprovision, {"delete": "deprovision"}, provisioned),
    "bulk": Scenario(bulk, STARTED),
    "updates": Scenario(updates, STARTED),
    "resume": Scenario(resumed, {}, begun_elsewhere),
    "waiting-on": Scenario(waiting_on, STARTED),
    "reading-on": Scenario(reading_on, STARTED),
    "tidying-up": Scenario(tidying_up, STARTED),
    "list": Scenario(listed, {}),
    "closing": Scenario(closing, {**STARTED, **REBOOTED}),
}


@pytest.mark.parametrize("way", Way, ids=lambda way: way.name.lower())
@pytest.mark.parametrize("name", SCENARIOS)
def test_nothing_is_lost_or_done_twice_or_left_behind(name: str, way: Way):
    at, reached = 0, True
    with quick_collection():
        while reached:
            at += 1
            try:
                reached = check(SCENARIOS[name], way, at)
            except BaseException as error:
                error.add_note(f"It was stopped at suspension {at}")
                raise
    assert at > 3


def check(scenario: Scenario, way: Way, at: int) -> bool:
    """Stop a program at a suspension; look at what it left, and take that up again; tell whether it came so far."""
    world = World()
    with world.listening():
        if scenario.before is not None:
            world.run(scenario.before(world))
        world.begin()
        reached = stopped(world, scenario.act, way, at)
        ends = world.run(taken_up(world))
    assert reached or [type(error) for error in world.errors] == [scenario.raises] * bool(scenario.raises)
    assert {type(error) for error in world.errors} <= {OutcomeUnknown}
    assert world.noise == []
    end = scenario.end(world)
    assert set(world.ends) <= {end}
    assert set(ends) <= {"StatusUnreadable" if scenario.forgotten and end == "OperationCanceled" else end}
    for verb, handle in scenario.handles.items():
        check_truth(world, verb, handle)
    return reached


def check_truth(world: World, verb: str, handle: str) -> None:
    """Compare what Azure has done with what the program knows of."""
    done, known = world.effects(verb), handle in world.tokens
    assert len(done) == len(set(done)), f"done twice: {done}"
    assert known or world.unknown or world.over or not done, f"nobody knows of the {handle}"
    assert done or not known, f"a handle of a {handle} that is none"


async def taken_up(world: World) -> list[str]:
    """Take up in another client what a program knew of; return how it ended there."""
    await world.clock.sleep(SETTLED)
    async with world.opened() as client:
        return [await end_of(client.resume(token)) for token in world.tokens.values()]


def test_loop_that_ends_under_a_line_of_reads_begins_no_other():
    """Azure is asked for 64 at once; who stands in line after them must not come forward when they are cancelled."""
    world, names = World(), [f"vm{number}" for number in range(PLACES + 6)]
    for name in names:
        world.arm.add_vm(name, power="running")

    async def begun() -> list[str]:
        async with world.opened() as client:
            return [each.token for each in await asyncio.gather(*map(client.reboot, names))]

    async def left(tokens: list[str]) -> None:
        client = world.opened()
        waiting = {asyncio.create_task(client.resume(token).result()) for token in tokens}
        while len(client._poller._polls) < PLACES:
            await turns_of_the_loop(1)
        assert len(waiting) > PLACES

    with world.listening():
        world.run(left(world.run(begun())))
    assert world.noise == []


@pytest.mark.parametrize("turns", range(1, 9))
@pytest.mark.parametrize("submits", [False, True])
async def test_closing_that_is_cancelled_leaves_nobody_waiting(turns: int, *, submits: bool):
    """Neither for the end of an operation nor for the answer to a submission."""
    world = World()
    operation = await world.client.start("off")
    waiting = [asyncio.create_task(operation.result())]
    if submits:
        waiting.append(asyncio.create_task(world.client.reboot("on").result()))
    await turns_of_the_loop()
    closer = asyncio.create_task(world.client.close())
    await turns_of_the_loop(turns)
    closer.cancel()
    async with world.clock.timeout(SETTLED):
        ends = await asyncio.gather(*waiting, return_exceptions=True)
    assert {type(end) for end in ends} <= {ClientClosed, OutcomeUnknown}
