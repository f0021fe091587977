"""The budget: what may be asked of Azure, before the first answer and after each."""

import logging
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from azvm_async import Budget, InvalidRequest
from azvm_async.budget import REFUSED_FOR, SPARE, Hold, Ticket
from azvm_async.protocol.throttling import Key
from azvm_async.wire import Response
from pipeline.budgets import (
    BURST,
    COMPUTE,
    OF_VM,
    RATE,
    READS,
    REGION,
    STEADY,
    USABLE,
    WRITES,
    left,
    refusal,
    taken,
    ticket,
    wait,
)

# Before the first answer.


def test_the_published_burst_is_known_before_the_first_request():
    assert taken(Budget()) == USABLE


def test_what_flows_in_is_known_before_the_first_request():
    budget = Budget()
    taken(budget)
    assert [taken(budget, now=now) for now in (1.0, 1.5, 3.5)] == [RATE, RATE / 2, 2 * RATE]


def test_no_more_flows_in_than_the_bucket_holds():
    budget = Budget()
    taken(budget)
    assert taken(budget, now=1e6) == USABLE


def test_a_hold_names_the_bucket_and_the_seconds_until_there_is_a_token():
    budget = Budget()
    taken(budget)
    assert budget.take((READS, WRITES), 0.0) == Hold(WRITES, pytest.approx(1 / RATE))


def test_after_those_seconds_there_is_one_token():
    budget = Budget()
    taken(budget)
    assert taken(budget, now=wait(budget)) == 1


def test_of_several_empty_buckets_the_one_that_takes_longest_is_named():
    budget = Budget()
    taken(budget)
    taken(budget, OF_VM)
    assert budget.take((WRITES, REGION, OF_VM), 0.0) == Hold(OF_VM, pytest.approx(15))


def test_who_has_to_wait_for_one_bucket_takes_of_no_other():
    budget = Budget()
    taken(budget, OF_VM)
    assert taken(budget, WRITES, OF_VM) == 0
    assert taken(budget, WRITES) == USABLE


def test_a_request_without_limits_is_let_through():
    assert Budget().take((), 0.0) == Ticket((), ())


@pytest.mark.parametrize(("share", "burst"), [(0.25, 50), (0.5, 100), (3, 600)])
def test_a_share_is_a_part_of_what_comes_at_once_and_of_what_flows_in(share: float, burst: int):
    budget = Budget(share)
    assert (taken(budget), taken(budget, now=2.0)) == (burst - SPARE, 2 * RATE * share)


def test_with_the_smallest_share_there_is_one_token_at_least():
    assert taken(Budget(share=1e-6)) == 1


def test_what_a_single_vm_allows_is_not_divided():
    assert taken(Budget(share=0.1), OF_VM) == taken(Budget(), OF_VM) == 12 - SPARE


def test_what_a_single_vm_allows_grows_with_limits_that_azure_has_raised():
    assert taken(Budget(share=2), OF_VM) == 24 - SPARE


@pytest.mark.parametrize("share", [0, -1, math.inf, math.nan, True, "1", None])
def test_a_share_that_is_no_number_above_0_is_refused(share: Any):
    with pytest.raises(InvalidRequest, match="share"):
        Budget(share)


GAPS = st.lists(st.floats(0, 30), min_size=1, max_size=60)


@STEADY
@given(
    gaps=GAPS, bursts=st.lists(st.integers(1, 120), min_size=60, max_size=60), share=st.sampled_from([0.1, 1.0, 2.5])
)
def test_in_no_window_more_is_let_through_than_the_burst_and_what_flows_in(
    gaps: list[float], bursts: list[int], share: float
):
    budget, now, passed = Budget(share), 0.0, []
    for gap, count in zip(gaps, bursts, strict=False):
        now += gap
        passed += [now] * taken(budget, now=now, most=count)
    for first, at in enumerate(passed):
        windows = [last - first + 1 - (until - at) * RATE * share for last, until in enumerate(passed) if last >= first]
        assert max(windows) <= BURST * share + 1e-6


@STEADY
@given(gaps=GAPS)
def test_who_waits_as_long_as_told_is_let_through(gaps: list[float]):
    budget, now = Budget(), 0.0
    for gap in gaps:
        now += gap
        taken(budget, now=now)
        now += wait(budget, now=now)
        ticket(budget, now=now)


# What answers tell.


