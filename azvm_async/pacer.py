"""The gate before every request: who finds no token in Azure's buckets waits here, the oldest first.

At each bucket that is empty there is a line with two lanes, one for polls and one for all else, which take turns, so that
neither starves the other. Only the first of a line looks at the bucket; it sleeps until there is a token, takes it, and
lets the next one come forward. Who then finds another bucket empty goes to that one's line, with the age that it had.
"""

import asyncio
import contextlib
import heapq
import itertools
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from enum import IntEnum

from azvm_async.budget import Budget, Hold, Ticket
from azvm_async.clock import Clock
from azvm_async.errors import ClientClosed
from azvm_async.protocol.throttling import Key, Region, keys_of
from azvm_async.wire import Request, Response

LOOK_AGAIN = 30.0
"""Seconds after which the first of a line looks again: others share the budget, and Azure may have corrected it."""

TICK = 0.25
"""Seconds: who waits wakes at a multiple of it, for all that there are tokens for. One by one costs many times as much."""


class Lane(IntEnum):
    """Which of the two lanes of a line a request stands in."""

    SUBMISSIONS = 0
    """Also plain reads."""

    POLLS = 1


class Pacer:
    """Lets the requests of one client through, as its budget allows.

    Parameters
    ----------
    clock : Clock
        Sleeps.
    region : callable
        Tells the regions of VMs, as far as they are known.
    """

    def __init__(self, clock: Clock, region: Region) -> None:
        self._clock = clock
        self._region = region
        self._ages = itertools.count()
        self._lines: dict[Key, _Line] = {}  # only those in which somebody stands
        self._closing = asyncio.Event()

    def age(self) -> int:
        """Return the age of a request that comes now: who is sent away by Azure keeps it, and goes first when it is back."""
        return next(self._ages)

    async def admit(self, budget: Budget, request: Request, lane: Lane, age: int | None = None) -> Ticket:
        """Return once a request may be sent.

        Raises
        ------
        ClientClosed
            When the client was closed meanwhile.
        """
        keys = keys_of(request, self._region)
        place = next((key for key in keys if key in self._lines), None) if self._lines else None
        if place is None:
            got = budget.take(keys, self._clock.monotonic())
            if isinstance(got, Ticket):
                return got
            place = got.key
        return await self._stand(budget, keys, place, lane, self.age() if age is None else age)

    def heard(self, budget: Budget, ticket: Ticket, response: Response) -> None:
        """Take in what an answer tells of the buckets."""
        budget.heard(ticket, response, self._clock.monotonic())

    def is_held(self, budget: Budget, ticket: Ticket) -> bool:
        """Tell whether Azure has refused, since a request was let through, others for one of the same buckets."""
        now = self._clock.monotonic()
        return any(budget.held(key, now) for key in ticket.keys)

    def close(self) -> None:
        """Send everybody away who waits."""
        self._closing.set()

    async def sleep(self, seconds: float) -> None:
        """Return after so many seconds.

        Raises
        ------
        ClientClosed
            As soon as the client is closed.
        """
        with contextlib.suppress(TimeoutError):
            async with self._clock.timeout(seconds):
                await self._closing.wait()
            raise ClientClosed("The client was closed while a request waited for its time; it was not sent")

    async def _stand(self, budget: Budget, keys: tuple[Key, ...], place: Key, lane: Lane, age: int) -> Ticket:
        """Stand in line, and in another one where the next bucket is empty too."""
        while True:
            async with self._first_in_line(place, lane, age):
                got = await self._tried(budget, keys, place)
            if isinstance(got, Ticket):
                return got
            place = got.key

    @asynccontextmanager
    async def _first_in_line(self, place: Key, lane: Lane, age: int) -> AsyncIterator[None]:
        line = self._lines.setdefault(place, _Line())
        try:
            await line.turn(lane, age)
            try:
                yield
            finally:
                line.next()
        finally:
            if not line.busy and self._lines.get(place) is line:  # a newcomer may have begun another
                del self._lines[place]

    async def _tried(self, budget: Budget, keys: tuple[Key, ...], place: Key) -> Ticket | Hold:
        """Take tokens as soon as there are, or return why not, where that is not for this place."""
        while True:
            now = self._clock.monotonic()
            got = budget.take(keys, now)
            if isinstance(got, Ticket) or got.key != place:
                return got
            await self.sleep(_rounded_up(now, min(got.seconds, LOOK_AGAIN)))


class _Line:
    """Those who wait at one bucket; one of them is first, and busy with the bucket."""

    __slots__ = ("_lanes", "_turn", "busy")

    def __init__(self) -> None:
        self.busy = False
        self._lanes: tuple[list[tuple[int, asyncio.Future[None]]], ...] = ([], [])
        self._turn = 0

    async def turn(self, lane: Lane, age: int) -> None:
        """Return once the caller is the first."""
        if not self.busy:
            self.busy = True
            return
        called = asyncio.get_running_loop().create_future()
        heapq.heappush(self._lanes[lane], (age, called))
        try:
            await called
        except asyncio.CancelledError:
            if not called.cancelled():  # it was its turn just now
                self.next()
            raise

    def next(self) -> None:
        """Call the next one forward, the oldest of the lane whose turn it is."""
        while any(self._lanes):
            self._turn ^= 1
            lane = self._lanes[self._turn] or self._lanes[self._turn ^ 1]
            _, called = heapq.heappop(lane)
            if not called.done():
                called.set_result(None)
                return
        self.busy = False


def _rounded_up(now: float, seconds: float) -> float:
    """Return a wait to its tick, but never a shorter one; a microsecond more, for sums of floats may fall short by a bit."""
    return max(seconds, math.ceil((now + seconds) / TICK - 1e-4) * TICK - now) + 1e-6
