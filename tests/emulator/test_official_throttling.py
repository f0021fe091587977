"""The official SDK, sync and async, is throttled: it understands why, waits as told and comes again."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import azure.mgmt.compute
import azure.mgmt.compute.aio
import pytest
from azure.core.exceptions import HttpResponseError

from azvm_async.clock import VirtualClock
from azvm_async.emulator import Emulator, Throttling
from emulator.official import Service, options

REFUSED = 429


@asynccontextmanager
async def official(arm: Emulator, kind: str, **changes: int) -> AsyncIterator[Service]:
    """Open one of the official clients, with its own retries where nothing else is said."""
    chosen = {name: value for name, value in (await options(arm)).items() if name != "retry_total"} | changes
    if kind == "sync":
        with azure.mgmt.compute.ComputeManagementClient(**chosen) as client:
            yield Service(client, "virtual_machines")
    else:
        async with azure.mgmt.compute.aio.ComputeManagementClient(**chosen) as client:
            yield Service(client, "virtual_machines")


@pytest.mark.parametrize("kind", ["sync", "async"])
async def test_the_official_sdk_understands_both_refusals(kind: str):
    async with Emulator(VirtualClock(), throttling=Throttling(0.25)) as arm, official(arm, kind, retry_total=0) as vms:
        arm.add_vm("vm1")
        for _ in range(9):
            await vms("get", arm.resource_group, "vm1")
        with pytest.raises(HttpResponseError) as of_compute:
            await vms("get", arm.resource_group, "vm1")
        for _ in range(52):
            await vms("list", arm.resource_group)
        with pytest.raises(HttpResponseError) as of_arm:
            await vms("list", arm.resource_group)
    assert (of_compute.value.status_code, of_compute.value.error.code) == (REFUSED, "OperationNotAllowed")
    assert of_compute.value.error.details[0].target == "LowCostGet"
    assert (of_arm.value.status_code, of_arm.value.error.code) == (REFUSED, "SubscriptionRequestsThrottled")
    assert "Please try again after '1' seconds" in of_arm.value.message


@pytest.mark.parametrize("kind", ["sync", "async"])
async def test_the_official_sdk_waits_as_told_and_is_let_in(kind: str):
    async with Emulator(throttling=Throttling(0.05)) as arm, official(arm, kind) as vms:
        while all(request.status != REFUSED for request in arm.requests):
            await vms("list", arm.resource_group)
        *_, refused, granted = arm.requests
    assert (refused.status, granted.status) == (REFUSED, 200)
    assert granted.monotonic - refused.monotonic >= 1
