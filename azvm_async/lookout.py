"""Reads that scale: where many operations of a subscription are outstanding, one list is read instead of each of them.

What a list hints at, and from how many on it is worth it, is :mod:`azvm_async.protocol.hints`. Here the crowds are counted,
the lists read, and those operations brought forward that seem to have ended.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, Callable, Mapping
from typing import Any

from azvm_async.clock import Clock
from azvm_async.errors import AzureVMError
from azvm_async.operation import Tracked
from azvm_async.protocol.hints import (
    Sighting,
    interval,
    is_told,
    longest_unread,
    seems_ended,
    sightings,
    worth_a_list,
)

BLIND_FOR = 600.0
"""Seconds for which no list is tried after one failed, as where the caller may not read all of the subscription."""

LONGEST_LOOK = 30.0
"""Seconds that a list may take, or the interval between two where that is more: one that Azure holds up is no help."""

_log = logging.getLogger(__name__)

Pages = Callable[[str], AsyncGenerator[Mapping[str, Any], None]]


class _Crowd:
    """The operations of one subscription that a list can tell of, and have no hint yet."""

    __slots__ = ("blind_until", "members", "pages", "watch")

    def __init__(self) -> None:
        self.members: dict[str, list[Tracked]] = {}  # by the VM's ARM id, in lower case
        self.pages = 1
        self.watch: asyncio.Task[None] | None = None
        self.blind_until = float("-inf")

    @property
    def is_watched(self) -> bool:
        """Whether lists are read; a task that was cancelled before its first step has left no word of that."""
        return self.watch is not None and not self.watch.done()

    def discard(self, vm: str, tracked: Tracked) -> None:
        """Count an operation no more."""
        of_vm = self.members.get(vm, [])
        if tracked in of_vm:
            of_vm.remove(tracked)
            if not of_vm:
                del self.members[vm]


class Lookout:
    """Watches crowds of operations by lists.

    Parameters
    ----------
    pages : callable
        Reads the pages of a subscription's ``statusOnly`` list.
    clock : Clock
        Waits between two lists.
    hurry : callable
        Brings an operation's next read forward to now: it seems to have ended.
    release : callable
        Gives an operation its own time again: there is no list any more.
    """

    def __init__(
        self, pages: Pages, clock: Clock, hurry: Callable[[Tracked], None], release: Callable[[Tracked], None]
    ) -> None:
        self._pages = pages
        self._clock = clock
        self._hurry = hurry
        self._release = release
        self._crowds: dict[str, _Crowd] = {}

    def join(self, tracked: Tracked) -> None:
        """Count an operation that is outstanding from now on, if a list can tell of it."""
        if is_told(tracked.machine.about):
            crowd = self._crowds.setdefault(tracked.subscription, _Crowd())
            crowd.members.setdefault(_vm(tracked), []).append(tracked)
            self._begin(tracked.subscription, crowd)

    def begin(self) -> None:
        """Watch the crowds there are: they may be older than the event loop."""
        for subscription, crowd in self._crowds.items():
            self._begin(subscription, crowd)

    def leave(self, tracked: Tracked) -> None:
        """Count an operation no more: it ended, had its hint, or is not to be read any more."""
        crowd = self._crowds.get(tracked.subscription)
        if crowd is not None:
            crowd.discard(_vm(tracked), tracked)

    def postponed(self, tracked: Tracked) -> float | None:
        """Return until when an operation need not be read by itself, ``None`` where it is no list's business."""
        crowd = self._crowds.get(tracked.subscription)
        if crowd is None or not crowd.is_watched or tracked not in crowd.members.get(_vm(tracked), ()):
            return None
        return tracked.looked + longest_unread(crowd.pages)

    async def close(self) -> None:
        """Read no more lists."""
        watches = [crowd.watch for crowd in self._crowds.values() if crowd.watch is not None]
        for watch in watches:
            watch.cancel()
        if watches:
            await asyncio.wait(watches)

    def _begin(self, subscription: str, crowd: _Crowd) -> None:
        if not crowd.is_watched and self._is_worth(crowd):
            with contextlib.suppress(RuntimeError):  # there is no loop yet
                loop = asyncio.get_running_loop()
                crowd.watch = loop.create_task(self._watched(subscription, crowd))

    def _is_worth(self, crowd: _Crowd) -> bool:
        listing = crowd.watch is not None
        return worth_a_list(len(crowd.members), crowd.pages, listing=listing) and (
            listing or self._clock.monotonic() >= crowd.blind_until
        )

    async def _watched(self, subscription: str, crowd: _Crowd) -> None:
        """Read lists as long as they are worth it; then everybody has its own time again."""
        try:
            while self._is_worth(crowd):
                await self._clock.sleep(interval(crowd.pages))
                async with self._clock.timeout(max(LONGEST_LOOK, interval(crowd.pages))):
                    await self._look(subscription, crowd)
        except (AzureVMError, TimeoutError) as error:
            crowd.blind_until = self._clock.monotonic() + BLIND_FOR
            _log.info(
                "The VMs of %s are read one by one, for they can't be listed: %s", subscription, error or "too slow"
            )
        finally:
            crowd.watch = None
        for tracked in [each for of_vm in crowd.members.values() for each in of_vm]:
            self._release(tracked)

    async def _look(self, subscription: str, crowd: _Crowd) -> None:
        """Read the list once; what is older than the list may have a hint from it."""
        began, pages, unseen = self._clock.monotonic(), 0, dict.fromkeys(crowd.members)
        async with contextlib.aclosing(self._pages(subscription)) as all_pages:
            async for page in all_pages:
                pages += 1
                for vm, sighting in sightings(page, unseen):
                    del unseen[vm]
                    self._tell(crowd, vm, sighting, began)
        for vm in unseen:
            self._tell(crowd, vm, None, began)
        crowd.pages = max(1, pages)

    def _tell(self, crowd: _Crowd, vm: str, sighting: Sighting | None, began: float) -> None:
        for tracked in list(crowd.members.get(vm, ())):
            if tracked.looked < began and seems_ended(tracked.machine.about.verb, sighting):
                self._hurry(tracked)


def _vm(tracked: Tracked) -> str:
    return tracked.machine.about.resource.lower()
