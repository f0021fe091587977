"""Nested deployments."""

import pytest

from azvm_async.emulator.templates import Nested, expand
from emulator.templates.support import (
    NOTHING,
    SITE,
    SUBSCRIPTION,
    address,
    deploy,
    exists,
    names,
    planned,
    refusal,
    template,
    waits,
)


def deployment(inside, **members):
    properties = {"mode": "Incremental", "template": inside, **members.pop("properties", {})}
    return {
        "type": "Microsoft.Resources/deployments",
        "apiVersion": "1",
        "name": "n",
        "properties": properties,
        **members,
    }


INNER = {"expressionEvaluationOptions": {"scope": "inner"}}
WHO = {"who": {"type": "string"}}


def nested(*resources, references=NOTHING, **sections) -> Nested:
    found = planned(*resources, **sections).nested(references)
    assert found is not None
    return found


def test_a_resource_of_another_type_is_none():
    assert planned(address("ip")).nested(NOTHING) is None


def test_an_inner_template_is_handed_on_as_it_is_written():
    inside = template(address("[parameters('who')]"), parameters=WHO)
    properties = {**INNER, "parameters": {"who": {"value": "[variables('v')]"}}}
    found = nested(deployment(inside, properties=properties), variables={"v": "x"})
    assert found == Nested("n", "Incremental", inside, {"who": {"value": "x"}}, None, None)
    assert names(expand(found.template, found.parameters, SITE)) == ["x"]


def test_an_outer_template_sees_the_names_of_its_parent():
    inside = template(address("[variables('v')]"), variables={"v": "inner"})
    found = nested(deployment(inside), variables={"v": "outer"})
    assert names(expand(found.template, found.parameters, SITE)) == ["outer"]


def test_what_an_outer_template_has_become_is_not_evaluated_again():
    inside = template(address("ip", properties={"x": "[variables('v')]"}))
    found = nested(deployment(inside), variables={"v": "[[concat('a')]"})
    (one,) = expand(found.template, found.parameters, SITE).resources
    assert one.document(NOTHING)["properties"] == {"x": "[concat('a')]"}


def test_the_loops_of_an_outer_template_are_unrolled():
    inside = template(address("[concat('ip', copyIndex())]", copy={"name": "loop", "count": 2}))
    found = nested(deployment(inside))
    assert names(expand(found.template, found.parameters, SITE)) == ["ip0", "ip1"]


def test_an_outer_template_may_ask_for_what_its_parent_can():
    inside = template(address("ip", properties={"x": "[reference('a').x]"}))
    expanded = deploy(address("a"), deployment(inside))
    assert waits(expanded)["n"] == ["a"]
    found = expanded.resources[1].nested(exists("a", x=3))
    assert found.template["resources"][0]["properties"] == {"x": 3}


def test_asking_within_an_inner_template_is_no_dependency_of_the_parent():
    inside = template(address("a"), address("b", properties={"x": "[reference('a').x]"}))
    assert waits(deploy(address("a"), deployment(inside, properties=INNER)))["n"] == []


def test_the_copies_of_a_deployment_have_their_numbers():
    resource = deployment(template(address("[concat('ip', copyIndex())]")), copy={"name": "loop", "count": 2})
    expanded = deploy({**resource, "name": "[concat('n', copyIndex())]"})
    second = expanded.resources[1].nested(NOTHING)
    assert (second.name, second.template["resources"][0]["name"]) == ("n1", "ip1")


def test_a_deployment_may_go_elsewhere():
    one = planned(deployment(template(), resourceGroup="far", subscriptionId="two"))
    assert one.id == "/subscriptions/two/resourceGroups/far/providers/Microsoft.Resources/deployments/n"
    found = one.nested(NOTHING)
    assert (found.subscription, found.resource_group) == ("two", "far")
    near = planned(deployment(template(), resourceGroup="near"))
    assert near.id.startswith(f"{SUBSCRIPTION}/resourceGroups/near/")


def test_an_inner_template_is_checked_for_the_place_where_it_goes():
    inside = template(
        address("a"), address("b", dependsOn=["[resourceId('far', 'Microsoft.Network/publicIPAddresses', 'a')]"])
    )
    deploy(deployment(inside, properties=INNER, resourceGroup="far"))
    assert "is not defined in the template" in refusal(deployment(inside, properties=INNER)).message


def test_the_document_of_a_deployment_has_its_template_ready():
    document = planned(deployment(template(address("[variables('v')]"))), variables={"v": "x"}).document(NOTHING)
    assert document["properties"]["template"]["resources"][0]["name"] == "x"
    assert document["properties"]["mode"] == "Incremental"


@pytest.mark.parametrize(
    ("inside", "properties", "says"),
    [
        (template(address("[nothing()]")), INNER, "'nothing' is not valid"),
        (template(address("ip"), address("ip")), INNER, "is defined multiple times"),
        (template(address("[parameters('who')]"), parameters=WHO), INNER, "The value for the template parameter 'who'"),
        (template(address("ip")), {"mode": "Sometimes"}, "'Incremental' or 'Complete'"),
        (template(address("ip")), {"expressionEvaluationOptions": {"scope": "both"}}, "'inner' or 'outer'"),
        (template(address("ip")), {"parameters": []}, "must be an object"),
        (None, {}, "'template' of a nested deployment must be an object"),
    ],
)
def test_a_nested_template_is_checked_with_its_parent(inside, properties, says):
    assert says in refusal(deployment(inside, properties=properties)).message


def test_an_unknown_function_is_found_in_an_inner_template_that_waits_for_run_time_state():
    properties = {**INNER, "parameters": {"who": {"value": "[reference('a').x]"}}}
    inside = template(address("[nothing()]"), parameters=WHO)
    assert "'nothing' is not valid" in refusal(address("a"), deployment(inside, properties=properties)).message


@pytest.mark.parametrize("link", ["templateLink", "parametersLink"])
def test_links_are_refused(link):
    error = refusal(deployment(template(), properties={link: {"uri": "https://example.com/a.json"}}))
    assert error.code == "InvalidContentLink"
    assert "reads no URLs" in error.message


def test_a_subscription_without_a_group_is_refused():
    assert "resource groups only" in refusal(deployment(template(), subscriptionId="two")).message
