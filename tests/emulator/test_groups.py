"""Subscriptions and resource groups."""

import pytest

from azvm_async.emulator import Emulator
from emulator.support import Caller

SUB = "/subscriptions/00000000-0000-0000-0000-000000000001"
GROUP = f"{SUB}/resourceGroups/new"


async def test_a_group_is_created_at_once(caller: Caller):
    answer = await caller.send("PUT", GROUP, {"location": "westeurope", "tags": {"a": "b"}})
    assert (answer.status, answer.document()["tags"]) == (201, {"a": "b"})
    assert await caller.get(GROUP) == answer.document()


async def test_a_second_put_answers_200(caller: Caller):
    await caller.send("PUT", GROUP, {"location": "westeurope"})
    assert (await caller.send("PUT", GROUP, {"location": "westeurope"})).status == 200


async def test_a_group_needs_a_location(caller: Caller):
    answer = await caller.send("PUT", GROUP, {})
    assert (answer.status, answer.document()["error"]["code"]) == (400, "LocationRequired")


async def test_groups_are_listed(caller: Caller):
    await caller.send("PUT", GROUP, {"location": "westeurope"})
    listed = await caller.get(f"{SUB}/resourceGroups")
    assert [group["name"] for group in listed["value"]] == ["emulated-rg", "new"]


@pytest.mark.parametrize(
    ("condition", "names"),
    [
        ("tagName eq 'team'", ["one", "two"]),
        ("tagName eq 'Team' and tagValue eq 'blue'", ["one"]),
        ("tagName eq 'team' and tagValue eq 'me'", []),
    ],
)
async def test_groups_are_listed_by_their_tags(caller: Caller, condition: str, names: list[str]):
    for name, tags in (("one", {"team": "Blue", "owner": "me"}), ("two", {"team": "red"})):
        await caller.send("PUT", GROUP.replace("new", name), {"location": "westeurope", "tags": tags})
    listed = await caller.get(f"{SUB}/resourceGroups?$filter={condition}")
    assert [group["name"] for group in listed["value"]] == names


async def test_a_filter_by_anything_but_tags_is_refused(caller: Caller):
    answer = await caller.send("GET", f"{SUB}/resourceGroups?$filter=name eq 'new'")
    assert (answer.status, answer.document()["error"]["code"]) == (400, "InvalidFilterInQueryString")


async def test_groups_come_in_pages_and_all_of_them_do(caller: Caller):
    await caller.send("PUT", GROUP, {"location": "westeurope"})
    first = await caller.get(f"{SUB}/resourceGroups?$top=1")
    second = await caller.get(first["nextLink"])
    assert [[group["name"] for group in page["value"]] for page in (first, second)] == [["emulated-rg"], ["new"]]
    assert "nextLink" not in second


async def test_a_groups_deletion_is_followed_by_location_and_takes_its_vms_along(arm: Emulator, caller: Caller):
    vm = arm.add_vm("vm1", resource_group="new")
    accepted = await caller.send("DELETE", GROUP)
    assert accepted.status == 202
    assert "azure-asyncoperation" not in accepted.headers
    while (await caller.send("GET", accepted.headers["location"])).status == 202:
        await caller.clock.sleep(10)
    assert (await caller.get(vm))["error"]["code"] == "ResourceGroupNotFound"


async def test_a_group_in_deletion_takes_no_new_vm(arm: Emulator, caller: Caller):
    vm = arm.add_vm("vm1", resource_group="new")
    await caller.send("DELETE", GROUP)
    answer = await caller.send("PUT", vm.replace("vm1", "vm2"), {"location": "westeurope"})
    assert (answer.status, answer.document()["error"]["code"]) == (409, "ResourceGroupBeingDeleted")


async def test_a_second_deletion_of_a_group_follows_the_first(caller: Caller):
    await caller.send("PUT", GROUP, {"location": "westeurope"})
    first, second = [(await caller.send("DELETE", GROUP)).headers["location"] for _ in range(2)]
    assert first.partition("?")[0] == second.partition("?")[0]


async def test_a_vm_in_a_group_in_deletion_is_in_deletion_too(arm: Emulator, caller: Caller):
    vm = arm.add_vm("vm1", resource_group="new", power="running")
    await caller.send("DELETE", GROUP)
    assert (await caller.send("POST", f"{vm}/start")).status == 409
    assert (await caller.act(vm, "DELETE"))["status"] == "Succeeded"


async def test_a_group_in_deletion_is_not_made_anew(caller: Caller):
    await caller.send("PUT", GROUP, {"location": "westeurope"})
    await caller.send("DELETE", GROUP)
    assert (await caller.send("PUT", GROUP, {"location": "westeurope"})).status == 409


async def test_a_location_is_shown_as_arm_writes_it(caller: Caller):
    answer = await caller.send("PUT", GROUP, {"location": "West Europe"})
    assert answer.document()["location"] == "westeurope"


async def test_a_location_that_cannot_be_one_is_refused(caller: Caller):
    answer = await caller.send("PUT", GROUP, {"location": "west/europe"})
    assert (answer.status, answer.document()["error"]["code"]) == (400, "LocationNotAvailableForResourceType")


async def test_subscriptions_are_listed(arm: Emulator, caller: Caller):
    arm.add_resource_group("rg", subscription="00000000-0000-0000-0000-000000000009")
    listed = await caller.get("/subscriptions")
    assert [each["subscriptionId"][-1] for each in listed["value"]] == ["1", "9"]


async def test_a_subscription_is_shown(caller: Caller):
    assert (await caller.get(SUB))["state"] == "Enabled"
