"""Faults on demand: what can go wrong between a client and ARM, each under a name of its own.

A fault strikes one request (:mod:`~azvm_async.emulator.mishaps` says which). Those in this file happen in ARM: they are
given the call and the way to its answer, and decide whether the call gets there and what becomes of the answer. Those of
the connection are for the doors to carry out.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from email.utils import format_datetime
from http import HTTPStatus
from itertools import islice
from math import inf
from urllib.parse import urlsplit

from azvm_async.emulator import identity
from azvm_async.emulator.answers import Refusal
from azvm_async.emulator.calls import Call
from azvm_async.emulator.deployment_tracking import signed
from azvm_async.emulator.model import Failure, Operation, Resource, RunCommand, VirtualMachine, World
from azvm_async.emulator.operations import PREEMPTED, never_end
from azvm_async.wire import Response

Answering = Callable[[Call], Response]

CLAIMS = '{"access_token":{"nbf":{"essential":true,"value":"1767225600"}}}'
_POLLS = re.compile(
    r"/locations/[^/]+/operations/[^/]+$|/operationstatuses/|/operationresults/|/deploymentstackoperationstatus/"
)
_TRACKING = ("azure-asyncoperation", "location")
_CENTURY = 100 * 365 * 86_400.0


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that goes wrong with one request; this one does not."""

    def concerns(self, method: str, path: str) -> bool:  # noqa: ARG002  # for those who look
        """Tell whether such a request can be struck by it."""
        return True

    def strike(self, world: World, call: Call, answer: Answering) -> Response:  # noqa: ARG002  # for those who look
        """Answer a call, or let it be answered, with what goes wrong."""
        return answer(call)


# Of the connection: carried out by the doors.


@dataclass(frozen=True, slots=True)
class Refused(Fault):
    """There is no connection. Only in process: a server that listens cannot choose whom to refuse."""


@dataclass(frozen=True, slots=True)
class ResetBefore(Fault):
    """The connection breaks before the request is read: nothing is done."""


@dataclass(frozen=True, slots=True)
class ResetAfter(Fault):
    """The connection breaks when the request was carried out: all is done, and nobody is told."""


@dataclass(frozen=True, slots=True)
class ResetMidway(Fault):
    """The connection breaks in the middle of the answer; the request was carried out."""


@dataclass(frozen=True, slots=True)
class Slow(Fault):
    """The request is carried out at once, and its answer comes late.

    Parameters
    ----------
    seconds : float
        How late: by the emulator's clock in process, in real time over a socket, as a client's time-outs there.

    Raises
    ------
    ValueError
        When that is no time to wait.
    """

    seconds: float

    def __post_init__(self) -> None:
        if not 0 <= self.seconds < inf:
            raise ValueError(f"the seconds must be a number from 0 on, not {self.seconds}")


# Of the answer.


