"""Resources: their names and ids, copies, children, conditions, and their documents."""

import pytest

from emulator.templates.support import (
    GROUP,
    NOTHING,
    SUBSCRIPTION,
    address,
    address_id,
    deploy,
    exists,
    names,
    planned,
    refusal,
    refused,
    template,
)


def test_a_resource_is_known_by_its_id():
    one = planned(address("[concat('i', 'p')]"))
    assert (one.id, one.type, one.name) == (address_id("ip"), "Microsoft.Network/publicIPAddresses", "ip")
    assert one.api_version == "2021-05-01"


def test_its_document_is_the_body_of_a_put():
    resource = address(
        "ip",
        location="[resourceGroup().location]",
        tags={"a": "[toUpper('b')]"},
        sku={"name": "Basic"},
        zones=["1"],
        comments="none",
        condition=True,
        dependsOn=[],
        properties={"x": None, "y": "[[z]"},
    )
    assert planned(resource).document(NOTHING) == {
        "location": "westeurope",
        "tags": {"a": "B"},
        "sku": {"name": "Basic"},
        "zones": ["1"],
        "properties": {"x": None, "y": "[z]"},
    }


def test_documents_share_nothing():
    one = planned(address("ip", properties={"v": "[variables('v')]"}), variables={"v": {"list": []}})
    one.document(NOTHING)["properties"]["v"]["list"].append(1)
    assert one.document(NOTHING)["properties"]["v"] == {"list": []}


def test_the_members_of_a_resource_may_be_in_any_case():
    resource = {"Type": "A.B/c", "ApiVersion": "1", "NAME": "d", "Location": "x"}
    assert planned(resource).document(NOTHING) == {"location": "x"}


def test_copies_are_numbered():
    resource = address(
        "[concat('ip', copyIndex(1))]",
        copy={"name": "loop", "count": "[length('abc')]"},
        properties={"numbers": ["[copyIndex()]", "[copyIndex('LOOP')]", "[copyIndex('loop', 10)]"]},
    )
    expanded = deploy(resource)
    assert names(expanded) == ["ip1", "ip2", "ip3"]
    assert expanded.resources[2].document(NOTHING)["properties"] == {"numbers": [2, 2, 12]}


def test_a_copy_may_have_no_rounds():
    assert names(deploy(address("ip", copy={"name": "loop", "count": 0}))) == []


def test_properties_may_be_copies_within_a_copy():
    disks = {"name": "disks", "count": 2, "input": {"lun": "[copyIndex('disks')]", "of": "[copyIndex()]"}}
    resource = address("[concat('ip', copyIndex())]", copy={"name": "loop", "count": 2}, properties={"copy": [disks]})
    assert deploy(resource).resources[1].document(NOTHING)["properties"] == {
        "disks": [{"lun": 0, "of": 1}, {"lun": 1, "of": 1}]
    }


def test_a_property_that_is_called_copy_is_none():
    assert planned(address("ip", properties={"copy": "all"})).document(NOTHING)["properties"] == {"copy": "all"}


@pytest.mark.parametrize("condition", [False, "[equals(1, 2)]", "false"])
def test_a_resource_whose_condition_does_not_hold_is_left_out(condition):
    assert names(deploy(address("a"), address("b", condition=condition))) == ["a"]


def test_children_follow_their_parent_with_its_type_and_name():
    child = {"type": "subnets", "apiVersion": "2", "name": "[concat('s', copyIndex())]"}
    parent = {
        "type": "Microsoft.Network/virtualNetworks",
        "apiVersion": "1",
        "name": "[concat('v', copyIndex())]",
        "copy": {"name": "loop", "count": 2},
        "resources": [child],
    }
    expanded = deploy(parent)
    assert names(expanded) == ["v0", "v0/s0", "v1", "v1/s1"]
    last = expanded.resources[-1]
    assert last.type == "Microsoft.Network/virtualNetworks/subnets"
    assert last.id == f"{GROUP}/providers/Microsoft.Network/virtualNetworks/v1/subnets/s1"
    assert last.depends_on == frozenset()


