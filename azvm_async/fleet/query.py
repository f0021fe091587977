"""Which VMs a fleet has: those that are named, or those that a query finds."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import Any

from azvm_async.client import AzureVMClient
from azvm_async.errors import AuthenticationError, AzureVMError, InvalidRequest, NotFound
from azvm_async.protocol.ids import VmId, checked_resource_group, checked_subscription
from azvm_async.protocol.vm import VirtualMachine

POWER_STATES = frozenset({"running", "starting", "stopping", "stopped", "deallocating", "deallocated", "unknown"})

FEW = 20
"""VMs of one subscription that are read one by one."""


@dataclass(frozen=True, slots=True)
class Vm:
    """A VM of a fleet, with what is known of it: its region and power state, where they were read.

    Attributes
    ----------
    key : str
        Its ARM id in lower case: two ids that differ in case are one VM's.
    """

    id: VmId
    location: str | None = None
    power_state: str | None = None
    key: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "key", str(self.id).lower())


@dataclass(frozen=True, slots=True)
class Query:
    """Finds VMs: all that fulfil each condition given, when the fleet is entered.

    Parameters
    ----------
    name : str, optional
        Pattern of names, in any case: ``web-*``, ``db-?``, ``app-[0-9]``.
    tags : Mapping[str, str or None], optional
        Tags that a VM must have; with ``None`` whatever the value. Names are compared in any case, values exactly.
    state : str, optional
        Power state: ``running``, ``stopped``, ``deallocated``, …
    resource_group : str, optional
        By default the client's; ``"*"`` for all.
    subscription : str, optional
        By default the client's.

    Raises
    ------
    InvalidRequest
        When one of them can't be.
    """

    name: str | None = None
    tags: Mapping[str, str | None] | None = None
    state: str | None = None
    resource_group: str | None = None
    subscription: str | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.name, str | None):
            raise InvalidRequest(f"A pattern of names is a str, not {self.name!r}")
        if not isinstance(self.tags, Mapping | None):
            raise InvalidRequest(f"Tags are a mapping of names to values, not {self.tags!r}")
        if self.state is not None and self.state not in POWER_STATES:
            raise InvalidRequest(f"state can't be {self.state!r}; {', '.join(sorted(POWER_STATES))} can")
        if self.resource_group not in {None, "*"}:
            checked_resource_group(str(self.resource_group))
        if self.subscription is not None:
            checked_subscription(self.subscription)

    def finds(self, vm: VirtualMachine) -> bool:
        """Tell whether a VM fulfils the conditions."""
        return (
            (self.name is None or fnmatchcase(vm.name.lower(), self.name.lower()))
            and (self.state is None or vm.power_state == self.state)
            and _tagged(vm.tags, self.tags or {})
        )

    def listed(self, client: AzureVMClient) -> AsyncIterator[VirtualMachine]:
        """Iterate over what is to be looked through."""
        group = self.resource_group
        if group is None and self.subscription is not None:
            group = client.resource_group
        return client.list(group, self.subscription, states=self.state is not None)


def named(client: AzureVMClient, names: Iterable[str]) -> list[Vm]:
    """Return the VMs of these names or ids, each once.

    Raises
    ------
    InvalidRequest
        When one can't name a VM.
    """
    if isinstance(names, str | bytes) or not isinstance(names, Iterable):
        raise InvalidRequest(f"A fleet is made of an iterable of names, or of a Query, not of {names!r}")
    found: dict[str, Vm] = {}
    for name in names:
        vm = Vm(VmId.parse(name, client.subscription, client.resource_group))
        found.setdefault(vm.key, vm)
    return list(found.values())


async def queried(client: AzureVMClient, query: Query) -> list[Vm]:
    """Return the VMs that a query finds. Raises as ``client.list``."""
    found = [vm async for vm in query.listed(client) if replace(query, state=None).finds(vm)]
    if query.state is not None:  # the list of states may be barred to who may read the VMs
        seen = await _read(client, [_of(vm) for vm in found if vm.power_state is None])
        told = {vm.id.lower(): vm for vm in map(_readable, seen) if vm is not None}
        found = [told.get(vm.id.lower(), vm) for vm in found]
    return [_of(vm) for vm in found if query.finds(vm)]


def by_subscription(vms: Iterable[Vm]) -> dict[str, list[Vm]]:
    """Return the VMs of each subscription."""
    found: dict[str, list[Vm]] = {}
    for vm in vms:
        found.setdefault(vm.id.subscription.lower(), []).append(vm)
    return found


async def with_states(
    client: AzureVMClient, vms: Sequence[Vm], *, one_by_one: bool = True
) -> list[tuple[Vm, AzureVMError | None]]:
    """Return VMs of one subscription with their regions and power states, each with why they could not be read, if so.

    One that is not there has neither. Many are looked up in the subscription's list; each of a few is read by itself, and
    ``one_by_one`` also each of many where the caller may not read that list.
    """
    seen = await (_read(client, vms) if len(vms) <= FEW else _looked_up(client, vms, one_by_one=one_by_one))
    return [_with_state(vm, each) for vm, each in zip(vms, seen, strict=True)]


Seen = VirtualMachine | AzureVMError | None
"""What is known of a VM, why that can't be told, or that it is not there."""


async def _read(client: AzureVMClient, vms: Sequence[Vm]) -> list[Seen]:
    return [_known(each) for each in await asyncio.gather(*(_there(client, vm) for vm in vms), return_exceptions=True)]


async def _there(client: AzureVMClient, vm: Vm) -> VirtualMachine | None:
    try:
        return await client.get(str(vm.id))
    except NotFound:
        return None


def _known(seen: VirtualMachine | BaseException | None) -> Seen:
    if isinstance(seen, BaseException) and not isinstance(seen, AzureVMError):
        raise seen
    return seen


def _readable(seen: Seen) -> VirtualMachine | None:
    if isinstance(seen, AzureVMError):
        raise seen
    return seen


async def _looked_up(client: AzureVMClient, vms: Sequence[Vm], *, one_by_one: bool) -> Sequence[Seen]:
    try:
        known = {vm.id.lower(): vm async for vm in client.list_states(vms[0].id.subscription)}
    except AzureVMError as error:
        barred = isinstance(error, AuthenticationError) and error.status is not None  # a role may end at the group
        return await _read(client, vms) if barred and one_by_one else [error] * len(vms)
    return [known.get(vm.key) for vm in vms]


def _with_state(vm: Vm, seen: Seen) -> tuple[Vm, AzureVMError | None]:
    if isinstance(seen, AzureVMError):
        return vm, seen
    return (Vm(vm.id) if seen is None else Vm(vm.id, seen.location, seen.power_state)), None


def _of(vm: VirtualMachine) -> Vm:
    return Vm(VmId.parse(vm.id, "", ""), vm.location, vm.power_state)


def _tagged(tags: Mapping[str, Any], wanted: Mapping[str, str | None]) -> bool:
    has = {name.lower(): value for name, value in tags.items()}
    return all(name.lower() in has and value in {None, has[name.lower()]} for name, value in wanted.items())
