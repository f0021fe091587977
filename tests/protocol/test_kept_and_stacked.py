"""Deployments of other kinds: what was kept rather than deployed, what was found, and stacks."""

from dataclasses import replace

import pytest

from azvm_async.errors import (
    OperationFailed,
)
from azvm_async.protocol import provision, tokens
from azvm_async.protocol.deployment import Deployed
from azvm_async.protocol.machine import Success
from azvm_async.wire import Request
from protocol.deployments import (
    ANOTHER,
    CORRELATION,
    CREATING_VM,
    DEPLOYMENT,
    DEPLOYMENT_URL,
    LIST,
    PROVISION,
    READ,
    STACK_URL,
    deployment,
    document,
    failure,
    operations,
    provisioned,
)
from protocol.support import ENDPOINT, NOW, VM, answer, at, fed

LATER = at(1e6)


def asked(state):
    """Return what is asked next, however long that takes."""
    return state.due(LATER)


KEPT = {word.lower(): document(word, VM) for word in ("Running", "Deleting", "Failed", "Succeeded")}


@pytest.mark.parametrize("name", KEPT)
def test_what_was_kept_brings_what_an_older_deployment_brought_if_that_succeeded(name: str):
    state = provision.found(PROVISION, DEPLOYMENT_URL, NOW, kept=True).kept_as(KEPT[name])
    brought = Deployed.of(KEPT[name], "") if name == "succeeded" else Deployed("vm1-deployment")
    assert state.outcome == Success(replace(brought, kept=True))


@pytest.mark.parametrize("record", KEPT.values(), ids=KEPT)
def test_what_was_kept_ends_the_same_when_it_is_resumed(record):
    ended = provision.found(PROVISION, DEPLOYMENT_URL, NOW, kept=True).kept_as(record)
    resumed = tokens.load(tokens.dump(ended), ENDPOINT, LATER)
    assert fed(resumed, [answer(200, record)]).outcome == ended.outcome


def test_what_was_kept_without_any_deployment_ends_the_same_when_it_is_resumed():
    ended = provision.found(PROVISION, DEPLOYMENT_URL, NOW, kept=True).kept_as(None)
    assert ended.outcome == Success(Deployed("vm1-deployment", kept=True))
    assert fed(tokens.load(tokens.dump(ended), ENDPOINT, LATER), [answer(404)]).outcome == ended.outcome


def test_a_deployment_that_is_found_is_read_at_once():
    assert provision.found(PROVISION, DEPLOYMENT_URL, NOW).due(NOW) == READ


def test_a_deployment_that_was_found_by_its_correlation_id_is_told_from_others():
    state = provision.found(PROVISION, DEPLOYMENT_URL, NOW, correlation_id=CORRELATION)
    assert fed(state, [deployment("Succeeded", correlation=ANOTHER)]).outcome is None


def ended(state):
    """Return the error that a state ended with."""
    return state.outcome.error(PROVISION)


def stack(word, **more):
    """Return the answer to a read of a deployment stack."""
    return answer(200, {"id": "x", "name": "vm1-deployment", "properties": {"provisioningState": word, **more}})


def stacked(first=None):
    return provisioned(stack("creating") if first is None else first, STACK_URL)


def test_a_stack_is_read_until_it_names_its_deployment():
    assert asked(stacked()) == Request("GET", STACK_URL)
    assert asked(fed(stacked(), [stack("deploying", deploymentId=DEPLOYMENT)])) == LIST


@pytest.mark.parametrize("odd", ["https://elsewhere.example/x", "x", 5, None, "/\ud800"])
def test_a_stack_that_names_no_deployment_is_followed_without(odd):
    assert asked(stacked(stack("deploying", deploymentId=odd))) == Request("GET", STACK_URL)


def test_a_stack_ends_without_a_list_where_it_named_none():
    resources = [{"id": VM, "status": "managed"}]
    assert fed(stacked(), [stack("succeeded", resources=resources)]).outcome.result.resources == (VM,)


def test_a_stack_that_failed_tells_the_causes_of_its_deployment():
    state = fed(stacked(), [stack("deploying", deploymentId=DEPLOYMENT), CREATING_VM, *[CREATING_VM] * 3])
    assert asked(state) == Request("GET", STACK_URL)
    error = ended(fed(state, [stack("failed"), operations(failure(VM, "X", "x"))]))
    assert isinstance(error, OperationFailed)
    assert error.code == "X"


def test_a_stacks_correlation_id_may_change():
    """A stack goes through several requests of its own."""
    state = fed(stacked(stack("creating", correlationId=CORRELATION)), [stack("succeeded", correlationId=ANOTHER)])
    assert state.outcome.status == "Succeeded"


def test_a_stack_cannot_be_canceled():
    assert stacked().cancellation() is None
