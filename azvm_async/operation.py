"""The handle: what ``await client.start("vm1")`` gives, and ``await`` brings the result of.

Behind each :class:`Operation` stands a :class:`Tracked`, the client's own record of what goes on in Azure. The handle is
for the caller, who may share it, drop it, or stop waiting at any time; the record stays, and so does its token. Who polls
is not known here: the handle asks a :class:`Driver` to watch, and reads what the driver wrote into the record.
"""

import asyncio
import logging
import weakref
from collections import deque
from collections.abc import AsyncIterator, Callable, Generator
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from azvm_async.clock import Clock
from azvm_async.errors import AzureVMError, InvalidRequest, WaitTimeout, fresh
from azvm_async.protocol import tokens
from azvm_async.protocol.bulk import Bulk
from azvm_async.protocol.machine import About, Failure, Machine, ResourceProgress, Success
from azvm_async.protocol.run_command import RunCommand
from azvm_async.telemetry import Observer, Trail, guarded, marked

T_co = TypeVar("T_co", covariant=True)

UPDATES_KEPT = 16
"""Changes that a slow reader of ``updates()`` may lag behind; then the oldest go."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Update:
    """A change of an operation's state.

    Attributes
    ----------
    status : str
        Azure's word, ``Succeeded``, ``Failed`` or ``Canceled`` at the end.
    percent_complete : float or None
        0 to 100, where Azure tells.
    done : bool
        Whether this is the last one.
    resources : tuple of ResourceProgress
        How each resource of a deployment (or deprovisioning) goes; empty for operations on one resource.
    """

    status: str
    percent_complete: float | None
    done: bool
    resources: tuple[ResourceProgress, ...] = ()


class Tracked:
    """What a client knows of one operation: its machine's state, and who is to hear of the next.

    Parameters
    ----------
    machine : Machine
        The state at first.
    """

    __slots__ = (
        "_handle", "canceled", "deleted", "entry", "heard", "key", "looked", "machine", "polls", "scheduled", "subscription",
        "trail", "trouble", "updates", "waits", "witness",
    )  # fmt: skip

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.subscription = ""  # in whose line it stands
        self.looked = 0.0  # when Azure last told of it
        self.polls = 0  # how often its state was asked for
        self.key: object = None  # by which the poller finds it
        self.scheduled = False
        self.entry = 0  # which entry of the agenda counts: the newest; 0 while it is being read, or about to be
        self.canceled = False  # whether Azure accepted to cancel it
        self.deleted = False  # whether, to cancel it, it may have been deleted: where it is gone, it was canceled
        self.trouble: AzureVMError | None = None
        self.heard = False  # whether somebody got the outcome
        self.waits: set[asyncio.Future[AzureVMError | None]] = set()
        self.updates: weakref.WeakSet[Updates] | None = None  # most handles never have any
        self.witness: Callable[[Any], object] | None = None  # hears a script's result before its command is deleted
        self.trail: Trail | None = None  # for observers, where there are any
        self._handle: weakref.ref[Operation[Any]] | None = None

    def handle(self, driver: "Driver") -> "Operation[Any]":
        """Return the one handle, a new one where the caller dropped it."""
        held = None if self._handle is None else self._handle()
        if held is None:
            held = Operation(self, driver)
            self._handle = weakref.ref(held)
        return held

    @property
    def wanted(self) -> bool:
        """Whether anybody still holds the handle."""
        return self._handle is not None and self._handle() is not None

    @property
    def awaited(self) -> bool:
        """Whether anybody waits, who is not about to be cancelled."""
        return any(not wait.done() for wait in self.waits)

    def move(self, machine: Machine, trouble: AzureVMError | None) -> None:
        """Take in a new state, or why the last read brought none, and tell who listens."""
        before, self.machine, self.trouble = self.machine, machine, trouble
        if self.updates and update_of(before) != update_of(machine):
            for updates in list(self.updates):
                updates.put(update_of(machine))
        if self.witness is not None and isinstance(machine, RunCommand) and isinstance(machine.verdict, Success):
            witness, self.witness = self.witness, None
            witness(machine.verdict.result)
        if machine.outcome is not None:
            if self.trail is not None:
                self.trail.ended(machine)
            self._wake(None)

    def fail(self, error: AzureVMError) -> None:
        """Tell who waits that the state can't be read; the state stays."""
        self.trouble = error
        for updates in list(self.updates or ()):
            updates.stop(error)
        self._wake(error)

    def _wake(self, error: AzureVMError | None) -> None:
        waits, self.waits = self.waits, set()
        for wait in waits:
            if not wait.done():
                wait.set_result(error)


