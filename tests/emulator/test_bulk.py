"""Bulk operations: one request for many VMs, each with its own result."""

from datetime import timedelta
from typing import Any

import pytest

from azvm_async.clock import VirtualClock
from azvm_async.emulator import Emulator
from emulator.sites import LOCK, RG, SUB, refusal
from emulator.support import Caller

PROVIDER = f"{SUB}/providers/Microsoft.ComputeSchedule"
HERE = f"{PROVIDER}/locations/westeurope/virtualMachines"
MISSING = f"{RG}/providers/Microsoft.Compute/virtualMachines/missing"
POLICY = {"retryCount": 3, "retryWindowInMinutes": 30}


def body(*ids: str, **more: Any) -> dict[str, Any]:
    """Return the body of a request for these VMs."""
    return {"executionParameters": {}, "resources": {"ids": list(ids)}, "correlationid": "c", **more}


def schedule(clock: VirtualClock, seconds: float, kind: str = "InitiateAt") -> dict[str, Any]:
    """Return a schedule with a deadline in so many seconds."""
    deadline = clock.utcnow() + timedelta(seconds=seconds)
    return {"deadline": deadline.isoformat(), "timezone": "UTC", "deadlineType": kind}


async def begin(caller: Caller, what: str, *ids: str, **more: Any) -> list[dict[str, Any]]:
    """Begin a bulk operation and return its results."""
    answer = await caller.send("POST", f"{HERE}{what}", body(*ids, **more))
    return answer.document()["results"]


async def ask(caller: Caller, what: str, *operations: str) -> list[dict[str, Any]]:
    """Ask for operations and return the results."""
    document = {"operationIds": list(operations), "correlationid": "c"}
    return (await caller.send("POST", f"{HERE}{what}", document)).document()["results"]


async def begun(caller: Caller, what: str, path: str, **more: Any) -> str:
    """Begin an operation on one VM and return its id."""
    [result] = await begin(caller, what, path, **more)
    return result["operation"]["operationId"]


async def state(caller: Caller, operation: str) -> str:
    """Return the state of an operation."""
    [result] = await ask(caller, "GetOperationStatus", operation)
    return result["operation"]["state"]


async def failure(caller: Caller, operation: str) -> tuple[str, str]:
    """Return the state and the error's code of an operation."""
    [result] = await ask(caller, "GetOperationStatus", operation)
    return result["operation"]["state"], result["operation"]["resourceOperationError"]["errorCode"]


async def refused(caller: Caller, what: str, document: Any) -> tuple[int, str]:
    """Return the status and the code with which a request is refused."""
    answer = await caller.send("POST", f"{HERE}{what}", document)
    return answer.status, answer.document()["error"]["code"]


@pytest.mark.parametrize(
    ("what", "before", "meanwhile", "after"),
    [
        ("Start", "deallocated", "starting", "running"),
        ("Deallocate", "running", "deallocating", "deallocated"),
        ("Hibernate", "running", "deallocating", "deallocated"),
    ],
)
async def test_an_executed_operation_takes_the_vm_through_its_power_states(
    arm: Emulator, caller: Caller, clock: VirtualClock, what: str, before: str, meanwhile: str, after: str
):
    operation = await begun(caller, f"Execute{what}", arm.add_vm("vm1", power=before))
    seen = [(await state(caller, operation), arm.vm("vm1").power_state)]
    await clock.sleep(60)
    seen.append((await state(caller, operation), arm.vm("vm1").power_state))
    assert seen == [("Executing", meanwhile), ("Succeeded", after)]


async def test_an_operation_takes_as_long_as_the_vms_own(caller: Caller, clock: VirtualClock, arm: Emulator):
    own, other = arm.add_vm("vm1"), arm.add_vm("vm2")
    accepted, operation = await caller.send("POST", f"{own}/start"), await begun(caller, "ExecuteStart", other)
    await clock.sleep(20)
    seen = [((await caller.poll(accepted))["status"], await state(caller, operation))]
    await clock.sleep(1)
    seen.append(((await caller.poll(accepted))["status"], await state(caller, operation)))
    assert seen == [("InProgress", "Executing"), ("Succeeded", "Succeeded")]


