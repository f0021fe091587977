"""The bearer token goes to the endpoint's own host: no answer, no token of a file, no call leads it anywhere else."""

import contextlib
import json
from collections.abc import AsyncIterator

import aiohttp
import pytest
from doubles import RawServer

from azvm_async import AzureVMClient, InvalidRequest, VirtualClock
from azvm_async.errors import AzureVMError
from security import hostile
from security.hostile import IN_HEADERS, IN_JSON, LURES, SUBSCRIPTION, TOKENS, UNICODE, VM, lure_at, told

ALL = LURES | UNICODE
DONE = told({"status": "Succeeded", "value": []})
LED_THERE = ("other port", "other host", "Azure's name as a part", "localhost", "no scheme")

lures = pytest.mark.parametrize("lure", LURES.values(), ids=LURES)
all_lures = pytest.mark.parametrize("lure", ALL.values(), ids=ALL)


@pytest.fixture(autouse=True)
def _all_names_are_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socket.getaddrinfo", hostile.everywhere_here)


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
async def evil() -> AsyncIterator[RawServer]:
    """Yield the other server, which would answer anything."""
    async with RawServer() as server:
        hostile.answers(server, DONE)
        yield server


@pytest.fixture
async def arm() -> AsyncIterator[RawServer]:
    """Yield the endpoint."""
    async with RawServer() as server:
        hostile.answers(server, told({}))
        yield server


@pytest.fixture
async def client(arm: RawServer, clock: VirtualClock) -> AsyncIterator[AzureVMClient]:
    async with hostile.client_of(arm, clock) as opened:
        yield opened


def asked(server: RawServer) -> list[str]:
    """Return the paths that a server was asked for."""
    return [arrived.line.split(" ")[1] for arrived in server.requests]


@lures
@pytest.mark.parametrize("way", IN_HEADERS)
async def test_a_lure_in_a_header_is_not_followed(
    client: AzureVMClient, arm: RawServer, evil: RawServer, way: str, lure: str
):
    there = lure_at(lure, arm, evil)
    hostile.answers(arm, *IN_HEADERS[way].answers(there, arm.url), DONE)
    with contextlib.suppress(AzureVMError):
        await IN_HEADERS[way].call(client)
    assert (evil.connections, "/x" in asked(arm), len(arm.requests) > 0) == (0, False, True)


@all_lures
@pytest.mark.parametrize("way", IN_JSON)
async def test_a_lure_in_a_body_is_not_followed(
    client: AzureVMClient, arm: RawServer, evil: RawServer, way: str, lure: str
):
    there = lure_at(lure, arm, evil)
    hostile.answers(arm, *IN_JSON[way].answers(there, arm.url), DONE)
    with contextlib.suppress(AzureVMError):
        await IN_JSON[way].call(client)
    assert (evil.connections, "/x" in asked(arm), len(arm.requests) > 0) == (0, False, True)


@all_lures
@pytest.mark.parametrize("kind", TOKENS)
async def test_a_token_that_names_a_lure_is_refused_before_any_request(
    client: AzureVMClient, arm: RawServer, evil: RawServer, kind: str, lure: str
):
    url = lure_at(lure, arm, evil).replace(
        "/x", f"/subscriptions/{SUBSCRIPTION}/x"
    )  # it is not for its path that it is refused
    token = hostile.at_home(TOKENS[kind](url), arm.url)
    with pytest.raises(InvalidRequest):
        client.resume(token)
    with pytest.raises(InvalidRequest):
        client.resume(json.dumps(token) if isinstance(token, dict) else token)
    assert (evil.connections, arm.connections) == (0, 0)


@pytest.mark.parametrize("kind", TOKENS)
async def test_control_the_same_token_with_a_url_at_home_is_taken(client: AzureVMClient, arm: RawServer, kind: str):
    client.resume(hostile.at_home(TOKENS[kind](f"{arm.url}/subscriptions/{SUBSCRIPTION}/x"), arm.url))


@pytest.mark.parametrize("method", ["GET", "PUT", "POST", "DELETE"])
@all_lures
async def test_a_call_of_ones_own_that_names_a_lure_stays_at_home(
    client: AzureVMClient, arm: RawServer, evil: RawServer, method: str, lure: str
):
    with contextlib.suppress(AzureVMError):
        await client.begin(method, lure_at(lure, arm, evil), api_version="1")
    assert (evil.connections, "/x" in asked(arm)) == (0, False)


@pytest.mark.parametrize("path", [f".evil.example{VM}", f"@evil.example{VM}", f":1@evil.example{VM}", f"{VM}/../../x"])
async def test_what_is_put_behind_the_endpoint_does_not_change_its_host(
    client: AzureVMClient, arm: RawServer, evil: RawServer, path: str
):
    with pytest.raises(InvalidRequest):
        await client.begin("GET", path)
    assert (evil.connections, arm.connections) == (0, 0)


