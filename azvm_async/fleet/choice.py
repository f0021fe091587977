"""What a run has to do: which VMs need it at all, and which engine does it to which."""

from collections.abc import Sequence

from azvm_async.client import AzureVMClient
from azvm_async.errors import AzureVMError
from azvm_async.fleet.engine import Context, by_subscription
from azvm_async.fleet.options import Options
from azvm_async.fleet.query import Vm, with_states
from azvm_async.protocol.bulk_request import PROVIDER, registration, registration_request
from azvm_async.protocol.tokens import is_bulk

LARGE = 100
"""VMs of one subscription beyond which the engine ``auto`` is ``bulk``: what one request takes."""


async def needed(context: Context, vms: Sequence[Vm]) -> list[Vm]:
    """Return the VMs that are not as they are to be, and skip the others in the books.

    What an earlier run has begun is needed. Raises as ``client.get``.
    """
    books, job = context.books, context.job
    found = [vm for vm in vms if books.entry(vm) is not None]
    for vm in await with_states(context.client, [vm for vm in vms if books.entry(vm) is None]):
        why = job.needless(vm)
        if why is None:
            found.append(vm)
        else:
            books.skipped(vm, why)
    return found


async def shared_out(context: Context, options: Options, vms: Sequence[Vm]) -> tuple[list[Vm], list[Vm]]:
    """Return the VMs to be asked one by one, and those in bulk; what was begun stays with the engine that began it."""
    direct, bulk, new = _by_their_past(context, vms)
    for subscription, group in by_subscription(new).items():
        one_by_one, together = await _split(context, options, subscription, group)
        direct += one_by_one
        bulk += together
    return direct, bulk


def _by_their_past(context: Context, vms: Sequence[Vm]) -> tuple[list[Vm], list[Vm], list[Vm]]:
    direct: list[Vm] = []
    bulk: list[Vm] = []
    new: list[Vm] = []
    for vm in vms:
        entry = context.books.entry(vm)
        past = new if entry is None or entry.token is None else bulk if is_bulk(entry.token) else direct
        past.append(vm)
    return direct, bulk, new


async def _split(context: Context, options: Options, subscription: str, vms: list[Vm]) -> tuple[list[Vm], list[Vm]]:
    """Share out the VMs of one subscription; those that Azure's list does not know are asked one by one."""
    large = len(vms) > LARGE
    if context.job.bulk is None or options.engine == "direct" or (options.engine == "auto" and not large):
        return vms, []
    try:
        if options.engine == "auto" and not await _is_registered(context.client, subscription):
            context.books.notes[f"One by one, not in bulk: {subscription} is not registered with {PROVIDER}"] = None
            return vms, []
        located = vms if all(vm.location for vm in vms) else await with_states(context.client, vms)
    except AzureVMError as error:
        if options.engine == "bulk":
            for vm in vms:
                context.books.failed(vm, error)
            context.halt.counts(context.books.failures)
            return [], []
        context.books.notes[f"One by one, not in bulk: what that needs could not be read: {error}"] = None
        return vms, []
    return [vm for vm in located if not vm.location], [vm for vm in located if vm.location]


async def _is_registered(client: AzureVMClient, subscription: str) -> bool:
    request = registration_request(client.endpoint, subscription)
    return registration(await client.begin("GET", request.url).result() or {})
