"""Resources of any type: created, changed, shown, deleted."""

import pytest

from azvm_async.clock import VirtualClock
from azvm_async.emulator import Emulator
from emulator.sites import (
    ADDRESS,
    COMPUTE,
    NETWORK,
    NIC,
    NSG,
    RG,
    SUB,
    SUBNET,
    VNET,
    body,
    gone,
    network,
    nic,
    refusal,
    vnet,
)
from emulator.support import Caller

THING = f"{RG}/providers/Microsoft.Emulated/things/one"
ROLE = "providers/Microsoft.Authorization/roleAssignments/11111111-1111-1111-1111-111111111111"


async def test_a_put_creates_with_201_and_an_operation_without_location(caller: Caller):
    answer = await caller.send("PUT", NSG, body())
    assert (answer.status, answer.document()["properties"]["provisioningState"]) == (201, "Updating")
    assert "azure-asyncoperation" in answer.headers
    assert "location" not in answer.headers


async def test_an_operation_is_tracked_at_its_provider(caller: Caller):
    answer = await caller.send("PUT", NSG, body())
    where = "/providers/Microsoft.Network/locations/westeurope/operations/"
    assert where in answer.headers["azure-asyncoperation"]
    assert (await caller.done(answer))["status"] == "Succeeded"


@pytest.mark.parametrize("path", [NSG, THING, f"{SUB}/{ROLE}", f"{RG}/{ROLE}"])
async def test_what_was_put_is_shown_with_its_id_name_and_type(caller: Caller, path: str):
    await caller.act(path, "PUT", {"tags": {"a": "b"}, **body(color="red")})
    shown = await caller.get(path)
    assert (shown["id"], shown["name"]) == (path, path.rpartition("/")[2])
    assert shown["type"] == "/".join(path.rpartition("/providers/")[2].split("/")[:2])
    assert (shown["tags"], shown["properties"]["color"]) == ({"a": "b"}, "red")


async def test_a_resource_has_succeeded_in_the_end(caller: Caller):
    await caller.act(NSG, "PUT", body())
    assert (await caller.get(NSG))["properties"]["provisioningState"] == "Succeeded"


async def test_an_id_is_found_in_any_case_and_shown_as_usual(caller: Caller):
    await caller.act(NSG.lower(), "PUT", body())
    assert (await caller.get(NSG.upper()))["id"] == NSG


async def test_a_second_put_answers_200_and_replaces(caller: Caller):
    await caller.act(THING, "PUT", body(color="red"))
    answer = await caller.send("PUT", THING, body(size=1))
    assert (answer.status, "color" in answer.document()["properties"]) == (200, False)


async def test_a_patch_changes_what_it_names_and_nothing_else(caller: Caller):
    await caller.act(THING, "PUT", {"tags": {"a": "b"}, **body(color="red", size={"x": 1, "y": 2})})
    await caller.act(THING, "PATCH", {"properties": {"size": {"x": 3}}})
    shown = await caller.get(THING)
    assert (shown["properties"]["color"], shown["properties"]["size"]) == ("red", {"x": 3, "y": 2})
    assert shown["tags"] == {"a": "b"}


async def test_a_patch_replaces_the_tags(caller: Caller):
    await caller.act(THING, "PUT", {"tags": {"a": "b"}, **body()})
    await caller.act(THING, "PATCH", {"tags": {"c": "d"}})
    assert (await caller.get(THING))["tags"] == {"c": "d"}


async def test_head_tells_whether_a_resource_is_there(arm: Emulator, caller: Caller):
    await caller.act(THING, "PUT", body())
    paths = [arm.add_vm("vm1"), RG, THING, f"{THING}s", f"{COMPUTE}/virtualMachines/ghost", f"{SUB}/resourceGroups/no"]
    assert [(await caller.send("HEAD", path)).status for path in paths] == [204, 204, 204, 404, 404, 404]


async def test_a_deletion_leaves_nothing(caller: Caller):
    await caller.act(THING, "PUT", body())
    accepted = await caller.send("DELETE", THING)
    assert (accepted.status, "location" in accepted.headers) == (202, True)
    assert (await caller.get(THING))["properties"]["provisioningState"] == "Deleting"
    assert (await caller.done(accepted))["status"] == "Succeeded"
    assert await gone(caller, THING)


