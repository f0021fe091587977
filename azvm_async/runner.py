"""Scripts on VMs: each sent under a name of its own, by which it is found again when its answer is lost."""

import uuid
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from http import HTTPStatus

from azvm_async.errors import AzureVMError, RequestRefused
from azvm_async.operation import Operation
from azvm_async.outbox import Outbox
from azvm_async.pipeline import Pipeline
from azvm_async.protocol import run_command, tokens
from azvm_async.protocol.ids import VmId
from azvm_async.protocol.machine import About
from azvm_async.protocol.pacing import Moment
from azvm_async.protocol.repeat import Repeat
from azvm_async.protocol.run_command import RunCommand
from azvm_async.protocol.script import NAME_PREFIX, RunCommandResult, Script, script_url
from azvm_async.reader import Reader
from azvm_async.sending import Sending
from azvm_async.wire import Request


def new_command_name() -> str:
    """Return a name for a run command that no other has."""
    return f"{NAME_PREFIX}{uuid.uuid4().hex}"


class Runner:
    """Runs scripts by managed run command.

    Parameters
    ----------
    pipeline, outbox, reader : Pipeline, Outbox, Reader
        The client's.
    endpoint : str
        Where.
    now : callable
        Returns the present :class:`Moment`.
    """

    def __init__(
        self, pipeline: Pipeline, outbox: Outbox, reader: Reader, endpoint: str, now: Callable[[], Moment]
    ) -> None:
        self._pipeline = pipeline
        self._outbox = outbox
        self._reader = reader
        self._endpoint = endpoint
        self._now = now

    async def run(
        self, target: VmId, script: Script, name: str, location: str | None, sending: Sending, *, keep: bool
    ) -> Operation[RunCommandResult]:
        """Send a script; it runs once, also where its answer is lost."""
        properties = script.properties()
        about = About("run_command", str(target))
        url = script_url(self._endpoint, target, name)
        region = location or await self._reader.location(target)
        request = Request.with_json("PUT", url, {"location": region, "properties": properties})
        begin = partial(run_command.begin, about, request, keep=keep)
        search, sending.intent = partial(self._search, about, url, keep), tokens.intent(about, url, keep=keep)
        try:
            return await self._outbox.submit(about, request, Repeat.REFUSED, begin, search, sending)
        except RequestRefused:
            self._reader.forget(target)  # it may have been made anew, in another region
            raise

    async def _search(self, about: About, url: str, keep: bool, error: AzureVMError) -> RunCommand | None:
        """Look for the run command; its name is its own, so what is there is it, and may be what is in its own way.

        Raises
        ------
        AzureVMError
            The error itself, where the looking fails, too.
        """
        try:
            response = await self._pipeline.send(Request("GET", url), about, Repeat.ALWAYS, Sending(absence=True))
        except AzureVMError as blind:
            raise error from blind
        if response.status == HTTPStatus.NOT_FOUND:
            return None
        return replace(run_command.bare(about, url, self._now()), keep=keep)
