"""What a fleet is made of, what its verbs do, and how its block is left."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from doubles import turns

from azvm_async import AuthenticationError, AzureVMClient, Fleet, InvalidRequest, Query, VirtualClock
from azvm_async.emulator import Emulator, faults
from fleet.support import OTHER, Wire, crowd, done, fleet_tasks, run_of, states

LIST = "*/virtualMachines"


async def test_names_and_ids_of_other_groups_subscriptions_and_regions_are_one_fleet(
    client: AzureVMClient, arm: Emulator
):
    arm.add_vm("here")
    grouped = arm.add_vm("grouped", resource_group="other-rg", location="northeurope")
    foreign = arm.add_vm("foreign", subscription=OTHER, resource_group="foreign-rg", location="westus")
    run = await run_of(client, ["here", grouped, foreign])
    assert states(run.report) == dict.fromkeys(["here", "grouped", "foreign"], "Succeeded")
    assert done(arm, "start") == {"here": 1, "grouped": 1, "foreign": 1}


async def test_vm_named_twice_in_another_case_is_one(client: AzureVMClient, arm: Emulator):
    arm.add_vm("vm1")
    full = f"/SUBSCRIPTIONS/{arm.subscription}/resourceGroups/{arm.resource_group.upper()}"
    run = await run_of(client, ["vm1", "VM1", f"{full}/providers/Microsoft.Compute/virtualMachines/Vm1"])
    assert (len(run.report), done(arm, "start")) == (1, {"vm1": 1})


async def test_order_is_that_of_first_mention(client: AzureVMClient):
    fleet = Fleet(client, ["b", "a", "c", "B", "A"])
    assert [vm.rpartition("/")[2] for vm in fleet.vms] == ["b", "a", "c"]


async def test_length_and_words_tell_how_many(client: AzureVMClient):
    fleet = Fleet(client, (f"vm{number}" for number in range(1200)))
    assert (len(fleet), repr(fleet)) == (1200, "<Fleet of 1,200 VMs>")


@pytest.mark.parametrize("wrong", ["vm1", b"vm1", 5, None, ["vm1", ""], ["a/b"], [5], ["/subscriptions/x/vm"]])
async def test_what_names_no_vms_is_refused_unsent(client: AzureVMClient, wire: Wire, wrong: object):
    with pytest.raises(InvalidRequest):
        Fleet(client, wrong)  # type: ignore[arg-type]
    assert wire.sent == []


async def test_async_generator_is_refused(client: AzureVMClient):
    async def names() -> AsyncIterator[str]:
        yield "vm1"

    with pytest.raises(InvalidRequest, match="iterable of names"):
        Fleet(client, names())  # type: ignore[arg-type]


async def test_generator_is_read_once_and_serves_many_runs(client: AzureVMClient, arm: Emulator):
    names = crowd(arm, 2)
    async with Fleet(client, (name for name in names)) as fleet:
        await fleet.start()
        await fleet.stop()
    assert done(arm, "start") == done(arm, "powerOff") == dict.fromkeys(names, 1)


@pytest.mark.parametrize("engine", ["auto", "direct", "bulk"])
async def test_empty_fleet_has_a_good_report_and_asks_nothing(client: AzureVMClient, wire: Wire, engine: str):
    async with Fleet(client, []) as fleet:
        run = fleet.start(engine=engine, only_needed=True)  # type: ignore[arg-type]
        assert [outcome async for outcome in run] == []
        assert ((await run).ok, len(await run), wire.sent) == (True, 0, [])


async def test_fleet_is_used_inside_of_its_block_only(client: AzureVMClient):
    fleet = Fleet(client, ["vm1"])
    with pytest.raises(RuntimeError, match="async with Fleet"):
        fleet.start()
    async with fleet:
        pass
    with pytest.raises(RuntimeError, match="async with Fleet"):
        fleet.start()


VERBS = [
    ("start", {}, "deallocated", "start"),
    ("stop", {"force": True}, "running", "powerOff"),
    ("deallocate", {}, "running", "deallocate"),
    ("hibernate", {}, "running", "deallocate"),
    ("reboot", {}, "running", "restart"),
    ("redeploy", {}, "running", "redeploy"),
    ("reapply", {}, "running", "reapply"),
    ("reimage", {}, "running", "reimage"),
    ("simulate_eviction", {}, "running", "simulateEviction"),
    ("delete", {"force": True}, "running", "delete"),
]


@pytest.mark.parametrize(("verb", "given", "power", "effect"), VERBS, ids=[verb for verb, *_ in VERBS])
async def test_verb_does_what_it_says_to_each_once(client: AzureVMClient, arm: Emulator, verb, given, power, effect):
    names = crowd(arm, 3, power=power)
    report = (await run_of(client, names, verb, **given)).report
    assert (report.totals, done(arm, effect)) == ({"Succeeded": 3}, dict.fromkeys(names, 1))


@pytest.mark.parametrize(
    ("verb", "given", "query"),
    [
        ("stop", {"force": True}, "skipShutdown=true"),
        ("deallocate", {"hibernate": True}, "hibernate=true"),
        ("hibernate", {}, "hibernate=true"),
        ("delete", {"force": True}, "forceDeletion=true"),
    ],
)
async def test_flag_reaches_azure(client: AzureVMClient, arm: Emulator, wire: Wire, verb: str, given, query: str):
    arm.add_vm("vm1", power="running")
    await run_of(client, ["vm1"], verb, **given)
    assert query in wire.writes[0].url


async def test_flag_that_is_none_is_refused_unsent(client: AzureVMClient, wire: Wire):
    async with Fleet(client, ["vm1"]) as fleet:
        with pytest.raises(InvalidRequest):
            fleet.stop(force="yes")  # type: ignore[arg-type]
    assert wire.sent == []


async def test_two_runs_at_once_do_not_mix(client: AzureVMClient, arm: Emulator):
    names = crowd(arm, 4, power="running")
    async with Fleet(client, names) as fleet:
        first, second = fleet.run_command("echo first"), fleet.run_command("echo second")
        told = [{outcome.result.stdout async for outcome in run} for run in (first, second)]
    assert told == [{"first\n"}, {"second\n"}]


async def test_run_that_nobody_awaits_is_waited_for_at_the_end(client: AzureVMClient, arm: Emulator):
    async with Fleet(client, crowd(arm, 3)) as fleet:
        run = fleet.start()
    assert (run.done, run.report.totals) == (True, {"Succeeded": 3})


async def test_error_leaves_with_tokens_of_what_goes_on(client: AzureVMClient, arm: Emulator, clock: VirtualClock):
    runs = []

    async def use() -> None:
        async with Fleet(client, crowd(arm, 3)) as fleet:
            runs.append(fleet.start())
            await clock.sleep(5)
            raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        await use()
    (run,) = runs
    assert clock.monotonic() < 6
    assert (run.report.totals, len(run.report.tokens)) == ({"Running": 3}, 3)
    assert {outcome.note for outcome in run.report} == {"it was left by KeyError"}


async def test_cancelled_block_lets_nothing_more_begin(client: AzureVMClient, arm: Emulator, clock: VirtualClock):
    """Also while it waits at its end, where no error is seen at first."""
    names = crowd(arm, 6)
    runs = []

    async def use() -> None:
        async with Fleet(client, names) as fleet:
            runs.append(fleet.start(max_concurrency=2))

    using = asyncio.create_task(use())
    await clock.sleep(5)
    using.cancel()
    with pytest.raises(asyncio.CancelledError):
        await using
    assert runs[0].report.totals == {"Running": 2, "NotBegun": 4}
    await clock.sleep(500)
    assert (done(arm, "start").total(), fleet_tasks()) == (2, [])


async def test_end_raises_nothing_for_states_that_could_not_be_read(client: AzureVMClient, arm: Emulator):
    """They are in the report as failures, which raise nothing either."""
    arm.inject(faults.Status(403), method="GET", times=99)
    async with Fleet(client, crowd(arm, 2)) as fleet:
        run = fleet.start(only_needed=True)
    assert run.report.totals == {"Failed": 2}


async def test_unreadable_states_of_one_run_do_not_keep_the_end_from_waiting_for_another(
    client: AzureVMClient, arm: Emulator
):
    arm.inject(faults.Status(403), method="GET", path="*/vm0", times=99)
    async with Fleet(client, crowd(arm, 1)) as fleet:
        runs = [fleet.start(only_needed=True), fleet.start()]
    assert [run.report.totals for run in runs] == [{"Failed": 1}, {"Succeeded": 1}]


async def test_query_that_cannot_be_read_is_an_error_of_entering(client: AzureVMClient, arm: Emulator):
    arm.inject(faults.Status(403), method="GET", path=LIST, times=99)
    with pytest.raises(AuthenticationError):
        async with Fleet(client, Query()):
            pass


async def test_run_leaves_no_task(client: AzureVMClient, arm: Emulator):
    await run_of(client, crowd(arm, 3))
    await turns(3)
    assert fleet_tasks() == []
