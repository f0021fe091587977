"""Templates and their parameters: what is refused before anything is sent."""

import pytest

from azvm_async.errors import InvalidRequest
from azvm_async.protocol.template import checked_template, declared, declared_name, not_secure, wired

EMPTY = {"resources": []}


def template(**parameters):
    return {"parameters": parameters, "resources": []}


def sent(value, **about):
    """Return a value as it is sent for a parameter that is declared so."""
    return wired(template(it=about), {"it": {"value": value}})["it"]["value"]


@pytest.mark.parametrize(
    "shape",
    [
        EMPTY,
        {"resources": {"vm": {"type": "x"}}},
        {"resources": ({"type": "x"},)},
        {"resources": [], "parameters": {}, "outputs": {}},
    ],
)
def test_template_is_taken_as_it_is(shape):
    assert checked_template(shape) is shape


@pytest.mark.parametrize("shape", [None, [], "x", 5, {}, {"resources": None}, {"resources": "x"}, {"Resources": []}])
def test_what_has_no_resources_is_no_template(shape):
    with pytest.raises(InvalidRequest, match="with 'resources'"):
        checked_template(shape)


@pytest.mark.parametrize("parameters", [None, [], "x"])
def test_template_whose_parameters_are_no_object_is_refused(parameters):
    with pytest.raises(InvalidRequest, match="'parameters' are not a JSON object"):
        checked_template({"resources": [], "parameters": parameters})


def endless():
    """Return a list that holds itself."""
    found = []
    found.append(found)
    return found


NOT_JSON = {
    "object": object(),
    "set": {1},
    "bytes": b"x",
    "nan": float("nan"),
    "infinity": float("inf"),
    "endless": endless(),
    "names-of-two-kinds": {"a": 1, 2: 3},
    "name": {(1, 2): 3},
}
not_json = pytest.mark.parametrize("odd", NOT_JSON.values(), ids=NOT_JSON)


@not_json
def test_template_that_is_not_json_is_refused(odd):
    with pytest.raises(InvalidRequest, match="The template is not JSON"):
        checked_template({"resources": [odd]})


@not_json
def test_value_that_is_not_json_is_refused(odd):
    with pytest.raises(InvalidRequest, match="The value of 'it' is not JSON"):
        sent(odd)


def test_declarations_are_the_templates_objects_by_name():
    assert declared({"parameters": {"a": {"type": "int"}, "b": 5, 3: {}}}) == {"a": {"type": "int"}}


@pytest.mark.parametrize("name", ["vmName", "vmname", "VMNAME"])
def test_name_is_found_in_any_case(name):
    assert declared_name(template(vmName={}), name) == "vmName"


def test_name_that_is_not_declared_is_none():
    assert declared_name(template(vmName={}), "name") is None


def test_parameter_is_sent_as_the_template_spells_it():
    assert wired(template(vmName={}), {"VMNAME": {"value": "vm1"}}) == {"vmName": {"value": "vm1"}}


def test_parameter_that_is_not_declared_is_refused_with_those_that_are():
    with pytest.raises(InvalidRequest, match=r"no parameter 'c'; it declares: a, b"):
        wired(template(a={"defaultValue": 1}, b={"defaultValue": 1}), {"c": {"value": 1}})


def test_parameter_of_a_template_without_any_is_refused():
    with pytest.raises(InvalidRequest, match=r"it declares: none"):
        wired(EMPTY, {"c": {"value": 1}})


def test_parameter_that_is_given_in_two_spellings_is_refused():
    with pytest.raises(InvalidRequest, match="'vmName' is given twice"):
        wired(template(vmName={}), {"vmName": {"value": "a"}, "VMName": {"value": "a"}})


def test_all_missing_parameters_are_named():
    with pytest.raises(InvalidRequest, match=r"needs a value for: a, b$"):
        wired(template(a={"type": "int"}, b={"type": "int"}, c={"type": "int", "defaultValue": 1}), {})


@pytest.mark.parametrize("about", [{"defaultValue": None}, {"defaultValue": 0}, {"nullable": True}])
def test_parameter_that_may_be_left_out_is(about):
    assert wired(template(it=about), {}) == {}


def test_nullable_must_be_true():
    with pytest.raises(InvalidRequest, match="needs a value"):
        wired(template(it={"nullable": False}), {})


def test_reference_to_a_key_vault_goes_through():
    reference = {"reference": {"keyVault": {"id": "x"}, "secretName": "y"}}
    assert wired(template(it={"type": "securestring", "minLength": 12}), {"it": reference}) == {"it": reference}


