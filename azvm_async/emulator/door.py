"""The door to the core: gives it the present, carries out what it asks for, and keeps a record of who came."""

from typing import NamedTuple
from urllib.parse import urlsplit

from azvm_async.clock import Clock
from azvm_async.emulator import identity
from azvm_async.emulator.core import Core
from azvm_async.emulator.model import Moment
from azvm_async.emulator.scripts import ScriptRunner
from azvm_async.wire import Request, Response

_TOKENS = (identity.IMDS_PATH, identity.APP_SERVICE_PATH)


class Received(NamedTuple):
    """A request that came to ARM: what, what it was answered, and when."""

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
    """

    def __init__(self, core: Core, clock: Clock) -> None:
        self.received: list[Received] = []
        self._core = core
        self._clock = clock
        self._runner = ScriptRunner(core, clock)

    def handle(self, request: Request) -> Response:
        """Answer a request; on an event loop, for scripts run there."""
        with self._clock.working():
            now = Moment.of(self._clock)
            response = self._core.handle(request, now)
            self._record(request, response, now)
            self._runner.carry_out(self._core.instructions())
            return response

    async def close(self) -> None:
        """Kill what runs."""
        await self._runner.close()

    def _record(self, request: Request, response: Response, now: Moment) -> None:
        url = urlsplit(request.url)
        if url.path.lower() not in _TOKENS:
            self.received.append(Received(request.method, url.path, response.status, now.monotonic, url.query))


class InProcess:
    """The door without sockets, in the shape of a client's transport."""

    def __init__(self, door: Door) -> None:
        self._door = door

    async def send(self, request: Request) -> Response:
        """Answer a request."""
        return self._door.handle(request)

    async def close(self) -> None:
        """Do nothing: the emulator outlives its visitors."""
