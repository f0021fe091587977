"""The URLs that let a client follow deployments and stacks, signed like all others.

A deployment's PUT is followed at its own ``operationStatuses``; what answers 202 with a ``Location`` (``whatIf``, and the
DELETE of a deployment or a stack) at the subscription's ``operationresults``, which answer 202 until the end.
"""

from azvm_async.emulator.answers import Refusal
from azvm_async.emulator.calls import Call
from azvm_async.emulator.model import Operation, World
from azvm_async.emulator.routing import Route
from azvm_async.wire import Response

_TICKS_BEFORE_1970 = 621_355_968_000_000_000
_TICKS = 10_000_000


def signed(world: World, call: Call, path: str) -> str:
    """Return the signed URL of a path."""
    ticks = int(call.now.utc.timestamp() * _TICKS) + _TICKS_BEFORE_1970
    return f"{call.base}{path}?{world.signer.query(path, call.api_version, world.partition, ticks)}"


def require_genuine(world: World, call: Call) -> None:
    """Refuse a tracking URL that is not as it was signed."""
    if not world.signer.genuine(call.path, call.query):
        raise Refusal(403, "AuthorizationFailed", "The signature of the operation's URL is not valid.")


def patience(world: World) -> dict[str, str]:
    """Return the header that tells how long to wait before the next poll, where the emulator is to send it."""
    seconds = world.settings.retry_after
    return {} if seconds is None else {"retry-after": str(seconds)}


def accepted(world: World, call: Call, operation: Operation) -> Response:
    """Return 202 with the URL where the result will be."""
    path = f"/subscriptions/{call.name('subscription')}/operationresults/{operation.id}"
    return Response(202, {"location": signed(world, call, path), **patience(world)})


def get_result(world: World, call: Call) -> Response:
    """Answer GET on what ``Location`` named."""
    require_genuine(world, call)
    operation = world.operations.get(call.name("operation").lower())
    if operation is None:
        raise Refusal(404, "NotFound", f"The operation '{call.name('operation')}' was not found.")
    if operation.running:
        return Response(202, {"location": call.url, **patience(world)})
    if operation.failure is not None:
        raise Refusal(409, *operation.failure)
    return operation.kind.result(world, operation)


ROUTES = (Route("GET", "/subscriptions/{subscription}/operationresults/{operation}", get_result),)
