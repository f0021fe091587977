"""What the emulator costs: time to start, starts and polls in a second, bulk calls, bytes of a VM, pages of long lists.

``python tests/benchmarks/emulator_cost.py`` prints each figure, beside the target where there is one, and exits with 1
when a target is missed. Speeds are the best of a few runs, for what else the machine does can only slow one down, and
stand beside a peer measured in the same way: the least that any program would have to do. Memory is measured in fresh
processes, which are this script too (``--measure NAME``).
"""

# ruff: noqa: T201  # it prints

import argparse
import asyncio
import gc
import inspect
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, NamedTuple, Self

import aiohttp
from aiohttp import web

from azvm_async.clock import VirtualClock
from azvm_async.emulator import Durations, Emulator, settings
from azvm_async.wire import Request

MACHINES = 100_000
FEW = 5_000
POLLS = 5_000
A_CALL = 100
RUNS = 3
VERSION = "api-version=2024-07-01"
Work = Callable[[], Awaitable[Any]]


class Figure(NamedTuple):
    """One line of the report.

    Parameters
    ----------
    target : str
        A bound as ``"<"`` or ``">="`` before a number, in the figure's own unit; empty where there is none.
    """

    name: str
    value: float
    unit: str
    target: str = ""

    @property
    def missed(self) -> bool:
        """Whether the target is missed."""
        if not self.target:
            return False
        sign, bound = self.target.split()
        return self.value >= float(bound) if sign == "<" else self.value < float(bound)

    def __str__(self) -> str:
        verdict = f"target {self.target} {self.unit}: {'MISSED' if self.missed else 'ok'}" if self.target else ""
        return f"{self.name:<72} {self.value:>12,.1f} {self.unit:<8} {verdict}".rstrip()


def emulator(clock: VirtualClock | None = None, **options: Any) -> Emulator:
    """Return an emulator that throttles as always and refuses nobody: its limits are a million times as high."""
    known = inspect.signature(Emulator).parameters
    if "throttling" in known:
        options["throttling"] = settings.Throttling(scale=1e6)
    return Emulator(clock, **options)


async def starts() -> list[Figure]:
    """Return how long entering the emulator takes, with TLS too where there is such a thing."""
    ways: dict[str, dict[str, Any]] = {"plain": {}}
    if "tls" in inspect.signature(Emulator).parameters:
        ways["TLS"] = {"tls": True}
    return [
        Figure(f"start, {way} (median of 20)", await _start_time(options) * 1e3, "ms", "< 100")
        for way, options in ways.items()
    ]


async def _start_time(options: dict[str, Any]) -> float:
    taken = []
    for _ in range(20):
        began = time.perf_counter()
        async with emulator(**options):
            taken.append(time.perf_counter() - began)
    return statistics.median(taken)


async def polls_in_process() -> list[Figure]:
    """Return how many polls of an operation are answered, beside reading and writing the same document."""
    async with emulator(port=None, durations=Durations().scaled(1_000)) as arm:
        poll = await _begun(arm)
        document = (await arm.send(poll)).document()

        async def ask() -> None:
            assert (await arm.send(poll)).status == 200

        async def turn_over() -> None:
            json.loads(json.dumps(document))

        ours, peer = await _rate(ask), await _rate(turn_over)
    return [
        Figure("polls in process", ours, "/s", ">= 5000"),
        Figure("  peer: json.loads(json.dumps(…)) of the status document", peer, "/s"),
        Figure("  a poll costs as many turns of the peer", peer / ours, ""),
    ]


async def starts_in_process() -> list[Figure]:
    """Return what it takes to start many VMs, one by one and by bulk calls, and to list them."""
    async with emulator(VirtualClock(), port=None) as arm:
        machines = [arm.add_vm(f"vm{number}") for number in range(FEW)]
        headers = await _authorization(arm)
        urls = (f"{arm.endpoint}{machine}/start?{VERSION}" for machine in machines * RUNS)

        async def start() -> None:
            assert (await arm.send(Request("POST", next(urls), headers=headers))).status == 202

        rate = await _rate(start)
        bulk, status = await _bulk(arm, machines, headers)
        first, again = await _listed(arm, FEW), await _listed(arm, FEW)
    return [
        Figure("starts in process, one by one", rate, "/s", ">= 8000"),
        Figure(f"bulk start of {A_CALL} VMs", bulk, "ms"),
        Figure(f"  status of their {A_CALL} operations", status, "ms"),
        Figure("list with statusOnly, a page of 500 of 5,000 VMs, all changed", first["page"], "ms"),
        Figure("  the same again", again["page"], "ms", "< 4"),
    ]


