"""What tests of the command line stand on: an emulator on virtual time for commands in this process, a served one for others."""

import json
import logging
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result
from serving import Served

from azvm_async import AzureVMClient, VirtualClock
from azvm_async.cli.options import NO_GROUP, Site
from azvm_async.cli.program import azvm
from azvm_async.cli.world import World
from azvm_async.emulator import Emulator

SUBSCRIPTION = "00000000-0000-0000-0000-000000000001"
GROUP = "emulated-rg"
HERE = {"AZURE_SUBSCRIPTION_ID": SUBSCRIPTION, "AZURE_RESOURCE_GROUP": GROUP}

Setting = Callable[[Emulator], object]


class Stage:
    """Runs commands in this process; each sees an emulator with the same VMs at first, whose time is virtual.

    Attributes
    ----------
    arm : Emulator
        The last command's.
    """

    def __init__(self, folder: Path) -> None:
        self.arm: Any = None
        self.settings: list[Setting] = []
        self.environ: dict[str, str | None] = dict(HERE)
        self._home = {"AZURE_CONFIG_DIR": str(folder), "AZVM_ENDPOINT": None, "AZURE_DEFAULTS_GROUP": None}

    def has(self, *names: str, **facts: Any) -> None:
        """Have these VMs there."""
        self.settings.append(lambda arm: [arm.add_vm(name, **facts) for name in names])

    def run(self, *arguments: str, stdin: str | None = None) -> Result:
        """Run a command to its end."""
        runner, world, log = CliRunner(), World(self._connect), logging.getLogger("azvm_async")
        level = log.level  # which --debug changes
        try:
            return runner.invoke(azvm, arguments, input=stdin, env={**self._home, **self.environ}, obj=world)
        finally:
            log.setLevel(level)

    @asynccontextmanager
    async def _connect(self, site: Site) -> AsyncIterator[AzureVMClient]:
        clock, group = VirtualClock(), NO_GROUP if site.group else str(site.resource_group)
        async with Emulator(clock, port=None) as self.arm:
            for setting in self.settings:
                setting(self.arm)
            known = self.arm.credential(), self.arm.endpoint
            async with AzureVMClient(
                site.subscription, group, *known, clock=clock, transport=self.arm.transport()
            ) as client:
                yield client


def environment(emulator: Served, folder: Path) -> dict[str, str]:
    """Return the environment in which a process finds a served emulator, and no Azure CLI."""
    lost = {"NO_COLOR", "TERM", "COLUMNS", "LINES"}
    inherited = {name: value for name, value in os.environ.items() if name not in lost}
    path = os.pathsep.join((str(Path(sys.executable).parent), inherited.get("PATH", "")))  # whoever called pytest how
    here = {"AZVM_ENDPOINT": emulator.arm.endpoint, "AZURE_CONFIG_DIR": str(folder), "PATH": path, **HERE}
    return {**inherited, **emulator.arm.environment, **here}


def command(*arguments: str) -> list[str]:
    """Return how a process runs ``azvm``."""
    return [sys.executable, "-W", "error", "-m", "azvm_async.cli", *arguments]


def process(
    environ: dict[str, str], folder: Path, *arguments: str, stdin: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run ``azvm`` as a process to its end."""
    return subprocess.run(
        command(*arguments),
        env=environ,
        cwd=folder,
        input=stdin,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def documents(text: str) -> Any:
    """Return JSON that was printed."""
    return json.loads(text)
