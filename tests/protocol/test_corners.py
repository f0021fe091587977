"""Corners where one answer could mean two things."""

import pytest

from azvm_async.errors import InvalidRequest, ProtocolError, StatusUnreadable
from azvm_async.protocol import tokens, urls, vm
from azvm_async.protocol.faults import Fault
from azvm_async.protocol.machine import Success
from azvm_async.protocol.script import Script
from azvm_async.wire import Request
from protocol.support import (
    BY_BOTH,
    BY_STATUS,
    ENDPOINT,
    LOCATION_URL,
    NOW,
    STATUS_URL,
    URL,
    VM,
    all_but_blind,
    answer,
    at,
    begun,
    commanded,
    fed,
    resource,
    says,
    viewed,
)

FETCHING = fed(begun(first=answer(202, headers=BY_BOTH), wants_result=True), [says("Succeeded")])


@pytest.mark.parametrize(
    ("percent", "read"),
    [(b"1" + b"0" * 400, 100.0), (b"-1" + b"0" * 400, 0.0), (b"NaN", None), (b"true", None)],
    ids=["huge", "low", "nan", "bool"],
)
def test_percentage_that_no_float_holds(percent, read):
    body = b'{"status":"Running","percentComplete":' + percent + b"}"
    assert begun().receive(answer(200, body), NOW).percent_complete == read


@pytest.mark.parametrize("before", [[], [says("Running")]], ids=["at once", "later"])
def test_result_of_a_bare_url_does_not_hang_on_when_it_ended(before):
    state = fed(tokens.load(STATUS_URL, ENDPOINT, NOW), [*before, says("Succeeded", resourceLocation=URL)])
    assert state.due(at(99)) == Request("GET", URL)


def test_bare_location_may_bring_a_result_with_a_status_of_its_own():
    state = fed(tokens.load(LOCATION_URL, ENDPOINT, NOW), [answer(202), answer(200, {"status": "Enabled"})])
    assert state.outcome == Success({"status": "Enabled"})


def test_blind_time_is_said_to_be_that_whatever_the_last_miss():
    state = all_but_blind(begun(), 0, answer(503))
    with pytest.raises(StatusUnreadable, match="30 minutes"):
        state.receive(answer(200, b"?"), at(1800))


def test_location_that_is_still_202_is_not_the_result():
    state = FETCHING.receive(answer(202), at(1))
    assert (state.outcome, state.due(at(99))) == (None, Request("GET", LOCATION_URL))


def test_fetching_is_not_called_an_end():
    assert FETCHING.status == "InProgress"


def test_put_that_is_done_at_once_brings_no_unwanted_result():
    assert begun("PUT", answer(200, {"a": 1})).outcome == Success(None)


def test_link_to_another_host_tells_the_vm_and_the_answer():
    headers = {"azure-asyncoperation": "https://evil.example", "x-ms-request-id": "r-1"}
    with pytest.raises(ProtocolError) as raised:
        begun().receive(answer(200, {"status": "Running"}, headers), NOW)
    assert (raised.value.vm, raised.value.status, raised.value.request_id) == (VM, 200, "r-1")


def test_port_0_is_no_default_port():
    with pytest.raises(ProtocolError):
        urls.follow(URL, f"{ENDPOINT}:0/x")


@pytest.mark.parametrize("more", ["?x=1", "/../x", "/%2e%2e/x", ":0"])
def test_endpoint_has_no_query_and_leads_nowhere_else(more):
    with pytest.raises(InvalidRequest, match="query"):
        urls.endpoint(f"{ENDPOINT}{more}")


def test_known_failure_of_a_run_command_survives_that_nobody_tells_why():
    state = fed(commanded(), [viewed(provisioning="Failed"), *[answer(404)] * 6])
    assert (state.verdict.fault.code, state.due(at(999)).method) == ("RunCommandFailed", "DELETE")


def test_reason_in_the_first_answer_is_kept():
    first = answer(200, resource("Failed", error={"code": "VMNotRunning"}), BY_STATUS)
    assert fed(commanded(first), [viewed(provisioning="Failed")]).verdict.fault.code == "VMNotRunning"


def test_long_retry_after_of_the_tidying_does_not_keep_the_result():
    state = fed(commanded(), [viewed("Succeeded")]).receive(answer(429, headers={"retry-after": "1200"}), at(10))
    assert isinstance(state.outcome, Success)
    assert "could not be deleted" in state.warning


def test_canceled_is_read_in_both_spellings():
    assert fed(commanded(), [viewed("Cancelled")]).verdict.result.execution_state == "Canceled"


@pytest.mark.parametrize(
    "script",
    [
        Script("x", {}, {}, "60"),
        Script("x", [("A", 1)], {}, 60),
        Script("x", {"A": object()}, {}, 60),
        Script("x", {"A": 1}, {"A": 2}, 60),
    ],
    ids=["timeout", "list", "object", "twice"],
)
def test_script_of_the_wrong_shape_is_refused(script):
    with pytest.raises(InvalidRequest):
        script.properties()


def test_views_of_nonsense_are_empty():
    assert (vm.documents({"value": 5}), vm.InstanceView.of({"statuses": 5}).codes) == ([], ())


def test_error_that_is_null_hides_no_code():
    assert Fault.of({"code": "X", "message": "Y", "error": None}).code == "X"
