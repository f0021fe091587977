"""A request that is answered: what arrives at the server, and what comes back."""

import asyncio
import gc
import ssl
from pathlib import Path

import pytest
from doubles import Connection, RawServer, answer, says, says_and_closes, turns

from azvm_async.client import AzureVMClient
from azvm_async.clock import SystemClock, VirtualClock
from azvm_async.emulator import Emulator
from azvm_async.errors import TransportError
from azvm_async.transport import HttpTransport, Timeouts, environment_proxy
from azvm_async.wire import Request

METHODS = ("GET", "PUT", "PATCH", "POST", "DELETE")
SIGNED = "/op%2fs/1?t=638%2B1&c=MIIH~a-b_c.d&s=x+y%2Bz%2F==&h=q%7e&empty=&h=q"


@pytest.mark.parametrize("method", METHODS)
async def test_the_method_arrives(transport: HttpTransport, method: str):
    async with RawServer() as server:
        await transport.send(Request(method, server.url + "/vm1"))
    assert [arrived.line for arrived in server.requests] == [f"{method} /vm1 HTTP/1.1"]


async def test_headers_arrive(transport: HttpTransport):
    given = {"authorization": "Bearer abc", "x-ms-client-request-id": "id-1", "user-agent": "me/1"}
    async with RawServer() as server:
        await transport.send(Request("POST", server.url, headers=given))
    assert given.items() <= server.requests[0].headers.items()


async def test_the_body_arrives_byte_by_byte(transport: HttpTransport):
    body = bytes(range(256)) * 1000
    async with RawServer() as server:
        await transport.send(Request("PUT", server.url, body))
    assert server.requests[0].body == body


async def test_the_content_type_of_a_json_body_is_the_given_one(transport: HttpTransport):
    async with RawServer() as server:
        await transport.send(Request.with_json("PUT", server.url, {"a": 1}))
    assert server.requests[0].headers["content-type"] == "application/json; charset=utf-8"


@pytest.mark.parametrize("method", ["PUT", "PATCH", "POST"])
async def test_no_body_is_declared_as_empty(transport: HttpTransport, method: str):
    async with RawServer() as server:
        await transport.send(Request(method, server.url))
    assert server.requests[0].headers["content-length"] == "0"


async def test_a_signed_url_arrives_verbatim(transport: HttpTransport):
    async with RawServer() as server:
        await transport.send(Request("GET", server.url + SIGNED))
    assert server.requests[0].line == f"GET {SIGNED} HTTP/1.1"


async def test_a_url_as_long_as_azures_arrives_whole(transport: HttpTransport):
    path = "/operations/1?c=" + "A" * 3500
    async with RawServer() as server:
        await transport.send(Request("GET", server.url + path))
    assert server.requests[0].line == f"GET {path} HTTP/1.1"


async def test_headers_as_long_as_azures_come_back_whole(transport: HttpTransport):
    tracking = {name: f"https://management.azure.com/{name}?c=" + "A" * 3500 for name in ("location", "azure-asyncop")}
    bytes_of_it = answer(b"", "202 Accepted", *(f"{name}: {url}" for name, url in tracking.items()))
    async with RawServer(says(bytes_of_it)) as server:
        response = await transport.send(Request("POST", server.url))
    assert tracking.items() <= response.headers.items()


@pytest.mark.parametrize("status", ["200 OK", "204 No Content", "302 Found", "409 Conflict", "503 Busy", "299 Odd"])
async def test_every_status_is_an_answer(transport: HttpTransport, status: str):
    async with RawServer(says(answer(b"", status))) as server:
        response = await transport.send(Request("GET", server.url))
    assert response.status == int(status[:3])


async def test_the_answers_body_comes_back(transport: HttpTransport):
    async with RawServer(says(answer(b'{"status": "Succeeded"}'))) as server:
        response = await transport.send(Request("GET", server.url))
    assert response.json() == {"status": "Succeeded"}


async def test_an_answer_in_chunks_comes_back_whole(transport: HttpTransport):
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
    async with RawServer(says(chunked)) as server:
        response = await transport.send(Request("GET", server.url))
    assert response.body == b"abcde"


async def test_names_of_headers_come_back_in_lower_case(transport: HttpTransport):
    async with RawServer(says(answer(b"", "202 Accepted", "Azure-AsyncOperation: https://x/1"))) as server:
        response = await transport.send(Request("POST", server.url))
    assert response.headers["azure-asyncoperation"] == "https://x/1"


async def test_repeated_headers_come_back_joined(transport: HttpTransport):
    lines = ("x-ms-ratelimit-remaining-resource: A;11", "X-Ms-Ratelimit-Remaining-Resource: B;1499")
    async with RawServer(says(answer(b"", "200 OK", *lines))) as server:
        response = await transport.send(Request("GET", server.url))
    assert response.headers["x-ms-ratelimit-remaining-resource"] == "A;11, B;1499"


async def test_cookies_are_not_kept(transport: HttpTransport):
    async with RawServer(says(answer(b"", "200 OK", "Set-Cookie: tracked=yes; Path=/"))) as server:
        # By name: a jar of aiohttp's takes no cookies of bare addresses, so 127.0.0.1 would prove nothing.
        url = server.url.replace("127.0.0.1", "localhost")
        for _ in range(2):
            await transport.send(Request("GET", url))
    assert [arrived.headers.get("cookie") for arrived in server.requests] == [None, None]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirects_come_back_and_are_not_followed(transport: HttpTransport, status: int):
    async with (
        RawServer() as elsewhere,
        RawServer(says(answer(b"", f"{status} Moved", f"Location: {elsewhere.url}/x"))) as server,
    ):
        response = await transport.send(Request("GET", server.url))
    assert (response.status, len(server.requests), elsewhere.requests) == (status, 1, [])


