"""Starts in a storm in real time, by this package and by Microsoft's own client: how many of them are lost.

A start is lost whose caller is told that it failed, or that nobody knows, although Azure's record has it, or that is not in the
record at the end: one has to look oneself.
"""

import asyncio
from collections.abc import Awaitable, Callable

import azure.mgmt.compute.aio
from azure.core.exceptions import AzureError
from emulator.official import options

from azvm_async import AzureVMClient, AzureVMError
from azvm_async.emulator import Emulator
from chaos.storm import DURATIONS
from chaos.weather import TIMEOUTS, Weather

AT_ONCE = 50
Start = Callable[[str], Awaitable[object]]


async def lost_by_ours(starts: int, seed: int = 1) -> int:
    """Return how many of so many starts this package loses."""
    async with Emulator(durations=DURATIONS, throttling=None) as arm:
        Weather(arm, seed)
        place = arm.subscription, arm.resource_group, arm.credential(), arm.endpoint
        async with AzureVMClient(*place, timeouts=TIMEOUTS) as client:
            return await _lost(arm, starts, lambda name: client.start(name).result())


async def lost_by_official(starts: int, seed: int = 1) -> int:
    """Return how many of so many starts azure-mgmt-compute loses, with its own retries and a token that is good."""
    async with Emulator(durations=DURATIONS, throttling=None) as arm:
        Weather(arm, seed, takes_back=False)
        chosen = {**await options(arm), "polling_interval": 0.5, "read_timeout": TIMEOUTS.total}
        del chosen["retry_total"]
        async with azure.mgmt.compute.aio.ComputeManagementClient(**chosen) as client:

            async def start(name: str) -> None:
                await (await client.virtual_machines.begin_start(arm.resource_group, name)).result()

            return await _lost(arm, starts, start)


async def _lost(arm: Emulator, starts: int, start: Start) -> int:
    """Have VMs started, so many at once; return of how many the end is not told, or not true."""
    names = [f"c{number:04}" for number in range(starts)]
    for name in names:
        arm.add_vm(name)
    places = asyncio.Semaphore(AT_ONCE)

    async def is_lost(name: str) -> bool:
        async with places:
            try:
                await start(name)
            except (AzureError, AzureVMError):
                return True
        return arm.vm(name).power_state != "running"

    return sum(await asyncio.gather(*map(is_lost, names)))