async def test_what_is_not_there_is_deleted_with_204(caller: Caller):
    assert (await caller.send("DELETE", THING)).status == 204


async def test_a_resource_in_deletion_takes_no_put(caller: Caller):
    await caller.act(THING, "PUT", body())
    await caller.send("DELETE", THING)
    assert await refusal(caller, "PUT", THING, body()) == (409, "Conflict")


@pytest.mark.parametrize(
    ("path", "document", "status", "code"),
    [
        (NSG, {}, 400, "LocationRequired"),
        (NSG, {"location": "west/europe"}, 400, "LocationNotAvailableForResourceType"),
        (f"{NSG}/securityRules/ssh", {}, 404, "ParentResourceNotFound"),
        (f"{NSG}/{ROLE}", {}, 404, "ParentResourceNotFound"),
        (f"{RG}/providers/Microsoft.Resources/tags/default", {}, 404, "InvalidResourceType"),
        (f"{RG}/providers/Microsoft.Network/networkSecurityGroups", {}, 400, "InvalidResourceId"),
        (f"{RG}/providers/nothing/things/one", {}, 400, "InvalidResourceId"),
        (NSG, body(securityRules=[{}]), 400, "InvalidRequestContent"),
        (NSG, {"location": "westeurope", "properties": []}, 400, "InvalidRequestContent"),
        (THING.replace("emulated-rg", "nowhere"), {}, 404, "ResourceGroupNotFound"),
    ],
)
async def test_what_cannot_be_put_is_refused(caller: Caller, path: str, document: object, status: int, code: str):
    assert await refusal(caller, "PUT", path, document) == (status, code)


async def test_a_resource_does_not_move(caller: Caller):
    await caller.act(NSG, "PUT", body())
    answer = await refusal(caller, "PUT", NSG, {"location": "northeurope"})
    assert answer == (409, "InvalidResourceLocation")


async def test_a_refused_put_creates_nothing(arm: Emulator, caller: Caller):
    await caller.send("PUT", NIC, nic())
    assert arm.resources() == []


@pytest.mark.parametrize(
    ("path", "document"),
    [(NIC, nic()), (VNET, vnet(networkSecurityGroup={"id": NSG})), (NIC, nic(publicIPAddress={"id": ADDRESS}))],
)
async def test_a_network_refers_to_what_exists(caller: Caller, path: str, document: object):
    answer = await caller.send("PUT", path, document)
    error = answer.document()["error"]
    assert (answer.status, error["code"]) == (400, "InvalidResourceReference")
    assert error["details"][0]["code"] == "NotFound"


async def test_a_part_of_a_resource_may_be_referred_to_and_one_that_is_missing_may_not(caller: Caller):
    balancer = f"{NETWORK}/loadBalancers/lb"
    await caller.act(VNET, "PUT", vnet())
    await caller.act(balancer, "PUT", body(backendAddressPools=[{"name": "pool", "properties": {}}]))
    pools = [
        nic(loadBalancerBackendAddressPools=[{"id": f"{balancer}/backendAddressPools/{name}"}])
        for name in ("pool", "x")
    ]
    assert [(await caller.send("PUT", NIC, each)).status for each in pools] == [201, 400]


async def test_a_subnet_within_its_network_is_a_resource_too(caller: Caller):
    await caller.act(VNET, "PUT", vnet())
    subnet = await caller.get(SUBNET)
    assert (subnet["type"], subnet["properties"]["addressPrefix"]) == (
        "Microsoft.Network/virtualNetworks/subnets",
        "10.1.0.0/24",
    )
    assert (await caller.get(VNET))["properties"]["subnets"] == [subnet]


async def test_a_subnet_beside_its_network_is_shown_in_it(caller: Caller):
    await caller.act(VNET, "PUT", vnet())
    await caller.act(f"{VNET}/subnets/second", "PUT", {"properties": {"addressPrefix": "10.1.1.0/24"}})
    names = [each["name"] for each in (await caller.get(VNET))["properties"]["subnets"]]
    assert names == ["default", "second"]
    assert [each["name"] for each in (await caller.get(f"{VNET}/subnets"))["value"]] == names


@pytest.mark.parametrize(("properties", "left"), [({}, ["default"]), ({"subnets": []}, [])])
async def test_a_network_put_again_drops_only_the_subnets_that_its_list_has_not(
    caller: Caller, properties: dict[str, object], left: list[str]
):
    await caller.act(VNET, "PUT", vnet())
    await caller.act(VNET, "PUT", body(**properties))
    assert [each["name"] for each in (await caller.get(VNET))["properties"]["subnets"]] == left


