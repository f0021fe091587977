"""The records of the log carry what they are about, beside their words."""

import asyncio
import logging

import pytest

from azvm_async import AzureVMClient, VirtualClock
from azvm_async.emulator import Emulator, faults
from telemetry.support import opened


def marks(caplog: pytest.LogCaptureFixture, words: str) -> dict[str, object]:
    """Return what the one record with these words carries."""
    (record,) = [each for each in caplog.records if words in each.getMessage()]
    return {name: value for name, value in vars(record).items() if name.startswith("azvm_")}


async def test_exchange_carries_both_request_ids(client: AzureVMClient, caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.DEBUG, "azvm_async.pipeline")
    vm = await client.get("vm1")
    found = marks(caplog, "GET /subscriptions/")
    assert vm.name == "vm1"
    assert found["azvm_request_id"]
    assert len(str(found["azvm_client_request_id"])) == 36


async def test_retry_carries_verb_vm_and_request_id(
    client: AzureVMClient, arm: Emulator, caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.INFO, "azvm_async.pipeline")
    arm.inject(faults.Status(503, retry_after=60), path="*/start")
    operation = await client.start("vm1")
    found = marks(caplog, "is sent again")
    assert (found["azvm_verb"], found["azvm_vm"]) == ("start", operation.about.resource)
    assert found["azvm_request_id"]


async def test_failure_that_nobody_awaited_carries_verb_and_vm(
    client: AzureVMClient, arm: Emulator, caplog: pytest.LogCaptureFixture
):
    arm.inject(faults.AllocationFailed(), path="*/start")
    operation = await client.start("vm1")
    resource = operation.about.resource
    async for _ in operation.updates():
        pass
    del operation
    found = marks(caplog, "Nobody awaited this")
    assert (found["azvm_verb"], found["azvm_vm"]) == ("start", resource)


async def test_poll_that_fails_carries_verb_vm_and_request_id(
    client: AzureVMClient, arm: Emulator, caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.INFO, "azvm_async.poller")
    arm.inject(faults.Status(503), method="GET", path="*/operations/*")
    await client.start("vm1").result()
    found = marks(caplog, "is read again")
    assert found["azvm_verb"] == "start"
    assert found["azvm_request_id"]


async def test_submission_that_nobody_waits_for_carries_verb_and_vm(
    arm: Emulator, clock: VirtualClock, caplog: pytest.LogCaptureFixture
):
    async with opened(arm, clock, None) as client:
        arm.inject(faults.Slow(30), path="*/restart")
        arm.inject(faults.Conflict(), path="*/restart")
        submitting = asyncio.create_task(client.reboot("vm1").result())
        await clock.sleep(1)
        submitting.cancel()
    found = marks(caplog, "nobody waits for it any more")
    assert (found["azvm_verb"], str(found["azvm_vm"]).rpartition("/")[2]) == ("reboot", "vm1")
