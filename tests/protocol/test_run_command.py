"""A script on a VM: its instance view, why it could not run, and its deletion."""

import json
from datetime import UTC, datetime

import pytest

from azvm_async.errors import OperationCanceled, OperationFailed, ProtocolError, StatusUnreadable, TransportError
from azvm_async.protocol import run_command, tokens
from azvm_async.protocol.machine import Failure, Success, Wait
from azvm_async.protocol.script import RunCommandResult
from azvm_async.wire import Request
from protocol.support import (
    COMMAND,
    COMMAND_URL,
    ENDPOINT,
    NOW,
    STATUS_URL,
    VIEW_URL,
    VM,
    answer,
    at,
    commanded,
    fed,
    resource,
    says,
    viewed,
)

LOST = TransportError("lost", maybe_applied=True)
UNTRACKED = answer(201, resource("Creating"))
DELETED = answer(200)
READ, DELETE = Request("GET", VIEW_URL), Request("DELETE", COMMAND_URL)
ASK = Request("GET", STATUS_URL)


def test_the_instance_view_is_read_and_not_arms_operation():
    assert commanded().due(at(60)) == READ


@pytest.mark.parametrize(
    "response",
    [
        pytest.param(viewed("Running"), id="running"),
        pytest.param(viewed("Pending"), id="pending"),
        pytest.param(viewed("Unknown"), id="unknown"),
        pytest.param(viewed("Dreaming"), id="new-word"),
        pytest.param(viewed(provisioning="Creating"), id="no-view-creating"),
        pytest.param(viewed("Running", provisioning="Updating"), id="updating"),
        pytest.param(answer(200, {"properties": {}}), id="nothing"),
        pytest.param(answer(200, {"properties": {"instanceView": None}}), id="null-view"),
        pytest.param(viewed(output="so far"), id="output-without-state"),
    ],
)
def test_a_script_that_has_not_ended_is_read_again(response):
    assert fed(commanded(), [response] * 50).due(at(1e6)) == READ


def test_the_status_is_the_scripts_and_not_the_resources():
    assert fed(commanded(), [viewed("Pending", provisioning="Updating")]).status == "Pending"


@pytest.mark.parametrize(
    ("word", "state"),
    [
        ("Succeeded", "Succeeded"),
        ("Failed", "Failed"),
        ("TimedOut", "TimedOut"),
        ("Canceled", "Canceled"),
        ("SUCCEEDED", "Succeeded"),
        ("timedout", "TimedOut"),
    ],
)
@pytest.mark.parametrize("provisioning", ["Succeeded", "Failed", "Updating"])
def test_a_script_that_ended_is_a_success_with_its_own_state(provisioning, word, state):
    """Also where it failed: that is a result, whatever the resource's own state says."""
    outcome = fed(commanded(), [viewed(word, provisioning), DELETED]).outcome
    assert isinstance(outcome, Success)
    assert outcome.result.execution_state == state


def test_a_result_holds_all_that_azure_told():
    view = {
        "exitCode": 3,
        "output": "out\n",
        "error": "err\n",
        "startTime": "2025-06-01T00:00:01.1234567Z",
        "endTime": "2025-06-01T02:00:02+02:00",
        "executionMessage": "Execution completed",
    }
    result = fed(commanded(), [viewed("Failed", **view), DELETED]).outcome.result
    assert result == RunCommandResult(
        exit_code=3,
        stdout="out\n",
        stderr="err\n",
        started=datetime(2025, 6, 1, 0, 0, 1, 123456, UTC),
        ended=datetime(2025, 6, 1, 0, 0, 2, tzinfo=UTC),
        execution_state="Failed",
        message="Execution completed",
    )


@pytest.mark.parametrize("nothing", [{}, dict.fromkeys(("exitCode", "output", "error", "startTime", "endTime"))])
def test_what_azure_did_not_tell_is_none_or_empty(nothing):
    result = fed(commanded(), [viewed("TimedOut", **nothing), DELETED]).outcome.result
    assert result == RunCommandResult(None, "", "", None, None, "TimedOut")


