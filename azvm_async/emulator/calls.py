"""A request as the core sees it: taken apart once, its names found without regard to case."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, unquote_plus

from azvm_async.emulator.answers import Refusal
from azvm_async.emulator.model import Document, Moment
from azvm_async.wire import Request

_LOCATION = re.compile(r"[a-z0-9]+")


@dataclass(slots=True, repr=False)
class Call:
    """A request taken apart.

    Parameters
    ----------
    url : str
        The URL as it was sent.
    base : str
        Scheme and host as the client wrote them: links in answers begin with it.
    path : str
        The path, still encoded.
    query, headers : Mapping[str, str]
        By lower-case name.
    now : Moment
        When it came.
    names : dict[str, str]
        What stood in the path where its route has a name.
    counted : Mapping[str, str]
        What its answer says of the limits that it was counted for.
    """

    method: str
    url: str
    base: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    now: Moment
    names: dict[str, str] = field(default_factory=dict)
    counted: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, request: Request, now: Moment) -> "Call":
        """Take a request apart."""
        location, _, query = request.url.partition("?")
        scheme, _, rest = location.partition("://")
        host, slash, path = rest.partition("/")
        headers = {name.lower(): value for name, value in request.headers.items()}
        base = f"{scheme}://{host}"
        return cls(request.method, request.url, base, slash + path, _parameters(query), headers, request.body, now)

    @property
    def api_version(self) -> str:
        """The API version asked for."""
        return self.query.get("api-version", "")

    def name(self, key: str) -> str:
        """Return a name from the path."""
        name = self.names[key]
        return unquote(name) if "%" in name else name

    def asks(self, flag: str) -> bool:
        """Tell whether a parameter of the query is ``true``."""
        return self.query.get(flag.lower(), "").lower() == "true"

    def expands_instance_view(self) -> bool:
        """Tell whether the answer shall contain the instance view."""
        return self.query.get("$expand", "").lower() == "instanceview"

    def document(self) -> Document:
        """Return the body, which must be a JSON object; an empty body counts as an empty one."""
        try:
            parsed = json.loads(self.body or b"{}", parse_constant=_refuse_constant)
        except (ValueError, RecursionError) as error:
            raise Refusal.bad_content("it is not JSON.") from error
        if not isinstance(parsed, dict):
            raise Refusal.bad_content("it is not an object.")
        return parsed


def _parameters(query: str) -> dict[str, str]:
    pairs = [pair.partition("=") for pair in query.split("&") if pair]
    if "%" in query or "+" in query:
        return {unquote_plus(name).lower(): unquote_plus(value) for name, _, value in pairs}
    return {name.lower(): value for name, _, value in pairs}


def section(document: Mapping[str, Any], key: str) -> Document:
    """Return the object under ``key``, empty when there is none.

    Raises
    ------
    Refusal
        When something else than an object is there.
    """
    value = document.get(key)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise Refusal.bad_content(f"'{key}' is not an object.")
    return value


def objects(document: Mapping[str, Any], key: str) -> list[Document]:
    """Return the list of objects under ``key``, empty when there is none.

    Raises
    ------
    Refusal
        When something else than such a list is there.
    """
    value = document.get(key)
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
        raise Refusal.bad_content(f"'{key}' is not a list of objects.")
    return value


def text(document: Mapping[str, Any], key: str, default: str = "") -> str:
    """Return the string under ``key``, ``default`` when there is none.

    Raises
    ------
    Refusal
        When something else than a string is there.
    """
    value = document.get(key)
    if value is None:
        return default
    if not isinstance(value, str):
        raise Refusal.bad_content(f"'{key}' is not a string.")
    return value


def string_map(document: Mapping[str, Any], key: str) -> dict[str, str] | None:
    """Return the object of strings under ``key``, as tags are, ``None`` when there is none."""
    if document.get(key) is None:
        return None
    found = section(document, key)
    return {name: text(found, name) for name in found}


def location_of(document: Mapping[str, Any], default: str | None = None) -> str:
    """Return the location, written as ARM shows it: ``West Europe`` is ``westeurope``.

    Raises
    ------
    Refusal
        When there is none, or none that could be one.
    """
    given = text(document, "location", default or "")
    location = plain_location(given)
    if not location:
        raise Refusal(400, "LocationRequired", "The location property is required for this definition.")
    if not _LOCATION.fullmatch(location):
        message = f"The provided location '{given}' is not available for this resource type."
        raise Refusal(400, "LocationNotAvailableForResourceType", message)
    return location


def plain_location(location: str) -> str:
    """Return a location without spaces and in lower case."""
    return location.replace(" ", "").lower()


def require_location(location: str) -> str:
    """Return a location as ARM shows it.

    Raises
    ------
    ValueError
        When it could be none.
    """
    if not _LOCATION.fullmatch(plain := plain_location(location)):
        raise ValueError(f"{location!r} is no location: it must have letters or digits, and nothing else but spaces")
    return plain


def _refuse_constant(name: str) -> None:
    """Refuse NaN and the infinities, which Python reads but JSON has not."""
    raise ValueError(name)
