"""Failures on demand."""

import pytest

from azvm_async.emulator import Emulator
from emulator.sites import NSG, VM, body, machine, refusal
from emulator.support import Caller, run_command

SCARCE = ("AllocationFailed", "There is no room.")


@pytest.mark.parametrize(
    ("glob", "path"),
    [
        ("Microsoft.Compute/virtualMachines/new", VM),
        ("microsoft.compute/virtualmachines/N*", VM),
        ("*", NSG),
        ("Microsoft.Network/networkSecurityGroups/*", NSG),
    ],
)
async def test_a_creation_fails_and_the_resource_is_left_as_failed(arm: Emulator, caller: Caller, glob: str, path: str):
    arm.fail(glob, *SCARCE)
    status = await caller.act(path, "PUT", machine())
    assert (status["status"], status["error"]["code"]) == ("Failed", "AllocationFailed")
    assert (await caller.get(path))["properties"]["provisioningState"] == "Failed"


async def test_a_vm_that_failed_tells_why(arm: Emulator, caller: Caller):
    arm.fail("*", *SCARCE)
    await caller.act(VM, "PUT", machine())
    entry = (await caller.get(f"{VM}/instanceView"))["statuses"][0]
    assert (entry["code"], entry["level"], entry["message"]) == (
        "ProvisioningState/failed/AllocationFailed",
        "Error",
        "There is no room.",
    )


async def test_other_resources_do_not_fail(arm: Emulator, caller: Caller):
    arm.fail("Microsoft.Compute/*", *SCARCE)
    assert (await caller.act(NSG, "PUT", body()))["status"] == "Succeeded"


async def test_a_failure_strikes_so_many_times(arm: Emulator, caller: Caller):
    arm.fail("*", *SCARCE, times=2)
    assert [(await caller.act(NSG, "PUT", body()))["status"] for _ in range(3)] == ["Failed", "Failed", "Succeeded"]


@pytest.mark.parametrize("path", [VM, NSG])
async def test_a_patch_is_no_creation(arm: Emulator, caller: Caller, path: str):
    await caller.act(path, "PUT", machine())
    arm.fail("*", *SCARCE)
    assert (await caller.act(path, "PATCH", {"tags": {}}))["status"] == "Succeeded"


async def test_a_run_command_fails_too(live: Caller, quick: Emulator):
    vm = quick.add_vm("vm1", power="running")
    quick.fail("*/runCommands/*", *SCARCE)
    status = await live.act(f"{vm}/runCommands/x", "PUT", run_command("true"))
    assert (status["status"], status["error"]["code"]) == ("Failed", "AllocationFailed")


@pytest.mark.parametrize("path", [VM, NSG])
async def test_one_of_the_preflight_is_refused_and_nothing_exists(arm: Emulator, caller: Caller, path: str):
    arm.fail("*", "QuotaExceeded", "No more.", preflight=True)
    assert await refusal(caller, "PUT", path, machine()) == (409, "QuotaExceeded")
    assert arm.resources() == []


async def test_one_of_the_preflight_strikes_once(arm: Emulator, caller: Caller):
    arm.fail("*", "QuotaExceeded", "No more.", preflight=True)
    await caller.send("PUT", NSG, body())
    assert (await caller.act(NSG, "PUT", body()))["status"] == "Succeeded"


@pytest.mark.parametrize("path", [VM, NSG])
async def test_a_deletion_is_refused_so_many_times(arm: Emulator, caller: Caller, path: str):
    await caller.act(path, "PUT", machine())
    arm.refuse_delete("*", "Conflict", "Not yet.", status=429, times=2)
    answers = [await caller.send("DELETE", path) for _ in range(3)]
    assert [answer.status for answer in answers] == [429, 429, 202]
    assert answers[0].document()["error"] == {"code": "Conflict", "message": "Not yet."}
