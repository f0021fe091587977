"""Deprovisioning through the client: all that a deployment created goes, and nothing else."""

import json
import logging
from collections.abc import AsyncIterator

import pytest
from client.stock import EXAMPLE, GROUP, KEY, NETWORK, Template, nested, resource, rules, rules_id, template, vm

from azvm_async import (
    AzureVMClient,
    DeploymentFailed,
    Deprovisioned,
    DeprovisionIncomplete,
    DeprovisionPlan,
    InvalidRequest,
    OwnershipUnknown,
    VirtualClock,
    WaitTimeout,
)
from azvm_async.emulator import Emulator
from azvm_async.wire import Request, Response

RECORD = f"{GROUP}/providers/Microsoft.Resources/deployments/new-deployment"
TEMPLATES = {
    "the example": (EXAMPLE, KEY),
    "a VM whose disks stay": (template(*vm("new")), None),
    "a VM whose disks go with it": (template(*vm("new", {"deleteOption": "Delete"})), None),
    "two VMs": (template(*vm("new"), *vm("newer")), None),
    "nested": (template(nested("below", *vm("new")), rules("beside")), None),
    "nested twice": (template(nested("below", nested("deeper", *vm("new")))), None),
}


async def put(client: AzureVMClient, made: Template) -> None:
    """Create a resource beside any deployment."""
    path = f"{GROUP}/providers/{made['type']}/{made['name']}"
    body = {name: made[name] for name in ("location", "properties") if name in made}
    await client.begin("PUT", path, body, api_version=made["apiVersion"]).result()


@pytest.fixture
async def other(arm: Emulator, clock: VirtualClock) -> AsyncIterator[AzureVMClient]:
    """Return a client as another process has it."""
    async with AzureVMClient(
        arm.subscription, arm.resource_group, arm.credential(), arm.endpoint, clock=clock
    ) as opened:
        yield opened


@pytest.mark.parametrize("kind", TEMPLATES)
async def test_nothing_is_left(client: AzureVMClient, arm: Emulator, kind: str):
    before = arm.resources()
    await client.provision("new", *TEMPLATES[kind]).result()
    await client.deprovision("new").result()
    assert (arm.resources(), arm.deployments()) == (before, [])


@pytest.mark.parametrize("kind", TEMPLATES)
async def test_report_names_all_that_went(client: AzureVMClient, arm: Emulator, kind: str):
    before = {*arm.resources(), *arm.deployments()}
    await client.provision("new", *TEMPLATES[kind]).result()
    made = {*arm.resources(), *arm.deployments()} - before
    named = {each.lower() for each in made if "/subnets/" not in each}  # these are but a part of their network
    report = await client.deprovision("new").result()
    assert {each.lower() for each in report.deleted} == named


@pytest.mark.parametrize("kind", TEMPLATES)
@pytest.mark.parametrize("after", [0.5, 3, 20, 61, 65, 75])
async def test_killed_and_resumed_elsewhere_nothing_is_left(client, other, arm: Emulator, kind: str, after: float):
    before = arm.resources()
    await client.provision("new", *TEMPLATES[kind]).result()
    operation = await client.deprovision("new")
    with pytest.raises(WaitTimeout):
        await operation.result(timeout=after)
    token = operation.token
    await client.close()
    await other.resume(token)
    assert (arm.resources(), arm.deployments()) == (before, [])


async def test_what_stood_before_stays(client: AzureVMClient, arm: Emulator):
    await put(client, rules("one"))
    await client.provision("new", template(rules("one"), rules("two"))).result()
    report = await client.deprovision("new").result()
    assert ([each.id for each in report.left], rules_id("one") in arm.resources()) == ([rules_id("one")], True)


async def test_reason_for_what_stays_is_told(client: AzureVMClient):
    await put(client, rules("one"))
    await client.provision("new", template(rules("one"))).result()
    report = await client.deprovision("new").result()
    assert "it was there before the deployment" in report.left[0].reason


async def test_what_stood_before_an_earlier_deployment_of_the_name_stays(client, arm: Emulator, clock: VirtualClock):
    await put(client, rules("one"))
    for _ in range(2):
        await client.provision("new", template(rules("one"), rules("two"))).result()
        await clock.sleep(1000)
    await client.deprovision("new").result()
    assert (rules_id("one") in arm.resources(), rules_id("two") in arm.resources()) == (True, False)


