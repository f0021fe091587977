"""What telemetry costs the client's processor: off, beside a tree without it; and on, beside off.

``python tests/benchmarks/telemetry_cost.py [--before TREE]``. Starts and their waits over a transport that answers at once, so
that what is measured is this package alone. Each kind has processes of its own, in turns, and the least of many small batches
counts, for what else the machine does can only add to it. ``TREE`` is a checkout of what was before telemetry
(``git worktree add``). It exits with 1 when a bound is missed.
"""

import argparse
import asyncio
import gc
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

SUBSCRIPTION = "00000000-0000-0000-0000-000000000001"
ENDPOINT = "https://management.azure.com"

STARTS, BATCHES, ROUNDS = 100, 60, 4

ABOVE_BEFORE = 1.03
"""How much more than without telemetry a client without an observer may take."""
ABOVE_OFF = 1.25
"""How much more a client with an observer may take, without the network and its libraries."""


class AccessToken(NamedTuple):
    """A token as azure-core's credentials hand it out."""

    token: str
    expires_on: int


class Credential:
    """One token, for ever."""

    async def get_token(self, *_: str, **__: Any) -> AccessToken:
        """Return it."""
        return AccessToken("x", 4_000_000_000)

    async def close(self) -> None:
        """Do nothing."""


class Instant:
    """A transport: a POST is accepted, its operation has succeeded at the first look."""

    def __init__(self) -> None:
        from azvm_async.wire import Response  # noqa: PLC0415 - of the tree that is measured

        url = f"{ENDPOINT}/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Compute/locations/westeurope/operations"
        self._accepted = lambda number: Response(
            202, {"azure-asyncoperation": f"{url}/{number}?api-version=2024-07-01", "x-ms-request-id": str(number)}
        )
        self._succeeded = Response.with_json(200, {"status": "Succeeded"}, {"x-ms-request-id": "0"})
        self._number = 0

    async def send(self, request: Any) -> Any:
        """Answer."""
        self._number += 1
        return self._accepted(self._number) if request.method == "POST" else self._succeeded

    async def close(self) -> None:
        """Do nothing."""


def nobody() -> Mapping[str, Any]:
    """Return what a client is given without an observer."""
    return {}


def somebody() -> Mapping[str, Any]:
    """Return what it is given with an observer that keeps the last thousand events."""
    from collections import deque  # noqa: PLC0415

    return {"observer": deque[object](maxlen=1_000).append}


def opentelemetry() -> Mapping[str, Any]:
    """Return what it is given with OpenTelemetry's SDK, which exports nothing."""
    from opentelemetry.sdk.metrics import MeterProvider  # noqa: PLC0415
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415

    from azvm_async.otel import OpenTelemetryObserver  # noqa: PLC0415

    return {"observer": OpenTelemetryObserver(TracerProvider(), MeterProvider())}


KINDS: dict[str, Callable[[], Mapping[str, Any]]] = {"off": nobody, "on": somebody, "OpenTelemetry": opentelemetry}


async def measure(kind: str) -> float:
    """Return the seconds of the processor that a start takes in the best batch."""
    from azvm_async import AzureVMClient, Budget, VirtualClock  # noqa: PLC0415

    options = {"clock": VirtualClock(), "transport": Instant(), "budget": Budget(share=1e6), **KINDS[kind]()}
    async with AzureVMClient(SUBSCRIPTION, "group", Credential(), ENDPOINT, **options) as client:
        return min([await batch(client, number) for number in range(BATCHES)])


async def batch(client: Any, number: int) -> float:
    """Start some VMs at once; return what each took."""
    names = [f"vm{number}-{each}" for each in range(STARTS)]
    gc.collect()
    gc.disable()
    before = time.process_time()
    await asyncio.gather(*(client.start(name).result() for name in names))
    took = time.process_time() - before
    gc.enable()
    return took / STARTS


def measured(kind: str, tree: Path | None = None) -> float:
    """Measure in a process of its own, which imports the package from another tree where one is given."""
    environment = {**os.environ, **({"PYTHONPATH": str(tree)} if tree else {})}
    command = [sys.executable, __file__, "--measure", kind]
    return float(subprocess.run(command, check=True, stdout=subprocess.PIPE, env=environment).stdout)


def compare(before: Path | None) -> int:
    """Measure, print, and return whether a bound is missed."""
    least: dict[str, float] = {}
    for _ in range(ROUNDS):
        if before is not None:
            least["before"] = min(least.get("before", 1.0), measured("off", before))
        for kind in KINDS:
            least[kind] = min(least.get(kind, 1.0), measured(kind))
    for kind, took in least.items():
        print(f"{kind:<14} {took * 1e6:6.1f} us a start")  # noqa: T201
    on = least["on"] / least["off"]
    print(f"on / off:            {on:.3f}, at most {ABOVE_OFF}")  # noqa: T201
    print(f"OpenTelemetry / off: {least['OpenTelemetry'] / least['off']:.3f}")  # noqa: T201
    off = least["off"] / least.get("before", least["off"])
    if before is not None:
        print(f"off / before:        {off:.3f}, at most {ABOVE_BEFORE}")  # noqa: T201
    return int(on > ABOVE_OFF or off > ABOVE_BEFORE)


def main() -> int:
    """Be the comparison, or one of its processes."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--before", type=Path, metavar="TREE", help="a checkout without telemetry")
    parser.add_argument("--measure", choices=KINDS, help="measure one kind, print its seconds")
    chosen = parser.parse_args()
    if chosen.measure:
        print(asyncio.run(measure(chosen.measure)))  # noqa: T201
        return 0
    return compare(chosen.before and chosen.before.resolve())


if __name__ == "__main__":
    sys.exit(main())
