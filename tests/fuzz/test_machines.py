"""Machines walk through any row of answers, from hand to hand: they end, go on, or raise an error of ours, and stay whole."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from protocol.bulks import ALL, ALL_ACCEPTED, SECOND, error, refused, results, started, told, unheard_of
from protocol.deployments import (
    ACCEPTED,
    CREATED_VM,
    CREATING_VM,
    DEPLOYMENT_URL,
    NIC,
    PROVISION,
    SECOND_PAGE,
    STACK_URL,
    deployment,
    failure,
    operation,
    operations,
    provisioned,
)
from protocol.group import ROOT, Record, usual
from protocol.group import removal as removed
from protocol.support import (
    ABOUT,
    BY_BOTH,
    BY_LOCATION,
    BY_STATUS,
    COMMAND_URL,
    CREATING,
    ENDPOINT,
    NOW,
    STATUS_URL,
    URL,
    VM,
    answer,
    at,
    begun,
    commanded,
    fed,
    resource,
    says,
    viewed,
)

from azvm_async.errors import AzureVMError
from azvm_async.protocol import lro, provision, run_command, tokens
from azvm_async.protocol.lro import FinalState
from azvm_async.protocol.machine import About
from azvm_async.wire import Response
from fuzz.hostile import CHANGES, FUZZ, RESPONSES, changed, encoded, is_ours, is_whole, likely, walked

FAULT = {"code": "AllocationFailed", "message": "No room.", "details": [{"code": "x", "message": "y", "details": []}]}
FIRSTS = likely(
    answer(202, {}, BY_BOTH),
    answer(202, {}, BY_LOCATION),
    answer(201, resource("Creating"), BY_STATUS),
    answer(200, resource("Succeeded")),
    answer(200, resource("Failed", error=FAULT)),
    CREATING,
)
POLLS = likely(
    says("InProgress", percentComplete=20.0),
    says("Succeeded", resourceLocation=URL),
    says("Failed", error=FAULT),
    says("Canceled"),
    answer(200, resource("Updating")),
    answer(200, resource("Failed", error=FAULT)),
    viewed("Running"),
    viewed("Succeeded", exitCode=0, output="o", error="e", startTime="2025-05-31T12:00:00Z"),
    viewed(provisioning="Failed", executionMessage="why"),
)
DEPLOYMENT_ANSWERS = likely(
    ACCEPTED,
    CREATING_VM,
    CREATED_VM,
    operations(operation(NIC, "Running"), failure(VM, "x", '{"error": {"code": "y"}}'), more=SECOND_PAGE),
    deployment("Running", VM, NIC, dependencies=[{"id": VM, "dependsOn": [{"id": NIC}]}]),
    deployment("Succeeded", VM, outputs={"host": {"type": "string", "value": "h"}}, duration="PT1M"),
    deployment("Failed", error={"code": "DeploymentFailed", "message": "m", "details": [FAULT]}),
)
BULK_ANSWERS = likely(
    ALL_ACCEPTED,
    ALL,
    results(told(0, "Succeeded"), told(1, "Failed", **error("AllocationFailed")), unheard_of(2)),
    results(told(0, "Executing"), refused(1), told(2, "Cancelled", completedAt="2025-05-31T12:00:00Z")),
)
HANDS = st.sets(st.integers(0, 25), max_size=3)

VIEWS = likely(
    *[
        answer(200, {"properties": {"instanceView": {"statuses": [{"code": f"PowerState/{power}"}]}}})
        for power in ("running", "starting", "deallocated")
    ],
    answer(404, {"error": {"code": "ResourceNotFound", "message": "No."}}),
)


def intended(verb, url):
    """Return the machine of an intent's token."""
    return tokens.load(tokens.intent(About(verb, VM), url, nonce="0" * 32)("r"), ENDPOINT, NOW)


MACHINES = {
    "status": (begun(), POLLS),
    "result": (begun(first=answer(202, headers=BY_BOTH), wants_result=True), POLLS),
    "location": (begun("DELETE", answer(202, headers=BY_LOCATION), wants_result=True), POLLS),
    "resource": (begun("PUT", answer(201), wants_result=True), POLLS),
    "bare": (lro.bare(ABOUT, STATUS_URL, NOW), POLLS),
    "fetching": (fed(begun(first=answer(202, headers=BY_BOTH), wants_result=True), [says("Succeeded")]), POLLS),
    "command": (commanded(), POLLS),
    "command-asking": (fed(commanded(), [viewed(provisioning="Failed")]), POLLS),
    "command-deleting": (fed(commanded(), [viewed("Succeeded")]), POLLS),
    "command-bare": (run_command.bare(ABOUT, URL, NOW), POLLS),
    "deployment": (provisioned(), DEPLOYMENT_ANSWERS),
    "deployment-closing": (fed(provisioned(), [CREATING_VM, answer(500), deployment("Failed")]), DEPLOYMENT_ANSWERS),
    "deployment-kept": (provision.found(PROVISION, DEPLOYMENT_URL, NOW, kept=True), DEPLOYMENT_ANSWERS),
    "stack": (provisioned(answer(201, {}), STACK_URL), DEPLOYMENT_ANSWERS),
    "bulk": (started(), BULK_ANSWERS),
    "bulk-half": (fed(started(), [results(told(1, "Succeeded"), told(0, "Executing"))]), BULK_ANSWERS),
    "bulk-alone": (started().only(SECOND), BULK_ANSWERS),
    "intent-command": (intended("run_command", COMMAND_URL), POLLS),
    "intent-deployment": (intended("provision", DEPLOYMENT_URL), DEPLOYMENT_ANSWERS),
    "intent-start": (intended("start", URL), VIEWS),
    "intent-delete": (intended("delete", URL), VIEWS),
}


