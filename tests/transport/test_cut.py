"""Answers that break, or never end, after their head: what came of them comes back, and what is missing is said."""

import asyncio
import gzip

import pytest
from doubles import Connection, RawServer, Step, answer, says, says_and_closes, says_and_hangs, says_and_resets

from azvm_async import transport as room
from azvm_async.clock import SystemClock
from azvm_async.transport import HttpTransport, Timeouts
from azvm_async.wire import Request

HALF = b"HTTP/1.1 202 Accepted\r\nLocation: /elsewhere\r\nContent-Length: 100\r\n\r\nonly so much"


@pytest.mark.parametrize(
    "step", [says_and_resets(HALF), says_and_closes(HALF), says_and_hangs(HALF)], ids=["reset", "closed", "silent"]
)
async def test_head_of_an_answer_whose_body_broke_comes_back(transport: HttpTransport, step: Step):
    async with RawServer(step) as server:
        response = await transport.send(Request("POST", server.url))
    assert (response.status, response.headers["location"], response.body) == (202, "/elsewhere", b"")
    assert response.cut


async def test_whole_answer_is_not_cut(transport: HttpTransport):
    async with RawServer() as server:
        assert (await transport.send(Request("GET", server.url))).cut is None


async def test_answer_that_trickles_for_ever_is_cut_after_the_total_timeout():
    async def trickle(connection: Connection) -> None:
        await connection.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
        while True:
            await connection.write(b".")
            await asyncio.sleep(0.02)

    transport = HttpTransport(Timeouts(connect=5, read=5, total=0.2), SystemClock())
    async with RawServer(trickle) as server:
        response = await transport.send(Request("POST", server.url))
    await transport.close()
    assert response.cut == "timed out"


def chunked(size: int) -> bytes:
    """Return an answer that does not say how long it is."""
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    return head + b"%x\r\n%s\r\n0\r\n\r\n" % (size, b"x" * size)


def packed(size: int) -> bytes:
    """Return an answer that is short as long as it is not unpacked."""
    return answer(gzip.compress(b"x" * size), "200 OK", "Content-Encoding: gzip")


def plain(size: int) -> bytes:
    return answer(b"x" * size)


@pytest.mark.parametrize("said", [plain, chunked, packed])
@pytest.mark.parametrize(("size", "cut"), [(4000, None), (4001, "it is larger than")])
async def test_answer_is_read_up_to_the_limit(transport: HttpTransport, monkeypatch, said, size: int, cut: str | None):
    monkeypatch.setattr(room, "LARGEST_ANSWER", 4000)
    async with RawServer(says(said(size))) as server:
        response = await transport.send(Request("GET", server.url))
    assert (response.cut or "").startswith(cut or "")
    assert len(response.body) == (size if cut is None else 0)


async def test_what_is_too_large_is_not_waited_for_to_its_end(transport: HttpTransport, monkeypatch):
    monkeypatch.setattr(room, "LARGEST_ANSWER", 10)
    said = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n" + b"x" * 100
    async with RawServer(says(said)) as server:
        responses = [await transport.send(Request("GET", server.url)) for _ in range(2)]
        assert ([each.cut for each in responses], server.connections) == (["it is larger than 0 MB"] * 2, 2)
