"""Whatever comes over the wire, nothing but this package's own errors comes out.

``pytest tests/protocol/test_fuzz.py --hypothesis-profile=thorough`` draws 100,000 examples a property.
"""

import json
from contextlib import suppress

import pytest
from fuzz.hostile import FUZZ
from hypothesis import given
from hypothesis import strategies as st

from azvm_async.errors import AzureVMError, TransportError
from azvm_async.protocol import lro, provision, run_command
from azvm_async.protocol.bulk_request import registration, unavailable
from azvm_async.protocol.deployment import Deployed, causes_of
from azvm_async.protocol.faults import Fault, error_for
from azvm_async.protocol.lro import FinalState
from azvm_async.protocol.machine import Success
from azvm_async.protocol.pacing import LONGEST_WAIT, retry_after
from azvm_async.protocol.script import RunCommandResult
from azvm_async.protocol.what_if import changes_in, validated_in
from azvm_async.wire import Request, Response
from protocol.bulks import OPERATIONS, SECOND, VMS, results, started, told
from protocol.deployments import (
    CREATED_VM,
    CREATING_VM,
    DEPLOYMENT_URL,
    PROVISION,
    SECOND_PAGE,
    STACK_URL,
    deployment,
    operations,
    provisioned,
)
from protocol.support import (
    ABOUT,
    BY_BOTH,
    BY_LOCATION,
    ENDPOINT,
    MIDNIGHT,
    NOW,
    STATUS_URL,
    URL,
    VM,
    answer,
    at,
    begun,
    commanded,
    fed,
    says,
    viewed,
)

WORDS = st.sampled_from(["Succeeded", "Failed", "Canceled", "Running", "Unknown", "TimedOut", "", " "])
KEYS = st.sampled_from(
    [
        "status",
        "properties",
        "provisioningState",
        "error",
        "code",
        "message",
        "details",
        "instanceView",
        "executionState",
        "exitCode",
        "output",
        "startTime",
        "percentComplete",
        "resourceLocation",
        "x",
    ]
)
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | WORDS
JSON = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=5),
    max_leaves=12,
)
BODIES = JSON.map(lambda value: json.dumps(value).encode()) | st.binary(max_size=40)
URLS = st.sampled_from(
    [STATUS_URL, URL, "/x", "//evil.example", "https://evil.example/", "https://[", "?", "\\", ":", "a:b"]
)
HEADERS = st.fixed_dictionaries(
    {},
    optional={
        "azure-asyncoperation": URLS | st.text(max_size=20),
        "operation-location": URLS | st.text(max_size=20),
        "location": URLS | st.text(max_size=20),
        "retry-after": st.text(max_size=12) | st.integers().map(str) | st.just("Sun, 01 Jun 2025 00:00:30 GMT"),
        "date": st.text(max_size=12) | st.just("Sun, 01 Jun 2025 00:00:00 GMT"),
        "x-ms-request-id": st.text(max_size=4),
    },
)
STATUSES = st.sampled_from([200, 200, 200, 201, 202, 204, 302, 400, 404, 408, 409, 429, 500, 503]) | st.integers(
    100, 999
)
RESPONSES = st.builds(Response, STATUSES, HEADERS, BODIES)

