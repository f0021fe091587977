"""What was about to be sent, looked for: the machine of an intent token, which only reads, and becomes what it finds.

An intent token is written before the first byte leaves. Who takes it up, after a crash say, learns what became of it:

====================  =========================================  =======================================================
what                  where it is looked for                     what comes of it
====================  =========================================  =======================================================
run_command           the run command of that name               it is followed; none: it was not accepted
provision             the deployment, with this nonce on it      it is followed; none, or another: it was not accepted
start, stop,          the VM's state                             success, where it is (or comes to be) as it was to be;
deallocate, delete                                               at rest otherwise: unknown, but it may be sent again
all else              nowhere: no state tells                    unknown, at once
====================  =========================================  =======================================================

It is looked for three times before an absence is believed: a request may still be on its way, and ARM's replicas differ.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import Any, ClassVar, Self

from azvm_async.errors import TransportError
from azvm_async.protocol import provision, run_command
from azvm_async.protocol.deployment import is_deployment
from azvm_async.protocol.faults import absent
from azvm_async.protocol.fields import flag, optional_text, text, within, word
from azvm_async.protocol.intent import Intent
from azvm_async.protocol.machine import (
    IN_PROGRESS,
    SUCCEEDED,
    About,
    Machine,
    NotCancelable,
    Outcome,
    Step,
    Success,
    Unresolved,
    Wait,
    still_open,
)
from azvm_async.protocol.pacing import Moment
from azvm_async.protocol.patience import Miss, Patience, miss_of
from azvm_async.protocol.reading import Unreadable, parsed
from azvm_async.protocol.script import is_ours
from azvm_async.protocol.urls import path_of
from azvm_async.protocol.vm import InstanceView
from azvm_async.wire import Request, Response

SEARCHES = (0.0, 2.0, 8.0)
"""Seconds before each look for what may have been begun."""

SEEKING = "Seeking"
"""The state's word while it is not known whether there is anything to follow."""

_WANTED = {
    "start": frozenset({"running"}),
    "stop": frozenset({"stopped", "deallocated"}),
    "deallocate": frozenset({"deallocated"}),
    "delete": frozenset[str](),
}
"""Power states in which a VM is as it was to be."""

_MOVING = frozenset({"starting", "stopping", "deallocating"})
_AT_REST = frozenset({"succeeded", "failed", "canceled"})


