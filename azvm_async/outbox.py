"""Submissions under way, each in a task of the client, so that cancelling a caller never loses an operation.

Who is cancelled before the first byte leaves has sent nothing. After that the submission is carried to its end here, and
its handle is found in ``client.outstanding``.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from azvm_async.errors import AzureVMError
from azvm_async.operation import Operation
from azvm_async.pipeline import Pipeline
from azvm_async.poller import Poller
from azvm_async.protocol.machine import About, Machine
from azvm_async.protocol.pacing import Moment
from azvm_async.protocol.repeat import Repeat
from azvm_async.wire import Request, Response

GRACE = 5.0
"""Seconds that a client that is being closed gives to submissions whose caller is gone."""

Begin = Callable[[Response, Moment], Machine]

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
    """

    def __init__(self, pipeline: Pipeline, poller: Poller, now: Callable[[], Moment]) -> None:
        self._pipeline = pipeline
        self._poller = poller
        self._now = now
        self._tasks: set[asyncio.Task[Operation[Any]]] = set()

    async def submit(self, about: About, request: Request, repeat: Repeat, begin: Begin) -> Operation[Any]:
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

        Raises
        ------
        AzureVMError
            What :meth:`Pipeline.send` and ``begin`` raise.
        """
        sent = asyncio.Event()
        task = asyncio.create_task(self._deliver(about, request, repeat, begin, sent))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            self._abandon(task, sent)
            raise

    async def close(self) -> None:
        """Let submissions whose caller is gone come to their end, for a short time."""
        if not self._tasks:
            return
        _, late = await asyncio.wait(self._tasks, timeout=GRACE)
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late)

    async def _deliver(
        self,
        about: About,
        request: Request,
        repeat: Repeat,
        begin: Begin,
        sent: asyncio.Event,
    ) -> Operation[Any]:
        response = await self._pipeline.send(request, about, repeat, sent.set)
        return self._poller.adopt(begin(response, self._now()))

    def _abandon(self, task: asyncio.Task[Operation[Any]], sent: asyncio.Event) -> None:
        """Nobody waits for this submission any more."""
        if not sent.is_set():
            task.cancel()
        task.add_done_callback(_told)


def _told(task: asyncio.Task[Operation[Any]]) -> None:
    """Log how an abandoned submission failed, for nobody else will."""
    if task.cancelled():
        return
    error = task.exception()
    if isinstance(error, AzureVMError):
        _log.warning("A submission whose caller was cancelled came to nothing: %s", error)
    elif error is not None:
        _log.error("A submission whose caller was cancelled failed", exc_info=error)
