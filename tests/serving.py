"""An emulator on a loop and a thread of its own, for those who block when they call it: real threads, other processes."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from azvm_async.emulator import Durations, Emulator

T = TypeVar("T")


class Served:
    """The emulator that is served."""

    def __init__(self, loop: asyncio.AbstractEventLoop, arm: Emulator) -> None:
        self.arm = arm
        self._loop = loop

    def do(self, what: Callable[[Emulator], T]) -> T:
        """Do something with the emulator, where nothing else is done to it meanwhile."""

        async def doing() -> T:
            return what(self.arm)

        return asyncio.run_coroutine_threadsafe(doing(), self._loop).result(20)

    def token(self) -> str:
        """Return a token that the emulator takes."""
        got = asyncio.run_coroutine_threadsafe(self.arm.credential().get_token(), self._loop).result(20)
        return got.token

    def requests(self, method: str, part: str) -> list[str]:
        """Return the paths of the requests so far of a method with this in their path."""
        received = self.do(lambda arm: list(arm.requests))
        return [each.path for each in received if each.method == method and part.lower() in each.path.lower()]


@contextmanager
def served(**options: Any) -> Iterator[Served]:
    """Serve an emulator in which operations take a second or two, without Azure's limits: its time is real."""
    chosen = {"durations": Durations.quick(), "throttling": None, **options}
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="emulator")
    thread.start()

    def await_(what: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(what, loop).result(20)

    async def begun() -> Emulator:
        return await Emulator(**chosen).__aenter__()

    arm = await_(begun())
    try:
        yield Served(loop, arm)
    finally:
        await_(arm.__aexit__(None, None, None))
        loop.call_soon_threadsafe(loop.stop)
        thread.join(20)
        loop.close()