class Driver(Protocol):
    """Who polls: what a handle needs of the poller."""

    clock: Clock

    def watch(self, tracked: Tracked) -> None:
        """See to it that an operation is polled until its end or until trouble.

        Raises
        ------
        ClientClosed
            When nobody polls any more.
        """

    async def cancel(self, tracked: Tracked) -> None:
        """Ask Azure to cancel an operation; see :meth:`Operation.cancel`."""


class Operation(Generic[T_co]):
    """A handle of something that goes on in Azure. Await it for the result.

    It can be awaited again and by many: the operation is polled once. Each waiter that fails gets an error object of its
    own. A wait that is cancelled or times out harms neither the operation nor another wait. The properties do no I/O.

    Not made by callers: the client's coroutines and :meth:`AzureVMClient.resume` give it.
    """

    __slots__ = ("__weakref__", "_driver", "_tracked")

    def __init__(self, tracked: Tracked, driver: Driver) -> None:
        self._tracked = tracked
        self._driver = driver

    @property
    def done(self) -> bool:
        """Whether the operation has ended, well or badly."""
        return self._tracked.machine.outcome is not None

    @property
    def status(self) -> str:
        """Azure's last word for the state: ``InProgress`` or another, at the end ``Succeeded``, ``Failed``, ``Canceled``."""
        return self._tracked.machine.status

    @property
    def percent_complete(self) -> float | None:
        """How much is done, 0 to 100, where Azure tells."""
        return self._tracked.machine.percent_complete

    @property
    def async_results_url(self) -> str | None:
        """The URL that tells the operation's state; ``None`` for what ended with its first answer.

        It is signed: whoever has it and a token of this subscription can read the operation.
        """
        return self._tracked.machine.tracking_url

    @property
    def token(self) -> str:
        """Text to take the operation up again from, also in another process: ``client.resume(token)``.

        It holds signed URLs, but no result, no request body and no credential.
        """
        return tokens.dump(self._tracked.machine)

    def token_for(self, resource: str) -> str:
        """Return a token for one VM, by its ARM id, of an operation on many (``client.bulk``).

        Raises
        ------
        ValueError
            When it is not one of them.
        """
        machine = self._tracked.machine
        return tokens.dump(machine.only(resource) if isinstance(machine, Bulk) else machine)

    @property
    def about(self) -> About:
        """What is done (``verb``) to what (``resource``, an ARM id)."""
        return self._tracked.machine.about

    @property
    def driven(self) -> bool:
        """Whether it goes on only while its client drives it, as a removal of a deployment does; others are Azure's."""
        return self._tracked.machine.driven

    @property
    def polls(self) -> int:
        """How often this client has asked for its state, answered or not."""
        return self._tracked.polls

    @property
    def retry_after(self) -> float | None:
        """Seconds that Azure asked to wait before the next look, ``None`` where it left that to us."""
        return self._tracked.machine.patience.asked

    @property
    def trouble(self) -> AzureVMError | None:
        """Why the state could not be read at the last try, ``None`` if it could. Awaiting the handle tries again."""
        return self._tracked.trouble

    def witness(self, callback: Callable[[Any], object]) -> None:
        """Have a script's result handed over before its run command is deleted in Azure, to write it down first."""
        self._tracked.witness = callback

    async def result(self, timeout: float | None = None) -> T_co:
        """Wait for the end.

        Parameters
        ----------
        timeout : float, optional
            Seconds to wait; the operation goes on when they are over.

        Returns
        -------
        T_co
            What the operation brings; ``None`` for the actions on a VM.

        Raises
        ------
        OperationFailed
            When it ended as Failed; :class:`OperationCanceled` and :class:`OperationPreempted` are kinds of it.
        WaitTimeout
            When ``timeout`` passed.
        StatusUnreadable, ProtocolError, AuthenticationError
            When its state can't be read; it may well go on, and can be awaited again.
        ClientClosed
            When the client was closed meanwhile.
        """
        if timeout is None:
            return await self._wait()
        check_timeout(timeout)
        return await self.within(timeout, timeout)

    async def within(self, seconds: float, asked: float) -> T_co:
        """Wait as :meth:`result` for so long; the caller asked for a time that may have begun before."""
        try:
            async with self._driver.clock.timeout(seconds):
                return await self._wait()
        except TimeoutError:
            about = self.about
            what = f"The {about} did not end within {asked:g} s"
            raise WaitTimeout(what, operation=self, token=self.token, vm=about.resource) from self.trouble

    async def cancel(self) -> None:
        """Ask Azure to cancel the operation: deployments and run commands can be.

        Returns once Azure has accepted that. Then the handle ends as ``Canceled``, and who awaits it gets
        :class:`OperationCanceled`, unless it ended otherwise before. One that has ended is left alone. What a deployment
        had begun to create stays: ``client.deprovision`` removes it. To end only the waiting, cancel the wait.

        Raises
        ------
        InvalidRequest
            When Azure knows no way to cancel this kind of operation; nothing was sent.
        NotFound, Conflict, AuthenticationError, RequestRefused, TransportError, OutcomeUnknown
            When Azure refuses, or no answer came; the handle is whole.
        ClientClosed
            When the client is closed.
        """
        if not self.done:
            await self._driver.cancel(self._tracked)

    def updates(self) -> "Updates":
        """Return the changes of state as they come, the present state first: ``async for update in op.updates()``.

        A reader that is slow never holds up the polling: it finds the newest changes, older ones are dropped. The last
        one always comes. Trouble is raised, as by :meth:`result`; how the operation failed is not, ``result`` tells.
        """
        return Updates(self)

    def observe(self, observer: Observer) -> None:
        """Have somebody hear of it from now on, beside the client's observer: of its polls and of its end."""
        tracked = self._tracked
        if tracked.trail is None:
            tracked.trail = Trail(self.about, self._driver.clock, (), begun=True)
        tracked.trail.join(guarded(observer))

    def __await__(self) -> Generator[Any, None, T_co]:
        return self.result().__await__()

    def __repr__(self) -> str:
        return f"<Operation {self.about}: {self.status}>"

    def __del__(self) -> None:
        tracked = self._tracked
        outcome = tracked.machine.outcome
        if isinstance(outcome, Failure) and not tracked.heard:
            tracked.heard = True
            error = outcome.error(tracked.machine.about)
            _log.warning("Nobody awaited this: %s", error, extra=marked(tracked.machine.about, error))

    async def _wait(self) -> T_co:
        tracked = self._tracked
        if tracked.machine.outcome is None:
            wait: asyncio.Future[AzureVMError | None] = asyncio.get_running_loop().create_future()
            tracked.waits.add(wait)
            try:
                self._driver.watch(tracked)
                trouble = await wait
            finally:
                tracked.waits.discard(wait)
            if trouble is not None:
                raise fresh(trouble)
        return self._concluded()

    def _concluded(self) -> T_co:
        machine, self._tracked.heard = self._tracked.machine, True
        if isinstance(machine.outcome, Success):
            return machine.outcome.result  # type: ignore[no-any-return]  # the client knows what a machine brings
        assert machine.outcome is not None  # noqa: S101 - waits are woken at the end, or with trouble
        raise machine.outcome.error(machine.about)


