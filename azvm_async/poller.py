"""One scheduler for all outstanding handles of a client.

An agenda holds who is due when, one task sleeps until the first of them is, and short tasks carry the polls. Where many
are outstanding, lists tell which of them to read (:mod:`azvm_async.lookout`). An operation whose handle the caller dropped
is not polled any more; it is kept, with its token, in ``client.outstanding``. One that can't be read is parked: its waiters
are told, and the next wait tries again.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from functools import partial
from http import HTTPStatus
from typing import Any

from azvm_async.agenda import Agenda, Line
from azvm_async.clock import Clock
from azvm_async.errors import AzureVMError, ClientClosed, Conflict, InvalidRequest, NotFound, TransportError
from azvm_async.lookout import Lookout, Pages
from azvm_async.operation import Operation, Tracked
from azvm_async.protocol.faults import error_for
from azvm_async.protocol.ids import subscription_in
from azvm_async.protocol.machine import About, Machine, Wait
from azvm_async.protocol.pacing import Moment
from azvm_async.protocol.repeat import Repeat
from azvm_async.protocol.throttling import subscription_of
from azvm_async.protocol.tokens import BARE
from azvm_async.sending import Sending
from azvm_async.telemetry import Observer, Trail, marked
from azvm_async.wire import Request, Response

_log = logging.getLogger(__name__)


class Poller:
    """Drives machines; see :class:`azvm_async.operation.Driver`.

    Parameters
    ----------
    send : callable
        Sends a poll once: ``await send(request, trail)``.
    submit : callable
        Sends a cancellation until there is a clear answer: ``await submit(request, about, repeat, sending)``.
    clock : Clock
        Sleeps.
    now : callable
        Returns the present :class:`Moment`, with its luck.
    states : callable
        Reads the pages of the list that tells the states of all VMs of a subscription.
    observer : Observer, optional
        Hears of what becomes of operations.
    """

    def __init__(
        self,
        send: Callable[[Request, Trail | None], Awaitable[Response]],
        submit: Callable[[Request, About, Repeat, Sending], Awaitable[Response]],
        clock: Clock,
        now: Callable[[], Moment],
        states: Pages,
        observer: Observer | None = None,
    ) -> None:
        self.clock = clock
        self._observer = observer
        self._send = send
        self._submit = submit
        self._now = now
        self._open: dict[object, Tracked] = {}  # by tracking URL, where that is unique
        self._agenda = Agenda()
        self._lookout = Lookout(states, clock, self._hurry, self._release)
        self._polls: set[asyncio.Task[None]] = set()
        self._runner: asyncio.Task[None] | None = None
        self._news = asyncio.Event()
        self._closed = False

    @property
    def outstanding(self) -> list[Operation[Any]]:
        """Handles of all operations that have not ended, as far as is known, the oldest first."""
        return [self._handle(tracked) for tracked in self._open.values()]

    def adopt(self, machine: Machine, trail: Trail | None = None) -> Operation[Any]:
        """Take a new operation in, and return its handle."""
        tracked = Tracked(machine)
        if trail is None and self._observer is not None:
            trail = Trail(machine.about, self.clock, (self._observer,))
        tracked.trail, handle = trail, tracked.handle(self)
        if trail is not None:
            trail.accepted(machine)
        if machine.outcome is None:
            tracked.key = tracked if _key(machine) in self._open else _key(machine)
            tracked.subscription, tracked.looked = _subscription(machine), self.clock.monotonic()
            self._open[tracked.key] = tracked
            if not self._closed:
                self._settle(tracked)
                self._lookout.join(tracked)
        return handle

    def resume(self, machine: Machine) -> Operation[Any]:
        """Return the handle of an operation that was begun before: the one there is, if this client has it already."""
        known = self._known(machine)
        return self.adopt(machine) if known is None else self._handle(known)

    def watch(self, tracked: Tracked) -> None:
        """See :meth:`Driver.watch`."""
        if self._closed:
            raise self._closing(tracked)
        if tracked.machine.outcome is not None:
            return
        if not tracked.scheduled:
            tracked.machine, tracked.looked = tracked.machine.again(self._now()), float("-inf")
            self._settle(tracked)
            self._lookout.join(tracked)
        self._keep_running()

    async def cancel(self, tracked: Tracked) -> None:
        """See :meth:`Driver.cancel`."""
        machine = tracked.machine
        request = machine.cancellation()
        if request is None:
            what = f"Azure can't cancel the {machine.about}; it can cancel deployments, and run commands that are ours"
            raise InvalidRequest(what, vm=machine.about.resource)
        about = About(f"canceling of the {machine.about.verb}", machine.about.resource)
        deletes, sending = request.method == "DELETE", Sending()
        try:
            await self._submit(request, about, Repeat.ALWAYS, sending)
        except NotFound:
            if not deletes:  # what is to be deleted is gone: that was asked for
                raise
        except Conflict:
            if deletes:  # what can't be deleted goes on
                raise
            _log.info("The %s has ended, or is being canceled already", machine.about, extra=marked(machine.about))
        finally:  # also where the answer was lost, or the caller is cancelled
            tracked.deleted |= deletes and sending.in_doubt
        tracked.canceled = True
        if tracked.machine.outcome is None:
            self._moved(tracked, tracked.machine.canceled(self._now()), None)

    async def close(self) -> None:
        """Stop polling. Who waits is told; what goes on in Azure goes on, and stays in :attr:`outstanding`."""
        self._closed = True
        tasks = [*self._polls, *([self._runner] if self._runner else [])]
        for task in tasks:
            task.cancel()
        try:
            await self._lookout.close()
            if tasks:
                await asyncio.wait(tasks)
        finally:  # also where the closing is cancelled: nobody is left waiting
            self._agenda.clear()
            for tracked in self._open.values():
                tracked.scheduled = False
                tracked.fail(self._closing(tracked))
                if tracked.trail is not None:
                    tracked.trail.left()

    def _known(self, machine: Machine) -> Tracked | None:
        """Return the record of the same operation; the looking beside its key is for who shares a URL, or knows no more."""
        url = machine.tracking_url
        found = self._open.get(_key(machine)) or self._open.get(url) if url else None
        if found is not None and _same(found.machine, machine):
            return found
        if found is None and machine.identity is not None:
            return None
        return next((each for each in self._open.values() if _same(each.machine, machine)), None)

    def _handle(self, tracked: Tracked) -> Operation[Any]:
        """Return an operation's handle; one that was dropped is polled again from now on."""
        dropped = not tracked.wanted
        handle = tracked.handle(self)
        if dropped and not self._closed:
            self.watch(tracked)
        return handle

    def _closing(self, tracked: Tracked) -> ClientClosed:
        about = tracked.machine.about
        return ClientClosed(f"The client was closed before the {about} ended", vm=about.resource)

    def _settle(self, tracked: Tracked) -> None:
        """Do what a state asks for next: wait for its time, or let it go at its end."""
        if tracked.machine.outcome is not None:
            self._open.pop(tracked.key, None)
            self._lookout.leave(tracked)
            self._agenda.leave(tracked)
            if not self._agenda:
                self._news.set()  # nobody is due any more
            return
        step = tracked.machine.due(self._now())
        self._enter(tracked, step.until if isinstance(step, Wait) else self.clock.monotonic())
        self._keep_running()

    def _enter(self, tracked: Tracked, due: float) -> None:
        if self._agenda.enter(tracked, due):
            self._news.set()

    def _hurry(self, tracked: Tracked) -> None:
        """Read an operation now, unless it is being read anyway: a list hints that it has ended."""
        if tracked.entry:
            self._lookout.leave(tracked)
            tracked.machine = tracked.machine.again(self._now())
            self._settle(tracked)

    def _release(self, tracked: Tracked) -> None:
        """Let an operation be read when it would be if there had been no list."""
        if tracked.entry:
            self._settle(tracked)

    def _keep_running(self) -> None:
        """See to it that the agenda is worked off; without a loop (a handle resumed before there is one) not yet."""
        if not self._agenda or self._closed or (self._runner is not None and not self._runner.done()):
            return
        with contextlib.suppress(RuntimeError):
            loop = asyncio.get_running_loop()
            self._news = asyncio.Event()
            self._runner = loop.create_task(self._run())
            self._runner.add_done_callback(self._stopped)
            self._lookout.begin()

    async def _run(self) -> None:
        while self._agenda:
            self._news.clear()
            self._call_due()
            await self._pause()

    async def _pause(self) -> None:
        """Sleep until somebody is due, or there is news: an earlier one."""
        if not self._agenda:
            return
        # A microsecond more, for sums of floats may fall short of the due time by their last bit.
        delay = max(0.0, self._agenda.first - self.clock.monotonic()) + 1e-6
        with contextlib.suppress(TimeoutError):
            async with self.clock.timeout(delay):
                await self._news.wait()

    def _call_due(self) -> None:
        """Let those stand in line who are due, but for those that nobody wants and those that a list tells of."""
        now = self.clock.monotonic()
        for tracked in self._agenda.fallen_due(now):
            tracked.scheduled = tracked.wanted or tracked.machine.driven
            if not tracked.scheduled:
                self._lookout.leave(tracked)
                continue
            later = self._lookout.postponed(tracked)
            if later is not None and later > now:
                self._enter(tracked, later)
                continue
            line = self._agenda.line(tracked.subscription)
            line.due.append(tracked)
            self._launch(line)

    def _launch(self, line: Line) -> None:
        """Start the polls for which there are places."""
        for tracked in line.called():
            poll = asyncio.create_task(self._poll(tracked))
            self._polls.add(poll)
            poll.add_done_callback(partial(self._landed, line, tracked))

    def _landed(self, line: Line, tracked: Tracked, poll: asyncio.Task[None]) -> None:
        self._polls.discard(poll)
        line.reading -= 1
        if self._closed:
            return
        if poll.cancelled() or poll.exception():
            self._broken_off(line, tracked)
        else:
            self._launch(line)

    def _broken_off(self, line: Line, tracked: Tracked) -> None:
        """Read no more of a line of which a poll was cancelled, maybe before its first step: so a loop ends.

        Who waits even then, as in a ``finally``, begins anew.
        """
        dropped = [tracked, *line.due]
        line.due.clear()
        for each in dropped:
            each.scheduled = False
            self._lookout.leave(each)
            if each.awaited:
                self.watch(each)

    def _stopped(self, runner: asyncio.Task[None]) -> None:
        """Go on where somebody waits still although all tasks were cancelled."""
        if runner.cancelled() and any(each.awaited for each in self._open.values()):
            self._keep_running()

    async def _poll(self, tracked: Tracked) -> None:
        """Read once, and take in what came of it. Whatever happens, the handle does not hang."""
        tracked.canceled = False  # what was canceled before is read as anything else; only what is from now on counts
        try:
            machine, trouble = await self._read(tracked)
            tracked.scheduled, tracked.looked = False, self.clock.monotonic()
            if tracked.machine.outcome is None:  # else it was canceled meanwhile
                self._moved(tracked, machine.canceled(self._now()) if tracked.canceled else machine, trouble)
        except ClientClosed:
            tracked.scheduled = False  # close() tells who waits
        except AzureVMError as error:
            self._park(tracked, error)
        except Exception as error:  # noqa: BLE001 - a mistake of ours must reach who waits, not vanish in a task
            about = tracked.machine.about
            _log.exception("The answer for the %s could not be taken in", about, extra=marked(about))
            self._park(tracked, AzureVMError(f"A fault in azvm_async: {type(error).__name__}: {error}"))

    async def _read(self, tracked: Tracked) -> tuple[Machine, AzureVMError | None]:
        """Return the next state, and why the read told nothing, if it did not."""
        machine = tracked.machine
        step = machine.due(self._now())
        if not isinstance(step, Request):
            return machine, None
        tracked.polls += step.method != "DELETE"  # which tidies up, or removes
        try:
            response = await self._send(step, tracked.trail)
        except TransportError as error:
            return machine.missed(error, self._now()), error
        if tracked.deleted and response.status == HTTPStatus.NOT_FOUND:
            return machine.canceled(self._now()), None
        trouble = None
        if response.status >= HTTPStatus.BAD_REQUEST and machine.is_trouble(response):
            what = f"The state of the {machine.about} could not be read"
            trouble = error_for(what, step, response, vm=machine.about.resource)
        return machine.receive(response, self._now()), trouble

    def _moved(self, tracked: Tracked, machine: Machine, trouble: AzureVMError | None) -> None:
        if trouble is not None and tracked.trouble is None:
            _log.info("The %s is read again: %s", machine.about, trouble, extra=marked(machine.about, trouble))
        if tracked.trail is not None:
            tracked.trail.polled(machine, tracked.polls, trouble)
        tracked.move(machine, trouble)
        if machine.outcome is not None and machine.warning:
            _log.warning("%s", machine.warning, extra=marked(machine.about))
        self._rename(tracked)
        self._settle(tracked)

    def _rename(self, tracked: Tracked) -> None:
        """Follow a tracking URL that changed, so that a token of today still finds this operation."""
        key = _key(tracked.machine)
        moved = tracked.machine.tracking_url and tracked.key != key and key not in self._open
        if moved and self._open.pop(tracked.key, None):
            self._open[key], tracked.key = tracked, key

    def _park(self, tracked: Tracked, error: AzureVMError) -> None:
        """Stop polling until somebody waits again: Azure said no, and would say it again."""
        tracked.scheduled = False
        self._lookout.leave(tracked)
        if tracked.trail is not None:
            tracked.trail.polled(tracked.machine, tracked.polls, error)
        if not tracked.waits and not tracked.updates:
            _log.warning("Nobody awaits this: %s", error, extra=marked(tracked.machine.about, error))
        tracked.fail(error)


def _key(machine: Machine) -> object:
    """Return by what an operation is found: its URL, where many share that with what tells them apart."""
    return machine.tracking_url if machine.identity is None else (machine.tracking_url, machine.identity)


def _subscription(machine: Machine) -> str:
    """Return in whose line an operation stands; of a bare URL only that tells it."""
    return subscription_in(machine.about.resource) or subscription_of(machine.tracking_url or "")


def _same(known: Machine, machine: Machine) -> bool:
    """Tell whether two states are of one operation, as far as can be told."""
    if machine.tracking_url != known.tracking_url or machine.about.verb not in {known.about.verb, BARE}:
        return False
    return machine.identity == known.identity or machine.identity is None or known.identity is None
