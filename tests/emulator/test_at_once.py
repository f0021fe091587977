"""What Azure changes at once: nothing of it is tracked, and it is as wanted when the request is answered."""

import pytest

from azvm_async.emulator import Emulator
from emulator.deploying import Deployer
from emulator.sites import COMPUTE, NETWORK, NSG, RG, VNET, body, gone, refusal, vnet
from emulator.small_templates import body as deployment
from emulator.small_templates import resource
from emulator.support import Caller

IDENTITY = f"{RG}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/me"
ACCOUNT = f"{RG}/providers/Microsoft.Storage/storageAccounts/a"
BOTH = [
    f"{COMPUTE}/availabilitySets/x",
    f"{COMPUTE}/hostGroups/x",
    f"{COMPUTE}/proximityPlacementGroups/x",
    f"{COMPUTE}/sshPublicKeys/x",
    f"{RG}/providers/Microsoft.Authorization/locks/x",
    f"{RG}/providers/Microsoft.Authorization/roleAssignments/11111111-1111-1111-1111-111111111111",
    IDENTITY,
    f"{IDENTITY}/federatedIdentityCredentials/x",
]
PUT = [
    *BOTH,
    f"{COMPUTE}/capacityReservationGroups/x",
    f"{COMPUTE}/restorePointCollections/x",
    f"{NETWORK}/dnsZones/x.example",
    f"{NETWORK}/networkWatchers/x",
]
DELETED = [*BOTH, f"{RG}/providers/Microsoft.KeyVault/vaults/x", ACCOUNT]
SET = BOTH[0]
TRACKING = {"azure-asyncoperation", "location", "azure-asyncnotification", "retry-after"}


async def parent(caller: Caller, path: str) -> None:
    """Make what a resource belongs to, where that is another resource."""
    if path.startswith(f"{IDENTITY}/"):
        await caller.act(IDENTITY, "PUT", body())


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
@pytest.mark.parametrize("path", PUT)
async def test_a_change_is_done_when_it_is_answered(caller: Caller, path: str, method: str):
    await parent(caller, path)
    if method == "PATCH":
        await caller.act(path, "PUT", body())
    answer = await caller.send(method, path, body(color="red"))
    created = 201 if method == "PUT" and path != SET else 200
    assert (answer.status, answer.headers.keys() & TRACKING) == (created, set())
    assert answer.document()["properties"].get("provisioningState", "Succeeded") == "Succeeded"
    assert await caller.get(path) == answer.document()


@pytest.mark.parametrize("path", DELETED)
async def test_a_deletion_is_done_when_it_is_answered(caller: Caller, path: str):
    await parent(caller, path)
    await caller.act(path, "PUT", body())
    answer = await caller.send("DELETE", path)
    assert (answer.status, answer.headers.keys() & TRACKING, answer.body) == (200, set(), b"")
    assert await gone(caller, path)
    assert (await caller.send("DELETE", path)).status == 204


@pytest.mark.parametrize(("method", "path"), [("PUT", ACCOUNT), ("PUT", NSG), ("DELETE", VNET), ("DELETE", PUT[-1])])
async def test_what_takes_its_time_is_tracked(caller: Caller, method: str, path: str):
    if method == "DELETE":
        await caller.act(path, "PUT", vnet())
    answer = await caller.send(method, path, body() if method == "PUT" else None)
    assert "azure-asyncoperation" in answer.headers


async def test_a_failure_is_answered_and_leaves_nothing(arm: Emulator, caller: Caller):
    arm.fail("*/availabilitySets/*", "SubscriptionLimitReached", "No more of them.")
    assert await refusal(caller, "PUT", SET, body()) == (409, "SubscriptionLimitReached")
    assert arm.resources() == []
    assert (await caller.send("PUT", SET, body())).status == 200


async def test_what_is_locked_is_not_deleted_at_once_either(caller: Caller):
    await caller.act(SET, "PUT", body())
    await caller.act(
        f"{SET}/providers/Microsoft.Authorization/locks/keep", "PUT", {"properties": {"level": "ReadOnly"}}
    )
    assert await refusal(caller, "DELETE", SET) == (409, "ScopeLocked")


async def test_a_deployment_makes_it_before_what_depends_on_it(arm: Emulator, deployer: Deployer):
    first = resource("Microsoft.Compute/availabilitySets", "x")
    second = resource("Microsoft.Network/networkSecurityGroups", "nsg", SET)
    assert (await deployer.deploy(deployment(second, first)))["provisioningState"] == "Succeeded"
    assert arm.resources() == [SET, NSG]


async def test_each_effect_is_due_to_its_own_request(arm: Emulator, caller: Caller):
    await caller.send("PUT", SET, body())
    await caller.send("DELETE", SET)
    assert [(effect.verb, effect.request) for effect in arm.effects] == [("create", 0), ("delete", 1)]
