"""The bulk engine: one request for a hundred VMs, with the same outcomes and the same report."""

import json

import pytest

from azvm_async import (
    AuthenticationError,
    AzureVMClient,
    Conflict,
    Fleet,
    InvalidRequest,
    NotFound,
    OperationFailed,
    State,
    VirtualClock,
)
from azvm_async.emulator import Emulator, faults
from fleet.support import OTHER, Wire, crowd, done, opened, put, run_of, states, text_of

PROVIDER = "Microsoft.ComputeSchedule"


def batches(wire: Wire) -> list[int]:
    """Return how many VMs each bulk request was for."""
    return [
        len(json.loads(each.body)["resources"]["ids"]) for each in wire.writes if "/virtualMachinesExecute" in each.url
    ]


async def unregistered(client: AzureVMClient, subscription: str) -> None:
    """Take a subscription's registration back."""
    await client.begin(
        "POST", f"/subscriptions/{subscription}/providers/{PROVIDER}/unregister", api_version="2021-04-01"
    )


VERBS = [
    ("start", {}, "deallocated", "start"),
    ("deallocate", {}, "running", "deallocate"),
    ("hibernate", {}, "running", "deallocate"),
    ("delete", {"force": True}, "running", "delete"),
]


@pytest.mark.parametrize(("verb", "given", "power", "effect"), VERBS, ids=[verb for verb, *_ in VERBS])
async def test_verb_is_done_once_to_each_by_one_request(
    client: AzureVMClient, arm: Emulator, wire: Wire, verb, given, power, effect
):
    names = crowd(arm, 5, power=power)
    report = (await run_of(client, names, verb, engine="bulk", **given)).report
    assert (report.totals, done(arm, effect)) == ({"Succeeded": 5}, dict.fromkeys(names, 1))
    assert ([each.url.partition("virtualMachines")[2].partition("?")[0] for each in wire.writes], batches(wire)) == (
        [f"Execute{verb.capitalize()}"], [5],
    )  # fmt: skip


async def test_deletion_is_forced_by_the_request(client: AzureVMClient, arm: Emulator, wire: Wire):
    await run_of(client, crowd(arm, 2), "delete", engine="bulk", force=True)
    assert json.loads(wire.writes[0].body)["forceDeletion"] is True


@pytest.mark.parametrize("verb", ["stop", "reboot", "reimage", "deprovision"])
async def test_what_azure_has_not_in_bulk_is_refused_unsent(client: AzureVMClient, wire: Wire, verb: str):
    async with Fleet(client, ["vm1"], engine="bulk") as fleet:
        with pytest.raises(InvalidRequest, match=f"no {verb} in bulk"):
            getattr(fleet, verb)()
    assert wire.sent == []


async def test_report_is_the_same_as_one_by_one(client: AzureVMClient, arm: Emulator):
    """But for the engine and what each VM cost."""
    told = []
    for engine in ("direct", "bulk"):
        names = [*crowd(arm, 3, prefix=f"{engine}-"), f"{engine}-absent"]
        arm.fail(f"Microsoft.Compute/virtualMachines/{engine}-1/start", "Broken", "no", preflight=True)
        arm.fail(f"Microsoft.Compute/virtualMachines/{engine}-2/start", "Broken", "no")
        report = (await run_of(client, names, engine=engine)).report
        told.append([(each.state, getattr(each.error, "code", None), each.token, each.result) for each in report])
        assert all(each.submitted and each.accepted and each.ended for each in report if each.ok)
        assert {outcome.engine for outcome in report if outcome.ok} == {engine}
    assert told[0] == told[1]


async def test_failure_inside_of_the_answer_is_one_vms_own(client: AzureVMClient, arm: Emulator):
    names = crowd(arm, 4)
    arm.fail("Microsoft.Compute/virtualMachines/vm1/start", "Refused", "no", preflight=True)
    arm.fail("Microsoft.Compute/virtualMachines/vm2/start", "Broken", "no")
    report = (await run_of(client, names, engine="bulk")).report
    assert states(report) == {"vm0": "Succeeded", "vm1": "Failed", "vm2": "Failed", "vm3": "Succeeded"}
    assert [report[name].error.code for name in ("vm1", "vm2")] == ["Refused", "Broken"]
    assert isinstance(report["vm2"].error, OperationFailed)


