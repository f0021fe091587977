"""How much may be asked of Azure, and how much of that is left: known before the first request, corrected by each answer.

A :class:`Budget` is plain arithmetic under a lock, so that all clients of one caller share it, whatever loop or thread they
are on; who has to wait sleeps for itself (:mod:`azvm_async.pacer`). Clients find theirs by :func:`budget_of`.
"""

import logging
import os
import threading
import weakref
from typing import NamedTuple

from azvm_async.clock import Clock, SystemClock
from azvm_async.errors import InvalidRequest
from azvm_async.protocol.pacing import retry_after
from azvm_async.protocol.throttling import Key, Limit, blamed, told
from azvm_async.wire import Response

SPARE = 1.0
"""Tokens that are left in a bucket: what is counted here may be a little ahead of what Azure counts."""

REFUSED_FOR = 1.0
"""Seconds for which a bucket is closed after a 429 without ``Retry-After``."""

MOST_KNOWN = 256
"""Budgets that are remembered when no client uses them any more: what a principal has used up is so for its next client too."""

_ROUNDING = 1e-9
_TELL_FROM = 5.0
_WARN_FROM = 60.0
_WORTH_TELLING_AGAIN = 2.0
_PRUNE_FROM = 1_000

_log = logging.getLogger(__name__)


class Hold(NamedTuple):
    """Why a request has to wait: for which bucket, and for how many seconds from now."""

    key: Key
    seconds: float


class Ticket(NamedTuple):
    """What a request took, one token of each bucket, and how many were taken of each by then."""

    keys: tuple[Key, ...]
    numbers: tuple[int, ...]


class _Bucket:
    """Tokens left at a moment, from which those of any later one follow."""

    __slots__ = ("burst", "held_until", "part", "rate", "stamp", "taken", "tokens")

    def __init__(self, limit: Limit, share: float, now: float) -> None:
        share = share if limit.divided else max(1.0, share)
        self.burst = max(limit.burst * share, 1 + SPARE)
        self.rate = limit.rate * share
        self.part = min(1.0, share)  # of what Azure says that is left
        self.tokens = self.burst
        self.stamp = now
        self.held_until = float("-inf")
        self.taken = 0

    def level(self, now: float) -> float:
        """Bring it up to the present, and return the tokens there are: more than it holds only where Azure said so."""
        elapsed = now - self.stamp
        if elapsed > 0:  # who looked at the clock first need not come first
            self.stamp = now
            if self.tokens < self.burst:
                self.tokens = min(self.burst, self.tokens + elapsed * self.rate)
        return self.tokens

    def lacks(self, now: float) -> bool:
        """Tell whether no token may be taken now."""
        return SPARE + 1 - self.level(now) > _ROUNDING or self.held_until > now

    def wait(self, now: float) -> float:
        """Return the seconds until a token may be taken."""
        short = SPARE + 1 - self.level(now)
        return max(self.held_until - now, short / self.rate if short > _ROUNDING else 0.0)

    def agrees(self, tokens: int) -> bool:
        """Tell whether a number of tokens is no news: where Azure counts as we do, and where there are plenty anyway."""
        return self.tokens <= tokens <= self.burst or (tokens > self.burst <= self.tokens)

    def take(self) -> int:
        """Take a token, of those that there are; return how many were taken so far."""
        self.tokens -= 1
        self.taken += 1
        return self.taken

    def set(self, tokens: float, now: float) -> None:
        """Hold so many tokens from now on."""
        self.tokens, self.stamp = tokens, max(self.stamp, now)


