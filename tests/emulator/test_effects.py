"""The record of effects: what was changed, once, and nothing else."""

import contextlib
from typing import Any

import pytest

from azvm_async.clock import VirtualClock
from azvm_async.emulator import Effect, Emulator, faults
from emulator.deploying import Deployer
from emulator.sites import COMPUTE, NSG, RG, SUB, SUBNET, VM, VNET, body, machine, vnet
from emulator.small_templates import ALL, ONE, balancer, balancer_id, nested, template
from emulator.small_templates import body as deployment
from emulator.support import Caller, run_command, until

ACTIONS = ["start", "powerOff", "deallocate", "restart", "redeploy", "reapply", "reimage"]


def told(arm: Emulator) -> list[tuple[str, str]]:
    """Return the verbs and resources of all effects."""
    return [(effect.verb, effect.resource) for effect in arm.effects]


async def test_an_effect_tells_what_when_and_because_of_which_request(
    arm: Emulator, caller: Caller, clock: VirtualClock, vm: str
):
    await caller.send("GET", vm)
    await clock.sleep(5)
    await caller.send("POST", f"{vm}/start")
    assert arm.effects == [Effect("start", vm, 5.0, 1)]
    assert arm.requests[1].path == f"{vm}/start"


@pytest.mark.parametrize("verb", ACTIONS)
async def test_every_action_is_an_effect(arm: Emulator, caller: Caller, vm: str, verb: str):
    await caller.act(f"{vm}/{verb}")
    assert told(arm) == [(verb, vm)]


async def test_an_eviction_is_an_effect(arm: Emulator, caller: Caller, vm: str):
    await caller.send("POST", f"{vm}/simulateEviction")
    assert told(arm) == [("simulateEviction", vm)]


async def test_what_was_done_twice_is_there_twice(arm: Emulator, caller: Caller, vm: str):
    await caller.send("POST", f"{vm}/restart")
    await caller.send("POST", f"{vm}/restart")
    assert [(effect.verb, effect.request) for effect in arm.effects] == [("restart", 0), ("restart", 1)]


@pytest.mark.parametrize("where", ["", "/instanceView", "?$expand=instanceView"])
async def test_reading_has_no_effect(arm: Emulator, caller: Caller, vm: str, where: str):
    await caller.send("GET", f"{vm}{where}")
    assert arm.effects == []


@pytest.mark.parametrize(
    ("method", "path", "document"),
    [
        ("POST", f"{COMPUTE}/virtualMachines/none/start", None),
        ("DELETE", VM, None),
        ("DELETE", NSG, None),
        ("PUT", NSG, {"location": 1}),
        ("PUT", VM, {"location": "westeurope", "properties": 1}),
        ("PATCH", RG, {"tags": 1}),
        ("POST", f"{SUB}/providers/Microsoft.Nonsense/register", None),
    ],
)
async def test_what_was_refused_or_found_nothing_has_no_effect(
    arm: Emulator, caller: Caller, method: str, path: str, document: Any
):
    await caller.send(method, path, document)
    assert arm.effects == []


@pytest.mark.parametrize(
    ("fault", "count"),
    [
        (faults.ResetBefore(), 0),
        (faults.Status(503), 0),
        (faults.ExpiredToken(), 0),
        (faults.Conflict(), 0),
        (faults.ResetAfter(), 1),
        (faults.ResetMidway(), 1),
        (faults.Status(503, applied=True), 1),
        (faults.Truncated(), 1),
    ],
)
async def test_a_fault_leaves_the_effects_that_it_had(
    arm: Emulator, caller: Caller, vm: str, fault: faults.Fault, count: int
):
    arm.inject(fault)
    with contextlib.suppress(ConnectionResetError):
        await caller.send("POST", f"{vm}/start")
    assert told(arm) == [("start", vm)] * count


async def test_a_resource_is_created_updated_and_deleted(arm: Emulator, caller: Caller, clock: VirtualClock):
    await caller.act(NSG, "PUT", body())
    await caller.act(NSG, "PUT", body())
    await caller.act(NSG, "PATCH", {"tags": {}})
    request = len(arm.requests)
    deleted = await caller.send("DELETE", NSG)
    assert told(arm) == [("create", NSG), ("update", NSG), ("update", NSG)]
    due = clock.monotonic() + 4
    await caller.done(deleted)
    assert arm.effects[3:] == [Effect("delete", NSG, due, request)]


async def test_what_comes_and_goes_with_a_resource_is_told_too(arm: Emulator, caller: Caller):
    await caller.act(VNET, "PUT", vnet())
    await caller.act(VNET, "DELETE")
    assert told(arm) == [("create", VNET), ("create", SUBNET), ("delete", SUBNET), ("delete", VNET)]


async def test_a_vm_comes_and_goes_with_its_disk(arm: Emulator, caller: Caller):
    await caller.act(VM, "PUT", machine({"osDisk": {"name": "d", "deleteOption": "Delete"}}))
    await caller.act(VM, "PATCH", {"tags": {}})
    await caller.act(VM, "DELETE")
    disk = f"{COMPUTE}/disks/d"
    changes = [("create", VM), ("create", disk), ("update", VM), ("delete", VM), ("delete", disk)]
    assert told(arm) == changes


