"""A deployment as a machine: its operations tell how it goes, the deployment itself how it ended.

ARM's tracking URL of a deployment says "Running" and nothing else, so it is not asked. One read a turn:

=========  ==============================================================  ============================================
phase      what came                                                       next
=========  ==============================================================  ============================================
listing    some resource is being created                                  listing, later; each fourth turn reading
listing    none is; or the list can't be read                              reading, now
reading    still running (any word that is no ending)                      listing, later
reading    Succeeded, and all resources are known to have succeeded        ended
reading    an ending otherwise                                             closing: the list is read once more
reading    another deployment under this name (correlationId)              as for what is not found
reading    what can't be read                                              as :mod:`azvm_async.protocol.patience` says
closing    the list; or it can't be read three times, or not soon          ended, a failure with its innermost causes
=========  ==============================================================  ============================================

A deployment stack is followed the same way: it names the deployment whose operations are listed.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from http import HTTPStatus
from typing import Any, ClassVar, Self

from azvm_async.errors import ProtocolError, TransportError
from azvm_async.protocol.deployment import (
    Deployed,
    DeploymentFailure,
    causes_of,
    creations,
    deployment_url,
    ending,
    ids_of,
    is_deployment,
    is_stack,
    progress_of,
    resources_named,
)
from azvm_async.protocol.faults import Fault, followed
from azvm_async.protocol.fields import count, flag, line, objects, optional_text, text, within, word
from azvm_async.protocol.ids import short_name
from azvm_async.protocol.machine import (
    IN_PROGRESS,
    SUCCEEDED,
    About,
    Outcome,
    ResourceProgress,
    Step,
    Success,
    Wait,
    still_open,
)
from azvm_async.protocol.pacing import LONGEST_DELAY, Moment
from azvm_async.protocol.patience import Miss, Patience, miss_of
from azvm_async.protocol.reading import Unreadable, error_in_resource, parsed, provisioning_state
from azvm_async.protocol.urls import MOST_PAGES, with_action
from azvm_async.wire import Request, Response

LISTINGS_IN_A_ROW = 4
"""However much is being created, the deployment itself is asked this often: it may have been canceled."""

LIST_TRIES = 3
"""How often the last list of operations is tried; then the deployment's own word for its end must do."""

_ALMOST = 99.0  # percent: all resources may be there, and the outputs still be worked out


class Phase(StrEnum):
    """See the table above."""

    LISTING = "listing"
    READING = "reading"
    CLOSING = "closing"


