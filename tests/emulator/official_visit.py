"""A program of its own: a visit with the official SDK and azure-identity, which the environment alone leads there."""

import asyncio
import sys
from typing import Any

import azure.identity
import azure.identity.aio
import azure.mgmt.compute
import azure.mgmt.compute.aio
from azure.core.exceptions import ResourceNotFoundError


def say(what: Any) -> None:
    """Tell a result to who runs this."""
    sys.stdout.write(f"{what}\n")


def visit(credential: Any, client: Any) -> None:
    """Start a VM, list all, ask for one that is not there."""
    with credential, client:
        machines = client.virtual_machines
        machines.begin_start("emulated-rg", "vm1", polling_interval=0.05).result()
        say([vm.name for vm in machines.list("emulated-rg")])
        try:
            machines.get("emulated-rg", "ghost")
        except ResourceNotFoundError as error:
            say(error.error.code)


async def visit_async(credential: Any, client: Any) -> None:
    """Do the same."""
    async with credential, client:
        machines = client.virtual_machines
        await (await machines.begin_start("emulated-rg", "vm1", polling_interval=0.05)).result()
        say([vm.name async for vm in machines.list("emulated-rg")])
        try:
            await machines.get("emulated-rg", "ghost")
        except ResourceNotFoundError as error:
            say(error.error.code)


def main(kind: str, credential: str, endpoint: str, subscription: str) -> None:
    """Visit with the SDK and the credential that are named."""
    options = {"subscription_id": subscription, "base_url": endpoint}
    if kind == "sync":
        alone = {"disable_instance_discovery": True} if credential == "EnvironmentCredential" else {}
        made = getattr(azure.identity, credential)(**alone)
        visit(made, azure.mgmt.compute.ComputeManagementClient(made, **options))
    else:
        made = getattr(azure.identity.aio, credential)()
        asyncio.run(visit_async(made, azure.mgmt.compute.aio.ComputeManagementClient(made, **options)))


if __name__ == "__main__":
    main(*sys.argv[1:])
