"""The official clients of deployments and deployment stacks take the emulator for Azure, sync and async."""

from collections.abc import AsyncIterator

import azure.mgmt.resource.deployments
import azure.mgmt.resource.deployments.aio
import azure.mgmt.resource.deploymentstacks
import azure.mgmt.resource.deploymentstacks.aio
import pytest
from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceNotFoundError
from azure.mgmt.resource.deploymentstacks.models import (
    ActionOnUnmanage,
    DenySettings,
    DeploymentStack,
    DeploymentStackProperties,
)

from azvm_async.emulator import Emulator
from emulator.official import Service, options
from emulator.small_templates import (
    INTERFACE,
    MACHINE,
    NETWORK,
    balancer,
    balancer_id,
    body,
    interface,
    machine,
    nested,
    network,
    template,
)

GROUP = "emulated-rg"
D1 = (GROUP, "d1")
WHOLE = body(network(), interface(), machine(), outputs={"x": {"type": "string", "value": "y"}})


@pytest.fixture(params=["sync", "async"])
async def deployments(request: pytest.FixtureRequest, served: Emulator) -> AsyncIterator[Service]:
    """Both clients of deployments in turn."""
    chosen = await options(served)
    if request.param == "sync":
        with azure.mgmt.resource.deployments.DeploymentsMgmtClient(**chosen) as client:
            yield Service(client, "deployments")
    else:
        async with azure.mgmt.resource.deployments.aio.DeploymentsMgmtClient(**chosen) as client:
            yield Service(client, "deployments")


@pytest.fixture(params=["sync", "async"])
async def stacks(request: pytest.FixtureRequest, served: Emulator) -> AsyncIterator[Service]:
    """Both clients of deployment stacks in turn."""
    chosen = await options(served)
    if request.param == "sync":
        with azure.mgmt.resource.deploymentstacks.DeploymentStacksClient(**chosen) as client:
            yield Service(client, "deployment_stacks")
    else:
        async with azure.mgmt.resource.deploymentstacks.aio.DeploymentStacksClient(**chosen) as client:
            yield Service(client, "deployment_stacks")


def stack(*resources: dict[str, object]) -> DeploymentStack:
    """Return a stack of these resources."""
    return DeploymentStack(
        properties=DeploymentStackProperties(
            template=template(*resources),
            action_on_unmanage=ActionOnUnmanage(resources="delete"),
            deny_settings=DenySettings(mode="none"),
        )
    )


async def test_a_template_is_deployed(served: Emulator, deployments: Service):
    done = await deployments("begin_create_or_update", *D1, WHOLE)
    assert (done.name, done.properties.provisioning_state) == ("d1", "Succeeded")
    assert done.properties.outputs == {"x": {"type": "String", "value": "y"}}
    assert [each.id for each in done.properties.output_resources] == [NETWORK, INTERFACE, MACHINE]
    assert served.vm("vm1").power_state == "running"


async def test_a_deployment_is_read_and_listed_and_known(deployments: Service):
    before = await deployments("check_existence", *D1)
    await deployments("begin_create_or_update", *D1, body(balancer("a")))
    shown = await deployments("get", *D1)
    listed = await deployments("list_by_resource_group", GROUP, filter="provisioningState eq 'Succeeded'", top=1)
    assert (before, await deployments("check_existence", *D1)) == (False, True)
    assert ([each.id for each in listed], shown.properties.mode) == ([shown.id], "Incremental")
    assert shown.properties.timestamp.tzinfo is not None


async def test_a_failure_is_the_clients_exception_with_its_code(served: Emulator, deployments: Service):
    served.fail("*/virtualMachines/vm1", "AllocationFailed", "No room.")
    with pytest.raises(HttpResponseError) as caught:
        await deployments("begin_create_or_update", *D1, WHOLE)
    assert caught.value.error.code == "DeploymentFailed"
    assert [detail.code for detail in caught.value.error.details] == ["AllocationFailed"]
    shown = await deployments("get", *D1)
    assert (shown.properties.provisioning_state, shown.properties.error.code) == ("Failed", "DeploymentFailed")


async def test_the_failure_of_a_nested_deployment_is_nested(served: Emulator, deployments: Service):
    served.fail("*/b", "AllocationFailed", "No room.")
    with pytest.raises(HttpResponseError) as caught:
        await deployments("begin_create_or_update", *D1, body(nested("inner", template(balancer("b")))))
    (outer,) = caught.value.error.details
    assert outer.details[0].details[0].code == "AllocationFailed"


async def test_an_invalid_template_has_its_code(deployments: Service):
    with pytest.raises(HttpResponseError) as caught:
        await deployments("begin_create_or_update", *D1, body(balancer("[parameters('ghost')]")))
    assert (caught.value.status_code, caught.value.error.code) == (400, "InvalidTemplate")
    assert caught.value.error.additional_info[0].type == "TemplateViolation"


