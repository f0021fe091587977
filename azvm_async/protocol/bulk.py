"""Operations on many VMs, begun by one request, as one machine: one read tells the states of all.

``Success`` is the end of the whole, with all members; each member tells its own end, for Azure answers 200 even where it
refuses a VM. Azure retries and throttles by itself: what it shows as a member's error before its end is not the end.

=========  ====================================================================  ======================================
phase      what came of a member                                                 next
=========  ====================================================================  ======================================
begin      an ``errorCode``                                                      ended, Failed: it was refused
begin      an operation                                                          running; ended where its state says so
begin      neither, or nothing of it                                             ended, lost
begin      nothing of any                                                        OutcomeUnknown is raised
running    Succeeded, Failed, Cancelled                                          ended
running    Blocked (Azure has an outage: it may go on within its window), any    running, whatever its error
           other word
running    Unknown, no state, no operation (``OperationNotFound``), no result    running; ended, lost, after 5 reads in
                                                                                 a row that span two minutes
any        what can't be read                                                    as :mod:`azvm_async.protocol.patience`
                                                                                 says
=========  ====================================================================  ======================================

A new operation is not known everywhere at once, so that an absence is not believed before it lasts. What is lost is
neither failed nor succeeded: its error is OutcomeUnknown, and it must not keep the others from their end.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import Any, ClassVar, Self

from azvm_async.errors import InvalidRequest, OutcomeUnknown, ProtocolError, TransportError
from azvm_async.protocol.bulk_member import BulkMember, accepted, read, resumed
from azvm_async.protocol.bulk_request import (
    MOST,
    STATUS_READS_BLOCKED,
    VERBS,
    cancel_request,
    status_request,
    status_url,
    subscription_of,
)
from azvm_async.protocol.faults import facts
from azvm_async.protocol.fields import count, flag, objects, text, within, word
from azvm_async.protocol.machine import (
    IN_PROGRESS,
    SUCCEEDED,
    UNKNOWN,
    About,
    Outcome,
    ResourceProgress,
    Step,
    Success,
    Wait,
    still_open,
)
from azvm_async.protocol.pacing import Moment
from azvm_async.protocol.patience import Miss, Patience, miss_of
from azvm_async.protocol.reading import Unreadable, parsed
from azvm_async.wire import Request, Response


@dataclass(frozen=True, slots=True)
class Bulk:
    """The state of what one request began on some VMs.

    Parameters
    ----------
    about : About
        What is done to what; see :func:`azvm_async.protocol.bulk_request.about_many`.
    url : str
        Where the states are read.
    correlation_id : str
        That of the request.
    call : str
        The first operation id of the request's answer, which tells it from another of the same correlation id.
    members : tuple of BulkMember
        The VMs, in the order asked for; of one that was taken up again, those that had not ended.
    alone : bool
        Whether it is about one of them only, whose end then is its own.
    """

    kind: ClassVar[str] = "bulk"
    version: ClassVar[int] = 1
    driven: ClassVar[bool] = False
    warning: ClassVar[None] = None

    about: About
    url: str = field(repr=False)
    correlation_id: str
    call: str
    members: tuple[BulkMember, ...]
    patience: Patience
    alone: bool = False

    @property
    def status(self) -> str:
        """See :attr:`Machine.status`."""
        if self.alone:
            return self.members[0].state
        return SUCCEEDED if self.outcome else IN_PROGRESS

    @property
    def percent_complete(self) -> float | None:
        """See :attr:`Machine.percent_complete`: how many have ended."""
        if self.alone:
            return 100.0 if isinstance(self.outcome, Success) else None
        return 100.0 * (len(self.members) - len(self._open)) / len(self.members)

    @property
    def progress(self) -> tuple[ResourceProgress, ...]:
        """See :attr:`Machine.progress`."""
        return tuple(member.progress for member in self.members)

    @property
    def tracking_url(self) -> str:
        """See :attr:`Machine.tracking_url`; it is that of all bulk operations there, and not enough by itself."""
        return self.url

    @property
    def identity(self) -> object:
        """See :attr:`Machine.identity`: the request that began it, and whether it is about one VM of it only."""
        return self.correlation_id, self.call, self.alone

    @property
    def outcome(self) -> Outcome | None:
        """See :attr:`Machine.outcome`."""
        if self._open:
            return None
        return self.members[0].outcome if self.alone else Success(self.members)

    def due(self, now: Moment) -> Step:
        """See :meth:`Machine.due`."""
        if self.outcome is not None:
            return self.outcome
        if now.monotonic < self.patience.due_at:
            return Wait(self.patience.due_at)
        return status_request(self.url, self._open, self.correlation_id)

    def receive(self, response: Response, now: Moment) -> "Bulk":
        """See :meth:`Machine.receive`."""
        still_open(self)
        miss = _miss(response)
        try:
            told = {} if miss else _by_operation(response)
        except Unreadable:
            told, miss = {}, Miss.UNREADABLE
        if miss is not None:
            return replace(self, patience=self.patience.missed(miss, self.about, response, now))
        members = tuple(
            member if member.outcome else read(member, told.get(str(member.operation_id).lower(), {}), response, now)
            for member in self.members
        )
        return replace(self, members=members, patience=self.patience.read(response, now, self.about.verb))

    def is_trouble(self, response: Response) -> bool:  # noqa: ARG002
        """See :meth:`Machine.is_trouble`."""
        return True

    def missed(self, error: TransportError, now: Moment) -> "Bulk":
        """See :meth:`Machine.missed`."""
        still_open(self)
        return replace(self, patience=self.patience.missed(Miss.TRANSIENT, self.about, None, now, error))

    def again(self, now: Moment) -> "Bulk":
        """See :meth:`Machine.again`."""
        members = tuple(replace(member, untold=0, untold_since=None) for member in self.members)
        return replace(self, members=members, patience=self.patience.again(now))

    def cancellation(self) -> Request | None:
        """See :meth:`Machine.cancellation`: it cancels what has not begun, and what waits for Azure's next try."""
        return cancel_request(self.url, self._open, self.correlation_id) if self._open else None

    def canceled(self, now: Moment) -> "Bulk":
        """See :meth:`Machine.canceled`: what had begun goes on, so what became of each is read, at once."""
        return replace(self, patience=self.patience.again(now))

    def only(self, resource: str) -> "Bulk":
        """Return the state of one VM alone: it ends as the VM's operation does, and has a token of its own.

        Raises
        ------
        InvalidRequest
            When it is not about this VM, or the VM has no operation that could be followed.
        """
        for member in self.members:
            if member.operation_id and member.resource.lower() == resource.lower():
                about = About(self.about.verb, member.resource)
                return replace(self, about=about, call=member.operation_id, members=(member,), alone=True)
        raise InvalidRequest(f"The {self.about} has no operation on {resource}", vm=resource)

    def to_token(self) -> dict[str, Any]:
        """See :meth:`Machine.to_token`. Only what has not ended is followed; if all has, all is read again."""
        followed = [each for each in self.members if each.outcome is None] or self.members
        return {
            "verb": self.about.verb,
            "resource": self.about.resource,
            "url": self.url,
            "correlation_id": self.correlation_id,
            "call": self.call,
            "alone": self.alone,
            "polls": self.patience.polls,
            "members": [
                {"resource": each.resource, "operation_id": each.operation_id}
                for each in followed
                if each.operation_id is not None
            ],
        }

    @classmethod
    def from_token(cls, token: Mapping[str, Any], now: Moment) -> Self:
        """See :meth:`Machine.from_token`. Where Azure refused all, there is nothing to take up again."""
        url, verb, alone = text(token, "url"), text(token, "verb"), flag(token, "alone")
        subscription, listed = subscription_of(url), token["members"]
        if verb not in VERBS or subscription is None:
            raise ValueError("it is of no bulk operation")
        if not isinstance(listed, list) or not 1 <= len(listed) <= (1 if alone else MOST):
            raise ValueError("it is of no VM, or of too many")
        members = tuple(resumed(each, subscription) for each in listed)
        if len({member.resource.lower() for member in members}) < len(members):
            raise ValueError("a VM is there twice")
        return cls(
            about=About(verb, text(token, "resource")),
            url=url,
            correlation_id=text(token, "correlation_id"),
            call=text(token, "call"),
            members=members,
            patience=Patience(now.monotonic, count(token, "polls")),
            alone=alone,
        )

    @property
    def _open(self) -> tuple[str, ...]:
        """The operations that have not ended."""
        return tuple(each.operation_id for each in self.members if each.outcome is None and each.operation_id)


