"""Scripts on a fleet: the same for all, with parameters of each VM's own."""

import json
from pathlib import Path

import pytest

from azvm_async import AzureVMClient, Fleet, InvalidRequest, RunCommandResult, State, VirtualClock
from azvm_async.emulator import Emulator
from fleet.support import Wire, crowd, done, run_of, states, text_of


async def test_script_runs_once_on_each_and_its_result_is_the_outcomes(client: AzureVMClient, arm: Emulator):
    names = crowd(arm, 3, power="running")
    report = (await run_of(client, names, "run_command", "echo ran; exit 3")).report
    assert done(arm, "run") == dict.fromkeys(names, 1)
    assert all(isinstance(outcome.result, RunCommandResult) for outcome in report)
    assert {(outcome.state, outcome.result.exit_code, outcome.result.stdout) for outcome in report} == {
        (State.SUCCEEDED, 3, "ran\n")
    }


async def test_parameters_are_the_same_for_all_or_each_vms_own(client: AzureVMClient, arm: Emulator):
    names = crowd(arm, 2, power="running")
    report = (
        await run_of(client, names, "run_command", "echo $A $B", {"A": "a"}, lambda name: {"B": f"of-{name}"})
    ).report
    assert {outcome.name: outcome.result.stdout for outcome in report} == {"vm0": "a of-vm0\n", "vm1": "a of-vm1\n"}


async def test_parameters_of_its_own_by_a_table(client: AzureVMClient, arm: Emulator):
    names = crowd(arm, 2, power="running")
    table = {"vm0": {"N": 1}, "vm1": {"N": 2}}
    report = (await run_of(client, names, "run_command", "echo $N", table.__getitem__)).report
    assert [outcome.result.stdout for outcome in report] == ["1\n", "2\n"]


@pytest.mark.parametrize("which", ["parameters", "protected_parameters"])
async def test_callable_that_fails_is_one_vms_failure_and_the_callers_fault(
    client: AzureVMClient, arm: Emulator, wire: Wire, which: str, caplog: pytest.LogCaptureFixture
):
    names = crowd(arm, 3, power="running")
    table = {"vm0": {}, "vm2": {}}
    report = (await run_of(client, names, "run_command", "true", **{which: table.__getitem__})).report
    assert states(report) == {"vm0": "Succeeded", "vm1": "Failed", "vm2": "Succeeded"}
    assert isinstance(report["vm1"].error, InvalidRequest)
    assert str(report["vm1"].error).startswith("No parameters for vm1: KeyError")
    assert not [each for each in wire.sent if "/vm1/" in each.url]
    assert caplog.text == ""


@pytest.mark.parametrize(("which", "told"), [("parameters", True), ("protected_parameters", False)])
async def test_words_of_a_callables_error_are_told_where_they_hold_no_secret(
    client: AzureVMClient, arm: Emulator, journal: Path, which: str, *, told: bool
):
    def broken(_: str) -> dict[str, object]:
        raise ValueError("bad word hunter2")

    report = (await run_of(client, crowd(arm, 1), "run_command", "true", journal=journal, **{which: broken})).report
    places = [str(report["vm0"].error), report.to_json(), report.table(), text_of(journal)]
    assert ["hunter2" in place for place in places] == [told] * 4
    assert (report["vm0"].error.__cause__ is None) is not told


async def test_parameters_that_cannot_be_are_one_vms_failure(client: AzureVMClient, arm: Emulator):
    names = crowd(arm, 2, power="running")
    report = (await run_of(client, names, "run_command", "true", lambda name: {} if name == "vm0" else 5)).report
    assert states(report) == {"vm0": "Succeeded", "vm1": "Failed"}


@pytest.mark.parametrize("wrong", [{"script": ""}, {"script": 5}, {"timeout": 0}, {"run_as_user": 5}])
async def test_script_that_cannot_be_is_refused_unsent(client: AzureVMClient, wire: Wire, wrong):
    async with Fleet(client, ["vm1"]) as fleet:
        with pytest.raises(InvalidRequest):
            fleet.run_command(**{"script": "true", **wrong})
    assert wire.sent == []


async def test_run_commands_are_deleted_unless_they_are_to_be_kept(
    client: AzureVMClient, arm: Emulator, clock: VirtualClock
):
    crowd(arm, 2, power="running")
    await run_of(client, ["vm0"], "run_command", "true")
    await run_of(client, ["vm1"], "run_command", "true", keep=True)
    await clock.sleep(60)
    assert [len(arm.vm(name).run_commands or ()) for name in ("vm0", "vm1")] == [0, 1]


async def test_time_out_and_user_reach_azure(client: AzureVMClient, arm: Emulator, wire: Wire):
    crowd(arm, 1, power="running")
    await run_of(client, ["vm0"], "run_command", "true", timeout=77, run_as_user="somebody")
    properties = json.loads(wire.writes[0].body)["properties"]
    assert (properties["timeoutInSeconds"], properties["runAsUser"]) == (77, "somebody")


async def test_vm_that_is_off_is_one_failure(client: AzureVMClient, arm: Emulator):
    names = crowd(arm, 1) + crowd(arm, 1, prefix="on", power="running")
    report = (await run_of(client, names, "run_command", "true")).report
    assert states(report) == {"vm0": "Failed", "on0": "Succeeded"}


async def test_script_is_not_for_bulk(client: AzureVMClient):
    async with Fleet(client, ["vm1"]) as fleet:
        with pytest.raises(InvalidRequest, match="no run_command in bulk"):
            fleet.run_command("true", engine="bulk")
