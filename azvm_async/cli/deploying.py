"""``azvm provision`` and ``azvm deprovision``: VMs with all that belongs to them, from a template, and their removal."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import click

from azvm_async import AzureVMClient, DeprovisionPlan
from azvm_async.cli import advice, options, results
from azvm_async.cli.console import Terminal
from azvm_async.cli.doing import Job, found, interruptible
from azvm_async.cli.names import Wanted, exactly
from azvm_async.cli.options import How, Site
from azvm_async.cli.world import World, current

PLANNED = ("vm", "what", "id", "why")


@options.command(
    'azvm provision web-1 -t vm.jsonc -p adminPublicKey="$(cat ~/.ssh/id_ed25519.pub)"',
    "azvm provision 'web-{1..3}' -t vm.jsonc --parameters vm.parameters.json",
)
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@click.option("--template", "-t", type=options.THERE, required=True, help="ARM template, .json or .jsonc.")
@click.option("--parameters", "file", type=options.THERE, help="ARM parameter file, the same for all.")
@click.option(
    "--parameter", "-p", "parameters", multiple=True, metavar="NAME=VALUE", help="One parameter; JSON, or else text."
)
@click.option("--custom-data", type=options.THERE, help="File for the template's parameter customData.")
@click.option(
    "--if-exists",
    type=click.Choice(["update", "keep"]),
    default="update",
    show_default=True,
    help="What to do with VMs there.",
)
@options.of_run
@options.of_site
def provision(
    names: Sequence[str],
    template: Path,
    file: Path | None,
    parameters: Sequence[str],
    custom_data: Path | None,
    if_exists: Literal["update", "keep"],
    **given: Any,
) -> int:
    """Deploy VMs from a template.

    Their resources are shown as they come.

    The template's parameter vmName is the VM's name.
    """
    if file is not None and parameters:
        raise click.UsageError("Either --parameters FILE or --parameter NAME=VALUE, not both.")
    values = file or dict(map(_parameter, parameters))
    job = Job(
        Site.of(given),
        exactly(names),
        How.of(given),
        lambda fleet, how: fleet.provision(template, values, if_exists=if_exists, custom_data=custom_data, **how),
    )
    return job.run()


def _parameter(pair: str) -> tuple[str, Any]:
    name, sign, text = pair.partition("=")
    if not sign:
        raise click.UsageError("A parameter is NAME=VALUE; one of them has no '='.")
    try:
        return name, json.loads(text)
    except ValueError:
        return name, text


@options.command("azvm deprovision web-1 --plan", "azvm deprovision 'web-{1..3}' --yes")
@options.of_vms
@click.option("--plan", is_flag=True, help="Only show what would be deleted.")
@click.option("--assume-owned", is_flag=True, help="Take all that the deployment names, also what stood before it.")
@options.yes
@options.of_work
@options.of_site
def deprovision(plan: bool, assume_owned: bool, yes: bool, **given: Any) -> int:
    """Delete all that deployments created.

    And nothing else: what stood before stays.

    It is many requests, sent from here, so that there is no --no-wait.
    """
    site, how = Site.of(given), How.of(given)
    wanted = options.vms_of(given, site)
    if plan:
        world, terminal = current(), Terminal(how.output)
        return interruptible(lambda _: _planned(site, wanted, world, terminal, assume_owned=assume_owned))
    job = Job(
        site,
        wanted,
        how,
        lambda fleet, how: fleet.deprovision(assume_owned=assume_owned, **how),
        "Delete all that belongs to",
        yes,
    )
    return job.run()


async def _planned(site: Site, wanted: Wanted, world: World, terminal: Terminal, *, assume_owned: bool) -> int:
    rows: list[dict[str, Any]] = []
    async with world.connect(site) as client:
        for name in await found(client, wanted):
            rows += _rows(name, await _plan(client, name, assume_owned=assume_owned))
    results.rows(terminal, PLANNED, rows)
    return advice.OK


async def _plan(client: AzureVMClient, name: str, *, assume_owned: bool) -> DeprovisionPlan:
    return await client.deprovision(name, plan=True, assume_owned=assume_owned).result()


def _rows(name: str, plan: DeprovisionPlan) -> list[dict[str, Any]]:
    vm = name.rpartition("/")[2]
    gone = [{"vm": vm, "what": "delete", "id": each, "why": ""} for each in plan.delete]
    return gone + [{"vm": vm, "what": "leave", "id": each.id, "why": each.reason} for each in plan.left]


COMMANDS = (provision, deprovision)
