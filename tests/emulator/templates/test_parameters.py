"""Parameters, variables and the template's own functions."""

import pytest

from azvm_async.emulator.templates import TemplateError
from emulator.templates.support import address, deploy, given, refusal, refused, template, value


def parameter(type_, **members):
    return {"p": {"type": type_, **members}}


@pytest.mark.parametrize(
    ("type_", "shown", "default"),
    [
        ("string", "String", "a"),
        ("INT", "Int", 1),
        ("bool", "Bool", False),
        ("object", "Object", {}),
        ("array", "Array", []),
    ],
)
def test_a_parameter_has_its_default(type_, shown, default):
    expanded = deploy(parameters=parameter(type_, defaultValue=default))
    assert expanded.parameters == {"p": {"type": shown, "value": default}}


@pytest.mark.parametrize(
    ("type_", "shown", "secret"), [("secureString", "SecureString", "x"), ("secureobject", "SecureObject", {})]
)
def test_a_secret_is_not_shown(type_, shown, secret):
    assert given({"p": secret}, parameters=parameter(type_)).parameters == {"p": {"type": shown}}


def test_a_given_value_goes_before_the_default_and_names_have_no_case():
    expanded = given({"P": 5}, parameters=parameter("int", defaultValue=1))
    assert expanded.parameters["p"]["value"] == 5


def test_a_default_may_use_other_parameters_wherever_they_stand():
    parameters = {
        "a": {"type": "string", "defaultValue": "[concat(parameters('B'), '!')]"},
        "b": {"type": "string", "defaultValue": "x"},
    }
    assert deploy(parameters=parameters).parameters["a"]["value"] == "x!"


def test_null_can_be_the_value_of_a_nullable_parameter():
    assert given({}, parameters=parameter("string", nullable=True)).parameters["p"]["value"] is None


def test_a_user_defined_type_is_followed():
    sections = {
        "definitions": {"small": {"type": "int", "maxValue": 3}},
        "parameters": {"p": {"$ref": "#/definitions/small"}},
    }
    assert given({"p": 3}, **sections).parameters["p"] == {"type": "Int", "value": 3}
    with pytest.raises(TemplateError, match="less than or equal to '3'"):
        given({"p": 4}, **sections)


@pytest.mark.parametrize(
    ("definition", "good", "bad", "says"),
    [
        (parameter("string"), "a", 1, "Expected 'String, Uri'. Actual 'Integer'"),
        (parameter("int"), 1, True, "Expected 'Integer'. Actual 'Boolean'"),
        (parameter("int"), 1, "1", "Expected 'Integer'. Actual 'String'"),
        (parameter("array"), [], {}, "Expected 'Array'. Actual 'Object'"),
        (parameter("string", allowedValues=["a", "B"]), "b", "c", "not part of the allowed value(s): 'a,B'"),
        (parameter("array", allowedValues=["a", "b"]), ["a", "b"], ["c"], "not part of the allowed value(s)"),
        (parameter("string", minLength=2), "ab", "a", "greater than or equal to '2'"),
        (parameter("securestring", maxLength=2), "ab", "abc", "less than or equal to '2'"),
        (parameter("int", minValue=2), 2, 1, "greater than or equal to '2'"),
        (parameter("int", maxValue=2), 2, 3, "less than or equal to '2'"),
    ],
)
def test_a_value_must_be_what_its_definition_allows(definition, good, bad, says):
    given({"p": good}, parameters=definition)
    error = refused(template(parameters=definition), {"p": {"value": bad}})
    assert error.code == "InvalidTemplate"
    assert says in error.message
    assert "'p'" in error.message


def test_a_secret_is_not_told_when_it_is_refused():
    error = refused(template(parameters=parameter("securestring", allowedValues=["a"])), {"p": {"value": "hush"}})
    assert "hush" not in error.message


