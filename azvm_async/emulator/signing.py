"""Tracking URLs carry a signature in their query, and a poll whose signature was changed is refused.

ARM's carry five parameters: a partition, a time stamp, a certificate, a signature and a hash, more than a kilobyte
together. They are imitated in shape and length, so that a client that stores, logs, re-encodes or shortens such URLs
finds out here.
"""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from random import Random

_SIGNED = ("p", "api-version", "t", "c", "s")


class Signer:
    """Signs the URLs of operations, and tells whether one is as it was signed."""

    def __init__(self, random: Random) -> None:
        self._key = random.randbytes(32)
        self._certificate = _text(random.randbytes(720))

    def query(self, path: str, api_version: str, partition: str, ticks: int) -> str:
        """Return the signed query of a URL with this path."""
        proof = hashlib.shake_256(self._key + path.encode()).digest(256)
        parameters = {
            "p": partition,
            "api-version": api_version,
            "t": str(ticks),
            "c": self._certificate,
            "s": _text(proof),
        }
        parameters["h"] = self._hash(path, parameters)
        return "&".join(f"{name}={value}" for name, value in parameters.items())

    def genuine(self, path: str, query: Mapping[str, str]) -> bool:
        """Tell whether path and query are what :meth:`query` made."""
        return hmac.compare_digest(self._hash(path, query).encode(), query.get("h", "").encode())

    def _hash(self, path: str, parameters: Mapping[str, str]) -> str:
        signed = "\n".join([path.lower(), *(parameters.get(name, "") for name in _SIGNED)])
        return _text(hmac.digest(self._key, signed.encode(), "sha256"))


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
