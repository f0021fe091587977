"""A request that is not answered: what is known of it then."""

import asyncio
import re
import socket
import ssl
import traceback
from collections.abc import Iterator

import aiohttp
import pytest
from aiohttp.client_reqrep import ConnectionKey
from aioresponses import aioresponses
from doubles import (
    Connection,
    MockedResponse,
    RawServer,
    Step,
    answer,
    says,
    says_and_closes,
    says_and_hangs,
    says_and_resets,
)

from azvm_async.errors import CertificateError, TransportError
from azvm_async.transport import HttpTransport
from azvm_async.wire import Request
from transport.conftest import QUICK

URL = "https://management.azure.com/subscriptions/s/vm1?api-version=1"
HALF = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly so much"
WARM_UP, OURS, RESENT = 1, 1, 1
METHODS = ("GET", "PUT", "PATCH", "POST", "DELETE")
SENT_TWICE_BY_AIOHTTP = ("GET", "PUT", "DELETE")

HOST = ConnectionKey("management.azure.com", 443, True, True, None, None, None)
REQUEST_INFO = aiohttp.RequestInfo(aiohttp.client.URL(URL), "PUT", None, aiohttp.client.URL(URL))  # type: ignore[arg-type]

NEVER_SENT = {
    "refused": aiohttp.ClientConnectorError(HOST, ConnectionRefusedError(111, "refused")),
    "no such host": aiohttp.ClientConnectorDNSError(HOST, OSError(-2, "Name or service not known")),
    "no such proxy": aiohttp.ClientProxyConnectionError(HOST, ConnectionRefusedError(111, "refused")),
    "TLS broken": aiohttp.ClientConnectorSSLError(HOST, ssl.SSLError(1, "wrong version number")),
    "no connection in time": aiohttp.ConnectionTimeoutError("Connection timeout"),
}
MAYBE_APPLIED = {
    "disconnected": aiohttp.ServerDisconnectedError(),
    "reset": aiohttp.ClientOSError(104, "Connection reset by peer"),
    "reset while writing": aiohttp.ClientConnectionResetError("Cannot write to closing transport"),
    "half an answer": aiohttp.ClientPayloadError("Response payload is not completed"),
    "no piece in time": aiohttp.SocketTimeoutError("Timeout on reading data from socket"),
    "not done in time": TimeoutError(),
    "no HTTP": aiohttp.ClientResponseError(REQUEST_INFO, (), status=400, message="Bad status line"),
    "bare OS error": OSError(5, "Input/output error"),
}


async def failure(transport: HttpTransport, request: Request) -> TransportError:
    """Return the error that a request ends in."""
    with pytest.raises(TransportError) as caught:
        await transport.send(request)
    return caught.value


@pytest.mark.parametrize("error", NEVER_SENT.values(), ids=NEVER_SENT.keys())
async def test_what_broke_before_there_was_a_connection_was_never_sent(transport: HttpTransport, error: Exception):
    with aioresponses() as azure:
        azure.put(URL, exception=error)
        assert not (await failure(transport, Request("PUT", URL))).maybe_applied


@pytest.mark.parametrize("error", MAYBE_APPLIED.values(), ids=MAYBE_APPLIED.keys())
async def test_what_broke_on_a_connection_may_have_been_applied(transport: HttpTransport, error: Exception):
    with aioresponses() as azure:
        azure.put(URL, exception=error)
        assert (await failure(transport, Request("PUT", URL))).maybe_applied


SYSTEM_ERRORS = [error for error in (*NEVER_SENT.values(), *MAYBE_APPLIED.values()) if isinstance(error, OSError)]


@pytest.mark.parametrize("error", SYSTEM_ERRORS)
async def test_the_cause_of_a_failure_is_kept(transport: HttpTransport, error: Exception):
    with aioresponses() as azure:
        azure.put(URL, exception=error)
        assert (await failure(transport, Request("PUT", URL))).__cause__ is error


async def test_nothing_in_the_chain_of_errors_shows_token_or_signature(transport: HttpTransport):
    async with RawServer(says_and_closes(b"SMTP nonsense\r\n\r\n")) as server:
        request = Request("GET", f"{server.url}/op?s=c2lnbmVk", headers={"authorization": "Bearer c2VjcmV0"})
        error = await failure(transport, request)
    shown = "".join(traceback.format_exception(error)) + repr(error.__cause__)
    assert not any(secret in shown for secret in ("c2lnbmVk", "c2VjcmV0"))


@pytest.mark.parametrize("error", MAYBE_APPLIED.values(), ids=MAYBE_APPLIED.keys())
async def test_a_failure_says_which_request_was_not_answered(transport: HttpTransport, error: Exception):
    with aioresponses() as azure:
        azure.put(URL, exception=error)
        assert "PUT https://management.azure.com/subscriptions/s/vm1" in str(
            await failure(transport, Request("PUT", URL))
        )


async def test_an_error_of_ours_is_not_taken_for_the_networks(transport: HttpTransport):
    with aioresponses() as azure:
        azure.put(URL, exception=ZeroDivisionError("a defect"))
        with pytest.raises(ZeroDivisionError):
            await transport.send(Request("PUT", URL))


async def test_an_answer_that_aioresponses_gives_is_read_like_any_other(transport: HttpTransport):
    with aioresponses() as azure:
        headers = {"Retry-After": "7"}
        azure.get(
            re.compile("https://management.azure.com/.*"),
            status=202,
            body=b"{}",
            headers=headers,
            response_class=MockedResponse,
        )
        response = await transport.send(Request("GET", URL))
    assert (response.status, response.body, response.headers["retry-after"]) == (202, b"{}", "7")


