"""What a fleet takes: time under Azure's published limits beside the bound, reads, refusals; and what scale costs.

``python tests/benchmarks/fleet_scale.py [--quick]`` starts VMs on the virtual clock, with the emulator in the same process and
no sockets, in one process a line, and prints for each engine

- 1,000 starts of 20 to 40 s in one subscription, beside the bound: what the bucket of writes allows, then each operation's
  own time, and with bulk the longest operation;
- 1,000, 10,000 and 100,000 VMs over 1 to 20 subscriptions (``--quick``: without the last): seconds of CPU and megabytes of
  client and emulator together, which is to grow with the number.

It exits with 1 when a bound is missed. It takes two to four minutes and needs 1 GB. As a service with so many objects would,
it has Python's garbage collector look more rarely, which by default looks at all of them again and again.
"""

import argparse
import asyncio
import gc
import json
import resource
import subprocess
import sys
import time
from collections import Counter
from typing import Any, Literal, NamedTuple

from azvm_async import AzureVMClient, Fleet, Report, VirtualClock
from azvm_async.emulator import Durations, Emulator

Engine = Literal["auto", "direct", "bulk"]

BURST, RATE = 200, 10
"""Of Resource Manager's bucket of writes."""

ABOVE_BOUND, ABOVE_LONGEST, REFUSED, READS = 1.1, 1.5, 0.01, 1.3
RARELY = 20_000, 50, 100
"""For ``gc.set_threshold``."""

SECONDS, MEGABYTES, UNEVEN = 60, 1024, 1.3
"""For 100,000 VMs; and how much more a VM may cost among more of them."""


class Figures(NamedTuple):
    """What one run came to."""

    vms: int
    subscriptions: int
    engine: str
    took: float
    bound: float
    longest: float
    failed: int
    requests: int
    refused: int
    reads: int
    cpu: float
    megabytes: float


async def measured(vms: int, subscriptions: int, engine: Engine) -> Figures:
    """Start so many VMs."""
    clock = VirtualClock()
    async with Emulator(clock, port=None, durations=Durations(start=30), spread=1 / 3) as arm:
        names = [
            arm.add_vm(f"vm{number}", subscription=f"00000000-0000-0000-0000-0000000001{subscription:02}")
            for subscription in range(subscriptions)
            for number in range(vms // subscriptions)
        ]
        gc.collect()
        gc.set_threshold(*RARELY)
        before = time.process_time()
        report = await started(arm, clock, names, engine)
        cpu = time.process_time() - before
        return figures(arm, report, subscriptions, engine, cpu)


async def started(arm: Emulator, clock: VirtualClock, names: list[str], engine: Engine) -> Report:
    """Return what came of starting them."""
    options: dict[str, Any] = {"clock": clock, "transport": arm.transport()}
    async with (
        AzureVMClient(arm.subscription, arm.resource_group, arm.credential(), arm.endpoint, **options) as client,
        Fleet(client, names, engine=engine) as fleet,
    ):
        return await fleet.start()


def figures(arm: Emulator, report: Report, subscriptions: int, engine: str, cpu: float) -> Figures:
    """Return what a run came to, by the emulator's own record."""
    methods = Counter(request.method for request in arm.requests)
    operations = [each for each in arm._world.operations.values() if each.kind.name == "start"]
    own = [each.due - each.started for each in operations]
    return Figures(
        vms=len(report),
        subscriptions=subscriptions,
        engine=engine,
        took=report.seconds,
        bound=max(earliest(number, subscriptions) + seconds for number, seconds in enumerate(own)),
        longest=max(own),
        failed=len(report) - report.totals.get("Succeeded", 0),
        requests=len(arm.requests),
        refused=sum(request.status == 429 for request in arm.requests),
        reads=methods["GET"] + sum("GetOperationStatus" in request.path for request in arm.requests),
        cpu=cpu,
        megabytes=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    )


def earliest(number: int, subscriptions: int) -> float:
    """Return when the limits allow the request of this number at the earliest."""
    return max(0.0, (number // subscriptions + 1 - BURST) / RATE)


def in_a_process(vms: int, subscriptions: int, engine: str) -> Figures:
    """Measure in a process of its own, for memory that was had once is not given back."""
    command = [sys.executable, __file__, "--measure", str(vms), str(subscriptions), engine]
    return Figures(*json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout))


class Verdicts:
    """Prints figures beside their bounds, and remembers whether one was missed."""

    def __init__(self) -> None:
        self.missed = False

    def say(self, what: str, value: float, most: float) -> None:
        """Print one."""
        missed = value > most
        self.missed = self.missed or missed
        print(f"  {what:<58} {value:>9,.3f}  at most {most:,g}{'  MISSED' if missed else ''}")  # noqa: T201


def under_the_limits(verdicts: Verdicts) -> None:
    """Compare a thousand starts with their bound, by either engine."""
    for engine in ("direct", "bulk"):
        found = in_a_process(1_000, 1, engine)
        print(f"1,000 starts of 20 to 40 s, {engine}: {found.took:,.1f} s, {found.requests:,} requests")  # noqa: T201
        verdicts.say("failed", found.failed, 0)
        verdicts.say("refused (429), of all requests", found.refused / found.requests, REFUSED)
        verdicts.say("reads a VM", found.reads / found.vms, READS)
        if engine == "direct":
            verdicts.say(f"times the bound of {found.bound:,.1f} s", found.took / found.bound, ABOVE_BOUND)
        else:
            verdicts.say(
                f"times the longest operation, {found.longest:,.1f} s", found.took / found.longest, ABOVE_LONGEST
            )


def at_scale(verdicts: Verdicts, *, quick: bool) -> None:
    """Compare the cost of a VM among more and more of them, for what a fleet does by itself and for one by one."""
    sizes = [(1_000, 1), (10_000, 10), *([] if quick else [(100_000, 20)])]
    for engine in ("auto", "direct"):
        costs = []
        for vms, subscriptions in sizes:
            found = in_a_process(vms, subscriptions, engine)
            costs.append(found.cpu / vms)
            print(  # noqa: T201
                f"{vms:>7,} VMs in {subscriptions:>2} subscriptions, {engine}: {found.took:,.0f} s of Azure's time, "
                f"{found.cpu:,.1f} s of CPU ({found.cpu / vms * 1e3:.2f} ms a VM), {found.megabytes:,.0f} MB, "
                f"{found.reads / vms:.2f} reads a VM, {found.refused:,} of {found.requests:,} refused, {found.failed} failed"
            )
        if not quick:
            verdicts.say("seconds of CPU for the last", found.cpu, SECONDS)
            verdicts.say("megabytes", found.megabytes, MEGABYTES)
            verdicts.say("a VM's CPU in the last, times that in the one before", costs[-1] / costs[-2], UNEVEN)


def main() -> int:
    """Measure, or be what is measured."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="without 100,000 VMs")
    parser.add_argument("--measure", nargs=3, metavar=("VMS", "SUBSCRIPTIONS", "ENGINE"), help="one run; prints JSON")
    chosen = parser.parse_args()
    if chosen.measure:
        vms, subscriptions, engine = chosen.measure
        print(json.dumps(asyncio.run(measured(int(vms), int(subscriptions), engine))))  # noqa: T201
        return 0
    verdicts = Verdicts()
    under_the_limits(verdicts)
    at_scale(verdicts, quick=chosen.quick)
    return int(verdicts.missed)


if __name__ == "__main__":
    sys.exit(main())
