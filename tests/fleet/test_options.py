"""The options of a run: how many at once, when to stop, which VMs need it, and what can't be asked."""

import pytest

from azvm_async import AuthenticationError, AzureVMClient, Fleet, InvalidRequest, State, VirtualClock
from azvm_async.emulator import Emulator, faults
from azvm_async.wire import Request
from fleet.support import OTHER, Wire, crowd, done, run_of, states

STATUS_LIST = "statusOnly=true"


@pytest.mark.parametrize(
    "wrong",
    [
        {"max_concurrency": 0},
        {"max_concurrency": True},
        {"max_concurrency": 1.5},
        {"stop_after_failures": 0},
        {"stop_after_failures": "3"},
        {"deadline": -1},
        {"deadline": float("nan")},
        {"deadline": "soon"},
        {"only_needed": 1},
        {"engine": "warp"},
        {"engine": []},
        {"journal": 5},
        {"max_concurency": 5},
    ],
    ids=str,
)
async def test_option_that_cannot_be_is_refused_for_fleet_and_run(client: AzureVMClient, wire: Wire, wrong):
    with pytest.raises(InvalidRequest):
        Fleet(client, ["vm1"], **wrong)
    async with Fleet(client, ["vm1"]) as fleet:
        with pytest.raises(InvalidRequest):
            fleet.start(**wrong)
    assert wire.sent == []


async def test_unknown_option_is_told_with_those_there_are(client: AzureVMClient):
    with pytest.raises(InvalidRequest, match=r"max_concurency.*max_concurrency, stop_after_failures"):
        Fleet(client, [], max_concurency=5)  # type: ignore[call-arg]


async def test_runs_own_option_comes_before_the_fleets(client: AzureVMClient, arm: Emulator):
    async with Fleet(client, crowd(arm, 2), deadline=1) as fleet:
        assert (await fleet.start(deadline=None)).totals == {"Succeeded": 2}
        assert (await fleet.deallocate()).totals == {"Running": 2}


@pytest.mark.parametrize("verb", ["reboot", "redeploy", "reapply", "reimage", "simulate_eviction", "deprovision"])
async def test_only_needed_is_refused_where_no_state_tells(client: AzureVMClient, wire: Wire, verb: str):
    async with Fleet(client, ["vm1"], only_needed=True) as fleet:
        with pytest.raises(InvalidRequest, match=f"only_needed is not for {verb}"):
            getattr(fleet, verb)()
    assert wire.sent == []


# Places.


@pytest.mark.parametrize("most", [1, 3])
@pytest.mark.parametrize("engine", ["direct", "bulk"])
async def test_places_are_never_exceeded(client: AzureVMClient, arm: Emulator, wire: Wire, engine, most: int):
    """As Azure sees it: VMs whose operation is under way when another request comes."""
    names = crowd(arm, 10)
    seen = []

    def look(request: Request) -> None:
        if request in wire.writes:
            busy = sum(arm.vm(name).provisioning_state == "Updating" for name in names)
            seen.append(busy + request.body.count(b"/virtualMachines/") if engine == "bulk" else busy + 1)

    wire.before = look
    run = await run_of(client, names, engine=engine, max_concurrency=most)
    assert run.report.totals == {"Succeeded": 10}
    assert max(seen) == most


@pytest.mark.parametrize("engine", ["direct", "bulk"])
async def test_places_are_given_back_by_failures(client: AzureVMClient, arm: Emulator, engine):
    names = [*crowd(arm, 6), "absent1", "absent2"]
    arm.fail("Microsoft.Compute/virtualMachines/vm1/start", "Broken", "no", preflight=True)
    arm.fail("Microsoft.Compute/virtualMachines/vm2/start", "Broken", "no")
    run = await run_of(client, names, engine=engine, max_concurrency=2)
    assert run.report.totals == {"Succeeded": 4, "Failed": 4}
    assert run._context.places._value == 2


