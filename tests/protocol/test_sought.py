"""What was about to be sent, looked for: what each look brings, and what is never found."""

import json

import pytest

from azvm_async.errors import InvalidRequest, NotAccepted, OutcomeUnknown, ProtocolError, StatusUnreadable
from azvm_async.protocol import tokens
from azvm_async.protocol.intent import Intent
from azvm_async.protocol.machine import About, Success, Wait
from azvm_async.protocol.provision import Provision
from azvm_async.protocol.run_command import RunCommand
from azvm_async.protocol.sought import SEARCHES, Sought
from azvm_async.wire import Request
from protocol.support import (
    COMMAND_URL,
    ENDPOINT,
    GROUP,
    NOW,
    SUBSCRIPTION,
    URL,
    VM,
    all_but_blind,
    answer,
    at,
    fed,
    viewed,
)

NONCE = "0123456789abcdef" * 2
DEPLOYMENT_URL = f"{ENDPOINT}{GROUP}/providers/Microsoft.Resources/deployments/vm1-deployment?api-version=2024-03-01"
ABSENT = answer(404, {"error": {"code": "ResourceNotFound", "message": "No."}})
ABOUTS = {"script": About("run_command", VM), "deployment": About("provision", VM)}


def sought(verb: str, url: str | None = URL, **more) -> Sought:
    token = tokens.intent(About(verb, VM), url, **more)("request-1")
    loaded = tokens.load(token, ENDPOINT, NOW, SUBSCRIPTION)
    assert isinstance(loaded, Sought)
    return loaded


def script(**more) -> Sought:
    return sought("run_command", COMMAND_URL, **more)


def deployment() -> Sought:
    return sought("provision", DEPLOYMENT_URL, nonce=NONCE)


def machine_is(power: str | None, provisioning: str = "succeeded"):
    codes = [f"ProvisioningState/{provisioning}", *([f"PowerState/{power}"] if power else [])]
    return answer(200, {"id": VM, "properties": {"instanceView": {"statuses": [{"code": code} for code in codes]}}})


def marked(nonce: str):
    tags = Intent(nonce, "0" * 64).tags(NOW.utc)
    return answer(200, {"tags": tags, "properties": {"provisioningState": "Running", "correlationId": "c"}})


def error_of(state: Sought):
    assert state.outcome is not None
    return state.outcome.error(state.about)


@pytest.mark.parametrize(
    ("state", "url"), [(script(), COMMAND_URL), (deployment(), DEPLOYMENT_URL), (sought("start"), URL)], ids=str
)
def test_it_is_looked_for_at_once(state: Sought, url: str):
    assert state.due(NOW) == Request("GET", url)


@pytest.mark.parametrize("keep", [False, True])
def test_script_that_is_there_is_followed(keep: bool):
    found = fed(script(keep=keep), [viewed("Running")])
    assert (type(found), found.url, found.keep, found.outcome) == (RunCommand, COMMAND_URL, keep, None)


def test_deployment_with_the_nonce_is_followed():
    found = fed(deployment(), [marked(NONCE)])
    assert (type(found), found.correlation_id, found.outcome) == (Provision, "c", None)


@pytest.mark.parametrize("other", [marked("f" * 32), answer(200, {"properties": {}}), answer(200, {})])
def test_deployment_of_somebody_else_is_not_followed(other):
    state = fed(deployment(), [other] * len(SEARCHES))
    assert isinstance(error_of(state), NotAccepted)


@pytest.mark.parametrize("state", [script(), deployment()], ids=["script", "deployment"])
def test_what_stays_away_was_not_accepted(state: Sought):
    for pause in SEARCHES[1:]:
        state = fed(state, [ABSENT])
        assert state.due(at(0)) == Wait(pytest.approx(state.patience.due_at))
        assert state.outcome is None
        assert state.patience.due_at >= pause
    assert type(error_of(fed(state, [ABSENT]))) is NotAccepted


def test_what_is_found_late_is_followed():
    assert isinstance(fed(script(), [ABSENT, ABSENT, viewed("Running")]), RunCommand)


def test_404_of_a_proxy_is_no_absence():
    assert fed(script(), [answer(404, b"<html>")]).looks == 0