def test_a_missing_value_is_named_in_arms_words():
    message = refused(template(parameters=parameter("string"))).message
    assert message.startswith(
        "Deployment template validation failed: 'The value for the template parameter 'p' at line '1' and column '0' is not provided."
    )


def test_a_value_that_the_template_does_not_know_is_refused():
    message = refused(template(parameters=parameter("string")), {"p": {"value": ""}, "q": {"value": 1}}).message
    assert "The template parameters 'q' in the parameters file are not valid" in message
    assert "The only supported parameters for this template are 'p'" in message


def test_a_reference_to_a_key_vault_is_refused():
    reference = {"keyVault": {"id": "/x"}, "secretName": "s"}
    error = refused(template(parameters=parameter("securestring")), {"p": {"reference": reference}})
    assert error.code == "KeyVaultParameterReferenceNotFound"


@pytest.mark.parametrize(
    "parameters",
    [
        {"a": {"type": "string", "defaultValue": "[parameters('a')]"}},
        {"a": {"type": "string", "defaultValue": "[variables('v')]"}},
        {"a": {"type": "string", "defaultValue": "[reference('x')]"}},
        {"a": {"type": "text"}},
        {"a": {}},
        {"a": 1},
        {"a": {"type": "string", "default": ""}},
        {"a": {"$ref": "#/definitions/none"}},
    ],
)
def test_a_parameter_that_makes_no_sense_is_refused(parameters):
    assert refusal(parameters=parameters, variables={"v": 1}).code == "InvalidTemplate"


def test_variables_may_use_each_other():
    assert value("[variables('A')]", variables={"a": ["[variables('b').x]"], "b": {"x": 1}}) == [1]


def test_variables_may_be_copies():
    variables = {
        "copy": [{"name": "top", "count": 2, "input": "[copyIndex('top', 1)]"}],
        "inner": {"before": 0, "copy": [{"name": "disks", "count": 2, "input": {"lun": "[copyIndex('disks')]"}}]},
    }
    assert value("[variables('top')]", variables=variables) == [1, 2]
    assert value("[variables('inner')]", variables=variables) == {"before": 0, "disks": [{"lun": 0}, {"lun": 1}]}


@pytest.mark.parametrize(
    ("variables", "says"),
    [
        ({"a": "[variables('b')]", "b": "[variables('a')]"}, "Circular reference detected on variable"),
        ({"a": "[reference('x')]"}, "The template function 'reference' is not expected at this location"),
        ({"a": "[parameters('x')]"}, "The template parameter 'x' is not found"),
        ({"copy": [{"name": "a", "count": 801, "input": 1}]}, "copy count '801'"),
        ({"copy": [{"count": 1, "input": 1}]}, "'name'"),
    ],
)
def test_a_variable_that_makes_no_sense_is_refused_even_when_it_is_not_used(variables, says):
    assert says in refusal(variables=variables).message


FUNCTIONS = [
    {
        "namespace": "my",
        "members": {
            "name": {
                "parameters": [{"name": "prefix", "type": "string"}],
                "output": {"type": "string", "value": "[concat(toLower(parameters('Prefix')), '!')]"},
            }
        },
    }
]


def test_a_template_may_have_functions_of_its_own():
    assert value("[My.Name('A')]", functions=FUNCTIONS) == "a!"


@pytest.mark.parametrize("call", ["my.name()", "my.other('a')"])
def test_a_function_of_the_template_is_called_as_it_is_defined(call):
    assert "my." in refusal(address("ip", properties={"v": f"[{call}]"}), functions=FUNCTIONS).message


def test_a_function_of_the_template_sees_its_arguments_only():
    function = {"parameters": [], "output": {"type": "int", "value": "[variables('v')]"}}
    functions = [{"namespace": "my", "members": {"f": function}}]
    assert (
        "'v' is not found"
        in refusal(address("ip", properties={"v": "[my.f()]"}), functions=functions, variables={"v": 1}).message
    )
