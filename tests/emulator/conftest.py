"""What most tests of the emulator start with."""

from collections.abc import AsyncIterator

import pytest

from azvm_async.clock import VirtualClock
from azvm_async.emulator import Durations, Emulator
from emulator.deploying import Deployer
from emulator.support import Caller


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
async def arm(clock: VirtualClock) -> AsyncIterator[Emulator]:
    """Give an emulator without sockets on virtual time."""
    async with Emulator(clock, port=None) as emulator:
        yield emulator


@pytest.fixture
async def caller(arm: Emulator, clock: VirtualClock) -> Caller:
    return Caller(arm, clock, (await arm.credential().get_token()).token)


@pytest.fixture
async def deployer(arm: Emulator, clock: VirtualClock) -> Deployer:
    return Deployer(arm, clock, (await arm.credential().get_token()).token)


@pytest.fixture
async def served() -> AsyncIterator[Emulator]:
    """Give an emulator on a socket, on real time, where operations take a moment."""
    async with Emulator(durations=Durations().scaled(0.001)) as emulator:
        yield emulator


@pytest.fixture
def vm(arm: Emulator) -> str:
    """Give the ARM id of a running VM."""
    return arm.add_vm("vm1", power="running")


@pytest.fixture
async def quick() -> AsyncIterator[Emulator]:
    """Give an emulator without sockets on real time, where operations take a moment."""
    async with Emulator(port=None, durations=Durations().scaled(0.001)) as emulator:
        yield emulator


@pytest.fixture
async def live(quick: Emulator) -> Caller:
    """Give a caller of the quick emulator who polls as often as it can."""
    return Caller(quick, quick.clock, (await quick.credential().get_token()).token, every=0.01)
