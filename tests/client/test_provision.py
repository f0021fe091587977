"""Provisioning through the client: the emulator's ARM deploys the templates."""

import asyncio
import itertools
import json
from pathlib import Path

import pytest
from client.stock import EXAMPLE, GROUP, KEY, SCHEMA, nested, rules, rules_id, template, vm

from azvm_async import (
    AzureVMClient,
    Conflict,
    DeploymentFailed,
    InvalidRequest,
    NotFound,
    OperationCanceled,
    RequestRefused,
    VirtualClock,
    WaitTimeout,
)
from azvm_async.emulator import Emulator

RULES = template(rules("one"))


def puts(arm: Emulator) -> int:
    """Return how many deployments were sent."""
    return sum(request.method == "PUT" and "/deployments/" in request.path for request in arm.requests)


async def test_example_becomes_a_running_vm(client: AzureVMClient, arm: Emulator):
    await client.provision("new", EXAMPLE, KEY).result()
    assert arm.vm("new").power_state == "running"


async def test_outputs_are_bare_values(client: AzureVMClient):
    deployed = await client.provision("new", EXAMPLE, KEY).result()
    assert deployed.outputs["host"].endswith(".westeurope.cloudapp.azure.com")


async def test_resources_are_the_templates(client: AzureVMClient):
    deployed = await client.provision("new", RULES).result()
    assert deployed.resources == (rules_id("one"),)


async def test_duration_is_in_seconds(client: AzureVMClient, clock: VirtualClock):
    before = clock.monotonic()
    deployed = await client.provision("new", EXAMPLE, KEY).result()
    assert 40 < deployed.duration < clock.monotonic() - before


async def test_correlation_id_is_azures(client: AzureVMClient):
    deployed = await client.provision("new", RULES).result()
    record = await client.begin("GET", f"{GROUP}/providers/Microsoft.Resources/deployments/new-deployment",
                                api_version="2024-03-01").result()  # fmt: skip
    assert deployed.correlation_id == record["properties"]["correlationId"]


async def test_deployment_is_named_after_the_vm(client: AzureVMClient, arm: Emulator):
    await client.provision("new", RULES).result()
    assert [each.rpartition("/")[2] for each in arm.deployments()] == ["new-deployment"]


async def test_deployment_can_be_named(client: AzureVMClient, arm: Emulator):
    await client.provision("new", RULES, deployment_name="mine").result()
    assert [each.rpartition("/")[2] for each in arm.deployments()] == ["mine"]


async def test_custom_data_file_reaches_the_template(client: AzureVMClient, tmp_path: Path):
    file = tmp_path / "cloud-init.yml"
    file.write_text("#cloud-config\n")
    shown = template(parameters={"customData": {"type": "string"}})
    shown["outputs"] = {"given": {"type": "string", "value": "[parameters('customData')]"}}
    deployed = await client.provision("new", shown, custom_data=file).result()
    assert deployed.outputs == {"given": "#cloud-config\n"}


async def test_vm_name_is_the_templates_parameter(client: AzureVMClient):
    shown = template(parameters={"VmName": {"type": "string"}})
    shown["outputs"] = {"given": {"type": "string", "value": "[parameters('vmname')]"}}
    assert (await client.provision("new", shown).result()).outputs == {"given": "new"}


async def test_parameter_file_is_read(client: AzureVMClient, arm: Emulator, tmp_path: Path):
    file = tmp_path / "parameters.json"
    file.write_text(json.dumps({"parameters": {name: {"value": value} for name, value in KEY.items()}}))
    await client.provision("new", EXAMPLE, file).result()
    assert arm.vm("new").power_state == "running"


DECLARES = template(parameters={"size": {"type": "string", "allowedValues": ["small", "large"]}})


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"template": DECLARES}, "needs a value for: size"),
        ({"template": DECLARES, "parameters": {"size": "huge"}}, "allows 'small', 'large'"),
        ({"template": DECLARES, "parameters": {"size": "small", "colour": "red"}}, "declares no parameter 'colour'"),
        ({"template": DECLARES, "parameters": {"size": "small"}, "custom_data": "x"}, "no parameter 'customData'"),
        ({"template": {"no": "template"}}, "no ARM template"),
        ({"template": "missing.json"}, "can't be read"),
        ({"template": RULES, "mode": "Gentle"}, "'Incremental' and 'Complete'"),
        ({"template": RULES, "if_exists": "replace"}, "'update', 'keep' can"),
        ({"template": RULES, "deployment_name": "a/b"}, "not the name of a deployment"),
        ({"template": RULES, "mode": "Complete", "stack": True}, "is not for a stack"),
        ({"template": DECLARES}, "new: The template needs"),
    ],
)
async def test_mistake_is_refused_before_any_request(client: AzureVMClient, arm: Emulator, arguments, words: str):
    with pytest.raises(InvalidRequest, match=words):
        await client.provision("new", **arguments)
    assert arm.requests == []


