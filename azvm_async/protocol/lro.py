"""ARM's long-running operations as a machine: what a first answer means, and how each poll moves the state.

The rules are those of ARM's "Asynchronous API reference" (azure-resource-manager-rpc) and "Track asynchronous Azure
operations", with what the field taught; how an answer is read is in :mod:`azvm_async.protocol.reading`.

=========  ==========================================================  ================================================
phase      what came                                                   next
=========  ==========================================================  ================================================
begin      POST, DELETE: 200, 201, 204, without a tracking header      ended, Succeeded
begin      POST, DELETE: 202, without a tracking header                OutcomeUnknown is raised
begin      PUT, PATCH: 200 with such a header and an ending in it      that ending
begin      a tracking header                                           waiting, until Retry-After has passed
begin      PUT, PATCH: without a tracking header                       by ``provisioningState``; none: 200 and 204
                                                                       ended, 201 and 202 waiting
waiting    in progress, an unknown word, 202                           waiting, at the newest URL
waiting    succeeded; a result is wanted and is elsewhere              fetching
waiting    succeeded, failed, canceled                                 ended
fetching   2xx; but 202 without a body is not yet the result           ended, Succeeded
both       what can't be read                                          as :mod:`azvm_async.protocol.patience` says
ended      anything                                                    ProtocolError is raised
=========  ==========================================================  ================================================
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from http import HTTPStatus
from typing import Any, ClassVar, Self

from azvm_async.errors import OutcomeUnknown, ProtocolError, TransportError
from azvm_async.protocol.faults import facts, followed
from azvm_async.protocol.fields import count, flag, optional_text, text
from azvm_async.protocol.machine import (
    IN_PROGRESS,
    SUCCEEDED,
    About,
    Failure,
    NotCancelable,
    Outcome,
    Step,
    Success,
    Wait,
    still_open,
)
from azvm_async.protocol.pacing import Moment
from azvm_async.protocol.patience import Miss, Patience, miss_of
from azvm_async.protocol.reading import (
    Reading,
    Tracking,
    Unreadable,
    error_in_resource,
    meaning,
    parsed,
    provisioning_state,
    read,
    settled,
)
from azvm_async.wire import Request, Response

METHODS = frozenset({"DELETE", "GET", "PATCH", "POST", "PUT"})
"""What can begin an operation."""

_STATUS_HEADERS = ("azure-asyncoperation", "operation-location")
_LOCATION_HEADER = "location"
_DONE = frozenset({HTTPStatus.OK, HTTPStatus.CREATED, HTTPStatus.NO_CONTENT})
_WRITES_RESOURCE = frozenset({"PUT", "PATCH"})


class FinalState(StrEnum):
    """Where the result is, as a service's API description says (``x-ms-long-running-operation-options``)."""

    STATUS = "azure-async-operation"
    OPERATION = "operation-location"
    LOCATION = "location"
    ORIGINAL = "original-uri"