async def test_a_deletion_that_fails_or_never_ends_has_no_effect(arm: Emulator, caller: Caller, clock: VirtualClock):
    vms = [arm.add_vm(name) for name in ("vm1", "vm2")]
    for path, fault in zip(vms, (faults.Preempted(), faults.Endless()), strict=True):
        arm.inject(fault)
        await caller.send("DELETE", path)
    await clock.sleep(1000)
    assert arm.effects == []


async def test_a_resource_group_is_created_updated_and_deleted_with_all_that_is_in_it(arm: Emulator, caller: Caller):
    group = f"{SUB}/resourceGroups/new"
    rule = f"{group}/providers/Microsoft.Network/networkSecurityGroups/nsg"
    await caller.send("PUT", group, {"location": "westeurope"})
    await caller.send("PUT", group, {"location": "westeurope"})
    await caller.send("PATCH", group, {"tags": {}})
    await caller.act(rule, "PUT", body())
    vm = arm.add_vm("vm1", resource_group="new")
    await caller.send("DELETE", group)
    await caller.clock.sleep(100)
    changes = [("create", group), ("update", group), ("update", group), ("create", rule)]
    assert told(arm) == [*changes, ("delete", rule), ("delete", vm), ("delete", group)]
    assert [effect.request for effect in arm.effects[4:]] == [len(arm.requests) - 1] * 3


async def test_a_run_command_is_created_run_updated_and_deleted(quick: Emulator, live: Caller):
    vm = quick.add_vm("vm1", power="running")
    command = f"{vm}/runCommands/x"
    await live.run(vm, "x", run_command("true"))
    await live.run(vm, "x", run_command("true"))
    await live.act(command, "DELETE")
    changes = [("create", command), ("run", command), ("update", command), ("run", command), ("delete", command)]
    assert told(quick) == changes
    assert quick.requests[quick.effects[3].request or 0].method == "PUT"


async def test_the_older_action_runs_a_script_in_its_vm(quick: Emulator, live: Caller):
    vm = quick.add_vm("vm1", power="running")
    await live.send("POST", f"{vm}/runCommand", {"commandId": "RunShellScript", "script": ["true"]})
    await until(lambda: bool(quick.effects))
    assert [effect[:2] + effect[3:] for effect in quick.effects] == [("run", vm, 0)]


async def test_a_vm_takes_its_run_commands_along(quick: Emulator, live: Caller):
    vm = quick.add_vm("vm1", power="running")
    await live.run(vm, "x", run_command("true"))
    await live.act(vm, "DELETE")
    assert told(quick)[2:] == [("delete", f"{vm}/runCommands/x"), ("delete", vm)]


async def test_a_deployment_begins_makes_its_resources_and_is_forgotten(arm: Emulator, deployer: Deployer):
    await deployer.deploy(deployment(balancer("a"), balancer("b", "a")))
    assert told(arm) == [("deploy", ONE), ("create", balancer_id("a")), ("create", balancer_id("b"))]
    assert {effect.request for effect in arm.effects} == {0}
    await deployer.followed(await deployer.send("DELETE", ONE))
    assert told(arm)[3:] == [("delete", ONE)]


async def test_nested_deployments_begin_too(arm: Emulator, deployer: Deployer):
    await deployer.deploy(deployment(nested("inner", template(balancer("a")))))
    assert told(arm) == [("deploy", ONE), ("deploy", f"{ALL}/inner"), ("create", balancer_id("a"))]


async def test_a_deployment_is_cancelled(arm: Emulator, deployer: Deployer):
    await deployer.send("PUT", ONE, deployment(balancer("a")))
    await deployer.send("POST", f"{ONE}/cancel")
    assert told(arm) == [("deploy", ONE), ("cancel", ONE)]


@pytest.mark.parametrize("verb", ["validate", "whatIf"])
async def test_to_ask_what_a_deployment_would_do_has_no_effect(arm: Emulator, deployer: Deployer, verb: str):
    await deployer.send("POST", f"{ONE}/{verb}", deployment(balancer("a")))
    assert arm.effects == []


async def test_a_stack_comes_changes_and_goes(arm: Emulator, deployer: Deployer):
    stack = f"{RG}/providers/Microsoft.Resources/deploymentStacks/s"
    properties = {
        "template": template(balancer("a")),
        "actionOnUnmanage": {"resources": "delete"},
        "denySettings": {"mode": "none"},
    }
    for _ in range(2):
        await deployer.send("PUT", stack, {"properties": properties})
        await deployer.clock.sleep(100)
    await deployer.send("DELETE", f"{stack}?unmanageAction.Resources=delete")
    await deployer.clock.sleep(100)
    found = [(verb, path) for verb, path in told(arm) if verb != "deploy"]
    made = balancer_id("a")
    changes = [("create", stack), ("create", made), ("update", stack), ("update", made)]
    assert found == [*changes, ("delete", made), ("delete", stack)]


async def test_registering_is_an_effect(arm: Emulator, caller: Caller):
    provider = f"{SUB}/providers/Microsoft.Compute"
    await caller.send("POST", f"{provider}/unregister")
    await caller.send("POST", f"{provider}/register")
    assert told(arm) == [("unregister", provider), ("register", provider)]


async def test_what_python_adds_is_no_effect(arm: Emulator):
    arm.add_resource_group("other")
    arm.add_vm("vm1")
    assert arm.effects == []