async def test_outcomes_come_as_vms_end(client: AzureVMClient, arm: Emulator, clock: VirtualClock):
    names = crowd(arm, 1) + crowd(arm, 1, prefix="quick", power="running")
    async with Fleet(client, names, engine="bulk") as fleet:
        ends = [(outcome.name, clock.monotonic() < 15) async for outcome in fleet.start()]
    assert ends == [("quick0", True), ("vm0", False)]


async def test_hundred_go_into_one_request(client: AzureVMClient, arm: Emulator, wire: Wire):
    report = (await run_of(client, crowd(arm, 250), engine="bulk")).report
    assert (report.totals, sorted(batches(wire))) == ({"Succeeded": 250}, [50, 100, 100])


async def test_requests_are_by_region_and_subscription(client: AzureVMClient, arm: Emulator, wire: Wire):
    names = crowd(arm, 3) + crowd(arm, 2, prefix="north", location="northeurope")
    names += [arm.add_vm(f"f{number}", subscription=OTHER, resource_group="g") for number in range(4)]
    report = (await run_of(client, names, engine="bulk")).report
    assert (report.totals, sorted(batches(wire))) == ({"Succeeded": 9}, [2, 3, 4])


async def test_absent_ones_are_asked_one_by_one(client: AzureVMClient, arm: Emulator, wire: Wire):
    report = (await run_of(client, [*crowd(arm, 3), "absent"], engine="bulk")).report
    assert (states(report)["absent"], type(report["absent"].error), batches(wire)) == ("Failed", NotFound, [3])


async def test_vm_that_vanished_since_it_was_looked_up_is_one_failure(client, arm: Emulator, wire: Wire):
    names = crowd(arm, 3)

    def vanish(request) -> None:
        if "ExecuteStart" in request.url:
            group = arm._world.subscriptions[arm.subscription.lower()].groups[arm.resource_group.lower()]
            del group.machines["vm1"]

    wire.before = vanish
    report = (await run_of(client, names, engine="bulk")).report
    assert states(report) == {"vm0": "Succeeded", "vm1": "Failed", "vm2": "Succeeded"}


async def test_lost_answer_is_made_sure_of(client: AzureVMClient, arm: Emulator):
    names = crowd(arm, 3)
    arm.inject(faults.ResetAfter(), path="*ExecuteStart")
    report = (await run_of(client, names, engine="bulk")).report
    assert (report.totals, len(report)) == ({"Succeeded": 3}, 3)


async def test_states_that_cannot_be_read_leave_each_vm_a_token(client: AzureVMClient, arm: Emulator):
    names = crowd(arm, 3)
    arm.inject(faults.Status(403), path="*GetOperationStatus")
    report = (await run_of(client, names, engine="bulk")).report
    assert (report.totals, len(report.tokens)) == ({"Unknown": 3}, 3)
    for token in report.tokens.values():
        await client.resume(token)


async def test_polls_of_a_hundred_are_one(client: AzureVMClient, arm: Emulator, wire: Wire):
    report = (await run_of(client, crowd(arm, 100), engine="bulk")).report
    reads = sum("GetOperationStatus" in each.url for each in wire.sent)
    assert {outcome.polls for outcome in report} <= set(range(1, reads + 1))
    assert reads < 20


async def test_smaller_places_are_kept_to_when_a_hundred_are_taken_up(
    client: AzureVMClient, arm: Emulator, wire: Wire, journal
):
    names = crowd(arm, 30)
    first = (await run_of(client, names, engine="bulk", journal=journal, deadline=3)).report
    second = (await run_of(client, names, engine="bulk", journal=journal, max_concurrency=7)).report
    assert (first.totals, second.totals, batches(wire)) == ({"Running": 30}, {"Succeeded": 30}, [30])
    assert done(arm, "start") == dict.fromkeys(names, 1)


async def test_bulk_run_is_taken_up_as_one_also_by_another_engine(
    client: AzureVMClient, arm: Emulator, wire: Wire, journal
):
    names = crowd(arm, 5)
    await run_of(client, names, engine="bulk", journal=journal, deadline=3)
    report = (await run_of(client, names, engine="direct", journal=journal)).report
    assert (report.totals, len(wire.writes)) == ({"Succeeded": 5}, 1)


