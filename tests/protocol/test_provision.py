"""A deployment followed: its operations tell how it goes, its own document how it ended."""

from datetime import UTC, datetime

import pytest

from azvm_async.errors import (
    DeploymentFailed,
    OperationCanceled,
    ProtocolError,
    StatusUnreadable,
    TransportError,
)
from azvm_async.protocol.deployment import Deployed
from azvm_async.protocol.machine import ResourceProgress, Success, Wait
from azvm_async.protocol.provision import LIST_TRIES, LISTINGS_IN_A_ROW
from azvm_async.wire import Request
from protocol.deployments import (
    ACCEPTED,
    ANOTHER,
    CANCEL_URL,
    CORRELATION,
    CREATED_VM,
    CREATING_VM,
    DEPLOYMENT_URL,
    DISK,
    LIST,
    LIST_URL,
    NIC,
    PROVISION,
    READ,
    SECOND_PAGE,
    THIRD_PAGE,
    deployment,
    document,
    failure,
    operation,
    operations,
    provisioned,
)
from protocol.support import NOW, VM, answer, at, fed

LOST = TransportError("lost", maybe_applied=True)
RUNNING = deployment("Running")
SUCCEEDED = deployment("Succeeded", VM)
FAILED = deployment("Failed", error={"code": "DeploymentFailed", "message": "At least one resource failed."})
LATER = at(1e6)


def asked(state):
    """Return what is asked next, however long that takes."""
    return state.due(LATER)


def test_the_first_retry_after_holds_for_the_first_turn():
    assert provisioned(answer(201, document("Accepted"), {"retry-after": "7"})).due(at(6.9)) == Wait(7.0)


def test_without_a_retry_after_the_first_turn_is_that_of_every_operation():
    assert provisioned().due(NOW) == Wait(0.8)


@pytest.mark.parametrize(
    ("first", "next_"),
    [(ACCEPTED, LIST), (answer(201, b""), READ), (answer(200, b"<html>"), READ), (answer(201, {}), READ)],
    ids=["a-deployment", "empty", "html", "no-properties"],
)
def test_after_the_put_the_operations_are_listed_unless_the_answer_told_nothing(first, next_):
    assert asked(provisioned(first)) == next_


def test_a_put_answered_by_a_redirect_breaks_the_protocol():
    with pytest.raises(ProtocolError, match="redirect"):
        provisioned(answer(302))


def test_a_put_answered_by_its_end_closes_with_the_list():
    state = provisioned(answer(200, document("Succeeded", VM)))
    assert (state.outcome, state.due(NOW)) == (None, LIST)


def test_while_something_is_created_only_the_operations_are_listed():
    state = fed(provisioned(), [CREATING_VM])
    assert isinstance(state.due(NOW), Wait)
    assert asked(state) == LIST


def test_the_deployment_is_asked_after_some_listings_in_any_case():
    """It may have been canceled, while its operations still say that they run."""
    state = fed(provisioned(), [CREATING_VM] * (LISTINGS_IN_A_ROW - 1))
    assert asked(state) == LIST
    assert asked(fed(state, [CREATING_VM])) == READ


def test_listings_are_counted_anew_after_each_reading():
    state = fed(provisioned(), [*[CREATING_VM] * LISTINGS_IN_A_ROW, RUNNING, CREATING_VM])
    assert asked(state) == LIST


@pytest.mark.parametrize("listed", [CREATED_VM, operations(), operations(operation(VM, "Failed"))])
def test_when_nothing_is_being_created_the_deployment_is_asked_at_once(listed):
    now = at(30)
    assert provisioned().receive(listed, now).due(now) == READ


@pytest.mark.parametrize("word", ["Running", "Accepted", "Creating", "Updating", "NotSpecified", "new word"])
def test_any_word_that_is_no_ending_means_running(word):
    state = fed(provisioned(), [CREATED_VM, deployment(word)])
    assert (state.outcome, state.status, asked(state)) == (None, word, LIST)


