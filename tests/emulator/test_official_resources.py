"""The official client of resources takes the emulator for Azure, sync and async."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import azure.mgmt.resource.resources
import azure.mgmt.resource.resources.aio
import pytest
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.mgmt.resource.resources.models import GenericResource, ResourceGroup, ResourceGroupPatchable

from azvm_async.emulator import Emulator
from emulator.official import Service, options
from emulator.sites import LOCK, NIC, NSG, RG, VNET, body, machine, nic, vnet
from emulator.support import version_at

GROUP = "emulated-rg"
Ask = Callable[[str], Service]


@pytest.fixture(params=["sync", "async"])
async def ask(request: pytest.FixtureRequest, served: Emulator) -> AsyncIterator[Ask]:
    """Give the operation groups of both clients in turn."""
    chosen = await options(served)
    if request.param == "sync":
        with azure.mgmt.resource.resources.ResourceManagementClient(**chosen) as client:
            yield lambda group: Service(client, group)
    else:
        async with azure.mgmt.resource.resources.aio.ResourceManagementClient(**chosen) as client:
            yield lambda group: Service(client, group)


async def put(ask: Ask, path: str, document: dict[str, Any]) -> Any:
    """Create a resource."""
    return await ask("resources")("begin_create_or_update_by_id", path, document, api_version=version_at(path))


async def test_a_resource_is_created_and_read(ask: Ask):
    made = await put(ask, NSG, GenericResource(location="westeurope", tags={"a": "b"}, properties={"x": 1}))
    shown = await ask("resources")("get_by_id", NSG, api_version=version_at(NSG))
    assert (made.id, shown.tags, shown.type) == (NSG, {"a": "b"}, "Microsoft.Network/networkSecurityGroups")
    assert shown.properties == {"x": 1, "securityRules": [], "provisioningState": "Succeeded"}


async def test_a_resource_is_updated(ask: Ask):
    await put(ask, NSG, body(x=1))
    changed = await ask("resources")("begin_update_by_id", NSG, {"tags": {"c": "d"}}, api_version=version_at(NSG))
    assert (changed.tags, changed.properties["x"]) == ({"c": "d"}, 1)


async def test_a_vm_is_created_and_deleted_by_its_id(served: Emulator, ask: Ask):
    path = f"{RG}/providers/Microsoft.Compute/virtualMachines/new"
    made = await put(ask, path, machine())
    await ask("resources")("begin_delete_by_id", path, api_version=version_at(path))
    assert made.properties["provisioningState"] == "Succeeded"
    assert path not in served.resources()


async def test_existence_is_told(ask: Ask):
    await put(ask, NSG, body())
    assert [
        await ask("resources")("check_existence_by_id", path, api_version=version_at(path)) for path in (NSG, NIC)
    ] == [
        True,
        False,
    ]


async def test_a_deleted_resource_is_the_clients_not_found(ask: Ask):
    await put(ask, NSG, body())
    await ask("resources")("begin_delete_by_id", NSG, api_version=version_at(NSG))
    with pytest.raises(ResourceNotFoundError) as caught:
        await ask("resources")("get_by_id", NSG, api_version=version_at(NSG))
    assert caught.value.error.code == "ResourceNotFound"


async def test_resources_are_listed_to_their_end_with_times_and_states(served: Emulator, ask: Ask):
    served.add_vm("vm1")
    await put(ask, NSG, body())
    expand = "createdTime,changedTime,provisioningState"
    for method, arguments in (("list_by_resource_group", (GROUP,)), ("list", ())):
        listed = await ask("resources")(method, *arguments, expand=expand, top=1)
        assert [(each.name, each.provisioning_state) for each in listed] == [("vm1", "Succeeded"), ("nsg", "Succeeded")]
        assert all(each.created_time <= each.changed_time for each in listed)


async def test_a_filter_is_understood(served: Emulator, ask: Ask):
    served.add_vm("vm1", tags={"team": "blue"})
    await put(ask, NSG, body())
    listed = await ask("resources")("list", filter="tagName eq 'team' and tagValue eq 'blue'")
    assert [each.name for each in listed] == ["vm1"]


@pytest.mark.parametrize(
    "chosen", ["substringof('sg', name)", "resourceType eq 'Microsoft.Network/networkSecurityGroups' or name eq 'x'"]
)
async def test_functions_and_alternatives_are_understood(served: Emulator, ask: Ask, chosen: str):
    served.add_vm("vm1")
    await put(ask, NSG, body())
    assert [each.name for each in await ask("resources")("list", filter=chosen)] == ["nsg"]


async def test_groups_are_listed_by_tag_and_to_their_end(ask: Ask):
    groups = ask("resource_groups")
    await groups("create_or_update", "new", ResourceGroup(location="westeurope", tags={"a": "b"}))
    chosen = await groups("list", filter="tagName eq 'a' and tagValue eq 'b'")
    every = await groups("list", top=1)
    assert ([each.name for each in chosen], [each.name for each in every]) == (["new"], [GROUP, "new"])


async def test_what_is_in_use_has_its_code(ask: Ask):
    await put(ask, VNET, vnet())
    await put(ask, NIC, nic())
    with pytest.raises(HttpResponseError) as caught:
        await ask("resources")("begin_delete_by_id", VNET, api_version=version_at(VNET))
    assert (caught.value.status_code, caught.value.error.code) == (400, "InUseSubnetCannotBeDeleted")


async def test_what_is_locked_has_its_code(ask: Ask):
    await put(ask, f"{RG}/{LOCK}", {"properties": {"level": "CanNotDelete"}})
    with pytest.raises(HttpResponseError) as caught:
        await ask("resource_groups")("begin_delete", GROUP)
    assert (caught.value.status_code, caught.value.error.code) == (409, "ScopeLocked")


async def test_a_missing_reference_has_its_code_and_details(ask: Ask):
    with pytest.raises(HttpResponseError) as caught:
        await put(ask, NIC, nic())
    assert (caught.value.error.code, caught.value.error.details[0].code) == ("InvalidResourceReference", "NotFound")


async def test_a_failed_creation_has_its_code(served: Emulator, ask: Ask):
    served.fail("Microsoft.Network/*", "InternalServerError", "An error occurred.")
    with pytest.raises(HttpResponseError) as caught:
        await put(ask, NSG, body())
    assert caught.value.error.code == "InternalServerError"


async def test_a_group_is_made_changed_found_and_deleted_with_its_resources(served: Emulator, ask: Ask):
    groups = ask("resource_groups")
    await groups("create_or_update", "new", ResourceGroup(location="westeurope"))
    changed = await groups("update", "new", ResourceGroupPatchable(tags={"a": "b"}))
    await put(ask, NSG.replace(GROUP, "new"), body())
    assert (changed.tags, await groups("check_existence", "new")) == ({"a": "b"}, True)
    await groups("begin_delete", "new")
    assert (await groups("check_existence", "new"), served.resources()) == (False, [])


async def test_providers_are_read_and_listed_and_registered(ask: Ask):
    providers = ask("providers")
    one = await providers("get", "Microsoft.Network")
    types = {each.resource_type: each for each in one.resource_types}
    assert types["networkInterfaces"].default_api_version in types["networkInterfaces"].api_versions
    assert "Microsoft.Network" in [each.namespace for each in await providers("list")]
    assert (await providers("unregister", "Microsoft.Network")).registration_state == "NotRegistered"
    assert (await providers("register", "Microsoft.Network")).registration_state == "Registered"


async def test_an_unknown_provider_has_its_code(ask: Ask):
    with pytest.raises(ResourceNotFoundError) as caught:
        await ask("providers")("get", "Microsoft.Nothing")
    assert caught.value.error.code == "InvalidResourceNamespace"
