"""When to ask again: ``Retry-After`` as Azure writes it, and our own back-off where it says nothing.

Pure arithmetic on seconds. What is random (the jitter) and what is now come from outside, in a :class:`Moment`.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from azvm_async.wire import Response

LONGEST_WAIT = 3600.0
"""Seconds. ARM writes up to 10 minutes, Compute's throttling up to 20; more is a mistake that must not strand a handle."""

FIRST_DELAY, GROWTH, LONGEST_DELAY = 0.5, 1.4, 30.0
"""Our own back-off, in seconds: polls at 0.5, 1.2, 2.2, 3.6, … 128 s: 14 for an operation of two minutes."""

SPREAD = 0.2
"""Jitter: a delay of our own lies within ±10 %, so that handles begun together do not poll together for ever."""


@dataclass(frozen=True, slots=True)
class Moment:
    """What a pure room may know of the world: the time, and a bit of luck.

    Parameters
    ----------
    monotonic : float
        Seconds; due times are measured by it.
    utc : datetime
        Zone-aware; for a ``Retry-After`` date in an answer without a ``Date``.
    luck : float
        Random number in [0, 1), from which jitter is made.
    """

    monotonic: float
    utc: datetime
    luck: float = 0.5


def backoff(attempt: int, luck: float) -> float:
    """Return the seconds to wait before attempt ``attempt + 1``, where Azure named none."""
    # The exponent is bounded too: a handle may be polled for days, and floats end at 1.4 ** 2109.
    nominal = min(LONGEST_DELAY, FIRST_DELAY * GROWTH ** min(attempt, 50))
    return nominal * (1 - SPREAD / 2 + SPREAD * luck)


def retry_after(response: Response, utc: datetime | None = None) -> float | None:
    """Return the seconds of a response's ``Retry-After``; ``None`` where it has none or it is nonsense.

    Parameters
    ----------
    response : Response
        Its ``Retry-After`` may be seconds or an HTTP date; a date is measured against its own ``Date``, for a client's
        clock may be wrong.
    utc : datetime, optional
        The time, for a date in an answer without ``Date``.
    """
    value = response.headers.get("retry-after", "").strip()
    if not value:
        return None
    seconds = _seconds(value.partition(",")[0].rstrip())  # a repeated header arrives as "5, 10": the first counts
    if seconds is None:
        seconds = _seconds_until(value, response.headers.get("date", ""), utc)
    return None if seconds is None else min(seconds, LONGEST_WAIT)


def _seconds(value: str) -> float | None:
    """Read ``"15"`` and ``"1.5"``; refuse signs, exponents and the digits of other scripts."""
    whole, _, fraction = value.partition(".")
    if not (value.isascii() and whole.isdigit() and (fraction or "0").isdigit()):
        return None
    return float(value)


def _seconds_until(value: str, answered: str, utc: datetime | None) -> float | None:
    """Read an HTTP date as seconds from the answer's own date; a date gone by is 0."""
    then, now = _date(value), _date(answered) or utc
    return None if then is None or now is None else max(0.0, (then - now).total_seconds())


def _date(value: str) -> datetime | None:
    """Read an HTTP date, which is UTC whether it says so or not."""
    try:
        date = parsedate_to_datetime(value)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return date if date.tzinfo else date.replace(tzinfo=UTC)
