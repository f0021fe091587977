"""What resources wait for."""

import pytest

from emulator.templates.support import address, address_id, deploy, exists, refusal, waits


@pytest.mark.parametrize(
    "entry",
    [
        "A",
        "Microsoft.Network/publicIPAddresses/a",
        address_id("a"),
        "[resourceId('Microsoft.Network/publicIPAddresses/', 'a')]",
        "[concat('Microsoft.Network/publicIPAddresses/', 'a')]",
    ],
)
def test_a_dependency_is_named_in_many_ways(entry):
    assert waits(deploy(address("a"), address("b", dependsOn=[entry])))["b"] == ["a"]


def test_a_loop_is_waited_for_as_a_whole():
    expanded = deploy(
        address("[concat('a', copyIndex())]", copy={"name": "loop", "count": 2}), address("b", dependsOn=["loop"])
    )
    assert waits(expanded)["b"] == ["a0", "a1"]


def test_each_copy_may_wait_for_its_own():
    first = address("[concat('a', copyIndex())]", copy={"name": "as", "count": 2})
    second = address(
        "[concat('b', copyIndex())]", copy={"name": "bs", "count": 2}, dependsOn=["[concat('a', copyIndex())]"]
    )
    assert waits(deploy(first, second))["b1"] == ["a1"]


def test_a_child_is_named_in_the_ways_of_ids_and_names():
    parent = {"type": "A.B/c", "apiVersion": "1", "name": "p", "resources": []}
    parent["resources"] = [{"type": "d", "apiVersion": "1", "name": "q", "dependsOn": ["p"]}]
    for entry in ("p/q", "A.B/c/d/p/q", "A.B/c/p/d/q", "[resourceId('A.B/c/d', 'p', 'q')]"):
        assert waits(deploy(parent, address("x", dependsOn=[entry]))) == {"p": [], "p/q": ["p"], "x": ["q"]}


def test_what_is_not_deployed_is_not_waited_for():
    assert waits(deploy(address("a", condition=False), address("b", dependsOn=["a"]))) == {"b": []}


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("[reference('a').x]", ["a"]),
        ("[reference('a', '2021-05-01').x]", ["a"]),
        ("[reference(resourceId('Microsoft.Network/publicIPAddresses', 'a')).x]", ["a"]),
        ("[reference(resourceId('Microsoft.Network/publicIPAddresses', 'a'), '2021-05-01').x]", []),
        ("[listKeys('a', '2021-05-01').x]", ["a"]),
        ("[if(false(), reference('a').x, 1)]", ["a"]),
        ("[concat('a')]", []),
    ],
)
def test_asking_for_run_time_state_is_a_dependency(expression, expected):
    assert waits(deploy(address("a"), address("b", properties={"x": [expression]})))["b"] == expected


@pytest.mark.parametrize(
    ("resources", "says"),
    [
        ([address("a", dependsOn=["b"])], "The resource 'b' is not defined in the template"),
        ([address("a", dependsOn=["a"])], f"Circular dependency detected on resource: '{address_id('a')}'"),
        (
            [address("a", dependsOn=["b"]), address("b", properties={"x": "[reference('a').x]"})],
            "Circular dependency detected on resource",
        ),
        ([address("a", dependsOn="b")], "must be an array of strings"),
        ([address("a", dependsOn=[1])], "must be an array of strings"),
        ([address("a", dependsOn=["[reference('a').x]"])], "'reference' is not expected at this location"),
        ([address("a", properties={"x": "[reference('b').x]"})], "The template reference 'b' is not valid"),
        ([address("a", properties={"x": f"[reference('{address_id('b')}').x]"})], "is not defined in the template"),
        (
            [address("a"), {"type": "A.B/c", "apiVersion": "1", "name": "a"}, address("b", dependsOn=["a"])],
            "'a' is ambiguous",
        ),
    ],
)
def test_a_dependency_that_can_not_be_is_refused(resources, says):
    error = refusal(*resources)
    assert error.code == "InvalidTemplate"
    assert says in error.message


def test_a_type_with_a_name_stands_for_what_exists_in_the_group():
    expression = "[reference('Microsoft.Network/publicIPAddresses/old', '1').x]"
    (one,) = deploy(address("ip", properties={"x": expression})).resources
    assert one.document(exists("old", x=4))["properties"] == {"x": 4}


def test_two_loops_may_have_the_same_name():
    loop = {"name": "loop", "count": 2}
    expanded = deploy(
        address("[concat('a', copyIndex())]", copy=loop),
        address("[concat('b', copyIndex())]", copy=loop),
        address("c", dependsOn=["loop"]),
    )
    assert waits(expanded)["c"] == ["a0", "a1", "b0", "b1"]