async def test_what_an_earlier_deployment_of_the_name_created_goes(client, arm: Emulator, clock: VirtualClock):
    await client.provision("new", template(rules("one"))).result()
    await clock.sleep(1000)
    await client.provision("new", template(rules("one"), rules("two"))).result()
    await client.deprovision("new").result()
    assert rules_id("one") not in arm.resources()


async def test_what_a_later_deployment_of_the_name_left_out_goes_too(client, arm: Emulator, clock: VirtualClock):
    await client.provision("new", template(rules("one"), rules("two"))).result()
    await clock.sleep(1000)
    await client.provision("new", template(rules("two"))).result()
    await client.deprovision("new").result()
    assert (rules_id("one") in arm.resources(), arm.deployments()) == (False, [])


@pytest.mark.parametrize("runs", [2, 3])
async def test_what_was_created_before_a_failed_run_goes_too(client, arm: Emulator, runs: int):
    made = template(rules("one"), rules("two", rules_id("one")))
    for _ in range(runs - 1):
        await client.provision("new", made).result()
    arm.fail("*/one", "QuotaExceeded", "No more.")
    with pytest.raises(DeploymentFailed):
        await client.provision("new", made).result()
    await client.deprovision("new").result()
    assert (rules_id("two") in arm.resources(), arm.deployments()) == (False, [])


async def test_what_was_created_before_a_run_that_is_canceled_goes_too(client, arm: Emulator):
    before = arm.resources()
    await client.provision("new", EXAMPLE, KEY).result()
    await client.provision("new", EXAMPLE, {**KEY, "vmSize": "Standard_D4s_v5"})
    await client.deprovision("new").result()
    assert (arm.resources(), arm.deployments()) == (before, [])


async def test_nothing_is_written_down_twice(client, arm: Emulator):
    for _ in range(4):
        await client.provision("new", template(rules("one"))).result()
    puts = [each for each in arm.requests if each.method == "PUT" and "/azvm-made-" in each.path]
    assert len(puts) == 1


async def test_nested_deployment_of_another_with_the_same_name_stays(client, arm: Emulator, clock: VirtualClock):
    await client.provision("a", template(nested("network", rules("one")))).result()
    await clock.sleep(100)
    await client.provision("b", template(nested("network", rules("two")))).result()
    await client.deprovision("a").result()
    assert (rules_id("one") in arm.resources(), rules_id("two") in arm.resources()) == (False, True)


async def test_disk_that_was_attached_later_stays(client, arm: Emulator, clock: VirtualClock):
    await client.provision("new", template(*vm("new"))).result()
    await clock.sleep(86_400)
    path = f"{GROUP}/providers/Microsoft.Compute/virtualMachines/new"
    machine = await client.begin("GET", path, api_version="2024-07-01").result()
    disks = machine["properties"]["storageProfile"]["dataDisks"]
    late = {"lun": 7, "createOption": "Empty", "diskSizeGB": 8, "name": "late"}
    body = {"properties": {"storageProfile": {"dataDisks": [*disks, late]}}}
    await client.begin("PATCH", path, body, api_version="2024-07-01").result()
    await client.deprovision("new").result()
    assert [each.rpartition("/")[2] for each in arm.resources() if "/disks/" in each] == ["late"]


async def test_peered_networks_go_before_the_record(client, arm: Emulator):
    """Each peering depends on both networks, so that their parents wait for each other."""
    networks = [resource("Microsoft.Network/virtualNetworks", name) for name in ("a", "b")]
    space = {"addressSpace": {"addressPrefixes": ["10.0.0.0/16"]}}
    peerings = []
    for here, there in (("a", "b"), ("b", "a")):
        after = [f"{NETWORK}/virtualNetworks/{each}" for each in (here, there)]
        peering = resource("Microsoft.Network/virtualNetworks/virtualNetworkPeerings", f"{here}/to-{there}", *after)
        peerings.append({name: value for name, value in peering.items() if name != "location"})
        peerings[-1]["properties"] = {"remoteVirtualNetwork": {"id": after[1]}}
    await client.provision("new", template(*({**each, "properties": space} for each in networks), *peerings)).result()
    await client.deprovision("new").result()
    gone = {each.path.rpartition("/")[2]: each.monotonic for each in arm.requests if each.method == "DELETE"}
    assert gone["new-deployment"] > max(gone["a"], gone["b"]) + 3


