"""Azure's published limits: which buckets of tokens a request draws from, and what an answer tells of them.

Azure counts twice. Resource Manager has a bucket for each subscription, principal and kind of method; behind it
Microsoft.Compute has one for each policy, once for the single VM and once for the subscription in the VM's region. A
bucket lets a burst through, and from then on what flows in. The numbers are those of "Understand how Azure Resource
Manager throttles requests" and "Compute throttling limits" (Microsoft Learn).
"""

import re
from collections.abc import Callable
from http import HTTPStatus
from typing import NamedTuple

from azvm_async.protocol.faults import Fault
from azvm_async.protocol.fields import objects, word
from azvm_async.wire import Request, Response


class Limit(NamedTuple):
    """How many requests may come at once, and how many more in each second from then on.

    Parameters
    ----------
    burst, rate : float
        The two numbers.
    divided : bool
        Whether all that a caller does counts together, so that its processes have to divide it among them; a single VM or
        operation is seldom the business of more than one.
    """

    burst: float
    rate: float
    divided: bool = True


class Key(NamedTuple):
    """The name of a bucket.

    Parameters
    ----------
    owner : str
        A subscription, a subscription in a region, a VM, or an operation; in lower case.
    policy : str
        ``reads``, ``writes``, ``deletes``, or a policy of Compute's as its headers spell it.
    """

    owner: str
    policy: str

    @property
    def limit(self) -> Limit:
        """What is published of it."""
        return _LIMITS[self.policy]

    def __str__(self) -> str:
        return f"{self.policy} of {self.owner}"


def _by_minute(size: int, refill: int, *, divided: bool = True) -> Limit:
    return Limit(size, refill / 60, divided)


_LIMITS = {
    "reads": Limit(250, 25),
    "writes": Limit(200, 10),
    "deletes": Limit(200, 10),
    **dict.fromkeys(("PutVMResource", "UpdateVMResource", "DeleteVMResource"), _by_minute(12, 4, divided=False)),
    "LowCostGetResource": _by_minute(36, 12, divided=False),
    "GetOperationResource": _by_minute(45, 15, divided=False),
    **dict.fromkeys(
        ("PutVMSubscriptionMaximum", "UpdateVMSubscriptionMaximum", "DeleteVMSubscriptionMaximum"),
        _by_minute(1_500, 500),
    ),
    "LowCostGetSubscriptionMaximum": _by_minute(24_000, 8_000),
    "HighCostGetSubscriptionMaximum": _by_minute(900, 300),
    "GetOperationSubscriptionMaximum": _by_minute(15_000, 5_000),
}
_KINDS = {"GET": "reads", "HEAD": "reads", "DELETE": "deletes"}
_OF_THE_VM = {"PUT": "PutVM", "DELETE": "DeleteVM"}
_ARM_HEADERS = {kind: f"x-ms-ratelimit-remaining-subscription-{kind}" for kind in ("reads", "writes", "deletes")}
_COMPUTE_HEADER = "x-ms-ratelimit-remaining-resource"
_SUBSCRIPTION = re.compile(r"https?://[^/?]*/subscriptions/([^/?]+)", re.IGNORECASE)
_COMPUTE = re.compile(
    r"(?:/resourceGroups/(?P<group>[^/?]+))?/providers/Microsoft\.Compute"
    r"(?:/locations/(?P<region>[^/?]+))?/(?P<type>virtualMachines|operations)(?=[/?]|$)"
    r"(?:/(?P<name>[^/?]+))?(?P<rest>[^?]*)",
    re.IGNORECASE,
)
_DELETING = {"/deallocate", "/simulateeviction"}
_READING = "/retrievebootdiagnosticsdata"
_NUMBER = re.compile(r"[0-9]{1,9}")
_COUNT = re.compile(r"[0-9]{1,9}(?=\s*(?:,|$))")
_BY_ARM = "subscriptionrequeststhrottled"

Region = Callable[[str], str | None]
"""Tells the region of a VM by its ARM id in lower case, where it is known."""


def subscription_of(url: str) -> str:
    """Return the subscription that a URL is about, in lower case; empty where it is about none."""
    match = _SUBSCRIPTION.match(url)
    return match[1].lower() if match else ""


