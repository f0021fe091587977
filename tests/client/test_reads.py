"""Plain reads: typed views, pages, and what they do where Azure says no."""

import pytest
from client.scripted import FORBIDDEN, Script

from azvm_async import AzureVMClient, NotFound, ProtocolError, VirtualClock
from azvm_async.emulator import Emulator
from azvm_async.wire import Response

PAGE = Response.with_json(200, {"value": [{"id": "/x/vm1", "name": "vm1", "location": "here"}]})


async def test_get_tells_size_place_tags_and_states(client: AzureVMClient, arm: Emulator):
    arm.add_vm("tagged", power="stopped", size="Standard_D2s_v5", location="northeurope", tags={"a": "b"})
    vm = await client.get("tagged")
    assert (vm.name, vm.size, vm.location, dict(vm.tags)) == ("tagged", "Standard_D2s_v5", "northeurope", {"a": "b"})
    assert (vm.power_state, vm.provisioning_state, vm.os_type) == ("stopped", "Succeeded", "Linux")


async def test_get_of_a_vm_that_is_not_there(client: AzureVMClient):
    with pytest.raises(NotFound, match="reading of nobody"):
        await client.get("nobody")


async def test_instance_view_tells_the_power_state_on_the_way(client: AzureVMClient):
    await client.deallocate("vm1")
    view = await client.instance_view("vm1")
    assert (view.power_state, view.provisioning_state) == ("deallocating", "updating")
    assert "PowerState/deallocating" in view.codes


async def test_list_goes_through_all_pages(clock: VirtualClock):
    async with Emulator(clock, page_size=2) as arm:
        for number in range(5):
            arm.add_vm(f"vm{number}")
        async with AzureVMClient(
            arm.subscription, arm.resource_group, arm.credential(), arm.endpoint, clock=clock
        ) as client:
            assert [vm.name async for vm in client.list()] == [f"vm{number}" for number in range(5)]


async def test_list_holds_the_group_only(client: AzureVMClient, arm: Emulator):
    arm.add_vm("stranger", resource_group="another")
    assert {vm.name async for vm in client.list()} == {"vm1", "vm2", "vm3"}


async def test_list_tells_power_states(client: AzureVMClient):
    await client.stop("vm2").result()
    assert {vm.name: vm.power_state async for vm in client.list()} == {
        "vm1": "running",
        "vm2": "stopped",
        "vm3": "running",
    }


async def test_list_without_the_right_to_read_the_subscription_knows_no_power_states(clock: VirtualClock):
    async with Script(clock, [FORBIDDEN, PAGE]).client() as client:
        assert [vm.power_state async for vm in client.list()] == [None]


async def test_next_link_to_another_host_is_refused(clock: VirtualClock):
    page = Response.with_json(200, {"value": [], "nextLink": "https://evil.example/next"})
    script = Script(clock, [FORBIDDEN, page])
    async with script.client() as client:
        with pytest.raises(ProtocolError, match="not on the endpoint's host"):
            [vm async for vm in client.list()]
    assert len(script.requests) == 2


async def test_pages_that_go_round_in_circles_end(clock: VirtualClock):
    def page(request):
        return Response.with_json(200, {"value": [], "nextLink": request.url})

    async with Script(clock, [FORBIDDEN, page]).client() as client:
        with pytest.raises(ProtocolError, match="circles"):
            [vm async for vm in client.list()]


async def test_pages_without_an_end_end(clock: VirtualClock, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("azvm_async.reader.MOST_PAGES", 5)

    def page(request):
        return Response.with_json(200, {"value": [], "nextLink": f"{request.url}x"})

    script = Script(clock, [page])
    async with script.client() as client:
        with pytest.raises(ProtocolError, match="has no end"):
            [vm async for vm in client.list(states=False)]
    assert len(script.requests) == 5


async def test_answer_that_is_no_json_is_a_protocol_error(clock: VirtualClock):
    async with Script(clock, [Response(200, {}, b"<html>")]).client() as client:
        with pytest.raises(ProtocolError, match="no JSON but"):
            await client.get("vm1")


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"{}", "an empty JSON object"),
        (b"[]", "JSON that is no object"),
        (b"", "no JSON object but an empty body"),
        (b"<html>", "no JSON but text/html"),
    ],
)
async def test_answer_that_is_no_vm_is_told_as_what_it_is(clock: VirtualClock, body: bytes, told: str):
    async with Script(clock, [Response(200, {"content-type": "text/html"}, body)]).client() as client:
        with pytest.raises(ProtocolError, match=f"brought {told}"):
            await client.get("vm1")
