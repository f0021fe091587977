"""What stays behind of 100,000 operations by one client: memory, objects, tasks, sockets, and what it remembers.

``python tests/benchmarks/soak.py [--operations N]`` sends them over loopback to an emulator in a process of its own: power
actions and scripts, awaited or not, with waits and submissions that are cancelled, handles that are dropped, and answers that
are lost, refused or late. After each tenth all that is still outstanding is taken up and brought to its end; what there is
then is printed for the first tenth and the last. It exits with 1 when a bound is missed, and takes five to ten minutes.
"""

# ruff: noqa: T201  # it prints

import argparse
import asyncio
import contextlib
import ctypes
import gc
import json
import logging
import os
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any, NamedTuple
from urllib.request import Request, urlopen

sys.path.insert(0, str(Path(__file__).parents[1]))

from client.keeping import kept

from azvm_async import AzureVMClient, AzureVMError, Budget
from azvm_async.emulator import Durations, Emulator, Throttling, faults
from azvm_async.emulator.emulator import RESOURCE_GROUP, SUBSCRIPTION
from azvm_async.emulator.identity import IMDS_PATH
from azvm_async.pipeline import IN_FLIGHT

OPERATIONS = 100_000
TENTHS = 10
AT_ONCE = 1_200
VMS = 3_000
"""Of each sort: those that are started and stopped, and those that are up, for scripts."""
SHARE = 1e6
"""Of Azure's limits: they are not what is measured."""

FAULTS = {
    faults.Status(500): 0.001,
    faults.Status(503, retry_after=0): 0.001,
    faults.Status(503, applied=True): 0.001,
    faults.Status(429): 0.0001,
    faults.Status(429, retry_after=1): 0.0001,
    faults.ResetBefore(): 0.001,
    faults.ResetAfter(): 0.001,
    faults.ResetMidway(): 0.001,
    faults.Slow(0.2): 0.001,
    faults.Truncated(): 0.001,
    faults.WrongBody(): 0.001,
    faults.NotYetFound(): 0.001,
    faults.TrackingMoved(): 0.001,
    faults.ExpiredToken(): 0.0001,
    faults.AllocationFailed(): 0.01,
    faults.Preempted(): 0.005,
    faults.Conflict(): 0.005,
}
"""How many of the requests each strikes."""

ALIKE = 1.05
"""How much more memory, blocks and objects there may be after the last tenth than after the first, which warms everything up.
Blocks are counted exactly: 5 % more would be one that is left by seven operations. What the process has in the system's eyes
lies, at rest, anywhere between that and the most it ever had, for Python gives back only what is free as a whole."""
BUCKETS = 2_000
"""Of Azure's limits, remembered at rest: from 1,000 on those that are full are forgotten."""
SOCKETS = sum(IN_FLIGHT.values()) + 3
"""A connection for each request that may be under way, one that asks for a token, and the two ends of the loop's own pipe."""
IDLE = 32.0
"""Seconds after which aiohttp has closed what nobody uses: it looks each 15 for what was idle so long."""


# The server.


async def serve() -> None:
    """Be the emulator until the end of stdin; say where."""
    options: dict[str, Any] = {"durations": Durations().scaled(0.002), "run_scripts": False}
    async with Emulator(page_size=VMS, token_lifetime=90, throttling=Throttling(SHARE), **options) as arm:
        for number in range(VMS):
            arm.add_vm(f"vm{number}")
            arm.add_vm(f"up{number}", power="running")
        arm.inject_randomly(FAULTS)
        print(arm.endpoint, flush=True)
        await asyncio.to_thread(sys.stdin.read)


