"""What crosses the wire, as frozen values: the :class:`Request` to send and the :class:`Response` that came.

Everything above speaks in these two, so that the protocol needs no socket and the emulator no client.
Neither shows a header, a body or the query of a URL in its ``repr``: tokens, scripts and signed URLs live there.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import urlsplit, urlunsplit

JSON_TYPE = "application/json; charset=utf-8"

DEEPEST = 64
"""Levels of objects and arrays that an answer may have. ARM's have twelve; what reads them recurses, and so does what writes
them again."""

_SHOWN = 500  # characters of a URL
_SHORT = 8_192  # bytes
_OPENING, _MARKS = b"[{", b'[]{}"'
_NO_OPENING, _NO_MARKS = (bytes(set(range(256)) - set(each)) for each in (_OPENING, _MARKS))
_AS_ARRAYS = bytes.maketrans(b"{}", b"[]")
_STRING = re.compile(rb'"[^"]*"')


@dataclass(frozen=True, slots=True, repr=False)
class Request:
    """An HTTP request.

    Parameters
    ----------
    method : str
        Upper-case HTTP method.
    url : str
        Absolute URL, sent verbatim: tracking URLs carry a signature.
    body : bytes
        Serialised body, empty for none.
    headers : Mapping[str, str]
        Headers beside those that the pipeline adds.
    """

    method: str
    url: str
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def with_json(cls, method: str, url: str, document: Any) -> Self:
        """Build a request with a JSON body; ``None`` means no body.

        Raises
        ------
        TypeError, ValueError
            When ``document`` is not JSON.
        """
        if document is None:
            return cls(method, url)
        body = json.dumps(document, allow_nan=False).encode()
        return cls(method, url, body, {"content-type": JSON_TYPE})

    def __repr__(self) -> str:
        return f"<Request {self.method} {without_query(self.url)}>"


@dataclass(frozen=True, slots=True, repr=False)
class Response:
    """An HTTP response.

    Parameters
    ----------
    status : int
        HTTP status code.
    headers : Mapping[str, str]
        Lower-case names; what came several times is joined with ``", "`` (see :func:`joined`).
    body : bytes
        The whole body.
    cut : str, optional
        Why the body is not there, although the answer's head came: what broke on the way.
    """

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    cut: str | None = None

    @classmethod
    def with_json(cls, status: int, document: Any, headers: Mapping[str, str] | None = None) -> Self:
        """Build a response with a JSON body."""
        return cls(status, {"content-type": JSON_TYPE, **(headers or {})}, json.dumps(document).encode())

    def json(self) -> Any:
        """Return the parsed body, ``None`` where it is empty.

        Raises
        ------
        ValueError
            When the body is not JSON, or has more than :data:`DEEPEST` levels.
        """
        if not self.body.strip():
            return None
        text = _decoded(self.body)
        try:
            parsed = json.loads(text)
        except RecursionError as error:
            raise ValueError("the JSON nests too deeply") from error
        if nests_deeper(self.body if len(text) == len(self.body) else text.encode(), DEEPEST):
            raise ValueError(f"the JSON has more than {DEEPEST} levels")
        return parsed

    def document(self) -> Mapping[str, Any]:
        """Return the body where it is a JSON object, else an empty mapping: for reading what may not be there."""
        try:
            parsed = self.json()
        except ValueError:
            return {}
        return parsed if isinstance(parsed, dict) else {}

    def __repr__(self) -> str:
        return f"<Response {self.status}, {len(self.body)} bytes>"


def nests_deeper(json_text: bytes, levels: int) -> bool:
    """Tell whether well-formed JSON has more than so many levels, without walking through what was parsed of it.

    Of a short one what opens is counted first: few have so much of it. Else only brackets and quotes are kept, and what is
    within quotes goes: two quotes in a row are a string without brackets. Then the innermost level goes, again and again.
    """
    if len(json_text) < _SHORT and len(json_text.translate(None, _NO_OPENING)) <= levels:
        return False
    if b"\\" in json_text:
        json_text = json_text.replace(rb"\\", b"").replace(rb"\"", b"")
    left = _STRING.sub(b"", json_text.translate(_AS_ARRAYS, _NO_MARKS).replace(b'""', b""))
    for _ in range(levels):
        if not left:
            return False
        left = left.replace(b"[]", b"")
    return bool(left)


def _decoded(body: bytes) -> str:
    """Return the text of a body in UTF-8, as ARM's are; 16 and 32 bits are told by their zeros, as the oldest RFC had it."""
    plain = body[:1] in _OPENING and body[1:2] != b"\0"
    return body.decode() if plain else body.decode(json.detect_encoding(body))


def joined(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return headers by lower-case name, repeated ones joined with ``", "`` as RFC 9110 allows (section 5.3)."""
    headers = list(headers)
    found = {name.lower(): value for name, value in headers}
    if len(found) == len(headers):  # as almost always
        return found
    found = {}
    for name, value in headers:
        key = name.lower()
        found[key] = f"{found[key]}, {value}" if key in found else value
    return found


def without_query(url: str) -> str:
    """Return ``url`` fit to be shown: without its user name and without its query, where signatures are."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "(an unreadable URL)"
    if "@" in parts.path and not parts.netloc:  # a user name and password may stand before it all the same
        return "(an unreadable URL)"
    host = parts.netloc.rpartition("@")[2]
    shown = urlunsplit((parts.scheme, host, parts.path, "", ""))
    shown = shown if len(shown) <= _SHOWN else f"{shown[: _SHOWN - 1]}…"
    return f"{shown}?…" if parts.query else shown
