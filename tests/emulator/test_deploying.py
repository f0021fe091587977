"""Deployments under way: what begins when, what fails what, and what comes out of it."""

import json

from azvm_async.emulator import Emulator
from emulator.deploying import Deployer
from emulator.small_templates import (
    ALL,
    BALANCERS,
    GROUP,
    INTERFACE,
    MACHINE,
    NETWORK,
    ONE,
    OTHER,
    balancer,
    balancer_id,
    body,
    interface,
    machine,
    nested,
    network,
    template,
)

STRINGS = {"a": {"type": "string", "value": f"[reference('{balancer_id('a')}').provisioningState]"}}


async def test_a_machine_with_its_network_is_deployed(arm: Emulator, deployer: Deployer):
    shown = await deployer.deploy(body(machine(), interface(), network()))
    assert shown["provisioningState"] == "Succeeded"
    assert [each["id"] for each in shown["outputResources"]] == [NETWORK, INTERFACE, MACHINE]
    assert arm.vm("vm1").power_state == "running"


async def test_each_resource_begins_when_what_it_depends_on_is_there(deployer: Deployer):
    await deployer.deploy(body(balancer("c", "a", "b"), balancer("b", "a"), balancer("a"), balancer("d")))
    steps = {step["targetResource"]["resourceName"]: step for step in (await deployer.steps())[:-1]}
    ends = {name: step["timestamp"][17:19] for name, step in steps.items()}
    assert ends == {"a": "05", "d": "05", "b": "09", "c": "13"}
    assert {step["duration"] for step in steps.values()} == {"PT4S"}


async def test_every_put_is_a_create_and_the_outputs_come_last(deployer: Deployer):
    for _ in range(2):
        await deployer.deploy(body(balancer("a")))
    steps = await deployer.steps()
    assert [step["provisioningOperation"] for step in steps] == ["Create", "EvaluateDeploymentOutput"]
    assert [step["statusCode"] for step in steps] == ["OK", "OK"]
    assert "targetResource" not in steps[1]


async def test_an_operation_tells_that_it_runs(deployer: Deployer):
    await deployer.send("PUT", ONE, body(balancer("a")))
    await deployer.clock.sleep(2)
    (step,) = await deployer.steps()
    assert (step["provisioningState"], step["duration"], "statusMessage" in step) == ("Running", "PT1S", False)
    assert step["targetResource"] == {"id": balancer_id("a"), "resourceType": BALANCERS, "resourceName": "a"}


async def test_a_resource_is_created_when_its_operation_begins(deployer: Deployer):
    await deployer.deploy(body(balancer("a"), balancer("b", "a")))
    listed = await deployer.get(f"{GROUP}/resources?$expand=createdTime")
    assert [each["createdTime"][17:19] for each in listed["value"]] == ["01", "05"]


async def test_outputs_read_what_was_deployed(deployer: Deployer):
    shown = await deployer.deploy(body(balancer("a"), outputs=STRINGS))
    assert shown["outputs"] == {"a": {"type": "String", "value": "Succeeded"}}


async def test_keys_say_that_they_are_none(deployer: Deployer):
    storage = {"type": "Microsoft.Storage/storageAccounts", "apiVersion": "2023-01-01", "name": "store"}
    more = {"location": "westeurope", "sku": {"name": "Standard_LRS"}, "kind": "StorageV2", "properties": {}}
    key = "[listKeys(resourceId('Microsoft.Storage/storageAccounts', 'store'), '2023-01-01').keys[0].value]"
    shown = await deployer.deploy(body(storage | more, outputs={"key": {"type": "string", "value": key}}))
    assert shown["outputs"]["key"]["value"] == "emulated: not a key"


async def test_outputs_that_cannot_be_evaluated_fail_the_deployment(deployer: Deployer):
    value = f"[reference('{balancer_id('a')}').ghost]"
    error = await deployer.failed(body(balancer("a"), outputs={"a": {"type": "string", "value": value}}))
    assert error["code"] == "DeploymentOutputEvaluationFailed"


async def test_a_resource_that_fails_later_fails_the_deployment(arm: Emulator, deployer: Deployer):
    arm.fail("*/virtualMachines/vm1", "AllocationFailed", "No room.")
    error = await deployer.failed(body(network(), interface(), machine()))
    assert error["code"] == "DeploymentFailed"
    assert error["details"] == [{"code": "AllocationFailed", "message": "No room.", "target": MACHINE}]
    assert arm.vm("vm1").provisioning_state == "Failed"


