"""The client's own transport, looked through; and transports that do wrong, for controls: what is wrong must be found."""

import re
from collections import defaultdict
from http import HTTPStatus
from typing import NamedTuple

from azvm_async import TransportError
from azvm_async.transport import Transport
from azvm_async.wire import Request, Response

_LANE = re.compile(r"\b(c\d{3,4})\b")
READS = "GET", "HEAD"


def lane_of(text: str) -> str | None:
    """Return the lane that a text is about: all that belongs to one has its name in its own."""
    found = _LANE.search(text)
    return found and found[1]


class Sent(NamedTuple):
    """A write as the client sent it, and what it heard: a status, or nothing, and whether it could be read."""

    method: str
    path: str
    status: int | None
    readable: bool

    @property
    def doubtful(self) -> bool:
        """Whether the client can't know if it was carried out, or how to follow it."""
        status = self.status
        in_vain = status is None or status == HTTPStatus.REQUEST_TIMEOUT or status >= HTTPStatus.INTERNAL_SERVER_ERROR
        return in_vain or not self.readable


class Wire:
    """Notes what a client writes and hears.

    Attributes
    ----------
    sent : dict of list of Sent
        By lane; a request for many VMs is in the list of each.
    """

    def __init__(self, inner: Transport) -> None:
        self.sent: defaultdict[str, list[Sent]] = defaultdict(list)
        self._inner = inner

    async def send(self, request: Request) -> Response:
        """Send once."""
        try:
            response = await self._carried(request)
        except TransportError as error:
            self._note(request, None if error.maybe_applied else Response(0))
            raise
        self._note(request, response)
        return response

    def _note(self, request: Request, response: Response | None) -> None:
        if request.method not in READS:
            path = request.url.partition("?")[0]
            sent = Sent(request.method, path, response and response.status, response is None or _is_json(response))
            for lane in set(_LANE.findall(path + request.body.decode())):
                self.sent[lane].append(sent)

    async def _carried(self, request: Request) -> Response:
        return await self._inner.send(request)

    async def close(self) -> None:
        """Let go of all connections."""
        await self._inner.close()


def _is_json(response: Response) -> bool:
    try:
        response.json()
    except ValueError:
        return False
    return True


class Repeating(Wire):
    """Sends a write again whose answer is lost, as aiohttp does by itself."""

    async def _carried(self, request: Request) -> Response:
        try:
            return await self._inner.send(request)
        except TransportError:
            return await self._inner.send(request)


class Believing(Wire):
    """Takes a lost answer to a write for a good one."""

    async def _carried(self, request: Request) -> Response:
        try:
            return await self._inner.send(request)
        except TransportError:
            if request.method in READS:
                raise
            return Response(
                200, {"content-type": "application/json"}, b'{"properties": {"provisioningState": "Succeeded"}}'
            )


class Denying(Wire):
    """Says of a lost answer that nothing was sent."""

    async def _carried(self, request: Request) -> Response:
        try:
            return await self._inner.send(request)
        except TransportError as error:
            raise TransportError(error.what, maybe_applied=False) from error