@pytest.mark.parametrize(
    "unlisted",
    [
        answer(403),
        answer(404),
        answer(429, headers={"retry-after": "600"}),
        answer(500),
        answer(302),
        answer(200, b"<html>"),
        answer(200, b""),
        answer(200, []),
        answer(200, {}),
        answer(200, {"value": {}}),
        operations(more="https://elsewhere.example/x"),
        operations(more="https://["),
        operations(more=LIST_URL),
    ],
    ids=lambda response: f"{response.status}-{response.body[:30]!r}",
)
def test_a_list_that_cannot_be_read_leads_to_the_deployment_at_once(unlisted):
    now = at(30)
    assert provisioned().receive(unlisted, now).due(now) == READ


def test_a_list_that_is_lost_leads_to_the_deployment_at_once():
    now = at(30)
    assert provisioned().missed(LOST, now).due(now) == READ


def test_the_next_page_is_read_at_once():
    now = at(30)
    state = provisioned().receive(operations(operation(VM, "Running"), more=SECOND_PAGE), now)
    assert state.due(now) == Request("GET", SECOND_PAGE)


def test_all_pages_together_are_the_progress():
    pages = [
        operations(operation(VM, "Running"), more=SECOND_PAGE),
        operations(operation(NIC, "Succeeded"), more=THIRD_PAGE),
        operations(operation(DISK, "Failed")),
    ]
    state = fed(provisioned(), pages)
    assert [(each.name, each.state) for each in state.progress] == [
        ("vm1", "Running"),
        ("nic1", "Succeeded"),
        ("d", "Failed"),
    ]


def test_after_the_last_page_the_list_begins_at_its_first():
    pages = [operations(more=SECOND_PAGE), operations(operation(VM, "Running"))]
    assert asked(fed(provisioned(), pages)) == LIST


@pytest.mark.parametrize("back", [SECOND_PAGE, LIST_URL])
def test_pages_that_go_round_in_circles_are_given_up(back):
    pages = [operations(more=SECOND_PAGE), operations(more=THIRD_PAGE), operations(more=back)]
    assert asked(fed(provisioned(), pages)) == READ


def test_a_broken_page_does_not_spoil_the_next_listing():
    state = fed(provisioned(), [operations(operation(NIC, "Running"), more=SECOND_PAGE), answer(500), RUNNING])
    assert asked(state) == LIST
    assert [each.id for each in fed(state, [CREATING_VM]).progress] == [VM]


def test_progress_is_what_the_operations_tell():
    state = fed(provisioned(), [operations(operation(VM, "Running", timestamp="2025-06-01T00:00:01.5Z"))])
    since = datetime(2025, 6, 1, 0, 0, 1, 500_000, UTC)
    assert state.progress == (ResourceProgress(VM, "Microsoft.Compute/virtualMachines/vm1", "vm1", "Running", since),)


def test_percent_is_the_share_of_the_resources_known():
    dependencies = [{"id": VM, "dependsOn": [{"id": NIC}, {"id": DISK}]}]
    first = answer(201, document("Accepted", dependencies=dependencies))
    state = fed(provisioned(first), [operations(operation(NIC, "Succeeded"), operation(VM, "Running"))])
    assert state.percent_complete == 33.0


def test_percent_is_unknown_before_any_resource_is_known():
    assert fed(provisioned(), [operations()]).percent_complete is None


def test_percent_never_falls():
    half = operations(operation(NIC, "Succeeded"), operation(VM, "Running"))
    state = fed(provisioned(), [half, operations(*(operation(f"{VM}{n}", "Running") for n in range(9)))])
    assert state.percent_complete == 50.0


def test_percent_stays_below_100_until_the_end():
    state = fed(provisioned(), [CREATED_VM])
    assert state.percent_complete == 99.0
    assert fed(state, [SUCCEEDED]).percent_complete == 100.0


def test_success_of_all_resources_needs_no_further_list():
    state = fed(provisioned(), [CREATED_VM, SUCCEEDED])
    assert state.outcome == Success(Deployed("vm1-deployment", resources=(VM,), correlation_id=CORRELATION))