async def test_mistake_in_a_file_is_told_with_its_line(client: AzureVMClient, tmp_path: Path):
    file = tmp_path / "broken.jsonc"
    file.write_text('{\n  // a comment, and\n  "resources": [oops]\n}')
    with pytest.raises(InvalidRequest, match="line 3, column 17"):
        await client.provision("new", file)


async def test_what_arm_refuses_is_told(client: AzureVMClient):
    with pytest.raises(RequestRefused, match="noSuchFunction") as refused:
        await client.provision("new", template(rules("[noSuchFunction()]")))
    assert refused.value.code == "InvalidTemplate"


async def test_missing_group_is_told_before_anything_is_sent(arm: Emulator, clock: VirtualClock):
    lost = AzureVMClient(arm.subscription, "nowhere", arm.credential(), arm.endpoint, clock=clock)
    async with lost as client:
        with pytest.raises(NotFound, match=r"for want of its resource group.*'nowhere'"):
            await client.provision("new", RULES)
    assert puts(arm) == 0


async def test_updates_show_each_resource(client: AzureVMClient):
    operation = await client.provision("new", EXAMPLE, KEY)
    seen = {(each.name, each.state) async for update in operation.updates() for each in update.resources}
    assert seen >= {("new", "Running"), ("new", "Succeeded"), ("new-interface", "Succeeded")}


async def test_resources_are_shown_with_their_times(client: AzureVMClient, clock: VirtualClock):
    operation = await client.provision("new", RULES)
    *_, last = [update async for update in operation.updates()]
    assert last.resources[0].since <= clock.utcnow()


async def test_percent_never_falls(client: AzureVMClient):
    operation = await client.provision("new", EXAMPLE, KEY)
    percents = [update.percent_complete or 0.0 async for update in operation.updates()]
    assert all(earlier <= later for earlier, later in itertools.pairwise(percents))
    assert percents[-1] == 100


async def test_failure_has_the_innermost_cause(client: AzureVMClient, arm: Emulator):
    arm.fail("Microsoft.Compute/virtualMachines/new", "AllocationFailed", "No room.")
    with pytest.raises(DeploymentFailed) as failed:
        await client.provision("new", EXAMPLE, KEY).result()
    assert (failed.value.code, failed.value.message) == ("AllocationFailed", "No room.")


async def test_failure_names_the_resource_of_each_cause(client: AzureVMClient, arm: Emulator):
    for name in ("one", "two"):
        arm.fail(f"Microsoft.Network/networkSecurityGroups/{name}", "QuotaExceeded", f"No more {name}.")
    with pytest.raises(DeploymentFailed) as failed:
        await client.provision("new", template(rules("one"), rules("two"))).result()
    assert {(each.message, each.resource) for each in failed.value.causes} == {
        ("No more one.", rules_id("one")),
        ("No more two.", rules_id("two")),
    }


async def test_failure_in_a_nested_deployment_has_its_cause(client: AzureVMClient, arm: Emulator):
    arm.fail("Microsoft.Network/networkSecurityGroups/inner", "QuotaExceeded", "No more.")
    with pytest.raises(DeploymentFailed) as failed:
        await client.provision("new", template(nested("below", rules("inner")))).result()
    assert failed.value.code == "QuotaExceeded"


async def test_failure_tells_how_each_resource_ended(client: AzureVMClient, arm: Emulator):
    arm.fail("Microsoft.Compute/virtualMachines/new", "AllocationFailed", "No room.")
    with pytest.raises(DeploymentFailed) as failed:
        await client.provision("new", template(*vm("new"))).result()
    assert {each.name: each.state for each in failed.value.resources} == {
        "new-net": "Succeeded",
        "new-nic": "Succeeded",
        "new": "Failed",
    }


async def test_keep_leaves_a_healthy_vm_alone(client: AzureVMClient, arm: Emulator):
    await client.provision("vm1", RULES, if_exists="keep").result()
    assert puts(arm) == 0


