"""Runs that are really killed (kill -9), each at another moment, and taken up by another process from their journal."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from client.stock import rules, template
from serving import Served, served

from azvm_async.emulator import faults
from fleet.support import done

NUMBER = 5

PROGRAM = """\
import asyncio, json, os, signal, sys
sys.path.insert(0, sys.argv[1])
from azvm_async import AzureVMClient, Fleet, SystemClock, Timeouts
from azvm_async.transport import HttpTransport
from facade.support import Token
import azvm_async.protocol.sought
azvm_async.protocol.sought.SEARCHES = (0.0, 0.1, 0.4)  # their time is real here
site = json.loads(sys.argv[2])


class Killing(HttpTransport):
    seen = 0

    async def send(self, request):
        counted = request.method in {"PUT", "POST"} and "GetOperationStatus" not in request.url
        self.seen += counted
        now = counted and self.seen == site["at"]
        if now and site["moment"] == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        if now and site["moment"] == "during":
            asyncio.get_running_loop().call_later(0.3, os.kill, os.getpid(), signal.SIGKILL)
        answer = await super().send(request)
        if now and site["moment"] == "after":
            os.kill(os.getpid(), signal.SIGKILL)
        return answer


async def main():
    asyncio.get_running_loop().slow_callback_duration = 60  # a busy machine is no fault of ours
    transport = Killing(Timeouts(), SystemClock())
    async with AzureVMClient(
        site["subscription"], site["group"], Token(site["token"]), site["endpoint"], transport=transport
    ) as client:
        async with Fleet(client, site["vms"], journal=site["journal"]) as fleet:
            run = getattr(fleet, site["verb"])(*site["given"], **site["options"])
            async for outcome in run:
                if site["moment"] == "ended":
                    os.kill(os.getpid(), signal.SIGKILL)
            report = await run
    results = {each.name: getattr(each.result, "stdout", None) for each in report}
    print(json.dumps({"states": {each.name: each.state for each in report}, "results": results}))


