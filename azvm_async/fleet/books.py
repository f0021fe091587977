"""The books of a run: how it stands with each VM, in memory and in the journal, and who wants to hear of it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from azvm_async.clock import Clock
from azvm_async.errors import AzureVMError, InvalidRequest, OperationFailed, OutcomeUnknown, fresh
from azvm_async.fleet.journal import Entry, Journal
from azvm_async.fleet.outcome import FAILURES, OVER, Outcome, State, state_of
from azvm_async.fleet.query import Vm
from azvm_async.fleet.record import Record
from azvm_async.fleet.report import Report
from azvm_async.operation import Operation

if TYPE_CHECKING:
    from datetime import datetime


DRIVEN = "it goes on only while its client is open, and elsewhere when it is resumed from its token"
"""Told of a removal that is left, which is no operation of Azure's."""


class Books:
    """Keeps them.

    Parameters
    ----------
    verb : str
        What the run does.
    journal : Journal
        Where it is written down.
    clock : Clock
        Tells the dates.
    """

    def __init__(self, verb: str, journal: Journal, clock: Clock) -> None:
        self.failures = 0
        self.notes: set[str] = set()
        self.record = Record()
        self._verb = verb
        self._journal = journal
        self._past = dict(journal.entries)  # what an earlier run left, by key
        self._clock = clock
        self._began = clock.utcnow()
        self._over: datetime | None = None
        self._vms: Sequence[Vm] = ()
        self._open: dict[str, Outcome] = {}  # of what has begun: how it stands
        self._handles: dict[str, Operation[Any]] = {}
        self._ended: dict[str, Outcome] = {}  # in the order of their ends
        self._in_order: list[Outcome] = []
        self._news = asyncio.Event()

    def open(self, vms: Sequence[Vm]) -> list[Vm]:
        """Begin with these VMs; return those whose end is not in the journal."""
        self._vms = vms
        for vm in vms:
            told = self.entry(vm)
            if told is not None and told.outcome is not None and told.outcome.state in OVER:
                self._put(vm.key, told.outcome)
        self.failures = 0  # those of an earlier run stop nothing
        if self._ended:
            self.notes.add(f"{len(self._ended):,} of {len(vms):,} VMs ended in an earlier run with this journal")
        return [vm for vm in vms if vm.key not in self._ended]

    def entry(self, vm: Vm) -> Entry | None:
        """Return what an earlier run wrote of a VM."""
        return self._past.get(vm.key)

    def sends(self, vms: Sequence[Vm], engine: str, intent: Callable[[], str]) -> None:
        """Note that something is about to be sent, whose token ``intent`` makes.

        Raises
        ------
        AzureVMError
            When the journal can't be written: then it must not be sent.
        """
        new, now = [vm for vm in self.without_end(vms) if vm.key not in self._open], self._clock.utcnow()
        if new:
            try:
                self._journal.intends([str(vm.id) for vm in new], now, intent)
            except OSError as error:
                raise AzureVMError(f"Nothing was sent, for the journal can't be written: {error.strerror}") from error
        for vm in new:
            self._open[vm.key] = Outcome(str(vm.id), State.RUNNING, submitted=now, engine=engine)

    def accepted(self, vms: Sequence[Vm], operation: Operation[Any], engine: str) -> None:
        """Note that Azure has accepted it."""
        now = self._clock.utcnow()
        self._write(self._journal.accepted, [str(vm.id) for vm in vms], now, operation)
        for vm in vms:
            before = self._open.get(vm.key) or self._left_before(vm)
            begun = replace(before, state=State.RUNNING, engine=engine, token=None, error=None, note=None)
            self._open[vm.key] = replace(begun, submitted=begun.submitted or now, accepted=begun.accepted or now)
            self._handles[vm.key] = operation

    def succeeded(self, vm: Vm, result: object = None) -> None:
        """Note that it was done."""
        self._end(vm, State.SUCCEEDED, result=result)

    def failed(self, vm: Vm, error: AzureVMError) -> None:
        """Note that it was not done, or that nobody knows; what an earlier run sent stays open where this tells nothing of it."""
        if self._says_nothing_of_the_past(vm):
            self._end(vm, State.UNKNOWN, final=False, error=fresh(error))
            return
        operation = self._handles.get(vm.key)
        goes_on = operation is not None and not operation.done and not isinstance(error, OperationFailed)
        self._end(vm, State.UNKNOWN if goes_on else state_of(error), error=fresh(error))

    def undecided(self, vm: Vm) -> None:
        """Note that nothing but a look at the VM tells whether what an earlier run was about to send was done."""
        what = f"The {self._verb} of {vm.id.name} was about to be sent when an earlier run ended"
        self._end(vm, State.UNKNOWN, error=OutcomeUnknown(what, vm=str(vm.id)))

    def unanswered(self, vm: Vm) -> None:
        """Note that nobody waits any more for Azure's answer; the journal keeps the intent, which a later run takes up."""
        what = f"Azure had not answered whether it takes the {self._verb} of {vm.id.name} when the run ended"
        self._end(vm, State.UNKNOWN, final=False, error=OutcomeUnknown(what, vm=str(vm.id)))

    def withdrawn(self, vms: Iterable[Vm]) -> None:
        """Note that Azure took nothing of what was sent; what an earlier run may have sent stays in doubt."""
        for vm in vms:
            if self._open.pop(vm.key, None) and vm.key not in self._past:
                self._write(self._journal.withdrawn, [str(vm.id)])

    def without_end(self, vms: Iterable[Vm]) -> list[Vm]:
        """Return those whose end is not written down."""
        return [vm for vm in vms if vm.key not in self._ended]

    def skipped(self, vm: Vm, why: str) -> None:
        """Note that nothing is to be done."""
        self._end(vm, State.SKIPPED, note=why)

    def left(self, vm: Vm, why: str | None) -> None:
        """Note that it goes on, and is not waited for."""
        operation = self._handles.get(vm.key)
        driven = DRIVEN if operation is not None and operation.driven else None
        self._end(vm, State.RUNNING, note="; ".join(filter(None, (why, driven))) or None)

    def not_begun(self, vms: Iterable[Vm], why: str | None) -> None:
        """Note that nothing was sent, or that Azure refused what was; what an earlier run left stays as that left it."""
        for vm in vms:
            self.withdrawn([vm])
            before = self._left_before(vm)
            self._end(vm, before.state, final=False, error=before.error, note=why or before.note)

    def close(self, why: str | None) -> None:
        """Say of all that is left that it was not begun, and that nothing more comes."""
        self.not_begun(self.without_end(self._vms), why)
        if why is not None:
            self.notes.add(f"It was stopped: {why}")
        self._over = self._clock.utcnow()
        self._journal.close()
        self._tell()

    def report(self) -> Report:
        """Return how it stands."""
        outcomes = [self._ended.get(vm.key) or self._standing(vm) for vm in self._vms]
        notes = tuple(sorted(self.notes))  # those of the subscriptions come in any order
        over = self._over or self._clock.utcnow()
        return Report(self._verb, tuple(outcomes), self._began, over, notes, self.record)

    async def ends(self) -> AsyncIterator[Outcome]:
        """Iterate over the outcomes as they come, those before first."""
        seen = 0
        while True:
            news = self._news
            while seen < len(self._in_order):
                seen += 1
                yield self._in_order[seen - 1]
            if self._over is not None:
                return
            await news.wait()

    def _says_nothing_of_the_past(self, vm: Vm) -> bool:
        """Tell whether a failure is this run's alone: an earlier one may have begun an operation that it did not come to."""
        entry, operation = self.entry(vm), self._handles.get(vm.key)
        if entry is None or operation is None:
            return entry is not None
        return entry.token is None and _token_of(operation, vm) is None

    def _standing(self, vm: Vm, *, goes_on: bool = True) -> Outcome:
        """Return how it stands with a VM, with what its operation tells; a token is for what may go on."""
        begun = self._open.get(vm.key)
        if begun is None:
            return self._left_before(vm)
        operation = self._handles.get(vm.key)
        if operation is None:
            return begun
        return replace(begun, polls=operation.polls, token=_token_of(operation, vm) if goes_on else None)

    def _left_before(self, vm: Vm) -> Outcome:
        """Return how an earlier run left a VM that this one has not come to."""
        entry, before = self.entry(vm), Outcome(str(vm.id), State.NOT_BEGUN)
        if entry is None:
            return before
        before = replace(before, submitted=entry.submitted, accepted=entry.accepted)
        if entry.token is not None:
            return replace(before, state=State.RUNNING, token=entry.token, note="an earlier run began it")
        what = f"An earlier run was about to send the {self._verb} of {vm.id.name} when it ended"
        return replace(before, state=State.UNKNOWN, error=OutcomeUnknown(what, vm=str(vm.id)))

    def _write(self, write: Callable[..., None], *what: object) -> None:
        """Write what has happened in any case: that the disk is full must not keep it from the report."""
        try:
            write(*what)
        except OSError as error:
            self.notes.add(f"The journal is not complete, for it could not be written: {error.strerror}")

    def _end(self, vm: Vm, state: State, *, final: bool = True, **facts: Any) -> None:
        """Write down how a run leaves a VM; what is not final is left to a later run with the journal."""
        goes_on = state in {State.RUNNING, State.UNKNOWN}
        standing = self._standing(vm, goes_on=goes_on)
        self._open.pop(vm.key, None)
        self._handles.pop(vm.key, None)
        token = standing.token if goes_on else None
        over = final and state in OVER and token is None
        ended = self._clock.utcnow() if over and standing.submitted else None
        outcome = replace(standing, state=state, ended=ended, token=token, **{"note": None, "error": None, **facts})
        if over:
            self._write(self._journal.ended, outcome)
        self._put(vm.key, outcome)

    def _put(self, key: str, outcome: Outcome) -> None:
        self._ended[key] = outcome
        self._in_order.append(outcome)
        self.failures += outcome.state in FAILURES
        self._tell()

    def _tell(self) -> None:
        self._news.set()
        self._news = asyncio.Event()


def _token_of(operation: Operation[Any], vm: Vm) -> str | None:
    """Return a VM's token; of an operation on many it is not one where an earlier run was killed as it was refused."""
    try:
        return operation.token_for(str(vm.id))
    except InvalidRequest:
        return None
