"""Outputs, and run-time state that isn't there."""

import pytest

from azvm_async.emulator.templates import TemplateError
from emulator.templates.support import NOTHING, Known, address, address_id, deploy, exists, refusal


def output(value, type_="string", **members):
    return {"o": {"type": type_, "value": value, **members}}


def test_an_output_has_its_type_and_its_value():
    assert deploy(outputs=output("[concat('a', 'b')]")).outputs(NOTHING) == {"o": {"type": "String", "value": "ab"}}


@pytest.mark.parametrize(
    ("type_", "shown", "secret"), [("securestring", "SecureString", "x"), ("secureObject", "SecureObject", {})]
)
def test_a_secret_output_is_not_shown(type_, shown, secret):
    assert deploy(outputs=output(secret, type_)).outputs(NOTHING) == {"o": {"type": shown}}


def test_an_output_whose_condition_does_not_hold_is_left_out():
    assert deploy(outputs=output("[reference('none')]", condition="[equals(1, 2)]")).outputs(NOTHING) == {}


def test_an_output_may_be_a_copy():
    outputs = {"o": {"type": "array", "copy": {"count": 2, "input": "[copyIndex(5)]"}}}
    assert deploy(outputs=outputs).outputs(NOTHING) == {"o": {"type": "Array", "value": [5, 6]}}


def test_an_output_may_ask_for_run_time_state():
    known = exists("ip", fqdn="a.b")
    expanded = deploy(address("ip"), outputs=output("[reference('ip').fqdn]"))
    assert expanded.outputs(known) == {"o": {"type": "String", "value": "a.b"}}
    assert known.versions == ["2021-05-01"]


def test_the_whole_document_can_be_asked_for():
    expanded = deploy(address("ip"), outputs=output("[reference('ip', '2', 'Full').location]"))
    assert expanded.outputs(exists("ip"))["o"]["value"] == "westeurope"


def test_lists_are_asked_for_with_their_name_version_and_body():
    expanded = deploy(address("ip"), outputs=output("[listSecrets('ip', '3', createObject('a', 1))]", "object"))
    assert expanded.outputs(exists("ip"))["o"]["value"] == {"of": "ip", "by": ["listSecrets", "3", {"a": 1}]}


def test_a_resource_that_is_absent_fails_the_document():
    (one,) = deploy(address("ip", properties={"x": f"[reference('{address_id('none')}', '1').x]"})).resources
    with pytest.raises(TemplateError) as caught:
        one.document(NOTHING)
    assert caught.value.code == "ResourceNotFound"
    assert "'Microsoft.Network/publicIPAddresses/none' under resource group 'rg' was not found" in caught.value.message


def test_outputs_that_fail_are_named_with_their_causes():
    outputs = {**output("[reference('ip').x]"), "p": {"type": "int", "value": "[reference('ip').y]"}}
    expanded = deploy(address("ip"), outputs={**outputs, "q": {"type": "int", "value": 1}})
    with pytest.raises(TemplateError) as caught:
        expanded.outputs(Known())
    assert caught.value.code == "DeploymentOutputEvaluationFailed"
    assert "Unable to evaluate template outputs: 'o,p'." in caught.value.message
    assert [each.code for each in caught.value.details] == ["ResourceNotFound", "ResourceNotFound"]


def test_an_output_of_the_wrong_type_fails_when_it_is_known():
    expanded = deploy(address("ip"), outputs=output("[reference('ip').x]"))
    with pytest.raises(TemplateError) as caught:
        expanded.outputs(exists("ip", x=1))
    assert "Expected 'String, Uri'. Actual 'Integer'" in caught.value.details[0].message


@pytest.mark.parametrize(
    ("outputs", "says"),
    [
        (output(1), "The template output 'o' is not valid: Template output JToken type is not valid"),
        (output("[variables('x')]"), "The template output 'o' is not valid: The template variable 'x' is not found"),
        (output("[reference('none').x]"), "The template reference 'none' is not valid"),
        (output("a", "text"), "has the type 'text'"),
        (output("a", condition=1), "expects a boolean"),
        ({"o": []}, "Expected an object"),
    ],
)
def test_an_output_that_can_not_be_is_refused_before_the_deployment(outputs, says):
    assert says in refusal(outputs=outputs).message
