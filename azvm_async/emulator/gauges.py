"""How much of the published request limits is left: token buckets, told in headers.

Azure counts twice. ARM has buckets for each subscription by kind of method; Microsoft.Compute has others by policy, for
the single resource and for the subscription in a region. These gauges only count; nothing is refused.
"""

from typing import NamedTuple

from azvm_async.emulator.calls import Call
from azvm_async.emulator.model import World
from azvm_async.emulator.routing import Route


class Bucket(NamedTuple):
    """How many tokens a bucket holds when full, and how many flow in each second."""

    size: float
    refill: float


def _by_minute(size: int, refill: int) -> Bucket:
    return Bucket(size, refill / 60)


_ARM = {"reads": Bucket(250, 25), "writes": Bucket(200, 10), "deletes": Bucket(200, 10)}
_ALL_PRINCIPALS = 15
_RESOURCE = {
    "PutVM": _by_minute(12, 4),
    "UpdateVM": _by_minute(12, 4),
    "DeleteVM": _by_minute(12, 4),
    "LowCostGet": _by_minute(36, 12),
    "GetOperation": _by_minute(45, 15),
}
_SUBSCRIPTION = {
    "PutVM": _by_minute(1_500, 500),
    "UpdateVM": _by_minute(1_500, 500),
    "DeleteVM": _by_minute(1_500, 500),
    "LowCostGet": _by_minute(24_000, 8_000),
    "HighCostGet": _by_minute(900, 300),
    "GetOperation": _by_minute(15_000, 5_000),
}


def count(world: World, call: Call, route: Route) -> dict[str, str]:
    """Count a request; return the headers that say what is left."""
    subscription = call.names.get("subscription", "").lower()
    if not subscription:
        return {}
    kind = {"GET": "reads", "DELETE": "deletes"}.get(call.method, "writes")
    bucket = _ARM[kind]
    shared = Bucket(bucket.size * _ALL_PRINCIPALS, bucket.refill * _ALL_PRINCIPALS)
    headers = {
        f"x-ms-ratelimit-remaining-subscription-{kind}": str(_take(world, kind, subscription, bucket, call)),
        f"x-ms-ratelimit-remaining-subscription-global-{kind}": str(
            _take(world, f"global {kind}", subscription, shared, call)
        ),
    }
    if route.policy is not None:
        headers["x-ms-ratelimit-remaining-resource"] = _count_compute(world, call, route.policy, subscription)
    return headers


def _count_compute(world: World, call: Call, policy: str, subscription: str) -> str:
    left = []
    if policy in _RESOURCE:
        resource = call.names.get("operation") or f"{call.names.get('group')}/{call.names.get('machine')}"
        tokens = _take(world, policy, f"{subscription}/{resource.lower()}", _RESOURCE[policy], call)
        left.append(f"Microsoft.Compute/{policy}Resource;{tokens}")
    tokens = _take(world, f"{policy} of the subscription", subscription, _SUBSCRIPTION[policy], call)
    left.append(f"Microsoft.Compute/{policy}SubscriptionMaximum;{tokens}")
    return ",".join(left)


def _take(world: World, policy: str, whose: str, bucket: Bucket, call: Call) -> int:
    """Take one token from a bucket, refilled up to now; return how many are left."""
    now = call.now.monotonic
    level, since = world.gauges.get((policy, whose), (bucket.size, now))
    level = max(0.0, min(bucket.size, level + (now - since) * bucket.refill) - 1)
    world.gauges[policy, whose] = (level, now)
    return int(level)