async def test_a_deleted_vm_is_gone_when_its_operation_has_succeeded(
    arm: Emulator, caller: Caller, clock: VirtualClock, vm: str
):
    document = {"executionParameters": {}, "resources": {"ids": [vm]}, "forceDeletion": True}
    answer = await caller.send("POST", f"{HERE}ExecuteDelete", document)
    operation = answer.document()["results"][0]["operation"]
    before = (await state(caller, operation["operationId"]), vm in arm.resources())
    await clock.sleep(60)
    assert (operation["opType"], before) == ("Delete", ("Executing", True))
    assert (await state(caller, operation["operationId"]), vm in arm.resources()) == ("Succeeded", False)


async def test_hibernation_is_shown(arm: Emulator, caller: Caller, vm: str):
    await begin(caller, "ExecuteHibernate", vm)
    assert arm.vm("vm1").hibernated


async def test_the_answer_names_what_was_asked_for(caller: Caller, vm: str):
    answer = (await caller.send("POST", f"{HERE}ExecuteStart", body(vm))).document()
    assert (answer["description"], answer["type"], answer["location"]) == (
        "Start Resource request",
        "VirtualMachines",
        "westeurope",
    )


async def test_an_operation_is_pending_when_it_is_accepted(caller: Caller, clock: VirtualClock, vm: str):
    parameters = {"optimizationPreference": "Cost", "retryPolicy": POLICY}
    [result] = await begin(caller, "ExecuteStart", vm, executionParameters=parameters)
    operation = result["operation"]
    assert operation.pop("operationId")
    assert result | {"operation": operation} == {
        "resourceId": vm,
        "errorCode": None,
        "errorDetails": None,
        "operation": {
            "resourceId": vm,
            "opType": "Start",
            "subscriptionId": SUB.rpartition("/")[2],
            "deadline": clock.utcnow().isoformat(timespec="microseconds"),
            "deadlineType": "InitiateAt",
            "state": "PendingScheduling",
            "timeZone": "UTC",
            "resourceOperationError": None,
            "completedAt": None,
            "retryPolicy": POLICY,
        },
    }


async def test_the_end_of_an_operation_is_dated(arm: Emulator, caller: Caller, clock: VirtualClock):
    operation = await begun(caller, "ExecuteStart", arm.add_vm("vm1"))
    due = clock.utcnow() + timedelta(seconds=21)
    await clock.sleep(500)
    [result] = await ask(caller, "GetOperationStatus", operation)
    assert result["operation"]["completedAt"] == due.isoformat(timespec="microseconds")


async def test_a_vm_is_found_in_any_case(arm: Emulator, caller: Caller):
    operation = await begun(caller, "ExecuteStart", arm.add_vm("vm1").upper())
    assert (await state(caller, operation.upper()), arm.vm("vm1").power_state) == ("Executing", "starting")


@pytest.mark.parametrize(
    ("path", "code"),
    [
        (MISSING, "ResourceNotFound"),
        (MISSING.replace("emulated-rg", "nowhere"), "ResourceGroupNotFound"),
        (MISSING.replace("000001", "000002"), "InvalidSubscriptionId"),
        (f"{RG}/providers/Microsoft.Compute/disks/one", "InvalidResourceId"),
        ("vm1", "InvalidResourceId"),
    ],
)
async def test_one_vms_error_stands_in_its_result_and_the_others_begin(
    arm: Emulator, caller: Caller, path: str, code: str
):
    wrong, right = await begin(caller, "ExecuteStart", path, arm.add_vm("vm1"))
    assert (wrong["resourceId"], wrong["errorCode"], wrong["operation"]) == (path, code, None)
    assert wrong["errorDetails"]
    assert (right["errorCode"], arm.vm("vm1").power_state) == (None, "starting")


