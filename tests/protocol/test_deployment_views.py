"""Deployments as typed values: names, URLs, outputs, progress, and the innermost causes of a failure."""

import json
from datetime import UTC, datetime

import pytest

from azvm_async.errors import DeploymentFailed, InvalidRequest, OperationCanceled
from azvm_async.protocol.deployment import (
    Cause,
    Deployed,
    DeploymentFailure,
    DeploymentId,
    causes_of,
    checked_deployment_name,
    creations,
    deployment_url,
    ending,
    ids_of,
    innermost,
    progress_of,
    resources_named,
    seconds,
)
from azvm_async.protocol.faults import Fault
from azvm_async.protocol.machine import ResourceProgress
from protocol.deployments import (
    DEPLOYMENT,
    DEPLOYMENT_URL,
    DISK,
    LIST_URL,
    NIC,
    PROVISION,
    STACK_URL,
    document,
    operation,
)
from protocol.deployments import failure as failed
from protocol.support import ENDPOINT, SUBSCRIPTION, VM


def deployment_id(name="vm1-deployment", *, stack=False):
    return DeploymentId(SUBSCRIPTION, "rg", name, stack)


def test_id_of_a_deployment_is_arms():
    assert str(deployment_id()) == DEPLOYMENT


@pytest.mark.parametrize(("stack", "url"), [(False, DEPLOYMENT_URL), (True, STACK_URL)])
def test_url_of_a_deployment_has_its_version(stack, url):
    assert deployment_id(stack=stack).url(ENDPOINT) == url


def test_action_comes_before_the_query():
    assert deployment_id().url(ENDPOINT, "/operations") == LIST_URL


def test_url_is_quoted():
    assert deployment_url(ENDPOINT, "/a b?c") == f"{ENDPOINT}/a%20b%3Fc?api-version=2024-03-01"


@pytest.mark.parametrize("name", ["a", "a" * 64, "A-b_c.(d)1", "-", "(", "1"])
def test_name_that_azure_takes_is_taken(name):
    assert checked_deployment_name(name) == name


@pytest.mark.parametrize("name", ["", "a" * 65, "a.", "a b", "a/b", "ä", "a\n", "a?", None, 5, "..", "٣"])
def test_name_that_azure_refuses_is_refused(name):
    with pytest.raises(InvalidRequest, match="not the name of a deployment"):
        checked_deployment_name(name)


def test_all_of_a_deployment_is_read():
    outputs = {"ip": {"type": "String", "value": "10.0.0.4"}, "ports": {"type": "Array", "value": [22]}}
    read = Deployed.of(document("Succeeded", VM, NIC, outputs=outputs, duration="PT2M5.5S"), "other")
    assert read == Deployed(
        name="vm1-deployment",
        outputs={"ip": "10.0.0.4", "ports": [22]},
        resources=(VM, NIC),
        duration=125.5,
        correlation_id="c0ffee00-0000-4000-8000-000000000001",
    )


def test_secure_output_is_none():
    assert Deployed.of(document("Succeeded", outputs={"key": {"type": "SecureString"}}), "x").outputs == {"key": None}


def test_outputs_are_not_shown():
    assert "10.0.0.4" not in repr(Deployed.of(document("Succeeded", outputs={"ip": {"value": "10.0.0.4"}}), "x"))


def test_stack_tells_its_resources_by_another_name():
    assert Deployed.of({"properties": {"resources": [{"id": VM}]}}, "x").resources == (VM,)


def test_name_is_the_given_one_where_azure_tells_none():
    assert Deployed.of({}, "given") == Deployed("given")


@pytest.mark.parametrize("odd", [{"properties": 5}, {"properties": {"outputs": [], "outputResources": {}}}])
def test_what_is_of_no_known_shape_is_left_out(odd):
    assert Deployed.of(odd, "x") == Deployed("x")


@pytest.mark.parametrize("odd", [{}, {"id": None}, {"id": ""}, {"extension": {}}, 5, None])
def test_what_has_no_id_is_left_out(odd):
    assert ids_of([{"id": VM}, odd]) == (VM,)