def begin(about: About, request: Request, response: Response, now: Moment) -> Bulk:
    """Return the state after the answer to a request of :func:`azvm_async.protocol.bulk_request.request`.

    Raises
    ------
    ProtocolError
        When it is a redirect.
    OutcomeUnknown
        When it tells of none of the VMs: the operations may have begun, and can't be followed.
    """
    if not HTTPStatus.OK <= response.status < HTTPStatus.MULTIPLE_CHOICES:
        what = (
            f"The {about} was answered by HTTP {response.status}: a redirect is not followed, and all else is no answer"
        )
        raise ProtocolError(what, vm=about.resource, **facts(response))
    asked: Mapping[str, Any] = json.loads(request.body)
    told = {_resource(each).lower(): each for each in objects(response.document().get("results"))}
    resources: list[str] = asked["resources"]["ids"]
    if not any(each.lower() in told for each in resources):
        what = f"Azure accepted the {about} without telling its operations; what becomes of it can't be known"
        raise OutcomeUnknown(what, vm=about.resource, **facts(response))
    members = tuple(accepted(each, told.get(each.lower(), {}), response) for each in resources)
    call = next((each.operation_id for each in members if each.operation_id), UNKNOWN)
    patience = Patience.begun(response, now, about.verb)
    return Bulk(about, status_url(request.url), asked["correlationid"], call, members, patience)


def _miss(response: Response) -> Miss | None:
    """Return why a response tells no states by its HTTP status; an outage of which Azure says so passes."""
    miss = miss_of(response)
    code = facts(response)["code"] if miss is Miss.REFUSED else None
    return Miss.TRANSIENT if str(code).lower() == STATUS_READS_BLOCKED else miss


def _by_operation(response: Response) -> dict[str, Mapping[str, Any]]:
    """Return what a 2xx answer tells, by operation id in lower case."""
    document = parsed(response)
    results = document.get("results") if isinstance(document, Mapping) else None
    if not isinstance(results, list):
        raise Unreadable
    return {word(within(each, "operation").get("operationId")).lower(): each for each in objects(results)}


def _resource(told: Mapping[str, Any]) -> str:
    return word(told.get("resourceId")) or word(within(told, "operation").get("resourceId"))
