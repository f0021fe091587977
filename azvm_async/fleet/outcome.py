"""How it went with one VM of a run."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from azvm_async.errors import AzureVMError, OperationCanceled, OutcomeUnknown, ProtocolError, StatusUnreadable
from azvm_async.protocol.ids import short_name


class State(StrEnum):
    """How it stands with a VM."""

    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    """Azure refused it, or it ended as failed."""

    CANCELED = "Canceled"
    UNKNOWN = "Unknown"
    """It may have been done or not, and nothing tells. With a token, or a journal, that can still be found out."""

    SKIPPED = "Skipped"
    """It was not needed."""

    RUNNING = "Running"
    """It goes on in Azure (a removal in its client only); the run does not wait for it any more. The report has its token."""

    NOT_BEGUN = "NotBegun"
    """Nothing was sent."""


OVER = frozenset({State.SUCCEEDED, State.FAILED, State.CANCELED, State.UNKNOWN, State.SKIPPED})
"""What stays as it is when a run is taken up again."""

FAILURES = frozenset({State.FAILED, State.CANCELED, State.UNKNOWN})


@dataclass(frozen=True, slots=True)
class Outcome:
    """How it went with one VM.

    Attributes
    ----------
    vm : str
        ARM id.
    state : State
        ``Succeeded``, ``Failed``, ``Canceled``, ``Unknown``, ``Skipped``, ``Running`` or ``NotBegun``.
    result : object
        What its operation brought, such as a :class:`RunCommandResult`; ``None`` for the actions on a VM.
    error : AzureVMError or None
        Why it did not succeed.
    token : str or None
        What it is resumed from, where it has not ended: ``client.resume(token)``. It holds signed URLs.
    submitted, accepted, ended : datetime or None
        When it was sent, when Azure had accepted it, and when its end was known; zone-aware, by this machine's clock.
    polls : int
        How often its state was asked for; with the bulk engine how often that of its hundred was.
    engine : str or None
        ``direct`` or ``bulk``; ``None`` where nothing was sent.
    note : str or None
        Why nothing was done, or why nobody waits any more; and where a removal goes on.
    """

    vm: str
    state: State
    result: Any = field(default=None, repr=False)
    error: AzureVMError | None = None
    token: str | None = field(default=None, repr=False)
    submitted: datetime | None = None
    accepted: datetime | None = None
    ended: datetime | None = None
    polls: int = 0
    engine: str | None = None
    note: str | None = None

    @property
    def name(self) -> str:
        """The VM's name."""
        return short_name(self.vm)

    @property
    def ok(self) -> bool:
        """Whether the VM is as it was to be."""
        return self.state in {State.SUCCEEDED, State.SKIPPED}

    @property
    def seconds(self) -> float | None:
        """Seconds from its sending to its end, where both are known."""
        return (self.ended - self.submitted).total_seconds() if self.submitted and self.ended else None


def state_of(error: AzureVMError) -> State:
    """Return how it stands with a VM whose operation, or its submission, ended in an error."""
    if isinstance(error, OperationCanceled):
        return State.CANCELED
    if isinstance(error, OutcomeUnknown | StatusUnreadable | ProtocolError):
        return State.UNKNOWN
    return State.FAILED