async def test_requests_one_after_the_other_share_a_connection(transport: HttpTransport):
    async with RawServer() as server:
        for _ in range(3):
            await transport.send(Request("GET", server.url))
    assert (len(server.requests), server.connections) == (3, 1)


async def test_a_trusted_certificate_is_accepted(
    transport: HttpTransport, tls: ssl.SSLContext, self_signed: Path, monkeypatch: pytest.MonkeyPatch
):
    # aiohttp makes its context when it is imported, so the file is added to that one's trust instead of by SSL_CERT_FILE.
    monkeypatch.setattr("aiohttp.connector._SSL_CONTEXT_VERIFIED", ssl.create_default_context(cafile=self_signed))
    async with RawServer(tls=tls) as server:
        response = await transport.send(Request("GET", server.url))
    assert response.status == 200


async def test_virtual_time_stands_still_while_a_request_is_under_way():
    clock = VirtualClock()
    answered_at: list[float] = []

    async def slowly(connection: Connection) -> None:
        await turns(10 * clock.patience)
        answered_at.append(clock.monotonic())
        await connection.write(answer())

    transport = HttpTransport(Timeouts(), clock)
    sleeper = asyncio.create_task(clock.sleep(60))
    async with RawServer(slowly) as server:
        await transport.send(Request("GET", server.url))
    await transport.close()
    await sleeper
    assert (answered_at, clock.monotonic()) == ([0], 60)


async def test_virtual_time_goes_on_after_a_request_that_failed():
    clock = VirtualClock()
    transport = HttpTransport(Timeouts(), clock)
    async with RawServer() as server:
        url = server.url
    with pytest.raises(Exception, match="No connection"):
        await transport.send(Request("GET", url))
    await clock.sleep(60)
    await transport.close()
    assert clock.monotonic() == 60


@pytest.mark.filterwarnings("error")
async def test_closing_leaves_no_connection_open(tls: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("aiohttp.connector._SSL_CONTEXT_VERIFIED", ssl._create_unverified_context())
    complaints: list[dict[str, object]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
    async with RawServer() as plain, RawServer(tls=tls) as secure:
        transport = HttpTransport(Timeouts(), SystemClock())
        for url in (plain.url, secure.url):
            await transport.send(Request("GET", url))
        await transport.close()
        del transport
        gc.collect()
        await turns()
        assert all(not serving for serving in (plain.open_connections, secure.open_connections))
    assert complaints == []


async def test_a_transport_that_was_never_used_closes_quietly():
    await HttpTransport(Timeouts(), SystemClock()).close()


async def test_closing_twice_is_closing_once(transport: HttpTransport):
    async with RawServer() as server:
        await transport.send(Request("GET", server.url))
    await transport.close()
    await transport.close()


@pytest.fixture
def no_exceptions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no host be exempt from the environment's proxies."""
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)


@pytest.mark.usefixtures("no_exceptions")
@pytest.mark.parametrize(
    ("endpoint", "proxy"),
    [("https://management.azure.com", "http://proxy:1"), ("http://127.0.0.1:8080", None)],
    ids=["https", "http"],
)
def test_the_environments_proxy_is_for_https_only(monkeypatch: pytest.MonkeyPatch, endpoint: str, proxy: str | None):
    monkeypatch.setenv("https_proxy", "http://proxy:1")
    monkeypatch.setenv("http_proxy", "http://proxy:1")
    assert environment_proxy(endpoint) == proxy


def test_a_host_that_the_environment_exempts_has_no_proxy(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("https_proxy", "http://proxy:1")
    monkeypatch.setenv("no_proxy", "management.azure.com")
    assert environment_proxy("https://management.azure.com") is None


async def test_a_proxy_that_refuses_was_sent_nothing_for_azure():
    async with RawServer(says_and_closes(answer(b"", "407 Proxy Authentication Required"))) as proxy:
        transport = HttpTransport(Timeouts(), SystemClock(), proxy=proxy.url)
        with pytest.raises(TransportError) as caught:
            await transport.send(Request("POST", "https://management.azure.com/x"))
        await transport.close()
    assert caught.value.maybe_applied is False


async def test_a_netrc_of_the_user_is_left_alone(transport: HttpTransport, monkeypatch: pytest.MonkeyPatch, tmp_path):
    (tmp_path / "netrc").write_text("default login me password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    async with RawServer() as server:
        answered = await transport.send(Request("GET", server.url, headers={"authorization": "Bearer t"}))
    assert answered.status == 200


async def test_the_client_sends_no_token_through_a_proxy_over_plain_http(monkeypatch: pytest.MonkeyPatch):
    async with RawServer() as proxy, Emulator() as arm:
        monkeypatch.setenv("http_proxy", proxy.url)
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.delenv("NO_PROXY", raising=False)
        arm.add_vm("vm1")
        async with AzureVMClient(arm.subscription, arm.resource_group, arm.credential(), arm.endpoint) as client:
            await client.get("vm1")
        assert arm.requests
    assert proxy.requests == []
