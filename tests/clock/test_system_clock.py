"""The machine's clock: what can be said of it without measuring."""

import asyncio
from datetime import UTC, timedelta

import pytest

from azvm_async.clock import SystemClock


def test_dates_are_in_utc():
    assert SystemClock().utcnow().tzinfo is UTC


def test_dates_go_on():
    clock = SystemClock()
    first = clock.utcnow()
    assert timedelta(0) <= clock.utcnow() - first < timedelta(minutes=5)


def test_monotonic_time_does_not_run_backwards():
    clock = SystemClock()
    moments = [clock.monotonic() for _ in range(100)]
    assert moments == sorted(moments)


async def test_sleep_lets_others_run():
    ran = []
    asyncio.get_running_loop().call_soon(ran.append, "other")
    await SystemClock().sleep(0)
    assert ran == ["other"]


async def test_sleep_takes_time():
    clock = SystemClock()
    before = clock.monotonic()
    await clock.sleep(0.01)
    assert clock.monotonic() > before


async def test_what_takes_too_long_ends_in_a_timeout_error():
    clock = SystemClock()
    with pytest.raises(TimeoutError):
        async with clock.timeout(0.01):
            await asyncio.Event().wait()


async def test_none_is_no_timeout():
    async with SystemClock().timeout(None):
        await asyncio.sleep(0)


def test_work_needs_no_event_loop():
    with SystemClock().working():
        pass