@pytest.mark.parametrize("name", MACHINES)
def test_any_row_of_answers_leaves_a_machine_that_can_go_on(name):
    state, answers = MACHINES[name]

    @FUZZ
    @given(row=st.lists(answers | st.none(), max_size=15), hands=HANDS)
    def walks(row, hands):
        assert is_whole(walked(state, row, hands=hands))

    walks()


BEGINNINGS = {
    "start": (lambda first: begun(first=first), FIRSTS),
    "delete": (lambda first: begun("DELETE", first), FIRSTS),
    "put": (lambda first: begun("PUT", first, wants_result=True), FIRSTS),
    "post-location": (lambda first: begun(first=first, wants_result=True, final_state=FinalState.LOCATION), FIRSTS),
    "post-original": (lambda first: begun(first=first, wants_result=True, final_state=FinalState.ORIGINAL), FIRSTS),
    "command": (commanded, FIRSTS),
    "deployment": (provisioned, DEPLOYMENT_ANSWERS),
    "stack": (lambda first: provisioned(first, STACK_URL), DEPLOYMENT_ANSWERS),
    "bulk": (started, BULK_ANSWERS),
}


@pytest.mark.parametrize("name", BEGINNINGS)
def test_any_first_answer_gives_a_machine_or_an_error_of_ours(name):
    begin, answers = BEGINNINGS[name]

    @FUZZ
    @given(first=answers, later=st.lists(answers, max_size=3))
    def begins(first, later):
        try:
            machine = begin(first)
        except AzureVMError as error:
            is_ours(error)
        else:
            assert is_whole(machine)
            walked(machine, later, hands={0})

    begins()


@pytest.mark.parametrize("name", MACHINES)
def test_a_cancellation_at_any_time_leaves_a_machine_that_can_go_on(name):
    state, answers = MACHINES[name]

    @FUZZ
    @given(before=st.lists(answers, max_size=3), after=st.lists(answers, max_size=3))
    def cancels(before, after):
        machine = walked(state, before)
        request = machine.cancellation()
        if request is not None and machine.outcome is None:
            assert request.method in {"POST", "DELETE"}
            assert is_whole(walked(machine.canceled(at(60)), after))

    cancels()


# Removals: the answers are those of a group that is there, some of them damaged on their way.


def groups():
    """Return a group in which nested deployments, a lock and disks are, for a removal of each kind."""
    group = usual(VM={"polls": 1})
    nested = Record(f"{ROOT.rpartition('/')[0]}/inner", (NIC,))
    group.records[nested.id.lower()] = nested
    group.records[ROOT.lower()].names += (
        nested.id,
        f"{VM}/extensions/e",
        f"{VM}/providers/Microsoft.Authorization/locks/l",
    )
    return group


def answered_by(group, request):
    """Return a group's answer; damage may have led the request to where there is none."""
    try:
        return group.answer(request)
    except (KeyError, IndexError, ValueError):
        return answer(404, {"error": {"code": "ResourceNotFound", "message": "There is no such thing."}})


def tampered(response, changes):
    if not response.body:
        return response
    return Response(response.status, response.headers, encoded(changed(response.json(), changes)))


STEPS = st.lists(st.just("true") | st.just("true") | st.just("true") | CHANGES | RESPONSES | st.none(), max_size=40)


@pytest.mark.parametrize("owned", [False, True], ids=["ours", "assumed"])
@pytest.mark.parametrize("only_plan", [False, True], ids=["removal", "plan"])
def test_any_damage_to_answers_leaves_a_removal_that_can_go_on(owned, only_plan):
    @FUZZ
    @given(steps=STEPS, hands=HANDS)
    def removes(steps, hands):
        group = groups()

        def given_by(step):
            def answered(request):
                if isinstance(step, Response) or step is None:
                    return step
                response = answered_by(group, request)
                return response if step == "true" else tampered(response, step)

            return answered

        machine = removed(assume_owned=owned, only_plan=only_plan)
        assert is_whole(walked(machine, map(given_by, steps), hands=hands))

    removes()
