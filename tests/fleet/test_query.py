"""Fleets by query: what is found, and by which requests."""

from collections.abc import AsyncIterator

import pytest

from azvm_async import AzureVMClient, Fleet, InvalidRequest, Query, VirtualClock
from azvm_async.emulator import Emulator, faults
from fleet.support import OTHER, Wire, done, opened


@pytest.fixture
async def arm(clock: VirtualClock) -> AsyncIterator[Emulator]:
    async with Emulator(clock, port=None) as emulator:
        emulator.add_vm("web-1", power="running", tags={"Env": "test", "owner": "me"})
        emulator.add_vm("web-2", power="stopped", tags={"env": "prod"})
        emulator.add_vm("DB-1", power="running", tags={"env": "Test"})
        emulator.add_vm("db-22", location="northeurope")
        emulator.add_vm("far", resource_group="other-rg", tags={"env": "test"})
        emulator.add_vm("foreign", resource_group="foreign-rg", subscription=OTHER, power="running")
        emulator.add_vm("namesake", resource_group=emulator.resource_group, subscription=OTHER)
        yield emulator


async def found(client: AzureVMClient, query: Query) -> list[str]:
    """Return the names of the VMs that a query finds."""
    async with Fleet(client, query) as fleet:
        return sorted(vm.rpartition("/")[2] for vm in fleet.vms)


HERE = ["DB-1", "db-22", "web-1", "web-2"]


@pytest.mark.parametrize(
    ("query", "names"),
    [
        (Query(), HERE),
        (Query("web-*"), ["web-1", "web-2"]),
        (Query("WEB-*"), ["web-1", "web-2"]),
        (Query("db-?"), ["DB-1"]),
        (Query("*-[12]"), ["DB-1", "web-1", "web-2"]),
        (Query("nobody"), []),
        (Query(tags={"env": "test"}), ["web-1"]),
        (Query(tags={"ENV": None}), ["DB-1", "web-1", "web-2"]),
        (Query(tags={"env": "test", "owner": "me"}), ["web-1"]),
        (Query(tags={"env": "test", "owner": "you"}), []),
        (Query(tags={}), HERE),
        (Query(state="running"), ["DB-1", "web-1"]),
        (Query(state="deallocated"), ["db-22"]),
        (Query("web-*", {"env": None}, "stopped"), ["web-2"]),
        (Query(resource_group="*"), ["DB-1", "db-22", "far", "web-1", "web-2"]),
        (Query(resource_group="OTHER-rg"), ["far"]),
        (Query(tags={"env": "test"}, resource_group="*"), ["far", "web-1"]),
        (Query(subscription=OTHER), ["namesake"]),
        (Query(subscription=OTHER, resource_group="*"), ["foreign", "namesake"]),
        (Query(state="running", subscription=OTHER, resource_group="*"), ["foreign"]),
    ],
    ids=str,
)
async def test_query_finds_what_fulfils_each_condition(client: AzureVMClient, query: Query, names: list[str]):
    assert await found(client, query) == names


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": 5},
        {"tags": ["env"]},
        {"tags": "env"},
        {"state": "Running"},
        {"state": "asleep"},
        {"resource_group": "a/b"},
        {"resource_group": ""},
        {"subscription": "mine"},
    ],
    ids=str,
)
def test_condition_that_cannot_be_is_refused(wrong):
    with pytest.raises(InvalidRequest):
        Query(**wrong)


async def test_all_pages_are_read(clock: VirtualClock):
    async with Emulator(clock, port=None, page_size=3) as arm, opened(arm, clock) as client:
        names = [f"vm{number}" for number in range(8)]
        for name in names:
            arm.add_vm(name, power="running")
        assert await found(client, Query(state="running")) == names


async def test_states_are_read_only_where_they_are_asked_for(client: AzureVMClient, wire: Wire):
    await found(client, Query("web-*"))
    assert ["statusOnly" in each.url for each in wire.sent] == [False]


async def test_query_asks_when_the_fleet_is_entered_and_not_before(client: AzureVMClient, arm: Emulator, wire: Wire):
    fleet = Fleet(client, Query())
    assert (wire.sent, fleet.vms, len(fleet)) == ([], (), 0)
    arm.add_vm("new")
    async with fleet:
        assert len(fleet) == 5


async def test_states_that_the_list_may_not_tell_are_read_one_by_one(client: AzureVMClient, arm: Emulator):
    """Else a query by state would find nothing, and nobody would be told."""
    arm.inject(faults.Status(403), method="GET", path=f"/subscriptions/{arm.subscription}/providers/*", times=99)
    assert await found(client, Query("*1", state="running")) == ["DB-1", "web-1"]


async def test_verb_reaches_what_a_query_found_in_another_subscription(client: AzureVMClient, arm: Emulator):
    async with Fleet(client, Query(subscription=OTHER, resource_group="*")) as fleet:
        assert (await fleet.deallocate()).totals == {"Succeeded": 2}
    assert done(arm, "deallocate")["foreign"] == 1


async def test_regions_that_a_query_told_are_not_asked_for_again(client: AzureVMClient, wire: Wire):
    async with Fleet(client, Query("web-*")) as fleet:
        await fleet.start(engine="bulk")
    assert [each.method for each in wire.sent if "ComputeSchedule" not in each.url] == ["GET"]
