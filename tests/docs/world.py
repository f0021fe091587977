"""The world in which a page's blocks run: an emulator without sockets, on virtual time, that every client is led to."""

import inspect
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from fleet.support import Wire

import azvm_async
from azvm_async import AzureVMClient, VirtualClock
from azvm_async.emulator import Emulator
from docs.pages import ROOT, Block

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ0Yq0p0example0key0of0no0use0whatsoever00000 example"


def _client_of(arm: Emulator) -> type[AzureVMClient]:
    """Return the client that finds the emulator where a page names no credential, as a reader's finds Azure."""

    class Led(AzureVMClient):
        def __init__(self, *place: Any, **more: Any) -> None:
            if len(place) < 3 and "credential" not in more:
                own = {"credential": arm.credential(), "endpoint": arm.endpoint, "clock": arm.clock}
                more = {**own, "transport": Wire(arm.transport()), **more}
            super().__init__(*place, **more)

    return Led


def _fill(arm: Emulator) -> None:
    """Add the VMs that the pages speak of."""
    arm.add_vm("vm0", power="running", tags={"env": "test", "owner": "me"}, resource_group="other-rg")
    for number in range(1, 4):
        arm.add_vm(f"vm{number}", tags={"env": "prod"})
    for number in range(1, 21):
        arm.add_vm(f"web-{number}", power="running")


@asynccontextmanager
async def world(patch: pytest.MonkeyPatch) -> AsyncIterator[dict[str, Any]]:
    """Give the names that all blocks may use."""
    clock = VirtualClock()
    async with Emulator(clock, port=None) as arm:
        _fill(arm)
        patch.setattr(azvm_async, "AzureVMClient", client_class := _client_of(arm))
        async with client_class(arm.subscription, arm.resource_group) as client:
            yield {
                "arm": arm,
                "client": client,
                "clock": clock,
                "subscription": arm.subscription,
                "resource_group": arm.resource_group,
                "key": KEY,
            }


async def run(block: Block, names: dict[str, Any]) -> None:
    """Run a block as it stands on its page."""
    running = eval(block.code(), names)
    if inspect.isawaitable(running):
        await running


def prepare(folder: Path) -> None:
    """Put into a folder what a reader has in a clone and beside it."""
    (folder / "examples").symlink_to(ROOT / "examples")
    (folder / "cloud-init.yml").write_text("#cloud-config\npackages: [nginx]\n", encoding="utf-8")
