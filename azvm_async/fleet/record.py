"""What a run's picture is drawn from, beside the outcomes: when its VMs were polled and refused, and how often in a second.

It is kept while the run goes on, by an observer of the run's own operations, and stays small whatever the run's size: of a
VM's many polls only some have their time written down, and seconds are put together where there are many of them.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Self

from azvm_async.telemetry import Event, Polled, Retried, Submitted, Throttled

SLOTS = 256
"""Lengths of time for which is counted apart, at most."""

MARKS = 32
"""Moments of a kind that are kept of a VM, at most."""


class Rate:
    """How often something happened, by slots of time whose width is a power of two seconds.

    Attributes
    ----------
    width : int
        Of a slot, in seconds.
    counts : Counter of int
        By the slot's number since 1970.
    """

    __slots__ = ("counts", "width")

    def __init__(self) -> None:
        self.width = 1
        self.counts: Counter[int] = Counter()

    def add(self, at: float) -> None:
        """Count one."""
        self.counts[int(at // self.width)] += 1
        self._fit()

    def take_in(self, other: "Rate") -> None:
        """Count what another one has counted."""
        counts = Counter(other.counts)
        width = other.width
        while width < self.width:
            counts, width = _halved(counts), width * 2
        while self.width < width:
            self._widen()
        self.counts.update(counts)
        self._fit()

    def over(self, seconds: float) -> "Rate":
        """Return the same in slots so wide that there are not too many over a length of time."""
        wide = Rate()
        wide.take_in(self)
        while seconds / wide.width > SLOTS:
            wide._widen()
        return wide

    def _fit(self) -> None:
        while len(self.counts) > SLOTS:
            self._widen()

    def _widen(self) -> None:
        self.counts, self.width = _halved(self.counts), self.width * 2


def _halved(counts: Counter[int]) -> Counter[int]:
    """Return the counts of half as many slots."""
    found: Counter[int] = Counter()
    for slot, count in counts.items():
        found[slot // 2] += count
    return found


class Marks:
    """Moments, of which so many are kept evenly: when there are more, each second of them goes.

    Attributes
    ----------
    count : int
        How many there were.
    kept : list of float
        Those that are kept, in seconds since 1970.
    """

    __slots__ = ("count", "each", "kept")

    def __init__(self) -> None:
        self.count = 0
        self.each = 1  # of how many one is kept
        self.kept: list[float] = []

    def add(self, at: float) -> None:
        """Take another one in."""
        if self.count % self.each == 0:
            self.kept.append(at)
        self.count += 1
        if len(self.kept) > MARKS:
            del self.kept[1::2]
            self.each *= 2


class Lane:
    """What happened to a VM; to all of them, where a request is for many. It observes their operation.

    Attributes
    ----------
    polls, refusals : Marks or None
        When the state was asked for, and when Azure answered 429.
    retries : int
        How often what was to begin it was sent again.
    """

    __slots__ = ("_record", "polls", "refusals", "retries")

    def __init__(self, record: "Record") -> None:
        self._record = record
        self.polls: Marks | None = None
        self.refusals: Marks | None = None
        self.retries = 0

    def __call__(self, event: Event, /) -> None:
        """Take an event in."""
        if isinstance(event, Polled):
            at = event.at.timestamp()
            self.polls = self.polls or Marks()
            self.polls.add(at)
            self._record.polls.add(at)
        elif isinstance(event, Submitted):
            self._record.submissions.add(event.at.timestamp())
        elif isinstance(event, Throttled):
            at = event.at.timestamp()
            self.refusals = self.refusals or Marks()
            self.refusals.add(at)
            self._record.refusals.add(at)
        elif isinstance(event, Retried):
            self.retries += 1


class Record:
    """What is kept of a run.

    Attributes
    ----------
    lanes : dict[str, Lane]
        By ARM id in lower case, of all that was sent or taken up.
    submissions, polls, refusals : Rate
        How often each happened.
    share : float
        Which part of Azure's limits it may use.
    """

    __slots__ = ("lanes", "polls", "refusals", "share", "submissions")

    def __init__(self, share: float = 1.0) -> None:
        self.share = share
        self.lanes: dict[str, Lane] = {}
        self.submissions, self.polls, self.refusals = Rate(), Rate(), Rate()

    def lane(self, vms: Iterable[str]) -> Lane:
        """Return a new lane, that of these VMs from now on."""
        lane = Lane(self)
        self.lanes.update(dict.fromkeys(vms, lane))
        return lane

    @classmethod
    def merged(cls, records: Sequence["Record"]) -> Self:
        """Return what runs have kept that were one, split over processes."""
        shares = [part.share for part in records]
        whole = cls(min(sum(shares), max(1.0, *shares)))
        for part in records:
            whole.lanes.update(part.lanes)
            whole.submissions.take_in(part.submissions)
            whole.polls.take_in(part.polls)
            whole.refusals.take_in(part.refusals)
        return whole