def test_a_child_may_be_written_with_its_full_type_and_name():
    kind = "Microsoft.Network/virtualNetworks"
    child = {"type": f"{kind.lower()}/subnets", "apiVersion": "2", "name": "[concat('v', '/s')]"}
    expanded = deploy({"type": kind, "apiVersion": "1", "name": "v", "resources": [child]})
    assert names(expanded) == ["v", "v/s"]


def test_a_child_with_its_full_type_but_not_its_full_name_is_refused():
    child = {"type": "Microsoft.Network/virtualNetworks/subnets", "apiVersion": "2", "name": "s"}
    parent = {"type": "Microsoft.Network/virtualNetworks", "apiVersion": "1", "name": "v", "resources": [child]}
    assert "incorrect segment lengths" in refusal(parent).message


@pytest.mark.parametrize(
    "scope",
    ["Microsoft.Network/publicIPAddresses/ip", "[resourceId('Microsoft.Network/publicIPAddresses', 'ip')]"],
)
def test_an_extension_resource_lies_under_its_scope(scope):
    lock = {"type": "Microsoft.Authorization/locks", "apiVersion": "1", "name": "l", "scope": scope}
    assert planned(lock).id == f"{address_id('ip')}/providers/Microsoft.Authorization/locks/l"


def test_an_extension_resource_may_be_written_as_a_child():
    lock = {
        "type": "Microsoft.Network/publicIPAddresses/providers/locks",
        "apiVersion": "1",
        "name": "ip/Microsoft.Authorization/l",
    }
    assert planned(lock).id == f"{address_id('ip')}/providers/Microsoft.Authorization/locks/l"


def test_a_resource_may_be_there_twice_when_one_condition_holds():
    expanded = deploy(address("ip", condition=False, location="a"), address("ip", location="b"))
    assert [each.document(NOTHING) for each in expanded.resources] == [{"location": "b"}]


def test_run_time_state_is_asked_for_when_the_document_is():
    resource = address(
        "ip", properties={"of": "[reference(resourceId('Microsoft.Network/publicIPAddresses', 'old'), '1').x]"}
    )
    one = planned(resource)
    assert one.static_document() is None
    assert one.document(exists("old", x=7))["properties"] == {"of": 7}


def test_a_document_without_run_time_state_is_known_at_once():
    assert planned(address("ip", location="x")).static_document() == {"location": "x"}


@pytest.mark.parametrize(
    ("members", "says"),
    [
        ({"name": ""}, "The name property cannot be null or empty"),
        ({"name": "[concat('', '')]"}, "The name must be a string"),
        ({"name": "[1]"}, "The name must be a string"),
        ({"name": "a/b"}, "incorrect segment lengths"),
        ({"type": None}, "The type property cannot be null or empty"),
        ({"apiVersion": None}, "The apiVersion property cannot be null or empty"),
        ({"propertys": {}}, "Could not find member 'propertys' on object of type 'TemplateResource'"),
        ({"condition": "maybe"}, "The condition must be a boolean"),
        ({"condition": "[reference('ip')]"}, "'reference' is not expected at this location"),
        ({"name": "[reference('ip').x]"}, "'reference' is not expected at this location"),
        ({"copy": {"name": "loop", "count": 801}}, "copy count '801'"),
        ({"copy": {"name": "loop", "count": -1}}, "copy count '-1'"),
        ({"copy": {"name": "loop", "count": "[reference('ip').x]"}}, "'reference' is not expected at this location"),
        ({"copy": {"name": "loop", "count": 2}}, "is defined multiple times in a template"),
        ({"copy": {"count": 2}}, "'name'"),
        ({"resourceGroup": "other"}, "'resourceGroup' is for nested deployments only"),
        ({"resources": {}}, "nested resources must be an array"),
        ({"existing": "yes"}, "'existing' must be a boolean"),
    ],
)
def test_a_resource_that_makes_no_sense_is_refused(members, says):
    error = refusal({**address("ip"), **members})
    assert error.code == "InvalidTemplate"
    assert says in error.message


