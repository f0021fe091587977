"""The official SDK, sync and async, takes the emulator for Azure: whatever it asks, it understands the answer."""

from collections.abc import AsyncIterator
from typing import Any, NamedTuple

import azure.mgmt.compute
import azure.mgmt.compute.aio
import pytest
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.mgmt.compute.models import HardwareProfile, OSProfile, RunCommandInput, VirtualMachine

from azvm_async.emulator import Emulator
from emulator.official import Service, options

GROUP = "emulated-rg"
PARAMETERS = VirtualMachine(
    location="westeurope",
    hardware_profile=HardwareProfile(vm_size="Standard_B1s"),
    os_profile=OSProfile(computer_name="new", admin_username="azure", admin_password="hunter2!"),
    tags={"made": "by the SDK"},
)
SCRIPT = {"location": "westeurope", "properties": {"source": {"script": "echo from the SDK"}}}


class Official(NamedTuple):
    """One of the two SDKs, called in one way: each call is awaited to its end."""

    client: Any

    async def __call__(self, name: str, *arguments: Any, **options: Any) -> Any:
        """Call ``group.method``; wait for the end of what it begins, and gather what it lists."""
        group, _, method = name.rpartition(".")
        return await Service(self.client, group or "virtual_machines")(method, *arguments, **options)


@pytest.fixture(params=["sync", "async"])
async def official(request: pytest.FixtureRequest, served: Emulator) -> AsyncIterator[Official]:
    """Both SDKs in turn, polling as fast as they can, retrying nothing."""
    if request.param == "sync":
        with azure.mgmt.compute.ComputeManagementClient(**await options(served)) as client:
            yield Official(client)
    else:
        async with azure.mgmt.compute.aio.ComputeManagementClient(**await options(served)) as client:
            yield Official(client)


@pytest.mark.parametrize(
    ("method", "before", "after"),
    [
        ("begin_start", "deallocated", "running"),
        ("begin_power_off", "running", "stopped"),
        ("begin_deallocate", "running", "deallocated"),
        ("begin_restart", "running", "running"),
        ("begin_redeploy", "running", "running"),
        ("begin_reapply", "running", "running"),
        ("begin_reimage", "running", "running"),
    ],
)
async def test_an_action_ends_well(served: Emulator, official: Official, method: str, before: str, after: str):
    served.add_vm("vm1", power=before)
    assert await official(method, GROUP, "vm1") is None
    assert (served.vm("vm1").power_state, served.vm("vm1").provisioning_state) == (after, "Succeeded")


async def test_a_vm_is_created(official: Official):
    made = await official("begin_create_or_update", GROUP, "new", PARAMETERS)
    assert (made.name, made.provisioning_state, made.tags) == ("new", "Succeeded", {"made": "by the SDK"})
    assert (made.hardware_profile.vm_size, made.os_profile.admin_password) == ("Standard_B1s", None)


async def test_a_vm_is_updated(served: Emulator, official: Official):
    served.add_vm("vm1", power="running")
    changed = await official("begin_update", GROUP, "vm1", {"tags": {"a": "b"}})
    assert (changed.tags, changed.provisioning_state) == ({"a": "b"}, "Succeeded")


async def test_a_vm_is_deleted(served: Emulator, official: Official):
    served.add_vm("vm1")
    assert await official("begin_delete", GROUP, "vm1", force_deletion=True) is None
    with pytest.raises(KeyError):
        served.vm("vm1")


async def test_a_vm_that_is_not_there_is_deleted_too(official: Official):
    assert await official("begin_delete", GROUP, "ghost") is None


async def test_get_brings_the_instance_view(served: Emulator, official: Official):
    served.add_vm("vm1", power="running", size="Standard_D2s_v5")
    shown = await official("get", GROUP, "vm1", expand="instanceView")
    assert shown.hardware_profile.vm_size == "Standard_D2s_v5"
    assert [status.code for status in shown.instance_view.statuses] == [
        "ProvisioningState/succeeded",
        "PowerState/running",
    ]


async def test_the_instance_view_is_understood(served: Emulator, official: Official):
    served.add_vm("vm1")
    view = await official("instance_view", GROUP, "vm1")
    assert view.statuses[1].display_status == "VM deallocated"


@pytest.mark.parametrize(
    ("method", "arguments", "options"),
    [("list", [GROUP], {}), ("list_all", [], {"status_only": "true"}), ("list_by_location", ["West Europe"], {})],
)
async def test_lists_are_read_to_their_end(
    served: Emulator, official: Official, method: str, arguments: list[str], options: dict[str, str]
):
    for number in range(3):
        served.add_vm(f"vm{number}")
    assert [vm.name for vm in await official(method, *arguments, **options)] == ["vm0", "vm1", "vm2"]


