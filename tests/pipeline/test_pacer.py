"""The gate before every request: who waits for a token, in which order, and whom that holds up."""

import asyncio
import math
import threading

import pytest
from doubles import turns
from hypothesis import example, given, settings
from hypothesis import strategies as st

from azvm_async import Budget, ClientClosed, SystemClock, VirtualClock
from azvm_async.budget import SPARE, Ticket
from azvm_async.clock import Clock
from azvm_async.pacer import LOOK_AGAIN, TICK, Lane, Pacer, _rounded_up
from azvm_async.protocol.throttling import Key, keys_of
from azvm_async.wire import Request, Response
from pipeline.support import ENDPOINT

SUBMISSIONS, POLLS = Lane.SUBMISSIONS, Lane.POLLS
BURST, RATE = 200, 10
START = "POST", "/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/{}/start"
GROUP = "PUT", "/resourceGroups/{}"
FEW = VirtualClock.patience // 2
"""Turns of the loop in which all come to their places, and no time passes."""
READING = "GET", "/resourceGroups/{}"


def request(what: tuple[str, str], name: object = "x", subscription: str = "s") -> Request:
    """Return a request about something of this name."""
    method, path = what
    return Request(method, f"{ENDPOINT}/subscriptions/{subscription}{path.format(name)}?api-version=1")


def at(seconds: float) -> object:
    """Return the time at which those are let through who had to wait so long: the next tick."""
    return pytest.approx(math.ceil(seconds / TICK - 1e-4) * TICK, abs=1e-3)


class Gate:
    """A pacer with its budget, and a record of who was let through when."""

    def __init__(self, clock: Clock, budget: Budget | None = None) -> None:
        self.clock = clock
        self.budget = budget or Budget()
        self.pacer = Pacer(clock, lambda _: None)
        self.passed: list[object] = []
        self.times: list[float] = []

    async def admit(self, what: tuple[str, str], name: object = "x", lane: Lane = SUBMISSIONS, of: str = "s") -> Ticket:
        """Wait as a request does."""
        ticket = await self.pacer.admit(self.budget, request(what, name, of), lane)
        self.passed.append(name)
        self.times.append(self.clock.monotonic())
        return ticket

    def enter(self, what: tuple[str, str], *names: object, lane: Lane = SUBMISSIONS) -> list[asyncio.Task[Ticket]]:
        """Let requests come, one after the other."""
        return [asyncio.create_task(self.admit(what, name, lane)) for name in names]

    def empty(self, what: tuple[str, str] = GROUP, name: object = "x") -> None:
        """Use up the first of the buckets that such a request draws from."""
        keys = keys_of(request(what, name), lambda _: None)[:1]
        while isinstance(self.budget.take(keys, self.clock.monotonic()), Ticket):
            pass

    def close_bucket(self, what: tuple[str, str], seconds: float) -> None:
        """Let a request be refused."""
        keys = keys_of(request(what), lambda _: None)
        ticket = self.budget.take(keys, self.clock.monotonic())
        assert isinstance(ticket, Ticket)
        self.pacer.heard(self.budget, ticket, Response(429, {"retry-after": str(seconds)}))


@pytest.fixture
def gate(clock: VirtualClock) -> Gate:
    return Gate(clock)


async def test_while_there_are_tokens_nobody_waits(gate: Gate):
    await asyncio.gather(*gate.enter(GROUP, *range(BURST - 1)))
    assert gate.clock.monotonic() == 0


async def test_who_finds_none_waits_until_one_has_flowed_in(gate: Gate):
    gate.empty()
    await gate.admit(GROUP)
    assert gate.times == [at(1 / RATE)]


async def test_a_crowd_is_let_through_at_the_rate_that_flows_in(gate: Gate):
    gate.empty()
    await asyncio.gather(*gate.enter(GROUP, *range(100)))
    assert gate.times == [at((number + 1) / RATE) for number in range(100)]


