"""Stand-ins for what is outside of the client: a transport, credentials, a server that speaks bytes.

Nothing here imitates a part of the client; each double records what reached it.
"""

import asyncio
import contextlib
import os
import socket
import ssl
import struct
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from types import SimpleNamespace
from typing import Any, NamedTuple, Self

import aiohttp

from azvm_async.clock import Clock
from azvm_async.wire import Request, Response


class Sent(NamedTuple):
    """A request that came to a :class:`ScriptedTransport`, and when by its clock."""

    request: Request
    at: float

    @property
    def token(self) -> str:
        """The bearer token it was signed with."""
        return self.request.headers["authorization"].removeprefix("Bearer ")


Step = Response | Exception | Callable[[Request], Response]


class ScriptedTransport:
    """Answers each request with the next step of a script; the last step holds for all that follow.

    Parameters
    ----------
    clock : Clock
        Tells when requests came.
    steps : Response, Exception or callable
        What is answered, or raised, or makes an answer of a request.
    delay : float
        Seconds that each answer takes.
    """

    def __init__(self, clock: Clock, *steps: Step, delay: float = 0.0) -> None:
        self.sent: list[Sent] = []
        self.under_way = 0
        self.closed = False
        self.steps = list(steps) or [Response(200)]
        self._clock = clock
        self._delay = delay

    async def send(self, request: Request) -> Response:
        """Send once."""
        self.sent.append(Sent(request, self._clock.monotonic()))
        step = self.steps.pop(0) if len(self.steps) > 1 else self.steps[0]
        self.under_way += 1
        await self._clock.sleep(self._delay)
        self.under_way -= 1
        if isinstance(step, Exception):
            raise step
        return step if isinstance(step, Response) else step(request)

    async def close(self) -> None:
        """Note that it was closed."""
        self.closed = True


class AccessToken(NamedTuple):
    """A token as azure-core's credentials hand it out."""

    token: str
    expires_on: int


class Credential:
    """An async credential whose tokens are ``token-1``, ``token-2`` and so on.

    Parameters
    ----------
    clock : Clock
        Tokens end ``lifetime`` seconds from its present.
    lifetime : float
        Seconds.

    Attributes
    ----------
    asked : list of dict
        The keywords of each call.
    broken : Exception or None
        What is raised in place of a token.
    gate : asyncio.Event
        A call goes on once it is set, which at first it is.
    scopes : list of tuple
        The positional arguments of each call.
    frozen : bool
        Whether the same token is given again and again.
    """

    def __init__(self, clock: Clock, lifetime: float = 3600.0) -> None:
        self.asked: list[dict[str, Any]] = []
        self.scopes: list[tuple[str, ...]] = []
        self.broken: Exception | None = None
        self.gate = asyncio.Event()
        self.gate.set()
        self.frozen = False
        self.closed = False
        self.lifetime = lifetime
        self._clock = clock

    async def get_token(self, *scopes: str, **options: Any) -> AccessToken:
        """Return a token, as azure-core has it."""
        self.asked.append(options)
        self.scopes.append(scopes)
        number = 1 if self.frozen else len(self.asked)
        await self.gate.wait()
        if self.broken is not None:
            raise self.broken
        return AccessToken(f"token-{number}", int(self._clock.utcnow().timestamp() + self.lifetime))

    async def close(self) -> None:
        """Note that it was closed."""
        self.closed = True


class BlockingCredential:
    """A sync credential; it notes on which threads it is asked."""

    def __init__(self, clock: Clock) -> None:
        self.threads: list[int] = []
        self.asked: list[dict[str, Any]] = []
        self._clock = clock

    def get_token(self, *_scopes: str, **options: Any) -> AccessToken:
        """Return a token, as azure-core has it."""
        self.threads.append(threading.get_ident())
        self.asked.append(options)
        return AccessToken(f"token-{len(self.threads)}", int(self._clock.utcnow().timestamp() + 3600))


class MockedResponse(aiohttp.ClientResponse):
    """The ``response_class`` that aioresponses 0.7.9 needs on aiohttp 3.14, whose responses take one argument more."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, stream_writer=SimpleNamespace(output_size=0), **options)


class Arrived(NamedTuple):
    """A request as its bytes came to a :class:`RawServer`."""

    head: bytes
    body: bytes

    @property
    def line(self) -> str:
        """The request line."""
        return self.head.split(b"\r\n", 1)[0].decode()

    @property
    def method(self) -> str:
        """The method of the request line."""
        return self.line.split(" ", 1)[0]

    @property
    def headers(self) -> dict[str, str]:
        """The headers by lower-case name."""
        lines = self.head.decode().split("\r\n")[1:]
        pairs = (line.partition(":") for line in lines if line)
        return {name.lower(): value.strip() for name, _, value in pairs}


def answer(body: bytes = b"", status: str = "200 OK", *headers: str) -> bytes:
    """Return the bytes of an HTTP answer."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


