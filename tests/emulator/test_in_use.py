"""What is in use or locked is not deleted."""

import pytest

from azvm_async.emulator import Emulator
from emulator.sites import (
    ADDRESS,
    COMPUTE,
    LOCK,
    NETWORK,
    NIC,
    NSG,
    RG,
    SET,
    SUB,
    SUBNET,
    VM,
    VNET,
    body,
    gone,
    machine,
    nic,
    refusal,
    vnet,
)
from emulator.support import Caller

DISK = f"{COMPUTE}/disks/root"
BALANCER = f"{NETWORK}/loadBalancers/lb"
NO_DELETE = {"properties": {"level": "CanNotDelete"}}


@pytest.fixture
async def site(caller: Caller) -> Caller:
    """Give a caller who has made a VM with all that it stands on."""
    await caller.act(NSG, "PUT", body())
    await caller.act(ADDRESS, "PUT", body())
    await caller.act(SET, "PUT", body())
    await caller.act(BALANCER, "PUT", body(backendAddressPools=[{"name": "pool", "properties": {}}]))
    await caller.act(VNET, "PUT", vnet(networkSecurityGroup={"id": NSG}))
    pool = {"id": f"{BALANCER}/backendAddressPools/pool"}
    await caller.act(NIC, "PUT", nic(publicIPAddress={"id": ADDRESS}, loadBalancerBackendAddressPools=[pool]))
    document = machine({"osDisk": {"name": "root"}}, primary=True)
    document["properties"]["availabilitySet"] = {"id": SET}
    await caller.act(VM, "PUT", document)
    return caller


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        (NIC, 400, "NicInUse"),
        (ADDRESS, 400, "PublicIPAddressCannotBeDeleted"),
        (NSG, 400, "InUseNetworkSecurityGroupCannotBeDeleted"),
        (VNET, 400, "InUseSubnetCannotBeDeleted"),
        (SUBNET, 400, "InUseSubnetCannotBeDeleted"),
        (BALANCER, 400, "InUseLoadBalancerCannotBeDeleted"),
        (DISK, 409, "OperationNotAllowed"),
        (SET, 409, "OperationNotAllowed"),
    ],
)
async def test_what_is_in_use_is_not_deleted(site: Caller, path: str, status: int, code: str):
    assert await refusal(site, "DELETE", path) == (status, code)
    assert not await gone(site, path)


async def test_everything_can_be_deleted_after_its_users(site: Caller, arm: Emulator):
    for path in (VM, NIC, DISK, SET, BALANCER, ADDRESS, VNET, NSG):
        await site.act(path, "DELETE")
    assert arm.resources() == []


async def test_the_refusal_names_the_user(site: Caller):
    answer = await site.send("DELETE", NIC)
    assert VM in answer.document()["error"]["message"]


async def test_a_vm_in_deletion_still_holds_its_interface(site: Caller):
    await site.send("DELETE", VM)
    assert await refusal(site, "DELETE", NIC) == (400, "NicInUse")


async def test_what_is_referred_to_no_more_can_be_deleted(site: Caller):
    await site.act(NIC, "PUT", nic())
    assert (await site.act(ADDRESS, "DELETE"))["status"] == "Succeeded"


@pytest.mark.parametrize("scope", [NSG, RG, SUB])
@pytest.mark.parametrize("level", ["CanNotDelete", "ReadOnly"])
async def test_a_lock_keeps_from_deletion(caller: Caller, scope: str, level: str):
    await caller.act(NSG, "PUT", body())
    await caller.act(f"{scope}/{LOCK}", "PUT", {"properties": {"level": level}})
    answer = await caller.send("DELETE", NSG)
    assert (answer.status, answer.document()["error"]["code"]) == (409, "ScopeLocked")
    assert f"'{scope}'" in answer.document()["error"]["message"]


async def test_a_lock_on_its_group_keeps_a_vm(caller: Caller, vm: str):
    await caller.act(f"{RG}/{LOCK}", "PUT", NO_DELETE)
    assert await refusal(caller, "DELETE", vm) == (409, "ScopeLocked")


@pytest.mark.parametrize("scope", [NSG, RG, SUB])
async def test_a_group_with_a_lock_is_not_deleted(caller: Caller, scope: str):
    await caller.act(NSG, "PUT", body())
    await caller.act(f"{scope}/{LOCK}", "PUT", NO_DELETE)
    assert await refusal(caller, "DELETE", RG) == (409, "ScopeLocked")


async def test_a_lock_on_another_resource_does_not_matter(caller: Caller):
    await caller.act(NSG, "PUT", body())
    await caller.act(f"{NSG}2", "PUT", body())
    await caller.act(f"{NSG}/{LOCK}", "PUT", NO_DELETE)
    assert (await caller.act(f"{NSG}2", "DELETE"))["status"] == "Succeeded"


async def test_a_lock_that_is_gone_keeps_nothing(caller: Caller):
    await caller.act(NSG, "PUT", body())
    await caller.act(f"{NSG}/{LOCK}", "PUT", NO_DELETE)
    await caller.act(f"{NSG}/{LOCK}", "DELETE")
    assert (await caller.act(NSG, "DELETE"))["status"] == "Succeeded"
