"""What a start and its wait cost the client's processor, beside a bare aiohttp loop and azure-mgmt-compute.aio.

``python tests/benchmarks/client_cost.py [starts]``. All three start VMs of their own at one server in a process of its own,
each in a fresh process, in turns; the least of a few runs counts, for what else the machine does can only add to it. The
bare loop sends what this package sends, and reads what it reads: what is printed as requests is what came to the server.
It exits with 1 when a bound is missed.
"""

import argparse
import asyncio
import gc
import json
import subprocess
import sys
import time
import uuid
from base64 import urlsafe_b64encode
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from http.client import HTTPConnection
from random import Random
from typing import Any, NamedTuple

SUBSCRIPTION = "00000000-0000-0000-0000-000000000001"
GROUP = "group"
TOKEN = "eyJ0eXAi" + "x" * 1400  # as long as Entra's are

AT_ONCE = 50
WARM_UP = 100
RUNS = 3

ABOVE_BARE = 1.3
"""How much more than the bare loop this package may take."""
BELOW_OFFICIAL = 5.0
"""How many times as much azure-mgmt-compute must take."""

Start = Callable[[str], Awaitable[None]]


# The server: the least that answers as Resource Manager does.


class Arm(asyncio.Protocol):
    """One connection. A POST is accepted, its operation has succeeded at the first look."""

    requests = 0

    def __init__(self, endpoint: Callable[[], str]) -> None:
        self._endpoint = endpoint
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer all requests that are here as a whole; none has a body."""
        *heads, self._received = (self._received + data).split(b"\r\n\r\n")
        for head in heads:
            method, target, _ = head.split(b" ", 2)
            self._transport.write(self._answer(method, target.decode()))

    def _answer(self, method: bytes, target: str) -> bytes:
        if target == "/count":  # how many there were since one asked before
            count, Arm.requests = Arm.requests, 0
            return answer("200 OK", json.dumps(count))
        Arm.requests += 1
        if method == b"POST":
            return answer("202 Accepted", "", *self._tracking())
        if "monitor=true" in target:
            return answer("200 OK", "")
        ended = {"startTime": "2026-01-01T00:00:00.1+00:00", "endTime": "2026-01-01T00:00:01.2+00:00"}
        return answer("200 OK", json.dumps({**ended, "status": "Succeeded", "name": str(uuid.uuid4())}))

    def _tracking(self) -> tuple[str, ...]:
        path = (
            f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Compute/locations/westeurope/operations/{uuid.uuid4()}"
        )
        url = f"{self._endpoint()}{path}?p={uuid.uuid4()}"
        return (
            f"Azure-AsyncOperation: {url}&api-version=2024-07-01&{SIGNATURE}",
            f"Location: {url}&monitor=true&api-version=2024-07-01&{SIGNATURE}",
            "Retry-After: 0",
        )


def _signature(length: int) -> str:
    return urlsafe_b64encode(Random(length).randbytes(length)).decode().rstrip("=")


SIGNATURE = f"t=638712345678901234&c={_signature(720)}&s={_signature(256)}&h={_signature(32)}"
"""As long as those of Azure's tracking URLs."""

LEFT = "Microsoft.Compute/UpdateVMSubscriptionMaximum;99999,Microsoft.Compute/GetOperationSubscriptionMaximum;99999"
"""What Compute would still let through: nobody is to wait."""


def answer(status: str, body: str, *more: str) -> bytes:
    """Return an answer's bytes, with the headers that Azure's have."""
    lines = [
        f"HTTP/1.1 {status}",
        "Cache-Control: no-cache",
        "Pragma: no-cache",
        f"Content-Length: {len(body)}",
        *(["Content-Type: application/json; charset=utf-8"] if body else []),
        "Expires: -1",
        *more,
        "Strict-Transport-Security: max-age=31536000; includeSubDomains",
        f"x-ms-request-id: {uuid.uuid4()}",
        f"x-ms-correlation-request-id: {uuid.uuid4()}",
        "x-ms-ratelimit-remaining-subscription-reads: 99999",
        "x-ms-ratelimit-remaining-subscription-writes: 99999",
        f"x-ms-ratelimit-remaining-resource: {LEFT}",
        "X-Content-Type-Options: nosniff",
        "Date: Thu, 01 Jan 2026 00:00:00 GMT",
    ]
    return ("\r\n".join([*lines, "", ""]) + body).encode()


async def serve() -> None:
    """Answer until the end of stdin; say on which port."""
    port = 0
    server = await asyncio.get_running_loop().create_server(
        lambda: Arm(lambda: f"http://127.0.0.1:{port}"), "127.0.0.1", 0
    )
    port = server.sockets[0].getsockname()[1]
    print(port, flush=True)  # noqa: T201
    await asyncio.to_thread(sys.stdin.read)
    server.close()


# The clients: each is something that starts a VM and waits for that to end.


@asynccontextmanager
async def ours(endpoint: str) -> Any:
    """Start by this package."""
    from azvm_async import AzureVMClient  # noqa: PLC0415 - no process needs what another one measures

    async def start(name: str) -> None:
        await (await client.start(name))

    async with AzureVMClient(SUBSCRIPTION, GROUP, Credential(), endpoint) as client:
        yield start


