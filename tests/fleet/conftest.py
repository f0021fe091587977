"""What tests of fleets start with: an emulator without sockets on virtual time, and a client whose wire can be looked at."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from azvm_async import AzureVMClient, VirtualClock
from azvm_async.emulator import Emulator
from fleet.support import Wire, opened


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
async def arm(clock: VirtualClock) -> AsyncIterator[Emulator]:
    async with Emulator(clock, port=None) as emulator:
        yield emulator


@pytest.fixture
def wire(arm: Emulator) -> Wire:
    return Wire(arm.transport())


@pytest.fixture
async def client(arm: Emulator, clock: VirtualClock, wire: Wire) -> AsyncIterator[AzureVMClient]:
    async with opened(arm, clock, wire) as made:
        yield made


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    return tmp_path / "run.journal"
