"""Reads that bring no state: what is borne, for how long, and who is told."""

import pytest

from azvm_async.errors import ProtocolError, StatusUnreadable, TransportError
from azvm_async.protocol.machine import Success, Wait
from azvm_async.wire import Request
from protocol.support import (
    BY_LOCATION,
    NEWER_STATUS_URL,
    STATUS_URL,
    VM,
    all_but_blind,
    answer,
    at,
    begun,
    fed,
    says,
)

TRANSIENT = [408, 429, 500, 502, 503, 504, 599]
REFUSED = [400, 401, 403, 405, 409, 410, 412, 301, 302, 304, 307]
UNREADABLE = {
    "empty": b"",
    "html": b"<html>",
    "cut": b'{"status": "Succ',
    "not-utf-8": b'{"status": "\xff"}',
    "list": b"[]",
    "number": b"5",
    "no-status": b"{}",
    "status-null": b'{"status": null}',
    "status-blank": b'{"status": " "}',
    "status-number": b'{"status": 200}',
    "status-object": b'{"status": {"state": "Succeeded"}}',
    "too-deep": b"[" * 100_000,
    "too-long-a-number": b'{"status": ' + b"1" * 5_000 + b"}",
}
LOST = TransportError("lost", maybe_applied=True)


def readable(state, times):
    """Return a state after so many readable polls, so that it is fresh no more."""
    return fed(state, [says("Running")] * times)


@pytest.mark.parametrize("status", TRANSIENT)
def test_a_passing_trouble_is_waited_out(status):
    state = readable(begun(), 9)
    missed = fed(state, [answer(status, {"error": {"code": "X"}})] * 20)
    assert fed(missed, [says("Succeeded")]).outcome == Success()


def test_a_lost_answer_is_waited_out():
    state = begun()
    for second in range(100, 120):
        state = state.missed(LOST, at(second))
    assert fed(state, [says("Succeeded")]).outcome == Success()


def test_a_passing_trouble_is_read_again_later_and_not_at_once():
    assert isinstance(begun().receive(answer(503), at(10)).due(at(10)), Wait)


@pytest.mark.parametrize("status", [429, 503])
def test_a_passing_trouble_is_read_again_when_azure_says(status):
    state = begun().receive(answer(status, headers={"retry-after": "17"}), at(10))
    assert state.due(at(10)) == Wait(27.0)


def test_a_trouble_shows_neither_as_status_nor_as_progress():
    state = fed(begun(), [says("Updating", percentComplete=40), answer(500, {"status": "Failed"})])
    assert (state.status, state.percent_complete, state.outcome) == ("Updating", 40.0, None)


def test_an_error_answer_moves_no_url():
    moved = answer(503, headers={"azure-asyncoperation": NEWER_STATUS_URL})
    assert fed(begun(), [moved]).due(at(60)).url == STATUS_URL


@pytest.mark.parametrize("status", REFUSED)
def test_another_error_status_is_told_at_once(status):
    with pytest.raises(StatusUnreadable) as caught:
        begun().receive(answer(status), at(1))
    assert caught.value.status == status


def test_what_is_told_names_the_vm_and_azures_reason():
    refused = answer(400, {"error": {"code": "Bad", "message": "no"}}, {"x-ms-request-id": "r-2"})
    with pytest.raises(StatusUnreadable) as caught:
        begun().receive(refused, at(1))
    told = caught.value
    assert (told.vm, told.code, told.message, told.request_id) == (VM, "Bad", "no", "r-2")


def test_a_new_operation_may_be_unknown_five_times():
    assert fed(begun(), [*[answer(404)] * 5, says("Succeeded")]).outcome == Success()


def test_at_the_sixth_poll_an_unknown_operation_is_told():
    with pytest.raises(StatusUnreadable, match="not known"):
        fed(begun(), [answer(404)] * 6)


@pytest.mark.parametrize("before", range(5))
def test_any_of_the_first_five_polls_may_find_nothing(before):
    assert readable(begun(), before).receive(answer(404), at(99)).outcome is None


@pytest.mark.parametrize("before", [5, 6, 50])
def test_what_was_read_five_times_may_not_become_unknown(before):
    with pytest.raises(StatusUnreadable):
        readable(begun(), before).receive(answer(404), at(9999))


def test_polls_that_failed_count_as_polls_of_a_fresh_operation():
    with pytest.raises(StatusUnreadable):
        fed(begun(), [*[answer(503)] * 5, answer(404)])


@pytest.mark.parametrize("body", UNREADABLE.values(), ids=UNREADABLE)
def test_an_unreadable_answer_is_read_again_five_times(body):
    state = readable(begun(), 9)
    assert fed(state, [*[answer(200, body)] * 5, says("Succeeded")]).outcome == Success()


@pytest.mark.parametrize("body", UNREADABLE.values(), ids=UNREADABLE)
def test_the_sixth_unreadable_answer_breaks_the_protocol(body):
    with pytest.raises(ProtocolError, match="in none of 6 answers") as caught:
        fed(begun(), [answer(200, body)] * 6)
    assert caught.value.vm == VM


@pytest.mark.parametrize("between", [says("Running"), answer(503)], ids=["read", "missed"])
def test_only_unreadable_answers_in_a_row_count(between):
    state = fed(begun(), [*[answer(200, b"?")] * 5, between, *[answer(200, b"?")] * 5])
    assert state.outcome is None


