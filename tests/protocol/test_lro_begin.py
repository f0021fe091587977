"""What the first answer to an operation means."""

from itertools import product
from operator import contains

import pytest

from azvm_async.errors import OutcomeUnknown, ProtocolError
from azvm_async.protocol.machine import Failure, Success, Wait
from azvm_async.wire import Request
from protocol.support import (
    BY_BOTH,
    BY_LOCATION,
    BY_OPERATION,
    BY_STATUS,
    LOCATION_URL,
    NEWER_STATUS_URL,
    STATUS_URL,
    URL,
    VM,
    answer,
    at,
    begun,
    resource,
)

WRITES, OTHERS = {"PUT", "PATCH"}, {"POST", "DELETE", "GET"}
HEADERS = {"async": BY_STATUS, "operation": BY_OPERATION, "location": BY_LOCATION, "both": BY_BOTH, "none": {}}
BY_ITS_STATUS, BY_ITS_LOCATION, UNTRACKED = {"async", "operation", "both"}, {"location"}, {"none"}
STATUSES = {200, 201, 202, 204}
WORDS = (None, "Updating", "Succeeded", "Failed", "Canceled")

# The first row that fits counts: method, headers, status, word in the body, and what follows.
RULES = (
    (WRITES, BY_ITS_STATUS | BY_ITS_LOCATION | UNTRACKED, {200}, {"Succeeded"}, "Succeeded"),
    (WRITES, BY_ITS_STATUS | BY_ITS_LOCATION | UNTRACKED, {200}, {"Failed"}, "Failed"),
    (WRITES, BY_ITS_STATUS | BY_ITS_LOCATION | UNTRACKED, {200}, {"Canceled"}, "Canceled"),
    (WRITES | OTHERS, BY_ITS_STATUS, STATUSES, set(WORDS), STATUS_URL),
    (WRITES | OTHERS, BY_ITS_LOCATION, STATUSES, set(WORDS), LOCATION_URL),
    (WRITES, UNTRACKED, STATUSES, {"Succeeded"}, "Succeeded"),
    (WRITES, UNTRACKED, STATUSES, {"Failed"}, "Failed"),
    (WRITES, UNTRACKED, STATUSES, {"Canceled"}, "Canceled"),
    (WRITES, UNTRACKED, STATUSES, {"Updating"}, URL),
    (WRITES, UNTRACKED, {200, 204}, {None}, "Succeeded"),
    (WRITES, UNTRACKED, {201, 202}, {None}, URL),
    (OTHERS, UNTRACKED, {200, 201, 204}, set(WORDS), "Succeeded"),
    (OTHERS, UNTRACKED, {202}, set(WORDS), OutcomeUnknown),
)


def expected(*combination):
    """Return what the first rule that fits says."""
    fitting = (rule[-1] for rule in RULES if all(map(contains, rule, combination)))
    return next(fitting)


COMBINATIONS = [
    pytest.param(*each, expected(*each), id="-".join(map(str, each)))
    for each in product(sorted(WRITES | OTHERS), HEADERS, sorted(STATUSES), WORDS)
]


@pytest.mark.parametrize(("method", "tracking", "status", "word", "follows"), COMBINATIONS)
def test_each_first_answer_leads_where_arms_rules_say(method, tracking, status, word, follows):
    """A URL: it is polled from now on. A word: it has ended so. A class: that is raised."""
    first = answer(status, resource(word) if word else None, HEADERS[tracking])
    if follows is OutcomeUnknown:
        with pytest.raises(OutcomeUnknown):
            begun(method, first)
        return
    state = begun(method, first)
    step = state.due(at(3600))
    assert (step.url if isinstance(step, Request) else step.status) == follows


def test_the_arm_header_is_preferred_to_the_data_planes():
    state = begun(first=answer(202, headers={"operation-location": NEWER_STATUS_URL, **BY_STATUS}))
    assert state.due(at(60)).url == STATUS_URL


@pytest.mark.parametrize("blank", ["", "  "])
def test_an_empty_header_is_no_header(blank):
    state = begun(first=answer(202, headers={"azure-asyncoperation": blank, **BY_LOCATION}))
    assert state.due(at(60)).url == LOCATION_URL


def test_a_poll_is_a_get_without_body_to_the_url_verbatim():
    assert begun().due(at(60)) == Request("GET", STATUS_URL)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_of_a_submission_is_not_followed(status):
    with pytest.raises(ProtocolError, match="redirect"):
        begun(first=answer(status, headers=BY_LOCATION))


@pytest.mark.parametrize("method", ["POST", "DELETE"])
@pytest.mark.parametrize("status", [203, 205, 206, 226, 299])
def test_an_untracked_success_of_no_kind_that_arm_has_is_unknown(method, status):
    with pytest.raises(OutcomeUnknown, match=str(status)):
        begun(method, answer(status))


def test_an_untracked_acceptance_names_the_vm_and_the_request():
    with pytest.raises(OutcomeUnknown) as caught:
        begun(first=answer(202, headers={"x-ms-request-id": "r-1"}))
    assert (caught.value.vm, caught.value.status, caught.value.request_id) == (VM, 202, "r-1")


@pytest.mark.parametrize("method", ["POST", "DELETE", "GET"])
def test_a_wanted_result_of_what_is_done_at_once_is_the_first_answers_body(method):
    assert begun(method, answer(200, {"a": 1}), wants_result=True).outcome == Success({"a": 1})


@pytest.mark.parametrize("wanted", [True, False])
@pytest.mark.parametrize("method", ["POST", "DELETE"])
def test_a_page_of_html_is_no_success(method, wanted):
    page = answer(200, b"<html>Please log in", {"content-type": "text/html"})
    with pytest.raises(ProtocolError, match="not JSON but text/html"):
        begun(method, page, wants_result=wanted)


@pytest.mark.parametrize("headers", [{}, BY_STATUS], ids=["untracked", "tracked"])
def test_a_write_whose_first_body_is_unreadable_is_read_again(headers):
    step = begun("PUT", answer(200, b"<html>", headers)).due(at(60))
    assert step == Request("GET", headers.get("azure-asyncoperation", URL))


def test_a_write_that_failed_at_once_tells_azures_reason():
    body = resource("Failed", error={"code": "SkuNotAvailable", "message": "none left"})
    outcome = begun("PUT", answer(200, body, {"x-ms-request-id": "r-1"})).outcome
    assert isinstance(outcome, Failure)
    assert (outcome.fault.code, outcome.fault.message, outcome.request_id) == ("SkuNotAvailable", "none left", "r-1")


def test_a_write_that_is_done_at_once_brings_the_resource():
    body = resource("Succeeded")
    assert begun("PUT", answer(200, body), wants_result=True).outcome == Success(body)


def test_the_state_of_an_untracked_write_is_shown_before_the_first_poll():
    assert begun("PUT", answer(201, resource("Creating"))).status == "Creating"


def test_the_first_retry_after_holds_for_the_first_poll():
    state = begun(first=answer(202, headers={**BY_STATUS, "retry-after": "15"}), now=at(100))
    assert [state.due(at(100)), state.due(at(114.9))] == [Wait(115.0)] * 2
    assert isinstance(state.due(at(115)), Request)


def test_what_ended_at_once_has_no_tracking_url():
    assert begun("POST", answer(200)).tracking_url is None
