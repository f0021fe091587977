"""Bulk operations: one request starts, deallocates, hibernates or deletes up to a hundred VMs.

The answer comes at once and is a 200 even when a VM is refused: each VM's error stands in its own result. An ``Execute``
begins now, a ``Submit`` when its schedule says; what then happens to a VM is what its own request would do, told by
:mod:`azvm_async.emulator.compute`. How it goes is asked for many operations in one request.
"""

from datetime import UTC, datetime
from operator import attrgetter
from typing import Any

from azvm_async.emulator import compute, generic, operations, providers, registry
from azvm_async.emulator.answers import Refusal
from azvm_async.emulator.bulk_documents import details, errors, result, shown
from azvm_async.emulator.bulk_model import PROVIDER, BulkOperation, Schedule, Sort
from azvm_async.emulator.calls import Call, plain_location, section, text
from azvm_async.emulator.ids import ResourceId, part
from azvm_async.emulator.model import Document, Failure, Kind, Moment, Operation, VirtualMachine, World
from azvm_async.emulator.routing import Handler, Route
from azvm_async.wire import Response

MOST = 100
_REQUESTS = f"/subscriptions/{{subscription}}/providers/{PROVIDER}/locations/{{location}}/virtualMachines"
_MACHINE = "microsoft.compute/virtualmachines"
_DEADLINE_TYPES = {"initiateat": "InitiateAt", "completeby": "CompleteBy"}


def execute(sort: Sort, *needs: str) -> Handler:
    """Return the handler that lets operations begin now."""

    def handler(world: World, call: Call) -> Response:
        document = _document(world, call, "executionParameters", "resources", *needs)
        schedule = Schedule(call.now.monotonic, call.now.utc, "InitiateAt")
        return _answered(world, call, sort, document, schedule)

    return handler


def submit(sort: Sort) -> Handler:
    """Return the handler that lets operations begin when a schedule says."""

    def handler(world: World, call: Call) -> Response:
        document = _document(world, call, "schedule", "executionParameters", "resources", "correlationid")
        seconds = sort.seconds(world.settings.durations)
        return _answered(world, call, sort, document, _schedule(section(document, "schedule"), seconds, call.now))

    return handler


def get_status(world: World, call: Call) -> Response:
    """Tell how operations go."""
    wanted = _operation_ids(_document(world, call, "operationIds", "correlationid"))
    return Response.with_json(200, {"results": [shown(world, _find(world, call, each), each) for each in wanted]})


def cancel(world: World, call: Call) -> Response:
    """Cancel operations that wait for their turn; those that have begun go on."""
    wanted = _operation_ids(_document(world, call, "operationIds", "correlationid"))
    for each in wanted:
        record = _find(world, call, each)
        if record is not None and record.wait is not None:
            failure = Failure("OperationCancelledByUser", f"Operation: {record.id} was cancelled by the user.")
            operations.fail(world, record.wait, failure, call.now.monotonic, status="Canceled")
    return Response.with_json(200, {"results": [shown(world, _find(world, call, each), each) for each in wanted]})


def get_errors(world: World, call: Call) -> Response:
    """Tell the errors of operations."""
    wanted = _operation_ids(_document(world, call, "operationIds"))
    return Response.with_json(200, {"results": [errors(world, _find(world, call, each), each) for each in wanted]})


def _answered(world: World, call: Call, sort: Sort, document: Document, schedule: Schedule) -> Response:
    """Begin an operation on each VM, or note it, and answer."""
    policy = _retry_policy(document)
    paths = _strings(section(document, "resources"), "ids", "resource ids")
    answer = {
        "description": f"{sort.name} Resource request",
        "type": "VirtualMachines",
        "location": plain_location(call.name("location")),
        "results": [_one(world, call, sort, path, schedule, policy) for path in paths],
    }
    return Response.with_json(200, answer)


def _one(
    world: World, call: Call, sort: Sort, path: str, schedule: Schedule, policy: Document | None
) -> dict[str, Any]:
    """Begin an operation on one VM, or note it, and return its result."""
    now = call.now.monotonic
    subscription, location = call.name("subscription"), plain_location(call.name("location"))
    record = BulkOperation(world.new_id(), sort, path, subscription, location, schedule, policy, created=now)
    try:
        machine = _machine(world, record)
        if schedule.due <= now:
            record.operation = sort.begin(world, machine, now)
        else:
            record.wait = operations.begin_exactly(world, now, _TURN, record, schedule.due - now)
    except Refusal as refusal:
        return result(path, None, refusal.code, refusal.message)
    world.bulk[record.id] = record
    return result(path, details(world, record) | {"state": "PendingScheduling"})


def _take_turn(world: World, turn: Operation) -> None:
    """Let an operation begin whose turn has come; what stands in its way is its failure."""
    record: BulkOperation = turn.target
    try:
        record.operation = record.sort.begin(world, _machine(world, record), turn.due)
    except Refusal as refusal:
        turn.status, turn.failure = "Failed", Failure(refusal.code, refusal.message)