@pytest.mark.parametrize("date", ["yesterday", "", 5, [], "2025-13-01T00:00:00Z"])
def test_a_date_that_is_none_is_none(date):
    assert fed(commanded(), [viewed("Succeeded", startTime=date), DELETED]).outcome.result.started is None


def test_a_date_without_a_zone_is_utc():
    result = fed(commanded(), [viewed("Succeeded", endTime="2025-06-01T00:00:00"), DELETED]).outcome.result
    assert result.ended == datetime(2025, 6, 1, tzinfo=UTC)


@pytest.mark.parametrize("code", ["0", 1.5, None, {}])
def test_an_exit_code_that_is_no_integer_is_none(code):
    assert fed(commanded(), [viewed("Succeeded", exitCode=code), DELETED]).outcome.result.exit_code is None


def test_just_after_the_put_the_command_may_be_unknown():
    assert fed(commanded(), [*[answer(404)] * 5, viewed("Succeeded"), DELETED]).outcome.status == "Succeeded"


def test_a_command_that_stays_unknown_is_told():
    with pytest.raises(StatusUnreadable):
        fed(commanded(), [answer(404)] * 6)


def test_a_provisioned_command_may_lack_its_view_five_times():
    state = fed(commanded(), [*[viewed()] * 5, viewed("Succeeded"), DELETED])
    assert state.outcome.status == "Succeeded"


@pytest.mark.parametrize(
    "unreadable",
    [viewed(), answer(200, b"<html>"), answer(200, []), answer(204), answer(200, {}), answer(200, {"properties": 5})],
    ids=["no-view", "html", "list", "empty", "no-properties", "odd-properties"],
)
def test_six_answers_without_a_state_break_the_protocol(unreadable):
    with pytest.raises(ProtocolError) as caught:
        fed(commanded(), [unreadable] * 6)
    assert caught.value.vm == VM


@pytest.mark.parametrize("status", [408, 429, 500, 503])
def test_a_passing_trouble_is_waited_out(status):
    assert fed(commanded(), [*[answer(status)] * 9, viewed("Succeeded"), DELETED]).outcome.status == "Succeeded"


def test_a_lost_answer_is_waited_out():
    assert commanded().missed(LOST, at(3)).due(at(99)) == READ


@pytest.mark.parametrize("status", [400, 401, 403, 409])
def test_another_error_status_is_told_at_once_and_the_state_stays(status):
    state = commanded()
    with pytest.raises(StatusUnreadable):
        state.receive(answer(status), at(9))
    assert state.again(at(9)).due(at(9)) == READ


def test_the_first_retry_after_holds_for_the_first_read():
    state = commanded(answer(201, resource("Creating"), {"retry-after": "9"}))
    assert state.due(at(8.9)) == Wait(9.0)


@pytest.mark.parametrize("word", ["Failed", "Canceled", "cancelled"])
def test_of_a_command_that_failed_itself_arms_operation_is_asked_why(word):
    assert fed(commanded(), [viewed(provisioning=word)]).due(at(60)) == ASK


def asked(*answers):
    """Return the state of a command that failed itself, after what ARM's operation answered."""
    return fed(commanded(), [viewed(provisioning="Failed"), *answers])


def test_the_reason_that_arms_operation_gives_is_the_failures():
    failed = says("Failed", error={"code": "VMNotRunning", "message": "it is off"})
    outcome = asked(says("InProgress"), answer(503), failed, DELETED).outcome
    error = outcome.error(commanded().about)
    assert (type(error), error.code, error.message) == (OperationFailed, "VMNotRunning", "it is off")


def test_the_reason_is_waited_for():
    assert isinstance(asked(says("InProgress")).due(NOW), Wait)


def test_a_lost_answer_to_the_question_is_waited_out():
    assert asked().missed(LOST, at(5)).due(at(60)) == ASK


def test_an_operation_that_contradicts_the_resource_leads_back_to_the_resource():
    """Its word stands then: it is not asked a second time."""
    state = asked(says("Succeeded"))
    assert state.due(at(60)) == READ
    assert fed(state, [viewed(provisioning="Failed"), DELETED]).outcome.fault.code == "RunCommandFailed"


