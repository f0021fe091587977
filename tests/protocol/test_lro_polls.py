"""What an answer to a poll means: words, newest URLs, progress, and the end."""

import pytest

from azvm_async.errors import OperationCanceled, OperationFailed, OperationPreempted, ProtocolError, TransportError
from azvm_async.protocol import lro
from azvm_async.protocol.machine import Failure, Success
from protocol.support import (
    ABOUT,
    BY_BOTH,
    BY_LOCATION,
    BY_OPERATION,
    BY_STATUS,
    ENDPOINT,
    LOCATION_URL,
    NEWER_LOCATION_URL,
    NEWER_STATUS_URL,
    NOW,
    STATUS_URL,
    URL,
    VM,
    answer,
    at,
    begun,
    fed,
    resource,
    says,
)

ENDINGS = {
    "Succeeded": "Succeeded",
    "succeeded": "Succeeded",
    "SUCCEEDED": "Succeeded",
    " Succeeded ": "Succeeded",
    "Completed": "Succeeded",
    "Failed": "Failed",
    "FAILED": "Failed",
    "Canceled": "Canceled",
    "Cancelled": "Canceled",
    "cancelled": "Canceled",
}
RUNNING = [
    "InProgress",
    "Running",
    "Accepted",
    "Updating",
    "Creating",
    "Deleting",
    "Succeeding",
    "Failing",
    "Ready",
    "?",
]

BY_RESOURCE = {}
POLLED = {
    "status": ("POST", BY_STATUS, lambda word: {"status": word}),
    "operation-location": ("POST", BY_OPERATION, lambda word: {"status": word}),
    "location": ("POST", BY_LOCATION, resource),
    "resource": ("PUT", BY_RESOURCE, resource),
}


@pytest.mark.parametrize("word", RUNNING)
@pytest.mark.parametrize("tracked", POLLED)
def test_every_word_that_is_no_ending_means_still_running(tracked, word):
    method, headers, spelled = POLLED[tracked]
    state = fed(begun(method, answer(202, headers=headers)), [answer(200, spelled(word))])
    assert (state.outcome, state.status) == (None, word)


@pytest.mark.parametrize(("word", "ending"), ENDINGS.items())
@pytest.mark.parametrize("tracked", POLLED)
def test_an_ending_is_known_in_each_spelling(tracked, word, ending):
    method, headers, spelled = POLLED[tracked]
    state = fed(begun(method, answer(202, headers=headers)), [answer(200, spelled(word))])
    assert (state.outcome.status, state.status) == (ending, ending)


def test_a_status_document_may_come_with_202():
    assert fed(begun(), [answer(202, {"status": "Succeeded"})]).outcome == Success()


def test_a_bare_202_of_a_status_url_means_running():
    assert fed(begun(), [answer(202)]).outcome is None


@pytest.mark.parametrize("status", [200, 201, 204])
def test_a_location_that_answers_otherwise_than_202_is_done(status):
    assert fed(begun(first=answer(202, headers=BY_LOCATION)), [answer(status)]).outcome == Success()


def test_a_location_that_answers_202_is_running_whatever_its_body_says():
    state = fed(begun(first=answer(202, headers=BY_LOCATION)), [answer(202, resource("Succeeded"))])
    assert state.outcome is None


def test_a_location_whose_resource_failed_has_failed_in_spite_of_its_200():
    state = fed(begun("DELETE", answer(202, headers=BY_LOCATION)), [answer(200, resource("Failed"))])
    assert isinstance(state.outcome, Failure)


def test_a_resource_without_a_provisioning_state_is_done():
    state = fed(begun("PUT", answer(201), wants_result=True), [answer(200, {"id": VM})])
    assert state.outcome == Success({"id": VM})


def test_a_resource_is_read_again_at_its_own_url():
    assert fed(begun("PUT", answer(201)), [answer(200, resource("Creating"), BY_BOTH)]).due(at(60)).url == URL


MOVED = [
    pytest.param(BY_STATUS, {"azure-asyncoperation": NEWER_STATUS_URL}, NEWER_STATUS_URL, id="status"),
    pytest.param(BY_OPERATION, {"operation-location": NEWER_STATUS_URL}, NEWER_STATUS_URL, id="operation-location"),
    pytest.param(BY_STATUS, {}, STATUS_URL, id="status-unmoved"),
    pytest.param(BY_LOCATION, {"location": NEWER_LOCATION_URL}, NEWER_LOCATION_URL, id="location"),
    pytest.param(BY_LOCATION, {}, LOCATION_URL, id="location-unmoved"),
    pytest.param(BY_BOTH, {"location": NEWER_LOCATION_URL}, STATUS_URL, id="location-beside-status"),
    pytest.param(BY_STATUS, {"azure-asyncoperation": "/new?x=%2f"}, f"{ENDPOINT}/new?x=%2f", id="relative"),
    pytest.param(BY_LOCATION, {"location": "2?m=1"}, LOCATION_URL.rpartition("/")[0] + "/2?m=1", id="relative-path"),
]


