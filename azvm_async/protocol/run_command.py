"""A script on a VM, by managed run command, as a machine: PUT it, read its instance view, DELETE it.

"Operation Succeeded is not script succeeded": with ``asyncExecution`` ARM's operation ends when the script has begun. So
the script is followed by the ``instanceView`` of the run command, and ARM's own tracking URL is asked only where the run
command itself failed, for the reason.

=========  ==============================================================  ============================================
phase      what came                                                       next
=========  ==============================================================  ============================================
running    executionState Succeeded, Failed, TimedOut, Canceled            the result is known: deleting
running    provisioningState Failed or Canceled, and no result             asking why, where there is a URL for that
running    no or another executionState                                    running
running    what can't be read                                              as :mod:`~azvm_async.protocol.patience` says
asking     the operation's failure; or it can't be read                    the failure is known: deleting
asking     the operation's success, against what the resource said         running
deleting   2xx, 404                                                        ended
deleting   five misses, or one that would take long                        ended, with a warning
any        the caller cancels, and Azure took the DELETE                   ended, Canceled unless its end was known
=========  ==============================================================  ============================================

A script that fails is a result, not an error. The run command is deleted because Azure keeps 25 a VM at most.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import partial
from http import HTTPStatus
from typing import Any, ClassVar, Self

from azvm_async.errors import AzureVMError, TransportError
from azvm_async.protocol import lro
from azvm_async.protocol.faults import Fault
from azvm_async.protocol.fields import count, flag, text, word
from azvm_async.protocol.machine import (
    CANCELED,
    FAILED,
    IN_PROGRESS,
    About,
    Failure,
    Outcome,
    Step,
    Success,
    Wait,
    still_open,
)
from azvm_async.protocol.pacing import LONGEST_DELAY, Moment
from azvm_async.protocol.patience import Miss, Patience, miss_of
from azvm_async.protocol.reading import Tracking, Unreadable, parsed, provisioning_state
from azvm_async.protocol.script import RunCommandResult, is_ours
from azvm_async.protocol.urls import with_query
from azvm_async.wire import Request, Response

_FAILED_WORDS = frozenset({"failed", "canceled", "cancelled"})

DELETE_TRIES = 5
"""How often a tidying DELETE is tried; then the result is given with a warning."""


class Phase(StrEnum):
    """See the table above."""

    RUNNING = "running"
    ASKING = "asking"
    DELETING = "deleting"


@dataclass(frozen=True, slots=True)
class RunCommand:
    """The state of one run command.

    Parameters
    ----------
    about : About
        ``run_command`` and the VM.
    url : str
        The run command's own URL.
    keep : bool
        Whether it stays in Azure after its end.
    creation : Lro, optional
        ARM's operation that creates it, to be asked why it failed.
    verdict : Outcome, optional
        How it ended, known before it is deleted.
    warning : str, optional
        What a user should know although all went well.
    """

    kind: ClassVar[str] = "run_command"
    version: ClassVar[int] = 1
    progress: ClassVar[tuple[()]] = ()
    driven: ClassVar[bool] = False
    identity: ClassVar[None] = None

    about: About
    url: str = field(repr=False)
    keep: bool
    creation: lro.Lro | None
    patience: Patience
    phase: Phase = Phase.RUNNING
    status: str = IN_PROGRESS
    verdict: Outcome | None = None
    outcome: Outcome | None = None
    warning: str | None = None

    @property
    def tracking_url(self) -> str:
        """See :attr:`Machine.tracking_url`: the run command's URL, for ARM's operation knows nothing of the script."""
        return with_query(self.url, **{"$expand": "instanceView"})

    @property
    def percent_complete(self) -> float | None:
        """See :attr:`Machine.percent_complete`; Azure tells none of a script."""
        return 100.0 if isinstance(self.outcome, Success) else None

    def due(self, now: Moment) -> Step:
        """See :meth:`Machine.due`."""
        if self.outcome is not None:
            return self.outcome
        if self._asked is not None:
            return self._asked.due(now)
        if now.monotonic < self.patience.due_at:
            return Wait(self.patience.due_at)
        return Request("DELETE", self.url) if self.phase is Phase.DELETING else Request("GET", self.tracking_url)

    def receive(self, response: Response, now: Moment) -> "RunCommand":
        """See :meth:`Machine.receive`."""
        still_open(self)
        if self._asked is not None:
            return self._told(partial(self._asked.receive, response, now), now)
        if self.phase is Phase.DELETING:
            return self._deleted(response, now)
        return self._read(response, now)

    def is_trouble(self, response: Response) -> bool:
        """See :meth:`Machine.is_trouble`: that it is gone is what its deletion asked for."""
        return self.phase is not Phase.DELETING or response.status != HTTPStatus.NOT_FOUND

    def missed(self, error: TransportError, now: Moment) -> "RunCommand":
        """See :meth:`Machine.missed`."""
        still_open(self)
        if self._asked is not None:
            return self._told(partial(self._asked.missed, error, now), now)
        if self.phase is Phase.DELETING:
            return self._undeleted(None, now)
        return replace(self, patience=self.patience.missed(Miss.TRANSIENT, self.about, None, now, error))

    def again(self, now: Moment) -> "RunCommand":
        """See :meth:`Machine.again`."""
        creation = self.creation and self.creation.again(now)
        return replace(self, patience=self.patience.again(now), creation=creation)

    def cancellation(self) -> Request | None:
        """See :meth:`Machine.cancellation`: deleting a run command ends its script; only our own are deleted."""
        return Request("DELETE", self.url) if is_ours(self.url) else None

    def canceled(self, now: Moment) -> "RunCommand":  # noqa: ARG002
        """See :meth:`Machine.canceled`. What was known of the script's end before stays its end."""
        fault = Fault("Canceled", "the run command was deleted before its script's end was known")
        return self if self.outcome else self._ended(self.verdict or Failure(CANCELED, fault))

    def to_token(self) -> dict[str, Any]:
        """See :meth:`Machine.to_token`. The phase is left out: the result is read again, then deleted again."""
        return {
            "verb": self.about.verb,
            "resource": self.about.resource,
            "url": self.url,
            "keep": self.keep,
            "polls": self.patience.polls,
            "creation": self.creation and self.creation.to_token(),
        }

    @classmethod
    def from_token(cls, token: Mapping[str, Any], now: Moment) -> Self:
        """See :meth:`Machine.from_token`."""
        url, creation = text(token, "url"), token["creation"]
        return cls(
            about=About(text(token, "verb"), text(token, "resource")),
            url=url,
            keep=flag(token, "keep") or not is_ours(url),
            creation=None if creation is None else lro.Lro.from_token(creation, now),
            patience=Patience(now.monotonic, count(token, "polls")),
        )

    @property
    def _asked(self) -> lro.Lro | None:
        """ARM's operation, while it is being asked why the run command failed."""
        return self.creation if self.phase is Phase.ASKING else None

    def _read(self, response: Response, now: Moment) -> "RunCommand":
        """Take in an answer to a read of the instance view."""
        miss = miss_of(response)
        if miss is not None:
            return self._missed(miss, response, now)
        try:
            document = parsed(response)
            view = _instance_view(document)
        except Unreadable:
            return self._missed(Miss.UNREADABLE, response, now)
        result = RunCommandResult.of(view)
        if result is not None:
            return self._settled(Success(result), now)
        if (provisioning_state(document) or "").lower() in _FAILED_WORDS:
            return self._failed(_failure(document, view, response), now)
        status = str(view.get("executionState") or IN_PROGRESS)
        return replace(self, status=status, patience=self.patience.read(response, now, self.about.verb))

    def _missed(self, miss: Miss, response: Response, now: Moment) -> "RunCommand":
        return replace(self, patience=self.patience.missed(miss, self.about, response, now))

    def _failed(self, failure: Failure, now: Moment) -> "RunCommand":
        """Follow up a run command that failed itself: ARM's operation knows more of why, where it can be asked."""
        if self.creation is None:
            return self._settled(failure, now)
        if self.creation.outcome is not None:
            return self._settled(self.creation.outcome if isinstance(self.creation.outcome, Failure) else failure, now)
        return replace(self, phase=Phase.ASKING, verdict=failure, creation=self.creation.again(now))

    def _told(self, answer: Callable[[], lro.Lro], now: Moment) -> "RunCommand":
        """Take in what ARM's operation says; that it can't be read must not keep a known failure from the caller."""
        try:
            creation = answer()
        except AzureVMError:
            return self._settled(self.verdict, now)
        if isinstance(creation.outcome, Failure):
            return self._settled(creation.outcome, now)
        # An operation that succeeded contradicts the resource: that is asked again, and its word will stand.
        phase = Phase.ASKING if creation.outcome is None else Phase.RUNNING
        return replace(self, creation=creation, phase=phase)

    def _settled(self, verdict: Outcome | None, now: Moment) -> "RunCommand":
        """Keep how it ended; what remains is to tidy up."""
        if self.keep:
            return self._ended(verdict)
        return replace(self, verdict=verdict, phase=Phase.DELETING, patience=Patience(now.monotonic))

    def _deleted(self, response: Response, now: Moment) -> "RunCommand":
        gone = response.status < HTTPStatus.MULTIPLE_CHOICES or response.status == HTTPStatus.NOT_FOUND
        return self._ended(self.verdict) if gone else self._undeleted(response, now)

    def _undeleted(self, response: Response | None, now: Moment) -> "RunCommand":
        """Try again, but neither often nor late: a DELETE must not decide whether the caller gets the result."""
        patience = self.patience.missed(Miss.TRANSIENT, self.about, response, now)
        if patience.misses >= DELETE_TRIES or patience.due_at > now.monotonic + LONGEST_DELAY:
            name = self.url.partition("?")[0]
            return self._ended(self.verdict, f"The run command {name} could not be deleted; it counts to the VM's 25")
        return replace(self, patience=patience)

    def _ended(self, verdict: Outcome | None, warning: str | None = None) -> "RunCommand":
        status = verdict.status if verdict else self.status
        return replace(self, outcome=verdict, status=status, warning=warning)


