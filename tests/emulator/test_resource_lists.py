"""Lists of all resources."""

from collections.abc import AsyncIterator

import pytest

from azvm_async.clock import VirtualClock
from azvm_async.emulator import Emulator
from emulator.sites import ADDRESS, LOCK, NSG, RG, SUB, VM, VNET, body, machine, refusal, vnet
from emulator.support import Caller

OTHER = f"{SUB}/resourceGroups/other"


@pytest.fixture
async def arm(clock: VirtualClock) -> AsyncIterator[Emulator]:
    """Give an emulator that shows two items on a page."""
    async with Emulator(clock, port=None, page_size=2) as emulator:
        yield emulator


async def pages(caller: Caller, path: str) -> list[list[str]]:
    """Return the names on each page of a list."""
    found = []
    link: str | None = path
    while link:
        page = await caller.get(link)
        found.append([each["name"] for each in page["value"]])
        link = page.get("nextLink")
    return found


async def one(caller: Caller, name: str) -> dict[str, object]:
    """Return the entry of a name in a group's list with everything in it."""
    query = f"$filter=name eq '{name}'&$expand=createdTime,changedTime,provisioningState"
    return (await caller.get(f"{RG}/resources?{query}"))["value"][0]


async def test_vms_and_other_resources_are_listed_in_the_order_of_their_creation(arm: Emulator, caller: Caller):
    await caller.act(NSG, "PUT", body())
    arm.add_vm("vm1")
    await caller.act(ADDRESS, "PUT", body())
    assert await pages(caller, f"{RG}/resources") == [["nsg", "vm1"], ["ip"]]


async def test_a_subscription_lists_all_groups(arm: Emulator, caller: Caller):
    for number in range(3):
        arm.add_vm(f"vm{number}")
        arm.add_vm(f"vm{number}", resource_group="other")
    assert await pages(caller, f"{SUB}/resources") == [["vm0", "vm1"], ["vm2", "vm0"], ["vm1", "vm2"]]
    assert await pages(caller, f"{OTHER}/resources") == [["vm0", "vm1"], ["vm2"]]


async def test_a_deletion_between_two_pages_loses_nothing(arm: Emulator, caller: Caller):
    vms = [arm.add_vm(f"vm{number}") for number in range(4)]
    first = await caller.get(f"{RG}/resources")
    await caller.act(vms[0], "DELETE")
    assert await pages(caller, first["nextLink"]) == [["vm2", "vm3"]]


async def test_extensions_are_listed_and_subnets_and_locks_are_not(caller: Caller, vm: str):
    await caller.act(VNET, "PUT", vnet())
    await caller.act(f"{vm}/{LOCK}", "PUT", {"properties": {"level": "ReadOnly"}})
    await caller.act(f"{vm}/extensions/agent", "PUT", body())
    assert await pages(caller, f"{RG}/resources") == [["vm1", "vnet"], ["vm1/agent"]]


async def test_a_vms_disk_is_listed_with_its_vm(caller: Caller):
    await caller.act(VM, "PUT", machine({"osDisk": {"name": "root"}}))
    listed = (await caller.get(f"{RG}/resources"))["value"]
    assert [each.get("managedBy") for each in listed] == [None, VM]


async def test_an_entry_has_no_properties(caller: Caller, vm: str):
    entry = (await caller.get(f"{RG}/resources"))["value"][0]
    assert entry == {"id": vm, "name": "vm1", "type": "Microsoft.Compute/virtualMachines", "location": "westeurope"}


async def test_the_time_of_creation_survives_another_put(caller: Caller, clock: VirtualClock):
    await caller.act(NSG, "PUT", body())
    before = await one(caller, "nsg")
    await clock.sleep(60)
    await caller.act(NSG, "PUT", body())
    after = await one(caller, "nsg")
    assert after["createdTime"] == before["createdTime"]
    assert str(after["changedTime"]) > str(before["changedTime"])


async def test_the_state_is_told_on_demand(caller: Caller):
    await caller.send("PUT", NSG, body())
    assert (await one(caller, "nsg"))["provisioningState"] == "Updating"


@pytest.mark.parametrize(
    ("condition", "names"),
    [
        ("resourceType eq 'microsoft.network/networkSecurityGroups'", ["nsg"]),
        ("name eq 'vm1'", ["vm1"]),
        ("tagName eq 'team'", ["nsg", "vm1"]),
        ("tagName eq 'team' and tagValue eq 'blue'", ["vm1"]),
        ("resourceType eq 'Microsoft.Compute/virtualMachines' and tagName eq 'x'", []),
        ("location eq 'westeurope'", ["nsg", "vm1"]),
        ("location ne 'westeurope'", []),
        ("resourceGroup eq 'Emulated-RG'", ["nsg", "vm1"]),
        ("substringof('SG', name)", ["nsg"]),
        ("substringof('vm', name) or substringof('sg', name)", ["nsg", "vm1"]),
        ("substringof('lated', resourceGroup) and name ne 'nsg'", ["vm1"]),
        ("name eq 'nsg' or name eq 'x' and location eq 'nowhere'", ["nsg"]),
        ("name eq 'x or y'", []),
        ("startswith(tagName, 'OWN')", ["vm1"]),
        ("startswith(tagName, 'own') and tagValue eq 'blue'", []),
        ("plan/publisher eq 'Contoso'", ["nsg"]),
        ("identity/principalId ne 'x'", ["nsg", "vm1"]),
    ],
)
async def test_a_filter_chooses(arm: Emulator, caller: Caller, condition: str, names: list[str]):
    await caller.act(NSG, "PUT", {**body(), "tags": {"team": "red"}, "plan": {"publisher": "contoso"}})
    arm.add_vm("vm1", tags={"Team": "Blue", "owner": "me"})
    assert await pages(caller, f"{RG}/resources?$filter={condition}") == [names]


async def test_top_is_the_size_of_a_page(arm: Emulator, caller: Caller):
    for number in range(2):
        arm.add_vm(f"vm{number}")
    assert await pages(caller, f"{RG}/resources?$top=1") == [["vm0"], ["vm1"]]


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("$filter=color eq 'red'", "InvalidFilterInQueryString"),
        ("$filter=name gt 'x'", "InvalidFilterInQueryString"),
        ("$filter=name eq 'x' and", "InvalidFilterInQueryString"),
        ("$filter=name eq 'x' or ", "InvalidFilterInQueryString"),
        ("$filter=name eq 'x'location eq 'y'", "InvalidFilterInQueryString"),
        ("$filter=(name eq 'x')", "InvalidFilterInQueryString"),
        ("$filter=substringof('x', location)", "InvalidFilterInQueryString"),
        ("$filter=tagName ne 'x'", "InvalidFilterInQueryString"),
        ("$filter=tagName eq 'x' or tagValue eq 'y'", "InvalidFilterInQueryString"),
        ("$filter=tagValue eq 'x'", "InvalidFilterInQueryString"),
        ("$expand=color", "InvalidExpandParameter"),
        ("$top=0", "InvalidTopParameter"),
        ("$skiptoken=x", "InvalidSkipToken"),
    ],
)
async def test_a_query_that_is_not_understood_is_refused(caller: Caller, query: str, code: str):
    assert await refusal(caller, "GET", f"{RG}/resources?{query}") == (400, code)
