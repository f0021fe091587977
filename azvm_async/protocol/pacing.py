"""When to ask again: ``Retry-After`` as Azure writes it, and our own pace where it says nothing.

A poll is worth most when the end is near. So the polls of an operation lie on a parabola that leads to its usual
duration: the k-th of ten comes at (k / 10)² of it, and from then on each wait is a fifth longer than the one before. An
operation of 80 seconds is asked about after 0.8, 3.2, 7.2, 13, 20, 29, 39, 51, 65, 80, 97, 117, … seconds: seldom
while few can have ended, often when most do. No end is noticed later than by a quarter of its duration or of the usual
one, whichever is longer, so that a wrong guess costs little; ``tests/benchmarks/backoff.py`` measures it on what Azure took.

Pure arithmetic on seconds. What is random (the jitter) and what is now come from outside, in a :class:`Moment`.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import NamedTuple

from azvm_async.wire import Response

LONGEST_WAIT = 3600.0
"""Seconds. ARM writes up to 10 minutes, Compute's throttling up to 20; more is a mistake that must not strand a handle."""

FIRST_DELAY, LONGEST_DELAY = 0.5, 30.0
"""Seconds: no delay of our own is shorter or longer, but for the jitter."""

GROWTH = 1.4
"""How much longer each delay is than the one before, after reads that failed."""

ORDINARY = 80.0
"""Seconds that an operation usually takes of which nothing better is known: about as long as a VM's creation."""

USUAL: Mapping[str, float] = {
    "start": 20.0,
    "stop": 15.0,
    "reboot": 5.0,
    "deallocate": 85.0,
    "delete": 85.0,
    "redeploy": 125.0,
    "run_command": 20.0,
}
"""Seconds that a verb usually takes, about the medians of ``tests/benchmarks/durations.json``.

Deallocate and delete lie between what they took until 2018 (109, 116) and since (44, 43). A reboot ends at once for Azure.
How long a script takes is its own affair: the guess is low, for that costs a few polls, and a high one seconds.
"""

POLLS, LATE_GROWTH = 10, 1.2
"""The polls up to the usual duration, and the growth of the delays from then on, which goes on as the parabola ends."""

SPREAD = 0.2
"""Jitter: a delay of our own lies within ±10 %, so that handles begun together do not poll together for ever."""


class Moment(NamedTuple):
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


def pause(polls: int, luck: float, usual: float = ORDINARY) -> float:
    """Return the seconds to wait before the next poll of what goes on, where Azure named none.

    Parameters
    ----------
    polls : int
        Polls so far.
    luck : float
        Random number in [0, 1).
    usual : float
        Seconds that such an operation usually takes, see :data:`USUAL`.
    """
    step = (2 * min(polls, POLLS) + 1) / POLLS**2  # from one square to the next: (k + 1)² - k² = 2k + 1
    return _bounded(usual * step * LATE_GROWTH ** _exponent(polls - POLLS), luck)


def backoff(attempt: int, luck: float) -> float:
    """Return the seconds to wait before attempt ``attempt + 1`` at what failed, where Azure named none."""
    return _bounded(FIRST_DELAY * GROWTH ** _exponent(attempt), luck)


def _exponent(count: int) -> int:
    """Bound an exponent: a handle may be polled for days, and floats end at 1.4 ** 2109."""
    return max(0, min(count, 50))


def _bounded(nominal: float, luck: float) -> float:
    return min(LONGEST_DELAY, max(FIRST_DELAY, nominal)) * (1 - SPREAD / 2 + SPREAD * luck)


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
