"""The disks and network interfaces of VMs: how they come, and how they go."""

from typing import Any

import pytest

from azvm_async.emulator import Emulator
from emulator.sites import COMPUTE, NIC, VM, body, gone, machine, network, refusal
from emulator.support import Caller

DISKS = f"{COMPUTE}/disks"
DATA = {"lun": 0, "createOption": "Empty", "diskSizeGB": 64, "name": "data"}


def storage(*data: dict[str, Any], **os_disk: Any) -> dict[str, Any]:
    """Return a storage profile."""
    return {"osDisk": {"createOption": "FromImage", **os_disk}, "dataDisks": list(data)}


async def test_a_vm_gets_an_os_disk_with_a_name_of_its_own(arm: Emulator, caller: Caller):
    await caller.act(VM, "PUT", machine())
    disk = (await caller.get(VM))["properties"]["storageProfile"]["osDisk"]
    assert disk["name"].startswith("new_OsDisk_1_")
    assert len(disk["name"]) == len("new_OsDisk_1_") + 32
    assert disk["managedDisk"]["id"] == f"{DISKS}/{disk['name']}"
    assert arm.resources() == [VM, disk["managedDisk"]["id"]]


async def test_a_vm_that_says_nothing_of_storage_has_an_image_and_a_disk(caller: Caller):
    await caller.act(VM, "PUT", {"location": "westeurope"})
    shown = (await caller.get(VM))["properties"]["storageProfile"]
    assert shown["imageReference"]["publisher"] == "Canonical"
    assert not await gone(caller, shown["osDisk"]["managedDisk"]["id"])


async def test_disks_have_the_names_that_they_were_given_and_know_their_vm(caller: Caller):
    await caller.act(VM, "PUT", machine(storage(DATA, name="root")))
    disks = [await caller.get(f"{DISKS}/{name}") for name in ("root", "data")]
    assert [disk["managedBy"] for disk in disks] == [VM, VM]
    assert [disk["properties"]["diskSizeGB"] for disk in disks] == [30, 64]
    assert [disk["properties"]["diskState"] for disk in disks] == ["Attached", "Attached"]


async def test_a_vm_that_was_added_in_python_has_no_disks(arm: Emulator, caller: Caller, vm: str):
    await caller.act(vm, "PATCH", {"tags": {"a": "b"}})
    assert arm.resources() == [vm]


async def test_a_vm_put_again_keeps_its_disk(arm: Emulator, caller: Caller):
    await caller.act(VM, "PUT", machine())
    before = arm.resources()
    await caller.act(VM, "PUT", machine())
    assert arm.resources() == before


async def test_a_data_disk_left_out_is_detached(caller: Caller):
    await caller.act(VM, "PUT", machine(storage(DATA)))
    await caller.act(VM, "PUT", machine(storage()))
    assert (await caller.get(f"{DISKS}/data"))["properties"]["diskState"] == "Unattached"


async def test_a_disk_can_be_attached(caller: Caller):
    await caller.act(f"{DISKS}/own", "PUT", body(diskSizeGB=8, creationData={"createOption": "Empty"}))
    disk = {"lun": 1, "createOption": "Attach", "managedDisk": {"id": f"{DISKS}/own"}}
    await caller.act(VM, "PUT", machine(storage(disk)))
    assert (await caller.get(f"{DISKS}/own"))["managedBy"] == VM


async def test_a_disk_that_is_missing_cannot_be_attached(caller: Caller):
    disk = {"lun": 1, "createOption": "Attach", "managedDisk": {"id": f"{DISKS}/own"}}
    assert await refusal(caller, "PUT", VM, machine(storage(disk))) == (404, "NotFound")


async def test_a_disk_of_one_vm_cannot_be_attached_to_another(caller: Caller):
    await caller.act(VM, "PUT", machine(storage(DATA)))
    disk = {"lun": 1, "createOption": "Attach", "managedDisk": {"id": f"{DISKS}/data"}}
    assert await refusal(caller, "PUT", f"{VM}2", machine(storage(disk))) == (409, "ConflictingUserInput")


async def test_a_name_that_is_taken_makes_no_disk(caller: Caller):
    await caller.act(VM, "PUT", machine(storage(DATA)))
    await caller.act(VM, "DELETE")
    assert await refusal(caller, "PUT", VM, machine(storage(DATA))) == (409, "ConflictingUserInput")


@pytest.mark.parametrize("disk", [{"name": "x"}, {"lun": "1"}, "disk"])
async def test_a_data_disk_needs_a_number(caller: Caller, disk: object):
    document = body(storageProfile={"dataDisks": [disk]})
    assert await refusal(caller, "PUT", VM, document) == (400, "InvalidRequestContent")


async def test_a_vm_leaves_its_disks_and_interfaces_behind_if_nothing_else_was_said(arm: Emulator, caller: Caller):
    await network(caller)
    await caller.act(VM, "PUT", machine(storage(DATA, name="root"), primary=True))
    await caller.act(VM, "DELETE")
    left = [f"{DISKS}/root", f"{DISKS}/data", NIC]
    assert set(left) <= set(arm.resources())
    assert [(await caller.act(path, "DELETE"))["status"] for path in left] == ["Succeeded"] * 3


async def test_a_vm_takes_along_what_shall_be_deleted_with_it(caller: Caller):
    await network(caller)
    profile = storage({**DATA, "deleteOption": "Delete"}, name="root", deleteOption="Delete")
    await caller.act(VM, "PUT", machine(profile, deleteOption="Delete"))
    await caller.act(VM, "DELETE")
    assert [await gone(caller, path) for path in (f"{DISKS}/root", f"{DISKS}/data", NIC)] == [True] * 3


async def test_a_patch_changes_what_goes_with_the_vm(caller: Caller):
    await network(caller)
    await caller.act(VM, "PUT", machine(storage(DATA, name="root"), primary=True))
    changes = {
        "storageProfile": {
            "osDisk": {"deleteOption": "Delete"},
            "dataDisks": [{"lun": 0, "deleteOption": "Delete"}],
        },
        "networkProfile": {"networkInterfaces": [{"id": NIC, "properties": {"deleteOption": "Delete"}}]},
    }
    await caller.act(VM, "PATCH", {"properties": changes})
    assert (await caller.get(VM))["properties"]["storageProfile"]["dataDisks"][0]["name"] == "data"
    await caller.act(VM, "DELETE")
    assert [await gone(caller, path) for path in (f"{DISKS}/root", f"{DISKS}/data", NIC)] == [True] * 3


async def test_a_vm_needs_its_network_interface(caller: Caller):
    answer = await refusal(caller, "PUT", VM, machine(primary=True))
    assert answer == (400, "InvalidResourceReference")


async def test_a_network_interface_serves_one_vm(caller: Caller):
    await network(caller)
    await caller.act(VM, "PUT", machine(primary=True))
    assert await refusal(caller, "PUT", f"{VM}2", machine(primary=True)) == (400, "NicInUse")


async def test_interfaces_are_not_made_out_of_configurations(caller: Caller):
    document = body(networkProfile={"networkInterfaceConfigurations": [{"name": "x"}]})
    assert await refusal(caller, "PUT", VM, document) == (400, "InvalidParameter")
