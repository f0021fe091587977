"""The state file: what outlives an emulator, what doesn't, and what is wrong with a file."""

import json
import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from azvm_async import AzureVMClient
from azvm_async.clock import VirtualClock
from azvm_async.emulator import Durations, Emulator, faults
from emulator.deploying import Deployer
from emulator.sites import ADDRESS, COMPUTE, LOCK, NIC, RG, SUBNET, VM, VNET, body, machine, network, nic, refusal, vnet
from emulator.small_templates import GROUP, ONE, balancer, balancer_id, nested, resource, template
from emulator.small_templates import body as deployment
from emulator.support import Caller, run_command

OTHER_NIC = f"{NIC}2"
EXAMPLE = Path(__file__).parents[2] / "examples" / "ubuntu-vm.jsonc"
KEY = {"adminPublicKey": "ssh-ed25519 AAAA example"}
SECRET = "hush-hush"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "state.json"


def start(file: Path, *, later: int = 0, **options: Any) -> Emulator:
    """Return an emulator with this state file, in some year."""
    clock = VirtualClock(datetime(2026 + later, 1, 1, tzinfo=UTC))
    return Emulator(clock, port=None, state=file, **options)


async def caller_of(arm: Emulator) -> Deployer:
    return Deployer(arm, arm.clock, (await arm.credential().get_token()).token)


def content(file: Path) -> str:
    return file.read_text("utf-8")


def modes(folder: Path) -> dict[str, int]:
    """Return who may do what with the files of a folder."""
    return {each.name: each.stat().st_mode & 0o777 for each in folder.iterdir()}


def write(file: Path, **group: Any) -> None:
    """Write a file by hand: a subscription with a resource group."""
    groups = [{"name": "emulated-rg", **group}]
    write_all(file, {"id": "00000000-0000-0000-0000-000000000001", "resourceGroups": groups})


def write_all(file: Path, *subscriptions: dict[str, Any]) -> None:
    file.write_text(json.dumps({"version": 1, "subscriptions": subscriptions}))


async def test_a_file_of_a_few_lines_by_hand_is_a_world(file: Path):
    write(file, resources=[{"type": "Microsoft.Compute/virtualMachines", "name": "vm1"}])
    async with start(file) as arm:
        caller = await caller_of(arm)
        assert await caller.power(arm.vm("vm1").path) == "PowerState/deallocated"
        assert (await caller.act(f"{arm.vm('vm1').path}/start"))["status"] == "Succeeded"


async def test_an_inline_subnet_and_addresses_by_hand_are_as_if_they_had_been_put(file: Path):
    taken = nic(privateIPAddress="10.1.0.4")
    write(
        file,
        resources=[
            {"type": "Microsoft.Network/virtualNetworks", "name": "vnet", **vnet()},
            {"type": "Microsoft.Network/networkInterfaces", "name": "nic", **nic()},
            {"type": "Microsoft.Network/networkInterfaces", "name": "other", **taken},
        ],
    )
    async with start(file) as arm:
        caller = await caller_of(arm)
        assert (await caller.get(SUBNET))["properties"]["addressPrefix"] == "10.1.0.0/24"
        assert await addresses(caller, NIC) == ["10.1.0.5"]


async def addresses(caller: Caller, interface: str) -> list[str]:
    properties = (await caller.get(interface))["properties"]
    return [each["properties"]["privateIPAddress"] for each in properties["ipConfigurations"]]


MACHINE = {"type": "Microsoft.Compute/virtualMachines", "name": "vm1"}