@pytest.mark.parametrize(
    "listed",
    [
        pytest.param(operations(), id="nothing-listed"),
        pytest.param(operations(operation(NIC, "Succeeded")), id="another-listed"),
        pytest.param(operations(operation(VM, "Failed")), id="failed-when-listed"),
        pytest.param(operations(operation(VM, "Succeeded"), operation(NIC, "Succeeded ")), id="one-of-two"),
    ],
)
def test_success_that_the_progress_does_not_show_yet_closes_with_the_list(listed):
    state = fed(provisioned(), [listed, SUCCEEDED])
    assert (state.outcome, asked(state)) == (None, LIST)
    closed = fed(state, [CREATED_VM])
    assert (closed.outcome.status, [each.state for each in closed.progress]) == ("Succeeded", ["Succeeded"])


def test_ids_are_compared_without_case():
    assert fed(provisioned(), [CREATED_VM, deployment("Succeeded", VM.upper())]).outcome is not None


def closing(verdict=FAILED):
    """Return a state whose end is known, and whose list is read once more."""
    state = fed(provisioned(), [operations(operation(VM, "Running")), *[CREATING_VM] * 3, verdict])
    assert (state.outcome, asked(state)) == (None, LIST)
    return state


def raised(state):
    """Return the error that a state ended with."""
    return state.outcome.error(PROVISION)


def test_a_failure_closes_with_its_innermost_causes_the_earliest_first():
    late, early = "2025-06-01T00:00:02Z", "2025-06-01T00:00:01Z"
    listed = operations(failure(VM, "Late", "l", late), failure(NIC, "Early", "e", early), operation(DISK, "Succeeded"))
    error = raised(fed(closing(), [listed]))
    assert (type(error), error.code, error.message) == (DeploymentFailed, "Early", "e")
    assert [(cause.code, cause.resource) for cause in error.causes] == [("Early", NIC), ("Late", VM)]


def test_a_failure_shows_how_each_resource_ended():
    error = raised(fed(closing(), [operations(failure(VM, "X", "x"), operation(NIC, "Succeeded"))]))
    assert [(each.name, each.state) for each in error.resources] == [("vm1", "Failed"), ("nic1", "Succeeded")]


def test_a_failure_names_where_it_was_and_the_request():
    error = raised(fed(closing(), [operations(failure(NIC, "X", "x"), failure(VM, "Y", "y"))]))
    assert "provision of vm1 failed at nic1 (1 more in '.causes')" in str(error)
    assert error.request_id == CORRELATION


def test_causes_on_all_pages_count():
    pages = [operations(failure(NIC, "X", "x"), more=SECOND_PAGE), operations(failure(VM, "Y", "y"))]
    assert [cause.code for cause in raised(fed(closing(), pages)).causes] == ["X", "Y"]


def test_where_no_operation_tells_why_the_deployment_itself_does():
    verdict = deployment("Failed", error={"code": "InvalidTemplate", "message": "no."})
    error = raised(fed(closing(verdict), [operations()]))
    assert (type(error), error.code, error.causes[0].resource) == (DeploymentFailed, "InvalidTemplate", None)


def test_a_failure_that_nothing_tells_of_is_a_deployments_failure_too():
    error = raised(fed(closing(deployment("Failed")), [operations(operation(VM, "Failed"))]))
    assert (type(error), error.causes, error.resources[0].state) == (DeploymentFailed, (), "Failed")


@pytest.mark.parametrize("word", ["Canceled", "Cancelled", "canceled"])
def test_a_canceled_deployment_is_no_failed_one(word):
    state = fed(closing(deployment(word)), [operations(failure(VM, "Conflict", "canceled"))])
    assert (type(raised(state)), state.status) == (OperationCanceled, "Canceled")


def test_the_closing_list_is_tried_so_often():
    state = fed(closing(), [answer(503)] * (LIST_TRIES - 1))
    assert (state.outcome, asked(state)) == (None, LIST)
    error = raised(fed(state, [answer(503)]))
    assert (type(error), error.code) == (DeploymentFailed, "DeploymentFailed")


def test_a_closing_list_that_was_lost_counts_as_a_try():
    state = closing()
    for second in range(LIST_TRIES):
        state = state.missed(LOST, at(100 * second))
    assert state.outcome.status == "Failed"


@pytest.mark.parametrize("status", [400, 401, 403, 404, 302])
def test_a_closing_list_that_is_refused_is_not_tried_again(status):
    assert fed(closing(), [answer(status)]).outcome.status == "Failed"


