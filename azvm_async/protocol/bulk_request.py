"""What Microsoft.ComputeSchedule is asked for: one request for up to a hundred VMs of a subscription and location.

Sources: the REST reference of 2025-05-01, the official client, and the limits that Microsoft's samples state: 100 ids, 0 to
7 retries, a window of 5 to 120 minutes.
"""

import re
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from azvm_async.errors import AuthenticationError, AzureVMError, InvalidRequest, RequestRefused
from azvm_async.protocol.fields import word
from azvm_async.protocol.ids import VmId, checked_subscription
from azvm_async.protocol.machine import About
from azvm_async.protocol.urls import with_query
from azvm_async.protocol.vm import flag
from azvm_async.wire import Request

PROVIDER = "Microsoft.ComputeSchedule"

API_VERSION = "2025-05-01"
"""The first stable one that deletes."""

MOST = 100
"""VMs a request, and operations a read of their states."""

VERBS: Mapping[str, str] = {"start": "Start", "deallocate": "Deallocate", "hibernate": "Hibernate", "delete": "Delete"}
"""What can be done to many, and what stands for it in the URL. There is neither power-off nor restart."""

FORCED = frozenset({"delete"})
"""What can be forced."""

RETRIES, WINDOW_MINUTES = 3, 30
"""How often Azure tries again, and until when, as in Microsoft's samples: that outlasts a passing lack of capacity, and a
VM does not start hours after its caller has given up."""

STATUS_READS_BLOCKED = "nonschedulingoperationsblockedexception"
"""Azure's code, in lower case, for an outage during which it tells no states."""

_PROVIDERS_API = "2021-04-01"
_PLACE = re.compile(r"[a-z0-9-]{1,64}")
_STATUS_URL = re.compile(
    r"https?://[^?#]+?/subscriptions/(?P<subscription>[^/?#]+)/providers/Microsoft\.ComputeSchedule/locations/[a-z0-9-]+"
    r"/virtualMachinesGetOperationStatus\?api-version=[\w.-]+",
    re.IGNORECASE | re.ASCII,
)
_REASONS = {
    "missingsubscriptionregistration": f"the subscription is not registered with {PROVIDER}",
    "subscriptionnotregistered": f"the subscription is not registered with {PROVIDER}",
    "noregisteredproviderfound": f"{PROVIDER} is not to be had in this location, or not in version {API_VERSION}",
    "locationnotavailableforresourcetype": f"{PROVIDER} is not to be had in this location",
    "invalidresourcetype": f"{PROVIDER} can't do this here",
    "invalidresourcenamespace": f"{PROVIDER} is not known here",
    "invalidapiversionparameter": f"{PROVIDER} is not to be had in version {API_VERSION}",
    "schedulingoperationsblockedexception": f"{PROVIDER} takes nothing on during an outage",
}


def request(
    endpoint: str,
    subscription: str,
    location: str,
    verb: str,
    resources: Sequence[str],
    correlation_id: str,
    *,
    force: bool = False,
) -> Request:
    """Return the request that begins an operation on each of some VMs, now.

    Parameters
    ----------
    endpoint : str
        The endpoint.
    subscription, location : str
        Those of all the VMs; a location may be written as for people.
    verb : str
        One of :data:`VERBS`.
    resources : sequence of str
        ARM ids of the VMs, each once, :data:`MOST` at most.
    correlation_id : str
        A new GUID for each request.
    force : bool
        Whether VMs are deleted without being shut down before.

    Raises
    ------
    InvalidRequest
        When Azure would not take it.
    """
    ids = _checked(subscription, resources)
    if verb not in VERBS:
        raise InvalidRequest(f"Azure has no {verb!r} for many VMs at once; it has {', '.join(VERBS)}")
    if flag(force) and verb not in FORCED:
        raise InvalidRequest(f"A {verb} of many VMs can't be forced; {', '.join(FORCED)} can")
    document = {
        "executionParameters": {"retryPolicy": {"retryCount": RETRIES, "retryWindowInMinutes": WINDOW_MINUTES}},
        "resources": {"ids": ids},
        "correlationid": correlation_id,
        **({"forceDeletion": force} if verb in FORCED else {}),
    }
    url = f"{endpoint}{_place(subscription, location)}/virtualMachinesExecute{VERBS[verb]}"
    return Request.with_json("POST", with_query(url, **{"api-version": API_VERSION}), document)


