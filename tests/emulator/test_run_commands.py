"""Managed run commands as resources: their answers, states and limits."""

from typing import Any

import pytest

from azvm_async.clock import VirtualClock
from azvm_async.emulator import Emulator
from emulator.support import Caller, run_command

ENDLESS = "sleep 1000"


async def test_a_put_answers_201_creating_with_an_operation_and_no_location(caller: Caller, vm: str):
    answer = await caller.send("PUT", f"{vm}/runCommands/a", run_command("true"))
    assert (answer.status, answer.document()["properties"]["provisioningState"]) == (201, "Creating")
    assert "azure-asyncoperation" in answer.headers
    assert "location" not in answer.headers


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
async def test_a_second_request_answers_200_updating_and_runs_again(caller: Caller, vm: str, method: str):
    await caller.run(vm, "a", run_command("echo one"))
    answer = await caller.send(method, f"{vm}/runCommands/a", run_command("echo two"))
    assert (answer.status, answer.document()["properties"]["provisioningState"]) == (200, "Updating")
    await caller.done(answer)
    assert (await caller.view(vm, "a"))["output"] == "two\n"


async def test_the_operation_succeeds_where_the_script_fails(caller: Caller, vm: str):
    ended = await caller.act(f"{vm}/runCommands/a", "PUT", run_command("exit 3"))
    view = await caller.view(vm, "a")
    assert (ended["status"], view["executionState"], view["exitCode"]) == ("Succeeded", "Failed", 3)


async def test_a_failed_script_fails_the_operation_when_asked(caller: Caller, vm: str):
    document = run_command("exit 3", treatFailureAsDeploymentFailure=True)
    ended = await caller.act(f"{vm}/runCommands/a", "PUT", document)
    assert (ended["status"], "exit code 3" in ended["error"]["message"]) == ("Failed", True)
    assert (await caller.get(f"{vm}/runCommands/a"))["properties"]["provisioningState"] == "Failed"


async def test_the_instance_view_is_missing_at_first(clock: VirtualClock, caller: Caller, vm: str):
    await caller.send("PUT", f"{vm}/runCommands/a", run_command("true"))
    early = await caller.get(f"{vm}/runCommands/a?$expand=instanceView")
    await clock.sleep(1)
    later = await caller.get(f"{vm}/runCommands/a?$expand=instanceView")
    assert "instanceView" not in early["properties"]
    assert "instanceView" in later["properties"]


async def test_the_instance_view_comes_only_when_expanded(caller: Caller, vm: str):
    await caller.run(vm, "a", run_command("true"))
    assert "instanceView" not in (await caller.get(f"{vm}/runCommands/a"))["properties"]


async def test_an_asynchronous_operation_ends_while_the_script_runs(quick: Emulator, live: Caller):
    vm = quick.add_vm("vm1", power="running")
    ended = await live.act(f"{vm}/runCommands/a", "PUT", run_command(ENDLESS, asyncExecution=True))
    assert (ended["status"], (await live.view(vm, "a"))["executionState"]) == ("Succeeded", "Running")


async def test_a_synchronous_operation_runs_as_long_as_the_script(quick: Emulator, live: Caller):
    vm = quick.add_vm("vm1", power="running")
    accepted = await live.send("PUT", f"{vm}/runCommands/a", run_command(ENDLESS))
    await live.clock.sleep(0.1)
    assert (await live.poll(accepted))["status"] == "InProgress"


async def test_a_deletion_ends_the_script_and_its_operation(quick: Emulator, live: Caller):
    vm = quick.add_vm("vm1", power="running")
    accepted = await live.send("PUT", f"{vm}/runCommands/a", run_command(ENDLESS))
    deleted = await live.act(f"{vm}/runCommands/a", "DELETE")
    assert (deleted["status"], (await live.poll(accepted))["status"]) == ("Succeeded", "Canceled")
    assert (await live.send("GET", f"{vm}/runCommands/a")).status == 404


