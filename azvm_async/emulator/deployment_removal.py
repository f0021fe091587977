"""Removing many resources: what is in use goes in a later round, when its users have gone.

Each round deletes what lets itself be deleted. When a round has ended, what was refused is tried once more; it is over
when nothing is left, or nothing moves any more.
"""

from collections.abc import Callable, Iterable

from azvm_async.emulator import resource_changes
from azvm_async.emulator.answers import Refusal
from azvm_async.emulator.deployment_model import after
from azvm_async.emulator.model import Failure, Operation, World

_MACHINES = "/providers/microsoft.compute/virtualmachines/"


class Removal:
    """Resources on their way out.

    Parameters
    ----------
    paths : iterable of str
        The ids; VMs go first, the others in this order.
    done : callable
        Told when it is over: the world, the time, and why the rest could not be deleted, by id.

    Attributes
    ----------
    failures : dict[str, Failure]
        Why a resource is still there.
    """

    def __init__(self, paths: Iterable[str], done: Callable[[World, float, dict[str, Failure]], None]) -> None:
        self.failures: dict[str, Failure] = {}
        self._waiting = sorted(paths, key=lambda path: _MACHINES not in path.lower())
        self._running = 0
        self._done = done

    def advance(self, world: World, now: float) -> None:
        """Begin a round, and be done when that moves nothing."""
        waiting, self._waiting = self._waiting, []
        for path in waiting:
            self._try(world, path, now)
        if not self._running:
            self._done(world, now, self.failures)

    def _try(self, world: World, path: str, now: float) -> None:
        self.failures.pop(path, None)
        try:
            operation = resource_changes.delete(world, path, world.moment(now))
        except Refusal as refusal:
            self.failures[path] = Failure(refusal.code, refusal.message)
            self._waiting.append(path)
            return
        if operation is not None:
            self._running += 1
            after(operation, lambda ended_in, ended: self._ended(ended_in, ended, path))

    def _ended(self, world: World, operation: Operation, path: str) -> None:
        self._running -= 1
        if operation.failure is not None:
            self.failures[path] = operation.failure
        if not self._running:
            self.advance(world, world_time(operation))


def world_time(operation: Operation) -> float:
    """Return when an operation ended."""
    return operation.due if operation.ended is None else operation.ended
