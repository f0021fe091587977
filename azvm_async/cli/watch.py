"""What the handles of a run say while it goes on: how far each VM is, and each resource of a deployment as it comes.

A fleet tells how its VMs ended; what lies between is read off the client's own handles, without a request.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterator
from typing import Any, Protocol

from azvm_async import AzureVMClient, AzureVMError, Operation, Outcome, Report, ResourceProgress, Throttled, Update
from azvm_async.cli.board import Progress
from azvm_async.cli.text import one_line

FEW = 5
"""VMs whose resources are told one by one; of more it would be a flood."""

_DEPLOYING = {"provision", "deprovision"}
_ENDED = {"Succeeded", "Deleted", "Left", "Failed", "Canceled"}


class Going(AsyncIterable[Outcome], Protocol):
    """What is followed: a fleet's run, or what was taken up again."""

    @property
    def done(self) -> bool:
        """Whether it is over."""

    @property
    def report(self) -> Report:
        """How it stands."""

    def stop(self, reason: str = ..., *, wait: bool = ...) -> None:
        """Let nothing more begin, and with ``wait=False`` wait for nothing."""

    async def ended(self) -> None:
        """Wait until it is over."""

    def __aiter__(self) -> AsyncIterator[Outcome]:
        """Iterate over the outcomes as they come."""


class Watch:
    """Looks at the handles of a client.

    Parameters
    ----------
    client : AzureVMClient
        Whose.
    tell : callable, optional
        Called with a line for each change of a deployment's resource.
    """

    def __init__(self, client: AzureVMClient, tell: Callable[[str], None] | None = None) -> None:
        self._client = client
        self._tell = tell
        self._followed: dict[Operation[Any], asyncio.Task[None]] = {}

    async def look(self) -> dict[str, Progress]:
        """Return how far each VM is, by its ARM id in lower case."""
        found: dict[str, Progress] = {}
        for operation in self._client.outstanding:
            update = await anext(operation.updates())  # the present one, at once
            found.update(_told(operation, update))
            if self._tell is not None and operation.about.verb in _DEPLOYING and operation not in self._followed:
                self._followed[operation] = asyncio.create_task(self._follow(operation, self._tell))
        return found

    async def close(self, *, wait: bool) -> None:
        """Stop; with ``wait`` after the last changes were told."""
        for task in self._followed.values():
            if not wait:
                task.cancel()
        await asyncio.gather(*self._followed.values(), return_exceptions=True)

    async def _follow(self, operation: Operation[Any], tell: Callable[[str], None]) -> None:
        vm, told = operation.about.resource.rpartition("/")[2], set()
        with contextlib.suppress(AzureVMError):  # the run tells of it
            async for update in operation.updates():
                for resource in update.resources:
                    line = f"{vm}: {_named(resource)}: {resource.state}"
                    if resource.state != "Waiting" and line not in told:
                        told.add(line)
                        tell(one_line(line))


def _told(operation: Operation[Any], update: Update) -> Iterator[tuple[str, Progress]]:
    """Return what a handle says of each of its VMs."""
    trouble = operation.trouble
    words = "" if trouble is None else one_line(trouble.what)
    throttled = isinstance(trouble, Throttled)
    about = operation.about
    if update.resources and about.verb not in _DEPLOYING:  # many VMs by one request
        for resource in update.resources:
            yield resource.id.lower(), Progress(resource.state, words, throttled)
    else:
        yield about.resource.lower(), Progress(_words(update), words, throttled)


def _words(update: Update) -> str:
    if update.resources:
        ended = sum(resource.state in _ENDED for resource in update.resources)
        now = next((resource for resource in update.resources if resource.state not in {*_ENDED, "Waiting"}), None)
        doing = "" if now is None else f", {now.state} {_named(now)}"
        return one_line(f"{ended} of {len(update.resources)} resources{doing}")
    return update.status if update.percent_complete is None else f"{update.percent_complete:.0f} %"


def _named(resource: ResourceProgress) -> str:
    return f"{resource.type.partition('/')[2] or resource.type} {resource.name}"
