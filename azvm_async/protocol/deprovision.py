"""The removal of all that a deployment created, as a machine: a survey, a plan, deletions side by side.

=========  =======================================================  ===================================================
phase      what came                                                next
=========  =======================================================  ===================================================
survey     the deployment is not there (404), or is another run of  ended: nothing is left to do
           its name, made since the token was
survey     nothing tells what the deployment created                OwnershipUnknown is raised
survey     answers                                                  the next question
survey     the last answer: only a plan is wanted                   ended, with that
survey     the last answer: resources of ours are there             deleting
survey     the last answer: none is, or what is can't be judged     deleting the records; or ended, Failed
survey     what can't be read                                       as :mod:`azvm_async.protocol.patience` says
deleting   see :mod:`azvm_async.protocol.deletion`                  the next that is due of those whose turn has come
deleting   all resources are gone                                   survey, for what came meanwhile
deleting   all records are gone                                     ended, Succeeded
deleting   all have ended, some of ours are left                    ended, Failed, with the report in the error
=========  =======================================================  ===================================================

The token names the deployment and nothing else: who takes it up again surveys again.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import Any, ClassVar, Self
from urllib.parse import unquote

from azvm_async.errors import DeprovisionIncomplete, OperationFailed, OwnershipUnknown, TransportError
from azvm_async.protocol.deletion import Deletion, State
from azvm_async.protocol.deployment import is_deployment
from azvm_async.protocol.faults import Fault, absent, followed
from azvm_async.protocol.fields import count, flag, optional_text, text, word
from azvm_async.protocol.ids import short_name
from azvm_async.protocol.intent import mark_of
from azvm_async.protocol.machine import (
    FAILED,
    IN_PROGRESS,
    About,
    Failure,
    NotCancelable,
    Outcome,
    ResourceProgress,
    Step,
    Success,
    Wait,
    still_open,
)
from azvm_async.protocol.ownership import group_of, is_extension, parent_of
from azvm_async.protocol.pacing import Moment
from azvm_async.protocol.patience import Miss, Patience, miss_of
from azvm_async.protocol.plan import Deletable, DeprovisionPlan, Left, Plan, plan
from azvm_async.protocol.reading import Unreadable, parsed
from azvm_async.protocol.survey import Kind, Question, Survey
from azvm_async.protocol.urls import path_of
from azvm_async.wire import Response

VERB = "deprovision"

LOOKS, LOOK_SECONDS = 6, 10.0
"""How often it is surveyed again, and after how many seconds, where Azure does not tell when something was created."""


@dataclass(frozen=True, slots=True)
class Deprovisioned:
    """What ``deprovision`` did.

    Attributes
    ----------
    deleted : tuple of str
        ARM ids of what is gone now: in the order of the plan, then what went with its parent.
    absent : tuple of str
        What the deployment had created and was not there any more.
    left : tuple of Left
        What stays, and why: what the deployment names but did not create.
    """

    deleted: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()
    left: tuple[Left, ...] = ()


@dataclass(frozen=True, slots=True)
class Incomplete(Failure):
    """How a removal ended that could not remove all; ``report`` tells what it did."""

    report: Deprovisioned = field(default_factory=Deprovisioned)

    def error(self, about: About) -> OperationFailed:
        """Return a new error for one waiter."""
        return DeprovisionIncomplete(
            f"The {about} could not delete everything",
            vm=about.resource,
            code=self.fault.code,
            message=self.fault.message,
            details=self.fault.details,
            report=self.report,
        )


@dataclass(frozen=True, slots=True)
class Deprovision(NotCancelable):
    """The state of one removal.

    Parameters
    ----------
    about : About
        ``deprovision`` and the VM.
    url : str
        The deployment's URL.
    assume_owned : bool
        Whether all that the deployment names counts as created by it.
    only_plan : bool
        Whether it ends with the plan.
    mark : str, optional
        Tells the deployment from a later one of its name, which is not to be removed.
    survey : Survey
        What is known.
    plan : Plan, optional
        What is to be done, once all is known.
    deletions : tuple of Deletion
        In order; those of a later survey come after those of an earlier one.
    ready : tuple of int
        The places of the deletions whose turn has come.
    children : tuple of str
        What goes with its parent.
    closing : bool
        Whether the records are being deleted, since nothing else is left.
    looks : int
        How often it surveyed again because Azure did not tell when something was created.
    """

    kind: ClassVar[str] = "deprovision"
    version: ClassVar[int] = 1
    warning: ClassVar[None] = None
    driven: ClassVar[bool] = True

    about: About
    url: str = field(repr=False)
    assume_owned: bool
    only_plan: bool
    mark: str | None
    survey: Survey = field(repr=False)
    patience: Patience
    plan: Plan | None = field(default=None, repr=False)
    deletions: tuple[Deletion, ...] = ()
    ready: tuple[int, ...] = field(default=(), repr=False)
    children: tuple[str, ...] = field(default=(), repr=False)
    closing: bool = False
    looks: int = 0
    status: str = IN_PROGRESS
    outcome: Outcome | None = None

    @property
    def tracking_url(self) -> str:
        """See :attr:`Machine.tracking_url`: the deployment's, which is deleted last, so that 404 means success."""
        return self.url

    @property
    def identity(self) -> object:
        """See :attr:`Machine.identity`: a plan is no removal, and how much of which run is removed tells two of them apart."""
        return self.assume_owned, self.only_plan, self.mark

    @property
    def progress(self) -> tuple[ResourceProgress, ...]:
        """See :attr:`Machine.progress`."""
        return tuple(deletion.progress for deletion in self.deletions)

    @property
    def percent_complete(self) -> float | None:
        """See :attr:`Machine.percent_complete`."""
        if isinstance(self.outcome, Success):
            return 100.0
        ended = sum(deletion.ended for deletion in self.deletions)
        return round(100.0 * ended / len(self.deletions)) if self.deletions else None

    def due(self, now: Moment) -> Step:
        """See :meth:`Machine.due`."""
        if self.outcome is not None:
            return self.outcome
        current = self._current
        if current is not None:
            return self.deletions[current].due(now)
        question = self.survey.next
        assert question is not None  # noqa: S101 - a survey without a question is followed by a plan
        return question.request if now.monotonic >= self.patience.due_at else Wait(self.patience.due_at)

    def receive(self, response: Response, now: Moment) -> "Deprovision":
        """See :meth:`Machine.receive`.

        Raises
        ------
        OwnershipUnknown
            When nothing tells what the deployment created.
        """
        still_open(self)
        if self._current is not None:
            return self._moved(lambda deletion: deletion.receive(response, now), now)
        try:
            return self._surveyed(response, now)
        except Unreadable:
            return replace(self, patience=self.patience.missed(Miss.UNREADABLE, self.about, response, now))

    def is_trouble(self, response: Response) -> bool:
        """See :meth:`Machine.is_trouble`: a refused deletion is an answer, and so is that something is not there."""
        if self._current is not None:
            return miss_of(response) is Miss.TRANSIENT
        return self.survey.next is not None and _miss_of(self.survey.next, response) is not None

    def missed(self, error: TransportError, now: Moment) -> "Deprovision":
        """See :meth:`Machine.missed`."""
        still_open(self)
        if self._current is not None:
            return self._moved(lambda deletion: deletion.missed(error, now), now)
        return replace(self, patience=self.patience.missed(Miss.TRANSIENT, self.about, None, now, error))

    def again(self, now: Moment) -> "Deprovision":
        """See :meth:`Machine.again`."""
        deletions = tuple(deletion.again(now) for deletion in self.deletions)
        return replace(self, patience=self.patience.again(now), deletions=deletions)

    def to_token(self) -> dict[str, Any]:
        """See :meth:`Machine.to_token`. No list of things to delete: that is found out again."""
        return {
            "verb": self.about.verb,
            "resource": self.about.resource,
            "url": self.url,
            "assume_owned": self.assume_owned,
            "only_plan": self.only_plan,
            "mark": self.mark or None,
            "polls": self.patience.polls,
        }

    @classmethod
    def from_token(cls, token: Mapping[str, Any], now: Moment) -> Self:
        """See :meth:`Machine.from_token`."""
        about, url = About(text(token, "verb"), text(token, "resource")), text(token, "url")
        if about.verb != VERB or not _is_deployment_beside(url, about.resource):
            raise ValueError("it is of no deployment, or of another VM's")
        owned, only_plan, polls = flag(token, "assume_owned"), flag(token, "only_plan"), count(token, "polls")
        mark, survey = optional_text(token, "mark"), _survey(url, owned, only_plan)
        return cls(about, url, owned, only_plan, mark, survey, Patience(now.monotonic, polls))

    @property
    def _current(self) -> int | None:
        """The place of the deletion whose turn is next; it does not depend on the time, so that answers find it."""
        return min(self.ready, key=lambda place: self.deletions[place].due_at, default=None)

    def _surveyed(self, response: Response, now: Moment) -> "Deprovision":
        """Take in the answer to a question, also that there is no such thing."""
        question = self.survey.next
        assert question is not None  # noqa: S101 - as in due
        miss = _miss_of(question, response)
        if miss is not None:
            return replace(self, patience=self.patience.missed(miss, self.about, response, now))
        document, more = self._page(question, response)
        survey = self.survey.answered(document, more)
        waits = question.kind is Kind.RECORD and survey.next is not None and survey.next.is_again(question)
        patience = self.patience.read(response, now) if waits else self._at_once(now)
        return replace(self, survey=survey, patience=patience)._planned(now)

    def _page(self, question: Question, response: Response) -> tuple[Mapping[str, Any] | None, str | None]:
        """Return what an answer says, if it says anything, and where it goes on."""
        if response.status >= HTTPStatus.BAD_REQUEST:
            return (None if response.status == HTTPStatus.NOT_FOUND else {}), None
        document = parsed(response)
        if question.kind is Kind.CANCEL:
            return None, None
        if not isinstance(document, Mapping):
            raise Unreadable
        link = word(document.get("nextLink"))
        more = followed(link, question.url, response, self.about.resource) if link else None
        if self.survey.leads_back(more):
            raise Unreadable
        return document, more

    def _planned(self, now: Moment) -> "Deprovision":
        """Go on from the survey: with its next question, to deletions, to the records, or to the end."""
        if self.survey.replaced(self.mark):
            return self._finished()
        if self.survey.unowned:
            raise ownership_unknown(self.about, self.url)
        if self.survey.next is not None:
            return self
        found = Plan() if self.survey.gone else plan(self.survey)
        if self.only_plan:
            return self._ended(Success(found.shown))
        state = replace(self, plan=found, children=tuple(dict.fromkeys((*self.children, *found.children))))
        if found.waiting and self.looks < LOOKS:
            return state._later(now)
        known = {deletion.what.key for deletion in self.deletions}
        new = [each for each in found.deletions if each.key not in known]
        if not new and not found.stuck:
            new, state = list(found.records), replace(state, closing=True)
        return state._deleting(new, now) if new else state._finished()

    def _later(self, now: Moment) -> "Deprovision":
        """Survey again in a while: Azure's lists lag behind."""
        due = self._at_once(now)._replace(due_at=now.monotonic + LOOK_SECONDS)
        return replace(self, survey=self.survey.again(self._gone), patience=due, looks=self.looks + 1)

    def _deleting(self, new: Sequence[Deletable], now: Moment) -> "Deprovision":
        deletions = (*self.deletions, *(Deletion.of(each, now) for each in new))
        return replace(self, deletions=deletions, status="Deleting")._with_ready()

    def _moved(self, step: Callable[[Deletion], Deletion], now: Moment) -> "Deprovision":
        """Move the current deletion on; when it ended, or is held, others may have their turn."""
        current = self._current
        assert current is not None  # noqa: S101 - asked before
        before, after = self.deletions[current], step(self.deletions[current])
        state = replace(self, deletions=(*self.deletions[:current], after, *self.deletions[current + 1 :]))
        if (before.ended, before.held) == (after.ended, after.held):
            return state
        state = state._without_the_held() if after.state is State.LEFT else state
        return state._with_ready()._after_all(now)

    def _without_the_held(self) -> "Deprovision":
        """Leave what is needed by something that is left, unless it was asked for already."""
        deletions = list(self.deletions)
        left = {deletion.what.key for deletion in deletions if deletion.state is State.LEFT}
        for place, deletion in enumerate(deletions):  # in order: what is held comes after its holder
            holder = min(deletion.what.used_by & left, default=None)
            if holder and deletion.state is State.WAITING and not deletion.held:
                deletions[place] = deletion.held_by(holder)
                left.add(deletion.what.key)
        return replace(self, deletions=tuple(deletions))

    def _with_ready(self) -> "Deprovision":
        """Work out whose turn has come: all that they wait for has ended, or is itself held by something.

        Nothing that waits for a lock could be what holds it; before the lock is gone, it would be refused for good.
        """
        waited = {
            each.what.key
            for each in self.deletions
            if not each.ended and (is_extension(each.what.key) or not each.held)
        }
        ready = [
            place
            for place, each in enumerate(self.deletions)
            if not each.ended and (each.operation or each.held or waited.isdisjoint(each.what.after))
        ]
        return replace(self, ready=tuple(ready))

    def _after_all(self, now: Moment) -> "Deprovision":
        """Go on when all deletions have ended: look whether that was all, or end."""
        if self.ready:
            return self
        if self.closing or self._left:
            return self._finished()
        return replace(self, survey=self.survey.again(self._gone), patience=self._at_once(now))

    def _at_once(self, now: Moment) -> Patience:
        return Patience(now.monotonic, self.patience.polls)

    @property
    def _gone(self) -> frozenset[str]:
        """Keys of what was deleted here, and of what went with it, whatever a list still says."""
        deleted = frozenset(each.what.key for each in self.deletions if each.state is State.DELETED)
        return deleted | {child.lower() for child in self._children_gone(deleted)}

    def _children_gone(self, deleted: frozenset[str]) -> tuple[str, ...]:
        """Return what went with what was deleted; a stack takes all that it manages."""
        gone = (child for child in self.children if self.survey.of_stack or _parents(child) & deleted)
        return tuple(child for child in gone if child.lower() not in deleted) if deleted else ()

    def _finished(self) -> "Deprovision":
        """End with a report of what was done here."""
        made, deleted = self.plan or Plan(), [each for each in self.deletions if each.state is State.DELETED]
        left, gone = made.stuck + self._left, self._gone
        children = self._children_gone(frozenset(each.what.key for each in deleted))
        report = Deprovisioned(
            deleted=tuple(each.what.id for each in deleted) + children,
            absent=tuple(each for each in made.absent if each.lower() not in gone),
            left=made.left + left,
        )
        if not left:
            return self._ended(Success(DeprovisionPlan() if self.only_plan else report))
        named = "; ".join(f"{short_name(each.id)}: {each.reason}" for each in left)
        details = tuple({"target": each.id, "message": each.reason} for each in left)
        return self._ended(Incomplete(FAILED, Fault("DeprovisionIncomplete", named, details), report=report))

    @property
    def _left(self) -> tuple[Left, ...]:
        """What is ours and could not be deleted."""
        return tuple(deletion.why_left for deletion in self.deletions if deletion.state is State.LEFT)

    def _ended(self, outcome: Outcome) -> "Deprovision":
        return replace(self, outcome=outcome, status=outcome.status)