@dataclass(frozen=True, slots=True)
class Lro(NotCancelable):
    """The state of one long-running operation.

    Parameters
    ----------
    about : About
        What is done to what.
    method, url : str
        The request that began it.
    tracking : Tracking
        How its state is read.
    poll_url : str, optional
        Where the next read goes; ``None`` only for what ended with its first answer.
    location : str, optional
        The newest ``Location``, where the operation is tracked by another header.
    final_state : FinalState, optional
        Where the caller says that the result is.
    wants_result : bool
        Whether the result is worth a read of its own.
    fetching : bool
        Whether ``poll_url`` is the result's URL.
    """

    kind: ClassVar[str] = "lro"
    version: ClassVar[int] = 1
    warning: ClassVar[None] = None
    progress: ClassVar[tuple[()]] = ()
    driven: ClassVar[bool] = False
    identity: ClassVar[None] = None

    about: About
    method: str
    url: str = field(repr=False)
    tracking: Tracking
    poll_url: str | None = field(repr=False)
    location: str | None = field(repr=False)
    final_state: FinalState | None
    wants_result: bool
    patience: Patience
    fetching: bool = False
    status: str = IN_PROGRESS
    percent_complete: float | None = None
    outcome: Outcome | None = None

    @property
    def tracking_url(self) -> str | None:
        """See :attr:`Machine.tracking_url`."""
        return self.poll_url

    def due(self, now: Moment) -> Step:
        """See :meth:`Machine.due`."""
        if self.outcome is not None:
            return self.outcome
        if now.monotonic < self.patience.due_at:
            return Wait(self.patience.due_at)
        return self._poll()

    def receive(self, response: Response, now: Moment) -> "Lro":
        """See :meth:`Machine.receive`."""
        still_open(self)
        miss = miss_of(response)
        if miss is not None:
            return self._missed(miss, response, now)
        try:
            return self._fetched(response, now) if self.fetching else self._waited(response, now)
        except Unreadable:
            return self._missed(Miss.UNREADABLE, response, now)

    def is_trouble(self, response: Response) -> bool:  # noqa: ARG002
        """See :meth:`Machine.is_trouble`."""
        return True

    def missed(self, error: TransportError, now: Moment) -> "Lro":
        """See :meth:`Machine.missed`."""
        still_open(self)
        return replace(self, patience=self.patience.missed(Miss.TRANSIENT, self.about, None, now, error))

    def again(self, now: Moment) -> "Lro":
        """See :meth:`Machine.again`."""
        return replace(self, patience=self.patience.again(now))

    def to_token(self) -> dict[str, Any]:
        """See :meth:`Machine.to_token`."""
        return {
            "verb": self.about.verb,
            "resource": self.about.resource,
            "method": self.method,
            "url": self.url,
            "tracking": self.tracking.value,
            "poll_url": self.poll_url,
            "location": self.location,
            "final_state": self.final_state and self.final_state.value,
            "wants_result": self.wants_result,
            "fetching": self.fetching,
            "polls": self.patience.polls,
        }

    @classmethod
    def from_token(cls, token: Mapping[str, Any], now: Moment) -> Self:
        """See :meth:`Machine.from_token`. An operation that ended at once, with nothing to read again, has ended."""
        url, poll_url, tracking = text(token, "url"), optional_text(token, "poll_url"), Tracking(token["tracking"])
        if poll_url is None and tracking is not Tracking.UNKNOWN:
            raise ValueError("there is nothing to read the state from")
        final_state, method = optional_text(token, "final_state"), text(token, "method")
        if method not in METHODS:
            raise ValueError("there is no such method")
        return cls(
            about=About(text(token, "verb"), text(token, "resource")),
            method=method,
            url=url,
            tracking=tracking,
            poll_url=poll_url,
            location=optional_text(token, "location"),
            final_state=None if final_state is None else FinalState(final_state),
            wants_result=flag(token, "wants_result"),
            fetching=flag(token, "fetching"),
            patience=Patience(now.monotonic, count(token, "polls")),
            status=IN_PROGRESS if poll_url else SUCCEEDED,
            outcome=None if poll_url else Success(),
        )

    def ended(self, outcome: Outcome) -> "Lro":
        """Return the state at the operation's end."""
        kept = outcome if self.wants_result or isinstance(outcome, Failure) else Success()
        percent = 100.0 if isinstance(outcome, Success) else self.percent_complete
        return replace(self, outcome=kept, status=outcome.status, percent_complete=percent)

    def _poll(self) -> Request:
        assert self.poll_url is not None  # noqa: S101 - what has no URL has ended
        return Request("GET", self.poll_url)

    def _missed(self, miss: Miss, response: Response, now: Moment) -> "Lro":
        return replace(self, patience=self.patience.missed(miss, self.about, response, now))

    def _fetched(self, response: Response, now: Moment) -> "Lro":
        if response.status == HTTPStatus.ACCEPTED and not response.body:
            return self._missed(Miss.TRANSIENT, response, now)
        return self.ended(Success(parsed(response)))

    def _waited(self, response: Response, now: Moment) -> "Lro":
        """Take in a 2xx answer of a poll: the transition table of the waiting phase."""
        tracking = settled(self.tracking, response)
        state = self if tracking is self.tracking else replace(self, tracking=tracking)
        reading = read(state.tracking, response)
        if reading.outcome is None:
            patience = self.patience.read(response, now, self.about.verb)
            moved = replace(state, status=reading.status, percent_complete=reading.percent, patience=patience)
            return moved._with_newest_urls(response)
        final = state._final_url(reading, response) if reading.outcome.status == SUCCEEDED else None
        if final is None:
            return state.ended(reading.outcome)
        return replace(state, poll_url=final, fetching=True, patience=Patience(now.monotonic))

    def _with_newest_urls(self, response: Response) -> "Lro":
        """Both URLs may change from answer to answer: the newest count."""
        if self.tracking is Tracking.STATUS:
            status = self._link(response, *_STATUS_HEADERS)
            location = self._link(response, _LOCATION_HEADER) if self.wants_result else None
            return replace(self, poll_url=status or self.poll_url, location=location or self.location)
        if self.tracking is Tracking.LOCATION:
            return replace(self, poll_url=self._link(response, _LOCATION_HEADER) or self.poll_url)
        return self

    def _final_url(self, reading: Reading, response: Response) -> str | None:
        """Return where the result of a success is read; ``None``: it is in the answer itself, or there is none."""
        if not self.wants_result or self.tracking is Tracking.RESOURCE:
            return None
        if self.tracking is Tracking.STATUS:
            location = self._link(response, _LOCATION_HEADER) or self.location
            return self._final_url_beside_status(reading, location, response)
        return self.url if self.final_state is FinalState.ORIGINAL and self.method != "DELETE" else None

    def _final_url_beside_status(self, reading: Reading, location: str | None, response: Response) -> str | None:
        """Return where a status document's result is: the first of these that holds.

        ================================================================  =====================
        what holds                                                        the result is at
        ================================================================  =====================
        the caller said ``location``, and there is one                    the ``Location``
        a POST whose caller said ``azure-async-operation``                the status document
        the document has a ``resourceLocation``                           that URL
        a PUT or PATCH, or a POST whose caller said ``original-uri``      the request's URL
        a POST, and there is a ``Location``                               the ``Location``
        else                                                              the status document
        ================================================================  =====================
        """
        posted = self.method == "POST"
        if self.final_state is FinalState.LOCATION and location:
            return location
        if posted and self.final_state in {FinalState.STATUS, FinalState.OPERATION}:
            return None
        if reading.resource_location:
            return followed(reading.resource_location, self.poll_url or self.url, response, self.about.resource)
        if self.method in _WRITES_RESOURCE or (posted and self.final_state is FinalState.ORIGINAL):
            return self.url
        return location if posted else None

    def _link(self, response: Response, *names: str) -> str | None:
        return _link(self.about, self.poll_url or self.url, response, *names)