async def test_a_failing_preflight_has_its_code(served: Emulator, deployments: Service):
    served.fail("*/a", "QuotaExceeded", "No more.", preflight=True)
    with pytest.raises(HttpResponseError) as caught:
        await deployments("begin_create_or_update", *D1, body(balancer("a")))
    assert caught.value.error.code == "InvalidTemplateDeployment"
    assert caught.value.error.details[0].code == "QuotaExceeded"


async def test_a_missing_deployment_has_its_code(deployments: Service):
    with pytest.raises(ResourceNotFoundError) as caught:
        await deployments("get", *D1)
    assert caught.value.error.code == "DeploymentNotFound"


async def test_a_deployment_that_ended_is_not_cancelled(deployments: Service):
    await deployments("begin_create_or_update", *D1, body())
    with pytest.raises(ResourceExistsError) as caught:
        await deployments("cancel", *D1)
    assert caught.value.error.code == "DeploymentCannotBeCancelled"


async def test_a_template_is_validated(deployments: Service):
    valid = await deployments("begin_validate", *D1, body(balancer("a")))
    assert [each.id for each in valid.properties.validated_resources] == [balancer_id("a")]


async def test_what_is_not_valid_has_its_code(deployments: Service):
    with pytest.raises(HttpResponseError) as caught:
        await deployments("begin_validate", *D1, body(balancer("[parameters('ghost')]")))
    assert caught.value.error.code == "InvalidTemplate"


async def test_changes_are_foreseen(deployments: Service):
    await deployments("begin_create_or_update", *D1, body(balancer("a", tags={"x": "1"})))
    result = await deployments("begin_what_if", *D1, body(balancer("a", tags={"x": "2"}), balancer("b")))
    changes = {change.resource_id: change for change in result.properties.changes}
    assert result.status == "Succeeded"
    assert changes[balancer_id("a")].delta[0].path == "tags.x"
    assert [change.change_type for change in changes.values()] == ["Modify", "Create"]


async def test_the_template_is_exported(deployments: Service):
    await deployments("begin_create_or_update", *D1, body(balancer("a")))
    assert (await deployments("export_template", *D1)).template == template(balancer("a"))


async def test_a_deployment_is_deleted(served: Emulator, deployments: Service):
    await deployments("begin_create_or_update", *D1, body(balancer("a")))
    assert await deployments("begin_delete", *D1) is None
    assert (served.deployments(), served.resources()) == ([], [balancer_id("a")])


async def test_operations_are_listed_and_read(served: Emulator, deployments: Service):
    served.fail("*/b", "AllocationFailed", "No room.")
    with pytest.raises(HttpResponseError):
        await deployments("begin_create_or_update", *D1, body(balancer("a"), balancer("b")))
    operations = Service(deployments.client, "deployment_operations")
    listed = await operations("list", *D1)
    good, bad = [each.properties for each in listed]
    assert (good.provisioning_operation, good.target_resource.id) == ("Create", balancer_id("a"))
    assert (bad.provisioning_state, bad.status_message.error.code) == ("Failed", "AllocationFailed")
    assert (await operations("get", *D1, listed[0].operation_id)).id == listed[0].id


async def test_a_stack_is_put_and_read_and_listed(stacks: Service):
    done = await stacks("begin_create_or_update_at_resource_group", GROUP, "s1", stack(balancer("a")))
    shown = await stacks("get_at_resource_group", GROUP, "s1")
    listed = await stacks("list_at_resource_group", GROUP)
    assert (done.properties.provisioning_state, shown.properties.deployment_id) == (
        "succeeded",
        done.properties.deployment_id,
    )
    assert [(each.id, each.status) for each in shown.properties.resources] == [(balancer_id("a"), "managed")]
    assert [each.name for each in listed] == ["s1"]


async def test_a_stack_is_deleted_with_its_resources(served: Emulator, stacks: Service):
    await stacks("begin_create_or_update_at_resource_group", GROUP, "s1", stack(network(), interface()))
    await stacks("begin_delete_at_resource_group", GROUP, "s1", unmanage_action_resources="delete")
    assert served.resources() == []
    with pytest.raises(ResourceNotFoundError) as caught:
        await stacks("get_at_resource_group", GROUP, "s1")
    assert caught.value.error.code == "DeploymentStackNotFound"


async def test_a_failing_stack_has_its_code(served: Emulator, stacks: Service):
    served.fail("*/a", "AllocationFailed", "No room.")
    with pytest.raises(HttpResponseError) as caught:
        await stacks("begin_create_or_update_at_resource_group", GROUP, "s1", stack(balancer("a")))
    assert caught.value.error.code == "DeploymentStackDeploymentFailed"
