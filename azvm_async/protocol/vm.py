"""What Azure lets one do with a virtual machine: the requests, and typed views of the answers.

One row of :data:`VERBS` is one operation. Sources: the REST reference of Microsoft.Compute, 2024-07-01.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self

from azvm_async.errors import InvalidRequest
from azvm_async.protocol.fields import objects, within, word
from azvm_async.protocol.ids import VM_TYPE, VmId
from azvm_async.protocol.reading import provisioning_state
from azvm_async.protocol.repeat import Repeat
from azvm_async.protocol.urls import with_query
from azvm_async.wire import Request

API_VERSION = "2024-07-01"


@dataclass(frozen=True, slots=True)
class Verb:
    """How an operation on a VM is asked for.

    Parameters
    ----------
    name : str
        What it is called here and in messages.
    method : str
        HTTP method.
    action : str
        Last part of the path, ``""`` for the VM itself.
    repeat : Repeat
        Start, stop, deallocate, reapply and delete name a state to reach; a reboot does not.
    """

    name: str
    method: str
    action: str
    repeat: Repeat

    def request(self, endpoint: str, vm: VmId, **query: str | None) -> Request:
        """Return the request for one VM, at an endpoint."""
        path = f"{vm.path}/{self.action}" if self.action else vm.path
        url = f"{endpoint}{path}?api-version={API_VERSION}"
        return Request(self.method, with_query(url, **query) if any(query.values()) else url)


START = Verb("start", "POST", "start", Repeat.ALWAYS)
STOP = Verb("stop", "POST", "powerOff", Repeat.ALWAYS)
DEALLOCATE = Verb("deallocate", "POST", "deallocate", Repeat.ALWAYS)
REAPPLY = Verb("reapply", "POST", "reapply", Repeat.ALWAYS)
DELETE = Verb("delete", "DELETE", "", Repeat.ALWAYS)
REBOOT = Verb("reboot", "POST", "restart", Repeat.REFUSED)
REDEPLOY = Verb("redeploy", "POST", "redeploy", Repeat.REFUSED)
REIMAGE = Verb("reimage", "POST", "reimage", Repeat.REFUSED)
SIMULATE_EVICTION = Verb("simulate_eviction", "POST", "simulateEviction", Repeat.REFUSED)

EVIDENT = frozenset({START, STOP, DEALLOCATE, DELETE})
"""What the VM's state tells of."""

VERBS = (START, STOP, DEALLOCATE, REAPPLY, DELETE, REBOOT, REDEPLOY, REIMAGE, SIMULATE_EVICTION)


def flag(value: bool) -> str | None:
    """Write a query parameter that is only there when it is true.

    Raises
    ------
    InvalidRequest
        For what is no bool: the text ``"false"`` must not force anything.
    """
    if not isinstance(value, bool):
        raise InvalidRequest(f"True or False is asked for, not {value!r}")
    return "true" if value else None


def get(endpoint: str, vm: VmId) -> Request:
    """Return the request that reads a VM with its run-time state."""
    return Request("GET", with_query(endpoint + vm.path, **{"api-version": API_VERSION, "$expand": "instanceView"}))


def get_instance_view(endpoint: str, vm: VmId) -> Request:
    """Return the request that reads a VM's run-time state only."""
    return Request("GET", with_query(f"{endpoint}{vm.path}/instanceView", **{"api-version": API_VERSION}))


def list_in_group(endpoint: str, subscription: str, resource_group: str) -> Request:
    """Return the request for the first page of a resource group's VMs, which tells no power state."""
    path = VmId(subscription, resource_group, "").path.rstrip("/")
    return Request("GET", with_query(endpoint + path, **{"api-version": API_VERSION}))


def list_in_subscription(endpoint: str, subscription: str) -> Request:
    """Return the request for the first page of all VMs of a subscription, which tells no power state."""
    return Request("GET", with_query(endpoint + _all_path(subscription), **{"api-version": API_VERSION}))


def list_states(endpoint: str, subscription: str) -> Request:
    """Return the request for the first page of the run-time states of all VMs of a subscription."""
    query = {"api-version": API_VERSION, "statusOnly": "true"}
    return Request("GET", with_query(endpoint + _all_path(subscription), **query))


@dataclass(frozen=True, slots=True)
class InstanceView:
    """The run-time state of a VM.

    Attributes
    ----------
    power_state : str or None
        ``running``, ``starting``, ``stopping``, ``stopped``, ``deallocating``, ``deallocated`` or ``unknown``;
        ``None`` where Azure does not tell, as while a VM is being created.
    provisioning_state : str or None
        ``succeeded``, ``updating``, ``creating``, ``failed``, ``deleting``, ``migrating``.
    codes : tuple of str
        All status codes as Azure wrote them, such as ``ProvisioningState/failed/AllocationFailed``.
    """

    power_state: str | None
    provisioning_state: str | None
    codes: tuple[str, ...]

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Self:
        """Read an instance view's JSON."""
        codes = tuple(
            status["code"] for status in objects(document.get("statuses")) if isinstance(status.get("code"), str)
        )
        return cls(_state_in(codes, "powerstate"), _state_in(codes, "provisioningstate"), codes)


@dataclass(frozen=True, slots=True)
class VirtualMachine:
    """A VM as Azure describes it.

    Attributes
    ----------
    id, name, location : str
        ARM id, name, and region such as ``westeurope``.
    size : str or None
        Such as ``Standard_B2s``.
    os_type : str or None
        ``Linux`` or ``Windows``.
    power_state : str or None
        As in :class:`InstanceView`; ``None`` where it was not read.
    provisioning_state : str or None
        ``Succeeded``, ``Updating``, ``Creating``, ``Failed``, ``Deleting``.
    tags : Mapping[str, str]
        Tags.
    """

    id: str
    name: str
    location: str
    size: str | None
    os_type: str | None
    power_state: str | None
    provisioning_state: str | None
    tags: Mapping[str, str]

    @classmethod
    def of(cls, document: Mapping[str, Any], power_state: str | None = None) -> Self:
        """Read a VM's JSON; a power state known from elsewhere is used where it holds none."""
        view = InstanceView.of(within(document, "properties", "instanceView"))
        return cls(
            id=str(document.get("id", "")),
            name=str(document.get("name", "")),
            location=str(document.get("location", "")),
            size=word(within(document, "properties", "hardwareProfile").get("vmSize")) or None,
            os_type=word(within(document, "properties", "storageProfile", "osDisk").get("osType")) or None,
            power_state=view.power_state or power_state,
            provisioning_state=provisioning_state(document),
            tags=within(document, "tags"),
        )


def power_states(page: Mapping[str, Any]) -> dict[str, str | None]:
    """Return the power states in a page of :func:`list_states`, by lower-case ARM id."""
    found = (VirtualMachine.of(document) for document in documents(page))
    return {vm.id.lower(): vm.power_state for vm in found}


def documents(page: Mapping[str, Any]) -> Iterable[Mapping[str, Any]]:
    """Return the resources of a page of a list."""
    return objects(page.get("value"))


def _all_path(subscription: str) -> str:
    return f"/subscriptions/{subscription}/{VM_TYPE}"


def _state_in(codes: Iterable[str], family: str) -> str | None:
    """Return ``running`` from ``PowerState/running``; the first of the family counts."""
    for code in codes:
        kind, _, rest = code.partition("/")
        if kind.lower() == family and rest:
            return rest.partition("/")[0].lower()
    return None
