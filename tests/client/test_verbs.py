"""Each verb, through the client, over HTTP, on the emulator: what it asks for and what it brings about."""

import pytest

from azvm_async import AzureVMClient, InvalidRequest, NotFound, OperationPreempted
from azvm_async.emulator import Emulator

ELSEWHERE = "/subscriptions/00000000-0000-0000-0000-000000000002/resourceGroups/other"


def writes(arm: Emulator) -> list[str]:
    """Return what was asked for that changes something: the method and the path's last part."""
    return [f"{call.method} {call.path.rpartition('/')[2]}" for call in arm.requests if call.method != "GET"]


@pytest.mark.parametrize(
    ("verb", "asked", "power"),
    [
        ("start", "POST start", "running"),
        ("stop", "POST powerOff", "stopped"),
        ("deallocate", "POST deallocate", "deallocated"),
        ("reboot", "POST restart", "running"),
        ("redeploy", "POST redeploy", "running"),
        ("reapply", "POST reapply", "running"),
        ("reimage", "POST reimage", "running"),
    ],
)
async def test_verb_sends_one_write_and_reaches_its_state(
    client: AzureVMClient, arm: Emulator, verb: str, asked: str, power: str
):
    assert await getattr(client, verb)("vm1").result() is None
    assert writes(arm) == [asked]
    assert arm.vm("vm1").power_state == power


async def test_start_starts_a_deallocated_vm(client: AzureVMClient, arm: Emulator):
    arm.add_vm("cold", power="deallocated")
    await client.start("cold").result()
    assert arm.vm("cold").power_state == "running"


async def test_delete_removes_the_vm(client: AzureVMClient):
    await client.delete("vm1").result()
    with pytest.raises(NotFound):
        await client.get("vm1")


async def test_delete_of_a_vm_that_is_not_there_succeeds(client: AzureVMClient):
    operation = await client.delete("absent")
    assert operation.done


async def test_simulated_eviction_ends_with_azures_promise(client: AzureVMClient):
    assert (await client.simulate_eviction("vm1")).done


@pytest.mark.parametrize(
    ("call", "flag"),
    [
        (lambda client: client.stop("vm1", force=True), "skipShutdown=true"),
        (lambda client: client.deallocate("vm1", hibernate=True), "hibernate=true"),
        (lambda client: client.delete("vm1", force=True), "forceDeletion=true"),
    ],
    ids=["stop", "deallocate", "delete"],
)
async def test_flag_is_sent(client: AzureVMClient, arm: Emulator, call, flag: str):
    await call(client)
    assert flag in arm.requests[-1].query


async def test_without_a_flag_none_is_sent(client: AzureVMClient, arm: Emulator):
    await client.stop("vm1")
    assert "skipShutdown" not in arm.requests[-1].query


async def test_full_id_names_a_vm_anywhere(client: AzureVMClient, arm: Emulator):
    group = {"resource_group": "other", "subscription": ELSEWHERE.split("/")[2]}
    there = arm.add_vm("vm9", **group)
    await client.start(there).result()
    assert arm.vm("vm9", **group).power_state == "running"


@pytest.mark.parametrize(
    "name", ["", "no/slash", "ends-with-", "ends.", "-begins", "a" * 65, "vm 1", "ümlaut", ELSEWHERE]
)
async def test_wrong_name_is_refused_before_any_request(client: AzureVMClient, arm: Emulator, name: str):
    with pytest.raises(InvalidRequest, match="virtual machine"):
        await client.start(name)
    assert arm.requests == []


async def test_refusal_names_the_vm_and_azures_reason(client: AzureVMClient):
    with pytest.raises(NotFound, match=r"start of nobody.*ResourceNotFound.*request id") as raised:
        await client.start("nobody")
    assert (raised.value.status, raised.value.code) == (404, "ResourceNotFound")
    assert raised.value.vm.endswith("/virtualMachines/nobody")


async def test_newer_operation_preempts_an_older_one(client: AzureVMClient):
    older = await client.start("vm1")
    await client.deallocate("vm1").result()
    with pytest.raises(OperationPreempted):
        await older


async def test_begin_runs_any_operation_and_brings_its_json(client: AzureVMClient, arm: Emulator):
    path = f"{arm.vm('vm1').path}?api-version=2024-07-01"
    updated = await client.begin("PATCH", path, {"tags": {"colour": "green"}}).result()
    assert updated["tags"] == {"colour": "green"}


async def test_begin_adds_the_api_version(client: AzureVMClient, arm: Emulator):
    await client.begin("POST", f"{arm.vm('vm1').path}/start", api_version="2024-07-01").result()
    assert arm.requests[0].query == "api-version=2024-07-01"


@pytest.mark.parametrize(
    "call",
    [
        lambda client: client.begin("FETCH", "/x"),
        lambda client: client.begin("POST", "x"),
        lambda client: client.begin("POST", "https://evil.example/x"),
        lambda client: client.begin("POST", "/x", json={1, 2}),
        lambda client: client.begin("POST", "/x", final_state_via="elsewhere"),
        lambda client: client.begin("POST", "/x", repeat="often"),
    ],
    ids=["method", "path", "host", "json", "final_state_via", "repeat"],
)
async def test_begin_refuses_bad_arguments_before_any_request(client: AzureVMClient, arm: Emulator, call):
    with pytest.raises(InvalidRequest):
        await call(client)
    assert arm.requests == []
