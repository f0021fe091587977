"""Token buckets: what may come at once, and how much more in time.

Of a bucket that is not full one number is kept, the time when it will be full again; each token taken puts that off by
the time in which one flows in. One that is full needs no record.
"""

from collections.abc import Sequence
from typing import NamedTuple

_PRUNE_FROM = 1_000
_ROUNDING = 1e-6


class Bucket:
    """A sort of bucket.

    Parameters
    ----------
    name : str
        What headers call it.
    size : float
        How many tokens it holds when full.
    refill : float
        How many flow in each second.
    """

    __slots__ = ("fills_in", "name", "period", "size")

    def __init__(self, name: str, size: float, refill: float) -> None:
        self.name = name
        self.size = size
        self.period = 1 / refill
        self.fills_in = size / refill


class Taken(NamedTuple):
    """What came of asking for tokens.

    Parameters
    ----------
    left : list[int]
        How many each bucket holds now.
    wait : float
        Seconds until each has one; 0 when they were taken.
    empty : Bucket or None
        The one that takes longest to have one again.
    """

    left: list[int]
    wait: float = 0.0
    empty: Bucket | None = None


class Buckets:
    """How full the buckets of all comers are.

    Parameters
    ----------
    scale : float
        Buckets and what flows in are so many times as large, but for a bucket's first token.
    """

    def __init__(self, scale: float = 1.0) -> None:
        self._scale = scale
        self._full: dict[tuple[Bucket, str], float] = {}
        self._prune_at = _PRUNE_FROM

    def __len__(self) -> int:
        return len(self._full)

    def size(self, bucket: Bucket) -> int:
        """Return how many tokens a bucket holds when full."""
        return max(1, int(bucket.size * self._scale))

    def take(self, wanted: Sequence[tuple[Bucket, str]], now: float) -> Taken:
        """Take a token from each of these buckets, named by sort and owner, or from none when one is empty."""
        rooms, fulls = [], []
        for key in wanted:
            bucket = key[0]
            period = bucket.period / self._scale
            behind = self._full.get(key, now) - now
            taken = period if behind < 0 else behind + period
            capacity = max(bucket.fills_in, period)
            fulls.append(now + taken)
            rooms.append((capacity - taken) / period + _ROUNDING)
        if min(rooms) < 0:
            return _refused(wanted, rooms, [bucket.period / self._scale for bucket, _ in wanted])
        self._full.update(zip(wanted, fulls, strict=True))
        if len(self._full) > self._prune_at:
            self._prune(now)
        return Taken([int(room) for room in rooms])

    def _prune(self, now: float) -> None:
        """Forget the buckets that are full, so rarely that it costs next to nothing a token."""
        self._full = {key: full for key, full in self._full.items() if full > now}
        self._prune_at = max(_PRUNE_FROM, 2 * len(self._full))


def _refused(wanted: Sequence[tuple[Bucket, str]], rooms: list[float], periods: list[float]) -> Taken:
    """Say how long it takes until there is room for a token in each bucket."""
    waits = [(_ROUNDING - room) * period for room, period in zip(rooms, periods, strict=True)]
    wait = max(waits)
    return Taken([int(room + 1) for room in rooms], wait, wanted[waits.index(wait)][0])
