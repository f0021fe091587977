"""A fleet over several processes: Dask workers start 240 VMs within the limits of one caller, and hand an operation on.

Run it with no arguments, where ``azvm-async[dask]`` is installed: the VMs live in the emulator, an ARM endpoint in this
process, and the workers are real processes that reach it over loopback. Azure lets one caller write 200 times at once and
10 times a second from then on; each worker keeps to its share of that, so that nobody is refused. With Azure:

    AZURE_SUBSCRIPTION_ID=… AZURE_RESOURCE_GROUP=… python examples/dask_fleet.py vm1 vm2 vm3

starts these VMs. Between the processes go names, tokens and reports. No credential does: each worker signs in by itself, with
``DefaultAzureCredential``, in Azure as in the emulator.
"""

import asyncio
import logging
import os
import sys
from collections import Counter
from collections.abc import Callable, Coroutine, Mapping
from http import HTTPStatus
from typing import Any, NamedTuple

from distributed import Client, LocalCluster

from azvm_async import AzureVMClient, Budget, Fleet, Report
from azvm_async.emulator import Durations, Emulator

WORKERS = 2
EMULATED = [f"vm-{number:03}" for number in range(240)]

ONLY_MANAGED_IDENTITY = {"AZURE_TOKEN_CREDENTIALS": "ManagedIdentityCredential"}
"""Keeps a sign-in of yours, in the environment or by ``az login``, out of what is between workers and emulator."""


class Place(NamedTuple):
    """Where the VMs are: all that a worker is told to make a client of its own."""

    subscription: str
    resource_group: str
    endpoint: str | None = None  # Azure's

    def client(self) -> AzureVMClient:
        """Return a client that takes no more than one worker's share of the limits."""
        budget = Budget(share=1 / WORKERS)
        return AzureVMClient(self.subscription, self.resource_group, endpoint=self.endpoint, budget=budget)


def run(task: Callable[..., Coroutine[Any, Any, Any]], *arguments: object) -> Any:
    """In a worker: run one of the tasks below on an event loop of its own, as Dask calls it in a thread."""
    return asyncio.run(task(*arguments))


async def start_all(place: Place, vms: list[str]) -> Report:
    """Start VMs, and tell what came of each."""
    async with place.client() as client, Fleet(client, vms, engine="direct") as fleet:
        return await fleet.start()


async def begin(place: Place, vm: str) -> str:
    """Have a VM started, and leave once Azure has accepted that; return the operation's token."""
    logging.getLogger("azvm_async.session").setLevel(logging.ERROR)  # it warns of what goes on: here that is meant
    async with place.client() as client:
        return (await client.start(vm)).token


async def finish(place: Place, token: str) -> str:
    """Take up what another process began, and wait for its end."""
    async with place.client() as client:
        operation = client.resume(token)
        await operation
        return f"{operation.about}: {operation.status}"


async def spread(place: Place, vms: list[str], environment: Mapping[str, str]) -> bool:
    """Start the first VM in two processes, one after the other, and the rest in all at once; return whether all went well."""
    async with (
        LocalCluster(
            n_workers=WORKERS,
            threads_per_worker=1,  # a share is one task's, so one task at a time
            env=environment,
            security=True,  # tokens hold signed URLs: TLS between the processes, also on loopback
            dashboard_address="127.0.0.1:0",  # None would take port 8787, and complain when it is taken
            scheduler_kwargs={"dashboard": False},
            asynchronous=True,
        ) as cluster,
        Client(cluster, asynchronous=True) as dask,
    ):
        processes = await dask.run(os.getpid)
        one, other = list(processes)[:2]
        token = await dask.submit(run, begin, place, vms[0], workers=one, pure=False)
        print(f"process {processes[one]} began, and left a token of {len(token)} characters")
        end = await dask.submit(run, finish, place, token, workers=other, pure=False)
        print(f"process {processes[other]} took it up: {end}")
        parts = [  # pure=False: Dask would take the same call's result from before instead of doing it again
            dask.submit(run, start_all, place, vms[1 + n :: WORKERS], workers=worker, pure=False)
            for n, worker in enumerate(processes)
        ]
        report = Report.merged(await dask.gather(parts))
    print(report, *(f"{each.name}: {each.error}" for each in report.failures), sep="\n")
    return report.ok


async def emulated() -> bool:
    """Do it with VMs of the emulator, and see what came to it."""
    async with Emulator(durations=Durations.quick(), run_scripts=False) as arm:
        for name in EMULATED:
            arm.add_vm(name)
        place = Place(arm.subscription, arm.resource_group, arm.endpoint)
        ok = await spread(place, EMULATED, ONLY_MANAGED_IDENTITY | arm.environment)
        count = Counter(request.status for request in arm.requests)
    print(f"{count.total()} requests, {count[HTTPStatus.TOO_MANY_REQUESTS]} of them refused as too many")
    return ok


if __name__ == "__main__":
    if names := sys.argv[1:]:
        place = Place(os.environ["AZURE_SUBSCRIPTION_ID"], os.environ["AZURE_RESOURCE_GROUP"])
        story = spread(place, names, {})
    else:
        story = emulated()
    sys.exit(not asyncio.run(story))
