"""Calls that begin something and calls that wait, by the contract's table."""

import json
import logging
from typing import Any

import pytest
from client.scripted import ACCEPTED, FAILED, FORBIDDEN, RUNNING, STATUS_URL, SUCCEEDED

from azvm_async.emulator import Emulator, faults
from azvm_async.errors import Conflict, OutcomeUnknown
from azvm_async.facade import Status, VMFacade
from azvm_async.facade.answers import told
from azvm_async.wire import Response
from facade.conftest import Make
from facade.support import CONFIG, VM, NoToken, ScriptedFacade, TimedFacade

BEGINNING = ["deallocate_host", "start_host", "stop_host", "restart_host", "shutdown", "reboot"]
WAITING = ["wait_host_operation", "wait_os_operation", "wait_remote_exec_operation", "get_remote_exec_results"]
POWER = {
    "deallocate_host": "deallocated",
    "start_host": "running",
    "stop_host": "stopped",
    "restart_host": "running",
    "shutdown": "stopped",
    "reboot": "running",
}


def waited(facade: VMFacade, answer: tuple[Status, dict[str, Any]]) -> Status:
    """Wait for the end of what a call began."""
    assert answer[0] is Status.PENDING
    return facade.wait_host_operation(answer[1])[0]


@pytest.mark.parametrize("call", BEGINNING)
def test_operation_is_done_when_its_wait_ends(facade: TimedFacade, arm: Emulator, call: str):
    status = waited(facade, getattr(facade, call)(VM))
    assert (status, arm.vm("vm1").power_state) == (Status.SUCCEEDED, POWER[call])


@pytest.mark.parametrize("call", BEGINNING)
def test_200_is_success_with_config_and_params(call: str):
    with ScriptedFacade([Response(200)], pollInterval="1") as facade:
        status, answer = getattr(facade, call)(VM)
    assert status is Status.SUCCEEDED
    assert answer == {**CONFIG, "requestBackoffFactor": 0.001, "pollInterval": "1", **VM}


@pytest.mark.parametrize("call", BEGINNING)
def test_202_is_pending_with_the_url_to_follow(call: str):
    with ScriptedFacade([ACCEPTED]) as facade:
        status, answer = getattr(facade, call)(VM)
    assert (status, answer["asyncResultsUrl"], answer["vmName"]) == (Status.PENDING, STATUS_URL, "vm1")


def test_retry_after_is_told_as_poll_interval():
    with ScriptedFacade([Response(202, {**ACCEPTED.headers, "retry-after": "17"})]) as facade:
        assert facade.start_host(VM)[1]["pollInterval"] == 17.0


@pytest.mark.parametrize("call", BEGINNING)
@pytest.mark.parametrize("status", [401, 403, 404, 409])
def test_error_status_is_a_failure_with_azures_text(call: str, status: int):
    with ScriptedFacade([Response.with_json(status, {"error": {"code": "Sorry", "message": "Not today."}})]) as facade:
        answered, answer = getattr(facade, call)(VM)
    assert (answered, answer["error"]["code"], answer["error"]["httpStatus"]) == (Status.FAILED, "Sorry", status)
    assert "Not today" in answer["error"]["message"]


@pytest.mark.parametrize("call", [*BEGINNING, "provision_host", "deprovision_host"])
def test_missing_name_of_the_vm_is_a_value_error(call: str):
    with ScriptedFacade([]) as facade, pytest.raises(ValueError, match="vmName"):
        getattr(facade, call)({"other": 1})


@pytest.mark.parametrize("key", CONFIG)
def test_missing_setting_is_a_value_error(key: str):
    with pytest.raises(ValueError, match=key):
        VMFacade({name: value for name, value in CONFIG.items() if name != key})


@pytest.mark.parametrize("call", WAITING)
def test_wait_without_a_url_is_pending_and_empty(call: str):
    with ScriptedFacade([]) as facade:
        assert getattr(facade, call)({**VM}) == (Status.PENDING, {})


def test_answer_is_json(facade: TimedFacade):
    _, answer = facade.start_host(VM)
    assert json.loads(json.dumps(answer)) == answer


def test_callers_dict_is_not_changed(facade: TimedFacade):
    params = {**VM}
    facade.wait_host_operation(facade.start_host(params)[1])
    assert params == VM


def test_what_is_no_json_is_not_handed_back(facade: TimedFacade):
    assert "thing" not in facade.start_host({**VM, "thing": object()})[1]


def test_older_operations_handle_is_not_handed_on():
    with ScriptedFacade([Response(200)]) as facade:
        assert "asyncResultsUrl" not in facade.start_host({**VM, "asyncResultsUrl": "https://old"})[1]


@pytest.mark.parametrize("keys", [{"asyncResultsUrl"}, {"asyncResultsUrl", "asyncResultsToken"}])
def test_another_facade_can_wait(facade: TimedFacade, make: Make, arm: Emulator, keys: set[str]):
    _, answer = facade.deallocate_host(VM)
    facade.close()
    status, _ = make().wait_host_operation(json.loads(json.dumps({key: answer[key] for key in keys})))
    assert (status, arm.vm("vm1").power_state) == (Status.SUCCEEDED, "deallocated")


@pytest.mark.parametrize("call", [*WAITING, "wait_host_deployment"])
def test_url_of_another_host_is_refused_and_nothing_is_sent(call: str):
    more = {"is_setup": True} if call == "wait_host_deployment" else {}
    with ScriptedFacade([ACCEPTED]) as facade:
        _, begun = facade.start_host(VM)
        status, answer = getattr(facade, call)({**begun, "asyncResultsUrl": "https://evil.example/1"}, **more)
        assert (status, "error" in answer, len(facade.sent)) == (Status.FAILED, True, 1)


