"""Arguments of a caller, checked before anything is sent: words of a few, and requests of a caller's own."""

from enum import Enum
from typing import Any, TypeVar

from azvm_async.errors import InvalidRequest
from azvm_async.protocol import urls
from azvm_async.protocol.lro import METHODS
from azvm_async.wire import Request, without_query

Choice = TypeVar("Choice", bound=Enum)


def one_of(kind: type[Choice], value: str, name: str) -> Choice:
    """Return the member that a word names, or raise :class:`InvalidRequest` with those that there are."""
    try:
        return kind(value)
    except ValueError as error:
        allowed = ", ".join(repr(member.value) for member in kind)
        raise InvalidRequest(f"{name} can't be {value!r}; {allowed} can") from error


def own_request(endpoint: str, method: str, path_or_url: str, json: Any, api_version: str | None) -> Request:
    """Build a request of a caller's own.

    Raises
    ------
    InvalidRequest
        When it can't be one of Resource Manager at the endpoint.
    """
    if not isinstance(path_or_url, str):
        raise InvalidRequest(f"The path is a str, not a {type(path_or_url).__name__}")
    if not isinstance(method, str) or method.upper() not in METHODS:
        raise InvalidRequest(f"{method!r} is not a method of Resource Manager; {', '.join(sorted(METHODS))} are")
    url = endpoint + path_or_url if path_or_url.startswith("/") else path_or_url
    if not urls.is_on(url, endpoint):  # it may be signed, so it is not shown as a whole
        shown = without_query(path_or_url)
        raise InvalidRequest(f"{shown!r} is neither a path with a leading '/', nor a URL on {endpoint}")
    if urls.climbs(url):
        raise InvalidRequest(f"{without_query(path_or_url)!r} leads out of what it names: it has a part '.' or '..'")
    try:
        return Request.with_json(method.upper(), urls.with_query(url, **{"api-version": api_version}), json)
    except (TypeError, ValueError) as error:
        raise InvalidRequest(f"The body is not JSON: {error}") from error
