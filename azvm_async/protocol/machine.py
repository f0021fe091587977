"""What everything that a user can wait for has in common: a frozen state and three pure functions.

``due`` says what to do next, ``receive`` takes an answer in, ``missed`` takes in that none came. The poller knows
nothing else, so whatever is written as a :class:`Machine` can be awaited by many, survives a cancelled wait, and can be
taken up again in another process from its token.

Two kinds of trouble are told apart. A machine whose operation ended has an ``outcome``. A machine that can't read its
operation *raises*, which leaves the state as it was: the handle stays whole, and a later wait starts from
:meth:`Machine.again`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, Self

from azvm_async.errors import (
    NotAccepted,
    OperationCanceled,
    OperationFailed,
    OperationPreempted,
    OutcomeUnknown,
    ProtocolError,
    TransportError,
)
from azvm_async.protocol.faults import Fault
from azvm_async.protocol.ids import short_name
from azvm_async.protocol.pacing import Moment
from azvm_async.wire import Request, Response

if TYPE_CHECKING:
    from azvm_async.protocol.patience import Patience

SUCCEEDED, FAILED, CANCELED = "Succeeded", "Failed", "Canceled"
IN_PROGRESS = "InProgress"
UNKNOWN, NOT_ACCEPTED = "Unknown", "NotAccepted"


@dataclass(frozen=True, slots=True)
class About:
    """What an operation does to what, for people to read: ``About("start", "/subscriptions/…/vm1")``."""

    verb: str
    resource: str

    def __str__(self) -> str:
        many = "VMs in " if "/locations/" in self.resource else ""  # of an operation on many
        return f"{self.verb} of {many}{short_name(self.resource)}"


@dataclass(frozen=True, slots=True)
class ResourceProgress:
    """How far one resource of a deployment, of a deprovisioning or of a bulk operation has come.

    Attributes
    ----------
    id, type, name : str
        ARM id, type such as ``Microsoft.Network/networkInterfaces``, and name.
    state : str
        ``Running``, ``Succeeded``, ``Failed``, ``Canceled`` or another word of Azure's for what is being created;
        ``Waiting``, ``Held`` (it was refused, and is tried again), ``Deleting``, ``Deleted`` or ``Left`` for what is being
        deleted.
    since : datetime or None
        When the state began, zone-aware, where Azure tells.
    fault : Fault or None
        Why it failed, where that is known.
    """

    id: str
    type: str
    name: str
    state: str
    since: datetime | None = None
    fault: Fault | None = None


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing to send before ``until``, in monotonic seconds."""

    until: float


@dataclass(frozen=True, slots=True)
class Success:
    """The operation succeeded, with what it brought."""

    result: Any = field(default=None, repr=False)
    status: ClassVar[str] = SUCCEEDED


@dataclass(frozen=True, slots=True)
class Failure:
    """The operation ended as Failed or Canceled; ``fault`` is Azure's account of why."""

    status: str
    fault: Fault
    request_id: str | None = None

    def error(self, about: About) -> OperationFailed:
        """Return a new error for one waiter."""
        kind: type[OperationFailed] = OperationFailed
        if (self.fault.code or "").lower() == "operationpreempted":
            kind = OperationPreempted
        elif self.status == CANCELED:
            kind = OperationCanceled
        ended = "was canceled" if self.status == CANCELED else "failed"
        return kind(
            f"The {about} {ended}",
            vm=about.resource,
            code=self.fault.code,
            message=self.fault.message,
            details=self.fault.details,
            request_id=self.request_id,
        )