async def test_child_of_what_stood_before_stays(client: AzureVMClient):
    network = resource("Microsoft.Network/virtualNetworks", "old")
    network["properties"] = {"addressSpace": {"addressPrefixes": ["10.0.0.0/16"]}}
    await put(client, network)
    subnet = resource("Microsoft.Network/virtualNetworks/subnets", "old/more")
    del subnet["location"]
    subnet["properties"] = {"addressPrefix": "10.0.1.0/24"}
    await client.provision("new", template(subnet)).result()
    report = await client.deprovision("new").result()
    assert [each.id for each in report.left] == [f"{NETWORK}/virtualNetworks/old/subnets/more"]


async def test_disk_that_was_attached_stays(client: AzureVMClient, arm: Emulator):
    disk = resource("Microsoft.Compute/disks", "old", apiVersion="2024-03-02")
    disk["properties"] = {"creationData": {"createOption": "Empty"}, "diskSizeGB": 8}
    await put(client, disk)
    *rest, machine = vm("new")
    path = f"{GROUP}/providers/Microsoft.Compute/disks/old"
    machine["properties"]["storageProfile"]["dataDisks"] = [
        {"lun": 0, "createOption": "Attach", "managedDisk": {"id": path}}
    ]
    await client.provision("new", template(*rest, machine)).result()
    await client.deprovision("new").result()
    assert path in arm.resources()


async def test_vm_goes_first_and_the_record_last(client: AzureVMClient, arm: Emulator):
    await client.provision("new", EXAMPLE, KEY).result()
    await client.deprovision("new").result()
    deleted = [each.path.rpartition("/")[2] for each in arm.requests if each.method == "DELETE"]
    assert (deleted[0], deleted[-1]) == ("new", "new-deployment")


async def test_disks_are_bound_to_the_vm_before_it_is_deleted(client: AzureVMClient, arm: Emulator):
    await client.provision("new", template(*vm("new"))).result()
    await client.deprovision("new").result()
    writes = [
        each.method for each in arm.requests if each.path.endswith("/virtualMachines/new") and each.method != "GET"
    ]
    assert writes == ["PATCH", "DELETE"]


async def test_absent_deployment_is_a_success(client: AzureVMClient):
    assert await client.deprovision("never").result() == Deprovisioned()


async def test_twice_is_a_success(client: AzureVMClient):
    await client.provision("new", template(rules("one"))).result()
    await client.deprovision("new").result()
    assert await client.deprovision("new").result() == Deprovisioned()


async def test_what_is_gone_already_is_reported_as_absent(client: AzureVMClient):
    await client.provision("new", template(rules("one"))).result()
    await client.begin("DELETE", rules_id("one"), api_version="2023-11-01").result()
    assert (await client.deprovision("new").result()).absent == (rules_id("one"),)


async def deploy_by_hand(client: AzureVMClient) -> None:
    """Deploy as others do, without our tags."""
    body = {"properties": {"mode": "Incremental", "template": template(rules("one"))}}
    await client.begin("PUT", RECORD, body, api_version="2024-03-01").result()


async def test_deployment_of_others_is_not_touched(client: AzureVMClient, arm: Emulator):
    await deploy_by_hand(client)
    with pytest.raises(OwnershipUnknown, match="assume_owned"):
        await client.deprovision("new")
    assert rules_id("one") in arm.resources()


async def test_deployment_of_others_goes_where_it_is_assumed_to_be_owned(client: AzureVMClient, arm: Emulator):
    await deploy_by_hand(client)
    await client.deprovision("new", assume_owned=True).result()
    assert rules_id("one") not in arm.resources()


@pytest.mark.parametrize("by_hand", [True, False])
async def test_token_does_not_remove_a_later_deployment_of_the_name(client, other, arm: Emulator, by_hand: bool):
    await client.provision("new", template(rules("one"))).result()
    token = (await client.deprovision("new")).token
    await client.close()
    await other.deprovision("new").result()
    await (deploy_by_hand(other) if by_hand else other.provision("new", template(rules("one"))).result())
    await other.resume(token)
    assert rules_id("one") in arm.resources()


