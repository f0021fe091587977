"""Time, replaceable: the system's for use, a virtual one for tests and simulations.

Durations are measured with ``monotonic()``, dates and expiry with ``utcnow()``. Nothing else in the package asks the
system for the time or sleeps. :class:`VirtualClock` makes ten minutes of waiting take milliseconds: its time stands
still while anything really happens (a request in flight, a script running: ``with clock.working()``), and jumps to the
next timer when nothing does.
"""

import asyncio
import heapq
import itertools
import math
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import (
    AbstractAsyncContextManager,
    AbstractContextManager,
    asynccontextmanager,
    contextmanager,
    nullcontext,
)
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Protocol


class Clock(Protocol):
    """What the package needs to know of time. All durations are seconds."""

    def monotonic(self) -> float:
        """Return seconds since some fixed moment; never runs backwards."""

    def utcnow(self) -> datetime:
        """Return the date and time, zone-aware, in UTC."""

    async def sleep(self, seconds: float) -> None:
        """Return after so many seconds."""

    def timeout(self, seconds: float | None) -> AbstractAsyncContextManager[object]:
        """Bound what happens inside, as :func:`asyncio.timeout` does: ``TimeoutError`` after so many seconds."""

    def working(self) -> AbstractContextManager[None]:
        """Say that real work is under way: simulated time stands still inside."""


_NOTHING = nullcontext()


class SystemClock:
    """The machine's clock and the event loop's timers."""

    def monotonic(self) -> float:
        """See :meth:`Clock.monotonic`."""
        return time.monotonic()

    def utcnow(self) -> datetime:
        """See :meth:`Clock.utcnow`."""
        return datetime.now(UTC)

    async def sleep(self, seconds: float) -> None:
        """See :meth:`Clock.sleep`."""
        await asyncio.sleep(seconds)

    def timeout(self, seconds: float | None) -> AbstractAsyncContextManager[object]:
        """See :meth:`Clock.timeout`."""
        return asyncio.timeout(seconds)

    def working(self) -> AbstractContextManager[None]:
        """See :meth:`Clock.working`; real time needs no telling."""
        return _NOTHING


class Timer:
    """A callback that a :class:`VirtualClock` will make, unless cancelled."""

    __slots__ = ("callback",)

    def __init__(self, callback: Callable[[], None]) -> None:
        self.callback: Callable[[], None] | None = callback

    def cancel(self) -> None:
        """Forget the callback."""
        self.callback = None


class VirtualClock:
    """Time that passes only when nothing else happens. For one event loop.

    Parameters
    ----------
    start : datetime
        What ``utcnow()`` says at first.

    Notes
    -----
    Before it jumps, the loop is given ``patience`` turns in which no timer is set and no work begins, so that tasks
    that are ready to run get to send their requests first: more turns than the longest chain of awaits between a
    timer's end and a request. With too few, time would run ahead of them. Client and server share one clock in one process; a
    request counts as work from its first byte to its last, so the server's part of it does too.
    """

    patience = 12

    def __init__(self, start: datetime = datetime(2026, 1, 1, tzinfo=UTC)) -> None:
        self._start = start
        self._elapsed = 0.0
        self._timers: list[tuple[float, int, Timer]] = []
        self._order = itertools.count()
        self._under_way = 0
        self._idle_turns = 0
        self._look_is_due = False

    def monotonic(self) -> float:
        """See :meth:`Clock.monotonic`; starts at 0."""
        return self._elapsed

    def utcnow(self) -> datetime:
        """See :meth:`Clock.utcnow`."""
        return self._start + timedelta(seconds=self._elapsed)

    async def sleep(self, seconds: float) -> None:
        """See :meth:`Clock.sleep`."""
        if seconds <= 0:
            return await asyncio.sleep(0)
        woken = asyncio.Event()
        timer = self.call_later(seconds, woken.set)
        try:
            await woken.wait()
        finally:
            timer.cancel()

    @asynccontextmanager
    async def timeout(self, seconds: float | None) -> AsyncIterator[object]:
        """See :meth:`Clock.timeout`."""
        async with asyncio.timeout(None) as bound:
            if seconds is None:
                yield bound
                return
            expire = partial(bound.reschedule, 0.0)  # a moment long gone: now
            timer = self.call_later(seconds, expire)
            try:
                yield bound
            finally:
                timer.cancel()

    @contextmanager
    def working(self) -> Iterator[None]:
        """See :meth:`Clock.working`."""
        self._under_way += 1
        try:
            yield
        finally:
            self._under_way -= 1
            self._watch()

    def call_later(self, seconds: float, callback: Callable[[], None]) -> Timer:
        """Make ``callback`` after so many virtual seconds."""
        timer = Timer(callback)
        if seconds < math.inf:  # what is never due must not draw time to the end of all days
            heapq.heappush(self._timers, (self._elapsed + max(0.0, seconds), next(self._order), timer))
            self._watch()
        return timer

    def jump(self, seconds: float) -> None:
        """Let time leap, as when a laptop was suspended: what came due is called at the next idle moment."""
        self._elapsed += seconds

    # One look a turn of the loop, for as long as there are timers: whatever happens begins the count of idle turns anew
    # (_watch); a look asks for the next one (_look_soon); enough idle turns, and time passes (_pass).

    def _watch(self) -> None:
        self._idle_turns = 0
        self._look_soon()

    def _look_soon(self) -> None:
        if not self._look_is_due:
            self._look_is_due = True
            asyncio.get_running_loop().call_soon(self._look)

    def _look(self) -> None:
        self._look_is_due = False
        self._drop_cancelled()
        if self._under_way or not self._timers:
            return
        self._idle_turns += 1
        self._look_soon()
        if self._idle_turns > self.patience:
            self._idle_turns = 0
            self._pass()

    def _pass(self) -> None:
        """Go to the next timer, and call all that are due there."""
        self._elapsed = max(self._elapsed, self._timers[0][0])
        while self._timers and self._timers[0][0] <= self._elapsed:
            _, _, timer = heapq.heappop(self._timers)
            if timer.callback is not None:
                timer.callback()

    def _drop_cancelled(self) -> None:
        """Forget cancelled timers: they must neither hold time up nor pull it forward."""
        while self._timers and self._timers[0][2].callback is None:
            heapq.heappop(self._timers)