@dataclass(frozen=True, slots=True)
class Unresolved:
    """What was about to be sent was looked for, and is not to be found.

    Parameters
    ----------
    found : str
        What was found in its place.
    accepted : bool
        Whether Azure may have accepted it all the same; else it did not.
    request_id : str, optional
        Our id of the request, which is in Azure's logs if it ever came there.
    """

    found: str
    accepted: bool = True
    request_id: str | None = None

    @property
    def status(self) -> str:
        """``Unknown`` or ``NotAccepted``."""
        return UNKNOWN if self.accepted else NOT_ACCEPTED

    def error(self, about: About) -> OutcomeUnknown | NotAccepted:
        """Return a new error for one waiter."""
        kind, what = (OutcomeUnknown, "Whether the {} was done is not known: {}") if self.accepted else (
            NotAccepted, "The {} was not accepted: {}"
        )  # fmt: skip
        return kind(what.format(about, self.found), vm=about.resource, client_request_id=self.request_id)


Outcome = Success | Failure | Unresolved
Step = Request | Wait | Success | Failure | Unresolved


class Machine(Protocol):
    """A state of something that goes on in Azure. Frozen: every step gives a new one."""

    kind: ClassVar[str]
    version: ClassVar[int]
    driven: ClassVar[bool]
    """Whether it goes on only while it is driven from here, as a removal does, and not by itself in Azure."""

    @property
    def about(self) -> About:
        """What is done to what."""

    @property
    def status(self) -> str:
        """Azure's word for the state, ``Succeeded``, ``Failed`` or ``Canceled`` at the end."""

    @property
    def percent_complete(self) -> float | None:
        """0 to 100, where Azure tells."""

    @property
    def progress(self) -> tuple[ResourceProgress, ...]:
        """Each resource that the operation is about, as far as is known; empty for what is about one only."""

    @property
    def tracking_url(self) -> str | None:
        """The ``asyncResultsUrl``: enough, by itself, to take the operation up again."""

    @property
    def identity(self) -> object:
        """What tells it from another machine of the same verb on the same URL; ``None``: nothing does."""

    @property
    def patience(self) -> "Patience":
        """When to look again, and what Azure asked for."""

    @property
    def outcome(self) -> Outcome | None:
        """How it ended, ``None`` before."""

    @property
    def warning(self) -> str | None:
        """What the user should know although it ended well."""

    def due(self, now: Moment) -> Step:
        """Return a request to send, a time to wait for, or the outcome."""

    def receive(self, response: Response, now: Moment) -> "Machine":
        """Return the state after an answer, of whatever HTTP status; it may be another machine's.

        Raises
        ------
        StatusUnreadable, ProtocolError
            When the answer can't be read and another try is pointless; this state stays the true one.
        """

    def is_trouble(self, response: Response) -> bool:
        """Tell whether an error status, to what is due, says that the state could not be read; it may be an answer."""

    def missed(self, error: TransportError, now: Moment) -> Self:
        """Return the state after a request that brought no answer; raises as :meth:`receive` does."""

    def again(self, now: Moment) -> Self:
        """Return the state for a new try after trouble: due now, old misses forgiven."""

    def cancellation(self) -> Request | None:
        """Return the request that asks Azure to cancel this; ``None`` where Azure knows no such thing."""

    def canceled(self, now: Moment) -> Self:
        """Return the state once Azure has accepted the :meth:`cancellation`."""

    def to_token(self) -> dict[str, Any]:
        """Return plain JSON to take up again from: no result, no request body, no due time."""

    @classmethod
    def from_token(cls, token: Mapping[str, Any], now: Moment) -> Self:
        """Undo :meth:`to_token`; the state is due now.

        Raises
        ------
        KeyError, TypeError, ValueError
            When it is no such token.
        """


class NotCancelable:
    """What Azure can't cancel: ARM cancels no operation as such, calls no delete back, and a search is only ours."""

    __slots__ = ()

    def cancellation(self) -> None:
        """See :meth:`Machine.cancellation`."""

    def canceled(self, now: Moment) -> Self:  # noqa: ARG002
        """See :meth:`Machine.canceled`."""
        return self


def still_open(machine: Machine) -> None:
    """Refuse an answer for an operation that has ended.

    Raises
    ------
    ProtocolError
        Always then: whoever asked did not ask ``due`` before.
    """
    if machine.outcome is not None:
        about = machine.about
        raise ProtocolError(f"An answer came for the {about}, which has ended", vm=about.resource)