@asynccontextmanager
async def bare(endpoint: str) -> Any:
    """Start by the requests alone, with the same headers: each is read and parsed, and it is asked until the end."""
    import aiohttp  # noqa: PLC0415

    always = {"Accept": "application/json", "User-Agent": "bare", "Authorization": f"Bearer {TOKEN}"}

    async def send(session: aiohttp.ClientSession, method: str, url: str) -> tuple[Any, Any]:
        headers = {**always, "x-ms-client-request-id": str(uuid.uuid4())}
        async with session.request(method, url, headers=headers) as response:
            response.raise_for_status()
            body = await response.read()
            return response.headers, json.loads(body) if body else None

    async def start(name: str) -> None:
        headers, _ = await send(session, "POST", f"{endpoint}{machine(name)}/start?api-version=2024-07-01")
        while True:
            if delay := float(headers.get("Retry-After", 0)):
                await asyncio.sleep(delay)
            headers, document = await send(session, "GET", headers.get("Azure-AsyncOperation"))
            if document["status"] in {"Succeeded", "Failed", "Canceled"}:
                return

    async with aiohttp.ClientSession() as session:
        yield start


@asynccontextmanager
async def official(endpoint: str) -> Any:
    """Start by Microsoft's client, which reads the Location too at the end; its poller doesn't sleep."""
    from azure.core.pipeline.policies import SansIOHTTPPolicy  # noqa: PLC0415
    from azure.mgmt.compute.aio import ComputeManagementClient  # noqa: PLC0415

    class Bearer(SansIOHTTPPolicy):  # its own refuses plain http
        def on_request(self, request: Any) -> None:
            request.http_request.headers["Authorization"] = f"Bearer {TOKEN}"

    options = {"base_url": endpoint, "authentication_policy": Bearer(), "polling_interval": 0}

    async def start(name: str) -> None:
        await (await client.virtual_machines.begin_start(GROUP, name)).result()

    async with ComputeManagementClient(Credential(), SUBSCRIPTION, **options) as client:
        yield start


CLIENTS: dict[str, Callable[[str], AbstractAsyncContextManager[Start]]] = {
    "ours": ours,
    "bare": bare,
    "official": official,
}


class AccessToken(NamedTuple):
    """A token as azure-core's credentials hand it out."""

    token: str
    expires_on: int


class Credential:
    """One token, for ever."""

    async def get_token(self, *_: str, **__: Any) -> AccessToken:
        """Return it."""
        return AccessToken(TOKEN, 4_000_000_000)

    async def close(self) -> None:
        """Do nothing."""


def machine(name: str) -> str:
    """Return a VM's id."""
    group = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{GROUP}"
    return f"{group}/providers/Microsoft.Compute/virtualMachines/{name}"


async def measure(client: str, endpoint: str, starts: int) -> float:
    """Start so many VMs, a number of them at once, and wait for all; return the seconds of this process's processor."""
    async with CLIENTS[client](endpoint) as start:
        await _all(start, WARM_UP, "warm")
        asked_of(endpoint)
        gc.collect()
        before = time.process_time()
        await _all(start, starts, "vm")
        return time.process_time() - before


async def _all(start: Start, number: int, prefix: str) -> None:
    names = (f"{prefix}{each}" for each in range(number))

    async def some() -> None:
        for name in names:
            await start(name)

    async with asyncio.TaskGroup() as tasks:
        for _ in range(AT_ONCE):
            tasks.create_task(some())


def asked_of(endpoint: str) -> int:
    """Return how many requests came to the server since this was asked before."""
    connection = HTTPConnection(endpoint.removeprefix("http://"), timeout=20)
    connection.request("GET", "/count")
    with connection.getresponse() as response:
        count: int = json.loads(response.read())
    connection.close()
    return count


# The comparison.


@contextmanager
def served() -> Iterator[str]:
    """Let the server run."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, __file__, "--serve"], **pipes, text=True) as server:
        try:
            assert server.stdout is not None
            yield f"http://127.0.0.1:{int(server.stdout.readline())}"
        finally:
            server.communicate()  # the end of its stdin is its own


def compare(starts: int) -> int:
    """Measure, print, and return whether a bound is missed."""
    seconds: dict[str, list[float]] = {name: [] for name in CLIENTS}
    requests: dict[str, int] = {}
    with served() as endpoint:
        for _ in range(RUNS):
            for name, found in seconds.items():
                command = [sys.executable, __file__, str(starts), "--client", name, "--endpoint", endpoint]
                found.append(float(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout))
                requests[name] = asked_of(endpoint)
    least = {name: min(found) for name, found in seconds.items()}
    for name, took in least.items():
        each = f"{took / starts * 1e6:7,.0f} us a start, {requests[name]:,} requests for {starts:,}"
        print(f"{name:<9} {took:6.2f} s of CPU, {each}")  # noqa: T201
    above, below = least["ours"] / least["bare"], least["official"] / least["ours"]
    print(f"ours / bare:     {above:.2f}, at most {ABOVE_BARE}")  # noqa: T201
    print(f"official / ours: {below:.2f}, at least {BELOW_OFFICIAL}")  # noqa: T201
    return int(above > ABOVE_BARE or below < BELOW_OFFICIAL)


def main() -> int:
    """Be the comparison, or one of its processes."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("starts", type=int, nargs="?", default=2_000)
    parser.add_argument("--client", choices=CLIENTS, help="measure one client at --endpoint, print its seconds")
    parser.add_argument("--endpoint")
    parser.add_argument("--serve", action="store_true", help="be the server, until stdin ends")
    chosen = parser.parse_args()
    if chosen.serve:
        asyncio.run(serve())
    elif chosen.client:
        print(asyncio.run(measure(chosen.client, chosen.endpoint, chosen.starts)))  # noqa: T201
    else:
        return compare(chosen.starts)
    return 0


if __name__ == "__main__":
    sys.exit(main())
