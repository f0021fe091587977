"""Names made from other names: ``uniqueString()`` and ``guid()``.

``uniqueString`` is Azure's own: a 64-bit hash in the manner of MurmurHash3 (32-bit lanes, seed 0) of the arguments
joined with ``-``, in 13 letters of the base 32. ``guid`` is a name-based GUID (RFC 4122, version 5) in a namespace of
ARM's.
"""

import hashlib
import uuid

from azvm_async.emulator.templates.values import encoded

_NAMESPACE = uuid.UUID("11fb06fb-712d-4ddd-98c7-e71bbd588830")
_LETTERS = "abcdefghijklmnopqrstuvwxyz234567"
_WORD = 0xFFFFFFFF
_ONE, _TWO = 0x239B961B, 0xAB0E9789


def guid(name: str) -> str:
    """Return the GUID that ARM makes of a name."""
    digest = hashlib.sha1(_NAMESPACE.bytes + encoded(name), usedforsecurity=False).digest()
    return str(uuid.UUID(bytes=digest[:16], version=5))


def unique_string(text: str) -> str:
    """Return the 13 letters that ARM makes of a text."""
    number = _hash(encoded(text))
    return "".join(_LETTERS[(number << 5 * place >> 59) & 31] for place in range(13))


def _hash(data: bytes) -> int:
    high = low = 0
    whole = len(data) - len(data) % 8
    for at in range(0, whole, 8):
        low ^= _scramble(data[at : at + 4], _ONE, _TWO, 15)
        low = ((_rotated(low, 19) + high) * 5 + 0x561CCD1B) & _WORD
        high ^= _scramble(data[at + 4 : at + 8], _TWO, _ONE, 17)
        high = ((_rotated(high, 13) + low) * 5 + 0x0BCAA747) & _WORD
    low ^= _scramble(data[whole : whole + 4], _ONE, _TWO, 15)
    high ^= _scramble(data[whole + 4 :], _TWO, _ONE, 17)
    low, high = _mixed(low ^ len(data), high ^ len(data))
    low, high = _mixed(_final(low), _final(high))
    return high << 32 | low


def _scramble(part: bytes, first: int, second: int, turn: int) -> int:
    word = int.from_bytes(part, "little") * first & _WORD
    return _rotated(word, turn) * second & _WORD


def _rotated(word: int, turn: int) -> int:
    return (word << turn | word >> (32 - turn)) & _WORD


def _mixed(low: int, high: int) -> tuple[int, int]:
    low = (low + high) & _WORD
    return low, (high + low) & _WORD


def _final(word: int) -> int:
    word = (word ^ word >> 16) * 0x85EBCA6B & _WORD
    word = (word ^ word >> 13) * 0xC2B2AE35 & _WORD
    return word ^ word >> 16