async def _bulk(arm: Emulator, machines: list[str], headers: dict[str, str]) -> tuple[float, float]:
    """Return how long a bulk start takes, and to ask how it goes: the medians, in milliseconds."""
    where = f"{arm.endpoint}/subscriptions/{arm.subscription}/providers/Microsoft.ComputeSchedule"
    where = f"{where}/locations/{arm.location}/virtualMachines"

    async def ask(what: str, **document: Any) -> tuple[float, list[Any]]:
        body = json.dumps({"correlationid": "c", **document}).encode()
        request = Request("POST", f"{where}{what}?api-version=2025-05-01", body, headers)
        began = time.perf_counter()
        answer = await arm.send(request)
        return time.perf_counter() - began, answer.document()["results"]

    taken = []
    for first in range(0, FEW, A_CALL):
        ids = machines[first : first + A_CALL]
        begun, results = await ask("ExecuteStart", executionParameters={}, resources={"ids": ids})
        asked, _ = await ask("GetOperationStatus", operationIds=[each["operation"]["operationId"] for each in results])
        taken.append((begun * 1e3, asked * 1e3))
    return statistics.median(each[0] for each in taken), statistics.median(each[1] for each in taken)


async def polls_over_sockets() -> list[Figure]:
    """Return how many polls go over one connection, beside a bare server with a constant answer; all in one loop."""
    async with (
        emulator(durations=Durations().scaled(1_000)) as arm,
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=1)) as session,
    ):
        poll = await _begun(arm)
        body = (await arm.send(poll)).body
        ours = await _rate(lambda: _fetched(session, poll.url, dict(poll.headers)))
        async with _Bare(body) as bare:
            peer = await _rate(lambda: _fetched(session, bare.url, dict(poll.headers)))
    return [
        Figure("polls over a kept-alive loopback connection, client included", ours, "/s"),
        Figure("  peer: bare aiohttp server with the same body", peer, "/s"),
        Figure("  the emulator's share of the peer's speed", 100 * ours / peer, "%"),
    ]


class _Bare:
    """A server that does nothing but answer."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._runner = web.ServerRunner(web.Server(self._answer, access_log=None))
        self.url = ""

    async def __aenter__(self) -> Self:
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}/"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    async def _answer(self, _: web.BaseRequest) -> web.Response:
        return web.Response(body=self._body, content_type="application/json")


async def _begun(arm: Emulator) -> Request:
    """Let an operation begin that lasts, and return the request that polls it."""
    machine = arm.add_vm("vm1")
    headers = await _authorization(arm)
    answer = await arm.send(Request("POST", f"{arm.endpoint}{machine}/start?{VERSION}", headers=headers))
    return Request("GET", answer.headers["azure-asyncoperation"], headers=headers)


async def _authorization(arm: Emulator) -> dict[str, str]:
    return {"authorization": f"Bearer {(await arm.credential().get_token()).token}"}


async def _fetched(session: aiohttp.ClientSession, url: str, headers: dict[str, str]) -> None:
    async with session.get(url, headers=headers) as answer:
        assert answer.status == 200
        await answer.read()


async def _rate(work: Work) -> float:
    """Return how often in a second something can be done, one after the other: the best of a few runs."""
    return max([await _one_rate(work) for _ in range(RUNS)])


async def _one_rate(work: Work) -> float:
    gc.collect()
    began = time.perf_counter()
    for _ in range(POLLS):
        await work()
    return POLLS / (time.perf_counter() - began)


async def memory_added() -> dict[str, float]:
    """Add VMs in Python; return what they cost, and what a list of all of them does."""
    async with emulator(VirtualClock(), port=None) as arm:
        before, began = _resident(), time.perf_counter()
        for number in range(MACHINES):
            arm.add_vm(f"vm{number}", power="running")
        found = {"bytes": _resident() - before, "seconds": time.perf_counter() - began}
        first, again = await _listed(arm, MACHINES), await _listed(arm, MACHINES)
        return found | first | {"again": again["page"], "slowest": again["slowest"]}


async def memory_put() -> dict[str, float]:
    """Create VMs by PUT, each with its disk, and let their operations end and a day pass; return what they cost."""
    clock = VirtualClock()
    async with emulator(clock, port=None) as arm:
        headers = await _authorization(arm)
        before, began = _resident(), time.perf_counter()
        for number in range(MACHINES):
            url = f"{arm.endpoint}{_group(arm)}/virtualMachines/vm{number}?{VERSION}"
            answer = await arm.send(Request("PUT", url, _machine(number), headers))
            assert answer.status == 201
        seconds = time.perf_counter() - began
        at_once = _resident() - before
        clock.jump(100_000)
        arm.effects  # noqa: B018  # lets what came due end
        gc.collect()
        return {"bytes": at_once, "later": _resident() - before, "seconds": seconds}


def _group(arm: Emulator) -> str:
    return f"/subscriptions/{arm.subscription}/resourceGroups/{arm.resource_group}/providers/Microsoft.Compute"


def _machine(number: int) -> bytes:
    image = {"publisher": "Canonical", "offer": "ubuntu-24_04-lts", "sku": "server", "version": "latest"}
    disk = {"createOption": "FromImage", "managedDisk": {"storageAccountType": "Premium_LRS"}, "deleteOption": "Delete"}
    properties = {
        "hardwareProfile": {"vmSize": "Standard_B2s"},
        "storageProfile": {"imageReference": image, "osDisk": disk},
        "osProfile": {"computerName": f"vm{number}", "adminUsername": "azureuser", "adminPassword": "Secret-12345"},
    }
    return json.dumps({"location": "westeurope", "properties": properties}).encode()


async def _listed(arm: Emulator, machines: int) -> dict[str, float]:
    """Read the status of all VMs, page by page; return how long a page took, in milliseconds, and how many VMs came."""
    headers, found, taken = await _authorization(arm), 0, []
    url = f"{arm.endpoint}/subscriptions/{arm.subscription}/providers/Microsoft.Compute/virtualMachines"
    url = f"{url}?{VERSION}&statusOnly=true"
    while url:
        began = time.perf_counter()
        answer = await arm.send(Request("GET", url, headers=headers))
        taken.append(time.perf_counter() - began)
        page = answer.document()
        found += len(page["value"])
        url = page.get("nextLink", "")
    assert found == machines
    return {"pages": len(taken), "page": statistics.median(taken) * 1e3, "slowest": max(taken) * 1e3}


def _resident() -> float:
    """Return the bytes of memory that this process has, as Linux tells them."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return float(pages * 4096)