async def test_a_refused_connection_was_never_sent(transport: HttpTransport):
    async with RawServer() as server:
        url = server.url
    assert not (await failure(transport, Request("POST", url))).maybe_applied


@pytest.mark.parametrize("step", [says_and_resets(), says_and_closes(b"")], ids=["reset", "closed"])
async def test_a_request_whose_answer_is_lost_may_have_been_applied(transport: HttpTransport, step: Step):
    async with RawServer(step) as server:
        error = await failure(transport, Request("POST", server.url))
    assert (error.maybe_applied, len(server.requests)) == (True, 1)


async def test_a_server_that_falls_silent_is_given_up_long_before_the_total_timeout(transport: HttpTransport):
    async with RawServer(says_and_hangs(b"")) as server, asyncio.timeout(QUICK.total / 2):
        error = await failure(transport, Request("POST", server.url))
    assert (error.maybe_applied, "timed out" in str(error)) == (True, True)


@pytest.fixture
def full_house() -> Iterator[str]:
    """Yield the URL of a listener that accepts nobody, with no room left in its queue."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=0)
    waiting = []
    for _ in range(4):
        guest = socket.socket()
        guest.setblocking(False)
        guest.connect_ex(listener.getsockname())
        waiting.append(guest)
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    for one in (*waiting, listener):
        one.close()


async def test_a_request_that_got_no_connection_in_time_was_never_sent(transport: HttpTransport, full_house: str):
    error = await failure(transport, Request("POST", full_house))
    assert (error.maybe_applied, "No connection" in str(error)) == (False, True)


async def test_an_untrusted_certificate_is_an_error_of_its_own(transport: HttpTransport, tls: ssl.SSLContext):
    async with RawServer(tls=tls) as server:
        error = await failure(transport, Request("POST", server.url))
    assert (type(error), error.maybe_applied, server.requests) == (CertificateError, False, [])


async def test_a_server_that_speaks_no_tls_was_sent_nothing(transport: HttpTransport):
    async with RawServer() as server:
        error = await failure(transport, Request("POST", server.url.replace("http:", "https:")))
    assert (type(error), error.maybe_applied, server.requests) == (TransportError, False, [])


@pytest.mark.parametrize("step", [says_and_resets(), says_and_hangs()], ids=["reset", "silent"])
async def test_what_is_signed_in_a_url_is_not_in_the_error(transport: HttpTransport, step: Step):
    async with RawServer(step) as server:
        assert "c2lnbmVk" not in str(await failure(transport, Request("GET", f"{server.url}/op?s=c2lnbmVk")))


async def test_a_cancelled_request_is_cancelled_not_failed(transport: HttpTransport):
    async with RawServer(says_and_hangs()) as server:
        task = asyncio.create_task(transport.send(Request("GET", server.url)))
        await server.asked.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_the_next_request_goes_well_after_a_lost_one(transport: HttpTransport):
    async with RawServer(says_and_resets(), says(answer())) as server:
        await failure(transport, Request("PUT", server.url))
        assert (await transport.send(Request("PUT", server.url))).status == 200


@pytest.mark.parametrize("how", [says_and_resets(), says_and_closes(b"")], ids=["reset", "closed"])
@pytest.mark.parametrize("method", METHODS)
async def test_on_a_warm_connection_that_breaks_each_request_arrives_once(
    transport: HttpTransport, method: str, how: Step
):
    async with RawServer(says(answer()), how, says(answer())) as server:
        await transport.send(Request("GET", server.url))
        error = await failure(transport, Request(method, server.url, b"{}" if method != "GET" else b""))
    assert (error.maybe_applied, len(server.requests)) == (True, WARM_UP + OURS)


@pytest.mark.parametrize("how", [says_and_resets(), says_and_closes(b"")], ids=["reset", "closed"])
@pytest.mark.parametrize("method", SENT_TWICE_BY_AIOHTTP)
async def test_control_without_us_aiohttp_sends_it_twice(method: str, how: Step):
    async with RawServer(says(answer()), how, says(answer())) as server, aiohttp.ClientSession() as session:
        for each in ("GET", method):
            async with session.request(each, server.url) as response:
                await response.read()
    assert len(server.requests) == WARM_UP + OURS + RESENT


@pytest.mark.parametrize("method", METHODS)
async def test_after_the_server_closed_an_idle_connection_each_request_arrives_once(
    transport: HttpTransport, method: str
):
    async with RawServer(says_and_closes(answer()), says(answer())) as server:
        await transport.send(Request("GET", server.url))
        await asyncio.sleep(0.02)  # until the end of the connection is seen here
        response = await transport.send(Request(method, server.url))
    assert (response.status, len(server.requests), server.connections) == (200, WARM_UP + OURS, 2)


@pytest.mark.parametrize("method", METHODS)
async def test_a_request_into_a_connection_that_nobody_reads_any_more_is_not_sent_again(
    transport: HttpTransport, method: str
):
    async def deaf(connection: Connection) -> None:
        await connection.write(answer())
        await connection.reset_unread()

    async with RawServer(deaf, says(answer())) as server:
        await transport.send(Request("GET", server.url))
        error = await failure(transport, Request(method, server.url))
    assert (error.maybe_applied, server.connections) == (True, 1)


async def test_a_connection_in_vain_shows_no_signature(transport: HttpTransport, full_house: str):
    assert "c2lnbmVk" not in str(await failure(transport, Request("GET", f"{full_house}/op?s=c2lnbmVk")))


async def test_an_answer_that_is_no_http_shows_no_signature(transport: HttpTransport):
    async with RawServer(says_and_closes(b"SMTP nonsense\r\n\r\n")) as server:
        assert "c2lnbmVk" not in str(await failure(transport, Request("GET", f"{server.url}/op?s=c2lnbmVk")))