def keys_of(request: Request, region: Region) -> tuple[Key, ...]:
    """Return the buckets that a request draws from, the widest first.

    Parameters
    ----------
    request : Request
        What is to be sent. One that is about no subscription draws from none.
    region : callable
        Tells the regions of VMs. A VM whose region is not known counts among the others of which that holds: as all
        may be in one region, so many are let through as one region takes.
    """
    url, method = request.url, request.method
    match = _SUBSCRIPTION.match(url)
    if match is None:
        return ()
    subscription = match[1].lower()
    arm = Key(subscription, _KINDS.get(method, "writes"))
    compute = _COMPUTE.match(url, match.end())
    return (arm,) if compute is None else (arm, *_keys_of_compute(method, subscription, compute, region))


def _keys_of_compute(method: str, subscription: str, path: re.Match[str], region: Region) -> tuple[Key, ...]:
    group, place, sort, name, rest = path.groups()
    if sort.lower() == "operations":
        in_region = f"{subscription}/{(place or '').lower()}"
        operation = f"{in_region}/operations/{(name or '').lower()}"
        return Key(in_region, "GetOperationSubscriptionMaximum"), Key(operation, "GetOperationResource")
    if not name:
        return (Key(f"{subscription}/{(place or 'all regions').lower()}", "HighCostGetSubscriptionMaximum"),)
    if not group or rest.lower().startswith("/providers/"):  # of another service, on the VM
        return ()
    vm = f"/subscriptions/{subscription}/resourcegroups/{group}/providers/microsoft.compute/virtualmachines/{name}".lower()
    policy = _policy(method, rest.lower())
    return (
        Key(f"{subscription}/{region(vm) or 'unknown region'}", f"{policy}SubscriptionMaximum"),
        Key(vm, f"{policy}Resource"),
    )


def _policy(method: str, action: str) -> str:
    """Return Compute's policy for a request about one VM."""
    if _KINDS.get(method) == "reads" or action == _READING:
        return "LowCostGet"
    if not action:
        return _OF_THE_VM.get(method, "UpdateVM")
    return "DeleteVM" if action in _DELETING else "UpdateVM"


def told(keys: tuple[Key, ...], response: Response) -> list[tuple[Key, int]]:
    """Tell how many tokens an answer says are left in the buckets that its request drew from."""
    headers, found = response.headers, []
    for key in keys[:1]:
        left = headers.get(_ARM_HEADERS.get(key.policy, ""))
        if left and _NUMBER.fullmatch(left):
            found.append((key, int(left)))
    resource = headers.get(_COMPUTE_HEADER)
    if resource:
        for key in keys[1:]:
            number = _left_of(key.policy, resource)
            if number is not None:
                found.append((key, number))
    return found


def _left_of(policy: str, header: str) -> int | None:
    """Return what Compute's header says is left of a policy; it is looked for as Azure writes it, then in any case."""
    mark = f"Microsoft.Compute/{policy};"
    place = header.find(mark)
    if place < 0:
        place = header.lower().find(mark.lower())
    number = _COUNT.match(header, place + len(mark)) if place >= 0 else None
    return int(number[0]) if number else None


def blamed(keys: tuple[Key, ...], response: Response) -> Key | None:
    """Return the bucket that a request was refused for; ``None`` when it was not refused, or not for one that is known.

    Compute names its policy in the error's details; whether the VM's own bucket is the empty one, the header tells. Else it
    is the one of which the headers say that nothing is left. All else is said of Resource Manager's, but where that says
    itself that more is left and doesn't say that it refuses: then a service behind it does, for reasons of its own.
    """
    if response.status != HTTPStatus.TOO_MANY_REQUESTS or not keys:
        return None
    left, fault = dict(told(keys, response)), Fault.of(response.document())
    policies = tuple({word(detail.get("target")).lower() for detail in objects(list(fault.details))} - {""})
    of_compute = [key for key in keys[1:] if key.policy.lower().startswith(policies)]
    empty = next((key for key in reversed(of_compute or keys) if left.get(key) == 0), None)
    if empty is not None:
        return empty
    if of_compute:
        return next((key for key in of_compute if key not in left), of_compute[0])
    by_arm = (fault.code or "").lower() == _BY_ARM or response.headers.get("x-ms-failure-cause") == "gateway"
    return keys[0] if by_arm or keys[0] not in left else None
