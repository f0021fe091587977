"""What tests of fleets look through: a wire that tells what passes it, and what became of VMs."""

import asyncio
import stat
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path

from azvm_async import AzureVMClient, Fleet, Report, Run, TransportError, VirtualClock
from azvm_async.emulator import Emulator
from azvm_async.transport import Transport
from azvm_async.wire import Request, Response

OTHER = "00000000-0000-0000-0000-000000000002"
WRITES = {"POST", "PUT", "PATCH", "DELETE"}


class Wire:
    """A transport that shows each request to a callback before it is carried on.

    Attributes
    ----------
    sent : list of Request
        What was carried so far.
    before : callable or None
        Called with each request; what it raises is raised, what it returns is awaited.
    """

    def __init__(self, inner: Transport) -> None:
        self.sent: list[Request] = []
        self.before: Callable[[Request], Awaitable[object] | None] | None = None
        self._inner = inner

    async def send(self, request: Request) -> Response:
        """Send once; what breaks is told as a client's transport tells it."""
        self.sent.append(request)
        waits = self.before and self.before(request)
        if waits is not None:
            await waits
        try:
            return await self._inner.send(request)
        except ConnectionRefusedError as error:
            raise TransportError("There is no connection", maybe_applied=False) from error
        except ConnectionResetError as error:
            raise TransportError("The connection broke", maybe_applied=True) from error

    async def close(self) -> None:
        """Let go of all connections."""
        await self._inner.close()

    @property
    def writes(self) -> list[Request]:
        """What was to change something, without reads of bulk states."""
        return [each for each in self.sent if each.method in WRITES and "GetOperationStatus" not in each.url]


def opened(arm: Emulator, clock: VirtualClock, wire: Transport | None = None) -> AzureVMClient:
    """Return a client of an emulator without sockets."""
    return AzureVMClient(
        arm.subscription,
        arm.resource_group,
        arm.credential(),
        arm.endpoint,
        clock=clock,
        transport=wire or Wire(arm.transport()),
    )


def crowd(arm: Emulator, number: int, *, prefix: str = "vm", **facts: object) -> list[str]:
    """Add so many VMs, and return their names."""
    names = [f"{prefix}{index}" for index in range(number)]
    for name in names:
        arm.add_vm(name, **facts)  # type: ignore[arg-type]
    return names


def done(arm: Emulator, verb: str) -> Counter[str]:
    """Return how often something was really done to each VM, by the VM's name."""
    found = [each.resource for each in arm.effects if each.verb == verb]
    return Counter(each.partition("/virtualMachines/")[2].partition("/")[0] for each in found)


def states(report: Report) -> dict[str, str]:
    """Return the state of each VM, by its name."""
    return {outcome.name: outcome.state.value for outcome in report}


async def run_of(client: AzureVMClient, vms: Iterable[str], verb: str = "start", *given: object, **more: object) -> Run:
    """Return a run that is over."""
    async with Fleet(client, vms) as fleet:
        run: Run = getattr(fleet, verb)(*given, **more)
        await run.ended()
    return run


def fleet_tasks() -> list[str]:
    """Return the tasks of fleets that have not ended."""
    coroutines = [task.get_coro() for task in asyncio.all_tasks()]
    return [str(each) for each in coroutines if "/azvm_async/fleet/" in getattr(each, "cr_code", each).co_filename]


def bytes_of(file: Path) -> bytes:
    """Return what is in a file, from where nobody minds that reading it blocks."""
    return file.read_bytes()


def text_of(file: Path) -> str:
    """Return what is in a file."""
    return bytes_of(file).decode()


def put(file: Path, content: str | bytes) -> None:
    """Make a file's content another one."""
    file.write_bytes(content.encode() if isinstance(content, str) else content)


def allow(file: Path, mode: int) -> None:
    """Say who may do what with a file."""
    file.chmod(mode)


def mode_of(file: Path) -> int:
    """Return who may do what with a file."""
    return stat.S_IMODE(file.stat().st_mode)