def begin(
    about: About,
    request: Request,
    response: Response,
    now: Moment,
    *,
    wants_result: bool = False,
    final_state: FinalState | None = None,
) -> Lro:
    """Return the state after the first answer: the table's ``begin`` phase.

    Parameters
    ----------
    about : About
        What is done to what.
    request, response : Request, Response
        What began it, and the answer, of a status below 300.
    now : Moment
        When the answer came.
    wants_result : bool
        Whether the caller wants the final JSON, which may cost one read more.
    final_state : FinalState, optional
        Where the result is, if the service's API says so.

    Raises
    ------
    OutcomeUnknown
        When a POST or DELETE was accepted (202) and the answer names no URL to track it by.
    ProtocolError
        When the answer is a redirect, or names a URL on another host.
    """
    if not HTTPStatus.OK <= response.status < HTTPStatus.MULTIPLE_CHOICES:
        what = (
            f"The {about} was answered by HTTP {response.status}: a redirect is not followed, and all else is no answer"
        )
        raise ProtocolError(what, vm=about.resource, **facts(response))
    try:
        status_url = _link(about, request.url, response, *_STATUS_HEADERS)
        unused = status_url is not None and not wants_result  # then it is not followed, and need not be checked
        location = None if unused else _link(about, request.url, response, _LOCATION_HEADER)
    except ProtocolError as error:
        what = f"Azure accepted the {about}, but it can't be followed: {error.what}"
        raise ProtocolError(what, vm=about.resource, **facts(response)) from error
    tracking = _tracking(request.method, status_url, location)
    state = Lro(
        about=about,
        method=request.method,
        url=request.url,
        tracking=tracking,
        poll_url=request.url if tracking is Tracking.RESOURCE else status_url or location,
        location=location if status_url else None,
        final_state=final_state,
        wants_result=wants_result,
        patience=Patience.begun(response, now, about.verb),
    )
    if request.method in _WRITES_RESOURCE:
        return _begin_write(state, response)
    if state.poll_url is not None:
        return state
    return _begin_untracked(state, response)