class Connection:
    """What a :class:`RawServer`'s script may do with the connection that a request came on."""

    def __init__(self, writer: asyncio.StreamWriter, over: asyncio.Event) -> None:
        self._writer = writer
        self._over = over

    async def write(self, data: bytes) -> None:
        """Send bytes."""
        self._writer.write(data)
        await self._writer.drain()

    async def hang(self) -> None:
        """Say nothing until the test is over."""
        await self._over.wait()

    async def reset_unread(self) -> None:
        """Break the connection off as soon as more comes in, unread."""
        raw: socket.socket = self._writer.get_extra_info("socket")
        self._writer.transport.pause_reading()
        loop, ready = asyncio.get_running_loop(), asyncio.Event()
        # The event loop guards a transport's socket, but not a copy of its descriptor.
        with socket.socket(fileno=os.dup(raw.fileno())) as copy:
            loop.add_reader(copy.fileno(), ready.set)
            await ready.wait()
            loop.remove_reader(copy.fileno())
        self.reset()

    def close(self) -> None:
        """End the connection in good order."""
        self._writer.close()

    def reset(self) -> None:
        """Break the connection off."""
        raw: socket.socket = self._writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()


Step = Callable[[Connection], Awaitable[None]]


def says(data: bytes) -> Step:
    """Return the step that sends bytes and keeps the connection."""

    async def step(connection: Connection) -> None:
        await connection.write(data)

    return step


def says_and_closes(data: bytes) -> Step:
    """Return the step that sends bytes and closes the connection."""

    async def step(connection: Connection) -> None:
        await connection.write(data)
        connection.close()

    return step


def says_and_resets(data: bytes = b"") -> Step:
    """Return the step that sends bytes, if there are any, and breaks the connection off."""

    async def step(connection: Connection) -> None:
        await connection.write(data)
        connection.reset()

    return step


def says_and_hangs(data: bytes = b"") -> Step:
    """Return the step that sends bytes, if there are any, and then nothing more."""

    async def step(connection: Connection) -> None:
        await connection.write(data)
        await connection.hang()

    return step


class RawServer:
    """A loopback server that records whole requests as bytes; a script says what comes of each.

    Parameters
    ----------
    steps : callable
        One for each request, over all connections; the last one holds for all that follow.
    tls : ssl.SSLContext, optional
        For https.

    Attributes
    ----------
    requests : list of Arrived
        What came so far.
    connections : int
        How many were accepted so far.
    asked : asyncio.Event
        Set when the first request came.
    """

    def __init__(self, *steps: Step, tls: ssl.SSLContext | None = None) -> None:
        self.requests: list[Arrived] = []
        self.connections = 0
        self.asked = asyncio.Event()
        self._steps = list(steps) or [says(answer())]
        self._tls = tls
        self._over = asyncio.Event()
        self._serving: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    @property
    def open_connections(self) -> int:
        """How many connections there are now."""
        return len(self._serving)

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._tls)
        port = self._server.sockets[0].getsockname()[1]
        self.url = f"{'https' if self._tls else 'http'}://127.0.0.1:{port}"
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        self._over.set()
        for task in self._serving:
            task.cancel()
        await asyncio.gather(*self._serving)

    def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.create_task(self._served(reader, writer))
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)

    async def _served(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.CancelledError, asyncio.IncompleteReadError, OSError):
            async for arrived in _requests(reader):
                self.requests.append(arrived)
                self.asked.set()
                step = self._steps.pop(0) if len(self._steps) > 1 else self._steps[0]
                await step(Connection(writer, self._over))
                if writer.is_closing():
                    break
        writer.close()
        with contextlib.suppress(asyncio.CancelledError, OSError):
            await writer.wait_closed()


async def _requests(reader: asyncio.StreamReader) -> AsyncIterator[Arrived]:
    """Yield the requests of one connection until it ends."""
    while True:
        head = (await reader.readuntil(b"\r\n\r\n"))[:-4]
        length = int(Arrived(head, b"").headers.get("content-length", 0))
        yield Arrived(head, await reader.readexactly(length))


async def turns(number: int = 20) -> None:
    """Let the event loop go round, so that what can happen without time passing happens."""
    for _ in range(number):
        await asyncio.sleep(0)
