"""What-if: the changes a deployment would bring, without bringing them."""

from typing import Any

import pytest

from azvm_async.emulator import Emulator
from emulator.deploying import Deployer
from emulator.small_templates import (
    INTERFACE,
    NETWORK,
    ONE,
    balancer,
    balancer_id,
    body,
    interface,
    machine,
    nested,
    network,
    resource,
    template,
)


async def foreseen(deployer: Deployer, document: Any) -> dict[str, Any]:
    """Return the changes by id."""
    answer = await deployer.followed(await deployer.send("POST", f"{ONE}/whatIf", document))
    assert (answer.status, answer.document()["status"]) == (200, "Succeeded")
    return {change["resourceId"]: change for change in answer.document()["properties"]["changes"]}


async def test_what_is_not_there_would_be_created(arm: Emulator, deployer: Deployer):
    changes = await foreseen(deployer, body(balancer("a")))
    assert changes[balancer_id("a")]["changeType"] == "Create"
    assert changes[balancer_id("a")]["after"]["location"] == "westeurope"
    assert (arm.resources(), arm.deployments()) == ([], [])


async def test_the_same_template_would_change_nothing(deployer: Deployer):
    asked = body(network(), interface(), machine())
    await deployer.deploy(asked)
    changes = await foreseen(deployer, asked)
    assert {change["changeType"] for change in changes.values()} == {"NoChange"}


async def test_a_property_would_be_modified(deployer: Deployer):
    await deployer.deploy(body(network()))
    wider = network()
    wider["properties"] |= {"addressSpace": {"addressPrefixes": ["10.1.0.0/16", "10.2.0.0/16"]}, "flowTimeout": 4}
    change = (await foreseen(deployer, body(wider)))[NETWORK]
    first = {"path": "0", "propertyChangeType": "Modify", "before": "10.0.0.0/16", "after": "10.1.0.0/16"}
    second = {"path": "1", "propertyChangeType": "Create", "after": "10.2.0.0/16"}
    assert change["changeType"] == "Modify"
    assert change["delta"] == [
        {"path": "properties.addressSpace.addressPrefixes", "propertyChangeType": "Array", "children": [first, second]},
        {"path": "properties.flowTimeout", "propertyChangeType": "Create", "after": 4},
    ]


async def test_an_entry_of_a_list_would_be_modified_or_deleted(deployer: Deployer):
    await deployer.deploy(body(network()))
    other = network()
    other["properties"]["subnets"][0]["properties"]["addressPrefix"] = "10.0.1.0/24"
    (delta,) = (await foreseen(deployer, body(other)))[NETWORK]["delta"]
    assert delta["children"][0]["children"][0]["path"] == "properties.addressPrefix"
    other["properties"]["subnets"] = []
    (delta,) = (await foreseen(deployer, body(other)))[NETWORK]["delta"]
    assert delta["children"][0]["propertyChangeType"] == "Delete"


async def test_a_tag_would_be_deleted(deployer: Deployer):
    await deployer.deploy(body(balancer("a", tags={"x": "1", "y": "2"})))
    change = (await foreseen(deployer, body(balancer("a", tags={"x": "1"}))))[balancer_id("a")]
    assert change["delta"] == [{"path": "tags.y", "propertyChangeType": "Delete", "before": "2"}]


@pytest.mark.parametrize(("mode", "change"), [("Incremental", "Ignore"), ("Complete", "Delete")])
async def test_what_the_template_has_not_is_left_or_deleted_by_mode(deployer: Deployer, mode: str, change: str):
    await deployer.deploy(body(balancer("a")))
    changes = await foreseen(deployer, body(balancer("b"), mode=mode))
    assert changes[balancer_id("a")]["changeType"] == change


async def test_what_nested_deployments_have_is_foreseen_too(deployer: Deployer):
    changes = await foreseen(deployer, body(nested("inner", template(balancer("b")))))
    assert list(changes) == [balancer_id("b")]


async def test_a_resource_that_needs_what_is_not_there_yet_would_be_created(deployer: Deployer):
    asks = f"[reference('{NETWORK}').addressSpace]"
    later = resource("Microsoft.Network/networkInterfaces", "nic", NETWORK, properties={"x": asks})
    changes = await foreseen(deployer, body(network(), later))
    assert changes[INTERFACE]["changeType"] == "Create"
    assert "properties" not in changes[INTERFACE]["after"]


async def test_ids_only_when_asked(deployer: Deployer):
    asked = body(balancer("a"))
    await deployer.deploy(asked)
    asked["properties"]["whatIfSettings"] = {"resultFormat": "ResourceIdOnly"}
    assert list((await foreseen(deployer, asked)).values()) == [
        {"resourceId": balancer_id("a"), "changeType": "Deploy"}
    ]


async def test_an_invalid_template_is_refused(deployer: Deployer):
    status, error = await deployer.refused(body(balancer("[parameters('ghost')]")), f"{ONE}/whatIf", "POST")
    assert (status, error["code"]) == (400, "InvalidTemplate")