async def test_each_is_taken_up_by_its_own_request_also_where_they_are_interleaved(
    client: AzureVMClient, arm: Emulator, wire: Wire, journal
):
    for number in range(3):
        crowd(arm, 1, prefix=f"west{number}-")
        crowd(arm, 1, prefix=f"north{number}-", location="northeurope")
    names = [f"{region}{number}-0" for number in range(3) for region in ("west", "north")]
    await run_of(client, names, engine="bulk", journal=journal, deadline=3)
    report = (await run_of(client, names, engine="bulk", journal=journal)).report
    assert (report.totals, batches(wire)) == ({"Succeeded": 6}, [3, 3])


async def test_each_is_taken_up_by_its_own_request_also_where_that_is_partly_over(
    client: AzureVMClient, arm: Emulator, clock: VirtualClock, journal
):
    crowd(arm, 2)
    crowd(arm, 2, prefix="north", location="northeurope")
    for name, region in (("quick", "westeurope"), ("still", "northeurope")):
        arm.add_vm(name, power="running", location=region)
    names = ["quick", "vm0", "north0", "still", "vm1", "north1"]
    first = (await run_of(client, names, engine="bulk", journal=journal, deadline=12)).report
    async with opened(arm, clock) as later:
        second = (await run_of(later, names, engine="bulk", journal=journal)).report
    assert (first.totals, second.totals) == ({"Succeeded": 2, "Running": 4}, {"Succeeded": 6})


async def test_one_that_was_refused_and_not_written_down_is_unknown(
    client: AzureVMClient, arm: Emulator, clock: VirtualClock, journal
):
    """The process was killed between the token, which does not know it, and its end."""
    names = crowd(arm, 3)
    arm.fail("Microsoft.Compute/virtualMachines/vm1/start", "Refused", "no", preflight=True)
    await run_of(client, names, engine="bulk", journal=journal, deadline=3)
    written = text_of(journal).splitlines(keepends=True)
    put(journal, "".join(line for line in written if '"end"' not in line))
    async with opened(arm, clock) as later, Fleet(later, names) as fleet:
        run = fleet.start(engine="bulk", journal=journal)
        live = [run.report async for _ in run]
    assert states(run.report) == {"vm0": "Succeeded", "vm1": "Unknown", "vm2": "Succeeded"}
    assert len(live) == 3


async def test_ended_one_that_azure_has_forgotten_holds_up_no_other(
    client: AzureVMClient, arm: Emulator, clock: VirtualClock, journal
):
    """Its end is in the journal; the token of them all still names it."""
    names = crowd(arm, 1) + crowd(arm, 1, prefix="quick", power="running")
    first = (await run_of(client, names, engine="bulk", journal=journal, deadline=12)).report
    assert states(first) == {"vm0": "Running", "quick0": "Succeeded"}
    forgotten = [each for each, record in arm._world.bulk.items() if record.path.endswith("quick0")]
    for each in forgotten:
        del arm._world.bulk[each]
    async with opened(arm, clock) as later:
        second = (await run_of(later, names, engine="bulk", journal=journal)).report
    assert (second.totals, clock.monotonic() < 100) == ({"Succeeded": 2}, True)


async def test_failures_count_before_their_request_is_over(client: AzureVMClient, arm: Emulator, clock: VirtualClock):
    names = crowd(arm, 2)
    arm.fail("Microsoft.Compute/virtualMachines/vm0/start", "Refused", "no", preflight=True)
    async with Fleet(client, names) as fleet:
        run = fleet.start(engine="bulk", stop_after_failures=1)
        await clock.sleep(3)
        assert (run._halt.reason, states(run.report)) == ("1 VMs failed", {"vm0": "Failed", "vm1": "Running"})


# The provider.

FALLS = {
    "not registered": "not registered with Microsoft.ComputeSchedule",
    "refused by the call": "the subscription is not registered with Microsoft.ComputeSchedule",
    "forbidden": "this identity may not use Microsoft.ComputeSchedule",
    "list refused": "could not be read",
    "registration refused": "could not be read",
}


