"""The headers that tell how much of the request limits is left."""

from azvm_async.clock import VirtualClock
from azvm_async.emulator import Emulator
from emulator.support import Caller

SUBSCRIPTION = "x-ms-ratelimit-remaining-subscription"
COMPUTE = "x-ms-ratelimit-remaining-resource"


async def test_each_kind_of_method_has_its_own_gauge(caller: Caller, vm: str):
    read = (await caller.send("GET", vm)).headers
    write = (await caller.send("POST", f"{vm}/restart")).headers
    removal = (await caller.send("DELETE", vm)).headers
    assert (read[f"{SUBSCRIPTION}-reads"], read[f"{SUBSCRIPTION}-global-reads"]) == ("249", "3749")
    assert (write[f"{SUBSCRIPTION}-writes"], removal[f"{SUBSCRIPTION}-deletes"]) == ("199", "199")


async def test_compute_tells_the_resource_and_the_subscription_in_one_value(caller: Caller, vm: str):
    headers = (await caller.send("POST", f"{vm}/restart")).headers
    assert headers[COMPUTE] == (
        "Microsoft.Compute/UpdateVMResource;11,Microsoft.Compute/UpdateVMSubscriptionMaximum;1499"
    )


async def test_vms_share_the_subscriptions_gauge_only(arm: Emulator, caller: Caller, vm: str):
    await caller.send("POST", f"{vm}/restart")
    headers = (await caller.send("POST", f"{arm.add_vm('vm2')}/start")).headers
    assert headers[COMPUTE] == (
        "Microsoft.Compute/UpdateVMResource;11,Microsoft.Compute/UpdateVMSubscriptionMaximum;1498"
    )


async def test_a_list_counts_for_the_subscription_only(caller: Caller, vm: str):
    headers = (await caller.send("GET", vm.rpartition("/")[0])).headers
    assert headers[COMPUTE] == "Microsoft.Compute/HighCostGetSubscriptionMaximum;899"


async def test_gauges_fall_with_use_and_rise_with_time(clock: VirtualClock, caller: Caller, vm: str):
    async def left() -> int:
        return int((await caller.send("GET", vm)).headers[f"{SUBSCRIPTION}-reads"])

    used = [await left() for _ in range(100)]
    await clock.sleep(2)
    assert (used[-1], await left()) == (150, 199)


async def test_a_gauge_never_reads_more_than_full(clock: VirtualClock, caller: Caller, vm: str):
    await caller.send("GET", vm)
    await clock.sleep(3600)
    assert (await caller.send("GET", vm)).headers[f"{SUBSCRIPTION}-reads"] == "249"


async def test_an_empty_gauge_refuses_nothing(caller: Caller, vm: str):
    answers = [await caller.send("GET", vm) for _ in range(300)]
    assert (answers[-1].status, answers[-1].headers[f"{SUBSCRIPTION}-reads"]) == (200, "0")
