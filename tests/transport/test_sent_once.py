"""A warm connection that breaks after the emulator applied a request: what arrives there, for every method, is one."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from azvm_async.clock import SystemClock
from azvm_async.emulator import Emulator
from azvm_async.errors import TransportError
from azvm_async.transport import HttpTransport, Timeouts
from azvm_async.wire import Request

VERSION = "api-version=2024-07-01"
WAYS = {"GET": "", "PUT": "", "PATCH": "", "POST": "/restart", "DELETE": ""}


class Gate:
    """Passes bytes on to the emulator and back; once shut, it takes an answer and breaks the connection instead."""

    def __init__(self, port: int) -> None:
        self.shut = False
        self.connections = 0
        self._port = port

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry one connection."""
        self.connections += 1
        back, forth = await asyncio.open_connection("127.0.0.1", self._port)
        there = asyncio.create_task(self._carry(reader, forth))
        with contextlib.suppress(ConnectionError):
            while (piece := await back.read(65536)) and not self.shut:
                writer.write(piece)
        writer.transport.abort()
        there.cancel()
        forth.transport.abort()
        await asyncio.wait([there])

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while piece := await reader.read(65536):
            writer.write(piece)


@pytest.fixture
async def arm() -> AsyncIterator[Emulator]:
    async with Emulator() as emulator:
        emulator.add_vm("vm1", power="running")
        yield emulator


@pytest.fixture
async def gate(arm: Emulator) -> AsyncIterator[tuple[Gate, str]]:
    """Give a gate before the emulator, and the gate's endpoint."""
    opened = Gate(int(arm.endpoint.rpartition(":")[2]))
    server = await asyncio.start_server(opened.serve, "127.0.0.1", 0)
    yield opened, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    server.close()
    await server.wait_closed()


@pytest.mark.parametrize("method", WAYS)
async def test_what_was_applied_before_the_connection_broke_arrives_once(
    arm: Emulator, gate: tuple[Gate, str], method: str
):
    opened, endpoint = gate
    vm, token = arm.vm("vm1").path, (await arm.credential().get_token()).token
    headers = {"authorization": f"Bearer {token}"}
    body = b'{"location": "westeurope"}' if method in {"PUT", "PATCH"} else b""
    transport = HttpTransport(Timeouts(), SystemClock())
    await transport.send(Request("GET", f"{endpoint}/subscriptions?{VERSION}", headers=headers))
    opened.shut = True
    with pytest.raises(TransportError) as caught:
        await transport.send(Request(method, f"{endpoint}{vm}{WAYS[method]}?{VERSION}", body, headers))
    await transport.close()
    assert caught.value.maybe_applied
    assert (opened.connections, [call.method for call in arm.requests]) == (1, ["GET", method])
