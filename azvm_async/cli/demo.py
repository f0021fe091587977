"""The demonstration: commands as one would type them, carried out by their own code against an emulator in the process."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import click

from azvm_async import AzureVMClient
from azvm_async.cli import advice
from azvm_async.cli.console import Terminal
from azvm_async.cli.doing import Begin, Job, interruptible
from azvm_async.cli.interrupts import Interrupts
from azvm_async.cli.names import Wanted, expanded
from azvm_async.cli.options import How, Site
from azvm_async.cli.world import World, connected
from azvm_async.emulator import Durations, Emulator

TEMPLATE = Path(__file__).with_name("demo-vm.jsonc")
SCRIPT = 'echo "hello from $(uname -s)"'


def demonstrated(number: int, pace: float) -> int:
    """Show it; return the exit code."""

    async def shown(interrupts: Interrupts) -> int:
        async with Emulator(durations=Durations().scaled(pace)) as arm:
            return await _Demo(arm, interrupts).shown(number)

    return interruptible(shown)


class _Demo:
    """One demonstration against an emulator."""

    def __init__(self, arm: Emulator, interrupts: Interrupts) -> None:
        self._arm = arm
        self._interrupts = interrupts
        self._site = Site(arm.subscription, arm.resource_group, arm.endpoint)
        self._world = World(self._connect)

    async def shown(self, number: int) -> int:
        """Give the commands one after the other, up to the first that fails."""
        fleet = f"web-{{1..{number}}}"
        for name in expanded(fleet):
            self._arm.add_vm(name)
        click.echo(f"An emulated Azure listens at {self._arm.endpoint}, with {number} VMs.")
        steps: list[tuple[str, str, Begin]] = [
            (f"start '{fleet}'", fleet, lambda vms, how: vms.start(**how)),
            (f"provision db-1 --template {TEMPLATE.name}", "db-1", lambda vms, how: vms.provision(TEMPLATE, **how)),
            (f"run db-1 --script '{SCRIPT}'", "db-1", lambda vms, how: vms.run_command(SCRIPT, **how)),
            (f"stop '{fleet}'", fleet, lambda vms, how: vms.stop(**how)),
            ("deprovision db-1 --yes", "db-1", lambda vms, how: vms.deprovision(**how)),
        ]
        for line, names, begin in steps:
            code = await self._step(line, names, begin)
            if code != advice.OK:
                return code
        click.echo("\nThat was all, and nothing is left. 'azvm emulator' serves one for your own commands.")
        return advice.OK

    async def _step(self, line: str, names: str, begin: Begin) -> int:
        click.echo(f"\n$ azvm {line}")
        job = Job(self._site, Wanted(tuple(expanded(names))), How(), begin)
        return await job.done(self._world, Terminal(), self._interrupts)

    @asynccontextmanager
    async def _connect(self, site: Site) -> AsyncIterator[AzureVMClient]:
        async with connected(site, self._arm.credential()) as client:
            yield client
