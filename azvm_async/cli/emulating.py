"""``azvm emulator`` and ``azvm demo``: all of this without a subscription."""

from collections.abc import Sequence

import click

from azvm_async.cli import options
from azvm_async.cli.demo import demonstrated
from azvm_async.emulator.__main__ import main as serve


@click.command(add_help_option=False, context_settings={"ignore_unknown_options": True})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def emulator(arguments: Sequence[str]) -> int:
    """Serve an emulated Azure on this machine."""
    return serve(list(arguments), program="azvm emulator")


@options.command("azvm demo", "azvm demo --vms 200")
@click.option("--vms", "number", type=click.IntRange(1, 500), default=12, show_default=True, help="VMs of the fleet.")
@click.option(
    "--pace", type=click.FloatRange(0.001, 1), default=0.05, show_default=True, help="1 takes as long as Azure."
)
def demo(number: int, pace: float) -> int:
    """Show it all, without a subscription.

    An emulator runs in this process; nothing but this machine is touched.

    A fleet is started, a VM is deployed from a template, a script is run (really: by this machine's shell), all is stopped, and
    what was deployed is removed.
    """
    return demonstrated(number, pace)


COMMANDS = (emulator, demo)
