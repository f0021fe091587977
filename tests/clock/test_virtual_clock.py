"""Virtual time: it passes when nothing else can happen, and only then."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from doubles import turns

from azvm_async.clock import VirtualClock

LONG = 10 * VirtualClock.patience
"""Turns of the loop after which an idle clock would have gone on for sure."""


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


def test_time_begins_at_zero(clock: VirtualClock):
    assert clock.monotonic() == 0


def test_the_date_begins_where_it_is_told_to():
    start = datetime(2030, 5, 6, tzinfo=UTC)
    assert VirtualClock(start).utcnow() == start


async def test_sleep_takes_exactly_its_seconds(clock: VirtualClock):
    await clock.sleep(600)
    assert clock.monotonic() == 600


async def test_the_date_goes_on_with_the_time(clock: VirtualClock):
    before = clock.utcnow()
    await clock.sleep(90)
    assert clock.utcnow() - before == timedelta(seconds=90)


async def test_sleepers_wake_in_the_order_of_their_times(clock: VirtualClock):
    woken: list[tuple[float, float]] = []

    async def sleeper(seconds: float) -> None:
        await clock.sleep(seconds)
        woken.append((seconds, clock.monotonic()))

    await asyncio.gather(*map(sleeper, (3, 1, 2)))
    assert woken == [(1, 1), (2, 2), (3, 3)]


async def test_sleepers_of_one_moment_wake_in_the_order_they_lay_down(clock: VirtualClock):
    woken: list[str] = []

    async def sleeper(name: str) -> None:
        await clock.sleep(5)
        woken.append(name)

    await asyncio.gather(*map(sleeper, "abc"))
    assert woken == ["a", "b", "c"]


async def test_who_wakes_first_may_act_before_the_next_wakes(clock: VirtualClock):
    seen: list[float] = []

    async def first() -> None:
        await clock.sleep(1)
        await turns(10)
        seen.append(clock.monotonic())

    await asyncio.gather(first(), clock.sleep(2))
    assert seen == [1]


@pytest.mark.parametrize("seconds", [0, -5])
async def test_no_time_passes_in_a_sleep_of_nothing(clock: VirtualClock, seconds: float):
    await clock.sleep(seconds)
    assert clock.monotonic() == 0


async def test_a_sleep_of_nothing_lets_others_run(clock: VirtualClock):
    ran: list[str] = []
    asyncio.get_running_loop().call_soon(ran.append, "other")
    await clock.sleep(0)
    assert ran == ["other"]


async def test_time_stands_still_while_work_is_under_way(clock: VirtualClock):
    sleeper = asyncio.create_task(clock.sleep(1))
    with clock.working():
        await turns(LONG)
        assert clock.monotonic() == 0
    await sleeper


async def test_time_goes_on_after_the_work(clock: VirtualClock):
    sleeper = asyncio.create_task(clock.sleep(1))
    with clock.working():
        await turns(LONG)
    await sleeper
    assert clock.monotonic() == 1


async def test_time_goes_on_after_work_that_failed(clock: VirtualClock):
    sleeper = asyncio.create_task(clock.sleep(1))
    with pytest.raises(ValueError, match="broken"), clock.working():
        raise ValueError("broken")
    await sleeper
    assert clock.monotonic() == 1


async def test_time_stands_still_until_the_last_of_several_works_is_done(clock: VirtualClock):
    sleeper = asyncio.create_task(clock.sleep(1))
    with clock.working():
        with clock.working():
            await turns()
        await turns(LONG)
        assert clock.monotonic() == 0
    await sleeper


async def test_a_task_that_is_ready_runs_before_time_passes(clock: VirtualClock):
    sleeper = asyncio.create_task(clock.sleep(1))
    await turns(clock.patience - 5)
    assert clock.monotonic() == 0
    await sleeper


async def test_after_work_ready_tasks_get_all_their_turns_again(clock: VirtualClock):
    sleeper = asyncio.create_task(clock.sleep(1))
    await turns(clock.patience - 5)
    with clock.working():
        pass
    await turns(clock.patience - 5)
    assert clock.monotonic() == 0
    await sleeper


async def test_a_timeout_raises_at_its_time(clock: VirtualClock):
    with pytest.raises(TimeoutError):
        async with clock.timeout(30):
            await clock.sleep(1000)
    assert clock.monotonic() == 30


async def test_a_timeout_lets_pass_what_ends_in_time(clock: VirtualClock):
    async with clock.timeout(30):
        await clock.sleep(29)
    assert clock.monotonic() == 29


async def test_a_timeout_that_was_not_needed_does_not_advance_time(clock: VirtualClock):
    async with clock.timeout(30):
        pass
    await clock.sleep(100)
    assert clock.monotonic() == 100


async def test_none_is_no_timeout(clock: VirtualClock):
    async with clock.timeout(None):
        await clock.sleep(1e6)
    assert clock.monotonic() == 1e6


async def test_the_inner_of_two_timeouts_leaves_the_outer_whole(clock: VirtualClock):
    moments: list[float] = []
    with pytest.raises(TimeoutError):  # noqa: PT012 - both time-outs are the claim
        async with clock.timeout(50):
            with pytest.raises(TimeoutError):
                async with clock.timeout(10):
                    await clock.sleep(1000)
            moments.append(clock.monotonic())
            await clock.sleep(1000)
    moments.append(clock.monotonic())
    assert moments == [10, 50]


async def test_a_timeout_lets_a_cancellation_from_outside_through(clock: VirtualClock):
    async def bounded() -> None:
        async with clock.timeout(30):
            await asyncio.Event().wait()

    task = asyncio.create_task(bounded())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_timeout_lets_an_error_from_inside_through(clock: VirtualClock):
    with pytest.raises(KeyError, match="mine"):
        async with clock.timeout(30):
            raise KeyError("mine")


async def test_a_cancelled_sleep_does_not_pull_time_forward(clock: VirtualClock):
    short = asyncio.create_task(clock.sleep(10))
    await asyncio.sleep(0)
    short.cancel()
    await asyncio.gather(short, return_exceptions=True)
    await turns(LONG)
    assert clock.monotonic() == 0


async def test_a_cancelled_timer_is_not_called(clock: VirtualClock):
    called: list[str] = []
    clock.call_later(1, lambda: called.append("it")).cancel()
    await clock.sleep(2)
    assert called == []


async def test_a_timer_can_cancel_another_of_its_moment(clock: VirtualClock):
    called: list[str] = []
    clock.call_later(1, lambda: later.cancel())  # noqa: PLW0108 - there is no later yet
    later = clock.call_later(1, lambda: called.append("later"))
    await clock.sleep(2)
    assert called == []


async def test_a_jump_moves_time_and_date_at_once(clock: VirtualClock):
    before = clock.utcnow()
    clock.jump(3600)
    assert (clock.monotonic(), clock.utcnow() - before) == (3600, timedelta(hours=1))


async def test_who_slept_through_a_jump_wakes_after_it_without_more_time(clock: VirtualClock):
    sleeper = asyncio.create_task(clock.sleep(10))
    await asyncio.sleep(0)
    clock.jump(3600)
    await sleeper
    assert clock.monotonic() == 3600


async def test_an_idle_clock_leaves_the_loop_alone(clock: VirtualClock, monkeypatch: pytest.MonkeyPatch):
    looks = _counted(clock, monkeypatch)
    await clock.sleep(1)
    await turns()
    looks.clear()
    await turns(LONG)
    assert looks == []


async def test_a_clock_that_waits_for_work_leaves_the_loop_alone(clock: VirtualClock, monkeypatch: pytest.MonkeyPatch):
    looks = _counted(clock, monkeypatch)
    sleeper = asyncio.create_task(clock.sleep(1))
    with clock.working():
        await turns()
        looks.clear()
        await turns(LONG)
        assert looks == []
    await sleeper
    assert looks


def _counted(clock: VirtualClock, monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Return a list that grows with each look of the clock's at whether time may pass."""
    looks: list[object] = []
    look = clock._look

    def counted() -> None:
        looks.append(None)
        look()

    monkeypatch.setattr(clock, "_look", counted)
    return looks


def test_it_jumps_without_a_loop():
    clock = VirtualClock()
    clock.jump(5)
    assert clock.monotonic() == 5


async def test_it_goes_on_after_a_callback_that_raised(clock: VirtualClock):
    asyncio.get_running_loop().set_exception_handler(lambda *_: None)

    def fails() -> None:
        raise ZeroDivisionError

    clock.call_later(1, fails)
    await clock.sleep(2)
    assert clock.monotonic() == 2


async def test_what_is_never_due_draws_no_time(clock: VirtualClock):
    forever = asyncio.create_task(clock.sleep(float("inf")))
    await turns(VirtualClock.patience * 2)
    await clock.sleep(1)
    assert clock.monotonic() == 1
    forever.cancel()