LROS = {
    "status": begun(),
    "both-wanted": begun(first=answer(202, headers=BY_BOTH), wants_result=True),
    "location": begun("DELETE", answer(202, headers=BY_LOCATION), wants_result=True),
    "resource": begun("PUT", answer(201), wants_result=True),
    "bare": lro.bare(ABOUT, STATUS_URL, NOW),
    "fetching": fed(begun(first=answer(202, headers=BY_BOTH), wants_result=True), [says("Succeeded")]),
}
COMMANDS = {
    "running": commanded(),
    "asking": fed(commanded(), [viewed(provisioning="Failed")]),
    "deleting": fed(commanded(), [viewed("Succeeded")]),
    "bare": run_command.bare(ABOUT, URL, NOW),
}
DEPLOYMENTS = {
    "listing": provisioned(),
    "paging": fed(provisioned(), [operations(more=SECOND_PAGE)]),
    "reading": fed(provisioned(), [CREATED_VM]),
    "closing": fed(provisioned(), [CREATING_VM, answer(500), deployment("Failed")]),
    "found": provision.found(PROVISION, DEPLOYMENT_URL, NOW),
    "kept": provision.found(PROVISION, DEPLOYMENT_URL, NOW, kept=True),
    "stack": provisioned(answer(201, {}), STACK_URL),
}
TOLD = st.sampled_from(
    [
        "id",
        "value",
        "nextLink",
        "correlationId",
        "deploymentId",
        "outputs",
        "outputResources",
        "resources",
        "dependencies",
        "dependsOn",
        "duration",
        "targetResource",
        "provisioningOperation",
        "timestamp",
        "statusMessage",
        "changes",
        "delta",
        "children",
        "validatedResources",
    ]
)
ABOUT_ONE = st.recursive(
    LEAVES | URLS | st.sampled_from(["Create", "Running", VM, "/\ud800", json.dumps({"error": {"code": "x"}})]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TOLD | KEYS, inner, max_size=5),
    max_leaves=15,
)
MEMBERS = st.dictionaries(TOLD | KEYS, ABOUT_ONE, max_size=6)
SHAPED = st.dictionaries(
    st.sampled_from(["properties", "value", "nextLink", "error"]),
    MEMBERS | st.lists(st.fixed_dictionaries({"properties": MEMBERS}) | ABOUT_ONE, max_size=3) | URLS,
)
DEPLOYMENT_ANSWERS = (
    st.builds(Response, STATUSES, HEADERS, SHAPED.map(lambda value: json.dumps(value).encode())) | RESPONSES
)
BULKS = {
    "begun": started(),
    "half": fed(started(), [results(told(1, "Succeeded"), told(0, "Executing"))]),
    "alone": started().only(SECOND),
}
OF_ONE = st.dictionaries(
    st.sampled_from(["resourceId", "errorCode", "errorDetails", "operationId", "state", "completedAt"]),
    LEAVES | st.sampled_from([*VMS, *OPERATIONS, "OperationNotFound", "Blocked", "Cancelled"]) | JSON,
)
OF_MANY = st.lists(
    st.builds(
        lambda entry, operation, error: {**entry, "operation": {**operation, "resourceOperationError": error}},
        *[OF_ONE] * 3,
    )
    | OF_ONE
    | JSON,
    max_size=4,
)
BULK_ANSWERS = (
    st.builds(Response, STATUSES, HEADERS, OF_MANY.map(lambda value: json.dumps({"results": value}).encode()))
    | RESPONSES
)


def settled(machine):
    """Ask a machine for all that a caller may ask, and check what it would send."""
    step = machine.due(at(1e7))
    if isinstance(step, Request):
        assert step.url.startswith(ENDPOINT)
    if machine.outcome is not None and not isinstance(machine.outcome, Success):
        str(machine.outcome.error(machine.about))
    assert isinstance(machine.status, str)
    assert machine.percent_complete is None or 0 <= machine.percent_complete <= 100
    assert all(isinstance(each.state, str) for each in machine.progress)


@FUZZ
@given(
    method=st.sampled_from(["PUT", "PATCH", "POST", "DELETE", "GET"]),
    first=RESPONSES,
    wants_result=st.booleans(),
    final_state=st.none() | st.sampled_from(FinalState),
)
def test_any_first_answer_gives_a_state_or_an_error_of_ours(method, first, wants_result, final_state):
    with suppress(AzureVMError):
        settled(begun(method, first, wants_result=wants_result, final_state=final_state))


@pytest.mark.parametrize(
    "state", [*LROS.values(), *COMMANDS.values()], ids=[*LROS, *(f"command-{name}" for name in COMMANDS)]
)
@FUZZ
@given(response=RESPONSES)
def test_any_answer_to_a_poll_gives_a_state_or_an_error_of_ours(state, response):
    with suppress(AzureVMError):
        settled(state.receive(response, at(60)))


@FUZZ
@given(first=RESPONSES)
def test_any_answer_to_a_scripts_put_gives_a_state_or_an_error_of_ours(first):
    with suppress(AzureVMError):
        settled(commanded(first))


def goes_on(state, responses):
    """Give answers to a state as the poller does; ``None`` stands for one that was lost."""
    for second, response in enumerate(responses):
        if state.outcome is not None:
            break
        now = at(60.0 * second)
        try:
            state = (
                state.missed(TransportError("lost", maybe_applied=True), now)
                if response is None
                else state.receive(response, now)
            )
        except AzureVMError:
            state = state.again(now)
        settled(state)