async def test_places_are_shared_by_both_engines(client: AzureVMClient, arm: Emulator):
    """Absent ones are asked one by one while the others go in bulk."""
    names = [*crowd(arm, 6), *(f"absent{number}" for number in range(4))]
    run = await run_of(client, names, engine="bulk", max_concurrency=3)
    assert run.report.totals == {"Succeeded": 6, "Failed": 4}
    assert {outcome.engine for outcome in run.report} == {"direct", "bulk"}


# Failures.


@pytest.mark.parametrize("engine", ["direct", "bulk"])
async def test_failures_stop_what_has_not_begun_and_wait_for_the_others(client: AzureVMClient, arm: Emulator, engine):
    names = crowd(arm, 8)
    for name in ("vm0", "vm1"):
        arm.fail(f"Microsoft.Compute/virtualMachines/{name}/start", "Broken", "no", preflight=True)
    run = await run_of(client, names, engine=engine, max_concurrency=4, stop_after_failures=2)
    totals = run.report.totals
    assert (totals["Failed"], totals["NotBegun"] > 0, "Running" in totals) == (2, True, False)
    assert {outcome.note for outcome in run.report if outcome.state is State.NOT_BEGUN} == {"2 VMs failed"}
    assert done(arm, "start").total() == totals["Succeeded"]


async def test_fewer_failures_stop_nothing(client: AzureVMClient, arm: Emulator):
    arm.inject(faults.Conflict(), path="*/vm0/start")
    run = await run_of(client, crowd(arm, 4), max_concurrency=1, stop_after_failures=2)
    assert run.report.totals == {"Succeeded": 3, "Failed": 1}


# Deadlines.


@pytest.mark.parametrize("engine", ["direct", "bulk"])
async def test_deadline_leaves_each_vm_a_token_of_its_own(
    client: AzureVMClient, arm: Emulator, clock: VirtualClock, engine
):
    names = crowd(arm, 3)
    run = await run_of(client, names, engine=engine, deadline=5)
    assert (run.report.totals, clock.monotonic()) == ({"Running": 3}, pytest.approx(5, abs=1))
    assert {outcome.note for outcome in run.report} == {"the deadline of 5 s passed"}
    for vm, token in run.report.tokens.items():
        operation = client.resume(token)
        assert operation.about.resource == vm
        assert await operation is None
    assert {arm.vm(name).power_state for name in names} == {"running"}


async def test_deadline_in_bulk_keeps_the_ends_that_are_known(client: AzureVMClient, arm: Emulator):
    """The one that was refused at once has no operation, and no token."""
    names = crowd(arm, 3)
    arm.fail("Microsoft.Compute/virtualMachines/vm1/start", "Broken", "no", preflight=True)
    run = await run_of(client, names, engine="bulk", deadline=3)
    assert states(run.report) == {"vm0": "Running", "vm1": "Failed", "vm2": "Running"}


async def test_bulk_answer_after_the_deadline_keeps_the_ends_that_are_known(
    client: AzureVMClient, arm: Emulator, wire: Wire, clock: VirtualClock
):
    names = crowd(arm, 3)
    arm.fail("Microsoft.Compute/virtualMachines/vm1/start", "Broken", "no", preflight=True)
    wire.before = lambda request: clock.sleep(4) if "ExecuteStart" in request.url else None
    run = await run_of(client, names, engine="bulk", deadline=1)
    assert states(run.report) == {"vm0": "Running", "vm1": "Failed", "vm2": "Running"}
    for token in run.report.tokens.values():
        await client.resume(token)


async def test_deadline_of_no_seconds_sends_nothing(client: AzureVMClient, arm: Emulator, wire: Wire):
    run = await run_of(client, crowd(arm, 2), deadline=0, only_needed=True)
    assert (run.report.totals, wire.sent) == ({"NotBegun": 2}, [])


async def test_deadline_after_the_end_changes_nothing(client: AzureVMClient, arm: Emulator, clock: VirtualClock):
    run = await run_of(client, crowd(arm, 2), deadline=1000)
    assert (run.report.totals, clock.monotonic() < 60) == ({"Succeeded": 2}, True)