@pytest.mark.parametrize(
    ("duration", "found"),
    [
        ("PT0S", 0.0),
        ("PT12.3456789S", 12.3456789),
        ("PT2M", 120.0),
        ("PT1H1M1S", 3661.0),
        ("P1DT1S", 86_401.0),
        ("P2D", 172_800.0),
        ("P", None),
        ("PT", None),
        ("", None),
        ("5", None),
        ("-PT5S", None),
        ("PT5", None),
        ("PT5S ", None),
        (5, None),
        (None, None),
    ],
)
def test_duration_is_read_in_seconds(duration, found):
    assert seconds(duration) == found


@pytest.mark.parametrize(
    ("word", "end"),
    [("Succeeded", "Succeeded"), ("failed", "Failed"), ("Cancelled", "Canceled"), ("Running", None), (None, None)],
)
def test_ending_is_one_of_three(word, end):
    assert ending(document(word)) == end


@pytest.mark.parametrize("kind", ["Create", "create"])
def test_creations_are_known_by_their_resource(kind):
    assert list(creations([operation(VM.upper(), "Running", kind)])) == [VM.lower()]


@pytest.mark.parametrize("kind", ["Read", "Delete", "EvaluateDeploymentOutput", "Action", "", None])
def test_what_creates_nothing_is_no_creation(kind):
    assert creations([operation(VM, "Running", kind)]) == {}


@pytest.mark.parametrize("odd", [{}, {"properties": None}, {"properties": {"provisioningOperation": "Create"}}])
def test_what_names_no_resource_is_no_creation(odd):
    assert creations([odd]) == {}


def test_of_two_operations_on_one_resource_the_last_counts():
    found = creations([operation(VM, "Failed"), operation(VM, "Succeeded")])
    assert found[VM.lower()]["provisioningState"] == "Succeeded"


def test_progress_of_an_operation_that_tells_nothing_is_that_it_runs():
    assert progress_of({"targetResource": {"id": VM}}) == ResourceProgress(VM, "", "vm1", "Running", None)


def test_progress_tells_since_when():
    properties = operation(VM, "Running", timestamp="2025-06-01T00:00:00.1234567Z")["properties"]
    assert progress_of(properties).since == datetime(2025, 6, 1, 0, 0, 0, 123_456, UTC)


def test_resources_that_are_named_anywhere_are_counted_once():
    dependencies = [{"id": VM, "dependsOn": [{"id": NIC}]}, {"id": DISK.upper(), "dependsOn": [{"x": 5}]}]
    named = resources_named(document("Running", VM.upper(), dependencies=dependencies))
    assert named == {VM.lower(), NIC.lower(), DISK.lower()}


@pytest.mark.parametrize("odd", [None, {}, {"properties": {"dependencies": 5}}, {"properties": {"dependencies": [5]}}])
def test_document_that_names_no_resource_names_none(odd):
    assert resources_named(odd) == set()


QUOTA = {"code": "QuotaExceeded", "message": "No more cores."}
CAUSE = Cause("QuotaExceeded", "No more cores.", VM)


def nested(error, levels=1):
    """Return an error within others, as ARM wraps them."""
    for _ in range(levels):
        error = {"code": "DeploymentFailed", "message": "At least one.", "details": [error]}
    return error


@pytest.mark.parametrize(
    "error",
    [
        QUOTA,
        {"error": QUOTA},
        {"status": "Failed", "error": QUOTA},
        nested(QUOTA),
        nested(QUOTA, 10),
        {"code": "Conflict", "message": json.dumps({"status": "Failed", "error": QUOTA})},
        {"code": "Conflict", "message": "\r\n" + json.dumps({"error": nested(QUOTA)}, indent=2)},
        nested({"code": "Conflict", "message": json.dumps({"error": QUOTA})}),
        {"Code": "QuotaExceeded", "Message": "No more cores."},
    ],
    ids=lambda error: json.dumps(error)[:50],
)
def test_innermost_error_is_found(error):
    assert innermost(error, VM) == [CAUSE]


def test_all_leaves_are_found():
    other = {"code": "SkuNotAvailable", "message": "Not here."}
    error = {"code": "Many", "message": "Two.", "details": [nested(QUOTA), other]}
    assert innermost(error, VM) == [CAUSE, Cause("SkuNotAvailable", "Not here.", VM)]