async def test_a_vm_of_another_location_is_refused(arm: Emulator, caller: Caller):
    [result] = await begin(caller, "ExecuteStart", arm.add_vm("vm1", location="northeurope"))
    assert (result["errorCode"], arm.vm("vm1").power_state) == ("InvalidResourceLocation", "deallocated")


async def test_a_location_may_be_written_as_for_people(arm: Emulator, caller: Caller):
    where = HERE.replace("westeurope", "West%20Europe")
    answer = await caller.send("POST", f"{where}ExecuteStart", body(arm.add_vm("vm1")))
    operation = answer.document()["results"][0]["operation"]
    assert await state(caller, operation["operationId"]) == "Executing"


async def test_a_vm_in_deletion_is_refused(caller: Caller, vm: str):
    await caller.send("DELETE", vm)
    [result] = await begin(caller, "ExecuteDeallocate", vm)
    assert (result["errorCode"], result["operation"]) == ("OperationNotAllowed", None)


async def test_a_deletion_that_shall_be_refused_is_an_error_of_its_vm(arm: Emulator, caller: Caller, vm: str):
    arm.refuse_delete("*/vm1", "Conflict", "Not yet.")
    first, second = await begin(caller, "ExecuteDelete", vm, arm.add_vm("vm2"))
    assert (first["errorCode"], first["errorDetails"], second["errorCode"]) == ("Conflict", "Not yet.", None)


async def test_a_locked_vm_is_not_deleted(arm: Emulator, caller: Caller, vm: str):
    await caller.act(f"{vm}/{LOCK}", "PUT", {"properties": {"level": "CanNotDelete"}})
    [result] = await begin(caller, "ExecuteDelete", vm)
    assert (result["errorCode"], arm.vm("vm1").provisioning_state) == ("ScopeLocked", "Succeeded")


async def test_an_action_that_shall_fail_lets_the_operation_fail_and_the_vm_is_what_it_was(
    arm: Emulator, caller: Caller, clock: VirtualClock
):
    arm.fail("*/vm1/start", "AllocationFailed", "There is no room.")
    first, second = await begin(caller, "ExecuteStart", arm.add_vm("vm1"), arm.add_vm("vm2"))
    await clock.sleep(21)
    assert await failure(caller, first["operation"]["operationId"]) == ("Failed", "AllocationFailed")
    assert await state(caller, second["operation"]["operationId"]) == "Succeeded"
    assert (arm.vm("vm1").power_state, arm.vm("vm1").provisioning_state) == ("deallocated", "Failed")


async def test_a_failed_hibernation_leaves_no_trace(arm: Emulator, caller: Caller, clock: VirtualClock, vm: str):
    arm.fail("*/deallocate", "InternalExecutionError", "Once more, please.")
    await begin(caller, "ExecuteHibernate", vm)
    await clock.sleep(60)
    assert (arm.vm("vm1").power_state, arm.vm("vm1").hibernated) == ("running", False)


async def test_an_action_that_shall_be_refused_is_an_error_of_its_vm(arm: Emulator, caller: Caller):
    arm.fail("*/vm1/start", "QuotaExceeded", "No more.", preflight=True)
    first, second = await begin(caller, "ExecuteStart", arm.add_vm("vm1"), arm.add_vm("vm2"))
    assert (first["errorCode"], first["operation"], second["errorCode"]) == ("QuotaExceeded", None, None)


async def test_an_action_that_shall_be_refused_when_its_turn_comes_fails(
    arm: Emulator, caller: Caller, clock: VirtualClock
):
    arm.fail("*/start", "QuotaExceeded", "No more.", preflight=True)
    operation = await begun(caller, "SubmitStart", arm.add_vm("vm1"), schedule=schedule(clock, 100))
    await clock.sleep(100)
    assert await failure(caller, operation) == ("Failed", "QuotaExceeded")


async def test_the_vms_own_action_fails_as_the_bulk_one_would(arm: Emulator, caller: Caller):
    vm = arm.add_vm("vm1")
    arm.fail("*/START", "AllocationFailed", "There is no room.")
    failed = await caller.act(f"{vm}/start")
    arm.fail("*/start", "QuotaExceeded", "No more.", preflight=True)
    assert (failed["status"], failed["error"]["code"]) == ("Failed", "AllocationFailed")
    assert await refusal(caller, "POST", f"{vm}/start") == (409, "QuotaExceeded")