@pytest.mark.parametrize(
    ("group", "made"),
    [
        ("availability_sets", "create_or_update"),
        ("dedicated_host_groups", "create_or_update"),
        ("proximity_placement_groups", "create_or_update"),
        ("ssh_public_keys", "create"),
    ],
)
async def test_what_is_done_at_once_is_made_updated_and_deleted(
    served: Emulator, official: Official, group: str, made: str
):
    body = {"location": "westeurope", "properties": {"platformFaultDomainCount": 1}}
    assert (await official(f"{group}.{made}", GROUP, "x", body)).name == "x"
    assert (await official(f"{group}.update", GROUP, "x", {"tags": {"a": "b"}})).tags == {"a": "b"}
    await official(f"{group}.delete", GROUP, "x")
    assert served.resources() == []


async def test_the_catalogue_of_run_commands_is_understood(official: Official):
    commands = "virtual_machine_run_commands"
    listed = await official(f"{commands}.list", "westeurope")
    shown = await official(f"{commands}.get", "westeurope", "RunShellScript")
    assert [each.id for each in listed] == ["RunPowerShellScript", "RunShellScript"]
    assert (shown.os_type, shown.script) == ("Linux", [])


async def test_extensions_disks_and_boot_diagnostics_are_understood(official: Official):
    account = {"bootDiagnostics": {"enabled": True, "storageUri": "https://a.example/"}}
    properties = {"diagnosticsProfile": account, "storageProfile": {"osDisk": {"name": "root"}}}
    await official("begin_create_or_update", GROUP, "vm1", {"location": "westeurope", "properties": properties})
    extension = {"location": "westeurope", "properties": {"publisher": "us", "type": "agent"}}
    await official("virtual_machine_extensions.begin_create_or_update", GROUP, "vm1", "agent", extension)
    shown = await official("get", GROUP, "vm1", expand="instanceView")
    assert [each.name for each in shown.resources] == ["agent"]
    assert [disk.name for disk in shown.instance_view.disks] == ["root"]
    assert shown.instance_view.boot_diagnostics.serial_console_log_blob_uri.startswith("https://a.example/")


async def test_an_eviction_is_accepted(served: Emulator, official: Official):
    served.add_vm("vm1", power="running")
    assert await official("simulate_eviction", GROUP, "vm1") is None


async def test_the_action_run_command_brings_the_output(served: Emulator, official: Official):
    served.add_vm("vm1", power="running")
    body = RunCommandInput(command_id="RunShellScript", script=["echo from the SDK"])
    result = await official("begin_run_command", GROUP, "vm1", body)
    assert "[stdout]\nfrom the SDK\n" in result.value[0].message


async def test_a_managed_run_command_is_made_and_read_and_listed_and_deleted(served: Emulator, official: Official):
    served.add_vm("vm1", power="running")
    commands = "virtual_machine_run_commands"
    made = await official(f"{commands}.begin_create_or_update", GROUP, "vm1", "hello", SCRIPT)
    shown = await official(f"{commands}.get_by_virtual_machine", GROUP, "vm1", "hello", expand="instanceView")
    listed = await official(f"{commands}.list_by_virtual_machine", GROUP, "vm1")
    await official(f"{commands}.begin_delete", GROUP, "vm1", "hello")
    assert (made.provisioning_state, shown.instance_view.output) == ("Succeeded", "from the SDK\n")
    assert (shown.instance_view.execution_state, shown.instance_view.exit_code) == ("Succeeded", 0)
    assert [each.name for each in listed] == ["hello"]
    assert await official(f"{commands}.list_by_virtual_machine", GROUP, "vm1") == []


async def test_a_missing_vm_is_the_sdks_not_found(official: Official):
    with pytest.raises(ResourceNotFoundError) as caught:
        await official("begin_start", GROUP, "ghost")
    assert caught.value.error.code == "ResourceNotFound"


@pytest.mark.parametrize(
    ("arguments", "code"), [(("nowhere", "vm1"), "ResourceGroupNotFound"), ((GROUP, "ghost"), "ResourceNotFound")]
)
async def test_what_is_missing_has_its_code(official: Official, arguments: tuple[str, str], code: str):
    with pytest.raises(ResourceNotFoundError) as caught:
        await official("get", *arguments)
    assert caught.value.error.code == code


async def test_a_conflict_has_its_code(served: Emulator, official: Official):
    served.add_vm("vm1")
    with pytest.raises(HttpResponseError) as caught:
        await official("virtual_machine_run_commands.begin_create_or_update", GROUP, "vm1", "x", SCRIPT)
    assert (caught.value.status_code, caught.value.error.code) == (409, "OperationNotAllowed")


async def test_a_failed_operation_has_its_code(served: Emulator, official: Official):
    served.add_vm("vm1", power="running")
    failing = {"source": {"script": "exit 1"}, "treatFailureAsDeploymentFailure": True}
    with pytest.raises(HttpResponseError) as caught:
        await official(
            "virtual_machine_run_commands.begin_create_or_update",
            GROUP,
            "vm1",
            "x",
            {"location": "westeurope", "properties": failing},
        )
    assert caught.value.error.code == "RunCommandScriptFailed"