@pytest.mark.parametrize("details", [[], [None], [{}], ["text"], [{"details": []}], {"code": "X"}])
def test_error_whose_details_say_nothing_is_the_innermost(details):
    assert innermost({**QUOTA, "details": details}, VM) == [CAUSE]


@pytest.mark.parametrize("message", ["{", "{not json", "[1]", "{}", '{"a": 1}'])
def test_message_that_holds_no_error_is_the_message(message):
    assert innermost({"code": "X", "message": message}, None) == [Cause("X", message, None)]


def test_plain_text_is_a_cause():
    assert innermost("No room.", VM) == [Cause(None, "No room.", VM)]


@pytest.mark.parametrize("error", [None, {}, [], "", 5, {"details": []}])
def test_where_nothing_is_said_there_is_no_cause(error):
    assert innermost(error, VM) == []


@pytest.mark.parametrize(("target", "resource"), [(NIC, NIC), ("properties.size", VM), (None, VM), (5, VM)])
def test_cause_is_at_its_own_target_where_that_is_a_resource(target, resource):
    (cause,) = innermost(nested({**QUOTA, "target": target}), VM)
    assert cause.resource == resource


def test_nesting_without_end_is_cut():
    """Not even then is there no cause at all."""
    assert innermost(nested(QUOTA, 500), VM) == [Cause("DeploymentFailed", "At least one.", VM)]


def listed(*operations):
    return [each["properties"] for each in operations]


def test_causes_are_those_of_failed_operations_by_their_time():
    late, early = failed(VM, "B", "b", "2025-06-01T00:00:02Z"), failed(NIC, "A", "a", "2025-06-01T00:00:01Z")
    assert causes_of({}, listed(late, early)) == (Cause("A", "a", NIC), Cause("B", "b", VM))


def test_operations_that_did_not_fail_are_no_causes():
    assert causes_of({}, listed(operation(VM, "Succeeded", statusMessage={"error": QUOTA}))) == ()


def test_cause_is_told_once():
    assert len(causes_of({}, listed(failed(VM, "A", "a"), failed(VM, "A", "a")))) == 1


def test_deployments_own_error_counts_only_where_operations_tell_nothing():
    own = document("Failed", error=nested(QUOTA))
    assert causes_of(own, []) == (Cause("QuotaExceeded", "No more cores.", None),)
    assert causes_of(own, listed(failed(VM, "A", "a"))) == (Cause("A", "a", VM),)


@pytest.mark.parametrize(
    ("cause", "said"),
    [
        (CAUSE, "vm1: QuotaExceeded: No more cores."),
        (Cause("X", None, None), "X"),
        (Cause(None, "m", VM), "vm1: m"),
    ],
)
def test_cause_reads_as_a_line(cause, said):
    assert str(cause) == said


def failure(*causes, status="Failed"):
    return DeploymentFailure(status, Fault("General", "general", (QUOTA,)), "request-1", causes)


def test_failure_tells_its_first_cause():
    error = failure(CAUSE).error(PROVISION)
    assert (type(error), error.code, error.message) == (DeploymentFailed, "QuotaExceeded", "No more cores.")


def test_failure_keeps_what_azure_said_of_the_whole():
    error = failure(CAUSE).error(PROVISION)
    assert (error.details, error.request_id, error.vm) == ((QUOTA,), "request-1", VM)


@pytest.mark.parametrize(
    ("causes", "said"),
    [
        ((CAUSE,), "The provision of vm1 failed at vm1: Quota"),
        ((Cause("A", "a", None),), "The provision of vm1 failed: A: a"),
        ((CAUSE, CAUSE, CAUSE), r"failed at vm1 \(2 more in '.causes'\)"),
        ((), "The provision of vm1 failed: General: general"),
    ],
)
def test_failure_says_where_and_how_many(causes, said):
    with pytest.raises(DeploymentFailed, match=said):
        raise failure(*causes).error(PROVISION)


def test_cancellation_is_no_failure_of_a_resource():
    assert type(failure(CAUSE, status="Canceled").error(PROVISION)) is OperationCanceled
