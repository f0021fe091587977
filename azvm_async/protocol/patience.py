"""How long to bear with an operation whose state can't be read, and when to look again.

An error status on a poll says that the status could not be read, not that the operation failed (ARM's "Asynchronous
API reference"; of the official SDKs only Go's keeps to it). So a miss is counted, not believed:

==============================================  ==================================================================
a read brought                                  next
==============================================  ==================================================================
a readable state                                all misses forgiven; wait as Azure says, or at our own pace
429 with Retry-After                            later, as Azure says, for as long as it says so: it is no miss
408, 429, 5xx, no answer                        later, as Azure says or by back-off; up to 30 minutes and five reads
404 in the first five polls                     later: a new operation is not known everywhere at once
2xx without a readable state                    later, five times in a row; then ProtocolError
any other 4xx (or 3xx)                          StatusUnreadable at once
==============================================  ==================================================================

The time for which a 429 puts off the next read is not among the 30 minutes. Giving up is raised, never a state: the machine
stays whole.
"""

from enum import Enum, auto
from http import HTTPStatus
from typing import NamedTuple

from azvm_async.errors import ProtocolError, StatusUnreadable, TransportError
from azvm_async.protocol.faults import facts
from azvm_async.protocol.machine import About
from azvm_async.protocol.pacing import ORDINARY, USUAL, Moment, backoff, pause, retry_after
from azvm_async.wire import Response

FRESH_POLLS = 5
"""Polls of an operation in which 404 means 'not known yet'."""

UNREADABLE_IN_A_ROW = 5
"""Answers of 2xx without a readable state that are read again."""

BLIND_SECONDS, BLIND_READS = 1800.0, 5
"""Seconds without one readable answer, but for those that throttling took, and the reads in them at least, before the waiters
are told: between two reads much time may have passed in line at Azure's limits, or while a laptop slept."""

ZEROS_IN_A_ROW = 3
"""``Retry-After: 0`` is taken at its word so often in a row, from then on as one second."""


class Miss(Enum):
    """Why an answer did not tell the operation's state."""

    TRANSIENT = auto()
    NOT_FOUND = auto()
    UNREADABLE = auto()
    REFUSED = auto()


def miss_of(response: Response) -> Miss | None:
    """Return why a response can't be a state by its HTTP status; ``None`` for 2xx."""
    status = response.status
    if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        return None
    if (
        status in {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS}
        or status >= HTTPStatus.INTERNAL_SERVER_ERROR
    ):
        return Miss.TRANSIENT
    return Miss.NOT_FOUND if status == HTTPStatus.NOT_FOUND else Miss.REFUSED


class Patience(NamedTuple):
    """When to look again, and the misses so far.

    Parameters
    ----------
    due_at : float
        Monotonic seconds of the next poll.
    polls : int
        Polls so far, answered or not.
    misses, unreadable, zeros : int
        How many in a row: misses of all kinds; unreadable 2xx; answers with ``Retry-After: 0``.
    blind_since : float, optional
        Monotonic seconds of the first miss of the row, and for each second that throttling took a second later.
    asked : float, optional
        Seconds that Azure asked to wait at last.
    """

    due_at: float
    polls: int = 0
    misses: int = 0
    unreadable: int = 0
    zeros: int = 0
    blind_since: float | None = None
    asked: float | None = None

    @classmethod
    def begun(cls, response: Response, now: Moment, verb: str = "") -> "Patience":
        """Start with the first answer, whose ``Retry-After`` holds for the first poll."""
        return cls(now.monotonic)._paced(response, now, verb)

    def read(self, response: Response, now: Moment, verb: str = "") -> "Patience":
        """Go on after a readable answer: all misses are forgiven.

        Parameters
        ----------
        response : Response
            Its ``Retry-After`` counts.
        now : Moment
            When.
        verb : str
            What goes on, for our own pace where Azure says nothing.
        """
        return Patience(now.monotonic, self.polls + 1, zeros=self.zeros)._paced(response, now, verb)

    def missed(
        self, miss: Miss, about: About, response: Response | None, now: Moment, cause: TransportError | None = None
    ) -> "Patience":
        """Go on after a miss.

        Parameters
        ----------
        miss : Miss
            Why it is one.
        about : About
            For the error's words.
        response : Response, optional
            The answer, if there was one.
        now : Moment
            When.
        cause : TransportError, optional
            Why there was none.

        Raises
        ------
        StatusUnreadable, ProtocolError
            When patience is at its end.
        """
        asked = retry_after(response, now.utc) if response else None
        if asked is not None and response and response.status == HTTPStatus.TOO_MANY_REQUESTS:
            return self._throttled(asked, now)
        end = self._end(miss, now)
        if end is not None:
            kind = ProtocolError if end is Miss.UNREADABLE else StatusUnreadable
            what = f"The state of the {about} {_WORDS[end]}"
            raise kind(what, vm=about.resource, **(facts(response) if response else {})) from cause
        counted = self._replace(
            polls=self.polls + 1,
            misses=self.misses + 1,
            unreadable=self.unreadable + 1 if miss is Miss.UNREADABLE else 0,
            blind_since=now.monotonic if self.blind_since is None else self.blind_since,
        )
        return counted.scheduled(asked, backoff(self.misses, now.luck), now)

    def again(self, now: Moment) -> "Patience":
        """Forgive all misses and look now; an operation asked about for the first time stays fresh."""
        return Patience(now.monotonic, self.polls)

    def scheduled(self, asked: float | None, own: float, now: Moment) -> "Patience":
        """Return this with its next due time: after what Azure asked for, else after our own delay."""
        zeros = self.zeros + 1 if asked == 0 else 0
        if zeros > ZEROS_IN_A_ROW:
            asked = 1.0
        return self._replace(due_at=now.monotonic + (own if asked is None else asked), zeros=zeros, asked=asked)

    def _throttled(self, asked: float, now: Moment) -> "Patience":
        """Go on after a 429 that tells when to come again: Azure is well, and so may the operation be."""
        since = None if self.blind_since is None else self.blind_since + asked
        return self._replace(polls=self.polls + 1, unreadable=0, blind_since=since).scheduled(asked, asked, now)

    def _paced(self, response: Response, now: Moment, verb: str) -> "Patience":
        own = pause(self.polls, now.luck, USUAL.get(verb, ORDINARY))
        return self.scheduled(retry_after(response, now.utc), own, now)

    def _end(self, miss: Miss, now: Moment) -> Miss | None:
        """Return what patience ends by: with this miss, after 30 minutes of any misses, or not yet (None)."""
        fresh, readable = self.polls < FRESH_POLLS, self.unreadable < UNREADABLE_IN_A_ROW
        if miss is Miss.REFUSED or (miss is Miss.NOT_FOUND and not fresh) or (miss is Miss.UNREADABLE and not readable):
            return miss
        blind = 0.0 if self.blind_since is None else now.monotonic - self.blind_since
        return Miss.TRANSIENT if blind >= BLIND_SECONDS and self.misses + 1 >= BLIND_READS else None


_WORDS = {
    Miss.TRANSIENT: f"could not be read for {BLIND_SECONDS / 60:.0f} minutes",
    Miss.NOT_FOUND: "is not known to Azure",
    Miss.UNREADABLE: f"was in none of {UNREADABLE_IN_A_ROW + 1} answers in a row",
    Miss.REFUSED: "could not be read",
}
