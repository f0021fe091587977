"""What stays behind of operations that have ended: nothing. ``tests/benchmarks/soak.py`` asks the same of 100,000."""

import asyncio
import contextlib
import gc
import logging
from random import Random

import pytest
from client.crowd import begun, crowd, ended
from client.keeping import kept
from doubles import turns

from azvm_async import AzureVMClient, AzureVMError, VirtualClock, reader
from azvm_async.emulator import faults
from azvm_async.operation import Operation, Tracked
from azvm_async.protocol.lro import Lro
from azvm_async.protocol.run_command import RunCommand
from azvm_async.sending import Sending
from azvm_async.submission import Submission

FAULTS = {
    faults.Status(500): 0.01,
    faults.Status(429, retry_after=5): 0.01,
    faults.ResetBefore(): 0.01,
    faults.ResetAfter(): 0.01,
    faults.NotYetFound(): 0.01,
    faults.AllocationFailed(): 0.02,
    faults.Conflict(): 0.01,
}
BOUNDED = {"buckets", "regions"}


def left(client: AzureVMClient) -> dict[str, int]:
    """Return what is kept of operations."""
    return {what: number for what, number in kept(client).items() if number and what not in BOUNDED}


def records() -> int:
    """Return how many objects there are that stand for an operation or a request, in the whole process."""
    gc.collect()
    return sum(
        isinstance(each, Tracked | Operation | Submission | Sending | Lro | RunCommand) for each in gc.get_objects()
    )


async def awaited(client: AzureVMClient, vm: str) -> None:
    await client.start(vm).result()


async def scripted(client: AzureVMClient, vm: str) -> None:
    await client.run_command(vm, "true").result()


async def dropped(client: AzureVMClient, vm: str) -> None:
    await client.reboot(vm)


async def timed_out(client: AzureVMClient, vm: str) -> None:
    await client.stop(vm).result(timeout=1)


async def given_up(client: AzureVMClient, vm: str) -> None:
    submission = asyncio.ensure_future(client.deallocate(vm))
    await asyncio.sleep(0)
    submission.cancel()
    await asyncio.wait([submission])


async def one_of_all(client: AzureVMClient, number: int) -> None:
    deed = Random(number).choice([awaited, awaited, scripted, dropped, timed_out, given_up])
    with contextlib.suppress(AzureVMError):  # faults are what it is about
        await deed(client, f"vm{number % 250}")


async def taken_up(client: AzureVMClient) -> int:
    """Bring all to its end that nobody waits for; return how many there were."""
    count = 0
    while operations := client.outstanding:
        count += len(operations)
        await ended(operations)
    return count


async def test_nothing_is_kept_of_500_operations_that_have_ended(clock: VirtualClock):
    async with crowd(clock, 250, power="running", run_scripts=False) as opened:
        opened.arm.inject_randomly(FAULTS)
        async with opened.client() as client:
            await client.get("vm0")
            before = asyncio.all_tasks()
            await asyncio.gather(*(one_of_all(client, number) for number in range(500)))
            assert await taken_up(client) > 50
            await clock.sleep(6)  # the last list
            assert (left(client), asyncio.all_tasks() - before) == ({}, set())


async def test_no_record_of_what_has_ended_lives_on(clock: VirtualClock, caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.CRITICAL)  # pytest keeps the errors that are logged, and these know their operations
    before = records()
    async with crowd(clock, 250, power="running", run_scripts=False) as opened, opened.client() as client:
        opened.arm.inject_randomly(FAULTS)
        await asyncio.gather(*(one_of_all(client, number) for number in range(500)))
        await taken_up(client)
        await turns()  # what woke this task is let go
        assert records() == before


async def test_what_a_list_brought_to_its_end_is_not_kept_until_it_would_have_been_read(clock: VirtualClock):
    async with crowd(clock, 100, retry_after=600) as opened, opened.client() as client:
        await ended(await begun(client.start(name) for name in opened.names))
        assert clock.monotonic() < 60
        assert left(client) == {}


async def test_nobody_sleeps_for_what_has_ended(clock: VirtualClock):
    async with crowd(clock, 100, retry_after=600) as opened, opened.client() as client:
        before = asyncio.all_tasks()
        await ended(await begun(client.start(name) for name in opened.names))
        await clock.sleep(6)  # the last list
        assert asyncio.all_tasks() == before


async def test_regions_of_so_many_vms_are_remembered(clock: VirtualClock, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(reader, "MOST_REGIONS", 10)
    async with crowd(clock, 25, power="running", run_scripts=False) as opened, opened.client() as client:
        assert len([vm async for vm in client.list()]) == 25
        assert kept(client)["regions"] == 10
        await client.run_command("vm0", "true").result()
        assert (await client._reader.location(client._vm("vm0")), kept(client)["regions"]) == ("westeurope", 10)
