"""What a client tells of itself while it works: events, to whoever observes; and what the records of its log carry.

An observer is anything that can be called with an event: ``AzureVMClient(…, observer=print)``. Behind the events of one
operation stands its :class:`Trail`, which is there only where somebody listens, so that without an observer all of this costs a
comparison with ``None`` here and there.
"""

import itertools
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Protocol

from azvm_async.clock import Clock
from azvm_async.errors import AzureVMError, InvalidRequest, OutcomeUnknown, ProtocolError
from azvm_async.protocol.machine import NOT_ACCEPTED, SUCCEEDED, UNKNOWN, About, Machine, Success
from azvm_async.protocol.pacing import retry_after
from azvm_async.protocol.throttling import Key, blamed
from azvm_async.wire import Response

RUNNING = "Running"
"""How an operation ends for an observer whose client was closed: it goes on in Azure."""

_REQUEST_ID = "x-ms-request-id"

_log = logging.getLogger(__name__)
_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Event:
    """What all events tell.

    Attributes
    ----------
    operation : int
        What the events of one operation have in common, and no other in this process; 0 for plain reads, and for asking Azure to
        cancel.
    verb : str
        What is done, such as ``start``.
    vm : str
        To what: an ARM id, of the VM as a rule; for ``bulk`` that of the region.
    at : datetime
        When it happened, zone-aware, by the client's clock.
    """

    operation: int
    verb: str
    vm: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Submitted(Event):
    """The first byte of what is to begin an operation is about to leave.

    Attributes
    ----------
    client_request_id : str
        Our ``x-ms-client-request-id``.
    attempt : int
        Which sending this is, from 1.
    waited : float
        Seconds since the call: in line before Azure's limits, for a token, for the time of another attempt.
    """

    client_request_id: str
    attempt: int
    waited: float


@dataclass(frozen=True, slots=True)
class Accepted(Event):
    """There is an operation to follow. Without a :class:`Submitted` before, it was taken up, or is a removal's.

    Attributes
    ----------
    status : str
        Azure's word for its state.
    client_request_id, request_id : str or None
        Ours and Azure's (``x-ms-request-id``) of the request that began it, where that is known.
    """

    status: str
    client_request_id: str | None
    request_id: str | None


@dataclass(frozen=True, slots=True)
class Polled(Event):
    """The operation's state was asked for.

    Attributes
    ----------
    status : str
        Azure's word for it, that of before where none could be read.
    polls : int
        How often it was asked for so far.
    request_id : str or None
        Azure's, of the answer.
    error : AzureVMError or None
        Why the state could not be read.
    """

    status: str
    polls: int
    request_id: str | None
    error: AzureVMError | None


@dataclass(frozen=True, slots=True)
class Throttled(Event):
    """Azure refused a request for the number of them (429): a submission, a poll or a plain read.

    Attributes
    ----------
    policy : str or None
        The bucket's: ``writes``, ``UpdateVMResource`` and so on, as in the table of Azure's limits; ``None`` where it is none of
        these.
    owner : str or None
        Whose bucket: a subscription, one in a region, a VM or an operation, in lower case.
    seconds : float or None
        For how long Azure asked to wait.
    request_id : str or None
        Azure's, of the answer.
    """

    policy: str | None
    owner: str | None
    seconds: float | None
    request_id: str | None


@dataclass(frozen=True, slots=True)
class Retried(Event):
    """A submission or a plain read is sent again. A poll has its next time in any case, and is no retry.

    Attributes
    ----------
    error : BaseException
        Why.
    seconds : float
        From now; what is to come may have to wait in line then.
    """

    error: BaseException
    seconds: float


@dataclass(frozen=True, slots=True)
class Finished(Event):
    """The last event of an operation.

    Attributes
    ----------
    outcome : str
        ``Succeeded``, ``Failed``, ``Canceled``; ``NotAccepted`` where Azure did not take it, or nothing was sent; ``Unknown``
        where nobody knows; ``Running`` where the client was closed before.
    error : BaseException or None
        Why it did not succeed.
    seconds : float
        Since it was submitted, or taken up.
    """

    outcome: str
    error: BaseException | None
    seconds: float


class Observer(Protocol):
    """What hears of events: any callable. It is called on the client's loop, so it must not block."""

    def __call__(self, event: Event, /) -> object:
        """Take an event in. What it raises is logged, once, and harms nothing."""


class Guarded:
    """An observer that harms nobody.

    Parameters
    ----------
    observer : Observer
        Whose mistakes are logged, the first of them.
    """

    def __init__(self, observer: Observer) -> None:
        self._observer = observer
        self._erred = False

    def __call__(self, event: Event, /) -> None:
        """Pass an event on."""
        try:
            self._observer(event)
        except Exception:  # noqa: BLE001 - whatever it is, it is the observer's
            if not self._erred:
                self._erred = True
                _log.exception("The observer failed; that is logged once")