async def test_keep_brings_what_the_deployment_brought(client: AzureVMClient):
    first = await client.provision("new", EXAMPLE, KEY).result()
    again = await client.provision("new", EXAMPLE, KEY, if_exists="keep").result()
    assert again.outputs == first.outputs


async def test_keep_deploys_what_is_missing(client: AzureVMClient, arm: Emulator):
    await client.provision("new", EXAMPLE, KEY, if_exists="keep").result()
    assert puts(arm) == 1


async def test_keep_deploys_over_a_vm_that_failed(client: AzureVMClient, arm: Emulator):
    arm.fail("Microsoft.Compute/virtualMachines/new", "AllocationFailed", "No room.")
    with pytest.raises(DeploymentFailed):
        await client.provision("new", EXAMPLE, KEY).result()
    await client.provision("new", EXAMPLE, KEY, if_exists="keep").result()
    assert arm.vm("new").provisioning_state == "Succeeded"


async def test_token_of_what_was_kept_needs_no_deployment(client: AzureVMClient, arm: Emulator, clock: VirtualClock):
    token = (await client.provision("vm1", RULES, if_exists="keep")).token
    async with AzureVMClient(arm.subscription, "other", arm.credential(), arm.endpoint, clock=clock) as other:
        assert (await other.resume(token).result()).outputs == {}


async def test_second_call_while_the_first_is_running_is_sent_nothing(client: AzureVMClient, arm: Emulator):
    first = await client.provision("new", EXAMPLE, KEY)
    second = await client.provision("new", EXAMPLE, KEY)
    await asyncio.gather(first, second)
    assert puts(arm) == 1


async def test_other_process_adopts_what_is_running(client: AzureVMClient, arm: Emulator, clock: VirtualClock):
    first = await client.provision("new", EXAMPLE, KEY)
    async with AzureVMClient(
        arm.subscription, arm.resource_group, arm.credential(), arm.endpoint, clock=clock
    ) as other:
        adopted = await other.provision("new", EXAMPLE, KEY).result()
    assert adopted == await first


async def test_two_at_once_are_one_deployment(client: AzureVMClient, arm: Emulator):
    await asyncio.gather(*(client.provision("new", EXAMPLE, KEY).result() for _ in range(2)))
    assert [each.status for each in arm.requests if each.method == "PUT"] == [201, 409]


async def test_other_deployment_in_the_way_is_a_conflict_that_says_so(client: AzureVMClient):
    await client.provision("new", EXAMPLE, KEY)
    with pytest.raises(Conflict, match="Another deployment is running under the name new-deployment"):
        await client.provision("new", EXAMPLE, {**KEY, "vmSize": "Standard_D4s_v5"})


async def test_parameters_that_are_secret_are_no_reason_for_another(client: AzureVMClient, arm: Emulator):
    secret = template(*vm("new"), parameters={"password": {"type": "securestring"}})
    await client.provision("new", secret, {"password": "first"})
    await client.provision("new", secret, {"password": "second"})
    assert puts(arm) == 1


async def test_secret_parameters_are_in_no_answer(client: AzureVMClient):
    secret = template(parameters={"password": {"type": "securestring"}})
    await client.provision("new", secret, {"password": "hunter2"}).result()
    record = await client.begin("GET", f"{GROUP}/providers/Microsoft.Resources/deployments/new-deployment",
                                api_version="2024-03-01").result()  # fmt: skip
    assert "hunter2" not in json.dumps(record)


async def test_resumed_elsewhere_it_ends_the_same(client: AzureVMClient, arm: Emulator, clock: VirtualClock):
    operation = await client.provision("new", EXAMPLE, KEY)
    async with AzureVMClient(
        arm.subscription, arm.resource_group, arm.credential(), arm.endpoint, clock=clock
    ) as other:
        assert await other.resume(operation.token) == await operation


async def test_bare_url_is_enough_to_follow_it(client: AzureVMClient, arm: Emulator, clock: VirtualClock):
    url = (await client.provision("new", EXAMPLE, KEY)).async_results_url
    async with AzureVMClient(
        arm.subscription, arm.resource_group, arm.credential(), arm.endpoint, clock=clock
    ) as other:
        assert "host" in (await other.resume(url)).outputs


async def test_canceled_deployment_ends_as_canceled(client: AzureVMClient):
    operation = await client.provision("new", EXAMPLE, KEY)
    await operation.cancel()
    with pytest.raises(OperationCanceled):
        await operation