async def test_the_last_poll_and_the_operation_tell_the_failure_too(arm: Emulator, deployer: Deployer):
    arm.fail("*/a", "AllocationFailed", "No room.")
    polled = await deployer.ended(await deployer.send("PUT", ONE, body(balancer("a"))))
    (step,) = await deployer.steps()
    assert (polled["status"], polled["error"]["code"]) == ("Failed", "DeploymentFailed")
    assert (step["provisioningState"], step["statusCode"]) == ("Failed", "Conflict")
    assert step["statusMessage"] == {"status": "Failed", "error": {"code": "AllocationFailed", "message": "No room."}}


async def test_a_refused_put_stands_in_the_failure_as_text(deployer: Deployer):
    error = await deployer.failed(body(network() | {"location": "nowhere/at all"}))
    (detail,) = error["details"]
    assert (detail["code"], detail["target"]) == ("BadRequest", NETWORK)
    assert json.loads(detail["message"])["error"]["code"] == "LocationNotAvailableForResourceType"


async def test_after_a_failure_nothing_begins_and_what_runs_ends(arm: Emulator, deployer: Deployer):
    arm.fail("*/a", "Conflict", "No.")
    await deployer.deploy(body(balancer("a"), balancer("b", "a"), network(), interface()))
    assert arm.resources() == [balancer_id("a"), NETWORK, f"{NETWORK}/subnets/default"]
    assert [step["provisioningState"] for step in await deployer.steps()] == ["Failed", "Succeeded"]


async def test_a_nested_deployment_is_a_deployment_of_its_own(arm: Emulator, deployer: Deployer):
    inner = nested("inner", template(balancer("b"), outputs=STRINGS), balancer_id("a"))
    shown = await deployer.deploy(body(balancer("a"), inner))
    assert arm.deployments() == [ONE, f"{ALL}/inner"]
    assert [each["id"] for each in shown["outputResources"]] == [balancer_id("a"), balancer_id("b")]
    assert (await deployer.get(f"{ALL}/inner"))["properties"]["outputs"]["a"]["value"] == "Succeeded"


async def test_the_outputs_of_a_nested_deployment_are_read_by_its_parent(deployer: Deployer):
    inner = nested("inner", template(outputs={"x": {"type": "string", "value": "from inside"}}))
    read = {"y": {"type": "string", "value": "[reference('inner').outputs.x.value]"}}
    shown = await deployer.deploy(body(inner, outputs=read))
    assert shown["outputs"]["y"]["value"] == "from inside"


async def test_a_nested_deployment_may_be_in_another_group(arm: Emulator, deployer: Deployer):
    arm.add_resource_group("other-rg")
    await deployer.deploy(body(nested("inner", template(balancer("b")), resourceGroup="other-rg")))
    assert arm.resources() == [balancer_id("b", OTHER)]
    assert (await deployer.steps())[0]["targetResource"]["id"].startswith(OTHER)


async def test_a_nested_deployment_in_a_missing_group_is_refused(deployer: Deployer):
    inner = nested("inner", template(balancer("b")), resourceGroup="ghost")
    assert (await deployer.refused(body(inner)))[1]["code"] == "ResourceGroupNotFound"


async def test_the_failure_of_a_nested_deployment_is_nested(arm: Emulator, deployer: Deployer):
    arm.fail("*/b", "AllocationFailed", "No room.")
    error = await deployer.failed(body(nested("inner", template(balancer("b")))))
    (outer,) = error["details"]
    (inner,) = outer["details"]
    assert (outer["code"], outer["target"]) == ("ResourceDeploymentFailure", f"{ALL}/inner")
    assert (inner["code"], inner["details"][0]["code"]) == ("DeploymentFailed", "AllocationFailed")


async def test_a_cancelled_deployment_begins_nothing_more(arm: Emulator, deployer: Deployer):
    accepted = await deployer.send("PUT", ONE, body(balancer("a"), balancer("b", "a")))
    await deployer.clock.sleep(2)
    assert (await deployer.send("POST", f"{ONE}/cancel")).status == 204
    await deployer.clock.sleep(60)
    assert (await deployer.poll(accepted))["status"] == "Canceled"
    assert arm.resources() == [balancer_id("a")]
    assert [step["provisioningState"] for step in await deployer.steps()] == ["Succeeded"]


async def test_a_cancelled_deployment_cancels_those_within(arm: Emulator, deployer: Deployer):
    await deployer.send("PUT", ONE, body(nested("inner", template(balancer("a"), balancer("b", "a")))))
    await deployer.clock.sleep(3)
    await deployer.send("POST", f"{ONE}/cancel")
    await deployer.clock.sleep(60)
    assert (await deployer.get(f"{ALL}/inner"))["properties"]["provisioningState"] == "Canceled"
    assert arm.resources() == [balancer_id("a")]


async def test_a_deployment_that_ended_is_not_cancelled(deployer: Deployer):
    await deployer.deploy(body())
    status, error = await deployer.refused(None, f"{ONE}/cancel", "POST")
    assert (status, error["code"]) == (409, "DeploymentCannotBeCancelled")


