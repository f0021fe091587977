"""The removal from its survey to its report, and when it is taken up again."""

import json

import pytest

from azvm_async.errors import (
    DeprovisionIncomplete,
    InvalidRequest,
    OwnershipUnknown,
    ProtocolError,
    StatusUnreadable,
    TransportError,
)
from azvm_async.protocol import deprovision, tokens
from azvm_async.protocol.deprovision import Deprovisioned
from azvm_async.protocol.machine import Success, Wait
from azvm_async.protocol.patience import UNREADABLE_IN_A_ROW
from azvm_async.protocol.plan import DeprovisionPlan
from protocol.group import (
    BEFORE,
    DISK,
    LOCK,
    NESTED,
    NET,
    NIC,
    ROOT,
    ROOT_URL,
    SINCE,
    SUBNET,
    Group,
    Record,
    Thing,
    driven,
    ended,
    refusal,
    removal,
    usual,
)
from protocol.support import ENDPOINT, GROUP, NOW, VM, answer, at, fed

LOST = TransportError("lost", maybe_applied=True)
FORBIDDEN = (403, "AuthorizationFailed")


def deleted_in(group):
    """Return what was accepted for deletion, in order."""
    return [key.rpartition("/")[2] for method, key in group.accepted if method == "DELETE"]


def until(group, wanted, machine=None):
    """Return a removal right before the first request that a test names."""
    machine, now = machine or removal(), 0.0
    while isinstance(step := machine.due(at(now)), Wait) or not wanted(step):
        if isinstance(step, Wait):
            now = step.until
        else:
            machine = machine.receive(group.answer(step), at(now))
    return machine


def deletes(name):
    return lambda request: request.method == "DELETE" and f"/{name}?" in request.url


def resumed(machine):
    return tokens.load(tokens.dump(machine), ENDPOINT, NOW)


def test_all_of_ours_goes():
    group = usual()
    assert ended(group).status == "Succeeded"
    assert (group.things, group.records) == ({}, {})


def test_vm_goes_first_and_the_record_last():
    group = usual()
    ended(group)
    assert (deleted_in(group)[0], deleted_in(group)[-1]) == ("vm1", "vm1-deployment")


def test_nothing_is_asked_for_before_its_turn():
    group = usual(VM={"polls": 5})
    until(group, deletes("nic"))
    assert VM.lower() not in group.things


def test_report_names_what_is_gone_in_order_then_the_children():
    assert ended(usual()).result.deleted == (VM, NIC, DISK, NET, ROOT, SUBNET)


def test_older_is_not_touched_and_reported():
    group = usual(NET={"created": BEFORE})
    report = ended(group).result
    assert ([each.id for each in report.left], NET.lower() in group.things) == ([NET, SUBNET], True)


def test_absent_is_reported():
    group = usual()
    del group.things[NIC.lower()]
    assert ended(group).result.absent == (NIC,)


def test_what_is_not_there_is_removed_already():
    assert ended(Group([], [])) == Success(Deprovisioned())


@pytest.mark.parametrize(("only_plan", "nothing"), [(True, DeprovisionPlan()), (False, Deprovisioned())])
def test_removal_of_nothing_has_ended(only_plan, nothing):
    about = removal().about
    state = deprovision.begin(about, ROOT_URL, None, NOW, assume_owned=False, only_plan=only_plan)
    assert state.outcome == Success(nothing)


def test_plan_changes_nothing():
    group = usual()
    group.records[ROOT.lower()].state = "Running"
    shown = ended(group, only_plan=True).result
    assert (shown.delete, shown.left, {each.method for each in group.asked}) == (
        (VM, NIC, DISK, NET, ROOT),
        (),
        {"GET"},
    )


def test_plan_of_what_is_not_there_is_empty():
    assert ended(Group([], []), only_plan=True) == Success(DeprovisionPlan())


@pytest.mark.parametrize("only_plan", [True, False])
def test_deployment_without_the_tag_is_refused(only_plan):
    group = usual()
    group.records[ROOT.lower()].tags = {}
    with pytest.raises(OwnershipUnknown, match="vm1-deployment"):
        ended(group, only_plan=only_plan)
    assert group.accepted == []


def test_caller_may_say_that_all_is_owned():
    group = usual(NET={"created": BEFORE})
    group.records[ROOT.lower()].tags = {}
    ended(group, assume_owned=True)
    assert group.things == {}


def test_running_deployment_is_canceled_before_anything_goes():
    group = usual()
    group.records[ROOT.lower()].state = "Running"
    ended(group)
    methods = [each.method for each in group.asked]
    assert methods.index("POST") < methods.index("PATCH")


def test_running_deployment_is_read_again_at_a_pace():
    machine = removal().receive(answer(200, {"properties": {"provisioningState": "Running"}}), NOW)
    machine = machine.receive(answer(409), NOW)
    for _ in range(2):
        machine = machine.receive(answer(200, {"properties": {"provisioningState": "Running"}}), NOW)
    assert isinstance(machine.due(NOW), Wait)