async def sleepers() -> dict[str, float]:
    """Let a virtual clock wake many sleepers, each at its own time; return the microseconds each took."""
    clock = VirtualClock()
    began = time.perf_counter()
    async with asyncio.TaskGroup() as tasks:
        for number in range(MACHINES):
            tasks.create_task(clock.sleep(1 + number))
    return {"each": (time.perf_counter() - began) / MACHINES * 1e6}


def in_fresh_processes() -> list[Figure]:
    """Return what is measured in processes of their own."""
    added, put, slept = _measured("added"), _measured("put"), _measured("sleepers")
    return [
        Figure("memory of 100,000 VMs by add_vm", added["bytes"] / 1e6, "MB", "< 500"),
        Figure("  each", added["bytes"] / MACHINES, "bytes"),
        Figure("  to add them all", added["seconds"], "s"),
        Figure(f"list with statusOnly, a page (median of {added['pages']:.0f})", added["page"], "ms"),
        Figure("  the same again", added["again"], "ms", "< 4"),
        Figure("  the slowest page of these", added["slowest"], "ms"),
        Figure("memory of 100,000 VMs by PUT, each with its disk", put["bytes"] / 1e6, "MB", "< 500"),
        Figure("  each", put["bytes"] / MACHINES, "bytes"),
        Figure("  all, a day later", put["later"] / 1e6, "MB"),
        Figure("  to PUT them all", put["seconds"], "s"),
        Figure("virtual clock, 100,000 sleepers: from sleep to waking, each", slept["each"], "us"),
    ]


def _measured(name: str) -> dict[str, float]:
    """Return what a fresh process of this script has measured."""
    command = [sys.executable, __file__, "--measure", name]
    found: dict[str, float] = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    return found


async def in_this_process() -> list[Figure]:
    """Return what is measured here."""
    return [*await starts(), *await polls_in_process(), *await starts_in_process(), *await polls_over_sockets()]


MEASUREMENTS = {"added": memory_added, "put": memory_put, "sleepers": sleepers}


def main() -> int:
    """Print all figures; return 1 when a target was missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--measure", choices=MEASUREMENTS, help="measure one thing in this process, print JSON")
    if (name := parser.parse_args().measure) is not None:
        print(json.dumps(asyncio.run(MEASUREMENTS[name]())))
        return 0
    figures = [*asyncio.run(in_this_process()), *in_fresh_processes()]
    print(*figures, sep="\n")
    return int(any(figure.missed for figure in figures))


if __name__ == "__main__":
    sys.exit(main())
