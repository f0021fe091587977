"""Many VMs by one request, over the emulator: what it costs, and that each VM's end is its own."""

from functools import partial

import pytest

from azvm_async import AzureVMClient, InvalidRequest, OperationFailed, OutcomeUnknown, RequestRefused, VirtualClock
from azvm_async.emulator import Emulator, faults
from azvm_async.outbox import SENDINGS
from azvm_async.protocol import bulk, bulk_request
from azvm_async.protocol.machine import Success
from azvm_async.protocol.repeat import Repeat

HUNDRED = [f"many{number}" for number in range(100)]


@pytest.fixture
def vms(arm: Emulator) -> list[str]:
    return [arm.add_vm(name, power="deallocated") for name in HUNDRED]


async def begin(client: AzureVMClient, verb: str, vms: list[str]):
    """Begin an operation on some VMs and return its handle."""
    place = client.subscription, "westeurope"
    request = bulk_request.request(client.endpoint, *place, verb, vms, "c-1")
    about = bulk_request.about_many(verb, *place, vms)
    return await client._outbox.submit(about, request, Repeat.ALWAYS, partial(bulk.begin, about, request))


def asked(arm: Emulator, action: str) -> int:
    """Return how many requests for an action of the provider came."""
    return sum(action in each.path for each in arm.requests)


async def test_a_hundred_vms_cost_one_request_and_few_reads(arm: Emulator, client: AzureVMClient, vms: list[str]):
    members = await (await begin(client, "start", vms))
    assert [each.resource for each in members] == vms
    assert all(each.outcome == Success() and each.completed for each in members)
    assert {arm.vm(name).power_state for name in HUNDRED} == {"running"}
    assert asked(arm, "ExecuteStart") == 1
    assert asked(arm, "GetOperationStatus") < 15
    assert not client.outstanding


async def test_answer_that_is_cut_off_is_asked_for_again(arm: Emulator, client: AzureVMClient, vms: list[str]):
    """All are to be in a state, so that asking twice does no harm."""
    arm.inject(faults.Truncated(), method="POST", path="*ExecuteStart", times=2)
    members = await (await begin(client, "start", vms))
    assert all(each.outcome == Success() for each in members)


async def test_answer_that_stays_cut_off_is_unknown(arm: Emulator, client: AzureVMClient, vms: list[str]):
    arm.inject(faults.Truncated(), method="POST", path="*ExecuteStart", times=99)
    with pytest.raises(OutcomeUnknown):
        await begin(client, "start", vms)
    assert asked(arm, "ExecuteStart") == SENDINGS


@pytest.mark.parametrize("verb", ["deallocate", "hibernate", "delete"])
async def test_each_verb_does_what_it_says(arm: Emulator, client: AzureVMClient, verb: str):
    vm = arm.add_vm("one", power="running")
    (member,) = await (await begin(client, verb, [vm]))
    assert member.outcome == Success()
    assert vm not in arm.resources() if verb == "delete" else arm.vm("one").power_state == "deallocated"


async def test_one_vms_failure_is_its_own(arm: Emulator, client: AzureVMClient, vms: list[str]):
    arm.fail("*/many7/start", "AllocationFailed", "There is no room.")
    arm.fail("*/many8/start", "QuotaExceeded", "No more.", preflight=True)
    operation = await begin(client, "start", vms)
    members = await operation
    errors = {each.resource: each.error("start").code for each in members if each.error("start")}
    assert errors == {vms[7]: "AllocationFailed", vms[8]: "QuotaExceeded"}
    assert sum(each.outcome == Success() for each in members) == 98


async def test_it_is_taken_up_again(arm: Emulator, client: AzureVMClient, vms: list[str]):
    token = (await begin(client, "start", vms)).token
    async with AzureVMClient(
        arm.subscription, arm.resource_group, arm.credential(), arm.endpoint, clock=client._clock
    ) as other:
        members = await other.resume(token)
    assert [each.resource for each in members if each.outcome == Success()] == vms


async def test_one_of_them_is_taken_up_alone(arm: Emulator, client: AzureVMClient, vms: list[str]):
    arm.fail("*/many7/start", "AllocationFailed", "There is no room.")
    operation = await begin(client, "start", vms)
    machine = operation._tracked.machine
    failing, starting = (client._poller.resume(machine.only(vm)) for vm in vms[7:9])
    assert client.resume(starting.token) is starting
    assert await starting is None
    with pytest.raises(OperationFailed, match=r"start of many7 failed: AllocationFailed"):
        await failing
    assert operation.done or client.resume(operation.token) is operation


async def test_the_same_is_found_by_its_token_when_some_have_ended(
    arm: Emulator, client: AzureVMClient, clock: VirtualClock
):
    arm.fail("*/quick/start", "QuotaExceeded", "No more.", preflight=True)
    operation = await begin(client, "start", [arm.add_vm("quick"), arm.add_vm("slow")])
    await clock.sleep(5)
    assert client.resume(operation.token) is operation
    assert len(await operation) == 2


async def test_canceling_says_nothing_of_what_has_begun(client: AzureVMClient, vms: list[str]):
    operation = await begin(client, "start", vms)
    await operation.cancel()
    assert not operation.done
    assert all(each.outcome == Success() for each in await operation)


async def test_where_it_cannot_be_had_it_is_told_why(client: AzureVMClient, vms: list[str]):
    path = f"/subscriptions/{client.subscription}/providers/Microsoft.ComputeSchedule"
    await client.begin("POST", f"{path}/unregister", api_version="2021-04-01").result()
    with pytest.raises(RequestRefused) as caught:
        await begin(client, "start", vms)
    assert "not registered" in bulk_request.unavailable(caught.value)
    with pytest.raises(InvalidRequest):
        client.resume(f"{client.endpoint}{path}/locations/westeurope/virtualMachinesGetOperationStatus?api-version=1")