class Budget:
    """What one caller may ask of Azure Resource Manager and Microsoft.Compute.

    Without one, all clients of a process that have the same endpoint, principal and clock share theirs.

    Parameters
    ----------
    share : float
        Which part of the published limits may be used: 0.25 for each of four processes that work as one principal; more
        than 1 where Azure has raised the limits. What a single VM or operation allows is not divided.

    Raises
    ------
    InvalidRequest
        When that is no number above 0.

    Notes
    -----
    It may be shared by threads. A pickled or forked one starts anew, with the same share. The limits, and where they are
    from, are in :mod:`azvm_async.protocol.throttling`.
    """

    def __init__(self, share: float = 1.0) -> None:
        if isinstance(share, bool) or not isinstance(share, int | float) or not 0 < share < float("inf"):
            raise InvalidRequest(f"A share of the limits is a number above 0, not {share!r}")
        self.share = float(share)
        self._start_anew()
        _everyone.add(self)

    def __reduce__(self) -> tuple[type["Budget"], tuple[float]]:
        return Budget, (self.share,)

    def __repr__(self) -> str:
        return f"<Budget of {self.share:g} of the limits, {len(self._buckets)} buckets in use>"

    def take(self, keys: tuple[Key, ...], now: float) -> Ticket | Hold:
        """Take a token of each bucket, or of none and say what has to be waited for longest."""
        with self._lock:
            if len(self._buckets) >= self._prune_at:
                self._prune(now)
            buckets = [self._buckets.get(key) or self._made(key, now) for key in keys]
            for bucket in buckets:
                if bucket.lacks(now):
                    return _longest(keys, [each.wait(now) for each in buckets])
            return Ticket(keys, tuple([bucket.take() for bucket in buckets]))

    def heard(self, ticket: Ticket, response: Response, now: float) -> None:
        """Take in what an answer tells of the buckets that its request drew from."""
        keys, numbers = ticket
        refused = blamed(keys, response)
        with self._lock:
            for key, left in told(keys, response):
                bucket = self._buckets.get(key) or self._made(key, now)
                since = max(0, bucket.taken - numbers[keys.index(key)])  # a bucket that was forgotten counts anew
                if not bucket.agrees(left - since):
                    _correct(bucket, left, since, now)
            if refused is not None:
                self._close(refused, retry_after(response), now)

    def held(self, key: Key, now: float) -> float:
        """Return for how many seconds a bucket is closed because Azure refused a request."""
        with self._lock:
            bucket = self._buckets.get(key)
            return 0.0 if bucket is None else max(0.0, bucket.held_until - now)

    def _start_anew(self) -> None:
        self._lock = threading.Lock()
        self._buckets: dict[Key, _Bucket] = {}
        self._prune_at = _PRUNE_FROM

    def _made(self, key: Key, now: float) -> _Bucket:
        bucket = self._buckets[key] = _Bucket(key.limit, self.share, now)
        return bucket

    def _prune(self, now: float) -> None:
        """Forget the full ones of single VMs and operations, so rarely that it costs next to nothing."""
        kept = {key: each for key, each in self._buckets.items() if key.limit.divided or each.level(now) < each.burst}
        self._buckets, self._prune_at = kept, max(_PRUNE_FROM, 2 * len(kept))

    def _close(self, key: Key, seconds: float | None, now: float) -> None:
        """Let nobody through until Azure's ``Retry-After`` has passed, and then one at a time."""
        bucket, seconds = self._buckets.get(key) or self._made(key, now), REFUSED_FOR if seconds is None else seconds
        until = now + seconds
        if until > bucket.held_until:
            _tell(key, seconds, already=bucket.held_until - now)
            bucket.held_until = until
            bucket.set(SPARE + 1 - seconds * bucket.rate, now)


def _longest(keys: tuple[Key, ...], waits: list[float]) -> Hold:
    longest = max(waits)
    return Hold(keys[waits.index(longest)], longest)


def _correct(bucket: _Bucket, left: int, since: int, now: float) -> None:
    """Believe Azure's number, less what was taken since; what is under way blurs it, so a little more is no news.

    Azure counts all who share a bucket. So what is left is the most that anybody may take of it, but none may take more
    than a share of what there is beyond the published.
    """
    level, tokens = bucket.level(now), left - since
    if tokens < level:
        bucket.set(max(0.0, tokens), now)
    elif left * bucket.part > max(level, bucket.burst) + 2 * since and bucket.held_until <= now:
        bucket.set(left * bucket.part - since, now)


def budget_of(endpoint: str, principal: object, clock: Clock) -> Budget:
    """Return the budget that all clients of an endpoint and principal share, as far as their clocks tell the same time."""
    time = SystemClock if isinstance(clock, SystemClock) else clock
    with _gate:
        known = _shared.setdefault(time, {})
        budget = known.pop((endpoint, principal), None) or Budget()
        known[endpoint, principal] = budget  # the last one used comes last
        if len(known) > MOST_KNOWN:
            del known[next(iter(known))]
        return budget


_everyone: weakref.WeakSet[Budget] = weakref.WeakSet()
_shared: weakref.WeakKeyDictionary[object, dict[tuple[str, object], Budget]] = weakref.WeakKeyDictionary()
_gate = threading.Lock()


def _in_child() -> None:
    """After a fork: what the parent has used is its own; and a lock may have been taken by a thread that is not here."""
    global _gate  # noqa: PLW0603 - the one lock of the registry
    _gate = threading.Lock()
    _shared.clear()
    for each in list(_everyone):
        each._start_anew()  # noqa: SLF001 - of this module


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)


def _tell(key: Key, seconds: float, already: float) -> None:
    """Say why nothing happens for a while; once, though all who were under way are refused one after the other."""
    if seconds >= _TELL_FROM and seconds > _WORTH_TELLING_AGAIN * already:
        level = logging.WARNING if seconds >= _WARN_FROM else logging.INFO
        _log.log(level, "Azure asks to wait %.0f s: %s are used up, and all who need them wait", seconds, key)