@contextmanager
def served() -> Iterator[str]:
    """Have an emulator in a process of its own; give its endpoint."""
    command = [sys.executable, __file__, "--serve"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        yield server.stdout.readline().strip()
        server.stdin.close()


class AccessToken(NamedTuple):
    """A token as azure-core's credentials hand it out."""

    token: str
    expires_on: int


class ManagedIdentity:
    """Asks the emulator for a token as a VM would, each time anew; it blocks, so it is asked in a thread."""

    def __init__(self, endpoint: str) -> None:
        self._url = f"{endpoint}{IMDS_PATH}?api-version=2018-02-01&resource=https://management.azure.com"

    def get_token(self, *_: str) -> AccessToken:
        """Return a new token."""
        with urlopen(Request(self._url, headers={"Metadata": "true"})) as answer:
            granted = json.load(answer)
        return AccessToken(granted["access_token"], int(granted["expires_on"]))


# The operations: each is something that a program may do with one VM, and leave.

Deed = Callable[[AzureVMClient, str], Awaitable[object]]


async def start(client: AzureVMClient, vm: str) -> None:
    """Wait for the end."""
    await client.start(vm).result()


async def stop(client: AzureVMClient, vm: str) -> None:
    """Wait for it by three, of whom one reads the updates."""
    operation = await client.stop(vm)

    async def read() -> None:
        async for _ in operation.updates():
            pass

    await asyncio.gather(operation, operation.result(timeout=60), read())


async def deallocate(client: AzureVMClient, vm: str) -> None:
    """Wait for it by its token."""
    token = (await client.deallocate(vm)).token
    await client.resume(token)


async def reboot(client: AzureVMClient, vm: str) -> None:
    """Wait for it."""
    await client.reboot(vm).result()


async def script(client: AzureVMClient, vm: str) -> None:
    """Run a script."""
    await client.run_command(vm, "true").result()


async def end_a_script(client: AzureVMClient, vm: str) -> None:
    """Begin a script, and have Azure cancel it."""
    operation = await client.run_command(vm, "sleep 100")
    await operation.cancel()
    await operation


async def drop(client: AzureVMClient, vm: str) -> None:
    """Never wait for what was begun."""
    await client.start(vm)


async def cancel_a_wait(client: AzureVMClient, vm: str) -> None:
    """Wait, and think better of it."""
    operation = await client.deallocate(vm)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(0.1):
            await operation


async def time_out(client: AzureVMClient, vm: str) -> None:
    """Wait for too short a time."""
    await client.reboot(vm).result(timeout=0.05)


async def cancel_a_submission(client: AzureVMClient, vm: str) -> None:
    """Think better of it before Azure has answered."""
    submission = asyncio.ensure_future(client.stop(vm))
    await asyncio.sleep(0.002)
    submission.cancel()
    await asyncio.wait([submission])


async def look(client: AzureVMClient, vm: str) -> None:
    """Only read."""
    await client.get(vm)


async def mistake(client: AzureVMClient, vm: str) -> None:
    """Start a VM that there is not."""
    await client.start(f"no-{vm}").result()


MIX: dict[Deed, int] = {
    start: 25, stop: 10, deallocate: 10, reboot: 15, script: 10, end_a_script: 2, drop: 6, cancel_a_wait: 5, time_out: 5,
    cancel_a_submission: 5, look: 5, mistake: 2,
}  # fmt: skip
"""How many of a hundred."""


UP = {reboot, time_out, script, end_a_script}
"""What a VM must run for."""


async def done(client: AzureVMClient, number: int, ends: Counter[str]) -> None:
    """Do the operation of a number, and count how it ended."""
    (deed,) = Random(number).choices(list(MIX), list(MIX.values()))
    try:
        await deed(client, f"{'up' if deed in UP else 'vm'}{number % VMS}")
        ends["as it should"] += 1
    except AzureVMError as error:
        ends[type(error).__name__] += 1


# The client, and what there is of it.


class Present(NamedTuple):
    """What there is at one moment."""

    peak: float
    resident: float
    blocks: float
    objects: float
    tasks: int
    sockets: int
    kept: dict[str, int]


def present(client: AzureVMClient) -> Present:
    """Look, once all garbage is gone and what the C library holds back is returned."""
    gc.collect()
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
    return Present(
        peak=megabytes("VmHWM"),
        resident=megabytes("VmRSS"),
        blocks=sys.getallocatedblocks(),
        objects=len(gc.get_objects()),
        tasks=len(asyncio.all_tasks()) - 1,
        sockets=sockets(),
        kept=kept(client),
    )


def megabytes(what: str) -> float:
    """Return what the system says of this process's memory."""
    status = Path("/proc/self/status").read_text()
    return float(re.search(rf"{what}:\s+(\d+) kB", status)[1]) / 1024


def sockets() -> int:
    """Return how many sockets the process has."""
    found = 0
    for each in os.listdir("/proc/self/fd"):  # noqa: PTH208 - a Path would keep each name for ever
        with contextlib.suppress(OSError):  # that of the folder itself
            found += os.readlink(f"/proc/self/fd/{each}").startswith("socket:")  # noqa: PTH115
    return found


MOST_KEPT = {"buckets": BUCKETS, "regions": 2 * VMS}
"""At rest; nothing of all else."""


class Soak:
    """One client, and what came of its operations."""

    def __init__(self, client: AzureVMClient, operations: int) -> None:
        self.ends: Counter[str] = Counter()
        self.most: Counter[str] = Counter()
        self._client = client
        self._operations = operations

    async def tenth(self, which: int) -> Present:
        """Do a tenth of the operations, and bring all to its end."""
        share = self._operations // TENTHS
        numbers = iter(range(which * share, (which + 1) * share))

        async def work() -> None:
            for number in numbers:
                await done(self._client, number, self.ends)

        async with asyncio.TaskGroup() as group:
            watch = group.create_task(self._watch())
            async for _ in self._client.list():  # so that all regions are known from the first tenth on
                pass
            await asyncio.gather(*(work() for _ in range(min(AT_ONCE, share))))
            await self._bring_home()
            watch.cancel()
        return present(self._client)

    async def _bring_home(self) -> None:
        """Take up what nobody waits for any more, until nothing is outstanding."""
        while left := self._client.outstanding:
            for end in await asyncio.gather(*left, return_exceptions=True):
                self.ends["taken up: " + (type(end).__name__ if isinstance(end, Exception) else "as it should")] += 1

    async def _watch(self) -> None:
        """Look again and again for the most at once."""
        while True:
            self.most |= Counter({"tasks": len(asyncio.all_tasks()), "sockets": sockets(), **kept(self._client)})
            await asyncio.sleep(0.5)


# The verdict.


class Verdicts:
    """Prints what there was after the first and the last tenth, and remembers whether it was too much."""

    def __init__(self) -> None:
        self.missed = False

    def say(self, what: str, first: float, last: float, most: float) -> None:
        """Print a line."""
        missed = last > most
        self.missed = self.missed or missed
        print(f"  {what:<38} {first:>11,.1f} {last:>11,.1f}   at most {most:>11,.1f}{'  MISSED' if missed else ''}")


def judge(first: Present, last: Present, idle: int, soaking: Soak) -> bool:
    """Print all; tell whether a bound was missed."""
    verdicts = Verdicts()
    print(f"  {'at rest, after':<38} {'first tenth':>11} {'last tenth':>11}")
    verdicts.say("memory, the most so far (MB)", first.peak, last.peak, first.peak * ALIKE)
    verdicts.say("memory (MB)", first.resident, last.resident, first.peak)
    verdicts.say("blocks of memory in use", first.blocks, last.blocks, first.blocks * ALIKE)
    verdicts.say("objects that may hold others", first.objects, last.objects, first.objects * ALIKE)
    verdicts.say("tasks beside this one", first.tasks, last.tasks, 0)
    verdicts.say("sockets", first.sockets, last.sockets, SOCKETS)
    for what, number in last.kept.items():
        verdicts.say(what, first.kept[what], number, MOST_KEPT.get(what, 0))
    verdicts.say(f"sockets, {IDLE:.0f} s later", idle, idle, 2)
    verdicts.say("most sockets at once", soaking.most["sockets"], soaking.most["sockets"], SOCKETS)
    print("most at once:", ", ".join(f"{number:,} {what}" for what, number in soaking.most.items()))
    print("ends:", ", ".join(f"{number:,} {how}" for how, number in soaking.ends.most_common()))
    return verdicts.missed


async def soak(operations: int, endpoint: str) -> bool:
    """Do them all; tell whether a bound was missed."""
    credential = ManagedIdentity(endpoint)
    async with AzureVMClient(SUBSCRIPTION, RESOURCE_GROUP, credential, endpoint, budget=Budget(SHARE)) as client:
        soaking, found = Soak(client, operations), []
        for which in range(TENTHS):
            began = time.monotonic()
            found.append(await soaking.tenth(which))
            seconds = time.monotonic() - began
            print(f"{which + 1:>2} of {TENTHS}: {seconds:.0f} s, {found[-1].resident:.1f} MB", flush=True)
        await asyncio.sleep(IDLE)
        return judge(found[0], found[-1], sockets(), soaking)


def main() -> int:
    """Measure, or be the emulator."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--operations", type=int, default=OPERATIONS)
    parser.add_argument("--serve", action="store_true", help="be the emulator, until stdin ends")
    chosen = parser.parse_args()
    if chosen.serve:
        asyncio.run(serve())
        return 0
    logging.disable()  # of what nobody awaited
    with served() as endpoint:
        return int(asyncio.run(soak(chosen.operations, endpoint)))


if __name__ == "__main__":
    sys.exit(main())