def test_an_answers_lower_number_is_believed():
    budget = Budget()
    budget.heard(ticket(budget), left(30), 0.0)
    assert taken(budget) == 30 - SPARE


def test_of_an_answers_number_goes_off_what_was_taken_since():
    budget = Budget()
    first = ticket(budget)
    for _ in range(10):
        ticket(budget)
    budget.heard(first, left(30), 0.0)
    assert taken(budget) == 20 - SPARE


def test_an_answer_that_nothing_is_left_lets_nobody_through_until_something_has_flowed_in():
    budget = Budget()
    budget.heard(ticket(budget), left(0), 0.0)
    assert wait(budget) == pytest.approx((1 + SPARE) / RATE)


def test_a_number_that_is_a_little_higher_is_no_news():
    budget = Budget()
    for _ in range(50):
        last = ticket(budget)
    budget.heard(last, left(BURST - 1), 0.0)
    assert taken(budget) == USABLE - 50


def test_a_number_that_no_bucket_of_ours_could_hold_is_believed():
    budget = Budget()
    budget.heard(ticket(budget), left(11_999), 0.0)
    assert taken(budget) == 11_999 - SPARE


def test_beyond_its_size_a_bucket_does_not_fill_by_itself():
    budget = Budget()
    budget.heard(ticket(budget), left(11_999), 0.0)
    assert taken(budget, now=3600.0) == 11_999 - SPARE


def test_once_the_older_limits_are_used_up_the_published_rate_holds():
    budget = Budget()
    budget.heard(ticket(budget), left(11_999), 0.0)
    taken(budget)
    assert taken(budget, now=2.0) == 2 * RATE


def test_a_share_is_not_divided_again_by_what_the_others_have_left():
    budget = Budget(share=0.25)
    budget.heard(ticket(budget), left(80), 0.0)
    assert taken(budget) == 200 * 0.25 - 1 - SPARE


def test_of_a_share_no_more_is_taken_than_azure_says_is_left_for_all():
    budget = Budget(share=0.25)
    budget.heard(ticket(budget), left(30), 0.0)
    assert taken(budget) == 30 - SPARE


def test_raised_limits_do_not_multiply_what_azure_says_is_left():
    budget = Budget(share=4)
    budget.heard(ticket(budget), left(80), 0.0)
    assert taken(budget) == 80 - SPARE


def test_computes_numbers_correct_the_vms_and_the_regions_bucket():
    budget = Budget()
    numbers = "Microsoft.Compute/UpdateVMResource;4,Microsoft.Compute/UpdateVMSubscriptionMaximum;700"
    budget.heard(ticket(budget, WRITES, REGION, OF_VM), Response(202, {COMPUTE: numbers}), 0.0)
    assert (taken(budget, OF_VM), taken(budget, REGION), taken(budget)) == (4 - SPARE, 700 - SPARE, USABLE - 1)


@STEADY
@given(before=st.integers(0, 150), number=st.integers(0, 150), since=st.integers(0, 40))
def test_a_lower_number_is_believed_whatever_was_taken_before_and_since(before: int, number: int, since: int):
    budget = Budget()
    taken(budget, most=before)
    asked = ticket(budget)
    taken(budget, most=since)
    known = USABLE - before - 1 - since
    budget.heard(asked, left(number), 0.0)
    assert taken(budget) == max(0, min(known, number - since - SPARE))


# A 429.


def test_a_429_holds_all_of_the_bucket_for_as_long_as_it_says():
    budget = Budget()
    budget.heard(ticket(budget), refusal(1200), 5.0)
    assert budget.take((WRITES,), 5.0) == Hold(WRITES, 1200)
    assert wait(budget, now=1204.9) == pytest.approx(0.1)


def test_a_429_holds_no_other_bucket():
    budget = Budget()
    budget.heard(ticket(budget), refusal(1200), 0.0)
    assert taken(budget, READS) == 250 - SPARE
    assert taken(budget, Key("other", "writes")) == USABLE


def test_a_429_of_a_vms_own_bucket_does_not_hold_the_region():
    budget = Budget()
    answer = refusal(
        30, **{COMPUTE: "Microsoft.Compute/UpdateVMResource;0,Microsoft.Compute/UpdateVMSubscriptionMaximum;9"}
    )
    budget.heard(ticket(budget, WRITES, REGION, OF_VM), answer, 0.0)
    assert (wait(budget, OF_VM), wait(budget, REGION), wait(budget)) == (30, 0, 0)


