"""The engine that has Azure do it: one request of Microsoft.ComputeSchedule for a hundred VMs, one read for their states.

Azure keeps to its own limits inside, and tries again by itself. Where the provider can't be had, the VMs are left for the
other engine, and the run's notes say why.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from typing import ClassVar

from azvm_async.errors import AzureVMError, OutcomeUnknown
from azvm_async.fleet.engine import Context, Engine, Flight
from azvm_async.fleet.query import Vm
from azvm_async.operation import Update
from azvm_async.protocol.bulk_member import error_of
from azvm_async.protocol.bulk_request import MOST, unavailable
from azvm_async.protocol.machine import CANCELED, FAILED, SUCCEEDED, UNKNOWN

ENDINGS = frozenset({SUCCEEDED, FAILED, CANCELED, UNKNOWN})

ABOUT_TO_BE_SENT = 8
"""Requests of one subscription that wait for Azure's limits or for its answer."""


class Bulk(Engine):
    """Does a job to VMs of one subscription, by hundreds.

    Parameters
    ----------
    context, turns
        As of every engine.
    most : int
        VMs a request, at most; not more than there are turns.
    leave : callable, optional
        Takes the VMs for which the provider can't be had, for another engine; without it that is a failure.
    """

    name: ClassVar[str] = "bulk"

    def __init__(
        self, context: Context, turns: asyncio.Semaphore, most: int, leave: Callable[[Sequence[Vm]], object] | None
    ) -> None:
        super().__init__(context, turns, ABOUT_TO_BE_SENT)
        self._most = min(MOST, most)
        self._leave = leave

    async def run(self, vms: Sequence[Vm]) -> None:
        """Do it to all of them, whose regions are known."""
        await self.launch(map(Flight, self._batches(vms)))

    def _batches(self, vms: Sequence[Vm]) -> Iterator[list[Vm]]:
        """Put together what goes into one request: what an earlier run sent by one, else VMs of one region."""
        groups: dict[tuple[str, str], list[Vm]] = {}
        for vm in vms:
            entry = self._books.entry(vm)
            token = entry and entry.token
            key = ("token", token) if token else ("region", vm.location or "")
            groups.setdefault(key, []).append(vm)
        for group in groups.values():
            for first in range(0, len(group), self._most):
                yield group[first : first + self._most]

    async def begin(self, flight: Flight) -> None:
        """See :meth:`Engine.begin`."""
        entry = self._books.entry(flight.vms[0])
        if entry and entry.token:
            self.taken_on(flight, self.resumed(flight, entry.token))
            return
        names, location = [str(vm.id) for vm in flight.vms], flight.vms[0].location or ""
        await self.send(flight, self._client.bulk(str(self._job.bulk), names, location, self._job.force))
        assert flight.operation is not None  # noqa: S101 - else sending has raised
        self._take_in(flight, await anext(flight.operation.updates()))  # those refused at once have no token

    async def follow(self, flight: Flight) -> None:
        """See :meth:`Engine.follow`: each VM's end is written down when it is known."""
        assert flight.operation is not None  # noqa: S101 - begin has seen to that
        async for update in flight.operation.updates():
            self._take_in(flight, update)
            if not self._books.without_end(flight.vms):
                return
        for vm in self._books.without_end(flight.vms):
            what = f"What became of the {self._job.verb} of {vm.id.name} was not written down when an earlier run ended"
            self._books.failed(vm, OutcomeUnknown(what, vm=str(vm.id)))

    def _take_in(self, flight: Flight, update: Update) -> None:
        awaited = {vm.key: vm for vm in self._books.without_end(flight.vms)}
        for seen in update.resources:
            if seen.state in ENDINGS and (vm := awaited.get(seen.id.lower())) is not None:
                error = error_of(str(self._job.bulk), seen)
                self._books.failed(vm, error) if error else self._books.succeeded(vm)
        self._halt.counts(self._books.failures)

    def refused(self, flight: Flight, error: AzureVMError) -> None:
        """Write down why it failed, or leave the VMs for the other engine where Azure has taken none."""
        reason = unavailable(error) if flight.operation is None else None
        if reason is None or self._leave is None:
            super().refused(flight, error)
            return
        self._books.notes.add(f"One by one, not in bulk: {reason}")
        self._books.withdrawn(flight.vms)
        self._leave(flight.vms)
