"""Where the result of a success is read, and where none is."""

import pytest

from azvm_async.errors import ProtocolError, TransportError
from azvm_async.protocol.lro import FinalState
from azvm_async.protocol.machine import Success
from azvm_async.wire import Request
from protocol.support import (
    BY_BOTH,
    BY_LOCATION,
    BY_OPERATION,
    BY_STATUS,
    ENDPOINT,
    LOCATION_URL,
    NEWER_LOCATION_URL,
    URL,
    answer,
    at,
    begun,
    fed,
    resource,
    says,
)

ELSEWHERE = f"{ENDPOINT}/elsewhere?x=1"
THERE = {"resourceLocation": ELSEWHERE}
METHODS = ("PUT", "PATCH", "POST", "DELETE", "GET")

FINAL = [
    ("PUT", BY_STATUS, None, {}, URL),
    ("PATCH", BY_STATUS, None, {}, URL),
    ("PUT", BY_BOTH, None, {}, URL),
    ("PUT", BY_OPERATION, None, {}, URL),
    ("PUT", BY_BOTH, FinalState.LOCATION, {}, LOCATION_URL),
    ("PUT", BY_STATUS, FinalState.LOCATION, {}, URL),
    ("PUT", BY_STATUS, FinalState.ORIGINAL, {}, URL),
    ("PUT", BY_STATUS, FinalState.STATUS, {}, URL),
    ("PUT", BY_STATUS, None, THERE, ELSEWHERE),
    ("POST", BY_BOTH, None, {}, LOCATION_URL),
    ("POST", BY_STATUS, None, {}, None),
    ("POST", BY_BOTH, FinalState.STATUS, {}, None),
    ("POST", {**BY_OPERATION, **BY_LOCATION}, FinalState.OPERATION, {}, None),
    ("POST", BY_BOTH, FinalState.STATUS, THERE, None),
    ("POST", BY_BOTH, FinalState.LOCATION, THERE, LOCATION_URL),
    ("POST", BY_STATUS, FinalState.LOCATION, {}, None),
    ("POST", BY_BOTH, FinalState.ORIGINAL, {}, URL),
    ("POST", BY_BOTH, None, THERE, ELSEWHERE),
    ("POST", BY_STATUS, None, THERE, ELSEWHERE),
    ("DELETE", BY_STATUS, None, {}, None),
    ("DELETE", BY_BOTH, None, {}, None),
    ("DELETE", BY_BOTH, FinalState.ORIGINAL, {}, None),
]
TABLE = [
    pytest.param(*row, id=f"{row[0]}-{'+'.join(row[1])}-{row[2]}-{'there' if row[3] else 'nothing'}") for row in FINAL
]


@pytest.mark.parametrize(("method", "headers", "final_state", "body", "url"), TABLE)
def test_a_status_documents_result_is_read_where_the_rules_say(method, headers, final_state, body, url):
    """No URL: nothing more is read, and what the status document says is the result."""
    first = answer(202, headers=headers)
    done = says("Succeeded", **body)
    state = fed(begun(method, first, wants_result=True, final_state=final_state), [done])
    assert state.due(at(60)) == (Request("GET", url) if url else Success(done.json()))


@pytest.mark.parametrize("final_state", [None, *FinalState])
@pytest.mark.parametrize("headers", [BY_STATUS, BY_OPERATION, BY_LOCATION, BY_BOTH], ids="+".join)
@pytest.mark.parametrize("method", METHODS)
def test_an_unwanted_result_is_never_read(method, headers, final_state):
    first = answer(202, headers=headers)
    done = answer(200, {"status": "Succeeded", **THERE}, BY_LOCATION)
    assert fed(begun(method, first, final_state=final_state), [done]).due(at(60)) == Success(None)


def test_a_relative_resource_location_counts_from_the_status_url():
    state = fed(begun("PUT", wants_result=True), [says("Succeeded", resourceLocation="/elsewhere")])
    assert state.due(at(60)).url == f"{ENDPOINT}/elsewhere"


