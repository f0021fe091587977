"""How long the pipeline waits between two sendings, measured on virtual time."""

from collections.abc import Callable

import pytest

from azvm_async.clock import VirtualClock
from azvm_async.protocol.repeat import Repeat
from pipeline.support import OK, Line, lost, refused, unsent

Build = Callable[..., Line]
FIRST = 0.5


def asked(*seconds: float) -> list[object]:
    """Return what the waits are to be: as long as Azure asked, and a random part of the first wait of our own."""
    return [pytest.approx(wait + FIRST / 2, abs=FIRST / 2) for wait in seconds]


@pytest.mark.parametrize("status", [408, 429, 500, 503])
async def test_azures_retry_after_decides(line: Build, status: int):
    sending = line(refused(status, retry_after="17"), OK)
    await sending.send()
    assert sending.waits == asked(17)


async def test_each_retry_after_holds_for_one_wait(line: Build):
    sending = line(refused(429, retry_after="5"), refused(429, retry_after="40"), OK)
    await sending.send()
    assert sending.waits == asked(5, 40)


async def test_a_retry_after_may_be_longer_than_the_longest_wait_of_our_own(line: Build):
    sending = line(refused(429, retry_after="1200"), OK, longest=30.0)
    await sending.send()
    assert sending.waits == asked(1200)


async def test_a_retry_after_of_nothing_is_obeyed(line: Build):
    sending = line(refused(429, retry_after="0"), OK)
    await sending.send()
    assert sending.waits == asked(0)


async def test_a_retry_after_may_be_a_date(line: Build):
    date, later = "Thu, 01 Jan 2026 00:00:00 GMT", "Thu, 01 Jan 2026 00:00:25 GMT"
    sending = line(refused(503, retry_after=later, date=date), OK)
    await sending.send()
    assert sending.waits == asked(25)


@pytest.mark.parametrize("trouble", [refused(503), refused(429, retry_after="soon"), unsent(), lost()])
async def test_without_a_retry_after_the_wait_doubles(line: Build, trouble: Exception):
    sending = line(trouble, attempts=5, first=1.0, longest=100.0)
    await sending.failure()
    bounds = [(1, 2), (2, 3), (4, 5), (8, 9)]
    assert all(least <= wait <= most for wait, (least, most) in zip(sending.waits, bounds, strict=True))


async def test_the_doubling_ends_at_the_longest_wait(line: Build):
    sending = line(refused(503), attempts=10, first=1.0, longest=5.0)
    await sending.failure()
    assert all(5 <= wait <= 6 for wait in sending.waits[3:])


@pytest.mark.parametrize(("which", "longest"), [(0, 100.0), (6, 3.0)], ids=["the first wait", "the longest wait"])
async def test_requests_that_failed_together_are_not_sent_again_together(line: Build, which: int, longest: float):
    waits = set()
    for _ in range(20):
        sending = line(refused(503), attempts=8, first=1.0, longest=longest)
        await sending.failure()
        waits.add(round(sending.waits[which], 6))
    assert len(waits) > 10


async def test_there_is_no_wait_after_the_last_attempt(line: Build, clock: VirtualClock):
    sending = line(refused(503, retry_after="100"), attempts=2)
    await sending.failure()
    assert [clock.monotonic()] == asked(100)


async def test_those_refused_together_do_not_return_together(line: Build):
    waits = set()
    for _ in range(20):
        sending = line(refused(429, retry_after="5"), OK)
        await sending.send()
        waits.add(round(sending.waits[0], 6))
    assert len(waits) > 10


async def test_what_may_not_be_repeated_fails_at_once(line: Build, clock: VirtualClock):
    await line(refused(503, retry_after="100")).failure(Repeat.REFUSED)
    assert clock.monotonic() == 0