async def test_plan_deletes_nothing(client: AzureVMClient, arm: Emulator):
    await client.provision("new", EXAMPLE, KEY).result()
    before = arm.resources()
    await client.deprovision("new", plan=True).result()
    assert (arm.resources(), any(each.method == "DELETE" for each in arm.requests)) == (before, False)


async def test_plan_shows_what_would_be_deleted(client: AzureVMClient):
    await put(client, rules("one"))
    await client.provision("new", template(rules("one"), rules("two"))).result()
    shown = await client.deprovision("new", plan=True).result()
    assert (shown.delete, [each.id for each in shown.left]) == ((rules_id("two"), RECORD), [rules_id("one")])


async def test_plan_for_what_is_not_there_is_empty(client: AzureVMClient):
    assert await client.deprovision("never", plan=True).result() == DeprovisionPlan()


async def test_what_something_holds_for_a_while_is_tried_again(client: AzureVMClient, arm: Emulator):
    await client.provision("new", template(rules("one"))).result()
    arm.refuse_delete("*/one", "NicReservedForAnotherVm", "Try again in 180 seconds.", status=400, times=8)
    await client.deprovision("new").result()
    assert rules_id("one") not in arm.resources()


async def lock(client: AzureVMClient, what: str) -> None:
    """Put a lock on a resource."""
    path = f"{what}/providers/Microsoft.Authorization/locks/keep"
    await client.begin("PUT", path, {"properties": {"level": "CanNotDelete"}}, api_version="2020-05-01").result()


async def test_what_is_locked_is_told(client: AzureVMClient):
    await client.provision("new", template(rules("one"), rules("two"))).result()
    await lock(client, rules_id("one"))
    with pytest.raises(DeprovisionIncomplete, match="ScopeLocked") as incomplete:
        await client.deprovision("new").result()
    assert [each.id for each in incomplete.value.report.left] == [rules_id("one")]


async def test_rest_goes_although_something_is_locked(client: AzureVMClient, arm: Emulator):
    await client.provision("new", template(rules("one"), rules("two"))).result()
    await lock(client, rules_id("one"))
    with pytest.raises(DeprovisionIncomplete):
        await client.deprovision("new").result()
    assert rules_id("two") not in arm.resources()


async def test_record_stays_for_a_later_try(client: AzureVMClient, arm: Emulator):
    await client.provision("new", template(rules("one"))).result()
    await lock(client, rules_id("one"))
    with pytest.raises(DeprovisionIncomplete):
        await client.deprovision("new").result()
    await client.begin(
        "DELETE", f"{rules_id('one')}/providers/Microsoft.Authorization/locks/keep", api_version="2020-05-01"
    ).result()
    await client.deprovision("new").result()
    assert rules_id("one") not in arm.resources()


async def test_running_deployment_is_canceled_first(client: AzureVMClient, arm: Emulator):
    before = arm.resources()
    await client.provision("new", EXAMPLE, KEY)
    await client.deprovision("new").result()
    assert (arm.resources(), arm.deployments()) == (before, [])


async def test_failed_deployment_is_removed(client: AzureVMClient, arm: Emulator):
    before = arm.resources()
    arm.fail("Microsoft.Compute/virtualMachines/new", "AllocationFailed", "No room.")
    with pytest.raises(DeploymentFailed):
        await client.provision("new", EXAMPLE, KEY).result()
    await client.deprovision("new").result()
    assert arm.resources() == before


async def test_updates_show_each_resource(client: AzureVMClient):
    await client.provision("new", EXAMPLE, KEY).result()
    operation = await client.deprovision("new")
    states = [(each.name, each.state) async for update in operation.updates() for each in update.resources]
    assert {state for name, state in states if name == "new"} == {"Waiting", "Deleting", "Deleted"}


async def test_token_is_no_list_of_things_to_delete(client: AzureVMClient):
    await client.provision("new", EXAMPLE, KEY).result()
    operation = await client.deprovision("new")
    async for update in operation.updates():
        if any(each.state == "Deleting" for each in update.resources):
            break
    assert set(json.loads(operation.token)) == {
        *("azvm", "kind", "version", "verb", "resource", "url", "assume_owned", "only_plan", "mark", "polls")
    }