@pytest.mark.parametrize(
    ("group", "message"),
    [
        ({"resources": [{"type": MACHINE["type"]}]}, r"subscriptions\[0\].resourceGroups\[0\].resources\[0\]: 'name': expected"),
        ({"resources": [MACHINE, MACHINE]}, r"resources\[1\]: 'name'"),
        ({"resources": [{**MACHINE, "emulator": {"powerState": "off"}}]}, r"emulator: 'powerState': .*running.* found 'off'"),
        ({"resources": [{**MACHINE, "properties": {"timeCreated": "today"}}]}, r"properties: 'timeCreated': expected a date"),
        ({"resources": [{**MACHINE, "properties": {"timeCreated": "0001-01-01T00:00:00+23:59"}}]}, r"'timeCreated': expected a date"),
        ({"resources": [7]}, r"resources\[0\]: expected an object, found 7"),
        ({"resources": [{"type": "Microsoft.Network/virtualNetworks/subnets", "name": "a/b"}]}, r"resources\[0\]: .*[Pp]arent"),
        ({"resource": []}, r"resourceGroups\[0\]: unknown name 'resource', expected name"),
        ({"location": "north pole!"}, r"resourceGroups\[0\]: .*north pole"),
        ({"deployments": [{"name": "d", "properties": {"provisioningState": "Running"}}]}, r"deployments\[0\].properties: .*Succeeded"),
        ({"stacks": [{"name": "s", "emulator": {"deployment": "d"}}]}, r"stacks\[0\].emulator: 'deployment'"),
    ],
)  # fmt: skip
def test_what_is_wrong_in_a_file_is_told_with_its_place(file: Path, group: dict[str, Any], message: str):
    write(file, **group)
    before = content(file)
    with pytest.raises(ValueError, match=message):
        start(file)
    assert content(file) == before


@pytest.mark.parametrize(
    "text", ["{", "[]", "{}", '{"version": 2}', "\udc80", '{"version": 1, "seenTypes": [{"type": "A.B/c"}]}']
)
def test_what_is_no_state_file_is_refused(file: Path, text: str):
    file.write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(ValueError, match="not as it should be"):
        start(file)


async def test_no_other_emulator_can_have_the_file_meanwhile(file: Path):
    async with start(file):
        with pytest.raises(ValueError, match="another emulator has"):
            start(file)
    async with start(file):
        pass


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_what_is_no_regular_file_is_refused_and_stays(file: Path, make: Callable[[Path], None]):
    make(file)
    before = file.stat()
    with pytest.raises(ValueError, match="is not a regular file"):
        start(file)
    assert os.path.samestat(file.stat(), before)


@pytest.mark.parametrize(
    ("options", "meant"),
    [
        ({}, ("Theirs", "first")),
        ({"resource_group": "second"}, ("Theirs", "second")),
        ({"subscription": "other"}, ("other", "third")),
        ({"subscription": "new"}, ("new", "emulated-rg")),
    ],
)
async def test_the_first_names_in_the_file_are_meant_unless_others_are_named(
    file: Path, options: dict[str, str], meant: tuple[str, str]
):
    groups = [{"name": "first"}, {"name": "second"}]
    write_all(file, {"id": "Theirs", "resourceGroups": groups}, {"id": "other", "resourceGroups": [{"name": "third"}]})
    async with start(file, **options) as arm:
        assert (arm.subscription, arm.resource_group) == meant
        assert arm.add_vm("vm1").split("/")[2:5:2] == list(meant)


async def test_the_file_is_for_its_owner_only(file: Path):
    async with start(file):
        pass
    assert modes(file.parent) == {file.name: 0o600}


async def test_it_is_saved_also_when_an_exception_leaves_the_emulator(file: Path):
    arm = start(file)
    arm.add_vm("vm1")
    with pytest.raises(KeyError):
        async with arm:
            raise KeyError
    async with start(file) as arm:
        assert arm.vm("vm1").power_state == "deallocated"


async def test_an_emulator_that_could_not_start_leaves_no_file(file: Path):
    async with Emulator() as other:
        port = int(other.endpoint.rpartition(":")[2])
        with pytest.raises(OSError, match="address"):
            async with Emulator(port=port, state=file):
                pass
    assert modes(file.parent) == {}


async def test_ids_that_were_given_out_do_not_come_again(file: Path):
    async with start(file) as arm:
        given = {arm._world.new_id() for _ in range(10)}
    async with start(file) as arm:
        assert not given & {arm._world.new_id() for _ in range(10)}


async def test_what_is_read_from_the_file_is_no_effect(file: Path):
    write(file, resources=[{"type": "Microsoft.Network/virtualNetworks", "name": "vnet", **vnet()}])
    async with start(file) as arm:
        assert SUBNET in arm.resources()
        assert arm.effects == []