def test_nested_deployments_go_too():
    group = Group([Thing(NIC)], [Record(ROOT, (NESTED,)), Record(NESTED, (NIC,), tags={})])
    ended(group)
    assert deleted_in(group) == ["nic", "inner", "vm1-deployment"]


def test_what_holds_a_resource_for_a_while_is_waited_for():
    group = usual(NIC={"refusals": [(409, "NicReservedForAnotherVm")] * 3})
    assert ended(group).status == "Succeeded"


def incomplete(**changes):
    """Return how the removal of the usual group ends after these changes, and the group."""
    group = usual(**changes)
    return ended(group), group


def test_what_can_not_be_deleted_fails_the_removal_and_keeps_the_record():
    outcome, group = incomplete(NET={"stuck": FORBIDDEN})
    error = outcome.error(removal().about)
    assert isinstance(error, DeprovisionIncomplete)
    assert (error.code, "net: AuthorizationFailed" in error.message) == ("DeprovisionIncomplete", True)
    assert group.records.keys() == {ROOT.lower()}


def test_report_of_a_failure_tells_both_sides():
    outcome, _ = incomplete(NET={"stuck": FORBIDDEN})
    assert (outcome.report.deleted, [each.id for each in outcome.report.left]) == ((VM, NIC, DISK), [NET])
    assert [each["target"] for each in outcome.fault.details] == [NET]


def test_what_is_held_by_what_is_left_is_not_asked_for():
    outcome, group = incomplete(NIC={"stuck": FORBIDDEN})
    assert not [each for each in group.asked if each.method == "DELETE" and "virtualNetworks" in each.url]
    assert {each.id: each.reason for each in outcome.report.left}[NET] == "InUse: nic needs it, and is left"


def test_disks_stay_with_a_vm_that_stays():
    outcome, group = incomplete(VM={"stuck": FORBIDDEN})
    assert (DISK.lower() in group.things, DISK in {each.id for each in outcome.report.left}) == (True, True)


def test_what_holds_for_ever_is_given_up_after_ten_minutes():
    group = usual(NET={"stuck": (409, "InUse")})
    machine, now = driven(removal(), group)
    assert (machine.outcome.status, 600 <= now < 700) == ("Failed", True)


def test_others_go_on_while_one_is_held():
    _, group = incomplete(NIC={"stuck": (409, "InUse")})
    assert DISK.lower() not in group.things


def test_record_that_can_not_be_deleted_is_told():
    group = Group([], [Record(ROOT)])
    machine = until(group, deletes("vm1-deployment"))
    outcome = machine.receive(answer(403, {"error": {"code": "AuthorizationFailed"}}), NOW).outcome
    assert [each.id for each in outcome.report.left] == [ROOT]


def test_our_lock_goes_before_what_it_locks():
    lock = f"{NIC}/{LOCK}"
    group = usual()
    group.things[lock.lower()] = Thing(lock, told="document")
    group.records[ROOT.lower()].names += (lock,)
    assert (ended(group).status, deleted_in(group)[0]) == ("Succeeded", "keep")


def test_lock_of_others_leaves_what_it_locks_at_once():
    lock = f"{NET}/{LOCK}"
    group = usual()
    group.things[lock.lower()] = Thing(lock)
    machine, now = driven(removal(), group)
    assert (machine.outcome.report.left[0].reason.partition(":")[0], now < 60) == ("ScopeLocked", True)


def test_disk_goes_with_the_vm_though_nobody_lives_to_delete_it():
    group = usual()
    until(group, lambda _: VM.lower() not in group.things)
    assert DISK.lower() not in group.things


def test_removal_that_was_killed_finds_its_plan_again():
    group = usual()
    machine = resumed(until(group, deletes("net")))
    assert machine.due(NOW).url == ROOT_URL
    assert driven(machine, group)[0].outcome.result.deleted == (NET, ROOT, SUBNET)


def test_token_keeps_the_callers_word():
    group = usual(NET={"created": BEFORE})
    driven(resumed(removal(assume_owned=True)), group)
    assert group.things == {}


def test_token_of_a_plan_stays_one():
    group = usual()
    driven(resumed(removal(only_plan=True)), group)
    assert group.accepted == []


def test_token_names_nothing_to_delete():
    token = tokens.dump(until(usual(), deletes("net")))
    assert not {name for name in ("net", "nic", "disks") if f"/{name}" in token}


@pytest.mark.parametrize("path", [VM, GROUP, f"{ROOT}/operations", NIC, ""])
def test_token_of_anything_but_a_deployment_is_refused(path):
    token = {**json.loads(tokens.dump(removal(assume_owned=True))), "url": f"{ENDPOINT}{path}?api-version=2024-03-01"}
    with pytest.raises(InvalidRequest):
        tokens.load(token, ENDPOINT, NOW)


def test_token_of_a_stack_is_taken():
    stack = ROOT.replace("deployments/", "deploymentStacks/")
    token = {**json.loads(tokens.dump(removal())), "url": f"{ENDPOINT}{stack}?api-version=2024-03-01"}
    assert tokens.load(token, ENDPOINT, NOW).survey.of_stack


