"""Budgets shared by threads and clients, forgotten buckets, copies and forks."""

import copy
import gc
import multiprocessing
import os
import pickle
import signal
import threading
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

from azvm_async import Budget
from azvm_async import budget as room
from azvm_async.budget import SPARE, budget_of
from azvm_async.clock import SystemClock, VirtualClock
from azvm_async.protocol.throttling import Key
from pipeline.budgets import BURST, ENDPOINT, OF_VM, RATE, REGION, USABLE, WRITES, left, refusal, taken, ticket, wait


def test_many_threads_take_together_no_more_than_there_is():
    budget, took = Budget(), []
    barrier = threading.Barrier(8)

    def work() -> None:
        barrier.wait()
        took.append(taken(budget))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(took) == USABLE


def test_who_looked_at_the_clock_first_and_comes_second_makes_no_tokens():
    budget = Budget()
    assert sum(taken(budget, now=now, most=1) for now in [100.0, 99.0] * BURST) == USABLE


def test_many_buckets_of_vms_are_forgotten_once_they_are_full():
    budget = Budget()
    for number in range(10_000):
        ticket(budget, Key(f"/vm{number}", "UpdateVMResource"), now=60.0 * number)
    assert len(budget._buckets) <= 1_001


def test_a_bucket_that_is_not_full_is_not_forgotten():
    budget = Budget()
    budget.heard(ticket(budget), refusal(3600), 0.0)
    for number in range(3_000):
        ticket(budget, Key(f"/vm{number}", "UpdateVMResource"), now=1.0 * number)
    assert wait(budget, now=3000.0) == 600


def test_what_was_taken_lately_is_not_forgotten():
    budget = Budget()
    taken(budget, most=100)
    budget._prune(1.0)
    assert taken(budget, now=1.0) == USABLE - 100 + RATE


def test_a_token_taken_when_buckets_are_forgotten_is_not_lost():
    budget = Budget()
    budget._prune_at = 3
    ticket(budget, Key("/vm0", "UpdateVMResource"))
    ticket(budget, REGION)
    ticket(budget)
    ticket(budget, WRITES, OF_VM, now=1e6)
    assert taken(budget, now=1e6) == USABLE - 1


def test_an_answer_for_a_bucket_that_was_forgotten_makes_no_tokens():
    budget = Budget()
    for _ in range(50):
        old = ticket(budget)
    budget._buckets.clear()
    ticket(budget, now=1e6)
    budget.heard(old, left(150), 1e6)
    assert taken(budget, now=1e6) == 150 - SPARE


@pytest.mark.parametrize("copied", [lambda budget: pickle.loads(pickle.dumps(budget)), copy.deepcopy, copy.copy])
def test_a_copy_starts_anew_with_the_same_share(copied: Any):
    budget = Budget(share=0.5)
    taken(budget)
    other = copied(budget)
    assert (other.share, taken(other), taken(budget)) == (0.5, 100 - SPARE, 0)


def test_the_repr_tells_the_share():
    assert "0.25" in repr(Budget(share=0.25))


def in_child(look: Callable[[], object]) -> object:
    """Return what a forked process finds."""
    here, there = multiprocessing.Pipe(duplex=False)
    child = os.fork()
    if child == 0:  # nothing of the test's goes on in the child
        try:
            there.send(look())
        finally:
            os._exit(0)
    there.close()
    try:
        return here.recv() if here.poll(30) else "it hangs"
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        here.close()


FORKS = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")  # of a process that has threads


@FORKS
def test_after_a_fork_the_child_starts_anew_and_the_parent_goes_on():
    budget = Budget(share=0.5)
    taken(budget)
    assert in_child(lambda: taken(budget)) == 100 - SPARE
    assert taken(budget) == 0


@FORKS
def test_a_fork_while_a_thread_is_counting_does_not_hang_the_child():
    budget = Budget()
    with budget._lock:
        assert in_child(lambda: taken(budget)) == USABLE


@FORKS
def test_after_a_fork_the_childs_clients_find_a_budget_of_their_own():
    clock = VirtualClock()
    budget = budget_of(ENDPOINT, "me", clock)
    assert in_child(lambda: budget_of(ENDPOINT, "me", clock) is budget) is False


@FORKS
def test_a_fork_while_a_thread_looks_for_its_budget_does_not_hang_the_child():
    with room._gate:
        assert in_child(lambda: taken(budget_of(ENDPOINT, "me", VirtualClock()))) == USABLE


def test_one_endpoint_and_principal_have_one_budget():
    clock = VirtualClock()
    assert budget_of(ENDPOINT, "me", clock) is budget_of(ENDPOINT, "me", clock)


@pytest.mark.parametrize(("endpoint", "principal"), [("https://management.usgovcloudapi.net", "me"), (ENDPOINT, "you")])
def test_another_endpoint_or_principal_has_another_budget(endpoint: str, principal: str):
    clock = VirtualClock()
    assert budget_of(endpoint, principal, clock) is not budget_of(ENDPOINT, "me", clock)


def test_all_system_clocks_tell_one_time():
    assert budget_of(ENDPOINT, "shared", SystemClock()) is budget_of(ENDPOINT, "shared", SystemClock())


def test_virtual_clocks_share_nothing():
    one, other = VirtualClock(), VirtualClock()
    assert len({id(budget_of(ENDPOINT, "me", clock)) for clock in (one, other, SystemClock())}) == 3


def test_a_virtual_clock_that_is_gone_leaves_no_budget():
    clock = VirtualClock()
    budget_of(ENDPOINT, "me", clock)
    before = len(room._shared)
    del clock
    gc.collect()
    assert len(room._shared) < before


def test_a_budget_that_is_found_has_all_of_the_limits():
    assert budget_of(ENDPOINT, "me", VirtualClock()).share == 1


def test_threads_find_one_budget():
    clock, found, barrier = VirtualClock(), [], threading.Barrier(8)

    def look() -> None:
        barrier.wait()
        found.append(budget_of(ENDPOINT, "me", clock))

    threads = [threading.Thread(target=look) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(one is other for one, other in pairwise(found))


def test_so_many_budgets_are_remembered_and_the_last_used_among_them():
    clock = VirtualClock()
    first = budget_of(ENDPOINT, "first", clock)
    for number in range(room.MOST_KNOWN - 1):
        budget_of(ENDPOINT, number, clock)
    assert budget_of(ENDPOINT, "first", clock) is first
    oldest = budget_of(ENDPOINT, 1, clock)
    budget_of(ENDPOINT, "one more", clock)
    assert budget_of(ENDPOINT, 1, clock) is oldest
    assert len(room._shared[clock]) == room.MOST_KNOWN