@pytest.mark.parametrize(
    ("word", "kind"), [("Failed", OperationFailed), ("Canceled", OperationCanceled), ("Cancelled", OperationCanceled)]
)
def test_without_an_operation_to_ask_the_views_own_message_is_the_reason(word, kind):
    failed = viewed(provisioning=word, executionMessage="no agent")
    outcome = fed(commanded(UNTRACKED), [failed, DELETED]).outcome
    error = outcome.error(commanded().about)
    assert (type(error), error.message) == (kind, "no agent")


def test_a_script_that_ended_is_deleted_before_its_result_is_told():
    state = fed(commanded(), [viewed("Succeeded")])
    assert (state.outcome, state.due(at(60))) == (None, DELETE)


def test_a_command_that_failed_itself_is_deleted_too():
    assert asked(says("Failed")).due(at(60)) == DELETE


@pytest.mark.parametrize("status", [200, 202, 204, 404])
def test_what_is_gone_or_going_is_deleted(status):
    state = fed(commanded(), [viewed("Succeeded"), answer(status)])
    assert (state.outcome.status, state.warning) == ("Succeeded", None)


def test_a_command_to_keep_is_not_deleted():
    assert fed(commanded(keep=True), [viewed("Succeeded")]).outcome.status == "Succeeded"


@pytest.mark.parametrize("failing", [answer(503), answer(429), answer(403), answer(409), answer(302)])
def test_five_deletes_that_fail_leave_the_result_and_a_warning(failing):
    state = fed(commanded(), [viewed("Succeeded", exitCode=0), *[failing] * 4])
    assert state.outcome is None
    state = fed(state, [failing])
    assert state.outcome.result.exit_code == 0
    assert "could not be deleted" in state.warning


def test_deletes_that_are_lost_count_too():
    state = fed(commanded(), [viewed("Succeeded")])
    for second in range(5):
        state = state.missed(LOST, at(60 + second))
    assert (state.outcome.status, bool(state.warning)) == ("Succeeded", True)


def test_a_failure_survives_a_delete_that_fails():
    state = asked(says("Failed", error={"code": "X"}), *[answer(503)] * 5)
    assert (state.outcome.fault.code, bool(state.warning)) == ("X", True)


def test_a_delete_that_fails_is_tried_again_later():
    state = fed(commanded(), [viewed("Succeeded")]).receive(answer(503), at(60))
    assert isinstance(state.due(at(60)), Wait)
    assert state.due(at(99)) == DELETE


def test_the_warning_names_the_command_without_its_query():
    state = fed(commanded(), [viewed("Succeeded"), *[answer(503)] * 5])
    assert COMMAND_URL.partition("?")[0] in state.warning
    assert "?" not in state.warning


@pytest.mark.parametrize("late", [DELETED, answer(500)])
def test_an_answer_after_the_end_breaks_the_protocol(late):
    with pytest.raises(ProtocolError, match="has ended"):
        fed(commanded(), [viewed("Succeeded"), DELETED]).receive(late, at(60))


def test_a_lost_answer_after_the_end_breaks_the_protocol():
    with pytest.raises(ProtocolError, match="has ended"):
        fed(commanded(), [viewed("Succeeded"), DELETED]).missed(LOST, at(60))


def test_a_script_is_complete_when_it_is_all_over():
    state = fed(commanded(), [viewed("Succeeded")])
    assert (state.percent_complete, fed(state, [DELETED]).percent_complete) == (None, 100.0)


STAGES = {
    "begun": commanded(),
    "running": fed(commanded(), [viewed("Running")]),
    "asking": fed(commanded(), [viewed(provisioning="Failed")]),
    "deleting": fed(commanded(), [viewed("Succeeded", output="secret")]),
    "ended": fed(commanded(), [viewed("Succeeded", output="secret"), DELETED]),
    "untracked": commanded(UNTRACKED),
}