def begin(
    about: About, url: str, record: Mapping[str, Any] | None, now: Moment, *, assume_owned: bool, only_plan: bool
) -> Deprovision:
    """Return the state of a removal that begins, of a deployment as it was read; ``None``: there is none to remove."""
    mark, survey = (mark_of(record) if record else None), _survey(url, assume_owned, only_plan)
    state = Deprovision(about, url, assume_owned, only_plan, mark, survey, Patience(now.monotonic))
    return state._finished() if record is None else state


def ownership_unknown(about: About, url: str) -> OwnershipUnknown:
    """Return the error for a deployment that does not carry our tag."""
    name = short_name(path_of(url))
    what = f"The deployment {name} was not made by azvm_async: nothing tells what it created and what stood before"
    return OwnershipUnknown(what, vm=about.resource)


def _is_deployment_beside(url: str, machine: str) -> bool:
    """Tell whether a URL is that of a deployment, or stack, in the resource group of a VM."""
    deployment = unquote(path_of(url))
    groups = [(group_of(each) or "").lower() for each in (deployment[deployment.find("/subscriptions/") :], machine)]
    return is_deployment(url) and bool(groups[0]) and groups[0] == groups[1]


def _survey(url: str, assume_owned: bool, only_plan: bool) -> Survey:
    endpoint, marker, rest = url.partition("?")[0].partition("/subscriptions/")
    return Survey.of(endpoint, unquote(f"{marker}{rest}"), assume_owned=assume_owned, halting=not only_plan)


def _miss_of(question: Question, response: Response) -> Miss | None:
    """Return why an answer to a question tells nothing.

    That a cancellation is refused tells that it was too late. A resource that can't be read is there, and its age unknown.
    """
    miss = miss_of(response)
    if miss is Miss.NOT_FOUND:
        believed = absent(response) and question.kind is not Kind.OPERATIONS  # its deployment was there a moment ago
        return None if believed else miss
    if miss is Miss.REFUSED and question.kind in {Kind.CANCEL, Kind.RESOURCE}:
        return None
    return miss


def _parents(resource: str) -> frozenset[str]:
    """Return the keys of all that a resource belongs to."""
    found, at = set(), parent_of(resource.lower())
    while at is not None:
        found.add(at)
        at = parent_of(at)
    return frozenset(found)
