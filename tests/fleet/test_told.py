"""What a run tells of itself: why it stopped, what an earlier run did, and what scripts wrote."""

import json
import logging
from pathlib import Path

import pytest

from azvm_async import AzureVMClient, Fleet, InvalidRequest, Query, State
from azvm_async.emulator import Emulator
from azvm_async.emulator.faults import Conflict, Status
from fleet.support import Wire, crowd, run_of, states


async def test_refusal_that_comes_in_the_turn_in_which_the_run_stops_is_a_failure(client: AzureVMClient, arm: Emulator):
    names = crowd(arm, 10)
    arm.inject(Conflict(), path="*/start", times=10)
    report = (await run_of(client, names, stop_after_failures=1, engine="direct")).report
    assert set(states(report).values()) == {"Failed"}
    assert {type(outcome.error).__name__ for outcome in report} == {"Conflict"}


@pytest.mark.parametrize(
    ("options", "why"), [({"deadline": 5}, "the deadline of 5 s"), ({"stop_after_failures": 1}, "1 VMs failed")]
)
async def test_report_says_why_the_run_stopped(client: AzureVMClient, arm: Emulator, options: dict, why: str):
    names = crowd(arm, 2)
    arm.fail("Microsoft.Compute/virtualMachines/vm0/start", "AllocationFailed", "No room.")
    report = (await run_of(client, names, **options)).report
    assert [why in note for note in report.notes] == [True]


async def test_report_of_a_run_that_was_over_before_says_so(client: AzureVMClient, arm: Emulator, journal: Path):
    names = crowd(arm, 3)
    await run_of(client, names, journal=journal)
    report = (await run_of(client, names, journal=journal)).report
    assert report.notes == ("3 of 3 VMs ended in an earlier run with this journal",)


async def test_json_has_what_scripts_brought(client: AzureVMClient, arm: Emulator):
    names = crowd(arm, 1, power="running")
    report = (await run_of(client, names, "run_command", "echo out; echo err >&2; exit 3")).report
    told = json.loads(report.to_json())["vms"][0]["result"]
    assert told == {"exit_code": 3, "stdout": "out\n", "stderr": "err\n", "message": told["message"]}


async def test_table_has_exit_codes(client: AzureVMClient, arm: Emulator):
    names = crowd(arm, 1, power="running")
    report = (await run_of(client, names, "run_command", "exit 3")).report
    assert report.table().splitlines()[1].endswith("exit code 3")


async def test_repr_of_a_report_is_one_line(client: AzureVMClient, arm: Emulator):
    report = (await run_of(client, crowd(arm, 30))).report
    assert repr(report) == f"<Report: {report}>"


async def test_query_that_finds_nothing_is_told(client: AzureVMClient, caplog: pytest.LogCaptureFixture):
    with caplog.at_level(logging.WARNING, "azvm_async.fleet"):
        async with Fleet(client, Query(name="nobody")):
            pass
    assert "finds no VMs" in caplog.text


async def test_hibernation_is_called_that(client: AzureVMClient, arm: Emulator):
    assert (await run_of(client, crowd(arm, 1, power="running"), "hibernate")).report.verb == "hibernate"


async def test_many_are_read_one_by_one_where_their_list_is_barred(client: AzureVMClient, arm: Emulator, wire: Wire):
    names = crowd(arm, 30)
    arm.inject(Status(403), path="*/virtualMachines", times=10)
    report = (await run_of(client, names, only_needed=True, engine="direct")).report
    assert {outcome.state for outcome in report} == {State.SUCCEEDED}
    assert sum(each.method == "GET" and "instanceView" in each.url for each in wire.sent) == 30


@pytest.mark.parametrize("given", [["a"], "a=b", 3])
async def test_parameters_that_are_none_are_refused_before_the_run(client: AzureVMClient, arm: Emulator, given: object):
    async with Fleet(client, crowd(arm, 1)) as fleet:
        with pytest.raises(InvalidRequest, match="mapping"):
            fleet.run_command("true", parameters=given)