asyncio.run(main())
"""


@pytest.fixture(scope="module")
def emulator() -> Iterator[Served]:
    with served() as emulated:
        yield emulated


class Killed:
    """A run over new VMs that is killed once, and taken up."""

    def __init__(self, emulator: Served, journal: Path, prefix: str) -> None:
        self._emulator = emulator
        self._journal = journal
        self.names = [f"{prefix}{number}" for number in range(NUMBER)]

    def begin(self, power: str) -> None:
        """Add the VMs."""
        for name in self.names:
            self._emulator.do(lambda arm, name=name: arm.add_vm(name, power=power))

    def go(
        self, verb: str, given: list[str], moment: str = "", at: int = 0, **options: object
    ) -> subprocess.CompletedProcess[str]:
        """Run the program, which kills itself at a moment of a request."""
        arm = self._emulator.arm
        facts = {"verb": verb, "given": given, "moment": moment, "at": at, "options": options, "vms": self.names}
        place = {"subscription": arm.subscription, "group": arm.resource_group, "endpoint": arm.endpoint}
        site = {**facts, **place, "token": self._emulator.token(), "journal": str(self._journal)}
        tests = str(Path(__file__).parents[1])
        command = [sys.executable, "-X", "dev", "-W", "error", "-c", PROGRAM, tests, json.dumps(site)]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    def taken_up(self, verb: str, given: list[str], **options: object) -> dict[str, dict[str, str]]:
        """Run it to its end, and return what it printed."""
        told = self.go(verb, given, **options)
        assert (told.returncode, told.stderr) == (0, "")
        return json.loads(told.stdout)

    def effects(self, verb: str) -> dict[str, int]:
        """Return how often it was done to each."""
        counted = self._emulator.do(lambda arm: done(arm, verb))
        return {name: counted[name] for name in self.names}


@pytest.fixture
def killed(emulator: Served, tmp_path: Path, request: pytest.FixtureRequest) -> Killed:
    number = abs(hash(request.node.name)) % 10**6
    return Killed(emulator, tmp_path / "journal", f"k{number}-")


MOMENTS = [("before", 1), ("before", 3), ("during", 3), ("after", 3), ("after", NUMBER), ("ended", 0)]
IDS = [f"{moment}-{at}" for moment, at in MOMENTS]


def slow_down(emulator: Served, moment: str, path: str) -> None:
    """Let answers come late, so that the process is killed while Azure has done what it was not told of."""
    if moment == "during":
        emulator.do(lambda arm: arm.inject(faults.Slow(1.5), path=path, times=NUMBER))


@pytest.mark.parametrize(("moment", "at"), MOMENTS[1:], ids=IDS[1:])
def test_each_script_runs_once(emulator: Served, killed: Killed, moment: str, at: int):
    killed.begin("running")
    slow_down(emulator, moment, f"*/{killed.names[0][:-1]}*/runCommands/*")
    script = ["sleep 0.2; echo ran $N"]
    first = killed.go("run_command", script, moment, at, keep=True)
    assert first.returncode == -signal.SIGKILL
    told = killed.taken_up("run_command", script, keep=True)
    assert told["states"] == dict.fromkeys(killed.names, "Succeeded")
    assert {result.strip() for result in told["results"].values()} == {"ran"}
    assert killed.effects("run") == dict.fromkeys(killed.names, 1)


@pytest.mark.parametrize(("moment", "at"), MOMENTS, ids=IDS)
def test_no_reboot_is_done_twice(emulator: Served, killed: Killed, moment: str, at: int):
    """Those that nothing tells of are unknown, and all others are done."""
    killed.begin("running")
    slow_down(emulator, moment, f"*/{killed.names[0][:-1]}*/restart")
    first = killed.go("reboot", [], moment, at)
    assert first.returncode == -signal.SIGKILL
    told, effects = killed.taken_up("reboot", []), killed.effects("restart")
    assert set(told["states"].values()) <= {"Succeeded", "Unknown"}
    assert max(effects.values()) == 1
    assert all(effects[name] for name, state in told["states"].items() if state == "Succeeded")
    assert all(told["states"][name] == "Unknown" for name, times in effects.items() if not times)


@pytest.mark.parametrize("engine", ["direct", "bulk"])
@pytest.mark.parametrize(("moment", "at"), [("before", 1), ("during", 1), ("after", 1)])
def test_all_are_started(emulator: Served, killed: Killed, moment: str, at: int, engine: str):
    killed.begin("deallocated")
    slow_down(emulator, moment, "*Start")
    first = killed.go("start", [], moment, at, engine=engine)
    assert first.returncode == -signal.SIGKILL
    assert killed.taken_up("start", [], engine=engine)["states"] == dict.fromkeys(killed.names, "Succeeded")
    for name in killed.names:
        assert emulator.do(lambda arm, name=name: arm.vm(name).power_state) == "running"


@pytest.mark.parametrize(("moment", "at"), [("before", 2), ("during", 2), ("after", 2)])
def test_each_deployment_is_made_once(emulator: Served, killed: Killed, moment: str, at: int):
    slow_down(emulator, moment, f"*/{killed.names[0][:-1]}*-deployment")
    given = [template(rules("[parameters('vmName')]"), parameters={"vmName": {"type": "string"}})]
    assert killed.go("provision", given, moment, at).returncode == -signal.SIGKILL
    assert killed.taken_up("provision", given)["states"] == dict.fromkeys(killed.names, "Succeeded")
    assert all(len(emulator.requests("PUT", f"/{name}-deployment")) == 1 for name in killed.names)


def test_run_that_is_killed_twice_comes_to_its_end(killed: Killed):
    killed.begin("running")
    script = ["echo ran"]
    for moment in ("after", "ended"):
        assert killed.go("run_command", script, moment, 2, keep=True).returncode == -signal.SIGKILL
    assert killed.taken_up("run_command", script, keep=True)["states"] == dict.fromkeys(killed.names, "Succeeded")
    assert killed.effects("run") == dict.fromkeys(killed.names, 1)


def test_journal_is_not_shared_by_two_processes(killed: Killed):
    killed.begin("running")
    descriptor = os.open(killed._journal, os.O_RDWR | os.O_CREAT)
    fcntl = pytest.importorskip("fcntl")
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    told = killed.go("start", [])
    os.close(descriptor)
    assert told.returncode == 1
    assert "in use by another run" in told.stderr
