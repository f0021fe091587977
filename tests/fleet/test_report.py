"""The report: each VM's state, error, times and polls, totals, and the same as a table and as JSON."""

import json
import pickle
from dataclasses import replace

import pytest

from azvm_async import AzureVMClient, Conflict, FleetFailed, Report, State, VirtualClock
from azvm_async.emulator import Emulator, faults
from fleet.support import Wire, crowd, run_of

SIGNED = "&s="


@pytest.fixture
async def mixed(client: AzureVMClient, arm: Emulator) -> Report:
    """Return a report of a VM that was started, one that was refused, one that goes on."""
    crowd(arm, 2)
    arm.add_vm("fast", power="running")
    arm.inject(faults.Conflict(), path="*/vm1/start")
    return (await run_of(client, ["fast", "vm0", "vm1"], deadline=5)).report


async def test_times_are_those_of_sending_accepting_and_ending(client: AzureVMClient, arm: Emulator, wire, clock):
    arm.add_vm("vm1")
    wire.before = lambda request: clock.sleep(2) if request.method == "POST" else None
    outcome = (await run_of(client, ["vm1"])).report["vm1"]
    began = clock.utcnow().replace(minute=0, second=0, microsecond=0)
    times = [(at - began).total_seconds() for at in (outcome.submitted, outcome.accepted, outcome.ended)]
    assert times == [0, 2, pytest.approx(24, abs=5)]
    assert outcome.seconds == times[2]


@pytest.mark.parametrize(("verb", "path"), [("start", "operations"), ("run_command", "runCommands")])
async def test_polls_are_those_that_were_sent(client: AzureVMClient, arm: Emulator, wire: Wire, verb: str, path: str):
    arm.add_vm("vm1", power="running" if verb == "run_command" else "deallocated")
    given = ["sleep 0.3"] if verb == "run_command" else []
    report = (await run_of(client, ["vm1"], verb, *given)).report
    polls = sum(path in request.url for request in wire.sent if request.method == "GET")
    assert report["vm1"].polls == polls
    assert (report["vm1"].polls > 0, report.polls) == (True, report["vm1"].polls)


async def test_totals_count_the_states_that_occur(mixed: Report):
    assert mixed.totals == {"Succeeded": 1, "Failed": 1, "Running": 1}


async def test_vm_is_found_by_name_or_id_in_any_case(mixed: Report):
    assert mixed["FAST"] is mixed[mixed["fast"].vm.upper()]
    with pytest.raises(KeyError):
        _ = mixed["nobody"]


async def test_outcomes_are_looked_through_once_for_all_names(mixed: Report):
    reads = []

    class Outcomes(tuple):
        __slots__ = ()

        def __iter__(self):
            reads.append(self)
            return super().__iter__()

    report = replace(mixed, outcomes=Outcomes(mixed.outcomes))
    assert [report[name].name for name in ("vm1", "FAST", mixed["vm0"].vm)] == ["vm1", "fast", "vm0"]
    assert len(reads) == 1


async def test_namesakes_are_found_by_their_ids_and_the_first_by_the_name(mixed: Report):
    namesake = replace(mixed["vm0"], vm=mixed["vm0"].vm.replace("/resourceGroups/", "/resourceGroups/other-"))
    report = replace(mixed, outcomes=(*mixed.outcomes, namesake))
    assert (report["vm0"], report[namesake.vm]) == (mixed["vm0"], namesake)


async def test_report_that_was_looked_into_is_equal_and_can_be_pickled(mixed: Report):
    twin = replace(mixed)
    assert mixed["vm0"].name == "vm0"
    back = pickle.loads(pickle.dumps(mixed))
    assert (twin == mixed, hash(twin) == hash(mixed)) == (True, True)
    assert (back.totals, back["VM0"].vm) == (mixed.totals, mixed["vm0"].vm)


async def test_failures_are_raised_with_the_report(mixed: Report):
    with pytest.raises(FleetFailed, match=r"The start failed for 1 of 3 VMs \(vm1: Conflict: Another") as raised:
        mixed.raise_for_failures()
    assert raised.value.report is mixed


async def test_report_without_failures_is_returned(client: AzureVMClient, arm: Emulator):
    report = (await run_of(client, crowd(arm, 1))).report
    assert report.raise_for_failures() is report
    assert report.ok