@settings(derandomize=True, deadline=None, database=None)
@given(now=st.floats(0, 1e6), seconds=st.floats(1e-9, LOOK_AGAIN))
@example(now=2.250001, seconds=8.9e-6)
def test_nobody_wakes_before_there_is_a_token_nor_much_later(now: float, seconds: float):
    assert seconds < _rounded_up(now, seconds) <= seconds + TICK + 1e-4


async def test_what_is_about_no_subscription_never_waits(gate: Gate):
    gate.empty()
    assert await gate.pacer.admit(gate.budget, Request("GET", f"{ENDPOINT}/tenants"), SUBMISSIONS) == Ticket((), ())


async def test_the_oldest_goes_first(gate: Gate):
    gate.empty()
    await asyncio.gather(*gate.enter(GROUP, *range(50)))
    assert gate.passed == list(range(50))


async def test_nobody_overtakes_those_who_stand_in_line(gate: Gate):
    gate.empty()
    waiting = gate.enter(GROUP, "first", "second")
    await gate.clock.sleep(0.09)
    await turns(FEW)
    late = gate.enter(GROUP, "late")
    await gate.clock.sleep(0.01)  # a token is there
    await asyncio.gather(*waiting, *late, *gate.enter(GROUP, "last"))
    assert gate.passed == ["first", "second", "late", "last"]


async def test_two_lanes_take_turns(gate: Gate):
    gate.empty(READING)
    crowd = gate.enter(READING, *["read"] * 20)
    polls = gate.enter(READING, *["poll"] * 5, lane=POLLS)
    await asyncio.gather(*crowd, *polls)
    assert gate.passed[:11] == ["read", *["poll", "read"] * 5]


async def test_a_crowd_of_polls_does_not_starve_a_submission(gate: Gate):
    gate.empty(READING)
    polls = gate.enter(READING, *["poll"] * 500, lane=POLLS)
    await turns(FEW)
    await gate.admit(READING, "read")
    assert len(gate.passed) <= 3
    await asyncio.gather(*polls)


async def test_an_empty_lane_costs_the_other_nothing(gate: Gate):
    gate.empty(READING)
    await asyncio.gather(*gate.enter(READING, *range(50), lane=POLLS))
    assert gate.times[-1] == pytest.approx(50 / 25, abs=1e-3)


async def test_a_line_holds_up_no_other_subscription(gate: Gate):
    gate.close_bucket(GROUP, 1200)
    waiting = gate.enter(GROUP, *range(10))
    await turns(FEW)
    await gate.admit(GROUP, of="other")
    assert gate.clock.monotonic() == 0
    await asyncio.gather(*waiting)


async def test_a_line_holds_up_no_other_kind_of_request(gate: Gate):
    gate.close_bucket(GROUP, 1200)
    waiting = gate.enter(GROUP, *range(10))
    await turns(FEW)
    await gate.admit(READING)
    assert gate.clock.monotonic() == 0
    await asyncio.gather(*waiting)


async def test_the_line_of_one_vm_holds_up_no_other_vm(gate: Gate):
    await asyncio.gather(*gate.enter(START, *["busy"] * 11))
    waiting = gate.enter(START, *["busy"] * 3)
    await turns(FEW)
    await asyncio.gather(*gate.enter(START, *range(50)))
    assert gate.clock.monotonic() == 0
    await asyncio.gather(*waiting)
    assert gate.times[-3:] == [pytest.approx(seconds, abs=1e-3) for seconds in (15, 30, 45)]


async def test_who_finds_the_next_bucket_empty_too_waits_there_with_the_age_it_had(gate: Gate):
    await asyncio.gather(*gate.enter(START, *["busy"] * 11))
    old = gate.enter(START, "busy")  # for 15 s at its VM
    await gate.clock.sleep(10)
    gate.close_bucket(GROUP, 20)
    young = gate.enter(GROUP, *range(20))
    await asyncio.gather(*old, *young)
    assert gate.passed[11:14] == [0, "busy", 1]  # the first of a line is at its bucket already


