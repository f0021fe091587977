"""Many VMs from one template, and their removal."""

import json
from pathlib import Path

import pytest
from client.stock import template, vm

from azvm_async import AzureVMClient, Deployed, DeploymentFailed, Fleet, InvalidRequest, State, VirtualClock
from azvm_async.emulator import Emulator
from azvm_async.fleet.books import DRIVEN
from fleet.support import Wire, opened, put, run_of, states, text_of

PARAMETERS = {
    "vmName": {"type": "string"},
    "size": {"type": "string", "defaultValue": "Standard_B2s"},
    "adminPassword": {"type": "securestring", "defaultValue": "x"},
}


def machine() -> dict[str, object]:
    """Return a template of a VM with its network, all called after its parameter."""
    made = json.loads(json.dumps(template(*vm("NAME"), parameters=PARAMETERS)))
    text = json.dumps(made["resources"])
    for kind in ("'Microsoft", "'NAME"):
        assert kind not in text
    made["resources"] = [_named(each) for each in made["resources"]]
    return made


def _named(resource: object) -> object:
    """Put the parameter in the place of the name."""
    if isinstance(resource, dict):
        return {key: _named(value) for key, value in resource.items()}
    if isinstance(resource, list):
        return [_named(value) for value in resource]
    if isinstance(resource, str) and "NAME" in resource:
        parts = resource.strip("[]").split("NAME")
        inner = ", parameters('vmName'), ".join(f"'{part}'" for part in parts)
        return f"[concat({inner})]"
    return resource


async def test_each_vm_is_deployed_from_the_one_template(client: AzureVMClient, arm: Emulator):
    names = ["new1", "new2", "new3"]
    report = (await run_of(client, names, "provision", machine())).report
    assert report.raise_for_failures().totals == {"Succeeded": 3}
    assert all(isinstance(outcome.result, Deployed) for outcome in report)
    assert {arm.vm(name).power_state for name in names} == {"running"}


async def test_parameters_are_each_vms_own(client: AzureVMClient, wire: Wire):
    sizes = {"new1": {"size": "A"}, "new2": {"size": "B"}}
    await run_of(client, sizes, "provision", machine(), sizes.__getitem__)
    sent = [json.loads(each.body)["properties"]["parameters"] for each in wire.writes if each.method == "PUT"]
    assert {(each["vmName"]["value"], each["size"]["value"]) for each in sent} == {("new1", "A"), ("new2", "B")}


async def test_template_is_read_from_its_file_once(client: AzureVMClient, tmp_path: Path):
    path = tmp_path / "vm.jsonc"
    put(path, "// a comment\n" + json.dumps(machine()))
    async with Fleet(client, ["new1", "new2"]) as fleet:
        run = fleet.provision(path)
        path.unlink()
        assert (await run).totals == {"Succeeded": 2}


@pytest.mark.parametrize("wrong", [{}, "nowhere.json", 5, {"resources": 5}])
async def test_template_that_cannot_be_is_refused_unsent(client: AzureVMClient, wire: Wire, wrong: object):
    async with Fleet(client, ["new1"]) as fleet:
        with pytest.raises(InvalidRequest):
            fleet.provision(wrong)  # type: ignore[arg-type]
    assert wire.sent == []


async def test_callable_that_fails_is_one_vms_failure(client: AzureVMClient):
    report = (await run_of(client, ["new1", "new2"], "provision", machine(), {"new1": {}}.__getitem__)).report
    assert states(report) == {"new1": "Succeeded", "new2": "Failed"}
    assert str(report["new2"].error) == "No parameters for new2: KeyError"  # its words may hold a password


async def test_failed_deployment_is_one_vms_own(client: AzureVMClient, arm: Emulator):
    arm.fail("Microsoft.Compute/virtualMachines/new1", "SkuNotAvailable", "not here")
    report = (await run_of(client, ["new1", "new2"], "provision", machine())).report
    assert states(report) == {"new1": "Failed", "new2": "Succeeded"}
    assert isinstance(report["new1"].error, DeploymentFailed)
    assert "SkuNotAvailable" in report.table()


