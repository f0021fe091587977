"""An emulator that listens, for tests with real threads and processes; and programs that are run as processes."""

import asyncio
import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from azvm_async.emulator import Durations, Emulator

T = TypeVar("T")

PROGRAM = """\
import json, os, signal, sys, threading, time
sys.path.insert(0, sys.argv[1])
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
from azvm_async.facade import Status, VMFacade
from facade.support import Token
site = json.loads(sys.argv[2])

def facade(**more):
    return VMFacade({**site["config"], **more}, credential=Token(site["token"]), endpoint=site["endpoint"])

"""


class Site:
    """An emulator on a loop and a thread of its own."""

    def __init__(self, arm: Emulator, loop: asyncio.AbstractEventLoop, token: str) -> None:
        self.arm = arm
        self.token = token
        self.endpoint = arm.endpoint
        self.config = {"subscription": arm.subscription, "resourceGroup": arm.resource_group}
        self._loop = loop

    def do(self, what: Callable[[Emulator], T]) -> T:
        """Do something with the emulator while it does nothing else."""

        async def doing() -> T:
            return what(self.arm)

        return asyncio.run_coroutine_threadsafe(doing(), self._loop).result(10)

    def command(self, program: str) -> list[str]:
        """Return how to run a program that has ``facade()``; every warning is an error in it."""
        facts = json.dumps({"config": self.config, "endpoint": self.endpoint, "token": self.token})
        tests = str(Path(__file__).parents[1])
        return [sys.executable, "-X", "dev", "-W", "error", "-c", PROGRAM + program, tests, facts]

    def run(self, program: str) -> str:
        """Run a program to its end, and return what it printed; it must print nothing to stderr."""
        done = subprocess.run(self.command(program), capture_output=True, text=True, timeout=40, check=False)
        if (done.returncode, done.stderr) != (0, ""):
            raise AssertionError(f"It ended with {done.returncode}, and said:\n{done.stderr}")
        return done.stdout


@contextmanager
def served() -> Iterator[Site]:
    """Serve an emulator in which operations take a second or two."""
    ready: list[Any] = []
    there = threading.Event()

    async def serve() -> None:
        ended = asyncio.Event()
        async with Emulator(durations=Durations.quick(), throttling=None) as arm:
            arm.add_vm("vm1", power="running")
            ready.extend([arm, asyncio.get_running_loop(), (await arm.credential().get_token()).token])
            ready.append(ended)
            there.set()
            await ended.wait()

    thread = threading.Thread(target=asyncio.run, args=[serve()])
    thread.start()
    there.wait(10)
    *facts, ended = ready
    try:
        yield Site(*facts)
    finally:
        facts[1].call_soon_threadsafe(ended.set)
        thread.join()
