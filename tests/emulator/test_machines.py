"""VMs: created, changed, shown, deleted."""

import pytest

from azvm_async.clock import VirtualClock
from azvm_async.emulator import Emulator
from emulator.support import Caller

RG = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/emulated-rg"
VM = f"{RG}/providers/Microsoft.Compute/virtualMachines/new"
BODY = {
    "location": "westeurope",
    "tags": {"team": "blue"},
    "zones": ["1"],
    "properties": {
        "hardwareProfile": {"vmSize": "Standard_D4s_v5"},
        "storageProfile": {"osDisk": {"osType": "Linux", "createOption": "FromImage"}},
        "osProfile": {
            "computerName": "new",
            "adminUsername": "azure",
            "adminPassword": "hunter2!",
            "customData": "c2VjcmV0",
        },
    },
}


async def test_a_put_creates_with_201_and_an_operation_without_location(caller: Caller):
    answer = await caller.send("PUT", VM, BODY)
    assert (answer.status, answer.document()["properties"]["provisioningState"]) == (201, "Creating")
    assert "azure-asyncoperation" in answer.headers
    assert "location" not in answer.headers


async def test_a_created_vm_shows_what_put_said(caller: Caller):
    await caller.act(VM, "PUT", BODY)
    shown = await caller.get(VM)
    assert shown["tags"] == {"team": "blue"}
    assert shown["zones"] == ["1"]
    assert shown["properties"]["hardwareProfile"] == {"vmSize": "Standard_D4s_v5"}
    assert shown["properties"]["osProfile"] == {"computerName": "new", "adminUsername": "azure"}
    assert shown["properties"]["provisioningState"] == "Succeeded"


async def test_a_created_vm_runs_in_the_end(caller: Caller):
    await caller.act(VM, "PUT", BODY)
    assert await caller.power(VM) == "PowerState/running"


async def test_a_vm_in_creation_has_no_power_state(caller: Caller):
    await caller.send("PUT", VM, BODY)
    view = await caller.get(f"{VM}/instanceView")
    assert [status["code"] for status in view["statuses"]] == ["ProvisioningState/creating"]


async def test_a_put_on_a_vm_that_exists_answers_200_and_updating(caller: Caller, vm: str):
    answer = await caller.send("PUT", vm, BODY)
    assert (answer.status, answer.document()["properties"]["provisioningState"]) == (200, "Updating")
    assert "azure-asyncoperation" in answer.headers


async def test_a_put_keeps_the_vm_id(caller: Caller, vm: str):
    before = await caller.get(vm)
    await caller.act(vm, "PUT", BODY)
    assert (await caller.get(vm))["properties"]["vmId"] == before["properties"]["vmId"]


async def test_a_put_needs_a_location(caller: Caller):
    answer = await caller.send("PUT", VM, {"properties": {}})
    assert (answer.status, answer.document()["error"]["code"]) == (400, "LocationRequired")


async def test_a_vm_does_not_move(caller: Caller, vm: str):
    answer = await caller.send("PUT", vm, {"location": "North Europe"})
    assert (answer.status, answer.document()["error"]["code"]) == (409, "InvalidResourceLocation")


async def test_a_location_may_be_written_with_spaces(caller: Caller, vm: str):
    assert (await caller.send("PUT", vm, {"location": "West Europe"})).status == 200


async def test_a_refused_put_creates_nothing(caller: Caller):
    await caller.send("PUT", VM, {"location": "westeurope", "properties": {"hardwareProfile": []}})
    assert (await caller.send("GET", VM)).status == 404


async def test_a_patch_changes_what_it_names_and_nothing_else(caller: Caller):
    await caller.act(VM, "PUT", BODY)
    await caller.act(VM, "PATCH", {"properties": {"hardwareProfile": {"vmSize": "Standard_B1s"}}})
    shown = await caller.get(VM)
    assert shown["properties"]["hardwareProfile"] == {"vmSize": "Standard_B1s"}
    assert (shown["tags"], shown["zones"]) == ({"team": "blue"}, ["1"])


async def test_a_patch_replaces_the_tags(caller: Caller):
    await caller.act(VM, "PUT", BODY)
    await caller.act(VM, "PATCH", {"tags": {"cost": "7"}})
    assert (await caller.get(VM))["tags"] == {"cost": "7"}


async def test_a_patch_leaves_a_stopped_vm_stopped(arm: Emulator, caller: Caller):
    vm = arm.add_vm("vm1", power="stopped")
    await caller.act(vm, "PATCH", {"tags": {}})
    assert await caller.power(vm) == "PowerState/stopped"


async def test_get_brings_the_instance_view_only_when_expanded(caller: Caller, vm: str):
    plain, expanded = await caller.get(vm), await caller.get(f"{vm}?$expand=instanceView")
    assert "instanceView" not in plain["properties"]
    assert expanded["properties"]["instanceView"] == await caller.get(f"{vm}/instanceView")


async def test_the_operating_system_is_told(arm: Emulator, caller: Caller):
    vm = arm.add_vm("win", os_type="Windows")
    assert (await caller.get(vm))["properties"]["storageProfile"]["osDisk"]["osType"] == "Windows"