def resumed(state):
    """Return a state as another process takes it up."""
    return tokens.load(tokens.dump(state), ENDPOINT, at(1000))


@pytest.mark.parametrize("state", STAGES.values(), ids=STAGES)
def test_a_token_leads_back_to_the_result_from_each_stage(state):
    assert resumed(state).due(at(1000)) == READ
    again = fed(resumed(state), [viewed("Failed", exitCode=2), DELETED])
    assert again.outcome.result.exit_code == 2


@pytest.mark.parametrize("state", STAGES.values(), ids=STAGES)
def test_a_token_holds_no_output(state):
    assert "secret" not in tokens.dump(state)


def test_a_resumed_command_can_still_ask_why_it_failed():
    assert fed(resumed(commanded()), [viewed(provisioning="Failed")]).due(at(2000)) == ASK


@pytest.mark.parametrize("keep", [True, False])
def test_a_token_remembers_whether_to_keep(keep):
    state = fed(resumed(commanded(keep=keep)), [viewed("Succeeded")])
    assert (state.due(at(2000)) == DELETE) is not keep


@pytest.mark.parametrize(
    "path",
    [
        VM,
        f"{VM}/runCommands/theirs",
        f"{VM}/runCommands/xazvm-1",
        f"{VM}/runCommands/azvm",
        f"{VM}/runCommands/azvm-1/",
        f"{VM}/extensions/azvm-1",
        VM.replace("vm1", "azvm-1"),
        f"{VM}?x=/runCommands/azvm-1",
    ],
)
def test_a_token_never_deletes_what_is_not_ours(path):
    """Whoever changed a token must not delete a VM with it."""
    token = {**json.loads(tokens.dump(commanded())), "url": ENDPOINT + path, "keep": False}
    state = fed(tokens.load(token, ENDPOINT, NOW), [viewed("Succeeded")])
    assert state.outcome.status == "Succeeded"


def test_a_bare_url_is_read_but_not_deleted():
    state = fed(run_command.bare(commanded().about, COMMAND_URL, NOW), [viewed("Succeeded")])
    assert state.outcome.status == "Succeeded"


def test_a_tracking_url_is_the_views():
    assert commanded().tracking_url == VIEW_URL


def test_a_command_that_points_elsewhere_breaks_the_protocol():
    with pytest.raises(ProtocolError):
        commanded(answer(201, headers={"azure-asyncoperation": "https://elsewhere.example/x"}))


def test_a_failure_without_any_message_says_at_least_where():
    outcome = fed(commanded(UNTRACKED), [viewed(provisioning="Failed"), DELETED]).outcome
    assert isinstance(outcome, Failure)
    assert "provisioned" in outcome.fault.message


def test_canceling_a_script_deletes_its_command():
    assert commanded().cancellation() == DELETE


@pytest.mark.parametrize("path", [VM, f"{VM}/runCommands/theirs", f"{VM}/extensions/{COMMAND}"])
def test_a_command_that_is_not_ours_is_not_deleted_to_cancel_it(path):
    assert run_command.bare(commanded().about, f"{ENDPOINT}{path}?api-version=1", NOW).cancellation() is None


@pytest.mark.parametrize("answers", [[], [viewed("Running")], [viewed(provisioning="Updating")]])
def test_a_script_that_was_canceled_has_ended_so(answers):
    state = fed(commanded(), answers).canceled(NOW)
    assert (state.status, type(state.outcome.error(state.about))) == ("Canceled", OperationCanceled)


def test_a_result_that_was_known_is_not_canceled():
    state = fed(commanded(), [viewed("Failed", exitCode=3)]).canceled(NOW)
    assert (state.outcome.result.exit_code, state.status) == (3, "Succeeded")


def test_a_failure_that_was_known_is_not_canceled():
    state = asked().canceled(NOW)
    assert (state.outcome.status, state.outcome.fault.code) == ("Failed", "RunCommandFailed")


def test_a_cancellation_after_the_end_changes_nothing():
    state = fed(commanded(), [viewed("Succeeded"), DELETED])
    assert state.canceled(NOW) is state
