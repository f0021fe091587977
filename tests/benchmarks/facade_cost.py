"""What the facade adds to a call's HTTP: the same calls by it and by the async client, to an emulator in a process of its own.

``python tests/benchmarks/facade_cost.py [calls]``. Both are measured in turns, so that a busy machine is busy for both, and
what is compared is the quarter of the calls that was disturbed least.
"""

import asyncio
import logging
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from statistics import median, quantiles
from time import perf_counter, sleep

sys.path.insert(0, str(Path(__file__).parents[1]))

from facade.support import Token

from azvm_async import AzureVMClient
from azvm_async.emulator.emulator import RESOURCE_GROUP, SUBSCRIPTION
from azvm_async.facade import VMFacade

ALLOWED = 0.001
"""Seconds that a call may cost above its HTTP."""


def main(calls: int) -> int:
    """Measure, print, and return whether it is too much."""
    command = [sys.executable, "-m", "azvm_async.emulator", "--vm", "vm1", "--quick", "--throttling", "off"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as emulator:
        try:
            assert emulator.stdout is not None
            greeting = "".join(iter(emulator.stdout.readline, "Ctrl-C ends it.\n"))
            endpoint = re.search(r"emulated: (\S+)", greeting)[1]
            token = Token(re.search(r"Bearer (\S+)'", greeting)[1])
            return compare(endpoint, token, calls)
        finally:
            emulator.terminate()


def compare(endpoint: str, token: Token, calls: int) -> int:
    """Measure the beginning of a start, and a start with its wait by a URL of what has ended."""
    config = {"subscription": SUBSCRIPTION, "resourceGroup": RESOURCE_GROUP}
    with VMFacade(config, credential=token, endpoint=endpoint) as facade, asyncio.Runner() as runner:
        client = AzureVMClient(SUBSCRIPTION, RESOURCE_GROUP, token, endpoint)
        ended = facade.start_host({"vmName": "vm1"})[1]
        facade.wait_host_operation(ended)
        url = ended["asyncResultsUrl"]

        async def begin() -> float:
            before = perf_counter()
            await client.start("vm1")
            return perf_counter() - before

        async def wait() -> float:
            before = perf_counter()
            await client.resume(url)
            return perf_counter() - before

        def begin_by_facade() -> float:
            before = perf_counter()
            facade.start_host({"vmName": "vm1"})
            return perf_counter() - before

        def wait_by_facade() -> float:
            before = perf_counter()
            facade.wait_host_operation({"asyncResultsUrl": url})
            return perf_counter() - before

        worst = 0.0
        for name, coroutine, call in (("start_host", begin, begin_by_facade), ("wait", wait, wait_by_facade)):
            by_client, by_facade = measured(lambda: runner.run(coroutine()), call, calls)  # noqa: B023 - used at once
            quick, slow = (quantiles(each)[0] for each in (by_client, by_facade))
            worst = max(worst, slow - quick)
            print(  # noqa: T201
                f"{name}: {quick * 1000:.2f} ms by the async client (median {median(by_client) * 1000:.2f}), "
                f"{slow * 1000:.2f} ms by the facade (median {median(by_facade) * 1000:.2f}): "
                f"{(slow - quick) * 1000:+.2f} ms, {slow / quick:.2f} times"
            )
        runner.run(client.close())
    return int(worst > ALLOWED)


def measured(one: Callable[[], float], other: Callable[[], float], calls: int) -> tuple[list[float], list[float]]:
    """Return the seconds that two calls took, measured in turns of twenty; the first turn is not counted."""
    seconds: tuple[list[float], list[float]] = ([], [])
    for turn in range(calls // 20 + 1):
        for each, found in zip((one, other), seconds, strict=True):
            took = [each() for _ in range(20)]
            found.extend(took if turn else [])
            sleep(0.05)  # what a call leaves to be done in the background is not to disturb the next turn
    return seconds


if __name__ == "__main__":
    logging.disable()  # of what goes on in Azure after the end
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 400))
