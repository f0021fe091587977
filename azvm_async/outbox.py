"""Submissions under way, each in a task of the client, so that cancelling a caller never loses an operation.

Who is cancelled before the first byte leaves has sent nothing, and where Azure has answered that it failed, nothing is sent
again. Otherwise the submission is carried to its end here, and its handle is found in ``client.outstanding``.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from functools import partial
from http import HTTPStatus
from typing import Any

from azvm_async.errors import AzureVMError, ClientClosed, Conflict, OutcomeUnknown
from azvm_async.operation import Operation
from azvm_async.pipeline import Pipeline
from azvm_async.poller import Poller
from azvm_async.protocol.machine import About, Machine
from azvm_async.protocol.pacing import Moment
from azvm_async.protocol.repeat import Repeat
from azvm_async.protocol.sought import SEARCHES
from azvm_async.sending import Sending
from azvm_async.telemetry import Observer, marked, trail_of
from azvm_async.wire import Request, Response

GRACE = 5.0
"""Seconds that a client that is being closed gives to submissions under way."""

SENDINGS = 3
"""How often something is sent whose answer was lost, and that was then not found."""

Begin = Callable[[Response, Moment], Machine]
Search = Callable[[AzureVMError], Awaitable[Machine | None]]

_log = logging.getLogger(__name__)


class Outbox:
    """Sends what begins an operation, and hands its state to the poller.

    Parameters
    ----------
    pipeline : Pipeline
        Sends.
    poller : Poller
        Takes the operation in once Azure has accepted it.
    now : callable
        Returns the present :class:`Moment`.
    observer : Observer, optional
        Hears of what becomes of submissions.
    """

    def __init__(
        self, pipeline: Pipeline, poller: Poller, now: Callable[[], Moment], observer: Observer | None = None
    ) -> None:
        self._observer = observer
        self._pipeline = pipeline
        self._poller = poller
        self._now = now
        self._under_way: set[asyncio.Task[Operation[Any]]] = set()
        self._closed = False

    async def submit(
        self,
        about: About,
        request: Request,
        repeat: Repeat,
        begin: Begin,
        search: Search | None = None,
        sending: Sending | None = None,
    ) -> Operation[Any]:
        """Send a request, and return the handle of what it began.

        Parameters
        ----------
        about : About
            What is done to what.
        request : Request
            What to send.
        repeat : Repeat
            What may be sent again.
        begin : callable
            Makes the machine's first state of Azure's answer.
        search : callable, optional
            Looks, after an error that leaves open what was done or says that something is in the way, for what this
            request began; ``None`` says that there is none. A lost answer is looked for three times, and not before
            Azure's ``Retry-After`` it is sent again.
        sending : Sending, optional
            Kept up to date.

        Raises
        ------
        AzureVMError
            What :meth:`Pipeline.send` and ``begin`` raise; ClientClosed and OutcomeUnknown also where the client is
            closed before there is an answer.
        """
        if self._closed:
            raise ClientClosed("The client is closed; nothing was sent", vm=about.resource)
        sending = sending or Sending()
        sending.trail = trail_of(about, self._poller.clock, self._observer, sending.observer)
        task = asyncio.create_task(self._deliver(about, request, repeat, begin, search, sending))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        if sending.trail is not None:
            task.add_done_callback(partial(_observed, sending))
        before = _cancellations()
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            if task.cancelled() and _cancellations() == before:  # it was close(), and not the caller who is cancelled
                raise _cut_off(about, sending) from None
            _abandon(task, about, sending)
            raise
        finally:
            del task  # whoever keeps the traceback must not keep the handle, or it would be polled

    async def close(self) -> None:
        """Let submissions under way come to their end, for a short time; take no more."""
        self._closed = True
        try:
            with contextlib.suppress(TimeoutError):
                async with self._poller.clock.timeout(GRACE):
                    while self._under_way:
                        await asyncio.wait(self._under_way)
        finally:  # also where the closing is cancelled
            await self._cut_off()

    async def _cut_off(self) -> None:
        late = list(self._under_way)
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late)

    async def _deliver(
        self, about: About, request: Request, repeat: Repeat, begin: Begin, search: Search | None, sending: Sending
    ) -> Operation[Any]:
        for sent in range(1, SENDINGS + 1):
            response = None
            try:
                response = await self._pipeline.send(request, about, repeat, sending)
                return self._adopted(begin(response, self._now()), sending)
            except (OutcomeUnknown, Conflict) as error:
                last = sent == SENDINGS or _in_the_way(error) or not (search or _is_asked_again(repeat, response))
                machine = await self._found(search, error, last=last) if search else None
                if machine is not None:
                    return self._adopted(machine, sending)
                if last or (search and sending.given_up):
                    raise
                if sending.trail is not None:
                    sending.trail.retried(error, 0.0)
        raise AssertionError("the last sending returns or raises")  # pragma: no cover

    def _adopted(self, machine: Machine, sending: Sending) -> Operation[Any]:
        return handed_over(self._poller.adopt(machine, sending.trail), sending)

    async def _found(self, search: Search, error: AzureVMError, *, last: bool) -> Machine | None:
        """Look for what a request began: once for what is in the way, else often enough to dare another sending."""
        *pauses, longest = SEARCHES[:1] if _in_the_way(error) else SEARCHES
        asked = 0.0 if last else (error.retry_after or 0.0) - sum(pauses)  # the newest knowledge is the best to send on
        for pause in (*pauses, max(longest, asked)):
            await self._poller.clock.sleep(pause)
            machine = await search(error)
            if machine is not None:
                return machine
        return None


def handed_over(operation: Operation[Any], sending: Sending) -> Operation[Any]:
    """Return the handle of what Azure has accepted, whose token goes to who asked for it."""
    if sending.told is not None:
        sending.told(operation.token)
    return operation


def _in_the_way(error: AzureVMError) -> bool:
    """Tell whether something keeps Azure from taking a request, which may be what was sent before."""
    return error.status == HTTPStatus.CONFLICT


def _is_asked_again(repeat: Repeat, response: Response | None) -> bool:
    """Tell whether an answer whose body is no JSON is as good as lost, to what may be done twice."""
    if response is None or repeat is not Repeat.ALWAYS:
        return False
    try:
        response.json()
    except ValueError:
        return True
    return False


def _cancellations() -> int:
    """Return how often the cancellation of the present task was asked for."""
    task = asyncio.current_task()
    return 0 if task is None else task.cancelling()


def _abandon(task: asyncio.Task[Operation[Any]], about: About, sending: Sending) -> None:
    """Take in that nobody waits for a submission any more."""
    sending.given_up = True
    if sending.may_be_broken_off:
        task.cancel()
    task.add_done_callback(partial(_told, about, sending))


def _cut_off(about: About, sending: Sending) -> AzureVMError:
    if sending.in_doubt:
        what = f"Whether the {about} was done is not known: the client was closed before Azure answered"
        return OutcomeUnknown(what, vm=about.resource)
    return ClientClosed(f"The client was closed before the {about} was sent", vm=about.resource)


def _observed(sending: Sending, task: asyncio.Task[Operation[Any]]) -> None:
    """Tell observers of a submission that brought no operation."""
    error = None if task.cancelled() else task.exception()
    if sending.trail is not None and (task.cancelled() or error is not None):
        sending.trail.refused(error, in_doubt=sending.in_doubt)


def _told(about: About, sending: Sending, task: asyncio.Task[Operation[Any]]) -> None:
    """Log how an abandoned submission failed, or what became unknown with it, for nobody else will hear of it."""
    if task.cancelled():  # by close(), or with the loop
        if sending.in_doubt:
            why = sending.failure or "its answer was not waited for to the end"
            _log.warning(
                "Whether the %s was done is not known, and nobody waits for it any more: %s",
                about,
                why,
                extra=marked(about, sending.failure),
            )
        return
    error = task.exception()
    if isinstance(error, AzureVMError):
        _log.warning("A submission whose caller was cancelled came to nothing: %s", error, extra=marked(about, error))
    elif error is not None:
        _log.error("A submission whose caller was cancelled failed", exc_info=error, extra=marked(about))
