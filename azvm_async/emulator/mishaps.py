"""Which request is struck by which fault: the next ones that match, as a test says, or by chance.

What a test says goes first. By chance, each request that matches costs one draw whatever comes of it, so that the same
seed and the same requests meet the same faults.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from random import Random

from azvm_async.emulator.faults import Fault


@dataclass(frozen=True, slots=True)
class Pattern:
    """Which requests are meant: globs of the method and of the path, in any case."""

    method: str = "*"
    path: str = "*"

    def fits(self, method: str, path: str) -> bool:
        """Tell whether such a request is meant."""
        return fnmatchcase(method.upper(), self.method.upper()) and fnmatchcase(path.lower(), self.path.lower())


@dataclass(slots=True)
class _Scripted:
    """A fault for the next so many requests."""

    fault: Fault
    pattern: Pattern
    times: int


@dataclass(slots=True)
class _Chances:
    """Faults by the share of requests that they strike."""

    shares: dict[Fault, float] = field(default_factory=dict)
    pattern: Pattern = field(default_factory=Pattern)
    random: Random = field(default_factory=Random)

    def draw(self, method: str, path: str) -> Fault | None:
        """Draw for a request."""
        if not self.shares or not self.pattern.fits(method, path):
            return None
        place = self.random.random()
        for fault, share in self.shares.items():
            place -= share
            if place < 0:
                return fault if fault.concerns(method, path) else None
        return None


class Mishaps:
    """The faults that wait for requests."""

    def __init__(self) -> None:
        self._scripted: list[_Scripted] = []
        self._chances = _Chances()

    def __bool__(self) -> bool:
        return bool(self._scripted or self._chances.shares)

    def script(self, fault: Fault, pattern: Pattern, times: int) -> None:
        """Let a fault strike the next so many requests that match and that it concerns.

        Raises
        ------
        ValueError
            When ``times`` is less than 1.
        """
        if times < 1:
            raise ValueError(f"times must be at least 1, not {times}")
        self._scripted.append(_Scripted(fault, pattern, times))

    def leave_to_chance(self, shares: Mapping[Fault, float], pattern: Pattern, seed: int) -> None:
        """Let faults strike these shares of the requests, in place of those said before.

        Raises
        ------
        ValueError
            When a share is less than 0, or all together are more than 1.
        """
        if not (all(share >= 0 for share in shares.values()) and sum(shares.values()) <= 1):
            raise ValueError("shares must be at least 0 each, and at most 1 together")
        self._chances = _Chances(dict(shares), pattern, Random(seed))  # noqa: S311  # to be repeatable is its purpose

    def next(self, method: str, path: str) -> Fault | None:
        """Take the fault, if any, that strikes a request."""
        drawn = self._chances.draw(method, path)
        for each in self._scripted:
            if each.pattern.fits(method, path) and each.fault.concerns(method, path):
                each.times -= 1
                if not each.times:
                    self._scripted.remove(each)
                return each.fault
        return drawn
