"""Nobody puts a header of his own into a request: what holds a line's end is refused, and nothing is sent."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from doubles import AccessToken, Credential, RawServer, answer, says

from azvm_async import AzureVMClient, InvalidRequest, VirtualClock
from azvm_async.errors import AuthenticationError, AzureVMError
from azvm_async.transport import HttpTransport, Timeouts
from azvm_async.wire import Request
from security import hostile
from security.hostile import SUBSCRIPTION, VM, told

TOKENS = {
    "newline": "tok\nx-evil: 1",
    "line's end": "tok\r\nx-evil: 1",
    "carriage return": "tok\rx-evil: 1",
    "newline at the end": "tok\n",
    "newline at the beginning": "\ntok",
    "nul": "tok\0",
    "tab": "tok\tx",
    "space": "tok x",
    "escape": "tok\x1b[31m",
    "delete": "tok\x7f",
    "next line": "tok\x85x-evil: 1",
    "Latin": "töken",
    "beyond Latin": "tok\u0142n",
    "line separator": "tok\u2028x-evil: 1",
    "full-width": "\uff54\uff4f\uff4b",
    "half of a pair": "tok\ud800",
    "empty": "",
    "bytes": b"tok",
    "nothing": None,
    "number": 5,
}


class Gives(Credential):
    """A credential that gives a token of its own."""

    def __init__(self, clock: VirtualClock, text: Any) -> None:
        super().__init__(clock)
        self._text = text

    async def get_token(self, *scopes: str, **options: Any) -> AccessToken:
        """Return it."""
        return (await super().get_token(*scopes, **options))._replace(token=self._text)


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
async def arm() -> AsyncIterator[RawServer]:
    async with RawServer(says(told({"id": VM, "name": "vm1", "location": "l"}))) as server:
        yield server


@pytest.mark.parametrize("token", TOKENS.values(), ids=TOKENS)
async def test_a_token_that_no_header_may_hold_is_refused_and_nothing_is_sent(
    arm: RawServer, clock: VirtualClock, token: Any
):
    credential = Gives(clock, token)
    async with AzureVMClient(SUBSCRIPTION, "group", credential, arm.url, clock=clock) as client:
        with pytest.raises(AuthenticationError) as caught:
            await client.get("vm1")
    assert arm.connections == 0
    assert not token or str(token) not in str(caught.value)


@pytest.mark.parametrize("token", ["tok", "eyJ.eyJ.x-_", "a+b/c==", "~!"])
async def test_control_a_token_of_visible_ascii_is_sent(arm: RawServer, clock: VirtualClock, token: str):
    async with AzureVMClient(SUBSCRIPTION, "group", Gives(clock, token), arm.url, clock=clock) as client:
        await client.get("vm1")
    assert arm.requests[0].headers["authorization"] == f"Bearer {token}"


@pytest.mark.parametrize(
    "method", ["GET\r\nx-evil: 1", "GET /x HTTP/1.1\r\n", "G ET", "GET\n", "", "TRACE", "CONNECT", "gét"]
)
async def test_a_method_is_one_of_arms(arm: RawServer, clock: VirtualClock, method: str):
    async with hostile.client_of(arm, clock) as client:
        with pytest.raises(InvalidRequest):
            await client.begin(method, VM)
    assert arm.connections == 0


@pytest.mark.parametrize("path", [f"{VM}\r\nx-evil: 1", f"{VM} HTTP/1.1\r\nx-evil: 1", f"{VM}\n", f"{VM}\t", f"{VM}\0"])
async def test_a_path_ends_no_line(arm: RawServer, clock: VirtualClock, path: str):
    async with hostile.client_of(arm, clock) as client:
        for each in (path, arm.url + path):
            with pytest.raises(InvalidRequest):
                await client.begin("GET", each)
    assert arm.connections == 0


async def test_an_api_version_ends_no_line(arm: RawServer, clock: VirtualClock):
    async with hostile.client_of(arm, clock) as client:
        await client.begin("GET", VM, api_version="1\r\nx-evil: 1")
    assert ("x-evil" in arm.requests[0].headers, arm.requests[0].line.count("%0D%0A")) == (False, 1)


async def test_claims_that_azure_asks_for_come_into_no_header(arm: RawServer, clock: VirtualClock):
    claims = "eA0KeC1ldmlsOiAx"  # x, line's end, x-evil: 1
    challenge = f'WWW-Authenticate: Bearer error="insufficient_claims", claims="{claims}"'
    hostile.answers(arm, answer(b"", "401 Unauthorized", challenge), told({"id": VM, "name": "vm1", "location": "l"}))
    credential = Credential(clock)
    async with AzureVMClient(SUBSCRIPTION, "group", credential, arm.url, clock=clock) as client:
        await client.get("vm1")
    assert [asked.get("claims") for asked in credential.asked] == [None, "x\r\nx-evil: 1"]
    assert not [arrived for arrived in arm.requests if "x-evil" in arrived.headers]


ANSWERED = ["Azure-AsyncOperation", "Location", "Operation-Location", "x-ms-request-id", "Retry-After", "Date"]


@pytest.mark.parametrize("header", ANSWERED)
async def test_what_an_answer_says_comes_into_no_header_of_the_next_request(
    arm: RawServer, clock: VirtualClock, header: str
):
    value = f"{arm.url}{hostile.OPERATION}?x=%0d%0ax-evil:%201"
    hostile.answers(arm, answer(b"", "202 Accepted", f"{header}: {value}"), told({"status": "Succeeded"}))
    async with hostile.client_of(arm, clock) as client:
        try:
            await client.start("vm1").result()
        except AzureVMError:  # it said nothing of where to follow
            assert header in {"x-ms-request-id", "Retry-After", "Date"}
    assert not [arrived for arrived in arm.requests if "x-evil" in arrived.headers]


@pytest.mark.parametrize("request_", [Request("GET", "{}", headers={"x": "a\r\nx-evil: 1"}), Request("G\r\nT", "{}")])
async def test_the_last_gate_sends_no_line_of_two(arm: RawServer, request_: Request):
    transport = HttpTransport(Timeouts(), VirtualClock())
    try:
        with pytest.raises(ValueError, match=r"control character|non-token"):
            await transport.send(Request(request_.method, arm.url, headers=request_.headers))
    finally:
        await transport.close()
    assert arm.requests == []
