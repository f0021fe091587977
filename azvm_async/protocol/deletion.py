"""The deletion of one resource: asked for, followed to its end, and asked for again while something holds the resource.

=========  ===================================================================  =======================================
state      what came                                                            next
=========  ===================================================================  =======================================
binding    any end of the PATCH that makes a VM's disks go with it              deleting, without one if it was refused
deleting   2xx                                                                  following ARM's operation, if any
deleting   404; the operation succeeded                                         deleted
deleting   a refusal, or a failure of the operation, that may pass              again, for ten minutes; then left
deleting   another refusal; a lock                                              left
deleting   the operation can't be followed or read                              asked for again, for ten minutes
any        408, 429, 5xx, no answer                                             as :mod:`~azvm_async.protocol.patience`
=========  ===================================================================  =======================================
"""

import re
from dataclasses import dataclass, field, replace
from enum import StrEnum
from http import HTTPStatus

from azvm_async.errors import AzureVMError, TransportError
from azvm_async.protocol import lro
from azvm_async.protocol.faults import Fault, absent
from azvm_async.protocol.ids import short_name
from azvm_async.protocol.lro import Lro
from azvm_async.protocol.machine import About, Failure, ResourceProgress, Step, Wait
from azvm_async.protocol.ownership import type_of
from azvm_async.protocol.pacing import Moment, backoff
from azvm_async.protocol.patience import Miss, Patience, miss_of
from azvm_async.protocol.plan import Deletable, Left
from azvm_async.wire import JSON_TYPE, Request, Response

HOLD_SECONDS = 600.0
"""For so long a resource that something holds is tried again. A NIC is kept for its VM for three minutes."""

_USED = r"inuse|beingused|reserved|attached|cannotbedeleted|cannotdelete"
_IN_USE = re.compile(_USED, re.IGNORECASE)
_PASSES = re.compile(
    rf"{_USED}|conflict|another|inprogress|retryable|preempted"
    r"|operationnotallowed|beingdeleted|dependenc|hasnested|nestedresourcesexist",
    re.IGNORECASE,
)
_STAYS = re.compile(r"lock|denyassignment|readonly", re.IGNORECASE)


class State(StrEnum):
    """Where a deletion stands, in the words of a progress."""

    WAITING = "Waiting"
    DELETING = "Deleting"
    DELETED = "Deleted"
    LEFT = "Left"


