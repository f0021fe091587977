"""Who is to be read when: a heap of due times, and for each subscription a line of those that are due.

Azure's limits are a subscription's, so each line has places of its own: where one must wait, no other does.
"""

import heapq
import itertools
from collections import deque
from collections.abc import Iterator

from azvm_async.operation import Tracked

PLACES = 64
"""Of one subscription's operations so many at most are being read, or wait at Azure's limits to be."""


class Line:
    """The operations of one subscription that are due, the oldest first."""

    __slots__ = ("due", "reading")

    def __init__(self) -> None:
        self.due: deque[Tracked] = deque()
        self.reading = 0

    def called(self) -> Iterator[Tracked]:
        """Take those out for which there are places."""
        while self.due and self.reading < PLACES:
            self.reading += 1
            yield self.due.popleft()


class Agenda:
    """Remembers when each operation is to be read; an entry made later for one takes the place of an earlier.

    An earlier one stays where it is until most of them count no more: no change costs more than a moment, and what has
    ended is not kept until it would have been due.
    """

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Tracked]] = []
        self._void = 0  # entries that count no more
        self._numbers = itertools.count(1)
        self._lines: dict[str, Line] = {}

    def __bool__(self) -> bool:
        return bool(self._heap)

    @property
    def first(self) -> float:
        """When somebody is due next."""
        return self._heap[0][0]

    def enter(self, tracked: Tracked, due: float) -> bool:
        """Note when an operation is due; tell whether it is the first now."""
        self.leave(tracked)
        tracked.scheduled, tracked.entry = True, next(self._numbers)
        heapq.heappush(self._heap, (due, tracked.entry, tracked))
        return self._heap[0][2] is tracked

    def leave(self, tracked: Tracked) -> None:
        """Note that an operation is not due any more."""
        self._void += tracked.entry > 0
        tracked.entry = 0
        if 2 * self._void > len(self._heap):
            self._heap = [each for each in self._heap if each[1] == each[2].entry]
            heapq.heapify(self._heap)
            self._void = 0

    def fallen_due(self, now: float) -> Iterator[Tracked]:
        """Take those out that are due."""
        while self._heap and self._heap[0][0] <= now:
            _, entry, tracked = heapq.heappop(self._heap)
            if entry == tracked.entry:
                tracked.entry = 0
                yield tracked
            else:
                self._void -= 1

    def line(self, subscription: str) -> Line:
        """Return a subscription's line."""
        line = self._lines.get(subscription)
        if line is None:
            line = self._lines[subscription] = Line()
        return line

    def clear(self) -> None:
        """Forget everything."""
        self._heap.clear()
        self._void = 0
        self._lines.clear()
