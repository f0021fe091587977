"""Long-running operations: begun by a request, ended by time, told about in two documents.

An operation has two URLs. ``Azure-AsyncOperation`` says how it goes; the same URL with ``monitor=true``, sent as
``Location``, answers 202 until the end and then what the first request would have answered, had it waited. Nothing
happens while nobody looks: :func:`settle`, called at the start of each request, ends what has come due. A day after its
end an operation is forgotten, and its URLs answer 404.
"""

from datetime import datetime
from typing import Any

from azvm_async.emulator.answers import Refusal, error_body
from azvm_async.emulator.calls import Call
from azvm_async.emulator.ids import label_of, part
from azvm_async.emulator.model import NEVER, Document, Failure, Kind, Operation, World
from azvm_async.wire import Response

_REMEMBERED = 86_400.0
PREEMPTED = Failure("OperationPreempted", "Operation execution has been preempted by a more recent operation.")


def begin(world: World, now: float, kind: Kind, target: Any, seconds: float) -> Operation:
    """Let an operation on ``target`` begin that ends in about so many seconds."""
    spread = world.settings.spread
    return begin_exactly(
        world, now, kind, target, seconds * world.random.uniform(1 - spread, 1 + spread) if spread else seconds
    )


def begin_exactly(world: World, now: float, kind: Kind, target: Any, seconds: float) -> Operation:
    """Let an operation on ``target`` begin that ends in so many seconds, without chance."""
    operation = Operation(world.new_id(), kind, target, started=now, due=now + seconds, request=world.chronicle.request)
    world.operations[operation.id] = operation
    if operation.due != NEVER:
        world.schedule(operation)
    return operation


def reschedule(world: World, operation: Operation, due: float) -> None:
    """Let an operation end at another time than was thought; one that shall never end does not."""
    if not operation.endless:
        operation.due = due
        world.schedule(operation)


def never_end(operation: Operation) -> None:
    """Let an operation go on for ever, or until a newer one takes over."""
    operation.due, operation.endless = NEVER, True


def settle(world: World, now: float) -> None:
    """End all operations that have come due, in their order, do what their ends do, and forget those ended long ago."""
    for operation in world.due(now):
        world.chronicle.turn_to(operation.due, operation.request)
        if operation.doom is None:
            succeed(world, operation, operation.due)
        else:
            _miscarry(world, operation, operation.doom)
    _forget(world, now - _REMEMBERED)


def succeed(world: World, operation: Operation, now: float) -> None:
    """End an operation, with its effect."""
    operation.status, operation.ended = "Succeeded", now
    operation.kind.finish(world, operation)
    _tell(world, operation)


def fail(world: World, operation: Operation, failure: Failure, now: float, status: str = "Failed") -> None:
    """End an operation without its effect; nothing happens to one that has ended."""
    if operation.running:
        operation.status, operation.ended, operation.failure = status, now, failure
        _tell(world, operation)


def preempt(world: World, operation: Operation | None, now: float) -> None:
    """End an operation because a newer one takes its target over."""
    if operation is not None:
        fail(world, operation, PREEMPTED, now, status="Canceled")


def tracking(world: World, call: Call, operation: Operation, *, location: bool = True) -> dict[str, str]:
    """Return the headers that let a client follow an operation."""
    url = _url(world, call, operation)
    headers = {"azure-asyncoperation": url, "azure-asyncnotification": "Enabled"}
    if location:
        headers["location"] = f"{url}&monitor=true"
    return headers | _patience(world)


def accepted(world: World, call: Call, operation: Operation) -> Response:
    """Return 202: empty, with all tracking headers."""
    return Response(202, tracking(world, call, operation))


def poll(world: World, call: Call) -> Response:
    """Answer a poll on either URL of an operation."""
    if not world.signer.genuine(call.path, call.query):
        raise Refusal(403, "AuthorizationFailed", "The signature of the operation's URL is not valid.")
    operation = world.operations.get(call.name("operation").lower())
    if operation is None:
        raise Refusal(404, "NotFound", f"The operation '{call.name('operation')}' was not found.")
    if call.asks("monitor"):
        return _monitored(world, call, operation)
    headers = _patience(world) if operation.running else {}
    return Response.with_json(200, status_document(world, operation), headers)


def status_document(world: World, operation: Operation) -> Document:
    """Return what a poll is told."""
    document: Document = {"startTime": world.date(operation.started)}
    if operation.ended is not None:
        document["endTime"] = world.date(operation.ended)
    document["status"] = operation.status
    if operation.failure is not None:
        document |= error_body(*operation.failure)
    document["name"] = operation.id
    return document


def nothing(world: World, operation: Operation) -> Response:  # noqa: ARG001  # one of Kind's results
    """Answer the end of an action: an empty 200."""
    return Response(200)


def gone(world: World, operation: Operation) -> Response:  # noqa: ARG001  # one of Kind's results
    """Answer the end of a deletion: 204."""
    return Response(204)


def _miscarry(world: World, operation: Operation, doom: Failure) -> None:
    """End an operation that was not to succeed."""
    status = "Canceled" if doom == PREEMPTED else "Failed"
    operation.target.provisioning_state = status
    if operation.before is not None:
        operation.target.power_state, operation.target.hibernated = operation.before
    fail(world, operation, doom, operation.due, status)


def _forget(world: World, before: float) -> None:
    """Forget the operations that had ended by then: an emulator may run for long."""
    while world.ended and world.ended[0].ended is not None and world.ended[0].ended <= before:
        world.operations.pop(world.ended.popleft().id, None)


def _tell(world: World, operation: Operation) -> None:
    """Note that an operation has ended, and tell whoever waits for it inside the emulator."""
    world.ended.append(operation)
    operation.before = None
    then, operation.then = operation.then, None
    if then is not None:
        then(world, operation)


def _monitored(world: World, call: Call, operation: Operation) -> Response:
    if operation.running:
        return Response(202, {"location": call.url} | _patience(world))
    if operation.failure is not None:
        raise Refusal(409, *operation.failure)
    return operation.kind.result(world, operation)


def _url(world: World, call: Call, operation: Operation) -> str:
    target = operation.target
    namespace = label_of(target.path).partition("/")[0] if "/providers/" in target.path else "Microsoft.Resources"
    path = (
        f"/subscriptions/{part(target.path, 2)}/providers/{namespace}"
        f"/locations/{target.location}/operations/{operation.id}"
    )
    query = world.signer.query(path, call.api_version, world.partition, _ticks(call.now.utc))
    return f"{call.base}{path}?{query}"


def _ticks(moment: datetime) -> int:
    """Return a date as .NET counts: tenths of microseconds since the year 1."""
    return (moment.toordinal() - 1) * 864_000_000_000 + int(
        (moment.hour * 3600 + moment.minute * 60 + moment.second) * 10_000_000 + moment.microsecond * 10
    )


def _patience(world: World) -> dict[str, str]:
    seconds = world.settings.retry_after
    return {} if seconds is None else {"retry-after": str(seconds)}
