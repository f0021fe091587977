"""Many VMs by one request: what is asked, what each answer means for each of them, and what is given away of it."""

from datetime import UTC, datetime

import pytest

from azvm_async.errors import (
    AuthenticationError,
    Conflict,
    InvalidRequest,
    NotFound,
    OperationCanceled,
    OperationFailed,
    OperationPreempted,
    OutcomeUnknown,
    ProtocolError,
    RequestRefused,
    StatusUnreadable,
    Throttled,
    TransportError,
)
from azvm_async.protocol import bulk_request
from azvm_async.protocol.bulk_request import MOST, about_many, registration, registration_request, unavailable
from azvm_async.protocol.faults import Fault
from azvm_async.protocol.machine import About, Failure, ResourceProgress, Success, Wait
from azvm_async.wire import Request
from protocol.bulks import (
    ALL,
    CORRELATION,
    FIRST,
    HERE,
    LATE,
    OPERATIONS,
    PLACE,
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
from protocol.support import ENDPOINT, NOW, SUBSCRIPTION, VM, answer, at, fed

LOST = TransportError("lost", maybe_applied=True)


# What is asked for


@pytest.mark.parametrize(
    ("verb", "action", "more"),
    [
        ("start", "Start", {}),
        ("deallocate", "Deallocate", {}),
        ("hibernate", "Hibernate", {}),
        ("delete", "Delete", {"forceDeletion": False}),
    ],
)
def test_the_request_names_all_vms_and_how_often_azure_tries_again(verb, action, more):
    request = bulk_request.request(ENDPOINT, SUBSCRIPTION, "West Europe", verb, VMS, CORRELATION)
    assert (request.method, request.url) == ("POST", f"{HERE}Execute{action}?api-version=2025-05-01")
    assert document(request) == {
        "executionParameters": {"retryPolicy": {"retryCount": 3, "retryWindowInMinutes": 30}},
        "resources": {"ids": VMS},
        "correlationid": CORRELATION,
        **more,
    }


def test_a_deletion_can_be_forced():
    request = bulk_request.request(ENDPOINT, SUBSCRIPTION, "westeurope", "delete", VMS, CORRELATION, force=True)
    assert document(request)["forceDeletion"] is True


@pytest.mark.parametrize(
    ("verb", "vms", "more"),
    [
        pytest.param("stop", VMS, {}, id="verb"),
        pytest.param("start", VMS, {"force": True}, id="forced-start"),
        pytest.param("delete", VMS, {"force": "false"}, id="force-is-a-word"),
        pytest.param("start", [], {}, id="none"),
        pytest.param("start", VM, {}, id="text"),
        pytest.param("start", [f"{VM}{number}" for number in range(MOST + 1)], {}, id="too-many"),
        pytest.param("start", [VM, VM.upper()], {}, id="twice"),
        pytest.param("start", ["vm1"], {}, id="name"),
        pytest.param("start", [f"{VM}/extensions/x"], {}, id="no-vm"),
        pytest.param("start", [VM.replace("0123", "9999")], {}, id="other-subscription"),
        pytest.param("start", VMS, {"location": "west/europe"}, id="location"),
        pytest.param("start", VMS, {"location": ""}, id="no-location"),
    ],
)
def test_what_azure_would_not_take_is_refused_here(verb, vms, more):
    given = {"location": "westeurope", "verb": verb, "resources": vms, "correlation_id": CORRELATION, **more}
    with pytest.raises(InvalidRequest):
        bulk_request.request(ENDPOINT, SUBSCRIPTION, **given)


def test_it_is_about_the_vm_or_about_the_location():
    assert about_many("start", SUBSCRIPTION, "westeurope", [VM]) == About("start", VM)
    assert about_many("start", SUBSCRIPTION, "West Europe", VMS) == About("start", PLACE)


# The first answer


def test_all_states_are_asked_for_at_once():
    assert started().due(at(LATE)) == Request.with_json(
        "POST", STATES_URL, {"operationIds": OPERATIONS, "correlationid": CORRELATION}
    )


def test_the_first_retry_after_holds_for_the_first_read():
    first = results(*(told(number, "Scheduled") for number in range(3)), headers={"retry-after": "9"})
    assert started(first).due(at(8.9)) == Wait(9.0)


def test_a_refused_vm_has_failed_at_once_and_the_others_go_on():
    state = started(results(told(0, "Scheduled"), refused(1), told(2, "Scheduled")))
    assert (asked(state), state.outcome) == ([OPERATIONS[0], OPERATIONS[2]], None)
    failed = state.members[1]
    assert (failed.state, failed.outcome) == ("Failed", Failure("Failed", Fault("VMNotFound", "no such VM")))
    caught = failed.error("start")
    assert (type(caught), caught.vm, caught.code) == (OperationFailed, SECOND, "VMNotFound")


def test_where_all_are_refused_it_has_ended():
    state = started(results(*map(refused, range(3))))
    assert state.due(NOW) == Success(state.members)
    assert [each.state for each in state.members] == ["Failed"] * 3


@pytest.mark.parametrize(
    "entry",
    [
        pytest.param([], id="nothing"),
        pytest.param([{"resourceId": SECOND, "operation": None}], id="neither"),
        pytest.param([{"resourceId": SECOND, "errorCode": "", "operation": {}}], id="empty"),
        pytest.param([{"resourceId": SECOND, "operation": {"operationId": "a/../b"}}], id="odd-id"),
        pytest.param([{"resourceId": SECOND, "operation": {"operationId": 5}}], id="mistyped-id"),
    ],
)
def test_what_becomes_of_a_vm_with_neither_operation_nor_error_is_unknown(entry):
    state = started(results(told(0, "Scheduled"), *entry, told(2, "Scheduled")))
    lost = state.members[1]
    assert (lost.state, lost.operation_id, asked(state)) == ("Unknown", None, [OPERATIONS[0], OPERATIONS[2]])
    assert isinstance(lost.error("start"), OutcomeUnknown)


def test_results_are_told_apart_by_their_vm_in_any_case_and_order():
    entries = [told(number, "Scheduled") for number in (2, 0, 1)]
    entries[0]["resourceId"] = THIRD.upper()
    del entries[1]["resourceId"]
    state = started(results(*entries))
    assert [each.operation_id for each in state.members] == OPERATIONS
    assert [each.resource for each in state.members] == VMS


@pytest.mark.parametrize("word", ["Succeeded", "Failed", "Cancelled"])
def test_what_has_ended_in_the_first_answer_has_ended(word):
    state = started(results(told(0, word), told(1, "Scheduled"), told(2, "Unknown")))
    assert asked(state) == OPERATIONS[1:]


@pytest.mark.parametrize(
    "first",
    [
        answer(200),
        answer(200, b"<html>"),
        answer(200, []),
        answer(200, {}),
        answer(200, {"results": None}),
        results(),
        results({"resourceId": f"{VM}9"}),
        answer(202),
    ],
    ids=["empty", "html", "list", "object", "null", "none", "other", "202"],
)
def test_an_answer_that_tells_of_none_leaves_open_what_was_begun(first):
    with pytest.raises(OutcomeUnknown) as caught:
        started(first)
    assert caught.value.vm == PLACE


def test_a_redirect_breaks_the_protocol():
    with pytest.raises(ProtocolError):
        started(answer(302))


# The states


@pytest.mark.parametrize(
    "word", ["PendingScheduling", "Scheduled", "PendingExecution", "Executing", "Blocked", "Dreaming", "SCHEDULED"]
)
@pytest.mark.parametrize("more", [{}, error("AllocationFailed")], ids=["well", "with-error"])
def test_an_operation_goes_on_whatever_azure_tries_again(word, more):
    state = fed(started(), [results(*(told(number, word, **more) for number in range(3)))] * 50)
    assert (asked(state), state.members[0].state, state.status) == (OPERATIONS, word, "InProgress")


def test_what_has_ended_is_not_asked_for_again():
    state = fed(started(), [results(told(0, "Executing"), told(1, "Succeeded"), told(2, "Executing"))])
    assert (asked(state), state.outcome) == ([OPERATIONS[0], OPERATIONS[2]], None)


def test_when_all_have_ended_it_has_succeeded_with_all_of_them():
    failed = told(1, "Failed", **error("AllocationFailed", "no room"))
    state = fed(started(), [results(told(0, "Succeeded"), failed, told(2, "Cancelled"))])
    assert state.outcome == state.due(NOW) == Success(state.members)
    assert [each.state for each in state.members] == ["Succeeded", "Failed", "Canceled"]
    assert [each.outcome for each in state.members] == [
        Success(),
        Failure("Failed", Fault("AllocationFailed", "no room")),
        Failure("Canceled", Fault()),
    ]
    assert (state.status, state.percent_complete, state.warning) == ("Succeeded", 100.0, None)


@pytest.mark.parametrize(
    ("word", "code", "kind"),
    [
        ("Failed", "X", OperationFailed),
        ("failed", "OperationPreempted", OperationPreempted),
        ("Cancelled", "OperationCancelledByUser", OperationCanceled),
        ("canceled", "X", OperationCanceled),
    ],
)
def test_each_end_is_an_error_of_its_own(word, code, kind):
    state = fed(started(), [results(told(0, word, **error(code)), *SUCCEEDED[1:])])
    caught = state.members[0].error("start")
    assert (type(caught), caught.code, caught.vm) == (kind, code, FIRST)
    assert state.members[1].error("start") is None


def test_the_reason_of_an_end_may_stand_beside_the_operation():
    entry = {**told(0, "Failed"), "errorCode": "X", "errorDetails": "y"}
    state = fed(started(), [results(entry, *SUCCEEDED[1:])])
    assert state.members[0].outcome.fault == Fault("X", "y")


def test_the_end_is_dated():
    state = fed(started(), [results(told(0, "Succeeded", completedAt="2025-06-01T00:00:21.1234567+00:00"))])
    assert state.members[0].completed == datetime(2025, 6, 1, 0, 0, 21, 123456, UTC)


def test_progress_tells_of_each_vm_and_why_it_failed():
    failed = told(1, "Failed", **error("X", "y"), completedAt="2025-06-01T00:00:00Z")
    state = fed(started(), [results(told(0, "Executing"), failed, told(2, "Scheduled"))])
    kind, when = "Microsoft.Compute/virtualMachines", datetime(2025, 6, 1, tzinfo=UTC)
    assert state.progress == (
        ResourceProgress(FIRST, kind, "vm0", "Executing"),
        ResourceProgress(SECOND, kind, "vm1", "Failed", when, Fault("X", "y")),
        ResourceProgress(THIRD, kind, "vm2", "Scheduled"),
    )
    assert state.percent_complete == pytest.approx(100 / 3)


def test_operations_are_known_in_any_case():
    entry = told(0, "Succeeded")
    entry["operation"]["operationId"] = OPERATIONS[0].upper()
    assert fed(started(), [results(entry, *SUCCEEDED[1:])]).outcome is not None


# What is not told


UNTOLD = [
    pytest.param([], id="nothing"),
    pytest.param([unheard_of(0)], id="not-found"),
    pytest.param([told(0, "Unknown")], id="unknown"),
    pytest.param([told(0, None)], id="no-state"),
    pytest.param([told(0, " ")], id="blank"),
    pytest.param([told(0, 5)], id="mistyped"),
    pytest.param([refused(0, "OperationNotFound")], id="no-operation"),
]


@pytest.mark.parametrize("entries", UNTOLD)
def test_what_is_not_told_often_and_long_is_lost_and_the_others_end(entries):
    state = untold(started(), *entries, *SUCCEEDED[1:])
    lost = state.members[0]
    caught = lost.error("start")
    assert (lost.state, type(caught), caught.vm) == ("Unknown", OutcomeUnknown, FIRST)
    assert state.outcome == Success(state.members)


@pytest.mark.parametrize("entries", UNTOLD)
@pytest.mark.parametrize(("reads", "seconds"), [(4, 1e5), (50, 119.9)])
def test_what_is_not_told_for_a_while_is_waited_for(entries, reads, seconds):
    state = untold(started(), *entries, *SUCCEEDED[1:], reads=reads, seconds=seconds)
    assert (asked(state), fed(state, [ALL]).outcome.result[0].outcome) == ([OPERATIONS[0]], Success())


def test_what_is_told_again_is_forgiven():
    state = untold(started(), *SUCCEEDED[1:], reads=4)
    state = state.receive(results(told(0, "Executing")), at(500))
    assert untold(state, unheard_of(0), reads=4, begin=600).outcome is None


def test_the_reason_that_azure_knows_an_operation_not_is_told():
    state = untold(started(), unheard_of(0), *SUCCEEDED[1:])
    assert state.members[0].error("start").code == "OperationNotFound"


# Trouble


@pytest.mark.parametrize(
    "trouble",
    [
        *map(answer, (408, 429, 500, 503)),
        answer(409, {"error": {"code": "NonSchedulingOperationsBlockedException"}}),
    ],
    ids=lambda response: str(response.status),
)
def test_a_passing_trouble_is_waited_out(trouble):
    assert fed(started(), [*[trouble] * 9, ALL]).outcome is not None


def test_a_lost_answer_is_waited_out():
    assert asked(started().missed(LOST, at(3))) == OPERATIONS


@pytest.mark.parametrize("status", [302, 400, 401, 403, 409])
def test_another_error_status_is_told_at_once_and_the_state_stays(status):
    state = started()
    with pytest.raises(StatusUnreadable):
        state.receive(answer(status), at(9))
    assert isinstance(state.again(at(9)).due(at(9)), Request)


@pytest.mark.parametrize(
    "unreadable",
    [answer(200), answer(200, b"<html>"), answer(200, []), answer(200, {}), answer(200, {"results": {}})],
    ids=["empty", "html", "list", "object", "results"],
)
def test_six_answers_without_results_break_the_protocol(unreadable):
    assert fed(started(), [*[unreadable] * 5, ALL]).outcome is not None
    with pytest.raises(ProtocolError):
        fed(started(), [unreadable] * 6)


def test_after_trouble_all_is_forgiven():
    state = untold(started(), *SUCCEEDED[1:], reads=4).again(at(1000))
    assert state.due(at(1000)) == state.due(at(LATE))
    assert untold(state, unheard_of(0), reads=4, begin=1000).outcome is None


@pytest.mark.parametrize("late", [ALL, answer(500)])
def test_an_answer_after_the_end_breaks_the_protocol(late):
    with pytest.raises(ProtocolError, match="has ended"):
        fed(started(), [ALL]).receive(late, at(60))


def test_a_lost_answer_after_the_end_breaks_the_protocol():
    with pytest.raises(ProtocolError, match="has ended"):
        fed(started(), [ALL]).missed(LOST, at(60))


# Canceling


def test_what_has_not_ended_is_asked_to_be_canceled():
    state = fed(started(), [results(SUCCEEDED[0])])
    assert state.cancellation() == Request.with_json(
        "POST",
        STATES_URL.replace("GetOperationStatus", "CancelOperations"),
        {"operationIds": OPERATIONS[1:], "correlationid": CORRELATION},
    )


def test_what_has_ended_is_not_canceled():
    assert fed(started(), [ALL]).cancellation() is None


def test_after_a_cancellation_all_is_read_at_once_for_what_had_begun_goes_on():
    state = started().receive(results(headers={"retry-after": "99"}), at(1)).canceled(at(5))
    assert (asked(state), state.due(at(5)), state.outcome) == (OPERATIONS, state.due(at(LATE)), None)


# Whether it can be had at all


@pytest.mark.parametrize(
    ("told_of", "is_registered"),
    [
        ({"registrationState": "Registered"}, True),
        ({"registrationState": "registered"}, True),
        ({"registrationState": "Registering"}, False),
        ({"registrationState": "NotRegistered"}, False),
        ({"registrationState": None}, False),
        ({}, False),
    ],
    ids=str,
)
def test_a_registration_is_read(told_of, is_registered):
    assert registration(told_of) is is_registered


def test_a_registration_is_asked_for():
    path = f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.ComputeSchedule"
    assert registration_request(ENDPOINT, SUBSCRIPTION) == Request("GET", f"{ENDPOINT}{path}?api-version=2021-04-01")


@pytest.mark.parametrize(
    "refusal",
    [
        Conflict("x", status=409, code="MissingSubscriptionRegistration"),
        RequestRefused("x", status=400, code="NoRegisteredProviderFound"),
        RequestRefused("x", status=400, code="LocationNotAvailableForResourceType"),
        NotFound("x", status=404, code="InvalidResourceType"),
        NotFound("x", status=404),
        AuthenticationError("x", status=403, code="AuthorizationFailed"),
        RequestRefused("x", status=400, code="SchedulingOperationsBlockedException"),
    ],
    ids=lambda refusal: refusal.code,
)
def test_it_is_told_why_the_provider_cannot_be_used(refusal):
    assert "Microsoft.ComputeSchedule" in unavailable(refusal)


@pytest.mark.parametrize(
    "other",
    [
        Conflict("x", status=409, code="OperationNotAllowed"),
        RequestRefused("x", status=400, code="BadRequest"),
        AuthenticationError("x", status=401),
        AuthenticationError("x"),
        Throttled("x", status=429),
        OutcomeUnknown("x", status=404, code="MissingSubscriptionRegistration"),
        LOST,
    ],
    ids=repr,
)
def test_another_error_says_nothing_of_the_provider(other):
    assert unavailable(other) is None
