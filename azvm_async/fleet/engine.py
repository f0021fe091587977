"""What the engines have in common: flights, each the way of one request and what it began, and how a run is halted.

A flight ends in the books whatever happens to it, and none ends another. Where a run is halted, what was not sent is not
sent any more, and what may have been sent is waited for until Azure has answered.
"""

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from azvm_async.client import AzureVMClient
from azvm_async.errors import AzureVMError, ClientClosed, OutcomeUnknown
from azvm_async.fleet.books import Books
from azvm_async.fleet.jobs import Job
from azvm_async.fleet.query import Vm
from azvm_async.operation import Operation
from azvm_async.protocol.machine import About
from azvm_async.protocol.repeat import Repeat, may_repeat
from azvm_async.submission import Submission
from azvm_async.telemetry import Observer, guarded, marked

_log = logging.getLogger(__name__)


class Flight:
    """The way of one request, for one VM or for many."""

    __slots__ = ("observer", "operation", "submission", "task", "vms")

    def __init__(self, vms: Sequence[Vm]) -> None:
        self.vms = vms
        self.observer: Observer | None = None
        self.submission: Submission[Any] | None = None
        self.operation: Operation[Any] | None = None
        self.task: asyncio.Task[None] | None = None

    @property
    def in_doubt(self) -> bool:
        """Whether something may have begun that is not known of: an answer is due, was lost, or was neither yes nor no."""
        return self.operation is None and self.submission is not None and self.submission.in_doubt

    @property
    def failure(self) -> AzureVMError | None:
        """How its request failed, as far as it did."""
        return None if self.submission is None else self.submission.failure


class Halt:
    """Whether a run goes on, and what is to be stopped where it doesn't.

    Parameters
    ----------
    failures : int, optional
        So many end it.
    """

    def __init__(self, failures: int | None) -> None:
        self.reason: str | None = None
        self.waits = True
        self.hurried = asyncio.Event()
        """Set when what has begun is not waited for any more."""
        self.flights: set[Flight] = set()
        self._feeds: set[asyncio.Task[Any]] = set()
        self._failures = failures

    def feed(self, task: asyncio.Task[Any]) -> None:
        """Take in a task by which more begins, to end it when the run is halted."""
        self._feeds.add(task)
        if self.reason is not None:
            task.cancel()

    def call(self, reason: str, *, waits: bool) -> None:
        """Let nothing more begin; ``waits`` says whether what has begun is waited for."""
        self.reason, self.waits = self.reason or reason, self.waits and waits
        if not self.waits:
            self.hurried.set()
        for feed in self._feeds:
            feed.cancel()
        for flight in self.flights:
            if flight.operation is None and flight.submission and not flight.submission.may_be_broken_off:
                flight.submission.give_up()
            elif flight.task and (flight.operation is None or not self.waits):
                flight.task.cancel()

    def counts(self, failures: int) -> None:
        """Take in how many have failed so far."""
        if self._failures is not None and failures >= self._failures and self.reason is None:
            self.call(f"{failures} VMs failed", waits=True)


@dataclass(slots=True)
class Context:
    """What the engines of a run share.

    Parameters
    ----------
    places : asyncio.Semaphore
        So many VMs are worked on at once.
    """

    client: AzureVMClient
    job: Job
    books: Books
    halt: Halt
    places: asyncio.Semaphore


