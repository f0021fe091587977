"""Throttling as Azure has published it: who asks for too much gets 429, and is told when to come again.

Azure counts twice. ARM has buckets for each subscription and principal by kind of method; behind it Microsoft.Compute has
others by policy, for the single resource and for the subscription in a region. A token that ARM took is gone also when
Compute then refuses. Headers tell what is left, whether the request was refused or not; where nobody counts, they say that
plenty is.
"""

import json
import math
from functools import cache

from azvm_async.emulator.answers import Refusal
from azvm_async.emulator.buckets import Bucket, Buckets, Taken
from azvm_async.emulator.calls import Call, location_of, plain_location
from azvm_async.emulator.model import Moment, World
from azvm_async.emulator.routing import Route

_FRONT_DOOR = "westeurope"
_ALL_PRINCIPALS = 15
_ROUNDING = 1e-9
_PLENTY = "99999"  # more than any bucket holds
_ARM_HEADER = "x-ms-ratelimit-remaining-subscription"
COMPUTE_HEADER = "x-ms-ratelimit-remaining-resource"


def _of_arm(kind: str, size: int, refill: int) -> tuple[str, Bucket, Bucket]:
    """Return a kind of request as messages name it, a principal's bucket, and that of all together."""
    everybody = Bucket(f"{_ARM_HEADER}-global-{kind}s", size * _ALL_PRINCIPALS, refill * _ALL_PRINCIPALS)
    return kind, Bucket(f"{_ARM_HEADER}-{kind}s", size, refill), everybody


def _of_compute(name: str, size: int, by_minute: int) -> Bucket:
    return Bucket(f"Microsoft.Compute/{name}", size, by_minute / 60)


_WRITES = _of_arm("write", 200, 10)
_READS = _of_arm("read", 250, 25)
_BY_METHOD = {"GET": _READS, "HEAD": _READS, "DELETE": _of_arm("delete", 200, 10)}
_RESOURCE = {
    "PutVM": _of_compute("PutVMResource", 12, 4),
    "UpdateVM": _of_compute("UpdateVMResource", 12, 4),
    "DeleteVM": _of_compute("DeleteVMResource", 12, 4),
    "LowCostGet": _of_compute("LowCostGetResource", 36, 12),
    "GetOperation": _of_compute("GetOperationResource", 45, 15),
}
_SUBSCRIPTION = {
    "PutVM": _of_compute("PutVMSubscriptionMaximum", 1_500, 500),
    "UpdateVM": _of_compute("UpdateVMSubscriptionMaximum", 1_500, 500),
    "DeleteVM": _of_compute("DeleteVMSubscriptionMaximum", 1_500, 500),
    "LowCostGet": _of_compute("LowCostGetSubscriptionMaximum", 24_000, 8_000),
    "HighCostGet": _of_compute("HighCostGetSubscriptionMaximum", 900, 300),
    "GetOperation": _of_compute("GetOperationSubscriptionMaximum", 15_000, 5_000),
}


def admit(world: World, call: Call, route: Route, principal: str) -> dict[str, str]:
    """Let a request in; return the headers that say what is left.

    Raises
    ------
    Refusal
        429 when it is one too many.
    """
    if "subscription" not in call.names:
        return {}
    if world.buckets is None:
        return _plenty(call.method, route.policy)
    subscription = call.name("subscription").lower()
    headers = _pass_arm(world.buckets, call, subscription, principal)
    if route.policy is not None:
        headers |= _pass_compute(world, world.buckets, call, route.policy, headers)
    return headers


@cache
def _plenty(method: str, policy: str | None) -> dict[str, str]:
    """Return the headers of an answer where nobody counts."""
    _, own, everybody = _BY_METHOD.get(method, _WRITES)
    headers = {own.name: _PLENTY, everybody.name: _PLENTY}
    if policy is not None:
        buckets = [kind[policy] for kind in (_RESOURCE, _SUBSCRIPTION) if policy in kind]
        headers[COMPUTE_HEADER] = ",".join(f"{bucket.name};{_PLENTY}" for bucket in buckets)
        headers["x-ms-request-charge"] = "1"
    return headers


