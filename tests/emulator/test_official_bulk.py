"""The official client of bulk operations takes the emulator for Azure, sync and async."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import azure.mgmt.computeschedule
import azure.mgmt.computeschedule.aio
import pytest
from azure.core.exceptions import HttpResponseError
from azure.mgmt.computeschedule.models import (
    CancelOperationsRequest,
    ExecuteDeallocateRequest,
    ExecuteDeleteRequest,
    ExecuteHibernateRequest,
    ExecuteStartRequest,
    ExecutionParameters,
    GetOperationErrorsRequest,
    GetOperationStatusRequest,
    Resources,
    RetryPolicy,
    Schedule,
    SubmitDeallocateRequest,
    SubmitHibernateRequest,
    SubmitStartRequest,
)

from azvm_async.emulator import Emulator
from azvm_async.wire import Request
from emulator.official import Service, options
from emulator.sites import RG

HERE = "westeurope"
START = "virtualMachinesExecuteStart"
MISSING = f"{RG}/providers/Microsoft.Compute/virtualMachines/missing"
EXECUTED = [
    ("start", ExecuteStartRequest, "deallocated", "running"),
    ("deallocate", ExecuteDeallocateRequest, "running", "deallocated"),
    ("hibernate", ExecuteHibernateRequest, "running", "deallocated"),
]
SUBMITTED = [
    ("start", SubmitStartRequest, "deallocated", "running"),
    ("deallocate", SubmitDeallocateRequest, "running", "deallocated"),
    ("hibernate", SubmitHibernateRequest, "running", "deallocated"),
]


@pytest.fixture(params=["sync 2025-05-01", "async 2025-05-01", "sync 2024-10-01", "async 2024-10-01"])
async def bulk(request: pytest.FixtureRequest, served: Emulator) -> AsyncIterator[Service]:
    """Give the operations of both clients in turn, in both API versions."""
    way, _, version = request.param.partition(" ")
    chosen = {**await options(served), "api_version": version}
    if way == "sync":
        with azure.mgmt.computeschedule.ComputeScheduleMgmtClient(**chosen) as client:
            yield Service(client, "scheduled_actions")
    else:
        async with azure.mgmt.computeschedule.aio.ComputeScheduleMgmtClient(**chosen) as client:
            yield Service(client, "scheduled_actions")


def asked(kind: Any, *ids: str, **more: Any) -> Any:
    """Return a request for these VMs."""
    parameters = ExecutionParameters(retry_policy=RetryPolicy(retry_count=2, retry_window_in_minutes=30))
    return kind(execution_parameters=parameters, resources=Resources(ids=list(ids)), correlationid="c", **more)


def after(served: Emulator, seconds: float) -> Schedule:
    """Return a schedule that begins in so many seconds."""
    deadline = served.clock.utcnow() + timedelta(seconds=seconds)
    return Schedule(deadline=deadline, timezone="UTC", deadline_type="InitiateAt")


async def unregister(served: Emulator) -> None:
    """Take the subscription's registration back."""
    url = f"{served.endpoint}/subscriptions/{served.subscription}/providers/Microsoft.ComputeSchedule/unregister"
    token = (await served.credential().get_token()).token
    await served.send(Request("POST", f"{url}?api-version=2021-04-01", b"", {"authorization": f"Bearer {token}"}))


async def told(bulk: Service, *operations: str) -> list[Any]:
    """Return how operations go."""
    request = GetOperationStatusRequest(operation_ids=list(operations), correlationid="c")
    return (await bulk("virtual_machines_get_operation_status", HERE, request)).results


async def ended(bulk: Service, operation: str) -> Any:
    """Wait for the end of an operation."""
    async with asyncio.timeout(20):
        while (found := (await told(bulk, operation))[0].operation).completed_at is None:  # noqa: ASYNC110  # as every client must
            await asyncio.sleep(0.02)
    return found


@pytest.mark.parametrize(("verb", "kind", "before", "after_it"), EXECUTED)
async def test_an_operation_is_executed(
    served: Emulator, bulk: Service, verb: str, kind: Any, before: str, after_it: str
):
    vm = served.add_vm("vm1", power=before)
    answer = await bulk(f"virtual_machines_execute_{verb}", HERE, asked(kind, vm))
    operation = await ended(bulk, answer.results[0].operation.operation_id)
    assert (operation.state, operation.op_type, operation.resource_id) == ("Succeeded", verb.capitalize(), vm)
    assert (operation.retry_policy.retry_count, served.vm("vm1").power_state) == (2, after_it)


@pytest.mark.parametrize(("verb", "kind", "before", "after_it"), SUBMITTED)
async def test_an_operation_is_submitted(
    served: Emulator, bulk: Service, verb: str, kind: Any, before: str, after_it: str
):
    request = asked(kind, served.add_vm("vm1", power=before), schedule=after(served, 0.1))
    answer = await bulk(f"virtual_machines_submit_{verb}", HERE, request)
    accepted = answer.results[0].operation
    operation = await ended(bulk, accepted.operation_id)
    assert (accepted.state, operation.state) == ("PendingScheduling", "Succeeded")
    assert (operation.deadline, served.vm("vm1").power_state) == (request.schedule.deadline, after_it)