@dataclass(frozen=True, slots=True)
class Deletion:
    """The state of one deletion.

    Parameters
    ----------
    what : Deletable
        The resource.
    about : About
        For an error's words.
    binding : bool
        Whether the VM's disks are still to be bound to it.
    operation : Lro, optional
        ARM's operation that is being followed.
    held_since : float, optional
        Monotonic seconds of the first refusal that may pass, or operation that could not be followed.
    tries : int
        How often it was asked for in vain since then.
    fault : Fault, optional
        Why it is left, or was refused last.
    """

    what: Deletable
    about: About
    patience: Patience
    state: State = State.WAITING
    binding: bool = False
    operation: Lro | None = None
    held_since: float | None = None
    tries: int = 0
    fault: Fault = field(default_factory=Fault)

    @classmethod
    def of(cls, what: Deletable, now: Moment) -> "Deletion":
        """Return a deletion that has not begun."""
        return cls(what, About("delete", what.id), Patience(now.monotonic), binding=what.disks is not None)

    @property
    def ended(self) -> bool:
        """Whether nothing is left to do."""
        return self.state in {State.DELETED, State.LEFT}

    @property
    def held(self) -> bool:
        """Whether it was refused, for something holds the resource; then what waits for it may be what holds it."""
        return self.held_since is not None and not self.ended and not self.binding

    @property
    def due_at(self) -> float:
        """Monotonic seconds of the next request."""
        return self.operation.patience.due_at if self.operation else self.patience.due_at

    @property
    def progress(self) -> ResourceProgress:
        """How far it has come."""
        state = "Held" if self.held and self.state is State.WAITING else self.state.value
        return ResourceProgress(self.what.id, type_of(self.what.id), short_name(self.what.id), state)

    @property
    def why_left(self) -> Left:
        """Why the resource stays."""
        said = ": ".join(part for part in (self.fault.code, self.fault.message) if part)
        bound = self.what.disks is not None and not self.binding
        note = " (its disks are set to go with it now)" if bound else ""
        return Left(self.what.id, (said or "Azure refused to delete it") + note)

    def due(self, now: Moment) -> Step:
        """Return what is to be sent, or a time to wait for."""
        if self.operation is not None:
            return self.operation.due(now)
        if now.monotonic < self.patience.due_at:
            return Wait(self.patience.due_at)
        return self._request

    def receive(self, response: Response, now: Moment) -> "Deletion":
        """Take an answer in."""
        if self.operation is not None:
            try:
                return self._followed(self.operation.receive(response, now), response, now)
            except AzureVMError as error:
                return self._asked_again(error, now)
        miss = miss_of(response)
        if miss is Miss.TRANSIENT or (miss is Miss.NOT_FOUND and not absent(response)):
            return replace(self, patience=self.patience.missed(miss, self.about, response, now))
        if miss is None:
            return self._begun(response, now)
        if miss is Miss.NOT_FOUND or self.binding:
            return self._step_done(now)
        return self._refused(Fault.of(response.document()), response.status, response, now)

    def missed(self, error: TransportError, now: Moment) -> "Deletion":
        """Take in that no answer came."""
        if self.operation is not None:
            try:
                return replace(self, operation=self.operation.missed(error, now))
            except AzureVMError as unread:
                return self._asked_again(unread, now)
        return replace(self, patience=self.patience.missed(Miss.TRANSIENT, self.about, None, now, error))

    def again(self, now: Moment) -> "Deletion":
        """Return the state for a new try after trouble."""
        return replace(self, patience=self.patience.again(now), operation=self.operation and self.operation.again(now))

    def held_by(self, holder: str) -> "Deletion":
        """Return the state of what stays because its holder does."""
        return replace(self, state=State.LEFT, fault=Fault("InUse", f"{short_name(holder)} needs it, and is left"))

    @property
    def _request(self) -> Request:
        if not self.binding:
            return Request("DELETE", self.what.url)
        return Request("PATCH", self.what.url, (self.what.disks or "").encode(), {"content-type": JSON_TYPE})

    def _begun(self, response: Response, now: Moment) -> "Deletion":
        """Follow what was accepted; what can't be followed is asked for again, until it is gone."""
        state = replace(self, state=State.DELETING)
        try:
            return state._followed(lro.begin(self.about, self._request, response, now), response, now)
        except AzureVMError as error:
            return state._asked_again(error, now)

    def _followed(self, operation: Lro, response: Response, now: Moment) -> "Deletion":
        if operation.outcome is None:
            return replace(self, operation=operation)
        state = replace(self, operation=None)
        if isinstance(operation.outcome, Failure) and not self.binding:
            return state._refused(operation.outcome.fault, HTTPStatus.CONFLICT, response, now)
        return state._step_done(now)

    def _step_done(self, now: Moment) -> "Deletion":
        if self.binding:
            return replace(self, binding=False, patience=Patience(now.monotonic), held_since=None, tries=0)
        return replace(self, state=State.DELETED)

    def _asked_again(self, error: AzureVMError, now: Moment) -> "Deletion":
        """Ask for what can't be followed once more: the answer may be that it is gone."""
        patience = Patience(now.monotonic).scheduled(None, backoff(self.tries, now.luck), now)
        fault = Fault(error.code or type(error).__name__, error.message or error.what)
        return replace(self, operation=None, tries=self.tries + 1)._held(fault, patience, now)

    def _refused(self, fault: Fault, status: int, response: Response, now: Moment) -> "Deletion":
        if self.what.kept_by is not None and _IN_USE.search(fault.code or ""):
            message = f"{fault.message} ({short_name(self.what.kept_by)} needs it, and stays)"
            return replace(self, fault=replace(fault, message=message), state=State.LEFT)
        if not _may_pass(fault, status):
            return replace(self, fault=fault, state=State.LEFT)
        return self._held(fault, self.patience.read(response, now), now)

    def _held(self, fault: Fault, patience: Patience, now: Moment) -> "Deletion":
        """Try again later, unless that has gone on for too long."""
        held_since = now.monotonic if self.held_since is None else self.held_since
        state = replace(self, fault=fault, held_since=held_since, patience=patience)
        if now.monotonic - held_since < HOLD_SECONDS:
            return state
        return state._step_done(now) if self.binding else replace(state, state=State.LEFT)


def _may_pass(fault: Fault, status: int) -> bool:
    """Tell whether a refusal is one that time may cure: something still holds the resource."""
    code = fault.code or ""
    if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN} or _STAYS.search(code):
        return False
    return status == HTTPStatus.CONFLICT or _PASSES.search(code) is not None
