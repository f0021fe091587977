"""The removal of all that a deployment created, as a machine: a survey, a plan, deletions side by side.

=========  =======================================================  ===================================================
phase      what came                                                next
=========  =======================================================  ===================================================
survey     the deployment is not there (404), or is another of its  ended: nothing is left to do
           name, made since the token was
survey     nothing tells what the deployment created                OwnershipUnknown is raised
survey     answers                                                  the next question; after the last: deleting, or the
                                                                    end, where only a plan is wanted
survey     what can't be read                                       as :mod:`azvm_async.protocol.patience` says
deleting   see :mod:`azvm_async.protocol.deletion`                  the next that is due of those whose turn has come
deleting   all are gone                                             ended, Succeeded
deleting   all have ended, some of ours are left                    ended, Failed, with the report in the error
=========  =======================================================  ===================================================

The token names the deployment and nothing else: who takes it up again surveys again.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Self
from urllib.parse import unquote

from azvm_async.errors import DeprovisionIncomplete, OperationFailed, OwnershipUnknown, TransportError
from azvm_async.protocol.deletion import Deletion, State
from azvm_async.protocol.deployment import STACK_TYPE, TYPE
from azvm_async.protocol.faults import Fault, followed
from azvm_async.protocol.fields import count, flag, optional_text, text, word
from azvm_async.protocol.ids import short_name
from azvm_async.protocol.intent import mark_of
from azvm_async.protocol.machine import (
    FAILED,
    IN_PROGRESS,
    About,
    Failure,
    Outcome,
    ResourceProgress,
    Step,
    Success,
    Wait,
    still_open,
)
from azvm_async.protocol.ownership import type_of
from azvm_async.protocol.pacing import Moment
from azvm_async.protocol.patience import Miss, Patience, miss_of
from azvm_async.protocol.plan import DeprovisionPlan, Left, Plan, plan
from azvm_async.protocol.reading import Unreadable, parsed
from azvm_async.protocol.survey import Kind, Survey
from azvm_async.protocol.urls import path_of
from azvm_async.wire import Response


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
class Deprovision:
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
        In the plan's order.
    """

    kind: ClassVar[str] = "deprovision"
    version: ClassVar[int] = 1
    warning: ClassVar[None] = None

    about: About
    url: str = field(repr=False)
    assume_owned: bool
    only_plan: bool
    mark: str | None
    survey: Survey = field(repr=False)
    patience: Patience
    plan: Plan | None = field(default=None, repr=False)
    deletions: tuple[Deletion, ...] = ()
    status: str = IN_PROGRESS
    outcome: Outcome | None = None

    @property
    def tracking_url(self) -> str:
        """See :attr:`Machine.tracking_url`: the deployment's, which is deleted last, so that 404 means success."""
        return self.url

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
            return self._moved(lambda deletion: deletion.receive(response, now))
        try:
            return self._surveyed(response, now)
        except Unreadable:
            return self._unread(Miss.UNREADABLE, response, now)

    def missed(self, error: TransportError, now: Moment) -> "Deprovision":
        """See :meth:`Machine.missed`."""
        still_open(self)
        if self._current is not None:
            return self._moved(lambda deletion: deletion.missed(error, now))
        return replace(self, patience=self.patience.missed(Miss.TRANSIENT, self.about, None, now, error))

    def again(self, now: Moment) -> "Deprovision":
        """See :meth:`Machine.again`."""
        deletions = tuple(deletion.again(now) for deletion in self.deletions)
        return replace(self, patience=self.patience.again(now), deletions=deletions)

    def cancellation(self) -> None:
        """See :meth:`Machine.cancellation`: what Azure deletes can't be called back."""

    def canceled(self, now: Moment) -> "Deprovision":  # noqa: ARG002
        """See :meth:`Machine.canceled`."""
        return self

    def to_token(self) -> dict[str, Any]:
        """See :meth:`Machine.to_token`. No list of things to delete: that is found out again."""
        return {
            "verb": self.about.verb,
            "resource": self.about.resource,
            "url": self.url,
            "assume_owned": self.assume_owned,
            "only_plan": self.only_plan,
            "mark": self.mark,
            "polls": self.patience.polls,
        }

    @classmethod
    def from_token(cls, token: Mapping[str, Any], now: Moment) -> Self:
        """See :meth:`Machine.from_token`."""
        about, url = About(text(token, "verb"), text(token, "resource")), text(token, "url")
        if type_of(unquote(path_of(url))).lower() not in {TYPE.lower(), STACK_TYPE.lower()}:
            raise ValueError("it is of no deployment")
        owned, only_plan, polls = flag(token, "assume_owned"), flag(token, "only_plan"), count(token, "polls")
        mark, survey = optional_text(token, "mark"), _survey(url, owned, only_plan)
        return cls(about, url, owned, only_plan, mark, survey, Patience(now.monotonic, polls))

    @property
    def _current(self) -> int | None:
        """The place of the deletion whose turn is next; it does not depend on the time, so that answers find it."""
        ended = {deletion.what.key for deletion in self.deletions if deletion.ended}
        open_ = [place for place, deletion in enumerate(self.deletions) if not deletion.ended]
        known = {deletion.what.key for deletion in self.deletions}
        ready = [place for place in open_ if (self.deletions[place].what.after & known) <= ended]
        return min(ready or open_, key=lambda place: self.deletions[place].due_at, default=None)

    def _surveyed(self, response: Response, now: Moment) -> "Deprovision":
        """Take in the answer to a question, also that there is no such thing."""
        question = self.survey.next
        assert question is not None  # noqa: S101 - as in due
        miss, document, more = miss_of(response), None, None
        if miss is None and question.kind is not Kind.CANCEL:
            found = parsed(response)
            if not isinstance(found, Mapping):
                raise Unreadable
            link = word(found.get("nextLink"))
            document, more = found, link and followed(link, question.url, response, self.about.resource)
            if more in self.survey.pages:
                raise Unreadable  # it goes round in circles
        if miss is Miss.NOT_FOUND and question.kind is Kind.OPERATIONS:  # the deployment was there a moment ago
            return self._unread(miss, response, now)
        if miss is Miss.TRANSIENT or (miss is Miss.REFUSED and question.kind is not Kind.CANCEL):
            return self._unread(miss, response, now)
        survey = self.survey.answered(document, more or None)
        asked_again = survey.next is not None and survey.next.kind is Kind.RECORD and survey.next == question
        patience = self.patience.read(response, now) if asked_again else Patience(now.monotonic, self.patience.polls)
        return replace(self, survey=survey, patience=patience)._planned(now)

    def _unread(self, miss: Miss, response: Response, now: Moment) -> "Deprovision":
        return replace(self, patience=self.patience.missed(miss, self.about, response, now))

    def _planned(self, now: Moment) -> "Deprovision":
        """Go on from the survey: with its next question, to the deletions, or to the end."""
        if self.survey.replaced(self.mark):
            return self._nothing_to_do()
        if self.survey.unowned:
            raise ownership_unknown(self.about, self.url)
        if self.survey.next is not None:
            return self
        if self.survey.gone:
            return self._nothing_to_do()
        found = plan(self.survey)
        if self.only_plan:
            return self._ended(Success(found.shown))
        deletions = tuple(Deletion.of(each, now) for each in found.deletions)
        return replace(self, plan=found, deletions=deletions, status="Deleting")

    def _nothing_to_do(self) -> "Deprovision":
        return self._ended(Success(DeprovisionPlan() if self.only_plan else Deprovisioned()))

    def _moved(self, step: Callable[[Deletion], Deletion]) -> "Deprovision":
        """Move the current deletion on, let go what it held, and see whether that was all."""
        current = self._current
        moved = [step(each) if place == current else each for place, each in enumerate(self.deletions)]
        for place, deletion in enumerate(moved):  # in the plan's order: what is held comes after its holder
            left = {each.what.key for each in moved if each.state is State.LEFT}
            holder = min(deletion.what.used_by & left, default=None)
            if holder and not deletion.ended and deletion.state is State.WAITING:
                moved[place] = deletion.held_by(holder)
        state = replace(self, deletions=tuple(moved))
        return state._finished() if all(deletion.ended for deletion in moved) else state

    def _finished(self) -> "Deprovision":
        assert self.plan is not None  # noqa: S101 - deletions come from a plan
        report, left = self._report(self.plan), self.plan.stuck + self._left
        if not left:
            return self._ended(Success(report))
        named = "; ".join(f"{short_name(each.id)}: {each.reason}" for each in left)
        details = tuple({"target": each.id, "message": each.reason} for each in left)
        return self._ended(Incomplete(FAILED, Fault("DeprovisionIncomplete", named, details), report=report))

    @property
    def _left(self) -> tuple[Left, ...]:
        """What is ours and could not be deleted; records that stay for that reason only are not worth a word."""
        left = [deletion for deletion in self.deletions if deletion.state is State.LEFT]
        resources = [deletion for deletion in left if type_of(deletion.what.id).lower() != TYPE.lower()]
        return tuple(deletion.why_left for deletion in resources or left)

    def _report(self, made: Plan) -> Deprovisioned:
        deleted = tuple(deletion.what.id for deletion in self.deletions if deletion.state is State.DELETED)
        gone = {each.lower() for each in deleted}
        children = tuple(child for child in made.children if any(child.lower().startswith(f"{each}/") for each in gone))
        of_stack = made.children if self.survey.of_stack and deleted else ()
        return Deprovisioned(deleted + (of_stack or children), made.absent, made.left + made.stuck + self._left)

    def _ended(self, outcome: Outcome) -> "Deprovision":
        return replace(self, outcome=outcome, status=outcome.status)


def begin(
    about: About, url: str, record: Mapping[str, Any] | None, now: Moment, *, assume_owned: bool, only_plan: bool
) -> Deprovision:
    """Return the state of a removal that begins, of a deployment as it was read; ``None``: there is none to remove."""
    mark, survey = (mark_of(record) if record else None), _survey(url, assume_owned, only_plan)
    state = Deprovision(about, url, assume_owned, only_plan, mark, survey, Patience(now.monotonic))
    return state._nothing_to_do() if record is None else state


def ownership_unknown(about: About, url: str) -> OwnershipUnknown:
    """Return the error for a deployment that does not carry our tag."""
    name = short_name(path_of(url))
    what = f"The deployment {name} was not made by azvm_async: nothing tells what it created and what stood before"
    return OwnershipUnknown(what, vm=about.resource)


def _survey(url: str, assume_owned: bool, only_plan: bool) -> Survey:
    endpoint, marker, rest = url.partition("?")[0].partition("/subscriptions/")
    return Survey.of(endpoint, unquote(f"{marker}{rest}"), assume_owned=assume_owned, halting=not only_plan)
