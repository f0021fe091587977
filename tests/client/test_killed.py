"""Calls that are really killed (kill -9), each at another moment, and taken up from the last token that they wrote down."""

import asyncio
import json
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from client.stock import rules, template
from serving import Served, served

from azvm_async import AzureVMClient, NotAccepted, OutcomeUnknown, TransportError
from azvm_async.emulator import faults

PROGRAM = """\
import asyncio, json, os, signal, sys
sys.path.insert(0, sys.argv[1])
from azvm_async import AzureVMClient, SystemClock, Timeouts
from azvm_async.transport import HttpTransport
from facade.support import Token
site = json.loads(sys.argv[2])
seen = []


def die():
    os.kill(os.getpid(), signal.SIGKILL)


def keep(token):
    with open(site["tokens"], "a") as file:
        file.write(token + "\\n")
    seen.append(token)
    if site["moment"] == "told" and len(seen) == 2:
        die()
    if site["moment"] == "later" and len(seen) == 2:
        asyncio.get_running_loop().call_later(site["after"], die)
    if site["moment"] == "any":
        asyncio.get_running_loop().call_later(site["after"], die)


class Killing(HttpTransport):
    async def send(self, request):
        moment = site["moment"] if seen and request.method != "GET" else None
        if moment == "before":
            die()
        if moment == "during":
            asyncio.get_running_loop().call_later(0.3, die)
        answer = await super().send(request)
        if moment == "after":
            die()
        return answer


async def main():
    asyncio.get_running_loop().slow_callback_duration = 60  # a busy machine is no fault of ours
    where = (site["subscription"], site["group"], Token(site["token"]), site["endpoint"])
    async with AzureVMClient(*where, transport=Killing(Timeouts(), SystemClock())) as client:
        await getattr(client, site["verb"])(*site["given"], **site["options"], on_token=keep).result()


asyncio.run(main())
"""
RULES = template(rules("one"))
MOMENTS = ["before", "during", "after", "told", "later"]


@pytest.fixture(scope="module")
def emulator() -> Iterator[Served]:
    with served() as emulated:
        yield emulated


class Victim:
    """A VM of its own, and a call about it that is killed."""

    def __init__(self, emulator: Served, tokens: Path) -> None:
        self._emulator = emulator
        self._tokens = tokens
        self.name = f"k{random.Random(str(tokens)).randrange(10**9)}"
        emulator.do(lambda arm: arm.add_vm(self.name))

    def kill(self, verb: str, given: list[Any], moment: str, after: float = 0.0, **options: object) -> str:
        """Run the call until it is killed, and return its last token."""
        arm = self._emulator.arm
        if moment == "during":
            self._emulator.do(lambda arm: arm.inject(faults.Slow(1.5), path=f"*/{self.name}*"))
        place = {"subscription": arm.subscription, "group": arm.resource_group, "endpoint": arm.endpoint}
        call = {"verb": verb, "given": [self.name, *given], "options": options, "moment": moment, "after": after}
        site = {**place, **call, "token": self._emulator.token(), "tokens": str(self._tokens)}
        tests = str(Path(__file__).parents[1])
        command = [sys.executable, "-X", "dev", "-W", "error", "-c", PROGRAM, tests, json.dumps(site)]
        ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert (ended.returncode, ended.stderr) == (-signal.SIGKILL, "")
        return self._tokens.read_text().splitlines()[-1]

    def resume(self, token: str) -> Any:
        """Return what becomes of it: its result, or the class of its error."""
        return asyncio.run(self._resumed(token))

    async def _resumed(self, token: str) -> Any:
        from facade.support import Token  # noqa: PLC0415 - as the program does

        arm = self._emulator.arm
        async with AzureVMClient(
            arm.subscription, arm.resource_group, Token(self._emulator.token()), arm.endpoint
        ) as client:
            try:
                return await client.resume(token).result(timeout=60)
            except (NotAccepted, OutcomeUnknown, TransportError) as error:
                return type(error)

    def done(self, verb: str) -> int:
        """Return how often it was done, as the emulator has it."""
        return self._emulator.do(
            lambda arm: sum(
                each.verb == verb and f"/{self.name.lower()}" in each.resource.lower() for each in arm.effects
            )
        )


@pytest.fixture(autouse=True)
def _looks_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("azvm_async.protocol.sought.SEARCHES", (0.0, 0.1, 0.4))  # their time is real here


@pytest.fixture
def victim(emulator: Served, tmp_path: Path) -> Victim:
    return Victim(emulator, tmp_path / "tokens")


@pytest.mark.parametrize("moment", MOMENTS)
def test_script_is_found_or_was_not_accepted(emulator: Served, victim: Victim, moment: str):
    emulator.do(lambda arm: setattr(arm.vm(victim.name), "power_state", "running"))
    result = victim.resume(victim.kill("run_command", ["sleep 0.3; echo ran"], moment, 0.1))
    runs = victim.done("run")
    assert (result, runs) == (NotAccepted, 0) if moment == "before" else (result.stdout, runs) == ("ran\n", 1)


@pytest.mark.parametrize("moment", MOMENTS)
def test_deployment_is_found_or_was_not_accepted(emulator: Served, victim: Victim, moment: str):
    result = victim.resume(victim.kill("provision", [RULES], moment, 0.1))
    puts = emulator.requests("PUT", f"/deployments/{victim.name}-deployment")
    assert (
        (result, len(puts)) == (NotAccepted, 0) if moment == "before" else (len(result.resources), len(puts)) == (1, 1)
    )


@pytest.mark.parametrize("moment", ["before", "during", "told"])
def test_vm_is_started_or_it_is_not_known(victim: Victim, moment: str):
    result = victim.resume(victim.kill("start", [], moment, 0.1))
    assert (result, victim.done("start")) == ((OutcomeUnknown, 0) if moment == "before" else (None, 1))


@pytest.mark.parametrize("moment", ["before", "after"])
def test_reboot_is_not_known_unless_its_token_is(emulator: Served, victim: Victim, moment: str):
    emulator.do(lambda arm: setattr(arm.vm(victim.name), "power_state", "running"))
    assert victim.resume(victim.kill("reboot", [], moment)) is OutcomeUnknown
    assert victim.done("restart") == (moment != "before")


@pytest.mark.parametrize("seed", range(4))
def test_killed_at_any_moment_nothing_is_lost(emulator: Served, victim: Victim, seed: int):
    """From the intent on: whether the request is still in this process, on its way, or long accepted."""
    emulator.do(lambda arm: setattr(arm.vm(victim.name), "power_state", "running"))
    after = random.Random(seed).uniform(0.0, 0.02)
    result = victim.resume(victim.kill("run_command", ["sleep 0.3; echo ran"], "any", after))
    assert victim.done("run") == (result is not NotAccepted)