async def test_removal_can_not_be_canceled(client: AzureVMClient):
    await client.provision("new", template(rules("one"))).result()
    operation = await client.deprovision("new")
    with pytest.raises(InvalidRequest, match="can't cancel the deprovision"):
        await operation.cancel()
    await operation


async def test_resources_in_another_group_go_too(client: AzureVMClient, arm: Emulator):
    arm.add_resource_group("elsewhere")
    before = arm.resources()
    await client.provision("new", template(nested("below", rules("one"), resourceGroup="elsewhere"))).result()
    await client.deprovision("new").result()
    assert (arm.resources(), arm.deployments()) == (before, [])


@pytest.mark.parametrize(
    "forged",
    [
        {"verb": "start"},
        {"resource": f"{GROUP}-prod/providers/Microsoft.Compute/virtualMachines/new"},
        {"url": "{endpoint}" + f"{GROUP}-prod/providers/Microsoft.Resources/deployments/prod?api-version=2024-03-01"},
        {"url": "{endpoint}" + f"{rules_id('one')}?api-version=2024-03-01"},
    ],
    ids=["verb", "machine", "deployment", "resource"],
)
async def test_token_that_says_one_thing_and_means_another_is_refused(client: AzureVMClient, arm: Emulator, forged):
    await client.provision("new", template(rules("one"))).result()
    token = json.loads((await client.deprovision("new")).token)
    changed = {name: value.replace("{endpoint}", arm.endpoint) for name, value in forged.items()}
    with pytest.raises(InvalidRequest):
        client.resume({**token, **changed})


async def test_deployment_that_is_not_known_everywhere_yet_is_asked_for_again(arm: Emulator, clock: VirtualClock):
    class Lagging:
        """A transport that once does not know a deployment."""

        lags = False

        def __init__(self) -> None:
            self._way = arm.transport()
            self.close = self._way.close

        async def send(self, request: Request) -> Response:
            if self.lags and request.url.partition("?")[0].endswith("new-deployment"):
                self.lags = False
                return Response.with_json(404, {"error": {"code": "DeploymentNotFound", "message": "Not yet."}})
            return await self._way.send(request)

    way = Lagging()
    async with AzureVMClient(
        arm.subscription, arm.resource_group, arm.credential(), arm.endpoint, clock=clock, transport=way
    ) as client:
        await client.provision("new", template(rules("one"))).result()
        way.lags = True
        await client.deprovision("new").result()
    assert rules_id("one") not in arm.resources()


async def test_removal_goes_on_although_nobody_holds_its_handle(
    client: AzureVMClient, arm: Emulator, clock: VirtualClock
):
    before = arm.resources()
    await client.provision("new", EXAMPLE, KEY).result()
    await client.deprovision("new")
    await clock.sleep(300)
    assert (arm.resources(), arm.deployments()) == (before, [])


async def test_leaving_tells_that_a_removal_stops(client: AzureVMClient, caplog: pytest.LogCaptureFixture):
    await client.provision("new", template(rules("one"))).result()
    await client.deprovision("new")
    await client.close()
    assert "(deprovision of new), and stops here until it is resumed" in caplog.text


async def test_what_a_vm_that_stays_needs_is_left_without_waiting(client, arm: Emulator, clock: VirtualClock):
    arm.add_vm("new")
    await clock.sleep(10)
    await client.provision("new", template(*vm("new"))).result()
    began = clock.monotonic()
    with pytest.raises(DeprovisionIncomplete, match="new needs it, and stays"):
        await client.deprovision("new").result()
    assert clock.monotonic() - began < 60


async def test_what_is_held_is_shown_as_held(client: AzureVMClient, arm: Emulator):
    await client.provision("new", template(rules("one"))).result()
    arm.refuse_delete("*/one", "NicReservedForAnotherVm", "Try again in 180 seconds.", status=400, times=3)
    operation = await client.deprovision("new")
    assert "Held" in {each.state async for update in operation.updates() for each in update.resources}


async def test_removal_makes_no_noise(client: AzureVMClient, arm: Emulator, caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.INFO)
    await client.provision("new", template(rules("one"))).result()
    arm.refuse_delete("*/one", "InUse", "Not yet.", status=400, times=2)
    await client.deprovision("new").result()
    assert "could not be read" not in caplog.text