@pytest.mark.parametrize("bulk", ["sync 2025-05-01", "async 2025-05-01"], indirect=True)
async def test_vms_are_deleted(served: Emulator, bulk: Service):
    request = asked(ExecuteDeleteRequest, served.add_vm("vm1"), force_deletion=True)
    answer = await bulk("virtual_machines_execute_delete", HERE, request)
    operation = await ended(bulk, answer.results[0].operation.operation_id)
    assert (operation.state, served.resources()) == ("Succeeded", [])


async def test_one_vms_error_leaves_the_others_alone(served: Emulator, bulk: Service):
    request = asked(ExecuteStartRequest, MISSING, served.add_vm("vm1"))
    wrong, right = (await bulk("virtual_machines_execute_start", HERE, request)).results
    assert (wrong.resource_id, wrong.error_code, wrong.operation) == (MISSING, "ResourceNotFound", None)
    assert (right.error_code, (await ended(bulk, right.operation.operation_id)).state) == (None, "Succeeded")


async def test_why_an_operation_failed_is_read(served: Emulator, bulk: Service):
    served.fail("*/vm1/start", "AllocationFailed", "There is no room.")
    request = asked(ExecuteStartRequest, served.add_vm("vm1"))
    answer = await bulk("virtual_machines_execute_start", HERE, request)
    operation = await ended(bulk, answer.results[0].operation.operation_id)
    error = operation.resource_operation_error
    assert (operation.state, error.error_code, error.error_details) == (
        "Failed",
        "AllocationFailed",
        "There is no room.",
    )


async def test_a_submitted_operation_is_cancelled(served: Emulator, bulk: Service):
    request = asked(SubmitStartRequest, served.add_vm("vm1"), schedule=after(served, 3600))
    answer = await bulk("virtual_machines_submit_start", HERE, request)
    wanted = [answer.results[0].operation.operation_id]
    [before] = await told(bulk, *wanted)
    request = CancelOperationsRequest(operation_ids=wanted, correlationid="c")
    [cancelled] = (await bulk("virtual_machines_cancel_operations", HERE, request)).results
    assert (before.operation.state, cancelled.operation.state) == ("Scheduled", "Cancelled")
    assert cancelled.operation.resource_operation_error.error_code == "OperationCancelledByUser"


async def test_the_errors_of_an_operation_are_read(served: Emulator, bulk: Service):
    request = asked(SubmitStartRequest, served.add_vm("vm1"), schedule=after(served, 3600))
    answer = await bulk("virtual_machines_submit_start", HERE, request)
    wanted = [answer.results[0].operation.operation_id]
    request = CancelOperationsRequest(operation_ids=wanted, correlationid="c")
    await bulk("virtual_machines_cancel_operations", HERE, request)
    request = GetOperationErrorsRequest(operation_ids=wanted)
    [found] = (await bulk("virtual_machines_get_operation_errors", HERE, request)).results
    [error] = found.operation_errors
    assert (error.error_code, error.time_stamp) == ("OperationCancelledByUser", found.completed_at)
    assert found.activation_time > found.creation_time


async def test_an_unknown_operation_is_told_as_such(bulk: Service):
    [unknown] = await told(bulk, "nothing")
    assert (unknown.error_code, unknown.operation.state) == ("OperationNotFound", "Unknown")


async def test_more_than_a_hundred_vms_are_refused(bulk: Service):
    with pytest.raises(HttpResponseError) as caught:
        await bulk("virtual_machines_execute_start", HERE, asked(ExecuteStartRequest, *[MISSING] * 101))
    assert (caught.value.status_code, caught.value.error.code) == (400, "BadRequest")


@pytest.mark.parametrize("bulk", ["sync 2025-05-01", "async 2025-05-01"], indirect=True)
async def test_a_subscription_that_is_not_registered_is_registered_by_the_client(
    served: Emulator, bulk: Service, monkeypatch: pytest.MonkeyPatch
):
    async def pause(_: float) -> None:
        """Wait for nothing, where the client would wait for ten seconds."""

    monkeypatch.setattr("azure.mgmt.core.policies._base.time", SimpleNamespace(sleep=lambda _: None))
    monkeypatch.setattr("azure.mgmt.core.policies._base_async.asyncio", SimpleNamespace(sleep=pause))
    await unregister(served)
    answer = await bulk("virtual_machines_execute_start", HERE, asked(ExecuteStartRequest, served.add_vm("vm1")))
    assert (await ended(bulk, answer.results[0].operation.operation_id)).state == "Succeeded"
    verbs = [received.path.rpartition("/")[2] for received in served.requests]
    assert verbs[:5] == ["unregister", START, "register", "Microsoft.ComputeSchedule", START]
