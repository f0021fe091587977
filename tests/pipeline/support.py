"""Requests, answers and failures that the pipeline's tests are made of."""

from collections.abc import Callable
from itertools import pairwise
from typing import NamedTuple

import pytest
from doubles import ScriptedTransport, Sent

from azvm_async.errors import AzureVMError, TransportError
from azvm_async.pipeline import Pipeline
from azvm_async.protocol.machine import About
from azvm_async.protocol.repeat import Repeat
from azvm_async.sending import Sending
from azvm_async.wire import Request, Response

ENDPOINT = "https://management.azure.com"
VM = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/vm1"
ABOUT = About("start", VM)
POST = Request("POST", f"{ENDPOINT}{VM}/start?api-version=1")
DELETE = Request("DELETE", f"{ENDPOINT}{VM}?api-version=1")
GET = Request("GET", f"{ENDPOINT}{VM}?api-version=1")
OK = Response(200)


def unsent() -> TransportError:
    """Return what a refused connection ends in."""
    return TransportError("No connection", maybe_applied=False)


def lost() -> TransportError:
    """Return what a broken connection ends in."""
    return TransportError("No answer", maybe_applied=True)


def refused(status: int, code: str = "SomeCode", **headers: str) -> Response:
    """Return an error answer as ARM writes it."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response.with_json(status, {"error": {"code": code, "message": "So it is."}}, named)


class Announced(Sending):
    """Calls back each time before a first byte leaves."""

    def __init__(self, callback: Callable[[], object]) -> None:
        super().__init__()
        self.callback = callback

    def begins(self, request_id: str) -> None:
        super().begins(request_id)
        self.callback()


class Line(NamedTuple):
    """A pipeline, and the scripted transport at its end."""

    pipeline: Pipeline
    transport: ScriptedTransport

    @property
    def sent(self) -> list[Sent]:
        """What was sent so far."""
        return self.transport.sent

    @property
    def waits(self) -> list[float]:
        """Seconds between the sendings."""
        moments = [sent.at for sent in self.sent]
        return [later - earlier for earlier, later in pairwise(moments)]

    async def send(
        self, repeat: Repeat = Repeat.ALWAYS, request: Request = POST, sending: Sending | None = None
    ) -> Response:
        """Send a request that is to be answered."""
        return await self.pipeline.send(request, ABOUT, repeat, sending)

    async def failure(self, repeat: Repeat = Repeat.ALWAYS, request: Request = POST) -> AzureVMError:
        """Return the error that a request ends in."""
        with pytest.raises(AzureVMError) as caught:
            await self.send(repeat, request)
        return caught.value
