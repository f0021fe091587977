"""What one answer says of an operation: the word for its state, what that word means, and how far it is.

An operation is tracked in one of these ways, the first that Azure's first answer offers:

=========  ==================================================================  ===================================
tracking   where the state is read                                             the state is
=========  ==================================================================  ===================================
STATUS     the URL of ``Azure-AsyncOperation`` (or ``Operation-Location``)      ``status`` in its body
LOCATION   the URL of ``Location``                                             202 running; 200, 201, 204 done, unless
                                                                               the body's provisioningState disagrees
RESOURCE   the resource itself (PUT and PATCH without such a header)           ``properties.provisioningState``
UNKNOWN    a bare URL that a user resumed                                      STATUS where the body has a ``status``,
                                                                               else LOCATION
=========  ==================================================================  ===================================
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus
from typing import Any

from azvm_async.protocol.faults import Fault
from azvm_async.protocol.machine import CANCELED, FAILED, IN_PROGRESS, SUCCEEDED, Failure, Outcome, Success
from azvm_async.wire import Response

_ENDINGS = {
    "succeeded": SUCCEEDED,
    "completed": SUCCEEDED,
    "failed": FAILED,
    "canceled": CANCELED,
    "cancelled": CANCELED,
}


class Tracking(StrEnum):
    """How an operation's state is read; see the table above."""

    STATUS = "status"
    LOCATION = "location"
    RESOURCE = "resource"
    UNKNOWN = "unknown"


class Unreadable(Exception):
    """A 2xx answer without a state in it."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What one answer says: the state's word, how far it is, how it ended, and where its result is."""

    status: str
    percent: float | None = None
    outcome: Outcome | None = None
    resource_location: str | None = None


def settled(tracking: Tracking, response: Response) -> Tracking:
    """Return how an operation is tracked, where only its answers tell; a bare 202 leaves it open."""
    if tracking is not Tracking.UNKNOWN:
        return tracking
    if _word(response.document().get("status")):
        return Tracking.STATUS
    return tracking if response.status == HTTPStatus.ACCEPTED else Tracking.LOCATION


def read(tracking: Tracking, response: Response) -> Reading:
    """Read the state out of a 2xx answer to a poll.

    Raises
    ------
    Unreadable
        When there is none in it.
    """
    if response.status == HTTPStatus.ACCEPTED and tracking is not Tracking.STATUS:
        return _running(response)
    body = parsed(response)
    document = body if isinstance(body, Mapping) else {}
    if tracking is Tracking.STATUS:
        word, error = _word(document.get("status")), document.get("error")
        return meaning(word, error, response, body) if word else _without_status(response)
    if tracking is Tracking.RESOURCE and not document:
        raise Unreadable
    word = provisioning_state(body) or SUCCEEDED
    return meaning(word, error_in_resource(body), response, body)


def _without_status(response: Response) -> Reading:
    """Read an answer of a status URL that has no ``status``: a bare 202 means running, as some services do it."""
    if response.status == HTTPStatus.ACCEPTED:
        return _running(response)
    raise Unreadable


def _running(response: Response) -> Reading:
    return Reading(IN_PROGRESS, _percent(response.document()))


def ending_of(word: str | None) -> str | None:
    """Return ``Succeeded``, ``Failed`` or ``Canceled`` for a word that means an ending, else None."""
    return _ENDINGS.get((word or "").lower())


def meaning(word: str, error: object, response: Response, body: Any) -> Reading:
    """Give a state's word its meaning: three endings are known, every other word means still running.

    Parameters
    ----------
    word : str
        The state as Azure wrote it.
    error : object
        Where the answer tells why it failed.
    response : Response
        The answer: its body is the result, if this is a success.
    """
    ending = ending_of(word)
    outcome: Outcome | None = None
    if ending == SUCCEEDED:
        outcome = Success(body)
    elif ending is not None:
        outcome = Failure(ending, Fault.of(error), response.headers.get("x-ms-request-id"))
    document = body if isinstance(body, Mapping) else {}
    return Reading(ending or word, _percent(document), outcome, _word(document.get("resourceLocation")))


def parsed(response: Response) -> Any:
    """Return a response's JSON, ``None`` where it is empty, or raise :class:`Unreadable`."""
    try:
        return response.json()
    except ValueError as error:
        raise Unreadable from error


def provisioning_state(body: object) -> str | None:
    """Return the word in ``properties.provisioningState``, if any."""
    properties = body.get("properties") if isinstance(body, Mapping) else None
    return _word(properties.get("provisioningState")) if isinstance(properties, Mapping) else None


def error_in_resource(body: object) -> object:
    """Return where a resource that failed tells why."""
    if not isinstance(body, Mapping):
        return None
    properties = body.get("properties")
    inner = properties.get("error") if isinstance(properties, Mapping) else None
    return inner or body.get("error")


def _word(value: object) -> str | None:
    """Return a text that says something, or None."""
    return (value.strip() or None) if isinstance(value, str) else None


def _percent(document: Mapping[str, Any]) -> float | None:
    value = document.get("percentComplete")
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value:  # noqa: PLR0124 - NaN
        return None
    return float(min(100, max(0, value)))  # bounded first: JSON knows integers that no float holds
