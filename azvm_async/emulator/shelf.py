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
        self._serials: list[int] = []
        self._keys: list[str] = []

    def __setitem__(self, key: str, record: Record) -> None:
        super().__setitem__(key, record)
        self._serials.append(record.serial)
        self._keys.append(key)
        if len(self._keys) > 2 * len(self) + _SLACK:
            self._tidy()

    def after(self, serial: float) -> Iterator[Record]:
        """Return the records with higher numbers than this one, in order."""
        for place in range(bisect_right(self._serials, serial), len(self._keys)):
            number, key = self._serials[place], self._keys[place]
            if self._holds(number, key):
                yield self[key]

    def _tidy(self) -> None:
        """Forget the places of what was taken away."""
        self._keys = [key for number, key in zip(self._serials, self._keys, strict=True) if self._holds(number, key)]
        self._serials = [self[key].serial for key in self._keys]

    def _holds(self, serial: int, key: str) -> bool:
        record = self.get(key)
        return record is not None and record.serial == serial
