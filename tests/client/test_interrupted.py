"""Programs on real sockets that are interrupted: Ctrl-C in processes of their own, and no socket left behind."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from client.stopping import Way, World, quick_collection, stopped
from facade.support import Token
from serving import Served, served

from azvm_async import AzureVMClient, Operation
from azvm_async.emulator import faults

PROGRAM = """\
import asyncio, json, sys
sys.path.insert(0, sys.argv[1])
from azvm_async import AzureVMClient, Fleet
from facade.support import Token
site = json.loads(sys.argv[2])


async def handle(client):
    operation = await client.start(site["vms"][0])
    print("ready", flush=True)
    await operation


async def updates(client):
    operation = await client.start(site["vms"][0])
    async for update in operation.updates():
        print("ready", flush=True)


async def fleet(client):
    async with Fleet(client, site["vms"]) as fleet:
        run = fleet.start()
        while run.report.totals != {"Running": len(site["vms"])} or any(not each.token for each in run.report):
            await asyncio.sleep(0.01)
        print("ready", flush=True)
        await run


async def submission(client):
    print("ready", flush=True)
    await client.start(site["vms"][0])


async def main():
    async with AzureVMClient(site["subscription"], site["group"], Token(site["token"]), site["endpoint"]) as client:
        await globals()[site["what"]](client)


asyncio.run(main())
"""

NOISE = (
    "never retrieved",
    "never awaited",
    "destroyed",
    "Unclosed",
    "unclosed",
    "ResourceWarning",
    "CancelledError: <",
)


@pytest.fixture(scope="module")
def emulator() -> Iterator[Served]:
    with served() as emulated:
        yield emulated


@pytest.mark.parametrize("what", ["handle", "updates", "fleet", "submission"])
def test_ctrl_c_ends_a_program_soon_and_without_noise(emulator: Served, what: str):
    vms = [f"{what}{number}" for number in range(3)]
    for vm in vms:
        emulator.do(lambda arm, vm=vm: arm.add_vm(vm))
    fault = faults.Slow(1.0) if what == "submission" else faults.Endless()
    emulator.do(lambda arm: arm.inject(fault, method="POST", path=f"*/{what}*/start", times=3))
    with begun(emulator, what, vms) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        while not emulator.requests("POST", f"/{what}0/start"):
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        since = time.monotonic()
        _, said = process.communicate(timeout=20)
    assert time.monotonic() - since < 5
    assert process.returncode in {-signal.SIGINT, 128 + signal.SIGINT}
    assert said.rstrip().endswith("KeyboardInterrupt")
    assert [word for word in NOISE if word in said] == []
    assert f"start of {what}0" in said, "what goes on is not told"


@contextmanager
def begun(emulator: Served, what: str, vms: list[str]) -> "Iterator[subprocess.Popen[str]]":
    """Begin the program; it does not outlive the test."""
    arm = emulator.arm
    place = {"subscription": arm.subscription, "group": arm.resource_group, "endpoint": arm.endpoint}
    site = json.dumps({**place, "what": what, "vms": vms, "token": emulator.token()})
    command = [sys.executable, "-X", "dev", "-W", "error", "-c", PROGRAM, str(Path(__file__).parents[1]), site]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


class Wired(World):
    """A world whose emulator listens, in another thread, and whose time is real."""

    def __init__(self, emulator: Served) -> None:
        self.emulator = emulator
        super().__init__()

    def opened(self) -> AzureVMClient:
        """See :meth:`World.opened`."""
        arm = self.emulator.arm
        return AzureVMClient(arm.subscription, arm.resource_group, Token(self.emulator.token()), arm.endpoint)

    def found(self) -> list[Operation[Any]]:
        """See :meth:`World.found`."""
        handles = {id(each): each for each in [*self.held, *self.client.outstanding]}
        self.tokens = {each.about.verb: each.token for each in handles.values()}
        return list(handles.values())


@pytest.mark.parametrize("way", [Way.CTRL_C, Way.LOOP], ids=lambda way: way.name.lower())
def test_no_socket_is_left_wherever_a_program_is_stopped(emulator: Served, way: Way):
    at, reached = 0, True
    while reached:
        at += 1
        with quick_collection():
            reached = check(emulator, way, at)
    assert at > 10


def check(emulator: Served, way: Way, at: int) -> bool:
    """Stop a program at a suspension; tell whether it came so far."""
    name = f"wired{way.name}{at}"
    emulator.do(lambda arm: arm.add_vm(name, power="running"))

    async def act(world: World) -> None:
        operation = world.hold(await world.client.reboot(name))
        async for _ in world.client.list():
            pass
        await operation

    world = Wired(emulator)
    with world.listening():
        reached = stopped(world, act, way, at)
    assert world.noise == [], at
    done = len(emulator.requests("POST", f"/{name}/restart"))
    assert done <= 1
    assert world.tokens or world.unknown or not done, at
    return reached
