"""What is confided to the emulator shows in no answer, no log and no repr."""

import logging

import pytest

from azvm_async.clock import VirtualClock
from azvm_async.emulator import Emulator
from azvm_async.emulator.model import Moment
from azvm_async.wire import Request
from emulator.support import Caller, run_command

SECRET = "correct-horse-battery-staple"


async def everything(caller: Caller, vm: str) -> list[str]:
    """Tell a VM secrets in every way there is, and return all that can be read afterwards."""
    profile = {"adminPassword": SECRET, "customData": SECRET}
    command = run_command(
        'test -n "$KEY"',
        protectedParameters=[{"name": "KEY", "value": SECRET}],
        runAsPassword=SECRET,
        outputBlobUri=f"https://x.blob/out?sig={SECRET}",
    )
    answers = [
        await caller.send("PUT", vm, {"location": "westeurope", "properties": {"osProfile": profile}}),
        await caller.send("PATCH", vm, {"properties": {"osProfile": profile, "userData": SECRET}}),
        await caller.send("PUT", f"{vm}/runCommands/a", command),
        await caller.send("PATCH", f"{vm}/runCommands/a", command),
        await caller.send("POST", f"{vm}/runCommand", {"commandId": "RunShellScript", "script": ["true"]}),
    ]
    await caller.clock.sleep(600)
    answers += [await caller.send("GET", answer.headers["azure-asyncoperation"]) for answer in answers]
    for path in (f"{vm}?$expand=instanceView", f"{vm}/runCommands?$expand=instanceView", vm.rpartition("/")[0]):
        answers.append(await caller.send("GET", path))
    return [f"{answer.status} {dict(answer.headers)} {answer.body!r}" for answer in answers]


async def test_no_answer_contains_a_secret(caller: Caller, vm: str):
    assert not [answer for answer in await everything(caller, vm) if SECRET in answer]


async def test_scripts_did_get_the_secret(caller: Caller, vm: str):
    await everything(caller, vm)
    assert (await caller.view(vm, "a"))["executionState"] == "Succeeded"


async def test_no_log_contains_a_secret_or_a_token(caplog: pytest.LogCaptureFixture, caller: Caller, vm: str):
    caplog.set_level(logging.DEBUG)
    await everything(caller, vm)
    token = caller.headers["authorization"].split()[1]
    assert SECRET not in caplog.text
    assert token not in caplog.text


async def test_no_repr_on_a_scripts_way_contains_a_secret(clock: VirtualClock):
    arm = Emulator(clock, port=None)
    caller = Caller(arm, clock, (await arm.credential().get_token()).token)
    vm = arm.add_vm("vm1", power="running")
    command = run_command("true", protectedParameters=[{"name": "KEY", "value": SECRET}, {"value": SECRET}])
    request = Request.with_json("PUT", caller.url(f"{vm}/runCommands/a"), command)
    seen = repr(arm._core.handle(Request("PUT", request.url, request.body, caller.headers), Moment.of(clock)))
    (instruction,) = arm._core.instructions()
    assert SECRET in str(dict(instruction.environment))
    assert SECRET not in f"{seen} {instruction!r} {arm.vm('vm1')!r} {arm.requests!r}"
