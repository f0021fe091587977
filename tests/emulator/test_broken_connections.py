"""Faults of the connection: over real sockets, and what stands for them in process."""

import asyncio
import time

import aiohttp
import pytest
from yarl import URL

from azvm_async.clock import VirtualClock
from azvm_async.emulator import Emulator, faults
from azvm_async.emulator.faults import Fault
from azvm_async.wire import Request
from emulator.support import API_VERSION, Caller, until

BROKEN = (ConnectionResetError, aiohttp.ClientConnectionError, aiohttp.ClientPayloadError)
RESETS = [
    (faults.ResetBefore(), "running", 0),
    (faults.ResetAfter(), "stopping", 1),
    (faults.ResetMidway(), "stopping", 1),
]


def url(arm: Emulator, path: str) -> URL:
    """Return a URL that aiohttp sends verbatim."""
    return URL(f"{arm.endpoint}{path}?api-version={API_VERSION}", encoded=True)


async def headers(arm: Emulator) -> dict[str, str]:
    """Return headers with a token."""
    return {"authorization": f"Bearer {(await arm.credential().get_token()).token}"}


async def status(arm: Emulator, path: str) -> int:
    """Return what a read over a connection of its own is answered."""
    async with (
        aiohttp.ClientSession(headers=await headers(arm)) as session,
        session.get(url(arm, path)) as answer,
    ):
        await answer.read()
        return answer.status


async def raw(arm: Emulator, method: str, path: str) -> tuple[bytes, BaseException | None]:
    """Return all bytes that a request brings over a socket, and with which error the connection ends."""
    parts = url(arm, path)
    reader, writer = await asyncio.open_connection(parts.host, parts.port)
    token = (await headers(arm))["authorization"]
    head = f"{method} {parts.raw_path_qs} HTTP/1.1\r\nhost: localhost\r\nauthorization: {token}\r\n"
    writer.write(f"{head}content-length: 0\r\nconnection: close\r\n\r\n".encode())
    got = b""
    try:
        while piece := await reader.read(65536):
            got += piece
    except ConnectionResetError as error:
        return got, error
    finally:
        writer.transport.abort()
    return got, None


# Over sockets.


@pytest.mark.parametrize(("fault", "power", "requests"), RESETS)
async def test_a_connection_is_reset_before_or_after_the_request_is_carried_out(
    fault: Fault, power: str, requests: int
):
    async with Emulator() as arm:
        vm = arm.add_vm("vm1", power="running")
        arm.inject(fault)
        got, error = await raw(arm, "POST", f"{vm}/powerOff")
        assert isinstance(error, ConnectionResetError)
        assert (got == b"") is not isinstance(fault, faults.ResetMidway)
        assert (arm.vm("vm1").power_state, len(arm.requests)) == (power, requests)


async def test_half_of_an_answer_comes(served: Emulator):
    vm = served.add_vm("vm1")
    whole, _ = await raw(served, "GET", vm)
    served.inject(faults.ResetMidway())
    half, error = await raw(served, "GET", vm)
    size = len(whole.partition(b"\r\n\r\n")[2])
    assert f"content-length: {size}\r\n".encode() in half.lower()
    assert len(half.partition(b"\r\n\r\n")[2]) == size // 2
    assert isinstance(error, ConnectionResetError)


@pytest.mark.parametrize("fault", [fault for fault, *_ in RESETS])
async def test_a_client_sees_a_broken_connection_and_the_next_request_is_answered(served: Emulator, fault: Fault):
    vm = served.add_vm("vm1")
    served.inject(fault, method="POST")
    async with aiohttp.ClientSession(headers=await headers(served)) as session:
        with pytest.raises(BROKEN):
            async with session.post(url(served, f"{vm}/start")) as answer:
                await answer.read()
    assert await status(served, vm) == 200


async def test_a_large_request_is_reset_before_it_is_read(served: Emulator):
    vm = served.add_vm("vm1")
    served.inject(faults.ResetBefore())
    async with aiohttp.ClientSession(headers=await headers(served)) as session:
        with pytest.raises(BROKEN):
            await session.post(url(served, f"{vm}/start"), json={"a": "x" * 800_000})
    assert served.requests == []


async def test_a_slow_answer_takes_real_time_and_the_request_is_carried_out_at_once():
    async with Emulator() as arm:
        vm = arm.add_vm("vm1", power="running")
        arm.inject(faults.Slow(0.3))
        began = time.monotonic()
        sent = asyncio.create_task(raw(arm, "POST", f"{vm}/powerOff"))
        await until(lambda: bool(arm.requests))
        assert arm.vm("vm1").power_state == "stopping"
        assert not sent.done()
        got, error = await sent
        assert (got[:12], error) == (b"HTTP/1.1 202", None)
        assert time.monotonic() - began >= 0.3


async def test_a_slow_answer_outlasts_the_patience_of_a_client(served: Emulator):
    vm = served.add_vm("vm1")
    served.inject(faults.Slow(30))
    patience = aiohttp.ClientTimeout(total=0.1)
    async with aiohttp.ClientSession(headers=await headers(served), timeout=patience) as session:
        with pytest.raises(TimeoutError):
            await session.get(url(served, vm))