async def make(trouble: str, client: AzureVMClient, arm: Emulator) -> None:
    """Let bulk operations be unavailable."""
    if trouble in {"not registered", "refused by the call"}:
        await unregistered(client, arm.subscription)
    if trouble == "refused by the call":
        registered = json.dumps({"registrationState": "Registered"})
        arm.inject(faults.WrongBody(registered), method="GET", path=f"*/providers/{PROVIDER}")
    if trouble == "forbidden":
        arm.inject(faults.Status(403), path="*ExecuteStart", times=9)
    if trouble == "list refused":
        arm.inject(faults.Status(403), method="GET", path="*/providers/Microsoft.Compute/virtualMachines", times=9)
    if trouble == "registration refused":
        arm.inject(faults.Status(403), method="GET", path=f"*/providers/{PROVIDER}")


@pytest.mark.parametrize("trouble", FALLS)
async def test_auto_falls_back_and_says_why(client: AzureVMClient, arm: Emulator, trouble: str):
    names = crowd(arm, 101)
    await make(trouble, client, arm)
    report = (await run_of(client, names)).report
    assert (report.totals, done(arm, "start")) == ({"Succeeded": 101}, dict.fromkeys(names, 1))
    assert {outcome.engine for outcome in report} == {"direct"}
    (note,) = report.notes
    assert note.startswith("One by one, not in bulk: ")
    assert FALLS[trouble] in note
    assert note in report.table()
    assert json.loads(report.to_json())["notes"] == [note]


async def test_fall_back_is_in_the_journal_as_withdrawn(client: AzureVMClient, arm: Emulator, journal):
    names = crowd(arm, 101)
    await make("forbidden", client, arm)
    await run_of(client, names, journal=journal)
    lines = [json.loads(line) for line in text_of(journal).splitlines()]
    assert sum("withdrawn" in line for line in lines) == 101
    assert sum("end" in line for line in lines) == 101


async def test_fall_back_keeps_to_the_places(client: AzureVMClient, arm: Emulator):
    await make("forbidden", client, arm)
    run = await run_of(client, crowd(arm, 101), max_concurrency=40)
    assert (run.report.totals, run._context.places._value) == ({"Succeeded": 101}, 40)


async def test_one_regions_lack_does_not_wait_for_anothers_bulk(client: AzureVMClient, arm: Emulator):
    """Those that are left are begun at once, not when the other regions' requests have ended."""
    names = crowd(arm, 101) + crowd(arm, 2, prefix="north", location="northeurope")
    arm.inject(faults.Status(403), path="*/northeurope/*ExecuteStart")
    report = (await run_of(client, names)).report
    assert report.totals == {"Succeeded": 103}
    assert {report[name].engine for name in ("north0", "north1")} == {"direct"}
    assert {report[name].engine for name in names[:101]} == {"bulk"}
    assert max((report[name].submitted - report.began).total_seconds() for name in ("north0", "north1")) < 10


@pytest.mark.parametrize(("trouble", "error"), [("not registered", Conflict), ("forbidden", AuthenticationError)])
async def test_bulk_that_is_insisted_on_fails_where_it_cannot_be_had(client, arm: Emulator, trouble: str, error: type):
    names = crowd(arm, 3)
    await make(trouble, client, arm)
    report = (await run_of(client, names, engine="bulk")).report
    assert (report.totals, {type(outcome.error) for outcome in report}) == ({"Failed": 3}, {error})
    assert (done(arm, "start").total(), report.notes) == (0, ())


async def test_bulk_that_is_insisted_on_fails_where_regions_cannot_be_read(client: AzureVMClient, arm: Emulator, wire):
    """And harms no other subscription."""
    foreign = arm.add_vm("foreign", subscription=OTHER, resource_group="g")
    arm.inject(faults.Status(403), method="GET", path=f"*/{arm.subscription}/*", times=99)
    report = (await run_of(client, [*crowd(arm, 3), foreign], engine="bulk")).report
    assert (report.totals, states(report)["foreign"]) == ({"Succeeded": 1, "Failed": 3}, "Succeeded")
    assert batches(wire) == [1]


async def test_stopped_bulk_run_does_not_fall_back(client: AzureVMClient, arm: Emulator, wire: Wire, clock):
    await make("forbidden", client, arm)
    names = crowd(arm, 101)
    wire.before = lambda request: clock.sleep(3) if "ExecuteStart" in request.url else None
    async with Fleet(client, names) as fleet:
        run = fleet.start()
        await clock.sleep(1)
        run.stop()
        report = await run
    assert (report.totals, done(arm, "start").total()) == ({"NotBegun": 101}, 0)
    assert State.NOT_BEGUN in {outcome.state for outcome in report}