@pytest.mark.parametrize("preflight", [True, False])
async def test_a_failure_of_creations_is_none_of_actions(arm: Emulator, caller: Caller, preflight: bool):
    vm = arm.add_vm("vm1")
    arm.fail("*", "QuotaExceeded", "No more.", preflight=preflight)
    assert (await caller.act(f"{vm}/start"))["status"] == "Succeeded"


async def test_an_operation_that_a_newer_one_ended_has_failed(caller: Caller, arm: Emulator):
    vm = arm.add_vm("vm1")
    operation = await begun(caller, "ExecuteStart", vm)
    await caller.send("POST", f"{vm}/deallocate")
    assert await failure(caller, operation) == ("Failed", "OperationPreempted")


async def test_a_submitted_operation_begins_at_its_deadline(arm: Emulator, caller: Caller, clock: VirtualClock):
    operation = await begun(caller, "SubmitStart", arm.add_vm("vm1"), schedule=schedule(clock, 100))
    seen = []
    for seconds in (99, 1, 21):
        await clock.sleep(seconds)
        seen.append((await state(caller, operation), arm.vm("vm1").power_state))
    assert seen == [("Scheduled", "deallocated"), ("Executing", "starting"), ("Succeeded", "running")]


async def test_what_shall_be_complete_by_its_deadline_begins_earlier(
    arm: Emulator, caller: Caller, clock: VirtualClock
):
    planned = schedule(clock, 100, "CompleteBy")
    operation = await begun(caller, "SubmitStart", arm.add_vm("vm1"), schedule=planned)
    seen = []
    for seconds in (78, 1, 21):
        await clock.sleep(seconds)
        seen.append(await state(caller, operation))
    assert seen == ["Scheduled", "Executing", "Succeeded"]


@pytest.mark.parametrize(("what", "hibernated"), [("Deallocate", False), ("Hibernate", True)])
async def test_deallocation_and_hibernation_are_scheduled_too(
    arm: Emulator, caller: Caller, clock: VirtualClock, vm: str, what: str, hibernated: bool
):
    operation = await begun(caller, f"Submit{what}", vm, schedule=schedule(clock, 10))
    await clock.sleep(70)
    assert (await state(caller, operation), arm.vm("vm1").power_state) == ("Succeeded", "deallocated")
    assert arm.vm("vm1").hibernated is hibernated


async def test_a_schedule_is_shown_as_it_was_given(caller: Caller, clock: VirtualClock, vm: str):
    planned = schedule(clock, 100, "completeby")
    [result] = await begin(caller, "SubmitDeallocate", vm, schedule=planned)
    deadline = (clock.utcnow() + timedelta(seconds=100)).isoformat(timespec="microseconds")
    assert (result["operation"]["deadline"], result["operation"]["deadlineType"]) == (deadline, "CompleteBy")


async def test_a_deadline_may_have_another_offset(caller: Caller, clock: VirtualClock, vm: str):
    there = (clock.utcnow() + timedelta(hours=2, seconds=5)).replace(tzinfo=None).isoformat() + "+02:00"
    planned = {"deadLine": there, "timeZone": "Europe/Berlin", "deadlineType": "InitiateAt"}
    operation = await begun(caller, "SubmitDeallocate", vm, schedule=planned)
    await clock.sleep(5)
    assert await state(caller, operation) == "Executing"


async def test_a_deadline_without_offset_is_in_utc(caller: Caller, clock: VirtualClock, vm: str):
    there = (clock.utcnow() + timedelta(seconds=5)).replace(tzinfo=None).isoformat()
    operation = await begun(caller, "SubmitDeallocate", vm, schedule={"deadline": there, "deadlineType": "InitiateAt"})
    seen = await state(caller, operation)
    await clock.sleep(5)
    assert (seen, await state(caller, operation)) == ("Scheduled", "Executing")


