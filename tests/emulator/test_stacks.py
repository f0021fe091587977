"""Deployment stacks: what they deploy, what they part with, and how they go."""

from typing import Any

import pytest

from azvm_async.emulator import Emulator
from azvm_async.wire import Response
from emulator.deploying import Deployer
from emulator.small_templates import (
    GROUP,
    INTERFACE,
    MACHINE,
    NETWORK,
    balancer,
    balancer_id,
    interface,
    machine,
    nested,
    network,
    template,
)

ALL = f"{GROUP}/providers/Microsoft.Resources/deploymentStacks"
STACK = f"{ALL}/s1"
SUBSCRIPTION = GROUP.partition("/resourceGroups")[0]
REST = {"succeeded", "failed", "canceled"}


def stack(*resources: dict[str, Any], unmanaged: str = "delete", deny: str = "none", **sections: Any) -> Any:
    """Return the body of a stack."""
    properties = {"actionOnUnmanage": {"resources": unmanaged}, "denySettings": {"mode": deny}}
    return {"properties": {"template": template(*resources, **sections), **properties}}


async def ended(deployer: Deployer, accepted: Response) -> dict[str, Any]:
    """Wait for the end of a PUT or DELETE."""
    assert accepted.status in {200, 201, 202}, accepted.body
    while (status := await deployer.poll(accepted))["status"] not in REST:
        await deployer.clock.sleep(1)
    return status


async def put(deployer: Deployer, document: Any) -> dict[str, Any]:
    """Put the stack, wait, and return its properties."""
    await ended(deployer, await deployer.send("PUT", STACK, document))
    return (await deployer.get(STACK))["properties"]


async def test_a_stack_deploys_and_manages(arm: Emulator, deployer: Deployer):
    outputs = {"x": {"type": "string", "value": "y"}}
    shown = await put(deployer, stack(balancer("a"), nested("inner", template(balancer("b"))), outputs=outputs))
    assert (shown["provisioningState"], shown["outputs"]["x"]["value"]) == ("succeeded", "y")
    assert shown["resources"] == [
        {"id": balancer_id(name), "status": "managed", "denyStatus": "none"} for name in ("a", "b")
    ]
    assert shown["deploymentId"] in arm.deployments()


async def test_a_stack_tells_what_it_is_at(deployer: Deployer):
    accepted = await deployer.send("PUT", STACK, stack(balancer("a")))
    assert (accepted.status, accepted.document()["properties"]["provisioningState"]) == (201, "deploying")
    assert "/deploymentStackOperationStatus/" in accepted.headers["azure-asyncoperation"]
    assert (await deployer.poll(accepted))["status"] == "deploying"


async def test_what_the_template_has_no_more_is_deleted(arm: Emulator, deployer: Deployer):
    await put(deployer, stack(balancer("a"), balancer("b")))
    shown = await put(deployer, stack(balancer("b")))
    assert (arm.resources(), shown["deletedResources"]) == ([balancer_id("b")], [{"id": balancer_id("a")}])


async def test_or_let_go(arm: Emulator, deployer: Deployer):
    await put(deployer, stack(balancer("a"), balancer("b")))
    shown = await put(deployer, stack(balancer("b"), unmanaged="detach"))
    assert arm.resources() == [balancer_id("a"), balancer_id("b")]
    assert shown["detachedResources"] == [{"id": balancer_id("a")}]
    assert [each["id"] for each in shown["resources"]] == [balancer_id("b")]


async def test_a_stack_is_deleted_with_its_resources_whoever_uses_whom(arm: Emulator, deployer: Deployer):
    await put(deployer, stack(network(), interface(), machine()))
    accepted = await deployer.send("DELETE", f"{STACK}?unmanageAction.Resources=delete")
    assert (await ended(deployer, accepted))["status"] == "succeeded"
    assert [each for each in arm.resources() if "/disks/" not in each] == []
    assert (await deployer.send("GET", STACK)).document()["error"]["code"] == "DeploymentStackNotFound"