def test_an_unreadable_location_is_borne_like_an_unreadable_status():
    first = answer(202, headers=BY_LOCATION)
    assert fed(begun(first=first), [*[answer(200, b"?")] * 5, answer(200)]).outcome == Success()


@pytest.mark.parametrize("body", [None, [], "text", 5, {}])
def test_a_resource_that_is_no_object_is_unreadable(body):
    response = answer(200, b"null") if body is None else answer(200, body)
    with pytest.raises(ProtocolError):
        fed(begun("PUT", answer(201)), [response] * 6)


def test_thirty_minutes_without_a_readable_answer_are_told():
    state = all_but_blind(begun(), 100, answer(503))
    state = state.receive(answer(503), at(1899.9))
    with pytest.raises(StatusUnreadable, match="30 minutes"):
        state.receive(answer(503), at(1900))


def test_thirty_minutes_of_lost_answers_are_told_with_the_last_of_them():
    state = all_but_blind(begun(), 100, LOST)
    with pytest.raises(StatusUnreadable) as caught:
        state.missed(LOST, at(1900))
    assert caught.value.__cause__ is LOST


def test_a_readable_answer_starts_the_thirty_minutes_anew():
    state = all_but_blind(begun(), 100, answer(503)).receive(says("Running"), at(1800))
    assert all_but_blind(state, 1950, answer(503)).receive(answer(503), at(3700)).outcome is None


def test_few_misses_are_no_blindness_however_much_time_lay_between():
    state = begun().receive(answer(503), at(0)).receive(answer(503), at(7200)).receive(answer(503), at(14400))
    assert state.outcome is None


GIVEN_UP = {
    "refused": (begun(), answer(403)),
    "unknown": (readable(begun(), 6), answer(404)),
    "unreadable": (fed(begun(), [answer(200, b"?")] * 5), answer(200, b"?")),
    "blind": (all_but_blind(begun(), 0, answer(503)), answer(503)),
}


@pytest.mark.parametrize(("state", "last"), GIVEN_UP.values(), ids=GIVEN_UP)
def test_the_state_from_before_the_trouble_can_be_tried_again_at_once(state, last):
    with pytest.raises((StatusUnreadable, ProtocolError)):
        state.receive(last, at(1800))
    again = state.again(at(1800))
    assert again.due(at(1800)) == Request("GET", STATUS_URL)
    assert fed(again, [says("Succeeded")]).outcome == Success()


def test_trying_again_forgives_the_unreadable_answers():
    state = fed(begun(), [answer(200, b"?")] * 5).again(at(100))
    assert fed(state, [answer(200, b"?")] * 5).outcome is None


def test_trying_again_forgives_the_blind_minutes():
    state = all_but_blind(begun(), 0, answer(503)).again(at(1800))
    assert state.receive(answer(503), at(1800)).outcome is None


def test_trying_again_does_not_make_an_operation_fresh():
    with pytest.raises(StatusUnreadable):
        readable(begun(), 5).again(at(900)).receive(answer(404), at(900))


def test_arm_cannot_cancel_an_operation_as_such():
    assert begun().cancellation() is None


def test_an_operation_stays_as_it_is_when_it_was_canceled():
    state = begun()
    assert state.canceled(at(5)) is state


# Throttling: a 429 that says when to come again.


def throttled(seconds=1200):
    return answer(429, headers={"retry-after": str(seconds)})


@pytest.mark.parametrize("seconds", [1, 600, 1200, 3600])
def test_throttling_that_says_when_to_come_again_is_borne_for_hours(seconds):
    state = fed(readable(begun(), 9), [throttled(seconds)] * (4 * 3600 // seconds))
    assert fed(state, [says("Succeeded")]).outcome == Success()


def test_throttling_that_does_not_say_when_is_borne_for_thirty_minutes():
    state = all_but_blind(begun(), 0, answer(429))
    with pytest.raises(StatusUnreadable, match="30 minutes"):
        state.receive(answer(429), at(1800))


def test_the_time_that_throttling_took_is_not_among_the_thirty_minutes():
    state = all_but_blind(begun(), 0, answer(503)).receive(throttled(1200), at(10)).receive(throttled(1200), at(1210))
    assert state.receive(answer(503), at(2410)).outcome is None


def test_the_thirty_minutes_go_on_after_throttling():
    state = all_but_blind(begun(), 0, answer(503)).receive(throttled(1200), at(10)).receive(answer(503), at(1210))
    with pytest.raises(StatusUnreadable):
        state.receive(answer(503), at(3000))


def test_throttling_at_the_end_of_thirty_blind_minutes_does_not_end_them():
    state = all_but_blind(begun(), 0, answer(503)).receive(throttled(60), at(1900))
    assert state.due(at(1900)) == Wait(1960.0)


def test_throttling_does_not_make_the_next_misses_slower():
    state = fed(begun(), [throttled(1)] * 20).receive(answer(503), at(100))
    assert state.due(at(100)).until < 101


def test_throttling_of_no_seconds_is_obeyed_three_times_in_a_row():
    state = begun()
    for _ in range(4):
        state = state.receive(throttled(0), at(10))
    assert state.due(at(10)) == Wait(11.0)
