"""Lists of VMs, page by page."""

from collections.abc import AsyncIterator

import pytest

from azvm_async.clock import VirtualClock
from azvm_async.emulator import Emulator
from emulator.sites import body
from emulator.support import Caller

SUB = "/subscriptions/00000000-0000-0000-0000-000000000001"
ALL = f"{SUB}/providers/Microsoft.Compute/virtualMachines"
GROUP = f"{SUB}/resourceGroups/emulated-rg/providers/Microsoft.Compute/virtualMachines"
SET = GROUP.replace("virtualMachines", "virtualMachineScaleSets/set")


@pytest.fixture
async def arm(clock: VirtualClock) -> AsyncIterator[Emulator]:
    """Give an emulator with five VMs in two groups and two locations, two to a page."""
    async with Emulator(clock, port=None, page_size=2) as emulator:
        for name in ("a", "b", "c"):
            emulator.add_vm(name, power="running")
        for name in ("d", "e"):
            emulator.add_vm(name, resource_group="other", location="northeurope")
        yield emulator


async def names(caller: Caller, path: str) -> list[list[str]]:
    """Return the names on each page of a list."""
    pages = []
    link: str | None = path
    while link:
        page = await caller.get(link)
        pages.append([machine["name"] for machine in page["value"]])
        link = page.get("nextLink")
    return pages


async def test_a_group_lists_its_vms_only(caller: Caller):
    assert await names(caller, GROUP) == [["a", "b"], ["c"]]


async def test_a_subscription_lists_all_vms(caller: Caller):
    assert await names(caller, ALL) == [["a", "b"], ["c", "d"], ["e"]]


@pytest.mark.parametrize("location", ["northeurope", "North%20Europe"])
async def test_a_location_lists_its_vms_only(caller: Caller, location: str):
    path = f"{SUB}/providers/Microsoft.Compute/locations/{location}/virtualMachines"
    assert await names(caller, path) == [["d", "e"]]


@pytest.mark.parametrize("path", [GROUP, ALL])
@pytest.mark.parametrize("wanted", [f"'{SET}'", SET.upper()])
async def test_the_vms_of_a_scale_set_can_be_listed_with_their_instance_views(caller: Caller, path: str, wanted: str):
    await caller.act(f"{GROUP}/m", "PUT", body(virtualMachineScaleSet={"id": SET}))
    listed = await caller.get(f"{path}?$filter='virtualMachineScaleSet/id' eq {wanted}&$expand=instanceView")
    assert [(vm["name"], "instanceView" in vm["properties"]) for vm in listed["value"]] == [("m", True)]


@pytest.mark.parametrize("path", [GROUP, ALL])
async def test_another_filter_is_refused(caller: Caller, path: str):
    answer = await caller.send("GET", f"{path}?$filter=name eq 'a'")
    assert (answer.status, answer.document()["error"]["code"]) == (400, "InvalidFilterInQueryString")


async def test_a_deletion_between_two_pages_loses_no_vm(caller: Caller):
    first = await caller.get(ALL)
    await caller.act(f"{GROUP}/a", "DELETE")
    assert await names(caller, first["nextLink"]) == [["c", "d"], ["e"]]


async def test_status_only_tells_the_power_on_every_page(caller: Caller):
    first = await caller.get(f"{ALL}?statusOnly=true")
    second = await caller.get(first["nextLink"])
    statuses = [machine["properties"]["instanceView"]["statuses"][1]["code"] for machine in second["value"]]
    assert statuses == ["PowerState/running", "PowerState/deallocated"]


async def test_a_plain_list_has_no_instance_views(caller: Caller):
    assert "instanceView" not in (await caller.get(ALL))["value"][0]["properties"]


async def test_a_token_that_no_list_gave_is_refused(caller: Caller):
    assert (await caller.send("GET", f"{ALL}?$skiptoken=abc")).status == 400