@pytest.mark.parametrize(
    "broken", [{"assume_owned": 1}, {"only_plan": None}, {"polls": -1}, {"url": "https://elsewhere.example/x"}], ids=str
)
def test_damaged_token_is_refused(broken):
    with pytest.raises(InvalidRequest):
        tokens.load({**json.loads(tokens.dump(removal())), **broken}, ENDPOINT, NOW)


@pytest.mark.parametrize("trouble", [answer(429), answer(503), None, answer(200, b"<html>"), answer(200, [])])
def test_survey_bears_trouble(trouble):
    state = removal().missed(LOST, NOW) if trouble is None else removal().receive(trouble, NOW)
    step = state.due(NOW)
    assert (state.outcome, isinstance(step, Wait), state.due(at(60)).url) == (None, True, ROOT_URL)


@pytest.mark.parametrize("status", [401, 403, 409])
def test_survey_that_is_refused_says_so_and_stays_whole(status):
    state = removal()
    with pytest.raises(StatusUnreadable):
        state.receive(answer(status), NOW)
    assert driven(state.again(NOW), usual())[0].outcome.status == "Succeeded"


def test_refused_cancellation_is_no_trouble():
    running = answer(200, {"id": ROOT, "properties": {"provisioningState": "Running"}})
    state = removal().receive(running, NOW).receive(answer(409), NOW)
    assert state.due(NOW).method == "GET"


def test_page_on_another_host_is_not_followed():
    machine = until(usual(), lambda request: "/resources?" in request.url)
    with pytest.raises(ProtocolError):
        machine.receive(answer(200, {"value": [], "nextLink": "https://elsewhere.example/x"}), NOW)


def test_progress_tells_each():
    machine = until(usual(), deletes("net"))
    assert [(each.name, each.state) for each in machine.progress] == [
        ("vm1", "Deleted"),
        ("nic", "Deleted"),
        ("os", "Deleted"),
        ("net", "Waiting"),
    ]
    assert (machine.status, machine.percent_complete) == ("Deleting", 75.0)


def test_percent_is_unknown_while_it_surveys_and_whole_at_the_end():
    machine, _ = driven(removal(), usual())
    assert (removal().percent_complete, machine.percent_complete) == (None, 100.0)


def test_it_is_tracked_by_the_deployment_and_can_not_be_canceled():
    assert (removal().tracking_url, removal().cancellation(), removal().canceled(NOW)) == (ROOT_URL, None, removal())


def test_waiting_deletions_are_due_again_after_trouble():
    group = usual(VM={"polls": 9})
    machine = until(group, deletes("vm1"))
    machine = machine.receive(answer(503, headers={"retry-after": "500"}), NOW)
    assert machine.again(at(1)).due(at(1)).method == "DELETE"


def test_two_vms_are_deleted_side_by_side():
    other = f"{VM}-2"
    group = Group([Thing(VM, polls=5), Thing(other, polls=5)], [Record(ROOT, (VM, other))])
    driven(removal(), group)
    kinds = [(each.method, "running" in each.url) for each in group.asked]
    first = kinds.index(("DELETE", False))
    assert kinds[first : first + 2] == [("DELETE", False)] * 2


def test_ended_removal_takes_no_answer():
    machine, _ = driven(removal(), usual())
    for late in (lambda: machine.receive(answer(200), NOW), lambda: machine.missed(LOST, NOW)):
        with pytest.raises(ProtocolError):
            late()


def test_stack_goes_in_one_request_with_what_it_manages():
    stack = ROOT.replace("deployments/", "deploymentStacks/")
    url = ROOT_URL.replace("deployments/", "deploymentStacks/")
    managed = {"id": stack, "properties": {"provisioningState": "succeeded", "resources": [{"id": VM}]}}
    state = deprovision.begin(removal().about, url, {}, NOW, assume_owned=True, only_plan=False)
    state = fed(state, [answer(200, managed), answer(200, {"value": [{"id": VM, "createdTime": SINCE}]})])
    state = fed(state, [answer(200, {"resourceTypes": []})])
    assert state.due(NOW).method == "DELETE"
    assert fed(state, [answer(204), refusal(404, "DeploymentStackNotFound")]).outcome.result.deleted == (stack, VM)


def test_pages_that_go_round_in_circles_are_not_followed_for_ever():
    state = removal(assume_owned=True).receive(
        answer(200, {"id": ROOT, "properties": {"provisioningState": "Succeeded"}}), NOW
    )
    circle = answer(200, {"value": [], "nextLink": state.due(NOW).url})
    for _ in range(UNREADABLE_IN_A_ROW):
        state = state.receive(circle, NOW)
    with pytest.raises(ProtocolError):
        state.receive(circle, NOW)


def test_operations_that_are_not_found_are_not_taken_for_none():
    state = removal(assume_owned=True).receive(
        answer(200, {"id": ROOT, "properties": {"provisioningState": "Succeeded"}}), NOW
    )
    asked = state.due(NOW).url
    state = state.receive(answer(404), NOW)
    assert state.again(NOW).due(NOW).url == asked
