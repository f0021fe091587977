"""The loopback server: HTTP as clients speak it."""

import asyncio
import io
import json
import socket
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import aiohttp
import pytest
from yarl import URL

from azvm_async.clock import VirtualClock
from azvm_async.emulator import Durations, Emulator


@pytest.fixture
async def session(served: Emulator) -> AsyncIterator[aiohttp.ClientSession]:
    """Give a session that brings a token."""
    token = (await served.credential().get_token()).token
    async with aiohttp.ClientSession(headers={"authorization": f"Bearer {token}"}) as opened:
        yield opened


def url(arm: Emulator, path: str) -> URL:
    """Return a URL that aiohttp sends verbatim."""
    return URL(path if path.startswith("http") else f"{arm.endpoint}{path}?api-version=2024-07-01", encoded=True)


async def test_it_listens_on_the_loopback_interface_only(served: Emulator):
    assert urlsplit(served.endpoint).hostname == "127.0.0.1"
    with socket.socket() as probe, pytest.raises(OSError, match="refused"):
        probe.connect(("127.0.0.2", urlsplit(served.endpoint).port))


async def test_an_operation_is_followed_over_http(served: Emulator, session: aiohttp.ClientSession):
    vm = served.add_vm("vm1")
    async with session.post(url(served, f"{vm}/start")) as accepted:
        tracking = accepted.headers["Azure-AsyncOperation"]
        assert accepted.status == 202
    status = ""
    while status in {"", "InProgress"}:
        await asyncio.sleep(0.005)  # an operation may be asked for 45 times at once
        async with session.get(url(served, tracking)) as poll:
            status = (await poll.json())["status"]
    assert (status, served.vm("vm1").power_state) == ("Succeeded", "running")


async def test_the_date_is_the_clocks():
    async with (
        Emulator(VirtualClock()) as arm,
        aiohttp.ClientSession() as session,
        session.get(url(arm, "/subscriptions")) as answer,
    ):
        assert answer.headers.getall("Date") == ["Thu, 01 Jan 2026 00:00:00 GMT"]


async def test_virtual_time_runs_through_the_server_too():
    clock = VirtualClock()
    async with Emulator(clock, durations=Durations(redeploy=600)) as arm, aiohttp.ClientSession() as session:
        vm = arm.add_vm("vm1", power="running")
        session.headers["authorization"] = f"Bearer {(await arm.credential().get_token()).token}"
        async with session.post(url(arm, f"{vm}/redeploy")):
            pass
        await clock.sleep(600)
        assert arm.vm("vm1").provisioning_state == "Succeeded"


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", ""])
async def test_a_request_for_another_host_is_refused(served: Emulator, session: aiohttp.ClientSession, host: str):
    async with session.get(url(served, "/subscriptions"), headers={"Host": host}) as answer:
        assert answer.status in {400, 421}


async def test_localhost_is_a_name_of_this_host(served: Emulator, session: aiohttp.ClientSession):
    async with session.get(url(served, "/subscriptions"), headers={"Host": "localhost:1"}) as answer:
        assert answer.status == 200


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.9", "::1", "localhost"])
async def test_it_listens_where_it_is_told_to_on_loopback(host: str):
    async with (
        Emulator(host=host) as arm,
        aiohttp.ClientSession() as session,
        session.get(url(arm, "/subscriptions")) as answer,
    ):
        assert (URL(arm.endpoint).host, answer.status) == (host, 401)


async def test_an_address_written_at_length_is_found_by_clients_that_shorten_it():
    async with (
        Emulator(host="0:0:0:0:0:0:0:1") as arm,
        aiohttp.ClientSession() as session,
        session.get(f"{arm.endpoint}/subscriptions", headers={"Host": "[::1]"}) as answer,
    ):
        assert (arm.endpoint.rpartition(":")[0], answer.status) == ("http://[::1]", 401)


@pytest.mark.parametrize(
    "host", ["0.0.0.0", "::", "192.168.0.1", "fe80::1", "::1%lo", "127.0.0.1:80", "this-machine", "localhost.", ""]
)
async def test_what_others_can_reach_is_refused_with_the_reason(host: str):
    with pytest.raises(ValueError, match="run scripts as you"):
        Emulator(host=host)


@pytest.mark.parametrize(
    ("host", "status"), [("[::1]:1", 401), ("localhost", 401), ("LocalHost", 401), ("[::2]", 421), ("127.0.0.2", 421)]
)
async def test_the_header_may_name_the_host_chosen(host: str, status: int):
    async with (
        Emulator(host="::1") as arm,
        aiohttp.ClientSession() as session,
        session.get(url(arm, "/subscriptions"), headers={"Host": host}) as answer,
    ):
        assert answer.status == status


@pytest.mark.parametrize(("size", "status"), [(3_000_000, 200), (5_000_000, 413)])
async def test_bodies_are_taken_up_to_4_megabytes(
    served: Emulator, session: aiohttp.ClientSession, size: int, status: int
):
    body = json.dumps({"location": "westeurope", "tags": {"a": "x" * size}}).encode()
    async with session.put(url(served, served.add_vm("vm1")), data=io.BytesIO(body)) as answer:
        assert answer.status == status


async def test_a_body_that_does_not_tell_its_length_is_taken_up_to_4_megabytes_too(
    served: Emulator, session: aiohttp.ClientSession
):
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(5):
            yield b"x" * 1_000_000

    async with session.put(url(served, served.add_vm("vm1")), data=pieces()) as answer:
        assert answer.status == 413


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
async def test_a_body_that_is_not_encoded_as_it_says_is_refused(
    served: Emulator, session: aiohttp.ClientSession, caplog: pytest.LogCaptureFixture, coding: str
):
    headers = {"content-encoding": coding, "content-type": "application/json"}
    where = url(served, served.add_vm("vm1"))
    async with session.put(where, data=io.BytesIO(b'{"location": "westeurope"}'), headers=headers) as answer:
        assert (answer.status, (await answer.json())["error"]["code"]) == (400, "InvalidRequestContent")
    assert caplog.records == []


async def test_no_access_log_shows_signed_urls(served: Emulator, session: aiohttp.ClientSession, caplog):
    caplog.set_level(0)
    async with session.get(url(served, "/subscriptions")):
        pass
    assert [record for record in caplog.records if record.name == "aiohttp.access"] == []


async def test_a_port_that_is_taken_is_an_os_error(served: Emulator):
    port = urlsplit(served.endpoint).port
    with pytest.raises(OSError, match="in use"):
        async with Emulator(port=port):
            pass


async def test_leaving_closes_the_connections_of_clients():
    async with aiohttp.ClientSession() as session:
        async with Emulator() as arm:
            async with session.get(url(arm, "/subscriptions")) as answer:
                assert answer.status == 401
            address = url(arm, "/subscriptions")
        with pytest.raises(aiohttp.ClientConnectionError):
            await session.get(address)


async def test_requests_at_once_are_all_answered(served: Emulator, session: aiohttp.ClientSession):
    async def status() -> int:
        async with session.get(url(served, "/subscriptions")) as answer:
            return answer.status

    assert await asyncio.gather(*(status() for _ in range(200))) == [200] * 200