FITTING = [
    ("string", "x"),
    ("String", ""),
    ("securestring", "x"),
    ("secureString", "x"),
    ("int", 5),
    ("INT", -1),
    ("bool", True),
    ("bool", False),
    ("array", []),
    ("array", (1, 2)),
    ("object", {}),
    ("secureObject", {"a": 1}),
    ("a type to come", 5),
    (None, 5),
]


@pytest.mark.parametrize(("kind", "value"), FITTING)
def test_value_of_its_type_is_sent(kind, value):
    assert sent(value, type=kind) == value


WRONG = [
    ("string", 5, "is a str, not a int"),
    ("string", None, "is a str, not a NoneType"),
    ("securestring", 5, "is a str, not a int"),
    ("int", "5", "is an int, not a str"),
    ("int", 5.0, "is an int, not a float"),
    ("int", True, "is an int, not a bool"),
    ("bool", "true", "is True or False, not a str"),
    ("bool", 1, "is True or False, not a int"),
    ("array", "x", "is a list, not a str"),
    ("array", {}, "is a list, not a dict"),
    ("object", [], "is a dict, not a list"),
    ("secureObject", "x", "is a dict, not a str"),
    ("STRING", 5, "is a str"),
]


@pytest.mark.parametrize(("kind", "value", "words"), WRONG)
def test_value_of_another_type_is_refused(kind, value, words):
    with pytest.raises(InvalidRequest, match=f"'it' {words}"):
        sent(value, type=kind)


def test_null_is_a_value_of_what_is_nullable():
    assert sent(None, type="string", nullable=True, minLength=3) is None


BOUNDS = [
    ({"type": "int", "minValue": 2}, 2, 1, "is below 2"),
    ({"type": "int", "minValue": 0}, 0, -1, "is below 0"),
    ({"type": "int", "maxValue": 8}, 8, 9, "is above 8"),
    ({"type": "string", "minLength": 3}, "abc", "ab", "is shorter than 3"),
    ({"type": "string", "maxLength": 3}, "abc", "abcd", "is longer than 3"),
    ({"type": "array", "minLength": 1}, [1], [], "is shorter than 1"),
    ({"type": "array", "maxLength": 1}, [1], [1, 2], "is longer than 1"),
]


@pytest.mark.parametrize(("about", "value"), [(about, within) for about, within, _, _ in BOUNDS])
def test_value_at_its_bound_is_sent(about, value):
    assert sent(value, **about) == value


@pytest.mark.parametrize(("about", "value", "words"), [(about, beyond, words) for about, _, beyond, words in BOUNDS])
def test_value_beyond_its_bound_is_refused(about, value, words):
    with pytest.raises(InvalidRequest, match=words):
        sent(value, **about)


@pytest.mark.parametrize("bound", ["minValue", "maxValue", "minLength", "maxLength"])
def test_bound_that_is_an_expression_is_arms_to_check(bound):
    assert sent(5, **{bound: "[variables('most')]"}) == 5


ALLOWED = [("small", "small"), ("SMALL", "small"), (5, 5), (["a"], "a"), (["a", "B"], "a b"), (["b", "a"], "a b")]


@pytest.mark.parametrize(("value", "allowed"), ALLOWED)
def test_value_that_is_allowed_is_sent(value, allowed):
    choices = allowed.split() if isinstance(allowed, str) else [allowed]
    assert sent(value, allowedValues=choices) == value


def test_list_that_is_allowed_as_a_whole_is_sent():
    assert sent([1, 2], allowedValues=[[1, 2], [3]]) == [1, 2]


@pytest.mark.parametrize("value", ["medium", 5, ["small", "medium"]])
def test_value_that_is_not_allowed_is_refused_with_those_that_are(value):
    with pytest.raises(InvalidRequest, match="the template allows 'small', 'large'"):
        sent(value, allowedValues=["small", "large"])


def test_refusal_shows_the_value_that_is_none_of_the_allowed():
    with pytest.raises(InvalidRequest, match="'it' can't be 'medium'"):
        sent("medium", type="string", allowedValues=["small"])


def test_refusal_shows_the_beginning_of_a_long_value():
    with pytest.raises(InvalidRequest, match=r"can't be 'x{38}…; the template"):
        sent("x" * 1000, type="string", allowedValues=["small"])


@pytest.mark.parametrize(("about", "value"), [(about, beyond) for about, _, beyond, _ in BOUNDS if beyond])
def test_refusal_for_a_bound_never_shows_the_value(about, value):
    with pytest.raises(InvalidRequest) as caught:
        sent(value, **about)
    assert repr(value) not in str(caught.value)