def test_a_known_end_is_not_kept_back_by_a_closing_list_that_would_take_long():
    assert fed(closing(SUCCEEDED), [answer(429, headers={"retry-after": "3600"})]).outcome.status == "Succeeded"


def test_without_a_closing_list_the_last_progress_stays():
    assert [each.id for each in fed(closing(), [answer(403)]).progress] == [VM]


def test_another_try_after_closing_trouble_reads_the_list():
    now = at(5000)
    assert closing().again(now).due(now) == LIST


@pytest.mark.parametrize("status", [400, 401, 403, 409])
def test_a_refused_read_of_the_deployment_is_told_and_the_state_stays(status):
    state = fed(provisioned(), [CREATED_VM])
    with pytest.raises(StatusUnreadable):
        state.receive(answer(status), at(60))
    assert state.again(at(60)).due(at(60)) == READ


@pytest.mark.parametrize("miss", [answer(503), answer(429), answer(404), answer(200, b"<html>"), answer(200, {})])
def test_a_passing_trouble_is_waited_out(miss):
    state = fed(provisioned(), [CREATED_VM, miss])
    assert asked(state) == READ
    assert fed(state, [SUCCEEDED]).outcome.status == "Succeeded"


def test_a_lost_read_is_waited_out():
    state = fed(provisioned(), [CREATED_VM]).missed(LOST, at(60))
    assert isinstance(state.due(at(60)), Wait)
    assert asked(state) == READ


@pytest.mark.parametrize("unreadable", [answer(200, []), answer(200, {"properties": 5}), answer(204), answer(200, {})])
def test_six_answers_that_are_no_deployment_break_the_protocol(unreadable):
    with pytest.raises(ProtocolError):
        fed(provisioned(), [CREATED_VM, *[unreadable] * 6])


def test_a_deployment_of_the_same_name_is_not_taken_for_ours():
    state = fed(provisioned(), [CREATED_VM, deployment("Succeeded", VM, correlation=ANOTHER)])
    assert (state.outcome, asked(state)) == (None, READ)


def test_a_deployment_that_was_replaced_for_good_is_told():
    with pytest.raises(StatusUnreadable):
        fed(provisioned(), [CREATED_VM, *[deployment("Running", correlation=ANOTHER)] * 6])


def test_a_correlation_id_is_compared_without_case():
    assert fed(provisioned(), [CREATED_VM, deployment("Succeeded", VM, correlation=CORRELATION.upper())]).outcome


def test_the_first_correlation_id_that_is_told_counts():
    state = fed(provisioned(answer(201, {})), [deployment("Running"), CREATED_VM])
    assert fed(state, [deployment("Succeeded", correlation=ANOTHER)]).outcome is None


@pytest.mark.parametrize("late", [SUCCEEDED, answer(500)])
def test_an_answer_after_the_end_breaks_the_protocol(late):
    ended = fed(provisioned(), [CREATED_VM, SUCCEEDED])
    with pytest.raises(ProtocolError, match="has ended"):
        ended.receive(late, LATER)


def test_a_lost_answer_after_the_end_breaks_the_protocol():
    with pytest.raises(ProtocolError, match="has ended"):
        fed(provisioned(), [CREATED_VM, SUCCEEDED]).missed(LOST, LATER)


def test_a_deployment_is_canceled_by_a_post():
    assert provisioned().cancellation() == Request("POST", CANCEL_URL)


def test_a_canceled_deployment_is_read_at_once():
    now = at(30)
    state = provisioned().receive(CREATING_VM, now)
    assert state.canceled(now).due(now) == READ


def test_after_a_cancellation_the_list_begins_at_its_first_page():
    state = fed(provisioned(), [operations(operation(NIC, "Running"), more=SECOND_PAGE)])
    state = fed(state.canceled(NOW), [RUNNING])
    assert asked(state) == LIST
    assert [each.id for each in fed(state, [CREATING_VM]).progress] == [VM]


def test_a_cancellation_does_not_undo_a_known_end():
    state = closing(SUCCEEDED)
    assert state.canceled(NOW) is state


def test_tracking_url_is_the_deployments_own():
    assert provisioned().tracking_url == DEPLOYMENT_URL
