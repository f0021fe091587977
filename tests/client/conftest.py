"""What most tests of the client start with: an emulator on a socket, on virtual time, and a client of it."""

from collections.abc import AsyncIterator

import pytest

from azvm_async import AzureVMClient, VirtualClock
from azvm_async.emulator import Emulator

VMS = ("vm1", "vm2", "vm3")


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
async def arm(clock: VirtualClock) -> AsyncIterator[Emulator]:
    async with Emulator(clock) as emulator:
        for name in VMS:
            emulator.add_vm(name, power="running")
        yield emulator


@pytest.fixture
async def client(arm: Emulator, clock: VirtualClock) -> AsyncIterator[AzureVMClient]:
    async with AzureVMClient(
        arm.subscription, arm.resource_group, arm.credential(), arm.endpoint, clock=clock
    ) as opened:
        yield opened
