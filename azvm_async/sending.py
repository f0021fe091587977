"""What is known of one request while it is being sent, and again, for whoever may give it up."""

from functools import partial
from typing import TYPE_CHECKING

from azvm_async.errors import AzureVMError, NotFound, TransportError
from azvm_async.protocol.repeat import outcome_unknown
from azvm_async.telemetry import Observer, Trail
from azvm_async.wire import Request

if TYPE_CHECKING:
    from collections.abc import Callable


class Sending:
    """What is known of a request while it is being sent, for whoever may give it up.

    Parameters
    ----------
    absence : bool
        Whether 404 is an answer to it, rather than an error.
    trail : Trail, optional
        Tells observers of it.

    Attributes
    ----------
    in_doubt : bool
        Whether it may have been applied: it is under way, its answer was lost, or it was neither yes nor no (408, 5xx).
    failures : list of AzureVMError
        How its sendings failed so far.
    failure : AzureVMError or None
        How the last one failed, until the next one begins.
    resting : bool
        Whether the next sending waits for its time.
    given_up : bool
        Set by the caller: nothing is sent again but to learn what became of what was sent.
    intent : callable or None
        Makes the token of what is about to be sent, of its client request id.
    announce : callable or None
        Set by the caller: called each time before the first byte leaves, with what makes that token: not everybody wants it.
    told : callable or None
        Set by the caller: called with the operation's token once Azure has accepted it.
    observer : Observer or None
        Set by the caller: hears of it, too.
    """

    __slots__ = (
        "absence",
        "age",
        "announce",
        "failure",
        "failures",
        "given_up",
        "in_doubt",
        "intent",
        "observer",
        "resting",
        "told",
        "trail",
    )

    def __init__(self, *, absence: bool = False, trail: Trail | None = None) -> None:
        self.absence = absence
        self.trail = trail
        self.age: int | None = None  # where it stands in the lines before Azure's limits
        self.in_doubt = False
        self.failures: list[AzureVMError] = []
        self.failure: AzureVMError | None = None
        self.resting = False
        self.given_up = False
        self.intent: Callable[[str], str] | None = None
        self.announce: Callable[[Callable[[], str]], object] | None = None
        self.told: Callable[[str], object] | None = None
        self.observer: Observer | None = None

    @property
    def lost(self) -> bool:
        """Whether an answer was lost: what is sent again then tells what became of the first."""
        return any(isinstance(error, TransportError) and error.maybe_applied for error in self.failures)

    @property
    def may_be_broken_off(self) -> bool:
        """Whether nothing is to come that tells more of what was done: nothing was, or Azure answered in vain."""
        return not self.in_doubt or (self.resting and not self.lost)

    def foretell(self, request_id: str = "") -> None:
        """Say what is about to be sent."""
        if self.announce is not None and self.intent is not None:
            self.announce(partial(self.intent, request_id))

    def begins(self, request_id: str) -> None:
        """Note that the first byte is about to leave."""
        self.foretell(request_id)
        if self.trail is not None:
            self.trail.sends(request_id)
        self.in_doubt, self.failure = True, None

    def failed(self, request: Request, error: AzureVMError) -> None:
        """Note how it failed, and what all its sendings say together; a read applies nothing."""
        self.failures.append(error)
        self.failure, self.in_doubt = error, request.method != "GET" and outcome_unknown(self.failures)

    def deleted_meanwhile(self, request: Request) -> bool:
        """Tell whether what was to be deleted is gone after a sending that left a doubt: that did it."""
        gone = request.method == "DELETE" and isinstance(self.failures[-1], NotFound)
        return gone and outcome_unknown(self.failures[:-1])
