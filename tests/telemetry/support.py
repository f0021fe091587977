"""An observer that keeps what it hears, and clients that have one."""

from typing import Any, TypeVar

from fleet.support import Wire

from azvm_async import AzureVMClient, VirtualClock
from azvm_async.emulator import Emulator
from azvm_async.telemetry import Event, Observer

Kind = TypeVar("Kind", bound=Event)


class Events(list[Event]):
    """Events in their order; called with one, it keeps it."""

    __call__ = list.append

    def of(self, kind: type[Kind]) -> list[Kind]:
        """Return those of a kind."""
        return [each for each in self if isinstance(each, kind)]

    def one(self, kind: type[Kind]) -> Kind:
        """Return the only one of a kind."""
        (found,) = self.of(kind)
        return found

    @property
    def names(self) -> list[str]:
        """What they are, in their order, with repetitions in a row told once."""
        names = [type(each).__name__ for each in self]
        return [name for name, before in zip(names, [None, *names], strict=False) if name != before]


def opened(arm: Emulator, clock: VirtualClock, observer: Observer | None, **options: Any) -> AzureVMClient:
    """Return a client of an emulator without sockets."""
    options.setdefault("transport", Wire(arm.transport()))
    return AzureVMClient(
        arm.subscription,
        arm.resource_group,
        arm.credential(),
        arm.endpoint,
        clock=clock,
        observer=observer,
        **options,
    )
