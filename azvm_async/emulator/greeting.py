"""What the command line says when the emulator listens: lines to paste into a shell or into Python, as they are."""

from collections.abc import Mapping
from shlex import quote

from azvm_async.emulator.emulator import Emulator

_CLIENT = """\
import asyncio

from azvm_async import AzureVMClient


async def main():
    async with AzureVMClient({subscription!r}, {group!r}, endpoint={endpoint!r}) as client:
{lines}


asyncio.run(main())"""

_OFFICIAL = """\
from azure.identity import DefaultAzureCredential
from azure.mgmt.compute import ComputeManagementClient

with ComputeManagementClient(DefaultAzureCredential(), {subscription!r}, base_url={endpoint!r}) as client:
    print([vm.name for vm in client.virtual_machines.list({group!r})])"""


async def greeting(arm: Emulator, machine: str | None) -> str:
    """Return what to say, with a VM to start where there is one."""
    parts = [
        f"Azure Resource Manager, emulated: {arm.endpoint}",
        f"For azure-identity's ManagedIdentityCredential and DefaultAzureCredential:\n{_exports(arm.environment)}",
        f"For a look:\n{await _curl(arm)}",
        f"On the command line, likewise:\n{_exports(_azvm(arm))}\nazvm list",
        f"In Python, after the export lines:\n\n{_client(arm, machine)}",
    ]
    return "\n\n".join([*parts, *(_of_tls(arm) if arm.ca_file else []), "Ctrl-C ends it."])


def _of_tls(arm: Emulator) -> list[str]:
    """Return what works over https only."""
    official = _OFFICIAL.format(subscription=arm.subscription, group=arm.resource_group, endpoint=arm.endpoint)
    principal = "As a service principal instead (sync credentials need disable_instance_discovery=True):"
    return [
        f"With Microsoft's client, likewise:\n\n{official}",
        f"{principal}\n{_exports(arm.service_principal_environment)}",
    ]


def _azvm(arm: Emulator) -> Mapping[str, str]:
    """Return what leads ``azvm`` here."""
    trust = {"AZVM_CA_FILE": str(arm.ca_file)} if arm.ca_file else {}
    here = {"AZURE_SUBSCRIPTION_ID": arm.subscription, "AZURE_RESOURCE_GROUP": arm.resource_group}
    return {"AZVM_ENDPOINT": arm.endpoint, **here, **trust}


def _exports(variables: Mapping[str, str]) -> str:
    return "\n".join(f"export {name}={quote(value)}" for name, value in variables.items())


async def _curl(arm: Emulator) -> str:
    token = (await arm.credential().get_token()).token
    trust = f" --cacert {quote(str(arm.ca_file))}" if arm.ca_file else ""
    machines = (
        f"{arm.endpoint}/subscriptions/{arm.subscription}/resourceGroups/{arm.resource_group}"
        "/providers/Microsoft.Compute/virtualMachines?api-version=2024-07-01"
    )
    return f"curl -H 'Authorization: Bearer {token}' {quote(machines)}{trust}"


def _client(arm: Emulator, machine: str | None) -> str:
    lines = ["async for vm in client.list():", "    print(vm.name, vm.power_state)"]
    if machine is not None:
        lines.insert(0, f"await client.start({machine!r}).result()")
    indented = "\n".join(f"        {line}" for line in lines)
    return _CLIENT.format(
        subscription=arm.subscription, group=arm.resource_group, endpoint=arm.endpoint, lines=indented
    )