@pytest.mark.parametrize(("first", "then", "polled"), MOVED)
def test_the_newest_url_is_polled(first, then, polled):
    running = answer(202, {"status": "Running"}, then)
    assert fed(begun(first=answer(202, headers=first)), [running]).due(at(60)).url == polled


def test_a_relative_url_counts_from_the_url_that_was_polled():
    moves = [{"azure-asyncoperation": "/a/b/c"}, {"azure-asyncoperation": "d"}]
    state = fed(begun(), [answer(200, {"status": "Running"}, headers) for headers in moves])
    assert state.due(at(60)).url == f"{ENDPOINT}/a/b/d"


def test_a_relative_url_of_the_first_answer_counts_from_the_submission():
    assert begun(first=answer(202, headers={"location": "/done"})).due(at(60)).url == f"{ENDPOINT}/done"


@pytest.mark.parametrize(
    ("percent", "shown"),
    [
        (0, 0.0),
        (42, 42.0),
        (99.5, 99.5),
        (100, 100.0),
        (-3, 0.0),
        (250, 100.0),
        ("50", None),
        (None, None),
        (True, None),
        ([], None),
    ],
)
@pytest.mark.parametrize("status", [200, 202])
def test_the_percentage_is_shown_where_it_is_a_number_within_bounds(status, percent, shown):
    state = fed(begun(), [answer(status, {"status": "Running", "percentComplete": percent})])
    assert state.percent_complete == shown


def test_a_percentage_is_read_from_a_running_location_too():
    state = fed(begun(first=answer(202, headers=BY_LOCATION)), [answer(202, {"percentComplete": 7})])
    assert state.percent_complete == 7.0


def test_a_success_is_complete():
    assert fed(begun(), [says("Succeeded")]).percent_complete == 100.0


def test_a_failure_keeps_how_far_it_came():
    assert fed(begun(), [says("Running", percentComplete=30), says("Failed")]).percent_complete == 30.0


FAILURES = [
    pytest.param("Failed", "AllocationFailed", OperationFailed, id="failed"),
    pytest.param("Canceled", None, OperationCanceled, id="canceled"),
    pytest.param("Failed", "OperationPreempted", OperationPreempted, id="preempted"),
    pytest.param("Canceled", "operationpreempted", OperationPreempted, id="preempted-as-canceled"),
]


@pytest.mark.parametrize(("word", "code", "kind"), FAILURES)
def test_an_ending_other_than_success_has_its_own_error(word, code, kind):
    state = fed(begun(), [says(word, error={"code": code, "message": "m"})])
    assert type(state.outcome.error(ABOUT)) is kind


def test_a_failure_tells_all_that_azure_told():
    error = {"code": "AllocationFailed", "message": "no room", "details": [{"code": "inner"}]}
    failed = answer(200, {"status": "Failed", "error": error}, {"x-ms-request-id": "r-7"})
    told = fed(begun(), [failed]).outcome.error(ABOUT)
    assert (told.vm, told.code, told.message, told.details, told.request_id) == (
        VM,
        "AllocationFailed",
        "no room",
        ({"code": "inner"},),
        "r-7",
    )


@pytest.mark.parametrize("body", [{"error": {"code": "X"}}, {"properties": {"error": {"code": "X"}}}])
def test_a_failed_resources_reason_is_found_inside_and_outside_its_properties(body):
    body = {**body, "properties": {"provisioningState": "Failed", **body.get("properties", {})}}
    assert fed(begun("PUT", answer(201)), [answer(200, body)]).outcome.fault.code == "X"


def test_each_waiter_gets_an_error_of_its_own():
    outcome = fed(begun(), [says("Failed")]).outcome
    assert outcome.error(ABOUT) is not outcome.error(ABOUT)


@pytest.mark.parametrize("word", ["Succeeded", "Failed", "Canceled"])
@pytest.mark.parametrize("late", [says("Running"), says("Succeeded"), answer(500), answer(404)])
def test_an_answer_after_the_end_breaks_the_protocol(word, late):
    with pytest.raises(ProtocolError, match="has ended"):
        fed(begun(), [says(word)]).receive(late, at(60))


def test_a_lost_answer_after_the_end_breaks_the_protocol():
    with pytest.raises(ProtocolError, match="has ended"):
        fed(begun(), [says("Succeeded")]).missed(TransportError("lost", maybe_applied=False), at(60))


def test_at_the_end_the_outcome_is_due_at_any_time():
    state = fed(begun(), [says("Failed")])
    assert state.due(NOW) == state.due(at(1e9)) == state.outcome


@pytest.mark.parametrize(
    ("first", "outcome"),
    [
        pytest.param(says("Running"), None, id="status-running"),
        pytest.param(says("Failed"), "Failed", id="status-failed"),
        pytest.param(answer(202), None, id="location-running"),
        pytest.param(answer(200), "Succeeded", id="location-done"),
        pytest.param(answer(200, resource("Updating")), None, id="resource-running"),
        pytest.param(answer(200, resource("Failed")), "Failed", id="resource-failed"),
    ],
)
def test_a_bare_url_is_read_by_what_it_answers(first, outcome):
    state = fed(lro.bare(ABOUT, STATUS_URL, NOW), [first])
    assert (state.outcome and state.outcome.status) == outcome