@FUZZ
@given(
    responses=st.lists(RESPONSES | st.none(), max_size=25), state=st.sampled_from([*LROS.values(), *COMMANDS.values()])
)
def test_any_row_of_answers_leaves_a_state_that_can_go_on(state, responses):
    goes_on(state, responses)


@FUZZ
@given(first=DEPLOYMENT_ANSWERS, url=st.sampled_from([DEPLOYMENT_URL, STACK_URL]))
def test_any_answer_to_a_deployments_put_gives_a_state_or_an_error_of_ours(first, url):
    with suppress(AzureVMError):
        settled(provisioned(first, url))


@pytest.mark.parametrize("state", DEPLOYMENTS.values(), ids=DEPLOYMENTS)
@FUZZ
@given(responses=st.lists(DEPLOYMENT_ANSWERS | st.none(), max_size=25))
def test_any_row_of_answers_leaves_a_deployment_that_can_go_on(state, responses):
    goes_on(state, responses)


@FUZZ
@given(first=BULK_ANSWERS)
def test_any_answer_to_a_bulk_request_gives_a_state_or_an_error_of_ours(first):
    with suppress(AzureVMError):
        settled(started(first))


@pytest.mark.parametrize("state", BULKS.values(), ids=BULKS)
@FUZZ
@given(responses=st.lists(BULK_ANSWERS | st.none(), max_size=25))
def test_any_row_of_answers_leaves_a_bulk_operation_that_can_go_on(state, responses):
    goes_on(state, responses)


@FUZZ
@given(response=RESPONSES, document=st.dictionaries(st.just("registrationState") | KEYS, JSON))
def test_whether_bulk_operations_can_be_had_is_read_out_of_anything(response, document):
    reason = unavailable(error_for("what", Request("POST", URL), response))
    assert reason is None or reason
    assert isinstance(registration(document), bool)


@FUZZ
@given(document=SHAPED | ABOUT_ONE)
def test_views_of_deployments_are_read_out_of_anything(document):
    assert all(isinstance(each, str) for each in validated_in(document))
    assert all(isinstance(each.resource, str) for each in changes_in(document))
    assert all(str(each) for each in causes_of(document, [{"provisioningState": "Failed", "statusMessage": document}]))
    assert document is None or isinstance(Deployed.of(document if isinstance(document, dict) else {}, "x").name, str)


@FUZZ
@given(document=JSON)
def test_a_fault_is_read_out_of_anything(document):
    fault = Fault.of(document)
    assert fault.code is None or isinstance(fault.code, str)
    assert fault.message is None or isinstance(fault.message, str)


@FUZZ
@given(response=RESPONSES)
def test_a_refusal_is_read_out_of_anything(response):
    str(error_for("what", Request("GET", URL), response))


@FUZZ
@given(view=st.dictionaries(KEYS, JSON, max_size=6))
def test_a_scripts_result_is_read_out_of_anything(view):
    result = RunCommandResult.of({**view, "executionState": "Succeeded"})
    assert isinstance(result.stdout, str)


@FUZZ
@given(header=st.text(), date=st.text(), utc=st.none() | st.just(MIDNIGHT))
def test_a_wait_is_read_out_of_anything(header, date, utc):
    seconds = retry_after(Response(429, {"retry-after": header, "date": date}), utc)
    assert seconds is None or 0 <= seconds <= LONGEST_WAIT


ZONES = st.sampled_from(["GMT", "+0000", "-0000", "+2359", "-9999", "EST", ""])
DATES = st.builds(
    "{}, {} {} {} {}:{}:{} {}".format,
    *([st.integers(-1, 99)] * 2),
    st.sampled_from(["Jan", "Feb", "x"]),
    st.integers(0, 10_000),
    *([st.integers(-1, 99)] * 3),
    ZONES,
)


@FUZZ
@given(header=DATES, date=DATES)
def test_a_wait_is_read_out_of_any_date(header, date):
    seconds = retry_after(Response(429, {"retry-after": header, "date": date}), MIDNIGHT)
    assert seconds is None or 0 <= seconds <= LONGEST_WAIT