async def test_deadline_bounds_the_looking_up(client: AzureVMClient, arm: Emulator, wire: Wire, clock: VirtualClock):
    wire.before = lambda _: clock.sleep(300)
    run = await run_of(client, crowd(arm, 2), deadline=5, only_needed=True)
    assert (run.report.totals, clock.monotonic()) == ({"NotBegun": 2}, pytest.approx(5, abs=1))


# Only what is needed.

NEEDED = [
    ("start", {}, "running", "it is running"),
    ("stop", {}, "stopped", "it is stopped"),
    ("stop", {}, "deallocated", "it is deallocated"),
    ("deallocate", {}, "deallocated", "it is deallocated"),
    ("hibernate", {}, "deallocated", "it is deallocated"),
]


@pytest.mark.parametrize(("verb", "given", "power", "why"), NEEDED)
@pytest.mark.parametrize("many", [False, True])
async def test_vm_that_is_as_it_is_to_be_is_left_alone(
    client: AzureVMClient, arm: Emulator, wire: Wire, verb, given, power, why, *, many: bool
):
    other = "deallocated" if verb == "start" else "running"
    names = crowd(arm, 25 if many else 1, prefix="idle", power=power) + crowd(arm, 2, power=other)
    report = (await run_of(client, names, verb, only_needed=True, **given)).report
    assert report.totals == {"Succeeded": 2, "Skipped": 25 if many else 1}
    assert {outcome.note for outcome in report if outcome.state is State.SKIPPED} == {why}
    assert (report.ok, len(wire.writes)) == (True, 2)


async def test_stopped_vm_is_deallocated_all_the_same(client: AzureVMClient, arm: Emulator):
    """It is billed still."""
    arm.add_vm("vm1", power="stopped")
    assert (await run_of(client, ["vm1"], "deallocate", only_needed=True)).report.totals == {"Succeeded": 1}


async def test_absent_vm_need_not_be_deleted(client: AzureVMClient, arm: Emulator, wire: Wire):
    report = (await run_of(client, ["absent", *crowd(arm, 1)], "delete", only_needed=True)).report
    assert states(report) == {"absent": "Skipped", "vm0": "Succeeded"}
    assert (report["absent"].note, len(wire.writes)) == ("it is not there", 1)


async def test_absent_vm_is_not_skipped_by_a_start(client: AzureVMClient):
    assert (await run_of(client, ["absent"], only_needed=True)).report.totals == {"Failed": 1}


async def test_few_are_read_one_by_one_and_many_by_one_list(client: AzureVMClient, arm: Emulator, wire: Wire):
    asked = []
    for number in (20, 21):
        before = len(wire.sent)
        await run_of(client, crowd(arm, number, prefix=f"of{number}-", power="running"), only_needed=True)
        asked.append([STATUS_LIST in request.url for request in wire.sent[before:]])
    assert asked == [[False] * 20, [True]]


async def test_needs_are_looked_up_in_each_subscription(client: AzureVMClient, arm: Emulator, wire: Wire):
    mine = crowd(arm, 21, power="running")
    foreign = [arm.add_vm(f"f{number}", subscription=OTHER, resource_group="g") for number in range(21)]
    report = (await run_of(client, [*mine, *foreign], only_needed=True)).report
    assert report.totals == {"Succeeded": 21, "Skipped": 21}
    assert sum(STATUS_LIST in request.url for request in wire.sent) >= 2


@pytest.mark.parametrize("number", [3, 30])
async def test_state_that_cannot_be_read_begins_nothing(client: AzureVMClient, arm: Emulator, wire: Wire, number: int):
    arm.inject(faults.Status(403), method="GET", times=999)
    report = (await run_of(client, crowd(arm, number), only_needed=True)).report
    assert (report.totals, wire.writes) == ({"Failed": number}, [])
    assert {type(outcome.error) for outcome in report} == {AuthenticationError}
