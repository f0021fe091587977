"""Tokens from hostile or careless hands: refused, and never a way to delete what is not ours."""

import json

import pytest

from azvm_async.errors import InvalidRequest
from azvm_async.protocol import tokens
from protocol.deployments import provisioned
from protocol.support import COMMAND, ENDPOINT, GROUP, NOW, STATUS_URL, VM, begun, commanded, fed, viewed

OPERATION = json.loads(tokens.dump(begun()))
SCRIPT = json.loads(tokens.dump(commanded()))
DEPLOYMENT = json.loads(tokens.dump(provisioned()))


@pytest.mark.parametrize(
    "path",
    [
        f"{VM}?/runCommands/{COMMAND}",
        f"{GROUP.replace('/rg', '/runCommands')}/providers/Microsoft.Compute/virtualMachines/{COMMAND}",
        f"{VM}/runCommands/../../{COMMAND}",
        f"{VM}/runCommands/azvm-short",
        f"{VM}/runCommands/{COMMAND}/x",
    ],
)
def test_token_never_deletes_what_we_did_not_name(path):
    state = tokens.load({**SCRIPT, "url": ENDPOINT + path}, ENDPOINT, NOW)
    assert fed(state, [viewed("Succeeded")]).outcome is not None


def test_token_with_a_fragment_is_refused():
    with pytest.raises(InvalidRequest):
        tokens.load({**SCRIPT, "url": f"{ENDPOINT}{VM}#/runCommands/{COMMAND}"}, ENDPOINT, NOW)


def test_token_of_ours_deletes_what_we_named():
    state = fed(tokens.load(SCRIPT, ENDPOINT, NOW), [viewed("Succeeded")])
    assert state.due(NOW).method == "DELETE"


@pytest.mark.parametrize(
    "broken",
    [
        {"poll_url": None},
        {"poll_url": {}},
        {"polls": float("inf")},
        {"polls": -5},
        {"polls": True},
        {"polls": "3"},
        {"resource": 5},
        {"verb": None},
        {"method": []},
        {"method": "FOO"},
        {"wants_result": "false"},
        {"fetching": "no"},
        {"final_state": 0},
    ],
    ids=str,
)
def test_mistyped_field_of_an_operation_is_refused(broken):
    with pytest.raises(InvalidRequest):
        tokens.load({**OPERATION, **broken}, ENDPOINT, NOW)


@pytest.mark.parametrize("broken", [{"creation": {}}, {"creation": ""}, {"creation": 0}, {"keep": "no"}], ids=str)
def test_mistyped_field_of_a_run_command_is_refused(broken):
    with pytest.raises(InvalidRequest):
        tokens.load({**SCRIPT, **broken}, ENDPOINT, NOW)


@pytest.mark.parametrize("name", sorted(set(DEPLOYMENT) - {"azvm"}))
def test_token_of_a_deployment_without_a_field_is_refused(name):
    with pytest.raises(InvalidRequest):
        tokens.load({key: value for key, value in DEPLOYMENT.items() if key != name}, ENDPOINT, NOW)


@pytest.mark.parametrize(
    "broken", [{"url": None}, {"correlation_id": 5}, {"correlation_id": ""}, {"kept": 1}, {"polls": -1}], ids=str
)
def test_mistyped_field_of_a_deployment_is_refused(broken):
    with pytest.raises(InvalidRequest):
        tokens.load({**DEPLOYMENT, **broken}, ENDPOINT, NOW)


@pytest.mark.parametrize(
    "broken",
    [
        {"url": f"{ENDPOINT}{VM}?api-version=1"},
        {"url": f"{ENDPOINT}{GROUP}/providers/Microsoft.Resources/deployments?api-version=1"},
        {"url": f"{ENDPOINT}{GROUP}/providers/Microsoft.Resources/deployments/x/operations?api-version=1"},
        {"url": f"{ENDPOINT}{VM}?x=/providers/Microsoft.Resources/deployments/x"},
        {"verb": "start"},
    ],
    ids=str,
)
def test_token_of_a_deployment_is_of_nothing_else(broken):
    """Its cancellation is a POST to what the URL names."""
    with pytest.raises(InvalidRequest):
        tokens.load({**DEPLOYMENT, **broken}, ENDPOINT, NOW)


def test_token_that_nests_too_deeply_is_refused():
    deep: dict[str, object] = {}
    for _ in range(20):
        deep = {"a": deep}
    with pytest.raises(InvalidRequest):
        tokens.load({**OPERATION, "x": deep}, ENDPOINT, NOW)


@pytest.mark.parametrize("text", ["", "garbage", "{", "[]", "null"])
def test_text_that_is_no_token_is_refused(text):
    with pytest.raises(InvalidRequest, match=r"neither JSON nor a URL|a str, or the dict"):
        tokens.load(text, ENDPOINT, NOW)


def test_repr_of_a_state_shows_no_signature():
    assert "MIIH" in STATUS_URL
    assert "MIIH" not in repr(begun()) + repr(commanded())