def test_after_the_hold_they_are_let_through_one_by_one():
    budget = Budget()
    budget.heard(ticket(budget), refusal(60), 0.0)
    assert [taken(budget, now=now) for now in (60.0, 60.05, 60.1, 61.1)] == [1, 0, 1, RATE]


@pytest.mark.parametrize("asked", [None, "soon"])
def test_a_429_that_does_not_say_how_long_holds_for_a_second(asked: object):
    budget = Budget()
    budget.heard(ticket(budget), refusal(asked), 0.0)
    assert wait(budget) == REFUSED_FOR


def test_a_429_may_say_until_when():
    dates = {"date": "Thu, 01 Jan 2026 00:00:00 GMT", "retry_after": "Thu, 01 Jan 2026 00:02:00 GMT"}
    budget = Budget()
    budget.heard(ticket(budget), refusal(**dates), 0.0)
    assert wait(budget) == 120


def test_a_second_429_that_says_less_does_not_shorten_the_hold():
    budget = Budget()
    one, other = ticket(budget), ticket(budget)
    budget.heard(one, refusal(1200), 0.0)
    budget.heard(other, refusal(5), 0.0)
    assert wait(budget) == 1200


def test_an_answer_to_what_was_sent_before_does_not_end_the_hold():
    budget = Budget()
    before = ticket(budget)
    budget.heard(ticket(budget), refusal(1200), 0.0)
    budget.heard(before, left(11_999), 1.0)
    assert wait(budget, now=2.0) == 1198
    assert taken(budget, now=1200.0) == 1


def test_how_long_a_bucket_is_held_can_be_asked():
    budget = Budget()
    assert budget.held(WRITES, 0.0) == 0
    budget.heard(ticket(budget), refusal(40), 0.0)
    assert [budget.held(WRITES, now) for now in (10.0, 50.0)] == [30, 0]


@STEADY
@given(
    asked=st.floats(0, 3600).map(lambda seconds: round(seconds, 3)),
    looks=st.lists(st.floats(0, 1), max_size=20),
    numbers=st.lists(st.integers(0, 20_000), min_size=20, max_size=20),
)
def test_nobody_is_let_through_before_a_retry_after_has_passed(asked: float, looks: list[float], numbers: list[int]):
    budget = Budget()
    others = [ticket(budget) for _ in looks]
    budget.heard(ticket(budget), refusal(asked), 0.0)
    for part, other, number in zip(sorted(looks), others, numbers, strict=False):
        now = part * asked
        if now < asked:
            budget.heard(other, left(number), now)
            assert isinstance(budget.take((WRITES,), now), Hold)


def told(budget: Budget, log: pytest.LogCaptureFixture, *refusals: tuple[float, float]) -> list[tuple[str, int]]:
    """Let requests be refused, each at a time and for so many seconds; return what was logged."""
    with log.at_level(logging.DEBUG, "azvm_async.budget"):
        tickets = [ticket(budget) for _ in refusals]
        for each, (now, seconds) in zip(tickets, refusals, strict=True):
            budget.heard(each, refusal(seconds), now)
    return [(record.getMessage(), record.levelno) for record in log.records]


def test_a_long_hold_is_told_with_its_bucket(caplog: pytest.LogCaptureFixture):
    ((message, level),) = told(Budget(), caplog, (0.0, 1200))
    assert level == logging.WARNING
    assert "1200 s" in message
    assert "writes of s" in message


@pytest.mark.parametrize(
    ("seconds", "levels"), [(4, []), (5, [logging.INFO]), (59, [logging.INFO]), (60, [logging.WARNING])]
)
def test_how_loud_a_hold_is_told_depends_on_its_length(
    caplog: pytest.LogCaptureFixture, seconds: float, levels: list[int]
):
    assert [level for _, level in told(Budget(), caplog, (0.0, seconds))] == levels


def test_what_many_are_refused_for_is_told_once(caplog: pytest.LogCaptureFixture):
    assert len(told(Budget(), caplog, *[(second, 1200) for second in range(10)])) == 1


def test_a_much_longer_hold_is_told_again(caplog: pytest.LogCaptureFixture):
    assert len(told(Budget(), caplog, (0.0, 10), (1.0, 1200))) == 2


def test_a_hold_after_a_hold_is_told_again(caplog: pytest.LogCaptureFixture):
    assert len(told(Budget(), caplog, (0.0, 60), (60.0, 60))) == 2