async def test_deployment_under_way_is_adopted_when_the_run_is_taken_up(
    client: AzureVMClient, arm: Emulator, clock: VirtualClock, journal: Path
):
    """Its intent is in the journal, its token is not; nothing is sent again."""
    await run_of(client, ["new1"], "provision", machine(), journal=journal, deadline=15)
    text = text_of(journal).splitlines(keepends=True)
    assert any('"token"' in line for line in text)
    put(journal, "".join(line for line in text if '"token"' not in line))
    wire = Wire(arm.transport())
    async with opened(arm, clock, wire) as later:
        report = (await run_of(later, ["new1"], "provision", machine(), journal=journal)).report
    assert (report.totals, [each.method for each in wire.writes]) == ({"Succeeded": 1}, [])


async def test_deployment_is_resumed_by_its_token(client: AzureVMClient, arm: Emulator, clock, journal: Path):
    first = (await run_of(client, ["new1"], "provision", machine(), journal=journal, deadline=15)).report
    wire = Wire(arm.transport())
    async with opened(arm, clock, wire) as later:
        second = (await run_of(later, ["new1"], "provision", machine(), journal=journal)).report
    assert (first["new1"].state, second["new1"].state, wire.writes) == (State.RUNNING, State.SUCCEEDED, [])


async def test_vm_that_is_there_can_be_kept(client: AzureVMClient, arm: Emulator, wire: Wire):
    arm.add_vm("new1", power="running")
    report = (await run_of(client, ["new1"], "provision", machine(), if_exists="keep")).report
    assert (report.totals, wire.writes) == ({"Succeeded": 1}, [])


async def test_deprovision_removes_all_that_was_deployed(client: AzureVMClient, arm: Emulator):
    names = ["new1", "new2"]
    before = arm.resources()
    await run_of(client, names, "provision", machine())
    report = (await run_of(client, names, "deprovision")).report
    assert (report.totals, arm.resources()) == ({"Succeeded": 2}, before)
    assert all(outcome.seconds and outcome.seconds > 1 for outcome in report)


async def test_deprovision_is_taken_up(client: AzureVMClient, arm: Emulator, clock: VirtualClock, journal: Path):
    before = arm.resources()
    await run_of(client, ["new1"], "provision", machine())
    async with opened(arm, clock) as first:
        report = (await run_of(first, ["new1"], "deprovision", journal=journal, deadline=20)).report
    assert report.totals == {"Running": 1}
    async with opened(arm, clock) as second:
        report = (await run_of(second, ["new1"], "deprovision", journal=journal)).report
    assert (report.totals, arm.resources()) == ({"Succeeded": 1}, before)


async def test_removal_is_in_the_journal_before_its_first_write(client: AzureVMClient, wire: Wire, journal: Path):
    await run_of(client, ["new1"], "provision", machine())
    seen: list[bool] = []
    wire.before = lambda request: seen.append('"intent"' in text_of(journal)) if request.method == "DELETE" else None
    await run_of(client, ["new1"], "deprovision", journal=journal)
    assert (seen[0], text_of(journal).count('"intent"')) == (True, 1)


async def test_removal_that_is_stopped_before_its_first_write_is_not_begun(
    client: AzureVMClient, arm: Emulator, wire: Wire, clock: VirtualClock, journal: Path
):
    await run_of(client, ["new1"], "provision", machine())
    before, there = len(wire.writes), arm.resources()
    wire.before = lambda _: clock.sleep(5)
    async with Fleet(client, ["new1"]) as fleet:
        run = fleet.deprovision(journal=journal)
        await clock.sleep(1)
        run.stop()
        report = await run
    await clock.sleep(100)
    assert (report.totals, len(wire.writes), arm.resources()) == ({"NotBegun": 1}, before, there)
    assert len(text_of(journal).splitlines()) == 1


async def test_removal_that_is_left_says_where_it_goes_on(client: AzureVMClient, clock: VirtualClock):
    await run_of(client, ["new1"], "provision", machine())
    outcome = (await run_of(client, ["new1"], "deprovision", deadline=20)).report["new1"]
    assert outcome.state is State.RUNNING
    assert outcome.note == f"the deadline of 20 s passed; {DRIVEN}"
    await clock.sleep(1)


async def test_deployment_that_is_left_goes_on_in_azure(client: AzureVMClient):
    outcome = (await run_of(client, ["new1"], "provision", machine(), deadline=15)).report["new1"]
    assert outcome.note == "the deadline of 15 s passed"
