"""Tracking URLs carry a signature in their query, and a poll whose signature was changed is refused.

ARM's carry five parameters: a partition, a time stamp, a certificate, a signature and a hash, more than a kilobyte
together. They are imitated in shape and length, so that a client that stores, logs, re-encodes or shortens such URLs
finds out here.
"""

import hashlib
import hmac
from collections.abc import Mapping
from random import Random

from azvm_async.emulator.packing import unpadded

_SIGNED = ("p", "api-version", "t", "c", "s")


class Signer:
    """Signs the URLs of operations, and tells whether one is as it was signed."""

    def __init__(self, random: Random) -> None:
        self._key = random.randbytes(32)
        self._certificate = unpadded(random.randbytes(720))

    def query(self, path: str, api_version: str, partition: str, ticks: int) -> str:
        """Return the signed query of a URL with this path."""
        time, certificate = str(ticks), self._certificate
        proof = unpadded(hashlib.shake_256(self._key + path.encode()).digest(256))
        whole = self._hash(path, partition, api_version, time, certificate, proof)
        return f"p={partition}&api-version={api_version}&t={time}&c={certificate}&s={proof}&h={whole}"

    def genuine(self, path: str, query: Mapping[str, str]) -> bool:
        """Tell whether path and query are what :meth:`query` made."""
        whole = self._hash(path, *[query.get(name, "") for name in _SIGNED])
        return hmac.compare_digest(whole.encode(), query.get("h", "").encode())

    def _hash(self, path: str, *parameters: str) -> str:
        signed = "\n".join((path.lower(), *parameters))
        return unpadded(hmac.digest(self._key, signed.encode(), "sha256"))
