"""The older action runCommand: output as text, one at a time."""

from typing import Any

from azvm_async.emulator import Emulator
from emulator.sites import SUB, refusal
from emulator.support import Caller

CATALOGUE = f"{SUB}/providers/Microsoft.Compute/locations/westeurope/runCommands"


def body(*lines: str, **more: Any) -> dict[str, Any]:
    """Return the body of the action."""
    return {"commandId": "RunShellScript", "script": list(lines), **more}


async def message(caller: Caller, vm: str, document: dict[str, Any]) -> str:
    """Run a script to its end, and return what it said."""
    accepted = await caller.send("POST", f"{vm}/runCommand", document)
    await caller.done(accepted)
    return (await caller.get(accepted.headers["location"]))["value"][0]["message"]


async def test_the_output_stands_in_sections_of_the_result(caller: Caller, vm: str):
    said = await message(caller, vm, body("echo out", "echo err >&2"))
    assert said == "Enable succeeded: \n[stdout]\nout\n\n[stderr]\nerr\n"


async def test_parameters_reach_the_script(caller: Caller, vm: str):
    said = await message(caller, vm, body("echo $WHO", parameters=[{"name": "WHO", "value": "you"}]))
    assert "[stdout]\nyou\n" in said


async def test_a_second_one_is_refused_while_the_first_runs(quick: Emulator, live: Caller):
    vm = quick.add_vm("vm1", power="running")
    await live.send("POST", f"{vm}/runCommand", body("sleep 1000"))
    answer = await live.send("POST", f"{vm}/runCommand", body("true"))
    assert (answer.status, answer.document()["error"]["code"]) == (409, "Conflict")


async def test_another_one_is_taken_after_the_end(caller: Caller, vm: str):
    await message(caller, vm, body("true"))
    assert "again" in await message(caller, vm, body("echo again"))


async def test_a_power_shell_script_is_not_run(caller: Caller, vm: str):
    said = await message(caller, vm, {"commandId": "RunPowerShellScript", "script": ["Get-Date"]})
    assert said.startswith("Enable failed: ")


async def test_the_vm_must_run(arm: Emulator, caller: Caller):
    off = arm.add_vm("off")
    assert (await caller.send("POST", f"{off}/runCommand", body("true"))).status == 409


async def test_a_script_that_is_no_list_is_refused(caller: Caller, vm: str):
    answer = await caller.send("POST", f"{vm}/runCommand", {"commandId": "RunShellScript", "script": "true"})
    assert answer.status == 400


async def test_the_catalogue_lists_the_commands_and_shows_each(caller: Caller):
    listed = (await caller.get(CATALOGUE))["value"]
    assert [each["id"] for each in listed] == ["RunPowerShellScript", "RunShellScript"]
    for each in listed:
        shown = await caller.get(f"{CATALOGUE}/{each['id'].lower()}")
        assert shown == {"script": [], "parameters": [], **each}


async def test_a_command_that_the_catalogue_has_not_is_not_found(caller: Caller):
    assert await refusal(caller, "GET", f"{CATALOGUE}/FormatDisk") == (404, "NotFound")
