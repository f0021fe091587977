"""The door to the core: gives it the present, carries out what it asks for, and keeps a record of who came.

Faults of the connection happen here. There is no connection in process: what a client's socket would tell it, a caller is
told by Python's own errors, ``ConnectionRefusedError`` where nothing was sent and ``ConnectionResetError`` where no
answer came.
"""

import re
from typing import NamedTuple

from azvm_async.clock import Clock
from azvm_async.emulator import entra, identity
from azvm_async.emulator.core import Core
from azvm_async.emulator.faults import Fault, Refused, ResetAfter, ResetBefore, ResetMidway, Slow
from azvm_async.emulator.mishaps import Mishaps
from azvm_async.emulator.model import Moment
from azvm_async.emulator.packing import shared
from azvm_async.emulator.scripts import ScriptRunner
from azvm_async.wire import Request, Response

_TOKENS = (identity.IMDS_PATH, identity.APP_SERVICE_PATH)
_SIGNATURE = re.compile(r"&c=[^&]*&s=[^&]*&h=[^&]*")


class Received(NamedTuple):
    """A request that came to ARM: what, what it was answered, and when; the query of a tracking URL without its signature."""

    method: str
    path: str
    status: int
    monotonic: float
    query: str


class Door:
    """Lets requests into a core.

    Parameters
    ----------
    core : Core
        Answers them.
    clock : Clock
        Says when they came.

    Attributes
    ----------
    received : list[Received]
        The requests so far, but for those for tokens.
    mishaps : Mishaps
        The faults that wait for them.
    """

    def __init__(self, core: Core, clock: Clock) -> None:
        self.received: list[Received] = []
        self.mishaps = Mishaps()
        self._core = core
        self._clock = clock
        self._runner = ScriptRunner(core, clock)
        self._shut_until = float("-inf")

    def fault(self, method: str, path: str) -> Fault | None:
        """Take the fault, if any, that strikes a request; none does one for a token."""
        return self.mishaps.next(method, path) if self.mishaps and not _is_for_token(path) else None

    def handle(self, request: Request, fault: Fault | None = None) -> Response:
        """Answer a request; on an event loop, for scripts run there."""
        with self._clock.working():
            now = Moment.of(self._clock)
            response = self._core.handle(request, now, fault, len(self.received))
            self._record(request, response, now)
            self._runner.carry_out(self._core.instructions())
            return response

    async def send(self, request: Request) -> Response:
        """Answer a request without sockets.

        Raises
        ------
        ConnectionRefusedError, ConnectionResetError
            When a fault would have it so.
        """
        if self._clock.monotonic() < self._shut_until:
            raise _refused()
        fault = self.fault(request.method, _path_and_query(request.url)[0])
        if isinstance(fault, Refused):
            raise _refused()
        if isinstance(fault, ResetBefore):
            raise ConnectionResetError("The connection broke before the request was read.")
        response = self.handle(request, fault)
        if isinstance(fault, Slow):
            await self._clock.sleep(fault.seconds)
        if isinstance(fault, ResetAfter | ResetMidway):
            raise ConnectionResetError("The connection broke before all of the answer was sent.")
        return response

    def shut(self, seconds: float) -> None:
        """Refuse who comes without socket for so long."""
        self._shut_until = self._clock.monotonic() + seconds

    async def close(self) -> None:
        """Kill what runs."""
        await self._runner.close()

    def _record(self, request: Request, response: Response, now: Moment) -> None:
        path, query = _path_and_query(request.url)
        if not _is_for_token(path):
            known = shared(path), shared(_SIGNATURE.sub("", query))
            self.received.append(Received(request.method, known[0], response.status, now.monotonic, known[1]))


class InProcess:
    """The door without sockets, in the shape of a client's transport."""

    def __init__(self, door: Door) -> None:
        self._door = door

    async def send(self, request: Request) -> Response:
        """Answer a request; see :meth:`Door.send`."""
        return await self._door.send(request)

    async def close(self) -> None:
        """Do nothing: the emulator outlives its visitors."""


def _path_and_query(url: str) -> tuple[str, str]:
    location, _, query = url.partition("?")
    _, slash, path = location.partition("://")[2].partition("/")
    return slash + path, query


def _is_for_token(path: str) -> bool:
    return path.lower() in _TOKENS or entra.concerns(path)


def _refused() -> ConnectionRefusedError:
    return ConnectionRefusedError("The connection was refused.")