def about_many(verb: str, subscription: str, location: str, resources: Sequence[str]) -> About:
    """Return what is done to what: to one VM, or to many of a location."""
    return About(verb, resources[0] if len(resources) == 1 else _place(subscription, location))


def status_url(url: str) -> str:
    """Return where the states are read of what a request began."""
    return _sibling(url, "GetOperationStatus")


def subscription_of(url: str) -> str | None:
    """Return the subscription in a status URL; ``None`` for a URL that is none."""
    match = _STATUS_URL.fullmatch(url)
    return match and match["subscription"]


def status_request(url: str, operations: Sequence[str], correlation_id: str) -> Request:
    """Return the request that reads the states of some operations, at their status URL."""
    return Request.with_json("POST", url, {"operationIds": [*operations], "correlationid": correlation_id})


def cancel_request(url: str, operations: Sequence[str], correlation_id: str) -> Request:
    """Return the request that cancels those of some operations, known by their status URL, that have not begun."""
    return status_request(_sibling(url, "CancelOperations"), operations, correlation_id)


def registration_request(endpoint: str, subscription: str) -> Request:
    """Return the request that reads whether a subscription may use bulk operations."""
    url = f"{endpoint}/subscriptions/{checked_subscription(subscription)}/providers/{PROVIDER}"
    return Request("GET", with_query(url, **{"api-version": _PROVIDERS_API}))


def registration(document: Mapping[str, Any]) -> bool:
    """Tell whether a subscription is registered with the provider, from the answer to that."""
    return word(document.get("registrationState")).lower() == "registered"


def unavailable(error: AzureVMError) -> str | None:
    """Return why bulk operations can't be had here, in few words; ``None`` for an error that says something else.

    Nothing was begun then, so that each VM may be asked on its own instead.
    """
    if isinstance(error, AuthenticationError):
        return f"this identity may not use {PROVIDER}" if error.status == HTTPStatus.FORBIDDEN else None
    if not isinstance(error, RequestRefused):
        return None
    unknown = f"{PROVIDER} is not known here" if error.status == HTTPStatus.NOT_FOUND else None
    return _REASONS.get((error.code or "").lower(), unknown)


def _checked(subscription: str, resources: Sequence[str]) -> list[str]:
    """Return the ids of VMs if Azure would take them together; it answers for each by its id."""
    checked_subscription(subscription)
    if isinstance(resources, str) or not 1 <= len(resources) <= MOST:
        raise InvalidRequest(f"One request is for 1 to {MOST} VMs, given as a list of ids")
    for each in resources:
        if VmId.parse(each, "", "").subscription.lower() != subscription.lower():
            raise InvalidRequest(f"{each} is not of the subscription {subscription}", vm=each)
    if len({each.lower() for each in resources}) < len(resources):
        raise InvalidRequest("A VM is named twice")
    return [*resources]


def _place(subscription: str, location: str) -> str:
    """Return the path of a location, whose name may be written as for people: ``"West Europe"``."""
    name = location.replace(" ", "").lower() if isinstance(location, str) else ""
    if not _PLACE.fullmatch(name):
        raise InvalidRequest(f"{location!r} is not the name of a location such as 'westeurope'")
    return f"/subscriptions/{subscription}/providers/{PROVIDER}/locations/{name}"


def _sibling(url: str, action: str) -> str:
    path, mark, query = url.partition("?")
    head, name, _ = path.rpartition("/virtualMachines")
    return f"{head}{name}{action}{mark}{query}"
