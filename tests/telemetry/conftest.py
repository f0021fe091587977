"""What tests of telemetry start with: an emulator without sockets on virtual time, and a client whose events are kept."""

from collections.abc import AsyncIterator

import pytest

from azvm_async import AzureVMClient, VirtualClock
from azvm_async.emulator import Emulator
from telemetry.support import Events, opened


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
async def arm(clock: VirtualClock) -> AsyncIterator[Emulator]:
    async with Emulator(clock, port=None) as emulator:
        emulator.add_vm("vm1")
        yield emulator


@pytest.fixture
def events() -> Events:
    return Events()


@pytest.fixture
async def client(arm: Emulator, clock: VirtualClock, events: Events) -> AsyncIterator[AzureVMClient]:
    async with opened(arm, clock, events) as made:
        yield made