def guarded(observer: Observer) -> Guarded:
    """Return an observer that harms nobody.

    Raises
    ------
    InvalidRequest
        When it can't be called.
    """
    if not callable(observer):
        raise InvalidRequest(f"An observer is called with each event; a {type(observer).__name__} can't be called")
    return observer if isinstance(observer, Guarded) else Guarded(observer)


class Trail:
    """The events of one operation, or of a plain read.

    Parameters
    ----------
    about : About
        What is done to what.
    clock : Clock
        Tells the time.
    observers : tuple of Observer
        Who is told.
    plain : bool
        Whether it is no operation.
    begun : bool
        Whether it was begun before.
    """

    __slots__ = (
        "_about", "_attempts", "_began", "_client_request_id", "_clock", "_observers", "_operation", "_polls", "_request_id",
        "_since", "_submitting",
    )  # fmt: skip

    def __init__(
        self,
        about: About,
        clock: Clock,
        observers: tuple[Observer, ...],
        *,
        plain: bool = False,
        begun: bool = False,
    ) -> None:
        self._about = about
        self._clock = clock
        self._observers = observers
        self._operation = 0 if plain else next(_numbers)
        self._submitting = not (plain or begun)  # what is sent later are polls
        self._began = self._since = clock.monotonic()
        self._attempts = self._polls = 0
        self._client_request_id: str | None = None
        self._request_id: str | None = None

    def join(self, observer: Observer) -> None:
        """Tell another observer, too, from now on."""
        if observer not in self._observers:
            self._observers = (*self._observers, observer)

    def sends(self, client_request_id: str) -> None:
        """Tell of a submission whose first byte is about to leave."""
        if not self._submitting:
            return
        now = self._clock.monotonic()
        self._since = self._since if self._attempts else now
        self._attempts += 1
        self._client_request_id = client_request_id
        self._tell(Submitted(*self._head(), client_request_id, self._attempts, now - self._began))

    def heard(self, keys: tuple[Key, ...], response: Response) -> None:
        """Take in an answer to what drew from these buckets; tell of it where it is a 429."""
        self._request_id = response.headers.get(_REQUEST_ID)
        if response.status == HTTPStatus.TOO_MANY_REQUESTS:
            key = blamed(keys, response)
            owner, policy = (None, None) if key is None else key
            self._tell(Throttled(*self._head(), policy, owner, retry_after(response), self._request_id))

    def retried(self, error: BaseException, seconds: float) -> None:
        """Tell that it is sent again in so many seconds."""
        self._tell(Retried(*self._head(), error, seconds))

    def refused(self, error: BaseException | None, *, in_doubt: bool) -> None:
        """Tell of a submission that brought no operation."""
        unknown = in_doubt or isinstance(error, OutcomeUnknown | ProtocolError)
        self._finish(UNKNOWN if unknown else NOT_ACCEPTED, error)

    def accepted(self, machine: Machine) -> None:
        """Tell of an operation that is to be followed, and of its end where that is known at once."""
        self._submitting = False
        self._tell(Accepted(*self._head(), machine.status, self._client_request_id, self._answered()))
        if machine.outcome is not None:
            self.ended(machine)

    def polled(self, machine: Machine, polls: int, error: AzureVMError | None) -> None:
        """Tell that the state was asked for, if it was: a state may change without."""
        if polls > self._polls:
            self._polls = polls
            self._tell(Polled(*self._head(), machine.status, polls, self._answered(), error))

    def ended(self, machine: Machine) -> None:
        """Tell of an operation's end."""
        outcome = machine.outcome
        if outcome is not None:
            error = None if isinstance(outcome, Success) else outcome.error(machine.about)
            self._finish(outcome.status, error)

    def left(self) -> None:
        """Tell that an operation is not followed any more."""
        self._finish(RUNNING, None)

    def _finish(self, outcome: str, error: BaseException | None) -> None:
        self._tell(Finished(*self._head(), outcome, error, self._clock.monotonic() - self._since))

    def _answered(self) -> str | None:
        """Return Azure's id of the answer just come; the next request may have none."""
        request_id, self._request_id = self._request_id, None
        return request_id

    def _head(self) -> tuple[int, str, str, datetime]:
        return self._operation, self._about.verb, self._about.resource, self._clock.utcnow()

    def _tell(self, event: Event) -> None:
        for observer in self._observers:
            observer(event)


def trail_of(about: About, clock: Clock, observer: Observer | None, another: Observer | None = None) -> Trail | None:
    """Return a new operation's trail; ``None`` where nobody listens."""
    if observer is None and another is None:
        return None
    return Trail(about, clock, tuple(each for each in (observer, another) if each is not None))


def is_failure(event: Finished) -> bool:
    """Tell whether an end is none that was asked for; what goes on has not failed."""
    return event.outcome not in {SUCCEEDED, RUNNING}


def marked(about: About, error: BaseException | None = None) -> Mapping[str, str | None]:
    """Return what a record of the log carries beside its words (``extra=``): verb, ARM id and Azure's request id."""
    request_id = error.request_id if isinstance(error, AzureVMError) else None
    return {"azvm_verb": about.verb, "azvm_vm": about.resource, "azvm_request_id": request_id}
