"""Subscriptions side by side: what holds up one, or can't be read there, is no matter of another; and none floods the loop."""

from collections.abc import Awaitable

import pytest

from azvm_async import AuthenticationError, AzureVMClient, Fleet, ProtocolError, State, VirtualClock
from azvm_async.emulator import Emulator, faults
from azvm_async.fleet import bulk, direct
from azvm_async.wire import Request
from fleet.support import OTHER, Wire, crowd, done, fleet_tasks, run_of, states

THIRD = "00000000-0000-0000-0000-000000000003"


def foreign(arm: Emulator, number: int = 1, subscription: str = OTHER) -> list[str]:
    """Add VMs of another subscription."""
    return [arm.add_vm(f"other{each}", subscription=subscription, resource_group="g") for each in range(number)]


def scattered(arm: Emulator, number: int) -> list[str]:
    """Add VMs of which each has a region of its own, and so a bulk request."""
    return [name for each in range(number) for name in crowd(arm, 1, prefix=f"at{each}-", location=f"region{each}")]


def hold(arm: Emulator, method: str) -> None:
    """Let Azure put off for twenty minutes what is asked of the client's subscription."""
    arm.inject(faults.Status(429, retry_after=1200), method=method, path=f"*/{arm.subscription}/*", times=999)


def forbid_reading(arm: Emulator, path: str) -> None:
    """Let what is there not be read."""
    arm.inject(faults.Status(403), method="GET", path=path, times=99)


def slow_elsewhere(wire: Wire, clock: VirtualClock) -> None:
    """Let the other subscription's reads come last, when all places may be taken."""
    wire.before = lambda request: clock.sleep(5) if request.method == "GET" and OTHER in request.url else None


def flights() -> int:
    """Return how many flights are under way."""
    return sum("_fly" in task for task in fleet_tasks())


# What is held.


@pytest.mark.parametrize("engine", ["direct", "bulk"])
async def test_held_subscription_holds_up_no_other(client: AzureVMClient, arm: Emulator, engine: str):
    names = scattered(arm, 12)
    hold(arm, "POST")
    report = (await run_of(client, [*names, *foreign(arm)], engine=engine, deadline=600)).report
    assert report.totals == {"Succeeded": 1, "NotBegun": 12}


@pytest.mark.parametrize("more", [{"only_needed": True, "engine": "direct"}, {"engine": "bulk"}, {"engine": "auto"}])
async def test_held_look_ahead_holds_up_no_other(client: AzureVMClient, arm: Emulator, more):
    names = crowd(arm, 101)
    hold(arm, "GET")
    report = (await run_of(client, [*names, *foreign(arm)], deadline=600, **more)).report
    assert report.totals == {"Succeeded": 1, "NotBegun": 101}


@pytest.mark.parametrize("engine", ["direct", "bulk"])
@pytest.mark.parametrize("places", [2, 5])
async def test_held_subscription_leaves_places_to_others(
    client: AzureVMClient, arm: Emulator, wire: Wire, clock: VirtualClock, engine: str, places: int
):
    slow_elsewhere(wire, clock)
    names = scattered(arm, 12)
    hold(arm, "POST")
    options = {"engine": engine, "max_concurrency": places, "deadline": 600}
    report = (await run_of(client, [*names, *foreign(arm, 3)], **options)).report
    assert report.totals == {"Succeeded": 3, "NotBegun": 12}


async def test_held_subscriptions_leave_a_place_to_the_last(client: AzureVMClient, arm: Emulator):
    names = [*crowd(arm, 3), *foreign(arm, 3), *foreign(arm, 1, THIRD)]
    for held in (arm.subscription, OTHER):
        arm.inject(faults.Status(429, retry_after=1200), path=f"*/{held}/*/start", times=99)
    report = (await run_of(client, names, max_concurrency=4, deadline=600)).report
    assert report.totals == {"Succeeded": 1, "NotBegun": 6}


async def test_both_engines_of_a_held_subscription_share_its_places(
    client: AzureVMClient, arm: Emulator, wire: Wire, clock: VirtualClock
):
    slow_elsewhere(wire, clock)
    names = [*scattered(arm, 4), *(f"absent{number}" for number in range(4))]
    hold(arm, "POST")
    report = (await run_of(client, [*names, *foreign(arm)], engine="bulk", max_concurrency=4, deadline=600)).report
    assert report.totals == {"Succeeded": 1, "NotBegun": 8}


async def test_what_is_accepted_may_have_all_places(client: AzureVMClient, arm: Emulator, clock: VirtualClock):
    """Only what waits for Azure is bounded by subscription."""
    async with Fleet(client, [*crowd(arm, 8), *foreign(arm)]) as fleet:
        run = fleet.start(max_concurrency=6)
        await clock.sleep(5)
        assert sum(outcome.accepted is not None for outcome in run.report) == 6
        run.stop(wait=False)


async def test_hundreds_of_two_subscriptions_do_not_wait_for_each_others_places(client: AzureVMClient, arm: Emulator):
    names = [*crowd(arm, 30), *foreign(arm, 30)]
    report = (await run_of(client, names, engine="bulk", max_concurrency=10, deadline=3600)).report
    assert report.totals == {"Succeeded": 60}


@pytest.mark.parametrize("engine", ["direct", "bulk"])
async def test_fewer_places_than_subscriptions_are_enough(client: AzureVMClient, arm: Emulator, engine: str):
    names = [*crowd(arm, 3), *foreign(arm, 3), *foreign(arm, 3, THIRD)]
    report = (await run_of(client, names, engine=engine, max_concurrency=2, deadline=3600)).report
    assert report.totals == {"Succeeded": 9}


