"""Templates of any shape: every deployment has an answer and comes to an end, and the world goes on."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from azvm_async.emulator.core import Core
from azvm_async.emulator.deployment_model import all_deployments
from azvm_async.emulator.identity import issue
from azvm_async.emulator.model import World
from azvm_async.emulator.settings import Settings
from azvm_async.emulator.stacking import AT_REST
from emulator.small_templates import GROUP, ONE
from emulator.support import version_of
from emulator.test_any_shape import DOCUMENTS, PROPERTIES, ask
from emulator.test_core import START, at

STACK = f"{GROUP}/providers/Microsoft.Resources/deploymentStacks/s1"
RESOURCES = st.builds(
    lambda kind_and_name, more: {
        "type": kind_and_name[0],
        "name": kind_and_name[1],
        "apiVersion": version_of(kind_and_name[0]),
        **more,
    },
    st.sampled_from(
        [
            *(("Microsoft.Network/virtualNetworks", "a"), ("Microsoft.Network/virtualNetworks/subnets", "a/b")),
            *(("Microsoft.Compute/virtualMachines", "a"), ("Microsoft.Compute/virtualMachines/extensions", "a/b")),
            *(("Microsoft.Network/networkInterfaces", "a"), ("Microsoft.Compute/virtualMachines/runCommands", "a/b")),
            *(("Microsoft.Authorization/locks", "a"), ("Microsoft.Compute/disks", "a")),
            *(("Microsoft.Resources/resourceGroups", "a"), ("Microsoft.Resources/deploymentStacks", "a")),
        ]
    ),
    st.fixed_dictionaries(
        {"location": st.just("westeurope"), "properties": PROPERTIES},
        optional={"dependsOn": st.just(["Microsoft.Network/virtualNetworks/a"]), "identity": DOCUMENTS},
    ),
)
VALUES = st.sampled_from(
    [
        "[resourceGroup().id]",
        "[reference(resourceId('Microsoft.Network/virtualNetworks', 'a'), '2024-01-01')]",
        "[reference(resourceId('Microsoft.Resources/deployments', 'inner'), '2024-01-01', 'Full')]",
        "[listKeys(resourceId('Microsoft.Compute/disks', 'a'), '2024-01-01')]",
        "[reference('/', '2024-01-01')]",
    ]
)


def templates(resources: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Return templates of such resources."""
    schema = "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#"
    outputs = st.dictionaries(
        st.sampled_from("xy"), st.fixed_dictionaries({"type": st.just("object"), "value": VALUES})
    )
    return st.fixed_dictionaries(
        {
            "$schema": st.just(schema),
            "contentVersion": st.just("1.0.0.0"),
            "resources": st.lists(resources, max_size=4),
        },
        optional={"outputs": outputs, "parameters": DOCUMENTS},
    )


NESTED = st.builds(
    lambda name, group, inner: {
        "type": "Microsoft.Resources/deployments",
        "apiVersion": "2022-09-01",
        "name": name,
        "resourceGroup": group,
        "properties": {"mode": "Incremental", "template": inner},
    },
    st.sampled_from(["d1", "inner"]),
    st.sampled_from(["emulated-rg", "other-rg"]),
    templates(RESOURCES),
)
BODIES = st.fixed_dictionaries(
    {
        "properties": st.fixed_dictionaries(
            {
                "mode": st.sampled_from(["Incremental", "Complete"]),
                "template": templates(RESOURCES | NESTED),
                "actionOnUnmanage": st.just({"resources": "delete"}),
                "denySettings": st.just({"mode": "none"}),
            }
        )
    },
)
REQUESTS = st.sampled_from(
    [("PUT", ONE), ("PUT", STACK), ("POST", f"{ONE}/whatIf"), ("POST", f"{ONE}/validate"), ("DELETE", STACK)]
)


@settings(deadline=None, max_examples=100)
@given(st.lists(st.tuples(REQUESTS, BODIES), min_size=1, max_size=3))
def test_whatever_is_deployed_has_an_answer_and_an_end(requests: list[tuple[tuple[str, str], Any]]):
    world = World(START, Settings())
    subscription = world.add_subscription(GROUP.split("/")[2])
    for name in ("emulated-rg", "other-rg"):
        world.add_group(subscription, name, "westeurope")
    core, token = Core(world), issue(world, START)[0]
    answers = [ask(core, token, *request, document) for request, document in requests]
    core.settle(at(5000))
    answers += [ask(core, token, "GET", path) for path in (ONE, f"{ONE}/operations", STACK)]
    answers += [ask(core, token, "DELETE", f"{STACK}?unmanageAction.Resources=delete&api-version=2024-03-01&x=")]
    core.settle(at(9000))
    answers += [ask(core, token, "GET", each.path) for each in all_deployments(world)]
    assert all(answer.status < 500 for answer in answers)
    assert not any(deployment.active for deployment in all_deployments(world))
    assert all(stack.state in AT_REST for group in subscription.groups.values() for stack in group.stacks.values())
