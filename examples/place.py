"""Where the examples work: in Azure, where the environment names a resource group, else in the emulator.

With Azure, where a sign-in of azure-identity is found (``az login``, for one), each example is told by its arguments what to
work on:

    AZURE_SUBSCRIPTION_ID=… AZURE_RESOURCE_GROUP=… python examples/one_vm.py vm1

Without these two variables the VMs are emulated, on this machine's loopback. ``AZVM_ENDPOINT`` is for another Resource
Manager than the public cloud's.
"""

import asyncio
import os
import sys
import threading
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

from azvm_async import AzureVMClient
from azvm_async.emulator import Durations, Emulator

ONLY_MANAGED_IDENTITY = {"AZURE_TOKEN_CREDENTIALS": "ManagedIdentityCredential"}
"""Keeps a sign-in of yours, in the environment or by ``az login``, out of what is between a process and the emulator."""


@dataclass(frozen=True)
class Place:
    """A resource group, and the arguments that tell what to work on in it."""

    subscription: str
    resource_group: str
    arguments: Sequence[str]
    endpoint: str | None = None  # Azure's
    credential: Any = None  # DefaultAzureCredential
    environment: Mapping[str, str] = field(default_factory=dict)  # what a process that is to work here needs

    def client(self) -> AzureVMClient:
        """Return a client for this place."""
        return AzureVMClient(self.subscription, self.resource_group, self.credential, self.endpoint)


@asynccontextmanager
async def place(
    *arguments: str,
    vms: Sequence[str] | None = None,
    power: Literal["running", "deallocated"] = "deallocated",
    tags: Mapping[str, str] | None = None,
) -> AsyncIterator[Place]:
    """Give the place to work in.

    Parameters
    ----------
    *arguments : str
        What stands for the command line's arguments in the emulator.
    vms : sequence of str, optional
        The emulator's VMs, by default those that the arguments name.
    power, tags
        Their state, and their tags.
    """
    if is_azure():
        yield in_azure()
        return
    async with Emulator(durations=Durations.quick()) as arm:
        for name in arguments if vms is None else vms:
            arm.add_vm(name, power=power, tags=dict(tags) if tags else None)
        yield emulated(arm, arguments)


def is_azure() -> bool:
    """Tell whether the environment names a resource group of Azure's."""
    return "AZURE_RESOURCE_GROUP" in os.environ and "AZURE_SUBSCRIPTION_ID" in os.environ


def in_azure() -> Place:
    """Return the place that the environment names."""
    if not sys.argv[1:]:
        sys.exit(
            f"{sys.argv[0]}: AZURE_RESOURCE_GROUP is set, so name what to work on there; unset it for the emulator"
        )
    where = os.environ["AZURE_SUBSCRIPTION_ID"], os.environ["AZURE_RESOURCE_GROUP"]
    return Place(*where, sys.argv[1:], os.environ.get("AZVM_ENDPOINT"))


def emulated(arm: Emulator, arguments: Sequence[str]) -> Place:
    """Return a place in an emulator."""
    own = {
        "AZURE_SUBSCRIPTION_ID": arm.subscription,
        "AZURE_RESOURCE_GROUP": arm.resource_group,
        "AZVM_ENDPOINT": arm.endpoint,
    }
    environment = {**own, **ONLY_MANAGED_IDENTITY, **arm.environment}
    return Place(arm.subscription, arm.resource_group, arguments, arm.endpoint, arm.credential(), environment)


@contextmanager
def place_for_sync_code(*arguments: str) -> Iterator[Place]:
    """Give the same to code that blocks: the emulator lives on a loop in a thread."""
    if is_azure():
        yield in_azure()
        return
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    opened = place(*arguments)
    try:
        yield asyncio.run_coroutine_threadsafe(opened.__aenter__(), loop).result()
    finally:
        asyncio.run_coroutine_threadsafe(opened.__aexit__(None, None, None), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