async def test_what_goes_on_is_no_failure_but_not_well_either(client: AzureVMClient, arm: Emulator):
    report = (await run_of(client, crowd(arm, 1), deadline=1)).report
    assert (report.raise_for_failures().ok, report.failures) == (False, ())


async def test_five_failures_are_named_and_the_others_counted(client: AzureVMClient):
    report = (await run_of(client, [f"absent{number}" for number in range(7)])).report
    with pytest.raises(FleetFailed, match=r"7 of 7 VMs .*absent4.*; and 2 more") as raised:
        report.raise_for_failures()
    assert "absent5" not in str(raised.value)


@pytest.mark.parametrize("number", [0, 1, 30])
async def test_table_has_a_line_for_each_vm_and_the_totals(client: AzureVMClient, arm: Emulator, number: int):
    report = (await run_of(client, crowd(arm, number))).report
    head, *rows = report.table().splitlines()
    assert head.split() == ["vm", "state", "seconds", "polls", "engine", "what"]
    assert [row.split()[:2] for row in rows[:number]] == [[each.name, "Succeeded"] for each in report]
    assert rows[number:] == ["", str(report)]
    assert str(report).startswith(f"start of {number} {'VM' if number == 1 else 'VMs'} in ")


async def test_table_says_why_in_one_line_each(client: AzureVMClient, arm: Emulator):
    arm.fail("Microsoft.Compute/virtualMachines/vm0/start", "Odd", "two\nlines\tand a tab", preflight=True)
    lines = (await run_of(client, crowd(arm, 2), max_concurrency=1, stop_after_failures=1)).report.table().splitlines()
    assert lines[1].endswith("Odd: two lines and a tab")
    assert lines[2].endswith("1 VMs failed")


async def test_json_tells_the_same(mixed: Report):
    document = json.loads(mixed.to_json())
    assert (document["verb"], document["totals"]) == ("start", dict(mixed.totals))
    assert [each["state"] for each in document["vms"]] == ["Succeeded", "Running", "Failed"]
    assert document["vms"][2]["error"]["code"] == "Conflict"
    assert document["vms"][0]["ended"] == mixed["fast"].ended.isoformat()


async def test_tokens_are_in_json_only_where_they_are_asked_for(mixed: Report, client: AzureVMClient):
    assert "token" not in mixed.to_json()
    (token,) = [each["token"] for each in json.loads(mixed.to_json(tokens=True))["vms"] if "token" in each]
    assert token == mixed["vm0"].token
    await client.resume(token)


async def test_signed_urls_are_nowhere_else(mixed: Report):
    assert SIGNED in str(mixed.tokens)
    for shown in (repr(mixed), str(mixed), mixed.table(), mixed.to_json(), *map(repr, mixed), *map(str, mixed)):
        assert SIGNED not in shown


async def test_pickle_keeps_all(mixed: Report):
    copy = pickle.loads(pickle.dumps(mixed))
    assert (copy.totals, copy.tokens, copy.table()) == (mixed.totals, mixed.tokens, mixed.table())
    assert isinstance(copy["vm1"].error, Conflict)
    assert copy["vm0"] == mixed["vm0"]


async def test_pickled_failure_keeps_the_report(mixed: Report):
    with pytest.raises(FleetFailed) as raised:
        mixed.raise_for_failures()
    assert pickle.loads(pickle.dumps(raised.value)).report.totals == mixed.totals


async def test_merged_report_is_of_all(client: AzureVMClient, arm: Emulator, clock: VirtualClock):
    first = (await run_of(client, crowd(arm, 2, prefix="a"))).report
    await clock.sleep(100)
    second = (await run_of(client, [*crowd(arm, 1, prefix="b"), "absent"])).report
    merged = Report.merged([first, second])
    assert [outcome.name for outcome in merged] == ["a0", "a1", "b0", "absent"]
    assert (merged.began, merged.ended, merged.totals) == (
        first.began, second.ended, {"Succeeded": 3, "Failed": 1},
    )  # fmt: skip


async def test_reports_of_different_verbs_are_not_merged(client: AzureVMClient):
    started, stopped = (await run_of(client, [])).report, (await run_of(client, [], "stop")).report
    for parts in ([], [started, stopped]):
        with pytest.raises(ValueError, match="one verb"):
            Report.merged(parts)


async def test_report_is_read_as_a_collection(mixed: Report):
    assert (len(mixed), [outcome.state for outcome in mixed]) == (3, [State.SUCCEEDED, State.RUNNING, State.FAILED])
