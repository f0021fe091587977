"""Records by key that can be read on from any place in the order in which they came: what long lists are made of."""

from bisect import bisect_right
from collections.abc import Iterator
from typing import Protocol, TypeVar

_SLACK = 64


class Numbered(Protocol):
    """A record with a number that is higher than those of all before it."""

    serial: int


Record = TypeVar("Record", bound=Numbered)


class Shelf(dict[str, Record]):
    """A dictionary of records that also keeps their order.

    The order still holds what was taken away, until that is more than what is left: no change costs more than a moment.
    """

    def __init__(self) -> None:
        super().__init__()
        self._order: list[tuple[int, str]] = []

    def __setitem__(self, key: str, record: Record) -> None:
        super().__setitem__(key, record)
        self._order.append((record.serial, key))
        if len(self._order) > 2 * len(self) + _SLACK:
            self._order = [each for each in self._order if self._holds(*each)]

    def after(self, serial: float) -> Iterator[Record]:
        """Return the records with higher numbers than this one, in order."""
        start = bisect_right(self._order, serial, key=lambda each: each[0])
        for number in range(start, len(self._order)):
            place, key = self._order[number]
            if self._holds(place, key):
                yield self[key]

    def _holds(self, serial: int, key: str) -> bool:
        record = self.get(key)
        return record is not None and record.serial == serial
