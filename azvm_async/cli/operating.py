"""``azvm start``, ``stop``, ``deallocate``, ``reboot``, ``delete``."""

from typing import Any

import click

from azvm_async.cli import options
from azvm_async.cli.doing import Begin, Job
from azvm_async.cli.options import How, Site


def _job(given: dict[str, Any], begin: Begin, question: str | None = None) -> int:
    site, how = Site.of(given), How.of(given)
    return Job(site, options.vms_of(given, site), how, begin, question, sure=given.get("yes", False)).run()


operated = options.stacked(options.of_vms, options.of_run, options.of_site)
force = click.option("--force", is_flag=True, help="Without shutting the system down first.")


@options.command(
    "azvm start web-1", "azvm start 'web-{1..20}' --max-concurrency 10", "azvm start --all --no-wait > start.tokens"
)
@options.only_needed
@operated
def start(**given: Any) -> int:
    """Start VMs."""
    return _job(given, lambda fleet, how: fleet.start(**how))


@options.command("azvm stop web-1", "azvm stop 'web-*' --tag env=test --deadline 600")
@force
@options.only_needed
@operated
def stop(force: bool, **given: Any) -> int:
    """Power VMs off.

    They stay allocated and billed; 'azvm deallocate' gives their hardware back.
    """
    return _job(given, lambda fleet, how: fleet.stop(force, **how))


@options.command("azvm deallocate web-1", "azvm deallocate --tag env=test -g '*' --only-needed")
@click.option("--hibernate", is_flag=True, help="Save their memory first, where they have that enabled.")
@options.only_needed
@operated
def deallocate(hibernate: bool, **given: Any) -> int:
    """Stop VMs and give back their hardware.

    They are not billed any more, but for their disks.
    """
    return _job(given, lambda fleet, how: fleet.deallocate(hibernate, **how))


@options.command("azvm reboot web-1", "azvm reboot 'web-*' --max-concurrency 2")
@operated
def reboot(**given: Any) -> int:
    """Restart VMs, each once at most."""
    return _job(given, lambda fleet, how: fleet.reboot(**how))


@options.command("azvm delete web-1", "azvm delete 'web-{1..20}' --yes")
@force
@options.yes
@operated
def delete(force: bool, **given: Any) -> int:
    """Delete VMs.

    What a deployment created beside them stays: 'azvm deprovision' deletes all of it.
    """
    return _job(given, lambda fleet, how: fleet.delete(force, **how), "Delete")


COMMANDS = (start, stop, deallocate, reboot, delete)
