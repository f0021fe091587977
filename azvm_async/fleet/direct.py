"""The engine that sends one request for each VM, as fast as Azure's limits allow.

Each subscription has one of its own, so that one that has to wait holds up no other, and only a few VMs of each are about to
be sent at a time: the others cost nothing before it is their turn.
"""

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import ClassVar

from azvm_async.fleet.engine import Context, Engine, Flight
from azvm_async.fleet.jobs import Retake
from azvm_async.fleet.query import Vm
from azvm_async.protocol.machine import NOT_ACCEPTED
from azvm_async.protocol.sought import SEEKING

ABOUT_TO_BE_SENT = 50
"""VMs of one subscription whose request waits for Azure's limits or for its answer."""


class Direct(Engine):
    """Does a job to VMs of one subscription, one by one; its parameters are an engine's."""

    name: ClassVar[str] = "direct"

    def __init__(self, context: Context, turns: asyncio.Semaphore) -> None:
        super().__init__(context, turns, ABOUT_TO_BE_SENT)

    async def run(self, vms: Sequence[Vm]) -> None:
        """Do it to all of them; what an earlier run has begun is taken up first."""
        await self.launch(Flight([vm]) for vm in sorted(vms, key=self._is_new))

    def _is_new(self, vm: Vm) -> bool:
        return self._books.entry(vm) is None

    async def begin(self, flight: Flight) -> None:
        """See :meth:`Engine.begin`."""
        vm = flight.vms[0]
        entry = self._books.entry(vm)
        if entry is None:
            await self._send(flight)
        elif entry.token is not None:
            self.taken_on(flight, self.resumed(flight, entry.token))
        elif self._job.retake is Retake.ASK:
            self._books.undecided(vm)
        elif self._job.retake is Retake.SEND or entry.intent is None or not await self._is_found(flight, entry.intent):
            await self._send(flight)

    async def follow(self, flight: Flight) -> None:
        """See :meth:`Engine.follow`."""
        assert flight.operation is not None  # noqa: S101 - begin has seen to that
        vm = flight.vms[0]
        flight.operation.witness(partial(self._books.succeeded, vm))
        result = await flight.operation
        if self._books.without_end([vm]):
            self._books.succeeded(vm, result)

    async def _send(self, flight: Flight) -> None:
        await self.send(flight, self._job.submit(flight.vms[0]))

    async def _is_found(self, flight: Flight, intent: str) -> bool:
        """Look for what an earlier run was about to send, and take it up if it was sent."""
        sought = self.resumed(flight, intent)
        async for update in sought.updates():
            if update.status == NOT_ACCEPTED:
                return False
            if update.status != SEEKING:
                break
        self.taken_on(flight, sought)
        return True