@pytest.mark.parametrize(
    ("verb", "power"),
    [("start", "running"), ("stop", "stopped"), ("stop", "deallocated"), ("deallocate", "deallocated")],
)
def test_vm_that_is_as_it_was_to_be_is_a_success(verb: str, power: str):
    assert fed(sought(verb), [machine_is(power)]).outcome == Success()


@pytest.mark.parametrize("moving", [machine_is("starting"), machine_is("deallocated", "updating")])
def test_vm_that_is_on_its_way_is_waited_for(moving):
    state = fed(sought("start"), [moving] * 10)
    assert (state.outcome, state.status) == (None, "InProgress")
    assert fed(state, [machine_is("running")]).outcome == Success()


def test_vm_that_rests_elsewhere_leaves_it_unknown():
    state = fed(sought("start"), [machine_is("deallocated")] * (len(SEARCHES) - 1))
    assert state.outcome is None
    error = error_of(fed(state, [machine_is("deallocated")]))
    assert (type(error), "it is deallocated" in str(error)) == (OutcomeUnknown, True)


def test_vm_that_is_gone_was_deleted():
    assert fed(sought("delete"), [ABSENT]).outcome == Success()


def test_vm_that_stays_leaves_its_deletion_unknown():
    assert type(error_of(fed(sought("delete"), [machine_is("running")] * len(SEARCHES)))) is OutcomeUnknown


def test_vm_that_is_gone_leaves_its_start_unknown():
    assert type(error_of(fed(sought("start"), [ABSENT] * len(SEARCHES)))) is OutcomeUnknown


@pytest.mark.parametrize("verb", ["reboot", "redeploy", "reimage", "simulate_eviction", "reapply", "POST"])
def test_what_no_state_tells_of_is_unknown_and_nothing_is_asked(verb: str):
    state = sought(verb, None)
    error = error_of(state)
    assert (type(error), error.client_request_id, state.due(NOW)) == (OutcomeUnknown, "request-1", state.outcome)


def test_what_can_not_be_read_is_trouble_as_of_any_operation():
    with pytest.raises(StatusUnreadable):
        fed(script(), [answer(403)])


def test_answers_in_vain_are_borne_for_half_an_hour():
    state = all_but_blind(script(), 0.0, answer(503))
    with pytest.raises(StatusUnreadable, match="30 minutes"):
        state.receive(answer(503), at(1801))


@pytest.mark.parametrize("body", [b"<html>", b"", {"nothing": "here"}])
def test_vm_without_a_state_is_unreadable(body):
    with pytest.raises(ProtocolError):
        fed(sought("start"), [answer(200, body)] * 6)


def test_answer_after_the_end_is_refused():
    with pytest.raises(ProtocolError):
        sought("reboot", None).receive(answer(200), NOW)


def test_absence_is_no_trouble():
    assert [script().is_trouble(each) for each in (ABSENT, answer(403))] == [False, True]


@pytest.mark.parametrize("state", [script(keep=True), deployment(), sought("start"), sought("reboot", None)])
def test_token_is_the_same_after_a_round_trip(state: Sought):
    token = tokens.dump(state)
    assert tokens.dump(tokens.load(token, ENDPOINT, NOW)) == token


@pytest.mark.parametrize("url", [URL, f"{ENDPOINT}{VM}/runCommands/theirs", f"{ENDPOINT}{GROUP}"])
def test_what_is_not_ours_to_look_for_is_refused(url: str):
    token = json.loads(tokens.dump(script()))
    with pytest.raises(InvalidRequest):
        tokens.load({**token, "url": url}, ENDPOINT, NOW)


def test_state_of_another_vm_is_refused():
    token = json.loads(tokens.dump(sought("start")))
    with pytest.raises(InvalidRequest):
        tokens.load({**token, "url": URL.replace("vm1", "vm2")}, ENDPOINT, NOW)


@pytest.mark.parametrize("state", [script(), deployment(), sought("start")], ids=["script", "deployment", "start"])
def test_it_only_reads(state: Sought):
    """Until something is found, whatever is answered."""
    for response in (ABSENT, answer(503), machine_is("starting")):
        step = state.due(at(10_000))
        assert not isinstance(step, Request) or step.method == "GET"
        assert state.cancellation() is None
        state = fed(state, [response])
        if not isinstance(state, Sought):
            return