@pytest.mark.parametrize("resource", [".evil.example/x", "@evil.example/x", "//evil.example/x", ":1/x", "/x?a=b#c"])
async def test_a_resource_whose_id_is_a_lure_is_not_asked_for_elsewhere(
    client: AzureVMClient, arm: RawServer, evil: RawServer, resource: str
):
    record = {
        "properties": {
            "provisioningState": "Succeeded",
            "outputResources": [{"id": resource}, {"id": f"{VM}/{resource}"}],
        }
    }
    hostile.answers(arm, *[told(record)] * 9, DONE)
    with contextlib.suppress(AzureVMError):
        await client.deprovision("vm1", assume_owned=True).result()
    assert evil.connections == 0
    assert not [arrived for arrived in arm.requests if "evil" in arrived.headers["host"]]


@pytest.mark.parametrize("name", LED_THERE)
async def test_control_who_follows_a_lure_brings_his_token_there(arm: RawServer, evil: RawServer, name: str):
    there = lure_at(LURES[name], arm, evil)
    async with aiohttp.ClientSession(headers={"authorization": "Bearer t"}) as session:
        await session.get("http:" + there if there.startswith("//") else there)
    assert [arrived.headers["authorization"] for arrived in evil.requests] == ["Bearer t"]


PLAIN = {
    "http://127.0.0.1:{port}": "the loopback's own address",
    "http://127.9.9.9:{port}": "another one of its network",
    "http://localhost:{port}": "its name",
    "http://LocalHost:{port}": "its name, for names have no case",
    "http://[::1]:{port}": "its address of IPv6",
    "http://[0:0:0:0:0:0:0:1]:{port}": "the same, written out",
}
NOT_PLAIN = {
    "http://localhost.evil.example": "a name that anybody may own",
    "http://localhost.": "which is asked of a name server, who may answer as he likes",
    "http://localhost.localdomain": "likewise",
    "http://127.0.0.1.evil.example": "likewise",
    "http://127.0.0.1.nip.io": "likewise, though it says 127.0.0.1 today",
    "http://127.0.0.1.": "no address any more, but a name",
    "http://0x7f.1": "127.0.0.1 for some, a name for others: one writes it out",
    "http://127.1": "likewise",
    "http://2130706433": "likewise",
    "http://0177.0.0.1": "likewise, or 177.0.0.1",
    "http://0": "any address of this machine",
    "http://0.0.0.0": "likewise",
    "http://[::]": "likewise",
    "http://[::ffff:127.0.0.1]": "loopback in other words, which Pythons disagree about: one writes it plainly",
    "http://[::1%25eth0]": "a zone: parsers disagree about where it ends",
    "http://[::1%eth0]": "likewise",
    "http://[::1]evil.example": "what stands behind the bracket is a name for some",
    "http://evil.example[::1]": "likewise",
    "http://[::1].": "likewise",
    "http://[fe80::1]": "the next machine",
    "http://[::2]": "not loopback",
    "http://10.0.0.1": "a private network",
    "http://169.254.169.254": "a link's own, and Azure's instance metadata",
    "http://168.63.129.16": "Azure's own address on each VM",
    "http://127。0.0.1": "a full stop that becomes a dot",
    "http://①27.0.0.1": "a digit that becomes a 1",
    "http://loc\u200balhost": "an invisible letter",
    "http://127.0.0.1%00.evil.example": "an end for some",
    "http://127.0.0.1\\@evil.example": "who is behind a backslash is disputed",
    "http://127.0.0.1@evil.example": "a user name",
    "http://127.0.0.1#@evil.example": "a fragment",
    "http://evil.example#127.0.0.1": "likewise",
    "http:127.0.0.1": "no host",
    "http:///127.0.0.1": "likewise",
    "http://management.azure.com": "Azure itself: its token is for https alone",
}


@pytest.mark.parametrize("endpoint", PLAIN)
def test_plain_http_is_for_loopback(endpoint: str):
    assert AzureVMClient(SUBSCRIPTION, "group", endpoint=endpoint.format(port=1)).endpoint == endpoint.format(port=1)


@pytest.mark.parametrize("endpoint", NOT_PLAIN)
def test_plain_http_is_for_nobody_else(endpoint: str):
    with pytest.raises(InvalidRequest):
        AzureVMClient(SUBSCRIPTION, "group", endpoint=endpoint)


@pytest.mark.parametrize("endpoint", [each for each in PLAIN if "[" not in each and "9.9.9" not in each])
async def test_a_token_over_plain_http_reaches_this_machine_alone(
    arm: RawServer, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch, endpoint: str
):
    names: list[object] = []

    def noting(host: object, port: object, *more: object, **options: object):
        names.append(host)
        return hostile.everywhere_here(host, port, *more, **options)

    monkeypatch.setattr("socket.getaddrinfo", noting)
    arm.url = endpoint.format(port=hostile.port_of(arm))
    async with hostile.client_of(arm, clock) as client:
        with contextlib.suppress(AzureVMError):
            await client.get("vm1")
    assert ({str(name).lower() for name in names} <= {"localhost", "127.0.0.1"}, bool(arm.requests)) == (True, True)
