"""An emulator on the facade's own loop and on virtual time, so that waits of minutes take milliseconds."""

from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from typing import Any

import pytest

from azvm_async import VirtualClock, portal
from azvm_async.emulator import Emulator
from facade.support import TimedFacade

Make = Callable[..., TimedFacade]


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def arm(clock: VirtualClock) -> Iterator[Emulator]:
    stack = AsyncExitStack()

    async def listening() -> Emulator:
        return await stack.enter_async_context(Emulator(clock))

    lease = portal.lease(stack.aclose)
    emulator = lease.portal.call(listening)
    emulator.add_vm("vm1", power="running")
    yield emulator
    lease.release()


@pytest.fixture
def make(arm: Emulator, clock: VirtualClock) -> Iterator[Make]:
    made: list[TimedFacade] = []

    def making(**config: Any) -> TimedFacade:
        basis = {"subscription": arm.subscription, "resourceGroup": arm.resource_group}
        made.append(TimedFacade({**basis, **config}, clock, credential=arm.credential(), endpoint=arm.endpoint))
        return made[-1]

    yield making
    for each in made:
        each.close()


@pytest.fixture
def facade(make: Make) -> TimedFacade:
    return make()