@dataclass(frozen=True, slots=True)
class Provision:
    """The state of one deployment, or deployment stack.

    Parameters
    ----------
    about : About
        ``provision`` and the VM.
    url : str
        The deployment's own URL.
    list_url : str, optional
        Where its operations are; a new stack does not tell that at once.
    correlation_id : str, optional
        Tells it from others that are given the same name.
    kept : bool
        Whether nothing was deployed, for the VM was there: then the deployment may be missing.
    pages : tuple of str
        The pages of the operations after the first, as they were named; the last of them is read next.
    listed : tuple of JSON objects
        Properties of the operations on the pages read so far.
    verdict : JSON object, optional
        The deployment's document once it has ended.
    """

    kind: ClassVar[str] = "provision"
    version: ClassVar[int] = 1
    warning: ClassVar[None] = None
    driven: ClassVar[bool] = False

    about: About
    url: str = field(repr=False)
    list_url: str | None = field(repr=False)
    patience: Patience
    correlation_id: str | None = None
    kept: bool = False
    phase: Phase = Phase.READING
    listings: int = 0
    pages: tuple[str, ...] = field(default=(), repr=False)
    listed: tuple[Mapping[str, Any], ...] = field(default=(), repr=False)
    known: frozenset[str] = field(default=frozenset(), repr=False)
    progress: tuple[ResourceProgress, ...] = ()
    percent_complete: float | None = None
    status: str = IN_PROGRESS
    verdict: Mapping[str, Any] | None = field(default=None, repr=False)
    outcome: Outcome | None = None

    @property
    def tracking_url(self) -> str:
        """See :attr:`Machine.tracking_url`: the deployment's own URL."""
        return self.url

    @property
    def identity(self) -> object:
        """See :attr:`Machine.identity`: the correlation id; all runs of a stack are followed as one."""
        return None if self._of_stack else self.correlation_id

    def due(self, now: Moment) -> Step:
        """See :meth:`Machine.due`."""
        if self.outcome is not None:
            return self.outcome
        if now.monotonic < self.patience.due_at:
            return Wait(self.patience.due_at)
        return Request("GET", self._next_url)

    def receive(self, response: Response, now: Moment) -> "Provision":
        """See :meth:`Machine.receive`."""
        still_open(self)
        if self.phase is Phase.READING:
            return self._read(response, now)
        try:
            return self._listing(response, now)
        except (Unreadable, ProtocolError):
            return self._unlisted(response, now)

    def is_trouble(self, response: Response) -> bool:
        """See :meth:`Machine.is_trouble`: a VM that was kept needs no deployment."""
        return not (self.kept and response.status == HTTPStatus.NOT_FOUND)

    def missed(self, error: TransportError, now: Moment) -> "Provision":
        """See :meth:`Machine.missed`."""
        still_open(self)
        if self.phase is not Phase.READING:
            return self._unlisted(None, now)
        return replace(self, patience=self.patience.missed(Miss.TRANSIENT, self.about, None, now, error))

    def again(self, now: Moment) -> "Provision":
        """See :meth:`Machine.again`."""
        return replace(self, patience=self.patience.again(now))

    def cancellation(self) -> Request | None:
        """See :meth:`Machine.cancellation`. Stacks have none."""
        return None if self._of_stack else Request("POST", with_action(self.url, "cancel"))

    def canceled(self, now: Moment) -> "Provision":
        """See :meth:`Machine.canceled`: what becomes of it is read, at once."""
        if self.verdict is not None:
            return self
        return replace(self, phase=Phase.READING, pages=(), listed=(), patience=self.patience.again(now))

    def to_token(self) -> dict[str, Any]:
        """See :meth:`Machine.to_token`."""
        return {
            "verb": self.about.verb,
            "resource": self.about.resource,
            "url": self.url,
            "correlation_id": self.correlation_id,
            "kept": self.kept,
            "polls": self.patience.polls,
        }

    @classmethod
    def from_token(cls, token: Mapping[str, Any], now: Moment) -> Self:
        """See :meth:`Machine.from_token`."""
        url, verb = text(token, "url"), text(token, "verb")
        if verb != "provision" or not is_deployment(url):
            raise ValueError("it is of no deployment")
        return cls(
            about=About(verb, text(token, "resource")),
            url=url,
            list_url=_list_url(url),
            correlation_id=optional_text(token, "correlation_id"),
            kept=flag(token, "kept"),
            patience=Patience(now.monotonic, count(token, "polls")),
        )

    @property
    def _of_stack(self) -> bool:
        return is_stack(self.url)

    @property
    def _next_url(self) -> str:
        if self.phase is Phase.READING or self.list_url is None:
            return self.url
        return self.pages[-1] if self.pages else self.list_url

    def _read(self, response: Response, now: Moment) -> "Provision":
        """Take in the deployment itself."""
        miss = miss_of(response)
        if miss is Miss.NOT_FOUND and self.kept:
            return self.kept_as(None)
        document: object = None
        if miss is None:
            try:
                document = parsed(response)
            except Unreadable:
                document = None
            miss = self._strange(document)
        if miss is not None:
            return replace(self, patience=self.patience.missed(miss, self.about, response, now))
        assert isinstance(document, Mapping)  # noqa: S101 - anything else is strange
        return self.kept_as(document) if self.kept else self.taken(document, response, now)

    def taken(self, document: Mapping[str, Any], response: Response, now: Moment) -> "Provision":
        """Go on from a reading of the deployment: it ended, or it goes on."""
        properties = within(document, "properties")
        state = replace(
            self,
            correlation_id=self.correlation_id or line(properties.get("correlationId")) or None,
            known=self.known | resources_named(document),
            list_url=self.list_url or _list_url_of_stack(self.url, word(properties.get("deploymentId"))),
            listings=0,
        )
        ended = ending(document)
        if ended is None:
            status = provisioning_state(document) or IN_PROGRESS
            phase = Phase.READING if state.list_url is None else Phase.LISTING
            return replace(state, phase=phase, status=status, patience=self.patience.read(response, now))
        if state.list_url is None or (ended == SUCCEEDED and state._all_succeeded(document)):
            return state._concluded(document)
        return replace(
            state, phase=Phase.CLOSING, verdict=document, pages=(), listed=(), patience=Patience(now.monotonic)
        )

    def _strange(self, document: object) -> Miss | None:
        """Tell what is no reading of this deployment: no state at all, or another deployment under its name."""
        if not isinstance(document, Mapping) or not isinstance(document.get("properties"), Mapping):
            return Miss.UNREADABLE
        other = word(within(document, "properties").get("correlationId"))
        replaced = bool(other and self.correlation_id and other.lower() != self.correlation_id.lower())
        return Miss.NOT_FOUND if replaced and not self._of_stack else None

    def _listing(self, response: Response, now: Moment) -> "Provision":
        """Take in a page of the operations."""
        if miss_of(response) is not None:
            raise Unreadable
        document = parsed(response)
        if not isinstance(document, Mapping) or not isinstance(document.get("value"), list):
            raise Unreadable
        listed = (*self.listed, *objects(document["value"]))
        link = word(document.get("nextLink"))
        if link:
            page = followed(link, self._next_url, response, self.about.resource)
            if page == self.list_url or page in self.pages or len(self.pages) >= MOST_PAGES:
                raise Unreadable  # the pages go round in circles, or have no end
            patience = Patience(now.monotonic, self.patience.polls)
            return replace(self, pages=(*self.pages, page), listed=listed, patience=patience)
        return self._with_progress(listed)._listed(response, now)

    def _with_progress(self, listed: tuple[Mapping[str, Any], ...]) -> "Provision":
        created = creations(listed)
        progress = tuple(progress_of(properties) for properties in created.values())
        known = self.known | set(created)
        done = sum(each.state == SUCCEEDED for each in progress)
        percent = min(_ALMOST, max(self.percent_complete or 0.0, round(100.0 * done / len(known)))) if known else None
        status = "Running" if progress and self.status == "Accepted" else self.status
        state = replace(self, status=status, progress=progress, percent_complete=percent)
        return replace(state, known=known, pages=(), listed=listed)

    def _listed(self, response: Response, now: Moment) -> "Provision":
        """Go on after the last page: to the end, to the deployment, or to the next turn."""
        if self.verdict is not None:
            return self._concluded(self.verdict)
        state = replace(self, listed=(), listings=self.listings + 1)
        creating = any(each.state.lower() == "running" for each in self.progress)
        if creating and state.listings < LISTINGS_IN_A_ROW:
            return replace(state, patience=self.patience.read(response, now))
        return replace(state, phase=Phase.READING, patience=self.patience._replace(due_at=now.monotonic))

    def _unlisted(self, response: Response | None, now: Moment) -> "Provision":
        """Do without the list: it is there to tell more, and must never decide anything."""
        state = replace(self, pages=(), listed=())
        if self.verdict is None:
            return replace(state, phase=Phase.READING, patience=self.patience._replace(due_at=now.monotonic))
        hopeless = response is not None and miss_of(response) not in {Miss.TRANSIENT, None}
        if hopeless or self.patience.misses + 1 >= LIST_TRIES:
            return state._concluded(self.verdict)
        patience = self.patience.missed(Miss.TRANSIENT, self.about, response, now)
        late = patience.due_at > now.monotonic + LONGEST_DELAY
        return state._concluded(self.verdict) if late else replace(state, patience=patience)

    def _all_succeeded(self, document: Mapping[str, Any]) -> bool:
        """Tell whether the progress, as it was last listed, is that of a deployment that succeeded."""
        named = {each.lower() for each in ids_of(within(document, "properties").get("outputResources"))}
        succeeded = {each.id.lower() for each in self.progress if each.state == SUCCEEDED}
        return len(succeeded) == len(self.progress) and named <= succeeded

    def _concluded(self, document: Mapping[str, Any]) -> "Provision":
        """End as the deployment's document says."""
        ended = ending(document)
        if ended == SUCCEEDED:
            return self._ended(Success(Deployed.of(document, self._name)))
        causes = causes_of(document, tuple(creations(self.listed).values()))
        failure = DeploymentFailure(
            status=ended or self.status,
            fault=Fault.of(error_in_resource(document)),
            request_id=self.correlation_id,
            causes=causes,
            resources=self.progress,
        )
        return self._ended(failure)

    def kept_as(self, document: Mapping[str, Any] | None) -> "Provision":
        """Return the end of a deployment that was not made, for the VM was there: with what an older one brought."""
        told = document if document and ending(document) == SUCCEEDED else {}
        return self._ended(Success(replace(Deployed.of(told, self._name), kept=True)))

    def _ended(self, outcome: Outcome) -> "Provision":
        percent = 100.0 if isinstance(outcome, Success) else self.percent_complete
        return replace(self, outcome=outcome, status=outcome.status, percent_complete=percent, verdict=None, listed=())

    @property
    def _name(self) -> str:
        return short_name(self.url.partition("?")[0])


