"""``azvm status`` and ``azvm list``: how VMs are, without changing any."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import click

from azvm_async import AzureVMClient, AzureVMError, InstanceView, Query, VirtualMachine
from azvm_async.cli import advice, options, results
from azvm_async.cli.console import Terminal
from azvm_async.cli.doing import found, interruptible
from azvm_async.cli.interrupts import Interrupts
from azvm_async.cli.names import Wanted, tagged
from azvm_async.cli.news import patiently
from azvm_async.cli.options import Site
from azvm_async.cli.text import counted
from azvm_async.cli.world import World, current

LISTED = ("name", "state", "size", "location", "resource_group", "tags")
SEEN = ("name", "state", "provisioning", "codes")


@options.command(
    "azvm list", "azvm list 'web-*' --state running", "azvm list -g '*' --tag owner --output json", name="list"
)
@click.argument("patterns", nargs=-1, metavar="[PATTERN]...")
@options.tagged
@click.option("--state", metavar="STATE", help="Only VMs that are running, stopped, deallocated, ….")
@options.output
@options.of_site
def list_vms(patterns: Sequence[str], tags: Sequence[str], state: str | None, output: str, **given: Any) -> int:
    """List VMs.

    Those of the resource group, or of the whole subscription where none is known.
    """
    site, world, terminal = Site.of(given, needs_group=False), current(), Terminal(output)
    chosen = tagged(tags)
    queries = [Query(pattern, chosen, state, resource_group=site.group) for pattern in patterns or (None,)]

    async def listed(_: Interrupts) -> int:
        async with world.connect(site) as client, patiently(client, terminal.notice):
            vms = [_listed(vm) async for vm in _finding(client, queries, site.group)]
        results.rows(terminal, LISTED, vms)
        return advice.OK

    return interruptible(listed)


async def _finding(client: AzureVMClient, queries: Sequence[Query], group: str | None) -> AsyncIterator[VirtualMachine]:
    async for vm in client.list(group):
        if any(query.finds(vm) for query in queries):
            yield vm


def _listed(vm: VirtualMachine) -> dict[str, Any]:
    return {
        "name": vm.name,
        "state": vm.power_state,
        "size": vm.size,
        "location": vm.location,
        "resource_group": vm.id.split("/")[4] if vm.id.count("/") > 4 else None,  # noqa: PLR2004 - after /subscriptions/…/resourceGroups/
        "tags": dict(vm.tags),
        "id": vm.id,
    }


@options.command("azvm status web-1", "azvm status 'web-{1..20}' --output tsv")
@options.of_vms
@options.output
@options.of_site
def status(output: str, **given: Any) -> int:
    """Tell the states of VMs."""
    site, world, terminal = Site.of(given), current(), Terminal(output)
    wanted = options.vms_of(given, site)
    return interruptible(lambda _: _status(site, wanted, world, terminal))


async def _status(site: Site, wanted: Wanted, world: World, terminal: Terminal) -> int:
    async with world.connect(site) as client, patiently(client, terminal.notice):
        names = await found(client, wanted)
        views = await asyncio.gather(*(client.instance_view(name) for name in names), return_exceptions=True)
    failed = [(name, view) for name, view in zip(names, views, strict=True) if isinstance(view, AzureVMError)]
    _raise_ours(views)
    seen = [_seen(name, view) for name, view in zip(names, views, strict=True) if isinstance(view, InstanceView)]
    results.rows(terminal, SEEN, seen)
    for reason, those in _by_reason(failed).items():
        terminal.notice(f"{counted(those)}: {reason}")
    return max((advice.code_of(error) for _, error in failed), default=advice.OK)


def _raise_ours(views: Sequence[object]) -> None:
    for view in views:
        if isinstance(view, BaseException) and not isinstance(view, AzureVMError):
            raise view


def _by_reason(failed: Sequence[tuple[str, AzureVMError]]) -> dict[str, list[str]]:
    """Return the names of what could not be read by the reason; the first one's words stand for all of its kind."""
    words: dict[object, str] = {}
    names: dict[str, list[str]] = {}
    for name, error in failed:
        reason = words.setdefault((type(error), error.code), advice.explained(error))
        names.setdefault(reason, []).append(name.rpartition("/")[2])
    return names


def _seen(name: str, view: InstanceView) -> dict[str, Any]:
    return {
        "name": name.rpartition("/")[2],
        "state": view.power_state,
        "provisioning": view.provisioning_state,
        "codes": " ".join(view.codes),
    }


COMMANDS = (status, list_vms)