async def test_a_subnet_in_use_is_not_dropped_by_a_put(caller: Caller):
    await network(caller)
    assert await refusal(caller, "PUT", VNET, body(subnets=[])) == (400, "InUseSubnetCannotBeDeleted")


async def test_a_deletion_takes_the_children_along(arm: Emulator, caller: Caller):
    await caller.act(VNET, "PUT", vnet())
    await caller.act(f"{VNET}/{ROLE}", "PUT", {})
    await caller.act(VNET, "DELETE")
    assert arm.resources() == []


async def test_a_groups_deletion_takes_all_resources_along(arm: Emulator, caller: Caller):
    await network(caller)
    accepted = await caller.send("DELETE", RG)
    assert (await caller.get(NIC))["properties"]["provisioningState"] == "Deleting"
    while (await caller.send("GET", accepted.headers["location"])).status == 202:
        await caller.clock.sleep(10)
    assert arm.resources() == []


async def test_what_a_group_takes_along_is_not_found_in_a_new_one_of_its_name(caller: Caller, clock: VirtualClock):
    await network(caller)
    await caller.send("DELETE", RG)
    await clock.sleep(100)
    await caller.send("PUT", RG, {"location": "westeurope"})
    await caller.act(VNET, "PUT", vnet())
    assert (await caller.act(VNET, "DELETE"))["status"] == "Succeeded"


async def test_a_deletion_under_way_when_its_group_goes_does_no_harm(caller: Caller, clock: VirtualClock):
    await caller.act(THING, "PUT", body())
    await caller.send("DELETE", RG)
    await clock.sleep(88)
    await caller.send("DELETE", THING)
    await clock.sleep(10)
    assert await refusal(caller, "GET", THING) == (404, "ResourceGroupNotFound")


async def test_parts_of_a_network_resource_get_ids(caller: Caller):
    await network(caller)
    assert (await caller.get(NIC))["properties"]["ipConfigurations"][0]["id"] == f"{NIC}/ipConfigurations/one"


async def test_collections_hold_their_type_only(caller: Caller):
    await network(caller)
    for scope in (NETWORK, f"{SUB}/providers/Microsoft.Network"):
        found = await caller.get(f"{scope}/networkInterfaces")
        assert [each["id"] for each in found["value"]] == [NIC]


async def test_a_collection_of_what_is_missing_is_not_found(caller: Caller):
    assert await refusal(caller, "GET", f"{VNET}/subnets") == (404, "ParentResourceNotFound")


async def test_protected_settings_of_an_extension_are_not_shown(caller: Caller, vm: str):
    settings = {"settings": {"a": 1}, "protectedSettings": {"key": "hunter2!"}}
    await caller.act(f"{vm}/extensions/agent", "PUT", body(**settings))
    shown = (await caller.get(f"{vm}/extensions/agent"))["properties"]
    assert (shown["settings"], "protectedSettings" in shown) == ({"a": 1}, False)


async def test_an_extension_needs_a_running_vm(arm: Emulator, caller: Caller):
    vm = arm.add_vm("off", power="stopped")
    assert await refusal(caller, "PUT", f"{vm}/extensions/agent", body()) == (409, "OperationNotAllowed")


async def test_an_extension_goes_with_its_vm(arm: Emulator, caller: Caller, vm: str):
    await caller.act(f"{vm}/extensions/agent", "PUT", body())
    await caller.act(vm, "DELETE")
    assert arm.resources() == []


@pytest.mark.parametrize(
    ("kind", "status"),
    [("Microsoft.Compute/disks", 202), ("Microsoft.Compute/availabilitySets", 200), ("Microsoft.Compute/images", 201)],
)
async def test_a_put_that_creates_answers_as_the_types_own_client_wants(caller: Caller, kind: str, status: int):
    answer = await caller.send("PUT", f"{RG}/providers/{kind}/one", body())
    assert answer.status == status


async def test_two_slashes_are_one(caller: Caller):
    await caller.act(VNET, "PUT", vnet())
    assert (await caller.get(VNET.replace("Microsoft.Network/", "Microsoft.Network//")))["id"] == VNET
