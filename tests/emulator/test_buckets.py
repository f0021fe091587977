"""Token buckets, in any schedule."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from azvm_async.emulator.buckets import Bucket, Buckets

SIZES = st.integers(1, 20)
RATES = st.sampled_from([0.2, 1 / 3, 1.0, 7.0])
PAUSES = st.lists(st.floats(0, 5), max_size=60)
SCALES = st.sampled_from([0.01, 0.5, 1.0, 3.0])


@given(SIZES, RATES, SCALES, PAUSES)
def test_no_window_grants_more_than_the_size_and_what_flows_in(
    size: int, rate: float, scale: float, pauses: list[float]
):
    bucket, buckets, now, granted = Bucket("a", size, rate), Buckets(scale), 0.0, []
    for pause in pauses:
        now += pause
        if buckets.take([(bucket, "me")], now).empty is None:
            granted.append(now)
    for first, begin in enumerate(granted):
        for last, end in enumerate(granted[first:], first):
            assert last - first + 1 <= max(1, size * scale) + (end - begin) * rate * scale + 0.001


@given(st.tuples(SIZES, RATES), st.tuples(SIZES, RATES), SCALES, PAUSES)
def test_who_waits_as_told_is_let_in(
    one: tuple[int, float], other: tuple[int, float], scale: float, pauses: list[float]
):
    wanted = [(Bucket("a", *one), "me"), (Bucket("b", *other), "me")]
    buckets, now = Buckets(scale), 0.0
    for pause in pauses:
        now += pause
        taken = buckets.take(wanted, now)
        if taken.empty is not None:
            now += math.ceil(taken.wait)
            assert buckets.take(wanted, now).empty is None


@given(st.tuples(SIZES, RATES), PAUSES)
def test_a_schedule_without_waste_is_granted_in_full(sort: tuple[int, float], pauses: list[float]):
    bucket, buckets, now = Bucket("a", *sort), Buckets(), 0.0
    level = float(bucket.size)
    for pause in pauses:
        now += pause
        level = min(bucket.size, level + pause * sort[1])
        if level >= 1.001:
            assert buckets.take([(bucket, "me")], now).empty is None
            level -= 1


def test_where_one_is_empty_none_is_taken_from():
    small, large, buckets = Bucket("small", 1, 1), Bucket("large", 10, 1), Buckets()
    both = [(small, "me"), (large, "me")]
    for _ in range(5):
        buckets.take(both, 0.0)
    assert buckets.take([(large, "me")], 0.0).left == [8]


def test_the_longest_wait_is_told_with_its_bucket():
    slow, fast, buckets = Bucket("slow", 1, 0.1), Bucket("fast", 1, 1), Buckets()
    both = [(fast, "me"), (slow, "me")]
    buckets.take(both, 0.0)
    refused = buckets.take(both, 0.0)
    assert (refused.left, refused.wait, refused.empty) == ([0, 0], pytest.approx(10.0), slow)


def test_full_buckets_are_forgotten():
    bucket, buckets = Bucket("a", 10, 1), Buckets()
    for owner in range(50_000):
        buckets.take([(bucket, str(owner))], float(owner))
    assert len(buckets) < 2_000


def test_buckets_in_use_are_not_forgotten():
    bucket, buckets = Bucket("a", 2, 0.001), Buckets()
    owners = [(bucket, str(owner)) for owner in range(5_000)]
    for owner in owners:
        buckets.take([owner], 0.0)
    assert {buckets.take([owner], 1.0).left[0] for owner in owners} == {0}