@pytest.mark.parametrize("url", ["https://evil.example/1", "no url", 7])
def test_removal_follows_no_other_host(url: object):
    with ScriptedFacade([]) as facade:
        status, _ = facade.wait_host_deployment({"asyncResultsUrl": url, **VM}, is_setup=False)
        assert (status, facade.sent) == (Status.FAILED, [])


def test_wait_times_out_after_poll_timeout(make: Make, arm: Emulator, clock):
    arm.inject(faults.Endless(), method="POST")
    facade = make(pollTimeout="1000")
    _, begun = facade.start_host(VM)
    before = clock.monotonic()
    status, late = facade.wait_host_operation(begun)
    assert clock.monotonic() - before >= 1000  # virtual time runs on until this thread has its turn
    assert (status, "within 1000 s" in late["error"]["message"]) == (Status.TIMED_OUT, True)


def test_time_out_gives_the_handle_back(make: Make, arm: Emulator):
    facade = make(pollTimeout=5)
    _, late = facade.wait_host_operation(facade.deallocate_host(VM)[1])
    status, _ = make().wait_host_operation(late)
    assert (status, arm.vm("vm1").power_state) == (Status.SUCCEEDED, "deallocated")


def test_failed_operation_is_told_in_dict_and_log(caplog: pytest.LogCaptureFixture):
    with ScriptedFacade([ACCEPTED, FAILED]) as facade, caplog.at_level(logging.ERROR):
        status, answer = facade.wait_host_operation(facade.start_host(VM)[1])
    assert (status, answer["error"]["code"]) == (Status.FAILED, "AllocationFailed")
    assert "No room" in caplog.text


def test_canceled_operation_is_canceled():
    with ScriptedFacade([ACCEPTED, Response.with_json(200, {"status": "Canceled"})]) as facade:
        assert facade.wait_host_operation(facade.start_host(VM)[1])[0] is Status.CANCELED


def test_request_id_is_told():
    refused = Response(409, {"x-ms-request-id": "the-id"}, b'{"error": {"code": "Busy", "message": "m"}}')
    with ScriptedFacade([refused]) as facade:
        assert facade.start_host(VM)[1]["error"]["requestId"] == "the-id"


def test_lost_answer_is_told_with_what_azure_said_last():
    lost = OutcomeUnknown("Whether it was done is not known")
    lost.__cause__ = Conflict("In the way", status=409, code="Busy", message="Not now.", request_id="the-id")
    cause = told(lost)["cause"]
    assert (cause["code"], cause["httpStatus"], cause["requestId"]) == ("Busy", 409, "the-id")
    assert "Not now" in cause["message"]


def test_words_of_a_time_out_and_of_closing_are_for_those_who_have_a_dict(caplog: pytest.LogCaptureFixture):
    with ScriptedFacade([ACCEPTED, RUNNING], pollTimeout=0.01) as facade:
        _, answer = facade.wait_host_operation(facade.start_host(VM)[1])
    assert "token" in caplog.text
    assert "outstanding" not in caplog.text
    assert ".operation" not in answer["error"]["message"]


@pytest.mark.parametrize("odd", [RUNNING, Response(202)])
def test_wait_never_ends_as_pending(odd: Response):
    with ScriptedFacade([ACCEPTED, odd], pollTimeout=0.05) as facade:
        assert facade.wait_host_operation(facade.start_host(VM)[1])[0] is Status.TIMED_OUT


def test_credential_without_token_is_a_failure():
    with ScriptedFacade([SUCCEEDED], NoToken()) as facade:
        status, answer = facade.start_host(VM)
    assert (status, answer["error"]["type"]) == (Status.FAILED, "AuthenticationError")


def test_mistake_in_a_name_is_a_failure():
    with ScriptedFacade([]) as facade:
        assert facade.start_host({"vmName": "no such name!"})[0] is Status.FAILED


def test_params_name_another_subscription_and_group(facade: TimedFacade, arm: Emulator):
    other = "00000000-0000-0000-0000-000000000002"
    arm.add_vm("vm1", resource_group="elsewhere", subscription=other)
    waited(facade, facade.start_host({**VM, "subscription": other, "resourceGroup": "elsewhere"}))
    assert arm.vm("vm1", resource_group="elsewhere", subscription=other).power_state == "running"


def test_retries_may_come_with_the_params():
    with ScriptedFacade([Response(503), Response(200)]) as facade:
        assert facade.start_host({**VM, "requestTotalRetries": "0"})[0] is Status.FAILED


def test_stop_by_force_skips_the_shutdown():
    with ScriptedFacade([Response(200)]) as facade:
        facade.stop_host(VM, force=True)
        assert "skipShutdown=true" in facade.sent[0]


def test_restart_by_force_is_power_off_and_start():
    with ScriptedFacade([Response(200)]) as facade:
        status, _ = facade.restart_host(VM, force=True)
        actions = [each.partition("?")[0].rpartition("/")[2] for each in facade.sent]
    assert (status, actions) == (Status.SUCCEEDED, ["powerOff", "start"])
    assert "skipShutdown=true" in facade.sent[0]


def test_forced_restart_starts_nothing_that_could_not_be_stopped():
    with ScriptedFacade([FORBIDDEN]) as facade:
        assert facade.restart_host(VM, force=True)[0] is Status.FAILED
        assert len(facade.sent) == 1