async def test_text_that_is_not_unicode_is_kept(file: Path):
    half = "half a pair: \ud83d"
    async with start(file) as arm:
        arm.add_vm("vm1", tags={"a": half})
    async with start(file) as arm:
        assert arm.vm("vm1").tags == {"a": half}


async def test_dates_are_the_same_ones_by_another_clock(file: Path):
    async with start(file) as arm:
        arm.add_vm("vm1", power="running")
        caller = await caller_of(arm)
        await caller.act(f"{arm.vm('vm1').path}/powerOff")
        before = await caller.get(f"{arm.vm('vm1').path}?$expand=instanceView")
    async with start(file, later=3) as arm:
        assert await (await caller_of(arm)).get(f"{arm.vm('vm1').path}?$expand=instanceView") == before


async def test_what_is_under_way_is_brought_to_its_end(file: Path):
    async with start(file) as arm:
        arm.add_vm("vm1")
        await (await caller_of(arm)).send("POST", f"{arm.vm('vm1').path}/start")
    async with start(file) as arm:
        assert (arm.vm("vm1").power_state, arm.vm("vm1").provisioning_state) == ("running", "Succeeded")


async def test_what_would_never_end_has_failed(file: Path):
    async with start(file) as arm:
        arm.add_vm("vm1")
        arm.inject(faults.Endless())
        await (await caller_of(arm)).send("POST", f"{arm.vm('vm1').path}/start")
    async with start(file) as arm:
        assert (arm.vm("vm1").power_state, arm.vm("vm1").provisioning_state) == ("deallocated", "Failed")


async def test_a_script_that_runs_is_killed_and_its_run_command_canceled(file: Path):
    async with Emulator(port=None, durations=Durations().scaled(0.001), state=file) as arm:
        path = arm.add_vm("vm1", power="running")
        await (await caller_of(arm)).send("PUT", f"{path}/runCommands/c", run_command("sleep 600"))
    async with start(file) as arm:
        assert (await (await caller_of(arm)).view(path, "c"))["executionState"] == "Canceled"


async def test_a_bulk_operation_that_waits_is_cancelled(file: Path):
    async with start(file) as arm:
        document = {
            "executionParameters": {},
            "resources": {"ids": [arm.add_vm("vm1")]},
            "schedule": {"deadline": "2026-01-02T00:00:00Z", "timezone": "UTC", "deadlineType": "InitiateAt"},
            "correlationid": "c",
        }
        where = f"/subscriptions/{arm.subscription}/providers/Microsoft.ComputeSchedule/locations/westeurope/virtualMachinesSubmitStart"
        answer = await (await caller_of(arm)).send("POST", where, document)
        assert answer.document()["results"][0]["operation"]["state"] == "PendingScheduling"
    assert arm.effects == []
    async with start(file) as arm:
        assert arm.vm("vm1").power_state == "deallocated"


async def test_a_script_that_the_end_would_have_begun_never_runs(file: Path):
    async with start(file) as arm:
        vm = arm.add_vm("vm1", power="running")
        run = resource("Microsoft.Compute/virtualMachines/runCommands", "vm1/c", **run_command("true"))
        await (await caller_of(arm)).send("PUT", ONE, deployment(run))
    assert arm._world.instructions == []
    async with start(file) as arm:
        assert (await (await caller_of(arm)).view(vm, "c"))["executionState"] == "Canceled"


async def test_no_secret_is_in_the_file(file: Path):
    async with start(file, run_scripts=False) as arm:
        caller = await caller_of(arm)
        await network(caller)
        whole = machine(None, primary=True)
        whole["properties"] |= {"osProfile": {"adminPassword": SECRET, "customData": SECRET}, "userData": SECRET}
        await caller.act(VM, "PUT", whole)
        await caller.act(f"{VM}/extensions/e", "PUT", body(protectedSettings={"key": SECRET}))
        protected = {"source": {"script": "true"}, "protectedParameters": [{"name": "a", "value": SECRET}]}
        await caller.act(f"{VM}/runCommands/c", "PUT", body(**protected))
        parameters = {"word": {"type": "secureString"}}
        inner = template(balancer("two"), variables={"leak": "[parameters('word')]"})
        outer = deployment(
            nested("inner", inner, apiVersion="2022-09-01"),
            balancer("one"),
            parameters=parameters,
            values={"word": SECRET},
        )
        await caller.deploy(outer)
        assert (await caller.get(ONE))["properties"]["provisioningState"] == "Succeeded"
    assert '"one"' in content(file)
    assert SECRET not in content(file)