async def test_a_held_bucket_lets_nobody_through_before_its_time(gate: Gate):
    gate.close_bucket(GROUP, 1200)
    await asyncio.gather(*gate.enter(GROUP, *range(20)))
    assert gate.times == [at(1200 + number / RATE) for number in range(20)]


async def test_who_waits_looks_again_for_azure_may_have_corrected_the_bucket(gate: Gate):
    keys = (Key("s", "writes"),)
    tickets = [gate.budget.take(keys, 0.0) for _ in range(2)]
    for ticket in tickets[:1]:
        gate.pacer.heard(gate.budget, ticket, Response(429, {"retry-after": "100"}))
    waiting = gate.enter(GROUP, "x")
    await gate.clock.sleep(LOOK_AGAIN + 1)
    gate.budget._buckets[keys[0]].held_until = 0.0
    gate.budget._buckets[keys[0]].set(50, gate.clock.monotonic())
    await asyncio.gather(*waiting)
    assert gate.times == [pytest.approx(2 * LOOK_AGAIN, abs=1e-3)]


# Cancellation.


async def test_the_first_of_a_line_may_be_cancelled(gate: Gate):
    gate.empty()
    first, *others = gate.enter(GROUP, "first", "second", "third")
    await turns(FEW)
    first.cancel()
    await asyncio.gather(*others)
    assert gate.passed == ["second", "third"]
    assert gate.times[0] == at(1 / RATE)


async def test_one_that_waits_may_be_cancelled(gate: Gate):
    gate.empty()
    first, second, third = gate.enter(GROUP, "first", "second", "third")
    await turns(FEW)
    second.cancel()
    await asyncio.gather(first, third)
    assert gate.passed == ["first", "third"]
    assert gate.times[1] == at(2 / RATE)


async def test_one_that_is_cancelled_just_when_it_is_called_calls_the_next(gate: Gate):
    gate.empty()

    async def cancelling() -> None:
        await gate.admit(GROUP, "first")
        second.cancel()  # before it can go on

    first = asyncio.create_task(cancelling())
    second, third = gate.enter(GROUP, "second", "third")
    await asyncio.wait([first, third], timeout=5)  # of real time
    assert second.cancelled()
    assert gate.passed == ["first", "third"]


async def test_all_of_a_line_may_be_cancelled_and_leave_none(gate: Gate):
    gate.empty()
    tasks = gate.enter(GROUP, *range(20))
    await turns(FEW)
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    assert gate.pacer._lines == {}
    await gate.admit(GROUP, "later")
    assert gate.passed == ["later"]


async def test_a_line_begun_while_another_ends_stays(gate: Gate):
    gate.empty()
    first, second = gate.enter(GROUP, "first", "second")
    await turns(FEW)
    first.cancel()
    (third,) = gate.enter(GROUP, "third")
    second.cancel()
    await turns(FEW)
    assert len(gate.pacer._lines) == 1
    await third


async def test_who_is_cancelled_takes_no_token(gate: Gate):
    gate.empty()
    (task,) = gate.enter(GROUP, "x")
    await turns(FEW)
    task.cancel()
    await gate.clock.sleep(1)
    await asyncio.gather(*gate.enter(GROUP, *range(RATE)))
    assert gate.clock.monotonic() == pytest.approx(1, abs=1e-3)


async def test_a_line_in_which_nobody_stands_any_more_is_forgotten(gate: Gate):
    gate.empty()
    await asyncio.gather(*gate.enter(GROUP, *range(20)), *gate.enter(GROUP, *range(20), lane=POLLS))
    assert gate.pacer._lines == {}


# The end.