async def test_a_stack_is_deleted_alone_by_default(arm: Emulator, deployer: Deployer):
    await put(deployer, stack(balancer("a")))
    answer = await deployer.followed(await deployer.send("DELETE", STACK))
    assert (answer.status, arm.resources()) == (204, [balancer_id("a")])


async def test_there_is_nothing_to_delete_where_there_is_no_stack(deployer: Deployer):
    assert (await deployer.send("DELETE", STACK)).status == 204


async def test_a_failing_template_fails_the_stack_that_keeps_what_is_there(arm: Emulator, deployer: Deployer):
    await put(deployer, stack(balancer("a")))
    arm.fail("*/c", "AllocationFailed", "No room.")
    shown = await put(deployer, stack(balancer("b"), balancer("c")))
    assert (shown["provisioningState"], shown["error"]["code"]) == ("failed", "DeploymentStackDeploymentFailed")
    assert shown["error"]["details"][0]["details"][0]["code"] == "AllocationFailed"
    assert [each["id"] for each in shown["resources"]] == [balancer_id("a"), balancer_id("b")]
    assert [each["id"] for each in shown["failedResources"]] == [balancer_id("c")]


async def test_a_resource_that_cannot_be_deleted_fails_the_stacks_deletion(arm: Emulator, deployer: Deployer):
    await put(deployer, stack(network(), interface(), machine()))
    arm.refuse_delete("*/virtualNetworks/net", "ScopeLocked", "Locked.", times=9)
    status = await ended(deployer, await deployer.send("DELETE", f"{STACK}?unmanageAction.Resources=delete"))
    shown = (await deployer.get(STACK))["properties"]
    assert (status["status"], status["error"]["code"]) == ("failed", "DeploymentStackDeleteResourcesFailed")
    assert shown["resources"] == [{"id": NETWORK, "status": "deleteFailed", "denyStatus": "none"}]
    assert not {INTERFACE, MACHINE} & set(arm.resources())


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
async def test_a_busy_stack_is_left_alone(deployer: Deployer, method: str):
    await deployer.send("PUT", STACK, stack(balancer("a")))
    status, error = await deployer.refused(stack() if method == "PUT" else None, STACK, method)
    assert (status, error["code"]) == (409, "DeploymentStackInNonTerminalState")


@pytest.mark.parametrize("change", [{"deny": "denyDelete"}, {"deny": ""}, {"unmanaged": "forget"}])
async def test_settings_that_the_emulator_has_not_are_refused(deployer: Deployer, change: dict[str, str]):
    assert (await deployer.refused(stack(**change), STACK))[0] == 400


async def test_an_invalid_template_is_refused_and_makes_no_stack(deployer: Deployer):
    status, error = await deployer.refused(stack(balancer("[nonsense()]")), STACK)
    assert (status, error["code"]) == (400, "InvalidTemplate")
    assert (await deployer.get(ALL))["value"] == []


async def test_stacks_are_listed_and_export_their_template(deployer: Deployer):
    await put(deployer, stack(balancer("a")))
    exported = await deployer.send("POST", f"{STACK}/exportTemplate")
    assert [each["name"] for each in (await deployer.get(ALL))["value"]] == ["s1"]
    assert exported.document()["template"] == template(balancer("a"))


async def test_a_stack_of_a_subscription_is_refused(deployer: Deployer):
    where = f"{SUBSCRIPTION}/providers/Microsoft.Resources/deploymentStacks/s1"
    assert (await deployer.refused(stack(), where))[0] == 400


async def test_a_stack_whose_deployment_is_cancelled_fails(arm: Emulator, deployer: Deployer):
    accepted = await deployer.send("PUT", STACK, stack(balancer("a"), nested("inner", template(balancer("b")))))
    await deployer.clock.sleep(3)
    await deployer.send("POST", f"{arm.deployments()[0]}/cancel")
    assert (await ended(deployer, accepted))["status"] == "failed"