class Engine(ABC):
    """Does a job to VMs of one subscription, and writes in the books what came of it.

    Parameters
    ----------
    context : Context
        The run's.
    turns : asyncio.Semaphore
        So many VMs of the subscription may have a place before Azure has accepted their requests.
    gate : int
        So many flights may wait for Azure's limits or for its answer.
    """

    name: ClassVar[str]

    def __init__(self, context: Context, turns: asyncio.Semaphore, gate: int) -> None:
        self._client = context.client
        self._job = context.job
        self._books = context.books
        self._halt = context.halt
        self._places = context.places
        self._turns = turns
        self._gate = asyncio.Semaphore(gate)

    async def launch(self, flights: Iterable[Flight]) -> None:
        """Let them begin, one after the other, as far as there are places; return when all are over."""
        async with asyncio.TaskGroup() as tasks:
            self._halt.feed(tasks.create_task(self._feed(tasks, flights)))

    async def _feed(self, tasks: asyncio.TaskGroup, flights: Iterable[Flight]) -> None:
        for flight in flights:
            await self._gate.acquire()
            for (
                _
            ) in flight.vms:  # before any place: all the turns together are no more than the places, so that none lacks
                await self._turns.acquire()
            for _ in flight.vms:
                await self._places.acquire()
            self._halt.flights.add(flight)
            flight.task = tasks.create_task(self._fly(flight))

    async def _fly(self, flight: Flight) -> None:
        flight.observer = guarded(self._books.record.lane(vm.key for vm in flight.vms))
        try:
            try:
                await self.begin(flight)
            finally:  # it is accepted, or over
                self._give_way(flight)
            await self._follow_unless_halted(flight)
        except asyncio.CancelledError:
            self._given_up(flight)
            if self._halt.reason is None:
                raise
        except AzureVMError as error:
            self._broken_off(flight, error)
        except Exception as error:  # noqa: BLE001 - a mistake of ours, or of a callback, is one VM's, not the fleet's
            self._at_fault(flight, error)
        finally:
            self._halt.flights.discard(flight)
            self._halt.counts(self._books.failures)
            for _ in flight.vms:
                self._places.release()

    def _give_way(self, flight: Flight) -> None:
        self._gate.release()
        for _ in flight.vms:
            self._turns.release()

    async def _follow_unless_halted(self, flight: Flight) -> None:
        if flight.operation is None:
            return  # the books have told all
        if self._halt.waits or flight.operation.done:
            await self.follow(flight)
        else:
            self._given_up(flight)

    def _broken_off(self, flight: Flight, error: AzureVMError) -> None:
        """Write down what is left of a flight by an error."""
        if isinstance(error, ClientClosed) and self._halt.reason is None:
            self._halt.call("the client was closed", waits=False)
        if isinstance(error, ClientClosed) or self._is_not_repeated(flight, error):
            self._given_up(flight)
        else:
            self.refused(flight, error)

    def _at_fault(self, flight: Flight, error: Exception) -> None:
        """Write down a mistake, which says nothing of what was sent."""
        about = About(self._job.verb, str(flight.vms[0].id))
        _log.error("The %s could not be followed", about, exc_info=error, extra=marked(about))
        kind = OutcomeUnknown if flight.operation is not None or flight.in_doubt else AzureVMError
        self.refused(flight, kind(f"A fault in azvm_async: {type(error).__name__}: {error}"))

    def _is_not_repeated(self, flight: Flight, error: AzureVMError) -> bool:
        """Tell whether Azure has not said no, and would have been asked again if the run were not halted."""
        if self._halt.reason is None or flight.operation is not None:
            return False
        answer = flight.failure if isinstance(error, OutcomeUnknown) else error
        return answer is not None and may_repeat(Repeat.ANSWERED, answer)

    def _given_up(self, flight: Flight) -> None:
        """Write down how it stands with a flight that nobody waits for any more."""
        vms = self._books.without_end(flight.vms)
        if flight.operation is not None:
            for vm in vms:
                self._books.left(vm, self._halt.reason)
        elif flight.in_doubt:
            for vm in vms:
                self._books.unanswered(vm)
        elif (failure := flight.failure) is not None and not may_repeat(Repeat.ANSWERED, failure):
            self.refused(flight, failure)  # Azure said no in the very turn of the loop in which the run was halted
        else:
            self._books.not_begun(vms, self._halt.reason)

    async def send(self, flight: Flight, submission: Submission[Any]) -> None:
        """Send, with a word in the books before and after."""

        def announced(intent: Callable[[], str]) -> None:
            if self._halt.reason is not None and not submission.lost:
                raise asyncio.CancelledError  # it was halted in this very turn of the loop
            self._books.sends(flight.vms, self.name, intent)

        flight.submission = submission
        submission.announce(announced)
        if flight.observer is not None:
            submission.observe(flight.observer)
        self.taken_on(flight, await submission)

    def resumed(self, flight: Flight, token: str) -> Operation[Any]:
        """Return the handle of what an earlier run has sent, or was about to send."""
        return self._client.resume(token, subscription=flight.vms[0].id.subscription)

    def taken_on(self, flight: Flight, operation: Operation[Any]) -> None:
        """Note what there is to follow."""
        flight.operation = operation
        if flight.observer is not None:
            operation.observe(flight.observer)
        self._books.accepted(flight.vms, operation, self.name)

    def refused(self, flight: Flight, error: AzureVMError) -> None:
        """Write down that it failed for all whose end is not known."""
        for vm in self._books.without_end(flight.vms):
            self._books.failed(vm, error)

    @abstractmethod
    async def begin(self, flight: Flight) -> None:
        """Send, or take up again what an earlier run has sent."""

    @abstractmethod
    async def follow(self, flight: Flight) -> None:
        """Wait for the end."""