@pytest.mark.parametrize("held", [0, 1200])
async def test_closing_sends_all_away_at_once(gate: Gate, held: float):
    gate.close_bucket(GROUP, held) if held else gate.empty()
    tasks = [*gate.enter(GROUP, *range(100)), *gate.enter(GROUP, *range(100), lane=POLLS)]
    await turns(FEW)
    gate.pacer.close()
    ends = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(end) for end in ends] == [ClientClosed] * 200
    assert gate.clock.monotonic() == 0


async def test_closing_takes_no_tokens(gate: Gate):
    gate.empty()
    tasks = gate.enter(GROUP, *range(100))
    await turns(FEW)
    gate.pacer.close()
    await asyncio.wait(tasks)
    await gate.clock.sleep(1)
    other = Gate(gate.clock, gate.budget)
    await asyncio.gather(*other.enter(GROUP, *range(RATE)))
    assert gate.clock.monotonic() == pytest.approx(1, abs=1e-3)


async def test_who_would_have_to_wait_after_the_closing_is_sent_away(gate: Gate):
    gate.empty()
    gate.pacer.close()
    with pytest.raises(ClientClosed, match="not sent"):
        await gate.admit(GROUP)


async def test_closing_one_client_leaves_those_who_share_its_budget_alone(gate: Gate):
    gate.empty()
    other = Gate(gate.clock, gate.budget)
    mine, theirs = gate.enter(GROUP, "mine"), other.enter(GROUP, "theirs")
    await turns(FEW)
    gate.pacer.close()
    await asyncio.gather(*mine, *theirs, return_exceptions=True)
    assert (gate.passed, other.passed) == ([], ["theirs"])


# Several clients of one budget.


async def test_two_clients_of_one_budget_take_together_what_one_would(gate: Gate):
    other = Gate(gate.clock, gate.budget)
    await asyncio.gather(*gate.enter(GROUP, *range(150)), *other.enter(GROUP, *range(150)))
    assert gate.clock.monotonic() == at((300 - BURST + SPARE) / RATE)


async def test_two_clients_of_one_budget_get_their_share_each(gate: Gate):
    other = Gate(gate.clock, gate.budget)
    gate.empty()
    tasks = [*gate.enter(GROUP, *range(100)), *other.enter(GROUP, *range(100))]
    await gate.clock.sleep(10.05)
    assert min(len(gate.passed), len(other.passed)) > 30
    await asyncio.gather(*tasks)


async def test_a_429_to_one_client_holds_the_other(gate: Gate):
    other = Gate(gate.clock, gate.budget)
    gate.close_bucket(GROUP, 1200)
    await other.admit(GROUP)
    assert other.times == [pytest.approx(1200, abs=1e-3)]


def test_event_loops_in_threads_take_together_what_one_would():
    share, each, loops = 100.0, 100, 3
    budget, clock = Budget(share), SystemClock()
    gates = [Gate(clock, budget) for _ in range(loops)]
    gates[0].empty()
    began = clock.monotonic()

    def work(gate: Gate) -> None:
        async def crowd() -> None:
            await asyncio.gather(*gate.enter(GROUP, *range(each)))

        asyncio.run(crowd())

    threads = [threading.Thread(target=work, args=(gate,)) for gate in gates]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    times = sorted(at for gate in gates for at in gate.times)
    flowed_in = [began + (number + 1) / (RATE * share) for number in range(each * loops)]
    assert all(at >= earliest - 1e-2 for at, earliest in zip(times, flowed_in, strict=True))


async def test_virtual_clocks_of_several_loops_take_together_what_one_would():
    budget, passed = Budget(), []

    async def crowd() -> None:
        gate = Gate(VirtualClock(), budget)
        await asyncio.gather(*gate.enter(GROUP, *range(250)))
        passed.extend(gate.times)

    await asyncio.gather(*(asyncio.to_thread(asyncio.run, crowd()) for _ in range(2)))
    assert max(passed) >= (500 - BURST) / RATE