class Updates(AsyncIterator[Update]):
    """The changes of one operation's state, for one reader."""

    def __init__(self, operation: Operation[Any]) -> None:
        self._operation = operation  # holds the handle, so that it is polled
        self._tracked = operation._tracked  # noqa: SLF001 - the two are one thing in two classes
        self._kept = deque([update_of(self._tracked.machine)], maxlen=UPDATES_KEPT)
        self._trouble: AzureVMError | None = None
        self._news: asyncio.Future[AzureVMError | None] | None = None
        if self._tracked.updates is None:
            self._tracked.updates = weakref.WeakSet()
        self._tracked.updates.add(self)

    def put(self, update: Update) -> None:
        """Keep a change for the reader."""
        self._kept.append(update)
        self._tell()

    def stop(self, trouble: AzureVMError) -> None:
        """Tell the reader that no more changes can be read."""
        self._trouble = trouble
        self._tell()

    async def __anext__(self) -> Update:
        while not self._kept:
            trouble, self._trouble = self._trouble, None
            if trouble is not None:
                raise fresh(trouble)
            if self._operation.done:
                raise StopAsyncIteration
            await self._more()
        return self._kept.popleft()

    async def _more(self) -> None:
        """Wait for news, as one of those who wait for the operation."""
        news = self._news = asyncio.get_running_loop().create_future()
        self._tracked.waits.add(news)
        try:
            self._operation._driver.watch(self._tracked)  # noqa: SLF001 - as above
            await news
        finally:
            self._tracked.waits.discard(news)

    def _tell(self) -> None:
        if self._news is not None and not self._news.done():
            self._news.set_result(None)


def check_timeout(timeout: object) -> None:
    """Refuse what can't be a time-out, before anything is sent.

    Raises
    ------
    InvalidRequest
        For what is no number of seconds, 0 or more.
    """
    if not isinstance(timeout, int | float) or not timeout >= 0:  # NaN is neither more nor less
        raise InvalidRequest(f"A time-out is 0 seconds or more, not {timeout!r}")


def update_of(machine: Machine) -> Update:
    """Return what a reader of updates sees of a state."""
    return Update(machine.status, machine.percent_complete, machine.outcome is not None, machine.progress)
