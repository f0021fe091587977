"""What this package weighs: the memory of a handle that is outstanding, and the time that importing it takes.

``python tests/benchmarks/footprint.py`` prints each figure beside its bound, and exits with 1 when one is missed. Each is
measured in fresh processes; for the imports they take turns, and the least of ten counts.
"""

# ruff: noqa: T201  # it prints

import argparse
import asyncio
import gc
import json
import logging
import subprocess
import sys
import tracemalloc
import uuid
from typing import Any, NamedTuple

SUBSCRIPTION = "00000000-0000-0000-0000-000000000001"
ENDPOINT = "https://management.azure.com"
HANDLES = 2_000
IMPORTS = 10

HANDLE_BYTES = 2_048
"""What a handle may take beside its URLs; azure-mgmt-compute's poller takes 9.9 KiB."""
ABOVE_NEEDED = 1.1
"""How much longer than importing what it needs importing this package may take."""

OURS = "import azvm_async"
WITH_CLIENT = "from azvm_async import AzureVMClient"
NEEDED = "import aiohttp, tenacity"
TIMED = "import time; before = time.process_time(); {}; print(time.process_time() - before)"


class AccessToken(NamedTuple):
    """A token as azure-core's credentials hand it out."""

    token: str
    expires_on: int


class Credential:
    """One token, for ever."""

    async def get_token(self, *_: str, **__: Any) -> AccessToken:
        """Return it."""
        return AccessToken("token", 4_000_000_000)


class Accepting:
    """A transport that accepts everything; nothing is to be read before an hour has passed."""

    async def send(self, _: Any) -> Any:
        """Answer as Azure does."""
        from azvm_async.wire import Response  # noqa: PLC0415 - no process needs what another one measures

        path = (
            f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Compute/locations/westeurope/operations/{uuid.uuid4()}"
        )
        url = f"{ENDPOINT}{path}?p={uuid.uuid4()}&api-version=2024-07-01&c={'c' * 960}&s={'s' * 342}"
        tracking = {"azure-asyncoperation": url, "location": f"{url}&monitor=true"}
        return Response(202, {**tracking, "retry-after": "3600", "x-ms-request-id": str(uuid.uuid4())})

    async def close(self) -> None:
        """Do nothing."""


async def handle() -> float:
    """Return the bytes that an outstanding handle takes beside its URLs."""
    from azvm_async import AzureVMClient  # noqa: PLC0415

    client = AzureVMClient(SUBSCRIPTION, "group", Credential(), ENDPOINT, transport=Accepting())
    held = [await client.start("first")]  # pays for what there is once
    gc.collect()
    tracemalloc.start()
    held += [await client.start(f"vm{number}") for number in range(HANDLES)]
    gc.collect()
    taken = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    urls = sum(sys.getsizeof(url) for operation in held[1:] for url in urls_of(json.loads(operation.token)))
    await client.close()
    return (taken - urls) / HANDLES


def urls_of(token: dict[str, Any]) -> set[str]:
    """Return the URLs that a handle knows, each once."""
    return {value for value in token.values() if isinstance(value, str) and value.startswith(ENDPOINT)}


def imported() -> dict[str, float]:
    """Return the least milliseconds of the processor that each import takes."""
    taken: dict[str, list[float]] = {OURS: [], WITH_CLIENT: [], NEEDED: []}
    for _ in range(IMPORTS):
        for what, found in taken.items():
            found.append(float(_said_by("-c", TIMED.format(what))) * 1e3)
    return {what: min(found) for what, found in taken.items()}


def _said_by(*arguments: str) -> str:
    return subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.PIPE, text=True).stdout


def main() -> int:
    """Print all figures; return 1 when a bound is missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--handle", action="store_true", help="measure handles in this process")
    if parser.parse_args().handle:
        logging.disable()  # of what goes on in Azure after the end
        print(asyncio.run(handle()))
        return 0
    each = float(_said_by(__file__, "--handle"))
    took = imported()
    above = took[OURS] / took[NEEDED]
    print(f"an outstanding handle beside its URLs: {each:,.0f} bytes, at most {HANDLE_BYTES:,}")
    print(f"{NEEDED}: {took[NEEDED]:.0f} ms of CPU")
    print(
        f"{OURS}: {took[OURS]:.0f} ms, {above:.2f} times that, at most {ABOVE_NEEDED}: names are imported when first used"
    )
    print(
        f"{WITH_CLIENT}: {took[WITH_CLIENT]:.0f} ms, {took[WITH_CLIENT] / took[NEEDED]:.2f} times that, with both of them"
    )
    return int(each > HANDLE_BYTES or above > ABOVE_NEEDED)


if __name__ == "__main__":
    sys.exit(main())
