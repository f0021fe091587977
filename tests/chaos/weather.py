"""What goes wrong in a storm, by chance and in storms, and a log of what struck.

The shares are those of all requests, polls and reads as well as submissions. Errors of the server are split evenly: half of
them come with the work done, half without.
"""

import itertools
from collections import Counter
from random import Random

from azvm_async.emulator import Emulator, faults
from azvm_async.emulator.faults import Fault
from azvm_async.transport import Timeouts


def _kind(fault: Fault) -> str:
    """Return what a fault is called."""
    if not isinstance(fault, faults.Status):
        return type(fault).__name__
    return f"{fault.status}{' applied' if fault.applied else ''}"


TIMEOUTS = Timeouts(connect=5.0, total=0.25)
"""The client's, in real time: many times what an answer takes here, and little enough to be waited for."""

SLOW = faults.Slow(0.3)
"""An answer that comes when nobody waits for it any more."""

SHARES: dict[Fault, float] = {
    faults.ResetBefore(): 0.05,
    faults.ResetAfter(): 0.01,
    faults.ResetMidway(): 0.01,
    faults.Status(500): 0.025,
    faults.Status(500, applied=True): 0.025,
    faults.Status(503): 0.0125,
    faults.Status(503, retry_after=2): 0.0125,
    faults.Status(503, retry_after=2, applied=True): 0.025,
    faults.Truncated(): 0.02,
    SLOW: 0.01,
}
STORM: dict[Fault, float] = {faults.Status(429, retry_after=wait): 0.15 for wait in (None, 0, 1, 3)}
"""A storm of 429: the shares that come to the others for as long as it lasts."""

TAKEN_BACK = faults.ExpiredToken(), faults.ClaimsChallenge()
"""How tokens are taken back, in turns, by the next request."""

CYCLE, TAKES_BACK, BLOWS, CALMS = 400, 100, 300, 360
"""So many requests are a cycle; the number of that which meets a token's end, and between which there is a storm."""

KINDS = {each: _kind(each) for each in (*SHARES, *STORM, *TAKEN_BACK)}
"""All that strikes, and what the log calls it."""


class Weather:
    """Lets faults strike an emulator.

    Parameters
    ----------
    arm : Emulator
        Whom.
    seed : int
        The same seed and the same requests meet the same faults.
    takes_back : bool
        Whether tokens are taken back now and then.

    Attributes
    ----------
    struck : Counter of str
        How often each kind of fault struck so far.
    """

    def __init__(self, arm: Emulator, seed: int, *, takes_back: bool = True) -> None:
        self.struck: Counter[str] = Counter()
        self._arm = arm
        self._random = Random(seed)
        self._requests = itertools.count(1)
        self._takes_back = takes_back
        self._taken_back = itertools.cycle(TAKEN_BACK)
        self._draw = arm._door.fault
        arm._door.fault = self._noted  # type: ignore[method-assign]
        self._blow(SHARES)

    def _noted(self, method: str, path: str) -> Fault | None:
        self._turn(next(self._requests) % CYCLE)
        fault = self._draw(method, path)
        if fault is not None:
            self.struck[KINDS[fault]] += 1
        return fault

    def _turn(self, number: int) -> None:
        """Change with the number of requests: who waits for better weather does not make it."""
        if number == TAKES_BACK and self._takes_back:
            self._arm.inject(next(self._taken_back))
        elif number == BLOWS:
            self._blow({**SHARES, **STORM})
        elif number == CALMS:
            self._blow(SHARES)

    def _blow(self, shares: dict[Fault, float]) -> None:
        self._arm.inject_randomly(shares, seed=self._random.getrandbits(32))
