"""A program of its own: one block of a page, as a reader runs it, with the environment alone to lead it to an emulator."""

import asyncio
import functools
import inspect
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from docs.pages import blocks


def lead_microsofts_client() -> None:
    """Have Microsoft's client go to the emulator: it takes its endpoint as an argument alone."""
    import azure.mgmt.compute.aio  # noqa: PLC0415  # not every block wants it

    original = azure.mgmt.compute.aio.ComputeManagementClient
    led = functools.partial(original, base_url=os.environ["AZVM_ENDPOINT"])
    azure.mgmt.compute.aio.ComputeManagementClient = led


def main(page: str, number: str, subscription: str, resource_group: str) -> None:
    """Run it."""
    block = blocks(page)[int(number) - 1]
    if "azure.mgmt.compute" in block.text:
        lead_microsofts_client()
    running = eval(block.code(), {"subscription": subscription, "resource_group": resource_group})
    if inspect.isawaitable(running):
        asyncio.run(running)


if __name__ == "__main__":
    main(*sys.argv[1:])