async def test_what_was_due_before_it_was_submitted_begins_at_once(caller: Caller, clock: VirtualClock, vm: str):
    operation = await begun(caller, "SubmitDeallocate", vm, schedule=schedule(clock, -100))
    assert await state(caller, operation) == "Executing"


async def test_a_vm_that_is_gone_when_its_turn_comes_lets_the_operation_fail(
    caller: Caller, clock: VirtualClock, vm: str
):
    operation = await begun(caller, "SubmitDeallocate", vm, schedule=schedule(clock, 100))
    await caller.act(vm, "DELETE")
    await clock.sleep(100)
    assert await failure(caller, operation) == ("Failed", "ResourceNotFound")


async def test_a_submitted_operation_can_be_cancelled(arm: Emulator, caller: Caller, clock: VirtualClock, vm: str):
    operation = await begun(caller, "SubmitDeallocate", vm, schedule=schedule(clock, 100))
    await clock.sleep(10)
    [result] = await ask(caller, "CancelOperations", operation)
    cancelled = clock.utcnow().isoformat(timespec="microseconds")
    await clock.sleep(1000)
    assert (result["operation"]["state"], result["operation"]["completedAt"]) == ("Cancelled", cancelled)
    assert await failure(caller, operation) == ("Cancelled", "OperationCancelledByUser")
    assert arm.vm("vm1").power_state == "running"


async def test_an_operation_that_has_begun_goes_on(caller: Caller, clock: VirtualClock, vm: str):
    operation = await begun(caller, "SubmitDeallocate", vm, schedule=schedule(clock, 100))
    await clock.sleep(100)
    [result] = await ask(caller, "CancelOperations", operation)
    await clock.sleep(60)
    assert (result["operation"]["state"], await state(caller, operation)) == ("Executing", "Succeeded")


async def test_many_operations_are_told_in_the_order_asked_for(arm: Emulator, caller: Caller):
    results = await begin(caller, "ExecuteStart", *(arm.add_vm(f"vm{number}") for number in range(100)))
    wanted = [result["operation"]["operationId"] for result in reversed(results)]
    told = await ask(caller, "GetOperationStatus", *wanted)
    assert [each["operation"]["operationId"] for each in told] == wanted


@pytest.mark.parametrize("what", ["GetOperationStatus", "CancelOperations"])
async def test_an_unknown_operation_is_an_error_of_its_own(caller: Caller, vm: str, what: str):
    operation = await begun(caller, "ExecuteStart", vm)
    unknown, known = await ask(caller, what, "nothing", operation)
    assert (unknown["errorCode"], known["errorCode"]) == ("OperationNotFound", None)
    assert unknown["operation"] == {"operationId": "nothing", "state": "Unknown"}


@pytest.mark.parametrize("other", [("westeurope", "northeurope"), ("000001", "000002")])
async def test_an_operation_is_known_in_its_own_subscription_and_location_only(
    arm: Emulator, caller: Caller, vm: str, other: tuple[str, str]
):
    arm.add_resource_group("another", subscription=SUB.rpartition("/")[2].replace("000001", "000002"))
    document = {"operationIds": [await begun(caller, "ExecuteStart", vm)], "correlationid": "c"}
    elsewhere = HERE.replace(*other)
    answer = await caller.send("POST", f"{elsewhere}GetOperationStatus", document)
    assert answer.document()["results"][0]["errorCode"] == "OperationNotFound"


async def test_the_errors_of_an_operation_are_told(caller: Caller, clock: VirtualClock, vm: str):
    start, when = clock.utcnow(), schedule(clock, 100)
    operation = await begun(caller, "SubmitDeallocate", vm, schedule=when)
    before = await ask(caller, "GetOperationErrors", operation)
    await caller.act(vm, "DELETE")
    await clock.sleep(100)
    [after] = await ask(caller, "GetOperationErrors", operation)
    deadline = (start + timedelta(seconds=100)).isoformat(timespec="microseconds")
    assert before == [
        {
            "operationId": operation,
            "creationTime": start.isoformat(timespec="microseconds"),
            "activationTime": deadline,
            "completedAt": None,
            "operationErrors": [],
            "requestErrorCode": None,
            "requestErrorDetails": None,
        }
    ]
    assert (after["completedAt"], after["operationErrors"][0]["timeStamp"]) == (deadline, deadline)
    assert after["operationErrors"][0]["errorCode"] == "ResourceNotFound"


