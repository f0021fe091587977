"""From an error answer of ARM to the error that a caller gets.

ARM writes ``{"error": {"code", "message", "details"}}``; some services leave out the outer object, and what stands
between (a proxy, a load balancer) may write anything. The class is decided by the HTTP status: Azure uses one code,
such as ``OperationNotAllowed``, for throttling, quota and conflicts alike.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Self

from azvm_async.errors import (
    AuthenticationError,
    AzureVMError,
    Conflict,
    NotFound,
    ProtocolError,
    RequestRefused,
    Throttled,
)
from azvm_async.protocol.pacing import retry_after
from azvm_async.protocol.urls import follow
from azvm_async.wire import Request, Response

CLIENT_REQUEST_ID = "x-ms-client-request-id"

_CLASSES: Mapping[int, type[AzureVMError]] = {
    HTTPStatus.UNAUTHORIZED: AuthenticationError,
    HTTPStatus.FORBIDDEN: AuthenticationError,
    HTTPStatus.NOT_FOUND: NotFound,
    HTTPStatus.CONFLICT: Conflict,
    HTTPStatus.TOO_MANY_REQUESTS: Throttled,
}


@dataclass(frozen=True, slots=True)
class Fault:
    """What ARM says of an error: ``code``, ``message`` and nested ``details``, each where it was given."""

    code: str | None = None
    message: str | None = None
    details: tuple[Any, ...] = ()

    @classmethod
    def of(cls, document: object) -> Self:
        """Read a body, or an operation's ``error``, of any of the shapes in use."""
        outer = _lowered(document)
        error = outer.get("error") or outer
        if isinstance(error, str):  # OAuth's shape: {"error": "invalid_request", "error_description": "…"}
            return cls(_text(error), _text(outer.get("error_description")))
        inner = _lowered(error)
        details = inner.get("details")
        return cls(
            _text(inner.get("code")), _text(inner.get("message")), tuple(details) if isinstance(details, list) else ()
        )


_SIGNATURE = re.compile(r"([?&#](?:sig|s|c|h)=)[^&\s\"'<>\\]+|(?<=://)[^\s/?#@]+@", re.IGNORECASE)
_NO_ANSWERS = {"", "subscriptionnotfound", "invalidsubscriptionid", "invalidresourcetype"}


def _lowered(document: object) -> Mapping[str, Any]:
    """Return an object by lower-case keys, for some services write ``Error``, ``Code`` and ``Message``."""
    return {str(key).lower(): value for key, value in document.items()} if isinstance(document, Mapping) else {}


def _text(value: object) -> str | None:
    """Return a non-empty text, or None; who echoes a URL shows its signature, or its user, which is left out."""
    return _SIGNATURE.sub(r"\1…", str(value)) or None if isinstance(value, str | int) else None


def error_for(what: str, request: Request, response: Response, *, vm: str | None = None) -> AzureVMError:
    """Return the error that says that Azure refused a request.

    Parameters
    ----------
    what : str
        What was being done, to what: ``"start of vm1 was refused"``.
    request, response : Request, Response
        What was sent, and the answer (4xx or 5xx).
    vm : str, optional
        ARM id of the VM concerned.
    """
    kind = _CLASSES.get(response.status, RequestRefused)
    return kind(what, vm=vm, client_request_id=request.headers.get(CLIENT_REQUEST_ID), **facts(response))


def facts(response: Response) -> dict[str, Any]:
    """Return what an error should carry of an answer: its status, Azure's code, message and request id."""
    fault = Fault.of(response.document())
    return {
        "status": response.status,
        "code": fault.code,
        "message": fault.message,
        "details": fault.details,
        "request_id": response.headers.get("x-ms-request-id"),
        "retry_after": retry_after(response),
    }


def followed(link: str, base: str, response: Response, vm: str) -> str:
    """Return a link that an answer named, made absolute, or say whose answer it was that leads astray.

    Parameters
    ----------
    link, base : str
        What was named, and the URL that was asked.
    response : Response
        The answer.
    vm : str
        ARM id of the VM concerned.

    Raises
    ------
    ProtocolError
        See :func:`azvm_async.protocol.urls.follow`.
    """
    try:
        return follow(base, link)
    except ProtocolError as error:
        raise ProtocolError(error.what, vm=vm, **facts(response)) from error


def absent(response: Response) -> bool:
    """Tell whether a 404 says that what was asked for is not there, rather than that the question was wrong.

    A proxy's page has no error of ARM's in it, and a subscription that is not known has no resources to tell of.
    """
    code = (Fault.of(response.document()).code or "").lower()
    return response.status == HTTPStatus.NOT_FOUND and code not in _NO_ANSWERS
