"""What actions do to the power of a VM, and what they do to each other."""

import pytest

from azvm_async.clock import VirtualClock
from azvm_async.emulator import Emulator
from emulator.support import Caller


@pytest.mark.parametrize(
    ("power", "action", "meanwhile", "afterwards"),
    [
        ("deallocated", "start", "starting", "running"),
        ("stopped", "start", "starting", "running"),
        ("running", "powerOff", "stopping", "stopped"),
        ("running", "powerOff?skipShutdown=true", "stopping", "stopped"),
        ("deallocated", "powerOff", "deallocated", "deallocated"),
        ("running", "deallocate", "deallocating", "deallocated"),
        ("stopped", "deallocate", "deallocating", "deallocated"),
        ("running", "restart", "running", "running"),
        ("running", "redeploy", "running", "running"),
        ("stopped", "reapply", "stopped", "stopped"),
        ("running", "reimage", "running", "running"),
    ],
)
async def test_an_action_leads_through_a_state_to_another(
    arm: Emulator, caller: Caller, power: str, action: str, meanwhile: str, afterwards: str
):
    vm = arm.add_vm("vm1", power=power)
    accepted = await caller.send("POST", f"{vm}/{action}")
    seen = await caller.power(vm)
    await caller.done(accepted)
    assert (seen, await caller.power(vm)) == (f"PowerState/{meanwhile}", f"PowerState/{afterwards}")


async def test_a_vm_is_updating_until_the_action_ends(arm: Emulator, caller: Caller, vm: str):
    accepted = await caller.send("POST", f"{vm}/redeploy")
    assert arm.vm("vm1").provisioning_state == "Updating"
    await caller.done(accepted)
    assert arm.vm("vm1").provisioning_state == "Succeeded"


async def test_a_start_of_a_running_vm_succeeds_quickly(clock: VirtualClock, caller: Caller, vm: str):
    accepted = await caller.send("POST", f"{vm}/start")
    await clock.sleep(1)
    assert (accepted.status, (await caller.poll(accepted))["status"]) == (202, "Succeeded")


async def test_a_deallocated_vm_is_not_restarted(arm: Emulator, caller: Caller):
    answer = await caller.send("POST", f"{arm.add_vm('vm1')}/restart")
    assert (answer.status, answer.document()["error"]["code"]) == (409, "OperationNotAllowed")
    assert (arm.vm("vm1").provisioning_state, arm.effects) == ("Succeeded", [])


async def test_a_vm_on_its_way_to_deallocated_is_not_restarted_either(caller: Caller, vm: str):
    deallocation = await caller.send("POST", f"{vm}/deallocate")
    assert (await caller.send("POST", f"{vm}/restart")).status == 409
    assert (await caller.done(deallocation))["status"] == "Succeeded"


async def test_a_newer_action_cancels_the_older(caller: Caller, vm: str):
    older = await caller.send("POST", f"{vm}/deallocate")
    newer = await caller.send("POST", f"{vm}/start")
    ended = await caller.poll(older)
    assert (ended["status"], ended["error"]["code"]) == ("Canceled", "OperationPreempted")
    assert (await caller.done(newer))["status"] == "Succeeded"
    assert await caller.power(vm) == "PowerState/running"


async def test_an_action_without_destination_lets_the_vm_arrive_where_it_was_going(caller: Caller, vm: str):
    await caller.send("POST", f"{vm}/deallocate")
    await caller.act(f"{vm}/reapply")
    assert await caller.power(vm) == "PowerState/deallocated"


async def test_a_canceled_action_has_no_effect_when_it_would_have_ended(clock: VirtualClock, caller: Caller, vm: str):
    await caller.send("POST", f"{vm}/deallocate")
    await caller.act(f"{vm}/start")
    await clock.sleep(1000)
    assert await caller.power(vm) == "PowerState/running"


async def test_hibernation_is_shown_until_the_next_start(caller: Caller, vm: str):
    async def codes() -> list[str]:
        return [status["code"] for status in (await caller.get(f"{vm}/instanceView"))["statuses"]]

    await caller.act(f"{vm}/deallocate?hibernate=true")
    asleep = await codes()
    await caller.act(f"{vm}/start")
    assert "HibernationState/Hibernated" in asleep
    assert "HibernationState/Hibernated" not in await codes()


async def test_the_agent_is_seen_only_in_a_running_vm(arm: Emulator, caller: Caller, vm: str):
    off = arm.add_vm("off", power="deallocated")
    assert "vmAgent" in await caller.get(f"{vm}/instanceView")
    assert "vmAgent" not in await caller.get(f"{off}/instanceView")