async def test_links_locks_and_addresses_hold(file: Path):
    async with start(file) as arm:
        caller = await caller_of(arm)
        await network(caller)
        await caller.act(ADDRESS, "PUT", body())
        await caller.act(VM, "PUT", machine(None, primary=True))
        await caller.send("PUT", f"{VNET}/{LOCK}", {"properties": {"level": "CanNotDelete"}})
        given, vm_id = (await caller.get(ADDRESS))["properties"]["ipAddress"], arm.vm("new").vm_id
    async with start(file) as arm:
        caller = await caller_of(arm)
        assert (await refusal(caller, "DELETE", NIC))[1] == "NicInUse"
        assert (await refusal(caller, "DELETE", VNET))[1] == "ScopeLocked"
        await caller.act(OTHER_NIC, "PUT", nic())
        await caller.act(f"{ADDRESS}2", "PUT", body())
        await caller.act(ADDRESS, "PUT", body(idleTimeoutInMinutes=5))
        assert await addresses(caller, NIC) != await addresses(caller, OTHER_NIC)
        assert (await caller.get(f"{ADDRESS}2"))["properties"]["ipAddress"] != given
        assert (await caller.get(ADDRESS))["properties"]["ipAddress"] == given
        await caller.act(f"{COMPUTE}/virtualMachines/newer", "PUT", machine())
        assert arm.vm("newer").vm_id != vm_id


async def test_two_rounds_keep_the_order_and_the_bytes(file: Path):
    async with start(file) as arm:
        caller = await caller_of(arm)
        for name in ("b", "a", "c"):
            arm.add_vm(name)
            await caller.act(f"{RG}/providers/Microsoft.Network/networkSecurityGroups/{name}", "PUT", body())
        order = arm.resources()
    before = content(file)
    async with start(file, later=1) as arm:
        assert arm.resources() == order
    assert content(file) == before


async def test_a_deployment_can_be_deleted_or_repeated_and_its_template_is_refused(file: Path):
    async with start(file) as arm:
        await (await caller_of(arm)).deploy(
            deployment(nested("inner", template(balancer("one")), apiVersion="2022-09-01"))
        )
    async with start(file, later=1) as arm:
        caller = await caller_of(arm)
        assert (await caller.refused(None, f"{ONE}/exportTemplate", "POST"))[0] == 409
        assert (await caller.get(ONE))["properties"]["correlationId"]
        assert (await caller.deploy(deployment(balancer("two"))))["provisioningState"] == "Succeeded"
        assert (await caller.followed(await caller.send("DELETE", ONE))).status == 204
        assert arm.resources() == [balancer_id("one"), balancer_id("two")]


async def test_a_stack_still_deletes_what_it_manages(file: Path):
    stack = f"{GROUP}/providers/Microsoft.Resources/deploymentStacks/s1"
    given = deployment(nested("inner", template(balancer("one")), apiVersion="2022-09-01"))
    given["properties"] |= {"actionOnUnmanage": {"resources": "delete"}, "denySettings": {"mode": "none"}}
    async with start(file) as arm:
        await (await caller_of(arm)).send("PUT", stack, given)
    async with start(file, later=1) as arm:
        assert arm.resources() == [balancer_id("one")]
        caller = await caller_of(arm)
        await caller.send("DELETE", f"{stack}?unmanageAction.Resources=delete")
        await arm.clock.sleep(100)
        assert arm.resources() == []


async def test_the_client_removes_after_a_restart_what_it_provided_before(file: Path):
    async with start(file) as arm, client_of(arm) as client:
        kept = arm.add_vm("vm1")
        await client.provision("new", EXAMPLE, KEY).result()
    async with start(file, later=1) as arm, client_of(arm) as client:
        await client.deprovision("new").result()
        assert arm.resources() == [kept]


def client_of(arm: Emulator) -> AzureVMClient:
    return AzureVMClient(
        arm.subscription, arm.resource_group, arm.credential(), arm.endpoint, clock=arm.clock, transport=arm.transport()
    )