async def test_places_are_all_given_back(client: AzureVMClient, arm: Emulator):
    arm.inject(faults.Status(403), path="*ExecuteStart")
    run = await run_of(client, [*crowd(arm, 101), *foreign(arm, 3)], max_concurrency=40)
    assert (run.report.totals, run._context.places._value) == ({"Succeeded": 104}, 40)


# What is about to be sent.


async def test_few_are_about_to_be_sent_one_by_one(client: AzureVMClient, arm: Emulator, clock: VirtualClock):
    names = crowd(arm, 80)
    hold(arm, "POST")
    async with Fleet(client, names) as fleet:
        run = fleet.start(engine="direct")
        await clock.sleep(60)
        assert flights() == direct.ABOUT_TO_BE_SENT == 50
        run.stop()


async def test_few_bulk_requests_are_about_to_be_sent(client: AzureVMClient, arm: Emulator, clock: VirtualClock):
    names = scattered(arm, 20)
    hold(arm, "POST")
    async with Fleet(client, names) as fleet:
        run = fleet.start(engine="bulk")
        await clock.sleep(60)
        assert flights() == bulk.ABOUT_TO_BE_SENT == 8
        run.stop()


async def test_few_are_about_to_be_sent_after_a_fall_back_of_many_requests(
    client: AzureVMClient, arm: Emulator, clock: VirtualClock
):
    names = [name for each in range(3) for name in crowd(arm, 40, prefix=f"at{each}-", location=f"region{each}")]
    arm.inject(faults.Status(403), path="*ExecuteStart", times=3)
    arm.inject(faults.Status(429, retry_after=1200), path="*/start", times=999)
    async with Fleet(client, names) as fleet:
        run = fleet.start(engine="auto")
        await clock.sleep(60)
        assert flights() == direct.ABOUT_TO_BE_SENT
        run.stop()


# What can't be read.


@pytest.mark.parametrize("more", [{"only_needed": True}, {"engine": "bulk"}])
async def test_vm_that_cannot_be_read_is_its_own_failure(client: AzureVMClient, arm: Emulator, more):
    names = crowd(arm, 3)
    forbid_reading(arm, "*/vm1")
    report = (await run_of(client, names, **more)).report
    assert states(report) == {"vm0": "Succeeded", "vm1": "Failed", "vm2": "Succeeded"}
    assert (type(report["vm1"].error), report["vm1"].submitted) == (AuthenticationError, None)
    assert done(arm, "start") == {"vm0": 1, "vm2": 1}


@pytest.mark.parametrize("more", [{"only_needed": True}, {"engine": "bulk"}])
async def test_list_that_cannot_be_read_is_the_failure_of_its_subscription(client: AzureVMClient, arm: Emulator, more):
    names = crowd(arm, 25)
    forbid_reading(arm, f"*/{arm.subscription}/*")
    report = (await run_of(client, [*names, *foreign(arm)], **more)).report
    assert report.totals == {"Succeeded": 1, "Failed": 25}
    assert {type(outcome.error) for outcome in report.failures} == {AuthenticationError}


async def test_vm_of_which_nonsense_is_told_was_not_begun(client: AzureVMClient, arm: Emulator):
    """``Unknown`` would say that it may have been."""
    arm.add_vm("vm1")
    arm.inject(faults.WrongBody("[1]"), method="GET", path="*/vm1", times=99)
    with pytest.raises(ProtocolError):
        await client.get("vm1")
    assert (await run_of(client, ["vm1"], only_needed=True)).report["vm1"].state is State.FAILED


async def test_vms_that_cannot_be_read_count_as_failures(client: AzureVMClient, arm: Emulator, wire: Wire):
    names = crowd(arm, 3)
    forbid_reading(arm, "*/vm1")
    report = (await run_of(client, names, only_needed=True, stop_after_failures=1)).report
    assert (report.totals, wire.writes) == ({"Failed": 1, "NotBegun": 2}, [])


async def test_client_that_is_closed_while_states_are_read_is_no_vms_failure(
    client: AzureVMClient, arm: Emulator, clock: VirtualClock
):
    names = crowd(arm, 2)
    hold(arm, "GET")
    async with Fleet(client, names) as fleet:
        run = fleet.start(only_needed=True)
        await clock.sleep(60)
        await client.close()
        report = await run
    assert report.totals == {"NotBegun": 2}
    assert {outcome.note for outcome in report} == {"the client was closed"}


async def test_fault_of_ours_while_states_are_read_harms_no_other_subscription(
    client: AzureVMClient, arm: Emulator, wire: Wire
):
    def broken(request: Request) -> Awaitable[object] | None:
        if request.method == "GET" and f"/{arm.subscription}/" in request.url:
            raise ZeroDivisionError("oh")
        return None

    wire.before = broken
    report = (await run_of(client, [*crowd(arm, 2), *foreign(arm)], "deallocate", engine="bulk")).report
    assert report.totals == {"Succeeded": 1, "Failed": 2}
    assert "ZeroDivisionError" in str(report["vm0"].error)


async def test_notes_are_in_the_same_order_whoever_was_first(
    client: AzureVMClient, arm: Emulator, wire: Wire, clock: VirtualClock
):
    wire.before = lambda request: clock.sleep(1) if f"/{arm.subscription}/providers" in request.url else None
    forbid_reading(arm, f"*/{OTHER}/providers/*")
    arm.inject(faults.WrongBody('{"registrationState": "NotRegistered"}'), path=f"*/{arm.subscription}/providers/*")
    report = (await run_of(client, [*crowd(arm, 101), *foreign(arm, 101)])).report
    assert [note.split()[6] for note in report.notes] == [arm.subscription, "what"]