async def test_the_errors_of_an_unknown_operation_are_that_it_is_unknown(caller: Caller):
    [told] = await ask(caller, "GetOperationErrors", "nothing")
    assert (told["operationId"], told["requestErrorCode"]) == ("nothing", "OperationNotFound")


@pytest.mark.parametrize("what", ["ExecuteStart", "GetOperationStatus"])
async def test_more_than_a_hundred_are_refused_and_nothing_begins(arm: Emulator, caller: Caller, what: str):
    many = [arm.add_vm("vm1"), *[MISSING] * 100]
    assert await refused(caller, what, body(*many, operationIds=many)) == (400, "BadRequest")
    assert arm.vm("vm1").power_state == "deallocated"


@pytest.mark.parametrize(
    ("what", "change"),
    [
        ("ExecuteStart", {"correlationid": None}),
        ("ExecuteStart", {"executionParameters": None}),
        ("ExecuteStart", {"executionParameters": {"retryPolicy": {"retryCount": "many"}}}),
        ("ExecuteStart", {"resources": None}),
        ("ExecuteStart", {"resources": {"ids": []}}),
        ("ExecuteStart", {"resources": {"ids": [1]}}),
        ("ExecuteDelete", {"resources": None}),
        ("SubmitStart", {}),
        ("SubmitStart", {"schedule": {"deadline": "2030-01-01T00:00:00Z", "deadlineType": "Unknown"}}),
        ("SubmitStart", {"schedule": {"deadlineType": "InitiateAt"}}),
        ("SubmitStart", {"schedule": {"deadline": "soon", "deadlineType": "InitiateAt"}}),
        ("SubmitStart", {"schedule": {"deadline": "0001-01-01T00:00:00+14:00", "deadlineType": "InitiateAt"}}),
        (
            "SubmitStart",
            {"schedule": {"deadline": "2030-01-01T00:00:00", "timezone": "CET", "deadlineType": "InitiateAt"}},
        ),
        ("GetOperationStatus", {}),
        ("GetOperationErrors", {"operationIds": "one"}),
    ],
)
async def test_a_body_that_is_not_what_it_should_be_is_refused(
    arm: Emulator, caller: Caller, what: str, change: dict[str, Any]
):
    document = body(arm.add_vm("vm1")) | change
    assert await refused(caller, what, document) == (400, "InvalidRequestContent")
    assert arm.vm("vm1").power_state == "deallocated"


@pytest.mark.parametrize("what", ["ExecuteStart", "SubmitStart", "GetOperationStatus", "GetOperationErrors"])
async def test_a_subscription_that_is_not_registered_is_refused(caller: Caller, what: str):
    await caller.send("POST", f"{PROVIDER}/unregister")
    answer = await caller.send("POST", f"{HERE}{what}", {})
    error = answer.document()["error"]
    assert (answer.status, error["code"]) == (409, "MissingSubscriptionRegistration")
    assert "is not registered to use namespace 'Microsoft.ComputeSchedule'" in error["message"]
    assert error["details"][0]["target"] == "Microsoft.ComputeSchedule"


async def test_a_subscription_can_be_registered_again(caller: Caller, vm: str):
    for verb in ("unregister", "register"):
        await caller.send("POST", f"{PROVIDER}/{verb}")
    assert (await begin(caller, "ExecuteStart", vm))[0]["errorCode"] is None


async def test_one_request_counts_as_one_write(arm: Emulator, caller: Caller):
    vms = [arm.add_vm(f"vm{number}") for number in range(50)]
    answer = await caller.send("POST", f"{HERE}ExecuteStart", body(*vms))
    assert answer.headers["x-ms-ratelimit-remaining-subscription-writes"] == "199"