def test_a_nested_resource_can_not_be_copied():
    child = {"type": "x", "apiVersion": "1", "name": "c", "copy": {"name": "loop", "count": 1}}
    assert "Copying nested resources is not supported" in refusal(address("ip", resources=[child])).message


@pytest.mark.parametrize(
    ("document", "says"),
    [
        (None, "Expected an object"),
        ([], "Expected an object"),
        ({}, "Required property '$schema' not found"),
        ({"$schema": "x", "contentVersion": "1"}, "Required property 'resources' not found"),
        (template(resource=[]), "Could not find member 'resource' on object of type 'Template'"),
        ({**template(), "resources": 1}, "'resources'"),
        ({**template(), "resources": {"a": address("a")}}, "languageVersion"),
        (template(variables=[]), "'variables'"),
        (template(outputs=1), "'outputs'"),
    ],
)
def test_what_is_no_template_is_refused(document, says):
    error = refused(document)
    assert error.code == "InvalidTemplate"
    assert says in error.message


def test_symbolic_names_stand_for_resources():
    resources = {
        "first": address("a"),
        "second": address("b", dependsOn=["first"], properties={"x": "[reference('first').y]"}),
        "old": address("c", existing=True),
        "third": address("d", properties={"x": "[reference('old', '1', 'full').location]"}),
    }
    expanded = deploy(languageVersion="2.0", resources=resources)
    assert names(expanded) == ["a", "b", "d"]
    assert expanded.resources[1].depends_on == {address_id("a").lower()}
    assert expanded.resources[1].document(exists("a", y=1))["properties"] == {"x": 1}
    assert expanded.resources[2].document(exists("c"))["properties"] == {"x": "westeurope"}


def test_a_copy_has_its_number_behind_its_symbolic_name():
    resources = {
        "all": address("[concat('a', copyIndex())]", copy={"name": "all", "count": 2}),
        "one": address("b", dependsOn=["all[1]"]),
        "last": address("c", dependsOn=["all"]),
    }
    expanded = deploy(languageVersion="2.0", resources=resources)
    assert expanded.resources[2].depends_on == {address_id("a1").lower()}
    assert expanded.resources[3].depends_on == {address_id("a0").lower(), address_id("a1").lower()}


def test_an_existing_resource_may_be_in_another_group():
    resources = {
        "old": address("c", existing=True, resourceGroup="far"),
        "new": address("d", properties={"x": "[reference('old').y]"}),
    }
    (one,) = deploy(languageVersion="2.0", resources=resources).resources
    known = exists("c", y=3)
    known.documents = {address_id("c", f"{SUBSCRIPTION}/resourceGroups/far").lower(): known.documents.popitem()[1]}
    assert one.document(known)["properties"] == {"x": 3}


@pytest.mark.parametrize(
    ("section", "limit", "part"),
    [
        ("parameters", 256, {"type": "int", "defaultValue": 1}),
        ("variables", 512, 1),
        ("outputs", 64, {"type": "int", "value": 1}),
    ],
)
def test_a_template_has_no_more_of_anything_than_arm_takes(section, limit, part):
    def many(count):
        return {section: {f"n{number}": part for number in range(count)}}

    deploy(**many(limit))
    assert f"Limit: '{limit}' and actual: '{limit + 1}'" in refusal(**many(limit + 1)).message


def test_a_template_has_no_more_resources_than_arm_takes():
    loops = [address(f"[concat('{name}', copyIndex())]", copy={"name": name, "count": 400}) for name in "ab"]
    assert len(deploy(*loops).resources) == 800
    assert "Limit: '800' and actual: '801'" in refusal(*loops, address("c")).message


def test_a_symbolic_name_goes_before_the_name_of_another_resource():
    resources = {"a": address("b"), "b": address("a"), "c": address("c", dependsOn=["a"])}
    expanded = deploy(languageVersion="2.0", resources=resources)
    assert expanded.resources[2].depends_on == {address_id("b").lower()}
