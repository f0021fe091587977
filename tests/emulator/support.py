"""A caller of the emulator that knows HTTP and nothing of ARM: the tests state the rest."""

import asyncio
import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from azvm_async.clock import Clock
from azvm_async.emulator import Emulator
from azvm_async.emulator.providers import known_type
from azvm_async.wire import Request, Response

API_VERSION = "2024-07-01"


def version_of(kind: str, wanted: str = API_VERSION) -> str:
    """Return an API version that a full type has: the wanted one, or else its newest."""
    known = known_type(kind)
    return wanted if known is None or wanted in known.versions else known.versions[-1]


def version_at(path: str) -> str:
    """Return an API version that the type at a path has."""
    namespace, *segments = path.partition("?")[0].rpartition("/providers/")[2].split("/")
    if segments[-1:] == ["exportTemplate"]:
        segments = segments[:-1]
    return version_of("/".join((namespace, *segments[::2])))


def run_command(script: str, **properties: Any) -> dict[str, Any]:
    """Return the body of a managed run command."""
    return {"location": "westeurope", "properties": {"source": {"script": script}, **properties}}


async def until(condition: Callable[[], bool]) -> None:
    """Wait for what only another process brings about."""
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110  # processes set no events here
            await asyncio.sleep(0.005)


def alive(process: int) -> bool:
    """Return whether a process exists and is no zombie."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def endless(told: Path) -> str:
    """Return a script that tells its process id in a file and then goes on and on."""
    return f"echo $$ > {told}.new; mv {told}.new {told}; sleep 1000"


class Caller:
    """Sends requests through the in-process door with a token of its own."""

    def __init__(self, arm: Emulator, clock: Clock, token: str, every: float = 4.0) -> None:
        self.arm = arm
        self.clock = clock
        self.every = every
        self.headers = {"authorization": f"Bearer {token}"}

    async def send(self, method: str, where: str, document: Any = None, **headers: str) -> Response:
        """Send a request; a path gets the endpoint and an API version, a URL is taken as it is."""
        request = Request.with_json(method, self.url(where), document)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.arm.send(
            Request(method, request.url, request.body, {**request.headers, **self.headers, **named})
        )

    async def raw(self, method: str, url: str, body: bytes) -> Response:
        """Send a body that may be anything."""
        return await self.arm.send(Request(method, url, body, self.headers))

    async def get(self, where: str) -> dict[str, Any]:
        """Return the document that GET brings."""
        return (await self.send("GET", where)).document()

    async def poll(self, accepted: Response) -> dict[str, Any]:
        """Return how the operation goes that a response tracks."""
        return await self.get(accepted.headers["azure-asyncoperation"])

    async def done(self, accepted: Response) -> dict[str, Any]:
        """Wait for the operation's end, and return how it went; what is not tracked is done, and must not be refused."""
        if "azure-asyncoperation" not in accepted.headers:
            assert accepted.status < 300, accepted.body
            return {"status": "Succeeded"}
        while (status := await self.poll(accepted))["status"] == "InProgress":
            await self.clock.sleep(self.every)
        return status

    async def act(self, where: str, method: str = "POST", document: Any = None) -> dict[str, Any]:
        """Begin an operation and wait for its end."""
        return await self.done(await self.send(method, where, document))

    async def run(self, machine: str, name: str, document: Any) -> dict[str, Any]:
        """Run a managed run command to its end, and return its instance view."""
        await self.act(f"{machine}/runCommands/{name}", "PUT", document)
        return await self.view(machine, name)

    async def view(self, machine: str, name: str) -> dict[str, Any]:
        """Return a run command's instance view."""
        record = await self.get(f"{machine}/runCommands/{name}?$expand=instanceView")
        return record["properties"]["instanceView"]

    async def power(self, machine: str) -> str:
        """Return the code of a VM's power state."""
        view = await self.get(f"{machine}/instanceView")
        return next(entry["code"] for entry in view["statuses"] if entry["code"].startswith("PowerState/"))

    def url(self, where: str) -> str:
        """Return a path as URL."""
        if where.startswith("http"):
            return where
        return f"{self.arm.endpoint}{where}{'&' if '?' in where else '?'}api-version={version_at(where)}"
