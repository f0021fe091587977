"""Encoding functions: Base64, data URIs, URIs and JSON."""

import base64
import binascii
import json
import re
from typing import Any
from urllib.parse import quote, unquote, urljoin

from azvm_async.emulator.templates.errors import ExpressionError
from azvm_async.emulator.templates.functions import Function
from azvm_async.emulator.templates.values import check_length, encoded

_QUOTED = re.compile(r""""(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'""", re.DOTALL)
_DATA_URI = "data:text/plain;charset=utf8;base64,"


def _base64(text: str) -> str:
    data = encoded(text)
    check_length(len(data) * 4 // 3)
    return base64.b64encode(data).decode()


def _from_base64(text: str) -> str:
    try:
        return base64.b64decode(encoded(text), validate=True).decode("utf-8", "replace")
    except binascii.Error as error:
        raise ExpressionError("The template language function 'base64ToString' expects a base64 string.") from error


def _json(text: str) -> Any:
    """Read JSON as ARM does, which takes apostrophes for quotes, too."""
    try:
        return json.loads(_QUOTED.sub(_with_quotes, text), parse_constant=_refuse_constant)
    except ValueError as error:
        raise ExpressionError("The template language function 'json' parameter is not valid JSON.") from error


def _with_quotes(quoted: re.Match[str]) -> str:
    """Return a string of JSON in quotes, whatever it was in."""
    text = quoted[0]
    return text if text[0] == '"' else '"' + text[1:-1].replace("\\'", "'").replace('"', '\\"') + '"'


def _refuse_constant(name: str) -> None:
    """Refuse NaN and the infinities, which Python reads but JSON has not."""
    raise ValueError(name)


def _from_data_uri(text: str) -> str:
    head, comma, data = text.partition(",")
    if not (comma and head.lower().startswith("data:")):
        raise ExpressionError("The template language function 'dataUriToString' expects a data URI.")
    return _from_base64(data) if head.lower().endswith(";base64") else unquote(data)


def _uri(base: str, relative: str) -> str:
    """Combine two parts of a URI as .NET does."""
    try:
        return urljoin(base, relative)
    except ValueError as error:
        raise ExpressionError("The template language function 'uri' expects an absolute URI.") from error


def _component(text: str) -> str:
    coded = quote(encoded(text), safe="~")
    check_length(len(coded))
    return coded


FUNCTIONS = [
    Function("base64", "string", _base64),
    Function("base64ToString", "string", _from_base64),
    Function("base64ToJson", "string", lambda text: _json(_from_base64(text))),
    Function("dataUri", "string", lambda text: _DATA_URI + _base64(text)),
    Function("dataUriToString", "string", _from_data_uri),
    Function("uri", "string string", _uri),
    Function("uriComponent", "string", _component),
    Function("uriComponentToString", "string", unquote),
    Function("json", "string", _json),
]
