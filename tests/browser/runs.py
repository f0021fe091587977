"""Runs to be drawn: fleets that are started on the emulator, with failures and refusals among them."""

from azvm_async import AzureVMClient, Fleet, Report, VirtualClock
from azvm_async.emulator import Durations, Emulator, faults


async def report_of(number: int) -> Report:
    """Return the report of so many starts."""
    clock = VirtualClock()
    async with Emulator(clock, port=None, durations=Durations(start=30), spread=0.6) as arm:
        names = [arm.add_vm(f"web-{each:04}") for each in range(number)]
        _trouble(arm)
        async with (
            AzureVMClient(
                arm.subscription,
                arm.resource_group,
                arm.credential(),
                arm.endpoint,
                clock=clock,
                transport=arm.transport(),
            ) as client,
            Fleet(client, names, engine="direct") as fleet,
        ):
            return await fleet.start()


def _trouble(arm: Emulator) -> None:
    arm.inject(faults.Conflict(), path="*/web-0003/start")
    arm.inject(faults.AllocationFailed(), path="*/web-0005/start")
    arm.inject(faults.Status(429, retry_after=5), path="*/web-0007/start")
    arm.inject(faults.Status(429, retry_after=4), method="GET", path="*/operations/*", times=2)
