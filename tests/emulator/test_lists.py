"""Lists of VMs, page by page."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from azvm_async.clock import VirtualClock
from azvm_async.emulator import Emulator, resources
from azvm_async.emulator.documents import machine_document
from azvm_async.emulator.pages import start_in
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


async def first_and_its_document(arm: Emulator, caller: Caller) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the first VM as the list shows it, and as it is shown where nothing is kept."""
    shown = (await caller.get(f"{ALL}?statusOnly=true"))["value"][0]
    return shown, machine_document(arm._world, arm.vm("a"), expanded=True)


@pytest.mark.parametrize(
    ("what", "value"),
    [
        ("power_state", "stopped"),
        ("provisioning_state", "Updating"),
        ("hibernated", True),
        ("size", "Standard_D2s_v5"),
        ("os_type", "Windows"),
        ("tags", {"a": "b"}),
        ("given", {"zones": ["1"]}),
    ],
)
async def test_status_only_tells_whatever_has_changed(arm: Emulator, caller: Caller, what: str, value: object):
    before, _ = await first_and_its_document(arm, caller)
    setattr(arm.vm("a"), what, value)
    shown, document = await first_and_its_document(arm, caller)
    assert before != shown == document


async def test_status_only_tells_when_an_action_ended(arm: Emulator, caller: Caller):
    before, _ = await first_and_its_document(arm, caller)
    await caller.act(f"{GROUP}/a/reapply")
    shown, document = await first_and_its_document(arm, caller)
    assert before != shown == document


async def test_status_only_tells_why_an_action_failed(arm: Emulator, caller: Caller):
    arm.fail("Microsoft.Compute/virtualMachines/a/restart", "AllocationFailed", "none left")
    await caller.act(f"{GROUP}/a/restart")
    shown, document = await first_and_its_document(arm, caller)
    assert shown == document
    assert shown["properties"]["instanceView"]["statuses"][0]["code"] == "ProvisioningState/failed/AllocationFailed"


async def test_a_page_looks_only_into_the_groups_that_it_shows(
    arm: Emulator, caller: Caller, monkeypatch: pytest.MonkeyPatch
):
    for number in range(100):
        arm.add_vm("x", resource_group=f"g{number:02}")
    pages = await names(caller, f"{ALL}?statusOnly=true&$top=1")
    last = arm.vm("x", resource_group="g98")
    looked: list[object] = []
    monkeypatch.setattr(resources, "start_in", lambda group, call: looked.append(group) or start_in(group, call))
    shown = await names(caller, f"{ALL}?statusOnly=true&$skiptoken={last.group.serial}.{last.serial}")
    assert (len(pages), shown, len(looked)) == (105, [["x"]], 2)


async def test_a_plain_list_has_no_instance_views(caller: Caller):
    assert "instanceView" not in (await caller.get(ALL))["value"][0]["properties"]


async def test_a_token_that_no_list_gave_is_refused(caller: Caller):
    assert (await caller.send("GET", f"{ALL}?$skiptoken=abc")).status == 400


async def test_each_of_many_subscriptions_has_vms_that_start_and_are_listed(arm: Emulator, caller: Caller):
    subscriptions = [f"00000000-0000-0000-0000-0000000002{number:02}" for number in range(20)]
    machines = [
        arm.add_vm("x", subscription=each, resource_group=f"rg-{each}", location="northeurope")
        for each in subscriptions
    ]
    started = [await caller.act(f"{machine}/start") for machine in machines]
    assert {status["status"] for status in started} == {"Succeeded"}
    path = "/subscriptions/{}/providers/Microsoft.Compute/virtualMachines?statusOnly=true"
    assert [await names(caller, path.format(each)) for each in subscriptions] == [[["x"]]] * 20