@pytest.mark.parametrize("name", ["customData", "CUSTOMDATA"])
def test_refusal_never_shows_custom_data(name: str):
    declared_so = template(customData={"type": "string", "allowedValues": ["x"]})
    with pytest.raises(InvalidRequest) as caught:
        wired(declared_so, {name: {"value": "hunter2"}})
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("value", "about"),
    [
        ("hunter2", {"type": "securestring", "minLength": 12}),
        ("hunter2", {"type": "secureString", "allowedValues": ["x"]}),
        ({"a": "hunter2"}, {"type": "secureObject", "maxLength": 0}),
        ("hunter2", {"type": "secureObject"}),
        ({"hunter2"}, {"type": "secureObject"}),
    ],
)
def test_refusal_never_shows_a_secure_value(value, about):
    with pytest.raises(InvalidRequest) as caught:
        sent(value, **about)
    assert "hunter2" not in f"{caught.value} {caught.value.__cause__}"


def test_secure_parameters_are_told_apart():
    kinds = {"a": {"type": "string"}, "b": {"type": "securestring"}, "c": {"type": "SecureObject"}, "d": {}}
    parameters = {name: {"value": name} for name in kinds}
    assert not_secure(template(**kinds), parameters) == {"a": {"value": "a"}, "d": {"value": "d"}}


DEFINITIONS = {
    "pw": {"type": "securestring", "minLength": 12},
    "size": {"type": "string", "allowedValues": ["small"], "nullable": True},
    "again": {"$ref": "#/definitions/pw"},
    "sizes": {"type": "array", "items": {"$ref": "#/definitions/size"}},
    "account": {"type": "object", "properties": {"name": {"type": "string"}, "pw": {"$ref": "#/definitions/again"}}},
    "list": {"type": "object", "properties": {"next": {"$ref": "#/definitions/list"}}},
    "round": {"$ref": "#/definitions/round"},
    "odd": 5,
}
DANGLING = ["#/definitions/none", "#/definitions/round", "#/definitions/odd", "#/outputs/pw", "pw", 5, None]


def referring(reference, **more):
    """Return a template whose parameter is declared by reference."""
    return {**template(it={"$ref": reference, **more}), "definitions": DEFINITIONS}


def by_definition(name, value):
    """Return a value as it is sent for a parameter that is declared by a definition."""
    return wired(referring(f"#/definitions/{name}"), {"it": {"value": value}})["it"]["value"]


@pytest.mark.parametrize(
    ("name", "secret"),
    [("pw", True), ("again", True), ("account", True), ("size", False), ("sizes", False), ("list", False)],
)
def test_what_refers_to_a_secret_is_one(name: str, secret: bool):
    left = not_secure(referring(f"#/definitions/{name}"), {"it": {"value": "x"}})
    assert (left == {}) is secret


@pytest.mark.parametrize("reference", DANGLING)
def test_what_refers_to_nothing_is_a_secret(reference):
    assert not_secure(referring(reference), {"it": {"value": "x"}}) == {}


def test_what_refers_to_something_without_any_definitions_is_a_secret():
    assert not_secure(template(it={"$ref": "#/definitions/pw"}), {"it": {"value": "x"}}) == {}


@pytest.mark.parametrize("reference", DANGLING)
@pytest.mark.parametrize("value", ["x", 5, None, []])
def test_what_refers_to_nothing_is_arms_to_check(reference, value):
    given = {"it": {"value": value}}
    assert wired(referring(reference, type="int", maxValue=1), given) == given


@pytest.mark.parametrize("reference", ["#/definitions/none", "#/definitions/size"])
def test_what_may_be_null_by_reference_may_be_left_out(reference):
    assert wired(referring(reference), {}) == {}


def test_what_must_be_given_by_reference_is_missed():
    with pytest.raises(InvalidRequest, match="needs a value for: it"):
        wired(referring("#/definitions/pw"), {})


def test_null_is_a_value_of_what_is_nullable_by_reference():
    assert by_definition("size", None) is None


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [("pw", 5, "is a str"), ("again", 5, "is a str"), ("pw", "short", "shorter than 12"), ("size", "x", "'small'")],
)
def test_value_is_checked_by_the_definition(name: str, value, words: str):
    with pytest.raises(InvalidRequest, match=words):
        by_definition(name, value)


def test_what_is_declared_beside_a_reference_counts():
    with pytest.raises(InvalidRequest, match="longer than 13"):
        wired(referring("#/definitions/pw", maxLength=13), {"it": {"value": "x" * 14}})
