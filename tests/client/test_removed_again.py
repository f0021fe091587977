"""A removal that could not be read to its end, and another one after the next deployment of the same name."""

import pytest
from client.stock import template, vm

from azvm_async import AzureVMClient, Operation, StatusUnreadable
from azvm_async.emulator import Emulator, faults

WHOLE = template(*vm("new"))


async def unreadable(client: AzureVMClient, arm: Emulator) -> Operation:
    """Return a removal that has deleted all resources, and could not be read when it looked whether there are more."""
    await client.provision("new", WHOLE).result()
    removal = await client.deprovision("new")
    while any(each.endswith("/new-net") for each in arm.resources()):
        await arm.clock.sleep(0.2)
    arm.inject(faults.Status(403), method="GET", path="*/deployments/azvm-made*")
    with pytest.raises(StatusUnreadable):
        await removal
    return removal


async def test_awaiting_it_again_ends_it(client: AzureVMClient, arm: Emulator):
    await (await unreadable(client, arm))
    assert arm.deployments() == []


async def test_what_was_deployed_meanwhile_is_removed_by_the_next(client: AzureVMClient, arm: Emulator):
    before = arm.resources()
    removal = await unreadable(client, arm)
    await client.provision("new", WHOLE).result()
    await client.deprovision("new").result()
    assert (arm.resources(), arm.deployments()) == (before, [])
    await removal  # the handle is kept until here: a dropped one is not found again
