"""A fleet in a TaskGroup: two things are done to VMs side by side, and where one of the tasks fails, the other is left.

Run it with no arguments for the emulator, or with VMs' names for Azure; see ``place.py``.
"""

import asyncio

from place import place

from azvm_async import AzureVMClient, Fleet, Run

NAMES = [f"web-{number}" for number in range(1, 21)]


async def watch(run: Run) -> None:
    """Print each VM as it ends."""
    async for outcome in run:
        print(f"{outcome.name}: {outcome.state}")


async def started(client: AzureVMClient, names: list[str]) -> None:
    """Start VMs, and fail where one of them did."""
    async with Fleet(client, names, deadline=900) as fleet, asyncio.TaskGroup() as tasks:
        run = fleet.start()
        tasks.create_task(watch(run))
        report = await tasks.create_task(run.over())
    print(report.raise_for_failures())


async def main() -> None:
    """Start one half of the VMs and the other, each as a task."""
    async with place(*NAMES) as here, here.client() as client, asyncio.TaskGroup() as tasks:
        for part in (here.arguments[::2], here.arguments[1::2]):
            tasks.create_task(started(client, list(part)))


if __name__ == "__main__":
    asyncio.run(main())