async def test_faults_of_arm_come_over_sockets_too(served: Emulator):
    served.inject(faults.Status(503), path="*/vm1")
    assert [await status(served, served.add_vm(name)) for name in ("vm0", "vm1")] == [200, 503]


async def test_a_truncated_answer_is_a_whole_message(served: Emulator):
    vm = served.add_vm("vm1")
    served.inject(faults.Truncated())
    async with aiohttp.ClientSession(headers=await headers(served)) as session, session.get(url(served, vm)) as answer:
        assert (answer.status, (await answer.text())[-1]) != (200, "}")


async def test_nobody_is_let_in_for_a_while():
    async with Emulator() as arm:
        vm = arm.add_vm("vm1")
        await arm.refuse_connections(0.2)
        with pytest.raises(aiohttp.ClientConnectorError, match="Connect call failed"):
            await status(arm, vm)
        await asyncio.sleep(0.3)
        assert await status(arm, vm) == 200


async def test_connections_at_rest_are_closed_meanwhile():
    async with Emulator() as arm, aiohttp.ClientSession(headers=await headers(arm)) as session:
        address = url(arm, arm.add_vm("vm1"))
        async with session.get(address) as answer:
            await answer.read()
        await arm.refuse_connections(60)
        await asyncio.sleep(0.05)
        with pytest.raises(aiohttp.ClientConnectorError):
            await session.get(address)


async def test_who_waits_for_an_answer_gets_it_meanwhile():
    async with Emulator() as arm:
        vm = arm.add_vm("vm1")
        arm.inject(faults.Slow(0.2))
        sent = asyncio.create_task(status(arm, vm))
        await until(lambda: bool(arm.requests))
        await arm.refuse_connections(60)
        assert await sent == 200


async def test_a_second_outage_takes_the_place_of_the_first():
    async with Emulator() as arm:
        vm = arm.add_vm("vm1")
        await arm.refuse_connections(60)
        await arm.refuse_connections(0.05)
        await asyncio.sleep(0.15)
        assert await status(arm, vm) == 200


async def test_an_outage_lasts_by_the_virtual_clock():
    clock = VirtualClock()
    async with Emulator(clock) as arm:
        vm = arm.add_vm("vm1")
        await arm.refuse_connections(3600)
        with pytest.raises(aiohttp.ClientConnectorError):
            await status(arm, vm)
        await clock.sleep(3601)
        assert await status(arm, vm) == 200


async def test_leaving_ends_an_outage():
    async with Emulator() as arm:
        await arm.refuse_connections(3600)
    assert len(asyncio.all_tasks()) == 1


@pytest.mark.parametrize("way", ["inject", "inject_randomly"])
async def test_a_server_cannot_choose_whom_to_refuse(way: str):
    argument = faults.Refused() if way == "inject" else {faults.Refused(): 0.1}
    with pytest.raises(ValueError, match="refuse_connections"):
        getattr(Emulator(VirtualClock()), way)(argument)


# In process.


async def sent(arm: Emulator, caller: Caller, vm: str) -> None:
    """Power a VM off as a client's transport would."""
    await arm.transport().send(Request("POST", caller.url(f"{vm}/powerOff"), b"", caller.headers))


@pytest.mark.parametrize(("fault", "power", "requests"), RESETS)
async def test_a_reset_is_pythons_own_error(
    arm: Emulator, caller: Caller, vm: str, fault: Fault, power: str, requests: int
):
    arm.inject(fault)
    with pytest.raises(ConnectionResetError):
        await sent(arm, caller, vm)
    assert (arm.vm("vm1").power_state, len(arm.requests)) == (power, requests)


async def test_a_refusal_is_pythons_own_error(arm: Emulator, caller: Caller, vm: str):
    arm.inject(faults.Refused())
    with pytest.raises(ConnectionRefusedError):
        await sent(arm, caller, vm)
    assert (arm.vm("vm1").power_state, arm.requests) == ("running", [])


async def test_everybody_is_refused_for_a_while(arm: Emulator, caller: Caller, clock: VirtualClock, vm: str):
    await arm.refuse_connections(10)
    await clock.sleep(9.5)
    with pytest.raises(ConnectionRefusedError):
        await sent(arm, caller, vm)
    await clock.sleep(0.5)
    await sent(arm, caller, vm)


async def test_a_slow_answer_is_late_by_the_clock(arm: Emulator, caller: Caller, clock: VirtualClock, vm: str):
    arm.inject(faults.Slow(600))
    await sent(arm, caller, vm)
    assert clock.monotonic() == 600
    assert arm.requests[0].monotonic == 0


async def test_an_emulator_that_was_not_entered_has_nobody_to_refuse(clock: VirtualClock):
    await Emulator(clock).refuse_connections(1)
    await clock.sleep(2)
    assert len(asyncio.all_tasks()) == 1