def _pass_arm(buckets: Buckets, call: Call, subscription: str, principal: str) -> dict[str, str]:
    kind, own, everybody = _BY_METHOD.get(call.method, _WRITES)
    taken = buckets.take(((own, f"{subscription}/{principal}"), (everybody, subscription)), call.now.monotonic)
    headers = {own.name: str(taken.left[0]), everybody.name: str(taken.left[1])}
    if taken.empty is None:
        return headers
    seconds = _whole_seconds(taken)
    whose = f"'{subscription}' actor '{principal}'" if taken.empty is own else f"'{subscription}'"
    message = (
        f"Number of '{kind}' requests for subscription {whose} exceeded. Please try again after '{seconds}' seconds "
        "after additional tokens are available. Refer to https://aka.ms/arm-throttling for additional information."
    )
    headers |= {"retry-after": str(seconds), "x-ms-failure-cause": "gateway"}
    raise Refusal(429, "SubscriptionRequestsThrottled", message, headers)


def _pass_compute(world: World, buckets: Buckets, call: Call, policy: str, before: dict[str, str]) -> dict[str, str]:
    """Let a request that ARM let through, with what it told ``before``, into Microsoft.Compute."""
    wanted = _buckets_of_compute(world, call, policy)
    taken = buckets.take(wanted, call.now.monotonic)
    told = [f"{bucket.name};{left}" for (bucket, _), left in zip(wanted, taken.left, strict=True)]
    headers = {COMPUTE_HEADER: _separator(world).join(told)}
    if taken.empty is None:
        return {**headers, "x-ms-request-charge": "1"}
    seconds = _whole_seconds(taken)
    message = "The server rejected the request because too many requests have been received for this subscription."
    raise Refusal(
        429,
        "OperationNotAllowed",
        message,
        {**before, **headers, "retry-after": str(seconds)},
        details=[_detail(world, call.now, policy, buckets.size(taken.empty), seconds)],
        innererror={"internalErrorCode": "TooManyRequestsReceived"},
    )


def _detail(world: World, now: Moment, policy: str, allowed: int, seconds: int) -> dict[str, str]:
    """Return why Compute refuses: what is for programs is text in a message."""
    measured = {
        "operationGroup": policy,
        "startTime": world.date(now.monotonic),
        "endTime": world.date(now.monotonic + seconds),
        "allowedRequestCount": allowed,
        "measuredRequestCount": allowed + 1,
    }
    return {"code": "TooManyRequests", "target": policy, "message": json.dumps(measured, separators=(",", ":"))}


def _buckets_of_compute(world: World, call: Call, policy: str) -> list[tuple[Bucket, str]]:
    subscription = call.name("subscription").lower()
    in_region = (_SUBSCRIPTION[policy], f"{subscription}/{_region(world, call)}")
    if policy not in _RESOURCE:
        return [in_region]
    resource = call.name("operation") if "operation" in call.names else f"{call.name('group')}/{call.name('machine')}"
    return [(_RESOURCE[policy], f"{subscription}/{resource.lower()}"), in_region]


def _region(world: World, call: Call) -> str:
    """Return the region that answers: that of the path, of the VM or of one to be made, else that of the front door."""
    if "location" in call.names:
        return plain_location(call.name("location"))
    if "machine" not in call.names:
        return _FRONT_DOOR
    group = world.subscription(call.name("subscription")).groups.get(call.name("group").lower())
    machine = group and group.machines.get(call.name("machine").lower())
    if machine is not None:
        return machine.location
    try:
        return location_of(call.document())
    except Refusal:
        return _FRONT_DOOR


def _whole_seconds(taken: Taken) -> int:
    """Return how long to wait, as ``Retry-After`` says it."""
    return max(1, math.ceil(taken.wait - _ROUNDING))


def _separator(world: World) -> str:
    """Return what stands between policies: a comma, or what a client makes of several headers (and the server splits)."""
    throttling = world.settings.throttling
    return ", " if throttling is not None and throttling.header_per_policy else ","