@dataclass(frozen=True, slots=True)
class Sought(NotCancelable):
    """The state of a search.

    Parameters
    ----------
    about : About
        What was to be done to what.
    url : str, optional
        Where it is looked for: the run command, the deployment, or the VM; ``None`` where nothing tells.
    nonce : str
        By which it is known again: of a deployment its mark, of all else the client request id.
    keep : bool
        Whether a run command stays in Azure.
    looks : int
        How often nothing was found.
    """

    kind: ClassVar[str] = "intent"
    version: ClassVar[int] = 1
    driven: ClassVar[bool] = False
    warning: ClassVar[None] = None
    progress: ClassVar[tuple[()]] = ()
    percent_complete: ClassVar[None] = None

    about: About
    url: str | None = field(repr=False)
    nonce: str
    keep: bool
    patience: Patience
    looks: int = 0
    status: str = SEEKING
    outcome: Outcome | None = None

    @property
    def tracking_url(self) -> str | None:
        """See :attr:`Machine.tracking_url`."""
        return self.url

    @property
    def identity(self) -> object:
        """See :attr:`Machine.identity`."""
        return self.nonce

    def due(self, now: Moment) -> Step:
        """See :meth:`Machine.due`."""
        if self.outcome is not None:
            return self.outcome
        if now.monotonic < self.patience.due_at:
            return Wait(self.patience.due_at)
        assert self.url is not None  # noqa: S101 - without one it has ended
        return Request("GET", self.url)

    def receive(self, response: Response, now: Moment) -> Machine:
        """See :meth:`Machine.receive`."""
        still_open(self)
        if absent(response):
            return self._absent(now)
        miss = miss_of(response)
        if miss is not None:
            return self._missed(miss, response, now)
        try:
            return self._seen(parsed(response), response, now)
        except Unreadable:
            return self._missed(Miss.UNREADABLE, response, now)

    def is_trouble(self, response: Response) -> bool:
        """See :meth:`Machine.is_trouble`: that it is not there is an answer."""
        return response.status != HTTPStatus.NOT_FOUND

    def missed(self, error: TransportError, now: Moment) -> "Sought":
        """See :meth:`Machine.missed`."""
        still_open(self)
        return replace(self, patience=self.patience.missed(Miss.TRANSIENT, self.about, None, now, error))

    def again(self, now: Moment) -> "Sought":
        """See :meth:`Machine.again`."""
        return replace(self, patience=self.patience.again(now))

    def to_token(self) -> dict[str, Any]:
        """See :meth:`Machine.to_token`."""
        return {
            "verb": self.about.verb,
            "resource": self.about.resource,
            "url": self.url,
            "nonce": self.nonce,
            "keep": self.keep,
        }

    @classmethod
    def from_token(cls, token: Mapping[str, Any], now: Moment) -> Self:
        """See :meth:`Machine.from_token`. Where nothing tells, the search has ended."""
        about, url = About(text(token, "verb"), text(token, "resource")), optional_text(token, "url")
        of_vm = about.verb in _WANTED and path_of(url or "").lower() == about.resource.lower()
        if url is not None and not (is_ours(url) or is_deployment(url) or of_vm):
            raise ValueError("there is nothing to look for")
        found = cls(about, url, text(token, "nonce"), flag(token, "keep"), Patience(now.monotonic))
        return found if url else found._unknown("no state of the VM tells whether it was")

    def _seen(self, document: object, response: Response, now: Moment) -> Machine:
        """Take in what is there."""
        assert self.url is not None  # noqa: S101 - as in due
        if is_ours(self.url):
            return replace(run_command.bare(self.about, self.url, now), keep=self.keep)
        if is_deployment(self.url):
            return self._deployment(document, now)
        if not within(document, "properties"):
            raise Unreadable
        return self._state(InstanceView.of(within(document, "properties", "instanceView")), response, now)

    def _deployment(self, record: object, now: Moment) -> Machine:
        assert self.url is not None  # noqa: S101 - as in due
        mark = Intent.on(record) if isinstance(record, Mapping) else None
        if mark is None or mark.nonce != self.nonce:
            return self._absent(now)
        correlation_id = word(within(record, "properties").get("correlationId")) or None
        return provision.found(self.about, self.url, now, correlation_id=correlation_id)

    def _state(self, view: InstanceView, response: Response, now: Moment) -> "Sought":
        """Take in a VM's state: as it was to be, on its way somewhere, or at rest elsewhere."""
        moving = view.power_state in _MOVING or (view.provisioning_state or "succeeded") not in _AT_REST
        if moving:
            return replace(self, status=IN_PROGRESS, patience=self.patience.read(response, now, self.about.verb))
        if view.power_state in _WANTED[self.about.verb]:
            return replace(self, status=SUCCEEDED, outcome=Success())
        return self._nothing(f"it is {view.power_state or 'in a state that Azure does not tell'}", now)

    def _absent(self, now: Moment) -> "Sought":
        """Take in that what was looked for is not there."""
        if self.about.verb == "delete":
            return replace(self, status=SUCCEEDED, outcome=Success())
        by_state = self.about.verb in _WANTED
        return self._nothing("it is not there" if by_state else "Azure has none of this name and mark", now)

    def _nothing(self, found: str, now: Moment) -> "Sought":
        """Look again, or believe that nothing tells of it."""
        looks = self.looks + 1
        if looks < len(SEARCHES):
            patience = Patience(now.monotonic + SEARCHES[looks], self.patience.polls + 1)
            return replace(self, looks=looks, status=SEEKING, patience=patience)
        return self._unknown(found) if self.about.verb in _WANTED else self._ended(Unresolved(found, accepted=False))

    def _unknown(self, found: str) -> Self:
        return self._ended(Unresolved(found, request_id=self.nonce))

    def _ended(self, outcome: Unresolved) -> Self:
        return replace(self, status=outcome.status, outcome=outcome)

    def _missed(self, miss: Miss, response: Response, now: Moment) -> "Sought":
        return replace(self, patience=self.patience.missed(miss, self.about, response, now))
