"""Which requests are struck: the next ones that match, or a share of them by chance."""

import pytest

from azvm_async.emulator import Emulator, faults
from azvm_async.emulator.faults import Fault
from emulator.support import Caller

BUSY = faults.Status(503)


async def statuses(caller: Caller, vm: str, count: int) -> list[int]:
    """Return what so many reads are answered, as far apart as a VM may be read."""
    found = []
    for _ in range(count):
        found.append((await caller.send("GET", vm)).status)
        await caller.clock.sleep(5)
    return found


@pytest.mark.parametrize("times", [1, 3])
async def test_a_fault_strikes_so_many_times(arm: Emulator, caller: Caller, vm: str, times: int):
    arm.inject(BUSY, times=times)
    assert await statuses(caller, vm, 4) == [503] * times + [200] * (4 - times)


@pytest.mark.parametrize(
    ("method", "path", "struck"),
    [
        ("get", "*", True),
        ("P*", "*", False),
        ("*", "*/VIRTUALMACHINES/vm?", True),
        ("*", "*/virtualMachines/vm1/*", False),
        ("GET", "/subscriptions/*/vm1", True),
        ("*", "vm1", False),
    ],
)
async def test_a_fault_strikes_what_matches(
    arm: Emulator, caller: Caller, vm: str, method: str, path: str, *, struck: bool
):
    arm.inject(BUSY, method=method, path=path)
    assert await statuses(caller, vm, 1) == [503 if struck else 200]


async def test_faults_strike_in_the_order_in_which_they_were_said(arm: Emulator, caller: Caller, vm: str):
    arm.inject(faults.Status(500))
    arm.inject(BUSY)
    assert await statuses(caller, vm, 3) == [500, 503, 200]


async def test_a_request_for_a_token_is_not_struck(arm: Emulator, caller: Caller):
    arm.inject(BUSY)
    answer = await caller.send("GET", "/metadata/identity/oauth2/token?resource=x", metadata="true")
    assert answer.status == 200


@pytest.mark.parametrize("times", [0, -1])
def test_a_fault_that_strikes_never_is_a_mistake(arm: Emulator, times: int):
    with pytest.raises(ValueError, match="times"):
        arm.inject(BUSY, times=times)


async def test_a_share_of_the_requests_is_struck(arm: Emulator, caller: Caller, vm: str):
    arm.inject_randomly({BUSY: 0.2, faults.Status(500): 0.1}, seed=1)
    found = await statuses(caller, vm, 1000)
    assert 150 < found.count(503) < 250
    assert 60 < found.count(500) < 140
    assert found.count(200) == 1000 - found.count(503) - found.count(500)


@pytest.mark.parametrize(("other", "same"), [(5, True), (6, False)])
async def test_a_seed_gives_the_same_faults(arm: Emulator, caller: Caller, vm: str, other: int, *, same: bool):
    arm.inject_randomly({BUSY: 0.5}, seed=5)
    first = await statuses(caller, vm, 50)
    arm.inject_randomly({BUSY: 0.5}, seed=other)
    assert (await statuses(caller, vm, 50) == first) is same


async def test_chance_strikes_only_what_matches(arm: Emulator, caller: Caller, vm: str):
    arm.inject_randomly({BUSY: 1.0}, method="POST", path="*/start")
    assert await statuses(caller, vm, 1) == [200]
    assert (await caller.send("POST", f"{vm}/start")).status == 503


async def test_chance_strikes_nothing_that_cannot_be_struck(arm: Emulator, caller: Caller, vm: str):
    arm.inject_randomly({faults.Conflict(): 1.0})
    assert await statuses(caller, vm, 1) == [200]
    assert (await caller.send("POST", f"{vm}/start")).status == 409


async def test_no_shares_end_it(arm: Emulator, caller: Caller, vm: str):
    arm.inject_randomly({BUSY: 1.0})
    arm.inject_randomly({})
    assert await statuses(caller, vm, 1) == [200]


async def test_what_was_said_goes_before_chance_and_leaves_its_course_as_it_is(arm: Emulator, caller: Caller, vm: str):
    arm.inject_randomly({BUSY: 0.5}, seed=5)
    by_chance = await statuses(caller, vm, 20)
    arm.inject_randomly({BUSY: 0.5}, seed=5)
    arm.inject(faults.Status(500))
    assert await statuses(caller, vm, 20) == [500, *by_chance[1:]]


@pytest.mark.parametrize("shares", [{BUSY: -0.1}, {BUSY: float("nan")}, {BUSY: 0.6, faults.Status(500): 0.6}])
def test_shares_that_are_none_are_a_mistake(arm: Emulator, shares: dict[Fault, float]):
    with pytest.raises(ValueError, match="shares"):
        arm.inject_randomly(shares)
