"""What a run has to do in a subscription: which VMs need it at all, and which engine does it to which.

What can't be looked up is the failure of the VMs for which it was needed, and of no other.
"""

import logging
from collections.abc import Iterable, Sequence

from azvm_async.client import AzureVMClient
from azvm_async.errors import AzureVMError, ClientClosed
from azvm_async.fleet.engine import Context
from azvm_async.fleet.options import Options
from azvm_async.fleet.outcome import State, state_of
from azvm_async.fleet.query import Vm, with_states
from azvm_async.protocol.bulk_request import PROVIDER, registration, registration_request
from azvm_async.protocol.tokens import is_bulk

_log = logging.getLogger(__name__)

LARGE = 100
"""VMs of one subscription beyond which the engine ``auto`` is ``bulk``: what one request takes."""

Shares = tuple[list[Vm], list[Vm]]
"""The VMs to be asked one by one, and those in bulk."""


async def shared_out(context: Context, options: Options, vms: Sequence[Vm]) -> Shares:
    """Share out the VMs of one subscription that need it; what was begun stays with the engine that began it."""
    direct, bulk, new = _by_their_past(context, vms)
    try:
        one_by_one, together = await _looked_up(context, options, new)
    except Exception as error:  # noqa: BLE001 - a mistake of ours harms no other subscription
        _log.exception("What is to be done could not be looked up")
        fault = AzureVMError(f"A fault in azvm_async: {type(error).__name__}: {error}")
        _fail(context, ((vm, fault) for vm in context.books.without_end(new)))
        return direct, bulk
    return direct + one_by_one, bulk + together


def _by_their_past(context: Context, vms: Sequence[Vm]) -> tuple[list[Vm], list[Vm], list[Vm]]:
    direct: list[Vm] = []
    bulk: list[Vm] = []
    new: list[Vm] = []
    for vm in vms:
        entry = context.books.entry(vm)
        past = new if entry is None or entry.token is None else bulk if is_bulk(entry.token) else direct
        past.append(vm)
    return direct, bulk, new


async def _looked_up(context: Context, options: Options, vms: list[Vm]) -> Shares:
    wanted = await _needed(context, vms) if options.only_needed else vms
    large = len(wanted) > LARGE
    if not wanted or context.job.bulk is None or options.engine == "direct" or (options.engine == "auto" and not large):
        return wanted, []
    return await (_insisted(context, wanted) if options.engine == "bulk" else _preferred(context, wanted))


async def _needed(context: Context, vms: Sequence[Vm]) -> list[Vm]:
    """Return the VMs that are not as they are to be, and skip the others in the books. What may have begun is needed."""
    books, job = context.books, context.job
    needed = [vm for vm in vms if books.entry(vm) is not None]
    told = await with_states(context.client, [vm for vm in vms if books.entry(vm) is None])
    _fail(context, ((vm, error) for vm, error in told if error))
    for vm in (vm for vm, error in told if not error):
        why = job.needless(vm)
        if why is None:
            needed.append(vm)
        else:
            books.skipped(vm, why)
    return needed


async def _insisted(context: Context, vms: Sequence[Vm]) -> Shares:
    """Give to bulk all whose regions are known; those that Azure's list does not know are asked one by one."""
    told = await _located(context.client, vms, one_by_one=True)
    _fail(context, ((vm, error) for vm, error in told if error))
    return _by_region([vm for vm, error in told if not error])


async def _preferred(context: Context, vms: list[Vm]) -> Shares:
    """Do the same where bulk can be had; what that needs is no failure when it can't be read."""
    try:
        if not await _is_registered(context.client, vms[0].id.subscription):
            subscription = vms[0].id.subscription.lower()
            context.books.notes.add(f"One by one, not in bulk: {subscription} is not registered with {PROVIDER}")
            return vms, []
        told = await _located(context.client, vms, one_by_one=False)
        for error in (error for _, error in told if error):
            raise error
    except AzureVMError as error:
        context.books.notes.add(f"One by one, not in bulk: what that needs could not be read: {error}")
        return vms, []
    return _by_region([vm for vm, _ in told])


async def _located(
    client: AzureVMClient, vms: Sequence[Vm], *, one_by_one: bool
) -> list[tuple[Vm, AzureVMError | None]]:
    if all(vm.location for vm in vms):
        return [(vm, None) for vm in vms]
    return await with_states(client, vms, one_by_one=one_by_one)


def _by_region(vms: Sequence[Vm]) -> Shares:
    return [vm for vm in vms if not vm.location], [vm for vm in vms if vm.location]


async def _is_registered(client: AzureVMClient, subscription: str) -> bool:
    request = registration_request(client.endpoint, subscription)
    return registration(await client.begin("GET", request.url).result() or {})


def _fail(context: Context, told: Iterable[tuple[Vm, AzureVMError]]) -> None:
    """Write down of VMs why what they need could not be read; nothing was begun for them."""
    for vm, error in told:
        if isinstance(error, ClientClosed):
            context.halt.call("the client was closed", waits=False)
            return
        known = state_of(error) is State.FAILED  # else it would tell that they may have begun
        context.books.failed(vm, error if known else AzureVMError(f"What is needed could not be read: {error}"))
    context.halt.counts(context.books.failures)
