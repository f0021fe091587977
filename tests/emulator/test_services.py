"""What services add to their resources."""

from ipaddress import ip_address, ip_network

import pytest

from emulator.sites import ADDRESS, NIC, RG, VM, VNET, body, machine, network, nic, vnet
from emulator.support import Caller

STORAGE = f"{RG}/providers/Microsoft.Storage/storageAccounts/account1"
IDENTITY = f"{RG}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/me"
VAULT = f"{RG}/providers/Microsoft.KeyVault/vaults/vault1"


async def test_a_public_address_has_an_address_and_a_name(caller: Caller):
    await caller.act(ADDRESS, "PUT", body(dnsSettings={"domainNameLabel": "here"}))
    shown = (await caller.get(ADDRESS))["properties"]
    assert ip_address(shown["ipAddress"]) in ip_network("198.18.0.0/15")
    assert shown["dnsSettings"]["fqdn"] == "here.westeurope.cloudapp.azure.com"


async def test_a_public_address_stays_when_it_is_put_again(caller: Caller):
    first, second = [(await caller.send("PUT", ADDRESS, body())).document() for _ in range(2)]
    assert first["properties"]["ipAddress"] == second["properties"]["ipAddress"]


async def test_a_public_address_of_version_6_is_one(caller: Caller):
    await caller.act(ADDRESS, "PUT", body(publicIPAddressVersion="IPv6"))
    assert ip_address((await caller.get(ADDRESS))["properties"]["ipAddress"]).version == 6


async def test_interfaces_have_different_addresses_of_their_subnet(caller: Caller):
    await caller.act(VNET, "PUT", vnet())
    for name in "ab":
        await caller.act(f"{NIC}{name}", "PUT", nic())
    assert [await private(caller, f"{NIC}{name}") for name in "ab"] == ["10.1.0.4", "10.1.0.5"]


async def test_an_address_that_was_chosen_is_kept(caller: Caller):
    await caller.act(VNET, "PUT", vnet())
    await caller.act(NIC, "PUT", nic(privateIPAddress="10.1.0.77", privateIPAllocationMethod="Static"))
    assert await private(caller, NIC) == "10.1.0.77"


async def test_an_interface_put_again_keeps_its_address(caller: Caller):
    await network(caller)
    before = await private(caller, NIC)
    await caller.act(NIC, "PUT", nic(primary=True))
    assert await private(caller, NIC) == before


async def test_an_interface_and_its_address_tell_who_uses_them(caller: Caller):
    await caller.act(VNET, "PUT", vnet())
    await caller.act(ADDRESS, "PUT", body())
    await caller.act(NIC, "PUT", nic(publicIPAddress={"id": ADDRESS}))
    await caller.act(VM, "PUT", machine(primary=True))
    assert (await caller.get(NIC))["properties"]["virtualMachine"] == {"id": VM}
    assert (await caller.get(ADDRESS))["properties"]["ipConfiguration"] == {"id": f"{NIC}/ipConfigurations/one"}


async def test_a_storage_account_has_endpoints(caller: Caller):
    await caller.act(STORAGE, "PUT", body())
    assert (await caller.get(STORAGE))["properties"]["primaryEndpoints"]["blob"] == (
        "https://account1.blob.core.windows.net/"
    )


async def test_a_vault_has_an_address(caller: Caller):
    await caller.act(VAULT, "PUT", body())
    assert (await caller.get(VAULT))["properties"]["vaultUri"] == "https://vault1.vault.azure.net/"


async def test_an_identity_has_ids_that_stay(caller: Caller):
    first, second = [(await caller.send("PUT", IDENTITY, body())).document()["properties"] for _ in range(2)]
    assert {"principalId", "clientId", "tenantId"} <= set(first)
    assert first == second


@pytest.mark.parametrize("path", [VM, STORAGE])
async def test_a_system_assigned_identity_has_a_principal_that_stays(caller: Caller, path: str):
    document = {**machine(), "identity": {"type": "SystemAssigned"}}
    first, second = [(await caller.send("PUT", path, document)).document()["identity"] for _ in range(2)]
    assert first["principalId"] == second["principalId"]


async def test_a_role_assignment_tells_since_when_it_is(caller: Caller):
    assignment = f"{RG}/providers/Microsoft.Authorization/roleAssignments/00000000-0000-0000-0000-0000000000aa"
    await caller.act(assignment, "PUT", body())
    first = (await caller.get(assignment))["properties"]
    await caller.clock.sleep(1)
    await caller.act(assignment, "PUT", body())
    second = (await caller.get(assignment))["properties"]
    assert first["createdOn"] == second["createdOn"] < second["updatedOn"]


async def private(caller: Caller, path: str) -> str:
    """Return a network interface's address."""
    configurations = (await caller.get(path))["properties"]["ipConfigurations"]
    return str(configurations[0]["properties"]["privateIPAddress"])
