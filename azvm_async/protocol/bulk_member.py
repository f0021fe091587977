"""One VM of a bulk operation: what is known of it, and how it is read out of what Azure tells.

The transitions are those of the table in :mod:`azvm_async.protocol.bulk`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from azvm_async.errors import AzureVMError, OutcomeUnknown
from azvm_async.protocol.faults import Fault
from azvm_async.protocol.fields import date, text, within, word
from azvm_async.protocol.ids import VmId, short_name
from azvm_async.protocol.machine import (
    CANCELED,
    FAILED,
    IN_PROGRESS,
    SUCCEEDED,
    UNKNOWN,
    About,
    Failure,
    Outcome,
    ResourceProgress,
    Success,
)
from azvm_async.protocol.pacing import Moment
from azvm_async.protocol.reading import ending_of
from azvm_async.wire import Response

LOST_READS, LOST_SECONDS = 5, 120.0
"""How many reads in a row, over how long, must tell nothing of an operation before it counts as lost."""

_OPERATION_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")


@dataclass(frozen=True, slots=True)
class Lost(Failure):
    """What became of an operation can't be known: Azure took it, and tells nothing of it."""

    def error(self, about: About) -> OutcomeUnknown:  # type: ignore[override]  # it did not fail, as far as is known
        """Return a new error for one waiter."""
        return OutcomeUnknown(
            f"What became of the {about} can't be known",
            vm=about.resource,
            code=self.fault.code,
            message=self.fault.message,
            request_id=self.request_id,
        )


@dataclass(frozen=True, slots=True)
class BulkMember:
    """One VM of a bulk operation.

    Attributes
    ----------
    resource : str
        ARM id of the VM.
    operation_id : str or None
        Its operation; ``None`` where Azure took none on.
    state : str
        Azure's word; at the end ``Succeeded``, ``Failed`` or ``Canceled``, and ``Unknown`` for what was lost.
    outcome : Success, Failure, Lost or None
        How it ended, ``None`` before.
    completed : datetime or None
        When it ended, where Azure tells.
    untold, untold_since : int, float or None
        Reads in a row that told nothing of it, and the monotonic seconds of the first.
    """

    resource: str
    operation_id: str | None
    state: str = IN_PROGRESS
    outcome: Outcome | None = None
    completed: datetime | None = None
    untold: int = 0
    untold_since: float | None = None

    @property
    def progress(self) -> ResourceProgress:
        """How far it has come."""
        fault = self.outcome.fault if isinstance(self.outcome, Failure) else None
        kind = "Microsoft.Compute/virtualMachines"
        return ResourceProgress(self.resource, kind, short_name(self.resource), self.state, self.completed, fault)

    def error(self, verb: str) -> AzureVMError | None:
        """Return a new error that says why it did not succeed; ``None`` where it did, or has not ended."""
        return self.outcome.error(About(verb, self.resource)) if isinstance(self.outcome, Failure) else None


def error_of(verb: str, progress: ResourceProgress) -> AzureVMError | None:
    """Return a new error that says why a VM's operation did not succeed, as far as its progress tells."""
    if progress.state not in {FAILED, CANCELED, UNKNOWN}:
        return None
    kind = Lost if progress.state == UNKNOWN else Failure
    return kind(progress.state, progress.fault or Fault()).error(About(verb, progress.id))


def accepted(resource: str, told: Mapping[str, Any], response: Response) -> BulkMember:
    """Read what the first answer tells of a VM."""
    operation, refusal = within(told, "operation"), _fault(told)
    name = word(operation.get("operationId"))
    request_id = response.headers.get("x-ms-request-id")
    if refusal.code or (refusal.message and not name):
        return BulkMember(resource, None, FAILED, Failure(FAILED, refusal, request_id))
    if not _OPERATION_ID.fullmatch(name):
        fault = Fault(message="Azure's answer has neither an operation nor an error for it")
        return BulkMember(resource, None, UNKNOWN, Lost(UNKNOWN, fault, request_id))
    member = BulkMember(resource, name)
    state = _state(operation)
    return _moved(member, state, told, response) if state else member


def read(member: BulkMember, told: Mapping[str, Any], response: Response, now: Moment) -> BulkMember:
    """Read what a later answer tells of a member."""
    state = _state(within(told, "operation"))
    if state:
        return _moved(member, state, told, response)
    untold, since = member.untold + 1, now.monotonic if member.untold_since is None else member.untold_since
    if untold < LOST_READS or now.monotonic - since < LOST_SECONDS:
        return replace(member, untold=untold, untold_since=since)
    fault = _fault(told) if told else Fault(message="Azure's answers tell nothing of its operation")
    return replace(member, state=UNKNOWN, outcome=Lost(UNKNOWN, fault, response.headers.get("x-ms-request-id")))


def resumed(token: Mapping[str, Any], subscription: str) -> BulkMember:
    """Return a member of a token, if it is a VM of the subscription whose operations are read."""
    resource, name = text(token, "resource"), text(token, "operation_id")
    vm = VmId.parse(resource, "", "")
    if vm.subscription.lower() != subscription.lower() or not _OPERATION_ID.fullmatch(name):
        raise ValueError("it is no operation on a VM of this subscription")
    return BulkMember(resource, name)


def _moved(member: BulkMember, state: str, told: Mapping[str, Any], response: Response) -> BulkMember:
    """Take in the word for a member's state."""
    heard, ending = replace(member, state=state, untold=0, untold_since=None), ending_of(state)
    if ending is None:
        return heard
    completed = date(within(told, "operation").get("completedAt"))
    if ending == SUCCEEDED:
        return replace(heard, state=ending, outcome=Success(), completed=completed)
    why = within(told, "operation", "resourceOperationError") or told
    failure = Failure(ending, _fault(why), response.headers.get("x-ms-request-id"))
    return replace(heard, state=ending, outcome=failure, completed=completed)


def _state(operation: Mapping[str, Any]) -> str:
    """Return the word for an operation's state, an empty one where Azure does not know it."""
    state = word(operation.get("state")).strip()
    return "" if state.lower() == UNKNOWN.lower() else state


def _fault(told: Mapping[str, Any]) -> Fault:
    return Fault.of({"code": told.get("errorCode"), "message": told.get("errorDetails")})
