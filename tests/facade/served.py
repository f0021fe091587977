"""An emulator that listens, for tests with real threads and processes; and programs that are run as processes."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import serving
from serving import Served

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
    """An emulator that is served, and how facades reach it."""

    def __init__(self, emulator: Served) -> None:
        self.do = emulator.do
        self.arm = emulator.arm
        self.token = emulator.token()
        self.endpoint = self.arm.endpoint
        self.config = {"subscription": self.arm.subscription, "resourceGroup": self.arm.resource_group}

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
    """Serve an emulator with a VM."""
    with serving.served() as emulator:
        emulator.do(lambda arm: arm.add_vm("vm1", power="running"))
        yield Site(emulator)