@pytest.mark.parametrize("action", ["powerOff", "deallocate", "restart", "redeploy", "reimage"])
async def test_a_vm_that_goes_down_takes_its_scripts_along(quick: Emulator, live: Caller, action: str):
    vm = quick.add_vm("vm1", power="running")
    accepted = await live.send("PUT", f"{vm}/runCommands/a", run_command(ENDLESS))
    await live.send("POST", f"{vm}/{action}")
    ended = await live.poll(accepted)
    assert (ended["status"], ended["error"]["code"]) == ("Failed", "VMAgentStatusCommunicationError")


async def test_what_is_not_there_is_deleted_with_204(caller: Caller, vm: str):
    assert (await caller.send("DELETE", f"{vm}/runCommands/a")).status == 204


@pytest.mark.parametrize("power", ["stopped", "deallocated"])
async def test_a_vm_that_does_not_run_runs_no_commands(arm: Emulator, caller: Caller, power: str):
    vm = arm.add_vm("off", power=power)
    answer = await caller.send("PUT", f"{vm}/runCommands/a", run_command("true"))
    assert (answer.status, answer.document()["error"]["code"]) == (409, "OperationNotAllowed")
    assert "when the VM is not running" in answer.document()["error"]["message"]


async def test_a_vm_in_deletion_runs_no_commands(caller: Caller, vm: str):
    await caller.send("DELETE", vm)
    assert (await caller.send("PUT", f"{vm}/runCommands/a", run_command("true"))).status == 409


async def test_the_twenty_sixth_is_refused(caller: Caller, vm: str):
    for number in range(25):
        await caller.send("PUT", f"{vm}/runCommands/c{number}", run_command("true"))
        await caller.clock.sleep(15)  # faster is throttled
    answer = await caller.send("PUT", f"{vm}/runCommands/one-more", run_command("true"))
    assert answer.status == 409
    assert "(max=25, current=25) has been exceeded" in answer.document()["error"]["message"]


async def test_run_commands_are_listed(caller: Caller, vm: str):
    for name in ("a", "b"):
        await caller.run(vm, name, run_command("true"))
    listed = await caller.get(f"{vm}/runCommands")
    assert [each["name"] for each in listed["value"]] == ["a", "b"]


async def test_a_windows_vm_runs_no_shell_scripts(arm: Emulator, caller: Caller):
    vm = arm.add_vm("win", power="running", os_type="Windows")
    view = await caller.run(vm, "a", run_command("dir"))
    assert (view["executionState"], "shell scripts only" in view["executionMessage"]) == ("Failed", True)


async def test_scripts_can_be_switched_off(clock: VirtualClock):
    async with Emulator(clock, port=None, run_scripts=False) as arm:
        caller = Caller(arm, clock, (await arm.credential().get_token()).token)
        view = await caller.run(arm.add_vm("vm1", power="running"), "a", run_command("echo ran"))
    assert (view["executionState"], view["output"]) == ("Failed", "")


@pytest.mark.parametrize(
    "properties",
    [
        {},
        {"source": {"script": 1}},
        {"source": {"script": "x"}, "parameters": {"name": "a"}},
        {"source": {"script": "x"}, "parameters": [{"name": "a", "value": 1}]},
        {"source": {"script": "x"}, "timeoutInSeconds": "10"},
        {"source": {"script": "x"}, "timeoutInSeconds": 0},
    ],
)
async def test_properties_that_make_no_sense_are_refused_and_leave_nothing(
    caller: Caller, vm: str, properties: dict[str, Any]
):
    answer = await caller.send("PUT", f"{vm}/runCommands/a", {"location": "westeurope", "properties": properties})
    assert answer.status == 400
    assert (await caller.send("GET", f"{vm}/runCommands/a")).status == 404


async def test_a_signed_url_is_shown_without_its_signature(caller: Caller, vm: str):
    document = run_command("true", outputBlobUri="https://x.blob/out?sig=abc")
    answer = await caller.send("PUT", f"{vm}/runCommands/a", document)
    assert answer.document()["properties"]["outputBlobUri"] == "https://x.blob/out"