async def test_canceled_deployment_begins_nothing_more(client: AzureVMClient, arm: Emulator):
    operation = await client.provision("new", EXAMPLE, KEY)
    await operation.cancel()
    with pytest.raises(OperationCanceled):
        await operation
    assert not [each for each in arm.resources() if each.endswith("virtualMachines/new")]


async def test_first_deployment_is_sent_a_second_after_azures_clock_was_read(client: AzureVMClient, arm: Emulator):
    await client.provision("new", RULES).result()
    read = next(each for each in arm.requests if each.path.endswith("new-deployment"))
    sent = next(each for each in arm.requests if each.method == "PUT")
    assert sent.monotonic - read.monotonic >= 1


async def test_later_deployments_carry_the_first_ones_mark(client: AzureVMClient, clock: VirtualClock):
    marks = []
    for _ in range(2):
        await client.provision("new", RULES).result()
        record = await client.begin("GET", f"{GROUP}/providers/Microsoft.Resources/deployments/new-deployment",
                                    api_version="2024-03-01").result()  # fmt: skip
        marks.append(record["tags"]["azvm-since"])
        await clock.sleep(100)
    assert marks[0] == marks[1]


async def test_validate_names_the_resources(client: AzureVMClient):
    assert await client.validate("new", RULES) == (rules_id("one"),)


async def test_validate_creates_nothing(client: AzureVMClient, arm: Emulator):
    await client.validate("new", RULES)
    assert (rules_id("one") in arm.resources(), arm.deployments()) == (False, [])


async def test_validate_tells_what_arm_has_against_it(client: AzureVMClient, arm: Emulator):
    arm.fail("Microsoft.Compute/virtualMachines/new", "QuotaExceeded", "No cores left.", preflight=True)
    with pytest.raises(RequestRefused, match=r"QuotaExceeded: No cores left\."):
        await client.validate("new", EXAMPLE, KEY)


@pytest.mark.parametrize(
    ("then", "change"), [({}, "NoChange"), ({"tags": {"a": "b"}}, "Modify"), ({"name": "two"}, "Create")]
)
async def test_what_if_tells_each_change(client: AzureVMClient, then, change: str):
    await client.provision("new", RULES).result()
    changed = template({**rules("one"), **then})
    assert change in {each.change for each in await client.what_if("new", changed)}


async def test_what_if_tells_which_property_changes(client: AzureVMClient):
    await client.provision("new", template({**rules("one"), "tags": {"a": "b"}})).result()
    changes = await client.what_if("new", template({**rules("one"), "tags": {"a": "c"}}))
    (modified,) = [each for each in changes if each.change == "Modify"]
    assert [(delta.path, delta.before, delta.after) for delta in modified.delta] == [("tags.a", "b", "c")]


async def test_stack_is_deployed_and_removed(client: AzureVMClient, arm: Emulator):
    deployed = await client.provision("new", RULES, stack=True).result()
    report = await client.deprovision("new", stack=True).result()
    assert (deployed.resources, rules_id("one") in report.deleted) == ((rules_id("one"),), True)
    assert rules_id("one") not in arm.resources()


async def test_stack_tells_its_progress(client: AzureVMClient):
    operation = await client.provision("new", template(*vm("new")), stack=True)
    assert {each.name async for update in operation.updates() for each in update.resources} >= {"new", "new-nic"}


def test_template_is_one_that_arms_own_tools_take():
    assert SCHEMA in EXAMPLE.read_text()


async def test_time_out_is_told_as_it_was_asked_for(client: AzureVMClient):
    with pytest.raises(WaitTimeout, match=r"did not end within 5 s"):
        await client.provision("new", EXAMPLE, KEY).result(timeout=5)


async def test_time_out_before_there_is_a_handle_points_to_what_is_outstanding(client: AzureVMClient):
    with pytest.raises(WaitTimeout, match=r"client\.outstanding"):
        await client.provision("new", EXAMPLE, KEY).result(timeout=0.5)


async def test_loser_of_a_race_is_told_that_nothing_of_it_is_sent(client, caplog: pytest.LogCaptureFixture):
    secret = template(rules("one"), parameters={"password": {"type": "securestring"}})
    await asyncio.gather(
        *(client.provision("new", secret, {"password": each}).result() for each in ("first", "second"))
    )
    assert "no new value of a secure parameter" in caplog.text