@dataclass(frozen=True, slots=True)
class Truncated(Fault):
    """Half of the answer's JSON is missing, although the HTTP message is whole."""

    def strike(self, world: World, call: Call, answer: Answering) -> Response:  # noqa: ARG002  # as the base
        """See :meth:`Fault.strike`."""
        response = answer(call)
        return replace(response, body=response.body[: len(response.body) // 2])


@dataclass(frozen=True, slots=True)
class WrongBody(Fault):
    """The answer's body is another one, by default JSON of a shape that nobody expects.

    Parameters
    ----------
    text : str
        The body.

    Raises
    ------
    ValueError
        When it can't be written in UTF-8, as half of a surrogate pair.
    """

    text: str = "[]"

    def __post_init__(self) -> None:
        self.text.encode()

    def strike(self, world: World, call: Call, answer: Answering) -> Response:  # noqa: ARG002  # as the base
        """See :meth:`Fault.strike`."""
        return replace(answer(call), body=self.text.encode())


@dataclass(frozen=True, slots=True)
class Status(Fault):
    """The answer is an error: 408, 429, 500, 502, 503, 504 or any other.

    Parameters
    ----------
    status : int
        From 400 to 599.
    retry_after : int, str or None
        The header ``Retry-After``: seconds, or any text; ``None`` for none.
    applied : bool
        Whether the request is carried out all the same, or refused unseen as it would be without the fault; 408 and 5xx
        only.

    Raises
    ------
    ValueError
        When this is no error, one that says that nothing was done although it was, or when the header can't be sent.
    """

    status: int
    retry_after: int | str | None = None
    applied: bool = False

    def __post_init__(self) -> None:
        if self.status not in range(HTTPStatus.BAD_REQUEST, 600):
            raise ValueError(f"{self.status} is no error")
        doubtful = self.status == HTTPStatus.REQUEST_TIMEOUT or self.status >= HTTPStatus.INTERNAL_SERVER_ERROR
        if self.applied and not doubtful:
            raise ValueError(f"{self.status} says that nothing was done")
        _require_header(str(self.retry_after))

    def strike(self, world: World, call: Call, answer: Answering) -> Response:  # noqa: ARG002  # as the base
        """See :meth:`Fault.strike`."""
        if self.applied:
            answer(call)
        headers = {} if self.retry_after is None else {"retry-after": str(self.retry_after)}
        phrase = _phrase(self.status)
        return Refusal(self.status, phrase.replace(" ", ""), f"{phrase}. Please try again later.", headers).response()


@dataclass(frozen=True, slots=True)
class ClockSkew(Fault):
    """The date of the answer is wrong.

    Parameters
    ----------
    seconds : float
        How much the server's clock is ahead; less than 0 when it is behind. A century at most.

    Raises
    ------
    ValueError
        When it is more.
    """

    seconds: float

    def __post_init__(self) -> None:
        if not abs(self.seconds) <= _CENTURY:
            raise ValueError(f"the skew must be a century at most, not {self.seconds} seconds")

    def strike(self, world: World, call: Call, answer: Answering) -> Response:  # noqa: ARG002  # as the base
        """See :meth:`Fault.strike`."""
        date = format_datetime(call.now.utc + timedelta(seconds=self.seconds), usegmt=True)
        return _with_headers(answer(call), {"date": date})


# Of the token.


@dataclass(frozen=True, slots=True)
class ExpiredToken(Fault):
    """The token that the request brings has just expired: 401, until another one is brought."""

    def strike(self, world: World, call: Call, answer: Answering) -> Response:
        """See :meth:`Fault.strike`."""
        identity.expire(world, call)
        return answer(call)


@dataclass(frozen=True, slots=True)
class ClaimsChallenge(Fault):
    """Continuous Access Evaluation takes all tokens back: 401, until one is brought that was asked for with these claims.

    Parameters
    ----------
    claims : str
        JSON, as the credential's ``get_token`` takes it; a ValueError when it can't be written in UTF-8.
    """

    claims: str = CLAIMS

    def __post_init__(self) -> None:
        self.claims.encode()

    def strike(self, world: World, call: Call, answer: Answering) -> Response:
        """See :meth:`Fault.strike`."""
        identity.challenge(world, self.claims)
        return answer(call)


# Of following an operation.


@dataclass(frozen=True, slots=True)
class _OfPolls(Fault):
    """A fault of polls only."""

    def concerns(self, method: str, path: str) -> bool:
        """See :meth:`Fault.concerns`."""
        return is_poll(method, path)


@dataclass(frozen=True, slots=True)
class NotYetFound(_OfPolls):
    """A poll is answered 404: the operation has not got about yet."""

    def strike(self, world: World, call: Call, answer: Answering) -> Response:  # noqa: ARG002  # as the base
        """See :meth:`Fault.strike`."""
        name = call.path.rstrip("/").rpartition("/")[2]
        return Refusal(404, "NotFound", f"The operation '{name}' was not found.").response()


@dataclass(frozen=True, slots=True)
class UnknownState(_OfPolls):
    """A poll of a status tells of a state that nobody has heard of.

    Parameters
    ----------
    word : str
        The state.
    """

    word: str = "Reticulating"

    def strike(self, world: World, call: Call, answer: Answering) -> Response:  # noqa: ARG002  # as the base
        """See :meth:`Fault.strike`."""
        response = answer(call)
        document = response.document()
        if "status" not in document:
            return response
        return Response.with_json(response.status, {**document, "status": self.word}, response.headers)


@dataclass(frozen=True, slots=True)
class TrackingMoved(_OfPolls):
    """A poll's answer names another URL for the polls to come; the old one goes on to work."""

    def strike(self, world: World, call: Call, answer: Answering) -> Response:
        """See :meth:`Fault.strike`."""
        return _renamed(world, call, answer(call), lambda url: url)


@dataclass(frozen=True, slots=True)
class _OfTracking(Fault):
    """A fault of the answers that name tracking URLs: those to writes, and those to polls that then do too."""

    def concerns(self, method: str, path: str) -> bool:
        """See :meth:`Fault.concerns`."""
        return is_write(method) or is_poll(method, path)


@dataclass(frozen=True, slots=True)
class TrackingRelative(_OfTracking):
    """The tracking URLs are without scheme and host."""

    def strike(self, world: World, call: Call, answer: Answering) -> Response:
        """See :meth:`Fault.strike`."""
        return _renamed(world, call, answer(call), lambda url: url.removeprefix(call.base))


@dataclass(frozen=True, slots=True)
class TrackingForeign(_OfTracking):
    """The tracking URLs are on a host of somebody else.

    Parameters
    ----------
    base : str
        Scheme and host; a ValueError when they can't be sent in a header.
    """

    base: str = "https://arm.example"

    def __post_init__(self) -> None:
        _require_header(self.base)

    def strike(self, world: World, call: Call, answer: Answering) -> Response:
        """See :meth:`Fault.strike`."""
        return _renamed(world, call, answer(call), lambda url: self.base + url.removeprefix(call.base))


# Of the operation.


@dataclass(frozen=True, slots=True)
class _OfWrites(Fault):
    """A fault of what changes something."""

    def concerns(self, method: str, path: str) -> bool:  # noqa: ARG002  # as the base
        """See :meth:`Fault.concerns`."""
        return is_write(method)


@dataclass(frozen=True, slots=True)
class Preempted(_OfWrites):
    """The operation ends as Canceled, with ``OperationPreempted``, as if a newer one had taken over."""

    def strike(self, world: World, call: Call, answer: Answering) -> Response:
        """See :meth:`Fault.strike`."""
        return _doomed(world, call, answer, PREEMPTED)


@dataclass(frozen=True, slots=True)
class AllocationFailed(_OfWrites):
    """The operation ends as Failed, with ``AllocationFailed``."""

    def strike(self, world: World, call: Call, answer: Answering) -> Response:
        """See :meth:`Fault.strike`."""
        message = "Allocation failed. We do not have sufficient capacity for the requested VM size in this region."
        return _doomed(world, call, answer, Failure("AllocationFailed", message))


@dataclass(frozen=True, slots=True)
class Endless(_OfWrites):
    """The operation never ends, unless a newer one takes over."""

    def strike(self, world: World, call: Call, answer: Answering) -> Response:
        """See :meth:`Fault.strike`."""
        response, begun = _watched(world, call, answer)
        for operation in begun:
            never_end(operation)
        return response


@dataclass(frozen=True, slots=True)
class QuotaExceeded(_OfWrites):
    """The request is refused for the quota: 409 ``OperationNotAllowed``, Azure's code for it."""

    def strike(self, world: World, call: Call, answer: Answering) -> Response:  # noqa: ARG002  # as the base
        """See :meth:`Fault.strike`."""
        message = "Operation could not be completed as it results in exceeding approved Total Regional Cores quota."
        return Refusal(409, "OperationNotAllowed", message).response()


@dataclass(frozen=True, slots=True)
class Conflict(_OfWrites):
    """The request is refused because something else is being done: 409 ``Conflict``."""

    def strike(self, world: World, call: Call, answer: Answering) -> Response:  # noqa: ARG002  # as the base
        """See :meth:`Fault.strike`."""
        message = "Another operation on this or a dependent resource is in progress. Please retry later."
        return Refusal(409, "Conflict", message).response()


def is_poll(method: str, path: str) -> bool:
    """Tell whether a request asks how an operation goes."""
    return method == "GET" and _POLLS.search(path.lower()) is not None


def is_write(method: str) -> bool:
    """Tell whether a request changes something."""
    return method not in {"GET", "HEAD"}


def _phrase(status: int) -> str:
    """Return what a status is called; not all that Azure answers have a name, 499 has none."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return f"Status {status}"


def _require_header(value: str) -> None:
    """Make sure that a text can be sent as a header."""
    if not (value.isascii() and value.isprintable()):
        raise ValueError(f"{value!r} is no header: it must be one line of ASCII")


def _with_headers(response: Response, headers: Mapping[str, str]) -> Response:
    return replace(response, headers={**response.headers, **headers})


def _renamed(world: World, call: Call, response: Response, rename: Callable[[str], str]) -> Response:
    """Return an answer with other tracking URLs; a poll's answer gets one that the client has not seen."""
    named = {name: url for name, url in response.headers.items() if name in _TRACKING}
    if is_poll(call.method, call.path):
        named = _moved(world, call)
    return _with_headers(response, {name: rename(url) for name, url in named.items()})


def _moved(world: World, call: Call) -> dict[str, str]:
    """Return another URL of what a poll asks for, under the header for its kind."""
    partition, world.partition = world.partition, world.new_id()
    url = signed(world, call, call.path)
    world.partition = partition
    if call.asks("monitor"):
        return {"location": f"{url}&monitor=true"}
    return {"location" if "/operationresults/" in urlsplit(url).path.lower() else "azure-asyncoperation": url}


def _doomed(world: World, call: Call, answer: Answering, doom: Failure) -> Response:
    """Answer a call whose operation is going to fail."""
    response, begun = _watched(world, call, answer)
    for operation in begun:
        operation.doom = doom
    return response


def _watched(world: World, call: Call, answer: Answering) -> tuple[Response, Iterable[Operation]]:
    """Answer a call, and return with the answer the operations on resources that began there."""
    before = len(world.operations)
    response = answer(call)
    begun = list(islice(reversed(world.operations.values()), len(world.operations) - before))
    return response, [each for each in begun if isinstance(each.target, VirtualMachine | Resource | RunCommand)]