async def test_a_deployment_cancelled_before_it_ran_deploys_nothing(arm: Emulator, deployer: Deployer):
    await deployer.send("PUT", ONE, body(balancer("a")))
    await deployer.send("POST", f"{ONE}/cancel")
    await deployer.clock.sleep(60)
    assert arm.resources() == []


async def test_incremental_mode_leaves_what_the_template_has_not(arm: Emulator, deployer: Deployer):
    await deployer.deploy(body(balancer("a")))
    await deployer.deploy(body(balancer("b")))
    assert arm.resources() == [balancer_id("a"), balancer_id("b")]


async def test_complete_mode_deletes_what_the_template_has_not(arm: Emulator, deployer: Deployer):
    await deployer.deploy(body(network(), interface(), machine()))
    await deployer.deploy(body(balancer("a"), mode="Complete"))
    assert arm.resources() == [balancer_id("a")]
    cleanup = (await deployer.steps())[1]
    assert (cleanup["provisioningOperation"], cleanup["provisioningState"]) == ("DeploymentCleanup", "Succeeded")


async def test_complete_mode_leaves_the_disks_of_the_templates_machines(arm: Emulator, deployer: Deployer):
    asked = body(network(), interface(), machine(), mode="Complete")
    await deployer.deploy(asked)
    disks = [each for each in arm.resources() if "/disks/" in each]
    await deployer.deploy(asked)
    assert [each for each in arm.resources() if "/disks/" in each] == disks != []


async def test_complete_mode_fails_on_what_cannot_be_deleted(arm: Emulator, deployer: Deployer):
    await deployer.deploy(body(balancer("a")))
    arm.refuse_delete("*/a", "ScopeLocked", "Locked.", times=9)
    error = await deployer.failed(body(balancer("b"), mode="Complete"))
    assert error["details"][0]["details"][0]["code"] == "ScopeLocked"


async def test_a_group_deleted_in_the_middle_fails_its_deployment(deployer: Deployer):
    accepted = await deployer.send("PUT", ONE, body(balancer("a"), balancer("b", "a")))
    await deployer.clock.sleep(2)
    await deployer.send("DELETE", GROUP)
    assert (await deployer.ended(accepted))["status"] == "Failed"


async def test_no_deployment_begins_in_a_group_that_is_being_deleted(deployer: Deployer):
    await deployer.send("DELETE", GROUP)
    assert (await deployer.refused(body()))[1]["code"] == "ResourceGroupBeingDeleted"


async def test_many_resources_without_a_tie_take_the_time_of_one(deployer: Deployer):
    shown = await deployer.deploy(body(*(balancer(f"i{number}") for number in range(300))))
    assert (shown["duration"], len(shown["outputResources"])) == ("PT5S", 300)


async def test_a_password_is_not_shown_again(deployer: Deployer):
    await deployer.deploy(body(network(), interface(), machine()))
    assert "hunter2" not in json.dumps(await deployer.get(MACHINE))


async def test_a_nested_deployment_that_is_cancelled_fails_its_parent(deployer: Deployer):
    accepted = await deployer.send("PUT", ONE, body(nested("inner", template(balancer("a")))))
    await deployer.clock.sleep(3)
    await deployer.send("POST", f"{ALL}/inner/cancel")
    error = (await deployer.ended(accepted))["error"]
    assert "terminal provisioning state 'Canceled'" in error["details"][0]["message"]


async def test_a_resource_that_was_put_over_in_the_middle_fails_its_deployment(deployer: Deployer):
    accepted = await deployer.send("PUT", ONE, body(balancer("a")))
    await deployer.clock.sleep(2)
    await deployer.send("PUT", balancer_id("a"), {"location": "westeurope"})
    assert (await deployer.ended(accepted))["error"]["details"][0]["code"] == "OperationPreempted"


async def test_a_nested_deployment_has_the_correlation_id_of_the_one_that_it_is_in(deployer: Deployer):
    outer = await deployer.deploy(body(nested("inner", template(balancer("a")))))
    inner = (await deployer.get(f"{ALL}/inner"))["properties"]
    assert inner["correlationId"] == outer["correlationId"]


async def test_type_of_a_resource_that_was_refused_is_known_to_its_provider(deployer: Deployer):
    absent = f"[reference('{balancer_id('none')}', '2024-05-01').y]"
    odd = balancer("a") | {"type": "Contoso.Odd/things", "properties": {"x": absent}}
    await deployer.failed(body(odd))
    shown = await deployer.get(f"{GROUP.partition('/resourceGroups')[0]}/providers/Contoso.Odd")
    assert [each["resourceType"] for each in shown["resourceTypes"]] == ["things"]
