"""The loopback server: HTTP outside, the door inside. The emulator's only place that knows aiohttp.

Faults of the connection happen to real ones: the socket is closed with a reset, in the middle of an answer if need be.
"""

import asyncio
import socket
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from aiohttp import web

from azvm_async.clock import Clock, SystemClock
from azvm_async.emulator import hosts
from azvm_async.emulator.answers import Refusal
from azvm_async.emulator.door import Door
from azvm_async.emulator.faults import Fault, ResetAfter, ResetBefore, ResetMidway, Slow
from azvm_async.emulator.throttling import COMPUTE_HEADER
from azvm_async.wire import Request, Response, joined

if TYPE_CHECKING:
    from azvm_async.emulator.certificate import Tls

_AT_ONCE = struct.pack("ii", 1, 0)
_LARGEST_BODY = 4 * 1024 * 1024


class Server:
    """Serves a door on the loopback interface.

    Parameters
    ----------
    door : Door
        Answers the requests.
    clock : Clock
        Is told that work is under way from a request's arrival to its answer.
    host : str
        Where to listen; see :mod:`~azvm_async.emulator.hosts`.
    tls : bool
        Whether to speak https.
    """

    def __init__(self, door: Door, clock: Clock, host: str, *, tls: bool) -> None:
        self._door = door
        self._clock = clock
        self._host = host
        self._names = {hosts.in_url(host), "127.0.0.1", "localhost"}
        self._secure = tls
        self._tls: Tls | None = None
        self._port = 0
        self._at_work: set[web.RequestHandler] = set()
        self._outage: asyncio.Task[None] | None = None
        # No access log: it would write signed URLs into the logs of who uses this in a program of his own.
        self._runner = web.ServerRunner(
            web.Server(self._answer, access_log=None), handle_signals=False, shutdown_timeout=1.0
        )

    async def start(self, port: int) -> str:
        """Begin to listen, on a free port when ``port`` is 0; return the endpoint.

        Raises
        ------
        OSError
            When the port is taken.
        """
        self._tls = _tls(self._host) if self._secure else None
        await self._runner.setup()
        self._port = port
        try:
            await self._listen()
        except (OSError, OverflowError):
            await self.stop()
            raise
        self._port = self._runner.addresses[0][1]
        return f"{'https' if self._secure else 'http'}://{hosts.in_url(self._host)}:{self._port}"

    async def stop(self) -> None:
        """Listen no more, and close all connections."""
        await self._end_outage()
        await self._runner.cleanup()
        if self._tls is not None:
            self._tls.close()
            self._tls = None

    @property
    def ca_file(self) -> Path | None:
        """The certificate that clients are to trust, while it listens with TLS."""
        return None if self._tls is None else self._tls.ca_file

    async def refuse(self, seconds: float) -> None:
        """Listen no more for so long; connections at rest are closed, those at work when they are done."""
        await self._end_outage()
        if self._runner.server is None:  # it doesn't listen anyway
            return
        for site in self._runner.sites:
            await site.stop()
        for connection in self._runner.server.connections:
            if connection in self._at_work:
                connection.close()  # when its answer is sent
            else:
                connection.force_close()
        self._outage = asyncio.create_task(self._listen_after(seconds))

    async def _listen_after(self, seconds: float) -> None:
        await self._clock.sleep(seconds)
        with self._clock.working():
            await self._listen()

    async def _listen(self) -> None:
        context = None if self._tls is None else self._tls.context
        await web.TCPSite(self._runner, hosts.address(self._host), self._port, ssl_context=context).start()

    async def _end_outage(self) -> None:
        if self._outage is not None:
            self._outage.cancel()
            await asyncio.wait([self._outage])

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        self._at_work.add(request.protocol)
        try:
            with self._clock.working():
                return await self._answered(request)
        finally:
            self._at_work.discard(request.protocol)

    async def _answered(self, request: web.BaseRequest) -> web.Response:
        response, fault = self._refusal(request), None
        if response is None:
            fault = self._door.fault(request.method, request.rel_url.raw_path)
            response = await self._handled(request, fault)
        if isinstance(fault, Slow):
            await asyncio.sleep(fault.seconds)
        answer = web.Response(status=response.status, body=response.body or None, headers=_lines(response.headers))
        return await _broken(request, answer, fault)

    async def _handled(self, request: web.BaseRequest, fault: Fault | None) -> Response:
        if isinstance(fault, ResetBefore):
            return Response(204)  # nobody gets it
        try:
            body = await _body(request)
        except Refusal as refusal:
            return refusal.response()
        return self._door.handle(_from_aiohttp(request, body), fault)

    def _refusal(self, request: web.BaseRequest) -> Response | None:
        """Return the answer to a request that doesn't get as far as the door.

        A web page can make a browser believe that its own host name means 127.0.0.1, and would then get tokens here and
        run scripts: whoever calls must do so by a name of this host.
        """
        name = hosts.without_port(request.host)
        if name not in self._names:
            return Refusal(421, "MisdirectedRequest", f"The emulator doesn't answer for '{name}'.").response()
        return None


def _tls(host: str) -> "Tls":
    from azvm_async.emulator.certificate import Tls  # noqa: PLC0415 - only who wants TLS pays for cryptography

    return Tls(host, SystemClock().utcnow())


async def _broken(request: web.BaseRequest, answer: web.Response, fault: Fault | None) -> web.Response:
    """Break the connection where the fault says so, and return what is to be sent, if it still can be."""
    if isinstance(fault, ResetMidway):
        await _send_half(request, answer)
    if isinstance(fault, ResetBefore | ResetAfter | ResetMidway):
        _reset(request)
    return answer


async def _send_half(request: web.BaseRequest, answer: web.Response) -> None:
    """Send the head of an answer and half of its body: one without a body says that it has one."""
    body = answer.body if isinstance(answer.body, bytes) else b""
    half = web.StreamResponse(status=answer.status, headers=answer.headers)
    half.content_length = max(len(body), 2)
    await half.prepare(request)
    await half.write(body[: len(body) // 2] or b"{")


def _reset(request: web.BaseRequest) -> None:
    """Close a connection at once, with a reset instead of a farewell."""
    if (transport := request.transport) is not None:
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
        transport.abort()


async def _body(request: web.BaseRequest) -> bytes:
    """Read a request's body; of one that is too large no more is read than shows that.

    Raises
    ------
    Refusal
        When it is, or when it is not encoded as its headers say.
    """
    body = bytearray()
    try:
        async for piece in request.content.iter_any():
            body += piece
            if len(body) > _LARGEST_BODY:
                raise Refusal(413, "RequestContentTooLarge", "The request is larger than 4 MB.")
    except web.RequestPayloadError as error:
        request.content.feed_eof()  # or else aiohttp goes on to read, and logs what it finds
        request.protocol.close()
        raise Refusal.bad_content("it is not encoded as its headers say.") from error
    return bytes(body)


def _lines(headers: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return headers as they are sent: where each throttling policy has its own, there are several of one name."""
    lines = [(name, value) for name, value in headers.items() if name != COMPUTE_HEADER]
    policies = headers.get(COMPUTE_HEADER, "")
    return lines + [(COMPUTE_HEADER, policy) for policy in policies.split(", ") if policy]


def _from_aiohttp(request: web.BaseRequest, body: bytes) -> Request:
    url = f"{request.scheme}://{request.host}{request.raw_path}"
    return Request(request.method, url, body, joined(request.headers.items()))