@pytest.mark.parametrize("nonsense", [None, 5, "", [], {"a": 1}])
def test_a_resource_location_that_is_no_text_is_none(nonsense):
    state = fed(begun("PUT", wants_result=True), [says("Succeeded", resourceLocation=nonsense)])
    assert state.due(at(60)).url == URL


def test_the_location_of_the_last_answer_counts():
    first = answer(202, headers=BY_BOTH)
    done = answer(200, {"status": "Succeeded"}, {"location": NEWER_LOCATION_URL})
    assert fed(begun(first=first, wants_result=True), [done]).due(at(60)).url == NEWER_LOCATION_URL


def test_a_location_learned_on_the_way_counts():
    running = answer(200, {"status": "Running"}, {"location": NEWER_LOCATION_URL})
    assert fed(begun(wants_result=True), [running, says("Succeeded")]).due(at(60)).url == NEWER_LOCATION_URL


@pytest.mark.parametrize("method", METHODS)
def test_a_locations_own_answer_is_the_result(method):
    first = answer(202, headers=BY_LOCATION)
    assert fed(begun(method, first, wants_result=True), [answer(200, {"a": 1})]).outcome == Success({"a": 1})


@pytest.mark.parametrize(("method", "url"), [("PUT", URL), ("PATCH", URL), ("POST", URL), ("DELETE", None)])
def test_behind_a_location_the_original_is_read_only_where_the_caller_says_so(method, url):
    first = answer(202, headers=BY_LOCATION)
    state = fed(begun(method, first, wants_result=True, final_state=FinalState.ORIGINAL), [answer(200)])
    assert state.due(at(60)) == (Request("GET", url) if url else Success(None))


def test_a_tracked_resource_is_its_own_result():
    body = resource("Succeeded")
    assert fed(begun("PUT", answer(201), wants_result=True), [answer(200, body)]).outcome == Success(body)


FETCHING = fed(begun(first=answer(202, headers=BY_BOTH), wants_result=True), [says("Succeeded")])


def test_the_result_is_read_at_once():
    waiting = begun(first=answer(202, headers=BY_BOTH), wants_result=True)
    assert waiting.receive(says("Succeeded"), at(7)).due(at(7)) == Request("GET", LOCATION_URL)


def test_while_the_result_is_read_the_operation_has_not_ended():
    assert FETCHING.outcome is None


@pytest.mark.parametrize("status", [200, 201, 204])
def test_an_empty_result_is_none(status):
    assert fed(FETCHING, [answer(status)]).outcome == Success(None)


def test_what_a_result_says_of_a_state_is_not_judged():
    """It is the caller's JSON by now: a VM that is being changed again has ``Updating`` in it."""
    body = resource("Updating")
    assert fed(FETCHING, [answer(200, body)]).outcome == Success(body)


@pytest.mark.parametrize("miss", [408, 404, 429, 500, 503])
def test_a_result_that_cant_be_read_now_is_read_again_later(miss):
    state = fed(FETCHING, [answer(miss), answer(200, {"a": 1})])
    assert state.outcome == Success({"a": 1})


def test_a_result_whose_answer_was_lost_is_read_again():
    state = FETCHING.missed(TransportError("lost", maybe_applied=True), at(2))
    assert state.due(at(60)) == Request("GET", LOCATION_URL)


def test_a_result_that_stays_no_json_breaks_the_protocol():
    with pytest.raises(ProtocolError):
        fed(FETCHING, [answer(200, b"<html>")] * 6)


def test_the_misses_of_the_polls_do_not_count_for_the_result():
    waiting = fed(begun(first=answer(202, headers=BY_BOTH), wants_result=True), [answer(200, b"?")] * 5)
    assert fed(waiting, [says("Succeeded"), *[answer(200, b"?")] * 5]).outcome is None
