"""Many VMs in an emulator without sockets, and what its clients asked of it."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any

from azvm_async import AzureVMClient, Operation, VirtualClock
from azvm_async.emulator import Durations, Emulator


class Crowd:
    """An emulator with so many VMs, ``vm0`` and so on, and its clients.

    Parameters
    ----------
    arm : Emulator
        In process.
    clock : VirtualClock
        Its and the clients'.
    count : int
        VMs.
    """

    def __init__(self, arm: Emulator, clock: VirtualClock, count: int) -> None:
        self.arm = arm
        self.clock = clock
        self.names = [f"vm{number}" for number in range(count)]

    def client(self, credential: Any = None, **options: Any) -> AzureVMClient:
        """Return a client; by default with the emulator's one principal."""
        return AzureVMClient(
            self.arm.subscription,
            self.arm.resource_group,
            credential or self.arm.credential(),
            self.arm.endpoint,
            clock=self.clock,
            transport=self.arm.transport(),
            **options,
        )

    @property
    def statuses(self) -> Counter[int]:
        """How often each status was answered."""
        return Counter(each.status for each in self.arm.requests)

    @property
    def writes(self) -> list[float]:
        """When anything but reads came that was not refused."""
        return [each.monotonic for each in self.arm.requests if each.method != "GET" and each.status < 400]

    @property
    def lists(self) -> list[float]:
        """When all VMs were listed, each page by itself."""
        return [each.monotonic for each in self.arm.requests if each.path.endswith("/virtualMachines")]

    @property
    def polls(self) -> list[float]:
        """When operations were read."""
        return [each.monotonic for each in self.arm.requests if "/operations/" in each.path]

    @property
    def reads(self) -> int:
        """How many requests only read."""
        return sum(each.method == "GET" for each in self.arm.requests)


@asynccontextmanager
async def crowd(clock: VirtualClock, count: int, *, power: Any = "deallocated", **options: Any) -> AsyncIterator[Crowd]:
    """Open an emulator with so many VMs."""
    options.setdefault("durations", Durations(start=30, power_off=30, deallocate=30, delete=30, restart=30))
    async with Emulator(clock, port=None, **options) as arm:
        opened = Crowd(arm, clock, count)
        for name in opened.names:
            arm.add_vm(name, power=power)
        yield opened


async def begun(submissions: Iterable[Any]) -> list[Operation[Any]]:
    """Submit all at once; return their handles."""
    return list(await asyncio.gather(*submissions))


async def ended(operations: Iterable[Operation[Any]]) -> list[object]:
    """Wait for all; return what came of them, errors too."""
    return list(await asyncio.gather(*operations, return_exceptions=True))
