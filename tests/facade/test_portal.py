"""The background loop: begun and ended by its users, and everything closed at its end."""

import asyncio
import threading
from concurrent.futures import CancelledError, ThreadPoolExecutor

import pytest

from azvm_async import portal


async def nothing() -> None:
    """Close nothing."""


async def answer() -> int:
    """Return something."""
    return 42


def test_what_is_returned_comes_through():
    held = portal.lease(nothing)
    assert held.portal.call(answer) == 42
    held.release()


def test_what_is_raised_comes_through():
    async def failing() -> None:
        raise KeyError("x")

    held = portal.lease(nothing)
    with pytest.raises(KeyError):
        held.portal.call(failing)
    held.release()


def test_users_share_a_loop():
    one, other = portal.lease(nothing), portal.lease(nothing)
    assert one.portal is other.portal
    one.release()
    assert other.portal.call(answer) == 42
    other.release()


def test_next_user_after_the_last_has_another_loop():
    one = portal.lease(nothing)
    one.release()
    other = portal.lease(nothing)
    assert other.portal is not one.portal
    other.release()


def test_closed_loop_takes_no_calls():
    held = portal.lease(nothing)
    held.release()
    with pytest.raises(portal.PortalClosed):
        held.portal.call(answer)


@pytest.mark.parametrize("way", ["release", "drop"])
def test_what_a_user_has_is_closed_once(way: str):
    closed = []

    async def closing() -> None:
        closed.append(threading.current_thread().name)

    held = portal.lease(closing)
    getattr(held, way)()
    held.portal._thread.join(5)
    held.release()
    held.drop()
    assert closed == ["azvm-portal"]


def test_user_whose_closing_fails_is_gone_all_the_same():
    async def closing() -> None:
        raise KeyError("x")

    held = portal.lease(closing)
    with pytest.raises(KeyError):
        held.release()
    assert not held.portal.usable


def test_tasks_are_cancelled_and_generators_closed_at_the_end():
    ended = []

    async def generator():
        try:
            yield 1
        finally:
            ended.append("generator")

    async def sleeping() -> None:
        try:
            await asyncio.sleep(1000)
        except asyncio.CancelledError:
            ended.append("task")
            raise

    kept: list[object] = []

    async def begin() -> None:
        kept.append(generator())
        await anext(kept[0])
        kept.append(asyncio.create_task(sleeping()))
        await asyncio.sleep(0)

    held = portal.lease(nothing)
    held.portal.call(begin)
    held.release()
    assert sorted(ended) == ["generator", "task"]


def test_call_that_the_end_overtakes_is_cancelled():
    begun = threading.Event()

    async def endless() -> None:
        begun.set()
        await asyncio.sleep(1000)

    held = portal.lease(nothing)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(held.portal.call, endless)
        begun.wait(5)
        held.release()
        with pytest.raises(CancelledError):
            waiting.result(5)