async def test_a_deletion_leaves_nothing(caller: Caller, vm: str):
    accepted = await caller.send("DELETE", f"{vm}?forceDeletion=true")
    assert accepted.status == 202
    assert (await caller.get(vm))["properties"]["provisioningState"] == "Deleting"
    assert (await caller.done(accepted))["status"] == "Succeeded"
    assert (await caller.send("GET", vm)).status == 404


async def test_what_is_not_there_is_deleted_with_204(caller: Caller):
    assert (await caller.send("DELETE", VM)).status == 204


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
async def test_a_vm_in_deletion_takes_no_orders(caller: Caller, vm: str, method: str):
    await caller.send("DELETE", vm)
    answer = await caller.send(method, f"{vm}/start" if method == "POST" else vm, {"location": "westeurope"})
    assert (answer.status, answer.document()["error"]["code"]) == (409, "OperationNotAllowed")


async def test_a_second_deletion_follows_the_first(caller: Caller, vm: str):
    first = await caller.send("DELETE", vm)
    second = await caller.send("DELETE", vm)
    assert (await caller.poll(second))["name"] == (await caller.poll(first))["name"]


async def test_a_name_can_be_used_again_after_the_deletion(caller: Caller, vm: str):
    before = (await caller.get(vm))["properties"]["vmId"]
    await caller.act(vm, "DELETE")
    await caller.act(vm, "PUT", BODY)
    assert (await caller.get(vm))["properties"]["vmId"] != before


async def test_an_eviction_is_accepted_at_once_and_deallocates_later(clock: VirtualClock, caller: Caller, vm: str):
    answer = await caller.send("POST", f"{vm}/simulateEviction")
    before = await caller.power(vm)
    await clock.sleep(30)
    assert (answer.status, before) == (204, "PowerState/running")
    assert await caller.power(vm) == "PowerState/deallocated"


async def test_two_vms_of_one_name_cannot_be_added(arm: Emulator, vm: str):
    with pytest.raises(ValueError, match="VM1"):
        arm.add_vm("VM1")
    assert arm.vm("vm1").path == vm


async def test_a_vm_shows_its_extensions_and_one_in_a_list_does_not(caller: Caller, vm: str):
    await caller.act(f"{vm}/extensions/agent", "PUT", {"location": "westeurope", "properties": {"publisher": "us"}})
    extension = await caller.get(f"{vm}/extensions/agent")
    assert (await caller.get(vm))["resources"] == [extension]
    assert "resources" not in (await caller.get(vm.rpartition("/")[0]))["value"][0]


async def test_a_vm_without_extensions_shows_none_nor_what_else_belongs_to_it(caller: Caller, vm: str):
    lock = "providers/Microsoft.Authorization/locks/keep"
    await caller.act(f"{vm}/{lock}", "PUT", {"properties": {"level": "ReadOnly"}})
    assert "resources" not in await caller.get(vm)


@pytest.mark.parametrize(
    ("storage", "names"),
    [
        ({"osDisk": {"name": "root"}, "dataDisks": [{"lun": 0, "name": "data"}]}, ["root", "data"]),
        ({"osDisk": {"name": "blob", "vhd": {"uri": "https://a.example/x.vhd"}}}, ["blob"]),
    ],
)
async def test_the_instance_view_tells_of_the_disks(caller: Caller, storage: dict[str, object], names: list[str]):
    await caller.act(VM, "PUT", {"location": "westeurope", "properties": {"storageProfile": storage}})
    disks = (await caller.get(f"{VM}/instanceView"))["disks"]
    assert [disk["name"] for disk in disks] == names
    assert {disk["statuses"][0]["code"] for disk in disks} == {"ProvisioningState/succeeded"}


async def test_the_instance_view_of_a_vm_added_in_python_tells_of_its_disk(caller: Caller, vm: str):
    assert [disk["name"] for disk in (await caller.get(f"{vm}/instanceView"))["disks"]] == ["vm1_OsDisk"]


@pytest.mark.parametrize(
    ("wanted", "uris"),
    [
        ({}, None),
        ({"enabled": False, "storageUri": "https://a.example/"}, None),
        ({"enabled": True}, set()),
        ({"enabled": True, "storageUri": "https://a.example/"}, {"screenshot.bmp", "serialconsole.log"}),
    ],
)
async def test_the_instance_view_tells_where_boot_diagnostics_are(
    caller: Caller, wanted: dict[str, object], uris: set[str] | None
):
    properties = {"diagnosticsProfile": {"bootDiagnostics": wanted}}
    await caller.act(VM, "PUT", {"location": "westeurope", "properties": properties})
    vm_id = (await caller.get(VM))["properties"]["vmId"]
    found = (await caller.get(f"{VM}/instanceView")).get("bootDiagnostics")
    start = f"https://a.example/bootdiagnostics-new-{vm_id}/new.{vm_id}."
    assert (None if found is None else set(found.values())) == (None if uris is None else {start + end for end in uris})
