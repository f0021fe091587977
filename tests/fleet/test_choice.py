"""Which engine does it: ``auto`` takes bulk for many VMs of a subscription that is registered, where Azure has the verb."""

import pytest

from azvm_async import AzureVMClient
from azvm_async.emulator import Emulator
from fleet.support import OTHER, Wire, crowd, run_of


async def engines(client: AzureVMClient, names: list[str], verb: str = "start", **more: object) -> set[str | None]:
    """Return the engines that worked on a fleet."""
    report = (await run_of(client, names, verb, **more)).report
    assert report.totals == {"Succeeded": len(names)}
    return {outcome.engine for outcome in report}


@pytest.mark.parametrize(("number", "engine"), [(100, "direct"), (101, "bulk")])
async def test_auto_takes_bulk_for_more_than_a_hundred(client: AzureVMClient, arm: Emulator, number: int, engine: str):
    assert await engines(client, crowd(arm, number)) == {engine}


async def test_direct_stays_direct_for_many(client: AzureVMClient, arm: Emulator, wire: Wire):
    assert await engines(client, crowd(arm, 101), engine="direct") == {"direct"}
    assert not [each for each in wire.sent if "ComputeSchedule" in each.url]


async def test_bulk_is_bulk_for_one(client: AzureVMClient, arm: Emulator, wire: Wire):
    assert await engines(client, crowd(arm, 1), engine="bulk") == {"bulk"}
    assert not [each for each in wire.sent if each.url.partition("?")[0].endswith("/Microsoft.ComputeSchedule")]


async def test_auto_is_direct_where_azure_has_no_bulk(client: AzureVMClient, arm: Emulator, wire: Wire):
    assert await engines(client, crowd(arm, 101, power="running"), "stop") == {"direct"}
    assert not [each for each in wire.sent if "ComputeSchedule" in each.url]


async def test_few_of_another_subscription_are_asked_one_by_one(client: AzureVMClient, arm: Emulator):
    foreign = [arm.add_vm(f"f{number}", subscription=OTHER, resource_group="g") for number in range(5)]
    report = (await run_of(client, [*crowd(arm, 101), *foreign])).report
    assert [outcome.engine for outcome in report] == ["bulk"] * 101 + ["direct"] * 5
    assert report.ok


async def test_those_that_need_nothing_do_not_count(client: AzureVMClient, arm: Emulator):
    names = crowd(arm, 10) + crowd(arm, 95, prefix="idle", power="running")
    report = (await run_of(client, names, only_needed=True)).report
    assert {outcome.engine for outcome in report} == {"direct", None}


async def test_regions_that_the_needs_told_are_not_asked_for_again(client: AzureVMClient, arm: Emulator, wire: Wire):
    await run_of(client, crowd(arm, 101), only_needed=True)
    assert sum("statusOnly" in each.url for each in wire.sent[:2]) == 1
    assert not [each for each in wire.sent if each.url.partition("?")[0].endswith("/vm0")]


async def test_bulk_costs_a_tiny_part_of_the_requests(client: AzureVMClient, arm: Emulator, wire: Wire):
    await run_of(client, crowd(arm, 300))
    assert len([each for each in wire.sent if each.method == "POST" and "Execute" in each.url]) == 3
    assert len(wire.sent) < 100
