"""Records of bulk operations: what is to be done with one VM, when, and how that goes.

A bulk operation owns no progress of its own. First it waits for its turn, then it is the VM's own operation; the one or
the other tells its state.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from azvm_async.emulator.model import Document, Failure, Operation, VirtualMachine, World
from azvm_async.emulator.settings import Durations

PROVIDER = "Microsoft.ComputeSchedule"


class Sort(NamedTuple):
    """A sort of bulk operation.

    Parameters
    ----------
    name : str
        ``opType``, and what stands in the names of its requests.
    begin : callable
        Lets it begin on a VM, as the VM's own request does; it may be refused.
    seconds : callable
        How long it usually takes.
    """

    name: str
    begin: Callable[[World, VirtualMachine, float], Operation]
    seconds: Callable[[Durations], float]


class Schedule(NamedTuple):
    """When a bulk operation is to begin: ``due`` follows from the deadline that the client is shown again."""

    due: float
    deadline: datetime
    deadline_type: str


@dataclass(slots=True, eq=False)
class BulkOperation:
    """What one request for many VMs does to one of them.

    Parameters
    ----------
    path : str
        The VM's id as it was given.
    wait : Operation or None
        Ends when its turn has come, or when it is cancelled; ``None``: its turn was at once.
    operation : Operation or None
        The VM's own operation, from its beginning on.
    """

    id: str
    sort: Sort
    path: str
    subscription: str
    location: str
    schedule: Schedule
    retry_policy: Document | None
    created: float
    wait: Operation | None = None
    operation: Operation | None = None

    @property
    def state(self) -> str:
        """The word for how it goes."""
        if self.operation is not None:
            return {"InProgress": "Executing", "Succeeded": "Succeeded"}.get(self.operation.status, "Failed")
        return {"InProgress": "Scheduled", "Canceled": "Cancelled"}.get(self._current.status, "Failed")

    @property
    def failure(self) -> Failure | None:
        """Why it didn't succeed."""
        return self._current.failure

    @property
    def ended(self) -> float | None:
        """When it ended."""
        return self._current.ended

    @property
    def _current(self) -> Operation:
        current = self.operation or self.wait
        assert current is not None  # noqa: S101  # it is kept only when it waits or has begun
        return current