def _machine(world: World, record: BulkOperation) -> VirtualMachine:
    """Return the VM, or refuse."""
    found = registry.anything(world, record.path)
    if not isinstance(found, VirtualMachine) or found.path.lower() != record.path.lower():
        raise _no_machine(world, record)
    _require_subscription(record)
    if found.location != record.location:
        message = f"The resource '{record.path}' is in location '{found.location}', not in '{record.location}'."
        raise Refusal(400, "InvalidResourceLocation", message)
    return found


def _no_machine(world: World, record: BulkOperation) -> Refusal:
    """Return what is wrong with an id that is no VM's, or refuse."""
    path = record.path
    if ResourceId.parse(path).type.lower() != _MACHINE:
        return Refusal(400, "InvalidResourceId", f"The resource '{path}' is not a virtual machine.")
    _require_subscription(record)
    return generic.missing(world, path)


def _require_subscription(record: BulkOperation) -> None:
    path = record.path
    if part(path, 2).lower() != record.subscription.lower():
        message = f"The resource '{path}' is not in the subscription '{record.subscription}' of the request."
        raise Refusal(400, "InvalidSubscriptionId", message)


def _find(world: World, call: Call, name: str) -> BulkOperation | None:
    """Return the operation of this id, if the request is for its subscription and location."""
    record = world.bulk.get(name.lower())
    place = call.name("subscription").lower(), plain_location(call.name("location"))
    return record if record and (record.subscription.lower(), record.location) == place else None


def _document(world: World, call: Call, *needs: str) -> Document:
    """Return the body, with all that it needs."""
    providers.require_registered(world, call.name("subscription"), PROVIDER)
    document = call.document()
    for each in needs:
        if document.get(each) is None:
            raise Refusal.bad_content(f"'{each}' is required.")
    return document


def _operation_ids(document: Document) -> list[str]:
    return _strings(document, "operationIds", "operation ids")


def _strings(document: Document, key: str, what: str) -> list[str]:
    """Return the list of strings under ``key``; it has one to a hundred."""
    value = document.get(key)
    if not isinstance(value, list) or not value or not all(isinstance(each, str) for each in value):
        raise Refusal.bad_content(f"'{key}' is not a list of {what}.")
    if len(value) > MOST:
        raise Refusal(400, "BadRequest", f"The request has {len(value)} {what}; it may have {MOST}.")
    return value


def _retry_policy(document: Document) -> Document | None:
    """Return the retry policy, which is only shown again: the emulator retries nothing."""
    parameters = section(document, "executionParameters")
    if parameters.get("retryPolicy") is None:
        return None
    given = section(parameters, "retryPolicy")
    policy = {key: given.get(key) for key in ("retryCount", "retryWindowInMinutes")}
    if not all(each is None or type(each) is int for each in policy.values()):
        raise Refusal.bad_content("'retryPolicy' has something else than numbers.")
    return policy


def _schedule(given: Document, seconds: float, now: Moment) -> Schedule:
    """Read a schedule; what is to be complete by a deadline begins as much earlier as it takes."""
    deadline_type = _DEADLINE_TYPES.get(text(given, "deadlineType").lower())
    if deadline_type is None:
        raise Refusal.bad_content("'deadlineType' is neither InitiateAt nor CompleteBy.")
    deadline = _deadline(given)
    due = now.monotonic + (deadline - now.utc).total_seconds()
    return Schedule(due - seconds if deadline_type == "CompleteBy" else due, deadline, deadline_type)


def _deadline(given: Document) -> datetime:
    """Return a schedule's deadline in UTC."""
    written = text(given, "deadline") or text(given, "deadLine")
    zone = text(given, "timezone") or text(given, "timeZone") or "UTC"
    try:
        deadline = datetime.fromisoformat(written)
        if deadline.tzinfo is None and zone.upper() == "UTC":
            deadline = deadline.replace(tzinfo=UTC)
        elif deadline.tzinfo is None:
            raise Refusal.bad_content("a 'deadline' without offset is emulated in UTC only.")
        return deadline.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise Refusal.bad_content(f"'{written}' is no 'deadline'.") from error


def _start(world: World, machine: VirtualMachine, now: float) -> Operation:
    return compute.perform(world, machine, "start", now)


def _deallocate(world: World, machine: VirtualMachine, now: float) -> Operation:
    return compute.perform(world, machine, "deallocate", now)


def _hibernate(world: World, machine: VirtualMachine, now: float) -> Operation:
    return compute.perform(world, machine, "deallocate", now, hibernate=True)


_TURN = Kind("turn", _take_turn, operations.nothing)
_POWER = (
    Sort("Start", _start, attrgetter("start")),
    Sort("Deallocate", _deallocate, attrgetter("deallocate")),
    Sort("Hibernate", _hibernate, attrgetter("deallocate")),
)
_DELETE = Sort("Delete", compute.remove, attrgetter("delete"))

ROUTES = (
    *(Route("POST", f"{_REQUESTS}Execute{sort.name}", execute(sort, "correlationid")) for sort in _POWER),
    *(Route("POST", f"{_REQUESTS}Submit{sort.name}", submit(sort)) for sort in _POWER),
    Route("POST", f"{_REQUESTS}ExecuteDelete", execute(_DELETE)),
    Route("POST", f"{_REQUESTS}GetOperationStatus", get_status),
    Route("POST", f"{_REQUESTS}CancelOperations", cancel),
    Route("POST", f"{_REQUESTS}GetOperationErrors", get_errors),
)