def begin(about: About, request: Request, response: Response, now: Moment) -> Provision:
    """Return the state after Azure accepted the PUT of a deployment or stack (200 or 201)."""
    if not HTTPStatus.OK <= response.status < HTTPStatus.MULTIPLE_CHOICES:
        raise ProtocolError(f"The {about} was answered by a redirect, which is not followed", vm=about.resource)
    state = found(about, request.url, now)
    document = response.document()
    if not isinstance(document.get("properties"), Mapping):
        return replace(state, patience=Patience.begun(response, now))
    state = state.taken(document, response, now)
    # An end is looked into at once; else the Retry-After of the first answer holds for the first read.
    return replace(state, patience=Patience.begun(response, now)) if state.verdict is None else state


def found(about: About, url: str, now: Moment, *, correlation_id: str | None = None, kept: bool = False) -> Provision:
    """Return a state to follow a deployment that is there, of which the URL is known; due now."""
    return Provision(about, url, _list_url(url), Patience(now.monotonic), correlation_id, kept)


def _list_url(url: str) -> str | None:
    return None if is_stack(url) else with_action(url, "operations")


def _list_url_of_stack(url: str, deployment: str) -> str | None:
    """Return where the operations of a stack's deployment are, once the stack names it."""
    if not deployment.startswith("/") or not deployment.isprintable():
        return None
    endpoint = url.partition("/subscriptions/")[0]
    return deployment_url(endpoint, deployment, "/operations")
