"""A thousand operations in a storm, each with what the client said of it and what the emulator's record has of it."""

import asyncio
import contextlib
import random
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from azvm_async import AzureVMClient, AzureVMError, StatusUnreadable, Submission, VirtualClock
from azvm_async.emulator import Durations, Emulator
from azvm_async.transport import HttpTransport, Transport
from chaos.lanes import Bulks, Deployments, Errand, Lane
from chaos.weather import TIMEOUTS, Weather
from chaos.wires import Sent, Wire, lane_of

OPERATIONS, EACH = 1_000, 10
REST = 40.0
"""Virtual seconds from an operation's end to the next one of its lane, in which what it left behind ends: more than any takes."""

DURATIONS = Durations().scaled(0.1)
"""Ten times as quick as usual, so that a few polls tell the end of each."""

MakeWire = Callable[[Transport], Wire]


@dataclass(frozen=True, slots=True)
class Ended:
    """An operation that ended for its caller.

    Parameters
    ----------
    lane, verb, mark : str
        What was asked for.
    vms : tuple of str
        The lane's.
    error : AzureVMError or None
        How it ended.
    result : object
        What it brought.
    before, powers : tuple
        The power states of the lane's VMs before it was asked for, and when its end was told.
    effects : list of tuple
        What Azure's record has of it: verb, and last part of the resource's id.
    left : list of str
        What there was of the lane in the end.
    sent : list of Sent
        The writes that named the lane.
    state : str or None
        What a fleet's report calls it.
    """

    lane: str
    verb: str
    mark: str
    vms: tuple[str, ...]
    error: AzureVMError | None
    result: object
    before: tuple[str | None, ...]
    powers: tuple[str | None, ...]
    effects: list[tuple[str, str]]
    left: list[str]
    sent: list[Sent]
    state: str | None = None


@dataclass(slots=True)
class Record:
    """What a storm leaves: each operation's end, and what struck."""

    ended: list[Ended] = field(default_factory=list)
    struck: Counter[str] = field(default_factory=Counter)
    scripts: list[str] = field(default_factory=list)


@asynccontextmanager
async def opened(seed: int, wire: MakeWire = Wire) -> AsyncIterator[tuple[Emulator, AzureVMClient, Weather, Wire]]:
    """Open an emulator on a socket in a storm, and a client of it with little patience."""
    random.seed(seed)  # the client's jitter
    clock = VirtualClock()
    made = wire(HttpTransport(TIMEOUTS, clock))
    async with Emulator(clock, durations=DURATIONS, spread=0.5, seed=seed) as arm:
        place = arm.subscription, arm.resource_group, arm.credential(), arm.endpoint
        struck = Weather(arm, seed)
        async with AzureVMClient(*place, clock=clock, transport=made) as client:
            yield arm, client, struck, made


async def storm(seed: int, operations: int = OPERATIONS, wire: MakeWire = Wire) -> Record:
    """Have so many operations done in a storm."""
    record = Record()
    with tempfile.TemporaryDirectory() as directory:
        ledger = Path(directory, "ledger")
        async with opened(seed, wire) as (arm, client, struck, made):
            scene = _Scene(arm, client, made)
            chance = Random(seed)
            lanes = _lanes(arm, operations // EACH, chance, ledger)
            for ended in await asyncio.gather(*(scene.play(lane, chance.uniform(0, REST)) for lane in lanes)):
                record.ended += ended
            record.struck = struck.struck
        record.scripts = written(ledger)
    return record


def written(ledger: Path) -> list[str]:
    """Return what scripts wrote."""
    return ledger.read_text().split() if ledger.exists() else []


def _lanes(arm: Emulator, number: int, chance: Random, ledger: Path) -> Iterable[Lane]:
    """Yield lanes: of a dozen, one deploys, and one is of many VMs."""
    for place in range(number):
        kind = {5: Deployments, 11: Bulks}.get(place % 12, Lane)
        yield kind(arm, f"c{place:03}", Random(chance.random()), ledger)


class Noted:
    """What the emulator's record has of each lane."""

    def __init__(self, arm: Emulator) -> None:
        self._arm = arm
        self._seen = 0
        self._by_lane: dict[str | None, list[tuple[str, str]]] = {}

    def __getitem__(self, lane: str) -> list[tuple[str, str]]:
        """Return all effects on a lane so far: verb, and last part of the resource's id."""
        effects = self._arm.effects
        for each in effects[self._seen :]:
            found = self._by_lane.setdefault(lane_of(each.resource), [])
            found.append((each.verb, each.resource.rpartition("/")[2]))
        self._seen = len(effects)
        return self._by_lane.setdefault(lane, [])


class _Scene:
    """Where lanes play."""

    def __init__(self, arm: Emulator, client: AzureVMClient, wire: Wire) -> None:
        self._arm = arm
        self._client = client
        self._wire = wire
        self._noted = Noted(arm)

    async def play(self, lane: Lane, after: float) -> list[Ended]:
        """Have a lane's operations done, one after the other."""
        await self._arm.clock.sleep(after)
        return [await self._done(lane, errand) for errand in lane.errands(EACH)]

    async def _done(self, lane: Lane, errand: Errand) -> Ended:
        sent, known, before = len(self._wire.sent[lane.name]), len(self._noted[lane.name]), lane.powers
        error, result = await _end(errand.submit(self._client))
        powers = lane.powers
        await self._arm.clock.sleep(REST)
        return Ended(
            *(lane.name, errand.verb, errand.mark, lane.vms, error, result, before, powers),
            effects=self._noted[lane.name][known:],
            left=self._left(lane) if errand.verb == "deprovision" else [],
            sent=self._wire.sent[lane.name][sent:],
        )

    def _left(self, lane: Lane) -> list[str]:
        return [each for each in self._arm.resources() + self._arm.deployments() if lane_of(each) == lane.name]


async def _end(submission: Submission[Any]) -> tuple[AzureVMError | None, object]:
    """Return how an operation ended, and what it brought; where it can't be read, it is awaited again, as the error says."""
    try:
        operation = await submission
        with contextlib.suppress(StatusUnreadable):
            return None, await operation
        return None, await operation
    except AzureVMError as error:
        return error, None
