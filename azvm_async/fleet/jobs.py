"""What a run does to each of its VMs."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

from azvm_async.fleet.query import Vm
from azvm_async.submission import Submission


class Retake(Enum):
    """What becomes of a VM for which something was about to be sent when an earlier run was killed."""

    SEND = auto()
    """It is sent again: doing it twice is doing it once."""

    LOOK = auto()
    """It is looked for by its intent's token: what was to be done has a name of its own."""

    ASK = auto()
    """Nothing can tell whether it was done, so that the caller must."""


@dataclass(frozen=True, slots=True)
class Job:
    """What is done to each VM.

    Parameters
    ----------
    verb : str
        What it is called.
    submit : callable
        Makes the submission for a VM.
    arguments : Mapping[str, object]
        What a later run must have the same of, to be the same run. No secrets.
    retake : Retake
        What becomes of it after a crash.
    bulk : str or None
        What it is called where it is done to many by one request.
    force : bool
        Whether it is forced there.
    idle : frozenset of str
        Power states in which a VM needs nothing. Empty where nothing tells that.
    """

    verb: str
    submit: Callable[[Vm], Submission[Any]]
    arguments: Mapping[str, object]
    retake: Retake = Retake.SEND
    bulk: str | None = None
    force: bool = False
    idle: frozenset[str] = frozenset()

    @property
    def can_be_needless(self) -> bool:
        """Whether a VM's state can tell that nothing is to be done."""
        return bool(self.idle) or self.verb == "delete"

    def needless(self, vm: Vm) -> str | None:
        """Return why nothing is to be done, if so, for a VM whose state was read."""
        if self.verb == "delete":
            return "it is not there" if vm.location is None else None
        return f"it is {vm.power_state}" if vm.power_state in self.idle else None
