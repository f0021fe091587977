"""One VM of many that were asked for by one request, and the tokens of many and of one."""

import json

import pytest

from azvm_async.errors import InvalidRequest, OperationFailed, OutcomeUnknown
from azvm_async.protocol import tokens
from azvm_async.protocol.bulk_request import MOST
from azvm_async.protocol.machine import About, Success
from protocol.bulks import (
    ALL,
    FIRST,
    LATE,
    OPERATIONS,
    SECOND,
    STATES_URL,
    SUCCEEDED,
    THIRD,
    VMS,
    asked,
    document,
    error,
    refused,
    results,
    started,
    told,
    unheard_of,
    untold,
)
from protocol.support import ENDPOINT, NOW, VM, at, fed

# One VM of many


def test_one_vm_alone_is_asked_for_alone():
    state = started().only(SECOND.upper())
    assert (asked(state), state.about) == ([OPERATIONS[1]], About("start", SECOND))
    assert document(state.cancellation())["operationIds"] == [OPERATIONS[1]]


def test_one_vm_alone_ends_as_its_operation_does():
    state = started().only(SECOND)
    assert state.receive(results(told(1, "Executing")), NOW).status == "Executing"
    succeeded = state.receive(ALL, NOW)
    assert (succeeded.outcome, succeeded.status, succeeded.percent_complete) == (Success(), "Succeeded", 100.0)
    failed = state.receive(results(told(1, "Failed", **error("X"))), NOW)
    assert (failed.outcome.fault.code, failed.status, failed.percent_complete) == ("X", "Failed", None)
    assert isinstance(failed.outcome.error(failed.about), OperationFailed)


def test_one_vm_alone_that_is_lost_ends_in_doubt():
    state = untold(started().only(FIRST), unheard_of(0))
    assert isinstance(state.outcome.error(state.about), OutcomeUnknown)


def test_a_vm_that_is_not_there_is_refused():
    with pytest.raises(InvalidRequest):
        started().only(VM + "9")


@pytest.mark.parametrize("entries", [[refused(1)], []], ids=["refused", "untold"])
def test_a_vm_without_an_operation_cannot_be_followed_alone(entries):
    with pytest.raises(InvalidRequest, match="no operation"):
        started(results(told(0, "Scheduled"), *entries, told(2, "Scheduled"))).only(SECOND)


def test_one_alone_is_another_operation_than_all():
    state = started()
    other = started(results(*({**told(n, "Scheduled")} for n in (1, 2))), vms=VMS[1:])
    identities = [each.identity for each in (state, other, *map(state.only, VMS))]
    assert len(set(identities)) == 5


# Tokens


def load(token):
    return tokens.load(token, ENDPOINT, at(5000))


def saved(state):
    return json.loads(tokens.dump(state))


HALF = fed(started(), [results(SUCCEEDED[1], told(0, "Executing", **error("secret")))])


@pytest.mark.parametrize("state", [started(), HALF, HALF.only(FIRST)], ids=["begun", "half", "alone"])
def test_a_token_comes_back_the_same_and_due(state):
    twin = load(tokens.dump(state))
    assert (twin.due(at(5000)), twin.about, twin.identity) == (state.due(at(LATE)), state.about, state.identity)
    assert tokens.dump(twin) == tokens.dump(state)


def test_a_token_holds_what_has_not_ended_and_no_result():
    token = tokens.dump(HALF)
    assert ("secret" in token, OPERATIONS[1] in token) == (False, False)
    assert [each.resource for each in load(token).members] == [FIRST, THIRD]


def test_what_has_ended_is_read_again_from_its_token():
    ended = fed(started(results(told(0, "Scheduled"), refused(1), told(2, "Scheduled"))), [ALL])
    assert asked(load(tokens.dump(ended))) == [OPERATIONS[0], OPERATIONS[2]]


def test_of_what_was_refused_there_is_nothing_to_take_up():
    with pytest.raises(InvalidRequest):
        load(tokens.dump(started(results(*map(refused, range(3))))))


TOKEN = saved(started())


@pytest.mark.parametrize("name", sorted(set(TOKEN) - {"azvm"}))
def test_a_token_without_a_field_is_refused(name):
    with pytest.raises(InvalidRequest):
        load({key: value for key, value in TOKEN.items() if key != name})


MEMBER = TOKEN["members"][0]


@pytest.mark.parametrize(
    "broken",
    [
        {"url": None},
        {"url": f"https://elsewhere.example{STATES_URL.removeprefix(ENDPOINT)}"},
        {"url": STATES_URL.replace("GetOperationStatus", "ExecuteDelete")},
        {"url": STATES_URL.replace("GetOperationStatus", "GetOperationStatus/x")},
        {"url": STATES_URL.replace("ComputeSchedule", "Compute")},
        {"url": STATES_URL.partition("?")[0]},
        {"url": f"{ENDPOINT}{VM}/start?x={STATES_URL}"},
        {"verb": "stop"},
        {"resource": 5},
        {"correlation_id": None},
        {"call": ""},
        {"alone": "no"},
        {"alone": True},
        {"polls": -1},
        {"members": None},
        {"members": {}},
        {"members": []},
        {"members": "abc"},
        {"members": ["abc"]},
        {"members": [[]]},
        {"members": [{**MEMBER, "operation_id": None}]},
        {"members": [{**MEMBER, "operation_id": "a/b"}]},
        {"members": [{**MEMBER, "operation_id": 5}]},
        {"members": [{**MEMBER, "resource": "vm1"}]},
        {"members": [{**MEMBER, "resource": f"{VM}/extensions/x"}]},
        {"members": [{**MEMBER, "resource": VM.replace("0123", "9999")}]},
        {"members": [MEMBER, {**MEMBER, "resource": FIRST.upper()}]},
        {"members": [{**MEMBER, "resource": f"{VM}{number}"} for number in range(MOST + 1)]},
    ],
    ids=str,
)
def test_a_damaged_token_is_refused(broken):
    with pytest.raises(InvalidRequest):
        load({**TOKEN, **broken})


def test_the_bare_url_of_all_bulk_operations_is_refused():
    with pytest.raises(InvalidRequest, match="token"):
        load(STATES_URL)