def is_told(request: Request, response: Response) -> bool:
    """Tell whether an answer's head alone says what became of a write: it was refused, or here is where to follow it."""
    if request.method == "GET":
        return False
    tracked = any(response.headers.get(name) for name in (*_STATUS_HEADERS, _LOCATION_HEADER))
    return response.status >= HTTPStatus.BAD_REQUEST or tracked


def bare(about: About, url: str, now: Moment) -> Lro:
    """Return a state to follow a tracking URL of which nothing else is known; due now."""
    return Lro(
        about=about,
        method="POST",
        url=url,
        # ARM's Location is its status URL with this in the query.
        tracking=Tracking.LOCATION if "monitor=true" in url.lower() else Tracking.UNKNOWN,
        poll_url=url,
        location=None,
        final_state=None,
        wants_result=True,
        patience=Patience(now.monotonic),
    )


def _tracking(method: str, status_url: str | None, location: str | None) -> Tracking:
    if status_url:
        return Tracking.STATUS
    if location:
        return Tracking.LOCATION
    return Tracking.RESOURCE if method in _WRITES_RESOURCE else Tracking.UNKNOWN


def _begin_write(state: Lro, response: Response) -> Lro:
    """PUT and PATCH: the answer's body may be the resource in its final state already."""
    untracked = state.tracking is Tracking.RESOURCE
    if not untracked and response.status != HTTPStatus.OK:
        return state
    try:
        body = parsed(response)
    except Unreadable:
        return state  # the next read will tell
    word = provisioning_state(body)
    done_by_status = untracked and response.status in {HTTPStatus.OK, HTTPStatus.NO_CONTENT}
    if word is None:
        return state.ended(Success(body)) if done_by_status else state
    reading = meaning(word, error_in_resource(body), response, body)
    return state.ended(reading.outcome) if reading.outcome else replace(state, status=word)


def _begin_untracked(state: Lro, response: Response) -> Lro:
    """POST and DELETE without a header: done, unless the answer says 'accepted' and then nothing more."""
    about = state.about
    if response.status == HTTPStatus.ACCEPTED:
        what = f"Azure accepted the {about} (202) without saying where to follow it; what becomes of it can't be known"
        raise OutcomeUnknown(what, vm=about.resource, **facts(response))
    if response.status not in _DONE:
        what = f"The {about} was answered by HTTP {response.status}, which says neither that it is done nor that it goes on"
        raise OutcomeUnknown(what, vm=about.resource, **facts(response))
    try:
        return state.ended(Success(parsed(response)))
    except Unreadable:
        kind = response.headers.get("content-type", "unknown")
        what = f"The answer to the {about} is not JSON but {kind}: a proxy or a wrong endpoint may have given it"
        raise ProtocolError(what, vm=about.resource, **facts(response)) from None


def _link(about: About, base: str, response: Response, *names: str) -> str | None:
    """Return the first of these headers that names a URL, made absolute and known to be on the same host."""
    for name in names:
        value = response.headers.get(name, "").strip()
        if value:
            return followed(value, base, response, about.resource)
    return None