def begin(about: About, request: Request, response: Response, now: Moment, *, keep: bool = False) -> RunCommand:
    """Return the state after Azure accepted the PUT of a run command."""
    creation = lro.begin(about, request, response, now)
    tracked = creation if creation.tracking is not Tracking.RESOURCE else None
    return RunCommand(about, request.url, keep, tracked, Patience.begun(response, now, about.verb))


def bare(about: About, url: str, now: Moment) -> RunCommand:
    """Return a state to follow a run command of which only the URL is known; it is not deleted at its end."""
    return RunCommand(about, url, keep=True, creation=None, patience=Patience(now.monotonic))


def _instance_view(document: object) -> Mapping[str, Any]:
    """Return the instance view; where it is missing although all is provisioned, nothing is known yet."""
    properties = document.get("properties") if isinstance(document, Mapping) else None
    if not isinstance(properties, Mapping):
        raise Unreadable
    view = properties.get("instanceView")
    if isinstance(view, Mapping):
        return view
    if (provisioning_state(document) or "").lower() == "succeeded":
        raise Unreadable
    return {}


def _failure(document: object, view: Mapping[str, Any], response: Response) -> Failure:
    """Return why a run command failed, as far as the run command itself tells."""
    canceled = (provisioning_state(document) or "").lower() != "failed"
    message = word(view.get("executionMessage")) or "it could not be provisioned"
    fault = Fault.of({"code": "RunCommandFailed", "message": message})
    return Failure(CANCELED if canceled else FAILED, fault, response.headers.get("x-ms-request-id"))
