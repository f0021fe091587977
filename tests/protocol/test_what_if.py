"""What a deployment would do, as ARM tells it."""

import pytest

from azvm_async.protocol.what_if import PropertyChange, ResourceChange, changes_in, validated_in
from protocol.deployments import DISK, NIC
from protocol.support import VM

SIZE = "properties.hardwareProfile.vmSize"


def only(change):
    """Return the one change that an answer tells of."""
    (found,) = changes_in({"status": "Succeeded", "properties": {"changes": [change]}})
    return found


@pytest.mark.parametrize("word", ["Create", "Delete", "Modify", "NoChange", "Deploy", "Ignore", "Unsupported", "New"])
def test_a_change_keeps_azures_word(word):
    assert only({"resourceId": VM, "changeType": word}) == ResourceChange(VM, word)


def test_a_change_shows_the_resource_now_and_then():
    change = only({"resourceId": VM, "changeType": "Modify", "before": {"a": 1}, "after": {"a": 2}})
    assert (change.before, change.after) == ({"a": 1}, {"a": 2})


@pytest.mark.parametrize("odd", [None, 5, "x", [], [{}]])
def test_a_resource_that_is_no_object_is_none(odd):
    change = only({"before": odd, "after": odd})
    assert (change.before, change.after) == (None, None)


def test_a_delta_tells_each_property():
    delta = [{"path": SIZE, "propertyChangeType": "Modify", "before": "small", "after": "large"}]
    assert only({"delta": delta}).delta == (PropertyChange(SIZE, "Modify", "small", "large"),)


def test_a_property_has_its_children():
    children = [{"path": "0", "propertyChangeType": "Create", "after": {"name": "disk"}}]
    (change,) = only({"delta": [{"path": "disks", "propertyChangeType": "Array", "children": children}]}).delta
    assert change.children == (PropertyChange("0", "Create", None, {"name": "disk"}),)


def test_what_cannot_be_told_has_its_reason():
    assert only({"changeType": "Unsupported", "unsupportedReason": "a reference()"}).reason == "a reference()"


def test_a_repr_shows_no_values():
    """They may hold what is secret."""
    before = {"adminPassword": "hunter2"}
    delta = [{"path": "x", "propertyChangeType": "Modify", "before": "hunter2", "after": "hunter2"}]
    assert "hunter2" not in repr(only({"before": before, "after": before, "delta": delta}))


@pytest.mark.parametrize("odd", [None, [], {}, {"properties": None}, {"properties": {"changes": {}}}, "text"])
def test_what_tells_no_changes_has_none(odd):
    assert changes_in(odd) == ()


@pytest.mark.parametrize("odd", [None, 5, "x"])
def test_what_is_no_change_is_left_out(odd):
    assert len(changes_in({"properties": {"changes": [odd, {"resourceId": VM}]}})) == 1


def test_validation_names_what_it_would_deploy():
    resources = [{"id": VM}, {"extension": {"name": "k8s"}}, {"id": NIC}, {"id": DISK}]
    assert validated_in({"properties": {"validatedResources": resources}}) == (VM, NIC, DISK)


@pytest.mark.parametrize("odd", [None, [], {}, {"properties": None}, {"properties": {"validatedResources": "x"}}])
def test_validation_that_names_nothing_names_none(odd):
    assert validated_in(odd) == ()
