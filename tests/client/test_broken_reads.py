"""Plain reads whose answer is cut off are read again, and a few times only."""

import pytest
from client.stock import rules, template

from azvm_async import AzureVMClient, ProtocolError
from azvm_async.emulator import Emulator, faults
from azvm_async.reader import READINGS

RULES = template(rules("one"))


def times(arm: Emulator, method: str, part: str) -> int:
    """Return how many requests of a method had this in their path."""
    return sum(each.method == method and part in each.path for each in arm.requests)


async def test_a_vm_whose_document_is_cut_off_is_read_again(client: AzureVMClient, arm: Emulator):
    arm.inject(faults.Truncated(), method="GET", times=READINGS - 1)
    assert (await client.get("vm1")).name == "vm1"


async def test_it_is_not_read_for_ever(client: AzureVMClient, arm: Emulator):
    arm.inject(faults.Truncated(), method="GET", times=9)
    with pytest.raises(ProtocolError):
        await client.get("vm1")
    assert times(arm, "GET", "/vm1") == READINGS


async def test_a_script_is_sent_although_its_vms_document_was_cut_off(client: AzureVMClient, arm: Emulator):
    arm.inject(faults.Truncated(), method="GET", path="*/vm1")
    assert (await client.run_command("vm1", "echo hello").result()).stdout == "hello\n"


@pytest.mark.parametrize("there", [False, True])
async def test_a_deployment_is_sent_although_the_read_of_its_record_was_cut_off(
    client: AzureVMClient, arm: Emulator, there: bool
):
    if there:
        await client.provision("new", RULES).result()
    arm.inject(faults.Truncated(), method="GET", path="*/deployments/new-deployment")
    await client.provision("new", RULES).result()
    assert times(arm, "PUT", "/deployments/new-deployment") == there + 1


async def test_a_deployment_is_found_although_the_search_for_it_was_cut_off(client: AzureVMClient, arm: Emulator):
    arm.inject(faults.ResetAfter(), method="PUT")
    for fault in (faults.ClockSkew(0), faults.Truncated()):  # the read before it is sent, which is well, and the search
        arm.inject(fault, method="GET", path="*/deployments/new-deployment")
    await client.provision("new", RULES).result()
    assert times(arm, "PUT", "/deployments/new-deployment") == 1
